/* classify.c - which flows are read, how long, and what is kept of the others.
 *
 * Read are flows that leave (client internal, server not), flows to proxies, flows of which neither end is
 * ours, and internal connections that begin with a request meant for somebody else (CONNECT, absolute form).
 * A flow is released as soon as nothing more can be learned from its bytes: TLS without keys after both
 * hellos, a protocol that is none of ours after nDPI has named it.  Then a few hundred bytes are kept for its
 * record. */
#include "classify/classify.h"

#include "base/clock.h"
#include "classify/evasion.h"
#include "classify/links.h"
#include "classify/answer.h"
#include "classify/told.h"

#include <stdlib.h>
#include <string.h>

#define PORT_DNS       53
#define TCP_FLOW_BYTES (1u << 20) /* out-of-order bytes of one direction */
#define TCP_GAP_BYTES  (256u << 10)
#define TCP_GAP_NS     (2 * NS_PER_S)
#define SECOND_FLOWS   4096
#define INFLATE_RATIO  200
#define CONTENT_DEPTH  64
#define LINKS          8192            /* client sides of proxies remembered for LINK_NS */
#define QUIET_NS       (10 * NS_PER_S) /* a reading silent for so long makes room for a new one */

/* ---- creation -------------------------------------------------------------------------------------------
 */

static int create_pools(struct classify *c, struct err *e)
{
	const struct settings *s = c->s;
	size_t n = s->limits.inspected;

	c->readings = pool_create(sizeof(struct reading), n);
	c->blocks = pool_create(ARENA_BLOCK, n * 2);
	c->big_blocks = pool_create(ARENA_BIG_BLOCK, n / 8 + 16);
	c->kept_small = pool_create(KEPT_SMALL, s->limits.flows);
	c->kept_large = pool_create(KEPT_LARGE, s->limits.flows / 16 + 64);
	if (!c->readings || !c->blocks || !c->big_blocks || !c->kept_small || !c->kept_large)
		return err_set(
		        e, "no address space for %zu inspected flows (limits.inspected, limits.flows)", n);
	return 0;
}

/* What look-ups of one address are remembered longest. */
static bool is_service(void *arg, const char *name)
{
	const struct classify *c = arg;

	return facts_match(c, name, NULL).service;
}

static int create_parts(struct classify *c, const struct detect_engine *en, struct err *e)
{
	const struct settings *s = c->s;
	struct tcp_limits tcp = {.streams = s->limits.inspected,
	        .segments_mb = s->limits.segments_mb,
	        .flow_bytes = TCP_FLOW_BYTES,
	        .gap_bytes = TCP_GAP_BYTES,
	        .gap_ns = TCP_GAP_NS};
	struct content_limits content = {.body_limit = s->inspect.body_limit,
	        .inflate_ratio = INFLATE_RATIO,
	        .depth = CONTENT_DEPTH,
	        .decode_bytes = (size_t)s->limits.decode_mb << 20};
	const bool answers = s->inspect.responses != SIGN_OFF;
	/* an answer has text that goes on beside text that does not */
	const size_t bodies = s->limits.bodies * (answers ? 2u : 1u),
	             streams = s->limits.bodies * (answers ? 1u + ANSWER_STREAMS : 1u);

	if (!(c->tcp = tcp_reader_create(&tcp, e)))
		return -1;
	if (!(c->dns = dns_cache_create(s->limits.dns_entries, s->limits.dns_grace_s, e)))
		return -1;
	dns_cache_prefer(c->dns, is_service, c);
	if (!(c->told = told_create()))
		return err_set(e, "no memory");
	if (!(c->certs = hidden_certs_create()))
		return err_set(e, "no memory");
	if (!(c->links = links_create(LINKS, e)))
		return -1;
	if (!(c->detect = detect_worker_create(en, streams, s->limits.findings, e)))
		return -1;
	if (!(c->contents = content_pool_create(bodies, &content)))
		return err_set(e,
		        "no address space for %u bodies (limits.bodies) and %u MiB of decoders "
		        "(limits.decode_mb)",
		        s->limits.bodies, s->limits.decode_mb);
	if (answers && !(c->answers = answer_pool_create(s->limits.bodies)))
		return err_set(e, "no address space for %u answers (limits.bodies)", s->limits.bodies);
	if (!(c->requests = request_pool_create(s->limits.bodies)))
		return err_set(e, "no address space for %u requests (limits.bodies)", s->limits.bodies);
	c->second = second_create(SECOND_FLOWS, e);
	if (!c->second && e->text[0])
		return -1; /* built with nDPI, and it does not start */
	return create_pools(c, e);
}

