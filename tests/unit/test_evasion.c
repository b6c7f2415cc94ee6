/* test_evasion.c - signs of hiding, each with what makes it and what only looks alike, and with every value
 * of its setting: encrypted names, one name behind another, encrypted DNS, tunnels and remote desktops. */
#include "tests/unit/sensor.h"

#include "classify/evasion.h"

#define CLIENT  "10.0.0.1"
#define OTHER   "10.0.0.2"
#define PROXY   "10.9.9.9"
#define OUTSIDE "192.0.2.7"
#define CDN     "198.51.100.10"

static const char yaml[] = "sensor: {name: test}\n"
                           "networks: {internal: [10.0.0.0/8], proxies: [10.9.9.9]}\n"
                           "policy: {posture: insular}\n"
                           "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

/* ---- what is told: "KIND confidence possible? | evidence", and of flows their signs ----------------------
 */

static void on_sign(void *arg, const struct event *ev)
{
	struct world *w = arg;
	const struct facts *x = ev->facts;

	if (ev->type == EVENT_SENSOR || ev->type == EVENT_VOLUME ||
	        (x->direction == DIRECTION_INTERNAL && !x->via.n)) /* look-ups, mostly */
		return;
	if (ev->type == EVENT_ALERT) {
		note(w, "! %s %u%s%s\n", alert_kind_name((enum alert_kind)ev->kind), ev->confidence,
		        x->possible ? " possible" : "", ev->first_by_source ? " once" : "");
		return;
	}
	note(w, "%s %s %s %u%s%s", x->match.service ? x->match.service->id : "-", x->host[0] ? x->host : "-",
	        x->by ? name_source_text(x->by) : "-", facts_sure(x), x->unnamed ? " un:" : "",
	        unnamed_name(x->unnamed));
	for (unsigned i = 0; i < x->n_evasions; i++)
		note(w, " [%s %u]", alert_kind_name(x->evasion[i].kind) + strlen("evasion."),
		        x->evasion[i].confidence);
	note(w, "\n");
}

static struct world *world(void)
{
	struct world *w = begin();

	w->c->tell.tell = on_sign;
	return w;
}

static void defaults(void)
{
	settings->evasion.ech = settings->evasion.doh = SIGN_RECORD;
	settings->evasion.fronting = settings->evasion.tunnel = settings->evasion.remote_desktop = SIGN_ALERT;
	settings->evasion.tunnel_mb = 1;
	settings->evasion.alert_from = 60;
}

/* What came after the last look: "!" lines of alerts, one line for each flow's record. */
static void expect(struct world *w, const char *want)
{
	flow_stop_all(w->flows);
	end_flows(w);
	if (strcmp(w->log, want) != 0)
		fail_msg("told\n%swanted\n%s", w->log, want);
	w->n = 0;
	w->log[0] = '\0';
}

static bool contains(const struct world *w, const char *text)
{
	return strstr(w->log, text);
}

/* ---- hellos and look-ups ---------------------------------------------------------------------------------
 */

#define X16 "abababababababababababababababab"
/* draft-ietf-tls-esni 5: outer, HKDF-SHA256 and AES-128-GCM, id, a 32-byte share, the encrypted hello */
#define ECH "fe0d004a0000010001070020" X16 X16 "0020" X16 X16

static void tls_hello(struct buf *b, const char *sni, const char *alpn, const char *more)
{
	struct hello_shape shape = {.sni = sni, .alpn = alpn, .session_id = 32, .more = more};
	size_t at;

	b->n = 0;
	put_hex(b, "160301");
	at = len_open(b, 2);
	client_message(b, &shape);
	len_close(b, at, 2);
}

static void tls_answer(struct buf *b)
{
	size_t at;

	b->n = 0;
	put_hex(b, "160303");
	at = len_open(b, 2);
	server_message(b, false, false, 32);
	len_close(b, at, 2);
}

static uint16_t next_port = 20000;

/* Both hellos of a connection; it stays open. */
static struct conn_of tls(struct world *w, const char *client, const char *server, uint16_t port,
        const char *sni, const char *alpn, const char *more)
{
	struct conn_of k = handshake(w, client, next_port++, server, port);
	struct buf b;

	tls_hello(&b, sni, alpn, more);
	say(&k, FLOW_C2S, b.p, b.n);
	tls_answer(&b);
	say(&k, FLOW_S2C, b.p, b.n);
	return k;
}

static void put_name(struct buf *b, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		put_be(b, n, 1);
		put(b, name, n);
		name += n + (name[n] == '.');
	}
	put_be(b, 0, 1);
}

/* RFC 9460 and RFC 9849 4: an HTTPS record of `name` whose ECH configuration has that public name; NULL: a
 * record without one. */
static void https_answer(struct world *w, const char *client, const char *name, const char *public)
{
	struct buf b = {.n = 0};
	struct packet p;
	size_t data, ech, list, config, n;

	put_hex(&b, "123481800001000100000000");
	put_name(&b, name);
	put_hex(&b, "00410001c00c004100010000003c");
	data = len_open(&b, 2);
	put_hex(&b, "000100");
	put_hex(&b, "00010003026832"); /* alpn h2 */
	if (public) {
		put_hex(&b, "0005");
		ech = len_open(&b, 2);
		list = len_open(&b, 2);
		put_hex(&b, "fe0d");
		config = len_open(&b, 2);
		put_hex(&b, "070020"
		            "0020" X16 X16 "000400010001"
		            "00");
		n = len_open(&b, 1);
		put_text(&b, public);
		len_close(&b, n, 1);
		put_hex(&b, "0000");
		len_close(&b, config, 2);
		len_close(&b, list, 2);
		len_close(&b, ech, 2);
	}
	len_close(&b, data, 2);
	w->now += NS_PER_MS;
	p = packet_udp("10.0.0.53", 53, client, 5353, b.p, b.n, w->now);
	packet(w, &p);
}

/* ---- ECH -------------------------------------------------------------------------------------------------
 */

#define PUBLIC "cloudflare-ech.com"

