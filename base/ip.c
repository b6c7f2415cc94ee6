/* ip.c - see ip.h */
#include "base/ip.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

int ip_parse(const char *text, struct ip_addr *a)
{
	uint8_t raw[16];

	if (inet_pton(AF_INET, text, raw) == 1) {
		*a = ip_from4(raw);
		return 0;
	}
	if (inet_pton(AF_INET6, text, raw) == 1) {
		*a = ip_from6(raw);
		return 0;
	}
	return -1;
}

const char *ip_format(const struct ip_addr *a, char buf[IP_TEXT_MAX])
{
	if (ip_is4(a))
		inet_ntop(AF_INET, a->b + 12, buf, IP_TEXT_MAX);
	else
		inet_ntop(AF_INET6, a->b, buf, IP_TEXT_MAX);
	return buf;
}

/* Clears every bit after the first `bits`; returns whether any was set. */
static bool clear_host_bits(struct ip_addr *a, unsigned bits)
{
	bool any = false;

	for (unsigned i = 0; i < 16; i++) {
		unsigned keep = bits >= (i + 1) * 8 ? 8 : bits > i * 8 ? bits - i * 8 : 0;
		uint8_t mask = (uint8_t)(0xff00u >> keep);

		if (a->b[i] & (uint8_t)~mask) {
			any = true;
			a->b[i] &= mask;
		}
	}
	return any;
}

int cidr_parse(const char *text, struct cidr *c, struct err *e)
{
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char host[IP_TEXT_MAX], clean[IP_TEXT_MAX];
	unsigned long bits = 0, most;
	char *end;

	if (n >= sizeof(host))
		return err_set(
		        e, "`%.60s' is not an address or a network such as 10.0.0.0/8 or fd00::/8", text);
	memcpy(host, text, n);
	host[n] = '\0';
	if (ip_parse(host, &c->addr) < 0)
		return err_set(
		        e, "`%.60s' is not an address or a network such as 10.0.0.0/8 or fd00::/8", text);
	most = ip_is4(&c->addr) && !strchr(host, ':') ? 32 : 128;
	bits = most;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return err_set(
			        e, "`%.60s': the prefix length must be a number from 0 to %lu", text, most);
		bits = strtoul(slash + 1, &end, 10);
		if (*end || bits > most)
			return err_set(
			        e, "`%.60s': the prefix length must be a number from 0 to %lu", text, most);
	}
	c->bits = (uint8_t)(most == 32 ? bits + 96 : bits);
	if (clear_host_bits(&c->addr, c->bits))
		return err_set(e, "`%.60s' has bits set behind its prefix; the network is %s/%lu", text,
		        ip_format(&c->addr, clean), bits);
	return 0;
}

bool cidr_covers(const struct cidr *c, const struct ip_addr *a)
{
	unsigned whole = c->bits / 8, rest = c->bits % 8;

	if (memcmp(c->addr.b, a->b, whole) != 0)
		return false;
	return !rest || !((c->addr.b[whole] ^ a->b[whole]) & (uint8_t)(0xff00u >> rest));
}
