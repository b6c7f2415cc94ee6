/* websocket.c - WebSocket frames (RFC 6455 5) to messages, permessage-deflate (RFC 7692) undone.
 *
 * Read is what the client says; the server's frames are passed over by their lengths alone.  A compressed
 * message is marked by RSV1, and the window of the last 32 KiB is always kept: a client that takes no context
 * over never refers to it, so what the handshake agreed on need not be known.  Behind a gap the window is
 * blank: text sent anew is read, repetitions of what was missed come out as blanks.  Section numbers are
 * those of RFC 6455. */
#include "classify/http/message.h"
#include "classify/layer.h"

#include <string.h>
#include <zlib.h>

#define HEADER_MAX    14    /* 2 + 8 bytes of length + 4 of mask */
#define CONTROL_MAX   125   /* 5.5 */
#define WINDOW        32768 /* RFC 7692 7.1.2: 15 bits at most */
#define INFLATE_ROOM  65536 /* zlib's state and window, with room for other makes of it */
#define RATIO_MAX     200   /* decoded to sent, once BOMB_FREE came out of a message: no text is like that */
#define BOMB_FREE     (1u << 20)
#define RESYNC_LENGTH (1u << 24) /* in search of frames a longer one is not believed */
#define CHUNK         16384

enum opcode { CONTINUES = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* permessage-deflate of one direction. */
struct inflater {
	z_stream z;
	bool broken;      /* until the next message */
	uint64_t in, out; /* of this message */
	size_t used;
	uint8_t room[INFLATE_ROOM];
};

struct side {
	uint8_t header[HEADER_MAX], header_n;
	uint8_t opcode, mask[4];
	unsigned mask_at;
	bool masked, fin, lost;
	uint64_t left; /* of the frame's payload */
	bool in_message, compressed;
	struct inflater *inflater; /* NULL until the first compressed message */
	struct message m, control; /* control frames stand between the fragments of a message */
	bool open, control_open;
};

struct websocket {
	struct side side[2];
	struct message request; /* the handshake's, as far as messages show it */
	uint32_t index;
};

struct run {
	struct websocket *w;
	struct conn *c;
	struct side *s;
	enum flow_dir dir;
	int64_t when_ns;
	const struct sink *out;
};

/* One call's unmasked and inflated bytes; a thread works on one at a time. */
static _Thread_local uint8_t plain[CHUNK], inflated[CHUNK];

/* ---- frame headers -------------------------------------------------------------------------------------
 */

static size_t header_size(const uint8_t *p)
{
	uint8_t len = p[1] & 0x7f;

	return 2u + (len == 126 ? 2 : len == 127 ? 8 : 0) + (p[1] & 0x80 ? 4 : 0);
}

static uint64_t header_length(const uint8_t *p)
{
	uint64_t n = p[1] & 0x7f;

	if (n == 126)
		return (uint64_t)p[2] << 8 | p[3];
	if (n < 126)
		return n;
	n = 0;
	for (int i = 0; i < 8; i++)
		n = n << 8 | p[2 + i];
	return n;
}

/* 5.2: is this whole header one that may stand there?  (RSV2 and RSV3: no extension in use has them.) */
static bool header_valid(const uint8_t *p)
{
	static const uint16_t opcodes =
	        1 << CONTINUES | 1 << TEXT | 1 << BINARY | 1 << CLOSE | 1 << PING | 1 << PONG;
	uint8_t op = p[0] & 0x0f, len = p[1] & 0x7f;
	uint64_t n = header_length(p);

	if (p[0] & 0x30 || !(opcodes >> op & 1) || n >> 63)
		return false;
	if (op >= CLOSE)
		return p[0] >> 4 == 8 && n <= CONTROL_MAX;             /* whole, not compressed */
	return !(len == 126 && n < 126) && !(len == 127 && n < 65536); /* in the shortest form */
}

/* Do frames of this side begin here?  Each is followed by another one, as far as the bytes go. */
static bool frames_here(enum flow_dir dir, const uint8_t *p, size_t n)
{
	unsigned seen = 0;

	while (n) {
		size_t head = n > 1 ? header_size(p) : 2;
		uint64_t len;

		if (n < head)
			return seen > 0;
		if (!header_valid(p) || (p[1] >> 7) != (dir == FLOW_C2S))
			return false;
		len = header_length(p);
		if (len > RESYNC_LENGTH)
			return false;
		if (n - head <= len)
			return seen > 0 || n - head == len || dir == FLOW_C2S;
		p += head + len;
		n -= head + (size_t)len;
		seen++;
	}
	return true;
}

/* ---- messages ------------------------------------------------------------------------------------------
 */

static void message_begin(struct run *r, struct message *m, bool damaged)
{
	*m = r->w->request;
	m->when_ns = r->when_ns;
	m->index = ++r->w->index;
	m->damaged = damaged;
	if (r->out->head)
		r->out->head(r->out->arg, m);
}

static void message_bytes(struct run *r, struct message *m, const uint8_t *p, size_t n)
{
	if (n && r->out->body)
		r->out->body(r->out->arg, m, p, n);
	m->body_bytes += n;
}

static void message_missed(struct run *r, uint64_t n)
{
	struct side *s = r->s;

	if (!s->open)
		return;
	if (r->out->body_gap)
		r->out->body_gap(r->out->arg, &s->m, n);
	s->m.body_missed += n ? n : 1;
}

static void message_end(struct run *r, bool whole)
{
	struct side *s = r->s;

	if (s->open && r->out->end)
		r->out->end(r->out->arg, &s->m, whole);
	s->open = s->in_message = false;
}

static void control_end(struct run *r, bool whole)
{
	struct side *s = r->s;

	if (s->control_open && r->out->end)
		r->out->end(r->out->arg, &s->control, whole);
	s->control_open = false;
}

/* ---- permessage-deflate --------------------------------------------------------------------------------
 */

static voidpf room_get(voidpf opaque, uInt items, uInt size)
{
	struct inflater *f = opaque;
	size_t n = ((size_t)items * size + 63) & ~(size_t)63;
	uint8_t *p = f->room + f->used;

	if (n > INFLATE_ROOM - f->used)
		return Z_NULL;
	f->used += n;
	return p;
}

static void room_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	(void)p;
}

