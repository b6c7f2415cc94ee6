/* test_hello.c - ClientHello and ServerHello (RFC 8446 4.1, RFC 6066 3, RFC 7301 3.1, RFC 8701). */
#include "tests/unit/names_util.h"

/* RFC 9001 appendix A.2: the ClientHello body of the sample connection. */
#define RFC9001_CLIENT                                                                                       \
	"0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c00000413011302010000c000000010" \
	"000e00000b65"                                                                                       \
	"78616d706c652e636f6dff01000100000a00080006001d0017001800100007000504616c706e0005000501000000000033" \
	"002600"                                                                                             \
	"24001d00209370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b0003020304000d001000" \
	"0e0403"                                                                                             \
	"050306030203080408050806002d00020101001c00024001003900320408ffffffffffffffff05048000ffff07048000ff" \
	"ff0801"                                                                                             \
	"100104800075300901100f088394c8f03e51570806048000ffff"

/* RFC 9001 appendix A.3: the ServerHello body. */
#define RFC9001_SERVER                                                                                       \
	"0303eefce7f7b37ba1d1632e96677825ddf73988cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d" \
	"3c940d"                                                                                             \
	"89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00020304"

static struct buf b;

static int read_client(struct hello *h)
{
	uint8_t *copy = malloc(b.n ? b.n : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, b.p, b.n);
	rc = hello_read_client(cur_of(copy, b.n), false, h);
	free(copy);
	return rc;
}

static int read_server(struct hello *h)
{
	uint8_t *copy = malloc(b.n ? b.n : 1);
	int rc;

	assert_non_null(copy);
	memcpy(copy, b.p, b.n);
	rc = hello_read_server(cur_of(copy, b.n), h);
	free(copy);
	return rc;
}

/* A ClientHello with the given extensions (hex) and nothing else of interest. */
static void with_extensions(const char *hex)
{
	size_t at;

	b.n = 0;
	put_hex(&b, "0303");
	put_fill(&b, 0xc1, 32);
	put_hex(&b, "00"
	            "00021301"
	            "0100");
	at = len_open(&b, 2);
	put_hex(&b, hex);
	len_close(&b, at, 2);
}

static void test_rfc9001_client(void **state)
{
	struct hello h;

	(void)state;
	b.n = 0;
	put_hex(&b, RFC9001_CLIENT);
	assert_int_equal(hello_read_client(cur_of(b.p, b.n), true, &h), 0);
	assert_true(h.client);
	assert_true(h.quic);
	assert_string_equal(h.sni, "example.com");
	assert_string_equal(h.alpn, "alpn");
	assert_string_equal(h.alpn_all, "alpn");
	assert_int_equal(h.version, 0x0304);
	assert_int_equal(h.legacy_version, 0x0303);
	assert_int_equal(h.group, 0x001d);
	assert_int_equal(h.random[0], 0xeb);
	assert_int_equal(h.random[31], 0x4c);
	assert_false(h.ech);
	assert_false(h.psk);
	assert_false(h.early_data);
	assert_false(h.partial);
	assert_memory_equal(h.ja4, "q13d0211an_", 11);
}

static void test_rfc9001_server(void **state)
{
	struct hello h;

	(void)state;
	b.n = 0;
	put_hex(&b, RFC9001_SERVER);
	assert_int_equal(read_server(&h), 0);
	assert_false(h.client);
	assert_int_equal(h.version, 0x0304);
	assert_int_equal(h.cipher, 0x1301);
	assert_int_equal(h.group, 0x001d);
	assert_false(h.hello_retry);
	assert_false(h.psk);
}

static void test_grease_is_skipped(void **state)
{
	struct hello h;

	(void)state;
	/* key_share and supported_versions as Chromium sends them; ALPN with a GREASE name first (RFC
	 * 8701 3.1) */
	with_extensions("0a0a0000"
	                "0033000f000d3a3a00010011ec00041b1b1b1b"
	                "002b0007064a4a03040303"
	                "001000080006025a5a026832");
	assert_int_equal(read_client(&h), 0);
	assert_int_equal(h.version, 0x0304);
	assert_int_equal(h.group, 0x11ec);
	assert_string_equal(h.alpn, "h2");
	assert_string_equal(h.alpn_all, "h2");
	assert_string_equal(tls_group_name(h.group), "X25519MLKEM768");
}

