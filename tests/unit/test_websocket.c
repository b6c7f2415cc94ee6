/* test_websocket.c - WebSocket frames to messages (RFC 6455), permessage-deflate by zlib's own encoder (RFC
 * 7692), records and packet types inside messages, gaps and captures that begin late. */
#include "tests/unit/layer_tape.h"
#include "tests/unit/names_util.h"

#include <zlib.h>

enum { CONT, TEXT, BINARY, CLOSE = 8, PING, PONG, FIN = 0x80, RSV1 = 0x40 };
enum { MASKED = 1, BARE = 0 };

static uint32_t seed = 1;

static uint32_t next_random(void)
{
	return (seed = seed * 1664525u + 1013904223u) >> 8;
}

static void frame(struct buf *b, uint8_t first, bool masked, const void *p, size_t n)
{
	uint8_t key[4] = {0};

	put_be(b, first, 1);
	put_be(b, (masked ? 0x80u : 0) | (n < 126 ? n : n < 65536 ? 126 : 127), 1);
	if (n >= 126)
		put_be(b, n, n < 65536 ? 2 : 8);
	for (int i = 0; masked && i < 4; i++)
		key[i] = (uint8_t)next_random();
	if (masked)
		put(b, key, 4);
	for (size_t i = 0; i < n; i++)
		put_be(b, ((const uint8_t *)p)[i] ^ key[i % 4], 1);
}

static void text(struct buf *b, const char *s)
{
	frame(b, FIN | TEXT, MASKED, s, strlen(s));
}

static const struct message handshake = {.dir = FLOW_C2S,
        .request = true,
        .version = 11,
        .index = 7,
        .upgrade = true,
        .method = {"GET", 3},
        .target = {"/v1/realtime?model=x", 20},
        .path = {"/v1/realtime", 12},
        .query = {"model=x", 7},
        .authority = {"api.example", 11}};
static const struct upgrade upgrade = {.to = UPGRADE_WEBSOCKET, .request = &handshake};

#define HEAD    "WEBSOCKET /v1/realtime ?model=x @api.example\n"
#define SAID(s) HEAD "/v1/realtime " s " end\n"
#define CUT(s)  HEAD "/v1/realtime " s " cut\n"

/* The client's bytes give this, in whatever pieces. */
static void check(const struct buf *b, const char *expect)
{
	for (size_t step = 1; step <= b->n; step += step < 40 || step * 3 > b->n ? 1 + step / 64 : step) {
		struct tape *t = tape_new(&websocket_layer, false, &upgrade);

		assert_int_equal(tape_feed(t, FLOW_C2S, b->p, b->n, step, 1), LAYER_MORE);
		tape_finish(t, expect);
	}
}

static void messages(void **state)
{
	static struct buf b;

	(void)state;
	b.n = 0;
	text(&b, "{\"type\":\"session.update\"}");
	frame(&b, FIN | BINARY, MASKED, "bytes", 5);
	frame(&b, FIN | TEXT, MASKED, "", 0);
	frame(&b, FIN | TEXT, BARE, "not masked", 10); /* 5.1: an error, and sent all the same */
	check(&b, SAID("{\"type\":\"session.update\"}") SAID("bytes") SAID("not masked"));
	/* 5.4: fragments, control frames between them, one without an end */
	b.n = 0;
	frame(&b, TEXT, MASKED, "one ", 4);
	frame(&b, FIN | PING, MASKED, "a note of mine", 14);
	frame(&b, FIN | PING, MASKED, "\x8f\x11\xfe\x02\x8f\x11\xfe\x02\x01",
	        9); /* as clients do to stay alive */
	frame(&b, FIN | PONG, MASKED, "1234", 4);
	frame(&b, CONT, MASKED, "", 0);
	frame(&b, FIN | PONG, MASKED, "", 0);
	frame(&b, FIN | CONT, MASKED, "message", 7);
	frame(&b, BINARY, MASKED, "open", 4);
	frame(&b, FIN | CLOSE, MASKED, "\x03\xe8", 2);
	frame(&b, FIN | CLOSE, MASKED, "\x03\xe8goodbye!", 10);
	check(&b, HEAD HEAD "/v1/realtime a note of mine end\n/v1/realtime one message end\n" HEAD HEAD
	                    "/v1/realtime goodbye! end\n/v1/realtime open cut\n");
	/* a new message where the old one was to go on; one that goes on from nothing */
	b.n = 0;
	frame(&b, TEXT, MASKED, "one", 3);
	frame(&b, FIN | TEXT, MASKED, "two", 3);
	frame(&b, FIN | CONT, MASKED, "three", 5);
	check(&b, CUT("one") SAID("two") "WEBSOCKET /v1/realtime ?model=x @api.example damaged\n"
	                                 "/v1/realtime three end\n");
}

