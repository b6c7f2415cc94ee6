/* volume.h - sums that span flows, on the writer's thread: bytes out by connection, source, group and
 * register entry, and who used a service first.  Bounded tables; nothing is known of the time before this
 * process began. */
#ifndef ALERTS_VOLUME_H
#define ALERTS_VOLUME_H

#include "alerts/record.h"

#define VOLUME_SUMS  32768 /* sums kept at once; the oldest day's and then the smallest goes */
#define VOLUME_FIRST 65536 /* uses remembered */

struct volumes;
struct volumes *volumes_create(const struct settings *s, struct err *e);
void volumes_destroy(struct volumes *v);

/* A bound that a sum has passed, or passed again by doubling. */
struct volume_crossed {
	const char *what; /* "on this connection", "from this source", ... */
	uint64_t sum, bound;
	int32_t day;   /* DAY_NONE: not of a day */
	uint64_t key;  /* for volumes_untell() */
	uint32_t told; /* likewise */
};
#define VOLUME_BOUNDS 4
/* Adds head->bytes_out to the sums that it belongs to; writes those that crossed a bound, returns how many.
 */
unsigned volumes_add(
        struct volumes *v, const struct record_head *h, struct volume_crossed out[VOLUME_BOUNDS]);
/* The alert about it was lost: the next bytes cross the bound again. */
void volumes_untell(struct volumes *v, const struct volume_crossed *c);
/* "group" or "source" when a record of this type is the first about its service from there, else "". */
const char *volumes_first_use(struct volumes *v, const struct record_head *h);

/* "2.1 GiB" */
const char *volume_text(uint64_t bytes, char buf[24]);

#endif
