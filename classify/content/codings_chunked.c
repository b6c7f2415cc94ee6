/* codings_chunked.c - aws-chunked: SIZE[;chunk-signature=...] CR LF, data, CR LF; a chunk of size 0 is the
 * last, and header fields with checksums may follow it.  (AWS Signature Version 4, "Transferring payload in
 * multiple chunks"; the same framing as RFC 9112 7.1.) */
#include "classify/content/codings_internal.h"

enum { SIZE, EXTENSION, DATA, DATA_CR, DATA_LF };

static int begins(struct coding *c)
{
	size_t digits = 0;

	while (digits < c->n_held && hex_digit((char)c->held[digits]) >= 0)
		digits++;
	if (!digits || digits > 16 || digits == c->n_held)
		return 0;
	c->left = 0;
	c->chunk = SIZE;
	return c->held[digits] == ';' || c->held[digits] == '\r';
}

static unsigned framing(struct coding *c, uint8_t b)
{
	int digit = hex_digit((char)b);

	switch (c->chunk) {
	case SIZE:
		if (digit >= 0) {
			if (c->left >> 60)
				return CONTENT_BROKEN;
			c->left = c->left << 4 | (uint64_t)digit;
		} else if (b == ';' || b == '\r') {
			c->chunk = EXTENSION;
		} else {
			return CONTENT_BROKEN;
		}
		return 0;
	case EXTENSION:
		if (b == '\n') {
			c->chunk = DATA;
			if (!c->left)
				c->phase = CODING_AFTER;
		}
		return 0;
	case DATA_CR:
		c->chunk = DATA_LF;
		return b == '\r' ? 0 : CONTENT_BROKEN;
	default:
		c->chunk = SIZE;
		return b == '\n' ? 0 : CONTENT_BROKEN;
	}
}

static unsigned run(struct coding *c, const uint8_t **p, size_t *n, bytes_out out, void *arg)
{
	unsigned why = 0;

	while (*n && !why && c->phase == CODING_RUN) {
		size_t some = 1;

		if (c->chunk == DATA) {
			some = c->left < *n ? (size_t)c->left : *n;
			c->left -= some;
			c->in += some;
			if (!c->left)
				c->chunk = DATA_CR;
			why = coding_give(c, *p, some, out, arg);
		} else {
			why = framing(c, **p);
		}
		*p += some;
		*n -= some;
	}
	return why;
}

/* Fields behind the last chunk: checksums and a signature. */
static unsigned after(struct coding *c, const uint8_t **p, size_t *n)
{
	(void)c;
	*p += *n;
	*n = 0;
	return 0;
}

bool coding_chunk_skip(struct coding *c, uint64_t n)
{
	if (c->phase != CODING_RUN || c->chunk != DATA || !n || n > c->left)
		return false;
	c->left -= n;
	if (!c->left)
		c->chunk = DATA_CR;
	return true;
}

const struct coding_format format_aws_chunked = {begins, run, after, NULL};
