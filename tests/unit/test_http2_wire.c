/* test_http2_wire.c - HTTP/2 frames by hand (RFC 9113): what no library sends, in any pieces, with parts
 * missing, and in floods. */
#include "tests/unit/h2_write.h"
#include "tests/unit/layer_tape.h"

#include "base/clock.h"

#include <time.h>

static struct buf up, down;

#define POST(id, flags, path)                                                                                \
	h2_head(&up, flags, id, ":method: POST\n:scheme: http\n:path: " path "\n:authority: a.example\n")
#define OK(id, flags) h2_head(&down, flags, id, ":status: 200\ncontent-type: text/plain\n")

static void begin(void)
{
	up.n = down.n = 0;
	h2_begin(&up);
	h2_frame(&down, T_SETTINGS, 0, 0, NULL, 0);
}

/* Client, then server, in whatever pieces. */
static void check(const char *expect)
{
	size_t n = up.n + down.n;

	for (size_t step = 1; step <= n; step += step < 30 ? 1 : step / 2) {
		struct tape *t = tape_new(&http2_layer, false, NULL);

		assert_int_equal(tape_feed(t, FLOW_C2S, up.p, up.n, step, 1), LAYER_MORE);
		assert_int_equal(tape_feed(t, FLOW_S2C, down.p, down.n, step, 1), LAYER_MORE);
		assert_false(t->c.limited);
		tape_finish(t, expect);
	}
}

/* ---- whole connections ---- */

