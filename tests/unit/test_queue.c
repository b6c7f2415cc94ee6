/* test_queue.c - the ring between a worker and the writer: order, bounds, wrapping, two threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/queue.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static bool push(struct queue *q, const void *p, size_t n)
{
	void *to = queue_reserve(q, n);

	if (!to)
		return false;
	memcpy(to, p, n);
	queue_commit(q, n);
	return true;
}

static void keeps_order_and_content(void **state)
{
	struct queue *q = queue_create(4096, 100);
	size_t n;

	(void)state;
	assert_true(queue_empty(q));
	assert_null(queue_peek(q, &n));
	assert_true(push(q, "one", 3));
	assert_true(push(q, "", 0));
	assert_true(push(q, "three", 5));
	assert_false(queue_empty(q));
	assert_memory_equal(queue_peek(q, &n), "one", 3);
	assert_int_equal(n, 3);
	queue_pop(q);
	assert_non_null(queue_peek(q, &n));
	assert_int_equal(n, 0);
	queue_pop(q);
	assert_memory_equal(queue_peek(q, &n), "three", 5);
	queue_pop(q);
	assert_true(queue_empty(q));
	queue_destroy(q);
}

static void reserve_without_commit_shows_nothing(void **state)
{
	struct queue *q = queue_create(4096, 100);
	size_t n;

	(void)state;
	assert_non_null(queue_reserve(q, 10));
	assert_null(queue_peek(q, &n));
	assert_true(push(q, "x", 1));
	assert_non_null(queue_peek(q, &n));
	assert_int_equal(n, 1);
	queue_destroy(q);
}

static void is_bounded_by_entries(void **state)
{
	struct queue *q = queue_create(1 << 20, 10);
	size_t n;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(push(q, "x", 1));
	assert_false(push(q, "x", 1));
	assert_false(queue_relaxed(q));
	for (int i = 0; i < 5; i++) {
		assert_non_null(queue_peek(q, &n));
		queue_pop(q);
	}
	assert_true(queue_relaxed(q));
	assert_true(push(q, "x", 1));
	queue_destroy(q);
}

static void is_bounded_by_bytes(void **state)
{
	struct queue *q = queue_create(4096, 1000000);
	static const uint8_t block[1024];
	size_t n, held = 0;

	(void)state;
	while (push(q, block, 1000))
		held++;
	assert_int_equal(held, 4); /* 4 x 1008 of 4096 */
	assert_non_null(queue_peek(q, &n));
	queue_pop(q);
	assert_true(push(q, block, 900)); /* wraps over the freed first */
	assert_false(push(q, block, 900));
	queue_destroy(q);
}

static void says_how_full_it_is(void **state)
{
	struct queue *q = queue_create(4096, 10);
	static const uint8_t block[1024];
	struct queue_use u;
	size_t n;

	(void)state;
	queue_use(q, &u);
	assert_int_equal(u.entries + u.bytes + u.taken + queue_fullness(&u), 0);
	for (int i = 0; i < 5; i++)
		assert_true(push(q, "x", 1));
	queue_use(q, &u);
	assert_int_equal(u.entries, 5);
	assert_int_equal(u.entries_max, 10);
	assert_int_equal(queue_fullness(&u), 500);
	assert_true(push(q, block, 1000) && push(q, block, 1000) && push(q, block, 1000));
	queue_use(q, &u); /* 8 of 10 entries, 3104 of 4096 bytes */
	assert_int_equal(queue_fullness(&u), 800);
	for (int i = 0; i < 5; i++) {
		assert_non_null(queue_peek(q, &n));
		queue_pop(q);
	}
	queue_use(q, &u);
	assert_int_equal(u.taken, 5);
	assert_int_equal(u.entries, 3);
	assert_int_equal(queue_fullness(&u), u.bytes * 1000 / 4096);
	queue_destroy(q);
}

static void refuses_what_could_never_fit(void **state)
{
	struct queue *q = queue_create(4096, 10);

	(void)state;
	assert_non_null(queue_reserve(q, queue_entry_max(q)));
	assert_null(queue_reserve(q, queue_entry_max(q) + 1));
	queue_destroy(q);
}

/* Every length at every position: an entry and the skipped rest must come through for ever. */
static void wraps_at_every_position(void **state)
{
	struct queue *q = queue_create(4096, 1000);
	uint8_t text[2048];
	uint32_t r = 1;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		size_t len, n;
		const uint8_t *p;

		r = r * 1664525u + 1013904223u;
		len = (r >> 16) % (queue_entry_max(q) + 1);
		memset(text, (int)(i & 0xff), len);
		assert_true(push(q, text, len));
		p = queue_peek(q, &n);
		assert_int_equal(n, len);
		for (size_t k = 0; k < len; k += 97)
			assert_int_equal(p[k], i & 0xff);
		assert_int_equal((uintptr_t)p % 8, 0);
		queue_pop(q);
	}
	assert_true(queue_empty(q));
	queue_destroy(q);
}

#define THREAD_ENTRIES 200000u

static void *produce(void *arg)
{
	struct queue *q = arg;
	uint32_t r = 7;

	for (uint32_t i = 0; i < THREAD_ENTRIES; i++) {
		uint32_t words[64];
		size_t n;

		r = r * 1664525u + 1013904223u;
		n = 1 + (r >> 20) % 63;
		for (size_t k = 0; k < n; k++)
			words[k] = i;
		while (!push(q, words, n * 4))
			sched_yield();
	}
	return NULL;
}

static void two_threads_lose_and_mix_nothing(void **state)
{
	struct queue *q = queue_create(8192, 50);
	pthread_t t;
	uint32_t next = 0;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, produce, q), 0);
	while (next < THREAD_ENTRIES) {
		size_t n;
		const uint32_t *p = queue_peek(q, &n);

		if (!p) {
			sched_yield();
			continue;
		}
		if (n % 4 || !n)
			fail();
		for (size_t k = 0; k < n / 4; k++)
			if (p[k] != next)
				fail_msg("entry %u holds %u", next, p[k]);
		queue_pop(q);
		next++;
	}
	pthread_join(t, NULL);
	assert_true(queue_empty(q));
	queue_destroy(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(keeps_order_and_content),
	        cmocka_unit_test(reserve_without_commit_shows_nothing),
	        cmocka_unit_test(is_bounded_by_entries),
	        cmocka_unit_test(is_bounded_by_bytes),
	        cmocka_unit_test(says_how_full_it_is),
	        cmocka_unit_test(refuses_what_could_never_fit),
	        cmocka_unit_test(wraps_at_every_position),
	        cmocka_unit_test(two_threads_lose_and_mix_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
