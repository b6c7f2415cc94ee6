/* test_share.c - packets of one client meet in one worker, and the kernel's program decides as share_of()
 * does. The program is run by a small interpreter of the classic BPF instructions it uses. */
#include "capture/share.h"

#include "base/err.h"

#include <linux/if_ether.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cidr nets[64];
static size_t n_nets;

static void add(const char *text)
{
	struct err e;

	assert_int_equal(cidr_parse(text, &nets[n_nets++], &e), 0);
}

/* Two of the test's addresses are proxies. */
static struct cidr proxies[2];
static const struct share_networks *networks(size_t n_proxies)
{
	static struct share_networks w;
	struct err e;

	assert_int_equal(cidr_parse("10.0.0.0/11", &proxies[0], &e), 0);
	assert_int_equal(cidr_parse("2001:db8:12:1::/64", &proxies[1], &e), 0);
	w = (struct share_networks){
	        .internal = nets, .n_internal = n_nets, .proxies = proxies, .n_proxies = n_proxies};
	return &w;
}

static bool inside(const struct ip_addr *a);

static struct share_end end_of(const struct ip_addr *a, size_t n_proxies)
{
	struct share_end e = {.internal = inside(a)};

	for (size_t i = 0; i < n_proxies; i++)
		e.proxy |= cidr_covers(&proxies[i], a);
	return e;
}

static bool inside(const struct ip_addr *a)
{
	for (size_t i = 0; i < n_nets; i++)
		if (cidr_covers(&nets[i], a))
			return true;
	return false;
}

static bool fetch(const uint8_t *l3, size_t len, uint32_t k, size_t size, uint32_t *v)
{
	uint32_t at = k - (uint32_t)SKF_NET_OFF;

	if (at > len || len - at < size)
		return false;
	*v = 0;
	for (size_t i = 0; i < size; i++)
		*v = *v << 8 | l3[at + i];
	return true;
}

/* What the program returns for an IP packet; every jump must stay within the program. */
static uint32_t run(const struct sock_filter *f, size_t n, const uint8_t *l3, size_t len, uint32_t proto)
{
	uint32_t a = 0, x = 0, m[16] = {0};

	for (size_t pc = 0; pc < n; pc++) {
		const struct sock_filter *i = &f[pc];
		uint32_t k = i->k;

		switch (i->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (k == (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL))
				a = proto;
			else if (!fetch(l3, len, k, 4, &a))
				return 0;
			break;
		case BPF_LD | BPF_B | BPF_ABS:
			if (!fetch(l3, len, k, 1, &a))
				return 0;
			break;
		case BPF_LD | BPF_H | BPF_IND:
			if (!fetch(l3, len, k + x, 2, &a))
				return 0;
			break;
		case BPF_LD | BPF_IMM:
			a = k;
			break;
		case BPF_LD | BPF_MEM:
			a = m[k];
			break;
		case BPF_LDX | BPF_IMM:
			x = k;
			break;
		case BPF_LDX | BPF_MEM:
			x = m[k];
			break;
		case BPF_ST:
			assert_true(k < 16);
			m[k] = a;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= k;
			break;
		case BPF_ALU | BPF_LSH | BPF_K:
			a <<= k;
			break;
		case BPF_ALU | BPF_RSH | BPF_K:
			a >>= k;
			break;
		case BPF_ALU | BPF_MUL | BPF_K:
			a *= k;
			break;
		case BPF_ALU | BPF_OR | BPF_X:
			a |= x;
			break;
		case BPF_ALU | BPF_XOR | BPF_X:
			a ^= x;
			break;
		case BPF_MISC | BPF_TAX:
			x = a;
			break;
		case BPF_JMP | BPF_JA:
			pc += k;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += a == k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JEQ | BPF_X:
			pc += a == x ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JGT | BPF_X:
			pc += a > x ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return k;
		case BPF_RET | BPF_A:
			return a;
		default:
			fail_msg("instruction %x at %zu", i->code, pc);
		}
		assert_true(pc + 1 < n);
	}
	fail_msg("the program ran past its end");
	return 0;
}

/* Addresses near the borders of the networks, and anywhere. */
static struct ip_addr random_address(bool v4)
{
	struct ip_addr a;
	const struct cidr *c = &nets[(size_t)rand() % n_nets];

