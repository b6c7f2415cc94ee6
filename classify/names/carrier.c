/* carrier.c - see carrier.h.
 *
 * Each protocol is one function that is given message after message of both sides and says whether they still
 * fit.  Random bytes fit a first message now and then; certain it is when something that one side made up (a
 * session id, a key index) comes back, or when more than 40 bits are as they must be. */
#include "classify/names/carrier.h"

#include "base/cursor.h"

#include <string.h>
#include <strings.h>

#define HEAD_MAX 64 /* bytes of a message in a stream that are looked at */

enum say {
	SAY_NO,
	SAY_PART, /* fits, and more bytes of this message are needed */
	SAY_FITS, /* go on with the next message */
	SAY_SURE, /* it is the protocol */
	SAY_MADE, /* ... and what it sets up sends its bytes elsewhere */
};

/* What has been seen of both sides. */
struct talk {
	bool stream;
	uint8_t fits; /* messages that fit, saturating */
	uint8_t said[2];
	uint8_t id[2][8]; /* what each side made up: session id, index, SPI */
};

/* One message, or its beginning as far as it is there. */
struct message_head {
	enum flow_dir dir;
	const uint8_t *p;
	size_t n;
	size_t len; /* out: of the whole message, when that is how the stream goes on */
};

struct signature {
	struct carrier as;
	bool stream, datagram;
	bool sets_up; /* what sends its bytes elsewhere: read on until it has */
	enum say (*read)(struct talk *t, struct message_head *m);
};

