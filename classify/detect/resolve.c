/* resolve.c - a candidate becomes a value, or nothing: expression, documented examples, validators, context.
 */
#include "classify/detect/gap.h"
#include "classify/detect/internal.h"

#include <ctype.h>
#include <string.h>

#define AGAINST_NEAR 24  /* bytes before a value that wants a context word */
#define LABEL_MAX    16  /* bytes between a sentence and the value it speaks of */
#define TAG_REACH    512 /* a tag is no longer than that */
#define STICKY_BYTES 512 /* context told for one row of a table holds for the next */

enum { STICKY_UNKNOWN = -3, STICKY_NONE, STICKY_PATH }; /* in place of an offset */

/* What one try works on: the bytes of a field around the anchor. */
struct attempt {
	struct detect_stream *s;
	const struct field *f;
	const struct rule *r;
	const uint8_t *p;
	size_t n;
	bool ends;
};

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* Whether a word may begin or end before p[at]: `card` in `card_no` and `creditCard`, not in `discard`. */
static bool is_border(const uint8_t *p, size_t at)
{
	return !is_letter(p[at]) || !is_letter(p[at - 1]) || (isupper(p[at]) && islower(p[at - 1]));
}

/* Words of other scripts are compared as they are. */
static bool begins_at(const uint8_t *p, size_t to, size_t at, const char *word, size_t len)
{
	if (at + len > to || strncasecmp((const char *)p + at, word, len))
		return false;
	return !is_letter((uint8_t)word[0]) || !at || is_border(p, at);
}

/* Short words must end as well. */
static bool word_stands_at(const uint8_t *p, size_t to, size_t at, const char *word, size_t len)
{
	return begins_at(p, to, at, word, len) &&
	       (!is_letter((uint8_t)word[0]) || len > 3 || at + len >= to || is_border(p, at + len));
}

/* The next byte in [at, to) that a word may begin with; eight blanks and digits are passed over at once. */
static size_t next_letter(const uint8_t *p, size_t at, size_t to)
{
	uint64_t w;

	for (; at + sizeof(w) <= to; at += sizeof(w)) {
		memcpy(&w, p + at, sizeof(w));
		if (w & 0xc0c0c0c0c0c0c0c0u)
			break;
	}
	while (at < to && p[at] < '@')
		at++;
	return at;
}

static bool words_within(
        const struct attempt *a, const uint8_t *p, size_t from, size_t to, const struct words *words)
{
	for (size_t at = from; at < to; at++) {
		int low;

		if (!words->low && p[at] < '@' && (at = next_letter(p, at, to)) == to)
			return false;
		low = p[at] | 0x20;
		if (!words->begins[low] || (at && !is_border(p, at)))
			continue;
		a->s->w->stats.words += words->n;
		for (size_t i = 0; i < words->n; i++) {
			const char *word = words->word[i];

			if (((uint8_t)word[0] | 0x20) == low && word_stands_at(p, to, at, word, strlen(word)))
				return true;
		}
	}
	return false;
}

/* A full stop or its like, with a blank behind it. */
static bool ends_sentence(const uint8_t *p, size_t n, size_t at)
{
	return p[at] && strchr(".?!", p[at]) && at + 1 < n && isspace(p[at + 1]);
}

/* The sentence directly before the value is the value's too: `Here is my private key. Value: 0x...`. */
static void narrow_to_sentence(const struct value *v, size_t *from, size_t *to)
{
	size_t start = v->match_start;

	while (start > *from && isspace(v->p[start - 1]))
		start--;
	for (size_t i = start, ends = 0; i > *from; i--) {
		if (!ends_sentence(v->p, v->n, i - 1))
			continue;
		if (ends++ || start - i > LABEL_MAX)
			*from = i;
	}
	for (size_t i = v->end; i < *to; i++)
		if (ends_sentence(v->p, v->n, i))
			*to = i;
}

static void window_of(const struct attempt *a, const struct value *v, size_t *from, size_t *to)
{
	size_t reach = a->r->d->context_window;

	*from = v->match_start > reach ? v->match_start - reach : 0;
	*to = v->end + reach < a->n ? v->end + reach : a->n;
	if (a->r->d->context_sentence)
		narrow_to_sentence(v, from, to);
}

/* Is one of the words in the field's path?  Looked up once for each field. */
static bool path_has_context(const struct attempt *a)
{
	const uint8_t *path = (const uint8_t *)a->s->paths + a->f->path;
	int64_t *sticky = &a->s->sticky[a->r->d->index];

	if (*sticky == STICKY_UNKNOWN)
		*sticky =
		        words_within(a, path, 0, a->f->path_len, &a->r->context) ? STICKY_PATH : STICKY_NONE;
	return *sticky == STICKY_PATH;
}

