/* test_detect.c - the engine: every detector's examples, every split, masks, tokens, overlaps, limits. */
#include "classify/detect/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/detect_world.h"

static const uint8_t key[32] = "0123456789abcdef0123456789abcdef";

/* Made up for these tests: a card that passes Luhn. */
#define CARD "4929 1234 5678 9015"

static int setup(void **state)
{
	(void)state;
	return detect_world(key, sizeof(key), "k1", 4);
}

static size_t find_whole(const char *text, struct finding *out)
{
	return find(text, strlen(text), 0, out);
}

static bool has(const struct finding *f, size_t n, const char *id)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(f[i].detector->id, id))
			return true;
	return false;
}

static size_t put_card(char *out, const char *gap)
{
	size_t n = 0;

	for (const char *c = "card " CARD; *c; c++)
		n += (size_t)sprintf(
		        out + n, *c == ' ' && n > 4 ? "%s" : "%.1s", *c == ' ' && n > 4 ? gap : c);
	return n;
}

/* However its groups are set apart, a number is the same, cut at every byte. */
static void test_gaps_in_numbers(void **state)
{
	static const char *const gaps[] = {" ", "-", "\xc2\xa0", "\xe2\x80\xaf", "\xe2\x80\x87",
	        "\xe2\x80\x89", "\xe3\x80\x80", "\xe2\x80\x90", "\xe2\x80\x91", "\xe2\x80\x92",
	        "\xe2\x80\x93", "&nbsp;", "&#160;", "&#8209;"};
	char text[256], out[256], token[FINDING_TOKEN_MAX] = "";
	struct finding f[64];

	(void)state;
	for (size_t g = 0; g < sizeof(gaps) / sizeof(*gaps); g++) {
		size_t len = put_card(text, gaps[g]), n;

		for (size_t cut = 0; cut <= len; cut++) {
			n = find(text, len, cut, f);
			if (n != 1 || strcmp(f[0].detector->id, "payment-card") != 0)
				fail_msg("%zu findings in %s, cut at %zu", n, text, cut);
			assert_int_equal(f[0].offset, 5);
			assert_string_equal(f[0].mask, "49************9015");
			if (!*token)
				strcpy(token, f[0].token);
			assert_string_equal(f[0].token, token);
		}
		n = detect_mask(worker, text, len, out, sizeof(out));
		out[n] = 0;
		assert_null(strstr(out, "4929"));
		assert_null(strstr(out, "1234"));
		/* an entity is one character: a short number shows nothing */
		n = (size_t)sprintf(text, "SSN 584%s31%s8708", gaps[g], gaps[g]);
		assert_int_equal(find(text, n, 0, f), 1);
		assert_string_equal(f[0].mask, "********");
	}
}

static void test_examples(void **state)
{
	struct finding f[64];

	(void)state;
	assert_true(detectors_count(set) >= 30);
	for (size_t i = 0; i < detectors_count(set); i++) {
		const struct detector *d = detectors_at(set, i);

		if (d->n_positive < 3 || d->n_negative < 3)
			fail_msg("%s has fewer than 3 examples of a kind", d->id);
		for (size_t k = 0; k < d->n_positive; k++)
			if (!has(f, find_whole(d->positive[k].text, f), d->id))
				fail_msg("%s:%u: %s: not found", d->file, d->positive[k].line, d->id);
		for (size_t k = 0; k < d->n_negative; k++)
			if (has(f, find_whole(d->negative[k].text, f), d->id))
				fail_msg("%s:%u: %s: found", d->file, d->negative[k].line, d->id);
	}
}

static void assert_same(
        const struct finding *a, size_t n, const struct finding *b, size_t m, const char *id, size_t cut)
{
	if (n != m)
		fail_msg("%s: %zu findings whole, %zu cut at %zu", id, n, m, cut);
	for (size_t i = 0; i < n; i++)
		if (memcmp(&a[i], &b[i], sizeof(*a)) != 0)
			fail_msg("%s: finding %zu (%s) differs when cut at %zu", id, i, a[i].detector->id,
			        cut);
}

