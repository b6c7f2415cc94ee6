/* redis.h - records into Redis streams, each exactly once and in order (docs/redis.md). */
#ifndef ALERTS_REDIS_H
#define ALERTS_REDIS_H

#include "alerts/output.h"

/* Starts the output's own thread; the server may be away.  NULL: the URL, a certificate or the password file
 * is wrong, and e says why. */
struct output *redis_output_open(const char *url, const struct output_how *how, struct err *e);
/* Waits until the first try to reach the server has ended, at most until then.  True: it was reached, and
 * *index is the last index the server knows of this sensor (0: none). */
bool redis_output_first(struct output *o, int64_t deadline_ns, uint64_t *index);

#endif