static bool look_for_context(const struct value *v)
{
	const struct attempt *a = v->arg;
	const struct rule *r = a->r;
	size_t from, to;
	int64_t offset, last;

	if (!r->context.n)
		return false;
	if (path_has_context(a))
		return true;
	window_of(a, v, &from, &to);
	/* the words of the match count (`password: ...`), those of the value do not */
	if (words_within(a, v->p, from, v->start, &r->context) ||
	        words_within(a, v->p, v->end, to, &r->context))
		return true;
	last = a->s->sticky[r->d->index];
	offset = (int64_t)(a->f->begin + v->start) + a->f->delta;
	return last >= 0 && offset - last < STICKY_BYTES;
}

/* By letters and digits alone, however either is separated. */
static bool is_number(const char *number, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i += gap_or_one(p + i, n - i)) {
		if (!isalnum(p[i]))
			continue;
		while (*number && !isalnum((uint8_t)*number))
			number++;
		if (toupper(p[i]) != toupper((uint8_t)*number))
			return false;
		number++;
	}
	return !*number;
}

static bool is_literal(const struct rule *r, const char *literal, const uint8_t *p, size_t n)
{
	if (r->d->form == FORM_ALNUM)
		return is_number(literal, p, n);
	return strlen(literal) == n && !memcmp(literal, p, n);
}

unsigned number_mark(const uint8_t *p, size_t n)
{
	unsigned mark = 0;

	for (size_t i = 0; i < n; i += gap_or_one(p + i, n - i))
		if (isalnum(p[i]))
			mark = mark * 31 + (unsigned)toupper(p[i]);
	return mark % EXCLUDE_MARKS;
}

static bool is_excluded(const struct attempt *a, const struct value *v)
{
	const uint8_t *p = v->p + v->start;
	const struct rule *r = a->r;
	size_t n = v->end - v->start, i = 0;

	for (; i < r->n_exclude && r->exclude[i].x; i++)
		if (expr_search(r->exclude[i].x, p, n, &a->s->w->steps))
			return true;
	if (i == r->n_exclude || (r->d->form == FORM_ALNUM && !r->exclude_marks[number_mark(p, n)]))
		return false;
	for (; i < r->n_exclude; i++)
		if (is_literal(r, r->exclude[i].literal, p, n))
			return true;
	return false;
}

/* Where the tag begins that p[at] stands in; `at`: in none. */
static size_t tag_around(const uint8_t *p, size_t at)
{
	for (size_t i = at; i > 0 && at - i < TAG_REACH; i--) {
		uint8_t c = p[i - 1];

		if (c == '>')
			return at;
		if (c == '<')
			return is_letter(p[i]) || p[i] == '/' || p[i] == '!' || p[i] == '?' ? i - 1 : at;
	}
	return at;
}

/* Whether the word at p[at] is of the name of the element whose text the value is, as XML calls it:
 * <orderNo>...; <article> is HTML's and says nothing. */
static bool names_element(const struct value *v, size_t tag, size_t at)
{
	const char *name = (const char *)v->p + tag + 1;
	size_t len = 0, left = v->start - tag - 1;

	while (len < left && !isspace((uint8_t)name[len]) && name[len] != '>')
		len++;
	if (at >= tag + 1 + len || (len == 7 && !strncasecmp(name, "article", 7)))
		return false;
	while (len < left && name[len] != '>')
		len++;
	while (++len < left && isspace((uint8_t)name[len]))
		;
	return len == left;
}

/* What stands in a tag tells of how the text looks, unless the value stands there as well. */
static bool is_markup(const struct value *v, size_t at)
{
	size_t tag = tag_around(v->p, at);

	if (tag == at || tag == tag_around(v->p, v->start))
		return false;
	return at > v->start || !names_element(v, tag, at);
}

/* A whole word, or its plural, or one that begins so when the rule says `word*`. */
static bool against_stands_at(const struct value *v, size_t to, size_t at, const char *word, size_t len)
{
	bool open = word[len - 1] == '*';
	size_t end;

	len -= open;
	if (!begins_at(v->p, to, at, word, len))
		return false;
	end = at + len;
	if (!open && is_letter((uint8_t)word[0])) {
		if (end < v->n && (v->p[end] | 0x20) == 's')
			end++;
		if (end < v->n && !is_border(v->p, end))
			return false;
	}
	return !is_markup(v, at);
}