/* A value split at every byte is found the same. */
static void test_every_split(void **state)
{
	struct finding whole[64], parts[64];

	(void)state;
	for (size_t i = 0; i < detectors_count(set); i++) {
		const struct detector *d = detectors_at(set, i);

		for (size_t k = 0; k < d->n_positive; k++) {
			const char *text = d->positive[k].text;
			size_t len = strlen(text), n = find(text, len, 0, whole);
			size_t step = len > 400 ? 7 : 1;

			for (size_t cut = 1; cut < len; cut += step)
				assert_same(whole, n, parts, find(text, len, cut, parts), d->id, cut);
		}
	}
}

/* A value anywhere near the place where the buffer is searched and slides is found, once, at its offset. */
static void test_across_the_buffer(void **state)
{
	static const char *const values[] = {GHP, "AccountKey is no secret but password: Harvest#2931abc is"};
	static const char *const ids[] = {"github-pat", "password-assignment"};
	static const size_t at_value[] = {0, 38};
	size_t total = DETECT_BUFFER * 2 + 5000;
	char *text = malloc(total);
	struct finding f[64];

	(void)state;
	for (size_t v = 0; v < 2; v++) {
		size_t len = strlen(values[v]);

		for (size_t at = DETECT_BUFFER - DETECT_AHEAD - 200; at < DETECT_BUFFER + 200; at += 13) {
			size_t n;

			memset(text, ' ', total);
			for (size_t i = 0; i + 6 < total; i += 6)
				memcpy(text + i, "words ", 6);
			text[at - 1] = ' ';
			memcpy(text + at, values[v], len);
			text[at + len] = ' ';
			n = find(text, total, total / 3, f);
			if (n != 1 || strcmp(f[0].detector->id, ids[v]) || f[0].count != 1)
				fail_msg("%s at %zu: %zu findings", ids[v], at, n);
			assert_int_equal(f[0].offset, at + at_value[v]);
		}
	}
	free(text);
}

/* RSA keys of 2048 to 8192 bits: longer than what is seen behind an anchor. */
static void test_long_keys(void **state)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const size_t letters[] = {1600, 1980, 2000, 2020, 2048, 2400, 3180, 6300};
	static char text[16384];
	struct finding f[64], cut[64];

	(void)state;
	for (size_t k = 0; k < sizeof(letters) / sizeof(*letters); k++) {
		size_t len = (size_t)sprintf(text, "the key:\n-----BEGIN RSA PRIV"
		                                   "ATE KEY-----\nMIIJ");
		uint32_t random = 7;

		for (size_t i = 4; i < letters[k]; i++) {
			random = random * 1664525 + 1013904223;
			text[len++] = digits[random >> 26];
			if (i % 64 == 63)
				text[len++] = '\n';
		}
		len += (size_t)sprintf(text + len, "\n-----END RSA PRIV"
		                                   "ATE KEY-----\nwhat is wrong?");
		assert_int_equal(find(text, len, 0, f), 1);
		assert_string_equal(f[0].detector->id, "private-key-pem");
		assert_int_equal(f[0].offset, 9);
		for (size_t at = 1; at < len; at += 97) {
			assert_int_equal(find(text, len, at, cut), 1);
			assert_int_equal(cut[0].value_hash, f[0].value_hash);
		}
	}
}

static void test_field_key_counts(void **state)
{
	struct detect_stream *s = detect_open(worker);
	const struct finding *f;
	size_t n;
	uint32_t more;

	(void)state;
	detect_field(s, "login.password", 14, "password", 8);
	detect_text(s, (const uint8_t *)"Harvest#2931abc", 15);
	detect_field(s, "login.hint", 10, "hint", 4);
	detect_text(s, (const uint8_t *)"Harvest#2931abc", 15);
	f = detect_close(s, &n, &more);
	assert_int_equal(n, 1);
	assert_string_equal(f[0].detector->id, "password-assignment");
	assert_string_equal(f[0].field, "login.password");
	assert_int_equal(f[0].offset, 0);
}

