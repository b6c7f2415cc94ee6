/* validate.c - the table of validators and the tools they share. */
#include "classify/detect/validate.h"

#include <math.h>
#include <string.h>

static const struct {
	const char *name;
	validator check;
} table[] = {
        {"luhn", validate_luhn},
        {"card", validate_card},
        {"iban", validate_iban},
        {"ssn", validate_ssn},
        {"dni", validate_dni},
        {"nino", validate_nino},
        {"de-tax-id", validate_de_tax_id},
        {"de-pension", validate_de_pension},
        {"fr-nir", validate_fr_nir},
        {"phone", validate_phone},
        {"email", validate_email},
        {"crc32-base62", validate_crc32_base62},
        {"aws-key-id", validate_aws_key_id},
        {"jwt", validate_jwt},
        {"pem", validate_pem},
        {"pem-end", validate_pem_end},
        {"openssh", validate_openssh},
        {"gcp", validate_gcp},
        {"base64-64", validate_base64_64},
        {"basic-auth", validate_basic_auth},
        {"mixed-40", validate_mixed40},
        {"alone-40", validate_alone40},
        {"not-placeholder", validate_not_placeholder},
        {"uri-password", validate_uri_password},
        {"password", validate_password},
        {"password-prose", validate_password_prose},
        {"password-column", validate_password_column},
        {"generic-key", validate_generic_key},
        {"prose-marker", validate_prose_marker},
};

validator validator_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].name, name))
			return table[i].check;
	return NULL;
}

const char *validator_name(size_t i)
{
	return i < sizeof(table) / sizeof(*table) ? table[i].name : NULL;
}

double value_entropy(const uint8_t *p, size_t n)
{
	unsigned count[256] = {0};
	double bits = 0;

	for (size_t i = 0; i < n; i++)
		count[p[i]]++;
	for (size_t b = 0; b < 256; b++)
		if (count[b])
			bits -= count[b] * log2((double)count[b] / (double)n);
	return n ? bits / (double)n : 0;
}

bool bytes_hold_nocase(const uint8_t *p, size_t n, const char *word)
{
	size_t len = strlen(word);
	int low = word[0] | 0x20;

	for (size_t i = 0; i + len <= n; i++)
		if ((p[i] | 0x20) == low && !strncasecmp((const char *)p + i, word, len))
			return true;
	return false;
}
