/* test_runs.c - binary formats that are not read as what they are: runs of text in some, nothing in others.
 */
#include "tests/unit/content_reader.h"

#define OLE "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

struct row {
	const char *bytes;
	size_t n;
	const char *expect;
	unsigned skip;
};

#define ROW(bytes, expect, skip)                                                                             \
	{                                                                                                    \
		bytes, sizeof(bytes) - 1, expect, skip                                                       \
	}

static const struct row rows[] = {
        ROW(OLE "\0\1short\0longer text\2\3next one\0\0", "body <> longer text\nnext one\n",
                CONTENT_UNSUPPORTED),
        ROW(OLE "\0\0w\0i\0d\0e\0 \0t\0e\0x\0t\0\xff\xff narrow one", "body <> wide text\n narrow one\n",
                CONTENT_UNSUPPORTED),
        ROW(OLE "\0\1\0w\0i\0d\0e\0\x19\x20\x3f\x04\xe9\0!\0\0\0x",
                "body <> wide\xe2\x80\x99\xd0\xbf\xc3\xa9!\n", CONTENT_UNSUPPORTED),
        ROW(OLE "\1Caf latin \xe9 and \xc3\xa9\x80\0",
                "body <> Caf latin \xc3\xa9 and \xc3\xa9\xe2\x82\xac\n", CONTENT_UNSUPPORTED),
        ROW(OLE "\1\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9", "", CONTENT_UNSUPPORTED),
        ROW("SQLite format 3\0\x10\0\1\1\0\x40\x20\x20password hunter2\0",
                "body <> SQLite format 3\n@  password hunter2\n", CONTENT_UNSUPPORTED),
        ROW("7z\xbc\xaf\x27\x1c\0\4some text in it", "", CONTENT_UNSUPPORTED),
        ROW("Rar!\x1a\x07\1\0some text in it", "", CONTENT_UNSUPPORTED),
        ROW("BZh91AY&SY\xff\0", "", CONTENT_UNSUPPORTED),
        ROW("BZh91AY&SY is bzip2", "body <> BZh91AY&SY is bzip2\n", 0),
        ROW("PAR1\x15\4\x15", "", CONTENT_UNSUPPORTED),
        ROW("PAR1 is the best", "body <> PAR1 is the best\n", 0),
        ROW("Salted__\x80\x99\x12\x34", "", CONTENT_UNSUPPORTED),
        ROW("age-encryption.org/v1\n-> X25519 abc", "", CONTENT_UNSUPPORTED),
        ROW("age-encryption.org/v1 is a header", "body <> age-encryption.org/v1 is a header\n", 0),
};

static void test_formats(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		record_check(pool, "", "", rows[i].bytes, rows[i].n, rows[i].expect, rows[i].skip);
}

static void test_prefixes_and_flips(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		reader_damaged("", rows[i].bytes, rows[i].n, 1);
}

static void test_gap(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct text_sink out = record_sink(r);
	struct message m = {0};
	struct content *c = content_open(pool, &m, &out);

	(void)state;
	content_feed(c, (const uint8_t *)OLE "\0this is cut", 20);
	content_gap(c, 100);
	content_feed(c, (const uint8_t *)"here and on\0", 12);
	r->skip = content_close(c, NULL);
	assert_string_equal(r->text, "body <> this is cut CUT\nbody <> here and on\n");
	assert_int_equal(r->skip, CONTENT_GAP | CONTENT_UNSUPPORTED);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_formats),
	        cmocka_unit_test(test_prefixes_and_flips),
	        cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
