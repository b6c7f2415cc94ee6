/* nest.c - see nest.h: the stack of parts of one body, their memory, and a byte's way to a part's reader. */
#include "classify/content/nest_state.h"

#include <assert.h>
#include <stddef.h>

/* ---- memory ---------------------------------------------------------------------------------------------
 */

static uint8_t *room_bytes(struct room *r)
{
	return (uint8_t *)r + ((sizeof(*r) + 15) & ~(size_t)15);
}

static struct room *room_take(struct nest *t, size_t n)
{
	bool small = n + 64 <= NEST_ROOM_SMALL;
	size_t size = small ? NEST_ROOM_SMALL : NEST_ROOM_LARGE;
	struct room *r;

	if (!t->rooms || n > NEST_ALLOC_MAX || size > NEST_BODY_MAX - t->memory)
		return NULL;
	r = pool_get(small ? t->rooms->small : t->rooms->large);
	if (!r)
		return NULL;
	*r = (struct room){.below = t->room, .size = size - (size_t)(room_bytes(r) - (uint8_t *)r)};
	t->memory += size;
	t->room = r;
	return r;
}

static void *take(struct nest *t, size_t n)
{
	struct room *r = t->room;
	void *p;

	if (n > NEST_ALLOC_MAX)
		goto none;
	n = (n + 15) & ~(size_t)15;
	if (n > r->size - r->used && !(r = room_take(t, n)))
		goto none;
	p = room_bytes(r) + r->used;
	r->used += n;
	return p;
none:
	nest_skip(t, CONTENT_LIMIT);
	return NULL;
}

static struct nest_mark mark(const struct nest *t)
{
	return (struct nest_mark){t->room, t->room->used};
}

static void give_back(struct nest *t, struct nest_mark m)
{
	while (t->room != m.room) {
		struct room *r = t->room;
		bool small = r->size < NEST_ROOM_SMALL;

		t->room = r->below;
		t->memory -= small ? NEST_ROOM_SMALL : NEST_ROOM_LARGE;
		pool_put(small ? t->rooms->small : t->rooms->large, r);
	}
	t->room->used = m.used;
}

void *nest_alloc(struct nest *t, size_t n)
{
	assert(t->running == t->newest);
	return take(t, n);
}

/* ---- what readers ask -----------------------------------------------------------------------------------
 */

struct emit *nest_emit(struct nest *t)
{
	return &t->emit;
}

const struct content_limits *nest_limits(const struct nest *t)
{
	return t->limits;
}

void nest_skip(struct nest *t, unsigned why)
{
	t->emit.skip |= why;
}

bool nest_over(const struct nest *t)
{
	return t->over;
}

static void stop_all(struct nest *t, unsigned why)
{
	nest_skip(t, why);
	t->emit.cut = true;
	t->over = true;
}

/* Nothing more of this part is read: of the body, when it is the outermost. */
static void stop(struct nest *t, struct part *p, unsigned why)
{
	p->dead = true;
	nest_skip(t, why);
	if (!p->outer)
		stop_all(t, why);
}

uint64_t nest_inflated(const struct nest *t)
{
	return t->charged + t->between;
}

/* How many of n bytes the body's limit lets pass. */
static size_t allowed(const struct nest *t, size_t n)
{
	uint64_t limit = t->limits->body_limit, used = t->head ? nest_inflated(t) : t->decoded + t->charged;

	if (!limit && !t->head)
		return n;
	return used >= limit ? 0 : n < limit - used ? n : (size_t)(limit - used);
}

/* What came out at all levels, weighed against what was sent: bombs may be wrapped one in the other. */
static bool is_bomb(const struct nest *t)
{
	uint64_t all = t->decoded + t->charged + t->between;

	if (t->head)
		return nest_inflated(t) > t->limits->body_limit;
	return t->limits->inflate_ratio && all > CODING_FREE && all / t->limits->inflate_ratio > t->received;
}

bool nest_charge(struct nest *t, size_t n)
{
	bool fits = allowed(t, n) == n;

	t->charged += n;
	if (!fits || is_bomb(t))
		stop_all(t, CONTENT_LIMIT);
	return !t->over;
}

