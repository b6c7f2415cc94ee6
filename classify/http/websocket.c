/* websocket.c - WebSocket frames (RFC 6455 5) to messages, permessage-deflate (RFC 7692) undone.
 *
 * What the client says is always read, what the server says where somebody wants it: it is asked with the
 * first message, and passed over by the lengths alone from then on.  A compressed message is marked by RSV1,
 * and the window of the last 32 KiB is always kept: a client that takes no context over never refers to it,
 * and one with a smaller window only to its end, so what the handshake agreed on need not be known.  Behind
 * a gap the window is blank: text sent anew is read, repetitions of what was missed come out as blanks.
 *
 * Text messages may hold several records (SignalR ends each with 0x1E) and may begin with the packet type of
 * Engine.IO and Socket.IO before their JSON.  Section numbers are those of RFC 6455. */
#include "classify/content/packet.h"
#include "classify/http/message.h"
#include "classify/layer.h"

#include <string.h>
#include <zlib.h>

#define HEADER_MAX      14         /* 2 + 8 bytes of length + 4 of mask */
#define CONTROL_MAX     125        /* 5.5 */
#define CONTROL_TEXT    8          /* bytes of text that are told */
#define WINDOW          32768      /* RFC 7692 7.1.2: 15 bits at most */
#define INFLATE_ROOM    65536      /* zlib's state and window, with room for other makes of it */
#define RATIO_MAX       200        /* inflated to sent, on a connection, once ... */
#define BOMB_FREE       (1u << 20) /* ... this much came out: no text is like that */
#define RESYNC_LENGTH   (1u << 24) /* in search of frames a longer one is not believed */
#define RESYNC_FRAMES   4          /* one behind the other, where they are believed for that */
#define RESYNC_SEGMENTS 3          /* of whole frames, where they are believed for that */
#define RESYNC_TEXT     12         /* bytes that have to be text where a frame is believed for them */
#define CHUNK           16384
#define RECORDS_FREE    4096 /* of a side, each a message of its own ... */
#define RECORD_BYTES    8    /* ... and one more for each so many bytes sent: the rest stay together */

