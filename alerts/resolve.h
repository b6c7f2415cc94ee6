/* resolve.h - which server to speak to: the one of the URL, the master that Sentinels name, or the master of
 * a key's slot in a Cluster.  Asked anew for every connection.
 *
 * One thread uses a resolver.  With resolver_follow() a second one, of its own, asks all Sentinels every
 * second and interrupts the first when they name another master: a master that hangs is left without waiting
 * for its reply, and one that was cut off from the others although it still takes records. */
#ifndef ALERTS_RESOLVE_H
#define ALERTS_RESOLVE_H

#include "alerts/resp.h"
#include "alerts/topology.h"

struct resolver;
/* u must outlive it; its user and password may change between calls.  Takes $LEAKTAP_SENTINEL_PASSWORD.
 * stop_fd -1: none.  NULL: e. */
struct resolver *resolver_create(
        const struct redis_url *u, const struct wire_tls *tls, int stop_fd, struct err *e);
void resolver_destroy(struct resolver *r); /* NULL is fine */
/* Other certificates from now on; NULL: none. */
void resolver_use_tls(struct resolver *r, const struct wire_tls *tls);

/* Starts the second thread, where the URL has Sentinels.  -1: e. */
int resolver_follow(struct resolver *r, struct err *e);
/* Readable when the thread shall stop (stop_fd) or the Sentinels named another master. */
int resolver_fd(const struct resolver *r);

/* The server for `key`, with user and password, to be wiped.  In a Cluster what was learned before counts
 * unless `anew`.  -1: e, and *class says what it means. */
int resolve(struct resolver *r, const char *key, bool anew, struct redis_url *to, enum resp_class *class,
        struct err *e);
/* Have the Sentinels named another master since resolve()?  Then e says so.  Without resolver_follow() the
 * next one is asked here and now. */
bool resolver_changed(struct resolver *r, struct err *e);
/* An error of the server resolve() named: where it says MOVED, the next resolve() of such a key goes there.
 */
void resolver_heed(struct resolver *r, const char *error);
/* In a Cluster: SADD key member at the master of key; best effort, a second for each step. */
void resolver_add_member(struct resolver *r, const char *key, const char *member);

#endif
