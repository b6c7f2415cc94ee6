/* test_json_read.c - the JSON reader: RFC 8259's grammar, paths, escapes, what breaks, what is missing, and a
 * table of documents with the fields that Python's json module finds in them (json_cases.py wrote it). */
#include "tests/unit/content_reader.h"

#include "tests/unit/json_cases.h"

#include <stdio.h>

static void check(const char *json, const char *expect, unsigned skip)
{
	record_check(pool, "application/json", "", json, strlen(json), expect, skip);
}

static void test_paths(void **state)
{
	(void)state;
	check("{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"},{\"content\":[{\"text\":\"there\"}]}]}",
	        "messages[0].role <role> user\nmessages[0].content <content> hi\n"
	        "messages[1].content[0].text <text> there\n",
	        0);
	check("{\"input\":[\"a\",\"b\",[\"c\"]]}",
	        "input[0] <input> a\ninput[1] <input> b\ninput[2][0] <input> c\n", 0);
	check("[[\"x\"],{},[],\"y\"]", "[0][0] <> x\n[3] <> y\n", 0);
	check("\"alone\"", "body <> alone\n", 0);
	check(" \r\n\t{ \"a\" : { \"b\" : { \"c\" : \"d\" } , \"e\" : \"f\" } } ", "a.b.c <c> d\na.e <e> f\n",
	        0);
	check("{\"\":\"noname\",\"a\":\"\"}", "body <> noname\n", 0);
}

static void test_escapes(void **state)
{
	(void)state;
	check("{\"a\":\"q\\\" b\\\\ s\\/ \\b\\f\\n\\r\\t\"}", "a <a> q\" b\\ s/ \b\f\n\r\t\n", 0);
	check("{\"a\":\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"}", "a <a> A\u00e9\u20ac\U0001f600\n", 0);
	/* halves of surrogate pairs that stand alone */
	check("{\"a\":\"\\ud83dx\\ude00\\ud83d\\ud83d\\ude00\\ud83d\"}",
	        "a <a> \ufffdx\ufffd\ufffd\U0001f600\ufffd\n", 0);
	check("{\"a\":\"\\ud83d\\n\"}", "a <a> \ufffd\n\n", 0);
	/* no escapes of JSON's: text as it stands */
	check("{\"a\":\"\\x41 \\u12G4 \\u\"}", "a <a> \\x41 \\u12G4 \\u\n", 0);
	/* names have escapes too */
	check("{\"pass\\u0077ord\":\"x\"}", "password <password> x\n", 0);
	/* raw controls are no JSON, and readable */
	check("{\"a\":\"two\nlines\"}", "a <a> two\nlines\n", 0);
}

static void test_numbers(void **state)
{
	(void)state;
	check("{\"card\":4111111111111111,\"n\":12345,\"neg\":-123456,\"f\":0.123456789,\"e\":1e10,\"g\":"
	      "1234567.5}",
	        "card <card> 4111111111111111\nneg <neg> -123456\ng <g> 1234567.5\n", 0);
	check("[4111111111111111,true,false,null,378282246310005]",
	        "[0] <> 4111111111111111\n[4] <> 378282246310005\n", 0);
}

static void test_long_names(void **state)
{
	(void)state;
	check("{\"u\":{\"AKIAIOSFODNN7EXAMPLE\":1,\"fifteen_letters\":\"v\"}}",
	        "u{} <> AKIAIOSFODNN7EXAMPLE\nu.fifteen_letters <fifteen_letters> v\n", 0);
	check("{\"sixteen_letters_\":\"v\"}",
	        "{} <> sixteen_letters_\nsixteen_letters_ <sixteen_letters_> v\n", 0);
	check("{\"abcdefgh\\u0069jklmnopq\":[\"v\"]}",
	        "{} <> abcdefghijklmnopq\nabcdefghijklmnopq[0] <abcdefghijklmnopq> v\n", 0);
}

static void test_several_values(void **state)
{
	(void)state;
	check("{\"a\":\"1\"}\n{\"a\":\"2\"}\r\n{\"b\":\"3\"}", "a <a> 1\na <a> 2\nb <b> 3\n", 0);
	/* RFC 7464, and the record separator of SignalR */
	check("{\"a\":\"1\"}\x1e{\"b\":\"2\"}\x1e", "a <a> 1\nb <b> 2\n", 0);
}