static void interleaved(void **state)
{
	struct tape *t;

	(void)state;
	begin();
	POST(1, 0, "/one?a=b");
	POST(3, 0, "/three");
	h2_data(&up, 0, 1, "o");
	h2_data(&up, 0, 3, "th");
	POST(5, F_END, "/five");
	h2_data(&up, 0, 1, "ne");
	h2_frame(&up, T_PRIORITY, 0, 3, "\0\0\0\1\x10", 5);
	h2_data(&up, F_END, 3, "ree");
	h2_frame(&up, T_PING, 0, 0, "12345678", 8);
	h2_frame(&up, T_WINDOW, 0, 0, "\0\0\1\0", 4);
	h2_frame(&up, 0x10, 0, 0, "\0\0\0\3u=1", 7);     /* PRIORITY_UPDATE, RFC 9218 */
	h2_frame(&up, 0xfa, 0xff, 77, "unheard of", 10); /* 5.5: ignored */
	h2_frame(&up, T_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0", 8);
	h2_data(&up, F_END, 1, "");
	check("POST /one ?a=b @a.example\nPOST /three @a.example\nPOST /five @a.example\n/five end\n/three "
	      "three "
	      "end\n/one one end\n");
	/* an answer has the number of its request, whatever the order */
	OK(5, F_END);
	h2_head(&down, 0, 3, ":status: 103\nlink: </x>\n");
	h2_head(&down, 0, 3, ":status: 200\n");
	h2_data(&down, 0, 3, "yes");
	h2_head(&down, F_END, 3, "grpc-status: 0\ngrpc-message: fine\n");
	OK(1, 0);
	h2_data(&down, F_END, 1, "one");
	t = tape_new(&http2_layer, false, NULL);
	t->answers = t->index = true;
	tape_feed(t, FLOW_C2S, up.p, up.n, 1000, 1);
	tape_feed(t, FLOW_S2C, down.p, down.n, 3, 1);
	tape_finish(t,
	        "POST /one #0 ?a=b @a.example\nPOST /three #1 @a.example\nPOST /five #2 @a.example\n/five "
	        "end\n/three three end\n/one one end\n200 #2 type=text/plain\n200 end\n103 #1\n103 end\n200 "
	        "#1\n200 yes ~grpc-status=0 ~grpc-message=fine end\n200 #0 type=text/plain\n200 one end\n");
}

/* 6.1, 6.2, 6.10: padding, priority, blocks over many frames, promises; 8.1: trailers. */
static void frames_of_every_kind(void **state)
{
	static struct buf block, padded;

	(void)state;
	begin();
	block.n = padded.n = 0;
	h2_field(&block, ":method", "PUT");
	h2_field(&block, ":path", "/p");
	h2_field(&block, "content-encoding", "gzip");
	h2_field(&block, "content-encoding", "br");
	put_be(&padded, 5, 1);
	put_hex(&padded, "0000000110");
	put(&padded, block.p, 20);
	put_fill(&padded, 0, 5);
	h2_frame(&up, T_HEADERS, F_PADDED | F_PRIORITY, 1, padded.p, padded.n);
	for (size_t i = 20; i < block.n; i++)
		h2_frame(&up, T_CONT, 0, 1, block.p + i, 1);
	h2_frame(&up, T_CONT, F_HEADERS, 1, NULL, 0);
	h2_frame(&up, T_DATA, F_PADDED, 1, "\3abc\0\0\0", 7);
	h2_frame(&up, T_DATA, F_PADDED, 1, "\2\0\0", 3);
	h2_frame(&up, T_DATA, F_PADDED, 1, "\0d", 2);
	h2_frame(&up, T_DATA, 0, 1, NULL, 0);
	h2_head(&up, F_END, 1, "x-note: behind\nx-sum: 1\n");
	/* a request that is a head alone, its block in two frames: END_STREAM stands with the first */
	h2_frame(&up, T_HEADERS, F_END, 3, block.p, 20);
	h2_frame(&up, T_CONT, F_HEADERS, 3, block.p + 20, block.n - 20);
	check("PUT /p coding=gzip,br\n/p abcd ~x-note=behind ~x-sum=1 end\nPUT /p coding=gzip,br\n/p end\n");
	/* a promise is the server's own request, and its block has to be read for what comes after */
	padded.n = 0;
	put_be(&padded, 2, 4);
	put_hex(&padded, "44022f70"); /* :path /p into the table */
	h2_frame(&down, T_PUSH, F_HEADERS, 1, padded.p, padded.n);
	h2_frame(&down, T_HEADERS, F_HEADERS | F_END, 1, "\x88\xbe", 2);
	h2_frame(&down, T_HEADERS, F_HEADERS, 2, "\x88", 1);
	h2_data(&down, F_END, 2, "pushed");
	up.n = 0;
	h2_begin(&up);
	POST(1, F_END, "/");
	check("POST / @a.example\n/ end\n200\n200 end\n200\n200 end\n");
}

/* Frames that break the rules are passed over, not those behind them. */
static void broken_frames(void **state)
{
	(void)state;
	begin();
	POST(1, 0, "/a");
	h2_frame(&up, T_DATA, 0, 0, "stream 0", 8);
	h2_frame(&up, T_DATA, F_PADDED, 1,
	        "\xff"
	        "abc",
	        4);
	h2_frame(&up, T_HEADERS, F_PRIORITY | F_HEADERS, 3, "\0", 1);
	h2_frame(&up, T_CONT, F_HEADERS, 1, "\x88", 1);
	h2_frame(&up, T_RST, 0, 9, "\0\0\0\0", 4);
	h2_frame(&up, T_RST, 0, 0, "", 0);
	h2_data(&up, F_END, 1, "read");
	check("POST /a @a.example\n/a read end\n");
	/* 6.10: a block that is left off; the table behind it is not known */
	begin();
	h2_frame(&up, T_HEADERS, 0, 1, "\x83\x84", 2);
	POST(3, F_END, "/next");
	check("POST /next @a.example\n/next end\n");
	/* malformed: what came before it is told */
	begin();
	h2_frame(&up, T_HEADERS, F_HEADERS, 1, "\x83\x84\x80", 3);
	h2_data(&up, F_END, 1, "body");
	POST(3, F_END, "/next");
	check("POST / damaged\n/ body end\nPOST /next @a.example\n/next end\n");
	/* data behind the stream's end was sent all the same */
	begin();
	POST(1, F_END, "/a");
	h2_data(&up, 0, 1, "more");
	h2_data(&up, F_END, 99, "never opened");
	check("POST /a @a.example\n/a end\n  damaged\n  damaged\n never opened end\n more cut\n");
}

static void no_http2(void **state)
{
	struct tape *t = tape_new(&http2_layer, false, NULL);

	(void)state;
	assert_int_equal(tape_feed(t, FLOW_C2S, H2_PREFACE "GET / HTTP/1.1\r\n", 40, 7, 1), LAYER_BAD);
	tape_finish(t, "");
}

/* 5.4.2: who resets says no more; what the client sends until it hears of that is read. */
static void resets(void **state)
{
	struct tape *t = tape_new(&http2_layer, false, NULL);

	(void)state;
	begin();
	POST(1, 0, "/client");
	h2_data(&up, 0, 1, "half");
	h2_frame(&up, T_RST, 0, 1, "\0\0\0\x08", 4);
	POST(3, 0, "/server");
	h2_data(&up, 0, 3, "half");
	h2_frame(&down, T_RST, 0, 3, "\0\0\0\x07", 4);
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, NS_PER_S);
	tape_feed(t, FLOW_S2C, down.p, down.n, 99, NS_PER_S);
	up.n = 0;
	h2_data(&up, 0, 3, " and in flight");
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, NS_PER_S + NS_PER_S / 2);
	assert_null(strstr(t->text, "flight"));
	up.n = 0;
	POST(5, F_END, "/later");
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, 3 * NS_PER_S);
	tape_finish(t, "POST /client @a.example\n/client half cut\nPOST /server @a.example\n/server half and "
	               "in flight "
	               "cut\nPOST /later @a.example\n/later end\n");
	/* more of them than are waited for: the first ends at once */
	t = tape_new(&http2_layer, false, NULL);
	begin();
	for (uint32_t id = 1; id < 2 * 34; id += 2)
		POST(id, 0, "/x");
	for (uint32_t id = 1; id < 2 * 34; id += 2)
		h2_frame(&down, T_RST, 0, id, "\0\0\0\7", 4);
	tape_feed(t, FLOW_C2S, up.p, up.n, 999, 1);
	tape_feed(t, FLOW_S2C, down.p, down.n, 999, 1);
	assert_int_equal(t->heads, 34);
	assert_int_equal(t->ends, 2);
	tape_finish(t, NULL);
}

