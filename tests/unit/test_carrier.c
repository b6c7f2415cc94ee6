/* test_carrier.c - VPNs and remote desktops by their first messages: each protocol as its specification has
 * it, cut and damaged in every way, and what only looks like one. */
#include "tests/unit/names_util.h"

#include "classify/names/carrier.h"
#include "classify/names/names.h"

#include <stdio.h>

struct line {
	enum flow_dir dir;
	const char *hex; /* digits; "x4*00" repeats a byte */
};
#define UP(hex)                                                                                              \
	{                                                                                                    \
		FLOW_C2S, hex                                                                                \
	}
#define DOWN(hex)                                                                                            \
	{                                                                                                    \
		FLOW_S2C, hex                                                                                \
	}
#define LINES_MAX 6

struct talk {
	const char *name; /* NULL: nobody's */
	bool stream;
	bool made;
	struct line line[LINES_MAX];
};

#define SID_A "a1a2a3a4a5a6a7a8"
#define SID_B "b1b2b3b4b5b6b7b8"
#define SPI_A "0102030405060708"
#define SPI_B "1112131415161718"

static const struct talk talks[] = {
        {"WireGuard", false, false, {UP("01000000d1d2d3d4x140*5a"), DOWN("02000000e1e2e3e4d1d2d3d4x80*5b")}},
        /* WARP's client id; bytes of their own behind, as others have them; one side only */
        {"WireGuard", false, false, {UP("01abcdefd1d2d3d4x140*5a"), DOWN("02abcdefe1e2e3e4d1d2d3d4x80*5b")}},
        {"WireGuard", false, false, {UP("01000000d1d2d3d4x196*5a"), DOWN("02000000e1e2e3e4d1d2d3d4x88*5b")}},
        {"WireGuard", false, false, {UP("01000000d1d2d3d4x140*5a"), UP("04000000e1e2e3e4x24*77")}},
        /* plain, with tls-auth (the answer gives the id back), with tls-crypt, of version 2 of it */
        {"OpenVPN", false, false,
                {UP("38" SID_A "0000000000"), DOWN("40" SID_B "0100000000" SID_A "00000000")}},
        {"OpenVPN", false, false,
                {UP("38" SID_A "x20*c00000000157a1c15f0000000000"),
                        DOWN("40" SID_B "x20*c10000000157a1c15f0100000000" SID_A "00000000")}},
        {"OpenVPN", false, false,
                {UP("38" SID_A "x44*c0"), DOWN("40" SID_B "x52*c1"), UP("28" SID_A "x50*c2")}},
        {"OpenVPN", false, false,
                {UP("50" SID_A "x300*c0"), DOWN("40" SID_B "x52*c1"), UP("58" SID_A "x500*c2")}},
        {"OpenVPN", false, false, {DOWN("40" SID_B "x52*c1"), DOWN("20" SID_B "x90*c2")}},
        {"OpenVPN", true, false,
                {UP("000e38" SID_A "0000000000"), DOWN("001a40" SID_B "0100000000" SID_A "00000000")}},
        {"OpenVPN", true, false,
                {UP("003538" SID_A "x44*c0"), DOWN("003d40" SID_B "x52*c1"), UP("003b28" SID_A "x50*c2")}},
        {"OpenVPN", true, false, {UP("013550" SID_A "x300*c0"), UP("01fd58" SID_A "x500*c2")}},
        /* IKEv2 on port 500 that finds no NAT, then ESP; behind NAT; IKEv1, quick mode */
        {"IPsec", false, true,
                {UP(SPI_A "00000000000000002120220800000000000000305a5a5a5ax16*5a"),
                        DOWN(SPI_A SPI_B "2120222000000000000000305a5a5a5ax16*5a"),
                        UP(SPI_A SPI_B "2e20230800000001000000305a5a5a5ax16*5a")}},
        {"IPsec", false, false,
                {UP("00000000" SPI_A SPI_B "2e20230800000001000000305a5a5a5ax16*5a"),
                        DOWN("00000000" SPI_A SPI_B "2e20232000000001000000305a5a5a5ax16*5a"),
                        UP("cafecafe00000001x60*77")}},
        {"IPsec", false, true,
                {UP(SPI_A "00000000000000000110020000000000000000300d0d0d0dx16*5a"),
                        DOWN(SPI_A SPI_B "0110020000000000000000300d0d0d0dx16*5a"),
                        UP(SPI_A SPI_B "0810200177777777000000300d0d0d0dx16*5a")}},
        {"L2TP", false, false,
                {UP("c802002000000000000000008008000000000001x12*00"),
                        DOWN("c802002000070000000000018008000000000002x12*00")}},
        {"PPTP", true, true,
                {UP("009c00011a2b3c4d00010000x144*00"), DOWN("009c00011a2b3c4d00020000x144*00"),
                        UP("00a800011a2b3c4d00070000x156*00"), DOWN("002000011a2b3c4d00080000x20*00")}},
        {"Tailscale", false, false, {UP("5453f09f92acx90*6a")}},
        {"TINC", true, true, {UP("30206c6566742031370a"), DOWN("302072696768742031372e370a")}},
        {"VNC", true, false, {DOWN("524642203030332e3030380a")}},
        {"VNC", true, false, {UP("524642203030342e3030310a")}},
        {"RDP", true, false, {UP("030000130ee000000000000100080003000000")}},
        {"RDP", true, false,
                {UP("0300002924e00000000000436f6f6b69653a206d737473686173683d616c6963650d0a010008000b00000"
                    "0")}},
        {"Citrix", true, false, {DOWN("7f7f49434100"), UP("7f7f49434100")}},
        {"NoMachine", true, false, {UP("4e5853482d382e31302e310a"), DOWN("4e58442d382e31302e310a")}},
        {"Radmin", true, false, {UP("01000000010000000808"), DOWN("010000002500000212080200000ax30*00")}},
};

