/* test_pcapng.c - the block reader over streams built by hand after draft-ietf-opsawg-pcapng. */
#include "capture/pcapng.h"

#include "base/clock.h"
#include "tests/unit/captures.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define SECOND 1700000000ULL

/* Bytes from memory, `step` at a time. */
struct memory {
	const uint8_t *p;
	size_t n, step;
	bool fails; /* at its end, instead of ending */
};

static ssize_t memory_read(void *arg, void *buf, size_t n)
{
	struct memory *m = arg;

	if (!m->n && m->fails) {
		errno = EIO;
		return -1;
	}
	if (n > m->step)
		n = m->step;
	if (n > m->n)
		n = m->n;
	memcpy(buf, m->p, n);
	m->p += n;
	m->n -= n;
	return (ssize_t)n;
}

/* What a stream gave. */
struct got {
	size_t packets;
	struct packet packet[16];
	uint8_t data[16][64];
	enum pcapng_result end;
	uint64_t bad;
	uint32_t interfaces;
	char trouble[160];
	char secrets[64];
	uint32_t secrets_type;
};

static void secrets_keep(void *arg, uint32_t type, const uint8_t *p, size_t n)
{
	struct got *g = arg;

	g->secrets_type = type;
	snprintf(g->secrets, sizeof(g->secrets), "%.*s", (int)n, (const char *)p);
}

/* The stream in a heap block of its exact size. */
static void read_all(const uint8_t *b, size_t n, size_t step, struct got *g)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct memory m = {copy, n, step, false};
	struct pcapng *r = pcapng_create(memory_read, &m, NULL);
	struct packet p;

	assert_non_null(copy);
	assert_non_null(r);
	if (n)
		memcpy(copy, b, n);
	memset(g, 0, sizeof(*g));
	pcapng_on_secrets(r, secrets_keep, g);
	while ((g->end = pcapng_next(r, &p)) == PCAPNG_PACKET) {
		size_t keep = p.caplen < sizeof(g->data[0]) ? p.caplen : sizeof(g->data[0]);

		assert_true(p.wirelen >= p.caplen);
		for (uint32_t i = 0; i < p.caplen; i++)
			g->secrets_type += p.data[i] == 0xee; /* touches every byte */
		if (g->packets < 16) {
			memcpy(g->data[g->packets], p.data, keep);
			g->packet[g->packets] = p;
		}
		g->packets++;
	}
	assert_int_equal(pcapng_next(r, &p), g->end);
	g->bad = pcapng_bad_blocks(r);
	g->interfaces = pcapng_interfaces(r);
	snprintf(g->trouble, sizeof(g->trouble), "%s", pcapng_trouble(r));
	assert_int_equal(g->end == PCAPNG_CUT, *g->trouble != 0);
	pcapng_destroy(r);
	free(copy);
}

static void build_mixed(struct capture *c, bool big)
{
	c->big = big;
	c->n = 0;
	block_section(c);
	block_interface(c, 1, 0, -1, 0);   /* Ethernet, microseconds */
	block_interface(c, 101, 64, 9, 0); /* raw, nanoseconds */
	block_other(c, 4);                 /* names */
	block_secrets(c, 0x544c534b, "CLIENT_RANDOM 00 11\n");
	block_enhanced(c, 0, SECOND * 1000000 + 7, "ethernet frame", 14, 1500);
	block_enhanced(c, 1, SECOND * 1000000000 + 9, "raw", 3, 3);
	block_other(c, 5);          /* statistics */
	block_other(c, 0x40000bad); /* custom */
	block_other(c, 0x0000cafe); /* of the future */
	block_old_packet(c, 1, SECOND * 1000000000 + 10, "old", 3, 2);
	block_simple(c, "simple", 6, 6);
}

