/* sensor.h - a sensor of one worker for tests: packets of made-up connections go in, one line for each alert
 * and flow comes out.  sensor_setup() comes before the first world. */
#ifndef TESTS_UNIT_SENSOR_H
#define TESTS_UNIT_SENSOR_H

#include "tests/unit/names_util.h"
#include "tests/unit/packets.h"

#include "base/clock.h"
#include "classify/reading.h"

#include <stdio.h>
#include <unistd.h>

#define T0 (1780272000LL * NS_PER_S) /* 2026-06-01 */

static struct settings *settings;
static struct detect_engine *engine;

/* ---- a sensor of one worker -----------------------------------------------------------------------------
 */

struct world {
	struct classify *c;
	struct flow_table *flows;
	char log[65536]; /* alerts and flow events, one a line */
	size_t n;
	int64_t now;
	unsigned asked[2]; /* alerts with a request, by whether its body was read */
};

static inline void note(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline void note(struct world *w, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	w->n += (size_t)vsnprintf(w->log + w->n, sizeof(w->log) - w->n, fmt, ap);
	va_end(ap);
	assert_true(w->n < sizeof(w->log));
}

/* alert KIND SERVICE HOST BY findings; flow DIRECTION HOST SERVICE VERDICT PROTOCOL END why-bits findings */
static inline void on_event(void *arg, const struct event *ev)
{
	struct world *w = arg;
	const struct facts *x = ev->facts;
	const char *service;

	if (ev->type == EVENT_SENSOR || ev->type == EVENT_VOLUME)
		return;
	service = x->match.service ? x->match.service->id : "-";
	if (ev->type == EVENT_ALERT && ev->request)
		w->asked[ev->request->read]++;
	if (ev->type == EVENT_ALERT)
		note(w, "%s %s %s %s", alert_kind_name((enum alert_kind)ev->kind), service, x->host,
		        name_source_text(x->by));
	else
		note(w, "flow %s %s %s %s %s %s %u", flow_direction_name(x->direction),
		        x->host[0] ? x->host : "-", service,
		        x->verdict.value ? verdict_name(x->verdict.value) : "-",
		        x->protocol[0] ? x->protocol : "-", flow_end_name(ev->flow->ended), x->why_not);
	for (size_t i = 0; i < ev->n_findings; i++)
		note(w, " %s@%s", ev->findings[i].detector->id, ev->findings[i].field);
	note(w, "\n");
}

static inline struct world *begin(void)
{
	struct flow_limits l = {.flows = settings->limits.flows, .idle_tcp_s = 600, .idle_udp_s = 60};
	struct world *w = calloc(1, sizeof(*w));
	struct err e = {""};

	assert_non_null(w);
	w->now = T0;
	w->flows = flow_table_create(&l, &e);
	w->c = classify_create(settings, engine, (struct teller){w, on_event}, &e);
	if (!w->flows || !w->c)
		fail_msg("%s", e.text);
	return w;
}

static inline void end_flows(struct world *w)
{
	struct flow *f;

	while ((f = flow_ended(w->flows))) {
		classify_end(w->c, f, true);
		assert_null(f->inspect);
		assert_null(f->tcp);
		flow_release(w->flows, f);
	}
}

/* As cli/worker.c does. */
static inline struct flow *packet(struct world *w, const struct packet *p)
{
	enum flow_dir dir;
	struct flow *f = flow_track(w->flows, p, &dir);

	end_flows(w);
	classify_packet(w->c, f, dir, p);
	flow_advance(w->flows, p->ts_ns);
	end_flows(w);
	return f;
}

/* Ends all flows; what was told is `expect` (NULL: not of interest), and all memory is back. */
static inline struct classify_stats end(struct world *w, const char *expect)
{
	struct classify_stats st;
	struct classify *c = w->c;

	flow_stop_all(w->flows);
	end_flows(w);
	if (expect)
		assert_string_equal(w->log, expect);
	assert_int_equal(pool_used(c->readings), 0);
	assert_int_equal(pool_used(c->blocks), 0);
	assert_int_equal(pool_used(c->big_blocks), 0);
	assert_int_equal(pool_used(c->requests), 0);
	assert_true(!c->answers || !pool_used(c->answers));
	assert_int_equal(pool_used(c->kept_small), 0);
	assert_int_equal(pool_used(c->kept_large), 0);
	classify_stats(c, &st);
	classify_destroy(c);
	flow_table_destroy(w->flows);
	free(w);
	return st;
}

/* ---- connections ----------------------------------------------------------------------------------------
 */

struct conn_of {
	struct world *w;
	const char *client, *server;
	uint16_t cport, sport;
	uint32_t seq[2];
	struct flow *f;
};

static inline void send_flags(struct conn_of *k, enum flow_dir dir, uint8_t flags, const void *p, size_t n)
{
	bool up = dir == FLOW_C2S;
	uint8_t *copy = malloc(n ? n : 1); /* of exact size */
	struct packet pk;

	assert_non_null(copy);
	if (n)
		memcpy(copy, p, n);
	k->w->now += NS_PER_MS;
	pk = packet_tcp(up ? k->client : k->server, up ? k->cport : k->sport, up ? k->server : k->client,
	        up ? k->sport : k->cport, k->seq[dir], flags & TCP_ACK ? k->seq[!dir] : 0, flags, copy, n,
	        k->w->now);
	k->f = packet(k->w, &pk);
	k->seq[dir] += (uint32_t)n + (flags & (TCP_SYN | TCP_FIN) ? 1 : 0);
	free(copy);
}

static inline struct conn_of handshake(
        struct world *w, const char *client, uint16_t cport, const char *server, uint16_t sport)
{
	struct conn_of k = {.w = w, .client = client, .server = server, .cport = cport, .sport = sport};

	k.seq[0] = k.seq[1] = (uint32_t)(w->now / NS_PER_US); /* a port that is used again begins elsewhere */
	send_flags(&k, FLOW_C2S, TCP_SYN, NULL, 0);
	send_flags(&k, FLOW_S2C, TCP_SYN | TCP_ACK, NULL, 0);
	send_flags(&k, FLOW_C2S, TCP_ACK, NULL, 0);
	return k;
}

static inline void say(struct conn_of *k, enum flow_dir dir, const void *p, size_t n)
{
	send_flags(k, dir, TCP_ACK | TCP_PSH, p, n);
}

static inline void say_text(struct conn_of *k, enum flow_dir dir, const char *s)
{
	say(k, dir, s, strlen(s));
}

static inline void fin(struct conn_of *k)
{
	send_flags(k, FLOW_C2S, TCP_FIN | TCP_ACK, NULL, 0);
	send_flags(k, FLOW_S2C, TCP_FIN | TCP_ACK, NULL, 0);
	send_flags(k, FLOW_C2S, TCP_ACK, NULL, 0);
}

/* A POST with a JSON body and more header lines, each with its CRLF. */
static inline void post(
        struct conn_of *k, const char *target, const char *host, const char *headers, const char *body)
{
	char text[4096];

	snprintf(text, sizeof(text),
	        "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: "
	        "%zu\r\n\r\n%s",
	        target, host, headers, strlen(body), body);
	say_text(k, FLOW_C2S, text);
	say_text(k, FLOW_S2C, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

/* The records of both hellos: of a client with more extensions in hex (NULL: none), of a server. */
static inline void tls_hello(struct buf *b, const char *sni, const char *alpn, const char *more)
{
	struct hello_shape shape = {.sni = sni, .alpn = alpn, .session_id = 32, .more = more};
	size_t at;

	b->n = 0;
	put_hex(b, "160301");
	at = len_open(b, 2);
	client_message(b, &shape);
	len_close(b, at, 2);
}

static inline void tls_answer(struct buf *b)
{
	size_t at;

	b->n = 0;
	put_hex(b, "160303");
	at = len_open(b, 2);
	server_message(b, false, false, 32);
	len_close(b, at, 2);
}

/* RFC 1035 4: one question, one A record of 60 seconds. */
static inline void dns_answer(struct world *w, const char *client, const char *name, const char *address)
{
	struct buf b = {.n = 0};
	struct ip_addr a;
	struct packet p;

	assert_int_equal(ip_parse(address, &a), 0);
	put_hex(&b, "123481800001000100000000");
	put_name(&b, name);
	put_hex(&b, "00010001c00c000100010000003c0004");
	put(&b, a.b + 12, 4);
	w->now += NS_PER_MS;
	p = packet_udp("10.0.0.53", 53, client, 5353, b.p, b.n, w->now);
	packet(w, &p);
}

static inline int sensor_setup(const char *yaml)
{
	char path[] = "/tmp/leaktap-test-XXXXXX";
	int fd = mkstemp(path);
	struct faults f;
	struct err e;

	if (fd < 0 || write(fd, yaml, strlen(yaml)) < 0 || close(fd) < 0)
		return -1;
	setenv("LEAKTAP_DATA", "config", 1);
	faults_init(&f);
	settings = settings_load(path, &f);
	faults_print(&f, stderr);
	faults_clear(&f);
	unlink(path);
	if (!settings)
		return -1;
	engine = detect_engine_create(settings->detector_set, NULL, 0, "", &e);
	return engine ? 0 : -1;
}

static inline int sensor_teardown(void **state)
{
	(void)state;
	detect_engine_destroy(engine);
	settings_drop(settings);
	return 0;
}

#endif
