/* test_pdf_words.c - PDF: where words and lines end, by widths, spacing and where strings stand. */
#include "tests/unit/pdf_check.h"

/* Where a string begins says whether it goes on with a word. */
static void test_words(void **state)
{
	(void)state;
	/* "abc" in Helvetica is 556 + 556 + 500 wide */
	check_page("BT /F1 10 Tf 0 700 Td (abc) Tj 16.12 0 Td (d) Tj ET", "page <> abcd\n");
	check_page("BT /F1 10 Tf 0 700 Td (abc) Tj 19.5 0 Td (d) Tj ET", "page <> abc d\n");
	check_page("BT /F1 10 Tf 0 700 Td (abc) Tj 40 0 Td (d) Tj ET", "page <> abc\td\n");
	check_page("BT /F1 10 Tf 0 700 Td (abc) Tj ET BT 16.5 702 Td (2) Tj ET", "page <> abc2\n");
	check_page("BT /F1 10 Tf 0 700 Td (abc) Tj -50 0 Td (d) Tj ET", "page <> abc\nd\n");
	check_page("BT /F1 10 Tf 0 700 Td [(a) -300 (b) 50 (c) -2000 (d)] TJ ET", "page <> a bc\td\n");
	/* the page below is scaled and turned */
	check_page("q 0.1 0 0 0.1 0 0 cm BT /F1 100 Tf 0 700 Td (abc) Tj 161.2 0 Td (d) Tj 1 0 0 1 240 700 "
	           "Tm (e) Tj ET Q",
	        "page <> abcd e\n");
	check_page("BT /F1 10 Tf 0 1 -1 0 50 50 Tm (up) Tj 11.12 0 Td (on) Tj ET BT 50 50 Td (flat) Tj ET",
	        "page <> upon\nflat\n");
	/* kerning adds up: the gap is measured behind it */
	check_page("BT /F1 10 Tf 0 700 Td [(a) -100 (b) -100 (c)] TJ 18.12 0 Td (d) Tj ET", "page <> abcd\n");
	check_page("BT /F1 10 Tf 2 Tc 0 700 Td (ab) Tj 15.12 0 Td (c) Tj ET", "page <> abc\n");
}

/* 9.4.3: numbers before the first string of an array, and behind another size */
static void test_indents(void **state)
{
	(void)state;
	check_page("BT /F1 10 Tf 0 700 Td [-2000 (abc)] TJ 36.12 0 Td (d) Tj ET", "page <> abcd\n");
	check_page("BT /F1 10 Tf 0 700 Td (abc) Tj 10 0 Td [-612 (d) -400 (e)] TJ ET", "page <> abcd e\n");
	check_page("BT /F1 10 Tf 0 700 Td (abc) Tj 16.12 0 Td [-400] TJ (d) Tj ET", "page <> abc d\n");
	check_page("BT /F1 10 Tf 0 700 Td (a) Tj /F1 20 Tf [(b) -150 (c) -150 (d) -150 (e)] TJ 57.92 0 Td "
	           "(f) Tj ET",
	        "page <> abcdef\n");
}

/* 9.3.2, 9.3.3: what is added to glyphs and to blanks of one byte */
static void test_spacing(void **state)
{
	(void)state;
	/* "a b c" in Helvetica at 10 is 22.24 wide */
	check_page("BT /F1 10 Tf 0 700 Td 3 Tw (a b c) Tj 27.7 0 Td (d) Tj ET", "page <> a b cd\n");
	check_page("BT /F1 10 Tf 0 700 Td -2 Tw (a b c) Tj 17.7 0 Td (d) Tj ET", "page <> a b cd\n");
	check_page("BT /F1 10 Tf 0 700 Td 3 Tw (a b ) Tj ET BT 19.7 700 Td (c) Tj 8 0 Td (d) Tj ET",
	        "page <> a b c d\n");
	check_page("BT /F1 10 Tf 50 Tz 0 700 Td 6 Tw (a b c) Tj 16.84 0 Td (d) Tj ET", "page <> a b cd\n");
	check_page("BT /F1 10 Tf 0 700 Td 3 1 (a b c) \" 32.7 0 Td (d) Tj ET", "page <> a b cd\n");
	/* it goes on behind ET, and ends with what q keeps */
	check_page(
	        "q 3 Tw BT ET BT /F1 10 Tf 0 700 Td (a b c) Tj 27.7 0 Td (d) Tj ET Q BT /F1 10 Tf 0 680 Td "
	        "(a b c) Tj 21.7 0 Td (d) Tj ET",
	        "page <> a b cd\na b cd\n");
	/* codes of two bytes have none */
	composite(true, CMAP("1 beginbfchar <0020> <0041> endbfchar"),
	        "BT /F1 10 Tf 20 Tw 0 700 Td <00200020> Tj 10 0 Td <0020> Tj ET", "page <> AAA\n");
	/* what follows may begin at the end of the glyph or behind its spacing */
	check_page(
	        "BT /F1 10 Tf 0 700 Td 9 Tc (-p) Tj 0 Tc 17.9 0 Td (assword) Tj ET", "page <> -password\n");
	check_page(
	        "BT /F1 10 Tf 0 700 Td 9 Tc (-p) Tj 0 Tc 26.9 0 Td (assword) Tj ET", "page <> -password\n");
	check_page("BT /F1 10 Tf 0 700 Td 9 Tc (-p) Tj 0 Tc 30 0 Td (ass) Tj ET", "page <> -p ass\n");
	check_page("BT /F1 10 Tf 0 700 Td 9 Tc (-p) Tj 0 Tc 8 0 Td (ass) Tj ET", "page <> -p\nass\n");
}

