/* test_rtf.c - Rich Text Format: control words, groups, characters, what is passed over. */
#include "tests/unit/content_reader.h"

static void check(const char *body, const char *expect, unsigned skip)
{
	record_check(pool, "", "", body, strlen(body), expect, skip);
}

static void test_text(void **state)
{
	(void)state;
	check("{\\rtf1\\ansi\\deff0 Card \\b 4111\\b0  1111\\par 11{\\i 11}\r\n 1111\\line\\tab "
	      "x\\\ny\\~z\\_a\\-b\\{\\\\\\}}",
	        "body <> Card 4111 1111\n1111 1111\nx\ny z-ab{\\}\n", 0);
	check("{\\rtf1 \\trowd Name\\cell SSN\\cell\\row Bob\\cell 078-05-1120\\cell\\row}",
	        "body <> Name\tSSN\nBob\t078-05-1120\n", 0);
	check("{\\rtf not by its number}", "body <> {\\rtf not by its number}\n", 0);
}

static void test_characters(void **state)
{
	(void)state;
	check("{\\rtf1 caf\\'e9 \\'80\\'zz "
	      "\\emdash\\rquote\\u8364?\\uc2\\u233\\'c3\\'a9x{\\uc0\\u233}\\uc1\\u-10179 ?\\u-8704 ?!}",
	        "body <> caf\xc3\xa9 \xe2\x82\xaczz "
	        "\xe2\x80\x94\xe2\x80\x99\xe2\x82\xac\xc3\xa9x\xc3\xa9\xf0\x9f\x98\x80!\n",
	        0);
	check("{\\rtf1\\ansicpg1251 \\'cf\\'f0\\'e8\\'e2\\'e5\\'f2}",
	        "body <> \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\n", 0);
	check("{\\rtf1\\mac \\'8e}", "body <> \xc3\xa9\n", 0);
	check("{\\rtf1\\ansicpg99999 \\'e9}", "body <> \xc3\xa9\n", 0);
}

static void test_destinations(void **state)
{
	(void)state;
	check("{\\rtf1{\\fonttbl{\\f0 Arial;}}{\\stylesheet{Normal;}}{\\*\\unknown gone{\\b gone "
	      "too}}{\\info{\\title T}"
	      "{\\author Jane Doe}}{\\header page}text{\\footnote\\pard note}{\\*\\annotation see}more"
	      "{\\field{\\*\\fldinst{HYPERLINK \"https://x/?key=1\"}}{\\fldrslt here}}.}",
	        "body <> T\nJane Doe\npagetext\nnote\nsee\nmore\nHYPERLINK \"https://x/?key=1\"\nhere.\n", 0);
	check("{\\rtf1 a{\\pict\\pngblip 89504e470d0a}b\\bin5 }}}}}c}", "body <> abc\n", CONTENT_BINARY);
	check("{\\rtf1 {\\upr{old}{\\*\\ud{new \\u8364 ?}}}}", "body <> old\nnew \xe2\x82\xac\n", 0);
}

/* What text may hold elsewhere it may hold here, over lines and runs of another look as well. */
static void test_what_it_holds(void **state)
{
	(void)state;
	check("{\\rtf1 see dGhlIHNlY29uZCBwYWdlIHNheXM6IHNl{\\b Y3JldCwgNDExMSBhbmQgbW9yZQo=}, or not}",
	        "body <> see dGhlIHNlY29uZCBwYWdlIHNheXM6IHNlY3JldCwgNDExMSBhbmQgbW9yZQo=\n"
	        "body(base64) <> the second page says: secret, 4111 and more\n\nbody <> , or not\n",
	        0);
	check("{\\rtf1 a\\par dGhlIHNlY29uZCBwYWdlIHNheXM6\\par IHNlY3JldCwgNDExMSBhbmQgbW9y\\par ZQ==\\par "
	      "b}",
	        "body <> a\ndGhlIHNlY29uZCBwYWdlIHNheXM6\nIHNlY3JldCwgNDExMSBhbmQgbW9y\nZQ==\n"
	        "body(base64) <> the second page says: secret, 4111 and more\nbody <> \nb\n",
	        0);
	check("{\\rtf1 \\{\"note\": \"of \\'e9\"\\}}", "body.note <note> of \xc3\xa9\n", 0);
}

static void test_broken(void **state)
{
	enum { N = 3000 };
	char *deep = malloc(N * 4);
	size_t n = 7;

	(void)state;
	check("{\\rtf1 a}}}} b", "body <> a b\n", 0);
	check("{\\rtf1 a{b", "body <> ab\n", CONTENT_BROKEN);
	check("{\\rtf1 a\\bin99999999999 b", "body <> a\n", CONTENT_BROKEN);
	memcpy(deep, "{\\rtf1 ", n);
	for (unsigned i = 0; i < N; i++)
		deep[n++] = '{';
	deep[n++] = 'x';
	for (unsigned i = 0; i < N; i++)
		deep[n++] = '}';
	memcpy(deep + n, "y}", 3);
	check(deep, "body <> xy\n", 0);
	free(deep);
}

static const char sample[] = "{\\rtf1 dGhlIHNlY29uZCBwYWdlIHNheXM6IHNlY3JldCwg \\ansicpg1252{\\fonttbl "
                             "x;}{\\info{\\title t}}a\\'e9\\uc1\\u233?b{\\*\\x c}\\bin3 "
                             "}}}\\cell\\row{\\pict 00}\\u-10179?\\u-8704?}";

static void test_prefixes_and_flips(void **state)
{
	(void)state;
	reader_damaged("", sample, sizeof(sample) - 1, 1);
}

static void test_gap(void **state)
{
	struct record *r = malloc(sizeof(*r));

	(void)state;
	for (size_t at = 8; at < sizeof(sample) - 1; at++) {
		reader_gap(r, "", sample, at, 5, "behind}", 7);
		assert_non_null(strstr(r->text, "behind"));
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_text),
	        cmocka_unit_test(test_characters),
	        cmocka_unit_test(test_destinations),
	        cmocka_unit_test(test_what_it_holds),
	        cmocka_unit_test(test_broken),
	        cmocka_unit_test(test_prefixes_and_flips),
	        cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
