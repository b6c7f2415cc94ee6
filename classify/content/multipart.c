/* multipart.c - multipart bodies as a stream (RFC 2046 5.1; multipart/form-data: RFC 7578).
 *
 * The body is taken line by line, since a delimiter is a line: "--" and the boundary, at a line's start.  A
 * line end is held until the next line is known to be none, as it belongs to the delimiter.  Bare LF counts
 * as a line end.  What stands before the first and behind the last delimiter is read too. */
#include "classify/content/reader.h"

#include <stddef.h>
#include <string.h>

enum state { OUTSIDE, HEAD, DATA };
enum transfer_kind { TRANSFER_PLAIN, TRANSFER_BASE64, TRANSFER_QUOTED };

static const struct prefix no_prefix;

/* ---- header parameters (RFC 9110 5.6.6, RFC 2183, RFC 8187) ---- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A value from `at`; returns where it ended.  Only \" and \\ are escapes: old browsers send paths. */
static size_t param_value(struct slice f, size_t at, char *out, size_t cap, size_t *n)
{
	bool quoted = at < f.n && f.p[at] == '"';

	*n = 0;
	for (at += quoted; at < f.n; at++) {
		if (quoted ? f.p[at] == '"' : f.p[at] == ';' || is_blank(f.p[at]))
			break;
		if (quoted && f.p[at] == '\\' && at + 1 < f.n && (f.p[at + 1] == '"' || f.p[at + 1] == '\\'))
			at++;
		if (*n < cap)
			out[(*n)++] = f.p[at];
	}
	return at;
}

bool header_param(struct slice f, const char *name, char *out, size_t cap, size_t *n)
{
	const char *semi = f.n ? memchr(f.p, ';', f.n) : NULL;
	size_t at = semi ? (size_t)(semi - f.p) : f.n;

	while (at < f.n) {
		size_t from, key;

		while (at < f.n && (f.p[at] == ';' || is_blank(f.p[at])))
			at++;
		from = at;
		while (at < f.n && f.p[at] != '=' && f.p[at] != ';' && !is_blank(f.p[at]))
			at++;
		key = at - from;
		while (at < f.n && is_blank(f.p[at]))
			at++;
		if (at == f.n || f.p[at] != '=')
			continue;
		for (at++; at < f.n && is_blank(f.p[at]); at++)
			;
		at = param_value(f, at, out, cap, n);
		if (slice_is_nocase(slice_of(f.p + from, key), name))
			return true;
		while (at < f.n && f.p[at] != ';')
			at++;
	}
	return false;
}

/* RFC 8187 3.2: UTF-8'language'percent-encoded, decoded in place. */
static size_t extended_value(char *s, size_t n)
{
	size_t from = 0, to = 0;

	for (unsigned quotes = 0; from < n && quotes < 2; from++)
		quotes += s[from] == '\'';
	for (; from < n; from++) {
		if (s[from] == '%' && from + 2 < n && hex_digit(s[from + 1]) >= 0 &&
		        hex_digit(s[from + 2]) >= 0) {
			s[to++] = (char)(hex_digit(s[from + 1]) << 4 | hex_digit(s[from + 2]));
			from += 2;
		} else {
			s[to++] = s[from];
		}
	}
	return to;
}

static bool named_param(
        struct slice f, const char *name, const char *extended, char *out, size_t cap, size_t *n)
{
	if (header_param(f, extended, out, cap, n)) {
		*n = extended_value(out, *n);
		return true;
	}
	return header_param(f, name, out, cap, n);
}

bool multipart_boundary(struct slice type, char *out, size_t *n)
{
	return slice_starts_nocase(slice_trim(type), "multipart/") &&
	       header_param(type, "boundary", out, MULTIPART_BOUNDARY, n) && *n;
}

/* ---- transfer encodings ---- */

static void base64_bytes(struct multipart *m, struct emit *e, const uint8_t *p, size_t n)
{
	struct transfer *t = &m->transfer;
	uint8_t out[3];

	for (size_t i = 0; i < n; i++) {
		char c = (char)p[i];
		bool plain = hex_digit(c) >= 0 || (c >= 'g' && c <= 'z') || (c >= 'G' && c <= 'Z') ||
		             c == '+' || c == '/';

		if (is_blank(c))
			continue;
		if (!plain && c != '=') {
			/* the label is not true: the rest as it is */
			e->skip |= CONTENT_BROKEN;
			t->kind = TRANSFER_PLAIN;
			reader_feed(&m->part, e, (const uint8_t *)t->quad, t->n);
			reader_feed(&m->part, e, p + i, n - i);
			return;
		}
		if (plain)
			t->quad[t->n++] = c;
		if (t->n == 4 || !plain) {
			reader_feed(&m->part, e, out, base64_decode(t->quad, t->n, out, sizeof(out), NULL));
			t->n = 0;
		}
	}
}

