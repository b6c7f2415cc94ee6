/* stack.c - see stack.h */
#include "classify/stack.h"

#include "classify/names/carrier.h"
#include "classify/names/names.h"

#include <string.h>

/* The protocols we can tell by their first bytes, asked in this order. */
static const struct protocol {
	int (*probe)(const uint8_t *p, size_t n); /* 1 yes, 0 no, -1 too few bytes */
	const struct layer_ops *ops;
	bool client_only; /* the server's first bytes are never of this kind, or say too little */
} protocols[] = {
        {tls_probe, &tls_layer, false},
        {proxy_header_probe, &proxy_header_layer, true},
        {http2_probe, &http2_layer, false},
        {http1_probe, &http1_layer, false},
        {socks_probe, &socks_layer, true},
        {carrier_probe, &carrier_layer, false},
};

struct branch {
	struct branch *next;
	uint64_t stream;
	bool open;
	struct arena arena; /* so that streams may come and go for as long as the connection lasts */
	struct stack stack;
};

/* Ports where a capture that starts mid-stream is worth searching for the next HTTP head. */
static const uint16_t clear_ports[] = {80, 3128, 8000, 8080, 8888, 11434};

static enum stack_state level_feed(
        struct level *l, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns);
static int level_open(struct level *l, const struct layer_ops *ops);

static struct branch *branch_find(struct level *l, uint64_t stream)
{
	struct branch *b = l->branches;

	while (b && (!b->open || b->stream != stream))
		b = b->next;
	return b;
}

static void branch_close(struct level *l, struct branch *b)
{
	if (!b->open)
		return;
	stack_close(&b->stack);
	arena_clear(&b->arena);
	l->stack->conn.limited |= b->stack.conn.limited || b->stack.state == STACK_REFUSED;
	b->open = false;
}

/* A place for one more stream; NULL: as many are open as may be. */
static struct branch *branch_new(struct level *l)
{
	struct branch *b = l->branches;
	unsigned n = 0;

	while (b && b->open) {
		b = b->next;
		n++;
	}
	if (b || n == STACK_BRANCHES_MAX)
		return b;
	b = arena_get(l->stack->conn.arena, sizeof(*b));
	if (b) {
		b->next = l->branches;
		l->branches = b;
	}
	return b;
}

static void inner_open(void *arg, uint64_t stream, const struct upgrade *u)
{
	struct level *l = arg;
	struct stack *s = l->stack;
	unsigned base = s->base + (unsigned)(l - s->level) + 1;
	struct branch *b = base < STACK_LEVELS_MAX ? branch_new(l) : NULL;

	l->streams = true;
	if (!b) {
		s->conn.limited = true;
		return;
	}
	b->open = true;
	b->stream = stream;
	arena_init(&b->arena, s->conn.arena->pool, STACK_BRANCH_BLOCKS);
	arena_use_big(&b->arena, s->conn.arena->big);
	stack_open(&b->stack, &b->arena, s->conn.flow, false, s->out, NULL);
	b->stack.base = base;
	b->stack.root = s->root;
	b->stack.conn.within = (uint64_t)++s->root->connections << 32;
	b->stack.conn.upgrade = *u;
	if (u->to == UPGRADE_WEBSOCKET && level_open(&b->stack.level[0], &websocket_layer) < 0)
		b->stack.state = STACK_REFUSED;
	if (b->stack.state == STACK_REFUSED)
		branch_close(l, b);
}

static void inner_end(void *arg, uint64_t stream)
{
	struct level *l = arg;
	struct branch *b = branch_find(l, stream);

	if (b)
		branch_close(l, b);
}

static bool inner_bytes(
        void *arg, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns)
{
	struct level *l = arg;
	struct stack *s = l->stack;
	size_t above = (size_t)(l - s->level) + 1;
	struct branch *b = branch_find(l, stream);

	if (b) {
		/* what can no longer be read makes room, though its stream goes on for hours */
		if (stack_feed(&b->stack, dir, p, n, when_ns) == STACK_READING)
			return true;
		branch_close(l, b);
		return false;
	}
	if (l->streams || above + s->base >= STACK_LEVELS_MAX || s->state != STACK_READING)
		return false;
	if (above == s->n) {
		s->level[above] = (struct level){.stack = s};
		s->n++;
	}
	return level_feed(&s->level[above], dir, stream, p, n, when_ns) == STACK_READING;
}

static void level_gap(struct level *l, enum flow_dir dir, uint64_t stream, uint64_t n)
{
	struct stack *s = l->stack;

	if (l->ops) {
		l->ops->gap(l->state, &s->conn, dir, stream, n, &l->sink);
	} else {
		s->conn.midstream = true;
		l->probe[dir].n = 0;
		l->frames = (struct websocket_trace){0};
	}
}

