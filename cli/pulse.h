/* pulse.h - what a running worker tells of itself: its counters, copied a few times a second into words that
 * any thread may read, without a lock.  Words of one reading may be of different moments. */
#ifndef CLI_PULSE_H
#define CLI_PULSE_H

#include "cli/worker.h"

struct worker_pulse {
	struct worker_stats stats; /* .source is that of all sources together */
	struct source_stats source[WORKER_SOURCES_MAX];
	uint64_t failed; /* sources that ended with an error, a bit for each */
	uint64_t at_ns;  /* monotonic clock; 0: none yet */
};

/* From the worker's thread; does nothing when the last one is younger than PULSE_EVERY_NS and `now` is not
 * set. */
#define PULSE_EVERY_NS (250 * NS_PER_MS)
void pulse_tell(struct worker *w, int64_t now_ns, bool now);
void pulse_read(const struct worker *w, struct worker_pulse *out);

#endif
