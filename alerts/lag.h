/* lag.h - when records became durable, by samples: so that the age of the oldest one that waits can be told
 * without reading the log.  A pure structure; one thread's own.
 *
 * A sample says that all records up to an index were there at a time.  When there is no room for more, every
 * second one goes, and the next ones stand as far apart: the answer is exact to the distance of the samples,
 * later to one in LAG_SAMPLES / 4 of the time they cover, and never says more than the truth. */
#ifndef ALERTS_LAG_H
#define ALERTS_LAG_H

#include <stddef.h>
#include <stdint.h>

#define LAG_SAMPLES 256u

struct lag_book {
	size_t n;
	int64_t apart_ns; /* the newest gives way to one that comes sooner behind the one before it */
	struct {
		uint64_t index;
		int64_t at_ns;
	} sample[LAG_SAMPLES]; /* by rising index and time */
};

/* All records up to `index` were durable at that time (any clock that does not go back).  Samples may come
 * late; one that is known says nothing new. */
void lag_note(struct lag_book *b, uint64_t index, int64_t at_ns);
/* Nobody waits for records up to `index` any more. */
void lag_forget(struct lag_book *b, uint64_t index);
/* For how long the record behind `taken` has been waiting, 0 when there is none. */
int64_t lag_ns(const struct lag_book *b, uint64_t taken, int64_t now_ns);

#endif
