/* test_pdf.c - PDF: strings, operators, filters, fonts before and behind their pages, object
 * streams, what is not text, what is broken on purpose. */
#include "tests/unit/pdf_check.h"

#include <time.h>

/* 7.3.4 */
static void test_strings(void **state)
{
	(void)state;
	check_page("BT /F1 12 Tf (a\\)b(c(d))\\\\e\\101\\5x\\\r\nf\\\ng\\n\\q) Tj ET",
	        "page <> a)b(c(d))\\eAxfgq\n");
	check_page("BT /F1 12 Tf <48 65 6C\n6c6F7> Tj ET", "page <> Hellop\n");
	check_page(
	        "BT /F1 12 Tf (caf\\351 \\200) Tj ET % (comment) Tj", "page <> caf\xc3\xa9 \xe2\x82\xac\n");
	check_page("BT /F#31 12 Tf (name) Tj ET", "page <> name\n");
	check_page("BT /F1 12 Tf () Tj ( ) Tj ET (outside) Tj", "page <>  \n");
	check_page("BT /F1 12 Tf (never closed", "page <> never closed\n");
}

/* What text may hold elsewhere it may hold here: lines of base64, text in a string that somebody wrote. */
static void test_what_it_holds(void **state)
{
	struct pdf_out o;

	(void)state;
	check_page(
	        "BT /F1 10 Tf 12 TL 0 700 Td (see) Tj T* (dGhlIHNlY29uZCBwYWdlIHNheXM6) Tj T* [(IHNlY3Jl) 20 "
	        "(dCwgNDExMSBhbmQgbW9y)] TJ T* (ZQ==) Tj T* (or not) Tj ET",
	        "page <> see\ndGhlIHNlY29uZCBwYWdlIHNheXM6\nIHNlY3JldCwgNDExMSBhbmQgbW9y\nZQ==\n"
	        "page(base64) <> the second page says: secret, 4111 and more\npage <> \nor not\n");
	pdf_begin(&o);
	pdf_object(&o, 2,
	        "<< /Title (dGhlIHNlY29uZCBwYWdlIHNheXM6IHNlY3JldCwgNDExMSBhbmQgbW9yZQo=) /Author "
	        "({\"name\": \"Ana\"}) >>");
	check(&o,
	        "Title <Title> dGhlIHNlY29uZCBwYWdlIHNheXM6IHNlY3JldCwgNDExMSBhbmQgbW9yZQo=\n"
	        "Title(base64) <Title> the second page says: secret, 4111 and more\n\nAuthor.name <name> "
	        "Ana\n",
	        0);
}

/* A page that shows one run of base64, longer than what is held of it, and fonts that come behind. */
static void test_long_base64(void **state)
{
	char *content = malloc(60000), *at = content;
	struct pdf_out o;
	struct record *r = malloc(sizeof(*r));

	(void)state;
	at += sprintf(at, "BT /F1 1 Tf ");
	for (unsigned i = 0; i < 500; i++)
		at += sprintf(at, "(%s) Tj ",
		        "dGhlIHNlY29uZCBwYWdlIHNheXM6IHNlY3JldCwgNDExMSBhbmQg"
		        "bW9yZSB0ZXh0IG9mIGl0LCBhbmQgc28gb24gYW5kIG9uLi4K");
	sprintf(at, "(.) Tj ET");
	for (int late = 0; late < 2; late++) {
		pdf_begin(&o);
		if (!late)
			pdf_object(&o, 5, WIN);
		pdf_object(&o, 3, PAGE);
		pdf_flate(&o, 4, "", content, strlen(content));
		if (late)
			pdf_object(&o, 5, WIN);
		pdf_end(&o);
		record_body(pool, r, "", "", o.p, o.n, 0, 977);
		assert_non_null(strstr(r->text, "page(base64) <> the second page says"));
		free(o.p);
	}
	free(content);
	free(r);
}

