/* test_base.c - the small tools that everything stands on: cursor, addresses, pool, arena, JSON writer, text,
 * time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/ip.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* ---- cursor ---------------------------------------------------------------------------------------------
 */

static void cursor_reads_both_orders(void **state)
{
	static const uint8_t b[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	struct cur c = cur_of(b, sizeof(b));

	(void)state;
	assert_int_equal(cur_peek(&c, 8), 9);
	assert_int_equal(cur_peek(&c, 9), 0);
	assert_int_equal(cur_u8(&c), 1);
	assert_int_equal(cur_be16(&c), 0x0203);
	assert_int_equal(cur_le(&c, 2), 0x0504);
	assert_int_equal(cur_be32(&c), 0x06070809);
	assert_false(c.bad);
	assert_int_equal(cur_left(&c), 0);
	c = cur_of(b, 8);
	assert_int_equal(cur_be(&c, 8), 0x0102030405060708);
	c = cur_of(b, 8);
	assert_int_equal(cur_le(&c, 8), 0x0807060504030201);
}

static void cursor_failure_sticks(void **state)
{
	static const uint8_t b[] = {0xff, 0xff, 0xff};
	struct cur c = cur_of(b, sizeof(b)), part;

	(void)state;
	assert_int_equal(cur_be32(&c), 0);
	assert_true(c.bad);
	assert_int_equal(cur_u8(&c), 0); /* the bytes that were there are gone too */
	assert_true(c.bad);
	part = cur_sub(&c, 0);
	assert_true(part.bad);
	c = cur_of(NULL, 7);
	assert_int_equal(cur_left(&c), 0);
	assert_int_equal(cur_u8(&c), 0);
	assert_true(c.bad);
}

static void cursor_parts_stay_within(void **state)
{
	static const uint8_t b[] = {0, 2, 'a', 'b', 3, 'c'};
	struct cur c = cur_of(b, sizeof(b)), part = cur_vec(&c, 2);

	(void)state;
	assert_int_equal(cur_left(&part), 2);
	assert_int_equal(cur_be16(&part), 'a' << 8 | 'b');
	assert_int_equal(cur_u8(&part), 0);
	assert_true(part.bad);
	assert_false(c.bad);   /* the outer one goes on */
	part = cur_vec(&c, 1); /* says 3, has 1 */
	assert_true(part.bad);
	assert_true(c.bad);
	assert_int_equal(cur_left(&part), 0);
	c = cur_of(b, 0);
	part = cur_sub(&c, 0);
	assert_false(part.bad); /* nothing of nothing is no failure */
}

/* ---- addresses ------------------------------------------------------------------------------------------
 */

static void addresses_read_and_written(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: none */
	} rows[] = {
	        {"10.0.0.1", "10.0.0.1"},
	        {"::ffff:10.0.0.1", "10.0.0.1"},
	        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
	        {"::", "::"},
	        {"fe80::1%eth0", NULL},
	        {"[::1]", NULL},
	        {"10.0.0", NULL},
	        {"010.0.0.1", NULL},
	        {"256.0.0.1", NULL},
	        {"", NULL},
	        {"example.com", NULL},
	};
	char buf[IP_TEXT_MAX];
	struct ip_addr a;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(ip_parse(rows[i].in, &a), rows[i].out ? 0 : -1);
		if (rows[i].out)
			assert_string_equal(ip_format(&a, buf), rows[i].out);
	}
}

static void networks_cover_what_they_say(void **state)
{
	static const struct {
		const char *net, *in, *out;
	} rows[] = {
	        {"10.0.0.0/8", "10.255.255.255", "11.0.0.0"},
	        {"192.0.2.128/25", "192.0.2.128", "192.0.2.127"},
	        {"192.0.2.7", "192.0.2.7", "192.0.2.6"},
	        {"192.0.2.6/31", "192.0.2.7", "192.0.2.8"},
	        {"0.0.0.0/0", "255.1.2.3", "2001:db8::1"},
	        {"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
	        {"fc00::/7", "fdff::1", "fe00::1"},
	        {"::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1"},
	        {"2001:db8::1/128", "2001:db8::1", "2001:db8::"},
	};
	struct ip_addr a;
	struct cidr c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(cidr_parse(rows[i].net, &c, &e), 0);
		assert_int_equal(ip_parse(rows[i].in, &a), 0);
		assert_true(cidr_covers(&c, &a));
		assert_int_equal(ip_parse(rows[i].out, &a), 0);
		assert_false(cidr_covers(&c, &a));
	}
	assert_int_equal(cidr_parse("::/0", &c, &e), 0);
	assert_true(cidr_covers(&c, &a));
}