/* {"name": "DB_PASSWORD", "value": ...}, and members of two objects. */
static void test_name_beside_counts(void **state)
{
	static const char *const paths[] = {"env[0].value", "env[1].value"};

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct detect_stream *s = detect_open(worker);
		const struct finding *f;
		size_t n;
		uint32_t more;

		detect_field(s, "env[0].name", 11, "name", 4);
		detect_text(s, (const uint8_t *)"DB_PASSWORD", 11);
		detect_field(s, paths[i], strlen(paths[i]), "value", 5);
		detect_text(s, (const uint8_t *)"Harvest#2931abc", 15);
		f = detect_close(s, &n, &more);
		assert_int_equal(n, i ? 0 : 1);
		if (!n)
			continue;
		assert_string_equal(f[0].detector->id, "password-assignment");
		assert_string_equal(f[0].field, "env[0].value");
		assert_int_equal(f[0].offset, 0);
	}
}

/* Neither two fields nor the two sides of a gap make one value. */
static void test_borders(void **state)
{
	static const char value[] = GHP;
	struct detect_stream *s;
	size_t n;
	uint32_t more;

	(void)state;
	s = detect_open(worker);
	detect_field(s, "a", 1, "", 0);
	detect_text(s, (const uint8_t *)value, 20);
	detect_field(s, "b", 1, "", 0);
	detect_text(s, (const uint8_t *)value + 20, sizeof(value) - 21);
	detect_close(s, &n, &more);
	assert_int_equal(n, 0);
	s = detect_open(worker);
	detect_text(s, (const uint8_t *)value, 20);
	detect_gap(s);
	detect_text(s, (const uint8_t *)value + 20, sizeof(value) - 21);
	detect_close(s, &n, &more);
	assert_int_equal(n, 0);
	s = detect_open(worker);
	detect_field(s, "c", 1, "", 0);
	detect_text(s, (const uint8_t *)"lost ", 5);
	detect_gap(s);
	detect_text(s, (const uint8_t *)value, sizeof(value) - 1);
	const struct finding *f = detect_close(s, &n, &more);
	assert_int_equal(n, 1);
	assert_string_equal(f[0].field, "c");
	assert_int_equal(f[0].offset, 5);
}

static void test_count_and_token(void **state)
{
	struct finding f[64], g[64];
	size_t n = find_whole("card " CARD " and card 4929123456789015, again card 4929-1234-5678-9015", f);

	(void)state;
	assert_int_equal(n, 1);
	assert_int_equal(f[0].count, 3);
	assert_int_equal(strlen(f[0].token), 3 + 32);
	assert_memory_equal(f[0].token, "k1:", 3);
	assert_int_equal(find_whole("visa 4929123456789015.", g), 1);
	assert_string_equal(f[0].token, g[0].token);
	assert_int_equal(f[0].value_hash, g[0].value_hash);
}

/* HMAC-SHA-256(key, "secret" 00 value), the first 16 bytes of it in hex. */
static void test_token_is_hmac(void **state)
{
	struct finding f[64];
	char input[128], want[64] = "k1:";
	uint8_t mac[32];
	size_t len, n = (size_t)snprintf(input, sizeof(input), "secret%c%s", 0, GHP);

	(void)state;
	assert_int_equal(find_whole("token " GHP, f), 1);
	assert_non_null(EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, sizeof(key), (uint8_t *)input, n,
	        mac, sizeof(mac), &len));
	for (size_t i = 0; i < 16; i++)
		snprintf(want + 3 + 2 * i, 3, "%02x", mac[i]);
	assert_string_equal(f[0].token, want);
}

