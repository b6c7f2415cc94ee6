/* tell.c - events with their one sentence for a person: who, where to, what, how sure, what to do. */
#include "classify/tell.h"

#include "base/hash.h"
#include "classify/names/carrier.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

uint64_t tell_repeat_key(uint64_t scope, int kind, const void *about, size_t n)
{
	return hash64(about, n, hash64(&kind, sizeof(kind), scope)) | 1;
}

static uint64_t repeat_key(const struct flow *f, int kind, const void *about, size_t n)
{
	return tell_repeat_key(flow_id(f), kind, about, n);
}

#define PROBABLY 80 /* below this confidence of the name a sentence says "probably" */

void tell_emit(struct classify *c, struct event *ev)
{
	if (ev->type == EVENT_ALERT)
		c->stats.alerts[ev->kind]++;
	c->tell.tell(c->tell.arg, ev);
}

const char *tell_who(
        const struct classify *c, const struct flow *f, const struct facts *x, char *buf, size_t cap)
{
	char ip[IP_TEXT_MAX];
	const char *group = networks_group_name(c->s->networks, x->group);

	snprintf(buf, cap, "%s%s%s%s", ip_format(facts_source(x, f), ip), group[0] ? " (" : "", group,
	        group[0] ? ")" : "");
	return buf;
}

const char *tell_where(const struct flow *f, const struct facts *x, char *buf, size_t cap)
{
	char ip[IP_TEXT_MAX], proxy[IP_TEXT_MAX];
	const char *host = x->host[0] ? x->host : ip_format(&f->addr[FLOW_S2C], ip);
	int n;

	if (x->match.service)
		n = snprintf(buf, cap, "%s at %s", x->match.service->name, host);
	else
		n = snprintf(buf, cap, "%s", host);
	if (x->via.n && n > 0 && (size_t)n < cap)
		snprintf(buf + n, cap - (size_t)n,
		        x->via.n > 1 ? " through %s:%u and %u more" : " through %s:%u",
		        ip_format(&f->addr[FLOW_S2C], proxy), f->port[FLOW_S2C], x->via.n - 1u);
	return buf;
}

/* What the reader should do about it, by kind. */
static const char *advice(int kind)
{
	switch (kind) {
	case ALERT_DESTINATION_UNAPPROVED:
		return "stop the use or register a partner entry";
	case ALERT_DESTINATION_SOURCE:
		return "use it from a covered network or extend the entry";
	case ALERT_DESTINATION_EXPIRED:
		return "renew the contract or stop the use";
	case ALERT_DESTINATION_ACCOUNT:
		return "use the contract's account";
	case ALERT_DESTINATION_TOLERATED:
		return "first use today, for your information";
	}
	return "look into it";
}

static bool told_before(struct reading *r, const struct service *svc, int kind)
{
	for (unsigned i = 0; i < r->n_told; i++)
		if (r->told[i].service == svc && r->told[i].kind == kind)
			return true;
	if (r->n_told < FLOW_SERVICES_MAX) {
		r->told[r->n_told].service = svc;
		r->told[r->n_told++].kind = kind;
	}
	return false; /* with too many to remember, the alerts side knows the repeat by its key */
}

/* How sure a name makes the destination; a name that was inferred is worth less than one that was said. */
void tell_destination(struct classify *c, struct reading *r, const struct facts *x,
        const struct request_facts *q, int64_t when_ns)
{
	char summary[900], a[96], b[448];
	struct event ev = {.type = EVENT_ALERT,
	        .kind = x->verdict.kind,
	        .severity = x->verdict.severity,
	        .confidence = facts_sure(x),
	        .when_ns = when_ns,
	        .summary = summary,
	        .flow = r->flow,
	        .facts = x,
	        .request = q,
	        .first_use_only = x->verdict.first_use_only};

	if (x->onward) /* told on the client's connection to the proxy */
		return;
	if (x->possible) {
		ev.severity = x->verdict.severity > SEVERITY_INFO ? x->verdict.severity - 1 : SEVERITY_INFO;
		ev.first_use_only = ev.first_by_source = true;
	}
	if (!x->match.service || x->verdict.kind < 0 || told_before(r, x->match.service, x->verdict.kind))
		return;
	snprintf(summary, sizeof(summary), "%s %s %s%s%s%s: %s; %s", tell_who(c, r->flow, x, a, sizeof(a)),
	        x->possible                ? "possibly uses"
	        : facts_sure(x) < PROBABLY ? "probably uses"
	                                   : "uses",
	        tell_where(r->flow, x, b, sizeof(b)), x->evidence[0] ? " (" : "", x->evidence,
	        x->evidence[0] ? ")" : "", x->verdict.why, advice(x->verdict.kind));
	ev.repeat_key = repeat_key(r->flow, ev.kind, x->match.service->id, strlen(x->match.service->id));
	tell_emit(c, &ev);
}

void tell_suspected(struct classify *c, struct reading *r, const struct facts *x,
        const struct request_facts *q, const struct shape *shape, int64_t when_ns)
{
	char summary[900], a[96], b[448], evidence[160];
	uint64_t about = hash64(shape->name, strlen(shape->name), 0);
	struct event ev = {.type = EVENT_ALERT,
	        .kind = ALERT_DESTINATION_SUSPECTED,
	        .severity = c->s->alerts.severity[ALERT_DESTINATION_SUSPECTED],
	        .confidence = shape->sure,
	        .when_ns = when_ns,
	        .summary = summary,
	        .flow = r->flow,
	        .facts = x,
	        .request = q};

	if (x->onward || x->match.service || !facts_leaves(c, x, r->flow) ||
	        told_before(r, NULL, ALERT_DESTINATION_SUSPECTED))
		return;
	snprintf(summary, sizeof(summary),
	        "%s uses what looks like %s at %s, which is in no catalogue: %s; find out whose it is, then "
	        "register or "
	        "block it",
	        tell_who(c, r->flow, x, a, sizeof(a)), shape_looks_like(shape),
	        tell_where(r->flow, x, b, sizeof(b)), shape_evidence(shape, evidence, sizeof(evidence)));
	ev.repeat_key = repeat_key(r->flow, ev.kind, &about, sizeof(about));
	tell_emit(c, &ev);
}

