/* heartbeat.h - a live sensor says how it is: a record of kind sensor.health at the start, every
 * health.heartbeat_s and at the end, and records of what begins or ends to be wrong (health.h).
 * docs/records.md has the fields.  For the control thread alone. */
#ifndef CLI_HEARTBEAT_H
#define CLI_HEARTBEAT_H

#include "alerts/alerts.h"
#include "cli/worker.h"

struct heartbeat;
/* All are borrowed for its life; `names` are those of the interfaces, in the order of the workers' sources.
 * NULL: no memory. */
struct heartbeat *heartbeat_create(const struct settings *s, struct alerts *a, const struct worker *workers,
        unsigned n_workers, const char *const *names, unsigned n_names);
void heartbeat_destroy(struct heartbeat *hb); /* NULL is fine */
/* To be called a few times a second: does something when it is time to. */
void heartbeat_tick(struct heartbeat *hb);
/* The last one: the workers have ended, the alerts side has not. `why` is a clause, "" when the sensor was
 * told to end. */
void heartbeat_end(struct heartbeat *hb, const char *why);

#endif
