/* flow.c - see flow.h.
 *
 * One array of flows, reserved at start and touched as it fills.  Look-up: open addressing with linear
 * probing over {tag, index} pairs, so that a probe reads one line of the pairs and then only the flow meant.
 * Idle flows are found by a timing wheel: a flow stands in the slot of the moment it would have been idle
 * long enough when it was put there; packets do not move it, the hand of the wheel does when it comes by and
 * finds that the flow was busy.  So a packet writes its own flow and nothing else. */
#include "capture/flow.h"

#include "base/clock.h"
#include "base/hash.h"
#include "capture/flow_tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define FLOWS_MAX ((size_t)1 << 28)

#define HUGE_FROM ((size_t)16 << 20) /* smaller tables would pay more for the zeroing than they gain */

#define WHEEL_SHIFT  28    /* a slot is 2^28 ns, 0.27 s */
#define WHEEL_SLOTS  8192u /* 2199 s; flows due later are looked at once a turn */
#define WHEEL_WORDS  (WHEEL_SLOTS / 64)
#define ADVANCE_MOST 64 /* flows looked at in one flow_advance() */
#define EVICT_TRIES  64 /* busy flows put right before one is taken anyway */
#define EVICT_CHOICE 4  /* flows of one slot among which the quietest goes */

#define CLOCK_BACK_NS  NS_PER_S
#define CLOCK_BACK_RUN 64 /* packets in a row from before: the clock was set back, and is followed */

struct slot {
	uint32_t tag;   /* low half of the key's hash, which also says where the probing begins */
	uint32_t index; /* 0: empty */
};

/* The key of a packet or flow, whoever sent it: the lower end first. */
struct key {
	struct ip_addr addr[2];
	uint16_t port[2];
	uint8_t proto, zero;
	uint16_t vlan; /* 0 unless the setting asks for it */
	uint32_t network, zeros;
};

struct flow_table {
	struct flow *flows; /* [0] stands for none */
	struct slot *slots;
	size_t flows_size, slots_size;
	uint32_t mask;
	uint32_t limit, reserve, fresh; /* fresh: entries of flows[] ever used */
	uint32_t free, waiting;         /* lists by flow.link */
	uint32_t ended_first, ended_last;
	bool vlan_in_key;
	uint64_t seed;
	int64_t idle_tcp, idle_udp, active, step_most;

	int64_t newest; /* highest time heard of */
	int64_t mark;   /* highest packet time, or lower after the clock was set back */
	int64_t now;    /* the table's own clock: moves on with mark, never back */
	bool started;
	unsigned back_run;

	uint64_t hand; /* the next slot to go through, counted from the beginning of time */
	uint32_t wheel[WHEEL_SLOTS];
	uint64_t wheel_used[WHEEL_WORDS];

	struct flow_stats stats;
};

const char *flow_end_name(enum flow_end e)
{
	static const char *const names[] = {"live", "fin", "rst", "idle", "active", "evict", "stop"};

	return (size_t)e < sizeof(names) / sizeof(names[0]) ? names[e] : "live";
}

/* ---- memory ---- */

static void *reserve_memory(size_t size)
{
	void *p =
	        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	(void)madvise(
	        p, size, MADV_HUGEPAGE); /* spread-out reads: fewer misses of the TLB; no matter if refused */
	return p;
}

struct flow_table *flow_table_create(const struct flow_limits *l, struct err *e)
{
	struct flow_table *t;
	size_t slots = 64;

	if (!l->flows || l->flows > FLOWS_MAX) {
		err_set(e, "%zu flows cannot be tracked, from 1 to %zu can", l->flows, FLOWS_MAX);
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		err_set(e, "no memory for the flow table");
		return NULL;
	}
	t->limit = (uint32_t)l->flows;
	t->reserve = t->limit / 64 > FLOW_WAITING_MIN ? t->limit / 64 : FLOW_WAITING_MIN;
	while (slots < l->flows + l->flows / 2)
		slots *= 2;
	t->mask = (uint32_t)(slots - 1);
	t->slots_size = slots * sizeof(*t->slots);
	t->flows_size = ((size_t)t->limit + t->reserve + 1) * sizeof(*t->flows);
	t->slots = reserve_memory(t->slots_size);
	t->flows = reserve_memory(t->flows_size);
	if (!t->slots || !t->flows) {
		err_set(e, "no memory for %zu flows: %s", l->flows, strerror(errno));
		flow_table_destroy(t);
		return NULL;
	}
	t->fresh = 1;
	t->vlan_in_key = l->vlan_in_key;
	t->seed = hash_seed();
	t->idle_tcp = l->idle_tcp_s * NS_PER_S;
	t->idle_udp = l->idle_udp_s * NS_PER_S;
	t->active = l->active_s * NS_PER_S;
	t->step_most = NS_PER_S + FLOW_LINGER_S * NS_PER_S + t->idle_tcp + t->idle_udp;
	return t;
}

