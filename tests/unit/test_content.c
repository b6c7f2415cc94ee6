/* test_content.c - bodies: codings, what the first bytes decide, forms, UTF-16, limits, gaps. */
#include "tests/unit/coders.h"
#include "tests/unit/content_reader.h"

#define FORM        "application/x-www-form-urlencoded"
#define JSON_BODY   "{\"prompt\":\"key \\\"AKIA\\\" here\"}"
#define JSON_FIELDS "prompt <prompt> key \"AKIA\" here\n"

static void check(const char *type, const char *body, const char *expect, unsigned skip)
{
	record_check(pool, type, "", body, strlen(body), expect, skip);
}

static void test_codings(void **state)
{
	static const struct {
		int bits;
		const char *coding;
	} rows[] = {{31, "gzip"}, {31, "x-gzip"}, {31, "GZip"}, {15, "deflate"}, {-15, "deflate"},
	        {31, "identity, gzip"}, {31, "gzip,"}, {31, "deflate"}};
	uint8_t z[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = coder_deflate(6, rows[i].bits, JSON_BODY, strlen(JSON_BODY), z, sizeof(z));

		record_check(pool, "text/plain", rows[i].coding, z, n, JSON_FIELDS, 0);
	}
}

static void test_codings_in_a_row(void **state)
{
	uint8_t one[512], two[512];
	size_t n = coder_deflate(6, 15, JSON_BODY, strlen(JSON_BODY), one, sizeof(one));

	(void)state;
	n = coder_deflate(6, 31, one, n, two, sizeof(two));
	record_check(pool, "", "deflate, gzip", two, n, JSON_FIELDS, 0);
	record_check(pool, "", "gzip, gzip, gzip, gzip", two, n, "", CONTENT_LIMIT);
}

/* RFC 1952 2.2: members one behind the other are one body. */
static void test_gzip_members(void **state)
{
	uint8_t z[1024];
	size_t n = coder_deflate(6, 31, "hello ", 6, z, sizeof(z));

	(void)state;
	n += coder_deflate(6, 31, "world", 5, z + n, sizeof(z) - n);
	record_check(pool, "", "gzip", z, n, "body <> hello world\n", 0);
	memset(z + n, 0, 5);
	record_check(pool, "", "gzip", z, n + 5, "body <> hello world\n", 0);
	z[n] = 'x';
	record_check(pool, "", "gzip", z, n + 5, "body <> hello world\n", CONTENT_BROKEN | CONTENT_BINARY);
}

