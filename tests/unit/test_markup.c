/* test_markup.c - XML and HTML: what stays, what goes, references, charsets, parts within. */
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

#define HTML "<!doctype html>"
#define W                                                                                                    \
	"<?xml version='1.0'?><w:document "                                                                  \
	"xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">"
#define S                                                                                                    \
	"<?xml version='1.0'?><worksheet "                                                                   \
	"xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\">"
#define ODF                                                                                                  \
	"<?xml version='1.0'?><office:document "                                                             \
	"xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\">"

/* XML of nobody's vocabulary stays as it is, but for references, CDATA and its declaration. */
static void test_xml(void **state)
{
	(void)state;
	check("<?xml version=\"1.0\"?><a b='c'>d<e/>f</a>", "body <> <a b='c'>d<e/>f</a>\n");
	check("<?xml version=\"1.0\"?>\n<password x=\"&quot;1\">hunter&#50;&amp;&#x33;&lt;</password>",
	        "body <> \n<password x=\"\"1\">hunter2&3<</password>\n");
	check("<?xml version=\"1.0\"?><a>4111 <![CDATA[11]]><![CDATA[11 <1111> ]]]]><![CDATA[> 1111]]></a>",
	        "body <> <a>4111 1111 <1111> ]]> 1111</a>\n");
	check("<?xml version=\"1.0\"?><a>&unknown; &#0; &#x110000; &; & a&</a>",
	        "body <> <a>&unknown; &#0; &#x110000; &; & a&</a>\n");
	check("<?xml version=\"1.0\"?><!-- key AKIA --><a><!--- -- - --></a><?php $pw = 'x'; ?\?><?x?>",
	        "body <> <!-- key AKIA --><a><!--- -- - --></a><?php $pw = 'x'; ?\?><?x?>\n");
	check("<?xml version=\"1.0\"?><a>1 < 2, <3, </ 4</a", "body <> <a>1 < 2, <3, </ 4</a\n");
	check_as("application/soap+xml", "<b:x>y</b:x>", "body <> <b:x>y</b:x>\n");
	check_as("text/plain", "<b:x>y</b:x>&lt;", "body <> <b:x>y</b:x>&lt;\n");
	/* <b> of an unknown vocabulary is not that of HTML */
	check("<?xml version='1.0'?><a><b c='d'>e</b></a>", "body <> <a><b c='d'>e</b></a>\n");
}

/* XML 1.0 4.4: what a document type defines is text, and never expanded. */
static void test_entities(void **state)
{
	(void)state;
	check("<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"the [secret]> text\"> <!ENTITY c "
	      "\"&b;&b;\">]>"
	      "<a>&c;</a>",
	        "body <> <!DOCTYPE a [<!ENTITY b \"the [secret]> text\"> <!ENTITY c "
	        "\"&b;&b;\">]><a>&c;</a>\n");
	check(HTML "a&nbsp;b &eacute;&shy;x&commat;y&period;z &euro; &apos;&notit; &amp",
	        "body <> " HTML "a b \xc3\xa9x@y.z \xe2\x82\xac '&notit; &amp\n");
}

static void test_html(void **state)
{
	(void)state;
	/* a value cut by tags; blanks stay where they were */
	check(HTML "<p class=x>Card 4111 <b>1111</b> <i>1111</i> <span\n>1111</span></p>",
	        "body <> " HTML "<p class=x>Card 4111 1111 1111 1111</p>\n");
	/* attributes of lifted tags follow the line */
	check(HTML "<p>see <a href=\"https://x/?key=AKIA&amp;b\" id=''>here</a>, please<p>",
	        "body <> " HTML "<p>see here, please\nhref=https://x/?key=AKIA&b\n<p>\n");
	/* within a word both readings are told */
	check(HTML "<p>Mail<span>jane@x.example</span>Fax<br>5</p>",
	        "body <> " HTML "<p>Mailjane@x.exampleFax\nMail jane@x.example\nMailjane@x.example Fax\n<br>5"
	        "</p>\n");
	/* comments, scripts, styles and forms are where secrets stand */
	check(HTML "<!-- pw: x --><script>var k = \"<b>&amp;</scrip\";</script><style>a{b:url(c)}</style>",
	        "body <> " HTML
	        "<!-- pw: x --><script>var k = \"<b>&amp;</scrip\";</script><style>a{b:url(c)}</style>\n");
	check("<html><input name=password value='hunter2'><b hidden title=\"x",
	        "body <> <html><input name=password "
	        "value='hunter2'>\nhidden\ntitle=x\n\n");
	check_as("text/html; charset=utf-8", "<div>a<b>b</b></div>", "body <> <div>ab\na b\n</div>\n");
}

