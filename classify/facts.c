/* facts.c - what is known of a flow: its direction, the names it goes by, the service and the verdict. */
#include "classify/reading.h"

#include <stdio.h>
#include <string.h>

/* Multicast, broadcast and the unspecified address do not leave the site, whatever networks.internal says. */
static bool stays_here(const struct ip_addr *a)
{
	static const struct ip_addr none,
	        broadcast = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 255, 255, 255, 255}};

	if (!ip_is4(a))
		return a->b[0] == 0xff || ip_equal(a, &none);
	return (a->b[12] & 0xf0) == 0xe0 || ip_equal(a, &broadcast) ||
	       !(a->b[12] | a->b[13] | a->b[14] | a->b[15]);
}

bool facts_metered(const struct facts *x)
{
	return x->match.service || x->carrier.name;
}

enum flow_direction facts_direction(const struct settings *s, const struct flow *f)
{
	const struct ip_addr *c = &f->addr[FLOW_C2S], *v = &f->addr[FLOW_S2C];
	bool client = networks_internal(s->networks, c) || stays_here(c);
	bool server = networks_internal(s->networks, v) || stays_here(v);

	if (client)
		return server ? DIRECTION_INTERNAL : DIRECTION_OUT;
	return server ? DIRECTION_IN : DIRECTION_UNKNOWN;
}

bool facts_leaves(const struct classify *c, const struct facts *x, const struct flow *f)
{
	return x->direction != DIRECTION_INTERNAL || x->via.n ||
	       networks_proxy(c->s->networks, &f->addr[FLOW_S2C]);
}

void facts_begin(struct classify *c, struct facts *x, const struct flow *f)
{
	*x = (struct facts){.by = NAME_NONE};
	x->direction = facts_direction(c->s, f);
	x->group = networks_group(c->s->networks, &f->addr[FLOW_C2S]);
}

/* What goes out may not carry a secret, and labels are free text to whoever owns the zone; short ones hold
 * none. */
#define LABEL_HARMLESS 11

void facts_shown(struct classify *c, const char *name, char *out, size_t cap)
{
	size_t n = strlen(name), label = 0, longest = 0;

	for (size_t i = 0; i < n; i++) {
		label = name[i] == '.' ? 0 : label + 1;
		if (label > longest)
			longest = label;
	}
	if (longest > LABEL_HARMLESS) {
		detect_mask(c->detect, name, n, out, cap);
		return;
	}
	n = n < cap ? n : cap - 1;
	memcpy(out, name, n);
	out[n] = '\0';
}

void facts_hello(struct classify *c, struct facts *x, const char *sni, const char *alpn)
{
	facts_shown(c, sni, x->tls.sni, sizeof(x->tls.sni));
	if (alpn[0])
		facts_shown(c, alpn, x->tls.alpn, sizeof(x->tls.alpn));
}

/* A literal address as a name says less than any real name of the same flow. */
static bool literal(const char *host)
{
	struct ip_addr a;

	return !ip_parse(host, &a);
}

struct service_match facts_match(const struct classify *c, const char *host, const char *path)
{
	char below[HOST_MAX];
	struct service_match m;
	struct ip_addr a;

	/* a certificate's wildcard stands for any one label, so for one that nobody has in a rule */
	if (host[0] == '*') {
		snprintf(below, sizeof(below), "x%.*s", HOST_MAX - 2, host + 1);
		host = below;
	}
	m = ip_parse(host, &a) < 0 ? catalogue_host(c->s->catalogue, host, path)
	                           : catalogue_address(c->s->catalogue, &a);
	/* resolvers, VPNs and remote desktops stand in the catalogue to be known */
	if (m.service && m.service->use != USE_AI)
		return (struct service_match){.service = NULL};
	return m;
}