static void bad_networks_say_why(void **state)
{
	static const struct {
		const char *in, *says;
	} rows[] = {
	        {"10.0.0.0/33", "0 to 32"},
	        {"10.0.0.0/", "0 to 32"},
	        {"10.0.0.0/-1", "0 to 32"},
	        {"10.0.0.0/8x", "0 to 32"},
	        {"10.0.0.0/99999999999999999999", "0 to 32"},
	        {"fd00::/129", "0 to 128"},
	        {"10.1.2.3/8", "10.0.0.0/8"},
	        {"fd00::1/64", "fd00::/64"},
	        {"ten/8", "not an address"},
	        {"", "not an address"},
	        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/8", "not an address"},
	};
	struct cidr c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(cidr_parse(rows[i].in, &c, &e), -1);
		assert_non_null(strstr(e.text, rows[i].says));
		assert_int_equal(cidr_parse(rows[i].in, &c, NULL), -1);
	}
}

/* ---- memory ---------------------------------------------------------------------------------------------
 */

static void pool_lends_what_it_has(void **state)
{
	struct pool *p = pool_create(20, 3);
	uint8_t *b[3];

	(void)state;
	assert_non_null(p);
	assert_int_equal(pool_block_size(p), 32);
	for (int i = 0; i < 3; i++) {
		b[i] = pool_get(p);
		assert_non_null(b[i]);
		assert_int_equal((uintptr_t)b[i] % 16, 0);
		memset(b[i], i, 32);
	}
	assert_null(pool_get(p));
	assert_null(pool_get(p));
	assert_int_equal(pool_refused(p), 2);
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 32; k++)
			assert_int_equal(b[i][k], i); /* blocks do not overlap */
	pool_put(p, b[1]);
	pool_put(p, NULL);
	assert_int_equal(pool_used(p), 2);
	assert_ptr_equal(pool_get(p), b[1]);
	assert_int_equal(pool_peak(p), 3);
	assert_int_equal(pool_count(p), 3);
	pool_destroy(p);
	pool_destroy(NULL);
	assert_null(pool_create(16, 0));
	assert_null(pool_create(SIZE_MAX / 2, 4));
}

static void arena_holds_to_its_limits(void **state)
{
	struct pool *small = pool_create(128, 4), *big = pool_create(1024, 2);
	struct arena a;
	uint8_t *p, *q;

	(void)state;
	arena_init(&a, small, 3);
	assert_null(arena_get(&a, 113)); /* a block less its head is 112 */
	assert_int_equal(pool_used(small), 0);
	p = arena_get(&a, 1);
	q = arena_get(&a, 112 - 16);
	assert_ptr_equal(q, p + 16);
	memset(p, 0xff, 112);
	assert_int_equal(pool_used(small), 1);
	q = arena_get(&a, 112);
	assert_int_equal(pool_used(small), 2);
	assert_int_equal(q[0] | q[111], 0);
	arena_use_big(&a, big);
	assert_non_null(arena_get(&a, 1008));
	assert_null(arena_get(&a, 1009));
	assert_null(arena_get(&a, 100)); /* three blocks are out */
	assert_null(arena_get(&a, SIZE_MAX - 8));
	arena_clear(&a);
	assert_int_equal(pool_used(small) + pool_used(big), 0);
	p = arena_get(&a, 112); /* was full of 0xff */
	assert_int_equal(p[0] | p[111], 0);
	assert_string_equal(arena_text(&a, "abc", 2), "ab");
	assert_string_equal(arena_text(&a, NULL, 0), "");
	arena_clear(&a);
	pool_destroy(small);
	pool_destroy(big);
}

/* ---- JSON writer (more in test_json_write.c) ------------------------------------------------------------
 */

