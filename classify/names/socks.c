/* socks.c - SOCKS 4, 4a and 5 (RFC 1928, RFC 1929, the SOCKS4 and SOCKS4A papers): where the client asked the
 * proxy to connect to, and the connection inside.
 *
 * The layer stays and carries the connection: what comes behind the client's request and behind the proxy's
 * answer goes to the layer above, so that a client which does not wait for the answer, and a capture of one
 * side, are read all the same.  Names and passwords of the client are passed over and never kept. */
#include "base/cursor.h"
#include "classify/found.h"
#include "classify/names/names.h"

#include <string.h>

#define METHODS_MAX 16
#define HELD_MAX    520u /* the longest message: SOCKS4a with user and name of 255 bytes */

enum phase {
	GREETING, /* client: the methods; proxy: the method chosen */
	LOGIN,    /* client: user and password; proxy: what came of it (RFC 1929) */
	REQUEST,  /* client: where to; proxy: the answer */
	INSIDE,
};

struct side {
	uint8_t phase; /* enum phase */
	uint16_t n;
	uint8_t held[HELD_MAX];
};

struct socks {
	struct side side[2];
	uint8_t version; /* 4 or 5, 0: not known yet */
	bool asked;      /* the request was read */
	bool followed;   /* ... and asks for a connection that is read on */
};

/* A method that is assigned (IANA, "SOCKS Methods") or private, but not "none acceptable". */
static bool method_plausible(uint8_t m)
{
	return m <= 9 || (m >= 0x80 && m != 0xff);
}

static int probe5(const uint8_t *p, size_t n)
{
	if (n < 2)
		return -1;
	if (!p[1] || p[1] > METHODS_MAX)
		return 0;
	for (size_t i = 2; i < n && i < 2u + p[1]; i++)
		if (!method_plausible(p[i]) || memchr(p + 2, p[i], i - 2)) /* offered twice */
			return 0;
	if (n < 2u + p[1])
		return -1;
	/* a client that does not wait goes on with its login or its request */
	return n == 2u + p[1] || p[2 + p[1]] == 1 || p[2 + p[1]] == 5;
}

static int probe4(const uint8_t *p, size_t n)
{
	if ((n > 1 && p[1] != 1 && p[1] != 2) || (n > 3 && !p[2] && !p[3]))
		return 0;
	if (n < 9)
		return -1;
	if (!p[4] && !p[5] && !p[6] && !p[7])
		return 0;
	for (size_t i = 8; i < n && p[i]; i++)
		if (p[i] < 0x20 || p[i] == 0x7f)
			return 0;
	return 1;
}

int socks_probe(const uint8_t *p, size_t n)
{
	if (!n)
		return -1;
	return p[0] == 5 ? probe5(p, n) : p[0] == 4 ? probe4(p, n) : 0;
}

/* ---- what the client asks for
 * ------------------------------------------------------------------------------ */

struct target {
	uint8_t command;
	char host[HOST_MAX];
	uint16_t port;
};

static void name_of(struct target *t, const uint8_t *p, size_t n)
{
	if (!p || !host_normalize((const char *)p, n, t->host))
		t->host[0] = '\0';
}

static void address_of(struct target *t, const uint8_t *p, bool six)
{
	struct ip_addr a;
	char text[IP_TEXT_MAX];

	if (!p)
		return;
	a = six ? ip_from6(p) : ip_from4(p);
	ip_format(&a, text);
	memcpy(t->host, text, strlen(text) + 1);
}

/* RFC 1928 4: version, command, reserved, address type, address, port.  How many bytes it has; 0: more are
 * needed, -1: it is none. */
static int request5(const uint8_t *p, size_t n, struct target *t)
{
	struct cur c = cur_of(p, n);
	uint8_t version = cur_u8(&c), type;
	size_t len;

	t->command = cur_u8(&c);
	cur_skip(&c, 1);
	type = cur_u8(&c);
	if (c.bad)
		return 0;
	if (version != 5 || !t->command || t->command > 3)
		return -1;
	switch (type) {
	case 1:
		address_of(t, cur_take(&c, 4), false);
		break;
	case 4:
		address_of(t, cur_take(&c, 16), true);
		break;
	case 3:
		len = cur_u8(&c);
		name_of(t, cur_take(&c, len), len);
		break;
	default:
		return -1;
	}
	t->port = cur_be16(&c);
	return c.bad ? 0 : (int)(c.p - p);
}

/* Version, command, port, address, user, NUL; an address 0.0.0.x means that a name follows (4a). */
static int request4(const uint8_t *p, size_t n, struct target *t)
{
	struct cur c = cur_of(p, n);
	uint8_t version = cur_u8(&c);
	const uint8_t *a, *end;

	t->command = cur_u8(&c);
	t->port = cur_be16(&c);
	a = cur_take(&c, 4);
	end = c.bad || !cur_left(&c) ? NULL : memchr(c.p, 0, cur_left(&c));
	if (!end)
		return n < HELD_MAX ? 0 : -1;
	if (version != 4 || (t->command != 1 && t->command != 2))
		return -1;
	cur_skip(&c, (size_t)(end - c.p) + 1);
	if (a[0] || a[1] || a[2] || !a[3]) {
		address_of(t, a, false);
		return (int)(c.p - p);
	}
	end = cur_left(&c) ? memchr(c.p, 0, cur_left(&c)) : NULL;
	if (!end)
		return n < HELD_MAX ? 0 : -1;
	name_of(t, c.p, (size_t)(end - c.p));
	return (int)(end + 1 - p);
}