static void test_script_json(void **state)
{
	(void)state;
	check(HTML "<script type=\"application/json\">\n{\"user\":{\"mail\":\"a\\u0040b\"}}</script><p>x",
	        "body <> " HTML "<script type=\"application/json\">\n\nscript.user.mail <mail> a@b\n"
	        "body <> </script><p>x\n");
	check(HTML "<script>[\"a\"].map(x => x)</script>",
	        "body <> " HTML "<script>[\"a\"].map(x => x)</script>\n");
}

static void test_office(void **state)
{
	(void)state;
	check(W "<w:body><w:p><w:pPr><w:pStyle w:val=\"x\"/></w:pPr><w:r><w:t xml:space=\"preserve\">Card "
	        "4111 "
	        "11</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>11 1111 </w:t></w:r>\n  "
	        "<w:proofErr/><w:r><w:t>1111</w:t><w:tab/><w:t>a</w:t><w:br/><w:t>b</w:t></w:r></w:p><w:p/>"
	        "<w:p><w:r><w:drawing descr=\"the &amp; picture\"/></w:r></w:p><w:p><w:t>&amp;c</w:t></w:p>",
	        "body <> Card 4111 1111 1111 1111\ta\nb\ndescr=the & picture\n&c\n");
	check(S "<row><c r=\"A1\" t=\"s\"><v>17</v></c><c><v>4111111111111111</v></c><c "
	        "t=\"inlineStr\"><is><t>x y"
	        "</t></is></c></row><row><c><f>A1&amp;\"z\"</f><v>2</v></c></row></worksheet>",
	        "body <> 4111111111111111\tx y\nA1&\"z\"\t2\n");
	check(ODF
	        "<text:p>4111<text:span> 1111</text:span>\n<text:span>1111</text:span><text:s/>1111</text:p>"
	        "<text:p text:style-name=\"P1\">b</text:p><!-- a note --></office:document>",
	        "body <> 4111 1111 1111 1111\nb\na note\n");
	check_as("",
	        "<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/"
	        "core-properties\"><dc:creator>Jane "
	        "Doe</dc:creator><dc:title/><cp:x>1</cp:x></cp:coreProperties>",
	        "body <> <cp:coreProperties "
	        "xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/"
	        "core-properties\"><dc:creator>Jane "
	        "Doe</dc:creator><dc:title/><cp:x>1</cp:x></cp:coreProperties>\n");
	check("<?xml version=\"1.0\"?><cp:coreProperties "
	      "xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/"
	      "metadata/core-properties\"><dc:creator>Jane Doe</dc:creator><dc:title/><cp:x>1</cp:x>",
	        "body <> creator: Jane Doe\nx: 1\n");
}

