/* test_multipart.c - multipart bodies (RFC 2046 5.1, RFC 7578): delimiters, part heads, transfer encodings.
 */
#include "classify/content/nest.h"
#include "tests/unit/content_reader.h"

#define TYPE "multipart/form-data; boundary=XX"

static void check(const char *type, const char *body, const char *expect, unsigned skip)
{
	record_check(pool, type, "", body, strlen(body), expect, skip);
}

static void test_form_data(void **state)
{
	static const char body[] =
	        "--XX\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nsome text\r\n"
	        "--XX\r\ncontent-disposition: form-data; name=file; filename=\"list.txt\"\r\n"
	        "Content-Type: text/plain\r\n\r\nline one\r\nline two\r\n\r\n--XX--\r\n";
	struct record *r = malloc(sizeof(*r));

	(void)state;
	check(TYPE, body, "part.note <note> some text\npart.file <file> line one\r\nline two\r\n\n", 0);
	record_body(pool, r, TYPE, "", body, strlen(body), 0, 1);
	assert_string_equal(r->files, "list.txt\n");
	free(r);
}

/* RFC 7578 knows no codings of parts; senders do. */
static void test_coded_parts(void **state)
{
	static const char body[] =
	        "--XX\r\nContent-Disposition: form-data; name=f\r\nContent-Encoding: deflate\r\n\r\n"
	        "\170\332\253\126\112\124\262\122\312\314\123\110\124\050\110\054\052\121\252\005\000\054\262"
	        "\005\113\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=g\r\nContent-Encoding: utf-8\r\n\r\n"
	        "plain\r\n--XX--\r\n";

	(void)state;
	record_check(pool, TYPE, "", body, sizeof(body) - 1, "part.f.a <a> in a part\npart.g <g> plain\n", 0);
}

/* A part is read like a body: by its first bytes. */
static void test_structured_parts(void **state)
{
	(void)state;
	check(TYPE,
	        "--XX\r\nContent-Disposition: form-data; "
	        "name=data\r\n\r\n{\"inputs\":\"a\\nb\",\"l\":[\"c\"]}\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=f\r\nContent-Type: "
	        "application/x-www-form-urlencoded\r\n\r\n"
	        "q=a+b\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=img\r\nContent-Type: "
	        "text/plain\r\n\r\n\x89PNG\r\n\x1a\n\1\1\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=s\r\n\r\n\"quoted\"\r\n--XX--",
	        "part.data.inputs <inputs> a\nb\npart.data.l[0] <l> c\npart.f.q <q> a b\npart.s <s> quoted\n",
	        CONTENT_BINARY);
}

static void test_boundaries(void **state)
{
	(void)state;
	/* quoted, with blanks; bare LF; blanks behind delimiters; lines that only begin like one */
	check("multipart/mixed; charset=x; Boundary=\"a b'c\"",
	        "--a b'c \t\nContent-Disposition: x; name=n\n\none\n--a b'\n--a b'cd\n-\n--\n--a "
	        "b'c-\nend\n--a b'c--\n",
	        "part.n <n> one\n--a b'\n--a b'cd\n-\n--\n--a b'c-\nend\n", 0);
	check(TYPE, "--XX\r\n\r\nfirst\r\n--XX\r\n\r\nsecond\r\n--XX--",
	        "part[0] <> first\npart[1] <> second\n", 0);
	/* no content; CRs that belong to it */
	check(TYPE, "--XX\r\nContent-Disposition: x; name=a\r\n\r\n\r\n--XX\r\n\r\nx\r\r\n\ry\r\r\n--XX--",
	        "part[1] <> x\r\r\n\ry\r\n", 0);
	/* the closing delimiter is missing */
	check(TYPE, "--XX\r\n\r\ncut", "part[0] <> cut\n", CONTENT_BROKEN);
	check(TYPE, "--XX\r\n\r\ncut\r\n--XX", "part[0] <> cut\n", CONTENT_BROKEN);
	check(TYPE, "--XX\r\n\r\ncut\r\n--X", "part[0] <> cut\r\n--X\n", CONTENT_BROKEN);
	/* no delimiter at all, or another's: read like any body */
	check(TYPE, "{\"a\":\"b\"}", "a <a> b\n", CONTENT_BROKEN);
	check(TYPE, "--YY\r\ntext\r\n--YY--", "body <> --YY\r\ntext\r\n--YY--\n", CONTENT_BROKEN);
	check("multipart/form-data", "--YY\r\ntext", "body <> --YY\r\ntext\n", 0);
}

static void test_outside(void **state)
{
	(void)state;
	check(TYPE, "preamble\r\n--XX\r\n\r\npart\r\n--XX--\r\nepilogue AKIA\r\n--XX\r\n",
	        "body <> preamble\npart[0] <> part\nbody <> epilogue AKIA\r\n--XX\r\n\n", 0);
	/* also on the line of the last delimiter, where only blanks belong */
	check(TYPE, "--XX\r\n\r\npart\r\n--XX--  \r\nend", "part[0] <> part\nbody <> end\n", 0);
	check(TYPE, "--XX\r\n\r\npart\r\n--XX-- AKIA\r\nend", "part[0] <> part\nbody <> AKIA\r\nend\n", 0);
}

