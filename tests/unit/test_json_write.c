/* test_json_write.c - the JSON writer (RFC 8259): valid whatever goes in, honest when full. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static void writes_every_kind_of_value(void **state)
{
	static const char want[] =
	        "{\"s\":\"text\",\"n\":null,\"u\":18446744073709551615,\"i\":-9223372036854775808,"
	        "\"z\":0,\"t\":true,\"f\":false,\"p\":[1,2],\"a\":[\"x\",{},[],{\"y\":1}],\"r\":[1]}";
	char buf[512];
	struct json j;

	(void)state;
	json_init(&j, buf, sizeof(buf));
	json_object(&j, NULL);
	json_string(&j, "s", "text");
	json_string(&j, "n", NULL);
	json_u64(&j, "u", UINT64_MAX);
	json_i64(&j, "i", INT64_MIN);
	json_i64(&j, "z", 0);
	json_bool(&j, "t", true);
	json_bool(&j, "f", false);
	json_pair(&j, "p", 1, 2);
	json_array(&j, "a");
	json_string(&j, NULL, "x");
	json_object(&j, NULL);
	json_end_object(&j);
	json_array(&j, NULL);
	json_end_array(&j);
	json_object(&j, NULL);
	json_u64(&j, "y", 1);
	json_end_object(&j);
	json_end_array(&j);
	json_raw(&j, "r", "[1]", 3);
	json_end_object(&j);
	assert_false(j.full);
	assert_int_equal(j.len, sizeof(want) - 1);
	assert_memory_equal(buf, want, j.len);
}

static void check_string(const void *in, size_t n, const char *want, uint32_t replaced)
{
	uint8_t *copy = malloc(n ? n : 1);
	char buf[128];
	struct json j;

	assert_non_null(copy);
	memcpy(copy, in, n);
	json_init(&j, buf, sizeof(buf));
	json_bytes(&j, NULL, copy, n);
	free(copy);
	assert_int_equal(j.len, strlen(want));
	assert_memory_equal(buf, want, j.len);
	assert_int_equal(j.replaced, replaced);
}

/* RFC 8259 7: quote, backslash and control characters must be escaped; RFC 3629 for the rest. */
static void escapes_what_must_be_and_repairs_utf8(void **state)
{
	(void)state;
	check_string("", 0, "\"\"", 0);
	check_string("a\"b\\c", 5, "\"a\\\"b\\\\c\"", 0);
	/* C1 controls, which terminals may obey: CSI is U+009B */
	check_string("\xc2\x9b"
	             "2J\xc2\x80\xc2\xa0",
	        8, "\"\\u009b2J\\u0080\xc2\xa0\"", 0);
	check_string("\n\t\x1b\0\x1f", 5, "\"\\n\\u0009\\u001b\\u0000\\u001f\"", 0);
	check_string("\x7f", 1, "\"\\u007f\"", 0); /* allowed raw, but no terminal needs it */
	check_string(
	        "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", 0);
	check_string("a\xff"
	             "b",
	        3,
	        "\"a\xef\xbf\xbd"
	        "b\"",
	        1);
	check_string("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3); /* a surrogate */
	check_string("\xc0\xaf", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"", 2);                 /* overlong '/' */
	check_string("\xf4\x90\x80\x80", 4, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 4);
	check_string("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"", 2); /* cut */
}

static void says_when_it_is_full_and_stays_within(void **state)
{
	char whole[256];
	struct json j;

	(void)state;
	for (size_t cap = 0; cap < 64; cap++) {
		char *buf = malloc(cap ? cap : 1);

		assert_non_null(buf);
		json_init(&j, buf, cap);
		json_object(&j, NULL);
		json_string(&j, "key", "a \"value\" \xff");
		json_u64(&j, "n", 1234567);
		json_end_object(&j);
		assert_true(j.len <= cap);
		if (!j.full)
			memcpy(whole, buf, j.len);
		assert_int_equal(j.full, cap < 37);
		free(buf);
	}
	assert_memory_equal(whole, "{\"key\":\"a \\\"value\\\" \xef\xbf\xbd\",\"n\":1234567}", 37);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(writes_every_kind_of_value),
	        cmocka_unit_test(escapes_what_must_be_and_repairs_utf8),
	        cmocka_unit_test(says_when_it_is_full_and_stays_within),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
