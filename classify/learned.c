/* learned.c - what the layers say of a connection as they read it: hellos, names, certificates, proxies and
 * tunnels, from which its destination is settled. */
#include "classify/evasion.h"
#include "classify/reading.h"

#include <string.h>

void reading_settle(struct classify *c, struct reading *r, int64_t when_ns)
{
	struct facts *x = &r->facts;
	struct account a;

	account_find(x->match.service, x->host, NULL, &a);
	if (a.n || a.plan[0]) {
		text_copy(x->account.plan, sizeof(x->account.plan), a.plan);
		detect_mask(c->detect, a.id[0], strlen(a.id[0]), x->account.id, sizeof(x->account.id));
		text_copy(x->account.by, sizeof(x->account.by), a.by[0]);
	}
	facts_judge(c, x, r->flow, when_ns, &a);
	tell_destination(c, r, x, NULL, when_ns);
	r->settled = true;
}

static void on_hello(void *arg, const struct hello *h)
{
	struct reading *r = arg;
	struct facts *x = &r->facts;

	x->tls.seen = true;
	x->visibility = VISIBLE_METADATA;
	text_copy(x->protocol, sizeof(x->protocol), h->quic ? "quic" : "tls");
	if (h->client) {
		x->tls.version = h->version;
		x->tls.ech = h->ech;
		x->tls.group = h->group;
		facts_hello(r->cls, x, h->sni, h->alpn);
		text_copy(x->tls.ja4, sizeof(x->tls.ja4), h->ja4);
		via_link_hello(r->cls, r, h->random, r->flow->last_ns);
		if (h->sni[0] && !hidden_ech(r->cls, r, h, r->flow->last_ns))
			hidden_sni(r->cls, r, h->quic ? NAME_QUIC_SNI : NAME_SNI, h->sni);
		reading_settle(r->cls, r, r->flow->last_ns);
		evasion_tell(r->cls, r->flow, x, r->flow->last_ns);
		/* reading one costs a hundred hellos: not for a named host that is no service */
		r->stack.conn.skip_cert = h->sni[0] && !x->match.service && !x->match.shared && !r->doubted &&
		                          !evasion_tor_name(h->sni);
		return;
	}
	if (h->hello_retry)
		return;
	x->tls.version = h->version;
	x->tls.resumed = h->psk;
	x->tls.answered = true;
	if (h->group)
		x->tls.group = h->group;
	if (h->alpn[0])
		facts_hello(r->cls, x, x->tls.sni, h->alpn);
	if (!x->cert.seen)
		posture_check(r->cls, r, r->flow->last_ns);
}

static void on_cert(void *arg, const struct certificate *cert)
{
	struct reading *r = arg;

	hidden_cert(r->cls, r, cert, r->flow->last_ns);
	if (!r->settled)
		reading_settle(r->cls, r, r->flow->last_ns);
	evasion_tell(r->cls, r->flow, &r->facts, r->flow->last_ns);
	posture_check(r->cls, r, r->flow->last_ns);
}

static void on_carrier(void *arg, const struct carrier *what, bool elsewhere)
{
	struct reading *r = arg;

	evasion_carrier_seen(r->cls, r, what, elsewhere, r->flow->last_ns);
}

static void on_name(void *arg, enum name_source by, const char *host, uint16_t port)
{
	struct reading *r = arg;

	(void)port;
	if (by == NAME_HTTP || by == NAME_CONNECT)
		return; /* request.c names these: it has the path too */
	facts_name(r->cls, &r->facts, by, host, NULL);
	reading_settle(r->cls, r, r->flow->last_ns);
}

/* A literal address as a proxy's target: the client may have looked up a name for it. */
static void name_literal(struct classify *c, struct reading *r, const char *host)
{
	struct ip_addr a;

	if (ip_parse(host, &a) == 0)
		hidden_lookups(c, &r->facts, &r->flow->addr[FLOW_C2S], &a, r->flow->last_ns);
}

static void on_proxied(void *arg, const struct proxied *p)
{
	struct reading *r = arg;
	struct classify *c = r->cls;

	if (p->client_known && networks_forwarder(c->s->networks, &r->flow->addr[FLOW_C2S]))
		via_client(c, &r->facts, (enum via_kind)p->kind, &p->client, p->client_port);
	if (!p->target)
		return;
	text_copy(r->facts.protocol, sizeof(r->facts.protocol), r->stack.protocol);
	via_hop(r, (enum via_kind)p->kind, p->host, p->port);
	if (p->host[0]) {
		name_literal(c, r, p->host);
		facts_name(c, &r->facts, NAME_SOCKS, p->host, NULL);
	}
	reading_settle(c, r, r->flow->last_ns);
}

void learned_sink(struct sink *out)
{
	out->hello = on_hello;
	out->name = on_name;
	out->proxied = on_proxied;
	out->cert = on_cert;
	out->carrier = on_carrier;
}
