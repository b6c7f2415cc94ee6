/* call.h - what one request asks for: which operation of which model, in which conversation, with how many
 * messages and files, which field holds the user's words, and who says what.
 *
 * How requests of a shape are read is data of the catalogue (config/wire.h).  Fields are told as they come;
 * nothing is looked at byte by byte but the few texts that are kept. */
#ifndef CLASSIFY_CALL_H
#define CLASSIFY_CALL_H

#include "classify/http/message.h"
#include "config/catalogue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CALL_TEXT_MAX     256  /* of a text that is kept; a longer one is none of these */
#define CALL_PATH_MAX     160  /* of a field path; a longer one holds no words */
#define CALL_MESSAGES_MAX 2048 /* of which the role is remembered when it stands behind the text */

struct call_text {
	size_t n;     /* 0: none; more than CALL_TEXT_MAX: too long to be one */
	uint8_t rank; /* of the field that it came from */
	char text[CALL_TEXT_MAX];
};

struct call_path {
	size_t n; /* 0: none */
	char text[CALL_PATH_MAX];
};

/* Members not named here are call.c's own. */
struct call {
	const struct wire_shape *shape; /* by which it is read */
	const char *named;              /* the shape's id where it is sure, else NULL */
	const char *operation;          /* as the catalogue calls the request, "" when it does not know */
	struct call_text take[TAKES];   /* by enum wire_take; unmasked */
	struct call_path words; /* of the newest words of the user; `[]' where several fields hold them */
	uint32_t messages, files;
	uint64_t thread; /* the same for every request that begins with the same words of the user; 0: none */

	struct wire_place place; /* of the field that is being read */
	uint32_t mark;
	struct {
		const struct wire_node *list;
		uint32_t at[WIRE_INDEXES];
		uint8_t n_at;
		bool roled;
		uint8_t speaker;
		uint32_t number; /* in the order of the body */
		struct call_path words;
		uint64_t begins; /* hash of its words so far */
		size_t hashed;
	} message;
	struct wire_place file; /* the newest file's: several fields of one count once */
	bool words_last;        /* the current words are those of a list, so newer ones replace them */
	uint8_t words_rank;
	bool role_next, take_next, file_next, hash_next;
	char value[32]; /* of a role or of a field that may stand for a file */
	size_t value_n;
	struct call_path guess,
	        field; /* the longest text of a request that nobody knows; the current field */
	size_t guess_n, field_n;
	bool guess_known, field_known, field_wordy, guessing;
	uint8_t speaker[CALL_MESSAGES_MAX]; /* by number; begun with the message */
};

/* A message of a WebSocket, or the handshake for one (RFC 6455 4.1, RFC 8441 4). */
bool call_is_websocket(const struct message *m);
/* `s` NULL: a host that nobody knows, and `like` (may be NULL) the shape its path suggests. */
void call_head(struct call *q, const struct catalogue *c, const struct service *s, const char *like,
        const struct message *m);
/* A field begins, as struct text_sink tells it.  Returns what call_speaker() wants to know of it. */
uint32_t call_field(struct call *q, const char *path, size_t n);
void call_text(struct call *q, const uint8_t *p, size_t n);
void call_field_end(struct call *q, bool whole);
/* A file beside the fields: a part of a multipart body. */
void call_file(struct call *q);
/* The body has ended. */
void call_end(struct call *q);
/* Who said the text of a field; known for sure once the body has ended. */
enum speaker call_speaker(const struct call *q, uint32_t mark);
/* What is asked for: what the body names, else what the catalogue calls the request. */
struct slice call_operation(const struct call *q);

#endif
