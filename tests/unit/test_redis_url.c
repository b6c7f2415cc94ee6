/* test_redis_url.c - Redis URLs: what they may say, and that no message repeats a password. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/redis_url.h"

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
        {"redis://h:7000/3", REDIS_TCP, "", "", "h", "7000", 3, "redis://h:7000"},
        {"redis://u:p@h", REDIS_TCP, "u", "p", "h", "6379", 0, "redis://h:6379"},
        {"redis://:p@h", REDIS_TCP, "", "p", "h", "6379", 0, "redis://h:6379"},
        {"redis://u@h", REDIS_TCP, "u", "", "h", "6379", 0, "redis://h:6379"},
        {"redis://u:a%40b%2Fc%25@h:1", REDIS_TCP, "u", "a@b/c%", "h", "1", 0, "redis://h:1"},
        {"redis://u:a:b@h", REDIS_TCP, "u", "a:b", "h", "6379", 0, "redis://h:6379"},
        {"redis://u:a@b@h", REDIS_TCP, "u", "a@b", "h", "6379", 0, "redis://h:6379"},
        {"rediss://[2001:db8::1]:6380/15", REDIS_TLS, "", "", "2001:db8::1", "6380", 15,
                "rediss://[2001:db8::1]:6380"},
        {"redis://[::1]", REDIS_TCP, "", "", "::1", "6379", 0, "redis://[::1]:6379"},
        {"unix:///run/redis.sock", REDIS_UNIX, "", "", "/run/redis.sock", "", 0, "unix:///run/redis.sock"},
        {"unix://u:p@/run/redis.sock?db=2", REDIS_UNIX, "u", "p", "/run/redis.sock", "", 2,
                "unix:///run/redis.sock"},
        {"unix:///run/a%20b", REDIS_UNIX, "", "", "/run/a b", "", 0, "unix:///run/a b"},
};

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
		assert_string_equal(u.host, good[i].host);
		assert_string_equal(u.port, good[i].port);
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
		assert_int_equal(redis_url_parse(text, &u, &e), n < sizeof(u.host) ? 0 : -1);
		snprintf(text, sizeof(text), "redis://:%s@h", part);
		assert_int_equal(redis_url_parse(text, &u, &e), n < sizeof(u.password) ? 0 : -1);
		snprintf(text, sizeof(text), "redis://%s:p@h", part);
		assert_int_equal(redis_url_parse(text, &u, &e), n < sizeof(u.user) ? 0 : -1);
		snprintf(text, sizeof(text), "unix:///%s", part);
		assert_int_equal(redis_url_parse(text, &u, &e), n + 1 < 108 ? 0 : -1);
	}
}

/* Every prefix of a good URL in a copy of exactly its size: the parser reads no further. */
static void survives_every_prefix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		for (size_t n = 0; n <= strlen(good[i].text); n++) {
			char *copy = malloc(n + 1);
			struct redis_url u;
			struct err e;

			assert_non_null(copy);
			memcpy(copy, good[i].text, n);
			copy[n] = '\0';
			(void)redis_url_parse(copy, &u, &e);
			free(copy);
		}
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
	        cmocka_unit_test(refuses_the_rest_without_repeating_it),
	        cmocka_unit_test(bounds_every_part),
	        cmocka_unit_test(survives_every_prefix),
	        cmocka_unit_test(password_comes_from_url_then_file_then_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
