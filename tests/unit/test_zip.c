/* test_zip.c - ZIP archives and packages: every way to write a member, what lies, what is cut, bombs. */
#include "tests/unit/content_reader.h"
#include "tests/unit/zip_write.h"

#include "classify/content/nest.h"

#include <openssl/evp.h>

static void check(struct zip_out *z, const char *expect, unsigned skip)
{
	record_check(pool, "", "", z->p, z->n, expect, skip);
	free(z->p);
	*z = (struct zip_out){0};
}

/* Each way, between two members that are plain, so that where it ends matters. */
static void test_ways(void **state)
{
	static const unsigned ways[] = {0, ZIP_DEFLATED, ZIP_64, ZIP_DEFLATED | ZIP_64, ZIP_STREAMED,
	        ZIP_STREAMED | ZIP_UNMARKED, ZIP_STREAMED | ZIP_64, ZIP_STREAMED | ZIP_64 | ZIP_UNMARKED,
	        ZIP_STREAMED | ZIP_DEFLATED, ZIP_STREAMED | ZIP_DEFLATED | ZIP_UNMARKED,
	        ZIP_STREAMED | ZIP_DEFLATED | ZIP_64, ZIP_STREAMED | ZIP_DEFLATED | ZIP_64 | ZIP_UNMARKED};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct zip_out z = {0};

		zip_text(&z, "a.txt", "first", 0);
		zip_text(&z, "dir/b.txt", "the password is hunter2", ways[i]);
		zip_text(&z, "c.txt", "last", ways[i]);
		zip_end(&z);
		check(&z, "a.txt <> first\ndir/b.txt <> the password is hunter2\nc.txt <> last\n", 0);
	}
}

/* Stored data of unknown length that holds what looks like its end. */
static void test_open_end(void **state)
{
	static const char text[] = "PK\7\10 PK\3\4 and \"PK\7\10....\x10\0\0\0\x10\0\0\0\" is no end PK\1\2";
	struct record *r = malloc(sizeof(*r));
	struct zip_out inner = {0}, z = {0};

	(void)state;
	zip_text(&inner, "x.txt", "deep text", ZIP_STREAMED);
	zip_end(&inner);
	zip_member(&z, "in.zip", inner.p, inner.n, ZIP_STREAMED);
	zip_text(&z, "c.txt", "last", ZIP_STREAMED | ZIP_UNMARKED);
	zip_end(&z);
	free(inner.p);
	check(&z, "in.zip.x.txt <> deep text\nc.txt <> last\n", 0);

	zip_member(&z, "t", text, sizeof(text) - 1, ZIP_STREAMED);
	zip_text(&z, "c.txt", "last", 0);
	zip_end(&z);
	record_body(pool, r, "", "", z.p, z.n, 0, z.n);
	assert_non_null(strstr(r->text, "c.txt <> last"));
	free(z.p);
	free(r);
}

static void test_files(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct zip_out z = {0};

	(void)state;
	zip_text(&z, "folder/", "", 0);
	zip_text(&z, "folder/a.csv", "x;y", ZIP_DEFLATED);
	zip_text(&z, "empty", "", 0);
	zip_text(&z, "word", "text", 0);
	zip_end(&z);
	record_body(pool, r, "application/zip", "", z.p, z.n, 0, 7);
	assert_string_equal(r->files, "folder/a.csv\nempty\nword\n");
	assert_string_equal(r->text, "folder/a.csv <> x;y\nword <> text\n");
	assert_int_equal(r->skip, 0);
	free(z.p);
	free(r);
}

/* Members of a package are no files, but what was put into it is; pictures and fonts are passed over. */
static void test_package(void **state)
{
	static const char doc[] =
	        "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/"
	        "main\"><w:p><w:r><w:t>4111 11</w:t></w:r><w:r><w:t>11 1111 1111</w:t></w:r>"
	        "</w:p><w:p><w:t>next</w:t></w:p></w:document>";
	struct record *r = malloc(sizeof(*r));
	struct zip_out z = {0};

	(void)state;
	zip_text(&z, "[Content_Types].xml", "<?xml version=\"1.0\"?><Types/>", ZIP_DEFLATED);
	zip_text(&z, "word/document.xml", doc, ZIP_DEFLATED | ZIP_STREAMED);
	zip_text(&z, "word/fonts/a.odttf", "no font", ZIP_DEFLATED);
	zip_text(&z, "word/embeddings/list.csv", "a,b", ZIP_DEFLATED);
	zip_end(&z);
	record_body(pool, r, "", "", z.p, z.n, 0, z.n);
	assert_string_equal(r->text, "[Content_Types].xml <> <Types/>\n"
	                             "word/document.xml <> 4111 1111 1111 1111\nnext\n"
	                             "word/embeddings/list.csv <> a,b\n");
	assert_string_equal(r->files, "word/embeddings/list.csv\n");
	assert_int_equal(r->skip, 0);
	zip_text(&z, "word/media/image1.png", "no picture", ZIP_DEFLATED | ZIP_STREAMED);
	zip_text(&z, "docProps/z.xml", "<a>b</a>", 0);
	zip_end(&z);
	record_body(pool, r, "", "", z.p, z.n, 0, 1);
	assert_non_null(strstr(r->text, "docProps/z.xml <> <a>b</a>\n"));
	assert_int_equal(r->skip, CONTENT_BINARY);
	free(z.p);
	free(r);
}

