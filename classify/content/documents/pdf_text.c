/* pdf_text.c - from the strings of a content stream to text.
 *
 * Most programs write pages first and fonts last, so what strings mean is often not known when they pass.
 * They are held, as short notes of what the page does, until all fonts of their content stream are known
 * (pdf_hold.c); where memory ends before, or the file does, they are read as well as they can be, and
 * CONTENT_UNSUPPORTED is told.
 *
 * PDF has no words: where a string begins to the right of where the one before ended, there is a blank; where
 * it stands elsewhere, a line. */
#include "classify/content/documents/pdf.h"

#include "base/cursor.h"

#include <ctype.h>
#include <math.h>

#define BLANK_EM   0.18 /* a gap of so many widths of M is a blank; kerning stays below it */
#define TAB_EM     1.0  /* ... and one of so many a tab: columns */
#define BACK_EM    0.6  /* what begins so far to the left is another line */
#define GLYPHS_MIN 16   /* so many codes tell whether they are ASCII */
#define STRING_MAX 254  /* even: codes of two bytes stay whole */

/* Notes.  Each begins with one of these letters. */
enum note {
	NOTE_FONT = 'F', /* hash of its name: u32 */
	NOTE_SIZE = 'E', /* struct pdf_size */
	NOTE_LINE = 'N',
	NOTE_MOVE = 'M', /* from the last start, along the line: float */
	NOTE_GAP = 'G',  /* within a line, in em: float */
	NOTE_SHOW = 'S', /* length: u8, bytes */
};

static void finish_unit(struct pdf *f, struct nest *t, unsigned flags);

/* ---- writing ---- */

/* A place for a note of n bytes; NULL: no memory. */
static uint8_t *note(struct pdf *f, struct nest *t, enum note kind, size_t n)
{
	struct pdf_text *x = &f->text;
	uint8_t *p;

	if (!x->notes && !x->no_memory) {
		x->notes = nest_alloc(t, PDF_UNIT_MAX);
		x->no_memory = !x->notes;
	}
	if (x->no_memory)
		return NULL;
	if (1 + n > PDF_UNIT_MAX - x->n_notes)
		finish_unit(f, t, 0);
	p = x->notes + x->n_notes;
	x->n_notes += 1 + n;
	x->show = NULL;
	*p = (uint8_t)kind;
	return p + 1;
}

static void note_value(struct pdf *f, struct nest *t, enum note kind, const void *v, size_t n)
{
	uint8_t *p = note(f, t, kind, n);

	if (p)
		memcpy(p, v, n);
}

static void note_font(struct pdf *f, struct nest *t, uint32_t name)
{
	struct pdf_unit *u = &f->text.unit;
	uint8_t *p;
	unsigned i = 0;

	while (i < u->n_fonts && u->font[i] != name)
		i++;
	if (i == PDF_UNIT_FONTS) {
		finish_unit(f, t, 0);
	}
	p = note(f, t, NOTE_FONT, sizeof(name));
	if (!p)
		return;
	memcpy(p, &name, sizeof(name));
	/* the unit may be another now */
	for (i = 0; i < u->n_fonts && u->font[i] != name; i++)
		;
	if (i == u->n_fonts)
		u->font[u->n_fonts++] = name;
}

void pdf_text_content(struct pdf *f, uint32_t number)
{
	struct pdf_text *x = &f->text;

	x->n_notes = 0;
	x->show = NULL;
	x->unit = (struct pdf_unit){.content = number, .flags = PDF_UNIT_BEGINS};
	x->font = 0;
	x->noted = (struct pdf_size){0};
}

void pdf_text_font(struct pdf *f, struct nest *t, uint32_t name)
{
	if (f->text.font != name)
		note_font(f, t, name);
	f->text.font = name;
}

void pdf_text_size(struct pdf *f, struct nest *t, struct pdf_size size)
{
	struct pdf_size *noted = &f->text.noted;

	if (size.em == noted->em && size.spacing == noted->spacing &&
	        size.word_spacing == noted->word_spacing)
		return;
	*noted = size;
	note_value(f, t, NOTE_SIZE, &size, sizeof(size));
}

