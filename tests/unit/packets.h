/* packets.h - builds frames for tests, front to back: each call appends a header, frame_finish() fills in the
 * lengths and the IPv4 header checksum.  A whole plain frame is one call: frame_tcp4(), frame_udp4() and the
 * same with 6.
 *
 *	struct frame f;
 *	struct packet p;
 *
 *	frame_begin(&f);
 *	frame_ether(&f, 0x8100);
 *	frame_tag(&f, 42, 0x0800);
 *	frame_ip4(&f, "10.0.0.1", "192.0.2.7", 6);
 *	frame_tcp(&f, 40000, 443, 1000, 0, TCP_SYN);
 *	frame_put(&f, "hello", 5);
 *	frame_finish(&f);
 *	p = frame_packet(&f, 1, ts_ns);
 *	decode_packet(&p, NULL);
 */
#ifndef TESTS_UNIT_PACKETS_H
#define TESTS_UNIT_PACKETS_H

#include "base/ip.h"
#include "capture/packet.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX   70000
#define FRAME_FIXES 8

enum frame_fix_kind { FRAME_FIX_IP4, FRAME_FIX_IP6, FRAME_FIX_UDP };

struct frame {
	uint8_t b[FRAME_MAX];
	size_t n;
	size_t fixes;
	struct {
		enum frame_fix_kind kind;
		size_t at; /* where its header begins */
	} fix[FRAME_FIXES];
};

static inline void frame_begin(struct frame *f)
{
	f->n = 0;
	f->fixes = 0;
}

static inline void frame_put(struct frame *f, const void *p, size_t n)
{
	if (n > sizeof(f->b) - f->n)
		abort();
	if (n)
		memcpy(f->b + f->n, p, n);
	f->n += n;
}

/* Big-endian number of n bytes. */
static inline void frame_be(struct frame *f, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)(v >> 8 * (n - 1 - i));
	frame_put(f, b, n);
}

static inline void frame_poke16(struct frame *f, size_t at, size_t v)
{
	f->b[at] = (uint8_t)(v >> 8);
	f->b[at + 1] = (uint8_t)v;
}

static inline void frame_remember(struct frame *f, enum frame_fix_kind kind)
{
	if (f->fixes == FRAME_FIXES)
		abort();
	f->fix[f->fixes].kind = kind;
	f->fix[f->fixes++].at = f->n;
}

