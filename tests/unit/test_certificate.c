/* test_certificate.c - what is read of a server's certificate, with certificates made here by libcrypto. */
#include "classify/names/certificate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

static EVP_PKEY *key;

/* DER of a certificate: names as OpenSSL's configuration writes them ("" none), days from 1970. */
static size_t make(
        const char *issuer, const char *cn, const char *names, long from, long until, uint8_t **der)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_NAME_new(), *by = X509_NAME_new();
	X509_EXTENSION *ext;
	int n;

	assert_true(x && subject && by);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	if (*cn)
		X509_NAME_add_entry_by_txt(
		        subject, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	X509_NAME_add_entry_by_txt(by, "O", MBSTRING_UTF8, (const unsigned char *)issuer, -1, -1, 0);
	X509_set_subject_name(x, subject);
	X509_set_issuer_name(x, *issuer ? by : subject);
	ASN1_TIME_set(X509_getm_notBefore(x), from * 86400);
	ASN1_TIME_set(X509_getm_notAfter(x), until * 86400 + 3600);
	X509_set_pubkey(x, key);
	if (*names) {
		ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
		assert_non_null(ext);
		X509_add_ext(x, ext, -1);
		X509_EXTENSION_free(ext);
	}
	assert_true(X509_sign(x, key, NULL) > 0);
	*der = NULL;
	n = i2d_X509(x, der);
	assert_true(n > 0);
	X509_NAME_free(subject);
	X509_NAME_free(by);
	X509_free(x);
	return (size_t)n;
}

static void covered(const char *cn, const char *names, const char *host, const char *first, bool covers)
{
	struct certificate c;
	uint8_t *der;
	size_t n = make("Example CA", cn, names, 20000, 20090, &der);

	assert_int_equal(certificate_read(der, n, host, &c), 0);
	assert_string_equal(c.name, first);
	assert_int_equal(c.covers, covers);
	OPENSSL_free(der);
}

static void names(void **state)
{
	(void)state;
	covered("x", "DNS:api.example.com", "api.example.com", "api.example.com", true);
	covered("x", "DNS:API.Example.COM", "api.example.com", "api.example.com", true);
	covered("x", "DNS:a.example,DNS:b.example", "b.example", "a.example", true);
	covered("x", "DNS:*.example.com,DNS:example.com", "api.example.com", "example.com", true);
	covered("x", "DNS:*.example.com", "example.com", "*.example.com", false);
	covered("x", "DNS:*.example.com,DNS:*.example.net", "a.b.example.com", "*.example.com", false);
	covered("x", "DNS:*.example.com,DNS:b.example.net,DNS:c.example.net", "", "b.example.net", false);
	covered("x", "DNS:*.com", "example.com", "", false);
	covered("x", "DNS:a*.example.com", "ab.example.com", "", false);
	covered("x", "DNS:example.com", "notexample.com", "example.com", false);
	covered("x", "DNS:example.com", "example.com.evil.example", "example.com", false);
	covered("api.example.com", "", "api.example.com", "api.example.com", true);
	covered("api.example.com", "DNS:other.example", "api.example.com", "other.example",
	        false); /* RFC 6125 6.4.4 */
	covered("api.example.com", "email:a@example.com", "api.example.com", "", false);
	covered("Some Company", "", "api.example.com", "", false);
	covered("x", "DNS:api.example.com", "", "api.example.com", false);
}

static void the_rest(void **state)
{
	struct certificate c, same;
	uint8_t *der;
	size_t n = make("Beispiel \xc3\xbc"
	                "ber alles",
	        "x", "DNS:a.example", 20000, 20090, &der);

	(void)state;
	assert_int_equal(certificate_read(der, n, "", &c), 0);
	assert_int_equal(c.not_before, 20000);
	assert_int_equal(c.not_after, 20090);
	assert_false(c.self_signed);
	assert_string_equal(c.issuer, "Beispiel \xc3\xbc"
	                              "ber alles");
	assert_int_equal(certificate_read(der, n - 1, "", &same), -1);
	OPENSSL_free(der);
	n = make("", "self.example", "", -10, 20, &der); /* before 1970 */
	assert_int_equal(certificate_read(der, n, "", &same), 0);
	assert_true(same.self_signed);
	assert_int_equal(same.not_before, -10);
	assert_string_equal(same.issuer, "self.example");
	assert_memory_not_equal(c.sha256, same.sha256, 32);
	OPENSSL_free(der);
	/* cut at a whole character */
	n = make("012345678901234567890123456789012345678901234567890123456789ab\xc3\xbc", "x", "", 1, 2,
	        &der);
	assert_int_equal(certificate_read(der, n, "", &same), 0);
	assert_int_equal(strlen(same.issuer), 62);
	OPENSSL_free(der);
}

static void hostile(void **state)
{
	struct certificate c;
	uint8_t *der, *copy;
	size_t n = make("Example CA", "x", "DNS:a.example,DNS:*.b.example", 20000, 20090, &der);

	(void)state;
	for (size_t k = 0; k < n; k++) {
		copy = malloc(k ? k : 1);
		memcpy(copy, der, k);
		assert_int_equal(certificate_read(copy, k, "a.example", &c), -1);
		free(copy);
	}
	for (size_t bit = 0; bit < 8 * n; bit++) {
		copy = malloc(n);
		memcpy(copy, der, n);
		copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (certificate_read(copy, n, "a.example", &c) == 0)
			assert_true(
			        memchr(c.name, 0, sizeof(c.name)) && memchr(c.issuer, 0, sizeof(c.issuer)));
		free(copy);
	}
	copy = calloc(1, n + 1);
	memcpy(copy, der, n);
	assert_int_equal(certificate_read(copy, n + 1, "a.example", &c), -1); /* something behind it */
	free(copy);
	OPENSSL_free(der);
	copy = calloc(1, CERTIFICATE_SIZE_MAX + 1);
	assert_int_equal(certificate_read(copy, CERTIFICATE_SIZE_MAX + 1, "", &c), -1);
	free(copy);
}

static int set_up(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	return !key;
}

static int tear_down(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(names),
	        cmocka_unit_test(the_rest),
	        cmocka_unit_test(hostile),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
