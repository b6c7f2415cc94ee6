/* tell_payload.c - alerts on what requests held.
 *
 * Chat clients send the whole conversation with every question, so what was told comes along again and again,
 * on this connection or another one.  A value counts as told when it was told of this flow and service, or of
 * this conversation between the same source and service; an alert in which every value is such a one has the
 * key of the alert that told the newest of them, so that the alerts side counts it.  An alert with a new
 * value is an alert of its own, and the new values make its severity and its sentence.
 *
 * What stands only where the model speaks is its earlier answer: it came from there.  One step less severe,
 * never silent, for whoever writes a request can call any text an answer. */
#include "classify/tell.h"
#include "classify/told.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX 64

/* The findings of one class, new ones first; what alerts only in number does not count alone. */
struct class_findings {
	struct finding list[LIST_MAX];
	size_t n, fresh; /* fresh: of the list, those not told before */
	bool alert, all_told;
	enum severity severity;
	uint8_t confidence;
	uint64_t values;    /* of all value hashes, each once, in any order */
	struct told newest; /* with all_told */
};

static unsigned distinct_values(const struct finding *f, size_t n, const struct detector *d)
{
	unsigned count = 0;

	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		if (f[i].detector != d)
			continue;
		while (k < i && (f[k].detector != d || f[k].value_hash != f[i].value_hash))
			k++;
		count += k == i;
	}
	return count;
}

static bool first_of_value(const struct finding *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (f[k].value_hash == f[i].value_hash && f[k].detector == f[i].detector)
			return false;
	return true;
}

/* Does the value stand where the model speaks, and nowhere else? */
static bool answered(const struct finding *f, size_t n, size_t i)
{
	for (size_t k = 0; k < n; k++)
		if (f[k].value_hash == f[i].value_hash && f[k].speaker != SPEAKER_ASSISTANT)
			return false;
	return true;
}

static enum severity one_lower(enum severity s)
{
	return s > SEVERITY_LOW ? (enum severity)(s - 1) : s;
}

/* ---- what was told --------------------------------------------------------------------------------------
 */

static uint64_t flow_and_service(const struct reading *r, const struct facts *x)
{
	uint64_t service = x->match.service ? x->match.service->index + 1 : 0;

	return hash64(&service, sizeof(service), flow_id(r->flow));
}

/* Where a value can have been told: of this flow and service, and of this conversation (0: it has no number).
 * What came back is told apart from what went out. */
struct places {
	uint64_t here, thread;
};

static struct places sent_places(
        const struct reading *r, const struct facts *x, const struct request_facts *q)
{
	return (struct places){flow_and_service(r, x), q->thread};
}

static struct places received_places(struct places sent)
{
	static const char received[] = "received";

	return (struct places){hash64(received, sizeof(received), sent.here),
	        sent.thread ? hash64(received, sizeof(received), sent.thread) : 0};
}

static bool find_told(const struct classify *c, struct places p, uint64_t value, struct told *out)
{
	return told_find(c->told, p.here, value, out) ||
	       (p.thread && told_find(c->told, p.thread, value, out));
}

static void put_told(struct classify *c, struct places p, uint64_t value, struct told what)
{
	told_put(c->told, p.here, value, what);
	if (p.thread)
		told_put(c->told, p.thread, value, what);
}

/* Sets `again`, and remembers all of them as told in `in`; `also`: where they can have been told too. */
static void mark_told(struct classify *c, const struct reading *r, struct places in,
        const struct places *also, struct finding *f, size_t n, struct told *told)
{
	uint32_t number = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t value = f[i].value_hash;

		f[i].again =
		        find_told(c, in, value, &told[i]) || (also && find_told(c, *also, value, &told[i]));
		if (f[i].again && number && told[i].number == number)
			f[i].again = false; /* by another field of this message */
		else if (!f[i].again)
			told[i] = (struct told){
			        flow_id(r->flow), number ? number : (number = told_number(c->told))};
		put_told(c, in, value, told[i]);
		if (!also)
			told_put(c->told, flow_id(r->flow), value, told[i]);
	}
}