/* What was sent is not known: references into it become blanks. */
static void window_blank(struct inflater *f)
{
	memset(inflated, ' ', sizeof(inflated));
	inflateReset(&f->z);
	for (int i = 0; i < WINDOW / CHUNK; i++)
		inflateSetDictionary(&f->z, inflated, sizeof(inflated));
}

/* The direction's inflater, ready for a new message; NULL: no memory. */
static struct inflater *inflater_ready(struct run *r)
{
	struct inflater *f = r->s->inflater;

	if (!f) {
		f = arena_get(r->c->arena, sizeof(*f));
		if (!f)
			return NULL;
		f->z.zalloc = room_get;
		f->z.zfree = room_free;
		f->z.opaque = f;
		if (inflateInit2(&f->z, -15) != Z_OK)
			return NULL;
		if (r->c->midstream)
			window_blank(f);
		r->s->inflater = f;
	}
	if (f->broken)
		window_blank(f);
	f->broken = false;
	f->in = f->out = 0;
	return f;
}

/* The rest of this message cannot be read. */
static void inflate_stop(struct run *r, bool limit)
{
	r->s->inflater->broken = true;
	r->c->limited |= limit;
	message_missed(r, 0);
}

static void inflate_on(struct run *r, const uint8_t *p, size_t n)
{
	struct inflater *f = r->s->inflater;
	int e;

	if (!f || f->broken)
		return;
	f->in += n;
	f->z.next_in = (Bytef *)(uintptr_t)p;
	f->z.avail_in = (uInt)n;
	do {
		size_t got;

		f->z.next_out = inflated;
		f->z.avail_out = sizeof(inflated);
		e = inflate(&f->z, Z_SYNC_FLUSH);
		got = sizeof(inflated) - f->z.avail_out;
		f->out += got;
		message_bytes(r, &r->s->m, inflated, got);
		if (f->out > BOMB_FREE && f->out / RATIO_MAX > f->in) {
			inflate_stop(r, true);
			return;
		}
		if (e == Z_STREAM_END) /* RFC 7692 7.2.3.5: a final block may end a message; the window goes
		                          on */
			e = inflateResetKeep(&f->z);
	} while (e == Z_OK && (f->z.avail_in || !f->z.avail_out));
	if (e != Z_OK && e != Z_BUF_ERROR)
		inflate_stop(r, false);
}

/* ---- payload -------------------------------------------------------------------------------------------
 */

static void unmask(const struct side *s, const uint8_t *p, size_t n)
{
	uint64_t key;
	uint8_t turned[8];
	size_t i = 0;

	for (unsigned k = 0; k < 8; k++)
		turned[k] = s->mask[(s->mask_at + k) % 4];
	memcpy(&key, turned, sizeof(key));
	for (; n - i >= sizeof(key); i += sizeof(key)) {
		uint64_t v;

		memcpy(&v, p + i, sizeof(v));
		v ^= key;
		memcpy(plain + i, &v, sizeof(v));
	}
	for (; i < n; i++)
		plain[i] = p[i] ^ turned[i % 8];
}

static void payload(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	s->left -= n;
	while (n) {
		size_t k = n < CHUNK ? n : CHUNK;
		const uint8_t *q = p;

		if (!s->open && !s->control_open)
			return; /* the server's, or there was no memory */
		if (s->masked) {
			unmask(s, p, k);
			s->mask_at = (unsigned)((s->mask_at + k) % 4);
			q = plain;
		}
		if (s->opcode >= CLOSE)
			message_bytes(r, &s->control, q, k);
		else if (s->compressed)
			inflate_on(r, q, k);
		else
			message_bytes(r, &s->m, q, k);
		p += k;
		n -= k;
	}
}

