/* test_charset.c - what characters are sent in: UTF-16, UTF-32, windows-1252 by mark, label or zeros, of
 * bodies and of parts; iconv is the oracle.  And transfer encodings, whose gaps must not put the rest out of
 * step. */
#include "classify/content/reader.h"
#include "tests/unit/content_reader.h"

#include <iconv.h>
#include <stdio.h>

#define CHECK(type, literal, expect, skip)                                                                   \
	record_check(pool, type, "", literal, sizeof(literal) - 1, expect, skip)

#define TEXT  "The key is AKIAIOSFODNN7EXAMPLE: \u00fc\u00e9\u20ac \u65e5\u672c \U0001f600 end"
#define LATIN "Stra\u00dfe f\u00fcr \u20ac 5 \u2013 \u0152uvre \u017d AKIA"

/* As iconv writes it; a byte order mark where the charset's name asks for one. */
static size_t convert(const char *text, const char *to, char *out, size_t cap)
{
	iconv_t cd = iconv_open(to, "UTF-8");
	char *in = (char *)(uintptr_t)text, *o = out;
	size_t n = strlen(text), left = cap;

	assert_true(cd != (iconv_t)-1);
	assert_int_equal(iconv(cd, &in, &n, &o, &left), 0);
	iconv_close(cd);
	return cap - left;
}

static void test_wide(void **state)
{
	static const char *const sets[] = {"UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"};
	static const struct {
		const char *mark;
		size_t n;
	} marks[] = {{"\xff\xfe", 2}, {"\xfe\xff", 2}, {"\xff\xfe\0\0", 4}, {"\0\0\xfe\xff", 4}};
	char b[1024], type[64];

	(void)state;
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		size_t n = convert(TEXT, sets[i], b, sizeof(b));

		/* by its zeros, by its label, by both; a label of something else counts for nothing against
		 * zeros */
		snprintf(type, sizeof(type), "text/plain; charset=%s", sets[i]);
		record_check(pool, "", "", b, n, "body <> " TEXT "\n", 0);
		record_check(pool, type, "", b, n, "body <> " TEXT "\n", 0);
		record_check(pool, "text/plain; charset=utf-8", "", b, n, "body <> " TEXT "\n", 0);
		/* by its mark, whatever the label says */
		memcpy(b, marks[i].mark, marks[i].n);
		n = marks[i].n + convert("\u65e5\u672c\u8a9e AKIA \U0001f600", sets[i], b + marks[i].n, 512);
		record_check(pool, "", "", b, n, "body <> \u65e5\u672c\u8a9e AKIA \U0001f600\n", 0);
		record_check(pool, "text/plain; charset=\"utf-16be\"", "", b, n,
		        "body <> \u65e5\u672c\u8a9e AKIA \U0001f600\n", 0);
		/* by its label alone: no ASCII that would show zeros at its beginning */
		n = convert("\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e AKIA", sets[i], b, sizeof(b));
		record_check(pool, type, "", b, n, "body <> \u65e5\u672c\u8a9e\u65e5\u672c\u8a9e AKIA\n", 0);
		/* structure is read in every charset */
		n = convert("{\"a\":\"\u00fc\\n{\",\"b\":\"{\\\"c\\\":\\\"d\\\"}\"}", sets[i], b, sizeof(b));
		record_check(pool, type, "", b, n, "a <a> \u00fc\n{\nb.c <c> d\n", 0);
		n = convert("q=a%26b&r=\u00fc", sets[i], b, sizeof(b));
		record_check(pool, "application/x-www-form-urlencoded", "", b, n,
		        "form.q <q> a&b\nform.r <r> \u00fc\n", 0);
	}
	/* "utf-16" without a mark: little-endian */
	b[0] = '\0';
	record_check(pool, "text/plain;charset=utf-16", "", b,
	        convert("\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", "UTF-16LE", b, sizeof(b)),
	        "body <> \u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\n", 0);
}

