/* reply.c - see reply.h. */
#include "alerts/reply.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool number_parse(const char *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	if (!n || n > 20)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned)(p[i] - '0');

		if (d > 9 || v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	*out = v;
	return true;
}

bool stream_id_parse(const char *text, size_t n, struct stream_id *id)
{
	const char *dash = memchr(text, '-', n);

	return dash && number_parse(text, (size_t)(dash - text), &id->ms) &&
	       number_parse(dash + 1, n - (size_t)(dash + 1 - text), &id->seq);
}

struct stream_id stream_id_next(struct stream_id id)
{
	if (id.seq < UINT64_MAX)
		return (struct stream_id){id.ms, id.seq + 1};
	return id.ms < UINT64_MAX ? (struct stream_id){id.ms + 1, 0} : id;
}

struct stream_id stream_id_before(struct stream_id id)
{
	if (id.seq)
		return (struct stream_id){id.ms, id.seq - 1};
	return id.ms ? (struct stream_id){id.ms - 1, UINT64_MAX} : id;
}

const char *stream_id_text(struct stream_id id, char text[STREAM_ID_MAX])
{
	size_t n = number_text(id.ms, text);

	text[n++] = '-';
	number_text(id.seq, text + n);
	return text;
}

bool reply_is_string(const redisReply *r)
{
	return r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS);
}

bool reply_is_error(const redisReply *r)
{
	return r && r->type == REDIS_REPLY_ERROR;
}

bool reply_is_array(const redisReply *r, size_t least)
{
	return r && r->type == REDIS_REPLY_ARRAY && (size_t)r->elements >= least;
}

const redisReply *reply_field(const redisReply *r, const char *name)
{
	if (!reply_is_array(r, 0))
		return NULL;
	for (size_t i = 0; i + 1 < (size_t)r->elements; i += 2)
		if (reply_is_string(r->element[i]) && !strcmp(r->element[i]->str, name))
			return r->element[i + 1];
	return NULL;
}

bool reply_id(const redisReply *r, struct stream_id *id)
{
	return reply_is_string(r) && stream_id_parse(r->str, (size_t)r->len, id);
}

bool reply_number(const redisReply *r, uint64_t *n)
{
	if (r && r->type == REDIS_REPLY_INTEGER && r->integer >= 0) {
		*n = (uint64_t)r->integer;
		return true;
	}
	return reply_is_string(r) && number_parse(r->str, (size_t)r->len, n);
}
