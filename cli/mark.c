/* mark.c - see mark.h. */
#include "cli/mark.h"

#include "alerts/record.h"
#include "alerts/record_read.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "config/settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_NS   (5 * NS_PER_S)
#define SENSOR_MAX 80
#define KEY_MAX    (SENSOR_MAX + 64)
#define PROBES_MAX 64 /* halvings of a range of 64-bit milliseconds */
#define RULE_DAYS  30 /* how long the rule that is offered would hold */

static const char *const states[] = {[MARK_TAKEN] = "taken", [MARK_FALSE_POSITIVE] = "false-positive"};

struct alert_place {
	char sensor[SENSOR_MAX + 1];
	uint64_t index;
};

/* "SENSOR/INDEX" as records show it. */
static bool place_parse(const char *id, struct alert_place *p)
{
	const char *slash = strrchr(id, '/');
	size_t n = slash ? (size_t)(slash - id) : 0;
	char *end;

	if (!n || n > SENSOR_MAX || !slash[1] || strspn(slash + 1, "0123456789") != strlen(slash + 1) ||
	        strlen(slash + 1) > 19)
		return false;
	memcpy(p->sensor, id, n);
	p->sensor[n] = '\0';
	p->index = strtoull(slash + 1, &end, 10);
	return true;
}

/* The reply, or NULL and e; an error reply is an error. */
static redisReply *ask(struct resp *conn, const char *const *words, struct err *e)
{
	redisReply *r = resp_ask(conn, words, clock_mono_ns() + REPLY_NS, e);

	if (r && r->type == REDIS_REPLY_ERROR) {
		err_set(e, "%.200s", r->str);
		freeReplyObject(r);
		return NULL;
	}
	return r;
}

/* ---- finding the alert's record --------------------------------------------------------------------------
 */

/* The first entry from `from` on in the stream: its ID's halves, and its text when `json` is wanted.  1, 0:
 * there is none, -1: e. */
static int first_from(struct resp *conn, const char *key, const char *from, bool backwards, uint64_t id[2],
        char **json, struct err *e)
{
	redisReply *r = ask(conn,
	        backwards ? (const char *[]){"XREVRANGE", key, from, "-", "COUNT", "1", NULL}
	                  : (const char *[]){"XRANGE", key, from, "+", "COUNT", "1", NULL},
	        e);
	const redisReply *entry, *words;
	int ret = 0;

	if (!r)
		return -1;
	entry = r->type == REDIS_REPLY_ARRAY && r->elements == 1 ? r->element[0] : NULL;
	if (entry && entry->type == REDIS_REPLY_ARRAY && entry->elements == 2 &&
	        entry->element[0]->type == REDIS_REPLY_STRING &&
	        /* what is too large is no id of ours: NOLINTNEXTLINE(cert-err34-c) */
	        sscanf(entry->element[0]->str, "%" SCNu64 "-%" SCNu64, &id[0], &id[1]) == 2)
		ret = 1;
	words = ret && json ? entry->element[1] : NULL;
	for (size_t i = 0; words && words->type == REDIS_REPLY_ARRAY && i + 1 < (size_t)words->elements;
	        i += 2)
		if (words->element[i]->type == REDIS_REPLY_STRING &&
		        !strcmp(words->element[i]->str, "json") &&
		        words->element[i + 1]->type == REDIS_REPLY_STRING && !*json)
			*json = strndup(words->element[i + 1]->str, (size_t)words->element[i + 1]->len);
	freeReplyObject(r);
	return ret;
}

/* IDs are <ms>-<index> and both halves only grow, so the moment of an index is found by halving.  *json: the
 * text of the record, to be freed, or NULL: it is not in this stream.  Returns 0, or -1: e. */
static int find_in(
        struct resp *conn, const struct alert_place *p, const char *what, char **found, struct err *e)
{
	char key[KEY_MAX], at[64], *json = NULL;
	uint64_t low[2] = {0}, high[2] = {0}, id[2] = {0};
	int got;

