/* test_grpc.c - messages in envelopes: gRPC, gRPC-Web, Connect, Amazon's event streams. */
#include "tests/unit/coders.h"
#include "tests/unit/content_reader.h"
#include "tests/unit/proto_write.h"

static struct content_pool *pool;
static struct proto a, b, c;

struct gap {
	size_t from, n, lost; /* lost: bytes that are left out; n: how many are said to be */
};

static void read_body(struct record *r, const char *type, const char *coding_name, const char *coding,
        const struct proto *m, size_t step, const struct gap *gap)
{
	struct text_sink out = record_sink(r);
	struct header h = {slice_of(coding_name, strlen(coding_name)), slice_of(coding, strlen(coding))};
	struct message msg = {
	        .content_type = slice_of(type, strlen(type)), .headers = &h, .n_headers = *coding_name != 0};
	struct content *body = content_open(pool, &msg, &out);

	for (size_t at = 0; at < m->n;) {
		size_t n = step < m->n - at ? step : m->n - at;
		uint8_t *copy;

		if (gap && at == gap->from) {
			content_gap(body, gap->n);
			at += gap->lost;
			gap = NULL;
			continue;
		}
		if (gap && at < gap->from && at + n > gap->from)
			n = gap->from - at;
		copy = malloc(n);
		memcpy(copy, m->p + at, n);
		content_feed(body, copy, n);
		free(copy);
		at += n;
	}
	r->skip = content_close(body, NULL);
	assert_false(r->open);
}

static void check_coded(const char *type, const char *name, const char *coding, const struct proto *m,
        const char *expect, unsigned skip)
{
	struct record *r = malloc(sizeof(*r));

	for (size_t step = 1; step <= m->n + 1; step += 1 + step / 8) {
		read_body(r, type, name, coding, m, step, NULL);
		assert_string_equal(r->text, expect);
		assert_int_equal(r->skip, skip);
	}
	free(r);
}

static void check(const char *type, const struct proto *m, const char *expect, unsigned skip)
{
	check_coded(type, "", "", m, expect, skip);
	record_check(pool, type, "", m->p, m->n, expect, skip);
}

/* ---- gRPC ---- */

static void two_messages(void)
{
	a.n = b.n = c.n = 0;
	proto_text(&a, 1, "user");
	proto_text(&a, 2, "the key is AKIA");
	proto_message(&b, 3, &a);
	envelope(&c, 0, (uint32_t)b.n, b.p, b.n);
	envelope(&c, 0, (uint32_t)a.n, a.p, a.n);
}

#define TWO                                                                                                  \
	"message[0].3.1 <> user\nmessage[0].3.2 <> the key is AKIA\n"                                        \
	"message[1].1 <> user\nmessage[1].2 <> the key is AKIA\n"

static void test_messages(void **state)
{
	static const char *const types[] = {"application/grpc", "application/grpc+proto",
	        "application/grpc;x=y", "Application/gRPC-Web+proto", "application/connect+proto",
	        "application/grpc-web"};

	(void)state;
	two_messages();
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		check(types[i], &c, TWO, 0);
	envelope(&c, 0, 0, "", 0);
	envelope(&c, 0, (uint32_t)a.n, a.p, a.n);
	check("application/grpc", &c, TWO "message[3].1 <> user\nmessage[3].2 <> the key is AKIA\n", 0);
}

static void test_json(void **state)
{
	static const char json[] = "{\"messages\":[{\"content\":\"the key is AKIA\"}]}";
	static const char *const types[] = {
	        "application/grpc+json", "application/connect+json; charset=utf-8", "application/connect+x"};

	(void)state;
	c.n = 0;
	envelope(&c, 0, sizeof(json) - 1, json, sizeof(json) - 1);
	envelope(&c, 0, 8, "\"a text\"", 8);
	check(types[0], &c,
	        "message[0].messages[0].content <content> the key is AKIA\nmessage[1] <> a text\n", 0);
	envelope(&c, 2, 19, "{\"metadata\":{\"k\":1}}", 19);
	for (int i = 1; i < 3; i++)
		check(types[i], &c,
		        "message[0].messages[0].content <content> the key is AKIA\nmessage[1] <> a text\n",
		        CONTENT_BROKEN); /* the end was cut by a byte */
}

