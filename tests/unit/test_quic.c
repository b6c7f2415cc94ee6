/* test_quic.c - hellos in QUIC Initial packets: the vectors of RFC 9001 appendix A and RFC 9369 appendix A,
 * and packets sealed here, with keys derived by OpenSSL's own HKDF, in every order that real clients use. */
#include "tests/unit/names_util.h"

#include "classify/names/names.h"
#include "classify/names/quic.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#define C FLOW_C2S
#define S FLOW_S2C

#define V1       0x00000001u
#define V2       0x6b3343cfu
#define DRAFT29  0xff00001du
#define DRAFT27  0xff00001bu
#define DRAFT_V2 0x709a50c4u

#define DCID "8394c8f03e515708" /* of both RFCs */

/* RFC 9001 A.2: the CRYPTO frame of the client's Initial (the same in RFC 9369 A.2) */
#define CLIENT_FRAME                                                                                         \
	"060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302" \
	"010000c00000"                                                                                       \
	"0010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e000500" \
	"05010000"                                                                                           \
	"0000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302" \
	"0304000d"                                                                                           \
	"0010000e0403050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ff" \
	"ff070480"                                                                                           \
	"00ffff0801100104800075300901100f088394c8f03e51570806048000ffff"

/* RFC 9001 A.3 and RFC 9369 A.3: the server's protected Initial, whole */
#define SERVER_V1                                                                                            \
	"cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a5816b6394100f37a1c69797554780bb38c" \
	"c5a99f5ede4c"                                                                                       \
	"f73c3ec2493a1839b3dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84022f8ef4cdd93795" \
	"d77d06ed"                                                                                           \
	"bb7aaf2f58891850abbdca3d20398c276456cbc42158407dd074ee"
#define SERVER_V2                                                                                            \
	"dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698baeea26b91eb761d9b89237bbf87263017" \
	"91535823003"                                                                                        \
	"5f7fd3945d88965cf17f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2c984c707f0a0812" \
	"d8cd5a68"                                                                                           \
	"81eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca84bed8521e2e140"

/* ---- sealing ------------------------------------------------------------------------------------------ */

static const struct {
	uint32_t version;
	const char *salt, *label;
	uint8_t initial;
} kinds[] = {
        {V1, "38762cf7f55934b34d179ae6a4c80cadccbb7f0a", "quic", 0},
        {V2, "0dede3def700a6db819381be6e269dcbf9bd2ed9", "quicv2", 1},
        {DRAFT29, "afbfec289993d24c9e9786f19c6111e04390a899", "quic", 0},
        {DRAFT27, "c3eef712c72ebb5a11a7d2432bb46365bef9f502", "quic", 0},
        {DRAFT_V2, "a707c203a59b47184a1d62ca570406ea7ae3e5d3", "quicv2", 1},
};

struct seal {
	uint32_t version;
	bool server;
	const char *keys; /* hex of the connection id that keys are from */
	const char *dcid; /* of the header, NULL: keys */
	const char *token;
	uint32_t number;
};

static void hkdf(int mode, const uint8_t *key, size_t key_n, const void *salt_or_info, size_t n, uint8_t *out,
        size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM p[] = {
	        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char[]){"SHA256"}, 0),
	        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
	        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, key_n),
	        OSSL_PARAM_construct_octet_string(
	                mode == EVP_KDF_HKDF_MODE_EXTRACT_ONLY ? OSSL_KDF_PARAM_SALT : OSSL_KDF_PARAM_INFO,
	                (void *)(uintptr_t)salt_or_info, n),
	        OSSL_PARAM_construct_end(),
	};

	assert_int_equal(EVP_KDF_derive(ctx, out, len, p), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void label(const uint8_t secret[32], const char *a, const char *name, uint8_t *out, size_t len)
{
	static struct buf info;
	size_t at;

	info.n = 0;
	put_be(&info, len, 2);
	at = len_open(&info, 1);
	put_text(&info, "tls13 ");
	put_text(&info, a);
	put_text(&info, name);
	len_close(&info, at, 1);
	put_be(&info, 0, 1);
	hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, secret, 32, info.p, info.n, out, len);
}

