/* durable.h - up to which record do replicas have what this server took?  A mark for people and for health,
 * never a condition for sending.
 *
 * WAIT would tell the same, but holds the connection until it is true or time is out; ROLE says at once which
 * offset each replica has acknowledged.  Used by the Redis thread, between two batches. */
#ifndef ALERTS_DURABLE_H
#define ALERTS_DURABLE_H

#include "alerts/publish.h"

struct durable {
	struct publisher *p;
	unsigned replicas; /* that must have a record; 0: not asked */
	int64_t due_ns, written_ns;
	uint64_t written; /* in the head */
	struct {
		uint64_t index, offset; /* the server's offset was not less once it had that record */
	} at[16];
	size_t n;
};

void durable_init(struct durable *d, struct publisher *p, unsigned replicas);
bool durable_due(const struct durable *d);
enum resp_class durable_run(struct durable *d, struct err *e);
/* Where the server stands was asked anew: it may be another one, or have less than it had. */
void durable_anew(struct durable *d);

/* The answer to ROLE: the master's offset, and how many replicas have acknowledged `offset`.  False: no
 * master.
 */
bool durable_read_role(const redisReply *r, uint64_t *master);
unsigned durable_read_replicas(const redisReply *r, uint64_t offset);

#endif
