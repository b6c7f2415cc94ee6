/* ja4.c - JA4 by the algorithm of https://github.com/FoxIO-LLC/ja4, technical_details/JA4.md:
 *
 *	t13d1516h2_8daaf6152771_e5627efa2ab1
 *	|| | | |  | |            `- extensions sorted without SNI and ALPN, "_", signature algorithms
 *	|| | | |  | `- ciphers, sorted
 *	|| | | |  `- first and last character of the first ALPN
 *	|| | `-`- how many ciphers and extensions
 *	|`-`- version; SNI present (d) or not (i)
 *	`- TCP (t) or QUIC (q)
 *
 * The hashes are the first 12 hex digits of SHA-256 over comma separated four-digit hex numbers. */
#include "classify/names/ja4.h"
#include "classify/names/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXT_SNI  0x0000
#define EXT_ALPN 0x0010

struct list {
	size_t n;
	bool over;
	uint16_t v[JA4_LIST_MAX];
};

static void list_add(struct list *l, uint16_t v)
{
	if (is_grease(v))
		return;
	if (l->n == JA4_LIST_MAX)
		l->over = true;
	else
		l->v[l->n++] = v;
}

static int by_value(const void *a, const void *b)
{
	const uint16_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void list_sort(struct list *l)
{
	qsort(l->v, l->n, sizeof(l->v[0]), by_value);
}

/* "0005,000a,..." into out; returns its length. */
static size_t list_text(const struct list *l, char *out)
{
	static const char hex[] = "0123456789abcdef";
	char *p = out;

	for (size_t i = 0; i < l->n; i++) {
		if (i)
			*p++ = ',';
		for (int shift = 12; shift >= 0; shift -= 4)
			*p++ = hex[l->v[i] >> shift & 15];
	}
	return (size_t)(p - out);
}

static bool hash12(struct scratch *s, const char *text, size_t n, char out[13])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	char full[2 * 6 + 1];

	if (!n) {
		memcpy(out, "000000000000", 13); /* the specification's sign for an empty list */
		return true;
	}
	if (EVP_DigestInit_ex2(s->digest, s->sha256, NULL) != 1 ||
	        EVP_DigestUpdate(s->digest, text, n) != 1 || EVP_DigestFinal_ex(s->digest, md, NULL) != 1)
		return false;
	memcpy(out, hex_encode(md, 6, full), 13);
	return true;
}

static const char *version_text(uint16_t v)
{
	static const struct {
		uint16_t version;
		char text[3];
	} known[] = {{0x0304, "13"}, {0x0303, "12"}, {0x0302, "11"}, {0x0301, "10"}, {0x0300, "s3"},
	        {0x0002, "s2"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].version == v)
			return known[i].text;
	return "00";
}

static bool alphanumeric(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* First and last character of the name, or, when either is no ASCII letter or digit, of its hex form. */
static void alpn_text(struct slice alpn, char out[3])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t first, last;

	if (!alpn.n) {
		memcpy(out, "00", 3);
		return;
	}
	first = (uint8_t)alpn.p[0];
	last = (uint8_t)alpn.p[alpn.n - 1];
	if (alphanumeric(first) && alphanumeric(last)) {
		out[0] = (char)first;
		out[1] = (char)last;
	} else {
		out[0] = hex[first >> 4];
		out[1] = hex[last & 15];
	}
	out[2] = '\0';
}

static void read_numbers(struct cur c, struct list *l)
{
	while (cur_left(&c) >= 2)
		list_add(l, cur_be16(&c));
}

/* Fills l with what the hash takes; returns how many extensions count, SNI and ALPN included. */
static size_t read_extensions(struct cur c, struct list *l)
{
	size_t n = 0;

	while (cur_left(&c)) {
		uint16_t type = cur_be16(&c);

		cur_vec(&c, 2);
		if (c.bad)
			break;
		n += !is_grease(type);
		if (type != EXT_SNI && type != EXT_ALPN)
			list_add(l, type);
	}
	return n;
}

void ja4_write(const struct ja4_input *in, char out[JA4_MAX])
{
	struct scratch *s = scratch_get();
	struct list l = {.n = 0};
	char text[2 * (5 * JA4_LIST_MAX) + 1], b[13], c[13], alpn[3];
	size_t ciphers, extensions, n;

	out[0] = '\0';
	if (!s)
		return;
	read_numbers(in->ciphers, &l);
	list_sort(&l);
	ciphers = l.n;
	if (l.over || !hash12(s, text, list_text(&l, text), b))
		return;

	l.n = 0;
	extensions = read_extensions(in->extensions, &l);
	list_sort(&l);
	n = list_text(&l, text);
	l.n = 0;
	read_numbers(in->signatures, &l);
	if (n && l.n) {
		text[n++] = '_';
		n += list_text(&l, text + n);
	}
	if (l.over || !hash12(s, text, n, c))
		return;

	alpn_text(in->alpn, alpn);
	snprintf(out, JA4_MAX, "%c%s%c%02zu%02zu%s_%s_%s", in->quic ? 'q' : 't', version_text(in->version),
	        in->sni ? 'd' : 'i', ciphers < 99 ? ciphers : 99, extensions < 99 ? extensions : 99, alpn, b,
	        c);
}
