/* evasion_world.h - a sensor whose signs of hiding are told: one line for each alert, one with its signs for
 * each flow; every sign with the settings that tests begin and end with, defaults(). */
#ifndef TESTS_UNIT_EVASION_WORLD_H
#define TESTS_UNIT_EVASION_WORLD_H

#include "tests/unit/sensor.h"

#include "classify/evasion.h"

#define CLIENT  "10.0.0.1"
#define OTHER   "10.0.0.2"
#define PROXY   "10.9.9.9"
#define OUTSIDE "192.0.2.7"
#define CDN     "198.51.100.10"

static const char yaml[] = "sensor: {name: test}\n"
                           "networks: {internal: [10.0.0.0/8], proxies: [10.9.9.9]}\n"
                           "policy: {posture: insular}\n"
                           "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

/* ---- what is told: "KIND confidence possible? | evidence", and of flows their signs ----------------------
 */

static inline void on_sign(void *arg, const struct event *ev)
{
	struct world *w = arg;
	const struct facts *x = ev->facts;

	if (ev->type == EVENT_SENSOR || ev->type == EVENT_VOLUME ||
	        (x->direction == DIRECTION_INTERNAL && !x->via.n)) /* look-ups, mostly */
		return;
	if (ev->type == EVENT_ALERT) {
		note(w, "! %s %u%s%s\n", alert_kind_name((enum alert_kind)ev->kind), ev->confidence,
		        x->possible ? " possible" : "", ev->first_by_source ? " once" : "");
		return;
	}
	note(w, "%s %s %s %u%s%s", x->match.service ? x->match.service->id : "-", x->host[0] ? x->host : "-",
	        x->by ? name_source_text(x->by) : "-", facts_sure(x), x->unnamed ? " un:" : "",
	        unnamed_name(x->unnamed));
	for (unsigned i = 0; i < x->n_evasions; i++)
		note(w, " [%s %u]", alert_kind_name(x->evasion[i].kind) + strlen("evasion."),
		        x->evasion[i].confidence);
	note(w, "\n");
}

static inline struct world *world(void)
{
	struct world *w = begin();

	w->c->tell.tell = on_sign;
	return w;
}

static inline void defaults(void)
{
	settings->evasion.ech = settings->evasion.doh = SIGN_RECORD;
	settings->evasion.fronting = settings->evasion.tunnel = settings->evasion.remote_desktop = SIGN_ALERT;
	settings->evasion.tunnel_mb = 1;
	settings->evasion.alert_from = 60;
}

/* What came after the last look: "!" lines of alerts, one line for each flow's record. */
static inline void expect(struct world *w, const char *want)
{
	flow_stop_all(w->flows);
	end_flows(w);
	if (strcmp(w->log, want) != 0)
		fail_msg("told\n%swanted\n%s", w->log, want);
	w->n = 0;
	w->log[0] = '\0';
}

static inline bool contains(const struct world *w, const char *text)
{
	return strstr(w->log, text);
}

/* ---- hellos and look-ups ---------------------------------------------------------------------------------
 */

static uint16_t next_port = 20000;

/* Both hellos of a connection; it stays open. */
static inline struct conn_of tls(struct world *w, const char *client, const char *server, uint16_t port,
        const char *sni, const char *alpn, const char *more)
{
	struct conn_of k = handshake(w, client, next_port++, server, port);
	struct buf b;

	tls_hello(&b, sni, alpn, more);
	say(&k, FLOW_C2S, b.p, b.n);
	tls_answer(&b);
	say(&k, FLOW_S2C, b.p, b.n);
	return k;
}

/* A connection whose server has not answered yet, so that it is still read. */
static inline struct conn_of begin_tls(struct world *w, const char *sni)
{
	struct conn_of k = handshake(w, CLIENT, next_port++, OUTSIDE, 443);
	struct buf b;

	tls_hello(&b, sni, "h2", NULL);
	say(&k, FLOW_C2S, b.p, b.n);
	return k;
}

static inline int setup(void **state)
{
	int rc = sensor_setup(yaml);

	(void)state;
	if (!rc)
		defaults();
	return rc;
}

#endif