static void inner_gap(void *arg, enum flow_dir dir, uint64_t stream, uint64_t n)
{
	struct level *l = arg;
	size_t above = (size_t)(l - l->stack->level) + 1;
	struct branch *b = branch_find(l, stream);

	if (b)
		stack_gap(&b->stack, dir, n);
	else if (!l->streams && above < l->stack->n && l->stack->state == STACK_READING)
		level_gap(&l->stack->level[above], dir, stream, n);
}

/* Opens a layer on the level; what it carries goes to the level above. */
static int level_open(struct level *l, const struct layer_ops *ops)
{
	struct stack *s = l->stack;

	l->state = arena_get(s->conn.arena, ops->state_size ? ops->state_size : 1);
	if (!l->state)
		return -1;
	l->sink = *s->out;
	l->sink.inner = l; /* names and messages go to the owner, inner bytes to the level above */
	l->sink.bytes_open = inner_open;
	l->sink.bytes = inner_bytes;
	l->sink.bytes_gap = inner_gap;
	l->sink.bytes_end = inner_end;
	l->streams = false;
	l->ops = ops;
	if (ops->open && ops->open(l->state, &s->conn) < 0) {
		l->ops = NULL;
		return -1;
	}
	if (l == s->level)
		s->protocol = ops->name;
	return 0;
}

static void level_close(struct level *l)
{
	if (l->ops && l->ops->close)
		l->ops->close(l->state, &l->stack->conn, &l->sink);
	for (struct branch *b = l->branches; b; b = b->next)
		branch_close(l, b);
	l->ops = NULL;
}

/* Closes the level and all above it, the innermost first. */
static void close_from(struct stack *s, size_t i)
{
	while (s->n > i)
		level_close(&s->level[--s->n]);
	s->n = (unsigned)i + 1;
}

static bool clear_port(const struct flow *f)
{
	for (size_t i = 0; i < sizeof(clear_ports) / sizeof(*clear_ports); i++)
		if (f->port[FLOW_S2C] == clear_ports[i])
			return true;
	return false;
}

/* Where the beginning was missed, bytes on this port hold nothing that we could find. */
static bool ciphertext_port(const struct flow *f)
{
	return f->port[FLOW_S2C] == 443;
}

/* The layer for these first bytes; NULL and *wait when more are needed. */
static const struct layer_ops *recognize(
        const struct stack *s, enum flow_dir dir, const uint8_t *p, size_t n, bool *wait)
{
	*wait = false;
	for (size_t i = 0; i < sizeof(protocols) / sizeof(*protocols); i++) {
		int yes = protocols[i].client_only && dir == FLOW_S2C ? 0 : protocols[i].probe(p, n);

		if (yes > 0)
			return protocols[i].ops;
		if (yes < 0 && n < STACK_PROBE_BYTES)
			*wait = true;
	}
	if (s->conn.midstream && http2_frames(p, n, dir))
		return &http2_layer;
	if (s->conn.midstream && websocket_frames(p, n, dir))
		return &websocket_layer;
	if (!*wait && s->conn.midstream && clear_port(s->conn.flow))
		return &http1_layer;
	return NULL;
}

static enum stack_state layer_feed(
        struct level *l, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns)
{
	struct stack *s = l->stack;
	size_t at = (size_t)(l - s->level), used;

	switch (l->ops->feed(l->state, &s->conn, dir, stream, p, n, when_ns, &l->sink)) {
	case LAYER_MORE:
		return s->state; /* a layer above may have ended it all */
	case LAYER_DONE:
		close_from(s, at);
		return s->state = STACK_DONE;
	case LAYER_BAD:
		close_from(s, at);
		return s->state = STACK_BAD;
	case LAYER_UPGRADE:
		used = s->conn.upgrade.used;
		close_from(s, at);
		if (++s->upgrades > STACK_UPGRADES_MAX)
			return s->state = STACK_UNKNOWN;
		memset(l->probe, 0, sizeof(l->probe));
		l->silent = l->searched = 0;
		if (s->conn.upgrade.to == UPGRADE_WEBSOCKET && level_open(l, &websocket_layer) < 0)
			return s->state = STACK_REFUSED;
		if (s->conn.upgrade.to == UPGRADE_H2C && level_open(l, &http2_layer) < 0)
			return s->state = STACK_REFUSED;
		if (s->conn.upgrade.n_before && level_feed(l, dir, stream, s->conn.upgrade.before,
		                                        s->conn.upgrade.n_before, when_ns) != STACK_READING)
			return s->state;
		return used < n ? level_feed(l, dir, stream, p + used, n - used, when_ns) : STACK_READING;
	}
	return STACK_BAD;
}

