/* fuzz_codings.c - codings: the first byte picks the label, the second the pieces.  In one piece and in many
 * the same bytes must come out, for the same reason, and all memory must come back. */
#include "base/hash.h"
#include "classify/content/codings.h"
#include "classify/content/content.h"

#include <stdlib.h>
#include <string.h>

#define MOST (8u << 20) /* more is not wanted */

struct got {
	XXH3_state_t *hash;
	size_t n;
};

static struct coding_memory *memory;

static void need(bool ok)
{
	if (!ok)
		abort();
}

static bool take(void *arg, const uint8_t *p, size_t n)
{
	struct got *g = arg;

	need(n > 0 && n <= (size_t)1 << 30);
	n = n < MOST - g->n ? n : MOST - g->n;
	XXH3_64bits_update(g->hash, p, n);
	g->n += n;
	return g->n < MOST;
}

static unsigned undo(
        struct got *g, enum coding_kind kind, unsigned ratio, const uint8_t *p, size_t n, size_t step)
{
	struct coding c;
	unsigned why = 0;

	g->n = 0;
	XXH3_64bits_reset(g->hash);
	coding_init(&c, kind, ratio, memory);
	for (size_t at = 0; at < n && !why; at += step) {
		size_t some = step < n - at ? step : n - at;
		uint8_t *copy = malloc(some);

		memcpy(copy, p + at, some);
		why = coding_feed(&c, copy, some, take, g);
		free(copy);
	}
	if (!why)
		why = coding_end(&c, take, g);
	coding_clear(&c);
	need(!coding_memory_used(memory));
	return why;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct got whole, pieces;
	enum coding_kind kind;
	unsigned a, b;

	if (!memory) {
		memory = coding_memory_create(64u << 20);
		whole.hash = XXH3_createState();
		pieces.hash = XXH3_createState();
	}
	if (n < 2)
		return 0;
	kind = (enum coding_kind)(CODING_GZIP + p[0] % CODING_UNKNOWN);
	a = undo(&whole, kind, 0, p + 2, n - 2, n);
	b = undo(&pieces, kind, 0, p + 2, n - 2, 1 + p[1]);
	/* brotli gives nothing of the bytes before a fault that it was handed with them */
	if (a == 0 || kind != CODING_BROTLI)
		need(a == b && whole.n == pieces.n &&
		        XXH3_64bits_digest(whole.hash) == XXH3_64bits_digest(pieces.hash));
	a = undo(&whole, kind, 100, p + 2, n - 2, 1 + p[1]);
	need(whole.n <= CODING_FREE + 100 * n + CODING_OUT || a & CONTENT_LIMIT);
	return 0;
}
