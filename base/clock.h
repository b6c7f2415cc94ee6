/* clock.h - times are signed nanoseconds since 1970 in UTC.  Packet time drives everything that ends in a
 * record; wall time is only for `logged` and back-off. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_S  1000000000LL
#define NS_PER_MS 1000000LL
#define NS_PER_US 1000LL

#define TIME_TEXT_MAX 32

/* 2026-11-22T20:53:02.123456Z (RFC 3339, microseconds); returns buf. */
const char *time_format(int64_t ns, char buf[TIME_TEXT_MAX]);
/* Days since 1970 of that moment, in UTC. */
int32_t time_day(int64_t ns);
/* "2026-11-22" to days since 1970; 0, or -1 when it is no date of the calendar. */
int time_parse_day(const char *text, int32_t *day);
/* Days since 1970 to "2026-11-22"; returns buf. */
const char *time_format_day(int32_t day, char buf[TIME_TEXT_MAX]);

int64_t clock_wall_ns(void);
int64_t clock_mono_ns(void);

#endif
