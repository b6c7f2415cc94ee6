/* gap.c - typographic blanks and hyphens (Unicode's White_Space and Dash, as far as they stand within
 * numbers), in UTF-8 or as an entity of HTML. */
#include "classify/detect/gap.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#define ENTITY_MAX 8 /* between & and ; */

static uint8_t meaning(uint32_t c)
{
	if (c == ' ' || c == 0xa0 || (c >= 0x2000 && c <= 0x200a) || c == 0x202f || c == 0x205f ||
	        c == 0x3000)
		return ' ';
	if (c == '-' || (c >= 0x2010 && c <= 0x2013) || c == 0x2212 || c == 0xfe63 || c == 0xff0d)
		return '-';
	return 0;
}

/* 160 or xA0, behind the # of an entity; 0: no number. */
static uint32_t reference(const uint8_t *p, size_t n)
{
	bool hex = n && (p[0] | 0x20) == 'x';
	uint32_t c = 0;

	for (size_t i = hex; i < n; i++) {
		uint8_t digit = p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10;

		if (!isxdigit(p[i]) || (!hex && digit > 9))
			return 0;
		c = c * (hex ? 16 : 10) + digit;
	}
	return c;
}

static uint32_t named(const uint8_t *p, size_t n)
{
	static const struct {
		const char *name;
		uint32_t c;
	} names[] = {{"nbsp", 0xa0}, {"ensp", 0x2002}, {"emsp", 0x2003}, {"numsp", 0x2007},
	        {"thinsp", 0x2009}, {"hyphen", 0x2010}, {"ndash", 0x2013}, {"minus", 0x2212}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i].name) == n && !memcmp(names[i].name, p, n))
			return names[i].c;
	return 0;
}

static size_t entity(const uint8_t *p, size_t n, uint8_t *as)
{
	size_t most = n < ENTITY_MAX + 2 ? n : ENTITY_MAX + 2;
	const uint8_t *end = memchr(p, ';', most);
	size_t len = end ? (size_t)(end - p) : 0;

	if (len < 3)
		return 0;
	*as = meaning(p[1] == '#' ? reference(p + 2, len - 2) : named(p + 1, len - 1));
	return *as ? len + 1 : 0;
}

size_t gap_long(const uint8_t *p, size_t n, uint8_t *as)
{
	uint32_t c = 0;
	size_t len = 0;

	if (p[0] == '&')
		return entity(p, n, as);
	if (p[0] == 0xc2 && n > 1) {
		c = p[1];
		len = 2;
	} else if ((p[0] & 0xf0) == 0xe0 && n > 2 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
		c = (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
		len = 3;
	}
	*as = meaning(c);
	return *as ? len : 0;
}

size_t gap_blank_before(const uint8_t *p, size_t at)
{
	uint8_t as = 0;

	for (size_t len = 1; len <= 3 && len <= at; len++)
		if (gap_at(p + at - len, len, &as) == len && as == ' ')
			return len;
	return 0;
}