static bool against_within(const struct value *v, size_t from, size_t to, const struct detector *d)
{
	for (size_t i = 0; i < d->n_against; i++) {
		const char *word = d->against[i];
		size_t len = strlen(word);

		for (size_t at = from; at < to; at++)
			if ((v->p[at] | 0x20) == ((uint8_t)word[0] | 0x20) &&
			        against_stands_at(v, to, at, word, len))
				return true;
	}
	return false;
}

/* Where the context word begins that stands nearest before the value; `from`: none does. */
static size_t nearest_context(const struct attempt *a, const struct value *v, size_t from)
{
	for (size_t at = v->start; at > from; at--)
		if (words_within(a, v->p, at - 1, v->start, &a->r->context))
			return at - 1;
	return from;
}

static bool speaks_against(const struct attempt *a, const struct value *v)
{
	const struct detector *d = a->r->d;
	size_t from, to;

	if (!d->n_against)
		return false;
	window_of(a, v, &from, &to);
	if (d->context_required) { /* a context word is there: what stands nearest decides */
		from = v->start > from + AGAINST_NEAR ? v->start - AGAINST_NEAR : from;
		return against_within(v, nearest_context(a, v, from), v->start, d);
	}
	if (v->end + 16 < to)
		to = v->end + 16;
	return against_within(v, from, v->start, d) || against_within(v, v->end, to, d);
}

/* Header fields, the query and the path, by their paths; a body's member of that name is rare. */
static bool in_head(const struct attempt *a)
{
	static const char *const heads[] = {"header.", "trailer.", "query."};
	const char *path = a->s->paths + a->f->path;

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		size_t n = strlen(heads[i]);

		if (a->f->path_len > n && !memcmp(path, heads[i], n))
			return true;
	}
	return a->f->path_len >= 4 && !memcmp(path, "path", 4) && (a->f->path_len == 4 || path[4] == '(');
}

/* Whether the value passes all checks; *sure when one of them cannot pass by chance. */
static bool passes(const struct attempt *a, struct value *v, bool *sure)
{
	const struct detector *d = a->r->d;

	for (size_t i = 0; i < a->r->n_checks; i++) {
		enum verdict_of_value got = a->r->checks[i](v);

		if (got == VALUE_NO)
			return false;
		*sure |= got == VALUE_SURE;
	}
	if (d->entropy > 0 && value_entropy(v->p + v->start, v->end - v->start) < d->entropy)
		return false;
	if (d->context_required && !value_context(v))
		return false;
	return !d->n_against || (value_context(v) && !d->context_required) || !speaks_against(a, v);
}

static bool take(const struct attempt *a, const struct expr_hit *hit)
{
	const struct detector *d = a->r->d;
	struct value v = {.p = a->p,
	        .n = a->n,
	        .match_start = hit->start,
	        .match_end = hit->end,
	        .start = hit->value_start,
	        .end = hit->value_end,
	        .ends = a->ends,
	        .context = -1,
	        .look = look_for_context,
	        .arg = a};
	bool sure = false;
	uint8_t confidence;

	if (v.end <= v.start || (int64_t)(a->f->begin + v.start) + a->f->delta < 0)
		return false;
	if ((a->f->border && d->priority < PARTS_PRIORITY) || (d->body_only && in_head(a)))
		return false;
	if (is_excluded(a, &v)) {
		finding_exclude(a->s, a->f, a->r, &v);
		return false;
	}
	if (!passes(a, &v, &sure) || v.end <= v.start)
		return false;
	if (v.end - v.start > DETECT_VALUE_MAX) /* keys of 3072 bits and more, tokens with many claims */
		v.end = v.start + DETECT_VALUE_MAX;
	if (a->f->border && !parts_crossed(a->f, &v))
		return false;
	confidence = value_context(&v) ? d->confidence_context : d->confidence;
	if (sure && confidence < 99)
		confidence = 99;
	if (v.context && a->s->sticky[d->index] != STICKY_PATH)
		a->s->sticky[d->index] = (int64_t)(a->f->begin + v.end) + a->f->delta;
	finding_accept(a->s, a->f, a->r, &v, confidence);
	return true;
}

/* A match of this detector already covers the anchor: `password` twice in one value. */
static bool is_covered(const struct attempt *a, size_t at)
{
	int64_t offset = (int64_t)(a->f->begin + at) + a->f->delta;

	for (unsigned i = 0; i < a->s->n_hits; i++) {
		const struct hit *h = &a->s->hits[i];

		if (h->rule == a->r->d->index && h->field == a->f->number && h->start < offset &&
		        offset <= h->end)
			return true;
	}
	return false;
}

