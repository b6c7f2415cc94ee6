/* http2.c - HTTP/2 (RFC 9113) over a byte stream: frames to header blocks to messages, for a reader that may
 * have missed a part.
 *
 * After a gap, or when the capture begins within a connection, the reader looks for the next frame border
 * (three plausible frame headers in a row, or one that ends with the bytes at hand), header fields may be
 * unknown, and the data of streams whose head was missed is handed out all the same.  Section numbers are
 * those of RFC 9113. */
#include "base/cursor.h"
#include "classify/http/hpack.h"
#include "classify/http/message.h"
#include "classify/layer.h"
#include "classify/names/pieces.h"

#include <string.h>

#define FRAME_HEADER      9
#define FRAME_MAX         (1u << 20) /* SETTINGS_MAX_FRAME_SIZE may be 16 MiB; nobody sends that */
#define STREAMS_MAX       64         /* open at once on a connection; more are counted and not read */
#define HEADERS_FLOOD_MAX 256        /* CONTINUATION frames of one block */
#define CHUNKS            4

enum {
	DATA,
	HEADERS,
	PRIORITY,
	RST_STREAM,
	SETTINGS,
	PUSH_PROMISE,
	PING,
	GOAWAY,
	WINDOW_UPDATE,
	CONTINUATION
};
enum { END_STREAM = 1, END_HEADERS = 4, PADDED = 8, HAS_PRIORITY = 0x20 };

/* Frames that belong to a stream. */
#define STREAM_TYPES                                                                                         \
	(1u << DATA | 1u << HEADERS | 1u << PRIORITY | 1u << RST_STREAM | 1u << PUSH_PROMISE |               \
	        1u << CONTINUATION)

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE (sizeof(preface) - 1)

/* Memory of one message's head, reused by later ones of its size. */
static const uint32_t chunk_size[CHUNKS] = {1024, 4096, 16384, HTTP_HEAD_MAX};
struct chunk {
	struct chunk *next;
	uint8_t class;
};

struct half { /* one message of a stream */
	struct message m;
	struct chunk *head; /* headers and their text */
	bool open, done;
};

/* A stream that carries another protocol: what it is, once it was asked for. */
enum stream_tunnel { NO_TUNNEL, TUNNEL_ASKED, TUNNEL_OPEN, TUNNEL_REFUSED };

struct stream {
	uint32_t id; /* 0: free */
	uint32_t used;
	enum stream_tunnel tunnel;
	enum upgrade_to to;
	struct half half[2];
};

struct side {
	struct hpack *hpack;
	uint8_t header[FRAME_HEADER], header_n;
	uint8_t type, flags;
	uint32_t left, stream; /* payload still to come, and whose it is */
	uint32_t pad,
	        skip; /* padding at its end; bytes before what we read: pad length, priority, promised id */
	bool skip_known;
	struct pieces block; /* header block fragments */
	uint32_t block_stream, continuations;
	bool in_block, block_ends, block_promised, block_bad;
	bool lost; /* where frames begin is not known */
	uint8_t preface_n;
	bool preface_done;
	uint32_t index; /* messages so far */
};

struct http2 {
	struct side side[2];
	struct stream stream[STREAMS_MAX];
	uint32_t clock;
	struct chunk *free[CHUNKS];
};

struct run {
	struct http2 *h;
	struct conn *c;
	struct side *s;
	enum flow_dir dir;
	int64_t when_ns;
	const struct sink *out;
};

/* A header block on its way to a message: one at a time in a thread. */
struct building {
	struct header headers[HTTP_HEADERS_MAX];
	unsigned n;
	size_t used;
	bool cut;
	char text[HTTP_HEAD_MAX];
};
static _Thread_local struct building building;
static _Thread_local uint8_t block_scratch[HTTP_HEAD_MAX];