bool nest_weigh(struct nest *t, size_t n)
{
	t->between += n;
	if (is_bomb(t))
		stop_all(t, CONTENT_LIMIT);
	return !t->over;
}

/* ---- from a part's plain bytes to its reader ------------------------------------------------------------
 */

static bool open_reader(struct nest *t, struct part *p, const struct reader_ops *ops)
{
	struct part *was = t->running;
	bool ok;

	p->state = take(t, ops->state_size);
	if (!p->state) {
		stop(t, p, CONTENT_LIMIT);
		return false;
	}
	memset(p->state, 0, ops->state_size);
	p->ops = ops;
	t->running = p;
	ok = ops->open(p->state, t, &p->in, &p->hint);
	t->running = was;
	if (!ok) {
		p->ops = NULL;
		stop(t, p, CONTENT_LIMIT);
	}
	return ok;
}

struct at { /* a place on a byte's way through a part */
	struct nest *t;
	struct part *p;
	unsigned coding; /* to be undone next */
};

static bool to_reader(void *arg, const uint8_t *b, size_t n)
{
	struct at *at = arg;
	struct nest *t = at->t;
	struct part *was = t->running;

	t->running = at->p;
	at->p->ops->feed(at->p->state, t, b, n);
	t->running = was;
	return !at->p->dead && !t->over;
}

static void read_bytes(struct at *at, const uint8_t *b, size_t n)
{
	struct part *p = at->p;
	size_t skip = p->skip < n ? p->skip : n;

	p->skip = (uint8_t)(p->skip - skip);
	b += skip;
	n -= skip;
	if (p->charset.kind)
		charset_feed(&p->charset, b, n, to_reader, at);
	else if (n)
		to_reader(at, b, n);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || (c >= 9 && c <= 13);
}

struct text {
	uint8_t bytes[NEST_SNIFF_MAX * 3]; /* a byte of windows-1252 may become three of UTF-8 */
	size_t n;
};

static bool to_text(void *arg, const uint8_t *b, size_t n)
{
	struct text *x = arg;

	n = n < sizeof(x->bytes) - x->n ? n : sizeof(x->bytes) - x->n;
	memcpy(x->bytes + x->n, b, n);
	x->n += n;
	return true;
}

/* Opens the reader of what begins with these bytes; false: more would tell, or there is none. */
static bool choose(struct at *at, const uint8_t *b, size_t n, bool all)
{
	struct part *p = at->p;
	size_t bom, blanks = 0;
	struct charset c = charset_find(b, n, p->hint.type, &bom);
	struct text x;
	struct slice chars = slice_of(b + bom, n - bom);
	const struct reader_ops *ops;

	p->charset = c;
	if (c.kind) {
		x.n = 0;
		charset_feed(&c, b + bom, n - bom, to_text, &x);
		chars = slice_of(x.bytes, x.n);
	}
	while (blanks < chars.n && is_blank((uint8_t)chars.p[blanks]))
		blanks++;
	chars = slice_of(chars.p + blanks, chars.n - blanks);
	ops = p->flat ? format_flat(chars) : format_find(slice_of(b, n), chars, &p->hint, all);
	if (ops && ops->chars)
		p->skip = (uint8_t)bom;
	else
		p->charset.kind = CHARSET_AS_IS;
	return ops && open_reader(at->t, p, ops);
}

/* The first bytes: as many as it takes to choose are gathered, unless they come in one piece. */
static void sniff(struct at *at, const uint8_t *b, size_t n)
{
	struct part *p = at->p;

	while (!p->n_sniff && n && is_blank(*b)) { /* blanks before anything else say nothing */
		b++;
		n--;
	}
	if (!p->n_sniff && n >= NEST_SNIFF) {
		if (choose(at, b, NEST_SNIFF, false)) {
			read_bytes(at, b, n);
			return;
		}
		p->waits = true;
	}
	while (n && !p->ops && !p->dead) {
		size_t want = p->waits ? NEST_SNIFF_MAX : NEST_SNIFF,
		       take_n = n < want - p->n_sniff ? n : want - p->n_sniff;

		memcpy(p->sniff + p->n_sniff, b, take_n);
		p->n_sniff += take_n;
		b += take_n;
		n -= take_n;
		if (p->n_sniff == want && choose(at, p->sniff, want, p->waits))
			read_bytes(at, p->sniff, want);
		p->waits = p->waits || p->n_sniff == want;
	}
	if (n && p->ops)
		read_bytes(at, b, n);
}

