/* test_classify.c - from packets to events with the shipped catalogue and detectors: which flows are read and
 * how long, who they are said to talk to, what is told of what they held, and that nothing stays behind. */
#include "tests/unit/sensor.h"

#include <openssl/evp.h>
#include <zlib.h>

#define AI      "198.51.100.10"
#define CLIENT  "10.0.0.1"
#define PROXY   "10.9.9.9"
#define OUTSIDE "192.0.2.7"

/* in two parts, so that scanners of source code stay calm */
#define GHP                                                                                                  \
	"ghp_"                                                                                               \
	"gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ"
#define OPENAI_KEY                                                                                           \
	"sk-"                                                                                                \
	"bIsyLxkm9YaTV3JtY2yk"                                                                               \
	"T3BlbkFJ"                                                                                           \
	"FdNu9XqlkYRWkqWHA4cT"

/* services of one's own, in a file that the settings name */
static const char services[] =
        "services:\n"
        "  - {id: own-models, name: Own models, vendor: us, country: \"\", kind: self-hosted, confidence: "
        "high,\n"
        "     hosts: [{match: exact, host: models.corp.example, role: api}], wire: [openai-chat]}\n"
        "  - {id: own-other, name: Other models, vendor: us, country: \"\", kind: self-hosted, confidence: "
        "high,\n"
        "     hosts: [{match: exact, host: other.corp.example, role: api}], wire: [openai-chat]}\n";

static const char yaml[] =
        "sensor: {name: test}\n"
        "networks:\n"
        "  internal: [10.0.0.0/8, 127.0.0.0/8, \"fd00::/8\"]\n"
        "  proxies: [10.9.9.9]\n"
        "policy:\n"
        "  posture: insular\n"
        "  partners:\n"
        "  - service: openai-api\n"
        "    contract: C-1\n"
        "    owner: o@corp.example\n"
        "    status: approved\n"
        "    data: {deny: [secret], allow: [source]}\n"
        "    accounts: [org-good]\n"
        "  - {service: own-models, contract: C-2, owner: o@corp.example, status: approved}\n"
        "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

/* ---- which flows are read -------------------------------------------------------------------------------
 */

#define PLAIN    "GET / HTTP/1.1\r\nHost: www.example.net\r\n\r\n"
#define ABSOLUTE "GET http://www.example.net/ HTTP/1.1\r\nHost: www.example.net\r\n\r\n"
#define TUNNEL   "CONNECT www.example.net:443 HTTP/1.1\r\nHost: www.example.net:443\r\n\r\n"

static void direction_decides(void **state)
{
	static const struct {
		const char *client, *server, *first;
		bool read;
	} rows[] = {
	        {CLIENT, OUTSIDE, PLAIN, true},
	        {"fd00::1", "2001:db8::1", PLAIN, true},
	        {OUTSIDE, CLIENT, PLAIN, false},
	        {CLIENT, "10.0.0.2", PLAIN, false},
	        {CLIENT, PROXY, PLAIN, true},
	        {CLIENT, "10.0.0.2", ABSOLUTE, true},
	        {CLIENT, "10.0.0.2", TUNNEL, true},
	        {OUTSIDE, "198.51.100.9", PLAIN, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = begin();
		struct conn_of k = handshake(w, rows[i].client, 40000, rows[i].server, 8080);

		say_text(&k, FLOW_C2S, rows[i].first);
		if ((k.f->inspect != NULL) != rows[i].read)
			fail_msg("row %zu", i);
		assert_int_equal(end(w, NULL).requests, rows[i].read);
	}
}

/* A handshake without a byte of payload, as scans make them, takes nothing. */
static void handshakes_cost_no_reading(void **state)
{
	struct world *w = begin();

	(void)state;
	for (uint16_t i = 0; i < 200; i++) {
		struct conn_of k = handshake(w, CLIENT, (uint16_t)(40000 + i), OUTSIDE, 443);

		assert_null(k.f->inspect);
	}
	assert_int_equal(end(w, NULL).refused_flows, 0);
}

static void uncovered_addresses_are_named(void **state)
{
	struct world *w = begin();
	struct flow *two = handshake(w, OUTSIDE, 40000, "198.51.100.9", 80).f,
	            *one = handshake(w, OUTSIDE, 40001, OUTSIDE, 80).f;
	char text[256];

	(void)state;
	tell_uncovered(two, text, sizeof(text));
	assert_non_null(strstr(text, "neither " OUTSIDE " nor 198.51.100.9 is internal: "));
	tell_uncovered(one, text, sizeof(text));
	assert_int_equal(strncmp(text, OUTSIDE " is not internal: ", strlen(OUTSIDE) + 18), 0);
	end(w, NULL);
}

/* RFC 1112, RFC 4291 2.7: what is meant for neighbours does not leave, and says nothing of missing networks.
 */
static void multicast_stays_here(void **state)
{
	static const char *const to[] = {"224.0.0.251", "239.255.255.250", "255.255.255.255"};
	struct world *w = begin();
	struct classify_stats st;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct packet p = packet_udp(i == 2 ? "0.0.0.0" : CLIENT, 68, to[i], 67, "data", 4, w->now);

		assert_null(packet(w, &p)->inspect);
	}
	st = end(w,
	        "flow internal - - - - stop 0\nflow internal - - - - stop 0\nflow internal - - - - stop 0\n");
	assert_int_equal(st.unknown_direction, 0);
}