int http2_probe(const uint8_t *p, size_t n)
{
	size_t k = n < PREFACE ? n : PREFACE;

	if (!memcmp(p, preface, k))
		return n >= PREFACE ? 1 : -1;
	/* a server begins with SETTINGS (3.4), whose length is a multiple of 6 and small */
	if (p[0] || (n > 1 && p[1]) || (n > 2 && p[2] % 6) || (n > 3 && p[3] != SETTINGS) || (n > 4 && p[4]))
		return 0;
	for (size_t i = 5; i < FRAME_HEADER && i < n; i++)
		if (p[i])
			return 0;
	return n >= FRAME_HEADER ? 1 : -1;
}

/* ---- memory of heads
 * --------------------------------------------------------------------------------------- */

static struct chunk *chunk_get(struct run *r, size_t n)
{
	struct chunk *k;
	uint8_t class = 0;

	while (class < CHUNKS && chunk_size[class] < n + sizeof(*k))
		class ++;
	if (class == CHUNKS)
		return NULL;
	k = r->h->free[class];
	if (k) {
		r->h->free[class] = k->next;
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
	k->next = h->free[k->class];
	h->free[k->class] = k;
}

/* ---- streams
 * ----------------------------------------------------------------------------------------------- */

static void message_end(struct run *r, struct half *f, bool whole)
{
	if (f->open && r->out->end)
		r->out->end(r->out->arg, &f->m, whole);
	f->open = false;
}

static void half_end(struct run *r, struct half *f, bool whole)
{
	message_end(r, f, whole);
	f->done = true;
	chunk_put(r->h, f->head);
	f->head = NULL;
}

static void stream_free(struct run *r, struct stream *s)
{
	if (s->tunnel == TUNNEL_OPEN && r->out->bytes_end)
		r->out->bytes_end(r->out->inner, s->id);
	half_end(r, &s->half[0], false);
	half_end(r, &s->half[1], false);
	memset(s, 0, sizeof(*s));
}

static struct stream *stream_find(struct http2 *h, uint32_t id)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (h->stream[i].id == id)
			return &h->stream[i];
	return NULL;
}

/* A new stream's place; when all are taken, that of the one silent longest. */
static struct stream *stream_new(struct run *r, uint32_t id)
{
	struct stream *best = &r->h->stream[0];

	for (size_t i = 0; i < STREAMS_MAX && best->id; i++)
		if (!r->h->stream[i].id || r->h->stream[i].used < best->used)
			best = &r->h->stream[i];
	if (best->id) {
		stream_free(r, best);
		r->c->limited = true;
	}
	best->id = id;
	return best;
}

static void stream_settle(struct run *r, struct stream *s)
{
	if (s->half[0].done && s->half[1].done)
		stream_free(r, s);
}

/* ---- heads
 * ------------------------------------------------------------------------------------------------- */

static void collect(void *arg, const struct hpack_field *f)
{
	struct building *b = arg;
	struct header *h;

	if (!f->name_known)
		return;
	if (b->n == HTTP_HEADERS_MAX || f->name_n + f->value_n > sizeof(b->text) - b->used) {
		b->cut = true;
		return;
	}
	h = &b->headers[b->n++];
	h->name = slice_of(b->text + b->used, f->name_n);
	if (f->name_n)
		memcpy(b->text + b->used, f->name, f->name_n);
	b->used += f->name_n;
	h->value = slice_of(b->text + b->used, f->value_known ? f->value_n : 0);
	if (h->value.n)
		memcpy(b->text + b->used, f->value, f->value_n);
	b->used += h->value.n;
}

static int64_t number(struct slice s)
{
	int64_t v = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || v > INT64_MAX / 10 - 1)
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return s.n ? v : -1;
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
static void place_field(struct message *m, struct slice name, struct slice value)
{
	if (slice_is(name, ":method"))
		m->method = value;
	else if (slice_is(name, ":authority") || (slice_is_nocase(name, "host") && !m->authority.n))
		m->authority = value;
	else if (slice_is(name, ":path"))
		split_path(m, value);
	else if (slice_is(name, ":status"))
		m->status = (uint16_t)(number(value) > 0 && number(value) < 1000 ? number(value) : 0);
	else if (slice_is(name, ":protocol"))
		m->protocol = value; /* extended CONNECT, RFC 8441 4 */
	else if (slice_is_nocase(name, "content-type"))
		m->content_type = value;
	else if (slice_is_nocase(name, "content-encoding"))
		m->content_encoding = value;
	else if (slice_is_nocase(name, "user-agent"))
		m->user_agent = value;
	else if (slice_is_nocase(name, "content-length"))
		m->content_length = number(value);
}

