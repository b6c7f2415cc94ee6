/* resp.h - one connection to a Redis server: commands out, replies in (RESP2).  hiredis parses; formatting
 * and the bytes are ours (wire.h).  The only file that knows the differences between hiredis 0.14 and 1.x. */
#ifndef ALERTS_RESP_H
#define ALERTS_RESP_H

#include "alerts/wire.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>

#define RESP_REPLY_MAX    (32u << 20) /* bytes of one reply, unparsed */
#define RESP_ELEMENTS_MAX 65536u      /* of one array */

/* What an error means for what to do next. */
enum resp_class {
	RESP_OK,
	RESP_WAIT,   /* the server cannot just now: back off, keep the connection */
	RESP_MOVE,   /* wrong server or broken connection: drop it and look again */
	RESP_PERSON, /* somebody must change something: retry slowly, say so */
	RESP_ID,     /* the stream has an equal or greater ID */
	RESP_FORK,   /* what is there is not of our log: stop until somebody decides */
	RESP_AGAIN,  /* our keys were changed by somebody else: ask anew where the server stands */
};
enum resp_class resp_class_of(const char *error_text);

/* The parser alone, for replies from wherever. */
redisReader *resp_reader_create(void);

struct resp {
	struct wire *wire;
	redisReader *reader;
	char *out; /* commands not yet sent */
	size_t out_len, out_cap;
	size_t in_len; /* bytes fed since the last reply */
};

/* Connects, authenticates, selects the database, sets the client's name.  *class says what a failure means.
 */
int resp_open(struct resp *r, const struct redis_url *u, const struct wire_tls *tls, const char *name,
        int stop_fd, enum resp_class *class, struct err *e);
void resp_close(struct resp *r);

/* Adds a command to what will be sent; -1: no memory. */
int resp_add(struct resp *r, int argc, const char *const *argv, const size_t *len);
/* The same for NUL-terminated words, ended by NULL. */
int resp_add_words(struct resp *r, const char *const *words);
int resp_send(struct resp *r, int64_t deadline_ns, struct err *e);
/* Forgets commands that were added and not sent. */
void resp_forget(struct resp *r);
/* Commands that were added and not sent, kept while others go out before them: between the two calls the
 * connection has a buffer of its own for those, which must have been sent. */
struct resp_unsent {
	char *out;
	size_t len, cap;
};
struct resp_unsent resp_put_aside(struct resp *r);
void resp_take_back(struct resp *r, struct resp_unsent *u);
/* The next reply, to be freed with freeReplyObject(); NULL: the connection is dead and e says why.  Error
 * texts hold printable ASCII only. */
redisReply *resp_read(struct resp *r, int64_t deadline_ns, struct err *e);
/* One command and its reply. */
redisReply *resp_ask(struct resp *r, const char *const *words, int64_t deadline_ns, struct err *e);

#endif
