/* test_sse.c - answers sent word by word (text/event-stream): lines in every form, data of several lines, and
 * texts that grow over many events told as one field. */
#include "tests/unit/content_record.h"

#include <stdio.h>

static struct content_pool *pool;

static void check(const char *body, const char *expect, unsigned skip)
{
	record_check(pool, "text/event-stream; charset=utf-8", "", body, strlen(body), expect, skip);
}

static void lines(void **state)
{
	(void)state;
	check("data: {\"text\":\"hello\"}\n\n", "text <text> hello\n", 0);
	check("data:{\"text\":\"a\"}\r\n\r\ndata: {\"text\":\"b\"}\r\rdata: {\"text\":\"c\"}",
	        "text <text> abc\n", 0);
	check(":comment\nevent: message\nid: 7\nretry: 10\nnothing\ndataset: x\ndata\ndata: "
	      "{\"text\":\ndata: \"two "
	      "lines\"}\n\n",
	        "text <text> two lines\n", 0);
	check("\n\n\ndata: plain text\ndata:  of two lines\n\ndata: [DONE]\n\n",
	        "body <> plain text\n of two lines[DONE]\n", 0);
	/* it says so, and is none */
	check("{\"error\":\"no such model\"}", "error <error> no such model\n", 0);
	check("", "", 0);
}

#define DELTA(text)                                                                                          \
	"data: {\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text      \
	"\"}}]}\n\n"

static void texts_that_grow(void **state)
{
	(void)state;
	check("data: "
	      "{\"id\":\"c1\",\"model\":\"m\",\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n" DELTA(
	              "the key is AK") DELTA("IAIOSFODNN7") DELTA("EXAMPLE, ")
	                DELTA("\\n\\u00e9") "data: [DONE]\n\n",
	        "id <id> c1\nmodel <model> m\nchoices[0].delta.role <role> assistant\nid <id> c1\nmodel "
	        "<model> "
	        "m\nchoices[0].delta.content <content> the key is AKIAIOSFODNN7EXAMPLE, \n\xc3\xa9\nbody <> "
	        "[DONE]\n",
	        0);
	/* Anthropic: another place, another field; what ends an answer is told again whole */
	check("event: content_block_delta\ndata: "
	      "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\","
	      "\"text\":\"one \"}}\n\n"
	      "event: ping\ndata: {\"type\":\"ping\"}\n\n"
	      "event: content_block_delta\ndata: {\"delta\":{\"text\":\"text\"}}\n\n"
	      "event: content_block_delta\ndata: {\"delta\":{\"partial_json\":\"{\\\"a\\\":\"}}\n\n"
	      "event: content_block_delta\ndata: {\"delta\":{\"partial_json\":\"1}\"}}\n\n",
	        "type <type> content_block_delta\ndelta.type <type> text_delta\ndelta.text <text> one "
	        "text\ndelta.partial_json <partial_json> {\"a\":1}\n",
	        0);
}

/* What is missing cuts the field that grew; the rest is read from the next line on. */
static void gaps(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct text_sink out = record_sink(r);
	struct message m = {.content_type = SLICE("text/event-stream")};
	struct content *c = content_open(pool, &m, &out);
	static const char one[] = DELTA("one") DELTA("two"), two[] = "lost\"}}]}\n\n" DELTA("three");

	(void)state;
	content_feed(c, (const uint8_t *)one, sizeof(one) - 1);
	content_gap(c, 40);
	content_feed(c, (const uint8_t *)two, sizeof(two) - 1);
	assert_int_equal(content_close(c, NULL), CONTENT_GAP);
	assert_string_equal(r->text,
	        "id <id> c1\nmodel <model> m\nchoices[0].delta.content <content> onetwo CUT\nid <id> "
	        "c1\nmodel <model> m\nchoices[0].delta.content <content> three\n");
	free(r);
}

/* Every prefix and every flipped bit. */
static void hostile(void **state)
{
	static const char text[] =
	        ":x\r\ndata: {\"a\":\"b\",\"text\":\"c\\u00e9\"}\r\ndata: {}\n\nevent: e\rdata:\n\n" DELTA(
	                "x");
	struct record *r = malloc(sizeof(*r));
	char copy[sizeof(text)];

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++)
		record_body(pool, r, "text/event-stream", "", text, n, 0, 1 + n % 13);
	for (size_t i = 0; i < 8 * (sizeof(text) - 1); i++) {
		memcpy(copy, text, sizeof(text));
		copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
		record_body(pool, r, "text/event-stream", "", copy, sizeof(text) - 1, 0, 1 + i % 17);
	}
	free(r);
}

static int setup(void **state)
{
	(void)state;
	pool = record_pool();
	return pool ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	content_pool_destroy(pool);
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(lines),
	        cmocka_unit_test(texts_that_grow),
	        cmocka_unit_test(gaps),
	        cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
