/* unseen.c - characters that nobody sees are left out of a text before it is searched: between the characters
 * of a value they would hide it from us, and from nobody who reads it.  Text that goes out is masked where it
 * stands, and mask.c keeps account of where that is. */
#include "classify/detect/internal.h"

#include <string.h>

static bool within(uint8_t c, uint8_t from, uint8_t to)
{
	return c >= from && c <= to;
}

/* Of three bytes; Default_Ignorable_Code_Point of Unicode, and the marks of annotations (U+FFF9 to U+FFFB).
 */
static bool is_unseen3(const uint8_t *p)
{
	switch (p[0] << 8 | p[1]) {
	case 0xe185: /* fillers of Hangul: U+115F, U+1160 */
		return within(p[2], 0x9f, 0xa0);
	case 0xe19e: /* U+17B4, U+17B5 */
		return within(p[2], 0xb4, 0xb5);
	case 0xe1a0: /* Mongolian selectors and separator: U+180B to U+180F */
		return within(p[2], 0x8b, 0x8f);
	case 0xe280: /* zero width and directions: U+200B to U+200F, U+202A to U+202E */
		return within(p[2], 0x8b, 0x8f) || within(p[2], 0xaa, 0xae);
	case 0xe281: /* joiner, operators, isolates: U+2060 to U+206F */
		return within(p[2], 0xa0, 0xaf);
	case 0xe385: /* U+3164 */
		return p[2] == 0xa4;
	case 0xefb8: /* variation selectors: U+FE00 to U+FE0F */
		return within(p[2], 0x80, 0x8f);
	case 0xefbb: /* byte order mark */
		return p[2] == 0xbf;
	case 0xefbe: /* U+FFA0 */
		return p[2] == 0xa0;
	case 0xefbf: /* U+FFF0 to U+FFFB */
		return within(p[2], 0xb0, 0xbb);
	default:
		return false;
	}
}

size_t unseen_at(const uint8_t *p, size_t n)
{
	if (n < 2)
		return 0;
	if (p[0] == '\\')
		return p[1] == '_' || p[1] == '-';
	if ((p[0] == 0xc2 && p[1] == 0xad) || (p[0] == 0xcd && p[1] == 0x8f) ||
	        (p[0] == 0xd8 && p[1] == 0x9c))
		return 2; /* soft hyphen, U+034F, U+061C */
	if (within(p[0], 0xe1, 0xef))
		return n >= 3 && is_unseen3(p) ? 3 : 0;
	if (n < 4)
		return 0;
	if (p[0] == 0xf3 && p[1] == 0xa0) /* tags and variation selectors: U+E0000 to U+E0FFF */
		return 4;
	/* beams of music: U+1D173 to U+1D17A */
	return p[0] == 0xf0 && p[1] == 0x9d && p[2] == 0x85 && within(p[3], 0xb3, 0xba) ? 4 : 0;
}

/* U+E0020 to U+E007E stand for what is printed of ASCII; 0: another character. */
static uint8_t tag_letter(const uint8_t *p, size_t n)
{
	uint8_t c;

	if (n < TAG_BYTES || p[0] != 0xf3 || p[1] != 0xa0 || !within(p[2], 0x80, 0x81) ||
	        !within(p[3], 0x80, 0xbf))
		return 0;
	c = (uint8_t)((p[2] & 1) << 6 | (p[3] & 0x3f));
	return within(c, ' ', '~') ? c : 0;
}

size_t unseen_tags(const uint8_t *p, size_t n, uint8_t *out)
{
	size_t tags = 0;
	uint8_t c;

	while ((c = tag_letter(p + tags * TAG_BYTES, n - tags * TAG_BYTES)) != 0) {
		if (out)
			out[tags] = c;
		tags++;
	}
	return tags;
}

/* What something unseen begins with. */
static const bool begins_unseen[256] = {['\\'] = true,
        [0xc2] = true,
        [0xcd] = true,
        [0xd8] = true,
        [0xe1] = true,
        [0xe2] = true,
        [0xe3] = true,
        [0xef] = true,
        [0xf0] = true,
        [0xf3] = true};

/* Bytes in front of p[0..n) that begin nothing unseen. */
static size_t seen_run(const uint8_t *p, size_t n)
{
	const uint64_t ones = 0x0101010101010101u, tops = ones << 7;
	size_t i = 0;

	for (uint64_t word; i + sizeof(word) <= n; i += sizeof(word)) {
		uint64_t other;

		memcpy(&word, p + i, sizeof(word));
		other = word ^ ones * '\\';
		if ((word | ((other - ones) & ~other)) & tops)
			break;
	}
	while (i < n && !begins_unseen[p[i]])
		i++;
	return i;
}

/* Do these last bytes begin a character whose end is to come? */
static bool is_cut(const uint8_t *p, size_t n)
{
	if (p[0] == '\\')
		return n < 2;
	return (within(p[0], 0xc2, 0xdf) && n < 2) || (within(p[0], 0xe0, 0xef) && n < 3) ||
	       (within(p[0], 0xf0, 0xf4) && n < 4);
}

/* Are these last bytes tags that may become enough of them to be read? */
static bool may_be_text(const uint8_t *p, size_t n, size_t tags)
{
	static const uint8_t first[] = {0xf3, 0xa0};
	size_t rest = n - tags * TAG_BYTES;

	return rest < TAG_BYTES && !memcmp(p + tags * TAG_BYTES, first, rest < 2 ? rest : 2);
}

void unseen_drop(struct detect_stream *s, size_t from)
{
	uint8_t *p = s->buf;
	size_t to;

	if (s->masking)
		return;
	from -= s->undecided;
	to = from;
	while (from < s->len) {
		size_t left = s->len - from, n = seen_run(p + from, left), tags;

		if (!n) {
			tags = unseen_tags(p + from, left, NULL);
			if (tags && (s->in_tags || tags >= TAGS_TEXT)) {
				s->in_tags = true;
				to += unseen_tags(p + from, left, p + to);
				from += tags * TAG_BYTES;
				continue;
			}
			if (tags ? may_be_text(p + from, left, tags) : is_cut(p + from, left))
				break;
			n = unseen_at(p + from, left);
			if (n) {
				from += tags ? tags * TAG_BYTES : n;
				continue;
			}
			n = 1;
		}
		s->in_tags = false;
		if (to != from)
			memmove(p + to, p + from, n);
		from += n;
		to += n;
	}
	s->undecided = s->len - from;
	memmove(p + to, p + from, s->undecided);
	s->len = to + s->undecided;
}
