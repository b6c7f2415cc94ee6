/* hello.h - what a TLS ClientHello or ServerHello says in clear (RFC 8446 4.1, RFC 6066, RFC 7301), whoever
 * carried it: TCP records or QUIC CRYPTO frames.  Valid for the call of sink.hello only. */
#ifndef CLASSIFY_NAMES_HELLO_H
#define CLASSIFY_NAMES_HELLO_H

#include "base/cursor.h"
#include "base/text.h"
#include "capture/flow.h"

#include <stdbool.h>
#include <stdint.h>

#define HELLO_SIZE_MAX 65536 /* a larger hello is given up as LAYER_BAD */
#define JA4_MAX        40    /* "t13d1516h2_8daaf6152771_02713d6af862" and a NUL */

struct hello {
	bool client; /* false: ServerHello */
	bool quic;
	bool partial; /* the rest was lost: what stands here is right, what is missing may have been there */
	uint16_t legacy_version;
	uint16_t version;   /* client: highest offered without GREASE; server: chosen (supported_versions) */
	char sni[HOST_MAX]; /* normalized; "" when absent or no host name */
	char alpn[32];      /* client: first offered; server: chosen (TLS 1.2 only, 1.3 encrypts it) */
	char alpn_all[128]; /* client: all offered, comma separated, cut at whole names */
	bool ech;           /* client: encrypted_client_hello (0xfe0d) outer extension present */
	bool ech_grease_like; /* present but shaped as GREASE may be: cannot be told apart with certainty */
	bool early_data;
	bool psk;         /* client offers, server accepted: the session is resumed */
	uint16_t group;   /* client: first key share without GREASE; server: chosen */
	uint16_t cipher;  /* server: chosen */
	bool hello_retry; /* server: HelloRetryRequest (RFC 8446 4.1.3) */
	uint8_t random[32];
	uint8_t session_id[32];
	uint8_t session_id_len;
	char ja4[JA4_MAX]; /* client only; "" when partial */
};

/* Reads one handshake message body (without its 4-byte header).  0; -1 when it is not a hello. */
int hello_read_client(struct cur body, bool quic, struct hello *h);
int hello_read_server(struct cur body, struct hello *h);
/* The first bytes of a ClientHello whose end was lost: reads as many whole extensions as there are.  0; -1
 * when not even the part before the extensions is there. */
int hello_read_client_part(struct cur body, bool quic, struct hello *h);
/* The name that IANA gives a supported group ("X25519MLKEM768"), NULL when we know none. */
const char *tls_group_name(uint16_t group);
const char *tls_version_name(uint16_t version); /* "1.3", NULL when unknown */

#endif
