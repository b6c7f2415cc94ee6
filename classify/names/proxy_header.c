/* proxy_header.c - the PROXY protocol, versions 1 and 2 (HAProxy, "The PROXY protocol", 2020/03/05): before
 * the first byte of a connection a load balancer says whose connection it passes on. */
#include "base/cursor.h"
#include "classify/found.h"
#include "classify/names/names.h"

#include <string.h>

#define V1_MAX  107   /* 2.1 */
#define V2_MAX  2048u /* 2.2 allows 64 KiB; real ones are below 536 */
#define V2_HEAD 16

static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

struct header {
	bool done;
	uint16_t n;
	uint8_t held[V2_MAX];
};

static int begins(const uint8_t *p, size_t n, const void *with, size_t size)
{
	if (memcmp(p, with, n < size ? n : size) != 0)
		return 0;
	return n < size ? -1 : 1;
}

int proxy_header_probe(const uint8_t *p, size_t n)
{
	int one = begins(p, n, "PROXY ", 6);

	return one ? one : begins(p, n, signature, sizeof(signature));
}

static bool text_field(struct cur *c, char *out, size_t cap, char end)
{
	size_t n = 0;

	while (cur_left(c) && cur_peek(c, 0) != (uint8_t)end) {
		if (n + 1 >= cap)
			return false;
		out[n++] = (char)cur_u8(c);
	}
	out[n] = '\0';
	cur_skip(c, 1);
	return !c->bad && n;
}

static bool port_of(const char *text, uint16_t *port)
{
	unsigned v = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9' || (v = v * 10 + (unsigned)(*p - '0')) > 65535)
			return false;
	}
	*port = (uint16_t)v;
	return *text != '\0';
}

/* "PROXY TCP4 source destination sport dport\r\n", or "PROXY UNKNOWN ...\r\n". */
static int read_v1(const uint8_t *p, size_t n, struct proxied *said)
{
	const uint8_t *end = memchr(p, '\n', n < V1_MAX ? n : V1_MAX);
	struct cur c;
	struct ip_addr to;
	uint16_t to_port;
	char kind[8], source[IP_TEXT_MAX], target[IP_TEXT_MAX], sport[6], dport[6];

	if (!end)
		return n < V1_MAX ? 0 : -1;
	if (memcmp(p, "PROXY ", 6) != 0 || end - p < 8 || end[-1] != '\r')
		return -1;
	c = cur_of(p + 6, (size_t)(end - p) - 6);
	if (!memcmp(p + 6, "UNKNOWN", n - 6 < 7 ? n - 6 : 7))
		return (int)(end + 1 - p);
	if (!text_field(&c, kind, sizeof(kind), ' ') ||
	        (strcmp(kind, "TCP4") != 0 && strcmp(kind, "TCP6") != 0) ||
	        !text_field(&c, source, sizeof(source), ' ') ||
	        !text_field(&c, target, sizeof(target), ' ') || !text_field(&c, sport, sizeof(sport), ' ') ||
	        !text_field(&c, dport, sizeof(dport), '\r'))
		return -1;
	if (ip_parse(source, &said->client) < 0 || ip_parse(target, &to) < 0 ||
	        !port_of(sport, &said->client_port) || !port_of(dport, &to_port))
		return -1;
	said->client_known = true;
	return (int)(end + 1 - p);
}

/* Signature; version and command; family and protocol; length; addresses; more that is passed over. */
static int read_v2(const uint8_t *p, size_t n, struct proxied *said)
{
	struct cur c = cur_of(p, n), a;
	uint8_t command, family;
	size_t len;
	const uint8_t *source;

	cur_skip(&c, sizeof(signature));
	command = cur_u8(&c);
	family = cur_u8(&c);
	len = cur_be16(&c);
	if (c.bad)
		return 0;
	if (command >> 4 != 2 || (command & 15) > 1 || len > V2_MAX - V2_HEAD)
		return -1;
	a = cur_sub(&c, len);
	if (c.bad)
		return 0;
	if ((command & 15) == 0 || (family >> 4 != 1 && family >> 4 != 2)) /* LOCAL, UNSPEC, UNIX */
		return (int)(V2_HEAD + len);
	source = cur_take(&a, family >> 4 == 1 ? 4 : 16);
	cur_skip(&a, family >> 4 == 1 ? 4 : 16);
	said->client_port = cur_be16(&a);
	if (a.bad)
		return -1;
	said->client = family >> 4 == 1 ? ip_from4(source) : ip_from6(source);
	said->client_known = true;
	return (int)(V2_HEAD + len);
}

static enum layer_verdict header_feed(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	struct header *h = state;
	struct proxied said = {.kind = VIA_PROXY_HEADER, .host = ""};
	const uint8_t *m = p;
	size_t n = len, take;
	int used;

	(void)c;
	if (dir == FLOW_C2S && !h->done && len) {
		if (h->n) {
			take = V2_MAX - h->n < len ? V2_MAX - h->n : len;
			memcpy(h->held + h->n, p, take);
			m = h->held;
			n = h->n + take;
		}
		used = n < sizeof(signature) ? 0 : m[0] == 'P' ? read_v1(m, n, &said) : read_v2(m, n, &said);
		if (used < 0 || (!used && n >= V2_MAX))
			return LAYER_BAD;
		if (!used) {
			if (!h->n)
				memcpy(h->held, p, len);
			h->n = (uint16_t)n;
			return LAYER_MORE;
		}
		p += (size_t)used - h->n;
		len -= (size_t)used - h->n;
		h->done = true;
		if (out->proxied)
			out->proxied(out->arg, &said);
	}
	if (len && out->bytes)
		out->bytes(out->inner, dir, stream, p, len, when_ns);
	return LAYER_MORE;
}

static void header_gap(
        void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len, const struct sink *out)
{
	struct header *h = state;

	(void)c;
	if (dir == FLOW_C2S)
		h->done = true;
	if (out->bytes_gap)
		out->bytes_gap(out->inner, dir, stream, len);
}

const struct layer_ops proxy_header_layer = {
        .name = "proxy",
        .state_size = sizeof(struct header),
        .feed = header_feed,
        .gap = header_gap,
};