static void protect(struct buf *to, size_t start, size_t pn_at, const uint8_t hp[16])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t mask[16];
	int n;

	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, hp, NULL), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, mask, &n, to->p + pn_at + 4, 16), 1);
	EVP_CIPHER_CTX_free(ctx);
	to->p[start] ^= mask[0] & 0x0f;
	for (int i = 0; i < 4; i++)
		to->p[pn_at + (size_t)i] ^= mask[1 + i];
}

/* Appends one Initial packet around the frames, with a packet number of four bytes. */
static void seal(struct buf *to, const struct seal *s, const struct buf *frames)
{
	size_t kind = 0, start = to->n, pn_at, from;
	static struct buf cid, salt;
	uint8_t initial[32], secret[32], key[16], iv[12], hp[16];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n;

	while (kinds[kind].version != s->version)
		kind++;
	cid.n = salt.n = 0;
	put_hex(&cid, s->keys);
	put_hex(&salt, kinds[kind].salt);
	hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, cid.p, cid.n, salt.p, salt.n, initial, 32);
	label(initial, "", s->server ? "server in" : "client in", secret, 32);
	label(secret, kinds[kind].label, " key", key, 16);
	label(secret, kinds[kind].label, " iv", iv, 12);
	label(secret, kinds[kind].label, " hp", hp, 16);

	put_be(to, 0xc3u | (unsigned)kinds[kind].initial << 4, 1);
	put_be(to, s->version, 4);
	from = len_open(to, 1);
	put_hex(to, s->dcid ? s->dcid : s->keys);
	len_close(to, from, 1);
	put_be(to, 0, 1); /* no source connection id */
	from = len_open(to, 1);
	put_hex(to, s->token ? s->token : "");
	len_close(to, from, 1);
	put_be(to, 0x4000u | (unsigned)(4 + frames->n + 16), 2);
	pn_at = to->n;
	put_be(to, s->number, 4);

	for (int i = 0; i < 4; i++)
		iv[11 - i] ^= (uint8_t)(s->number >> (8 * i));
	assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv), 1);
	assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, to->p + start, (int)(to->n - start)), 1);
	from = to->n;
	put_fill(to, 0, frames->n + 16);
	assert_int_equal(EVP_EncryptUpdate(ctx, to->p + from, &n, frames->p, (int)frames->n), 1);
	assert_int_equal(EVP_EncryptFinal_ex(ctx, to->p + from + n, &n), 1);
	assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, to->p + from + frames->n), 1);
	EVP_CIPHER_CTX_free(ctx);
	protect(to, start, pn_at, hp);
}

/* ---- frames ------------------------------------------------------------------------------------------- */

static void put_varint(struct buf *b, uint64_t v)
{
	if (v < 64)
		put_be(b, v, 1);
	else if (v < 16384)
		put_be(b, v | 0x4000, 2);
	else
		put_be(b, v | 0x80000000u, 4);
}

static void crypto(struct buf *b, const struct buf *m, size_t at, size_t n)
{
	put_be(b, 6, 1);
	put_varint(b, at);
	put_varint(b, n);
	put(b, m->p + at, n);
}

static struct buf out, frames, message;
static const struct hello_shape shape = {.sni = "quic.example", .alpn = "h3", .padding = 1300};

/* One datagram with one packet of what stands in `frames`, which is emptied. */
static enum layer_verdict send_as(struct wire *w, enum flow_dir dir, const struct seal *s)
{
	out.n = 0;
	if (frames.n < 4)
		put_fill(&frames, 0, 4);
	seal(&out, s, &frames);
	frames.n = 0;
	return wire_feed(w, dir, out.p, out.n);
}

static void client_hello(const struct hello_shape *s)
{
	message.n = 0;
	client_message(&message, s);
}

static void send_server(struct wire *w, uint32_t version, enum layer_verdict expect)
{
	message.n = 0;
	server_message(&message, false, false, 0);
	crypto(&frames, &message, 0, message.n);
	assert_int_equal(
	        send_as(w, S, &(struct seal){.version = version, .server = true, .keys = DCID, .dcid = "77"}),
	        expect);
}

