/* test_defrag.c - fragments in every order and against a plain model, overlaps, limits, expiry. */
#include "capture/defrag.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static const struct defrag_limits limits = {.datagrams = 64, .memory_mb = 1, .seconds = 30};
static uint8_t text[DATAGRAM_MAX];

static struct defrag *make(const struct defrag_limits *l)
{
	struct err e = {""};
	struct defrag *d = defrag_create(l, &e);

	assert_non_null(d);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 31 + i / 256);
	return d;
}

static struct fragment fragment(uint32_t id, uint32_t begin, uint32_t end, bool more)
{
	struct fragment f = {.id = id,
	        .version = 4,
	        .proto = 17,
	        .more = more,
	        .offset = begin,
	        .len = end - begin,
	        .p = text + begin};

	f.src.b[15] = 1;
	f.dst.b[15] = 2;
	return f;
}

/* As the decoder does for one packet; the fragment stands in a heap copy of its exact size. */
static const uint8_t *add(struct defrag *d, struct fragment f, uint32_t *len)
{
	uint8_t *copy = malloc(f.len ? f.len : 1);
	const uint8_t *out;
	uint8_t proto;

	memcpy(copy, f.p, f.len);
	f.p = copy;
	defrag_next(d, f.when_ns);
	out = defrag_add(d, &f, len, &proto);
	free(copy);
	return out;
}

static struct defrag_stats stats(const struct defrag *d)
{
	struct defrag_stats st;

	defrag_stats(d, &st);
	return st;
}

/* 5 fragments in all 120 orders, the last also with an odd length. */
static void every_order(void **state)
{
	static const uint32_t at[] = {0, 1480, 2960, 4440, 5920, 6001};
	struct defrag *d = make(&limits);
	uint32_t id = 0;

	(void)state;
	for (int a = 0; a < 3125; a++) {
		int order[5], n = a, seen = 0;
		uint32_t len = 0;

		for (int i = 0; i < 5; i++, n /= 5)
			seen |= 1 << (order[i] = n % 5);
		if (seen != 31)
			continue;
		id++;
		for (int i = 0; i < 5; i++) {
			struct fragment f = fragment(id, at[order[i]], at[order[i] + 1], order[i] < 4);
			const uint8_t *whole = add(d, f, &len);

			assert_int_equal(whole != NULL, i == 4);
			if (whole) {
				assert_int_equal(len, 6001);
				assert_memory_equal(whole, text, len);
			}
		}
	}
	assert_int_equal(id, 120);
	assert_int_equal(stats(d).completed, 120);
	assert_int_equal(stats(d).waiting, 0);
	defrag_destroy(d);
}

/* Random overlapping pieces whose bytes tell when they came: the first to cover a byte wins. */
static void first_data_wins(void **state)
{
	struct defrag *d = make(&limits);
	uint32_t seed = 1;

	(void)state;
	for (uint32_t id = 1; id <= 1000; id++) {
		static uint8_t want[4096], piece[4096];
		uint32_t size = 512 + (seed >> 9) % 3000 / 8 * 8, covered = 0, len;
		bool have[4096] = {false};
		const uint8_t *whole = NULL;

		for (int step = 1; step < 2000 && !whole; step++) {
			uint32_t begin, end;
			struct fragment f;

			seed = seed * 1664525u + 1013904223u;
			begin = (seed >> 8) % size / 8 * 8;
			seed = seed * 1664525u + 1013904223u;
			end = begin + 8 + (seed >> 8) % 400 / 8 * 8;
			end = end > size ? size : end;
			memset(piece, step % 251, sizeof(piece));
			f = fragment(id, begin, end, end < size);
			f.p = piece;
			for (uint32_t i = begin; i < end; i++)
				if (!have[i]) {
					have[i] = true;
					want[i] = (uint8_t)(step % 251);
					covered++;
				}
			whole = add(d, f, &len);
			assert_int_equal(whole != NULL, covered == size);
		}
		if (whole) {
			assert_int_equal(len, size);
			assert_memory_equal(whole, want, size);
		}
	}
	assert_true(stats(d).completed > 950);
	assert_true(stats(d).overlap_differs > 1000);
	defrag_destroy(d);
}

