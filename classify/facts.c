/* facts.c - what is known of a flow: its direction, the names it goes by, the service and the verdict. */
#include "classify/reading.h"

#include <string.h>

enum flow_direction facts_direction(const struct settings *s, const struct flow *f)
{
	bool client = networks_internal(s->networks, &f->addr[FLOW_C2S]);
	bool server = networks_internal(s->networks, &f->addr[FLOW_S2C]);

	if (client)
		return server ? DIRECTION_INTERNAL : DIRECTION_OUT;
	return server ? DIRECTION_IN : DIRECTION_UNKNOWN;
}

void facts_begin(struct classify *c, struct facts *x, const struct flow *f)
{
	*x = (struct facts){.by = NAME_NONE};
	x->direction = facts_direction(c->s, f);
	x->group = networks_group(c->s->networks, &f->addr[FLOW_C2S]);
}

static void note_also(struct facts *x, enum name_source by, const char *host)
{
	if (!strcmp(x->host, host))
		return;
	for (unsigned i = 0; i < x->n_also; i++)
		if (x->also[i].by == by || !strcmp(x->also[i].host, host))
			return;
	if (x->n_also == FACT_ALSO_MAX || strlen(host) >= sizeof(x->also->host))
		return;
	x->also[x->n_also].by = by;
	memcpy(x->also[x->n_also].host, host, strlen(host) + 1);
	x->n_also++;
}

void facts_name(struct classify *c, struct facts *x, enum name_source by, const char *host, const char *path)
{
	struct service_match m = catalogue_host(c->s->catalogue, host, path);

	if (x->by != NAME_NONE && by > x->by) { /* weaker than what we have */
		note_also(x, by, host);
		return;
	}
	if (x->by == by && x->match.service && !m.service) {
		note_also(x, by, host); /* a later request of the connection to something else */
		return;
	}
	if (x->by != NAME_NONE && x->host[0] && strcmp(x->host, host) != 0) {
		char was[HOST_MAX];

		memcpy(was, x->host, sizeof(was));
		memcpy(x->host, host, strlen(host) + 1);
		note_also(x, x->by, was);
	} else {
		memcpy(x->host, host, strlen(host) + 1);
	}
	x->by = by;
	x->match = m;
}

/* A host that carries no content (telemetry, CDN, sign-in) shows contact, not use: the verdict is recorded, but it
 * raises no alert by itself. */
void facts_judge(struct classify *c, struct facts *x, const struct flow *f, int64_t when_ns, const char *account)
{
	if (!x->match.service) {
		x->verdict = (struct verdict){.value = VERDICT_NONE, .kind = -1};
		return;
	}
	verdict_decide(c->s, x->match.service, &f->addr[FLOW_C2S], when_ns, account, &x->verdict);
	if (x->match.rule && !host_role_carries(x->match.rule->role))
		x->verdict.kind = -1;
}

/* ---- what is kept of a flow that is no longer read: fixed part, then its strings ------------------------- */

struct kept {
	uint8_t form, direction, by, n_also, verdict, visibility, tls_flags, also_by[FACT_ALSO_MAX];
	uint16_t group, tls_version, tls_group;
	uint32_t requests;
	unsigned why_not;
	uint64_t inspected, of;
	struct service_match match;
	const struct partner *partner;
	uint8_t large;
	char text[]; /* host, also..., protocol, alpn, sni, ja4, each with its NUL */
};

#define KEPT_SMALL 256
#define KEPT_LARGE 2048

static char *put_text(char *p, const char *end, const char *s)
{
	size_t n = strlen(s) + 1;

	if (!p || (size_t)(end - p) < n)
		return NULL;
	memcpy(p, s, n);
	return p + n;
}

static const char *get_text(const char *p, char *out, size_t cap)
{
	size_t n = strlen(p);

	if (n < cap)
		memcpy(out, p, n + 1);
	return p + n + 1;
}

static bool keep_into(struct kept *k, size_t size, const struct facts *x)
{
	char *p = k->text;
	const char *end = (const char *)k + size;

	*k = (struct kept){.form = TRACKED_KEPT,
		.direction = (uint8_t)x->direction,
		.by = (uint8_t)x->by,
		.n_also = (uint8_t)x->n_also,
		.verdict = (uint8_t)x->verdict.value,
		.visibility = (uint8_t)x->visibility,
		.tls_flags = (uint8_t)(x->tls.seen | x->tls.ech << 1 | x->tls.resumed << 2 | x->verdict.review_due << 3),
		.group = x->group,
		.tls_version = x->tls.version,
		.tls_group = x->tls.group,
		.requests = x->requests,
		.why_not = x->why_not,
		.inspected = x->inspected,
		.of = x->of,
		.match = x->match,
		.partner = x->verdict.partner,
		.large = size == KEPT_LARGE};
	p = put_text(p, end, x->host);
	for (unsigned i = 0; i < x->n_also; i++) {
		k->also_by[i] = (uint8_t)x->also[i].by;
		p = put_text(p, end, x->also[i].host);
	}
	p = put_text(p, end, x->protocol);
	p = put_text(p, end, x->tls.alpn);
	p = put_text(p, end, strcmp(x->tls.sni, x->host) == 0 ? "=" : x->tls.sni);
	p = put_text(p, end, x->tls.ja4);
	return p != NULL;
}

void *facts_keep(struct classify *c, const struct facts *x)
{
	struct kept *k = pool_get(c->kept_small);

	if (k && keep_into(k, KEPT_SMALL, x))
		return k;
	pool_put(c->kept_small, k);
	k = pool_get(c->kept_large);
	if (k && keep_into(k, KEPT_LARGE, x))
		return k;
	pool_put(c->kept_large, k);
	c->stats.refused_flows++;
	return NULL;
}

void facts_unkeep(struct classify *c, const void *kept, struct facts *x)
{
	const struct kept *k = kept;
	const char *p = k->text;

	(void)c;
	*x = (struct facts){.direction = k->direction,
		.group = k->group,
		.match = k->match,
		.by = k->by,
		.n_also = k->n_also,
		.verdict = {.value = k->verdict, .kind = -1, .partner = k->partner, .review_due = k->tls_flags >> 3 & 1},
		.tls = {.seen = k->tls_flags & 1,
			.ech = k->tls_flags >> 1 & 1,
			.resumed = k->tls_flags >> 2 & 1,
			.version = k->tls_version,
			.group = k->tls_group},
		.visibility = k->visibility,
		.inspected = k->inspected,
		.of = k->of,
		.why_not = k->why_not,
		.requests = k->requests};
	p = get_text(p, x->host, sizeof(x->host));
	for (unsigned i = 0; i < k->n_also; i++) {
		x->also[i].by = k->also_by[i];
		p = get_text(p, x->also[i].host, sizeof(x->also[i].host));
	}
	p = get_text(p, x->protocol, sizeof(x->protocol));
	p = get_text(p, x->tls.alpn, sizeof(x->tls.alpn));
	p = get_text(p, x->tls.sni, sizeof(x->tls.sni));
	if (!strcmp(x->tls.sni, "="))
		memcpy(x->tls.sni, x->host, sizeof(x->host));
	get_text(p, x->tls.ja4, sizeof(x->tls.ja4));
}

void facts_kept_free(struct classify *c, void *kept)
{
	struct kept *k = kept;

	pool_put(k->large ? c->kept_large : c->kept_small, k);
}
