/* trim.h - what becomes of entries in the streams of one server: old ones are trimmed, as the settings say
 * (alerts.streams), but not before every consumer group has read and acknowledged them; a group that lost
 * entries all the same, to the bound on their number or to somebody else's XTRIM, and a group that holds back
 * old entries because nobody reads for it any more, are told.  Without such settings nothing is trimmed, and
 * groups that lost something are still told.
 *
 * Used by the Redis thread, between two batches; see docs/redis.md, "Trimming". */
#ifndef ALERTS_TRIM_H
#define ALERTS_TRIM_H

#include "alerts/publish.h"

struct trim;
/* every_ms 0: every ten seconds.  NULL: no memory. */
struct trim *trim_create(struct publisher *p, const struct settings *s, unsigned every_ms);
void trim_destroy(struct trim *t); /* NULL is fine */
/* Milliseconds until the next run, 0: now. */
unsigned trim_wait_ms(const struct trim *t);
/* RESP_OK also when the server does not permit it, which is told once and hinders nothing. */
enum resp_class trim_run(struct trim *t, struct err *e);
/* At the end: what groups lost and was not told yet.  False: there is more, and no room for it just now. */
bool trim_tell_rest(struct trim *t);
/* Where the server stands was asked anew: somebody may have trimmed. */
void trim_anew(struct trim *t);

#endif