static void no_memory_for_more_readings(void **state)
{
	struct world *w = begin();
	struct classify_stats st;

	(void)state;
	dns_answer(w, CLIENT, "api.mistral.ai", AI);
	for (uint16_t i = 0; i < 70; i++) {
		struct conn_of k = handshake(w, CLIENT, (uint16_t)(40000 + i), AI, 80);

		say_text(&k, FLOW_C2S, "POST /v1");
		say_text(&k, FLOW_C2S, "/chat");
	}
	assert_int_equal(pool_used(w->c->readings), 64);
	assert_int_equal(pool_used(w->c->kept_small), 6);
	st = end(w, NULL);
	assert_int_equal(st.refused_flows, 6);
	assert_int_equal(st.ai_flows, 70); /* those too are named, by the client's look-up */
	assert_int_equal(st.not_inspected[4], 6);
}

static void silent_readings_make_room(void **state)
{
	struct conn_of k[64], more;
	struct world *w = begin();
	struct classify_stats st;

	(void)state;
	for (uint16_t i = 0; i < 64; i++) {
		k[i] = handshake(w, CLIENT, (uint16_t)(40000 + i), OUTSIDE, 80);
		say_text(&k[i], FLOW_C2S, PLAIN);
	}
	w->now += 20 * NS_PER_S;
	say_text(&k[0], FLOW_C2S, PLAIN); /* the oldest, and not silent */
	more = handshake(w, CLIENT, 50000, OUTSIDE, 80);
	say_text(&more, FLOW_C2S, PLAIN);
	assert_int_equal(pool_used(w->c->readings), 64);
	assert_non_null(k[0].f->tcp);
	assert_null(k[1].f->tcp);
	assert_non_null(more.f->tcp);
	say_text(&k[1], FLOW_C2S, PLAIN); /* merely counted from now on */
	st = end(w, NULL);
	assert_int_equal(st.refused_flows, 1);
	assert_int_equal(st.not_inspected[4], 1);
	assert_int_equal(st.requests, 66);
}

/* ---- who it is ------------------------------------------------------------------------------------------
 */

static void tls_is_released_after_its_hellos(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 443);
	struct buf b;

	(void)state;
	tls_hello(&b, "api.anthropic.com", "h2", NULL);
	say(&k, FLOW_C2S, b.p, 100);
	assert_int_equal(pool_used(w->c->readings), 1);
	say(&k, FLOW_C2S, b.p + 100, b.n - 100);
	tls_answer(&b);
	say(&k, FLOW_S2C, b.p, b.n);
	assert_int_equal(pool_used(w->c->readings), 0);
	assert_int_equal(pool_used(w->c->kept_small), 1);
	assert_null(k.f->tcp);
	say_text(&k, FLOW_C2S, PLAIN); /* merely counted */
	fin(&k);
	end(w, "destination.unapproved anthropic-api api.anthropic.com sni\n"
	       "flow out api.anthropic.com anthropic-api unapproved tls fin 1\n");
}

