/* test_classify_streams.c - requests that share a connection, from packets to events: HTTP/2 streams and
 * WebSocket messages, each with its own destination, name and findings. */
#include "tests/unit/h2_write.h"
#include "tests/unit/sensor.h"

#define AI      "198.51.100.10"
#define CLIENT  "10.0.0.1"
#define PROXY   "10.9.9.9"
#define OUTSIDE "192.0.2.7"

/* in parts, so that scanners of source code stay calm */
#define GHP                                                                                                  \
	"ghp_"                                                                                               \
	"gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ"

static const char yaml[] = "sensor: {name: test}\n"
                           "networks:\n"
                           "  internal: [10.0.0.0/8]\n"
                           "  proxies: [10.9.9.9]\n"
                           "policy:\n"
                           "  posture: insular\n"
                           "  partners:\n"
                           "  - service: openai-api\n"
                           "    contract: C-1\n"
                           "    owner: o@corp.example\n"
                           "    status: approved\n"
                           "    data: {deny: [secret]}\n"
                           "    accounts: [org-good]\n"
                           "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

/* The line of sensor.h, and for requests: "#index METHOD path bytes". */
static void on_request_event(void *arg, const struct event *ev)
{
	struct world *w = arg;
	const struct request_facts *q = ev->request;

	if (ev->type == EVENT_SENSOR || ev->type == EVENT_VOLUME)
		return;
	if (q)
		note(w, "#%u %s %s %u: ", q->index, q->method, q->path, (unsigned)q->bytes);
	on_event(arg, ev);
}

static struct world *begin_streams(void)
{
	struct world *w = begin();

	w->c->tell.tell = on_request_event;
	return w;
}

static struct buf up, down;

static void flush(struct conn_of *k, size_t step)
{
	for (size_t at = 0; at < up.n; at += step)
		say(k, FLOW_C2S, up.p + at, up.n - at < step ? up.n - at : step);
	for (size_t at = 0; at < down.n; at += step)
		say(k, FLOW_S2C, down.p + at, down.n - at < step ? down.n - at : step);
	up.n = down.n = 0;
}

static void ask(uint32_t id, uint8_t flags, const char *path, const char *more)
{
	char fields[1024];

	snprintf(fields, sizeof(fields),
	        ":method: POST\n:scheme: http\n:path: %s\n:authority: api.openai.com\ncontent-type: "
	        "application/json\nopenai-organization: org-good\n%s",
	        path, more);
	h2_head(&up, flags, id, fields);
}

static void answer(uint32_t id)
{
	h2_head(&down, 0, id, ":status: 200\ncontent-type: application/json\n");
	h2_data(&down, F_END, id, "{}");
}

/* Stream 3 leaks, 1 and 5 take turns with it; in whatever pieces. */
static void one_stream_of_three_leaks(void **state)
{
	(void)state;
	for (size_t step = 7; step < 3000; step = step * 3 + 1) {
		struct world *w = begin_streams();
		struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

		h2_begin(&up);
		ask(1, 0, "/v1/chat/completions", "");
		ask(3, 0, "/v1/responses", "");
		ask(5, 0, "/v1/embeddings", "");
		h2_data(&up, 0, 1, "{\"messages\":[{\"content\":\"ghp_");
		h2_data(&up, 0, 3, "{\"input\":\"ghp_gwU2jGiD6cq");
		h2_data(&up, 0, 5, "{\"input\":\"aes9dqFEtGdM199c6cM0hIozJ");
		h2_data(&up, F_END, 1, "nothing\"}]}");
		h2_data(&up, F_END, 3, "aes9dqFEtGdM199c6cM0hIozJ\"}");
		h2_data(&up, F_END, 5, "\"}");
		answer(5);
		answer(1);
		answer(3);
		flush(&k, step);
		end(w, "#1 POST /v1/responses 52: payload.sensitive openai-api api.openai.com http "
		       "github-pat@input\n"
		       "flow out api.openai.com openai-api approved http2 stop 0 github-pat@input\n");
	}
}

