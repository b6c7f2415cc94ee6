/* pdf.c - PDF (ISO 32000-1) from front to back, as it passes: objects are read whether the table at the end
 * names them or not, so what an update took away is read too.
 *
 * Text of pages, forms and patterns; strings that somebody wrote (document information, notes, bookmarks,
 * values of forms, targets of links); metadata, XFA and attached files as parts.  Pictures are told as
 * CONTENT_BINARY, encrypted documents and fonts that do not say what their codes mean as CONTENT_UNSUPPORTED.
 */
#include "classify/content/documents/pdf.h"
#include "classify/content/documents/pdf_keys.h"

#include <stddef.h>

enum mode { OBJECTS, LINE_END, LINE_END_CR, STREAM, LOST };
enum what { PASS_OVER, CONTENT, OBJECT_STREAM, PART };
enum begun { NOTHING, LESS, BEGUN }; /* of CONTENT: LESS is a '<' that may begin XML */

static void file_token(struct pdf *f, struct nest *t, const struct pdf_token *k);
static void content_token(struct pdf *f, struct nest *t, const struct pdf_token *k);
static void packed_token(struct pdf *f, struct nest *t, const struct pdf_token *k);

static bool word_is(const struct pdf_token *k, const char *word)
{
	return k->type == PDF_WORD && slice_is(slice_of(k->p, k->n), word);
}

/* ---- streams ---- */

static enum what stream_kind(const struct pdf_object *o)
{
	if (o->type == KEY_OBJSTM)
		return OBJECT_STREAM;
	if (o->type == KEY_METADATA || o->type == KEY_EMBEDDED_FILE)
		return PART;
	if (o->type == KEY_XREF || o->subtype == KEY_IMAGE || o->font_file || o->skipped ||
	        (o->n && !o->type))
		return PASS_OVER;
	return CONTENT;
}

static void begin_part(struct pdf *f, struct nest *t, const char *name, bool numbered, const char *type)
{
	struct part_hint hint = {.type = slice_of(type, strlen(type))};
	struct prefix in;

	if (numbered)
		prefix_add_index(&in, f->in, name, f->files++);
	else
		prefix_add(&in, f->in, name, strlen(name));
	in.key_len = 0;
	f->stream.what = PART;
	f->in_part = part_begin(t, &in, &hint);
}

static void begin_packed(struct pdf *f, struct nest *t)
{
	struct pdf_stream *s = &f->stream;

	s->n_objects = f->object.n < PDF_OBJECTS ? f->object.n : PDF_OBJECTS;
	s->first = f->object.first;
	if (f->object.n > PDF_OBJECTS)
		nest_skip(t, CONTENT_LIMIT);
	if (!f->objects)
		f->objects = pdf_table_alloc(f, t, 2 * PDF_OBJECTS * sizeof(*f->objects));
	f->n_objects = f->object_at = 0;
	if (!f->objects)
		s->what = PASS_OVER;
	pdf_lex_begin(&f->lex);
}

static void begin_stream(struct pdf *f, struct nest *t)
{
	const struct pdf_object *o = &f->object;
	struct pdf_stream *s = &f->stream;

	f->mode = STREAM;
	s->what = (uint8_t)stream_kind(o);
	s->number = o->number;
	s->matched = 0;
	s->begun = NOTHING;
	s->left = 0;
	s->n_filters = 0;
	if (o->subtype == KEY_IMAGE)
		nest_skip(t, CONTENT_BINARY);
	if (s->what != PASS_OVER && !pdf_filter_begin(f, t)) {
		nest_skip(t, CONTENT_UNSUPPORTED);
		s->what = PASS_OVER;
	}
	if (s->what == OBJECT_STREAM)
		begin_packed(f, t);
	if (s->what == PART && o->type == KEY_METADATA)
		begin_part(f, t, "metadata", false, "application/xml");
	else if (s->what == PART)
		begin_part(f, t, "file", true, "");
	/* only what may hold the word that ends it is believed in its length */
	if (s->what == PART && !s->n_filters)
		s->left = o->length;
}

static void begin_content(struct pdf *f, struct nest *t, bool xml)
{
	f->stream.begun = BEGUN;
	if (xml) {
		begin_part(f, t, "xml", false, "application/xml");
		return;
	}
	pdf_page_begin(f);
	pdf_lex_begin(&f->lex);
}

