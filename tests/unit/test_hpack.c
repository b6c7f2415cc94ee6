/* test_hpack.c - header compression against nghttp2's own encoder, the specification's examples, and what a
 * passive reader adds: tables that are not known. */
#include "classify/http/hpack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static struct pool *blocks, *bigs;
static char log_text[1 << 20];
static size_t log_n;

static int set_up(void **state)
{
	(void)state;
	blocks = pool_create(8192, 64);
	bigs = pool_create(65536 + 4096, 16);
	arena_init(&arena, blocks, 64);
	arena_use_big(&arena, bigs);
	log_n = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_clear(&arena);
	pool_destroy(blocks);
	pool_destroy(bigs);
	return 0;
}

/* name: value, `?' for what is not known */
static void note(void *arg, const struct hpack_field *f)
{
	(void)arg;
	log_n += (size_t)snprintf(log_text + log_n, sizeof(log_text) - log_n, "%.*s: %.*s\n",
	        (int)(f->name_known ? f->name_n : 1), f->name_known ? f->name : "?",
	        (int)(f->value_known ? f->value_n : 1), f->value_known ? f->value : "?");
	assert_true(log_n < sizeof(log_text));
}

static int feed(struct hpack *h, const void *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* of the exact size, so that a read past its end is seen */
	int rc;

	memcpy(copy, p, n);
	log_n = 0;
	log_text[0] = '\0';
	rc = hpack_block(h, copy, n, note, NULL);
	free(copy);
	return rc;
}

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t n = 0;

	for (unsigned v; sscanf(hex, "%2x", &v) == 1; hex += 2)
		out[n++] = (uint8_t)v;
	return n;
}

/* RFC 7541 C.4 and C.6: requests and responses in Huffman code, one table through all of them. */
static void specification(void **state)
{
	static const struct {
		const char *hex, *fields;
	} requests[] = {{"828684418cf1e3c2e5f23a6ba0ab90f4ff",
	                        ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n"},
	        {"828684be5886a8eb10649cbf", ":method: GET\n:scheme: http\n:path: /\n:authority: "
	                                     "www.example.com\ncache-control: no-cache\n"},
	        {"828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
	                ":method: GET\n:scheme: https\n:path: /index.html\n:authority: "
	                "www.example.com\ncustom-key: custom-value\n"}};
	struct hpack *h = hpack_open(&arena);
	uint8_t b[256];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(feed(h, b, unhex(requests[i].hex, b)), 0);
		assert_string_equal(log_text, requests[i].fields);
	}
}

static uint32_t next_random(uint32_t *s)
{
	return *s = *s * 1664525u + 1013904223u;
}

#define FIELDS_MAX 24

struct oracle {
	nghttp2_hd_deflater *d;
	nghttp2_nv nv[FIELDS_MAX];
	size_t count;
	char values[FIELDS_MAX][3000];
	uint8_t out[1 << 17];
	size_t n;
};

/* A block of random fields from a small vocabulary, some long, some binary, some never to be indexed. */
static void encode(struct oracle *o, uint32_t *seed)
{
	static const char *const names[] = {":method", ":path", "cookie", "x-api-key", "content-type",
	        "accept", "x-long", "user-agent", "x-a", "x-b"};
	ssize_t n;

	o->count = 1 + (next_random(seed) >> 8) % FIELDS_MAX;
	for (size_t i = 0; i < o->count; i++) {
		size_t len = (next_random(seed) >> 8) % ((next_random(seed) >> 8) % 10 ? 24 : 2900);
		const char *name = names[(next_random(seed) >> 8) % 10];
		uint32_t kind = (next_random(seed) >> 8) % 4;

		for (size_t k = 0; k < len; k++)
			o->values[i][k] = (char)(kind ? 'a' + (next_random(seed) >> 8) % (kind == 1 ? 3 : 26)
			                              : 1 + (next_random(seed) >> 8) % 255);
		o->nv[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)o->values[i], strlen(name),
		        len, (next_random(seed) >> 8) % 8 ? 0 : NGHTTP2_NV_FLAG_NO_INDEX};
	}
	n = nghttp2_hd_deflate_hd(o->d, o->out, sizeof(o->out), o->nv, o->count);
	assert_true(n > 0);
	o->n = (size_t)n;
}

/* Each field in its turn: what is known is right. */
struct compared {
	const struct oracle *o;
	size_t i, unknown, beyond;
};

