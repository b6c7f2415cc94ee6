/* nest.h - what stands inside what, in one body: a document in a part of a form, JSON in a string of JSON, text
 * in a ZIP in base64.
 *
 * A reader is a push parser of one format.  It is fed bytes, hands text to the emitter, and opens a part for
 * whatever has a format of its own; the part's first bytes decide how it is read in turn.  Parts nest like
 * brackets: the newest is fed and ended first, and fields follow one another, they do not interleave.  A
 * reader that has a field open ends it (emit_end) before it begins a part.
 *
 * Memory: each reader's state, and what it takes with nest_alloc(), comes from the body's own rooms and goes
 * with its part.  Nothing grows with the length of a body. */
#ifndef CLASSIFY_CONTENT_NEST_H
#define CLASSIFY_CONTENT_NEST_H

#include "classify/content/content.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEST_DEPTH_MAX 12      /* parts inside parts; settings may allow less */
#define NEST_SNIFF_MAX 64      /* bytes by which a format is recognized */
#define NEST_PARTS_MAX 100000u /* of one body: more are not read, and it is said */

struct nest; /* of one body */
struct emit; /* reader.h */
struct prefix;

/* What the sender says of a part; all may be empty. */
struct part_hint {
	struct slice type;    /* media type with its parameters */
	struct slice name;    /* file name: told as a file when not empty */
	struct slice codings; /* as in Content-Encoding: undone before the part is read */
	bool text;            /* a format is looked for only where text may hold one: JSON, base64, data: */
};

/* One format. */
struct reader_ops {
	const char *name; /* "zip", "pdf", ... */
	size_t state_size;
	/* May a part that begins like this be of the format?  1 yes, 0 no, -1 more bytes would tell.  NULL: only
	 * by media type or by its parent's word. */
	int (*probe)(const uint8_t *p, size_t n, const struct part_hint *hint);
	/* `state` is zeroed.  `in` names what is read, as long as the part; false: no memory. */
	bool (*open)(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint);
	void (*feed)(void *state, struct nest *t, const uint8_t *p, size_t n);
	void (*gap)(void *state, struct nest *t, uint64_t n); /* n bytes are missing, 0: unknown how many */
	void (*end)(void *state, struct nest *t); /* of the part: hands out what is pending; after a limit too */
};

struct emit *nest_emit(struct nest *t);
/* Bits of enum content_skip, told with the body. */
void nest_skip(struct nest *t, unsigned why);
/* Nothing more of this body is wanted (limits): readers stop early. */
bool nest_over(const struct nest *t);
/* From the memory of the part that is being read; NULL: none left (nest_skip(CONTENT_LIMIT) was noted). */
void *nest_alloc(struct nest *t, size_t n);

/* A part inside the one that is being read.  false: too deep, too many or no memory; noted, and the caller
 * feeds nothing.  `in` is copied. */
bool part_begin(struct nest *t, const struct prefix *in, const struct part_hint *hint);
/* The same, for a format that the parent knows. */
bool part_begin_as(struct nest *t, const struct reader_ops *ops, const struct prefix *in,
        const struct part_hint *hint);
void part_feed(struct nest *t, const uint8_t *p, size_t n);
void part_gap(struct nest *t, uint64_t n);
void part_end(struct nest *t);

/* A name behind a prefix: "part.invoice" + "word/document.xml" -> "part.invoice.word/document.xml". */
void prefix_add(struct prefix *out, const struct prefix *in, const char *name, size_t n);
/* The nth of its kind: "part" + 3 -> "part[3]". */
void prefix_add_index(struct prefix *out, const struct prefix *in, const char *name, uint32_t index);

#endif