void flow_table_destroy(struct flow_table *t)
{
	if (!t)
		return;
	if (t->slots)
		munmap(t->slots, t->slots_size);
	if (t->flows)
		munmap(t->flows, t->flows_size);
	free(t);
}

static uint32_t index_of(const struct flow_table *t, const struct flow *f)
{
	return (uint32_t)(f - t->flows);
}

/* ---- key and look-up ---- */

/* True when the first end given is the lower one. */
static bool key_make(
        struct key *k, const struct ip_addr *a, const struct ip_addr *b, uint16_t pa, uint16_t pb)
{
	int c = memcmp(a, b, sizeof(*a));
	bool low = c < 0 || (!c && pa <= pb);

	k->addr[!low] = *a;
	k->addr[low] = *b;
	k->port[!low] = pa;
	k->port[low] = pb;
	return low;
}

static bool key_of_packet(const struct flow_table *t, struct key *k, const struct packet *p)
{
	k->proto = p->proto;
	k->zero = 0;
	k->vlan = t->vlan_in_key && p->vlans ? p->vlan[0] : 0;
	k->network = p->network;
	k->zeros = 0;
	return key_make(k, &p->src, &p->dst, p->sport, p->dport);
}

static void key_of_flow(const struct flow_table *t, struct key *k, const struct flow *f)
{
	k->proto = f->proto;
	k->zero = 0;
	k->vlan = t->vlan_in_key ? f->vlan : 0;
	k->network = f->network;
	k->zeros = 0;
	(void)key_make(k, &f->addr[0], &f->addr[1], f->port[0], f->port[1]);
}

static bool key_fits(const struct flow_table *t, const struct key *k, const struct flow *f)
{
	unsigned high = f->flags & FLOW_F_HIGH ? 1 : 0; /* which of the flow's ends is the lower */

	return ip_equal(&k->addr[0], &f->addr[high]) && ip_equal(&k->addr[1], &f->addr[!high]) &&
	       k->port[0] == f->port[high] && k->port[1] == f->port[!high] && k->proto == f->proto &&
	       k->network == f->network && (!t->vlan_in_key || k->vlan == f->vlan);
}

static uint32_t key_tag(const struct flow_table *t, const struct key *k)
{
	_Static_assert(sizeof(*k) == 48, "no padding is hashed");
	return (uint32_t)hash64(k, sizeof(*k), t->seed);
}

static struct flow *table_find(struct flow_table *t, const struct key *k, uint32_t tag)
{
	for (uint32_t i = tag & t->mask; t->slots[i].index; i = (i + 1) & t->mask) {
		struct flow *f = &t->flows[t->slots[i].index];

		if (t->slots[i].tag != tag)
			continue;
		__builtin_prefetch((const char *)f + 64, 1);
		__builtin_prefetch((const char *)f + 128, 1);
		if (key_fits(t, k, f))
			return f;
	}
	return NULL;
}

static void table_add(struct flow_table *t, const struct flow *f, uint32_t tag)
{
	uint32_t i = tag & t->mask;

	while (t->slots[i].index)
		i = (i + 1) & t->mask;
	t->slots[i] = (struct slot){.tag = tag, .index = index_of(t, f)};
}

/* Moves later entries of the run up, so that no tombstones are needed (Knuth 6.4, algorithm R). */
static void table_remove(struct flow_table *t, const struct flow *f)
{
	struct key k;
	uint32_t hole, i, index = index_of(t, f);

	key_of_flow(t, &k, f);
	hole = key_tag(t, &k) & t->mask;
	while (t->slots[hole].index != index)
		hole = (hole + 1) & t->mask;
	for (i = (hole + 1) & t->mask; t->slots[i].index; i = (i + 1) & t->mask) {
		if (((i - t->slots[i].tag) & t->mask) < ((i - hole) & t->mask))
			continue;
		t->slots[hole] = t->slots[i];
		hole = i;
	}
	t->slots[hole].index = 0;
}

/* ---- wheel ---- */

static int64_t deadline(const struct flow_table *t, const struct flow *f)
{
	if (f->tcp_state & FLOW_TCP_LINGER)
		return f->touched_ns + FLOW_LINGER_S * NS_PER_S;
	return f->touched_ns + (f->proto == PROTO_TCP ? t->idle_tcp : t->idle_udp);
}

