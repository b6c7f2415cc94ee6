/* mail.c - a message of e-mail (RFC 5322, MIME: RFC 2045 to 2047), and many of them in one file (mbox, RFC
 * 4155).
 *
 * Header fields are fields of their own, unfolded, their encoded words in UTF-8.  The body is a part of the
 * type and transfer encoding that the header gives; multipart.c takes it from there. */
#include "classify/content/documents/documents.h"

#include "base/text.h"
#include "classify/content/reader.h"

#include <string.h>

#define MAIL_NAME_MAX  64   /* of a header field */
#define MAIL_FIELD_MAX 4096 /* of its text gathered at once; what is longer is told in pieces */
#define MAIL_TYPE_MAX  512  /* kept of fields that describe the body */

enum state { NAME, TEXT, LINE_END, BODY };
enum { TYPE, TRANSFER, DISPOSITION, N_KEPT };

struct mail {
	const struct prefix *in;
	uint8_t state;
	bool in_part, named; /* named: the field was told */
	size_t n_name, n_text, n_kept[N_KEPT];
	char name[MAIL_NAME_MAX], text[MAIL_FIELD_MAX], kept[N_KEPT][MAIL_TYPE_MAX];
};

/* ---- encoded words (RFC 2047) ---- */

struct word {
	struct slice charset, text;
	bool base64;
	size_t len; /* of it all */
};

/* =?charset?B?text?= at p; a language may follow the charset (RFC 2231 5). */
static bool word_at(const char *p, size_t n, struct word *w)
{
	const char *mark[3], *star;
	size_t at = 2;

	if (n < 8 || p[0] != '=' || p[1] != '?')
		return false;
	for (int i = 0; i < 3; i++) {
		mark[i] = memchr(p + at, '?', n - at);
		if (!mark[i])
			return false;
		at = (size_t)(mark[i] - p) + 1;
	}
	if (mark[1] - mark[0] != 2 || at == n || *(mark[2] + 1) != '=')
		return false;
	w->charset = slice_of(p + 2, (size_t)(mark[0] - p) - 2);
	star = w->charset.n ? memchr(w->charset.p, '*', w->charset.n) : NULL;
	if (star)
		w->charset.n = (size_t)(star - w->charset.p);
	w->base64 = (mark[0][1] | 32) == 'b';
	w->text = slice_of(mark[1] + 1, (size_t)(mark[2] - mark[1]) - 1);
	w->len = at + 1;
	return w->base64 || (mark[0][1] | 32) == 'q';
}

static bool to_emit(void *arg, const uint8_t *p, size_t n)
{
	emit_text(arg, p, n);
	return true;
}

static void tell_word(const struct word *w, struct charset *c, struct emit *e)
{
	uint8_t bytes[MAIL_FIELD_MAX];
	size_t n = 0;

	if (w->base64)
		n = base64_decode(w->text.p, w->text.n, bytes, sizeof(bytes), NULL);
	for (size_t i = 0; i < w->text.n && !w->base64; i++) {
		const char *p = w->text.p + i;
		bool coded = *p == '=' && i + 2 < w->text.n && hex_digit(p[1]) >= 0 && hex_digit(p[2]) >= 0;
		int byte = coded ? hex_digit(p[1]) << 4 | hex_digit(p[2]) : *p == '_' ? ' ' : *p;

		bytes[n++] = (uint8_t)byte;
		i += coded ? 2 : 0;
	}
	c->page = codepage_by_name(w->charset);
	c->kind = c->page ? CHARSET_PAGE : CHARSET_AS_IS;
	charset_feed(c, bytes, n, to_emit, e);
}

