/* validate_keys.c - private keys: PEM (RFC 7468), OpenSSH's format (PROTOCOL.key), OpenPGP armor (RFC 9580 6)
 * and GCP's service accounts.  Their lines are read as they stand in listings, diffs, logs and sources. */
#include "classify/detect/validate.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

#define PREFIX_MAX 96 /* bytes before the BEGIN of a line */
#define SUFFIX_MAX 96 /* bytes behind it */
#define TAG_MAX    64
#define ESCAPE_MAX 16  /* backslashes: strings in strings */
#define LINE_ENDS  256 /* bytes between the body and its END line, with that line's prefix */
#define HEADERS    8   /* lines of them */

/* What stands around BEGIN on its line stands around the lines of the body as well: numbers that count them,
 * names of files, times, signs of a diff, quotes. */
struct around {
	const uint8_t *prefix, *suffix;
	size_t n_prefix, n_suffix;
};

/* Backslashes and n, r or t behind them: how a string writes what breaks a line; 0: none. */
static size_t escape_at(const struct value *v, size_t at)
{
	size_t i = at;

	while (i < v->n && v->p[i] == '\\' && i - at < ESCAPE_MAX)
		i++;
	return i > at && i < v->n && (v->p[i] == 'n' || v->p[i] == 'r' || v->p[i] == 't') ? i + 1 - at : 0;
}

static size_t line_end_at(const struct value *v, size_t at)
{
	size_t n = escape_at(v, at);

	if (n)
		return v->p[at + n - 1] == 't' ? 0 : n;
	return at < v->n && (v->p[at] == '\n' || v->p[at] == '\r');
}

static bool is_line_start(const uint8_t *p, size_t at)
{
	return !at || p[at - 1] == '\n' || (at > 1 && p[at - 1] == 'n' && p[at - 2] == '\\');
}