static void looked_up_name_without_sni(void **state)
{
	struct world *w = begin();
	struct conn_of k;
	struct buf b;

	(void)state;
	dns_answer(w, CLIENT, "api.mistral.ai", AI);
	k = handshake(w, CLIENT, 40000, AI, 443);
	tls_hello(&b, NULL, "h2", NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	k = handshake(
	        w, "10.0.0.2", 40000, AI, 443); /* somebody else's look-up is a guess: recorded, not told */
	say(&k, FLOW_C2S, b.p, b.n);
	k = handshake(w, CLIENT, 40001, AI, 443); /* a shared address: the hello knows better */
	tls_hello(&b, "www.example.net", "h2", NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	end(w, "destination.unapproved mistral-api api.mistral.ai dns\n"
	       "flow internal - - - dns stop 0\n"
	       "flow out api.mistral.ai mistral-api unapproved tls stop 1\n"
	       "flow out api.mistral.ai mistral-api unapproved tls stop 1\n"
	       "flow out www.example.net - - tls stop 1\n");
}

/* A client that names an address is known by the name it looked up; a proxy's CONNECT to one by the SNI
 * inside. */
static void literal_addresses_are_weak_names(void **state)
{
	struct world *w = begin();
	struct conn_of k;
	struct buf b;

	(void)state;
	dns_answer(w, CLIENT, "api.mistral.ai", AI);
	k = handshake(w, CLIENT, 40000, AI, 80);
	post(&k, "/v1/chat/completions", AI, "", "{}");
	k = handshake(w, CLIENT, 40001, PROXY, 3128);
	say_text(&k, FLOW_C2S, "CONNECT 198.51.100.20:443 HTTP/1.1\r\nHost: 198.51.100.20:443\r\n\r\n");
	say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n");
	tls_hello(&b, "api.anthropic.com", "h2", NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	end(w, "destination.unapproved mistral-api api.mistral.ai dns\n"
	       "destination.unapproved anthropic-api api.anthropic.com sni\n"
	       "flow internal - - - dns stop 0\n"
	       "flow out api.mistral.ai mistral-api unapproved http1 stop 0\n"
	       "flow internal api.anthropic.com anthropic-api unapproved tls stop 1\n");
}

/* Each request of a proxy's connection goes its own way; the flow is known by the gravest. */
static void one_connection_many_hosts(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, PROXY, 3128);

	(void)state;
	post(&k, "http://www.example.net/a", "www.example.net", "", "{}");
	post(&k, "http://api.mistral.ai/v1/chat/completions", "api.mistral.ai", "", "{}");
	post(&k, "http://api.openai.com/v1/chat/completions", "api.openai.com", "", "{\"x\":\"" GHP "\"}");
	post(&k, "http://api.mistral.ai/v1/chat/completions", "api.mistral.ai", "", "{}");
	post(&k, "http://www.example.net/b", "www.example.net", "", "{}");
	end(w, "destination.unapproved mistral-api api.mistral.ai http\n"
	       "payload.sensitive openai-api api.openai.com http github-pat@x\n"
	       "flow internal api.mistral.ai mistral-api unapproved http1 stop 0 github-pat@x\n");
}

static void account_is_compared_as_sent(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	post(&k, "/v1/chat/completions", "api.openai.com", "OpenAI-Organization: org-good\r\n", "{}");
	post(&k, "/v1/chat/completions", "api.openai.com", "OpenAI-Organization: org-mine\r\n", "{}");
	post(&k, "/v1/chat/completions", "api.openai.com", "OpenAI-Organization: org-mine\r\n", "{}");
	post(&k, "/v1/chat/completions", "api.openai.com", "OpenAI-Organization: org-good\r\n", "{}");
	end(w, "destination.account openai-api api.openai.com http\n"
	       "flow out api.openai.com openai-api unapproved http1 stop 0\n");
}

/* ---- what it held ---------------------------------------------------------------------------------------
 */

/* What a file is called leaves as well. */
static void names_of_files_are_searched(void **state)
{
	static const char body[] =
	        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" GHP ".txt\"\r\n\r\n"
	        "nothing in it\r\n--b--\r\n";
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, OUTSIDE, 80);
	char text[1024];

	(void)state;
	snprintf(text, sizeof(text),
	        "POST /up HTTP/1.1\r\nHost: www.example.net\r\nContent-Type: multipart/form-data; "
	        "boundary=b\r\n"
	        "Content-Length: %zu\r\n\r\n%s",
	        strlen(body), body);
	say_text(&k, FLOW_C2S, text);
	say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	assert_non_null(strstr(w->log, "payload.sensitive - www.example.net http github-pat@file.name\n"));
	end(w, NULL);
}

/* A path is read as it is meant, wherever in it the encoded bytes stand; what is no escape stands for itself.
 */
static void paths_are_decoded(void **state)
{
	static const char token[] = GHP;

	(void)state;
	for (size_t pad = 480; pad < 515; pad++) {
		struct world *w = begin();
		struct conn_of k = handshake(w, CLIENT, 40000, OUTSIDE, 80);
		char path[1200] = "/";
		size_t n = 1;

		for (; n < pad; n++)
			path[n] = 'a';
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/%%2");
		for (size_t i = 0; token[i]; i++)
			n += (size_t)snprintf(path + n, sizeof(path) - n, i % 3 ? "%c" : "%%%02x", token[i]);
		snprintf(path + n, sizeof(path) - n, "/%%z%%");
		post(&k, path, "www.example.net", "", "{}");
		assert_non_null(strstr(
		        w->log, "payload.sensitive - www.example.net http github-pat@path(percent)\n"));
		assert_null(strstr(w->log, "@path\n"));
		end(w, NULL);
	}
}

/* An internal host that is asked for a service by name is a gateway to it: what it is sent leaves.  A model
 * of one's own keeps what it gets, and of a host that is nobody's nothing is known. */
static void gateways_pass_on(void **state)
{
	static const char told[] = "{\"messages\":[{\"content\":\"" GHP "\"}]}";
	static const struct {
		const char *server, *host, *alerts[2];
	} rows[] = {
	        {"10.0.0.2", "api.mistral.ai",
	                {"destination.unapproved mistral", "payload.sensitive mistral"}},
	        {"127.0.0.1", "api.mistral.ai",
	                {"destination.unapproved mistral", "payload.sensitive mistral"}},
	        {"10.0.0.2", "api.openai.com", {NULL, "payload.sensitive openai-api api.openai.com"}},
	        {"10.0.0.2", "models.corp.example", {NULL, NULL}},
	        {"10.0.0.2", "other.corp.example",
	                {"destination.unapproved own-other", "payload.sensitive own-other"}},
	        {"10.0.0.2", "www.corp.example", {NULL, NULL}},
	};
	static const char *const kinds[2] = {"destination.", "payload."};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = begin();
		struct conn_of k = handshake(w, CLIENT, 40000, rows[i].server, 80);

		post(&k, "/v1/chat/completions", rows[i].host, "", told);
		for (size_t a = 0; a < 2; a++)
			if (rows[i].alerts[a] ? !strstr(w->log, rows[i].alerts[a])
			                      : strstr(w->log, kinds[a]) != NULL)
				fail_msg("row %zu: %s", i, w->log);
		/* a destination is told by the head, which says nothing of the body */
		assert_int_equal(w->asked[false], rows[i].alerts[0] != NULL);
		assert_int_equal(w->asked[true], rows[i].alerts[1] != NULL);
		end(w, NULL);
	}
}

