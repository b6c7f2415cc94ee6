/* volume.c - see volume.h */
#include "alerts/volume.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 8

enum bound { BOUND_CONNECTION, BOUND_SOURCE, BOUND_GROUP, BOUND_CONTRACT };

struct sum {
	uint64_t key, bytes; /* key 0: free */
	int32_t day;
	uint32_t told; /* doublings of the bound that were told, +1 */
};

struct volumes {
	uint64_t flow, source, group; /* bounds of the settings, 0: none */
	struct sum (*sums)[WAYS];
	uint64_t (*first)[WAYS];
	uint32_t turn;
};

struct volumes *volumes_create(const struct settings *s, struct err *e)
{
	struct volumes *v = calloc(1, sizeof(*v));

	if (v) {
		v->flow = s->volume.flow;
		v->source = s->volume.source_daily;
		v->group = s->volume.group_daily;
		v->sums = calloc(VOLUME_SUMS / WAYS, sizeof(*v->sums));
		v->first = calloc(VOLUME_FIRST / WAYS, sizeof(*v->first));
		if (v->sums && v->first)
			return v;
	}
	volumes_destroy(v);
	err_set(e, "no memory for volumes");
	return NULL;
}

void volumes_destroy(struct volumes *v)
{
	if (!v)
		return;
	free(v->sums);
	free(v->first);
	free(v);
}

static struct sum *sum_of(struct volumes *v, uint64_t key, int32_t day)
{
	struct sum *set = v->sums[key % (VOLUME_SUMS / WAYS)], *place = &set[0];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return &set[i];
		if (!place->key)
			continue;
		if (!set[i].key || set[i].day < place->day ||
		        (set[i].day == place->day && set[i].bytes < place->bytes))
			place = &set[i];
	}
	*place = (struct sum){.key = key, .day = day};
	return place;
}

/* Adds to one sum; true when it passed its bound, or twice, four times ... of it. */
static bool add(struct volumes *v, enum bound b, uint64_t id, int32_t day, uint64_t bytes, uint64_t bound,
        struct volume_crossed *c)
{
	uint64_t about[3] = {b, id, (uint64_t)(uint32_t)day};
	struct sum *s = sum_of(v, hash64(about, sizeof(about), 6) | 1, day);
	bool crossed = false;

	c->key = s->key;
	c->told = s->told;
	s->bytes += bytes;
	while (s->told < 40 && s->bytes / 2 >= (bound << s->told) / 2 && s->bytes > bound << s->told) {
		s->told++;
		crossed = true;
	}
	c->sum = s->bytes;
	return crossed;
}

void volumes_untell(struct volumes *v, const struct volume_crossed *c)
{
	struct sum *set = v->sums[c->key % (VOLUME_SUMS / WAYS)];

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].key == c->key)
			set[i].told = c->told;
}

unsigned volumes_add(struct volumes *v, const struct record_head *h, struct volume_crossed out[VOLUME_BOUNDS])
{
	int32_t day = time_day(h->when_ns);
	const struct {
		enum bound b;
		const char *what;
		uint64_t id, bound;
		int32_t day;
	} bounds[VOLUME_BOUNDS] = {
	        {BOUND_CONNECTION, "on this connection", h->flow_key, v->flow, DAY_NONE},
	        {BOUND_SOURCE, "from this source", h->source_key, v->source, day},
	        {BOUND_GROUP, "from this group", h->group, h->group == GROUP_NONE ? 0 : v->group, day},
	        {BOUND_CONTRACT, "under this contract", h->entry_key, h->budget, day},
	};
	unsigned n = 0;

	for (unsigned i = 0; i < VOLUME_BOUNDS; i++) {
		struct volume_crossed c = {
		        .what = bounds[i].what, .bound = bounds[i].bound, .day = bounds[i].day};

		if (c.bound && add(v, bounds[i].b, bounds[i].id, c.day, h->bytes_out, c.bound, &c))
			out[n++] = c;
	}
	return n;
}

static bool new_use(struct volumes *v, uint64_t key)
{
	uint64_t *set = v->first[key % (VOLUME_FIRST / WAYS)];

	for (unsigned i = 0; i < WAYS; i++)
		if (set[i] == key)
			return false;
	for (unsigned i = 0; i < WAYS; i++)
		if (!set[i]) {
			set[i] = key;
			return true;
		}
	set[v->turn++ % WAYS] = key;
	return true;
}

const char *volumes_first_use(struct volumes *v, const struct record_head *h)
{
	uint64_t service = hash64(h->service, strlen(h->service), h->type), by_group[2] = {service, h->group},
	         by_source[2] = {service + 1, h->source_key};
	bool group, source;

	if (!h->service[0] || !h->source_key)
		return "";
	group = h->group != GROUP_NONE && new_use(v, hash64(by_group, sizeof(by_group), 7) | 1);
	source = new_use(v, hash64(by_source, sizeof(by_source), 8) | 1);
	return group ? "group" : source ? "source" : "";
}

const char *volume_text(uint64_t bytes, char buf[24])
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB"};
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1024 && u + 1 < sizeof(units) / sizeof(*units)) {
		v /= 1024;
		u++;
	}
	snprintf(buf, 24, u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}
