/* test_validators.c - the checks by themselves, on published vectors and near misses; and the expressions. */
#include "classify/detect/expr.h"
#include "classify/detect/validate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs a validator on the whole text in an exact-size heap copy. */
static enum verdict_of_value check_in(const char *name, const char *text, bool context)
{
	size_t n = strlen(text);
	uint8_t *copy = malloc(n);
	struct value v = {.p = copy, .n = n, .match_end = n, .end = n, .ends = true, .context = context};
	enum verdict_of_value got;

	memcpy(copy, text, n);
	got = validator_by_name(name)(&v);
	free(copy);
	return got;
}

struct one {
	const char *validator, *text;
	bool context;
	enum verdict_of_value want;
};

static const struct one ones[] = {
        /* ISO/IEC 7812-1 annex B: 7992739871 has check digit 3 */
        {"luhn", "79927398713", false, VALUE_YES},
        {"luhn", "79927398710", false, VALUE_NO},
        {"luhn", "0000000000", false, VALUE_NO},
        /* test numbers of the card schemes; exclusions of the detector keep them quiet, the check passes them
         */
        {"card", "4111 1111 1111 1111", true, VALUE_NO}, /* too few different digits */
        {"card", "4012888888881881", false, VALUE_YES},
        {"card", "4929 1234 5678 9015", false, VALUE_YES},
        {"card", "4929 1234 5678 9016", true, VALUE_NO},
        {"card", "378734493671000", false, VALUE_YES},
        {"card", "3787 344936 71000", false, VALUE_YES},
        {"card", "30569309025904", false, VALUE_YES},
        {"card", "3530111333300000", false, VALUE_YES},
        {"card", "6011000990139424", false, VALUE_YES},
        {"card", "2223003122003222", false, VALUE_YES},
        {"card", "7079046378330068", true, VALUE_NO},  /* no issuer */
        {"card", "6759649826438453", false, VALUE_NO}, /* Maestro needs context */
        {"card", "6759649826438453", true, VALUE_YES},
        /* IBAN registry examples (SWIFT) */
        {"iban", "DE89 3704 0044 0532 0130 00", false, VALUE_SURE},
        {"iban", "GB29NWBK60161331926819", false, VALUE_SURE},
        {"iban", "MT84MALT011000012345MTLCAST001S", false, VALUE_SURE},
        {"iban", "NO93 8601 1117 947", false, VALUE_SURE},
        {"iban", "no9386011117947", false, VALUE_SURE},
        {"iban", "DE89 3704 0044 0532 0130 01", false, VALUE_NO},
        {"iban", "DE89 3704 0044 0532 0130", false, VALUE_NO},
        {"iban", "ZZ89 3704 0044 0532 0130 00", false, VALUE_NO},
        /* SSA: no area 000, 666, 9xx; no group 00; no serial 0000 */
        {"ssn", "134-60-3895", false, VALUE_YES},
        {"ssn", "000-60-3895", true, VALUE_NO},
        {"ssn", "666-60-3895", true, VALUE_NO},
        {"ssn", "900-60-3895", true, VALUE_NO},
        {"ssn", "134-00-3895", true, VALUE_NO},
        {"ssn", "134-60-0000", true, VALUE_NO},
        {"ssn", "134603895", false, VALUE_NO},
        {"ssn", "134603895", true, VALUE_YES},
        /* 12345678 mod 23 is 14: Z */
        {"dni", "12345678Z", false, VALUE_YES},
        {"dni", "12345678A", false, VALUE_NO},
        {"dni", "12345678z", false, VALUE_NO},
        {"dni", "12345678z", true, VALUE_YES},
        {"dni", "12345678 Z", false, VALUE_NO},
        {"dni", "12.345.678-Z", false, VALUE_YES},
        {"dni", "81984132B", false, VALUE_NO}, /* bytes */
        {"dni", "81984132B", true, VALUE_YES},
        {"dni", "X1234567-L", false, VALUE_YES},
        {"dni", "X1234567L", false, VALUE_YES},
        {"dni", "X1234567M", false, VALUE_NO},
        {"nino", "JG103759A", false, VALUE_YES},
        {"nino", "GB103759A", false, VALUE_NO},
        {"nino", "DA103759A", false, VALUE_NO},
        {"nino", "AO103759A", false, VALUE_NO},
        {"nino", "J", false, VALUE_NO}, /* an expression of one's own may match less than a number */
        {"phone", "+49 30 281 12817", false, VALUE_YES},
        {"phone", "(617) 830-0140", false, VALUE_YES},
        {"phone", "+1 617 555-0123", false, VALUE_NO}, /* fiction: NANP 555-01XX */
        {"phone", "2026-03-14", true, VALUE_NO},
        {"phone", "14.03.2026", true, VALUE_NO},
        {"phone", "120-240-3600", false, VALUE_NO},
        {"phone", "+0 617 830 0140", false, VALUE_NO},
        {"email", "m.rossi23@orange.fr", false, VALUE_YES},
        {"email", "user@example.com", false, VALUE_NO},
        {"email", "anna@mail.example.org", false, VALUE_NO},
        {"email", "anna@host.invalid", false, VALUE_NO},
        {"email", "icon@2x.png", false, VALUE_NO},
        {"email", "a..b@orange.fr", false, VALUE_NO},
        {"email", "x.y@XXXX.XX", false, VALUE_NO},
        /* the check computed with another CRC-32 (Python zlib) */
        {"crc32-base62", "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", false, VALUE_SURE},
        {"crc32-base62", "ghp_R4nd0mTestTokenForLeaktapXyz121RntWs", false, VALUE_YES},
        {"aws-key-id", "AKIAAAAAAAAAAAAAAAAA", false, VALUE_NO},
        /* RFC 7519 3.1 */
        {"jwt",
                "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9."
                "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
                false, VALUE_SURE},
        {"jwt", "eyJhbGciOi.abcdefghij.abc", false, VALUE_NO},
        {"jwt", "eyJmb28iOiJiYXIifQ.eyJmb28iOiJiYXIifQ.abcdefgh", false, VALUE_NO}, /* names no algorithm */
        /* RFC 7617 2: Aladdin:open sesame */
        {"basic-auth", "QWxhZGRpbjpvcGVuIHNlc2FtZQ==", false, VALUE_SURE},
        {"basic-auth", "QWxhZGRpbg==", false, VALUE_NO},
        {"basic-auth", "/////////////w==", false, VALUE_NO},
        {"mixed-40", "ShyAO9H5sLwzcZjS6dDb1qrWMYJc/fwFp64OJxA+", false, VALUE_YES},
        {"mixed-40", "b0b676dff72bbf011292e4354a5b7980882a4ecc", false, VALUE_NO},
        {"not-placeholder", "xxxxxxxxxxxxxxxx", false, VALUE_NO},
        {"not-placeholder", "sk-your-key-here", false, VALUE_NO},
        {"not-placeholder", "${API_KEY}", false, VALUE_NO},
        {"not-placeholder", "<token>", false, VALUE_NO},
        {"not-placeholder", "{{ vault }}", false, VALUE_NO},
        {"not-placeholder", "vuO2Lh************", false, VALUE_NO},
        {"not-placeholder", "kJ8sDq2LmN4xPz", false, VALUE_YES},
        {"password", "Harbor@6103djd!", false, VALUE_YES},
        {"password", "os.environ", false, VALUE_NO},
        {"password", "getPassword()", false, VALUE_NO},
        {"password", "changeme", false, VALUE_NO},
        {"password", "required", false, VALUE_NO},
        {"password", "DB_PASSWORD", false, VALUE_NO},
        {"password", "$DB_PASS", false, VALUE_NO},
        {"password-prose", "stored", false, VALUE_NO},
        {"password-prose", "Orchid@7718vul!.", false, VALUE_YES},
        {"uri-password", "guest", false, VALUE_NO},
        {"uri-password", "password", false, VALUE_NO},
        {"uri-password", "${DB_PASS}", false, VALUE_NO},
        {"uri-password", "tupbYpO69Pz8E2WVVY", false, VALUE_YES},
        {"generic-key", "4452b149-e9cf-4261-a7bc-3e121dc4a52c", false, VALUE_NO},
        {"generic-key", "/etc/app/credentials-47gq7n.json", false, VALUE_NO},
        {"generic-key", "C0vEqrOjNhxzVgkQDdsIVSYxesb6pEga7oaYxxVt", false, VALUE_YES},
};

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ones) / sizeof(*ones); i++) {
		enum verdict_of_value got = check_in(ones[i].validator, ones[i].text, ones[i].context);

		if (got != ones[i].want)
			fail_msg("%s `%s': %d, not %d", ones[i].validator, ones[i].text, got, ones[i].want);
	}
}

