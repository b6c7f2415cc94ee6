/* text_read.c - text without a structure of its own: one field, and what it holds (text_scan.h). */
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

struct text_reader {
	const struct prefix *in;
	struct text_scan scan;
};

static bool text_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct text_reader *x = state;

	(void)hint;
	x->in = in;
	emit_plain(nest_emit(t), in);
	scan_begin(&x->scan, true);
	return true;
}

static void text_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct text_reader *x = state;

	scan_text(&x->scan, t, p, n);
}

static void text_gap(void *state, struct nest *t, uint64_t n)
{
	struct text_reader *x = state;

	(void)n;
	scan_end(&x->scan, t, false);
	emit_plain(nest_emit(t), x->in);
	scan_begin(&x->scan, false);
}

static void text_end(void *state, struct nest *t)
{
	struct text_reader *x = state;

	scan_end(&x->scan, t, true);
}

const struct reader_ops text_ops = {
        "text", sizeof(struct text_reader), true, NULL, text_open, text_feed, text_gap, text_end};
