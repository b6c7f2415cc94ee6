/* test_record.c - a record's members, their names and their order; reading one back; showing it to a person.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/log_line.h"
#include "alerts/record.h"
#include "alerts/record_read.h"
#include "alerts/show.h"
#include "base/text.h"
#include "tests/e2e/alert_source.h"

#include <stdlib.h>

static struct alert_source source;
static char line[RECORD_LINE_MAX + 1];

static size_t make(const struct event *ev, const struct record_numbers *numbers)
{
	static char tail[RECORD_TAIL_MAX];
	struct record_head h;
	size_t n = record_tail(ev, &source.settings, NULL, &h, tail, sizeof(tail));

	assert_true(n > 0);
	n = record_line(&h, tail, n, numbers, line);
	line[n] = '\0';
	return n;
}

static size_t make_first(const struct event *ev)
{
	const struct record_numbers n = {
	        .sensor = "fra1", .index = 17, .ordinal = 5, .logged_ms = 1795380902124};

	return make(ev, &n);
}

/* The names of an object's members, comma separated. */
static const char *names(struct record_value object)
{
	static char list[1024];
	struct record_value name, value;
	size_t at = 0, len = 0;

	while (record_next_member(object, &at, &name, &value))
		len += (size_t)snprintf(
		        list + len, sizeof(list) - len, "%s%.*s", len ? "," : "", (int)name.n, name.p);
	return list;
}

static struct record_value whole(void)
{
	struct record_value r = record_parse(line, strlen(line));

	assert_int_equal(r.type, RECORD_OBJECT);
	return r;
}

static const char *text(const char *path)
{
	static char out[512];

	record_string(record_get(whole(), path), out, sizeof(out));
	return out;
}

static int begin(void **state)
{
	(void)state;
	alert_source_init(&source);
	return 0;
}

static void alert_has_its_members_in_order(void **state)
{
	struct record_value r;

	(void)state;
	make_first(&source.event);
	r = whole();
	assert_string_equal(names(r),
	        "type,schema,sensor,id,time,logged,ordinal,kind,severity,confidence,summary,flow,"
	        "community_id,transport,direction,source,destination,service,partner,verdict,app,"
	        "request,findings");
	assert_string_equal(names(record_get(r, "source")), "ip,port,mac");
	assert_string_equal(names(record_get(r, "destination")), "ip,port,host,path");
	assert_string_equal(names(record_get(r, "service")), "id,name,vendor,country,by,confidence,also");
	assert_string_equal(names(record_get(r, "partner")), "contract,status,owner,rule");
	assert_string_equal(names(record_get(r, "app")), "protocol,tls,visibility");
	assert_string_equal(names(record_get(r, "app.tls")), "version,alpn,sni,ech,ja4,resumed,group");
	assert_string_equal(names(record_get(r, "request")),
	        "method,operation,model,account,user_agent,messages,files,bytes");
	assert_string_equal(text("type"), "alert");
	assert_string_equal(text("id"), "fra1/17");
	assert_string_equal(text("time"), "2026-11-22T20:55:02.123456Z");
	assert_string_equal(text("logged"), "2026-11-22T20:55:02.124000Z");
	assert_string_equal(text("kind"), "payload.sensitive");
	assert_string_equal(text("source.ip"), "10.20.0.1");
	assert_string_equal(text("source.mac"), "02:00:00:00:00:01");
	assert_string_equal(text("partner.rule"), "partners.yaml:12");
	assert_int_equal(strlen(text("flow")), 16);
	assert_int_equal(record_number(record_get(whole(), "ordinal")), 5);
}

