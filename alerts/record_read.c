/* record_read.c - see record_read.h (RFC 8259). */
#include "alerts/record_read.h"

#include "base/cursor.h"
#include "base/text.h"

#include <string.h>

static bool is_space(uint8_t b)
{
	return b == ' ' || b == '\t' || b == '\r' || b == '\n';
}

static void skip_space(struct cur *c)
{
	while (cur_left(c) && is_space(*c->p))
		cur_skip(c, 1);
}

/* The string behind its opening quote; its end is the first quote that is not escaped. */
static struct record_value take_string(struct cur *c)
{
	const uint8_t *from = c->p, *quote, *escape;

	while ((quote = memchr(c->p, '"', cur_left(c)))) {
		while (c->p < quote && (escape = memchr(c->p, '\\', (size_t)(quote - c->p))))
			cur_skip(c, (size_t)(escape - c->p) + 2);
		if (c->p > quote)
			continue; /* it was escaped */
		cur_skip(c, (size_t)(quote - c->p) + 1);
		return (struct record_value){RECORD_STRING, (const char *)from, (size_t)(quote - from)};
	}
	cur_skip(c, cur_left(c));
	return (struct record_value){.type = RECORD_NONE};
}

/* From an opening bracket to the one that closes it. */
static struct record_value take_nested(struct cur *c)
{
	const uint8_t *from = c->p;
	char open[RECORD_DEPTH_MAX] = {0};
	unsigned depth = 0;

	while (cur_left(c)) {
		char b = (char)cur_u8(c);

		if (b == '"') {
			if (take_string(c).type == RECORD_NONE)
				break;
		} else if (b == '{' || b == '[') {
			if (depth == RECORD_DEPTH_MAX)
				break;
			open[depth++] = b;
		} else if (b == '}' || b == ']') {
			if (!depth || open[--depth] != (b == '}' ? '{' : '['))
				break;
			if (!depth)
				return (struct record_value){b == '}' ? RECORD_OBJECT : RECORD_ARRAY,
				        (const char *)from, (size_t)(c->p - from)};
		}
	}
	return (struct record_value){.type = RECORD_NONE};
}

static bool ends_plain(uint8_t b)
{
	switch (b) {
	case '\0':
	case ',':
	case ']':
	case '}':
	case '"':
	case '[':
	case '{':
	case ':':
		return true;
	default:
		return is_space(b);
	}
}

/* A number or a word: up to what cannot be part of one. */
static struct record_value take_plain(struct cur *c)
{
	const uint8_t *from = c->p;

	while (cur_left(c) && !ends_plain(*c->p))
		cur_skip(c, 1);
	if (c->p == from)
		return (struct record_value){.type = RECORD_NONE};
	return (struct record_value){
	        *from == '-' || (*from >= '0' && *from <= '9') ? RECORD_NUMBER : RECORD_WORD,
	        (const char *)from, (size_t)(c->p - from)};
}

static struct record_value take_value(struct cur *c)
{
	skip_space(c);
	switch (cur_peek(c, 0)) {
	case '"':
		cur_skip(c, 1);
		return take_string(c);
	case '{':
	case '[':
		return take_nested(c);
	default:
		return take_plain(c);
	}
}

struct record_value record_parse(const char *text, size_t n)
{
	struct cur c = cur_of(text, n);
	struct record_value v = take_value(&c);

	skip_space(&c);
	if (v.type != RECORD_OBJECT || cur_left(&c))
		v.type = RECORD_NONE;
	return v;
}

/* Moves over what stands between two members or items: space, and one comma. */
static bool at_next(struct cur *c, char end)
{
	skip_space(c);
	if (cur_peek(c, 0) == ',')
		cur_skip(c, 1);
	skip_space(c);
	return cur_left(c) && *c->p != (uint8_t)end;
}

static struct cur inside(struct record_value v, size_t at)
{
	struct cur c = cur_of(v.p, v.n);

	cur_skip(&c, at ? at : 1);
	return c;
}

