/* alerts.h - everything behind the workers: queues, numbering, repeats, outputs.
 *
 * A worker turns each event into a record's JSON on its own thread (masking needs its detectors) and offers it
 * to its own bounded single-producer queue; one writer thread numbers the records, folds repeats into updates
 * and writes every output.  Capture never waits: what does not fit is counted as lost. */
#ifndef ALERTS_ALERTS_H
#define ALERTS_ALERTS_H

#include "base/err.h"
#include "classify/found.h"
#include "config/settings.h"

struct alerts;

struct alerts_options {
	const char *const *outputs; /* "-", "file:PATH", Redis URLs */
	size_t n_outputs;
	bool flows;          /* flow records too */
	bool replay;         /* sensor name gets "-replay" */
	unsigned workers;
};

struct alerts_stats {
	uint64_t made[3];      /* by enum event_type: numbered records */
	uint64_t made_all;     /* alerts + flows + sensor + updates */
	uint64_t delivered, waiting;
	uint64_t lost_queue;   /* worker's queue was full */
	uint64_t lost_pending; /* the Redis memory queue was full */
	uint64_t lost_output;  /* an output failed for good (disk full, closed pipe) */
	uint64_t lost_stop;    /* still waiting when the program had to end */
	uint64_t updates, folded;
	uint64_t by_kind[ALERT_KINDS];
};

/* Opens every output (a file that cannot be opened is an error; Redis may be away). */
struct alerts *alerts_start(const struct settings *s, const struct alerts_options *o, struct err *e);
/* The teller of worker i; `mask` is that worker's detector scratch for masking strings. */
struct teller alerts_teller(struct alerts *a, unsigned worker);
/* Sensor events from the control side; any one thread. */
void alerts_sensor(struct alerts *a, const struct event *ev);
/* Workers have stopped: waits for the writer to number and write what is queued, at most `wait_ms` for Redis
 * to take what waits.  The summary must add up: made_all + lost_queue = delivered + waiting + lost. */
void alerts_stop(struct alerts *a, unsigned wait_ms);
void alerts_stats(struct alerts *a, struct alerts_stats *out);
void alerts_destroy(struct alerts *a);

#endif
