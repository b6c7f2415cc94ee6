/* test_topology.c - what Sentinels and nodes of a Cluster say of who holds which keys, cut and changed in
 * every place. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/resp.h"
#include "alerts/topology.h"

#include <stdlib.h>
#include <string.h>

static const struct redis_place asked = {"asked.example", "7000"};

/* A reply from its bytes; NULL: it is none, or not whole. */
static redisReply *reply_of(const char *bytes, size_t n)
{
	redisReader *reader = resp_reader_create();
	void *reply = NULL;

	assert_non_null(reader);
	if (redisReaderFeed(reader, bytes, n) == REDIS_OK)
		(void)redisReaderGetReply(reader, &reply);
	redisReaderFree(reader);
	return reply;
}

/* Slots as `redis-cli CLUSTER KEYSLOT` of Redis 7.0.15 prints them; 12739 is 0x31c3, the check value of
 * CRC-16/XMODEM. */
static void slots_of_keys(void **state)
{
	static const struct {
		const char *key;
		unsigned slot;
	} keys[] = {
	        {"123456789", 12739},
	        {"", 0},
	        {"foo", 12182},
	        {"{foo}bar", 12182},
	        {"foo{}{bar}", 8363},
	        {"foo{{bar}}zap", 4015},
	        {"foo{bar}{zap}", 5061},
	        {"bar", 5061},
	        {"leaktap:{fra1}:alerts", 5706},
	        {"leaktap:{fra1}:head", 5706},
	        {"fra1", 5706},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (cluster_slot(keys[i].key) != keys[i].slot)
			fail_msg("%s: %u", keys[i].key, cluster_slot(keys[i].key));
}

static void addresses_of_masters(void **state)
{
	static const struct {
		const char *bytes;
		int ret;
		const char *shown;
	} answers[] = {
	        {"*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n", 1, "127.0.0.1:6379"},
	        {"*2\r\n$3\r\n::1\r\n$4\r\n6379\r\n", 1, "[::1]:6379"},
	        {"*2\r\n$7\r\nr1.corp\r\n$5\r\n65535\r\n", 1, "r1.corp:65535"},
	        {"*-1\r\n", 0, NULL},
	        {"-ERR unknown command\r\n", -1, NULL},
	        {"*2\r\n$9\r\n127.0.0.1\r\n$5\r\n65536\r\n", -1, NULL},
	        {"*2\r\n$9\r\n127.0.0.1\r\n$1\r\n0\r\n", -1, NULL},
	        {"*2\r\n$9\r\n127.0.0.1\r\n$2\r\n-1\r\n", -1, NULL},
	        {"*2\r\n$9\r\n127.0.0.1\r\n$0\r\n\r\n", -1, NULL},
	        {"*2\r\n$9\r\n127.0.0.1\r\n$12\r\n000000006379\r\n", -1, NULL},
	        {"*2\r\n$9\r\n127.0.0.1\r\n:6379\r\n", -1, NULL},
	        {"*2\r\n$0\r\n\r\n$4\r\n6379\r\n", -1, NULL},
	        {"*2\r\n$3\r\na\0b\r\n$4\r\n6379\r\n", -1, NULL},
	        {"*2\r\n$3\r\na\033b\r\n$4\r\n6379\r\n", -1, NULL},
	        {"*2\r\n$3\r\na b\r\n$4\r\n6379\r\n", -1, NULL},
	        {"*2\r\n$4\r\n/tmp\r\n$4\r\n6379\r\n", -1, NULL},
	        {"*2\r\n$-1\r\n$4\r\n6379\r\n", -1, NULL},
	        {"*1\r\n$9\r\n127.0.0.1\r\n", -1, NULL},
	        {"*0\r\n", -1, NULL},
	        {"+OK\r\n", -1, NULL},
	        {":1\r\n", -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		/* the one with a NUL ends there for strlen */
		size_t n = i == 12 ? 24 : strlen(answers[i].bytes);
		redisReply *r = reply_of(answers[i].bytes, n);
		char text[REDIS_PLACE_TEXT];
		struct redis_place p;
		struct err e = {.text = ""};

		assert_non_null(r);
		if (sentinel_read_master(r, &p, &e) != answers[i].ret)
			fail_msg("answer %zu: %s", i, e.text);
		if (answers[i].ret == 1)
			assert_string_equal(redis_place_text(&p, text), answers[i].shown);
		assert_int_equal(answers[i].ret < 0, e.text[0] != '\0');
		freeReplyObject(r);
	}
}

static void epochs(void **state)
{
	static const struct {
		const char *bytes;
		uint64_t epoch;
	} answers[] = {
	        {"*4\r\n$4\r\nname\r\n$1\r\nm\r\n$12\r\nconfig-epoch\r\n$2\r\n17\r\n", 17},
	        {"*2\r\n$12\r\nconfig-epoch\r\n$1\r\nx\r\n", 0},
	        {"*2\r\n$12\r\nconfig-epoch\r\n$11\r\n99999999999\r\n", 0},
	        {"*1\r\n$12\r\nconfig-epoch\r\n", 0},
	        {"*2\r\n$12\r\nconfig-epoch\r\n*0\r\n", 0},
	        {"-ERR No such master with that name\r\n", 0},
	        {"*-1\r\n", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		redisReply *r = reply_of(answers[i].bytes, strlen(answers[i].bytes));

		assert_non_null(r);
		assert_int_equal(sentinel_read_epoch(r), answers[i].epoch);
		freeReplyObject(r);
	}
}

/* Three masters; the first is who was asked, the second has a name, the third none that is known. */
static const char good_slots[] = "*3\r\n"
                                 "*4\r\n:0\r\n:5460\r\n*3\r\n$0\r\n\r\n:7000\r\n$2\r\naa\r\n*3\r\n$9\r\n127."
                                 "0.0.9\r\n:7009\r\n$2\r\nrr\r\n"
                                 "*3\r\n:5461\r\n:10922\r\n*4\r\n$7\r\nb.local\r\n:7001\r\n$2\r\nbb\r\n*0\r\n"
                                 "*3\r\n:10923\r\n:16383\r\n*3\r\n$1\r\n?\r\n:7002\r\n$2\r\ncc\r\n";

static void maps(void **state)
{
	struct slot_map *m = malloc(sizeof(*m));
	redisReply *r = reply_of(good_slots, strlen(good_slots));
	struct err e = {.text = ""};

	(void)state;
	assert_non_null(m);
	assert_non_null(r);
	assert_int_equal(cluster_read_slots(r, &asked, m, &e), 0);
	freeReplyObject(r);
	assert_int_equal(m->n, 2);
	assert_string_equal(m->node[0].host, "asked.example");
	assert_string_equal(m->node[0].port, "7000");
	assert_string_equal(m->node[1].host, "b.local");
	for (unsigned s = 0; s < CLUSTER_SLOTS; s++)
		assert_int_equal(m->owner[s], s <= 5460 ? 0 : s <= 10922 ? 1 : SLOT_OF_NOBODY);
	free(m);
}

static void maps_that_are_none(void **state)
{
	static const char *const bad[] = {
	        "-ERR This instance has cluster support disabled\r\n",
	        "+OK\r\n",
	        "*-1\r\n",
	        "*1\r\n:1\r\n",
	        "*1\r\n*2\r\n:0\r\n:1\r\n",
	        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\na\r\n:1\r\n",
	        "*1\r\n*3\r\n:-1\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n",
	        "*1\r\n*3\r\n:6\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n",
	        "*1\r\n*3\r\n$1\r\n0\r\n:5\r\n*2\r\n$1\r\na\r\n:1\r\n",
	        "*1\r\n*3\r\n:0\r\n:9223372036854775807\r\n*2\r\n$1\r\na\r\n:1\r\n",
	};
	struct slot_map *m = malloc(sizeof(*m));

	(void)state;
	assert_non_null(m);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		redisReply *r = reply_of(bad[i], strlen(bad[i]));
		struct err e = {.text = ""};

		assert_non_null(r);
		if (!cluster_read_slots(r, &asked, m, &e))
			fail_msg("%zu was taken", i);
		assert_true(e.text[0]);
		freeReplyObject(r);
	}
	free(m);
}

/* Every slot a range of its own, each with another master: those that there is no room for hold nothing. */
static void more_masters_than_fit(void **state)
{
	struct slot_map *m = malloc(sizeof(*m));
	char *bytes = malloc(CLUSTER_SLOTS * 80), *p = bytes;
	struct err e = {.text = ""};
	redisReply *r;

	(void)state;
	assert_true(m && bytes);
	p += sprintf(p, "*%u\r\n", CLUSTER_SLOTS);
	for (unsigned s = 0; s < CLUSTER_SLOTS; s++)
		p += sprintf(p, "*3\r\n:%u\r\n:%u\r\n*2\r\n$6\r\nh%05u\r\n:1\r\n", s, s, s);
	r = reply_of(bytes, (size_t)(p - bytes));
	assert_non_null(r);
	assert_int_equal(cluster_read_slots(r, &asked, m, &e), 0);
	assert_int_equal(m->n, CLUSTER_NODES_MAX);
	for (unsigned s = 0; s < CLUSTER_SLOTS; s++)
		assert_int_equal(m->owner[s], s < CLUSTER_NODES_MAX ? s : SLOT_OF_NOBODY);
	freeReplyObject(r);
	free(bytes);
	free(m);
}

/* Every prefix, and every byte changed to each of some: read or refused, never further than it goes. */
static void cut_and_changed(void **state)
{
	static const char put[] = "\0*$:+-0129\r\n\377";
	struct slot_map *m = malloc(sizeof(*m));
	size_t n = strlen(good_slots);

	(void)state;
	assert_non_null(m);
	for (size_t i = 0; i < n * sizeof(put) + n; i++) {
		size_t at = i % n, len = i < n ? i : n;
		char *copy = malloc(len + 1);
		redisReply *r;
		struct err e;

		assert_non_null(copy);
		memcpy(copy, good_slots, len);
		if (i >= n)
			copy[at] = put[i / n - 1];
		r = reply_of(copy, len);
		if (r && !cluster_read_slots(r, &asked, m, &e))
			for (unsigned s = 0; s < CLUSTER_SLOTS; s++)
				assert_true(m->owner[s] < m->n || m->owner[s] == SLOT_OF_NOBODY);
		if (r)
			freeReplyObject(r);
		free(copy);
	}
	free(m);
}

static void redirections(void **state)
{
	static const struct {
		const char *text;
		unsigned slot;
		const char *shown; /* NULL: none */
	} texts[] = {
	        {"MOVED 3999 127.0.0.1:6381", 3999, "127.0.0.1:6381"},
	        {"MOVED 0 ::1:6381", 0, "[::1]:6381"},
	        {"MOVED 16383 node-1.corp:1", 16383, "node-1.corp:1"},
	        {"MOVED 5 :7001", 5, "asked.example:7001"},
	        {"MOVED 16384 a:1", 0, NULL},
	        {"MOVED -1 a:1", 0, NULL},
	        {"MOVED 1 a:0", 0, NULL},
	        {"MOVED 1 a:65536", 0, NULL},
	        {"MOVED 1 a:", 0, NULL},
	        {"MOVED 1 a", 0, NULL},
	        {"MOVED 1 a b:1", 0, NULL},
	        {"MOVED 1 ?:1", 0, NULL},
	        {"MOVED 1", 0, NULL},
	        {"MOVED  a:1", 0, NULL},
	        {"MOVED ", 0, NULL},
	        {"MOVED", 0, NULL},
	        {"", 0, NULL},
	        {"ASK 3999 127.0.0.1:6381", 0, NULL},
	        {"moved 3999 127.0.0.1:6381", 0, NULL},
	};
	char host[400] = "MOVED 1 ", text[REDIS_PLACE_TEXT];
	struct redis_place to;
	unsigned slot;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		if (cluster_read_moved(texts[i].text, &asked, &slot, &to) != (texts[i].shown != NULL))
			fail_msg("`%s'", texts[i].text);
		if (!texts[i].shown)
			continue;
		assert_int_equal(slot, texts[i].slot);
		assert_string_equal(redis_place_text(&to, text), texts[i].shown);
	}
	memset(host + 8, 'h', 300);
	for (size_t n = 1; n < 300; n++) {
		strcpy(host + 8 + n, ":1");
		assert_int_equal(cluster_read_moved(host, &asked, &slot, &to), n < sizeof(to.host));
		memset(host + 8, 'h', 300);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(slots_of_keys),
	        cmocka_unit_test(addresses_of_masters),
	        cmocka_unit_test(epochs),
	        cmocka_unit_test(maps),
	        cmocka_unit_test(maps_that_are_none),
	        cmocka_unit_test(more_masters_than_fit),
	        cmocka_unit_test(cut_and_changed),
	        cmocka_unit_test(redirections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