static uint64_t wheel_due(const struct flow_table *t, const struct flow *f)
{
	uint64_t due = (uint64_t)deadline(t, f) >> WHEEL_SHIFT;

	if (due < t->hand)
		return t->hand;
	return due < t->hand + WHEEL_SLOTS ? due : t->hand + WHEEL_SLOTS - 1;
}

/* Each slot is a ring, so that its first is the one that stands there longest. */
static void wheel_add(struct flow_table *t, struct flow *f)
{
	uint32_t s = (uint32_t)(wheel_due(t, f) % WHEEL_SLOTS), index = index_of(t, f);

	f->wheel_slot = (uint16_t)s;
	if (!t->wheel[s]) {
		t->wheel[s] = f->wheel_prev = f->wheel_next = index;
		t->wheel_used[s / 64] |= 1ull << s % 64;
		return;
	}
	f->wheel_next = t->wheel[s];
	f->wheel_prev = t->flows[f->wheel_next].wheel_prev;
	t->flows[f->wheel_next].wheel_prev = index;
	t->flows[f->wheel_prev].wheel_next = index;
}

static void wheel_remove(struct flow_table *t, struct flow *f)
{
	uint32_t s = f->wheel_slot, index = index_of(t, f);

	t->flows[f->wheel_next].wheel_prev = f->wheel_prev;
	t->flows[f->wheel_prev].wheel_next = f->wheel_next;
	if (t->wheel[s] == index)
		t->wheel[s] = f->wheel_next == index ? 0 : f->wheel_next;
	if (!t->wheel[s])
		t->wheel_used[s / 64] &= ~(1ull << s % 64);
}

static void wheel_again(struct flow_table *t, struct flow *f)
{
	wheel_remove(t, f);
	wheel_add(t, f);
}

/* The first used slot from the hand on; WHEEL_SLOTS when there is none. */
static uint32_t wheel_first(const struct flow_table *t)
{
	uint32_t at = (uint32_t)(t->hand % WHEEL_SLOTS);
	uint64_t bits = t->wheel_used[at / 64] & ~0ull << at % 64;

	for (uint32_t i = 0; i <= WHEEL_WORDS; i++) {
		uint32_t w = (at / 64 + i) % WHEEL_WORDS;

		if (i)
			bits = t->wheel_used[w];
		if (bits)
			return w * 64 + (uint32_t)__builtin_ctzll(bits);
	}
	return WHEEL_SLOTS;
}

/* ---- end and beginning ---- */

static void flow_finish(struct flow_table *t, struct flow *f, enum flow_end why)
{
	if (f->tcp_state & FLOW_TCP_LINGER)
		why = f->tcp_state & FLOW_TCP_RST ? FLOW_RST : FLOW_FIN;
	wheel_remove(t, f);
	table_remove(t, f);
	f->ended = (uint8_t)why;
	f->link = 0;
	if (t->ended_last)
		t->flows[t->ended_last].link = index_of(t, f);
	else
		t->ended_first = index_of(t, f);
	t->ended_last = index_of(t, f);
	t->waiting++;
	t->stats.ended[why]++;
	t->stats.live--;
}

static void flow_evict(struct flow_table *t)
{
	struct flow *f, *quietest;
	uint32_t s;

	for (unsigned tries = 0;; tries++) {
		s = wheel_first(t);
		f = &t->flows[t->wheel[s]];
		if (tries == EVICT_TRIES || wheel_due(t, f) % WHEEL_SLOTS == s)
			break;
		wheel_again(t, f);
	}
	quietest = f;
	for (unsigned i = 1; i < EVICT_CHOICE; i++) {
		f = &t->flows[f->wheel_next];
		if (deadline(t, f) < deadline(t, quietest))
			quietest = f;
	}
	flow_finish(t, quietest, FLOW_EVICTED);
}

static struct flow *flow_take(struct flow_table *t)
{
	struct flow *f;

	if (t->stats.live == t->limit)
		flow_evict(t);
	assert(t->waiting <= t->reserve); /* else the loop does not empty the queue */
	if (t->free) {
		f = &t->flows[t->free];
		t->free = f->link;
	} else {
		f = &t->flows[t->fresh++];
	}
	memset(f, 0, sizeof(*f));
	return f;
}

