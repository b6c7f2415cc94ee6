/* record.c - see record.h.  Names and order of the members are those of docs/records.md; a member without a
 * value is left out. */
#include "alerts/record.h"

#include "alerts/volume.h"
#include "base/hash.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What must stay free behind the findings: flow counters and `inspected` of a flow record. */
#define ROOM_AFTER_FINDINGS 1024
#define SUPPRESS_VALUES_MAX 256 /* limits.findings allows no more */
/* The longest finding: every byte of mask, field and token written as \u00XX. */
#define ROOM_FOR_FINDING (6 * (FINDING_MASK_MAX + FINDING_FIELD_MAX + FINDING_TOKEN_MAX) + 512)

static const char *const type_names[RECORD_TYPES] = {[EVENT_ALERT] = "alert",
        [EVENT_FLOW] = "flow",
        [EVENT_SENSOR] = "sensor",
        [EVENT_VOLUME] = "",
        [RECORD_GAP] = "gap"};

const char *record_type_name(unsigned type)
{
	return type < RECORD_TYPES ? type_names[type] : "";
}

unsigned record_type_by_name(const char *name, size_t n)
{
	unsigned t = 0;

	while (t < RECORD_TYPES && (!n || strlen(type_names[t]) != n || memcmp(type_names[t], name, n)))
		t++;
	return t;
}

/* Writes a string member unless it is empty. */
static void some(struct json *j, const char *key, const char *s)
{
	if (s && *s)
		json_string(j, key, s);
}

static void write_end(struct json *j, const char *key, const struct ip_addr *a, uint16_t port)
{
	char text[IP_TEXT_MAX];

	json_object(j, key);
	json_string(j, "ip", ip_format(a, text));
	json_u64(j, "port", port);
}

static void write_tunnel(struct json *j, const struct flow *f)
{
	enum tunnel_kind kind[PACKET_TUNNELS_MAX];
	unsigned n = 0;

	for (unsigned rest = f->tunnels; rest; rest >>= 4)
		kind[n++] = (enum tunnel_kind)(rest & 15);
	json_object(j, "tunnel");
	json_string(j, "kind", tunnel_kind_name(kind[n - 1]));
	json_u64(j, "id", f->tunnel_id);
	if (n > 1) {
		json_array(j, "path");
		for (unsigned i = 0; i < n; i++)
			json_string(j, NULL, tunnel_kind_name(kind[i]));
		json_end_array(j);
	}
	json_end_object(j);
}

static void write_flow_key(struct json *j, const struct flow *f, const struct facts *fa)
{
	char text[COMMUNITY_ID_MAX];

	snprintf(text, sizeof(text), "%016" PRIx64, flow_id(f));
	json_string(j, "flow", text);
	json_string(j, "community_id",
	        community_id(&f->addr[0], &f->addr[1], f->port[0], f->port[1], f->proto, 0, text));
	if (f->proto == PROTO_TCP || f->proto == PROTO_UDP)
		json_string(j, "transport", f->proto == PROTO_TCP ? "tcp" : "udp");
	if (fa)
		json_string(j, "direction", flow_direction_name(fa->direction));
	if (f->tunnels)
		write_tunnel(j, f);
	if (f->vlan)
		json_u64(j, "vlan", f->vlan);
}

static void write_ends(struct json *j, const struct event *ev, const struct settings *s)
{
	const struct flow *f = ev->flow;
	const struct facts *fa = ev->facts;
	const struct request_facts *r = ev->request;

	write_end(j, "source", &f->addr[0], f->port[0]);
	if (f->flags & FLOW_F_MAC) {
		const uint8_t *m = f->client_mac;
		char mac[18];

		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4],
		        m[5]);
		json_string(j, "mac", mac);
	}
	if (fa && s && s->networks && fa->group != GROUP_NONE)
		some(j, "group", networks_group_name(s->networks, fa->group));
	json_end_object(j);

	write_end(j, "destination", &f->addr[1], f->port[1]);
	some(j, "host", r && *r->host ? r->host : fa ? fa->host : "");
	some(j, "path", r ? r->path : "");
	json_end_object(j);
}

