/* markup_out.c - where the bytes of a document of markup go: to its field, to what follows behind the line,
 * or to a part within. */
#include "classify/content/documents/markup.h"

struct field {
	struct markup *m;
	struct nest *t;
};

static bool to_field(void *arg, const uint8_t *p, size_t n)
{
	struct field *f = arg;

	scan_text(&f->m->scan, f->t, p, n);
	return true;
}

void markup_put_flush(struct markup *m, struct nest *t)
{
	struct field f = {m, t};
	size_t n = m->gather_n;

	m->gather_n = 0;
	if (n)
		charset_feed(&m->charset, (const uint8_t *)m->gather, n, to_field, &f);
}

/* Tags make many short pieces, each of which would be scanned by itself. */
void markup_put(struct markup *m, struct nest *t, const void *bytes, size_t n)
{
	struct field f = {m, t};

	if (n > sizeof(m->gather) - m->gather_n)
		markup_put_flush(m, t);
	if (n >= sizeof(m->gather)) {
		charset_feed(&m->charset, bytes, n, to_field, &f);
	} else if (n) {
		memcpy(m->gather + m->gather_n, bytes, n);
		m->gather_n += n;
	}
}

void markup_begin_field(struct markup *m, struct nest *t, bool start)
{
	emit_plain(nest_emit(t), m->in);
	scan_begin(&m->scan, start);
	m->last = 0;
}

void markup_end_field(struct markup *m, struct nest *t, bool whole)
{
	struct field f = {m, t};

	markup_put_flush(m, t);
	charset_end(&m->charset, to_field, &f);
	scan_end(&m->scan, t, whole);
}

/* ---- a part within ---- */

void markup_begin_json(struct markup *m, struct nest *t)
{
	static const struct part_hint none;
	struct prefix in;

	markup_end_field(m, t, true);
	prefix_add(&in, m->in, m->name, m->name_n);
	m->in_part = part_begin(t, &in, &none);
	if (!m->in_part)
		markup_begin_field(m, t, false);
}

void markup_end_json(struct markup *m, struct nest *t)
{
	if (!m->in_part)
		return;
	m->in_part = false;
	part_end(t);
	markup_begin_field(m, t, false);
}

/* ---- what follows behind the line: entries that begin with a line end ---- */

void markup_aside_flush(struct markup *m, struct nest *t)
{
	size_t n = m->aside_n, skip = m->flavor == OFFICE && !m->last && *m->aside == '\n';

	m->aside_n = m->aside_from = 0;
	if (!n)
		return;
	markup_put(m, t, m->aside + skip, n - skip);
	m->last = (uint8_t)m->aside[n - 1];
	if (m->flavor == UNSEEN)
		m->flavor = PLAIN; /* no root element is that long */
	else if (m->flavor == OFFICE)
		m->brk = '\n';
	else if (!m->direct)
		markup_put(m, t, "\n", 1);
}

void markup_aside(struct markup *m, struct nest *t, const void *bytes, size_t n)
{
	const char *p = bytes;

	for (size_t i = 0; i < n; i++) {
		if (m->aside_n == sizeof(m->aside))
			markup_aside_flush(m, t);
		m->aside[m->aside_n++] = p[i];
	}
}

/* ---- markup that stays ---- */

void markup_raw(struct markup *m, struct nest *t, const void *bytes, size_t n)
{
	if (n && m->flavor == UNSEEN && !m->office_root)
		markup_aside(m, t, bytes, n);
	else if (n && m->flavor == PLAIN)
		markup_put(m, t, bytes, n);
}

void markup_line_end(struct markup *m, struct nest *t)
{
	m->mirror = 0;
	m->tail_n = 0;
	m->glued = false;
	if (m->flavor == PLAIN)
		markup_aside_flush(m, t);
}

/* ---- text of HTML and of XML that we do not know ---- */

void markup_earn(struct markup *m, size_t n)
{
	m->credit = n < MARKUP_CREDIT - m->credit ? m->credit + n : MARKUP_CREDIT;
}

/* A tag stood within a word: the text before it once more, a blank, and what follows.  Tags that are short
 * and many would make that many times what was sent. */