static void on_hello(void *arg, const struct hello *h);
static void on_name(void *arg, enum name_source by, const char *host, uint16_t port);
static void on_proxied(void *arg, const struct proxied *p);
static void on_cert(void *arg, const struct certificate *cert);
static void on_carrier(void *arg, const struct carrier *what, bool elsewhere);

struct classify *classify_create(
        struct settings *s, const struct detect_engine *en, struct teller tell, struct err *e)
{
	struct classify *c = calloc(1, sizeof(*c));

	if (!c) {
		err_set(e, "no memory");
		return NULL;
	}
	c->s = settings_hold(s);
	c->tell = tell;
	c->sink = (struct sink){.hello = on_hello,
	        .name = on_name,
	        .proxied = on_proxied,
	        .cert = on_cert,
	        .carrier = on_carrier};
	request_sink(&c->sink);
	if (create_parts(c, en, e) < 0) {
		classify_destroy(c);
		return NULL;
	}
	return c;
}

void classify_destroy(struct classify *c)
{
	if (!c)
		return;
	tcp_reader_destroy(c->tcp);
	dns_cache_destroy(c->dns);
	links_destroy(c->links);
	free(c->certs);
	told_destroy(c->told);
	second_destroy(c->second);
	detect_worker_destroy(c->detect);
	content_pool_destroy(c->contents);
	pool_destroy(c->requests);
	pool_destroy(c->answers);
	pool_destroy(c->readings);
	pool_destroy(c->blocks);
	pool_destroy(c->big_blocks);
	pool_destroy(c->kept_small);
	pool_destroy(c->kept_large);
	settings_drop(c->s);
	free(c);
}

/* ---- what the layers say --------------------------------------------------------------------------------
 */

static void copy_text(char *out, size_t cap, const char *in)
{
	size_t n = strlen(in);

	if (n >= cap)
		n = cap - 1;
	memcpy(out, in, n);
	out[n] = '\0';
}

