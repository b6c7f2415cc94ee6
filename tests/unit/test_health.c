/* test_health.c - what is told of a sensor that goes wrong and recovers (cli/health.h), look by look with a
 * clock of our own; how long records have been waiting (alerts/lag.h). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/lag.h"
#include "base/clock.h"
#include "cli/health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK (10 * NS_PER_S)

static struct settings settings;
static struct health h;
static struct health_change told[16];
static unsigned n_told;

static void remember(void *arg, const struct health_change *c)
{
	(void)arg;
	assert_true(n_told < sizeof(told) / sizeof(*told));
	told[n_told++] = *c;
	assert_true(*c->summary && strlen(c->summary) + 1 < sizeof(c->summary));
	assert_true(c->n > 0);
}

/* The next look, `after_ns` later; returns how much was told. */
static unsigned look(int64_t after_ns)
{
	h.now.now_ns += after_ns;
	for (unsigned i = 0; i < h.now.n_workers; i++)
		h.now.worker[i].seen_ns += h.now.worker[i].done ? 0 : after_ns;
	n_told = 0;
	health_step(&h, remember, NULL);
	health_keep(&h);
	return n_told;
}

/* A sensor in good order: two workers, two interfaces, two outputs. */
static int begin(void **state)
{
	(void)state;
	memset(&settings, 0, sizeof(settings));
	settings.health.drops_per_million = 100;
	settings.health.lag_s = 30;
	settings.health.silence_s = 600;
	health_init(&h, &settings);
	h.now.now_ns = 1000 * NS_PER_S;
	h.now.n_workers = 2;
	h.now.worker[0].seen_ns = h.now.worker[1].seen_ns = h.now.now_ns;
	h.now.n_interfaces = 2;
	h.now.interface[0].name = "eth1";
	h.now.interface[1].name = "eth2";
	h.now.alerts.n_queues = 3;
	for (unsigned i = 0; i < 3; i++)
		h.now.alerts.queue[i].limit = 8192;
	h.now.alerts.keeps_log = true;
	h.now.alerts.log_limit = 1000;
	h.now.alerts.log_first = 1;
	h.now.alerts.log_last = 100;
	h.now.alerts.n_outputs = 2;
	h.now.alerts.output[0].name = "redis://a:6379";
	h.now.alerts.output[1].name = "stdout";
	h.now.alerts.output[0].trouble = h.now.alerts.output[1].trouble = "";
	assert_int_equal(look(0), 0);
	return 0;
}

static void packets(unsigned interface, uint64_t received, uint64_t dropped)
{
	h.now.total.source.received += received;
	h.now.interface[interface].received += received;
	h.now.interface[interface].dropped_ring += dropped;
}

static void both(uint64_t received, uint64_t dropped)
{
	packets(0, received / 2, dropped);
	packets(1, received - received / 2, 0);
}

static uint64_t counter(const struct health_change *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->names[i], name))
			return c->values[i];
	fail_msg("there is no counter %s", name);
	return 0;
}

static void expect(enum health_condition what, bool began, const char *about)
{
	assert_int_equal(n_told, 1);
	assert_int_equal(told[0].condition, what);
	assert_int_equal(told[0].began, began);
	assert_string_equal(told[0].about, about);
	assert_int_equal(health_is(&h, what), began);
}

static void a_sensor_in_order_tells_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		both(1000000, 0);
		assert_int_equal(look(LOOK), 0);
	}
	for (unsigned i = 0; i < HEALTH_CONDITIONS; i++) {
		assert_false(health_is(&h, (enum health_condition)i));
		assert_true(*health_condition_name((enum health_condition)i));
	}
}

static void drops_are_told_once_and_their_end_after_three_clean_looks(void **state)
{
	(void)state;
	both(999900, 100); /* 100 of a million: the bound itself */
	assert_int_equal(look(LOOK), 0);
	both(999899, 101);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_DROPS, true, "");
	assert_int_equal(told[0].kind, ALERT_SENSOR_DROPS);
	assert_int_equal(counter(&told[0], "dropped"), 101);
	assert_non_null(strstr(told[0].summary, "101 of 1000000 packets (0.010 %)"));
	for (int i = 0; i < 5; i++) { /* less, but more than half of the bound: it goes on */
		both(999925, 75);
		assert_int_equal(look(LOOK), 0);
	}
	for (int i = 0; i < 2; i++) {
		both(1000000, 0);
		assert_int_equal(look(LOOK), 0);
	}
	both(1000000, 1000); /* begins anew to be clean, and is not told again */
	assert_int_equal(look(LOOK), 0);
	for (int i = 0; i < 2; i++) {
		both(1000000, 0);
		assert_int_equal(look(LOOK), 0);
	}
	both(1000000, 0);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_DROPS, false, "");
	assert_int_equal(counter(&told[0], "lasted_s"), 110);
}

