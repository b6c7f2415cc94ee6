/* pdf_check.h - PDF documents and what is to be read in them. */
#ifndef TESTS_UNIT_PDF_CHECK_H
#define TESTS_UNIT_PDF_CHECK_H

#include "tests/unit/content_reader.h"
#include "tests/unit/pdf_write.h"

#define PAGE "<< /Type /Page /Parent 9 0 R /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
#define WIN  "<< /Type /Font /Subtype /TrueType /BaseFont /X /Encoding /WinAnsiEncoding >>"

static inline void check(struct pdf_out *o, const char *expect, unsigned skip)
{
	pdf_end(o);
	record_check(pool, "", "", o->p, o->n, expect, skip);
	free(o->p);
	*o = (struct pdf_out){0};
}

static inline void check_page(const char *content, const char *expect)
{
	struct pdf_out o;

	pdf_begin(&o);
	pdf_object(&o, 5, WIN);
	pdf_object(&o, 3, PAGE);
	pdf_stream(&o, 4, "", content);
	check(&o, expect, 0);
}

#define CMAP(body)                                                                                           \
	"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def\n"                    \
	"1 begincodespacerange <0000> <FFFF> endcodespacerange\n" body                                       \
	" endcmap CMapName currentdict /CMap defineresource pop end end"

#define TYPE0                                                                                                \
	"<< /Type /Font /Subtype /Type0 /Encoding /Identity-H /DescendantFonts [6 0 R] /ToUnicode 8 0 R >>"

static inline void composite(bool first, const char *cmap, const char *content, const char *expect)
{
	struct pdf_out o;

	pdf_begin(&o);
	if (!first)
		pdf_stream(&o, 4, "", content);
	pdf_object(&o, 3, PAGE);
	pdf_object(&o, 5, TYPE0);
	/* in any order */
	pdf_object(&o, 6,
	        first ? "<< /Type /Font /Subtype /CIDFontType2 /DW 500 /W [ 5 7 250 1 [ 600 700 ] ] >>"
	              : "<< /Type /Font /Subtype /CIDFontType2 /DW 500 /W [ 1 [ 600 700 ] 5 7 250 ] >>");
	pdf_flate(&o, 8, "", cmap, strlen(cmap));
	if (first)
		pdf_stream(&o, 4, "", content);
	check(&o, expect, 0);
}

#endif
