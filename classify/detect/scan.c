/* scan.c - finds digits and '@' sixteen bytes at a time, and reads runs of digits with the separators that
 * people put into numbers; and runs of base64's alphabet that are as long as a detector wants.  libhs does
 * this at half the speed when numbers or classes stand among its expressions. */
#include "classify/detect/gap.h"
#include "classify/detect/internal.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define RUN_DIGITS_MAX 40
#define GAP_MAX        3 /* separators */

static inline bool is_digit(uint8_t c)
{
	return (uint8_t)(c - '0') < 10;
}

/* Length of one separator at p: blanks and hyphens of all kinds, . / ( ); else 0. */
static size_t separator(const uint8_t *p, size_t left)
{
	uint8_t as;

	switch (p[0]) {
	case '.':
	case '/':
	case '(':
	case ')':
		return 1;
	default:
		return gap_at(p, left, &as);
	}
}

/* Bytes of separators at `at` that are followed by a digit; 0: the run ends here. */
static size_t gap_len(const uint8_t *p, size_t n, size_t at)
{
	size_t gap = 0;

	for (unsigned count = 0; at + gap < n && count <= GAP_MAX; count++) {
		size_t len;

		if (is_digit(p[at + gap]))
			return gap;
		len = separator(p + at + gap, n - at - gap);
		if (!len)
			return 0;
		gap += len;
	}
	return 0;
}

size_t scan_run(const uint8_t *p, size_t n, size_t at, struct run *r)
{
	r->groups = r->digits = 0;
	for (;;) {
		size_t gap;

		if (r->groups < RUN_GROUPS)
			r->start[r->groups++] = (uint32_t)at;
		while (at < n && is_digit(p[at])) {
			r->digits++;
			at++;
		}
		gap = gap_len(p, n, at);
		if (!gap || r->digits >= RUN_DIGITS_MAX || r->groups == RUN_GROUPS)
			break;
		at += gap;
	}
	r->end = (uint32_t)at;
	return at;
}

bool scan_add(struct detect_worker *w, size_t from, size_t at, uint32_t rule)
{
	if (w->n_places == DETECT_CANDIDATES) {
		w->stats.refused++;
		return false;
	}
	w->places[w->n_places++] = (struct place){.at = (uint32_t)at, .from = (uint32_t)from, .rule = rule};
	return true;
}

/* The next byte in [at, to) that is a digit or '@'; `to` when there is none. */
static size_t next_byte(const uint8_t *p, size_t at, size_t to)
{
#ifdef __SSE2__
	const __m128i zero = _mm_set1_epi8((char)('0' + 128)), ten = _mm_set1_epi8(-128 + 10),
	              at_sign = _mm_set1_epi8('@');

	for (; at + 16 <= to; at += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + at));
		/* v - '0' unsigned below 10, as a signed comparison */
		__m128i digit = _mm_cmplt_epi8(_mm_sub_epi8(v, zero), ten);
		unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(digit, _mm_cmpeq_epi8(v, at_sign)));

		if (mask)
			return at + (unsigned)__builtin_ctz(mask);
	}
#endif
	while (at < to && !is_digit(p[at]) && p[at] != '@')
		at++;
	return at;
}

/* ---- runs of base64's alphabet --------------------------------------------------------------------------
 */

#define RUN_LOOK 16 /* every DETECTOR_RUN_MIN - RUN_LOOK bytes, so that a run cannot lie between */
#define RUN_STEP (DETECTOR_RUN_MIN - RUN_LOOK)

static inline bool of_run(uint8_t c)
{
	return (uint8_t)((c | 0x20) - 'a') < 26 || is_digit(c) || c == '+' || c == '/';
}

/* Are all of RUN_LOOK bytes of the alphabet?  In hardly any text that holds words, for blanks, quotes and
 * what is not ASCII are looked for first. */
static inline bool all_of_run(const uint8_t *p)
{
#ifdef __SSE2__
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i low, letter, digit;

	if (_mm_movemask_epi8(_mm_cmplt_epi8(v, _mm_set1_epi8('+'))))
		return false;
	low = _mm_or_si128(v, _mm_set1_epi8(0x20));
	letter = _mm_and_si128(
	        _mm_cmpgt_epi8(low, _mm_set1_epi8('a' - 1)), _mm_cmplt_epi8(low, _mm_set1_epi8('z' + 1)));
	digit = _mm_and_si128(/* and the '/' before them */
	        _mm_cmpgt_epi8(v, _mm_set1_epi8('/' - 1)), _mm_cmplt_epi8(v, _mm_set1_epi8('9' + 1)));
	letter = _mm_or_si128(letter, _mm_cmpeq_epi8(v, _mm_set1_epi8('+')));
	return _mm_movemask_epi8(_mm_or_si128(letter, digit)) == 0xffff;
#else
	for (size_t i = 0; i < RUN_LOOK; i++)
		if (!of_run(p[i]))
			return false;
	return true;
#endif
}

/* Behind the last of the run that p[at] is in; *begin its first.  What is longer than `most` may begin
 * before. */
static size_t run_around(const uint8_t *p, size_t n, size_t at, size_t most, size_t *begin)
{
	size_t end = at;

	while (end + RUN_LOOK <= n && all_of_run(p + end))
		end += RUN_LOOK;
	while (end < n && of_run(p[end]))
		end++;
	while (at && end - at <= most && of_run(p[at - 1]))
		at--;
	*begin = at;
	return end;
}

/* Runs that begin within [from, to). */
static void scan_runs(struct detect_worker *w, const uint8_t *p, size_t n, size_t from, size_t to)
{
	size_t min = w->en->run_min, max = w->en->run_max + 1, /* one more: the n of an escape */
	        at = from, stop = to + RUN_STEP;

	while (at + RUN_LOOK <= n && at < stop) {
		size_t begin, end;

		if (!all_of_run(p + at)) {
			at += RUN_STEP;
			continue;
		}
		end = run_around(p, n, at, max, &begin);
		if (end - begin >= min && end - begin <= max && begin >= from && begin < to)
			scan_add(w, begin, begin + 1, PLACE_RUN);
		at = end < at + RUN_STEP ? at + RUN_STEP : end;
	}
}

void scan_places(struct detect_worker *w, const uint8_t *p, size_t n, size_t from, size_t to)
{
	unsigned least = w->en->digits_min;
	struct run r;
	size_t at = from;

	if (w->en->run_max)
		scan_runs(w, p, n, from, to);
	/* a run that began before was taken with it */
	while (at > 0 && at < n && is_digit(p[at]) && is_digit(p[at - 1]))
		at++;
	while ((at = next_byte(p, at, to)) < to) {
		if (p[at] == '@') {
			at++;
			scan_add(w, at - 1, at, PLACE_AT);
			continue;
		}
		size_t begin = at;

		at = scan_run(p, n, at, &r);
		if (r.digits >= least)
			scan_add(w, begin, begin + 1, PLACE_DIGITS);
	}
}