static void test_ends(void **state)
{
	(void)state;
	two_messages();
	envelope(&c, 2, 26, "{\"error\":{\"message\":\"oh\"}}", 26);
	check("application/connect+proto", &c, TWO "end.error.message <message> oh\n", 0);
	two_messages();
	envelope(&c, 0x80, 25, "grpc-status:0\r\nx-key:AKIA", 25);
	check("application/grpc-web+proto", &c, TWO "trailer <trailer> grpc-status:0\r\nx-key:AKIA\n", 0);
}

/* Each coding by its header; a flag without one. */
static void test_compressed(void **state)
{
	static const struct {
		const char *name, *value;
		unsigned coder;
	} rows[] = {{"grpc-encoding", "gzip", 0}, {"Grpc-Encoding", "deflate", 3}, {"grpc-encoding", "br", 6},
	        {"connect-content-encoding", "br", 7}, {"grpc-encoding", "zstd", 9},
	        {"grpc-encoding", "identity", 1}, {"", "", 0}, {"", "", 10}, {"grpc-encoding", "gzip", 10}};
	uint8_t z[300];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n;

		two_messages();
		c.n = 0;
		n = coders[rows[i].coder].encode(b.p, b.n, z, sizeof(z));
		envelope(&c, 1, (uint32_t)n, z, n);
		envelope(&c, 0, (uint32_t)a.n, a.p, a.n);
		if (strcmp(rows[i].value, "identity") != 0)
			check_coded(i == 3 ? "application/connect+proto" : "application/grpc", rows[i].name,
			        rows[i].value, &c, TWO, 0);
	}
	two_messages();
	c.n = 0;
	envelope(&c, 1, 9, "\xff\x06\0\0sNaPpY", 9);
	envelope(&c, 0, (uint32_t)a.n, a.p, a.n);
	check_coded("application/grpc", "grpc-encoding", "snappy", &c,
	        "message[1].1 <> user\nmessage[1].2 <> the key is AKIA\n", CONTENT_UNSUPPORTED);
}

static size_t base64(const uint8_t *p, size_t n, uint8_t *out)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = 0;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
		             (i + 2 < n ? p[i + 2] : 0);

		for (unsigned k = 0; k < 4; k++)
			out[len++] = k > n - i ? '=' : (uint8_t)set[v >> (18 - 6 * k) & 63];
	}
	return len;
}

/* Pieces may be padded one by one (PROTOCOL-WEB.md). */
static void test_web_text(void **state)
{
	uint8_t text[600];

	(void)state;
	for (size_t cut = 0; cut < 50; cut++) {
		size_t n;

		two_messages();
		n = base64(c.p, cut, text);
		n += base64(c.p + cut, c.n - cut, text + n);
		b.n = 0;
		proto_put(&b, text, n);
		check_coded("application/grpc-web-text+proto", "", "", &b, TWO, 0);
	}
	while (text[b.n - 1] == '=')
		b.n--; /* without the last padding */
	check("application/grpc-web-text", &b, TWO, 0);
	two_messages();
	check("application/grpc-web-text", &c, TWO, 0); /* a false label */
}

static void test_lies(void **state)
{
	(void)state;
	/* longer than what comes */
	two_messages();
	c.n = 0;
	envelope(&c, 0, UINT32_MAX, b.p, b.n);
	check("application/grpc", &c, "message[0].3.1 <> user\nmessage[0].3.2 <> the key is AKIA\n",
	        CONTENT_BROKEN);
	/* shorter: the rest is no envelope */
	c.n = 0;
	envelope(&c, 0, (uint32_t)a.n, a.p, a.n);
	envelope(&c, 0, 3, "\x12\x01x and text where an envelope should be", 41);
	check("application/grpc", &c,
	        "message[0].1 <> user\nmessage[0].2 <> the key is AKIA\nbody <>  and text where an envelope "
	        "should be\n",
	        CONTENT_BROKEN);
	/* none at all */
	c.n = 0;
	proto_put(&c, "{\"prompt\":\"the key\"}", 20);
	check("application/grpc", &c, "prompt <prompt> the key\n", 0);
	check("application/connect+json", &c, "prompt <prompt> the key\n", 0);
	c.n = 0;
	check("application/grpc", &c, "", 0);
	proto_put(&c, "text", 4);
	check("application/grpc", &c, "body <> text\n", CONTENT_BROKEN);
	c.n = 0;
	proto_put(&c, "\0\0\0", 3);
	check("application/grpc", &c, "", CONTENT_BROKEN | CONTENT_BINARY);
}