/* Nobody's, or not certain: an answer that does not fit, one side alone where that is too little, others. */
static const struct talk nobodys[] = {
        {NULL, false, false, {UP("01000000d1d2d3d4x140*5a"), DOWN("02000000e1e2e3e4d1d2d3d5x80*5b")}},
        {NULL, false, false, {UP("01000000d1d2d3d4x140*5a"), UP("01000000d1d2d3d4x140*5a")}},
        {NULL, false, false, {UP("38" SID_A "0000000000"), UP("38" SID_A "0000000000")}},
        {NULL, false, false, {UP("38" SID_A "0000000000"), DOWN("40" SID_B "0100000000" SID_B "00000000")}},
        {NULL, false, false, {UP("38" SID_A "x44*c0"), UP("28" SID_B "x50*c2")}},
        {NULL, false, false, {UP("380000000000000000x44*c0"), UP("280000000000000000x50*c2")}},
        {NULL, false, false, {UP(SPI_A "00000000000000002120220800000000000000305a5a5a5ax16*5a")}},
        {NULL, false, false,
                {UP(SPI_A "00000000000000002120220800000000000000315a5a5a5ax16*5a"), DOWN("5a")}},
        {NULL, false, false, {UP("c802002000000000000000008008000000000001x12*00")}},
        {NULL, false, false, {UP("5453f09f92acx10*6a")}},
        /* others of X.224: S7, and H.323's TPKT */
        {NULL, true, false, {UP("0300001611e00000000100c0010ac1020100c2020102")}},
        {NULL, true, false, {UP("030000be08020af805040888c0a37e009f05x90*20")}},
        {NULL, true, false, {UP("030000130ee000000000000100080003000001")}},
        {NULL, true, false, {UP("30206c6566742031370a"), DOWN("30206c6566742031380a")}},
        {NULL, true, false, {UP("30206c6566742031370a"), UP("312039342036342030203020x300*41")}},
        {NULL, true, false, {DOWN("5246422d303031390a0000")}},
        {NULL, true, false, {UP("009c00011a2b3c4e00010000x144*00")}},
        {NULL, true, false, {UP("4e5853482d382e31302e310a"), DOWN("5353482d322e300d0a")}},
        /* an SSH banner, a mail server's, an HTTP request, a TLS hello, BitTorrent, memcached, Redis */
        {NULL, true, false,
                {DOWN("5353482d322e302d4f70656e5353480d0a"), UP("5353482d322e302d4f70656e5353480d0a")}},
        {NULL, true, false, {DOWN("323230206d61696c20524541445920")}},
        {NULL, true, false, {UP("474554202f20485454502f312e310d0a0d0a")}},
        {NULL, true, false, {UP("16030100c8010000c40303x30*11")}},
        {NULL, true, false, {UP("13426974546f7272656e742070726f746f636f6cx48*33")}},
        /* STUN, a DTLS hello, DNS, NTP, RTP, SNMP */
        {NULL, false, false, {UP("000100002112a442x12*aa"), DOWN("0101000c2112a442x24*aa")}},
        {NULL, false, false, {UP("16feff0000000000000000x60*11")}},
        {NULL, false, false, {UP("12340100000100000000000003777777076578616d706c6503636f6d0000010001")}},
        {NULL, false, false, {UP("e30003fax44*00"), DOWN("24010000x44*11")}},
        {NULL, false, false, {UP("80000001000000a0x168*7f"), DOWN("80000001000000a0x168*7f")}},
        {NULL, false, false, {UP("302602010104067075626c6963a019x25*02")}},
};