/* 8.5, RFC 8441: the stream's data is a connection of its own. */
static void tunnels(void **state)
{
	struct tape *t = tape_new(&http2_layer, false, NULL);

	(void)state;
	begin();
	h2_head(&up, 0, 1, ":method: CONNECT\n:authority: in.example:443\n");
	h2_head(&up, 0, 3, ":method: CONNECT\n:authority: no.example:443\n");
	h2_head(&up, 0, 5,
	        ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:path: /chat\n:authority: "
	        "ws.example\n");
	h2_head(&up, 0, 7, ":method: CONNECT\n:protocol: connect-udp\n:authority: u.example\n");
	OK(1, 0);
	h2_head(&down, F_END, 3, ":status: 403\n");
	OK(5, 0);
	h2_data(&down, 0, 5, "ws");
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, 1);
	tape_feed(t, FLOW_S2C, down.p, down.n, 99, 1);
	up.n = down.n = 0;
	h2_data(&up, 0, 1, "hello");
	h2_data(&up, 0, 3, "refused");
	h2_frame(&up, T_DATA, F_PADDED, 5, "\2ws\0\0", 5);
	h2_data(&up, 0, 7, "did not wait");
	h2_data(&up, F_END, 1, "");
	h2_data(&down, F_END, 1, "bye");
	h2_frame(&down, T_RST, 0, 5, "\0\0\0\0", 4);
	OK(7, 0);
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, 1);
	tape_feed(t, FLOW_S2C, down.p, down.n, 99, 1);
	tape_finish(t,
	        "CONNECT  @in.example:443 upgrade\n end\nCONNECT  @no.example:443 upgrade\n end\nCONNECT "
	        "/chat @ws.example "
	        "upgrade\n/chat end\nCONNECT  @u.example upgrade\n end\n200 type=text/plain\ninside 1 tunnel "
	        "in.example:443\n200 end\n403\n403 end\n200 type=text/plain\ninside 5 websocket "
	        "ws.example\n200 "
	        "end\n5<ws\n1>hello\n  damaged\n5>ws\ninside 7 unknown u.example\n7>did not "
	        "wait\n1<bye\noutside 1\noutside 5\n200 type=text/plain\n200 end\n refused cut\noutside 7\n");
}

/* RFC 7540 3.2: the request that asked for the upgrade is stream 1. */
static void after_an_upgrade(void **state)
{
	static const struct message asked = {.dir = FLOW_C2S, .request = true, .index = 4};
	static const struct upgrade h2c = {.to = UPGRADE_H2C, .request = &asked};
	struct tape *t = tape_new(&http2_layer, false, &h2c);

	(void)state;
	t->index = true;
	begin();
	OK(1, 0);
	h2_data(&down, F_END, 1, "first");
	OK(3, F_END);
	POST(3, F_END, "/second");
	tape_feed(t, FLOW_S2C, down.p, 9, 4, 1);
	tape_feed(t, FLOW_C2S, up.p, up.n, 5, 1);
	tape_feed(t, FLOW_S2C, down.p + 9, down.n - 9, 6, 1);
	tape_finish(t, "POST /second #5 @a.example\n/second end\n200 #4 type=text/plain\n200 end\n200 #5 "
	               "type=text/plain\n200 end\n");
}

