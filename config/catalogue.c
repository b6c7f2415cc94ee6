/* catalogue.c - looking services up: by id, by name and path, by address.  See catalogue.h. */
#include "config/catalogue_internal.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define NEAR_MOST  3 /* typing errors in an id that still name it */
#define FIRST_SIZE 64

static const struct {
	const char *name;
	bool carries;
} roles[ROLES] = {
        [ROLE_API] = {"api", true},
        [ROLE_WEB] = {"web", true},
        [ROLE_UPLOAD] = {"upload", true},
        [ROLE_REALTIME] = {"realtime", true},
        [ROLE_MIXED] = {"mixed", true},
        [ROLE_TELEMETRY] = {"telemetry", false},
        [ROLE_CDN] = {"cdn", false},
        [ROLE_CONTROL] = {"control", false},
        [ROLE_AUTH] = {"auth", false},
};

const char *host_role_name(enum host_role r)
{
	return r < ROLES ? roles[r].name : "";
}

bool host_role_carries(enum host_role r)
{
	return r < ROLES && roles[r].carries;
}

static struct key_slot *slot_of(const struct key_map *m, uint64_t hash, const void *key, size_t len)
{
	size_t at = hash & (m->size - 1);

	while (m->slots[at].key) {
		const struct key_slot *s = &m->slots[at];

		if (s->hash == hash && s->len == len && !memcmp(s->key, key, len))
			break;
		at = (at + 1) & (m->size - 1);
	}
	return &m->slots[at];
}

uint32_t *key_map_find(const struct key_map *m, const void *key, size_t len)
{
	struct key_slot *s;

	if (!m->size)
		return NULL;
	s = slot_of(m, hash64(key, len, 0), key, len);
	return s->key ? &s->value : NULL;
}

static void key_map_double(struct key_map *m)
{
	struct key_map to = {.size = m->size ? m->size * 2 : FIRST_SIZE, .n = m->n};

	to.slots = store_grow(NULL, to.size, sizeof(*to.slots));
	memset(to.slots, 0, to.size * sizeof(*to.slots));
	for (size_t i = 0; i < m->size; i++) {
		const struct key_slot *s = &m->slots[i];

		if (s->key)
			*slot_of(&to, s->hash, s->key, s->len) = *s;
	}
	free(m->slots);
	*m = to;
}

void key_map_put(struct key_map *m, const void *key, size_t len, uint32_t value)
{
	uint64_t hash = hash64(key, len, 0);

	if (2 * (m->n + 1) > m->size)
		key_map_double(m);
	*slot_of(m, hash, key, len) =
	        (struct key_slot){.hash = hash, .key = key, .len = (uint32_t)len, .value = value};
	m->n++;
}

void catalogue_free(struct catalogue *c)
{
	if (!c)
		return;
	store_clear(&c->store);
	free(c->services);
	free(c->ids.slots);
	free(c->names.slots);
	free(c->ranges.slots);
	free(c->heads);
	free(c->changes);
	free(c->shapes);
	free(c->shape_ids.slots);
	free(c);
}

size_t catalogue_count(const struct catalogue *c)
{
	return c->n;
}

const struct service *catalogue_at(const struct catalogue *c, size_t i)
{
	return i < c->n ? &c->services[i] : NULL;
}

const struct service *catalogue_by_id(const struct catalogue *c, const char *id)
{
	const uint32_t *at = key_map_find(&c->ids, id, strlen(id));

	return at ? &c->services[*at] : NULL;
}

const struct wire_shape *catalogue_shape(const struct catalogue *c, const char *id)
{
	const uint32_t *at = key_map_find(&c->shape_ids, id, strlen(id));

	return at ? &c->shapes[*at] : NULL;
}

size_t catalogue_shape_count(const struct catalogue *c)
{
	return c->n_shapes;
}

const struct wire_shape *catalogue_shape_at(const struct catalogue *c, size_t i)
{
	return i < c->n_shapes ? &c->shapes[i] : NULL;
}

const struct wire_shape *catalogue_generic(const struct catalogue *c)
{
	return c->generic;
}

const struct wire_shape *const *catalogue_copied(const struct catalogue *c, size_t *n)
{
	*n = c->n_copied;
	return c->copied;
}

const char *catalogue_near(const struct catalogue *c, const char *id)
{
	unsigned best = NEAR_MOST + 1;
	const char *near = NULL;

	for (size_t i = 0; i < c->n; i++) {
		unsigned d = text_distance(c->services[i].id, id, NEAR_MOST);

		if (d < best && d < strlen(id)) {
			best = d;
			near = c->services[i].id;
		}
	}
	return near;
}