/* ---- vectors ------------------------------------------------------------------------------------------ */

static void vector(uint32_t version, const char *begin, const char *end, const char *server)
{
	struct wire *w = wire_open(&quic_layer);
	static struct buf expect;

	/* what the RFC prints begins and ends so; the end is the tag over everything */
	frames.n = 0;
	put_hex(&frames, CLIENT_FRAME);
	put_fill(&frames, 0, 1162 - frames.n);
	assert_int_equal(
	        send_as(w, C, &(struct seal){.version = version, .keys = DCID, .number = 2}), LAYER_MORE);
	assert_int_equal(out.n, 1200);
	expect.n = 0;
	put_hex(&expect, begin);
	assert_memory_equal(out.p, expect.p, expect.n);
	expect.n = 0;
	put_hex(&expect, end);
	assert_memory_equal(out.p + out.n - expect.n, expect.p, expect.n);

	assert_int_equal(w->told.n, 1);
	assert_true(w->told.hello[0].client && w->told.hello[0].quic);
	assert_string_equal(w->told.hello[0].sni, "example.com");
	assert_memory_equal(w->told.hello[0].ja4, "q13d0211an_", 11);
	out.n = 0;
	put_hex(&out, server);
	assert_int_equal(wire_feed(w, S, out.p, out.n), LAYER_DONE);
	assert_int_equal(w->told.n, 2);
	assert_false(w->told.hello[1].client);
	assert_true(w->told.hello[1].quic);
	assert_int_equal(w->told.hello[1].cipher, 0x1301);
	assert_int_equal(w->told.hello[1].random[0], 0xee);
	wire_free(w);
}

static void test_rfc9001(void **state)
{
	(void)state;
	vector(V1,
	        "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11d242b123dc9bd8bab936b47d92ec"
	        "356c",
	        "7e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241e221af44860018ab0856972e194c"
	        "d934",
	        SERVER_V1);
}

static void test_rfc9369(void **state)
{
	(void)state;
	vector(V2,
	        "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485dd04de806071bf03dceebfa162e7"
	        "5d6c",
	        "9a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96ba18b2faa745b6fe189cf772a9f84"
	        "cbfc",
	        SERVER_V2);
}

/* RFC 9001 A.1: the keys themselves. */
static void test_rfc9001_keys(void **state)
{
	static const uint8_t dcid[] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
	struct quic_keys k[2];
	char hex[33];

	(void)state;
	assert_true(quic_keys_derive(quic_version_find(V1), dcid, sizeof(dcid), k));
	assert_string_equal(hex_encode(k[QUIC_CLIENT].key, 16, hex), "1f369613dd76d5467730efcbe3b1a22d");
	assert_string_equal(hex_encode(k[QUIC_CLIENT].iv, 12, hex), "fa044b2f42a3fd3b46fb255c");
	assert_string_equal(hex_encode(k[QUIC_CLIENT].hp, 16, hex), "9f50449e04a0e810283a1e9933adedd2");
	assert_string_equal(hex_encode(k[QUIC_SERVER].key, 16, hex), "cf3a5331653c364c88f0f379b6067e37");
	assert_string_equal(hex_encode(k[QUIC_SERVER].iv, 12, hex), "0ac1493ca1905853b0bba03e");
	assert_string_equal(hex_encode(k[QUIC_SERVER].hp, 16, hex), "c206b8d9b9f0f37644430b490eeaa314");
}

static void test_drafts(void **state)
{
	static const uint32_t versions[] = {DRAFT27, DRAFT29, DRAFT_V2};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct wire *w = wire_open(&quic_layer);

		client_hello(&shape);
		crypto(&frames, &message, 0, message.n);
		assert_int_equal(
		        send_as(w, C, &(struct seal){.version = versions[i], .keys = DCID}), LAYER_MORE);
		assert_string_equal(w->told.hello[0].sni, "quic.example");
		send_server(w, versions[i], LAYER_DONE);
		wire_free(w);
	}
}

/* ---- order -------------------------------------------------------------------------------------------- */

