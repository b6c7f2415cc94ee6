/* pcapng.c - see pcapng.h.  draft-ietf-opsawg-pcapng (section numbers below are of -02).
 *
 * A block is type, total length, body, total length again.  The whole block is brought into one buffer and
 * its body becomes a cursor, so that a reader of a body cannot leave it.  When the lengths of a block make no
 * sense there is no next block to be found: the stream ends there. */
#include "capture/pcapng.h"

#include "base/clock.h"
#include "base/cursor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (64u << 10) /* a larger one reads no faster and falls out of the cache */
#define BLOCK_MIN   12u         /* type and both lengths */

#define BLOCK_SECTION    0x0a0d0d0au /* reads the same in both byte orders */
#define BLOCK_INTERFACE  1u
#define BLOCK_OLD_PACKET 2u
#define BLOCK_SIMPLE     3u
#define BLOCK_ENHANCED   6u
#define BLOCK_SECRETS    10u
#define BYTE_ORDER_MAGIC 0x1a2b3c4du

/* A unit of time as ns = ts * mul / div >> shift, plus a distance from 1970. */
struct unit {
	uint64_t mul, div;
	unsigned shift;
	int64_t offset_ns;
};

struct interface {
	uint16_t linktype;
	uint32_t snaplen;
	struct unit unit;
};

struct pcapng {
	pcapng_read_fn read;
	void *read_arg;
	pcapng_secrets_fn secrets;
	void *secrets_arg;
	uint8_t *buf;
	size_t size, at, have; /* unread: buf[at .. have) */
	bool ended;            /* read() has said so */
	bool failed;           /* read() could not */
	bool started, stopped;
	bool big; /* byte order of the section */
	struct interface *interfaces;
	size_t n_interfaces, room_interfaces;
	uint32_t first_interface; /* index of the section's first */
	int64_t last_ns;
	uint64_t bad_blocks;
	char trouble[128];
};

/* What became of a block. */
enum block { BLOCK_PASSED, BLOCK_PACKET, BLOCK_BAD, BLOCK_STOP };

struct pcapng *pcapng_create(pcapng_read_fn read, void *arg, struct err *e)
{
	struct pcapng *r = calloc(1, sizeof(*r));

	if (r)
		r->buf = malloc(BUFFER_SIZE);
	if (!r || !r->buf) {
		free(r);
		err_set(e, "no memory for a pcapng reader");
		return NULL;
	}
	r->size = BUFFER_SIZE;
	r->read = read;
	r->read_arg = arg;
	return r;
}

void pcapng_destroy(struct pcapng *r)
{
	if (!r)
		return;
	free(r->interfaces);
	free(r->buf);
	free(r);
}

void pcapng_on_secrets(struct pcapng *r, pcapng_secrets_fn fn, void *arg)
{
	r->secrets = fn;
	r->secrets_arg = arg;
}

const char *pcapng_trouble(const struct pcapng *r)
{
	return r->trouble;
}

uint64_t pcapng_bad_blocks(const struct pcapng *r)
{
	return r->bad_blocks;
}

bool pcapng_started(const struct pcapng *r)
{
	return r->started;
}

uint32_t pcapng_interfaces(const struct pcapng *r)
{
	return r->first_interface + (uint32_t)r->n_interfaces;
}

static enum block stop(struct pcapng *r, const char *why)
{
	if (r->failed)
		snprintf(r->trouble, sizeof(r->trouble), "cannot be read further: %s", strerror(errno));
	else
		snprintf(r->trouble, sizeof(r->trouble), "%s", why);
	return BLOCK_STOP;
}

static bool enlarge(struct pcapng *r)
{
	size_t size = r->size ? r->size * 2 : BUFFER_SIZE;
	uint8_t *larger = realloc(r->buf, size);

	if (!larger) {
		errno = ENOMEM;
		r->failed = true;
		return false;
	}
	r->buf = larger;
	r->size = size;
	return true;
}

