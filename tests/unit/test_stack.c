/* test_stack.c - protocols recognized by their first bytes, one inside the other, one after the other. */
#include "tests/unit/h2_write.h"

#include "classify/http/message.h"
#include "classify/names/names.h"
#include "classify/stack.h"

#include <stdio.h>

struct log {
	char text[32768];
	size_t n;
};

static void note(struct log *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct log *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	l->n += (size_t)vsnprintf(l->text + l->n, sizeof(l->text) - l->n, fmt, ap);
	va_end(ap);
	assert_true(l->n < sizeof(l->text));
}

static void on_hello(void *arg, const struct hello *h)
{
	note(arg, "%s %s\n", h->client ? "client" : "server", h->sni);
}

static void on_head(void *arg, struct message *m)
{
	if (m->request)
		note(arg, "%.*s %.*s\n", (int)m->method.n, m->method.p ? m->method.p : "",
		        (int)m->authority.n, m->authority.p ? m->authority.p : "");
	else
		note(arg, "%u\n", m->status);
}

static void on_end(void *arg, struct message *m, bool whole)
{
	note(arg, "end %s%s\n", m->request ? "request" : "response", whole ? "" : " cut");
}

struct talk {
	struct pool *pool;
	struct arena arena;
	struct flow flow;
	struct sink sink;
	struct stack stack;
	struct log log;
};

static struct pool *pool;
static struct buf hello_client, hello_server;

static struct talk *begin(bool midstream, uint16_t port)
{
	struct talk *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->flow.port[FLOW_S2C] = port;
	t->sink = (struct sink){.arg = &t->log, .hello = on_hello, .head = on_head, .end = on_end};
	arena_init(&t->arena, pool, 64);
	stack_open(&t->stack, &t->arena, &t->flow, midstream, &t->sink, NULL);
	return t;
}

/* Exact-size heap copies of at most `step` bytes. */
static enum stack_state say(struct talk *t, enum flow_dir dir, const void *p, size_t n, size_t step)
{
	enum stack_state state = t->stack.state;

	for (size_t at = 0; at < n; at += step) {
		size_t len = n - at < step ? n - at : step;
		uint8_t *copy = malloc(len);

		assert_non_null(copy);
		memcpy(copy, (const uint8_t *)p + at, len);
		state = stack_feed(&t->stack, dir, copy, len, 1);
		free(copy);
		assert_int_equal(state, t->stack.state);
	}
	return state;
}

static enum stack_state say_text(struct talk *t, enum flow_dir dir, const char *s, size_t step)
{
	return say(t, dir, s, strlen(s), step);
}

static void end(struct talk *t, const char *expect)
{
	stack_close(&t->stack);
	assert_string_equal(t->log.text, expect);
	stack_close(&t->stack); /* nothing is told twice */
	assert_string_equal(t->log.text, expect);
	arena_clear(&t->arena);
	assert_int_equal(pool_used(pool), 0);
	free(t);
}

#define REQUEST  "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define TOLD     "GET a.example\nend request\n200\nend response\n"

static void http_in_pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t step = 1; step <= sizeof(REQUEST); step++) {
		struct talk *t = begin(false, 80);

		assert_int_equal(say_text(t, FLOW_C2S, REQUEST, step), STACK_READING);
		assert_int_equal(say_text(t, FLOW_S2C, RESPONSE, step), STACK_READING);
		assert_string_equal(t->stack.protocol, "http1");
		end(t, TOLD);
	}
}

static void tls_in_pieces_of_every_size(void **state)
{
	(void)state;
	for (size_t step = 1; step <= hello_client.n; step++) {
		struct talk *t = begin(false, 443);

		assert_int_equal(say(t, FLOW_C2S, hello_client.p, hello_client.n, step), STACK_READING);
		assert_int_equal(say(t, FLOW_S2C, hello_server.p, hello_server.n, step), STACK_DONE);
		assert_string_equal(t->stack.protocol, "tls");
		assert_int_equal(say_text(t, FLOW_C2S, REQUEST, 99), STACK_DONE); /* nobody reads on */
		end(t, "client inner.example\nserver \n");
	}
}

/* The server's first bytes may be captured before the client's. */
static void either_side_first(void **state)
{
	struct talk *t = begin(false, 80);

	(void)state;
	say_text(t, FLOW_S2C, "HT", 1);
	say_text(t, FLOW_C2S, REQUEST, 3);
	say_text(t, FLOW_S2C, &RESPONSE[2], 4);
	assert_int_equal(t->stack.state, STACK_READING);
	end(t, TOLD);
}

