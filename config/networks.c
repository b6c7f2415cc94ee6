/* networks.c - see networks.h.  One path-compressed binary trie (D. R. Morrison, PATRICIA, J. ACM 15(4),
 * 1968) over the 16-byte form of addresses, so that both families share it: a look-up touches one 32-byte
 * node for each prefix that could still cover the address. */
#include "config/networks.h"

#include "base/hash.h"
#include "config/store.h"

#include <stdlib.h>
#include <string.h>

#define NETWORKS_GROUPS_MAX (UINT16_MAX - 1)

struct node {
	uint64_t hi, lo;   /* the prefix, host order, bits behind it zero */
	uint32_t child[2]; /* by the bit behind the prefix; 0: none */
	uint16_t group;
	uint8_t bits;
	uint8_t what; /* NET_INTERNAL, NET_PROXY, NET_FORWARDER */
};

struct networks {
	struct node *node; /* [0] is unused: 0 means none */
	uint32_t n, cap, root;
	struct store names;
	const char **group; /* by group number */
	size_t n_groups, cap_groups;
	uint16_t *slot; /* group numbers by hash of the name; GROUP_NONE: free */
	size_t n_slots;
};

struct key {
	uint64_t hi, lo;
};

static inline uint64_t load_be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap64(v);
}

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "load_be64 assumes a little-endian machine"
#endif

static inline struct key key_of(const struct ip_addr *a)
{
	return (struct key){load_be64(a->b), load_be64(a->b + 8)};
}

static inline unsigned bit_at(struct key k, unsigned i)
{
	return i < 64 ? (unsigned)(k.hi >> (63 - i)) & 1 : (unsigned)(k.lo >> (127 - i)) & 1;
}

/* Leading bits that two keys share, 0..128. */
static inline unsigned common_bits(struct key a, struct key b)
{
	if (a.hi != b.hi)
		return (unsigned)__builtin_clzll(a.hi ^ b.hi);
	if (a.lo != b.lo)
		return 64 + (unsigned)__builtin_clzll(a.lo ^ b.lo);
	return 128;
}

static struct key key_cut(struct key k, unsigned bits)
{
	if (bits < 64)
		return (struct key){bits ? k.hi & (~0ull << (64 - bits)) : 0, 0};
	return (struct key){k.hi, bits == 64 ? 0 : k.lo & (~0ull << (128 - bits))};
}

static inline struct key node_key(const struct node *x)
{
	return (struct key){x->hi, x->lo};
}

struct found {
	uint16_t group;
	uint8_t what;
};

/* Everything that stands at the prefixes covering the first `most` bits of k. */
static struct found look_up(const struct networks *n, struct key k, unsigned most)
{
	struct found r = {GROUP_NONE, 0};

	for (uint32_t at = n->root; at;) {
		const struct node *x = &n->node[at];

		if (x->bits > most || common_bits(k, node_key(x)) < x->bits)
			break;
		r.what |= x->what;
		if (x->group != GROUP_NONE)
			r.group = x->group;
		if (x->bits == 128)
			break;
		at = x->child[bit_at(k, x->bits)];
	}
	return r;
}

bool networks_internal(const struct networks *n, const struct ip_addr *a)
{
	return look_up(n, key_of(a), 128).what & NET_INTERNAL;
}

bool networks_proxy(const struct networks *n, const struct ip_addr *a)
{
	return look_up(n, key_of(a), 128).what & NET_PROXY;
}

bool networks_forwarder(const struct networks *n, const struct ip_addr *a)
{
	return look_up(n, key_of(a), 128).what & NET_FORWARDER;
}

uint16_t networks_group(const struct networks *n, const struct ip_addr *a)
{
	return look_up(n, key_of(a), 128).group;
}

const char *networks_group_name(const struct networks *n, uint16_t group)
{
	return group < n->n_groups ? n->group[group] : "";
}

