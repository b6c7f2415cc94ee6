/* test_protobuf.c - messages of Protocol Buffers without their schema: what is text, where it stood, what is
 * lost where, and that nothing hostile takes long. */
#include "tests/unit/coders.h"
#include "tests/unit/content_reader.h"
#include "tests/unit/proto_write.h"

#define TYPE "application/x-protobuf"

static struct content_pool *pool;
static struct proto a, b, c;

static void check(const struct proto *m, const char *expect, unsigned skip)
{
	record_check(pool, TYPE, "", m->p, m->n, expect, skip);
}

static void test_fields(void **state)
{
	(void)state;
	a.n = b.n = c.n = 0;
	proto_text(&a, 1, "user");
	proto_text(&a, 2, "my key is AKIA");
	proto_varint(&a, 3, 4111111111111111);
	proto_varint(&a, 4, 99999);
	proto_varint(&a, 5, (uint64_t)-5);
	proto_fixed(&a, 6, 8, 123456789012);
	proto_fixed(&a, 7, 4, 0x3f800000);
	proto_text(&a, 8, "yes");
	proto_text(&a, 9, "");
	check(&a, "1 <> user\n2 <> my key is AKIA\n3 <> 4111111111111111\n", 0);
	proto_text(&b, 15, "below");
	proto_message(&b, 3, &a);
	proto_message(&b, 3, &a);
	proto_message(&c, 1000, &b);
	proto_text(&c, 1, "Stra\u00dfe in M\u00fcnchen");
	check(&c,
	        "1000.15 <> below\n1000.3.1 <> user\n1000.3.2 <> my key is AKIA\n1000.3.3 <> "
	        "4111111111111111\n"
	        "1000.3[1].1 <> user\n1000.3[1].2 <> my key is AKIA\n1000.3[1].3 <> 4111111111111111\n"
	        "1 <> Stra\u00dfe in M\u00fcnchen\n",
	        0);
}

/* Lengths that are letters, and a first field that is a line feed: message or text? */
static void test_text_or_message(void **state)
{
	static const char *const texts[] = {"(A", "HIHI", "0123", "\n\nan empty line first", "\n and a blank",
	        "\"quoted text of some length\"", "2 words", "Bonjour, Jean", "a=1&b=2", "user@example.org",
	        "{\"a\"", "P1H2X3P1H2X3", "\tindented code\r\n", "z\u00e4h"};
	char expect[300];

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		a.n = b.n = 0;
		proto_text(&a, 3, texts[i]);
		proto_message(&b, 2, &a);
		proto_varint(&b, 3, 1);
		snprintf(expect, sizeof(expect), "2.3 <> %s\n", texts[i]);
		check(&b, i ? expect : "", 0); /* two letters are too few */
	}
	/* a message whose only field is text of 32 to 126 bytes is text throughout, but for its sense */
	for (size_t n = 4; n < 190; n++) {
		char text[200] = {0};

		if (n >= '\t' && n <= '\r')
			continue; /* a length that is a line end: text */
		a.n = b.n = 0;
		memset(text, 'x', n);
		proto_text(&a, 1, text);
		proto_message(&b, 5, &a);
		snprintf(expect, sizeof(expect), "5.1 <> %s\n", text);
		check(&b, expect, 0);
	}
	/* and one with two such fields */
	a.n = b.n = 0;
	proto_text(&a, 1, "a question that is longer than a line");
	proto_text(&a, 4, "an answer that is of about the same length");
	proto_message(&b, 5, &a);
	check(&b,
	        "5.1 <> a question that is longer than a line\n"
	        "5.4 <> an answer that is of about the same length\n",
	        0);
}

static void test_groups(void **state)
{
	(void)state;
	a.n = 0;
	proto_tag(&a, 1, 3);
	proto_text(&a, 2, "in a group");
	proto_tag(&a, 3, 3);
	proto_text(&a, 4, "in two");
	proto_tag(&a, 3, 4);
	proto_tag(&a, 1, 4);
	proto_text(&a, 5, "behind");
	check(&a, "1.2 <> in a group\n1.3.4 <> in two\n5 <> behind\n", 0);
	/* one that does not end, one that ends another, an end without a beginning */
	a.n = 0;
	proto_varint(&a, 9, 1);
	proto_tag(&a, 1, 3);
	proto_text(&a, 2, "in a group");
	check(&a, "1.2 <> in a group\n", CONTENT_BROKEN);
	proto_tag(&a, 8, 4);
	proto_text(&a, 2, "some text behind it");
	check(&a, "1.2 <> in a group\nbody <> some text behind it\n", CONTENT_BROKEN);
}