	*found = NULL;
	snprintf(key, sizeof(key), "leaktap:{%s}:%s", p->sensor, what);
	if ((got = first_from(conn, key, "-", false, low, NULL, e)) < 0 ||
	        (got && (got = first_from(conn, key, "+", true, high, NULL, e)) < 0))
		return -1;
	for (unsigned i = 0; got && low[0] < high[0] && i < PROBES_MAX; i++) {
		uint64_t middle = low[0] + (high[0] - low[0]) / 2;

		snprintf(at, sizeof(at), "%" PRIu64, middle + 1);
		got = first_from(conn, key, at, false, id, NULL, e);
		if (got < 0)
			return -1;
		if (got && id[1] <= p->index)
			low[0] = id[0];
		else
			high[0] = middle;
	}
	snprintf(at, sizeof(at), "%" PRIu64 "-%" PRIu64, low[0], p->index);
	if (got && first_from(conn, key, at, false, id, &json, e) < 0)
		return -1;
	if (json && id[1] == p->index)
		*found = json;
	else
		free(json);
	return 0;
}

/* What a sensor says of itself stands in :health.  The text of the record, to be freed; NULL: e. */
static char *find_record(struct resp *conn, const struct alert_place *p, const char *alert, struct err *e)
{
	char *json = NULL;

	if (find_in(conn, p, "alerts", &json, e) < 0 || (!json && find_in(conn, p, "health", &json, e) < 0))
		return NULL;
	if (!json)
		err_set(e, "there is no alert %.120s", alert);
	return json;
}

/* ---- the mark --------------------------------------------------------------------------------------------
 */

static size_t mark_json(const struct mark *m, char *buf, size_t cap)
{
	char t[TIME_TEXT_MAX];
	struct json j;

	json_init(&j, buf, cap - 1);
	json_object(&j, NULL);
	json_string(&j, "type", "mark");
	json_string(&j, "time", time_format(clock_wall_ns(), t));
	json_string(&j, "alert", m->alert);
	json_string(&j, "state", states[m->state]);
	json_string(&j, "by", m->by);
	if (*m->note)
		json_string(&j, "note", m->note);
	json_end_object(&j);
	buf[j.len] = '\0';
	return j.full ? 0 : j.len;
}

/* Whose the alert is and what he said, when it is somebody's: 1, 0: nobody's any more, -1: e. */
static int whose(
        struct resp *conn, const char *key, char *by, size_t by_cap, char *text, size_t cap, struct err *e)
{
	redisReply *r = ask(conn, (const char *[]){"GET", key, NULL}, e);
	struct record_value v;
	int ret = 0;

	if (!r)
		return -1;
	if (r->type == REDIS_REPLY_STRING) {
		char note[MARK_TEXT_MAX + 1], time[TIME_TEXT_MAX], state[32];

		v = record_parse(r->str, (size_t)r->len);
		record_string(record_get(v, "by"), by, by_cap);
		record_string(record_get(v, "note"), note, sizeof(note));
		record_string(record_get(v, "time"), time, sizeof(time));
		record_string(record_get(v, "state"), state, sizeof(state));
		snprintf(text, cap, "%.100s has it since %.19sZ (%s)%s%s", by, time, state, *note ? ": " : "",
		        note);
		for (char *p = text; *p; p++)
			if ((unsigned char)*p < 0x20 || *p == 0x7f)
				*p = '?';
		ret = 1;
	}
	freeReplyObject(r);
	return ret;
}