	for (size_t i = 0; i < 16; i++)
		a.b[i] = (uint8_t)rand();
	if (rand() % 3 && ip_is4(&c->addr) == v4) {
		a = c->addr;
		a.b[15] ^= (uint8_t)rand();
		a.b[(size_t)rand() % 16 & 15] ^= (uint8_t)(rand() % 4 ? 0 : 1u << rand() % 8);
	}
	if (v4)
		memcpy(a.b, (uint8_t[12]){0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12);
	return a;
}

static size_t build(const struct packet *p, bool v4, uint8_t l3[80])
{
	size_t options = v4 ? (size_t)(rand() % 3) * 4 : 0, at = v4 ? 20 + options : 40;

	memset(l3, 0, 80);
	l3[0] = v4 ? (uint8_t)(0x45 + options / 4) : 0x60;
	memcpy(l3 + (v4 ? 12 : 8), p->src.b + (v4 ? 12 : 0), v4 ? 4 : 16);
	memcpy(l3 + (v4 ? 16 : 24), p->dst.b + (v4 ? 12 : 0), v4 ? 4 : 16);
	l3[at] = (uint8_t)(p->sport >> 8);
	l3[at + 1] = (uint8_t)p->sport;
	l3[at + 2] = (uint8_t)(p->dport >> 8);
	l3[at + 3] = (uint8_t)p->dport;
	return at + 8;
}

static void both_decide_alike_with(size_t n_proxies)
{
	static struct sock_filter f[SHARE_PROGRAM_MAX];
	size_t n = share_program(networks(n_proxies), f, SHARE_PROGRAM_MAX), spread[3] = {0}, proxied = 0;

	assert_true(n > 0);
	srand(7);
	for (int i = 0; i < 20000; i++) {
		bool v4 = rand() & 1;
		struct packet p = {.src = random_address(v4),
		        .dst = random_address(v4),
		        .sport = (uint16_t)(rand() % 70 + 30),
		        .dport = (uint16_t)(rand() % 70 + 30)};
		struct packet back = {.src = p.dst, .dst = p.src, .sport = p.dport, .dport = p.sport};
		struct share_end from = end_of(&p.src, n_proxies), to = end_of(&p.dst, n_proxies);
		unsigned want = share_of(&p, from, to, 3);
		uint8_t l3[80];
		size_t len = build(&p, v4, l3);

		assert_int_equal(run(f, n, l3, len, v4 ? ETH_P_IP : ETH_P_IPV6) % 3, want);
		assert_int_equal(share_of(&back, to, from, 3), want);
		spread[want]++;
		proxied += from.proxy != to.proxy;
	}
	for (int i = 0; i < 3; i++)
		assert_true(spread[i] > 4000);
	assert_int_equal(proxied > 100, n_proxies > 0);
}

static void both_decide_alike(void **state)
{
	(void)state;
	both_decide_alike_with(0);
	both_decide_alike_with(2);
}

/* Who asks the proxy and where it goes on to: one worker. */
static void both_sides_of_a_proxy_meet(void **state)
{
	struct packet to = {.sport = 50000, .dport = 3128}, on = {.sport = 40000, .dport = 443};

	(void)state;
	assert_int_equal(ip_parse("10.9.9.9", &to.dst), 0);
	on.src = to.dst;
	assert_int_equal(ip_parse("203.0.113.7", &on.dst), 0);
	for (int i = 1; i < 100; i++) {
		char text[32];

		snprintf(text, sizeof(text), "10.64.0.%d", i);
		assert_int_equal(ip_parse(text, &to.src), 0);
		assert_int_equal(
		        share_of(&to, (struct share_end){true, false}, (struct share_end){true, true}, 7),
		        share_of(&on, (struct share_end){true, true}, (struct share_end){false, false}, 7));
	}
}

static void client_and_resolver_meet(void **state)
{
	struct packet dns = {.sport = 53, .dport = 40000}, web = {.sport = 50000, .dport = 443};

	(void)state;
	for (uint8_t host = 1; host < 255; host++) {
		uint8_t client[4] = {10, 0, 0, host}, resolver[4] = {10, 9, 9, 9},
		        server[4] = {198, 51, 100, 7};

		dns.src = ip_from4(resolver);
		dns.dst = web.src = ip_from4(client);
		web.dst = ip_from4(server);
		assert_int_equal(
		        share_of(&dns, (struct share_end){true, false}, (struct share_end){true, false}, 4),
		        share_of(&web, (struct share_end){true, false}, (struct share_end){false, false}, 4));
	}
}

static void short_packets_end(void **state)
{
	static struct sock_filter f[SHARE_PROGRAM_MAX];
	size_t n = share_program(networks(0), f, SHARE_PROGRAM_MAX);
	uint8_t l3[80] = {0x45};

	(void)state;
	for (size_t len = 0; len < 24; len++)
		assert_int_equal(run(f, n, l3, len, ETH_P_IP), 0);
	assert_int_equal(run(f, n, l3, 80, ETH_P_ARP), 0);
}

static void too_many_do_not_fit(void **state)
{
	static struct sock_filter f[SHARE_PROGRAM_MAX];
	static struct cidr many[2000];

	(void)state;
	for (size_t i = 0; i < 2000; i++)
		many[i] = nets[0];
	assert_int_equal(share_program(&(struct share_networks){.internal = many, .n_internal = 2000}, f,
	                         SHARE_PROGRAM_MAX),
	        0);
	assert_true(share_program(&(struct share_networks){.internal = many, .n_internal = 100}, f,
	                    SHARE_PROGRAM_MAX) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(both_decide_alike),
	        cmocka_unit_test(both_sides_of_a_proxy_meet), cmocka_unit_test(client_and_resolver_meet),
	        cmocka_unit_test(short_packets_end), cmocka_unit_test(too_many_do_not_fit)};
	const char *const texts[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10",
	        "169.254.0.0/16", "203.0.113.77/32", "fc00::/7", "fe80::/10", "2001:db8:12::/48",
	        "2001:db8:99::1/128"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		add(texts[i]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
