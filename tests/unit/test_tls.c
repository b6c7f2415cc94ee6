/* test_tls.c - records and handshake messages (RFC 8446 5.1, 4), fragmented in every way. */
#include "tests/unit/names_util.h"

#include "classify/names/names.h"

#define C FLOW_C2S
#define S FLOW_S2C

static struct buf message, out;

static void record(struct buf *to, uint8_t type, const void *p, size_t n)
{
	put_be(to, type, 1);
	put_be(to, 0x0301, 2);
	put_be(to, n, 2);
	put(to, p, n);
}

/* The message in records of at most `part` bytes. */
static void records(struct buf *to, const struct buf *m, size_t part)
{
	for (size_t at = 0; at < m->n; at += part)
		record(to, 22, m->p + at, m->n - at < part ? m->n - at : part);
}

static void client(const struct hello_shape *s, size_t part)
{
	message.n = 0;
	client_message(&message, s);
	out.n = 0;
	records(&out, &message, part);
}

static void server(bool tls12, bool retry, size_t session_id, size_t part)
{
	message.n = 0;
	server_message(&message, tls12, retry, session_id);
	out.n = 0;
	records(&out, &message, part);
}

static enum layer_verdict feed_in(struct wire *w, enum flow_dir dir, size_t step)
{
	enum layer_verdict v = LAYER_MORE;

	for (size_t at = 0; at < out.n && v == LAYER_MORE; at += step)
		v = wire_feed(w, dir, out.p + at, out.n - at < step ? out.n - at : step);
	return v;
}

static void test_every_fragmentation(void **state)
{
	static const size_t parts[] = {1, 2, 3, 5, 64, 16384}, steps[] = {1, 2, 3, 4, 5, 6, 7, 100, 100000};
	struct hello_shape s = {.sni = "api.openai.com", .alpn = "h2", .session_id = 32};

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
			struct wire *w = wire_open(&tls_layer);

			client(&s, parts[i]);
			assert_int_equal(feed_in(w, C, steps[k]), LAYER_MORE);
			assert_int_equal(w->told.n, 1);
			assert_string_equal(w->told.hello[0].sni, "api.openai.com");
			assert_string_equal(w->told.hello[0].alpn, "h2");
			assert_memory_equal(w->told.hello[0].ja4, "t13d0104h2_", 11);
			server(false, false, 32, parts[i]);
			assert_int_equal(feed_in(w, S, steps[k]), LAYER_DONE);
			assert_int_equal(w->told.n, 2);
			assert_false(w->told.hello[1].client);
			assert_int_equal(w->told.hello[1].cipher, 0x1302);
			assert_false(w->told.hello[1].psk);
			wire_free(w);
		}
	}
}

/* RFC 8446 5.1: several messages may stand in one record; a server sends its whole flight so in TLS 1.2. */
static void test_coalesced(void **state)
{
	struct hello_shape s = {.sni = "a.example", .tls12 = true};
	struct wire *w = wire_open(&tls_layer);

	(void)state;
	client(&s, 16384);
	assert_int_equal(feed_in(w, C, 16384), LAYER_MORE);
	message.n = 0;
	put_hex(&message, "00000000"); /* HelloRequest first */
	server_message(&message, true, false, 0);
	put_hex(&message, "0b000003000000"
	                  "0e000000");
	out.n = 0;
	records(&out, &message, 16384);
	assert_int_equal(feed_in(w, S, 16384), LAYER_DONE);
	assert_int_equal(w->told.n, 2);
	assert_int_equal(w->told.hello[1].version, 0x0303);
	wire_free(w);
}

static void test_server_first(void **state)
{
	struct hello_shape s = {.sni = "late.example"};
	struct wire *w = wire_open(&tls_layer);
	uint8_t data[100] = {0};

	(void)state;
	server(false, false, 0, 7);
	record(&out, 20, "\x01", 1);
	record(&out, 23, data, sizeof(data));
	assert_int_equal(feed_in(w, S, 9), LAYER_MORE);
	client(&s, 11);
	assert_int_equal(feed_in(w, C, 9), LAYER_DONE);
	assert_int_equal(w->told.n, 2);
	assert_string_equal(w->told.hello[1].sni, "late.example");
	wire_free(w);
}

