/* rtf.c - Rich Text Format 1.9.1: its text, with paragraphs and rows as lines, cells and tabs as tabs.
 *
 * Groups whose destination holds no text (tables of fonts, colours, styles; pictures) are passed over, as are
 * destinations marked \* that are not known; those that hold text somebody wrote are read: the document's
 * information, notes, headers, fields and what they point at. */
#include "classify/content/documents/documents.h"

#include "base/text.h"
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

#include <string.h>

#define RTF_DEPTH_MAX 256 /* groups whose settings are kept; deeper ones have those of the last */
#define RTF_WORD_MAX  32  /* of a control word (the specification's own limit) */

enum state { TEXT, BACKSLASH, WORD, NUMBER, HEX, RAW };

struct group {
	bool skip, apart; /* apart: its text is no part of the line around it */
	uint8_t fallback; /* characters that stand for one of Unicode (\uc) */
};

struct rtf {
	const struct prefix *in;
	const struct codepage *page;
	uint8_t state, brk, n_word, n_hex;
	bool any, star, minus, digits; /* star: the group's destination may be unknown */
	bool skip, apart, told;        /* told: text came already */
	uint8_t fallback, pending;     /* pending: of a fallback, yet to be passed over */
	int hex;
	int32_t value;
	uint32_t high; /* first half of a surrogate pair */
	uint64_t raw;  /* bytes of \bin */
	unsigned depth;
	struct text_scan scan;
	char word[RTF_WORD_MAX];
	struct group group[RTF_DEPTH_MAX];
};

/* What a control word does. */
enum action { BREAK, CHARACTER, PASS_OVER, READ, PICTURE, CODEPAGE, FALLBACK, UNICODE, BINARY, PLAIN_PAGE };

static const struct control {
	char name[12];
	uint8_t action;
	uint32_t value;
} controls[] = {
        {"annotation", READ, 0},
        {"ansicpg", CODEPAGE, 0},
        {"atnauthor", READ, 0},
        {"author", READ, 0},
        {"bin", BINARY, 0},
        {"blipuid", PASS_OVER, 0},
        {"bullet", CHARACTER, 0x2022},
        {"cell", BREAK, '\t'},
        {"colortbl", PASS_OVER, 0},
        {"comment", READ, 0},
        {"company", READ, 0},
        {"datafield", PASS_OVER, 0},
        {"datastore", PASS_OVER, 0},
        {"doccomm", READ, 0},
        {"docvar", READ, 0},
        {"emdash", CHARACTER, 0x2014},
        {"emspace", CHARACTER, ' '},
        {"endash", CHARACTER, 0x2013},
        {"enspace", CHARACTER, ' '},
        {"fldinst", READ, 0},
        {"fonttbl", PASS_OVER, 0},
        {"footnote", READ, 0},
        {"keywords", READ, 0},
        {"ldblquote", CHARACTER, 0x201c},
        {"line", BREAK, '\n'},
        {"listtable", PASS_OVER, 0},
        {"lquote", CHARACTER, 0x2018},
        {"mac", PLAIN_PAGE, 10000},
        {"nestcell", BREAK, '\t'},
        {"nestrow", BREAK, '\n'},
        {"objdata", PICTURE, 0},
        {"page", BREAK, '\n'},
        {"par", BREAK, '\n'},
        {"pc", PLAIN_PAGE, 437},
        {"pca", PLAIN_PAGE, 850},
        {"pict", PICTURE, 0},
        {"qmspace", CHARACTER, ' '},
        {"rdblquote", CHARACTER, 0x201d},
        {"row", BREAK, '\n'},
        {"rquote", CHARACTER, 0x2019},
        {"sect", BREAK, '\n'},
        {"shpinst", READ, 0},
        {"stylesheet", PASS_OVER, 0},
        {"subject", READ, 0},
        {"tab", BREAK, '\t'},
        {"title", READ, 0},
        {"u", UNICODE, 0},
        {"uc", FALLBACK, 0},
        {"ud", READ, 0},
        {"xmlnstbl", PASS_OVER, 0},
};

static const struct control *find(const char *name, size_t n)
{
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
		if (slice_is(slice_of(name, n), controls[i].name))
			return &controls[i];
	return NULL;
}

/* ---- text ---- */

