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
	(30 * NS_PER_S) /* a sensor whose server was away may wait so long before it tries again */
#define STOPPED_NS      (86400 * NS_PER_S) /* who stopped before that is no news */
#define HEARTBEAT_MAX_S 3600               /* health.heartbeat_s allows no more */

struct silence {
	FILE *out;
	bool was_deaf;
	int64_t deaf_ns; /* until then nothing could be heard */
	size_t n;
	struct one {
		char name[NAME_MAX_BYTES + 1];
		int64_t heard_ns;
		unsigned heartbeat_s;
		bool known, silent, stopped;
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
	s->sensor[s->n].stopped = true; /* until it is heard of */
	return &s->sensor[s->n++];
}

static void say(struct silence *s, const struct one *o, const char *what)
{
	char now[TIME_TEXT_MAX];

	fprintf(s->out, "leaktap watch: %.19sZ: sensor %s %s\n", time_format(clock_wall_ns(), now), o->name,
	        what);
}

static void say_stopped(struct silence *s, const struct one *o, int64_t age_ns)
{
	char at[TIME_TEXT_MAX], text[64];

	if (o->known && o->stopped)
		return;
	if (o->known || age_ns <= 0) {
		say(s, o, "has stopped");
	} else if (age_ns < STOPPED_NS) {
		snprintf(text, sizeof(text), "stopped at %.19sZ", time_format(clock_wall_ns() - age_ns, at));
		say(s, o, text);
	}
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
	if (!strcmp(state, "stopping")) {
		say_stopped(s, o, age_ns);
		o->known = o->stopped = true;
		o->silent = false;
		return;
	}
	o->known = true;
	if (o->silent && age_ns <= 0) {
		say(s, o, "is back");
		o->silent = false;
	}
	o->stopped = false;
}

/* Only time in which it could have been heard counts. */
static bool is_due(const struct silence *s, const struct one *o, int64_t now_ns)
{
	int64_t beats_ns = SILENCE_BEATS * o->heartbeat_s * NS_PER_S;
	bool heard_since = !s->was_deaf || o->heard_ns >= s->deaf_ns;

	if (s->was_deaf && now_ns - s->deaf_ns <= RECONNECT_NS + (heard_since ? 0 : beats_ns))
		return false;
	return now_ns - o->heard_ns > beats_ns;
}

void silence_look(struct silence *s, int64_t now_ns)
{
	for (size_t i = 0; i < s->n; i++) {
		struct one *o = &s->sensor[i];
		int64_t since_ns = s->was_deaf && s->deaf_ns > o->heard_ns ? s->deaf_ns : o->heard_ns;
		char text[128];

		if (o->stopped || o->silent || !is_due(s, o, now_ns))
			continue;
		o->silent = true;
		snprintf(text, sizeof(text),
		        "has given no sign for %" PRId64
		        " s (a heartbeat is due every %u s); see whether it runs "
		        "and reaches Redis",
		        (int64_t)((now_ns - since_ns) / NS_PER_S), o->heartbeat_s);
		say(s, o, text);
	}
}

void silence_deaf(struct silence *s, int64_t now_ns)
{
	s->was_deaf = true;
	s->deaf_ns = now_ns;
}
