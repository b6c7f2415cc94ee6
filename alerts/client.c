/* client.c - see client.h. */
#include "alerts/client.h"

#include "alerts/resolve.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_NS (2 * NS_PER_S)

struct client {
	const struct redis_url *url;
	const struct wire_tls *tls;
	const char *name;
	struct resolver *resolver;
	bool known; /* who holds what, since the last reset */
	int64_t looked_ns;
	struct link {
		struct redis_place at;
		struct resp conn;
	} link[CLUSTER_NODES_MAX];
	unsigned n;
};

struct client *client_create(
        const struct redis_url *u, const struct wire_tls *tls, const char *name, struct err *e)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c) {
		err_set(e, "no memory");
		return NULL;
	}
	c->url = u;
	c->tls = tls;
	c->name = name;
	c->resolver = resolver_create(u, tls, -1, e);
	if (!c->resolver) {
		free(c);
		return NULL;
	}
	return c;
}

void client_destroy(struct client *c)
{
	if (!c)
		return;
	client_reset(c, "");
	resolver_destroy(c->resolver);
	free(c);
}

struct resp *client_for(struct client *c, const char *key, enum resp_class *class, struct err *e)
{
	struct redis_url to;
	unsigned i = 0;
	int opened;

	if (c->n && c->url->kind != REDIS_CLUSTER)
		return &c->link[0].conn;
	if (resolve(c->resolver, key, !c->known, &to, class, e) < 0)
		return NULL;
	c->known = true;
	while (i < c->n && !redis_place_same(&c->link[i].at, &to.at))
		i++;
	if (i == c->n) {
		if (c->n == CLUSTER_NODES_MAX)
			client_reset(c, "");
		i = c->n;
		c->link[i].at = to.at;
		opened = resp_open(&c->link[i].conn, &to, c->tls, c->name, -1, class, e);
		c->n += opened == 0;
		c->looked_ns = clock_mono_ns();
	}
	redis_url_wipe(&to);
	return i < c->n ? &c->link[i].conn : NULL;
}

void client_reset(struct client *c, const char *error)
{
	resolver_heed(c->resolver, error);
	while (c->n)
		resp_close(&c->link[--c->n].conn);
	c->known = false;
}

bool client_moved(struct client *c, struct err *e)
{
	if (!c->n || c->url->kind != REDIS_SENTINEL || clock_mono_ns() - c->looked_ns < LOOK_NS)
		return false;
	c->looked_ns = clock_mono_ns();
	return resolver_changed(c->resolver, e);
}
