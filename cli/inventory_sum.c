/* inventory_sum.c - sightings into rows.  Texts may come from a server that anybody wrote to: they are
 * compared and copied with their limits, and made printable where they are shown. */
#include "cli/inventory.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS     65536 /* more than twice the rows */
#define SEEN_SIZE ((size_t)INVENTORY_SOURCES * 2)

int inventory_init(struct inventory *v)
{
	memset(v, 0, sizeof(*v));
	v->n_slots = SLOTS;
	v->slots = calloc(SLOTS, sizeof(*v->slots));
	v->seen = calloc(SEEN_SIZE, sizeof(*v->seen));
	return v->slots && v->seen ? 0 : -1;
}

void inventory_clear(struct inventory *v)
{
	free(v->rows);
	free(v->slots);
	free(v->seen);
	memset(v, 0, sizeof(*v));
}

static void copy(char *to, size_t cap, const char *from)
{
	size_t n = strnlen(from, cap - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

/* The row's slot: of the row itself, or the free one where it belongs. */
static uint32_t *slot_of(struct inventory *v, const struct inventory_row *key)
{
	uint64_t h = hash64(key->service, strlen(key->service), key->suspected);
	size_t at;

	h = hash64(key->group, strlen(key->group), h);
	if (key->suspected)
		h = hash64(key->name, strlen(key->name), h);
	for (at = h & (v->n_slots - 1); v->slots[at]; at = (at + 1) & (v->n_slots - 1)) {
		const struct inventory_row *r = &v->rows[v->slots[at] - 1];

		if (r->suspected == key->suspected && !strcmp(r->service, key->service) &&
		        !strcmp(r->group, key->group) && (!r->suspected || !strcmp(r->name, key->name)))
			break;
	}
	return &v->slots[at];
}

static struct inventory_row *row_of(struct inventory *v, const struct inventory_row *key)
{
	uint32_t *slot = slot_of(v, key);

	if (*slot)
		return &v->rows[*slot - 1];
	if (v->n == INVENTORY_ROWS)
		return NULL;
	if (v->n == v->cap) {
		size_t cap = v->cap ? v->cap * 2 : 64;
		struct inventory_row *rows = realloc(v->rows, cap * sizeof(*rows));

		if (!rows)
			return NULL;
		v->rows = rows;
		v->cap = cap;
	}
	v->rows[v->n] = *key;
	*slot = (uint32_t)++v->n;
	return &v->rows[v->n - 1];
}

/* 1: new, 0: seen before, -1: no room to remember. */
static int first_time(struct inventory *v, size_t row, const void *p, size_t n, uint64_t what)
{
	uint64_t h = hash64(p, n, (uint64_t)row << 1 | what) | 1;
	size_t at = (h >> 20) & (SEEN_SIZE - 1);

	for (; v->seen[at]; at = (at + 1) & (SEEN_SIZE - 1))
		if (v->seen[at] == h)
			return 0;
	if (v->n_seen == INVENTORY_SOURCES)
		return -1;
	v->seen[at] = h;
	v->n_seen++;
	return 1;
}

static void add_source(struct inventory *v, struct inventory_row *r, const struct ip_addr *a)
{
	size_t row = (size_t)(r - v->rows);
	struct cidr net = {.bits = ip_is4(a) ? 96 + 24 : 64};
	int first = first_time(v, row, a, sizeof(*a), 0);

	r->users += first > 0;
	v->sources_over += first < 0;
	if (first == 0)
		return;
	memcpy(net.addr.b, a->b, net.bits / 8);
	for (unsigned i = 0; i < r->n_nets; i++)
		if (!memcmp(&r->nets[i].addr, &net.addr, sizeof(net.addr)))
			return;
	if (r->n_nets == INVENTORY_NETS)
		r->nets_more = true;
	else
		r->nets[r->n_nets++] = net;
}

/* By the entries as they stand now, on the day of the flow. */
static void add_fit(struct inventory *v, struct inventory_row *r, const struct sighting *s)
{
	const struct service *known =
	        v->settings && !r->suspected ? catalogue_by_id(v->settings->catalogue, r->service) : NULL;
	struct partner_choice c;

	if (!known)
		return;
	c = partner_find(v->settings->policy.index, known, &s->source,
	        networks_group(v->settings->networks, &s->source), time_day(s->first_ns));
	if (c.fit == PARTNER_SOURCE)
		r->uncovered += first_time(v, (size_t)(r - v->rows), &s->source, sizeof(s->source), 1) > 0;
	else if (c.fit == PARTNER_DATE)
		r->dated = c.partner;
}

/* Hybrid groups carry ML-KEM (or Kyber, its draft) in their names: X25519MLKEM768, SecP256r1MLKEM768. */
static bool is_post_quantum(const char *group)
{
	return strstr(group, "MLKEM") || strstr(group, "Kyber");
}

static void add_tls(struct inventory_row *r, const struct sighting *s)
{
	if (*s->tls) {
		enum inventory_tls t = strstr(s->tls, "1.3")   ? TLS_13
		                       : strstr(s->tls, "1.2") ? TLS_12
		                                               : TLS_OLD;

		r->tls[t]++;
	}
	if (*s->tls_group) {
		r->tls_groups++;
		r->post_quantum += is_post_quantum(s->tls_group);
	}
}

static void count(struct inventory_count *c, const struct sighting *s)
{
	c->flows++;
	c->out += s->out;
}

static void add_to_row(struct inventory *v, const struct sighting *s, const struct inventory_row *key)
{
	struct inventory_row *r = row_of(v, key);

	if (!r) {
		count(&v->over, s);
		return;
	}
	if (!r->flows || s->first_ns < r->first_ns)
		r->first_ns = s->first_ns;
	if (!r->flows || s->last_ns > r->last_ns)
		r->last_ns = s->last_ns;
	r->flows++;
	r->out += s->out;
	r->in += s->in;
	for (unsigned b = NAME_NONE + 1; b < NAME_SOURCES; b++)
		if (!strcmp(name_source_text((enum name_source)b), s->by))
			r->by |= 1u << b;
	for (unsigned b = 0; b <= VISIBLE_DECRYPTED; b++)
		r->visible[b] += !strcmp(visibility_name((enum visibility)b), s->visibility);
	add_tls(r, s);
	add_source(v, r, &s->source);
	add_fit(v, r, s);
}

static void add_unnamed(struct inventory *v, const struct sighting *s)
{
	unsigned why = UNNAMED_NOT;

	for (unsigned i = UNNAMED_NOT + 1; i < UNNAMED_KINDS; i++)
		if (!strcmp(unnamed_name((enum unnamed)i), s->unnamed))
			why = i;
	count(&v->unnamed[why], s);
}

void inventory_add(struct inventory *v, const struct sighting *s)
{
	struct inventory_row key = {.suspected = !*s->service};
	char text[IP_TEXT_MAX];

	for (unsigned i = 0; i < INVENTORY_SIGNS && !s->onward; i++)
		if (s->signs >> i & 1)
			count(&v->signs[i], s);
	copy(key.group, sizeof(key.group), s->group);
	if (s->onward) {
		count(&v->onward, s);
	} else if (*s->service) {
		copy(key.service, sizeof(key.service), s->service);
		copy(key.name, sizeof(key.name), s->name);
		add_to_row(v, s, &key);
	} else if (*s->shape) {
		copy(key.service, sizeof(key.service), *s->host ? s->host : ip_format(&s->destination, text));
		copy(key.name, sizeof(key.name), s->shape);
		add_to_row(v, s, &key);
	} else if (!s->leaves) {
		count(&v->inside, s);
	} else if (*s->unnamed || (!*s->host && strcmp(s->protocol, "dns") != 0)) {
		add_unnamed(v, s);
	} else {
		count(&v->other, s);
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct inventory_row *x = a, *y = b;
	int d;

	if (x->suspected != y->suspected)
		return x->suspected - y->suspected;
	if (x->out != y->out)
		return x->out < y->out ? 1 : -1;
	d = strcmp(x->service, y->service);
	return d ? d : strcmp(x->group, y->group);
}

void inventory_sort(struct inventory *v)
{
	if (v->n)
		qsort(v->rows, v->n, sizeof(*v->rows), by_bytes);
}
