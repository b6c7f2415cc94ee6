/* test_copies.c - which packets are taken for copies that a mirror made, and which are not. */
#include "capture/copies.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const char text[] =
        "POST /v1/messages HTTP/1.1\r\nHost: api.example.com\r\n\r\nwith a body of some length, so that both "
        "ends are sampled and a middle remains that is not, as in most segments of a connection";

/* An IPv4 or IPv6 packet with room for what the decoder would have found. */
struct frame {
	uint8_t bytes[600];
	struct packet p;
	uint8_t mac[12];
};

static struct packet *make(struct frame *f, unsigned version, uint8_t proto, uint16_t ip_id, int64_t ms)
{
	size_t ip = version == 4 ? 20 : 40, header = proto == PROTO_TCP ? 20 : 8;
	struct packet *p = &f->p;

	memset(f, 0, sizeof(*f));
	f->bytes[0] = version == 4 ? 0x45 : 0x60;
	memset(f->bytes + ip, 0x11, header);
	memcpy(f->bytes + ip + header, text, sizeof(text));
	*p = (struct packet){.ts_ns = ms * NS_PER_MS + NS_PER_S,
	        .ip = f->bytes,
	        .ip_len = (uint32_t)(ip + header + sizeof(text)),
	        .ip_version = (uint8_t)version,
	        .proto = proto,
	        .ttl = 64,
	        .ip_id = ip_id,
	        .src_mac = f->mac,
	        .dst_mac = f->mac + 6,
	        .sport = 40000,
	        .dport = 80,
	        .transport = f->bytes + ip,
	        .payload = f->bytes + ip + header,
	        .payload_len = sizeof(text),
	        .payload_wire = sizeof(text),
	        .seq = 1000};
	p->src.b[15] = 1;
	p->dst.b[15] = 2;
	return p;
}

static struct copies *create(void)
{
	struct err e = {""};
	struct copies *c = copies_create(1024, &e);

	assert_non_null(c);
	return c;
}

enum { FIRST_ID = 7 };
typedef void (*change)(struct frame *f);

/* Is a packet changed by `how` a copy of the one before it? */
static bool copy(unsigned version, uint8_t proto, uint16_t id, int64_t ms, change how)
{
	struct copies *c = create();
	struct frame a, b;
	bool answer;

	assert_false(copies_seen(c, make(&a, version, proto, version == 4 ? FIRST_ID : 0, 0)));
	make(&b, version, proto, id, ms);
	if (how)
		how(&b);
	answer = copies_seen(c, &b.p);
	copies_destroy(c);
	return answer;
}

static void ttl(struct frame *f)
{
	f->p.ttl--;
	f->mac[3] = 9;
}

static void tag(struct frame *f)
{
	f->p.vlans = 1;
	f->p.vlan[0] = 100;
}

static void wrapped(struct frame *f)
{
	f->p.n_tunnels = 1;
	f->p.tunnel[0] = (struct tunnel){.kind = TUNNEL_VXLAN, .network_id = true, .id = 42};
}

static void other_text(struct frame *f)
{
	f->bytes[f->p.payload - f->bytes]++;
}

static void other_end(struct frame *f)
{
	((uint8_t *)(uintptr_t)f->p.payload)[sizeof(text) - 1]++;
}

static void other_middle(struct frame *f)
{
	((uint8_t *)(uintptr_t)f->p.payload)[sizeof(text) / 2]++;
}

static void other_header(struct frame *f)
{
	f->bytes[f->p.payload - f->bytes - 4]++; /* a checksum, an option */
}

static void other_seq(struct frame *f)
{
	f->p.seq++;
}

static void other_port(struct frame *f)
{
	f->p.dport++;
}

static void copies_are(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		uint8_t proto = udp ? PROTO_UDP : PROTO_TCP;

		assert_true(copy(4, proto, FIRST_ID, 1, NULL));    /* both ports of a connection */
		assert_true(copy(4, proto, FIRST_ID, 49, ttl));    /* before and behind a router */
		assert_true(copy(4, proto, FIRST_ID, 1, tag));     /* one direction tagged */
		assert_true(copy(4, proto, FIRST_ID, 1, wrapped)); /* before and behind a tunnel's end */
		assert_true(copy(4, proto, FIRST_ID, -20, NULL));  /* two capture threads, out of order */
		assert_true(copy(6, proto, 0, 1, NULL));
		assert_true(copy(6, proto, 0, 1, ttl));
	}
}

static void copies_are_not(void **state)
{
	(void)state;
	for (int udp = 0; udp < 2; udp++) {
		uint8_t proto = udp ? PROTO_UDP : PROTO_TCP;

		assert_false(copy(4, proto, FIRST_ID + 1, 1, NULL)); /* sent again: another identification */
		assert_false(copy(4, proto, FIRST_ID, 51, NULL));
		assert_false(copy(4, proto, FIRST_ID, -51, NULL));
		assert_false(copy(4, proto, FIRST_ID, 1, other_text));
		assert_false(copy(4, proto, FIRST_ID, 1, other_end));
		assert_false(copy(4, proto, FIRST_ID, 1, other_header));
		assert_false(copy(4, proto, FIRST_ID, 1, other_seq));
		assert_false(copy(4, proto, FIRST_ID, 1, other_port));
		assert_false(copy(6, proto, 0, 51, NULL));
	}
	/* every byte of a datagram counts; the middle of a segment is pinned by what surrounds it */
	assert_false(copy(4, PROTO_UDP, FIRST_ID, 1, other_middle));
	assert_true(copy(4, PROTO_TCP, FIRST_ID, 1, other_middle));
}

/* A retransmission is no copy, and its own copy is. */
static void retransmitted(void **state)
{
	struct copies *c = create();
	struct frame f;

	(void)state;
	assert_false(copies_seen(c, make(&f, 4, PROTO_TCP, 1, 0)));
	assert_false(copies_seen(c, make(&f, 4, PROTO_TCP, 2, 10)));
	assert_true(copies_seen(c, make(&f, 4, PROTO_TCP, 2, 11)));
	copies_destroy(c);
}

/* Far more packets than are remembered: nothing false, and a copy right behind is known. */
static void flood(void **state)
{
	struct copies *c = create();
	struct frame f;

	(void)state;
	for (uint32_t i = 0; i < 200000; i++) {
		make(&f, 4, PROTO_TCP, (uint16_t)i, i / 1000);
		f.p.seq = i;
		assert_false(copies_seen(c, &f.p));
		f.p.ttl--;
		assert_true(copies_seen(c, &f.p));
	}
	copies_destroy(c);
}

/* As many as were asked for, but for those that fall into one place. */
static void remembered(void **state)
{
	struct copies *c = create();
	struct frame f;
	unsigned known = 0;

	(void)state;
	for (unsigned again = 0; again < 2; again++) {
		for (uint32_t i = 0; i < 512; i++) {
			make(&f, 4, PROTO_TCP, (uint16_t)i, again);
			f.p.seq = i * 1000;
			known += copies_seen(c, &f.p);
		}
	}
	assert_in_range(known, 512 * 9 / 10, 512);
	copies_destroy(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(copies_are),
	        cmocka_unit_test(copies_are_not),
	        cmocka_unit_test(retransmitted),
	        cmocka_unit_test(flood),
	        cmocka_unit_test(remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