static void json_is_whole_or_says_so(void **state)
{
	static const char want[] = "{\"a\":[1,-2,true,null,\"\\u0001\\\"\xef\xbf\xbd\xc3\xa9\"],\"e\":\"\"}";
	char buf[128];

	(void)state;
	for (size_t cap = 0; cap <= sizeof(want); cap++) {
		char *exact = malloc(cap ? cap : 1);
		struct json j;

		json_init(&j, exact, cap);
		json_object(&j, NULL);
		json_array(&j, "a");
		json_u64(&j, NULL, 1);
		json_i64(&j, NULL, -2);
		json_bool(&j, NULL, true);
		json_string(&j, NULL, NULL);
		json_bytes(&j, NULL, "\x01\"\xff\xc3\xa9", 5);
		json_end_array(&j);
		json_bytes(&j, "e", NULL, 0);
		json_end_object(&j);
		assert_int_equal(j.full, cap < sizeof(want) - 1);
		if (!j.full) {
			memcpy(buf, exact, j.len);
			buf[j.len] = '\0';
			assert_string_equal(buf, want);
			assert_int_equal(j.replaced, 1);
		}
		free(exact);
	}
}

/* ---- text -----------------------------------------------------------------------------------------------
 */

static void slices_compare_and_trim(void **state)
{
	struct slice s = slice_trim(SLICE(" \t a b\t "));

	(void)state;
	assert_true(slice_is(s, "a b"));
	assert_false(slice_is(s, "a"));
	assert_false(slice_is(SLICE("a"), "a b"));
	assert_true(slice_is_nocase(SLICE("HoSt"), "host"));
	assert_true(slice_starts_nocase(SLICE("Bearer x"), "bearer "));
	assert_false(slice_starts_nocase(SLICE("Bea"), "bearer "));
	assert_true(slice_is(slice_of(NULL, 0), ""));
	assert_int_equal(slice_trim(SLICE(" \t")).n, 0);
}

static void text_is_copied_as_far_as_it_fits(void **state)
{
	char *out = malloc(4);

	(void)state;
	text_copy(out, 4, "ab");
	assert_string_equal(out, "ab");
	text_copy(out, 4, "abc");
	assert_string_equal(out, "abc");
	text_copy(out, 4, "abcd");
	assert_string_equal(out, "abc");
	text_copy(out, 1, "abcd");
	assert_string_equal(out, "");
	free(out);
}