/* XFA forms look like content streams until they begin. */
static size_t begin_step(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	if (f->stream.begun == LESS) {
		begin_content(f, t, *p != '<');
		if (f->in_part)
			part_feed(t, (const uint8_t *)"<", 1);
		else if (f->stream.what == CONTENT)
			pdf_lex_feed(f, &f->lex, t, (const uint8_t *)"<", 1, content_token);
		return 0;
	}
	while (i < n && (p[i] == ' ' || (p[i] >= 9 && p[i] <= 13)))
		i++;
	if (i == n)
		return n;
	if (p[i] != '<') {
		begin_content(f, t, false);
		return i;
	}
	f->stream.begun = LESS;
	return i + 1;
}

void pdf_decoded(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	struct pdf_stream *s = &f->stream;

	if (!nest_charge(t, n))
		return;
	while (n && s->what == CONTENT && s->begun != BEGUN) {
		size_t used = begin_step(f, t, p, n);

		p += used;
		n -= used;
	}
	if (!n)
		return;
	if (s->what == PART && f->in_part)
		part_feed(t, p, n);
	else if (s->what == CONTENT)
		pdf_lex_feed(f, &f->lex, t, p, n, content_token);
	else if (s->what == OBJECT_STREAM)
		pdf_lex_feed(f, &f->lex, t, p, n, packed_token);
}

static void end_stream(struct pdf *f, struct nest *t, bool whole)
{
	struct pdf_stream *s = &f->stream;

	if (s->what != PASS_OVER)
		pdf_filter_end(f, t);
	if (s->what == CONTENT && s->begun == BEGUN) {
		pdf_lex_end(f, &f->lex, t, content_token);
		if (f->mapping.on)
			pdf_cmap_end(f, t);
		pdf_page_end(f, t, whole);
	} else if (s->what == OBJECT_STREAM) {
		pdf_lex_end(f, &f->lex, t, packed_token);
		if (f->object_at)
			pdf_object_end(f, t);
	} else if (f->in_part) {
		struct emit *e = nest_emit(t);
		bool cut = e->cut;

		e->cut = cut || !whole;
		part_end(t);
		e->cut = cut || nest_over(t);
	}
	f->in_part = false;
	s->what = PASS_OVER;
	pdf_lex_begin(&f->lex);
}

static void content_token(struct pdf *f, struct nest *t, const struct pdf_token *k)
{
	if (f->mapping.on)
		pdf_cmap_token(f, t, k);
	else if (word_is(k, "begincmap"))
		pdf_cmap_begin(f, t);
	else
		pdf_page_token(f, t, k);
}

/* 7.5.7: numbers and places of all objects, then the objects. */
static void packed_token(struct pdf *f, struct nest *t, const struct pdf_token *k)
{
	struct pdf_stream *s = &f->stream;

	if (k->at < s->first) {
		if (k->type == PDF_NUMBER && f->n_objects < 2 * s->n_objects)
			f->objects[f->n_objects++] =
			        k->number < 4e9 && k->number > 0 ? (uint32_t)k->number : 0;
		return;
	}
	while (f->object_at < f->n_objects / 2 &&
	        k->at >= (uint64_t)s->first + f->objects[2 * f->object_at + 1]) {
		if (f->object_at)
			pdf_object_end(f, t);
		pdf_object_begin(f, f->objects[2 * f->object_at++]);
	}
	if (f->object_at)
		pdf_object_token(f, t, k);
}

/* ---- objects ---- */

static void begin_object(struct pdf *f, uint32_t number)
{
	pdf_object_begin(f, number);
	f->in_object = true;
}

static void end_object(struct pdf *f, struct nest *t)
{
	if (f->in_object)
		pdf_object_end(f, t);
	f->in_object = false;
}

static void file_token(struct pdf *f, struct nest *t, const struct pdf_token *k)
{
	if (k->type == PDF_NUMBER) {
		f->last[0] = f->last[1];
		f->last[1] = k->number >= 1 && k->number < 4e9 ? (uint32_t)k->number : 0;
	}
	if (word_is(k, "obj")) {
		/* the one before may lack its end */
		end_object(f, t);
		begin_object(f, f->last[0]);
	} else if (word_is(k, "endobj")) {
		end_object(f, t);
	} else if (word_is(k, "trailer")) {
		f->directory = true;
		end_object(f, t);
		begin_object(f, 0);
	} else if (word_is(k, "xref") || word_is(k, "startxref")) {
		f->directory = true;
		end_object(f, t);
	} else if (word_is(k, "stream") && f->in_object) {
		end_object(f, t);
		f->mode = LINE_END;
		f->lex.stop = true;
	} else if (f->in_object) {
		pdf_object_token(f, t, k);
	}
}

/* ---- bytes ---- */