/* The best rules so far: one that the name alone decides, one that the path decided, one that a path might.
 */
struct best {
	const struct rule *name, *path, *open;
};

static bool rule_fits_name(const struct rule *r, const char *host, bool whole)
{
	switch (r->host->match) {
	case MATCH_EXACT:
		return whole;
	case MATCH_PATTERN:
		return host_pattern_fits(r->host->host, host);
	case MATCH_SUFFIX:
		return true;
	}
	return false;
}

static bool rule_fits_path(const struct rule *r, const char *path)
{
	for (size_t i = 0; i < r->host->n_paths; i++)
		if (catalogue_path_fits(r->host->paths[i], path))
			return true;
	return false;
}

static void best_take(const struct rule **best, const struct rule *r)
{
	if (!*best || r->rank > (*best)->rank)
		*best = r;
}

static void best_of_key(struct best *b, const struct rule *r, const char *host, const char *path, bool whole)
{
	for (; r; r = r->next) {
		if (!rule_fits_name(r, host, whole))
			continue;
		if (!r->host->path_required)
			best_take(&b->name, r);
		else if (!path)
			best_take(&b->open, r);
		else if (rule_fits_path(r, path))
			best_take(&b->path, r);
	}
}

/* Where the suffixes of a name begin, shortest first; at most `most` of them. */
static unsigned label_starts(const char *host, unsigned most, uint8_t start[CATALOGUE_LABELS_MAX])
{
	unsigned n = 0;
	size_t at = strnlen(host, HOST_MAX - 1);

	while (n < most) {
		while (at && host[at - 1] != '.')
			at--;
		start[n++] = (uint8_t)at;
		if (!at)
			break;
		at--;
	}
	return n;
}

struct service_match catalogue_host(const struct catalogue *c, const char *host, const char *path)
{
	uint8_t start[CATALOGUE_LABELS_MAX];
	unsigned n = label_starts(host, c->labels_max, start);
	size_t len = strnlen(host, HOST_MAX - 1);
	struct service_match m = {0};
	struct best b = {0};
	const struct rule *r;

	while (n--) {
		const char *suffix = host + start[n];
		const uint32_t *head = key_map_find(&c->names, suffix, len - start[n]);

		if (head)
			best_of_key(&b, c->heads[*head], host, path, !start[n]);
	}
	r = b.path ? b.path : b.name;
	if (r) {
		m.service = &c->services[r->service];
		m.rule = r->host;
	} else if (b.open) {
		m.shared = true;
		m.rule = b.open->host;
	}
	return m;
}

static enum rule_fate fate_of(
        const struct rule *r, const char *host, const char *path, bool whole, const struct service_match *m)
{
	if (!rule_fits_name(r, host, whole))
		return RULE_NAME;
	if (r->host == m->rule && m->service)
		return RULE_WINS;
	if (!r->host->path_required)
		return RULE_LOSES;
	return !path ? RULE_PATH_OPEN : rule_fits_path(r, path) ? RULE_LOSES : RULE_PATH;
}

size_t catalogue_consider(
        const struct catalogue *c, const char *host, const char *path, struct rule_seen *out, size_t max)
{
	uint8_t start[CATALOGUE_LABELS_MAX];
	unsigned n = label_starts(host, c->labels_max, start);
	size_t len = strnlen(host, HOST_MAX - 1), found = 0;
	struct service_match m = catalogue_host(c, host, path);

	while (n--) {
		const uint32_t *head = key_map_find(&c->names, host + start[n], len - start[n]);

		for (const struct rule *r = head ? c->heads[*head] : NULL; r; r = r->next, found++)
			if (found < max)
				out[found] = (struct rule_seen){&c->services[r->service], r->host,
				        fate_of(r, host, path, !start[n], &m)};
	}
	return found;
}

size_t catalogue_changes(const struct catalogue *c, const struct catalogue_change **list)
{
	*list = c->changes;
	return c->n_changes;
}

struct service_match catalogue_address(const struct catalogue *c, const struct ip_addr *a)
{
	struct service_match m = {0};

	for (size_t i = 0; i < c->n_range_bits; i++) {
		struct cidr key;
		const uint32_t *at;

		memset(&key, 0, sizeof(key));
		key.bits = c->range_bits[i];
		memcpy(key.addr.b, a->b, key.bits / 8);
		if (key.bits % 8)
			key.addr.b[key.bits / 8] = (uint8_t)(a->b[key.bits / 8] & 0xff << (8 - key.bits % 8));
		at = key_map_find(&c->ranges, &key, sizeof(key));
		if (at) {
			m.service = &c->services[*at >> 8];
			m.range = &m.service->ranges[*at & 0xff];
			break;
		}
	}
	return m;
}