static void test_part_heads(void **state)
{
	static const char body[] =
	        "--XX\r\nContent-Disposition: form-data;\r\n "
	        "name=\"a\\\"b\";\r\n\tfilename*=UTF-8''%e2%82%ac%20x.txt;"
	        " filename=\"old.txt\"\r\n\r\n1\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=\"p\"; "
	        "filename=\"C:\\dir\\new.txt\"\r\n\r\n2\r\n"
	        "--XX\r\nno head at all\r\nbut text\r\n"
	        "--XX\r\nContent-Disposition : form-data ; NAME = \"sp\" \r\n\r\n3\r\n--XX--";
	struct record *r = malloc(sizeof(*r));

	(void)state;
	check(TYPE, body,
	        "part.a\"b <a\"b> 1\npart.p <p> 2\npart[2] <> no head at all\r\nbut text\npart.sp <sp> 3\n",
	        0);
	record_body(pool, r, TYPE, "", body, strlen(body), 0, 3);
	assert_string_equal(r->files, "\u20ac x.txt\nC:\\dir\\new.txt\n");
	free(r);
}

static void test_endless_head(void **state)
{
	char *body = malloc(20000), *p = body;
	struct record *r = malloc(sizeof(*r));

	(void)state;
	p = stpcpy(p, "--XX\r\nContent-Disposition: form-data; name=n\r\nX-A: ");
	memset(p, 'a', 9000);
	p = stpcpy(p + 9000, " AKIAEND\r\n\r\ntext\r\n--XX--");
	for (size_t step = 1; step < 6000; step = step * 3 + 1) {
		record_body(pool, r, TYPE, "", body, (size_t)(p - body), 0, step);
		assert_non_null(strstr(r->text, "part.n <n> "));
		assert_non_null(strstr(r->text, "AKIAEND"));
		assert_non_null(strstr(r->text, "text\n"));
	}
	free(r);
	free(body);
}

static void test_transfer_encodings(void **state)
{
	(void)state;
	check(TYPE,
	        "--XX\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: x; name=b\r\n\r\n"
	        "eyJrIjoi\r\nQUtJQSJ9\r\n"
	        "--XX\r\nContent-Transfer-Encoding: BASE64\r\n\r\naGVsbG8=\r\n"
	        "--XX\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8\r\n"
	        "--XX\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc=20d=ZZ "
	        "e=\nf=\r\n--XX--",
	        "part.b.k <k> AKIA\npart[1] <> hello\npart[2] <> hello\npart[3] <> a=bc d=ZZ ef=\n", 0);
	/* not what it says */
	check(TYPE, "--XX\r\nContent-Transfer-Encoding: base64\r\n\r\n-- my key: AKIA\r\n--XX--",
	        "part[0] <> -- my key: AKIA\n", CONTENT_BROKEN);
}

static void test_nested(void **state)
{
	(void)state;
	check(TYPE,
	        "--XX\r\nContent-Disposition: form-data; name=files\r\nContent-Type: multipart/mixed; "
	        "boundary=YY\r\n\r\n"
	        "--YY\r\nContent-Disposition: file; filename=a.txt\r\n\r\none\r\n"
	        "--YY\r\nContent-Disposition: file; name=own\r\n\r\ntwo\r\n--YY--\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=last\r\n\r\nthree\r\n--XX--",
	        "part.files.part[0] <files> one\npart.own <own> two\npart.last <last> three\n", 0);
	/* the inner one is not closed */
	check(TYPE,
	        "--XX\r\nContent-Type: multipart/mixed; "
	        "boundary=YY\r\n\r\n--YY\r\n\r\none\r\n--XX\r\n\r\ntwo\r\n--XX--",
	        "part[0].part[0] <> one\npart[1] <> two\n", 0);
}

/* Names that may hold data are text, whatever stands in the part. */
static void test_long_names(void **state)
{
	(void)state;
	check(TYPE,
	        "--XX\r\nContent-Disposition: form-data; name=\"fifteen letters\"\r\n\r\na\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=\"card 4111111111111111\"\r\n\r\n"
	        "--XX\r\nContent-Disposition: form-data; name*=UTF-8''card%204111111111111111\r\n\r\nb\r\n"
	        "--XX--",
	        "part.fifteen letters <fifteen letters> a\npart{} <> card 4111111111111111\n"
	        "part{} <> card 4111111111111111\npart.card 4111111111111111 <card 4111111111111111> b\n",
	        0);
	/* one that is cut off, and one inside */
	check(TYPE,
	        "--XX\r\nContent-Disposition: form-data; name=o\r\nContent-Type: multipart/mixed; "
	        "boundary=YY\r\n\r\n--YY\r\nContent-Disposition: file; name=sixteen-letters-1\r\n\r\nx\r\n"
	        "--YY--\r\n--XX\r\nContent-Disposition: form-data; name=sixteen-letters-2",
	        "part.o.part{} <> sixteen-letters-1\npart.sixteen-letters-1 <sixteen-letters-1> x\n"
	        "part{} <> sixteen-letters-2\n",
	        CONTENT_BROKEN);
}