/* From 02:00:00:00:00:01 to 02:00:00:00:00:02. */
static inline void frame_ether(struct frame *f, uint16_t type)
{
	frame_put(f, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
	frame_be(f, type, 2);
}

/* What follows a TPID: the tag and the type of what comes next. */
static inline void frame_tag(struct frame *f, uint16_t vid, uint16_t type)
{
	frame_be(f, vid, 2);
	frame_be(f, type, 2);
}

/* The IPv4 header with `optlen` bytes of options (a multiple of four). */
static inline void frame_ip4_options(
        struct frame *f, const char *src, const char *dst, uint8_t proto, const void *options, size_t optlen)
{
	struct ip_addr a, b;

	if (ip_parse(src, &a) < 0 || ip_parse(dst, &b) < 0)
		abort();
	frame_remember(f, FRAME_FIX_IP4);
	frame_be(f, 0x40 | (5 + optlen / 4), 1);
	frame_be(f, 0, 1);      /* traffic class */
	frame_be(f, 0, 2);      /* total length: frame_finish() */
	frame_be(f, 0x1234, 2); /* identification */
	frame_be(f, 0, 2);      /* flags and fragment offset */
	frame_be(f, 64, 1);     /* time to live */
	frame_be(f, proto, 1);
	frame_be(f, 0, 2); /* checksum: frame_finish() */
	frame_put(f, a.b + 12, 4);
	frame_put(f, b.b + 12, 4);
	frame_put(f, options, optlen);
}

static inline void frame_ip4(struct frame *f, const char *src, const char *dst, uint8_t proto)
{
	frame_ip4_options(f, src, dst, proto, NULL, 0);
}

static inline void frame_ip6(struct frame *f, const char *src, const char *dst, uint8_t next)
{
	struct ip_addr a, b;

	if (ip_parse(src, &a) < 0 || ip_parse(dst, &b) < 0)
		abort();
	frame_remember(f, FRAME_FIX_IP6);
	frame_be(f, 0x60000000, 4);
	frame_be(f, 0, 2); /* payload length: frame_finish() */
	frame_be(f, next, 1);
	frame_be(f, 64, 1);
	frame_put(f, a.b, 16);
	frame_put(f, b.b, 16);
}

static inline void frame_tcp(
        struct frame *f, uint16_t sport, uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags)
{
	frame_be(f, sport, 2);
	frame_be(f, dport, 2);
	frame_be(f, seq, 4);
	frame_be(f, ack, 4);
	frame_be(f, 5 << 4, 1);
	frame_be(f, flags, 1);
	frame_be(f, 64240, 2); /* window */
	frame_be(f, 0, 4);     /* checksum, urgent pointer */
}

static inline void frame_udp(struct frame *f, uint16_t sport, uint16_t dport)
{
	frame_remember(f, FRAME_FIX_UDP);
	frame_be(f, sport, 2);
	frame_be(f, dport, 2);
	frame_be(f, 0, 2); /* length: frame_finish() */
	frame_be(f, 0, 2);
}

static inline void frame_ip4_checksum(struct frame *f, size_t at)
{
	size_t words = (size_t)(f->b[at] & 15) * 2;
	uint32_t sum = 0;

	frame_poke16(f, at + 10, 0);
	for (size_t i = 0; i < words; i++)
		sum += (uint32_t)f->b[at + 2 * i] << 8 | f->b[at + 2 * i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame_poke16(f, at + 10, ~sum & 0xffff);
}

static inline void frame_finish(struct frame *f)
{
	for (size_t i = f->fixes; i-- > 0;) {
		size_t at = f->fix[i].at;

		switch (f->fix[i].kind) {
		case FRAME_FIX_IP4:
			frame_poke16(f, at + 2, f->n - at);
			frame_ip4_checksum(f, at);
			break;
		case FRAME_FIX_IP6:
			frame_poke16(f, at + 4, f->n - at - 40);
			break;
		case FRAME_FIX_UDP:
			frame_poke16(f, at + 4, f->n - at);
			break;
		}
	}
}

/* The frame as a source hands it out; borrows from f. */
static inline struct packet frame_packet(const struct frame *f, uint16_t linktype, int64_t ts_ns)
{
	return (struct packet){.ts_ns = ts_ns,
	        .data = f->b,
	        .caplen = (uint32_t)f->n,
	        .wirelen = (uint32_t)f->n,
	        .linktype = linktype};
}

/* One whole Ethernet frame each. */
static inline void frame_tcp4(struct frame *f, const char *src, uint16_t sport, const char *dst,
        uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags, const void *payload, size_t n)
{
	frame_begin(f);
	frame_ether(f, 0x0800);
	frame_ip4(f, src, dst, PROTO_TCP);
	frame_tcp(f, sport, dport, seq, ack, flags);
	frame_put(f, payload, n);
	frame_finish(f);
}

static inline void frame_tcp6(struct frame *f, const char *src, uint16_t sport, const char *dst,
        uint16_t dport, uint32_t seq, uint32_t ack, uint8_t flags, const void *payload, size_t n)
{
	frame_begin(f);
	frame_ether(f, 0x86dd);
	frame_ip6(f, src, dst, PROTO_TCP);
	frame_tcp(f, sport, dport, seq, ack, flags);
	frame_put(f, payload, n);
	frame_finish(f);
}

static inline void frame_udp4(struct frame *f, const char *src, uint16_t sport, const char *dst,
        uint16_t dport, const void *payload, size_t n)
{
	frame_begin(f);
	frame_ether(f, 0x0800);
	frame_ip4(f, src, dst, PROTO_UDP);
	frame_udp(f, sport, dport);
	frame_put(f, payload, n);
	frame_finish(f);
}

static inline void frame_udp6(struct frame *f, const char *src, uint16_t sport, const char *dst,
        uint16_t dport, const void *payload, size_t n)
{
	frame_begin(f);
	frame_ether(f, 0x86dd);
	frame_ip6(f, src, dst, PROTO_UDP);
	frame_udp(f, sport, dport);
	frame_put(f, payload, n);
	frame_finish(f);
}

/* What decode_packet() makes of such a frame, without the frame: for tests of what comes after the decoder.
 * The addresses are as text; headers are counted as 20 bytes each, 8 for UDP. */
static inline struct packet packet_plain(uint8_t proto, const char *src, uint16_t sport, const char *dst,
        uint16_t dport, const void *payload, size_t n, int64_t ts_ns)
{
	uint32_t headers = 20u + (proto == PROTO_TCP ? 20 : 8);
	struct packet p = {.ts_ns = ts_ns, .linktype = 1, .proto = proto, .sport = sport, .dport = dport};

	if (ip_parse(src, &p.src) < 0 || ip_parse(dst, &p.dst) < 0)
		abort();
	p.ip_version = ip_is4(&p.src) ? 4 : 6;
	p.ttl = 64;
	p.payload = payload;
	p.payload_len = p.payload_wire = (uint32_t)n;
	p.ip_len = headers + (uint32_t)n;
	p.caplen = p.wirelen = 14 + p.ip_len;
	return p;
}

static inline struct packet packet_tcp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
        uint32_t seq, uint32_t ack, uint8_t flags, const void *payload, size_t n, int64_t ts_ns)
{
	struct packet p = packet_plain(PROTO_TCP, src, sport, dst, dport, payload, n, ts_ns);

	p.seq = seq;
	p.ack = ack;
	p.tcp_flags = flags;
	p.tcp_window = 64240;
	return p;
}

static inline struct packet packet_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
        const void *payload, size_t n, int64_t ts_ns)
{
	return packet_plain(PROTO_UDP, src, sport, dst, dport, payload, n, ts_ns);
}

#endif