/* One read() behind what is there; false when nothing came. */
static bool refill(struct pcapng *r)
{
	ssize_t got;

	if (r->ended || r->failed)
		return false;
	got = r->read(r->read_arg, r->buf + r->have, r->size - r->have);
	if (got <= 0) {
		r->ended = got == 0;
		r->failed = got < 0;
		return false;
	}
	r->have += (size_t)got;
	return true;
}

/* At least n unread bytes in one piece.  The buffer grows as they come: a length alone costs no memory. */
static bool need_slow(struct pcapng *r, size_t n)
{
	if (r->at) {
		memmove(r->buf, r->buf + r->at, r->have - r->at);
		r->have -= r->at;
		r->at = 0;
	}
	while (r->have < n)
		if ((r->have == r->size && !enlarge(r)) || !refill(r))
			return false;
	return true;
}

static inline bool need(struct pcapng *r, size_t n)
{
	return r->have - r->at >= n || need_slow(r, n);
}

static inline uint32_t get32(const struct pcapng *r, struct cur *c)
{
	return r->big ? cur_be32(c) : (uint32_t)cur_le(c, 4);
}

static inline uint16_t get16(const struct pcapng *r, struct cur *c)
{
	return r->big ? cur_be16(c) : (uint16_t)cur_le(c, 2);
}

/* Section 4.2, if_tsresol: the high bit says whether the rest counts powers of 2 or of 10.  Finer than any
 * 64-bit time can express comes out as 0. */
static struct unit unit_of(uint8_t resolution)
{
	struct unit u = {.mul = 1, .div = 1};
	int power = resolution & 0x7f;

	if (resolution & 0x80) {
		u.mul = (uint64_t)NS_PER_S;
		u.shift = (unsigned)power;
		return u;
	}
	for (; power < 9; power++)
		u.mul *= 10;
	for (; power > 9; power--) {
		if (u.div > UINT64_MAX / 10) {
			u.mul = 0;
			break;
		}
		u.div *= 10;
	}
	return u;
}

