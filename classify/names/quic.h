/* quic.h - the parts of the QUIC layer: versions and keys of Initial packets (quic_crypto.c), and the CRYPTO
 * stream of one side (quic_stream.c). */
#ifndef CLASSIFY_NAMES_QUIC_H
#define CLASSIFY_NAMES_QUIC_H

#include "base/arena.h"
#include "base/cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUIC_SALT_LEN 20
#define QUIC_CID_MAX  20 /* RFC 9000 17.2: longer ones MUST be dropped in these versions */

enum quic_role { QUIC_CLIENT = 0, QUIC_SERVER = 1 };

struct quic_version {
	uint32_t first, last; /* version numbers of one kind */
	const uint8_t *salt;  /* QUIC_SALT_LEN bytes */
	const char *label;    /* of key, iv and hp: "quic" or "quicv2" */
	uint8_t initial;      /* packet type bits of an Initial; the others follow in circle */
};
/* NULL when we cannot open packets of that version. */
const struct quic_version *quic_version_find(uint32_t version);

struct quic_keys {
	uint8_t key[16], iv[12], hp[16];
};
/* Both sides' keys from the connection id that the client made up (RFC 9001 5.2).  false: OpenSSL failed. */
bool quic_keys_derive(const struct quic_version *v, const uint8_t *dcid, size_t n, struct quic_keys keys[2]);

/* One protected packet, where it stands in the datagram. */
struct quic_packet {
	const uint8_t *p; /* its first byte */
	size_t pn_at;     /* where the packet number stands */
	size_t len;       /* to its end */
};
/* Removes header protection and decrypts (RFC 9001 5.3, 5.4) into this thread's scratch buffer.  *largest is
 * the highest packet number opened so far plus one, and moved on.  false: other keys, or not whole. */
bool quic_packet_open(
        const struct quic_packet *q, const struct quic_keys *k, uint64_t *largest, struct cur *plain);

/* ---- CRYPTO frames in any order (RFC 9000 19.6); the first bytes seen of an offset count ----------------
 */
#define QUIC_CRYPTO_MAX    65540 /* a hello of HELLO_SIZE_MAX and its header, from the last whole message on */
#define QUIC_FRAGMENTS_MAX 512

struct quic_fragment;
struct quic_stream {
	struct quic_fragment *first; /* by offset, without overlap */
	uint64_t base;               /* everything before was read */
	unsigned n;
};
/* false: no memory, or more than the limits; the stream cannot be read any more. */
bool quic_stream_add(struct quic_stream *s, struct arena *a, uint64_t offset, const uint8_t *p, size_t n);
/* Bytes that stand without a hole from base on. */
size_t quic_stream_ready(const struct quic_stream *s);
/* Copies the first n of them. */
void quic_stream_copy(const struct quic_stream *s, uint8_t *out, size_t n);
/* n bytes from base on were read. */
void quic_stream_read(struct quic_stream *s, size_t n);

#endif
