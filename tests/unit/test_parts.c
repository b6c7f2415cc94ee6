/* test_parts.c - values cut over text parts of one message: found once, wherever they are cut and in whatever
 * pieces the text comes; what only happens to stand side by side is no value. */
#include "classify/detect/internal.h"

#include "tests/unit/sensor.h"

static const char yaml[] = "sensor: {name: test}\n"
                           "networks:\n"
                           "  internal: [10.0.0.0/8]\n"
                           "policy: {posture: insular}\n"
                           "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

/* in parts, so that scanners of source code stay calm */
#define GHP                                                                                                  \
	"ghp_"                                                                                               \
	"gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ"
#define OTHER_GHP                                                                                            \
	"ghp_"                                                                                               \
	"R4nd0mTestTokenForLeaktapXyz12"                                                                     \
	"1RntWr"
#define CARD "4929 1234 5678 9015"
#define IBAN "DE49 7005 0000 1284 7365 90"

static struct detect_worker *worker;

static int setup(void **state)
{
	struct err e;

	(void)state;
	if (sensor_setup(yaml) < 0)
		return -1;
	worker = detect_worker_create(engine, 4, 64, &e);
	return worker ? 0 : -1;
}

static int teardown(void **state)
{
	detect_worker_destroy(worker);
	return sensor_teardown(state);
}

/* ---- texts become fields --------------------------------------------------------------------------------
 */

struct telling {
	struct detect_stream *s;
	size_t piece; /* bytes; 0: a field at once */
};

static void tell(struct telling *r, const char *path, const char *text, size_t n)
{
	const char *dot = strrchr(path, '.'), *key = dot && !strchr(dot, ']') ? dot + 1 : "";
	size_t step = r->piece ? r->piece : n;

	detect_field(r->s, path, strlen(path), key, strlen(key));
	for (size_t at = 0; at < n; at += step) {
		size_t len = n - at < step ? n - at : step;
		uint8_t *copy = malloc(len); /* of exact size */

		assert_non_null(copy);
		memcpy(copy, text + at, len);
		detect_text(r->s, copy, len);
		free(copy);
	}
}

/* The nth part with what clients write around it. */
static void part(struct telling *r, const char *list, unsigned n, const char *text, size_t len)
{
	char path[200];

	snprintf(path, sizeof(path), "%s[%u].type", list, n);
	tell(r, path, "text", 4);
	snprintf(path, sizeof(path), "%s[%u].text", list, n);
	tell(r, path, text, len);
	snprintf(path, sizeof(path), "%s[%u].cache_control.type", list, n);
	tell(r, path, "ephemeral", 9);
}

/* "DETECTOR@FIELD+OFFSET xCOUNT" of all, one a line */
static const char *ends(struct telling *r)
{
	static char out[8192];
	const struct finding *f;
	size_t n, at = 0;

	f = detect_close(r->s, &n, NULL);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, sizeof(out) - at, "%s@%s+%llu x%u\n", f[i].detector->id,
		        f[i].field, (unsigned long long)f[i].offset, f[i].count);
	return out;
}

static struct telling begins(size_t piece)
{
	struct telling r = {detect_open(worker), piece};

	assert_non_null(r.s);
	return r;
}

/* Texts as parts of one message. */
static const char *parts_of(const char *const *texts, unsigned n, size_t piece)
{
	struct telling r = begins(piece);

	for (unsigned i = 0; i < n; i++)
		part(&r, "messages[0].content", i, texts[i], strlen(texts[i]));
	return ends(&r);
}

static const char *two(const char *a, const char *b)
{
	return parts_of((const char *const[]){a, b}, 2, 0);
}

/* ---- what is found --------------------------------------------------------------------------------------
 */

static void cut_anywhere(void **state)
{
	static const struct {
		const char *text, *expect;
		size_t from, to; /* of the value in the text */
	} cases[] = {
	        {"use " GHP " now", "github-pat@%s+4 x1\n", 4, 44},
	        {"paid with " CARD ".", "payment-card@%s+10 x1\n", 10, 29},
	        {"to " IBAN " please", "iban@%s+3 x1\n", 3, 30},
	        {"at postgres://ledger:k8Qz4TrW2x@db.corp.example/l", "db-uri@%s+21 x1\n", 3, 31},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		const char *text = cases[k].text;
		size_t n = strlen(text);

		for (size_t cut = 1; cut < n; cut++) {
			bool blank = text[cut] == ' ' || text[cut - 1] == ' ';

			for (size_t piece = 0; piece < 8; piece++) {
				struct telling r = begins(piece);
				char expect[200];
				const char *got;

				part(&r, "messages[3].content", 0, text, cut);
				part(&r, "messages[3].content", 1, text + cut, n - cut);
				got = ends(&r);
				snprintf(expect, sizeof(expect), cases[k].expect,
				        "messages[3].content[0].text");
				if (cut <= cases[k].from ||
				        (blank && cut < cases[k].to)) /* not, or elsewhere */
					continue;
				if (strcmp(got, expect) != 0)
					fail_msg("%s, cut at %zu, pieces of %zu:\n%s", text, cut, piece, got);
			}
		}
	}
}

