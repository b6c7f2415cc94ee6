/* test_dns.c - DNS answers per client (RFC 1035, 3596, 9460), their age and their number; DNS over TCP. */
#include "tests/unit/names_util.h"

#include "base/clock.h"
#include "classify/names/names.h"

#include <stdio.h>

#define T0 (1700000000 * NS_PER_S)

enum { A = 1, CNAME = 5, AAAA = 28, HTTPS = 65 };

static struct buf m;
static struct dns_cache *cache;

static struct ip_addr ip(const char *text)
{
	struct ip_addr a;

	assert_int_equal(ip_parse(text, &a), 0);
	return a;
}

/* ---- writing messages --------------------------------------------------------------------------------- */

static void name(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, ".");

		put_be(&m, n, 1);
		put(&m, text, n);
		text += n + (text[n] == '.');
	}
	put_be(&m, 0, 1);
}

static void header(uint16_t flags, uint16_t questions, uint16_t answers)
{
	m.n = 0;
	put_be(&m, 0x1234, 2);
	put_be(&m, flags, 2);
	put_be(&m, questions, 2);
	put_be(&m, answers, 2);
	put_be(&m, 0, 4);
}

static void question(const char *text, uint16_t type)
{
	name(text);
	put_be(&m, type, 2);
	put_be(&m, 1, 2);
}

static void response(const char *text, uint16_t type, uint16_t answers)
{
	header(0x8180, 1, answers);
	question(text, type);
}

/* Everything of a record but its data; owner NULL: a pointer to the question. */
static size_t record(const char *owner, uint16_t type, uint32_t ttl)
{
	if (owner)
		name(owner);
	else
		put_be(&m, 0xc00c, 2);
	put_be(&m, type, 2);
	put_be(&m, 1, 2);
	put_be(&m, ttl, 4);
	return len_open(&m, 2);
}

static void address(const char *owner, const char *text, uint32_t ttl)
{
	struct ip_addr a = ip(text);
	bool four = ip_is4(&a);
	size_t at = record(owner, four ? A : AAAA, ttl);

	put(&m, four ? a.b + 12 : a.b, four ? 4 : 16);
	len_close(&m, at, 2);
}

static void alias(const char *owner, const char *to)
{
	size_t at = record(owner, CNAME, 300);

	name(to);
	len_close(&m, at, 2);
}

static int take_for(const char *client, int64_t when)
{
	struct ip_addr c = ip(client);
	uint8_t *copy = malloc(m.n ? m.n : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, m.p, m.n);
	rc = dns_message(cache, &c, copy, m.n, when);
	free(copy);
	return rc;
}

static int take(void)
{
	return take_for("10.0.0.1", T0);
}

static struct dns_found found[DNS_NAMES_MAX + 1]; /* of the last ask() */
static unsigned n_found;

static const char *ask(const char *client, const char *server, int64_t when)
{
	struct ip_addr c = ip(client), s = ip(server);

	n_found = dns_names(cache, &c, &s, when, found, DNS_NAMES_MAX + 1);
	return n_found ? found[0].name : NULL;
}

static int setup(void **state)
{
	struct err e;

	(void)state;
	cache = dns_cache_create(64, 60, &e);
	return cache ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	dns_cache_destroy(cache);
	return 0;
}

/* ---- answers ------------------------------------------------------------------------------------------ */

static void test_answer(void **state)
{
	(void)state;
	response("API.OpenAI.com", A, 2);
	address(NULL, "198.51.100.7", 300);
	address("api.openai.COM", "198.51.100.8", 300); /* names are equal whatever their case */
	assert_int_equal(take(), 0);
	assert_string_equal(ask("10.0.0.1", "198.51.100.7", T0), "api.openai.com");
	assert_int_equal(found[0].by, NAME_DNS);
	assert_string_equal(ask("10.0.0.1", "198.51.100.8", T0), "api.openai.com");
	assert_null(ask("10.0.0.2", "198.51.100.7", T0)); /* another client did not ask */
	assert_null(ask("10.0.0.1", "198.51.100.9", T0));

	response("v6.example", AAAA, 1);
	address(NULL, "2001:db8::7", 300);
	assert_int_equal(take_for("fd00::1", T0), 0);
	assert_string_equal(ask("fd00::1", "2001:db8::7", T0), "v6.example");
}