/* Lengths of all three forms, and one of which only the beginning is captured. */
static void lengths(void **state)
{
	static const size_t sizes[] = {1, 125, 126, 127, 65535, 65536, 70374};
	static struct buf b;
	static char body[70400];

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)('a' + i % 23);
	for (size_t i = 0; i < 7; i++) {
		char *expect = malloc(sizeof(body) + 200);

		b.n = 0;
		frame(&b, FIN | TEXT, MASKED, body, sizes[i]);
		sprintf(expect, HEAD "/v1/realtime %.*s end\n", (int)sizes[i], body);
		for (size_t step = 1; step < 100000; step = step * 11 + 1) {
			struct tape *t = tape_new(&websocket_layer, false, &upgrade);

			tape_feed(t, FLOW_C2S, b.p, b.n, step, 1);
			tape_finish(t, expect);
		}
		free(expect);
	}
}

/* ---- compression ---- */

static void deflate_message(z_stream *z, const char *s, size_t n, struct buf *out)
{
	static uint8_t room[200000];

	z->next_in = (Bytef *)(uintptr_t)s;
	z->avail_in = (uInt)n;
	z->next_out = room;
	z->avail_out = sizeof(room);
	assert_int_equal(deflate(z, Z_SYNC_FLUSH), Z_OK);
	assert_int_equal(z->avail_in, 0);
	out->n = 0;
	put(out, room, sizeof(room) - z->avail_out - 4); /* RFC 7692 7.2.1: without the last 00 00 ff ff */
}

#define SECRET "{\"t\":\"ghp_0123456789abcdefghijklmnop\"}"

/* With every window there is, with and without context taken over, whole and in fragments: repeated texts are
 * references into messages before. */
static void deflated(void **state)
{
	static struct buf b, z;
	static char big[70000], expect[400000];

	(void)state;
	for (size_t i = 0; i < sizeof(big) - 1; i++)
		big[i] = (char)('a' + next_random() % 26);
	for (int bits = 9; bits <= 15; bits++) {
		for (int takeover = 0; takeover < 2; takeover++) {
			z_stream s = {0};
			char *e = expect;

			assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
			b.n = 0;
			for (int i = 0; i < 6; i++) {
				const char *m = i == 3 ? big : SECRET;
				size_t half;

				deflate_message(&s, m, strlen(m), &z);
				if (!takeover)
					deflateReset(&s);
				half = z.n / 2;
				if (i % 2)
					frame(&b, FIN | RSV1 | TEXT, MASKED, z.p, z.n);
				else
					frame(&b, RSV1 | TEXT, MASKED, z.p, half);
				if (i % 2 == 0)
					frame(&b, FIN | CONT, MASKED, z.p + half, z.n - half);
				if (i == 4) /* 7.2.3.2: one that is not compressed may stand between */
					text(&b, "plain");
				e += sprintf(
				        e, HEAD "/v1/realtime %s end\n%s", m, i == 4 ? SAID("plain") : "");
			}
			deflateEnd(&s);
			for (size_t step = 1; step < 200000; step = step * 9 + 1) {
				struct tape *t = tape_new(&websocket_layer, false, &upgrade);

				tape_feed(t, FLOW_C2S, b.p, b.n, step, 1);
				assert_false(t->c.limited);
				tape_finish(t, expect);
			}
		}
	}
}

/* RFC 7692 7.2.3: the specification's own examples. */
static void deflated_by_the_book(void **state)
{
	static const char *const hex[] = {"c107f248cdc9c90700", "c105f200110000",
	        "c10b000500faff48656c6c6f00", "c108f348cdc9c9070000", "c10df248050000 00ffffcac9c90700"};
	static struct buf b;

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		char flat[64] = "";
		struct tape *t = tape_new(&websocket_layer, false, &upgrade);

		for (const char *c = hex[i]; *c; c++)
			if (*c != ' ')
				strncat(flat, c, 1);
		b.n = 0;
		put_hex(&b, hex[0]);
		if (i)
			put_hex(&b, flat);
		tape_feed(t, FLOW_C2S, b.p, b.n, 1, 1);
		tape_finish(t, i ? SAID("Hello") SAID("Hello") : SAID("Hello"));
	}
}