/* Behind the end of what is compressed some receivers read on, and so a secret may stand there. */
static void test_behind_a_coding(void **state)
{
	static const struct {
		const char *label, *in_gzip;
		size_t (*encode)(const void *p, size_t n, uint8_t *out, size_t cap);
	} rows[] = {
	        {"gzip", "gzip, gzip", coder_gzip9},
	        {"deflate", "deflate, gzip", coder_zlib6},
	        {"deflate", "deflate, gzip", coder_raw6},
	        {"br", "br, gzip", coder_br5},
	        {"zstd", "zstd, gzip", coder_zstd1},
	};
	static const char text[] =
	        "Of the first words so many stand here that their codings take more than the "
	        "bytes by which it is judged whether a label be true";
	uint8_t z[1024], two[1024];
	size_t n, m, json = strlen(JSON_BODY);
	struct record *r = malloc(sizeof(*r));
	char expect[400];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		n = rows[i].encode(text, strlen(text), z, sizeof(z));
		for (int tail = 1; tail < 6; tail++) {
			memcpy(z + n, "AKIA!", (size_t)tail);
			snprintf(expect, sizeof(expect), "body <> %s\nbody <> %.*s\n", text, tail, "AKIA!");
			record_check(pool, "", rows[i].label, z, n + (size_t)tail, expect, CONTENT_BROKEN);
		}
		memcpy(z + n, JSON_BODY, json);
		snprintf(expect, sizeof(expect), "body <> %s\n" JSON_FIELDS, text);
		record_check(pool, "", rows[i].label, z, n + json, expect, CONTENT_BROKEN);
		m = coder_gzip9(z, n + json, two, sizeof(two));
		record_check(pool, "", rows[i].in_gzip, two, m, expect, CONTENT_BROKEN);
	}
	/* a file, and one behind another with a line between them */
	n = coder_deflate(6, 31, "hello", 5, z, sizeof(z));
	z[n] = '\n';
	m = n + 1 + coder_deflate(6, 31, JSON_BODY, json, z + n + 1, sizeof(z) - n - 1);
	record_check(pool, "", "gzip", z, m, "body <> hello\n" JSON_FIELDS, CONTENT_BROKEN);
	record_check(pool, "application/gzip", "", z, m, "body <> hello\n" JSON_FIELDS, CONTENT_BROKEN);
	for (size_t like = 1; like < 4; like++) {
		n = coder_gzip9(text, strlen(text), z, sizeof(z));
		memcpy(z + n, "\x1f\x8b\x08", like);
		memcpy(z + n + like, "password", 8);
		snprintf(expect, sizeof(expect), "body <> %s\nbody <> %.*spassword\n", text, (int)like,
		        "\x1f\x8b\x08");
		record_check(pool, "", "gzip", z, n + like + 8, expect, CONTENT_BROKEN);
	}
	/* a fault within */
	n = coder_gzip9(text, strlen(text), z, sizeof(z));
	memset(z + 60, 0xff, 20);
	record_body(pool, r, "", "gzip", z, n, 0, 50);
	assert_int_equal(
	        r->skip & (CONTENT_BROKEN | CONTENT_UNSUPPORTED), CONTENT_BROKEN | CONTENT_UNSUPPORTED);
	free(r);
}

static void test_false_labels(void **state)
{
	static const char longer[] = "{\"prompt\":\"this body says that it is deflated, but it is not, "
	                             "whatever its header says\"}";

	(void)state;
	record_check(pool, "", "gzip", JSON_BODY, strlen(JSON_BODY), JSON_FIELDS, 0);
	record_check(pool, "", "deflate", JSON_BODY, strlen(JSON_BODY), JSON_FIELDS, 0);
	record_check(pool, "", "deflate", longer, strlen(longer),
	        "prompt <prompt> this body says that it is deflated, but it is not, whatever its header "
	        "says\n",
	        0);
	record_check(pool, "", "br", JSON_BODY, strlen(JSON_BODY), JSON_FIELDS, 0);
	record_check(pool, "", "br", longer, strlen(longer),
	        "prompt <prompt> this body says that it is deflated, but it is not, whatever its header "
	        "says\n",
	        0);
	record_check(pool, "", "zstd", JSON_BODY, strlen(JSON_BODY), JSON_FIELDS, 0);
	record_check(pool, "", "gzip, aes128gcm", JSON_BODY, strlen(JSON_BODY), JSON_FIELDS, 0);
	record_check(pool, "", "utf-8", JSON_BODY, strlen(JSON_BODY), JSON_FIELDS, 0);
	record_check(pool, "", "aes128gcm", "\x93\x12\xf0\x01 AKIA", 9, "", CONTENT_UNSUPPORTED);
	record_check(pool, "", "compress", JSON_BODY, strlen(JSON_BODY), JSON_FIELDS, 0);
	record_check(pool, "", "compress", "\x1f\x9d\x90", 3, "", CONTENT_UNSUPPORTED);
}

static void test_broken_gzip(void **state)
{
	struct record *r = malloc(sizeof(*r));
	char text[4000];
	uint8_t z[4000];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 23);
	n = coder_deflate(6, 31, text, sizeof(text), z, sizeof(z));
	record_body(pool, r, "", "gzip", z, n - 30, 0, 100);
	assert_int_equal(r->skip, CONTENT_BROKEN);
	assert_true(r->decoded > 0);
	for (size_t bit = 0; bit < n * 8; bit++) {
		z[bit / 8] ^= (uint8_t)(1 << bit % 8);
		record_body(pool, r, "", bit & 1 ? "gzip" : "deflate", z, n, 0, 1 + bit % 90);
		z[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t i = 1; i < n; i++)
		record_body(pool, r, "", "gzip", z, i, 0, 1 + i % 90);
	free(r);
}

