/* codings_brotli.c - br (RFC 7932) by libbrotlidec, whose output is handed on from its own ring buffer. */
#include "classify/content/codings_internal.h"

#include <brotli/decode.h>

/* Bytes read before their output is asked for: what the library holds when a fault shows is lost. */
#define SLICE_IN 1024

static void clear(struct coding *c)
{
	if (c->decoder)
		BrotliDecoderDestroyInstance(c->decoder);
	c->decoder = NULL;
}

/* decode.h: -21 to -30 are faults of allocation */
static bool no_memory(const BrotliDecoderState *d)
{
	int e = (int)BrotliDecoderGetErrorCode(d);

	return e <= -21 && e >= -30;
}

/* What the held bytes give stays in the library until run() asks for it.  That text decodes to something is
 * chance, but for a body that ends just there. */
static int begins(struct coding *c)
{
	BrotliDecoderState *d = BrotliDecoderCreateInstance(coding_take, coding_give_back, c->memory);
	const uint8_t *p = c->held;
	size_t n = c->n_held, none = 0;

	c->decoder = d;
	if (!d)
		return -1;
	switch (BrotliDecoderDecompressStream(d, &n, &p, &none, NULL, NULL)) {
	case BROTLI_DECODER_RESULT_ERROR:
		return no_memory(d) ? -1 : 0;
	case BROTLI_DECODER_RESULT_SUCCESS:
		if (n)
			return 0;
		break;
	default:
		if (coding_held_is_text(c))
			return 0;
	}
	clear(c);
	c->decoder = BrotliDecoderCreateInstance(coding_take, coding_give_back, c->memory);
	return c->decoder ? 1 : -1;
}

static unsigned run(struct coding *c, const uint8_t **p, size_t *n, bytes_out out, void *arg)
{
	BrotliDecoderState *d = c->decoder;

	for (;;) {
		size_t some = *n < SLICE_IN ? *n : SLICE_IN, left = some, none = 0;
		BrotliDecoderResult r = BrotliDecoderDecompressStream(d, &left, p, &none, NULL, NULL);

		c->in += some - left;
		*n -= some - left;
		while (BrotliDecoderHasMoreOutput(d)) {
			size_t got = CODING_OUT;
			const uint8_t *text = BrotliDecoderTakeOutput(d, &got);
			unsigned why = coding_give(c, text, got, out, arg);

			if (why)
				return why;
		}
		switch (r) {
		case BROTLI_DECODER_RESULT_ERROR:
			return no_memory(d) ? CONTENT_LIMIT : CONTENT_BROKEN;
		case BROTLI_DECODER_RESULT_SUCCESS:
			c->phase = CODING_AFTER;
			return 0;
		case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
			if (!*n)
				return 0;
			break;
		default: /* there is room again */
			break;
		}
	}
}

const struct coding_format format_brotli = {begins, run, NULL, clear};