static void sni_of(const char *name, size_t n, const char *expect)
{
	struct hello h;
	size_t at;

	b.n = 0;
	put_hex(&b, "0303");
	put_fill(&b, 0xc1, 32);
	put_hex(&b, "00"
	            "00021301"
	            "0100");
	at = len_open(&b, 2);
	ext_sni(&b, name, n);
	len_close(&b, at, 2);
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.sni, expect);
	assert_int_equal(h.ja4[3], 'd'); /* the extension is there, whatever it holds */
}

static void test_sni(void **state)
{
	char longest[254], label[65];

	(void)state;
	sni_of("API.OpenAI.com", 14, "api.openai.com");
	sni_of("api.openai.com.", 15, "api.openai.com");
	sni_of("192.0.2.7", 9, ""); /* RFC 6066 3: literal addresses are not permitted */
	sni_of("2001:db8::1", 11, "");
	sni_of("[2001:db8::1]", 13, "");
	sni_of("host:443", 8, "");
	sni_of("", 0, "");
	sni_of("a..b", 4, "");
	sni_of("a\0b.com", 7, "");
	sni_of("a b.com", 7, "");
	for (size_t i = 0; i < 253; i++)
		longest[i] = i % 64 == 63 ? '.' : 'x';
	longest[253] = '\0';
	sni_of(longest, 253, longest);
	memset(label, 'y', 64);
	sni_of(label, 64, "");
}

/* RFC 6066 3: one name of each type; other types may come first, the list may be broken. */
static void test_sni_list(void **state)
{
	struct hello h;

	(void)state;
	with_extensions("0000000c000a"
	                "0700023a3a"
	                "000002612e");
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.sni, "a");
	with_extensions("0000000500030000ff"); /* says 255 bytes, has none */
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.sni, "");
	with_extensions("00000000"); /* as a server sends it */
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.sni, "");
}

/* RFC 8446 4.2: MUST NOT be more than one extension of a type; the first one is what a server would read. */
static void test_first_extension_counts(void **state)
{
	struct hello h;

	(void)state;
	with_extensions("000000060004000001"
	                "61"
	                "000000060004000001"
	                "62");
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.sni, "a");
}

/* n names of 9 bytes */
static void many_protocols(int n)
{
	size_t all, e, l;

	b.n = 0;
	put_hex(&b, "0303");
	put_fill(&b, 0xc1, 32);
	put_hex(&b, "00"
	            "00021301"
	            "0100");
	all = len_open(&b, 2);
	put_be(&b, 16, 2);
	e = len_open(&b, 2);
	l = len_open(&b, 2);
	for (int i = 0; i < n; i++) {
		put_be(&b, 9, 1);
		put_text(&b, "protocol");
		put_be(&b, (uint64_t)('a' + i), 1);
	}
	len_close(&b, l, 2);
	len_close(&b, e, 2);
	len_close(&b, all, 2);
}

static void test_alpn(void **state)
{
	struct hello h;

	(void)state;
	with_extensions("0010000e000c02683208687474702f312e31");
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.alpn, "h2");
	assert_string_equal(h.alpn_all, "h2,http/1.1");
	with_extensions("0010000600040301022c"); /* no text: three bytes 01 02 ',' */
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.alpn, "???");

	/* as many as fit stand whole */
	many_protocols(20);
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.alpn, "protocola");
	assert_int_equal(strlen(h.alpn_all), 12 * 10 - 1);
	assert_string_equal(h.alpn_all + strlen(h.alpn_all) - 9, "protocoll");
}

