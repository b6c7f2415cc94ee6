/* record.h - from event to JSON line, in two steps (docs/records.md has every field).
 *
 * On the worker's thread record_tail() writes all that the event knows; on the writer's thread record_line()
 * puts the numbers before it, which only the writer can give: id, logged, ordinal. */
#ifndef ALERTS_RECORD_H
#define ALERTS_RECORD_H

#include "base/clock.h"
#include "classify/found.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_TYPES        3 /* alert, flow, sensor: what can be lost before it has a number */
#define RECORD_GAP         (EVENT_VOLUME + 1) /* behind the events: records that the alerts side makes itself */
#define RECORD_TYPES       (RECORD_GAP + 1)
#define RECORD_SCHEMA      1
#define RECORD_TAIL_MAX    (60u << 10)
#define RECORD_HEADER_MAX  1024
#define RECORD_LINE_MAX    (RECORD_TAIL_MAX + RECORD_HEADER_MAX)
#define RECORD_SERVICE_MAX 64
#define RECORD_ID_MAX      112 /* "<sensor>/<index>" */

/* What travels beside the tail, so that nobody has to read JSON again. */
struct record_head {
	uint8_t type;           /* enum event_type, or RECORD_GAP */
	uint8_t kind, severity; /* alerts and sensor records */
	uint8_t verdict;        /* enum verdict_value */
	int64_t when_ns;
	uint64_t repeat_key;              /* 0: never a repeat */
	uint64_t group_key;               /* the same thing from another flow; 0: never grouped */
	uint64_t first_key;               /* told once under this key; 0: always */
	bool suppressed;                  /* by a rule of alerts.suppress, which the tail names */
	uint32_t replaced;                /* bytes that were no UTF-8 and became U+FFFD */
	uint32_t lost[EVENT_TYPES];       /* records this teller's queue has refused so far (wraps) */
	char service[RECORD_SERVICE_MAX]; /* catalogue id, "" none */
	uint64_t source_key;              /* of the source's address, 0: none */
	uint16_t group;
	uint64_t bytes_out, flow_key, entry_key, budget; /* EVENT_VOLUME: see volume.h */
};

const char *record_type_name(unsigned type); /* alert flow sensor gap; "" for what makes no record */
unsigned record_type_by_name(const char *name, size_t n); /* RECORD_TYPES: none */

/* The rule of alerts.suppress that keeps an event quiet, NULL: none.  For EVENT_VOLUME: the alert that may
 * come of it.  `group` is the source's, by the numbers of the settings that the rules are from. */
const struct suppress_rule *record_suppressed(
        const struct event *ev, uint16_t group, const struct suppress_rules *rules);

/* Fills head and writes the members from `kind` on: `,"kind":...}`.  Returns the length, 0 when it did not
 * fit even without findings (cannot happen with RECORD_TAIL_MAX and the sizes of found.h).  `quiet`: the rule
 * that suppresses it, or NULL. */
size_t record_tail(const struct event *ev, const struct settings *s, const struct suppress_rule *quiet,
        struct record_head *head, char *buf, size_t cap);

/* Of EVENT_VOLUME the tail is the begin of a sentence with its NUL, then the members from `flow` on: when a
 * bound is crossed, volume_tail() makes an alert's tail of it. */
struct volume_crossed;
size_t volume_tail(const struct record_head *head, const struct volume_crossed *c, const struct settings *s,
        const char *entry, size_t n, char *buf, size_t cap);

/* What the alerts side has to tell itself: that something is missing, or that somebody must act. */
#define RECORD_NOTE_COUNTERS 12
struct record_note {
	unsigned type;      /* RECORD_GAP or EVENT_SENSOR (of kind sensor.delivery) */
	const char *reason; /* RECORD_GAP: "queue", "log", "output", "retention", "server", "restart",
	                     * "trimmed" */
	enum severity severity;
	int64_t when_ns;
	char summary[512];
	const char *stream; /* RECORD_GAP: whose reader lost something, NULL: not of one reader; */
	char group[64];     /* ... and the reader's group; "*": of several */
	unsigned more;      /* notes of the same that this one took in */
	const char *names[RECORD_NOTE_COUNTERS]; /* constant texts */
	uint64_t values[RECORD_NOTE_COUNTERS];
	size_t n;
};
/* Counters of lost records of a type: which 0 "lost_alerts", 1 "first_alert", 2 "last_alert" (ordinals). */
const char *record_loss_name(unsigned type, unsigned which);
void record_note_count(struct record_note *note, const char *name, uint64_t value);
/* As record_tail(). */
size_t record_note_tail(const struct record_note *note, struct record_head *head, char *buf, size_t cap);

/* The numbers of one record. */
struct record_numbers {
	const char *sensor;
	uint64_t index, ordinal;
	int64_t logged_ms;
	const char *first_use; /* "group", "source" or "": see volume.h; NULL: not asked */
	const char *updates;   /* id of the record that this one updates, NULL: none */
	uint64_t count, total; /* with updates: how often since the last record about it, and in all */
};

/* The whole line without its LF; returns its length. `buf` holds RECORD_LINE_MAX. */
size_t record_line(const struct record_head *head, const char *tail, size_t tail_len,
        const struct record_numbers *n, char *buf);
const char *record_id(const char *sensor, uint64_t index, char buf[RECORD_ID_MAX]);

#endif
