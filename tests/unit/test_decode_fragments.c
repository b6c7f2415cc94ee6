/* test_decode_fragments.c - the decoder with datagrams that come in pieces: inside of tunnels, outside of
 * them, both at once, and with last fragments that lie.  RFC 791 3.2, RFC 8200 4.5. */
#include "capture/copies.h"
#include "capture/decode.h"
#include "capture/defrag.h"

#include "base/clock.h"
#include "tests/unit/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TEXT  1800
#define PARTS 12

static const struct defrag_limits limits = {.datagrams = 64, .memory_mb = 1, .seconds = 30};
static uint8_t text[TEXT];

struct parts {
	struct frame f[PARTS];
	size_t n;
};

static struct defrag *create(void)
{
	struct err e = {""};
	struct defrag *d = defrag_create(&limits, &e);

	assert_non_null(d);
	for (size_t i = 0; i < TEXT; i++)
		text[i] = (uint8_t)(i * 7 + i / 251);
	return d;
}

static void build(struct frame *f, bool six)
{
	if (six)
		frame_tcp6(f, "2001:db8::a", 40000, "2001:db8::b", 443, 1, 2, TCP_ACK, text, TEXT);
	else
		frame_tcp4(f, "10.0.0.10", 40000, "192.0.2.11", 443, 1, 2, TCP_ACK, text, TEXT);
}

/* The datagram behind the Ethernet header in pieces of at most `size` bytes. */
static void fragment4(const struct frame *f, size_t size, uint16_t id, struct parts *out)
{
	size_t payload = f->n - 34;

	out->n = 0;
	for (size_t at = 0; at < payload; at += size) {
		struct frame *o = &out->f[out->n++];
		size_t n = payload - at < size ? payload - at : size;

		assert_true(out->n <= PARTS);
		frame_begin(o);
		frame_put(o, f->b, 34);
		frame_put(o, f->b + 34 + at, n);
		frame_poke16(o, 16, 20 + n);
		frame_poke16(o, 18, id);
		frame_poke16(o, 20, at / 8 | (at + n < payload ? 0x2000 : 0));
		frame_ip4_checksum(o, 14);
	}
}

static void fragment6(const struct frame *f, size_t size, uint32_t id, struct parts *out)
{
	size_t payload = f->n - 54;

	out->n = 0;
	for (size_t at = 0; at < payload; at += size) {
		struct frame *o = &out->f[out->n++];
		size_t n = payload - at < size ? payload - at : size;

		assert_true(out->n <= PARTS);
		frame_begin(o);
		frame_put(o, f->b, 54);
		o->b[20] = 44;
		frame_be(o, f->b[20], 1);
		frame_be(o, 0, 1);
		frame_be(o, at | (at + n < payload), 2);
		frame_be(o, id, 4);
		frame_put(o, f->b + 54 + at, n);
		frame_poke16(o, 18, n + 8);
	}
}

static void vxlan(const struct frame *in, struct frame *out)
{
	frame_begin(out);
	frame_ether(out, 0x0800);
	frame_ip4(out, "172.16.0.1", "172.16.0.2", PROTO_UDP);
	frame_udp(out, 50000, 4789);
	frame_put(out, "\x08\0\0\0\0\0\x2a\0", 8);
	frame_put(out, in->b, in->n);
	frame_finish(out);
}

/* Decodes a heap copy of the exact size; when it was the last piece, compares what came of it. */
static enum decode_result give(struct defrag *d, const struct frame *f, bool six, unsigned tunnels)
{
	uint8_t *copy = malloc(f->n);
	struct packet p = frame_packet(f, 1, NS_PER_S);
	enum decode_result r;

