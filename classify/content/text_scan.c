/* text_scan.c - see text_scan.h */
#include "classify/content/text_scan.h"
#include "classify/content/reader.h"
#include "classify/content/text_meant.h"

#include <stddef.h>

#define DROP_MAX 4  /* characters before a run that are of its alphabet and not of it */
#define EOL_MAX  20 /* a line end, and the blanks that the next line begins with */

_Static_assert(BASE64_TOLD / 4 * 3 >= NEST_SNIFF_MAX, "what is looked at tells every format");

struct text_held {
	size_t n, n_run, n_line, line_first; /* line_first: length of the run's first line, 0 not known */
	uint8_t n_eol, n_quad, n_type, pads; /* pads: how many = have come */
	char lead;                      /* + or - before the run, as before each line of a diff; 0: neither */
	bool labelled, later, on_break; /* later: behind the first line; on_break: between two */
	char quad[4];
	char line[BASE64_LINE_MAX];
	char eol[EOL_MAX];
	char type[DATA_HEAD_MAX];
	struct prefix path; /* of the field, while a part is read */
	char run[BASE64_TOLD];
	uint8_t bytes[TEXT_TRIAL]; /* held at the start; then gathered for the part */
};

/* One more than the value of each character of both alphabets of base64, by rows of the ASCII table from the
 * blank on; 0: of neither. */
/* clang-format off */
static const uint8_t values[256] = {
        [0x20] =
         0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0, 63,  0, 63,  0, 64,
        53, 54, 55, 56, 57, 58, 59, 60, 61, 62,  0,  0,  0,  0,  0,  0,
         0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,  0,  0,  0,  0, 64,
         0, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41,
        42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,  0,  0,  0,  0,  0,
};
/* clang-format on */

static bool of_alphabet(uint8_t c)
{
	return values[c];
}

static uint32_t value(char c)
{
	return values[(uint8_t)c] - 1u;
}

/* Four characters of an alphabet are three bytes. */
static void quad(const char *p, uint8_t out[3])
{
	uint32_t v = value(p[0]) << 18 | value(p[1]) << 12 | value(p[2]) << 6 | value(p[3]);

	out[0] = (uint8_t)(v >> 16);
	out[1] = (uint8_t)(v >> 8);
	out[2] = (uint8_t)v;
}

static size_t span(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && of_alphabet(p[i]))
		i++;
	return i;
}

static bool hold(struct text_scan *x, struct nest *t)
{
	if (!x->held)
		x->held = nest_alloc(t, sizeof(*x->held));
	if (x->held)
		memset(x->held, 0, offsetof(struct text_held, quad));
	return x->held;
}

/* ---- the part that was found ----------------------------------------------------------------------------
 */

static void flush(struct text_scan *x, struct nest *t)
{
	struct text_held *h = x->held;

	if (h->n)
		part_feed(t, h->bytes, h->n);
	h->n = 0;
}

static void gather(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n)
{
	struct text_held *h = x->held;

	if (n > sizeof(h->bytes) - h->n)
		flush(x, t);
	if (n > sizeof(h->bytes) / 2) {
		flush(x, t);
		part_feed(t, p, n);
		return;
	}
	memcpy(h->bytes + h->n, p, n);
	h->n += n;
}

static void decode(struct text_scan *x, struct nest *t, const char *p, size_t n)
{
	struct text_held *h = x->held;
	size_t i = 0;

	while (i < n) {
		if (h->n + 3 > sizeof(h->bytes))
			flush(x, t);
		if (!h->n_quad && i + 4 <= n) {
			quad(p + i, h->bytes + h->n);
			i += 4;
			h->n += 3;
			continue;
		}
		h->quad[h->n_quad++] = p[i++];
		if (h->n_quad < 4)
			continue;
		h->n_quad = 0;
		quad(h->quad, h->bytes + h->n);
		h->n += 3;
	}
}

/* Two or three characters that are left of base64 are one or two bytes. */
static void decode_end(struct text_scan *x, struct nest *t)
{
	struct text_held *h = x->held;
	uint8_t b[3];
	size_t n = base64_decode(h->quad, h->n_quad, b, sizeof(b), NULL);

	h->n_quad = 0;
	if (n)
		gather(x, t, b, n);
}

