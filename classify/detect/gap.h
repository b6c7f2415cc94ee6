/* gap.h - blanks and hyphens between the groups of a number, as keyboards, word processors and HTML write
 * them. */
#ifndef CLASSIFY_DETECT_GAP_H
#define CLASSIFY_DETECT_GAP_H

#include <stddef.h>
#include <stdint.h>

#define GAP_FIRST_BYTES " -&\xc2\xe2\xe3\xef" /* one begins with one of these */

size_t gap_long(const uint8_t *p, size_t n, uint8_t *as); /* gap_at() of what is not ' ' or '-' */

/* Length of the one at p[0..n), 0: another character.  *as: what it stands for, ' ' or '-'. */
static inline size_t gap_at(const uint8_t *p, size_t n, uint8_t *as)
{
	if (!n)
		return 0;
	if (p[0] == ' ' || p[0] == '-') {
		*as = p[0];
		return 1;
	}
	return p[0] == '&' || p[0] >= 0x80 ? gap_long(p, n, as) : 0;
}

/* The step of a loop over a number's characters: 1, or the length of the gap at p, whose bytes may be digits.
 */
static inline size_t gap_or_one(const uint8_t *p, size_t n)
{
	uint8_t as;
	size_t len = gap_at(p, n, &as);

	return len ? len : 1;
}

/* Length of the blank before p[at], not of an entity. */
size_t gap_blank_before(const uint8_t *p, size_t at);

#endif