static void put(struct rtf *r, struct nest *t, const uint8_t *p, size_t n)
{
	if (r->skip || !n)
		return;
	if (r->brk && r->told)
		scan_text(&r->scan, t, &r->brk, 1);
	r->brk = 0;
	r->told = true;
	scan_text(&r->scan, t, p, n);
}

static void put_char(struct rtf *r, struct nest *t, uint32_t cp)
{
	uint8_t b[4];

	put(r, t, b, utf8_put(cp, b));
}

/* A byte of text, by the document's code page; or of a fallback, which says nothing new. */
static void put_byte(struct rtf *r, struct nest *t, uint8_t c)
{
	if (r->pending)
		r->pending--;
	else
		put_char(r, t, codepage_char(r->page, c));
}

/* \u: 16 bits, signed; characters beyond them are two. */
static void put_unicode(struct rtf *r, struct nest *t)
{
	uint32_t v = (uint32_t)r->value & 0xffff;

	r->pending = r->fallback;
	if (v >= 0xd800 && v < 0xdc00) {
		r->high = v;
		return;
	}
	if (v >= 0xdc00 && v < 0xe000 && r->high)
		v = 0x10000 + ((r->high - 0xd800) << 10) + (v - 0xdc00);
	r->high = 0;
	put_char(r, t, v);
}

/* ---- groups and control words ---- */

static void word_break(struct rtf *r, uint8_t c)
{
	if (!r->skip && r->brk != '\n')
		r->brk = c;
}

static void open_group(struct rtf *r)
{
	if (r->depth < RTF_DEPTH_MAX)
		r->group[r->depth] = (struct group){r->skip, r->apart, r->fallback};
	r->depth++;
	r->star = r->apart = false;
	r->pending = 0;
}

static void close_group(struct rtf *r)
{
	r->pending = 0;
	r->star = false;
	if (!r->depth)
		return;
	r->depth--;
	if (r->depth >= RTF_DEPTH_MAX)
		return;
	if (r->apart)
		word_break(r, '\n');
	r->apart = r->group[r->depth].apart;
	r->skip = r->group[r->depth].skip;
	r->fallback = r->group[r->depth].fallback;
}

static void end_word(struct rtf *r, struct nest *t)
{
	const struct control *c = find(r->word, r->n_word);
	const struct codepage *page;

	r->state = TEXT;
	r->value = r->minus ? -r->value : r->value;
	if (!c || c->action == PASS_OVER || c->action == PICTURE)
		r->skip = r->skip || r->star || c;
	if (c && c->action == PICTURE && r->depth)
		nest_skip(t, CONTENT_BINARY);
	r->star = false;
	if (!c)
		return;
	switch ((enum action)c->action) {
	case BREAK:
		word_break(r, (uint8_t)c->value);
		break;
	case CHARACTER:
		if (!r->pending)
			put_char(r, t, c->value);
		break;
	case READ:
		word_break(r, '\n');
		r->apart = true;
		break;
	case CODEPAGE:
	case PLAIN_PAGE:
		page = codepage_by_number(c->value ? c->value : (unsigned)r->value);
		r->page = page ? page : r->page;
		break;
	case FALLBACK:
		r->fallback = r->value < 0 ? 0 : r->value > 8 ? 8 : (uint8_t)r->value;
		break;
	case UNICODE:
		if (r->digits)
			put_unicode(r, t);
		break;
	case BINARY:
		r->raw = r->value > 0 ? (uint64_t)r->value : 0;
		r->state = r->raw ? RAW : TEXT;
		break;
	case PASS_OVER:
	case PICTURE:
		break;
	}
}

/* ---- bytes ---- */

static size_t text_step(struct rtf *r, struct nest *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && !r->pending && p[i] >= ' ' && p[i] < 0x80 && p[i] != '\\' && p[i] != '{' &&
	        p[i] != '}')
		i++;
	if (i) {
		put(r, t, p, i);
		return i;
	}
	if (*p == '\\')
		r->state = BACKSLASH;
	else if (*p == '{')
		open_group(r);
	else if (*p == '}')
		close_group(r);
	else if (*p != '\r' && *p != '\n' && *p)
		put_byte(r, t, *p);
	return 1;
}

