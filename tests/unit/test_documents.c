/* test_documents.c - documents that real programs wrote (tests/documents/README): what was put into them is
 * found, in whatever pieces they come. */
#include "tests/unit/content_reader.h"

#include <stdio.h>

#define FOLDER   "tests/documents/"
#define FILE_MAX (256u << 10)

struct document {
	const char *name;
	unsigned skip;
	const char *holds[8]; /* with the line's beginning where it matters */
};

#define CARD        "Card 4111 1111 1111 1111 of J\xc3\xb6rg M\xc3\xbcller, see the list."
#define CARD_IN_TWO "Card 4111 1111 1111 1111 of J\xc3\xb6rg M\xc3\xbcller, see "
#define LINK        "https://shop.example/list?token=ghp_0123456789abcdefghijABCDEFGHIJ012345"
#define IBAN        "IBAN DE89 3704 0044 0532 0130 00"
#define NOTE        "Speaker: key AKIAIOSFODNN7EXAMPLE"

static const struct document documents[] = {
        {"pandoc.docx", 0,
                {"word/document.xml <> ", CARD, LINK, IBAN, NOTE, "creator: Jane Doe", "078-05-1120"}},
        {"libreoffice.docx", 0,
                {"word/document.xml <> ", CARD, LINK, IBAN, NOTE, "creator: Jane Doe", "078-05-1120"}},
        {"pandoc.odt", 0, {"content.xml <> ", CARD, LINK, IBAN, NOTE, "creator: Jane Doe", "078-05-1120"}},
        {"pandoc.pptx", 0,
                {"ppt/slides/slide2.xml <> ", CARD, LINK, IBAN, NOTE, "creator: Jane Doe", "078-05-1120"}},
        {"pandoc.epub", 0, {"EPUB/text/ch001.xhtml <> ", CARD, LINK, IBAN, NOTE, "Jane Doe", "078-05-1120"}},
        {"openpyxl.xlsx", 0,
                {"xl/worksheets/sheet1.xml <> "
                 "Name\tCard\tIBAN\nBob\t4111111111111111\tDE89370400440532013000\n",
                        "Jane Doe\nSSN 078-05-1120"}},
        {"libreoffice.xlsx", 0, {"xl/sharedStrings.xml <> Name\nCard\nIBAN\nBob\nDE89370400440532013000\n"}},
        {"libreoffice.ods", 0, {"\n4111111111111111\n", "DE89370400440532013000", "SSN 078-05-1120"}},
        {"infozip-stream.zip", 0, {"- <> ---\ntitle: Quarterly memo", IBAN}},
        {"python-stream.zip", 0,
                {"notes.md <> ---\ntitle: Quarterly memo", "\ndeflated.md <> ---\ntitle", IBAN}},
        {"pandoc.rtf", 0, {"body <> Quarterly memo", CARD_IN_TWO, LINK, IBAN, NOTE, "\nBob\n078-05-1120\n"}},
        {"libreoffice.rtf", 0,
                {"body <> Quarterly memo", CARD_IN_TWO, LINK, IBAN, NOTE, "\nBob\t078-05-1120\n"}},
        /* only runs of text are */
        {"libreoffice.doc", CONTENT_UNSUPPORTED, {CARD_IN_TWO, LINK, IBAN, NOTE, "078-05-1120"}},
        {"gnu-pax.tar", 0, {"notes.md <> ---\ntitle", "pandoc.epub.EPUB/text/ch001.xhtml <> ", CARD, IBAN}},
        {"python.eml", 0,
                {"Subject <Subject> Zahlung f\xc3\xbcr IBAN DE89 3704 0044 0532 0130 00, mit "
                 "Gr\xc3\xbc\xc3\x9f"
                 "en",
                        "part[0] <> Hallo,\n\nCard 4111 1111 1111 1111 of J\xc3\xb6rg",
                        "<p>Card 4111 1111 1111 1111 of J\xc3\xb6rg</p>",
                        "part[1] <> Name,SSN\nBob,078-05-1120\n", "part[2].EPUB/text/ch001.xhtml <> ", CARD}},
        {"python.mbox", 0,
                {"mail[0] <> caf\xc3\xa9 AKIAIOSFODNN7EXAMPLE", "mail[1].Subject <Subject> Zahlung", CARD}},
        {"libreoffice.pdf", 0,
                {"page <> Quarterly memo\nJane Doe\nCustomers\n" CARD, LINK, "1 " IBAN, NOTE,
                        "Author <Author> Jane Doe", "\nBob\t078-05-1120\n"}},
        {"reportlab.pdf", 0,
                {"page <> " CARD "\nName\tSSN\nBob\t078-05-1120\n" NOTE "\n", "Author <Author> Jane Doe",
                        "Title <Title> Quarterly memo"}},
        {"cairo.pdf", 0,
                {"page <> " CARD "\n",
                        "page <> \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 " IBAN "\n"}},
        {"ghostscript.pdf", 0, {"page <> ---\ntitle: Quarterly memo", "\n[^1]: " IBAN "\n", "\n" NOTE "\n"}},
        {"wkhtmltopdf.pdf", 0,
                {"page <> Quarterly memo\nJane Doe\nCustomers\n" CARD, LINK, IBAN, NOTE,
                        "Bob\t078-05-1120\n"}},
};

static size_t slurp(const char *name, uint8_t *out)
{
	char path[256];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), FOLDER "%s", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(out, 1, FILE_MAX, f);
	fclose(f);
	assert_true(n > 0 && n < FILE_MAX);
	return n;
}

static void check(const struct document *d, const uint8_t *p, size_t n)
{
	struct record *whole = malloc(sizeof(*whole)), *r = malloc(sizeof(*r));

	record_body(pool, whole, "", "", p, n, 0, n);
	for (size_t i = 0; i < 8 && d->holds[i]; i++)
		if (!strstr(whole->text, d->holds[i]))
			fail_msg("%s: no \"%s\" in:\n%.3000s", d->name, d->holds[i], whole->text);
	if (whole->skip != d->skip)
		fail_msg("%s: skip %u, not %u", d->name, whole->skip, d->skip);
	record_body(pool, r, "", "", p, n, 0, 1);
	assert_string_equal(r->text, whole->text);
	assert_int_equal(r->skip, whole->skip);
	for (size_t cut = 1; cut < n; cut += 1 + n / 100) {
		record_body(pool, r, "", "", p, n, cut, 0);
		assert_string_equal(r->text, whole->text);
		assert_int_equal(r->skip, whole->skip);
	}
	free(whole);
	free(r);
}

static void test_found(void **state)
{
	uint8_t *p = malloc(FILE_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
		check(&documents[i], p, slurp(documents[i].name, p));
	free(p);
}

/* Cut anywhere, and with single bits wrong: nothing but less text. */
static void test_cut_and_broken(void **state)
{
	struct record *r = malloc(sizeof(*r));
	uint8_t *p = malloc(FILE_MAX);

	(void)state;
	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		size_t n = slurp(documents[i].name, p);

		for (size_t len = 1; len < n; len += 1 + n / 100)
			record_body(pool, r, "", "", p, len, 0, len);
		for (size_t bit = 7; bit < n * 8; bit += 1 + n * 8 / 101) {
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
			record_body(pool, r, "", "", p, n, 0, n);
			p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	free(p);
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_found),
	        cmocka_unit_test(test_cut_and_broken),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