/* 1: the mark is ours, 0: it is not; `text`, when not "", says whose it is or was, -1: e. */
static int take(struct resp *conn, const char *key, const struct mark *m, const char *json, char *text,
        size_t cap, struct err *e)
{
	char kept[16], by[MARK_TEXT_MAX];

	*text = '\0';
	snprintf(kept, sizeof(kept), "%d", MARK_KEPT_S);
	for (unsigned tries = 0; tries < 3; tries++) {
		redisReply *r = ask(conn, (const char *[]){"SET", key, json, "EX", kept, "NX", NULL}, e);
		int ret;

		if (!r)
			return -1;
		ret = r->type == REDIS_REPLY_STATUS;
		freeReplyObject(r);
		if (ret)
			return 1;
		ret = whose(conn, key, by, sizeof(by), text, cap, e);
		if (ret < 0)
			return -1;
		if (!ret)
			continue; /* it expired in between */
		if (strcmp(by, m->by) != 0)
			return 0;
		r = ask(conn, (const char *[]){"SET", key, json, "EX", kept, "XX", NULL}, e);
		if (!r)
			return -1;
		ret = r->type == REDIS_REPLY_STATUS;
		freeReplyObject(r);
		if (ret)
			return 1;
	}
	return err_set(e, "the mark changes all the time");
}

/* ---- the rule that would have suppressed it --------------------------------------------------------------
 */

static void put_quoted(const char *text)
{
	putchar('"');
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			putchar('\\');
		putchar((unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
	}
	putchar('"');
}

/* A condition of the rule, when the record has that member. */
static void rule_line(struct record_value r, const char *path, const char *key)
{
	bool list = !strcmp(key, "sources");
	char text[256];
	struct record_value v = record_get(r, path);

	if (v.type == RECORD_NONE || !record_string(v, text, sizeof(text)))
		return;
	printf("    %s: %s", key, list ? "[" : "");
	put_quoted(text);
	puts(list ? "]" : "");
}

/* A rule holds when every finding fits it. */
static bool all_same(struct record_value list, const char *member)
{
	char first[256] = "", one[256] = "";
	struct record_value f;
	size_t at = 0;

	for (bool begun = false; record_next(list, &at, &f); begun = true) {
		if (!record_string(record_get(f, member), begun ? one : first, sizeof(one)))
			return false;
		if (begun && strcmp(first, one) != 0)
			return false;
	}
	return *first;
}

/* What the findings share; a rule holds when every finding fits it.  Findings that the record has no room for
 * are unknown, and values known fit none of them.  Returns the number of conditions, printed or not. */
static unsigned finding_lines(struct record_value r, bool print)
{
	static const char *const members[] = {"detector", "class", "field", "token"};
	struct record_value list = record_get(r, "findings"), f;
	unsigned n = 0;
	size_t at = 0;

	if (record_get(r, "findings_more").type != RECORD_NONE || !record_next(list, &at, &f))
		return 0;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		if (!all_same(list, members[i]))
			continue;
		n++;
		if (print && (i != 1 || !all_same(list, "detector"))) /* a detector has one class */
			rule_line(f, members[i], members[i]);
	}
	return n;
}

/* Conditions beside the kind that fit this alert and few others: where the kind is all there is, a rule would
 * keep quiet what nobody has looked at. */
static bool can_be_narrow(struct record_value r)
{
	char kind[64];

	record_string(record_get(r, "kind"), kind, sizeof(kind));
	if (!strcmp(kind, "payload.sensitive"))
		return finding_lines(r, false) > 0;
	return record_get(r, "service.id").type != RECORD_NONE ||
	       record_get(r, "destination.host").type != RECORD_NONE ||
	       record_get(r, "source.ip").type != RECORD_NONE;
}