/* Names, headers, trailers and accounts belong to the stream. */
static void what_belongs_to_a_stream(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	h2_begin(&up);
	ask(1, 0, "/v1/chat/completions", "");
	h2_head(&up, 0, 3,
	        ":method: POST\n:path: /v1/messages\n:authority: api.anthropic.com\nx-token: " GHP "\n");
	h2_data(&up, F_END, 1, "{}");
	h2_data(&up, 0, 3, "{}");
	h2_head(&up, F_END, 3, "x-checksum: 1\nx-note: " GHP "\n");
	h2_head(&up, F_END, 5,
	        ":method: GET\n:path: /v1/models\n:authority: api.openai.com\nopenai-organization: "
	        "org-bad\n");
	flush(&k, 99);
	end(w, "#1 POST /v1/messages 0: destination.unapproved anthropic-api api.anthropic.com http\n"
	       "#1 POST /v1/messages 2: payload.sensitive anthropic-api api.anthropic.com http "
	       "github-pat@header.x-token github-pat@trailer.x-note\n"
	       "#2 GET /v1/models 0: destination.account openai-api api.openai.com http\n"
	       "flow out api.anthropic.com anthropic-api unapproved http2 stop 0 github-pat@header.x-token "
	       "github-pat@trailer.x-note\n");
}

/* The frame with the head is missing: the path is not known, the data is searched, the record says so. */
static void a_gap_takes_the_head(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	dns_answer(w, CLIENT, "api.mistral.ai", AI);
	h2_begin(&up);
	h2_head(&up, F_END, 1, ":method: GET\n:path: /\n:authority: api.mistral.ai\n");
	flush(&k, 99);
	ask(3, 0, "/v1/chat/completions", "");
	k.seq[FLOW_C2S] += (uint32_t)up.n;
	up.n = 0;
	h2_data(&up, F_END, 3, "{\"messages\":[{\"content\":\"" GHP "\"}]}");
	flush(&k, 99);
	send_flags(&k, FLOW_S2C, TCP_ACK, NULL, 0);
	end(w, "#0 GET / 0: destination.unapproved mistral-api api.mistral.ai http\n"
	       "flow internal - - - dns stop 0\n"
	       "#1   69: payload.sensitive mistral-api api.mistral.ai http github-pat@messages[0].content\n"
	       "flow out api.mistral.ai mistral-api unapproved http2 stop 4 "
	       "github-pat@messages[0].content\n");
}

/* The capture begins within a connection: no handshake, no preface, half a frame. */
static void begins_within(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = {
	        .w = w, .client = CLIENT, .server = AI, .cport = 40000, .sport = 50051, .seq = {5, 9}};

	(void)state;
	h2_data(&up, 0, 7, "a frame that was not captured whole");
	memmove(up.p, up.p + 20, up.n -= 20);
	h2_data(&up, F_END, 7, "{\"input\":\"" GHP "\"}");
	ask(9, F_END, "/v1/models", "");
	flush(&k, 9999);
	end(w, "#1   52: payload.sensitive -  none github-pat@input\n"
	       "flow out api.openai.com openai-api approved http2 stop 4 github-pat@input\n");
}