static void own_credential_is_no_leak(void **state)
{
	static const struct {
		const char *host, *headers, *body, *alert;
	} rows[] = {
	        {"api.openai.com", "Authorization: Bearer " OPENAI_KEY "\r\n", "{}", NULL},
	        {"api.openai.com", "", "{\"m\":\"" OPENAI_KEY "\"}", "openai-api-key@m"},
	        {"api.openai.com", "X-Note: " OPENAI_KEY "\r\n", "{}", "openai-api-key@header.x-note"},
	        {"api.anthropic.com", "Authorization: Bearer " OPENAI_KEY "\r\n", "{}",
	                "openai-api-key@header.authorization"},
	        {"www.example.net", "Authorization: Bearer " OPENAI_KEY "\r\n", "{}", NULL},
	        {"www.example.net", "", "{\"m\":\"" GHP "\"}", "github-pat@m"},
	        {"www.example.net", "Sec-WebSocket-Key: q7Zk3QmvXw2LpR9tYuBn1g==\r\n", "{}", NULL},
	        {"www.example.net", "X-Access-Token: q7Zk3QmvXw2LpR9tYuBn1g==\r\n", "{}", NULL},
	        {"www.example.net", "X-Other-Token: q7Zk3QmvXw2LpR9tYuBn1g==\r\n", "{}",
	                "generic-api-key@header.x-other-token"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = begin();
		struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
		const char *at;

		post(&k, "/v1/messages", rows[i].host, rows[i].headers, rows[i].body);
		at = strstr(w->log, "payload.sensitive");
		if (!at != !rows[i].alert || (at && !strstr(at, rows[i].alert)))
			fail_msg("row %zu: %s", i, w->log);
		assert_null(strstr(w->log, OPENAI_KEY));
		end(w, NULL);
	}
}

/* Base64 in a header or in the path is read; not in what proves who the
 * client is. */
static void base64_of_the_head(void **state)
{
	static const struct {
		const char *path, *header, *alert;
	} rows[] = {
	        {"/v1/files/%s/content", "X-Note: none\r\n", "github-pat@path(base64)\n"},
	        {"/v1/files/%s", "", "github-pat@path(base64)\n"},
	        {"/v1/messages", "X-Note: %s\r\n", "github-pat@header.x-note(base64)\n"},
	        {"/v1/messages", "User-Agent: a/1 %s\r\n", "github-pat@header.user-agent(base64)\n"},
	        {"/v1/messages", "Cookie: s=%s\r\n", NULL},
	};
	static const char text[] = "the deploy token is " GHP " and more text";
	char encoded[256], path[512], header[512];

	(void)state;
	EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)text, sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = begin();
		struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

		snprintf(path, sizeof(path), rows[i].path, encoded);
		snprintf(header, sizeof(header), rows[i].header, encoded);
		post(&k, path, "api.openai.com", header, "{}");
		if (!rows[i].alert != !strstr(w->log, "payload.sensitive") ||
		        (rows[i].alert && !strstr(w->log, rows[i].alert)))
			fail_msg("row %zu: %s", i, w->log);
		end(w, NULL);
	}
}

