/* fuzz_content.h - a text sink that insists on the order of calls; what the fuzz programs of readers share.
 */
#ifndef TESTS_FUZZ_FUZZ_CONTENT_H
#define TESTS_FUZZ_FUZZ_CONTENT_H

#include "base/hash.h"
#include "classify/content/content.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct heard {
	bool open;
	uint64_t offset, fields, hash; /* hash: over everything told, wherever the pieces were cut */
	XXH3_state_t *h;
};

static inline void need(bool ok)
{
	if (!ok)
		abort();
}

static inline void heard_field(void *arg, const char *path, size_t n, const char *key, size_t key_len)
{
	struct heard *h = arg;

	need(!h->open && n <= CONTENT_PATH_MAX && key_len <= n);
	need(!key_len || (key >= path && key + key_len <= path + n));
	h->open = true;
	h->offset = 0;
	h->fields++;
	XXH3_64bits_update(h->h, path, n);
	XXH3_64bits_update(h->h, "\1", 1);
}

static inline void heard_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct heard *h = arg;

	need(h->open && n && offset == h->offset);
	h->offset += n;
	XXH3_64bits_update(h->h, p, n);
}

static inline void heard_end(void *arg, bool whole)
{
	struct heard *h = arg;

	need(h->open && h->offset);
	h->open = false;
	XXH3_64bits_update(h->h, whole ? "\2" : "\3", 1);
}

/* Reads a body in pieces of `step` bytes, with a gap before the byte `gap_at` (0: none). */
static inline uint64_t heard_body(
        const struct message *m, const uint8_t *p, size_t n, size_t step, size_t gap_at)
{
	static struct content_pool *pool;
	static const struct content_limits l = {.body_limit = 1 << 20, .inflate_ratio = 100, .depth = 40};
	static XXH3_state_t *state;
	struct heard h = {0};
	const struct text_sink out = {&h, heard_field, heard_text, heard_end, NULL};
	struct content *c;

	if (!pool) {
		pool = content_pool_create(1, &l);
		state = XXH3_createState();
	}
	h.h = state;
	XXH3_64bits_reset(state);
	c = content_open(pool, m, &out);
	need(c);
	for (size_t at = 0; at < n;) {
		size_t len = step < n - at ? step : n - at;
		uint8_t *copy;

		if (gap_at && at < gap_at && at + len >= gap_at) {
			len = gap_at - at;
			copy = malloc(len);
			memcpy(copy, p + at, len);
			content_feed(c, copy, len);
			content_gap(c, 7);
		} else {
			copy = malloc(len);
			memcpy(copy, p + at, len);
			content_feed(c, copy, len);
		}
		free(copy);
		at += len;
	}
	content_close(c, NULL);
	need(!h.open);
	return XXH3_64bits_digest(state);
}

/* The same in one piece and three bytes at a time; with a gap it only has to be read. */
static inline int heard_ways(const struct message *m, const uint8_t *p, size_t n)
{
	if (!n)
		return 0;
	need(heard_body(m, p, n, n, 0) == heard_body(m, p, n, 3, 0));
	heard_body(m, p, n, 5, n / 2);
	return 0;
}

#endif
