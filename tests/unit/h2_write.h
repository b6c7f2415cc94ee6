/* h2_write.h - HTTP/2 frames by hand, as no library would write them: any order, any flags.  Header fields
 * are literals without index or Huffman code (RFC 7541 6.2.2), so that they stand in the bytes as they are.
 */
#ifndef TESTS_UNIT_H2_WRITE_H
#define TESTS_UNIT_H2_WRITE_H

#include "tests/unit/names_util.h"

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
enum { T_DATA, T_HEADERS, T_PRIORITY, T_RST, T_SETTINGS, T_PUSH, T_PING, T_GOAWAY, T_WINDOW, T_CONT };
enum { F_END = 1, F_ACK = 1, F_HEADERS = 4, F_PADDED = 8, F_PRIORITY = 0x20 };

static inline void h2_frame(struct buf *b, uint8_t type, uint8_t flags, uint32_t id, const void *p, size_t n)
{
	put_be(b, n, 3);
	put_be(b, type, 1);
	put_be(b, flags, 1);
	put_be(b, id, 4);
	put(b, p, n);
}

static inline void h2_begin(struct buf *b)
{
	put_text(b, H2_PREFACE);
	h2_frame(b, T_SETTINGS, 0, 0, NULL, 0);
}

static inline void h2_string(struct buf *b, const char *s, size_t n)
{
	if (n < 127) {
		put_be(b, n, 1);
	} else {
		put_be(b, 127, 1);
		for (n -= 127; n > 127; n >>= 7)
			put_be(b, 0x80 | (n & 127), 1);
		put_be(b, n, 1);
	}
	put_text(b, s);
}

static inline void h2_field(struct buf *b, const char *name, const char *value)
{
	put_be(b, 0, 1);
	h2_string(b, name, strlen(name));
	h2_string(b, value, strlen(value));
}

/* "name: value\nname: value\n" in one HEADERS frame. */
static inline void h2_head(struct buf *b, uint8_t flags, uint32_t id, const char *fields)
{
	static struct buf block;
	char name[256], value[8192];

	block.n = 0;
	for (const char *end; *fields; fields = end + 1) {
		const char *colon = strchr(fields + 1, ':');

		end = strchr(fields, '\n');
		assert_true(colon && end && (size_t)(colon - fields) < sizeof(name) &&
		            (size_t)(end - colon) < sizeof(value));
		memcpy(name, fields, (size_t)(colon - fields));
		name[colon - fields] = '\0';
		memcpy(value, colon + 2, (size_t)(end - colon - 2));
		value[end - colon - 2] = '\0';
		h2_field(&block, name, value);
	}
	h2_frame(b, T_HEADERS, flags | F_HEADERS, id, block.p, block.n);
}

static inline void h2_data(struct buf *b, uint8_t flags, uint32_t id, const char *text)
{
	h2_frame(b, T_DATA, flags, id, text, strlen(text));
}

#endif
