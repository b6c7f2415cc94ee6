/* silence.h - which sensors were heard of, for `leaktap watch`: says once when one gives no sign for three of
 * its heartbeats, once when it is back, and once when it was ended in good order, also before we came.  Each
 * line has the time (UTC).  One thread's own. */
#ifndef CLI_SILENCE_H
#define CLI_SILENCE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SILENCE_BEATS 3

struct silence;
/* Lines go to `out`, which is borrowed.  NULL: no memory. */
struct silence *silence_create(FILE *out);
void silence_destroy(struct silence *s); /* NULL is fine */
/* A heartbeat of that sensor (the record's JSON) that was made `age_ns` ago; what is no heartbeat is passed
 * over, and so are names that no sensor can have.  The clock does not go back. */
void silence_heard(
        struct silence *s, const char *sensor, const char *json, size_t n, int64_t age_ns, int64_t now_ns);
/* To be called every second or so. */
void silence_look(struct silence *s, int64_t now_ns);
/* Nothing could be heard until now: everybody gets his time anew, and half a minute to find the server, also
 * who is heard of for the first time within it. */
void silence_deaf(struct silence *s, int64_t now_ns);

#endif