/* The head of a message from what was built, in memory of its own.  false: no memory. */
static bool head_keep(struct run *r, struct half *f, const struct building *b)
{
	size_t list = b->n * sizeof(struct header);
	struct header *headers;
	char *text;
	unsigned n = 0;

	f->head = chunk_get(r, list + b->used);
	if (!f->head)
		return false;
	headers = (struct header *)(f->head + 1);
	text = (char *)(headers + b->n);
	memcpy(text, b->text, b->used);
	for (unsigned i = 0; i < b->n; i++) {
		struct slice name = slice_of(text + (b->headers[i].name.p - b->text), b->headers[i].name.n);
		struct slice value =
		        slice_of(text + (b->headers[i].value.p - b->text), b->headers[i].value.n);

		place_field(&f->m, name, value);
		if (!name.n || name.p[0] != ':')
			headers[n++] = (struct header){name, value};
	}
	f->m.headers = headers;
	f->m.n_headers = n;
	return true;
}

/* 8.5: the stream's data will be a connection of its own.  The request is its head alone. */
static void tunnel_asked(struct run *r, struct stream *s, struct half *f)
{
	struct slice protocol = f->m.protocol;

	f->m.upgrade = true;
	s->tunnel = TUNNEL_ASKED;
	s->to = !protocol.n                              ? UPGRADE_TUNNEL
	        : slice_is_nocase(protocol, "websocket") ? UPGRADE_WEBSOCKET
	                                                 : UPGRADE_UNKNOWN;
	message_end(r, f, true); /* its head stays: the protocol inside asks where it goes */
}

static void message_begin(struct run *r, struct stream *s, const struct building *b, bool damaged)
{
	struct half *f = &s->half[r->dir];

	f->m = (struct message){.dir = r->dir,
	        .stream = s->id,
	        .index = r->s->index++,
	        .when_ns = r->when_ns,
	        .request = r->dir == FLOW_C2S,
	        .damaged = damaged || b->cut,
	        .version = 20,
	        .content_length = -1};
	if (!head_keep(r, f, b)) {
		r->c->limited = true;
		f->done = true;
		return;
	}
	f->open = true;
	if (r->out->name && f->m.request && f->m.authority.n) {
		char host[HOST_MAX];
		uint16_t port;

		if (host_port_split(f->m.authority.p, f->m.authority.n, host, &port))
			r->out->name(r->out->arg, NAME_HTTP, host, port);
	}
	if (r->out->head)
		r->out->head(r->out->arg, &f->m);
	if (f->m.request && slice_is(f->m.method, "CONNECT"))
		tunnel_asked(r, s, f);
	else if (!f->m.request && s->tunnel == TUNNEL_ASKED && f->m.status >= 300)
		s->tunnel = TUNNEL_REFUSED;
}

/* A whole header block: a head, an interim answer, or trailers. */
static void block_done(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	struct stream *st = stream_find(r->h, s->block_stream);
	struct building *b = &building;
	struct half *f;
	bool bad;

	b->n = 0;
	b->used = 0;
	b->cut = false;
	bad = hpack_block(s->hpack, p, n, collect, b) < 0;
	if (s->block_promised || !s->block_stream)
		return;
	if (!st)
		st = stream_new(r, s->block_stream);
	st->used = ++r->h->clock;
	f = &st->half[r->dir];
	if (f->open && r->dir == FLOW_S2C && f->m.status && f->m.status < 200) {
		half_end(r, f, true); /* 8.1: an interim answer is followed by the final one */
		f->done = false;
	}
	if (!f->open && !f->done && !(st->tunnel == TUNNEL_OPEN || (st->tunnel && r->dir == FLOW_C2S)))
		message_begin(r, st, b, bad || s->block_bad);
	if (s->block_ends) {
		half_end(r, f, true);
		stream_settle(r, st);
	}
}

