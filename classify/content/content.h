/* content.h - from the body of a message to text with the place where it stood.
 *
 * Content codings are undone (gzip, deflate, br, zstd), then the structure is read as a stream: JSON strings
 * unescaped with their path, form fields, parts and documents (their content in turn: nest.h), else plain
 * text, which may hold something in turn (text_scan.h).  The body's first bytes decide, not the Content-Type:
 * clients mislabel.  Memory per body is bounded whatever its length.  docs/content.md tells it to users. */
#ifndef CLASSIFY_CONTENT_CONTENT_H
#define CLASSIFY_CONTENT_CONTENT_H

#include "base/arena.h"
#include "classify/http/message.h"

#include <stddef.h>
#include <stdint.h>

#define CONTENT_PATH_MAX 256 /* a longer field path is cut with "..." at its front */

/* Field paths: messages[0].content for JSON, form.NAME, part.NAME (multipart; a part that is JSON or a form:
 * part.NAME.PATH; a part without a name: part[N]), body for anything else, query.NAME.  JSON in a string has
 * the string's path in front; PATH(base64) and PATH(percent) are what the text at PATH was decoded to. PATH{}
 * holds names of members that are long enough to be data.  Whole JSON numbers of six digits and more are text
 * as well.  A field without text is never told, and its text comes in few pieces, not one for each escape. */
struct text_sink {
	void *arg;
	/* A field begins.  `key` is the last name in the path ("content"), may be "".  Borrowed. */
	void (*field)(void *arg, const char *path, size_t path_len, const char *key, size_t key_len);
	/* Text of the current field, UTF-8 as far as the sender's was; `offset` counts from the field's
	 * start. */
	void (*text)(void *arg, const uint8_t *p, size_t n, uint64_t offset);
	/* The field ends; `whole` false when a gap or a limit cut it. */
	void (*field_end)(void *arg, bool whole);
	/* A file (name as sent): a part of a multipart body, a member of an archive, an attachment.  Between
	 * fields; may be NULL. */
	void (*file)(void *arg, const char *name, size_t n);
};

/* A JSON number that is too short to be text: its path, and as it was written.  Between fields. */
typedef void (*content_number)(void *arg, const char *path, size_t path_len, const char *p, size_t n);

#define CONTENT_DECODE_BYTES (256u << 20)
/* What the sensor reads with (docs/content.md). */
#define CONTENT_INFLATE_RATIO 200
#define CONTENT_DEPTH         64

struct content_limits {
	uint64_t body_limit;    /* decoded bytes read of one body; 0: all */
	unsigned inflate_ratio; /* decoded/encoded above this (after 1 MiB decoded) is a bomb */
	unsigned depth;         /* levels of JSON, and parts inside parts (at most NEST_DEPTH_MAX) */
	size_t decode_bytes;    /* memory of decoders, for all bodies of the pool; 0: CONTENT_DECODE_BYTES */
};

/* Why a body, or a part of it, was not read; bits. */
enum content_skip {
	CONTENT_GAP = 1,         /* bytes missing */
	CONTENT_LIMIT = 2,       /* body_limit, bomb, depth */
	CONTENT_UNSUPPORTED = 4, /* a coding or format we do not read */
	CONTENT_BINARY = 8,      /* not text */
	CONTENT_BROKEN = 16, /* coding or structure malformed; read as far as it went, what is behind as it
	                      * stands */
};

struct content;
struct content_pool; /* one per worker: bodies being read at once, with all their buffers */
struct content_pool *content_pool_create(size_t bodies, const struct content_limits *l);
void content_pool_destroy(struct content_pool *p);

/* NULL when all are in use (counted in content_refused). */
struct content *content_open(struct content_pool *p, const struct message *m, const struct text_sink *out);
/* Short numbers are wanted too; before the first byte.  `arg` is the sink's. */
void content_numbers(struct content *c, content_number number);
void content_feed(struct content *c, const uint8_t *p, size_t n);
void content_gap(struct content *c, uint64_t n);
/* Ends the body (hands out what is pending) and gives the memory back; returns content_skip bits. */
unsigned content_close(struct content *c, uint64_t *decoded);
uint64_t content_refused(const struct content_pool *p);
/* Pieces of memory that decoders asked for in vain (decode_bytes). */
uint64_t content_decoders_refused(const struct content_pool *p);

/* What came out of codings in heads: all that share a limit have one of these.  A connection's is weighed as
 * bodies are, against the bytes that were sent. */
struct content_spent {
	uint64_t head, connection;
	uint64_t sent; /* on the connection */
};

/* For text that is not a body (leaktap detect on JSON lines, query strings): the same readers. */
unsigned content_query(struct content_pool *p, const struct slice *query, struct content_spent *spent,
        const struct text_sink *out); /* fields query.NAME; returns content_skip bits */
/* What a header or a step of a path holds in base64, and nothing of the text around it: fields PATH(base64).
 */
unsigned content_encoded(struct content_pool *p, const struct slice *path, const struct slice *text,
        struct content_spent *spent, const struct text_sink *out);

#endif
