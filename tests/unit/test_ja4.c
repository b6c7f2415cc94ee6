/* test_ja4.c - against the examples published in https://github.com/FoxIO-LLC/ja4, technical_details/JA4.md.
 */
#include "tests/unit/names_util.h"

#include "classify/names/ja4.h"

/* The example of the specification, in the order it gives, with the GREASE that Chrome sends around it. */
#define CIPHERS                                                                                              \
	"0a0a"                                                                                               \
	"130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035"
#define SIGNATURES "04030804040105030805050108060601"

static const uint16_t extensions[] = {0x2a2a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d,
        0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xdada, 0};

struct parts {
	struct buf ciphers, extensions, signatures;
};

static struct parts *parts_make(const char *ciphers, const uint16_t *types, const char *signatures)
{
	struct parts *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	put_hex(&p->ciphers, ciphers);
	for (; *types || types == extensions + 2; types++) { /* the SNI is type 0 too */
		put_be(&p->extensions, *types, 2);
		put_be(&p->extensions, 1, 2); /* a body of one byte, which JA4 passes over */
		put_be(&p->extensions, 0xee, 1);
	}
	put_hex(&p->signatures, signatures);
	return p;
}

static struct ja4_input input_of(const struct parts *p)
{
	return (struct ja4_input){
	        .version = 0x0304,
	        .sni = true,
	        .ciphers = cur_of(p->ciphers.p, p->ciphers.n),
	        .extensions = cur_of(p->extensions.p, p->extensions.n),
	        .signatures = cur_of(p->signatures.p, p->signatures.n),
	        .alpn = SLICE("h2"),
	};
}

static void test_published_example(void **state)
{
	struct parts *p = parts_make(CIPHERS, extensions, SIGNATURES);
	struct ja4_input in = input_of(p);
	char out[JA4_MAX];

	(void)state;
	ja4_write(&in, out);
	assert_string_equal(out, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	/* signature algorithms ignore GREASE like everything else */
	put_hex(&p->signatures, "3a3a");
	in = input_of(p);
	ja4_write(&in, out);
	assert_string_equal(out, "t13d1516h2_8daaf6152771_e5627efa2ab1");
	in.quic = true;
	in.sni = false;
	ja4_write(&in, out);
	assert_string_equal(out, "q13i1516h2_8daaf6152771_e5627efa2ab1");
	free(p);
}

/* "If there are no signature algorithms in the hello packet, then the string ends without an underscore" */
static void test_without_signatures(void **state)
{
	struct parts *p = parts_make(CIPHERS, extensions, "");
	struct ja4_input in = input_of(p);
	char out[JA4_MAX];

	(void)state;
	ja4_write(&in, out);
	assert_string_equal(out, "t13d1516h2_8daaf6152771_6d807ffa2a79");
	free(p);
}

static void test_empty_lists(void **state)
{
	static const uint16_t sni_and_alpn[] = {0x0010, 0x1a1a, 0};
	struct parts *p = parts_make("8a8a", sni_and_alpn, SIGNATURES);
	struct ja4_input in = input_of(p);
	char out[JA4_MAX];

	(void)state;
	in.alpn = slice_of("", 0);
	in.sni = false;
	ja4_write(&in, out);
	assert_string_equal(out, "t13i000100_000000000000_000000000000");
	free(p);
}

static void test_alpn_characters(void **state)
{
	static const struct {
		const char *alpn;
		size_t n;
		char expect[3];
	} cases[] = {
	        {"h2", 2, "h2"},
	        {"http/1.1", 8, "h1"},
	        {"x", 1, "xx"},
	        {"", 0, "00"},
	        /* the specification's own table */
	        {"\xab", 1, "ab"},
	        {"\x20", 1, "20"},
	        {"\xab\xcd", 2, "ad"},
	        {"\x20\x61", 2, "21"},
	        {"\x30\xab", 2, "3b"},
	        {"\x61\x20", 2, "60"},
	        {"\x30\x31\xab\xcd", 4, "3d"},
	        {"\x30\xab\xcd\x31", 4, "01"},
	};
	struct parts *p = parts_make(CIPHERS, extensions, SIGNATURES);
	char out[JA4_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ja4_input in = input_of(p);

		in.alpn = slice_of(cases[i].alpn, cases[i].n);
		ja4_write(&in, out);
		assert_memory_equal(out + 8, cases[i].expect, 2);
	}
	free(p);
}

static void test_versions(void **state)
{
	static const struct {
		uint16_t version;
		char expect[3];
	} cases[] = {{0x0304, "13"}, {0x0303, "12"}, {0x0302, "11"}, {0x0301, "10"}, {0x0300, "s3"},
	        {0x0002, "s2"}, {0x7f1c, "00"}, {0x0305, "00"}};
	struct parts *p = parts_make(CIPHERS, extensions, SIGNATURES);
	char out[JA4_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ja4_input in = input_of(p);

		in.version = cases[i].version;
		ja4_write(&in, out);
		assert_memory_equal(out + 1, cases[i].expect, 2);
	}
	free(p);
}

/* "If there's > 99, which there should never be, then output 99"; past our own limit nothing is said. */
static void test_many(void **state)
{
	struct parts *p = calloc(1, sizeof(*p));
	struct ja4_input in;
	char out[JA4_MAX];

	(void)state;
	assert_non_null(p);
	for (unsigned i = 0; i < 100; i++) {
		put_be(&p->ciphers, 0x4000 + i, 2);
		put_be(&p->extensions, 0x5000 + i, 2);
		put_be(&p->extensions, 0, 2);
	}
	in = input_of(p);
	ja4_write(&in, out);
	assert_memory_equal(out, "t13d9999h2_", 11);
	for (unsigned i = 100; i <= JA4_LIST_MAX; i++)
		put_be(&p->ciphers, 0x4000 + i, 2);
	in = input_of(p);
	ja4_write(&in, out);
	assert_string_equal(out, "");
	free(p);
}

static void test_grease_values(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned v = 0; v < 0x10000; v++)
		n += is_grease((uint16_t)v);
	assert_int_equal(n, 16); /* RFC 8701 2 */
	assert_true(is_grease(0x0a0a) && is_grease(0xfafa));
	assert_false(is_grease(0x0a1a) || is_grease(0xa0a0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_published_example),
	        cmocka_unit_test(test_without_signatures),
	        cmocka_unit_test(test_empty_lists),
	        cmocka_unit_test(test_alpn_characters),
	        cmocka_unit_test(test_versions),
	        cmocka_unit_test(test_many),
	        cmocka_unit_test(test_grease_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
