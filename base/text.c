/* text.c - see text.h */
#include "base/text.h"

#include "base/ip.h"

#include <string.h>
#include <strings.h>

bool slice_is(struct slice s, const char *text)
{
	return strlen(text) == s.n && (!s.n || !memcmp(s.p, text, s.n));
}

bool slice_is_nocase(struct slice s, const char *text)
{
	return strlen(text) == s.n && (!s.n || !strncasecmp(s.p, text, s.n));
}

bool slice_starts_nocase(struct slice s, const char *text)
{
	size_t n = strlen(text);

	return s.n >= n && !strncasecmp(s.p, text, n);
}

struct slice slice_trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

void text_copy(char *out, size_t cap, const char *in)
{
	size_t n = strlen(in);

	if (n >= cap)
		n = cap - 1;
	memcpy(out, in, n);
	out[n] = '\0';
}

size_t utf8_len(const uint8_t *p, size_t left)
{
	size_t n;

	if (!left)
		return 0;
	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		n = 2;
	else if ((p[0] & 0xf0) == 0xe0)
		n = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		n = 4;
	else
		return 0;
	if (left < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* the second byte rules out overlong forms, surrogates and values past U+10FFFF (RFC 3629 4) */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
	        (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* Might more bytes complete the sequence that these are the whole rest of? */
static bool utf8_cut(const uint8_t *p, size_t n)
{
	uint8_t t[4] = {0, 0x80, 0x80, 0x80};

	if (n > 3)
		return false;
	memcpy(t, p, n);
	if (n == 1 && (t[0] == 0xe0 || t[0] == 0xf0))
		t[1] = 0xa0;
	return utf8_len(t, sizeof(t)) > n;
}

size_t text_run(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t len;

		if (p[i] < 0x80) {
			if ((p[i] < 0x20 && (p[i] < '\t' || p[i] > '\r')) || p[i] == 0x7f)
				break;
			i++;
			continue;
		}
		len = utf8_len(p + i, n - i);
		if (!len)
			return utf8_cut(p + i, n - i) ? n : i;
		i += len;
	}
	return i;
}

size_t utf8_put(uint32_t cp, uint8_t out[4])
{
	if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
		cp = 0xfffd;
	if (cp < 0x80) {
		out[0] = (uint8_t)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (uint8_t)(0xc0 | cp >> 6);
		out[1] = (uint8_t)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (uint8_t)(0xe0 | cp >> 12);
		out[1] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (uint8_t)(0x80 | (cp & 0x3f));
		return 3;
	}
	out[0] = (uint8_t)(0xf0 | cp >> 18);
	out[1] = (uint8_t)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (uint8_t)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (uint8_t)(0x80 | (cp & 0x3f));
	return 4;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

size_t base64_decode(const char *text, size_t n, uint8_t *out, size_t cap, size_t *used)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t done = 0, i;

	for (i = 0; i < n; i++) {
		int v = base64_value(text[i]);

		if (v < 0)
			break;
		acc = (acc << 6 | (uint32_t)v) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			if (done == cap)
				break;
			bits -= 8;
			out[done++] = (uint8_t)(acc >> bits);
		}
	}
	if (used)
		*used = i;
	return done;
}

char *hex_encode(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

size_t number_text(uint64_t v, char out[NUMBER_TEXT_MAX])
{
	char t[NUMBER_TEXT_MAX];
	size_t at = sizeof(t), n;

	do
		t[--at] = (char)('0' + v % 10);
	while (v /= 10);
	n = sizeof(t) - at;
	memcpy(out, t + at, n);
	out[n] = '\0';
	return n;
}

int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static uint16_t port_number(const char *p, size_t n)
{
	unsigned v = 0;

	if (!n || n > 5)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return 0;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	return v <= 65535 ? (uint16_t)v : 0;
}

/* [2001:db8::1]:443 - the literal is written back in its usual form, so that equal addresses compare equal */
static size_t bracket_literal(const char *p, size_t n, char out[HOST_MAX], uint16_t *port)
{
	const char *close = memchr(p, ']', n);
	char text[IP_TEXT_MAX];
	struct ip_addr a;
	size_t len;

	if (!close || (len = (size_t)(close - p) - 1) >= sizeof(text))
		return 0;
	memcpy(text, p + 1, len);
	text[len] = '\0';
	if (ip_parse(text, &a) < 0)
		return 0;
	if (close + 1 < p + n) {
		if (close[1] != ':')
			return 0;
		*port = port_number(close + 2, (size_t)(p + n - close - 2));
		if (!*port && close + 2 != p + n)
			return 0;
	}
	return strlen(ip_format(&a, out));
}

size_t host_port_split(const char *p, size_t n, char out[HOST_MAX], uint16_t *port)
{
	const char *colon;
	size_t label = 0;

	*port = 0;
	if (!n)
		return 0;
	if (p[0] == '[')
		return bracket_literal(p, n, out, port);
	colon = memchr(p, ':', n);
	if (colon) {
		*port = port_number(colon + 1, (size_t)(p + n - colon - 1));
		if (!*port && colon + 1 != p + n)
			return 0;
		n = (size_t)(colon - p);
	}
	if (n && p[n - 1] == '.')
		n--;
	if (!n || n >= HOST_MAX)
		return 0;
	for (size_t i = 0; i < n; i++) {
		char c = p[i];

		if (c == '.') {
			if (!label)
				return 0;
			label = 0;
		} else {
			if (c >= 'A' && c <= 'Z')
				c = (char)(c + 32);
			if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_') ||
			        ++label > 63)
				return 0;
		}
		out[i] = c;
	}
	if (!label)
		return 0;
	out[n] = '\0';
	return n;
}

size_t host_normalize(const char *p, size_t n, char out[HOST_MAX])
{
	uint16_t port;

	return host_port_split(p, n, out, &port);
}

unsigned text_distance(const char *a, const char *b, unsigned most)
{
	unsigned row[3][65];
	size_t la = strlen(a), lb = strlen(b);

	if (la > 64 || lb > 64)
		return most + 1;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *last = row[(i - 1) % 3], *before = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned v = last[j - 1] + (a[i - 1] != b[j - 1]);

			if (last[j] + 1 < v)
				v = last[j] + 1;
			if (now[j - 1] + 1 < v)
				v = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			        before[j - 2] + 1 < v)
				v = before[j - 2] + 1;
			now[j] = v;
		}
	}
	return row[la % 3][lb] <= most ? row[la % 3][lb] : most + 1;
}