/* One side alone is captured: requests are read, and those that seem never to be answered make room. */
static void one_side(void **state)
{
	struct tape *t = tape_new(&http2_layer, false, NULL);

	(void)state;
	begin();
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, 1);
	for (uint32_t id = 1; id < 4000; id += 2) {
		up.n = 0;
		POST(id, 0, "/x");
		h2_data(&up, F_END, id, "body");
		tape_feed(t, FLOW_C2S, up.p, up.n, 99, 1);
	}
	assert_int_equal(t->heads, 2000);
	assert_int_equal(t->ends, 2000);
	assert_int_equal(t->whole, 2000);
	assert_false(t->c.limited);
	assert_true(pool_used(t->blocks) <= 8);
	tape_finish(t, NULL);
	t = tape_new(&http2_layer, false, NULL);
	begin();
	OK(1, 0);
	h2_data(&down, F_END, 1, "x");
	tape_feed(t, FLOW_S2C, down.p, down.n, 99, 1);
	tape_finish(t, "200 type=text/plain\n200 end\n");
}

/* ---- what was not captured ---- */

static const char filler[] =
        "filler, filler, filler, filler, filler, filler, filler, filler, filler, filler, filler, ";

/* A gap of every length at every place: no message is lost that does not touch it, data behind it is read,
 * and only what was sent comes out. */
static void gaps_everywhere(void **state)
{
	size_t from, until;

	(void)state;
	begin();
	POST(1, 0, "/one");
	from = up.n;
	h2_data(&up, 0, 1, filler);
	h2_data(&up, F_END, 1, "one");
	POST(3, 0, "/three");
	h2_data(&up, F_END, 3, filler);
	until = up.n;
	POST(5, 0, "/five");
	h2_data(&up, F_END, 5, "untouched");
	for (size_t at = from; at < until; at += 3) {
		for (size_t missed = 1; missed <= until - at; missed += 7) {
			struct tape *t = tape_new(&http2_layer, false, NULL);

			tape_feed(t, FLOW_C2S, up.p, at, 1000, 1);
			tape_lose(t, FLOW_C2S, at % 2 ? missed : 0);
			tape_feed(t, FLOW_C2S, up.p + at + missed, up.n - at - missed, 1000, 1);
			tape_close(t);
			if (!strstr(t->text, "POST /five @a.example\n") ||
			        !strstr(t->text, "/five untouched end\n"))
				fail_msg("%zu bytes at %zu: %s", missed, at, t->text);
			assert_null(strstr(t->text, "/three filler, end"));
			tape_free(t);
		}
	}
}

/* Behind a gap: text goes to the stream whose data it was, or to a request that nobody can name; the next
 * frame is found wherever it begins; the table's entries are not known, and those added later are. */
static void behind_a_gap(void **state)
{
	static const char known[] = "\x83\xbe\xbf";
	struct tape *t = tape_new(&http2_layer, false, NULL);
	size_t at;

	(void)state;
	begin();
	h2_frame(&up, T_HEADERS, F_HEADERS, 1, "\x83\x44\x02/a\x40\x03x-n\x01v",
	        12); /* /a and x-n: v into the table */
	h2_data(&up, 0, 1, "0123456789");
	at = up.n;
	h2_data(&up, 0, 1, "abcdefghijklmnopqrstuvwxyz");
	h2_frame(&up, T_HEADERS, F_HEADERS | F_END, 3, known, 3);
	h2_frame(&up, T_HEADERS, F_HEADERS | F_END, 5, "\x83\x44\x02/c\x40\x03x-m\x01w", 12);
	h2_frame(&up, T_HEADERS, F_HEADERS | F_END, 7, known, 3);
	h2_data(&up, F_END, 1, "END");
	t->headers = true;
	tape_feed(t, FLOW_C2S, up.p, at, 99, 1);
	tape_lose(t, FLOW_C2S, 20);
	tape_feed(t, FLOW_C2S, up.p + at + 20, up.n - at - 20, 99, 1);
	tape_finish(t,
	        "POST /a [x-n=v]\nPOST  missed\n end\nPOST /c [x-m=w]\n/c end\nPOST /c [x-m=w]\n/c end\n/a "
	        "0123456789lmnopqrstuvwxyzEND <1 missed> cut\n");
	/* in pieces of every size the frames are found too */
	for (size_t step = 1; step < 60; step++) {
		t = tape_new(&http2_layer, false, NULL);
		tape_feed(t, FLOW_C2S, up.p, at, 99, 1);
		tape_lose(t, FLOW_C2S, 20);
		tape_feed(t, FLOW_C2S, up.p + at + 20, up.n - at - 20, step, 1);
		tape_close(t);
		assert_non_null(strstr(t->text, "lmnopqrstuvwxyzEND <1 missed> cut\n"));
		tape_free(t);
	}
	/* a name that is not known, and a value that is */
	t = tape_new(&http2_layer, true, NULL);
	t->headers = true;
	up.n = 0;
	h2_frame(&up, T_HEADERS, F_HEADERS | F_END, 9, "\x83\x7e\x03val\x84", 7);
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, 1);
	tape_finish(t, "POST / [=val] missed\n/ end\n");
}