static void test_last_name_wins(void **state)
{
	struct dns_stats s;

	(void)state;
	response("first.example", A, 1);
	address(NULL, "198.51.100.7", 300);
	take();
	response("second.example", A, 1);
	address(NULL, "198.51.100.7", 300);
	take();
	assert_string_equal(ask("10.0.0.1", "198.51.100.7", T0), "second.example");
	dns_cache_stats(cache, &s);
	assert_int_equal(s.entries, 2);
	assert_int_equal(s.stored, 2);
	assert_int_equal(s.messages, 2);
}

static void test_aliases(void **state)
{
	(void)state;
	response("www.example", A, 4);
	alias(NULL, "cdn.example");
	alias("cdn.example", "edge.example");
	address("edge.example", "198.51.100.1", 30);
	address("other.example", "198.51.100.2", 30); /* nobody asked for that */
	assert_int_equal(take(), 0);
	assert_string_equal(ask("10.0.0.1", "198.51.100.1", T0), "www.example");
	assert_null(ask("10.0.0.1", "198.51.100.2", T0));

	response("back.example", A, 3); /* in reverse order */
	address("b.example", "198.51.100.3", 30);
	alias("a.example", "b.example");
	alias(NULL, "a.example");
	assert_int_equal(take(), 0);
	assert_string_equal(ask("10.0.0.1", "198.51.100.3", T0), "back.example");

	response("loop.example", A, 3);
	alias(NULL, "l.example");
	alias("l.example", "loop.example");
	address("l.example", "198.51.100.4", 30);
	assert_int_equal(take(), 0);
	assert_string_equal(ask("10.0.0.1", "198.51.100.4", T0), "loop.example");
}

/* RFC 9460: address hints, aliases, the port prefix of 2.3. */
static void test_https(void **state)
{
	size_t at;

	(void)state;
	response("_8443._https.ech.example", HTTPS, 1);
	at = record(NULL, HTTPS, 300);
	put_hex(&m, "0001"
	            "00" /* the owner itself */
	            "0001"
	            "0003"
	            "026832" /* alpn h2 */
	            "0004"
	            "0008"
	            "c6336401c6336402" /* ipv4hint */
	            "0005"
	            "0002"
	            "abcd" /* ech */
	            "0006"
	            "0010"
	            "20010db8000000000000000000000009");
	len_close(&m, at, 2);
	assert_int_equal(take(), 0);
	assert_string_equal(ask("10.0.0.1", "198.51.100.1", T0), "ech.example");
	assert_int_equal(found[0].by, NAME_HTTPS_RR);
	assert_string_equal(ask("10.0.0.1", "198.51.100.2", T0), "ech.example");
	assert_string_equal(ask("10.0.0.1", "2001:db8::9", T0), "ech.example");

	response("alias.example", HTTPS, 2);
	at = record(NULL, HTTPS, 300);
	put_be(&m, 0, 2);
	name("pool.example");
	len_close(&m, at, 2);
	address("pool.example", "198.51.100.5", 300);
	assert_int_equal(take(), 0);
	assert_string_equal(ask("10.0.0.1", "198.51.100.5", T0), "alias.example");

	response("bad.example", HTTPS, 1); /* an ipv4hint of three bytes is none */
	at = record(NULL, HTTPS, 300);
	put_hex(&m, "000100"
	            "0004"
	            "0003"
	            "c63364");
	len_close(&m, at, 2);
	assert_int_equal(take(), 0);
}

/* RFC 9849 4: of a list of configurations the first whose version is known gives the public name. */
static void test_ech_public(void **state)
{
	struct ip_addr c = ip("10.0.0.1"), other = ip("10.0.0.2");
	size_t at, param, list, config, public;

	(void)state;
	response("hidden.example", HTTPS, 1);
	at = record(NULL, HTTPS, 300);
	put_hex(&m, "000100"); /* priority, the owner's name */
	put_be(&m, 5, 2);
	param = len_open(&m, 2);
	list = len_open(&m, 2);
	put_hex(&m, "ffff0003aabbcc"); /* a version that is not known */
	put_be(&m, 0xfe0d, 2);
	config = len_open(&m, 2);
	put_hex(&m, "070020" /* id, KEM */
	            "00020102"
	            "000400010001"
	            "40");
	public = len_open(&m, 1);
	put_text(&m, "Front.example");
	len_close(&m, public, 1);
	put_be(&m, 0, 2);
	len_close(&m, config, 2);
	len_close(&m, list, 2);
	len_close(&m, param, 2);
	len_close(&m, at, 2);
	assert_int_equal(take(), 0);
	assert_string_equal(dns_ech_public(cache, &c, "hidden.example", T0), "front.example");
	assert_null(dns_ech_public(cache, &other, "hidden.example", T0));
	assert_null(dns_ech_public(cache, &c, "another.example", T0));
	assert_null(dns_ech_public(cache, &c, "hidden.example", T0 + 361 * NS_PER_S));
}

