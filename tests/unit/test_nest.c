/* test_nest.c - parts inside parts: what a reader may rely on, whose memory it is, and that every growth
 * ends. */
#include "classify/content/nest_state.h"
#include "tests/unit/content_record.h"

#include <stdio.h>
#include <zlib.h>

struct rig {
	struct nest_rooms rooms;
	struct content_limits limits;
	struct record *r;
	struct nest *t;
};

static const struct prefix none;

static void rig_open(struct rig *g, struct content_limits l)
{
	struct text_sink out;

	g->limits = l;
	g->rooms.small = pool_create(NEST_ROOM_SMALL, 1000);
	g->rooms.large = pool_create(NEST_ROOM_LARGE, 100);
	g->rooms.decoders = coding_memory_create(4 << 20);
	g->r = calloc(1, sizeof(*g->r));
	g->t = malloc(sizeof(*g->t) + NEST_ROOM_OWN);
	out = record_sink(g->r);
	nest_init(g->t, NEST_ROOM_OWN, &g->rooms, &g->limits, &out);
}

/* All memory has gone back, with the parts. */
static void rig_close(struct rig *g)
{
	assert_null(g->t->first);
	assert_int_equal(pool_used(g->rooms.small), 0);
	assert_int_equal(pool_used(g->rooms.large), 0);
	assert_int_equal(g->t->memory, 0);
	assert_int_equal(g->t->own.used, 0);
	assert_false(g->r->open);
	pool_destroy(g->rooms.small);
	pool_destroy(g->rooms.large);
	assert_int_equal(coding_memory_used(g->rooms.decoders), 0);
	coding_memory_destroy(g->rooms.decoders);
	free(g->r);
	free(g->t);
}

/* ---- a format of brackets: "(" begins a part, ")" ends it, "!" takes memory, the rest is text
 * -------------------
 */

struct bracket {
	const struct prefix *in;
	unsigned children, allocs;
	bool open, refused, clean;
	uint8_t zeroed[100];
};

static const struct reader_ops bracket_ops;

static bool bracket_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct bracket *b = state;

	(void)hint;
	(void)t;
	for (size_t i = 0; i < sizeof(b->zeroed); i++)
		assert_int_equal(b->zeroed[i], 0);
	memset(b->zeroed, 0xff, sizeof(b->zeroed));
	b->in = in;
	return true;
}

static void bracket_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct bracket *b = state;

	for (size_t i = 0; i < n; i++) {
		unsigned depth = 0;

		if (b->open || b->refused) {
			/* the whole inside goes to the part; it ends at the bracket that closes */
			size_t to = i;

			for (; to < n && (p[to] != ')' || depth); to++)
				depth += p[to] == '(' ? 1 : p[to] == ')' ? (unsigned)-1 : 0;
			if (b->open && to > i)
				part_feed(t, p + i, to - i);
			if (b->open && to < n)
				part_end(t);
			if (to < n)
				b->open = b->refused = false;
			i = to;
		} else if (p[i] == '(') {
			struct prefix in;

			prefix_add_index(&in, b->in, "b", b->children++);
			b->open = part_begin_as(t, &bracket_ops, &in, NULL);
			b->refused = !b->open;
		} else if (p[i] == '!') {
			uint8_t *m = nest_alloc(t, 5000);

			if (m)
				memset(m, 0xee, 5000);
			b->allocs += m != NULL;
		} else {
			emit_plain(nest_emit(t), b->in);
			emit_text(nest_emit(t), p + i, 1);
			emit_end(nest_emit(t), true);
		}
	}
}

static void bracket_gap(void *state, struct nest *t, uint64_t n)
{
	struct bracket *b = state;

	if (b->open)
		part_gap(t, n);
}

static void bracket_end(void *state, struct nest *t)
{
	struct bracket *b = state;

	(void)t;
	assert_int_equal(b->zeroed[99], 0xff);
}

static const struct reader_ops bracket_ops = {
        "bracket", sizeof(struct bracket), false, NULL, bracket_open, bracket_feed, bracket_gap, bracket_end};

static void feed(struct rig *g, const char *text)
{
	part_feed(g->t, (const uint8_t *)text, strlen(text));
}