/* 9.4.3, and marked content and images between */
static void test_operators(void **state)
{
	(void)state;
	check_page("BT /F1 12 Tf 14 TL 72 700 Td (one) Tj (more) Tj T* (two) Tj (three) ' 1 2 (four) \" 0 "
	           "-14 TD (five) "
	           "Tj T* (six) Tj ET",
	        "page <> onemore\ntwo\nthree\nfour\nfive\nsix\n");
	check_page("/Span << /ActualText (no) /MCID 0 >> BDC BT /F1 12 Tf [(4111 11) -20 (11) 30 ( 1111 "
	           "1111)] TJ ET EMC "
	           "[3 2] 0 d BI /W 1 /H 1 ID \x01 (EI) Tj EI BT [(x)] TJ ET",
	        "page <> 4111 1111 1111 1111\nx\n");
	check_page("q 1 0 0 1 0 0 cm BT /F1 10 Tf 1 0 0 1 10 700 Tm (a) Tj ET Q q BT /F1 10 Tf 1 0 0 1 10 "
	           "686 Tm (b) Tj ET Q",
	        "page <> a\nb\n");
}

static void with_encoding(const char *encoding, const char *content, const char *expect)
{
	struct pdf_out o;
	char font[600];

	snprintf(font, sizeof(font), "<< /Type /Font /Subtype /Type1 /BaseFont /X %s >>", encoding);
	pdf_begin(&o);
	pdf_stream(&o, 4, "", content);
	pdf_object(&o, 3, PAGE);
	pdf_object(&o, 5, font);
	pdf_object(&o, 7, "<< /Type /Encoding /BaseEncoding /MacRomanEncoding /Differences [ 1 /A /B ] >>");
	check(&o, expect, 0);
}

/* 9.6.6 and annex D */
static void test_encodings(void **state)
{
	(void)state;
	with_encoding(
	        "/Encoding /MacRomanEncoding", "BT /F1 9 Tf (\\216\\312x) Tj ET", "page <> \xc3\xa9 x\n");
	with_encoding("/Encoding << /Differences [ 65 /germandbls /uni20AC /u1F60 66 /f_i.x 67 /fi /ffl 200 "
	              "/a.sc ] >>",
	        "BT /F1 9 Tf (A\\103\\104\\310b) Tj ET",
	        "page <> \xc3\x9f"
	        "fifflab\n");
	with_encoding("/Encoding 7 0 R", "BT /F1 9 Tf (\\001\\002\\216) Tj ET", "page <> AB\xc3\xa9\n");
	with_encoding("", "BT /F1 9 Tf (A\\256\\014\\035\\047) Tj ET", "page <> Afififl'\n");
}

/* 9.7, 9.10.3: the map comes before the page or behind it */
static void test_composite(void **state)
{
	(void)state;
	for (int first = 0; first < 2; first++) {
		composite(first, CMAP("2 beginbfchar <0001> <0034> <0002> <0031> endbfchar"),
		        "BT /F1 9 Tf <0001000200020002> Tj ET", "page <> 4111\n");
		composite(first,
		        CMAP("1 beginbfrange <0003> <0005> <0041> endbfrange 1 beginbfrange <0007> <0009> "
		             "[<0078> <00660069> <D83DDE00>] endbfrange 1 beginbfchar <000a> /eacute "
		             "endbfchar"),
		        "BT /F1 9 Tf <000300040005000700080009000a> Tj ET",
		        "page <> ABCxfi\xf0\x9f\x98\x80\xc3\xa9\n");
		/* widths: 1 is 600 wide, 2 700, 5 to 7 are 250, others 500 */
		composite(first, CMAP("1 beginbfrange <0001> <0009> <0041> endbfrange"),
		        "BT /F1 10 Tf 0 700 Td <000100020005> Tj 15.5 0 Td <0009> Tj 7.5 0 Td <0009> Tj ET",
		        "page <> ABEI I\n");
	}
}

/* Pages that call different fonts by one name, in whatever order; resources in other objects, or of a parent.
 */
