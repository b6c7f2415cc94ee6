/* codings_zstd.c - zstd (RFC 8878) by libzstd: frames one behind the other, skippable ones among them.
 *
 * Of the library's static interface only the constructor with own memory is used, which is the same in all
 * versions since 1.0.  Debian builds it with the formats from before 1.0, which take memory elsewhere: a
 * frame's mark is looked at here before the library sees it. */
#define ZSTD_STATIC_LINKING_ONLY
#include "classify/content/codings_internal.h"

#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#define BLOCK_HEADER 3

static void clear(struct coding *c)
{
	if (c->decoder)
		ZSTD_freeDCtx(c->decoder);
	c->decoder = NULL;
}

static int begins(struct coding *c)
{
	ZSTD_customMem memory = {coding_take, coding_give_back, c->memory};

	if (coding_by_magic(c->held, c->n_held) != CODING_ZSTD)
		return 0;
	c->decoder = ZSTD_createDCtx_advanced(memory);
	if (!c->decoder)
		return -1;
	ZSTD_DCtx_setParameter(c->decoder, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG);
	c->left = CODING_MAGIC;
	return 1;
}

static unsigned reason(size_t r)
{
	switch (ZSTD_getErrorCode(r)) {
	case ZSTD_error_memory_allocation:
	case ZSTD_error_frameParameter_windowTooLarge:
		return CONTENT_LIMIT;
	case ZSTD_error_dictionary_wrong: /* RFC 9842's dictionaries are not in the body */
	case ZSTD_error_frameParameter_unsupported:
		return CONTENT_UNSUPPORTED;
	default:
		return CONTENT_BROKEN;
	}
}

/* The library asks for a block together with the header of the next (c->left).  It is given the block alone:
 * that is read where it stands, and what came of it is out before the next may be found at fault. */
static size_t portion(const struct coding *c, size_t n)
{
	uint64_t want = c->left > BLOCK_HEADER ? c->left - BLOCK_HEADER : c->left;

	return want < n ? (size_t)want : n;
}

static unsigned run(struct coding *c, const uint8_t **p, size_t *n, bytes_out out, void *arg)
{
	uint8_t buf[CODING_OUT];
	ZSTD_inBuffer in = {*p, 0, 0};
	ZSTD_outBuffer text = {buf, sizeof(buf), 0};
	unsigned why = 0;
	size_t r;

	do {
		size_t before = in.pos;

		/* what did not fit is fetched first */
		if (in.pos == in.size && text.pos < text.size)
			in.size += portion(c, *n - in.pos);
		text.pos = 0;
		r = ZSTD_decompressStream(c->decoder, &text, &in);
		if (ZSTD_isError(r)) {
			*p += in.pos;
			*n -= in.pos;
			return reason(r);
		}
		c->in += in.pos - before;
		c->left = r;
		why = coding_give(c, buf, text.pos, out, arg);
	} while (!why && r && (in.pos < *n || text.pos == text.size));
	*p += in.pos;
	*n -= in.pos;
	if (!r) {
		c->phase = CODING_AFTER;
		c->n_held = 0;
	}
	return why;
}

static unsigned after(struct coding *c, const uint8_t **p, size_t *n)
{
	const uint8_t *magic = c->held;
	size_t some = CODING_MAGIC;
	int r = coding_again(c, CODING_ZSTD, p, n);

	if (r <= 0)
		return r ? CONTENT_BROKEN : 0;
	c->left = some;
	return run(c, &magic, &some, NULL, NULL);
}

const struct coding_format format_zstd = {begins, run, after, clear};
