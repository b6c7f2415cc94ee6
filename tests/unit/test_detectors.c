/* test_detectors.c - reading detectors: what is accepted, and every fault with its place. */
#include "classify/detect/detect.h"
#include "config/detectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GOOD                                                                                                 \
	"detectors:\n  - id: test-one\n    name: a test\n    class: secret\n    severity: high\n    "        \
	"confidence: 80\n"                                                                                   \
	"    anchors: [tok_]\n    expressions: ['\\<(tok_[a-z]{8})\\>']\n    positive: [[tok_, abcdefgh]]\n" \
	"    negative: [tok_abc]\n"

static struct detectors *load_text(const char *text, struct faults *f)
{
	char path[] = "/tmp/leaktap-test-XXXXXX.yaml";
	const char *places[] = {path};
	int fd = mkstemps(path, 5);
	struct detectors *d;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	faults_init(f);
	d = detectors_load(places, 1, f);
	unlink(path);
	return d;
}

static void test_good(void **state)
{
	struct faults f;
	struct detectors *d = load_text(GOOD, &f);
	const struct detector *one;

	(void)state;
	assert_non_null(d);
	assert_int_equal(detectors_count(d), 1);
	one = detectors_by_id(d, "test-one");
	assert_ptr_equal(one, detectors_at(d, 0));
	assert_null(detectors_by_id(d, "other"));
	assert_null(detectors_at(d, 1));
	assert_string_equal(one->positive[0].text, "tok_abcdefgh");
	assert_int_equal(one->class, CLASS_SECRET);
	assert_int_equal(one->severity, SEVERITY_HIGH);
	assert_int_equal(one->confidence_context, 80);
	assert_int_equal(one->alert_from, 1);
	assert_int_equal(one->window, 64);
	assert_int_equal(one->line, 2);
	assert_string_equal(one->mask_keep, "");
	detectors_free(d);
	faults_clear(&f);
}

static const struct {
	const char *from, *to; /* what of GOOD becomes what */
	unsigned line;
	const char *says;
} bad[] = {
        {"class: secret", "class: secrets", 4, "none of secret"},
        {"severity: high", "severity: huge", 5, "none of info"},
        {"confidence: 80", "confidence: 180", 6, "number from 1 to 100"},
        {"confidence: 80", "confidence: 8x", 6, "number from 1 to 100"},
        {"confidence: 80", "confidense: 80", 6, "did you mean `confidence'"},
        {"name: a test", "caseless: yes", 3, "true or false"},
        {"id: test-one", "id: Test One", 2, "lower-case"},
        {"    negative: [tok_abc]\n", "", 2, "lacks `negative'"},
        {"    anchors: [tok_]\n", "", 2, "one of `anchors', `digits' and `run'"},
        {"anchors: [tok_]", "anchors: [tok_]\n    run: 40", 2, "one of `anchors', `digits' and `run'"},
        {"anchors: [tok_]", "run: 39", 7, "`run' must be a count or a range within 40-512, not `39'"},
        {"anchors: [tok_]", "run: 60-50", 7, "within 40-512, not `60-50'"},
        {"anchors: [tok_]", "run: 40\n    body_only: maybe", 8, "`body_only' must be true or false"},
        {"anchors: [tok_]", "anchors: tok_", 7, "must be a list"},
        {"anchors: [tok_]", "digits: 3-99", 7, "within 4-40"},
        {"anchors: [tok_]", "anchors: ['']", 7, "empty"},
        {"negative: [tok_abc]", "negative: [{a: b}]", 10, "texts or lists"},
        {"name: a test", "name: [a]", 3, "one value"},
        {"confidence: 80", "confidence: 80\n    context_required: true", 2, "names no words"},
        {"confidence: 80", "confidence: 80\n    context_sentence: maybe", 7,
                "`context_sentence' must be true or false"},
        {"confidence: 80", "confidence: 80\n    mask_keep: abcdefghijklmnopq", 7, "longer than 16"},
        {"detectors:\n", "detektors:\n", 1, "list named `detectors'"},
        {"detectors:\n", "detectors: 1\nx:\n", 1, "list named `detectors'"},
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *at = strstr(GOOD, bad[i].from);
		char text[4096];
		struct faults f;
		bool said = false;

		assert_non_null(at);
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, bad[i].to,
		        at + strlen(bad[i].from));
		if (load_text(text, &f))
			fail_msg("`%s' is accepted", bad[i].to);
		for (size_t k = 0; k < f.n; k++)
			said |= strstr(f.list[k].text, bad[i].says) && f.list[k].line == bad[i].line;
		if (!said)
			fail_msg(
			        "`%s': %s:%u: %s", bad[i].to, f.list[0].file, f.list[0].line, f.list[0].text);
		faults_clear(&f);
	}
}

