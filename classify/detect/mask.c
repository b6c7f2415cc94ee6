/* mask.c - strings that go out (path, host, user agent, names of fields): what the detectors find in them is
 * replaced by its mask, however it is written there: percent-encoded (RFC 3986 2.1), in base64 (RFC 4648),
 * with characters between that nobody sees, or beside a full stop that keeps a number from being one in text.
 */
#include "classify/detect/internal.h"

#include "base/hash.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define MASK_STEP_MAX 48 /* bytes; a longer step of a path is no name that people give */
#define MASK_JOINED   4u /* steps in a row that may be one name with full stops in it */
#define MASK_PIECE    8u /* bytes; no value is shorter */
#define MASK_PERCENT  3u /* times that a string may be percent-encoded */
#define MASK_DEPTH    2u /* base64 in base64 */
#define MASK_RUN_MIN  16u
#define MASK_RUN_MAX  4096u
#define MASK_DIGITS   9u /* of a number in a path that is none of somebody's: more are masked */

static const char all_hidden[] = "********";

struct range {
	size_t start, end; /* in the string as it is written */
	char mask[FINDING_MASK_MAX];
};

struct ranges {
	const char *text; /* as it is written */
	size_t len;
	struct range list[DETECT_HITS];
	size_t n;
	bool too_many; /* more than can be remembered, or tried: the whole string is masked */
};

/* A string as it is meant: its bytes, and where each begins in the written one; of the end as well. */
struct view {
	uint8_t *p;
	uint32_t *origin;
	size_t n;
	unsigned depth; /* how often base64 was read */
};

struct piece {
	size_t at, n;
};

static void add_range(struct ranges *out, size_t start, size_t end, const char *mask)
{
	size_t kept = 0;

	for (size_t i = 0; i < out->n; i++)
		if (out->list[i].start <= start && out->list[i].end >= end)
			return;
	for (size_t i = 0; i < out->n; i++)
		if (out->list[i].start < start || out->list[i].end > end)
			out->list[kept++] = out->list[i];
	out->n = kept;
	if (out->n == DETECT_HITS) {
		out->too_many = true;
		return;
	}
	out->list[out->n] = (struct range){.start = start, .end = end};
	strcpy(out->list[out->n++].mask, mask);
}

static bool of_base64(uint8_t c)
{
	return isalnum(c) || c == '+' || c == '/' || c == '-' || c == '_';
}

/* What encodes a value is masked up to where its alphabet ends, or a step of a path does. */
static void add_encoded(struct ranges *out, size_t start, size_t end)
{
	const uint8_t *p = (const uint8_t *)out->text;

	while (start && (of_base64(p[start - 1]) || p[start - 1] == '%') && p[start - 1] != '/')
		start--;
	while (end < out->len && (of_base64(p[end]) || p[end] == '%') && p[end] != '/')
		end++;
	while (end < out->len && p[end] == '=')
		end++;
	add_range(out, start, end, all_hidden);
}

/* Searches pieces of the view, each by itself. */
static void collect(struct detect_worker *w, const struct view *v, const struct piece *pieces,
        size_t n_pieces, struct ranges *out)
{
	struct detect_stream *s = w->mask_stream;
	uint64_t refused = w->stats.refused;
	char mask[FINDING_MASK_MAX];

	stream_reset(s);
	s->masking = true;
	for (size_t i = 0; i < n_pieces; i++) {
		detect_field(s, "", 0, "", 0);
		detect_text(s, v->p + pieces[i].at, pieces[i].n);
	}
	stream_search(s, false);
	for (unsigned i = 0; i < s->n_hits; i++) {
		const struct hit *h = &s->hits[i];
		size_t start = (size_t)h->start, end = (size_t)h->end, at;

		if (h->finding < 0 || h->field >= n_pieces || end > pieces[h->field].n || start >= end)
			continue;
		at = pieces[h->field].at;
		mask_value(&w->en->rules[h->rule], v->p + at + start, end - start, mask);
		if (v->depth)
			add_encoded(out, v->origin[at + start], v->origin[at + end]);
		else
			add_range(out, v->origin[at + start], v->origin[at + end], mask);
	}
	out->too_many |= s->n_hits == DETECT_HITS || w->stats.refused != refused;
	if (s->n_hits)
		explicit_bzero(s->buf, sizeof(s->buf));
	stream_reset(s);
}

/* ---- steps ----------------------------------------------------------------------------------------------
 */

static bool ends_step(uint8_t c)
{
	return c == '.' || c == '[' || c == ']' || c == '{' || c == '}' || c == '/';
}

static size_t step_end(const struct view *v, size_t at)
{
	while (at < v->n && !ends_step(v->p[at]))
		at++;
	return at;
}

