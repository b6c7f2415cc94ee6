/* json.h - writes one JSON object into a fixed buffer: no allocation, no recursion.  Strings are made valid
 * UTF-8 on the way (bytes that are not become U+FFFD and are counted).  When the buffer is full the writer
 * stops taking content and says so; the caller drops the record and counts it. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *buf;
	size_t cap, len;
	bool full;         /* something did not fit: what is in buf is not valid JSON */
	bool comma;        /* a value stands before at this level */
	uint32_t replaced; /* bytes that became U+FFFD */
};

void json_init(struct json *j, char *buf, size_t cap);
/* `key` NULL inside arrays and for the outermost value. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_end_array(struct json *j);
void json_string(struct json *j, const char *key, const char *s); /* NULL writes null */
void json_bytes(struct json *j, const char *key, const void *p, size_t n);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_i64(struct json *j, const char *key, int64_t v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
/* A counter pair: "key":[a,b]. */
void json_pair(struct json *j, const char *key, uint64_t a, uint64_t b);
/* Text that already is JSON. */
void json_raw(struct json *j, const char *key, const char *p, size_t n);

#endif
