/* client.h - for commands that people run: the connection on which to ask for a key.  One to the server or to
 * the master that the Sentinels name; in a Cluster one to each master.  Not shared between threads. */
#ifndef ALERTS_CLIENT_H
#define ALERTS_CLIENT_H

#include "alerts/resp.h"

struct client;
/* u and tls must outlive it; name is what CLIENT LIST shows.  NULL: e. */
struct client *client_create(
        const struct redis_url *u, const struct wire_tls *tls, const char *name, struct err *e);
void client_destroy(struct client *c); /* NULL is fine */
/* The client's, good until client_reset(); connects when need be.  NULL: e, and *class says what it means. */
struct resp *client_for(struct client *c, const char *key, enum resp_class *class, struct err *e);
/* After an error, whose text it may heed: closes everything, and who holds what is asked anew. */
void client_reset(struct client *c, const char *error);
/* Asks the Sentinels, every few seconds: do they name another master than the one that is connected?  Then e.
 */
bool client_moved(struct client *c, struct err *e);

#endif