/* What may stand on port 53: the header decides, and sizes that cannot be. */
static void test_plausible(void **state)
{
	static const struct {
		const char *hex;
		bool plausible;
	} rows[] = {
	        {"123401000001000000000000"
	         "0161"
	         "0000010001",
	                true},
	        {"123481800000000000000000", true},
	        {"12340100000100000000000101610000010001000029100000000000", true},
	        {"123401000001000000000001016100000100010000291000", false}, /* its OPT is cut */
	        {"123401000001000000000001016100000100010000291000000000000000", true},
	        {"123429000001000000000000"
	         "0161"
	         "0000060001",
	                true}, /* an update */
	        {"123438000001000000000000"
	         "0161"
	         "0000060001",
	                false}, /* no such operation */
	        {"123401400001000000000000"
	         "0161"
	         "0000010001",
	                false}, /* a bit that must be zero */
	        {"123401000005000000000000"
	         "0161"
	         "0000010001",
	                false},
	        {"123401000001000000000000", false},
	        {"123483800001000100000000"
	         "0161"
	         "0000010001",
	                true}, /* cut by its sender */
	        {"1234010000010000000000", false},
	        {"", false},
	        {"01000000d1d2d3d45a5a5a5a5a5a5a5a5a5a5a5a", false},
	        {"38a1a2a3a4a5a6a7a80000000000", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		m.n = 0;
		put_hex(&m, rows[i].hex);
		if (dns_plausible(m.p, m.n, m.n) != rows[i].plausible)
			fail_msg("row %zu", i);
	}
	/* the first part of a message over TCP */
	m.n = 0;
	put_hex(&m, rows[4].hex);
	assert_true(dns_plausible(m.p, 12, m.n));
	assert_false(dns_plausible(m.p, 12, 12));
}

static void resolve(const char *client, const char *name, const char *address_of, uint32_t ttl, int64_t when)
{
	response(name, A, 1);
	address(NULL, address_of, ttl);
	assert_int_equal(take_for(client, when), 0);
}

/* Several names for one address within their time: all are candidates, the last one first. */
static void test_several_names(void **state)
{
	struct ip_addr server = ip("192.0.2.9");
	struct dns_found any;

	(void)state;
	for (int twice = 0; twice < 2; twice++) {
		resolve("10.0.0.1", "one.example", "192.0.2.9", 300, T0);
		assert_string_equal(ask("10.0.0.1", "192.0.2.9", T0), "one.example");
		assert_int_equal(n_found, 1);
	}
	assert_true(dns_name_any(cache, &server, T0 + 5 * NS_PER_S, &any));
	assert_string_equal(any.name, "one.example");
	assert_int_equal(any.age_ns, 5 * NS_PER_S);
	resolve("10.0.0.2", "two.example", "192.0.2.9", 300, T0);
	assert_false(dns_name_any(cache, &server, T0, &any));
	assert_string_equal(ask("10.0.0.1", "192.0.2.9", T0), "one.example");
	assert_int_equal(n_found, 1); /* it was another client */
	resolve("10.0.0.1", "two.example", "192.0.2.9", 30, T0 + NS_PER_S);
	assert_string_equal(ask("10.0.0.1", "192.0.2.9", T0 + 2 * NS_PER_S), "two.example");
	assert_int_equal(n_found, 2);
	assert_string_equal(found[1].name, "one.example");
	assert_int_equal(found[0].age_ns, NS_PER_S);
	assert_int_equal(found[1].age_ns, 2 * NS_PER_S);
	resolve("10.0.0.1", "one.example", "192.0.2.9", 300, T0 + 3 * NS_PER_S);
	assert_string_equal(ask("10.0.0.1", "192.0.2.9", T0 + 3 * NS_PER_S), "one.example");
	assert_int_equal(n_found, 2);
	/* over its time (30 s and 60 of grace), it is no candidate any more */
	assert_string_equal(ask("10.0.0.1", "192.0.2.9", T0 + 92 * NS_PER_S), "one.example");
	assert_int_equal(n_found, 1);
	assert_null(ask("10.0.0.1", "192.0.2.8", T0));
}

static bool begins_with_ai(void *arg, const char *name)
{
	(void)arg;
	return !strncmp(name, "ai", 2);
}

/* As many names as are remembered, and more: those of interest stay, then the last ones. */
static void test_many_names(void **state)
{
	struct dns_stats st;
	char name[32];

	(void)state;
	dns_cache_prefer(cache, begins_with_ai, NULL);
	resolve("10.0.0.1", "ai.example", "192.0.2.9", 300, T0);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		resolve("10.0.0.1", name, "192.0.2.9", 300, T0 + i);
		assert_string_equal(ask("10.0.0.1", "192.0.2.9", T0 + i), name);
	}
	assert_int_equal(n_found, DNS_NAMES_MAX);
	assert_string_equal(found[DNS_NAMES_MAX - 1].name, "ai.example");
	assert_string_equal(found[DNS_NAMES_MAX - 2].name, "n33.example");
	/* but not beyond its time */
	for (int i = 0; i < 2; i++)
		resolve("10.0.0.1", i ? "y.example" : "x.example", "192.0.2.9", 300, T0 + 400 * NS_PER_S);
	assert_string_equal(ask("10.0.0.1", "192.0.2.9", T0 + 400 * NS_PER_S), "y.example");
	assert_int_equal(n_found, 2);
	/* and when all are of interest, the oldest goes */
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "ai%d.example", i);
		resolve("10.0.0.1", name, "192.0.2.9", 300, T0 + 800 * NS_PER_S + i);
	}
	ask("10.0.0.1", "192.0.2.9", T0 + 801 * NS_PER_S);
	assert_int_equal(n_found, DNS_NAMES_MAX);
	assert_string_equal(found[DNS_NAMES_MAX - 1].name, "ai12.example");
	dns_cache_stats(cache, &st);
	assert_true(st.entries <= 64);
}