/* "x20*c0" and plain digits; returns the bytes. */
static size_t bytes_of(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	while (*hex) {
		unsigned times = 1, value;
		int used = 2;

		if (*hex == 'x')
			assert_int_equal(sscanf(hex, "x%3u*%2x%n", &times, &value, &used), 2);
		else
			assert_int_equal(sscanf(hex, "%2x", &value), 1);
		for (unsigned i = 0; i < times && n < cap; i++)
			out[n++] = (uint8_t)value;
		hex += used;
	}
	return n;
}

/* ---- what is told ---------------------------------------------------------------------------------------
 */

struct heard {
	char text[128];
	size_t n;
	unsigned times;
};

static void on_carrier(void *arg, const struct carrier *what, bool elsewhere)
{
	struct heard *h = arg;

	h->times++;
	h->n += (size_t)snprintf(
	        h->text + h->n, sizeof(h->text) - h->n, "%s%s ", what->name, elsewhere ? " made" : "");
	assert_true(h->n < sizeof(h->text));
	assert_true(what->sort == CARRIER_TUNNEL || what->sort == CARRIER_DESKTOP);
}

struct layer {
	struct pool *pool;
	struct arena arena;
	struct flow flow;
	struct conn conn;
	struct sink sink;
	const struct layer_ops *ops;
	void *state;
	struct heard heard;
	enum layer_verdict last;
};

static void layer_begin(struct layer *l, bool stream)
{
	memset(l, 0, sizeof(*l));
	l->pool = pool_create(4096, 4);
	assert_non_null(l->pool);
	arena_init(&l->arena, l->pool, 4);
	l->conn = (struct conn){.arena = &l->arena, .flow = &l->flow};
	l->sink = (struct sink){.arg = &l->heard, .carrier = on_carrier};
	l->ops = stream ? &carrier_layer : &carrier_datagram_layer;
	l->state = arena_get(&l->arena, l->ops->state_size);
	assert_non_null(l->state);
	assert_true(!l->ops->open || l->ops->open(l->state, &l->conn) == 0);
	l->last = LAYER_MORE;
}

static void layer_end(struct layer *l)
{
	arena_clear(&l->arena);
	pool_destroy(l->pool);
}

/* An exact-size heap copy, so that ASan sees a read past the end. */
static void layer_feed(struct layer *l, enum flow_dir dir, const uint8_t *p, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	if (l->last == LAYER_MORE) {
		memcpy(copy, p, n);
		l->last = l->ops->feed(l->state, &l->conn, dir, 0, copy, n, 0, &l->sink);
	}
	free(copy);
}

/* The whole talk in pieces of `step` bytes (streams), without its last `cut` bytes, one bit turned over. */
static void say(struct layer *l, const struct talk *t, size_t step, size_t cut, size_t flip)
{
	uint8_t b[1024];
	size_t bit = 0;

	layer_begin(l, t->stream);
	for (unsigned i = 0; i < LINES_MAX && t->line[i].hex; i++) {
		size_t n = bytes_of(t->line[i].hex, b, sizeof(b));
		bool last = i + 1 == LINES_MAX || !t->line[i + 1].hex;

		if (flip >= bit && flip - bit < n * 8)
			b[(flip - bit) / 8] ^= (uint8_t)(1u << ((flip - bit) % 8));
		bit += n * 8;
		if (last)
			n -= cut < n ? cut : n;
		for (size_t at = 0; at < n; at += step)
			layer_feed(l, t->line[i].dir, b + at, n - at < step ? n - at : step);
	}
}
#define WHOLE   4096
#define NO_FLIP SIZE_MAX