/* Control symbols: a character that is no letter. */
static size_t backslash_step(struct rtf *r, struct nest *t, const uint8_t *p, size_t n)
{
	(void)n;
	r->state = TEXT;
	if ((*p | 32) >= 'a' && (*p | 32) <= 'z') {
		r->state = WORD;
		r->n_word = 0;
		return 0;
	}
	if (*p == '\'') {
		r->state = HEX;
		r->n_hex = 0;
		r->hex = 0;
	} else if (*p == '*') {
		r->star = true;
	} else if (*p == '~' || *p == '_') {
		put_byte(r, t, *p == '~' ? ' ' : '-');
	} else if (*p == '\n' || *p == '\r') {
		word_break(r, '\n'); /* means \par */
	} else if (*p == '\\' || *p == '{' || *p == '}') {
		put_byte(r, t, *p);
	}
	return 1;
}

static size_t word_step(struct rtf *r, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((p[i] | 32) >= 'a' && (p[i] | 32) <= 'z') {
			if (r->n_word < sizeof(r->word))
				r->word[r->n_word++] = (char)p[i];
			continue;
		}
		r->state = NUMBER;
		r->value = 0;
		r->digits = false;
		r->minus = p[i] == '-';
		return i + r->minus;
	}
	(void)t;
	return n;
}

/* A blank behind a control word belongs to it. */
static size_t number_step(struct rtf *r, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9') {
			end_word(r, t);
			return i + (p[i] == ' ');
		}
		r->digits = true;
		if (r->value < 100000000)
			r->value = r->value * 10 + (p[i] - '0');
	}
	return n;
}

static size_t hex_step(struct rtf *r, struct nest *t, const uint8_t *p, size_t n)
{
	int d = hex_digit((char)*p);

	(void)n;
	if (d < 0) {
		r->state = TEXT;
		return 0;
	}
	r->hex = r->hex << 4 | d;
	if (++r->n_hex < 2)
		return 1;
	r->state = TEXT;
	put_byte(r, t, (uint8_t)r->hex);
	return 1;
}

static size_t raw_step(struct rtf *r, struct nest *t, const uint8_t *p, size_t n)
{
	(void)t;
	(void)p;
	n = n < r->raw ? n : (size_t)r->raw;
	r->raw -= n;
	if (!r->raw)
		r->state = TEXT;
	return n;
}

/* ---- the reader ---- */

static size_t (*const steps[])(struct rtf *r, struct nest *t, const uint8_t *p, size_t n) = {
        [TEXT] = text_step,
        [BACKSLASH] = backslash_step,
        [WORD] = word_step,
        [NUMBER] = number_step,
        [HEX] = hex_step,
        [RAW] = raw_step,
};

static int probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	(void)hint;
	if (n < 6)
		return n && memcmp(p, "{\\rtf1", n) ? 0 : -1;
	return !memcmp(p, "{\\rtf", 5) && p[5] >= '0' && p[5] <= '9';
}

static bool open_rtf(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct rtf *r = state;

	(void)hint;
	r->in = in;
	r->page = codepage_by_number(1252);
	r->fallback = 1;
	emit_plain(nest_emit(t), in);
	scan_begin(&r->scan, true);
	return true;
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct rtf *r = state;

	for (size_t i = 0; i < n && !nest_over(t);)
		i += steps[r->state](r, t, p + i, n - i);
}

/* How deep in groups the rest stands is not known: it is read rather than passed over. */
static void gap(void *state, struct nest *t, uint64_t n)
{
	struct rtf *r = state;

	if (r->state == RAW && n && n < r->raw) {
		r->raw -= n;
		return;
	}
	scan_end(&r->scan, t, false);
	emit_plain(nest_emit(t), r->in);
	scan_begin(&r->scan, false);
	r->state = TEXT;
	r->skip = r->apart = r->star = r->told = false;
	r->pending = 0;
	r->high = 0;
	r->depth = 0;
}

static void end(void *state, struct nest *t)
{
	struct rtf *r = state;

	if (r->state == WORD || r->state == NUMBER)
		end_word(r, t);
	if (r->depth)
		nest_skip(t, CONTENT_BROKEN);
	scan_end(&r->scan, t, true);
}

const struct reader_ops rtf_ops = {
        .name = "rtf",
        .state_size = sizeof(struct rtf),
        .probe = probe,
        .open = open_rtf,
        .feed = feed,
        .gap = gap,
        .end = end,
};
