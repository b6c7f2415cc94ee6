/* content.c - see content.h: one body from its codings down to its structure. */
#include "classify/content/reader.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct content {
	struct content_pool *pool;
	struct emit emit;
	unsigned n_codings;
	bool over, multi; /* over: the rest of the body is not read */
	uint64_t decoded;
	struct coding coding[CODINGS_MAX]; /* [0] was applied last */
	union {
		struct reader reader;
		struct multipart multipart;
	} u;
};

struct content_pool {
	struct pool *bodies, *rooms;
	struct content_limits limits;
};

struct content_pool *content_pool_create(size_t bodies, const struct content_limits *l)
{
	struct content_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->limits = *l;
	p->bodies = pool_create(sizeof(struct content), bodies);
	p->rooms = pool_create(INFLATE_ROOM, bodies + CODINGS_MAX);
	if (p->bodies && p->rooms)
		return p;
	content_pool_destroy(p);
	return NULL;
}

void content_pool_destroy(struct content_pool *p)
{
	if (!p)
		return;
	pool_destroy(p->bodies);
	pool_destroy(p->rooms);
	free(p);
}

uint64_t content_refused(const struct content_pool *p)
{
	return pool_refused(p->bodies);
}

static void stop(struct content *c, unsigned why)
{
	c->emit.skip |= why;
	c->emit.cut = true;
	c->over = true;
}

/* Takes the last element off a list; false when the list is empty. */
static bool list_last(struct slice *list, struct slice *one)
{
	const char *comma = list->n ? memrchr(list->p, ',', list->n) : NULL;
	size_t n = comma ? (size_t)(comma - list->p) : 0;

	if (!list->n)
		return false;
	*one = slice_trim(slice_of(list->p + n + (comma != NULL), list->n - n - (comma != NULL)));
	list->n = n;
	return true;
}

static void open_codings(struct content *c, struct slice list)
{
	struct slice name;

	while (!c->over && list_last(&list, &name)) {
		enum coding_kind kind = coding_by_name(name);
		uint8_t *room;

		if (kind == CODING_NONE)
			continue;
		if (kind == CODING_UNKNOWN) {
			stop(c, CONTENT_UNSUPPORTED);
		} else if (c->n_codings == CODINGS_MAX || !(room = pool_get(c->pool->rooms))) {
			stop(c, CONTENT_LIMIT);
		} else {
			coding_init(&c->coding[c->n_codings++], kind, room);
		}
	}
}

struct content *content_open(struct content_pool *p, const struct message *m, const struct text_sink *out)
{
	struct content *c = pool_get(p->bodies);
	char boundary[MULTIPART_BOUNDARY];
	static const struct prefix none;
	size_t n;

	if (!c)
		return NULL;
	memset(c, 0, offsetof(struct content, coding));
	c->pool = p;
	c->emit.out = *out;
	open_codings(c, m->content_encoding);
	c->multi = multipart_boundary(m->content_type, boundary, &n);
	if (c->multi)
		multipart_init(&c->u.multipart, boundary, n, p->limits.depth);
	else
		reader_init(&c->u.reader, &none,
		        slice_starts_nocase(m->content_type, "application/x-www-form-urlencoded"),
		        p->limits.depth);
	return c;
}

/* Decoded bytes. */
static void read_plain(struct content *c, const uint8_t *p, size_t n)
{
	uint64_t limit = c->pool->limits.body_limit;

	if (limit && n > limit - c->decoded)
		n = (size_t)(limit - c->decoded);
	else
		limit = 0;
	c->decoded += n;
	if (c->multi)
		multipart_feed(&c->u.multipart, &c->emit, p, n);
	else
		reader_feed(&c->u.reader, &c->emit, p, n);
	if (limit)
		stop(c, CONTENT_LIMIT);
}

struct step {
	struct content *c;
	unsigned level; /* of the codings: n_codings is the plain text */
};

static bool step_feed(void *arg, const uint8_t *p, size_t n)
{
	struct step *s = arg, next = {s->c, s->level + 1};
	struct content *c = s->c;
	unsigned why;

	if (c->over)
		return false;
	if (s->level == c->n_codings) {
		read_plain(c, p, n);
		return !c->over;
	}
	why = coding_feed(&c->coding[s->level], p, n, c->pool->limits.inflate_ratio, step_feed, &next);
	if (why && !c->over)
		stop(c, why);
	return !c->over;
}

void content_feed(struct content *c, const uint8_t *p, size_t n)
{
	struct step s = {c, 0};

	if (n)
		step_feed(&s, p, n);
}

/* Behind a gap nothing can be inflated. */
void content_gap(struct content *c, uint64_t n)
{
	c->emit.skip |= CONTENT_GAP;
	for (unsigned i = 0; i < c->n_codings && !c->over; i++) {
		struct step next = {c, i + 1};

		if (!coding_settle(&c->coding[i], c->pool->limits.inflate_ratio, step_feed, &next) &&
		        !c->over)
			stop(c, CONTENT_GAP);
	}
	if (c->over)
		return;
	if (c->multi)
		multipart_gap(&c->u.multipart, &c->emit, n);
	else
		reader_gap(&c->u.reader, &c->emit, n);
}

unsigned content_close(struct content *c, uint64_t *decoded)
{
	unsigned skip;

	for (unsigned i = 0; i < c->n_codings && !c->over; i++) {
		struct step next = {c, i + 1};
		unsigned why = coding_end(&c->coding[i], c->pool->limits.inflate_ratio, step_feed, &next);

		if (why && !c->over)
			stop(c, why);
	}
	skip = c->emit.skip;
	if (c->multi)
		multipart_end(&c->u.multipart, &c->emit);
	else
		reader_end(&c->u.reader, &c->emit);
	/* a structure that a limit cut is not broken */
	skip |= c->over ? c->emit.skip & ~(unsigned)CONTENT_BROKEN : c->emit.skip;
	if (decoded)
		*decoded = c->decoded;
	for (unsigned i = 0; i < c->n_codings; i++)
		pool_put(c->pool->rooms, c->coding[i].room);
	pool_put(c->pool->bodies, c);
	return skip;
}
