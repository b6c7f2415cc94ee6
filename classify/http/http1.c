/* http1.c - both directions of an HTTP/1 connection: where messages begin and end (RFC 9112 6 and 9.3).
 *
 * Each direction is a small machine: a step for each phase takes some bytes and perhaps changes the phase.
 * Heads are copied into a buffer that the direction keeps and uses again; bodies go straight through.
 *
 * Nothing that can be read is thrown away for the sake of order: when framing is lost (a gap, a broken chunk)
 * the message stays open, what follows is handed out as its body, and every line start is tried as the next
 * head.  Only a direction that begins with something else than HTTP is BAD. */
#include "classify/http/http1_internal.h"

#include "classify/layer.h"

#include <string.h>

#define HEAD_FIRST     4096  /* of the head buffer; grows fourfold up to HTTP_HEAD_MAX */
#define CHUNK_LINE_MAX 16384 /* chunk size with extensions (RFC 9112 7.1.1 leaves the limit to us) */
#define TRAILER_MAX    65536
#define LATE_BYTES     65536 /* of a connection begun within that may be no HTTP/1 */

enum phase {
	HEAD,
	LENGTH,
	UNTIL_CLOSE,
	CHUNK_SIZE,
	CHUNK_EXT,
	CHUNK_DATA,
	CHUNK_END,
	TRAILER,
	RESYNC,
	GONE,
	PHASES
};

struct side {
	enum phase phase;
	bool open;       /* head was handed out, end was not */
	bool probed;     /* the first line may be one of HTTP */
	bool lossy;      /* something of this message is missing */
	bool expect;     /* Expect: 100-continue, and no body yet */
	bool refused;    /* the answer came before the body: the client may leave it out */
	bool any;        /* a head was seen */
	bool digits;     /* CHUNK_SIZE: one was seen */
	bool line_start; /* RESYNC, TRAILER */
	bool keep;       /* TRAILER: there is room for it */
	bool head_rest;  /* RESYNC within a head: header fields are no body */
	bool missed;     /* RESYNC: what comes may belong to something that was not captured */
	uint32_t index;  /* of the next message */
	uint64_t left;   /* of a body or chunk */
	size_t run;      /* bytes of the chunk line or trailer so far */
	char *head;
	size_t cap, len, line; /* line: where the newest line of the head begins */
	int64_t when_ns;
	struct header *headers;
	char codings[HTTP1_CODINGS_MAX];
	struct message m;
	uint8_t held[HTTP1_LINE_HELD];
	size_t n_held;
};

struct http1 {
	struct side side[2];
	struct http1_queue asked;
	struct websocket_trace frames;
	bool awaiting; /* the last request asked for another protocol */
	enum upgrade_to await_to;
};

/* One call of the layer. */
struct run {
	struct http1 *h;
	struct side *s;
	struct conn *c;
	const struct sink *out;
	enum flow_dir dir;
	uint64_t stream;
	int64_t when_ns;
	enum layer_verdict verdict;
};

/* ---- what goes up ---- */

/* A client's bytes that belong to no request whose head was read: they were sent all the same. */
static void begin_headless(struct run *r)
{
	struct side *s = r->s;

	s->m = (struct message){.dir = r->dir,
	        .stream = r->stream,
	        .index = s->index,
	        .when_ns = r->when_ns,
	        .request = true,
	        .damaged = true,
	        .missed = s->missed,
	        .version = 11,
	        .content_length = -1};
	s->index += s->missed; /* an answer will come to what was missed, and none to what is no request */
	s->open = s->lossy = true;
	if (r->out->head)
		r->out->head(r->out->arg, &s->m);
}

/* During the call body_bytes is where these bytes stand in the body. */
static void give_body(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	if (n && !s->open && r->dir == FLOW_C2S && s->phase == RESYNC)
		begin_headless(r);
	if (!n || !s->open)
		return;
	s->expect = false;
	if (r->out->body)
		r->out->body(r->out->arg, &s->m, p, n);
	s->m.body_bytes += n;
}

static void give_gap(struct run *r, uint64_t n)
{
	if (!r->s->open)
		return;
	r->s->lossy = true;
	r->s->m.body_missed += n;
	if (r->out->body_gap)
		r->out->body_gap(r->out->arg, &r->s->m, n);
}

