/* http2_streams.c - the streams of an HTTP/2 connection: header blocks to heads and trailers, DATA to bodies
 * or to the connection inside (RFC 9113 5, 8).
 *
 * A stream takes a small place; what is read of it, a half for each side, takes memory only while it is
 * being read.  Whatever a client sends is handed out, though its head was missed or its stream is over: then
 * the message has no head. */
#include "classify/http/http2_internal.h"

#include "base/clock.h"

#include <string.h>

/* Of one head, reused by later ones of its size; in equal parts of the arena's blocks, and one of the large
 * kind. */
static const uint32_t chunk_size[HTTP2_CHUNK_CLASSES] = {1008, 4080, 8160, 69600};
struct chunk {
	struct chunk *next;
	uint8_t class;
};

#define STRAY_TEXT 16 /* in a row, to be handed on */
#define HEAD_TEXT_MAX                                                                                        \
	(HTTP_HEAD_MAX - 512) /* of all names and values: with their list they fit the largest chunk */

/* A header block on its way to a message: one at a time in a thread. */
struct building {
	struct header headers[HTTP_HEADERS_MAX];
	struct side *side;
	unsigned n;
	size_t used;
	bool cut, unknown, bad; /* something did not fit; something is not known; the block is malformed */
	bool beyond;            /* what is not known did not fit into the table */
	char text[HEAD_TEXT_MAX];
};
static _Thread_local struct building building;

/* ---- memory ---- */

static struct chunk *chunk_get(struct run *r, size_t n)
{
	struct chunk *k;
	uint8_t class = 0;

	while (class < HTTP2_CHUNK_CLASSES && chunk_size[class] < n + sizeof(*k))
		class ++;
	if (class == HTTP2_CHUNK_CLASSES)
		return NULL;
	k = r->h->free_chunks[class];
	if (k) {
		r->h->free_chunks[class] = k->next;
		return k;
	}
	k = arena_get(r->c->arena, chunk_size[class]);
	if (k)
		k->class = class;
	return k;
}

static void chunk_put(struct http2 *h, struct chunk *k)
{
	if (!k)
		return;
	k->next = h->free_chunks[k->class];
	h->free_chunks[k->class] = k;
}

static struct half *half_get(struct run *r)
{
	struct half *f = r->h->free_halves;

	if (f)
		r->h->free_halves = f->next;
	else
		f = arena_get(r->c->arena, sizeof(*f));
	if (!f) {
		r->c->limited = true;
		return NULL;
	}
	memset(f, 0, offsetof(struct half, codings));
	return f;
}

static void message_end(struct run *r, struct half *f, bool whole)
{
	if (f->told && r->out->end)
		r->out->end(r->out->arg, &f->m, whole && !f->m.body_missed);
	f->told = false;
}

static void half_end(struct run *r, struct half **at, bool whole)
{
	struct half *f = *at;

	if (!f)
		return;
	message_end(r, f, whole);
	chunk_put(r->h, f->head);
	chunk_put(r->h, f->trailer);
	f->next = r->h->free_halves;
	r->h->free_halves = f;
	*at = NULL;
}

/* ---- streams ---- */

static struct stream **bucket_of(struct http2 *h, uint32_t id)
{
	return &h->bucket[(id >> 1) % HTTP2_BUCKETS];
}

static struct stream *stream_find(struct http2 *h, uint32_t id)
{
	struct stream *s = *bucket_of(h, id);

	while (s && s->id != id)
		s = s->next;
	return s;
}

static void list_remove(struct http2 *h, struct stream *s)
{
	struct stream_list *l = &h->list[s->busy];

	*(s->older ? &s->older->newer : &l->oldest) = s->newer;
	*(s->newer ? &s->newer->older : &l->newest) = s->older;
}