/* The capture begins within a frame of the third request. */
static void begins_late(void **state)
{
	(void)state;
	begin();
	POST(1, 0, "/one");
	h2_data(&up, 0, 1, "{\"text\": \"not captured\"}");
	h2_data(&up, 0, 1, "{\"text\": \"partly captured\"}");
	h2_data(&up, F_END, 1, "{\"text\": \"captured\"}");
	POST(3, F_END, "/three");
	for (size_t at = 147; at <= 173; at++) {
		struct tape *t = tape_new(&http2_layer, true, NULL);

		assert_true(http2_frames(up.p + at, up.n - at, FLOW_C2S));
		tape_feed(t, FLOW_C2S, up.p + at, up.n - at, 33, 1);
		tape_close(t);
		assert_non_null(strstr(t->text, "  missed\n"));
		assert_non_null(strstr(
		        t->text, "{\"text\": \"captured\"} end\nPOST /three @a.example\n/three end\n"));
		if (at < 162)
			assert_non_null(strstr(t->text, "captured\"} cut\n")); /* bytes without a stream */
		tape_free(t);
	}
}

/* How often noise is taken for frames. */
static void noise(void **state)
{
	uint32_t seed = 5;
	unsigned found[3] = {0};

	(void)state;
	for (int i = 0; i < 4000; i++) {
		uint8_t p[1400];

		for (int kind = 0; kind < 3; kind++) {
			for (size_t k = 0; k < sizeof(p); k++) {
				seed = seed * 1664525u + 1013904223u;
				p[k] = (uint8_t)(kind == 0    ? seed >> 16
				                 : kind == 1  ? 32 + (seed >> 16) % 95
				                 : seed >> 30 ? 0
				                              : seed >> 16);
			}
			found[kind] += http2_frames(p, sizeof(p), i % 2 ? FLOW_C2S : FLOW_S2C);
		}
	}
	assert_int_equal(found[0], 0);
	assert_int_equal(found[1], 0);
	assert_in_range(found[2], 0, 80); /* numbers among many zeros, the worst there is: one in fifty */
}

/* ---- limits ---- */

/* More streams than are followed: those silent longest end early, their data is read on without a head. */
static void too_many_streams(void **state)
{
	struct tape *t = tape_new(&http2_layer, false, NULL);

	(void)state;
	begin();
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, 1);
	for (uint32_t id = 1; id < 2 * 1000; id += 2) {
		up.n = 0;
		POST(id, 0, "/x");
		h2_data(&up, 0, id, "open");
		tape_feed(t, FLOW_C2S, up.p, up.n, 99, 1);
	}
	assert_int_equal(t->heads, 1000);
	assert_int_equal(t->heads - t->ends, 256);
	assert_true(t->c.limited);
	assert_true(pool_used(t->blocks) <= 64);
	up.n = 0;
	h2_data(&up, F_END, 1, "more of the first");
	tape_feed(t, FLOW_C2S, up.p, up.n, 99, 1);
	tape_close(t);
	assert_non_null(strstr(t->text, "  damaged\n more of the first end\n"));
	tape_free(t);
}