static void test_names(void **state)
{
	static const char *const objects[] = {
	        "10 << /Type /Page /Contents [ 11 0 R 12 0 R ] /Resources 13 0 R >>", "11 S(one) Tj",
	        "12 S(two) Tj", "13 << /Font 14 0 R >>", "14 << /F1 15 0 R >>",
	        "15 << /Type /Font /Subtype /Type1 /Encoding << /Differences [ 111 /O ] >> >>",
	        "20 << /Type /Page /Contents 21 0 R /Parent 22 0 R >>", "21 S(foo) Tj",
	        "22 << /Type /Pages /Resources << /Font << /F1 23 0 R >> >> >>",
	        "23 << /Type /Font /Subtype /Type1 /Encoding << /Differences [ 111 /U ] >> >>",
	        "30 << /Type /Page /Contents 31 0 R /Resources << /Font << /F1 15 0 R >> >> >>",
	        "31 S(foo) Tj"};
	enum { N = sizeof(objects) / sizeof(objects[0]) };

	(void)state;
	for (unsigned turn = 0; turn < N * 2; turn++) {
		struct record *r = malloc(sizeof(*r));
		struct pdf_out o;
		char text[400];

		pdf_begin(&o);
		for (unsigned i = 0; i < N; i++) {
			const char *s = objects[turn < N ? (i + turn) % N : (2 * N + turn - i) % N];
			unsigned number = (unsigned)atoi(s);

			if (s[3] == 'S') {
				snprintf(text, sizeof(text), "BT /F1 9 Tf %s ET", s + 4);
				pdf_stream(&o, number, "", text);
			} else {
				pdf_object(&o, number, s + 3);
			}
		}
		pdf_end(&o);
		record_body(pool, r, "", "", o.p, o.n, 0, 50);
		assert_int_equal(r->skip, 0);
		assert_int_equal(r->fields, 4);
		assert_non_null(strstr(r->text, "page <> One\n"));
		assert_non_null(strstr(r->text, "page <> twO\n"));
		assert_non_null(strstr(r->text, "page <> fUU\n"));
		assert_non_null(strstr(r->text, "page <> fOO\n"));
		free(o.p);
		free(r);
	}
}

/* What nobody says is guessed, and it is told that it was. */
static void test_unknown_fonts(void **state)
{
	struct pdf_out o;

	(void)state;
	pdf_begin(&o);
	pdf_stream(&o, 4, "", "BT /F1 9 Tf (guessed) Tj ET");
	check(&o, "page <> guessed\n", CONTENT_UNSUPPORTED);
	pdf_begin(&o);
	pdf_object(&o, 5, "<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /DescendantFonts [6 0 R] >>");
	pdf_object(&o, 3, PAGE);
	pdf_stream(&o, 4, "", "BT /F1 9 Tf <002400250026> Tj ET");
	check(&o, "page <> ABC\n", CONTENT_UNSUPPORTED);
	pdf_begin(&o);
	pdf_object(&o, 5, "<< /Type /Font /Subtype /Type3 /Encoding << /Differences [ 65 /g1 /g2 ] >> >>");
	pdf_object(&o, 3, PAGE);
	pdf_stream(&o, 4, "", "BT /F1 9 Tf (AB) Tj ET");
	check(&o, "page <> AB\n", CONTENT_UNSUPPORTED);
}

/* A TrueType font without encoding and map: by its codes, text or glyphs in the order of their use. */
static void check_glyphs(const char *content, const char *expect, unsigned skip)
{
	for (int late = 0; late < 2; late++) {
		static const char font[] = "<< /Type /Font /Subtype /TrueType /BaseFont /ABCDEF+X >>";
		struct pdf_out o;

		pdf_begin(&o);
		if (!late)
			pdf_object(&o, 5, font);
		pdf_object(&o, 3, PAGE);
		pdf_stream(&o, 4, "", content);
		if (late)
			pdf_object(&o, 5, font);
		check(&o, expect, skip);
	}
}