static void test_both_orders(void **state)
{
	static struct capture c;
	static const size_t steps[] = {1, 3, 17, 1 << 20};
	struct got g;

	(void)state;
	for (int big = 0; big < 2; big++) {
		for (size_t i = 0; i < 4; i++) {
			build_mixed(&c, big);
			read_all(c.b, c.n, steps[i], &g);
			assert_int_equal(g.end, PCAPNG_END);
			assert_int_equal(g.packets, 4);
			assert_int_equal(g.bad, 0);
			assert_int_equal(g.interfaces, 2);
			assert_string_equal(g.secrets, "CLIENT_RANDOM 00 11\n");
			assert_int_equal(g.secrets_type, 0x544c534b);

			assert_int_equal(g.packet[0].linktype, 1);
			assert_int_equal(g.packet[0].iface, 0);
			assert_int_equal(g.packet[0].ts_ns, (int64_t)SECOND * NS_PER_S + 7000);
			assert_int_equal(g.packet[0].caplen, 14);
			assert_int_equal(g.packet[0].wirelen, 1500);
			assert_memory_equal(g.data[0], "ethernet frame", 14);

			assert_int_equal(g.packet[1].linktype, 101);
			assert_int_equal(g.packet[1].iface, 1);
			assert_int_equal(g.packet[1].ts_ns, (int64_t)SECOND * NS_PER_S + 9);
			assert_memory_equal(g.data[1], "raw", 3);

			assert_int_equal(g.packet[2].iface, 1);
			assert_int_equal(g.packet[2].ts_ns, (int64_t)SECOND * NS_PER_S + 10);
			assert_int_equal(g.packet[2].caplen, 3);
			assert_int_equal(g.packet[2].wirelen, 3); /* less than captured cannot be */

			assert_int_equal(g.packet[3].iface, 0);
			assert_int_equal(g.packet[3].ts_ns, g.packet[2].ts_ns);
			assert_int_equal(g.packet[3].caplen, 6);
			assert_memory_equal(g.data[3], "simple", 6);
		}
	}
}

static void test_resolutions(void **state)
{
	static const struct {
		int resolution;
		int64_t offset_s;
		uint64_t ts;
		int64_t ns;
	} cases[] = {
	        {-1, 0, 1500000, 1500000000},
	        {6, 0, 1500000, 1500000000},
	        {0, 0, 3, 3 * NS_PER_S},
	        {3, 0, 3001, 3001 * NS_PER_MS},
	        {9, 0, 3000000001, 3000000001},
	        {12, 0, 3000000001999, 3000000001},
	        {28, 0, UINT64_MAX, 1},
	        {29, 0, UINT64_MAX, 0},
	        {127, 0, UINT64_MAX, 0},
	        {0x80, 0, 5, 5 * NS_PER_S},
	        {0x80 | 10, 0, 1024 + 512, 1500000000},
	        {0x80 | 32, 0, (7ULL << 32) + (1ULL << 31), 7500000000},
	        {0x80 | 63, 0, 1ULL << 63, 1000000000},
	        {0x80 | 127, 0, UINT64_MAX, 0},
	        {6, 1700000000, 250000, 1700000000250000000},
	        {6, -10, 15000000, 5000000000},
	        {0, 0, UINT64_MAX, INT64_MAX}, /* past what a time can be */
	        {6, INT64_MAX, 1, INT64_MAX},
	        {6, INT64_MIN, 1, INT64_MIN + 1000},
	        {0x80, 0, UINT64_MAX, INT64_MAX},
	};
	static struct capture c;
	struct got g;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int big = 0; big < 2; big++) {
			c.big = big;
			c.n = 0;
			block_section(&c);
			block_interface(&c, 1, 0, cases[i].resolution, cases[i].offset_s);
			block_enhanced(&c, 0, cases[i].ts, "x", 1, 1);
			read_all(c.b, c.n, c.n, &g);
			assert_int_equal(g.packets, 1);
			assert_int_equal(g.packet[0].ts_ns, cases[i].ns);
		}
	}
}

/* A section begins with no interfaces and may turn the byte order round. */
static void test_sections(void **state)
{
	static struct capture c;
	struct got g;

	(void)state;
	c.n = 0;
	c.big = false;
	block_section(&c);
	block_interface(&c, 1, 0, -1, 0);
	block_interface(&c, 113, 0, -1, 0);
	block_enhanced(&c, 1, 1, "a", 1, 1);
	c.big = true;
	block_section(&c);
	block_interface(&c, 276, 0, -1, 0);
	block_enhanced(&c, 0, 2, "b", 1, 1);
	block_enhanced(&c, 1, 3, "c", 1, 1); /* was of the first section */
	c.big = false;
	block_section(&c);
	block_enhanced(&c, 0, 4, "d", 1, 1); /* no interface at all */
	block_simple(&c, "e", 1, 1);
	read_all(c.b, c.n, 7, &g);
	assert_int_equal(g.end, PCAPNG_END);
	assert_int_equal(g.packets, 2);
	assert_int_equal(g.packet[0].linktype, 113);
	assert_int_equal(g.packet[0].iface, 1);
	assert_int_equal(g.packet[1].linktype, 276);
	assert_int_equal(g.packet[1].iface, 2);
	assert_int_equal(g.packet[1].ts_ns, 2000);
	assert_int_equal(g.bad, 3);
	assert_int_equal(g.interfaces, 3);
}

