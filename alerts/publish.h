/* publish.h - the conversation of one Redis connection: where does the server stand, and the next batch.
 * Used by the Redis thread only (redis.c decides when, this file what). */
#ifndef ALERTS_PUBLISH_H
#define ALERTS_PUBLISH_H

#include "alerts/pending.h"
#include "alerts/resp.h"

#include <openssl/evp.h>

#define BATCH_RECORDS 256
#define BATCH_BYTES   (256u << 10)

struct stream_id {
	uint64_t ms, seq;
};

/* The hash leaktap:{sensor}:head: the last record of the last batch. */
struct publish_head {
	bool there;
	struct stream_id id;
	uint64_t index, size;
	char hash[65];
};

struct publisher {
	struct resp conn;
	struct pending *pending;
	struct output *out; /* its counters */
	const char *sensor;
	char key_stream[EVENT_TYPES][128], key_head[128];
	EVP_MD_CTX *md;

	bool contacted;           /* the server was asked where it stands, in this run */
	struct publish_head base; /* what it answered the first time */
	uint64_t base_size, size; /* records of this sensor in the server: before the run, and now */
	uint64_t first_index;     /* of the first record sent in this run, 0: none */
	struct stream_id acked;   /* the greatest ID the server has taken */
	struct stream_id last;    /* the greatest ID given or seen: the next one is above it */
	bool foreign_told;

	struct pending_item *batch[BATCH_RECORDS]; /* in flight, or in doubt after a broken connection */
	size_t n_batch;
	bool refused;       /* the batch got "equal or smaller": ask for each of them */
	unsigned publishes; /* PUBLISH commands whose replies are still to come */
	bool listeners;     /* the last PUBLISH reached somebody */
	bool publish_forbidden;
};

int publish_init(struct publisher *p, struct pending *pending, struct output *out, const char *sensor);
void publish_clear(struct publisher *p);

/* After resp_open(): is it a master, may we use MULTI, where does it stand; what is in doubt is settled.
 * RESP_OK, or what the failure means and e. */
enum resp_class publish_begin(struct publisher *p, struct err *e);
/* Asks again where the server stands (after an error on a connection that is kept). */
enum resp_class publish_reconcile(struct publisher *p, struct err *e);
/* Sends the next batch and reads every reply.  *sent: records the server took. */
enum resp_class publish_batch(struct publisher *p, size_t *sent, struct err *e);

/* For tests and fuzzing: the server's texts. */
bool stream_id_parse(const char *text, size_t n, struct stream_id *id);
void publish_read_head(const redisReply *r, struct publish_head *h);
bool publish_read_last_id(const redisReply *r, struct stream_id *id);
/* What EXEC answered for n records sent under ids: ok[i] says whether the server took record i. */
enum resp_class publish_read_exec(
        const redisReply *r, size_t n, const struct stream_id *ids, bool *ok, char *cause, size_t cap);

static inline int stream_id_cmp(const struct stream_id *a, const struct stream_id *b)
{
	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

#endif
