/* test_text_scan.c - what text may hold: JSON in strings, base64, data: URLs; and what it only seems to hold.
 */
#include "classify/content/text_scan.h"
#include "tests/unit/coders.h"
#include "tests/unit/content_reader.h"

#include <stdio.h>

static void check_type(const char *type, const char *body, const char *expect, unsigned skip)
{
	record_check(pool, type, "", body, strlen(body), expect, skip);
}

static void check(const char *json, const char *expect, unsigned skip)
{
	check_type("application/json", json, expect, skip);
}

/* {"NAME":TEXT} and the field that it is when it is text only. */
static void check_plain(const char *text)
{
	char json[8192], expect[8192], *p = stpcpy(json, "{\"f\":\"");

	for (const char *s = text; *s; s++) {
		if (*s == '"' || *s == '\\' || *s == '\n')
			*p++ = '\\';
		*p++ = *s == '\n' ? 'n' : *s;
	}
	strcpy(p, "\"}");
	snprintf(expect, sizeof(expect), "f <f> %s\n", text);
	check(json, expect, 0);
}

/* ---- JSON in strings ------------------------------------------------------------------------------------
 */

static void test_json_in_strings(void **state)
{
	(void)state;
	check("{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"k\\\":\\\"v\\\",\\\"l\\\":"
	      "[\\\"w\\\","
	      "{\\\"m\\\":\\\"x\\\"}]}\"}}]}",
	        "tool_calls[0].function.name <name> f\ntool_calls[0].function.arguments.k <k> v\n"
	        "tool_calls[0].function.arguments.l[0] <l> w\ntool_calls[0].function.arguments.l[1].m <m> "
	        "x\n",
	        0);
	/* an array; blanks; escapes of both levels; what follows it */
	check("{\"a\":\" \\n [ \\\"one\\\", {\\\"b\\\":\\\"t\\\\u00e9\\\\nl\\\\\\\"q\\\"} ] "
	      "\\n\",\"z\":\"end\"}",
	        "a[0] <a> one\na[1].b <b> t\u00e9\nl\"q\nz <z> end\n", 0);
	/* twice: as a value, and the whole */
	check("{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"c\\\\\\\":\\\\\\\"deep\\\\\\\"}\\\"}\"}", "a.b.c <c> deep\n",
	        0);
	check("{\"a\":\"\\\"{\\\\\\\"c\\\\\\\":\\\\\\\"deep\\\\\\\"}\\\"\"}", "a.c <c> deep\n", 0);
	/* several values, one behind the other */
	check("{\"a\":\"{\\\"b\\\":\\\"1\\\"}\\n{\\\"b\\\":\\\"2\\\"}\\n\"}", "a.b <b> 1\na.b <b> 2\n", 0);
	/* in an element of an array, and as the whole body */
	check("[\"{\\\"k\\\":\\\"v\\\"}\"]", "[0].k <k> v\n", 0);
	check("\"{\\\"k\\\":\\\"v\\\"}\"", "body.k <k> v\n", 0);
	/* an escaped number and a long name inside */
	check("{\"a\":\"{\\\"card\\\":4111111111111111,\\\"AKIAIOSFODNN7EXAMPLE\\\":1}\"}",
	        "a.card <card> 4111111111111111\na{} <> AKIAIOSFODNN7EXAMPLE\n", 0);
}

static void test_json_in_forms(void **state)
{
	(void)state;
	check_type("application/x-www-form-urlencoded", "payload=%7B%22text%22%3A%22hello+there%22%7D&x=1",
	        "form.payload.text <text> hello there\nform.x <x> 1\n", 0);
	check_type("multipart/form-data; boundary=X",
	        "--X\r\nContent-Disposition: form-data; "
	        "name=j\r\n\r\n{\"a\":\"{\\\"b\\\":\\\"c\\\"}\"}\r\n--X--",
	        "part.j.a.b <b> c\n", 0);
}