/* No validator reads past its text, whatever the text. */
static void test_any_bytes(void **state)
{
	static const char text[] =
	        "-----BEGIN PRIVATE KEY-----\nMIIE+/\\n eyJ.abc@x.de 4929-1234 ${} \xc3\xa4\xff\x80 DE89";
	unsigned seed = 1;

	(void)state;
	for (size_t i = 0; validator_name(i); i++)
		for (size_t n = 2; n < sizeof(text); n++)
			for (unsigned round = 0; round < 8; round++) {
				uint8_t *copy = malloc(n);
				struct value v = {.p = copy,
				        .n = n,
				        .start = round,
				        .end = n,
				        .match_end = n,
				        .ends = true,
				        .context = round & 1};

				memcpy(copy, text, n);
				seed = seed * 1103515245 + 12345;
				copy[seed % n] = (uint8_t)(seed >> 16);
				if (v.start + 2 > n)
					v.start = 0;
				v.match_start = v.start;
				validator_by_name(validator_name(i))(&v);
				assert_true(v.start <= v.end && v.end <= n);
				free(copy);
			}
}

static void test_key_bodies(void **state)
{
	static const char good[] =
	        "-----BEGIN PRIVATE "
	        "KEY-----\\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/rpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
	        "\\n-----END PRIVATE KEY-----\\n";
	static const char begin[] = "-----BEGIN PRIVATE KEY-----";
	struct value v = {.p = (const uint8_t *)good,
	        .n = sizeof(good) - 1,
	        .end = sizeof(begin) - 1,
	        .match_end = sizeof(begin) - 1,
	        .ends = true};

	(void)state;
	assert_int_equal(validate_pem(&v), VALUE_SURE);
	assert_memory_equal(good + v.end - 5, "-----", 5);
	/* every cut of it is read without harm; with less than 48 letters it is no key */
	for (size_t n = sizeof(begin) - 1; n < sizeof(good); n++) {
		uint8_t *copy = malloc(n);

		memcpy(copy, good, n);
		v = (struct value){
		        .p = copy, .n = n, .end = sizeof(begin) - 1, .match_end = sizeof(begin) - 1};
		if (n < sizeof(begin) + 48)
			assert_int_equal(validate_pem(&v), VALUE_NO);
		else
			validate_pem(&v);
		assert_true(v.end <= n);
		free(copy);
	}
}

