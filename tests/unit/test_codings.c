/* test_codings.c - codings against the encoders of zlib, brotli and zstd: every border, every label, what is
 * cut off or changed, and what takes too much. */
#include "tests/unit/coders.h"

#include "classify/content/content.h"

#include <stdint.h>
#include <stdio.h>

#define MEMORY (64u << 20)
#define TEXT   (1u << 20)

static struct coding_memory *memory;

/* ---- what came out ---- */

struct got {
	uint8_t *p;             /* may be NULL: only counted */
	size_t n, cap, stop_at; /* stop_at: no more is wanted, 0: never */
	unsigned why;
};

static bool take(void *arg, const uint8_t *p, size_t n)
{
	struct got *g = arg;

	assert_true(n > 0);
	if (g->p) {
		assert_true(n <= g->cap - g->n);
		memcpy(g->p + g->n, p, n);
	}
	g->n += n;
	return !g->stop_at || g->n < g->stop_at;
}

static unsigned feed(struct coding *c, const uint8_t *p, size_t n, struct got *g)
{
	uint8_t *copy = malloc(n ? n : 1);
	unsigned why;

	memcpy(copy, p, n);
	why = coding_feed(c, copy, n, take, g);
	free(copy);
	return why;
}

/* In pieces of `step` bytes, the first one of `cut` (0: `step` too), each in a heap block of its size. */
static void undo(
        struct got *g, const char *label, unsigned ratio, const uint8_t *p, size_t n, size_t cut, size_t step)
{
	struct coding c;
	size_t before = coding_memory_used(memory);

	g->n = 0;
	g->why = 0;
	coding_init(&c, coding_by_name(slice_of(label, strlen(label))), ratio, memory);
	for (size_t at = 0; at < n && !g->why;) {
		size_t some = at || !cut ? step : cut;

		some = some < n - at ? some : n - at;
		g->why = feed(&c, p + at, some, g);
		at += some;
	}
	if (!g->why)
		g->why = coding_end(&c, take, g);
	coding_clear(&c);
	coding_clear(&c);
	assert_int_equal(coding_memory_used(memory), before);
}

static void check(struct got *g, const char *label, const uint8_t *z, size_t len, const void *text, size_t n)
{
	static const size_t steps[] = {SIZE_MAX, 1, 7, 1000, 65536};

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if (len / steps[i] > 300000)
			continue;
		undo(g, label, 0, z, len, 0, steps[i]);
		assert_int_equal(g->why, 0);
		assert_int_equal(g->n, n);
		assert_memory_equal(g->p, text, n);
	}
}

/* ---- texts ---- */

/* xorshift64* (Vigna 2016) */
static uint32_t random32(void)
{
	static uint64_t x = 1;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return (uint32_t)(x * 2685821657736338717u >> 32);
}

/* 0: a chat as clients send it, 1: bytes without any order, 2: one letter, 3: some order */
static void fill(uint8_t *p, size_t n, unsigned kind)
{
	static const char *const words[] = {"{\"role\":\"user\",\"content\":\"", "the ", "contract ", "with ",
	        "\\n", "please ", "check ", "\"},", "4111 1111 1111 1111 ", "Stra\u00dfe "};
	size_t i = 0;

	while (i < n) {
		const char *w = words[random32() % 10];
		size_t len = strlen(w) < n - i ? strlen(w) : n - i;

		if (kind == 0) {
			memcpy(p + i, w, len);
			i += len;
		} else {
			p[i] = (uint8_t)(kind == 1 ? random32() : kind == 2 ? 'a' : random32() % 7 + i % 50);
			i++;
		}
	}
}

static void test_oracles(void **state)
{
	static const size_t sizes[] = {0, 1, 2, 5, 63, 64, 65, 300, 5000, 140000};
	struct got g = {.p = malloc(TEXT), .cap = TEXT};
	uint8_t *text = malloc(TEXT), *z = malloc(2 * TEXT);

	(void)state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (unsigned kind = 0; kind < 4; kind++) {
			fill(text, sizes[s], kind);
			for (size_t i = 0; i < N_CODERS; i++) {
				size_t n = coders[i].encode(text, sizes[s], z, 2 * TEXT);

				check(&g, coders[i].name, z, n, text, sizes[s]);
			}
		}
	free(g.p);
	free(text);
	free(z);
}