static void bomb_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	(void)p;
	(void)offset;
	*(uint64_t *)arg += n;
}

static void test_bomb(void **state)
{
	static uint8_t zeros[1 << 20], z[1 << 17], zz[1 << 14];
	uint64_t got = 0, decoded;
	struct text_sink out = {.arg = &got, .text = bomb_text};
	struct message m = {.content_encoding = SLICE("gzip")};
	struct content *c;
	z_stream s = {0};
	size_t n;

	(void)state;
	memset(zeros, '.', sizeof(zeros)); /* no base64 */
	assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	s.next_out = z;
	s.avail_out = sizeof(z);
	for (int i = 0; i < 64; i++) {
		s.next_in = zeros;
		s.avail_in = sizeof(zeros);
		deflate(&s, i == 63 ? Z_FINISH : Z_NO_FLUSH);
	}
	n = sizeof(z) - s.avail_out;
	deflateEnd(&s);
	c = content_open(pool, &m, &out);
	content_feed(c, z, n);
	assert_int_equal(content_close(c, &decoded), CONTENT_LIMIT);
	assert_true(decoded < 2 << 20);
	assert_int_equal(decoded, got);
	/* and deflated twice, or in a file in a body */
	n = coder_deflate(6, 31, z, n, zz, sizeof(zz));
	m.content_encoding = SLICE("gzip, gzip");
	got = 0;
	c = content_open(pool, &m, &out);
	content_feed(c, zz, n);
	assert_int_equal(content_close(c, &decoded), CONTENT_LIMIT);
	assert_true(decoded < 2 << 20);
	/* an upload in another: each is known by its first bytes, and what comes out of both is weighed
	 * together */
	m.content_encoding = SLICE("");
	got = 0;
	c = content_open(pool, &m, &out);
	content_feed(c, zz, n);
	assert_int_equal(content_close(c, &decoded), CONTENT_LIMIT);
	assert_int_equal(decoded, n);
	assert_true(got < 2 << 20);
}

/* Bodies that are compressed though nothing says so: files, mostly. */
static void test_compressed_files(void **state)
{
	uint8_t one[512], two[512];
	size_t n = coder_deflate(6, 31, JSON_BODY, strlen(JSON_BODY), one, sizeof(one));

	(void)state;
	record_check(pool, "application/gzip", "", one, n, JSON_FIELDS, 0);
	record_check(pool, "", "", one, n, JSON_FIELDS, 0);
	record_check(pool, "", "", one, n - 9, "prompt <prompt> key \"AKIA\" here\n", CONTENT_BROKEN);
	n = coder_zstd(3, 0, true, one, n, two, sizeof(two));
	record_check(pool, "text/plain", "", two, n, JSON_FIELDS, 0);
	record_check(pool, "", "", "\x1f\x8b\x08\0\0\0\0\0\0\0\x07", 11, "", CONTENT_BROKEN);
}

static void test_more_codings(void **state)
{
	static const char *const labels[] = {"br", "zstd", "gzip, br", "zstd,gzip", "aws-chunked,br"};
	uint8_t one[512], two[1024];

	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		const char *s = JSON_BODY;
		size_t n = strlen(s);

		n = i == 1 || i == 3 ? coder_zstd(3, 0, false, s, n, one, sizeof(one))
		    : i == 2         ? coder_deflate(6, 31, s, n, one, sizeof(one))
		                     : coder_brotli(5, 22, s, n, one, sizeof(one));
		memcpy(two, one, n);
		n = i == 2   ? coder_brotli(11, 16, one, n, two, sizeof(two))
		    : i == 3 ? coder_deflate(9, 31, one, n, two, sizeof(two))
		    : i == 4 ? coder_aws(11, one, n, two)
		             : n;
		record_check(pool, "application/json", labels[i], two, n, JSON_FIELDS, 0);
	}
}

