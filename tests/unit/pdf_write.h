/* pdf_write.h - PDF documents for tests: objects as text, streams with the filters that are asked for. */
#ifndef TESTS_UNIT_PDF_WRITE_H
#define TESTS_UNIT_PDF_WRITE_H

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct pdf_out {
	char *p;
	size_t n, cap;
};

static inline void pdf_raw(struct pdf_out *o, const void *p, size_t n)
{
	if (o->n + n + 1 > o->cap) {
		o->cap = (o->n + n + 1) * 2;
		o->p = realloc(o->p, o->cap);
	}
	if (n)
		memcpy(o->p + o->n, p, n);
	o->n += n;
	o->p[o->n] = 0;
}

__attribute__((format(printf, 2, 3))) static inline void pdf_put(struct pdf_out *o, const char *format, ...)
{
	char text[8192];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof(text));
	pdf_raw(o, text, (size_t)n);
}

static inline void pdf_begin(struct pdf_out *o)
{
	*o = (struct pdf_out){0};
	pdf_put(o, "%%PDF-1.7\n%%\xe2\xe3\xcf\xd3\n");
}

static inline void pdf_object(struct pdf_out *o, unsigned number, const char *text)
{
	pdf_put(o, "%u 0 obj\n", number);
	pdf_raw(o, text, strlen(text));
	pdf_put(o, "\nendobj\n");
}

/* `dict`: more of the dictionary. */
static inline void pdf_bytes(struct pdf_out *o, unsigned number, const char *dict, const void *p, size_t n)
{
	pdf_put(o, "%u 0 obj\n<< /Length %zu %s >>\nstream\n", number, n, dict);
	pdf_raw(o, p, n);
	pdf_put(o, "\nendstream\nendobj\n");
}

static inline void pdf_stream(struct pdf_out *o, unsigned number, const char *dict, const char *text)
{
	pdf_bytes(o, number, dict, text, strlen(text));
}

static inline size_t pdf_deflate(const void *p, size_t n, uint8_t *out, size_t cap)
{
	uLongf len = cap;

	assert(compress2(out, &len, p, n, 9) == Z_OK);
	return len;
}

static inline void pdf_flate(struct pdf_out *o, unsigned number, const char *dict, const void *p, size_t n)
{
	size_t cap = n + n / 100 + 64, len;
	uint8_t *z = malloc(cap);
	char more[512];

	len = pdf_deflate(p, n, z, cap);
	snprintf(more, sizeof(more), "/Filter /FlateDecode %s", dict);
	pdf_bytes(o, number, more, z, len);
	free(z);
}

static inline void pdf_end(struct pdf_out *o)
{
	pdf_put(o, "xref\n0 1\n0000000000 65535 f \ntrailer\n<< /Size 9 /Root 1 0 R "
	           ">>\nstartxref\n9\n%%%%EOF\n");
}

#endif