/* A whole document in one file: what it says of itself stands beside its text. */
static void test_flat_office(void **state)
{
	(void)state;
	check(ODF "<office:meta/><text:p>a<text:span>b</text:span></text:p><office:meta><meta:keyword>SSN"
	          "</meta:keyword><meta:keyword>157-30-2688</meta:keyword><dc:description>password: x"
	          "</dc:description></office:meta><office:settings><c:item>0</c:item><c:item>1</c:item>"
	          "</office:settings><text:p>c<text:span>d</text:span></text:p></office:document>",
	        "body <> ab\nkeyword: SSN\nkeyword: 157-30-2688\ndescription: password: x\nitem: 0\n"
	        "item: 1\ncd\n");
	check("<?xml version='1.0'?><pkg:package "
	      "xmlns:pkg=\"http://schemas.microsoft.com/office/2006/xmlPackage\"><cp:coreProperties>"
	      "<dc:creator>Jane</dc:creator><cp:keywords>4111</cp:keywords></cp:coreProperties>"
	      "<w:p><w:t>a</w:t><w:t>b</w:t></w:p></pkg:package>",
	        "body <> creator: Jane\nkeywords: 4111\nab\n");
	check("<?xml version='1.0'?><pkg:package "
	      "xmlns:pkg=\"http://schemas.microsoft.com/office/2006/xmlPackage\"><pkg:part><pkg:xmlData>"
	      "<w:document><w:body><w:p><w:t>a</w:t><w:t>b</w:t></w:p></w:body></w:document></pkg:xmlData>"
	      "</pkg:part><pkg:part><pkg:xmlData><cp:coreProperties><dc:creator>Jane</dc:creator>"
	      "<cp:keywords>4111</cp:keywords></cp:coreProperties></pkg:xmlData></pkg:part></pkg:package>",
	        "body <> ab\ncreator: Jane\nkeywords: 4111\n");
	/* elsewhere such names are those of other elements, within a line too */
	check(ODF
	        "<office:body><text:p>card <text:meta xml:id=\"a\">4929 80<text:span>91 83</text:span>55 7580"
	        "</text:meta></text:p><office:meta/><office:settings><text:p>4111<text:span>11</text:span>"
	        "</text:p></office:settings></office:body></office:document>",
	        "body <> card 4929 8091 8355 7580\n411111\n");
}

static void test_charsets(void **state)
{
	static const char wide[] = "\xff\xfe<\0?\0x\0m\0l\0 \0?\0>\0<\0a\0>\0\xe9\0&\0l\0t\0;\0<\0/\0a\0>\0";

	(void)state;
	check("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a>caf\xe9 \x80 \xc3\xa9</a>",
	        "body <> <a>caf\xc3\xa9 \xe2\x82\xac \xc3\xa9</a>\n");
	check("<?xml version='1.0' encoding='windows-1251'?><a>\xcf\xf0\xe8\xe2\xe5\xf2 &eacute;</a>",
	        "body <> <a>\xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82 \xc3\xa9</a>\n");
	check("<html><meta charset=latin1><p>\xe9", "body <> <html><meta charset=latin1><p>\xc3\xa9\n");
	check("<html><meta content=\"text/html; charset=windows-1252\"><p>\xe9</p>",
	        "body <> <html><meta content=\"text/html; charset=windows-1252\"><p>\xc3\xa9</p>\n");
	check_as("text/html; charset=iso-8859-1", "<html><p>\xe9</p>", "body <> <html><p>\xc3\xa9</p>\n");
	record_check(pool, "", "", wide, sizeof(wide) - 1, "body <> <a>\xc3\xa9<</a>\n", 0);
}

/* Base64 in text and in attributes, also of tags within a line and of offices. */
static void test_data(void **state)
{
#define B64 "dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjI="
	(void)state;
	check("<?xml version=\"1.0\"?><m:file> " B64 "</m:file><b>c</b>",
	        "body <> <m:file> " B64
	        "\nbody(base64) <> the password is hunter2\nbody <> </m:file><b>c</b>\n");
	check(HTML "<img src=\"data:text/plain;base64," B64 "\">x",
	        "body <> " HTML "<img src=\"data:text/plain;base64," B64
	        "\nbody(base64) <> the password is hunter2\nbody <> \">x\n");
	check(HTML "<p>a <a href=\"" B64 "\">b</a> c</p>",
	        "body <> " HTML "<p>a b c\nhref=" B64
	        "\nbody(base64) <> the password is hunter2\nbody <> \n</p>\n");
	check("<?xml version='1.0'?><pkg:package "
	      "xmlns:pkg=\"http://schemas.microsoft.com/office/2006/xmlPackage\">"
	      "<pkg:binaryData>dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjIsIGFu\r\nZCB0aGF0IG9mIHJvb3QgaXMgdGhlIHNhbWUh</"
	      "pkg:binaryData></pkg:package>",
	        "body <> "
	        "dGhlIHBhc3N3b3JkIGlzIGh1bnRlcjIsIGFu\nZCB0aGF0IG9mIHJvb3QgaXMgdGhlIHNhbWUh\nbody(base64) <> "
	        "the password is hunter2, and that of root is the same!\n");
}