static void note_also(struct facts *x, enum name_source by, const char *host)
{
	if (!strcmp(x->host, host))
		return;
	for (unsigned i = 0; i < x->n_also; i++)
		if (!strcmp(x->also[i].host, host))
			return;
	if (x->n_also == FACT_ALSO_MAX || strlen(host) >= sizeof(x->also->host))
		return;
	x->also[x->n_also].by = by;
	memcpy(x->also[x->n_also].host, host, strlen(host) + 1);
	x->n_also++;
}

void facts_name(struct classify *c, struct facts *x, enum name_source by, const char *host, const char *path)
{
	struct service_match m = facts_match(c, host, path);
	bool weaker = x->by != NAME_NONE && by > x->by;
	char shown[HOST_MAX], was[HOST_MAX];

	facts_shown(c, host, shown, sizeof(shown));
	if (x->host[0] && literal(host) != literal(x->host))
		weaker = literal(host);
	/* what a tunnel was asked for names no service, the hello inside does: the service is what the user
	 * reaches */
	if (weaker && m.service && !x->match.service && by <= NAME_QUIC_SNI &&
	        (x->by == NAME_CONNECT || x->by == NAME_SOCKS))
		weaker = false;
	/* a later request of the connection to something else does not take its service away */
	if (weaker || (x->by == by && x->match.service && !m.service)) {
		note_also(x, by, shown);
		return;
	}
	memcpy(was, x->host, sizeof(was));
	memcpy(x->host, shown, sizeof(shown));
	if (was[0])
		note_also(x, x->by, was);
	x->by = by;
	x->match = m;
	x->sure = 0;
	x->possible = false;
	x->evidence[0] = '\0';
}

void facts_also(struct classify *c, struct facts *x, enum name_source by, const char *host)
{
	char shown[HOST_MAX];

	facts_shown(c, host, shown, sizeof(shown));
	note_also(x, by, shown);
}

/* A host that carries no content (telemetry, CDN, sign-in) shows contact, not use: the verdict is recorded,
 * but it raises no alert by itself. */
const struct ip_addr *facts_source(const struct facts *x, const struct flow *f)
{
	return x->client.known ? &x->client.addr : &f->addr[FLOW_C2S];
}

void facts_judge(
        struct classify *c, struct facts *x, const struct flow *f, int64_t when_ns, const struct account *a)
{
	if (!x->match.service) {
		x->verdict = (struct verdict){.value = VERDICT_NONE, .kind = -1};
		return;
	}
	verdict_decide(c->s, x->match.service, facts_source(x, f), when_ns, a, &x->verdict);
	if (x->match.rule && !host_role_carries(x->match.rule->role))
		x->verdict.kind = -1;
	/* a guess stands in the record and wakes nobody */
	if (x->sure && x->sure < FACTS_SURE_ALERT && !x->possible)
		x->verdict.kind = -1;
}

/* ---- what is kept of a flow that is no longer read: fixed part, then its strings -------------------------
 */

struct kept {
	uint8_t form, direction, by, n_also, verdict, visibility, tls_flags, also_by[FACT_ALSO_MAX];
	uint16_t group, tls_version, tls_group;
	uint32_t requests;
	unsigned why_not;
	uint64_t inspected, of;
	struct service_match match;
	const struct partner *partner;
	uint64_t linked, metered;
	uint8_t large, sure, unnamed, n_evasions, hops, hops_more;
	uint8_t has; /* KEPT_HAS_*, in the order in which the parts stand behind the text */
	_Bool onward, below_floor;
	char text[]; /* host, also..., protocol, alpn, sni, ja4, each with its NUL; then what few flows have
	              */
};

enum { KEPT_HAS_WORDS = 1, KEPT_HAS_CLIENT = 2, KEPT_HAS_CERT = 4, KEPT_HAS_CARRIER = 8 };

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

static char *put_bytes(char *p, const char *end, const void *from, size_t n)
{
	if (!p || (size_t)(end - p) < n)
		return NULL;
	memcpy(p, from, n);
	return p + n;
}

static const char *get_bytes(const char *p, void *to, size_t n)
{
	memcpy(to, p, n);
	return p + n;
}

