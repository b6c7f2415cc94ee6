/* grpc.c - messages in envelopes: gRPC (github.com/grpc/grpc, doc/PROTOCOL-HTTP2.md), gRPC-Web
 * (doc/PROTOCOL-WEB.md) and the streams of Connect (connectrpc.com/docs/protocol).  Each message has a byte
 * of flags and four of length in front of it and becomes a part, message[N].
 *
 * A message with the lowest flag is compressed as a header of the request says (hint.message_codings).  After
 * a gap that no length bridges, the text in what follows counts. */
#include "classify/content/reader.h"

#define HEAD 5

enum flag {
	FLAG_COMPRESSED = 0x01,
	FLAG_END_STREAM = 0x02, /* Connect: a JSON document about the stream */
	FLAG_TRAILER = 0x80,    /* gRPC-Web: header fields */
};

struct grpc {
	const struct prefix *in;
	const struct part_hint *hint;
	uint8_t flags; /* those that may be set */
	bool json, proto, base64, begun;
	bool part;  /* one is open */
	bool loose; /* it has no end but the body's */
	uint8_t n_head, n_quad;
	uint8_t head[HEAD];
	char quad[4];
	uint32_t left, index;
};

static int grpc_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	(void)p;
	(void)n;
	return slice_starts_nocase(hint->type, "application/grpc") ||
	       slice_starts_nocase(hint->type, "application/connect+");
}

/* What stands behind the '+' of a type. */
static struct slice suffix(struct slice type)
{
	size_t from = 0, n;

	while (from < type.n && type.p[from] != '+' && type.p[from] != ';')
		from++;
	for (n = from; n < type.n && type.p[n] != ';'; n++)
		;
	return from < n ? slice_trim(slice_of(type.p + from + 1, n - from - 1)) : slice_of("", 0);
}

static bool grpc_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct grpc *g = state;
	struct slice kind = suffix(hint->type);

	(void)t;
	g->in = in;
	g->hint = hint;
	g->flags = FLAG_COMPRESSED;
	if (slice_starts_nocase(hint->type, "application/connect"))
		g->flags |= FLAG_END_STREAM;
	else if (slice_starts_nocase(hint->type, "application/grpc-web"))
		g->flags |= FLAG_TRAILER;
	g->base64 = slice_starts_nocase(hint->type, "application/grpc-web-text");
	g->json = slice_is_nocase(kind, "json");
	g->proto = !kind.n || slice_is_nocase(kind, "proto");
	return true;
}

static void begin_loose(struct grpc *g, struct nest *t, const struct reader_ops *ops, unsigned why)
{
	nest_skip(t, why);
	g->part = part_begin_as(t, ops, g->in, NULL);
	g->loose = true;
}

static void end_message(struct grpc *g, struct nest *t)
{
	if (g->part)
		part_end(t);
	g->part = false;
	g->n_head = 0;
}

/* Senders forget to say which compression it is; gzip is the one that all know, and zstd tells by itself. */
static struct slice codings(const struct grpc *g)
{
	if (!(g->head[0] & FLAG_COMPRESSED))
		return slice_of("", 0);
	return g->hint->message_codings.n ? g->hint->message_codings : SLICE("gzip");
}

static void begin_message(struct grpc *g, struct nest *t)
{
	struct part_hint hint = {.codings = codings(g)};
	const struct reader_ops *ops = NULL;
	struct prefix name;

	if (g->head[0] & FLAG_TRAILER) {
		prefix_add(&name, g->in, "trailer", 7);
	} else if (g->head[0] & FLAG_END_STREAM) {
		prefix_add(&name, g->in, "end", 3);
	} else {
		prefix_add_index(&name, g->in, "message", g->index++);
		ops = g->proto ? &protobuf_ops : NULL;
		hint.type = g->json ? SLICE("application/json") : slice_of("", 0);
	}
	g->part = g->left && part_begin_as(t, ops, &name, &hint);
	if (!g->left)
		end_message(g, t);
}

