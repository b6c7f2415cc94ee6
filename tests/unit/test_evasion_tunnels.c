/* test_evasion_tunnels.c - ways around the sensor: encrypted DNS, tunnels and remote desktops, each with what
 * makes the sign and what only looks alike, and with every value of its setting. */
#include "tests/unit/evasion_world.h"

/* ---- encrypted DNS ---------------------------------------------------------------------------------------
 */

static void encrypted_dns(void **state)
{
	static const struct {
		const char *server;
		uint16_t port;
		const char *sni, *alpn;
		int sure; /* 0: no sign */
	} rows[] = {
	        {OUTSIDE, 853, "dns.example.net", NULL, 90}, {OUTSIDE, 853, NULL, NULL, 90},
	        {OUTSIDE, 443, "dns.example.net", "dot", 95},
	        {OUTSIDE, 8853, "dns.example.net", "doq-i03", 95}, {OUTSIDE, 443, "dns.google", "h2", 85},
	        {OUTSIDE, 443, "mozilla.cloudflare-dns.com", "h2", 85}, {"1.1.1.1", 443, NULL, "h2", 85},
	        {"8.8.8.8", 443, "www.example.net", "h2", 85}, /* where nothing else is, whatever the name */
	        {OUTSIDE, 443, "doh.example.net", "h2", 55}, {OUTSIDE, 443, "doh-2.example.net", "h2", 55},
	        {OUTSIDE, 443, "dohmen.example.net", "h2", 0},
	        {OUTSIDE, 443, "notdns.google.example", "h2", 0}, {OUTSIDE, 443, "www.example.net", "h2", 0},
	        {OUTSIDE, 8530, "www.example.net", "h2", 0},
	        {"10.0.0.53", 853, "dns.corp.example", "dot", 0}, /* one's own */
	};

	(void)state;
	settings->evasion.doh = SIGN_ALERT;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		char want[40];

		tls(w, CLIENT, rows[i].server, rows[i].port, rows[i].sni, rows[i].alpn, NULL);
		flow_stop_all(w->flows);
		end_flows(w);
		snprintf(want, sizeof(want), "[doh %d]", rows[i].sure);
		if (rows[i].sure ? !contains(w, want) : contains(w, "doh "))
			fail_msg("row %zu:\n%s", i, w->log);
		if (contains(w, "! evasion.doh") != (rows[i].sure >= 60))
			fail_msg("row %zu:\n%s", i, w->log);
		end(w, NULL);
	}
	defaults();
}