static void test_unsupported(void **state)
{
	struct zip_out z = {0};

	(void)state;
	zip_text(&z, "secret", "encrypted bytes", ZIP_ENCRYPTED);
	zip_text(&z, "secret2", "encrypted bytes", ZIP_ENCRYPTED | ZIP_STREAMED);
	zip_member_as(&z, "lzma", "xxxx", 4, 0, 14);
	zip_member_as(&z, "bz2", "xxxx", 4, ZIP_STREAMED, 12);
	zip_text(&z, "plain", "text", 0);
	zip_end(&z);
	check(&z, "plain <> text\n", CONTENT_UNSUPPORTED);
}

/* Sizes that do not fit the data: what follows is found. */
static void test_lies(void **state)
{
	struct zip_out z = {0};

	(void)state;
	zip_text(&z, "a", "first text", ZIP_DEFLATED | ZIP_LONGER);
	zip_text(&z, "b", "second", ZIP_DEFLATED | ZIP_SHORTER);
	zip_text(&z, "c", "third text", ZIP_SHORTER);
	zip_text(&z, "d", "last", 0);
	zip_end(&z);
	check(&z, "a <> first text\nb <> second\nc <> third tex\nd <> last\n", CONTENT_BROKEN);
	/* broken DEFLATE */
	zip_member_as(&z, "a", "\xff\xff\xff\xff\xff", 5, 0, 8);
	zip_text(&z, "b", "second", 0);
	zip_end(&z);
	check(&z, "b <> second\n", CONTENT_BROKEN);
	/* no directory, and a member that is cut */
	zip_text(&z, "a", "first", 0);
	check(&z, "a <> first\n", CONTENT_BROKEN);
	zip_text(&z, "a", "first", ZIP_LONGER);
	check(&z, "a <> first CUT\n", CONTENT_BROKEN);
	/* junk before and between */
	zip_text(&z, "a", "first", 0);
	zip_raw(&z, "junk PK\3\4junk", 13);
	zip_raw(&z, "                                   ", 35);
	zip_text(&z, "b", "second", 0);
	zip_end(&z);
	check(&z, "a <> first\nb <> second\n", CONTENT_BROKEN);
}

static void test_prefixes_and_flips(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct zip_out z = {0};

	(void)state;
	zip_text(&z, "a.txt", "first text, twice: first text", ZIP_DEFLATED);
	zip_text(&z, "b.txt", "second", ZIP_STREAMED);
	zip_text(&z, "c.txt", "third", ZIP_STREAMED | ZIP_DEFLATED | ZIP_64);
	zip_text(&z, "d.txt", "last", ZIP_64);
	zip_end(&z);
	reader_damaged("", z.p, z.n, 1);
	free(z.p);
	free(r);
}

/* Whatever is missing, members behind it are read. */
static void test_gaps(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct zip_out z = {0};
	size_t second, third;

	(void)state;
	zip_text(&z, "a", "first and longer text 4711", 0);
	second = z.n;
	zip_text(&z, "b", "second, second, second", ZIP_DEFLATED);
	third = z.n;
	zip_text(&z, "c", "third, of no known length", ZIP_STREAMED);
	zip_text(&z, "d", "last", 0);
	zip_end(&z);
	reader_gap(r, "", z.p, 41, 4, z.p + 45, z.n - 45);
	assert_string_equal(r->text, "a <> first and  CUT\na <> er text 4711\nb <> second, second, second\nc "
	                             "<> third, of no known "
	                             "length\nd <> last\n");
	assert_int_equal(r->skip, CONTENT_GAP);
	for (size_t from = 31; from < third; from += 3)
		for (size_t to = from + 1; to <= third; to += 5)
			for (int told = 0; told < 2; told++) {
				reader_gap(r, "", z.p, from, told ? to - from : 0, z.p + to, z.n - to);
				assert_non_null(strstr(r->text, "d <> last\n"));
				if (to < second)
					assert_non_null(strstr(r->text, "b <> second, second, second\n"));
			}
	free(z.p);
	free(r);
}

