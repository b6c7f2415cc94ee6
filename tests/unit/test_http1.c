/* test_http1.c - HTTP/1 in both directions: heads, framing, pipelining, upgrades, gaps (RFC 9110, RFC 9112).
 */
#include "classify/http/message.h"
#include "classify/layer.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the layer tells, as text: a line for each head and end, bodies between. */
struct tape {
	char text[1 << 17];
	size_t n;
	bool open[2];
	uint64_t body[2];
};

struct rig {
	struct pool *pool;
	struct arena arena;
	struct flow flow;
	struct conn c;
	struct sink out;
	struct tape *tape;
	void *state;
};

static void put(struct tape *t, const void *p, size_t n)
{
	assert_true(n < sizeof(t->text) - t->n);
	if (n)
		memcpy(t->text + t->n, p, n);
	t->n += n;
	t->text[t->n] = '\0';
}

static void say(struct tape *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct tape *t, const char *fmt, ...)
{
	char line[4096];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	put(t, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static void on_name(void *arg, enum name_source by, const char *host, uint16_t port)
{
	struct tape *t = arg;

	assert_true(by == NAME_HTTP || by == NAME_CONNECT);
	say(t, "name %s:%u\n", host, port);
}

static void on_head(void *arg, struct message *m)
{
	struct tape *t = arg;

	assert_false(t->open[m->dir]);
	t->open[m->dir] = true;
	t->body[m->dir] = 0;
	if (m->request)
		say(t, "#%u %.*s %.*s", m->index, (int)m->method.n, m->method.p, (int)m->path.n,
		        m->path.p ? m->path.p : "");
	else
		say(t, "#%u %u", m->index, m->status);
	if (m->query.n)
		say(t, " ?%.*s", (int)m->query.n, m->query.p);
	if (m->authority.n)
		say(t, " @%.*s", (int)m->authority.n, m->authority.p);
	if (m->content_type.n)
		say(t, " type=%.*s", (int)m->content_type.n, m->content_type.p);
	if (m->content_encoding.n)
		say(t, " coding=%.*s", (int)m->content_encoding.n, m->content_encoding.p);
	say(t, "%s%s%s\n", m->version == 10 ? " 1.0" : "", m->upgrade ? " upgrade" : "",
	        m->missed    ? " missed"
	        : m->damaged ? " damaged"
	                     : "");
}

static void on_body(void *arg, struct message *m, const uint8_t *p, size_t n)
{
	struct tape *t = arg;

	assert_true(t->open[m->dir]);
	assert_true(n > 0);
	assert_int_equal(m->body_bytes, t->body[m->dir]);
	t->body[m->dir] += n;
	put(t, p, n);
}

static void on_gap(void *arg, struct message *m, uint64_t n)
{
	struct tape *t = arg;

	assert_true(t->open[m->dir]);
	say(t, "<gap %u>", (unsigned)n);
}

static void on_end(void *arg, struct message *m, bool whole)
{
	struct tape *t = arg;

	assert_true(t->open[m->dir]);
	assert_int_equal(m->body_bytes, t->body[m->dir]);
	t->open[m->dir] = false;
	for (unsigned i = 0; i < m->n_trailers; i++)
		say(t, "~%.*s=%.*s", (int)m->trailers[i].name.n, m->trailers[i].name.p,
		        (int)m->trailers[i].value.n, m->trailers[i].value.p);
	say(t, "%s%s\n", m->body_bytes ? "|" : "", whole ? "end" : "cut");
}

static void rig_open(struct rig *r, bool midstream)
{
	memset(r, 0, sizeof(*r));
	r->pool = pool_create(65536 + 64, 8);
	arena_init(&r->arena, r->pool, 8);
	r->tape = calloc(1, sizeof(*r->tape));
	r->c = (struct conn){.arena = &r->arena, .flow = &r->flow, .midstream = midstream};
	r->out = (struct sink){.arg = r->tape,
	        .name = on_name,
	        .head = on_head,
	        .body = on_body,
	        .body_gap = on_gap,
	        .end = on_end};
	r->state = arena_get(&r->arena, http1_layer.state_size);
	assert_non_null(r->state);
	assert_int_equal(http1_layer.open(r->state, &r->c), 0);
}

static void rig_end(struct rig *r)
{
	http1_layer.close(r->state, &r->c, &r->out);
	assert_false(r->tape->open[0] || r->tape->open[1]);
}

static void rig_free(struct rig *r)
{
	free(r->tape);
	arena_clear(&r->arena);
	pool_destroy(r->pool);
}

static enum layer_verdict feed_n(struct rig *r, enum flow_dir dir, const void *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	enum layer_verdict v;

	memcpy(copy, p, n);
	v = http1_layer.feed(r->state, &r->c, dir, 0, copy, n, 1, &r->out);
	free(copy);
	return v;
}

static enum layer_verdict feed(struct rig *r, enum flow_dir dir, const char *s)
{
	return feed_n(r, dir, s, strlen(s));
}

static void gap(struct rig *r, enum flow_dir dir, uint64_t n)
{
	http1_layer.gap(r->state, &r->c, dir, 0, n, &r->out);
}

/* Feeds in pieces of `step` until the verdict is no longer MORE. */
static enum layer_verdict feed_steps(struct rig *r, enum flow_dir dir, const char *s, size_t n, size_t step)
{
	enum layer_verdict v = LAYER_MORE;

	for (size_t at = 0; at < n && v == LAYER_MORE; at += step)
		v = feed_n(r, dir, s + at, step < n - at ? step : n - at);
	return v;
}

/* The requests (and then answers) give this tape, in whatever pieces. */
static void check_both(const char *requests, const char *answers, const char *expect, enum layer_verdict last)
{
	size_t n = strlen(requests), total = n + strlen(answers);

	for (size_t step = 1; step <= total; step += step < 8 ? 1 : step / 3 + 1) {
		struct rig r;
		enum layer_verdict v;

		rig_open(&r, false);
		v = feed_steps(&r, FLOW_C2S, requests, n, step);
		if (v == LAYER_MORE)
			v = feed_steps(&r, FLOW_S2C, answers, strlen(answers), step);
		assert_int_equal(v, last);
		r.flow.ended = FLOW_FIN;
		rig_end(&r);
		assert_string_equal(r.tape->text, expect);
		rig_free(&r);
	}
}

static void check(const char *requests, const char *expect)
{
	check_both(requests, "", expect, LAYER_MORE);
}

static void test_requests(void **state)
{
	(void)state;
	check("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "name a.example:0\n#0 GET / @a.example\nend\n");
	check("POST /p?k=v#f HTTP/1.0\r\nHost: A.example:8080\r\nContent-Type: application/json; x=y\r\n"
	      "Content-Length: 5\r\n\r\nhello",
	        "name a.example:8080\n#0 POST /p ?k=v @A.example:8080 type=application/json; x=y "
	        "1.0\nhello|end\n");
	/* absolute form outweighs Host (RFC 9112 3.2.2), user information is no name */
	check("GET http://u:p@b.example:81/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n",
	        "name b.example:81\n#0 GET /x ?y @b.example:81\nend\n");
	check("GET https://b.example HTTP/1.1\r\n\r\n", "name b.example:0\n#0 GET / @b.example\nend\n");
	check("GET /r?u=http://c.example/ HTTP/1.1\r\n\r\n", "#0 GET /r ?u=http://c.example/\nend\n");
	check("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "name a:0\n#0 OPTIONS * @a\nend\n");
	check("FROB /x HTTP/1.1\r\n\r\n", "#0 FROB /x\nend\n");
	check("M-SEARCH * HTTP/1.1\r\n\r\n", "#0 M-SEARCH *\nend\n");
}

/* What servers put up with. */
static void test_tolerance(void **state)
{
	(void)state;
	check("\r\n\n\r\nGET / HTTP/1.1\nHost:a\n\n", "name a:0\n#0 GET / @a\nend\n");
	check("GET   /a b   HTTP/1.1 \r\nHost :  a  \r\nContent-Type: x;\r\n\ty=z\r\n \r\nX\r\n\r\n",
	        "name a:0\n#0 GET /a b @a type=x;  \ty=z\nend\n");
	check("POST / HTTP/1.1\r\n Host: fold\r\nHOST: a\r\ncontent-LENGTH:2\r\n\r\nhi",
	        "name a:0\n#0 POST / @a\nhi|end\n");
}

static void test_lengths(void **state)
{
	(void)state;
	check("POST / HTTP/1.1\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nhi",
	        "#0 POST /\nhi|end\n");
	/* differing: the first, and the message is marked */
	check("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhiGET / HTTP/1.1\r\n\r\n",
	        "#0 POST / damaged\nhi|end\n#1 GET /\nend\n");
	check("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nGET /n HTTP/1.1\r\n\r\n",
	        "#0 POST /\nend\n#1 GET /n\nend\n");
	check("POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\ncut", "#0 POST /\ncut|cut\n");
	check("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\nGET /n HTTP/1.1\r\n\r\n",
	        "#0 POST / damaged\nend\n#1 GET /n\nend\n");
}

static void test_chunked(void **state)
{
	(void)state;
	check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;ext=\"a;b\"\r\n "
	      "world\r\n000\r\n\r\n"
	      "GET /n HTTP/1.1\r\n\r\n",
	        "#0 POST /\nhello world|end\n#1 GET /n\nend\n");
	/* trailers, bare LF, case, blanks, both framings (RFC 9112 6.3: chunks win) */
	check("POST / HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: CHUNKED\n\nA \n0123456789\n0\nX-T: "
	      "1\nY: 2\n\n"
	      "GET /n HTTP/1.1\n\n",
	        "#0 POST /\n0123456789~X-T=1~Y=2|end\n#1 GET /n\nend\n");
	check("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	        "#0 POST / coding=gzip\nx|end\n");
	check("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
	        "#0 POST / coding=gzip\nx|end\n");
	/* several fields are one list (RFC 9110 5.3), and transfer codings were applied last */
	check("POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nContent-Encoding: br\r\nTransfer-Encoding: "
	      "chunked\r\nContent-Encoding: zstd , deflate\r\n\r\n1\r\nx\r\n0\r\n\r\n",
	        "#0 POST / coding=br,zstd , deflate,gzip\nx|end\n");
	/* broken: the rest is handed out as it is, the next head is found */
	check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloWRONG\nAKIA secret\nPOST /n "
	      "HTTP/1.1\r\n\r\n",
	        "#0 POST /\nhelloWRONG\nAKIA secret\n|cut\n#1 POST /n\nend\n");
	check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nAKIA",
	        "#0 POST /\nzz\r\nAKIA|cut\n");
	check("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nAKIA",
	        "#0 POST /\nff\r\nAKIA|cut\n");
}

static void test_responses(void **state)
{
	(void)state;
	/* no bodies: HEAD, 204, 304, 1xx; then until close */
	check_both("HEAD /h HTTP/1.1\r\n\r\nGET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nGET /3 "
	           "HTTP/1.1\r\n\r\n"
	           "GET /4 HTTP/1.1\r\n\r\n",
	        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 "
	        "103\r\n\r\n"
	        "HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n"
	        "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"
	        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.0 200 OK\r\n\r\nHTTP/1.1 until\nthe "
	        "end",
	        "#0 HEAD /h\nend\n#1 GET /1\nend\n#2 GET /2\nend\n#3 GET /3\nend\n#4 GET /4\nend\n"
	        "#0 200\nend\n#1 100\nend\n#1 103\nend\n#1 204\nend\n#2 304\nend\n#3 200\nok|end\n"
	        "#4 200 1.0\nHTTP/1.1 until\nthe end|end\n",
	        LAYER_MORE);
}

static void test_many_outstanding(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, false);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
		        feed(&r, FLOW_C2S, i % 2 ? "GET / HTTP/1.1\r\n\r\n" : "HEAD / HTTP/1.1\r\n\r\n"),
		        LAYER_MORE);
	for (int i = 0; i < 64; i++)
		feed(&r, FLOW_S2C,
		        i % 2 ? "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"
		              : "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
	r.tape->n = 0;
	feed(&r, FLOW_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx");
	assert_string_equal(r.tape->text, "#64 200\nx|end\n");
	/* thousands of messages take no more memory than one */
	assert_int_equal(r.arena.count, 1);
	rig_end(&r);
	rig_free(&r);
}

static void test_upgrades(void **state)
{
	struct rig r;
	static const char ws[] =
	        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x02hi";
	static const char tunnel[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n\x16\x03\x01";

	(void)state;
	rig_open(&r, false);
	feed(&r, FLOW_C2S,
	        "GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n");
	assert_int_equal(feed(&r, FLOW_S2C, ws), LAYER_UPGRADE);
	assert_int_equal(r.c.upgrade.to, UPGRADE_WEBSOCKET);
	assert_int_equal(r.c.upgrade.used, strlen(ws) - 4);
	rig_end(&r);
	assert_string_equal(r.tape->text, "#0 GET /ws upgrade\nend\n#0 101 upgrade\nend\n");
	rig_free(&r);

	rig_open(&r, false);
	feed(&r, FLOW_C2S, "CONNECT api.example:443 HTTP/1.1\r\nHost: other\r\n\r\n");
	assert_int_equal(
	        feed_n(&r, FLOW_S2C, "HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno", 42), LAYER_MORE);
	feed(&r, FLOW_C2S, "CONNECT api.example:443 HTTP/1.1\r\n\r\n");
	assert_int_equal(feed(&r, FLOW_S2C, tunnel), LAYER_UPGRADE);
	assert_int_equal(r.c.upgrade.to, UPGRADE_TUNNEL);
	assert_int_equal(r.c.upgrade.used, strlen(tunnel) - 3);
	rig_end(&r);
	assert_string_equal(r.tape->text,
	        "name api.example:443\n#0 CONNECT  @api.example:443 upgrade\nend\n#0 407\nno|end\n"
	        "name api.example:443\n#1 CONNECT  @api.example:443 upgrade\nend\n#1 200 upgrade\nend\n");
	rig_free(&r);

	/* only the client is seen: the first byte that is no HTTP is the tunnel's */
	rig_open(&r, false);
	assert_int_equal(
	        feed(&r, FLOW_C2S, "CONNECT api.example:443 HTTP/1.1\r\n\r\n\x16\x03\x01"), LAYER_UPGRADE);
	assert_int_equal(r.c.upgrade.used, 36);
	assert_int_equal(r.c.upgrade.to, UPGRADE_TUNNEL);
	rig_end(&r);
	rig_free(&r);

	/* the same, in whatever pieces: those of the other protocol are all handed on */
	for (size_t step = 1; step < 24; step++) {
		static const char to[] = "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"
		                         "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
		size_t before = strlen(to) - 24, at = 0;
		enum layer_verdict v = LAYER_MORE;

		rig_open(&r, false);
		for (; v == LAYER_MORE; at += v == LAYER_MORE ? step : 0)
			v = feed_n(&r, FLOW_C2S, to + at, step < strlen(to) - at ? step : strlen(to) - at);
		assert_int_equal(v, LAYER_UPGRADE);
		assert_int_equal(r.c.upgrade.to, UPGRADE_H2C);
		assert_int_equal(at + r.c.upgrade.used - r.c.upgrade.n_before, before);
		assert_memory_equal(r.c.upgrade.before, "PRI * HTTP/2.0\r\n\r\nSM", r.c.upgrade.n_before);
		rig_end(&r);
		rig_free(&r);
	}

	rig_open(&r, false);
	feed(&r, FLOW_C2S, "GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n\r\n");
	assert_int_equal(feed(&r, FLOW_S2C, "HTTP/1.1 101 X\r\nUpgrade: h2c\r\n\r\n"), LAYER_UPGRADE);
	assert_int_equal(r.c.upgrade.to, UPGRADE_H2C);
	rig_end(&r);
	rig_free(&r);
}

static void test_not_http(void **state)
{
	static const char *const rows[] = {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02",
	        "SSH-2.0-x\r\n", "EHLO x\r\n", "GET / RTSP/1.0\r\n", "OPTIONS sip:a SIP/2.0\r\n",
	        "hello world\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_both(rows[i], "", "", LAYER_BAD);
	check_both("", "220 mail ESMTP\r\n", "", LAYER_BAD);
	/* an answer that is none does not end the reading of requests */
	check_both("GET / HTTP/1.1\r\n\r\n", "junk\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	        "#0 GET /\nend\n#0 200\nend\n", LAYER_MORE);
	/* nor does junk between requests */
	check("GET / HTTP/1.1\r\n\r\njunk\r\njunk\nGET /n HTTP/1.1\r\n\r\n",
	        "#0 GET /\nend\n#1   damaged\njunk\r\njunk\n|cut\n#1 GET /n\nend\n");
}

static void test_probe(void **state)
{
	static const struct {
		const char *text;
		int is;
	} rows[] = {{"", -1}, {"G", -1}, {"GET ", -1}, {"GET /", 1}, {"POST http", 1}, {"CONNECT a", 1},
	        {"CONNECT [", 1}, {"GET x", 0}, {"H", -1}, {"HTTP/1", -1}, {"HTTP/1.1", -1}, {"HTTP/1.1 ", 1},
	        {"HTTP/2 200", 0}, {"HEAD /", 1}, {"FROB /", -1}, {"FROB /x HTTP/1.1\r\n", 1},
	        {"FROB /x HTTP/2.0\r\n", 0}, {"PRI * HTTP/2.0\r\n", 0}, {"{", 0}, {"\r\n\r\n", -1},
	        {"\r\nGET /", 1}, {" GET /", 0}, {"\x16", 0},
	        {"abcdefghijklmnopqrstuvwxyzabcdefghijklmnop", 0}, {"GET / HTTP/1.1", 1},
	        {"GET / other\n", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (http1_probe((const uint8_t *)rows[i].text, strlen(rows[i].text)) != rows[i].is)
			fail_msg("%s", rows[i].text);
}

static void test_head_limits(void **state)
{
	char *head = malloc(300000), *p = head;
	struct rig r;

	(void)state;
	p = stpcpy(p, "POST /p HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 400; i++)
		p += sprintf(p, "X-%d: %0100d\r\n", i, i);
	p = stpcpy(p, "Content-Length: 2\r\n\r\nhi");
	assert_true(p - head < HTTP_HEAD_MAX);
	for (size_t step = 1; step < 70000; step = step * 6 + 1) {
		rig_open(&r, false);
		assert_int_equal(feed_steps(&r, FLOW_C2S, head, (size_t)(p - head), step), LAYER_MORE);
		assert_string_equal(r.tape->text, "name a:0\n#0 POST /p @a\nhi|end\n");
		rig_end(&r);
		rig_free(&r);
	}
	/* past the limit: what was read is told, the rest of that line is no field any more, the next head is
	 * found */
	p = head + strlen("POST /p HTTP/1.1\r\nHost: a\r\n");
	memset(p, 'x', 100000);
	strcpy(p + 100000, "\r\nY: z\r\n\r\nAKIA\r\nGET /n HTTP/1.1\r\n\r\n");
	rig_open(&r, false);
	assert_int_equal(feed_steps(&r, FLOW_C2S, head, strlen(head), 1000), LAYER_MORE);
	assert_memory_equal(r.tape->text, "name a:0\n#0 POST /p @a damaged\nxxx", 34);
	assert_non_null(strstr(r.tape->text, "xxx\r\nAKIA\r\n|cut\n#1 GET /n\nend\n"));
	assert_true(r.c.limited);
	assert_true(r.arena.count <= 8);
	rig_end(&r);
	rig_free(&r);
	/* the same within the first line: a request that nobody can name */
	memset(head + 6, 'x', 100000);
	rig_open(&r, false);
	assert_int_equal(feed_steps(&r, FLOW_C2S, head, strlen(head), 1000), LAYER_MORE);
	assert_memory_equal(r.tape->text, "#0   damaged\nPOST /xxx", 21);
	assert_non_null(strstr(r.tape->text, "AKIA\r\n|cut\n#0 GET /n\nend\n"));
	assert_true(r.c.limited);
	rig_end(&r);
	rig_free(&r);
	free(head);
}

static void test_no_memory(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, false);
	while (arena_get(&r.arena, 4096))
		;
	assert_int_equal(feed(&r, FLOW_C2S, "GET / HTTP/1.1\r\n\r\n"), LAYER_BAD);
	rig_end(&r);
	rig_free(&r);
}

static void test_gap_in_length(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, false);
	feed(&r, FLOW_C2S, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n012");
	gap(&r, FLOW_C2S, 4);
	feed(&r, FLOW_C2S, "789GET /n HTTP/1.1\r\n\r\n");
	/* exactly to the end */
	feed(&r, FLOW_C2S, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n012");
	gap(&r, FLOW_C2S, 7);
	feed(&r, FLOW_C2S, "GET /m HTTP/1.1\r\n\r\n");
	/* past it, into another message */
	feed(&r, FLOW_C2S, "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\n012");
	gap(&r, FLOW_C2S, 40);
	feed(&r, FLOW_C2S, "rest of a body\r\nGET /o HTTP/1.1\r\n\r\n");
	/* of unknown length: all is body until a head comes */
	feed(&r, FLOW_C2S, "POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n012");
	gap(&r, FLOW_C2S, 0);
	feed(&r, FLOW_C2S, "AKIA\nGET nothing\nGET /q HTTP/1.1\r\n\r\n");
	rig_end(&r);
	assert_string_equal(r.tape->text,
	        "#0 POST /\n012<gap 4>789|cut\n#1 GET /n\nend\n#2 POST /\n012<gap 7>|cut\n#3 GET /m\nend\n"
	        "#4 POST /\n012<gap 1>|cut\n#5   missed\nrest of a body\r\n|cut\n#6 GET /o\nend\n"
	        "#7 POST /\n012<gap 0>AKIA\nGET nothing\n|cut\n#8 GET /q\nend\n");
	rig_free(&r);
}

static void test_gap_in_chunks(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, false);
	feed(&r, FLOW_C2S, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n012");
	gap(&r, FLOW_C2S, 2);
	feed(&r, FLOW_C2S, "567\r\n4\r\nab");
	gap(&r, FLOW_C2S, 2);
	feed(&r, FLOW_C2S, "\r\n4\r\nxy");
	gap(&r, FLOW_C2S, 20);
	feed(&r, FLOW_C2S, "AKIA\r\n0\r\n\r\nGET /n HTTP/1.1\r\n\r\n");
	rig_end(&r);
	assert_string_equal(r.tape->text,
	        "#0 POST /\n012<gap 2>567ab<gap 2>xy<gap 20>AKIA\r\n0\r\n\r\n|cut\n#1 GET /n\nend\n");
	rig_free(&r);
}

static void test_gap_in_head(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, false);
	feed(&r, FLOW_C2S, "POST /a HTTP/1.1\r\nHost: a.example\r\nX-Cut: abc");
	gap(&r, FLOW_C2S, 10);
	feed(&r, FLOW_C2S,
	        "def\r\nAuthorization: Bearer sk-own\r\nContent-Length: 4\r\n\r\nAKIA\nGET /n "
	        "HTTP/1.1\r\n\r\n");
	/* within the first line: nothing is known of it */
	feed(&r, FLOW_C2S, "POST /b");
	gap(&r, FLOW_C2S, 10);
	feed(&r, FLOW_C2S, "x\r\nY: z\r\n\r\nGET /m HTTP/1.1\r\n\r\n");
	rig_end(&r);
	assert_string_equal(r.tape->text, "name a.example:0\n#0 POST /a @a.example missed\n<gap "
	                                  "10>def\r\nAKIA\n|cut\n#1 GET /n\nend\n#2   missed\nx\r\nY: "
	                                  "z\r\n\r\n|cut\n#3 GET /m\nend\n");
	rig_free(&r);
}

static void test_gap_until_close(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, false);
	feed(&r, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\nabc");
	gap(&r, FLOW_S2C, 9);
	feed(&r, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n");
	rig_end(&r);
	assert_string_equal(r.tape->text, "#0 200\nabc<gap 9>HTTP/1.1 200 OK\r\n\r\n|cut\n");
	rig_free(&r);
}

static void test_midstream(void **state)
{
	static const char c2s[] =
	        "\":\"end of a body\"}\nPOST x\nPOST /a HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi";

	(void)state;
	for (size_t step = 1; step <= sizeof(c2s); step++) {
		struct rig r;

		rig_open(&r, true);
		assert_int_equal(feed_steps(&r, FLOW_C2S, c2s, sizeof(c2s) - 1, step), LAYER_MORE);
		assert_int_equal(
		        feed(&r, FLOW_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), LAYER_MORE);
		rig_end(&r);
		assert_string_equal(r.tape->text, "#0   missed\n\":\"end of a body\"}\nPOST x\n|cut\n#1 POST "
		                                  "/a\nhi|end\n#0 200\nend\n");
		rig_free(&r);
	}
}

/* RFC 9110 10.1.1: a refused client may leave its body out. */
static void test_expect(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, false);
	feed(&r, FLOW_C2S, "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	feed(&r, FLOW_S2C, "HTTP/1.1 100 Continue\r\n\r\n");
	feed(&r, FLOW_C2S, "GET /x");
	feed(&r, FLOW_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	rig_free(&r);
	rig_open(&r, false);
	feed(&r, FLOW_C2S, "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	feed(&r, FLOW_S2C, "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
	feed(&r, FLOW_C2S, "GET /b HTTP/1.1\r\n\r\n");
	rig_end(&r);
	assert_string_equal(r.tape->text, "#0 PUT /a\n#0 417\nend\ncut\n#1 GET /b\nend\n");
	rig_free(&r);
}

/* Trailer fields are told with the end, as many as a head has room for. */
static void test_trailers(void **state)
{
	char *text = malloc(200000), *p = text;
	struct rig r;

	(void)state;
	check("POST / HTTP/1.1\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Note: AKIA 1 "
	      "\r\n"
	      "folded\r\nno colon\r\n\r\nGET /n HTTP/1.1\r\n\r\n",
	        "#0 POST /\nhi~X-Note=AKIA 1~=folded~=no colon|end\n#1 GET /n\nend\n");
	/* more of them, and longer ones, than are kept */
	p = stpcpy(p, "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
	for (int i = 0; i < 400; i++)
		p += sprintf(p, "X-%d: %0100d\r\n", i, i);
	p = stpcpy(p, "\r\nGET /n HTTP/1.1\r\n\r\n");
	for (size_t step = 1; step < 70000; step = step * 6 + 1) {
		rig_open(&r, false);
		assert_int_equal(feed_steps(&r, FLOW_C2S, text, (size_t)(p - text), step), LAYER_MORE);
		assert_non_null(strstr(r.tape->text, "~X-126="));
		assert_null(strstr(r.tape->text, "~X-127="));
		assert_non_null(strstr(r.tape->text, "end\n#1 GET /n\nend\n"));
		assert_true(r.c.limited);
		rig_end(&r);
		rig_free(&r);
	}
	free(text);
}

static void test_close(void **state)
{
	(void)state;
	check("POST /a HTTP/1.1\r\nHost: a\r\nX: y", "name a:0\n#0 POST /a @a damaged\ncut\n");
	check("POST /a HT", "");
	check("POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nab", "#0 POST /a\nab|cut\n");
}

static const char long_talk[] =
        "POST /a?b=c HTTP/1.1\r\nHost: a.example:1\r\nTransfer-Encoding: chunked\r\nX: a\r\n b\r\n\r\n"
        "3;x=y\r\nabc\r\n0\r\nT: t\r\nU\r\n\r\nPUT http://b/c HTTP/1.0\r\nContent-Length: 3\r\n"
        "Expect: 100-continue\r\n\r\nxyzHEAD / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";

/* Any byte changed, any piece missing: the calls stay in order and nothing is read out of bounds. */
static void test_flips_and_prefixes(void **state)
{
	char copy[sizeof(long_talk)];
	size_t n = sizeof(long_talk) - 1;

	(void)state;
	for (size_t i = 0; i < n * 8 + n; i++) {
		struct rig r;

		memcpy(copy, long_talk, n);
		if (i < n * 8)
			copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
		rig_open(&r, i % 3 == 0);
		feed_steps(&r, FLOW_C2S, copy, i < n * 8 ? n : i - n * 8, 1 + i % 37);
		rig_end(&r);
		rig_free(&r);
	}
}

static void test_gap_anywhere(void **state)
{
	static const char tail[] = "\r\nGET /tail HTTP/1.1\r\n\r\n";
	size_t n = sizeof(long_talk) - 1;

	(void)state;
	for (size_t at = 0; at < n; at++) {
		struct rig r;
		enum layer_verdict v;

		rig_open(&r, false);
		v = feed_steps(&r, FLOW_C2S, long_talk, at, 11);
		gap(&r, FLOW_C2S, at % 3 ? 500 : 0);
		if (v == LAYER_MORE)
			v = feed(&r, FLOW_C2S, tail);
		if (v == LAYER_MORE)
			assert_non_null(strstr(r.tape->text, " GET /tail\nend\n"));
		rig_end(&r);
		rig_free(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_requests),
	        cmocka_unit_test(test_tolerance),
	        cmocka_unit_test(test_lengths),
	        cmocka_unit_test(test_chunked),
	        cmocka_unit_test(test_responses),
	        cmocka_unit_test(test_many_outstanding),
	        cmocka_unit_test(test_upgrades),
	        cmocka_unit_test(test_not_http),
	        cmocka_unit_test(test_probe),
	        cmocka_unit_test(test_head_limits),
	        cmocka_unit_test(test_no_memory),
	        cmocka_unit_test(test_gap_in_length),
	        cmocka_unit_test(test_gap_in_chunks),
	        cmocka_unit_test(test_gap_in_head),
	        cmocka_unit_test(test_gap_until_close),
	        cmocka_unit_test(test_midstream),
	        cmocka_unit_test(test_expect),
	        cmocka_unit_test(test_trailers),
	        cmocka_unit_test(test_close),
	        cmocka_unit_test(test_flips_and_prefixes),
	        cmocka_unit_test(test_gap_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
