/* answer.h - what comes back: bodies of answers to requests that were read, where inspect.responses asks for
 * it.
 *
 * Text that goes on from event to event (the catalogue's `deltas`) is joined for each choice, so that a value
 * that a model says in ten tokens is found.  An answer is expected from its request's head on, and given up
 * when its connection is no longer read; sooner where nothing of the server is captured (the mirror has one
 * direction): four of a connection at the most, and after five seconds when others need the room.
 *
 * What a server says in a WebSocket is one answer to the handshake, told message by message; text that goes
 * on is told once it has not gone on for five seconds, after a minute of it, or when the WebSocket ends. */
#ifndef CLASSIFY_ANSWER_H
#define CLASSIFY_ANSWER_H

#include "classify/reading.h"

#define ANSWER_STREAMS 5 /* of the detectors, that one answer takes at most */

struct pool *answer_pool_create(size_t n);

/* The answer to this request shall be read by this shape; where there is no room that is noted.  Of
 * a message in a WebSocket: what the server says in it, unless that is expected already. */
void answer_expect(struct reading *r, const struct message *request, const struct wire_shape *shape);
/* What is known of the request now; at its head and again at its end. */
void answer_asked(struct reading *r, const struct message *request, const struct facts *x,
        const struct request_facts *q);

/* Messages of the server, as struct sink tells them; those that nobody expects are passed over. */
void answer_head(struct reading *r, struct message *m);
void answer_feed(struct message *m, const uint8_t *p, size_t n);
void answer_gap(struct message *m, uint64_t n);
void answer_end(struct message *m, bool whole);
/* The WebSocket of this head is over. */
void answer_closed(struct reading *r, const struct message *head);
/* Answers that will not come any more. */
void answers_drop(struct reading *r);

#endif