static void list_append(struct http2 *h, struct stream *s)
{
	struct stream_list *l;

	s->busy = s->half[0] || s->half[1] || s->tunnel == TUNNEL_OPEN;
	l = &h->list[s->busy];
	s->older = l->newest;
	s->newer = NULL;
	*(l->newest ? &l->newest->newer : &l->oldest) = s;
	l->newest = s;
}

static void stream_touch(struct http2 *h, struct stream *s)
{
	list_remove(h, s);
	list_append(h, s);
}

static void stream_free(struct run *r, struct stream *s)
{
	struct http2 *h = r->h;
	struct stream **at = bucket_of(h, s->id);

	if (s->tunnel == TUNNEL_OPEN && r->out->bytes_end)
		r->out->bytes_end(r->out->inner, s->id);
	half_end(r, &s->half[0], false);
	half_end(r, &s->half[1], false);
	for (int d = 0; d < 2; d++)
		if (h->side[d].data == s)
			h->side[d].data = NULL;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	list_remove(h, s);
	h->n_streams--;
	memset(s, 0, sizeof(*s));
	s->next = h->free_streams;
	h->free_streams = s;
}

/* A new stream's place.  With as many as there may be, one that waits for its answer alone makes room, else
 * the one silent longest.  NULL: no memory. */
static struct stream *stream_new(struct run *r, uint32_t id)
{
	struct http2 *h = r->h;
	struct stream *s, **at = bucket_of(h, id);

	if (h->n_streams == HTTP2_STREAMS_MAX) {
		r->c->limited |= !h->list[0].oldest;
		stream_free(r, h->list[0].oldest ? h->list[0].oldest : h->list[1].oldest);
	}
	s = h->free_streams;
	if (s)
		h->free_streams = s->next;
	else
		s = arena_get(r->c->arena, sizeof(*s));
	if (!s) {
		r->c->limited = true;
		return NULL;
	}
	s->id = id;
	s->next = *at;
	*at = s;
	h->n_streams++;
	list_append(h, s);
	if (id > r->s->newest_id)
		r->s->newest_id = id;
	return s;
}

/* That side has said its last word on the stream. */
static void side_done(struct run *r, struct stream *s, enum flow_dir dir, bool whole)
{
	s->done[dir] = true;
	if (dir == FLOW_S2C || !s->tunnel)
		half_end(r, &s->half[dir], whole);
	/* the end of a request may be among what was not captured; once it was answered nothing is waited for
	 */
	if (dir == FLOW_S2C && s->half[FLOW_C2S] && s->half[FLOW_C2S]->m.body_missed)
		half_end(r, &s->half[FLOW_C2S], false);
	if (s->done[!dir])
		stream_free(r, s);
	else
		stream_touch(r->h, s);
}

/* ---- heads ---- */

static void collect(void *arg, const struct hpack_field *f)
{
	struct building *b = arg;
	struct side *s = b->side;
	size_t name_n = f->name_n, value_n = f->value_n;
	struct header *h;

	b->unknown |= !f->name_known || !f->value_known;
	b->beyond |= f->beyond;
	if (!name_n && !value_n)
		return;
	s->decoded += name_n + value_n;
	/* a byte or two that stand for a long entry, again and again: what each says was read before */
	if (f->indexed && s->decoded > HTTP2_HEAD_FREE && s->decoded / HTTP2_HEAD_RATIO > s->bytes) {
		b->cut = true;
		return;
	}
	if (b->n == HTTP_HEADERS_MAX || name_n + value_n > sizeof(b->text) - b->used) {
		b->cut = true;
		return;
	}
	h = &b->headers[b->n++];
	h->name = slice_of(b->text + b->used, name_n);
	if (name_n)
		memcpy(b->text + b->used, f->name, name_n);
	b->used += name_n;
	h->value = slice_of(b->text + b->used, value_n);
	if (value_n)
		memcpy(b->text + b->used, f->value, value_n);
	b->used += value_n;
}

static struct building *build(struct side *s)
{
	struct building *b = &building;