static void test_body_limit(void **state)
{
	static const struct content_limits l = {.body_limit = 20, .depth = 8};
	struct content_pool *small = content_pool_create(1, &l);
	uint8_t z[256];
	size_t n = coder_deflate(6, 31, "0123456789abcdefghijklmnopq", 27, z, sizeof(z));

	(void)state;
	record_check(small, "", "", "abcdefghijklmnopqrst", 20, "body <> abcdefghijklmnopqrst\n", 0);
	record_check(small, "", "", "abcdefghijklmnopqrstu", 21, "body <> abcdefghijklmnopqrst CUT\n",
	        CONTENT_LIMIT);
	record_check(small, "", "gzip", z, n, "body <> 0123456789abcdefghij CUT\n", CONTENT_LIMIT);
	record_check(small, "", "", "{\"key\":\"abcdefghijklmno\"}", 25, "key <key> abcdefghijkl CUT\n",
	        CONTENT_LIMIT);
	content_pool_destroy(small);
}

static void test_pool(void **state)
{
	static const struct content_limits l = {.depth = 8};
	struct content_pool *small = content_pool_create(2, &l);
	struct message m = {0};
	struct text_sink out = {0};
	struct content *a = content_open(small, &m, &out), *b = content_open(small, &m, &out);

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	assert_null(content_open(small, &m, &out));
	assert_int_equal(content_refused(small), 1);
	content_close(a, NULL);
	assert_non_null(content_open(small, &m, &out));
	content_pool_destroy(small);
}

/* The first bytes decide, not the type. */
static void test_first_bytes(void **state)
{
	(void)state;
	check(FORM, JSON_BODY, JSON_FIELDS, 0);
	check("text/plain", "  \n\t" JSON_BODY, JSON_FIELDS, 0);
	check("", "\xef\xbb\xbf" JSON_BODY, JSON_FIELDS, 0);
	check("application/json", "plain text, 100% of it", "body <> plain text, 100% of it\n", 0);
	check("application/octet-stream", "AKIA secret", "body <> AKIA secret\n", 0);
	check("image/png", "no picture", "body <> no picture\n", 0);
	check("", "   \r\n ", "", 0);
	check("", "", "", 0);
	check("", "ID3 is how this sentence begins", "body <> ID3 is how this sentence begins\n", 0);
	check("",
	        "Stra\xdf"
	        "e und Geb\xe4ude",
	        "body <> Stra\xdf"
	        "e und Geb\xe4ude\n",
	        0);
}

static void test_binary(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} rows[] = {{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16}, {"\xff\xd8\xff\xe0\0\x10JFIF", 10}, {"a\0b", 3},
	        {"\x93\x12\xf0\x01\x9c\xee\x03\xb2\x44\x81\x90\x1c\x7f\x88\xc1\x02", 16}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		record_check(pool, "application/json", "", rows[i].bytes, rows[i].n, "", CONTENT_BINARY);
}

static void test_form(void **state)
{
	(void)state;
	check(FORM, "q=hello+world&text=AKIA%2FX%3D%26&empty=&n=1",
	        "form.q <q> hello world\nform.text <text> AKIA/X=&\nform.n <n> 1\n", 0);
	check(FORM "; charset=utf-8", "a=b=c&%61b=%C3%A9", "form.a <a> b=c\nform.ab <ab> \u00e9\n", 0);
	check(FORM, "a=100%&b=%zz%4&c=%", "form.a <a> 100%\nform.b <b> %zz%4\nform.c <c> %\n", 0);
	check(FORM, "a=1&loneword&a_name_that_is_long=2",
	        "form.a <a> 1\nform{} <> loneword\nform{} <> a_name_that_is_long\n"
	        "form.a_name_that_is_long <a_name_that_is_long> 2\n",
	        0);
	check(FORM, "a=%7B%22b%22%3A1%7D\n", "form.a <a> {\"b\":1}\n\n", 0);
	/* not a form by its type: text */
	check("text/plain", "a=b%20c", "body <> a=b%20c\n", 0);
}

