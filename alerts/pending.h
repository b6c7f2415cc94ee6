/* pending.h - the memory between the writer and one Redis thread: records that wait, that are in flight, and,
 * as long as the room is not needed, that were delivered: a server that comes back with less than it had
 * acknowledged gets those again.
 *
 * Bounded by records and bytes.  When all of it waits, the newest record is refused: what waits longest is
 * nearest to delivery, and in flight nothing may be taken back.  Flow records may fill three quarters only.
 */
#ifndef ALERTS_PENDING_H
#define ALERTS_PENDING_H

#include "alerts/output.h"

struct pending_item {
	char *line; /* with its LF */
	size_t len; /* without */
	struct record_head head;
	uint64_t index, ordinal;
	int64_t logged_ms;
	/* the Redis thread's */
	uint64_t id_ms; /* first half of the stream ID it was sent under; 0: not sent */
	char hash[65];  /* "" not computed */
	bool done;      /* the server has it */
};

struct pending;
struct pending *pending_create(size_t records, size_t bytes); /* NULL: no memory */
void pending_destroy(struct pending *p);                      /* NULL is fine */

/* Writer: a copy of the record; false when it is refused. */
bool pending_push(struct pending *p, const struct record_ref *r);
/* Writer: waits at most that long for room. */
void pending_wait_room(struct pending *p, int64_t ns);
uint64_t pending_waiting(struct pending *p); /* any thread; in flight included */
/* No more than half of it waits. */
bool pending_relaxed(struct pending *p);
/* Waits until nothing waits or the moment (monotonic) has come. */
void pending_wait_empty(struct pending *p, int64_t deadline_ns);

/* Redis thread: the oldest records that are not done, in order; items stay where they are until done. */
size_t pending_batch(struct pending *p, struct pending_item **list, size_t most, size_t bytes);
void pending_done(struct pending *p, struct pending_item *const *list, size_t n);
/* Redis thread: asks `has` for every record that was sent and sets done as it answers.  *gained: records that
 * were in doubt and are there; *back: records that were done and are gone, to be sent again; *kept: records
 * that were done before the call.  Without `has` nothing changes and only *kept is told. */
void pending_settle(struct pending *p, bool (*has)(void *arg, const struct pending_item *it), void *arg,
        uint64_t *gained, uint64_t *back, uint64_t *kept);

#endif