/* Blanks between two encoded words are none (6.2). */
static void tell_text(const char *p, size_t n, struct emit *e)
{
	struct charset c = {0};
	size_t plain = 0, i = 0;
	struct word w;

	while (i < n) {
		size_t blank;

		if (p[i] != '=' || !word_at(p + i, n - i, &w)) {
			i++;
			continue;
		}
		emit_text(e, (const uint8_t *)p + plain, i - plain);
		tell_word(&w, &c, e);
		plain = i += w.len;
		for (blank = i; blank < n && (p[blank] == ' ' || p[blank] == '\t'); blank++)
			;
		if (word_at(p + blank, n - blank, &w))
			plain = i = blank;
		else
			charset_end(&c, to_emit, e);
	}
	charset_end(&c, to_emit, e);
	emit_text(e, (const uint8_t *)p + plain, n - plain);
}

/* ---- the header ---- */

/* Tells what was gathered of the field's text. */
static void tell(struct mail *m, struct nest *t)
{
	struct prefix in;

	if (!m->named) {
		prefix_add(&in, m->in, m->name, m->n_name);
		emit_plain(nest_emit(t), &in);
	}
	m->named = true;
	tell_text(m->text, m->n_text, nest_emit(t));
	m->n_text = 0;
}

static void keep(struct mail *m)
{
	static const char *const names[N_KEPT] = {
	        "Content-Type", "Content-Transfer-Encoding", "Content-Disposition"};

	for (size_t i = 0; i < N_KEPT; i++) {
		size_t n = m->n_text < MAIL_TYPE_MAX ? m->n_text : MAIL_TYPE_MAX;

		if (!slice_is_nocase(slice_of(m->name, m->n_name), names[i]) || m->named)
			continue;
		memcpy(m->kept[i], m->text, n);
		m->n_kept[i] = n;
	}
}

static void end_field(struct mail *m, struct nest *t, bool whole)
{
	if (m->n_name) {
		keep(m);
		tell(m, t);
		emit_end(nest_emit(t), whole);
	}
	m->n_name = 0;
	m->named = false;
	m->state = NAME;
}

static struct slice kept(const struct mail *m, int which)
{
	return slice_trim(slice_of(m->kept[which], m->n_kept[which]));
}

static void begin_body(struct mail *m, struct nest *t)
{
	struct part_hint hint = {.type = kept(m, TYPE), .transfer = kept(m, TRANSFER)};
	char file[MAIL_TYPE_MAX];
	size_t n;

	if (header_param(kept(m, DISPOSITION), "filename", file, sizeof(file), &n) ||
	        header_param(hint.type, "name", file, sizeof(file), &n))
		hint.name = slice_of(file, n);
	m->state = BODY;
	m->in_part = part_begin(t, m->in, &hint);
}

static void give(struct mail *m, struct nest *t, const void *p, size_t n)
{
	if (m->in_part && n)
		part_feed(t, p, n);
}

/* A name up to its colon.  A line that has none is the body's first already. */
static size_t name_step(struct mail *m, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i];

		if (c == ':' && m->n_name) {
			while (m->name[m->n_name - 1] == ' ' && m->n_name > 1)
				m->n_name--;
			m->state = TEXT;
			return i + 1;
		}
		if (c == '\r' && !m->n_name)
			continue;
		if (c == '\n' && !m->n_name) {
			begin_body(m, t);
			return i + 1;
		}
		if (c < ' ' || c >= 0x7f || m->n_name == sizeof(m->name)) {
			size_t held = m->n_name;

			m->n_name = 0;
			begin_body(m, t);
			give(m, t, m->name, held);
			return i;
		}
		m->name[m->n_name++] = (char)c;
	}
	return n;
}

static size_t text_step(struct mail *m, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n') {
			m->state = LINE_END;
			return i + 1;
		}
		if (p[i] == '\r' || (!m->n_text && !m->named && (p[i] == ' ' || p[i] == '\t')))
			continue;
		if (m->n_text == sizeof(m->text))
			tell(m, t);
		m->text[m->n_text++] = (char)p[i];
	}
	return n;
}

