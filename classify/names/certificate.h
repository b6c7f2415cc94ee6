/* certificate.h - what a server's certificate says (RFC 5280), read by OpenSSL from the clear handshake of
 * TLS 1.2 and before.  Valid for the call of sink.cert only. */
#ifndef CLASSIFY_NAMES_CERTIFICATE_H
#define CLASSIFY_NAMES_CERTIFICATE_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CERTIFICATE_SIZE_MAX  16384 /* a longer leaf certificate is not read */
#define CERTIFICATE_NAMES_MAX 64    /* names looked at; more are ignored */

struct certificate {
	uint8_t sha256[32];
	int32_t not_before, not_after; /* days since 1970 */
	bool self_signed;
	char issuer[64];     /* organization, else common name; cut at whole characters */
	char name[HOST_MAX]; /* the first DNS name without a wildcard, else the first with one
	                        ("*.example.net"), else the common name when it is one; "" */
	bool covers;         /* one of its names covers the host asked about */
};

/* Reads one DER certificate; `host` is what the client asked for ("" when it did not say).  0; -1: it is
 * none. */
int certificate_read(const uint8_t *der, size_t n, const char *host, struct certificate *out);

#endif
