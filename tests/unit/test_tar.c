/* test_tar.c - tar archives: every format of GNU tar's, lies, cuts and gaps. */
#include "tests/unit/content_reader.h"

#include <stdio.h>

struct tar_out {
	uint8_t p[32768];
	size_t n;
};

static void checksum(uint8_t *b)
{
	unsigned sum = 0;

	memset(b + 148, ' ', 8);
	for (unsigned i = 0; i < 512; i++)
		sum += b[i];
	snprintf((char *)b + 148, 8, "%06o", sum);
}

static uint8_t *tar_header(struct tar_out *a, const char *name, char type, size_t size, const char *magic)
{
	uint8_t *b = a->p + a->n;

	memset(b, 0, 512);
	memcpy(b, name, strlen(name) < 100 ? strlen(name) : 100);
	strcpy((char *)b + 100, "0000644");
	snprintf((char *)b + 124, 12, "%011zo", size);
	b[156] = (uint8_t)type;
	memcpy(b + 257, magic, strlen(magic));
	checksum(b);
	a->n += 512;
	return b;
}

static void tar_data(struct tar_out *a, const void *p, size_t n)
{
	memset(a->p + a->n, 0, n + 512);
	memcpy(a->p + a->n, p, n);
	a->n += (n + 511) / 512 * 512;
}

static void tar_file(struct tar_out *a, const char *name, const char *text)
{
	tar_header(a, name, '0', strlen(text), "ustar");
	tar_data(a, text, strlen(text));
}

static void tar_end(struct tar_out *a)
{
	memset(a->p + a->n, 0, 1024);
	a->n += 1024;
}

static void test_files(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct tar_out *a = calloc(1, sizeof(*a));
	uint8_t *b;

	(void)state;
	tar_header(a, "dir/", '5', 0, "ustar");
	tar_file(a, "./dir/a.txt", "the first");
	tar_file(a, "empty", "");
	tar_header(a, "link", '2', 700, "ustar"); /* a size that means nothing */
	b = tar_header(a, "name", '0', 3, "ustar");
	strcpy((char *)b + 345, "folder/of/it");
	checksum(b);
	tar_data(a, "abc", 3);
	tar_file(a, "j", "{\"a\":\"b\"}");
	tar_header(a, "old", 0, 4, "");
	tar_data(a, "v7 ?", 4);
	tar_end(a);
	record_check(pool, "", "", a->p, a->n,
	        "dir/a.txt <> the first\nfolder/of/it/name <> abc\nj.a <a> b\nold <> v7 ?\n", 0);
	record_body(pool, r, "", "", a->p, a->n, 0, 100);
	assert_string_equal(r->files, "dir/a.txt\nempty\nfolder/of/it/name\nj\nold\n");
	free(a);
	free(r);
}

static void test_long_names(void **state)
{
	struct tar_out *a = calloc(1, sizeof(*a));
	char name[301], expect[2000], pax[400];

	(void)state;
	memset(name, 'n', 200);
	name[200] = 0;
	tar_header(a, "././@LongLink", 'L', 201, "ustar  ");
	tar_data(a, name, 201);
	tar_header(a, "././@LongLink", 'K', 3, "ustar  ");
	tar_data(a, "xx", 3);
	tar_file(a, "nnnnnn", "gnu");
	snprintf(pax, sizeof(pax), "9 a=bcde\n210 path=%.200s\n9 size=3\n", name);
	tar_header(a, "pax", 'x', strlen(pax), "ustar");
	tar_data(a, pax, strlen(pax));
	tar_header(a, "p", '0', 99, "ustar"); /* the size of the pax header counts */
	tar_data(a, "pax", 3);
	tar_file(a, "last", "text");
	tar_end(a);
	snprintf(expect, sizeof(expect), "%s <> gnu\n%s <> pax\nlast <> text\n", name, name);
	record_check(pool, "", "", a->p, a->n, expect, 0);
	free(a);
}