static void ech_with_one_look_up(void **state)
{
	struct world *w = world();

	(void)state;
	dns_answer(w, CLIENT, "chatgpt.com", CDN);
	https_answer(w, CLIENT, "chatgpt.com", PUBLIC);
	tls(w, CLIENT, CDN, 443, PUBLIC, "h2", ECH);
	expect(w, "! destination.unapproved 85\n"
	          "chatgpt chatgpt.com https-rr 85 [ech 85]\n");
	/* its public name was not learned, but is one of many customers' */
	dns_answer(w, OTHER, "chatgpt.com", CDN);
	tls(w, OTHER, CDN, 443, PUBLIC, "h2", ECH);
	expect(w, "! destination.unapproved 65\n"
	          "chatgpt chatgpt.com https-rr 65 [ech 65]\n");
	/* a public name of its own, and only because it was learned */
	dns_answer(w, "10.0.0.3", "chatgpt.com", CDN);
	https_answer(w, "10.0.0.3", "chatgpt.com", "front.example");
	tls(w, "10.0.0.3", CDN, 443, "front.example", "h2", ECH);
	expect(w, "! destination.unapproved 85\n"
	          "chatgpt chatgpt.com https-rr 85 [ech 85]\n");
	https_answer(w, "10.0.0.4", "chatgpt.com", NULL);
	dns_answer(w, "10.0.0.4", "chatgpt.com", CDN);
	tls(w, "10.0.0.4", CDN, 443, "front.example", "h2", ECH);
	/* a name that this client did not look up, where it looked up a service: a hint, not more */
	expect(w, "- front.example sni 95 [fronting 50]\n");
	end(w, NULL);
}

/* Browsers send the extension to everybody: it alone is no sign (RFC 9849 6.2). */
static void grease_is_no_sign(void **state)
{
	struct world *w = world();

	(void)state;
	settings->evasion.ech = SIGN_ALERT;
	dns_answer(w, CLIENT, "www.example.net", CDN);
	https_answer(w, CLIENT, "www.example.net", PUBLIC);
	tls(w, CLIENT, CDN, 443, "www.example.net", "h2", ECH);
	expect(w, "- www.example.net sni 95\n");
	/* without a look-up, and with one of another name: a name is a name */
	tls(w, OTHER, CDN, 443, "www.example.net", "h2", ECH);
	expect(w, "- www.example.net sni 95\n");
	dns_answer(w, OTHER, "cdn.example.org", CDN);
	tls(w, OTHER, CDN, 443, "www.example.net", "h2", ECH);
	expect(w, "- www.example.net sni 95\n");
	/* a site whose own name is the public one of others */
	https_answer(w, CLIENT, "www.example.net", "www.example.net");
	tls(w, CLIENT, CDN, 443, "www.example.net", "h2", ECH);
	expect(w, "- www.example.net sni 95\n");
	/* nothing encrypted: whoever asks for that name means it */
	tls(w, CLIENT, CDN, 443, PUBLIC, "h2", NULL);
	expect(w, "- cloudflare-ech.com sni 95\n");
	defaults();
	end(w, NULL);
}

static void ech_that_nothing_explains(void **state)
{
	struct world *w = world();

	(void)state;
	tls(w, CLIENT, CDN, 443, PUBLIC, "h2", ECH);
	expect(w, "- - - 0 un:ech [ech 90]\n");
	/* looking up the public name itself explains nothing */
	dns_answer(w, CLIENT, PUBLIC, "203.0.113.80");
	tls(w, CLIENT, "203.0.113.80", 443, PUBLIC, "h2", ECH);
	expect(w, "- cloudflare-ech.com https-rr 65 [ech 65]\n");
	/* what another client looked up is a guess, and alerts nobody */
	dns_answer(w, OTHER, "claude.ai", "203.0.113.81");
	tls(w, CLIENT, "203.0.113.81", 443, PUBLIC, "h2", ECH);
	expect(w, "claude-web claude.ai dns 50 un:ech [ech 90]\n");
	end(w, NULL);
}

/* Several names were looked up for the address: the service among them is possible, told once a day for each
 * source, whatever is looked up beside it. */
static void ech_with_several_look_ups(void **state)
{
	struct world *w = world();
	char name[40];

	(void)state;
	for (int order = 0; order < 2; order++) {
		const char *client = order ? OTHER : CLIENT;

		for (int i = 0; i < 2; i++) {
			const char *host = i == order ? "chatgpt.com" : "www.example.net";

			dns_answer(w, client, host, CDN);
			https_answer(w, client, host, PUBLIC);
		}
		tls(w, client, CDN, 443, PUBLIC, "h2", ECH);
		expect(w, "! destination.unapproved 50 possible once\n"
		          "chatgpt chatgpt.com https-rr 50 un:ech [ech 90]\n");
	}
	/* many decoys do not make the one forgotten that matters */
	dns_answer(w, "10.0.0.3", "chatgpt.com", CDN);
	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "decoy-%d.example.net", i);
		dns_answer(w, "10.0.0.3", name, CDN);
	}
	tls(w, "10.0.0.3", CDN, 443, PUBLIC, "h2", ECH);
	expect(w, "! destination.unapproved 50 possible once\n"
	          "chatgpt chatgpt.com https-rr 50 un:ech [ech 90]\n");
	/* without a service among them: the last one, as no more than a guess */
	dns_answer(w, "10.0.0.4", "a.example.net", CDN);
	dns_answer(w, "10.0.0.4", "b.example.org", CDN);
	tls(w, "10.0.0.4", CDN, 443, PUBLIC, "h2", ECH);
	expect(w, "- b.example.org https-rr 50 un:ech [ech 90]\n");
	/* all of one service: that one */
	dns_answer(w, "10.0.0.5", "chatgpt.com", CDN);
	dns_answer(w, "10.0.0.5", "ab.chatgpt.com", CDN);
	https_answer(w, "10.0.0.5", "chatgpt.com", PUBLIC);
	https_answer(w, "10.0.0.5", "ab.chatgpt.com", PUBLIC);
	tls(w, "10.0.0.5", CDN, 443, PUBLIC, "h2", ECH);
	assert_true(contains(w, "! destination.unapproved 85\n"));
	expect(w, w->log);
	/* only one of them has this public name */
	dns_answer(w, "10.0.0.6", "chatgpt.com", CDN);
	https_answer(w, "10.0.0.6", "chatgpt.com", PUBLIC);
	dns_answer(w, "10.0.0.6", "www.example.net", CDN);
	https_answer(w, "10.0.0.6", "www.example.net", NULL);
	tls(w, "10.0.0.6", CDN, 443, PUBLIC, "h2", ECH);
	expect(w, "! destination.unapproved 75\n"
	          "chatgpt chatgpt.com https-rr 75 [ech 75]\n");
	end(w, NULL);
}