/* As Chromium does: small CRYPTO frames in any order between PINGs and PADDING, over two datagrams. */
static void test_shuffled(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		struct wire *w = wire_open(&quic_layer);
		size_t cut[30], n = 0, half;

		client_hello(&shape);
		for (size_t at = 0; at < message.n; at += 60)
			cut[n++] = at;
		for (size_t i = n - 1; i > 0; i--) {
			size_t j, t;

			seed = seed * 1103515245 + 12345;
			j = seed / 65536 % (i + 1);
			t = cut[i];
			cut[i] = cut[j];
			cut[j] = t;
		}
		half = n / 2;
		for (size_t i = 0; i < n; i++) {
			size_t len = message.n - cut[i] < 75 ? message.n - cut[i]
			                                     : 75; /* overlaps the next by 15 */

			crypto(&frames, &message, cut[i], len);
			put_be(&frames, i % 3 ? 0 : 1, 1);
			if (i == half)
				assert_int_equal(send_as(w, C, &(struct seal){.version = V1, .keys = DCID}),
				        LAYER_MORE);
		}
		assert_int_equal(
		        send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 1}), LAYER_MORE);
		assert_int_equal(w->told.n, 1);
		assert_string_equal(w->told.hello[0].sni, "quic.example");
		assert_false(w->told.hello[0].partial);
		wire_free(w);
	}
}

/* As Firefox does: the upper half first. */
static void test_halves_swapped(void **state)
{
	struct wire *w = wire_open(&quic_layer);

	(void)state;
	client_hello(&shape);
	crypto(&frames, &message, 700, message.n - 700);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 1});
	assert_int_equal(w->told.n, 0);
	crypto(&frames, &message, 0, 700);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 0});
	assert_int_equal(w->told.n, 1);
	/* seen twice: nothing new */
	crypto(&frames, &message, 0, 700);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 2});
	assert_int_equal(w->told.n, 1);
	wire_free(w);
}

/* The first bytes of an offset count. */
static void test_overlap_keeps_the_first(void **state)
{
	struct wire *w = wire_open(&quic_layer);
	static struct buf other;

	(void)state;
	client_hello(&shape);
	other = message;
	memset(other.p + 100, 0x7a, other.n - 100);
	crypto(&frames, &message, 50, message.n - 50);
	crypto(&frames, &other, 0, other.n);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID});
	assert_int_equal(w->told.n, 1);
	assert_string_equal(w->told.hello[0].sni, "quic.example");
	wire_free(w);
}

/* RFC 9000 12.2: several packets in a datagram; with an ACK, as the second flight has it. */
static void test_coalesced(void **state)
{
	struct wire *w = wire_open(&quic_layer);

	(void)state;
	client_hello(&shape);
	out.n = frames.n = 0;
	put_hex(&frames, "03"
	                 "4100"
	                 "05"
	                 "02"
	                 "07"
	                 "0101"
	                 "0202"
	                 "010203"); /* ACK with ECN, two ranges more */
	crypto(&frames, &message, 0, 500);
	seal(&out, &(struct seal){.version = V1, .keys = DCID}, &frames);
	frames.n = 0;
	crypto(&frames, &message, 500, message.n - 500);
	seal(&out, &(struct seal){.version = V1, .keys = DCID, .number = 1}, &frames);
	frames.n = 0;
	put_hex(&out, "40aabbccdd"); /* a short header: 1-RTT, to the end */
	assert_int_equal(wire_feed(w, C, out.p, out.n), LAYER_MORE);
	assert_int_equal(w->told.n, 1);
	wire_free(w);
}

/* ---- connection ids, versions, directions ------------------------------------------------------------- */