/* Much that is little when it is compressed, with a token at its end, in base64. */
static void compressed_text(char *out)
{
	static uint8_t text[200 << 10], zip[2048];
	z_stream z = {.next_in = text, .avail_in = sizeof(text), .next_out = zip, .avail_out = sizeof(zip)};

	memset(text, '.', sizeof(text));
	memcpy(text + sizeof(text) - sizeof(GHP) - 1, " " GHP " ", sizeof(GHP) + 1);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	EVP_EncodeBlock((unsigned char *)out, zip, (int)z.total_out);
	deflateEnd(&z);
}

/* What comes out of the heads of one connection has a limit: 1 MiB, where little was sent. */
static void compressed_heads_add_up(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	char encoded[3000], header[3100];
	struct classify_stats st;

	(void)state;
	compressed_text(encoded);
	snprintf(header, sizeof(header), "X-A: %s\r\n", encoded);
	for (int i = 0; i < 6; i++)
		post(&k, "/v1/messages", "api.openai.com", header, "{}");
	snprintf(header, sizeof(header), "X-A: %s\r\nX-B: %s\r\n", encoded, encoded);
	k = handshake(w, CLIENT, 40001, AI, 80);
	post(&k, "/v1/messages", "api.openai.com", header, "{}");
	st = end(w, NULL);
	assert_int_equal(st.requests, 7);
	assert_int_equal(st.findings, 5 + 1);
}

#define MAIL(n) "mary" #n "@northwind-traders.co, "

static void addresses_alert_in_number(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	post(&k, "/v1/x", "www.example.net", "", "{\"m\":\"" MAIL(1) MAIL(2) MAIL(3) MAIL(4) "\"}");
	assert_string_equal(w->log, "");
	post(&k, "/v1/x", "www.example.net", "", "{\"m\":\"" MAIL(1) MAIL(2) MAIL(3) MAIL(4) MAIL(5) "\"}");
	end(w, "payload.sensitive - www.example.net http email-address@m email-address@m email-address@m "
	       "email-address@m "
	       "email-address@m\n"
	       "flow out www.example.net - - http1 stop 0 email-address@m email-address@m email-address@m "
	       "email-address@m "
	       "email-address@m\n");
}

