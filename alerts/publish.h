/* publish.h - the conversation of one Redis connection: where does the server stand, and the next batch.
 * Used by the Redis thread only (redis.c decides when, reconcile.c where from, publish.c what). */
#ifndef ALERTS_PUBLISH_H
#define ALERTS_PUBLISH_H

#include "alerts/log.h"
#include "alerts/reply.h"
#include "alerts/resp.h"

#include <openssl/evp.h>

#define BATCH_RECORDS  256
#define BATCH_BYTES    (256u << 10)
#define STREAMS        3 /* alerts, flows, health */
#define KEY_SENSORS    "leaktap:sensors"
#define REWIND_RECORDS 1000000u   /* sent again at most, after a server lost what it had acknowledged */
#define REWIND_MS      86400000ll /* and not what is older */

/* The hash leaktap:{sensor}:head: the last record of the last batch. */
struct publish_head {
	bool there;
	struct stream_id id;
	uint64_t index;
	char hash[65];
};

struct batch {
	struct log_line line[BATCH_RECORDS]; /* into text */
	char hash[BATCH_RECORDS][65];        /* SHA-256 of the line with its LF */
	bool there[BATCH_RECORDS];           /* the server has it already; only in a redo */
	size_t n, send;                      /* lines; those that are not there */
	bool added;                          /* its commands stand in the connection's buffer */
	char *text;
};

struct publisher {
	struct resp conn;
	struct log *log;
	struct log_reader *reader;
	struct output *out; /* its counters and notes */
	const char *sensor;
	char key_stream[STREAMS][128], key_head[128];
	EVP_MD_CTX *md;

	uint64_t before;             /* last index before this run */
	_Atomic uint64_t cursor;     /* all up to here is in the server, or never will be */
	_Atomic uint64_t claimed;    /* ... or on its way there; see log_claim() */
	bool contacted;              /* a server once said or took that */
	uint64_t gone;               /* what is not in the server up to here is told, and never will be */
	bool others_told;            /* that entries of somebody else are there */
	bool filled[STREAMS];        /* it was there when last looked at, or has been written to since */
	struct stream_id above;      /* IDs must be: the greatest one in any of the streams */
	char head_id[48];            /* of the head as we know it, "" none */
	uint64_t redo_from, redo_to; /* a transaction of which single commands failed; 0: none */
	bool redo;                   /* the server's head is at redo_to */

	struct batch batch[2];
	unsigned current;
	unsigned publishes, publishes_added; /* PUBLISH commands whose replies are to come; not yet sent */
	bool listeners;                      /* the last PUBLISH reached somebody */
	bool publish_forbidden;
};

int publish_init(struct publisher *p, struct log *log, struct output *out, const char *sensor);
void publish_clear(struct publisher *p);

/* After resp_open(): is it a master, may we use MULTI, where does it stand.  RESP_OK, or what the failure
 * means and e. */
enum resp_class publish_begin(struct publisher *p, struct err *e);
/* Asks (again) where the server stands and sets the cursor. */
enum resp_class publish_reconcile(struct publisher *p, struct err *e);
/* Is there anything to send? */
bool publish_idle(struct publisher *p);
/* Sends the next batch and reads every reply. */
enum resp_class publish_batch(struct publisher *p, struct err *e);
/* With nothing to send: does the server still have what we gave it? */
enum resp_class publish_look(struct publisher *p, struct err *e);

/* The last part of each stream's key, and the stream of a record's type. */
extern const char *const publish_streams[STREAMS];
unsigned publish_stream_of(unsigned type);

/* ---- between publish.c and reconcile.c ---- */

/* What the server answered. */
struct server_place {
	struct publish_head head;
	struct stream_id last[STREAMS];      /* last-generated-id */
	struct publish_head newest[STREAMS]; /* the newest entry there is, as if it were a head */
};
/* 1: a record of our log; 0: it is not; -1: the log cannot be read, and e. */
int publish_holds(struct publisher *p, uint64_t index, const char *hash, struct err *e);
bool publish_hash(struct publisher *p, const struct log_line *l, char out[65]);
int64_t publish_deadline(void);
/* Drops what was prepared and reads on behind the cursor. */
void publish_rewind(struct publisher *p);
void publish_skip(struct publisher *p, uint64_t first, uint64_t last);
enum resp_class publish_worse(enum resp_class a, enum resp_class b);
enum resp_class publish_no_memory(struct err *e);
/* The commands that keep the next transaction from running when somebody else changed our keys. */
#define FENCE_REPLIES 2
int publish_add_fence(struct publisher *p);
/* Its replies: RESP_AGAIN when the head is not what we wrote. */
enum resp_class publish_read_fence(struct publisher *p, struct err *e);

/* For tests and fuzzing: the server's texts. */
void publish_read_head(const redisReply *r, struct publish_head *h);
bool publish_read_stream(const redisReply *r, struct stream_id *last, struct publish_head *newest);
/* What EXEC answered for n records sent under ids: ok[i] says whether the server took record i. */
enum resp_class publish_read_exec(
        const redisReply *r, size_t n, const struct stream_id *ids, bool *ok, char *cause, size_t cap);

#endif
