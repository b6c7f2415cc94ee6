/* alerts.h - everything behind the workers: queues, numbering, repeats, outputs.
 *
 * A worker turns each event into a record's JSON on its own thread and offers it to its own bounded
 * single-producer queue; one writer thread numbers the records, folds repeats into updates and writes every
 * output; each Redis output has a thread of its own.  Live capture never waits: what does not fit is counted
 * as lost.  A replay waits instead, for a file can: it loses nothing as long as its outputs work. */
#ifndef ALERTS_ALERTS_H
#define ALERTS_ALERTS_H

#include "base/err.h"
#include "classify/found.h"
#include "config/settings.h"

#define ALERTS_OUTPUTS_MAX 8

struct alerts;

struct alerts_options {
	const char *const *outputs; /* "-", "file:PATH", Redis URLs; none: "-" */
	size_t n_outputs;
	bool flows;  /* flow records too */
	bool replay; /* sensor name gets "-replay"; tellers wait when the queue is full */
	unsigned workers;
};

struct alerts_output_stats {
	const char *name; /* without user and password; lives as long as the alerts side */
	uint64_t delivered, waiting, lost_pending, lost_output, lost_stop;
};

/* Two equations hold once alerts_stop() has returned (and, but for records on the move, before):
 *	told = muted + passed + folded + lost_queue + (made_all - lost_queue - updates - own)
 *	made_all = delivered + waiting + lost_queue + lost_pending + lost_output + lost_stop
 * the second for each output; the totals are those of the output that delivered least. */
struct alerts_stats {
	uint64_t told;     /* events that came from workers and control side */
	uint64_t muted;    /* of a kind that alerts.muted names, or flow events without `flows` */
	uint64_t passed;   /* first uses that had been told that day */
	uint64_t folded;   /* repeats; each is in the count of an update */
	uint64_t updates;  /* records that tell those counts */
	uint64_t own;      /* sensor.delivery records made here */
	uint64_t made[3];  /* ordinals given, by enum event_type: with those lost in a queue */
	uint64_t made_all; /* their sum */
	uint64_t delivered, waiting;
	uint64_t lost_queue;   /* worker's queue was full */
	uint64_t lost_pending; /* the Redis memory queue was full */
	uint64_t lost_output;  /* an output failed for good (disk full, closed pipe), or the server lost them
	                          again */
	uint64_t lost_stop;    /* still waiting when the program had to end */
	uint64_t replaced;     /* bytes that were no UTF-8 and became U+FFFD */
	uint64_t by_kind[ALERT_KINDS]; /* numbered records of types alert and sensor */
	size_t n_outputs;
	struct alerts_output_stats outputs[ALERTS_OUTPUTS_MAX];
};

/* Opens every output (a file that cannot be opened is an error; Redis may be away). */
struct alerts *alerts_start(const struct settings *s, const struct alerts_options *o, struct err *e);
/* The teller of worker i (i < workers), for that thread alone. */
struct teller alerts_teller(struct alerts *a, unsigned worker);
/* Sensor events from the control side; any one thread. */
void alerts_sensor(struct alerts *a, const struct event *ev);
/* The program has been told to end: a replay's tellers stop waiting for room.  Safe in a signal handler. */
void alerts_hurry(struct alerts *a);
/* Workers have stopped: waits for the writer to number and write what is queued, at most `wait_ms` for Redis
 * or a slow reader of stdout to take what waits. */
void alerts_stop(struct alerts *a, unsigned wait_ms);
void alerts_stats(struct alerts *a, struct alerts_stats *out);
/* Stops without waiting when alerts_stop() was not called; NULL is fine. */
void alerts_destroy(struct alerts *a);

#endif
