/* wire.h - bytes to and from a Redis server over TCP, TLS or a unix socket.  Non-blocking underneath; every
 * call ends by its deadline (monotonic clock) or as soon as `stop_fd` becomes readable. */
#ifndef ALERTS_WIRE_H
#define ALERTS_WIRE_H

#include "config/redis_url.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct wire_tls; /* certificates and trust; may serve many connections and threads */
/* TLS 1.2 or later, chain and name are checked.  ca "" : the system's; cert and key "": none. */
struct wire_tls *wire_tls_create(const char *ca, const char *cert, const char *key, struct err *e);
/* One more owner, from any thread; NULL is fine, and for wire_tls_destroy() too. */
struct wire_tls *wire_tls_ref(const struct wire_tls *t);
void wire_tls_destroy(struct wire_tls *t);

struct wire;
/* To u->at.  stop_fd -1: none.  NULL: e says why. */
struct wire *wire_open(const struct redis_url *u, const struct wire_tls *tls, int stop_fd, struct err *e);
void wire_close(struct wire *w); /* NULL is fine */
int wire_fd(const struct wire *w);
/* Has a descriptor, such as that of stop_fd, something to read now?  -1: no. */
bool wire_readable(int fd);

/* Bytes read, at least one; -1 after an error, the peer's end, the deadline or stop: e says which. */
ssize_t wire_read(struct wire *w, void *buf, size_t cap, int64_t deadline_ns, struct err *e);
/* All of it, or -1. */
int wire_write(struct wire *w, const void *p, size_t n, int64_t deadline_ns, struct err *e);

#endif
