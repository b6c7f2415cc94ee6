/* test_alone.c - 40 random characters with nothing beside them: found wherever they stand and however the
 * text is cut, and only where they are alone. */
#include "classify/detect/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/detect_world.h"

/* made up, in parts, so that scanners of source code stay calm */
#define ALONE                                                                                                \
	"575YX8XM5mSLFy5UBIHE"                                                                               \
	"YeD7p4Zdl/AK6j0Kgodk"
#define OTHER                                                                                                \
	"xOy1bAimCaXyMFSb4hBq"                                                                               \
	"lxJJLafBvv6Q9RxXTndf"
#define LEN (sizeof(ALONE) - 1)

static int setup(void **state)
{
	(void)state;
	return detect_world(NULL, 0, "", 2);
}

static void give(struct detect_stream *s, const char *text, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* of exact size */

	assert_non_null(copy);
	memcpy(copy, text, n);
	detect_text(s, copy, n);
	free(copy);
}

/* How often the detector tells something, and the offset of the first. */
static unsigned told(const char *path, const char *text, size_t n, size_t cut, uint64_t *offset)
{
	struct detect_stream *s = detect_open(worker);
	const struct finding *f;
	unsigned count = 0;
	size_t found;

	assert_non_null(s);
	detect_field(s, path, strlen(path), "", 0);
	give(s, text, cut);
	give(s, text + cut, n - cut);
	f = detect_close(s, &found, NULL);
	*offset = UINT64_MAX;
	for (size_t i = 0; i < found; i++) {
		if (strcmp(f[i].detector->id, "aws-secret-alone") != 0)
			continue;
		count += f[i].count;
		if (f[i].offset < *offset)
			*offset = f[i].offset;
	}
	return count;
}

static unsigned in(const char *text)
{
	uint64_t offset;

	return told("body", text, strlen(text), 0, &offset);
}

/* At every place of a text, beside words of any length, cut at every byte. */
static void anywhere(void **state)
{
	static const char words[] = "We moved the nightly export (twice!) to the new importer, "
	                            "internationalization-of-configuration included, and now it stops.";
	char text[sizeof(words) + LEN + 3];
	uint64_t offset;

	(void)state;
	for (size_t at = 0; at < sizeof(words); at++) {
		int n = snprintf(text, sizeof(text), "%.*s %s %s", (int)at, words, ALONE, words + at);

		for (size_t cut = 0; cut <= (size_t)n; cut++)
			if (told("body", text, (size_t)n, cut, &offset) != 1 || offset != at + 1)
				fail_msg("at %zu, cut at %zu: %lld", at, cut, (long long)offset);
	}
}

/* Where buffers end, are searched, and slide. */
static void at_the_ends_of_buffers(void **state)
{
	static const size_t places[] = {DETECT_BUFFER, DETECT_BUFFER - DETECT_AHEAD,
	        DETECT_BUFFER - DETECT_AHEAD - DETECT_BEHIND,
	        2 * DETECT_BUFFER - DETECT_AHEAD - DETECT_BEHIND};
	static char text[3 * DETECT_BUFFER];
	uint64_t offset;

	(void)state;
	for (size_t k = 0; k < sizeof(places) / sizeof(*places); k++)
		for (size_t at = places[k] - 100; at < places[k] + 60; at++) {
			memset(text, ' ', sizeof(text));
			memcpy(text + at, ALONE, LEN);
			if (told("body", text, sizeof(text), 1460, &offset) != 1 || offset != at)
				fail_msg("at %zu: %lld", at, (long long)offset);
		}
}

