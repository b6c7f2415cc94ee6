/* test_trim_tell.c - which losses of a group are told when streams keep what the log does not: no loss of a
 * group that had read all, none left out because it cannot be counted. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/trim_internal.h"
#include "tests/unit/log_util.h"

#define ALERTS 0
#define HEALTH 2

static struct output out;
static struct log *own_log;
static struct settings settings;
static struct publisher pub;
static struct trim *trim;

static int begin_trim(void **state)
{
	static const struct output_ops none = {.take = NULL};

	if (begin(state))
		return -1;
	own_log = open_log();
	output_init(&out, &none, "redis");
	pub = (struct publisher){.log = own_log,
	        .out = &out,
	        .sensor = "fra1",
	        .key_stream = {"leaktap:{fra1}:alerts", "leaktap:{fra1}:flows", "leaktap:{fra1}:health"}};
	trim = trim_create(&pub, &settings, 0);
	return trim ? 0 : -1;
}

static int end_trim(void **state)
{
	trim_destroy(trim);
	output_clear(&out);
	log_close(own_log);
	return end(state);
}

static struct trim_place place(uint64_t first, uint64_t first_ordinal, uint64_t last, uint64_t last_ordinal)
{
	return (struct trim_place){.there = true,
	        .length = first_ordinal ? last_ordinal - first_ordinal + 1 : 0,
	        .first = {T0_MS, first},
	        .last = {T0_MS, last},
	        .first_ordinal = first_ordinal,
	        .last_ordinal = last_ordinal};
}

/* Two looks at a stream with a group that was given all up to `given`: is there a gap to tell? */
static bool told(unsigned stream, struct trim_place before, struct trim_place now, uint64_t given,
        struct record_note *n)
{
	struct trim_key *k = &trim->key[stream];

	k->before = before;
	k->now = k->middle = now;
	k->known = true;
	k->n = 1;
	k->group[0] = (struct trim_group){.name = "siem",
	        .known = true,
	        .was = {T0_MS, given},
	        .delivered = {T0_MS, given},
	        .oldest = {UINT64_MAX, UINT64_MAX}};
	trim->notes = 2;
	trim_account(trim, k);
	trim_tell(trim);
	k->n = 0;
	k->now.there = false;
	return output_take_note(&out, n);
}

static uint64_t counter(const struct record_note *n, const char *name)
{
	for (size_t i = 0; i < n->n; i++)
		if (!strcmp(n->names[i], name))
			return n->values[i];
	return 0;
}

static void a_group_that_had_all(void **state)
{
	struct record_note n;

	(void)state;
	/* the stream was empty, with an alert that it forgot; an alert came */
	assert_false(told(ALERTS, place(6, 0, 5, 0), place(90, 6, 90, 6), 5, &n));
	assert_false(told(ALERTS, place(6, 0, 5, 5), place(90, 6, 90, 6), 5, &n));
	/* all that stood there was read and went, with two that came between the looks */
	assert_true(told(ALERTS, place(1, 1, 5, 5), place(90, 8, 90, 8), 5, &n));
	assert_int_equal(counter(&n, "lost_alerts"), 2);
	assert_int_equal(counter(&n, "first_alert"), 6);
	assert_int_equal(counter(&n, "last_alert"), 7);
	assert_false(told(ALERTS, place(1, 1, 5, 5), place(6, 0, 5, 5), 5, &n));
	assert_false(told(HEALTH, place(1, 1, 5, 5), place(90, 6, 90, 6), 5, &n));
}

static void what_the_log_does_not_keep(void **state)
{
	struct record_note n;

	(void)state;
	/* given 3 of 20, and 15 is the first that is left: how many of :health went, only the log could say
	 */
	assert_true(told(HEALTH, place(1, 1, 20, 20), place(15, 15, 20, 20), 3, &n));
	assert_string_equal(n.group, "siem");
	assert_int_equal(counter(&n, "first_index"), 4);
	assert_int_equal(counter(&n, "last_index"), 14);
	assert_int_equal(counter(&n, "lost_sensor"), 0);
}

static void what_the_log_keeps(void **state)
{
	struct record_note n;

	(void)state;
	put(own_log, EVENT_FLOW, 4, T0_MS);
	put(own_log, EVENT_SENSOR, 6, T0_MS);
	put(own_log, EVENT_FLOW, 20, T0_MS);
	assert_true(told(HEALTH, place(5, 1, 10, 6), place(9, 5, 10, 6), 6, &n));
	assert_int_equal(counter(&n, "lost_sensor"), 2);
	assert_int_equal(counter(&n, "first_sensor"), 3);
	assert_false(told(HEALTH, place(5, 1, 10, 6), place(30, 7, 30, 7), 10, &n));
}

/* The same, but with our own trim in the second look, from `middle` to `now`. */
static bool told_of(bool known, bool perhaps, struct trim_place middle, struct trim_place now, uint64_t given,
        struct record_note *n)
{
	struct trim_key *k = &trim->key[ALERTS];

