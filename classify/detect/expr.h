/* expr.h - the expressions of detectors, matched at a place that an anchor (libhs) or a digit run pointed to.
 *
 * A subset of Perl's syntax, chosen so that matching is bounded: literals, . [classes] \d \w \s \n \t \r
 * \xHH, groups ( ) (?: ) (?i: ), |, ? * + {n} {n,} {n,m} (greedy), ^ $ for the ends of the field, \b, and
 *   \<  \>        token borders: no letter, digit or '_' on the other side; the n, r, t of an escape (\n)
 * counts as a border, as text that was JSON-encoded twice still carries them
 *   (?<![..])     the byte before is not in the class
 *   (?!...)       what follows does not match; not nested
 * The first capturing group is the value; without one the whole match is.  Bytes, not characters: (?i: folds
 * ASCII letters only.  With EXPR_GAPS a blank or '-', or a class that holds one and no letter or digit,
 * matches the blanks and hyphens of gap.h as well. */
#ifndef CLASSIFY_DETECT_EXPR_H
#define CLASSIFY_DETECT_EXPR_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPR_CODE_MAX  4096 /* instructions of one expression */
#define EXPR_STACK_MAX 512  /* places to come back to */
#define EXPR_DEPTH_MAX 16   /* nested groups */

struct expr;

struct expr_hit {
	size_t start, end;             /* of the match */
	size_t value_start, value_end; /* of the value in it */
};

#define EXPR_CASELESS 1u
#define EXPR_GAPS     2u

/* NULL: e says why. */
struct expr *expr_compile(const char *pattern, unsigned flags, struct err *e);
void expr_free(struct expr *x);
/* May a match begin with this byte? */
bool expr_begins_with(const struct expr *x, uint8_t c);
/* Matches exactly at `at` within p[0..n).  *steps is what may still be spent; at 0 nothing matches. */
bool expr_match_at(
        const struct expr *x, const uint8_t *p, size_t n, size_t at, size_t *steps, struct expr_hit *hit);
/* Whether it matches anywhere in p[0..n). */
bool expr_search(const struct expr *x, const uint8_t *p, size_t n, size_t *steps);

#endif