static void test_simple_snaplen(void **state)
{
	static struct capture c;
	struct got g;

	(void)state;
	c.big = false;
	c.n = 0;
	block_section(&c);
	block_interface(&c, 1, 4, -1, 0);
	block_simple(&c, "cut!", 4, 1500); /* section 4.4: the lesser of snaplen and length */
	block_simple(&c, "abc", 3, 3);
	read_all(c.b, c.n, c.n, &g);
	assert_int_equal(g.packets, 2);
	assert_int_equal(g.packet[0].caplen, 4);
	assert_int_equal(g.packet[0].wirelen, 1500);
	assert_int_equal(g.packet[1].caplen, 3);
	assert_int_equal(g.bad, 0);
}

/* Contents that make no sense: passed over, and what follows is still read. */
static void test_bad_blocks(void **state)
{
	static struct capture c;
	struct got g;

	(void)state;
	c.big = true;
	c.n = 0;
	block_section(&c);
	block_begin(&c, 1); /* an interface too short to be one: it takes its number */
	capture_number(&c, 1, 2);
	block_end(&c);
	block_interface(&c, 101, 0, 9, 0);
	block_begin(&c, 1); /* with an option that is longer than the block */
	capture_number(&c, 12, 2);
	capture_number(&c, 0, 2 + 4);
	capture_number(&c, 9, 2);
	capture_number(&c, 400, 2);
	block_end(&c);
	block_begin(&c, 6); /* captured more than the block holds */
	capture_number(&c, 1, 4);
	capture_number(&c, 1, 8);
	capture_number(&c, 5000, 4);
	capture_number(&c, 5000, 4);
	block_end(&c);
	block_begin(&c, 6); /* ends within its numbers */
	capture_number(&c, 1, 4);
	block_end(&c);
	block_begin(&c, 2);
	block_end(&c);
	block_begin(&c, 3);
	block_end(&c);
	block_simple(&c, "ab", 2, 400);
	block_begin(&c, 10); /* secrets longer than their block */
	capture_number(&c, 0x544c534b, 4);
	capture_number(&c, 9, 4);
	block_end(&c);
	block_enhanced(&c, 1, 42, "good", 4, 4);
	block_enhanced(&c, 2, 43, "also", 4, 4);
	block_enhanced(&c, 3, 43, "none", 4, 4);
	read_all(c.b, c.n, c.n, &g);
	assert_int_equal(g.end, PCAPNG_END);
	assert_int_equal(g.packets, 2);
	assert_int_equal(g.packet[0].ts_ns, 42);
	assert_int_equal(g.packet[0].linktype, 101);
	assert_int_equal(g.packet[1].linktype, 12);
	assert_int_equal(g.bad, 9);
	assert_string_equal(g.secrets, "");
}

/* What cannot be followed ends the stream, and says how. */
static void test_broken(void **state)
{
	static struct capture c;
	static const struct {
		uint32_t len, trailer;
		const char *trouble;
	} cases[] = {
	        {16, 20, "two lengths"},
	        {13, 13, "cannot be"},
	        {8, 8, "cannot be"},
	        {0, 0, "cannot be"},
	        {64, 64, "within a block"},
	        {UINT32_MAX - 3, 0, "within a block"},
	};
	struct got g;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		c.big = false;
		c.n = 0;
		block_section(&c);
		block_interface(&c, 1, 0, -1, 0);
		block_enhanced(&c, 0, 1, "a", 1, 1);
		capture_number(&c, 6, 4);
		capture_number(&c, cases[i].len, 4);
		capture_number(&c, 0, 4);
		capture_number(&c, cases[i].trailer, 4);
		read_all(c.b, c.n, c.n, &g);
		assert_int_equal(g.packets, 1);
		assert_int_equal(g.end, PCAPNG_CUT);
		assert_non_null(strstr(g.trouble, cases[i].trouble));
	}
}