static void what_stands_beside(void **state)
{
	static const char *const one[] = {ALONE, "x=" ALONE ";", "(" ALONE ")", "'" ALONE "'", "k:" ALONE,
	        ALONE ".", ALONE "?", "\n" ALONE "\r\n", "a\\n" ALONE "\\nb", "a\\t" ALONE "\"", ALONE ",x",
	        "\xc3\xa4" ALONE "\xe2\x80\x9c"};
	static const char *const none[] = {"x" ALONE, ALONE "x", "_" ALONE, ALONE "_", "-" ALONE, ALONE "-",
	        "." ALONE, ALONE ".x", "%" ALONE, ALONE "%3D", ALONE "=", "@" ALONE, ALONE "@host", "?" ALONE,
	        "\\x" ALONE, "https://a.example/" ALONE, "https://a.example:" ALONE, "sha1:" ALONE,
	        "\"etag\": \"" ALONE "\"", "id: " ALONE, "request_id=" ALONE, "session " ALONE, ALONE ALONE,
	        ALONE "/" ALONE, ""};

	(void)state;
	for (size_t i = 0; i < sizeof(one) / sizeof(*one); i++)
		if (in(one[i]) != 1)
			fail_msg("not told: %s", one[i]);
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (in(none[i]))
			fail_msg("told: %s", none[i]);
	assert_int_equal(in(ALONE "\n" OTHER "\n" ALONE), 3);
	assert_int_equal(in(ALONE "," OTHER ":" ALONE), 3);
	assert_int_equal(
	        in("why does login with id " ALONE " fail"), 1); /* the words before it speak for it */
	/* one line of base64 among others: the last of a certificate, of a key in a source */
	assert_int_equal(in("LjsI5OyLemGhmWHGY0dVHLqlCFF1pkgl9xOy1bAimCaXyMFSb4hBqlx\n" ALONE "\n---"), 0);
	assert_int_equal(in("\"LjsI5OyLemGhmWHGY0dVHLqlCFF1pkgl9xOy1bAimCaXyMFSb\",\n  \"" ALONE "\""), 0);
	assert_int_equal(in("LjsI5OyLemGhmWHGY0dVHLqlCFF1pkgl9xOy1bAimCaXyMFSb4hBqlx\\n" ALONE "\\n-"), 0);
	assert_int_equal(in(ALONE "\nLjsI5OyLemGhmWHGY0dVHLqlCFF1pkgl9xOy1bAimCaXyMFSb4"), 0);
	assert_int_equal(in(ALONE "\\nLjsI5OyLemGhmWHGY0dVHLqlCFF1pkgl9xOy1bAimCaXyMFSb4"), 0);
}

static void what_it_looks_like(void **state)
{
	static const char *const none[] = {"b0b676dff72bbf011292e4354a5b7980882a4ecc",
	        "kAudioFileDoesNotAllow64BitDataSizeError", "AbstractSingletonProxyFactoryBean2Factory",
	        "usr/share/Doc1/lib/Boost2Msm/PDF/exam4Co", "a1B/c2D/e3F/g4H/i5J/k6L/m7N/o8P/q9R/s0Tu",
	        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "aA1aA1aA1aA1aA1aA1aA1aA1aA1aA1aA1aA1aA1a",
	        "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXpBQkNE", "4111111111111111411111111111111141111111",
	        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmn", "YOUR1secret2KEY3here4YOUR5secret6KEY7her",
	        "++++++++++++++++++++++++++++++++++++++++"};

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		if (in(none[i]))
			fail_msg("told: %s", none[i]);
}

/* What a client proves itself with stands in the head. */
static void only_in_bodies(void **state)
{
	static const struct {
		const char *path;
		unsigned count;
	} cases[] = {{"messages[0].content", 1}, {"body", 1}, {"form.text", 1}, {"file.name", 1},
	        {"header.x-device", 0}, {"trailer.x-sum", 0}, {"query.t", 0}, {"path", 0}, {"pathology", 1},
	        {"header", 1}, {"", 1}};
	uint64_t offset;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(told(cases[i].path, ALONE, LEN, 0, &offset), cases[i].count);
}

/* Every byte of a text that holds two, another one, and left out. */
static void mutated(void **state)
{
	static const char text[] = "use " ALONE " or\n" OTHER;
	char copy[sizeof(text)];
	uint64_t offset;
	unsigned n;

	(void)state;
	for (size_t at = 0; at + 1 < sizeof(text); at++) {
		for (unsigned c = 0; c < 256; c++) {
			memcpy(copy, text, sizeof(text));
			copy[at] = (char)c;
			n = told("body", copy, sizeof(text) - 1, at, &offset);
			assert_true(n <= 2 && (n || at - 44 < 4)); /* but where it joins them */
		}
		assert_true(told("body", text, at, 0, &offset) <= 1);
		memmove(copy + at, text + at + 1, sizeof(text) - at - 1);
		n = told("body", copy, sizeof(text) - 2, 0, &offset);
		assert_true(n == 1 || at < 4 || at - 44 < 4);
	}
}

/* A long run is none, in no time: it is walked over once for each buffer. */
static void long_runs(void **state)
{
	static char text[8 * DETECT_BUFFER];
	struct detect_stats before, after;
	uint64_t offset;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = ALONE[i % LEN];
	detect_worker_stats(worker, &before);
	assert_int_equal(told("body", text, sizeof(text), 1000, &offset), 0);
	detect_worker_stats(worker, &after);
	assert_int_equal(after.refused, before.refused);
	/* and behind it, runs go on to be found */
	memcpy(text + sizeof(text) - LEN - 12, " and now to ", 12);
	memcpy(text + sizeof(text) - LEN, ALONE, LEN);
	assert_int_equal(told("body", text, sizeof(text), 1000, &offset), 1);
	assert_int_equal(offset, sizeof(text) - LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(anywhere),
	        cmocka_unit_test(at_the_ends_of_buffers),
	        cmocka_unit_test(what_stands_beside),
	        cmocka_unit_test(what_it_looks_like),
	        cmocka_unit_test(only_in_bodies),
	        cmocka_unit_test(mutated),
	        cmocka_unit_test(long_runs),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