/* 2: below 1024; 1: other ports on which services are at home, not the ephemeral choice of a client. */
static unsigned service_rank(uint16_t port)
{
	static const uint16_t services[] = {
	        1080,
	        1194,
	        1433,
	        1521,
	        1883,
	        2049,
	        3128,
	        3306,
	        3389,
	        3478,
	        5000,
	        5060,
	        5061,
	        5222,
	        5353,
	        5432,
	        5671,
	        5672,
	        6379,
	        6443,
	        8000,
	        8008,
	        8080,
	        8081,
	        8088,
	        8118,
	        8123,
	        8443,
	        8883,
	        8888,
	        9000,
	        9090,
	        9092,
	        9200,
	        9418,
	        11434,
	        27017,
	};

	if (port < 1024)
		return 2;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]) && services[i] <= port; i++)
		if (services[i] == port)
			return 1;
	return 0;
}

static bool sender_is_client(const struct packet *p)
{
	unsigned src = service_rank(p->sport), dst = service_rank(p->dport);

	if (p->proto == PROTO_TCP && p->tcp_flags & TCP_SYN)
		return !(p->tcp_flags & TCP_ACK);
	if (src == 2 && dst == 2)
		return p->sport >= p->dport;
	return src <= dst;
}

static struct flow *flow_begin(struct flow_table *t, const struct packet *p, const struct key *k,
        uint32_t tag, bool src_low, bool src_client)
{
	struct flow *f = flow_take(t);
	bool client_low = src_low == src_client;

	f->addr[0] = k->addr[!client_low];
	f->addr[1] = k->addr[client_low];
	f->port[0] = k->port[!client_low];
	f->port[1] = k->port[client_low];
	f->proto = k->proto;
	f->network = k->network;
	for (unsigned i = 0; i < p->n_tunnels; i++) {
		f->tunnels |= (uint16_t)(p->tunnel[i].kind << 4 * i);
		f->tunnel_id = p->tunnel[i].id;
	}
	f->vlan = p->vlans ? p->vlan[0] : 0;
	f->flags = (uint8_t)(FLOW_F_FRESH | FLOW_F_ONESIDED | (client_low ? 0 : FLOW_F_HIGH));
	f->start_ns = f->last_ns = p->ts_ns;
	f->touched_ns = t->now;
	table_add(t, f, tag);
	wheel_add(t, f);
	t->stats.created++;
	if (++t->stats.live > t->stats.peak)
		t->stats.peak = t->stats.live;
	return f;
}

/* ---- packets ---- */

static int64_t time_within(int64_t ns)
{
	return ns < 0 ? 0 : ns > PACKET_TIME_MAX ? PACKET_TIME_MAX : ns;
}

/* A step is worth at most what makes every flow idle, so that times out of a broken file cannot run the clock
 * to its end. */
static void clock_step(struct flow_table *t, int64_t ns)
{
	int64_t step = ns - t->mark;

	if (!t->started) {
		t->started = true;
		step = 0;
	}
	t->mark = ns;
	if (t->now < PACKET_TIME_MAX)
		t->now += step < t->step_most ? step : t->step_most;
	if (ns > t->newest)
		t->newest = ns;
}

static void clock_packet(struct flow_table *t, int64_t ts_ns)
{
	int64_t ns = time_within(ts_ns);

	if (!t->started || ns >= t->mark) {
		clock_step(t, ns);
		t->back_run = 0;
		return;
	}
	if (t->mark - ns <= CLOCK_BACK_NS)
		return;
	t->stats.clock_back++;
	if (++t->back_run >= CLOCK_BACK_RUN) {
		t->mark = ns;
		t->back_run = 0;
	}
}

static enum flow_dir dir_of(const struct flow *f, bool src_low)
{
	bool client_low = !(f->flags & FLOW_F_HIGH);

	return src_low == client_low ? FLOW_C2S : FLOW_S2C;
}

/* The flow was over before this packet: idle for too long, long enough under way, or its ports are used
 * anew. */
static enum flow_end over_before(
        const struct flow_table *t, const struct flow *f, bool src_low, const struct packet *p)
{
	if (t->now > deadline(t, f))
		return FLOW_IDLE;
	if (p->proto == PROTO_TCP && p->tcp_flags & TCP_SYN) {
		enum flow_end e = flow_tcp_reused(f, dir_of(f, src_low), p, t->now - f->touched_ns);

		if (e != FLOW_LIVE)
			return e;
	}
	if (t->active && !(f->tcp_state & FLOW_TCP_LINGER) && time_within(p->ts_ns) - f->start_ns > t->active)
		return FLOW_ACTIVE;
	return FLOW_LIVE;
}