static void test_masks(void **state)
{
	struct finding f[64];

	(void)state;
	assert_int_equal(find_whole("token " GHP, f), 1);
	assert_string_equal(f[0].mask, "ghp_************ntWr");
	assert_int_equal(find_whole("password: Harvest#2931abc", f), 1);
	assert_string_equal(f[0].mask, "********"); /* 15 characters show nothing */
	assert_int_equal(find_whole("card " CARD, f), 1);
	assert_string_equal(f[0].mask, "49************9015");
	assert_int_equal(
	        find_whole("password: \"p\xc3\xa4ssw\xc3\xb6rt-Harvest-2931-\xc3\xa4\xc3\xb6\xc3\xbc\"", f),
	        1);
	assert_string_equal(f[0].mask, "p\xc3\xa4************-\xc3\xa4\xc3\xb6\xc3\xbc");
}

/* No mask of any example shows more than it may: 4 at the end, and in front 2 or the known prefix. */
static void test_no_mask_tells_more(void **state)
{
	struct finding f[64];

	(void)state;
	for (size_t i = 0; i < detectors_count(set); i++) {
		const struct detector *d = detectors_at(set, i);

		for (size_t k = 0; k < d->n_positive; k++) {
			size_t n = find_whole(d->positive[k].text, f);

			for (size_t j = 0; j < n; j++) {
				const char *stars = strchr(f[j].mask, '*'),
				           *rest = strrchr(f[j].mask, '*') + 1;
				size_t lead = (size_t)(stars - f[j].mask),
				       keep = strlen(f[j].detector->mask_keep);

				assert_true(lead <= 8 || lead == keep);
				assert_true(strlen(rest) <= 16);
				assert_true(strlen(f[j].mask) < FINDING_MASK_MAX);
			}
		}
	}
}

static void test_specific_wins(void **state)
{
	struct finding f[64];
	size_t n = find_whole("api_key = \"" GHP "\"", f);

	(void)state;
	assert_int_equal(n, 1);
	assert_string_equal(f[0].detector->id, "github-pat");
	n = find_whole("url=postgres://svc:kJ8sDq2LmN4x@db/x", f);
	assert_int_equal(n, 1);
	assert_string_equal(f[0].detector->id, "db-uri");
	/* a documented example keeps the generic detectors away too */
	assert_int_equal(
	        find_whole("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", f), 0);
	assert_int_equal(find_whole("access_key_id: AKIAIOSFODNN7EXAMPLE", f), 0);
}

static void test_severe_first_and_kept(void **state)
{
	struct detect_stream *s = detect_open(worker);
	const struct finding *f;
	char text[64];
	size_t n;
	uint32_t more;

	(void)state;
	detect_field(s, "list", 4, "", 0);
	for (int i = 0; i < 500; i++)
		detect_text(s, (uint8_t *)text, (size_t)snprintf(text, sizeof(text), "p%d.x@mail.fr ", i));
	detect_text(s, (const uint8_t *)GHP, sizeof(GHP) - 1);
	f = detect_close(s, &n, &more);
	assert_int_equal(n, 64);
	assert_string_equal(f[0].detector->id, "github-pat");
	assert_int_equal(more, 500 + 1 - 64);
}

static void test_streams_run_out(void **state)
{
	struct detect_stream *s[8];
	struct detect_stats before, after;
	size_t n = 0, none;

	(void)state;
	detect_worker_stats(worker, &before);
	while (n < 8 && (s[n] = detect_open(worker)))
		n++;
	assert_int_equal(n, 4);
	detect_worker_stats(worker, &after);
	assert_int_equal(after.refused, before.refused + 1);
	while (n)
		detect_close(s[--n], &none, NULL);
}