static void test_glyphs(void **state)
{
	(void)state;
	check_glyphs("BT /F1 9 Tf (password: hunter2, \\(1,234.56\\)\\r) Tj ET",
	        "page <> password: hunter2, (1,234.56)\n", 0);
	check_glyphs("BT /F1 9 Tf (----------) Tj ET", "page <> ----------\n", 0);
	check_glyphs("BT /F1 9 Tf <0102030341> Tj ET", "page <> A\n", CONTENT_UNSUPPORTED);
	check_glyphs("BT /F1 9 Tf <0b0c0e1b42> Tj ET", "page <> B\n", CONTENT_UNSUPPORTED);
	check_glyphs("BT /F1 9 Tf (!\"##$%&'\"!*#+,-A2&\"B) Tj ET", "page <> !\"##$%&'\"!*#+,-A2&\"B\n",
	        CONTENT_UNSUPPORTED);
}

static size_t ascii85(const uint8_t *p, size_t n, char *out)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i += 4) {
		uint32_t v = 0;
		size_t have = n - i < 4 ? n - i : 4;
		char c[5];

		for (size_t k = 0; k < 4; k++)
			v = v << 8 | (k < have ? p[i + k] : 0);
		if (!v && have == 4) {
			out[len++] = 'z';
			continue;
		}
		for (int k = 5; k-- > 0; v /= 85)
			c[k] = (char)('!' + v % 85);
		memcpy(out + len, c, have + 1);
		len += have + 1;
		if (i % 40 == 0)
			out[len++] = '\n';
	}
	memcpy(out + len, "~>", 2);
	return len + 2;
}

/* 7.4 */
static void test_filters(void **state)
{
	static const char content[] = "BT /F1 9 Tf (the text, the text, the text) Tj ET";
	uint8_t z[400], hex[900], rows[400], run[400];
	char a[1000];
	struct pdf_out o;
	size_t n = pdf_deflate(content, sizeof(content) - 1, z, sizeof(z)), len, n_rows = 0, n_run = 0;

	(void)state;
	len = ascii85(z, n, a);
	pdf_begin(&o);
	pdf_object(&o, 5, WIN);
	pdf_object(&o, 3, PAGE);
	pdf_flate(&o, 4, "", content, sizeof(content) - 1);
	pdf_bytes(&o, 4, "/Filter [ /ASCII85Decode /FlateDecode ]", a, len);
	for (size_t i = 0; i < n; i++)
		sprintf((char *)hex + 2 * i, "%02x", z[i]);
	hex[2 * n] = '>';
	pdf_bytes(&o, 4, "/Filter [ /AHx /Fl ]", hex, 2 * n + 1);
	/* rows of ten, each with another predictor */
	for (size_t i = 0; i < sizeof(content) - 1 + 9; i += 10) {
		uint8_t tag = (uint8_t)(i / 10 % 5);

		rows[n_rows++] = tag;
		for (size_t k = 0; k < 10; k++) {
			size_t at = i + k, last = sizeof(content) - 2;
			int v = at <= last ? content[at] : ' ',
			    left = k ? (at - 1 <= last ? content[at - 1] : ' ') : 0,
			    up = i ? (at - 10 <= last ? content[at - 10] : ' ') : 0,
			    corner = i && k ? (at - 11 <= last ? content[at - 11] : ' ') : 0,
			    p = left + up - corner,
			    best = abs(p - left) <= abs(p - up) && abs(p - left) <= abs(p - corner) ? left
			           : abs(p - up) <= abs(p - corner)                                 ? up
			                                                                            : corner;

			rows[n_rows++] = (uint8_t)(v - (tag == 1          ? left
			                                       : tag == 2 ? up
			                                       : tag == 3 ? (left + up) / 2
			                                       : tag == 4 ? best
			                                                  : 0));
		}
	}
	pdf_flate(&o, 4, "/DecodeParms << /Predictor 15 /Columns 10 >>", rows, n_rows);
	for (size_t i = 0; i < sizeof(content) - 1; i += 8) {
		size_t have = sizeof(content) - 1 - i < 8 ? sizeof(content) - 1 - i : 8;

		run[n_run++] = (uint8_t)(have - 1);
		memcpy(run + n_run, content + i, have);
		n_run += have;
	}
	memcpy(run + n_run, "\xfd \x80", 3);
	pdf_bytes(&o, 4, "/Filter /RunLengthDecode", run, n_run + 3);
	check(&o,
	        "page <> the text, the text, the text\npage <> the text, the text, the text\npage <> the "
	        "text, the text, "
	        "the text\npage <> the text, the text, the text\npage <> the text, the text, the text\n",
	        0);
	pdf_begin(&o);
	pdf_bytes(&o, 4, "/Filter /NoSuchDecode", "x", 1);
	check(&o, "", CONTENT_UNSUPPORTED);
	pdf_begin(&o);
	pdf_bytes(&o, 4, "/Type /XObject /Subtype /Image /Filter /DCTDecode", "(x) Tj", 6);
	check(&o, "", CONTENT_BINARY);
	pdf_begin(&o);
	pdf_bytes(&o, 4, "/Filter /FlateDecode", "no such thing", 13);
	check(&o, "", CONTENT_BROKEN);
}

