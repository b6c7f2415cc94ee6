/* worker.h - one capture thread: packets of its sources from wire to event, run to completion. */
#ifndef CLI_WORKER_H
#define CLI_WORKER_H

#include "capture/copies.h"
#include "capture/decode.h"
#include "capture/defrag.h"
#include "capture/handover.h"
#include "capture/source.h"
#include "classify/classify.h"

#include <pthread.h>
#include <stdatomic.h>

#define WORKER_SOURCES_MAX 32

struct worker_stats {
	struct source_stats source;
	uint64_t decoded, understood_not[DECODE_RESULTS]; /* by enum decode_result */
	uint64_t copies;    /* of those decoded: seen before, and not looked at again */
	uint64_t no_tunnel; /* of those decoded: packet.no_tunnel */
	uint64_t handled;   /* packets of its own flows: not those of files that other workers take */
	uint64_t handed_on; /* live, of those decoded: they belonged to another worker, and went there */
	uint64_t misplaced; /* live, of those handled: they belonged to another worker, which had no room */
	struct defrag_stats fragments;
	struct flow_stats flows;
	struct classify_stats classify;
};

#define PULSE_WORDS                                                                                          \
	((sizeof(struct worker_stats) + WORKER_SOURCES_MAX * sizeof(struct source_stats)) /                  \
	                sizeof(uint64_t) +                                                                   \
	        2)

struct worker {
	/* set before the thread starts */
	struct worker *all;      /* this one and the others */
	unsigned index, count;   /* of count workers; a file's packets are shared out by address */
	struct source **sources; /* live: one for each interface; files: one */
	size_t n_sources;
	bool live, tell_flows;
	struct settings *settings;
	const struct detect_engine *engine;
	struct teller tell;
	/* the thread's own; read by others only after it ended */
	pthread_t thread;
	struct defrag *frags;
	struct copies *copies;  /* NULL: not looked for */
	struct handover *inbox; /* live and several: from the others */
	struct flow_table *flows;
	struct classify *classify;
	struct worker_stats stats;
	char error[256]; /* why it ended early, "" when it did not */
	int64_t read_ns; /* latest time of a packet from the sources */
	int64_t pulse_ns;
	uint64_t failed; /* sources that ended with an error, a bit for each */
	/* for progress and control, any thread */
	_Atomic uint64_t packets, bytes;
	_Atomic uint64_t pulse[PULSE_WORDS]; /* see pulse.h */
	_Atomic bool done;
};

extern atomic_bool worker_stop; /* set once: every worker drains and ends */

int worker_prepare(struct worker *w, struct err *e); /* takes all memory; 0 or -1 */
int worker_start(struct worker *w, struct err *e);   /* starts the thread */
void worker_join(struct worker *w);
void worker_clear(struct worker *w);

#endif