static void test_taken_id(void **state)
{
	char text[8192];
	struct faults f;

	(void)state;
	snprintf(text, sizeof(text), "%s%s", GOOD, strstr(GOOD, "  - id"));
	assert_null(load_text(text, &f));
	assert_int_equal(f.n, 1);
	assert_non_null(strstr(f.list[0].text, "is taken"));
	faults_clear(&f);
}

/* All faults of a file are told in one run. */
static void test_many_faults(void **state)
{
	struct faults f;

	(void)state;
	assert_null(load_text(
	        "detectors:\n  - id: A\n    class: x\n    severity: y\n    confidence: z\n    huh: 1\n", &f));
	assert_true(f.n >= 8);
	faults_clear(&f);
}

static void test_missing_place(void **state)
{
	const char *places[] = {"/nonexistent/detectors"};
	struct faults f;

	(void)state;
	faults_init(&f);
	assert_null(detectors_load(places, 1, &f));
	assert_int_equal(f.n, 1);
	faults_clear(&f);
}

/* What only the engine can judge: expressions, anchors, validators.  The message names file, line and
 * detector. */
static void test_engine_refuses(void **state)
{
	static const struct {
		const char *from, *to, *says;
	} cases[] = {
	        {"[a-z]{8}", "[a-z{8}", "`]' is missing"},
	        {"[tok_]", "['tok_.*']", "must match 1 to"},
	        {"[tok_]", "['(tok']", "anchor"},
	        {"confidence: 80", "confidence: 80\n    validators: [luhnn]",
	                "there is no validator `luhnn'"},
	        {"confidence: 80", "confidence: 80\n    exclude: ['/(/']", "exclude"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *at = strstr(GOOD, cases[i].from);
		char text[4096];
		struct faults f;
		struct err e = {""};
		struct detectors *d;

		snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, cases[i].to,
		        at + strlen(cases[i].from));
		d = load_text(text, &f);
		assert_non_null(d);
		assert_null(detect_engine_create(d, NULL, 0, NULL, &e));
		if (!strstr(e.text, cases[i].says) || !strstr(e.text, ":2: detector test-one"))
			fail_msg("`%s': %s", cases[i].to, e.text);
		detectors_free(d);
		faults_clear(&f);
	}
}

static void test_shipped(void **state)
{
	const char *places[] = {"config/detectors"};
	struct faults f;
	struct detectors *d;

	(void)state;
	faults_init(&f);
	d = detectors_load(places, 1, &f);
	faults_print(&f, stderr);
	assert_non_null(d);
	assert_true(detectors_count(d) >= 30);
	for (size_t i = 0; i < detectors_count(d); i++)
		assert_int_equal(detectors_at(d, i)->index, i);
	detectors_free(d);
	faults_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_good),
	        cmocka_unit_test(test_faults),
	        cmocka_unit_test(test_taken_id),
	        cmocka_unit_test(test_many_faults),
	        cmocka_unit_test(test_missing_place),
	        cmocka_unit_test(test_engine_refuses),
	        cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
