/* redis.h - the log's records into Redis streams, each exactly once and in order (docs/redis.md). */
#ifndef ALERTS_REDIS_H
#define ALERTS_REDIS_H

#include "alerts/output.h"

/* Starts the output's own thread; the server may be away.  how->log must be there.  NULL: the URL, a
 * certificate or the password file is wrong, and e says why. */
struct output *redis_output_open(const char *url, const struct output_how *how, struct err *e);

#endif