enum opcode { CONTINUES = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* permessage-deflate of one direction. */
struct inflater {
	z_stream z;
	bool broken;      /* until the next message */
	uint64_t in, out; /* of the connection */
	size_t used;
	uint8_t room[INFLATE_ROOM];
};

struct side {
	uint8_t header[HEADER_MAX], header_n;
	uint8_t opcode, mask[4];
	unsigned mask_at;
	bool masked, fin, lost;
	uint64_t left; /* of the frame's payload */
	bool in_message, text, compressed;
	bool leads;  /* what was said of the message so far may be a packet's type: held in lead[] */
	bool wanted; /* somebody reads this side's messages */
	bool asked;
	bool torn; /* messages were missed since the last one */
	uint8_t lead[PACKET_MAX], lead_n;
	uint8_t control[CONTROL_MAX], control_n; /* payload of a control frame */
	struct inflater *inflater;               /* NULL until the first compressed message */
	struct message m;
	bool open; /* head was told, end was not */
	uint32_t index;
	uint64_t sent, records;
};

struct websocket {
	struct side side[2];
	struct message head[2]; /* of every message: the handshake's */
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

/* ---- in search of frames ---- */

/* The first bytes of an uncompressed text: does the mask make text of them?  (5.6: UTF-8) */
static bool unmasks_to_text(const uint8_t *p, size_t head)
{
	uint8_t text[RESYNC_TEXT];
	size_t n = 0, k;

	for (size_t i = 0; i < RESYNC_TEXT; i++)
		text[i] = p[head + i] ^ (p[1] & 0x80 ? p[head - 4 + i % 4] : 0);
	while (n < RESYNC_TEXT && (k = utf8_len(text + n, RESYNC_TEXT - n))) {
		if (text[n] < 0x20 && !memchr("\t\n\r\x1e", text[n], 4))
			return false;
		n += k;
	}
	return n + 3 > RESYNC_TEXT && (n == RESYNC_TEXT || text[n] >= 0xc2); /* the last one may be cut off */
}

/* How far a frame goes that may begin here; 0: none does, or its header is cut off. */
static size_t frame_at(enum flow_dir dir, const uint8_t *p, size_t n)
{
	size_t head = n > 1 ? header_size(p) : n;
	uint64_t len;

	if (n < 2 || n < head || !header_valid(p) || (p[1] >> 7) != (dir == FLOW_C2S))
		return 0;
	len = header_length(p);
	/* zeros would be frames without end */
	return len > RESYNC_LENGTH || !p[0] || (!len && (p[0] & 0x0f) < CLOSE) ? 0 : head + (size_t)len;
}

/* Does a frame of this side begin here?  One of text shows it by itself, others by those that follow.
 * `likely`: at the beginning of a segment, where clients write them. */
static bool frame_begins_here(enum flow_dir dir, const uint8_t *p, size_t n, bool likely)
{
	for (unsigned seen = 1; seen < RESYNC_FRAMES; seen++) {
		size_t len = frame_at(dir, p, n), head;

		if (!len)
			return false;
		head = header_size(p);
		if (seen == 1 && (p[0] & 0x4f) == TEXT && len - head >= RESYNC_TEXT &&
		        n - head >= RESYNC_TEXT)
			return unmasks_to_text(p, head);
		if (len >= n)
			return likely || (len == n && seen + 1 == RESYNC_FRAMES);
		p += len;
		n -= len;
	}
	return frame_at(dir, p, n) != 0;
}

/* Where a frame begins; n: nowhere. */
static size_t frames_seek(enum flow_dir dir, const uint8_t *p, size_t n, bool likely)
{
	for (size_t at = 0; at < n; at++)
		if (frame_begins_here(dir, p + at, n - at, likely && !at))
			return at;
	return n;
}

bool websocket_frames(const uint8_t *p, size_t n, enum flow_dir dir)
{
	return frames_seek(dir, p, n, false) < n;
}

/* Clients write frame by frame: segments that end where frames of theirs do, again and again, are no chance.
 * True where the next one of them begins. */
bool websocket_segment(struct websocket_trace *t, const uint8_t *p, size_t n, enum flow_dir dir)
{
	bool begins = !t->left;

	if (dir != FLOW_C2S)
		return false;
	while (n > t->left) {
		size_t len;

		p += t->left;
		n -= (size_t)t->left;
		len = frame_at(FLOW_C2S, p, n);
		t->left = len;
		if (!len) {
			t->whole = 0;
			return false;
		}
	}
	t->left -= n;
	if (!t->left && t->whole < RESYNC_SEGMENTS)
		t->whole++;
	return begins && !t->left && t->whole == RESYNC_SEGMENTS;
}

/* ---- messages ---- */

static void head_tell(struct run *r, struct message *m, bool damaged)
{
	*m = r->w->head[r->dir];
	m->when_ns = r->when_ns;
	m->index = r->s->index++;
	/* a text may go on from message to message of the server (answer.c) */
	m->damaged |= damaged || (r->dir == FLOW_S2C && r->s->torn);
	r->s->torn = false;
	if (r->out->head)
		r->out->head(r->out->arg, m);
}

static void message_open(struct run *r, bool damaged)
{
	struct side *s = r->s;

	if (s->open)
		return;
	s->open = true;
	head_tell(r, &s->m, damaged);
}

static void message_close(struct run *r, bool whole)
{
	struct side *s = r->s;

	if (s->open && r->out->end)
		r->out->end(r->out->arg, &s->m, whole && !s->m.body_missed);
	s->open = false;
}

static void give(struct run *r, struct message *m, const uint8_t *p, size_t n)
{
	if (n && r->out->body)
		r->out->body(r->out->arg, m, p, n);
	m->body_bytes += n;
}

/* What is held of a message's beginning is all that there is, or no packet's type. */
static void lead_flush(struct run *r)
{
	struct side *s = r->s;

	s->leads = false;
	if (s->lead_n) {
		message_open(r, false);
		give(r, &s->m, s->lead, s->lead_n);
	}
	s->lead_n = 0;
}

static void message_missed(struct run *r, uint64_t n)
{
	struct side *s = r->s;

	if (!s->in_message)
		return;
	if (s->leads)
		lead_flush(r);
	message_open(r, false);
	if (r->out->body_gap)
		r->out->body_gap(r->out->arg, &s->m, n);
	s->m.body_missed += n ? n : 1;
}

static void lead_more(struct run *r, const uint8_t **p, size_t *n)
{
	struct side *s = r->s;
	int type;

	if (s->leads && *n && !s->lead_n && !(**p >= '0' && **p <= '9'))
		s->leads = false; /* nearly always */
	while (s->leads && *n) {
		s->lead[s->lead_n++] = *(*p)++;
		(*n)--;
		type = packet_type(s->lead, s->lead_n);
		if (type < 0 && s->lead_n < PACKET_MAX)
			continue;
		if (type > 0) {
			s->lead_n = (uint8_t)(s->lead_n - type);
			memmove(s->lead, s->lead + type, s->lead_n);
		}
		lead_flush(r);
	}
}

/* A message inflated from little may hold records without number, and each is looked at as a request. */
static bool records_apart(const struct side *s)
{
	return s->records < RECORDS_FREE || s->records - RECORDS_FREE < s->sent / RECORD_BYTES;
}

/* Plain bytes of the message at hand. */
static void message_bytes(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	while (s->text && n && records_apart(s)) {
		const uint8_t *end = memchr(p, PACKET_SEPARATOR, n);
		size_t k = end ? (size_t)(end - p) : n;

		n -= k + (end != NULL);
		lead_more(r, &p, &k);
		if (k) {
			message_open(r, false);
			give(r, &s->m, p, k);
		}
		if (!end)
			return;
		lead_flush(r);
		message_close(r, true);
		s->records++;
		s->leads = true;
		p = end + 1;
	}
	if (n && s->leads)
		lead_flush(r);
	if (n) {
		message_open(r, false);
		give(r, &s->m, p, n);
	}
}

static void message_end(struct run *r, bool whole)
{
	struct side *s = r->s;

	if (s->in_message)
		lead_flush(r);
	message_close(r, whole);
	s->in_message = false;
}

static bool is_text(const uint8_t *p, size_t n)
{
	for (size_t k, i = 0; i < n; i += k)
		if (!(k = utf8_len(p + i, n - i)) || (p[i] < 0x20 && !memchr("\t\n\r", p[i], 3)))
			return false;
	return true;
}

/* 5.5: a control frame, which may stand between the fragments of a message, may hold a text of its own; that
 * of Close stands behind a number.  Most hold nothing, or a few random bytes: these are no message. */
static void control_ends(struct run *r)
{
	struct side *s = r->s;
	size_t skip = s->opcode == CLOSE ? 2 : 0;
	struct message m;

	if (s->control_n < skip + CONTROL_TEXT || !is_text(s->control + skip, s->control_n - skip))
		return;
	head_tell(r, &m, false);
	give(r, &m, s->control + skip, s->control_n - skip);
	if (r->out->end)
		r->out->end(r->out->arg, &m, true);
}

/* ---- permessage-deflate ---- */

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

static bool is_bomb(const struct inflater *f)
{
	return f->out > BOMB_FREE && f->out / RATIO_MAX > f->in;
}

/* The rest of this message cannot be read. */
static void inflate_stop(struct run *r, bool limit)
{
	if (r->s->inflater)
		r->s->inflater->broken = true;
	r->c->limited |= limit;
	message_missed(r, 0);
}

static struct inflater *inflater_create(struct run *r)
{
	struct inflater *f = arena_get(r->c->arena, sizeof(*f));