/* RFC 2045 6.7: =XX, and = before a line end joins lines. */
static void quoted_bytes(struct multipart *m, struct emit *e, const uint8_t *p, size_t n)
{
	struct transfer *t = &m->transfer;

	for (size_t i = 0; i < n; i++) {
		char c = (char)p[i];

		if (!t->n && c != '=') {
			reader_feed(&m->part, e, p + i, 1);
			continue;
		}
		t->quad[t->n++] = c;
		if (t->n == 1 || (t->n == 2 && (c == '\r' || hex_digit(c) >= 0)))
			continue;
		if (t->n == 3 && hex_digit(t->quad[1]) >= 0 && hex_digit(c) >= 0) {
			uint8_t b = (uint8_t)(hex_digit(t->quad[1]) << 4 | hex_digit(c));

			reader_feed(&m->part, e, &b, 1);
		} else if (c != '\n') {
			reader_feed(&m->part, e, (const uint8_t *)t->quad, t->n);
		}
		t->n = 0;
	}
}

static void transfer_end(struct multipart *m, struct emit *e)
{
	struct transfer *t = &m->transfer;
	uint8_t out[3];

	if (t->kind == TRANSFER_BASE64)
		reader_feed(&m->part, e, out, base64_decode(t->quad, t->n, out, sizeof(out), NULL));
	else if (t->kind == TRANSFER_QUOTED)
		reader_feed(&m->part, e, (const uint8_t *)t->quad, t->n);
	t->n = 0;
}

/* ---- parts ---- */

static void begin_line(struct multipart *m)
{
	m->line_start = true;
	m->matched = 0;
	m->alive = (uint8_t)((1u << m->depth) - 1);
}

static void begin_outside(struct multipart *m)
{
	m->state = OUTSIDE;
	m->transfer.kind = TRANSFER_PLAIN;
	m->transfer.n = 0;
	reader_init(&m->part, m->depth ? &m->level[m->depth - 1].name : &no_prefix, false, m->depth_max);
}

static void push(struct multipart *m, const char *boundary, size_t n, const struct prefix *name)
{
	struct multipart_level *l = &m->level[m->depth++];

	memcpy(l->delim, "--", 2);
	memcpy(l->delim + 2, boundary, n);
	l->n = n + 2;
	l->name = *name;
	l->parts = 0;
}

void multipart_init(struct multipart *m, const char *boundary, size_t n, unsigned depth_max)
{
	memset(m, 0, offsetof(struct multipart, level));
	m->depth_max = depth_max;
	m->head_n = m->head_line = 0;
	push(m, boundary, n, &no_prefix);
	begin_outside(m);
	begin_line(m);
}

/* "part.NAME"; without a name that of the part around it, or its number. */
static void part_name(struct multipart *m, const char *name, size_t n, struct prefix *out)
{
	struct multipart_level *l = &m->level[m->depth - 1];
	unsigned v = l->parts ? l->parts - 1 : 0;
	char t[12];

	memcpy(out->text, "part.", 5);
	out->key_at = 5;
	if (n) {
		out->n = n < PREFIX_MAX - 6 ? n : PREFIX_MAX - 6;
		memcpy(out->text + 5, name, out->n);
		out->n += 5;
		return;
	}
	if (l->name.n) {
		*out = l->name;
		return;
	}
	n = sizeof(t);
	t[--n] = ']';
	do
		t[--n] = (char)('0' + v % 10);
	while (v /= 10);
	t[--n] = '[';
	out->n = 4 + sizeof(t) - n;
	memcpy(out->text + 4, t + n, sizeof(t) - n);
	out->key_at = out->n;
}

struct part_head {
	struct slice disposition, type, transfer;
};

