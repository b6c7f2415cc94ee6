/* test_carriers.c - one secret through every carrier, content coding and structure that make sense together,
 * in packets cut at every byte: it is found each time, once, with the field where it stood. */
#include "tests/unit/carry_structures.h"

static const char yaml[] = "sensor: {name: test}\n"
                           "networks: {internal: [10.0.0.0/8]}\n"
                           "policy: {posture: insular}\n"
                           "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

/* ---- carriers ------------------------------------------------------------------------------------------ */

#define PATH "/v1/chat/completions"
#define HOST "api.openai.com"

static void head1(struct bytes *b, const char *type, const char *coding, const char *framing)
{
	addf(b, "POST " PATH " HTTP/1.1\r\nHost: " HOST "\r\nContent-Type: %s\r\n%s%s%s%s\r\n\r\n", type,
	        *coding ? "Content-Encoding: " : "", coding, *coding ? "\r\n" : "", framing);
}

static void http1_length(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	struct bytes *b = turn(s, FLOW_C2S);
	char length[64];

	snprintf(length, sizeof(length), "Content-Length: %zu", body->n);
	head1(b, type, coding, length);
	add(b, body->p, body->n);
}

static void http1_chunked(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	struct bytes *b = turn(s, FLOW_C2S);

	head1(b, type, coding, "Transfer-Encoding: chunked");
	for (size_t at = 0, k = 1; at < body->n; at += k, k = k % 37 + 5) {
		k = body->n - at < k ? body->n - at : k;
		addf(b, "%zx;ext=\"a\"\r\n", k);
		add(b, body->p + at, k);
		addf(b, "\r\n");
	}
	addf(b, "0\r\nX-Trailer: 1\r\n\r\n");
}

