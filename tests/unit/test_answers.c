/* test_answers.c - what comes back, where settings ask for it: values that stand in answers whole or token by
 * token, cut at every byte; for each choice and each stream of HTTP/2; told apart from what was sent; and
 * nothing where nobody asks. */
#include "tests/unit/answers.h"

/* ---- cases ---- */

static const struct {
	const char *host, *target, *ask, *type, *before, *behind, *field;
	const char *also; /* an event that comes between any two, "" none */
} streams[] = {
        {"api.openai.com", CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", SSE,
                "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"", "\"}}]}\n\n",
                "choices[0].delta.content", ""},
        /* two choices take turns */
        {"api.openai.com", CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", SSE,
                "data: {\"id\":\"c\",\"choices\":[{\"index\":1,\"delta\":{\"content\":\"", "\"}}]}\n\n",
                "choices[0].delta.content",
                "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"xyz\"}}]}\n\n"},
        {"api.openai.com", "/v1/responses", "{\"input\":\"hi\"}", SSE,
                "event: response.output_text.delta\ndata: "
                "{\"type\":\"response.output_text.delta\",\"output_index\":0,"
                "\"content_index\":0,\"delta\":\"",
                "\"}\n\n", "delta",
                "data: {\"type\":\"x\",\"output_index\":1,\"content_index\":0,\"delta\":\"abc\"}\n\n"},
        {"api.anthropic.com", "/v1/messages", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", SSE,
                "event: content_block_delta\ndata: "
                "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
                "\"text\":\"",
                "\"}}\n\n", "delta.text", "event: ping\ndata: {\"type\":\"ping\"}\n\n"},
        {"generativelanguage.googleapis.com", "/v1beta/models/g:streamGenerateContent",
                "{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]}", SSE,
                "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"",
                "\"}],\"role\":\"model\"}}]}\r\n\r\n", "candidates[0].content.parts[0].text", ""},
        /* one growing array */
        {"generativelanguage.googleapis.com", "/v1beta/models/g:streamGenerateContent",
                "{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}]}", JSON,
                ",{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"", "\"}],\"role\":\"model\"}}]}\n",
                "candidates[0].content.parts[0].text", ""},
        {"ollama.example", "/api/chat",
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}", LINES,
                "{\"model\":\"m\",\"message\":{\"role\":\"assistant\",\"content\":\"",
                "\"},\"done\":false}\n", "message.content", ""},
};

static void token_by_token(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(*streams); i++) {
		char before[512], body[8192] = "", expect[256];

		snprintf(before, sizeof(before), "%s%s", streams[i].also, streams[i].before);
		tokens(body, sizeof(body), before, "so: " GHP " ok", streams[i].behind);
		if (body[0] == ',') {
			body[0] = '[';
			append(body, sizeof(body), "]");
		}
		snprintf(expect, sizeof(expect), "<%s assistant\n", streams[i].field);
		for (size_t step = 1; step < 9000; step = step * 7 + 1) {
			struct world *w = listen();
			struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

			ask(&k, streams[i].target, streams[i].host, streams[i].ask);
			answer(&k, streams[i].type, body, strlen(body), step);
			fin(&k);
			end(w, NULL);
			if (strcmp(told.alerts, expect) != 0 || strcmp(told.flow, expect) != 0)
				fail_msg("%zu in steps of %zu: alerts \"%s\" flow \"%s\", should be \"%s\"",
				        i, step, told.alerts, told.flow, expect);
		}
	}
}