/* Interleaved streams of one worker do not mix. */
static void test_two_streams(void **state)
{
	static const char value[] = GHP;
	struct detect_stream *a = detect_open(worker), *b = detect_open(worker);
	size_t n;
	uint32_t more;

	(void)state;
	for (size_t i = 0; i < sizeof(value) - 1; i++) {
		detect_text(a, (const uint8_t *)value + i, 1);
		detect_text(b, (const uint8_t *)"plain words " + i % 12, 1);
	}
	detect_close(b, &n, &more);
	assert_int_equal(n, 0);
	detect_close(a, &n, &more);
	assert_int_equal(n, 1);
}

static void test_mask_strings(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	        {"/v1/chat/completions", "/v1/chat/completions"},
	        {"/x/" GHP "/y", "/x/ghp_************ntWr/y"},
	        {"/x/ghp%5F"
	         "R4nd0mTestTokenForLeaktapXyz12"
	         "1RntWr?a=b",
	                "/x/ghp_************ntWr?a=b"},
	        {"/%67hp_"
	         "R4nd0mTestTokenForLeaktapXyz12"
	         "1RntW%72",
	                "/ghp_************ntWr"},
	        {"https://u:kJ8sDq2LmN4x@h/", "https://u:********@h/"},
	        {"100% sure%", "100% sure%"},
	        {"m-4539148803436467", "m-45************6467"},
	        {"tool_DE44500105175407324931", "tool_DE************4931"},
	        {"gpt-4o-2024-08-06", "gpt-4o-2024-08-06"},
	        {"claude-3-5-sonnet-20241022", "claude-3-5-sonnet-20241022"},
	        {"anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"},
	        {"", ""},
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t n = strlen(cases[i].in);
		char *copy = malloc(n ? n : 1);

		memcpy(copy, cases[i].in, n);
		assert_int_equal(detect_mask(worker, copy, n, out, sizeof(out)), strlen(cases[i].out));
		assert_string_equal(out, cases[i].out);
		free(copy);
	}
	/* a short room never shows what a long one hides */
	for (size_t cap = 0; cap < 40; cap++) {
		memset(out, '#', sizeof(out));
		detect_mask(worker, GHP, sizeof(GHP) - 1, out, cap);
		if (cap)
			assert_int_equal(strncmp(out, "ghp_************ntWr", strlen(out)), 0);
		assert_int_equal(out[cap], '#');
	}
}

/* More values than are remembered: nothing slips through. */
static void test_mask_of_many(void **state)
{
	char text[8192] = "", out[16384];

	(void)state;
	for (int i = 0; i < 90; i++)
		strcat(text, GHP "/");
	detect_mask(worker, text, strlen(text), out, sizeof(out));
	assert_null(strstr(out, "R4nd0mTest"));
}

/* What was found clean is remembered: only that very string, of that very length, and not what was masked. */
static void test_mask_again(void **state)
{
	char text[400], out[400];

	(void)state;
	for (unsigned round = 0; round < 2; round++)
		for (unsigned n = 0; n < 300; n++) {
			size_t len = (size_t)snprintf(text, sizeof(text), "/%0*u/" GHP, (int)n, n);

			for (size_t cut = 1; cut < 3; cut++) { /* clean, and then the longer one as well */
				size_t short_of = len - (sizeof(GHP) - 1) / cut;

				assert_int_equal(
				        detect_mask(worker, text, short_of, out, sizeof(out)), short_of);
				assert_memory_equal(out, text, short_of);
			}
			detect_mask(worker, text, len, out, sizeof(out));
			assert_null(strstr(out, "R4nd0mTest"));
		}
}

/* Work that was refused for its cost leaves nothing in the clear either. */
static void test_mask_of_costly_text(void **state)
{
	size_t n;
	char *text = malloc(20000), *out = malloc(20001);

	(void)state;
	memset(text, '@', 15000); /* more candidates than are kept */
	n = 15000;
	n += (size_t)sprintf(text + n, "%s", " " GHP);
	assert_true(detect_mask(worker, text, n, out, 20001) > 0);
	assert_null(strstr(out, "R4nd0mTest"));
	free(text);
	free(out);
}