/* Broken and lying compression, and what blows up: the message says so, the next ones are read, the memory is
 * one window and the work in proportion to what was sent. */
static void bombs(void **state)
{
	static struct buf b, z;
	static char zeros[150000];
	z_stream s = {0};
	struct tape *t = tape_new(&websocket_layer, false, &upgrade);

	(void)state;
	b.n = 0;
	frame(&b, FIN | RSV1 | TEXT, MASKED, "\xff\xff\xff\xff\xff", 5);
	text(&b, "next");
	tape_feed(t, FLOW_C2S, b.p, b.n, 3, 1);
	tape_finish(t,
	        "WEBSOCKET /v1/realtime ?model=x @api.example\n/v1/realtime <1 missed> cut\n" SAID("next"));

	assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	t = tape_new(&websocket_layer, false, &upgrade);
	t->quiet = true;
	for (int i = 0; i < 2000; i++) {
		deflate_message(&s, zeros, sizeof(zeros), &z);
		b.n = 0;
		frame(&b, FIN | RSV1 | BINARY, MASKED, z.p, z.n);
		tape_feed(t, FLOW_C2S, b.p, b.n, 4096, 1);
	}
	deflateEnd(&s);
	/* 300 MB were sent as 320 kB: no more than the free MiB, 200 times that, and a piece for each stop */
	assert_true(t->c.limited);
	assert_true(t->body < (1u << 20) + 200 * 2000 * b.n + 2000 * 16384);
	assert_true(t->body < 100000000);
	assert_int_equal(t->heads, 2000);
	assert_true(pool_used(t->bigs) <= 1 && pool_used(t->blocks) <= 1);
	t->quiet = false;
	b.n = 0;
	text(&b, "after");
	tape_feed(t, FLOW_C2S, b.p, b.n, 99, 1);
	tape_finish(t, SAID("after"));
}

/* ---- what stands inside text messages ---- */

/* Records that were inflated from little are not a request each: what is too many stays together. */
static void records_without_number(void **state)
{
	static struct buf b, z;
	static char many[200000];
	z_stream s = {0};
	struct tape *t = tape_new(&websocket_layer, false, &upgrade);
	size_t sent = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(many); i++)
		many[i] = i % 2 ? '\x1e' : '1';
	assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	t->quiet = true;
	for (int i = 0; i < 5; i++) {
		deflate_message(&s, many, sizeof(many), &z);
		b.n = 0;
		frame(&b, FIN | RSV1 | TEXT, MASKED, z.p, z.n);
		sent += z.n;
		tape_feed(t, FLOW_C2S, b.p, b.n, 4096, 1);
	}
	deflateEnd(&s);
	assert_true(t->heads > 4096 && t->heads < 4096 + sent / 8 + 20);
	assert_true(t->body > 5 * (sizeof(many) / 2 - 1)); /* nothing of it is left out */
	assert_true(t->whole == t->heads);
	/* with a message of another time they are apart again */
	memset(many, 'x', 1000);
	b.n = 0;
	frame(&b, FIN | TEXT, MASKED, many, 1000);
	tape_feed(t, FLOW_C2S, b.p, b.n, 4096, 1);
	t->quiet = false;
	b.n = 0;
	text(&b, "one\x1etwo");
	tape_feed(t, FLOW_C2S, b.p, b.n, 99, 1);
	tape_finish(t, SAID("one") SAID("two"));
}

static void records(void **state)
{
	static struct buf b;

	(void)state;
	b.n = 0;
	text(&b, "{\"protocol\":\"json\",\"version\":1}\x1e");
	text(&b, "{\"type\":1,\"a\":\"x\"}\x1e{\"type\":6}\x1e\x1e{\"cut\":");
	frame(&b, TEXT, MASKED, "{\"b\"", 4);
	frame(&b, FIN | CONT, MASKED, ":2}\x1e{}", 6);
	frame(&b, FIN | BINARY, MASKED,
	        "a\x1e"
	        "b",
	        3);
	check(&b, SAID("{\"protocol\":\"json\",\"version\":1}") SAID("{\"type\":1,\"a\":\"x\"}")
	                  SAID("{\"type\":6}") SAID("{\"cut\":") SAID("{\"b\":2}") SAID("{}") SAID("a\x1e"
	                                                                                           "b"));
}

