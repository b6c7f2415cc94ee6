/* test_evasion.c - names that hide: encrypted, or one in front of another, each with what makes the sign and
 * what only looks alike, and with every value of its setting. */
#include "tests/unit/evasion_world.h"

/* ---- hellos and look-ups ---------------------------------------------------------------------------------
 */

#define X16 "abababababababababababababababab"
/* draft-ietf-tls-esni 5: outer, HKDF-SHA256 and AES-128-GCM, id, a 32-byte share, the encrypted hello */
#define ECH "fe0d004a0000010001070020" X16 X16 "0020" X16 X16

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
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
