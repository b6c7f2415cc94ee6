/* dns.c - DNS answers kept per client: RFC 1035 4 (messages, name compression), RFC 3596 (AAAA), RFC 9460
 * (SVCB and HTTPS with address hints), RFC 2181 8 (TTL).
 *
 * The name kept is the one the client asked for, whatever aliases the answer went through: it is what the
 * client's user or program meant.  One entry per (client, address, name); of one client and address the last
 * few names are kept, those of interest longer than others. */
#include "base/clock.h"
#include "base/cursor.h"
#include "base/hash.h"
#include "classify/names/names.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DNS_RECORDS_MAX  256  /* answers read of one message */
#define DNS_CHAIN_MAX    16   /* aliases followed */
#define DNS_PASSES_MAX   3    /* over the answers, when aliases stand in the wrong order */
#define DNS_POINTERS_MAX 64   /* of one name */
#define DNS_HOPS_MAX     8192 /* labels and pointers of one message: by pointers few bytes make long names */
#define DNS_TTL_MAX      (7 * 24 * 3600)
#define COMMON_NAMES     2 /* enough to know that there are several */

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_AAAA = 28, TYPE_SVCB = 64, TYPE_HTTPS = 65 };
enum { CLASS_IN = 1 };
enum { PARAM_IPV4HINT = 4, PARAM_ECH = 5, PARAM_IPV6HINT = 6 }; /* RFC 9460 14.3.2, RFC 9848 */

#define FLAG_RESPONSE  0x8000
#define FLAG_TRUNCATED 0x0200
#define MASK_OPCODE    0x7800
#define MASK_RCODE     0x000f

struct entry {
	struct ip_addr client, server;
	int64_t until_ns;
	uint32_t hash_next, older, newer; /* index + 1, 0: none */
	uint32_t bucket;
	uint8_t by; /* enum name_source */
	int64_t since_ns;
	char name[HOST_MAX];
};

struct dns_cache {
	struct entry *entry;
	uint32_t *bucket; /* index + 1; the newest of a chain stands first */
	unsigned names;   /* most of one client and address */
	bool (*prefer)(void *arg, const char *name);
	void *prefer_arg;
	size_t cap, used, buckets;
	uint32_t newest, oldest, unused; /* unused: entries that were freed, linked by hash_next */
	uint64_t seed;
	int64_t grace_ns;
	struct dns_stats stats;
	struct dns_cache
	        *common; /* what does not belong to one client and address: fewer, so that it costs little */
};

/* ---- the cache ---------------------------------------------------------------------------------------- */