/* Strings that somebody wrote (7.9.2.2), wherever they stand. */
static void test_text_strings(void **state)
{
	struct pdf_out o;

	(void)state;
	pdf_begin(&o);
	pdf_object(&o, 2,
	        "<< /Title (Memo \\(draft\\)) /Author <FEFF004A00F6> /Subject (\xef\xbb\xbf\xc3\xa9) "
	        "/Creator (\\344) "
	        "/ID [(no) (no)] /Producer (no) >>");
	pdf_object(&o, 3,
	        "<< /Type /Annot /Contents (card 4111 1111 1111 1111) /A << /S /URI /URI (https://x/?key=1) "
	        ">> >>");
	pdf_object(&o, 4, "<< /T (field) /V (hunter2) /Kids [ << /V [(a) (b)] >> ] /Contents <0102> >>");
	check(&o,
	        "Title <Title> Memo (draft)\nAuthor <Author> J\xc3\xb6\nSubject <Subject> \xc3\xa9\nCreator "
	        "<Creator> \xc3\xa4\n"
	        "Contents <Contents> card 4111 1111 1111 1111\nURI <URI> https://x/?key=1\nT <T> field\nV "
	        "<V> hunter2\n"
	        "V <V> a\nV <V> b\n",
	        0);
}

static void test_object_streams(void **state)
{
	static const char packed[] =
	        "5 0 3 77 2 157   "
	        "<< /Type /Font /Subtype /TrueType /BaseFont /X /Encoding /WinAnsiEncoding >> "
	        "<< /Type /Page /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >>       >> \n"
	        "<< /Title (T) >>";
	struct pdf_out o;
	char dict[100];

	(void)state;
	snprintf(dict, sizeof(dict), "/Type /ObjStm /N 3 /First %d", 17);
	pdf_begin(&o);
	pdf_stream(&o, 4, "", "BT /F1 9 Tf (caf\\351) Tj ET");
	pdf_flate(&o, 8, dict, packed, sizeof(packed) - 1);
	pdf_flate(&o, 9, "/Type /XRef /W [1 2 1]", "binary", 6);
	check(&o, "page <> caf\xc3\xa9\nTitle <Title> T\n", 0);
}

static void test_parts(void **state)
{
	struct pdf_out o;

	(void)state;
	pdf_begin(&o);
	pdf_stream(&o, 2, "/Type /Metadata /Subtype /XML",
	        "<?xpacket begin=''?><x:xmpmeta>&lt;AKIA</x:xmpmeta>");
	pdf_stream(&o, 3, "/Type /EmbeddedFile", "{\"a\":\"b endstream endobj c\"}");
	pdf_stream(&o, 4, "", "\n<?xml version=\"1.0\"?><xfa>hunter2</xfa>");
	pdf_stream(&o, 6, "", "<</MCID 0>> (x)");
	pdf_stream(&o, 5, "/Type /EmbeddedFile", "second");
	check(&o,
	        "metadata <> <?xpacket begin=''?><x:xmpmeta><AKIA</x:xmpmeta>\n\nfile[0].a <a> b endstream "
	        "endobj c\n"
	        "xml <> <xfa>hunter2</xfa>\n\nfile[1] <> second\n\n",
	        0);
}

