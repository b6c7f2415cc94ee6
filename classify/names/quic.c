/* quic.c - the hellos inside QUIC Initial packets: RFC 9000 12.2 (coalesced packets), 17.2 (long headers), 19
 * (frames), RFC 9001 4.1.3 and 5 (CRYPTO streams, Initial keys), RFC 9369 (version 2), RFC 9368 (a server may
 * answer in another version).
 *
 * Initial keys come from the connection id that the client chose for its first packet; after a Retry from the
 * one that the server chose (RFC 9001 5.2).  A sensor may have missed either, so each packet is tried with
 * the keys known, and then as a client's with its own connection id. */
#include "classify/names/quic.h"
#include "classify/names/hello.h"
#include "classify/names/names.h"
#include "classify/names/scratch.h"

#include <string.h>

#define LONG_HEADER        0x80
#define QUIC_DATAGRAMS_MAX 96   /* what was not understood by then will not be; the longest hello takes 60 */
#define QUIC_COALESCED_MAX 8    /* packets read of one datagram */
#define QUIC_FRAMES_MAX    1024 /* CRYPTO frames of one side */
#define QUIC_TRIALS_MAX    2    /* keys derived for one datagram */
#define QUIC_HELLOS_MAX    2    /* of one side: the second follows a HelloRetryRequest */
#define MESSAGE_HEADER     4
#define CLIENT_HELLO       1
#define SERVER_HELLO       2

enum { TYPE_INITIAL = 0, TYPE_RETRY = 3 };
enum {
	FRAME_PADDING = 0x00,
	FRAME_PING = 0x01,
	FRAME_ACK = 0x02,
	FRAME_ACK_ECN = 0x03,
	FRAME_CRYPTO = 0x06,
	FRAME_CLOSE = 0x1c,
};

struct side {
	struct quic_stream stream;
	uint64_t largest; /* packet number expected next */
	unsigned frames;  /* CRYPTO frames taken: each is looked for its place among those that wait */
	uint8_t hellos;
	bool over; /* nothing more to learn from this side */
};

/* Keys and what they were derived from. */
struct keyset {
	const struct quic_version *version;
	uint8_t dcid[QUIC_CID_MAX], dcid_n;
	struct quic_keys keys[2]; /* by enum quic_role */
};

/* Those derived for one datagram: packets in it that nobody can open must not cost a derivation each, and by
 * RFC 9000 12.2 all of them have the same connection id. */
struct trials {
	unsigned n;
	struct keyset set[QUIC_TRIALS_MAX];
};

struct quic {
	struct keyset set;
	bool keyed;  /* a packet was opened with the set */
	bool turned; /* the flow's server is the one that speaks as client */
	bool known;  /* a long header of a version we can open was seen */
	bool client, server, retry, closed;
	uint8_t clients;
	unsigned datagrams;
	struct side side[2]; /* by role */
};

/* A long header, taken apart. */
struct header {
	const struct quic_version *version;
	uint8_t type; /* as in version 1 */
	struct cur dcid;
	struct quic_packet packet;
};

/* RFC 9000 15: a client that offers such a version asks for the list of versions, and comes again with
 * another. */
static bool reserved(uint32_t version)
{
	return (version & 0x0f0f0f0f) == 0x0a0a0a0a;
}

bool quic_probe(const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p, n);
	uint8_t first = cur_u8(&c);
	uint32_t version = cur_be32(&c);
	struct cur dcid = cur_vec(&c, 1), scid = cur_vec(&c, 1);

	return !c.bad && (first & LONG_HEADER) && (quic_version_find(version) || reserved(version)) &&
	       cur_left(&dcid) <= QUIC_CID_MAX && cur_left(&scid) <= QUIC_CID_MAX;
}

/* RFC 9000 16 */
static uint64_t varint(struct cur *c)
{
	size_t n = (size_t)1 << (cur_peek(c, 0) >> 6);

	return cur_be(c, n) & (UINT64_MAX >> (66 - 8 * n));
}

static struct cur varint_vec(struct cur *c)
{
	uint64_t n = varint(c);

	return cur_sub(c, n > SIZE_MAX ? SIZE_MAX : (size_t)n);
}

/* ---- hellos ------------------------------------------------------------------------------------------- */

static bool finished(const struct quic *q)
{
	if (q->closed || q->datagrams >= QUIC_DATAGRAMS_MAX)
		return true;
	return q->client && q->server && (!q->retry || q->clients >= QUIC_HELLOS_MAX);
}

static void tell(struct quic *q, const struct hello *h, const struct sink *out)
{
	if (h->client) {
		q->client = true;
		q->clients++;
	} else if (h->hello_retry) {
		q->retry = true;
	} else {
		q->server = true;
	}
	if (out && out->hello)
		out->hello(out->arg, h);
}

