/* test_trim.c - what a server answers about streams, groups, pending entries and replicas; also when it is
 * cut off, changed in any byte, or something else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/durable.h"
#include "alerts/trim_internal.h"

#include <stdlib.h>
#include <string.h>

/* As Redis 7.0 says it. */
static const char stream_text[] =
        "*20\r\n$6\r\nlength\r\n:3\r\n$15\r\nradix-tree-keys\r\n:1\r\n$16\r\nradix-tree-nodes\r\n:2\r\n"
        "$17\r\nlast-generated-id\r\n$5\r\n20-14\r\n$20\r\nmax-deleted-entry-id\r\n$3\r\n0-0\r\n"
        "$13\r\nentries-added\r\n:14\r\n$23\r\nrecorded-first-entry-id\r\n$5\r\n10-12\r\n$6\r\ngroups\r\n:"
        "1\r\n"
        "$11\r\nfirst-entry\r\n*2\r\n$5\r\n10-12\r\n*4\r\n$7\r\nordinal\r\n$1\r\n7\r\n$4\r\njson\r\n$2\r\n{}"
        "\r\n"
        "$10\r\nlast-entry\r\n*2\r\n$5\r\n20-14\r\n*2\r\n$7\r\nordinal\r\n$1\r\n9\r\n";
static const char empty_text[] = "*8\r\n$6\r\nlength\r\n:0\r\n$17\r\nlast-generated-id\r\n$5\r\n20-14\r\n"
                                 "$11\r\nfirst-entry\r\n$-1\r\n$10\r\nlast-entry\r\n$-1\r\n";
static const char group_text[] =
        "*12\r\n$4\r\nname\r\n$4\r\nsiem\r\n$9\r\nconsumers\r\n:1\r\n$7\r\npending\r\n:2\r\n"
        "$17\r\nlast-delivered-id\r\n$5\r\n10-13\r\n$12\r\nentries-read\r\n:13\r\n$3\r\nlag\r\n:1\r\n";
static const char pending_text[] = "*1\r\n*4\r\n$5\r\n10-12\r\n$3\r\none\r\n:5\r\n:1\r\n";
static const char entry_text[] = "*1\r\n*2\r\n$5\r\n10-12\r\n*2\r\n$7\r\nordinal\r\n$1\r\n7\r\n";
static const char role_text[] =
        "*3\r\n$6\r\nmaster\r\n:900\r\n*3\r\n*3\r\n$9\r\n127.0.0.1\r\n$4\r\n7001\r\n$3\r\n900\r\n"
        "*3\r\n$9\r\n127.0.0.1\r\n$4\r\n7002\r\n$3\r\n850\r\n*3\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\n-\r\n";

/* NULL: no whole reply. */
static redisReply *parse(const char *text, size_t n)
{
	redisReader *reader = resp_reader_create();
	char *copy = malloc(n ? n : 1); /* of that size, so that reading past it shows */
	void *r = NULL;

	assert_non_null(reader);
	memcpy(copy, text, n);
	redisReaderFeed(reader, copy, n);
	if (redisReaderGetReply(reader, &r) != REDIS_OK)
		r = NULL;
	redisReaderFree(reader);
	free(copy);
	return r;
}

static void a_stream(void **state)
{
	redisReply *r = parse(stream_text, sizeof(stream_text) - 1);
	struct trim_place p;

	(void)state;
	assert_true(trim_read_stream(r, &p));
	assert_true(p.there);
	assert_int_equal(p.length, 3);
	assert_int_equal(p.first.ms, 10);
	assert_int_equal(p.first.seq, 12);
	assert_int_equal(p.last.seq, 14);
	assert_int_equal(p.first_ordinal, 7);
	assert_int_equal(p.last_ordinal, 9);
	freeReplyObject(r);
	r = parse(empty_text, sizeof(empty_text) - 1);
	assert_true(trim_read_stream(r, &p));
	assert_int_equal(p.length, 0);
	assert_int_equal(p.first.ms, 20);
	assert_int_equal(p.first.seq, 15); /* the next that may come */
	assert_int_equal(p.first_ordinal, 0);
	freeReplyObject(r);
}