static void test_brackets(void **state)
{
	struct rig g;

	(void)state;
	rig_open(&g, (struct content_limits){.depth = 64});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	feed(&g, "a(b(c)d(e))f!!(g!)");
	/* parts that are open are ended from the inside */
	feed(&g, "(h(i");
	part_end(g.t);
	assert_string_equal(g.r->text,
	        "body <> a\nb[0] <> b\nb[0].b[0] <> c\nb[0] <> d\nb[0].b[1] <> e\nbody <> f\n"
	        "b[1] <> g\nb[2] <> h\nb[2].b[0] <> i\n");
	assert_int_equal(g.t->emit.skip, 0);
	rig_close(&g);
}

/* Parts one behind the other use the same memory again. */
static void test_memory_goes_with_the_part(void **state)
{
	struct rig g;

	(void)state;
	rig_open(&g, (struct content_limits){.depth = 64});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	for (unsigned i = 0; i < 20000; i++)
		feed(&g, "(!(!!)(!))");
	assert_int_equal(g.t->emit.skip, 0);
	assert_true(pool_peak(g.rooms.small) <= 4);
	assert_int_equal(pool_peak(g.rooms.large), 0);
	part_end(g.t);
	rig_close(&g);
}

/* One body gets so much, then it is told; the others are not harmed. */
static void test_memory_ends(void **state)
{
	struct rig g;
	unsigned got;

	(void)state;
	rig_open(&g, (struct content_limits){.depth = 64});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	for (unsigned i = 0; i < 1000; i++)
		feed(&g, "!");
	got = ((struct bracket *)g.t->first->state)->allocs;
	assert_true(got >= NEST_BODY_MAX / NEST_ROOM_SMALL - 1 && got <= NEST_BODY_MAX / 5000 + 2);
	assert_true(g.t->memory <= NEST_BODY_MAX);
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	part_end(g.t);
	rig_close(&g);
	/* and all have only what the pool holds */
	rig_open(&g, (struct content_limits){.depth = 64});
	pool_destroy(g.rooms.small);
	g.rooms.small = pool_create(NEST_ROOM_SMALL, 1);
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	feed(&g, "!!!!!!x(y)");
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	assert_string_equal(g.r->text, "body <> x\nb[0] <> y\n");
	part_end(g.t);
	rig_close(&g);
}

static void test_alloc(void **state)
{
	struct rig g;

	(void)state;
	rig_open(&g, (struct content_limits){.depth = 64});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	g.t->running = g.t->first;
	for (size_t n = 1; n <= NEST_ALLOC_MAX; n = n * 2 + 1) {
		uint8_t *p = nest_alloc(g.t, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		memset(p, 1, n);
	}
	assert_non_null(nest_alloc(g.t, NEST_ALLOC_MAX));
	assert_int_equal(g.t->emit.skip, 0);
	assert_null(nest_alloc(g.t, NEST_ALLOC_MAX + 1));
	assert_null(nest_alloc(g.t, SIZE_MAX - 3));
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	g.t->running = NULL;
	part_end(g.t);
	rig_close(&g);
}

/* Deeper than parts may nest: text, with what stands behind it still in its place. */
static void test_depth_ends(void **state)
{
	struct rig g;
	char text[200] = "", *p = text;
	unsigned brackets = NEST_DEPTH_MAX + 5;

	(void)state;
	for (unsigned i = 0; i < brackets; i++)
		*p++ = '(';
	*p++ = 'x';
	for (unsigned i = 0; i < brackets; i++)
		*p++ = ')';
	strcpy(p, "y");
	rig_open(&g, (struct content_limits){.depth = 64});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	feed(&g, text);
	part_end(g.t);
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	/* four brackets are text, as is all that stands in them */
	assert_non_null(strstr(g.r->text, " <> ((((x))))\nbody <> y\n"));
	rig_close(&g);
	rig_open(&g, (struct content_limits){.depth = 2});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	feed(&g, "(a(b(c(d(e)))))");
	part_end(g.t);
	assert_string_equal(g.r->text, "b[0] <> a\nb[0].b[0] <> b\nb[0].b[0].b[0] <> c(d(e))\n");
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	rig_close(&g);
}

static void test_parts_end(void **state)
{
	struct rig g;

	(void)state;
	rig_open(&g, (struct content_limits){.depth = 64});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	/* each of these takes two bytes more of the body */
	for (unsigned i = 1; i < NEST_PARTS_MAX + NEST_PARTS_MAX / 3; i++)
		feed(&g, "()");
	assert_int_equal(g.t->emit.skip, 0);
	feed(&g, "(a)b(c)");
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	assert_string_equal(g.r->text, "body <> b\n");
	part_end(g.t);
	rig_close(&g);
}

/* ---- bombs: a format of lines "gzip bytes", each line's bytes a part with a coding
 * -----------------------------
 */

static size_t deflated(size_t zeros, uint8_t *out, size_t cap)
{
	static uint8_t a[65536];
	z_stream z = {0};

	memset(a, 'a', sizeof(a));
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_out = out;
	z.avail_out = (uInt)cap;
	while (zeros) {
		z.next_in = a;
		z.avail_in = (uInt)(zeros < sizeof(a) ? zeros : sizeof(a));
		zeros -= z.avail_in;
		assert_int_not_equal(deflate(&z, zeros ? Z_NO_FLUSH : Z_FINISH), Z_STREAM_ERROR);
	}
	deflateEnd(&z);
	return cap - z.avail_out;
}

struct tally {
	uint64_t text, fields, cut;
};

static void tally_field(void *arg, const char *path, size_t n, const char *key, size_t key_len)
{
	(void)path;
	(void)n;
	(void)key;
	(void)key_len;
	((struct tally *)arg)->fields++;
}

static void tally_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	(void)p;
	(void)offset;
	((struct tally *)arg)->text += n;
}

