/* text.h - small text tools: slices, UTF-8, base64, hex, host names. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes borrowed from somewhere; not terminated. */
struct slice {
	const char *p;
	size_t n;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})

static inline struct slice slice_of(const void *p, size_t n)
{
	return (struct slice){(const char *)p, n};
}

bool slice_is(struct slice s, const char *text);        /* equal */
bool slice_is_nocase(struct slice s, const char *text); /* equal but for ASCII case */
bool slice_starts_nocase(struct slice s, const char *text);
struct slice slice_trim(struct slice s); /* without spaces and tabs at both ends */

/* As much of `in` as fits into cap bytes (at least one), terminated; cut at any byte. */
void text_copy(char *out, size_t cap, const char *in);

/* Length of the valid UTF-8 sequence at p (1..4), or 0 when there is none (RFC 3629: no surrogates, no
 * overlong forms). */
size_t utf8_len(const uint8_t *p, size_t left);
/* Writes the code point as UTF-8; returns the bytes written (1..4).  Surrogates and values past U+10FFFF
 * become U+FFFD. */
size_t utf8_put(uint32_t cp, uint8_t out[4]);

/* How many of these bytes, from the first on, read as text: UTF-8 without controls but tabs and line ends.  A
 * sequence that the end cuts off counts as text. */
size_t text_run(const uint8_t *p, size_t n);

/* Standard and URL alphabets, padding optional, stops at the first byte that is neither.  Returns the bytes
 * decoded (at most cap); *used, when not NULL, is how much text was read. */
size_t base64_decode(const char *text, size_t n, uint8_t *out, size_t cap, size_t *used);
/* Lower-case hex of n bytes and a NUL: 2n + 1 bytes. */
char *hex_encode(const uint8_t *p, size_t n, char *out);
int hex_digit(char c); /* 0..15, or -1 */
/* Decimal digits and a NUL; returns how many digits. */
#define NUMBER_TEXT_MAX 21
size_t number_text(uint64_t v, char out[NUMBER_TEXT_MAX]);

/* A host name as names are compared everywhere: lower case, one trailing dot and a :port dropped, brackets
 * of an IPv6 literal dropped.  Returns its length, or 0 when it is none (empty, empty label, label over 63,
 * name over 253, characters outside letters, digits, '-', '_', '.', ':' of literals). */
#define HOST_MAX 254
size_t host_normalize(const char *p, size_t n, char out[HOST_MAX]);
/* As host_normalize; *port gets the number behind a colon, 0 when there is none or it is no port. */
size_t host_port_split(const char *p, size_t n, char out[HOST_MAX], uint16_t *port);

/* Restricted Damerau-Levenshtein distance, for "did you mean"; at most `most`+1 is returned. */
unsigned text_distance(const char *a, const char *b, unsigned most);

#endif
