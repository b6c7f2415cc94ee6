/* beside.h - commands of ours between two batches: the next batch may stand in the connection's buffer
 * already, and the keys are WATCHed for it.  Used by the Redis thread only. */
#ifndef ALERTS_BESIDE_H
#define ALERTS_BESIDE_H

#include "alerts/publish.h"

#define BESIDE_WORDS 10

struct beside {
	const char *words[BESIDE_WORDS]; /* ended by NULL; borrowed for the call */
};

/* Sends n commands and reads their replies; reply[i] is NULL or to be freed (beside_free).  What single
 * commands answer, errors too, does not show in the result: that is RESP_OK, or RESP_MOVE for a broken
 * connection, and e. */
enum resp_class beside_ask(
        struct publisher *p, const struct beside *c, size_t n, redisReply **reply, struct err *e);
/* The same in a transaction inside of the fence, which stands anew behind it.  When it was refused, nothing
 * of it was done: the errors are those of the commands that were the cause, the other replies NULL.
 * RESP_AGAIN: somebody else changed the keys, and nothing was done. */
enum resp_class beside_transact(
        struct publisher *p, const struct beside *c, size_t n, redisReply **reply, struct err *e);
void beside_free(redisReply **reply, size_t n);

#endif