/* ---- one message after the other
 * --------------------------------------------------------------------------- */

static int client_message(
        struct socks *s, struct side *side, const uint8_t *p, size_t n, const struct sink *out)
{
	struct target t = {.host = ""};
	int used;

	if (!s->version && p[0] != 4 && p[0] != 5)
		return -1;
	if (!s->version)
		s->version = p[0];
	if (s->version == 5 && side->phase == GREETING) {
		if (n < 2 || n < 2u + p[1])
			return 0;
		side->phase = LOGIN;
		return 2 + p[1];
	}
	/* RFC 1929 2: version 1, user, password.  Without a login the request (version 5) comes at once. */
	if (s->version == 5 && side->phase == LOGIN) {
		side->phase = REQUEST;
		if (p[0] != 1)
			return p[0] == 5 ? client_message(s, side, p, n, out) : -1;
		if (n < 2 || n < 3u + p[1] || n < 3u + p[1] + p[2 + p[1]]) {
			side->phase = LOGIN;
			return 0;
		}
		return 3 + p[1] + p[2 + p[1]];
	}
	used = s->version == 5 ? request5(p, n, &t) : request4(p, n, &t);
	if (used <= 0)
		return used;
	s->asked = true;
	s->followed = t.command == 1;
	side->phase = INSIDE;
	if (out->proxied) {
		struct proxied said = {.kind = s->version == 5 ? VIA_SOCKS5 : VIA_SOCKS4,
		        .target = true,
		        .host = t.host,
		        .port = t.port};

		out->proxied(out->arg, &said);
	}
	return used;
}

/* RFC 1928 6: version, reply, reserved, type, address, port. */
static int answer5(const uint8_t *p, size_t n)
{
	size_t len;

	if (n < 5)
		return 0;
	len = p[3] == 1 ? 10 : p[3] == 4 ? 22 : p[3] == 3 ? 7u + p[4] : 0;
	if (p[0] != 5 || !len || p[1])
		return -1;
	return n < len ? 0 : (int)len;
}

static int proxy_message(struct socks *s, struct side *side, const uint8_t *p, size_t n)
{
	int used;

	if (!s->version)
		s->version = p[0] == 0 ? 4 : 5;
	if (s->version == 4) {
		if (n < 8)
			return 0;
		if (p[0] || p[1] != 0x5a)
			return -1;
		side->phase = INSIDE;
		return 8;
	}
	if (side->phase != REQUEST && n < 2)
		return 0;
	switch (side->phase) {
	case GREETING: /* RFC 1928 3; GSSAPI (1) and others wrap what follows: not read */
		side->phase = p[1] == 2 ? LOGIN : REQUEST;
		return p[0] != 5 || (p[1] != 0 && p[1] != 2) ? -1 : 2;
	case LOGIN:
		side->phase = REQUEST;
		return p[0] != 1 || p[1] ? -1 : 2;
	default:
		used = answer5(p, n);
		if (used > 0)
			side->phase = INSIDE;
		return used;
	}
}

static enum layer_verdict socks_feed(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	struct socks *s = state;
	struct side *side = &s->side[dir];

	(void)c;
	while (len && side->phase != INSIDE) {
		const uint8_t *m = p;
		size_t n = len, take = 0;
		int used;

		if (side->n) { /* a message that came in parts */
			take = HELD_MAX - side->n < len ? HELD_MAX - side->n : len;
			memcpy(side->held + side->n, p, take);
			m = side->held;
			n = side->n + take;
		}
		used = dir == FLOW_C2S ? client_message(s, side, m, n, out) : proxy_message(s, side, m, n);
		/* refused, a way we do not read, or the other side made it another version meanwhile */
		if (used < 0 || (used && (size_t)used < side->n))
			return s->asked ? LAYER_DONE : LAYER_BAD;
		if (!used) {
			if (n >= HELD_MAX)
				return LAYER_BAD;
			if (!side->n)
				memcpy(side->held, p, len);
			side->n = (uint16_t)n;
			return LAYER_MORE;
		}
		/* of what was held before, all belonged to this message */
		take = (size_t)used - side->n;
		side->n = 0;
		p += take;
		len -= take;
	}
	if (s->asked && !s->followed)
		return LAYER_DONE; /* BIND, UDP ASSOCIATE: the rest goes another way */
	if (len && out->bytes)
		out->bytes(out->inner, dir, stream, p, len, when_ns);
	return LAYER_MORE;
}

/* A hole in the few bytes before the connection inside: the next bytes may belong to either, and what is
 * inside finds its own beginning. */
static void socks_gap(
        void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len, const struct sink *out)
{
	struct socks *s = state;

	(void)c;
	s->side[dir].phase = INSIDE;
	s->side[dir].n = 0;
	if (out->bytes_gap)
		out->bytes_gap(out->inner, dir, stream, len);
}

const struct layer_ops socks_layer = {
        .name = "socks",
        .state_size = sizeof(struct socks),
        .feed = socks_feed,
        .gap = socks_gap,
};