static void add_piece(struct piece *list, size_t *n, size_t at, size_t end)
{
	if (end - at >= MASK_PIECE)
		list[(*n)++] = (struct piece){at, end - at};
}

/* The pieces that begin with the step at `at`: it, with those that follow, and, where it begins an
 * assignment, to the end: names and values may have full stops in them. */
static void collect_from(struct detect_worker *w, const struct view *v, size_t at, struct ranges *out)
{
	struct piece list[MASK_JOINED + 1];
	size_t n = 0, end = step_end(v, at);
	bool assigns = false;

	for (size_t i = at; i < end && !assigns; i++)
		assigns = v->p[i] == '=' || v->p[i] == ':' || v->p[i] == ' ';
	add_piece(list, &n, at, end);
	for (unsigned i = 1; i < MASK_JOINED && end < v->n; i++) {
		end = step_end(v, end + 1);
		add_piece(list, &n, at, end);
	}
	if (assigns && end < v->n)
		add_piece(list, &n, at, v->n);
	if (n)
		collect(w, v, list, n, out);
}

static void collect_list(
        struct detect_worker *w, const struct view *v, struct piece *list, size_t *n, struct ranges *out)
{
	if (*n)
		collect(w, v, list, *n, out);
	*n = 0;
}

/* m-4539148803436467, t_DE44500105175407324931: what begins behind a joint is no word of its own in text. */
static bool joins(const struct view *v, size_t at, size_t end)
{
	return (v->p[at] == '-' || v->p[at] == '_') && at + 1 < end &&
	       (isdigit(v->p[at + 1]) || isupper(v->p[at + 1]));
}

/* A step, and what stands in it behind a joint. */
static void collect_joined(struct detect_worker *w, const struct view *v, size_t at, size_t end,
        struct piece list[DETECT_FIELDS], size_t *n, struct ranges *out)
{
	add_piece(list, n, at, end);
	for (size_t i = at; i < end; i++) {
		if (*n == DETECT_FIELDS)
			collect_list(w, v, list, n, out);
		if (joins(v, i, end))
			add_piece(list, n, i + 1, end - i > MASK_STEP_MAX ? i + MASK_STEP_MAX : end);
	}
}

static void collect_steps(struct detect_worker *w, const struct view *v, bool path, struct ranges *out)
{
	struct piece list[DETECT_FIELDS];
	size_t n = 0;

	for (size_t at = 0, end; at < v->n; at = end + 1) {
		end = step_end(v, at);
		if (n == DETECT_FIELDS)
			collect_list(w, v, list, &n, out);
		if (!path)
			collect_joined(w, v, at, end, list, &n, out);
		else if (end > at)
			collect_from(w, v, at, out);
	}
	collect_list(w, v, list, &n, out);
}

/* ---- what is written otherwise ---------------------------------------------------------------------------
 */

/* Puts the ASCII that tags at p[at] stand for to p[to]; how many they are, 0: too few. */
static size_t read_tags(struct view *v, size_t at, size_t to)
{
	size_t tags = unseen_tags(v->p + at, v->n - at, NULL);

	if (tags < TAGS_TEXT)
		return 0;
	unseen_tags(v->p + at, v->n - at, v->p + to);
	for (size_t i = 0; i < tags; i++)
		v->origin[to + i] = v->origin[at + i * TAG_BYTES];
	return tags;
}

/* Leaves out what nobody sees, and the zeros of UTF-16; what is written in tags is read. */
static void drop_unseen(struct view *v)
{
	size_t to = 0;

	for (size_t i = 0; i < v->n;) {
		size_t tags = read_tags(v, i, to), skip;

		if (tags) {
			i += tags * TAG_BYTES;
			to += tags;
			continue;
		}
		skip = v->p[i] ? unseen_at(v->p + i, v->n - i) : 1;
		if (skip) {
			i += skip;
			continue;
		}
		v->origin[to] = v->origin[i];
		v->p[to++] = v->p[i++];
	}
	v->origin[to] = v->origin[v->n];
	v->n = to;
}