void pdf_text_line(struct pdf *f, struct nest *t)
{
	note(f, t, NOTE_LINE, 0);
}

void pdf_text_move(struct pdf *f, struct nest *t, double dx)
{
	float v = (float)dx;

	note_value(f, t, NOTE_MOVE, &v, sizeof(v));
}

void pdf_text_gap(struct pdf *f, struct nest *t, double ems)
{
	float v = (float)ems;

	note_value(f, t, NOTE_GAP, &v, sizeof(v));
}

bool pdf_is_gap(double ems)
{
	return ems > BLANK_EM;
}

/* Strings that follow one another are one. */
void pdf_text_show(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	struct pdf_text *x = &f->text;

	while (n) {
		size_t len = n < STRING_MAX ? n : STRING_MAX;
		uint8_t *to;

		if (x->show && *x->show + len <= STRING_MAX && len <= PDF_UNIT_MAX - x->n_notes) {
			memcpy(x->notes + x->n_notes, p, len);
			*x->show = (uint8_t)(*x->show + len);
			x->n_notes += len;
		} else {
			to = note(f, t, NOTE_SHOW, 1 + len);
			if (!to)
				return;
			*to = (uint8_t)len;
			memcpy(to + 1, p, len);
			x->show = to;
		}
		p += len;
		n -= len;
	}
}

/* ---- text ---- */

static void flush(struct pdf *f, struct nest *t)
{
	struct pdf_text *x = &f->text;

	if (x->n_said)
		scan_text(&f->scan, t, x->said, x->n_said);
	x->n_said = 0;
}

/* A character or two. */
static void say(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	struct pdf_text *x = &f->text;

	if (n > sizeof(x->said) - x->n_said)
		flush(f, t);
	memcpy(x->said + x->n_said, p, n);
	x->n_said += n;
}

static void put(struct pdf *f, struct nest *t, uint32_t cp)
{
	static const char *const ligatures[] = {"ff", "fi", "fl", "ffi", "ffl"};
	static const uint8_t line = '\n';
	struct pdf_text *x = &f->text;
	uint8_t b[4];
	size_t n;

	if (cp < ' ' || cp == 0xa0)
		cp = ' ';
	if (x->any && x->line)
		say(f, t, &line, 1);
	else if (x->any && x->blank && x->last != ' ' && cp != ' ')
		say(f, t, &x->blank, 1);
	x->line = false;
	x->blank = 0;
	x->any = true;
	x->last = (uint8_t)cp;
	n = utf8_put(cp, b);
	if (cp >= 0xfb00 && cp <= 0xfb04)
		say(f, t, (const uint8_t *)ligatures[cp - 0xfb00], strlen(ligatures[cp - 0xfb00]));
	else
		say(f, t, b, n);
}

/* What a code means where nobody says: letters are mostly where ASCII has them, glyphs of TrueType fonts
 * mostly in its order from the third on. */
static uint32_t guess(const struct pdf_reading *r, uint32_t code)
{
	if (r->code_bytes == 2)
		return code >= 3 && code < 98 ? code + 29 : 0;
	return pdf_encoding(PDF_WIN_ANSI)[code & 0xff];
}

/* Codes of a font that says nothing are ASCII, or its glyphs counted as they came. */
static void count_glyph(struct pdf_text *x, uint32_t code)
{
	if (code < ' ' && code != '\t' && code != '\n' && code != '\r')
		x->unread = true;
	x->n_glyphs++;
	x->n_words += code == ' ' || (code < 0x80 && isalnum((int)code));
}

