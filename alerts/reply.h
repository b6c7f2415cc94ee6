/* reply.h - reading what a Redis server answered.  Anything may stand there: what does not fit is not there.
 */
#ifndef ALERTS_REPLY_H
#define ALERTS_REPLY_H

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stream_id {
	uint64_t ms, seq;
};

static inline int stream_id_cmp(const struct stream_id *a, const struct stream_id *b)
{
	if (a->ms != b->ms)
		return a->ms < b->ms ? -1 : 1;
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}
bool stream_id_parse(const char *text, size_t n, struct stream_id *id);
/* The ID right behind, right before; the last and the first stay what they are. */
struct stream_id stream_id_next(struct stream_id id);
struct stream_id stream_id_before(struct stream_id id);
#define STREAM_ID_MAX 48
const char *stream_id_text(struct stream_id id, char text[STREAM_ID_MAX]);

/* A string or a status; NULL is fine in all of these. */
bool reply_is_string(const redisReply *r);
bool reply_is_error(const redisReply *r);
bool reply_is_array(const redisReply *r, size_t least);
/* The value behind `name` in an array of names and values; NULL: not there. */
const redisReply *reply_field(const redisReply *r, const char *name);
bool reply_id(const redisReply *r, struct stream_id *id);
/* An integer that is not negative, or a string of digits. */
bool reply_number(const redisReply *r, uint64_t *n);

#endif
