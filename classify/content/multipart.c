/* multipart.c - multipart bodies as a stream (RFC 2046 5.1; multipart/form-data: RFC 7578).
 *
 * The body is taken line by line, since a delimiter is a line: "--" and the boundary, at a line's start.  A
 * line end is held until the next line is known to be none, as it belongs to the delimiter.  Bare LF counts
 * as a line end.  What stands before the first and behind the last delimiter is read too. */
#include "classify/content/reader.h"

enum state { OUTSIDE, HEAD, DATA };

struct multipart {
	uint8_t state, after; /* after: bytes seen behind a delimiter */
	bool line_start, cr;  /* cr: one is held, as it may belong to a delimiter */
	uint8_t eol;          /* bytes of the line end that is held: "\n" or "\r\n" */
	bool inner;           /* stands in a part of another multipart */
	bool open, closed;    /* a part is being fed; the last delimiter was met */
	size_t matched;
	unsigned parts;
	const struct prefix *in;
	size_t n_delim;
	char delim[MULTIPART_BOUNDARY + 2]; /* "--" and the boundary */
	size_t head_n, head_line;           /* head_line: where its newest line begins */
	char head[MULTIPART_HEAD_MAX];
};

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

/* ---- parts ---- */

static void begin_line(struct multipart *m)
{
	m->line_start = true;
	m->matched = 0;
}

static int multipart_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	char boundary[MULTIPART_BOUNDARY];
	size_t len;

	(void)p;
	(void)n;
	return multipart_boundary(hint->type, boundary, &len);
}

static bool multipart_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct multipart *m = state;

	(void)t;
	memcpy(m->delim, "--", 2);
	if (!multipart_boundary(hint->type, m->delim + 2, &m->n_delim))
		return false;
	m->n_delim += 2;
	m->in = in;
	m->inner = in->n > 4 && !memcmp(in->text, "part", 4) && (in->text[4] == '.' || in->text[4] == '[');
	m->state = OUTSIDE;
	begin_line(m);
	return true;
}

/* "part.NAME"; without a name its number, behind what it stands in. */
static void part_name(const struct multipart *m, const char *name, size_t n, struct prefix *out)
{
	static const struct prefix none;
	struct prefix part;

	if (!n) {
		prefix_add_index(out, m->in, "part", m->parts ? m->parts - 1 : 0);
		return;
	}
	prefix_add(&part, m->inner ? &none : m->in, "part", 4);
	prefix_add(out, &part, name, n);
}

/* A name that is long enough to hold data is text too, as those of forms and JSON are. */
static void tell_name(const struct multipart *m, struct nest *t, const char *name, size_t n)
{
	struct emit *e = nest_emit(t);
	struct prefix in;

	if (n < MULTIPART_NAME_LONG)
		return;
	prefix_add(&in, m->in, "part{}", 6);
	emit_field(e, in.text, in.n, in.key_at, 0);
	emit_text(e, (const uint8_t *)name, n);
	emit_end(e, true);
}

struct part_head {
	struct slice disposition, type, transfer, codings;
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
		else if (slice_is_nocase(slice_trim(slice_of(line.p, n)), "content-encoding"))
			h->codings = slice_trim(slice_of(colon + 1, line.n - n - 1));
	}
}

/* Some name a character set there, or a transfer encoding. */
static bool codings_known(struct slice list)
{
	enum coding_kind kinds[CODINGS_MAX];
	unsigned n = coding_list(list, kinds);

	for (unsigned i = 0; i < n && n <= CODINGS_MAX; i++)
		if (kinds[i] == CODING_UNKNOWN)
			return false;
	return true;
}

static void begin(struct multipart *m, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	m->state = hint ? DATA : OUTSIDE;
	m->open = part_begin(t, in, hint);
}

static void begin_part(struct multipart *m, struct nest *t)
{
	char name[MULTIPART_HEAD_MAX], file[NEST_NAME_MAX];
	struct part_head h;
	struct part_hint hint = {0};
	struct prefix in;
	size_t n = 0, file_n = 0;

	part_head_read(m, &h);
	if (!named_param(h.disposition, "name", "name*", name, sizeof(name), &n))
		n = 0;
	tell_name(m, t, name, n);
	part_name(m, name, n < MULTIPART_NAME_SHOWN ? n : MULTIPART_NAME_SHOWN, &in);
	if (named_param(h.disposition, "filename", "filename*", file, sizeof(file), &file_n) ||
	        header_param(h.type, "name", file, sizeof(file), &file_n)) /* as mail programs do too */
		hint.name = slice_of(file, file_n);
	hint.type = h.type;
	hint.transfer = h.transfer;
	if (codings_known(h.codings))
		hint.codings = h.codings;
	begin(m, t, &in, &hint);
}

static void end_part(struct multipart *m, struct nest *t)
{
	if (m->open)
		part_end(t);
	m->open = false;
}

/* ---- lines ---- */