static void test_broken(void **state)
{
	(void)state;
	check("{\"a\":\"1\"} trailing \"words\" \\u0041", "a <a> 1\nbody <> trailing \"words\" A\n",
	        CONTENT_BROKEN);
	check("{\"a\":\"1\",b:\"secret\"}", "a <a> 1\nbody <> b:\"secret\"}\n", CONTENT_BROKEN);
	check("{\"a\" \"b\"}", "body <> \"b\"}\n", CONTENT_BROKEN);
	check("[\"a\"}]", "[0] <> a\nbody <> }]\n", CONTENT_BROKEN);
	check("[4111 1111 1111 1111]", "body <> 4111 1111 1111 1111]\n", CONTENT_BROKEN);
	check("{\"a\":123-45-6789}", "body <> 123-45-6789}\n", CONTENT_BROKEN);
	check("{\"a\":4111.1111.1111.1111}", "body <> 4111.1111.1111.1111}\n", CONTENT_BROKEN);
	check("[nope]", "body <> nope]\n", CONTENT_BROKEN);
	check("{\"a\":truthful}", "body <> truthful}\n", CONTENT_BROKEN);
	check("{\"a\":\"cut off", "a <a> cut off CUT\n", CONTENT_BROKEN);
	check("{\"a\":\"cut \\u00", "a <a> cut \\u00 CUT\n", CONTENT_BROKEN);
	check("{\"a\":[", "", CONTENT_BROKEN);
	check("[1,]", "", 0);
	/* not JSON at all */
	check("[INFO] all well", "body <> [INFO] all well\n", 0);
	check("{see below}", "body <> {see below}\n", 0);
}

static void test_depth(void **state)
{
	char *deep = malloc(100001);
	struct record *r = malloc(sizeof(*r));

	(void)state;
	memset(deep, '[', 100000);
	deep[50000] = '"';
	memcpy(deep + 50001, "sk-secret", 9);
	deep[50010] = '"';
	deep[100000] = '\0';
	/* 32 levels are allowed: the rest is text */
	record_body(pool, r, "", "", deep, 60000, 0, 60000);
	assert_int_equal(r->skip, CONTENT_LIMIT);
	assert_non_null(strstr(r->text, "[[\"sk-secret\"[["));
	free(deep);
	free(r);
}

static void test_long_path(void **state)
{
	char json[4096], *p = json;
	struct record *r = malloc(sizeof(*r));

	(void)state;
	for (int i = 0; i < 20; i++)
		p += sprintf(p, "{\"level_%02d_%.*s\":", i, 60,
		        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	p += sprintf(p, "{\"password\":\"hunter2\"");
	record_body(pool, r, "", "", json, (size_t)(p - json), 0, 7);
	assert_non_null(strstr(r->text, "x.password <password> hunter2\n"));
	assert_non_null(strstr(r->text, "\n..."));
	free(r);
}

static void test_path_overflow_keeps_names(void **state)
{
	static char json[20000];
	char *p = json;
	struct record *r = malloc(sizeof(*r));

	(void)state;
	for (int i = 0; i < 30; i++) {
		p += sprintf(p, "{\"");
		for (int k = 0; k < 300; k++)
			*p++ = (char)('a' + i % 26);
		p += sprintf(p, "\":");
	}
	p += sprintf(p, "{\"AKIAIOSFODNN7EXAMPLE\":\"hunter2\"");
	record_body(pool, r, "", "", json, (size_t)(p - json), 0, 5);
	assert_non_null(strstr(r->text, "> AKIAIOSFODNN7EXAMPLE\n"));
	assert_non_null(strstr(r->text, "> hunter2\n"));
	free(r);
}

/* What stands behind a gap is found, wherever the gap is. */
static void test_gap(void **state)
{
	static const char json[] =
	        "{\"messages\":[{\"content\":\"some words\\n here\"},{\"content\":\"more\"}],\"n\":1234567,"
	        "\"k\\u0065y\":\"AKIA\\u0049OSF\\/ODNN\"}";
	static const char tail[] = "\"key\":\"AKIAIOSF/ODNN\"}";
	struct record *r = malloc(sizeof(*r));
	size_t n = strlen(json), end = (size_t)(strstr(json, "\"k\\u") - json);

	(void)state;
	for (size_t cut = 1; cut + 3 <= end; cut++) {
		struct text_sink out = record_sink(r);
		struct message m = {0};
		struct content *c = content_open(pool, &m, &out);
		unsigned skip;

		content_feed(c, (const uint8_t *)json, cut);
		content_gap(c, 3);
		content_feed(c, (const uint8_t *)json + cut + 3, n - cut - 3);
		skip = content_close(c, NULL);
		assert_true(skip & CONTENT_GAP);
		if (!strstr(r->text, tail))
			fail_msg("gap at %zu: %s", cut, r->text);
	}
	free(r);
}

/* Bytes are missing from the very beginning: the type says how the rest is to be read. */
static void test_gap_first(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct text_sink out = record_sink(r);
	struct message m = {.content_type = SLICE("application/json; charset=utf-8")};
	struct content *c = content_open(pool, &m, &out);

	(void)state;
	content_gap(c, 100);
	content_feed(c, (const uint8_t *)"AKIA\\u0049OSF\\/ODNN\"}", 21);
	assert_int_equal(content_close(c, NULL), CONTENT_GAP);
	assert_string_equal(r->text, "body <> AKIAIOSF/ODNN\"}\n");
	free(r);
}

static void test_python_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(json_cases) / sizeof(json_cases[0]); i++)
		record_check(pool, "", "", json_cases[i].json, json_cases[i].json_n, json_cases[i].fields, 0);
}

