/* gap.h - blanks and hyphens between the groups of a number, as keyboards, word processors and HTML write
 * them. */
#ifndef CLASSIFY_DETECT_GAP_H
#define CLASSIFY_DETECT_GAP_H

#include <stddef.h>
#include <stdint.h>

#define GAP_FIRST_BYTES " -&\xc2\xe2\xe3\xef" /* one begins with one of these */

/* Length of the one at p[0..n), 0: another character.  *as: what it stands for, ' ' or '-'. */
size_t gap_at(const uint8_t *p, size_t n, uint8_t *as);
/* The step of a loop over a number's characters: 1, or the length of the gap at p, whose bytes may be digits.
 */
size_t gap_or_one(const uint8_t *p, size_t n);
/* Length of the blank before p[at], not of an entity. */
size_t gap_blank_before(const uint8_t *p, size_t at);

#endif
