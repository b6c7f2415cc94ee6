/* pdf_cmap.c - character maps that tell what the codes of a font mean: ToUnicode (ISO 32000-1 9.10.3, Adobe
 * Technical Note 5411).  Their tokens are those of PDF. */
#include "classify/content/documents/pdf.h"

#include <stdlib.h>

enum state { NONE, CHARS, RANGES };

void pdf_cmap_begin(struct pdf *f, struct nest *t)
{
	struct pdf_mapping *m = &f->mapping;

	if (!m->row)
		m->row = pdf_table_alloc(f, t, PDF_CMAP_ROWS * sizeof(*m->row));
	if (m->row && !m->text)
		m->text = pdf_table_alloc(f, t, PDF_CMAP_TEXTS * sizeof(*m->text));
	m->on = true;
	m->array = false;
	m->state = NONE;
	m->code_bytes = 0;
	m->n_codes = 0;
	m->n = m->n_text = 0;
}

static uint32_t big_endian(const uint8_t *p, size_t n)
{
	uint32_t v = 0;

	for (size_t i = 0; i < n && i < 4; i++)
		v = v << 8 | p[i];
	return v;
}

static uint32_t text_of(struct pdf_mapping *m, struct nest *t, const uint8_t *p, size_t n)
{
	uint32_t at = m->n_text;
	size_t units = n / 2;

	if (!m->text || units > 15 || at + 1 + units > PDF_CMAP_TEXTS) {
		nest_skip(t, CONTENT_LIMIT);
		return 0xfffd;
	}
	m->text[m->n_text++] = (uint16_t)units;
	for (size_t i = 0; i < units; i++)
		m->text[m->n_text++] = (uint16_t)big_endian(p + 2 * i, 2);
	return PDF_CMAP_TEXT | at;
}

/* UTF-16 (BE): one character, or several that a glyph stands for. */
static uint32_t target(struct pdf_mapping *m, struct nest *t, const uint8_t *p, size_t n)
{
	uint32_t v = big_endian(p, n);

	if (n <= 2)
		return v;
	if (n == 4 && v >> 26 == 0xd800 >> 10 && (v & 0xfc00) == 0xdc00)
		return 0x10000 + ((v >> 16 & 0x3ff) << 10) + (v & 0x3ff);
	return text_of(m, t, p, n);
}

static void add(struct pdf_mapping *m, struct nest *t, uint32_t first, uint32_t count, uint32_t to)
{
	struct pdf_cmap_row *last = m->n ? &m->row[m->n - 1] : NULL;

	if (!m->row || first > 0xffff)
		return;
	if (count > 0x10000 - first)
		count = 0x10000 - first;
	if (count > 0xffff)
		count = 0xffff;
	if (last && !(to & PDF_CMAP_TEXT) && !(last->to & PDF_CMAP_TEXT) &&
	        first == (uint32_t)last->first + last->count && to == last->to + last->count &&
	        last->count + count <= 0xffff) {
		last->count = (uint16_t)(last->count + count);
		return;
	}
	if (m->n == PDF_CMAP_ROWS) {
		nest_skip(t, CONTENT_LIMIT);
		return;
	}
	m->row[m->n++] =
	        (struct pdf_cmap_row){(uint16_t)first, (uint16_t)(to & PDF_CMAP_TEXT ? 1 : count), to};
}

static void string_token(struct pdf_mapping *m, struct nest *t, const struct pdf_token *k)
{
	unsigned codes = m->state == RANGES ? 2 : 1;

	if (m->state == NONE)
		return;
	if (m->n_codes < codes) {
		m->code[m->n_codes++] = big_endian(k->p, k->n);
		if (!m->code_bytes || k->n > m->code_bytes)
			m->code_bytes = k->n >= 2 ? 2 : 1;
		return;
	}
	if (m->array) {
		/* one for each code of the range */
		if (m->code[0] <= m->code[1])
			add(m, t, m->code[0]++, 1, target(m, t, k->p, k->n));
		return;
	}
	if (codes == 1)
		m->code[1] = m->code[0];
	if (m->code[1] >= m->code[0])
		add(m, t, m->code[0], m->code[1] - m->code[0] + 1, target(m, t, k->p, k->n));
	m->n_codes = 0;
}

static bool word_is(const struct pdf_token *k, const char *word)
{
	return slice_is(slice_of(k->p, k->n), word);
}

void pdf_cmap_token(struct pdf *f, struct nest *t, const struct pdf_token *k)
{
	struct pdf_mapping *m = &f->mapping;

	if (k->type == PDF_STRING) {
		string_token(m, t, k);
	} else if (k->type == PDF_ARRAY_OPEN) {
		m->array = m->state == RANGES && m->n_codes == 2;
	} else if (k->type == PDF_ARRAY_CLOSE) {
		m->array = false;
		m->n_codes = 0;
	} else if (k->type == PDF_NAME && m->state == CHARS && m->n_codes == 1) {
		add(m, t, m->code[0], 1, pdf_glyph(k->p, k->n));
		m->n_codes = 0;
	} else if (k->type == PDF_WORD) {
		m->state = word_is(k, "beginbfchar") ? CHARS : word_is(k, "beginbfrange") ? RANGES : NONE;
		m->n_codes = 0;
		m->array = false;
	}
}

static int by_code(const void *a, const void *b)
{
	const struct pdf_cmap_row *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

void pdf_cmap_end(struct pdf *f, struct nest *t)
{
	struct pdf_mapping *m = &f->mapping;
	struct pdf_thing *th = pdf_thing_add(f, t, f->stream.number, PDF_CMAP);
	struct pdf_cmap *c = th ? pdf_table_alloc(f, t, sizeof(*c)) : NULL;
	struct pdf_cmap_row *row = c ? pdf_table_alloc(f, t, m->n * sizeof(*row)) : NULL;
	uint16_t *text = row ? pdf_table_alloc(f, t, m->n_text * sizeof(*text)) : NULL;

	m->on = false;
	if (!th)
		return;
	if (!text || !m->row) {
		/* no memory: what waits for it waits no longer */
		th->what = PDF_WIDTHS;
		pdf_text_known(f, t, f->stream.number);
		return;
	}
	memcpy(row, m->row, m->n * sizeof(*row));
	memcpy(text, m->text, m->n_text * sizeof(*text));
	qsort(row, m->n, sizeof(*row), by_code);
	*c = (struct pdf_cmap){m->n, m->n_text, m->code_bytes ? m->code_bytes : 1, row, text};
	th->data = c;
	pdf_text_known(f, t, f->stream.number);
}

const struct pdf_cmap_row *pdf_cmap_find(const struct pdf_cmap *m, uint32_t code)
{
	uint32_t lo = 0, hi = m->n;

	/* the last row that begins at the code or before it */
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (m->row[mid].first <= code)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && code - m->row[lo - 1].first < m->row[lo - 1].count ? &m->row[lo - 1] : NULL;
}
