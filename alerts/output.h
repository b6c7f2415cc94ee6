/* output.h - where records go, and what every output owes: each record is counted once, delivered or lost for
 * a reason.
 *
 * With a log, outputs read it on threads of their own: a reader of stdout that is slow holds up nobody else.
 * Without one (a replay onto stdout or into a file) the writer hands them every batch. */
#ifndef ALERTS_OUTPUT_H
#define ALERTS_OUTPUT_H

#include "alerts/record.h"
#include "base/err.h"
#include "config/settings.h"

#include <pthread.h>
#include <stdatomic.h>

#define OUTPUT_NAME_MAX 160
#define OUTPUT_NOTES    8 /* gaps of an output have five reasons */

struct log;

/* One numbered record, borrowed for the call. */
struct record_ref {
	const char *line; /* line[len] is the LF; the lines of a batch follow each other */
	size_t len;
	unsigned type;
	uint64_t index, ordinal;
	int64_t logged_ms;
};

/* Records refused since it was last told, by type: what the consumer will find missing. */
struct record_loss {
	bool losing;
	uint64_t n[RECORD_TYPES], first[RECORD_TYPES], last[RECORD_TYPES]; /* count; ordinals */
};
/* True when this begins a loss (say so once). */
bool record_lose(struct record_loss *l, unsigned type, uint64_t ordinal);

struct output {
	const struct output_ops *ops;
	char name[OUTPUT_NAME_MAX]; /* without user and password */
	_Atomic uint64_t delivered, lost_output, lost_stop;
	atomic_bool up;                /* it takes records */
	_Atomic(const char *) trouble; /* why it last did not, one word for machines; NULL: it always did */
	/* of a server: entries trimmed; times that a reader's group lost one so; the index up to which as
	 * many replicas as the settings ask for have everything (0: not asked, or not known yet) */
	_Atomic uint64_t trimmed, trimmed_unread, durable;

	pthread_mutex_t lock; /* of what follows; between the output's thread and the writer */
	struct record_loss loss;
	bool recovered; /* what made it lose has ended */
	struct record_note note[OUTPUT_NOTES];
	size_t n_notes;
};

struct output_ops {
	/* Without a log: writes the records at once.  NULL: it reads the log. */
	void (*take)(struct output *o, const struct record_ref *r, size_t n);
	uint64_t (*delivered)(struct output *o); /* NULL: the counter says it */
	uint64_t (*waiting)(struct output *o);   /* NULL: nothing ever waits */
	/* Of a server: index up to which it has everything (`perhaps`: or is just being sent it).  The log
	 * keeps what is behind that, and the next run goes on there.  NULL: what the log forgets is this
	 * output's loss. */
	uint64_t (*taken)(struct output *o, bool perhaps);
	/* Few more will come: waits until it has delivered all, or until then.  NULL: nothing to wait for. */
	void (*drain)(struct output *o, int64_t deadline_ns);
	/* No more will come: delivers what it can until then (monotonic clock; see output_how.hurry). */
	void (*stop)(struct output *o, int64_t deadline_ns);
	void (*destroy)(struct output *o);
};

struct output_how {
	const struct settings *settings;
	const char *sensor;
	struct log *log; /* NULL: none is kept */
	bool replay;
	unsigned trim_ms; /* for tests: between two looks at who reads the streams; 0: as trim.h says */
	const atomic_bool *hurry;          /* set: do not wait for a reader any longer than give_up_ns */
	const _Atomic int64_t *give_up_ns; /* monotonic; valid once hurry is set */
};

/* "-", "file:PATH" or a Redis URL.  NULL: e says why. */
struct output *output_open(const char *spec, const struct output_how *how, struct err *e);
bool output_is_redis(const char *spec);

void output_init(struct output *o, const struct output_ops *ops, const char *name);
void output_clear(struct output *o);
/* The output's thread: it takes records (again), or does not. */
void output_works(struct output *o);
void output_fails(struct output *o, const char *trouble);
/* Something for the log, from the output's thread.  While the log fails these wait: gaps of one reason become
 * one when there are too many, with the counts of both, and then the oldest of the others is not told. */
void output_note(struct output *o, const struct record_note *n);
/* Notes that may be added before any are put together. */
size_t output_note_room(struct output *o);
/* For the writer: the next note; the loss that has ended (or, at the end, that there was). */
bool output_take_note(struct output *o, struct record_note *n);
bool output_take_loss(struct output *o, bool at_end, struct record_loss *l);

static inline void count_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}
static inline uint64_t count_get(const _Atomic uint64_t *c)
{
	return atomic_load_explicit((_Atomic uint64_t *)c, memory_order_relaxed);
}

#endif