static void over_three_and_more(void **state)
{
	static const char first[] = "use " /* apart, so that scanners of source code stay calm */
	                            "ghp_gwU2";
	const char *three[] = {first, "jGiD6cqaes9dqFEtGdM1", "99c6cM0hIozJ now"};
	static const char list[] = "contents[0].parts", text[] = "use " GHP;
	struct telling r = begins(0);

	(void)state;
	for (size_t piece = 0; piece < 6; piece++)
		assert_string_equal(
		        parts_of(three, 3, piece), "github-pat@messages[0].content[0].text+4 x1\n");
	/* a character to each part */
	for (size_t i = 0; i + 1 < sizeof(text); i++)
		part(&r, list, (unsigned)i, text + i, 1);
	assert_string_equal(ends(&r), "github-pat@contents[0].parts[4].text+0 x1\n");
	/* strings without a name, and a second value behind the first */
	r = begins(3);
	tell(&r, "messages[0].content.parts[9]", "a " GHP " b " OTHER_GHP, 58);
	tell(&r, "messages[0].content.parts[10]", &OTHER_GHP[13], strlen(&OTHER_GHP[13]));
	assert_string_equal(ends(&r), "github-pat@messages[0].content.parts[9]+2 x1\n"
	                              "github-pat@messages[0].content.parts[9]+45 x1\n");
}

/* A notebook and others hold texts as lists of lines. */
static void key_in_lines(void **state)
{
	static const char
	        begin[] = "k = \"-----BEGIN EC PRIVATE " /* apart, as above */
	                  "KEY-----\n",
	        body[] = "MHcCAQEEID3Mgn8vt9sAMezsyk0MFW9NE2EloCsnrpiD1USoG2mCoAoGCCqGSM49\n",
	        prose[] = "is the line that a key begins with, and what follows it is base64 of its body";
	static const struct {
		const char *first, *second, *expect;
	} cases[] = {
	        {"cells[0].source[9]", "cells[0].source[10]", "private-key-pem@cells[0].source[9]+5 x1\n"},
	        {"lines[0].text", "lines[1].text", "private-key-pem@lines[0].text+5 x1\n"},
	        {"messages[0].content[0].text", "messages[0].content[1].text",
	                "private-key-pem@messages[0].content[0].text+5 x1\n"},
	        {"lines[0]", "lines[2]", ""},
	        {"lines[0]", "rows[1]", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t piece = 0; piece < 6; piece++) {
			struct telling r = begins(piece);

			tell(&r, cases[i].first, begin, sizeof(begin) - 1);
			tell(&r, cases[i].second, body, sizeof(body) - 1);
			assert_string_equal(ends(&r), cases[i].expect);
			r = begins(piece);
			tell(&r, cases[i].first, begin, sizeof(begin) - 1);
			tell(&r, cases[i].second, prose, sizeof(prose) - 1);
			assert_string_equal(ends(&r), "");
		}
}

/* Parts of any length, and any number of fields before them: the borders of our buffers fall anywhere. */
static void long_parts(void **state)
{
	static char a[3 * DETECT_BUFFER], b[2 * DETECT_BUFFER];
	static const size_t lengths[] = {100, 511, 512, 513, 1500, 3000, 5200, DETECT_BUFFER - 2100,
	        DETECT_BUFFER - 1600, DETECT_BUFFER - 560, DETECT_BUFFER - 40, DETECT_BUFFER,
	        DETECT_BUFFER + 60, 2 * DETECT_BUFFER + 7};

	(void)state;
	for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++)
		for (size_t m = 0; m < 4; m++)
			for (unsigned before = 0; before < 140; before += 69) {
				size_t n = lengths[k], n_b = 23 + (size_t)m * m * 4000;
				struct telling r = begins(k % 2 ? 1460 : 0);
				char expect[100];

				memset(a, '.', n);
				a[n - 18] = ' ';
				memcpy(a + n - 17, GHP, 17);
				memset(b, '.', n_b);
				memcpy(b, &GHP[17], 23);
				for (unsigned i = 0; i < before; i++)
					tell(&r, "tools[0].name", "search", 6);
				part(&r, "system", 0, a, n);
				part(&r, "system", 1, b, n_b);
				part(&r, "system", 2, "Thanks.", 7);
				snprintf(
				        expect, sizeof(expect), "github-pat@system[0].text+%zu x1\n", n - 17);
				assert_string_equal(ends(&r), expect);
			}
}