/* The proxy's own connection tells what the client's did not: a proxy that adds something, or somebody who
 * only pretends to be one. */
static bool told_of_client(
        const struct classify *c, const struct facts *x, const struct finding *list, size_t n)
{
	struct told t;

	for (size_t i = 0; i < n; i++)
		if (!told_find(c->told, x->linked, list[i].value_hash, &t))
			return false;
	return true;
}

/* ---- one class ------------------------------------------------------------------------------------------
 */

static void weigh(struct class_findings *g, const struct verdict *v, const struct finding *f, size_t n,
        size_t i, bool whole, const struct told *told)
{
	struct payload_verdict p;
	enum severity severity;

	if (distinct_values(f, n, f[i].detector) < f[i].detector->alert_from)
		return;
	p = verdict_payload(v, f[i].detector->class, f[i].detector->severity);
	if (!p.alert)
		return;
	if (first_of_value(f, i))
		g->values += f[i].value_hash;
	/* what is new decides, as soon as there is something */
	if (!f[i].again && g->all_told) {
		g->all_told = false;
		g->severity = SEVERITY_INFO;
		g->confidence = 0;
	}
	g->alert = true;
	if (g->all_told && told->number > g->newest.number)
		g->newest = *told;
	if (f[i].again && !g->all_told)
		return;
	severity = whole && !f[i].received && answered(f, n, i) ? one_lower(p.severity) : p.severity;
	if (severity > g->severity)
		g->severity = severity;
	if (f[i].confidence > g->confidence)
		g->confidence = f[i].confidence;
}

/* `whole`: no finding was left out, so that what is not in the list was not there. */
static void collect(struct class_findings *g, const struct verdict *v, enum data_class class,
        const struct finding *f, size_t n, bool whole, const struct told *told)
{
	g->n = g->fresh = 0;
	g->alert = false;
	g->all_told = true;
	g->severity = SEVERITY_INFO;
	g->confidence = 0;
	g->values = 0;
	g->newest = (struct told){0, 0};
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < n; i++) {
			if (f[i].detector->class != class || f[i].again != again || g->n == LIST_MAX)
				continue;
			g->list[g->n++] = f[i];
			g->fresh += !again;
			weigh(g, v, f, n, i, whole, &told[i]);
		}
}

/* "2 GitHub tokens, AWS access key" - at most three kinds by name */
static void name_findings(const struct finding *list, size_t n, char *out, size_t cap)
{
	const struct detector *seen[3];
	size_t k = 0, used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < n && k < 3; i++) {
		const struct detector *d = list[i].detector;
		unsigned count;
		size_t s = 0;
		int w;

		while (s < k && seen[s] != d)
			s++;
		if (s < k)
			continue;
		seen[k++] = d;
		count = distinct_values(list, n, d);
		w = snprintf(out + used, cap - used, count > 1 ? "%s%s (%u)" : "%s%s", used ? ", " : "",
		        d->name, count);
		if (w < 0 || (size_t)w >= cap - used)
			break;
		used += (size_t)w;
	}
}

/* ---- the alerts -----------------------------------------------------------------------------------------
 */

static const char *advice(enum data_class class, bool received)
{
	if (received)
		return "ask whose it is and how the service came by it";
	return class == CLASS_SECRET ? "revoke it and tell the sender" : "ask the sender and have it deleted";
}

