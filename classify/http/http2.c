/* http2.c - HTTP/2 (RFC 9113) over a byte stream: the frames of both directions, for a reader that may have
 * missed a part.
 *
 * After a gap, or when the capture begins within a connection, the reader looks for the next frame header
 * (http2_frames.c); until then, and behind it, header fields may be unknown, and what data there is is handed
 * out all the same.  Frames that break the rules are passed over by their length, as an endpoint that does
 * not close the connection has to.  Section numbers are those of RFC 9113. */
#include "classify/http/http2_internal.h"

#include "base/cursor.h"

#include <string.h>

#define FRAME_HEADER HTTP2_FRAME_HEADER
#define PLAUSIBLE    4 /* frames in a row that have to look like some, where a header was guessed */

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define PREFACE (sizeof(preface) - 1)

static _Thread_local uint8_t block_scratch[HTTP_HEAD_MAX];

static bool is_stream_type(uint8_t type)
{
	return type <= H2_CONTINUATION && type != H2_SETTINGS && type != H2_PING && type != H2_GOAWAY &&
	       type != H2_WINDOW_UPDATE;
}

/* 6.10: a block that was begun and does not go on.  The sender's table is not known any more. */
static void block_abandon(struct run *r)
{
	struct side *s = r->s;

	if (!s->in_block)
		return;
	s->in_block = false;
	hpack_lost(s->hpack);
	pieces_reset(&s->block);
	s->missed = true;
}

/* A block longer than we keep: its message has no head. */
static void block_too_long(struct run *r)
{
	struct side *s = r->s;

	s->block_bad = true;
	r->c->limited = true;
	hpack_lost(s->hpack);
	pieces_reset(&s->block);
}

static void block_begins(struct side *s)
{
	s->in_block = true;
	s->block_id = s->id;
	s->block_promised = s->type == H2_PUSH_PROMISE;
	s->block_ends = s->type == H2_HEADERS && s->flags & H2_END_STREAM;
	s->block_bad = false;
	s->skip = s->block_promised ? 4 : s->flags & H2_HAS_PRIORITY ? 5 : 0;
}

static void block_ends(struct run *r, const uint8_t *p, size_t n)
{
	r->s->in_block = false;
	http2_block(r, p, n);
}

static void frame_begins(struct run *r)
{
	struct side *s = r->s;
	struct cur c = cur_of(s->header, FRAME_HEADER);

	s->left = (uint32_t)cur_be(&c, 3);
	s->type = cur_u8(&c);
	s->flags = cur_u8(&c);
	s->id = cur_be32(&c) & 0x7fffffff;
	s->pad = s->skip = 0;
	s->data = NULL;
	s->pad_due = (s->type == H2_DATA || s->type == H2_HEADERS || s->type == H2_PUSH_PROMISE) &&
	             s->flags & H2_PADDED;
	s->drop = !s->id && is_stream_type(s->type);
	if (s->left > s->largest)
		s->largest = s->left;
	if (s->type != H2_CONTINUATION || s->id != s->block_id)
		block_abandon(r);
	if (s->type == H2_CONTINUATION)
		s->drop |= !s->in_block;
	else if ((s->type == H2_HEADERS || s->type == H2_PUSH_PROMISE) && !s->drop)
		block_begins(s);
	if (s->skip > s->left)
		s->drop = true;
}

static void frame_ends(struct run *r)
{
	struct side *s = r->s;
	size_t n = s->block.len;

	s->header_n = 0;
	if (s->in_doubt)
		s->in_doubt--;
	if (s->drop && s->in_block) {
		block_abandon(r);
	} else if (s->type == H2_DATA && s->flags & H2_END_STREAM) {
		http2_stream_ends(r, s->id);
	} else if (s->type == H2_RST_STREAM) {
		http2_stream_reset(r, s->id);
	} else if (s->in_block && s->flags & H2_END_HEADERS) { /* of several frames, or of several feeds */
		pieces_copy(&s->block, block_scratch);
		pieces_reset(&s->block);
		block_ends(r, block_scratch, n);
	}
}