/* curl --data-binary calls everything a form: '+' in a key must stay one. */
static void test_form_that_is_none(void **state)
{
	(void)state;
	check(FORM, "please check abc+def/ghi==", "body <> please check abc+def/ghi==\n", 0);
	check(FORM, "-----BEGIN KEY-----\nab+c\n", "body <> -----BEGIN KEY-----\nab+c\n\n", 0);
	check(FORM, "nothing", "body <> nothing\n", 0);
	check(FORM,
	        "first=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa and "
	        "then&abc+def%41",
	        "form.first <first> "
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa and "
	        "then&abc+def%41\n",
	        0);
}

static void test_query(void **state)
{
	struct record *r = malloc(sizeof(*r));
	struct text_sink out = record_sink(r);
	struct slice q = SLICE("q=Can%20you+check%3F&key=AIzaSy&flag");

	(void)state;
	content_query(pool, &q, &(struct content_spent){0}, &out);
	assert_string_equal(r->text, "query.q <q> Can you check?\nquery.key <key> AIzaSy\nquery{} <> flag\n");
	out = record_sink(r);
	content_query(pool, &(struct slice){NULL, 0}, &(struct content_spent){0}, &out);
	assert_string_equal(r->text, "");
	q = SLICE("compression=gzip&message="
	          "H4sIAAAAAAACA6tWyssvSVWyUirJSCxRyCxWiFHKyc9Lj1FSSM3LL03PUKoF"
	          "APdszA4iAAAA&base64=1");
	out = record_sink(r);
	assert_int_equal(content_query(pool, &q, &(struct content_spent){0}, &out), 0);
	assert_string_equal(r->text,
	        "query.compression <compression> gzip\n"
	        "query.message <message> "
	        "H4sIAAAAAAACA6tWyssvSVWyUirJSCxRyCxWiFHKyc9Lj1FSSM3LL03PUKoFAPdszA4iAAAA\n"
	        "query.message(base64).note <note> that is "
	        "\"long\" enough\nquery.base64 <base64> 1\n");
	free(r);
}

static void bomb_field(void *arg, const char *path, size_t path_len, const char *key, size_t key_len)
{
	(void)arg;
	(void)path;
	(void)path_len;
	(void)key;
	(void)key_len;
}

static void bomb_end(void *arg, bool whole)
{
	(void)arg;
	(void)whole;
}

static struct text_sink bomb_sink(uint64_t *got)
{
	return (struct text_sink){.arg = got, .field = bomb_field, .text = bomb_text, .field_end = bomb_end};
}

/* n dots, compressed, in base64. */
static size_t bomb_base64(size_t n_dots, char *text)
{
	static uint8_t dots[1 << 20], z[4096];

	memset(dots, '.', sizeof(dots));
	return coder_base64(z, coder_gzip9(dots, n_dots, z, sizeof(z)), true, false, 0, "", text);
}

/* What comes out of all texts of a head is little, whatever they say. */
static void test_encoded_bomb(void **state)
{
	const struct slice path = SLICE("header.x");
	struct content_spent spent = {0};
	static char text[6000];
	uint64_t got = 0;
	const struct text_sink out = bomb_sink(&got);
	struct slice s = {text, bomb_base64(1 << 20, text)};

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(content_encoded(pool, &path, &s, &spent, &out), CONTENT_LIMIT);
	assert_int_equal(got, 256 << 10);
	assert_int_equal(spent.head, 256 << 10);
}

/* And of all heads of a connection no more than of a body that was as long. */
static void test_heads_bomb(void **state)
{
	const struct slice path = SLICE("header.x");
	struct content_spent spent = {0};
	static char text[6000];
	uint64_t got = 0;
	const struct text_sink out = bomb_sink(&got);
	struct slice s = {text, bomb_base64(200 << 10, text)};
	unsigned skipped = 0;

	(void)state;
	for (int i = 0; i < 10; i++, spent.head = 0)
		skipped |= content_encoded(pool, &path, &s, &spent, &out);
	assert_int_equal(got, 1 << 20);
	assert_int_equal(skipped, CONTENT_LIMIT);
	spent.sent = 1 << 20;
	assert_int_equal(content_encoded(pool, &path, &s, &spent, &out), 0);
	assert_int_equal(got, (1 << 20) + (200 << 10));
}