static void flow_count(struct flow_table *t, struct flow *f, enum flow_dir dir, const struct packet *p)
{
	uint32_t cut = p->payload_wire > p->payload_len ? p->payload_wire - p->payload_len : 0;
	const uint8_t *mac = dir == FLOW_C2S ? p->src_mac : p->dst_mac;

	f->touched_ns = t->now;
	if (p->ts_ns > f->last_ns)
		f->last_ns = p->ts_ns;
	if (!(f->flags & FLOW_F_MAC) && mac) {
		memcpy(f->client_mac, mac, sizeof(f->client_mac));
		f->flags |= FLOW_F_MAC;
	}
	if (p->proto == PROTO_TCP) {
		if (flow_tcp_count(f, dir, p))
			wheel_again(t, f);
	} else if (cut) {
		f->missed[dir] += cut < UINT32_MAX - f->missed[dir] ? cut : UINT32_MAX - f->missed[dir];
	}
	f->bytes[dir] += (uint64_t)p->ip_len + cut;
	f->payload[dir] += p->payload_wire;
	if (f->packets[dir] < UINT32_MAX)
		f->packets[dir]++;
	if (f->packets[!dir])
		f->flags = (uint8_t)(f->flags & ~FLOW_F_ONESIDED);
}

struct flow *flow_track(struct flow_table *t, const struct packet *p, enum flow_dir *dir)
{
	struct key k;
	bool src_low = key_of_packet(t, &k, p), src_client;
	uint32_t tag = key_tag(t, &k);
	struct flow *f;

	__builtin_prefetch(&t->slots[tag & t->mask]);
	clock_packet(t, p->ts_ns);
	f = table_find(t, &k, tag);
	if (f) {
		enum flow_end over = over_before(t, f, src_low, p);

		f->flags = (uint8_t)(f->flags & ~FLOW_F_FRESH);
		if (over != FLOW_LIVE) {
			/* the same connection goes on: its sides stay */
			src_client =
			        over == FLOW_ACTIVE ? dir_of(f, src_low) == FLOW_C2S : sender_is_client(p);
			flow_finish(t, f, over);
			f = flow_begin(t, p, &k, tag, src_low, src_client);
		} else if (p->proto == PROTO_TCP && p->tcp_flags & TCP_SYN) {
			(void)flow_tcp_turn(f, dir_of(f, src_low), p);
		}
	} else {
		f = flow_begin(t, p, &k, tag, src_low, sender_is_client(p));
	}
	*dir = dir_of(f, src_low);
	flow_count(t, f, *dir, p);
	return f;
}

void flow_advance(struct flow_table *t, int64_t now_ns)
{
	int64_t ns = time_within(now_ns);
	uint64_t until;

	if (ns > t->newest)
		clock_step(t, ns);
	until = (uint64_t)t->now >> WHEEL_SHIFT;
	for (unsigned looked = 0; t->hand < until && t->waiting < t->reserve / 2;) {
		uint32_t s = wheel_first(t), at = (uint32_t)(t->hand % WHEEL_SLOTS);
		uint64_t ahead = (s + WHEEL_SLOTS - at) % WHEEL_SLOTS;
		struct flow *f;

		if (s == WHEEL_SLOTS || t->hand + ahead >= until) {
			t->hand = until;
			return;
		}
		t->hand += ahead;
		if (looked++ == ADVANCE_MOST)
			return;
		f = &t->flows[t->wheel[s]];
		if (t->now >= deadline(t, f))
			flow_finish(t, f, FLOW_IDLE);
		else
			wheel_again(t, f);
	}
}

struct flow *flow_ended(struct flow_table *t)
{
	struct flow *f = &t->flows[t->ended_first];

	if (!t->ended_first)
		return NULL;
	t->ended_first = f->link;
	if (!t->ended_first)
		t->ended_last = 0;
	return f;
}

void flow_release(struct flow_table *t, struct flow *f)
{
	f->link = t->free;
	t->free = index_of(t, f);
	t->waiting--;
}

void flow_stop_all(struct flow_table *t)
{
	for (uint32_t s = wheel_first(t); s != WHEEL_SLOTS; s = wheel_first(t))
		flow_finish(t, &t->flows[t->wheel[s]], FLOW_STOP);
}

void flow_table_stats(const struct flow_table *t, struct flow_stats *out)
{
	*out = t->stats;
}

uint64_t flow_id(const struct flow *f)
{
	struct {
		struct key key;
		int64_t start_ns;
	} all = {.key = {.proto = f->proto}, .start_ns = f->start_ns};
	uint64_t id;

	(void)key_make(&all.key, &f->addr[0], &f->addr[1], f->port[0], f->port[1]);
	id = hash64(&all, sizeof(all), 0);
	return id ? id : 1;
}