	assert_non_null(copy);
	memcpy(copy, f->b, f->n);
	p.data = copy;
	r = decode_packet(&p, d);
	if (r == DECODE_OK) {
		assert_int_equal(p.ip_version, six ? 6 : 4);
		assert_int_equal(p.sport, 40000);
		assert_int_equal(p.dport, 443);
		assert_int_equal(p.proto, PROTO_TCP);
		assert_int_equal(p.payload_len, TEXT);
		assert_int_equal(p.payload_wire, TEXT);
		assert_memory_equal(p.payload, text, TEXT);
		assert_ptr_equal(p.transport + 20, p.payload);
		assert_int_equal(p.n_tunnels, tunnels);
		assert_false(p.no_tunnel);
	}
	free(copy);
	return r;
}

static void split(const struct frame *f, bool six, size_t size, uint16_t id, struct parts *out)
{
	if (six)
		fragment6(f, size, id, out);
	else
		fragment4(f, size, id, out);
}

/* From the first to the last, and from the last to the first. */
static void plain(void **state)
{
	static struct parts parts;
	static struct frame f;
	struct defrag *d = create();

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		bool six = i & 1, back = i & 2;

		build(&f, six);
		split(&f, six, 400, (uint16_t)(100 + i), &parts);
		assert_int_equal(parts.n, 5);
		for (size_t k = 0; k < parts.n; k++) {
			size_t at = back ? parts.n - 1 - k : k;

			assert_int_equal(
			        give(d, &parts.f[at], six, 0), k + 1 < parts.n ? DECODE_FRAGMENT : DECODE_OK);
		}
	}
	defrag_destroy(d);
}

/* The inner packet in pieces, each in a tunnel of its own. */
static void inside(void **state)
{
	static struct parts parts;
	static struct frame f, wrapped;
	struct defrag *d = create();

	(void)state;
	for (unsigned six = 0; six < 2; six++) {
		build(&f, six);
		split(&f, six, 800, 1, &parts);
		for (size_t k = 0; k < parts.n; k++) {
			vxlan(&parts.f[k], &wrapped);
			assert_int_equal(
			        give(d, &wrapped, six, 1), k + 1 < parts.n ? DECODE_FRAGMENT : DECODE_OK);
		}
	}
	defrag_destroy(d);
}

/* The datagram that carries the inner packet in pieces. */
static void outside(void **state)
{
	static struct parts parts;
	static struct frame f, wrapped;
	struct defrag *d = create();

	(void)state;
	for (unsigned six = 0; six < 2; six++) {
		build(&f, six);
		vxlan(&f, &wrapped);
		fragment4(&wrapped, 800, (uint16_t)(50 + six), &parts);
		for (size_t k = 0; k < parts.n; k++)
			assert_int_equal(
			        give(d, &parts.f[k], six, 1), k + 1 < parts.n ? DECODE_FRAGMENT : DECODE_OK);
	}
	defrag_destroy(d);
}

/* Both: pieces of the inner packet in datagrams that come in pieces; the last packet completes two. */
static void inside_and_outside(void **state)
{
	static struct parts inner, outer;
	static struct frame f, wrapped;
	struct defrag *d = create();
	struct defrag_stats st;

	(void)state;
	for (unsigned six = 0; six < 2; six++) {
		build(&f, six);
		split(&f, six, 800, 1, &inner);
		for (size_t i = 0; i < inner.n; i++) {
			vxlan(&inner.f[i], &wrapped);
			fragment4(&wrapped, 200, (uint16_t)(60 + 10 * six + i), &outer);
			for (size_t k = 0; k < outer.n; k++)
				assert_int_equal(give(d, &outer.f[k], six, 1),
				        i + 1 < inner.n || k + 1 < outer.n ? DECODE_FRAGMENT : DECODE_OK);
		}
	}
	defrag_stats(d, &st);
	assert_int_equal(st.completed, 8);
	assert_int_equal(st.waiting, 0);
	defrag_destroy(d);
}

