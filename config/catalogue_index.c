/* catalogue_index.c - the rules of all services into the table that look-ups read.  Here every rule is known,
 * so here are the faults that lie between rules: names claimed twice, and rules so wide that they would call
 * half the Internet AI. */
#include "config/catalogue_internal.h"

#include "config/networks.h"

#include <stdlib.h>
#include <string.h>

#define IP4_BITS_LEAST 108 /* a /12: wider than anybody's own network of IPv4 ... */
#define IP6_BITS_LEAST 24  /* ... and of IPv6 */

static unsigned count_literals(const char *host)
{
	unsigned n = 0;

	for (; *host; host++) {
		if (*host == '{')
			host = strchr(host, '}');
		else
			n++;
	}
	return n;
}

static uint32_t rank_of(const struct service_host *h)
{
	static const uint32_t kind[] = {[MATCH_SUFFIX] = 1, [MATCH_PATTERN] = 2, [MATCH_EXACT] = 3};

	return kind[h->match] << 16 | count_literals(h->host);
}

static unsigned count_labels(const char *host)
{
	unsigned n = 1;

	for (; *host; host++)
		n += *host == '.';
	return n;
}

/* A pattern whose placeholders are whole labels on the left claims all below its tail, like a suffix. */
static bool claims_all_below_tail(const char *pattern, const char *tail)
{
	for (const char *p = pattern; p < tail; p++) {
		if (*p != '{')
			return false;
		p = strchr(p, '}') + 1;
		if (*p != '.')
			return false;
	}
	return true;
}

static const struct zone *zone_of(const struct reader *r, const char *name)
{
	const uint32_t *at = key_map_find(&r->zone_names, name, strlen(name));

	return at ? &r->zones[*at] : NULL;
}

static void fault_host(
        struct reader *r, const struct service_host *h, const char *fmt, const char *a, const char *b)
{
	fault_add(r->f, h->file, h->line, h->column, fmt, h->host, a, b);
}

/* False after a fault: the rule is too wide or not allowed to attribute. */
static bool rule_allowed(struct reader *r, const struct service_host *h)
{
	const char *tail = host_pattern_tail(h->host);
	const struct zone *z = zone_of(r, tail);
	bool wide = h->match == MATCH_SUFFIX ||
	            (h->match == MATCH_PATTERN && claims_all_below_tail(h->host, tail));

	if (h->match != MATCH_EXACT && count_labels(tail) < 2)
		fault_host(r, h,
		        "`%s' would match names of many owners: at least two labels on the right must stand "
		        "as they are%s%s",
		        "", "");
	else if (wide && !h->path_required && z && z->why)
		fault_host(r, h,
		        "`%s' claims all of %s, which is shared (%s): list single names, or let a path "
		        "decide "
		        "(path_required)",
		        z->name, z->why);
	else if (h->match != MATCH_EXACT && z && z->public_suffix)
		fault_host(r, h,
		        "`%s' would match names of many owners: %s is %s; the label before it must stand as "
		        "it is",
		        z->name, z->why);
	else if (h->match == MATCH_EXACT && z && !z->why)
		fault_host(r, h, "`%s' is used by many products and never attributes%s%s", "", "");
	else
		return true;
	return false;
}

/* The rule that already claims the same name for somebody; NULL when the new one may stand beside it. */
static const struct rule *rival(const struct rule *chain, const struct service_host *h, uint32_t service)
{
	for (; chain; chain = chain->next) {
		if (strcmp(chain->host->host, h->host) != 0)
			continue;
		if (chain->service == service && chain->host->match == h->match)
			return chain;
		if (chain->service != service && !h->path_required && !chain->host->path_required)
			return chain;
	}
	return NULL;
}

static void add_rule(struct reader *r, const struct service_host *h, uint32_t service)
{
	struct catalogue *c = r->c;
	const char *key = host_pattern_tail(h->host);
	uint32_t *head = key_map_find(&c->names, key, strlen(key));
	const struct rule *other;
	struct rule *rule;

	if (!rule_allowed(r, h))
		return;
	other = head ? rival(c->heads[*head], h, service) : NULL;
	if (other) {
		fault_add(r->f, h->file, h->line, h->column, "`%s' is claimed already by %s at %s:%u",
		        h->host, c->services[other->service].id, other->host->file, other->host->line);
		return;
	}
	if (!head) {
		if (c->n_heads == c->heads_cap) {
			c->heads_cap = c->heads_cap ? c->heads_cap * 2 : 1024;
			c->heads = store_grow(c->heads, c->heads_cap, sizeof(struct rule *));
		}
		c->heads[c->n_heads] = NULL;
		key_map_put(&c->names, key, strlen(key), (uint32_t)c->n_heads++);
		head = key_map_find(&c->names, key, strlen(key));
	}
	rule = store_get(&c->store, sizeof(*rule));
	*rule = (struct rule){.host = h, .service = service, .rank = rank_of(h), .next = c->heads[*head]};
	c->heads[*head] = rule;
	if (count_labels(key) > c->labels_max)
		c->labels_max = count_labels(key);
}