static void test_broken(void **state)
{
	struct pdf_out o;

	(void)state;
	/* no endobj, a second object in the first, lengths that lie, lines that end as they like */
	pdf_begin(&o);
	pdf_put(&o, "5 0 obj " WIN " 3 0 obj " PAGE
	            "\nendobj\n4 0 obj << /Length 99999 >> stream\r\nBT /F1 9 Tf (a) Tj "
	            "ET\rendstream\n7 0 obj << /Length 3 >> stream\rBT /F1 9 Tf (b endstrea endstreendstream "
	            "endobj");
	check(&o, "page <> a\npage <> b endstrea endstre\n", CONTENT_UNSUPPORTED);
	pdf_begin(&o);
	pdf_object(&o, 5, WIN);
	pdf_object(&o, 3, PAGE);
	pdf_put(&o, "4 0 obj << >> stream\nBT /F1 9 Tf (cut) Tj");
	record_check(pool, "", "", o.p, o.n, "page <> cut CUT\n", CONTENT_BROKEN);
	free(o.p);
	pdf_begin(&o);
	pdf_put(&o, "trailer << /Encrypt 9 0 R >>");
	pdf_bytes(&o, 4, "/Filter /FlateDecode", "encrypted", 9);
	check(&o, "", CONTENT_UNSUPPORTED);
	record_check(pool, "", "", "%PDF-1.7 is how it begins", 25, "body <> %PDF-1.7 is how it begins\n", 0);
	record_check(pool, "", "", "%PDF-1.7", 8, "body <> %PDF-1.7\n", 0);
}

/* A document of everything, for cuts, flips and gaps. */
static void sample(struct pdf_out *o)
{
	static const char cmap[] = CMAP("1 beginbfrange <0001> <0003> <0041> endbfrange");

	pdf_begin(o);
	pdf_flate(o, 4, "",
	        "BT /F1 9 Tf 5 5 Td <00010002> Tj /F2 9 Tf [(x) -300 (y)] TJ ET q 1 0 0 1 5 5 cm Q", 79);
	pdf_object(
	        o, 3, "<< /Type /Page /Contents 4 0 R /Resources << /Font << /F1 5 0 R /F2 7 0 R >> >> >>");
	pdf_object(o, 5, TYPE0);
	pdf_object(o, 6, "<< /Type /Font /Subtype /CIDFontType2 /DW 500 /W [ 1 [ 600 700 ] 5 7 250 ] >>");
	pdf_object(o, 7,
	        "<< /Type /Font /Subtype /Type1 /FirstChar 65 /Widths [ 1 2 3 ] /Encoding << /Differences [ "
	        "120 /X ] >> >>");
	pdf_flate(o, 8, "", cmap, sizeof(cmap) - 1);
	pdf_stream(o, 9, "/Type /ObjStm /N 1 /First 4", "2 0 << /Title (T) >>");
	pdf_stream(o, 10, "/Type /Metadata", "<x>y</x>");
	pdf_end(o);
}

static void test_prefixes_and_flips(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct pdf_out o;

	(void)state;
	sample(&o);
	record_body(pool, r, "", "", o.p, o.n, 0, o.n);
	assert_non_null(strstr(r->text, "page <> ABX y\n"));
	assert_int_equal(r->skip, 0);
	reader_damaged("", o.p, o.n, 5);
	free(o.p);
	free(r);
}

