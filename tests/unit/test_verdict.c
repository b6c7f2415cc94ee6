/* test_verdict.c - the verdict table (docs/settings.md, "What a verdict means"): posture x entry x source x
 * day x account, and what a class of data means under each verdict. */
#include "classify/policy/verdict.h"

#include "base/clock.h"
#include "config/settings_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ENTRIES                                                                                              \
	"networks: {groups: {research: [10.20.0.0/16], lab: [10.20.99.0/24]}}\n"                             \
	"policy:\n"                                                                                          \
	"  posture: %s\n"                                                                                    \
	"  partners:\n"                                                                                      \
	"  - service: openai-api\n"                                                                          \
	"    contract: MSA-1\n"                                                                              \
	"    from: 2026-03-01\n"                                                                             \
	"    until: 2026-06-30\n"                                                                            \
	"    review: 2026-05-31\n"                                                                           \
	"    sources: [research, 10.30.7.0/24]\n"                                                            \
	"    accounts: [org-a, org-b]\n"                                                                     \
	"    data: {deny: [secret], allow: [source]}\n"                                                      \
	"  - service: groq\n"                                                                                \
	"    status: tolerated\n"                                                                            \
	"  - service: cohere\n"                                                                              \
	"    contract: LATER-2\n"                                                                            \
	"    status: tolerated\n"                                                                            \
	"    from: 2027-01-01\n"

static struct settings *with_posture[2];

