/* test_mail.c - messages of e-mail and files of them: header fields, encoded words, bodies, what is no mail.
 */
#include "tests/unit/content_reader.h"

#include <stdio.h>

static void check_as(const char *type, const char *body, const char *expect)
{
	record_check(pool, type, "", body, strlen(body), expect, 0);
}

static void check(const char *body, const char *expect)
{
	check_as("", body, expect);
}

static void test_fields(void **state)
{
	(void)state;
	check("Received: from a\r\n\tby b;\r\n  today\r\nSubject:x\r\nX-Empty:\r\nX-Key : "
	      "k\r\n\r\nthe\r\nbody\r\n",
	        "Received <Received> from a\tby b;  today\nSubject <Subject> x\nX-Key <X-Key> k\nbody <> "
	        "the\r\nbody\r\n\n");
	check("From: a\nTo: b\n\n{\"a\":\"b\"}", "From <From> a\nTo <To> b\na <a> b\n");
	check_as("message/rfc822", "Any: field\n\nbody", "Any <Any> field\nbody <> body\n");
	/* a line that is no field begins the body */
	check("MIME-Version: 1.0\nno field at all\n\nx",
	        "MIME-Version <MIME-Version> 1.0\nbody <> no field at all\n\nx\n");
	check("MIME-Version: 1.0\nSubject: cut", "MIME-Version <MIME-Version> 1.0\nSubject <Subject> cut\n");
	check("MIME-Version: 1.0\ncut", "MIME-Version <MIME-Version> 1.0\nbody <> cut\n");
}

/* RFC 2047 */
static void test_words(void **state)
{
	(void)state;
	check("MIME-Version: =?UTF-8?Q?J=C3=B6rg_M?= =?utf-8?b?w7xsbGVy?= <a>\n\n",
	        "MIME-Version <MIME-Version> J\xc3\xb6rg M\xc3\xbcller <a>\n");
	check("MIME-Version: a =?ISO-8859-1*de?q?=FC?= b =?koi8-r?B?8NLJ18XU?=\n\n",
	        "MIME-Version <MIME-Version> a \xc3\xbc b "
	        "\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82\n");
	/* a character that two words share; a card number in two */
	check("MIME-Version: =?utf-8?q?=C3?=\n =?utf-8?q?=A9_4111_1111?= =?utf-8?q?_1111_1111?=\n\n",
	        "MIME-Version <MIME-Version> \xc3\xa9 4111 1111 1111 1111\n");
	check("MIME-Version: =? =?a?=?x?b? =?utf-8?x?abc?= =?utf-8?q?a=?= =?utf-8?q?=zz?=\n\n",
	        "MIME-Version <MIME-Version> =? =?a?=?x?b? =?utf-8?x?abc?= a==zz\n");
}

static void test_bodies(void **state)
{
	(void)state;
	check("MIME-Version: 1.0\nContent-Type: text/plain;\n charset=iso-8859-1\n"
	      "Content-Transfer-Encoding: quoted-printable\n\ncaf=E9 4111=\n 1111",
	        "MIME-Version <MIME-Version> 1.0\nContent-Type <Content-Type> text/plain; "
	        "charset=iso-8859-1\n"
	        "Content-Transfer-Encoding <Content-Transfer-Encoding> quoted-printable\n"
	        "body <> caf\xc3\xa9 4111 1111\n");
	check("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"xx\"\n\n--xx\n\nfirst\n--xx\n"
	      "Content-Type: application/json; name=\"a.json\"\nContent-Transfer-Encoding: "
	      "base64\n\neyJhIjoi\nYiJ9\n"
	      "--xx\nContent-Type: message/rfc822\n\nSubject: inner\n\ntext\n--xx--\n",
	        "MIME-Version <MIME-Version> 1.0\nContent-Type <Content-Type> multipart/mixed; "
	        "boundary=\"xx\"\n"
	        "part[0] <> first\npart[1].a <a> b\npart[2].Subject <Subject> inner\npart[2] <> text\n");
}

