/* wraps.h - random packets in random encapsulations, one inside the other, for tests that hold two readers of
 * them against each other.  A packet is built from its inside out: each call puts a header before what is
 * there, so lengths are known when they are written. */
#ifndef TESTS_UNIT_WRAPS_H
#define TESTS_UNIT_WRAPS_H

#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WRAP_MAX 4096

/* What stands at the front: what the next header outwards may carry. */
enum wrap_front { FRONT_FRAME, FRONT_IP4, FRONT_IP6 };

struct wrapped {
	uint8_t b[WRAP_MAX];
	size_t at; /* b[at .. WRAP_MAX) */
	enum wrap_front front;
	unsigned levels; /* packets, one inside the other */
};

static inline unsigned wrap_dice(unsigned n)
{
	return (unsigned)rand() % n;
}

static inline void wrap_put(struct wrapped *w, const void *p, size_t n)
{
	if (n > w->at)
		abort();
	w->at -= n;
	memcpy(w->b + w->at, p, n);
}

static inline void wrap_be(struct wrapped *w, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	wrap_put(w, b, n);
}

static inline void wrap_noise(struct wrapped *w, size_t n)
{
	while (n--)
		wrap_be(w, wrap_dice(256), 1);
}

static inline size_t wrap_len(const struct wrapped *w)
{
	return WRAP_MAX - w->at;
}

static inline uint16_t wrap_type(const struct wrapped *w)
{
	return w->front == FRONT_IP4 ? 0x0800 : 0x86dd;
}

/* An IPv4 header, with options and sometimes an authentication header, before what is there. */
static inline void wrap_ip4(
        struct wrapped *w, uint8_t proto, const struct ip_addr *src, const struct ip_addr *dst)
{
	size_t options = wrap_dice(3) * 4;

	if (!wrap_dice(8)) {
		wrap_noise(w, 20);
		wrap_be(w, 0, 2);
		wrap_be(w, 4, 1); /* 24 bytes in all */
		wrap_be(w, proto, 1);
		proto = 51;
	}
	wrap_noise(w, options);
	wrap_put(w, dst->b + 12, 4);
	wrap_put(w, src->b + 12, 4);
	wrap_noise(w, 2);
	wrap_be(w, proto, 1);
	wrap_be(w, 64, 1);
	wrap_be(w, wrap_dice(2) ? 0x4000 : 0, 2); /* may not be cut, or may */
	wrap_noise(w, 2);
	wrap_be(w, wrap_dice(16) ? wrap_len(w) + 4 : 0, 2);
	wrap_be(w, 0, 1);
	wrap_be(w, 0x45 + options / 4, 1);
	w->front = FRONT_IP4;
}

/* An IPv6 header and up to four of its extensions. */
static inline void wrap_ip6(
        struct wrapped *w, uint8_t proto, const struct ip_addr *src, const struct ip_addr *dst)
{
	static const uint8_t kinds[] = {0, 43, 60, 135, 139, 140, 44, 51};
	unsigned n = wrap_dice(3) ? 0 : wrap_dice(5);

	for (unsigned i = 0; i < n; i++) {
		uint8_t kind = kinds[wrap_dice(sizeof(kinds))];
		unsigned units = wrap_dice(3);

		if (kind == 44) { /* RFC 6946: an atomic fragment */
			wrap_noise(w, 4);
			wrap_be(w, 0, 3);
		} else {
			wrap_noise(w, units * 8 + 6);
			wrap_be(w, kind == 51 ? units * 2 : units, 1);
		}
		wrap_be(w, proto, 1);
		proto = kind;
	}
	{
		size_t payload = wrap_len(w);

		wrap_put(w, dst->b, 16);
		wrap_put(w, src->b, 16);
		wrap_be(w, 64, 1);
		wrap_be(w, proto, 1);
		wrap_be(w, wrap_dice(16) ? payload : 0, 2);
		wrap_be(w, 0x60000000 | wrap_dice(1 << 20), 4);
	}
	w->front = FRONT_IP6;
}