/* RFC 7540 3.2 */
static void by_upgrade(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	say_text(&k, FLOW_C2S,
	        "POST /v1/responses HTTP/1.1\r\nHost: api.openai.com\r\nOpenAI-Organization: "
	        "org-good\r\nConnection: "
	        "Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: "
	        "52\r\n\r\n"
	        "{\"input\":\"" GHP "\"}");
	say_text(&k, FLOW_S2C,
	        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	h2_begin(&up);
	ask(3, 0, "/v1/chat/completions", "");
	h2_data(&up, F_END, 3, "{\"messages\":[{\"content\":\"mail " GHP "\"}]}");
	h2_frame(&down, T_SETTINGS, 0, 0, NULL, 0);
	answer(1);
	answer(3);
	flush(&k, 99);
	end(w, "#0 POST /v1/responses 52: payload.sensitive openai-api api.openai.com http github-pat@input\n"
	       "#1 POST /v1/chat/completions 74: payload.sensitive openai-api api.openai.com http "
	       "github-pat@messages[0].content\n"
	       "flow out api.openai.com openai-api approved http2 stop 0 github-pat@input "
	       "github-pat@messages[0].content\n");
}

/* More requests at once than there are places for: said, and all memory comes back. */
static void more_streams_than_places(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	struct classify_stats st;

	(void)state;
	h2_begin(&up);
	for (uint32_t id = 1; id < 200; id += 2)
		ask(id, 0, "/v1/responses", "");
	for (uint32_t id = 1; id < 200; id += 2)
		h2_data(&up, F_END, id, "{\"input\":\"" GHP "\"}");
	flush(&k, 1460);
	st = end(w, NULL);
	assert_int_equal(st.requests, 100);
	assert_int_equal(st.refused_bodies, 84);
	assert_int_equal(st.not_inspected[4], 1);
}

/* A connection that lives for thousands of requests takes no more than one that lives for a few. */
static void long_connections(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	size_t early = 0;

	(void)state;
	h2_begin(&up);
	for (uint32_t id = 1; id < 6000; id += 2) {
		ask(id, 0, "/v1/responses", "");
		h2_data(&up, F_END, id, "{\"input\":\"nothing\"}");
		answer(id);
		flush(&k, 1460);
		if (id == 101)
			early = pool_used(w->c->blocks) + pool_used(w->c->big_blocks);
	}
	assert_int_equal(pool_used(w->c->blocks) + pool_used(w->c->big_blocks), early);
	assert_int_equal(pool_used(w->c->requests), 0);
	assert_int_equal(end(w, "flow out api.openai.com openai-api approved http2 stop 0\n").requests, 3000);
}

/* Within the organization only what looks like an AI API is read. */
static void internal_connections(void **state)
{
	for (int ai = 0; ai < 2; ai++) {
		struct world *w = begin_streams();
		struct conn_of k = handshake(w, CLIENT, 40000, "10.0.0.2", 8080);

		(void)state;
		h2_begin(&up);
		h2_head(&up, 0, 1,
		        ai ? ":method: POST\n:path: /v1/chat/completions\n:authority: llm.corp.example\n"
		           : ":method: POST\n:path: /orders\n:authority: shop.corp.example\n");
		flush(&k, 999);
		assert_int_equal(pool_used(w->c->readings), ai);
		h2_data(&up, F_END, 1,
		        "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}");
		h2_head(&up, F_END, 3, ":method: GET\n:path: /health\n:authority: llm.corp.example\n");
		flush(&k, 999);
		assert_int_equal(pool_used(w->c->readings), ai);
		end(w, ai ? "flow internal llm.corp.example - - http2 stop 0\n"
		          : "flow internal shop.corp.example - - http2 stop 0\n");
	}
}

/* RFC 9113 8.5: a proxy that speaks HTTP/2; what goes through its streams has destinations of its own. */
static void a_proxy_of_streams(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, PROXY, 3128);

	(void)state;
	h2_begin(&up);
	h2_head(&up, 0, 1, ":method: CONNECT\n:authority: api.anthropic.com:80\n");
	flush(&k, 99);
	h2_head(&down, 0, 1, ":status: 200\n");
	flush(&k, 99);
	h2_data(&up, 0, 1,
	        "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nContent-Length: "
	        "49\r\n\r\n{\"x\":\"" GHP "---\"}");
	flush(&k, 99);
	end(w, "#0 CONNECT  0: destination.unapproved anthropic-api api.anthropic.com connect\n"
	       "#1 POST /v1/messages 49: payload.sensitive anthropic-api api.anthropic.com http "
	       "github-pat@x\n"
	       "flow internal api.anthropic.com anthropic-api unapproved http2 stop 0 github-pat@x\n");
}

/* Tunnels that nobody can read any further - TLS without keys, what no probe knows - stay open, and keep
 * nothing: those behind them are read, however many. */
