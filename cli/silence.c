/* silence.c - see silence.h.  docs/redis.md (Silence) has the rule for everybody. */
#include "cli/silence.h"

#include "alerts/record_read.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SENSORS_MAX    1024
#define NAME_MAX_BYTES 80
#define RECONNECT_NS                                                                                         \
	(30 * NS_PER_S)      /* a sensor whose server was away may wait so long before it tries again */
#define HEARTBEAT_MAX_S 3600 /* health.heartbeat_s allows no more */

struct silence {
	FILE *out;
	size_t n;
	struct one {
		char name[NAME_MAX_BYTES + 1];
		int64_t heard_ns, grace_ns;
		unsigned heartbeat_s;
		bool silent, stopped;
	} sensor[SENSORS_MAX];
};

struct silence *silence_create(FILE *out)
{
	struct silence *s = calloc(1, sizeof(*s));

	if (s)
		s->out = out;
	return s;
}

void silence_destroy(struct silence *s)
{
	free(s);
}

/* Whoever can write into the server may have written any name. */
static struct one *find(struct silence *s, const char *name)
{
	size_t n = strlen(name);

	if (!n || n > NAME_MAX_BYTES ||
	        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != n)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->sensor[i].name, name))
			return &s->sensor[i];
	if (s->n == SENSORS_MAX)
		return NULL;
	memcpy(s->sensor[s->n].name, name, n + 1);
	s->sensor[s->n].stopped = true; /* not yet heard of */
	return &s->sensor[s->n++];
}

static void say(struct silence *s, const struct one *o, const char *what)
{
	fprintf(s->out, "leaktap watch: sensor %s %s\n", o->name, what);
}

void silence_heard(
        struct silence *s, const char *sensor, const char *json, size_t n, int64_t age_ns, int64_t now_ns)
{
	struct record_value r = record_parse(json, n);
	uint64_t beat_s = record_number(record_get(r, "health.heartbeat_s"));
	char kind[16], state[16];
	struct one *o;

	record_string(record_get(r, "kind"), kind, sizeof(kind));
	record_string(record_get(r, "state"), state, sizeof(state));
	if (strcmp(kind, "sensor.health") != 0 || !beat_s || !(o = find(s, sensor)))
		return;
	o->heartbeat_s = beat_s < HEARTBEAT_MAX_S ? (unsigned)beat_s : HEARTBEAT_MAX_S;
	o->heard_ns = now_ns - (age_ns > 0 ? age_ns : 0);
	o->grace_ns = 0;
	if (!strcmp(state, "stopping")) {
		if (!o->stopped)
			say(s, o, "has stopped");
		o->stopped = true;
		o->silent = false;
		return;
	}
	if (o->silent && age_ns <= 0) {
		say(s, o, "is back");
		o->silent = false;
	}
	o->stopped = false;
}

void silence_look(struct silence *s, int64_t now_ns)
{
	for (size_t i = 0; i < s->n; i++) {
		struct one *o = &s->sensor[i];
		int64_t quiet_ns = now_ns - o->heard_ns;
		char text[128];

		if (o->stopped || o->silent ||
		        quiet_ns <= SILENCE_BEATS * o->heartbeat_s * NS_PER_S + o->grace_ns)
			continue;
		o->silent = true;
		snprintf(text, sizeof(text),
		        "has given no sign for %" PRId64
		        " s (a heartbeat is due every %u s); see whether it runs "
		        "and reaches Redis",
		        (int64_t)(quiet_ns / NS_PER_S), o->heartbeat_s);
		say(s, o, text);
	}
}

void silence_deaf(struct silence *s, int64_t now_ns)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->sensor[i].silent) {
			s->sensor[i].heard_ns = now_ns;
			s->sensor[i].grace_ns = RECONNECT_NS;
		}
}