/* Ready for the next head. */
static void begin(struct side *s)
{
	s->phase = HEAD;
	s->len = s->line = 0;
	s->probed = false;
}

static void end_message(struct run *r, bool whole)
{
	struct side *s = r->s;

	if (s->open && r->out->end)
		r->out->end(r->out->arg, &s->m, whole && !s->lossy);
	s->open = s->expect = s->refused = false;
	begin(s);
}

static void resync(struct run *r, bool line_start)
{
	r->s->phase = RESYNC;
	r->s->line_start = line_start;
	r->s->head_rest = false;
	r->s->missed |= r->c->midstream;
	r->s->n_held = 0;
	if (r->s->open)
		r->s->lossy = true;
	http1_asked_clear(&r->h->asked);
}

static void give_name(struct run *r)
{
	const struct message *m = &r->s->m;
	char host[HOST_MAX];
	uint16_t port;

	if (r->out->name && m->request && m->authority.n &&
	        host_port_split(m->authority.p, m->authority.n, host, &port))
		r->out->name(
		        r->out->arg, slice_is(m->method, "CONNECT") ? NAME_CONNECT : NAME_HTTP, host, port);
}

/* ---- heads ---- */

static bool head_room(struct run *r, size_t more)
{
	struct side *s = r->s;
	size_t cap = s->cap ? s->cap : HEAD_FIRST;
	char *b;

	if (more > HTTP_HEAD_MAX - s->len)
		return false;
	if (!s->headers && !(s->headers = arena_get(r->c->arena, sizeof(*s->headers) * HTTP_HEADERS_MAX)))
		return false;
	if (s->cap && s->len + more <= s->cap)
		return true;
	while (cap < s->len + more)
		cap *= 4;
	b = arena_get(r->c->arena, cap);
	if (!b)
		return false;
	if (s->len)
		memcpy(b, s->head, s->len);
	s->head = b;
	s->cap = cap;
	return true;
}

static enum upgrade_to upgrade_kind(struct slice v)
{
	if (slice_starts_nocase(v, "websocket"))
		return UPGRADE_WEBSOCKET;
	return slice_is_nocase(v, "h2c") ? UPGRADE_H2C : UPGRADE_UNKNOWN;
}

static enum http1_framing body_framing(const struct message *m, const struct http1_head *hd)
{
	/* RFC 9112 6.3: chunks override a length; without either a request has no body */
	if (hd->chunked)
		return FRAMING_CHUNKED;
	if (m->content_length >= 0)
		return FRAMING_LENGTH;
	return m->request ? FRAMING_NONE : FRAMING_CLOSE;
}

static enum http1_framing on_request(struct run *r, const struct http1_head *hd)
{
	struct message *m = &r->s->m;
	bool tunnel = slice_is(m->method, "CONNECT");

	http1_asked_push(&r->h->asked, tunnel                        ? ASKED_CONNECT
	                               : slice_is(m->method, "HEAD") ? ASKED_HEAD
	                                                             : ASKED_OTHER);
	r->s->expect = hd->expect;
	m->upgrade = tunnel || (hd->upgrade.n && hd->connection_upgrade);
	r->h->awaiting = m->upgrade;
	r->h->await_to = tunnel ? UPGRADE_TUNNEL : upgrade_kind(hd->upgrade);
	/* RFC 9110 9.3.6: content of CONNECT means nothing, what follows is the tunnel's */
	return tunnel ? FRAMING_NONE : body_framing(m, hd);
}

static enum http1_framing on_response(struct run *r, const struct http1_head *hd)
{
	struct message *m = &r->s->m;
	struct side *client = &r->h->side[FLOW_C2S];
	enum http1_asked asked;