	b->side = s;
	b->n = 0;
	b->used = 0;
	b->cut = b->unknown = b->bad = b->beyond = false;
	return b;
}

/* The list of what was built, in memory of its own that *in becomes; NULL: no memory. */
static struct header *build_keep(struct run *r, const struct building *b, struct chunk **in)
{
	size_t list = b->n * sizeof(struct header);
	struct header *headers;
	char *text;

	*in = chunk_get(r, list + b->used);
	if (!*in) {
		r->c->limited = true;
		return NULL;
	}
	headers = (struct header *)(*in + 1);
	text = (char *)headers + list;
	memcpy(text, b->text, b->used);
	for (unsigned i = 0; i < b->n; i++) {
		const struct header *h = &b->headers[i];

		headers[i].name = slice_of(text + (h->name.p - b->text), h->name.n);
		headers[i].value = slice_of(text + (h->value.p - b->text), h->value.n);
	}
	return headers;
}

static void split_path(struct message *m, struct slice target)
{
	const char *q = target.n ? memchr(target.p, '?', target.n) : NULL;

	m->target = m->path = target;
	if (q) {
		m->path.n = (size_t)(q - target.p);
		m->query = slice_of(q + 1, target.n - m->path.n - 1);
	}
}

/* 8.3: pseudo-fields, and the fields that have a place of their own. */
static void place_field(struct half *f, struct slice name, struct slice value)
{
	struct message *m = &f->m;
	int64_t status;

	if (slice_is(name, ":method"))
		m->method = value;
	else if (slice_is(name, ":authority") || (slice_is_nocase(name, "host") && !m->authority.n))
		m->authority = value;
	else if (slice_is(name, ":path"))
		split_path(m, value);
	else if (slice_is(name, ":status"))
		m->status = (uint16_t)((status = message_number(value)) > 0 && status < 1000 ? status : 0);
	else if (slice_is(name, ":protocol"))
		m->protocol = value; /* extended CONNECT, RFC 8441 4 */
	else if (slice_is_nocase(name, "content-type"))
		m->content_type = value;
	else if (slice_is_nocase(name, "content-encoding"))
		message_add_codings(m, value, f->codings, sizeof(f->codings));
	else if (slice_is_nocase(name, "user-agent"))
		m->user_agent = value;
	else if (slice_is_nocase(name, "content-length"))
		m->content_length = message_number(value);
}

static void place_fields(struct half *f, struct header *headers, unsigned n)
{
	unsigned kept = 0;

	for (unsigned i = 0; headers && i < n; i++) {
		place_field(f, headers[i].name, headers[i].value);
		if (!headers[i].name.n || headers[i].name.p[0] != ':')
			headers[kept++] = headers[i];
	}
	f->m.headers = headers;
	f->m.n_headers = kept;
}

static void give_name(struct run *r, const struct message *m)
{
	char host[HOST_MAX];
	uint16_t port;

	if (r->out->name && m->request && m->authority.n &&
	        host_port_split(m->authority.p, m->authority.n, host, &port))
		r->out->name(r->out->arg,
		        slice_is(m->method, "CONNECT") && !m->protocol.n ? NAME_CONNECT : NAME_HTTP, host,
		        port);
}

/* The answer to the request that left HTTP/1 belongs to that (RFC 7540 3.2). */
static uint64_t told_by(const struct run *r, uint32_t id)
{
	return r->c->within | (r->h->upgraded && id == 1 ? 0 : id);
}

/* A message whose head is what was built.  NULL: no memory. */
static struct half *message_begin(struct run *r, uint32_t id, uint32_t index, const struct building *b)
{
	struct half *f = half_get(r);