/* Behind "stream" one line end is not part of it (7.3.8.1). */
static size_t line_end_step(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	(void)n;
	if (f->mode == LINE_END && (*p == '\r' || *p == ' ')) {
		f->mode = *p == '\r' ? LINE_END_CR : LINE_END;
		return 1;
	}
	begin_stream(f, t);
	return *p == '\n';
}

static void stream_bytes(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	if (n && f->stream.what != PASS_OVER && f->mode == STREAM)
		pdf_filter_feed(f, t, p, n);
}

static size_t counted_step(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	size_t take = n < f->stream.left ? n : (size_t)f->stream.left;

	stream_bytes(f, t, p, take);
	f->stream.left -= take;
	return take;
}

/* Up to the word that ends what is read.  Only its first letter comes again in it: "endstre" and "am". */
static size_t until_end(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	static const char in_stream[] = "endstream", in_lost[] = "endobj";
	const char *end = f->mode == STREAM ? in_stream : in_lost;
	uint8_t *matched = &f->stream.matched;
	size_t from = 0, i = 0;

	while (i < n) {
		if (!*matched) {
			const uint8_t *e = memchr(p + i, 'e', n - i);

			i = e ? (size_t)(e - p) : n;
			stream_bytes(f, t, p + from, i - from);
			from = i;
			if (i == n)
				return n;
		}
		if (p[i] == (uint8_t)end[*matched]) {
			i++;
			if (end[++*matched])
				continue;
			*matched = 0;
			if (f->mode == STREAM)
				end_stream(f, t, true);
			f->mode = OBJECTS;
			return i;
		}
		/* what was held is no end; its last letter may begin one */
		stream_bytes(f, t, (const uint8_t *)end, *matched == 7 ? 6 : *matched);
		*matched = *matched == 7;
		from = i;
	}
	return n;
}

static size_t byte_step(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	switch ((enum mode)f->mode) {
	case OBJECTS:
		return pdf_lex_feed(f, &f->lex, t, p, n, file_token);
	case LINE_END:
	case LINE_END_CR:
		return line_end_step(f, t, p, n);
	case STREAM:
		return f->stream.left ? counted_step(f, t, p, n) : until_end(f, t, p, n);
	case LOST:
		return until_end(f, t, p, n);
	}
	return n;
}

/* ---- the reader ---- */

/* "%PDF-1.7", a line end, and then what no sentence goes on with. */
static int probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	size_t i = 8;

	(void)hint;
	if (!n || memcmp(p, "%PDF-", n < 5 ? n : 5))
		return n ? 0 : -1;
	while (i < n && (p[i] == ' ' || (p[i] >= 9 && p[i] <= 13)))
		i++;
	if (i >= n)
		return -1;
	return p[5] >= '0' && p[5] <= '9' && (p[i] == '%' || (p[i] >= '0' && p[i] <= '9') || p[i] >= 0x80);
}

static bool open_pdf(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct pdf *f = state;

	(void)t;
	(void)hint;
	f->in = in;
	pdf_lex_begin(&f->lex);
	return true;
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct pdf *f = state;

	for (size_t i = 0; i < n && !nest_over(t);)
		i += byte_step(f, t, p + i, n - i);
}

/* Whatever is missing, objects go on behind the end of one. */
static void gap(void *state, struct nest *t, uint64_t n)
{
	struct pdf *f = state;

	if (f->mode == STREAM && f->stream.what == PART && n && n < f->stream.left) {
		f->stream.left -= n;
		if (f->in_part)
			part_gap(t, n);
		return;
	}
	if (f->mode == STREAM)
		end_stream(f, t, false);
	end_object(f, t);
	f->mode = LOST;
	f->stream.matched = 0;
	pdf_lex_begin(&f->lex);
}

static void end(void *state, struct nest *t)
{
	struct pdf *f = state;

	if (f->mode == STREAM)
		end_stream(f, t, false);
	else if (f->mode == OBJECTS)
		pdf_lex_end(f, &f->lex, t, file_token);
	if (f->in_object || f->mode != OBJECTS || !f->directory)
		f->broken = true;
	end_object(f, t);
	pdf_text_known(f, t, 0);
	if (f->encrypted)
		nest_skip(t, CONTENT_UNSUPPORTED);
	else if (f->broken)
		nest_skip(t, CONTENT_BROKEN);
}

const struct reader_ops pdf_ops = {
        .name = "pdf",
        .state_size = sizeof(struct pdf),
        .probe = probe,
        .open = open_pdf,
        .feed = feed,
        .gap = gap,
        .end = end,
};
