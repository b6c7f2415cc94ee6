/* classify.c - which flows are read and how long; reading.c has what is kept of the others.
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
#define LINKS          8192 /* client sides of proxies remembered for LINK_NS */

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
	        .inflate_ratio = CONTENT_INFLATE_RATIO,
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
	learned_sink(&c->sink);
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
		text_copy(r->facts.protocol, sizeof(r->facts.protocol), "tls");
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
		reading_touch(c, r, p->ts_ns);
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
		if (r->form != TRACKED_READING || !facts_metered(&r->facts))
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

void classify_end(struct classify *c, struct flow *f, bool tell)
{
	struct reading *r = f->inspect;
	struct facts x;

	if (!r) {
		facts_begin(c, &x, f);
		x.verdict.kind = -1;
		if (dns_flow(f)) {
			text_copy(x.protocol, sizeof(x.protocol), "dns");
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
		facts_count(c, &r->facts);
		if (tell)
			tell_flow(c, f, &r->facts, r->findings, r->n_findings, r->more_findings);
		reading_free(c, r);
	} else {
		facts_unkeep(c, r, &x);
		tell_volume(c, f, &x, f->payload[FLOW_C2S] - *facts_kept_metered(r), f->last_ns);
		evasion_tunnel(c, f, &x, f->last_ns);
		x.of = f->payload[FLOW_C2S];
		facts_count(c, &x);
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
	out->readings = pool_used(c->readings);
	out->bodies = pool_used(c->requests);
}
