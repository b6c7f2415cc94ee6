/* formats.c - which format bytes are of: the first in the table that knows them by their beginning, or by
 * what the sender says where that alone decides. */
#include "classify/content/documents/documents.h"
#include "classify/content/reader.h"

/* Formats whose bytes are no text (the first bytes that file(1) and the formats' specifications name).  Those
 * that are written in letters count only when something unprintable follows: a sentence may begin so. */
static const struct {
	uint8_t at, n;
	bool letters;
	char bytes[9];
} magics[] = {
        {0, 8, false, "\x89PNG\r\n\x1a\n"},
        {0, 3, false, "\xff\xd8\xff"},
        {0, 4, false, "\x7f\x45LF"},
        {0, 4, false, "\x1a\x45\xdf\xa3"},
        {0, 4, false, "\xca\xfe\xba\xbe"},
        {0, 4, false, "II*\0"}, /* TIFF, either way round */
        {0, 4, false, "MM\0*"},
        {0, 4, false, "FLV\1"},
        {0, 4, false, "\0\0\1\xba"},                       /* MPEG */
        {0, 8, false, "\x30\x26\xb2\x75\x8e\x66\xcf\x11"}, /* ASF: WMA, WMV */
        {4, 4, true, "ftyp"},
        {0, 4, true, "GIF8"},
        {0, 4, true, "RIFF"},
        {0, 4, true, "OggS"},
        {0, 4, true, "fLaC"},
        {0, 3, true, "ID3"},
};

static bool is_control(uint8_t c)
{
	return (c < 0x20 && (c < 7 || c > 13) && c != 0x1b && c != 0x1e) || c == 0x7f;
}

struct tally { /* of bytes that are no text */
	size_t controls, high, zeros;
};

static struct tally count(const uint8_t *p, size_t n)
{
	struct tally c = {0};

	for (size_t i = 0; i < n; i++) {
		c.controls += is_control(p[i]);
		c.high += p[i] >= 0x80 && !utf8_len(p + i, n - i);
		c.zeros += !p[i];
	}
	return c;
}

bool format_magic(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++) {
		size_t at = magics[i].at;
		struct tally c;

		if (n < at + magics[i].n || p[at] != (uint8_t)magics[i].bytes[0] ||
		        memcmp(p + at, magics[i].bytes, magics[i].n) != 0)
			continue;
		if (!magics[i].letters)
			return true;
		c = count(p, n);
		return c.controls || c.high;
	}
	return false;
}

bool format_printable(const uint8_t *p, size_t n)
{
	struct tally c = count(p, n);

	return c.controls * 8 <= n && (c.high * 4 <= n || (!c.controls && n >= NEST_SNIFF));
}

static int binary_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	struct tally c;

	(void)hint;
	if (format_magic(p, n))
		return 1;
	/* Compressed or encrypted bytes: one in ten is a control, one in two is above ASCII.  Old eight-bit
	 * text has many of the latter but none of the former. */
	c = count(p, n);
	return c.zeros || c.controls * 8 > n || (n >= 16 && c.controls && c.high * 4 > n);
}

static bool binary_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	(void)state;
	(void)in;
	(void)hint;
	nest_skip(t, CONTENT_BINARY);
	return true;
}

static void binary_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	(void)state;
	(void)t;
	(void)p;
	(void)n;
}

static void binary_gap(void *state, struct nest *t, uint64_t n)
{
	(void)state;
	(void)t;
	(void)n;
}

static void binary_end(void *state, struct nest *t)
{
	(void)state;
	(void)t;
}

const struct reader_ops binary_ops = {
        "binary", 0, true, binary_probe, binary_open, binary_feed, binary_gap, binary_end};

/* The order matters where two may claim the same bytes: the surer one first.  What none claims is text. */
static const struct reader_ops *const formats[] = {
        &gzip_ops,
        &zstd_ops,
        &eventstream_ops,
        &grpc_ops,
        &protobuf_ops,
        &multipart_ops,
        &sse_ops,
        &json_ops,
        &form_ops,
        &zip_ops,
        &tar_ops,
        &markup_ops,
        &mbox_ops,
        &mail_ops,
        &pdf_ops,
        &rtf_ops,
        &runs_ops,
        &sealed_ops,
        &binary_ops,
};

const struct reader_ops *format_find(
        struct slice raw, struct slice chars, const struct part_hint *hint, bool all)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct slice s = formats[i]->chars ? chars : raw;
		int yes = formats[i]->probe((const uint8_t *)s.p, s.n, hint);

		if (yes > 0)
			return formats[i];
		if (yes < 0 && !all)
			return NULL;
	}
	return &text_ops;
}

const struct reader_ops *format_by_hint(const struct part_hint *hint)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i]->probe(NULL, 0, hint) > 0)
			return formats[i];
	return NULL;
}

const struct reader_ops *format_flat(struct slice chars)
{
	return binary_probe((const uint8_t *)chars.p, chars.n, NULL) ? &binary_ops : &text_ops;
}
