/* dns.c - DNS answers kept per client: RFC 1035 4 (messages, name compression), RFC 3596 (AAAA), RFC 9460
 * (SVCB and HTTPS with address hints), RFC 2181 8 (TTL).
 *
 * The name kept is the one the client asked for, whatever aliases the answer went through: it is what the
 * client's user or program meant.  One entry per (client, address): the last name resolved wins. */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "classify/names/names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DNS_RECORDS_MAX  256 /* answers read of one message */
#define DNS_CHAIN_MAX    16  /* aliases followed */
#define DNS_PASSES_MAX   3   /* over the answers, when aliases stand in the wrong order */
#define DNS_POINTERS_MAX 64  /* of one name */
#define DNS_TTL_MAX      (7 * 24 * 3600)

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, TYPE_SVCB = 64, TYPE_HTTPS = 65 };
enum { CLASS_IN = 1 };
enum { PARAM_IPV4HINT = 4, PARAM_IPV6HINT = 6 }; /* RFC 9460 14.3.2 */

#define FLAG_RESPONSE 0x8000
#define MASK_OPCODE   0x7800
#define MASK_RCODE    0x000f

struct entry {
	struct ip_addr client, server;
	int64_t until_ns;
	uint32_t hash_next, older, newer; /* index + 1, 0: none */
	uint32_t bucket;
	uint8_t by; /* enum name_source */
	char name[HOST_MAX];
};

struct dns_cache {
	struct entry *entry;
	uint32_t *bucket; /* index + 1 */
	size_t cap, used, buckets;
	uint32_t newest, oldest, unused; /* unused: entries that were freed, linked by hash_next */
	uint64_t seed;
	int64_t grace_ns;
	struct dns_stats stats;
	enum name_source last_by;
};

/* ---- the cache ---------------------------------------------------------------------------------------- */

