/* wire.h - what the requests of a wire shape ask for, and where in them it stands (docs/catalogue.md,
 * Shapes).
 *
 * The field paths that a shape knows stand in a tree of steps.  The place of a field is found by walking down
 * it, so the cost depends on the path and not on how much is known.  Immutable after loading; any thread may
 * read. */
#ifndef CONFIG_WIRE_H
#define CONFIG_WIRE_H

#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who says something in a conversation. */
enum speaker {
	SPEAKER_UNKNOWN,
	SPEAKER_SYSTEM, /* instructions of whoever made the program, definitions of tools */
	SPEAKER_USER,
	SPEAKER_ASSISTANT, /* the model */
	SPEAKER_TOOL,      /* what a tool gave back: files that an agent read, results of searches */
	SPEAKERS
};
const char *speaker_name(enum speaker s); /* "" system user assistant tool */
/* By the words that vendors use ("developer", "model", "CHATBOT", "human"). */
enum speaker speaker_by_word(const char *p, size_t n);

/* Texts of a request that are kept. */
enum wire_take { TAKE_NONE, TAKE_OPERATION, TAKE_MODEL, TAKE_TOOL, TAKE_CONVERSATION, TAKE_ACCOUNT, TAKES };

enum wire_flag {
	WIRE_WORDS = 1,   /* words of the user */
	WIRE_MESSAGE = 2, /* one message, or for a step `[]' each of them */
	WIRE_ROLE = 4,    /* its text says who speaks in the message around it */
	WIRE_FILE = 8,    /* stands for a file */
	WIRE_DELTA = 16,  /* of answers: goes on from event to event */
	WIRE_CHOICE = 64, /* of answers: a number that says which of several texts goes on */
	WIRE_ROLED = 32,  /* with WIRE_MESSAGE: there is a WIRE_ROLE somewhere in it */
};

enum wire_step { STEP_MEMBER, STEP_ANY_MEMBER, STEP_ELEMENT, STEP_ANY_ELEMENT };

/* One step of a path and what is known of the field it ends at. */
struct wire_node {
	const char *name;                /* STEP_MEMBER */
	uint32_t element;                /* STEP_ELEMENT */
	uint16_t n;                      /* length of name */
	uint16_t child, next;            /* 0: none; named steps stand before `*' and `[]' */
	uint8_t step, flags, take, rank; /* rank: of fields that may all be it, the lower goes before */
	uint8_t speaker;                 /* of all that stands here and below */
	uint8_t n_values;
	const char *const *values; /* WIRE_FILE: only with one of these texts; none: always */
};

struct wire_request {
	const char *method, *path; /* method "WS": of a WebSocket */
	const char *operation;
};

#define WIRE_NODES_MAX  4096
#define WIRE_STEPS_MAX  16 /* in a path */
#define WIRE_VALUES_MAX 16

struct wire_shape {
	const char *id;
	bool copied; /* by many vendors: tried where none of a service's own shapes fits */
	const struct wire_request *requests;
	size_t n_requests;
	const struct wire_node *nodes; /* [0] is the root */
	size_t n_nodes;
	const struct wire_shape *base; /* asked for what this one does not know; NULL: none */
	const char *file;
	unsigned line;
};

#define WIRE_INDEXES 4 /* of a path that are remembered */

/* What is known of one field. */
struct wire_place {
	uint8_t flags, take, rank, speaker;
	uint8_t n_values;
	const char *const *values;
	const struct wire_node *message; /* the innermost that the field is in, NULL: none */
	bool roled;                      /* it has a role, or may have */
	bool element;                    /* it is one of a list: the last of its indices counts it */
	uint8_t n_at;                    /* indices of the message; of all the path n_index */
	uint8_t n_index;
	uint16_t n; /* bytes of the path up to what is described: below it stands what its text holds */
	uint32_t at[WIRE_INDEXES];
};

/* `path` as struct text_sink tells it.  False: nothing is known of it, and `out` is all zero. */
bool wire_place(const struct wire_shape *w, const char *path, size_t n, struct wire_place *out);

/* A placeholder of a request's path whose name is that of a take: {model}, {conversation}, ... */
struct wire_capture {
	enum wire_take take;
	struct slice text; /* as sent, percent-encoded */
};
#define WIRE_CAPTURES_MAX 4

/* Does a path fit a pattern, all of it but for a '/' at its end?  `*' is any run, {x} a run without '/'.
 * Looks at the first CATALOGUE_PATH_MAX bytes. */
bool wire_path_fits(
        const char *pattern, struct slice path, struct wire_capture out[WIRE_CAPTURES_MAX], unsigned *n_out);
/* The first of a shape's requests that this is one of; NULL: none. */
const struct wire_request *wire_request(const struct wire_shape *w, bool websocket, struct slice method,
        struct slice path, struct wire_capture out[WIRE_CAPTURES_MAX], unsigned *n_out);

const char *wire_take_name(enum wire_take t); /* operation model tool conversation account */

#endif