static void test_every_border(void **state)
{
	struct got g = {.p = malloc(TEXT), .cap = TEXT};
	uint8_t text[600], z[2000];

	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		fill(text, sizeof(text), kind);
		for (size_t i = 0; i < N_CODERS; i++) {
			size_t n = coders[i].encode(text, sizeof(text), z, sizeof(z));

			for (size_t cut = 1; cut < n; cut++) {
				undo(&g, coders[i].name, 0, z, n, cut, SIZE_MAX);
				assert_int_equal(g.why, 0);
				assert_int_equal(g.n, sizeof(text));
				assert_memory_equal(g.p, text, sizeof(text));
			}
		}
	}
	free(g.p);
}

/* What is cut off gives the beginning of its text, and is said to be broken. */
static void test_prefixes(void **state)
{
	struct got g = {.p = malloc(TEXT), .cap = TEXT};
	uint8_t text[3000], z[8000];

	(void)state;
	fill(text, sizeof(text), 0);
	for (size_t i = 0; i < N_CODERS; i++) {
		bool chunked = !strcmp(coders[i].name, "aws-chunked");
		size_t n = coders[i].encode(text, sizeof(text), z, sizeof(z));

		for (size_t end = 1; end < n; end++) {
			undo(&g, coders[i].name, 200, z, end, 0, 1 + end % 100);
			if (end >= CODING_TRIAL && !(chunked && g.n == sizeof(text)))
				assert_int_equal(g.why, CONTENT_BROKEN);
			if (end >= 96) { /* aws-chunked has its first data there, the others long before */
				assert_true(g.n <= sizeof(text));
				assert_memory_equal(g.p, text, g.n);
			}
		}
	}
	free(g.p);
}

static void test_flips(void **state)
{
	struct got g = {.p = malloc(8 * TEXT), .cap = 8 * TEXT};
	uint8_t text[400], z[1000];

	(void)state;
	for (unsigned kind = 0; kind < 4; kind += 3) {
		fill(text, sizeof(text), kind);
		for (size_t i = 0; i < N_CODERS; i++) {
			size_t n = coders[i].encode(text, sizeof(text), z, sizeof(z));

			for (size_t bit = 0; bit < n * 8; bit++) {
				z[bit / 8] ^= (uint8_t)(1 << bit % 8);
				undo(&g, coders[i].name, 200, z, n, 0, 1 + bit % 90);
				z[bit / 8] ^= (uint8_t)(1 << bit % 8);
			}
		}
	}
	free(g.p);
}

/* Behind a mutation nothing need be right, but everything ends. */
static void test_mutated(void **state)
{
	struct got g = {0};
	uint8_t text[5000], good[16000], z[16000];

	(void)state;
	for (size_t i = 0; i < N_CODERS; i++)
		for (unsigned kind = 0; kind < 4; kind++) {
			size_t n, len;

			fill(text, sizeof(text), kind);
			len = coders[i].encode(text, sizeof(text), good, sizeof(good));
			for (unsigned round = 0; round < 60; round++) {
				n = len;
				memcpy(z, good, n);
				for (unsigned k = 0; k <= round % 8; k++)
					z[random32() % n] = (uint8_t)random32();
				if (round % 3 == 0)
					memmove(z + n / 2, z + n / 2 + 1, n - n / 2 - 1);
				undo(&g, coders[i].name, 200, z, n, 0, 1 + random32() % 2000);
				assert_true(g.n <= 4 * TEXT);
			}
		}
}

/* ---- labels ---- */