/* What was gathered is all there is, or all that hangs together. */
static void settle(struct at *at)
{
	struct part *p = at->p;

	if (!p->ops && p->n_sniff && choose(at, p->sniff, p->n_sniff, true))
		read_bytes(at, p->sniff, p->n_sniff);
}

static void read_plain(struct at *at, const uint8_t *b, size_t n)
{
	struct nest *t = at->t;
	struct part *p = at->p;
	size_t some = n;

	if (!p->outer) {
		some = t->head ? n : allowed(t, n);
		t->decoded += some;
	} else if (p->n_codings) {
		some = allowed(t, n);
		t->charged += some;
		if (is_bomb(t))
			stop_all(t, CONTENT_LIMIT);
	}
	if (!some)
		; /* the limit was reached before */
	else if (p->ops)
		read_bytes(at, b, some);
	else
		sniff(at, b, some);
	if (some < n && t->head)
		stop(t, p, CONTENT_LIMIT);
	else if (some < n)
		stop_all(t, CONTENT_LIMIT);
}

/* ---- codings --------------------------------------------------------------------------------------------
 */

static void reader_ends(struct nest *t, struct part *p, bool torn);
static void coded_end(struct nest *t, struct part *p, unsigned from);
static bool to_coding(void *arg, const uint8_t *b, size_t n);

/* A coding is over, its bytes are not: what stands behind it is read by its own first bytes. */
static void go_on_uncoded(struct nest *t, struct part *p, unsigned i)
{
	struct at at = {t, p, i};
	struct coding *c = p->coding[i];
	const uint8_t *rest = c->rest;
	size_t n_held = c->n_held, n_rest = c->n_rest;
	bool whole = coding_whole(c);
	uint8_t held[CODING_TRIAL];

	memcpy(held, c->held, n_held);
	nest_skip(t, CONTENT_BROKEN | (whole ? 0 : CONTENT_UNSUPPORTED));
	coded_end(t, p, i + 1);
	reader_ends(t, p, !whole);
	while (p->n_codings > i)
		coding_clear(p->coding[--p->n_codings]);
	p->ops = NULL;
	p->charset = (struct charset){0};
	p->skip = 0;
	p->waits = false;
	p->n_sniff = 0;
	if (n_held)
		to_coding(&at, held, n_held);
	if (n_rest)
		to_coding(&at, rest, n_rest);
}

static bool to_coding(void *arg, const uint8_t *b, size_t n)
{
	struct at *at = arg, next = {at->t, at->p, at->coding + 1};
	struct part *p = at->p;
	unsigned why;

	if (p->dead || at->t->over)
		return false;
	if (at->coding == p->n_codings) {
		read_plain(at, b, n);
		return !p->dead && !at->t->over;
	}
	if (at->coding && !nest_weigh(at->t, n))
		return false;
	why = coding_feed(p->coding[at->coding], b, n, to_coding, &next);
	if (why == CONTENT_BROKEN && !p->dead && !at->t->over)
		go_on_uncoded(at->t, p, at->coding);
	else if (why && !p->dead && !at->t->over)
		stop(at->t, p, why);
	return !p->dead && !at->t->over;
}

static void open_codings(struct nest *t, struct part *p)
{
	enum coding_kind kinds[CODINGS_MAX];
	unsigned n = coding_list(p->hint.codings, kinds);

	if (n > CODINGS_MAX || (n && (!t->rooms || !allowed(t, 1)))) {
		stop(t, p, CONTENT_LIMIT);
		return;
	}
	while (p->n_codings < n) {
		struct coding *c = take(t, sizeof(*c));

		if (!c) {
			stop(t, p, CONTENT_LIMIT);
			return;
		}
		coding_init(c, kinds[p->n_codings], t->limits->inflate_ratio, t->rooms->decoders);
		p->coding[p->n_codings++] = c;
	}
}

