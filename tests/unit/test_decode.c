/* test_decode.c - frames of every link type and form, cut at every byte and with every bit turned. */
#include "capture/decode.h"

#include "tests/unit/packets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#define A4 "10.1.2.3"
#define B4 "192.0.2.7"
#define A6 "2001:db8::1"
#define B6 "fd00::7"

static const char text[] = "GET / HTTP/1.1\r\n\r\n";
#define TEXT_LEN (sizeof(text) - 1)

static void add_tcp(struct frame *f)
{
	frame_tcp(f, 40000, 443, 0x01020304, 0x05060708, TCP_ACK | TCP_PSH);
	frame_put(f, text, TEXT_LEN);
	frame_finish(f);
}

static void add_tcp4(struct frame *f)
{
	frame_ip4(f, A4, B4, PROTO_TCP);
	add_tcp(f);
}

static void add_tcp6(struct frame *f)
{
	frame_ip6(f, A6, B6, PROTO_TCP);
	add_tcp(f);
}

/* The frame in a heap block of its exact size, so that the sanitizer sees a read past its end; what the
 * packet points to is gone afterwards. */
static enum decode_result decode_exact(const uint8_t *b, size_t n, uint32_t wirelen, uint16_t link)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct packet p = {.data = copy, .caplen = (uint32_t)n, .wirelen = wirelen, .linktype = link};
	enum decode_result r;

	assert_non_null(copy);
	if (n)
		memcpy(copy, b, n);
	r = decode_packet(&p, NULL);
	if (r == DECODE_OK) {
		const uint8_t *end = copy + n;

		assert_true(p.proto == PROTO_TCP || p.proto == PROTO_UDP);
		assert_true(p.ip >= copy && p.ip + p.ip_len <= end);
		assert_true(p.payload >= p.ip && p.payload + p.payload_len <= p.ip + p.ip_len);
		assert_true(p.payload_wire >= p.payload_len);
		assert_true(p.ip_version == 4 || p.ip_version == 6);
	}
	assert_true(p.vlans <= PACKET_VLANS_MAX);
	free(copy);
	return r;
}

static enum decode_result decode(struct frame *f, uint16_t link, struct packet *p)
{
	*p = frame_packet(f, link, 0);
	memset((uint8_t *)p + offsetof(struct packet, ip), 0xa5, sizeof(*p) - offsetof(struct packet, ip));
	return decode_packet(p, NULL);
}

static void assert_tcp_text(const struct packet *p, int version)
{
	struct ip_addr a, b;

	assert_int_equal(ip_parse(version == 4 ? A4 : A6, &a), 0);
	assert_int_equal(ip_parse(version == 4 ? B4 : B6, &b), 0);
	assert_int_equal(p->ip_version, version);
	assert_int_equal(p->proto, PROTO_TCP);
	assert_true(ip_equal(&p->src, &a));
	assert_true(ip_equal(&p->dst, &b));
	assert_int_equal(p->sport, 40000);
	assert_int_equal(p->dport, 443);
	assert_int_equal(p->seq, 0x01020304);
	assert_int_equal(p->ack, 0x05060708);
	assert_int_equal(p->tcp_flags, TCP_ACK | TCP_PSH);
	assert_int_equal(p->tcp_window, 64240);
	assert_int_equal(p->ttl, 64);
	assert_int_equal(p->payload_len, TEXT_LEN);
	assert_int_equal(p->payload_wire, TEXT_LEN);
	assert_memory_equal(p->payload, text, TEXT_LEN);
	assert_int_equal(p->network, 0);
}

/* One form of link: what stands before the IP header. */
struct link_form {
	const char *name;
	uint16_t link;
	int version;
	size_t n;
	const char *head;
	int vlans;
};

#define MACS       "\x02\0\0\0\0\x02\x02\0\0\0\0\x01"
#define FORM(h)    sizeof(h) - 1, h
#define SLL(type)  "\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0" type
#define SLL2(type) type "\0\0\0\0\0\x03\0\x01\0\x06\x02\0\0\0\0\x01\0\0"