static void each_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		const struct talk *t = &talks[i];
		struct layer l;
		char want[64];

		say(&l, t, WHOLE, 0, NO_FLIP);
		snprintf(want, sizeof(want), "%s%s ", t->name, t->made ? " made" : "");
		if (strcmp(l.heard.text + (l.heard.n > strlen(want) ? l.heard.n - strlen(want) : 0), want) !=
		        0)
			fail_msg("talk %zu: `%s', not `%s'", i, l.heard.text, want);
		assert_int_equal(l.heard.times, t->made && l.heard.times == 2 ? 2 : 1);
		layer_end(&l);
		assert_non_null(carrier_by_word(t->name));
	}
}

static void however_it_is_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		struct layer whole;

		if (!talks[i].stream)
			continue;
		say(&whole, &talks[i], WHOLE, 0, NO_FLIP);
		for (size_t step = 1; step < 80; step++) {
			struct layer l;

			say(&l, &talks[i], step, 0, NO_FLIP);
			if (strcmp(l.heard.text, whole.heard.text) != 0)
				fail_msg("talk %zu in steps of %zu: `%s'", i, step, l.heard.text);
			layer_end(&l);
		}
		layer_end(&whole);
	}
}

/* Nothing is told before the message that makes it certain. */
static void not_before_it_is_certain(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		struct talk t = talks[i];
		struct layer l;
		unsigned n = 0;

		while (n < LINES_MAX && t.line[n].hex)
			n++;
		/* these are certain by one message: their signature is long enough */
		if (!strcmp(t.name, "Citrix") || n == 1)
			continue;
		if (t.made && strcmp(t.name, "TINC") != 0) {
			t.line[n - 1].hex = NULL;
			say(&l, &t, WHOLE, 0, NO_FLIP);
			assert_null(strstr(l.heard.text, "made"));
			layer_end(&l);
			continue;
		}
		t.line[strcmp(t.name, "IPsec") ? n - 1 : 1].hex = NULL;
		say(&l, &t, WHOLE, 0, NO_FLIP);
		if (l.heard.times)
			fail_msg("talk %zu without its last message: `%s'", i, l.heard.text);
		layer_end(&l);
	}
}

static void prefixes_and_flips(void **state)
{
	uint8_t b[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		const struct talk *t = &talks[i];
		size_t bits = 0;
		struct layer l;

		for (unsigned k = 0; k < LINES_MAX && t->line[k].hex; k++) {
			size_t n = bytes_of(t->line[k].hex, b, sizeof(b));

			bits += (n < 100 ? n : 100) * 8;
			for (size_t cut = 0; cut <= n; cut++) {
				say(&l, t, WHOLE, cut, NO_FLIP);
				assert_true(l.heard.times <= 2);
				layer_end(&l);
			}
		}
		for (size_t bit = 0; bit < bits; bit++) {
			say(&l, t, t->stream ? 7 : WHOLE, 0, bit);
			assert_true(l.heard.times <= 2);
			if (l.heard.times && strncmp(l.heard.text, t->name, strlen(t->name)) != 0)
				fail_msg("talk %zu, bit %zu: `%s'", i, bit, l.heard.text);
			layer_end(&l);
		}
	}
}

static void look_alikes_are_nobodys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(nobodys) / sizeof(*nobodys); i++) {
		struct layer l;

		say(&l, &nobodys[i], WHOLE, 0, NO_FLIP);
		if (l.heard.times)
			fail_msg("look-alike %zu: `%s'", i, l.heard.text);
		layer_end(&l);
	}
}

/* Random bytes in answer to random bytes, many times: none is certain. */
static void noise_is_nobodys(void **state)
{
	uint64_t x = 0x9e3779b97f4a7c15u;
	uint8_t b[256];

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		struct layer l;

		layer_begin(&l, i & 1);
		for (unsigned k = 0; k < 8; k++) {
			for (size_t at = 0; at < sizeof(b); at += 8) {
				x ^= x << 13;
				x ^= x >> 7;
				x ^= x << 17;
				memcpy(b + at, &x, 8);
			}
			layer_feed(&l, k & 1 ? FLOW_S2C : FLOW_C2S, b, 1 + x % sizeof(b));
		}
		assert_int_equal(l.heard.times, 0);
		layer_end(&l);
	}
}