static void tally_end(void *arg, bool whole)
{
	((struct tally *)arg)->cut += !whole;
}

/* `sent`: bytes of the body that these parts are taken to stand in. */
static struct tally bombs(struct rig *g, struct content_limits l, size_t each, unsigned n, uint64_t sent)
{
	static uint8_t z[1 << 16];
	static const struct part_hint hint = {.codings = {"gzip", 4}};
	size_t len = deflated(each, z, sizeof(z));
	struct tally got = {0};

	rig_open(g, l);
	g->t->emit.out = (struct text_sink){&got, tally_field, tally_text, tally_end, NULL};
	assert_true(part_begin_as(g->t, &bracket_ops, &none, NULL));
	g->t->received = sent;
	g->t->running = g->t->first;
	for (unsigned i = 0; i < n && part_begin(g->t, &none, &hint); i++) {
		part_feed(g->t, z, len);
		part_end(g->t);
	}
	g->t->running = NULL;
	part_end(g->t);
	return got;
}

/* Each part is a bomb by its ratio: what comes out of it ends early, the next is read all the same. */
static void test_bombs_by_ratio(void **state)
{
	struct rig g;
	struct tally got =
	        bombs(&g, (struct content_limits){.depth = 64, .inflate_ratio = 100}, 32 << 20, 5, 1 << 30);

	(void)state;
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	assert_int_equal(got.fields, 5);
	assert_int_equal(got.cut, 5);
	assert_true(got.text > 5 << 20 && got.text < 10 << 20);
	assert_false(nest_over(g.t));
	rig_close(&g);
}

/* Parts that are no bombs each are one together, measured by what was sent. */
static void test_bombs_by_ratio_of_all(void **state)
{
	struct rig g;
	struct tally got =
	        bombs(&g, (struct content_limits){.depth = 64, .inflate_ratio = 200}, 600 << 10, 50, 10000);

	(void)state;
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	assert_true(nest_over(g.t));
	assert_true(got.text > 10000 * 200 && got.text < 3 << 20);
	rig_close(&g);
}

/* What one coding gives to the next is weighed too, though the last gives nothing: padding behind gzip. */
static void test_bombs_between_codings(void **state)
{
	static const struct part_hint hint = {.codings = {"gzip, gzip", 10}};
	static uint8_t inner[1 << 20], z[1 << 16];
	struct rig g;
	z_stream s = {.next_in = inner, .avail_in = sizeof(inner), .next_out = z, .avail_out = sizeof(z)};
	struct tally got = {0};
	unsigned i;

	(void)state;
	deflated(10, inner, sizeof(inner)); /* zeros follow */
	assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
	deflateEnd(&s);
	rig_open(&g, (struct content_limits){.depth = 64, .inflate_ratio = 200});
	g.t->emit.out = (struct text_sink){&got, tally_field, tally_text, tally_end, NULL};
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	g.t->received = 10000;
	g.t->running = g.t->first;
	for (i = 0; i < 50 && part_begin(g.t, &none, &hint); i++) {
		part_feed(g.t, z, s.total_out);
		part_end(g.t);
	}
	g.t->running = NULL;
	part_end(g.t);
	assert_int_equal(i, 2); /* 2 MB are more than 200 times what was sent */
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	rig_close(&g);
}