/* Objects behind a gap are read. */
static void test_gaps(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct pdf_out o;
	size_t end;

	(void)state;
	sample(&o);
	end = (size_t)((char *)memmem(o.p, o.n, "trailer", 7) - o.p);
	free(o.p);
	for (size_t from = 16; from < end - 40; from += 11) {
		struct text_sink out = record_sink(r);
		struct message m = {0};
		struct content *c = content_open(pool, &m, &out);

		sample(&o);
		content_feed(c, (const uint8_t *)o.p, from);
		content_gap(c, 30);
		content_feed(c, (const uint8_t *)o.p + from + 30, o.n - from - 30);
		free(o.p);
		pdf_begin(&o);
		pdf_object(&o, 39, "");
		pdf_object(&o, 40, "<< /Author (behind) >>");
		content_feed(c, (const uint8_t *)o.p, o.n);
		free(o.p);
		r->skip = content_close(c, NULL);
		assert_true(r->skip & CONTENT_GAP);
		assert_non_null(strstr(r->text, "Author <Author> behind\n"));
	}
	free(r);
}

/* Pages that wait for a font: many are held, and what is too much is guessed and told. */
static void test_held(void **state)
{
	struct pdf_out o;
	struct sum s = {.look = "page 0 of the text"};

	(void)state;
	for (unsigned pages = 100; pages < 40000; pages *= 20) {
		pdf_begin(&o);
		for (unsigned i = 0; i < pages; i++) {
			char text[600];

			snprintf(text, sizeof(text),
			        "BT /F1 9 Tf 14 TL (page %u of the text) Tj (%08x%08x%08x) ' "
			        "(%08x%08x%08x%08x) ' ET",
			        i, i * 2654435761u, i * 2246822519u, i * 3266489917u, i * 668265263u,
			        i * 374761393u, (i + 7) * 2654435761u, (i + 9) * 2246822519u);
			pdf_stream(&o, 100 + i, "", text);
		}
		for (unsigned i = 0; i < pages; i++) {
			char page[200];

			snprintf(page, sizeof(page),
			        "<< /Type /Page /Contents %u 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
			        100 + i);
			pdf_object(&o, 100000 + i, page);
		}
		pdf_object(&o, 5, WIN);
		pdf_end(&o);
		assert_int_equal(sum_body(pool, o.p, o.n, &s), pages < 1000 ? 0 : CONTENT_UNSUPPORTED);
		assert_int_equal(s.fields, pages);
		assert_true(s.found);
		free(o.p);
	}
}

static double cost_of(const struct pdf_out *o)
{
	struct sum s = {0};
	struct timespec from, to;
	double best = 1e18;

	for (unsigned i = 0; i < 3; i++) {
		double ns;

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
		sum_body(pool, o->p, o->n, &s);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);
		ns = (double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec);
		best = ns < best ? ns : best;
	}
	return best / (double)o->n;
}

/* Content streams that wait for a font nobody sends, `few` short ones before each long one. */
static double cost_of_waiting(unsigned few, unsigned strings)
{
	struct pdf_out o;
	uint32_t number = 100, digits = 1;
	double cost;

	pdf_begin(&o);
	while (o.n < 1 << 20) {
		for (unsigned i = 0; i < few; i++, number++)
			pdf_put(&o, "%u 0 obj<<>>stream\nBT /F1 9 Tf (%x) Tj ET endstream ", number, number);
		pdf_put(&o, "%u 0 obj<<>>stream\nBT /F1 9 Tf ", number++);
		for (unsigned i = 0; i < strings; i++) {
			digits = digits * 1664525 + 1013904223;
			pdf_put(&o, "<%08x> Tj ", digits ^ digits >> 15);
		}
		pdf_put(&o, "ET endstream ");
	}
	pdf_end(&o);
	cost = cost_of(&o);
	free(o.p);
	return cost;
}

/* A long unit that does not fit is not deflated anew for each short one that makes way. */
static void test_cost_of_holding(void **state)
{
	double shorts = cost_of_waiting(300, 1), longs = cost_of_waiting(0, 3500),
	       both = cost_of_waiting(300, 3500);

	(void)state;
	if (both > 4 * (shorts > longs ? shorts : longs))
		fail_msg("ns a byte: %.0f of short units, %.0f of long ones, %.0f of both", shorts, longs,
		        both);
}