static size_t line_start(const uint8_t *p, size_t at)
{
	size_t from = at;

	while (at - from < PREFIX_MAX && !is_line_start(p, from))
		from--;
	return from;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* Bytes of p[0..max) that look as a[0..n) does: its digits may be others, and more or fewer, as its blanks
 * may be; grep writes `-' for `:' where a line only follows.  0: they look different. */
static size_t same_shape(const uint8_t *a, size_t n, const uint8_t *p, size_t max)
{
	size_t i = 0, at = 0;

	for (;;) {
		while (i < n && is_blank(a[i]))
			i++;
		while (at < max && is_blank(p[at]))
			at++;
		if (i == n)
			return at;
		if (at == max)
			return 0;
		if (isdigit(a[i]) && isdigit(p[at])) {
			while (i < n && isdigit(a[i]))
				i++;
			while (at < max && isdigit(p[at]))
				at++;
			continue;
		}
		if (a[i] != p[at] && (a[i] != ':' || p[at] != '-'))
			return 0;
		i++;
		at++;
	}
}

static size_t prefix_at(const struct around *a, const struct value *v, size_t at)
{
	size_t left = v->n - at;

	return same_shape(a->prefix, a->n_prefix, v->p + at, left < PREFIX_MAX ? left : PREFIX_MAX);
}

/* Not one that ends in a letter: nothing says where it ends. */
static void read_prefix(const struct value *v, size_t begin, struct around *a)
{
	size_t from = line_start(v->p, begin);

	a->prefix = v->p + from;
	a->n_prefix = begin > from && isalnum(v->p[begin - 1]) ? 0 : begin - from;
}

/* The first line of the body, at `next`, tells how much of it is a prefix: other text may stand before. */
static void fit_prefix(const struct value *v, size_t next, struct around *a)
{
	while (a->n_prefix && !prefix_at(a, v, next)) {
		a->prefix++;
		a->n_prefix--;
	}
}

/* Where what stands behind BEGIN ends: with its line, or with the \n in a string that holds the whole key. */
static size_t suffix_end(const struct value *v, size_t at)
{
	size_t max = v->n - at < SUFFIX_MAX ? v->n - at : SUFFIX_MAX, to = at;
	const uint8_t *line = memchr(v->p + at, '\n', max);

	if (line && !memmem(v->p + at, (size_t)(line - v->p) - at, "-----", 5)) {
		to = (size_t)(line - v->p);
		return to > at && v->p[to - 1] == '\r' ? to - 1 : to;
	}
	while (to < at + max && !line_end_at(v, to))
		to++;
	return to;
}

static void read_around(const struct value *v, size_t begin, size_t end, struct around *a)
{
	size_t to = suffix_end(v, end);

	memset(a, 0, sizeof(*a));
	if (!line_end_at(v, to))
		return;
	if (to > end && !is_base64(v->p[end])) {
		a->suffix = v->p + end;
		a->n_suffix = to - end;
	}
	while (to < v->n && line_end_at(v, to))
		to += line_end_at(v, to);
	read_prefix(v, begin, a);
	fit_prefix(v, to, a);
}

static size_t suffix_at(const struct around *a, const struct value *v, size_t at)
{
	size_t left = v->n - at, max = left < 2 * SUFFIX_MAX ? left : 2 * SUFFIX_MAX, n;

	if (!a->n_suffix || v->p[at] != *a->suffix)
		return 0;
	n = same_shape(a->suffix, a->n_suffix, v->p + at, max);
	return at + n == v->n || line_end_at(v, at + n) ? n : 0;
}

/* <br>, </p>: what HTML breaks lines with. */
static size_t tag_at(const struct value *v, size_t at)
{
	size_t max = v->n - at < TAG_MAX ? v->n - at : TAG_MAX;
	const uint8_t *p = v->p + at, *end;

	if (max < 3 || p[0] != '<' || (!isalpha(p[1]) && p[1] != '/'))
		return 0;
	end = memchr(p, '>', max);
	return end ? (size_t)(end - p) + 1 : 0;
}

/* Bytes that are not of the body where its line ends, or the next begins; 0: none. */
static size_t break_at(const struct around *a, const struct value *v, size_t at)
{
	const uint8_t *p = v->p + at;
	size_t n = suffix_at(a, v, at);

	if (n)
		return n;
	n = line_end_at(v, at);
	if (n)
		return n + prefix_at(a, v, at + n);
	if (*p == '+' && at && strchr(" \"'", p[-1]) && p[-1])
		return 1;
	n = escape_at(v, at);
	if (n)
		return n;
	if (v->n - at > 1 && p[0] == 0xc2 && p[1] == 0xa0) /* no-break space */
		return 2;
	if (*p == '\\' && v->n - at > 1 && p[1] == '\\')
		return 2;
	while (n < v->n - at && is_blank(p[n]))
		n++;
	if (n)
		return n;
	return *p && strchr("\"',>|*#", *p) ? 1 : tag_at(v, at);
}

struct body {
	uint8_t text[96];
	size_t n, letters, longest; /* kept, seen, and without a break between them */
	size_t end;
};

/* Base64 behind `at`, over line ends however they are written: bytes, \n of a string, `"+ "` of a source. */
static void read_body(const struct value *v, const struct around *a, size_t at, struct body *b)
{
	size_t run = 0;

	memset(b, 0, sizeof(*b));
	for (b->end = at; at < v->n;) {
		size_t skip = break_at(a, v, at);

		if (skip) {
			at += skip;
			run = 0;
			continue;
		}
		if (!is_base64(v->p[at]))
			break;
		if (b->n < sizeof(b->text))
			b->text[b->n++] = v->p[at];
		b->letters++;
		b->longest = ++run > b->longest ? run : b->longest;
		b->end = ++at;
	}
}

/* `Proc-Type: 4,ENCRYPTED` of old PEM, `Version: ...` of armor; 0: this line is none.  Where it ends. */
static size_t header_end(const struct value *v, size_t at)
{
	size_t from = at, limit = at + 256;

	while (at < v->n && at - from < 32 && (isalpha(v->p[at]) || (at > from && v->p[at] == '-')))
		at++;
	if (at - from < 3 || v->n - at < 2 || v->p[at] != ':' || v->p[at + 1] != ' ')
		return 0;
	while (at < v->n && at < limit && !line_end_at(v, at) && !tag_at(v, at))
		at++;
	return at < v->n && at < limit ? at : 0;
}

static size_t skip_headers(const struct value *v, const struct around *a, size_t at)
{
	for (unsigned i = 0; i < HEADERS; i++) {
		size_t line = at, end;

		for (size_t n = 1; n && line < v->n; line += n)
			n = break_at(a, v, line);
		end = line > at ? header_end(v, line) : 0;
		if (!end)
			return at;
		at = end;
	}
	return at;
}

static size_t end_line(const struct value *v, size_t at)
{
	const uint8_t *end =
	        at < v->n ? memmem(v->p + at, v->n - at < LINE_ENDS ? v->n - at : LINE_ENDS, "-----END", 8)
	                  : NULL;
	const uint8_t *close;

	if (!end)
		return at;
	end += 8;
	close = memmem(end, (size_t)(v->p + v->n - end) < 48 ? (size_t)(v->p + v->n - end) : 48, "-----", 5);
	return close ? (size_t)(close - v->p) + 5 : at;
}

/* The expression matched the BEGIN line; the body follows: base64 of a DER SEQUENCE (30), or armor. */
static bool key_body(struct value *v, struct body *b)
{
	struct around a;

	read_around(v, v->match_start, v->match_end, &a);
	read_body(v, &a, skip_headers(v, &a, v->match_end), b);
	if (b->letters < 48)
		return false;
	v->end = end_line(v, b->end);
	return value_entropy(b->text, b->n) > 3.0;
}

#define KEY_LINE 24 /* letters in a row: words of a text have fewer */

enum verdict_of_value validate_pem(struct value *v)
{
	struct body b;
	uint8_t der[72] = {0};

	if (!key_body(v, &b))
		return VALUE_NO;
	base64_decode((const char *)b.text, b.n, der, sizeof(der), NULL);
	if (der[0] == 0x30 && !memmem(v->p + v->start, v->match_end - v->start, "PGP", 3))
		return VALUE_SURE;
	return b.longest >= KEY_LINE ? VALUE_YES : VALUE_NO;
}

#define KEY_END_REACH 3000 /* bytes before the END line, held wherever a text is cut */
#define KEY_END_VALUE 1900 /* of them told as the value */

static bool is_break(const uint8_t *p, size_t at)
{
	return isspace(p[at]) || (p[at] && strchr("\\\"'>|*#,", p[at])) ||
	       (at && strchr("nr", p[at]) && p[at - 1] == '\\');
}

/* Where the line begins, if what stands in it before `at` looks as the prefix does; else `at`. */
static size_t before_prefix(const struct around *a, const uint8_t *p, size_t at)
{
	size_t from = line_start(p, at);

	return from < at && same_shape(a->prefix, a->n_prefix, p + from, at - from) == at - from ? from : at;
}

/* The expression matched the END line of a key whose beginning is not there: lines of base64 before it. */
enum verdict_of_value validate_pem_end(struct value *v)
{
	const uint8_t *p = v->p;
	size_t at = v->match_start, letters = 0, lines = 0;
	struct around a;

	read_prefix(v, at, &a);
	while (at && v->match_start - at < KEY_END_REACH) {
		size_t end, n;

		at = before_prefix(&a, p, at);
		while (at && is_break(p, at - 1))
			at--;
		for (end = at; at && is_base64(p[at - 1]) && !is_break(p, at - 1);)
			at--;
		n = end - at;
		if (at && p[at - 1] == '-' && n < 40 && before_prefix(&a, p, at) == at)
			return VALUE_NO; /* of the BEGIN line: told by that */
		if (!n || (lines++ && n < 40))
			break;
		letters += n;
		if (v->match_end - at < KEY_END_VALUE)
			v->start = at;
	}
	if (letters < 48 || v->match_start - at >= KEY_END_REACH || v->start == v->match_start)
		return VALUE_NO;
	return value_entropy(p + v->start, v->match_start - v->start) > 4.0 ? VALUE_YES : VALUE_NO;
}

enum verdict_of_value validate_openssh(struct value *v)
{
	struct body b;
	uint8_t head[72];
	size_t n;

	if (!key_body(v, &b))
		return VALUE_NO;
	n = base64_decode((const char *)b.text, b.n, head, sizeof(head), NULL);
	return n >= 15 && !memcmp(head, "openssh-key-v1", 15) ? VALUE_SURE : VALUE_NO;
}

/* "type": "service_account" with a private key that is one. */
enum verdict_of_value validate_gcp(struct value *v)
{
	size_t from = v->start > 2048 ? v->start - 2048 : 0;
	const uint8_t *key = memmem(v->p + v->end, v->n - v->end, "-----BEGIN PRIVATE KEY-----", 27);
	struct value pem = *v;
	struct body b;

	if (!key) {
		key = memmem(v->p + from, v->start - from, "-----BEGIN PRIVATE KEY-----", 27);
		if (!key)
			return VALUE_NO;
	}
	pem.match_start = pem.start = (size_t)(key - v->p);
	pem.end = pem.match_end = pem.start + 27;
	if (!key_body(&pem, &b))
		return VALUE_NO;
	v->start = pem.start < v->start ? pem.start : v->start;
	v->end = pem.end > v->end ? pem.end : v->end;
	return VALUE_SURE;
}