/* Every code point goes out and comes in again; what RFC 3629 forbids is no sequence. */
static void text_runs(void **state)
{
	static const struct {
		const char *bytes;
		size_t n, run;
	} rows[] = {{"", 0, 0}, {"plain\ttext\r\n", 12, 12}, {"a\0b", 3, 1}, {"a\x1b", 2, 1}, {"a\x7f", 2, 1},
	        {"Stra\xc3\x9f"
	         "e",
	                7, 7},
	        {"Stra\xc3", 5, 5},
	        {"Stra\xdf"
	         "e",
	                6, 4},
	        {"\xe2\x82", 2, 2}, {"\xe2\x82\xac", 3, 3}, {"\xe2\x82 ", 3, 0}, {"\xf0\x9f\x98", 3, 3},
	        {"\xe0\x80", 2, 0}, {"\xe0", 1, 1}, {"\xf0", 1, 1}, {"\xed\xa0", 2, 0}, {"\xed", 1, 1},
	        {"\xf4\x90", 2, 0}, {"\xff", 1, 0}, {"\x80", 1, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(text_run((const uint8_t *)rows[i].bytes, rows[i].n), rows[i].run);
}

static void utf8_both_ways(void **state)
{
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
	        "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf",
	        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xc3", "\xe2\x82", "\xf0\x9f\x98", "\xc3(",
	        "\xe2\x82(", "\xf0\x9f\x98("};
	uint8_t b[4];

	(void)state;
	for (uint32_t cp = 0; cp <= 0x110000; cp++) {
		size_t n = utf8_put(cp, b);
		bool valid = cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);

		if (utf8_len(b, n) != n || (!valid && memcmp(b, "\xef\xbf\xbd", 3) != 0))
			fail_msg("U+%04X", cp);
		for (size_t cut = 0; cut < n; cut++)
			if (utf8_len(b, cut))
				fail_msg("U+%04X cut to %zu", cp, cut);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(utf8_len((const uint8_t *)bad[i], strlen(bad[i])), 0);
	assert_int_equal(utf8_len(b, 0), 0);
}

/* RFC 4648 10, then what real text does to it. */
static void base64_as_found(void **state)
{
	static const struct {
		const char *in, *out;
		size_t used;
	} rows[] = {
	        {"", "", 0},
	        {"Zg==", "f", 2},
	        {"Zm8=", "fo", 3},
	        {"Zm9v", "foo", 4},
	        {"Zm9vYg", "foob", 6},
	        {"Zm9vYmE=", "fooba", 7},
	        {"Zm9vYmFy", "foobar", 8},
	        {"-_-_", "\xfb\xff\xbf", 4},
	        {"+/+/", "\xfb\xff\xbf", 4},
	        {"Zm9v YmFy", "foo", 4},
	        {"Z", "", 1},
	        {"=", "", 0},
	};
	uint8_t out[16];
	size_t used;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = base64_decode(rows[i].in, strlen(rows[i].in), out, sizeof(out), &used);

		assert_int_equal(n, strlen(rows[i].out));
		assert_memory_equal(out, rows[i].out, n);
		assert_int_equal(used, rows[i].used);
	}
	assert_int_equal(base64_decode("Zm9vYmFy", 8, out, 4, NULL), 4);
	assert_int_equal(base64_decode("Zm9vYmFy", 8, out, 0, NULL), 0);
}

static void hex_both_ways(void **state)
{
	char out[7], number[NUMBER_TEXT_MAX];

	(void)state;
	assert_string_equal(hex_encode((const uint8_t *)"\x00\x9f\xff", 3, out), "009fff");
	assert_string_equal(hex_encode(NULL, 0, out), "");
	assert_int_equal(number_text(0, number), 1);
	assert_string_equal(number, "0");
	assert_int_equal(number_text(1000000, number), 7);
	assert_string_equal(number, "1000000");
	assert_int_equal(number_text(UINT64_MAX, number), 20);
	assert_string_equal(number, "18446744073709551615");
	for (int c = 0; c < 256; c++) {
		const char *at = c ? strchr("0123456789abcdefABCDEF", c) : NULL;
		long want = at ? at - "0123456789abcdefABCDEF" : -1;

		assert_int_equal(hex_digit((char)c), want > 15 ? want - 6 : want);
	}
}

static void hosts_in_their_usual_form(void **state)
{
	static const struct {
		const char *in, *host; /* "": none */
		uint16_t port;
	} rows[] = {
	        {"API.OpenAI.com", "api.openai.com", 0},
	        {"api.openai.com.", "api.openai.com", 0},
	        {"api.openai.com:443", "api.openai.com", 443},
	        {"api.openai.com.:443", "api.openai.com", 443},
	        {"api.openai.com:", "api.openai.com", 0},
	        {"api.openai.com:65536", "", 0},
	        {"api.openai.com:4x", "", 0},
	        {"_dmarc.example.com", "_dmarc.example.com", 0},
	        {"localhost", "localhost", 0},
	        {"192.0.2.7:80", "192.0.2.7", 80},
	        {"[2001:DB8:0::1]:443", "2001:db8::1", 443},
	        {"[2001:db8::1]", "2001:db8::1", 0},
	        {"[2001:db8::1]:x", "", 0},
	        {"[2001:db8::1]443", "", 0},
	        {"[2001:db8::1", "", 0},
	        {"[]", "", 0},
	        {"[example.com]", "", 0},
	        {"", "", 0},
	        {".", "", 0},
	        {"a..b", "", 0},
	        {".a", "", 0},
	        {"a b", "", 0},
	        {"a/b", "", 0},
	        {"user@host", "", 0},
	        {"b\xc3\xbc"
	         "cher.example",
	                "", 0},
	};
	char out[HOST_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint16_t port = 1;
		size_t n = host_port_split(rows[i].in, strlen(rows[i].in), out, &port);

		if (n != strlen(rows[i].host) ||
		        (n && (strcmp(out, rows[i].host) != 0 || port != rows[i].port)))
			fail_msg("%s: %zu %s %u", rows[i].in, n, n ? out : "", port);
	}
}

static void host_lengths(void **state)
{
	char name[300], out[HOST_MAX];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_int_equal(host_normalize(name, 63, out), 63);
	assert_int_equal(host_normalize(name, 64, out), 0);
	for (size_t i = 63; i < sizeof(name); i += 64)
		name[i] = '.';
	assert_int_equal(host_normalize(name, 253, out), 253);
	assert_int_equal(host_normalize(name, 254, out), 0);
	name[253] = '.';
	assert_int_equal(host_normalize(name, 254, out), 253);
}

static void distances(void **state)
{
	static const struct {
		const char *a, *b;
		unsigned d;
	} rows[] = {{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"ab", "ba", 1}, {"kitten", "sitting", 3},
	        {"limits.flow", "limits.flows", 1}, {"ca", "abc", 3}};
	char longer[80];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(text_distance(rows[i].a, rows[i].b, 9), rows[i].d);
		assert_int_equal(text_distance(rows[i].b, rows[i].a, 9), rows[i].d);
	}
	assert_int_equal(text_distance("kitten", "sitting", 2), 3);
	memset(longer, 'x', sizeof(longer));
	longer[64] = '\0';
	assert_int_equal(text_distance(longer, longer, 2), 0);
	longer[64] = 'x';
	longer[65] = '\0';
	assert_int_equal(text_distance(longer, longer, 2), 3);
}