	if (m->status < 200 && m->status != 101)
		return FRAMING_NONE;
	asked = http1_asked_pop(&r->h->asked);
	if (m->status == 101 || (asked == ASKED_CONNECT && m->status < 300)) {
		m->upgrade = true;
		r->c->upgrade =
		        (struct upgrade){.to = m->status == 101 ? upgrade_kind(hd->upgrade) : UPGRADE_TUNNEL};
		if (r->c->upgrade.to == UPGRADE_UNKNOWN)
			r->c->upgrade.to = r->h->await_to;
		r->verdict = LAYER_UPGRADE;
		return FRAMING_NONE;
	}
	if (!r->h->asked.n)
		r->h->awaiting = false;
	if (client->open && client->expect && client->phase != HEAD)
		client->refused = true;
	if (asked == ASKED_HEAD || m->status == 204 || m->status == 304)
		return FRAMING_NONE;
	return body_framing(m, hd);
}

/* Interim answers have the index of the final one, so that answers count like requests. */
static bool counts(const struct message *m)
{
	return m->request || m->status >= 200 || m->status == 101;
}

/* The head in the buffer is complete, or cut and as complete as it will be.  False: it is none. */
static bool head_done(struct run *r, bool cut)
{
	static const enum phase next[] = {[FRAMING_NONE] = HEAD,
	        [FRAMING_LENGTH] = LENGTH,
	        [FRAMING_CHUNKED] = CHUNK_SIZE,
	        [FRAMING_CLOSE] = UNTIL_CLOSE};
	struct side *s = r->s;
	struct http1_head hd = {.codings = s->codings};
	enum http1_framing framing;

	s->m = (struct message){.dir = r->dir,
	        .stream = r->stream,
	        .index = s->index,
	        .when_ns = s->when_ns,
	        .damaged = cut,
	        .missed = cut && s->missed};
	if (!http1_head_read(s->head, s->len, s->headers, &s->m, &hd) || s->m.request != (r->dir == FLOW_C2S))
		return false;
	s->any = s->open = true;
	s->lossy = cut;
	if (hd.length_conflict)
		s->m.damaged = true;
	s->missed = false;
	framing = s->m.request ? on_request(r, &hd) : on_response(r, &hd);
	if (counts(&s->m))
		s->index++;
	give_name(r);
	if (r->out->head)
		r->out->head(r->out->arg, &s->m);
	s->phase = next[framing];
	s->digits = false;
	s->run = 0;
	s->left = framing == FRAMING_LENGTH ? (uint64_t)s->m.content_length : 0;
	if (!cut && (framing == FRAMING_NONE || (framing == FRAMING_LENGTH && !s->left)))
		end_message(r, true);
	return true;
}

/* Ends within a head: what has its first line is handed out. */
static bool head_cut(struct run *r, bool missed)
{
	struct side *s = r->s;
	enum layer_verdict was = r->verdict;
	bool done;

	s->missed = missed;
	done = s->line && head_done(r, true);

	r->verdict = was;
	return done;
}

/* These bytes begin no HTTP message; `before` of those in the buffer came with earlier feeds. */
static size_t not_http(struct run *r, size_t n, size_t before, bool line_end)
{
	struct side *s = r->s, *other = &r->h->side[r->dir == FLOW_C2S];

	if (r->dir == FLOW_C2S && r->h->awaiting) {
		r->c->upgrade = (struct upgrade){
		        .to = r->h->await_to, .before = (const uint8_t *)s->head, .n_before = before};
		r->verdict = LAYER_UPGRADE;
		return 0;
	}
	if (!s->any && !other->any && !r->c->midstream) {
		s->phase = GONE;
		r->verdict = LAYER_BAD;
		return 0;
	}
	resync(r, line_end);
	give_body(r, (const uint8_t *)s->head, s->len);
	s->len = 0;
	return n;
}

/* What was read is told, the rest is searched for the body and the next head. */
static size_t head_too_long(struct run *r)
{
	struct side *s = r->s;
	bool told = head_cut(r, false);

	r->c->limited = true;
	resync(r, false);
	s->head_rest = told;
	if (!told)
		give_body(r, (const uint8_t *)s->head, s->len);
	s->len = 0;
	return 0;
}

/* No room for the head: it was not told that there would be one. */
static size_t head_refused(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	r->c->limited = true;
	if (s->probed)
		return head_too_long(r);
	n = not_http(r, n, s->len, p[n - 1] == '\n');
	if (r->verdict == LAYER_MORE)
		give_body(r, p, n);
	return n;
}