static void compare(void *arg, const struct hpack_field *f)
{
	struct compared *c = arg;
	const nghttp2_nv *nv = &c->o->nv[c->i++];

	assert_true(c->i <= c->o->count);
	if (f->name_known)
		assert_true(f->name_n == nv->namelen && !memcmp(f->name, nv->name, f->name_n));
	if (f->value_known)
		assert_true(f->value_n == nv->valuelen && !memcmp(f->value, nv->value, f->value_n));
	if (nv->flags & NGHTTP2_NV_FLAG_NO_INDEX)
		assert_true(
		        f->never_indexed); /* so are short cookies and the like, by nghttp2's own judgement */
	c->unknown += !f->name_known || !f->value_known;
	c->beyond += f->beyond;
	assert_true(!f->beyond || !f->value_known);
}

/* Fields of the block that are not known in part. */
static struct compared read_block(struct hpack *h, const struct oracle *o)
{
	struct compared c = {.o = o};
	uint8_t *copy = malloc(o->n);

	assert_non_null(copy);
	memcpy(copy, o->out, o->n);
	assert_int_equal(hpack_block(h, copy, o->n, compare, &c), 0);
	free(copy);
	assert_int_equal(c.i, o->count);
	return c;
}

/* Tables of every size, also ones larger than we keep: of those the oldest entries are not known. */
static void agrees_with_nghttp2(void **state)
{
	static const size_t sizes[] = {4096, 0, 256, 16384, 40000, 65536, 200000};
	struct oracle *o = malloc(sizeof(*o));
	uint32_t seed = 7;

	(void)state;
	for (size_t k = 0; k < 7; k++) {
		struct hpack *h = hpack_open(&arena);
		size_t unknown = 0, beyond = 0;

		nghttp2_hd_deflate_new(&o->d, sizes[k] > 4096 ? sizes[k] : 4096);
		nghttp2_hd_deflate_change_table_size(o->d, sizes[k]);
		for (int i = 0; i < 300; i++) {
			struct compared c;

			encode(o, &seed);
			c = read_block(h, o);
			unknown += c.unknown;
			beyond += c.beyond;
		}
		assert_true(sizes[k] > HPACK_TABLE_MAX ? unknown > 0 : unknown == 0);
		assert_int_equal(beyond > 0, unknown > 0);
		nghttp2_hd_deflate_del(o->d);
	}
	free(o);
}

/* 4.2, 4.3: the size of the table changes again and again. */
static void the_table_changes(void **state)
{
	struct oracle *o = malloc(sizeof(*o));
	struct hpack *h = hpack_open(&arena);
	uint32_t seed = 41;

	(void)state;
	nghttp2_hd_deflate_new(&o->d, 65536);
	for (int i = 0; i < 2000; i++) {
		if ((next_random(&seed) >> 8) % 5 == 0) {
			static const size_t to[] = {0, 31, 32, 100, 1000, 4096, 5000, 16384, 65535, 65536};

			for (uint32_t k = (next_random(&seed) >> 8) % 3; k < 3; k++)
				nghttp2_hd_deflate_change_table_size(
				        o->d, to[(next_random(&seed) >> 8) % 10]);
		}
		encode(o, &seed);
		assert_int_equal(read_block(h, o).unknown, 0);
	}
	nghttp2_hd_deflate_del(o->d);
	free(o);
}

/* Begins late: fields that refer to what was missed are not known, none is wrong, and after the table has
 * turned over all are known again. */
static void begins_late(void **state)
{
	struct oracle *o = malloc(sizeof(*o));
	size_t early = 0;

	(void)state;
	for (uint32_t seed = 90; seed < 110; seed++) {
		uint32_t s = seed;
		struct hpack *h = hpack_open(&arena);

		nghttp2_hd_deflate_new(&o->d, 4096);
		for (uint32_t i = 0; i < seed; i++)
			encode(o, &s);
		hpack_lost(h);
		for (int i = 0; i < 300; i++) {
			encode(o, &s);
			if (i < 100)
				early += read_block(h, o).unknown;
			else
				assert_int_equal(read_block(h, o).unknown, 0);
		}
		nghttp2_hd_deflate_del(o->d);
	}
	assert_true(early > 100);
	free(o);
}