static void duplicates(void **state)
{
	struct defrag *d = make(&limits);
	struct fragment f;
	uint32_t len;

	(void)state;
	assert_null(add(d, fragment(1, 0, 800, true), &len));
	assert_null(add(d, fragment(1, 0, 800, true), &len));
	assert_int_equal(stats(d).duplicates, 1);
	assert_non_null(add(d, fragment(1, 800, 900, false), &len));
	/* a mirror's second copy of the last one comes behind the whole: no new datagram begins */
	assert_null(add(d, fragment(1, 800, 900, false), &len));
	assert_int_equal(stats(d).waiting, 0);
	/* ... but the identification may be used again later */
	f = fragment(1, 0, 800, true);
	f.when_ns = 60 * NS_PER_MS;
	assert_null(add(d, f, &len));
	f = fragment(1, 800, 1600, false);
	f.when_ns = 61 * NS_PER_MS;
	assert_non_null(add(d, f, &len));
	assert_int_equal(len, 1600);
	defrag_destroy(d);
}

/* What makes two fragments parts of one datagram. */
static void identity(void **state)
{
	struct defrag *d = make(&limits);
	struct fragment rest = fragment(1, 800, 900, false), f;
	uint32_t len;

	(void)state;
	for (int i = 0; i < 6; i++) {
		f = fragment(1, 0, 800, true);
		f.src.b[0] ^= i == 0;
		f.dst.b[0] ^= i == 1;
		f.network = i == 2;
		f.id += i == 3;
		f.version = i == 4 ? 6 : 4;
		f.proto = i == 5 ? 6 : 17;
		add(d, f, &len);
	}
	assert_null(add(d, rest, &len));
	assert_int_equal(stats(d).waiting, 7);
	/* RFC 8200 4.5: the protocol is no part of it in IPv6 */
	rest.version = 6;
	rest.proto = 6;
	assert_non_null(add(d, rest, &len));
	defrag_destroy(d);
}

static void not_good(void **state)
{
	struct defrag *d = make(&limits);
	uint32_t len;

	(void)state;
	assert_null(add(d, fragment(1, 0, 801, true), &len)); /* no multiple of 8 */
	assert_null(add(d, fragment(2, 8, 8, false), &len));  /* empty */
	assert_int_equal(stats(d).bad, 2);
	assert_int_equal(stats(d).waiting, 0);
	assert_non_null(add(d, fragment(3, 0, 800, false), &len)); /* whole by itself */
	{
		struct fragment f = fragment(7, 65528, 65535, false);

		assert_null(add(d, f, &len)); /* the last bytes there can be */
		assert_int_equal(stats(d).waiting, 1);
		f.id = 8;
		f.p = text;
		f.len = 8; /* the ping of death */
		assert_null(add(d, f, &len));
		assert_int_equal(stats(d).waiting, 1);
	}
	defrag_destroy(d);
}

/* Nobody ends a datagram for us by sending an end that is none, or a piece that was cut: its receiver drops
 * that alone, and so do we. */
static void one_bad_piece_ends_nothing(void **state)
{
	struct defrag *d = make(&limits);
	struct fragment f;
	uint32_t len;

	(void)state;
	assert_null(add(d, fragment(4, 800, 900, false), &len));
	assert_null(add(d, fragment(4, 0, 960, true), &len)); /* beyond the end */
	assert_non_null(add(d, fragment(4, 0, 800, true), &len));
	assert_int_equal(len, 900);
	assert_null(add(d, fragment(5, 800, 900, false), &len));
	assert_null(add(d, fragment(5, 800, 1000, false), &len)); /* another end */
	assert_non_null(add(d, fragment(5, 0, 800, true), &len));
	assert_int_equal(len, 900);
	assert_null(add(d, fragment(6, 800, 1600, true), &len));
	assert_null(add(d, fragment(6, 0, 808, false), &len)); /* an end before what is there */
	assert_null(add(d, fragment(6, 0, 800, true), &len));
	assert_non_null(add(d, fragment(6, 1600, 1608, false), &len));
	assert_int_equal(len, 1608);
	assert_int_equal(stats(d).bad, 3);
	assert_null(add(d, fragment(7, 0, 800, true), &len));
	f = fragment(7, 800, 900, false);
	f.len = 8;
	f.cut = true;
	assert_null(add(d, f, &len));
	assert_null(add(d, fragment(7, 800, 801, true), &len));
	assert_non_null(add(d, fragment(7, 800, 900, false), &len));
	assert_int_equal(len, 900);
	assert_int_equal(stats(d).cut, 1);
	assert_int_equal(stats(d).bad, 4);
	assert_int_equal(stats(d).waiting, 0);
	defrag_destroy(d);
}