static void packets(void **state)
{
	static const struct {
		const char *said, *read;
	} rows[] = {{"42[\"chat\",{\"a\":1}]", "[\"chat\",{\"a\":1}]"}, {"2", "2"}, {"40", "40"},
	        {"0{\"sid\":\"x\"}", "{\"sid\":\"x\"}"}, {"42/admin,17[\"e\"]", "[\"e\"]"},
	        {"451-[\"e\",{\"_placeholder\":true}]", "[\"e\",{\"_placeholder\":true}]"},
	        {"451-/n,3[\"e\"]", "[\"e\"]"}, {"4\"text\"", "\"text\""},
	        {"40/admin,{\"t\":1}", "{\"t\":1}"},
	        {"42/a namespace longer than any,[1]", "42/a namespace longer than any,[1]"},
	        {"4242424242424242 [", "4242424242424242 ["}, {"42/ns", "42/ns"},
	        {"12 o'clock", "12 o'clock"}, {"[42]", "[42]"}, {"4-2[", "4-2["},
	        {"42424242424[1]", "42424242424[1]"},
	        {"42\x1e"
	         "43[0]",
	                NULL}};
	static struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char expect[400];

		b.n = 0;
		text(&b, rows[i].said);
		sprintf(expect, rows[i].read ? SAID("%s") : SAID("42") SAID("[0]"), rows[i].read);
		check(&b, expect);
	}
}

/* ---- the server's side ---- */

static void answers(void **state)
{
	static struct buf b;

	(void)state;
	b.n = 0;
	frame(&b, FIN | TEXT, BARE, "{\"type\":\"session.created\"}", 26);
	frame(&b, FIN | PING, BARE, "keep", 4);
	frame(&b, TEXT, BARE, "a", 1);
	frame(&b, FIN | CONT, MASKED, "b", 1);
	for (int wanted = 0; wanted < 2; wanted++) {
		for (size_t step = 1; step <= b.n; step++) {
			struct tape *t = tape_new(&websocket_layer, false, &upgrade);

			t->answers = wanted;
			tape_feed(t, FLOW_S2C, b.p, b.n, step, 1);
			assert_int_equal(t->body, wanted ? 28 : 0);
			/* asked once */
			tape_finish(
			        t, wanted ? "101\n101 {\"type\":\"session.created\"} end\n101\n101 ab end\n"
			                  : "101\n101 cut\n");
		}
	}
}

/* ---- what was not captured ---- */

/* A gap within a frame keeps its mask and its end; one beyond it waits for a frame. */
static void gaps(void **state)
{
	static struct buf b;
	struct tape *t = tape_new(&websocket_layer, false, &upgrade);
	size_t first;

	(void)state;
	b.n = 0;
	text(&b, "0123456789abcdefghij");
	first = b.n;
	text(&b, "untouched message");
	tape_feed(t, FLOW_C2S, b.p, 9, 99, 1);
	tape_lose(t, FLOW_C2S, 7);
	tape_feed(t, FLOW_C2S, b.p + 16, b.n - 16, 5, 1);
	tape_finish(t, HEAD "/v1/realtime 012abcdefghij <7 missed> cut\n" SAID("untouched message"));
	/* the gap ends within the next frame, then one begins anywhere in a segment */
	b.n = 0;
	text(&b, "0123456789abcdefghij");
	text(&b, "partly missed, and nobody knows its mask");
	text(&b, "found once again");
	frame(&b, FIN | BINARY, MASKED, "\x01\x02\x03", 3);
	t = tape_new(&websocket_layer, false, &upgrade);
	tape_feed(t, FLOW_C2S, b.p, 9, 99, 1);
	tape_lose(t, FLOW_C2S, first + 12 - 9);
	tape_feed(t, FLOW_C2S, b.p + first + 12, b.n - first - 12, 999, 1);
	tape_finish(
	        t, HEAD "/v1/realtime 012 <1 missed> cut\n" SAID("found once again") SAID("\x01\x02\x03"));
	/* of unknown length, within a header */
	t = tape_new(&websocket_layer, false, &upgrade);
	tape_feed(t, FLOW_C2S, b.p, 3, 99, 1);
	tape_lose(t, FLOW_C2S, 0);
	tape_feed(t, FLOW_C2S, b.p + first, b.n - first, 999, 1);
	tape_finish(t, SAID("partly missed, and nobody knows its mask") SAID("found once again")
	                       SAID("\x01\x02\x03"));
}

