/* community_id.c - Community ID v1: SHA-1 over seed and ordered flow tuple, in base64.
 * Specification: https://github.com/corelight/community-id-spec (README.md); ICMP types pair up as in the
 * reference implementation it names, https://github.com/corelight/pycommunityid (icmp.py, icmp6.py). */
#include "capture/flow.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#define PROTO_ICMP  1
#define PROTO_ICMP6 58
#define PROTO_SCTP  132

#define SHA1_SIZE 20

static EVP_MD *sha1;
static __thread EVP_MD_CTX *context; /* one a thread, kept: making one costs more than the hash */
static pthread_key_t context_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void context_free(void *p)
{
	EVP_MD_CTX_free(p);
}

static void fetch(void)
{
	sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
	(void)pthread_key_create(&context_key, context_free);
}

static bool sha1_of(const uint8_t *p, size_t n, uint8_t out[EVP_MAX_MD_SIZE])
{
	pthread_once(&once, fetch);
	if (!context) {
		context = EVP_MD_CTX_new();
		(void)pthread_setspecific(context_key, context);
	}
	return sha1 && context && EVP_DigestInit_ex2(context, sha1, NULL) &&
	       EVP_DigestUpdate(context, p, n) && EVP_DigestFinal_ex(context, out, NULL);
}

/* Types that ask and answer; the answer's type stands in the place of the other port. */
static const struct {
	uint8_t proto, type, answer;
} icmp_pairs[] = {
        {PROTO_ICMP, 8, 0},      /* echo */
        {PROTO_ICMP, 10, 9},     /* router solicitation, advertisement */
        {PROTO_ICMP, 13, 14},    /* timestamp */
        {PROTO_ICMP, 15, 16},    /* information */
        {PROTO_ICMP, 17, 18},    /* address mask */
        {PROTO_ICMP6, 128, 129}, /* echo */
        {PROTO_ICMP6, 130, 131}, /* multicast listener query, report */
        {PROTO_ICMP6, 133, 134}, /* router solicitation, advertisement */
        {PROTO_ICMP6, 135, 136}, /* neighbour solicitation, advertisement */
        {PROTO_ICMP6, 139, 140}, /* node information */
        {PROTO_ICMP6, 144, 145}, /* home agent address discovery */
};

/* True when type and code became a pair of ports; a type without a counterpart goes one way and is not
 * ordered. */
static bool icmp_ports(uint8_t proto, uint16_t type, uint16_t *other)
{
	for (size_t i = 0; i < sizeof(icmp_pairs) / sizeof(icmp_pairs[0]); i++) {
		if (icmp_pairs[i].proto != proto ||
		        (icmp_pairs[i].type != type && icmp_pairs[i].answer != type))
			continue;
		*other = icmp_pairs[i].type == type ? icmp_pairs[i].answer : icmp_pairs[i].type;
		return true;
	}
	return false;
}

static size_t put(uint8_t *buf, size_t at, const void *p, size_t n)
{
	memcpy(buf + at, p, n);
	return at + n;
}

static size_t put16(uint8_t *buf, size_t at, uint16_t v)
{
	const uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};

	return put(buf, at, b, sizeof(b));
}

const char *community_id(const struct ip_addr *src, const struct ip_addr *dst, uint16_t sport, uint16_t dport,
        uint8_t proto, uint16_t seed, char buf[COMMUNITY_ID_MAX])
{
	bool icmp = proto == PROTO_ICMP || proto == PROTO_ICMP6;
	bool ports = icmp || proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP;
	bool ordered = icmp && !icmp_ports(proto, sport, &dport);
	size_t skip = ip_is4(src) && ip_is4(dst) ? 12 : 0, n;
	uint8_t tuple[2 + 16 + 16 + 2 + 4], digest[EVP_MAX_MD_SIZE];
	int c = memcmp(src, dst, sizeof(*src));

	if (!ordered && (c > 0 || (!c && sport > dport))) {
		const struct ip_addr *addr = src;
		uint16_t port = sport;

		src = dst;
		dst = addr;
		sport = dport;
		dport = port;
	}
	n = put16(tuple, 0, seed);
	n = put(tuple, n, src->b + skip, 16 - skip);
	n = put(tuple, n, dst->b + skip, 16 - skip);
	n = put16(tuple, n, (uint16_t)(proto << 8));
	if (ports) {
		n = put16(tuple, n, sport);
		n = put16(tuple, n, dport);
	}
	buf[0] = '\0';
	if (sha1_of(tuple, n, digest)) {
		memcpy(buf, "1:", 2);
		EVP_EncodeBlock((unsigned char *)buf + 2, digest, SHA1_SIZE);
	}
	return buf;
}