static void test_beginnings(void **state)
{
	static struct capture c;
	struct got g;

	(void)state;
	read_all((const uint8_t *)"", 0, 1, &g);
	assert_int_equal(g.end, PCAPNG_CUT);

	c.n = 0;
	block_other(&c, 6);
	read_all(c.b, c.n, c.n, &g);
	assert_int_equal(g.end, PCAPNG_CUT);
	assert_non_null(strstr(g.trouble, "section header"));

	c.n = 0;
	block_section(&c);
	c.b[8] ^= 1; /* the magic */
	read_all(c.b, c.n, c.n, &g);
	assert_int_equal(g.end, PCAPNG_CUT);
	assert_non_null(strstr(g.trouble, "magic"));

	c.n = 0;
	c.big = false;
	block_section(&c);
	c.b[12] = 2; /* the version */
	read_all(c.b, c.n, c.n, &g);
	assert_int_equal(g.end, PCAPNG_CUT);
	assert_non_null(strstr(g.trouble, "version"));
}

static void test_read_fails(void **state)
{
	static struct capture c;
	struct memory m = {c.b, 0, 1 << 20, true};
	struct packet p;
	struct pcapng *r;

	(void)state;
	build_mixed(&c, false);
	m.n = c.n;
	r = pcapng_create(memory_read, &m, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pcapng_next(r, &p), PCAPNG_PACKET);
	assert_int_equal(pcapng_next(r, &p), PCAPNG_CUT);
	assert_non_null(strstr(pcapng_trouble(r), "cannot be read"));
	assert_true(pcapng_started(r));
	pcapng_destroy(r);
}

/* A block longer than the reader's buffer is read, one longer than it may be is passed over. */
static void test_large_blocks(void **state)
{
	const size_t sizes[] = {PCAPNG_PACKET_MAX, PCAPNG_PACKET_MAX + 1, 3u << 20, PCAPNG_BLOCK_MAX + 4};
	static struct capture head, tail;
	struct got g;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		size_t n = sizes[i], padded = (n + 3) & ~(size_t)3, len = padded + 32;
		uint8_t *b;

		head.big = tail.big = i & 1;
		head.n = tail.n = 0;
		block_section(&head);
		block_interface(&head, 1, 0, -1, 0);
		capture_number(&head, 6, 4);
		capture_number(&head, len, 4);
		capture_number(&head, 0, 4 + 8 - 4);
		capture_number(&head, 0, 4);
		capture_number(&head, n, 4);
		capture_number(&head, n, 4);
		capture_number(&tail, len, 4);
		block_enhanced(&tail, 0, 5, "next", 4, 4);
		b = calloc(1, head.n + padded + tail.n);
		assert_non_null(b);
		memcpy(b, head.b, head.n);
		memcpy(b + head.n + padded, tail.b, tail.n);
		read_all(b, head.n + padded + tail.n, 300000, &g);
		free(b);
		assert_int_equal(g.end, PCAPNG_END);
		assert_int_equal(g.packets, i == 0 ? 2 : 1);
		assert_int_equal(g.bad, i == 0 ? 0 : 1);
		assert_memory_equal(g.data[g.packets - 1], "next", 4);
		assert_int_equal(g.packet[g.packets - 1].ts_ns, 5000);
	}
}

static void test_prefixes_and_flips(void **state)
{
	static struct capture c;
	struct got g;

	(void)state;
	for (int big = 0; big < 2; big++) {
		size_t before = 0;

		build_mixed(&c, big);
		for (size_t n = 0; n < c.n; n++) {
			read_all(c.b, n, 4096, &g);
			assert_true(g.packets >= before && g.packets <= 4);
			assert_int_equal(g.bad, 0);
			before = g.packets;
		}
		c.n = 0; /* less of it, as every bit costs a reader */
		block_section(&c);
		block_interface(&c, 1, 0, 9, 7);
		block_secrets(&c, 0x544c534b, "text");
		block_enhanced(&c, 0, SECOND, "frame", 5, 9);
		block_simple(&c, "x", 1, 1);
		for (size_t bit = 0; bit < c.n * 8; bit++) {
			c.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			read_all(c.b, c.n, 4096, &g);
			assert_true(g.packets <= 4);
			c.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_both_orders),
	        cmocka_unit_test(test_resolutions),
	        cmocka_unit_test(test_sections),
	        cmocka_unit_test(test_simple_snaplen),
	        cmocka_unit_test(test_bad_blocks),
	        cmocka_unit_test(test_broken),
	        cmocka_unit_test(test_beginnings),
	        cmocka_unit_test(test_read_fails),
	        cmocka_unit_test(test_large_blocks),
	        cmocka_unit_test(test_prefixes_and_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
