/* zip_write.h - archives for tests, written field by field (APPNOTE 6.3), so that they can be wrong on
 * purpose. */
#ifndef TESTS_UNIT_ZIP_WRITE_H
#define TESTS_UNIT_ZIP_WRITE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct zip_out {
	uint8_t *p;
	size_t n, cap;
	unsigned members;
};

/* How a member is written. */
enum {
	ZIP_DEFLATED = 1,
	ZIP_STREAMED = 2,   /* sizes in a data descriptor */
	ZIP_UNMARKED = 4,   /* ... without its signature */
	ZIP_64 = 8,         /* ... with sizes of eight bytes; not streamed: sizes in the extra field */
	ZIP_ENCRYPTED = 16, /* only the flag */
	ZIP_LONGER = 32,    /* the header's size is 1000 too large */
	ZIP_SHORTER = 64,   /* ... too small by one */
};

static inline void zip_raw(struct zip_out *z, const void *p, size_t n)
{
	if (z->n + n > z->cap) {
		z->cap = (z->n + n) * 2;
		z->p = realloc(z->p, z->cap);
	}
	if (n)
		memcpy(z->p + z->n, p, n);
	z->n += n;
}

static inline void zip_le(struct zip_out *z, uint64_t v, size_t size)
{
	for (; size; size--, v >>= 8) {
		uint8_t b = (uint8_t)v;

		zip_raw(z, &b, 1);
	}
}

static inline size_t zip_deflate(const void *p, size_t n, uint8_t **out)
{
	z_stream s = {0};
	size_t len, cap = n + n / 100 + 64;

	deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
	*out = malloc(cap);
	s.next_in = (Bytef *)(uintptr_t)p;
	s.avail_in = (uInt)n;
	s.next_out = *out;
	s.avail_out = (uInt)cap;
	assert(deflate(&s, Z_FINISH) == Z_STREAM_END);
	len = cap - s.avail_out;
	deflateEnd(&s);
	return len;
}

static inline void zip_member_as(
        struct zip_out *z, const char *name, const void *p, size_t n, unsigned how, unsigned method)
{
	uint8_t *packed = NULL;
	size_t size = how & ZIP_DEFLATED ? zip_deflate(p, n, &packed) : n;
	uint32_t crc = (uint32_t)crc32(crc32(0, NULL, 0), p, (uInt)n);
	bool streamed = how & ZIP_STREAMED, big = how & ZIP_64 && !streamed;
	size_t told = size + (how & ZIP_LONGER ? 1000 : 0) - (how & ZIP_SHORTER ? 1 : 0);

	zip_le(z, 0x04034b50, 4);
	zip_le(z, 20, 2);
	zip_le(z, (streamed ? 8u : 0) | (how & ZIP_ENCRYPTED ? 1u : 0), 2);
	zip_le(z, method, 2);
	zip_le(z, 0, 4); /* time */
	zip_le(z, streamed ? 0 : crc, 4);
	zip_le(z, streamed ? 0 : big ? UINT32_MAX : told, 4);
	zip_le(z, streamed ? 0 : big ? UINT32_MAX : n, 4);
	zip_le(z, strlen(name), 2);
	zip_le(z, big ? 4 + 5 + 20 : 0, 2);
	zip_raw(z, name, strlen(name));
	if (big) {
		zip_raw(z, "UT\5\0\1\0\0\0\0", 9); /* another field before it */
		zip_le(z, 1, 2);
		zip_le(z, 16, 2);
		zip_le(z, n, 8);
		zip_le(z, told, 8);
	}
	zip_raw(z, packed ? packed : p, size);
	free(packed);
	if (streamed) {
		if (!(how & ZIP_UNMARKED))
			zip_le(z, 0x08074b50, 4);
		zip_le(z, crc, 4);
		zip_le(z, size, how & ZIP_64 ? 8 : 4);
		zip_le(z, n, how & ZIP_64 ? 8 : 4);
	}
	z->members++;
}

static inline void zip_member(struct zip_out *z, const char *name, const void *p, size_t n, unsigned how)
{
	zip_member_as(z, name, p, n, how, how & ZIP_DEFLATED ? 8 : 0);
}

static inline void zip_text(struct zip_out *z, const char *name, const char *text, unsigned how)
{
	zip_member(z, name, text, strlen(text), how);
}

/* The directory: readers that go from front to back want no more of it than that it is there. */
static inline void zip_end(struct zip_out *z)
{
	zip_le(z, 0x02014b50, 4);
	for (unsigned i = 0; i < 42; i++)
		zip_le(z, 0, 1);
	zip_le(z, 0x06054b50, 4);
	zip_le(z, 0, 4);
	zip_le(z, z->members, 2);
	zip_le(z, z->members, 2);
	zip_le(z, 46, 4);
	zip_le(z, z->n - 46, 4);
	zip_le(z, 0, 2);
}

#endif
