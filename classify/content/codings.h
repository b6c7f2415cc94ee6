/* codings.h - content codings (RFC 9110 8.4.1) undone as a stream: gzip (RFC 1952), deflate, which is zlib's
 * format (RFC 1950) by the standard and raw deflate (RFC 1951) from some senders, br (RFC 7932), zstd
 * (RFC 8878, windows as in RFC 9659), and aws-chunked (AWS Signature Version 4, "Transferring payload in
 * multiple chunks").
 *
 * The first bytes are tried before a label is believed: a body that does not begin as its label says is read
 * as it is, or as what its own first bytes say.  What cannot be undone is said, not passed on. */
#ifndef CLASSIFY_CONTENT_CODINGS_H
#define CLASSIFY_CONTENT_CODINGS_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CODINGS_MAX     3          /* of one body, one inside the other */
#define CODING_MAGIC    4          /* bytes that name a coding by themselves */
#define CODING_TRIAL    64         /* bytes held to see whether the label is true */
#define CODING_FREE     (1u << 20) /* so much may come out of anything before the ratio counts */
#define CODING_OUT      16384      /* at most so much is handed out at once */
#define ZSTD_WINDOW_LOG 23         /* RFC 9659 3: 8 MiB; larger ones are CONTENT_LIMIT */

/* ---- memory of decoders: one account for each worker (codings_memory.c) ---- */

/* A region of the size it is created with; address space only, pages are touched on first use.  Pieces of
 * more than CODING_PIECE bytes (windows of brotli and zstd) leave the first quarter alone: however many large
 * windows there are, gzip still finds room. */
#define CODING_PIECE 65536

struct coding_memory;
struct coding_memory *coding_memory_create(size_t bytes); /* NULL: no address space, or less than 1 MiB */
void coding_memory_destroy(struct coding_memory *m);      /* NULL is fine */
/* n bytes, aligned to 4096, contents undefined; NULL when there is no room (counted). */
void *coding_memory_get(struct coding_memory *m, size_t n);
void coding_memory_put(struct coding_memory *m, void *p); /* NULL is fine */
size_t coding_memory_used(const struct coding_memory *m);
size_t coding_memory_peak(const struct coding_memory *m);
uint64_t coding_memory_refused(const struct coding_memory *m);

/* ---- one coding ---- */

enum coding_kind {
	CODING_NONE, /* identity */
	CODING_GZIP,
	CODING_DEFLATE,
	CODING_BROTLI,
	CODING_ZSTD,
	CODING_AWS_CHUNKED,
	CODING_COMPRESS, /* known, but not undone */
	CODING_UNKNOWN,
};

enum coding_kind coding_by_name(struct slice name);
/* The codings of a list as in Content-Encoding, the one to undo first in front, identity left out.  Returns
 * their number; CODINGS_MAX + 1 when there are more. */
unsigned coding_list(struct slice list, enum coding_kind kinds[CODINGS_MAX]);
/* Do these first bytes name a coding by themselves (gzip, zstd)?  CODING_NONE: they do not. */
enum coding_kind coding_by_magic(const uint8_t *p, size_t n);

struct coding_format;
struct coding {
	const struct coding_format *format;
	struct coding_memory *memory;
	void *decoder;
	uint8_t kind, phase, chunk; /* chunk: where in aws-chunked's framing */
	unsigned ratio;
	uint64_t in, out; /* bytes undone, and what came out */
	uint64_t left;    /* aws-chunked: of this chunk */
	const uint8_t
	        *rest; /* of the bytes fed, with CONTENT_BROKEN: those behind `held` that were not undone */
	size_t n_rest;
	size_t n_held;
	uint8_t held[CODING_TRIAL];
};

/* Where decoded bytes go; false: no more is wanted. */
typedef bool (*bytes_out)(void *arg, const uint8_t *p, size_t n);

/* ratio: out/in above this, once CODING_FREE came out, is a bomb; 0: any.  The memory outlives the coding. */
void coding_init(struct coding *c, enum coding_kind kind, unsigned ratio, struct coding_memory *memory);
/* Undoes; returns 0 to go on, or the content_skip bit that ends it: CONTENT_LIMIT (bomb, window, no memory,
 * or `out` wants no more), CONTENT_BROKEN, CONTENT_UNSUPPORTED.  Broken is also what stands behind the end of
 * a whole stream: coding_whole() tells.  What was not undone stands in `held`, then in `rest`. */
unsigned coding_feed(struct coding *c, const uint8_t *p, size_t n, bytes_out out, void *arg);
/* Is what was undone a whole stream, or several? */
bool coding_whole(const struct coding *c);
/* The coded bytes end: reads what is held, and says so when they should not end here. */
unsigned coding_end(struct coding *c, bytes_out out, void *arg);
/* n coded bytes are missing, 0: unknown how many.  0: as many decoded bytes are, and it goes on; else what
 * ends it, CONTENT_GAP when nothing can be undone behind a gap. */
unsigned coding_gap(struct coding *c, uint64_t n, bytes_out out, void *arg);
/* Gives the memory back; in any state, also twice. */
void coding_clear(struct coding *c);

#endif