static const struct link_form forms[] = {
        {"ethernet", 1, 4, FORM(MACS "\x08\0"), 0},
        {"ethernet 6", 1, 6, FORM(MACS "\x86\xdd"), 0},
        {"802.1Q", 1, 4, FORM(MACS "\x81\0\xe0\x2a\x08\0"), 1},
        {"802.1ad", 1, 6, FORM(MACS "\x88\xa8\0\x2a\x81\0\0\x2b\x86\xdd"), 2},
        {"9100 three times", 1, 4, FORM(MACS "\x91\0\0\x2a\x91\0\0\x2b\x81\0\0\x2c\x08\0"), 3},
        {"five tags", 1, 4, FORM(MACS "\x91\0\0\x2a\x91\0\0\x2b\x91\0\0\x2c\x91\0\0\x2d\x81\0\0\x2e\x08\0"),
                4},
        {"VN-tag between tags", 1, 4, FORM(MACS "\x81\0\0\x2a\x89\x26\x80\0\0\x07\x81\0\0\x2b\x08\0"), 2},
        {"E-tag", 1, 6, FORM(MACS "\x89\x3f\0\0\0\x07\0\0\x86\xdd"), 0},
        {"Cisco MetaData", 1, 4, FORM(MACS "\x81\0\0\x2a\x89\x09\1\1\0\1\0\x07\x08\0"), 1},
        {"NSH", 1, 4, FORM(MACS "\x89\x4f\x0f\xc2\2\1\0\0\1\xff"), 0},
        {"802.11", 105, 4, FORM("\x08\2\0\0" MACS "\2\0\0\0\0\3\x10\0\xaa\xaa\3\0\0\0\x08\0"), 0},
        {"radiotap", 127, 6,
                FORM("\0\0\x0a\0\0\0\0\0\1\2\x88\1\0\0" MACS
                     "\2\0\0\0\0\3\x10\0\0\0\xaa\xaa\3\0\0\0\x86\xdd"),
                0},
        {"802.3 SNAP", 1, 4, FORM(MACS "\0\x40\xaa\xaa\x03\0\0\0\x08\0"), 0},
        {"tagged 802.3 SNAP", 1, 6, FORM(MACS "\x81\0\0\x2a\0\x40\xaa\xaa\x03\0\0\0\x86\xdd"), 1},
        {"cooked", 113, 4, FORM(SLL("\x08\0")), 0},
        {"cooked tagged", 113, 6, FORM(SLL("\x81\0") "\0\x2a\x86\xdd"), 1},
        {"cooked 802.2", 113, 4, FORM(SLL("\0\x04") "\xaa\xaa\x03\0\0\0\x08\0"), 0},
        {"cooked 2", 276, 4, FORM(SLL2("\x08\0")), 0},
        {"cooked 2 6", 276, 6, FORM(SLL2("\x86\xdd")), 0},
        {"raw", 101, 4, FORM(""), 0},
        {"raw 6", 101, 6, FORM(""), 0},
        {"DLT_RAW", 12, 4, FORM(""), 0},
        {"DLT_RAW 6 of OpenBSD", 14, 6, FORM(""), 0},
        {"IPV4", 228, 4, FORM(""), 0},
        {"IPV6", 229, 6, FORM(""), 0},
        {"null little", 0, 4, FORM("\x02\0\0\0"), 0},
        {"null big", 0, 4, FORM("\0\0\0\x02"), 0},
        {"null Linux 6", 0, 6, FORM("\x0a\0\0\0"), 0},
        {"null NetBSD 6", 0, 6, FORM("\x18\0\0\0"), 0},
        {"null FreeBSD 6", 0, 6, FORM("\x1c\0\0\0"), 0},
        {"null Darwin 6", 0, 6, FORM("\x1e\0\0\0"), 0},
        {"null Darwin 6 big", 0, 6, FORM("\0\0\0\x1e"), 0},
        {"loop", 108, 4, FORM("\0\0\0\x02"), 0},
        {"loop 6", 108, 6, FORM("\0\0\0\x18"), 0},
        {"PPP", 9, 4, FORM("\0\x21"), 0},
        {"PPP HDLC", 9, 6, FORM("\xff\x03\0\x57"), 0},
        {"PPP compressed", 9, 4, FORM("\x21"), 0},
        {"PPP serial", 50, 4, FORM("\xff\x03\0\x21"), 0},
        {"PPP serial Cisco", 50, 4, FORM("\x0f\0\x08\0"), 0},
        {"Cisco HDLC", 104, 6, FORM("\x8f\0\x86\xdd"), 0},
        {"PPPoE", 51, 4, FORM("\x11\0\0\x01\0\x50\0\x21"), 0},
        {"PPPoE in Ethernet", 1, 6, FORM(MACS "\x88\x64\x11\0\0\x01\0\x50\0\x57"), 0},
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

static void form_build(const struct link_form *form, struct frame *f)
{
	frame_begin(f);
	frame_put(f, form->head, form->n);
	if (form->version == 4)
		add_tcp4(f);
	else
		add_tcp6(f);
}

static void test_links(void **state)
{
	(void)state;
	for (size_t i = 0; i < FORMS; i++) {
		struct frame f;
		struct packet p;

		form_build(&forms[i], &f);
		if (decode(&f, forms[i].link, &p) != DECODE_OK)
			fail_msg("%s: not decoded", forms[i].name);
		assert_tcp_text(&p, forms[i].version);
		assert_ptr_equal(p.ip, f.b + forms[i].n);
		assert_int_equal(p.ip_len, f.n - forms[i].n);
		assert_int_equal(p.vlans, forms[i].vlans);
		assert_int_equal(
		        p.n_tunnels, !strncmp(forms[i].name, "PPPoE", 5)); /* test_tunnels.c has all others */
		for (uint16_t v = 0; v < p.vlans; v++)
			assert_int_equal(p.vlan[v], 0x2a + v);
	}
}

static void test_link_addresses(void **state)
{
	struct frame f;
	struct packet p;

	(void)state;
	form_build(&forms[0], &f);
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_memory_equal(p.dst_mac, MACS, 6);
	assert_memory_equal(p.src_mac, &MACS[6], 6);

	frame_begin(&f);
	frame_put(&f, SLL("\x08\0"), 16);
	add_tcp4(&f);
	assert_int_equal(decode(&f, 113, &p), DECODE_OK);
	assert_null(p.dst_mac);
	assert_memory_equal(p.src_mac, &MACS[6], 6);

	frame_begin(&f);
	frame_put(&f, SLL2("\x08\0"), 20);
	add_tcp4(&f);
	assert_int_equal(decode(&f, 276, &p), DECODE_OK);
	assert_memory_equal(p.src_mac, &MACS[6], 6);
	f.b[11] = 0; /* no address */
	assert_int_equal(decode(&f, 276, &p), DECODE_OK);
	assert_null(p.src_mac);

	frame_begin(&f);
	add_tcp4(&f);
	assert_int_equal(decode(&f, 101, &p), DECODE_OK);
	assert_null(p.src_mac);
	assert_null(p.dst_mac);
}

static void test_not_for_us(void **state)
{
	static const struct {
		const char *name;
		uint16_t link;
		size_t n;
		const char *head;
		enum decode_result result;
	} cases[] = {
	        {"ARP", 1, FORM(MACS "\x08\x06"), DECODE_NOT_IP},
	        {"LLDP", 1, FORM(MACS "\x88\xcc"), DECODE_NOT_IP},
	        {"STP", 1, FORM(MACS "\0\x26\x42\x42\x03\0\0\0"), DECODE_NOT_IP},
	        {"SNAP of Cisco", 1, FORM(MACS "\0\x26\xaa\xaa\x03\0\0\x0c\x20\0"), DECODE_NOT_IP},
	        {"SNAP in SNAP", 1, FORM(MACS "\0\x26\xaa\xaa\x03\0\0\0\0\x26"), DECODE_NOT_IP},
	        {"cooked, Linux's own", 113, FORM(SLL("\0\x01")), DECODE_NOT_IP},
	        {"cooked, CAN", 113, FORM(SLL("\0\x0c")), DECODE_NOT_IP},
	        {"null, AppleTalk", 0, FORM("\x10\0\0\0"), DECODE_NOT_IP},
	        {"PPP LCP", 9, FORM("\xff\x03\xc0\x21"), DECODE_NOT_IP},
	        {"Cisco SLARP", 104, FORM("\x8f\0\x80\x35"), DECODE_NOT_IP},
	        {"Cisco, no type", 104, FORM("\x8f\0\0\x35"), DECODE_NOT_IP},
	        {"PPPoE discovery", 51, FORM("\x11\x09\0\0\0\0"), DECODE_NOT_IP},
	        {"PPPoE version 2", 51, FORM("\x21\0\0\0\0\0"), DECODE_BAD_HEADER},
	        {"raw, version 5", 101, FORM("\x55"), DECODE_BAD_HEADER},
	        {"ethertype 4, version 6", 1, FORM(MACS "\x08\0\x65"), DECODE_BAD_HEADER},
	        {"ethertype 6, version 4", 1, FORM(MACS "\x86\xdd\x45"), DECODE_BAD_HEADER},
	        {"USB", 220, FORM(""), DECODE_LINK_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f;
		struct packet p;

		frame_begin(&f);
		frame_put(&f, cases[i].head, cases[i].n);
		frame_put(&f, (uint8_t[60]){0}, 60);
		if (decode(&f, cases[i].link, &p) != cases[i].result)
			fail_msg("%s", cases[i].name);
		assert_null(p.payload);
	}
}

/* Cut at every byte.  Cut with the true length known, it is truncated and never a lie; from the payload on it
 * is good, and payload_wire still says what was on the wire. */
static void test_prefixes(void **state)
{
	(void)state;
	for (size_t i = 0; i < FORMS; i++) {
		struct frame f;
		struct packet p;
		size_t head;

		form_build(&forms[i], &f);
		head = f.n - TEXT_LEN;
		for (size_t n = 0; n < f.n; n++) {
			enum decode_result r = decode_exact(f.b, n, (uint32_t)f.n, forms[i].link);

			if (r != (n < head ? DECODE_TRUNCATED : DECODE_OK) &&
			        !(n < forms[i].n && r == DECODE_NOT_IP))
				fail_msg("%s cut to %zu: %s", forms[i].name, n, decode_reason_name(r));
			decode_exact(f.b, n, (uint32_t)n, forms[i].link);
		}
		p = frame_packet(&f, forms[i].link, 0);
		p.caplen = (uint32_t)head + 5;
		assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
		assert_int_equal(p.payload_len, 5);
		assert_int_equal(p.payload_wire, TEXT_LEN);
		assert_int_equal(p.ip_len, head + 5 - forms[i].n);
	}
}

static void test_bit_flips(void **state)
{
	(void)state;
	for (size_t i = 0; i < FORMS; i++) {
		struct frame f;

		form_build(&forms[i], &f);
		for (size_t bit = 0; bit < f.n * 8; bit++) {
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			decode_exact(f.b, f.n, (uint32_t)f.n, forms[i].link);
			f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
}

static void test_padding(void **state)
{
	struct frame f;
	struct packet p;

	(void)state;
	frame_tcp4(&f, A4, 40000, B4, 443, 1, 2, TCP_ACK, NULL, 0);
	frame_put(&f, "\0\0\0\0\0\0", 6); /* to the 60 bytes of Ethernet */
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_int_equal(p.payload_len, 0);
	assert_int_equal(p.payload_wire, 0);
	assert_int_equal(p.ip_len, 40);

	frame_udp6(&f, A6, 5353, B6, 53, "abc", 3);
	frame_put(&f, "\xde\xad\xbe\xef", 4); /* checksum of the frame */
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_int_equal(p.payload_len, 3);
	assert_int_equal(p.payload_wire, 3);
}

static void test_options(void **state)
{
	struct frame f;
	struct packet p;
	size_t at;

	(void)state;
	/* IPv4: router alert, RFC 2113 */
	frame_begin(&f);
	frame_ether(&f, 0x0800);
	frame_ip4_options(&f, A4, B4, PROTO_TCP, "\x94\x04\0\0", 4);
	add_tcp(&f);
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_tcp_text(&p, 4);
	assert_int_equal(p.ip_id, 0x1234);

	/* the longest there can be, and a length that is shorter than a header */
	frame_begin(&f);
	frame_ip4_options(&f, A4, B4, PROTO_TCP, (uint8_t[40]){0}, 40);
	add_tcp(&f);
	assert_int_equal(decode(&f, 101, &p), DECODE_OK);
	assert_tcp_text(&p, 4);
	f.b[0] = 0x44;
	assert_int_equal(decode(&f, 101, &p), DECODE_BAD_HEADER);

	/* TCP: 12 bytes of timestamps and padding, RFC 7323 */
	frame_begin(&f);
	frame_ip4(&f, A4, B4, PROTO_TCP);
	at = f.n;
	frame_tcp(&f, 40000, 443, 0x01020304, 0x05060708, TCP_ACK | TCP_PSH);
	frame_put(&f, "\x01\x01\x08\x0a\0\0\0\1\0\0\0\2", 12);
	frame_put(&f, text, TEXT_LEN);
	frame_finish(&f);
	f.b[at + 12] = 8 << 4;
	assert_int_equal(decode(&f, 101, &p), DECODE_OK);
	assert_tcp_text(&p, 4);
	f.b[at + 12] = 4 << 4; /* RFC 9293 3.1: at least 5 */
	assert_int_equal(decode(&f, 101, &p), DECODE_BAD_HEADER);
	f.b[at + 12] = 15 << 4; /* past the end of the datagram */
	assert_int_equal(decode(&f, 101, &p), DECODE_BAD_HEADER);
}

static void test_ip4_lengths(void **state)
{
	struct frame f;
	struct packet p;

	(void)state;
	frame_begin(&f);
	add_tcp4(&f);
	frame_poke16(&f, 2, 0); /* a super-frame before segmentation */
	assert_int_equal(decode(&f, 101, &p), DECODE_OK);
	assert_tcp_text(&p, 4);
	frame_poke16(&f, 2, 19);
	assert_int_equal(decode(&f, 101, &p), DECODE_BAD_HEADER);
	frame_poke16(&f, 2, 39); /* ends within the TCP header */
	assert_int_equal(decode(&f, 101, &p), DECODE_BAD_HEADER);
	frame_poke16(&f, 2, f.n + 100); /* a frame cut by someone who did not say so */
	assert_int_equal(decode(&f, 101, &p), DECODE_OK);
	assert_int_equal(p.payload_len, TEXT_LEN);
	assert_int_equal(p.payload_wire, TEXT_LEN + 100);
	assert_int_equal(p.payload_cut, 0);
	p = frame_packet(&f, 101, 0); /* ... and some of it by someone who did */
	p.wirelen += 30;
	assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
	assert_int_equal(p.payload_len, TEXT_LEN);
	assert_int_equal(p.payload_wire, TEXT_LEN + 100);
	assert_int_equal(p.payload_cut, 30);

	/* cut by a snaplen and of length 0: the wire length is the frame's */
	frame_poke16(&f, 2, 0);
	p = frame_packet(&f, 101, 0);
	p.wirelen = 90000;
	assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
	assert_int_equal(p.payload_wire, 90000 - 40);
	assert_int_equal(p.payload_cut, 90000 - 40 - TEXT_LEN);
}

static void test_big_frame(void **state)
{
	static uint8_t big[60000];
	struct frame f;
	struct packet p;

	(void)state;
	frame_tcp4(&f, A4, 1, B4, 2, 3, 4, TCP_ACK, big, sizeof(big));
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_int_equal(p.payload_len, sizeof(big));

	frame_tcp6(&f, A6, 1, B6, 2, 3, 4, TCP_ACK, big, sizeof(big));
	frame_put(&f, big, 8000); /* past 64 KiB; RFC 2675 2: payload length 0 */
	frame_poke16(&f, 14 + 4, 0);
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_int_equal(p.payload_len, sizeof(big) + 8000);
}

static void test_fragments(void **state)
{
	static const uint16_t offsets[] = {0x2000, 0x0001, 0x2001, 0x1fff};
	struct frame f;
	struct packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		frame_begin(&f);
		add_tcp4(&f);
		frame_poke16(&f, 6, offsets[i]);
		assert_int_equal(decode(&f, 101, &p), DECODE_FRAGMENT);
		assert_int_equal(p.proto, PROTO_TCP);
		assert_ptr_equal(p.ip, f.b);
		assert_int_equal(p.ip_len, f.n);
		assert_null(p.payload);
	}
	frame_poke16(&f, 6, 0x4000); /* don't fragment */
	assert_int_equal(decode(&f, 101, &p), DECODE_OK);
	frame_poke16(&f, 6, 0x8000); /* the reserved bit */
	assert_int_equal(decode(&f, 101, &p), DECODE_OK);
}

static void test_ip6_fragments(void **state)
{
	static const struct {
		uint16_t field;
		enum decode_result result;
	} cases[] = {
	        {0x0000, DECODE_OK}, /* atomic, RFC 6946 */
	        {0x0006, DECODE_OK}, /* reserved bits */
	        {0x0001, DECODE_FRAGMENT},
	        {0x0008, DECODE_FRAGMENT},
	        {0xfff9, DECODE_FRAGMENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct frame f;
		struct packet p;

		frame_begin(&f);
		frame_ip6(&f, A6, B6, 44);
		frame_be(&f, PROTO_TCP, 1);
		frame_be(&f, 0, 1);
		frame_be(&f, cases[i].field, 2);
		frame_be(&f, 0xabcdef01, 4);
		add_tcp(&f);
		assert_int_equal(decode(&f, 101, &p), cases[i].result);
		assert_int_equal(p.proto, PROTO_TCP);
		if (cases[i].result == DECODE_OK)
			assert_tcp_text(&p, 6);
	}
}

/* RFC 8200 4.1: all of them, in the order it recommends, with lengths of their own. */
static void test_ip6_extensions(void **state)
{
	struct frame f;
	struct packet p;
	size_t head;

	(void)state;
	frame_begin(&f);
	frame_ip6(&f, A6, B6, 0);
	frame_put(&f, "\x3c\0\1\4\0\0\0\0", 8);                    /* hop-by-hop */
	frame_put(&f, "\x2b\1\1\x0c\0\0\0\0\0\0\0\0\0\0\0\0", 16); /* destination options */
	frame_put(&f, "\x2c\0\4\0\0\0\0\0", 8);                    /* routing */
	frame_put(&f, "\x33\0\0\0\0\0\0\1", 8);                    /* atomic fragment */
	frame_put(&f,
	        "\x87\4\0\0\0\0\0\1\0\0\0\2"
	        "\0\0\0\0\0\0\0\0\0\0\0\0",
	        24);                            /* AH, RFC 4302 */
	frame_put(&f, "\x8b\0\0\0\0\0\0\0", 8); /* mobility */
	frame_put(&f, "\x8c\0\0\0\0\0\0\0", 8); /* HIP */
	frame_put(&f, "\x06\0\0\0\0\0\0\0", 8); /* shim6 */
	head = f.n;
	add_tcp(&f);
	assert_int_equal(decode(&f, 229, &p), DECODE_OK);
	assert_tcp_text(&p, 6);
	assert_ptr_equal(p.payload, f.b + head + 20);
	assert_ptr_equal(p.ip, f.b);
	for (size_t n = 0; n < f.n; n++)
		assert_int_equal(decode_exact(f.b, n, (uint32_t)f.n, 229),
		        n < head + 20 ? DECODE_TRUNCATED : DECODE_OK);
	for (size_t bit = 0; bit < f.n * 8; bit++) {
		f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		decode_exact(f.b, f.n, (uint32_t)f.n, 229);
		f.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	f.b[41] = 255; /* the hop-by-hop header is longer than the datagram */
	assert_int_equal(decode(&f, 229, &p), DECODE_BAD_HEADER);
}

static void test_other_protocols(void **state)
{
	static const uint8_t six[] = {1, 46, 50, 58, 59, 132};
	static const uint8_t four[] = {0, 1, 43, 44, 50, 60, 132, 135, 139, 140, 255};
	struct frame f;
	struct packet p;

	(void)state;
	for (size_t i = 0; i < sizeof(six); i++) {
		frame_begin(&f);
		frame_ip6(&f, A6, B6, six[i]);
		add_tcp(&f);
		assert_int_equal(decode(&f, 101, &p), DECODE_OTHER_PROTO);
		assert_int_equal(p.proto, six[i]);
	}
	for (size_t i = 0; i < sizeof(four); i++) {
		frame_begin(&f);
		frame_ip4(&f, A4, B4, four[i]);
		add_tcp(&f);
		assert_int_equal(decode(&f, 101, &p), DECODE_OTHER_PROTO);
		assert_int_equal(p.proto, four[i]);
	}
	/* authentication is IPv4's too */
	frame_begin(&f);
	frame_ip4(&f, A4, B4, 51);
	frame_put(&f,
	        "\x06\4\0\0\0\0\0\1\0\0\0\2"
	        "\0\0\0\0\0\0\0\0\0\0\0\0",
	        24);
	add_tcp(&f);
	assert_int_equal(decode(&f, 101, &p), DECODE_OK);
	assert_tcp_text(&p, 4);
}

static void test_udp(void **state)
{
	struct frame f;
	struct packet p;
	const size_t len_at = 14 + 20 + 4;

	(void)state;
	frame_udp4(&f, A4, 5353, B4, 53, "question", 8);
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_int_equal(p.proto, PROTO_UDP);
	assert_int_equal(p.sport, 5353);
	assert_int_equal(p.dport, 53);
	assert_int_equal(p.payload_len, 8);
	assert_memory_equal(p.payload, "question", 8);
	assert_int_equal(p.tcp_flags, 0);
	for (size_t n = 0; n < f.n; n++)
		assert_int_equal(
		        decode_exact(f.b, n, (uint32_t)f.n, 1), n < 42 ? DECODE_TRUNCATED : DECODE_OK);

	frame_poke16(&f, len_at, 8 + 5); /* shorter than the datagram: the rest is not payload */
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_int_equal(p.payload_len, 5);
	assert_int_equal(p.payload_wire, 5);
	frame_poke16(&f, len_at, 0);
	assert_int_equal(decode(&f, 1, &p), DECODE_OK);
	assert_int_equal(p.payload_len, 8);
	frame_poke16(&f, len_at, 7);
	assert_int_equal(decode(&f, 1, &p), DECODE_BAD_HEADER);
	frame_poke16(&f, len_at, 8 + 9);
	assert_int_equal(decode(&f, 1, &p), DECODE_BAD_HEADER);

	/* with bytes of the next frame behind it: the length may not reach them */
	frame_put(&f, "rubbish", 7);
	assert_int_equal(decode(&f, 1, &p), DECODE_BAD_HEADER);

	/* cut by the snaplen, and shorter than the datagram */
	frame_udp4(&f, A4, 5353, B4, 53, "question", 8);
	frame_poke16(&f, len_at, 8 + 6);
	p = frame_packet(&f, 1, 0);
	p.caplen = 42 + 4;
	assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
	assert_int_equal(p.payload_len, 4);
	assert_int_equal(p.payload_wire, 6);
}

static void test_depth(void **state)
{
	struct frame f;
	struct packet p;

	(void)state;
	for (int tags = 1; tags <= 40; tags++) {
		frame_begin(&f);
		frame_ether(&f, 0x88a8);
		for (int i = 1; i < tags; i++)
			frame_tag(&f, 7, 0x88a8);
		frame_tag(&f, 7, 0x0800);
		add_tcp4(&f);
		/* Ethernet, the tags, IP, TCP */
		assert_int_equal(
		        decode(&f, 1, &p), tags + 3 <= DECODE_DEPTH_MAX ? DECODE_OK : DECODE_TOO_DEEP);
		assert_int_equal(p.vlans, tags < PACKET_VLANS_MAX ? tags : PACKET_VLANS_MAX);
	}
}

static void test_reason_names(void **state)
{
	(void)state;
	for (int r = 0; r < DECODE_RESULTS; r++)
		assert_string_not_equal(decode_reason_name((enum decode_result)r), "unknown");
	assert_string_equal(decode_reason_name(DECODE_OTHER_PROTO), "other-protocol");
	assert_string_equal(decode_reason_name(DECODE_RESULTS), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_links),
	        cmocka_unit_test(test_link_addresses),
	        cmocka_unit_test(test_not_for_us),
	        cmocka_unit_test(test_prefixes),
	        cmocka_unit_test(test_bit_flips),
	        cmocka_unit_test(test_padding),
	        cmocka_unit_test(test_options),
	        cmocka_unit_test(test_ip4_lengths),
	        cmocka_unit_test(test_big_frame),
	        cmocka_unit_test(test_fragments),
	        cmocka_unit_test(test_ip6_fragments),
	        cmocka_unit_test(test_ip6_extensions),
	        cmocka_unit_test(test_other_protocols),
	        cmocka_unit_test(test_udp),
	        cmocka_unit_test(test_depth),
	        cmocka_unit_test(test_reason_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