/* %41 becomes A; false: nothing is encoded. */
static bool unescape(struct view *v)
{
	size_t to = 0;
	bool any = false;

	for (size_t i = 0; i < v->n; to++) {
		int high = v->p[i] == '%' && i + 2 < v->n ? hex_digit((char)v->p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit((char)v->p[i + 2]) : -1;

		v->origin[to] = v->origin[i];
		v->p[to] = (uint8_t)(low >= 0 ? high << 4 | low : v->p[i]);
		any |= low >= 0;
		i += low >= 0 ? 3 : 1;
	}
	v->origin[to] = v->origin[v->n];
	v->n = to;
	return any;
}

/* Enough of ASCII in a row to be a value? */
static bool holds_text(const uint8_t *p, size_t n)
{
	size_t run = 0;

	for (size_t i = 0; i < n && run < MASK_PIECE; i++)
		if (p[i]) /* UTF-16 */
			run = p[i] >= ' ' && p[i] < 0x7f ? run + 1 : 0;
	return run >= MASK_PIECE;
}

static void search(struct detect_worker *w, struct view *v, bool path, struct ranges *out);

/* Where in a quad the text of somebody begins cannot be known: `/` and `-` are of the alphabets. */
static void search_base64(
        struct detect_worker *w, const struct view *v, size_t at, size_t n, struct ranges *out)
{
	uint8_t bytes[MASK_RUN_MAX / 4 * 3];
	uint32_t origin[MASK_RUN_MAX / 4 * 3 + 1];

	for (size_t skip = 0; skip < 4; skip++) {
		struct view in = {.p = bytes, .origin = origin, .depth = v->depth + 1};
		const char *text = (const char *)v->p + at + skip;

		in.n = base64_decode(text, n - skip, bytes, sizeof(bytes), NULL);
		if (!holds_text(bytes, in.n))
			continue;
		for (size_t i = 0; i < in.n; i++)
			origin[i] = v->origin[at + skip + i * 4 / 3];
		origin[in.n] = v->origin[at + n];
		search(w, &in, false, out);
		explicit_bzero(bytes, sizeof(bytes));
	}
}

static void search_runs(struct detect_worker *w, const struct view *v, struct ranges *out)
{
	for (size_t at = 0, end; at < v->n; at = end + 1) {
		end = at;
		while (end < v->n && of_base64(v->p[end]))
			end++;
		if (end - at > MASK_RUN_MAX) /* nothing that is shown is that long */
			add_range(out, v->origin[at], v->origin[end], all_hidden);
		else if (end - at >= MASK_RUN_MIN)
			search_base64(w, v, at, end - at, out);
	}
}

/* The view changes: it is decoded in its place. */
static void search(struct detect_worker *w, struct view *v, bool path, struct ranges *out)
{
	unsigned round = 0;

	do {
		struct piece all;

		drop_unseen(v);
		all = (struct piece){0, v->n};
		collect(w, v, &all, 1, out);
		collect_steps(w, v, path, out);
		if (v->depth < MASK_DEPTH)
			search_runs(w, v, out);
	} while (round++ < MASK_PERCENT && unescape(v));
}

/* ---- what goes out --------------------------------------------------------------------------------------
 */

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->end > y->end ? -1 : x->end < y->end;
}

static size_t put(char *out, size_t cap, size_t at, const char *p, size_t n)
{
	size_t room = cap - 1 - at;

	n = n < room ? n : room;
	if (n)
		memcpy(out + at, p, n);
	return at + n;
}

/* Where the string is remembered, or would be; NULL: it is empty or too long for that. */
static struct mask_clean *clean_place(struct detect_worker *w, const char *p, size_t n)
{
	return n && n <= MASK_CLEAN_MAX ? &w->clean[hash64(p, n, 0) & (MASK_CLEAN - 1)] : NULL;
}

static bool is_clean(const struct mask_clean *c, const char *p, size_t n, bool path)
{
	return c && c->there && c->path == path && c->n == n && !memcmp(c->p, p, n);
}

static void remember_clean(struct mask_clean *c, const char *p, size_t n, bool path)
{
	c->there = true;
	c->path = path;
	c->n = (uint8_t)n;
	memcpy(c->p, p, n);
}

static size_t mask(struct detect_worker *w, const char *p, size_t n, bool path, char *out, size_t cap)
{
	struct view v = {.p = w->decoded, .origin = w->origin};
	struct mask_clean *clean;
	struct ranges r;
	size_t at = 0, from = 0;

	if (!cap)
		return 0;
	n = n < DETECT_BUFFER / 2 ? n : DETECT_BUFFER / 2;
	clean = clean_place(w, p, n);
	if (is_clean(clean, p, n, path)) {
		at = put(out, cap, 0, p, n);
		out[at] = 0;
		return at;
	}
	r.text = p;
	r.len = n;
	r.n = 0;
	r.too_many = false;
	v.n = n;
	if (n)
		memcpy(v.p, p, n);
	for (size_t i = 0; i <= n; i++)
		v.origin[i] = (uint32_t)i;
	search(w, &v, path, &r);
	if (n)
		explicit_bzero(w->decoded, n);
	if (r.too_many) {
		at = put(out, cap, 0, all_hidden, 8);
		out[at] = 0;
		return at;
	}
	if (clean && !r.n)
		remember_clean(clean, p, n, path);
	qsort(r.list, r.n, sizeof(*r.list), by_start);
	for (size_t i = 0; i < r.n; i++) {
		if (r.list[i].start >= from) {
			at = put(out, cap, at, p + from, r.list[i].start - from);
			at = put(out, cap, at, r.list[i].mask, strlen(r.list[i].mask));
		}
		if (r.list[i].end > from)
			from = r.list[i].end;
	}
	at = put(out, cap, at, p + from, n - from);
	out[at] = 0;
	return at;
}