/* Reads what stands whole in the side's CRYPTO stream. */
static void read_messages(struct quic *q, enum quic_role role, const struct sink *out)
{
	struct scratch *x = scratch_get();
	struct side *s = &q->side[role];

	while (x && !s->over) {
		size_t ready = quic_stream_ready(&s->stream), len;
		struct hello h;
		struct cur body;

		if (ready < MESSAGE_HEADER)
			return;
		quic_stream_copy(&s->stream, x->message, MESSAGE_HEADER);
		len = (size_t)x->message[1] << 16 | (size_t)x->message[2] << 8 | x->message[3];
		if (x->message[0] != (role == QUIC_CLIENT ? CLIENT_HELLO : SERVER_HELLO) ||
		        len > HELLO_SIZE_MAX || s->hellos == QUIC_HELLOS_MAX) {
			s->over = true;
			return;
		}
		if (ready < MESSAGE_HEADER + len)
			return;
		quic_stream_copy(&s->stream, x->message, MESSAGE_HEADER + len);
		quic_stream_read(&s->stream, MESSAGE_HEADER + len);
		s->hellos++;
		body = cur_of(x->message + MESSAGE_HEADER, len);
		if ((role == QUIC_CLIENT ? hello_read_client(body, true, &h) : hello_read_server(body, &h)) <
		        0) {
			s->over = true;
			return;
		}
		h.quic = true;
		tell(q, &h, out);
	}
}

/* The rest of the ClientHello never came: what stands from its beginning on may hold the name. */
static void read_rest(struct quic *q, const struct sink *out)
{
	struct side *s = &q->side[QUIC_CLIENT];
	size_t ready = quic_stream_ready(&s->stream);
	struct scratch *x;
	struct hello h;

	if (s->hellos || ready <= MESSAGE_HEADER || ready > QUIC_CRYPTO_MAX)
		return;
	x = scratch_get();
	if (!x)
		return;
	quic_stream_copy(&s->stream, x->message, ready);
	if (x->message[0] != CLIENT_HELLO ||
	        hello_read_client_part(
	                cur_of(x->message + MESSAGE_HEADER, ready - MESSAGE_HEADER), true, &h) < 0)
		return;
	s->hellos++;
	s->over = true;
	tell(q, &h, out);
}

/* ---- frames ------------------------------------------------------------------------------------------- */

static void skip_ack(struct cur *c, bool ecn)
{
	uint64_t ranges;

	varint(c); /* largest acknowledged */
	varint(c); /* delay */
	ranges = varint(c);
	varint(c); /* first range */
	while (ranges-- && !c->bad) {
		varint(c);
		varint(c);
	}
	if (ecn) {
		varint(c);
		varint(c);
		varint(c);
	}
}

static void crypto_frame(struct side *s, struct conn *conn, struct cur *c)
{
	uint64_t offset = varint(c);
	struct cur data = varint_vec(c);

	if (data.bad || s->over)
		return;
	if (++s->frames > QUIC_FRAMES_MAX ||
	        !quic_stream_add(&s->stream, conn->arena, offset, data.p, cur_left(&data)))
		s->over = true;
}

/* The frames that RFC 9000 12.4 (table 3) allows in Initial packets; any other ends the reading. */
static void read_frames(struct quic *q, struct conn *conn, enum quic_role role, struct cur c)
{
	while (cur_left(&c)) {
		uint64_t type;

		if (cur_peek(&c, 0) == FRAME_PADDING) { /* hundreds of them */
			cur_skip(&c, 1);
			continue;
		}
		type = varint(&c);
		switch (type) {
		case FRAME_PADDING:
		case FRAME_PING:
			break;
		case FRAME_ACK:
		case FRAME_ACK_ECN:
			skip_ack(&c, type == FRAME_ACK_ECN);
			break;
		case FRAME_CRYPTO:
			crypto_frame(&q->side[role], conn, &c);
			break;
		case FRAME_CLOSE:
			q->closed = true;
			return;
		default:
			return;
		}
	}
}

/* ---- packets ------------------------------------------------------------------------------------------ */

static bool is_set_of(const struct keyset *k, const struct quic_version *v, const uint8_t *dcid, size_t n)
{
	return k->version == v && k->dcid_n == n && !memcmp(k->dcid, dcid, n);
}

/* NULL: the datagram had its share of derivations, or OpenSSL failed. */
static const struct keyset *keys_try(
        struct trials *t, const struct quic_version *v, const uint8_t *dcid, size_t n)
{
	struct keyset *k;

	for (unsigned i = 0; i < t->n; i++)
		if (is_set_of(&t->set[i], v, dcid, n))
			return &t->set[i];
	if (t->n == QUIC_TRIALS_MAX)
		return NULL;
	k = &t->set[t->n];
	if (!quic_keys_derive(v, dcid, n, k->keys))
		return NULL;
	k->version = v;
	memcpy(k->dcid, dcid, n);
	k->dcid_n = (uint8_t)n;
	t->n++;
	return k;
}

