/* test_silence.c - when `leaktap watch` calls a sensor silent (cli/silence.h), with a clock of our own. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "cli/silence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct silence *s;
static FILE *out;
static char *said;
static size_t said_len, read_to;
static int64_t now_ns;

static int begin(void **state)
{
	(void)state;
	out = open_memstream(&said, &said_len);
	s = silence_create(out);
	read_to = 0;
	now_ns = 1000 * NS_PER_S;
	return s ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	silence_destroy(s);
	fclose(out);
	free(said);
	return 0;
}

static void beat(const char *sensor, const char *state, int64_t age_s)
{
	char json[256];

	snprintf(json, sizeof(json),
	        "{\"kind\":\"sensor.health\",\"state\":\"%s\",\"health\":{\"heartbeat_s\":10}}", state);
	silence_heard(s, sensor, json, strlen(json), age_s * NS_PER_S, now_ns);
}

/* What was said since the last time, after so many seconds more. */
static const char *after(int64_t seconds)
{
	const char *news;

	now_ns += seconds * NS_PER_S;
	silence_look(s, now_ns);
	fflush(out);
	news = said + read_to;
	read_to = said_len;
	return news;
}

static void a_sensor_that_dies_and_comes_back(void **state)
{
	(void)state;
	beat("fra1", "starting", 0);
	for (int i = 0; i < 100; i++) {
		beat("fra1", i % 2 ? "running" : "degraded", 0);
		assert_string_equal(after(10), "");
	}
	beat("fra1", "running", 0);
	assert_string_equal(after(30), ""); /* three are the bound */
	assert_non_null(
	        strstr(after(1), "sensor fra1 has given no sign for 31 s (a heartbeat is due every 10 s)"));
	assert_string_equal(after(86400), ""); /* once */
	beat("fra1", "starting", 0);
	assert_non_null(strstr(after(0), "sensor fra1 is back"));
	assert_string_equal(after(30), "");
}

static void an_orderly_stop_is_no_silence(void **state)
{
	(void)state;
	beat("fra1", "running", 0);
	beat("fra1", "stopping", 0);
	assert_non_null(strstr(after(0), "sensor fra1 has stopped"));
	assert_string_equal(after(86400), "");
	beat("fra1", "starting", 0); /* it is simply there again */
	assert_string_equal(after(1), "");
	assert_non_null(strstr(after(31), "no sign"));
}

static void what_was_before_we_came(void **state)
{
	const char *news;

	(void)state;
	beat("gone", "stopping", 86401); /* in order, long ago: no news */
	beat("ended", "stopping", 7200);
	beat("ended", "stopping", 7100);
	beat("dead", "running", 7200);
	beat("fine", "running", 5);
	news = after(0);
	assert_non_null(strstr(news, "sensor dead has given no sign for 7200 s"));
	assert_null(strstr(news, "gone"));
	assert_non_null(news = strstr(news, "sensor ended stopped at 2"));
	assert_null(strstr(news + strlen("sensor ended"), "ended"));
	assert_string_equal(after(25), "");
	assert_non_null(strstr(after(1), "sensor fine has given no sign for 31 s"));
	beat("fine", "running", -5); /* a clock that is ahead of ours */
	assert_non_null(strstr(after(0), "sensor fine is back"));
}

static void a_server_that_was_away_makes_nobody_silent(void **state)
{
	(void)state;
	beat("fra1", "running", 0);
	now_ns += 600 * NS_PER_S;
	silence_deaf(s, now_ns);
	assert_string_equal(after(60), "");
	assert_non_null(strstr(after(1), "fra1 has given no sign for 61 s"));
	silence_deaf(s, now_ns); /* who is silent stays it */
	assert_string_equal(after(61), "");
	beat("fra1", "running", 0);
	assert_non_null(strstr(after(0), "is back"));
	silence_deaf(s, now_ns);
	beat("fra1", "running", 0); /* heard: no more than three are waited for */
	assert_string_equal(after(30), "");
	assert_non_null(strstr(after(1), "fra1 has given no sign for 31 s"));
}

static void who_is_met_after_an_outage_has_his_time_too(void **state)
{
	(void)state;
	silence_deaf(s, now_ns);
	beat("fra1", "running", 13); /* what stood in the server before it was away */
	beat("fra2", "running", 3600);
	assert_string_equal(after(59), "");
	beat("fra1", "running", 0);
	assert_non_null(strstr(after(2), "sensor fra2 has given no sign for 61 s"));
	assert_string_equal(after(28), "");
}

static void what_was_on_its_way_is_no_sign_that_the_sensor_is_back(void **state)
{
	static const char old[] = "{\"kind\":\"sensor.health\",\"state\":\"running\","
	                          "\"health\":{\"heartbeat_s\":3}}";

	(void)state;
	beat("fra1", "running", 0);
	now_ns += 20 * NS_PER_S;
	silence_deaf(s, now_ns);
	now_ns++;
	silence_heard(s, "fra1", old, strlen(old), 0, now_ns);
	assert_string_equal(after(29), ""); /* more than three of 3 s, but it may still look for the server */
	assert_non_null(strstr(after(2), "no sign for 31 s"));
}

static void what_is_no_heartbeat_is_passed_over(void **state)
{
	static const char *const others[] = {"", "{", "[]", "{\"kind\":\"sensor.health\"}",
	        "{\"kind\":\"sensor.health\",\"state\":\"running\",\"health\":{\"heartbeat_s\":0}}",
	        "{\"kind\":\"sensor.health\",\"state\":\"running\",\"health\":7}",
	        "{\"kind\":\"sensor.drops\",\"state\":\"began\",\"health\":{\"heartbeat_s\":1}}"};
	static const char *const names[] = {"", "a b", "x\033[2J", "../x", "\xc3\xa4"};
	char longest[90];

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		silence_heard(s, "fra1", others[i], strlen(others[i]), 0, now_ns);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		beat(names[i], "running", 0);
	memset(longest, 'x', sizeof(longest) - 1);
	longest[81] = '\0';
	beat(longest, "running", 0);
	assert_string_equal(after(1000000), "");
	silence_heard(s, "fra1",
	        "{\"kind\":\"sensor.health\",\"state\":\"running\",\"health\":{\"heartbeat_s\":"
	        "18446744073709551615}}",
	        82, 0, now_ns); /* cut, and too much: no sensor is due later than in an hour */
	longest[80] = '\0';
	beat(longest, "running", 0);
	assert_non_null(strstr(after(31), longest));
}

static void more_sensors_than_there_is_room_for(void **state)
{
	char name[16];
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		beat(name, "running", 0);
	}
	for (const char *p = after(31); (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_sensor_that_dies_and_comes_back, begin, end),
	        cmocka_unit_test_setup_teardown(an_orderly_stop_is_no_silence, begin, end),
	        cmocka_unit_test_setup_teardown(what_was_before_we_came, begin, end),
	        cmocka_unit_test_setup_teardown(a_server_that_was_away_makes_nobody_silent, begin, end),
	        cmocka_unit_test_setup_teardown(who_is_met_after_an_outage_has_his_time_too, begin, end),
	        cmocka_unit_test_setup_teardown(
	                what_was_on_its_way_is_no_sign_that_the_sensor_is_back, begin, end),
	        cmocka_unit_test_setup_teardown(what_is_no_heartbeat_is_passed_over, begin, end),
	        cmocka_unit_test_setup_teardown(more_sensors_than_there_is_room_for, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