static void test_connection_ids(void **state)
{
	struct wire *w = wire_open(&quic_layer);

	(void)state;
	/* the client goes over to the server's id, the keys stay */
	client_hello(&shape);
	crypto(&frames, &message, 0, 500);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID});
	crypto(&frames, &message, 500, message.n - 500);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .dcid = "aabbccdd", .number = 1});
	assert_int_equal(w->told.n, 1);
	wire_free(w);

	/* Retry (RFC 9001 5.2): new keys from the id that the server chose, a token, the same hello */
	w = wire_open(&quic_layer);
	crypto(&frames, &message, 0, 500);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID});
	out.n = 0;
	put_hex(&out, "f00000000100"
	              "04aabbccdd"
	              "7065747279"
	              "000102030405060708090a0b0c0d0e0f");
	assert_int_equal(wire_feed(w, S, out.p, out.n), LAYER_MORE);
	crypto(&frames, &message, 0, message.n);
	send_as(w, C, &(struct seal){.version = V1, .keys = "aabbccdd", .token = "7065747279", .number = 1});
	assert_int_equal(w->told.n, 1);
	assert_string_equal(w->told.hello[0].sni, "quic.example");
	wire_free(w);
}

/* RFC 9368: the server answers in version 2, keys from the same id. */
static void test_version_changes(void **state)
{
	struct wire *w = wire_open(&quic_layer);

	(void)state;
	client_hello(&shape);
	crypto(&frames, &message, 0, message.n);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID});
	send_server(w, V2, LAYER_DONE);
	assert_int_equal(w->told.n, 2);
	wire_free(w);
}

/* A flow whose first packet seen was the server's is turned round. */
static void test_turned_flow(void **state)
{
	struct wire *w = wire_open(&quic_layer);

	(void)state;
	client_hello(&shape);
	crypto(&frames, &message, 0, message.n);
	assert_int_equal(send_as(w, S, &(struct seal){.version = V1, .keys = DCID}), LAYER_MORE);
	assert_int_equal(w->told.n, 1);
	assert_true(w->told.hello[0].client);
	message.n = 0;
	server_message(&message, false, false, 0);
	crypto(&frames, &message, 0, message.n);
	assert_int_equal(
	        send_as(w, C, &(struct seal){.version = V1, .server = true, .keys = DCID, .dcid = ""}),
	        LAYER_DONE);
	assert_int_equal(w->told.n, 2);
	wire_free(w);
}

static void test_hello_retry(void **state)
{
	struct wire *w = wire_open(&quic_layer);
	size_t first;

	(void)state;
	client_hello(&shape);
	first = message.n;
	crypto(&frames, &message, 0, first);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID});
	client_message(&message, &shape); /* the second stands behind the first in the stream */
	crypto(&frames, &message, first, message.n - first);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 1});
	assert_int_equal(w->told.n, 2);
	message.n = 0;
	server_message(&message, false, true, 0);
	server_message(&message, false, false, 0);
	crypto(&frames, &message, 0, message.n);
	assert_int_equal(
	        send_as(w, S, &(struct seal){.version = V1, .server = true, .keys = DCID, .dcid = ""}),
	        LAYER_DONE);
	assert_int_equal(w->told.n, 4);
	assert_true(w->told.hello[2].hello_retry);
	wire_free(w);
}

/* ---- limits and nonsense ------------------------------------------------------------------------------ */

static void test_not_quic(void **state)
{
	static const char *const bad[] = {
	        "40000000010000", /* a short header */
	        "c0000000020000", /* unknown version */
	        "c0000000000000", /* version negotiation before anything */
	        "c00000000115000000000000000000000000000000000000000000", /* RFC 9000 17.2: id over 20 bytes
	                                                                   */
	        "c000000001",
	        "16030102000100",
	        "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wire *w = wire_open(&quic_layer);

		out.n = 0;
		put_hex(&out, bad[i]);
		assert_false(quic_probe(out.p, out.n));
		assert_int_equal(wire_feed(w, C, out.p, out.n), LAYER_BAD);
		wire_free(w);
	}
	out.n = 0;
	put_hex(&out, "c3000000010000");
	assert_true(quic_probe(out.p, out.n));
}