/* An EC key and one of OpenSSH, both made for this test; the lines in between. */
static const char *const ec_lines[] = {"-----BEGIN EC PRIVATE "
                                       "KEY-----",
        "MHcCAQEEID3Mgn8vt9sAMezsyk0MFW9NE2EloCsnrpiD1USoG2mCoAoGCCqGSM49",
        "AwEHoUQDQgAE4QQWpwhKy20ymjfLVQ81DKS99wfBs8lS0dTJGE2ArEsPDf6p4jlh",
        "+0v3QF8dJbTO8s5VDy1YeDxqfK4lvNFWuw==",
        "-----END EC PRIVATE "
        "KEY-----"};
static const char *const ssh_lines[] = {"-----BEGIN OPENSSH PRIVATE "
                                        "KEY-----",
        "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
        "QyNTUxOQAAACDGl08h/rjw3tOuVa3X3D4LoabqCycqGm2ko+KS8OvicAAAAIgZbACpGWwA",
        "nQAAAAtzc2gtZWQyNTUxOQAAACDGl08h/rjw3tOuVa3X3D4LoabqCycqGm2ko+KS8OvicA",
        "-----END OPENSSH PRIVATE "
        "KEY-----"};
static const char *const bare_lines[] = {"-----BEGIN PRIVATE "
                                         "KEY-----",
        "", "", "", "-----END PRIVATE KEY-----"};
/* Old PEM that is encrypted. */
static const char *const header_lines[] = {"-----BEGIN RSA PRIVATE "
                                           "KEY-----",
        "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,0A3F5C7E91B2D4608F1E2D3C4B5A6978", "",
        "cD/KElIUBBNX6xEX0YtvNYsbLpV6ZPeiWBg2Pg1n+APnvO2Zjn9hXgj/J18HLEWf"};

#define KEY_LINES 5

struct listing {
	const char *first, *rest; /* what stands before a line, with its number, and behind it */
	const char *behind;
};