static void encrypted_dns_settings(void **state)
{
	static const struct {
		enum sign_mode mode;
		unsigned from;
		const char *want;
	} rows[] = {
	        {SIGN_OFF, 60, "- dns.google sni 95\n"},
	        {SIGN_RECORD, 60, "- dns.google sni 95 [doh 85]\n"},
	        {SIGN_ALERT, 60, "! evasion.doh 85\n- dns.google sni 95 [doh 85]\n"},
	        {SIGN_ALERT, 86, "- dns.google sni 95 [doh 85]\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();

		settings->evasion.doh = rows[i].mode;
		settings->evasion.alert_from = rows[i].from;
		tls(w, CLIENT, OUTSIDE, 443, "dns.google", "h2", NULL);
		expect(w, rows[i].want);
		end(w, NULL);
	}
	defaults();
}

/* A hello that QUIC carried, as its layer tells it. */
static void dns_over_quic(void **state)
{
	static const char initial[] = "\xc0\0\0\0\1\x08"
	                              "12345678\0\0\x05"
	                              "abcde";
	struct world *w = world();
	struct hello h = {
	        .client = true, .quic = true, .version = 0x0304, .sni = "dns.example.net", .alpn = "doq"};
	struct packet p = packet_udp(
	        CLIENT, 30000, OUTSIDE, 853, (const uint8_t *)initial, sizeof(initial) - 1, w->now);
	struct reading *r = packet(w, &p)->inspect;

	(void)state;
	assert_non_null(r);
	r->sink.hello(r->sink.arg, &h);
	expect(w, "- dns.example.net quic-sni 95 [doh 95]\n");
	p = packet_udp(CLIENT, 30001, OUTSIDE, 853, (const uint8_t *)initial, sizeof(initial) - 1, w->now);
	r = packet(w, &p)->inspect;
	h.alpn[0] = '\0';
	r->sink.hello(r->sink.arg, &h);
	expect(w, "- dns.example.net quic-sni 95 [doh 90]\n");
	p = packet_udp(CLIENT, 30002, OUTSIDE, 443, (const uint8_t *)initial, sizeof(initial) - 1, w->now);
	r = packet(w, &p)->inspect;
	r->sink.hello(r->sink.arg, &h);
	expect(w, "- dns.example.net quic-sni 95\n");
	end(w, NULL);
}

/* The port behind a proxy counts, not the proxy's own. */
static void encrypted_dns_through_a_proxy(void **state)
{
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, next_port++, "203.0.113.5", 1080);
	struct buf b;

	(void)state;
	say(&k, FLOW_C2S, "\5\1\0", 3);
	say(&k, FLOW_S2C, "\5\0", 2);
	say(&k, FLOW_C2S, "\5\1\0\1\x09\x09\x09\x09\x03\x55", 10); /* 9.9.9.9:853 */
	say(&k, FLOW_S2C, "\5\0\0\1\0\0\0\0\0\0", 10);
	tls_hello(&b, NULL, NULL, NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	flow_stop_all(w->flows);
	end_flows(w);
	assert_true(contains(w, "[doh 90]"));
	end(w, NULL);
}

/* ---- tunnels and remote desktops -------------------------------------------------------------------------
 */

static void udp(
        struct world *w, const char *client, const char *server, uint16_t port, bool up, const struct buf *b)
{
	uint8_t *copy = malloc(b->n);
	struct packet p;

	memcpy(copy, b->p, b->n);
	w->now += NS_PER_MS;
	p = up ? packet_udp(client, 40001, server, port, copy, b->n, w->now)
	       : packet_udp(server, port, client, 40001, copy, b->n, w->now);
	packet(w, &p);
	free(copy);
}

static void wireguard(struct world *w, const char *client, const char *server, size_t more)
{
	struct buf b = {.n = 0};

	put_hex(&b, "01000000d1d2d3d4");
	put_fill(&b, 0x5a, 140);
	udp(w, client, server, 51820, true, &b);
	b.n = 0;
	put_hex(&b, "02000000e1e2e3e4d1d2d3d4");
	put_fill(&b, 0x5b, 80);
	udp(w, client, server, 51820, false, &b);
	for (; more; more -= more < 1408 ? more : 1408) {
		b.n = 0;
		put_hex(&b, "04000000e1e2e3e4");
		put_fill(&b, 0x77, 1400);
		udp(w, client, server, 51820, true, &b);
	}
}

#define MIB (1u << 20)

static void tunnels_by_what_they_send(void **state)
{
	static const struct {
		enum sign_mode mode;
		unsigned mb, from;
		size_t send;
		const char *want;
	} rows[] = {
	        {SIGN_ALERT, 1, 60, MIB / 2, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 1, 60, MIB + MIB / 2, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 1, 60, 5 * MIB, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 3, 60, 2 * MIB, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 3, 60, 4 * MIB, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 0, 60, 0, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_ALERT, 0, 96, 2 * MIB, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_RECORD, 0, 60, 2 * MIB, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_OFF, 0, 60, 2 * MIB, "- - - 0 un:protocol\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();

		settings->evasion.tunnel = rows[i].mode;
		settings->evasion.tunnel_mb = rows[i].mb;
		settings->evasion.alert_from = rows[i].from;
		settings->evasion.remote_desktop = SIGN_OFF; /* another setting */
		wireguard(w, CLIENT, OUTSIDE, rows[i].send);
		expect(w, rows[i].want);
		end(w, NULL);
	}
	defaults();
}

/* An alert comes while the tunnel is up, not when it ends. */
static void tunnels_alert_while_they_last(void **state)
{
	struct world *w = world();

	(void)state;
	wireguard(w, CLIENT, OUTSIDE, 2 * MIB + MIB / 2);
	assert_string_equal(w->log, "! evasion.tunnel 95\n");
	end(w, NULL);
}

static void where_tunnels_go(void **state)
{
	struct world *w = world();

	(void)state;
	settings->evasion.tunnel_mb = 0;
	wireguard(w, CLIENT, "10.0.0.9", 2 * MIB);    /* inside */
	wireguard(w, "203.0.113.9", CLIENT, 2 * MIB); /* from outside */
	expect(w, "- - - 0\n");
	defaults();
	end(w, NULL);
}

static void remote_desktops(void **state)
{
	static const struct {
		enum sign_mode mode;
		const char *want;
	} rows[] = {
	        {SIGN_ALERT, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_RECORD, "- - - 0 un:protocol [tunnel 95]\n"},
	        {SIGN_OFF, "- - - 0 un:protocol\n"},
	};
	static const uint8_t x224[] = "\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		struct conn_of k = handshake(w, CLIENT, next_port++, OUTSIDE, 3389);

		settings->evasion.remote_desktop = rows[i].mode;
		settings->evasion.tunnel = SIGN_OFF; /* another setting */
		settings->evasion.tunnel_mb = 0;
		say(&k, FLOW_C2S, x224, sizeof(x224));
		expect(w, rows[i].want);
		end(w, NULL);
	}
	defaults();
}

/* The server speaks first; its words alone tell. */
static void vnc(void **state)
{
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, next_port++, OUTSIDE, 6900);

	(void)state;
	settings->evasion.tunnel_mb = 0;
	say_text(&k, FLOW_S2C, "RFB 004.");
	say_text(&k, FLOW_S2C, "001\n");
	expect(w, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n");
	defaults();
	end(w, NULL);
}

/* IKE without NAT: ESP follows as packets of its own, so that no bytes of this connection count. */
static void ipsec_alerts_at_once(void **state)
{
	static const char *const said[] = {"01020304050607080000000000000000212022080000000000000020"
	                                   "5a5a5a5a",
	        "0102030405060708111213141516171821202220000000000000002"
	        "05a5a5a5a",
	        "010203040506070811121314151617182e2023080000000100000020"
	        "5a5a5a5a"};
	struct world *w = world();
	struct buf b;

	(void)state;
	settings->evasion.tunnel_mb = 1000;
	for (unsigned i = 0; i < 3; i++) {
		b.n = 0;
		put_hex(&b, said[i]);
		udp(w, CLIENT, OUTSIDE, 500, i != 1, &b);
		assert_int_equal(contains(w, "! evasion.tunnel 95\n"), i == 2);
	}
	expect(w, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n");
	defaults();
	end(w, NULL);
}

/* Port 53 is passed by many a firewall: what is no DNS there is read like anything else. */
static void port_53(void **state)
{
	static const char query[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3www\7example\3net\0\0\1\0\1";
	struct world *w = world();
	struct buf b = {.n = 0};
	struct conn_of k;

	(void)state;
	settings->evasion.tunnel_mb = 0;
	put_hex(&b, "01000000d1d2d3d4");
	put_fill(&b, 0x5a, 140);
	udp(w, CLIENT, OUTSIDE, 53, true, &b);
	b.n = 0;
	put_hex(&b, "02000000e1e2e3e4d1d2d3d4");
	put_fill(&b, 0x5b, 80);
	udp(w, CLIENT, OUTSIDE, 53, false, &b);
	expect(w, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n");
	/* behind a query that is one */
	b.n = 0;
	put(&b, query, sizeof(query) - 1);
	udp(w, CLIENT, "192.0.2.8", 53, true, &b);
	b.n = 0;
	put_hex(&b, "01000000d1d2d3d4");
	put_fill(&b, 0x5a, 140);
	udp(w, CLIENT, "192.0.2.8", 53, true, &b);
	b.n = 0;
	put_hex(&b, "04000000e1e2e3e4");
	put_fill(&b, 0x77, 24);
	udp(w, CLIENT, "192.0.2.8", 53, true, &b);
	expect(w, "! evasion.tunnel 95\n- - - 0 un:protocol [tunnel 95]\n");
	/* SOCKS, and a request in clear */
	k = handshake(w, CLIENT, next_port++, OUTSIDE, 53);
	say(&k, FLOW_C2S, "\5\1\0", 3);
	say(&k, FLOW_S2C, "\5\0", 2);
	say(&k, FLOW_C2S,
	        "\5\1\0\3\x0e"
	        "api.openai.com\1\xbb",
	        21);
	assert_string_equal(w->log, "! destination.unapproved 97\n");
	expect(w, "! destination.unapproved 97\nopenai-api api.openai.com socks 97\n");
	defaults();
	end(w, NULL);
}

/* Much more than names: a hint, for resolvers of one's own send much as well. */
static void much_in_look_ups(void **state)
{
	struct world *w = world();
	struct buf b = {.n = 0};

	(void)state;
	settings->evasion.alert_from = 0;
	put_hex(&b, "1234010000010000000000003f");
	put_fill(&b, 'a', 63);
	put_hex(&b, "3f");
	put_fill(&b, 'b', 63);
	put_hex(&b, "076578616d706c65036e6574000010"
	            "0001");
	for (unsigned i = 0; i < 2; i++) {
		for (size_t sent = 0; sent < (i ? MIB + b.n : MIB / 2); sent += b.n)
			udp(w, CLIENT, OUTSIDE, 53, true, &b);
		expect(w, i ? "! evasion.tunnel 50\n- - - 0 [tunnel 50]\n" : "- - - 0\n");
	}
	defaults();
	end(w, NULL);
}

/* OpenVPN through a proxy of one's own: inside, and it leaves all the same. */
static void tunnel_inside_a_proxy(void **state)
{
	struct world *w = world();
	struct conn_of k = handshake(w, CLIENT, next_port++, PROXY, 3128);
	struct buf b = {.n = 0};

	(void)state;
	settings->evasion.tunnel_mb = 0;
	say_text(&k, FLOW_C2S, "CONNECT vpn.example.net:443 HTTP/1.1\r\nHost: vpn.example.net:443\r\n\r\n");
	say_text(&k, FLOW_S2C, "HTTP/1.1 200 OK\r\n\r\n");
	put_hex(&b, "000e38a1a2a3a4a5a6a7a80000000000");
	say(&k, FLOW_C2S, b.p, b.n);
	b.n = 0;
	put_hex(&b, "001a40b1b2b3b4b5b6b7b80100000000a1a2a3a4a5a6a7a800000000");
	say(&k, FLOW_S2C, b.p, b.n);
	expect(w, "! evasion.tunnel 95\n- vpn.example.net connect 97 [tunnel 95]\n");
	defaults();
	end(w, NULL);
}

/* By the names and addresses of the catalogue, by what their TLS shows, and by names they make up. */
static void carriers_in_tls(void **state)
{
	static const struct {
		const char *server, *sni, *alpn;
		int sure; /* 0: no sign */
	} rows[] = {
	        {OUTSIDE, "us9591.nordvpn.com", NULL, 75},
	        {OUTSIDE, "relay-3185a847.net.anydesk.com", NULL, 75},
	        {"162.159.193.5", NULL, NULL, 75},
	        {OUTSIDE, "nordvpn.com", NULL, 0},
	        {OUTSIDE, "us9591.nordvpn.com.example.net", NULL, 0},
	        {OUTSIDE, NULL, "anydesk/6.2.0/linux", 90},
	        {OUTSIDE, "www.e6r5p57kbafwrxj3plz.com", NULL, 50}, /* Tor, by its name alone: a hint */
	        {OUTSIDE, "www.e6r5p57kbafwrxj3plz.com", "h2", 0},
	        {OUTSIDE, "www.e6r5p87kbafwrxj3plz.com", NULL, 0}, /* 8 is no digit of base32 */
	        {OUTSIDE, "www.example.com", NULL, 0},
	        {OUTSIDE, "www.e6r5p57kbafwrxj3plz.net", NULL, 0},
	};

	(void)state;
	settings->evasion.tunnel_mb = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		char want[40];

		tls(w, CLIENT, rows[i].server, 443, rows[i].sni, rows[i].alpn, NULL);
		flow_stop_all(w->flows);
		end_flows(w);
		snprintf(want, sizeof(want), "[tunnel %d]", rows[i].sure);
		if (rows[i].sure ? !contains(w, want) : contains(w, "tunnel"))
			fail_msg("row %zu:\n%s", i, w->log);
		if (contains(w, "! evasion.tunnel") != (rows[i].sure >= 60))
			fail_msg("row %zu:\n%s", i, w->log);
		end(w, NULL);
	}
	defaults();
}

/* A visit to a vendor's site sends little; its tunnel sends much, while TLS is merely counted. */
static void carriers_in_tls_by_what_they_send(void **state)
{
	static const char zeros[1400];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct world *w = world();
		struct conn_of k = tls(w, CLIENT, OUTSIDE, 443, "us9591.nordvpn.com", NULL, NULL);

		for (size_t sent = 0; i && sent < 2 * MIB; sent += sizeof(zeros))
			say(&k, FLOW_C2S, zeros, sizeof(zeros));
		assert_string_equal(w->log, i ? "! evasion.tunnel 75\n" : "");
		expect(w, i ? "! evasion.tunnel 75\n- us9591.nordvpn.com sni 95 [tunnel 75]\n"
		            : "- us9591.nordvpn.com sni 95 [tunnel 75]\n");
		end(w, NULL);
	}
}

/* Tor's certificate has names that are made up like its hello's. */
static void tor_by_its_certificate(void **state)
{
	static const struct {
		const char *name, *issuer;
		int sure;
	} rows[] = {
	        {"www.g6ghvisevf3ibuu5.net", "www.xkgk7fdx362yyyxib.com", 85},
	        {"www.g6ghvisevf3ibuu5.net", "Let's Encrypt", 50},
	        {"www.example.net", "www.xkgk7fdx362yyyxib.com", 50},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct world *w = world();
		struct conn_of k = begin_tls(w, "www.e6r5p57kbafwrxj3plz.com");
		struct certificate cert = {.not_before = 0, .not_after = 30000};
		struct reading *r = k.f->inspect;
		char want[128];

		r->facts.tls.alpn[0] = '\0';
		assert_false(r->stack.conn.skip_cert);
		snprintf(cert.name, sizeof(cert.name), "%s", rows[i].name);
		snprintf(cert.issuer, sizeof(cert.issuer), "%s", rows[i].issuer);
		r->sink.cert(r->sink.arg, &cert);
		snprintf(want, sizeof(want), "- www.e6r5p57kbafwrxj3plz.com sni 95 [tunnel %d]\n",
		        rows[i].sure);
		expect(w, want);
		end(w, NULL);
	}
}

/* Of a kind the strongest stays, and there is room for one of each. */
static void signs_of_one_flow(void **state)
{
	struct facts x = {.n_evasions = 0};

	(void)state;
	evasion_add(&x, ALERT_EVASION_DOH, 55, "weak");
	evasion_add(&x, ALERT_EVASION_DOH, 90, "strong");
	evasion_add(&x, ALERT_EVASION_DOH, 80, "late");
	evasion_add(&x, ALERT_EVASION_ECH, 10, "e");
	evasion_add(&x, ALERT_EVASION_FRONTING, 10, "f");
	evasion_add(&x, ALERT_EVASION_TUNNEL, 10, "t");
	assert_int_equal(x.n_evasions, FACT_EVASION_MAX);
	assert_int_equal(x.evasion[0].confidence, 90);
	assert_string_equal(x.evasion[0].evidence, "strong");
}
int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(encrypted_dns),
	        cmocka_unit_test(encrypted_dns_settings),
	        cmocka_unit_test(dns_over_quic),
	        cmocka_unit_test(encrypted_dns_through_a_proxy),
	        cmocka_unit_test(tunnels_by_what_they_send),
	        cmocka_unit_test(tunnels_alert_while_they_last),
	        cmocka_unit_test(where_tunnels_go),
	        cmocka_unit_test(remote_desktops),
	        cmocka_unit_test(vnc),
	        cmocka_unit_test(ipsec_alerts_at_once),
	        cmocka_unit_test(tunnel_inside_a_proxy),
	        cmocka_unit_test(port_53),
	        cmocka_unit_test(much_in_look_ups),
	        cmocka_unit_test(carriers_in_tls),
	        cmocka_unit_test(carriers_in_tls_by_what_they_send),
	        cmocka_unit_test(tor_by_its_certificate),
	        cmocka_unit_test(signs_of_one_flow),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