static uint16_t *slot_of(const struct networks *n, const char *name)
{
	size_t at = (size_t)hash64(name, strlen(name), 0) & (n->n_slots - 1);

	while (n->slot[at] != GROUP_NONE && strcmp(n->group[n->slot[at]], name) != 0)
		at = (at + 1) & (n->n_slots - 1);
	return &n->slot[at];
}

uint16_t networks_group_by_name(const struct networks *n, const char *name)
{
	return n->n_slots ? *slot_of(n, name) : GROUP_NONE;
}

size_t networks_prefixes(const struct networks *n)
{
	size_t count = 0;

	for (uint32_t i = 1; i < n->n; i++)
		count += n->node[i].what || n->node[i].group != GROUP_NONE;
	return count;
}

size_t networks_groups(const struct networks *n)
{
	return n->n_groups;
}

uint16_t networks_group_exact(const struct networks *n, const struct cidr *c)
{
	struct key k = key_of(&c->addr);

	for (uint32_t at = n->root; at;) {
		const struct node *x = &n->node[at];

		if (x->bits > c->bits || common_bits(k, node_key(x)) < x->bits)
			break;
		if (x->bits == c->bits)
			return x->group;
		at = x->child[bit_at(k, x->bits)];
	}
	return GROUP_NONE;
}

/* What stands below a prefix: each part that no longer prefix takes away belongs to `group`. */
static void groups_below(const struct networks *n, uint32_t at, unsigned bits, uint16_t group,
        void (*each)(void *arg, uint16_t group), void *arg)
{
	const struct node *x = &n->node[at];

	if (!at || x->bits > bits) { /* nothing here, or a gap before the next prefix */
		if (group != GROUP_NONE)
			each(arg, group);
		if (!at)
			return;
	}
	if (x->group != GROUP_NONE)
		group = x->group;
	if (x->bits == 128) {
		if (group != GROUP_NONE)
			each(arg, group);
		return;
	}
	groups_below(n, x->child[0], x->bits + 1u, group, each, arg);
	groups_below(n, x->child[1], x->bits + 1u, group, each, arg);
}

void networks_groups_in(
        const struct networks *n, const struct cidr *c, void (*each)(void *arg, uint16_t group), void *arg)
{
	struct key k = key_of(&c->addr);
	uint32_t at = n->root;

	while (at && n->node[at].bits < c->bits) {
		const struct node *x = &n->node[at];

		at = common_bits(k, node_key(x)) < x->bits ? 0 : x->child[bit_at(k, x->bits)];
	}
	if (at && common_bits(k, node_key(&n->node[at])) < c->bits)
		at = 0;
	groups_below(n, at, c->bits, look_up(n, k, c->bits).group, each, arg);
}

struct networks *networks_create(void)
{
	struct networks *n = store_grow(NULL, 1, sizeof(*n));

	memset(n, 0, sizeof(*n));
	n->n = 1;
	n->cap = 64;
	n->node = store_grow(NULL, n->cap, sizeof(*n->node));
	memset(n->node, 0, sizeof(*n->node));
	n->node[0].group = GROUP_NONE;
	return n;
}

void networks_free(struct networks *n)
{
	if (!n)
		return;
	free(n->node);
	free(n->group);
	free(n->slot);
	store_clear(&n->names);
	free(n);
}

static uint32_t new_node(struct networks *n, struct key k, unsigned bits)
{
	struct key cut = key_cut(k, bits);

	n->node[n->n] = (struct node){.hi = cut.hi, .lo = cut.lo, .group = GROUP_NONE, .bits = (uint8_t)bits};
	return n->n++;
}

/* The node of exactly that prefix, made when there is none. */
static struct node *place(struct networks *n, const struct cidr *c)
{
	struct key k = key_of(&c->addr);
	uint32_t *link = &n->root, new, join;