/* Compressed messages behind a gap: what is sent anew is read, what refers to the gap is blank. */
static void gaps_in_a_window(void **state)
{
	static struct buf b, z;
	z_stream s = {0};
	struct tape *t = tape_new(&websocket_layer, false, &upgrade);
	const char *first;

	(void)state;
	assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (int i = 0; i < 3; i++) {
		static const char *const says[] = {
		        SECRET, ("{\"new\":\"0987654321\"}" SECRET), "{\"new\":\"0987654321\"}"};

		deflate_message(&s, says[i], strlen(says[i]), &z);
		b.n = 0;
		frame(&b, FIN | RSV1 | TEXT, MASKED, z.p, z.n);
		if (i)
			tape_feed(t, FLOW_C2S, b.p, b.n, 999, 1);
		else
			tape_lose(t, FLOW_C2S, b.n);
	}
	deflateEnd(&s);
	tape_close(t);
	assert_null(strstr(t->text, "0123456789"));
	first = strstr(t->text, "{\"new   0987654321 ");
	assert_non_null(first);
	assert_non_null(strstr(first + 1, "{\"new   0987654321 "));
	tape_free(t);
}

/* The handshake was not captured. */
static void begins_late(void **state)
{
	static struct buf b;
	struct tape *t;

	(void)state;
	b.n = 0;
	put_text(&b, "the rest of a frame");
	text(&b, "first to be read");
	text(&b, "second");
	assert_true(websocket_frames(b.p, b.n, FLOW_C2S));
	assert_false(websocket_frames(b.p, 19, FLOW_C2S));
	t = tape_new(&websocket_layer, true, NULL);
	tape_feed(t, FLOW_C2S, b.p, b.n, 999, 1);
	tape_finish(t, "WEBSOCKET  missed\n first to be read end\nWEBSOCKET  missed\n second end\n");
}

static bool segment(struct websocket_trace *t, const struct buf *b, size_t from, size_t to)
{
	uint8_t *copy = malloc(to - from);
	bool yes;

	memcpy(copy, b->p + from, to - from);
	yes = websocket_segment(t, copy, to - from, FLOW_C2S);
	free(copy);
	return yes;
}

/* Segments of a client's own frames show by where they end what none of them does alone. */
static void frame_by_frame(void **state)
{
	static struct buf b;
	struct websocket_trace t = {0}, server = {0};
	size_t from[8];

	(void)state;
	b.n = 0;
	for (unsigned i = 0; i < 8; i++) {
		from[i] = b.n;
		frame(&b, FIN | BINARY, MASKED, "\x92\x01\xa5hello\xc0", i ? 9 : 4);
	}
	assert_false(websocket_frames(b.p, from[2], FLOW_C2S));
	assert_false(segment(&t, &b, from[0], from[1]));
	assert_false(segment(&t, &b, from[1], from[2] + 9)); /* one that goes on in the next segment */
	assert_false(segment(&t, &b, from[2] + 9, from[3]));
	assert_false(segment(&t, &b, from[3], from[5] + 9));
	assert_false(segment(&t, &b, from[5] + 9, from[6])); /* no frame begins here */
	assert_true(segment(&t, &b, from[6], from[7]));
	/* a byte too much, and all begins anew */
	assert_false(segment(&t, &b, from[4], from[5] + 1));
	assert_int_equal(t.whole, 0);
	assert_false(segment(&t, &b, from[5], from[6]));
	assert_false(segment(&t, &b, from[6], from[7]));
	assert_true(segment(&t, &b, from[7], b.n));
	for (unsigned i = 0; i < 5; i++)
		assert_false(websocket_segment(&server, b.p + from[i], from[i + 1] - from[i], FLOW_S2C));
}

/* Segments of noise, the shortest too: never. */
static void noise_in_segments(void **state)
{
	struct websocket_trace t = {0};

	(void)state;
	for (int i = 0; i < 300000; i++) {
		uint8_t p[64];
		size_t n = 2 + next_random() % 63;

		for (size_t k = 0; k < n; k++)
			p[k] = (uint8_t)(i % 2 || next_random() % 4 ? next_random() : 0);
		assert_false(websocket_segment(&t, p, n, FLOW_C2S));
	}
}

