/* alert_source.h - events built by hand, for the tests of the alerts side: every member of a record is set
 * once, and the texts are what hostile traffic would put there. */
#ifndef TESTS_ALERT_SOURCE_H
#define TESTS_ALERT_SOURCE_H

#include "base/clock.h"
#include "classify/found.h"
#include "config/settings.h"

#include <stdio.h>
#include <string.h>

struct alert_source {
	struct settings settings;
	struct service service;
	struct partner partner;
	struct detector detector;
	struct flow flow;
	struct facts facts;
	struct request_facts request;
	struct finding finding;
	char summary[160];
	struct event event;
};

#define SOURCE_TIME (1795380902LL * NS_PER_S + 123456000) /* 2026-11-22T20:55:02.123456Z */

/* The number n makes flow, source and value differ. */
static inline void alert_source_number(struct alert_source *s, uint64_t n, int64_t when_ns)
{
	const uint8_t client[4] = {10, 20, (uint8_t)(n >> 8), (uint8_t)n};

	s->flow.addr[0] = ip_from4(client);
	s->flow.port[0] = (uint16_t)(49152 + n % 16384);
	s->flow.start_ns = when_ns - NS_PER_S;
	s->flow.last_ns = when_ns;
	s->event.when_ns = when_ns;
	snprintf(s->summary, sizeof(s->summary),
	        "An AWS access key (AKIA************MPLE) left for OpenAI; revoke it and ask who pasted it "
	        "(%llu).",
	        (unsigned long long)n);
}

static inline void alert_source_settings(struct settings *s)
{
	static const enum severity default_severity = SEVERITY_MEDIUM;

	*s = (struct settings){.path = "", .sensor.name = "fra1", .refs = 1};
	s->limits.queue = 4096;
	s->alerts.repeat_s = 60;
	s->alerts.spool_directory = s->evidence.directory = "";
	s->alerts.spool_max_mb = 1024;
	s->alerts.redis = s->alerts.tls_ca = s->alerts.tls_cert = s->alerts.tls_key =
	        s->alerts.password_file = "";
	for (int k = 0; k < ALERT_KINDS; k++)
		s->alerts.severity[k] = default_severity;
}

static inline void alert_source_facts(struct alert_source *s)
{
	struct facts *f = &s->facts;

	f->direction = DIRECTION_OUT;
	f->group = GROUP_NONE;
	f->match.service = &s->service;
	f->by = NAME_HTTP;
	strcpy(f->host, "api.openai.com");
	f->also[0].by = NAME_SNI;
	strcpy(f->also[0].host, "front.example.net");
	f->n_also = 1;
	f->verdict = (struct verdict){.value = VERDICT_APPROVED, .kind = -1, .partner = &s->partner};
	strcpy(f->protocol, "http1");
	f->tls.seen = true;
	f->tls.version = 0x0304;
	f->tls.group = 0x001d;
	strcpy(f->tls.alpn, "http/1.1");
	strcpy(f->tls.sni, "front.example.net");
	strcpy(f->tls.ja4, "t13d1516h2_8daaf6152771_02713d6af862");
	f->visibility = VISIBLE_CLEAR;
	f->inspected = 900;
	f->of = 1000;
	f->why_not = WHY_GAP | WHY_LIMIT;
	f->requests = 1;
}

static inline void alert_source_init(struct alert_source *s)
{
	static const uint8_t server[4] = {203, 0, 113, 9}; /* RFC 5737 */
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 1};

	memset(s, 0, sizeof(*s));
	alert_source_settings(&s->settings);
	s->service = (struct service){
	        .id = "openai-api", .name = "OpenAI API", .vendor = "OpenAI", .country = "US"};
	s->partner = (struct partner){.service = &s->service,
	        .contract = "MSA-2026-014",
	        .owner = "procurement@corp.example",
	        .status = PARTNER_APPROVED,
	        .rule = "partners.yaml:12"};
	s->detector = (struct detector){.id = "aws-access-key",
	        .name = "AWS access key",
	        .class = CLASS_SECRET,
	        .severity = SEVERITY_CRITICAL};
	s->flow.addr[1] = ip_from4(server);
	s->flow.port[1] = 80;
	s->flow.proto = PROTO_TCP;
	s->flow.flags |= FLOW_F_MAC;
	memcpy(s->flow.client_mac, mac, 6);
	s->flow.ended = FLOW_FIN;
	s->flow.bytes[0] = 1500;
	s->flow.bytes[1] = 700;
	s->flow.payload[0] = 1200;
	s->flow.packets[0] = s->flow.packets[1] = 5;
	alert_source_facts(s);
	s->request = (struct request_facts){.method = "POST",
	        .path = "/v1/chat/completions",
	        .host = "api.openai.com",
	        .model = "gpt-4o",
	        .account = "org-AbC123",
	        .user_agent = "OpenAI/Python 1.99",
	        .operation = "chat.completions",
	        .read = true,
	        .messages = 3,
	        .bytes = 1000,
	        .whole = true};
	s->finding = (struct finding){.detector = &s->detector,
	        .count = 2,
	        .confidence = 95,
	        .mask = "AKIA************MPLE",
	        .token = "0123456789abcdef:00ff",
	        .field = "messages[2].content[0].text",
	        .offset = 17};
	s->event = (struct event){.type = EVENT_ALERT,
	        .kind = ALERT_PAYLOAD_SENSITIVE,
	        .severity = SEVERITY_CRITICAL,
	        .confidence = 95,
	        .summary = s->summary,
	        .flow = &s->flow,
	        .facts = &s->facts,
	        .request = &s->request,
	        .findings = &s->finding,
	        .n_findings = 1,
	        .class = CLASS_SECRET};
	alert_source_number(s, 1, SOURCE_TIME);
}

/* What most alerts look like: no more is known than the ends of the connection and the service. */
static inline void alert_source_brief(struct alert_source *s)
{
	s->flow.flags &= (typeof(s->flow.flags))~FLOW_F_MAC;
	s->facts.tls.seen = false;
	s->facts.n_also = 0;
	s->facts.verdict.partner = NULL;
	s->facts.why_not = 0;
	s->event.request = NULL;
	s->event.findings = NULL;
	s->event.n_findings = 0;
}

/* A flow record of the same flow. */
static inline struct event alert_source_flow(const struct alert_source *s)
{
	struct event ev = s->event;

	ev.type = EVENT_FLOW;
	ev.summary = NULL;
	ev.request = NULL;
	ev.findings = NULL;
	ev.n_findings = 0;
	return ev;
}

#endif
