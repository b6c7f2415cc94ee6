/* test_suppress.c - which alerts a rule of alerts.suppress fits: every condition by itself, and together. */
#include "config/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define DAY 20600

static const struct suppress_rule any = {.id = "r", .until = DAY, .kind = -1, .class = -1};

static bool fits(const struct suppress_rule *rule, const struct suppress_subject *s)
{
	struct suppress_rules list = {rule, 1};

	return suppress_find(&list, s) == rule;
}

/* An alert about a card number and a phone number in messages[0].content. */
static struct suppress_subject subject(void)
{
	static const struct suppress_value values[] = {
	        {"payment-card", "messages[0].content", "k:1", CLASS_FINANCIAL},
	        {"phone-number", "messages[0].content[1].text", "k:2", CLASS_PII}};
	static struct ip_addr source;

	source = ip_from4((const uint8_t[]){10, 3, 0, 7});
	return (struct suppress_subject){.kind = ALERT_PAYLOAD_SENSITIVE,
	        .day = DAY,
	        .service = "openai-api",
	        .host = "api.openai.com",
	        .source = &source,
	        .group = 2,
	        .value = values,
	        .n_values = 1};
}

static void until_the_day(void **state)
{
	struct suppress_subject s = subject();

	(void)state;
	assert_true(fits(&any, &s));
	s.day = DAY + 1;
	assert_false(fits(&any, &s));
}

static void conditions(void **state)
{
	static const uint16_t group2[] = {1, 2}, group3[] = {3};
	static const struct cidr net = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 3, 0, 0}}, 112},
	                         other = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 4, 0, 0}}, 112};
	static const struct {
		struct suppress_rule rule;
		bool fits;
	} rows[] = {
#define RULE(...) {.id = "r", .until = DAY, .kind = -1, .class = -1, __VA_ARGS__}
	        {{.id = "r", .until = DAY, .class = -1, .kind = ALERT_PAYLOAD_SENSITIVE}, true},
	        {{.id = "r", .until = DAY, .class = -1, .kind = ALERT_VOLUME_EXCEEDED}, false},
	        {RULE(.service = "openai-api"), true},
	        {RULE(.service = "openai"), false},
	        {RULE(.host = "api.openai.com"), true},
	        {RULE(.host = ".openai.com"), true},
	        {RULE(.host = ".com"), true},
	        {RULE(.host = ".api.openai.com"), false},
	        {RULE(.host = ".penai.com"), false},
	        {RULE(.host = "openai.com"), false},
	        {RULE(.groups = group2, .n_groups = 2), true},
	        {RULE(.groups = group3, .n_groups = 1), false},
	        {RULE(.sources = &net, .n_sources = 1), true},
	        {RULE(.sources = &other, .n_sources = 1), false},
	        {RULE(.groups = group3, .n_groups = 1, .sources = &net, .n_sources = 1), true},
	        {RULE(.detector = "payment-card"), true},
	        {RULE(.detector = "phone-number"), false},
	        {RULE(.field = "messages[0].content"), true},
	        {RULE(.field = "messages"), true},
	        {RULE(.field = "messages[0].conten"), false},
	        {RULE(.token = "k:1"), true},
	        {RULE(.token = "k:2"), false},
	        {{.id = "r", .until = DAY, .kind = -1, .class = CLASS_FINANCIAL}, true},
	        {{.id = "r", .until = DAY, .kind = -1, .class = CLASS_PII}, false},
	        {RULE(.service = "openai-api", .detector = "payment-card", .host = ".evil.example"), false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct suppress_subject s = subject();

		if (fits(&rows[i].rule, &s) != rows[i].fits)
			fail_msg("row %zu", i);
	}
}

/* One value that the rule does not know is enough to be called. */
static void every_value(void **state)
{
	const struct suppress_rule
	        card = {.id = "c", .until = DAY, .kind = -1, .class = -1, .detector = "payment-card"},
	        both = {.id = "b", .until = DAY, .kind = -1, .class = -1, .field = "messages[0].content"};
	struct suppress_subject s = subject();

	(void)state;
	s.n_values = 2;
	assert_false(fits(&card, &s));
	assert_true(fits(&both, &s));
	s.n_values = 0;
	assert_false(fits(&card, &s));
}

static void the_first_that_fits(void **state)
{
	struct suppress_rule r[3] = {any, any, any};
	struct suppress_rules list = {r, 3};
	struct suppress_subject s = subject();

	(void)state;
	r[0].service = "anthropic-api";
	assert_ptr_equal(suppress_find(&list, &s), &r[1]);
	r[1].until = DAY - 1;
	assert_ptr_equal(suppress_find(&list, &s), &r[2]);
	s.source = NULL;
	assert_ptr_equal(suppress_find(&list, &s), &r[2]);
	list.n = 0;
	assert_null(suppress_find(&list, &s));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(until_the_day),
	        cmocka_unit_test(conditions),
	        cmocka_unit_test(every_value),
	        cmocka_unit_test(the_first_that_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
