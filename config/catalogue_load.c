/* catalogue_load.c - places to files to services.  A place is a directory or a file; within one an id stands
 * once, a later place may replace it, and `extends' entries add to whatever stands at the end. */
#include "config/catalogue_internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int is_yaml(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 && !strcmp(d->d_name + n - 5, ".yaml");
}

/* By bytes, not by the user's locale: the order must be the same everywhere. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_directory(struct reader *r, const char *dir)
{
	struct dirent **list;
	int n = scandir(dir, &list, is_yaml, by_name);
	size_t len = strlen(dir);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (n < 0) {
		fault_add(r->f, dir, 0, 0, "cannot be read: %s", strerror(errno));
		return;
	}
	if (!n)
		fault_add(r->f, dir, 0, 0, "holds no *.yaml file");
	for (int i = 0; i < n; i++) {
		catalogue_read_file(r, store_format(&r->c->store, "%.*s/%s", (int)len, dir, list[i]->d_name));
		free(list[i]);
	}
	free(list);
}

static void read_place(struct reader *r, const char *place)
{
	struct stat st;

	if (stat(place, &st) < 0)
		fault_add(r->f, place, 0, 0, "cannot be read: %s", strerror(errno));
	else if (S_ISDIR(st.st_mode))
		read_directory(r, place);
	else
		catalogue_read_file(r, place);
}

static void note_change(struct catalogue *c, const char *id, bool replaced, const struct entry *e,
        const char *file, unsigned line)
{
	if (c->n_changes == c->changes_cap) {
		c->changes_cap = c->changes_cap ? c->changes_cap * 2 : 16;
		c->changes = store_grow(c->changes, c->changes_cap, sizeof(*c->changes));
	}
	c->changes[c->n_changes++] =
	        (struct catalogue_change){id, replaced, {e->s.file, e->s.line, e->column}, {file, line, 0}};
}

/* `from`: for each service so far, the entry it came from. */
static void take_entry(struct reader *r, size_t at, size_t *from)
{
	struct catalogue *c = r->c;
	const struct entry *e = &r->entries[at];
	const uint32_t *old = key_map_find(&c->ids, e->s.id, strlen(e->s.id));
	uint32_t to = old ? *old : (uint32_t)c->n;

	if (!*e->s.id)
		return; /* told when it was read */
	if (old && r->entries[from[*old]].place == e->place) {
		fault_add(r->f, e->s.file, e->s.line, e->column, "the id `%s' stands already at %s:%u",
		        e->s.id, c->services[*old].file, c->services[*old].line);
		return;
	}
	if (!old) {
		c->n++;
		key_map_put(&c->ids, e->s.id, strlen(e->s.id), to);
	}
	if (old)
		note_change(c, e->s.id, true, e, c->services[to].file, c->services[to].line);
	c->services[to] = e->s;
	c->services[to].index = to;
	from[to] = at;
}

static const void *join(struct store *s, const void *a, size_t *na, const void *b, size_t nb, size_t size)
{
	char *both;

	if (!nb)
		return a;
	both = store_get(s, (*na + nb) * size);
	if (*na)
		memcpy(both, a, *na * size);
	memcpy(both + *na * size, b, nb * size);
	*na += nb;
	return both;
}

#define JOIN(list)                                                                                           \
	(s->list = join(store, s->list, &s->n_##list, more->list, more->n_##list, sizeof(*s->list)))

static void extend(struct reader *r, const struct entry *e)
{
	struct store *store = &r->c->store;
	const struct service *more = &e->s;
	const uint32_t *at = key_map_find(&r->c->ids, e->extends, strlen(e->extends));
	const char *near;
	struct service *s;
	size_t n_ranges;

	if (!at) {
		near = catalogue_near(r->c, e->extends);
		fault_add(r->f, more->file, more->line, e->column, "extends: there is no service `%s'%s%s%s",
		        e->extends, near ? " (did you mean `" : "", near ? near : "", near ? "'?)" : "");
		return;
	}
	s = &r->c->services[*at];
	if (s->n_ranges + more->n_ranges > UINT8_MAX) {
		fault_add(r->f, more->file, more->line, e->column, "more than %d ranges for `%s'", UINT8_MAX,
		        s->id);
		return;
	}
	note_change(r->c, s->id, false, e, s->file, s->line);
	n_ranges = s->n_ranges;
	s->range_at =
	        join(store, s->range_at, &n_ranges, more->range_at, more->n_ranges, sizeof(*s->range_at));
	JOIN(hosts);
	JOIN(wire);
	JOIN(paths);
	JOIN(prompt_at);
	JOIN(uploads);
	JOIN(issuers);
	JOIN(keys);
	JOIN(accounts);
	JOIN(ranges);
	JOIN(ports);
}

struct catalogue *catalogue_load(const char *const *places, size_t n, struct faults *f)
{
	struct catalogue *c = store_grow(NULL, 1, sizeof(*c));
	struct reader r = {.c = c, .f = f};
	size_t before = f->total;
	size_t *from;

	memset(c, 0, sizeof(*c));
	for (size_t i = 0; i < n; i++) {
		r.place = i;
		read_place(&r, places[i]);
	}
	from = store_grow(NULL, r.n_entries + 1, sizeof(*from));
	c->services = store_grow(NULL, r.n_entries + 1, sizeof(*c->services));
	for (size_t i = 0; i < r.n_entries; i++)
		if (!r.entries[i].extends)
			take_entry(&r, i, from);
	for (size_t i = 0; i < r.n_entries; i++)
		if (r.entries[i].extends && *r.entries[i].extends)
			extend(&r, &r.entries[i]);
	shapes_link(&r);
	catalogue_index(&r);
	free(from);
	free(r.entries);
	free(r.zones);
	free(r.zone_names.slots);
	if (f->total == before)
		return c;
	catalogue_free(c);
	return NULL;
}