/* Spacing that a stream leaves behind is that of the next one of its page, not of another page. */
static void test_spacing_of_pages(void **state)
{
	struct pdf_out o;

	(void)state;
	pdf_begin(&o);
	pdf_object(&o, 5, WIN);
	pdf_object(&o, 3, "<< /Type /Page /Contents [4 0 R 6 0 R] /Resources << /Font << /F1 5 0 R >> >> >>");
	pdf_object(&o, 7, "<< /Type /Page /Contents 8 0 R /Resources << /Font << /F1 5 0 R >> >> >>");
	pdf_stream(&o, 4, "", "BT /F1 10 Tf 3 Tw (x) Tj ET");
	pdf_stream(&o, 6, "", "BT 0 700 Td (a b c) Tj 27.7 0 Td (d) Tj ET");
	pdf_stream(&o, 8, "", "BT /F1 10 Tf 0 700 Td (a b c) Tj 25 0 Td (d) Tj ET");
	check(&o, "page <> x\npage <> a b cd\npage <> a b c d\n", 0);
}

/* Text set letter by letter in a font that need not say its widths: where one ends the next begins. */
static void set_apart(const char *font, const char *text, const unsigned *widths, const char *how)
{
	struct pdf_out o;
	char object[200], content[4000] = "BT /F1 10 Tf 50 700 Td ", expect[100];
	double x = 50;

	for (size_t i = 0; text[i]; i++) {
		size_t n = strlen(content);

		snprintf(content + n, sizeof(content) - n, how, x, text[i]);
		x += widths[i] / 100.0;
	}
	strcat(content, " ET");
	snprintf(object, sizeof(object),
	        "<< /Type /Font /Subtype /Type1 /BaseFont /%s /Encoding /WinAnsiEncoding >>", font);
	snprintf(expect, sizeof(expect), "page <> %s\n", text);
	for (int late = 0; late < 2; late++) {
		pdf_begin(&o);
		if (!late)
			pdf_object(&o, 5, object);
		pdf_object(&o, 3, PAGE);
		pdf_stream(&o, 4, "", content);
		if (late)
			pdf_object(&o, 5, object);
		check(&o, expect, 0);
	}
}

/* 9.6.2.2 */
static void test_standard_fonts(void **state)
{
	static const struct {
		const char *font;
		unsigned width[6]; /* of "iWl.M1" */
	} fonts[] = {
	        {"Courier", {600, 600, 600, 600, 600, 600}},
	        {"Courier-BoldOblique", {600, 600, 600, 600, 600, 600}},
	        {"ABCDEF+CourierNew,Bold", {600, 600, 600, 600, 600, 600}},
	        {"Helvetica", {222, 944, 222, 278, 833, 556}},
	        {"Helvetica-BoldOblique", {278, 944, 278, 278, 833, 556}},
	        {"Times-Roman", {278, 944, 278, 250, 889, 500}},
	        {"Times-Bold", {278, 1000, 278, 250, 944, 500}},
	        {"Times-Italic", {278, 833, 278, 250, 833, 500}},
	        {"Times-BoldItalic", {278, 889, 278, 250, 889, 500}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(fonts) / sizeof(fonts[0]); i++) {
		set_apart(fonts[i].font, "iWl.M1", fonts[i].width, "1 0 0 1 %.2f 700 Tm (%c) Tj ");
		set_apart(fonts[i].font, "iWl.M1", fonts[i].width, "ET BT /F1 10 Tf %.2f 700 Td (%c) Tj ");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_words),
	        cmocka_unit_test(test_indents),
	        cmocka_unit_test(test_spacing),
	        cmocka_unit_test(test_spacing_of_pages),
	        cmocka_unit_test(test_standard_fonts),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