/* Objects without end, dictionaries without end, arrays in arrays, strings and names without end. */
static void test_endless(void **state)
{
	static const char *const pieces[] = {"7 0 obj << /Type /Font /ToUnicode 8 0 R >> endobj ", "<< ",
	        "[ ", "(", "/N", "1 0 obj << /Contents 5 0 R >> endobj ", "9 0 obj [ 1 2 3 ] endobj ", "BT ",
	        ") ", "<", ">> ", "1 0 obj << /Font << /F1 1 0 R /F2 2 0 R >> >> endobj "};
	struct sum s = {0};

	(void)state;
	for (size_t k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
		struct pdf_out o;

		pdf_begin(&o);
		pdf_put(&o, "1 0 obj ");
		for (unsigned i = 0; o.n < 3 << 20; i++) {
			/* every object another number */
			if (pieces[k][0] >= '0' && pieces[k][0] <= '9')
				pdf_put(&o, "%u%s", i + 1, pieces[k] + 1);
			else
				pdf_put(&o, "%s", pieces[k]);
		}
		sum_body(pool, o.p, o.n, &s);
		/* the same as a content stream */
		free(o.p);
		pdf_begin(&o);
		pdf_put(&o, "1 0 obj << >> stream\nBT /F1 9 Tf (x) Tj ");
		for (unsigned i = 0; o.n < 3 << 20; i++)
			pdf_put(&o, "%s", pieces[k]);
		sum_body(pool, o.p, o.n, &s);
		free(o.p);
	}
}

static void test_bomb(void **state)
{
	static const struct content_limits l = {.inflate_ratio = 200, .depth = 32, .body_limit = 16 << 20};
	struct content_pool *limited = content_pool_create(1, &l);
	size_t n = 8 << 20, len;
	char *text = malloc(n);
	struct pdf_out o;
	struct sum s = {0};

	(void)state;
	for (size_t i = 0; i < n; i++)
		text[i] = "BT (x) Tj ET "[i % 13];
	pdf_begin(&o);
	pdf_flate(&o, 4, "", text, n);
	pdf_object(&o, 2, "<< /Title (behind it) >>");
	pdf_end(&o);
	assert_true(sum_body(limited, o.p, o.n, &s) & CONTENT_LIMIT);
	free(o.p);
	/* many small ones are weighed together */
	pdf_begin(&o);
	for (unsigned i = 0; i < 40; i++)
		pdf_flate(&o, 4, "", text, 100000);
	pdf_end(&o);
	assert_true(sum_body(pool, o.p, o.n, &s) & CONTENT_LIMIT);
	free(o.p);
	/* ... also where the next filter makes nothing of them */
	memset(text, ' ', n);
	len = pdf_deflate(text, 500000, (uint8_t *)text, n);
	pdf_begin(&o);
	for (unsigned i = 0; i < 40; i++)
		pdf_bytes(&o, 4, "/Filter [/FlateDecode /ASCIIHexDecode]", text, len);
	pdf_end(&o);
	assert_true(sum_body(pool, o.p, o.n, &s) & CONTENT_LIMIT);
	free(o.p);
	free(text);
	content_pool_destroy(limited);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_strings),
	        cmocka_unit_test(test_what_it_holds),
	        cmocka_unit_test(test_long_base64),
	        cmocka_unit_test(test_operators),
	        cmocka_unit_test(test_encodings),
	        cmocka_unit_test(test_composite),
	        cmocka_unit_test(test_names),
	        cmocka_unit_test(test_unknown_fonts),
	        cmocka_unit_test(test_glyphs),
	        cmocka_unit_test(test_filters),
	        cmocka_unit_test(test_text_strings),
	        cmocka_unit_test(test_object_streams),
	        cmocka_unit_test(test_parts),
	        cmocka_unit_test(test_broken),
	        cmocka_unit_test(test_prefixes_and_flips),
	        cmocka_unit_test(test_gaps),
	        cmocka_unit_test(test_held),
	        cmocka_unit_test(test_cost_of_holding),
	        cmocka_unit_test(test_endless),
	        cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