/* ---- frames
 * ------------------------------------------------------------------------------------------------ */

/* true: the bytes were those of a connection inside. */
static bool tunnel_bytes(struct run *r, struct stream *st, const uint8_t *p, size_t n)
{
	if (st->tunnel == TUNNEL_ASKED && (r->dir == FLOW_C2S || st->half[FLOW_S2C].open)) {
		struct upgrade u = {.to = st->to, .request = &st->half[FLOW_C2S].m};

		st->tunnel = TUNNEL_OPEN;
		message_end(r, &st->half[FLOW_S2C], true);
		if (r->out->bytes_open)
			r->out->bytes_open(r->out->inner, st->id, &u);
	}
	if (st->tunnel != TUNNEL_OPEN)
		return false;
	if (r->out->bytes)
		r->out->bytes(r->out->inner, r->dir, st->id, p, n, r->when_ns);
	return true;
}

static void body(struct run *r, const uint8_t *p, size_t n)
{
	struct stream *st = stream_find(r->h, r->s->stream);
	struct half *f;

	if (!st) {
		/* its head was missed, or it is closed: 5.1 has no way to tell, but for streams of what was
		 * seen whole */
		if (!r->c->midstream)
			return;
		st = stream_new(r, r->s->stream);
	}
	f = &st->half[r->dir];
	st->used = ++r->h->clock;
	if (tunnel_bytes(r, st, p, n))
		return;
	if (!f->open && !f->done) {
		building.n = 0;
		building.used = 0;
		building.cut = false;
		message_begin(r, st, &building, true);
	}
	if (!f->open)
		return;
	if (r->out->body)
		r->out->body(r->out->arg, &f->m, p, n);
	f->m.body_bytes += n;
}

static void ended(struct run *r, uint32_t id, bool whole)
{
	struct stream *st = stream_find(r->h, id);

	if (!st)
		return;
	if (whole) {
		half_end(r, &st->half[r->dir], true);
		stream_settle(r, st);
	} else {
		stream_free(r, st);
	}
}

static bool frame_plausible(const uint8_t *p)
{
	uint32_t len = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2],
	         id = (uint32_t)(p[5] & 0x7f) << 24 | (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
	static const uint8_t flags[] = {[DATA] = 0x09,
	        [HEADERS] = 0x2d,
	        [SETTINGS] = 1,
	        [PUSH_PROMISE] = 0x0c,
	        [PING] = 1,
	        [CONTINUATION] = 4};

	if (len > 16384 || p[3] > CONTINUATION || p[4] & ~flags[p[3]] || p[5] & 0x80)
		return false;
	switch (p[3]) {
	case DATA:
	case HEADERS:
	case CONTINUATION:
	case PUSH_PROMISE:
		return id != 0;
	case PRIORITY:
		return id && len == 5;
	case RST_STREAM:
		return id && len == 4;
	case SETTINGS:
		return !id && len % 6 == 0;
	case PING:
		return !id && len == 8;
	case GOAWAY:
		return !id && len >= 8;
	default:
		return len == 4;
	}
}

/* Three in a row, or all that is at hand. */
bool http2_frames(const uint8_t *p, size_t n)
{
	for (unsigned seen = 0; seen < 3; seen++) {
		size_t len;

		if (n < FRAME_HEADER)
			return seen > 0 && !n;
		if (!frame_plausible(p))
			return false;
		len = FRAME_HEADER + ((size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2]);
		if (len >= n)
			return seen > 0 || len == n || p[3] == DATA || p[3] == HEADERS;
		p += len;
		n -= len;
	}
	return true;
}

