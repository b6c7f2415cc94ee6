/* writer.h - what alerts.c (telling, start, stop) and writer.c (the writer's thread) share. */
#ifndef ALERTS_WRITER_H
#define ALERTS_WRITER_H

#include "alerts/alerts.h"
#include "alerts/lag.h"
#include "alerts/log.h"
#include "alerts/output.h"
#include "alerts/queue.h"
#include "alerts/record.h"
#include "alerts/repeat.h"
#include "alerts/volume.h"

#include <pthread.h>
#include <semaphore.h>

#define WRITER_BATCH 256u         /* records made durable at once */
#define WRITER_BYTES (256u << 10) /* the same in bytes, but for the last record */

/* What one thread needs to tell. */
struct mouth {
	struct alerts *a;
	unsigned number;
	struct queue *queue;
	char *scratch;
	bool losing;
	int64_t lost_ns; /* when the newest was lost */
	uint64_t lost_when_begun;
	_Atomic uint64_t told, muted, suppressed, replaced, lost[EVENT_TYPES], volume_lost;
	struct settings *rules; /* held: whose alerts.suppress counts here */
	unsigned rules_version;
	uint32_t lost_seen[EVENT_TYPES]; /* the writer's */
	/* what waited at most since somebody looked: records, and the fuller bound in thousandths */
	_Atomic uint64_t most, fullness;
};

struct alerts {
	const struct settings *settings;
	bool flows, replay;
	char sensor[80];
	int64_t (*wall_ns)(void);
	unsigned n_mouths; /* workers, and one for the control side */
	struct mouth *mouth;
	struct log *log; /* NULL: none is kept */
	struct log_found found;
	pthread_mutex_t rules_lock;
	struct settings *rules;         /* held: the newest; under the lock */
	_Atomic unsigned rules_version; /* tellers that know another one take the newest */
	struct output *output[ALERTS_OUTPUTS_MAX];
	size_t n_outputs;
	struct lag_book lags; /* health.c's: the control thread's */
	bool looked_back;

	/* the writer's */
	pthread_t thread;
	bool running;
	int bell;
	atomic_bool sleeping, stopping, closing,
	        hurry;  /* stopping: no more will be told; closing: outputs are done */
	sem_t finished; /* what was told is in the log */
	_Atomic int64_t give_up_ns;
	int64_t wait_ns, end_ns; /* from alerts_stop(); when outputs stop waiting */
	struct repeats *repeats;
	struct volumes *volumes;
	char *batch, *scratch;
	size_t batch_len, batch_n;
	struct record_ref ref[WRITER_BATCH];
	uint64_t index; /* of the next record */
	int64_t logged_ms, newest_ns, swept_ns, loss_told_ns, saved_ns, retry_ns;
	struct record_loss queue_loss, log_loss;
	struct log_dropped dropped;          /* to be told; last 0: nothing */
	uint64_t ordinal_base[RECORD_TYPES]; /* the last of earlier runs */
	_Atomic uint64_t made[RECORD_TYPES], passed, folded, updates, own, lost_log, by_kind[ALERT_KINDS];
};

/* The thread; returns NULL once alerts_stop() was called and everything is written. */
void *writer_run(void *alerts);
/* Numbers one record and puts it into the batch; repeats.c calls it for firsts and updates.  Returns its
 * index, 0 when it is lost. */
uint64_t writer_number(void *alerts, const struct record_head *h, const char *tail, size_t len,
        const struct repeat_update *u);

#endif