static void test_ech(void **state)
{
	struct hello h;

	(void)state;
	/* outer, HKDF-SHA256, AES-128-GCM, config 7, enc of 32, payload of 32 */
	with_extensions("fe0d004a"
	                "00"
	                "00010001"
	                "07"
	                "0020"
	                "1111111111111111111111111111111111111111111111111111111111111111"
	                "0020"
	                "2222222222222222222222222222222222222222222222222222222222222222");
	assert_int_equal(read_client(&h), 0);
	assert_true(h.ech);
	assert_true(h.ech_grease_like);
	with_extensions("fe0d000f"
	                "00"
	                "00010001"
	                "07"
	                "000411111111"
	                "000222"); /* says two bytes of payload, has one: cannot be read */
	assert_int_equal(read_client(&h), 0);
	assert_false(h.ech);
	/* an enc of 4 bytes is no X25519 key: nobody's GREASE */
	with_extensions("fe0d000f"
	                "00"
	                "00010001"
	                "07"
	                "000411111111"
	                "000122");
	assert_int_equal(read_client(&h), 0);
	assert_true(h.ech);
	assert_false(h.ech_grease_like);
	with_extensions("fe0d000101"); /* inner: belongs into the encrypted part */
	assert_int_equal(read_client(&h), 0);
	assert_false(h.ech);
}

static void test_resumption_hints(void **state)
{
	struct hello_shape s = {.sni = "a.example", .psk = true, .early = true};
	struct hello h;

	(void)state;
	b.n = 0;
	client_body(&b, &s);
	assert_int_equal(read_client(&h), 0);
	assert_true(h.psk);
	assert_true(h.early_data);

	s = (struct hello_shape){.session_id = 32}; /* TLS 1.3: only for middleboxes (RFC 8446 D.4) */
	b.n = 0;
	client_body(&b, &s);
	assert_int_equal(read_client(&h), 0);
	assert_false(h.psk);
	assert_int_equal(h.session_id_len, 32);
	assert_int_equal(h.session_id[31], 0x5e);

	s.tls12 = true;
	b.n = 0;
	client_body(&b, &s);
	assert_int_equal(read_client(&h), 0);
	assert_true(h.psk);

	with_extensions("00230000"); /* ready to take a ticket (RFC 5077 3.2) */
	assert_int_equal(read_client(&h), 0);
	assert_false(h.psk);
	with_extensions("002300017c");
	assert_int_equal(read_client(&h), 0);
	assert_true(h.psk);
}

static void test_versions(void **state)
{
	struct hello_shape s = {.tls12 = true};
	struct hello h;

	(void)state;
	b.n = 0;
	client_body(&b, &s);
	assert_int_equal(read_client(&h), 0);
	assert_int_equal(h.version, 0x0303);
	s.legacy = 0x0301;
	b.n = 0;
	client_body(&b, &s);
	assert_int_equal(read_client(&h), 0);
	assert_int_equal(h.version, 0x0301);
	assert_memory_equal(h.ja4, "t10i", 4);
	/* draft 28 is numerically above 1.3 */
	with_extensions("002b0007067f1c03040303");
	assert_int_equal(read_client(&h), 0);
	assert_int_equal(h.version, 0x0304);
	assert_string_equal(tls_version_name(0x0304), "1.3");
	assert_string_equal(tls_version_name(0x0300), "ssl3");
	assert_null(tls_version_name(0x0305));
	assert_null(tls_version_name(0x02ff));
	assert_string_equal(tls_group_name(0x6399), "X25519Kyber768Draft00");
	assert_string_equal(tls_group_name(0x11eb), "SecP256r1MLKEM768");
	assert_string_equal(tls_group_name(23), "secp256r1");
	assert_null(tls_group_name(0x0a0a));
}

/* RFC 5246 7.4.1.2: a hello may end before the extensions. */
static void test_without_extensions(void **state)
{
	struct hello h;

	(void)state;
	b.n = 0;
	put_hex(&b, "0301");
	put_fill(&b, 0xc1, 32);
	put_hex(&b, "000004002f00350100");
	assert_int_equal(read_client(&h), 0);
	assert_string_equal(h.ja4 + 0, "t10i020000_f54dd463d39b_000000000000");
	b.n = 0;
	put_hex(&b, "0301");
	put_fill(&b, 0x51, 32);
	put_hex(&b, "00002f00");
	assert_int_equal(read_server(&h), 0);
	assert_int_equal(h.version, 0x0301);
	assert_int_equal(h.cipher, 0x002f);
}

/* The frame of a ClientHello, broken in one place each. */
static void test_broken_frames(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} change[] = {
	        {0, 0x02},  /* version 2.x */
	        {34, 33},   /* session id over 32 */
	        {36, 3},    /* odd cipher list */
	        {36, 200},  /* past the end */
	        {39, 0},    /* no compression method */
	        {42, 0xff}, /* extensions past the end */
	        {42, 1},    /* bytes behind the extensions */
	};
	struct hello_shape s = {.sni = "a.example"};
	struct hello h;

	(void)state;
	for (size_t i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
		b.n = 0;
		client_body(&b, &s);
		assert_int_equal(read_client(&h), 0);
		b.p[change[i].at] = change[i].value;
		assert_int_equal(read_client(&h), -1);
	}
}