	if (n->n + 2 > n->cap) {
		n->cap *= 2;
		n->node = store_grow(n->node, n->cap, sizeof(*n->node));
	}
	while (*link) {
		struct node *x = &n->node[*link];
		unsigned same = common_bits(k, node_key(x));

		if (same >= x->bits && x->bits == c->bits)
			return x;
		if (same < x->bits || c->bits < x->bits)
			break;
		link = &x->child[bit_at(k, x->bits)];
	}
	new = new_node(n, k, c->bits);
	if (*link) {
		const struct node *x = &n->node[*link];
		unsigned same = common_bits(k, node_key(x));

		if (same >= c->bits) { /* the new prefix covers what stood here */
			n->node[new].child[bit_at(node_key(x), c->bits)] = *link;
		} else {
			join = new_node(n, k, same);
			n->node[join].child[bit_at(k, same)] = new;
			n->node[join].child[bit_at(node_key(x), same)] = *link;
			*link = join;
			return &n->node[new];
		}
	}
	*link = new;
	return &n->node[new];
}

int networks_add(struct networks *n, const struct cidr *c, unsigned what)
{
	struct node *x = place(n, c);

	x->what = (uint8_t)(x->what | what);
	return 0;
}

static void grow_slots(struct networks *n)
{
	n->n_slots = n->n_slots ? n->n_slots * 2 : 64;
	n->slot = store_grow(n->slot, n->n_slots, sizeof(*n->slot));
	memset(n->slot, 0xff, n->n_slots * sizeof(*n->slot));
	for (size_t i = 0; i < n->n_groups; i++)
		*slot_of(n, n->group[i]) = (uint16_t)i;
}

int networks_add_group(struct networks *n, const struct cidr *c, const char *group)
{
	uint16_t id = networks_group_by_name(n, group);
	struct node *x;

	if (id == GROUP_NONE) {
		if (n->n_groups == NETWORKS_GROUPS_MAX)
			return -1;
		if (n->n_groups * 2 >= n->n_slots)
			grow_slots(n);
		if (n->n_groups == n->cap_groups) {
			n->cap_groups = n->cap_groups ? n->cap_groups * 2 : 16;
			n->group = store_grow(n->group, n->cap_groups, sizeof(*n->group));
		}
		id = (uint16_t)n->n_groups++;
		n->group[id] = store_text(&n->names, group, strlen(group));
		*slot_of(n, group) = id;
	}
	if (!c)
		return 0;
	x = place(n, c);
	if (x->group != GROUP_NONE && x->group != id)
		return -1;
	x->group = id;
	return 0;
}

void networks_default_internal(struct networks *n)
{
	static const char *const ranges[] = {
	        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", /* RFC 1918 */
	        "100.64.0.0/10",                                 /* RFC 6598, shared address space */
	        "169.254.0.0/16", "fe80::/10",                   /* RFC 3927, RFC 4291: link-local */
	        "fc00::/7",                                      /* RFC 4193, unique local */
	        "127.0.0.0/8", "::1",                            /* this machine itself, seen on lo */
	};
	struct cidr c;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++)
		if (!cidr_parse(ranges[i], &c, NULL))
			networks_add(n, &c, NET_INTERNAL);
}

static void prefix_at(const struct node *node, struct cidr *out)
{
	uint64_t hi = __builtin_bswap64(node->hi), lo = __builtin_bswap64(node->lo);

	out->bits = node->bits;
	memcpy(out->addr.b, &hi, 8);
	memcpy(out->addr.b + 8, &lo, 8);
}

size_t networks_list(const struct networks *n, unsigned what, struct cidr *out, size_t max)
{
	size_t count = 0;

	for (uint32_t i = 1; i < n->n; i++) {
		if (!(n->node[i].what & what))
			continue;
		if (count < max)
			prefix_at(&n->node[i], &out[count]);
		count++;
	}
	return count;
}

size_t networks_list_group(const struct networks *n, uint16_t group, struct cidr *out, size_t max)
{
	size_t count = 0;

	for (uint32_t i = 1; group != GROUP_NONE && i < n->n; i++) {
		if (n->node[i].group != group)
			continue;
		if (count < max)
			prefix_at(&n->node[i], &out[count]);
		count++;
	}
	return count;
}
