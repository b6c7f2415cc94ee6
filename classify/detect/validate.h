/* validate.h - checks that confirm a value, by the names that detectors use.  Internal to detect. */
#ifndef CLASSIFY_DETECT_VALIDATE_H
#define CLASSIFY_DETECT_VALIDATE_H

#include "config/detectors.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value in its field.  p[0..n) is what is held of the field around it. */
struct value {
	const uint8_t *p;
	size_t n;
	size_t match_start, match_end; /* of the expression */
	size_t start, end;             /* of the value; a validator may widen it */
	bool ends;                     /* the field ends at p + n; else more is to come */
	int context; /* whether a context word is near; -1: not looked yet, ask value_context() */
	bool (*look)(const struct value *v);
	const void *arg;
};

static inline bool value_context(struct value *v)
{
	if (v->context < 0)
		v->context = v->look && v->look(v);
	return v->context;
}

enum verdict_of_value { VALUE_NO, VALUE_YES, VALUE_SURE /* a check that chance does not pass */ };

typedef enum verdict_of_value (*validator)(struct value *v);

validator validator_by_name(const char *name); /* NULL: none */
/* Names, one after the other, for messages; NULL past the last. */
const char *validator_name(size_t i);

/* Shannon's, in bits per byte. */
double value_entropy(const uint8_t *p, size_t n);
/* Digits of the value alone; at most cap. */
size_t value_digits(const struct value *v, uint8_t *out, size_t cap);
static inline bool is_base64(uint8_t c)
{
	return isalnum(c) || c == '+' || c == '/' || c == '=';
}
bool bytes_hold_nocase(const uint8_t *p, size_t n, const char *word);

/* validate_numbers.c, validate_persons.c */
enum verdict_of_value validate_luhn(struct value *v);
enum verdict_of_value validate_card(struct value *v);
enum verdict_of_value validate_iban(struct value *v);
enum verdict_of_value validate_ssn(struct value *v);
enum verdict_of_value validate_dni(struct value *v);
enum verdict_of_value validate_nino(struct value *v);
enum verdict_of_value validate_de_tax_id(struct value *v);
enum verdict_of_value validate_de_pension(struct value *v);
enum verdict_of_value validate_fr_nir(struct value *v);
enum verdict_of_value validate_phone(struct value *v);
enum verdict_of_value validate_email(struct value *v);

/* validate_secrets.c */
enum verdict_of_value validate_crc32_base62(struct value *v);
enum verdict_of_value validate_aws_key_id(struct value *v);
enum verdict_of_value validate_jwt(struct value *v);
enum verdict_of_value validate_base64_64(struct value *v);
enum verdict_of_value validate_basic_auth(struct value *v);
enum verdict_of_value validate_mixed40(struct value *v);
enum verdict_of_value validate_alone40(struct value *v);

/* validate_keys.c */
enum verdict_of_value validate_pem(struct value *v);
enum verdict_of_value validate_pem_end(struct value *v);
enum verdict_of_value validate_openssh(struct value *v);
enum verdict_of_value validate_gcp(struct value *v);

/* validate_words.c: is it a value, or does it stand for one? */
enum verdict_of_value validate_not_placeholder(struct value *v);
enum verdict_of_value validate_uri_password(struct value *v);
enum verdict_of_value validate_password(struct value *v);
enum verdict_of_value validate_password_prose(struct value *v);
enum verdict_of_value validate_generic_key(struct value *v);
enum verdict_of_value validate_prose_marker(struct value *v);

/* validate_columns.c */
enum verdict_of_value validate_password_column(struct value *v);

#endif