static void part_head_read(const struct multipart *m, struct part_head *h)
{
	struct slice rest = slice_of(m->head, m->head_n);

	*h = (struct part_head){0};
	while (rest.n) {
		size_t n = 0;
		struct slice line;
		const char *colon;

		/* up to a line end that no blank follows */
		while (n < rest.n && (rest.p[n] != '\n' || (n + 1 < rest.n && is_blank(rest.p[n + 1]))))
			n++;
		line = slice_of(rest.p, n);
		rest = slice_of(rest.p + n + (n < rest.n), rest.n - n - (n < rest.n));
		colon = line.n ? memchr(line.p, ':', line.n) : NULL;
		if (!colon)
			continue;
		n = (size_t)(colon - line.p);
		if (slice_is_nocase(slice_trim(slice_of(line.p, n)), "content-disposition"))
			h->disposition = slice_of(colon + 1, line.n - n - 1);
		else if (slice_is_nocase(slice_trim(slice_of(line.p, n)), "content-type"))
			h->type = slice_trim(slice_of(colon + 1, line.n - n - 1));
		else if (slice_is_nocase(slice_trim(slice_of(line.p, n)), "content-transfer-encoding"))
			h->transfer = slice_trim(slice_of(colon + 1, line.n - n - 1));
	}
}

static void part_begin(struct multipart *m, struct emit *e)
{
	char text[MULTIPART_BOUNDARY];
	struct part_head h;
	struct prefix name;
	size_t n = 0;

	part_head_read(m, &h);
	if (!named_param(h.disposition, "name", "name*", text, sizeof(text), &n))
		n = 0;
	part_name(m, text, n, &name);
	if (named_param(h.disposition, "filename", "filename*", text, sizeof(text), &n) && n && e->out.file)
		e->out.file(e->out.arg, text, n);
	if (multipart_boundary(h.type, text, &n)) {
		if (m->depth < MULTIPART_DEPTH && m->depth < m->depth_max) {
			push(m, text, n, &name);
			begin_outside(m);
			return;
		}
		e->skip |= CONTENT_LIMIT;
	}
	m->state = DATA;
	m->transfer.n = 0;
	m->transfer.kind = slice_is_nocase(h.transfer, "base64")             ? TRANSFER_BASE64
	                   : slice_is_nocase(h.transfer, "quoted-printable") ? TRANSFER_QUOTED
	                                                                     : TRANSFER_PLAIN;
	reader_init(&m->part, &name, slice_starts_nocase(h.type, "application/x-www-form-urlencoded"),
	        m->depth_max);
}

static void part_end(struct multipart *m, struct emit *e)
{
	if (m->state == HEAD)
		return;
	transfer_end(m, e);
	reader_end(&m->part, e);
}

/* ---- lines ---- */

static void give(struct multipart *m, struct emit *e, const void *p, size_t n)
{
	if (m->state == HEAD) {
		size_t room = sizeof(m->head) - m->head_n, take = n < room ? n : room;

		memcpy(m->head + m->head_n, p, take);
		m->head_n += take;
		if (take == n)
			return;
		/* no head is that long: this is content */
		part_begin(m, e);
		p = (const uint8_t *)p + take;
		n -= take;
	}
	if (!n)
		return;
	if (m->transfer.kind == TRANSFER_BASE64)
		base64_bytes(m, e, p, n);
	else if (m->transfer.kind == TRANSFER_QUOTED)
		quoted_bytes(m, e, p, n);
	else
		reader_feed(&m->part, e, p, n);
}

/* The held line end was content. */
static void give_eol(struct multipart *m, struct emit *e)
{
	uint8_t n = m->eol;

	m->eol = 0;
	if (n)
		give(m, e, n == 2 ? "\r\n" : "\n", n);
}

/* A line of a part's head ended: an empty one ends the head, one that is no field is content already. */
static void head_line(struct multipart *m, struct emit *e)
{
	char *line = m->head + m->head_line;
	size_t n = m->head_n - m->head_line;
	char copy[MULTIPART_HEAD_MAX];

	if (n && (memchr(line, ':', n) || is_blank(*line)) && m->head_n < sizeof(m->head)) {
		m->head[m->head_n++] = '\n';
		m->head_line = m->head_n;
		m->eol = 0;
		return;
	}
	memcpy(copy, line, n);
	m->head_n = m->head_line;
	part_begin(m, e);
	if (n)
		give(m, e, copy, n);
	else
		m->eol = 0;
}

static void delimiter(struct multipart *m, struct emit *e, bool closing)
{
	struct multipart_level *l = &m->level[m->found];

	part_end(m, e);
	m->eol = 0;
	m->depth = m->found + !closing;
	if (closing) {
		begin_outside(m);
		return;
	}
	l->parts++;
	m->state = HEAD;
	m->head_n = m->head_line = 0;
}

