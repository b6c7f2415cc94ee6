/* health.h - what is the matter with a running sensor.  A pure step from one look at its counters to the
 * next: whatever goes wrong is told once when it begins and once when it has been over for a while. */
#ifndef CLI_HEALTH_H
#define CLI_HEALTH_H

#include "alerts/health.h"
#include "alerts/output.h"
#include "base/clock.h"
#include "cli/worker.h"

#define HEALTH_WORKERS_MAX  64
#define HEALTH_SUBJECTS_MAX ALERTS_QUEUES_MAX /* workers, queues, interfaces, outputs */
#define HEALTH_STALL_NS     (10 * NS_PER_S)   /* a thread that gives no sign for so long hangs */

enum health_condition {
	HEALTH_DROPS,    /* packets are lost in the kernel or the interface */
	HEALTH_SILENCE,  /* an interface delivers none */
	HEALTH_WORKER,   /* a worker hangs */
	HEALTH_MEMORY,   /* a limit was reached, and something was not read for it */
	HEALTH_QUEUE,    /* records are lost between a worker and the log, or soon will be */
	HEALTH_WRITER,   /* the log's writer hangs */
	HEALTH_LOG,      /* the log cannot be written */
	HEALTH_FULL,     /* the log is nearly full of records that an output has not got */
	HEALTH_DELIVERY, /* an output gets records late, or loses them */
	HEALTH_CONDITIONS
};
const char *health_condition_name(enum health_condition c); /* "drops", ... */

struct health_interface {
	const char *name;
	uint64_t received, bytes, dropped_ring, dropped_interface;
	bool failed; /* it went away, and nobody reads it any more */
};

/* One look. */
struct health_view {
	int64_t now_ns; /* a clock that does not go back */
	unsigned n_workers;
	struct {
		int64_t seen_ns; /* when it last told its counters */
		bool done;
	} worker[HEALTH_WORKERS_MAX];
	unsigned n_interfaces;
	struct health_interface interface[WORKER_SOURCES_MAX];
	struct worker_stats total;
	struct alerts_state alerts;
};

/* Something began or has ended. */
#define HEALTH_COUNTERS 6
struct health_change {
	enum health_condition condition;
	int kind; /* enum alert_kind */
	bool began;
	char about[OUTPUT_NAME_MAX]; /* which worker, interface or output; "" the sensor as a whole */
	char summary[512];           /* what it is and what to do */
	const char *names[HEALTH_COUNTERS];
	uint64_t values[HEALTH_COUNTERS];
	size_t n;
};

struct health {
	const struct settings *settings;
	bool begun;
	int64_t begun_ns;
	int64_t packet_ns[WORKER_SOURCES_MAX]; /* when an interface last had one */
	int64_t writer_ns;                     /* when the writer last took one, or had nothing to take */
	struct {
		bool on;
		unsigned clean; /* looks in a row that found nothing */
		int64_t since_ns;
	} subject[HEALTH_CONDITIONS][HEALTH_SUBJECTS_MAX];
	struct health_view was, now;
};

void health_init(struct health *h, const struct settings *s); /* s: borrowed for its life */
/* Looks at h->now, which the caller has filled; tell is called for every change.  Afterwards h->was is the
 * view before it. */
void health_step(struct health *h, void (*tell)(void *arg, const struct health_change *c), void *arg);
/* Between two looks, with h->now.alerts as alerts_log_state() fills it: does the log run full?  It may do so,
 * and lose records, from one look to the next. */
void health_watch(struct health *h, void (*tell)(void *arg, const struct health_change *c), void *arg);
/* The view is the next one's predecessor from here on. */
void health_keep(struct health *h);
/* Is it on, for anybody? */
bool health_is(const struct health *h, enum health_condition c);
/* What a limit of memory kept from being read, so far. */
uint64_t health_refused(const struct worker_stats *s);
uint64_t health_dropped(const struct health_view *v);

#endif