static void *reserve(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

struct dns_cache *dns_cache_create(size_t entries, unsigned grace_s, struct err *e)
{
	struct dns_cache *d = calloc(1, sizeof(*d));

	if (!d || !entries || entries >= UINT32_MAX / 2)
		goto fail;
	d->cap = entries;
	for (d->buckets = 1; d->buckets < entries;)
		d->buckets *= 2;
	d->seed = hash_seed();
	d->grace_ns = (int64_t)grace_s * NS_PER_S;
	d->entry = reserve(d->cap * sizeof(*d->entry));
	d->bucket = reserve(d->buckets * sizeof(*d->bucket));
	if (d->entry && d->bucket)
		return d;
fail:
	dns_cache_destroy(d);
	err_set(e, "no memory for %zu DNS answers", entries);
	return NULL;
}

void dns_cache_destroy(struct dns_cache *d)
{
	if (!d)
		return;
	if (d->entry)
		munmap(d->entry, d->cap * sizeof(*d->entry));
	if (d->bucket)
		munmap(d->bucket, d->buckets * sizeof(*d->bucket));
	free(d);
}

static uint32_t bucket_of(
        const struct dns_cache *d, const struct ip_addr *client, const struct ip_addr *server)
{
	struct ip_addr both[2] = {*client, *server};

	return (uint32_t)(hash64(both, sizeof(both), d->seed) & (d->buckets - 1));
}

static struct entry *find(
        struct dns_cache *d, uint32_t bucket, const struct ip_addr *client, const struct ip_addr *server)
{
	for (uint32_t i = d->bucket[bucket]; i; i = d->entry[i - 1].hash_next) {
		struct entry *n = &d->entry[i - 1];

		if (ip_equal(&n->client, client) && ip_equal(&n->server, server))
			return n;
	}
	return NULL;
}

static uint32_t index_of(const struct dns_cache *d, const struct entry *n)
{
	return (uint32_t)(n - d->entry) + 1;
}

static void age_unlink(struct dns_cache *d, struct entry *n)
{
	*(n->older ? &d->entry[n->older - 1].newer : &d->oldest) = n->newer;
	*(n->newer ? &d->entry[n->newer - 1].older : &d->newest) = n->older;
	n->older = n->newer = 0;
}

static void age_link(struct dns_cache *d, struct entry *n)
{
	uint32_t i = index_of(d, n);

	n->older = d->newest;
	n->newer = 0;
	*(d->newest ? &d->entry[d->newest - 1].newer : &d->oldest) = i;
	d->newest = i;
}

static void forget(struct dns_cache *d, struct entry *n)
{
	uint32_t i = index_of(d, n), *at = &d->bucket[n->bucket];

	while (*at != i)
		at = &d->entry[*at - 1].hash_next;
	*at = n->hash_next;
	age_unlink(d, n);
	n->hash_next = d->unused;
	d->unused = i;
	d->stats.entries--;
}

/* An empty entry; the oldest answer makes room. */
static struct entry *take(struct dns_cache *d)
{
	struct entry *n;

	if (!d->unused && d->used < d->cap)
		return &d->entry[d->used++];
	if (!d->unused) {
		forget(d, &d->entry[d->oldest - 1]);
		d->stats.evicted++;
	}
	n = &d->entry[d->unused - 1];
	d->unused = n->hash_next;
	return n;
}

static void store(struct dns_cache *d, const struct ip_addr *client, const struct ip_addr *server,
        const char *name, enum name_source by, uint32_t ttl, int64_t when_ns)
{
	uint32_t b = bucket_of(d, client, server);
	struct entry *n = find(d, b, client, server);

	if (n) {
		age_unlink(d, n);
	} else {
		n = take(d);
		*n = (struct entry){
		        .client = *client, .server = *server, .bucket = b, .hash_next = d->bucket[b]};
		d->bucket[b] = index_of(d, n);
		d->stats.entries++;
	}
	age_link(d, n);
	memcpy(n->name, name, strlen(name) + 1);
	n->by = (uint8_t)by;
	n->until_ns = when_ns + (int64_t)(ttl < DNS_TTL_MAX ? ttl : DNS_TTL_MAX) * NS_PER_S + d->grace_ns;
	d->stats.stored++;
}

const char *dns_name(
        struct dns_cache *d, const struct ip_addr *client, const struct ip_addr *server, int64_t when_ns)
{
	struct entry *n = find(d, bucket_of(d, client, server), client, server);

	d->last_by = NAME_NONE;
	if (!n || n->until_ns < when_ns)
		return NULL; /* kept: a packet of before may follow, and the oldest goes by itself */
	d->last_by = (enum name_source)n->by;
	return n->name;
}

enum name_source dns_name_by(const struct dns_cache *d)
{
	return d->last_by;
}

void dns_cache_stats(const struct dns_cache *d, struct dns_stats *out)
{
	*out = d->stats;
}

/* ---- messages ----------------------------------------------------------------------------------------- */

/* A name as text in lower case.  n 0: well-formed, but the root or no host name: equal to nothing. */
struct name {
	size_t n;
	char text[256];
};

static bool host_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Reads a name where c stands; `whole` is the message, for pointers (RFC 1035 4.1.4).  Every pointer must
 * lead before the last one, so that no name is endless. */
static bool name_read(struct cur *c, const struct cur *whole, struct name *out)
{
	struct cur at = *c;
	size_t limit = (size_t)(c->p - whole->p), wire = 1;
	bool jumped = false, host = true;

	out->n = 0;
	for (unsigned pointers = 0;;) {
		uint8_t len = cur_u8(&at);

		if (at.bad)
			return false;
		if ((len & 0xc0) == 0xc0) {
			size_t to = (size_t)(len & 0x3f) << 8 | cur_u8(&at);

			if (at.bad || to >= limit || ++pointers > DNS_POINTERS_MAX)
				return false;
			if (!jumped)
				c->p = at.p;
			jumped = true;
			limit = to;
			at = (struct cur){.p = whole->p + to, .end = whole->end};
			continue;
		}
		if (len & 0xc0)
			return false;
		if (!len)
			break;
		wire += 1u + len;
		if (wire > 255) /* RFC 1035 2.3.4 */
			return false;
		if (out->n)
			out->text[out->n++] = '.';
		for (uint8_t i = 0; i < len; i++) {
			uint8_t b = cur_u8(&at);

			if (b >= 'A' && b <= 'Z')
				b = (uint8_t)(b + 32);
			host = host && host_char(b);
			out->text[out->n++] = (char)b;
		}
		if (at.bad)
			return false;
	}
	if (!jumped)
		c->p = at.p;
	out->text[out->n] = '\0';
	if (!host)
		out->n = 0;
	return true;
}

static bool name_equal(const struct name *a, const struct name *b)
{
	return a->n && a->n == b->n && !memcmp(a->text, b->text, a->n);
}

struct record {
	struct name owner;
	uint16_t type, class;
	uint32_t ttl;
	struct cur data;
};

static bool record_read(struct cur *c, const struct cur *whole, struct record *r)
{
	if (!name_read(c, whole, &r->owner))
		return false;
	r->type = cur_be16(c);
	r->class = cur_be16(c);
	r->ttl = cur_be32(c);
	if (r->ttl & 0x80000000u) /* RFC 2181 8 */
		r->ttl = 0;
	r->data = cur_vec(c, 2);
	return !c->bad;
}

/* One response while it is read. */
struct answer {
	struct dns_cache *d;
	const struct ip_addr *client;
	struct cur whole;
	int64_t when_ns;
	char asked[HOST_MAX];
	unsigned n_chain;
	struct name chain[DNS_CHAIN_MAX]; /* what was asked, and every alias of it */
};

static bool chain_holds(const struct answer *a, const struct name *n)
{
	for (unsigned i = 0; i < a->n_chain; i++)
		if (name_equal(&a->chain[i], n))
			return true;
	return false;
}

/* An alias leads on: CNAME, or SVCB with priority 0 (RFC 9460 2.4.2). */
static bool alias_add(struct answer *a, const struct record *r)
{
	struct cur c = r->data;
	struct name target;

	if (r->type == TYPE_SVCB || r->type == TYPE_HTTPS) {
		if (cur_be16(&c))
			return false;
	} else if (r->type != TYPE_CNAME) {
		return false;
	}
	if (c.bad || a->n_chain == DNS_CHAIN_MAX || !name_read(&c, &a->whole, &target) || !target.n ||
	        chain_holds(a, &target))
		return false;
	a->chain[a->n_chain++] = target;
	return true;
}

static void keep4(struct answer *a, struct cur *c, enum name_source by, uint32_t ttl)
{
	const uint8_t *p = cur_take(c, 4);

	if (p) {
		struct ip_addr ip = ip_from4(p);

		store(a->d, a->client, &ip, a->asked, by, ttl, a->when_ns);
	}
}

static void keep6(struct answer *a, struct cur *c, enum name_source by, uint32_t ttl)
{
	const uint8_t *p = cur_take(c, 16);

	if (p) {
		struct ip_addr ip = ip_from6(p);

		store(a->d, a->client, &ip, a->asked, by, ttl, a->when_ns);
	}
}

static void keep_hints(struct answer *a, struct cur c, uint32_t ttl)
{
	struct name target;

	cur_be16(&c); /* priority */
	if (!name_read(&c, &a->whole, &target))
		return;
	while (cur_left(&c) && !c.bad) {
		uint16_t key = cur_be16(&c);
		struct cur value = cur_vec(&c, 2);

		while (key == PARAM_IPV4HINT && cur_left(&value))
			keep4(a, &value, NAME_HTTPS_RR, ttl);
		while (key == PARAM_IPV6HINT && cur_left(&value))
			keep6(a, &value, NAME_HTTPS_RR, ttl);
	}
}

static void keep_record(struct answer *a, const struct record *r)
{
	struct cur data = r->data;

	if (r->type == TYPE_A && cur_left(&data) == 4)
		keep4(a, &data, NAME_DNS, r->ttl);
	else if (r->type == TYPE_AAAA && cur_left(&data) == 16)
		keep6(a, &data, NAME_DNS, r->ttl);
	else if (r->type == TYPE_SVCB || r->type == TYPE_HTTPS)
		keep_hints(a, data, r->ttl);
}

/* The asked name as hosts are written everywhere; SVCB is asked under _port._scheme labels (RFC 9460 2.3). */
static bool asked_name(const struct name *n, uint16_t type, char out[HOST_MAX])
{
	const char *p = n->text;
	struct ip_addr ip;

	while ((type == TYPE_SVCB || type == TYPE_HTTPS) && *p == '_' && strchr(p, '.'))
		p = strchr(p, '.') + 1;
	return n->n && host_normalize(p, n->n - (size_t)(p - n->text), out) && ip_parse(out, &ip) < 0;
}

/* Walks the answers.  keep false: only to find the aliases.  Returns 1 when an alias was new, -1 when the
 * answers are not well-formed. */
static int walk(struct answer *a, struct cur c, unsigned n, bool keep)
{
	int grew = 0;

	for (unsigned i = 0; i < n && i < DNS_RECORDS_MAX; i++) {
		struct record r;

		if (!record_read(&c, &a->whole, &r))
			return -1;
		if (r.class != CLASS_IN || !chain_holds(a, &r.owner))
			continue;
		if (keep)
			keep_record(a, &r);
		else if (alias_add(a, &r))
			grew = 1;
	}
	return grew;
}

static int read_message(
        struct dns_cache *d, const struct ip_addr *client, const uint8_t *p, size_t n, int64_t when_ns)
{
	struct cur c = cur_of(p, n);
	struct answer a = {.d = d, .client = client, .whole = c, .when_ns = when_ns, .n_chain = 1};
	uint16_t flags, questions, answers, type, class;
	int more = 1;

	cur_be16(&c); /* id */
	flags = cur_be16(&c);
	questions = cur_be16(&c);
	answers = cur_be16(&c);
	cur_be32(&c); /* authority, additional */
	if (c.bad)
		return -1;
	/* updates and notifications name nothing; an answer without the question (multicast DNS) was not
	 * asked for by this client */
	if ((flags & MASK_OPCODE) || questions != 1)
		return 0;
	if (!name_read(&c, &a.whole, &a.chain[0]))
		return -1;
	type = cur_be16(&c);
	class = cur_be16(&c);
	if (c.bad)
		return -1;
	if (!(flags & FLAG_RESPONSE) || (flags & MASK_RCODE) || class != CLASS_IN ||
	        !asked_name(&a.chain[0], type, a.asked))
		return 0;
	for (int i = 0; i < DNS_PASSES_MAX && more > 0; i++)
		more = walk(&a, c, answers, false);
	if (more < 0)
		return -1;
	walk(&a, c, answers, true);
	return 0;
}

int dns_message(
        struct dns_cache *d, const struct ip_addr *client, const uint8_t *p, size_t n, int64_t when_ns)
{
	int rc = read_message(d, client, p, n, when_ns);

	d->stats.messages++;
	d->stats.malformed += rc < 0;
	return rc;
}