/* The same without an SNI: a decoy that is looked up last does not name the connection. */
static void several_look_ups_and_no_sni(void **state)
{
	struct world *w = world();

	(void)state;
	dns_answer(w, CLIENT, "api.mistral.ai", CDN);
	dns_answer(w, CLIENT, "www.example.net", CDN);
	tls(w, CLIENT, CDN, 443, NULL, "h2", NULL);
	expect(w, "! destination.unapproved 50 possible once\n"
	          "mistral-api api.mistral.ai dns 50\n");
	/* an SNI says which */
	tls(w, CLIENT, CDN, 443, "www.example.net", "h2", NULL);
	expect(w, "- www.example.net sni 95\n");
	/* over its time it is no candidate any more */
	w->now += 700 * NS_PER_S;
	dns_answer(w, CLIENT, "www.example.net", CDN);
	tls(w, CLIENT, CDN, 443, NULL, "h2", NULL);
	expect(w, "- www.example.net dns 75\n");
	end(w, NULL);
}

static void ech_settings(void **state)
{
	static const struct {
		enum sign_mode mode;
		unsigned from;
		const char *want;
	} rows[] = {
	        {SIGN_OFF, 60, "- - - 0 un:ech\n"},
	        {SIGN_RECORD, 60, "- - - 0 un:ech [ech 90]\n"},
	        {SIGN_ALERT, 60, "! evasion.ech 90\n- - - 0 un:ech [ech 90]\n"},
	        {SIGN_ALERT, 90, "! evasion.ech 90\n- - - 0 un:ech [ech 90]\n"},
	        {SIGN_ALERT, 91, "- - - 0 un:ech [ech 90]\n"},
	        {SIGN_ALERT, 0, "! evasion.ech 90\n- - - 0 un:ech [ech 90]\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();

		settings->evasion.ech = rows[i].mode;
		settings->evasion.alert_from = rows[i].from;
		tls(w, CLIENT, CDN, 443, PUBLIC, "h2", ECH);
		expect(w, rows[i].want);
		end(w, NULL);
	}
	defaults();
}

/* ---- one name in front of another ------------------------------------------------------------------------
 */

static void through_proxy(struct world *w, const char *target, const char *sni)
{
	struct conn_of k = handshake(w, CLIENT, next_port++, PROXY, 3128);
	char text[256];
	struct buf b;

	snprintf(text, sizeof(text), "CONNECT %s:443 HTTP/1.1\r\nHost: %s:443\r\n\r\n", target, target);
	say_text(&k, FLOW_C2S, text);
	say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n");
	tls_hello(&b, sni, "h2", NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	tls_answer(&b);
	say(&k, FLOW_S2C, b.p, b.n);
}

static void tunnel_target_and_sni(void **state)
{
	static const struct {
		const char *target, *sni;
		bool sign;
	} rows[] = {
	        {"static.example.net", "api.openai.com", true},
	        {"api.openai.com", "static.example.net", true},
	        {"api.openai.com", "api.anthropic.com", true},
	        {"api.openai.com", "api.openai.com", false},
	        {"API.OpenAI.com.", "api.openai.com", false},
	        {"eu.api.openai.com", "api.openai.com", false}, /* the same registered domain */
	        {"a.example.net", "b.example.org", false},      /* both nobody's */
	        {"192.0.2.7", "api.openai.com", false},         /* addresses are how others resolve names */
	        {"chatgpt.com", "api.openai.com", false},       /* both of one vendor */
	        {"notopenai.com", "api.openai.com", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();

		through_proxy(w, rows[i].target, rows[i].sni);
		flow_stop_all(w->flows);
		end_flows(w);
		if (contains(w, "! evasion.fronting 80\n") != rows[i].sign ||
		        contains(w, "[fronting 80]") != rows[i].sign)
			fail_msg("%s, %s:\n%s", rows[i].target, rows[i].sni, w->log);
		end(w, NULL);
	}
}

static void fronting_settings(void **state)
{
	static const struct {
		enum sign_mode mode;
		unsigned from;
		bool alert, record;
	} rows[] = {{SIGN_OFF, 60, false, false}, {SIGN_RECORD, 60, false, true},
	        {SIGN_ALERT, 60, true, true}, {SIGN_ALERT, 80, true, true}, {SIGN_ALERT, 81, false, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();

		settings->evasion.fronting = rows[i].mode;
		settings->evasion.alert_from = rows[i].from;
		through_proxy(w, "static.example.net", "api.openai.com");
		flow_stop_all(w->flows);
		end_flows(w);
		assert_int_equal(contains(w, "! evasion.fronting"), rows[i].alert);
		assert_int_equal(contains(w, "[fronting"), rows[i].record);
		assert_true(contains(w, "! destination.unapproved 95\n")); /* judged all the same */
		end(w, NULL);
	}
	defaults();
}

static void socks_target_and_sni(void **state)
{
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, next_port++, "203.0.113.5", 1080);
	struct buf b;

	(void)state;
	say(&k, FLOW_C2S, "\5\1\0", 3);
	say(&k, FLOW_S2C, "\5\0", 2);
	say(&k, FLOW_C2S, "\5\1\0\3\x12static.example.net\1\xbb", 25);
	say(&k, FLOW_S2C, "\5\0\0\1\0\0\0\0\0\0", 10);
	tls_hello(&b, "claude.ai", "h2", NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	assert_true(contains(w, "! destination.unapproved 95\n! evasion.fronting 80\n")); /* at once */
	end(w, NULL);
}

/* As decryption hands it up: what stands inside TLS goes into layers of its own, to the same owner. */
static void inside(struct conn_of *k, struct stack *s, const char *text)
{
	struct reading *r = k->f->inspect;

	assert_int_equal(r->form, TRACKED_READING);
	if (!s->out)
		stack_open(s, &r->arena, k->f, false, &r->sink, NULL);
	assert_int_equal(
	        stack_feed(s, FLOW_C2S, (const uint8_t *)text, strlen(text), k->w->now), STACK_READING);
}

/* A connection whose server has not answered yet, so that it is still read. */
static struct conn_of begin_tls(struct world *w, const char *sni)
{
	struct conn_of k = handshake(w, CLIENT, next_port++, OUTSIDE, 443);
	struct buf b;

	tls_hello(&b, sni, "h2", NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	return k;
}

static void get(char *out, size_t cap, const char *host)
{
	snprintf(out, cap, "GET /x HTTP/1.1\r\nHost: %s\r\n\r\n", host);
}

static void sni_and_host(void **state)
{
	static const struct {
		const char *sni, *host[3]; /* requests one after the other */
		int sure;                  /* of the sign, 0: none */
		bool alert;
	} rows[] = {
	        {"static.example.net", {"api.openai.com"}, 80, true},
	        {"static.example.net", {"api.openai.com:443"}, 80, true},
	        {"api.openai.com", {"claude.ai"}, 80, true},
	        {"api.openai.com", {"API.OPENAI.COM."}, 0, false},
	        {"cdn.openai.com", {"api.openai.com"}, 0, false},
	        {"static.example.net", {"other.example.org"}, 0, false},
	        {"static.example.net", {"192.0.2.7"}, 0, false},
	        {NULL, {"api.openai.com"}, 0, false},
	        /* a connection that browsers share among names of one certificate: recorded */
	        {"static.example.net", {"www.example.net", "api.openai.com"}, 50, false},
	        /* the other way round it began with another name */
	        {"static.example.net", {"api.openai.com", "www.example.net"}, 80, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		struct conn_of k = begin_tls(w, rows[i].sni);
		struct stack s = {.out = NULL};
		char text[256], want[32];
		bool sign;

		for (unsigned n = 0; n < 3 && rows[i].host[n]; n++) {
			get(text, sizeof(text), rows[i].host[n]);
			inside(&k, &s, text);
		}
		if (contains(w, "! evasion.fronting") != rows[i].alert) /* at once */
			fail_msg("row %zu:\n%s", i, w->log);
		stack_close(&s);
		flow_stop_all(w->flows);
		end_flows(w);
		snprintf(want, sizeof(want), "[fronting %d]", rows[i].sure);
		sign = rows[i].sure ? contains(w, want) : contains(w, "fronting");
		if (sign != (rows[i].sure > 0))
			fail_msg("row %zu:\n%s", i, w->log);
		end(w, NULL);
	}
}

/* Servers that do not look at the name answer to any: the address says who they are. */
static void sni_against_the_address(void **state)
{
	static const struct {
		const char *server, *looked_up[2], *sni, *want;
	} rows[] = {
	        /* Anthropic's published range */
	        {"160.79.104.10", {NULL}, "www.example.net",
	                "! destination.unapproved 80\n! evasion.fronting 80\nanthropic-api - ip 80 [fronting "
	                "80]\n"},
	        {"160.79.104.10", {NULL}, "api.anthropic.com",
	                "! destination.unapproved 95\nanthropic-api api.anthropic.com sni 95\n"},
	        {"160.79.104.10", {NULL}, "new.anthropic.com",
	                "! destination.unapproved 95\nanthropic-site new.anthropic.com sni 95\n"},
	        {"160.79.105.200", {NULL}, NULL, "! destination.unapproved 80\nanthropic-api - ip 80\n"},
	        /* what was looked up */
	        {CDN, {"api.mistral.ai"}, "www.example.net", "- www.example.net sni 95 [fronting 50]\n"},
	        {CDN, {"api.mistral.ai", "www.example.net"}, "www.example.net", "- www.example.net sni 95\n"},
	        {CDN, {"generativelanguage.googleapis.com"}, "storage.googleapis.com",
	                "- storage.googleapis.com sni 95\n"},
	        {CDN, {"www.example.org"}, "www.example.net", "- www.example.net sni 95\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();

		for (unsigned k = 0; k < 2 && rows[i].looked_up[k]; k++)
			dns_answer(w, CLIENT, rows[i].looked_up[k], rows[i].server);
		tls(w, CLIENT, rows[i].server, 443, rows[i].sni, "h2", NULL);
		expect(w, rows[i].want);
		end(w, NULL);
	}
}

/* Where the certificate is visible (TLS 1.2) it decides. */
static void sni_against_the_certificate(void **state)
{
	static const struct {
		const char *cert;
		bool covers;
		const char *want;
	} rows[] = {
	        {"api.mistral.ai", false,
	                "! destination.unapproved 90\n! evasion.fronting 85\nmistral-api api.mistral.ai cert "
	                "90 [fronting 85]\n"},
	        {"*.openai.azure.com", false,
	                "! destination.unapproved 90\n! evasion.fronting 85\nazure-openai *.openai.azure.com "
	                "cert 90 "
	                "[fronting 85]\n"},
	        {"www.example.net", true, "- www.example.net sni 95 [fronting 50]\n"},
	        {"cdn.example.org", false, "- www.example.net sni 95 [fronting 50]\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		struct certificate cert = {.not_after = 30000, .covers = rows[i].covers};
		struct conn_of k;
		struct reading *r;
		struct buf b;

		dns_answer(w, CLIENT, "api.mistral.ai", OUTSIDE);
		k = handshake(w, CLIENT, next_port++, OUTSIDE, 443);
		tls_hello(&b, "www.example.net", "h2", NULL);
		say(&k, FLOW_C2S, b.p, b.n);
		r = k.f->inspect;
		assert_false(r->stack.conn.skip_cert);
		snprintf(cert.name, sizeof(cert.name), "%s", rows[i].cert);
		r->sink.cert(r->sink.arg, &cert);
		expect(w, rows[i].want);
		end(w, NULL);
	}
}

static void other_forms_of_a_request(void **state)
{
	/* RFC 9112 3.2.2: what stands in an absolute target counts, not Host */
	static const char absolute[] =
	        "GET http://api.openai.com/v1/models HTTP/1.1\r\nHost: static.example.net\r\n\r\n";
	static const char back[] =
	        "GET http://static.example.net/v1/models HTTP/1.1\r\nHost: api.openai.com\r\n\r\n";
	/* RFC 7541, RFC 9113: preface, SETTINGS, GET with :authority api.openai.com as a literal */
	static const uint8_t h2[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	                            "\0\0\0\4\0\0\0\0\0"
	                            "\0\0\x13\1\5\0\0\0\1"
	                            "\x82\x87\x84\x41\x0e"
	                            "api.openai.com";
	struct world *w = world();
	struct conn_of k = begin_tls(w, "static.example.net");
	struct stack s = {.out = NULL};
	struct reading *r;

	(void)state;
	inside(&k, &s, absolute);
	assert_true(contains(w, "! evasion.fronting 80\n"));
	stack_close(&s);
	end(w, NULL);

	w = world();
	k = begin_tls(w, "static.example.net");
	s.out = NULL;
	inside(&k, &s, back);
	assert_false(contains(w, "fronting"));
	stack_close(&s);
	end(w, NULL);

	w = world();
	k = begin_tls(w, "static.example.net");
	r = k.f->inspect;
	stack_open(&s, &r->arena, k.f, false, &r->sink, NULL);
	assert_int_equal(stack_feed(&s, FLOW_C2S, h2, sizeof(h2) - 1, w->now), STACK_READING);
	assert_true(contains(w, "! evasion.fronting 80\n"));
	stack_close(&s);
	end(w, NULL);
}

/* Names are free text to whoever owns the zone: what goes out is masked. */
static void names_in_evidence_are_masked(void **state)
{
	static const char key[] = "ghp_"
	                          "gwu2jgid6cqaes9dqfetgdm199c6cm0hiozj";
	struct world *w = world();
	char sni[96];

	(void)state;
	snprintf(sni, sizeof(sni), "4929123456789015.example.net");
	through_proxy(w, "api.openai.com", sni);
	snprintf(sni, sizeof(sni), "%s.example.net", key);
	through_proxy(w, "api.openai.com", sni);
	for (struct reading *r = w->c->oldest; r; r = r->newer)
		fail_msg("still read");
	flow_stop_all(w->flows);
	for (struct flow *f; (f = flow_ended(w->flows)); flow_release(w->flows, f)) {
		struct facts x;

		facts_unkeep(w->c, f->inspect, &x);
		assert_int_equal(x.n_evasions, 1);
		assert_null(strstr(x.evasion[0].evidence, "4929123456789015"));
		assert_null(strstr(x.evasion[0].evidence, key + 4));
		classify_end(w->c, f, true);
	}
	end(w, NULL);
}

/* ---- encrypted DNS ---------------------------------------------------------------------------------------
 */

static void encrypted_dns(void **state)
{
	static const struct {
		const char *server;
		uint16_t port;
		const char *sni, *alpn;
		int sure; /* 0: no sign */
	} rows[] = {
	        {OUTSIDE, 853, "dns.example.net", NULL, 90}, {OUTSIDE, 853, NULL, NULL, 90},
	        {OUTSIDE, 443, "dns.example.net", "dot", 95},
	        {OUTSIDE, 8853, "dns.example.net", "doq-i03", 95}, {OUTSIDE, 443, "dns.google", "h2", 85},
	        {OUTSIDE, 443, "mozilla.cloudflare-dns.com", "h2", 85}, {"1.1.1.1", 443, NULL, "h2", 85},
	        {"8.8.8.8", 443, "www.example.net", "h2", 85}, /* where nothing else is, whatever the name */
	        {OUTSIDE, 443, "doh.example.net", "h2", 55}, {OUTSIDE, 443, "doh-2.example.net", "h2", 55},
	        {OUTSIDE, 443, "dohmen.example.net", "h2", 0},
	        {OUTSIDE, 443, "notdns.google.example", "h2", 0}, {OUTSIDE, 443, "www.example.net", "h2", 0},
	        {OUTSIDE, 8530, "www.example.net", "h2", 0},
	        {"10.0.0.53", 853, "dns.corp.example", "dot", 0}, /* one's own */
	};

	(void)state;
	settings->evasion.doh = SIGN_ALERT;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		char want[40];

		tls(w, CLIENT, rows[i].server, rows[i].port, rows[i].sni, rows[i].alpn, NULL);
		flow_stop_all(w->flows);
		end_flows(w);
		snprintf(want, sizeof(want), "[doh %d]", rows[i].sure);
		if (rows[i].sure ? !contains(w, want) : contains(w, "doh "))
			fail_msg("row %zu:\n%s", i, w->log);
		if (contains(w, "! evasion.doh") != (rows[i].sure >= 60))
			fail_msg("row %zu:\n%s", i, w->log);
		end(w, NULL);
	}
	defaults();
}

static void encrypted_dns_settings(void **state)
{
	static const struct {
		enum sign_mode mode;
		unsigned from;
		const char *want;
	} rows[] = {
	        {SIGN_OFF, 60, "- dns.google sni 95\n"},
	        {SIGN_RECORD, 60, "- dns.google sni 95 [doh 85]\n"},
	        {SIGN_ALERT, 60, "! evasion.doh 85\n- dns.google sni 95 [doh 85]\n"},
	        {SIGN_ALERT, 86, "- dns.google sni 95 [doh 85]\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();

		settings->evasion.doh = rows[i].mode;
		settings->evasion.alert_from = rows[i].from;
		tls(w, CLIENT, OUTSIDE, 443, "dns.google", "h2", NULL);
		expect(w, rows[i].want);
		end(w, NULL);
	}
	defaults();
}

/* A hello that QUIC carried, as its layer tells it. */
static void dns_over_quic(void **state)
{
	static const char initial[] = "\xc0\0\0\0\1\x08"
	                              "12345678\0\0\x05"
	                              "abcde";
	struct world *w = world();
	struct hello h = {
	        .client = true, .quic = true, .version = 0x0304, .sni = "dns.example.net", .alpn = "doq"};
	struct packet p = packet_udp(
	        CLIENT, 30000, OUTSIDE, 853, (const uint8_t *)initial, sizeof(initial) - 1, w->now);
	struct reading *r = packet(w, &p)->inspect;

	(void)state;
	assert_non_null(r);
	r->sink.hello(r->sink.arg, &h);
	expect(w, "- dns.example.net quic-sni 95 [doh 95]\n");
	p = packet_udp(CLIENT, 30001, OUTSIDE, 853, (const uint8_t *)initial, sizeof(initial) - 1, w->now);
	r = packet(w, &p)->inspect;
	h.alpn[0] = '\0';
	r->sink.hello(r->sink.arg, &h);
	expect(w, "- dns.example.net quic-sni 95 [doh 90]\n");
	p = packet_udp(CLIENT, 30002, OUTSIDE, 443, (const uint8_t *)initial, sizeof(initial) - 1, w->now);
	r = packet(w, &p)->inspect;
	r->sink.hello(r->sink.arg, &h);
	expect(w, "- dns.example.net quic-sni 95\n");
	end(w, NULL);
}

/* The port behind a proxy counts, not the proxy's own. */
static void encrypted_dns_through_a_proxy(void **state)
{
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, next_port++, "203.0.113.5", 1080);
	struct buf b;

	(void)state;
	say(&k, FLOW_C2S, "\5\1\0", 3);
	say(&k, FLOW_S2C, "\5\0", 2);
	say(&k, FLOW_C2S, "\5\1\0\1\x09\x09\x09\x09\x03\x55", 10); /* 9.9.9.9:853 */
	say(&k, FLOW_S2C, "\5\0\0\1\0\0\0\0\0\0", 10);
	tls_hello(&b, NULL, NULL, NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	flow_stop_all(w->flows);
	end_flows(w);
	assert_true(contains(w, "[doh 90]"));
	end(w, NULL);
}

/* ---- tunnels and remote desktops -------------------------------------------------------------------------
 */

static void udp(
        struct world *w, const char *client, const char *server, uint16_t port, bool up, const struct buf *b)
{
	uint8_t *copy = malloc(b->n);
	struct packet p;

	memcpy(copy, b->p, b->n);
	w->now += NS_PER_MS;
	p = up ? packet_udp(client, 40001, server, port, copy, b->n, w->now)
	       : packet_udp(server, port, client, 40001, copy, b->n, w->now);
	packet(w, &p);
	free(copy);
}

static void wireguard(struct world *w, const char *client, const char *server, size_t more)
{
	struct buf b = {.n = 0};

	put_hex(&b, "01000000d1d2d3d4");
	put_fill(&b, 0x5a, 140);
	udp(w, client, server, 51820, true, &b);
	b.n = 0;
	put_hex(&b, "02000000e1e2e3e4d1d2d3d4");
	put_fill(&b, 0x5b, 80);
	udp(w, client, server, 51820, false, &b);
	for (; more; more -= more < 1408 ? more : 1408) {
		b.n = 0;
		put_hex(&b, "04000000e1e2e3e4");
		put_fill(&b, 0x77, 1400);
		udp(w, client, server, 51820, true, &b);
	}
}

#define MIB (1u << 20)

static void tunnels_by_what_they_send(void **state)
{
	static const struct {
		enum sign_mode mode;
		unsigned mb, from;
		size_t send;
		const char *want;
	} rows[] = {
	        {SIGN_ALERT, 1, 60, MIB / 2, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 1, 60, MIB + MIB / 2, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 1, 60, 5 * MIB, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 3, 60, 2 * MIB, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 3, 60, 4 * MIB, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 0, 60, 0, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 0, 96, 2 * MIB, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_RECORD, 0, 60, 2 * MIB, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_OFF, 0, 60, 2 * MIB, "- - - 0 un:protocol\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();

		settings->evasion.tunnel = rows[i].mode;
		settings->evasion.tunnel_mb = rows[i].mb;
		settings->evasion.alert_from = rows[i].from;
		settings->evasion.remote_desktop = SIGN_OFF; /* another setting */
		wireguard(w, CLIENT, OUTSIDE, rows[i].send);
		expect(w, rows[i].want);
		end(w, NULL);
	}
	defaults();
}

/* An alert comes while the tunnel is up, not when it ends. */
static void tunnels_alert_while_they_last(void **state)
{
	struct world *w = world();

	(void)state;
	wireguard(w, CLIENT, OUTSIDE, 2 * MIB + MIB / 2);
	assert_string_equal(w->log, "! evasion.tunnel 95\n");
	end(w, NULL);
}

static void where_tunnels_go(void **state)
{
	struct world *w = world();

	(void)state;
	settings->evasion.tunnel_mb = 0;
	wireguard(w, CLIENT, "10.0.0.9", 2 * MIB);    /* inside */
	wireguard(w, "203.0.113.9", CLIENT, 2 * MIB); /* from outside */
	expect(w, "- - - 0\n");
	defaults();
	end(w, NULL);
}

static void remote_desktops(void **state)
{
	static const struct {
		enum sign_mode mode;
		const char *want;
	} rows[] = {
	        {SIGN_ALERT, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_RECORD, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_OFF, "- - - 0 un:protocol\n"},
	};
	static const uint8_t x224[] = "\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		struct conn_of k = handshake(w, CLIENT, next_port++, OUTSIDE, 3389);

		settings->evasion.remote_desktop = rows[i].mode;
		settings->evasion.tunnel = SIGN_OFF; /* another setting */
		settings->evasion.tunnel_mb = 0;
		say(&k, FLOW_C2S, x224, sizeof(x224));
		expect(w, rows[i].want);
		end(w, NULL);
	}
	defaults();
}

/* The server speaks first; its words alone tell. */
static void vnc(void **state)
{
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, next_port++, OUTSIDE, 6900);

	(void)state;
	settings->evasion.tunnel_mb = 0;
	say_text(&k, FLOW_S2C, "RFB 004.");
	say_text(&k, FLOW_S2C, "001\n");
	expect(w, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n");
	defaults();
	end(w, NULL);
}

/* IKE without NAT: ESP follows as packets of its own, so that no bytes of this connection count. */
static void ipsec_alerts_at_once(void **state)
{
	static const char *const said[] = {"01020304050607080000000000000000212022080000000000000020"
	                                   "5a5a5a5a",
	        "0102030405060708111213141516171821202220000000000000002"
	        "05a5a5a5a",
	        "010203040506070811121314151617182e2023080000000100000020"
	        "5a5a5a5a"};
	struct world *w = world();
	struct buf b;

	(void)state;
	settings->evasion.tunnel_mb = 1000;
	for (unsigned i = 0; i < 3; i++) {
		b.n = 0;
		put_hex(&b, said[i]);
		udp(w, CLIENT, OUTSIDE, 500, i != 1, &b);
		assert_int_equal(contains(w, "! evasion.tunnel 95\n"), i == 2);
	}
	expect(w, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n");
	defaults();
	end(w, NULL);
}

/* Port 53 is passed by many a firewall: what is no DNS there is read like anything else. */
static void port_53(void **state)
{
	static const char query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3net\0\0\1\0\1";
	struct world *w = world();
	struct buf b = {.n = 0};
	struct conn_of k;

	(void)state;
	settings->evasion.tunnel_mb = 0;
	put_hex(&b, "01000000d1d2d3d4");
	put_fill(&b, 0x5a, 140);
	udp(w, CLIENT, OUTSIDE, 53, true, &b);
	b.n = 0;
	put_hex(&b, "02000000e1e2e3e4d1d2d3d4");
	put_fill(&b, 0x5b, 80);
	udp(w, CLIENT, OUTSIDE, 53, false, &b);
	expect(w, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n");
	/* behind a query that is one */
	b.n = 0;
	put(&b, query, sizeof(query) - 1);
	udp(w, CLIENT, "192.0.2.8", 53, true, &b);
	b.n = 0;
	put_hex(&b, "01000000d1d2d3d4");
	put_fill(&b, 0x5a, 140);
	udp(w, CLIENT, "192.0.2.8", 53, true, &b);
	b.n = 0;
	put_hex(&b, "04000000e1e2e3e4");
	put_fill(&b, 0x77, 24);
	udp(w, CLIENT, "192.0.2.8", 53, true, &b);
	expect(w, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n");
	/* SOCKS, and a request in clear */
	k = handshake(w, CLIENT, next_port++, OUTSIDE, 53);
	say(&k, FLOW_C2S, "\5\1\0", 3);
	say(&k, FLOW_S2C, "\5\0", 2);
	say(&k, FLOW_C2S,
	        "\5\1\0\3\x0e"
	        "api.openai.com\1\xbb",
	        21);
	assert_string_equal(w->log, "! destination.unapproved 97\n");
	expect(w, "! destination.unapproved 97\nopenai-api api.openai.com socks 97\n");
	defaults();
	end(w, NULL);
}

/* Much more than names: a hint, for resolvers of one's own send much as well. */
static void much_in_look_ups(void **state)
{
	struct world *w = world();
	struct buf b = {.n = 0};

	(void)state;
	settings->evasion.alert_from = 0;
	put_hex(&b, "1234010000010000000000003f");
	put_fill(&b, 'a', 63);
	put_hex(&b, "3f");
	put_fill(&b, 'b', 63);
	put_hex(&b, "076578616d706c65036e6574000010"
	            "0001");
	for (unsigned i = 0; i < 2; i++) {
		for (size_t sent = 0; sent < (i ? MIB + b.n : MIB / 2); sent += b.n)
			udp(w, CLIENT, OUTSIDE, 53, true, &b);
		expect(w, i ? "! evasion.tunnel 50\n- - - 0 [tunnel 50]\n" : "- - - 0\n");
	}
	defaults();
	end(w, NULL);
}

/* OpenVPN through a proxy of one's own: inside, and it leaves all the same. */
static void tunnel_inside_a_proxy(void **state)
{
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, next_port++, PROXY, 3128);
	struct buf b = {.n = 0};

	(void)state;
	settings->evasion.tunnel_mb = 0;
	say_text(&k, FLOW_C2S, "CONNECT vpn.example.net:443 HTTP/1.1\r\nHost: vpn.example.net:443\r\n\r\n");
	say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n");
	put_hex(&b, "000e38a1a2a3a4a5a6a7a80000000000");
	say(&k, FLOW_C2S, b.p, b.n);
	b.n = 0;
	put_hex(&b, "001a40b1b2b3b4b5b6b7b80100000000a1a2a3a4a5a6a7a800000000");
	say(&k, FLOW_S2C, b.p, b.n);
	expect(w, "! evasion.tunnel 95\n- vpn.example.net connect 97 [tunnel 95]\n");
	defaults();
	end(w, NULL);
}

/* By the names and addresses of the catalogue, by what their TLS shows, and by names they make up. */
static void carriers_in_tls(void **state)
{
	static const struct {
		const char *server, *sni, *alpn;
		int sure; /* 0: no sign */
	} rows[] = {
	        {OUTSIDE, "us9591.nordvpn.com", NULL, 75},
	        {OUTSIDE, "relay-3185a847.net.anydesk.com", NULL, 75},
	        {"162.159.193.5", NULL, NULL, 75},
	        {OUTSIDE, "nordvpn.com", NULL, 0},
	        {OUTSIDE, "us9591.nordvpn.com.example.net", NULL, 0},
	        {OUTSIDE, NULL, "anydesk/6.2.0/linux", 90},
	        {OUTSIDE, "www.e6r5p57kbafwrxj3plz.com", NULL, 50}, /* Tor, by its name alone: a hint */
	        {OUTSIDE, "www.e6r5p57kbafwrxj3plz.com", "h2", 0},
	        {OUTSIDE, "www.e6r5p87kbafwrxj3plz.com", NULL, 0}, /* 8 is no digit of base32 */
	        {OUTSIDE, "www.example.com", NULL, 0},
	        {OUTSIDE, "www.e6r5p57kbafwrxj3plz.net", NULL, 0},
	};

	(void)state;
	settings->evasion.tunnel_mb = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		char want[40];

		tls(w, CLIENT, rows[i].server, 443, rows[i].sni, rows[i].alpn, NULL);
		flow_stop_all(w->flows);
		end_flows(w);
		snprintf(want, sizeof(want), "[tunnel %d]", rows[i].sure);
		if (rows[i].sure ? !contains(w, want) : contains(w, "tunnel"))
			fail_msg("row %zu:\n%s", i, w->log);
		if (contains(w, "! evasion.tunnel") != (rows[i].sure >= 60))
			fail_msg("row %zu:\n%s", i, w->log);
		end(w, NULL);
	}
	defaults();
}

/* A visit to a vendor's site sends little; its tunnel sends much, while TLS is merely counted. */
static void carriers_in_tls_by_what_they_send(void **state)
{
	static const char zeros[1400];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w = world();
		struct conn_of k = tls(w, CLIENT, OUTSIDE, 443, "us9591.nordvpn.com", NULL, NULL);

		for (size_t sent = 0; i && sent < 2 * MIB; sent += sizeof(zeros))
			say(&k, FLOW_C2S, zeros, sizeof(zeros));
		assert_string_equal(w->log, i ? "! evasion.tunnel 75\n" : "");
		expect(w, i ? "! evasion.tunnel 75\n- us9591.nordvpn.com sni 95 [tunnel 75]\n"
		            : "- us9591.nordvpn.com sni 95 [tunnel 75]\n");
		end(w, NULL);
	}
}

/* Tor's certificate has names that are made up like its hello's. */
static void tor_by_its_certificate(void **state)
{
	static const struct {
		const char *name, *issuer;
		int sure;
	} rows[] = {
	        {"www.g6ghvisevf3ibuu5.net", "www.xkgk7fdx362yyyxib.com", 85},
	        {"www.g6ghvisevf3ibuu5.net", "Let's Encrypt", 50},
	        {"www.example.net", "www.xkgk7fdx362yyyxib.com", 50},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		struct conn_of k = begin_tls(w, "www.e6r5p57kbafwrxj3plz.com");
		struct certificate cert = {.not_before = 0, .not_after = 30000};
		struct reading *r = k.f->inspect;
		char want[128];

		r->facts.tls.alpn[0] = '\0';
		assert_false(r->stack.conn.skip_cert);
		snprintf(cert.name, sizeof(cert.name), "%s", rows[i].name);
		snprintf(cert.issuer, sizeof(cert.issuer), "%s", rows[i].issuer);
		r->sink.cert(r->sink.arg, &cert);
		snprintf(want, sizeof(want), "- www.e6r5p57kbafwrxj3plz.com sni 95 [tunnel %d]\n",
		        rows[i].sure);
		expect(w, want);
		end(w, NULL);
	}
}

/* Of a kind the strongest stays, and there is room for one of each. */
static void signs_of_one_flow(void **state)
{
	struct facts x = {.n_evasions = 0};

	(void)state;
	evasion_add(&x, ALERT_EVASION_DOH, 55, "weak");
	evasion_add(&x, ALERT_EVASION_DOH, 90, "strong");
	evasion_add(&x, ALERT_EVASION_DOH, 80, "late");
	evasion_add(&x, ALERT_EVASION_ECH, 10, "e");
	evasion_add(&x, ALERT_EVASION_FRONTING, 10, "f");
	evasion_add(&x, ALERT_EVASION_TUNNEL, 10, "t");
	assert_int_equal(x.n_evasions, FACT_EVASION_MAX);
	assert_int_equal(x.evasion[0].confidence, 90);
	assert_string_equal(x.evasion[0].evidence, "strong");
}

static int setup(void **state)
{
	int rc = sensor_setup(yaml);

	(void)state;
	if (!rc)
		defaults();
	return rc;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(ech_with_one_look_up),
	        cmocka_unit_test(grease_is_no_sign),
	        cmocka_unit_test(ech_that_nothing_explains),
	        cmocka_unit_test(ech_with_several_look_ups),
	        cmocka_unit_test(several_look_ups_and_no_sni),
	        cmocka_unit_test(ech_settings),
	        cmocka_unit_test(tunnel_target_and_sni),
	        cmocka_unit_test(fronting_settings),
	        cmocka_unit_test(socks_target_and_sni),
	        cmocka_unit_test(sni_and_host),
	        cmocka_unit_test(sni_against_the_address),
	        cmocka_unit_test(sni_against_the_certificate),
	        cmocka_unit_test(other_forms_of_a_request),
	        cmocka_unit_test(names_in_evidence_are_masked),
	        cmocka_unit_test(encrypted_dns),
	        cmocka_unit_test(encrypted_dns_settings),
	        cmocka_unit_test(dns_over_quic),
	        cmocka_unit_test(encrypted_dns_through_a_proxy),
	        cmocka_unit_test(tunnels_by_what_they_send),
	        cmocka_unit_test(tunnels_alert_while_they_last),
	        cmocka_unit_test(where_tunnels_go),
	        cmocka_unit_test(remote_desktops),
	        cmocka_unit_test(vnc),
	        cmocka_unit_test(ipsec_alerts_at_once),
	        cmocka_unit_test(tunnel_inside_a_proxy),
	        cmocka_unit_test(port_53),
	        cmocka_unit_test(much_in_look_ups),
	        cmocka_unit_test(carriers_in_tls),
	        cmocka_unit_test(carriers_in_tls_by_what_they_send),
	        cmocka_unit_test(tor_by_its_certificate),
	        cmocka_unit_test(signs_of_one_flow),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