/* RFC 8446 4.1.4: HelloRetryRequest, ChangeCipherSpec for middleboxes, second ClientHello, ServerHello. */
static void test_hello_retry(void **state)
{
	struct hello_shape s = {.sni = "retry.example"};
	struct wire *w = wire_open(&tls_layer);

	(void)state;
	client(&s, 16384);
	assert_int_equal(feed_in(w, C, 16384), LAYER_MORE);
	server(false, true, 32, 16384);
	record(&out, 20, "\x01", 1);
	assert_int_equal(feed_in(w, S, 16384), LAYER_MORE);
	assert_true(w->told.hello[1].hello_retry);
	client(&s, 100);
	assert_int_equal(wire_feed(w, C, "\x14\x03\x03\x00\x01\x01", 6), LAYER_MORE);
	assert_int_equal(feed_in(w, C, 16384), LAYER_MORE);
	server(false, false, 32, 16384);
	assert_int_equal(feed_in(w, S, 16384), LAYER_DONE);
	assert_int_equal(w->told.n, 4);
	assert_true(w->told.hello[2].client);
	assert_false(w->told.hello[3].hello_retry);
	wire_free(w);
}

/* RFC 5246 7.4.1.3: the session id given back is the resumption. */
static void test_tls12_resumption(void **state)
{
	for (int echo = 0; echo < 2; echo++) {
		struct hello_shape s = {.sni = "a.example", .tls12 = true, .session_id = 32};
		struct wire *w = wire_open(&tls_layer);

		(void)state;
		client(&s, 16384);
		feed_in(w, C, 16384);
		server(true, false, echo ? 32 : 16, 16384);
		assert_int_equal(feed_in(w, S, 16384), LAYER_DONE);
		assert_int_equal(w->told.hello[1].psk, echo);
		wire_free(w);
	}
}

static void told_cert(void *arg, const struct certificate *c)
{
	(void)arg;
	(void)c;
}

static struct wire *tls12_waiting(void)
{
	struct hello_shape s = {.sni = "a.example", .tls12 = true};
	struct wire *w = wire_open(&tls_layer);

	w->sink.cert = told_cert;
	client(&s, 16384);
	assert_int_equal(feed_in(w, C, 16384), LAYER_MORE);
	server(true, false, 0, 16384);
	assert_int_equal(feed_in(w, S, 16384), LAYER_MORE); /* the certificate is to come */
	out.n = 0;
	return w;
}

/* RFC 5077 3.4: a ticket taken without a session id: no certificate, and what follows is protected, whatever
 * it begins with. */
static void test_tls12_ticket(void **state)
{
	uint8_t finished[40];

	(void)state;
	for (int first = 0; first < 256; first++) {
		struct wire *w = tls12_waiting();

		memset(finished, 0x9d, sizeof(finished));
		finished[0] = (uint8_t)first;
		record(&out, 20, "\x01", 1);
		record(&out, 22, finished, sizeof(finished));
		assert_int_equal(feed_in(w, S, 16384), LAYER_DONE);
		assert_int_equal(w->told.n, 2);
		wire_free(w);
	}
}

static void test_long_chain(void **state)
{
	static uint8_t part[16384] = {11, 1, 0x11, 0}; /* 70 kB */
	struct wire *w = tls12_waiting();

	(void)state;
	record(&out, 22, part, sizeof(part));
	assert_int_equal(feed_in(w, S, 16384), LAYER_DONE);
	assert_int_equal(w->told.n, 2);
	wire_free(w);
}