/* Names the field again for the text behind a part. */
static void resume(struct text_scan *x, struct nest *t)
{
	const struct prefix *p = &x->held->path;

	emit_field(nest_emit(t), p->text, p->n, p->key_at, p->key_len);
}

static bool open_part(struct text_scan *x, struct nest *t, const char *how)
{
	struct text_held *h = x->held;
	struct part_hint hint = {.type = slice_of(h->type, h->n_type)};
	struct prefix in;

	h->path = nest_emit(t)->path;
	h->n = 0;
	prefix_mark(&in, &h->path, how);
	if (part_begin(t, &in, &hint))
		return true;
	resume(x, t);
	return false;
}

/* ---- base64 ---------------------------------------------------------------------------------------------
 */

/* The run is text that has been told, and goes on. */
static void no_base64(struct text_scan *x)
{
	x->state = SCAN_PLAIN;
	x->ignore = true;
	x->n_tail = 0;
}

static void base64_begin(struct text_scan *x)
{
	struct text_held *h = x->held;

	x->state = SCAN_RUN;
	h->n_run = h->n_line = h->line_first = 0;
	h->n_eol = h->n_quad = h->pads = 0;
	h->lead = x->before == '+' || x->before == '-' ? (char)x->before : '\0';
	h->later = h->on_break = false;
}

/* What was gathered of the run, looked at.  true: its part is open. */
static bool decide(struct text_scan *x, struct nest *t)
{
	struct text_held *h = x->held;
	uint8_t b[BASE64_TOLD / 4 * 3];
	size_t n = base64_decode(h->run, h->n_run, b, sizeof(b), NULL);

	if (!text_meant(b, n, slice_of(h->type, h->n_type), h->labelled, true) ||
	        !open_part(x, t, "base64")) {
		no_base64(x);
		return false;
	}
	x->state = SCAN_BASE64;
	decode(x, t, h->run, h->n_run);
	return true;
}

/* Characters that are of the run for certain. */
static void accept(struct text_scan *x, struct nest *t, const char *p, size_t n)
{
	struct text_held *h = x->held;

	if (x->state == SCAN_RUN) {
		size_t room = sizeof(h->run) - h->n_run, some = n < room ? n : room;

		memcpy(h->run + h->n_run, p, some);
		h->n_run += some;
		p += some;
		n -= some;
		if (h->n_run < sizeof(h->run) || !decide(x, t))
			return;
	}
	decode(x, t, p, n);
}

/* The line that is held belongs to the run. */
static void accept_line(struct text_scan *x, struct nest *t)
{
	struct text_held *h = x->held;
	size_t n = h->n_line;

	h->n_line = h->n_eol = 0;
	accept(x, t, h->line, n);
}

/* Bytes are told as they stand as long as nobody knows what they are. */
static void tell(struct text_scan *x, struct nest *t, const void *p, size_t n)
{
	if (x->state == SCAN_RUN || x->state == SCAN_PLAIN)
		emit_text(nest_emit(t), p, n);
}

/* Is what is held of a line behind the first the run's last line?  `c` stands behind it, -1: the text ends.
 */
static bool last_line(const struct text_held *h, int c)
{
	if (!h->n_line || (c >= 0 && of_alphabet((uint8_t)c)))
		return false;
	if (h->pads) /* `password=` is no end of base64 */
		return h->pads <= 2 && !((h->n_line + h->pads) % 4);
	return !(h->n_line % 4) || (c < 0 && h->n_line % 4 != 1);
}

