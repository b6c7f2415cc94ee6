/* wireless.c - frames of wireless networks, as access points send them through tunnels to their controller,
 * and as captures of the air hold them: IEEE 802.11-2020 9.2, 9.3.2; CAPWAP data: RFC 5415 4; radiotap.org.
 *
 * Only whole data frames in the clear lead on.  What is encrypted, a fragment, or several packets in one
 * frame (A-MSDU) is not understood; in a CAPWAP datagram it counts as the datagram. */
#include "capture/decode_internal.h"

#define TYPE_MASK     0x0f /* version, type */
#define TYPE_DATA     0x08
#define SUBTYPE_EMPTY 0x40
#define SUBTYPE_QOS   0x80

#define FLAG_TO_DS     0x01
#define FLAG_FROM_DS   0x02
#define FLAG_MORE      0x04
#define FLAG_PROTECTED 0x40
#define FLAG_ORDER     0x80

#define QOS_AMSDU 0x80

struct ends {
	const uint8_t *src, *dst;
};

/* 9.3.2.1, table 9-30: which of the addresses are the ends of the frame. */
static struct ends ends_of(
        uint8_t flags, const uint8_t *a1, const uint8_t *a2, const uint8_t *a3, const uint8_t *a4)
{
	switch (flags & (FLAG_TO_DS | FLAG_FROM_DS)) {
	case 0:
		return (struct ends){.src = a2, .dst = a1};
	case FLAG_TO_DS:
		return (struct ends){.src = a2, .dst = a3};
	case FLAG_FROM_DS:
		return (struct ends){.src = a3, .dst = a1};
	default:
		return (struct ends){.src = a4, .dst = a3};
	}
}

/* A field of two bytes: the low one stands first, unless swapped. */
static uint16_t field(struct cur *c, bool swapped)
{
	return (uint16_t)(swapped ? cur_be(c, 2) : cur_le(c, 2));
}

/* The header of a data frame that leads to an ethertype; `c` is then behind it. */
static bool data_header(struct cur *c, bool swapped, struct ends *ends)
{
	const uint8_t *a1, *a2, *a3, *a4 = NULL;
	uint16_t control = field(c, swapped), sequence, qos = 0;
	uint8_t type = (uint8_t)control, flags = (uint8_t)(control >> 8);

	if ((type & TYPE_MASK) != TYPE_DATA || type & SUBTYPE_EMPTY || flags & (FLAG_PROTECTED | FLAG_MORE))
		return false;
	cur_skip(c, 2); /* duration */
	a1 = cur_take(c, 6);
	a2 = cur_take(c, 6);
	a3 = cur_take(c, 6);
	sequence = field(c, swapped); /* the low four bits number fragments */
	if ((flags & (FLAG_TO_DS | FLAG_FROM_DS)) == (FLAG_TO_DS | FLAG_FROM_DS))
		a4 = cur_take(c, 6);
	if (type & SUBTYPE_QOS) {
		qos = field(c, swapped);
		cur_skip(c, flags & FLAG_ORDER ? 4 : 0); /* HT control */
	}
	*ends = ends_of(flags, a1, a2, a3, a4);
	c->bad |= cur_left(c) < 3;
	return !c->bad && !(sequence & 15) && !(qos & QOS_AMSDU) && cur_peek(c, 0) == 0xaa &&
	       cur_peek(c, 1) == 0xaa && cur_peek(c, 2) == 3;
}

/* Some access points of Cisco send fields of two bytes the other way round. */
int wireless_frame_read(struct walk *w)
{
	bool ends_early = false;

	for (unsigned swapped = 0; swapped < 2; swapped++) {
		struct cur c = w->c;
		struct ends ends;

		if (!data_header(&c, swapped, &ends)) {
			ends_early |= c.bad;
			continue;
		}
		w->c = c;
		w->p->src_mac = ends.src;
		w->p->dst_mac = ends.dst;
		return LAYER_LLC;
	}
	if (ends_early)
		return END(w->cut ? DECODE_TRUNCATED : DECODE_BAD_HEADER);
	w->unknown = true;
	return END(DECODE_NOT_IP);
}

/* Version, padding, length of all (little-endian), what is there. */
int wireless_radiotap_read(struct walk *w)
{
	size_t len;

	cur_skip(&w->c, 2);
	len = (size_t)cur_le(&w->c, 2);
	if (len < 8)
		return END(w->c.bad ? DECODE_TRUNCATED : DECODE_BAD_HEADER);
	cur_skip(&w->c, len - 4);
	return w->c.bad ? END(DECODE_TRUNCATED) : LAYER_WIRELESS;
}

#define CAPWAP_NATIVE    0x100 /* a frame of the wireless kind, else of 802.3 */
#define CAPWAP_FRAGMENT  0x080
#define CAPWAP_KEEPALIVE 0x008
#define CAPWAP_802_11    1

/* RFC 5415 4.1, 4.3: preamble (1: DTLS follows); header length in words, radio, kind of frames, flags; the
 * words that are there by those flags. */
int wireless_capwap_read(struct walk *w)
{
	uint8_t preamble = cur_u8(&w->c);
	uint32_t head = (uint32_t)cur_be(&w->c, 3);
	uint32_t len = (head >> 19) * 4, kind = head >> 9 & 0x1f;

	cur_skip(&w->c, 4); /* of fragments */
	if (w->c.bad || preamble || head & (CAPWAP_FRAGMENT | CAPWAP_KEEPALIVE) || len < 8)
		return END(DECODE_BAD_HEADER);
	cur_skip(&w->c, len - 8);
	if (w->c.bad || (head & CAPWAP_NATIVE && kind != CAPWAP_802_11))
		return END(DECODE_BAD_HEADER);
	tunnel_note(w, TUNNEL_CAPWAP, 0, false);
	return head & CAPWAP_NATIVE ? LAYER_WIRELESS : LAYER_ETHERNET;
}