/* A banner of the server says nothing yet of what the client will speak. */
static void unknown_only_when_the_client_is(void **state)
{
	struct talk *t = begin(false, 25);

	(void)state;
	assert_int_equal(say_text(t, FLOW_S2C, "220 mail.example ESMTP\r\n", 5), STACK_READING);
	assert_int_equal(say_text(t, FLOW_C2S, "EHLO me\r\n", 9), STACK_UNKNOWN);
	assert_int_equal(say_text(t, FLOW_C2S, REQUEST, 9), STACK_UNKNOWN);
	end(t, "");
	t = begin(false, 25);
	say_text(t, FLOW_S2C, "220 mail.example ESMTP\r\n", 99);
	say_text(t, FLOW_C2S, REQUEST, 9);
	end(t, "GET a.example\nend request\n");
}

/* One side of a connection is not captured: the other is not followed for ever. */
static void a_silent_client_is_given_up(void **state)
{
	struct talk *t = begin(false, 5900);
	char noise[100];
	int n = 0;

	(void)state;
	memset(noise, '#', sizeof(noise));
	while (say(t, FLOW_S2C, noise, sizeof(noise), sizeof(noise)) == STACK_READING)
		assert_in_range(++n, 1, STACK_SILENT_BYTES / sizeof(noise) + 2);
	assert_int_equal(t->stack.state, STACK_UNKNOWN);
	assert_in_range(n, 30, 50);
	end(t, "");
}

/* Every first byte that is none of ours is unknown at once or after a few more. */
static void no_protocol_waits_beyond_its_probe(void **state)
{
	(void)state;
	for (int c = 0; c < 256; c++) {
		struct talk *t = begin(false, 9);
		uint8_t b[STACK_PROBE_BYTES + 1];

		memset(b, c, sizeof(b));
		assert_int_equal(say(t, FLOW_C2S, b, sizeof(b), 1), STACK_UNKNOWN);
		end(t, "");
	}
}

/* RFC 9110 9.3.6: what follows a 2xx to CONNECT is another protocol; here TLS, or one more HTTP. */
static void tls_inside_connect(void **state)
{
	static const char connect[] = "CONNECT inner.example:443 HTTP/1.1\r\nHost: inner.example:443\r\n\r\n";
	static const char yes[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	static const size_t steps[] = {1, 7, 1000};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct talk *t = begin(false, 3128);

		say_text(t, FLOW_C2S, connect, steps[i]);
		say_text(t, FLOW_S2C, yes, steps[i]);
		say(t, FLOW_C2S, hello_client.p, hello_client.n, steps[i]);
		assert_string_equal(t->stack.protocol, "tls");
		assert_int_equal(say(t, FLOW_S2C, hello_server.p, hello_server.n, steps[i]), STACK_DONE);
		end(t, "CONNECT inner.example:443\nend request\n200\nend response\nclient "
		       "inner.example\nserver \n");
	}
}