/* Decrypts with whatever keys fit; *role says who sent it. */
static bool open_initial(struct quic *q, struct trials *t, const struct header *h, enum flow_dir dir,
        enum quic_role *role, struct cur *plain)
{
	const uint8_t *dcid = h->dcid.p;
	size_t n = cur_left(&h->dcid);
	const struct keyset *k;

	*role = (dir == FLOW_C2S) != q->turned ? QUIC_CLIENT : QUIC_SERVER;
	if (q->keyed && q->set.version == h->version) {
		if (quic_packet_open(&h->packet, &q->set.keys[*role], &q->side[*role].largest, plain))
			return true;
		if (*role == QUIC_CLIENT && is_set_of(&q->set, h->version, dcid, n))
			return false;
	} else if (q->keyed) {
		/* RFC 9368 2.3: the version changed, the connection id that keys come from did not */
		k = keys_try(t, h->version, q->set.dcid, q->set.dcid_n);
		if (k && quic_packet_open(&h->packet, &k->keys[*role], &q->side[*role].largest, plain)) {
			q->set = *k;
			return true;
		}
	}
	k = keys_try(t, h->version, dcid, n);
	if (!k || !quic_packet_open(&h->packet, &k->keys[QUIC_CLIENT], &q->side[QUIC_CLIENT].largest, plain))
		return false;
	if (!q->keyed)
		q->turned = dir != FLOW_C2S;
	q->set = *k;
	q->keyed = true;
	*role = QUIC_CLIENT;
	return true;
}

/* Takes one packet off the datagram.  false: the rest of it cannot be read. */
static bool read_header(struct cur *c, struct header *h)
{
	const uint8_t *start = c->p;
	uint8_t first = cur_u8(c);
	uint32_t version = cur_be32(c);
	struct cur scid, body;

	if (c->bad || !(first & LONG_HEADER))
		return false;
	h->version = quic_version_find(version);
	h->dcid = cur_vec(c, 1);
	scid = cur_vec(c, 1);
	if (c->bad || !h->version || cur_left(&h->dcid) > QUIC_CID_MAX || cur_left(&scid) > QUIC_CID_MAX)
		return false;
	h->type = ((first >> 4 & 3) - h->version->initial) & 3;
	if (h->type == TYPE_RETRY) { /* has no length: the datagram ends with it */
		c->p = c->end;
		return true;
	}
	if (h->type == TYPE_INITIAL)
		varint_vec(c); /* token */
	body = varint_vec(c);
	h->packet = (struct quic_packet){.p = start};
	if (c->bad || body.bad) {
		c->p = c->end; /* cut by a snaplen, perhaps: what came before stands */
		h->packet.p = NULL;
		return true;
	}
	h->packet.pn_at = (size_t)(body.p - start);
	h->packet.len = (size_t)(body.end - start);
	return true;
}

static int quic_open(void *state, struct conn *c)
{
	(void)state;
	(void)c;
	return 0;
}

static enum layer_verdict quic_feed(void *state, struct conn *conn, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	struct quic *q = state;
	struct cur c = cur_of(p, len);
	struct trials trials = {.n = 0};

	(void)stream;
	(void)when_ns;
	if (finished(q))
		return LAYER_DONE;
	q->datagrams++;
	for (int i = 0; i < QUIC_COALESCED_MAX && cur_left(&c); i++) {
		struct header h = {.type = 0};
		enum quic_role role;
		struct cur plain;

		q->known = q->known || quic_probe(c.p, cur_left(&c));
		if (!q->known || !read_header(&c, &h))
			break;
		if (h.type != TYPE_INITIAL || !h.packet.p ||
		        !open_initial(q, &trials, &h, dir, &role, &plain))
			continue;
		read_frames(q, conn, role, plain);
		read_messages(q, role, out);
	}
	if (!q->known)
		return LAYER_BAD;
	if (!finished(q))
		return LAYER_MORE;
	read_rest(q, out);
	return LAYER_DONE;
}

static void quic_gap(
        void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len, const struct sink *out)
{
	/* datagrams stand alone: a lost one leaves a hole in a CRYPTO stream, which a retransmission may fill
	 */
	(void)state;
	(void)c;
	(void)dir;
	(void)stream;
	(void)len;
	(void)out;
}

static void quic_close(void *state, struct conn *c, const struct sink *out)
{
	(void)c;
	read_rest(state, out);
}

const struct layer_ops quic_layer = {
        .name = "quic",
        .state_size = sizeof(struct quic),
        .open = quic_open,
        .feed = quic_feed,
        .gap = quic_gap,
        .close = quic_close,
};