/* Text that begins like JSON and is none is told whole and once. */
static void test_no_json_in_strings(void **state)
{
	static const char *const texts[] = {"{\"k\": \"v\"} is what I got", "{\"k\": unquoted}",
	        "{\"k\":\"cut", "[\"a\", \"b\"", "[[Link]] and {\"text\"}", "{ \"a\" }",
	        "\"{quoted} words\" said", "{", "[", "\"", "{\"", "[1] Smith, [2] Jones", "[12, 34]", "{}",
	        "[\"\"]", "{\"n\":12}", "[{}]", "  {\"a\":", "   ", "{not json}", "d", "data", "da ta",
	        "data:", "\"\\d+\" is a pattern"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_plain(texts[i]);
}

/* What breaks behind TEXT_TRIAL bytes has been told as JSON so far; the rest is text of the same path. */
static void test_json_breaks_late(void **state)
{
	static char json[3 * TEXT_TRIAL], expect[3 * TEXT_TRIAL];
	char *p = stpcpy(json, "{\"f\":\"{\\\"first\\\":\\\""), *q = stpcpy(expect, "f.first <first> ");

	(void)state;
	memset(p, 'x', TEXT_TRIAL);
	memset(q, 'x', TEXT_TRIAL);
	strcpy(p + TEXT_TRIAL, "\\\"} the key is AKIAIOSFODNN7EXAMPLE\",\"g\":\"h\"}");
	strcpy(q + TEXT_TRIAL, "\nf <f> the key is AKIAIOSFODNN7EXAMPLE\ng <g> h\n");
	check(json, expect, CONTENT_BROKEN);
}

static void test_json_in_json_gap(void **state)
{
	static const char json[] =
	        "{\"a\":\"{\\\"one\\\":\\\"some text in here\\\",\\\"two\\\":\\\"more\\\"}\",\"b\":\"tail\"}";
	struct record *r = malloc(sizeof(*r));
	size_t n = strlen(json);

	(void)state;
	for (size_t cut = 1; cut + 4 <= n - 14; cut++) {
		struct text_sink out = record_sink(r);
		struct message m = {0};
		struct content *c = content_open(pool, &m, &out);

		content_feed(c, (const uint8_t *)json, cut);
		content_gap(c, 4);
		content_feed(c, (const uint8_t *)json + cut + 4, n - cut - 4);
		assert_int_equal(content_close(c, NULL) & CONTENT_GAP, CONTENT_GAP);
		assert_false(r->open);
		assert_non_null(strstr(r->text, "\"b\":\"tail\"}"));
	}
	free(r);
}

/* ---- base64 ---------------------------------------------------------------------------------------------
 */

#define SECRET                                                                                               \
	"The access key is AKIAIOSFODNN7EXAMPLE, \xc3\xbc"                                                   \
	"se it"

/* In a string, alone and within words: told as it stands, since it is short, and by what it says. */
static void test_base64_in_strings(void **state)
{
	char b[256], json[1024], expect[1024];

	(void)state;
	for (int i = 0; i < 4; i++) {
		size_t n = coder_base64(SECRET, strlen(SECRET), i & 1, i & 2, 0, "", b);

		assert_true(n >= BASE64_MIN && n < BASE64_TOLD);
		sprintf(json, "{\"a\":\"%s\",\"z\":\"end\"}", b);
		sprintf(expect, "a <a> %s\na(base64) <a> " SECRET "\nz <z> end\n", b);
		check(json, expect, 0);
		sprintf(json, "{\"a\":\"Please decode %s for me.\"}", b);
		sprintf(expect, "a <a> Please decode %s\na(base64) <a> " SECRET "\na <a>  for me.\n", b);
		check(json, expect, 0);
		sprintf(json, "x=\"%s\"; y=\"%s\"", b, b);
		sprintf(expect,
		        "body <> x=\"%s\nbody(base64) <> " SECRET
		        "\nbody <> \"; y=\"%s\nbody(base64) <> " SECRET "\nbody <> \"\n",
		        b, b);
		check(json, expect, 0);
	}
}

/* Structure in base64, and base64 in base64. */
static void test_base64_of_structure(void **state)
{
	char one[512], two[1024], json[2048], expect[2048];

	(void)state;
	coder_base64("{\"secret\":\"hunter2\",\"l\":[\"x\"]}", 31, false, true, 0, "", one);
	sprintf(json, "{\"a\":[\"%s\"]}", one);
	sprintf(expect, "a[0] <a> %s\na[0](base64).secret <secret> hunter2\na[0](base64).l[0] <l> x\n", one);
	check(json, expect, 0);
	coder_base64(one, strlen(one), false, true, 0, "", two);
	sprintf(json, "{\"a\":\"%s\"}", two);
	sprintf(expect,
	        "a <a> %s\na(base64) <a> %s\na(base64)(base64).secret <secret> hunter2\n"
	        "a(base64)(base64).l[0] <l> x\n",
	        two, one);
	check(json, expect, 0);
	coder_base64("{\"a\":\"{\\\"b\\\":\\\"c\\\"}\"}", 21, true, false, 0, "", one);
	sprintf(json, "v=%s", one);
	sprintf(expect, "form.v <v> %s\nform.v(base64).a.b <b> c\n", one);
	check_type("application/x-www-form-urlencoded", json, expect, 0);
}

/* Long ones are told as they stand only as far as a token may reach. */
static void test_long_base64(void **state)
{
	static char text[3001], b[8192], json[9000], expect[9000];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 61 == 60 ? '\n' : (char)('a' + i * 7 % 26);
	for (size_t len = 2998; len <= 3000; len++) {
		n = coder_base64(text, len, false, true, 0, "", b);
		sprintf(json, "{\"a\":\"%s, and words\"}", b);
		sprintf(expect, "a <a> %.*s\na(base64) <a> %.*s\na <a> , and words\n", BASE64_TOLD, b,
		        (int)len, text);
		check(json, expect, 0);
	}
	/* a picture: nothing to tell but its beginning as it stands */
	memcpy(text, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
	n = coder_base64(text, 3000, false, true, 0, "", b);
	sprintf(json, "{\"a\":\"%s\"}", b);
	sprintf(expect, "a <a> %.*s\n", BASE64_TOLD, b);
	check(json, expect, CONTENT_BINARY);
	/* bytes that nobody knows: text to its end, whatever it is */
	for (size_t i = 0; i < 3000; i++)
		text[i] = (char)(i * i >> 3 ^ i * 73);
	n = coder_base64(text, 3000, false, true, 0, "", b);
	assert_int_equal(n, 4000);
	sprintf(json, "{\"a\":\"%s\"}", b);
	sprintf(expect, "a <a> %s\n", b);
	check(json, expect, 0);
}

/* Whatever the pieces, the fields are the same, and these lines are among them. */
static void check_has(const char *body, const char *one, const char *two)
{
	struct record *whole = malloc(sizeof(*whole)), *r = malloc(sizeof(*r));
	size_t n = strlen(body);

	record_body(pool, whole, "", "", body, n, 0, n);
	if (!strstr(whole->text, one) || !strstr(whole->text, two))
		fail_msg("not there: %s%sin: %s", one, two, whole->text);
	for (size_t cut = 1; cut < n; cut++) {
		record_body(pool, r, "", "", body, n, cut, 0);
		assert_string_equal(r->text, whole->text);
	}
	record_body(pool, r, "", "", body, n, 0, 1);
	assert_string_equal(r->text, whole->text);
	free(whole);
	free(r);
}

/* Letters that decode to what a tar archive might begin with, and to none. */
static void test_no_archive(void **state)
{
	static char text[3001];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	check_plain(text);
	memset(text, 'z', sizeof(text) - 1);
	check_plain(text);
}

static void test_base64_in_lines(void **state)
{
	static const struct {
		size_t width;
		const char *eol;
	} rows[] = {{76, "\r\n"}, {64, "\n"}, {76, "\n    "}, {24, "\n"}, {128, "\n"}, {76, "\\n"},
	        {60, "\\r\\n"}, {64, "\\n\\t"}};
	static char text[1501], b[4096], body[9000], expect[9000];

	(void)state;
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 53 == 52 ? ' ' : (char)('A' + i * 11 % 26);
	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
		for (size_t len = 150; len <= 1500; len += 449) {
			coder_base64(text, len, false, true, rows[r].width, rows[r].eol, b);
			sprintf(body, "A file:\n%s\n\nRegards, me", b);
			sprintf(expect, "body(base64) <> %.*s\n", (int)len, text);
			check_has(body, expect, "\n\nRegards, me\n");
		}
	}
	/* a word behind it, in a line of its own and on the same; a last line that is full */
	coder_base64(text, 57 * 12, false, true, 76, "\n", b);
	sprintf(expect, "body(base64) <> %.*s\n", 57 * 12, text);
	sprintf(body, "%s\nRegards, me", b);
	check_has(body, expect, "body <> \nRegards, me\n");
	sprintf(body, "%s\nBest, me", b); /* four letters: rather decoded and told than lost */
	check_has(body, "body(base64) <> ", "\nBest, me\n");
	sprintf(body, "%s and so on", b);
	check_has(body, expect, "body <>  and so on\n");
	/* in JSON the line ends are escapes */
	coder_base64(SECRET SECRET SECRET, 3 * strlen(SECRET), false, true, 76, "\\r\\n", b);
	sprintf(body, "{\"a\":\"%s\",\"b\":\"c\"}", b);
	check_has(body, "a(base64) <a> " SECRET SECRET SECRET "\n", "b <b> c\n");
}

/* What stands right before a run and is of its alphabet, and before each line of it. */
static void test_base64_behind_something(void **state)
{
	static const char *const before[] = {"+", "-", "x/", "out/", "\\n", "a\\n", "//"};
	static const char word[] = "please look at this: " SECRET " and say what it does";
	char b[400], body[1000], expect[500];

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		for (size_t len = 24; len < sizeof(word); len++) {
			coder_base64(word, len, false, true, 0, "", b);
			sprintf(body, "see (%s%s)", before[i], b);
			sprintf(expect, "body(base64) <> %.*s\n", (int)len, word);
			check_has(body, expect, "body <> )\n");
		}
	for (size_t i = 0; i < 2; i++) {
		coder_base64(word, sizeof(word) - 1, false, true, 32, i ? "\n-" : "\n+", b);
		sprintf(body, "@@ -1 +1,3 @@\n%c%s\n end", "+-"[i], b);
		sprintf(expect, "body(base64) <> %s\n", word);
		check_has(body, expect, "body <> \n end\n");
	}
	/* an assignment or a token in the line behind is no end of it */
	for (size_t lines = 4; lines <= 20; lines += 16)
		for (size_t i = 0; i < 3; i++) {
			static const char *const ends[] = {"\n", "\\n", "\n+"};
			static char text[1200], b64[2000], long_body[3000], long_expect[1400];

			for (size_t k = 0; k < 57 * lines; k++)
				text[k] = k % 53 == 52 ? ' ' : (char)('A' + k * 11 % 26);
			text[57 * lines] = 0;
			coder_base64(text, 57 * lines, false, true, 76, ends[i], b64);
			sprintf(long_expect, "body(base64) <> %s", text);
			sprintf(long_body, "data:%s%s%spassword=Xk9#mQ2vLp7w%sx", ends[i], b64, ends[i],
			        ends[i]);
			check_has(long_body, long_expect, "password=Xk9#mQ2vLp7w");
			sprintf(long_body, "data:%s%s%sghp_16C7e42F292c6912E7710c838347Ae178B4a%sx", ends[i],
			        b64, ends[i], ends[i]);
			check_has(long_body, long_expect, "ghp_16C7e42F292c6912E7710c838347Ae178B4a");
		}
	/* a line of another length ends it, and so does an escape that ends no line */
	coder_base64(word, 48, false, true, 0, "", b);
	sprintf(expect, "body(base64) <> %.48s\n", word);
	sprintf(body, "%s\\xAb%s", b, b);
	check_has(body, expect, "xAb");
}

static uint8_t next_random(uint32_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return (uint8_t)(*x >> 11);
}

/* Encrypted bytes stay text in every line, whatever a line's first bytes seem to begin: JSON, most often. */
static void test_base64_of_random_bytes(void **state)
{
	static const char *const begins[] = {"", "\"", "[1", "{}", "{\""};
	static char bytes[3001], b[4200];
	struct record *r = malloc(sizeof(*r));
	uint32_t x = 1;

	(void)state;
	for (size_t i = 0; i < 1000; i++) {
		const char *begin = begins[i % 5];
		size_t n;

		for (size_t k = 0; k < 3000; k++)
			bytes[k] = (char)next_random(&x);
		memcpy(bytes + 48 * 3, begin, strlen(begin));
		n = coder_base64(bytes, 3000, false, true, 64, "\n", b);
		record_body(pool, r, "", "", b, n, 0, n);
		assert_null(strstr(r->text, "(base64)"));
	}
	free(r);
}

/* Tokens, digests, keys, paths and numbers stay one text, whatever alphabet they are of. */
static void test_tokens_stay_whole(void **state)
{
	static const char *const texts[] = {
	        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", /* SHA-256 */
	        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
	        "ghp_16C7e42F292c6912E7710c838347Ae178B4a and more",
	        "sk-proj-9aXkQ2vLw8RrT5yUiO0pAsDfGhJkLzXcVbNmQwErTyUiOpAsDfGh",
	        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY is the secret",
	        "AKIAIOSFODNN7EXAMPLEAKIAIOSFODNN7EXAMPLE",
	        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
	        "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0Ijox"
	        "NTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c and text",
	        "-----BEGIN EC PRIVATE "
	        "KEY-----\nMHcCAQEEIGdJ1cT5pR0yqWq0bC6x9mGk0c2Zb0JQ1l0Xv0Qe3aJvoAoGCCqGSM49\n"
	        "AwEHoUQDQgAE7W7lCfBqgW0Q9vG5l2ZfYxv1v2tqk2u4VbXk0oX3xw1p7mQyP3oZ\n-----END EC PRIVATE "
	        "KEY-----\n",
	        "AAAAB3NzaC1yc2EAAAADAQABAAABgQC7vbqajDw4o6gJy8UtmIbkcpnkO3Kwc4qsEnSZp/TR me@host",
	        "/usr/local/share/documentation/leaktap/examples/configuration",
	        "com/example/application/internal/ConfigurationManagerFactory",
	        "00000000000000000000000000000000000000000000",
	        "4111111111111111411111111111111141111111111111114111111111111111",
	        "------------------------------------------------------------",
	        "________________________________________________________________",
	        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	        "IQoJb3JpZ2luX2VjEHYaCXVzLWVhc3QtMSJHMEUCIQDmVh5nz0m1n8oLxJ5R1pBb7u2Ob8yQ3uY0mVt9e8m3WgIg",
	        "550e8400-e29b-41d4-a716-446655440000",
	        /* bytes that begin like a byte order mark by chance */
	        "//6lTcoYJTC7HW0TLN7WI3su2R4/ch/LGXEXRJTWSTydXDRgvjEgHmn+2qDu6LmZf1x8KZn9r+WTJTzWVK8=",
	        "/v9N+tcUJ6Cus/7pIy+K8iEfnuSRxbEL7LVWO/web5NCfsvI/ilV5c2ORtyO1LfCdk0qWk12dwb4XYaQAko=",
	        "77u/1r2jQBvpyMvMyTX2zR9hImrhUziuGjQATTO6DSRqwEyBsbryPjv57vX3nytJNK+H9VILablLDZguhbtV",
	        "thisIsAVeryLongCamelCaseIdentifierNameThatSomebodyWroteInJava",
	        "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_plain(texts[i]);
}

/* UTF-16, as PowerShell's -EncodedCommand has it. */
static void test_base64_of_utf16(void **state)
{
	char wide[128], b[256], json[512], expect[512];
	const char *text = "Invoke-RestMethod $key";
	size_t n = 0;

	(void)state;
	for (const char *s = text; *s; s++) {
		wide[n++] = *s;
		wide[n++] = 0;
	}
	coder_base64(wide, n, false, true, 0, "", b);
	sprintf(json, "{\"a\":\"powershell -enc %s\"}", b);
	sprintf(expect, "a <a> powershell -enc %s\na(base64) <a> %s\n", b, text);
	check(json, expect, 0);
}

/* ---- data: ----------------------------------------------------------------------------------------------
 */

static void test_data_urls(void **state)
{
	char b[256], json[1024], expect[1024];
	struct record *r = malloc(sizeof(*r));

	(void)state;
	coder_base64("{\"k\":\"AKIA\"}", 12, false, true, 0, "", b);
	sprintf(json,
	        "{\"messages\":[{\"content\":[{},{\"image_url\":{\"url\":\"data:application/"
	        "json;base64,%s\"}}]}]}",
	        b);
	sprintf(expect,
	        "messages[0].content[1].image_url.url <url> data:application/json;base64,%s\n"
	        "messages[0].content[1].image_url.url(base64).k <k> AKIA\n",
	        b);
	check(json, expect, 0);
	/* short, no type, URL alphabet, upper case, parameters, charset */
	check("[\"data:;base64,aGk_\"]", "[0] <> data:;base64,aGk_\n[0](base64) <> hi?\n", 0);
	check("[\"DATA:text/plain;charset=utf-8;Base64,aGk=\"]",
	        "[0] <> DATA:text/plain;charset=utf-8;Base64,aGk=\n[0](base64) <> hi\n", 0);
	check("[\"data:text/plain;charset=iso-8859-1;base64,U3RyYd9l\"]",
	        "[0] <> data:text/plain;charset=iso-8859-1;base64,U3RyYd9l\n[0](base64) <> Stra\u00dfe\n", 0);
	check("[\"data:text/plain;charset=utf-16le;base64,5WUsZ56K5WUsZ56K\"]",
	        "[0] <> data:text/plain;charset=utf-16le;base64,5WUsZ56K5WUsZ56K\n[0](base64) <> "
	        "\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\n",
	        0);
	/* without base64: percent-encoded, and read by what it is */
	check("[\"data:,A%20brief%20note%2e 100%, 5%25x%\"]",
	        "[0] <> data:,\n[0](percent) <> A brief note. 100%, 5%x%\n", 0);
	check("[\"data:application/json,%7B%22k%22%3A%22v%22%7D\"]",
	        "[0] <> data:application/json,\n[0](percent).k <k> v\n", 0);
	/* unknown bytes: told as they stand; a picture is known to be none of text */
	check("[\"data:application/octet-stream;base64,kxLwAZzuA7JEgZAcf4jBAg==\"]",
	        "[0] <> data:application/octet-stream;base64,kxLwAZzuA7JEgZAcf4jBAg==\n", 0);
	check("[\"data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==\"]",
	        "[0] <> data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==\n", CONTENT_BINARY);
	/* in a form */
	check_type("application/x-www-form-urlencoded",
	        "img=data%3Atext%2Fplain%3Bbase64%2CaGVsbG8sIHlvdQ%3D%3D",
	        "form.img <img> data:text/plain;base64,aGVsbG8sIHlvdQ==\nform.img(base64) <img> hello, you\n",
	        0);
	free(r);
}

/* Without a label as well: no text of detectors, and the record says that there was one. */
static void test_pictures_and_sounds(void **state)
{
	static const char *const all[] = {
	        "SUkqAHibNMr1Ty4iCs2UHnG4jVg2hm0NhYtjVJ6Uviysxn9bfvKP", /* TIFF */
	        "TU0AKi2ZA5WfY9PYk9znUnechBYpF+yP8a9KZCLTZ+GNXrbfpGWl", /* TIFF */
	        "RkxWATMfdY55PqlalOsNFbYqkqcJpZOkTtInlmLjlUWAw1GpBLoW", /* FLV */
	        "AAABuuhWurmUMeBq2Wo6Hh8cVkwU+3+kEj6V0Wb0Z3vg0vsScNfj", /* MPEG */
	        "MCaydY5mzxF/227/YBASgoF8anbVhUimGqE7zhT9xi/ca1Ssl/Gh", /* ASF */
	        "/9j/4AAQSkZJRgDx4Q0oETn6g0cVuSgFmLEmK+jDaZ/Gd/nMMCc6", /* JPEG */
	        "AAAAIGZ0eXBpc29tALve1OMiZJr12DxVvlNaTKf9rYQCVgKfPTj5", /* MP4 */
	};
	char json[400], expect[400];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		snprintf(json, sizeof(json), "{\"data\":\"%s\"}", all[i]);
		snprintf(expect, sizeof(expect), "data <data> %s\n", all[i]);
		check(json, expect, CONTENT_BINARY);
	}
	/* sentences that begin alike */
	check_plain("FORM of the order: fill in what is missing");
	check_plain("II* is a star, MM0* as well");
}

static void test_no_data_urls(void **state)
{
	char longer[400] = "data:text/plain;x=";

	(void)state;
	check_plain("data: none, as a blank says");
	check_plain("data:{not,one}");
	check_plain("data:one,two,three");
	check_plain("data:;base64");
	check_plain("database:x/y;base64,aGVsbG8gd29ybGQ=");
	memset(longer + 18, 'x', 300);
	strcpy(longer + 318, ",abc");
	check_plain(longer);
}

/* ---- limits ---------------------------------------------------------------------------------------------
 */

/* JSON in JSON in JSON ...: as deep as parts may nest it is read, deeper it is text, and nothing is lost. */
static void test_nesting_ends(void **state)
{
	static char now[1 << 20], next[1 << 20];
	struct record *r = malloc(sizeof(*r));
	unsigned skip = 0;

	(void)state;
	strcpy(now, "\"AKIAIOSFODNN7EXAMPLE\"");
	for (unsigned level = 0; level < NEST_DEPTH_MAX + 3; level++) {
		char *p = stpcpy(next, level ? "{\"a\":\"" : "{\"a\":");

		for (const char *s = now; *s; s++) {
			if (level && (*s == '"' || *s == '\\'))
				*p++ = '\\';
			*p++ = *s;
		}
		strcpy(p, level ? "\"}" : "}");
		memcpy(now, next, sizeof(now));
		if (strlen(now) > sizeof(r->text) / 2)
			break;
		record_body(pool, r, "", "", now, strlen(now), 0, 1000);
		assert_non_null(strstr(r->text, "AKIAIOSFODNN7EXAMPLE"));
		assert_null(strstr(strstr(r->text, "AKIAIOSFODNN7EXAMPLE") + 1, "AKIAIOSFODNN7EXAMPLE"));
		skip = r->skip;
	}
	assert_int_equal(skip & ~(unsigned)CONTENT_LIMIT, 0);
	free(r);
}

/* base64 does not double its size: 15 levels of it. */
static void test_base64_nesting_ends(void **state)
{
	static char now[1 << 16], next[1 << 16];
	struct record *r = malloc(sizeof(*r));

	(void)state;
	strcpy(now, SECRET);
	for (unsigned level = 0; level < NEST_DEPTH_MAX + 3; level++) {
		coder_base64(now, strlen(now), false, true, 0, "", next);
		memcpy(now, next, sizeof(now));
		record_body(pool, r, "", "", now, strlen(now), 0, 1000);
		if (level < NEST_DEPTH_MAX)
			assert_non_null(strstr(r->text, SECRET));
		assert_int_equal(r->skip, level < NEST_DEPTH_MAX ? 0 : CONTENT_LIMIT);
	}
	free(r);
}

static void count_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	(void)p;
	(void)offset;
	*(uint64_t *)arg += n;
}

