/* health.h - how the alerts side is: queues, log, outputs.  For the control thread alone; reads counters that
 * the others write without a lock; the log's lock is held for moments. */
#ifndef ALERTS_HEALTH_H
#define ALERTS_HEALTH_H

#include "alerts/alerts.h"

#define ALERTS_QUEUES_MAX 65 /* of 64 workers, and the control side's, which is the last */

struct queue_state {
	uint64_t waiting, limit; /* records */
	uint64_t most;           /* that waited at once since the last time it was asked */
	unsigned fullness;       /* then, in thousandths of records or bytes */
	uint64_t lost;           /* refused so far */
	uint64_t taken;          /* by the writer so far */
};

struct output_state {
	const char *name; /* without user and password; lives as long as the alerts side */
	bool connected;
	const char *trouble; /* what it was that last failed, one word; "": nothing yet */
	uint64_t delivered, lost;
	uint64_t waiting; /* in the log */
	uint64_t gone;    /* from the log, before this server had got them */
	int64_t lag_ms;   /* how long the oldest record that waits has done so, to the second */
};

struct alerts_state {
	unsigned n_queues;
	struct queue_state queue[ALERTS_QUEUES_MAX];
	bool keeps_log, log_failing;
	int64_t log_failing_ms;
	uint64_t log_bytes, log_limit, log_first, log_last;
	uint64_t log_untaken; /* of the records kept, those that some server has yet to get */
	uint64_t log_gone;    /* of those no more kept, what some server had yet to get */
	size_t n_outputs;
	struct output_state output[ALERTS_OUTPUTS_MAX];
	struct alerts_stats stats;
};

/* To be called every second or so: remembers when the log was how long. */
void alerts_look(struct alerts *a);
/* As it is now; begins a new interval for `most`. */
void alerts_state(struct alerts *a, struct alerts_state *out);
/* The log's part of that alone, and no new interval: cheap. */
void alerts_log_state(struct alerts *a, struct alerts_state *out);

#endif