/* Strings that hold something of their own. */
static void test_text_that_holds(void **state)
{
	static const char base64[] = "dGhlIGtleSBpcyBBS0lBIGFuZCB0aGlzIGlzIGxvbmcgZW5vdWdoIHRvIGJlIHNlZW4=";

	(void)state;
	a.n = 0;
	proto_text(&a, 1, "{\"prompt\":\"the key is AKIA\",\"n\":123456}");
	proto_text(&a, 2, base64);
	check(&a,
	        "1.prompt <prompt> the key is AKIA\n1.n <n> 123456\n"
	        "2 <> dGhlIGtleSBpcyBBS0lBIGFuZCB0aGlzIGlzIGxvbmcgZW5vdWdoIHRvIGJlIHNlZW4=\n"
	        "2(base64) <> the key is AKIA and this is long enough to be seen\n",
	        0);
}

static void test_bytes(void **state)
{
	static const uint8_t wide[] = "h\0e\0l\0l\0o\0 \0w\0o\0r\0l\0d";
	uint8_t noise[300], z[300];
	size_t n = coder_gzip9("{\"key\":\"in a file\"}", 19, z, sizeof(z));

	(void)state;
	a.n = 0;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)(0x80 | i * 37 % 101);
	proto_bytes(&a, 1, z, n);
	proto_bytes(&a, 2, wide, sizeof(wide));
	memcpy(noise + 20, "a run of text", 13);
	proto_bytes(&a, 3, noise, 50);
	check(&a, "1.key <key> in a file\n2 <> hello world\n3 <> a run of text\n", 0);
	memcpy(noise + 200, "another run of text", 19);
	proto_bytes(&a, 4, noise, sizeof(noise));
	proto_text(&a, 5, "and on");
	check(&a,
	        "1.key <key> in a file\n2 <> hello world\n3 <> a run of text\n4 <> a run of text\n"
	        "4 <> another run of text\n5 <> and on\n",
	        CONTENT_BINARY);
	/* a picture has no text, whatever its letters say */
	a.n = 0;
	memcpy(noise, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
	proto_bytes(&a, 1, noise, sizeof(noise));
	proto_text(&a, 2, "and on");
	check(&a, "2 <> and on\n", CONTENT_BINARY);
}

/* Numbers in a row, whose bytes may look like anything. */
static void test_packed(void **state)
{
	float weights[64];
	struct record *r = malloc(sizeof(*r));

	(void)state;
	a.n = b.n = 0;
	for (unsigned i = 0; i < 64; i++) {
		weights[i] = (float)i / 100 - 0.3f;
		proto_raw(&b, i * 1000 + 5);
	}
	proto_bytes(&a, 1, weights, sizeof(weights));
	proto_message(&a, 2, &b);
	proto_text(&a, 3, "the text behind it");
	record_body(pool, r, TYPE, "", a.p, a.n, 0, 50);
	assert_non_null(strstr(r->text, "3 <> the text behind it\n"));
	assert_int_equal(r->skip & ~(unsigned)CONTENT_BINARY, 0);
	free(r);
}

/* The first bytes decide, not the label. */
static void test_false_label(void **state)
{
	static const char json[] = "{\"messages\":[{\"content\":\"the key\"}]}", list[] = "[\"one\",\"two\"]";
	static const char *const types[] = {TYPE, "application/protobuf; proto=x", "application/proto",
	        "APPLICATION/VND.GOOGLE.PROTOBUF"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		record_check(
		        pool, types[i], "", json, strlen(json), "messages[0].content <content> the key\n", 0);
		record_check(pool, types[i], "", list, strlen(list), "[0] <> one\n[1] <> two\n", 0);
		record_check(pool, types[i], "", "just text", 9, "body <> just text\n", 0);
		record_check(pool, types[i], "", "", 0, "", 0);
	}
	record_check(pool, TYPE, "", "\xff\xff text that is long \xff", 23, "body <>  text that is long \n",
	        CONTENT_BINARY);
	a.n = 0;
	proto_text(&a, 1, "not called a message");
	record_check(pool, "application/protobuffer", "", a.p, a.n, "body <> \x14not called a message\n", 0);
}