/* A limit that is smaller holds for heads too. */
static void test_encoded_limit(void **state)
{
	static const struct content_limits l = {.body_limit = 5000, .depth = 8};
	struct content_pool *small = content_pool_create(1, &l);
	const struct slice path = SLICE("header.x");
	struct content_spent spent = {0};
	static char text[6000];
	uint64_t got = 0;
	const struct text_sink out = bomb_sink(&got);
	struct slice s = {text, bomb_base64(20000, text)};

	(void)state;
	assert_int_equal(content_encoded(small, &path, &s, &spent, &out), CONTENT_LIMIT);
	assert_int_equal(got, 5000);
	content_pool_destroy(small);
}

/* A limit ends what is inflated; the rest of the form is read, and of JSON in it. */
static void test_query_bomb(void **state)
{
	static const struct content_limits l = {.body_limit = 100, .depth = 8};
	struct content_pool *small = content_pool_create(1, &l);
	struct record *r = malloc(sizeof(*r));
	struct text_sink out = record_sink(r);
	static char bomb[1000], text[6000];
	struct content_spent spent = {0};
	struct slice q;
	size_t n;

	(void)state;
	bomb_base64(2000, bomb);
	n = (size_t)snprintf(text, sizeof(text),
	        "j={\"x\":\"%s\",\"y\":\"words\"}&b=YSBub3RlIHRoYXQgaXMgbG9uZyBlbm91Z2g&c=%s&d=plain", bomb,
	        bomb);
	q = slice_of(text, n);
	assert_int_equal(content_query(small, &q, &spent, &out), CONTENT_LIMIT);
	assert_int_equal(spent.head, 100);
	assert_non_null(strstr(r->text, "\nquery.j.x(base64) <x> ...................."));
	assert_non_null(strstr(r->text, ". CUT\nquery.j.y <y> words\nquery.b <b> "));
	assert_non_null(strstr(r->text, "query.b(base64) <b> a note that is long enough\n"));
	assert_null(strstr(r->text, "query.c(base64)"));
	assert_non_null(strstr(r->text, "\nquery.d <d> plain\n"));
	free(r);
	content_pool_destroy(small);
}

/* Of a header or a step of a path only what base64 gave, by whatever reader. */
static void test_encoded(void **state)
{
	static const struct {
		const char *text, *told;
	} cases[] = {
	        {"x YSBub3RlIHRoYXQgaXMgbG9uZyBlbm91Z2g= y",
	                "header.x(base64) <header.x> a note that is long enough\n"},
	        {"YSBub3RlIHRoYXQgaXMgbG9uZyBlbm91Z2g",
	                "header.x(base64) <header.x> a note that is long enough\n"},
	        {"eyJub3RlIjoidGhhdCBpcyBsb25nIGVub3VnaCJ9",
	                "header.x(base64).note <note> that is long enough\n"},
	        {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlIG9mIGl0", ""},
	        {"H4sIAAAAAAACA6tWyssvSVWyUirJSCxRyCxWiFHKyc9Lj1FSSM3LL03PUKoF"
	         "APdszA4iAAAA",
	                "header.x(base64).note <note> that is \"long\" enough\n"},
	        {"plain words, and {\"no\": \"JSON\"}", ""},
	        {"", ""},
	};
	const struct slice path = SLICE("header.x");
	struct record *r = malloc(sizeof(*r));

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct text_sink out = record_sink(r);
		struct slice text = slice_of(cases[i].text, strlen(cases[i].text));

		content_encoded(pool, &path, &text, &(struct content_spent){0}, &out);
		assert_string_equal(r->text, cases[i].told);
	}
	free(r);
}

static size_t utf16(const char *ascii, bool big, bool mark, uint8_t *out)
{
	size_t n = 0;

	if (mark) {
		out[n++] = big ? 0xfe : 0xff;
		out[n++] = big ? 0xff : 0xfe;
	}
	for (; *ascii; ascii++) {
		out[n++] = big ? 0 : (uint8_t)*ascii;
		out[n++] = big ? (uint8_t)*ascii : 0;
	}
	return n;
}