static void test_server_forms(void **state)
{
	struct hello h;

	(void)state;
	b.n = 0;
	server_body(&b, false, true, 32);
	assert_int_equal(read_server(&h), 0);
	assert_true(h.hello_retry);
	assert_int_equal(h.group, 0x0017); /* selected_group alone */
	assert_int_equal(h.version, 0x0304);
	b.n = 0;
	server_body(&b, true, false, 32);
	assert_int_equal(read_server(&h), 0);
	assert_int_equal(h.version, 0x0303);
	assert_int_equal(h.cipher, 0xc02f);
	assert_string_equal(h.alpn, "h2");
	b.n = 0;
	put_hex(&b, "0303");
	put_fill(&b, 0x51, 32);
	put_hex(&b, "00"
	            "130100"
	            "000c"
	            "002b00020304"
	            "002900020000"); /* pre_shared_key: identity 0 */
	assert_int_equal(read_server(&h), 0);
	assert_true(h.psk);
}

/* Every prefix is refused, and read as a part as far as it goes. */
static void test_prefixes(void **state)
{
	struct hello h;
	size_t whole, named = 0;

	(void)state;
	b.n = 0;
	put_hex(&b, RFC9001_CLIENT);
	whole = b.n;
	for (size_t n = 0; n < whole; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		assert_non_null(copy);
		memcpy(copy, b.p, n);
		/* a hello may end right before its extensions: that one prefix is a hello */
		assert_int_equal(hello_read_client(cur_of(copy, n), false, &h), n == 43 ? 0 : -1);
		if (hello_read_client_part(cur_of(copy, n), false, &h) == 0) {
			assert_true(n >= 43);
			assert_true(h.partial);
			assert_string_equal(h.ja4, "");
			named += !strcmp(h.sni, "example.com");
		}
		free(copy);
	}
	assert_int_equal(named, whole - (45 + 20)); /* from the end of the SNI extension on */
	assert_int_equal(hello_read_client_part(cur_of(b.p, whole), false, &h), 0);
	assert_false(h.partial);

	b.n = 0;
	put_hex(&b, RFC9001_SERVER);
	whole = b.n;
	for (b.n = 0; b.n < whole; b.n++)
		assert_int_equal(read_server(&h), b.n == 38 ? 0 : -1);
}

/* No bit may make the reader leave the message (ASan) or write an unterminated text. */
static void test_bit_flips(void **state)
{
	static const char *const good[] = {RFC9001_CLIENT, RFC9001_SERVER};
	struct hello h;
	unsigned refused = 0;

	(void)state;
	for (int which = 0; which < 2; which++) {
		b.n = 0;
		put_hex(&b, good[which]);
		for (size_t bit = 0; bit < b.n * 8; bit++) {
			int rc;

			b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
			rc = which ? read_server(&h) : read_client(&h);
			refused += rc < 0;
			assert_true(memchr(h.sni, 0, sizeof(h.sni)) && memchr(h.alpn, 0, sizeof(h.alpn)) &&
			            memchr(h.alpn_all, 0, sizeof(h.alpn_all)));
			b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
	}
	assert_true(refused > 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_rfc9001_client),
	        cmocka_unit_test(test_rfc9001_server),
	        cmocka_unit_test(test_grease_is_skipped),
	        cmocka_unit_test(test_sni),
	        cmocka_unit_test(test_sni_list),
	        cmocka_unit_test(test_first_extension_counts),
	        cmocka_unit_test(test_alpn),
	        cmocka_unit_test(test_ech),
	        cmocka_unit_test(test_resumption_hints),
	        cmocka_unit_test(test_versions),
	        cmocka_unit_test(test_without_extensions),
	        cmocka_unit_test(test_broken_frames),
	        cmocka_unit_test(test_server_forms),
	        cmocka_unit_test(test_prefixes),
	        cmocka_unit_test(test_bit_flips),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