	k->before = place(1, 1, 20, 20);
	k->middle = middle;
	k->now = now;
	k->known = known;
	k->perhaps = perhaps;
	k->n = 1;
	k->group[0] = (struct trim_group){.name = "siem",
	        .known = known,
	        .delivered = {T0_MS, given},
	        .oldest = {UINT64_MAX, UINT64_MAX}};
	trim->notes = 2;
	trim_account(trim, k);
	trim_tell(trim);
	k->n = 0;
	return output_take_note(&out, n);
}

static void whose_trims_these_were(void **state)
{
	struct trim_place all = place(1, 1, 20, 20), some = place(10, 10, 20, 20),
	                  few = place(15, 15, 20, 20);
	struct record_note n;

	(void)state;
	put(own_log, EVENT_ALERT, 20, T0_MS);
	/* the first look of a run: what stood there before is not known, what we trim is */
	assert_true(told_of(false, false, some, few, 3, &n));
	assert_int_equal(counter(&n, "first_alert"), 10);
	assert_int_equal(counter(&n, "lost_alerts"), 5);
	assert_non_null(strstr(n.summary, "which alerts.streams.max_entries trimmed"));
	assert_true(told_of(true, false, all, few, 3, &n));
	assert_int_equal(counter(&n, "lost_alerts"), 11);
	assert_non_null(strstr(n.summary, "which alerts.streams.max_entries trimmed"));
	assert_true(told_of(true, false, few, few, 3, &n));
	assert_int_equal(counter(&n, "lost_alerts"), 11);
	assert_non_null(strstr(n.summary, "which somebody else trimmed"));
	/* by both; or by us, who had no answer to our last trim */
	assert_true(told_of(true, false, some, few, 3, &n));
	assert_int_equal(counter(&n, "lost_alerts"), 11);
	assert_non_null(strstr(n.summary, "max_entries, or somebody else, trimmed"));
	assert_true(told_of(true, true, few, few, 3, &n));
	assert_non_null(strstr(n.summary, "max_entries, or somebody else, trimmed"));
	assert_false(told_of(true, false, some, few, 14, &n));
}

/* With more to tell than there is room for, none is forgotten at the end. */
static void the_rest(void **state)
{
	struct trim_key *k = &trim->key[ALERTS];
	struct record_note n;
	unsigned all = 0;

	(void)state;
	put(own_log, EVENT_ALERT, 20, T0_MS);
	k->middle = place(1, 1, 20, 20);
	k->now = place(15, 15, 20, 20);
	for (k->n = 0; k->n < 20; k->n++) {
		k->group[k->n] = (struct trim_group){.oldest = {UINT64_MAX, UINT64_MAX}};
		snprintf(k->group[k->n].name, sizeof(k->group[k->n].name), "g%zu", k->n);
	}
	trim_account(trim, k);
	for (bool done = false; !done;) {
		done = trim_tell_rest(trim);
		while (output_take_note(&out, &n)) {
			char name[16];

			snprintf(name, sizeof(name), "g%u", all++);
			assert_string_equal(n.group, name);
			assert_int_equal(counter(&n, "lost_alerts"), 14);
		}
	}
	assert_int_equal(all, 20);
}

/* A group that was given nothing of a stream whose records are all older than the retention, but the last. */
static bool dead(unsigned stream, uint64_t first, uint64_t last, struct record_note *n)
{
	struct trim_key *k = &trim->key[stream];

	trim->cutoff = (struct stream_id){T0_MS + 1, 0};
	k->before = k->middle = k->now = place(first, 1, last, last - first + 1);
	k->now.last.ms++;
	k->n = 1;
	k->group[0] = (struct trim_group){
	        .name = "siem", .held = {T0_MS, first}, .oldest = {UINT64_MAX, UINT64_MAX}};
	trim->notes = 2;
	trim_tell(trim);
	k->n = 0;
	k->now.there = false;
	return output_take_note(&out, n);
}

static void how_much_of_health_a_group_holds(void **state)
{
	struct record_note n;

	(void)state;
	put(own_log, EVENT_FLOW, 4, T0_MS);
	put(own_log, EVENT_SENSOR, 6, T0_MS);
	put(own_log, EVENT_FLOW, 20, T0_MS);
	put(own_log, EVENT_SENSOR, 3, T0_MS);
	put(own_log, EVENT_SENSOR, 2, T0_MS + 1);
	assert_true(dead(HEALTH, 5, 35, &n));
	assert_int_equal(counter(&n, "held_entries"), 9);
	assert_non_null(strstr(n.summary, "so 9 entries stay"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(a_group_that_had_all, begin_trim, end_trim),
	        cmocka_unit_test_setup_teardown(what_the_log_does_not_keep, begin_trim, end_trim),
	        cmocka_unit_test_setup_teardown(what_the_log_keeps, begin_trim, end_trim),
	        cmocka_unit_test_setup_teardown(whose_trims_these_were, begin_trim, end_trim),
	        cmocka_unit_test_setup_teardown(the_rest, begin_trim, end_trim),
	        cmocka_unit_test_setup_teardown(how_much_of_health_a_group_holds, begin_trim, end_trim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
