/* charset.c - characters become UTF-8: UTF-16 (RFC 2781) and UTF-32 by their byte order mark, by the type's
 * charset parameter, or by the zeros in them; eight-bit sets by the parameter alone (codepage.c).
 *
 * Labels are often wrong.  A wide charset counts only where the bytes are not plain ASCII, and of text that
 * is labelled an eight-bit set what is UTF-8 stays UTF-8: such sequences do not occur in it by chance. */
#include "classify/content/reader.h"

/* What the zero bytes of wide ASCII text say (the rule of RFC 4627 3, which fits any text): the first four
 * characters at least. */
static enum charset_kind guess(const uint8_t *p, size_t n)
{
	static const struct {
		enum charset_kind kind;
		uint8_t width, at; /* at: where in a character its ASCII byte stands */
	} rows[] = {{CHARSET_UTF16LE, 2, 0}, {CHARSET_UTF16BE, 2, 1}, {CHARSET_UTF32LE, 4, 0},
	        {CHARSET_UTF32BE, 4, 3}};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		size_t i = 0, need = (size_t)rows[r].width * 4;

		for (; i < need && i < n; i++)
			if (i % rows[r].width == rows[r].at ? p[i] < 9 || p[i] >= 0x7f : p[i])
				break;
		if (i == need)
			return rows[r].kind;
	}
	return CHARSET_AS_IS;
}

static enum charset_kind by_mark(const uint8_t *p, size_t n, size_t *mark)
{
	static const struct {
		const char *bytes;
		uint8_t n;
		enum charset_kind kind;
	} marks[] = {
	        {"\xff\xfe\0\0", 4, CHARSET_UTF32LE}, /* before UTF-16: that is no text */
	        {"\0\0\xfe\xff", 4, CHARSET_UTF32BE},
	        {"\xff\xfe", 2, CHARSET_UTF16LE},
	        {"\xfe\xff", 2, CHARSET_UTF16BE},
	        {"\xef\xbb\xbf", 3, CHARSET_AS_IS},
	};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		if (n >= marks[i].n && !memcmp(p, marks[i].bytes, marks[i].n)) {
			*mark = marks[i].n;
			return marks[i].kind;
		}
	}
	*mark = 0;
	return CHARSET_AS_IS;
}

static bool all_ascii(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < 9 || p[i] >= 0x7f)
			return false;
	return true;
}

static struct charset by_label(const uint8_t *p, size_t n, struct slice type)
{
	static const struct {
		const char *name;
		enum charset_kind kind;
	} labels[] = {{"utf-16", CHARSET_UTF16LE}, /* WHATWG: little-endian, where no mark says */
	        {"utf-16le", CHARSET_UTF16LE}, {"utf-16be", CHARSET_UTF16BE}, {"utf-32", CHARSET_UTF32LE},
	        {"utf-32le", CHARSET_UTF32LE}, {"utf-32be", CHARSET_UTF32BE}};
	struct charset c = {0};
	char name[16];
	size_t len;

	if (!type.n || !header_param(type, "charset", name, sizeof(name), &len))
		return c;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]) && !all_ascii(p, n); i++)
		if (slice_is_nocase(slice_of(name, len), labels[i].name))
			c.kind = (uint8_t)labels[i].kind;
	c.page = codepage_by_name(slice_of(name, len));
	if (c.page)
		c.kind = CHARSET_PAGE;
	return c;
}

struct charset charset_find(const uint8_t *p, size_t n, struct slice type, size_t *mark)
{
	struct charset c = {.kind = (uint8_t)by_mark(p, n, mark)};

	if (!*mark)
		c.kind = (uint8_t)guess(p, n);
	return *mark || c.kind ? c : by_label(p, n, type);
}

/* ---- conversion -----------------------------------------------------------------------------------------
 */

#define AT_ONCE 1024 /* bytes of UTF-8 handed out in one piece */

struct gathered {
	uint8_t bytes[AT_ONCE];
	size_t n;
	bytes_out out;
	void *arg;
};

static void flush(struct gathered *g)
{
	if (g->n)
		g->out(g->arg, g->bytes, g->n);
	g->n = 0;
}

static void put(struct gathered *g, uint32_t cp)
{
	if (g->n + 4 > sizeof(g->bytes))
		flush(g);
	g->n += utf8_put(cp, g->bytes + g->n);
}

static void drop_high(struct charset *c, struct gathered *g)
{
	if (c->high)
		put(g, 0xfffd);
	c->high = 0;
}