/* RFC 8200 4.5: the next header is that of the first fragment, whenever it comes; others may differ. */
static void a_last_fragment_lies(void **state)
{
	static const uint8_t lies[] = {PROTO_UDP, 58, 0, 44, 59};
	static struct parts parts;
	static struct frame f;
	struct defrag *d = create();

	(void)state;
	for (unsigned i = 0; i < sizeof(lies) * 2; i++) {
		build(&f, true);
		fragment6(&f, 1000, 1000 + i, &parts);
		assert_int_equal(parts.n, 2);
		parts.f[1].b[54] = lies[i / 2];
		assert_int_equal(give(d, &parts.f[i & 1], true, 0), DECODE_FRAGMENT);
		assert_int_equal(give(d, &parts.f[!(i & 1)], true, 0), DECODE_OK);
	}
	defrag_destroy(d);
}

/* A first fragment that comes again with another next header changes nothing: the first data wins. */
static void a_second_first_fragment(void **state)
{
	static struct parts parts;
	static struct frame f;
	struct defrag *d = create();

	(void)state;
	build(&f, true);
	fragment6(&f, 800, 9, &parts);
	assert_int_equal(give(d, &parts.f[0], true, 0), DECODE_FRAGMENT);
	parts.f[0].b[54] = PROTO_UDP;
	assert_int_equal(give(d, &parts.f[0], true, 0), DECODE_FRAGMENT);
	assert_int_equal(give(d, &parts.f[2], true, 0), DECODE_FRAGMENT);
	assert_int_equal(give(d, &parts.f[1], true, 0), DECODE_OK);
	defrag_destroy(d);
}

/* A datagram put together that begins with another fragment header: another datagram in pieces. */
static void fragment_headers_in_fragments(void **state)
{
	static struct parts inner, outer;
	static struct frame f;
	struct defrag *d = create();

	(void)state;
	build(&f, true);
	fragment6(&f, 1000, 1, &inner);
	for (size_t i = 0; i < inner.n; i++) {
		fragment6(&inner.f[i], 400, (uint32_t)(20 + i), &outer);
		for (size_t k = 0; k < outer.n; k++)
			assert_int_equal(give(d, &outer.f[k], true, 0),
			        i + 1 < inner.n || k + 1 < outer.n ? DECODE_FRAGMENT : DECODE_OK);
	}
	defrag_destroy(d);
}

/* What was put together is compared like any other packet: a whole copy of it is one. */
static void copies_of_what_came_in_pieces(void **state)
{
	static struct parts parts;
	static struct frame f;
	struct defrag *d = create();
	struct err e = {""};
	struct copies *c = copies_create(64, &e);
	struct packet p;

	(void)state;
	assert_non_null(c);
	for (unsigned six = 0; six < 2; six++) {
		build(&f, six);
		split(&f, six, 1000, 0x1234, &parts);
		p = frame_packet(&parts.f[0], 1, NS_PER_S);
		assert_int_equal(decode_packet(&p, d), DECODE_FRAGMENT);
		p = frame_packet(&parts.f[1], 1, NS_PER_S);
		assert_int_equal(decode_packet(&p, d), DECODE_OK);
		assert_false(copies_seen(c, &p));
		f.b[six ? 21 : 22]--; /* TTL: seen again behind a router */
		p = frame_packet(&f, 1, NS_PER_S + NS_PER_MS);
		assert_int_equal(decode_packet(&p, d), DECODE_OK);
		assert_true(copies_seen(c, &p));
		f.b[f.n - 1] ^= 1;
		p = frame_packet(&f, 1, NS_PER_S + NS_PER_MS);
		assert_int_equal(decode_packet(&p, d), DECODE_OK);
		assert_false(copies_seen(c, &p));
	}
	copies_destroy(c);
	defrag_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(plain), cmocka_unit_test(inside),
	        cmocka_unit_test(outside), cmocka_unit_test(inside_and_outside),
	        cmocka_unit_test(a_last_fragment_lies), cmocka_unit_test(a_second_first_fragment),
	        cmocka_unit_test(fragment_headers_in_fragments),
	        cmocka_unit_test(copies_of_what_came_in_pieces)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