/* The line began like a delimiter but is none: `n` bytes of it are content. */
static void no_delimiter(struct multipart *m, struct emit *e, unsigned level, size_t n)
{
	char text[MULTIPART_BOUNDARY + 2];

	memcpy(text, m->level[level].delim, n);
	m->line_start = false;
	m->after = 0;
	give_eol(m, e);
	give(m, e, text, n);
}

/* Behind the last delimiter: blanks and the line's end.  Anything else on the line is content, as that of the
 * lines behind it. */
static bool after_last(struct multipart *m, uint8_t c)
{
	if (c != '\n' && is_blank((char)c))
		return true;
	m->after = 0;
	begin_line(m);
	m->line_start = c == '\n';
	return c == '\n';
}

/* Behind a delimiter: "--" when it is the last, else blanks and the line's end (RFC 2046 5.1.1). */
static bool after_delimiter(struct multipart *m, struct emit *e, uint8_t c)
{
	if (m->after == 3)
		return after_last(m, c);
	if (c == '-' && m->after == 1) {
		m->after = 2;
		return true;
	} else if (c == '-') {
		delimiter(m, e, true);
		m->after = 3;
		return true;
	} else if (m->after == 2 || (c != '\n' && !is_blank((char)c))) {
		bool dash = m->after == 2;

		no_delimiter(m, e, m->found, m->level[m->found].n);
		give(m, e, "-", dash);
		return false;
	} else if (c != '\n') {
		return true;
	} else {
		delimiter(m, e, false);
	}
	m->after = 0;
	begin_line(m);
	return true;
}

/* The next byte of a line that may be a delimiter; false: it is none, and the byte is yet to be read. */
static bool match(struct multipart *m, struct emit *e, uint8_t c)
{
	uint8_t was = m->alive;

	for (unsigned l = 0; l < m->depth; l++)
		if (m->matched >= m->level[l].n || (uint8_t)m->level[l].delim[m->matched] != c)
			m->alive &= (uint8_t) ~(1u << l);
	if (!m->alive) {
		unsigned level = 0;

		while (was && !(was >> level & 1))
			level++;
		no_delimiter(m, e, was ? level : 0, m->matched);
		return false;
	}
	m->matched++;
	for (unsigned l = m->depth; l-- > 0;)
		if (m->alive >> l & 1 && m->level[l].n == m->matched) {
			m->found = l;
			m->after = 1;
			break;
		}
	return true;
}

/* The rest of a line that is none; returns the bytes taken. */
static size_t line_rest(struct multipart *m, struct emit *e, const uint8_t *p, size_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	size_t len = lf ? (size_t)(lf - p) : n, text = len;
	bool cr = len ? p[len - 1] == '\r' : m->cr;

	if (len && m->cr)
		give(m, e, "\r", 1);
	text -= len && cr;
	give(m, e, p, text);
	m->cr = cr && !lf;
	if (!lf)
		return n;
	m->eol = cr ? 2 : 1;
	if (m->state == HEAD)
		head_line(m, e);
	begin_line(m);
	return len + 1;
}

void multipart_feed(struct multipart *m, struct emit *e, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		if (m->after)
			i += after_delimiter(m, e, p[i]);
		else if (m->line_start)
			i += match(m, e, p[i]);
		else
			i += line_rest(m, e, p + i, n - i);
	}
}

/* What was held, as content. */
static void give_held(struct multipart *m, struct emit *e)
{
	if (m->after == 1 || m->after == 2) {
		bool dash = m->after == 2;

		no_delimiter(m, e, m->found, m->level[m->found].n);
		give(m, e, "-", dash);
	} else if (m->line_start && !m->after) {
		(void)match(m, e, 0);
	}
	if (m->cr)
		give(m, e, "\r", 1);
	m->cr = false;
	m->after = 0;
}

/* Delimiters may be among the missing bytes; the next one brings order again. */
void multipart_gap(struct multipart *m, struct emit *e, uint64_t n)
{
	e->skip |= CONTENT_GAP;
	give_held(m, e);
	if (m->state == HEAD)
		part_begin(m, e);
	m->transfer.n = 0;
	reader_gap(&m->part, e, n);
	m->eol = 0;
	begin_line(m);
}

void multipart_end(struct multipart *m, struct emit *e)
{
	/* the line end before a delimiter that was cut off */
	if (m->after == 1) {
		m->eol = 0;
		m->after = 0;
		m->line_start = false;
	}
	give_held(m, e);
	if (m->state != OUTSIDE || m->depth) {
		e->skip |= CONTENT_BROKEN;
		if (m->state == HEAD && m->head_n)
			part_begin(m, e);
	}
	part_end(m, e);
}