/* The field of the one value in a text. */
static void field_of(const char *path, char out[FINDING_FIELD_MAX])
{
	struct detect_stream *s = detect_open(worker);
	const struct finding *f;
	size_t n = strlen(path);
	char *copy = malloc(n + 1);

	memcpy(copy, path, n);
	detect_field(s, copy, n, "", 0);
	free(copy);
	detect_text(s, (const uint8_t *)GHP, sizeof(GHP) - 1);
	f = detect_close(s, &n, NULL);
	assert_int_equal(n, 1);
	memcpy(out, f[0].field, FINDING_FIELD_MAX);
}

/* Names in a path are the sender's text: they go out like a value, masked. */
static void test_fields_are_masked(void **state)
{
	static const struct {
		const char *path, *field;
	} cases[] = {
	        {"messages[0].content[1].text", "messages[0].content[1].text"},
	        {"header.anthropic-dangerous-direct-browser-access",
	                "header.anthropic-dangerous-direct-browser-access"},
	        {"a." GHP ".b", "a.ghp_************ntWr.b"},
	        {"query." GHP, "query.ghp_************ntWr"},
	        {"people.jane.roe42@mail.dunmore.io.age", "pe************.age"},
	        {"x[2].0123456789abcdef0123456789abcdef0123456789abcdef0", "x[2].************"},
	        {"call.030.1234.5678.x", "call.****.x"},
	        {"call.06.12.34.56.78", "call.****"},
	        {"call.123.456.7890", "call.****"},
	        {"call.49.151.12345678", "call.****"},
	        {"born.2025-11-301234567", "born.****"},
	};
	char field[FINDING_FIELD_MAX], path[512];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		field_of(cases[i].path, field);
		if (strcmp(field, cases[i].field))
			fail_msg("%s is told as %s", cases[i].path, field);
	}
	/* wherever a long path is cut, no part of a name is left that nobody can know */
	for (size_t n = 0; n < 200; n++) {
		memset(path, 'a', n);
		snprintf(path + n, sizeof(path) - n, ".%s.%s.%s.text", GHP, GHP, GHP);
		field_of(path, field);
		assert_null(strstr(field, "R4nd0m"));
		assert_null(strstr(field, "Leaktap"));
		assert_int_equal(strcmp(field + strlen(field) - 5, ".text"), 0);
		assert_true(strlen(field) < FINDING_FIELD_MAX);
	}
}

/* Takes out what nobody sees. */
static void seen_of(char *p)
{
	char *to = p;

	while (*p) {
		if (!strncmp(p, "\xe2\x80\x8b", 3) || !strncmp(p, "\xe2\x81\xa0", 3))
			p += 3;
		else if (!strncmp(p, "\xc2\xad", 2))
			p += 2;
		else
			*to++ = *p++;
	}
	*to = 0;
}

/* As it is, with characters between that nobody sees, percent-encoded, twice, in base64, and mixed. */
enum { AS_IT_IS, UNSEEN, UNSEEN_SOME, PERCENT, PERCENT_TWICE, BASE64, UNSEEN_PERCENT, DISGUISES };

static void disguise(int how, const char *value, char *out)
{
	static const char *const between[] = {"\xe2\x80\x8b", "\xe2\x81\xa0", "\xc2\xad"};
	char text[256];
	int n;

	*out = 0;
	for (const char *c = value; *c && how != BASE64; c++) {
		if (c > value && (how == UNSEEN || (how == UNSEEN_SOME && (c - value) % 7 == 3)))
			out += sprintf(out, "%s", between[(c - value) % 3]);
		if (c > value && how == UNSEEN_PERCENT)
			out += sprintf(out, "%%E2%%80%%8B");
		out += sprintf(out, how == PERCENT ? "%%%02X" : how == PERCENT_TWICE ? "%%25%02X" : "%c", *c);
	}
	if (how == BASE64) {
		n = snprintf(text, sizeof(text), "so here it is: %s and no more", value);
		EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, n);
	}
}