static void unit16(struct charset *c, struct gathered *g, uint32_t v)
{
	if (c->high && v >= 0xdc00 && v <= 0xdfff) {
		put(g, 0x10000 + ((c->high - 0xd800) << 10) + (v - 0xdc00));
		c->high = 0;
		return;
	}
	drop_high(c, g);
	if (v >= 0xd800 && v <= 0xdbff)
		c->high = v;
	else
		put(g, v);
}

static void wide_feed(struct charset *c, const uint8_t *p, size_t n, struct gathered *g)
{
	bool little = c->kind == CHARSET_UTF16LE || c->kind == CHARSET_UTF32LE;
	unsigned width = c->kind == CHARSET_UTF16LE || c->kind == CHARSET_UTF16BE ? 2 : 4;

	for (size_t i = 0; i < n; i++) {
		uint32_t v = 0;

		c->held[c->n++] = p[i];
		if (c->n < width)
			continue;
		for (unsigned k = 0; k < width; k++)
			v = v << 8 | c->held[little ? width - 1 - k : k];
		c->n = 0;
		if (c->lost)
			c->lost = false;
		else if (width == 2)
			unit16(c, g, v);
		else
			put(g, v);
	}
}

static size_t ascii_run(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] < 0x80)
		i++;
	return i;
}

/* How many bytes the UTF-8 sequence takes that b may begin; 1: none. */
static unsigned utf8_wants(uint8_t b)
{
	return b >= 0xf0 && b <= 0xf4 ? 4 : b >= 0xe0 && b < 0xf0 ? 3 : b >= 0xc2 && b < 0xe0 ? 2 : 1;
}

/* One byte more of what may be UTF-8. */
static void maybe_utf8(struct charset *c, struct gathered *g, uint8_t b)
{
	c->held[c->n++] = b;
	while (c->n) {
		unsigned want = utf8_wants(c->held[0]);

		if (c->n < want && (c->n == 1 || (c->held[c->n - 1] & 0xc0) == 0x80))
			return;
		if (c->n == want && want > 1 && utf8_len(c->held, want) == want) {
			if (g->n + 4 > sizeof(g->bytes))
				flush(g);
			memcpy(g->bytes + g->n, c->held, want);
			g->n += want;
			c->n = 0;
			return;
		}
		put(g, codepage_char(c->page, c->held[0]));
		memmove(c->held, c->held + 1, --c->n);
	}
}

static void page_feed(struct charset *c, const uint8_t *p, size_t n, struct gathered *g)
{
	size_t i = 0;

	while (i < n) {
		size_t run = c->n ? 0 : ascii_run(p + i, n - i);

		if (run >= AT_ONCE / 4) {
			flush(g);
			g->out(g->arg, p + i, run);
		} else if (run) {
			if (g->n + run > sizeof(g->bytes))
				flush(g);
			memcpy(g->bytes + g->n, p + i, run);
			g->n += run;
		} else {
			maybe_utf8(c, g, p[i++]);
		}
		i += run;
	}
}

void charset_feed(struct charset *c, const uint8_t *p, size_t n, bytes_out out, void *arg)
{
	struct gathered g = {.n = 0, .out = out, .arg = arg};

	if (c->kind == CHARSET_PAGE)
		page_feed(c, p, n, &g);
	else if (c->kind)
		wide_feed(c, p, n, &g);
	else if (n)
		out(arg, p, n);
	flush(&g);
}

/* A character that was cut. */
static void cut(struct charset *c, struct gathered *g)
{
	drop_high(c, g);
	for (unsigned i = 0; i < c->n && c->kind == CHARSET_PAGE; i++)
		put(g, codepage_char(c->page, c->held[i]));
}

void charset_gap(struct charset *c, uint64_t n, bytes_out out, void *arg)
{
	struct gathered g = {.n = 0, .out = out, .arg = arg};
	unsigned width = c->kind == CHARSET_UTF16LE || c->kind == CHARSET_UTF16BE   ? 2
	                 : c->kind == CHARSET_UTF32LE || c->kind == CHARSET_UTF32BE ? 4
	                                                                            : 1;

	cut(c, &g);
	flush(&g);
	c->n = (uint8_t)(n ? (c->n + n) % width : 0);
	c->lost = c->n;
}

void charset_end(struct charset *c, bytes_out out, void *arg)
{
	struct gathered g = {.n = 0, .out = out, .arg = arg};

	cut(c, &g);
	flush(&g);
	c->n = 0;
}