static void tell_around(struct markup *m, struct nest *t)
{
	size_t n = m->tail_n < m->credit ? m->tail_n : m->credit;

	markup_aside(m, t, "\n", 1);
	markup_aside(m, t, m->tail + m->tail_n - n, n);
	markup_aside(m, t, " ", 1);
	m->credit -= n;
	m->mirror = MARKUP_AROUND;
}

/* Keeps the last bytes of the line. */
static void remember(struct markup *m, const uint8_t *p, size_t n)
{
	size_t keep = n < MARKUP_AROUND ? MARKUP_AROUND - n : 0;

	if (keep > m->tail_n)
		keep = m->tail_n;
	memmove(m->tail, m->tail + m->tail_n - keep, keep);
	if (n > MARKUP_AROUND) {
		p += n - MARKUP_AROUND;
		n = MARKUP_AROUND;
	}
	memcpy(m->tail + keep, p, n);
	m->tail_n = keep + n;
}

static void put_plain(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	if (m->flavor == UNSEEN) {
		size_t i = 0;

		while (i < n && markup_blank(p[i]))
			i++;
		markup_raw(m, t, p, i);
		if (i == n)
			return;
		/* text before the root element: this is no XML */
		markup_aside_flush(m, t);
		m->flavor = PLAIN;
		p += i;
		n -= i;
	}
	if (m->html && m->glued && markup_alnum(*p))
		tell_around(m, t);
	m->glued = false;
	markup_put(m, t, p, n);
	if (!m->html)
		return;
	if (m->mirror) {
		size_t copy = n < m->mirror ? n : m->mirror;

		markup_aside(m, t, p, copy);
		m->mirror = (uint8_t)(m->mirror - copy);
	}
	remember(m, p, n);
	markup_earn(m, 2 * n);
}

/* ---- text of offices ---- */

static unsigned rank(uint8_t c)
{
	return c == '\n' ? 3 : c == '\t' ? 2 : c ? 1 : 0;
}

void markup_break(struct markup *m, char c)
{
	if (rank((uint8_t)c) > rank(m->brk))
		m->brk = (uint8_t)c;
}

static void put_word(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	if (m->brk == '\n')
		markup_aside_flush(m, t);
	if (m->last && (m->brk || m->blank)) {
		uint8_t c = m->brk ? m->brk : m->lines && m->line ? '\n' : ' ';

		markup_put(m, t, &c, 1);
	}
	if (m->labels && (m->brk || !m->last)) {
		struct slice s = markup_local(m->name, m->name_n);

		markup_put(m, t, s.p, s.n);
		markup_put(m, t, ": ", 2);
	}
	m->brk = 0;
	m->blank = m->line = m->blank_before = false;
	m->worded = true;
	markup_put(m, t, p, n);
	m->last = p[n - 1];
}

/* Line breaks and blanks are told with the text that follows them, and one of a kind. */
static void put_office(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t from;

		for (; i < n && markup_blank(p[i]); i++) {
			m->blank = true;
			m->line = m->line || p[i] == '\n';
		}
		for (from = i; i < n && !markup_blank(p[i]); i++)
			;
		if (i > from && !m->shared)
			put_word(m, t, p + from, i - from);
	}
}

/* ---- either ---- */

void markup_text(struct markup *m, struct nest *t, const void *p, size_t n)
{
	if (!n)
		return;
	if (m->in_part)
		part_feed(t, p, n);
	else if (m->flavor == OFFICE)
		put_office(m, t, p, n);
	else
		put_plain(m, t, p, n);
}

void markup_value(struct markup *m, struct nest *t, const void *bytes, size_t n)
{
	size_t room = sizeof(m->val) - m->val_n, copy = n < room ? n : room;

	if (!n)
		return;
	memcpy(m->val + m->val_n, bytes, copy);
	m->val_n += copy;
	m->val_len += n;
	if (m->direct) {
		markup_put(m, t, bytes, n);
	} else if (!m->lifted && !m->kept) {
		markup_raw(m, t, bytes, n);
	} else if (n <= sizeof(m->aside) - m->aside_n) {
		markup_aside(m, t, bytes, n);
	} else {
		m->direct = true;
		markup_aside_flush(m, t);
		markup_put(m, t, bytes, n);
	}
}