static void gap_check(const char *type, size_t from, size_t lost, size_t n, const char *expect)
{
	struct record *r = malloc(sizeof(*r));
	struct gap gap = {from, n, lost};

	for (size_t step = 1; step < c.n; step += 1 + step) {
		read_body(r, type, "", "", &c, step, &gap);
		assert_string_equal(r->text, expect);
		assert_true(r->skip & CONTENT_GAP);
	}
	free(r);
}

static void test_gaps(void **state)
{
	(void)state;
	two_messages(); /* 5 + 2 + 23, 5 + 23 */
	assert_int_equal(c.n, 58);
	gap_check("application/grpc", 20, 4, 4,
	        "message[0].3.1 <> user\nmessage[0].3.2 <> the k CUT\nmessage[0].3.2 <> s AKIA\n"
	        "message[1].1 <> user\nmessage[1].2 <> the key is AKIA\n");
	gap_check("application/grpc", 7, 23, 23, "message[1].1 <> user\nmessage[1].2 <> the key is AKIA\n");
	gap_check("application/grpc", 5, 25, 25, "message[1].1 <> user\nmessage[1].2 <> the key is AKIA\n");
	gap_check("application/grpc", 20, 20, 20,
	        "message[0].3.1 <> user\nmessage[0].3.2 <> the k CUT\nbody <> the key is AKIA\n");
	gap_check("application/grpc", 20, 4, 0,
	        "message[0].3.1 <> user\nmessage[0].3.2 <> the k CUT\nbody <> the key is AKIA\n");
	gap_check("application/grpc", 0, 3, 3, "body <> the key is AKIA\nbody <> the key is AKIA\n");
}