/* The flow leaves the readers' hands; its record keeps what was found. */
static void findings_outlive_the_reading(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	post(&k, "/v1/x", "www.example.net", "", "{\"m\":\"" GHP "\"}");
	say_text(&k, FLOW_C2S,
	        "GET /c HTTP/1.1\r\nHost: www.example.net\r\nConnection: Upgrade\r\nUpgrade: "
	        "acme/1\r\n\r\n");
	say_text(&k, FLOW_S2C, "HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: acme/1\r\n\r\n");
	for (int i = 0; i < 20; i++)
		say(&k, FLOW_C2S, "\x7f\x85\0\0\0\0hello", 11);
	assert_null(k.f->tcp);
	assert_int_equal(pool_used(w->c->blocks), 1);
	fin(&k);
	flow_stop_all(w->flows);
	end_flows(w);
	assert_non_null(strstr(w->log, "flow out www.example.net - - "));
	assert_non_null(strstr(w->log, " fin 32 github-pat@m\n"));
	end(w, NULL);
}

/* RFC 9112 7.1.2: fields behind a chunked body are sent like those before it. */
static void trailers_are_searched(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	say_text(&k, FLOW_C2S,
	        "POST /x HTTP/1.1\r\nHost: www.example.net\r\nTransfer-Encoding: "
	        "chunked\r\n\r\n2\r\n{}\r\n0\r\n"
	        "X-Note: " GHP "\r\n\r\n");
	end(w, "payload.sensitive - www.example.net http github-pat@trailer.x-note\n"
	       "flow out www.example.net - - http1 stop 0 github-pat@trailer.x-note\n");
}

/* A gap that took the head of a request: its body is searched, and the record says that something is missing.
 */
static void a_body_without_its_head(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	say_text(&k, FLOW_C2S, "GET /a HTTP/1.1\r\nHost: www.example.net\r\n\r\n");
	say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	k.seq[FLOW_C2S] += 100;
	say_text(&k, FLOW_C2S, "{\"m\": \"" GHP "\"}");
	send_flags(&k, FLOW_S2C, TCP_ACK, NULL, 0);
	end(w, "payload.sensitive - www.example.net http github-pat@m\n"
	       "flow out www.example.net - - http1 stop 4 github-pat@m\n");
}

/* A request cut by the connection's end is told as far as it went. */
static void cut_request_is_told(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);

	(void)state;
	say_text(&k, FLOW_C2S,
	        "POST /x HTTP/1.1\r\nHost: www.example.net\r\nContent-Length: 9999\r\n\r\n{\"m\":\"" GHP
	        " and");
	send_flags(&k, FLOW_S2C, TCP_RST | TCP_ACK, NULL, 0);
	end(w, "payload.sensitive - www.example.net http github-pat@m\n"
	       "flow out www.example.net - - http1 rst 0 github-pat@m\n");
}

static void what_goes_out_is_masked(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 443);
	struct buf b;

	(void)state;
	tls_hello(&b,
	        "ghp_"
	        "gwu2jgid6cqaes9dqfetgdm199c6cm0hiozj.example.net",
	        "h2", NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	tls_hello(&b, "4929123456789015.example.net", "h2", NULL);
	k = handshake(w, CLIENT, 40001, AI, 443);
	say(&k, FLOW_C2S, b.p, b.n);
	k = handshake(w, CLIENT, 40002, AI, 80);
	post(&k, "/" GHP, "www.example.net", "X-" GHP ": " GHP "\r\n", "{\"" GHP "\":\"" GHP "\"}");
	flow_stop_all(w->flows);
	end_flows(w);
	assert_null(strstr(w->log, "4929123456789015"));
	assert_null(strstr(w->log, "gwU2jGiD6cqaes9dqFEtGdM"));
	assert_non_null(strstr(w->log, "github-pat@"));
	end(w, NULL);
}

/* ---- how flows end --------------------------------------------------------------------------------------
 */