/* False: no envelope begins so, and the head's bytes are content. */
static bool head_ends(struct grpc *g, struct nest *t)
{
	if (g->head[0] & ~g->flags)
		return false;
	g->left = (uint32_t)g->head[1] << 24 | (uint32_t)g->head[2] << 16 | (uint32_t)g->head[3] << 8 |
	          g->head[4];
	begin_message(g, t);
	return true;
}

static void frames(struct grpc *g, struct nest *t, const uint8_t *p, size_t n)
{
	while (n && !nest_over(t)) {
		size_t some = n;

		if (g->loose) {
			if (g->part)
				part_feed(t, p, n);
			return;
		}
		if (g->n_head < HEAD) {
			g->head[g->n_head++] = *p++;
			n--;
			if (g->n_head < HEAD || head_ends(g, t))
				continue;
			/* the first bytes decide: the label is false; later ones: the order is lost */
			begin_loose(g, t, g->index ? &strings_ops : NULL, g->index ? CONTENT_BROKEN : 0);
			if (g->part)
				part_feed(t, g->head, HEAD);
			continue;
		}
		if (some > g->left)
			some = g->left;
		g->left -= (uint32_t)some;
		if (g->part)
			part_feed(t, p, some);
		p += some;
		n -= some;
		if (!g->left)
			end_message(g, t);
	}
}

/* gRPC-Web as text: base64, in pieces that may each be padded. */
static void text_frames(struct grpc *g, struct nest *t, const uint8_t *p, size_t n)
{
	uint8_t out[768];
	size_t got = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\r' || p[i] == '\n')
			continue;
		g->quad[g->n_quad++] = (char)p[i];
		if (g->n_quad < sizeof(g->quad))
			continue;
		g->n_quad = 0;
		got += base64_decode(g->quad, 4, out + got, sizeof(out) - got, NULL);
		if (got > sizeof(out) - 3) {
			frames(g, t, out, got);
			got = 0;
		}
	}
	frames(g, t, out, got);
}

static void grpc_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct grpc *g = state;

	/* the label is false: binary all the same */
	if (!g->begun && (p[0] < '+' || p[0] > 'z'))
		g->base64 = false;
	g->begun = true;
	if (g->base64)
		text_frames(g, t, p, n);
	else
		frames(g, t, p, n);
}

static void grpc_gap(void *state, struct nest *t, uint64_t n)
{
	struct grpc *g = state;

	nest_skip(t, CONTENT_GAP);
	if (g->base64) {
		/* as many bytes as the characters stood for, when whole quads are missing */
		n = n % 4 || g->n_quad ? 0 : n / 4 * 3;
		g->n_quad = 0;
	}
	if (g->loose) {
		if (g->part)
			part_gap(t, n);
		return;
	}
	if (g->n_head == HEAD && n && n <= g->left) {
		g->left -= (uint32_t)n;
		if (g->part)
			part_gap(t, n);
		if (!g->left)
			end_message(g, t);
		return;
	}
	if (g->n_head == HEAD && g->part)
		part_gap(t, 0);
	end_message(g, t);
	begin_loose(g, t, &strings_ops, 0);
}

static void grpc_end(void *state, struct nest *t)
{
	struct grpc *g = state;
	uint8_t out[3];

	if (g->base64)
		frames(g, t, out, base64_decode(g->quad, g->n_quad, out, sizeof(out), NULL));
	if (!g->loose && g->n_head && !nest_over(t))
		nest_skip(t, CONTENT_BROKEN);
	if (!g->loose && g->n_head && g->n_head < HEAD && !g->index) {
		begin_loose(g, t, NULL, 0);
		if (g->part)
			part_feed(t, g->head, g->n_head);
	}
	if (g->part)
		part_end(t);
}

const struct reader_ops grpc_ops = {
        "grpc", sizeof(struct grpc), false, grpc_probe, grpc_open, grpc_feed, grpc_gap, grpc_end};