/* The proxies on the way; the first is the flow's own server. */
static void write_via(struct json *j, const struct event *ev)
{
	const struct facts *fa = ev->facts;
	char text[IP_TEXT_MAX];

	if (fa->client.known) {
		write_end(j, "client", &fa->client.addr, fa->client.port);
		json_string(j, "by", via_kind_name((enum via_kind)fa->client.by));
		json_end_object(j);
	}
	if (fa->via.n) {
		json_array(j, "via");
		for (unsigned i = 0; i < fa->via.n; i++) {
			const struct hop *h = &fa->via.hop[i];

			json_object(j, NULL);
			json_string(j, "kind", via_kind_name((enum via_kind)h->kind));
			some(j, "host", h->host);
			if (!i)
				json_string(j, "ip", ip_format(&ev->flow->addr[FLOW_S2C], text));
			json_u64(j, "port", i ? h->port : ev->flow->port[FLOW_S2C]);
			json_end_object(j);
		}
		json_end_array(j);
	}
	if (fa->linked) {
		snprintf(text, sizeof(text), "%016" PRIx64, fa->linked);
		json_string(j, "linked", text);
	}
	if (fa->onward)
		json_bool(j, "onward", true);
}

static void write_service(struct json *j, const struct facts *fa)
{
	const struct service *svc = fa->match.service;

	if (fa->unnamed != UNNAMED_NOT)
		json_string(j, "unnamed", unnamed_name(fa->unnamed));
	some(j, "shape", fa->shape);
	if (!svc && fa->by == NAME_NONE)
		return;
	/* a name without a service says where it came from all the same */
	json_object(j, svc ? "service" : "named");
	if (svc) {
		json_string(j, "id", svc->id);
		some(j, "name", svc->name);
		some(j, "vendor", svc->vendor);
		some(j, "country", svc->country);
	}
	some(j, "by", name_source_text(fa->by));
	json_u64(j, "confidence", facts_sure(fa));
	some(j, "evidence", fa->evidence);
	if (fa->n_also) {
		json_array(j, "also");
		for (unsigned i = 0; i < fa->n_also && i < FACT_ALSO_MAX; i++) {
			json_object(j, NULL);
			json_string(j, "by", name_source_text(fa->also[i].by));
			json_string(j, "host", fa->also[i].host);
			json_end_object(j);
		}
		json_end_array(j);
	}
	json_end_object(j);
}

static void write_account(struct json *j, const struct facts *fa)
{
	if (!fa->account.id[0] && !fa->account.plan[0])
		return;
	json_object(j, "account");
	some(j, "id", fa->account.id);
	some(j, "plan", fa->account.plan);
	some(j, "by", fa->account.by);
	json_end_object(j);
}

/* What speaks for an attempt to hide. */
static void write_evasion(struct json *j, const struct facts *fa)
{
	if (!fa->n_evasions)
		return;
	json_array(j, "evasion");
	for (unsigned i = 0; i < fa->n_evasions; i++) {
		json_object(j, NULL);
		json_string(j, "kind", alert_kind_name((enum alert_kind)fa->evasion[i].kind));
		json_u64(j, "confidence", fa->evasion[i].confidence);
		json_string(j, "evidence", fa->evasion[i].evidence);
		json_end_object(j);
	}
	json_end_array(j);
}

static void write_cert(struct json *j, const struct facts *fa)
{
	static const char *const flags[] = {
	        "expired", "not-yet-valid", "self-signed", "other-name", "changed"};
	char hex[65], day[TIME_TEXT_MAX];

	json_string(j, "cert_sha256", hex_encode(fa->cert.sha256, sizeof(fa->cert.sha256), hex));
	json_object(j, "cert");
	some(j, "issuer", fa->cert.issuer);
	json_string(j, "not_before", time_format_day(fa->cert.not_before, day));
	json_string(j, "not_after", time_format_day(fa->cert.not_after, day));
	if (fa->cert.flags) {
		json_array(j, "flags");
		for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++)
			if (fa->cert.flags >> i & 1)
				json_string(j, NULL, flags[i]);
		json_end_array(j);
	}
	json_end_object(j);
}