size_t detect_mask(struct detect_worker *w, const char *p, size_t n, char *out, size_t cap)
{
	return mask(w, p, n, false, out, cap);
}

/* ---- paths of fields ------------------------------------------------------------------------------------
 */

/* The steps of a path: names between dots and brackets. */
static size_t step_len(const char *p)
{
	return strcspn(p, ".[]{}");
}

/* 8-4-4-4-12 hexadecimal digits */
static bool is_uuid(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (i == 8 || i == 13 || i == 18 || i == 23 ? p[i] != '-' : hex_digit(p[i]) < 0)
			return false;
	return n == 36;
}

/* ada@example: an address, or too like one. */
static bool has_address(const char *p, size_t n)
{
	for (size_t i = 1; i + 1 < n; i++)
		if (p[i] == '@' && p[i - 1] > ' ' &&
		        (isalpha((uint8_t)p[i + 1]) || (uint8_t)p[i + 1] >= 0x80))
			return true;
	return false;
}

/* How much of p is a number as people write them, with enough digits to be somebody's. */
static size_t number_len(const char *p)
{
	size_t n = 0, digits = 0, last = 0;

	if (!isdigit((uint8_t)*p) && *p != '+')
		return 0;
	for (; p[n] && (isdigit((uint8_t)p[n]) || strchr(" -./()+_\xc2\xa0", p[n])); n++)
		if (isdigit((uint8_t)p[n])) {
			digits++;
			last = n + 1;
		}
	return digits >= MASK_DIGITS ? last : 0;
}

/* 2025-11-30 */
static size_t date_len(const char *p)
{
	for (size_t i = 0; i < 10; i++)
		if (i == 4 || i == 7 ? p[i] != '-' : !isdigit((uint8_t)p[i]))
			return 0;
	return isdigit((uint8_t)p[10]) ? 0 : 10;
}

/* 2.15.1002.103: numbers of fields, as Protocol Buffers have them.  None begins with 0, and most are short.
 */
static size_t field_numbers_len(const char *p)
{
	size_t at = 0, groups = 0, small = 0, digits;

	while ((digits = strspn(p + at, "0123456789"))) {
		if (p[at] == '0' || digits > 4)
			return 0;
		groups++;
		small += digits <= 2;
		at += digits;
		if (p[at] != '.')
			break;
		at++;
	}
	if (!digits && at)
		at--; /* a name follows */
	return groups > 1 && small * 2 >= groups && (!p[at] || strchr(".[(", p[at])) ? at : 0;
}

/* How much of p is no number of somebody, though it has many digits; n: the step that begins here. */
static size_t harmless_len(const char *p, size_t n)
{
	size_t date = date_len(p);

	if (is_uuid(p, n))
		return n;
	return date ? date : field_numbers_len(p);
}

/* How much of a step to hide: 0, nothing. */
static size_t doubtful_step(const char *p, size_t n, const char **stars)
{
	*stars = n > MASK_STEP_MAX ? "************" : "****";
	return n > MASK_STEP_MAX || (n > 4 && has_address(p, n)) ? n : 0;
}

/* Names that no detector knows, and that yet may be a value: one that is longer than names are (perhaps the
 * beginning of a key that was cut), an address, a number that identifies somebody.  What is replaced is
 * longer than its stars, so out has the room of p. */
static void hide_doubtful(const char *p, char *out)
{
	const char *stars;
	bool begins = true;

	while (*p) {
		size_t n = begins ? step_len(p) : 0, hidden = doubtful_step(p, n, &stars);
		size_t harmless = begins && !hidden ? harmless_len(p, n) : 0;

		n = harmless;
		if (!hidden && !harmless) { /* a number may begin at each byte */
			hidden = number_len(p);
			n = 1;
		}
		if (hidden) {
			memcpy(out, stars, strlen(stars));
			out += strlen(stars);
			p += hidden;
			n = 0;
		}
		while (n--)
			*out++ = *p++;
		begins = p[-1] && strchr(".[]{}", p[-1]);
	}
	*out = 0;
}

void detect_mask_path(struct detect_worker *w, char field[FINDING_FIELD_MAX])
{
	char clean[FINDING_FIELD_MAX], *value;

	mask(w, field, strlen(field), true, clean, sizeof(clean));
	/* whatever was assigned under a name that no detector knows, with full stops in it perhaps */
	value = strchr(clean, '=');
	if (value && strlen(value + 1) > 4)
		strcpy(value + 1, "****");
	hide_doubtful(clean, field);
}