static void test_what_is_not_kept(void **state)
{
	static const struct {
		uint16_t flags, questions;
	} cases[] = {
	        {0x0100, 1}, /* a query */
	        {0x8183, 1}, /* NXDOMAIN */
	        {0x8182, 1}, /* SERVFAIL */
	        {0xa980, 1}, /* an update (opcode 5) */
	        {0x8400, 0}, /* multicast DNS answers without a question (RFC 6762 6) */
	};
	struct dns_stats s;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		header(cases[i].flags, cases[i].questions, 1);
		if (cases[i].questions)
			question("no.example", A);
		address("no.example", "198.51.100.1", 300);
		assert_int_equal(take(), 0);
		assert_null(ask("10.0.0.1", "198.51.100.1", T0));
	}
	response("bad name.example", A, 1); /* no host name */
	address(NULL, "198.51.100.1", 300);
	assert_int_equal(take(), 0);
	response("192.0.2.1", A, 1);
	address(NULL, "198.51.100.1", 300);
	assert_int_equal(take(), 0);
	header(0x8180, 1, 1); /* a label "a.b" is not the two labels a and b */
	put_hex(&m, "03612e6207");
	put_text(&m, "example");
	put_hex(&m, "0000010001");
	address(NULL, "198.51.100.1", 300);
	assert_int_equal(take(), 0);
	response("chaos.example", A, 1);
	address(NULL, "198.51.100.1", 300);
	m.p[m.n - 4 - 2 - 4 - 1] = 3; /* class CH */
	assert_int_equal(take(), 0);
	dns_cache_stats(cache, &s);
	assert_int_equal(s.stored, 0);
	assert_int_equal(s.malformed, 0);
}

/* ---- age and number ----------------------------------------------------------------------------------- */

static void test_age(void **state)
{
	(void)state;
	response("old.example", A, 3);
	address(NULL, "198.51.100.1", 30);
	address(NULL, "198.51.100.2", 0x80000001u); /* RFC 2181 8: as if zero */
	address(NULL, "198.51.100.3", 0x7fffffff);
	take();
	assert_non_null(ask("10.0.0.1", "198.51.100.1", T0 + 90 * NS_PER_S));
	assert_null(ask("10.0.0.1", "198.51.100.1", T0 + 90 * NS_PER_S + 1)); /* 30 s and 60 s of grace */
	assert_non_null(ask("10.0.0.1", "198.51.100.2", T0 + 60 * NS_PER_S));
	assert_null(ask("10.0.0.1", "198.51.100.2", T0 + 61 * NS_PER_S));
	assert_non_null(ask("10.0.0.1", "198.51.100.3", T0 + 7 * 86400 * NS_PER_S));
	assert_null(ask("10.0.0.1", "198.51.100.3", T0 + 8 * 86400 * NS_PER_S));
}