/* No byte changed or cut anywhere may upset it; the sink checks the order of calls. */
static void test_flips_and_prefixes(void **state)
{
	static const char json[] = "{\"a\\n\":[\"x\\u00e9\\ud83d\\ude00\",-1234567.5e+1,true,null],\"a_long_"
	                           "name_of_many\":{\"b\":\"c\"}}";

	(void)state;
	reader_damaged("", json, sizeof(json) - 1, 1);
}

/* Pieces of text are gathered: escapes do not become calls of one byte. */
static void test_calls(void **state)
{
	char json[3000], *p = json;
	struct record *r = malloc(sizeof(*r));

	(void)state;
	p += sprintf(p, "[\"");
	while (p < json + 2900)
		p += sprintf(p, "a\\\"\\n");
	p += sprintf(p, "\"]");
	record_body(pool, r, "", "", json, (size_t)(p - json), 0, 1460);
	assert_true(r->calls <= 3);
	free(r);
}

/* What protocols write before their JSON is passed over; what only looks like it stays text. */
static void test_packets(void **state)
{
	static const char *const numbers[] = {"2123346789[\"a\"]", "42123456[\"a\"]", "451234-[\"a\"]",
	        "451-123456[\"a\"]", "42/371761425605480,[\"card\"]", "42/a123456,[\"a\"]", "42/,[1]",
	        "421/a,[1]", "42/a,123456[1]",
	        "4929809183557580\x1e"
	        "42",
	        "421\x1e"
	        "42"};

	(void)state;
	check("42[\"m\",{\"text\":\"\\u0041KIA\"}]", "[0] <> m\n[1].text <text> AKIA\n", 0);
	check("40\x1e"
	      "42[\"m\"]\x1e"
	      "2\x1e"
	      "451-/admin,17[\"\\u0041\"]",
	        "[0] <> m\n[0] <> A\n", 0);
	check("42[1]\x1e"
	      "40/admin,\x1e"
	      "421234[\"\\u0041\"]",
	        "[0] <> A\n", 0);
	check("4{\"sid\":\"a\"}", "sid <sid> a\n", 0);
	check("f:{\"id\":\"m\"}\n0:\"\\u0041KIA\"\ne:{\"r\":\"stop\"}\n",
	        "id <id> m\nbody <> AKIA\nr <r> stop\n", 0);
	check(")]}',\n{\"a\":\"\\u0041\"}", "a <a> A\n", 0);
	check(")]}'\n[\"\\u0041\"]", "[0] <> A\n", 0);
	/* none */
	check("{\"a\":\"1\"}\n4111111111111111", "a <a> 1\nbody <> 4111111111111111\n", CONTENT_BROKEN);
	check("{\"a\":\"1\"}\nfine\\n", "a <a> 1\nbody <> fine\n\n", CONTENT_BROKEN);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		char said[100], expect[100];

		snprintf(said, sizeof(said), "{\"a\":\"1\"}\n%s", numbers[i]);
		snprintf(expect, sizeof(expect), "a <a> 1\nbody <> %s\n", numbers[i]);
		check(said, expect, CONTENT_BROKEN);
	}
	check("{\"a\":\"1\"}\n42", "a <a> 1\nbody <> 42\n", CONTENT_BROKEN);
	check("42", "body <> 42\n", 0);
	check("10\" pipe, 4 \\u0041", "body <> 10\" pipe, 4 \\u0041\n", 0);
	check("a: [1] and \\u0041", "body <> a: [1] and \\u0041\n", 0);
	check(")]} \\u0041", "body <> )]} \\u0041\n", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_paths),
	        cmocka_unit_test(test_escapes),
	        cmocka_unit_test(test_numbers),
	        cmocka_unit_test(test_long_names),
	        cmocka_unit_test(test_several_values),
	        cmocka_unit_test(test_broken),
	        cmocka_unit_test(test_depth),
	        cmocka_unit_test(test_long_path),
	        cmocka_unit_test(test_path_overflow_keeps_names),
	        cmocka_unit_test(test_gap),
	        cmocka_unit_test(test_gap_first),
	        cmocka_unit_test(test_python_cases),
	        cmocka_unit_test(test_flips_and_prefixes),
	        cmocka_unit_test(test_calls),
	        cmocka_unit_test(test_packets),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