static void test_1252(void **state)
{
	static const char *const labels[] = {
	        "iso-8859-1", "ISO-8859-1", "latin1", "windows-1252", "\"cp1252\""};
	char b[512], type[64];
	size_t n = convert(LATIN, "CP1252", b, sizeof(b));

	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		snprintf(type, sizeof(type), "text/plain; charset=%s", labels[i]);
		record_check(pool, type, "", b, n, "body <> " LATIN "\n", 0);
		/* UTF-8 that is labelled so stays UTF-8 */
		record_check(pool, type, "", TEXT, strlen(TEXT), "body <> " TEXT "\n", 0);
	}
	/* both mixed; what only begins like UTF-8 is none */
	CHECK("text/plain; charset=latin1", "\xc3\xbc \xfc \xe2\x82 \xf0\x9f\x98\xfc\xe2",
	        "body <> \u00fc \u00fc \u00e2\u201a \u00f0\u0178\u02dc\u00fc\u00e2\n", 0);
	/* every byte, against iconv; five of them are not in its table and are controls */
	for (unsigned c = 0x80; c < 0x100; c++) {
		char body[16], expect[64], utf8[8] = "", *in = body + 6, *out = utf8;
		size_t in_n = 1, left = sizeof(utf8);
		iconv_t cd = iconv_open("UTF-8", "CP1252");

		memcpy(body, "words \0 words", 14);
		body[6] = (char)c;
		if (iconv(cd, &in, &in_n, &out, &left) == (size_t)-1)
			snprintf(utf8, sizeof(utf8), "\xc2%c", (char)c);
		iconv_close(cd);
		snprintf(expect, sizeof(expect), "body <> words %s words\n", utf8);
		record_check(pool, "text/plain; charset=windows-1252", "", body, 13, expect, 0);
	}
	/* not declared: the bytes as they are */
	CHECK("text/plain",
	        "\xfc"
	        "ber den",
	        "body <> \xfc"
	        "ber den\n",
	        0);
}

/* Labels that the bytes belie. */
static void test_false_labels(void **state)
{
	(void)state;
	CHECK("application/json; charset=utf-16", "{\"a\":\"plain ASCII\"}", "a <a> plain ASCII\n", 0);
	CHECK("text/plain; charset=utf-32le", "plain ASCII text", "body <> plain ASCII text\n", 0);
	record_check(
	        pool, "text/plain; charset=martian", "", "plain \xc3\xbc", 8, "body <> plain \u00fc\n", 0);
	CHECK("text/plain; charset=", "plain", "body <> plain\n", 0);
	CHECK("image/png; charset=utf-16", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "", CONTENT_BINARY);
}

static void test_parts(void **state)
{
	char body[1024], *p;

	(void)state;
	p = stpcpy(body, "--X\r\nContent-Disposition: form-data; name=a\r\nContent-Type: text/plain; "
	                 "charset=ISO-8859-1\r\n\r\n\xfc"
	                 "ber\r\n--X\r\nContent-Disposition: form-data; name=b\r\n\r\n"
	                 "\xc3\xbc"
	                 "ber\r\n--X\r\nContent-Disposition: form-data; name=c\r\nContent-Type: "
	                 "text/plain; charset=utf-16be\r\n\r\n");
	p += convert("\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e", "UTF-16BE", p, 64);
	p = stpcpy(p, "\r\n--X\r\nContent-Disposition: form-data; name=d\r\nContent-Type: text/plain; "
	              "charset=latin1\r\n"
	              "Content-Transfer-Encoding: quoted-printable\r\n\r\n=FCber\r\n--X--");
	record_check(pool, "multipart/form-data; boundary=X", "", body, (size_t)(p - body),
	        "part.a <a> \u00fcber\npart.b <b> \u00fcber\npart.c <c> "
	        "\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\n"
	        "part.d <d> \u00fcber\n",
	        0);
}