/* Heads that no memory holds, and none at all. */
static void large_heads(void **state)
{
	static char value[8000];
	static struct buf block;
	struct tape *t = tape_new(&http2_layer, false, NULL);

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	begin();
	block.n = 0;
	h2_field(&block, ":method", "POST");
	h2_field(&block, ":path", "/big");
	for (int i = 0; i < 7; i++)
		h2_field(&block, "x-big", value);
	h2_frame(&up, T_HEADERS, 0, 1, block.p, 16000);
	h2_frame(&up, T_CONT, 0, 1, block.p + 16000, 16000);
	h2_frame(&up, T_CONT, 0, 1, block.p + 32000, 16000);
	h2_frame(&up, T_CONT, F_HEADERS, 1, block.p + 48000, block.n - 48000);
	h2_data(&up, F_END, 1, "body");
	tape_feed(t, FLOW_C2S, up.p, up.n, 1460, 1);
	assert_false(t->c.limited);
	assert_string_equal(t->text, "POST /big\n/big body end\n");
	/* past 64 KiB: the message has no head, its body is read */
	up.n = 0;
	h2_frame(&up, T_HEADERS, 0, 3, block.p, 16000);
	for (int i = 0; i < 5; i++)
		h2_frame(&up, T_CONT, i == 4 ? F_HEADERS : 0, 3, block.p + 16000, 16000);
	h2_data(&up, F_END, 3, "body");
	POST(5, F_END, "/next");
	tape_feed(t, FLOW_C2S, up.p, up.n, 1460, 1);
	assert_true(t->c.limited);
	tape_finish(t, "POST /big\n/big body end\n  damaged\n body end\nPOST /next @a.example\n/next end\n");
	/* more fields than are kept */
	t = tape_new(&http2_layer, false, NULL);
	begin();
	block.n = 0;
	h2_field(&block, ":path", "/many");
	for (int i = 0; i < 200; i++)
		h2_field(&block, "x", "y");
	h2_frame(&up, T_HEADERS, F_HEADERS | F_END, 1, block.p, block.n);
	tape_feed(t, FLOW_C2S, up.p, up.n, 1460, 1);
	assert_true(t->c.limited);
	tape_finish(t, " /many damaged\n/many end\n");
	/* a table larger than ours: what it holds is not known, and nothing was missed */
	t = tape_new(&http2_layer, false, NULL);
	begin();
	block.n = 0;
	put(&block,
	        "\x3f"
	        "\xe1\xff\x3f",
	        4);
	h2_field(&block, ":path", "/large");
	put_be(&block, 0x80 | 62, 1);
	h2_frame(&up, T_HEADERS, F_HEADERS | F_END, 1, block.p, block.n);
	tape_feed(t, FLOW_C2S, up.p, up.n, 1460, 1);
	assert_true(t->c.limited);
	tape_finish(t, " /large damaged\n/large end\n");
	/* no memory: bodies are read as long as there is a place for their message */
	t = tape_new(&http2_layer, false, NULL);
	begin();
	while (arena_get(&t->arena, 1000))
		;
	POST(1, 0, "/a");
	h2_data(&up, F_END, 1, "body");
	assert_int_equal(tape_feed(t, FLOW_C2S, up.p, up.n, 1460, 1), LAYER_MORE);
	assert_true(t->c.limited);
	tape_finish(t, NULL);
}

/* ---- floods: what is sent again and again, and costs an endpoint dearly ---- */

static uint32_t next_id;

static void make_data(struct buf *b)
{
	h2_frame(b, T_DATA, 0, 1, "sixteen bytes...", 16);
}

static void make_settings(struct buf *b)
{
	h2_frame(b, T_SETTINGS, 0, 0, "\0\1\0\0\x10\0", 6);
}

static void make_ping(struct buf *b)
{
	h2_frame(b, T_PING, 0, 0, "12345678", 8);
}

static void make_empty_data(struct buf *b)
{
	h2_frame(b, T_DATA, 0, 1, NULL, 0);
}

static void make_padding(struct buf *b)
{
	h2_frame(b, T_DATA, F_PADDED, 1, "\0", 1);
}

static void make_empty_headers(struct buf *b)
{
	h2_frame(b, T_HEADERS, F_HEADERS, 1, NULL, 0);
}

static void make_priority(struct buf *b)
{
	h2_frame(b, T_PRIORITY, 0, next_id += 2, "\0\0\0\1\x10", 5);
}

static void make_window(struct buf *b)
{
	h2_frame(b, T_WINDOW, 0, next_id += 2, "\0\0\0\1", 4);
}