static void with_a_bound_of_nought_each_dropped_packet_is_told(void **state)
{
	(void)state;
	settings.health.drops_per_million = 0;
	both(UINT32_MAX, 0);
	assert_int_equal(look(LOOK), 0);
	both(UINT32_MAX, 1);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_DROPS, true, "");
}

static void a_few_drops_on_a_quiet_line_are_no_rate(void **state)
{
	(void)state;
	both(9, 9);
	assert_int_equal(look(LOOK), 0);
	both(9, 10);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_DROPS, true, "");
}

static void drops_before_the_first_look_are_no_news(void **state)
{
	(void)state;
	health_init(&h, &settings);
	h.now.now_ns = 5;
	h.now.n_interfaces = 1;
	h.now.interface[0] = (struct health_interface){.name = "eth1", .dropped_ring = 1000000};
	assert_int_equal(look(0), 0);
}

static void an_interface_that_falls_silent(void **state)
{
	(void)state;
	for (int i = 1; i < 60; i++) {
		packets(0, 10, 0);
		assert_int_equal(look(LOOK), 0);
	}
	packets(0, 10, 0);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_SILENCE, true, "eth2");
	assert_int_equal(counter(&told[0], "silent_s"), 600);
	packets(0, 10, 0);
	assert_int_equal(look(LOOK), 0);
	packets(0, 10, 0);
	packets(1, 1, 0);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_SILENCE, false, "eth2");
	assert_non_null(strstr(told[0].summary, "(eth2), after 20 s"));
	assert_int_equal(look(LOOK), 0);
}

static void an_interface_that_goes_away(void **state)
{
	(void)state;
	settings.health.silence_s = 0;
	packets(1, 10, 0);
	h.now.interface[1].failed = true;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_SILENCE, true, "eth2");
	assert_non_null(strstr(told[0].summary, "eth2 went down or away"));
	for (int i = 0; i < 100; i++)
		assert_int_equal(look(LOOK), 0);
}

static void silence_may_be_as_it_should(void **state)
{
	(void)state;
	settings.health.silence_s = 0;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(look(LOOK), 0);
}

static void a_worker_that_hangs(void **state)
{
	(void)state;
	h.now.worker[1].seen_ns -= LOOK;
	assert_int_equal(look(LOOK), 0); /* ten seconds are the bound */
	h.now.worker[1].seen_ns -= 1;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_WORKER, true, "worker 1");
	assert_int_equal(told[0].kind, ALERT_SENSOR_STALL);
	h.now.worker[1].seen_ns = h.now.now_ns;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_WORKER, false, "worker 1");
	h.now.worker[0].done = true;
	for (int i = 0; i < 5; i++)
		assert_int_equal(look(LOOK), 0);
}

static void limits_of_memory(void **state)
{
	(void)state;
	h.now.total.flows.ended[FLOW_EVICTED] = 3;
	h.now.total.classify.refused_bodies = 2;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_MEMORY, true, "");
	assert_int_equal(counter(&told[0], "flows_evicted"), 3);
	assert_int_equal(counter(&told[0], "bodies_refused"), 2);
	h.now.total.fragments.evicted = 1; /* again: not told, but the minute begins anew */
	assert_int_equal(look(LOOK), 0);
	h.now.total.classify.tcp.refused_segments = 1000; /* that is one connection's own bound */
	for (int i = 0; i < 5; i++)
		assert_int_equal(look(LOOK), 0);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_MEMORY, false, "");
}

static void queues_that_fill_or_lose(void **state)
{
	(void)state;
	h.now.alerts.queue[1].fullness = 799;
	assert_int_equal(look(LOOK), 0);
	h.now.alerts.queue[1].fullness = 800;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_QUEUE, true, "worker 1");
	assert_int_equal(told[0].kind, ALERT_SENSOR_GAP);
	h.now.alerts.queue[1].fullness = 600; /* not yet relaxed */
	for (int i = 0; i < 5; i++)
		assert_int_equal(look(LOOK), 0);
	h.now.alerts.queue[1].fullness = 499;
	assert_int_equal(look(LOOK) + look(LOOK), 0);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_QUEUE, false, "worker 1");
	h.now.alerts.queue[2].lost = 7;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_QUEUE, true, "sensor");
	assert_int_equal(counter(&told[0], "lost"), 7);
}