/* Parts of the conversation are missing, every now and then. */
static void gaps(void **state)
{
	struct oracle *o = malloc(sizeof(*o));
	struct hpack *h = hpack_open(&arena);
	uint32_t seed = 3;
	size_t known = 0, unknown = 0;

	(void)state;
	nghttp2_hd_deflate_new(&o->d, 16384);
	for (int i = 0; i < 2000; i++) {
		encode(o, &seed);
		if (i % 40 == 39) {
			hpack_lost(h);
			continue;
		}
		unknown += read_block(h, o).unknown;
		known += o->count;
	}
	assert_true(unknown > 0 && unknown < known / 4);
	nghttp2_hd_deflate_del(o->d);
	free(o);
}

/* A table that no memory holds: fields are known or not, never wrong. */
static void no_memory(void **state)
{
	struct oracle *o = malloc(sizeof(*o));
	struct arena small;
	struct hpack *h;
	uint32_t seed = 77;

	(void)state;
	arena_init(&small, blocks, 1);
	h = hpack_open(&small);
	nghttp2_hd_deflate_new(&o->d, 65536);
	nghttp2_hd_deflate_change_table_size(o->d, 65536);
	for (int i = 0; i < 300; i++) {
		encode(o, &seed);
		read_block(h, o);
	}
	nghttp2_hd_deflate_del(o->d);
	arena_clear(&small);
	free(o);
}

/* Names of the table used to make us copy: the work stays in proportion, the names are forgotten. */
static void copies_are_bounded(void **state)
{
	static uint8_t b[5000];
	struct hpack *h = hpack_open(&arena);
	size_t n = 0;

	(void)state;
	memcpy(b, "\x40\x7f\xa1\x1e", 4); /* a name of 4000 bytes */
	memset(b + 4, 'n', 4000);
	memcpy(b + 4004, "\x01v", 2);
	assert_int_equal(feed(h, b, 4006), 0);
	assert_true(log_n > 4000);
	for (n = 0; n < 5000 - 3; n += 3)
		memcpy(b + n, "\x7e\x01w", 3); /* the newest name again */
	assert_int_equal(feed(h, b, n), 0);
	assert_non_null(strstr(log_text, "n: w\n"));
	assert_non_null(strstr(log_text, "?: w\n"));
	assert_true(log_n < HPACK_COPY_FREE + HPACK_COPY_RATIO * 9006 + 20000);
}

/* Every prefix and every flipped bit of good blocks, and Huffman strings with bad ends. */
static void hostile(void **state)
{
	struct oracle *o = malloc(sizeof(*o));
	uint32_t seed = 5;

	(void)state;
	nghttp2_hd_deflate_new(&o->d, 4096);
	for (int i = 0; i < 6; i++) {
		encode(o, &seed);
		if (o->n > 400)
			o->n = 400;
		for (size_t n = 0; n <= o->n; n++) {
			struct arena a;

			arena_init(&a, blocks, 4);
			arena_use_big(&a, bigs);
			feed(hpack_open(&a), o->out, n);
			arena_clear(&a);
		}
		for (size_t bit = 0; bit < 8 * o->n; bit++) {
			struct arena a;

			arena_init(&a, blocks, 4);
			arena_use_big(&a, bigs);
			o->out[bit / 8] ^= (uint8_t)(1u << bit % 8);
			feed(hpack_open(&a), o->out, o->n);
			o->out[bit / 8] ^= (uint8_t)(1u << bit % 8);
			arena_clear(&a);
		}
	}
	nghttp2_hd_deflate_del(o->d);
	free(o);
	/* 5.2: padding of zeros, of more than 7 bits, EOS */
	assert_int_equal(hpack_huffman((const uint8_t *)"\x00", 1, NULL, 0), -1);
	assert_int_equal(hpack_huffman((const uint8_t *)"\x07", 1, NULL, 0), 1);
	assert_int_equal(hpack_huffman((const uint8_t *)"\x07\xff", 2, NULL, 0), -1);
	assert_int_equal(hpack_huffman((const uint8_t *)"\xff\xff\xff\xff", 4, NULL, 0), -1);
	/* 6.1: index 0; 5.1: an integer without an end */
	assert_int_equal(feed(hpack_open(&arena), "\x80", 1), -1);
	assert_int_equal(feed(hpack_open(&arena), "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(specification, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(agrees_with_nghttp2, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(the_table_changes, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(begins_late, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(gaps, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(no_memory, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(copies_are_bounded, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(hostile, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
