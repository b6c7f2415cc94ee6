/* runs.c - binary formats that are not read as what they are.  Of those that keep text as it is (documents of
 * old offices, databases) the runs of readable characters are handed out, one to a line; of the others,
 * compressed or encrypted, nothing.  Either way it is said: CONTENT_UNSUPPORTED.
 *
 * A run is of UTF-16 (LE), or of bytes that are ASCII with some of UTF-8 or windows-1252 among them.  OLE2
 * files
 * ([MS-CFB]) and databases keep text in pages of 512 bytes and more, mostly one behind the other; a value
 * that goes on in a page elsewhere is not found. */
#include "classify/content/documents/documents.h"

#include "base/text.h"
#include "classify/content/reader.h"

#include <string.h>

/* Characters in a row: fewer are chance.  (95/256)^6 of random bytes, 0.3 %, begin such a run. */
#define RUN_MIN_NARROW 6
#define RUN_MIN_WIDE   4

enum kind { NARROW, WIDE, KINDS };

struct run {
	uint8_t n; /* characters held, while they are too few */
	uint16_t held[RUN_MIN_NARROW];
};

struct runs {
	const struct prefix *in;
	bool any;         /* a run was told */
	bool odd;         /* WIDE: `low` waits for its second byte */
	uint8_t low, now; /* now: 1 + the kind of the run that is being told, 0: none */
	struct run run[KINDS];
	struct charset charset;
};

struct magic {
	uint8_t at, n;
	bool runs; /* text may stand in it as it is */
	char bytes[24];
};

static const struct magic magics[] = {
        {0, 8, true, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}, /* OLE2: .doc, .xls, .ppt, .msg */
        {0, 16, true, "SQLite format 3\0"},
        {4, 15, true, "Standard Jet DB"}, /* Access to 2003 */
        {4, 15, true, "Standard ACE DB"}, /* ... and from 2007 */
        {0, 4, true, "\x78\x9f\x3e\x22"}, /* TNEF: winmail.dat */
        {0, 4, true, "!BDN"},             /* Outlook's .pst */
        {0, 4, true, "\xdb\xa5\x2d\0"},   /* Word 2 */
        {0, 6, false, "7z\xbc\xaf\x27\x1c"},
        {0, 6, false, "Rar!\x1a\x07"},
        {0, 6, false, "\xfd\x37zXZ\0"},
        {4, 6, false, "1AY&SY"}, /* bzip2 */
        {0, 5, false, "LZIP\1"},
        {0, 4, false, "\x04\x22\x4d\x18"}, /* LZ4 */
        {0, 4, false, "PAR1"},             /* Parquet */
        {0, 8, false, "ARROW1\0\0"},
        {0, 8, false, "MSCF\0\0\0\0"}, /* cabinet */
        {0, 8, false, "Salted__"},     /* openssl enc */
        {0, 24, false, "age-encryption.org/v1\n->"},
        {0, 5, false, "\x89HDF\r"},
};

/* A name in letters counts only when something unprintable follows: a sentence may begin with it. */
static bool is_letters(const struct magic *m)
{
	for (uint8_t i = 0; i < m->n; i++)
		if (m->bytes[i] < ' ')
			return false;
	return true;
}

static bool begins(const struct magic *m, const uint8_t *p, size_t n)
{
	size_t end = (size_t)m->at + m->n;

	if (n < end || p[m->at] != (uint8_t)m->bytes[0] || memcmp(p + m->at, m->bytes, m->n))
		return false;
	while (end < n && is_letters(m) && p[end] < 0x80 && p[end] >= 9)
		end++;
	return !is_letters(m) || end < n;
}

static int probe(const uint8_t *p, size_t n, bool runs)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (magics[i].runs == runs && begins(&magics[i], p, n))
			return 1;
	return 0;
}

/* ---- telling ---- */

static bool to_emit(void *arg, const uint8_t *p, size_t n)
{
	emit_text(arg, p, n);
	return true;
}

static void end_run(struct runs *r, struct nest *t, enum kind kind)
{
	r->run[kind].n = 0;
	if (r->now != kind + 1)
		return;
	charset_end(&r->charset, to_emit, nest_emit(t));
	r->now = 0;
}

static void tell(struct runs *r, struct nest *t, enum kind kind, uint32_t c)
{
	uint8_t b[4] = {(uint8_t)c};

	if (kind == NARROW)
		charset_feed(&r->charset, b, 1, to_emit, nest_emit(t));
	else
		emit_text(nest_emit(t), b, utf8_put(c, b));
}

