/* test_withheld.c - what a record never holds: query strings, and the names and passwords that stand in URLs,
 * in proxies' requests and in headers.  The words here are none that a detector knows: they are left out
 * because of where they stand. */
#include "tests/unit/sensor.h"

#include "alerts/record.h"

#define CLIENT  "10.0.0.1"
#define PROXY   "10.9.9.9"
#define OUTSIDE "192.0.2.7"

#define WORD "plainhunterword"

static const char yaml[] =
        "sensor: {name: test}\n"
        "networks: {internal: [10.0.0.0/8], proxies: [10.9.9.9], forwarded_by: [10.0.0.1, 10.9.9.9]}\n"
        "policy: {posture: insular}\n"
        "evasion: {ech: alert, doh: alert, tunnel_mb: 0, alert_from: 0}\n"
        "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

static unsigned records;
static char all[1 << 20];
static size_t n_all;

/* Everything that would go out. */
static void on_record(void *arg, const struct event *ev)
{
	static char json[65536];
	struct record_head head;
	size_t n = record_tail(ev, settings, NULL, &head, json, sizeof(json));

	(void)arg;
	records++;
	assert_true(n && n_all + n + 2 < sizeof(all));
	for (size_t i = 0; i < n; i++) /* a volume's tail begins with a sentence and its NUL */
		all[n_all + i] = json[i] ? json[i] : ' ';
	n_all += n;
	all[n_all++] = '\n';
	all[n_all] = '\0';
}

static struct world *world(void)
{
	struct world *w = begin();

	w->c->tell.tell = on_record;
	records = 0;
	n_all = 0;
	all[0] = '\0';
	return w;
}

static void finish(struct world *w)
{
	flow_stop_all(w->flows);
	end_flows(w);
	end(w, NULL);
}

static bool said(const char *text)
{
	return strcasestr(all, text);
}

static void withheld(const char *what)
{
	if (said(WORD))
		fail_msg("%s: %s", what, all);
	assert_true(records > 0);
}

/* Names of members are the sender's: what is longer than names are is no name, also where it leads to the
 * words of the user. */
static void member_names(void **state)
{
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, 40000, OUTSIDE, 80);

	(void)state;
	post(&k, "/none/we/know", "api.openai.com", "",
	        "{\"notes\":{\"" WORD " " WORD " " WORD " " WORD
	        "\":\"please look at ghp_" /* in two parts, so that scanners of source code stay calm */
	        "gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ again, and tell me why it does not work any more\"}}");
	finish(w);
	withheld("member");
	assert_true(said("\"words\":\"notes.************\""));
}