static bool is_line_end(const char *p, size_t n)
{
	return n == 1 || (n == 2 && *p == '\r');
}

static size_t step_head(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	const uint8_t *lf;
	size_t take = 0, before;

	/* RFC 9112 2.2: empty lines before a message */
	if (!s->len) {
		while (take < n && (p[take] == '\r' || p[take] == '\n'))
			take++;
		if (take)
			return take;
		s->when_ns = r->when_ns;
	}
	lf = memchr(p, '\n', n);
	take = lf ? (size_t)(lf - p) + 1 : n;
	before = s->len;
	if (!head_room(r, take))
		return head_refused(r, p, take);
	memcpy(s->head + s->len, p, take);
	s->len += take;
	if (!s->probed || (lf && !s->line)) {
		int v = http1_probe((const uint8_t *)s->head, s->len);

		if (!v)
			return not_http(r, take, before, lf != NULL);
		s->probed = v > 0;
	}
	if (!lf)
		return take;
	if (s->line && is_line_end(s->head + s->line, s->len - s->line)) {
		if (!head_done(r, false))
			return not_http(r, take, before, true);
	} else {
		s->line = s->len;
	}
	return take;
}

/* ---- bodies ---- */

static size_t step_length(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	/* The server answered before a body that waited for 100-continue: the client may have left it out
	 * (RFC 9110 10.1.1) and these bytes may be its next request. */
	if (s->refused && http1_probe(p, n) == 1) {
		end_message(r, false);
		return 0;
	}
	s->refused = false;
	if (n > s->left)
		n = (size_t)s->left;
	give_body(r, p, n);
	s->left -= n;
	if (!s->left)
		end_message(r, true);
	return n;
}

static size_t step_close(struct run *r, const uint8_t *p, size_t n)
{
	give_body(r, p, n);
	return n;
}

/* RFC 9112 7.1: chunk-size [ chunk-ext ] CRLF */
static size_t step_chunk_size(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	size_t i;

	if (s->refused && http1_probe(p, n) == 1) {
		end_message(r, false);
		return 0;
	}
	s->refused = false;
	for (i = 0; i < n; i++) {
		int v = hex_digit((char)p[i]);

		if (v < 0)
			break;
		if (s->left >> 58) {
			resync(r, false);
			return i;
		}
		s->left = s->left << 4 | (unsigned)v;
		s->digits = true;
	}
	if (i == n)
		return n;
	if (!s->digits) {
		/* blanks before the size are no rule, and read by some */
		if (p[i] == ' ' || p[i] == '\t')
			return i + 1;
		resync(r, true);
		return i;
	}
	s->phase = CHUNK_EXT;
	s->run = 0;
	return i;
}

static size_t step_chunk_ext(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	const uint8_t *lf = memchr(p, '\n', n);
	size_t take = lf ? (size_t)(lf - p) + 1 : n;

	if (!s->run && *p != '\r' && *p != '\n' && *p != ';' && *p != ' ' && *p != '\t') {
		resync(r, false);
		return 0;
	}
	s->run += take;
	if (s->run > CHUNK_LINE_MAX) {
		resync(r, lf != NULL);
	} else if (lf) {
		s->phase = s->left ? CHUNK_DATA : TRAILER;
		s->line_start = s->keep = true;
		s->line = s->len;
		s->run = 0;
	}
	return take;
}

static size_t step_chunk_data(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	if (n > s->left)
		n = (size_t)s->left;
	give_body(r, p, n);
	s->left -= n;
	if (!s->left) {
		s->phase = CHUNK_END;
		s->run = 0;
	}
	return n;
}

static size_t step_chunk_end(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;

	(void)n;
	if (*p == '\r' && !s->run) {
		s->run = 1;
		return 1;
	}
	if (*p != '\n') {
		resync(r, true);
		return 0;
	}
	s->phase = CHUNK_SIZE;
	s->digits = false;
	return 1;
}

