/* text_meant.c - see text_meant.h */
#include "classify/content/text_meant.h"
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

/* UTF-8 without controls, but for one character that the end may cut. */
static bool clean_utf8(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n) {
		size_t len = utf8_len(p + i, n - i);

		if (!len)
			return n - i < 4 && p[i] >= 0xc2 && p[i] <= 0xf4;
		if (len == 1 &&
		        (p[i] == 0x7f || (p[i] < 0x20 && p[i] != '\n' && p[i] != '\r' && p[i] != '\t')))
			return false;
		i += len;
	}
	return n;
}

struct sample {
	uint8_t bytes[BASE64_TOLD * 3]; /* two bytes of UTF-16 are at most three of UTF-8 */
	size_t n;
};

static bool to_sample(void *arg, const uint8_t *p, size_t n)
{
	struct sample *s = arg;

	n = n < sizeof(s->bytes) - s->n ? n : sizeof(s->bytes) - s->n;
	memcpy(s->bytes + s->n, p, n);
	s->n += n;
	return true;
}

bool text_clean(const uint8_t *p, size_t n, struct slice type)
{
	size_t mark, ascii = 0;
	struct charset c = charset_find(p, n, type, &mark);
	struct sample s;

	if (!c.kind)
		return clean_utf8(p + mark, n - mark);
	s.n = 0;
	charset_feed(&c, p + mark, n - mark, to_sample, &s);
	for (size_t i = 0; i < s.n; i++)
		ascii += s.bytes[i] < 0x80;
	return clean_utf8(s.bytes, s.n) && (type.n || ascii * 8 >= s.n);
}

bool text_meant(const uint8_t *p, size_t n, struct slice type, bool labelled, bool all)
{
	struct part_hint hint = {.type = type};
	struct slice raw = slice_of(p, n);
	const struct reader_ops *ops;

	if (!n)
		return labelled;
	if (text_clean(p, n, type) || format_magic(p, n))
		return true;
	ops = format_find(raw, raw, &hint, all);
	if (!ops)
		return true;
	if (ops == &text_ops)
		return labelled;
	return !ops->chars || (ops != &binary_ops && format_printable(p, n));
}
