/* shape.h - does a request look like that of an AI API, whoever the host is?
 *
 * Evidence is added up from path, headers, names of top-level JSON members and, later, what the answer looks
 * like; no single one suffices but where it is unmistakable. */
#ifndef CLASSIFY_SHAPE_H
#define CLASSIFY_SHAPE_H

#include "classify/http/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHAPE_ANSWER_BYTES 512 /* of an answer that are looked at */
#define SHAPE_FIELD_MAX    64  /* a longer field path is none of the shapes' */
#define SHAPE_SURE         60  /* from here on a destination is suspected */

struct shape {
	const char *name; /* "openai-chat", "anthropic-messages", "ollama", "mcp-http", "a2a", ...; NULL: none
	                     yet */
	uint8_t sure;     /* 0..100 */
	uint32_t keys;    /* shape.c's own: members seen */
	uint32_t head;    /* shape.c's own: what path and headers told */
	uint8_t answer;   /* shape.c's own: what the response told */
};

void shape_head(struct shape *s, const struct message *m);
/* A member of the body: its path ("messages[0].role") and the first bytes of its text. */
void shape_field(struct shape *s, const char *path, size_t n);
void shape_text(struct shape *s, const char *path, size_t n, const uint8_t *p, size_t len);
/* The response's head, and the first bytes of its body. */
void shape_answer(struct shape *s, const struct message *m, const uint8_t *p, size_t n);
/* What its likely product or protocol is called ("Ollama", "an OpenAI-compatible API"); "" none. */
const char *shape_looks_like(const struct shape *s);
/* One clause: "path, body members and streamed answer are those of Ollama". */
const char *shape_evidence(const struct shape *s, char *buf, size_t cap);
/* Is this field one whose text shape_text() reads? */
bool shape_reads(const char *path, size_t n);
/* The first shape whose requests go to such a path; NULL: none. */
const char *shape_by_path(const struct shape *s);
/* Could these first bytes of an internal connection be such a request?  A cheap look at the request line. */
bool shape_probe(const uint8_t *p, size_t n);

#endif