/* Tells a code; returns the code point that its width is known by. */
static uint32_t tell_code(struct pdf *f, struct nest *t, uint32_t code)
{
	struct pdf_text *x = &f->text;
	const struct pdf_reading *r = &x->reading;
	const struct pdf_cmap_row *row = r->cmap ? pdf_cmap_find(r->cmap, code) : NULL;
	uint32_t cp;

	if (row && row->to & PDF_CMAP_TEXT) {
		const uint16_t *text = r->cmap->text + (row->to & ~PDF_CMAP_TEXT);

		for (uint16_t i = 1; i <= *text; i++)
			put(f, t, text[i]);
		return 0;
	}
	cp = row           ? row->to + (code - row->first)
	     : r->ucs2     ? code
	     : r->encoding ? r->encoding[code & 0xff]
	                   : 0;
	/* TeX's fonts have ligatures where others have controls: OT1, T1 */
	if (!cp && !r->cmap && !r->glyphs && r->code_bytes == 1 &&
	        ((code >= 11 && code <= 15) || (code >= 27 && code <= 31)))
		cp = 0xfb00 + (code < 27 ? code - 11 : code - 27);
	if (r->glyphs)
		count_glyph(x, code);
	if (x->ready != PDF_READY && !(cp && r->named)) {
		cp = cp ? cp : guess(r, code);
		x->unread = true;
	} else if (!cp && !r->cmap && code > ' ') {
		x->unread = true;
	}
	if (cp)
		put(f, t, cp);
	return cp;
}

static void tell_string(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	struct pdf_text *x = &f->text;
	uint8_t size = x->reading.code_bytes;

	for (size_t i = 0; i + size <= n; i += size) {
		uint32_t code = size == 2 ? (uint32_t)(p[i] << 8 | p[i + 1]) : p[i],
		         cp = tell_code(f, t, code);

		/* 9.3.2, 9.3.3 */
		x->trail = x->size.spacing + (size == 1 && code == ' ' ? x->size.word_spacing : 0);
		x->advance += pdf_width(&x->reading, code, cp) * (double)x->size.em / 1000 + x->trail;
	}
}

static void end_content(struct pdf *f, struct nest *t, bool whole)
{
	struct pdf_text *x = &f->text;

	if (x->open) {
		flush(f, t);
		scan_end(&f->scan, t, whole);
	}
	if (x->unread || (x->n_glyphs >= GLYPHS_MIN && x->n_words < x->n_glyphs / 2))
		nest_skip(t, CONTENT_UNSUPPORTED);
	x->open = x->unread = false;
}

static void begin_content(struct pdf *f, struct nest *t, uint32_t number)
{
	struct pdf_text *x = &f->text;
	struct prefix in;

	prefix_add(&in, f->in, "page", 4);
	in.key_len = 0;
	emit_plain(nest_emit(t), &in);
	scan_begin(&f->scan, true);
	x->n_said = 0;
	x->content = number;
	x->open = true;
	x->any = x->line = false;
	x->n_glyphs = x->n_words = 0;
	x->blank = 0;
	x->last = ' ';
	x->reading = (struct pdf_reading){.code_bytes = 1};
	x->ready = PDF_NEVER;
	x->size = (struct pdf_size){.em = 1};
	x->advance = x->trail = 0;
}

static void gap(struct pdf_text *x, double ems)
{
	if (ems > BLANK_EM)
		x->blank = ems > TAB_EM ? '\t' : ' ';
}

/* What begins where a glyph ends, with the spacing behind it or without, goes on. */
static void move(struct pdf_text *x, double dx)
{
	double with = dx - x->advance, without = with + x->trail,
	       ems = fmax(fmin(with, without), fmin(fmax(with, without), 0)) / x->size.em;

	x->line = x->line || !(ems > -BACK_EM);
	gap(x, ems);
	x->advance = x->trail = 0;
}