/* Parts of one character, 100,000 of them: what is searched stays a few times what they hold, and a value in
 * two of the last is found all the same. */
static void many_tiny_parts(void **state)
{
	struct telling r = begins(0);
	uint64_t spent;
	unsigned i;

	(void)state;
	for (i = 0; i < 100000; i++)
		part(&r, "content", i, "x", 1);
	spent = r.s->parts.spent;
	assert_true(spent > 100000 && spent < PARTS_FREE + (PARTS_AGAIN + 1) * 100000);
	part(&r, "content", i, " " GHP, 21);
	part(&r, "content", i + 1, &GHP[20], 20);
	assert_string_equal(ends(&r), "github-pat@content[100000].text+1 x1\n");
}

/* ---- what is not, or only once --------------------------------------------------------------------------
 */

static void each_by_itself(void **state)
{
	(void)state;
	/* whole values at the border are those of their part */
	assert_string_equal(two("my key is", GHP), "github-pat@messages[0].content[1].text+0 x1\n");
	assert_string_equal(two(GHP, "-- is my key"), "github-pat@messages[0].content[0].text+0 x1\n");
	assert_string_equal(two("write to", "ana.ruiz@acme-steel.com today"),
	        "email-address@messages[0].content[1].text+0 x1\n");
	assert_string_equal(two("write to ana.ruiz@acme-steel.co", "mpany is next"),
	        "email-address@messages[0].content[0].text+9 x1\n");
	assert_string_equal(
	        two("paid with " CARD, "00 euros"), "payment-card@messages[0].content[0].text+10 x1\n");
	/* the words that make it one may stand before the border */
	assert_string_equal(two("at postgres://ledger", ":k8Qz4TrW2x@db.corp.example/l"),
	        "db-uri@messages[0].content[0].text+21 x1\n");
	/* words that happen to touch */
	assert_string_equal(two("A password is required", "1. Log in2 first"), "");
	assert_string_equal(two("the api_key: none", "2024x9k2mq8z7w1p5r3t"), "");
	assert_string_equal(two("Call 0170 55", "667788 or so"), "");
	/* a half that was something less by itself is it no more */
	assert_string_equal(two("GITHUB_TOKEN=ghp_gwU2jGiD6cqaes9dqFE", "tGdM199c6cM0hIozJ"),
	        "github-pat@messages[0].content[0].text+13 x1\n");
	/* blanks */
	assert_string_equal(two("ghp_gwU2jGiD6cqa ", "es9dqFEtGdM199c6cM0hIozJ"), "");
	assert_string_equal(two("ghp_gwU2jGiD6cqa", "\nes9dqFEtGdM199c6cM0hIozJ"), "");
}

static void other_neighbours(void **state)
{
	static const struct {
		const char *a, *b;
	} none[] = {
	        {"rows[0].text", "rows[1].text"},
	        {"messages[0].content", "messages[1].content"},
	        {"messages[0].content[0].text", "messages[0].content[2].text"},
	        {"messages[0].content[1].text", "messages[0].content[0].text"},
	        {"messages[0].content[0].text", "messages[0].content[0].text"},
	        {"messages[0].content[0].text", "messages[1].content[1].text"},
	        {"messages[0].content[0].text", "messages[0].content[1]"},
	        {"messages[0].content[0].text", "messages[0].content[1].input_text"},
	        {"messages[0].content[0].text", "messages[0].content[1].content[1].text"},
	        {"content[0].text", "discontent[1].text"},
	        {"discontent[0].text", "discontent[1].text"},
	        {"content[4294967295].text", "content[0].text"},
	        {"content[].text", "content[1].text"},
	        {"[0].text", "[1].text"},
	        {"]", "text"},
	};
	struct telling r;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		r = begins(0);
		tell(&r, none[i].a, GHP, 20);
		tell(&r, none[i].b, &GHP[20], 20);
		assert_string_equal(ends(&r), "");
	}
	/* other fields do not come between; bytes that are missing do */
	for (unsigned gap = 0; gap < 4; gap++) {
		r = begins(0);
		tell(&r, "content[0].text", GHP, 20);
		if (gap == 1)
			detect_gap(r.s);
		tell(&r, "content[1].annotations[0].title", "x", 1);
		tell(&r, "content[1].text", gap == 2 ? "" : &GHP[20], gap == 2 ? 0 : 20);
		if (gap == 2) {
			detect_gap(r.s);
			detect_text(r.s, (const uint8_t *)&GHP[20], 20);
		}
		if (gap == 3) /* behind the value it takes nothing away */
			detect_gap(r.s);
		assert_string_equal(
		        ends(&r), gap == 1 || gap == 2 ? "" : "github-pat@content[0].text+0 x1\n");
	}
	/* nothing is left for the next text of the same stream */
	r = begins(0);
	tell(&r, "content[1].text", &GHP[20], 20);
	assert_string_equal(ends(&r), "");
}