/* The run ends before the byte c (-1: with the text). */
static void base64_end(struct text_scan *x, struct nest *t, int c)
{
	struct text_held *h = x->held;
	bool told = x->state == SCAN_RUN, last = last_line(h, c);
	bool sure = last && (h->pads || h->n_line == h->line_first);
	bool token = c == '.' && !h->later && !h->labelled && h->n_run > 3 && !memcmp(h->run, "eyJ", 3);
	bool name = h->pads && h->n_line && !last; /* its value follows */
	size_t n_eol = h->n_eol, n_line = h->n_line, pads = h->pads;
	char eol[EOL_MAX], line[BASE64_LINE_MAX];

	memcpy(eol, h->eol, n_eol);
	memcpy(line, h->line, n_line);
	h->n_line = h->n_eol = 0;
	if (x->state == SCAN_RUN && last && !sure && !token) /* perhaps another's: judged without it */
		decide(x, t);
	if (last && x->state != SCAN_PLAIN)
		accept(x, t, line, n_line);
	if (x->state == SCAN_RUN && !token)
		decide(x, t);
	if (x->state == SCAN_BASE64) {
		decode_end(x, t);
		flush(x, t);
		part_end(t);
		resume(x, t);
	}
	x->state = SCAN_PLAIN;
	x->ignore = c >= 0 && of_alphabet((uint8_t)c);
	x->n_tail = 0;
	x->before = 0;
	/* a word in place of a last line: rather told twice than lost */
	if ((!told && !sure) || name) {
		emit_text(nest_emit(t), (uint8_t *)eol, n_eol);
		emit_text(nest_emit(t), (uint8_t *)line, n_line);
	}
	if (name)
		emit_text(nest_emit(t), (const uint8_t *)"==", pads < 2 ? pads : 2);
}

/* Characters of a line behind the first: held until the line is known to be whole. */
static size_t later_line(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n)
{
	struct text_held *h = x->held;
	size_t room = h->line_first - h->n_line, k = span(p, n < room ? n : room);

	memcpy(h->line + h->n_line, p, k);
	h->n_line += k;
	tell(x, t, p, k);
	return k;
}

/* The line is over; may the run go on in the next? */
static bool line_over(struct text_scan *x, struct nest *t)
{
	struct text_held *h = x->held;

	if (!h->later) {
		h->line_first = x->state == SCAN_RUN ? h->n_run : 0;
		h->later = true;
		return h->line_first >= BASE64_MIN && h->line_first <= BASE64_LINE_MAX &&
		       !(h->line_first % 4);
	}
	if (h->n_line != h->line_first)
		return false;
	accept_line(x, t);
	return true;
}

/* Lines may end as JSON writes it, `\n`, in text that is nobody's JSON: pasted with words around. */
static bool is_break(uint8_t c)
{
	return c == '\r' || c == '\n' || c == '\\';
}

static bool is_escape(uint8_t c)
{
	return c == 'n' || c == 'r' || c == 't';
}

/* Takes what it can of a run; returns how much.  The state is another when the run is over. */
static size_t base64_feed(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n)
{
	struct text_held *h = x->held;
	size_t k;

	if (h->on_break) {
		char last = h->n_eol ? h->eol[h->n_eol - 1] : '\0';
		bool escapes = last == '\\', leads = h->lead && *p == (uint8_t)h->lead && last == '\n';

		if (h->n_eol < EOL_MAX &&
		        (escapes ? is_escape(*p) : is_break(*p) || *p == ' ' || *p == '\t' || leads)) {
			h->eol[h->n_eol++] = (char)*p;
			tell(x, t, p, 1);
			return 1;
		}
		h->on_break = false;
		if (escapes || !of_alphabet(*p))
			base64_end(x, t, *p);
		return 0;
	}
	if (*p == '=' && h->n_line + h->n_run) {
		if (h->pads < UINT8_MAX)
			h->pads++;
		tell(x, t, p, 1);
		return 1;
	}
	k = h->pads ? 0 : h->later ? later_line(x, t, p, n) : span(p, n);
	if (k && !h->later) {
		/* told as far as it is not known; the rest is decoded */
		size_t some =
		        x->state == SCAN_RUN && k > sizeof(h->run) - h->n_run ? sizeof(h->run) - h->n_run : k;

		tell(x, t, p, some);
		accept(x, t, (const char *)p, some);
		return some;
	}
	if (k)
		return k;
	if (!h->pads && is_break(*p) && line_over(x, t) && x->state != SCAN_PLAIN)
		h->on_break = true;
	else if (x->state != SCAN_PLAIN)
		base64_end(x, t, *p);
	return 0;
}

/* ---- plain text, and where a run begins -----------------------------------------------------------------
 */

#define ONES 0x0101010101010101u
#define TOPS 0x8080808080808080u

/* Bytes that are of neither alphabet, not all: those below '+' (blanks, quotes, brackets) and above ASCII.
 * (x - 1) & ~x, for x - '+', sets a byte's top bit where it was smaller (Hacker's Delight 6-1). */
