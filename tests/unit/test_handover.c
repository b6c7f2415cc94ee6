/* test_handover.c - packets that one worker hands to another come out as they went in, in the order of each
 * that puts them; what does not fit is refused. */
#include "capture/handover.h"

#include "capture/decode.h"

#include "tests/unit/packets.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define PRODUCERS 3
#define EACH      20000

static struct handover *make(size_t bytes)
{
	struct err e;
	struct handover *h = handover_create(bytes, &e);

	assert_non_null(h);
	return h;
}

static void build(struct frame *f, uint16_t sport, uint32_t seq, size_t n)
{
	uint8_t text[3000]; /* several threads build at once */

	memset(text, (int)(seq & 0xff), n);
	frame_begin(f);
	frame_ether(f, 0x8100);
	frame_tag(f, 42, 0x8847);
	frame_be(f, 0x64140, 4); /* label 100, bottom of the stack */
	frame_ip4(f, "10.0.0.1", "192.0.2.7", PROTO_TCP);
	frame_tcp(f, sport, 443, seq, 7, TCP_ACK);
	frame_put(f, text, n);
	frame_finish(f);
}

/* As a worker gets it: the frame is gone when the next one comes. */
static struct packet decoded(struct frame *f, uint8_t **heap)
{
	struct packet p = frame_packet(f, 1, 5);

	*heap = malloc(f->n);
	memcpy(*heap, f->b, f->n);
	p.data = *heap;
	if (decode_packet(&p, NULL) != DECODE_OK)
		abort();
	return p;
}

static void as_it_went_in(void **state)
{
	struct handover *h = make(1 << 16);
	struct packet p, q;
	struct frame f;
	uint8_t *heap;

	(void)state;
	assert_false(handover_take(h, INT64_MAX, &q));
	for (unsigned round = 0; round < 100; round++) {
		for (uint32_t i = 0; i < 7; i++) {
			build(&f, 40000, round * 100 + i, i * 301);
			p = decoded(&f, &heap);
			assert_true(handover_put(h, &p));
			memset(heap, 0xee, f.n);
			free(heap);
		}
		for (uint32_t i = 0; i < 7; i++) {
			assert_false(handover_take(h, 4, &q)); /* not yet */
			assert_true(handover_take(h, 5, &q));
			assert_int_equal(q.seq, round * 100 + i);
			assert_int_equal(q.payload_len, i * 301);
			assert_int_equal(q.payload_wire, i * 301);
			for (uint32_t k = 0; k < q.payload_len; k++)
				assert_int_equal(q.payload[k], q.seq & 0xff);
			assert_int_equal(q.transport[12] >> 4, 5);
			assert_memory_equal(q.src_mac, "\x02\0\0\0\0\x01", 6);
			assert_memory_equal(q.dst_mac, "\x02\0\0\0\0\x02", 6);
			assert_int_equal(q.vlan[0], 42);
			assert_int_equal(q.tunnel[0].kind, TUNNEL_MPLS);
			assert_true(ip_equal(&q.src, &p.src) && ip_equal(&q.dst, &p.dst));
			assert_int_equal(q.sport, 40000);
			assert_int_equal(q.ts_ns, 5);
			assert_true(q.late && !p.late);
		}
		assert_false(handover_take(h, INT64_MAX, &q));
	}
	handover_destroy(h);
}

static void no_mac(void **state)
{
	struct handover *h = make(1 << 12);
	struct packet p = packet_udp("10.0.0.1", 1, "10.0.0.2", 2, NULL, 0, 1), q;
	uint8_t header[8] = {0, 1, 0, 2, 0, 8};

	(void)state;
	p.transport = header;
	p.payload = header + 8;
	assert_true(handover_put(h, &p));
	assert_true(handover_take(h, INT64_MAX, &q));
	assert_null(q.src_mac);
	assert_null(q.dst_mac);
	assert_memory_equal(q.transport, header, 8);
	handover_destroy(h);
}

static void full(void **state)
{
	struct handover *h = make(1 << 14);
	struct packet p, q;
	struct frame f;
	uint8_t *heap;
	unsigned taken = 0, fit = 0;

	(void)state;
	build(&f, 40000, 1, 1000);
	p = decoded(&f, &heap);
	while (handover_put(h, &p))
		fit++;
	assert_in_range(fit, 5, (1 << 14) / 1000);
	assert_true(handover_take(h, INT64_MAX, &q)); /* the other buffer is free now */
	assert_true(handover_put(h, &p));
	for (taken = 1; handover_take(h, INT64_MAX, &q);)
		taken++;
	assert_int_equal(taken, fit + 1);
	free(heap);
	handover_destroy(h);
}

static struct handover *shared;

static void *produce(void *arg)
{
	uint16_t sport = (uint16_t)(size_t)arg;
	struct frame *f = malloc(sizeof(*f));

	for (uint32_t i = 0; i < EACH; i++) {
		uint8_t *heap;
		struct packet p;

		build(f, sport, i, i % 50);
		p = decoded(f, &heap);
		while (!handover_put(shared, &p))
			sched_yield();
		free(heap);
	}
	free(f);
	return NULL;
}

static void several_put(void **state)
{
	pthread_t thread[PRODUCERS];
	uint32_t next[PRODUCERS] = {0};
	struct packet q;

	(void)state;
	shared = make(1 << 14);
	for (size_t i = 0; i < PRODUCERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, produce, (void *)i), 0);
	for (unsigned n = 0; n < PRODUCERS * EACH;) {
		if (!handover_take(shared, INT64_MAX, &q)) {
			sched_yield();
			continue;
		}
		assert_int_equal(q.seq, next[q.sport]++);
		for (uint32_t k = 0; k < q.payload_len; k++)
			assert_int_equal(q.payload[k], q.seq & 0xff);
		n++;
	}
	for (size_t i = 0; i < PRODUCERS; i++)
		pthread_join(thread[i], NULL);
	assert_false(handover_take(shared, INT64_MAX, &q));
	handover_destroy(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(as_it_went_in),
	        cmocka_unit_test(no_mac),
	        cmocka_unit_test(full),
	        cmocka_unit_test(several_put),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