static void test_names(void **state)
{
	static const struct {
		const char *list;
		unsigned n;
		enum coding_kind kinds[3];
	} rows[] = {
	        {"", 0, {0}},
	        {"identity", 0, {0}},
	        {" GZip ", 1, {CODING_GZIP}},
	        {"gzip, br", 2, {CODING_BROTLI, CODING_GZIP}},
	        {"identity,x-gzip,\tdeflate ,,zstd", 3, {CODING_ZSTD, CODING_DEFLATE, CODING_GZIP}},
	        {"gzip,gzip,gzip,gzip", 4, {0}},
	        {"aws-chunked", 1, {CODING_AWS_CHUNKED}},
	        {"aws-chunked,gzip", 2, {CODING_AWS_CHUNKED, CODING_GZIP}},
	        {"br, gzip, aws-chunked", 3, {CODING_AWS_CHUNKED, CODING_GZIP, CODING_BROTLI}},
	        {"compress, exi", 2, {CODING_UNKNOWN, CODING_COMPRESS}},
	};
	enum coding_kind kinds[CODINGS_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(coding_list(slice_of(rows[i].list, strlen(rows[i].list)), kinds), rows[i].n);
		for (unsigned k = 0; k < rows[i].n && k < CODINGS_MAX; k++)
			if (rows[i].n <= CODINGS_MAX)
				assert_int_equal(kinds[k], rows[i].kinds[k]);
	}
	assert_int_equal(coding_by_magic((const uint8_t *)"\x1f\x8b\x08\x00", 4), CODING_GZIP);
	assert_int_equal(coding_by_magic((const uint8_t *)"\x1f\x8b\x08\xe0", 4), CODING_NONE);
	assert_int_equal(coding_by_magic((const uint8_t *)"\x28\xb5\x2f\xfd", 4), CODING_ZSTD);
	assert_int_equal(coding_by_magic((const uint8_t *)"\x5a\x2a\x4d\x18", 4), CODING_ZSTD);
	assert_int_equal(coding_by_magic((const uint8_t *)"\x28\xb5\x2f", 3), CODING_NONE);
}

/* Every body under every label: text comes through, and gzip and zstd are known by themselves. */
static void test_false_labels(void **state)
{
	static const char *const labels[] = {
	        "gzip", "deflate", "br", "zstd", "aws-chunked", "compress", "aes128gcm"};
	static const char *const texts[] = {"{\"prompt\":\"short\"}", "[1,2]", "{}", "[", "\"", "a",
	        "plain words that a client sends under any label it likes, and there are many of them",
	        "[{\"role\":\"user\",\"content\":\"a list under a label, long enough to be tried\"}]"};
	struct got g = {.p = malloc(TEXT), .cap = TEXT};
	uint8_t z[2000], text[600];

	(void)state;
	fill(text, sizeof(text), 0);
	for (size_t l = 0; l < sizeof(labels) / sizeof(labels[0]); l++) {
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
			if (l == 4 && i == 5)
				continue; /* "a" may be a chunk's length */
			check(&g, labels[l], (const uint8_t *)texts[i], strlen(texts[i]), texts[i],
			        strlen(texts[i]));
		}
		for (size_t i = 0; i < N_CODERS; i++) {
			size_t n = coders[i].encode(text, sizeof(text), z, sizeof(z));

			if (coding_by_magic(z, n) != CODING_NONE)
				check(&g, labels[l], z, n, text, sizeof(text));
		}
	}
	undo(&g, "compress", 0, (const uint8_t *)"\x1f\x9d\x90\x61\x62", 5, 0, 1);
	assert_int_equal(g.why, CONTENT_UNSUPPORTED);
	undo(&g, "aes128gcm", 0, (const uint8_t *)"\x01\x02\x03", 3, 0, 1);
	assert_int_equal(g.why, CONTENT_UNSUPPORTED);
	free(g.p);
}

/* No text of ours decodes by chance, however it is cut. */
static void test_text_is_no_brotli(void **state)
{
	struct got g = {.p = malloc(TEXT), .cap = TEXT};
	uint8_t text[300];

	(void)state;
	for (unsigned round = 0; round < 3000; round++) {
		size_t n = 3 + random32() % (sizeof(text) - 3);

		for (size_t i = 0; i < n; i++)
			text[i] = (uint8_t)(' ' + random32() % 95);
		undo(&g, round & 1 ? "br" : "deflate", 200, text, n, 0, 64);
		if (g.n != n || memcmp(g.p, text, n) != 0)
			assert_true(n < 8); /* a few letters may be a whole stream */
	}
	free(g.p);
}

/* ---- streams one behind the other ---- */

static size_t skippable(uint8_t *out, uint32_t n)
{
	memcpy(out, "\x53\x2a\x4d\x18", 4);
	for (unsigned i = 0; i < 4; i++)
		out[4 + i] = (uint8_t)(n >> 8 * i);
	memset(out + 8, 'S', n);
	return n + 8;
}

