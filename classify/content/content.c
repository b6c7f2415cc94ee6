/* content.c - see content.h: the bodies of a worker, each a nest of parts (nest.h) in a block of the pool. */
#include "classify/content/nest_state.h"
#include "classify/content/text_scan.h"

#include <stdlib.h>

/* Rooms for each body that may be open: one structure fits the body's own block, and few nest deeper or are
 * compressed at the same time. */
#define SMALL_ROOMS 2
#define LARGE_ROOMS 1

/* Of a query, a header or a step of a path, on the stack: JSON in base64 in a value.  And what comes out of
 * all codings of a head. */
#define HEAD_ROOM  32768
#define HEAD_LIMIT (256u << 10)

struct content {
	struct content_pool *pool;
	struct nest nest;
	_Alignas(16) uint8_t own[NEST_ROOM_OWN];
};

struct content_pool {
	struct pool *bodies;
	struct nest_rooms rooms;
	struct content_limits limits;
};

struct content_pool *content_pool_create(size_t bodies, const struct content_limits *l)
{
	struct content_pool *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->limits = *l;
	p->bodies = pool_create(sizeof(struct content), bodies);
	p->rooms.small = pool_create(NEST_ROOM_SMALL, bodies * SMALL_ROOMS + NEST_DEPTH_MAX);
	p->rooms.large = pool_create(NEST_ROOM_LARGE, bodies * LARGE_ROOMS + NEST_DEPTH_MAX);
	p->rooms.decoders = coding_memory_create(l->decode_bytes ? l->decode_bytes : CONTENT_DECODE_BYTES);
	if (p->bodies && p->rooms.small && p->rooms.large && p->rooms.decoders)
		return p;
	content_pool_destroy(p);
	return NULL;
}

void content_pool_destroy(struct content_pool *p)
{
	if (!p)
		return;
	pool_destroy(p->bodies);
	pool_destroy(p->rooms.small);
	pool_destroy(p->rooms.large);
	coding_memory_destroy(p->rooms.decoders);
	free(p);
}

uint64_t content_refused(const struct content_pool *p)
{
	return pool_refused(p->bodies);
}

uint64_t content_decoders_refused(const struct content_pool *p)
{
	return coding_memory_refused(p->rooms.decoders);
}

/* The compression of messages in an envelope: of gRPC, of Connect. */
static struct slice message_codings(const struct message *m)
{
	for (unsigned i = 0; i < m->n_headers; i++)
		if (slice_is_nocase(m->headers[i].name, "grpc-encoding") ||
		        slice_is_nocase(m->headers[i].name, "connect-content-encoding"))
			return m->headers[i].value;
	return slice_of("", 0);
}

struct content *content_open(struct content_pool *p, const struct message *m, const struct text_sink *out)
{
	static const struct prefix none;
	struct part_hint hint = {.type = m->content_type,
	        .codings = m->content_encoding,
	        .message_codings = message_codings(m)};
	struct content *c = pool_get(p->bodies);

	if (!c)
		return NULL;
	c->pool = p;
	nest_init(&c->nest, sizeof(c->own), &p->rooms, &p->limits, out);
	part_begin(&c->nest, &none, &hint); /* its own room holds the first part */
	return c;
}

void content_numbers(struct content *c, content_number number)
{
	c->nest.emit.number = number;
}

void content_feed(struct content *c, const uint8_t *p, size_t n)
{
	part_feed(&c->nest, p, n);
}

void content_gap(struct content *c, uint64_t n)
{
	part_gap(&c->nest, n);
}

unsigned content_close(struct content *c, uint64_t *decoded)
{
	unsigned skip;

	part_end(&c->nest);
	skip = c->nest.emit.skip;
	if (decoded)
		*decoded = c->nest.decoded;
	pool_put(c->pool->bodies, c);
	return skip;
}

static uint64_t left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

/* What may still come out of codings. */
static uint64_t head_left(const struct content_limits *l, const struct content_spent *s)
{
	uint64_t one = l->body_limit && l->body_limit < HEAD_LIMIT ? l->body_limit : HEAD_LIMIT,
	         all = s->sent * l->inflate_ratio;

	one = left(one, s->head);
	if (!l->inflate_ratio)
		return one;
	all = left(all > CODING_FREE ? all : CODING_FREE, s->connection);
	return one < all ? one : all;
}

static unsigned read_head_text(struct content_pool *p, const struct reader_ops *ops, const struct prefix *in,
        const struct slice *text, struct content_spent *spent, const struct text_sink *out)
{
	struct content_limits limits = p->limits;
	struct {
		struct nest nest;
		_Alignas(16) uint8_t own[HEAD_ROOM];
	} h;

	limits.body_limit = head_left(&limits, spent);
	nest_init(&h.nest, sizeof(h.own), &p->rooms, &limits, out);
	h.nest.head = true;
	if (part_begin_as(&h.nest, ops, in, NULL)) {
		part_feed(&h.nest, (const uint8_t *)text->p, text->n);
		part_end(&h.nest);
	}
	spent->head += nest_inflated(&h.nest);
	spent->connection += nest_inflated(&h.nest);
	return h.nest.emit.skip;
}

unsigned content_query(struct content_pool *p, const struct slice *query, struct content_spent *spent,
        const struct text_sink *out)
{
	static const struct prefix in = {.text = "query", .n = 5, .key_at = 5};

	return query->n ? read_head_text(p, &form_ops, &in, query, spent, out) : 0;
}

/* The sink of a caller who wants only what was decoded. */
struct decoded_only {
	const struct text_sink *out;
	size_t path_len; /* of the text itself */
	bool open;
};

static void decoded_field(void *arg, const char *path, size_t path_len, const char *key, size_t key_len)
{
	static const char mark[] = "(base64)";
	struct decoded_only *d = arg;
	size_t n = sizeof(mark) - 1;

	d->open = path_len >= d->path_len + n && !memcmp(path + d->path_len, mark, n);
	if (d->open)
		d->out->field(d->out->arg, path, path_len, key, key_len);
}

static void decoded_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct decoded_only *d = arg;

	if (d->open)
		d->out->text(d->out->arg, p, n, offset);
}

static void decoded_end(void *arg, bool whole)
{
	struct decoded_only *d = arg;

	if (d->open)
		d->out->field_end(d->out->arg, whole);
	d->open = false;
}

unsigned content_encoded(struct content_pool *p, const struct slice *path, const struct slice *text,
        struct content_spent *spent, const struct text_sink *out)
{
	struct decoded_only d = {.out = out};
	const struct text_sink only = {
	        .arg = &d, .field = decoded_field, .text = decoded_text, .field_end = decoded_end};
	struct prefix in;

	if (text->n < BASE64_MIN || !path->n)
		return 0;
	prefix_set(&in, path->p, path->n, 0, path->n);
	d.path_len = in.n;
	return read_head_text(p, &text_ops, &in, text, spent, &only);
}
