/* ip.h - one address type for both families: IPv4 stands as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so that keys,
 * tries and tables have one width. */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ip_addr {
	uint8_t b[16];
};

#define IP_TEXT_MAX 46 /* INET6_ADDRSTRLEN */

struct cidr {
	struct ip_addr addr; /* host bits are zero */
	uint8_t bits;        /* 0..128, of the 16-byte form: 10.0.0.0/8 is 104 */
};

static inline struct ip_addr ip_from4(const uint8_t *four)
{
	struct ip_addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}};

	memcpy(a.b + 12, four, 4);
	return a;
}

static inline struct ip_addr ip_from6(const uint8_t *sixteen)
{
	struct ip_addr a;

	memcpy(a.b, sixteen, 16);
	return a;
}

static inline bool ip_is4(const struct ip_addr *a)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

	return !memcmp(a->b, mapped, 12);
}

static inline bool ip_equal(const struct ip_addr *a, const struct ip_addr *b)
{
	return !memcmp(a->b, b->b, 16);
}

/* Text to address; 0, or -1 when it is none.  No brackets, no zone. */
int ip_parse(const char *text, struct ip_addr *a);
/* Writes the usual text (RFC 5952 for IPv6) and returns buf. */
const char *ip_format(const struct ip_addr *a, char buf[IP_TEXT_MAX]);
/* "10.0.0.0/8", "fd00::/8" or a lone address; 0, or -1 and e says what is wrong (host bits set is an error).
 */
struct err;
int cidr_parse(const char *text, struct cidr *c, struct err *e);
bool cidr_covers(const struct cidr *c, const struct ip_addr *a);

#endif