static bool is_zero(const uint8_t *p, size_t n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

static bool same(const struct message_head *m, size_t at, const void *bytes, size_t n)
{
	return m->n >= at + n && !memcmp(m->p + at, bytes, n);
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(uint8_t c)
{
	return is_digit(c) || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}

/* Do the bytes begin like `text`, as far as they go? */
static enum say text_begins(const struct message_head *m, const char *text, size_t n)
{
	if (memcmp(m->p, text, m->n < n ? m->n : n) != 0)
		return SAY_NO;
	return m->n < n ? SAY_PART : SAY_FITS;
}

/* ---- VPNs ---------------------------------------------------------------------------------------------- */

/* https://www.wireguard.com/protocol/: initiation (148 bytes), answer (92 bytes) that names the initiator's
 * index, data (16-byte steps).  Cloudflare WARP puts a client id where three zeros should be, others add
 * bytes of their own behind. */
static enum say wireguard(struct talk *t, struct message_head *m)
{
	uint8_t type = m->n ? m->p[0] : 0;
	bool plain = m->n >= 4 && is_zero(m->p + 1, 3);

	if (type == 1 && (m->n == 148 || (m->n > 148 && plain))) {
		t->said[m->dir] = 1;
		memcpy(t->id[m->dir], m->p + 4, 4);
		return SAY_FITS;
	}
	if (type == 2 && m->n >= 92 && t->said[!m->dir])
		return same(m, 8, t->id[!m->dir], 4) ? SAY_SURE : SAY_NO;
	/* one side of the capture only: data follows the initiation */
	if (type == 4 && m->n >= 32 && m->n % 16 == 0 && plain && t->said[m->dir])
		return SAY_SURE;
	return SAY_NO;
}

/* https://openvpn.net/community-resources/openvpn-protocol/: operation and key in one byte, then the sender's
 * session id, but in data.  A reset of either side, then its session id again, or the other's given back. */
static enum say openvpn_packet(struct talk *t, const struct message_head *m)
{
	enum {
		CONTROL = 4,
		ACK = 5,
		DATA = 6,
		RESET_SERVER = 8,
		DATA_2 = 9,
		RESET_CLIENT = 7,
		RESET_3 = 10,
		CONTROL_WRAPPED = 11
	};
	uint8_t op = m->p[0] >> 3, key = m->p[0] & 7;

	switch (op) {
	case RESET_CLIENT:
	case RESET_SERVER:
	case RESET_3:
		if (key || m->n < 14 || is_zero(m->p + 1, 8))
			return SAY_NO;
		/* what the server gives back stands in clear unless the control channel is encrypted */
		if (op == RESET_SERVER && t->said[!m->dir] && memmem(m->p + 9, m->n - 9, t->id[!m->dir], 8))
			return SAY_SURE;
		t->said[m->dir] = 1;
		memcpy(t->id[m->dir], m->p + 1, 8);
		return SAY_FITS;
	case CONTROL:
	case ACK:
	case CONTROL_WRAPPED:
		if (!t->said[m->dir])
			return SAY_NO;
		return same(m, 1, t->id[m->dir], 8) ? SAY_SURE : SAY_NO;
	case DATA:
	case DATA_2:
		return t->fits ? SAY_FITS : SAY_NO;
	}
	return SAY_NO;
}

/* Over TCP each packet has its length in two bytes before it. */
static enum say openvpn(struct talk *t, struct message_head *m)
{
	struct message_head inside = *m;
	uint8_t op;

	if (!t->stream)
		return m->n ? openvpn_packet(t, m) : SAY_NO;
	if (m->n < 3)
		return SAY_PART;
	op = m->p[2] >> 3;
	m->len = 2 + ((size_t)m->p[0] << 8 | m->p[1]);
	if (m->len < 2 + 14 || m->len > 2 + 4096 || op < 4 || op > 11 ||
	        (!t->fits && (op < 7 || op == 9 || op == 11)))
		return SAY_NO;
	if (m->n < m->len && m->n < HEAD_MAX)
		return SAY_PART;
	inside.p += 2;
	inside.n = (m->n < m->len ? m->n : m->len) - 2;
	return openvpn_packet(t, &inside);
}

/* RFC 7296 3.1 and RFC 2408 3.1: two SPIs, next payload, version, exchange, flags, id, length; on port 4500
 * behind four zeros (RFC 3948 2.2).  Without these and once keys are agreed, ESP follows as packets of its
 * own. */
static enum say ike(struct talk *t, struct message_head *m)
{
	enum { MAIN = 2, AGGRESSIVE = 4, MODE = 6, QUICK = 32, SA_INIT = 34, AUTH = 35, LAST = 43 };
	struct cur c = cur_of(m->p, m->n);
	bool marked = m->n >= 4 && is_zero(m->p, 4);
	const uint8_t *spi;
	uint8_t version, exchange, flags;
	uint32_t len;

	if (marked)
		cur_skip(&c, 4);
	spi = cur_take(&c, 8);
	cur_skip(&c, 9);
	version = cur_u8(&c);
	exchange = cur_u8(&c);
	flags = cur_u8(&c);
	cur_skip(&c, 4);
	len = cur_be32(&c);
	if (c.bad || is_zero(spi, 8) || len + (marked ? 4u : 0u) != m->n)
		return SAY_NO;
	if (version == 0x20 && (exchange < SA_INIT || exchange > LAST || (flags & ~0x38u)))
		return SAY_NO;
	if (version == 0x10 &&
	        (flags > 7 || (exchange != MAIN && (exchange < AGGRESSIVE || exchange > MODE) &&
	                              exchange != QUICK)))
		return SAY_NO;
	if (version != 0x20 && version != 0x10)
		return SAY_NO;
	/* the initiator's SPI is in every message of both sides */
	if (t->fits && memcmp(t->id[0], spi, 8) != 0)
		return SAY_FITS; /* another negotiation of the same pair */
	memcpy(t->id[0], spi, 8);
	t->said[m->dir] = 1;
	if (!marked && (exchange == AUTH || exchange == QUICK) && (t->said[!m->dir] || t->fits > 1))
		return SAY_MADE;
	return t->fits ? SAY_SURE : SAY_FITS;
}

/* RFC 2661 3.1 and 6.1: a control message that asks for a connection (SCCRQ), and its answer. */
static enum say l2tp(struct talk *t, struct message_head *m)
{
	static const uint8_t type[] = {0x00, 0x00, 0x00, 0x00};
	struct cur c = cur_of(m->p, m->n);
	uint16_t flags = cur_be16(&c), len = cur_be16(&c), avp;

	cur_skip(&c, 8);
	avp = cur_be16(&c);
	if (c.bad || flags != 0xc802 || len != m->n || avp >> 8 != 0x80 || !same(m, 14, type, 4))
		return SAY_NO;
	cur_skip(&c, 4);
	avp = cur_be16(&c);
	if (!t->fits)
		return avp == 1 && is_zero(m->p + 4, 8) ? SAY_FITS : SAY_NO;
	return avp >= 1 && avp <= 16 ? SAY_SURE : SAY_NO;
}

/* RFC 2637 1.4: length, message type, a number that is always the same, control type.  Once a call is
 * answered (8), GRE carries it. */
static enum say pptp(struct talk *t, struct message_head *m)
{
	static const uint8_t magic[] = {0x00, 0x01, 0x1a, 0x2b, 0x3c, 0x4d};
	size_t n = m->n < 8 ? m->n : 8;

	(void)t;
	if (n > 2 && memcmp(m->p + 2, magic, n - 2) != 0)
		return SAY_NO;
	if (n < 1)
		return SAY_PART;
	if (m->p[0] > 1)
		return SAY_NO;
	if (m->n < 10)
		return SAY_PART;
	m->len = (size_t)m->p[0] << 8 | m->p[1];
	if (m->len < 12 || m->len > 256 || m->p[8])
		return SAY_NO;
	return m->p[9] == 8 ? SAY_MADE : SAY_SURE;
}

/* https://github.com/tailscale/tailscale/blob/main/disco/disco.go: "TS" and a speech balloon, then keys. */
static enum say tailscale(struct talk *t, struct message_head *m)
{
	(void)t;
	return m->n >= 62 && same(m, 0, "TS\xf0\x9f\x92\xac", 6) ? SAY_SURE : SAY_NO;
}

/* https://www.tinc-vpn.org/documentation-1.1/Authentication-protocol.html: "0 name 17\n" from both sides;
 * what is carried goes by UDP. */
static enum say tinc(struct talk *t, struct message_head *m)
{
	enum { NAME_MOST = 32, MINOR_MOST = 6 };
	struct message_head rest;
	struct cur c = cur_of(m->p, m->n);
	enum say s = text_begins(m, "0 ", 2);
	size_t name = 0, minor = 0;

	if (s != SAY_FITS)
		return s;
	cur_skip(&c, 2);
	for (; is_name(cur_peek(&c, 0)); name++)
		cur_skip(&c, 1);
	if (!cur_left(&c))
		return name <= NAME_MOST ? SAY_PART : SAY_NO;
	if (!name || name > NAME_MOST || cur_u8(&c) != ' ')
		return SAY_NO;
	rest = (struct message_head){m->dir, c.p, cur_left(&c), 0};
	s = text_begins(&rest, "17", 2);
	if (s != SAY_FITS)
		return s;
	cur_skip(&c, 2);
	for (; is_digit(cur_peek(&c, 0)) || cur_peek(&c, 0) == '.'; minor++)
		cur_skip(&c, 1);
	if (!cur_left(&c))
		return minor <= MINOR_MOST ? SAY_PART : SAY_NO;
	if (minor > MINOR_MOST || cur_u8(&c) != '\n')
		return SAY_NO;
	m->len = SIZE_MAX; /* the rest of this side is not looked at */
	t->said[m->dir] = 1;
	return t->said[!m->dir] ? SAY_MADE : SAY_FITS;
}

/* ---- remote desktops ----------------------------------------------------------------------------------- */

/* RFC 6143 7.1.1: "RFB 003.008\n"; a server that calls its viewer says it too. */
static enum say vnc(struct talk *t, struct message_head *m)
{
	static const char form[] = "RFB ddd.ddd\n";

	(void)t;
	for (size_t i = 0; i < m->n && i < sizeof(form) - 1; i++)
		if (form[i] == 'd' ? !is_digit(m->p[i]) : m->p[i] != (uint8_t)form[i])
			return SAY_NO;
	return m->n < sizeof(form) - 1 ? SAY_PART : SAY_SURE;
}

/* [MS-RDPBCGR] 2.2.1.1: TPKT and X.224 connection request (RFC 1006, X.224 13.3), then a cookie or the
 * request of a protocol, which other users of X.224 do not have. */
static enum say rdp(struct talk *t, struct message_head *m)
{
	static const char cookie[] = "Cookie: ms";
	const uint8_t *p = m->p;
	size_t len;

	(void)t;
	if ((m->n > 0 && p[0] != 3) || (m->n > 1 && p[1]) || (m->n > 5 && p[5] != 0xe0) ||
	        (m->n > 10 && !is_zero(p + 6, 5)))
		return SAY_NO;
	if (m->n < 12)
		return SAY_PART;
	len = (size_t)p[2] << 8 | p[3];
	if (len < 12 || p[4] + 5u != len)
		return SAY_NO;
	if (p[11] != 1)
		return m->n < 21 && !memcmp(p + 11, cookie, m->n - 11) ? SAY_PART
		       : same(m, 11, cookie, sizeof(cookie) - 1)       ? SAY_SURE
		                                                       : SAY_NO;
	if (m->n < 19) /* RDP_NEG_REQ: type 1, flags, length 8, protocols */
		return SAY_PART;
	return len == 19 && p[13] == 8 && !p[14] && is_zero(p + 16, 3) ? SAY_SURE : SAY_NO;
}

/* Citrix ICA: both sides begin with the same six bytes. */
static enum say ica(struct talk *t, struct message_head *m)
{
	(void)t;
	return text_begins(m, "\x7f\x7fICA", 6) == SAY_FITS ? SAY_SURE : text_begins(m, "\x7f\x7fICA", 6);
}

/* NoMachine: "NXSH-8.10.1\n" from the client, "NXD-8.10.1\n" from the server. */
static enum say nomachine(struct talk *t, struct message_head *m)
{
	const char *want = m->n > 2 && m->p[2] == 'D' ? "NXD-" : "NXSH-";
	enum say s = text_begins(m, want, strlen(want));

	m->len = SIZE_MAX;
	if (s != SAY_FITS)
		return s;
	t->said[m->dir] = 1;
	return t->said[!m->dir] ? SAY_SURE : SAY_FITS;
}

/* Radmin 3: ten bytes from the client, and an answer that begins alike. */
static enum say radmin(struct talk *t, struct message_head *m)
{
	static const char ask[] = "\1\0\0\0\1\0\0\0\x08\x08", answer[] = "\1\0\0\0\x25\0\0\2\x12\x08\2";
	enum say s = m->dir == FLOW_C2S ? text_begins(m, ask, 10) : text_begins(m, answer, 11);

	m->len = SIZE_MAX;
	if (s != SAY_FITS)
		return s;
	t->said[m->dir] = 1;
	return t->said[!m->dir] ? SAY_SURE : SAY_FITS;
}

static const struct signature signatures[] = {
        {{"WireGuard", CARRIER_TUNNEL}, false, true, false, wireguard},
        {{"OpenVPN", CARRIER_TUNNEL}, true, true, false, openvpn},
        {{"IPsec", CARRIER_TUNNEL}, false, true, true, ike},
        {{"L2TP", CARRIER_TUNNEL}, false, true, false, l2tp},
        {{"PPTP", CARRIER_TUNNEL}, true, false, true, pptp},
        {{"Tailscale", CARRIER_TUNNEL}, false, true, false, tailscale},
        {{"TINC", CARRIER_TUNNEL}, true, false, false, tinc},
        {{"VNC", CARRIER_DESKTOP}, true, false, false, vnc},
        {{"RDP", CARRIER_DESKTOP}, true, false, false, rdp},
        {{"Citrix", CARRIER_DESKTOP}, true, false, false, ica},
        {{"NoMachine", CARRIER_DESKTOP}, true, false, false, nomachine},
        {{"Radmin", CARRIER_DESKTOP}, true, false, false, radmin},
};
#define SIGNATURES (sizeof(signatures) / sizeof(*signatures))

/* What nDPI is asked for and calls by its own names (ndpi.c has the list). */
static const struct carrier words[] = {
        {"AnyDesk", CARRIER_DESKTOP},
        {"CiscoVPN", CARRIER_TUNNEL},
        {"TeamViewer", CARRIER_DESKTOP},
        {"Teredo", CARRIER_TUNNEL},
        {"Tor", CARRIER_TUNNEL},
};

/* Master and application, either of which may be the carrier: "TLS.Tor", "RDP.Azure". */
static bool word_is(const char *word, const char *name)
{
	const char *dot = strchr(word, '.');
	size_t n = dot ? (size_t)(dot - word) : strlen(word);

	return (strlen(name) == n && !strncasecmp(word, name, n)) || (dot && !strcasecmp(dot + 1, name));
}

const struct carrier *carrier_by_word(const char *word)
{
	for (size_t i = 0; i < SIGNATURES; i++)
		if (word_is(word, signatures[i].as.name))
			return &signatures[i].as;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (word_is(word, words[i].name))
			return &words[i];
	return NULL;
}

/* ---- the layers ---------------------------------------------------------------------------------------- */

struct side {
	uint8_t head[HEAD_MAX];
	size_t n;    /* bytes of the head that are there */
	size_t skip; /* bytes of this message still to be passed over */
};

struct carried {
	const struct signature *as;
	struct talk talk;
	uint8_t messages;
	bool sure;
	struct side side[2];
};

/* The signature that takes a first message of that side; NULL: none does, or *s is SAY_PART. */
static const struct signature *first_of(
        bool stream, enum flow_dir dir, const uint8_t *p, size_t n, enum say *s)
{
	*s = SAY_NO;
	for (size_t i = 0; i < SIGNATURES; i++) {
		struct talk t = {.stream = stream};
		struct message_head m = {dir, p, n, 0};
		enum say one;

		if (!(stream ? signatures[i].stream : signatures[i].datagram))
			continue;
		one = signatures[i].read(&t, &m);
		if (one > SAY_PART) {
			*s = one;
			return &signatures[i];
		}
		*s = one > *s ? one : *s;
	}
	return NULL;
}

int carrier_probe(const uint8_t *p, size_t n)
{
	enum say s[2];

	if (!n)
		return -1;
	n = n < HEAD_MAX ? n : HEAD_MAX;
	first_of(true, FLOW_C2S, p, n, &s[0]);
	first_of(true, FLOW_S2C, p, n, &s[1]);
	if (s[0] > SAY_PART || s[1] > SAY_PART)
		return 1;
	return n < HEAD_MAX && (s[0] == SAY_PART || s[1] == SAY_PART) ? -1 : 0;
}

bool carrier_probe_datagram(const uint8_t *p, size_t n)
{
	enum say s;

	return n && (first_of(false, FLOW_C2S, p, n, &s) || first_of(false, FLOW_S2C, p, n, &s));
}

static enum layer_verdict judge(struct carried *c, enum say s, const struct sink *out)
{
	bool made = s == SAY_MADE;

	if (s == SAY_NO) /* what is certain stays so */
		return c->sure ? LAYER_DONE : LAYER_BAD;
	if (c->talk.fits < UINT8_MAX)
		c->talk.fits++;
	if (s >= SAY_SURE && (!c->sure || made) && out->carrier)
		out->carrier(out->arg, &c->as->as, made);
	c->sure = c->sure || s >= SAY_SURE;
	if (made || (c->sure && !c->as->sets_up))
		return LAYER_DONE;
	if (++c->messages < CARRIER_MESSAGES_MAX)
		return LAYER_MORE;
	return c->sure ? LAYER_DONE : LAYER_BAD;
}

/* The next message, or as much of it as is there. */
static enum say next(struct carried *c, struct message_head *m)
{
	enum say s;

	if (!c->as && !(c->as = first_of(c->talk.stream, m->dir, m->p, m->n, &s)))
		return s;
	return c->as->read(&c->talk, m);
}

static enum layer_verdict datagram_feed(void *state, struct conn *conn, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t n, int64_t when_ns, const struct sink *out)
{
	struct carried *c = state;
	struct message_head m = {dir, p, n, 0};

	(void)conn;
	(void)stream;
	(void)when_ns;
	return judge(c, next(c, &m), out);
}

static int stream_open(void *state, struct conn *conn)
{
	(void)conn;
	((struct carried *)state)->talk.stream = true;
	return 0;
}

/* Fills the head; what is left of it behind a short message is the beginning of the next one. */
static enum layer_verdict stream_feed(void *state, struct conn *conn, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t n, int64_t when_ns, const struct sink *out)
{
	struct carried *c = state;
	struct side *side = &c->side[dir];

	(void)conn;
	(void)stream;
	(void)when_ns;
	for (;;) {
		struct message_head m = {dir, side->head, 0, 0};
		size_t take = side->skip < n ? side->skip : n;
		enum layer_verdict v;
		enum say s;

		side->skip -= side->skip == SIZE_MAX ? 0 : take;
		if (take)
			p += take;
		n -= take;
		take = HEAD_MAX - side->n < n ? HEAD_MAX - side->n : n;
		if (take)
			memcpy(side->head + side->n, p, take);
		p = take ? p + take : p;
		n -= take;
		side->n += take;
		if (!side->n)
			return LAYER_MORE;
		m.n = side->n;
		s = next(c, &m);
		if (s == SAY_PART && side->n < HEAD_MAX)
			return LAYER_MORE;
		v = judge(c, s == SAY_PART ? SAY_NO : s, out);
		if (v != LAYER_MORE)
			return v;
		take = m.len < side->n ? m.len : side->n;
		side->skip = m.len == SIZE_MAX ? SIZE_MAX : m.len - take;
		side->n = m.len == SIZE_MAX ? 0 : side->n - take;
		if (side->n)
			memmove(side->head, side->head + take, side->n);
	}
}

/* What a hole takes with it may hold the beginning of the next message: this side says no more. */
static void stream_gap(void *state, struct conn *conn, enum flow_dir dir, uint64_t stream, uint64_t len,
        const struct sink *out)
{
	struct side *side = &((struct carried *)state)->side[dir];

	(void)conn;
	(void)stream;
	(void)out;
	if (len && side->skip != SIZE_MAX && len <= side->skip) {
		side->skip -= len;
		return;
	}
	side->skip = SIZE_MAX;
	side->n = 0;
}

static void datagram_gap(void *state, struct conn *conn, enum flow_dir dir, uint64_t stream, uint64_t len,
        const struct sink *out)
{
	(void)state; /* each datagram stands alone */
	(void)conn;
	(void)dir;
	(void)stream;
	(void)len;
	(void)out;
}

const struct layer_ops carrier_layer = {
        .name = "", /* records name the protocol, when it is certain */
        .state_size = sizeof(struct carried),
        .open = stream_open,
        .feed = stream_feed,
        .gap = stream_gap,
};

const struct layer_ops carrier_datagram_layer = {
        .name = "", /* records name the protocol, when it is certain */
        .state_size = sizeof(struct carried),
        .feed = datagram_feed,
        .gap = datagram_gap,
};