/* Words that few flows have stand together: one bit says that none of them is there. */
static bool has_words(const struct facts *x)
{
	return x->evidence[0] || x->shape[0] || x->account.id[0] || x->account.plan[0] || x->account.by[0];
}

static char *put_rare(char *p, const char *end, const struct facts *x)
{
	if (has_words(x)) {
		p = put_text(p, end, x->evidence);
		p = put_text(p, end, x->shape);
		p = put_text(p, end, x->account.id);
		p = put_text(p, end, x->account.plan);
		p = put_text(p, end, x->account.by);
	}
	if (x->client.known)
		p = put_bytes(p, end, &x->client, sizeof(x->client));
	if (x->cert.seen)
		p = put_bytes(p, end, &x->cert, sizeof(x->cert));
	if (x->carrier.name)
		p = put_bytes(p, end, &x->carrier, sizeof(x->carrier));
	for (unsigned i = 0; i < x->via.n; i++) {
		p = put_bytes(p, end, &x->via.hop[i].kind, 1);
		p = put_bytes(p, end, &x->via.hop[i].port, sizeof(x->via.hop[i].port));
		p = put_text(p, end, x->via.hop[i].host);
	}
	for (unsigned i = 0; i < x->n_evasions; i++) {
		p = put_bytes(p, end, &x->evasion[i].kind, 1);
		p = put_bytes(p, end, &x->evasion[i].confidence, 1);
		p = put_bytes(p, end, &x->evasion[i].told, sizeof(x->evasion[i].told));
		p = put_text(p, end, x->evasion[i].evidence);
	}
	return p;
}

static void get_rare(const struct kept *k, const char *p, struct facts *x)
{
	if (k->has & KEPT_HAS_WORDS) {
		p = get_text(p, x->evidence, sizeof(x->evidence));
		p = get_text(p, x->shape, sizeof(x->shape));
		p = get_text(p, x->account.id, sizeof(x->account.id));
		p = get_text(p, x->account.plan, sizeof(x->account.plan));
		p = get_text(p, x->account.by, sizeof(x->account.by));
	}
	if (k->has & KEPT_HAS_CLIENT)
		p = get_bytes(p, &x->client, sizeof(x->client));
	if (k->has & KEPT_HAS_CERT)
		p = get_bytes(p, &x->cert, sizeof(x->cert));
	if (k->has & KEPT_HAS_CARRIER)
		p = get_bytes(p, &x->carrier, sizeof(x->carrier));
	for (unsigned i = 0; i < x->via.n; i++) {
		p = get_bytes(p, &x->via.hop[i].kind, 1);
		p = get_bytes(p, &x->via.hop[i].port, sizeof(x->via.hop[i].port));
		p = get_text(p, x->via.hop[i].host, sizeof(x->via.hop[i].host));
	}
	for (unsigned i = 0; i < x->n_evasions; i++) {
		p = get_bytes(p, &x->evasion[i].kind, 1);
		p = get_bytes(p, &x->evasion[i].confidence, 1);
		p = get_bytes(p, &x->evasion[i].told, sizeof(x->evasion[i].told));
		p = get_text(p, x->evasion[i].evidence, sizeof(x->evasion[i].evidence));
	}
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
	        .tls_flags = (uint8_t)(x->tls.seen | x->tls.ech << 1 | x->tls.resumed << 2 |
	                               x->verdict.review_due << 3 | x->tls.answered << 4),
	        .group = x->group,
	        .tls_version = x->tls.version,
	        .tls_group = x->tls.group,
	        .requests = x->requests,
	        .why_not = x->why_not,
	        .inspected = x->inspected,
	        .of = x->of,
	        .match = x->match,
	        .partner = x->verdict.partner,
	        .linked = x->linked,
	        .sure = x->sure,
	        .unnamed = (uint8_t)x->unnamed,
	        .n_evasions = x->n_evasions,
	        .hops = x->via.n,
	        .hops_more = x->via.more,
	        .has = (uint8_t)((has_words(x) ? KEPT_HAS_WORDS : 0) |
	                         (x->client.known ? KEPT_HAS_CLIENT : 0) |
	                         (x->cert.seen ? KEPT_HAS_CERT : 0) |
	                         (x->carrier.name ? KEPT_HAS_CARRIER : 0)),
	        .onward = x->onward,
	        .below_floor = x->below_floor,
	        .large = size == KEPT_LARGE};
	p = put_text(p, end, x->host);
	for (unsigned i = 0; i < x->n_also; i++) {
		k->also_by[i] = (uint8_t)x->also[i].by;
		p = put_text(p, end, x->also[i].host);
	}
	p = put_text(p, end, x->protocol);
	p = put_text(p, end, x->tls.alpn);
	p = put_text(p, end, strcmp(x->tls.sni, x->host) == 0 ? "=" : x->tls.sni); /* the usual case */
	p = put_text(p, end, x->tls.ja4);
	return put_rare(p, end, x) != NULL;
}