bool record_next(struct record_value array, size_t *at, struct record_value *item)
{
	struct cur c;

	if (array.type != RECORD_ARRAY)
		return false;
	c = inside(array, *at);
	if (!at_next(&c, ']'))
		return false;
	*item = take_value(&c);
	*at = (size_t)((const char *)c.p - array.p);
	return item->type != RECORD_NONE;
}

bool record_next_member(
        struct record_value object, size_t *at, struct record_value *name, struct record_value *value)
{
	struct cur c;

	if (object.type != RECORD_OBJECT)
		return false;
	c = inside(object, *at);
	if (!at_next(&c, '}'))
		return false;
	*name = take_value(&c);
	skip_space(&c);
	if (name->type != RECORD_STRING || cur_u8(&c) != ':')
		return false;
	*value = take_value(&c);
	*at = (size_t)((const char *)c.p - object.p);
	return value->type != RECORD_NONE;
}

struct record_value record_get(struct record_value object, const char *path)
{
	const struct record_value none = {.type = RECORD_NONE};

	while (*path) {
		size_t len = strcspn(path, "."), at = 0;
		struct record_value name, value;
		bool found = false;

		while (!found && record_next_member(object, &at, &name, &value))
			found = name.n == len && !memcmp(name.p, path, len);
		if (!found)
			return none;
		object = value;
		path += len + (path[len] == '.');
	}
	return object;
}

/* ---- strings ---------------------------------------------------------------------------------------------
 */

static int hex4(struct cur *c)
{
	int v = 0;

	for (int i = 0; i < 4; i++) {
		int d = hex_digit((char)cur_u8(c));

		if (d < 0)
			return -1;
		v = v << 4 | d;
	}
	return v;
}

/* Behind \u: the code point, joining a surrogate pair; U+FFFD for what is none. */
static uint32_t unescape_unicode(struct cur *c)
{
	int hi = hex4(c), lo;

	if (hi < 0xd800 || hi > 0xdbff)
		return hi < 0 ? 0xfffd : (uint32_t)hi;
	if (cur_peek(c, 0) != '\\' || cur_peek(c, 1) != 'u')
		return 0xfffd;
	cur_skip(c, 2);
	lo = hex4(c);
	if (lo < 0xdc00 || lo > 0xdfff)
		return 0xfffd;
	return 0x10000u + (((uint32_t)hi & 0x3ff) << 10 | ((uint32_t)lo & 0x3ff));
}

static uint32_t unescape(struct cur *c)
{
	static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
	uint8_t b = cur_u8(c);
	const char *at = b ? strchr(from, b) : NULL;

	if (b == 'u')
		return unescape_unicode(c);
	return at ? (uint32_t)to[at - from] : b < 0x80 ? b : 0xfffd;
}

/* The next character as UTF-8. */
static size_t next_character(struct cur *c, bool escaped, uint8_t out[4])
{
	size_t len = utf8_len(c->p, cur_left(c));

	if (escaped && *c->p == '\\') {
		cur_skip(c, 1);
		return utf8_put(unescape(c), out);
	}
	if (!len) {
		cur_skip(c, 1);
		return utf8_put(0xfffd, out);
	}
	memcpy(out, cur_take(c, len), len);
	return len;
}

size_t record_string(struct record_value v, char *out, size_t cap)
{
	struct cur c = cur_of(v.p, v.n);
	size_t n = 0;

	while (v.type != RECORD_NONE && cur_left(&c)) {
		uint8_t one[4];
		size_t len = next_character(&c, v.type == RECORD_STRING, one);

		if (n + len >= cap)
			break;
		memcpy(out + n, one, len);
		n += len;
	}
	out[n] = '\0';
	return n;
}

uint64_t record_number(struct record_value v)
{
	uint64_t n = 0;

	if (v.type != RECORD_NUMBER || v.n > 19)
		return 0;
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] < '0' || v.p[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(v.p[i] - '0');
	}
	return n;
}