/* Nothing is lost when aside is full, names are endless, tags never end. */
static void test_limits(void **state)
{
	enum { N = 9000 };
	char *body = malloc(N + 100), *name = malloc(N + 100);
	struct record *r = malloc(sizeof(*r));
	size_t n, letters = 0;

	(void)state;
	n = (size_t)sprintf(body, HTML "<p>a<a href='");
	memset(body + n, '*', N);
	n += N;
	n += (size_t)sprintf(body + n, "'>b</a></p>");
	record_body(pool, r, "", "", body, n, 0, 100);
	for (size_t i = 0; i < r->n; i++)
		letters += r->text[i] == '*';
	assert_int_equal(letters, N);
	n = (size_t)sprintf(name, "<?xml?><");
	memset(name + n, '*', N);
	record_body(pool, r, "", "", name, n + N, 0, 100);
	letters = 0;
	for (size_t i = 0; i < r->n; i++)
		letters += r->text[i] == '*';
	assert_int_equal(letters, N);
	free(r);
	free(body);
	free(name);
}

/* Short tags within words: what is told of the text around them does not grow with their number, and the next
 * word is told whole. */
static void test_many_tags(void **state)
{
	static const char *const pieces[] = {
	        "x<b>", "x</b>", "x<b/>", "<b>x</b>", "x<b a=1>", "&#65;<i>", "<b>word</b><i>more</i>"};
	enum { N = 1 << 18 };
	char *body = malloc(N + 200);
	struct sum s = {.look = "wholly 4111111111111111"};

	(void)state;
	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		size_t len = strlen(pieces[i]), n = (size_t)sprintf(body, HTML);

		for (; n < N; n += len)
			memcpy(body + n, pieces[i], len);
		n += (size_t)sprintf(
		        body + n, "<p>a line that is long enough to earn it: wholly<b>4111111111111111");
		sum_body(pool, body, n, &s);
		if (s.text > 4 * n + 8192 || !s.found)
			fail_msg("%s: %zu bytes became %llu%s", pieces[i], n, (unsigned long long)s.text,
			        s.found ? "" : ", and the last word is lost");
	}
	free(body);
}

static const char sample[] =
        "<?xml version=\"1.0\" encoding=\"latin1\"?><!DOCTYPE html [<!ENTITY a 'b'>]><html><!-- c --><meta "
        "charset=utf-8><p a=b c='d&amp;'>t\xe9xt <b "
        "e=\"f\">g</b>&lt;&#65;&#x41;<![CDATA[h]]]]><script>{\"i\":\"j\"}"
        "</script><style>k</style><l m=\"data:n\"/></html>";

static void test_prefixes_and_flips(void **state)
{
	(void)state;
	reader_damaged("", sample, sizeof(sample) - 1, 1);
}

static void test_gap(void **state)
{
	struct record *r = malloc(sizeof(*r));

	(void)state;
	for (size_t at = 70; at < sizeof(sample) - 1; at++) {
		reader_gap(r, "", sample, at, 5, "<p>behind <b>it</b></p>", 23);
		assert_non_null(strstr(r->text, "behind"));
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_xml),
	        cmocka_unit_test(test_entities),
	        cmocka_unit_test(test_html),
	        cmocka_unit_test(test_script_json),
	        cmocka_unit_test(test_office),
	        cmocka_unit_test(test_flat_office),
	        cmocka_unit_test(test_charsets),
	        cmocka_unit_test(test_data),
	        cmocka_unit_test(test_limits),
	        cmocka_unit_test(test_many_tags),
	        cmocka_unit_test(test_prefixes_and_flips),
	        cmocka_unit_test(test_gap),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
