/* inventory_records.c - flow records (docs/records.md) from a file or from the sensors' streams in Redis
 * (docs/redis.md) into the inventory.  Streams are read by time, a bounded page each. */
#include "alerts/client.h"
#include "alerts/record_read.h"
#include "base/clock.h"
#include "cli/commands.h"
#include "cli/inventory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SENSORS_MAX     1024
#define SENSOR_NAME     80
#define KEY_MAX         (SENSOR_NAME + 32)
#define ID_MAX          48
#define RECORD_LINE_MAX (1u << 20) /* a record is far shorter */
#define PAGE            "256"
#define REPLY_NS        (10 * NS_PER_S)

/* RFC 3339 in UTC as records have it; 0 when it is none. */
static int64_t time_of(const char *text)
{
	char day_text[11];
	unsigned hour, minute, second;
	int32_t day;
	int64_t ns = 0, unit = 100000000;

	if (strnlen(text, 20) < 20 || text[10] != 'T')
		return 0;
	memcpy(day_text, text, 10);
	day_text[10] = '\0';
	/* two digits each: nothing to overflow */
	if (time_parse_day(day_text, &day) < 0 ||
	        /* NOLINTNEXTLINE(cert-err34-c) */
	        sscanf(text + 11, "%2u:%2u:%2u", &hour, &minute, &second) != 3)
		return 0;
	if (text[19] == '.')
		for (const char *p = text + 20; *p >= '0' && *p <= '9' && unit; p++, unit /= 10)
			ns += (*p - '0') * unit;
	return (((int64_t)day * 24 + hour) * 60 + minute) * 60 * NS_PER_S + second * NS_PER_S + ns;
}

struct text {
	char s[256];
};

static const char *text_at(struct record_value v, const char *path, struct text *t)
{
	record_string(record_get(v, path), t->s, sizeof(t->s));
	return t->s;
}

static void address_at(struct record_value v, const char *path, struct ip_addr *a)
{
	struct text t;

	if (ip_parse(text_at(v, path, &t), a) < 0)
		memset(a, 0, sizeof(*a));
}

static uint64_t of_pair(struct record_value v, unsigned which)
{
	struct record_value pair = record_get(v, "bytes"), item = {0};
	size_t at = 0;

	for (unsigned i = 0; i <= which; i++)
		if (pair.type != RECORD_ARRAY || !record_next(pair, &at, &item))
			return 0;
	return record_number(item);
}

static bool is_true(struct record_value v)
{
	return v.type == RECORD_WORD && v.n == 4 && !memcmp(v.p, "true", 4);
}

static unsigned signs_at(struct record_value r)
{
	struct record_value list = record_get(r, "evasion"), one;
	unsigned bits = 0;
	size_t at = 0;
	struct text t;

	while (list.type == RECORD_ARRAY && record_next(list, &at, &one)) {
		text_at(one, "kind", &t);
		for (unsigned i = 0; i < INVENTORY_SIGNS; i++)
			if (!strcmp(t.s, alert_kind_name((enum alert_kind)(ALERT_EVASION_ECH + i))))
				bits |= 1u << i;
	}
	return bits;
}

bool inventory_add_record(struct inventory *v, const char *json, size_t n)
{
	struct text service, name, group, host, shape, protocol, by, seen, tls, tls_group, why, t;
	struct record_value r = record_parse(json, n);
	struct sighting s = {0};

	if (r.type != RECORD_OBJECT || strcmp(text_at(r, "type", &t), "flow") != 0)
		return false;
	s.service = text_at(r, "service.id", &service);
	s.name = text_at(r, "service.name", &name);
	s.by = text_at(r, *s.service ? "service.by" : "named.by", &by);
	s.group = text_at(r, "source.group", &group);
	s.host = text_at(r, "destination.host", &host);
	s.protocol = text_at(r, "app.protocol", &protocol);
	s.shape = text_at(r, "shape", &shape);
	s.visibility = text_at(r, "app.visibility", &seen);
	s.tls = text_at(r, "app.tls.version", &tls);
	s.tls_group = text_at(r, "app.tls.group", &tls_group);
	s.unnamed = text_at(r, "unnamed", &why);
	s.signs = signs_at(r);
	s.onward = is_true(record_get(r, "onward"));
	address_at(r, "source.ip", &s.source);
	address_at(r, "destination.ip", &s.destination);
	text_at(r, "direction", &t);
	s.leaves = !strcmp(t.s, "out") || !strcmp(t.s, "unknown");
	s.out = of_pair(r, 0);
	s.in = of_pair(r, 1);
	s.first_ns = time_of(text_at(r, "start", &t));
	s.last_ns = time_of(text_at(r, "end", &t));
	inventory_add(v, &s);
	v->read++;
	return true;
}

