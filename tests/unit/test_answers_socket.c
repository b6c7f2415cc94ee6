/* test_answers_socket.c - what a server says in a WebSocket, over HTTP/1 and HTTP/2, compressed or not: whole
 * messages and text that comes token by token, with gaps, from the middle, and as the settings say. */
#include "tests/unit/answers.h"

/* ---- WebSocket ------------------------------------------------------------------------------------------
 */

/* A connection that carries one: over HTTP/1, or on a stream of HTTP/2; its messages compressed or not. */
struct socket {
	struct conn_of k;
	bool h2, packed;
	z_stream z[2];
};

static void socket_send(struct socket *s, enum flow_dir dir, const char *text, size_t step)
{
	static struct buf frame;
	struct buf *b = dir == FLOW_C2S ? &up : &down;
	uint8_t packed[1024];
	const uint8_t *p = (const uint8_t *)text;
	size_t n = strlen(text);

	if (s->packed) { /* RFC 7692 7.2.1 */
		z_stream *z = &s->z[dir];

		z->next_in = (Bytef *)(uintptr_t)text;
		z->avail_in = (uInt)n;
		z->next_out = packed;
		z->avail_out = sizeof(packed);
		assert_int_equal(deflate(z, Z_SYNC_FLUSH), Z_OK);
		n = sizeof(packed) - z->avail_out - 4;
		p = packed;
	}
	frame.n = 0;
	put_be(&frame, s->packed ? 0xc1 : 0x81, 1);
	put_be(&frame, (dir == FLOW_C2S ? 0x80u : 0) | (n < 126 ? n : 126), 1);
	if (n >= 126)
		put_be(&frame, n, 2);
	if (dir == FLOW_C2S)
		put_hex(&frame, "37fa213d");
	for (size_t i = 0; i < n; i++)
		put_be(&frame, p[i] ^ (dir == FLOW_C2S ? (uint8_t) "\x37\xfa\x21\x3d"[i % 4] : 0u), 1);
	if (s->h2)
		h2_frame(b, T_DATA, 0, 1, frame.p, frame.n);
	else
		put(b, frame.p, frame.n);
	flush(&s->k, step);
}

#define REALTIME "/v1/realtime?model=m"
#define CONNECT                                                                                              \
	":method: CONNECT\n:protocol: websocket\n:scheme: http\n:path: " REALTIME                            \
	"\n:authority: api.openai.com\n"