/* A line that begins with a blank goes on with the field (RFC 5322 2.2.3). */
static size_t line_end_step(struct mail *m, struct nest *t, const uint8_t *p, size_t n)
{
	(void)n;
	if (*p == ' ' || *p == '\t')
		m->state = TEXT;
	else
		end_field(m, t, true);
	return 0;
}

static size_t body_step(struct mail *m, struct nest *t, const uint8_t *p, size_t n)
{
	give(m, t, p, n);
	return n;
}

/* ---- the reader ---- */

static size_t (*const steps[])(struct mail *m, struct nest *t, const uint8_t *p, size_t n) = {
        [NAME] = name_step,
        [TEXT] = text_step,
        [LINE_END] = line_end_step,
        [BODY] = body_step,
};

/* Length of a header field's name at p, with its colon; 0: there is none, or it is cut (*more). */
static size_t field_name(const uint8_t *p, size_t n, bool *more)
{
	size_t i = 0;

	while (i < n &&
	        (hex_digit((char)p[i]) >= 0 || ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'z') || p[i] == '-'))
		i++;
	*more = i == n;
	return i && i < n && p[i] == ':' ? i + 1 : 0;
}

/* Names by which messages begin.  Those that people write too must be followed by another field. */
static int probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	static const char *const sure[] = {"Return-Path:", "Received:", "Delivered-To:", "Message-ID:",
	        "MIME-Version:", "DKIM-Signature:", "ARC-Seal:", "X-Mozilla-Status:",
	        "Authentication-Results:", "X-Received:"},
	                         *const maybe[] = {"From:", "To:", "Subject:", "Date:", "Content-Type:",
	                                 "Reply-To:", "Sender:", "Cc:", "Organization:", "User-Agent:"};
	struct slice type = slice_trim(hint->type);
	const uint8_t *end;
	bool more, known = false;
	size_t len;

	if (slice_starts_nocase(type, "message/rfc822") || slice_starts_nocase(type, "message/global"))
		return 1;
	len = n ? field_name(p, n, &more) : 0;
	if (!len)
		return n ? 0 : -1;
	for (size_t i = 0; i < sizeof(sure) / sizeof(sure[0]); i++)
		if (slice_is_nocase(slice_of(p, len), sure[i]))
			return 1;
	for (size_t i = 0; i < sizeof(maybe) / sizeof(maybe[0]); i++)
		known = known || slice_is_nocase(slice_of(p, len), maybe[i]);
	if (!known)
		return 0;
	end = memchr(p, '\n', n);
	if (!end || end + 1 == p + n)
		return -1;
	len = field_name(end + 1, n - (size_t)(end + 1 - p), &more);
	return len || end[1] == ' ' || end[1] == '\t' ? 1 : more ? -1 : 0;
}

static bool open_mail(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct mail *m = state;

	(void)t;
	(void)hint;
	m->in = in;
	return true;
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct mail *m = state;

	for (size_t i = 0; i < n && !nest_over(t);)
		i += steps[m->state](m, t, p + i, n - i);
}

static void settle(struct mail *m, struct nest *t, bool whole)
{
	struct emit *e = nest_emit(t);

	if (m->state == NAME && m->n_name) {
		/* no field: told as it is */
		emit_plain(e, m->in);
		emit_text(e, (const uint8_t *)m->name, m->n_name);
		emit_end(e, whole);
		m->n_name = 0;
	} else if (m->state != BODY) {
		end_field(m, t, whole);
	}
}

static void gap(void *state, struct nest *t, uint64_t n)
{
	struct mail *m = state;

	if (m->state == BODY) {
		if (m->in_part)
			part_gap(t, n);
		return;
	}
	settle(m, t, false);
}

static void end(void *state, struct nest *t)
{
	struct mail *m = state;

	settle(m, t, true);
	if (m->in_part)
		part_end(t);
}

const struct reader_ops mail_ops = {
        .name = "mail",
        .state_size = sizeof(struct mail),
        .probe = probe,
        .open = open_mail,
        .feed = feed,
        .gap = gap,
        .end = end,
};
