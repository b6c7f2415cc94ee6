/* quic_crypto.c - Initial packets are protected with keys that anyone can derive from the client's first
 * Destination Connection ID: RFC 9001 5 (v1), RFC 9369 3 (v2).  OpenSSL objects are made once per thread. */
#include "classify/names/quic.h"
#include "classify/names/scratch.h"

#include <string.h>

#define HASH_LEN   32
#define BLOCK_LEN  64
#define SAMPLE_LEN 16
#define TAG_LEN    16

/* RFC 9001 5.2; the same since draft 33 */
static const uint8_t salt_v1[QUIC_SALT_LEN] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
        0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
/* draft-ietf-quic-tls-29 5.2, until draft 32 */
static const uint8_t salt_draft29[QUIC_SALT_LEN] = {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e,
        0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99};
/* draft-ietf-quic-tls-23 5.2, until draft 28 */
static const uint8_t salt_draft23[QUIC_SALT_LEN] = {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11,
        0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02};
/* RFC 9369 3.3.1 */
static const uint8_t salt_v2[QUIC_SALT_LEN] = {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
        0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9};
/* draft-ietf-quic-v2-00 3.3.1 */
static const uint8_t salt_draft_v2[QUIC_SALT_LEN] = {0xa7, 0x07, 0xc2, 0x03, 0xa5, 0x9b, 0x47, 0x18, 0x4a,
        0x1d, 0x62, 0xca, 0x57, 0x04, 0x06, 0xea, 0x7a, 0xe3, 0xe5, 0xd3};

static const struct quic_version versions[] = {
        {0x00000001, 0x00000001, salt_v1, "quic", 0}, {0x6b3343cf, 0x6b3343cf, salt_v2, "quicv2", 1},
        {0xff000021, 0xff000022, salt_v1, "quic", 0}, {0xff00001d, 0xff000020, salt_draft29, "quic", 0},
        {0xff000017, 0xff00001c, salt_draft23, "quic", 0},
        {0xfaceb002, 0xfaceb002, salt_draft23, "quic", 0},    /* Facebook's mvfst */
        {0x709a50c4, 0x709a50c4, salt_draft_v2, "quicv2", 1}, /* ngtcp2 before version 2 was an RFC */
};

const struct quic_version *quic_version_find(uint32_t version)
{
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
		if (version >= versions[i].first && version <= versions[i].last)
			return &versions[i];
	return NULL;
}

static bool digest(
        struct scratch *s, const uint8_t pad[BLOCK_LEN], const uint8_t *p, size_t n, uint8_t out[HASH_LEN])
{
	return EVP_DigestInit_ex2(s->digest, s->sha256, NULL) == 1 &&
	       EVP_DigestUpdate(s->digest, pad, BLOCK_LEN) == 1 && EVP_DigestUpdate(s->digest, p, n) == 1 &&
	       EVP_DigestFinal_ex(s->digest, out, NULL) == 1;
}

/* HMAC-SHA-256 (RFC 2104) over the digest: EVP_MAC takes twice as long, and a connection needs nine of them.
 * The key is not longer than a block. */
static bool hmac(struct scratch *s, const uint8_t *key, size_t key_n, const uint8_t *p, size_t n,
        uint8_t out[HASH_LEN])
{
	uint8_t inner[BLOCK_LEN], outer[BLOCK_LEN], hash[HASH_LEN];

	for (size_t i = 0; i < BLOCK_LEN; i++) {
		uint8_t k = i < key_n ? key[i] : 0;

		inner[i] = k ^ 0x36;
		outer[i] = k ^ 0x5c;
	}
	return digest(s, inner, p, n, hash) && digest(s, outer, hash, sizeof(hash), out);
}

/* HKDF-Expand-Label with an empty context (RFC 8446 7.1): for one block of output, HMAC over length, label,
 * context and the block's number (RFC 5869 2.3). */
static bool expand(struct scratch *s, const uint8_t secret[HASH_LEN], const char *prefix, const char *name,
        uint8_t *out, size_t n)
{
	uint8_t info[64] = {(uint8_t)(n >> 8), (uint8_t)n}, block[HASH_LEN];
	size_t used = 3;
	const char *parts[] = {"tls13 ", prefix, name};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		size_t len = strlen(parts[i]);

		memcpy(info + used, parts[i], len);
		used += len;
	}
	info[2] = (uint8_t)(used - 3);
	info[used++] = 0; /* context */
	info[used++] = 1;
	if (!hmac(s, secret, HASH_LEN, info, used, block))
		return false;
	memcpy(out, block, n);
	return true;
}