static void add(struct runs *r, struct nest *t, enum kind kind, uint32_t c)
{
	struct run *run = &r->run[kind];

	if (r->now == kind + 1) {
		tell(r, t, kind, c);
		return;
	}
	run->held[run->n++] = (uint16_t)c;
	if (run->n < (kind == NARROW ? RUN_MIN_NARROW : RUN_MIN_WIDE))
		return;
	if (r->now)
		end_run(r, t, kind == NARROW ? WIDE : NARROW);
	if (r->any)
		emit_text(nest_emit(t), (const uint8_t *)"\n", 1);
	r->any = true;
	r->now = (uint8_t)(kind + 1);
	for (uint8_t i = 0; i < run->n; i++)
		tell(r, t, kind, run->held[i]);
	run->n = 0;
}

/* ---- characters ---- */

static bool is_text(uint8_t c)
{
	return (c >= ' ' && c < 0x7f) || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes above ASCII go on with a run but begin none. */
static void narrow(struct runs *r, struct nest *t, uint8_t c)
{
	if (is_text(c) || (c >= 0x80 && r->now == NARROW + 1))
		add(r, t, NARROW, c);
	else
		end_run(r, t, NARROW);
}

/* Latin, Greek and Cyrillic, and the punctuation of word processors (U+2010 to 203F); only ASCII begins a
 * run. */
static bool is_wide(const struct runs *r, uint8_t low, uint8_t high)
{
	bool within = r->run[WIDE].n || r->now == WIDE + 1;

	return (!high && (is_text(low) || (within && low >= 0xa0))) || (within && high && high <= 5) ||
	       (within && high == 0x20 && low >= 0x10 && low < 0x40);
}

static void wide(struct runs *r, struct nest *t, uint8_t c)
{
	if (r->odd && is_wide(r, r->low, c)) {
		add(r, t, WIDE, (uint32_t)c << 8 | r->low);
		r->odd = false;
		return;
	}
	if (r->odd)
		end_run(r, t, WIDE);
	r->low = c;
	r->odd = true;
}

/* ---- the reader ---- */

static int probe_runs(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	(void)hint;
	return probe(p, n, true);
}

static bool open_runs(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct runs *r = state;

	(void)hint;
	r->in = in;
	r->charset.kind = CHARSET_PAGE;
	r->charset.page = codepage_by_number(1252);
	nest_skip(t, CONTENT_UNSUPPORTED);
	emit_plain(nest_emit(t), in);
	return true;
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct runs *r = state;

	for (size_t i = 0; i < n; i++) {
		narrow(r, t, p[i]);
		wide(r, t, p[i]);
	}
}

static void gap(void *state, struct nest *t, uint64_t n)
{
	struct runs *r = state;

	(void)n;
	end_run(r, t, NARROW);
	end_run(r, t, WIDE);
	r->odd = r->any = false;
	emit_end(nest_emit(t), false);
	emit_plain(nest_emit(t), r->in);
}

static void end(void *state, struct nest *t)
{
	struct runs *r = state;

	end_run(r, t, NARROW);
	end_run(r, t, WIDE);
	emit_end(nest_emit(t), true);
}

const struct reader_ops runs_ops = {
        .name = "runs",
        .state_size = sizeof(struct runs),
        .probe = probe_runs,
        .open = open_runs,
        .feed = feed,
        .gap = gap,
        .end = end,
};

/* ---- what holds nothing that can be read ---- */

static int probe_sealed(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	(void)hint;
	return probe(p, n, false);
}

static bool open_sealed(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	(void)state;
	(void)in;
	(void)hint;
	nest_skip(t, CONTENT_UNSUPPORTED);
	return true;
}

static void feed_sealed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	(void)state;
	(void)t;
	(void)p;
	(void)n;
}

static void gap_sealed(void *state, struct nest *t, uint64_t n)
{
	(void)state;
	(void)t;
	(void)n;
}

static void end_sealed(void *state, struct nest *t)
{
	(void)state;
	(void)t;
}

const struct reader_ops sealed_ops = {
        .name = "sealed",
        .probe = probe_sealed,
        .open = open_sealed,
        .feed = feed_sealed,
        .gap = gap_sealed,
        .end = end_sealed,
};