static void test_utf16(void **state)
{
	static const uint8_t pair[] = {
	        0xff, 0xfe, 'a', 0, 0x3d, 0xd8, 0x00, 0xde, 0x3d, 0xd8, 'b', 0, 0xe9, 0};
	uint8_t b[256];

	(void)state;
	for (int i = 0; i < 4; i++) {
		size_t n = utf16("a secret: AKIA", i & 1, i & 2, b);

		record_check(pool, "text/plain", "", b, n, "body <> a secret: AKIA\n", 0);
		n = utf16(JSON_BODY, i & 1, i & 2, b);
		record_check(pool, "text/plain", "", b, n, JSON_FIELDS, 0);
	}
	record_check(pool, "", "", pair, sizeof(pair), "body <> a\U0001f600\ufffdb\u00e9\n", 0);
}

static void test_gaps(void **state)
{
	struct record *r = malloc(sizeof(*r));
	static const struct {
		const char *type, *coding, *before, *after, *expect;
		unsigned skip;
	} rows[] = {
	        {"", "", "some text", "more text", "body <> some text CUT\nbody <> more text\n", CONTENT_GAP},
	        {"", "", "", "more text", "body <> more text\n", CONTENT_GAP},
	        {FORM, "", "a=one&b=tw", "o&c=three",
	                "form.a <a> one\nform.b <b> tw CUT\nform <> o\nform.c <c> three\n", CONTENT_GAP},
	        {"", "gzip", "text that is not", "gzip", "body <> text that is not CUT\nbody <> gzip\n",
	                CONTENT_GAP},
	        {"", "gzip", "\x1f\x8b\x08", "gzip", "", CONTENT_GAP},
	        {"", "exi", "\x01", "y", "", CONTENT_GAP | CONTENT_UNSUPPORTED},
	        {"", "br", "text as it is", "y", "body <> text as it is CUT\nbody <> y\n", CONTENT_GAP},
	        {"", "", "\xff\xd8\xff\xe0", "xx", "", CONTENT_GAP | CONTENT_BINARY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct text_sink out = record_sink(r);
		struct message m = {.content_type = slice_of(rows[i].type, strlen(rows[i].type)),
		        .content_encoding = slice_of(rows[i].coding, strlen(rows[i].coding))};
		struct content *c = content_open(pool, &m, &out);

		content_feed(c, (const uint8_t *)rows[i].before, strlen(rows[i].before));
		content_gap(c, 4);
		content_feed(c, (const uint8_t *)rows[i].after, strlen(rows[i].after));
		r->skip = content_close(c, NULL);
		assert_string_equal(r->text, rows[i].expect);
		assert_int_equal(r->skip, rows[i].skip);
	}
	free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_codings),
	        cmocka_unit_test(test_codings_in_a_row),
	        cmocka_unit_test(test_gzip_members),
	        cmocka_unit_test(test_behind_a_coding),
	        cmocka_unit_test(test_false_labels),
	        cmocka_unit_test(test_broken_gzip),
	        cmocka_unit_test(test_bomb),
	        cmocka_unit_test(test_compressed_files),
	        cmocka_unit_test(test_more_codings),
	        cmocka_unit_test(test_body_limit),
	        cmocka_unit_test(test_pool),
	        cmocka_unit_test(test_first_bytes),
	        cmocka_unit_test(test_binary),
	        cmocka_unit_test(test_form),
	        cmocka_unit_test(test_form_that_is_none),
	        cmocka_unit_test(test_query),
	        cmocka_unit_test(test_encoded),
	        cmocka_unit_test(test_encoded_bomb),
	        cmocka_unit_test(test_heads_bomb),
	        cmocka_unit_test(test_encoded_limit),
	        cmocka_unit_test(test_query_bomb),
	        cmocka_unit_test(test_utf16),
	        cmocka_unit_test(test_gaps),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