/* The destination is as certain as it will be, or a stronger name came: judge it and tell. */
static void settle(struct classify *c, struct reading *r, int64_t when_ns)
{
	struct facts *x = &r->facts;
	struct account a;

	account_find(x->match.service, x->host, NULL, &a);
	if (a.n || a.plan[0]) {
		copy_text(x->account.plan, sizeof(x->account.plan), a.plan);
		detect_mask(c->detect, a.id[0], strlen(a.id[0]), x->account.id, sizeof(x->account.id));
		copy_text(x->account.by, sizeof(x->account.by), a.by[0]);
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
	copy_text(x->protocol, sizeof(x->protocol), h->quic ? "quic" : "tls");
	if (h->client) {
		x->tls.version = h->version;
		x->tls.ech = h->ech;
		x->tls.group = h->group;
		facts_hello(r->cls, x, h->sni, h->alpn);
		copy_text(x->tls.ja4, sizeof(x->tls.ja4), h->ja4);
		via_link_hello(r->cls, r, h->random, r->flow->last_ns);
		if (h->sni[0] && !hidden_ech(r->cls, r, h, r->flow->last_ns))
			hidden_sni(r->cls, r, h->quic ? NAME_QUIC_SNI : NAME_SNI, h->sni);
		settle(r->cls, r, r->flow->last_ns);
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
		settle(r->cls, r, r->flow->last_ns);
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
	settle(r->cls, r, r->flow->last_ns);
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
	copy_text(r->facts.protocol, sizeof(r->facts.protocol), r->stack.protocol);
	via_hop(r, (enum via_kind)p->kind, p->host, p->port);
	if (p->host[0]) {
		name_literal(c, r, p->host);
		facts_name(c, &r->facts, NAME_SOCKS, p->host, NULL);
	}
	settle(c, r, r->flow->last_ns);
}

/* ---- from flow to reading and back ----------------------------------------------------------------------
 */

/* No memory to read the flow: its record still shows what its addresses tell. */
static void refuse(struct classify *c, struct flow *f, int64_t when_ns)
{
	struct facts x;

	facts_begin(c, &x, f);
	x.why_not = WHY_LIMIT;
	x.unnamed = UNNAMED_LIMIT;
	hidden_address(c, &x, f, when_ns);
	if (x.host[0] || x.match.service)
		x.unnamed = UNNAMED_NOT;
	facts_judge(c, &x, f, when_ns, NULL);
	f->inspect = facts_keep(c, &x);
	c->stats.refused_flows++;
}

static void list_remove(struct classify *c, struct reading *r)
{
	*(r->older ? &r->older->newer : &c->oldest) = r->newer;
	*(r->newer ? &r->newer->older : &c->newest) = r->older;
}

static void list_append(struct classify *c, struct reading *r, int64_t when_ns)
{
	r->older = c->newest;
	r->newer = NULL;
	*(c->newest ? &c->newest->newer : &c->oldest) = r;
	c->newest = r;
	r->touched_ns = when_ns;
}

static void reading_release(struct classify *c, struct reading *r, int64_t when_ns);

/* A block for a new reading; when all are out, that of the flow which was silent longest. */
static struct reading *reading_get(struct classify *c, int64_t when_ns)
{
	struct reading *r;

	while (!(r = pool_get(c->readings))) {
		struct reading *old = c->oldest;

		if (!old || when_ns - old->touched_ns < QUIET_NS)
			return NULL;
		old->facts.why_not |= WHY_LIMIT;
		c->stats.refused_flows++;
		reading_release(c, old, old->flow->last_ns);
	}
	return r;
}

static struct reading *reading_open(
        struct classify *c, struct flow *f, int64_t when_ns, const struct layer_ops *first)
{
	struct reading *r = reading_get(c, when_ns);

	if (!r) {
		refuse(c, f, when_ns);
		return NULL;
	}
	if (f->proto == PROTO_TCP && tcp_open(c->tcp, f) < 0) {
		pool_put(c->readings, r);
		refuse(c, f, when_ns);
		return NULL;
	}
	memset(r, 0, offsetof(struct reading, stack));
	r->second = NULL;
	r->n_told = r->n_findings = 0;
	r->findings = NULL;
	r->more_findings = 0;
	r->form = TRACKED_READING;
	r->udp = f->proto == PROTO_UDP;
	r->cls = c;
	r->flow = f;
	facts_begin(c, &r->facts, f);
	arena_init(&r->arena, c->blocks, READING_BLOCKS_MAX);
	arena_use_big(&r->arena, c->big_blocks);
	r->sink = c->sink;
	r->sink.arg = r;
	hidden_address(c, &r->facts, f, when_ns);
	stack_open(&r->stack, &r->arena, f, !r->udp && !(f->flags & (FLOW_F_SYN | FLOW_F_SYNACK)), &r->sink,
	        first);
	list_append(c, r, when_ns);
	f->inspect = r;
	c->stats.inspected_flows++;
	return r;
}

/* What the layers found goes into the facts; nothing is told after this but the flow record. */
static void reading_finish(struct classify *c, struct reading *r, int64_t when_ns)
{
	struct facts *x = &r->facts;

	list_remove(c, r);
	r->closing = true;
	if (!x->protocol[0])
		copy_text(x->protocol, sizeof(x->protocol), r->stack.protocol);
	stack_close(&r->stack);
	answers_drop(r);
	if (!r->settled)
		settle(c, r, when_ns);
	if (x->tls.seen)
		x->why_not |= WHY_NO_KEY;
	if (r->stack.conn.limited)
		x->why_not |= WHY_LIMIT;
	hidden_finish(c, r);
	evasion_names(c, r, when_ns);
	second_close(c->second, r->second);
	r->second = NULL;
}

static void reading_free(struct classify *c, struct reading *r)
{
	tcp_release(c->tcp, r->flow);
	arena_clear(&r->arena);
	pool_put(c->readings, r);
}

/* All but the reading itself and its findings is given back. */
static void keep_findings(struct classify *c, struct reading *r)
{
	struct finding list[FLOW_FINDINGS_MAX];
	size_t size = r->n_findings * sizeof(*list);

	if (size)
		memcpy(list, r->findings, size);
	tcp_release(c->tcp, r->flow);
	arena_clear(&r->arena);
	r->findings = size ? arena_get(&r->arena, size) : NULL;
	if (r->findings) {
		memcpy(r->findings, list, size);
	} else {
		r->more_findings += r->n_findings;
		r->n_findings = 0;
	}
	r->form = TRACKED_READ;
}

/* Flows to services have their bytes counted for the sums behind the queue, tunnels for their alert. */
static bool is_metered(const struct facts *x)
{
	return x->match.service || x->carrier.name;
}

/* Nothing more can be learned from the flow's bytes: from here on it is merely counted. */
static void reading_release(struct classify *c, struct reading *r, int64_t when_ns)
{
	struct flow *f = r->flow;

	reading_finish(c, r, when_ns);
	if (r->n_findings || r->more_findings) {
		keep_findings(c, r);
		return;
	}
	f->inspect = facts_keep(c, &r->facts);
	if (f->inspect)
		*facts_kept_metered(f->inspect) = r->metered;
	if (is_metered(&r->facts))
		f->flags |= FLOW_F_METERED;
	reading_free(c, r);
}

/* ---- nDPI for what our own probes do not know -----------------------------------------------------------
 */

/* True while nDPI still wants packets of this flow. */
static bool ask_second(struct classify *c, struct reading *r, enum flow_dir dir, const struct packet *p)
{
	if (!c->second || r->facts.direction == DIRECTION_IN)
		return false;
	if (!r->second && !r->second_packets)
		r->second = second_open(c->second);
	if (!r->second)
		return false;
	if (p->payload_len) {
		r->second_packets++;
		if (!second_feed(c->second, r->second, p, dir) && r->second_packets < SECOND_PACKETS_MAX)
			return true;
	} else {
		return true;
	}
	second_result(c->second, r->second, r->facts.protocol, sizeof(r->facts.protocol));
	r->second = NULL;
	return false;
}

/* Our own layers read it after all. */
static void forget_second(struct classify *c, struct reading *r)
{
	second_close(c->second, r->second);
	r->second = NULL;
}

static void protocol_unknown(struct classify *c, struct reading *r, enum flow_dir dir, const struct packet *p)
{
	if (!r->udp && r->stack.conn.midstream && tls_record_probe(p->payload, p->payload_len)) {
		copy_text(r->facts.protocol, sizeof(r->facts.protocol), "tls");
		r->facts.why_not |= WHY_NO_KEY;
		reading_release(c, r, p->ts_ns);
		return;
	}
	r->facts.why_not |= WHY_UNSUPPORTED;
	if (!ask_second(c, r, dir, p))
		reading_release(c, r, p->ts_ns);
}

/* The layers gave up. */
static void reading_failed(struct classify *c, struct reading *r, enum stack_state state, int64_t when_ns)
{
	if (state == STACK_REFUSED) {
		r->facts.why_not |= WHY_LIMIT;
		c->stats.refused_flows++;
	} else {
		r->facts.why_not |= r->facts.tls.seen ? 0 : WHY_UNSUPPORTED;
		c->stats.bad_streams++;
	}
	reading_release(c, r, when_ns);
}

/* ---- packets --------------------------------------------------------------------------------------------
 */

static void read_tcp(
        struct classify *c, struct reading *r, struct flow *f, enum flow_dir dir, const struct packet *p)
{
	enum stack_state state = r->stack.state;
	struct tcp_chunk ch;

	tcp_input(c->tcp, f, dir, p);
	while (tcp_next(c->tcp, f, &ch)) {
		if (ch.what == TCP_DATA) {
			state = stack_feed(&r->stack, ch.dir, ch.p, (size_t)ch.len, ch.when_ns);
		} else if (ch.what == TCP_GAP) {
			r->facts.why_not |= ch.dir == FLOW_C2S ? WHY_GAP : 0; /* answers are not inspected */
			state = stack_gap(&r->stack, ch.dir, ch.len);
		} else {
			r->ended |= (uint8_t)(1u << ch.dir);
		}
		if (state != STACK_READING && state != STACK_UNKNOWN)
			break;
	}
	/* once both sides have ended nothing comes any more, while the flow itself lingers for late packets
	 */
	if (state == STACK_DONE || r->ended == 3 || r->enough)
		reading_release(c, r, p->ts_ns);
	else if (state == STACK_UNKNOWN || (state == STACK_BAD && !*r->stack.protocol))
		protocol_unknown(c, r, dir, p);
	else if (state != STACK_READING)
		reading_failed(c, r, state, p->ts_ns);
	else if (!*r->stack.protocol)
		ask_second(c, r, dir, p); /* a server that speaks first says most in its first words */
	else
		forget_second(c, r);
}

static void read_udp(struct classify *c, struct reading *r, enum flow_dir dir, const struct packet *p)
{
	enum stack_state state;

	if (!r->stack.level[0].ops && r->stack.state != STACK_REFUSED) { /* not QUIC, or no longer */
		protocol_unknown(c, r, dir, p);
		return;
	}
	state = stack_feed(&r->stack, dir, p->payload, p->payload_len, p->ts_ns);
	if (state == STACK_DONE)
		reading_release(c, r, p->ts_ns);
	else if (state == STACK_BAD && !r->facts.tls.seen)
		protocol_unknown(c, r, dir, p);
	else if (state != STACK_READING)
		reading_failed(c, r, state, p->ts_ns);
	else if (!*r->stack.protocol)
		ask_second(c, r, dir, p);
}

static bool dns_flow(const struct flow *f)
{
	return f->port[FLOW_S2C] == PORT_DNS;
}

/* Internal connections are read when they begin with a request that a proxy passes on (RFC
 * 9112 3.2.2, 3.2.3; SOCKS), or say that they are passed on. */
static bool asks_proxy(const struct packet *p)
{
	struct slice s = slice_of(p->payload, p->payload_len), rest;
	const char *space =
	        p->payload_len ? memchr(p->payload, ' ', p->payload_len < 16 ? p->payload_len : 16) : NULL;

	if (p->payload_len && (socks_probe(p->payload, p->payload_len) > 0 ||
	                              proxy_header_probe(p->payload, p->payload_len) > 0))
		return true;
	if (!space)
		return false;
	rest = slice_of(space + 1, s.n - (size_t)(space + 1 - s.p));
	return http1_probe(p->payload, p->payload_len) > 0 &&
	       (slice_starts_nocase(s, "CONNECT ") || slice_starts_nocase(rest, "http://") ||
	               slice_starts_nocase(rest, "https://"));
}

/* What HTTP/2 asks for shows only once it is read. */
static bool http2_preface(const struct packet *p)
{
	return p->payload_len && http2_probe(p->payload, p->payload_len) > 0;
}

/* Is this flow worth reading, now that its first packets are here? */
static bool worth_reading(struct classify *c, const struct flow *f, enum flow_dir dir, const struct packet *p)
{
	switch (facts_direction(c->s, f)) {
	case DIRECTION_OUT:
		return true;
	case DIRECTION_UNKNOWN:
		c->stats.unknown_direction++;
		tell_networks(c, f, p->ts_ns);
		return true;
	case DIRECTION_INTERNAL:
		return networks_proxy(c->s->networks, &f->addr[FLOW_S2C]) ||
		       (dns_flow(f) && f->proto == PROTO_TCP) ||
		       (dir == FLOW_C2S && (asks_proxy(p) || shape_probe(p->payload, p->payload_len) ||
		                                   http2_preface(p)));
	case DIRECTION_IN:
		break;
	}
	return false;
}

static void dns_datagram(struct classify *c, const struct flow *f, enum flow_dir dir, const struct packet *p)
{
	if (dir != FLOW_S2C || !p->payload_len)
		return;
	c->stats.dns_messages++;
	if (dns_message(c->dns, &f->addr[FLOW_C2S], p->payload, p->payload_len, p->ts_ns) < 0)
		c->stats.dns_malformed++;
}

/* Port 53 is DNS unless the first bytes say otherwise; a length may come alone. */
static bool dns_over_tcp(const struct flow *f, const struct packet *p)
{
	enum { LENGTH = 2, HEADER = 12 };
	size_t n = p->payload_len;

	return f->proto == PROTO_TCP && dns_flow(f) &&
	       (n < LENGTH + HEADER || dns_plausible(p->payload + LENGTH, n - LENGTH,
	                                       (size_t)p->payload[0] << 8 | p->payload[1])) &&
	       socks_probe(p->payload, n) <= 0 && tls_probe(p->payload, n) <= 0 &&
	       http1_probe(p->payload, n) <= 0;
}

static struct reading *consider(struct classify *c, struct flow *f, enum flow_dir dir, const struct packet *p)
{
	const struct layer_ops *first = NULL;
	struct reading *r;

	if (!worth_reading(c, f, dir, p))
		return NULL;
	if (f->proto == PROTO_UDP && p->payload_len && quic_probe(p->payload, p->payload_len))
		first = &quic_layer;
	else if (f->proto == PROTO_UDP && carrier_probe_datagram(p->payload, p->payload_len))
		first = &carrier_datagram_layer;
	else if (dns_over_tcp(f, p))
		first = &dns_tcp_layer;
	r = reading_open(c, f, p->ts_ns, first);
	if (r && first == &dns_tcp_layer && r->stack.state == STACK_READING)
		dns_layer_use(r->stack.level[0].state, c->dns);
	return r;
}

/* The first payload of a direction decides whether the flow is read: handshakes and scans cost no reading,
 * and an internal connection shows what it asks for. */
static bool undecided(const struct flow *f, enum flow_dir dir, const struct packet *p)
{
	return p->payload_len && f->payload[dir] == p->payload_wire;
}

#define METER_STEP (1u << 20) /* bytes between two looks at a connection that sends much */

/* Of a flow that is only counted: what is told of it stays told. */
static void meter_kept(struct classify *c, struct flow *f, uint64_t more, int64_t when_ns)
{
	struct facts x;
	void *kept;

	facts_unkeep(c, f->inspect, &x);
	tell_volume(c, f, &x, more, when_ns);
	if (!evasion_tunnel(c, f, &x, when_ns) || !(kept = facts_keep(c, &x)))
		return;
	facts_kept_free(c, f->inspect);
	f->inspect = kept;
	*facts_kept_metered(kept) = f->payload[FLOW_C2S];
}

/* Bytes that left, told a MiB at a time while the connection goes on. */
static void meter(struct classify *c, struct flow *f, int64_t when_ns)
{
	struct reading *r = f->inspect;
	uint64_t *told = r->form == TRACKED_KEPT ? facts_kept_metered(r) : &r->metered, more;

	more = f->payload[FLOW_C2S] - *told;
	if (more < METER_STEP)
		return;
	*told = f->payload[FLOW_C2S];
	if (r->form == TRACKED_KEPT) {
		meter_kept(c, f, more, when_ns);
		return;
	}
	tell_volume(c, f, &r->facts, more, when_ns);
	evasion_tunnel(c, f, &r->facts, when_ns);
}

static void read_packet(struct classify *c, struct flow *f, enum flow_dir dir, const struct packet *p)
{
	struct reading *r = f->inspect;

	bool port_53 = f->proto == PROTO_UDP && dns_flow(f);

	if (port_53 && !r &&
	        (!p->payload_len || dns_plausible(p->payload, p->payload_len, p->payload_wire))) {
		dns_datagram(c, f, dir, p);
		return;
	}
	if (!r) {
		if ((!port_53 && !undecided(f, dir, p)) || !(r = consider(c, f, dir, p)))
			return;
	} else if (r->form != TRACKED_READING) {
		return;
	}
	if (p->ts_ns - r->touched_ns > NS_PER_S) {
		list_remove(c, r);
		list_append(c, r, p->ts_ns);
	}
	if (p->payload_wire > p->payload_len)
		r->facts.why_not |= WHY_TRUNCATED;
	if (r->udp)
		read_udp(c, r, dir, p);
	else
		read_tcp(c, r, f, dir, p);
}

void classify_packet(struct classify *c, struct flow *f, enum flow_dir dir, const struct packet *p)
{
	const struct reading *r;

	read_packet(c, f, dir, p);
	r = f->inspect;
	if (!r || dir != FLOW_C2S)
		return;
	if (!(f->flags & FLOW_F_METERED)) {
		if (r->form != TRACKED_READING || !is_metered(&r->facts))
			return;
		f->flags |= FLOW_F_METERED;
	}
	meter(c, f, p->ts_ns);
}

/* ---- the end --------------------------------------------------------------------------------------------
 */

static void close_tcp(struct classify *c, struct reading *r)
{
	struct flow *f = r->flow;
	struct tcp_chunk ch;

	tcp_close(c->tcp, f);
	while (tcp_next(c->tcp, f, &ch)) {
		if (ch.what == TCP_DATA) {
			stack_feed(&r->stack, ch.dir, ch.p, (size_t)ch.len, ch.when_ns);
		} else if (ch.what == TCP_GAP) {
			r->facts.why_not |= ch.dir == FLOW_C2S ? WHY_GAP : 0; /* answers are not inspected */
			stack_gap(&r->stack, ch.dir, ch.len);
		}
	}
}

static void count_facts(struct classify *c, const struct facts *x)
{
	c->stats.ai_flows += x->match.service != NULL;
	c->stats.named_flows += x->host[0] != '\0';
	for (unsigned i = 0; i < WHY_NOTS; i++)
		c->stats.not_inspected[i] += x->why_not >> i & 1;
}

void classify_end(struct classify *c, struct flow *f, bool tell)
{
	struct reading *r = f->inspect;
	struct facts x;

	if (!r) {
		facts_begin(c, &x, f);
		x.verdict.kind = -1;
		if (dns_flow(f)) {
			copy_text(x.protocol, sizeof(x.protocol), "dns");
			evasion_look_ups(c, f, &x, f->last_ns);
		} else if (facts_leaves(c, &x, f) && x.direction != DIRECTION_IN) {
			x.unnamed = UNNAMED_NO_DATA; /* else it would have been read */
		}
		if (tell)
			tell_flow(c, f, &x, NULL, 0, 0);
		return;
	}
	if (r->form != TRACKED_KEPT) {
		if (r->form == TRACKED_READING) {
			if (!r->udp)
				close_tcp(c, r);
			reading_finish(c, r, f->last_ns);
		}
		evasion_tunnel(c, f, &r->facts, f->last_ns);
		r->facts.of = f->payload[FLOW_C2S];
		tell_volume(c, f, &r->facts, f->payload[FLOW_C2S] - r->metered, f->last_ns);
		count_facts(c, &r->facts);
		if (tell)
			tell_flow(c, f, &r->facts, r->findings, r->n_findings, r->more_findings);
		reading_free(c, r);
	} else {
		facts_unkeep(c, r, &x);
		tell_volume(c, f, &x, f->payload[FLOW_C2S] - *facts_kept_metered(r), f->last_ns);
		evasion_tunnel(c, f, &x, f->last_ns);
		x.of = f->payload[FLOW_C2S];
		count_facts(c, &x);
		if (tell)
			tell_flow(c, f, &x, NULL, 0, 0);
		facts_kept_free(c, r);
	}
	f->inspect = NULL;
}

void classify_stats(const struct classify *c, struct classify_stats *out)
{
	*out = c->stats;
	tcp_reader_stats(c->tcp, &out->tcp);
	out->refused_bodies += content_refused(c->contents);
	out->refused_decoders += content_decoders_refused(c->contents);
}