static void connect_refused_then_granted(void **state)
{
	static const char connect[] = "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n";
	struct talk *t = begin(false, 3128);

	(void)state;
	say_text(t, FLOW_C2S, connect, 99);
	say_text(t, FLOW_S2C, "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", 99);
	say_text(t, FLOW_C2S, connect, 99);
	say_text(t, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n", 99);
	say_text(t, FLOW_C2S, REQUEST, 5);
	say_text(t, FLOW_S2C, RESPONSE, 5);
	end(t, "CONNECT a.example:80\nend request\n407\nend response\nCONNECT a.example:80\nend "
	       "request\n200\nend "
	       "response\n" TOLD);
}

/* A tunnel in a tunnel in a tunnel ends somewhere. */
static void upgrades_are_bounded(void **state)
{
	struct talk *t = begin(false, 3128);
	int n = 0;

	(void)state;
	while (t->stack.state == STACK_READING) {
		say_text(t, FLOW_C2S, "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n", 99);
		say_text(t, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n", 99);
		assert_in_range(++n, 1, STACK_UPGRADES_MAX + 1);
	}
	assert_int_equal(n, STACK_UPGRADES_MAX + 1);
	assert_int_equal(t->stack.state, STACK_UNKNOWN);
	stack_close(&t->stack);
	arena_clear(&t->arena);
	free(t);
}

static void gaps_while_probing_and_within(void **state)
{
	struct talk *t = begin(false, 80);

	(void)state;
	say_text(t, FLOW_C2S, "GE", 1);
	stack_gap(&t->stack, FLOW_C2S, 40); /* what was held belongs to nothing any more */
	say_text(t, FLOW_C2S, REQUEST, 99);
	say_text(t, FLOW_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n01234", 99);
	stack_gap(&t->stack, FLOW_S2C, 3);
	say_text(t, FLOW_S2C, "89", 99);
	end(t, "GET a.example\nend request\n200\nend response cut\n");
}

/* Mid-stream, on a port of clear HTTP, the next head is searched; on others bytes we do not know end it. */
static void midstream_finds_the_next_head(void **state)
{
	struct talk *t = begin(true, 8080);

	(void)state;
	say_text(t, FLOW_C2S, "rest of a body\r\n" REQUEST, 99);
	end(t, " \nend request cut\nGET a.example\nend request\n");
	/* on others it is not, and bytes that are nobody's are not followed for ever; on TLS's not at all */
	for (int port = 443; port < 445; port++) {
		static char noise[1000];
		unsigned n = 0;

		t = begin(true, (uint16_t)port);
		memset(noise, '#', sizeof(noise));
		while (say(t, FLOW_C2S, noise, sizeof(noise), 999) == STACK_READING)
			n++;
		assert_int_equal(n, port == 443 ? 0 : STACK_SEARCH_BYTES / sizeof(noise) + 1);
		assert_int_equal(t->stack.state, STACK_UNKNOWN);
		end(t, "");
	}
}

/* The same for HTTP/2 and WebSocket, on any port, wherever in a segment a frame begins. */
static void midstream_finds_frames(void **state)
{
	static const uint16_t ports[] = {80, 50051};
	static struct buf b;
	size_t from;

	(void)state;
	b.n = 0;
	h2_data(&b, 0, 1, "the rest of something that was not captured");
	from = b.n;
	h2_head(&b, F_END, 3, ":method: GET\n:path: /\n:authority: a.example\n");
	h2_head(&b, F_END, 5, ":method: GET\n:path: /\n:authority: b.example\n");
	for (int i = 0; i < 2; i++) {
		struct talk *t = begin(true, ports[i]);

		say_text(t, FLOW_C2S, "nothing yet", 99);
		say(t, FLOW_C2S, b.p + 20, b.n - 20, b.n);
		assert_string_equal(t->stack.protocol, "http2");
		end(t, ports[i] == 80
		                ? " \nend request cut\n \nend request cut\nGET a.example\nend request\nGET "
		                  "b.example\nend request\n"
		                : " \nend request cut\nGET a.example\nend request\nGET b.example\nend "
		                  "request\n");
		t = begin(true, ports[i]);
		say(t, FLOW_C2S, b.p + from, b.n - from, 1460);
		end(t, "GET a.example\nend request\nGET b.example\nend request\n");
		t = begin(true, ports[i]);
		say(t, FLOW_C2S, "rest of a frame\x81\x8d\1\2\3\4igopm&ptsph\"!", 34, 99);
		assert_string_equal(t->stack.protocol, "websocket");
		end(t, "WEBSOCKET \nend request\n");
		/* frame by frame, none of which shows what it is */
		t = begin(true, ports[i]);
		for (int k = 0; k < 4; k++)
			say(t, FLOW_C2S, "\x82\x84\x91\x82\x83\x84\x93\x83\x22\x44", 10, 99);
		assert_string_equal(t->stack.protocol, "websocket");
		end(t, ports[i] == 80
		                ? " \nend request cut\nWEBSOCKET \nend request\nWEBSOCKET \nend request\n"
		                : "WEBSOCKET \nend request\nWEBSOCKET \nend request\n");
	}
}

/* RFC 7540 3.2: one connection, first HTTP/1, then HTTP/2 in which its request goes on. */
static void http2_by_upgrade(void **state)
{
	static const char ask[] =
	        "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade, HTTP2-Settings\r\n"
	        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";
	static const char yes[] =
	        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
	static struct buf up, down;

	(void)state;
	up.n = down.n = 0;
	put_text(&up, ask);
	h2_begin(&up);
	h2_head(&up, F_END, 3, ":method: GET\n:path: /\n:authority: b.example\n");
	put_text(&down, yes);
	h2_frame(&down, T_SETTINGS, 0, 0, NULL, 0);
	h2_head(&down, F_END, 1, ":status: 201\n");
	h2_head(&down, F_END, 3, ":status: 202\n");
	for (size_t step = 1; step < 300; step += step < 40 ? 1 : 40) {
		struct talk *t = begin(false, 80);

		say(t, FLOW_C2S, up.p, strlen(ask), step);
		say(t, FLOW_S2C, down.p, down.n - 20, step);
		say(t, FLOW_C2S, up.p + strlen(ask), up.n - strlen(ask), step);
		say(t, FLOW_S2C, down.p + down.n - 20, 20, step);
		assert_string_equal(t->stack.protocol, "http2");
		end(t, "GET a.example\nend request\n101\nend response\n201\nend response\nGET b.example\nend "
		       "request\n202\nend response\n");
		/* the client alone */
		t = begin(false, 80);
		say(t, FLOW_C2S, up.p, up.n, step);
		assert_string_equal(t->stack.protocol, "http2");
		end(t, "GET a.example\nend request\nGET b.example\nend request\n");
	}
}

/* The same while the request's body is still under way: its rest is no preface, and is told all the same. */
static void http2_by_upgrade_within_a_body(void **state)
{
	static struct buf up, down;
	struct talk *t = begin(false, 80);

	(void)state;
	say_text(t, FLOW_C2S,
	        "POST / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: "
	        "h2c\r\nContent-Length: 20\r\n\r\nhalf of it",
	        999);
	up.n = down.n = 0;
	put_text(&down, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	h2_frame(&down, T_SETTINGS, 0, 0, NULL, 0);
	h2_head(&down, F_END, 1, ":status: 201\n");
	say(t, FLOW_S2C, down.p, down.n, 999);
	put_text(&up, "and more..");
	h2_begin(&up);
	h2_head(&up, F_END, 3, ":method: GET\n:path: /\n:authority: b.example\n");
	say(t, FLOW_C2S, up.p, up.n, 999);
	assert_string_equal(t->stack.protocol, "http2");
	end(t, "POST a.example\n101\nend response\nend request cut\n201\nend response\n \nend request "
	       "cut\nGET "
	       "b.example\nend request\n");
}

/* RFC 9113 8.5, RFC 8441: each stream may carry a connection of its own; thousands of them, one after the
 * other, take no more memory than one. */
static void streams_with_a_stack_of_their_own(void **state)
{
	static struct buf up, down;
	struct talk *t = begin(false, 3128);
	size_t early = 0;

	(void)state;
	up.n = down.n = 0;
	h2_begin(&up);
	h2_frame(&down, T_SETTINGS, 0, 0, NULL, 0);
	h2_head(&up, 0, 1, ":method: CONNECT\n:authority: inner.example:443\n");
	h2_head(&up, 0, 3, ":method: CONNECT\n:protocol: websocket\n:path: /x\n:authority: w.example\n");
	h2_head(&down, 0, 3, ":status: 200\n");
	say(t, FLOW_C2S, up.p, up.n, 99);
	say(t, FLOW_S2C, down.p, down.n, 99);
	up.n = 0;
	h2_data(&up, 0, 1, "GET / HTTP/1.1\r\nHo");
	h2_frame(&up, T_DATA, 0, 3, "\x81\x85\0\0\0\0he", 8);
	h2_data(&up, F_END, 1, "st: a.example\r\n\r\n");
	h2_data(&up, F_END, 3, "llo");
	say(t, FLOW_C2S, up.p, up.n, 7);
	assert_string_equal(t->stack.protocol, "http2");
	assert_string_equal(t->log.text, "CONNECT inner.example:443\nend request\nCONNECT w.example\nend "
	                                 "request\n200\nend response\nWEBSOCKET "
	                                 "w.example\nGET a.example\nend request\nend request\n");
	for (uint32_t id = 5; id < 4000; id += 2) {
		up.n = 0;
		h2_head(&up, 0, id, ":method: CONNECT\n:authority: inner.example:443\n");
		h2_data(&up, 0, id, REQUEST);
		h2_frame(&up, T_RST, 0, id, "\0\0\0\0", 4);
		t->log.n = 0;
		say(t, FLOW_C2S, up.p, up.n, 999);
		assert_string_equal(
		        t->log.text, "CONNECT inner.example:443\nend request\nGET a.example\nend request\n");
		if (id == 101)
			early = pool_used(pool);
	}
	assert_int_equal(pool_used(pool), early);
	assert_false(t->stack.conn.limited);
	t->log.n = 0;
	t->log.text[0] = '\0';
	end(t, "");
}

/* For more of them at once there are no stacks: that is said, and the connection around them is read on. */
static void more_streams_than_stacks(void **state)
{
	static struct buf up;
	struct talk *t = begin(false, 3128);

	(void)state;
	up.n = 0;
	h2_begin(&up);
	for (uint32_t id = 1; id < 4 * STACK_BRANCHES_MAX; id += 2) {
		h2_head(&up, 0, id, ":method: CONNECT\n:authority: inner.example:443\n");
		h2_data(&up, 0, id,
		        "what nobody knows, of which there is enough to be sure of that: it is "
		        "longer than a probe");
	}
	say(t, FLOW_C2S, up.p, up.n, 999);
	assert_false(t->stack.conn.limited); /* what nobody reads takes no place */
	up.n = 0;
	for (uint32_t id = 301; id < 301 + 2 * STACK_BRANCHES_MAX + 9; id += 2) {
		h2_head(&up, 0, id, ":method: CONNECT\n:authority: inner.example:80\n");
		h2_data(&up, 0, id, "P"); /* may become a request */
	}
	say(t, FLOW_C2S, up.p, up.n, 999);
	assert_int_equal(t->stack.state, STACK_READING);
	assert_true(t->stack.conn.limited);
	up.n = t->log.n = 0;
	h2_head(&up, F_END, 501, ":method: GET\n:path: /x\n:authority: a.example\n");
	say(t, FLOW_C2S, up.p, up.n, 999);
	assert_string_equal(t->log.text, "GET a.example\nend request\n");
	t->log.n = 0;
	t->log.text[0] = '\0';
	end(t, "");
}

static void no_memory_is_said(void **state)
{
	struct pool *tiny = pool_create(64, 1);
	struct talk *t = begin(false, 80);

	(void)state;
	arena_init(&t->arena, tiny, 4);
	assert_int_equal(say_text(t, FLOW_C2S, REQUEST, 99), STACK_REFUSED);
	assert_int_equal(say_text(t, FLOW_C2S, REQUEST, 99), STACK_REFUSED);
	end(t, "");
	t = begin(false, 80);
	arena_init(&t->arena, tiny, 4);
	stack_open(&t->stack, &t->arena, &t->flow, false, &t->sink, &quic_layer);
	assert_int_equal(t->stack.state, STACK_REFUSED);
	end(t, "");
	pool_destroy(tiny);
}

static void record(struct buf *b, const struct buf *message)
{
	size_t at;

	put_hex(b, "160301");
	at = len_open(b, 2);
	put(b, message->p, message->n);
	len_close(b, at, 2);
}

static int setup(void **state)
{
	static const struct hello_shape shape = {.sni = "inner.example", .session_id = 32};
	static struct buf m;

	(void)state;
	client_message(&m, &shape);
	record(&hello_client, &m);
	m.n = 0;
	server_message(&m, false, false, 32);
	record(&hello_server, &m);
	pool = pool_create(131072, 16);
	return pool ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pool_destroy(pool);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(http_in_pieces_of_every_size),
	        cmocka_unit_test(tls_in_pieces_of_every_size),
	        cmocka_unit_test(either_side_first),
	        cmocka_unit_test(unknown_only_when_the_client_is),
	        cmocka_unit_test(a_silent_client_is_given_up),
	        cmocka_unit_test(no_protocol_waits_beyond_its_probe),
	        cmocka_unit_test(tls_inside_connect),
	        cmocka_unit_test(connect_refused_then_granted),
	        cmocka_unit_test(upgrades_are_bounded),
	        cmocka_unit_test(gaps_while_probing_and_within),
	        cmocka_unit_test(midstream_finds_the_next_head),
	        cmocka_unit_test(midstream_finds_frames),
	        cmocka_unit_test(http2_by_upgrade),
	        cmocka_unit_test(http2_by_upgrade_within_a_body),
	        cmocka_unit_test(streams_with_a_stack_of_their_own),
	        cmocka_unit_test(more_streams_than_stacks),
	        cmocka_unit_test(no_memory_is_said),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
