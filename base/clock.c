/* clock.c - see clock.h.  Calendar arithmetic after the proleptic Gregorian calendar; no locale, no TZ. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970-01-01 of a date; eras of 400 years make it exact without tables. */
static int32_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;

	int64_t era = floor_div(y, 400);
	unsigned yoe = (unsigned)(y - era * 400);
	unsigned doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
	unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (int32_t)(era * 146097 + (int64_t)doe - 719468);
}

static void civil_from_days(int64_t z, int64_t *y, unsigned *m, unsigned *d)
{
	z += 719468;

	int64_t era = floor_div(z, 146097);
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;

	*d = doy - (153 * mp + 2) / 5 + 1;
	*m = mp < 10 ? mp + 3 : mp - 9;
	*y = (int64_t)yoe + era * 400 + (*m <= 2);
}

static char *put_digits(char *p, uint64_t v, int width)
{
	for (int i = width - 1; i >= 0; i--) {
		p[i] = (char)('0' + v % 10);
		v /= 10;
	}
	return p + width;
}

static char *put_date(char *p, int64_t day)
{
	int64_t y;
	unsigned m, d;

	civil_from_days(day, &y, &m, &d);
	if (y < 0 || y > 9999)
		y = y < 0 ? 0 : 9999;
	p = put_digits(p, (uint64_t)y, 4);
	*p++ = '-';
	p = put_digits(p, m, 2);
	*p++ = '-';
	return put_digits(p, d, 2);
}

const char *time_format(int64_t ns, char buf[TIME_TEXT_MAX])
{
	int64_t s = floor_div(ns, NS_PER_S), day = floor_div(s, 86400);
	int64_t part = ns % NS_PER_S; /* files may hold any time: s * NS_PER_S need not fit */
	uint64_t us = (uint64_t)(part < 0 ? part + NS_PER_S : part) / 1000, sod = (uint64_t)(s - day * 86400);
	char *p = put_date(buf, day);

	*p++ = 'T';
	p = put_digits(p, sod / 3600, 2);
	*p++ = ':';
	p = put_digits(p, sod / 60 % 60, 2);
	*p++ = ':';
	p = put_digits(p, sod % 60, 2);
	*p++ = '.';
	p = put_digits(p, us, 6);
	*p++ = 'Z';
	*p = '\0';
	return buf;
}

int32_t time_day(int64_t ns)
{
	return (int32_t)floor_div(ns, 86400 * NS_PER_S);
}

static unsigned two_digits(const char *p)
{
	return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

int time_parse_day(const char *text, int32_t *day)
{
	static const char shape[] = "dddd-dd-dd";
	unsigned y, m, d;
	char back[TIME_TEXT_MAX];

	for (size_t i = 0; i < sizeof(shape); i++)
		if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i])
			return -1;
	y = two_digits(text) * 100 + two_digits(text + 2);
	m = two_digits(text + 5);
	d = two_digits(text + 8);
	if (m < 1 || m > 12 || d < 1 || d > 31)
		return -1;
	*day = days_from_civil(y, m, d);
	time_format_day(*day, back);
	return strcmp(back, text) == 0 ? 0 : -1;
}

const char *time_format_day(int32_t day, char buf[TIME_TEXT_MAX])
{
	*put_date(buf, day) = '\0';
	return buf;
}

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

int64_t clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}