static void *reserve(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static struct dns_cache *table_create(size_t entries, unsigned names, unsigned grace_s, struct err *e)
{
	struct dns_cache *d = calloc(1, sizeof(*d));

	if (!d || !entries || entries >= UINT32_MAX / 2)
		goto fail;
	d->cap = entries;
	d->names = names;
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

struct dns_cache *dns_cache_create(size_t entries, unsigned grace_s, struct err *e)
{
	struct dns_cache *d = table_create(entries, DNS_NAMES_MAX, grace_s, e);

	if (d && !(d->common = table_create(entries / 4 + 16, COMMON_NAMES, grace_s, e))) {
		dns_cache_destroy(d);
		return NULL;
	}
	return d;
}

void dns_cache_destroy(struct dns_cache *d)
{
	if (!d)
		return;
	dns_cache_destroy(d->common);
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

static bool is_of(const struct entry *n, const struct ip_addr *client, const struct ip_addr *server)
{
	return ip_equal(&n->client, client) && ip_equal(&n->server, server);
}

/* The newest entry behind `after` (NULL: of all) that still counts; NULL: none. */
static struct entry *find(struct dns_cache *d, const struct ip_addr *client, const struct ip_addr *server,
        const struct entry *after, int64_t when_ns)
{
	uint32_t i = after ? after->hash_next : d->bucket[bucket_of(d, client, server)];

	for (; i; i = d->entry[i - 1].hash_next) {
		struct entry *n = &d->entry[i - 1];

		if (n->until_ns >= when_ns && is_of(n, client, server))
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

static void chain_unlink(struct dns_cache *d, struct entry *n)
{
	uint32_t i = index_of(d, n), *at = &d->bucket[n->bucket];

	while (*at != i)
		at = &d->entry[*at - 1].hash_next;
	*at = n->hash_next;
}

static void chain_link(struct dns_cache *d, struct entry *n)
{
	n->hash_next = d->bucket[n->bucket];
	d->bucket[n->bucket] = index_of(d, n);
}

static void forget(struct dns_cache *d, struct entry *n)
{
	chain_unlink(d, n);
	age_unlink(d, n);
	n->hash_next = d->unused;
	d->unused = index_of(d, n);
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

/* When there are as many names as may be, one goes: over its time, else of no interest, else the oldest.
 * Somebody who looks up many names for an address does not make the one forgotten that matters. */
static struct entry *worst_of(struct dns_cache *d, uint32_t bucket, const struct ip_addr *client,
        const struct ip_addr *server, int64_t when_ns)
{
	enum { OF_INTEREST, OF_NONE, OVER } is, worst_is = OF_INTEREST;
	struct entry *worst = NULL;

	for (uint32_t i = d->bucket[bucket]; i; i = d->entry[i - 1].hash_next) {
		struct entry *e = &d->entry[i - 1];

		if (!is_of(e, client, server))
			continue;
		is = e->until_ns < when_ns                            ? OVER
		     : d->prefer && d->prefer(d->prefer_arg, e->name) ? OF_INTEREST
		                                                      : OF_NONE;
		if (!worst || is >= worst_is) {
			worst = e;
			worst_is = is;
		}
	}
	return worst;
}

/* The entry of that very name; NULL: none, and then there is room for it. */
static struct entry *entry_of(struct dns_cache *d, uint32_t bucket, const struct ip_addr *client,
        const struct ip_addr *server, const char *name, int64_t when_ns)
{
	unsigned n = 0;

	for (uint32_t i = d->bucket[bucket]; i; i = d->entry[i - 1].hash_next) {
		struct entry *e = &d->entry[i - 1];

		if (!is_of(e, client, server))
			continue;
		if (!strcmp(e->name, name))
			return e;
		n++;
	}
	if (n >= d->names)
		forget(d, worst_of(d, bucket, client, server, when_ns));
	return NULL;
}

static void store(struct dns_cache *d, const struct ip_addr *client, const struct ip_addr *server,
        const char *name, enum name_source by, uint32_t ttl, int64_t when_ns)
{
	uint32_t b = bucket_of(d, client, server);
	struct entry *n = entry_of(d, b, client, server, name, when_ns);

	if (n) {
		age_unlink(d, n);
		chain_unlink(d, n);
	} else {
		n = take(d);
		*n = (struct entry){.client = *client, .server = *server, .bucket = b};
		memcpy(n->name, name, strlen(name) + 1);
		d->stats.entries++;
	}
	age_link(d, n);
	chain_link(d, n);
	n->by = (uint8_t)by;
	n->since_ns = when_ns;
	n->until_ns = when_ns + (int64_t)(ttl < DNS_TTL_MAX ? ttl : DNS_TTL_MAX) * NS_PER_S + d->grace_ns;
	d->stats.stored++;
}

void dns_cache_prefer(struct dns_cache *d, bool (*prefer)(void *arg, const char *name), void *arg)
{
	d->prefer = prefer;
	d->prefer_arg = arg;
}

static struct dns_found found_of(const struct entry *n, int64_t when_ns)
{
	return (struct dns_found){
	        .name = n->name, .by = (enum name_source)n->by, .age_ns = when_ns - n->since_ns};
}

unsigned dns_names(struct dns_cache *d, const struct ip_addr *client, const struct ip_addr *server,
        int64_t when_ns, struct dns_found *out, unsigned max)
{
	const struct entry *e = NULL;
	unsigned n = 0;

	while (n < max && (e = find(d, client, server, e, when_ns)))
		out[n++] = found_of(e, when_ns);
	return n;
}

/* Answers to whichever client stand under no client's address. */
static const struct ip_addr anybody;

bool dns_name_any(struct dns_cache *d, const struct ip_addr *server, int64_t when_ns, struct dns_found *out)
{
	const struct entry *n = find(d->common, &anybody, server, NULL, when_ns);

	if (!n || find(d->common, &anybody, server, n, when_ns))
		return false;
	*out = found_of(n, when_ns);
	return true;
}

/* Public names of ECH configurations stand in the same table, under an address that is the hash of the host.
 */
static struct ip_addr ech_place(const struct dns_cache *d, const char *host)
{
	struct ip_addr a = {.b = {0xff, 0xec, 0x01}};
	uint64_t h = hash64(host, strlen(host), d->seed);

	memcpy(a.b + 8, &h, sizeof(h));
	return a;
}

const char *dns_ech_public(
        struct dns_cache *d, const struct ip_addr *client, const char *host, int64_t when_ns)
{
	struct ip_addr place = ech_place(d, host);
	const struct entry *n = find(d->common, client, &place, NULL, when_ns);

	return n ? n->name : NULL;
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

/* What names are read from. */
struct text {
	struct cur whole; /* the message, for pointers (RFC 1035 4.1.4) */
	unsigned hops;    /* see DNS_HOPS_MAX */
};

/* Reads a name where c stands.  Every pointer must lead before the last one, so that no name is endless. */
static bool name_read(struct cur *c, struct text *t, struct name *out)
{
	struct cur at = *c;
	size_t limit = (size_t)(c->p - t->whole.p), wire = 1;
	bool jumped = false, host = true;

	out->n = 0;
	for (unsigned pointers = 0;;) {
		uint8_t len = cur_u8(&at);
		const uint8_t *label;

		if (at.bad || t->hops++ >= DNS_HOPS_MAX)
			return false;
		if ((len & 0xc0) == 0xc0) {
			size_t to = (size_t)(len & 0x3f) << 8 | cur_u8(&at);

			if (at.bad || to >= limit || ++pointers > DNS_POINTERS_MAX)
				return false;
			if (!jumped)
				c->p = at.p;
			jumped = true;
			limit = to;
			at = (struct cur){.p = t->whole.p + to, .end = t->whole.end};
			continue;
		}
		if (len & 0xc0)
			return false;
		if (!len)
			break;
		wire += 1u + len;
		if (wire > 255) /* RFC 1035 2.3.4 */
			return false;
		label = cur_take(&at, len);
		if (!label)
			return false;
		if (out->n)
			out->text[out->n++] = '.';
		for (uint8_t i = 0; i < len; i++) {
			uint8_t b = label[i];

			if (b >= 'A' && b <= 'Z')
				b = (uint8_t)(b + 32);
			host = host && host_char(b);
			out->text[out->n++] = (char)b;
		}
	}
	if (!jumped)
		c->p = at.p;
	out->text[out->n] = '\0';
	if (!host)
		out->n = 0;
	return true;
}

/* Names are compared by a seeded hash of their text.  0: no host name, equal to nothing. */
static uint64_t name_hash(const struct dns_cache *d, const struct name *n)
{
	return n->n ? hash64(n->text, n->n, d->seed) : 0;
}

struct record {
	uint64_t owner, target; /* name_hash(); target: of an alias, else 0 */
	uint16_t type;
	uint32_t ttl;
	struct cur data;
};

/* One response while it is read. */
struct answer {
	struct dns_cache *d;
	const struct ip_addr *client;
	struct text text;
	int64_t when_ns;
	char asked[HOST_MAX];
	unsigned n_chain, n_records;
	uint64_t chain[DNS_CHAIN_MAX]; /* what was asked, and every alias of it */
	struct record *record;         /* room for DNS_RECORDS_MAX */
};

/* An alias leads on: CNAME, or SVCB with priority 0 (RFC 9460 2.4.2). */
static uint64_t alias_target(struct answer *a, const struct record *r)
{
	struct cur c = r->data;
	struct name target;

	if (r->type == TYPE_SVCB || r->type == TYPE_HTTPS) {
		if (cur_be16(&c))
			return 0;
	} else if (r->type != TYPE_CNAME) {
		return 0;
	}
	return !c.bad && name_read(&c, &a->text, &target) ? name_hash(a->d, &target) : 0;
}

/* Takes one record off the answers and keeps it when it may tell an address.  false: malformed. */
static bool record_read(struct answer *a, struct cur *c)
{
	struct record *r = &a->record[a->n_records];
	struct name owner;
	uint16_t class;

	if (!name_read(c, &a->text, &owner))
		return false;
	r->type = cur_be16(c);
	class = cur_be16(c);
	r->ttl = cur_be32(c);
	if (r->ttl & 0x80000000u) /* RFC 2181 8 */
		r->ttl = 0;
	r->data = cur_vec(c, 2);
	if (c->bad)
		return false;
	if (class != CLASS_IN || !owner.n)
		return true;
	r->owner = name_hash(a->d, &owner);
	r->target = alias_target(a, r);
	a->n_records++;
	return true;
}

static bool chain_holds(const struct answer *a, uint64_t name)
{
	for (unsigned i = 0; i < a->n_chain; i++)
		if (a->chain[i] == name)
			return true;
	return false;
}

/* Follows the aliases once through the records; true when one was new. */
static bool chain_grow(struct answer *a)
{
	unsigned before = a->n_chain;

	for (unsigned i = 0; i < a->n_records && a->n_chain < DNS_CHAIN_MAX; i++) {
		const struct record *r = &a->record[i];

		if (r->target && chain_holds(a, r->owner) && !chain_holds(a, r->target))
			a->chain[a->n_chain++] = r->target;
	}
	return a->n_chain > before;
}

/* For this client, and for whoever comes by another of its addresses. */
static void keep(struct answer *a, const struct ip_addr *ip, enum name_source by, uint32_t ttl)
{
	store(a->d, a->client, ip, a->asked, by, ttl, a->when_ns);
	store(a->d->common, &anybody, ip, a->asked, by, ttl, a->when_ns);
}

static void keep4(struct answer *a, struct cur *c, enum name_source by, uint32_t ttl)
{
	const uint8_t *p = cur_take(c, 4);

	if (p) {
		struct ip_addr ip = ip_from4(p);

		keep(a, &ip, by, ttl);
	}
}

static void keep6(struct answer *a, struct cur *c, enum name_source by, uint32_t ttl)
{
	const uint8_t *p = cur_take(c, 16);

	if (p) {
		struct ip_addr ip = ip_from6(p);

		keep(a, &ip, by, ttl);
	}
}

/* RFC 9849 4: a list of configurations, of which those of version 0xfe0d have key, cipher suites, the longest
 * name and the public name that stands in a hello in place of the real one. */
static void keep_ech(struct answer *a, struct cur list, uint32_t ttl)
{
	struct cur configs = cur_vec(&list, 2);

	while (cur_left(&configs) && !configs.bad) {
		uint16_t version = cur_be16(&configs);
		struct cur c = cur_vec(&configs, 2), name;
		char public[HOST_MAX];
		struct ip_addr place;

		if (version != 0xfe0d)
			continue;
		cur_skip(&c, 3); /* config id, KEM */
		cur_vec(&c, 2);
		cur_vec(&c, 2);
		cur_skip(&c, 1);
		name = cur_vec(&c, 1);
		if (c.bad || !host_normalize((const char *)name.p, cur_left(&name), public))
			continue;
		place = ech_place(a->d, a->asked);
		store(a->d->common, a->client, &place, public, NAME_HTTPS_RR, ttl, a->when_ns);
		return;
	}
}

static void keep_hints(struct answer *a, struct cur c, uint32_t ttl)
{
	struct name target;

	cur_be16(&c); /* priority */
	if (!name_read(&c, &a->text, &target))
		return;
	while (cur_left(&c) && !c.bad) {
		uint16_t key = cur_be16(&c);
		struct cur value = cur_vec(&c, 2);

		while (key == PARAM_IPV4HINT && cur_left(&value))
			keep4(a, &value, NAME_HTTPS_RR, ttl);
		while (key == PARAM_IPV6HINT && cur_left(&value))
			keep6(a, &value, NAME_HTTPS_RR, ttl);
		if (key == PARAM_ECH)
			keep_ech(a, value, ttl);
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

bool dns_plausible(const uint8_t *p, size_t n, size_t whole)
{
	enum { HEADER = 12, QUESTIONS_MAX = 4, QUESTION_MIN = 5, RECORD_MIN = 11 };
	struct cur c = cur_of(p, n);
	uint16_t flags, questions;
	size_t records;

	cur_be16(&c);
	flags = cur_be16(&c);
	questions = cur_be16(&c);
	records = cur_be16(&c);
	records += cur_be16(&c);
	records += cur_be16(&c);
	/* IANA, "DNS OpCodes": 0 to 6; RFC 1035 4.1.1: a bit that must be zero */
	return !c.bad && (flags & MASK_OPCODE) >> 11 <= 6 && !(flags & 0x0040) &&
	       questions <= QUESTIONS_MAX &&
	       ((flags & FLAG_TRUNCATED) ||
	               QUESTION_MIN * questions + RECORD_MIN * records + HEADER <= whole);
}

static int read_message(
        struct dns_cache *d, const struct ip_addr *client, const uint8_t *p, size_t n, int64_t when_ns)
{
	struct record record[DNS_RECORDS_MAX];
	struct cur c = cur_of(p, n);
	struct answer a = {.d = d, .client = client, .text.whole = c, .when_ns = when_ns, .record = record};
	uint16_t flags, questions, answers, type, class;
	struct name asked;

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
	if (!name_read(&c, &a.text, &asked))
		return -1;
	type = cur_be16(&c);
	class = cur_be16(&c);
	if (c.bad)
		return -1;
	if (!(flags & FLAG_RESPONSE) || (flags & MASK_RCODE) || class != CLASS_IN ||
	        !asked_name(&asked, type, a.asked))
		return 0;
	a.chain[a.n_chain++] = name_hash(d, &asked);
	for (unsigned i = 0; i < answers && i < DNS_RECORDS_MAX; i++)
		if (!record_read(&a, &c))
			return -1;
	for (unsigned i = 0; i < DNS_PASSES_MAX && chain_grow(&a); i++)
		;
	for (unsigned i = 0; i < a.n_records; i++)
		if (chain_holds(&a, record[i].owner))
			keep_record(&a, &record[i]);
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