	if (!f)
		return NULL;
	f->told = true;
	f->m = (struct message){.dir = r->dir,
	        .stream = told_by(r, id),
	        .index = index,
	        .when_ns = r->when_ns,
	        .request = r->dir == FLOW_C2S,
	        .damaged = b->cut || b->unknown || b->bad,
	        .missed = b->unknown && (!b->beyond || r->s->missed),
	        .version = 20,
	        .content_length = -1};
	r->c->limited |= b->cut || b->beyond;
	place_fields(f, build_keep(r, b, &f->head), b->n);
	give_name(r, &f->m);
	if (f->m.request && slice_is(f->m.method, "CONNECT"))
		f->m.upgrade = true;
	if (r->out->head)
		r->out->head(r->out->arg, &f->m);
	return f;
}

/* Bytes of a message whose head is not known. */
static struct half *message_headless(struct run *r, uint32_t id, uint32_t index)
{
	struct building *b = build(r->s);

	b->unknown = r->s->missed;
	b->bad = !b->unknown; /* its stream is over, or was dropped for lack of room */
	return message_begin(r, id, index, b);
}

/* 8.5: the stream's data will be a connection of its own.  The request is its head alone; that stays, for the
 * protocol inside asks where it goes. */
static void tunnel_asked(struct run *r, struct stream *s)
{
	struct half *f = s->half[FLOW_C2S];
	struct slice protocol = f->m.protocol;

	s->tunnel = TUNNEL_ASKED;
	s->to = !protocol.n                              ? UPGRADE_TUNNEL
	        : slice_is_nocase(protocol, "websocket") ? UPGRADE_WEBSOCKET
	                                                 : UPGRADE_UNKNOWN;
	message_end(r, f, true);
}

static void tunnel_opens(struct run *r, struct stream *s)
{
	struct upgrade u = {.to = (enum upgrade_to)s->to, .request = &s->half[FLOW_C2S]->m};

	s->tunnel = TUNNEL_OPEN;
	stream_touch(r->h, s);
	if (r->out->bytes_open)
		r->out->bytes_open(r->out->inner, s->id, &u);
}

/* An answer to CONNECT: it has no body when it is a yes. */
static void tunnel_answered(struct run *r, struct stream *s, struct half *f)
{
	if (f->m.status >= 200 && f->m.status < 300) {
		if (s->tunnel == TUNNEL_ASKED)
			tunnel_opens(r, s);
		half_end(r, &s->half[FLOW_S2C], true);
	} else if (f->m.status >= 300 && s->tunnel == TUNNEL_ASKED) {
		s->tunnel = TUNNEL_REFUSED;
		half_end(r, &s->half[FLOW_C2S], true);
	}
}

static bool is_interim(const struct half *f)
{
	return f && !f->m.request && f->m.status >= 100 && f->m.status < 200;
}

/* Nobody reads an answer: all that is kept of its head is what its first bytes are judged by. */
static void head_drop(struct run *r, struct half *f)
{
	struct slice type = f->m.content_type;

	type.n = type.n < sizeof(f->codings) ? type.n : sizeof(f->codings);
	if (type.n)
		memcpy(f->codings, type.p, type.n);
	chunk_put(r->h, f->head);
	f->head = NULL;
	f->m = (struct message){.dir = FLOW_S2C,
	        .stream = f->m.stream,
	        .index = f->m.index,
	        .when_ns = f->m.when_ns,
	        .damaged = f->m.damaged,
	        .missed = f->m.missed,
	        .version = 20,
	        .content_type = slice_of(f->codings, type.n),
	        .status = f->m.status,
	        .content_length = f->m.content_length};
}

static void stream_head(struct run *r, struct stream *s, const struct building *b)
{
	struct half *f;

	if (r->dir == FLOW_C2S)
		s->index = r->s->index++;
	f = s->half[r->dir] = message_begin(r, s->id, s->index, b);
	if (!f)
		return;
	stream_touch(r->h, s);
	if (f->m.upgrade)
		tunnel_asked(r, s);
	else if (r->dir == FLOW_S2C && s->tunnel)
		tunnel_answered(r, s, f);
	if (r->dir == FLOW_S2C && s->half[FLOW_S2C] && !f->m.user)
		head_drop(r, f);
}

