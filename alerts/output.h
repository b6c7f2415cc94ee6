/* output.h - where records go.  The writer thread hands every output every batch; an output never makes it
 * wait for longer than its own medium takes, and counts each record once: delivered, or lost for a reason. */
#ifndef ALERTS_OUTPUT_H
#define ALERTS_OUTPUT_H

#include "alerts/record.h"
#include "base/err.h"
#include "config/settings.h"

#include <stdatomic.h>

#define OUTPUT_NAME_MAX 160

/* One numbered record, borrowed for the call. */
struct record_ref {
	const char *line; /* line[len] is the LF; the lines of a batch follow each other */
	size_t len;
	const struct record_head *head;
	uint64_t index, ordinal;
	int64_t logged_ms;
};

/* Records an output refused since it last said so, by type: what the consumer will find missing. */
struct output_loss {
	bool losing;
	uint64_t n[EVENT_TYPES], first[EVENT_TYPES], last[EVENT_TYPES]; /* count; ordinals */
};

struct output {
	const struct output_ops *ops;
	char name[OUTPUT_NAME_MAX]; /* without user and password */
	struct output_loss loss;    /* the writer thread's */
	_Atomic uint64_t delivered, lost_pending, lost_output, lost_stop;
};

struct output_ops {
	void (*take)(struct output *o, const struct record_ref *r, size_t n);
	/* Has what made it lose ended?  Asked only while o->loss.losing. */
	bool (*recovered)(struct output *o);
	uint64_t (*waiting)(struct output *o); /* NULL: nothing ever waits */
	/* The end is near: what waits should go now, without the pauses between tries.  NULL: it always does.
	 */
	void (*hasten)(struct output *o);
	/* No more will come: what can be delivered until then (monotonic clock) is, the rest is lost_stop. */
	void (*stop)(struct output *o, int64_t deadline_ns);
	void (*destroy)(struct output *o);
};

struct output_how {
	const struct settings *settings;
	const char *sensor;
	bool replay;
	const atomic_bool *hurry;          /* set: do not wait for a reader any longer than give_up_ns */
	const _Atomic int64_t *give_up_ns; /* monotonic; valid once hurry is set */
};

/* "-", "file:PATH" or a Redis URL.  NULL: e says why. */
struct output *output_open(const char *spec, const struct output_how *how, struct err *e);
bool output_is_redis(const char *spec);

static inline void count_add(_Atomic uint64_t *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}
static inline uint64_t count_get(const _Atomic uint64_t *c)
{
	return atomic_load_explicit((_Atomic uint64_t *)c, memory_order_relaxed);
}

/* For outputs: notes a refused record; true when this begins a loss (say so once). */
bool output_lose(struct output *o, const struct record_ref *r);

#endif
