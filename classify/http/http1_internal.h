/* http1_internal.h - what http1.c (framing, both directions) and http1_head.c (one head) share. */
#ifndef CLASSIFY_HTTP_HTTP1_INTERNAL_H
#define CLASSIFY_HTTP_HTTP1_INTERNAL_H

#include "classify/http/message.h"

#include <stddef.h>

#define HTTP1_LINE_HELD    256 /* of a line that may be a head's first, when the feed ends within it */
#define HTTP1_CODINGS_MAX  256 /* of a list of codings that stood in several fields */
#define HTTP1_TRANSFER_MAX 4   /* Transfer-Encoding fields of one head; more are ignored but for `chunked' */

/* How a message's body ends (RFC 9112 6.3). */
enum http1_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* What a response's framing depends on: the request it answers. */
enum http1_asked { ASKED_OTHER, ASKED_HEAD, ASKED_CONNECT };

/* Requests that wait for their answer; those that do not fit are taken for plain ones. */
#define HTTP1_ASKED_MAX 64
struct http1_queue {
	uint8_t asked[HTTP1_ASKED_MAX]; /* enum http1_asked; a ring */
	unsigned first, n;
	uint64_t more; /* beyond the ring */
};
void http1_asked_push(struct http1_queue *q, enum http1_asked a);
enum http1_asked http1_asked_pop(struct http1_queue *q);
/* After a loss nobody knows which answer is whose. */
void http1_asked_clear(struct http1_queue *q);

/* What the framing needs of a head beyond the message's fields. */
struct http1_head {
	bool chunked;
	bool expect; /* Expect: 100-continue */
	bool connection_upgrade;
	bool length_conflict; /* several Content-Length that differ, or one that is no number */
	struct slice upgrade; /* value of the Upgrade field */
	struct slice transfer[HTTP1_TRANSFER_MAX];
	unsigned n_transfer;
	char *codings; /* HTTP1_CODINGS_MAX bytes of the caller's */
};

/* Reads the head in buf (first line to last header line; line ends and folds are rewritten in place) into m
 * and h, of which the caller sets `codings`.  false: the first line is neither a request nor a status line.
 */
bool http1_head_read(char *buf, size_t len, struct header *headers, struct message *m, struct http1_head *h);

/* A field behind the body, from its line without the line's end. */
struct header http1_trailer(struct slice line);
/* A line (n bytes at its start, perhaps its end too) judged when in search of a head: 1 it is a request or
 * status line, 0 it is not, -1 more bytes are needed.  Stricter than http1_probe: the whole line must fit. */
int http1_line_judge(const uint8_t *p, size_t n);
/* Does the line look like a header field, "token:"? */
bool http1_line_is_field(const uint8_t *p, size_t n);

#endif