static void make_continuation(struct buf *b)
{
	if (!b->n)
		h2_frame(b, T_HEADERS, 0, 1, "\x83", 1);
	h2_frame(b, T_CONT, 0, 1, "\x84", 1);
}

static void make_empty_continuation(struct buf *b)
{
	if (!b->n)
		h2_frame(b, T_HEADERS, 0, 1, "\x83", 1);
	h2_frame(b, T_CONT, 0, 1, NULL, 0);
}

/* CVE-2023-44487 */
static void make_rapid_reset(struct buf *b)
{
	next_id += 2;
	h2_frame(b, T_HEADERS, F_HEADERS | F_END, next_id, "\x83\x84\x86\x41\x01x", 6);
	h2_frame(b, T_RST, 0, next_id, "\0\0\0\x08", 4);
}

static void make_open_streams(struct buf *b)
{
	h2_frame(b, T_HEADERS, F_HEADERS, next_id += 2, "\x83\x84", 2);
}

/* CVE-2019-9516 */
static void make_empty_names(struct buf *b)
{
	static const char leak[200];

	h2_frame(b, T_HEADERS, F_HEADERS | F_END, next_id += 2, leak,
	        198); /* 0: literal, length 0, length 0 */
}

static void make_reset_of_nothing(struct buf *b)
{
	h2_frame(b, T_RST, 0, next_id += 2, "\0\0\0\x08", 4);
}

static void make_data_of_nothing(struct buf *b)
{
	h2_frame(b, T_DATA, 0, next_id += 2, "x", 1);
}

/* An entry of nearly 4 KiB, called forth by one byte. */
static void make_hpack_bomb(struct buf *b)
{
	static char value[4000];
	static struct buf block;

	if (!b->n) {
		memset(value, 'b', sizeof(value) - 1);
		block.n = 0;
		put_hex(&block, "4001");
		put_text(&block, "n");
		h2_string(&block, value, sizeof(value) - 1);
		h2_frame(b, T_HEADERS, F_HEADERS | F_END, next_id += 2, block.p, block.n);
	}
	h2_frame(b, T_HEADERS, F_HEADERS | F_END, next_id += 2,
	        "\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe\xbe", 16);
}

/* A name of nearly 4 KiB, put into the table again and again by two bytes. */
static void make_name_bomb(struct buf *b)
{
	static char name[4000];
	static struct buf block;

	if (!b->n) {
		memset(name, 'n', sizeof(name) - 1);
		block.n = 0;
		put_hex(&block, "40");
		h2_string(&block, name, sizeof(name) - 1);
		put_hex(&block, "00");
		h2_frame(b, T_HEADERS, F_HEADERS | F_END, next_id += 2, block.p, block.n);
	}
	h2_frame(b, T_HEADERS, F_HEADERS | F_END, next_id += 2,
	        "\x7e\0\x7e\0\x7e\0\x7e\0\x7e\0\x7e\0\x7e\0\x7e\0", 16);
}

/* Half a header in every frame, so that the reader has to hold it. */
static void make_promises(struct buf *b)
{
	h2_frame(b, T_PUSH, 0, 1, "\0\0\0\2\x82", 5);
}

static const struct {
	const char *name;
	void (*make)(struct buf *b);
	bool each_a_request;
} floods[] = {
        {"DATA", make_data, false}, /* what the others are held against */
        {"SETTINGS", make_settings, false},
        {"PING", make_ping, false},
        {"empty DATA", make_empty_data, false},
        {"padding alone", make_padding, false},
        {"empty HEADERS", make_empty_headers, false},
        {"PRIORITY", make_priority, false},
        {"WINDOW_UPDATE", make_window, false},
        {"CONTINUATION", make_continuation, false},
        {"empty CONTINUATION", make_empty_continuation, false},
        {"rapid reset", make_rapid_reset, true},
        {"open streams", make_open_streams, true},
        {"empty names", make_empty_names, true},
        {"RST_STREAM", make_reset_of_nothing, false},
        {"DATA of no stream", make_data_of_nothing, true},
        {"HPACK bomb", make_hpack_bomb, true},
        {"name bomb", make_name_bomb, true},
        {"PUSH_PROMISE", make_promises, false},
};

#define FLOOD_BYTES 2000000
#define ROUNDS      3
/* times DATA in small frames */
#define COST_MAX 60.0