/* Kinds of strings that go out, of values, and of ways to write them: no line holds one. */
static void test_nothing_is_told(void **state)
{
	static const struct {
		const char *text, *core; /* core: what may not be there */
	} values[] = {
	        {GHP, "R4nd0mTest"},
	        {"4539107854149247", "53910785414"},
	        {"4539 1078 5414 9247", "9 1078 541"},
	        {"petra.klein@stadtwerke-musterau.de", "klein@stadt"},
	        {"DE35325137946427115949", "3532513794"},
	        {"password=ZIowQ!Fkw0AB$176", "owQ!Fkw0AB"},
	        {"password: ZIow.Q!Fkw0AB$176", "w.Q!Fkw0AB"},
	        {"pw=ZIow.Q!Fkw0AB$176", "w.Q!Fkw0AB"},
	        {"+4917198237461", "1719823"},
	        {"+49 171 9823746", "171 9823"},
	        {"536-91-4745", "36-91-474"},
	};
	static const struct {
		const char *form;
		bool path;
	} strings[] = {{"%s", false}, {"/v1/files/%s/content", false}, {"tool %s", false}, {"%s.pdf", false},
	        {"metadata.%s", true}, {"cards.%s.pin", true}, {"form.a.%s[3].x{}", true}};
	char written[1024], text[1400], out[1400], field[FINDING_FIELD_MAX];

	(void)state;
	for (size_t v = 0; v < sizeof(values) / sizeof(*values); v++)
		for (int how = 0; how < DISGUISES; how++)
			for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++) {
				/* numbers that context alone tells are doubtful in the names of a path only
				 */
				if (!strings[i].path && v >= 7)
					continue;
				disguise(how, values[v].text, written);
				snprintf(text, sizeof(text), strings[i].form, written);
				if (strings[i].path) {
					field_of(text, field);
					strcpy(out, field);
				} else {
					detect_mask(worker, text, strlen(text), out, sizeof(out));
				}
				seen_of(out);
				if (strstr(out, values[v].core) ||
				        (how >= PERCENT && strlen(written) > 24 && strstr(out, written)))
					fail_msg("%s is told as %s", text, out);
			}
}

/* Names that are none of anybody's are told as they are. */
static void test_harmless_names(void **state)
{
	static const char *const paths[] = {"messages[0].content[12].text",
	        "mapping.3f2b1c4d-1234-5678-9012-123456789012.message.parts[0]", "data.@context",
	        "models.claude-3-5-sonnet-20241022.use", "days.2026-11-30.sum", "part.file.page",
	        "input(base64).rows[100000]", "2.15.1002.103", "message[0].1.2.3.4.5.6.7.8.9.10.11",
	        "1.1.1.1.1.1.1.1.1.1(base64)", "2.15.1002.103.text", "days.2025-11-30.12.total",
	        "x\xe2\x80\x8by.z"};
	char field[FINDING_FIELD_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		field_of(paths[i], field);
		assert_string_equal(field, paths[i]);
	}
}

/* Text made to cost: anchors everywhere, runs of digits, no end. */
/* A table of numbers that blanks part: `form` with a number of its own in each group. */
static void number_table(char *out, size_t n, const char *form)
{
	unsigned x = 1;
	size_t len = 0;

	while (len + 16 < n) {
		x = x * 1103515245 + 12345;
		len += (size_t)sprintf(out + len, form, x >> 16 & 0x7fff);
	}
	memset(out + len, ' ', n - len);
}

