/* log_internal.h - what the files of the log share. */
#ifndef ALERTS_LOG_INTERNAL_H
#define ALERTS_LOG_INTERNAL_H

#include "alerts/log.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOG_WATCHERS_MAX 16
#define LOG_PATH_MAX     64 /* rec/2026/11/22/19-00000000000000000001.jsonl */

struct log_segment {
	uint64_t first; /* index of its first record, also in its name */
	uint64_t size;  /* durable bytes */
	int64_t hour;   /* hours since 1970, also in its name */
};

struct log_output {
	char name[OUTPUT_NAME_MAX];
	uint64_t index;
	bool unmet;    /* it has never been spoken to */
	char hash[65]; /* of the record `index`, which is not kept any more; "" it is, or is not known */
};

struct log {
	const struct log_io *io;
	_Atomic unsigned refs;
	char path[512]; /* for people */
	char name[80];
	int dir, lock_fd;
	uint64_t max_bytes, segment_max;
	unsigned retention_days;

	pthread_mutex_t lock; /* what readers look at */
	struct log_segment *segment;
	size_t n_segments, cap_segments;
	int watcher[LOG_WATCHERS_MAX];
	size_t n_watchers;
	struct log_output output[LOG_OUTPUTS_MAX];
	size_t n_outputs;
	bool changed; /* something of `state` */

	/* the writer's; readable by all where atomic */
	_Atomic uint64_t last, total;
	int fd;       /* the newest segment, -1: none is open for writing */
	bool settled; /* all folders on the way to a new segment are durable but those that are made for it */
	bool poisoned; /* a sync failed: what the kernel still has of this file is not to be trusted */
	atomic_bool failing;
	_Atomic int64_t failed_ns;
	int64_t logged_ms;
	uint64_t ordinal[RECORD_TYPES]; /* of the last durable record of each type */
};

const char *log_segment_path(const struct log_segment *s, char buf[LOG_PATH_MAX]);
/* Segments below rec/, sorted, with their sizes. */
int log_list_segments(struct log *l, struct err *e);
/* Finds the end of the log, cuts what is incomplete, takes up the numbers behind `from`. */
int log_recover(struct log *l, uint64_t from, struct log_found *f, struct err *e);
bool log_add_segment(struct log *l, const struct log_segment *s); /* under lock; false: no memory */

struct log_state {
	bool there, unclean;
	uint64_t index; /* of the last record when it was written */
};
void log_state_read(struct log *l, struct log_state *st);
int log_state_write(struct log *l, bool running); /* -1: errno */

/* A segment as a reader may see it: only the durable bytes, only indexes below `limit`. */
struct log_view {
	struct log_segment segment;
	uint64_t limit;
	uint64_t last; /* index of the last durable record, at the time */
	bool newest;
};
/* The segment that holds the index, or the first one after it; false: nothing is kept. */
bool log_look(struct log *l, uint64_t index, struct log_view *v);

/* Lines of a buffer, in turn: the next whole line at *at whose numbers can be read and whose index is at
 * least `least`; what cannot be read is passed over.  False: no more whole lines, *at is behind the last LF.
 */
bool log_next_line(const char *p, size_t n, size_t *at, uint64_t least, struct log_line *out);

#endif
