/* json.c - see json.h (RFC 8259) */
#include "base/json.h"

#include "base/text.h"

#include <string.h>

void json_init(struct json *j, char *buf, size_t cap)
{
	*j = (struct json){.buf = buf, .cap = cap};
}

static void put(struct json *j, const void *p, size_t n)
{
	if (j->cap - j->len < n) {
		j->full = true;
		return;
	}
	if (n)
		memcpy(j->buf + j->len, p, n);
	j->len += n;
}

static void put_char(struct json *j, char c)
{
	put(j, &c, 1);
}

/* U+0080 to U+009F */
static bool is_c1(const uint8_t *p)
{
	return p[0] == 0xc2 && p[1] < 0xa0;
}

/* One string, quoted.  Runs of plain bytes are copied in one go. */
static void put_quoted(struct json *j, const uint8_t *p, size_t n)
{
	static const char hex[] = "0123456789abcdef";
	size_t from = 0, i = 0;

	put_char(j, '"');
	while (i < n) {
		size_t len;

		if (p[i] >= 0x20 && p[i] < 0x7f && p[i] != '"' && p[i] != '\\') {
			i++;
			continue;
		}
		len = p[i] >= 0x80 ? utf8_len(p + i, n - i) : 0;
		if (len && !is_c1(p + i)) {
			i += len;
			continue;
		}
		put(j, p + from, i - from);
		if (len) { /* some terminals obey these as they obey ESC */
			put(j, "\\u00", 4);
			put_char(j, hex[p[i + 1] >> 4]);
			put_char(j, hex[p[i + 1] & 15]);
			i++;
		} else if (p[i] >= 0x80) {
			put(j, "\xef\xbf\xbd", 3);
			j->replaced++;
		} else if (p[i] == '"' || p[i] == '\\') {
			put_char(j, '\\');
			put_char(j, (char)p[i]);
		} else if (p[i] == '\n') {
			put(j, "\\n", 2);
		} else {
			put(j, "\\u00", 4);
			put_char(j, hex[p[i] >> 4]);
			put_char(j, hex[p[i] & 15]);
		}
		from = ++i;
	}
	put(j, p + from, n - from);
	put_char(j, '"');
}

static void begin(struct json *j, const char *key)
{
	if (j->comma)
		put_char(j, ',');
	if (key) {
		put_quoted(j, (const uint8_t *)key, strlen(key));
		put_char(j, ':');
	}
	j->comma = true;
}

void json_object(struct json *j, const char *key)
{
	begin(j, key);
	put_char(j, '{');
	j->comma = false;
}

void json_array(struct json *j, const char *key)
{
	begin(j, key);
	put_char(j, '[');
	j->comma = false;
}

void json_end_object(struct json *j)
{
	put_char(j, '}');
	j->comma = true;
}

void json_end_array(struct json *j)
{
	put_char(j, ']');
	j->comma = true;
}

void json_bytes(struct json *j, const char *key, const void *p, size_t n)
{
	begin(j, key);
	put_quoted(j, p, n);
}

void json_string(struct json *j, const char *key, const char *s)
{
	if (s)
		json_bytes(j, key, s, strlen(s));
	else
		json_null(j, key);
}

static void put_u64(struct json *j, uint64_t v)
{
	char t[20];
	size_t n = sizeof(t);

	do
		t[--n] = (char)('0' + v % 10);
	while (v /= 10);
	put(j, t + n, sizeof(t) - n);
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
	begin(j, key);
	put_u64(j, v);
}

void json_i64(struct json *j, const char *key, int64_t v)
{
	begin(j, key);
	if (v < 0)
		put_char(j, '-');
	put_u64(j, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void json_bool(struct json *j, const char *key, bool v)
{
	begin(j, key);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

void json_null(struct json *j, const char *key)
{
	begin(j, key);
	put(j, "null", 4);
}

void json_pair(struct json *j, const char *key, uint64_t a, uint64_t b)
{
	begin(j, key);
	put_char(j, '[');
	put_u64(j, a);
	put_char(j, ',');
	put_u64(j, b);
	put_char(j, ']');
}

void json_raw(struct json *j, const char *key, const char *p, size_t n)
{
	begin(j, key);
	put(j, p, n);
}