static void give(struct multipart *m, struct nest *t, const void *p, size_t n)
{
	if (m->state == HEAD) {
		size_t room = sizeof(m->head) - m->head_n, take = n < room ? n : room;

		memcpy(m->head + m->head_n, p, take);
		m->head_n += take;
		if (take == n)
			return;
		/* no head is that long: this is content */
		begin_part(m, t);
		p = (const uint8_t *)p + take;
		n -= take;
	}
	if (!n)
		return;
	/* what stands outside is read as well */
	if (m->state == OUTSIDE && !m->open)
		begin(m, t, m->in, NULL);
	if (m->open)
		part_feed(t, p, n);
}

/* The held line end was content. */
static void give_eol(struct multipart *m, struct nest *t)
{
	uint8_t n = m->eol;

	m->eol = 0;
	if (n)
		give(m, t, n == 2 ? "\r\n" : "\n", n);
}

/* A line of a part's head ended: an empty one ends the head, one that is no field is content already. */
static void head_line(struct multipart *m, struct nest *t)
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
	begin_part(m, t);
	if (n)
		give(m, t, copy, n);
	else
		m->eol = 0;
}

static void delimiter(struct multipart *m, struct nest *t, bool closing)
{
	end_part(m, t);
	m->eol = 0;
	m->closed = closing;
	m->state = closing ? OUTSIDE : HEAD;
	m->parts += !closing;
	m->head_n = m->head_line = 0;
}

/* The line began like a delimiter but is none: what was matched of it is content. */
static void no_delimiter(struct multipart *m, struct nest *t)
{
	size_t n = m->matched;

	m->line_start = false;
	m->after = 0;
	give_eol(m, t);
	give(m, t, m->delim, n);
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
static bool after_delimiter(struct multipart *m, struct nest *t, uint8_t c)
{
	if (m->after == 3)
		return after_last(m, c);
	if (c == '-' && m->after == 1) {
		m->after = 2;
		return true;
	} else if (c == '-') {
		delimiter(m, t, true);
		m->after = 3;
		return true;
	} else if (m->after == 2 || (c != '\n' && !is_blank((char)c))) {
		bool dash = m->after == 2;

		no_delimiter(m, t);
		give(m, t, "-", dash);
		return false;
	} else if (c != '\n') {
		return true;
	} else {
		delimiter(m, t, false);
	}
	m->after = 0;
	begin_line(m);
	return true;
}

/* The next byte of a line that may be the delimiter; false: it is none, and the byte is yet to be read. */
static bool match(struct multipart *m, struct nest *t, uint8_t c)
{
	if (m->closed || (uint8_t)m->delim[m->matched] != c) {
		no_delimiter(m, t);
		return false;
	}
	m->after = ++m->matched == m->n_delim;
	return true;
}

/* The rest of a line that is none; returns the bytes taken. */
static size_t line_rest(struct multipart *m, struct nest *t, const uint8_t *p, size_t n)
{
	const uint8_t *lf = memchr(p, '\n', n);
	size_t len = lf ? (size_t)(lf - p) : n, text = len;
	bool cr = len ? p[len - 1] == '\r' : m->cr;

	if (len && m->cr)
		give(m, t, "\r", 1);
	text -= len && cr;
	give(m, t, p, text);
	m->cr = cr && !lf;
	if (!lf)
		return n;
	m->eol = cr ? 2 : 1;
	if (m->state == HEAD)
		head_line(m, t);
	begin_line(m);
	return len + 1;
}

static void multipart_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct multipart *m = state;
	size_t i = 0;

	while (i < n && !nest_over(t)) {
		if (m->after)
			i += after_delimiter(m, t, p[i]);
		else if (m->line_start)
			i += match(m, t, p[i]);
		else
			i += line_rest(m, t, p + i, n - i);
	}
}

/* What was held, as content. */
static void give_held(struct multipart *m, struct nest *t)
{
	if (m->after == 1 || m->after == 2) {
		bool dash = m->after == 2;

		no_delimiter(m, t);
		give(m, t, "-", dash);
	} else if (m->line_start && !m->after) {
		no_delimiter(m, t);
	}
	if (m->cr)
		give(m, t, "\r", 1);
	m->cr = false;
	m->after = 0;
}

/* Delimiters may be among the missing bytes; the next one brings order again. */
static void multipart_gap(void *state, struct nest *t, uint64_t n)
{
	struct multipart *m = state;

	give_held(m, t);
	if (m->state == HEAD)
		begin_part(m, t);
	if (!m->open && m->state == OUTSIDE)
		begin(m, t, m->in, NULL);
	if (m->open)
		part_gap(t, n);
	m->eol = 0;
	begin_line(m);
}

static void multipart_end(void *state, struct nest *t)
{
	struct multipart *m = state;

	/* the line end before a delimiter that was cut off */
	if (m->after == 1) {
		m->eol = 0;
		m->after = 0;
		m->line_start = false;
	}
	give_held(m, t);
	/* an inner one may be ended by the delimiter of the outer (RFC 2046 5.1.2) */
	if (!m->closed && !m->inner)
		nest_skip(t, CONTENT_BROKEN);
	if (m->state == HEAD && m->head_n)
		begin_part(m, t);
	end_part(m, t);
}

const struct reader_ops multipart_ops = {"multipart", sizeof(struct multipart), false, multipart_probe,
        multipart_open, multipart_feed, multipart_gap, multipart_end};
