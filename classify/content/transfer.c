/* transfer.c - Content-Transfer-Encoding (RFC 2045 6) undone as a stream: base64 and quoted-printable. */
#include "classify/content/reader.h"

enum transfer_kind transfer_by_name(struct slice name)
{
	return slice_is_nocase(name, "base64")             ? TRANSFER_BASE64
	       : slice_is_nocase(name, "quoted-printable") ? TRANSFER_QUOTED
	                                                   : TRANSFER_PLAIN;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool in_alphabet(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
	       c == '/';
}

#define BASE64_AT_ONCE 1024 /* decoded bytes handed out in one piece */

struct gathered {
	uint8_t bytes[BASE64_AT_ONCE];
	size_t n;
	bytes_out out;
	void *arg;
};

static void quad(struct transfer *x, struct gathered *g)
{
	if (g->n + 3 > sizeof(g->bytes)) {
		g->out(g->arg, g->bytes, g->n);
		g->n = 0;
	}
	if (!x->lost)
		g->n += base64_decode(x->held, x->n, g->bytes + g->n, 3, NULL);
	x->lost = false;
	x->n = 0;
}

/* Lines are of whole groups: behind a gap, here is where one begins for certain. */
static void line(struct transfer *x)
{
	if (x->seek || x->unsure)
		x->n = 0;
	x->lines = true;
	x->seek = x->unsure = x->lost = false;
}

static bool base64_feed(struct transfer *x, const uint8_t *p, size_t n, bytes_out out, void *arg)
{
	struct gathered g = {.n = 0, .out = out, .arg = arg};

	for (size_t i = 0; i < n; i++) {
		if (is_blank(p[i])) {
			if (p[i] == '\n')
				line(x);
		} else if (x->seek) {
			continue;
		} else if (in_alphabet(p[i])) {
			x->held[x->n++] = (char)p[i];
			if (x->n == 4)
				quad(x, &g);
		} else if (p[i] == '=') {
			quad(x, &g);
		} else {
			x->kind = TRANSFER_PLAIN;
			if (g.n)
				out(arg, g.bytes, g.n);
			if (x->n && !x->lost)
				out(arg, (const uint8_t *)x->held, x->n);
			out(arg, p + i, n - i);
			return false;
		}
	}
	if (g.n)
		out(arg, g.bytes, g.n);
	return true;
}

/* RFC 2045 6.7: =XX, and = before a line end joins lines. */
static void quoted_feed(struct transfer *x, const uint8_t *p, size_t n, bytes_out out, void *arg)
{
	size_t i = 0;

	while (i < n) {
		const uint8_t *mark = memchr(p + i, '=', n - i);
		size_t run = x->n ? 0 : mark ? (size_t)(mark - p) - i : n - i;
		char c;

		if (run) {
			out(arg, p + i, run);
			i += run;
			continue;
		}
		c = (char)p[i++];
		x->held[x->n++] = c;
		if (x->n == 1 || (x->n == 2 && (c == '\r' || hex_digit(c) >= 0)))
			continue;
		if (x->n == 3 && hex_digit(x->held[1]) >= 0 && hex_digit(c) >= 0) {
			uint8_t b = (uint8_t)(hex_digit(x->held[1]) << 4 | hex_digit(c));

			out(arg, &b, 1);
		} else if (c != '\n') {
			out(arg, (const uint8_t *)x->held, x->n);
		}
		x->n = 0;
	}
}

bool transfer_feed(struct transfer *x, const uint8_t *p, size_t n, bytes_out out, void *arg)
{
	if (x->kind == TRANSFER_BASE64)
		return base64_feed(x, p, n, out, arg);
	if (x->kind == TRANSFER_QUOTED)
		quoted_feed(x, p, n, out, arg);
	else
		out(arg, p, n);
	return true;
}

/* Base64 goes on where its groups of four begin again: at the next line, or so many characters later. */
void transfer_gap(struct transfer *x, uint64_t n, bytes_out out, void *arg)
{
	if (x->kind == TRANSFER_QUOTED && x->n)
		out(arg, (const uint8_t *)x->held, x->n);
	if (x->kind == TRANSFER_BASE64 && (x->lines || !n))
		x->seek = true;
	x->n = (uint8_t)(x->kind == TRANSFER_BASE64 && !x->seek ? (x->n + n) % 4 : 0);
	x->lost = x->n;
	x->unsure = !x->seek; /* line ends may be among what is missing */
}

void transfer_end(struct transfer *x, bytes_out out, void *arg)
{
	uint8_t b[3];
	size_t n;

	if (x->kind == TRANSFER_BASE64 && x->n && !x->lost) {
		n = base64_decode(x->held, x->n, b, sizeof(b), NULL);
		if (n)
			out(arg, b, n);
	} else if (x->kind == TRANSFER_QUOTED && x->n) {
		out(arg, (const uint8_t *)x->held, x->n);
	}
	x->n = 0;
}