static struct kept *keep(struct pool *pool, size_t size, const struct facts *x)
{
	struct kept *k = pool_get(pool);

	if (k && keep_into(k, size, x))
		return k;
	pool_put(pool, k);
	return NULL;
}

void *facts_keep(struct classify *c, const struct facts *x)
{
	struct kept *k = keep(c->kept_small, KEPT_SMALL, x);
	struct facts less;

	if (k || (k = keep(c->kept_large, KEPT_LARGE, x)))
		return k;
	/* service and verdict outlast the words */
	less = *x;
	less.n_also = 0;
	less.via.n = less.n_evasions = 0;
	less.client.known = less.cert.seen = false;
	less.carrier.name = NULL;
	memset(less.evidence, 0, sizeof(less.evidence));
	memset(less.shape, 0, sizeof(less.shape));
	memset(&less.account, 0, sizeof(less.account));
	memset(less.tls.alpn, 0, sizeof(less.tls.alpn));
	memset(less.tls.sni, 0, sizeof(less.tls.sni));
	if (strlen(less.host) > 64)
		memset(less.host, 0, sizeof(less.host));
	c->stats.refused_flows++;
	return keep(c->kept_small, KEPT_SMALL, &less);
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
	        .verdict = {.value = k->verdict,
	                .kind = -1,
	                .partner = k->partner,
	                .review_due = k->tls_flags >> 3 & 1},
	        .tls = {.seen = k->tls_flags & 1,
	                .ech = k->tls_flags >> 1 & 1,
	                .resumed = k->tls_flags >> 2 & 1,
	                .answered = k->tls_flags >> 4 & 1,
	                .version = k->tls_version,
	                .group = k->tls_group},
	        .visibility = k->visibility,
	        .inspected = k->inspected,
	        .of = k->of,
	        .why_not = k->why_not,
	        .requests = k->requests,
	        .sure = k->sure,
	        .unnamed = k->unnamed,
	        .via = {.n = k->hops, .more = k->hops_more},
	        .linked = k->linked,
	        .onward = k->onward,
	        .n_evasions = k->n_evasions,
	        .below_floor = k->below_floor};
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
	p = get_text(p, x->tls.ja4, sizeof(x->tls.ja4));
	get_rare(k, p, x);
}

uint64_t *facts_kept_metered(void *kept)
{
	return &((struct kept *)kept)->metered;
}

void facts_kept_free(struct classify *c, void *kept)
{
	struct kept *k = kept;

	pool_put(k->large ? c->kept_large : c->kept_small, k);
}

void facts_count(struct classify *c, const struct facts *x)
{
	struct classify_stats *t = &c->stats;

	t->ai_flows += x->match.service != NULL;
	t->named_flows += x->host[0] != '\0';
	t->visible[x->visibility]++;
	t->ai_visible[x->visibility] += x->match.service != NULL;
	t->sent_bytes += x->of;
	t->read_bytes += x->inspected < x->of ? x->inspected : x->of;
	for (unsigned i = 0; i < WHY_NOTS; i++)
		t->not_inspected[i] += x->why_not >> i & 1;
}