static void test_early_data(void **state)
{
	struct hello_shape s = {.sni = "zero.example", .early = true, .psk = true};
	struct wire *w = wire_open(&tls_layer);
	static uint8_t data[16000];

	(void)state;
	client(&s, 16384);
	assert_int_equal(feed_in(w, C, 16384), LAYER_MORE);
	out.n = 0;
	record(&out, 23, data, sizeof(data));
	assert_int_equal(feed_in(w, C, 16384), LAYER_MORE); /* 0-RTT data: the ServerHello is yet to come */
	server(false, false, 0, 16384);
	assert_int_equal(feed_in(w, S, 16384), LAYER_DONE);
	assert_true(w->told.hello[0].early_data);
	wire_free(w);

	/* the answer never comes: given up at some point */
	w = wire_open(&tls_layer);
	client(&s, 16384);
	feed_in(w, C, 16384);
	out.n = 0;
	record(&out, 23, data, sizeof(data));
	for (int i = 0; feed_in(w, C, 16384) == LAYER_MORE; i++)
		assert_true(i < 32);
	wire_free(w);
}

static void test_application_data_ends_it(void **state)
{
	struct hello_shape s = {.sni = "a.example"};
	struct wire *w = wire_open(&tls_layer);

	(void)state;
	client(&s, 16384);
	assert_int_equal(feed_in(w, C, 16384), LAYER_MORE);
	out.n = 0;
	record(&out, 20, "\x01", 1);
	record(&out, 23, "0123456789", 10);
	assert_int_equal(feed_in(w, C, 3), LAYER_DONE); /* one-sided capture: nothing else will come */
	assert_int_equal(w->told.n, 1);
	wire_free(w);
}

static void test_fatal_alert_ends_it(void **state)
{
	struct hello_shape s = {.sni = "a.example"};
	struct wire *w = wire_open(&tls_layer);

	(void)state;
	client(&s, 16384);
	feed_in(w, C, 16384);
	assert_int_equal(
	        wire_feed(w, S, "\x15\x03\x03\x00\x02\x01\x70", 7), LAYER_MORE); /* a warning does not */
	out.n = 0;
	record(&out, 21, "\x02\x28", 2);
	assert_int_equal(feed_in(w, S, 1), LAYER_DONE);
	wire_free(w);
}

static void test_gap_in_the_hello(void **state)
{
	struct hello_shape s = {.sni = "kept.example", .padding = 600};
	struct wire *w = wire_open(&tls_layer);

	(void)state;
	client(&s, 16384);
	assert_int_equal(wire_feed(w, C, out.p, 300), LAYER_MORE);
	assert_int_equal(w->told.n, 0);
	wire_gap(w, C, 200);
	assert_int_equal(w->told.n, 1);
	assert_true(w->told.hello[0].partial);
	assert_string_equal(w->told.hello[0].sni, "kept.example");
	assert_int_equal(wire_feed(w, C, out.p + 500, out.n - 500), LAYER_MORE); /* not taken for records */
	server(false, false, 0, 16384);
	assert_int_equal(feed_in(w, S, 16384), LAYER_DONE);
	assert_int_equal(w->told.n, 2);
	wire_free(w);

	/* the name behind the hole cannot be known */
	s = (struct hello_shape){.sni = "lost.example", .padding_before = 600};
	w = wire_open(&tls_layer);
	client(&s, 16384);
	wire_feed(w, C, out.p, 300);
	wire_gap(w, C, 200);
	assert_string_equal(w->told.hello[0].sni, "");
	wire_free(w);
}

static void test_gaps_elsewhere(void **state)
{
	struct hello_shape s = {.sni = "a.example", .early = true};
	struct wire *w = wire_open(&tls_layer);
	static uint8_t data[1000];

	(void)state;
	client(&s, 16384);
	feed_in(w, C, 16384);
	out.n = 0;
	record(&out, 23, data, sizeof(data));
	wire_feed(w, C, out.p, 505);
	wire_gap(w, C, 500); /* the rest of a record nobody reads: records go on behind it */
	assert_int_equal(wire_feed(w, C, out.p, out.n), LAYER_MORE);
	wire_gap(w, C, 0); /* of unknown length */
	assert_int_equal(wire_feed(w, C, "no record at all", 16), LAYER_MORE);
	wire_gap(w, S, 1);
	assert_int_equal(wire_feed(w, S, "x", 1), LAYER_DONE); /* both directions lost */
	wire_free(w);
}

