/* record_read.h - takes single members out of a record's JSON, without a tree and without memory.  For
 * records that come back from a server: whoever can write there may have written anything. */
#ifndef ALERTS_RECORD_READ_H
#define ALERTS_RECORD_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_DEPTH_MAX 16

enum record_type { RECORD_NONE, RECORD_STRING, RECORD_NUMBER, RECORD_OBJECT, RECORD_ARRAY, RECORD_WORD };

/* Points into the text it was read from. */
struct record_value {
	enum record_type type; /* RECORD_NONE: not there, or the text is broken before it */
	const char *p;         /* strings without their quotes, still escaped; else the whole value */
	size_t n;
};

/* The text as one value: an object, with nothing but space behind it; RECORD_NONE otherwise. */
struct record_value record_parse(const char *text, size_t n);
/* The member at a path of names, "source.ip". */
struct record_value record_get(struct record_value object, const char *path);
/* The items of an array in turn; *at begins at 0. */
bool record_next(struct record_value array, size_t *at, struct record_value *item);
/* The members of an object in turn; the name stays escaped. */
bool record_next_member(
        struct record_value object, size_t *at, struct record_value *name, struct record_value *value);
/* A string with its escapes resolved, or a number's or word's text; cut at whole characters when longer,
 * always terminated.  What is no UTF-8 becomes U+FFFD.  Returns its length. */
size_t record_string(struct record_value v, char *out, size_t cap);
/* A whole number; 0 when it is none. */
uint64_t record_number(struct record_value v);

#endif