/* What is done for a byte of it does not grow with the detectors' words, nor with places tried before. */
static void test_tables_of_numbers(void **state)
{
	static const char *const forms[] = {"%.1u ", "%.2u ", "%.3u ", "%05u ", "%u.25 ", "%u-", "%09u "};
	static char table[100000];

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		struct detect_stream *s = detect_open(worker);
		struct detect_stats was, now;
		size_t n;

		number_table(table, sizeof(table), forms[i]);
		detect_worker_stats(worker, &was);
		detect_field(s, "body", 4, "", 0);
		detect_text(s, (const uint8_t *)table, sizeof(table));
		detect_close(s, &n, NULL);
		detect_worker_stats(worker, &now);
		assert_true(now.words - was.words < sizeof(table) / 64);
		assert_true(now.tries - was.tries < sizeof(table) * 7);
	}
}

/* Numbers that stand among others are found where they were. */
static void test_numbers_in_rows(void **state)
{
	static const struct {
		const char *text, *id;
	} rows[] = {
	        {"card " CARD " 12 27 123", "payment-card"},
	        {"1 2 3 card " CARD " 12/27 123 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19", "payment-card"},
	        {"<tr><td>17</td><td>212-432-6673</td><td>04 05 06</td></tr>", "phone-number"},
	        {"17 2 04 (617) 830-0142", "phone-number"},
	        {"phone 06 47 83 19 52 06 41 07 22 95", "phone-number"},
	        {"12 34 IBAN DE48 1107 0221 8042 0246 17 12 27", "iban"},
	        {"12 34 56 SSN 533-69-6252 78 90", "us-ssn"},
	};
	struct finding f[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (!has(f, find_whole(rows[i].text, f), rows[i].id))
			fail_msg("no %s in %s", rows[i].id, rows[i].text);
}

static void test_hostile_text(void **state)
{
	static const char *const units[] = {"eyJ", "sk-ant-api03-", "password=", "a@", "1 ", "1234-",
	        "-----BEGIN PRIVATE KEY-----", "key key key token=", "://a:", "AKIA", "\\n",
	        "password:password is ", "service_account", "(((((", "x@x.x"};
	struct finding f[64];
	char *text = malloc(200000);

	(void)state;
	for (size_t u = 0; u < sizeof(units) / sizeof(*units); u++) {
		size_t len = 0, n = strlen(units[u]);

		while (len + n < 60000) {
			memcpy(text + len, units[u], n);
			len += n;
		}
		find(text, len, len / 2, f);
	}
	for (size_t i = 0; i < 60000; i++)
		text[i] = (char)(i * 2654435761u >> 13);
	find(text, 60000, 777, f);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_examples),
	        cmocka_unit_test(test_gaps_in_numbers),
	        cmocka_unit_test(test_every_split),
	        cmocka_unit_test(test_across_the_buffer),
	        cmocka_unit_test(test_long_keys),
	        cmocka_unit_test(test_field_key_counts),
	        cmocka_unit_test(test_name_beside_counts),
	        cmocka_unit_test(test_borders),
	        cmocka_unit_test(test_count_and_token),
	        cmocka_unit_test(test_token_is_hmac),
	        cmocka_unit_test(test_masks),
	        cmocka_unit_test(test_no_mask_tells_more),
	        cmocka_unit_test(test_specific_wins),
	        cmocka_unit_test(test_severe_first_and_kept),
	        cmocka_unit_test(test_streams_run_out),
	        cmocka_unit_test(test_two_streams),
	        cmocka_unit_test(test_mask_strings),
	        cmocka_unit_test(test_mask_of_many),
	        cmocka_unit_test(test_mask_again),
	        cmocka_unit_test(test_mask_of_costly_text),
	        cmocka_unit_test(test_fields_are_masked),
	        cmocka_unit_test(test_nothing_is_told),
	        cmocka_unit_test(test_harmless_names),
	        cmocka_unit_test(test_tables_of_numbers),
	        cmocka_unit_test(test_numbers_in_rows),
	        cmocka_unit_test(test_hostile_text),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