/* How often noise is taken for frames: ciphertext, text, and numbers with many zeros. */
static void noise(void **state)
{
	unsigned found[3] = {0};

	(void)state;
	for (int i = 0; i < 3000; i++) {
		uint8_t p[1400];

		for (int kind = 0; kind < 3; kind++) {
			for (size_t k = 0; k < sizeof(p); k++)
				p[k] = (uint8_t)(kind == 0           ? next_random()
				                 : kind == 1         ? 32 + next_random() % 95
				                 : next_random() % 4 ? 0
				                                     : next_random());
			found[kind] += websocket_frames(p, sizeof(p), i % 2 ? FLOW_C2S : FLOW_S2C);
		}
	}
	assert_in_range(found[0], 0, 6);
	assert_int_equal(found[1], 0);
	assert_in_range(found[2], 0, 6);
}

/* Every prefix, every flipped bit, gaps of any length anywhere: in order, within bounds, and read again. */
static void hostile(void **state)
{
	static struct buf b, z;
	z_stream s = {0};

	(void)state;
	b.n = 0;
	text(&b, "42[\"x\"]\x1e{\"y\":1}");
	assert_int_equal(deflateInit2(&s, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	deflate_message(&s, SECRET, strlen(SECRET), &z);
	deflateEnd(&s);
	frame(&b, RSV1 | TEXT, MASKED, z.p, 10);
	frame(&b, FIN | PING, MASKED, "ping!", 5);
	frame(&b, FIN | CONT, MASKED, z.p + 10, z.n - 10);
	for (size_t i = 0; i < b.n * 8; i++) {
		struct tape *t = tape_new(&websocket_layer, i % 2, &upgrade);

		b.p[i / 8] ^= (uint8_t)(1u << i % 8);
		tape_feed(t, i % 5 ? FLOW_C2S : FLOW_S2C, b.p, b.n, 1 + i % 17, 1);
		b.p[i / 8] ^= (uint8_t)(1u << i % 8);
		tape_finish(t, NULL);
	}
	for (size_t n = 0; n <= b.n; n++) {
		for (size_t missed = 0; missed < 40; missed += 3) {
			struct tape *t = tape_new(&websocket_layer, false, &upgrade);
			static struct buf more;

			tape_feed(t, FLOW_C2S, b.p, n, 1000, 1);
			tape_lose(t, FLOW_C2S, missed);
			more.n = 0;
			for (int i = 0; i < 3; i++)
				text(&more, "a message that is read again");
			tape_feed(t, FLOW_C2S, more.p, more.n, 34, 1);
			tape_close(t);
			if (!missed)
				assert_non_null(strstr(t->text, "a message that is read again end"));
			tape_free(t);
		}
	}
}

/* No memory for a window: the message says so, and those that need none are read. */
static void no_memory(void **state)
{
	static struct buf b;
	struct tape *t = tape_new(&websocket_layer, false, &upgrade);

	(void)state;
	arena_use_big(&t->arena, NULL);
	b.n = 0;
	put_hex(&b, "c107f248cdc9c90700");
	text(&b, "plain");
	tape_feed(t, FLOW_C2S, b.p, b.n, 99, 1);
	assert_true(t->c.limited);
	tape_finish(t,
	        "WEBSOCKET /v1/realtime ?model=x @api.example\n/v1/realtime <1 missed> cut\n" SAID("plain"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(messages),
	        cmocka_unit_test(lengths),
	        cmocka_unit_test(deflated),
	        cmocka_unit_test(deflated_by_the_book),
	        cmocka_unit_test(bombs),
	        cmocka_unit_test(records),
	        cmocka_unit_test(records_without_number),
	        cmocka_unit_test(packets),
	        cmocka_unit_test(answers),
	        cmocka_unit_test(gaps),
	        cmocka_unit_test(gaps_in_a_window),
	        cmocka_unit_test(begins_late),
	        cmocka_unit_test(noise),
	        cmocka_unit_test(hostile),
	        cmocka_unit_test(no_memory),
	        cmocka_unit_test(frame_by_frame),
	        cmocka_unit_test(noise_in_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