static uint64_t breaks(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, sizeof(w));
	return ((w - ONES * '+') | w) & TOPS;
}

/* The end of the first BASE64_MIN characters in a row; 0: there are none.  They fill two words at least, and
 * two such words are rare in text: only there bytes are looked at singly. */
static size_t find_run(const uint8_t *p, size_t n)
{
	uint64_t last = TOPS, here;

	for (size_t i = 0; i + 8 <= n; i += 8, last = here) {
		size_t from = i - 8, to = i + 8;

		here = breaks(p + i);
		if (here | last || span(p + from, 16) < 16)
			continue;
		while (from && i + 8 - from < BASE64_MIN && of_alphabet(p[from - 1]))
			from--;
		while (to < n && to - from < BASE64_MIN && of_alphabet(p[to]))
			to++;
		if (to - from == BASE64_MIN)
			return to;
	}
	return 0;
}

/* How many characters the text ends with that may begin a run; fewer than BASE64_MIN, for find_run() found
 * none. */
static size_t run_tail(const uint8_t *p, size_t n)
{
	size_t k = n;

	while (k && of_alphabet(p[k - 1]))
		k--;
	return n - k;
}

/* Base64 of text, or of the beginning of any format, has letters of both cases; most of what else is of its
 * alphabet has not: digests, UUIDs, paths, constants. */
static bool both_cases(const char *p, size_t n)
{
	bool upper = false, lower = false;

	for (size_t i = 0; i < n; i++) {
		upper |= p[i] >= 'A' && p[i] <= 'Z';
		lower |= p[i] >= 'a' && p[i] <= 'z';
	}
	return upper && lower;
}

static const struct slice no_type;

static bool surely_meant(const char *p, size_t n)
{
	uint8_t b[BASE64_MIN / 4 * 3];

	n = base64_decode(p, n, b, sizeof(b), NULL);
	return text_clean(b, n, no_type) || format_magic(b, n);
}

/* Are the run's first characters of what stands before it: the sign of a line of a diff, a step of a path,
 * the n of `\n`?  Then the run begins behind them, with as many more. */
static bool drop_first(struct text_scan *x)
{
	if (surely_meant(x->tail, BASE64_MIN))
		return false;
	for (uint8_t n = 1; n <= DROP_MAX; n++) {
		uint8_t c = (uint8_t)x->tail[n - 1];
		bool may = c == '+' || c == '-' || c == '/' || (n == 1 && x->before == '\\' && is_escape(c));

		if (!may || !surely_meant(x->tail + n, BASE64_MIN - 4))
			continue;
		x->n_tail = BASE64_MIN - n;
		memmove(x->tail, x->tail + n, x->n_tail);
		x->before = c;
		return true;
	}
	return false;
}

/* A run has been told up to its first BASE64_MIN characters, which stand in tail. */
static void run_begins(struct text_scan *x, struct nest *t)
{
	uint8_t b[BASE64_MIN / 4 * 3];
	bool may = x->before != '.' && both_cases(x->tail, BASE64_MIN);

	if (may && drop_first(x))
		return;
	for (size_t i = 0; i < BASE64_MIN / 4; i++)
		quad(x->tail + 4 * i, b + 3 * i);
	may = may && text_meant(b, sizeof(b), no_type, false, false);
	if (!may || !hold(x, t)) {
		no_base64(x);
		return;
	}
	base64_begin(x);
	accept(x, t, x->tail, BASE64_MIN);
}

/* The rest of a run that the text before ended with: ignored, or perhaps one of base64.  Returns how much. */
static size_t run_on(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n)
{
	size_t room = (size_t)BASE64_MIN - x->n_tail, k;

	if (x->ignore) {
		k = span(p, n);
		x->ignore = k == n;
	} else {
		k = span(p, n < room ? n : room);
		memcpy(x->tail + x->n_tail, p, k);
		x->n_tail = k < n && k < room ? 0 : (uint8_t)(x->n_tail + k);
	}
	emit_text(nest_emit(t), p, k);
	if (x->n_tail == BASE64_MIN)
		run_begins(x, t);
	return k;
}