static void test_files(void **state)
{
	static const char body[] =
	        "MIME-Version: 1.0\nContent-Disposition: attachment; filename=a.txt\n\ntext";
	struct record *r = malloc(sizeof(*r));

	(void)state;
	record_body(pool, r, "", "", body, strlen(body), 0, 3);
	assert_string_equal(r->files, "a.txt\n");
	free(r);
}

/* What people write. */
static void test_no_mail(void **state)
{
	static const char *const texts[] = {"From here to there: a story\nof two lines",
	        "Subject: a prompt\nthat goes on without a field", "To: nobody", "Dear all:\nwe",
	        "http://a: b\nc: d", "Subject: one\n\nthe text"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char expect[200];

		snprintf(expect, sizeof(expect), "body <> %s\n", texts[i]);
		check(texts[i], expect);
	}
}

static void test_mbox(void **state)
{
	(void)state;
	check("From a@b Thu Jul  8 12:08:34 2010\nSubject: one\n\ntext\nFrom here on\n\nFrom me, too\n\n"
	      "From c@d  Fri Jul  9 12:08:34 2010\nSubject: two\n\nmore\n\nFrom e@f",
	        "mail[0] <> From a@b Thu Jul  8 12:08:34 2010\nmail[0].Subject <Subject> one\n"
	        "mail[0] <> text\nFrom here on\n\nFrom me, too\n\n\n"
	        "mail[1] <> From c@d  Fri Jul  9 12:08:34 2010\nmail[1].Subject <Subject> two\n"
	        "mail[1] <> more\n\nFrom e@f\n");
	check("From a long way off\nwe saw Mon Jan 5", "body <> From a long way off\nwe saw Mon Jan 5\n");
}

static const char sample[] =
        "From a@b Thu Jul  8 12:08:34 2010\r\nSubject: =?utf-8?q?a=C3=A9?=\r\n "
        "=?utf-8?b?w6k=?=\r\nContent-Type: "
        "multipart/x; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b--\r\n\r\n"
        "From c@d Thu Jul  8 12:08:35 2010\r\nTo: x\r\n\r\ny\r\n";

static void test_prefixes_and_flips(void **state)
{
	(void)state;
	reader_damaged("", sample, sizeof(sample) - 1, 1);
}

static void test_long(void **state)
{
	enum { N = 20000 };
	char *body = malloc(N + 100);
	struct record *r = malloc(sizeof(*r));
	size_t n = (size_t)sprintf(body, "MIME-Version: 1.0\nX: ");

	(void)state;
	memset(body + n, '*', N);
	n += N;
	n += (size_t)sprintf(body + n, "\n\nbody");
	record_body(pool, r, "", "", body, n, 0, 999);
	assert_int_equal(r->n, strlen("MIME-Version <MIME-Version> 1.0\nX <X> \nbody <> body\n") + N);
	/* no name is that long */
	memset(body + 18, '*', N);
	record_body(pool, r, "", "", body, N, 0, 999);
	assert_int_equal(r->n, strlen("MIME-Version <MIME-Version> 1.0\nbody <> \n") + N - 18);
	free(body);
	free(r);
}

static void test_gap(void **state)
{
	struct record *r = malloc(sizeof(*r));

	(void)state;
	for (size_t at = 40; at < sizeof(sample) - 1; at++) {
		static const char behind[] =
		        "\r\n\r\nFrom c@d Thu Jul  8 12:08:35 2010\r\nTo: behind\r\n\r\n";

		reader_gap(r, "", sample, at, 5, behind, sizeof(behind) - 1);
		/* base64 with a hole may decode to zeros */
		assert_non_null(memmem(r->text, r->n, ".To <To> behind\n", 16));
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_fields),
	        cmocka_unit_test(test_words),
	        cmocka_unit_test(test_bodies),
	        cmocka_unit_test(test_files),
	        cmocka_unit_test(test_no_mail),
	        cmocka_unit_test(test_mbox),
	        cmocka_unit_test(test_prefixes_and_flips),
	        cmocka_unit_test(test_long),
	        cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