static void opaque_tunnels(void **state)
{
	static const uint8_t noise[4200] = {0x13, 0x37, 0xde, 0xad};
	static struct buf inner;
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, PROXY, 3128);
	size_t blocks = 0, big = 0;
	struct classify_stats st;

	(void)state;
	h2_begin(&up);
	for (uint32_t id = 1; id < 201; id += 2) {
		h2_head(&up, 0, id, ":method: CONNECT\n:authority: www.example.net:443\n");
		h2_head(&down, 0, id, ":status: 200\n");
		flush(&k, 1460);
		if (id % 4 == 1) {
			tls_hello(&inner, NULL, "h2", NULL);
			h2_frame(&up, T_DATA, 0, id, inner.p, inner.n);
			flush(&k, 1460);
			tls_answer(&inner);
			h2_frame(&down, T_DATA, 0, id, inner.p, inner.n);
		} else {
			h2_frame(&up, T_DATA, 0, id, noise, sizeof(noise));
			h2_frame(&down, T_DATA, 0, id, noise, sizeof(noise));
		}
		flush(&k, 1460);
		if (id == 41) {
			blocks = pool_used(w->c->blocks);
			big = pool_used(w->c->big_blocks);
		}
	}
	/* places of streams take some */
	assert_in_range(pool_used(w->c->blocks), blocks, blocks + 2);
	assert_int_equal(pool_used(w->c->big_blocks), big);
	h2_head(&up, 0, 201, ":method: CONNECT\n:authority: api.anthropic.com:443\n");
	h2_head(&down, 0, 201, ":status: 200\n");
	flush(&k, 1460);
	h2_data(&up, 0, 201,
	        "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\nContent-Length: "
	        "49\r\n\r\n{\"x\":\"" GHP "---\"}");
	flush(&k, 99);
	st = end(w, "#100 CONNECT  0: destination.unapproved anthropic-api api.anthropic.com connect\n"
	            "#101 POST /v1/messages 49: payload.sensitive anthropic-api api.anthropic.com http "
	            "github-pat@x\n"
	            "flow internal api.anthropic.com anthropic-api unapproved http2 stop 1 github-pat@x\n");
	assert_int_equal(st.not_inspected[4], 0);
}

/* Names of tunnels side by side have nothing to do with each other: only where there is one does an SNI that
 * is another name say that something hides. */
static void names_of_tunnels(void **state)
{
	static const struct {
		const char *second; /* asked for beside www.example.net, NULL: nothing */
		const char *sni;    /* in the first */
		bool request, sign; /* request: one to an AI service beside it */
	} rows[] = {
	        {"api.anthropic.com:443", "www.example.net", false, false},
	        {"api.anthropic.com:443", "www.example.net", true, false},
	        {NULL, "www.example.net", true, false},
	        {NULL, "www.example.net", false, false},
	        {NULL, "api.anthropic.com", false, true},
	};
	static struct buf inner;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = begin_streams();
		struct conn_of k = handshake(w, CLIENT, 40000, PROXY, 3128);
		char fields[128];

		h2_begin(&up);
		h2_head(&up, 0, 1, ":method: CONNECT\n:authority: www.example.net:443\n");
		h2_head(&down, 0, 1, ":status: 200\n");
		if (rows[i].second) {
			snprintf(
			        fields, sizeof(fields), ":method: CONNECT\n:authority: %s\n", rows[i].second);
			h2_head(&up, 0, 3, fields);
			h2_head(&down, 0, 3, ":status: 200\n");
		}
		flush(&k, 999);
		tls_hello(&inner, rows[i].sni, "h2", NULL);
		h2_frame(&up, T_DATA, 0, 1, inner.p, inner.n);
		flush(&k, 999);
		if (rows[i].request)
			ask(5, F_END, "/v1/models", "");
		flush(&k, 999);
		flow_stop_all(w->flows);
		end_flows(w);
		if (!strstr(w->log, "evasion.fronting") == rows[i].sign)
			fail_msg("row %zu:\n%s", i, w->log);
		end(w, NULL);
	}
}