static void test_close_in_the_hello(void **state)
{
	struct hello_shape s = {.sni = "cut.example", .padding = 600};
	struct wire *w = wire_open(&tls_layer);

	(void)state;
	client(&s, 50);
	wire_feed(w, C, out.p, 200);
	wire_end(w);
	assert_int_equal(w->told.n, 1);
	assert_true(w->told.hello[0].partial);
	assert_string_equal(w->told.hello[0].sni, "cut.example");
	wire_end(w);
	assert_int_equal(w->told.n, 1);
	wire_free(w);
}

static void test_not_tls(void **state)
{
	static const char *const bad[] = {
	        "16100100050100000100",     /* major version 16 */
	        "1303010005",               /* no such record */
	        "1903010005",               /* nor this */
	        "1603014001",               /* a plain record over 2^14 */
	        "1503014801",               /* any record over 2^14 + 2048 */
	        "160301000401010001",       /* a ClientHello over HELLO_SIZE_MAX */
	        "160301000501000001ff",     /* a ClientHello of one byte */
	        "160301000401000000",       /* and of none */
	        "160301000201001403010001", /* RFC 8446 5.1: another record between fragments */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct wire *w = wire_open(&tls_layer);

		out.n = 0;
		put_hex(&out, bad[i]);
		assert_int_equal(feed_in(w, C, 1), LAYER_BAD);
		assert_int_equal(w->told.n, 0);
		wire_free(w);
	}
}

static void test_large_hello(void **state)
{
	struct hello_shape s = {.padding_before = 65000, .sni = "far.example"};
	struct wire *w = wire_open(&tls_layer);

	(void)state;
	client(&s, 16384);
	assert_int_equal(feed_in(w, C, 1460), LAYER_MORE);
	assert_string_equal(w->told.hello[0].sni, "far.example");
	wire_free(w);

	/* with memory for half of it: what came is read */
	s = (struct hello_shape){.padding = 65000, .sni = "near.example"};
	w = wire_open_blocks(&tls_layer, 8);
	client(&s, 16384);
	assert_int_equal(feed_in(w, C, 1460), LAYER_MORE);
	assert_string_equal(w->told.hello[0].sni, "near.example");
	assert_true(w->told.hello[0].partial);
	wire_free(w);
}

/* A claimed length costs nothing until the bytes come. */
static void test_claims_cost_nothing(void **state)
{
	struct wire *w = wire_open(&tls_layer);

	(void)state;
	out.n = 0;
	put_hex(&out, "1603014000"
	              "0100ffff"
	              "03");
	assert_int_equal(feed_in(w, C, 100), LAYER_MORE);
	assert_true(pool_used(w->pool) <= 2);
	wire_free(w);
}