static bool frame_begins(struct run *r)
{
	struct side *s = r->s;
	struct cur c = cur_of(s->header, FRAME_HEADER);

	s->left = (uint32_t)cur_be(&c, 3);
	s->type = cur_u8(&c);
	s->flags = cur_u8(&c);
	s->stream = cur_be32(&c) & 0x7fffffff;
	s->pad = 0;
	s->skip = 0;
	s->skip_known = true;
	if (!s->stream && s->type <= CONTINUATION && 1u << s->type & STREAM_TYPES) /* 6: an error */
		return false;
	/* 6.10: nothing may come between the parts of a block */
	if (s->left > FRAME_MAX || (s->in_block && (s->type != CONTINUATION || s->stream != s->block_stream)))
		return false;
	switch (s->type) {
	case HEADERS:
	case PUSH_PROMISE:
		s->in_block = true;
		s->block_stream = s->stream;
		s->block_promised = s->type == PUSH_PROMISE;
		s->block_ends = s->type == HEADERS && s->flags & END_STREAM;
		s->block_bad = false;
		s->continuations = 0;
		pieces_reset(&s->block);
		s->skip = (s->type == PUSH_PROMISE ? 4 : s->flags & HAS_PRIORITY ? 5 : 0);
		if (s->flags & PADDED)
			s->skip_known = false;
		break;
	case CONTINUATION:
		if (!s->in_block || ++s->continuations > HEADERS_FLOOD_MAX)
			return false;
		break;
	case DATA:
		if (s->flags & PADDED)
			s->skip_known = false;
		break;
	default:
		break;
	}
	return s->skip <= s->left;
}

static void frame_ends(struct run *r)
{
	struct side *s = r->s;

	s->header_n = 0;
	switch (s->type) {
	case DATA:
		if (s->flags & END_STREAM)
			ended(r, s->stream, true);
		break;
	case RST_STREAM:
		ended(r, s->stream, false);
		break;
	case HEADERS:
	case PUSH_PROMISE:
	case CONTINUATION:
		if (!(s->flags & END_HEADERS))
			break;
		s->in_block = false;
		if (s->block.len <= sizeof(block_scratch)) {
			pieces_copy(&s->block, block_scratch);
			block_done(r, block_scratch, s->block.len);
		}
		pieces_reset(&s->block);
		break;
	default:
		break;
	}
}

/* Bytes of a frame's payload that are neither its padding nor what stands before. */
static void content(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	if (s->type == DATA) {
		body(r, p, n);
	} else if (s->in_block && !s->block_bad) {
		if (s->block.len + n > sizeof(block_scratch) ||
		        !pieces_add(&s->block, r->c->arena, p, n, s->left)) {
			s->block_bad = true;
			hpack_lost(s->hpack);
			pieces_reset(&s->block);
		}
	}
}

static bool payload(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	size_t take;

	s->left -= (uint32_t)n;
	if (!s->skip_known && n) { /* 6.1: the length of the padding is the first byte */
		s->pad = p[0];
		s->skip_known = true;
		p++;
		n--;
		if (s->pad > s->left + n)
			return false;
	}
	take = s->skip < n ? s->skip : n;
	s->skip -= (uint32_t)take;
	p += take;
	n -= take;
	if (s->left < s->pad)
		n = s->pad - s->left < n ? n - (s->pad - s->left) : 0;
	if (n)
		content(r, p, n);
	return true;
}

/* Nothing is known of this direction any more until frames are found again. */
static void lose(struct run *r)
{
	struct side *s = r->s;

	s->lost = true;
	s->in_block = false;
	s->header_n = 0;
	s->left = 0;
	r->c->midstream = true;
	pieces_reset(&s->block);
	hpack_lost(s->hpack);
	for (size_t i = 0; i < STREAMS_MAX; i++) {
		struct stream *st = &r->h->stream[i];
		struct half *f = &st->half[r->dir];

		if (st->tunnel == TUNNEL_OPEN && r->out->bytes_gap) {
			r->out->bytes_gap(r->out->inner, r->dir, st->id, 0);
		} else if (st->id && f->open && r->out->body_gap) {
			r->out->body_gap(r->out->arg, &f->m, 0);
			f->m.body_missed++;
		}
	}
}