/* ---- one part -------------------------------------------------------------------------------------------
 */

static void feed(struct nest *t, struct part *p, const uint8_t *b, size_t n)
{
	struct at at = {t, p, 0};

	if (!p->outer)
		t->received += n;
	if (!n || p->dead || t->over)
		return;
	if (!p->transfer.kind)
		to_coding(&at, b, n);
	else if (!transfer_feed(&p->transfer, b, n, to_coding, &at))
		nest_skip(t, CONTENT_BROKEN);
}

/* The reader of a part that a gap meets before its first byte: the sender's word must do. */
static const struct reader_ops *blind(const struct part *p)
{
	return slice_starts_nocase(p->hint.type, "application/json") ? &json_ops : &text_ops;
}

static void gap(struct nest *t, struct part *p, uint64_t n)
{
	struct at at = {t, p, 0};
	struct part *was = t->running;

	nest_skip(t, CONTENT_GAP);
	if (p->transfer.kind) {
		transfer_gap(&p->transfer, n, to_coding, &at);
		n = 0;
	}
	for (unsigned i = 0; i < p->n_codings && !p->dead && !t->over; i++) {
		struct at next = {t, p, i + 1};
		unsigned why = coding_gap(p->coding[i], n, to_coding, &next);

		if (why && !p->dead && !t->over)
			stop(t, p, why);
	}
	if (p->dead || t->over)
		return;
	settle(&at);
	if (!p->ops && !open_reader(t, p, blind(p)))
		return;
	if (p->charset.kind)
		charset_gap(&p->charset, n, to_reader, &at);
	t->running = p;
	p->ops->gap(p->state, t, n);
	t->running = was;
}

/* Hands out what codings hold. */
static void coded_end(struct nest *t, struct part *p, unsigned from)
{
	for (unsigned i = from; i < p->n_codings && !p->dead && !t->over; i++) {
		struct at next = {t, p, i + 1};
		struct coding *c = p->coding[i];
		unsigned why = coding_end(c, to_coding, &next);

		if (why == CONTENT_BROKEN && c->n_held && !p->dead && !t->over)
			go_on_uncoded(t, p, i);
		else if (why && !p->dead && !t->over)
			stop(t, p, why);
	}
}

static void end(struct nest *t, struct part *p);

/* `torn`: what it read ends somewhere in between. */
static void reader_ends(struct nest *t, struct part *p, bool torn)
{
	struct at at = {t, p, 0};
	struct part *was = t->running;
	bool cut = t->emit.cut;
	unsigned before;

	/* what came before a limit counts */
	settle(&at);
	if (p->ops && p->charset.kind)
		charset_end(&p->charset, to_reader, &at);
	before = t->emit.skip;
	torn = torn || p->dead;
	t->emit.cut = t->emit.cut || torn;
	t->running = p;
	if (p->ops)
		p->ops->end(p->state, t);
	if (p->inner)
		end(t, p->inner);
	if (t->emit.named)
		emit_end(&t->emit, true);
	/* a structure that a limit cut is not broken */
	if (torn || t->over)
		t->emit.skip = before | (t->emit.skip & ~(unsigned)CONTENT_BROKEN);
	t->emit.cut = cut || t->over;
	t->running = was;
}

static void end(struct nest *t, struct part *p)
{
	struct at at = {t, p, 0};

	if (p->transfer.kind && !p->dead && !t->over)
		transfer_end(&p->transfer, to_coding, &at);
	coded_end(t, p, 0);
	reader_ends(t, p, false);
	t->newest = p->outer;
	*(p->outer ? &p->outer->inner : &t->first) = NULL;
	t->depth--;
	for (unsigned i = 0; i < p->n_codings; i++)
		coding_clear(p->coding[i]);
	give_back(t, p->mark);
	if (t->head && t->depth == 1) /* the text itself goes on */
		t->over = t->emit.cut = false;
}

