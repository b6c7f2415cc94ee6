/* text_read.c - text without a structure of its own. */
#include "classify/content/reader.h"

struct text_reader {
	const struct prefix *in;
};

static bool text_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct text_reader *x = state;

	(void)hint;
	x->in = in;
	emit_plain(nest_emit(t), in);
	return true;
}

static void text_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	(void)state;
	emit_text(nest_emit(t), p, n);
}

static void text_gap(void *state, struct nest *t, uint64_t n)
{
	struct text_reader *x = state;

	(void)n;
	emit_end(nest_emit(t), false);
	emit_plain(nest_emit(t), x->in);
}

static void text_end(void *state, struct nest *t)
{
	(void)state;
	emit_end(nest_emit(t), true);
}

const struct reader_ops text_ops = {
        "text", sizeof(struct text_reader), true, NULL, text_open, text_feed, text_gap, text_end};