static void a_writer_that_hangs(void **state)
{
	(void)state;
	h.now.alerts.queue[0].waiting = 1;
	h.now.alerts.queue[0].taken = 1;
	assert_int_equal(look(LOOK), 0);
	assert_int_equal(look(LOOK - 1), 0);
	assert_int_equal(look(1), 1);
	expect(HEALTH_WRITER, true, "");
	h.now.alerts.queue[2].taken = 1;
	assert_int_equal(look(1), 1);
	expect(HEALTH_WRITER, false, "");
	h.now.alerts.queue[0].waiting = 0; /* nothing to do is no stall */
	for (int i = 0; i < 5; i++)
		assert_int_equal(look(LOOK), 0);
}

static void a_log_that_cannot_be_written(void **state)
{
	(void)state;
	h.now.alerts.log_failing = true;
	h.now.alerts.log_failing_ms = 4200;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_LOG, true, "");
	assert_int_equal(counter(&told[0], "failing_s"), 4);
	assert_int_equal(look(LOOK), 0);
	h.now.alerts.log_failing = false;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_LOG, false, "");
}

static void a_log_that_soon_loses_its_oldest(void **state)
{
	(void)state;
	h.now.alerts.log_bytes = 900; /* full of what was delivered: as it should be */
	h.now.alerts.log_untaken = 79;
	assert_int_equal(look(LOOK), 0);
	h.now.alerts.log_untaken = 80;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_FULL, true, "");
	assert_int_equal(counter(&told[0], "used_percent"), 90);
	h.now.alerts.log_untaken = 60;
	assert_int_equal(look(LOOK), 0);
	h.now.alerts.log_untaken = 59;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_FULL, false, "");
	h.now.alerts.log_bytes = 100; /* an outage with much room left */
	h.now.alerts.log_untaken = 100;
	assert_int_equal(look(LOOK), 0);
}

static void a_log_that_has_lost_some(void **state)
{
	(void)state;
	/* between two looks, where it runs full and on: told before the next one, once, and what went */
	h.now.alerts.log_bytes = 850;
	h.now.alerts.log_untaken = 90;
	n_told = 0;
	health_watch(&h, remember, NULL);
	assert_int_equal(n_told, 1);
	expect(HEALTH_FULL, true, "");
	assert_non_null(strstr(told[0].summary, "delivered: the oldest of them go next"));
	h.now.alerts.log_gone = 40;
	health_watch(&h, remember, NULL);
	assert_int_equal(n_told, 1);
	h.now.alerts.log_bytes = h.now.alerts.log_untaken = 0;
	assert_int_equal(look(LOOK), 0); /* it loses records */
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_FULL, false, "");
	h.now.alerts.log_gone = 41;
	h.now.alerts.log_untaken = 70;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_FULL, true, "");
	assert_non_null(strstr(told[0].summary, "41 older ones are lost already, and the oldest"));
	assert_int_equal(counter(&told[0], "gone"), 41);
}

static void delivery_that_lags(void **state)
{
	struct output_state *o = &h.now.alerts.output[0];

	(void)state;
	o->lag_ms = 3600000; /* of an earlier run: this one has its time */
	o->waiting = 3;
	for (int i = 0; i < 3; i++)
		assert_int_equal(look(LOOK), 0);
	o->lag_ms = 30000;
	assert_int_equal(look(LOOK), 0);
	o->lag_ms = 30001;
	o->trouble = "unreachable";
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_DELIVERY, true, "redis://a:6379");
	assert_int_equal(told[0].kind, ALERT_SENSOR_DELIVERY);
	assert_non_null(strstr(told[0].summary, "(not connected: unreachable)"));
	assert_non_null(strstr(told[0].summary, "3 records wait"));
	assert_non_null(strstr(told[0].summary, "nothing is lost yet"));
	o->lag_ms = 15001;
	assert_int_equal(look(LOOK), 0);
	o->lag_ms = 0;
	assert_int_equal(look(LOOK), 0);
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_DELIVERY, false, "redis://a:6379");
	h.now.alerts.output[1].lost = 5;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_DELIVERY, true, "stdout");
	o->lag_ms = 30001;
	o->gone = 4238;
	assert_int_equal(look(LOOK), 1);
	expect(HEALTH_DELIVERY, true, "redis://a:6379");
	assert_non_null(strstr(told[0].summary, "4238 older ones are lost"));
	assert_null(strstr(told[0].summary, "nothing is lost"));
	assert_int_equal(counter(&told[0], "gone"), 4238);
	settings.health.lag_s = 0; /* still told: what is lost is lost */
	h.now.alerts.output[1].lost = 6;
	o->lag_ms = 1000000;
	assert_int_equal(look(LOOK), 0);
}