/* Lengths that are larger than what is around them, tags that are none: the text behind them counts, and what
 * is around them goes on. */
static void test_broken(void **state)
{
	(void)state;
	a.n = b.n = c.n = 0;
	for (unsigned i = 0; i < 20; i++)
		proto_varint(&a, 1, i); /* the look does not reach further */
	for (unsigned i = 0; i < 20; i++)
		proto_varint(&a, 2, i);
	proto_tag(&a, 3, 2);
	proto_raw(&a, 1000);
	proto_put(&a, "the text that lies in it", 24);
	proto_message(&b, 6, &a);
	proto_text(&b, 7, "goes on");
	check(&b, "6 <> the text that lies in it\n7 <> goes on\n", CONTENT_BINARY);
	/* at the top it is the message that is broken */
	proto_tag(&c, 1, 0);
	proto_raw(&c, 5);
	proto_message(&c, 6, &b);
	proto_tag(&c, 1, 7);
	proto_put(&c, "and this is text behind", 23);
	check(&c, "6.6 <> the text that lies in it\n6.7 <> goes on\nbody <> and this is text behind\n",
	        CONTENT_BINARY | CONTENT_BROKEN);
	/* cut off */
	a.n = 0;
	proto_text(&a, 1, "a text that is whole");
	proto_text(&a, 2, "a text that is cut off");
	record_check(pool, TYPE, "", a.p, a.n - 4, "1 <> a text that is whole\n2 <> a text that is cut CUT\n",
	        CONTENT_BROKEN);
	proto_text(&a, 3, "x");
	record_check(pool, TYPE, "", a.p, a.n - 2, "1 <> a text that is whole\n2 <> a text that is cut off\n",
	        CONTENT_BROKEN);
	/* a number of eleven bytes */
	a.n = 0;
	proto_text(&a, 1, "first");
	proto_tag(&a, 1, 0);
	proto_put(&a, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
	proto_text(&a, 2, "a text far behind it");
	check(&a, "body <> a text far behind it\n", CONTENT_BINARY);
}

static void test_every_prefix(void **state)
{
	(void)state;
	a.n = b.n = 0;
	proto_text(&a, 1, "user");
	proto_text(&a, 2, "what is AKIA, and why is it here at all, in the middle of this long text?");
	proto_varint(&a, 3, 4111111111111111);
	proto_fixed(&a, 4, 8, 1);
	proto_tag(&a, 5, 3);
	proto_text(&a, 6, "{\"k\":\"in a group\"}");
	proto_tag(&a, 5, 4);
	proto_message(&b, 1, &a);
	proto_message(&b, 1, &a);
	reader_damaged(TYPE, b.p, b.n, 1);
}

static void gap_check(size_t from, size_t n, const char *expect)
{
	struct record *r = malloc(sizeof(*r));
	struct text_sink out = record_sink(r);
	struct message m = {.content_type = SLICE(TYPE)};
	struct content *body = content_open(pool, &m, &out);

	if (from)
		content_feed(body, a.p, from);
	content_gap(body, n);
	content_feed(body, a.p + from + (n ? n : 1), a.n - from - (n ? n : 1));
	r->skip = content_close(body, NULL);
	assert_string_equal(r->text, expect);
	assert_true(r->skip & CONTENT_GAP);
	free(r);
}

/* Lengths bridge a gap: what is around the missing bytes goes on in order. */
static void test_gaps(void **state)
{
	size_t at;

	(void)state;
	a.n = b.n = 0;
	proto_text(&b, 1, "first text of the message");
	proto_text(&b, 2, "second text of the message");
	proto_text(&a, 9, "the beginning is long enough to be looked at, whatever comes behind it in time");
	at = a.n;
	proto_message(&a, 3, &b);
	proto_text(&a, 4, "the end of it");
#define BEGIN "9 <> the beginning is long enough to be looked at, whatever comes behind it in time\n"
	/* in a text; from a text into the next; over a whole message; to the end of one, then unknown */
	gap_check(at + 10, 5,
	        BEGIN "3.1 <> first  CUT\n3.1 <> of the message\n3.2 <> second text of the message\n"
	              "4 <> the end of it\n");
	gap_check(at + 10, 30, BEGIN "3.1 <> first  CUT\n3 <> xt of the message\n4 <> the end of it\n");
	gap_check(at, b.n + 2, BEGIN "body <> \"\rthe end of it\n");
	gap_check(at + 2, b.n, BEGIN "4 <> the end of it\n");
	gap_check(at + 4, b.n - 2, BEGIN "4 <> the end of it\n");
	gap_check(at + 10, 0,
	        BEGIN "3.1 <> first  CUT\nbody <> ext of the message\nbody <> second text of the "
	              "message\"\rthe end of it\n");
	gap_check(0, 20,
	        "body <> ong enough to be looked at, whatever comes behind it in time\n"
	        "body <> first text of the message\nbody <> second text of the message\"\rthe end of it\n");
#undef BEGIN
}

static void test_deep(void **state)
{
	struct record *r = malloc(sizeof(*r));

	(void)state;
	/* messages */
	a.n = 0;
	proto_text(&a, 1, "at the bottom of it");
	for (unsigned i = 0; i < 100; i++) {
		b.n = 0;
		proto_varint(&b, 2, i);
		proto_message(&b, 1, &a);
		a = b;
	}
	record_body(pool, r, TYPE, "", a.p, a.n, 0, 100);
	assert_true(r->skip & CONTENT_LIMIT);
	assert_non_null(strstr(r->text, "at the bottom of it"));
	/* groups that only begin */
	a.n = 0;
	while (a.n < 50000)
		proto_tag(&a, 2, 3);
	proto_text(&a, 1, "at the bottom of it");
	record_body(pool, r, TYPE, "", a.p, a.n, 0, 1000);
	assert_true(r->skip & CONTENT_LIMIT);
	assert_non_null(strstr(r->text, "at the bottom of it"));
	free(r);
}

static void count_field(void *arg, const char *path, size_t n, const char *key, size_t key_len)
{
	(void)path;
	(void)n;
	(void)key;
	(void)key_len;
	++*(uint64_t *)arg;
}

/* Numbers without end are told up to a limit, and a length without end is no memory. */
static void test_endless(void **state)
{
	uint64_t fields = 0;
	struct text_sink out = {.arg = &fields, .field = count_field};
	struct message m = {.content_type = SLICE(TYPE)};
	struct content *body = content_open(pool, &m, &out);

	(void)state;
	a.n = 0;
	while (a.n < PROTO_MAX - 10)
		proto_varint(&a, 1, 1000000);
	for (unsigned i = 0; i < 20; i++)
		content_feed(body, a.p, a.n);
	assert_int_equal(content_close(body, NULL), CONTENT_LIMIT);
	assert_int_equal(fields, 65536);
	a.n = 0;
	proto_tag(&a, 1, 2);
	proto_raw(&a, INT32_MAX);
	memset(a.p + a.n, 'x', 60000);
	fields = 0;
	body = content_open(pool, &m, &out);
	content_feed(body, a.p, a.n + 60000);
	for (unsigned i = 0; i < 100; i++)
		content_feed(body, a.p + a.n, 60000);
	assert_int_equal(content_close(body, NULL), CONTENT_BROKEN);
	assert_int_equal(fields, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_fields),
	        cmocka_unit_test(test_text_or_message),
	        cmocka_unit_test(test_groups),
	        cmocka_unit_test(test_text_that_holds),
	        cmocka_unit_test(test_bytes),
	        cmocka_unit_test(test_packed),
	        cmocka_unit_test(test_false_label),
	        cmocka_unit_test(test_broken),
	        cmocka_unit_test(test_every_prefix),
	        cmocka_unit_test(test_gaps),
	        cmocka_unit_test(test_deep),
	        cmocka_unit_test(test_endless),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
