/* lag.c - see lag.h. */
#include "alerts/lag.h"

#include <string.h>

static void thin_out(struct lag_book *b)
{
	size_t kept = 0;

	/* the newest stays: it is the only one that knows of the newest records */
	for (size_t i = (b->n + 1) % 2; i < b->n; i += 2)
		b->sample[kept++] = b->sample[i];
	b->apart_ns = 2 * (b->sample[kept - 1].at_ns - b->sample[0].at_ns) / (int64_t)LAG_SAMPLES;
	b->n = kept;
}

void lag_note(struct lag_book *b, uint64_t index, int64_t at_ns)
{
	size_t at;

	if (b->n == LAG_SAMPLES)
		thin_out(b);
	at = b->n;
	while (at && b->sample[at - 1].index >= index)
		at--;
	if (at < b->n && b->sample[at].index == index)
		return;
	if (at == b->n && at > 1 && at_ns - b->sample[at - 2].at_ns < b->apart_ns) {
		b->sample[at - 1].index = index;
		b->sample[at - 1].at_ns = at_ns;
		return;
	}
	memmove(b->sample + at + 1, b->sample + at, (b->n - at) * sizeof(*b->sample));
	b->sample[at].index = index;
	b->sample[at].at_ns = at_ns;
	b->n++;
}

void lag_forget(struct lag_book *b, uint64_t index)
{
	size_t gone = 0;

	while (gone < b->n && b->sample[gone].index <= index)
		gone++;
	b->n -= gone;
	if (b->n < LAG_SAMPLES / 4)
		b->apart_ns = 0;
	memmove(b->sample, b->sample + gone, b->n * sizeof(*b->sample));
}

int64_t lag_ns(const struct lag_book *b, uint64_t taken, int64_t now_ns)
{
	for (size_t i = 0; i < b->n; i++)
		if (b->sample[i].index > taken)
			return now_ns > b->sample[i].at_ns ? now_ns - b->sample[i].at_ns : 0;
	return 0;
}