static int http2_open(void *state, struct conn *c)
{
	struct http2 *h = state;

	for (int d = 0; d < 2; d++) {
		h->side[d].hpack = hpack_open(c->arena);
		if (!h->side[d].hpack)
			return -1;
		if (c->midstream)
			hpack_lost(h->side[d].hpack);
		h->side[d].preface_done = d == FLOW_S2C;
	}
	return 0;
}

/* The client's preface, byte by byte as it comes. */
static size_t take_preface(struct side *s, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && s->preface_n < PREFACE && p[i] == (uint8_t)preface[s->preface_n]) {
		i++;
		s->preface_n++;
	}
	if (s->preface_n == PREFACE || i < n)
		s->preface_done = true;
	return i;
}

static enum layer_verdict http2_feed(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	struct http2 *h = state;
	struct run r = {.h = h, .c = c, .s = &h->side[dir], .dir = dir, .when_ns = when_ns, .out = out};
	struct side *s = r.s;
	struct cur in = cur_of(p, len);

	(void)stream;
	if (!s->preface_done)
		cur_skip(&in, take_preface(s, p, len));
	while (cur_left(&in)) {
		if (s->lost) {
			if (!http2_frames(in.p, cur_left(&in)))
				return LAYER_MORE; /* the next segment may begin with one */
			s->lost = false;
		}
		if (s->header_n < FRAME_HEADER) {
			s->header[s->header_n++] = cur_u8(&in);
			if (s->header_n < FRAME_HEADER)
				continue;
			if (!frame_begins(&r)) {
				if (!c->midstream && !h->clock)
					return LAYER_BAD;
				lose(&r);
				return LAYER_MORE;
			}
		} else {
			size_t n = cur_left(&in) < s->left ? cur_left(&in) : s->left;

			if (!payload(&r, cur_take(&in, n), n)) {
				lose(&r);
				return LAYER_MORE;
			}
		}
		if (s->header_n == FRAME_HEADER && !s->left)
			frame_ends(&r);
	}
	return LAYER_MORE;
}

static void http2_gap(
        void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len, const struct sink *out)
{
	struct http2 *h = state;
	struct run r = {
	        .h = h, .c = c, .s = &h->side[dir], .dir = dir, .when_ns = c->flow->last_ns, .out = out};
	struct side *s = r.s;
	struct stream *st;

	(void)stream;
	s->preface_done = true;
	/* within the data of one frame the framing stays whole */
	if (len && !s->lost && s->header_n == FRAME_HEADER && s->type == DATA && s->skip_known &&
	        len <= s->left - (s->pad < s->left ? s->pad : s->left)) {
		s->left -= (uint32_t)len;
		st = stream_find(h, s->stream);
		if (st && st->tunnel == TUNNEL_OPEN && out->bytes_gap) {
			out->bytes_gap(out->inner, dir, s->stream, len);
		} else if (st && st->half[dir].open) {
			if (out->body_gap)
				out->body_gap(out->arg, &st->half[dir].m, len);
			st->half[dir].m.body_missed += len;
		}
		if (!s->left)
			frame_ends(&r);
		return;
	}
	lose(&r);
}

static void http2_close(void *state, struct conn *c, const struct sink *out)
{
	struct http2 *h = state;
	struct run r = {.h = h, .c = c, .s = &h->side[0], .out = out};

	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (h->stream[i].id)
			stream_free(&r, &h->stream[i]);
}

const struct layer_ops http2_layer = {
        .name = "http2",
        .state_size = sizeof(struct http2),
        .open = http2_open,
        .feed = http2_feed,
        .gap = http2_gap,
        .close = http2_close,
};