static void flow_has_its_members_in_order(void **state)
{
	struct event ev = alert_source_flow(&source);

	(void)state;
	source.flow.vlan = 100;
	source.flow.tunnels = TUNNEL_VXLAN;
	source.flow.tunnel_id = 42;
	make_first(&ev);
	assert_string_equal(names(whole()),
	        "type,schema,sensor,id,time,logged,ordinal,flow,community_id,transport,"
	        "direction,tunnel,vlan,source,destination,service,partner,verdict,app,start,end,"
	        "ended_by,bytes,payload,packets,missed,inspected");
	assert_string_equal(names(record_get(whole(), "inspected")), "bytes,of,why_not");
	assert_string_equal(text("bytes"), "[1500,700]");
	assert_string_equal(text("inspected.why_not"), "[\"gap\",\"limit\"]");
	assert_string_equal(text("ended_by"), "fin");
	assert_string_equal(text("start"), "2026-11-22T20:55:01.123456Z");
}

static void sensor_has_counters(void **state)
{
	static const char *const counters[] = {"ring", "interface"};
	static const uint64_t values[] = {7, UINT64_MAX};
	const struct event ev = {.type = EVENT_SENSOR,
	        .kind = ALERT_SENSOR_DROPS,
	        .severity = SEVERITY_HIGH,
	        .when_ns = SOURCE_TIME,
	        .summary = "Packets were dropped.",
	        .counter_names = counters,
	        .counters = values,
	        .n_counters = 2};

	(void)state;
	make_first(&ev);
	assert_string_equal(
	        names(whole()), "type,schema,sensor,id,time,logged,ordinal,kind,severity,summary,counters");
	assert_string_equal(text("counters.interface"), "18446744073709551615");
}

static void a_heartbeat_has_more(void **state)
{
	static const char *const counters[] = {"packets"};
	static const uint64_t values[] = {7};
	static const char health[] = "{\"version\":\"1\",\"kind\":\"x\",\"service\":{\"id\":\"x\"}}";
	struct event ev = {.type = EVENT_SENSOR,
	        .kind = ALERT_SENSOR_HEALTH,
	        .severity = SEVERITY_INFO,
	        .when_ns = SOURCE_TIME,
	        .summary = "running",
	        .condition = "delivery",
	        .state = "began",
	        .about = "stdout",
	        .counter_names = counters,
	        .counters = values,
	        .n_counters = 1,
	        .health = health,
	        .n_health = sizeof(health) - 1};
	struct log_line l;
	size_t n = make_first(&ev);

	(void)state;
	assert_string_equal(names(whole()), "type,schema,sensor,id,time,logged,ordinal,kind,severity,summary,"
	                                    "condition,state,about,counters,"
	                                    "health");
	assert_string_equal(text("health.version"), "1");
	assert_true(log_line_numbers(line, n, &l)); /* what is inside does not become a stream's field */
	log_line_fields(&l);
	assert_int_equal(l.kind.n, strlen("sensor.health"));
	assert_int_equal(l.service.n, 0);
	ev.condition = ev.about = "";
	ev.n_health = ev.n_counters = 0;
	make_first(&ev);
	assert_string_equal(
	        names(whole()), "type,schema,sensor,id,time,logged,ordinal,kind,severity,summary,state");
}

static void update_names_the_first_record(void **state)
{
	const struct record_numbers n = {.sensor = "fra1",
	        .index = 18,
	        .ordinal = 6,
	        .logged_ms = 1,
	        .updates = "fra1/3",
	        .count = 4,
	        .total = 9};

	(void)state;
	make(&source.event, &n);
	assert_non_null(
	        strstr(line, "\"ordinal\":6,\"updates\":\"fra1/3\",\"count\":4,\"total\":9,\"kind\":"));
}

static void what_is_not_known_is_left_out(void **state)
{
	(void)state;
	memset(&source.facts, 0, sizeof(source.facts));
	source.facts.group = GROUP_NONE;
	source.flow.flags &= (uint8_t)~FLOW_F_MAC;
	source.request.read = false; /* the head alone was */
	make_first(&source.event);
	assert_string_equal(
	        names(record_get(whole(), "request")), "method,operation,model,account,user_agent");
	source.event.request = NULL;
	source.event.n_findings = 0;
	make_first(&source.event);
	assert_string_equal(names(whole()),
	        "type,schema,sensor,id,time,logged,ordinal,kind,severity,confidence,summary,"
	        "flow,community_id,transport,direction,source,destination,app");
	assert_string_equal(names(record_get(whole(), "source")), "ip,port");
	assert_string_equal(names(record_get(whole(), "app")), "visibility");
	assert_null(strstr(line, "null"));
}

