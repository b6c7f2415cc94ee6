/* log.h - the durable log of one sensor, on which everything behind the writer stands: outputs read from it,
 * and what is not in it was never sent.
 *
 *	DIRECTORY/NAME/lock                                  held by flock(2); says by whom
 *	DIRECTORY/NAME/state                                 how far things were; can be rebuilt
 *	DIRECTORY/NAME/rec/2026/11/22/19-<first index>.jsonl segments: JSON lines, one hour or 64 MiB
 *
 * A line is a record (docs/records.md) with its LF; the lines' indexes are dense from 1.  Segments are only
 * ever appended to, and a line that is durable never changes.  Readers see nothing that
 * log_commit() has not returned for.
 *
 * One thread commits, drops and saves (the writer).  log_last(), log_first(), cursors and readers: any
 * thread. */
#ifndef ALERTS_LOG_H
#define ALERTS_LOG_H

#include "alerts/log_io.h"
#include "alerts/log_line.h"
#include "alerts/output.h"
#include "alerts/record.h"
#include "base/err.h"

#define LOG_SEGMENT_MAX (64u << 20)
#define LOG_OUTPUTS_MAX 64 /* outputs whose place is remembered */

struct log;

struct log_options {
	const char *directory; /* made when only its last part is missing */
	const char *name;
	uint64_t max_bytes;      /* of all segments together */
	unsigned retention_days; /* 0: no bound by age */
	const struct log_io *io; /* NULL: log_io_system */
};

/* What was there. */
struct log_found {
	bool in_use;          /* log_open() failed because another process holds it */
	bool fresh;           /* nothing: a new log */
	bool unclean;         /* the last process ended without log_close() */
	uint64_t cut;         /* bytes of an incomplete last line, which were never durable and are gone */
	uint64_t missing;     /* indexes that the newest segment should hold and does not */
	bool shorter;         /* the log has less than `state` remembers */
	uint64_t first, last; /* index of the first and last record; last 0: none */
	int64_t logged_ms;    /* of the last record */
	uint64_t ordinal[RECORD_TYPES];
};

/* Locks, cuts what is incomplete, finds the numbers.  NULL: e says why, also who holds the lock. */
struct log *log_open(const struct log_options *o, struct log_found *found, struct err *e);
/* Says in `state` that all is in order, and lets another process have it; NULL is fine.  Whoever holds it may
 * still read. */
void log_close(struct log *l);
/* For a thread that may outlive log_close(): the log's memory goes with the last log_drop(). */
struct log *log_hold(struct log *l);
void log_drop(struct log *l);
const char *log_path(const struct log *l);
/* The process that has the log in this folder open, 0: none, -1: errno.  Takes no lock. */
long log_holder(const char *path);

/* Appends the lines of r, whose indexes go on from the last, and makes them durable.  -1: nothing of it
 * counts, the same lines may be tried again; it was said on entering, and will be on leaving, that state. */
int log_commit(struct log *l, const struct record_ref *r, size_t n);
bool log_failing(const struct log *l);
int64_t log_failing_ns(const struct log *l); /* for how long, 0: it works */
uint64_t log_last(const struct log *l);      /* index of the last durable record, 0: none */
uint64_t log_first(const struct log *l);     /* index of the first record kept */
/* Rings the eventfd after every commit, from the writer's thread. */
int log_watch(struct log *l, int eventfd);
void log_unwatch(struct log *l, int eventfd);

/* Records that had to go although they were wanted. */
struct log_dropped {
	uint64_t first, last; /* indexes */
	uint64_t records;     /* how many; between them may be some that were not wanted */
	uint64_t n[RECORD_TYPES], first_ordinal[RECORD_TYPES], last_ordinal[RECORD_TYPES];
};
/* Up to which index records may be with every server; asked under the log's lock. */
typedef uint64_t log_taken_fn(void *arg);
/* Keeps the bounds when `more` bytes are to come: takes away segments, oldest first, never the newest.  What
 * is older than the retention goes only when all of it is taken.  True: a segment went that held records
 * which were not, and *d says which: call again when told. */
bool log_keep_bounds(
        struct log *l, int64_t now_ms, uint64_t more, log_taken_fn *taken, void *arg, struct log_dropped *d);
/* A reader is about to send the records first to last.  False: the log has dropped some of them, and told of
 * it; else *claimed is `last`, which the reader's log_taken_fn says, and what happens to them is the reader's
 * to tell.
 */
bool log_claim(struct log *l, _Atomic uint64_t *claimed, uint64_t first, uint64_t last);
/* It did not send more than up to `last`.  Returns the first index still kept. */
uint64_t log_unclaim(struct log *l, _Atomic uint64_t *claimed, uint64_t last);
void log_dropped_add(struct log_dropped *d, const struct log_line *l);
/* As counters of a gap record. */
void record_note_dropped(struct record_note *n, const struct log_dropped *d);
uint64_t log_bytes(const struct log *l);

/* How far an output is, by its name.  False: not known. */
bool log_cursor(struct log *l, const char *output, uint64_t *index);
void log_set_cursor(struct log *l, const char *output, uint64_t index);
/* SHA-256 in hex of the record at an output's cursor, where the log does not keep it any more: what its
 * server has can be held against that.  False: not known of that index. */
bool log_gone_hash(struct log *l, const char *output, uint64_t index, char hash[65]);
/* Whether the output, whose cursor is known, was ever spoken to: until then it has nothing to lose. */
bool log_met(struct log *l, const char *output);
void log_set_met(struct log *l, const char *output, bool met);
/* Writes `state` when something of it changed. */
void log_save(struct log *l);

/* The indexes around a stream ID, for a server that holds records of another log. */
uint64_t log_index_before(struct log *l, int64_t logged_ms, uint64_t index);

/* ---- reading: one reader a thread ---- */

struct log_reader;
struct log_reader *log_reader_create(struct log *l); /* NULL: no memory */
void log_reader_destroy(struct log_reader *r);       /* NULL is fine */
/* The next line is the first one kept with that index or a greater one. */
void log_seek(struct log_reader *r, uint64_t index);
/* At most `most` lines and (but for the first) `bytes` bytes, which lie one behind the other unless an index
 * is missing; valid until the next call.  0: there is no more; -1: e. */
ssize_t log_read(struct log_reader *r, struct log_line *lines, size_t most, size_t bytes, struct err *e);
/* Least index of the next line: those before were handed out, are gone, or cannot be read. */
uint64_t log_reader_at(const struct log_reader *r);
/* The records first to last did not come to that output.  False: the log had dropped them, and told of it;
 * else *n tells. */
bool log_note_unreadable(
        struct log *l, uint64_t first, uint64_t last, const char *output, struct record_note *n);

#endif