static inline void wrap_address(struct ip_addr *a, bool v4)
{
	for (size_t i = 0; i < 16; i++)
		a->b[i] = (uint8_t)rand();
	if (v4)
		memcpy(a->b, (uint8_t[12]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12);
}

/* IP of either version around what is there, between addresses that nobody knows. */
static inline void wrap_ip(struct wrapped *w, uint8_t proto)
{
	bool v4 = wrap_dice(2);
	struct ip_addr a, b;

	wrap_address(&a, v4);
	wrap_address(&b, v4);
	(v4 ? wrap_ip4 : wrap_ip6)(w, proto, &a, &b);
	w->levels++;
}

static inline void wrap_udp(struct wrapped *w, uint16_t sport, uint16_t dport)
{
	size_t len = wrap_len(w) + 8;

	wrap_be(w, 0, 2);
	wrap_be(w, len, 2);
	wrap_be(w, dport, 2);
	wrap_be(w, sport, 2);
	wrap_ip(w, 17);
}

/* The innermost packet. */
static inline void wrap_begin(struct wrapped *w, bool tcp, const struct ip_addr *src,
        const struct ip_addr *dst, uint16_t sport, uint16_t dport)
{
	w->at = WRAP_MAX;
	w->levels = 1;
	wrap_noise(w, wrap_dice(100));
	if (tcp) {
		wrap_noise(w, 6);
		wrap_be(w, 0x5010, 2);
		wrap_noise(w, 8);
	} else {
		size_t len = wrap_len(w) + 8;

		wrap_be(w, 0, 2);
		wrap_be(w, len, 2);
	}
	wrap_be(w, dport, 2);
	wrap_be(w, sport, 2);
	(ip_is4(src) ? wrap_ip4 : wrap_ip6)(w, tcp ? 6 : 17, src, dst);
}

/* ---- link layers ------------------------------------------------------------------------------------------
 */

static inline void wrap_ether(struct wrapped *w, uint16_t type)
{
	static const uint16_t tags[] = {0x8100, 0x88a8, 0x9100, 0x9200, 0x9300};

	if (!wrap_dice(8) && (type == 0x0800 || type == 0x86dd)) { /* 802.3 with SNAP */
		size_t len = wrap_len(w) + 8;

		wrap_be(w, type, 2);
		wrap_be(w, 0xaaaa03000000, 6);
		type = (uint16_t)len;
	}
	for (unsigned n = wrap_dice(2) ? 0 : wrap_dice(5); n; n--) {
		wrap_be(w, type, 2);
		wrap_noise(w, 2);
		type = tags[wrap_dice(5)];
		if (n == 3 && wrap_dice(2)) { /* behind two of them one of another kind */
			uint16_t other = (uint16_t[]){0x8926, 0x893f, 0x8909}[wrap_dice(3)];

			wrap_be(w, type, 2);
			wrap_noise(w, other == 0x8926 ? 4 : 6);
			type = other;
		}
	}
	wrap_be(w, type, 2);
	wrap_noise(w, 11);
	wrap_be(w, 2, 1); /* no MAC address that looks like IP */
	w->front = FRONT_FRAME;
}

/* A stack of labels on what is there: IP, or a frame with or without a control word (RFC 4448). */
static inline void wrap_labels(struct wrapped *w)
{
	unsigned n = 1 + wrap_dice(8);
	uint32_t bottom = 16 + wrap_dice(1 << 19);

	if (w->front == FRONT_FRAME && wrap_dice(2)) {
		wrap_noise(w, 2);
		wrap_be(w, 0, 2);
	}
	if (w->front != FRONT_FRAME && !wrap_dice(4))
		bottom = w->front == FRONT_IP4 ? 0 : 2;
	for (unsigned i = 0; i < n; i++)
		wrap_be(w, i ? wrap_dice(1u << 20) << 12 | 64 : bottom << 12 | 0x140, 4);
}

/* A frame around what is there. */
static inline void wrap_frame(struct wrapped *w)
{
	switch (w->front == FRONT_FRAME ? 2 + wrap_dice(2) : wrap_dice(6)) {
	case 0: { /* PPPoE, RFC 2516 */
		uint16_t number = w->front == FRONT_IP4 ? 0x21 : 0x57;

		if (wrap_dice(2))
			wrap_be(w, number, 1);
		else
			wrap_be(w, number, 2);
		if (!wrap_dice(3))
			wrap_be(w, 0xff03, 2);
		wrap_noise(w, 2);
		wrap_noise(w, 2);
		wrap_be(w, 0x1100, 2);
		wrap_ether(w, 0x8864);
		break;
	}
	case 1:
	case 2: {
		bool frame = w->front == FRONT_FRAME;

		wrap_labels(w);
		wrap_ether(w, wrap_dice(2) ? 0x8847 : 0x8848);
		w->levels += frame; /* a packet inside of a frame inside of a frame */
		break;
	}
	case 3:
		if (w->front == FRONT_FRAME) { /* 802.1ah, FabricPath */
			bool pbb = wrap_dice(2);

			wrap_noise(w, pbb ? 4 : 2);
			wrap_ether(w, pbb ? 0x88e7 : 0x8903);
			w->levels++;
			break;
		}
		/* fall through */
	default:
		wrap_ether(w, wrap_type(w));
	}
}

/* ---- tunnels: each puts an IP packet around what is there
 * ---------------------------------------------------- */

/* RFC 1701, 2784, 2890 with any of the fields. */
static inline void wrap_gre(struct wrapped *w)
{
	uint32_t flags = wrap_dice(16) << 12;
	uint16_t type = w->front == FRONT_FRAME ? 0x6558 : wrap_type(w);

	if (flags & 0x4000) {
		wrap_be(w, 0, 4);
		for (unsigned n = wrap_dice(3); n; n--) {
			unsigned len = 1 + wrap_dice(16);

			wrap_noise(w, len);
			wrap_be(w, len, 1);
			wrap_noise(w, 1);
			wrap_be(w, 0x0800, 2);
		}
	}
	for (unsigned bit = 0x1000; bit <= 0x2000; bit <<= 1)
		if (flags & bit)
			wrap_noise(w, 4);
	if (flags & 0xc000)
		wrap_noise(w, 4);
	wrap_be(w, type, 2);
	wrap_be(w, flags, 2);
	wrap_ip(w, 47);
}

/* RFC 8086 */
static inline void wrap_gre_udp(struct wrapped *w)
{
	wrap_be(w, w->front == FRONT_FRAME ? 0x6558 : wrap_type(w), 2);
	wrap_be(w, 0, 2);
	wrap_udp(w, 50004, 4754);
}

/* RFC 4380 */
static inline void wrap_teredo(struct wrapped *w)
{
	if (wrap_dice(2)) {
		wrap_noise(w, 6);
		wrap_be(w, 0, 2);
	}
	if (wrap_dice(2))
		wrap_udp(w, 3544, 40000);
	else
		wrap_udp(w, 40000, 3544);
}

static inline void wrap_gre_labels(struct wrapped *w)
{
	bool frame = w->front == FRONT_FRAME;

	wrap_labels(w);
	wrap_be(w, 0x8847, 2);
	wrap_be(w, 0, 2);
	wrap_ip(w, 47);
	w->levels += frame;
}

/* RFC 2637 */
static inline void wrap_pptp(struct wrapped *w)
{
	bool ack = wrap_dice(2);

	wrap_be(w, w->front == FRONT_IP4 ? 0x21 : 0x57, 2);
	if (wrap_dice(2))
		wrap_be(w, 0xff03, 2);
	{
		size_t len = wrap_len(w);

		if (ack)
			wrap_noise(w, 4);
		wrap_noise(w, 4 + 2);
		wrap_be(w, len, 2);
	}
	wrap_be(w, 0x880b, 2);
	wrap_be(w, 0x3001 | (ack ? 0x80u : 0), 2);
	wrap_ip(w, 47);
}

static inline void wrap_wccp(struct wrapped *w)
{
	if (wrap_dice(2))
		wrap_be(w, 0x01020304, 4);
	wrap_be(w, 0x883e, 2);
	wrap_be(w, 0, 2);
	wrap_ip(w, 47);
}

static inline void wrap_erspan(struct wrapped *w)
{
	switch (w->front == FRONT_FRAME ? wrap_dice(3) : 2) {
	case 0:
		wrap_be(w, 0x000088be, 4);
		break;
	case 1:
		wrap_noise(w, 4);
		wrap_be(w, 0x10000000 | wrap_dice(1 << 28), 4);
		wrap_noise(w, 4);
		wrap_be(w, 0x100088be, 4);
		break;
	default: {
		bool more = wrap_dice(2);

		if (more)
			wrap_noise(w, 8);
		wrap_be(w, (w->front == FRONT_FRAME ? 0u : 2u << 10) | more, 2);
		wrap_noise(w, 6);
		wrap_be(w, 0x20000000 | wrap_dice(1 << 28), 4);
		wrap_noise(w, 4);
		wrap_be(w, 0x100022eb, 4);
	}
	}
	wrap_ip(w, 47);
}

static inline void wrap_vxlan(struct wrapped *w)
{
	/* all but two flags are reserved, and ignored */
	wrap_noise(w, 4);
	wrap_be(w, wrap_dice(2) ? 0x08000000 : 0x08000000 | (wrap_dice(1 << 28) << 4 & 0xf3ffffff), 4);
	wrap_udp(w, 50000, wrap_dice(2) ? 4789 : 8472);
}

static inline void wrap_vxlan_gpe(struct wrapped *w)
{
	unsigned next = w->front == FRONT_FRAME ? 3 : w->front == FRONT_IP4 ? 1 : 2;

	wrap_noise(w, 4);
	wrap_be(w, next == 3 && wrap_dice(2) ? 0x08000000 : 0x0c000000 | next, 4);
	wrap_udp(w, 50001, 4790);
}

static inline void wrap_geneve(struct wrapped *w)
{
	unsigned words = 0;

	for (unsigned n = wrap_dice(4); n; n--) {
		unsigned len = wrap_dice(4);

		wrap_noise(w, len * 4);
		wrap_be(w, len, 1);
		wrap_noise(w, 3);
		words += len + 1;
	}
	wrap_noise(w, 4);
	wrap_be(w, w->front == FRONT_FRAME ? 0x6558 : wrap_type(w), 2);
	wrap_be(w, words << 8 | wrap_dice(256), 2);
	wrap_udp(w, 50002, 6081);
}

static inline void wrap_gtpu(struct wrapped *w)
{
	unsigned flags = wrap_dice(8), next = 0;
	size_t len;

	if (flags & 4)
		for (unsigned n = wrap_dice(5); n; n--) {
			unsigned units = 1 + wrap_dice(2);

			wrap_be(w, next, 1);
			wrap_noise(w, units * 4 - 2);
			wrap_be(w, units, 1);
			next = 1 + wrap_dice(255);
		}
	if (flags) {
		wrap_be(w, flags & 4 ? next : wrap_dice(256), 1);
		wrap_noise(w, 3);
	}
	len = wrap_len(w);
	wrap_noise(w, 4);
	wrap_be(w, len, 2);
	wrap_be(w, 0x30ffu | flags << 8, 2);
	if (wrap_dice(2))
		wrap_udp(w, 2152, 40000);
	else
		wrap_udp(w, 40000, 2152);
}

static inline void wrap_labels_udp(struct wrapped *w)
{
	bool frame = w->front == FRONT_FRAME;

	wrap_labels(w);
	wrap_udp(w, 50003, 6635);
	w->levels += frame;
}

static inline void wrap_labels_ip(struct wrapped *w)
{
	bool frame = w->front == FRONT_FRAME;

	wrap_labels(w);
	wrap_ip(w, 137);
	w->levels += frame;
}

static inline void wrap_ipip(struct wrapped *w)
{
	wrap_ip(w, w->front == FRONT_IP4 ? 4 : 41);
}

static inline void wrap_etherip(struct wrapped *w)
{
	wrap_be(w, 0x3000, 2);
	wrap_ip(w, 97);
}

static const struct {
	void (*put)(struct wrapped *w);
	bool frames, ip4, ip6; /* what it can carry */
} wrap_tunnels[] = {
        {wrap_gre, true, true, true},
        {wrap_gre_labels, true, true, true},
        {wrap_gre_udp, true, true, true},
        {wrap_teredo, false, false, true},
        {wrap_pptp, false, true, true},
        {wrap_wccp, false, true, false},
        {wrap_erspan, true, true, true},
        {wrap_vxlan, true, false, false},
        {wrap_vxlan_gpe, true, true, true},
        {wrap_geneve, true, true, true},
        {wrap_gtpu, false, true, true},
        {wrap_labels_udp, true, true, true},
        {wrap_labels_ip, true, true, true},
        {wrap_ipip, false, true, true},
        {wrap_etherip, true, false, false},
};

#define WRAP_TUNNELS (sizeof(wrap_tunnels) / sizeof(wrap_tunnels[0]))

/* Wraps what is there into tunnels until there are `levels` packets, and an Ethernet frame around all. */
static inline void wrap_up(struct wrapped *w, unsigned levels)
{
	while (w->levels < levels) {
		const unsigned t = wrap_dice(WRAP_TUNNELS);

		if (w->front == FRONT_IP4 ? wrap_tunnels[t].ip4
		                          : wrap_tunnels[t].ip6 && w->front == FRONT_IP6)
			wrap_tunnels[t].put(w);
		else if (wrap_tunnels[t].frames) {
			wrap_frame(w);
			while (w->levels < levels && !wrap_dice(4))
				wrap_frame(w);
			if (w->levels < levels)
				wrap_tunnels[t].put(w);
		}
	}
	if (w->front != FRONT_FRAME)
		wrap_frame(w);
}

#endif