/* As many findings as fit, the rest counted; the record stays whole. */
static void findings_are_bounded(void **state)
{
	enum { MANY = 400 };
	struct finding *list = calloc(MANY, sizeof(*list));
	struct record_value r, f;
	size_t at = 0, n = 0;

	(void)state;
	assert_non_null(list);
	for (int i = 0; i < MANY; i++) {
		list[i] = source.finding;
		memset(list[i].field, 1, sizeof(list[i].field) - 1); /* each byte takes six */
	}
	source.event.findings = list;
	source.event.n_findings = MANY;
	source.event.more_findings = 3;
	assert_true(make_first(&source.event) < RECORD_LINE_MAX);
	r = whole();
	while (record_next(record_get(r, "findings"), &at, &f))
		n++;
	assert_true(n > 30 && n < MANY);
	assert_int_equal(record_number(record_get(r, "findings_more")), MANY - n + 3);
	free(list);
}

/* Every text of the request as hostile traffic would have it: one line, valid, no control characters. */
static void hostile_text_stays_one_valid_line(void **state)
{
	static const char evil[] = "a\"\\\n\r\t\x1b[31m\x7f\xff\xc0\xaf\xed\xa0\x80{}[],:\xe2\x80\xae";

	(void)state;
	strcpy(source.request.path, evil);
	strcpy(source.request.user_agent, evil);
	strcpy(source.request.model, evil);
	strcpy(source.request.host, evil);
	source.event.summary = evil;
	make_first(&source.event);
	whole();
	for (size_t i = 0; i < strlen(line); i++) {
		size_t one = utf8_len((const uint8_t *)line + i, strlen(line) - i);

		assert_true(one > 0);
		assert_true((uint8_t)line[i] >= 0x20 && line[i] != 0x7f);
		i += one - 1;
	}
}

