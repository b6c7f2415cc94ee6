/* reader.c - a run of decoded bytes (a body, or a part of one): its beginning decides how it is read.
 * UTF-16 becomes UTF-8 first, by its byte order mark or by the zero bytes of ASCII text in it. */
#include "classify/content/reader.h"

#include <stddef.h>
#include <string.h>

enum utf16 { UTF16_NO, UTF16_LE, UTF16_BE };

/* Formats whose bytes are no text (the first bytes that file(1) and the formats' specifications name).  Those
 * that are written in letters count only when something unprintable follows: a sentence may begin so. */
static const struct {
	uint8_t at, n;
	bool letters;
	char bytes[9];
} magics[] = {
        {0, 8, false, "\x89PNG\r\n\x1a\n"},
        {0, 3, false, "\xff\xd8\xff"},
        {0, 4, false, "PK\x03\x04"},
        {0, 4, false, "PK\x05\x06"},
        {0, 3, false, "\x1f\x8b\x08"},
        {0, 4, false, "\x28\xb5\x2f\xfd"},
        {0, 6, false, "\xfd\x37zXZ\x00"},
        {0, 6, false, "7z\xbc\xaf\x27\x1c"},
        {0, 8, false, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"},
        {0, 4, false, "\x7f\x45LF"},
        {0, 4, false, "\x1a\x45\xdf\xa3"},
        {0, 4, false, "\xca\xfe\xba\xbe"},
        {0, 4, false, "Rar!"},
        {4, 4, true, "ftyp"},
        {0, 4, true, "%PDF"},
        {0, 4, true, "GIF8"},
        {0, 4, true, "RIFF"},
        {0, 4, true, "OggS"},
        {0, 4, true, "fLaC"},
        {0, 3, true, "ID3"},
        {0, 3, true, "BZh"},
};

static bool is_control(uint8_t c)
{
	return (c < 0x20 && (c < 7 || c > 13) && c != 0x1b && c != 0x1e) || c == 0x7f;
}

static bool is_binary(const uint8_t *p, size_t n)
{
	size_t controls = 0, high = 0, zeros = 0;

	for (size_t i = 0; i < n; i++) {
		controls += is_control(p[i]);
		high += p[i] >= 0x80 && !utf8_len(p + i, n - i);
		zeros += !p[i];
	}
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (n >= (size_t)magics[i].at + magics[i].n &&
		        !memcmp(p + magics[i].at, magics[i].bytes, magics[i].n) &&
		        (!magics[i].letters || controls || high))
			return true;
	/* Compressed or encrypted bytes: one in ten is a control, one in two is above ASCII.  Old eight-bit
	 * text has many of the latter but none of the former. */
	return zeros || controls * 8 > n || (n >= 16 && controls && high * 4 > n);
}

void reader_init(struct reader *r, const struct prefix *in, bool form_type, unsigned depth_max)
{
	memset(r, 0, offsetof(struct reader, sniff));
	r->in = *in;
	r->form_type = form_type;
	r->depth_max = depth_max;
}

static void read_utf8(struct reader *r, struct emit *e, const uint8_t *p, size_t n)
{
	if (r->kind == READ_JSON)
		json_reader_feed(&r->u.json, e, p, n);
	else if (r->kind == READ_FORM)
		form_reader_feed(&r->u.form, e, p, n);
	else if (r->kind == READ_TEXT)
		emit_text(e, p, n);
}

static void choose(struct reader *r, struct emit *e, const uint8_t *p, size_t n)
{
	static const struct prefix form = {.text = "form", .n = 4, .key_at = 4};

	if (json_reader_probe(p, n)) {
		r->kind = READ_JSON;
		json_reader_init(&r->u.json, &r->in, r->depth_max);
	} else if (r->form_type && form_reader_probe(p, n)) {
		r->kind = READ_FORM;
		if (!r->in.n)
			r->in = form;
		form_reader_init(&r->u.form, &r->in);
	} else if (is_binary(p, n)) {
		r->kind = READ_BINARY;
		e->skip |= CONTENT_BINARY;
	} else {
		r->kind = READ_TEXT;
		emit_plain(e, &r->in);
	}
}

static void utf16_unit(struct reader *r, struct emit *e, uint32_t v)
{
	uint8_t b[8];
	size_t n = 0;

	if (r->utf16_high && v >= 0xdc00 && v <= 0xdfff) {
		n = utf8_put(0x10000 + ((r->utf16_high - 0xd800) << 10) + (v - 0xdc00), b);
		r->utf16_high = 0;
	} else {
		if (r->utf16_high)
			n = utf8_put(0xfffd, b);
		r->utf16_high = v >= 0xd800 && v <= 0xdbff ? v : 0;
		if (!r->utf16_high)
			n += utf8_put(v, b + n);
	}
	read_utf8(r, e, b, n);
}

static void read_bytes(struct reader *r, struct emit *e, const uint8_t *p, size_t n)
{
	if (!r->utf16) {
		read_utf8(r, e, p, n);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (r->utf16_odd) {
			uint32_t a = r->utf16_first, b = p[i];

			utf16_unit(r, e, r->utf16 == UTF16_LE ? b << 8 | a : a << 8 | b);
		}
		r->utf16_first = p[i];
		r->utf16_odd = !r->utf16_odd;
	}
}

/* The first four characters are ASCII with zeros between them (the rule of RFC 4627 3, which fits any text).
 */
static enum utf16 utf16_guess(const uint8_t *p, size_t n)
{
	bool le = n >= 8, be = n >= 8;

	if (n >= 2 && p[0] == 0xff && p[1] == 0xfe)
		return UTF16_LE;
	if (n >= 2 && p[0] == 0xfe && p[1] == 0xff)
		return UTF16_BE;
	for (size_t i = 0; i < 8 && i < n; i++) {
		bool text = p[i] >= 9 && p[i] < 0x7f;

		le = le && (i & 1 ? !p[i] : text);
		be = be && (i & 1 ? text : !p[i]);
	}
	return le ? UTF16_LE : be ? UTF16_BE : UTF16_NO;
}

/* The same choice over the characters of UTF-16 that were collected, low bytes only: enough for JSON and
 * forms. */
static size_t utf16_narrow(const struct reader *r, size_t from, uint8_t out[SNIFF_MAX])
{
	size_t n = 0;

	for (size_t i = from; i + 1 < r->n_sniff; i += 2) {
		uint8_t high = r->sniff[r->utf16 == UTF16_LE ? i + 1 : i],
		        low = r->sniff[r->utf16 == UTF16_LE ? i : i + 1];

		out[n++] = high ? 'x' : low;
	}
	return n;
}

static void decide(struct reader *r, struct emit *e)
{
	const uint8_t *p = r->sniff;
	uint8_t narrow[SNIFF_MAX];
	size_t n = r->n_sniff, skip = 0, blank = 0;

	r->utf16 = (uint8_t)utf16_guess(p, n);
	if (r->utf16) {
		skip = p[0] >= 0xfe ? 2 : 0;
		n = utf16_narrow(r, skip, narrow);
		p = narrow;
	} else if (n >= 3 && !memcmp(p, "\xef\xbb\xbf", 3)) {
		skip = 3;
		p += 3;
		n -= 3;
	}
	while (blank < n && (p[blank] == ' ' || (p[blank] >= 9 && p[blank] <= 13)))
		blank++;
	choose(r, e, p + blank, n - blank);
	read_bytes(r, e, r->sniff + skip, r->n_sniff - skip);
}

void reader_feed(struct reader *r, struct emit *e, const uint8_t *p, size_t n)
{
	if (r->kind == READ_SNIFF) {
		/* blanks before anything else say nothing */
		while (!r->n_sniff && n && (*p == ' ' || (*p >= 9 && *p <= 13))) {
			p++;
			n--;
		}
		while (n && r->n_sniff < SNIFF_MAX) {
			r->sniff[r->n_sniff++] = *p++;
			n--;
		}
		if (r->n_sniff < SNIFF_MAX)
			return;
		decide(r, e);
	}
	if (n)
		read_bytes(r, e, p, n);
}

void reader_gap(struct reader *r, struct emit *e, uint64_t n)
{
	e->skip |= CONTENT_GAP;
	if (r->kind == READ_SNIFF) {
		if (!r->n_sniff)
			r->kind = READ_TEXT;
		else
			decide(r, e);
	}
	/* a gap of unknown length is taken for an even one */
	if (r->utf16 && n & 1)
		r->utf16_odd = !r->utf16_odd;
	r->utf16_high = 0;
	if (r->kind == READ_JSON) {
		json_reader_gap(&r->u.json, e);
	} else if (r->kind == READ_FORM) {
		form_reader_gap(&r->u.form, e);
	} else if (r->kind == READ_TEXT) {
		if (e->named)
			emit_end(e, false);
		emit_plain(e, &r->in);
	}
}

void reader_end(struct reader *r, struct emit *e)
{
	if (r->kind == READ_SNIFF && r->n_sniff)
		decide(r, e);
	if (r->utf16_high)
		read_utf8(r, e, (const uint8_t *)"\xef\xbf\xbd", 3);
	if (r->kind == READ_JSON)
		json_reader_end(&r->u.json, e);
	else if (r->kind == READ_FORM)
		form_reader_end(&r->u.form, e);
	else if (e->named)
		emit_end(e, true);
}