static void several_at_once(void **state)
{
	(void)state;
	assert_int_equal(look(4 * LOOK), 0);
	both(1, 10);
	h.now.alerts.output[0].lag_ms = h.now.alerts.output[1].lag_ms = 99000;
	h.now.alerts.log_failing = true;
	assert_int_equal(look(LOOK), 4);
	assert_true(
	        health_is(&h, HEALTH_DROPS) && health_is(&h, HEALTH_LOG) && health_is(&h, HEALTH_DELIVERY));
	h.now.alerts.output[0].lag_ms = 0;
	h.now.alerts.log_failing = false;
	assert_int_equal(look(LOOK), 1); /* the log */
	assert_int_equal(look(LOOK), 1); /* one of the outputs; the other goes on */
	assert_false(told[0].began);
	assert_string_equal(told[0].about, "redis://a:6379");
	assert_true(health_is(&h, HEALTH_DELIVERY));
}

/* ---- how long the oldest has been waiting ----------------------------------------------------------------
 */

static void age_of_the_oldest(void **state)
{
	static struct lag_book b;

	(void)state;
	memset(&b, 0, sizeof(b));
	assert_int_equal(lag_ns(&b, 0, 100), 0);
	lag_note(&b, 10, 1000);
	lag_note(&b, 20, 2000);
	lag_note(&b, 20, 2500); /* nothing new */
	assert_int_equal(b.n, 2);
	assert_int_equal(lag_ns(&b, 0, 5000), 4000);
	assert_int_equal(lag_ns(&b, 9, 5000), 4000);
	assert_int_equal(lag_ns(&b, 10, 5000), 3000);
	assert_int_equal(lag_ns(&b, 20, 5000), 0);
	assert_int_equal(lag_ns(&b, 10, 1500), 0); /* never less than nothing */
	lag_note(&b, 5, 400);                      /* from an earlier run, found later */
	assert_int_equal(lag_ns(&b, 0, 5000), 4600);
	lag_forget(&b, 10);
	assert_int_equal(b.n, 1);
	assert_int_equal(lag_ns(&b, 0, 5000), 3000);
	lag_forget(&b, UINT64_MAX);
	assert_int_equal(b.n, 0);
}

/* An outage of a week, a sample a second: the answer stays near, and is never more than the truth. */
static void a_long_outage_takes_no_memory(void **state)
{
	static struct lag_book b;
	const int64_t week = 7 * 86400;

	(void)state;
	memset(&b, 0, sizeof(b));
	for (int64_t s = 1; s <= week; s++) {
		lag_note(&b, (uint64_t)s * 10, s);
		assert_true(b.n <= LAG_SAMPLES);
		assert_true(b.sample[b.n - 1].index == (uint64_t)s * 10);
	}
	for (int64_t s = 1; s <= week; s += 997) { /* taken up to what came in second s */
		int64_t got = lag_ns(&b, (uint64_t)s * 10 - 1, week), truth = week - s;

		assert_true(got <= truth && got >= truth - week / (LAG_SAMPLES / 4));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(a_sensor_in_order_tells_nothing, begin),
	        cmocka_unit_test_setup(drops_are_told_once_and_their_end_after_three_clean_looks, begin),
	        cmocka_unit_test_setup(with_a_bound_of_nought_each_dropped_packet_is_told, begin),
	        cmocka_unit_test_setup(a_few_drops_on_a_quiet_line_are_no_rate, begin),
	        cmocka_unit_test_setup(drops_before_the_first_look_are_no_news, begin),
	        cmocka_unit_test_setup(an_interface_that_falls_silent, begin),
	        cmocka_unit_test_setup(an_interface_that_goes_away, begin),
	        cmocka_unit_test_setup(silence_may_be_as_it_should, begin),
	        cmocka_unit_test_setup(a_worker_that_hangs, begin),
	        cmocka_unit_test_setup(limits_of_memory, begin),
	        cmocka_unit_test_setup(queues_that_fill_or_lose, begin),
	        cmocka_unit_test_setup(a_writer_that_hangs, begin),
	        cmocka_unit_test_setup(a_log_that_cannot_be_written, begin),
	        cmocka_unit_test_setup(a_log_that_soon_loses_its_oldest, begin),
	        cmocka_unit_test_setup(a_log_that_has_lost_some, begin),
	        cmocka_unit_test_setup(delivery_that_lags, begin),
	        cmocka_unit_test_setup(several_at_once, begin),
	        cmocka_unit_test(age_of_the_oldest),
	        cmocka_unit_test(a_long_outage_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