static void keys_group_what_belongs_together(void **state)
{
	static char tail[RECORD_TAIL_MAX];
	struct record_head a, b;

	(void)state;
	record_tail(&source.event, &source.settings, NULL, &a, tail, sizeof(tail));
	alert_source_number(
	        &source, 1, SOURCE_TIME + 5 * NS_PER_S); /* another moment and flow, the same source */
	record_tail(&source.event, &source.settings, NULL, &b, tail, sizeof(tail));
	assert_int_equal(a.group_key, b.group_key);
	alert_source_number(&source, 2, SOURCE_TIME);
	record_tail(&source.event, &source.settings, NULL, &b, tail, sizeof(tail));
	assert_int_not_equal(a.group_key, b.group_key); /* another source, in no group */
	source.facts.group = 1;
	record_tail(&source.event, &source.settings, NULL, &a, tail, sizeof(tail));
	alert_source_number(&source, 3, SOURCE_TIME);
	record_tail(&source.event, &source.settings, NULL, &b, tail, sizeof(tail));
	assert_int_equal(a.group_key, b.group_key); /* the same group */
	assert_int_equal(b.first_key, 0);
	source.event.first_use_only = true;
	record_tail(&source.event, &source.settings, NULL, &a, tail, sizeof(tail));
	alert_source_number(&source, 3, SOURCE_TIME + 3 * 3600 * NS_PER_S);
	record_tail(&source.event, &source.settings, NULL, &b, tail, sizeof(tail));
	assert_int_equal(a.first_key != 0, 1);
	assert_int_equal(a.first_key, b.first_key); /* 20:55 and 23:55 of one day */
	alert_source_number(&source, 3, SOURCE_TIME + 4 * 3600 * NS_PER_S);
	record_tail(&source.event, &source.settings, NULL, &b, tail, sizeof(tail));
	assert_int_not_equal(a.first_key, b.first_key); /* the next day in UTC */
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

static void reader_resolves_escapes(void **state)
{
	static const char json[] =
	        " {\"a\":\"x\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\ud83dz\\udc00\", \"b\" : "
	        "{\"c\":[1 , -2.5,true,null]}} ";
	struct record_value r = record_parse(json, strlen(json)), item;
	char out[64];
	size_t at = 0;

	(void)state;
	record_string(record_get(r, "a"), out, sizeof(out));
	assert_string_equal(out, "x\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdz\xef\xbf\xbd");
	assert_int_equal(record_string(record_get(r, "a"), out, 4), 3); /* cut at a character */
	assert_true(record_next(record_get(r, "b.c"), &at, &item));
	assert_int_equal(record_number(item), 1);
	assert_true(record_next(record_get(r, "b.c"), &at, &item));
	assert_int_equal(item.type, RECORD_NUMBER);
	assert_int_equal(record_number(item), 0); /* not a whole number */
	assert_true(record_next(record_get(r, "b.c"), &at, &item));
	assert_int_equal(item.type, RECORD_WORD);
	assert_true(record_next(record_get(r, "b.c"), &at, &item));
	assert_false(record_next(record_get(r, "b.c"), &at, &item));
	assert_int_equal(record_get(r, "b.x").type, RECORD_NONE);
	assert_int_equal(record_get(r, "a.x").type, RECORD_NONE);
}

static void reader_refuses_what_is_broken(void **state)
{
	static const char *const bad[] = {
	        "", "x", "1", "[]", "{", "{\"a\"", "{]", "{\"a\":1}}", "{\"a\":1} x", "}", "{\"a\":\"\\\"}"};
	char deep[2 * (RECORD_DEPTH_MAX + 1) + 1] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (record_parse(bad[i], strlen(bad[i])).type != RECORD_NONE)
			fail_msg("`%s' was taken", bad[i]);
	memset(deep, '{', RECORD_DEPTH_MAX + 1);
	memset(deep + RECORD_DEPTH_MAX + 1, '}', RECORD_DEPTH_MAX + 1);
	assert_int_equal(record_parse(deep, 2 * RECORD_DEPTH_MAX + 2).type, RECORD_NONE);
	assert_int_equal(record_parse(deep + 1, 2 * RECORD_DEPTH_MAX).type, RECORD_OBJECT);
}

/* Shows a text and checks that nothing but printable characters came out. */
static bool shows(const char *json, size_t n, bool utf8, char **out)
{
	size_t len;
	FILE *f = open_memstream(out, &len);
	struct show s = {.out = f, .utf8 = utf8, .width = 80};
	bool shown;

	assert_non_null(f);
	shown = show_record(&s, json, n);
	fclose(f);
	for (size_t i = 0; i < len; i++)
		if (((uint8_t)(*out)[i] < 0x20 && (*out)[i] != '\n') || (*out)[i] == 0x7f ||
		        (!utf8 && (uint8_t)(*out)[i] >= 0x80))
			fail_msg("byte %02x reached the terminal", (uint8_t)(*out)[i]);
	return shown;
}

/* Prefixes and bit flips of a good record in copies of exactly their size. */
static void damaged_records_do_no_harm(void **state)
{
	size_t n;

	(void)state;
	n = make_first(&source.event);
	for (size_t cut = 0; cut <= n; cut++) {
		char *copy = malloc(cut ? cut : 1), *out;

		assert_non_null(copy);
		memcpy(copy, line, cut);
		assert_int_equal(shows(copy, cut, true, &out), cut == n);
		free(out);
		free(copy);
	}
	for (size_t bit = 0; bit < n * 8; bit++) {
		char *copy = malloc(n), *out;

		assert_non_null(copy);
		memcpy(copy, line, n);
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		shows(copy, n, bit & 1, &out);
		free(out);
		free(copy);
	}
}

static void block_tells_who_what_and_whether(void **state)
{
	char *out;
	size_t n;

	(void)state;
	n = make_first(&source.event);
	assert_true(shows(line, n, false, &out));
	assert_non_null(strstr(out, "CRITICAL"));
	assert_non_null(strstr(out, "20:55:02Z"));
	assert_non_null(strstr(out, "payload.sensitive"));
	assert_non_null(strstr(out, "fra1/17"));
	assert_non_null(strstr(out, "10.20.0.1:49153 -> OpenAI API, api.openai.com/v1/chat/completions"));
	assert_non_null(strstr(out, "aws-access-key  AKIA************MPLE  x2  95 %"));
	assert_non_null(strstr(out, "contract MSA-2026-014, ask procurement@corp.example"));
	assert_non_null(strstr(out, "revoke it"));
	for (char *l = strtok(out, "\n"); l; l = strtok(NULL, "\n"))
		assert_true(strlen(l) <= 80);
	free(out);
}

/* Escape sequences, C1 controls and marks that turn the reading direction. */
static void block_never_passes_control_characters_on(void **state)
{
	static const char json[] =
	        "{\"type\":\"alert\",\"time\":\"2026-11-22T20:55:02.1Z\",\"severity\":\"high\\u001b[2J\","
	        "\"id\":\"\\u009b31m\\u202e\\u2066x\",\"summary\":\"\\u001b]0;t\\u0007 \xc2\x9b "
	        "\xe2\x80\xae\","
	        "\"kind\":\"\\u0000\\u007f\\r\\n\"}";
	char *out;

	(void)state;
	assert_true(shows(json, sizeof(json) - 1, true, &out));
	assert_null(strstr(out, "\xc2\x9b"));
	assert_null(strstr(out, "\xe2\x80\xae"));
	assert_null(strstr(out, "\xe2\x81\xa6"));
	free(out);
	assert_true(shows(json, sizeof(json) - 1, false, &out));
	free(out);
}

/* A string ends at the first quote that no backslash stands before: every text of these bytes, held against a
 * look at one byte after the other. */
static void strings_end_where_they_end(void **state)
{
	static const char bytes[] = "a\\\"";
	char text[6 + 8 + 1];

	(void)state;
	for (unsigned n = 0; n <= 8; n++) {
		unsigned all = 1;

		for (unsigned i = 0; i < n; i++)
			all *= 3;
		for (unsigned k = 0; k < all; k++) {
			size_t len = 6 + n, end = 6;
			struct record_value v;
			char *copy = malloc(len); /* exactly that size */

			memcpy(text, "{\"b\":\"", 6);
			for (unsigned i = 0, m = k; i < n; i++, m /= 3)
				text[6 + i] = bytes[m % 3];
			memcpy(copy, text, len);
			while (end < len && copy[end] != '"')
				end += copy[end] == '\\' ? 2 : 1;
			v = record_get((struct record_value){RECORD_OBJECT, copy, len}, "b");
			assert_int_equal(v.type, end < len ? RECORD_STRING : RECORD_NONE);
			if (end < len)
				assert_true(v.p == copy + 6 && v.n == end - 6);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(alert_has_its_members_in_order, begin),
	        cmocka_unit_test_setup(flow_has_its_members_in_order, begin),
	        cmocka_unit_test_setup(a_heartbeat_has_more, begin),
	        cmocka_unit_test_setup(sensor_has_counters, begin),
	        cmocka_unit_test_setup(update_names_the_first_record, begin),
	        cmocka_unit_test_setup(what_is_not_known_is_left_out, begin),
	        cmocka_unit_test_setup(findings_are_bounded, begin),
	        cmocka_unit_test_setup(hostile_text_stays_one_valid_line, begin),
	        cmocka_unit_test_setup(keys_group_what_belongs_together, begin),
	        cmocka_unit_test(reader_resolves_escapes),
	        cmocka_unit_test(strings_end_where_they_end),
	        cmocka_unit_test(reader_refuses_what_is_broken),
	        cmocka_unit_test_setup(damaged_records_do_no_harm, begin),
	        cmocka_unit_test_setup(block_tells_who_what_and_whether, begin),
	        cmocka_unit_test(block_never_passes_control_characters_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