static void test_members(void **state)
{
	struct got g = {.p = malloc(TEXT), .cap = TEXT};
	uint8_t z[1000];
	size_t n = coder_gzip9("hello ", 6, z, sizeof(z));

	(void)state;
	n += coder_gzip0("wide ", 5, z + n, sizeof(z) - n);
	n += coder_gzip1("world", 5, z + n, sizeof(z) - n);
	check(&g, "gzip", z, n, "hello wide world", 16);
	memset(z + n, 0, 3);
	check(&g, "gzip", z, n + 3, "hello wide world", 16);
	z[n] = 'x';
	undo(&g, "gzip", 0, z, n + 1, 0, 10);
	assert_int_equal(g.why, CONTENT_BROKEN);
	assert_int_equal(g.n, 16);

	n = skippable(z, 100);
	n += coder_zstd3("hello ", 6, z + n, sizeof(z) - n);
	n += skippable(z + n, 0);
	n += coder_zstd1("wide ", 5, z + n, sizeof(z) - n);
	n += coder_zstd1("", 0, z + n, sizeof(z) - n);
	n += coder_zstd19("world", 5, z + n, sizeof(z) - n);
	n += skippable(z + n, 70);
	check(&g, "zstd", z, n, "hello wide world", 16);
	check(&g, "br", z, n, "hello wide world", 16); /* under a false label too */
	undo(&g, "zstd", 0, z, n - 1, 0, 10);
	assert_int_equal(g.why, CONTENT_BROKEN);
	memcpy(z + n, "\x28\xb5\x2f", 3);
	undo(&g, "zstd", 0, z, n + 3, 0, 10);
	assert_int_equal(g.why, CONTENT_BROKEN);
	/* a format of before 1.0, which the library would read with memory of its own */
	memcpy(z + n, "\x27\xb5\x2f\xfd\0\0\0\0", 8);
	undo(&g, "zstd", 0, z, n + 8, 0, 10);
	assert_int_equal(g.why, CONTENT_BROKEN);
	assert_int_equal(g.n, 16);

	n = coder_br5("hello", 5, z, sizeof(z));
	z[n] = 0;
	undo(&g, "br", 0, z, n + 1, 0, 1);
	assert_true(g.why == CONTENT_BROKEN || !memcmp(g.p, z, n + 1));
	free(g.p);
}

/* ---- limits ---- */

static void bomb(const char *label, const uint8_t *z, size_t n)
{
	struct got g = {0};

	undo(&g, label, 200, z, n, 0, 1400);
	assert_int_equal(g.why, CONTENT_LIMIT);
	/* what one window holds may be out before it is weighed */
	assert_true(g.n <= (17u << 20));
	undo(&g, label, 0, z, n, 0, 1400);
	assert_int_equal(g.why, 0);
	assert_true(g.n == 20u << 20);
}

static void test_bombs(void **state)
{
	size_t n = 20u << 20, cap = 1 << 20;
	uint8_t *zeros = calloc(1, n), *z = malloc(cap);

	(void)state;
	bomb("gzip", z, coder_gzip9(zeros, n, z, cap));
	bomb("deflate", z, coder_zlib6(zeros, n, z, cap));
	bomb("deflate", z, coder_raw6(zeros, n, z, cap));
	bomb("br", z, coder_br5(zeros, n, z, cap));
	bomb("br", z, coder_br11s(zeros, n, z, cap));
	bomb("zstd", z, coder_zstd3(zeros, n, z, cap));
	bomb("zstd", z, coder_zstd10(zeros, n, z, cap));
	free(zeros);
	free(z);
}

static void test_no_more_wanted(void **state)
{
	struct got g = {.stop_at = 100000};
	uint8_t *text = malloc(TEXT), *z = malloc(2 * TEXT);

	(void)state;
	fill(text, TEXT / 8, 0);
	for (size_t i = 0; i < N_CODERS; i++) {
		undo(&g, coders[i].name, 0, z, coders[i].encode(text, TEXT / 8, z, TEXT), 0, 5000);
		assert_int_equal(g.why, CONTENT_LIMIT);
		assert_true(g.n >= 100000 && g.n < 100000 + CODING_OUT);
	}
	free(text);
	free(z);
}

/* RFC 9659: no window over 8 MiB. */
static void test_zstd_window(void **state)
{
	size_t n = 12u << 20, cap = n + (n >> 7), len;
	uint8_t *text = malloc(n), *z = malloc(cap);
	struct got g = {0};

	(void)state;
	fill(text, n, 1);
	len = coder_zstd(3, 23, false, text, n, z, cap);
	undo(&g, "zstd", 200, z, len, 0, 60000);
	assert_int_equal(g.why, 0);
	assert_int_equal(g.n, n);
	len = coder_zstd(3, 24, false, text, n, z, cap);
	undo(&g, "zstd", 200, z, len, 0, 60000);
	assert_int_equal(g.why, CONTENT_LIMIT);
	assert_int_equal(g.n, 0);
	free(text);
	free(z);
}