static void probes_agree_with_the_layer(void **state)
{
	uint8_t b[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(talks) / sizeof(*talks); i++) {
		size_t n = bytes_of(talks[i].line[0].hex, b, sizeof(b));

		if (!talks[i].stream) {
			assert_true(carrier_probe_datagram(b, n));
			continue;
		}
		assert_int_equal(carrier_probe(b, n), 1);
		for (size_t k = 0; k < n; k++) {
			uint8_t *copy = malloc(k ? k : 1);

			memcpy(copy, b, k);
			if (!carrier_probe(copy, k))
				fail_msg("talk %zu: no after %zu bytes", i, k);
			free(copy);
		}
	}
	assert_false(carrier_probe_datagram(NULL, 0));
	assert_int_equal(carrier_probe(NULL, 0), -1);
}

/* A hole: what follows it is not taken for the beginning of a message. */
static void holes(void **state)
{
	uint8_t b[256];
	size_t n = bytes_of("003538" SID_A "x44*c0", b, sizeof(b));
	struct layer l;

	(void)state;
	layer_begin(&l, true);
	layer_feed(&l, FLOW_C2S, b, 20);
	l.ops->gap(
	        l.state, &l.conn, FLOW_C2S, 0, n - 20, &l.sink); /* in the message: the next one is whole */
	layer_feed(&l, FLOW_C2S, b, bytes_of("003b28" SID_A "x50*c2", b, sizeof(b)));
	layer_end(&l);
	assert_string_equal(l.heard.text, "");
	layer_begin(&l, true);
	n = bytes_of("013550" SID_A "x300*c0", b, sizeof(b));
	layer_feed(&l, FLOW_C2S, b, 100);
	l.ops->gap(l.state, &l.conn, FLOW_C2S, 0, 2 + 0x135 - 100, &l.sink);
	n = bytes_of("003b28" SID_A "x50*c2", b, sizeof(b));
	layer_feed(&l, FLOW_C2S, b, n);
	layer_end(&l);
	assert_string_equal(l.heard.text, "OpenVPN ");
	layer_begin(&l, true);
	n = bytes_of("003538" SID_A "x44*c0", b, sizeof(b));
	layer_feed(&l, FLOW_C2S, b, n);
	l.ops->gap(l.state, &l.conn, FLOW_C2S, 0, 1000, &l.sink);
	n = bytes_of("003b28" SID_A "x50*c2", b, sizeof(b));
	layer_feed(&l, FLOW_C2S, b, n);
	assert_int_equal(l.last, LAYER_MORE);
	layer_end(&l);
	assert_string_equal(l.heard.text, "");
}

static void words_of_ndpi(void **state)
{
	static const struct {
		const char *word, *name;
	} rows[] = {{"TLS.Tor", "Tor"}, {"RDP.Azure", "RDP"}, {"WireGuard", "WireGuard"},
	        {"wireguard", "WireGuard"}, {"TeamViewer", "TeamViewer"}, {"UDP.TeamViewer", "TeamViewer"},
	        {"SSH", NULL}, {"TLS.Torrent", NULL}, {"", NULL}, {"Torch.Google", NULL}, {"VNCx", NULL},
	        {"xVNC", NULL}, {".", NULL}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct carrier *c = carrier_by_word(rows[i].word);

		if (!c != !rows[i].name || (c && strcmp(c->name, rows[i].name) != 0))
			fail_msg("`%s': `%s'", rows[i].word, c ? c->name : "none");
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(each_is_known),
	        cmocka_unit_test(however_it_is_cut),
	        cmocka_unit_test(not_before_it_is_certain),
	        cmocka_unit_test(prefixes_and_flips),
	        cmocka_unit_test(look_alikes_are_nobodys),
	        cmocka_unit_test(noise_is_nobodys),
	        cmocka_unit_test(probes_agree_with_the_layer),
	        cmocka_unit_test(holes),
	        cmocka_unit_test(words_of_ndpi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