/* ---- WebSocket ---- */

static void ws_frame(struct buf *b, const char *s)
{
	size_t n = strlen(s);

	put_be(b, 0x81, 1);
	put_be(b, 0x80 | (n < 126 ? n : 126), 1);
	if (n >= 126)
		put_be(b, n, 2);
	put_hex(b, "37fa213d");
	for (size_t i = 0; i < n; i++)
		put_be(b, (uint8_t)(s[i] ^ "\x37\xfa\x21\x3d"[i % 4]), 1);
}

#define EVENT(text) "{\"type\":\"conversation.item.create\",\"item\":{\"content\":[{\"text\":\"" text "\"}]}}"

/* Each message is a request to the handshake's target, with its account; what stood in the handshake is told
 * once. */
static void websocket_messages(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	say_text(&k, FLOW_C2S,
	        "GET /v1/realtime?model=x HTTP/1.1\r\nHost: api.openai.com\r\nOpenAI-Organization: "
	        "org-good\r\nX-Note: " GHP
	        "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "
	        "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	say_text(&k, FLOW_S2C,
	        "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02{}");
	ws_frame(&up, EVENT("hello"));
	ws_frame(&up, EVENT("my key " GHP));
	ws_frame(&up, "42[\"ask\",\"" GHP "\"]");
	flush(&k, 99);
	fin(&k);
	end(w, "#0 GET /v1/realtime 0: payload.sensitive openai-api api.openai.com http "
	       "github-pat@header.x-note\n"
	       "#2 WEBSOCKET /v1/realtime 115: payload.sensitive openai-api api.openai.com http "
	       "github-pat@item.content[0].text\n"
	       "#3 WEBSOCKET /v1/realtime 50: payload.sensitive openai-api api.openai.com http "
	       "github-pat@[1]\n"
	       "flow out api.openai.com openai-api approved websocket fin 0 github-pat@header.x-note "
	       "github-pat@item.content[0].text github-pat@[1]\n");
}

/* RFC 8441 */
static void websocket_in_a_stream(void **state)
{
	struct world *w = begin_streams();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	static struct buf frames;

	(void)state;
	h2_begin(&up);
	h2_head(&up, 0, 1,
	        ":method: CONNECT\n:protocol: websocket\n:scheme: http\n:path: "
	        "/v1/realtime?model=x\n:authority: "
	        "api.openai.com\nopenai-organization: org-good\n");
	ask(3, 0, "/v1/responses", "");
	h2_head(&down, 0, 1, ":status: 200\n");
	flush(&k, 99);
	frames.n = 0;
	ws_frame(&frames, EVENT("my key " GHP));
	h2_frame(&up, T_DATA, 0, 1, frames.p, 60);
	h2_data(&up, F_END, 3, "{}");
	h2_frame(&up, T_DATA, F_END, 1, frames.p + 60, frames.n - 60);
	flush(&k, 99);
	end(w, "#2 WEBSOCKET /v1/realtime 115: payload.sensitive openai-api api.openai.com http "
	       "github-pat@item.content[0].text\n"
	       "flow out api.openai.com openai-api approved http2 stop 0 github-pat@item.content[0].text\n");
}

static int setup(void **state)
{
	(void)state;
	return sensor_setup(yaml);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(one_stream_of_three_leaks),
	        cmocka_unit_test(what_belongs_to_a_stream),
	        cmocka_unit_test(a_gap_takes_the_head),
	        cmocka_unit_test(begins_within),
	        cmocka_unit_test(by_upgrade),
	        cmocka_unit_test(more_streams_than_places),
	        cmocka_unit_test(long_connections),
	        cmocka_unit_test(internal_connections),
	        cmocka_unit_test(a_proxy_of_streams),
	        cmocka_unit_test(opaque_tunnels),
	        cmocka_unit_test(names_of_tunnels),
	        cmocka_unit_test(websocket_messages),
	        cmocka_unit_test(websocket_in_a_stream),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