/* All parts together get what a body gets. */
static void test_bombs_by_number(void **state)
{
	struct rig g;
	struct tally got =
	        bombs(&g, (struct content_limits){.depth = 64, .body_limit = 7 << 19}, 1 << 20, 50, 1 << 30);

	(void)state;
	assert_int_equal(g.t->emit.skip, CONTENT_LIMIT);
	assert_true(nest_over(g.t));
	assert_int_equal(got.text, 7 << 19);
	assert_int_equal(got.cut, 1);
	rig_close(&g);
}

static void test_charge(void **state)
{
	struct rig g;

	(void)state;
	rig_open(&g, (struct content_limits){.depth = 64, .body_limit = 1000});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	feed(&g, "abc");
	assert_true(nest_charge(g.t, 900));
	assert_false(nest_over(g.t));
	assert_true(nest_charge(g.t, 97));
	assert_false(nest_charge(g.t, 1));
	assert_true(nest_over(g.t));
	feed(&g, "not told");
	g.t->running = g.t->first;
	assert_false(part_begin(g.t, &none, NULL));
	g.t->running = NULL;
	part_end(g.t);
	assert_string_equal(g.r->text, "body <> a\nbody <> b\nbody <> c\n");
	rig_close(&g);
}

/* ---- hints ----------------------------------------------------------------------------------------------
 */

static void test_hints(void **state)
{
	struct rig g;
	char longer[2000];
	struct part_hint hint = {
	        .name = SLICE("a.txt"), .transfer = SLICE("base64"), .type = SLICE("text/plain")};

	(void)state;
	rig_open(&g, (struct content_limits){.depth = 64});
	assert_true(part_begin_as(g.t, &bracket_ops, &none, NULL));
	g.t->running = g.t->first;
	assert_true(part_begin(g.t, &none, &hint));
	feed(&g, "aGVsbG8sIHlvdQ==");
	part_end(g.t);
	/* long names are cut; a type that decides opens the part at once */
	memset(longer, 'n', sizeof(longer));
	hint = (struct part_hint){
	        .name = slice_of(longer, sizeof(longer)), .type = SLICE("multipart/mixed; boundary=x")};
	assert_true(part_begin(g.t, &none, &hint));
	assert_ptr_equal(g.t->newest->ops, &multipart_ops);
	feed(&g, "--x\r\n\r\nin it\r\n--x--");
	part_end(g.t);
	/* unknown codings: the part alone is not read */
	hint = (struct part_hint){.codings = SLICE("rot13"), .name = SLICE("b")};
	assert_true(part_begin(g.t, &none, &hint));
	feed(&g, "\x93\x12\xf0\x01\x9c\xee\x03\xb2");
	part_end(g.t);
	hint = (struct part_hint){.text = true};
	assert_true(part_begin(g.t, &none, &hint));
	feed(&g, "[1,2] and \x01\x02");
	part_end(g.t);
	g.t->running = NULL;
	part_end(g.t);
	assert_string_equal(g.r->text, "body <> hello, you\npart[0] <> in it\nbody <> [1,2] and \x01\x02\n");
	assert_int_equal(g.r->n_files, 6 + NEST_NAME_MAX + 1 + 2);
	assert_int_equal(g.t->emit.skip, CONTENT_UNSUPPORTED);
	rig_close(&g);
}