/* RFC 9000 15, 6: a reserved version, the server's list, and then the real thing. */
static void test_version_negotiation(void **state)
{
	struct wire *w = wire_open(&quic_layer);

	(void)state;
	out.n = 0;
	put_hex(&out, "c31a2a3a4a08" DCID "0000401400000000");
	put_fill(&out, 0xee, 16);
	assert_true(quic_probe(out.p, out.n));
	assert_int_equal(wire_feed(w, C, out.p, out.n), LAYER_MORE);
	out.n = 0;
	put_hex(&out, "8000000000"
	              "0008" DCID "00000001");
	assert_int_equal(wire_feed(w, S, out.p, out.n), LAYER_MORE);
	client_hello(&shape);
	crypto(&frames, &message, 0, message.n);
	assert_int_equal(send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 1}), LAYER_MORE);
	assert_int_equal(w->told.n, 1);
	wire_free(w);
}

static void test_gives_up(void **state)
{
	struct wire *w = wire_open(&quic_layer);
	int n = 0;

	(void)state;
	do { /* sealed with keys that fit no id seen */
		put_fill(&frames, 0, 100);
		assert_true(++n < 100);
	} while (send_as(w, C, &(struct seal){.version = V1, .keys = "00", .dcid = DCID}) == LAYER_MORE);
	assert_int_equal(n, 96);
	assert_int_equal(w->told.n, 0);
	wire_free(w);

	w = wire_open(&quic_layer); /* CONNECTION_CLOSE */
	put_hex(&frames, "1c000000");
	assert_int_equal(send_as(w, C, &(struct seal){.version = V1, .keys = DCID}), LAYER_DONE);
	wire_free(w);
}

static void test_crypto_limits(void **state)
{
	struct wire *w = wire_open(&quic_layer);

	(void)state;
	put_hex(&frames, "0680020000"
	                 "0101"); /* one byte at offset 131072: nothing is kept, nothing read any more */
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID});
	client_hello(&shape);
	crypto(&frames, &message, 0, message.n);
	assert_int_equal(send_as(w, C, &(struct seal){.version = V1, .keys = DCID}), LAYER_MORE);
	assert_int_equal(w->told.n, 0);
	wire_free(w);

	/* a frame that claims more than the packet holds */
	w = wire_open(&quic_layer);
	put_hex(&frames, "06004fff0100");
	assert_int_equal(send_as(w, C, &(struct seal){.version = V1, .keys = DCID}), LAYER_MORE);
	assert_int_equal(w->told.n, 0);
	wire_free(w);

	/* single bytes far apart: the fragments are counted */
	w = wire_open_blocks(&quic_layer, 64);
	for (unsigned i = 0; i < 30; i++) {
		for (unsigned k = 0; k < 200; k++) {
			put_be(&frames, 6, 1);
			put_varint(&frames, 2 * (i * 200 + k));
			put_hex(&frames, "01ff");
		}
		send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = i});
	}
	assert_true(pool_used(w->pool) < 10);
	wire_free(w);
}

/* CRYPTO frames that bring nothing new cost as much as others: they are counted. */
static void test_many_frames(void **state)
{
	(void)state;
	for (unsigned many = 0; many < 2; many++) {
		struct wire *w = wire_open(&quic_layer);

		client_hello(&shape);
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned k = 0; k < (many ? 520 : 500); k++)
				crypto(&frames, &message, message.n - 1, 1);
			send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = i});
		}
		crypto(&frames, &message, 0, message.n);
		send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 2});
		assert_int_equal(w->told.n, !many);
		wire_free(w);
	}
}

/* Packets that cannot be opened stand before the good one: with its connection id any number of them, with
 * others as many as keys are derived for (RFC 9000 12.2 forbids those). */