static void test_oldest_goes_first(void **state)
{
	struct dns_stats s;
	char text[IP_TEXT_MAX];

	(void)state;
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "198.51.100.%d", i);
		response("many.example", A, 1);
		address(NULL, text, 300);
		take();
		response("kept.example", A, 1); /* renewed every time */
		address(NULL, "203.0.113.1", 300);
		take();
	}
	dns_cache_stats(cache, &s);
	assert_int_equal(s.entries, 64);
	assert_int_equal(s.evicted, 101 - 64);
	assert_string_equal(ask("10.0.0.1", "203.0.113.1", T0), "kept.example");
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "198.51.100.%d", i);
		if (i < 100 - 63)
			assert_null(ask("10.0.0.1", text, T0));
		else
			assert_non_null(ask("10.0.0.1", text, T0));
	}
}

/* ---- broken messages ---------------------------------------------------------------------------------- */

static void test_malformed(void **state)
{
	static const char *const bad[] = {
	        "1234", "123481800001000000000000",           /* no question */
	        "123481800001000000000000c00c00010001",       /* RFC 1035 4.1.4: a pointer to itself */
	        "123481800001000000000000c01000010001",       /* and forwards */
	        "123481800001000000000000416100000100010000", /* label type 01 */
	        "12348180000100010000000001610000010001c00c0001000100000000000501020304", /* data past the end
	                                                                                   */
	};
	struct dns_stats s;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		m.n = 0;
		put_hex(&m, bad[i]);
		assert_int_equal(take(), -1);
	}
	dns_cache_stats(cache, &s);
	assert_int_equal(s.malformed, 6);
	assert_int_equal(s.stored, 0);

	/* RFC 1035 2.3.4: a name over 255 bytes, of labels and of pointers */
	header(0x8180, 1, 0);
	for (int i = 0; i < 5; i++) {
		put_be(&m, 63, 1);
		put_fill(&m, 'x', 63);
	}
	put_hex(&m, "0000010001");
	assert_int_equal(take(), -1);
}

/* Two names that point at each other, and a chain of a thousand pointers. */
static void test_pointer_chains(void **state)
{
	(void)state;
	response("p.example", A, 1);
	put_be(&m, 0xc000u | (unsigned)(m.n + 2), 2);
	put_be(&m, 0xc000u | (unsigned)(m.n - 2), 2);
	put_hex(&m, "000100010000000000040102030400");
	assert_int_equal(take(), -1);

	header(0x8180, 1, 1);
	question("q.example", A);
	{
		size_t at = record(NULL, 99, 1), first = m.n;

		for (int i = 0; i < 1000; i++)
			put_be(&m, 0xc000u | (unsigned)(i ? m.n - 2 : first - 12), 2);
		len_close(&m, at, 2);
	}
	m.p[7] = 2;
	put_be(&m, 0xc000u | (unsigned)(m.n - 2), 2);
	put_hex(&m, "000100010000000000040102030400");
	assert_int_equal(take(), -1);
}

/* A name of 120 labels, which each record repeats in two bytes: the work of a message is bounded. */
static void test_many_labels(void **state)
{
	char text[240];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '.' : 'a';
	text[sizeof(text) - 1] = '\0';
	for (unsigned n = 60; n <= 240; n *= 2) {
		response(text, A, (uint16_t)n);
		for (unsigned i = 0; i < n; i++)
			address(NULL, "192.0.2.1", 60);
		assert_int_equal(take(), n == 60 ? 0 : -1);
		assert_string_equal(ask("10.0.0.1", "192.0.2.1", T0), text);
	}
}

static void good_message(void)
{
	size_t at;

	response("good.example", A, 3);
	alias(NULL, "to.example");
	address("to.example", "198.51.100.1", 300);
	at = record(NULL, HTTPS, 300);
	put_hex(&m, "000100"
	            "0004"
	            "0004"
	            "c6336402");
	len_close(&m, at, 2);
}

static void test_prefixes(void **state)
{
	size_t whole;

	(void)state;
	good_message();
	whole = m.n;
	for (m.n = 0; m.n < whole; m.n++)
		assert_int_equal(take(), -1);
	assert_null(ask("10.0.0.1", "198.51.100.1", T0)); /* nothing is kept of a broken message */
	assert_int_equal(take(), 0);
	assert_string_equal(ask("10.0.0.1", "198.51.100.1", T0), "good.example");
}