/* Bytes of a frame's payload that are neither its padding nor what stands before. */
static void content(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	if (s->type == H2_DATA) {
		http2_data(r, p, n);
		return;
	}
	if (!s->in_block || s->block_bad)
		return;
	if (s->left == s->pad && s->flags & H2_END_HEADERS && !s->block.len)
		block_ends(r, p, n); /* nearly always: one frame, all of it at hand */
	else if (s->block.len + n > sizeof(block_scratch) ||
	         !pieces_add(&s->block, r->c->arena, p, n, n + s->left))
		block_too_long(r);
}

/* 6.1: the length of the padding is the first byte; more of it than there is payload is an error. */
static bool padding(struct side *s, uint8_t n)
{
	s->pad = n;
	s->pad_due = false;
	return s->pad + s->skip <= s->left;
}

static void payload(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	size_t take;

	if (p && n && s->pad_due && !s->drop) {
		s->left--;
		s->drop = !padding(s, *p++);
		n--;
	}
	s->left -= (uint32_t)n;
	if (s->drop)
		return;
	take = s->skip < n ? s->skip : n;
	s->skip -= (uint32_t)take;
	p += take;
	n -= take;
	if (s->left < s->pad) {
		size_t padded = s->pad - s->left;

		n = padded < n ? n - padded : 0;
	}
	if (n)
		content(r, p, n);
}

/* ---- what was missed ---- */

/* Nothing is known of this direction any more until frames are found again. */
static void lose(struct run *r)
{
	struct side *s = r->s;

	if (s->lost)
		http2_stray(r, s->header, s->header_n);
	s->lost = s->missed = true;
	s->header_n = 0;
	s->in_block = false;
	r->c->midstream = true;
	pieces_reset(&s->block);
	hpack_lost(s->hpack);
	http2_missed(r);
}

/* A frame header stands at the end of what is held and the beginning of the feed, or within the feed.  Takes
 * the bytes up to it, and the header. */
static void seek(struct run *r, struct cur *in)
{
	struct side *s = r->s;
	uint8_t joined[2 * FRAME_HEADER];
	size_t held = s->header_n, n = cur_left(in), at;

	if (held) {
		size_t more = n < FRAME_HEADER - 1 ? n : FRAME_HEADER - 1;

		memcpy(joined, s->header, held);
		memcpy(joined + held, in->p, more);
		at = http2_frame_seek(joined, held + more, r->dir, s);
		if (at < held + more) {
			http2_stray(r, joined, at < held ? at : held);
			memcpy(s->header, joined + at, FRAME_HEADER);
			cur_skip(in, at + FRAME_HEADER - held);
			goto found;
		}
		if (n < FRAME_HEADER - 1) { /* what may be the beginning of one */
			size_t keep = held + n < FRAME_HEADER - 1 ? held + n : FRAME_HEADER - 1;

			http2_stray(r, joined, held + n - keep);
			memcpy(s->header, joined + held + n - keep, keep);
			s->header_n = (uint8_t)keep;
			cur_skip(in, n);
			return;
		}
		http2_stray(r, joined, held);
	}
	at = http2_frame_seek(in->p, n, r->dir, s);
	if (at == n) {
		s->header_n = n < FRAME_HEADER - 1 ? (uint8_t)n : FRAME_HEADER - 1;
		http2_stray(r, in->p, n - s->header_n);
		memcpy(s->header, in->p + n - s->header_n, s->header_n);
		cur_skip(in, n);
		return;
	}
	http2_stray(r, cur_take(in, at), at);
	memcpy(s->header, cur_take(in, FRAME_HEADER), FRAME_HEADER);
found:
	http2_stray_end(r);
	s->header_n = FRAME_HEADER;
	s->lost = false;
	s->in_doubt = PLAUSIBLE;
	frame_begins(r);
}

/* ---- the layer's face ---- */

static int http2_open(void *state, struct conn *c)
{
	struct http2 *h = state;
	struct run r = {.h = h, .c = c, .s = &h->side[FLOW_C2S], .when_ns = c->flow->last_ns};

	for (int d = 0; d < 2; d++) {
		struct side *s = &h->side[d];

		s->hpack = hpack_open(c->arena);
		if (!s->hpack)
			return -1;
		s->preface_done = d == FLOW_S2C || c->midstream;
		s->lost = s->missed = c->midstream;
		if (c->midstream)
			hpack_lost(s->hpack);
	}
	if (c->upgrade.to == UPGRADE_H2C && c->upgrade.request)
		http2_upgraded(&r, c->upgrade.request);
	return 0;
}

