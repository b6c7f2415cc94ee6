/* reading.c - from flow to reading and back: a flow that is read has a reading until nothing more can be
 * learned from its bytes; then what its record needs is kept in as little as it takes. */
#include "classify/reading.h"

#include "base/clock.h"
#include "classify/answer.h"
#include "classify/evasion.h"

#include <string.h>

#define QUIET_NS (10 * NS_PER_S) /* a reading silent for so long makes room for a new one */

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

void reading_touch(struct classify *c, struct reading *r, int64_t when_ns)
{
	list_remove(c, r);
	list_append(c, r, when_ns);
}

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

struct reading *reading_open(
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

void reading_finish(struct classify *c, struct reading *r, int64_t when_ns)
{
	struct facts *x = &r->facts;

	list_remove(c, r);
	r->closing = true;
	if (!x->protocol[0])
		text_copy(x->protocol, sizeof(x->protocol), r->stack.protocol);
	stack_close(&r->stack);
	answers_drop(r);
	if (!r->settled)
		reading_settle(c, r, when_ns);
	if (x->tls.seen)
		x->why_not |= WHY_NO_KEY;
	if (r->stack.conn.limited)
		x->why_not |= WHY_LIMIT;
	hidden_finish(c, r);
	evasion_names(c, r, when_ns);
	second_close(c->second, r->second);
	r->second = NULL;
}

void reading_free(struct classify *c, struct reading *r)
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

void reading_release(struct classify *c, struct reading *r, int64_t when_ns)
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
	if (facts_metered(&r->facts))
		f->flags |= FLOW_F_METERED;
	reading_free(c, r);
}