/* Tells text up to its end, or to where a run is recognized; returns how much. */
static size_t plain_feed(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n)
{
	struct emit *e = nest_emit(t);
	size_t at, tail;

	if (x->ignore || x->n_tail)
		return run_on(x, t, p, n);
	at = find_run(p, n);
	emit_text(e, p, at ? at : n);
	if (at > BASE64_MIN)
		x->before = p[at - BASE64_MIN - 1];
	if (at) {
		memcpy(x->tail, p + at - BASE64_MIN, BASE64_MIN);
		run_begins(x, t);
		return at;
	}
	tail = run_tail(p, n);
	memcpy(x->tail, p + n - tail, tail);
	x->n_tail = (uint8_t)tail;
	if (tail < n)
		x->before = p[n - tail - 1];
	return n;
}

/* ---- how a text begins ----------------------------------------------------------------------------------
 */

enum beginning { BEGINS_PLAIN, BEGINS_JSON, BEGINS_DATA, BEGINS_UNCLEAR };

static size_t blanks(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == ' ' || (p[i] >= 9 && p[i] <= 13)))
		i++;
	return i;
}

static enum beginning begins(const uint8_t *p, size_t n)
{
	static const char data[] = "data:";
	size_t cap = n < TEXT_START ? n : TEXT_START, i = blanks(p, cap), k;
	enum beginning unclear = n < TEXT_START ? BEGINS_UNCLEAR : BEGINS_PLAIN;

	if (i == cap)
		return unclear;
	for (k = 0; data[k] && i + k < cap && (p[i + k] | 0x20) == data[k]; k++)
		;
	if (k && i + k == cap && data[k])
		return unclear;
	if (!data[k])
		return BEGINS_DATA;
	if (p[i] != '{' && p[i] != '[' && p[i] != '"')
		return BEGINS_PLAIN;
	k = i + 1 + (p[i] == '"' ? 0 : blanks(p + i + 1, cap - i - 1));
	if (k == cap)
		return unclear;
	return (p[i] == '{' ? p[k] == '"' : strchr(p[i] == '[' ? "{[\"n" : "{[\\", p[k]) && p[k])
	               ? BEGINS_JSON
	               : BEGINS_PLAIN;
}

/* What was held is text like any other. */
static void held_is_plain(struct text_scan *x, struct nest *t)
{
	struct text_held *h = x->held;
	uint8_t copy[TEXT_TRIAL];
	size_t n = h->n;

	x->state = SCAN_PLAIN;
	memcpy(copy, h->bytes, n);
	h->n = 0;
	scan_text(x, t, copy, n);
}

static void trial(struct text_scan *x, struct nest *t, bool whole)
{
	struct text_held *h = x->held;
	struct prefix in = nest_emit(t)->path;

	h->path = in;
	if (!json_fits(t, h->bytes, h->n, whole)) {
		held_is_plain(x, t);
	} else if (!part_begin_as(t, &json_ops, &in, NULL)) {
		resume(x, t);
		held_is_plain(x, t);
	} else {
		x->state = SCAN_JSON;
		flush(x, t);
	}
}

static size_t trial_feed(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n)
{
	struct text_held *h = x->held;
	size_t room = sizeof(h->bytes) - h->n, some = n < room ? n : room;

	memcpy(h->bytes + h->n, p, some);
	h->n += some;
	if (some == room)
		trial(x, t, false);
	return some;
}

/* RFC 2397: data:[type/subtype][;parameter]*[;base64],  What is held ends with the comma. */
static void data_begins(struct text_scan *x, struct nest *t)
{
	struct text_held *h = x->held;
	size_t at = blanks(h->bytes, h->n) + 5, n = h->n > at ? h->n - at - 1 : 0; /* the comma is the last */
	const char *type = (const char *)h->bytes + at;
	const char *slash = n ? memchr(type, '/', n) : NULL, *semi = n ? memchr(type, ';', n) : NULL;
	bool base64 = n >= 7 && slice_is_nocase(slice_of(type + n - 7, 7), ";base64");

	if (n && type[0] != ';' && (!slash || (semi && semi < slash))) {
		held_is_plain(x, t);
		return;
	}
	n -= base64 ? 7 : 0;
	memcpy(h->type, type, n);
	h->n_type = (uint8_t)(n < UINT8_MAX ? n : UINT8_MAX);
	h->labelled = true;
	emit_text(nest_emit(t), h->bytes, h->n);
	h->n = 0;
	if (base64)
		base64_begin(x);
	else if (open_part(x, t, "percent"))
		x->state = SCAN_PERCENT;
	else
		x->state = SCAN_PLAIN;
}