static void write_partner(struct json *j, const struct verdict *v)
{
	const struct partner *p = v->partner;

	if (p) {
		json_object(j, "partner");
		some(j, "contract", p->contract);
		json_string(j, "status", p->status == PARTNER_TOLERATED ? "tolerated" : "approved");
		some(j, "owner", p->owner);
		some(j, "rule", p->rule);
		if (v->review_due)
			json_bool(j, "review_due", true);
		json_end_object(j);
	}
	if (v->value != VERDICT_NONE)
		json_string(j, "verdict", verdict_name(v->value));
}

static void write_app(struct json *j, const struct facts *fa)
{
	json_object(j, "app");
	some(j, "protocol", fa->protocol);
	if (fa->tls.seen) {
		json_object(j, "tls");
		some(j, "version", tls_version_name(fa->tls.version));
		some(j, "alpn", fa->tls.alpn);
		some(j, "sni", fa->tls.sni);
		json_bool(j, "ech", fa->tls.ech);
		some(j, "ja4", fa->tls.ja4);
		json_bool(j, "resumed", fa->tls.resumed);
		some(j, "group", tls_group_name(fa->tls.group));
		if (fa->below_floor)
			json_bool(j, "below_floor", true);
		if (fa->cert.seen)
			write_cert(j, fa);
		json_end_object(j);
	}
	json_string(j, "visibility", visibility_name(fa->visibility));
	json_end_object(j);
}

static void write_request(struct json *j, const struct request_facts *r)
{
	json_object(j, "request");
	some(j, "method", r->method);
	some(j, "operation", r->operation);
	some(j, "tool", r->tool);
	some(j, "shape", r->shape);
	some(j, "model", r->model);
	some(j, "conversation", r->conversation);
	some(j, "words", r->words);
	some(j, "account", r->account);
	some(j, "user_agent", r->user_agent);
	if (r->read) {
		json_u64(j, "messages", r->messages);
		json_u64(j, "files", r->files);
		json_u64(j, "bytes", r->bytes);
	}
	json_end_object(j);
}

static void write_finding(struct json *j, const struct finding *f)
{
	json_object(j, NULL);
	json_string(j, "detector", f->detector->id);
	json_string(j, "class", data_class_name(f->detector->class));
	json_u64(j, "count", f->count);
	json_u64(j, "confidence", f->confidence);
	some(j, "mask", f->mask);
	some(j, "token", f->token);
	some(j, "place", f->received ? "answer" : "");
	some(j, "role", speaker_name((enum speaker)f->speaker));
	some(j, "field", f->field);
	json_u64(j, "offset", f->offset);
	if (f->again)
		json_bool(j, "again", true);
	json_end_object(j);
}

/* As many as fit; what does not is counted with those the detectors already left out. */
static void write_findings(struct json *j, const struct event *ev)
{
	uint64_t more = ev->more_findings;

	if (ev->n_findings) {
		json_array(j, "findings");
		for (size_t i = 0; i < ev->n_findings; i++) {
			if (j->cap - j->len < ROOM_FOR_FINDING + ROOM_AFTER_FINDINGS) {
				more += ev->n_findings - i;
				break;
			}
			write_finding(j, &ev->findings[i]);
		}
		json_end_array(j);
	}
	if (more)
		json_u64(j, "findings_more", more);
}

static void write_flow_counters(struct json *j, const struct flow *f)
{
	char t[TIME_TEXT_MAX];

	json_string(j, "start", time_format(f->start_ns, t));
	json_string(j, "end", time_format(f->last_ns, t));
	if (f->ended != FLOW_LIVE)
		json_string(j, "ended_by", flow_end_name((enum flow_end)f->ended));
	json_pair(j, "bytes", f->bytes[0], f->bytes[1]);
	json_pair(j, "payload", f->payload[0], f->payload[1]);
	json_pair(j, "packets", f->packets[0], f->packets[1]);
	json_pair(j, "missed", f->missed[0], f->missed[1]);
}

static void write_inspected(struct json *j, const struct facts *fa)
{
	json_object(j, "inspected");
	json_u64(j, "bytes", fa->inspected);
	json_u64(j, "of", fa->of);
	if (fa->why_not) {
		json_array(j, "why_not");
		for (unsigned bit = 0; bit < WHY_NOTS; bit++)
			if (fa->why_not & 1u << bit)
				json_string(j, NULL, why_not_name(bit));
		json_end_array(j);
	}
	json_end_object(j);
}