static void test_mutations(void **state)
{
	static const char *const types[] = {"application/grpc", "application/connect+json",
	        "application/grpc-web-text", "application/vnd.amazon.eventstream"};
	struct record *r = malloc(sizeof(*r));
	uint8_t z[300];
	size_t n;

	(void)state;
	two_messages();
	n = coder_gzip9(b.p, b.n, z, sizeof(z));
	envelope(&c, 1, (uint32_t)n, z, n);
	for (size_t i = 0; i < c.n; i++) {
		size_t was = c.n;

		c.n = i;
		read_body(r, types[i % 4], "grpc-encoding", "gzip", &c, 1 + i % 30, NULL);
		c.n = was;
	}
	for (size_t bit = 0; bit < c.n * 8; bit++) {
		c.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		read_body(r, types[bit / 8 % 4], "grpc-encoding", "gzip", &c, 1 + bit % 30, NULL);
		c.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(r);
}

/* A bomb in each message: what comes out of all of them is weighed together. */
static void test_bombs(void **state)
{
	struct record *r = malloc(sizeof(*r));
	static uint8_t zeros[900000], z[2000];
	size_t n = coder_gzip9(zeros, sizeof(zeros), z, sizeof(z));

	(void)state;
	c.n = 0;
	while (c.n + n + 5 < sizeof(c.p))
		envelope(&c, 1, (uint32_t)n, z, n);
	read_body(r, "application/grpc", "grpc-encoding", "gzip", &c, 1000, NULL);
	assert_true(r->skip & CONTENT_LIMIT);
	free(r);
}

/* ---- event streams ---- */

static void put32(struct proto *m, uint64_t v)
{
	uint8_t p[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	proto_put(m, p, 4);
}

static void header_string(struct proto *m, const char *name, const char *value)
{
	uint8_t n = (uint8_t)strlen(name),
	        tail[3] = {7, (uint8_t)(strlen(value) >> 8), (uint8_t)strlen(value)};

	proto_put(m, &n, 1);
	proto_put(m, name, n);
	proto_put(m, tail, 3);
	proto_put(m, value, strlen(value));
}

static void event(struct proto *m, const struct proto *headers, const void *payload, size_t n)
{
	size_t from = m->n;

	put32(m, 16 + headers->n + n);
	put32(m, headers->n);
	put32(m, crc32(0, m->p + from, 8));
	proto_put(m, headers->p, headers->n);
	proto_put(m, payload, n);
	put32(m, crc32(0, m->p + from, (uInt)(m->n - from)));
}

#define EVENTS "application/vnd.amazon.eventstream"
#define ONE    "{\"text\":\"the key is AKIA\"}"

static void test_events(void **state)
{
	static const uint8_t others[] = {1, 'a', 0, 1, 'b', 1, 1, 'c', 2, 9, 1, 'd', 3, 1, 2, 1, 'e', 4, 1, 2,
	        3, 4, 1, 'f', 5, 1, 2, 3, 4, 5, 6, 7, 8, 1, 'g', 6, 0, 2, 1, 2, 1, 'h', 8, 1, 2, 3, 4, 5, 6,
	        7, 8, 1, 'i', 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

	(void)state;
	a.n = c.n = 0;
	proto_put(&a, others, sizeof(others));
	header_string(&a, ":event-type", "chunk");
	header_string(&a, "x-user", "somebody");
	header_string(&a, ":content-type", "application/json");
	event(&c, &a, ONE, strlen(ONE));
	a.n = 0;
	event(&c, &a, "", 0);
	event(&c, &a, "plain text", 10);
	check(EVENTS, &c,
	        "event[0].x-user <x-user> somebody\nevent[0].text <text> the key is AKIA\nevent[2] <> plain "
	        "text\n",
	        0);
	check("", &c,
	        "event[0].x-user <x-user> somebody\nevent[0].text <text> the key is AKIA\nevent[2] <> plain "
	        "text\n",
	        0);
	/* a signed one has another inside */
	b.n = 0;
	event(&b, &a, c.p, c.n);
	check(EVENTS, &b,
	        "event[0].event[0].x-user <x-user> somebody\nevent[0].event[0].text <text> the key is AKIA\n"
	        "event[0].event[2] <> plain text\n",
	        0);
	record_check(pool, EVENTS, "", b.p, b.n - 10,
	        "event[0].event[0].x-user <x-user> somebody\nevent[0].event[0].text <text> the key is AKIA\n"
	        "event[0].event[2] <> plain te\n",
	        CONTENT_BROKEN);
}

/* Behind what is broken or missing the next checksum brings order again. */
static void test_events_lost(void **state)
{
	size_t first;

	(void)state;
	a.n = c.n = 0;
	header_string(&a, ":content-type", "application/json");
	event(&c, &a, ONE, strlen(ONE));
	first = c.n;
	event(&c, &a, ONE, strlen(ONE));
	event(&c, &a, ONE, strlen(ONE));
	gap_check(EVENTS, first + 5, 10, 10,
	        "event[0].text <text> the key is AKIA\nbody <> ontent-type\n"
	        "body <> application/json{\"text\":\"the key is AKIA\"}oV\n" /* two letters of a checksum */
	        "event[1].text <text> the key is AKIA\n");
	c.p[first] ^= 1;
	check(EVENTS, &c,
	        "event[0].text <text> the key is AKIA\nbody <> o\r:content-type\n"
	        "body <> application/json{\"text\":\"the key is AKIA\"}oV\n"
	        "event[1].text <text> the key is AKIA\n",
	        CONTENT_BROKEN);
	/* headers that leave their room */
	c.n = 0;
	a.p[0] = 200;
	event(&c, &a, ONE, strlen(ONE));
	check(EVENTS, &c, "event[0].text <text> the key is AKIA\n", CONTENT_BROKEN);
	a.n = 0;
	proto_put(&a, "\1x\x0b", 3);
	c.n = 0;
	event(&c, &a, ONE, strlen(ONE));
	check(EVENTS, &c, "event[0].text <text> the key is AKIA\n", CONTENT_BROKEN);
	/* a false label */
	c.n = 0;
	proto_put(&c, ONE, strlen(ONE));
	check(EVENTS, &c, "text <text> the key is AKIA\n", 0);
	c.n = 4;
	check(EVENTS, &c, "", CONTENT_BROKEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_messages),
	        cmocka_unit_test(test_json),
	        cmocka_unit_test(test_ends),
	        cmocka_unit_test(test_compressed),
	        cmocka_unit_test(test_web_text),
	        cmocka_unit_test(test_lies),
	        cmocka_unit_test(test_gaps),
	        cmocka_unit_test(test_mutations),
	        cmocka_unit_test(test_bombs),
	        cmocka_unit_test(test_events),
	        cmocka_unit_test(test_events_lost),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