/* Narrow: what made this alert, from this source; the person widens it who knows better. */
static void offer_rule(const struct mark *m, const struct alert_place *p, const char *json)
{
	struct record_value r = record_parse(json, strlen(json));
	char day[TIME_TEXT_MAX];
	char kind[64];

	record_string(record_get(r, "kind"), kind, sizeof(kind));
	if (!can_be_narrow(r)) {
		puts(!strcmp(kind, "payload.sensitive")
		                ? "\nNo rule is narrow enough: the findings share no detector, class, field "
		                  "or "
		                  "token, so that a rule would keep other leaks quiet too."
		                : "\nNo rule is narrow enough: nothing in the alert but its kind could stand "
		                  "in one.");
		return;
	}
	time_format_day(time_day(clock_wall_ns()) + RULE_DAYS, day);
	printf("\nThis rule would have kept it quiet; for alerts.suppress in the settings, then SIGHUP:\n\n"
	       "  - id: fp-%.40s-%" PRIu64 "\n"
	       "    reason: ",
	        p->sensor, p->index);
	put_quoted(*m->note ? m->note : "false positive");
	fputs("\n    owner: ", stdout);
	put_quoted(m->by);
	printf("\n    until: %s\n", day);
	rule_line(r, "kind", "kind");
	rule_line(r, "service.id", "service");
	if (record_get(r, "service.id").type == RECORD_NONE)
		rule_line(r, "destination.host", "host");
	finding_lines(r, true);
	rule_line(r, "source.ip", "sources");
	if (record_get(r, "source.group").type != RECORD_NONE) {
		fputs("    # or, for the whole group:\n    #", stdout);
		rule_line(r, "source.group", "sources");
	}
	if (!strncmp(kind, "destination.", 12))
		puts("\nThe use of a service is rather allowed with an entry of policy.partners; see leaktap "
		     "inventory --register.");
}

/* What was asked for to see whether alerts come through is no finding; a rule from it would fit real ones. */
static bool refuse_test(const struct mark *m, const char *json)
{
	if (m->state != MARK_FALSE_POSITIVE ||
	        record_get(record_parse(json, strlen(json)), "test").type == RECORD_NONE)
		return false;
	fprintf(stderr,
	        "leaktap watch: %s is a test alert (leaktap test-alert): it needs no rule, and --ack takes "
	        "it\n",
	        m->alert);
	return true;
}

int mark_set(struct client *c, const struct mark *m, const char *shown)
{
	char key[KEY_MAX], stream[KEY_MAX], json[8 * MARK_TEXT_MAX], text[2 * MARK_TEXT_MAX];
	struct alert_place p;
	struct err e = {.text = ""};
	enum resp_class class;
	struct resp *conn;
	char *record = NULL;
	redisReply *r;
	int ret;

	if (!place_parse(m->alert, &p))
		return usage_error("watch", "`%.80s' is no id of an alert, such as fra1/17", m->alert);
	if (!mark_json(m, json, sizeof(json)))
		return usage_error("watch", "the note is too long");
	snprintf(key, sizeof(key), "leaktap:{%s}:mark:%" PRIu64, p.sensor, p.index);
	snprintf(stream, sizeof(stream), "leaktap:{%s}:marks", p.sensor);
	conn = client_for(c, key, &class, &e);
	if (conn)
		record = find_record(conn, &p, m->alert, &e);
	if (!record)
		goto failed;
	if (refuse_test(m, record)) {
		free(record);
		return EXIT_FAILED;
	}
	ret = take(conn, key, m, json, text, sizeof(text), &e);
	if (ret < 0)
		goto failed;
	if (!ret) {
		fprintf(stderr, "leaktap watch: %s: %s\n", m->alert, text);
		free(record);
		return EXIT_FAILED;
	}
	r = ask(conn, (const char *[]){"XADD", stream, "MAXLEN", "~", MARKS_KEPT, "*", "json", json, NULL},
	        &e);
	if (!r)
		goto failed;
	freeReplyObject(r);
	printf("%s: %s by %s\n", m->alert, states[m->state], m->by);
	if (*text)
		printf("before: %s\n", text);
	if (m->state == MARK_FALSE_POSITIVE)
		offer_rule(m, &p, record);
	free(record);
	return EXIT_DONE;
failed:
	free(record);
	fprintf(stderr, "leaktap watch: %s: %s\n", shown, e.text);
	return EXIT_FAILED;
}