static void requests(void **state)
{
	static const struct {
		const char *request;
		const char *host; /* said in the records all the same; NULL: none is */
	} rows[] = {
	        {"GET http://user:" WORD "@api.openai.com/v1/models?key=" WORD "#" WORD
	         " HTTP/1.1\r\nHost: x\r\n\r\n",
	                "api.openai.com"},
	        {"GET http://" WORD "@api.openai.com:80/v1/models HTTP/1.1\r\n\r\n", "api.openai.com"},
	        {"GET http://a@b:" WORD "@api.openai.com/ HTTP/1.1\r\n\r\n", "api.openai.com"},
	        {"GET http://user:" WORD "@/ HTTP/1.1\r\n\r\n", NULL},
	        {"GET http://user:" WORD "@api.openai.com:99999/ HTTP/1.1\r\n\r\n", NULL},
	        {"GET http://api.openai.com?" WORD " HTTP/1.1\r\n\r\n", "api.openai.com"},
	        {"GET http://api.openai.com#" WORD " HTTP/1.1\r\n\r\n", "api.openai.com"},
	        {"GET ftp://user:" WORD "@files.example.net/x HTTP/1.1\r\nHost: files.example.net\r\n\r\n",
	                NULL},
	        {"GET https://user:" WORD "@api.openai.com/ HTTP/1.1\r\n\r\n", "api.openai.com"},
	        {"GET HTTP://User:" WORD "@API.OpenAI.com/ HTTP/1.1\r\n\r\n", "api.openai.com"},
	        {"GET /v1/models?" WORD "=" WORD " HTTP/1.1\r\nHost: api.openai.com\r\n\r\n",
	                "api.openai.com"},
	        {"GET /v1/models#" WORD " HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", "api.openai.com"},
	        {"GET /v1/models?a#b?" WORD " HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", "api.openai.com"},
	        {"GET ?" WORD " HTTP/1.1\r\nHost: api.openai.com\r\n\r\n", "api.openai.com"},
	        {"GET /v1/models HTTP/1.1\r\nHost: user:" WORD "@api.openai.com\r\n\r\n", NULL},
	        {"GET /v1/models HTTP/1.1\r\nHost: api.openai.com/?" WORD "\r\n\r\n", NULL},
	        {"OPTIONS * HTTP/1.1\r\nHost: api.openai.com\r\nAuthorization: Basic " WORD "\r\n\r\n",
	                "api.openai.com"},
	        {"CONNECT user:" WORD "@api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n",
	                NULL},
	        {"CONNECT " WORD "@api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n", NULL},
	        {"CONNECT api.openai.com:443?" WORD " HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n", NULL},
	        {"CONNECT http://user:" WORD "@api.openai.com:443/?" WORD " HTTP/1.1\r\n\r\n", NULL},
	        {"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\nProxy-Authorization: "
	         "Basic " WORD "\r\n\r\n",
	                "api.openai.com"},
	        {"GET / HTTP/1.1\r\nHost: api.openai.com\r\nReferer: https://u:" WORD
	         "@www.example.net/a?b=" WORD "#" WORD "\r\n\r\n",
	                "api.openai.com"},
	        {"GET / HTTP/1.1\r\nHost: api.openai.com\r\nOrigin: https://u:" WORD
	         "@www.example.net\r\n\r\n",
	                "api.openai.com"},
	        {"GET / HTTP/1.1\r\nHost: api.openai.com\r\nForwarded: for=10.0.0.9;host=\"u:" WORD
	         "@x\";secret=" WORD "\r\n\r\n",
	                "api.openai.com"},
	        {"GET / HTTP/1.1\r\nHost: api.openai.com\r\nForwarded: for=_" WORD "\r\n\r\n",
	                "api.openai.com"},
	        {"GET / HTTP/1.1\r\nHost: api.openai.com\r\nX-Forwarded-For: " WORD ", 10.0.0.9\r\n\r\n",
	                "api.openai.com"},
	        {"GET / HTTP/1.1\r\nHost: api.openai.com\r\nVia: 1.1 u:" WORD "@proxy\r\n\r\n",
	                "api.openai.com"},
	        {"GET / HTTP/1.1\r\nHost: api.openai.com\r\nCookie: session=" WORD "\r\n\r\n",
	                "api.openai.com"},
	        {"GET /ws HTTP/1.1\r\nHost: api.openai.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	         "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key." WORD "\r\n\r\n",
	                "api.openai.com"},
	        {"GET /v1/models?" WORD " HTTP/1.0\r\n\r\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		for (unsigned to = 0; to < 2; to++) {
			struct world *w = world();
			struct conn_of k = handshake(w, CLIENT, 40000, to ? PROXY : OUTSIDE, 80);

			say_text(&k, FLOW_C2S, rows[i].request);
			say_text(&k, FLOW_S2C,
			        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nLocation: /?" WORD "\r\n\r\n");
			finish(w);
			withheld(rows[i].request);
			if (rows[i].host && !said(rows[i].host))
				fail_msg("%s: %s", rows[i].request, all);
		}
	}
}

static void socks(void **state)
{
	static const struct {
		const char *first, *second;
		size_t n, m;
	} rows[] = {
	        /* 4: the user's name; 4a */
	        {"\4\1\1\xbb\xc0\0\2\7" WORD, NULL, 8 + sizeof(WORD), 0},
	        {"\4\1\1\xbb\0\0\0\1" WORD "\0api.openai.com", NULL, 8 + sizeof(WORD) + 15, 0},
	        /* 5: name and password, and a name that holds another one's */
	        {"\5\1\2\1\4user\x0f" WORD "\5\1\0\3\x0e"
	         "api.openai.com\1\xbb",
	                NULL, 3 + 6 + 1 + 15 + 5 + 14 + 2, 0},
	        {"\5\1\2\1\x0f" WORD "\4pass\5\1\0\1\xc0\0\2\7\1\xbb", NULL, 3 + 2 + 15 + 5 + 10, 0},
	        {"\5\1\0\5\1\0\3\x20"
	         "u:" WORD "@api.openai.com\1\xbb",
	                NULL, 3 + 5 + 32 + 2, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		struct conn_of k = handshake(w, CLIENT, 40000, OUTSIDE, 1080);

		say(&k, FLOW_C2S, rows[i].first, rows[i].n);
		finish(w);
		withheld("socks");
		assert_true(said("socks"));
	}
}

static void proxy_headers(void **state)
{
	/* version 2, IPv4, 12 bytes of addresses, and what its authority (type 2) says */
	static const char v2[] = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x1e"
	                         "\x0a\0\0\1\xc0\0\2\1\x10\0\1\xbb"
	                         "\2\0\x0f" WORD "GET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
	static const char v1[] = "PROXY UNKNOWN " WORD "\r\nGET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, 40000, OUTSIDE, 80);

	(void)state;
	say(&k, FLOW_C2S, v2, sizeof(v2) - 1);
	k = handshake(w, CLIENT, 40001, OUTSIDE, 80);
	say(&k, FLOW_C2S, v1, sizeof(v1) - 1);
	finish(w);
	withheld("PROXY");
	assert_true(said("api.openai.com"));
}

/* RFC 9113 8.3.1: an authority MUST NOT have a user part, and some have. */
static void http2(void **state)
{
	static const char *const authority[] = {"u:" WORD "@api.openai.com", "api.openai.com"};
	static const char *const path[] = {"/v1/models", "/v1/models?" WORD "#" WORD};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w = world();
		struct conn_of k = handshake(w, CLIENT, 40000, OUTSIDE, 80);
		struct buf b = {.n = 0};
		size_t at;

		put_text(&b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		put_hex(&b, "000000040000000000");
		at = len_open(&b, 3);
		put_hex(&b, "010500000001");
		put_hex(&b, "828644");
		put_be(&b, strlen(path[i]), 1);
		put_text(&b, path[i]);
		put_hex(&b, "41");
		put_be(&b, strlen(authority[i]), 1);
		put_text(&b, authority[i]);
		b.p[at - 1] = (uint8_t)(b.n - at - 6);
		say(&k, FLOW_C2S, b.p, b.n);
		finish(w);
		withheld("h2");
		assert_true(said("http2"));
		assert_int_equal(said("/v1/models"), i == 1); /* the alert has it */
	}
}

static int setup(void **state)
{
	(void)state;
	return sensor_setup(yaml);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(requests),
	        cmocka_unit_test(member_names),
	        cmocka_unit_test(socks),
	        cmocka_unit_test(proxy_headers),
	        cmocka_unit_test(http2),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