static void get_socket(struct conn_of *k)
{
	say_text(k, FLOW_C2S,
	        "GET " REALTIME " HTTP/1.1\r\nHost: api.openai.com\r\nConnection: Upgrade\r\nUpgrade: "
	        "websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
}

static void socket_open(struct socket *s, struct world *w, bool h2, bool packed)
{
	memset(s, 0, sizeof(*s));
	s->k = handshake(w, CLIENT, 40000, AI, 80);
	s->h2 = h2;
	s->packed = packed;
	for (int dir = 0; dir < 2; dir++)
		assert_int_equal(deflateInit2(&s->z[dir], 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	if (h2) {
		h2_begin(&up);
		h2_head(&up, 0, 1, CONNECT);
		h2_head(&down, 0, 1, ":status: 200\n");
		flush(&s->k, 99);
	} else {
		get_socket(&s->k);
		say_text(&s->k, FLOW_S2C,
		        "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	}
}

static void socket_close(struct socket *s)
{
	fin(&s->k);
	for (int dir = 0; dir < 2; dir++)
		deflateEnd(&s->z[dir]);
}

static void delta(struct socket *s, const char *type, const char *item, const char *text, size_t step)
{
	char event[256];

	snprintf(event, sizeof(event),
	        "{\"type\":\"response.%s.delta\",\"event_id\":\"e\",\"response_id\":\"r\",\"item_id\":\"%s\","
	        "\"output_index\":0,\"content_index\":0,\"delta\":\"%s\"}",
	        type, item, text);
	socket_send(s, FLOW_S2C, event, step);
}

/* A value that is spoken: its transcript comes token by token, between the sound and another item's text. */
static void spoken(struct socket *s, const char *value, size_t step)
{
	for (size_t i = 0; i < strlen(value); i += 3) {
		char token[4] = "";

		snprintf(token, sizeof(token), "%.3s", value + i);
		delta(s, "audio", "item_1", "AAAAAAAA//8BAAEA", step);
		delta(s, "audio_transcript", "item_1", token, step);
		delta(s, "output_text", "item_2", "xyz", step);
	}
}

static void socket_deltas(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++)
		for (size_t step = 1; step < 9000; step = step * 30 + 1) {
			struct world *w = listen();
			struct socket s;

			socket_open(&s, w, form & 1, form & 2);
			socket_send(&s, FLOW_C2S, "{\"type\":\"response.create\"}", step);
			spoken(&s, GHP, step);
			assert_string_equal(told.alerts, "");
			socket_close(&s);
			end(w, NULL);
			if (strcmp(told.alerts, "<delta assistant\n") != 0 ||
			        strcmp(told.flow, "<delta assistant\n") != 0)
				fail_msg("form %d in steps of %zu: alerts \"%s\" flow \"%s\"", form, step,
				        told.alerts, told.flow);
		}
}

/* A text is told once it has not gone on for a while: when somebody speaks again, whoever it is. */
static void socket_silence(void **state)
{
	(void)state;
	for (int dir = 0; dir < 2; dir++) {
		struct world *w = listen();
		struct socket s;

		socket_open(&s, w, false, false);
		spoken(&s, GHP, 999);
		socket_send(&s, (enum flow_dir)dir, "{\"type\":\"ping\"}", 999);
		assert_string_equal(told.alerts, "");
		w->now += 6 * NS_PER_S;
		socket_send(&s, (enum flow_dir)dir, "{\"type\":\"ping\"}", 999);
		assert_string_equal(told.alerts, "<delta assistant\n");
		/* one that never ends is told all the same */
		spoken(&s, GHP2, 999);
		for (int i = 0; i < 30; i++) {
			w->now += 3 * NS_PER_S;
			delta(&s, "audio_transcript", "item_1", " and on", 999);
		}
		assert_string_equal(told.alerts, "<delta assistant\n<delta assistant\n");
		socket_close(&s);
		end(w, NULL);
	}
}

#define DONE(text)                                                                                           \
	"{\"type\":\"response.done\",\"response\":{\"output\":[{\"content\":[{\"transcript\":\"" text        \
	"\"}]}]}}"
#define ITEM(text) "{\"type\":\"conversation.item.create\",\"item\":{\"content\":[{\"text\":\"" text "\"}]}}"

/* Whole messages are told at once, with nothing that was sent or received before. */
static void socket_messages(void **state)
{
	static const enum sign_mode modes[] = {SIGN_OFF, SIGN_RECORD, SIGN_ALERT};

	(void)state;
	for (int form = 0; form < 4; form++)
		for (int mode = 0; mode < 3; mode++) {
			const bool alert = modes[mode] == SIGN_ALERT;
			struct world *w;
			struct socket s;

			settings->inspect.responses = modes[mode];
			w = listen();
			socket_open(&s, w, form & 1, form & 2);
			socket_send(&s, FLOW_S2C, "{\"type\":\"session.created\"}", 50);
			socket_send(&s, FLOW_C2S, ITEM("my key " GHP2), 50);
			assert_string_equal(told.alerts, ">item.content[0].text \n");
			told.alerts[0] = '\0';
			socket_send(&s, FLOW_S2C, DONE("you said " GHP2), 50);
			assert_string_equal(told.alerts, "");
			socket_send(&s, FLOW_S2C, DONE("take " GHP), 50);
			assert_string_equal(
			        told.alerts, alert ? "<response.output[0].content[0].transcript \n" : "");
			if (alert)
				assert_non_null(
				        strstr(told.summary, "10.0.0.1 received GitHub personal access "
				                             "token (classic) from OpenAI API"));
			told.alerts[0] = '\0';
			socket_send(&s, FLOW_S2C, "no JSON at all: " GHP, 50);
			socket_send(&s, FLOW_S2C, DONE("take " GHP), 50);
			assert_string_equal(told.alerts, "");
			assert_int_equal(!w->c->answers, modes[mode] == SIGN_OFF);
			socket_close(&s);
			end(w, NULL);
			if (modes[mode] == SIGN_OFF)
				assert_string_equal(told.flow, ">item.content[0].text \n");
			else
				assert_string_equal(told.flow,
				        ">item.content[0].text , <response.output[0].content[0].transcript , "
				        "<response.output[0].content[0].transcript , <body \n");
		}
}

/* A server that says no says it in an ordinary answer. */
static void socket_refused(void **state)
{
	static const char body[] = "{\"error\":\"not with " GHP "\"}";
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	char text[256];

	(void)state;
	get_socket(&k);
	snprintf(text, sizeof(text), "HTTP/1.1 403 No\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	say_text(&k, FLOW_S2C, text);
	assert_string_equal(told.alerts, "<error \n");
	fin(&k);
	k = handshake(w, "10.0.0.9", 40001, AI, 80);
	h2_begin(&up);
	h2_head(&up, 0, 1, CONNECT);
	h2_head(&down, 0, 1, ":status: 403\n");
	h2_data(&down, F_END, 1, body);
	flush(&k, 20);
	assert_string_equal(told.alerts, "<error \n<error \n");
	fin(&k);
	end(w, NULL);
}

/* The capture begins within, and the server speaks first; frames that are missing break the text. */
static void socket_midstream(void **state)
{
	struct world *w = listen();
	struct socket s = {
	        .k = {.w = w, .client = CLIENT, .server = AI, .cport = 40000, .sport = 80, .seq = {5, 9}}};

	(void)state;
	dns_answer(w, CLIENT, "api.openai.com", AI);
	for (int i = 0; i < 4; i++)
		socket_send(&s, FLOW_S2C, DONE("hello"), 999);
	socket_send(&s, FLOW_S2C, DONE("take " GHP), 999);
	fin(&s.k);
	end(w, NULL);
	assert_string_equal(told.alerts, "<response.output[0].content[0].transcript assistant\n");
}

static void socket_gap(void **state)
{
	for (int missing = 0; missing < 2; missing++) {
		struct world *w = listen();
		struct socket s;

		(void)state;
		socket_open(&s, w, false, false);
		socket_send(&s, FLOW_C2S, "{\"type\":\"response.create\"}", 999);
		for (size_t i = 0; i < strlen(GHP); i += 4) {
			char token[5] = "";

			snprintf(token, sizeof(token), "%.4s", &GHP[i]);
			if (missing && i == 20) /* messages that were not captured */
				s.k.seq[FLOW_S2C] += 100;
			delta(&s, "audio_transcript", "item_1", token, 999);
		}
		send_flags(&s.k, FLOW_C2S, TCP_ACK, NULL, 0);
		socket_close(&s);
		end(w, NULL);
		assert_string_equal(told.alerts, missing ? "" : "<delta assistant\n");
	}
}

static uint32_t seed = 7;

static uint32_t next_random(uint32_t below)
{
	return (seed = seed * 1664525u + 1013904223u) / 256 % below;
}

/* Servers that say anything, are cut off anywhere, and of which parts are missing or wrong: all memory comes
 * back (end()). */
static void hostile_servers(void **state)
{
	(void)state;
	for (int round = 0; round < 400; round++) {
		struct world *w = listen();
		struct socket s;

		socket_open(&s, w, next_random(2), next_random(2));
		for (uint32_t i = 0; i < 24; i++) {
			char item[16], event[300];
			uint8_t wrong[64];

			snprintf(item, sizeof(item), "item_%u", (unsigned)next_random(7));
			switch (next_random(7)) {
			case 0:
				for (size_t k = 0; k < sizeof(wrong); k++)
					wrong[k] = (uint8_t)next_random(256);
				say(&s.k, FLOW_S2C, wrong, next_random(sizeof(wrong)));
				break;
			case 1:
				s.k.seq[FLOW_S2C] += next_random(90);
				break;
			case 2:
				socket_send(&s, FLOW_C2S, ITEM("my key " GHP2), 1 + next_random(80));
				break;
			case 3:
				snprintf(event, sizeof(event), "%.*s", (int)(1 + next_random(89)),
				        DONE("take " GHP));
				socket_send(&s, FLOW_S2C, event, 1 + next_random(80));
				break;
			case 4:
				w->now += next_random(9) * NS_PER_S;
				break;
			default:
				delta(&s, next_random(2) ? "audio_transcript" : "text", item, "a " GHP,
				        1 + next_random(200));
			}
		}
		if (next_random(2))
			fin(&s.k);
		for (int dir = 0; dir < 2; dir++)
			deflateEnd(&s.z[dir]);
		end(w, NULL);
	}
}

/* Two tunnels on one connection, in each a WebSocket, with the same numbers: both are read, and none ends
 * what is the other's. */
static void sockets_of_one_number(void **state)
{
	static const char asked[] = "GET " REALTIME " HTTP/1.1\r\nHost: api.openai.com\r\nConnection: "
	                            "Upgrade\r\nUpgrade: websocket\r\n\r\n",
	                  granted[] = "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

	(void)state;
	for (int first = 0; first < 2; first++) {
		struct world *w = listen();
		struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
		const uint32_t ids[] = {first ? 3 : 1, first ? 1 : 3};

		h2_begin(&up);
		for (uint32_t id = 1; id < 5; id += 2) {
			h2_head(&up, 0, id, ":method: CONNECT\n:authority: api.openai.com:80\n");
			h2_head(&down, 0, id, ":status: 200\n");
			flush(&k, 999);
			h2_data(&up, 0, id, asked);
			flush(&k, 999);
			h2_data(&down, 0, id, granted);
			flush(&k, 999);
		}
		h2_data(&down, 0, 1, "\x01\x06{\"a\":\""); /* not the last fragment */
		h2_data(&down, 0, 3, "\x01\x06{\"a\":\"");
		flush(&k, 999);
		h2_data(&up, F_END, ids[0], "");
		h2_data(&down, F_END, ids[0], "");
		flush(&k, 999);
		h2_data(&down, 0, ids[1], "\x80\x2a" GHP "\"}");
		h2_data(&down, F_END, ids[1], "");
		h2_data(&up, F_END, ids[1], "");
		flush(&k, 999);
		assert_int_equal(pool_used(w->c->answers), 0);
		assert_string_equal(told.alerts, "<a \n");
		fin(&k);
		end(w, NULL);
	}
}

/* Many on one connection, one after the other: what each took is given back. */
static void socket_after_socket(void **state)
{
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	struct classify_stats st;

	(void)state;
	h2_begin(&up);
	for (uint32_t id = 1; id < 401; id += 2) {
		h2_head(&up, 0, id, CONNECT);
		h2_head(&down, 0, id, ":status: 200\n");
		flush(&k, 99);
		put_hex(&down, "00000400000000"); /* DATA of two bytes of header and two of text */
		put_be(&down, id, 2);
		put_hex(&down, "81027b7d");
		flush(&k, 99);
		assert_int_equal(pool_used(w->c->answers), 1);
		h2_data(&up, F_END, id, "");
		h2_data(&down, F_END, id, "");
		flush(&k, 99);
		assert_int_equal(pool_used(w->c->answers), 0);
	}
	fin(&k);
	st = end(w, NULL);
	assert_int_equal(st.refused_bodies, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(socket_deltas),
	        cmocka_unit_test(socket_silence),
	        cmocka_unit_test(socket_refused),
	        cmocka_unit_test(socket_midstream),
	        cmocka_unit_test(socket_gap),
	        cmocka_unit_test(socket_after_socket),
	        cmocka_unit_test(hostile_servers),
	        cmocka_unit_test(sockets_of_one_number),
	        cmocka_unit_test(socket_messages),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
