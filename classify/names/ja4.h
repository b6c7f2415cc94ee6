/* ja4.h - JA4, the fingerprint of a TLS client (FoxIO, technical_details/JA4.md of
 * https://github.com/FoxIO-LLC/ja4; the TLS client part is under the BSD 3-Clause licence). */
#ifndef CLASSIFY_NAMES_JA4_H
#define CLASSIFY_NAMES_JA4_H

#include "classify/names/hello.h"

/* GREASE values of RFC 8701: both bytes equal, low nibbles 0xa. */
static inline bool is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

/* The parts of a ClientHello that JA4 looks at, as they stand on the wire. */
struct ja4_input {
	bool quic;
	uint16_t version;      /* highest of supported_versions, else the legacy version */
	bool sni;              /* the extension is present, whatever it holds */
	struct cur ciphers;    /* two bytes each */
	struct cur extensions; /* type, length and body each */
	struct cur signatures; /* two bytes each; empty: no such extension */
	struct slice alpn;     /* first one offered */
};

#define JA4_LIST_MAX                                                                                         \
	1024 /* ciphers, extensions or signature schemes read; with more there is no fingerprint */

/* out is "" when a list is longer than JA4_LIST_MAX or no memory is left. */
void ja4_write(const struct ja4_input *in, char out[JA4_MAX]);

#endif