static int64_t unit_ns(const struct unit *u, uint64_t ts)
{
	unsigned __int128 wide;
	int64_t ns;

	if (u->div == 1 && u->shift == 0) {
		uint64_t v;

		if (__builtin_mul_overflow(ts, u->mul, &v) || v > INT64_MAX)
			v = INT64_MAX;
		ns = (int64_t)v;
	} else {
		wide = (unsigned __int128)ts * u->mul / u->div >> u->shift;
		ns = wide > INT64_MAX ? INT64_MAX : (int64_t)wide;
	}
	if (__builtin_add_overflow(ns, u->offset_ns, &ns))
		ns = u->offset_ns < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

/* Section 4.1.  `c` starts behind the lengths, at the magic that told the byte order already. */
static enum block section_read(struct pcapng *r, struct cur *c, struct packet *p)
{
	uint16_t major;

	(void)p;
	cur_skip(c, 4); /* byte-order magic */
	major = get16(r, c);
	if (c->bad || major != 1)
		return stop(r, "begins a section of a version that is not known");
	r->started = true;
	r->first_interface += (uint32_t)r->n_interfaces;
	r->n_interfaces = 0;
	return BLOCK_PASSED;
}

/* Section 3.5: code, length, value padded to four bytes. */
static enum block interface_options(const struct pcapng *r, struct cur *c, struct interface *it)
{
	int64_t offset_s = 0;

	while (cur_left(c)) {
		uint16_t code = get16(r, c);
		uint16_t len = get16(r, c);
		struct cur value = cur_sub(c, len);
		size_t pad;

		if (c->bad)
			return BLOCK_BAD;
		if (code == 0) /* opt_endofopt */
			break;
		pad = -(size_t)len & 3;
		cur_skip(c, pad < cur_left(c) ? pad : cur_left(c)); /* some leave the last one out */
		if (code == 9 && len == 1)
			it->unit = unit_of(cur_u8(&value));
		else if (code == 14 && len == 8)
			offset_s = (int64_t)(r->big ? cur_be(&value, 8) : cur_le(&value, 8));
	}
	if (__builtin_mul_overflow(offset_s, NS_PER_S, &it->unit.offset_ns))
		it->unit.offset_ns = offset_s < 0 ? INT64_MIN : INT64_MAX;
	return BLOCK_PASSED;
}

/* Section 4.2.  An interface whose options are broken still takes its number, else the packets of those
 * behind it would go to the wrong one. */
static enum block interface_read(struct pcapng *r, struct cur *c, struct packet *p)
{
	struct interface it = {.unit = unit_of(6)}; /* microseconds when nothing is said */

	(void)p;
	it.linktype = get16(r, c);
	cur_skip(c, 2);
	it.snaplen = get32(r, c);
	if (r->n_interfaces == PCAPNG_INTERFACES_MAX)
		return BLOCK_BAD;
	if (r->n_interfaces == r->room_interfaces) {
		size_t room = r->room_interfaces ? r->room_interfaces * 2 : 4;
		struct interface *more = realloc(r->interfaces, room * sizeof(*more));

		if (!more)
			return stop(r, "describes more interfaces than there is memory for");
		r->interfaces = more;
		r->room_interfaces = room;
	}
	if (c->bad) {
		r->interfaces[r->n_interfaces++] = it;
		return BLOCK_BAD;
	}
	r->interfaces[r->n_interfaces] = it;
	return interface_options(r, c, &r->interfaces[r->n_interfaces++]);
}

/* What the packet blocks have in common. */
static enum block packet_fill(struct pcapng *r, struct cur *c, struct packet *p, uint32_t interface,
        uint32_t caplen, uint32_t wirelen)
{
	const uint8_t *data = cur_take(c, caplen);

	if (c->bad || caplen > PCAPNG_PACKET_MAX)
		return BLOCK_BAD;
	p->ts_ns = r->last_ns;
	p->data = data;
	p->caplen = caplen;
	p->wirelen = wirelen < caplen ? caplen : wirelen;
	p->linktype = r->interfaces[interface].linktype;
	p->iface = r->first_interface + interface;
	return BLOCK_PACKET;
}

static enum block timed_packet(struct pcapng *r, struct cur *c, struct packet *p, uint32_t interface)
{
	uint64_t ts = (uint64_t)get32(r, c) << 32;
	uint32_t caplen, wirelen;
	enum block b;
	int64_t before = r->last_ns;

	ts |= get32(r, c);
	caplen = get32(r, c);
	wirelen = get32(r, c);
	if (c->bad || interface >= r->n_interfaces)
		return BLOCK_BAD;
	r->last_ns = unit_ns(&r->interfaces[interface].unit, ts);
	b = packet_fill(r, c, p, interface, caplen, wirelen);
	if (b == BLOCK_BAD)
		r->last_ns = before;
	return b;
}

/* Section 4.3 */
static enum block enhanced_read(struct pcapng *r, struct cur *c, struct packet *p)
{
	return timed_packet(r, c, p, get32(r, c));
}

/* Appendix A, obsolete: a short interface number and a drop count */
static enum block old_packet_read(struct pcapng *r, struct cur *c, struct packet *p)
{
	uint32_t interface = get16(r, c);

	cur_skip(c, 2);
	return timed_packet(r, c, p, interface);
}

/* Section 4.4: of the first interface, without a time; it gets that of the packet before it, so that the
 * clock of the flows stands still instead of jumping to 1970. */
static enum block simple_read(struct pcapng *r, struct cur *c, struct packet *p)
{
	uint32_t wirelen = get32(r, c);
	uint32_t caplen = wirelen;

	if (c->bad || !r->n_interfaces)
		return BLOCK_BAD;
	if (r->interfaces[0].snaplen && caplen > r->interfaces[0].snaplen)
		caplen = r->interfaces[0].snaplen;
	if (caplen > cur_left(c))
		return BLOCK_BAD;
	return packet_fill(r, c, p, 0, caplen, wirelen);
}

/* Section 4.7 */
static enum block secrets_read(struct pcapng *r, struct cur *c, struct packet *p)
{
	uint32_t type = get32(r, c);
	uint32_t len = get32(r, c);
	const uint8_t *text = cur_take(c, len);

	(void)p;
	if (c->bad)
		return BLOCK_BAD;
	if (r->secrets)
		r->secrets(r->secrets_arg, type, text, len);
	return BLOCK_PASSED;
}

static const struct {
	uint32_t type;
	enum block (*read)(struct pcapng *r, struct cur *c, struct packet *p);
} blocks[] = {
        {BLOCK_ENHANCED, enhanced_read},
        {BLOCK_SIMPLE, simple_read},
        {BLOCK_INTERFACE, interface_read},
        {BLOCK_SECTION, section_read},
        {BLOCK_SECRETS, secrets_read},
        {BLOCK_OLD_PACKET, old_packet_read},
};

/* A block that is too long to be held: reads past it, so that the next one is found. */
static enum block block_skip(struct pcapng *r, uint32_t len)
{
	size_t left = len - 4;
	struct cur c;

	while (left) {
		size_t n = r->have - r->at;

		if (n > left)
			n = left;
		r->at += n;
		left -= n;
		if (left && !need(r, 1))
			return stop(r, "ends within a block");
	}
	if (!need(r, 4))
		return stop(r, "ends within a block");
	c = cur_of(r->buf + r->at, 4);
	if (get32(r, &c) != len)
		return stop(r, "has a block whose two lengths differ");
	r->at += 4;
	return BLOCK_BAD;
}

/* Type and length of the block at hand; a section header also says in which byte order they are. */
static enum block block_head(struct pcapng *r, uint32_t *type, uint32_t *len)
{
	struct cur c;

	if (!need(r, 8))
		return stop(r, "ends within a block");
	c = cur_of(r->buf + r->at, 8);
	*type = get32(r, &c);
	if (*type == BLOCK_SECTION) {
		if (!need(r, 12))
			return stop(r, "ends within a block");
		c = cur_of(r->buf + r->at + 8, 4);
		r->big = cur_be32(&c) == BYTE_ORDER_MAGIC;
		c = cur_of(r->buf + r->at + 8, 4);
		if (get32(r, &c) != BYTE_ORDER_MAGIC)
			return stop(r, "has a section without a byte-order magic");
		c = cur_of(r->buf + r->at + 4, 4);
	} else if (!r->started) {
		return stop(r, "does not begin with a section header");
	}
	*len = get32(r, &c);
	if (*len < BLOCK_MIN || *len % 4)
		return stop(r, "has a block of a length that cannot be");
	return BLOCK_PASSED;
}

static enum block block_read(struct pcapng *r, struct packet *p)
{
	uint32_t type = 0, len = 0;
	struct cur c, trailer;

	if (block_head(r, &type, &len) == BLOCK_STOP)
		return BLOCK_STOP;
	if (len > PCAPNG_BLOCK_MAX)
		return block_skip(r, len);
	if (!need(r, len))
		return stop(r, "ends within a block");
	c = cur_of(r->buf + r->at + 8, len - BLOCK_MIN);
	trailer = cur_of(r->buf + r->at + len - 4, 4);
	if (get32(r, &trailer) != len)
		return stop(r, "has a block whose two lengths differ");
	r->at += len;
	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++)
		if (blocks[i].type == type)
			return blocks[i].read(r, &c, p);
	return BLOCK_PASSED;
}

enum pcapng_result pcapng_next(struct pcapng *r, struct packet *p)
{
	while (!r->stopped) {
		if (r->started && !need(r, 1) && !r->failed)
			return PCAPNG_END;
		switch (block_read(r, p)) {
		case BLOCK_PACKET:
			return PCAPNG_PACKET;
		case BLOCK_BAD:
			r->bad_blocks++;
			break;
		case BLOCK_STOP:
			r->stopped = true;
			break;
		case BLOCK_PASSED:
			break;
		}
	}
	return PCAPNG_CUT;
}
