/* content_record.h - a text sink that writes down what it is told and fails on anything out of order: a line
 * for each field, "path <key> text", with " CUT" behind one that is not whole. */
#ifndef TESTS_UNIT_CONTENT_RECORD_H
#define TESTS_UNIT_CONTENT_RECORD_H

#include "classify/content/content.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

struct record {
	char text[65536], files[1024];
	size_t n, n_files;
	bool open;
	uint64_t offset;
	unsigned fields, calls, skip;
	uint64_t decoded;
};

static inline void record_put(struct record *r, const void *p, size_t n)
{
	assert_true(n < sizeof(r->text) - r->n);
	memcpy(r->text + r->n, p, n);
	r->n += n;
	r->text[r->n] = '\0';
}

static inline void record_field(void *arg, const char *path, size_t n, const char *key, size_t key_len)
{
	struct record *r = arg;

	assert_false(r->open);
	assert_true(n <= CONTENT_PATH_MAX);
	r->open = true;
	r->offset = 0;
	r->fields++;
	record_put(r, path, n);
	record_put(r, " <", 2);
	record_put(r, key, key_len);
	record_put(r, "> ", 2);
}

static inline void record_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct record *r = arg;

	assert_true(r->open);
	assert_true(n > 0);
	assert_int_equal(offset, r->offset);
	r->offset += n;
	r->calls++;
	record_put(r, p, n);
}

static inline void record_end(void *arg, bool whole)
{
	struct record *r = arg;

	assert_true(r->open);
	assert_true(r->offset > 0);
	r->open = false;
	record_put(r, whole ? "\n" : " CUT\n", whole ? 1 : 5);
}

static inline void record_file(void *arg, const char *name, size_t n)
{
	struct record *r = arg;

	assert_true(n + 1 < sizeof(r->files) - r->n_files);
	memcpy(r->files + r->n_files, name, n);
	r->n_files += n;
	r->files[r->n_files++] = '\n';
	r->files[r->n_files] = '\0';
}

static inline struct text_sink record_sink(struct record *r)
{
	r->n = r->n_files = 0;
	r->text[0] = r->files[0] = '\0';
	r->open = false;
	r->fields = r->calls = r->skip = 0;
	r->decoded = 0;
	return (struct text_sink){r, record_field, record_text, record_end, record_file};
}

/* Two pieces, or many of `step` bytes when cut is 0; each in a heap block of its exact size. */
static inline void record_body(struct content_pool *pool, struct record *r, const char *type,
        const char *coding, const void *body, size_t n, size_t cut, size_t step)
{
	struct text_sink out = record_sink(r);
	struct message m = {.content_type = slice_of(type, strlen(type)),
	        .content_encoding = slice_of(coding, strlen(coding))};
	struct content *c = content_open(pool, &m, &out);
	size_t at = 0;

	assert_non_null(c);
	while (at < n) {
		size_t len = cut ? (at < cut ? cut - at : n - at) : step < n - at ? step : n - at;
		uint8_t *copy = malloc(len);

		memcpy(copy, (const char *)body + at, len);
		content_feed(c, copy, len);
		free(copy);
		at += len;
	}
	r->skip = content_close(c, &r->decoded);
	assert_false(r->open);
}

/* Whole, cut at every byte, and byte by byte: always the same fields. */
static inline void record_check(struct content_pool *pool, const char *type, const char *coding,
        const void *body, size_t n, const char *expect, unsigned skip)
{
	struct record *r = malloc(sizeof(*r));

	record_body(pool, r, type, coding, body, n, 0, n ? n : 1);
	assert_string_equal(r->text, expect);
	assert_int_equal(r->skip, skip);
	for (size_t cut = 1; cut < n; cut += 1 + n / 2000) {
		record_body(pool, r, type, coding, body, n, cut, 0);
		assert_string_equal(r->text, expect);
		assert_int_equal(r->skip, skip);
	}
	record_body(pool, r, type, coding, body, n, 0, 1);
	assert_string_equal(r->text, expect);
	assert_int_equal(r->skip, skip);
	free(r);
}

static inline struct content_pool *record_pool(void)
{
	static const struct content_limits l = {.inflate_ratio = 200, .depth = 32};

	return content_pool_create(4, &l);
}

#endif