/* Matches that hold the anchor [begin, end), from as far before it as the detector says. */
static void try_anchor(struct attempt *a, const struct rule *r, size_t begin, size_t end)
{
	size_t from = end > r->d->window ? end - r->d->window : 0, last = end;
	struct expr_hit hit;

	if (!r->d->window) {
		from = begin;
		last = begin + 1;
	}

	a->r = r;
	if (is_covered(a, end))
		return;
	for (size_t i = 0; i < r->n_x; i++)
		for (size_t at = from; at < last; at++)
			if (expr_match_at(r->x[i], a->p, a->n, at, &a->s->w->steps, &hit) && hit.end >= end &&
			        take(a, &hit))
				return;
}

/* Does a match of the rule begin at `at` and reach over `start`? */
static bool try_at(const struct attempt *a, size_t at, size_t start, struct expr_hit *hit)
{
	a->s->w->stats.tries += a->r->n_x;
	for (size_t x = 0; x < a->r->n_x; x++)
		if (expr_match_at(a->r->x[x], a->p, a->n, at, &a->s->w->steps, hit) && hit->end > start &&
		        take(a, hit))
			return true;
	return false;
}

static bool within_digits(const uint8_t *p, size_t at)
{
	return at && (uint8_t)(p[at] - '0') < 10 && (uint8_t)(p[at - 1] - '0') < 10;
}

/* Detectors that want no more digits than the run has, as bits. */
static uint64_t rules_for(const struct detect_engine *en, const struct run *run, size_t *lead)
{
	uint64_t rules = 0;

	*lead = 0;
	for (unsigned i = 0; en->digit_rules[i]; i++) {
		const struct detector *d = en->digit_rules[i]->d;

		if (run->digits < d->digits_min)
			continue;
		rules |= 1ull << i;
		*lead = d->window > *lead ? d->window : *lead;
	}
	return rules;
}

/* A number may begin at any group of the run, with a few bytes before it: letters, +, (.  No place is tried
 * twice, and none within a group: tables of numbers are nothing but groups. */
static void try_digits(struct attempt *a, const struct run *run)
{
	const struct detect_engine *en = a->s->w->en;
	size_t behind[DIGIT_RULES_MAX] = {0}, lead, at;
	uint64_t rules = rules_for(en, run, &lead);
	struct expr_hit hit;

	at = run->start[0] > lead ? run->start[0] - lead : 0;
	for (unsigned g = 0; g < run->groups; g++) {
		for (size_t start = run->start[g]; at <= start; at++) {
			uint64_t may = rules & en->digit_begins[a->p[at]];

			if (within_digits(a->p, at))
				continue;
			for (; may; may &= may - 1) {
				unsigned i = (unsigned)__builtin_ctzll(may);

				a->r = en->digit_rules[i];
				if (at + a->r->d->window >= start && at >= behind[i] &&
				        try_at(a, at, start, &hit))
					behind[i] = hit.end;
			}
		}
	}
}

void resolve_place(
        struct detect_stream *s, const struct field *f, size_t end, bool ends, const struct place *place)
{
	const struct detect_engine *en = s->w->en;
	size_t at = place->at - f->begin, begin = place->from > f->begin ? place->from - f->begin : 0;
	struct attempt a = {.s = s, .f = f, .p = s->buf + f->begin, .n = end - f->begin, .ends = ends};
	size_t spared;
	struct run run;

	if (!s->w->steps) {
		s->w->stats.refused++;
		return;
	}
	spared = s->w->steps > DETECT_PLACE_STEPS ? s->w->steps - DETECT_PLACE_STEPS : 0;
	s->w->steps -= spared;
	if (a.n > at + DETECT_AHEAD) {
		a.n = at + DETECT_AHEAD;
		a.ends = false;
	}
	if (s->sticky_field != f->number) {
		for (size_t i = 0; i < en->n_rules; i++)
			s->sticky[i] = STICKY_UNKNOWN;
		s->sticky_field = f->number;
	}
	if (place->rule == PLACE_DIGITS) {
		scan_run(a.p, a.n, at - 1, &run);
		try_digits(&a, &run);
	} else if (place->rule == PLACE_RUN) {
		for (const struct rule *const *r = en->run_rules; *r; r++)
			try_anchor(&a, *r, begin, at);
	} else if (place->rule == PLACE_AT) {
		for (const struct rule *const *r = en->at_rules; *r; r++)
			try_anchor(&a, *r, begin, at);
	} else {
		try_anchor(&a, &en->rules[place->rule], begin, at);
	}
	s->w->steps += spared;
}