static void write_counters(struct json *j, const struct event *ev)
{
	if (ev->n_counters) {
		json_object(j, "counters");
		for (size_t i = 0; i < ev->n_counters; i++)
			json_u64(j, ev->counter_names[i], ev->counters[i]);
		json_end_object(j);
	}
	if (ev->n_health)
		json_raw(j, "health", ev->health, ev->n_health);
}

/* The source as people count sources: its group, else its address. */
static uint64_t source_hash(const struct event *ev, uint64_t seed)
{
	if (ev->facts->group != GROUP_NONE)
		return hash64(&ev->facts->group, sizeof(ev->facts->group), seed);
	return hash64(ev->flow->addr[0].b, sizeof(ev->flow->addr[0].b), seed + 1);
}

static uint64_t not_zero(uint64_t v)
{
	return v ? v : 1;
}

static void head_keys(const struct event *ev, struct record_head *h)
{
	const struct facts *fa = ev->facts;
	const struct partner *p = fa->verdict.partner;
	struct {
		int32_t kind, class, day;
		uint16_t group, pad;
	} k = {.kind = ev->kind, .class = (int32_t)ev->class};
	uint64_t service = hash64(h->service, strlen(h->service), 0);
	uint64_t rule = p && p->rule ? hash64(p->rule, strlen(p->rule), service) : service;

	/* other values are never the same thing, however alike the alerts are */
	for (size_t i = 0; ev->kind == ALERT_PAYLOAD_SENSITIVE && i < ev->n_findings; i++)
		rule = hash64(&ev->findings[i].value_hash, sizeof(ev->findings[i].value_hash), rule);
	h->repeat_key = ev->repeat_key;
	h->group_key = not_zero(source_hash(ev, hash64(&k, sizeof(k), rule)));
	if (ev->first_use_only) {
		k = (typeof(k)){.kind = ev->kind, .day = time_day(ev->when_ns), .group = fa->group};
		/* without a service: once for each source and host */
		if (!h->service[0])
			service = source_hash(ev, hash64(fa->host, strlen(fa->host), 5));
		else if (ev->first_by_source)
			service = source_hash(ev, service);
		h->first_key = not_zero(hash64(&k, sizeof(k), service));
	}
}

/* Who sent how much under which contract. */
static void volume_keys(const struct event *ev, struct record_head *h)
{
	const struct partner *p = ev->facts->verdict.partner;

	h->bytes_out = ev->bytes_out;
	h->flow_key = flow_id(ev->flow);
	if (p && p->upload_daily) {
		h->entry_key = hash64(p->rule, strlen(p->rule), 9);
		h->budget = p->upload_daily;
	}
}

static void fill_head(const struct event *ev, struct record_head *h)
{
	const struct service *svc = ev->facts ? ev->facts->match.service : NULL;

	*h = (struct record_head){.type = (uint8_t)ev->type, .when_ns = ev->when_ns, .group = GROUP_NONE};
	if (ev->facts && ev->flow) {
		const struct ip_addr *a =
		        ev->facts->client.known ? &ev->facts->client.addr : &ev->flow->addr[0];

		h->group = ev->facts->group;
		h->source_key = not_zero(hash64(a->b, sizeof(a->b), 10));
	}
	if (ev->type == EVENT_VOLUME && ev->facts && ev->flow)
		volume_keys(ev, h);
	if (svc && svc->id)
		snprintf(h->service, sizeof(h->service), "%s", svc->id);
	if (ev->facts)
		h->verdict = (uint8_t)ev->facts->verdict.value;
	if (ev->type == EVENT_FLOW || ev->type == EVENT_VOLUME)
		return;
	h->kind = (uint8_t)ev->kind;
	h->severity = (uint8_t)ev->severity;
	if (ev->type == EVENT_ALERT && ev->facts && ev->flow)
		head_keys(ev, h);
}