static int set_up(void **state)
{
	static const char *const names[] = {[POSTURE_INSULAR] = "insular", [POSTURE_OPEN] = "open"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char text[2000];
		struct faults f;

		faults_init(&f);
		snprintf(text, sizeof(text), ENTRIES, names[i]);
		with_posture[i] = settings_parse("t.yaml", text, strlen(text), &f);
		if (!with_posture[i]) {
			faults_print(&f, stderr);
			return -1;
		}
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	settings_drop(with_posture[0]);
	settings_drop(with_posture[1]);
	return 0;
}

/* "2026-03-01 00:00:00.000000000" */
static int64_t moment(const char *text)
{
	char day[11];
	int32_t d;
	int h, m;
	double s;

	memcpy(day, text, 10);
	day[10] = '\0';
	assert_int_equal(time_parse_day(day, &d), 0);
	assert_int_equal(sscanf(text + 10, " %d:%d:%lf", &h, &m, &s), 3);
	return ((int64_t)d * 86400 + h * 3600 + m * 60) * NS_PER_S + (int64_t)(s * 1e9);
}

static struct verdict decide(
        enum posture p, const char *service, const char *source, const char *when, const char *account)
{
	const struct service *svc = service ? catalogue_by_id(with_posture[p]->catalogue, service) : NULL;
	struct account seen = {.n = account != NULL};
	struct ip_addr a;
	struct verdict v;

	if (account)
		snprintf(seen.id[0], sizeof(seen.id[0]), "%s", account);
	assert_true(!service || svc);
	assert_int_equal(ip_parse(source, &a), 0);
	memset(&v, 0xa5, sizeof(v));
	verdict_decide(with_posture[p], svc, &a, moment(when), &seen, &v);
	return v;
}

#define NOON "2026-04-15 12:00:00"
#define IN   "10.20.1.1"
#define BOTH -1

static void test_table(void **state)
{
	static const struct {
		int posture; /* BOTH, or one */
		const char *service, *source, *when, *account;
		enum verdict_value value;
		int kind;
		enum severity severity;
		bool first_use_only, review_due;
		const char *rule, *why;
	} rows[] = {
	        /* no service: nothing to decide */
	        {BOTH, NULL, IN, NOON, NULL, VERDICT_NONE, -1, SEVERITY_INFO, false, false, NULL, ""},
	        /* no entry */
	        {POSTURE_INSULAR, "anthropic-api", IN, NOON, NULL, VERDICT_UNAPPROVED,
	                ALERT_DESTINATION_UNAPPROVED, SEVERITY_HIGH, false, false, NULL,
	                "no partner entry, posture insular"},
	        {POSTURE_OPEN, "anthropic-api", IN, NOON, NULL, VERDICT_TOLERATED,
	                ALERT_DESTINATION_TOLERATED, SEVERITY_INFO, true, false, NULL,
	                "no partner entry, posture open"},
	        /* everything fits */
	        {BOTH, "openai-api", IN, NOON, NULL, VERDICT_APPROVED, -1, SEVERITY_INFO, false, false,
	                "t.yaml:5", "MSA-1 covers it"},
	        {BOTH, "openai-api", "10.30.7.255", NOON, "org-b", VERDICT_APPROVED, -1, SEVERITY_INFO, false,
	                false, "t.yaml:5", "MSA-1 covers it"},
	        /* status: tolerated */
	        {BOTH, "groq", "192.0.2.1", NOON, "anyone", VERDICT_TOLERATED, ALERT_DESTINATION_TOLERATED,
	                SEVERITY_LOW, true, false, "t.yaml:13", "the partner entry tolerates it"},
	        /* source */
	        {BOTH, "openai-api", "10.30.8.0", NOON, "org-a", VERDICT_UNAPPROVED, ALERT_DESTINATION_SOURCE,
	                SEVERITY_HIGH, false, false, "t.yaml:5", "MSA-1 does not cover this source"},
	        {BOTH, "openai-api", "10.20.99.1", NOON, "org-a", VERDICT_UNAPPROVED,
	                ALERT_DESTINATION_SOURCE, SEVERITY_HIGH, false, false, "t.yaml:5",
	                "MSA-1 does not cover this source"}, /* of the lab */
	        {BOTH, "openai-api", "2001:db8::1", NOON, NULL, VERDICT_UNAPPROVED, ALERT_DESTINATION_SOURCE,
	                SEVERITY_HIGH, false, false, "t.yaml:5", "MSA-1 does not cover this source"},
	        /* days, to the last second of UTC */
	        {BOTH, "openai-api", IN, "2026-02-28 23:59:59.999", NULL, VERDICT_UNAPPROVED,
	                ALERT_DESTINATION_EXPIRED, SEVERITY_HIGH, false, false, "t.yaml:5",
	                "MSA-1 begins only on 2026-03-01"},
	        {BOTH, "openai-api", IN, "2026-03-01 00:00:00", NULL, VERDICT_APPROVED, -1, SEVERITY_INFO,
	                false, false, "t.yaml:5", "MSA-1 covers it"},
	        {BOTH, "openai-api", IN, "2026-05-31 23:59:59.999", NULL, VERDICT_APPROVED, -1, SEVERITY_INFO,
	                false, false, "t.yaml:5", "MSA-1 covers it"},
	        {BOTH, "openai-api", IN, "2026-06-01 00:00:00", NULL, VERDICT_APPROVED, -1, SEVERITY_INFO,
	                false, true, "t.yaml:5", "MSA-1 covers it; its review was due on 2026-05-31"},
	        {BOTH, "openai-api", IN, "2026-06-30 23:59:59.999", NULL, VERDICT_APPROVED, -1, SEVERITY_INFO,
	                false, true, "t.yaml:5", "MSA-1 covers it; its review was due on 2026-05-31"},
	        {BOTH, "openai-api", IN, "2026-07-01 00:00:00", NULL, VERDICT_UNAPPROVED,
	                ALERT_DESTINATION_EXPIRED, SEVERITY_HIGH, false, false, "t.yaml:5",
	                "MSA-1 ended on 2026-06-30"},
	        {BOTH, "cohere", IN, NOON, NULL, VERDICT_UNAPPROVED, ALERT_DESTINATION_EXPIRED, SEVERITY_HIGH,
	                false, false, "t.yaml:15",
	                "LATER-2 begins only on 2027-01-01"}, /* tolerated does not help before it begins */
	        /* account: only when visible; source and day are looked at before */
	        {BOTH, "openai-api", IN, NOON, "org-c", VERDICT_UNAPPROVED, ALERT_DESTINATION_ACCOUNT,
	                SEVERITY_HIGH, false, false, "t.yaml:5", "MSA-1 does not list this account"},
	        {BOTH, "openai-api", IN, NOON, "ORG-A", VERDICT_UNAPPROVED, ALERT_DESTINATION_ACCOUNT,
	                SEVERITY_HIGH, false, false, "t.yaml:5", "MSA-1 does not list this account"},
	        {BOTH, "openai-api", "10.40.0.1", NOON, "org-c", VERDICT_UNAPPROVED, ALERT_DESTINATION_SOURCE,
	                SEVERITY_HIGH, false, false, "t.yaml:5", "MSA-1 does not cover this source"},
	        {BOTH, "openai-api", IN, "2026-07-01 00:00:00", "org-c", VERDICT_UNAPPROVED,
	                ALERT_DESTINATION_EXPIRED, SEVERITY_HIGH, false, false, "t.yaml:5",
	                "MSA-1 ended on 2026-06-30"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (int p = 0; p < 2; p++) {
			struct verdict v;

			if (rows[i].posture != BOTH && rows[i].posture != p)
				continue;
			v = decide((enum posture)p, rows[i].service, rows[i].source, rows[i].when,
			        rows[i].account);
			if (v.value != rows[i].value || v.kind != rows[i].kind ||
			        v.severity != rows[i].severity)
				fail_msg("row %zu: %s, kind %d, severity %s", i, verdict_name(v.value),
				        v.kind, severity_name(v.severity));
			assert_int_equal(v.first_use_only, rows[i].first_use_only);
			assert_int_equal(v.review_due, rows[i].review_due);
			assert_string_equal(v.why, rows[i].why);
			if (rows[i].rule)
				assert_string_equal(v.partner->rule, rows[i].rule);
			else
				assert_null(v.partner);
		}
}

static void test_severity_of_settings(void **state)
{
	static const char text[] = "policy: {posture: open, partners: [{service: groq, status: tolerated}]}\n"
	                           "alerts: {severity: {destination.tolerated: high}}\n";
	struct settings *was = with_posture[POSTURE_OPEN];
	struct faults f;

	(void)state;
	faults_init(&f);
	with_posture[POSTURE_OPEN] = settings_parse("t.yaml", text, strlen(text), &f);
	assert_non_null(with_posture[POSTURE_OPEN]);
	assert_int_equal(decide(POSTURE_OPEN, "groq", IN, NOON, NULL).severity, SEVERITY_HIGH);
	assert_int_equal(
	        decide(POSTURE_OPEN, "cohere", IN, NOON, NULL).severity, SEVERITY_MEDIUM); /* one lower */
	settings_drop(with_posture[POSTURE_OPEN]);
	with_posture[POSTURE_OPEN] = was;
}

static void test_payload(void **state)
{
	static const struct {
		enum posture posture;
		const char *service, *source;
		enum data_class class;
		bool alert;
		enum severity from_high, from_info;
	} rows[] = {
	        {POSTURE_INSULAR, "openai-api", IN, CLASS_SECRET, true, SEVERITY_HIGH,
	                SEVERITY_INFO}, /* deny */
	        {POSTURE_INSULAR, "openai-api", IN, CLASS_SOURCE, false, SEVERITY_HIGH,
	                SEVERITY_INFO}, /* allow */
	        {POSTURE_INSULAR, "openai-api", IN, CLASS_PII, true, SEVERITY_MEDIUM,
	                SEVERITY_INFO}, /* neither */
	        {POSTURE_INSULAR, "groq", IN, CLASS_PII, true, SEVERITY_MEDIUM,
	                SEVERITY_INFO}, /* tolerated */
	        {POSTURE_INSULAR, "anthropic-api", IN, CLASS_PII, true, SEVERITY_HIGH,
	                SEVERITY_INFO}, /* no entry */
	        {POSTURE_OPEN, "anthropic-api", IN, CLASS_PII, true, SEVERITY_HIGH, SEVERITY_INFO},
	        {POSTURE_INSULAR, NULL, IN, CLASS_PII, true, SEVERITY_HIGH,
	                SEVERITY_INFO}, /* no AI service */
	        /* an entry that does not cover the source permits nothing */
	        {POSTURE_INSULAR, "openai-api", "10.40.0.1", CLASS_SOURCE, true, SEVERITY_HIGH,
	                SEVERITY_INFO},
	        {POSTURE_INSULAR, "openai-api", "10.40.0.1", CLASS_PII, true, SEVERITY_HIGH, SEVERITY_INFO},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct verdict v = decide(rows[i].posture, rows[i].service, rows[i].source, NOON, NULL);
		struct payload_verdict high = verdict_payload(&v, rows[i].class, SEVERITY_HIGH);
		struct payload_verdict info = verdict_payload(&v, rows[i].class, SEVERITY_INFO);

		assert_int_equal(high.alert, rows[i].alert);
		assert_int_equal(high.severity, rows[i].from_high);
		assert_int_equal(info.severity, rows[i].from_info);
		assert_true(strlen(high.why) > 0);
	}
}

static void test_long_contract_fits(void **state)
{
	char text[600], contract[301];
	struct settings *was = with_posture[POSTURE_INSULAR];
	struct verdict v;
	struct faults f;

	(void)state;
	memset(contract, 'c', 300);
	contract[300] = '\0';
	snprintf(text, sizeof(text),
	        "policy: {partners: [{service: groq, contract: %s, review: 2026-01-01, until: "
	        "2026-12-31}]}\n",
	        contract);
	faults_init(&f);
	with_posture[POSTURE_INSULAR] = settings_parse("t.yaml", text, strlen(text), &f);
	v = decide(POSTURE_INSULAR, "groq", IN, NOON, NULL);
	assert_true(strlen(v.why) < sizeof(v.why));
	assert_non_null(strstr(v.why, "2026-01-01"));
	settings_drop(with_posture[POSTURE_INSULAR]);
	with_posture[POSTURE_INSULAR] = was;
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(verdict_name(VERDICT_NONE), "");
	assert_string_equal(verdict_name(VERDICT_APPROVED), "approved");
	assert_string_equal(verdict_name(VERDICT_TOLERATED), "tolerated");
	assert_string_equal(verdict_name(VERDICT_UNAPPROVED), "unapproved");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_table),
	        cmocka_unit_test(test_severity_of_settings),
	        cmocka_unit_test(test_payload),
	        cmocka_unit_test(test_long_contract_fits),
	        cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