static void test_junk_before(void **state)
{
	static const struct {
		unsigned junk;
		const char *dcids[2];
		bool read;
	} cases[] = {
	        {7, {DCID, DCID}, true},
	        {1, {"0102030405060708"}, true},
	        {2, {"0102030405060708", "1112131415161718"}, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct wire *w = wire_open(&quic_layer);

		client_hello(&shape);
		out.n = frames.n = 0;
		for (unsigned k = 0; k < cases[i].junk; k++) {
			put_fill(&frames, 0, 20);
			seal(&out, &(struct seal){.version = V1, .keys = cases[i].dcids[k & 1]}, &frames);
			out.p[out.n - 1] ^= 1;
			frames.n = 0;
		}
		crypto(&frames, &message, 0, message.n);
		seal(&out, &(struct seal){.version = V1, .keys = DCID}, &frames);
		frames.n = 0;
		assert_int_equal(wire_feed(w, C, out.p, out.n), LAYER_MORE);
		assert_int_equal(w->told.n, cases[i].read);
		wire_free(w);
	}
}

/* A hello of nearly HELLO_SIZE_MAX in datagram-sized parts, and one that loses its end. */
static void test_long_and_cut(void **state)
{
	const struct hello_shape big = {.sni = "long.example", .padding = 65000};
	struct wire *w = wire_open_blocks(&quic_layer, 32);
	unsigned number = 0;

	(void)state;
	client_hello(&big);
	for (size_t at = 0; at < message.n; at += 1100) {
		crypto(&frames, &message, at, message.n - at < 1100 ? message.n - at : 1100);
		send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = number++});
	}
	assert_int_equal(w->told.n, 1);
	assert_string_equal(w->told.hello[0].sni, "long.example");
	assert_false(w->told.hello[0].partial);
	wire_free(w);

	w = wire_open(&quic_layer);
	crypto(&frames, &message, 0, 1100);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID});
	assert_int_equal(w->told.n, 0);
	wire_end(w);
	assert_int_equal(w->told.n, 1);
	assert_true(w->told.hello[0].partial);
	assert_string_equal(w->told.hello[0].sni, "long.example");
	wire_free(w);
}

/* RFC 9000 A.3: packet numbers are cut; a server that answers late may have moved on far. */
static void test_packet_numbers(void **state)
{
	struct wire *w = wire_open(&quic_layer);

	(void)state;
	client_hello(&shape);
	crypto(&frames, &message, 0, 500);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 0x7ffffff0});
	crypto(&frames, &message, 500, message.n - 500);
	send_as(w, C, &(struct seal){.version = V1, .keys = DCID, .number = 0x3});
	assert_int_equal(w->told.n, 1);
	wire_free(w);
}

/* Cut anywhere or with any bit turned, a packet opens to nothing, and the next good one still does. */
static void test_damage(void **state)
{
	static struct buf good;

	(void)state;
	client_hello(&(struct hello_shape){.sni = "a.example"});
	out.n = frames.n = 0;
	crypto(&frames, &message, 0, message.n);
	seal(&out, &(struct seal){.version = V1, .keys = DCID}, &frames);
	frames.n = 0;
	good = out;
	for (size_t bit = 0; bit < good.n * 8; bit++) {
		struct wire *w = wire_open_blocks(&quic_layer, 4);

		good.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		wire_feed(w, C, good.p, good.n);
		good.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(w->told.n, 0);
		wire_feed(w, C, good.p, good.n);
		assert_int_equal(w->told.n, 1);
		wire_free(w);
	}
	for (size_t n = 0; n < good.n; n++) {
		struct wire *w = wire_open_blocks(&quic_layer, 4);

		wire_feed(w, C, good.p, n);
		assert_int_equal(w->told.n, 0);
		wire_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_rfc9001),
	        cmocka_unit_test(test_rfc9369),
	        cmocka_unit_test(test_rfc9001_keys),
	        cmocka_unit_test(test_drafts),
	        cmocka_unit_test(test_shuffled),
	        cmocka_unit_test(test_halves_swapped),
	        cmocka_unit_test(test_overlap_keeps_the_first),
	        cmocka_unit_test(test_coalesced),
	        cmocka_unit_test(test_connection_ids),
	        cmocka_unit_test(test_version_changes),
	        cmocka_unit_test(test_turned_flow),
	        cmocka_unit_test(test_hello_retry),
	        cmocka_unit_test(test_not_quic),
	        cmocka_unit_test(test_version_negotiation),
	        cmocka_unit_test(test_gives_up),
	        cmocka_unit_test(test_crypto_limits),
	        cmocka_unit_test(test_many_frames),
	        cmocka_unit_test(test_junk_before),
	        cmocka_unit_test(test_long_and_cut),
	        cmocka_unit_test(test_packet_numbers),
	        cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