/* Surrogates that stand alone, characters that the end cuts. */
static void test_broken_wide(void **state)
{
	(void)state;
	CHECK("",
	        "\xff\xfe"
	        "a\0\x3d\xd8"
	        "b\0\x00\xde"
	        "c\0\x3d\xd8",
	        "body <> a\ufffdb\ufffdc\ufffd\n", 0);
	CHECK("",
	        "\xff\xfe"
	        "a\0b\0c",
	        "body <> ab\n", 0);
	CHECK("",
	        "\xff\xfe\0\0"
	        "a\0\0\0\0\0\x11\0\xff\xff\xff\xff"
	        "b\0\0\0",
	        "body <> a\ufffd\ufffd"
	        "b\n",
	        0);
}

/* After a gap the width of characters is kept in step. */
static void test_gaps(void **state)
{
	static const char text[] = "some words before and after the gap: AKIAIOSFODNN7EXAMPLE at the end";
	struct record *r = malloc(sizeof(*r));
	char b[512];

	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		size_t n = convert(text, wide ? "UTF-32BE" : "UTF-16LE", b, sizeof(b)),
		       key = (size_t)(strstr(text, "AKIA") - text);
		size_t width = wide ? 4 : 2;

		for (size_t at = 17; at + 9 < key * width; at++) {
			for (size_t lost = 1; lost < 9; lost++) {
				struct text_sink out = record_sink(r);
				struct message m = {0};
				struct content *c = content_open(pool, &m, &out);

				content_feed(c, (const uint8_t *)b, at);
				content_gap(c, lost);
				content_feed(c, (const uint8_t *)b + at + lost, n - at - lost);
				assert_int_equal(content_close(c, NULL), CONTENT_GAP);
				if (!strstr(r->text, "AKIAIOSFODNN7EXAMPLE at the end\n"))
					fail_msg("%d at %zu lost %zu: %s", wide, at, lost, r->text);
			}
		}
	}
	free(r);
}

/* base64 of a part: what stands behind a gap is in step again at the next line, or at once where the length
 * of the gap is known and there are no lines. */
static void test_transfer_gaps(void **state)
{
	static const char one[] =
	        "VGhlIGtleSBpbiB0aGUgZmlsZSBpcyBub3cgQUtJQUlPU0ZPRE5ON0VYQU1QTEUgYW5kIHNvIG9uLg==";
	static const char lines[] = "VGhlIGtleSBpbiB0aGUg\r\nZmlsZSBpcyBub3cgQUtJ\r\nQUlPU0ZPRE5ON0VYQU1Q\r\n"
	                            "TEUgYW5kIHNvIG9uLg==";
	static const char head[] =
	        "--X\r\nContent-Disposition: form-data; name=f\r\nContent-Transfer-Encoding: base64\r\n\r\n";
	struct record *r = malloc(sizeof(*r));
	char body[512];

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *data = i ? lines : one;
		size_t from = strlen(head), n = (size_t)sprintf(body, "%s%s\r\n--X--", head, data);
		size_t key = i ? 46 : 53, told = 0;

		for (size_t at = 1; at + 6 < key - (i ? 22 : 0); at++) {
			for (size_t lost = 1; lost < 6; lost++) {
				struct text_sink out = record_sink(r);
				struct message m = {.content_type = SLICE("multipart/form-data; boundary=X")};
				struct content *c = content_open(pool, &m, &out);

				content_feed(c, (const uint8_t *)body, from + at);
				content_gap(c, lost);
				content_feed(
				        c, (const uint8_t *)body + from + at + lost, n - from - at - lost);
				assert_true(content_close(c, NULL) & CONTENT_GAP);
				told += strstr(r->text, i ? "SFODNN7EXAMPLE and so on."
				                          : "EXAMPLE and so on.") != NULL;
			}
		}
		assert_int_equal(told, 5 * (key - (i ? 22 : 0) - 7));
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_wide),
	        cmocka_unit_test(test_1252),
	        cmocka_unit_test(test_false_labels),
	        cmocka_unit_test(test_parts),
	        cmocka_unit_test(test_broken_wide),
	        cmocka_unit_test(test_gaps),
	        cmocka_unit_test(test_transfer_gaps),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