static void whole_answers(void **state)
{
	static const char body[] =
	        "{\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"take " GHP
	        "\"}}],"
	        "\"note\":\"or " GHP2 "\"}";
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	uint8_t packed[512];
	z_stream z = {0};

	(void)state;
	ask(&k, CHAT, "api.openai.com", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	answer(&k, JSON, body, sizeof(body) - 1, 50);
	assert_string_equal(told.alerts, "<choices[0].message.content assistant, <note \n");
	assert_int_equal(told.severity, SEVERITY_HIGH); /* critical, had it been sent */
	assert_non_null(strstr(told.summary,
	        "10.0.0.1 received GitHub personal access token (classic) (2) from OpenAI API"));
	assert_non_null(strstr(told.summary, "(choices[0].message.content of the answer); ask whose it is"));
	/* the same again is no news */
	told.alerts[0] = '\0';
	ask(&k, CHAT, "api.openai.com", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	answer(&k, JSON, body, sizeof(body) - 1, 50);
	assert_string_equal(told.alerts, "");
	/* codings of answers are undone, on another connection it is another one's */
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)(uintptr_t)body;
	z.avail_in = sizeof(body) - 1;
	z.next_out = packed;
	z.avail_out = sizeof(packed);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	fin(&k);
	k = handshake(w, "10.0.0.9", 40001, AI, 80);
	ask(&k, CHAT, "api.openai.com", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
	answer(&k, JSON "Content-Encoding: gzip\r\n", packed, sizeof(packed) - z.avail_out, 9);
	deflateEnd(&z);
	assert_string_equal(told.alerts, "<choices[0].message.content assistant, <note \n");
	fin(&k);
	end(w, NULL);
}

/* What was sent and comes back is no news; what came back and is sent is, for it leaves now. */
/* An answer of several text parts, a value cut over two of them at every byte. */
static void whole_answers_in_parts(void **state)
{
	static const char text[] = "so " GHP " ok";
	char body[512];

	(void)state;
	for (size_t cut = 4; cut < 3 + sizeof(GHP) - 1; cut++) {
		struct world *w = listen();
		struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
		int n = snprintf(body, sizeof(body),
		        "{\"role\":\"assistant\",\"content\":[{\"type\":\"text\",\"text\":\"%.*s\"},{"
		        "\"type\":"
		        "\"text\",\"text\":\"%s\"}]}",
		        (int)cut, text, text + cut);

		ask(&k, "/v1/messages", "api.anthropic.com",
		        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
		answer(&k, JSON, body, (size_t)n, cut % 3 ? 1460 : 7);
		fin(&k);
		end(w, NULL);
		assert_string_equal(told.alerts, "<content[0].text assistant\n");
		assert_string_equal(told.flow, "<content[0].text assistant\n");
	}
	/* what is said behind an image is another text */
	for (int other = 0; other < 2; other++) {
		struct world *w = listen();
		struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
		int n = snprintf(body, sizeof(body),
		        "{\"content\":[{\"text\":\"%.20s\"},%s{\"text\":\"%s\"}]}", text,
		        other ? "{\"image\":\"x\"}," : "", text + 20);

		ask(&k, "/v1/messages", "api.anthropic.com",
		        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
		answer(&k, JSON, body, (size_t)n, 1460);
		fin(&k);
		end(w, NULL);
		assert_string_equal(told.alerts, other ? "" : "<content[0].text assistant\n");
	}
}

static void there_and_back(void **state)
{
	static const char echo[] = "{\"choices\":[{\"message\":{\"content\":\"you said " GHP "\"}}]}";
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	ask(&k, CHAT, "api.openai.com", "{\"messages\":[{\"role\":\"user\",\"content\":\"my " GHP "\"}]}");
	answer(&k, JSON, echo, sizeof(echo) - 1, 500);
	assert_string_equal(told.alerts, ">messages[0].content user\n");
	fin(&k);
	k = handshake(w, "10.0.0.2", 40000, AI, 80);
	told.alerts[0] = '\0';
	ask(&k, CHAT, "api.openai.com", "{\"messages\":[{\"role\":\"user\",\"content\":\"make one\"}]}");
	answer(&k, JSON, echo, sizeof(echo) - 1, 500);
	ask(&k, CHAT, "api.openai.com",
	        "{\"messages\":[{\"role\":\"user\",\"content\":\"make "
	        "one\"},{\"role\":\"assistant\",\"content\":\"you said " GHP
	        "\"},{\"role\":\"user\",\"content\":\"ok\"}]}");
	assert_string_equal(
	        told.alerts, "<choices[0].message.content assistant\n>messages[1].content assistant\n");
	fin(&k);
	end(w, NULL);
	/* the flow's record has both, apart */
	assert_non_null(strstr(told.flow, "<choices[0].message.content assistant"));
	assert_non_null(strstr(told.flow, ">messages[1].content assistant"));
}

/* Answers come in the order of their requests; those nobody asked for, and interim ones, are passed over. */
static void order(void **state)
{
	static const char one[] = "{\"choices\":[{\"message\":{\"content\":\"" GHP "\"}}]}",
	                  two[] = "{\"content\":[{\"text\":\"" GHP2 "\"}]}";
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	say_text(&k, FLOW_S2C, "HTTP/1.1 408 Timeout\r\nContent-Length: 45\r\n\r\n{\"a\":\"" GHP "\"}");
	fin(&k);
	k = handshake(w, CLIENT, 40001, AI, 80);
	ask(&k, CHAT, "api.openai.com", "{\"messages\":[]}");
	ask(&k, "/v1/messages", "api.anthropic.com", "{\"messages\":[]}");
	say_text(&k, FLOW_S2C, "HTTP/1.1 100 Continue\r\n\r\n");
	answer(&k, JSON, one, sizeof(one) - 1, 500);
	answer(&k, JSON, two, sizeof(two) - 1, 500);
	assert_string_equal(
	        told.alerts, "<choices[0].message.content assistant\n<content[0].text assistant\n");
	/* one that never comes */
	ask(&k, CHAT, "api.openai.com", "{\"messages\":[]}");
	fin(&k);
	/* one that ends in the middle */
	k = handshake(w, CLIENT, 40002, AI, 80);
	ask(&k, CHAT, "api.mistral.ai", "{\"messages\":[]}");
	told.alerts[0] = '\0';
	say_text(&k, FLOW_S2C,
	        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n"
	        "{\"choices\":[{\"message\":{\"content\":\"see " GHP " and");
	fin(&k);
	end(w, NULL);
	assert_string_equal(told.alerts, "<choices[0].message.content assistant\n");
}

/* More texts at once than are followed: each is searched, as far as it went without a break. */
static void many_choices(void **state)
{
	char body[16384] = "";
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	for (unsigned turn = 0; turn < 3; turn++)
		for (unsigned c = 0; c < 9; c++) {
			char event[256];

			snprintf(event, sizeof(event),
			        "data: {\"choices\":[{\"index\":%u,\"delta\":{\"content\":\"%s \"}}]}\n\n", c,
			        turn == 1 && c == 5 ? GHP : "text");
			append(body, sizeof(body), event);
		}
	ask(&k, CHAT, "api.openai.com", "{\"messages\":[]}");
	answer(&k, SSE, body, strlen(body), 700);
	fin(&k);
	end(w, NULL);
	assert_string_equal(told.alerts, "<choices[0].delta.content assistant\n");
}

static void as_settings_say(void **state)
{
	static const char body[] = "{\"choices\":[{\"message\":{\"content\":\"" GHP "\"}}]}";
	static const enum sign_mode modes[] = {SIGN_OFF, SIGN_RECORD, SIGN_ALERT};
	static const char *const alerts[] = {"", "", "<choices[0].message.content assistant\n"},
	                         *const flows[] = {"\n", "<choices[0].message.content assistant\n",
	                                 "<choices[0].message.content assistant\n"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct world *w;
		struct conn_of k;

		settings->inspect.responses = modes[i];
		w = listen();
		k = handshake(w, CLIENT, 40000, AI, 80);
		ask(&k, CHAT, "api.openai.com", "{\"messages\":[]}");
		answer(&k, JSON, body, sizeof(body) - 1, 500);
		fin(&k);
		end(w, NULL);
		assert_string_equal(told.alerts, alerts[i]);
		assert_string_equal(told.flow, flows[i]);
	}
}

/* With every room taken answers go unread, it is said, and requests are read all the same. */
static void no_room(void **state)
{
	static const char body[] = "{\"choices\":[{\"message\":{\"content\":\"" GHP "\"}}]}";
	struct world *w = listen();
	struct conn_of k[20];
	struct classify_stats st;

	(void)state;
	for (uint16_t i = 0; i < 20; i++) {
		k[i] = handshake(w, CLIENT, (uint16_t)(40000 + i), AI, 80);
		ask(&k[i], CHAT, "api.openai.com",
		        "{\"messages\":[{\"role\":\"user\",\"content\":\"" GHP2 "\"}]}");
	}
	for (uint16_t i = 0; i < 20; i++) {
		answer(&k[i], JSON, body, sizeof(body) - 1, 500);
		fin(&k[i]);
	}
	st = end(w, NULL);
	assert_int_equal(st.refused_bodies, 4);
	assert_int_equal(st.findings, 20 + 16);
}

/* Only what clients send is captured: what is expected does not pile up, the record says that answers are
 * missing, and connections whose answers are seen have theirs read. */
static void one_direction(void **state)
{
	static const char body[] = "{\"choices\":[{\"message\":{\"content\":\"" GHP "\"}}]}",
	                  question[] = "{\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
	struct world *w = listen();
	struct conn_of k[20], heard;
	struct classify_stats st;

	(void)state;
	for (unsigned n = 1; n <= 50; n++) {
		if (n == 1)
			k[0] = (struct conn_of){w, CLIENT, AI, 40000, 80, {7, 7}, NULL};
		ask(&k[0], CHAT, "api.openai.com", question);
		assert_int_equal(pool_used(w->c->answers), n < 4 ? n : 4);
	}
	/* one request each, and then silence, on as many as there is room for */
	for (uint16_t i = 1; i < 20; i++) {
		k[i] = (struct conn_of){w, CLIENT, AI, (uint16_t)(40000 + i), 80, {7, 7}, NULL};
		ask(&k[i], CHAT, "api.openai.com", question);
	}
	assert_int_equal(pool_used(w->c->answers), 16);
	for (unsigned n = 0; n < 3; n++) {
		w->now += 2 * NS_PER_S;
		heard = handshake(w, CLIENT, (uint16_t)(41000 + n), AI, 80);
		ask(&heard, CHAT, "api.openai.com", question);
		answer(&heard, JSON, body, sizeof(body) - 1, 500);
		fin(&heard);
		/* not sooner than after five seconds */
		assert_string_equal(told.alerts, n < 2 ? "" : "<choices[0].message.content assistant\n");
	}
	st = end(w, NULL);
	assert_int_equal(st.requests, 50 + 19 + 3);
	assert_int_equal(st.refused_bodies, 19 - 12 + 2);
	assert_int_equal(st.not_inspected[2], 1); /* the first connection: it made room for the last, too */
}

/* ---- HTTP/2 ---------------------------------------------------------------------------------------------
 */

/* Three streams take turns with their tokens; the value of one must not be made of another's. */
static void streams_in_turn(void **state)
{
	(void)state;
	for (size_t step = 5; step < 9000; step = step * 11 + 1) {
		struct world *w = listen();
		struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

		h2_begin(&up);
		for (uint32_t id = 1; id < 7; id += 2) {
			h2_head(&up, 0, id,
			        ":method: POST\n:scheme: http\n:path: " CHAT
			        "\n:authority: api.openai.com\ncontent-type: application/json\n");
			h2_data(&up, F_END, id, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
		}
		flush(&k, step);
		h2_frame(&down, T_SETTINGS, 0, 0, NULL, 0);
		for (uint32_t id = 1; id < 7; id += 2)
			h2_head(&down, 0, id, ":status: 200\ncontent-type: text/event-stream\n");
		for (size_t i = 0; i < strlen(GHP); i += 3)
			for (uint32_t id = 1; id < 7; id += 2) {
				char event[128];

				snprintf(event, sizeof(event),
				        "data: "
				        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%.3s\"}}]}\n\n",
				        id == 1 ? "xyz" : (id == 3 ? GHP : GHP2) + i);
				/* a frame may end anywhere in an event */
				h2_frame(&down, T_DATA, 0, id, event, 20);
				h2_data(&down, 0, id, event + 20);
			}
		h2_data(&down, F_END, 5, "data: [DONE]\n\n");
		h2_data(&down, F_END, 1, "data: [DONE]\n\n");
		flush(&k, step);
		assert_string_equal(told.alerts, "<choices[0].delta.content assistant\n");
		h2_data(&down, F_END, 3, "");
		flush(&k, step);
		fin(&k);
		end(w, NULL);
		assert_string_equal(told.alerts,
		        "<choices[0].delta.content assistant\n<choices[0].delta.content assistant\n");
	}
}

/* ---- Amazon's event stream ------------------------------------------------------------------------------
 */

static void aws_event(struct buf *b, const char *payload)
{
	static const char name[] = ":content-type", value[] = "application/json";
	const size_t from = b->n, headers = 1 + sizeof(name) - 1 + 3 + sizeof(value) - 1;

	put_be(b, 16 + headers + strlen(payload), 4);
	put_be(b, headers, 4);
	put_be(b, crc32(0, b->p + from, 8), 4);
	put_be(b, sizeof(name) - 1, 1);
	put_text(b, name);
	put_be(b, 7, 1); /* a string */
	put_be(b, sizeof(value) - 1, 2);
	put_text(b, value);
	put_text(b, payload);
	put_be(b, crc32(0, b->p + from, (uInt)(b->n - from)), 4);
}

static void base64(const char *in, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = strlen(in);

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)(uint8_t)in[i] << 16 |
		             (i + 1 < n ? (uint32_t)(uint8_t)in[i + 1] << 8 : 0) |
		             (i + 2 < n ? (uint8_t)in[i + 2] : 0u);

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? digits[v & 63] : '=';
	}
	*out = '\0';
}

/* Bedrock: the events themselves, or within them JSON of the model's own in base64. */
static void aws_event_streams(void **state)
{
	static const struct {
		const char *target, *event, *field;
		bool packed;
	} cases[] = {
	        {"/model/m/converse-stream",
	                "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"%.3s\"},\"p\":\"abc\"}", "delta.text",
	                false},
	        {"/model/m/invoke-with-response-stream",
	                "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
	                "\"text\":\"%.3s\"}}",
	                "delta.text", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t step = 1; step < 9000; step = step * 9 + 1) {
			struct world *w = listen();
			struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
			char expect[128];

			down.n = 0;
			for (size_t at = 0; at < strlen(GHP); at += 3) {
				char event[256], coded[400], outer[450];

				snprintf(event, sizeof(event), cases[i].event, &GHP[at]);
				base64(event, coded);
				snprintf(outer, sizeof(outer), "{\"bytes\":\"%s\"}", coded);
				aws_event(&down, cases[i].packed ? outer : event);
			}
			ask(&k, cases[i].target, "bedrock-runtime.us-east-1.amazonaws.com",
			        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}]}");
			answer(&k, "Content-Type: application/vnd.amazon.eventstream\r\n", down.p, down.n,
			        step);
			down.n = 0;
			fin(&k);
			end(w, NULL);
			snprintf(expect, sizeof(expect), "<%s assistant\n", cases[i].field);
			if (strcmp(told.alerts, expect) != 0)
				fail_msg("%zu in steps of %zu: \"%s\"", i, step, told.alerts);
		}
}

/* Requests of HTTP/2 that the client takes back have no answer, and take no room from those that have one. */
static void taken_back(void **state)
{
	static struct buf b;
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	b.n = 0;
	h2_begin(&b);
	for (uint32_t id = 1; id < 101; id += 2) {
		h2_head(&b, 0, id,
		        ":method: POST\n:scheme: http\n:authority: api.openai.com\n:path: " CHAT "\n"
		        "content-type: application/json\n");
		h2_data(&b, F_END, id, "{\"messages\":[]}");
		if (id < 99)
			h2_frame(&b, T_RST, 0, id, "\0\0\0\x08", 4);
	}
	for (size_t i = 0; i < b.n; i += 1000)
		say(&k, FLOW_C2S, b.p + i, b.n - i < 1000 ? b.n - i : 1000);
	b.n = 0;
	h2_frame(&b, T_SETTINGS, 0, 0, NULL, 0);
	h2_head(&b, 0, 99, ":status: 200\ncontent-type: application/json\n");
	h2_data(&b, F_END, 99, "{\"choices\":[{\"message\":{\"content\":\"" GHP "\"}}]}");
	say(&k, FLOW_S2C, b.p, b.n);
	fin(&k);
	end(w, NULL);
	assert_string_equal(told.alerts, "<choices[0].message.content assistant\n");
}

/* Connections in streams of a proxy's: each has a first request, and the answer to it is its own. */
static void tunnels(void **state)
{
	static const char ask_one[] = "POST " CHAT " HTTP/1.1\r\nHost: api.openai.com\r\nContent-Length: "
	                              "15\r\n\r\n{\"messages\":[]}",
	                  ask_two[] = "POST /v1/messages HTTP/1.1\r\nHost: api.anthropic.com\r\n"
	                              "Content-Length: 15\r\n\r\n{\"messages\":[]}",
	                  one[] = "HTTP/1.1 200 OK\r\n" JSON "\r\n{\"choices\":[{\"message\":{\"content\":"
	                          "\"" GHP "\"}}]}",
	                  two[] = "HTTP/1.1 200 OK\r\n" JSON "\r\n{\"content\":[{\"text\":\"" GHP2 "\"}]}";
	static struct buf b;
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	b.n = 0;
	h2_begin(&b);
	h2_head(&b, 0, 1, ":method: CONNECT\n:authority: api.openai.com:80\n");
	h2_head(&b, 0, 3, ":method: CONNECT\n:authority: api.anthropic.com:80\n");
	say(&k, FLOW_C2S, b.p, b.n);
	b.n = 0;
	h2_frame(&b, T_SETTINGS, 0, 0, NULL, 0);
	h2_head(&b, 0, 1, ":status: 200\n");
	h2_head(&b, 0, 3, ":status: 200\n");
	say(&k, FLOW_S2C, b.p, b.n);
	b.n = 0;
	h2_data(&b, 0, 1, ask_one);
	h2_data(&b, 0, 3, ask_two);
	say(&k, FLOW_C2S, b.p, b.n);
	b.n = 0;
	h2_data(&b, F_END, 1, one);
	h2_data(&b, F_END, 3, two);
	say(&k, FLOW_S2C, b.p, b.n);
	fin(&k);
	end(w, NULL);
	assert_string_equal(
	        told.alerts, "<choices[0].message.content assistant\n<content[0].text assistant\n");
}

/* The inner connection's bytes as DATA of the outer's stream. */
static void wrap(struct buf *out, uint32_t id, struct buf *inner)
{
	h2_frame(out, T_DATA, 0, id, inner->p, inner->n);
	inner->n = 0;
}

/* HTTP/2 within streams of HTTP/2, in each of them a stream of the same number, and one with the number of
 * the outer's: each answer belongs to its own request, whichever comes first. */
static void http2_in_tunnels(void **state)
{
	static const struct {
		const char *tunnel, *head, *ask, *answer;
	} inner[] = {
	        {":method: CONNECT\n:authority: api.openai.com:80\n",
	                ":method: POST\n:path: " CHAT "\n:authority: api.openai.com\n", "{\"messages\":[]}",
	                "{\"choices\":[{\"message\":{\"content\":\"" GHP "\"}}]}"},
	        {":method: CONNECT\n:authority: api.anthropic.com:80\n",
	                ":method: POST\n:path: /v1/messages\n:authority: api.anthropic.com\n",
	                "{\"messages\":[]}", "{\"content\":[{\"text\":\"" GHP2 "\"}]}"},
	};
	static struct buf in;

	(void)state;
	for (uint32_t id = 1; id < 5; id += 2)
		for (unsigned first = 0; first < 2; first++) {
			struct world *w = listen();
			struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
			struct classify_stats st;

			h2_begin(&up);
			for (uint32_t i = 0; i < 2; i++) {
				h2_head(&up, 0, 1 + 2 * i, inner[i].tunnel);
				h2_head(&down, 0, 1 + 2 * i, ":status: 200\n");
			}
			flush(&k, 999);
			for (uint32_t i = 0; i < 2; i++) {
				h2_begin(&in);
				h2_head(&in, 0, id, inner[i].head);
				h2_data(&in, F_END, id, inner[i].ask);
				wrap(&up, 1 + 2 * i, &in);
			}
			flush(&k, 999);
			for (unsigned n = 0; n < 2; n++) {
				unsigned i = n ^ first;

				h2_frame(&in, T_SETTINGS, 0, 0, NULL, 0);
				h2_head(&in, 0, id, ":status: 200\n");
				h2_data(&in, F_END, id, inner[i].answer);
				wrap(&down, 1 + 2 * i, &in);
			}
			flush(&k, 999);
			fin(&k);
			st = end(w, NULL);
			assert_int_equal(st.requests, 4);
			assert_string_equal(told.alerts,
			        first ? "<content[0].text assistant\n<choices[0].message.content assistant\n"
			              : "<choices[0].message.content assistant\n<content[0].text "
			                "assistant\n");
		}
}

/* RFC 7540 3.2: the answer to the request that asked for HTTP/2 comes in it, on stream 1. */
static void answered_after_an_upgrade(void **state)
{
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	say_text(&k, FLOW_C2S,
	        "POST " CHAT " HTTP/1.1\r\nHost: api.openai.com\r\nConnection: Upgrade, HTTP2-Settings\r\n"
	        "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: 15\r\n\r\n{\"messages\":[]}");
	say_text(&k, FLOW_S2C,
	        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
	h2_begin(&up);
	h2_head(&up, 0, 3, ":method: POST\n:path: " CHAT "\n:authority: api.openai.com\n");
	h2_data(&up, F_END, 3, "{\"messages\":[]}");
	h2_frame(&down, T_SETTINGS, 0, 0, NULL, 0);
	h2_head(&down, 0, 3, ":status: 200\n");
	h2_data(&down, F_END, 3, "{\"choices\":[{\"message\":{\"content\":\"" GHP "\"}}]}");
	h2_head(&down, 0, 1, ":status: 200\n");
	h2_data(&down, F_END, 1, "{\"choices\":[{\"message\":{\"content\":\"" GHP2 "\"}}]}");
	flush(&k, 999);
	fin(&k);
	end(w, NULL);
	assert_string_equal(told.alerts,
	        "<choices[0].message.content assistant\n<choices[0].message.content assistant\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(token_by_token),
	        cmocka_unit_test(whole_answers),
	        cmocka_unit_test(whole_answers_in_parts),
	        cmocka_unit_test(there_and_back),
	        cmocka_unit_test(order),
	        cmocka_unit_test(many_choices),
	        cmocka_unit_test(no_room),
	        cmocka_unit_test(one_direction),
	        cmocka_unit_test(streams_in_turn),
	        cmocka_unit_test(aws_event_streams),
	        cmocka_unit_test(taken_back),
	        cmocka_unit_test(tunnels),
	        cmocka_unit_test(http2_in_tunnels),
	        cmocka_unit_test(answered_after_an_upgrade),
	        cmocka_unit_test(as_settings_say),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
