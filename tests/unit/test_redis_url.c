/* test_redis_url.c - Redis URLs: what they may say, and that no message repeats a password. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "config/redis_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *text;
	enum redis_scheme scheme;
	const char *user, *password, *host, *port;
	unsigned db;
	const char *shown;
} good[] = {
        {"redis://localhost", REDIS_TCP, "", "", "localhost", "6379", 0, "redis://localhost:6379"},
        {"redis://localhost/", REDIS_TCP, "", "", "localhost", "6379", 0, "redis://localhost:6379"},
        {"redis://h:7000/3", REDIS_TCP, "", "", "h", "7000", 3, "redis://h:7000/3"},
        {"redis://u:p@h", REDIS_TCP, "u", "p", "h", "6379", 0, "redis://h:6379"},
        {"redis://:p@h", REDIS_TCP, "", "p", "h", "6379", 0, "redis://h:6379"},
        {"redis://u@h", REDIS_TCP, "u", "", "h", "6379", 0, "redis://h:6379"},
        {"redis://u:a%40b%2Fc%25@h:1", REDIS_TCP, "u", "a@b/c%", "h", "1", 0, "redis://h:1"},
        {"redis://u:a:b@h", REDIS_TCP, "u", "a:b", "h", "6379", 0, "redis://h:6379"},
        {"redis://[fe80::1%eth0]:1", REDIS_TCP, "", "", "fe80::1%eth0", "1", 0, "redis://[fe80::1%eth0]:1"},
        {"redis://10.0.0.1", REDIS_TCP, "", "", "10.0.0.1", "6379", 0, "redis://10.0.0.1:6379"},
        {"redis://my_h-1.x.", REDIS_TCP, "", "", "my_h-1.x.", "6379", 0, "redis://my_h-1.x.:6379"},
        {"rediss://[2001:db8::1]:6380/15", REDIS_TLS, "", "", "2001:db8::1", "6380", 15,
                "rediss://[2001:db8::1]:6380/15"},
        {"redis://[::1]", REDIS_TCP, "", "", "::1", "6379", 0, "redis://[::1]:6379"},
        {"unix:///run/redis.sock", REDIS_UNIX, "", "", "/run/redis.sock", "", 0, "unix:///run/redis.sock"},
        {"unix://u:p@/run/redis.sock?db=2", REDIS_UNIX, "u", "p", "/run/redis.sock", "", 2,
                "unix:///run/redis.sock?db=2"},
        {"unix:///run/a%20b", REDIS_UNIX, "", "", "/run/a b", "", 0, "unix:///run/a b"},
};

static const struct {
	const char *text;
	enum redis_kind kind;
	enum redis_scheme scheme;
	const char *seeds; /* as they are shown, a blank between them */
	const char *master, *user, *password;
	unsigned db;
	const char *shown;
} many[] = {
        {"redis+sentinel://a/mymaster", REDIS_SENTINEL, REDIS_TCP, "a:26379", "mymaster", "", "", 0,
                "redis+sentinel://a:26379/mymaster"},
        {"redis+sentinel://u:p%2C@a:1,b,[::1]:7,[2001:db8::1]/my-m.1_/3", REDIS_SENTINEL, REDIS_TCP,
                "a:1 b:26379 [::1]:7 [2001:db8::1]:26379", "my-m.1_", "u", "p,", 3,
                "redis+sentinel://a:1/my-m.1_/3"},
        {"rediss+sentinel://:p,q@a,b/m/", REDIS_SENTINEL, REDIS_TLS, "a:26379 b:26379", "m", "", "p,q", 0,
                "rediss+sentinel://a:26379/m"},
        {"redis+cluster://a", REDIS_CLUSTER, REDIS_TCP, "a:6379", "", "", "", 0, "redis+cluster://a:6379"},
        {"rediss+cluster://u:p@[::1]:7000,b:7001/0", REDIS_CLUSTER, REDIS_TLS, "[::1]:7000 b:7001", "", "u",
                "p", 0, "rediss+cluster://[::1]:7000"},
};