/* A message of e-mail that is uploaded: its parts are told apart, as deep as they lie. */
static void test_mail_in_form(void **state)
{
	(void)state;
	check(TYPE,
	        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"m.eml\"\r\n"
	        "Content-Type: message/rfc822\r\n\r\n"
	        "Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=YY\r\n\r\n"
	        "--YY\r\nContent-Type: multipart/alternative; boundary=ZZ\r\n\r\n"
	        "--ZZ\r\n\r\nplain\r\n--ZZ\r\nContent-Type: text/html\r\n\r\nmarked\r\n--ZZ--\r\n"
	        "--YY\r\nContent-Type: text/plain; name=\"a.txt\"\r\n"
	        "Content-Transfer-Encoding: base64\r\n\r\nYXR0YWNoZWQ=\r\n--YY--\r\n"
	        "--XX--",
	        "part.file.Subject <Subject> s\npart.file.MIME-Version <MIME-Version> 1.0\n"
	        "part.file.Content-Type <Content-Type> multipart/mixed; boundary=YY\n"
	        "part.file.part[0].part[0] <file> plain\npart.file.part[0].part[1] <file> marked\n"
	        "part.file.part[1] <file> attached\n",
	        0);
}

static void test_nesting_limit(void **state)
{
	char body[2000], *p = body;
	struct record *r = malloc(sizeof(*r));

	(void)state;
	for (char c = 'a'; c < 'a' + NEST_DEPTH_MAX + 4; c++) {
		p = stpcpy(stpcpy(p, "--"), c == 'a' ? "XX" : (char[]){(char)(c - 1), 'b', 0});
		p = stpcpy(stpcpy(p, "\r\nContent-Type: multipart/mixed; boundary="), (char[]){c, 'b', 0});
		p = stpcpy(p, "\r\n\r\n");
	}
	p = stpcpy(p, "deep AKIA");
	record_body(pool, r, TYPE, "", body, (size_t)(p - body), 0, 11);
	assert_true(r->skip & CONTENT_LIMIT);
	assert_non_null(strstr(r->text, "deep AKIA"));
	free(r);
}

static void test_gap(void **state)
{
	static const char body[] =
	        "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nsome text here\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=b\r\n\r\nAKIA\r\n"
	        "--XX\r\nContent-Disposition: form-data; name=c\r\n\r\nlast AKIB\r\n--XX--\r\n";
	struct record *r = malloc(sizeof(*r));
	size_t n = strlen(body), last = (size_t)(strstr(body, "AKIA\r\n") - body);

	(void)state;
	for (size_t cut = 0; cut + 9 <= last; cut++) {
		struct text_sink out = record_sink(r);
		struct message m = {.content_type = SLICE(TYPE)};
		struct content *c = content_open(pool, &m, &out);

		content_feed(c, (const uint8_t *)body, cut);
		content_gap(c, 9);
		content_feed(c, (const uint8_t *)body + cut + 9, n - cut - 9);
		assert_true(content_close(c, NULL) & CONTENT_GAP);
		assert_non_null(strstr(r->text, "AKIA"));
		assert_non_null(strstr(r->text, "part.c <c> last AKIB\n"));
	}
	free(r);
}

static void test_flips_and_prefixes(void **state)
{
	static const char body[] = "--XX\r\nContent-Disposition: form-data; name=\"a\"; filename*=u''%41\r\n"
	                           "Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n--XX\r\n"
	                           "Content-Type: multipart/mixed; "
	                           "boundary=YY\r\n\r\n--YY\r\n\r\n{\"a\":\"b\"}\r\n--YY--\r\n--XX--\r\n";

	(void)state;
	reader_damaged(TYPE, body, sizeof(body) - 1, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_form_data),
	        cmocka_unit_test(test_coded_parts),
	        cmocka_unit_test(test_structured_parts),
	        cmocka_unit_test(test_boundaries),
	        cmocka_unit_test(test_outside),
	        cmocka_unit_test(test_part_heads),
	        cmocka_unit_test(test_endless_head),
	        cmocka_unit_test(test_transfer_encodings),
	        cmocka_unit_test(test_nested),
	        cmocka_unit_test(test_mail_in_form),
	        cmocka_unit_test(test_long_names),
	        cmocka_unit_test(test_nesting_limit),
	        cmocka_unit_test(test_gap),
	        cmocka_unit_test(test_flips_and_prefixes),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