/* ---- parts ----------------------------------------------------------------------------------------------
 */

static bool copy(struct nest *t, struct slice *s)
{
	size_t n = s->n < NEST_NAME_MAX ? s->n : NEST_NAME_MAX;
	char *p;

	if (!n) {
		*s = slice_of("", 0);
		return true;
	}
	p = take(t, n);
	if (!p)
		return false;
	memcpy(p, s->p, n);
	*s = slice_of(p, n);
	return true;
}

static unsigned depth_max(const struct nest *t)
{
	return t->limits->depth < NEST_DEPTH_MAX ? t->limits->depth : NEST_DEPTH_MAX;
}

static bool is_full(const struct nest *t)
{
	return t->parts >= NEST_PARTS_MAX && t->parts - NEST_PARTS_MAX >= t->received / NEST_PART_BYTES;
}

static struct part *push(struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct nest_mark m = mark(t);
	struct part *p;
	bool full = is_full(t);

	if (t->depth > depth_max(t) || full)
		nest_skip(t, CONTENT_LIMIT);
	if (t->depth > depth_max(t) + 1 || full)
		return NULL;
	p = take(t, sizeof(*p));
	if (!p)
		return NULL;
	memset(p, 0, offsetof(struct part, sniff));
	p->mark = m;
	p->flat = t->depth > depth_max(t);
	p->outer = t->running;
	p->hint = *hint;
	p->in = *in;
	if (!copy(t, &p->hint.type) || !copy(t, &p->hint.name) || !copy(t, &p->hint.transfer) ||
	        !copy(t, &p->hint.message_codings) || !copy(t, &p->hint.codings)) {
		give_back(t, m);
		return NULL;
	}
	*(p->outer ? &p->outer->inner : &t->first) = p;
	t->newest = p;
	t->depth++;
	t->parts++;
	return p;
}

bool part_begin_as(
        struct nest *t, const struct reader_ops *ops, const struct prefix *in, const struct part_hint *hint)
{
	static const struct part_hint no_hint;
	struct part *p;

	assert(t->running == t->newest);
	if (t->over)
		return false;
	if (t->emit.named)
		emit_end(&t->emit, true);
	if (!hint)
		hint = &no_hint;
	if (hint->name.n && t->emit.out.file)
		t->emit.out.file(t->emit.out.arg, hint->name.p,
		        hint->name.n < NEST_NAME_MAX ? hint->name.n : NEST_NAME_MAX);
	p = push(t, in, hint);
	if (!p)
		return false;
	p->transfer.kind = (uint8_t)transfer_by_name(hint->transfer);
	open_codings(t, p);
	if (p->flat)
		ops = NULL;
	else if (!ops)
		ops = hint->text ? &text_ops : format_by_hint(&p->hint);
	if (ops && !p->dead)
		open_reader(t, p, ops);
	return true;
}

bool part_begin(struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	return part_begin_as(t, NULL, in, hint);
}

static struct part *fed(const struct nest *t)
{
	struct part *p = t->running ? t->running->inner : t->first;

	assert(p);
	return p;
}

void part_feed(struct nest *t, const uint8_t *p, size_t n)
{
	feed(t, fed(t), p, n);
}

void part_gap(struct nest *t, uint64_t n)
{
	if (!t->over)
		gap(t, fed(t), n);
	else
		nest_skip(t, CONTENT_GAP);
}

void part_end(struct nest *t)
{
	end(t, fed(t));
}

/* ---- a body ---------------------------------------------------------------------------------------------
 */

void nest_init(struct nest *t, size_t own, const struct nest_rooms *rooms, const struct content_limits *l,
        const struct text_sink *out)
{
	memset(t, 0, offsetof(struct nest, emit));
	memset(&t->emit, 0, offsetof(struct emit, path));
	t->limits = l;
	t->rooms = rooms;
	t->emit.out = *out;
	t->own = (struct room){.size = own};
	t->room = &t->own;
}