static void test_prefixes(void **state)
{
	struct prefix p, q;
	char name[600];

	(void)state;
	prefix_add(&p, &none, "part", 4);
	prefix_add(&q, &p, "invoice", 7);
	prefix_add_index(&p, &q, "page", 12);
	assert_int_equal(p.n, 21);
	assert_memory_equal(p.text, "part.invoice.page[12]", 21);
	assert_memory_equal(p.text + p.key_at, "invoice", p.key_len);
	assert_int_equal(p.key_len, 7);
	prefix_mark(&q, &p, "base64");
	assert_memory_equal(q.text, "part.invoice.page[12](base64)", q.n);
	prefix_add_index(&q, &none, "part", UINT32_MAX);
	assert_memory_equal(q.text, "part[4294967295]", q.n);
	/* the front of a long one goes, and the key with it only when it is in front */
	memset(name, 'x', sizeof(name));
	name[599] = 'y';
	prefix_add(&q, &p, name, 600);
	assert_int_equal(q.n, CONTENT_PATH_MAX);
	assert_memory_equal(q.text, "...xxx", 6);
	assert_int_equal(q.text[q.n - 1], 'y');
	assert_true(q.key_at + q.key_len <= q.n);
	prefix_mark(&p, &q, "base64");
	assert_int_equal(p.n, CONTENT_PATH_MAX);
	assert_memory_equal(p.text + p.n - 9, "y(base64)", 9);
	/* names from the network hold anything */
	prefix_add(&p, &none, "a\0b", 3);
	prefix_mark(&q, &p, "x");
	assert_memory_equal(q.text, "a\0b(x)", q.n);
	assert_int_equal(q.n, 6);
}

/* ---- whole bodies ---------------------------------------------------------------------------------------
 */

/* A hundred megabytes of everything at once: the memory of one body, and all of it goes back. */
static void test_long_body(void **state)
{
	static const char unit[] =
	        "{\"messages\":[{\"role\":\"user\",\"content\":\"some words\\nand more of "
	        "them\"},{\"arguments\":"
	        "\"{\\\"k\\\":[\\\"v\\\",{\\\"data\\\":"
	        "\\\"VGhlIGtleSBpbiB0aGUgZmlsZSBpcyBub3cgQUtJQUlPU0ZPRE5ON0VYQU1Q"
	        "TEU=\\\"}]}\"},{\"url\":\"data:text/plain;base64,aGVsbG8sIHlvdQ==\"},4111111111111111]}\n";
	struct rig g;
	struct tally got = {0};
	static char block[1 << 16];
	size_t n = 0;

	(void)state;
	while (n + strlen(unit) < sizeof(block))
		n = (size_t)(stpcpy(block + n, unit) - block);
	rig_open(&g, (struct content_limits){.depth = 64});
	g.t->emit.out = (struct text_sink){&got, tally_field, tally_text, tally_end, NULL};
	assert_true(part_begin(g.t, &none, &(struct part_hint){.type = SLICE("application/json")}));
	for (size_t fed = 0; fed < 100u << 20; fed += n)
		part_feed(g.t, (const uint8_t *)block, n);
	assert_true(g.t->memory <= 8 * NEST_ROOM_SMALL);
	assert_true(pool_peak(g.rooms.small) <= 8);
	assert_int_equal(pool_peak(g.rooms.large), 0);
	part_end(g.t);
	assert_true(got.text > 40u << 20);
	assert_int_equal(got.cut, 0);
	/* parts come with the bytes of a body: the last is read as the first */
	assert_int_equal(g.t->emit.skip, 0);
	assert_true(g.t->parts > NEST_PARTS_MAX);
	rig_close(&g);
}

/* The usual body needs nothing but its own block. */
static void test_small_body(void **state)
{
	struct rig g;

	(void)state;
	rig_open(&g, (struct content_limits){.depth = 64});
	assert_true(part_begin(g.t, &none, &(struct part_hint){.type = SLICE("application/json")}));
	feed(&g, "{\"messages\":[{\"role\":\"user\",\"content\":\"a question, and more than sixty-four bytes "
	         "of it\"}]}");
	assert_int_equal(pool_peak(g.rooms.small), 0);
	part_end(g.t);
	rig_close(&g);
	assert_true(sizeof(struct nest) + NEST_ROOM_OWN < 8192);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_brackets),
	        cmocka_unit_test(test_memory_goes_with_the_part),
	        cmocka_unit_test(test_memory_ends),
	        cmocka_unit_test(test_alloc),
	        cmocka_unit_test(test_depth_ends),
	        cmocka_unit_test(test_parts_end),
	        cmocka_unit_test(test_bombs_by_ratio),
	        cmocka_unit_test(test_bombs_by_ratio_of_all),
	        cmocka_unit_test(test_bombs_between_codings),
	        cmocka_unit_test(test_bombs_by_number),
	        cmocka_unit_test(test_charge),
	        cmocka_unit_test(test_hints),
	        cmocka_unit_test(test_prefixes),
	        cmocka_unit_test(test_long_body),
	        cmocka_unit_test(test_small_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