static void ends_by_reason(void **state)
{
	struct world *w = begin();
	struct conn_of k;

	(void)state;
	k = handshake(w, CLIENT, 40000, OUTSIDE, 80);
	say_text(&k, FLOW_C2S, PLAIN);
	w->now += 700 * NS_PER_S;
	flow_advance(w->flows, w->now);
	end_flows(w);
	k = handshake(w, CLIENT, 40001, OUTSIDE, 80);
	say_text(&k, FLOW_C2S, PLAIN);
	send_flags(&k, FLOW_C2S, TCP_RST, NULL, 0);
	k = handshake(w, CLIENT, 40001, OUTSIDE, 80); /* the same ports again */
	say_text(&k, FLOW_C2S, PLAIN);
	fin(&k);
	w->now += 30 * NS_PER_S;
	k = handshake(w, CLIENT, 40002, OUTSIDE, 80);
	say_text(&k, FLOW_C2S, PLAIN);
	end(w, "flow out www.example.net - - http1 idle 0\n"
	       "flow out www.example.net - - http1 rst 0\n"
	       "flow out www.example.net - - http1 fin 0\n"
	       "flow out www.example.net - - http1 stop 0\n");
}

/* Many more flows than the table holds, each amid its request. */
static void evicted_flows_give_all_back(void **state)
{
	struct world *w = begin();
	struct flow_stats fs;

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		struct conn_of k = handshake(w, CLIENT, (uint16_t)(10000 + i), OUTSIDE, 80);

		say_text(&k, FLOW_C2S,
		        i % 3 ? PLAIN
		              : "POST / HTTP/1.1\r\nHost: www.example.net\r\nContent-Length: 50\r\n\r\n{\"a");
		assert_in_range(pool_used(w->c->readings), 1, 64);
		w->n = 0;
	}
	flow_table_stats(w->flows, &fs);
	assert_true(fs.ended[FLOW_EVICTED] >= 1900);
	w->n = 0;
	flow_stop_all(w->flows);
	while (fs.live--) {
		struct flow *f = flow_ended(w->flows);

		if (!f)
			break;
		w->n = 0; /* the log is not of interest */
		classify_end(w->c, f, true);
		flow_release(w->flows, f);
	}
	end(w, NULL);
}

/* Every body and stream of the pools (16) goes round many times. */
static void bodies_are_given_back(void **state)
{
	struct world *w = begin();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	struct classify_stats st;

	(void)state;
	for (int i = 0; i < 100; i++)
		post(&k, "/v1/x", "www.example.net", "", "{\"m\":\"text\"}");
	assert_int_equal(pool_used(w->c->requests), 0);
	st = end(w, "flow out www.example.net - - http1 stop 0\n");
	assert_int_equal(st.requests, 100);
	assert_int_equal(st.refused_bodies, 0);
}

static int setup(void **state)
{
	(void)state;
	char path[] = "/tmp/leaktap-services-XXXXXX", text[sizeof(yaml) + 100];
	int fd = mkstemp(path), rc;

	if (fd < 0 || write(fd, services, sizeof(services) - 1) < 0 || close(fd) < 0)
		return -1;
	snprintf(text, sizeof(text), "%sservices: {extra: [%s]}\n", yaml, path);
	rc = sensor_setup(text);
	unlink(path);
	return rc;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(direction_decides),
	        cmocka_unit_test(handshakes_cost_no_reading),
	        cmocka_unit_test(uncovered_addresses_are_named),
	        cmocka_unit_test(multicast_stays_here),
	        cmocka_unit_test(no_memory_for_more_readings),
	        cmocka_unit_test(silent_readings_make_room),
	        cmocka_unit_test(tls_is_released_after_its_hellos),
	        cmocka_unit_test(looked_up_name_without_sni),
	        cmocka_unit_test(literal_addresses_are_weak_names),
	        cmocka_unit_test(one_connection_many_hosts),
	        cmocka_unit_test(account_is_compared_as_sent),
	        cmocka_unit_test(paths_are_decoded),
	        cmocka_unit_test(gateways_pass_on),
	        cmocka_unit_test(own_credential_is_no_leak),
	        cmocka_unit_test(base64_of_the_head),
	        cmocka_unit_test(compressed_heads_add_up),
	        cmocka_unit_test(names_of_files_are_searched),
	        cmocka_unit_test(addresses_alert_in_number),
	        cmocka_unit_test(findings_outlive_the_reading),
	        cmocka_unit_test(trailers_are_searched),
	        cmocka_unit_test(a_body_without_its_head),
	        cmocka_unit_test(cut_request_is_told),
	        cmocka_unit_test(what_goes_out_is_masked),
	        cmocka_unit_test(ends_by_reason),
	        cmocka_unit_test(evicted_flows_give_all_back),
	        cmocka_unit_test(bodies_are_given_back),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