static const struct listing listings[] = {
        {"%6d\xe2\x86\x92", "%6d\xe2\x86\x92", "\n"},
        {"%6d\t", "%6d\t", "\n"},
        {"text before it: %2d\xe2\x86\x92", "%2d\xe2\x86\x92", "\\n"},
        {"%d: ", "%d: ", "\r\n"},
        {"L%d: ", "L%d: ", "\n"},
        {"%d. ", "%d. ", "\n"},
        {"%d) ", "%d) ", "\n"},
        {"%3d | ", "%3d | ", "\n"},
        {"%4d \xe2\x94\x82 ", "%4d \xe2\x94\x82 ", "\n"},
        {"etc/k-1.pem:%d:", "etc/k-1.pem-%d-", "\n"},
        {"app_%d  | ", "app_%d  | ", "\n"},
        {"2025-11-30T10:00:%02dZ stdout F ", "2025-11-30T10:00:%02dZ stdout F ", "\n"},
        {"-", "-", "\n"},
        {"+", "+", "\n"},
        {"+\t", "+\t", "\n"},
        {"// ", "// ", "\n"},
        {"\xc2\xa0\xc2\xa0", "\xc2\xa0\xc2\xa0", "\n"},
        {"echo '", "echo '", "' >> k.pem\n"},
        {"    \"", "    \"", "\\n\",\n"},
        {"key = \"", "    + \"", "\\n\"\n"},
        {"[\"", "\"", "\\n\", "},
        {"<div>", "<div>", "</div>"},
        {"<p class='x'>", "<p class='x'>", "</p>\n"},
        {"", "", "<br/>\n"},
        {"", "", "$\n"},
        {"{\"log\":\"", "{\"log\":\"",
                "\\n\",\"stream\":\"stdout\",\"time\":\"2025-11-30T10:00:01.123456789Z\"}\n"},
        {"{\"n\":%d,\"msg\":\"", "{\"n\":%d,\"msg\":\"", "\",\"pid\":17}\r\n"},
        {"\x1b[36mapp_1 |\x1b[0m ", "\x1b[36mapp_1 |\x1b[0m ", "\n"},
        {"< ", "< ", "\n"},
};

/* Writes the lines as the listing does; *end: behind the last of them. */
static size_t write_listing(const struct listing *l, const char *const lines[KEY_LINES], size_t *begin,
        size_t *end, char out[4096])
{
	size_t n = (size_t)sprintf(out, "here\n");

	for (int i = 0; i < KEY_LINES; i++) {
		n += (size_t)snprintf(out + n, 256, i ? l->rest : l->first, i + 8);
		*begin = i ? *begin : n;
		n += (size_t)sprintf(out + n, "%s", lines[i]);
		*end = n;
		n += (size_t)sprintf(out + n, "%s", l->behind);
	}
	return n + (size_t)sprintf(out + n, "\nwhat is wrong with it?\n");
}

/* In an exact-size copy; the value goes to *v. */
static enum verdict_of_value check_key(
        const char *name, const char *text, size_t n, size_t begin, size_t begin_len, struct value *v)
{
	uint8_t *copy = malloc(n);
	enum verdict_of_value got;

	memcpy(copy, text, n);
	*v = (struct value){.p = copy,
	        .n = n,
	        .start = begin,
	        .match_start = begin,
	        .end = begin + begin_len,
	        .match_end = begin + begin_len,
	        .ends = true};
	got = validator_by_name(name)(v);
	free(copy);
	return got;
}

/* Keys in listings, diffs, logs and sources. */
static void test_key_lines(void **state)
{
	char text[4096];
	struct value v;
	size_t begin, end, n;

	(void)state;
	for (size_t i = 0; i < sizeof(listings) / sizeof(*listings); i++) {
		const struct listing *l = &listings[i];

		n = write_listing(l, ec_lines, &begin, &end, text);
		if (check_key("pem", text, n, begin, strlen(ec_lines[0]), &v) != VALUE_SURE || v.end != end)
			fail_msg("listing %zu: EC key ends at %zu, not %zu", i, v.end, end);
		for (size_t cut = begin + strlen(ec_lines[0]); cut < n; cut++)
			check_key("pem", text, cut, begin, strlen(ec_lines[0]), &v);
		n = write_listing(l, ssh_lines, &begin, &end, text);
		if (check_key("openssh", text, n, begin, strlen(ssh_lines[0]), &v) != VALUE_SURE ||
		        v.end != end)
			fail_msg("listing %zu: OpenSSH key ends at %zu, not %zu", i, v.end, end);
		n = write_listing(l, bare_lines, &begin, &end, text);
		if (check_key("pem", text, n, begin, strlen(bare_lines[0]), &v) != VALUE_NO)
			fail_msg("listing %zu: no key is told as one", i);
		n = write_listing(l, header_lines, &begin, &end, text);
		if (check_key("pem", text, n, begin, strlen(header_lines[0]), &v) != VALUE_YES)
			fail_msg("listing %zu: key with headers", i);
	}
}