/* 5.4: a message is a frame with its opcode, and those that continue it. */
static void frame_begins(struct run *r)
{
	struct side *s = r->s;
	uint8_t op = s->header[0] & 0x0f;
	size_t head = header_size(s->header);

	s->opcode = op;
	s->fin = s->header[0] & 0x80;
	s->masked = s->header[1] & 0x80;
	s->left = header_length(s->header);
	s->mask_at = 0;
	if (s->masked)
		memcpy(s->mask, s->header + head - 4, 4);
	if (r->dir != FLOW_C2S)
		return;
	if (op >= CLOSE) {
		if (!s->left)
			return;
		s->control_open = true;
		message_begin(r, &s->control, false);
		return;
	}
	if (op != CONTINUES || !s->in_message) {
		message_end(r, false);
		s->in_message = s->open = true;
		s->compressed = op != CONTINUES && s->header[0] & 0x40;
		message_begin(r, &s->m, op == CONTINUES);
		if (s->compressed && !inflater_ready(r)) {
			r->c->limited = true;
			message_missed(r, 0);
		}
	}
}

static void frame_ends(struct run *r)
{
	static const uint8_t tail[] = {0, 0, 0xff, 0xff}; /* RFC 7692 7.2.2 */
	struct side *s = r->s;

	s->header_n = 0;
	if (s->opcode >= CLOSE) {
		control_end(r, true);
		return;
	}
	if (!s->fin)
		return;
	if (s->open && s->compressed)
		inflate_on(r, tail, sizeof(tail));
	message_end(r, !s->m.body_missed);
}

/* Where the next frame begins is not known. */
static void lose(struct run *r)
{
	struct side *s = r->s;

	s->lost = true;
	s->header_n = 0;
	s->left = 0;
	message_missed(r, 0);
	message_end(r, false);
	control_end(r, false);
	if (s->inflater)
		s->inflater->broken = true;
	r->c->midstream = true;
}

/* ---- the layer -----------------------------------------------------------------------------------------
 */

static struct slice keep(struct conn *c, struct slice s)
{
	char *p = s.n ? arena_text(c->arena, s.p, s.n) : NULL;

	return p ? slice_of(p, s.n) : slice_of(NULL, 0);
}

static int websocket_open(void *state, struct conn *c)
{
	struct websocket *w = state;
	const struct message *m = c->upgrade.request;

	w->request = (struct message){.dir = FLOW_C2S, .request = true, .version = 11, .content_length = -1};
	if (!m)
		return 0;
	w->request.version = m->version;
	w->request.stream = m->stream;
	w->request.method = keep(c, m->method);
	w->request.target = w->request.path = keep(c, m->path);
	w->request.authority = keep(c, m->authority);
	w->request.user_agent = keep(c, m->user_agent);
	w->index = m->index;
	return 0;
}

static enum layer_verdict websocket_feed(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	struct websocket *w = state;
	struct run r = {.w = w, .c = c, .s = &w->side[dir], .dir = dir, .when_ns = when_ns, .out = out};
	struct side *s = r.s;
	size_t at = 0;

	(void)stream;
	if (s->lost) {
		if (!frames_here(dir, p, len))
			return LAYER_MORE; /* the next segment may begin with one */
		s->lost = false;
	}
	while (at < len) {
		if (s->header_n < 2 || s->header_n < header_size(s->header)) {
			s->header[s->header_n++] = p[at++];
			if (s->header_n < 2 || s->header_n < header_size(s->header))
				continue;
			if (!header_valid(s->header)) {
				lose(&r);
				return LAYER_MORE;
			}
			frame_begins(&r);
		} else {
			size_t n = len - at < s->left ? len - at : (size_t)s->left;

			payload(&r, p + at, n);
			at += n;
		}
		if (s->header_n && !s->left && s->header_n >= 2 && s->header_n == header_size(s->header))
			frame_ends(&r);
	}
	return LAYER_MORE;
}

/* Within a frame's payload the framing stays whole. */
static void websocket_gap(
        void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len, const struct sink *out)
{
	struct websocket *w = state;
	struct run r = {
	        .w = w, .c = c, .s = &w->side[dir], .dir = dir, .when_ns = c->flow->last_ns, .out = out};
	struct side *s = r.s;

	(void)stream;
	if (!len || s->lost || s->header_n < 2 || s->header_n < header_size(s->header) || len > s->left ||
	        s->opcode >= CLOSE) {
		lose(&r);
		return;
	}
	s->left -= len;
	s->mask_at = (unsigned)((s->mask_at + len) % 4);
	if (s->inflater && s->compressed)
		s->inflater->broken = true;
	message_missed(&r, len);
	if (!s->left)
		frame_ends(&r);
}

static void websocket_close(void *state, struct conn *c, const struct sink *out)
{
	struct websocket *w = state;
	struct run r = {.w = w, .c = c, .s = &w->side[FLOW_C2S], .out = out};

	message_end(&r, false);
	control_end(&r, false);
}

const struct layer_ops websocket_layer = {
        .name = "websocket",
        .state_size = sizeof(struct websocket),
        .open = websocket_open,
        .feed = websocket_feed,
        .gap = websocket_gap,
        .close = websocket_close,
};