static double cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* Time for a byte, and the memory: at the end no more than after half of it. */
static double flood(size_t which, size_t *blocks)
{
	static struct buf b;
	struct tape *t = tape_new(&http2_layer, false, NULL);
	size_t sent = 0, early = 0;
	double took = 0;

	t->quiet = true;
	begin();
	POST(1, 0, "/flooded");
	assert_int_equal(tape_feed(t, FLOW_C2S, up.p, up.n, 999, 1), LAYER_MORE);
	next_id = 1;
	b.n = 0;
	while (b.n < 60000)
		floods[which].make(&b);
	while (sent < FLOOD_BYTES) {
		double began = cpu_ns();

		assert_int_equal(
		        http2_layer.feed(t->state, &t->c, FLOW_C2S, 0, b.p, b.n, 1, &t->out), LAYER_MORE);
		took += cpu_ns() - began;
		sent += b.n;
		if (!early && sent > FLOOD_BYTES / 2)
			early = pool_used(t->blocks) + 8 * pool_used(t->bigs);
		b.n = 1; /* not what is made once */
		do
			floods[which].make(&b);
		while (b.n < 60000);
		memmove(b.p, b.p + 1, --b.n);
	}
	*blocks = pool_used(t->blocks) + 8 * pool_used(t->bigs);
	assert_true(*blocks <= early + 1);
	if (!floods[which].each_a_request)
		assert_true(t->heads <= 2);
	tape_finish(t, NULL);
	return took / (double)sent;
}

static void floods_cost_what_they_weigh(void **state)
{
	double best[sizeof(floods) / sizeof(*floods)];
	size_t blocks = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(floods) / sizeof(*floods); i++) {
		best[i] = 1e18;
		for (int round = 0; round < ROUNDS; round++) {
			double took = flood(i, &blocks);

			best[i] = took < best[i] ? took : best[i];
		}
		print_message("%-20s %6.2f ns a byte, %5.1f times DATA, %zu KiB\n", floods[i].name, best[i],
		        best[i] / best[0], blocks * 8);
		assert_true(blocks <= 64 + 8 * 4);
		assert_true(best[i] / best[0] < COST_MAX);
	}
}

/* Every prefix and every flipped bit of frames of all kinds. */
static void hostile(void **state)
{
	(void)state;
	begin();
	POST(1, 0, "/a");
	h2_frame(&up, T_HEADERS, F_PADDED | F_PRIORITY, 3, "\1\0\0\0\1\x10\x83\0", 8);
	h2_frame(&up, T_CONT, F_HEADERS, 3, "\x84", 1);
	h2_frame(&up, T_DATA, F_PADDED, 1, "\2ab\0\0", 5);
	h2_frame(&up, T_PUSH, F_HEADERS, 1, "\0\0\0\2\x82", 5);
	h2_head(&up, 0, 5, ":method: CONNECT\n:authority: x\n");
	h2_data(&up, 0, 5, "inner");
	h2_frame(&up, T_RST, 0, 3, "\0\0\0\1", 4);
	h2_head(&up, F_END, 1, "x: y\n");
	for (size_t i = 24 * 8; i < up.n * 8; i++) {
		struct tape *t = tape_new(&http2_layer, i % 3 == 0, NULL);

		up.p[i / 8] ^= (uint8_t)(1u << i % 8);
		tape_feed(t, i % 7 ? FLOW_C2S : FLOW_S2C, up.p, up.n, 1 + i % 23, 1);
		up.p[i / 8] ^= (uint8_t)(1u << i % 8);
		tape_finish(t, NULL);
	}
	for (size_t n = 0; n <= up.n; n++) {
		struct tape *t = tape_new(&http2_layer, false, NULL);

		tape_feed(t, FLOW_C2S, up.p, n, 1000, 1);
		tape_finish(t, NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(interleaved),
	        cmocka_unit_test(frames_of_every_kind),
	        cmocka_unit_test(broken_frames),
	        cmocka_unit_test(no_http2),
	        cmocka_unit_test(resets),
	        cmocka_unit_test(tunnels),
	        cmocka_unit_test(after_an_upgrade),
	        cmocka_unit_test(one_side),
	        cmocka_unit_test(gaps_everywhere),
	        cmocka_unit_test(behind_a_gap),
	        cmocka_unit_test(begins_late),
	        cmocka_unit_test(noise),
	        cmocka_unit_test(too_many_streams),
	        cmocka_unit_test(large_heads),
	        cmocka_unit_test(floods_cost_what_they_weigh),
	        cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