const struct suppress_rule *record_suppressed(
        const struct event *ev, uint16_t group, const struct suppress_rules *rules)
{
	struct suppress_value values[SUPPRESS_VALUES_MAX];
	struct suppress_subject subject = {.kind = ev->kind,
	        .day = time_day(ev->when_ns),
	        .service = "",
	        .host = "",
	        .group = group,
	        .value = values};
	const struct facts *fa = ev->facts;

	if (!rules->n || ev->test || (ev->type != EVENT_ALERT && ev->type != EVENT_VOLUME) ||
	        ev->n_findings > SUPPRESS_VALUES_MAX)
		return NULL;
	if (ev->type == EVENT_VOLUME)
		subject.kind = ALERT_VOLUME_EXCEEDED;
	if (fa) {
		subject.service = fa->match.service ? fa->match.service->id : "";
		subject.host = fa->host;
		subject.source = fa->client.known ? &fa->client.addr : ev->flow ? &ev->flow->addr[0] : NULL;
	}
	for (size_t i = 0; i < ev->n_findings; i++)
		values[i] = (struct suppress_value){ev->findings[i].detector->id, ev->findings[i].field,
		        ev->findings[i].token, ev->findings[i].detector->class};
	subject.n_values = ev->more_findings ? 0 : ev->n_findings;
	return suppress_find(rules, &subject);
}

static void write_suppressed(struct json *j, const struct suppress_rule *quiet)
{
	char day[TIME_TEXT_MAX];

	if (!quiet)
		return;
	time_format_day(quiet->until, day);
	json_object(j, "suppressed");
	json_string(j, "id", quiet->id);
	json_string(j, "owner", quiet->owner);
	json_string(j, "reason", quiet->reason);
	json_string(j, "until", day);
	json_string(j, "rule", quiet->rule);
	json_end_object(j);
}

size_t record_tail(const struct event *ev, const struct settings *s, const struct suppress_rule *quiet,
        struct record_head *head, char *buf, size_t cap)
{
	size_t sentence = ev->type == EVENT_VOLUME ? strlen(ev->summary) + 1 : 0;
	struct json j;

	fill_head(ev, head);
	head->suppressed = quiet != NULL;
	if (sentence >= cap)
		return 0;
	memcpy(buf, sentence ? ev->summary : "", sentence);
	json_init(&j, buf + sentence, cap - sentence);
	j.comma = true; /* the header stands before */
	if (ev->type == EVENT_ALERT || ev->type == EVENT_SENSOR) {
		json_string(&j, "kind", alert_kind_name((enum alert_kind)ev->kind));
		json_string(&j, "severity", severity_name(ev->severity));
		if (ev->type == EVENT_ALERT)
			json_u64(&j, "confidence", ev->confidence);
		json_string(&j, "summary", ev->summary ? ev->summary : "");
		some(&j, "condition", ev->condition);
		some(&j, "state", ev->state);
		some(&j, "about", ev->about);
	}
	if (ev->test)
		json_u64(&j, "test", ev->test);
	write_suppressed(&j, quiet);
	if (ev->flow) {
		write_flow_key(&j, ev->flow, ev->facts);
		write_ends(&j, ev, s);
	}
	if (ev->facts) {
		write_via(&j, ev);
		write_service(&j, ev->facts);
		write_account(&j, ev->facts);
		write_partner(&j, &ev->facts->verdict);
		write_app(&j, ev->facts);
		write_evasion(&j, ev->facts);
	}
	if (ev->request)
		write_request(&j, ev->request);
	write_findings(&j, ev);
	if (ev->type == EVENT_FLOW && ev->flow)
		write_flow_counters(&j, ev->flow);
	if (ev->type == EVENT_FLOW && ev->facts)
		write_inspected(&j, ev->facts);
	write_counters(&j, ev);
	json_end_object(&j);
	head->replaced = j.replaced;
	return j.full ? 0 : sentence + j.len;
}