/* A frame that wants a dictionary cannot be read. */
static void test_zstd_dictionary(void **state)
{
	static const uint8_t frame[] = {
	        0x28, 0xb5, 0x2f, 0xfd, 0x21, 0x99, 5, 0x29, 0, 0, 'h', 'e', 'l', 'l', 'o'};
	struct got g = {0};

	(void)state;
	undo(&g, "zstd", 0, frame, sizeof(frame), 0, SIZE_MAX);
	assert_int_equal(g.why, CONTENT_UNSUPPORTED);
}

/* Windows are taken from the account, refused when it is full, and leave room for gzip. */
static void test_account(void **state)
{
	struct coding_memory *own = memory;
	struct coding c[64], small;
	size_t n = 12u << 20, cap = 16u << 20, len, open = 0;
	uint8_t *text = malloc(n), *z = malloc(cap), gz[1000];
	struct got g = {0};
	unsigned why = 0;

	(void)state;
	fill(text, n, 1);
	memory = coding_memory_create(32u << 20);
	for (int kind = 0; kind < 2; kind++) {
		len = kind ? coder_zstd(1, 22, false, text, n, z, cap) : coder_brotli(1, 24, text, n, z, cap);
		for (open = 0, why = 0; open < 64 && !why; open++) {
			coding_init(&c[open], kind ? CODING_ZSTD : CODING_BROTLI, 0, memory);
			why = coding_feed(&c[open], z, len / 2, take, &g);
		}
		assert_int_equal(why, CONTENT_LIMIT);
		assert_true(open > 1 && open < 20);
		assert_true(coding_memory_refused(memory) > 0);
		assert_true(coding_memory_used(memory) <= 24u << 20);
		coding_init(&small, CODING_GZIP, 0, memory);
		assert_int_equal(
		        coding_feed(&small, gz, coder_gzip9(text, 600, gz, sizeof(gz)), take, &g), 0);
		assert_int_equal(coding_end(&small, take, &g), 0);
		coding_clear(&small);
		while (open--)
			coding_clear(&c[open]);
		assert_int_equal(coding_memory_used(memory), 0);
	}
	assert_true(coding_memory_peak(memory) >= 16u << 20);
	coding_memory_destroy(memory);
	assert_null(coding_memory_create(1000));
	memory = own;
	free(text);
	free(z);
}

/* Pieces of all sizes in any order never overlap, and all come back. */
static void test_memory(void **state)
{
	struct coding_memory *m = coding_memory_create(8u << 20);
	struct {
		uint8_t *p;
		size_t n;
	} piece[200] = {{0}};

	(void)state;
	for (unsigned round = 0; round < 50000; round++) {
		unsigned i = random32() % 200;

		if (piece[i].p) {
			for (size_t k = 0; k < piece[i].n; k += 4096)
				assert_int_equal(piece[i].p[k], i);
			assert_int_equal(piece[i].p[piece[i].n - 1], i);
			coding_memory_put(m, piece[i].p);
			piece[i].p = NULL;
			continue;
		}
		piece[i].n = random32() % 8 ? 1 + random32() % 40000 : 1 + random32() % 500000;
		piece[i].p = coding_memory_get(m, piece[i].n);
		assert_int_equal((uintptr_t)piece[i].p % 4096, 0);
		for (size_t k = 0; piece[i].p && k < piece[i].n; k += 4096)
			piece[i].p[k] = (uint8_t)i;
		if (piece[i].p)
			piece[i].p[piece[i].n - 1] = (uint8_t)i;
	}
	assert_true(coding_memory_refused(m) > 0);
	for (unsigned i = 0; i < 200; i++)
		coding_memory_put(m, piece[i].p);
	assert_int_equal(coding_memory_used(m), 0);
	assert_null(coding_memory_get(m, 7u << 20)); /* large ones leave a quarter alone */
	assert_non_null(coding_memory_get(m, 6u << 20));
	assert_null(coding_memory_get(m, SIZE_MAX));
	coding_memory_destroy(m);
}

/* ---- aws-chunked ---- */

