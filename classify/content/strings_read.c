/* strings_read.c - bytes of no format that is known: runs of text among them are fields, as strings(1) prints
 * them.  For what is left of a structure when its order is lost. */
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

struct strings_reader {
	const struct prefix *in;
	uint8_t more; /* bytes that the UTF-8 sequence still wants */
	uint8_t n;    /* bytes of a run that is yet too short */
	bool open;    /* the run is told */
	struct text_scan scan;
	uint8_t run[STRINGS_RUN_MIN];
};

static bool strings_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct strings_reader *s = state;

	(void)t;
	(void)hint;
	s->in = in;
	return true;
}

static void run_end(struct strings_reader *s, struct nest *t, bool whole)
{
	if (s->open)
		scan_end(&s->scan, t, whole);
	s->open = false;
	s->n = s->more = 0;
}

/* May c stand in a run?  Sequences are judged by their first byte alone: a run's text is not validated. */
static bool is_text(struct strings_reader *s, uint8_t c)
{
	if (s->more) {
		s->more--;
		return true;
	}
	s->more = c < 0xc2 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 0;
	return s->more || (c >= ' ' && c < 0x7f) || (c >= '\t' && c <= '\r');
}

static void strings_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct strings_reader *s = state;
	struct emit *e = nest_emit(t);

	for (size_t i = 0; i < n; i++) {
		if (s->more && (p[i] & 0xc0) != 0x80)
			run_end(s, t, true);
		if (!is_text(s, p[i])) {
			run_end(s, t, true);
		} else if (s->open) {
			scan_text(&s->scan, t, p + i, 1);
		} else {
			s->run[s->n++] = p[i];
			if (s->n < sizeof(s->run))
				continue;
			emit_plain(e, s->in);
			scan_begin(&s->scan, true);
			scan_text(&s->scan, t, s->run, s->n);
			s->open = true;
		}
	}
}

static void strings_gap(void *state, struct nest *t, uint64_t n)
{
	(void)n;
	run_end(state, t, false);
}

static void strings_end(void *state, struct nest *t)
{
	run_end(state, t, true);
}

const struct reader_ops strings_ops = {"strings", sizeof(struct strings_reader), false, NULL, strings_open,
        strings_feed, strings_gap, strings_end};