/* More parts than a body may have: the strings behind them are told as they stand. */
static void test_endless_parts(void **state)
{
	static const struct content_limits l = {.depth = 32}; /* no ratio: this is a bomb */
	static const char one[] = "\"{\\\"k\\\":\\\"v\\\"}\",";
	struct content_pool *own = content_pool_create(1, &l);
	uint64_t got = 0;
	struct text_sink out = {.arg = &got, .text = count_text};
	struct message m = {.content_encoding = SLICE("gzip")};
	unsigned n = NEST_PARTS_MAX + 30000, parts;
	size_t len = strlen(one), cap = 100000;
	char *json = malloc(n * len + 5);
	uint8_t *z = malloc(cap);
	struct content *c = content_open(own, &m, &out);

	(void)state;
	json[0] = '[';
	for (unsigned i = 0; i < n; i++)
		memcpy(json + 1 + i * len, one, len);
	memcpy(json + 1 + n * len, "\"\"]", 3);
	len = coder_gzip9(json, n * len + 4, z, cap);
	parts = NEST_PARTS_MAX + (unsigned)(len / NEST_PART_BYTES);
	assert_true(parts < n);
	content_feed(c, z, len);
	assert_int_equal(content_close(c, NULL), CONTENT_LIMIT);
	/* "v" each, then {"k":"v"}; the body is a part too */
	assert_int_equal(got, parts - 1 + (n - parts + 1) * 9);
	content_pool_destroy(own);
	free(json);
	free(z);
}