/* Collects first bytes until a protocol is recognized or none can be. */
static enum stack_state probe_feed(
        struct level *l, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns)
{
	struct stack *s = l->stack;
	const struct layer_ops *ops;
	uint8_t held[STACK_PROBE_BYTES];
	size_t have = l->probe[dir].n, more = 0;
	bool wait, frames = s->conn.midstream && websocket_segment(&l->frames, p, n, dir);

	if (l->probe[dir].no)
		return (l->silent += (uint32_t)(n < STACK_SILENT_BYTES ? n : STACK_SILENT_BYTES)) <
		                       STACK_SILENT_BYTES
		               ? STACK_READING
		               : (s->state = STACK_UNKNOWN);
	if (have) {
		more = STACK_PROBE_BYTES - have < n ? STACK_PROBE_BYTES - have : n;
		memcpy(l->probe[dir].p + have, p, more);
	}
	ops = have ? recognize(s, dir, l->probe[dir].p, have + more, &wait) : recognize(s, dir, p, n, &wait);
	if (!ops && !wait && have && s->conn.midstream) { /* what was held may be the end of something else */
		have = l->probe[dir].n = 0;
		ops = recognize(s, dir, p, n, &wait);
	}
	if (!ops && frames)
		ops = &websocket_layer;
	if (!ops && wait) {
		if (!have)
			memcpy(l->probe[dir].p, p, n);
		l->probe[dir].n = (uint8_t)(have + (have ? more : n));
		return STACK_READING;
	}
	if (!ops && s->conn.midstream && !ciphertext_port(s->conn.flow) && l->searched < STACK_SEARCH_BYTES) {
		l->searched += (uint32_t)(n < STACK_SEARCH_BYTES ? n : STACK_SEARCH_BYTES);
		l->probe[dir].n = 0;
		return STACK_READING;
	}
	if (!ops) {
		l->probe[dir].no = 1;
		/* the other side may still speak first words we know, unless it did and was not known either
		 */
		return l->probe[!dir].no || dir == FLOW_C2S ? (s->state = STACK_UNKNOWN) : STACK_READING;
	}
	memcpy(held, l->probe[dir].p, have);
	if (level_open(l, ops) < 0)
		return s->state = STACK_REFUSED;
	if (have && layer_feed(l, dir, stream, held, have, when_ns) != STACK_READING)
		return s->state;
	/* what the other side said before it was clear who speaks what */
	if (l->ops && l->probe[!dir].n) {
		size_t other = l->probe[!dir].n;

		memcpy(held, l->probe[!dir].p, other);
		l->probe[!dir].n = 0;
		if (layer_feed(l, !dir, stream, held, other, when_ns) != STACK_READING)
			return s->state;
	}
	return level_feed(l, dir, stream, p, n, when_ns);
}

static enum stack_state level_feed(
        struct level *l, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns)
{
	if (!n)
		return l->stack->state;
	return l->ops ? layer_feed(l, dir, stream, p, n, when_ns) : probe_feed(l, dir, stream, p, n, when_ns);
}

void stack_open(struct stack *s, struct arena *arena, const struct flow *f, bool midstream,
        const struct sink *out, const struct layer_ops *first)
{
	s->conn = (struct conn){.arena = arena, .flow = f, .midstream = midstream};
	s->out = out;
	s->protocol = "";
	s->state = STACK_READING;
	s->n = 1;
	s->upgrades = 0;
	s->base = 0;
	s->root = s;
	s->connections = 0;
	s->level[0] = (struct level){.stack = s};
	if (first && level_open(&s->level[0], first) < 0)
		s->state = STACK_REFUSED;
}

enum stack_state stack_feed(struct stack *s, enum flow_dir dir, const uint8_t *p, size_t n, int64_t when_ns)
{
	if (s->state != STACK_READING)
		return s->state;
	return level_feed(&s->level[0], dir, s->conn.within, p, n, when_ns);
}

enum stack_state stack_gap(struct stack *s, enum flow_dir dir, uint64_t n)
{
	if (s->state == STACK_READING)
		level_gap(&s->level[0], dir, s->conn.within, n);
	return s->state;
}

unsigned stack_depth(const struct stack *s)
{
	return s->upgrades + s->n - 1;
}

void stack_close(struct stack *s)
{
	while (s->n)
		level_close(&s->level[--s->n]);
}
