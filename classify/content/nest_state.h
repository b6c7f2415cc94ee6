/* nest_state.h - what nest.c keeps of one body; for it and content.c, which embeds it in a pool's block. */
#ifndef CLASSIFY_CONTENT_NEST_STATE_H
#define CLASSIFY_CONTENT_NEST_STATE_H

#include "base/pool.h"
#include "classify/content/reader.h"

#define NEST_ROOM_OWN   6144 /* in the body's own block: enough for one structure */
#define NEST_ROOM_SMALL 8192
#define NEST_ROOM_LARGE (NEST_ALLOC_MAX + 64)

/* Memory is taken off a room's end and given back in reverse; its bytes stand behind it. */
struct room {
	struct room *below;
	size_t size, used;
};

struct nest_mark {
	struct room *room;
	size_t used;
};

/* Where rooms come from, shared by the bodies of a worker; NULL: there are none but a body's own. */
struct nest_rooms {
	struct pool *small, *large;
	struct coding_memory *decoders;
};

struct part {
	struct part *outer, *inner;
	const struct reader_ops *ops; /* NULL: its first bytes are being gathered */
	void *state;
	struct nest_mark mark; /* its memory goes back to here */
	struct part_hint hint; /* copies, in its memory */
	struct prefix in;
	struct transfer transfer;
	struct coding *coding[CODINGS_MAX]; /* [0] was applied last */
	unsigned n_codings;
	bool dead;    /* nothing more of it is read */
	bool waits;   /* NEST_SNIFF bytes did not tell */
	bool flat;    /* too deep: text, whatever it may hold */
	uint8_t skip; /* of a byte order mark, yet to be passed over */
	struct charset charset;
	size_t n_sniff;
	uint8_t sniff[NEST_SNIFF_MAX];
};

struct nest {
	const struct content_limits *limits;
	const struct nest_rooms *rooms;
	struct part *first, *newest;
	struct part *running; /* whose reader runs; NULL: none, the body itself is fed */
	unsigned depth;
	uint32_t parts;
	bool over;
	bool head; /* no body: the limit counts what comes out of codings, and ends what stands inside */
	uint64_t received;         /* of the body as it was sent */
	uint64_t decoded, charged; /* the body's bytes without its codings; those of parts inside */
	uint64_t between;          /* that one coding or filter gave to the next */
	size_t memory;             /* of rooms taken */
	struct room *room;         /* the newest */
	struct emit emit;
	_Alignas(16) struct room own; /* its bytes stand behind it */
};

/* A body without parts.  `own`: bytes of the first room, behind the nest itself; what more is needed comes
 * from `rooms` (NULL: nothing more). */
void nest_init(struct nest *t, size_t own, const struct nest_rooms *rooms, const struct content_limits *l,
        const struct text_sink *out);
/* What came out of codings so far, of one into the next too. */
uint64_t nest_inflated(const struct nest *t);

#endif