bool quic_keys_derive(const struct quic_version *v, const uint8_t *dcid, size_t n, struct quic_keys keys[2])
{
	static const char *const role[] = {[QUIC_CLIENT] = "client in", [QUIC_SERVER] = "server in"};
	struct scratch *s = scratch_get();
	uint8_t initial[HASH_LEN], secret[HASH_LEN];

	if (!s || !hmac(s, v->salt, QUIC_SALT_LEN, dcid, n, initial))
		return false;
	for (int i = 0; i < 2; i++) {
		struct quic_keys *k = &keys[i];

		if (!expand(s, initial, "", role[i], secret, HASH_LEN) ||
		        !expand(s, secret, v->label, " key", k->key, sizeof(k->key)) ||
		        !expand(s, secret, v->label, " iv", k->iv, sizeof(k->iv)) ||
		        !expand(s, secret, v->label, " hp", k->hp, sizeof(k->hp)))
			return false;
	}
	return true;
}

static bool header_mask(
        struct scratch *s, const struct quic_keys *k, const uint8_t *sample, uint8_t mask[SAMPLE_LEN])
{
	int n = 0;

	return EVP_EncryptInit_ex2(s->header, s->ecb, k->hp, NULL, NULL) == 1 &&
	       EVP_EncryptUpdate(s->header, mask, &n, sample, SAMPLE_LEN) == 1 && n == SAMPLE_LEN;
}

/* RFC 9000 A.3 */
static uint64_t full_number(uint64_t expected, uint64_t got, unsigned bytes)
{
	uint64_t window = 1ull << (8 * bytes), number = (expected & ~(window - 1)) | got;

	if (number + window / 2 <= expected && number < (1ull << 62) - window)
		return number + window;
	if (number > expected + window / 2 && number >= window)
		return number - window;
	return number;
}

static bool decrypt(struct scratch *s, const struct quic_keys *k, const struct quic_packet *q, uint8_t first,
        const uint8_t *number, unsigned number_n, uint64_t full, size_t *plain_n)
{
	const uint8_t *cipher = q->p + q->pn_at + number_n;
	size_t n = q->len - q->pn_at - number_n - TAG_LEN;
	uint8_t nonce[12], tag[TAG_LEN];
	int got = 0, last = 0;

	memcpy(nonce, k->iv, sizeof(nonce));
	for (size_t i = 0; i < 8; i++)
		nonce[11 - i] ^= (uint8_t)(full >> (8 * i));
	memcpy(tag, cipher + n, TAG_LEN);
	/* the associated data is the header without its protection: first byte, the middle as it is, number
	 */
	if (EVP_DecryptInit_ex2(s->packet, s->gcm, k->key, nonce, NULL) != 1 ||
	        EVP_DecryptUpdate(s->packet, NULL, &got, &first, 1) != 1 ||
	        EVP_DecryptUpdate(s->packet, NULL, &got, q->p + 1, (int)(q->pn_at - 1)) != 1 ||
	        EVP_DecryptUpdate(s->packet, NULL, &got, number, (int)number_n) != 1 ||
	        EVP_DecryptUpdate(s->packet, s->plain, &got, cipher, (int)n) != 1 ||
	        EVP_CIPHER_CTX_ctrl(s->packet, EVP_CTRL_AEAD_SET_TAG, TAG_LEN, tag) != 1 ||
	        EVP_DecryptFinal_ex(s->packet, s->plain + got, &last) != 1)
		return false;
	*plain_n = (size_t)got + (size_t)last;
	return true;
}

bool quic_packet_open(
        const struct quic_packet *q, const struct quic_keys *k, uint64_t *largest, struct cur *plain)
{
	struct scratch *s = scratch_get();
	uint8_t mask[SAMPLE_LEN], number[4], first;
	unsigned number_n;
	uint64_t got = 0, full;
	size_t n;

	/* RFC 9001 5.4.2: the sample stands as if the number had four bytes */
	if (!s || q->len > SCRATCH_PACKET_MAX || q->len - q->pn_at < 4 + SAMPLE_LEN ||
	        !header_mask(s, k, q->p + q->pn_at + 4, mask))
		return false;
	first = q->p[0] ^ (mask[0] & 0x0f);
	number_n = (first & 3u) + 1;
	for (unsigned i = 0; i < number_n; i++) {
		number[i] = q->p[q->pn_at + i] ^ mask[1 + i];
		got = got << 8 | number[i];
	}
	full = full_number(*largest, got, number_n);
	if (!decrypt(s, k, q, first, number, number_n, full, &n))
		return false;
	if (full >= *largest)
		*largest = full + 1;
	*plain = cur_of(s->plain, n);
	return true;
}