/* Fields of any order, names and lengths: the same findings whatever the pieces, in bounds. */
static void any_fields(void **state)
{
	static const char *const names[] = {"content[0].text", "content[1].text", "content[2].text",
	        "content[3].text", "content.parts[0]", "content.parts[1]", "content[1].type", "system[0]",
	        "system[1]", "", "content[1].text(base64)"};
	static const char stuff[] = "key " GHP " " CARD " a@b.example.com " OTHER_GHP "\xe2\x80\x8b \n" IBAN;
	uint32_t seed = 7;

	(void)state;
	for (unsigned round = 0; round < 1500; round++) {
		uint32_t from = seed;
		char first[8192] = "";

		for (size_t piece = 0; piece < 3; piece++) {
			struct telling r = begins(piece * 5);
			unsigned fields = 2 + round % 9;

			seed = from;
			for (unsigned i = 0; i < fields; i++) {
				size_t at, n;

				seed = seed * 1664525 + 1013904223;
				at = (seed >> 8) % sizeof(stuff);
				n = (seed >> 20) % 64;
				n = n < sizeof(stuff) - 1 - at ? n : sizeof(stuff) - 1 - at;
				tell(&r, round % 3 ? names[i % 4] : names[(seed >> 4) % 11], stuff + at, n);
				if (!((seed >> 12) % 16))
					detect_gap(r.s);
			}
			if (!piece)
				snprintf(first, sizeof(first), "%s", ends(&r));
			else
				assert_string_equal(ends(&r), first);
		}
	}
}

/* ---- from packets ---------------------------------------------------------------------------------------
 */

/* A JSON body in segments of any length, and one whose parts are no texts. */
static void from_packets(void **state)
{
	static const char body[] =
	        "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":["
	        "{\"type\":\"text\",\"text\":\"Why is \\u0067hp_gwU2jGiD6cqa\",\"cache_control\":{\"type\":"
	        "\"ephemeral\"}},{\"text\":\"es9dqFEtGdM199c6c\\u004d0hIozJ "
	        "refused?\",\"type\":\"text\"}]}]}";
	char text[2048];
	int n = snprintf(text, sizeof(text),
	        "POST /v1/chat/completions HTTP/1.1\r\nHost: api.openai.com\r\nContent-Type: "
	        "application/json\r\nContent-Length: %zu\r\n\r\n%s",
	        sizeof(body) - 1, body);

	(void)state;
	for (size_t step = 1; step <= (size_t)n; step = step < 40 ? step + 1 : step + 37) {
		struct world *w = begin();
		struct conn_of k = handshake(w, "10.0.0.1", 40000, "198.51.100.10", 80);

		for (size_t at = 0; at < (size_t)n; at += step)
			say(&k, FLOW_C2S, text + at, (size_t)n - at < step ? (size_t)n - at : step);
		say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
		fin(&k);
		end(w, "destination.unapproved openai-api api.openai.com http\n"
		       "payload.sensitive openai-api api.openai.com http "
		       "github-pat@messages[0].content[0].text\n"
		       "flow out api.openai.com openai-api unapproved http1 fin 0 "
		       "github-pat@messages[0].content[0].text\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(cut_anywhere),
	        cmocka_unit_test(over_three_and_more),
	        cmocka_unit_test(key_in_lines),
	        cmocka_unit_test(long_parts),
	        cmocka_unit_test(many_tiny_parts),
	        cmocka_unit_test(each_by_itself),
	        cmocka_unit_test(other_neighbours),
	        cmocka_unit_test(any_fields),
	        cmocka_unit_test(from_packets),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