static void test_bit_flips(void **state)
{
	unsigned bad = 0;

	(void)state;
	good_message();
	for (size_t bit = 0; bit < m.n * 8; bit++) {
		m.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		bad += take() < 0;
		m.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_true(bad > 50);
	assert_int_equal(take(), 0);
}

/* The largest datagram, nothing but answers with long names: bounded work. */
static void test_largest_message(void **state)
{
	int64_t begin;

	(void)state;
	response("big.example", A, 65535);
	for (int i = 0; i < 3; i++) {
		put_be(&m, 62, 1);
		put_fill(&m, 'y', 62);
	}
	while (m.n < 65500)
		put_hex(&m, "c01d000500010000000000023f78");
	begin = clock_mono_ns();
	take();
	assert_true(clock_mono_ns() - begin < 50 * NS_PER_MS);
}

/* ---- over TCP ----------------------------------------------------------------------------------------- */

static struct wire *tcp(void)
{
	struct wire *w = wire_open(&dns_tcp_layer);

	w->flow.addr[FLOW_C2S] = ip("10.0.0.1");
	w->flow.addr[FLOW_S2C] = ip("9.9.9.9");
	dns_layer_use(w->state, cache);
	return w;
}

static void test_tcp(void **state)
{
	static struct buf stream;

	(void)state;
	stream.n = 0;
	for (int i = 0; i < 3; i++) {
		char host[32], text[32];

		snprintf(host, sizeof(host), "t%d.example", i);
		snprintf(text, sizeof(text), "198.51.100.%d", i);
		response(host, A, 1);
		address(NULL, text, 300);
		put_be(&stream, m.n, 2);
		put(&stream, m.p, m.n);
	}
	for (size_t step = 1; step < stream.n + 1; step += 7) {
		struct wire *w;
		struct dns_stats s;

		dns_cache_destroy(cache);
		cache = dns_cache_create(64, 60, NULL);
		w = tcp();
		for (size_t at = 0; at < stream.n; at += step)
			assert_int_equal(wire_feed(w, FLOW_S2C, stream.p + at,
			                         stream.n - at < step ? stream.n - at : step),
			        LAYER_MORE);
		dns_cache_stats(cache, &s);
		assert_int_equal(s.messages, 3);
		assert_string_equal(ask("10.0.0.1", "198.51.100.2", 0), "t2.example");
		wire_end(w);
		wire_free(w);
	}
}

static void test_tcp_gaps(void **state)
{
	struct wire *w = tcp();
	static struct buf one;
	struct dns_stats s;

	(void)state;
	response("gap.example", A, 1);
	address(NULL, "198.51.100.1", 300);
	one.n = 0;
	put_be(&one, m.n, 2);
	put(&one, m.p, m.n);
	wire_feed(w, FLOW_S2C, one.p, 12);
	wire_gap(w, FLOW_S2C, 10); /* this message is lost, the next is not */
	wire_feed(w, FLOW_S2C, one.p + 22, one.n - 22);
	wire_feed(w, FLOW_S2C, one.p, one.n);
	dns_cache_stats(cache, &s);
	assert_int_equal(s.messages, 1);
	assert_int_equal(s.malformed, 0);
	wire_gap(w, FLOW_S2C, 0);
	assert_int_equal(wire_feed(w, FLOW_S2C, one.p, one.n), LAYER_MORE);
	wire_gap(w, FLOW_C2S, 1);
	assert_int_equal(wire_feed(w, FLOW_C2S, one.p, one.n), LAYER_DONE);
	wire_free(w);

	w = tcp();
	assert_int_equal(wire_feed(w, FLOW_S2C, "\0\0", 2), LAYER_BAD);
	wire_free(w);
	w = tcp();
	assert_int_equal(wire_feed(w, FLOW_C2S, "\0\4abcd", 6), LAYER_BAD);
	wire_free(w);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        TEST(test_answer),
	        TEST(test_last_name_wins),
	        TEST(test_aliases),
	        TEST(test_https),
	        TEST(test_ech_public),
	        TEST(test_plausible),
	        TEST(test_several_names),
	        TEST(test_many_names),
	        TEST(test_what_is_not_kept),
	        TEST(test_age),
	        TEST(test_oldest_goes_first),
	        TEST(test_malformed),
	        TEST(test_pointer_chains),
	        TEST(test_many_labels),
	        TEST(test_prefixes),
	        TEST(test_bit_flips),
	        TEST(test_largest_message),
	        TEST(test_tcp),
	        TEST(test_tcp_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