/* GNU: base-256 sizes; a sparse file whose map goes on in blocks of its own. */
static void test_gnu(void **state)
{
	struct tar_out *a = calloc(1, sizeof(*a));
	uint8_t *b;

	(void)state;
	b = tar_header(a, "big", '0', 0, "ustar  ");
	memcpy(b + 124, "\x80\0\0\0\0\0\0\0\0\0\0\x04", 12);
	checksum(b);
	tar_data(a, "base", 4);
	b = tar_header(a, "sparse", 'S', 4, "ustar  ");
	b[482] = 1;
	checksum(b);
	memset(a->p + a->n, '1', 504);
	a->p[a->n + 504] = 1;
	a->n += 512;
	tar_data(a, "222", 3);
	tar_data(a, "data", 4);
	tar_file(a, "last", "text");
	tar_end(a);
	record_check(pool, "", "", a->p, a->n, "big <> base\nsparse <> data\nlast <> text\n", 0);
	free(a);
}

static void test_broken(void **state)
{
	struct tar_out *a = calloc(1, sizeof(*a));
	struct record *r = malloc(sizeof(*r));
	uint8_t *b;

	(void)state;
	tar_file(a, "a", "first");
	b = tar_header(a, "b", '0', 600, "ustar");
	b[3] = 'x'; /* the sum is wrong: its data is no header either */
	tar_data(a, "some data that is lost", 22);
	a->n += 512;
	tar_file(a, "c", "third");
	record_check(pool, "", "", a->p, a->n, "a <> first\nc <> third\n", CONTENT_BROKEN);
	b = tar_header(a, "d", '0', 0, "ustar");
	memcpy(b + 124, "\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12);
	checksum(b);
	tar_file(a, "e", "last");
	record_check(pool, "", "", a->p, a->n, "a <> first\nc <> third\ne <> last\n", CONTENT_BROKEN);
	for (size_t n = 1; n < a->n; n += 7)
		record_body(pool, r, "", "", a->p, n, 0, n);
	for (size_t bit = 0; bit < 512 * 8; bit++) {
		a->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		record_body(pool, r, "", "", a->p, a->n, 0, 1000);
		a->p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(r);
	free(a);
}

/* Records of a pax header that end with what should stand within them: the last one at the very end of what
 * is kept, where nothing may be read behind it. */
static void test_pax_lies(void **state)
{
	struct tar_out *a = calloc(1, sizeof(*a));
	char pax[2049];

	(void)state;
	tar_header(a, "pax", 'x', 14, "ustar");
	tar_data(a, "7 path=7 size=", 14);
	tar_file(a, "name", "text");
	memset(pax, 'x', sizeof(pax));
	memcpy(pax, "2041 comment=", 13);
	memcpy(pax + 2041, "7 path=", 7);
	tar_header(a, "pax", 'x', 2048, "ustar");
	tar_data(a, pax, 2048);
	tar_file(a, "last", "more");
	tar_end(a);
	record_check(pool, "", "", a->p, a->n, "name <> text\nlast <> more\n", 0);
	free(a);
}

static void test_text_is_none(void **state)
{
	char text[600];

	(void)state;
	memset(text, 'x', sizeof(text));
	record_check(pool, "", "", "name", 4, "body <> name\n", 0);
	record_check(pool, "", "", "name\0\0\0\0\0\0", 10, "", CONTENT_BINARY);
	text[sizeof(text) - 1] = 0;
	record_check(pool, "", "", text, 90,
	        "body <> xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
	        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
	        0);
}

/* Bytes missing, how many is known: every file that begins behind them is read. */
static void test_gaps(void **state)
{
	struct tar_out *a = calloc(1, sizeof(*a));
	struct record *r = malloc(sizeof(*r));
	size_t end;

	(void)state;
	tar_file(a, "a", "first");
	tar_file(a, "b", "second");
	end = a->n;
	tar_file(a, "c", "third");
	tar_end(a);
	for (size_t from = 512; from < end; from += 37)
		for (size_t to = from + 1; to <= end; to += 41) {
			reader_gap(r, "", a->p, from, to - from, a->p + to, a->n - to);
			assert_non_null(strstr(r->text, "c <> third\n"));
		}
	free(r);
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_files),
	        cmocka_unit_test(test_long_names),
	        cmocka_unit_test(test_gnu),
	        cmocka_unit_test(test_broken),
	        cmocka_unit_test(test_pax_lies),
	        cmocka_unit_test(test_text_is_none),
	        cmocka_unit_test(test_gaps),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
