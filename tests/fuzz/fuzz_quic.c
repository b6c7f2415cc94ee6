/* fuzz_quic.c - first byte: 0-127 datagrams as they stand (see names_fuzz.h for the row); 128-255 a row of
 * (control, length, frames) that are sealed into Initial packets first, as no mutation would pass the AEAD.
 */
#include "tests/fuzz/names_fuzz.h"

#include "classify/names/names.h"
#include "classify/names/quic.h"

#include <openssl/evp.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define FRAMES_MAX 4080
#define HEADER     22 /* with a connection id of eight bytes and a number of four */

static const uint8_t dcid[8] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};

static void put_header(uint8_t *out, bool v2, uint32_t number, size_t body)
{
	static const uint8_t version[2][4] = {{0, 0, 0, 1}, {0x6b, 0x33, 0x43, 0xcf}};

	out[0] = v2 ? 0xd3 : 0xc3;
	memcpy(out + 1, version[v2], 4);
	out[5] = sizeof(dcid);
	memcpy(out + 6, dcid, sizeof(dcid));
	out[14] = 0; /* no source connection id, no token */
	out[15] = 0;
	out[16] = (uint8_t)(0x40 | (body + 4) >> 8);
	out[17] = (uint8_t)(body + 4);
	for (int i = 0; i < 4; i++)
		out[18 + i] = (uint8_t)(number >> (24 - 8 * i));
}

/* One packet around n bytes of frames; returns its length. */
static size_t seal(uint8_t *out, bool v2, bool server, uint32_t number, const uint8_t *frames, size_t n)
{
	static EVP_CIPHER_CTX *ctx;
	struct quic_keys keys[2];
	const struct quic_keys *k = &keys[server ? QUIC_SERVER : QUIC_CLIENT];
	uint8_t nonce[12], mask[16];
	int len;

	if (!ctx)
		ctx = EVP_CIPHER_CTX_new();
	if (!quic_keys_derive(quic_version_find(v2 ? 0x6b3343cf : 1), dcid, sizeof(dcid), keys))
		abort();
	put_header(out, v2, number, n + 16);
	memcpy(nonce, k->iv, sizeof(nonce));
	for (int i = 0; i < 4; i++)
		nonce[11 - i] ^= (uint8_t)(number >> (8 * i));
	EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, k->key, nonce);
	EVP_EncryptUpdate(ctx, NULL, &len, out, HEADER);
	EVP_EncryptUpdate(ctx, out + HEADER, &len, frames, (int)n);
	EVP_EncryptFinal_ex(ctx, out + HEADER + n, &len);
	EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, out + HEADER + n);
	EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, k->hp, NULL);
	EVP_EncryptUpdate(ctx, mask, &len, out + HEADER, 16);
	out[0] ^= mask[0] & 0x0f;
	for (int i = 0; i < 4; i++)
		out[18 + i] ^= mask[1 + i];
	return HEADER + n + 16;
}

static void run_sealed(struct fuzz_wire *w, const uint8_t *p, size_t n)
{
	static uint8_t out[HEADER + FRAMES_MAX + 16];
	struct cur c = cur_of(p, n);
	uint32_t number = 0;

	while (cur_left(&c) >= 2) {
		uint8_t control = cur_u8(&c);
		size_t len = (size_t)cur_u8(&c) * (control & 4 ? 16 : 1), sealed;
		bool server = control & 1;
		const uint8_t *frames;

		if (len > cur_left(&c))
			len = cur_left(&c);
		frames = cur_take(&c, len);
		sealed = seal(out, control & 8, server, number++, frames, len);
		if (quic_layer.feed(w->state, &w->conn, server ? FLOW_S2C : FLOW_C2S, 0, out, sealed, 0,
		            &w->sink) != LAYER_MORE)
			break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fuzz_wire w;

	if (!n)
		return 0;
	quic_probe(p + 1, n - 1);
	fuzz_open(&w, &quic_layer);
	if (p[0] < 128)
		fuzz_run(&w, &quic_layer, p + 1, n - 1);
	else
		run_sealed(&w, p + 1, n - 1);
	fuzz_close(&w, &quic_layer);
	return 0;
}
