/* test_sse.c - answers that come piece by piece: server-sent events and Amazon's event stream, cut at
 * every byte; broken ones, gaps, and numbers that are no text. */
#include "tests/unit/content_reader.h"

#include <stdio.h>

#define SSE "text/event-stream; charset=utf-8"

static void events(void **state)
{
	static const struct {
		const char *body, *expect;
	} cases[] = {
	        {"data: {\"a\":\"one\"}\n\ndata: {\"a\":\"two\"}\n\n", "a <a> one\na <a> two\n"},
	        {"data:{\"a\":\"one\"}\r\n\r\ndata:{\"a\":\"two\"}\r\n\r\n", "a <a> one\na <a> two\n"},
	        {"data: {\"a\":\"one\"}\r\rdata: {\"a\":\"two\"}\r\r", "a <a> one\na <a> two\n"},
	        {"\xef\xbb\xbf"
	         "data: {\"a\":\"one\"}\n\n",
	                "a <a> one\n"},
	        {"event: delta\nid: 7\ndata: {\"a\":\"one\"}\n\n: keep alive\n\n",
	                "body <> event: delta\nbody <> id: 7\na <a> one\nbody <> : keep alive\n"},
	        /* lines of one event are joined */
	        {"data: {\"a\":\ndata: \"one\",\ndata:\ndata: \"b\":\"two\"}\n\n", "a <a> one\nb <b> two\n"},
	        {"data: {\"a\":\"one\"}\nevent: late\n\ndata: {\"a\":\"two\"}\n\n",
	                "a <a> one\nbody <> event: late\na <a> two\n"},
	        /* what is no JSON is text, and breaks no other event */
	        {"data: hello\ndata: there\n\ndata: {\"a\":\"one\"}\n\ndata: [DONE]\n\n",
	                "body <> hello\nthere\na <a> one\nbody <> [DONE]\n"},
	        {"data: {\"a\":\"one\n\ndata: {\"a\":\"two\"}\n\n", "a <a> one CUT\na <a> two\n"},
	        {"data: {bad}\n\ndata: {\"a\":\"two\"}\n\n", "body <> bad}\na <a> two\n"},
	        {"data: {\"a\":\"one\"}", "a <a> one\n"},
	        {"data: {\"a\":\"one\"}\n", "a <a> one\n"},
	        {"database: {\"a\":\"one\"}\n\ndat: x\n\ndata\n\n:data: y\n\ndat",
	                "body <> database: {\"a\":\"one\"}\nbody <> dat: x\n"
	                "body <> :data: y\n"},
	        {"data:\n\ndata: \n\n\n\n", ""},
	        {"data:  two blanks\n\n", "body <>  two blanks\n"},
	        {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct record *r = malloc(sizeof(*r));
		size_t n = strlen(cases[i].body);

		for (size_t cut = 0; cut < (n ? n : 1); cut++) {
			record_body(pool, r, SSE, "", cases[i].body, n, cut, 1);
			if (strcmp(r->text, cases[i].expect) != 0)
				fail_msg("%zu cut at %zu: \"%s\", should be \"%s\"", i, cut, r->text,
				        cases[i].expect);
		}
		free(r);
	}
	/* only by its type: a text may begin so too */
	{
		struct record *r = malloc(sizeof(*r));

		record_body(pool, r, "text/plain", "", "data: {\"a\":\"one\"}\n\n", 19, 0, 19);
		assert_string_equal(r->text, "body <> data: {\"a\":\"one\"}\n\n\n");
		record_body(pool, r, "text/event-streams", "", "data: x\n\n", 9, 0, 9);
		assert_string_equal(r->text, "body <> data: x\n\n\n");
		free(r);
	}
}

/* ---- gaps ---- */

static void gaps(void **state)
{
	static const char
	        head[] = ": a beginning that is long enough to know the format by, before anything is "
	                 "missing\n\n",
	        body[] = "data: {\"a\":\"one\"}\n\ndata: {\"a\":\"two\"}\n\ndata: {\"a\":\"three\"}\n\n";
	const size_t n = sizeof(body) - 1;

	(void)state;
	for (size_t at = 0; at < n; at++)
		for (size_t len = 1; at + len < n; len += 5) {
			struct record *r = malloc(sizeof(*r));
			struct text_sink out = record_sink(r);
			struct message m = {.content_type = SLICE(SSE)};
			struct content *c = content_open(pool, &m, &out);
			unsigned skip;

			content_feed(c, (const uint8_t *)head, sizeof(head) - 1);
			content_feed(c, (const uint8_t *)body, at);
			content_gap(c, len);
			content_feed(c, (const uint8_t *)body + at + len, n - at - len);
			skip = content_close(c, NULL);
			assert_true(skip & CONTENT_GAP);
			assert_false(r->open);
			/* an event that the gap does not touch is read */
			if (at + len <= 36)
				if (!strstr(r->text, "a <a> three\n"))
					fail_msg("gap of %zu at %zu: %s", len, at, r->text);
			if (at > 19)
				assert_non_null(strstr(r->text, "a <a> one\n"));
			free(r);
		}
}

/* ---- numbers ---- */

static void on_number(void *arg, const char *path, size_t n, const char *p, size_t len)
{
	struct record *r = arg;
	char line[128];

	assert_false(r->open);
	record_put(r, line, (size_t)snprintf(line, sizeof(line), "%.*s = %.*s\n", (int)n, path, (int)len, p));
}

static void numbers(void **state)
{
	static const char body[] = "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}},{\"index\":-2."
	                           "5}],\"n\":123456,\"m\":7}";
	struct record *r = malloc(sizeof(*r));

	(void)state;
	for (size_t step = 1; step < sizeof(body); step++) {
		struct text_sink out = record_sink(r);
		struct message m = {.content_type = SLICE("application/json")};
		struct content *c = content_open(pool, &m, &out);

		content_numbers(c, on_number);
		for (size_t i = 0; i < sizeof(body) - 1; i += step)
			content_feed(c, (const uint8_t *)body + i,
			        sizeof(body) - 1 - i < step ? sizeof(body) - 1 - i : step);
		content_close(c, NULL);
		assert_string_equal(r->text, "choices[0].index = 1\nchoices[0].delta.content <content> x\n"
		                             "choices[1].index = -2.5\nn <n> 123456\nm = 7\n");
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(events),
	        cmocka_unit_test(gaps),
	        cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