	if (!f)
		return NULL;
	f->z.zalloc = room_get;
	f->z.zfree = room_free;
	f->z.opaque = f;
	if (inflateInit2(&f->z, -15) != Z_OK)
		return NULL;
	f->broken = r->c->midstream;
	return f;
}

/* A compressed message begins. */
static void inflate_begin(struct run *r)
{
	struct side *s = r->s;

	if (!s->inflater)
		s->inflater = inflater_create(r);
	if (!s->inflater || is_bomb(s->inflater)) {
		inflate_stop(r, true);
		return;
	}
	if (s->inflater->broken)
		window_blank(s->inflater);
	s->inflater->broken = false;
}

static void inflate_on(struct run *r, const uint8_t *p, size_t n)
{
	struct inflater *f = r->s->inflater;
	int e;

	if (!f)
		return;
	f->in += n;
	if (f->broken)
		return;
	f->z.next_in = (Bytef *)(uintptr_t)p;
	f->z.avail_in = (uInt)n;
	do {
		size_t got;

		f->z.next_out = inflated;
		f->z.avail_out = sizeof(inflated);
		e = inflate(&f->z, Z_SYNC_FLUSH);
		got = sizeof(inflated) - f->z.avail_out;
		f->out += got;
		message_bytes(r, inflated, got);
		if (is_bomb(f)) {
			inflate_stop(r, true);
			return;
		}
		/* RFC 7692 7.2.3.5: a final block may end a message; the window goes on */
		if (e == Z_STREAM_END)
			e = inflateResetKeep(&f->z);
	} while (e == Z_OK && (f->z.avail_in || !f->z.avail_out));
	if (e != Z_OK && e != Z_BUF_ERROR)
		inflate_stop(r, false);
}

/* ---- payload ---- */

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
	s->sent += n;
	if (s->opcode >= CLOSE ? r->dir != FLOW_C2S : !s->in_message || !s->wanted)
		return;
	while (n) {
		size_t k = n < CHUNK ? n : CHUNK;
		const uint8_t *q = p;

		if (s->masked) {
			unmask(s, p, k);
			s->mask_at = (unsigned)((s->mask_at + k) % 4);
			q = plain;
		}
		if (s->opcode >= CLOSE) {
			memcpy(s->control + s->control_n, q, k); /* header_valid(): no longer than that */
			s->control_n = (uint8_t)(s->control_n + k);
		} else if (s->compressed) {
			inflate_on(r, q, k);
		} else {
			message_bytes(r, q, k);
		}
		p += k;
		n -= k;
	}
}

/* Does anybody read what the server says?  The first message shows it. */
static void ask(struct run *r)
{
	struct side *s = r->s;

	s->wanted = s->asked = true;
	if (r->dir == FLOW_C2S)
		return;
	message_open(r, false);
	s->wanted = s->m.user != NULL;
	if (!s->wanted)
		message_end(r, false);
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
	s->control_n = 0;
	if (op >= CLOSE)
		return;
	if (op == CONTINUES && s->in_message)
		return;
	message_end(r, false);
	s->in_message = true;
	s->text = s->leads = op == TEXT;
	s->compressed = op != CONTINUES && s->header[0] & 0x40;
	if (!s->asked)
		ask(r);
	if (!s->wanted)
		return;
	if (op == CONTINUES)
		message_open(r, true);
	if (s->compressed)
		inflate_begin(r);
}

static void frame_ends(struct run *r)
{
	static const uint8_t tail[] = {0, 0, 0xff, 0xff}; /* RFC 7692 7.2.2 */
	struct side *s = r->s;

	s->header_n = 0;
	if (s->opcode >= CLOSE) {
		if (r->dir == FLOW_C2S)
			control_ends(r);
		return;
	}
	if (!s->fin || !s->in_message)
		return;
	if (s->wanted && s->compressed)
		inflate_on(r, tail, sizeof(tail));
	message_end(r, true);
}

/* Where the next frame begins is not known. */
static void lose(struct run *r)
{
	struct side *s = r->s;

	s->lost = true;
	s->torn = true;
	s->header_n = 0;
	s->left = 0;
	if (s->wanted)
		message_missed(r, 0);
	message_end(r, false);
	if (s->inflater)
		s->inflater->broken = true;
	r->c->midstream = true;
}

/* ---- the layer's face ---- */

static int websocket_open(void *state, struct conn *c)
{
	struct websocket *w = state;
	struct message *head = &w->head[FLOW_C2S];
	const struct message *m = c->upgrade.request;

	*head = m ? *m : (struct message){.stream = c->within, .version = 11, .missed = true};
	head->dir = FLOW_C2S;
	head->request = head->framed = true;
	head->handshake = head->index;
	head->upgrade = false;
	head->user = NULL;
	head->method = SLICE("WEBSOCKET");
	head->target = head->path;
	head->content_type = head->content_encoding = slice_of(NULL, 0);
	head->content_length = -1;
	head->n_trailers = 0;
	head->body_bytes = head->body_missed = 0;
	w->head[FLOW_S2C] = (struct message){.dir = FLOW_S2C,
	        .stream = head->stream,
	        .version = head->version,
	        .framed = true,
	        .handshake = head->handshake,
	        .status = 101,
	        .content_length = -1};
	for (int d = 0; d < 2; d++)
		w->side[d].lost = c->midstream;
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
	while (at < len) {
		if (s->lost) {
			at += frames_seek(dir, p + at, len - at, !at);
			s->lost = at == len; /* the next segment may begin with one */
		} else if (s->header_n < 2 || s->header_n < header_size(s->header)) {
			s->header[s->header_n++] = p[at++];
			if (s->header_n < 2 || s->header_n < header_size(s->header))
				continue;
			if (header_valid(s->header))
				frame_begins(&r);
			else
				lose(&r);
		} else {
			size_t n = len - at < s->left ? len - at : (size_t)s->left;

			payload(&r, p + at, n);
			at += n;
		}
		if (s->header_n >= 2 && !s->left && s->header_n == header_size(s->header))
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
	if (s->wanted)
		message_missed(&r, len);
	if (!s->left)
		frame_ends(&r);
}

static void websocket_close(void *state, struct conn *c, const struct sink *out)
{
	struct websocket *w = state;

	for (int d = 0; d < 2; d++) {
		struct run r = {.w = w, .c = c, .s = &w->side[d], .dir = (enum flow_dir)d, .out = out};

		message_end(&r, false);
	}
	if (out->closed)
		out->closed(out->arg, &w->head[FLOW_S2C]);
}

const struct layer_ops websocket_layer = {
        .name = "websocket",
        .state_size = sizeof(struct websocket),
        .open = websocket_open,
        .feed = websocket_feed,
        .gap = websocket_gap,
        .close = websocket_close,
};
