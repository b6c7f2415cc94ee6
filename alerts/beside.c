/* beside.c - see beside.h. */
#include "alerts/beside.h"

#include <stdio.h>
#include <string.h>

void beside_free(redisReply **reply, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (reply[i])
			freeReplyObject(reply[i]);
		reply[i] = NULL;
	}
}

/* What stands in the buffer goes out with its own batch. */
static enum resp_class send(struct publisher *p, const struct beside *c, size_t n, bool fenced, struct err *e)
{
	struct resp_unsent unsent = resp_put_aside(&p->conn);
	enum resp_class class = RESP_OK;
	int bad = fenced ? resp_add_words(&p->conn, (const char *[]){"MULTI", NULL}) : 0;

	for (size_t i = 0; i < n; i++)
		bad |= resp_add_words(&p->conn, c[i].words);
	if (fenced) {
		bad |= resp_add_words(&p->conn, (const char *[]){"EXEC", NULL});
		bad |= publish_add_fence(p);
	}
	if (bad)
		class = publish_no_memory(e);
	else if (resp_send(&p->conn, publish_deadline(), e) < 0)
		class = RESP_MOVE;
	resp_take_back(&p->conn, &unsent);
	return class;
}

enum resp_class beside_ask(
        struct publisher *p, const struct beside *c, size_t n, redisReply **reply, struct err *e)
{
	for (size_t i = 0; i < n; i++)
		reply[i] = NULL;
	if (n && send(p, c, n, false, e) != RESP_OK)
		return RESP_MOVE;
	for (size_t i = 0; i < n; i++) {
		reply[i] = resp_read(&p->conn, publish_deadline(), e);
		if (!reply[i]) {
			beside_free(reply, n);
			return RESP_MOVE;
		}
	}
	return RESP_OK;
}

/* The replies to MULTI and to the queueing of each command: only errors are of interest. */
static enum resp_class read_queueing(struct publisher *p, size_t n, redisReply **reply, struct err *e)
{
	for (size_t i = 0; i <= n; i++) {
		redisReply *r = resp_read(&p->conn, publish_deadline(), e);

		if (!r)
			return RESP_MOVE;
		if (i && reply_is_error(r))
			reply[i - 1] = r;
		else
			freeReplyObject(r);
	}
	return RESP_OK;
}

static enum resp_class read_exec(struct publisher *p, size_t n, redisReply **reply, struct err *e)
{
	redisReply *r = resp_read(&p->conn, publish_deadline(), e);
	enum resp_class class = RESP_OK;

	if (!r)
		return RESP_MOVE;
	if (r->type == REDIS_REPLY_NIL) {
		err_set(e, "somebody else changed the keys of this sensor");
		class = RESP_AGAIN;
	} else if (r->type == REDIS_REPLY_ARRAY && (size_t)r->elements == n) {
		for (size_t i = 0; i < n; i++) {
			if (reply[i])
				freeReplyObject(reply[i]);
			reply[i] = r->element[i];
			r->element[i] = NULL;
		}
	} else if (!reply_is_error(r)) {
		err_set(e, "EXEC did not answer one reply for each command");
		class = RESP_MOVE;
	}
	freeReplyObject(r);
	return class;
}

enum resp_class beside_transact(
        struct publisher *p, const struct beside *c, size_t n, redisReply **reply, struct err *e)
{
	enum resp_class class;

	for (size_t i = 0; i < n; i++)
		reply[i] = NULL;
	class = send(p, c, n, true, e);
	if (class == RESP_OK)
		class = read_queueing(p, n, reply, e);
	if (class == RESP_OK)
		class = read_exec(p, n, reply, e);
	if (class != RESP_MOVE)
		class = publish_worse(class, publish_read_fence(p, e));
	if (class != RESP_OK)
		beside_free(reply, n);
	return class;
}