/* The bytes of the trailer stand behind the head, which goes with the message. */
static void trailer_keep(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	struct message *m = &s->m;
	struct slice line;

	if (s->keep && (m->n_headers + m->n_trailers == HTTP_HEADERS_MAX || !head_room(r, n))) {
		s->keep = false;
		r->c->limited = true;
	}
	if (!s->keep)
		return;
	memcpy(s->head + s->len, p, n);
	s->len += n;
	if (p[n - 1] != '\n')
		return;
	line = slice_of(s->head + s->line, s->len - s->line - 1);
	line.n -= line.n && line.p[line.n - 1] == '\r';
	s->line = s->len;
	m->trailers = s->headers + m->n_headers;
	if (line.n)
		s->headers[m->n_headers + m->n_trailers++] = http1_trailer(line);
}

/* Trailer fields (RFC 9112 7.1.2) up to the empty line. */
static size_t step_trailer(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	const uint8_t *lf = memchr(p, '\n', n);
	size_t take = lf ? (size_t)(lf - p) + 1 : n;

	s->run += take;
	trailer_keep(r, p, take);
	if (s->run > TRAILER_MAX) {
		resync(r, lf != NULL);
	} else if (lf && s->line_start && (take == 1 || (take == 2 && *p == '\r'))) {
		end_message(r, true);
	} else if (lf) {
		s->line_start = true;
	} else if (take > 1 || *p != '\r') {
		s->line_start = false;
	}
	return take;
}

/* ---- in search of the next head ---- */

/* The line start that was held turned out to be ordinary; its LF, if it has one, is the last byte. */
static void held_is_body(struct run *r)
{
	struct side *s = r->s;
	size_t n = s->n_held;

	s->n_held = 0;
	s->line_start = n && s->held[n - 1] == '\n';
	if (s->head_rest && s->line_start && http1_line_is_field(s->held, n))
		return;
	if (s->head_rest && is_line_end((const char *)s->held, n)) {
		s->head_rest = false;
		return;
	}
	give_body(r, s->held, n);
}

/* The held line is a head's first: the message in doubt ends here. */
static void held_is_head(struct run *r)
{
	struct side *s = r->s;

	end_message(r, false);
	for (size_t at = 0; at < s->n_held && s->phase == HEAD && r->verdict == LAYER_MORE;)
		at += step_head(r, s->held + at, s->n_held - at);
	s->n_held = 0;
}

static size_t step_resync(struct run *r, const uint8_t *p, size_t n)
{
	struct side *s = r->s;
	const uint8_t *lf = memchr(p, '\n', n);
	size_t take = lf ? (size_t)(lf - p) + 1 : n;
	int v;

	if (!s->line_start) {
		s->line_start = lf != NULL;
		give_body(r, p, take);
		return take;
	}
	if (take > sizeof(s->held) - s->n_held)
		take = sizeof(s->held) - s->n_held;
	memcpy(s->held + s->n_held, p, take);
	s->n_held += take;
	v = http1_line_judge(s->held, s->n_held);
	/* rest of a head: whether this is a field shows at the line's end */
	if (!v && s->head_rest && !lf)
		v = -1;
	if (v < 0 && s->n_held == sizeof(s->held))
		v = 0;
	if (v > 0 && (s->held[0] == 'H' && s->held[1] == 'T') != (r->dir == FLOW_S2C))
		v = 0;
	if (v > 0)
		held_is_head(r);
	else if (!v)
		held_is_body(r);
	return take;
}

static size_t step_gone(struct run *r, const uint8_t *p, size_t n)
{
	(void)p;
	r->verdict = LAYER_BAD;
	return n;
}

/* ---- the layer's face ---- */

static int http1_open(void *state, struct conn *c)
{
	struct http1 *h = state;

	for (int d = 0; c->midstream && d < 2; d++) {
		h->side[d].phase = RESYNC;
		h->side[d].line_start = h->side[d].missed = true;
	}
	return 0;
}

/* A capture that begins late, and no head yet: it may be something that comes with HTTP. */
static bool late(const struct http1 *h, const struct side *s, const struct conn *c)
{
	return c->midstream && !h->side[0].any && !h->side[1].any && s->m.body_bytes < LATE_BYTES;
}

static bool late_upgrade(struct http1 *h, enum flow_dir dir, const uint8_t *p, size_t n, struct upgrade *u)
{
	*u = (struct upgrade){.to = UPGRADE_UNKNOWN};
	if (http2_frames(p, n, dir))
		return true;
	u->to = UPGRADE_WEBSOCKET;
	return websocket_frames(p, n, dir) || websocket_segment(&h->frames, p, n, dir);
}

