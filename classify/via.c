/* via.c - connections that go through somebody else: the proxies on the way, the true destination, who is
 * behind a proxy that may say so, and the two sides of one proxy. */
#include "classify/reading.h"

#include "classify/links.h"

#include <stdio.h>
#include <string.h>

#define FORWARDED_MAX 16 /* addresses of one list that are looked at, from its end */

/* What named the proxy (a look-up of its address, its own SNI) does not name what lies behind it. */
static void forget_name(struct facts *x)
{
	x->by = NAME_NONE;
	x->host[0] = '\0';
	x->n_also = 0;
	x->match = (struct service_match){.service = NULL};
	x->verdict = (struct verdict){.value = VERDICT_NONE, .kind = -1};
}

void via_hop(struct reading *r, enum via_kind kind, const char *target, uint16_t port)
{
	struct facts *x = &r->facts;
	unsigned depth = stack_depth(&r->stack), at = x->via.n;
	struct hop *h;

	if (at && r->hop_depth[at - 1] == depth) { /* asked again after a refusal, or the next request */
		at--;
	} else if (at == FACT_HOPS_MAX) {
		x->via.more++;
		forget_name(x);
		return;
	} else {
		h = &x->via.hop[at];
		if (!at)
			snprintf(h->host, sizeof(h->host), "%.63s",
			        x->by == NAME_DNS || x->by == NAME_HTTPS_RR ? x->host : "");
		else
			*h = (struct hop){.port = r->target[at - 1].port};
		if (at)
			snprintf(h->host, sizeof(h->host), "%s", r->target[at - 1].host);
		x->via.n++;
		r->hop_depth[at] = (uint8_t)depth;
		forget_name(x);
	}
	x->via.hop[at].kind = (uint8_t)kind;
	r->target[at].port = port;
	detect_mask(r->cls->detect, target, strlen(target), r->target[at].host, sizeof(r->target[at].host));
}

/* ---- who asked
 * --------------------------------------------------------------------------------------------- */

void via_client(struct classify *c, struct facts *x, enum via_kind by, const struct ip_addr *a, uint16_t port)
{
	x->client.known = true;
	x->client.by = (uint8_t)by;
	x->client.addr = *a;
	x->client.port = port;
	x->group = networks_group(c->s->networks, a);
}

/* "for=192.0.2.60:4711", "for=\"[2001:db8::1]:80\"", or the bare address of X-Forwarded-For. */
static bool forwarded_node(struct slice s, bool pairs, struct ip_addr *a, uint16_t *port)
{
	char host[HOST_MAX];

	if (pairs) {
		struct slice rest = s;

		for (;;) {
			const char *semi = rest.n ? memchr(rest.p, ';', rest.n) : NULL;
			struct slice one =
			        slice_trim(slice_of(rest.p, semi ? (size_t)(semi - rest.p) : rest.n));

			if (slice_starts_nocase(one, "for=")) {
				s = slice_of(one.p + 4, one.n - 4);
				break;
			}
			if (!semi)
				return false;
			rest = slice_of(semi + 1, rest.n - (size_t)(semi + 1 - rest.p));
		}
	}
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = slice_of(s.p + 1, s.n - 2);
	*port = 0;
	if (!host_port_split(s.p, s.n, host, port))
		return false;
	return ip_parse(host, a) == 0;
}

/* RFC 7239 5.2: each proxy appends whom it got the request from, so the list is right from its end up to the
 * first address whose word is not believed: that one is the client. */
static bool forwarded_client(
        const struct networks *n, struct slice list, bool pairs, struct ip_addr *client, uint16_t *port)
{
	bool found = false;

	for (unsigned i = 0; i < FORWARDED_MAX && list.n; i++) {
		const char *comma = memrchr(list.p, ',', list.n);
		size_t at = comma ? (size_t)(comma + 1 - list.p) : 0;
		struct ip_addr a;
		uint16_t p;

		if (!forwarded_node(slice_trim(slice_of(list.p + at, list.n - at)), pairs, &a, &p))
			break; /* "unknown", "_hidden": nobody knows further */
		*client = a;
		*port = p;
		found = true;
		if (!networks_forwarder(n, &a))
			break;
		list.n = comma ? (size_t)(comma - list.p) : 0;
	}
	return found;
}

void via_forwarded(struct classify *c, const struct flow *f, const struct message *m, struct facts *x)
{
	struct ip_addr a;
	uint16_t port;

	if (!networks_forwarder(c->s->networks, &f->addr[FLOW_C2S]))
		return;
	for (unsigned i = m->n_headers; i-- > 0;) {
		bool pairs = slice_is_nocase(m->headers[i].name, "forwarded");

		if (!pairs && !slice_is_nocase(m->headers[i].name, "x-forwarded-for"))
			continue;
		if (forwarded_client(c->s->networks, m->headers[i].value, pairs, &a, &port)) {
			via_client(c, x, VIA_FORWARDED, &a, port);
			return;
		}
	}
}

/* ---- both sides of a proxy
 * --------------------------------------------------------------------------------- */

static bool take(struct classify *c, const struct flow *f, uint64_t key, int64_t when_ns, struct facts *x)
{
	struct link who;

	if (!links_take(c->links, key, &f->addr[FLOW_C2S], when_ns, &who))
		return false;
	x->linked = who.flow;
	x->onward = true;
	if (!x->client.known)
		via_client(c, x, (enum via_kind)who.by, &who.client, who.client_port);
	return true;
}

static void note(
        struct classify *c, const struct flow *f, uint64_t key, int64_t when_ns, const struct facts *x)
{
	struct link who = {.flow = flow_id(f),
	        .client = *facts_source(x, f),
	        .client_port = x->client.known ? x->client.port : f->port[FLOW_C2S],
	        .group = x->group,
	        .by = x->via.n ? x->via.hop[0].kind : VIA_CONNECT};

	if (x->onward) /* a chain: who asked first stands there already */
		who.flow = x->linked;
	links_note(c->links, key, &f->addr[FLOW_S2C], &who, when_ns);
}

void via_link_hello(struct classify *c, struct reading *r, const uint8_t random[32], int64_t when_ns)
{
	uint64_t key = link_key_hello(random);

	if (r->facts.direction != DIRECTION_INTERNAL || r->facts.via.n)
		take(c, r->flow, key, when_ns, &r->facts);
	if (r->facts.via.n)
		note(c, r->flow, key, when_ns, &r->facts);
}

void via_link_request(
        struct classify *c, struct reading *r, const struct message *m, const char *host, struct facts *x)
{
	bool tunnel = slice_is(m->method, "CONNECT");
	uint64_t key = link_key_request(m->method, host, tunnel ? m->target : m->path, m->query);

	/* on a connection that a proxy keeps for many, each request has its own client */
	x->onward = false;
	x->linked = 0;
	if (!take(c, r->flow, key, m->when_ns, x) && r->facts.onward && r->facts.tls.seen) {
		x->onward = true;
		x->linked = r->facts.linked;
	}
	if (r->facts.via.n)
		note(c, r->flow, key, m->when_ns, x);
	r->facts.onward = x->onward;
	r->facts.linked = x->linked;
	if (x->client.known)
		r->facts.client = x->client;
	r->facts.group = x->group;
}
