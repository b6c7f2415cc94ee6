/* certificate.c - see certificate.h.  The DER is read by OpenSSL; names are compared by RFC 6125 6.4.3: a
 * wildcard is one whole label, the leftmost. */
#include "classify/names/certificate.h"

#include "base/clock.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>

static bool name_covers(const char *name, const char *host)
{
	if (name[0] != '*')
		return !strcmp(name, host);
	host = strchr(host, '.');
	return name[1] == '.' && host && strchr(name + 2, '.') && !strcmp(name + 1, host);
}

/* A host name, or one below a wildcard, as it is compared; false: it is none. */
static bool name_plain(const unsigned char *p, int n, char out[HOST_MAX])
{
	bool wild = n > 2 && p[0] == '*' && p[1] == '.';
	char below[HOST_MAX];
	size_t len;

	if (n <= 0 || memchr(p, 0, (size_t)n)) /* a NUL within a name is an old attack */
		return false;
	if (!wild)
		return host_normalize((const char *)p, (size_t)n, out) > 0;
	len = host_normalize((const char *)p + 2, (size_t)n - 2, below);
	if (!len || len + 3 > HOST_MAX)
		return false;
	memcpy(out, "*.", 2);
	memcpy(out + 2, below, len + 1);
	return true;
}

static void take_name(const unsigned char *p, int n, const char *host, struct certificate *c)
{
	char name[HOST_MAX];

	if (!name_plain(p, n, name))
		return;
	if (name[0] == '*' ? !c->name[0] && strchr(name + 2, '.') : !c->name[0] || c->name[0] == '*')
		memcpy(c->name, name, strlen(name) + 1);
	if (host[0] && name_covers(name, host))
		c->covers = true;
}

/* RFC 5280 4.2.1.6; without alternative names the common name counts, as it once did. */
static void read_names(X509 *x, const char *host, struct certificate *c)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	X509_NAME *subject = X509_get_subject_name(x);
	int n = names ? sk_GENERAL_NAME_num(names) : 0, at;

	for (int i = 0; i < n && i < CERTIFICATE_NAMES_MAX; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type == GEN_DNS)
			take_name(ASN1_STRING_get0_data(g->d.dNSName), ASN1_STRING_length(g->d.dNSName), host,
			        c);
	}
	if (!names && subject && (at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1)) >= 0) {
		const ASN1_STRING *s = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));

		take_name(ASN1_STRING_get0_data(s), ASN1_STRING_length(s), host, c);
	}
	GENERAL_NAMES_free(names);
}

static bool issuer_part(X509_NAME *issuer, int nid, char *out, size_t cap)
{
	int at = issuer ? X509_NAME_get_index_by_NID(issuer, nid, -1) : -1, n;
	unsigned char *text = NULL;
	size_t k = 0;

	if (at < 0 || (n = ASN1_STRING_to_UTF8(
	                       &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(issuer, at)))) < 0)
		return false;
	for (size_t i = 0; i < (size_t)n;) {
		size_t len = utf8_len(text + i, (size_t)n - i);

		if (!len || k + len >= cap)
			break;
		if (text[i] >= ' ' && text[i] != 0x7f) {
			memcpy(out + k, text + i, len);
			k += len;
		}
		i += len;
	}
	out[k] = '\0';
	OPENSSL_free(text);
	return k > 0;
}

static bool day_of(const ASN1_TIME *t, int32_t *day)
{
	int days, seconds;
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	bool good = epoch && t && ASN1_TIME_diff(&days, &seconds, epoch, t);

	ASN1_TIME_free(epoch);
	if (good)
		*day = days - (seconds < 0);
	return good;
}

int certificate_read(const uint8_t *der, size_t n, const char *host, struct certificate *c)
{
	const unsigned char *p = der;
	X509 *x = n <= CERTIFICATE_SIZE_MAX ? d2i_X509(NULL, &p, (long)n) : NULL;
	unsigned int size = sizeof(c->sha256);
	int rc = -1;

	memset(c, 0, sizeof(*c));
	if (!x || p != der + n)
		goto out;
	if (!X509_digest(x, EVP_sha256(), c->sha256, &size) ||
	        !day_of(X509_get0_notBefore(x), &c->not_before) ||
	        !day_of(X509_get0_notAfter(x), &c->not_after))
		goto out;
	c->self_signed = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
	if (!issuer_part(X509_get_issuer_name(x), NID_organizationName, c->issuer, sizeof(c->issuer)))
		issuer_part(X509_get_issuer_name(x), NID_commonName, c->issuer, sizeof(c->issuer));
	read_names(x, host, c);
	rc = 0;
out:
	ERR_clear_error();
	X509_free(x);
	return rc;
}