static enum layer_verdict http1_feed(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	static size_t (*const steps[PHASES])(struct run *, const uint8_t *, size_t) = {
	        [HEAD] = step_head,
	        [LENGTH] = step_length,
	        [UNTIL_CLOSE] = step_close,
	        [CHUNK_SIZE] = step_chunk_size,
	        [CHUNK_EXT] = step_chunk_ext,
	        [CHUNK_DATA] = step_chunk_data,
	        [CHUNK_END] = step_chunk_end,
	        [TRAILER] = step_trailer,
	        [RESYNC] = step_resync,
	        [GONE] = step_gone,
	};
	struct http1 *h = state;
	struct run r = {.h = h,
	        .s = &h->side[dir],
	        .c = c,
	        .out = out,
	        .dir = dir,
	        .stream = stream,
	        .when_ns = when_ns};
	size_t at = 0;

	r.verdict = LAYER_MORE;
	if (late(h, r.s, c) && late_upgrade(h, dir, p, len, &c->upgrade)) {
		if (r.s->open)
			end_message(&r, false);
		return LAYER_UPGRADE;
	}
	while (at < len && r.verdict == LAYER_MORE)
		at += steps[r.s->phase](&r, p + at, len - at);
	if (r.verdict == LAYER_UPGRADE) {
		c->upgrade.used = at;
		c->upgrade.request = h->side[FLOW_C2S].any ? &h->side[FLOW_C2S].m : NULL;
		h->side[FLOW_C2S].phase = h->side[FLOW_S2C].phase = GONE;
	}
	return r.verdict;
}

/* A gap may lie within the body or chunk, when its length is known; past that only a search helps. */
static void gap_in_body(struct run *r, uint64_t len)
{
	struct side *s = r->s;

	if (len && (len < s->left || (len == s->left && s->phase == CHUNK_DATA))) {
		s->left -= len;
		give_gap(r, len);
		if (!s->left)
			s->phase = CHUNK_END;
		s->run = 0;
	} else if (s->phase == LENGTH && len) {
		give_gap(r, s->left);
		end_message(r, false);
		if (len > s->left)
			resync(r, true);
	} else {
		give_gap(r, len);
		resync(r, true);
	}
}

static void http1_gap(
        void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len, const struct sink *out)
{
	struct http1 *h = state;
	struct run r = {.h = h, .s = &h->side[dir], .c = c, .out = out, .dir = dir, .stream = stream};
	struct side *s = r.s;
	bool in_head = s->phase == HEAD && s->len;

	if (s->phase == GONE)
		return;
	s->missed = true;
	h->frames = (struct websocket_trace){0};
	if (s->phase == UNTIL_CLOSE) {
		give_gap(&r, len);
		return;
	}
	if (s->phase == LENGTH || s->phase == CHUNK_DATA) {
		gap_in_body(&r, len);
		return;
	}
	if (s->phase == RESYNC && s->n_held)
		held_is_body(&r);
	if (in_head) {
		in_head = head_cut(&r, true);
		s->len = 0;
	}
	give_gap(&r, len);
	resync(&r, true);
	s->head_rest = in_head;
}

static void http1_close(void *state, struct conn *c, const struct sink *out)
{
	struct http1 *h = state;

	for (int d = 0; d < 2; d++) {
		struct side *s = &h->side[d];
		struct run r = {.h = h, .s = s, .c = c, .out = out, .dir = (enum flow_dir)d};

		if (s->phase == RESYNC && s->n_held)
			held_is_body(&r);
		if (s->phase == HEAD && s->len)
			head_cut(&r, false);
		/* RFC 9112 8: a body without a length is whole when the connection was closed in order */
		if (s->open)
			end_message(&r, s->phase == UNTIL_CLOSE && c->flow && c->flow->ended == FLOW_FIN);
		s->phase = GONE;
	}
}

const struct layer_ops http1_layer = {
        .name = "http1",
        .state_size = sizeof(struct http1),
        .open = http1_open,
        .feed = http1_feed,
        .gap = http1_gap,
        .close = http1_close,
};