static size_t data_head_feed(struct text_scan *x, struct nest *t, uint8_t c)
{
	struct text_held *h = x->held;

	h->bytes[h->n++] = c;
	if (c == ',')
		data_begins(x, t);
	else if (c < ' ' || c == '<' || c == '{' || h->n == DATA_HEAD_MAX)
		held_is_plain(x, t);
	return 1;
}

/* The beginning is held as long as it is unclear. */
static size_t start_feed(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n)
{
	struct text_held *h = x->held;
	enum beginning b;
	size_t some = 0;

	if (!x->n_tail) { /* nothing is held */
		b = begins(p, n);
		if (b == BEGINS_PLAIN || !hold(x, t)) {
			x->state = SCAN_PLAIN;
			return 0;
		}
		x->n_tail = 1;
		h = x->held;
	}
	do {
		h->bytes[h->n++] = p[some++];
		b = begins(h->bytes, h->n);
	} while (b == BEGINS_UNCLEAR && some < n);
	if (b == BEGINS_UNCLEAR)
		return some;
	x->n_tail = 0;
	x->state = b == BEGINS_JSON ? SCAN_TRIAL : SCAN_DATA_HEAD;
	if (b == BEGINS_PLAIN)
		held_is_plain(x, t);
	return some;
}

/* ---- a text ---------------------------------------------------------------------------------------------
 */

static void percent_feed(struct text_scan *x, struct nest *t, uint8_t c)
{
	struct text_held *h = x->held;
	uint8_t b;

	if (h->n_quad && hex_digit((char)c) >= 0) {
		h->quad[h->n_quad++] = (char)c;
		if (h->n_quad < 3)
			return;
		b = (uint8_t)(hex_digit(h->quad[1]) << 4 | hex_digit(h->quad[2]));
		h->n_quad = 0;
		gather(x, t, &b, 1);
		return;
	}
	if (h->n_quad)
		gather(x, t, (uint8_t *)h->quad, h->n_quad);
	h->n_quad = 0;
	if (c == '%')
		h->quad[h->n_quad++] = '%';
	else
		gather(x, t, &c, 1);
}

void scan_text(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		switch ((enum scan_state)x->state) {
		case SCAN_START:
			i += start_feed(x, t, p + i, n - i);
			break;
		case SCAN_PLAIN:
			i += plain_feed(x, t, p + i, n - i);
			break;
		case SCAN_TRIAL:
			i += trial_feed(x, t, p + i, n - i);
			break;
		case SCAN_JSON:
			gather(x, t, p + i, n - i);
			return;
		case SCAN_DATA_HEAD:
			i += data_head_feed(x, t, p[i]);
			break;
		case SCAN_PERCENT:
			percent_feed(x, t, p[i++]);
			break;
		case SCAN_RUN:
		case SCAN_BASE64:
			i += base64_feed(x, t, p + i, n - i);
			break;
		}
	}
}

void scan_end(struct text_scan *x, struct nest *t, bool whole)
{
	struct emit *e = nest_emit(t);
	bool cut = e->cut;

	if ((x->state == SCAN_START && x->n_tail) || x->state == SCAN_DATA_HEAD) {
		x->n_tail = 0;
		held_is_plain(x, t);
	} else if (x->state == SCAN_TRIAL) {
		trial(x, t, whole);
	}
	/* what they hold is cut as they are */
	e->cut = cut || !whole;
	if (x->state == SCAN_RUN || x->state == SCAN_BASE64)
		base64_end(x, t, -1);
	if (x->state == SCAN_JSON || x->state == SCAN_PERCENT) {
		if (x->state == SCAN_PERCENT && x->held->n_quad)
			gather(x, t, (uint8_t *)x->held->quad, x->held->n_quad);
		flush(x, t);
		if (!whole)
			part_gap(t, 0);
		part_end(t);
	}
	e->cut = cut;
	if (e->named)
		emit_end(e, whole);
	x->state = SCAN_START;
}
