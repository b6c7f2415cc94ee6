/* captures.h - builds capture files in memory for tests: pcapng blocks and classic pcap, both byte orders. */
#ifndef TESTS_UNIT_CAPTURES_H
#define TESTS_UNIT_CAPTURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CAPTURE_MAX (1u << 18)

struct capture {
	bool big;
	size_t n;
	size_t block; /* where the open pcapng block begins */
	uint8_t b[CAPTURE_MAX];
};

static inline void capture_put(struct capture *c, const void *p, size_t n)
{
	if (n > sizeof(c->b) - c->n)
		abort();
	if (n)
		memcpy(c->b + c->n, p, n);
	c->n += n;
}

static inline void capture_number(struct capture *c, uint64_t v, size_t n)
{
	uint8_t b[8];

	for (size_t i = 0; i < n; i++)
		b[c->big ? n - 1 - i : i] = (uint8_t)(v >> 8 * i);
	capture_put(c, b, n);
}

static inline void capture_pad(struct capture *c)
{
	while (c->n % 4)
		capture_put(c, "", 1);
}

/* Blocks: begin, what is in it, end. */
static inline void block_begin(struct capture *c, uint32_t type)
{
	c->block = c->n;
	capture_number(c, type, 4);
	capture_number(c, 0, 4);
}

static inline void block_end(struct capture *c)
{
	size_t len, end;

	capture_pad(c);
	len = c->n - c->block + 4;
	capture_number(c, len, 4);
	end = c->n;
	c->n = c->block + 4;
	capture_number(c, len, 4);
	c->n = end;
}

static inline void block_section(struct capture *c)
{
	block_begin(c, 0x0a0d0d0a);
	capture_number(c, 0x1a2b3c4d, 4);
	capture_number(c, 1, 2);
	capture_number(c, 0, 2);
	capture_number(c, UINT64_MAX, 8); /* length of the section: not told */
	block_end(c);
}

static inline void block_option(struct capture *c, uint16_t code, const void *p, size_t n)
{
	capture_number(c, code, 2);
	capture_number(c, n, 2);
	capture_put(c, p, n);
	capture_pad(c);
}

/* resolution < 0: the option is left out. */
static inline void block_interface(
        struct capture *c, uint16_t link, uint32_t snaplen, int resolution, int64_t offset_s)
{
	block_begin(c, 1);
	capture_number(c, link, 2);
	capture_number(c, 0, 2);
	capture_number(c, snaplen, 4);
	block_option(c, 2, "eth0", 4); /* if_name */
	if (resolution >= 0)
		block_option(c, 9, &(uint8_t){(uint8_t)resolution}, 1);
	if (offset_s) {
		capture_number(c, 14, 2);
		capture_number(c, 8, 2);
		capture_number(c, (uint64_t)offset_s, 8);
	}
	block_option(c, 0, "", 0);
	block_end(c);
}

static inline void block_enhanced(
        struct capture *c, uint32_t interface, uint64_t ts, const void *p, size_t n, size_t wirelen)
{
	block_begin(c, 6);
	capture_number(c, interface, 4);
	capture_number(c, ts >> 32, 4);
	capture_number(c, ts & UINT32_MAX, 4);
	capture_number(c, n, 4);
	capture_number(c, wirelen, 4);
	capture_put(c, p, n);
	capture_pad(c);
	block_option(c, 1, "comment", 7);
	block_option(c, 0, "", 0);
	block_end(c);
}

static inline void block_simple(struct capture *c, const void *p, size_t n, size_t wirelen)
{
	block_begin(c, 3);
	capture_number(c, wirelen, 4);
	capture_put(c, p, n);
	block_end(c);
}

static inline void block_old_packet(
        struct capture *c, uint16_t interface, uint64_t ts, const void *p, size_t n, size_t wirelen)
{
	block_begin(c, 2);
	capture_number(c, interface, 2);
	capture_number(c, 0xffff, 2);
	capture_number(c, ts >> 32, 4);
	capture_number(c, ts & UINT32_MAX, 4);
	capture_number(c, n, 4);
	capture_number(c, wirelen, 4);
	capture_put(c, p, n);
	block_end(c);
}

static inline void block_secrets(struct capture *c, uint32_t type, const char *text)
{
	block_begin(c, 10);
	capture_number(c, type, 4);
	capture_number(c, strlen(text), 4);
	capture_put(c, text, strlen(text));
	block_end(c);
}

/* Name resolution, interface statistics, custom blocks and what may come: all passed over. */
static inline void block_other(struct capture *c, uint32_t type)
{
	block_begin(c, type);
	capture_put(c, "whatever stands here", 20);
	block_end(c);
}

/* Classic pcap: draft-ietf-opsawg-pcap. */
static inline void pcap_header(struct capture *c, bool nano, uint32_t snaplen, uint32_t link)
{
	capture_number(c, nano ? 0xa1b23c4d : 0xa1b2c3d4, 4);
	capture_number(c, 2, 2);
	capture_number(c, 4, 2);
	capture_number(c, 0, 8);
	capture_number(c, snaplen, 4);
	capture_number(c, link, 4);
}

static inline void pcap_record(
        struct capture *c, uint32_t s, uint32_t fraction, const void *p, size_t n, size_t wirelen)
{
	capture_number(c, s, 4);
	capture_number(c, fraction, 4);
	capture_number(c, n, 4);
	capture_number(c, wirelen, 4);
	capture_put(c, p, n);
}

#endif