/* The end of a key whose beginning was cut off. */
static void test_key_end_lines(void **state)
{
	static const char *const prefixes[] = {
	        "%6d\xe2\x86\x92", "%d: ", "k.pem-%d-", "app_%d  | ", "- ", "+"};
	char text[1024];
	struct value v;

	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
		size_t n = 0, from = 0;

		for (int line = 1; line < KEY_LINES; line++) {
			n += (size_t)snprintf(text + n, 64, prefixes[i], line + 7);
			from = n;
			n += (size_t)sprintf(text + n, "%s\n", ec_lines[line]);
		}
		assert_int_equal(check_key("pem-end", text, n, from, n - from - 1, &v), VALUE_YES);
		assert_true(v.start <= strlen(prefixes[i]) + 4);
	}
}

/* Words behind a BEGIN line are no body. */
static void test_key_prose(void **state)
{
	static const char *const texts[] = {
	        " and the lines that follow it must hold the key in base64 until the line that ends it",
	        "</code> the lines that follow it must hold the key in <b>base64</b> until the line at the "
	        "end",
	        "\n12: put the lines of your own key here and do not forget the last one of them all please",
	};
	char text[256];
	struct value v;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		size_t n = (size_t)sprintf(text, "11: %s%s", bare_lines[0], texts[i]);

		assert_int_equal(check_key("pem", text, n, 4, strlen(bare_lines[0]), &v), VALUE_NO);
	}
}

struct sample {
	const char *pattern, *text;
	int start, end, value_start, value_end; /* -1: no match at all */
};

static const struct sample samples[] = {
        {"abc", "xxabcx", 2, 5, 2, 5},
        {"a(b+)c", "abbbc", 0, 5, 1, 4},
        {"a{2,3}", "aaaa", 0, 3, 0, 3},
        {"(?:ab){2}", "ababab", 0, 4, 0, 4},
        {"(?:ab){2,}", "ababab", 0, 6, 0, 6},
        {"(?:ab){0,2}c", "ababc", 0, 5, 0, 5},
        {"(?:ab)?c", "abc", 0, 3, 0, 3},
        {"(?:a|bc|d)*e", "abcde", 0, 5, 0, 5},
        {"x(?:a|b(c)|d)y", "xdy", 0, 3, 0, 3},
        {"[^a-c]+", "abcdef", 3, 6, 3, 6},
        {"[]a]", "]", 0, 1, 0, 1},
        {"\\<ab\\>", "cab ab", 4, 6, 4, 6},
        {"\\<ab\\>", "x\\nab", 3, 5, 3, 5},
        {"\\bab\\b", "cab,ab", 4, 6, 4, 6},
        {"(?<![0-9])1", "21 1", 3, 4, 3, 4},
        {"ab(?!c)", "abcab", 3, 5, 3, 5},
        {"ab(?!c|\\.[0-9])", "ab.1 ab.", 5, 7, 5, 7},
        {"(?i:AbC)d", "aBCd", 0, 4, 0, 4},
        {"(?i:AbC)d", "aBCD", -1, 0, 0, 0},
        {"^ab$", "ab", 0, 2, 0, 2},
        {"b$", "ab\n", -1, 0, 0, 0},
        {"a.c", "a\nc", -1, 0, 0, 0},
        {"\\x41\\.\\d\\D\\s", "A.1x ", 0, 5, 0, 5},
        {"(a+)+b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", -1, 0, 0, 0},
};

static void test_expressions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++) {
		const struct sample *s = &samples[i];
		struct err e;
		struct expr *x = expr_compile(s->pattern, 0, &e);
		struct expr_hit hit = {0};
		size_t steps = 100000, n = strlen(s->text), at = 0;
		uint8_t *copy = malloc(n);
		bool found = false;

		assert_non_null(x);
		memcpy(copy, s->text, n);
		while (at < n && !(found = expr_match_at(x, copy, n, at, &steps, &hit)))
			at++;
		if (found != (s->start >= 0))
			fail_msg("%s on %s: %s", s->pattern, s->text, found ? "matches" : "does not match");
		if (found) {
			assert_int_equal(hit.start, s->start);
			assert_int_equal(hit.end, s->end);
			assert_int_equal(hit.value_start, s->value_start);
			assert_int_equal(hit.value_end, s->value_end);
		}
		free(copy);
		expr_free(x);
	}
}