static void reads_several_hosts(void **state)
{
	char text[REDIS_SEEDS_MAX * 4 + 64] = "redis+cluster://a";
	struct redis_url u;
	struct err e = {.text = ""};

	(void)state;
	for (size_t i = 0; i < sizeof(many) / sizeof(*many); i++) {
		char seeds[256] = "", place[REDIS_PLACE_TEXT];

		if (redis_url_parse(many[i].text, &u, &e) < 0)
			fail_msg("%s: %s", many[i].text, e.text);
		for (unsigned k = 0; k < u.n_seeds; k++)
			snprintf(seeds + strlen(seeds), sizeof(seeds) - strlen(seeds), "%s%s", k ? " " : "",
			        redis_place_text(&u.seed[k], place));
		assert_string_equal(seeds, many[i].seeds);
		assert_string_equal(u.at.host, u.seed[0].host);
		assert_int_equal(u.kind, many[i].kind);
		assert_int_equal(u.scheme, many[i].scheme);
		assert_string_equal(u.master, many[i].master);
		assert_string_equal(u.user, many[i].user);
		assert_string_equal(u.password, many[i].password);
		assert_int_equal(u.db, many[i].db);
		assert_string_equal(u.shown, many[i].shown);
		assert_true(redis_url_is(many[i].text));
	}
	for (unsigned n = 2; n <= REDIS_SEEDS_MAX + 1; n++) {
		strcat(text, ",b");
		assert_int_equal(redis_url_parse(text, &u, &e), n <= REDIS_SEEDS_MAX ? 0 : -1);
	}
}

static void reads_what_is_allowed(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct redis_url u;
		struct err e = {.text = ""};

		if (redis_url_parse(good[i].text, &u, &e) < 0)
			fail_msg("%s: %s", good[i].text, e.text);
		assert_int_equal(u.scheme, good[i].scheme);
		assert_string_equal(u.user, good[i].user);
		assert_string_equal(u.password, good[i].password);
		assert_string_equal(u.at.host, good[i].host);
		assert_string_equal(u.at.port, good[i].port);
		assert_int_equal(u.db, good[i].db);
		assert_string_equal(u.shown, good[i].shown);
	}
}

static void refuses_the_rest_without_repeating_it(void **state)
{
	static const char *const bad[] = {
	        "",
	        "sesame",
	        "http://sesame@h",
	        "redis:/sesame",
	        "redis://",
	        "redis://u:sesame@",
	        "redis://:sesame@:1",
	        "redis://u:sesame@h:0",
	        "redis://u:sesame@h:65536",
	        "redis://u:sesame@h:12x",
	        "redis://u:sesame@h:",
	        "redis://u:sesame@h/x",
	        "redis://u:sesame@h/-1",
	        "redis://u:sesame@h/10000",
	        "redis://u:sesame@h/1/2",
	        "redis://u:sesame@h?x=1",
	        "redis://u:sesame@h#1",
	        "redis://u:ses/ame@h",
	        "redis://u:sesame%@h",
	        "redis://u:sesame%4@h",
	        "redis://u:sesame%zz@h",
	        "redis://u:sesame%00@h",
	        "redis://u:sesame@[::1",
	        "redis://u:sesame@[::1]x",
	        "redis://u:sesame@a,b",
	        "redis://u:sesame@b@h",
	        "redis://u:sesame@a b",
	        "redis://u:sesame@a;b",
	        "redis://u:sesame@a%20",
	        "redis://u:sesame@fe80::1",
	        "redis://u:sesame@fe80::1:6379",
	        "redis://u:sesame@[h]",
	        "redis://u:sesame@[]",
	        "redis://u:sesame@[::1%a b]",
	        "redis://u:sesame@[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0001]",
	        "redis+sentinel://u:sesame@a;b/m",
	        "redis+sentinel://u:sesame@a b/m",
	        "redis+sentinel://u:sesame@fe80::1:26379/m",
	        "redis+sentinel://u:sesame@a,u:sesame@b/m",
	        "redis+sentinel://u:sesame@a",
	        "redis+sentinel://u:sesame@a/",
	        "redis+sentinel://u:sesame@a/m/x",
	        "redis+sentinel://u:sesame@a/m/1/2",
	        "redis+sentinel://u:sesame@a/m?db=1",
	        "redis+sentinel://u:sesame@a/m m",
	        "redis+sentinel://u:sesame@a,/m",
	        "redis+sentinel://u:sesame@,a/m",
	        "redis+sentinel://u:sesame@a:0,b/m",
	        "redis+sentinel://u:sesame@a,b:99999/m",
	        "redis+sentinel://u:sesame@a,[::1/m",
	        "redis+sentinel://u:ses/ame@a/m",
	        "redis+sentinel:/sesame",
	        "redis+cluster://u:sesame@",
	        "redis+cluster://u:sesame@a,,b",
	        "redis+cluster://u:sesame@a/1",
	        "redis+cluster://u:sesame@a/m",
	        "redis+cluster://u:sesame@a?x",
	        "redis+clusters://u:sesame@a",
	        "redisss+cluster://u:sesame@a",
	        "unix+cluster://u:sesame@a",
	        "unix://u:sesame@host",
	        "unix://run/sesame",
	        "unix:///",
	        "unix:///sesame?x",
	        "unix:///sesame?db=x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct redis_url u;
		struct err e = {.text = ""};

		if (redis_url_parse(bad[i], &u, &e) == 0)
			fail_msg("`%s' was taken", bad[i]);
		assert_true(e.text[0]);
		assert_null(strstr(e.text, "sesame"));
	}
}