static void expired(void **state)
{
	struct defrag *d = make(&limits);
	struct fragment f;
	uint32_t len;

	(void)state;
	add(d, fragment(2, 0, 800, true), &len);
	f = fragment(2, 800, 900, false);
	f.when_ns = 31 * NS_PER_S;
	assert_null(add(d, f, &len));
	assert_int_equal(stats(d).expired, 1);
	/* time that goes back a little ends nothing */
	f = fragment(2, 0, 800, true);
	f.when_ns = 2 * NS_PER_S;
	assert_non_null(add(d, f, &len));
	/* what waits from before the clock was set back is not mixed with what comes then */
	f = fragment(3, 0, 800, true);
	f.when_ns = 3600 * NS_PER_S;
	assert_null(add(d, f, &len));
	f = fragment(3, 800, 900, false);
	f.when_ns = 1;
	assert_null(add(d, f, &len));
	assert_int_equal(stats(d).expired, 2);
	f = fragment(3, 0, 800, true);
	f.when_ns = 2;
	assert_non_null(add(d, f, &len));
	f.when_ns = 10 * NS_PER_S;
	f.id = 4;
	assert_null(add(d, f, &len));
	assert_int_equal(stats(d).waiting, 1);
	defrag_next(d, 3600 * NS_PER_S);
	assert_int_equal(stats(d).waiting, 0);
	assert_int_equal(stats(d).expired, 3);
	defrag_destroy(d);
}

/* What is whole makes room for what is not, however much of it there was. */
static void whole_ones_make_room(void **state)
{
	const struct defrag_limits small = {.datagrams = 64, .memory_mb = 1, .seconds = 30};
	struct defrag *d = make(&small);
	uint32_t len;

	(void)state;
	assert_null(add(d, fragment(1, 0, 800, true), &len));
	for (uint32_t id = 2; id < 1000; id++) {
		assert_null(add(d, fragment(id, 0, 800, true), &len));
		assert_non_null(add(d, fragment(id, 800, 900, false), &len));
	}
	assert_int_equal(stats(d).evicted, 0);
	assert_non_null(add(d, fragment(1, 800, 900, false), &len));
	defrag_destroy(d);
}

/* More than fits: the oldest goes, memory stays what it was, and the youngest is still put together. */
static void flood(void **state)
{
	const struct defrag_limits small = {.datagrams = 64, .memory_mb = 1, .seconds = 30};
	struct defrag *d = make(&small);
	uint32_t len;

	(void)state;
	for (uint32_t id = 1; id < 100000; id++)
		assert_null(add(d, fragment(id, 8 * (id % 1000), 8 * (id % 1000) + 1480, true), &len));
	assert_true(stats(d).waiting <= 64);
	assert_true(stats(d).evicted >= 100000 - 65);
	assert_null(add(d, fragment(200000, 0, 32768, true), &len));
	assert_non_null(add(d, fragment(200000, 32768, 65535, false), &len));
	assert_int_equal(len, 65535);
	/* a datagram of holes */
	for (uint32_t at = 0; at < 60000; at += 16)
		assert_null(add(d, fragment(300000, at, at + 8, true), &len));
	assert_true(stats(d).bad > 0);
	defrag_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(every_order),
	        cmocka_unit_test(first_data_wins),
	        cmocka_unit_test(duplicates),
	        cmocka_unit_test(identity),
	        cmocka_unit_test(not_good),
	        cmocka_unit_test(one_bad_piece_ends_nothing),
	        cmocka_unit_test(expired),
	        cmocka_unit_test(whole_ones_make_room),
	        cmocka_unit_test(flood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