/* Typographic blanks and hyphens stand in the place of ' ' and '-', where they are asked for. */
static void test_gaps(void **state)
{
	static const struct {
		const char *pattern, *text;
		size_t end; /* 0: no match */
	} gaps[] = {
	        {"1 2",
	                "1\xc2\xa0"
	                "2",
	                4},
	        {"1-2",
	                "1\xe2\x80\x91"
	                "2",
	                5},
	        {"1 2",
	                "1\xe2\x80\x91"
	                "2",
	                0},
	        {"1-2",
	                "1\xc2\xa0"
	                "2",
	                0},
	        {"1[ .-]?2",
	                "1\xe2\x80\xaf"
	                "2",
	                5},
	        {"1[ .-]?2", "1.2", 3}, {"1[ .-]?2", "12", 2},
	        {"1(?: ?2){2,3}",
	                "1\xe3\x80\x80"
	                "2\xe3\x80\x80"
	                "2",
	                9},
	        {"1-2", "1&#8209;2", 9}, {"1-2", "1&#x2011;2", 10}, {"1 2", "1&nbsp;2", 8},
	        {"1 2", "1&#160;2", 8}, {"1 2", "1&lt;2", 0}, {"1 2", "1&#160", 0}, {"1 2", "1&", 0},
	        {"1 2", "1\xe2\x80", 0}, {"1(?![a-z-])", "1\xe2\x80\x91", 1}, /* a border is none of these */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(gaps) / sizeof(*gaps); i++) {
		size_t n = strlen(gaps[i].text), steps = 1000;
		struct err e;
		struct expr *x = expr_compile(gaps[i].pattern, EXPR_GAPS, &e);
		struct expr *plain = expr_compile(gaps[i].pattern, 0, &e);
		struct expr_hit hit = {0};
		uint8_t *copy = malloc(n);

		assert_non_null(x);
		assert_non_null(plain);
		memcpy(copy, gaps[i].text, n);
		if (expr_match_at(x, copy, n, 0, &steps, &hit) != (gaps[i].end > 0))
			fail_msg("%s on %s", gaps[i].pattern, gaps[i].text);
		assert_int_equal(hit.end, gaps[i].end);
		if (gaps[i].end > 3)
			assert_false(expr_match_at(plain, copy, n, 0, &steps, &hit));
		free(copy);
		expr_free(x);
		expr_free(plain);
	}
}

static void test_bad_expressions(void **state)
{
	static const char *const bad[] = {"(", "a)", "[", "[b-a]", "a{", "a{2", "a{3,2}", "a{99999}", "*a",
	        "\\q", "(?=a)", "[\xc3\xa4]", "((((((((((((((((((a))))))))))))))))))", "(?:[ab]c){8000}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct err e = {""};

		if (expr_compile(bad[i], 0, &e))
			fail_msg("`%s' compiles", bad[i]);
		assert_true(*e.text);
	}
}

/* The budget of steps ends what would take for ever. */
static void test_budget(void **state)
{
	struct err e;
	struct expr *x = expr_compile("(?:a|aa)+(?:a|aa)+(?:a|aa)+b", 0, &e);
	struct expr_hit hit;
	uint8_t text[400];
	size_t steps = 200000;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_false(expr_match_at(x, text, sizeof(text), 0, &steps, &hit));
	expr_free(x);
}

static void test_entropy(void **state)
{
	(void)state;
	assert_true(value_entropy((const uint8_t *)"aaaaaaaa", 8) < 0.001);
	assert_true(value_entropy((const uint8_t *)"abcdefgh", 8) > 2.999);
	assert_true(value_entropy((const uint8_t *)"", 0) < 0.001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_vectors),
	        cmocka_unit_test(test_any_bytes),
	        cmocka_unit_test(test_key_bodies),
	        cmocka_unit_test(test_key_lines),
	        cmocka_unit_test(test_key_end_lines),
	        cmocka_unit_test(test_key_prose),
	        cmocka_unit_test(test_expressions),
	        cmocka_unit_test(test_gaps),
	        cmocka_unit_test(test_bad_expressions),
	        cmocka_unit_test(test_budget),
	        cmocka_unit_test(test_entropy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
