/* validate_secrets.c - keys and tokens that carry structure: GitHub's CRC (github.blog 2021-04-05, "Behind
 * GitHub's new authentication token formats"), AWS key ids, JWT (RFC 7519), Basic credentials (RFC 7617). */
#include "classify/detect/validate.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <zlib.h>

/* ...then 6 characters: CRC-32 of what stands between the prefix and them, in base 62.  Tokens that fail it
 * are still told (made-up ones, other issuers with the same look), those that pass are certain. */
enum verdict_of_value validate_crc32_base62(struct value *v)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const uint8_t *p = v->p + v->start;
	size_t n = v->end - v->start;
	const uint8_t *under = memrchr(p, '_', n);
	size_t prefix = under ? (size_t)(under - p) + 1 : 0;
	uint32_t crc;

	if (n < prefix + 12)
		return VALUE_YES;
	crc = (uint32_t)crc32(0, p + prefix, (uInt)(n - prefix - 6));
	for (size_t i = n; i-- > n - 6; crc /= 62)
		if (p[i] != (uint8_t)digits[crc % 62])
			return VALUE_YES;
	return VALUE_SURE;
}

/* The 16 characters behind the prefix are base32.  In keys made since about 2018 their first six bytes,
 * masked 7fffffffff80 and shifted right by 7, are the account's number: twelve digits.  Old keys carry none
 * (they begin with I or J), so a number out of range does not refuse. */
enum verdict_of_value validate_aws_key_id(struct value *v)
{
	const uint8_t *p = v->p + v->start;
	uint64_t bits = 0, account;

	if (v->end - v->start != 20 || value_entropy(p + 4, 16) < 2.7)
		return VALUE_NO;
	for (size_t i = 4; i < 14; i++) {
		uint64_t five = p[i] >= 'A' ? (uint64_t)(p[i] - 'A') : (uint64_t)(p[i] - '2' + 26);

		bits = bits << 5 | (five & 31);
	}
	account = (bits >> 2 & 0x7fffffffff80u) >> 7;
	return p[4] != 'I' && p[4] != 'J' && account >= 1000000000u && account < 1000000000000u ? VALUE_SURE
	                                                                                        : VALUE_YES;
}

/* header.payload.signature; the header is JSON and names an algorithm (RFC 7515 4.1.1). */
enum verdict_of_value validate_jwt(struct value *v)
{
	const uint8_t *p = v->p + v->start;
	size_t n = v->end - v->start, used, len;
	uint8_t header[512];
	const uint8_t *dot = memchr(p, '.', n), *second;
	size_t payload;

	if (!dot)
		return VALUE_NO;
	len = base64_decode((const char *)p, (size_t)(dot - p), header, sizeof(header), &used);
	if (len < 10 || header[0] != '{' || (used != (size_t)(dot - p) && len < sizeof(header)))
		return VALUE_NO;
	if (!memmem(header, len, "\"alg\"", 5) && !memmem(header, len, "\"enc\"", 5))
		return VALUE_NO;
	second = memchr(dot + 1, '.', n - (size_t)(dot - p) - 1);
	payload = second ? (size_t)(second - dot) - 1 : n - (size_t)(dot - p) - 1;
	if (payload < 8)
		return VALUE_NO;
	/* cut by the window: the payload alone tells enough */
	if (!second)
		return payload > 1024 && !v->ends ? VALUE_SURE : VALUE_NO;
	return VALUE_SURE;
}

static bool is_text(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] == 0x7f || (p[i] < ' ' && !strchr("\t\r\n", p[i])))
			return false;
	return true;
}

enum verdict_of_value validate_base64_64(struct value *v)
{
	uint8_t out[72];
	size_t used, n = v->end - v->start;

	if (base64_decode((const char *)v->p + v->start, n, out, sizeof(out), &used) != 64)
		return VALUE_NO;
	if (!memcmp(out, "\x1f\x8b\x08", 3) || !memcmp(out, "\x28\xb5\x2f\xfd", 4) ||
	        !memcmp(out, "PK\3\4", 4) || is_text(out, 64))
		return VALUE_NO; /* gzip, zstd, zip, text: what is inside is looked through */
	return value_entropy(out, 64) > 4.5 ? VALUE_YES : VALUE_NO;
}

/* user:password, printable, and not the examples of RFC 7617. */
enum verdict_of_value validate_basic_auth(struct value *v)
{
	uint8_t out[256];
	size_t n = base64_decode((const char *)v->p + v->start, v->end - v->start, out, sizeof(out), NULL);
	const uint8_t *colon = memchr(out, ':', n);
	struct value password;

