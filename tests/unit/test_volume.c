/* test_volume.c - sums that span flows: bounds, doublings, days, first uses, and a flood of sources. */
#include "alerts/volume.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define DAY (86400 * NS_PER_S)

static struct settings settings;

static struct volumes *make(uint64_t flow, uint64_t source, uint64_t group)
{
	struct err e = {""};
	struct volumes *v;

	settings.volume.flow = flow;
	settings.volume.source_daily = source;
	settings.volume.group_daily = group;
	v = volumes_create(&settings, &e);
	assert_non_null(v);
	return v;
}

static struct record_head head(uint64_t bytes, uint64_t source, uint16_t group, int64_t when_ns)
{
	return (struct record_head){.type = EVENT_VOLUME,
	        .when_ns = when_ns,
	        .service = "openai-api",
	        .bytes_out = bytes,
	        .source_key = source,
	        .group = group,
	        .flow_key = source};
}

static void bounds_and_doublings(void **state)
{
	struct volumes *v = make(0, 1000, 0);
	struct volume_crossed c[VOLUME_BOUNDS];
	struct record_head h = head(100, 7, GROUP_NONE, DAY);
	char told[64] = "";

	(void)state;
	for (int i = 1; i <= 100; i++)
		if (volumes_add(v, &h, c)) {
			assert_string_equal(c[0].what, "from this source");
			assert_int_equal(c[0].bound, 1000);
			assert_int_equal(c[0].sum, 100 * i);
			snprintf(told + strlen(told), sizeof(told) - strlen(told), "%d ", 100 * i);
		}
	assert_string_equal(told, "1100 2100 4100 8100 ");
	/* the next day begins anew; another source has its own sum */
	h.when_ns += DAY;
	h.bytes_out = 1000;
	assert_int_equal(volumes_add(v, &h, c), 0);
	h.bytes_out = 1;
	assert_int_equal(volumes_add(v, &h, c), 1);
	h.source_key++;
	assert_int_equal(volumes_add(v, &h, c), 0);
	/* much at once is told once */
	h.bytes_out = 1 << 30;
	assert_int_equal(volumes_add(v, &h, c), 1);
	assert_int_equal(volumes_add(v, &h, c), 1);
	h.bytes_out = 0;
	assert_int_equal(volumes_add(v, &h, c), 0);
	volumes_destroy(v);
}

static void contracts_groups_and_connections(void **state)
{
	struct volumes *v = make(500, 0, 800);
	struct volume_crossed c[VOLUME_BOUNDS];
	struct record_head h = head(600, 7, 3, DAY);

	(void)state;
	h.entry_key = 11;
	h.budget = 1000;
	assert_int_equal(volumes_add(v, &h, c), 1);
	assert_string_equal(c[0].what, "on this connection");
	assert_int_equal(c[0].day, DAY_NONE);
	h.source_key = h.flow_key = 8; /* another source of the group, under the same contract */
	assert_int_equal(volumes_add(v, &h, c), 3);
	assert_string_equal(c[1].what, "from this group");
	assert_string_equal(c[2].what, "under this contract");
	assert_int_equal(c[2].sum, 1200);
	/* a source in no group counts for none */
	h = head(5000, 9, GROUP_NONE, DAY);
	h.flow_key = 10;
	assert_int_equal(volumes_add(v, &h, c), 1);
	volumes_destroy(v);
}

/* No bound, no sum, and nothing that grows: the largest sums of the day outlive a flood of small ones. */
static void flood(void **state)
{
	struct volumes *v = make(0, 1000000, 0);
	struct volume_crossed c[VOLUME_BOUNDS];
	struct record_head big = head(900000, 1, GROUP_NONE, DAY);

	(void)state;
	assert_int_equal(volumes_add(v, &big, c), 0);
	for (uint64_t i = 2; i < 500000; i++) {
		struct record_head h = head(10, i, GROUP_NONE, DAY);

		assert_int_equal(volumes_add(v, &h, c), 0);
	}
	big.bytes_out = 100001;
	assert_int_equal(volumes_add(v, &big, c), 1);
	volumes_destroy(v);
}

static void first_uses(void **state)
{
	struct volumes *v = make(0, 0, 0);
	struct record_head h = head(0, 7, 3, DAY);

	(void)state;
	h.type = EVENT_FLOW;
	assert_string_equal(volumes_first_use(v, &h), "group");
	assert_string_equal(volumes_first_use(v, &h), "");
	h.source_key = 8;
	assert_string_equal(volumes_first_use(v, &h), "source");
	h.type = EVENT_ALERT; /* flows and alerts each tell it */
	assert_string_equal(volumes_first_use(v, &h), "group");
	h.group = GROUP_NONE;
	h.source_key = 9;
	assert_string_equal(volumes_first_use(v, &h), "source");
	h.service[0] = '\0';
	assert_string_equal(volumes_first_use(v, &h), "");
	volumes_destroy(v);
}

static void texts(void **state)
{
	char buf[24];

	(void)state;
	assert_string_equal(volume_text(0, buf), "0 bytes");
	assert_string_equal(volume_text(1023, buf), "1023 bytes");
	assert_string_equal(volume_text(1536, buf), "1.5 KiB");
	assert_string_equal(volume_text(UINT64_MAX, buf), "16384.0 PiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(bounds_and_doublings),
	        cmocka_unit_test(contracts_groups_and_connections),
	        cmocka_unit_test(flood),
	        cmocka_unit_test(first_uses),
	        cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