static void begin2(struct script *s, struct bytes *b)
{
	(void)s;
	addf(b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	add_frame(b, 4, 0, 0, NULL, 0);
}

static void head2(struct bytes *b, nghttp2_hd_deflater *hd, uint32_t stream, const char *type,
        const char *coding, size_t piece)
{
	const char *list[][2] = {{":method", "POST"}, {":scheme", "https"}, {":authority", HOST},
	        {":path", PATH}, {"content-type", type}, {"x-app", "a client with a name"},
	        {"content-encoding", coding}};

	add_headers(b, hd, stream, false, (const char *const(*)[2])list, *coding ? 7 : 6, piece);
}

static void http2_plain(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	struct bytes *b = turn(s, FLOW_C2S);
	nghttp2_hd_deflater *hd;

	assert_int_equal(nghttp2_hd_deflate_new(&hd, 4096), 0);
	begin2(s, b);
	head2(b, hd, 1, type, coding, 4096);
	add_frame(b, 0, 1, 1, body->p, body->n);
	nghttp2_hd_deflate_del(hd);
}

/* Small padded frames, between those of another request; the head in CONTINUATION frames. */
static void http2_mixed(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	static const char other[] = "{\"messages\":[{\"content\":\"nothing to see here, move along\"}]}";
	struct bytes *b = turn(s, FLOW_C2S);
	nghttp2_hd_deflater *hd;
	size_t o = 0;

	assert_int_equal(nghttp2_hd_deflate_new(&hd, 4096), 0);
	begin2(s, b);
	head2(b, hd, 1, "application/json", "", 4096);
	head2(b, hd, 3, type, coding, 11);
	for (size_t at = 0, k = 1; at < body->n; at += k, k = k % 61 + 7) {
		uint8_t frame[128] = {3};

		k = body->n - at < k ? body->n - at : k;
		memcpy(frame + 1, body->p + at, k);
		memset(frame + 1 + k, 0, 3);
		add_frame(b, 0, 8, 3, frame, k + 4);
		if (o < sizeof(other) - 1)
			add_frame(b, 0, 0, 1, other + o++, 1);
	}
	add_headers(b, hd, 3, true, (const char *const[][2]){{"x-note", "done"}}, 1, 4096);
	add_frame(b, 0, 1, 1, other + o, sizeof(other) - 1 - o);
	nghttp2_hd_deflate_del(hd);
}

static void ws_handshake(struct script *s, const char *extension)
{
	addf(turn(s, FLOW_C2S),
	        "GET " PATH " HTTP/1.1\r\nHost: " HOST "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n",
	        extension);
	addf(turn(s, FLOW_S2C),
	        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
	        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n%s\r\n",
	        extension);
	s->main = s->n;
}

static void ws_whole(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	(void)coding;
	ws_handshake(s, "");
	add_ws_message(turn(s, FLOW_C2S), body, !strstr(type, "utf-16"), false, 1);
}

static void ws_fragments(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	(void)type;
	(void)coding;
	ws_handshake(s, "");
	add_ws_message(turn(s, FLOW_C2S), body, true, false, 7);
}

#define DEFLATE "Sec-WebSocket-Extensions: permessage-deflate"

/* RFC 7692 7.2.1: the four last bytes of a flush are left out.  With context takeover the second message is
 * little more than a reference to the first. */
static void ws_deflate(struct script *s, const struct bytes *body, bool takeover)
{
	z_stream z = {.next_in = NULL};
	struct bytes *b;
	uint8_t buf[65536];

	ws_handshake(s, takeover ? DEFLATE "\r\n" : DEFLATE "; client_no_context_takeover\r\n");
	b = turn(s, FLOW_C2S);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (int i = 0; i < 2; i++) {
		struct bytes message = {NULL, 0, 0};

		z.next_in = body->p;
		z.avail_in = (uInt)body->n;
		z.next_out = buf;
		z.avail_out = sizeof(buf);
		assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
		add(&message, buf, sizeof(buf) - z.avail_out - 4);
		add_ws_message(b, &message, true, true, i ? 3 : 1);
		drop(&message);
		if (!takeover)
			deflateReset(&z);
	}
	deflateEnd(&z);
}

static void ws_takeover(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	(void)type;
	(void)coding;
	ws_deflate(s, body, true);
}

static void ws_no_takeover(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	(void)type;
	(void)coding;
	ws_deflate(s, body, false);
}

/* RFC 8441 */
static void ws_http2(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	static const char *const ask[][2] = {{":method", "CONNECT"}, {":protocol", "websocket"},
	        {":scheme", "https"}, {":authority", HOST}, {":path", PATH}, {"sec-websocket-version", "13"}};
	static const char *const yes[][2] = {{":status", "200"}};
	nghttp2_hd_deflater *hd;
	struct bytes frames = {NULL, 0, 0}, *b;

	(void)type;
	(void)coding;
	b = turn(s, FLOW_C2S);
	assert_int_equal(nghttp2_hd_deflate_new(&hd, 4096), 0);
	begin2(s, b);
	add_headers(b, hd, 1, false, ask, 6, 4096);
	nghttp2_hd_deflate_del(hd);
	b = turn(s, FLOW_S2C);
	assert_int_equal(nghttp2_hd_deflate_new(&hd, 4096), 0);
	add_frame(b, 4, 0, 0, "\0\x08\0\0\0\x01", 6);
	add_headers(b, hd, 1, false, yes, 1, 4096);
	nghttp2_hd_deflate_del(hd);
	s->main = s->n;
	b = turn(s, FLOW_C2S);
	add_ws_message(&frames, body, true, false, 4);
	for (size_t at = 0, k; at < frames.n; at += k) {
		k = frames.n - at < 100 ? frames.n - at : 100;
		add_frame(b, 0, 0, 1, frames.p + at, k);
	}
	drop(&frames);
}

/* ---- envelopes of gRPC (PROTOCOL-HTTP2.md of gRPC) and of Connect's streams ---- */

/* The body's own coding is the message's here. */
static void grpc(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	const char *list[][2] = {{":method", "POST"}, {":scheme", "http"}, {":authority", HOST},
	        {":path", "/a.B/C"}, {"content-type", type}, {"te", "trailers"}, {"grpc-encoding", coding}};
	struct bytes *b = turn(s, FLOW_C2S), m = {NULL, 0, 0};
	nghttp2_hd_deflater *hd;

	assert_int_equal(nghttp2_hd_deflate_new(&hd, 4096), 0);
	begin2(s, b);
	add_headers(b, hd, 1, false, (const char *const(*)[2])list, *coding ? 7 : 6, 4096);
	nghttp2_hd_deflate_del(hd);
	add(&m, "\0\0\0\0\2\x08\x01", 7); /* a first message */
	add_be(&m, *coding != '\0', 1);
	add_be(&m, body->n, 4);
	add(&m, body->p, body->n);
	for (size_t at = 0, k; at < m.n; at += k) {
		k = m.n - at < 200 ? m.n - at : 200;
		add_frame(b, 0, at + k == m.n, 1, m.p + at, k);
	}
	drop(&m);
}

static void connect_stream(struct script *s, const char *type, const char *coding, const struct bytes *body)
{
	struct bytes *b = turn(s, FLOW_C2S);

	addf(b,
	        "POST /a.B/C HTTP/1.1\r\nHost: " HOST
	        "\r\nContent-Type: %s\r\n%s%s%sContent-Length: %zu\r\n\r\n",
	        type, *coding ? "Connect-Content-Encoding: " : "", coding, *coding ? "\r\n" : "",
	        body->n + 5);
	add_be(b, *coding != '\0', 1);
	add_be(b, body->n, 4);
	add(b, body->p, body->n);
}

static const struct carrier {
	const char *name;
	void (*carry)(struct script *s, const char *type, const char *coding, const struct bytes *body);
	enum {
		BODY,
		MESSAGE,
		PROTOBUF
	} of;               /* MESSAGE: no head of its own, so no type and no coding; text only */
	const char *type;   /* NULL: the structure's */
	unsigned times;     /* the secret goes so often */
	const char *prefix; /* of fields: which message of an envelope */
} carriers[] = {
        {"http/1 length", http1_length, BODY, NULL, 1, ""},
        {"http/1 chunked", http1_chunked, BODY, NULL, 1, ""},
        {"http/2", http2_plain, BODY, NULL, 1, ""},
        {"http/2 mixed", http2_mixed, BODY, NULL, 1, ""},
        {"websocket", ws_whole, MESSAGE, NULL, 1, ""},
        {"websocket fragments", ws_fragments, MESSAGE, NULL, 1, ""},
        {"websocket deflate, context kept", ws_takeover, MESSAGE, NULL, 2, ""},
        {"websocket deflate, context dropped", ws_no_takeover, MESSAGE, NULL, 2, ""},
        {"websocket over http/2", ws_http2, MESSAGE, NULL, 1, ""},
        {"grpc", grpc, PROTOBUF, "application/grpc", 1, "message[1]."},
        {"connect", connect_stream, PROTOBUF, "application/connect+proto", 1, "message[0]."},
};
#define CARRIERS (sizeof(carriers) / sizeof(*carriers))

/* ---- the test ------------------------------------------------------------------------------------------ */

static struct world *world;
static unsigned cases;

enum { WHOLE = 0, BYTES = -1 };

/* `cut`: where the main turn is cut in two; WHOLE, BYTES: not, or everywhere. */
static void carry(const struct script *s, long cut)
{
	struct conn_of k =
	        handshake(world, "10.0.0.1", (uint16_t)(20000 + cases % 40000), "198.51.100.10", 80);

	world->n = 0;
	world->log[0] = '\0';
	cases++;
	for (unsigned i = 0; i < s->n; i++) {
		const struct bytes *b = &s->turn[i];
		size_t at = 0;

		while (at < b->n) {
			size_t end = b->n;

			if (i == s->main && cut == BYTES)
				end = at + 1;
			else if (i == s->main && cut > (long)at)
				end = (size_t)cut;
			say(&k, s->dir[i], b->p + at, end - at);
			at = end;
		}
	}
	fin(&k);
	flow_stop_all(world->flows);
	end_flows(world);
}

static unsigned told(const char *what)
{
	unsigned n = 0;

	for (const char *p = world->log; (p = strstr(p, what)); p++)
		n++;
	return n;
}

static void expect(const struct carrier *c, const struct coding_way *w, const struct structure *t, long cut)
{
	char want[128];
	unsigned alerts = told("payload.sensitive");

	snprintf(want, sizeof(want), " github-pat@%s%s", c->prefix, t->field);
	/* once in each alert, and once in the flow's record */
	if (alerts == c->times && told(want) == c->times + 1)
		return;
	fail_msg("%s, coding \"%s\", %s, cut at %ld: %u alerts where %u should be with%s; told was\n%s",
	        c->name, w->label, t->name, cut, alerts, c->times, want, world->log);
}

static void through(
        const struct carrier *c, const struct coding_way *w, const struct structure *t, bool everywhere)
{
	struct bytes plain = {NULL, 0, 0}, body = {NULL, 0, 0};
	struct script s = {.n = 0};

	t->build(&plain);
	encode(&body, &plain, w);
	c->carry(&s, c->type ? c->type : t->type, w->label, &body);
	carry(&s, WHOLE);
	expect(c, w, t, WHOLE);
	carry(&s, BYTES);
	expect(c, w, t, BYTES);
	for (size_t cut = 1; everywhere && cut < s.turn[s.main].n; cut++) {
		carry(&s, (long)cut);
		expect(c, w, t, (long)cut);
	}
	for (unsigned i = 0; i < s.n; i++)
		drop(&s.turn[i]);
	drop(&plain);
	drop(&body);
}

static bool makes_sense(const struct carrier *c, const struct coding_way *w, const struct structure *t)
{
	static const char *const grpc_codings[] = {"", "gzip", "deflate", "br", "zstd"};
	bool one = false;

	for (size_t i = 0; i < sizeof(grpc_codings) / sizeof(*grpc_codings); i++)
		one = one || !strcmp(w->label, grpc_codings[i]);
	switch (c->of) {
	case BODY:
		return true;
	case MESSAGE:
		return !*w->label && t->text;
	case PROTOBUF:
		return one && t->build == protobuf;
	}
	return false;
}

/* All of it, whole and byte by byte. */
static void every_combination(void **state)
{
	(void)state;
	cases = 0;
	for (size_t c = 0; c < CARRIERS; c++)
		for (size_t w = 0; w < CODING_WAYS; w++)
			for (size_t t = 0; t < STRUCTURES; t++)
				if (makes_sense(&carriers[c], &coding_ways[w], &structures[t]))
					through(&carriers[c], &coding_ways[w], &structures[t], false);
	print_message("%u connections\n", cases);
	assert_true(cases > 500);
}

/* The first structure that the carrier may hold, cut at every byte. */
static void through_first(const struct carrier *c, const struct coding_way *w)
{
	for (size_t t = 0; t < STRUCTURES; t++)
		if (makes_sense(c, w, &structures[t])) {
			through(c, w, &structures[t], true);
			return;
		}
}

/* Every carrier with every coding, and every structure by itself, in two packets: once for each byte. */
static void every_border(void **state)
{
	(void)state;
	cases = 0;
	for (size_t c = 0; c < CARRIERS; c++)
		for (size_t w = 0; w < CODING_WAYS; w++)
			through_first(&carriers[c], &coding_ways[w]);
	for (size_t t = 1; t < STRUCTURES; t++)
		through(&carriers[0], &coding_ways[0], &structures[t], true);
	print_message("%u connections\n", cases);
	assert_true(cases > 10000);
}

static int setup(void **state)
{
	(void)state;
	if (sensor_setup(yaml) < 0)
		return -1;
	world = begin();
	return 0;
}

static int teardown(void **state)
{
	end(world, NULL);
	return sensor_teardown(state);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_combination),
	        cmocka_unit_test(every_border),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