/* The client's preface, byte by byte as it comes (3.4). */
static size_t take_preface(struct side *s, const uint8_t *p, size_t n, bool late_body)
{
	size_t i = 0;

	while (i < n && s->preface_n < PREFACE && p[i] == (uint8_t)preface[s->preface_n]) {
		i++;
		s->preface_n++;
	}
	if (s->preface_n == PREFACE || i < n)
		s->preface_done = true;
	/* RFC 7540 3.2: the client may still be sending the body of the request that it upgraded with */
	s->lost = s->preface_done && s->preface_n < PREFACE && late_body;
	return i;
}

/* 3.4: both sides begin with SETTINGS; we only ask for something that a server might put up with. */
static bool first_frame(const struct run *r)
{
	const uint8_t *p = r->s->header;

	return http2_frame_plausible(p, r->dir, r->s) || (p[3] == H2_SETTINGS && !p[0]);
}

/* More of a frame header.  false: no frame begins here. */
static bool take_header(struct run *r, struct cur *in)
{
	struct side *s = r->s;
	size_t n = FRAME_HEADER - s->header_n;

	n = n < cur_left(in) ? n : cur_left(in);
	memcpy(s->header + s->header_n, cur_take(in, n), n);
	s->header_n += (uint8_t)n;
	if (s->header_n < FRAME_HEADER)
		return true;
	if (s->in_doubt ? !http2_frame_plausible(s->header, r->dir, s) : !s->begun && !first_frame(r))
		return false;
	s->begun = true;
	frame_begins(r);
	return true;
}

/* What was taken for a frame header is none: it may hold the beginning of one. */
static void lose_header(struct run *r)
{
	struct side *s = r->s;

	lose(r);
	s->header_n = FRAME_HEADER - 1;
	memmove(s->header, s->header + 1, s->header_n);
}

static enum layer_verdict http2_feed(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	struct http2 *h = state;
	struct run r = {.h = h, .c = c, .s = &h->side[dir], .dir = dir, .when_ns = when_ns, .out = out};
	struct side *s = r.s;
	struct cur in = cur_of(p, len);

	(void)stream;
	if (h->linger_n)
		http2_linger(&r);
	s->bytes += len;
	if (!s->preface_done)
		cur_skip(&in, take_preface(s, p, len, c->upgrade.to == UPGRADE_H2C));
	while (cur_left(&in)) {
		if (s->lost) {
			seek(&r, &in);
		} else if (s->header_n < FRAME_HEADER) {
			if (!take_header(&r, &in)) {
				if (!s->missed)
					return LAYER_BAD;
				lose_header(&r);
			}
		} else {
			size_t n = cur_left(&in) < s->left ? cur_left(&in) : s->left;

			payload(&r, cur_take(&in, n), n);
		}
		if (s->header_n == FRAME_HEADER && !s->lost && !s->left)
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

	(void)stream;
	s->preface_done = true;
	/* within the data of one frame the framing stays whole */
	if (len && !s->lost && s->header_n == FRAME_HEADER && s->type == H2_DATA && !s->pad_due && !s->drop &&
	        len + s->pad <= s->left) {
		s->left -= (uint32_t)len;
		s->missed = true;
		http2_data_gap(&r, len);
		if (!s->left)
			frame_ends(&r);
		return;
	}
	lose(&r);
}

static void http2_close(void *state, struct conn *c, const struct sink *out)
{
	struct http2 *h = state;
	struct run r = {.h = h, .c = c, .s = &h->side[FLOW_C2S], .out = out};

	for (int d = 0; d < 2; d++) {
		r.s = &h->side[d];
		r.dir = (enum flow_dir)d;
		if (r.s->lost)
			http2_stray(&r, r.s->header, r.s->header_n);
		r.s->header_n = 0;
	}
	http2_end_all(&r);
}

const struct layer_ops http2_layer = {
        .name = "http2",
        .state_size = sizeof(struct http2),
        .open = http2_open,
        .feed = http2_feed,
        .gap = http2_gap,
        .close = http2_close,
};