/* 8.1: fields behind the body. */
static void stream_trailer(struct run *r, struct half *f, const struct building *b)
{
	if (f->trailer || (!f->m.request && !f->m.user))
		return;
	r->c->limited |= b->cut;
	f->m.trailers = build_keep(r, b, &f->trailer);
	f->m.n_trailers = f->m.trailers ? b->n : 0;
}

/* A head, the one behind an interim answer, or trailers. */
void http2_block(struct run *r, const uint8_t *p, size_t n)
{
	struct side *side = r->s;
	struct building *b = build(side);
	struct stream *s;

	b->bad = hpack_block(side->hpack, p, n, collect, b) < 0 || side->block_bad;
	if (side->block_promised)
		return;
	s = stream_find(r->h, side->block_id);
	if (!s && !(s = stream_new(r, side->block_id)))
		return;
	if (is_interim(s->half[r->dir]))
		half_end(r, &s->half[r->dir], true);
	if (s->tunnel == TUNNEL_OPEN || (s->tunnel && r->dir == FLOW_C2S)) {
		if (r->dir == FLOW_S2C && !s->half[FLOW_S2C] && !s->done[FLOW_S2C])
			stream_head(r, s, b); /* the client did not wait for it */
	} else if (s->half[r->dir]) {
		stream_trailer(r, s->half[r->dir], b);
	} else if (!s->done[r->dir]) {
		stream_head(r, s, b);
	}
	if (side->block_ends)
		side_done(r, s, r->dir, true);
}

/* ---- bodies ---- */

static void half_bytes(struct run *r, struct half *f, const uint8_t *p, size_t n)
{
	f->gap = false;
	if (r->out->body)
		r->out->body(r->out->arg, &f->m, p, n);
	f->m.body_bytes += n;
}

/* Once for all that is missing in a row. */
static void half_gap(struct run *r, struct half *f, uint64_t n)
{
	if (!f->told || (f->gap && !n))
		return;
	f->gap = true;
	f->m.body_missed += n ? n : 1;
	if (r->out->body_gap)
		r->out->body_gap(r->out->arg, &f->m, n);
}

/* What the bytes of this DATA frame belong to; NULL: nobody reads them. */
static struct stream *data_stream(struct run *r)
{
	struct side *side = r->s;
	struct stream *s = side->data;

	if (s)
		return s;
	s = stream_find(r->h, side->id);
	/* answers to what was reset go on for a while */
	if (!s && (r->dir == FLOW_C2S || side->missed))
		s = stream_new(r, side->id);
	return side->data = s;
}

void http2_data(struct run *r, const uint8_t *p, size_t n)
{
	struct stream *s = data_stream(r);
	struct half *f;

	if (!s)
		return;
	if (s->tunnel == TUNNEL_ASKED && r->dir == FLOW_C2S)
		tunnel_opens(r, s); /* the answer was not seen, or is not waited for */
	if (s->tunnel == TUNNEL_OPEN) {
		if (r->out->bytes && !r->out->bytes(r->out->inner, r->dir, s->id, p, n, r->when_ns))
			half_end(r, &s->half[FLOW_C2S], true);
		return;
	}
	f = s->half[r->dir];
	if (!f && (r->dir == FLOW_C2S || !s->done[FLOW_S2C])) {
		if (r->dir == FLOW_C2S)
			s->index = r->s->index++;
		f = s->half[r->dir] = message_headless(r, s->id, s->index);
		stream_touch(r->h, s);
	}
	if (f)
		half_bytes(r, f, p, n);
}

void http2_data_gap(struct run *r, uint64_t n)
{
	struct stream *s = stream_find(r->h, r->s->id);

	if (s && s->tunnel == TUNNEL_OPEN) {
		if (r->out->bytes_gap)
			r->out->bytes_gap(r->out->inner, r->dir, s->id, n);
	} else if (s && s->half[r->dir]) {
		half_gap(r, s->half[r->dir], n);
	}
}