static void a_group(void **state)
{
	static const char odd[] =
	        "*6\r\n$4\r\nname\r\n$5\r\nsi\0em\r\n$7\r\npending\r\n:0\r\n$17\r\nlast-delivered-id\r\n"
	        "$3\r\n0-0\r\n";
	redisReply *r = parse(group_text, sizeof(group_text) - 1);
	struct trim_group g, other;

	(void)state;
	assert_true(trim_read_group(r, &g));
	assert_string_equal(g.name, "siem");
	assert_false(g.odd);
	assert_int_equal(g.pending, 2);
	assert_int_equal(g.delivered.ms, 10);
	assert_int_equal(g.delivered.seq, 13);
	assert_true(g.oldest.ms == UINT64_MAX);
	freeReplyObject(r);
	r = parse(odd, sizeof(odd) - 1);
	assert_true(trim_read_group(r, &other));
	assert_true(other.odd);
	assert_true(other.hash != g.hash);
	freeReplyObject(r);
}

static void entries(void **state)
{
	redisReply *r = parse(pending_text, sizeof(pending_text) - 1);
	struct stream_id id;
	uint64_t ordinal;

	(void)state;
	assert_true(trim_read_pending(r, 0, &id));
	assert_int_equal(id.seq, 12);
	freeReplyObject(r);
	r = parse(entry_text, sizeof(entry_text) - 1);
	assert_true(trim_read_entry(r, &id, &ordinal));
	assert_int_equal(id.ms, 10);
	assert_int_equal(ordinal, 7);
	freeReplyObject(r);
	r = parse("*0\r\n", 4);
	assert_false(trim_read_pending(r, 0, &id));
	assert_false(trim_read_entry(r, &id, &ordinal));
	freeReplyObject(r);
}

static void replicas(void **state)
{
	redisReply *r = parse(role_text, sizeof(role_text) - 1);
	uint64_t offset = 0;

	(void)state;
	assert_true(durable_read_role(r, &offset));
	assert_int_equal(offset, 900);
	assert_int_equal(durable_read_replicas(r, 900), 1);
	assert_int_equal(durable_read_replicas(r, 850), 2);
	assert_int_equal(durable_read_replicas(r, 901), 0);
	freeReplyObject(r);
	r = parse(pending_text, sizeof(pending_text) - 1);
	assert_false(durable_read_role(r, &offset));
	assert_int_equal(durable_read_replicas(r, 0), 0);
	freeReplyObject(r);
}

static void ids(void **state)
{
	struct stream_id id = {7, 0};
	char text[STREAM_ID_MAX];

	(void)state;
	assert_string_equal(stream_id_text(stream_id_before(id), text), "6-18446744073709551615");
	assert_string_equal(stream_id_text(stream_id_next(stream_id_before(id)), text), "7-0");
	id = (struct stream_id){0, 0};
	assert_string_equal(stream_id_text(stream_id_before(id), text), "0-0");
	id = (struct stream_id){UINT64_MAX, UINT64_MAX};
	assert_string_equal(
	        stream_id_text(stream_id_next(id), text), "18446744073709551615-18446744073709551615");
}

static void read_as_everything(const redisReply *r)
{
	struct trim_place p;
	struct trim_group g;
	struct stream_id id;
	uint64_t n;

	trim_read_stream(r, &p);
	if (p.there && !p.length)
		assert_true(stream_id_cmp(&p.first, &p.last) >= 0);
	if (trim_read_group(r, &g))
		assert_true(strlen(g.name) <= TRIM_NAME);
	trim_read_pending(r, 0, &id);
	trim_read_entry(r, &id, &n);
	durable_read_role(r, &n);
	durable_read_replicas(r, 1);
}

/* Every prefix is no reply; with any byte changed it is another one, or none. */
static void cut_and_changed(void **state)
{
	static const char *const texts[] = {
	        stream_text, empty_text, group_text, pending_text, entry_text, role_text};
	static const char changes[] = {'*', '$', ':', '-', '+', '0', '9', '\r', '\0', (char)0xff};

	(void)state;
	for (size_t k = 0; k < sizeof(texts) / sizeof(*texts); k++) {
		size_t n = strlen(texts[k]);
		char *copy = malloc(n);

		for (size_t cut = 0; cut < n; cut++)
			assert_null(parse(texts[k], cut));
		for (size_t i = 0; i < n * sizeof(changes); i++) {
			redisReply *r;

			memcpy(copy, texts[k], n);
			copy[i / sizeof(changes)] = changes[i % sizeof(changes)];
			r = parse(copy, n);
			if (r) {
				read_as_everything(r);
				freeReplyObject(r);
			}
		}
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(a_stream),
	        cmocka_unit_test(a_group),
	        cmocka_unit_test(entries),
	        cmocka_unit_test(replicas),
	        cmocka_unit_test(ids),
	        cmocka_unit_test(cut_and_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