size_t volume_tail(const struct record_head *head, const struct volume_crossed *c, const struct settings *s,
        const char *entry, size_t n, char *buf, size_t cap)
{
	size_t sentence = strlen(entry) + 1;
	char summary[1024], sum[24], bound[24], day[TIME_TEXT_MAX] = "";
	struct json j;

	(void)head;
	if (c->day != DAY_NONE)
		time_format_day(c->day, day);
	snprintf(summary, sizeof(summary),
	        "%s: with that, %s went out %s%s%s, more than the %s set for it; ask what is uploaded, or "
	        "raise "
	        "the bound",
	        entry, volume_text(c->sum, sum), c->what, *day ? " on " : "", day,
	        volume_text(c->bound, bound));
	json_init(&j, buf, cap);
	j.comma = true;
	json_string(&j, "kind", alert_kind_name(ALERT_VOLUME_EXCEEDED));
	json_string(&j, "severity", severity_name(s->alerts.severity[ALERT_VOLUME_EXCEEDED]));
	json_u64(&j, "confidence", 99);
	json_string(&j, "summary", summary);
	if (j.full || cap - j.len < n - sentence)
		return 0;
	memcpy(buf + j.len, entry + sentence, n - sentence);
	return j.len + n - sentence;
}

const char *record_loss_name(unsigned type, unsigned which)
{
	static const char *const names[RECORD_TYPES][3] = {
	        [EVENT_ALERT] = {"lost_alerts", "first_alert", "last_alert"},
	        [EVENT_FLOW] = {"lost_flows", "first_flow", "last_flow"},
	        [EVENT_SENSOR] = {"lost_sensor", "first_sensor", "last_sensor"},
	        [RECORD_GAP] = {"lost_gaps", "first_gap", "last_gap"},
	};

	return names[type][which];
}

void record_note_count(struct record_note *note, const char *name, uint64_t value)
{
	if (note->n == RECORD_NOTE_COUNTERS)
		return;
	note->names[note->n] = name;
	note->values[note->n++] = value;
}

size_t record_note_tail(const struct record_note *note, struct record_head *head, char *buf, size_t cap)
{
	struct json j;

	*head = (struct record_head){.type = (uint8_t)note->type,
	        .kind = ALERT_SENSOR_DELIVERY,
	        .severity = (uint8_t)note->severity,
	        .when_ns = note->when_ns,
	        .group = GROUP_NONE};
	json_init(&j, buf, cap);
	j.comma = true; /* the header stands before */
	if (note->type == RECORD_GAP)
		json_string(&j, "reason", note->reason);
	else
		json_string(&j, "kind", alert_kind_name(ALERT_SENSOR_DELIVERY));
	json_string(&j, "severity", severity_name(note->severity));
	json_string(&j, "summary", note->summary);
	if (note->stream) {
		json_string(&j, "stream", note->stream);
		json_string(&j, "group", note->group);
	}
	if (note->n) {
		json_object(&j, "counters");
		for (size_t i = 0; i < note->n; i++)
			json_u64(&j, note->names[i], note->values[i]);
		json_end_object(&j);
	}
	json_end_object(&j);
	head->replaced = j.replaced;
	return j.full ? 0 : j.len;
}

const char *record_id(const char *sensor, uint64_t index, char buf[RECORD_ID_MAX])
{
	snprintf(buf, RECORD_ID_MAX, "%.80s/%" PRIu64, sensor, index);
	return buf;
}

size_t record_line(const struct record_head *head, const char *tail, size_t tail_len,
        const struct record_numbers *n, char *buf)
{
	char id[RECORD_ID_MAX], t[TIME_TEXT_MAX];
	struct json j;

	json_init(&j, buf, RECORD_HEADER_MAX);
	json_object(&j, NULL);
	json_string(&j, "type", record_type_name(head->type));
	json_u64(&j, "schema", RECORD_SCHEMA);
	json_bytes(&j, "sensor", n->sensor, strnlen(n->sensor, 80));
	json_string(&j, "id", record_id(n->sensor, n->index, id));
	json_string(&j, "time", time_format(head->when_ns, t));
	json_string(&j, "logged", time_format(n->logged_ms * NS_PER_MS, t));
	json_u64(&j, "ordinal", n->ordinal);
	if (n->first_use)
		some(&j, "first_use", n->first_use);
	if (n->updates) {
		json_string(&j, "updates", n->updates);
		json_u64(&j, "count", n->count);
		json_u64(&j, "total", n->total);
	}
	memcpy(buf + j.len, tail, tail_len);
	return j.len + tail_len;
}
