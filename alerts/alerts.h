/* alerts.h - everything behind the workers: queues, numbering, repeats, the log, outputs.
 *
 * A worker turns each event into a record's JSON on its own thread and offers it to its own bounded
 * single-producer queue; one writer thread folds repeats into updates, numbers the records and makes them
 * durable in the log (log.h); each output reads the log on a thread of its own.  Live capture never waits:
 * what does not fit is counted as lost.  A replay waits instead, for a file can: it loses nothing as long as
 * the log, or its outputs where none is kept, can be written. */
#ifndef ALERTS_ALERTS_H
#define ALERTS_ALERTS_H

#include "alerts/log_io.h"
#include "alerts/record.h"
#include "base/err.h"
#include "classify/found.h"
#include "config/settings.h"

#define ALERTS_OUTPUTS_MAX 8

struct alerts;

struct alerts_options {
	const char *const *outputs; /* "-", "file:PATH", Redis URLs; none: "-" */
	size_t n_outputs;
	bool flows;     /* flow records too */
	bool replay;    /* sensor name gets "-replay"; tellers wait when the queue is full */
	bool log_asked; /* a replay keeps a log where the settings say where */
	unsigned workers;
	/* for tests; NULL: the system's */
	const struct log_io *io;
	int64_t (*wall_ns)(void);
	unsigned trim_ms; /* see output.h */
};

struct alerts_output_stats {
	const char *name; /* without user and password; lives as long as the alerts side */
	uint64_t delivered, waiting, lost_output, lost_stop;
	uint64_t trimmed, trimmed_unread, durable; /* of a server: see output.h */
};

/* Two equations hold once alerts_stop() has returned (and, but for records on the move, before):
 *	told = muted + passed + folded + lost_queue + (made_all - lost_queue - updates - own)
 *	made_all = delivered + waiting + lost_queue + lost_log + lost_output + lost_stop
 * the second for each output; the totals are those of the output that delivered least.  What waits when the
 * program ends stands in the log, and is delivered the next time. */
struct alerts_stats {
	uint64_t told;       /* events that came from workers and control side */
	uint64_t muted;      /* of a kind that alerts.muted names, or flow events without `flows` */
	uint64_t suppressed; /* told, and by a rule of alerts.suppress nobody is called; within the others */
	uint64_t passed;     /* first uses that had been told that day */
	uint64_t folded;     /* repeats; each is in the count of an update */
	uint64_t updates;    /* records that tell those counts */
	uint64_t own;        /* gap and sensor.delivery records made here */
	uint64_t made[RECORD_TYPES]; /* ordinals given in this run: with those lost */
	uint64_t made_all;           /* their sum */
	uint64_t delivered, waiting;
	uint64_t lost_queue;  /* worker's queue was full */
	uint64_t lost_log;    /* the log could not be written */
	uint64_t lost_output; /* an output failed for good (disk full, closed pipe), or the server lost them
	                         again */
	uint64_t lost_stop;   /* still waiting when the program had to end */
	uint64_t replaced;    /* bytes that were no UTF-8 and became U+FFFD */
	uint64_t by_kind[ALERT_KINDS]; /* numbered records of types alert and sensor */
	const char *log;               /* its path, NULL: none is kept; lives as long as the alerts side */
	size_t n_outputs;
	struct alerts_output_stats outputs[ALERTS_OUTPUTS_MAX];
};

/* Opens the log and every output (a log in use or a file that cannot be opened is an error; Redis may be
 * away). */
struct alerts *alerts_start(struct settings *s, const struct alerts_options *o, struct err *e);
/* The teller of worker i (i < workers), for that thread alone. */
struct teller alerts_teller(struct alerts *a, unsigned worker);
/* Sensor events from the control side; any one thread. */
void alerts_sensor(struct alerts *a, const struct event *ev);
/* From now on the rules of alerts.suppress are those of `s`, which is held.  Any thread. */
void alerts_reload_rules(struct alerts *a, struct settings *s);
/* The program has been told to end: a replay's tellers stop waiting for room.  Safe in a signal handler. */
void alerts_hurry(struct alerts *a);
/* Workers have stopped: waits for the writer to number and write what is queued, at most `wait_ms` for Redis
 * or a slow reader of stdout to take what waits. */
void alerts_stop(struct alerts *a, unsigned wait_ms);
void alerts_stats(struct alerts *a, struct alerts_stats *out);
/* For commands beside a running sensor: the process that keeps the log of these settings' sensor now, 0:
 * none, -1: its folder cannot be read (errno).  `path` gets the log's folder, "" when there is none. */
long alerts_holder(const struct settings *s, char *path, size_t cap);
/* Stops without waiting when alerts_stop() was not called; NULL is fine. */
void alerts_destroy(struct alerts *a);

#endif