	if (!colon || colon == out + n)
		return VALUE_NO;
	for (size_t i = 0; i < n; i++)
		if (out[i] < 0x20 || out[i] == 0x7f)
			return VALUE_NO;
	password = (struct value){.p = colon + 1, .n = n - (size_t)(colon + 1 - out), .ends = true};
	password.end = password.n;
	if (password.n == 0 && colon - out >= 16) /* a key as the user name */
		password = (struct value){
		        .p = out, .n = (size_t)(colon - out), .end = (size_t)(colon - out), .ends = true};
	return password.n >= 4 && validate_not_placeholder(&password) ? VALUE_SURE : VALUE_NO;
}

/* 40 characters of base64 that are neither a SHA-1 nor words: what an AWS secret key looks like. */
enum verdict_of_value validate_mixed40(struct value *v)
{
	const uint8_t *p = v->p + v->start;
	size_t n = v->end - v->start, upper = 0, lower = 0, digit = 0;

	for (size_t i = 0; i < n; i++) {
		upper += isupper(p[i]) != 0;
		lower += islower(p[i]) != 0;
		digit += isdigit(p[i]) != 0;
	}
	if (upper < 4 || lower < 4 || digit < 1 || value_entropy(p, n) < 4.0)
		return VALUE_NO;
	return VALUE_YES;
}

/* Between lines of base64, as they are written: line ends, or those of a source or of a string. */
static bool of_break(uint8_t c)
{
	return c && strchr(" \t\r\n\\\"',+>|*#", c);
}

static bool ends_escape(const uint8_t *p, size_t at)
{
	return at > 1 && p[at - 2] == '\\' && strchr("nrt", p[at - 1]);
}

/* Is a line before or behind it base64 as well?  Lines of the same length are rather a list of keys. */
static bool in_base64(const struct value *v)
{
	const size_t own = v->end - v->start, enough = 24;
	size_t from = v->start, to = v->end, n = 0;

	if (ends_escape(v->p, from))
		from -= 2;
	while (from && v->start - from < 8 && of_break(v->p[from - 1]))
		from--;
	for (; from && n <= own && is_base64(v->p[from - 1]); from--)
		n++;
	if (n >= enough && n != own)
		return true;
	while (to < v->n && to - v->end < 8 && (of_break(v->p[to]) || ends_escape(v->p, to + 1)))
		to++;
	for (n = 0; to < v->n && n <= own && is_base64(v->p[to]); to++)
		n++;
	return n >= enough && n != own;
}

/* What stands around it without a blank is a URL or a list of hashes. */
static bool in_url(const struct value *v)
{
	size_t from = v->start;

	while (from && v->start - from < 256 && v->p[from - 1] > ' ' && !strchr("\"'`<>(", v->p[from - 1]))
		from--;
	return memmem(v->p + from, v->start - from, "://", 3) ||
	       memmem(v->p + from, v->start - from, "sha", 3);
}

static bool is_text_in_base64(const uint8_t *p, size_t n)
{
	uint8_t out[64];
	size_t len = base64_decode((const char *)p, n, out, sizeof(out), NULL), i = 0;

	while (i < len && ((out[i] >= 0x20 && out[i] < 0x7f) || (out[i] && strchr("\t\r\n\033", out[i]))))
		i++;
	return i == len;
}

/* 40 characters of base64 with nothing beside them that says what they are.  Of random ones all but 3 in 100
 * pass: kinds of characters change at every second place, as in no name, path or word of any language. */
enum verdict_of_value validate_alone40(struct value *v)
{
	const uint8_t *p = v->p + v->start;
	size_t n = v->end - v->start, count[4] = {0}, changes = 0;
	int last = -1;

	for (size_t i = 0; i < n; i++) {
		int kind = isupper(p[i]) ? 0 : islower(p[i]) ? 1 : isdigit(p[i]) ? 2 : 3;

		count[kind]++;
		changes += i && kind != last;
		last = kind;
	}
	if (n != 40 || count[0] < 6 || count[0] > 26 || count[1] < 6 || count[1] > 26 || count[2] < 2 ||
	        count[3] > 5 || changes < 18)
		return VALUE_NO;
	return is_text_in_base64(p, n) || in_url(v) || in_base64(v) ? VALUE_NO : VALUE_YES;
}
