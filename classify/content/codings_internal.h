/* codings_internal.h - between codings.c, which tries labels and keeps limits, and the decoders. */
#ifndef CLASSIFY_CONTENT_CODINGS_INTERNAL_H
#define CLASSIFY_CONTENT_CODINGS_INTERNAL_H

#include "classify/content/codings.h"
#include "classify/content/content.h"

enum coding_phase {
	CODING_TRY,   /* the first bytes are held */
	CODING_RUN,   /* they are what the label says */
	CODING_AFTER, /* a whole stream was read: the end, or another one */
	CODING_PASS,  /* they are not: read as they are */
};

struct coding_format {
	/* May the held bytes begin this format?  1: yes, and the decoder has what it needs; 0: no; -1: no
	 * memory. What it took is given back by clear(), also when it says no. */
	int (*begins)(struct coding *c);
	/* Undoes what it can of *p, at least one byte or none is left; 0 or the reason to stop.  Sets
	 * CODING_AFTER behind the last byte of a stream. */
	unsigned (*run)(struct coding *c, const uint8_t **p, size_t *n, bytes_out out, void *arg);
	/* In CODING_AFTER, as run: another stream may follow.  NULL: none may. */
	unsigned (*after)(struct coding *c, const uint8_t **p, size_t *n);
	void (*clear)(struct coding *c); /* may be NULL */
};

extern const struct coding_format format_gzip, format_zlib, format_deflate, format_brotli, format_zstd,
        format_aws_chunked;

/* In CODING_RUN of aws-chunked: n bytes of the chunk's data are missing; false when they cannot all be. */
bool coding_chunk_skip(struct coding *c, uint64_t n);

/* Hands out what came of c->in bytes; 0, or CONTENT_LIMIT when it is a bomb or no more is wanted. */
unsigned coding_give(struct coding *c, const uint8_t *p, size_t n, bytes_out out, void *arg);
/* In CODING_AFTER: takes a byte of what may begin another stream.  1: it does, its CODING_MAGIC bytes stand
 * in `held` and the phase is CODING_RUN; 0: not yet known; -1: it does not. */
int coding_again(struct coding *c, enum coding_kind kind, const uint8_t **p, size_t *n);
/* Formats without a mark at their beginning: nothing they write for so many bytes is all text. */
bool coding_held_is_text(const struct coding *c);

/* coding_memory_get() and coding_memory_put() as libraries call them. */
void *coding_take(void *memory, size_t n);
void coding_give_back(void *memory, void *p);

#endif