/* ---- time -----------------------------------------------------------------------------------------------
 */

static void times_as_text(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
	        {0, "1970-01-01T00:00:00.000000Z"},
	        {-1, "1969-12-31T23:59:59.999999Z"},
	        {-1000000000, "1969-12-31T23:59:59.000000Z"},
	        {951782399999999999, "2000-02-28T23:59:59.999999Z"},
	        {951782400000000000, "2000-02-29T00:00:00.000000Z"},
	        {1763845982123456789, "2025-11-22T21:13:02.123456Z"},
	        {INT64_MAX, "2262-04-11T23:47:16.854775Z"},
	        {INT64_MIN, "1677-09-21T00:12:43.145224Z"},
	};
	char buf[TIME_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_string_equal(time_format(rows[i].ns, buf), rows[i].text);
}

static void days_of_the_calendar(void **state)
{
	static const char *const bad[] = {"2026-02-29", "2026-13-01", "2026-00-10", "2026-01-00",
	        "2026-04-31", "2100-02-29", "2026-1-1", "2026-01-1 ", "20260101", "", "-026-01-01",
	        "+026-01-01", "2026/01/01", "2026-01-011"};
	char buf[TIME_TEXT_MAX];
	int32_t day, before = 0;

	(void)state;
	assert_int_equal(time_parse_day("1970-01-01", &day), 0);
	assert_int_equal(day, 0);
	assert_int_equal(time_parse_day("2026-11-22", &day), 0);
	assert_int_equal(day, 20779);
	assert_int_equal(time_day(20779 * 86400 * NS_PER_S), 20779);
	assert_int_equal(time_day(20779 * 86400 * NS_PER_S - 1), 20778);
	assert_int_equal(time_day(-1), -1);
	assert_int_equal(time_parse_day("0000-01-01", &before), 0);
	for (day = before; day <= before + 146097 + 366; day += 1) { /* a whole cycle of leap years */
		int32_t back;

		if (time_parse_day(time_format_day(day, buf), &back) < 0 || back != day)
			fail_msg("%d is %s", day, buf);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(time_parse_day(bad[i], &day), -1);
}

/* ---- errors and the seed --------------------------------------------------------------------------------
 */

static void errors_gather_context(void **state)
{
	char longer[3000];
	struct err e;

	(void)state;
	assert_int_equal(err_set(&e, "no %s", "file"), -1);
	assert_int_equal(err_wrap(&e, "line %d", 7), -1);
	assert_string_equal(e.text, "line 7: no file");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	err_wrap(&e, "%s", longer);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_int_equal(err_set(NULL, "x"), -1);
	assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void one_seed_a_process(void **state)
{
	(void)state;
	assert_int_equal(hash_seed(), hash_seed());
	assert_true(hash64("a", 1, 1) != hash64("a", 1, 2));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(cursor_reads_both_orders),
	        cmocka_unit_test(cursor_failure_sticks),
	        cmocka_unit_test(cursor_parts_stay_within),
	        cmocka_unit_test(addresses_read_and_written),
	        cmocka_unit_test(networks_cover_what_they_say),
	        cmocka_unit_test(bad_networks_say_why),
	        cmocka_unit_test(pool_lends_what_it_has),
	        cmocka_unit_test(arena_holds_to_its_limits),
	        cmocka_unit_test(json_is_whole_or_says_so),
	        cmocka_unit_test(slices_compare_and_trim),
	        cmocka_unit_test(text_is_copied_as_far_as_it_fits),
	        cmocka_unit_test(utf8_both_ways),
	        cmocka_unit_test(text_runs),
	        cmocka_unit_test(base64_as_found),
	        cmocka_unit_test(hex_both_ways),
	        cmocka_unit_test(hosts_in_their_usual_form),
	        cmocka_unit_test(host_lengths),
	        cmocka_unit_test(distances),
	        cmocka_unit_test(times_as_text),
	        cmocka_unit_test(days_of_the_calendar),
	        cmocka_unit_test(errors_gather_context),
	        cmocka_unit_test(one_seed_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
