/* detect_json.c - a strict reader of JSON texts (RFC 8259), without building a tree. */
#include "cli/detect_json.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 64

struct reader {
	const uint8_t *p, *end;
	struct detect_stream *out; /* NULL: only checked */
	uint8_t *text;             /* room for a decoded string */
	char path[FINDING_FIELD_MAX];
	size_t path_len;
	const char *key; /* of the innermost member, within path */
	size_t key_len;
	unsigned depth;
};

static void skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\r' || *r->p == '\n'))
		r->p++;
}

static bool take(struct reader *r, char c)
{
	skip_space(r);
	if (r->p == r->end || *r->p != (uint8_t)c)
		return false;
	r->p++;
	return true;
}

/* Four hex digits; -1: not there. */
static int32_t hex4(const uint8_t *p, const uint8_t *end)
{
	int32_t v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int d = hex_digit((char)p[i]);

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* \uXXXX, both halves of a surrogate pair; r->p behind the 'u'. */
static bool take_unicode(struct reader *r, uint8_t *out, size_t *n)
{
	int32_t cp = hex4(r->p, r->end), low;

	if (cp < 0)
		return false;
	r->p += 4;
	if (cp >= 0xd800 && cp < 0xdc00 && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
		low = hex4(r->p + 2, r->end);
		if (low >= 0xdc00 && low < 0xe000) {
			cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
			r->p += 6;
		}
	}
	*n += utf8_put((uint32_t)cp, out + *n);
	return true;
}

/* A string, decoded to out; its text is never longer than its source, so out may be the source. */
static bool take_string(struct reader *r, uint8_t *out, size_t *n)
{
	static const char escapes[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";

	*n = 0;
	if (!take(r, '"'))
		return false;
	while (r->p < r->end && *r->p != '"') {
		uint8_t c = *r->p++;
		const char *escape;

		if (c < 0x20)
			return false;
		if (c != '\\') {
			out[(*n)++] = c;
			continue;
		}
		if (r->p == r->end)
			return false;
		c = *r->p++;
		escape = c ? strchr(escapes, c) : NULL;
		if (escape)
			out[(*n)++] = (uint8_t)bytes[escape - escapes];
		else if (c != 'u' || !take_unicode(r, out, n))
			return false;
	}
	return r->p++ < r->end;
}

/* Digits, sign, point, exponent; or true, false, null. */
static bool take_scalar(struct reader *r, const uint8_t **from, size_t *n)
{
	static const char *const words[] = {"true", "false", "null"};

	skip_space(r);
	*from = r->p;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t len = strlen(words[i]);

		if ((size_t)(r->end - r->p) >= len && !memcmp(r->p, words[i], len)) {
			r->p += len;
			*n = 0;
			return true;
		}
	}
	while (r->p < r->end && memchr("0123456789+-.eE", *r->p, 15))
		r->p++;
	*n = (size_t)(r->p - *from);
	return *n > 0;
}

static void hand_over(struct reader *r, const uint8_t *p, size_t n)
{
	if (!r->out || !n)
		return;
	detect_field(r->out, r->path, r->path_len, r->key, r->key_len);
	detect_text(r->out, p, n);
}

static void path_add(struct reader *r, const char *fmt, const char *name, size_t n, size_t index)
{
	size_t room = sizeof(r->path) - r->path_len;
	int got = name ? snprintf(r->path + r->path_len, room, fmt, (int)n, name)
	               : snprintf(r->path + r->path_len, room, fmt, index);

	r->path_len += (size_t)got < room ? (size_t)got : room - 1;
}

static bool take_value(struct reader *r);

static bool take_members(struct reader *r)
{
	size_t path_len = r->path_len, n;
	const char *key = r->key;
	size_t key_len = r->key_len;

	if (take(r, '}'))
		return true;
	do {
		if (!take_string(r, r->text, &n) || !take(r, ':'))
			return false;
		path_add(r, path_len ? ".%.*s" : "%.*s", (const char *)r->text, n > 100 ? 100 : n, 0);
		r->key = r->path + path_len + (path_len ? 1 : 0);
		r->key_len = (size_t)(r->path + r->path_len - r->key);
		if (r->key > r->path + r->path_len)
			r->key_len = 0;
		if (!take_value(r))
			return false;
		r->path_len = path_len;
		r->key = key;
		r->key_len = key_len;
	} while (take(r, ','));
	return take(r, '}');
}

static bool take_items(struct reader *r)
{
	size_t path_len = r->path_len, index = 0;

	if (take(r, ']'))
		return true;
	do {
		path_add(r, "[%zu]", NULL, 0, index++);
		if (!take_value(r))
			return false;
		r->path_len = path_len;
	} while (take(r, ','));
	return take(r, ']');
}

static bool take_value(struct reader *r)
{
	const uint8_t *from;
	size_t n;
	bool ok;

	skip_space(r);
	if (r->p == r->end || ++r->depth > DEPTH_MAX)
		return false;
	if (*r->p == '{' || *r->p == '[') {
		ok = *r->p++ == '{' ? take_members(r) : take_items(r);
	} else if (*r->p == '"') {
		ok = take_string(r, r->text, &n);
		if (ok)
			hand_over(r, r->text, n);
	} else {
		ok = take_scalar(r, &from, &n);
		if (ok)
			hand_over(r, from, n);
	}
	r->depth--;
	return ok;
}

bool json_line_read(uint8_t *line, size_t n, struct json_member **wanted, size_t n_wanted)
{
	struct reader r = {.p = line, .end = line + n};

	if (!take(&r, '{'))
		return false;
	if (take(&r, '}'))
		return true;
	do {
		uint8_t *name, *value;
		const uint8_t *scalar;
		size_t name_len, len;
		struct json_member *m = NULL;

		skip_space(&r);
		name = line + (r.p - line);
		if (!take_string(&r, name, &name_len) || !take(&r, ':'))
			return false;
		skip_space(&r);
		for (size_t i = 0; i < n_wanted; i++)
			if (strlen(wanted[i]->name) == name_len && !memcmp(wanted[i]->name, name, name_len))
				m = wanted[i];
		value = line + (r.p - line);
		if (r.p < r.end && *r.p == '"') {
			if (!take_string(&r, value, &len))
				return false;
		} else if (r.p < r.end && (*r.p == '{' || *r.p == '[')) {
			r.text = value; /* decoded over itself: it is not wanted */
			if (m || !take_value(&r))
				return false;
		} else {
			if (!take_scalar(&r, &scalar, &len))
				return false;
		}
		if (m) {
			m->value = value;
			m->n = len;
		}
	} while (take(&r, ','));
	return take(&r, '}');
}

bool json_text_walk(const uint8_t *p, size_t n, struct detect_stream *s)
{
	struct reader r = {.p = p, .end = p + n};
	bool ok;

	skip_space(&r);
	if (r.p == r.end || (*r.p != '{' && *r.p != '['))
		return false;
	r.text = malloc(n + 4);
	if (!r.text)
		return false;
	ok = take_value(&r);
	skip_space(&r);
	ok = ok && r.p == r.end;
	if (ok) {
		r = (struct reader){.p = p, .end = p + n, .out = s, .text = r.text};
		take_value(&r);
	}
	explicit_bzero(r.text, n);
	free(r.text);
	return ok;
}