static void tell_class(struct classify *c, struct reading *r, const struct facts *x,
        const struct request_facts *q, struct class_findings *g, enum data_class class, uint32_t more,
        int64_t when_ns)
{
	const bool received = g->list[0].received;
	const bool again = g->all_told;
	char summary[900], a[96], b[448], what[256], before[48] = "";
	const char *where = received ? " of the answer" : "";
	const uint64_t about[2] = {g->values,
	        /* the same value sent elsewhere is news */
	        x->match.service ? x->match.service->index + 1 : 0};
	struct event ev = {.type = EVENT_ALERT,
	        .kind = ALERT_PAYLOAD_SENSITIVE,
	        .severity = received ? one_lower(g->severity) : g->severity,
	        .confidence = g->confidence,
	        .when_ns = when_ns,
	        .summary = summary,
	        .flow = r->flow,
	        .facts = x,
	        .request = q,
	        .findings = g->list,
	        .n_findings = g->n,
	        .more_findings = more,
	        .class = class};

	name_findings(g->list, again ? g->n : g->fresh, what, sizeof(what));
	if (!again && g->fresh < g->n)
		snprintf(before, sizeof(before), ", beside %zu told before", g->n - g->fresh);
	if (g->list[0].speaker == SPEAKER_ASSISTANT && !received && answered(g->list, g->n, 0))
		where = ", in an earlier answer";
	snprintf(summary, sizeof(summary), "%s %s %s%s %s %s (%s%s%s); %s",
	        tell_who(c, r->flow, x, a, sizeof(a)), received ? "received" : "sent", what,
	        again ? " again" : "", received ? "from" : "to", tell_where(r->flow, x, b, sizeof(b)),
	        g->list[0].field, where, before, advice(class, received));
	ev.repeat_key = tell_repeat_key(again ? g->newest.scope : flow_id(r->flow),
	        ev.kind + ((int)class + (received ? CLASSES : 0)) * ALERT_KINDS, about, sizeof(about));
	tell_emit(c, &ev);
}

static void tell_classes(struct classify *c, struct reading *r, const struct facts *x,
        const struct request_facts *q, const struct finding *f, size_t n, uint32_t more,
        const struct told *told, bool fresh_only, int64_t when_ns)
{
	static _Thread_local struct class_findings g;

	for (int class = 0; class < CLASSES; class ++) {
		collect(&g, &x->verdict, (enum data_class) class, f, n, !more, told);
		if (g.alert && !(fresh_only && g.all_told))
			tell_class(c, r, x, q, &g, (enum data_class) class, more, when_ns);
	}
}

/* Does what is sent go to somebody else?  An internal host that is asked for a service by name (a gateway, a
 * proxy that nobody calls one) passes on what it gets; a model of one's own that the register permits keeps
 * it. */
static bool goes_out(const struct classify *c, const struct facts *x, const struct flow *f)
{
	const struct service *s = x->match.service;

	return facts_leaves(c, x, f) || (s && (x->verdict.kind >= 0 || strcmp(s->kind, "self-hosted") != 0));
}

void tell_payload(struct classify *c, struct reading *r, const struct facts *x, const struct request_facts *q,
        struct finding *findings, size_t n, uint32_t more, int64_t when_ns)
{
	struct told told[LIST_MAX];

	n = n < LIST_MAX ? n : LIST_MAX;
	if (!goes_out(c, x, r->flow) || (x->onward && told_of_client(c, x, findings, n)))
		return;
	mark_told(c, r, sent_places(r, x, q), NULL, findings, n, told);
	tell_classes(c, r, x, q, findings, n, more, told, false, when_ns);
}

void tell_answer(struct classify *c, struct reading *r, const struct facts *x, const struct request_facts *q,
        struct finding *findings, size_t n, uint32_t more, int64_t when_ns)
{
	const struct places sent = sent_places(r, x, q);
	struct told told[LIST_MAX];

	n = n < LIST_MAX ? n : LIST_MAX;
	if (c->s->inspect.responses != SIGN_ALERT || !goes_out(c, x, r->flow) || x->onward)
		return;
	mark_told(c, r, received_places(sent), &sent, findings, n, told);
	tell_classes(c, r, x, q, findings, n, more, told, true, when_ns);
}