int inventory_read_file(struct inventory *v, const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	int status = EXIT_DONE;

	if (!f) {
		fprintf(stderr, "leaktap inventory: %s: %s\n", path, strerror(errno));
		return EXIT_USAGE;
	}
	while ((n = getline(&line, &cap, f)) >= 0) {
		if (n && line[n - 1] == '\n')
			n--;
		if (n && ((size_t)n > RECORD_LINE_MAX || !inventory_add_record(v, line, (size_t)n)))
			v->unread++;
	}
	free(line);
	if (ferror(f)) {
		fprintf(stderr, "leaktap inventory: %s: %s\n", path, strerror(errno));
		status = EXIT_FAILED;
	}
	if (f != stdin)
		fclose(f);
	return status;
}

/* ---- Redis ----------------------------------------------------------------------------------------------
 */

/* A list; the second word is the key. */
static redisReply *ask(struct client *c, const char *const *words, struct err *e)
{
	enum resp_class class;
	struct resp *conn = client_for(c, words[1], &class, e);
	redisReply *r = conn ? resp_ask(conn, words, clock_mono_ns() + REPLY_NS, e) : NULL;

	if (r && r->type != REDIS_REPLY_ARRAY) {
		err_set(e, "%.200s", r->type == REDIS_REPLY_ERROR ? r->str : "the server's reply is no list");
		freeReplyObject(r);
		return NULL;
	}
	return r;
}

static void take_entry(struct inventory *v, const redisReply *entry)
{
	const redisReply *words = entry->elements == 2 ? entry->element[1] : NULL;

	for (size_t i = 0; words && words->type == REDIS_REPLY_ARRAY && i + 1 < (size_t)words->elements;
	        i += 2)
		if (words->element[i]->type == REDIS_REPLY_STRING &&
		        !strcmp(words->element[i]->str, "json") &&
		        words->element[i + 1]->type == REDIS_REPLY_STRING) {
			const redisReply *json = words->element[i + 1];

			if (inventory_add_record(v, json->str, (size_t)json->len))
				return;
		}
	v->unread++;
}

/* The ID behind this one; false when it is none. */
static bool next_id(const char *id, char out[ID_MAX])
{
	uint64_t ms, seq;

	/* an id of our own; one that is too large is none we asked for: NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(id, "%" SCNu64 "-%" SCNu64, &ms, &seq) != 2)
		return false;
	if (!++seq)
		ms++;
	snprintf(out, ID_MAX, "%" PRIu64 "-%" PRIu64, ms, seq);
	return true;
}

static int read_stream(
        struct inventory *v, struct client *c, const char *key, int64_t from_ms, int64_t to_ms, struct err *e)
{
	char from[ID_MAX], to[ID_MAX];
	size_t n;

	snprintf(from, sizeof(from), "%" PRId64 "-0", from_ms);
	snprintf(to, sizeof(to), "%" PRId64, to_ms);
	do {
		redisReply *r = ask(c, (const char *[]){"XRANGE", key, from, to, "COUNT", PAGE, NULL}, e);

		if (!r)
			return -1;
		n = (size_t)r->elements;
		for (size_t i = 0; i < n; i++) {
			const redisReply *entry = r->element[i];

			if (entry->type != REDIS_REPLY_ARRAY || !entry->elements ||
			        entry->element[0]->type != REDIS_REPLY_STRING ||
			        !next_id(entry->element[0]->str, from)) {
				freeReplyObject(r);
				return err_set(e, "the server's reply is no stream entry");
			}
			take_entry(v, entry);
		}
		freeReplyObject(r);
	} while (n);
	return 0;
}

static int read_streams(struct inventory *v, struct client *c, int64_t since_ms, struct err *e)
{
	int64_t now_ms = clock_wall_ns() / NS_PER_MS;
	redisReply *r = ask(c, (const char *[]){"SMEMBERS", "leaktap:sensors", NULL}, e);
	int ret = 0;

	if (!r)
		return -1;
	for (size_t i = 0; i < (size_t)r->elements && i < SENSORS_MAX && !ret; i++) {
		const redisReply *name = r->element[i];
		char key[KEY_MAX];

		if (name->type != REDIS_REPLY_STRING || !name->len || (size_t)name->len > SENSOR_NAME ||
		        strlen(name->str) != (size_t)name->len)
			continue;
		snprintf(key, sizeof(key), "leaktap:{%s}:flows", name->str);
		ret = read_stream(v, c, key, since_ms, now_ms, e);
	}
	if (r->elements > SENSORS_MAX)
		fprintf(stderr, "leaktap inventory: more than %d sensors: the others are not read\n",
		        SENSORS_MAX);
	freeReplyObject(r);
	return ret;
}

int inventory_read_redis(
        struct inventory *v, const struct redis_url *url, const struct wire_tls *tls, int64_t since_ms)
{
	struct err e = {.text = ""};
	struct client *c = client_create(url, tls, "leaktap-inventory", &e);
	int ret = c ? read_streams(v, c, since_ms, &e) : -1;

	client_destroy(c);
	if (!ret)
		return EXIT_DONE;
	fprintf(stderr, "leaktap inventory: %s: %s\n", url->shown, e.text);
	return EXIT_FAILED;
}
