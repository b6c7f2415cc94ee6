/* repeat.h - what was told before: repeats become updates, first uses are told once.
 *
 * An event with a key that is known is folded into a count; the count is told as an update of the first
 * record when repeat_s of packet time have passed, when its place in the table is needed, and at the end.  So
 * every folded event is in the `count` of exactly one update.  Bounded; the writer thread's own. */
#ifndef ALERTS_REPEAT_H
#define ALERTS_REPEAT_H

#include "alerts/record.h"

#define REPEATS_MAX       8192        /* things remembered as told */
#define REPEATS_BYTES_MAX (16u << 20) /* of records kept for the update to come */
#define FIRST_USES_MAX    65536       /* (service, group, day) told */

struct repeat_update {
	uint64_t first;        /* index of the first record about it */
	uint64_t count, total; /* since the last record about it; from the beginning, the first included */
};

/* Numbers and delivers one record, returns its index, 0 when it is lost.  `u` NULL: a first record. */
struct repeat_sink {
	void *arg;
	uint64_t (*tell)(void *arg, const struct record_head *h, const char *tail, size_t len,
	        const struct repeat_update *u);
};

struct repeat_limits {
	size_t entries, bytes, first_uses;
	unsigned repeat_s, group_window_s; /* group_window_s 0: the same from other flows is not grouped */
};

enum repeat_result {
	REPEAT_TOLD,   /* a record of its own */
	REPEAT_FOLDED, /* told by an update, now or later */
	REPEAT_PASSED, /* a first use that was told already */
};

struct repeats;
struct repeats *repeats_create(
        const struct repeat_limits *l, const struct repeat_sink *sink); /* NULL: no memory */
void repeats_destroy(struct repeats *r);                                /* NULL is fine; tells nothing */
enum repeat_result repeats_offer(
        struct repeats *r, const struct record_head *h, const char *tail, size_t len);
/* Tells the updates that are due at that time (live only: in a replay a record's own successors decide, so
 * that the records do not depend on how threads interleave). */
void repeats_sweep(struct repeats *r, int64_t now_ns);
/* Tells every count that is still open. */
void repeats_flush(struct repeats *r);

#endif