static void bounds_every_part(void **state)
{
	char text[2048];
	struct redis_url u;
	struct err e;

	(void)state;
	for (size_t n = 1; n < 1000; n++) {
		char part[1001];

		memset(part, 'a', n);
		part[n] = '\0';
		snprintf(text, sizeof(text), "redis://%s", part);
		assert_int_equal(redis_url_parse(text, &u, &e), n < sizeof(u.at.host) ? 0 : -1);
		snprintf(text, sizeof(text), "redis://:%s@h", part);
		assert_int_equal(redis_url_parse(text, &u, &e), n < sizeof(u.password) ? 0 : -1);
		snprintf(text, sizeof(text), "redis://%s:p@h", part);
		assert_int_equal(redis_url_parse(text, &u, &e), n < sizeof(u.user) ? 0 : -1);
		snprintf(text, sizeof(text), "unix:///%s", part);
		assert_int_equal(redis_url_parse(text, &u, &e), n + 1 < 108 ? 0 : -1);
	}
}

/* In a copy of exactly its size: the parser reads no further. */
static void parse_prefixes(const char *text)
{
	for (size_t n = 0; n <= strlen(text); n++) {
		char *copy = malloc(n + 1);
		struct redis_url u;
		struct err e;

		assert_non_null(copy);
		memcpy(copy, text, n);
		copy[n] = '\0';
		(void)redis_url_parse(copy, &u, &e);
		free(copy);
	}
}

static void survives_every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		parse_prefixes(good[i].text);
	for (size_t i = 0; i < sizeof(many) / sizeof(*many); i++)
		parse_prefixes(many[i].text);
}

static void password_comes_from_url_then_file_then_environment(void **state)
{
	char path[] = "/tmp/leaktap-test-XXXXXX";
	int fd = mkstemp(path);
	struct redis_url u;
	struct err e = {.text = ""};

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "from file\r\nsecond\n", 18), 18);
	setenv("LEAKTAP_REDIS_PASSWORD", "from environment", 1);

	assert_int_equal(redis_url_parse("redis://:from%20url@h", &u, &e), 0);
	assert_int_equal(redis_url_password(&u, path, &e), 0);
	assert_string_equal(u.password, "from url");
	assert_int_equal(redis_url_parse("redis://h", &u, &e), 0);
	assert_int_equal(redis_url_password(&u, path, &e), 0);
	assert_string_equal(u.password, "from file");
	assert_int_equal(redis_url_parse("redis://h", &u, &e), 0);
	assert_int_equal(redis_url_password(&u, "", &e), 0);
	assert_string_equal(u.password, "from environment");
	redis_url_wipe(&u);
	assert_string_equal(u.password, "");
	unsetenv("LEAKTAP_REDIS_PASSWORD");
	assert_int_equal(redis_url_password(&u, NULL, &e), 0);
	assert_string_equal(u.password, "");

	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(
	        redis_url_password(&u, path, &e), -1); /* an empty file is a mistake, not no password */
	/* the longest that fits, and one byte more, which must not be cut to another password */
	for (size_t i = 0; i + 1 < sizeof(u.password); i++)
		assert_int_equal(pwrite(fd, "p", 1, (off_t)i), 1);
	assert_int_equal(pwrite(fd, "\n", 1, sizeof(u.password) - 1), 1);
	assert_int_equal(redis_url_password(&u, path, &e), 0);
	assert_int_equal(strlen(u.password), sizeof(u.password) - 1);
	redis_url_wipe(&u);
	assert_int_equal(pwrite(fd, "pp", 2, sizeof(u.password) - 1), 2);
	assert_int_equal(redis_url_password(&u, path, &e), -1);
	assert_string_equal(u.password, "");
	close(fd);
	unlink(path);
	assert_int_equal(redis_url_password(&u, path, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(reads_what_is_allowed),
	        cmocka_unit_test(reads_several_hosts),
	        cmocka_unit_test(refuses_the_rest_without_repeating_it),
	        cmocka_unit_test(bounds_every_part),
	        cmocka_unit_test(survives_every_prefix),
	        cmocka_unit_test(password_comes_from_url_then_file_then_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
