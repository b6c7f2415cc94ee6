/* mbox.c - many messages of e-mail in one file (RFC 4155): each behind a line "From ADDRESS DATE" that
 * follows an empty line.  Lines of messages that begin like it are told by the date, which asctime() writes.
 */
#include "classify/content/documents/documents.h"

#include "base/text.h"
#include "classify/content/emit.h"

#include <string.h>

#define MBOX_LINE_MAX 256 /* no separator is longer */

struct mbox {
	const struct prefix *in;
	bool in_part, empty, held;  /* empty: the line before was; held: this one may be a separator */
	bool line_start, separator; /* separator: its line's end is yet to come */
	uint32_t messages;
	size_t n_line;
	char line[MBOX_LINE_MAX];
};

/* "From a@b Thu Jan  1 ..." */
static bool is_separator(struct slice line)
{
	static const char days[] = "MonTueWedThuFriSatSun", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (line.n < 5 || memcmp(line.p, "From ", 5))
		return false;
	for (size_t i = 5; i + 9 < line.n; i++) {
		const char *p = line.p + i, *day, *month;

		if (p[0] != ' ' || p[4] != ' ' || p[8] != ' ')
			continue;
		day = memmem(days, sizeof(days) - 1, p + 1, 3);
		month = memmem(months, sizeof(months) - 1, p + 5, 3);
		if (day && month && (day - days) % 3 == 0 && (month - months) % 3 == 0)
			return true;
	}
	return false;
}

static void give(struct mbox *m, struct nest *t, const void *p, size_t n)
{
	if (m->in_part && n)
		part_feed(t, p, n);
}

/* The line that was held is a separator, or text like any other. */
static void release(struct mbox *m, struct nest *t)
{
	struct slice line = slice_of(m->line, m->n_line);
	static const struct part_hint none;
	struct prefix in;

	m->n_line = 0;
	m->held = false;
	if (!is_separator(line)) {
		give(m, t, line.p, line.n);
		return;
	}
	if (m->in_part)
		part_end(t);
	prefix_add_index(&in, m->in, "mail", m->messages++);
	emit_plain(nest_emit(t), &in);
	emit_text(nest_emit(t), (const uint8_t *)line.p, line.n);
	emit_end(nest_emit(t), true);
	m->separator = true;
	m->in_part = part_begin_as(t, &mail_ops, &in, &none);
}

static size_t held_step(struct mbox *m, struct nest *t, const uint8_t *p, size_t n)
{
	static const char from[] = "From ";

	for (size_t i = 0; i < n; i++) {
		if ((m->n_line < 5 && p[i] != (uint8_t)from[m->n_line]) || m->n_line == MBOX_LINE_MAX ||
		        p[i] == '\n') {
			release(m, t);
			return i;
		}
		m->line[m->n_line++] = (char)p[i];
	}
	return n;
}

/* The rest of a line. */
static size_t line_step(struct mbox *m, struct nest *t, const uint8_t *p, size_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	size_t len = lf ? (size_t)(lf - p) + 1 : n;

	m->empty = m->line_start && lf && (len == 1 || (len == 2 && *p == '\r'));
	m->line_start = m->line_start && !lf && len == 1 && *p == '\r';
	if (!m->separator)
		give(m, t, p, len);
	if (lf) {
		m->separator = false;
		m->line_start = true;
		m->held = m->empty;
	}
	return len;
}

static int probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	const uint8_t *lf = n ? memchr(p, '\n', n) : NULL;

	(void)hint;
	if (n < 5 || memcmp(p, "From ", 5))
		return n && memcmp(p, "From ", n < 5 ? n : 5) ? 0 : -1;
	if (is_separator(slice_of(p, lf ? (size_t)(lf - p) : n)))
		return 1;
	return lf || n >= MBOX_LINE_MAX ? 0 : -1;
}

static bool open_mbox(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct mbox *m = state;

	(void)t;
	(void)hint;
	m->in = in;
	m->line_start = m->held = m->empty = true;
	return true;
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct mbox *m = state;

	for (size_t i = 0; i < n && !nest_over(t);) {
		if (m->held)
			i += held_step(m, t, p + i, n - i);
		else
			i += line_step(m, t, p + i, n - i);
	}
}

static void gap(void *state, struct nest *t, uint64_t n)
{
	struct mbox *m = state;

	if (m->held && m->n_line)
		release(m, t);
	m->held = m->line_start = m->empty = m->separator = false;
	if (m->in_part)
		part_gap(t, n);
}

static void end(void *state, struct nest *t)
{
	struct mbox *m = state;

	if (m->held && m->n_line)
		release(m, t);
	if (m->in_part)
		part_end(t);
}

const struct reader_ops mbox_ops = {
        .name = "mbox",
        .state_size = sizeof(struct mbox),
        .probe = probe,
        .open = open_mbox,
        .feed = feed,
        .gap = gap,
        .end = end,
};