void tell_volume(
        struct classify *c, const struct flow *f, const struct facts *x, uint64_t bytes, int64_t when_ns)
{
	char summary[640], a[96], b[448];
	struct event ev = {.type = EVENT_VOLUME,
	        .kind = ALERT_VOLUME_EXCEEDED,
	        .when_ns = when_ns,
	        .summary = summary,
	        .flow = f,
	        .facts = x,
	        .bytes_out = bytes};

	if (!bytes || x->onward || !x->match.service || !facts_leaves(c, x, f))
		return;
	snprintf(summary, sizeof(summary), "%s sends to %s", tell_who(c, f, x, a, sizeof(a)),
	        tell_where(f, x, b, sizeof(b)));
	tell_emit(c, &ev);
}

/* ---- flows and the sensor itself ------------------------------------------------------------------------
 */

void tell_flow(struct classify *c, const struct flow *f, const struct facts *x,
        const struct finding *findings, size_t n, uint32_t more)
{
	struct event ev = {.type = EVENT_FLOW,
	        .kind = -1,
	        .when_ns = f->last_ns,
	        .flow = f,
	        .facts = x,
	        .findings = findings,
	        .n_findings = n,
	        .more_findings = more};

	tell_emit(c, &ev);
}

/* "why, and what to do", by kind of sign. */
static const char *evasion_words(int kind, const struct facts *x)
{
	switch (kind) {
	case ALERT_EVASION_ECH:
		return "hides the name of a service (ECH)";
	case ALERT_EVASION_FRONTING:
		return "names two destinations on one connection";
	case ALERT_EVASION_DOH:
		return "looks up names where the sensor cannot see them";
	default:
		return x->carrier.sort == CARRIER_DESKTOP ? "uses a remote desktop or shares a screen"
		                                          : "sends through a tunnel";
	}
}

void tell_evasion(struct classify *c, const struct flow *f, const struct facts *x, const struct evasion *e,
        int64_t when_ns)
{
	char summary[900], a[96], b[448];
	struct event ev = {.type = EVENT_ALERT,
	        .kind = e->kind,
	        .severity = c->s->alerts.severity[e->kind],
	        .confidence = e->confidence,
	        .when_ns = when_ns,
	        .summary = summary,
	        .flow = f,
	        .facts = x,
	        .first_use_only = e->kind == ALERT_EVASION_DOH};

	if (x->onward)
		return;
	snprintf(summary, sizeof(summary),
	        "%s %s, to %s: %s; ask the user, or block it if your policy forbids it",
	        tell_who(c, f, x, a, sizeof(a)), evasion_words(e->kind, x), tell_where(f, x, b, sizeof(b)),
	        e->evidence);
	ev.repeat_key = repeat_key(f, ev.kind, &e->kind, sizeof(e->kind));
	tell_emit(c, &ev);
}

void tell_posture(struct classify *c, struct reading *r, const char *what, int64_t when_ns)
{
	const struct facts *x = &r->facts;
	char summary[900], a[96], b[448];
	struct event ev = {.type = EVENT_ALERT,
	        .kind = ALERT_POSTURE_TLS,
	        .severity = c->s->alerts.severity[ALERT_POSTURE_TLS],
	        .confidence = 99,
	        .when_ns = when_ns,
	        .summary = summary,
	        .flow = r->flow,
	        .facts = x,
	        .first_use_only = true};

	if (told_before(r, NULL, ALERT_POSTURE_TLS))
		return;
	snprintf(summary, sizeof(summary), "%s speaks with %s: %s; tell the owner of the contract",
	        tell_who(c, r->flow, x, a, sizeof(a)), tell_where(r->flow, x, b, sizeof(b)), what);
	ev.repeat_key = repeat_key(r->flow, ev.kind, x->match.service->id, strlen(x->match.service->id));
	tell_emit(c, &ev);
}

void tell_uncovered(const struct flow *f, char *buf, size_t cap)
{
	const struct ip_addr *client = &f->addr[FLOW_C2S], *server = &f->addr[FLOW_S2C];
	char a[IP_TEXT_MAX], b[IP_TEXT_MAX];
	bool one = ip_equal(client, server); /* a host that speaks to itself */

	snprintf(buf, cap,
	        "%s%s%s%s is %sinternal: your internal networks do not cover what this port sees; set "
	        "networks.internal",
	        one ? "" : "neither ", ip_format(client, a), one ? "" : " nor ",
	        one ? "" : ip_format(server, b), one ? "not " : "");
}

void tell_networks(struct classify *c, const struct flow *f, int64_t when_ns)
{
	static atomic_flag told = ATOMIC_FLAG_INIT; /* once for all workers */
	static const char *const names[] = {"flows"};
	const uint64_t one = 1;
	char summary[256];
	struct event ev = {.type = EVENT_SENSOR,
	        .kind = ALERT_SENSOR_NETWORKS,
	        .severity = c->s->alerts.severity[ALERT_SENSOR_NETWORKS],
	        .confidence = 100,
	        .when_ns = when_ns,
	        .summary = summary,
	        .counter_names = names,
	        .counters = &one,
	        .n_counters = 1};

	if (atomic_flag_test_and_set(&told))
		return;
	tell_uncovered(f, summary, sizeof(summary));
	tell_emit(c, &ev);
}