static int longest_first(const void *a, const void *b)
{
	return *(const uint8_t *)b - *(const uint8_t *)a;
}

static void add_range(struct reader *r, const struct service *s, size_t i)
{
	struct catalogue *c = r->c;
	const struct cidr *range = &s->ranges[i];
	const struct service_place *at = &s->range_at[i], *before;
	const uint32_t *other = key_map_find(&c->ranges, range, sizeof(*range));
	char text[IP_TEXT_MAX];

	ip_format(&range->addr, text);
	if (other) {
		before = &c->services[*other >> 8].range_at[*other & 0xff];
		fault_add(r->f, at->file, at->line, at->column,
		        "the range of %s at %s is claimed already by %s at %s:%u", s->id, text,
		        c->services[*other >> 8].id, before->file, before->line);
		return;
	}
	if (range->bits < (ip_is4(&range->addr) ? IP4_BITS_LEAST : IP6_BITS_LEAST)) {
		fault_add(r->f, at->file, at->line, at->column,
		        "the range of %s at %s is wider than a /12 (IPv6: /24), so it cannot be this "
		        "service's alone",
		        s->id, text);
		return;
	}
	key_map_put(&c->ranges, range, sizeof(*range), s->index << 8 | (uint32_t)i);
	if (!memchr(c->range_bits, range->bits, c->n_range_bits))
		c->range_bits[c->n_range_bits++] = range->bits;
}

#define INTERNAL_MAX 65536

/* The first internal network that the range covers, or that covers it. */
static const struct cidr *internal_in(const struct cidr *range, const struct cidr *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (cidr_covers(range, &list[i].addr) || cidr_covers(&list[i], &range->addr))
			return &list[i];
	return NULL;
}

static void check_ranges_of(
        const struct service *s, const struct cidr *own, size_t n, const char *shipped, struct faults *f)
{
	char text[IP_TEXT_MAX], net[IP_TEXT_MAX];

	for (size_t i = 0; i < s->n_ranges; i++) {
		const struct service_place *at = &s->range_at[i];
		const struct cidr *in;

		if (s->ranges[i].bits == 128 || (shipped && !strncmp(at->file, shipped, strlen(shipped))))
			continue;
		in = internal_in(&s->ranges[i], own, n);
		if (in)
			fault_add(f, at->file, at->line, at->column,
			        "the range of %s at %s reaches into the internal network %s/%d: what is "
			        "inside "
			        "would count as this service; list single addresses",
			        s->id, ip_format(&s->ranges[i].addr, text), ip_format(&in->addr, net),
			        in->bits - (ip_is4(&in->addr) ? 96 : 0));
	}
}

void catalogue_check_ranges(
        const struct catalogue *c, const struct networks *n, const char *shipped, struct faults *f)
{
	struct cidr *own = store_grow(NULL, INTERNAL_MAX, sizeof(*own));
	size_t n_own = networks_list(n, NET_INTERNAL, own, INTERNAL_MAX);

	n_own = n_own < INTERNAL_MAX ? n_own : INTERNAL_MAX;
	for (size_t i = 0; i < c->n; i++)
		check_ranges_of(&c->services[i], own, n_own, shipped, f);
	free(own);
}

/* What is shipped as never attributing must not be reached from above either. */
static void check_never(struct reader *r)
{
	for (size_t i = 0; i < r->n_zones; i++) {
		const struct zone *z = &r->zones[i];
		struct service_match m = {0};

		if (!z->why)
			m = catalogue_host(r->c, z->name, NULL);
		if (m.service)
			fault_host(r, m.rule, "`%s' would attribute %s, which is used by many products (%s)",
			        z->name, z->file);
	}
}

void catalogue_index(struct reader *r)
{
	struct catalogue *c = r->c;

	for (size_t i = 0; i < c->n; i++) {
		const struct service *s = &c->services[i];

		for (size_t k = 0; k < s->n_hosts; k++)
			add_rule(r, &s->hosts[k], (uint32_t)i);
		for (size_t k = 0; k < s->n_ranges; k++)
			add_range(r, s, k);
	}
	qsort(c->range_bits, c->n_range_bits, 1, longest_first);
	check_never(r);
}