static void test_aws_chunked(void **state)
{
	static const struct {
		const char *body, *text;
		unsigned why;
	} rows[] = {
	        {"5;chunk-signature=ab\r\nhello\r\n0;chunk-signature=cd\r\n\r\n", "hello", 0},
	        {"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAA==\r\n\r\n", "hello world", 0},
	        {"00000000000005\r\nhello\r\n0\r\n\r\n", "hello", 0},
	        {"5\r\nhello\r\n", "hello", CONTENT_BROKEN},
	        {"5\r\nhelloXX", "hello", CONTENT_BROKEN},
	        {"5\r\nhello\r\nzz\r\n", "hello", CONTENT_BROKEN},
	        {"ffffffffffffffff\r\nhello", "hello", CONTENT_BROKEN},
	        {"5\r\nhello\r\n10000000000000000\r\n", "hello", CONTENT_BROKEN},
	        {"5;no end of the first line", "", CONTENT_BROKEN},
	        {"5 is no length", "5 is no length", 0},
	        {"hello", "hello", 0},
	};
	struct got g = {.p = malloc(TEXT), .cap = TEXT};
	struct coding c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (size_t step = 1; step <= strlen(rows[i].body); step++) {
			undo(&g, "aws-chunked", 200, (const uint8_t *)rows[i].body, strlen(rows[i].body), 0,
			        step);
			assert_int_equal(g.why, rows[i].why);
			assert_int_equal(g.n, strlen(rows[i].text));
			assert_memory_equal(g.p, rows[i].text, g.n);
		}
	/* a gap inside a chunk is a gap of its text; one over a border ends it */
	for (int over = 0; over < 2; over++) {
		g.n = 0;
		coding_init(&c, CODING_AWS_CHUNKED, 0, memory);
		assert_int_equal(coding_feed(&c, (const uint8_t *)"a\r\nhell", 7, take, &g), 0);
		assert_int_equal(coding_gap(&c, over ? 7 : 4, take, &g), over ? CONTENT_GAP : 0);
		if (!over) {
			assert_int_equal(coding_feed(&c, (const uint8_t *)"go\r\n0\r\n\r\n", 9, take, &g), 0);
			assert_int_equal(coding_end(&c, take, &g), 0);
			assert_int_equal(g.n, 6);
			assert_memory_equal(g.p, "hellgo", 6);
		}
		coding_clear(&c);
	}
	free(g.p);
}

static void test_gaps(void **state)
{
	struct got g = {.p = malloc(TEXT), .cap = TEXT};
	uint8_t text[600], z[2000];
	struct coding c;

	(void)state;
	fill(text, sizeof(text), 1);
	for (size_t i = 0; i + 1 < N_CODERS; i++) {
		size_t n = coders[i].encode(text, sizeof(text), z, sizeof(z));

		for (size_t at = 0; at < n; at += 1 + at / 4) {
			g.n = 0;
			coding_init(&c, coding_by_name(slice_of(coders[i].name, strlen(coders[i].name))), 0,
			        memory);
			assert_int_equal(feed(&c, z, at, &g), 0);
			if (at > 8)
				assert_int_equal(coding_gap(&c, 3, take, &g), CONTENT_GAP);
			coding_clear(&c);
		}
	}
	g.n = 0;
	coding_init(&c, CODING_ZSTD, 0, memory);
	assert_int_equal(feed(&c, (const uint8_t *)"as it is", 8, &g), 0);
	assert_int_equal(coding_gap(&c, 3, take, &g), 0);
	assert_int_equal(feed(&c, (const uint8_t *)", still", 7, &g), 0);
	assert_memory_equal(g.p, "as it is, still", 15);
	coding_clear(&c);
	free(g.p);
}

static int setup(void **state)
{
	(void)state;
	memory = coding_memory_create(MEMORY);
	return memory ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	coding_memory_destroy(memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_oracles),
	        cmocka_unit_test(test_every_border),
	        cmocka_unit_test(test_prefixes),
	        cmocka_unit_test(test_flips),
	        cmocka_unit_test(test_mutated),
	        cmocka_unit_test(test_names),
	        cmocka_unit_test(test_false_labels),
	        cmocka_unit_test(test_text_is_no_brotli),
	        cmocka_unit_test(test_members),
	        cmocka_unit_test(test_bombs),
	        cmocka_unit_test(test_no_more_wanted),
	        cmocka_unit_test(test_zstd_window),
	        cmocka_unit_test(test_zstd_dictionary),
	        cmocka_unit_test(test_account),
	        cmocka_unit_test(test_memory),
	        cmocka_unit_test(test_aws_chunked),
	        cmocka_unit_test(test_gaps),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