static void test_flips_and_prefixes(void **state)
{
	static char json[2048];
	char lines[512];
	size_t n;

	(void)state;
	coder_base64(SECRET SECRET SECRET SECRET, 4 * strlen(SECRET), false, true, 76, "\\n", lines);
	n = (size_t)sprintf(json,
	        "{\"a\":\"{\\\"b\\\":[\\\"\\\\u00e9\\\",1234567]}\",\"c\":\"data:text/"
	        "plain;charset=utf-16;base64,aABpACEA\","
	        "\"d\":\"x %s y\",\"e\":\"data:text/css,%%41%%\"}",
	        lines);
	reader_damaged("", json, n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_json_in_strings),
	        cmocka_unit_test(test_json_in_forms),
	        cmocka_unit_test(test_no_json_in_strings),
	        cmocka_unit_test(test_json_breaks_late),
	        cmocka_unit_test(test_json_in_json_gap),
	        cmocka_unit_test(test_base64_in_strings),
	        cmocka_unit_test(test_base64_of_structure),
	        cmocka_unit_test(test_long_base64),
	        cmocka_unit_test(test_no_archive),
	        cmocka_unit_test(test_base64_in_lines),
	        cmocka_unit_test(test_base64_behind_something),
	        cmocka_unit_test(test_base64_of_random_bytes),
	        cmocka_unit_test(test_tokens_stay_whole),
	        cmocka_unit_test(test_base64_of_utf16),
	        cmocka_unit_test(test_data_urls),
	        cmocka_unit_test(test_pictures_and_sounds),
	        cmocka_unit_test(test_no_data_urls),
	        cmocka_unit_test(test_nesting_ends),
	        cmocka_unit_test(test_base64_nesting_ends),
	        cmocka_unit_test(test_endless_parts),
	        cmocka_unit_test(test_flips_and_prefixes),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
