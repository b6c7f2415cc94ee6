/* nest.h - what stands inside what, in one body: a document in a part of a form, JSON in a string of JSON,
 * text in a ZIP in base64.
 *
 * A reader is a push parser of one format.  It is fed bytes, hands text to the emitter (emit.h), and opens a
 * part for whatever has a format of its own; the part's first bytes decide how it is read in turn (formats.c
 * has the table).  Parts nest like brackets, and fields follow one another, they do not interleave: a reader
 * that has a field open ends it (emit_end) before it begins a part, and ends the part before it names a field
 * of its own.
 *
 * On its way to a part's reader a byte passes: transfer encoding (base64, quoted-printable) -> content
 * codings (gzip, ...) -> charset (UTF-16, UTF-32, ISO-8859-1 become UTF-8, for readers of characters).
 *
 * Memory: each reader's state, and what it takes with nest_alloc(), comes from the body's own rooms and goes
 * with its part.  Nothing grows with the length of a body. */
#ifndef CLASSIFY_CONTENT_NEST_H
#define CLASSIFY_CONTENT_NEST_H

#include "classify/content/content.h"
#include "classify/content/emit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NEST_DEPTH_MAX 12  /* parts inside parts; what lies deeper is text.  Settings may allow less */
#define NEST_SNIFF     64  /* bytes by which nearly every format is recognized */
#define NEST_SNIFF_MAX 512 /* at most so many are waited for, when a probe asks for them */
/* Parts of one body, and one more for each so many bytes of it as it was sent: streams of messages go on for
 * hours, what unfolds from little does not.  More are not read, and it is said. */
#define NEST_PARTS_MAX  100000u
#define NEST_PART_BYTES 8
#define NEST_NAME_MAX   512        /* of a hint's type, name and codings each: more is cut */
#define NEST_ALLOC_MAX  65536      /* the largest piece nest_alloc() gives */
#define NEST_BODY_MAX   (1u << 20) /* memory of one body in all, decoders not counted */

struct nest; /* of one body */

/* What the sender says of a part; all may be empty.  Copied by part_begin(). */
struct part_hint {
	struct slice type;            /* media type with its parameters */
	struct slice name;            /* file name: told as a file when not empty */
	struct slice transfer;        /* as in Content-Transfer-Encoding; undone first */
	struct slice codings;         /* as in Content-Encoding: undone before the part is read */
	struct slice message_codings; /* of each message in an envelope (grpc-encoding) */
	bool text; /* it is text: no format is looked for but what text may hold (JSON, base64, data:) */
};

/* One format. */
struct reader_ops {
	const char *name; /* "zip", "pdf", ... */
	size_t state_size;
	bool chars; /* reads characters: probed and fed as UTF-8 where the charset is known, else raw bytes */
	/* May a part that begins like this be of the format?  1 yes, 0 no, -1 more bytes would tell.  Asked
	 * with no bytes (hint only: 1 opens it at once), with NEST_SNIFF or all there are, and after a -1
	 * with NEST_SNIFF_MAX or all there are.  NULL: only by its parent's word. */
	int (*probe)(const uint8_t *p, size_t n, const struct part_hint *hint);
	/* `state` is zeroed.  `in` names what is read, `hint` is what was said of it; both live as long as
	 * the part.  false: no memory. */
	bool (*open)(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint);
	void (*feed)(void *state, struct nest *t, const uint8_t *p, size_t n); /* n > 0 */
	void (*gap)(void *state, struct nest *t, uint64_t n); /* n bytes are missing, 0: unknown how many */
	/* Of the part: hands out what is pending; after a limit too.  Parts still open are ended behind it.
	 */
	void (*end)(void *state, struct nest *t);
};

struct emit *nest_emit(struct nest *t);
const struct content_limits *nest_limits(const struct nest *t);
/* Bits of enum content_skip, told with the body. */
void nest_skip(struct nest *t, unsigned why);
/* Nothing more of this body is wanted (limits): readers stop early. */
bool nest_over(const struct nest *t);
/* A reader that undoes compression itself says how much came out, before it gives it on; false (and
 * nest_over) when body_limit is used up.  Parts with `codings` are counted already. */
bool nest_charge(struct nest *t, size_t n);
/* The same for what goes into another filter first: it counts against the ratio alone. */
bool nest_weigh(struct nest *t, size_t n);
/* From the memory of the newest part, aligned to 16, contents undefined; NULL: none left, or more than
 * NEST_ALLOC_MAX (CONTENT_LIMIT was noted).  A reader that has a part open takes none. */
void *nest_alloc(struct nest *t, size_t n);

/* A part inside the one whose reader is running.  false: too deep, too many or no memory; noted, and the
 * caller feeds nothing.  `in` is copied.  One at a time: the part before it has been ended. */
bool part_begin(struct nest *t, const struct prefix *in, const struct part_hint *hint);
/* The same, for a format that the parent knows. */
bool part_begin_as(
        struct nest *t, const struct reader_ops *ops, const struct prefix *in, const struct part_hint *hint);
/* These mean the part that the running reader began; readers inside it feed theirs. */
void part_feed(struct nest *t, const uint8_t *p, size_t n);
void part_gap(struct nest *t, uint64_t n);
void part_end(struct nest *t);

#endif
