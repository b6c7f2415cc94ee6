/* dns_tcp.c - DNS over TCP: each message behind its length in two bytes (RFC 1035 4.2.2, RFC 7766). */
#include "base/cursor.h"
#include "classify/names/names.h"
#include "classify/names/pieces.h"
#include "classify/names/scratch.h"

#define DNS_TCP_KEEP_MAX                                                                                     \
	16384 /* a longer message in parts is passed over: no host has that many addresses                   \
	       */

struct side {
	uint8_t head[2], head_n;
	uint16_t len, have;
	bool skip; /* this message is not kept */
	bool lost; /* where messages begin is not known any more */
	struct pieces pieces;
};

struct dns_tcp {
	struct dns_cache *cache;
	unsigned good; /* well-formed messages so far */
	struct side side[2];
};

void dns_layer_use(void *state, struct dns_cache *d)
{
	struct dns_tcp *t = state;

	t->cache = d;
}

static int dns_open(void *state, struct conn *c)
{
	(void)state;
	(void)c;
	return 0;
}

/* An answer belongs to whoever receives it. */
static bool message(
        struct dns_tcp *t, struct conn *c, enum flow_dir dir, const uint8_t *p, size_t n, int64_t when_ns)
{
	const struct ip_addr *client = &c->flow->addr[dir == FLOW_S2C ? FLOW_C2S : FLOW_S2C];

	if (t->cache && dns_message(t->cache, client, p, n, when_ns) < 0)
		return t->good > 0;
	t->good++;
	return true;
}

/* n bytes of the message, not more than it lacks.  false: not DNS. */
static bool message_part(
        struct dns_tcp *t, struct conn *c, enum flow_dir dir, const uint8_t *p, size_t n, int64_t when_ns)
{
	struct side *s = &t->side[dir];
	struct scratch *x;

	if (!s->have && n == s->len)
		return message(t, c, dir, p, n, when_ns);
	if (s->len > DNS_TCP_KEEP_MAX ||
	        (!s->skip && !pieces_add(&s->pieces, c->arena, p, n, (size_t)(s->len - s->have))))
		s->skip = true;
	if (s->skip || s->have + n < s->len)
		return true;
	x = scratch_get();
	if (!x)
		return true;
	pieces_copy(&s->pieces, x->message);
	return message(t, c, dir, x->message, s->len, when_ns);
}

static void message_next(struct side *s)
{
	s->head_n = 0;
	s->have = 0;
	s->skip = false;
	pieces_reset(&s->pieces);
}

static enum layer_verdict dns_feed(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	struct dns_tcp *t = state;
	struct side *s = &t->side[dir];
	struct cur in = cur_of(p, len);

	(void)stream;
	(void)out;
	if (t->side[FLOW_C2S].lost && t->side[FLOW_S2C].lost)
		return LAYER_DONE;
	while (cur_left(&in) && !s->lost) {
		size_t n;

		if (s->head_n < sizeof(s->head)) {
			s->head[s->head_n++] = cur_u8(&in);
			if (s->head_n < sizeof(s->head))
				continue;
			s->len = (uint16_t)(s->head[0] << 8 | s->head[1]);
			if (!s->len)
				return LAYER_BAD;
			continue;
		}
		n = (size_t)(s->len - s->have);
		n = cur_left(&in) < n ? cur_left(&in) : n;
		if (!message_part(t, c, dir, cur_take(&in, n), n, when_ns))
			return LAYER_BAD;
		s->have = (uint16_t)(s->have + n);
		if (s->have == s->len)
			message_next(s);
	}
	return LAYER_MORE;
}

static void dns_gap(
        void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len, const struct sink *out)
{
	struct dns_tcp *t = state;
	struct side *s = &t->side[dir];

	(void)c;
	(void)stream;
	(void)out;
	if (!len || s->head_n < sizeof(s->head) || len > (uint64_t)(s->len - s->have)) {
		s->lost = true;
		return;
	}
	s->skip = true;
	s->have = (uint16_t)(s->have + len);
	if (s->have == s->len)
		message_next(s);
}

static void dns_close(void *state, struct conn *c, const struct sink *out)
{
	(void)state;
	(void)c;
	(void)out;
}

const struct layer_ops dns_tcp_layer = {
        .name = "dns",
        .state_size = sizeof(struct dns_tcp),
        .open = dns_open,
        .feed = dns_feed,
        .gap = dns_gap,
        .close = dns_close,
};