static void test_bombs(void **state)
{
	static const struct content_limits l = {.inflate_ratio = 200, .depth = 32, .body_limit = 16 << 20};
	struct content_pool *limited = content_pool_create(1, &l);
	struct zip_out z = {0}, next = {0};
	size_t n = 8 << 20;
	char *zeros = calloc(1, n);
	struct sum s = {0};

	(void)state;
	memset(zeros, '.', n);
	zip_member(&z, "bomb", zeros, n, ZIP_DEFLATED);
	zip_text(&z, "b", "behind it", 0);
	zip_end(&z);
	assert_true(sum_body(limited, z.p, z.n, &s) & CONTENT_LIMIT);
	assert_true(s.text > 1 << 20 && s.text < 3 << 20);
	/* a hundred of them in one, and that in another: body_limit ends it */
	for (unsigned i = 0; i < 100; i++)
		zip_member(&next, "z.zip", z.p, z.n, ZIP_DEFLATED);
	zip_end(&next);
	assert_true(sum_body(limited, next.p, next.n, &s) & CONTENT_LIMIT);
	assert_true(s.text <= 16 << 20);
	free(z.p);
	free(next.p);
	free(zeros);
	content_pool_destroy(limited);
}

/* In a query: the rest of it is read. */
static void test_bomb_in_query(void **state)
{
	struct content_spent spent = {0};
	struct record *r = malloc(sizeof(*r));
	struct text_sink out = record_sink(r);
	struct zip_out z = {0};
	char *spaces = malloc(1 << 20), text[4096] = "a=";
	struct slice q;
	size_t n = 2;

	(void)state;
	memset(spaces, ' ', 1 << 20);
	zip_member(&z, "bomb.txt", spaces, 1 << 20, ZIP_DEFLATED);
	zip_end(&z);
	assert_true(z.n < 2000);
	n += (size_t)EVP_EncodeBlock((unsigned char *)text + n, z.p, (int)z.n);
	for (size_t i = 0; i < n; i++)
		text[i] = (char)(text[i] == '+' ? '-' : text[i]);
	n += (size_t)snprintf(text + n, sizeof(text) - n, "&b=YSBub3RlIHRoYXQgaXMgbG9uZyBlbm91Z2g&c=plain");
	q = slice_of(text, n);
	assert_int_equal(content_query(pool, &q, &spent, &out), CONTENT_LIMIT);
	assert_in_range(spent.head, 256 << 10, 300 << 10);
	assert_non_null(
	        strstr(r->text, "\nquery.b(base64) <b> a note that is long enough\nquery.c <c> plain\n"));
	free(z.p);
	free(spaces);
	free(r);
}

/* Archives in archives end at NEST_DEPTH_MAX. */
static void test_deep(void **state)
{
	struct zip_out z = {0};
	unsigned skip;
	struct sum s = {0};

	(void)state;
	zip_text(&z, "t", "text", 0);
	zip_end(&z);
	for (unsigned i = 1; i < 40; i++) {
		struct zip_out outer = {0};

		zip_member(&outer, "z", z.p, z.n, i & 1 ? 0 : ZIP_DEFLATED);
		zip_end(&outer);
		free(z.p);
		z = outer;
		skip = sum_body(pool, z.p, z.n, &s);
		assert_int_equal(skip & CONTENT_LIMIT, i < NEST_DEPTH_MAX ? 0 : CONTENT_LIMIT);
		assert_int_equal(s.text, i <= NEST_DEPTH_MAX ? 4 : 0);
	}
	free(z.p);
}

/* Very many members cost what their bytes cost, and memory does not grow: the pool has a few rooms only. */
static void test_many(void **state)
{
	struct zip_out z = {0};
	struct sum s = {0};

	(void)state;
	for (unsigned i = 0; i < 50000; i++)
		zip_text(&z, "member", "x", i & 1 ? ZIP_DEFLATED : 0);
	zip_end(&z);
	assert_int_equal(sum_body(pool, z.p, z.n, &s), 0);
	assert_int_equal(s.fields, 50000);
	for (unsigned i = 0; i < 60000; i++)
		zip_text(&z, "m", "x", 0);
	zip_end(&z);
	assert_int_equal(sum_body(pool, z.p, z.n, &s), 0);
	assert_int_equal(s.fields, 110000); /* parts come with the bytes of a body */
	free(z.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_ways),
	        cmocka_unit_test(test_open_end),
	        cmocka_unit_test(test_files),
	        cmocka_unit_test(test_package),
	        cmocka_unit_test(test_unsupported),
	        cmocka_unit_test(test_lies),
	        cmocka_unit_test(test_prefixes_and_flips),
	        cmocka_unit_test(test_gaps),
	        cmocka_unit_test(test_bombs),
	        cmocka_unit_test(test_bomb_in_query),
	        cmocka_unit_test(test_deep),
	        cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