static void tell_note(struct pdf *f, struct nest *t, struct cur *c)
{
	struct pdf_text *x = &f->text;
	enum note kind = (enum note)cur_u8(c);
	uint32_t number = 0, missing;
	float v = 0;
	const uint8_t *p;
	size_t n;

	switch (kind) {
	case NOTE_FONT:
		if ((p = cur_take(c, sizeof(number))))
			memcpy(&number, p, sizeof(number));
		x->ready = pdf_font_find(f, x->content, number, &x->reading, &missing);
		break;
	case NOTE_SIZE:
		if ((p = cur_take(c, sizeof(x->size))))
			memcpy(&x->size, p, sizeof(x->size));
		break;
	case NOTE_LINE:
		x->line = true;
		x->advance = x->trail = 0;
		break;
	case NOTE_MOVE:
	case NOTE_GAP:
		if ((p = cur_take(c, sizeof(v))))
			memcpy(&v, p, sizeof(v));
		if (kind == NOTE_MOVE)
			move(x, v);
		else
			gap(x, v);
		break;
	case NOTE_SHOW:
		n = cur_u8(c);
		if ((p = cur_take(c, n)))
			tell_string(f, t, p, n);
		break;
	}
}

static void tell_unit(struct pdf *f, struct nest *t, const struct pdf_unit *u, const uint8_t *notes, size_t n)
{
	struct cur c = cur_of(notes, n);

	if (u->flags & PDF_UNIT_BEGINS)
		begin_content(f, t, u->content);
	while (cur_left(&c) && f->text.open && !nest_over(t))
		tell_note(f, t, &c);
	if (u->flags & (PDF_UNIT_ENDS | PDF_UNIT_CUT))
		end_content(f, t, !(u->flags & PDF_UNIT_CUT));
}

/* ---- holding ---- */

/* Is nothing of the unit's fonts yet to come? */
static bool is_ready(struct pdf *f, const struct pdf_unit *u)
{
	struct pdf_text *x = &f->text;
	struct pdf_reading r;

	/* what was known stays known: only the rest is looked at again */
	for (; x->seen < u->n_fonts; x->seen++)
		if (pdf_font_find(f, u->content, u->font[x->seen], &r, &x->waits) == PDF_WAIT)
			return false;
	x->seen = 0;
	x->waits = 0;
	return true;
}

/* Tells units that are held, from the oldest on, while their fonts are known; `force`: at least one. */
static void tell_held(struct pdf *f, struct nest *t, bool force)
{
	const struct pdf_unit *u;

	while ((u = pdf_hold_first(f)) && !nest_over(t)) {
		const uint8_t *notes;

		/* a content that was begun goes to its end: no other field may come between */
		if (!force && !f->text.open && !is_ready(f, u))
			return;
		f->text.seen = 0;
		f->text.waits = 0;
		notes = pdf_hold_read(f, u);
		if (notes)
			tell_unit(f, t, u, notes, u->n);
		force = false;
		pdf_hold_drop(f);
	}
}

/* The notes that were gathered: told, or held. */
static void finish_unit(struct pdf *f, struct nest *t, unsigned flags)
{
	struct pdf_text *x = &f->text;
	struct pdf_unit *u = &x->unit;

	u->flags |= (uint8_t)flags;
	pdf_hold_begin(f);
	tell_held(f, t, false);
	while (pdf_hold_first(f) || (!x->open && !is_ready(f, u))) {
		if (pdf_hold_add(f, t, u, x->notes, x->n_notes))
			goto held;
		if (!pdf_hold_first(f))
			break;
		tell_held(f, t, true); /* no room: the oldest goes as it can be read */
	}
	x->seen = 0;
	x->waits = 0;
	tell_unit(f, t, u, x->notes, x->n_notes);
held:
	*u = (struct pdf_unit){.content = u->content};
	x->n_notes = 0;
	x->show = NULL;
}

void pdf_text_end(struct pdf *f, struct nest *t, bool whole)
{
	finish_unit(f, t, whole ? PDF_UNIT_ENDS : PDF_UNIT_CUT);
}

void pdf_text_known(struct pdf *f, struct nest *t, uint32_t number)
{
	while (!number && pdf_hold_first(f) && !nest_over(t))
		tell_held(f, t, true);
	if (number && f->text.waits == number)
		tell_held(f, t, false);
}