static void test_probe(void **state)
{
	static const struct {
		const char *hex;
		int expect;
	} cases[] = {
	        {"", -1},
	        {"16", -1},
	        {"1603", -1},
	        {"160301", -1},
	        {"1603010200", -1},
	        {"160301020001", 1},
	        {"160304020002", 1},
	        {"160300000101", 1},
	        /* odd versions */
	        {"16037f020001", 1},
	        {"1604", -1},
	        {"16090102000100", -1},
	        {"1609010200010001fc0303", 1},
	        {"1609010200010001fc0403", 0},
	        {"1609010200010101fc0303", 0},
	        {"16090100010116", 1},
	        {"160301400101", 0},
	        /* records that say nothing: empty ones, warnings */
	        {"1603010000", -1},
	        {"1603010000160301020001", 1},
	        {"160301000016030100", -1},
	        {"160301000017", 0},
	        {"1503010002", -1},
	        {"150301000201", -1},
	        {"15030100020164", -1},
	        {"15030100020164160301020001", 1},
	        {"1503010002016416030100001503", -1},
	        {"160301000016030100001603010000160301000000", 1},
	        {"15030100020214", 0},
	        {"150301000302", 0},
	        {"17", 0},
	        {"1610", 0},
	        {"160301000001", 0},
	        {"16030102000b", 0},
	        {"474554202f20", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		out.n = 0;
		put_hex(&out, cases[i].hex);
		if (tls_probe(out.p, out.n) != cases[i].expect)
			fail_msg("%s: %d", cases[i].hex, tls_probe(out.p, out.n));
	}
}

/* Beginnings that servers may take all the same.  OpenSSL 3 was seen to take a record version of 3.127, a
 * hello's of 0x7f7f and an empty record; it refuses another major version and warnings, which other libraries
 * need not. */
static void test_odd_beginnings(void **state)
{
	static const struct {
		const char *before; /* hex digits */
		uint16_t record, legacy;
	} cases[] = {{"", 0x037f, 0}, {"", 0x0f00, 0}, {"", 0x0301, 0x7f7f}, {"1603010000", 0x0301, 0},
	        {"16030100001603010000160301000016030100001603010000160301000016030100001603010000"
	         "16030100001603010000160301000016030100001603010000160301000016030100001603010000",
	                0x0301, 0},
	        {"15030100020164", 0x0301, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (size_t step = 1; step < 200; step += 33) {
			struct hello_shape s = {
			        .sni = "odd.example", .session_id = 32, .legacy = cases[i].legacy};
			struct wire *w = wire_open(&tls_layer);
			static struct buf whole;

			client(&s, 16384);
			out.p[1] = (uint8_t)(cases[i].record >> 8);
			out.p[2] = (uint8_t)cases[i].record;
			whole.n = 0;
			put_hex(&whole, cases[i].before);
			put(&whole, out.p, out.n);
			out.n = 0;
			put(&out, whole.p, whole.n);
			assert_int_equal(tls_probe(out.p, out.n), 1);
			assert_int_equal(feed_in(w, C, step), LAYER_MORE);
			assert_int_equal(w->told.n, 1);
			assert_string_equal(w->told.hello[0].sni, "odd.example");
			assert_int_equal(w->told.hello[0].version, 0x0304);
			wire_free(w);
		}
	}
}

static void test_bit_flips(void **state)
{
	struct hello_shape s = {.sni = "flip.example", .alpn = "h2", .session_id = 32};
	static struct buf good, answer;
	unsigned bad = 0, other = 0;

	(void)state;
	client(&s, 60);
	good = out;
	server(false, false, 32, 60);
	answer = out;
	for (size_t bit = 0; bit < good.n * 8; bit++) {
		struct wire *w = wire_open_blocks(&tls_layer, 8);
		enum layer_verdict v;

		good.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		v = wire_feed(w, C, good.p, good.n);
		good.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bad += v == LAYER_BAD;
		if (v == LAYER_MORE)
			v = wire_feed(w, S, answer.p, answer.n);
		wire_end(w);
		other += v != LAYER_BAD && (!w->told.n || strcmp(w->told.hello[0].sni, "flip.example"));
		wire_free(w);
	}
	assert_true(bad > 100);
	assert_true(other > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_every_fragmentation),
	        cmocka_unit_test(test_coalesced),
	        cmocka_unit_test(test_server_first),
	        cmocka_unit_test(test_hello_retry),
	        cmocka_unit_test(test_tls12_resumption),
	        cmocka_unit_test(test_tls12_ticket),
	        cmocka_unit_test(test_long_chain),
	        cmocka_unit_test(test_early_data),
	        cmocka_unit_test(test_application_data_ends_it),
	        cmocka_unit_test(test_fatal_alert_ends_it),
	        cmocka_unit_test(test_gap_in_the_hello),
	        cmocka_unit_test(test_gaps_elsewhere),
	        cmocka_unit_test(test_close_in_the_hello),
	        cmocka_unit_test(test_not_tls),
	        cmocka_unit_test(test_large_hello),
	        cmocka_unit_test(test_claims_cost_nothing),
	        cmocka_unit_test(test_probe),
	        cmocka_unit_test(test_odd_beginnings),
	        cmocka_unit_test(test_bit_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