static void stray_text(struct run *r, const uint8_t *p, size_t n)
{
	struct side *side = r->s;
	struct stream *s = side->type == H2_DATA && side->id ? stream_find(r->h, side->id) : NULL;

	if (s && s->half[FLOW_C2S] && !s->tunnel) {
		half_bytes(r, s->half[FLOW_C2S], p, n);
		return;
	}
	if (!side->stray)
		side->stray = message_headless(r, 0, side->index++);
	if (side->stray)
		half_bytes(r, side->stray, p, n);
}

void http2_stray(struct run *r, const uint8_t *p, size_t n)
{
	for (size_t at = 0, from = 0; r->dir == FLOW_C2S && at < n; from = ++at) {
		while (at < n && http2_is_text(p + at, 1))
			at++;
		/* a few letters between other bytes are chance; at the beginning they may go on from before
		 */
		if (at > from && (!from || at - from >= STRAY_TEXT))
			stray_text(r, p + from, at - from);
	}
}

void http2_stray_end(struct run *r)
{
	half_end(r, &r->s->stray, false);
}

/* ---- ends ---- */

void http2_stream_ends(struct run *r, uint32_t id)
{
	struct stream *s = stream_find(r->h, id);

	if (s)
		side_done(r, s, r->dir, true);
}

static void linger_end(struct run *r)
{
	struct http2 *h = r->h;
	struct stream *s = stream_find(h, h->linger[h->linger_first].id);

	if (s && s->reset)
		stream_free(r, s);
	h->linger_first = (h->linger_first + 1) % HTTP2_LINGER_MAX;
	h->linger_n--;
}

void http2_linger(struct run *r)
{
	struct http2 *h = r->h;

	while (h->linger_n && r->when_ns - h->linger[h->linger_first].when_ns > HTTP2_LINGER_NS)
		linger_end(r);
}

/* 5.4.2: who resets a stream says no more on it; the client hears of it later, and what it sends until then
 * was sent all the same. */
void http2_stream_reset(struct run *r, uint32_t id)
{
	struct http2 *h = r->h;
	struct stream *s = stream_find(h, id);
	unsigned at;

	if (!s || s->reset)
		return;
	if (r->dir == FLOW_C2S || s->tunnel || !s->half[FLOW_C2S]) {
		stream_free(r, s);
		return;
	}
	half_end(r, &s->half[FLOW_S2C], false);
	s->done[FLOW_S2C] = s->reset = true;
	stream_touch(h, s);
	if (h->linger_n == HTTP2_LINGER_MAX)
		linger_end(r);
	at = (h->linger_first + h->linger_n++) % HTTP2_LINGER_MAX;
	h->linger[at].id = id;
	h->linger[at].when_ns = r->when_ns;
}

void http2_missed(struct run *r)
{
	for (struct stream *s = r->h->list[1].oldest; s; s = s->newer) {
		if (s->tunnel == TUNNEL_OPEN) {
			if (r->out->bytes_gap)
				r->out->bytes_gap(r->out->inner, r->dir, s->id, 0);
		} else if (s->half[r->dir]) {
			half_gap(r, s->half[r->dir], 0);
		}
	}
}

void http2_end_all(struct run *r)
{
	for (int l = 0; l < 2; l++)
		while (r->h->list[l].oldest)
			stream_free(r, r->h->list[l].oldest);
	for (int d = 0; d < 2; d++) {
		r->s = &r->h->side[d];
		http2_stray_end(r);
	}
}

void http2_upgraded(struct run *r, const struct message *request)
{
	struct stream *s = stream_new(r, 1);

	if (!s)
		return;
	r->h->upgraded = true;
	s->done[FLOW_C2S] = true;
	s->index = request->index;
	r->s->index = request->index + 1;
}
