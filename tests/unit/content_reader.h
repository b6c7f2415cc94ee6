/* content_reader.h - what tests of readers share: the pool, bodies cut and damaged at every byte, bodies with
 * a gap, and bodies too large to be written down. */
#ifndef TESTS_UNIT_CONTENT_READER_H
#define TESTS_UNIT_CONTENT_READER_H

#include "tests/unit/content_record.h"

static struct content_pool *pool;

static inline int reader_setup(void **state)
{
	(void)state;
	pool = record_pool();
	return pool ? 0 : -1;
}

static inline int reader_teardown(void **state)
{
	(void)state;
	content_pool_destroy(pool);
	return 0;
}

/* The same fields in one piece and in pieces of `step` bytes. */
static inline void reader_same(
        struct record *a, struct record *b, const char *type, const void *body, size_t n, size_t step)
{
	record_body(pool, a, type, "", body, n, 0, n ? n : 1);
	record_body(pool, b, type, "", body, n, 0, step);
	assert_string_equal(a->text, b->text);
}

/* Every prefix of a body and every bit of it turned over: nothing upsets the reader, and how it comes in
 * pieces makes no difference.  Of the bits, one in `every` is read in pieces too. */
static inline void reader_damaged(const char *type, const void *body, size_t n, unsigned every)
{
	struct record *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	uint8_t *copy = malloc(n);

	for (size_t k = 0; k <= n; k++)
		reader_same(a, b, type, body, k, 1 + k % 7);
	memcpy(copy, body, n);
	for (size_t bit = 0; bit < n * 8; bit++) {
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (bit % every == 0)
			reader_same(a, b, type, copy, n, 1 + bit % 11);
		else
			record_body(pool, a, type, "", copy, n, 0, n);
		copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	free(copy);
	free(a);
	free(b);
}

/* Two pieces with `lost` bytes missing between them (0: nobody knows how many); what was skipped says so. */
static inline void reader_gap(struct record *r, const char *type, const void *before, size_t n, uint64_t lost,
        const void *behind, size_t n_behind)
{
	struct text_sink out = record_sink(r);
	struct message m = {.content_type = slice_of(type, strlen(type))};
	struct content *c = content_open(pool, &m, &out);

	content_feed(c, before, n);
	content_gap(c, lost);
	content_feed(c, behind, n_behind);
	r->skip = content_close(c, &r->decoded);
	assert_true(r->skip & CONTENT_GAP);
	assert_false(r->open);
}

/* Counts what is told of a body that is too large to be written down. */
struct sum {
	uint64_t text, fields, decoded;
	const char *look; /* NULL: for nothing */
	bool found;
};

static inline void sum_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct sum *s = arg;

	(void)offset;
	s->text += n;
	s->found = s->found || (s->look && memmem(p, n, s->look, strlen(s->look)));
}

static inline void sum_field(void *arg, const char *path, size_t n, const char *key, size_t key_len)
{
	(void)path;
	(void)n;
	(void)key;
	(void)key_len;
	((struct sum *)arg)->fields++;
}

/* Keeps what to look for, counts anew. */
static inline unsigned sum_body(struct content_pool *from, const void *body, size_t n, struct sum *s)
{
	struct text_sink out = {.arg = s, .field = sum_field, .text = sum_text};
	struct message m = {0};
	struct content *c = content_open(from, &m, &out);

	*s = (struct sum){.look = s->look};
	for (size_t at = 0; at < n; at += 60000)
		content_feed(c, (const uint8_t *)body + at, n - at < 60000 ? n - at : 60000);
	return content_close(c, &s->decoded);
}

#endif
