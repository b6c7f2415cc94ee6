/* trim_read.c - what the server answers about streams, groups and entries; see trim_internal.h. */
#include "alerts/trim_internal.h"

#include "base/hash.h"

#include <string.h>

/* [ID, [field, value, ...]] */
static bool read_entry(const redisReply *r, struct stream_id *id, uint64_t *ordinal)
{
	*ordinal = 0;
	if (!reply_is_array(r, 2) || !reply_id(r->element[0], id))
		return false;
	if (!reply_number(reply_field(r->element[1], "ordinal"), ordinal))
		*ordinal = 0;
	return true;
}

bool trim_read_stream(const redisReply *r, struct trim_place *s)
{
	struct stream_id id;

	*s = (struct trim_place){.there = false};
	if (!reply_id(reply_field(r, "last-generated-id"), &s->last) ||
	        !reply_number(reply_field(r, "length"), &s->length))
		return false;
	s->there = true;
	if (!s->length || !read_entry(reply_field(r, "first-entry"), &s->first, &s->first_ordinal)) {
		s->length = s->first_ordinal = 0;
		s->first = stream_id_next(s->last);
	}
	if (!read_entry(reply_field(r, "last-entry"), &id, &s->last_ordinal))
		s->last_ordinal = 0;
	return true;
}

bool trim_read_group(const redisReply *r, struct trim_group *g)
{
	const redisReply *name = reply_field(r, "name");

	*g = (struct trim_group){.oldest = {UINT64_MAX, UINT64_MAX}};
	if (!reply_is_string(name) || !reply_id(reply_field(r, "last-delivered-id"), &g->delivered) ||
	        !reply_number(reply_field(r, "pending"), &g->pending))
		return false;
	g->odd = name->len > TRIM_NAME || memchr(name->str, 0, (size_t)name->len);
	g->hash = hash64(name->str, (size_t)name->len, 0);
	for (size_t i = 0; i < (size_t)name->len && i < TRIM_NAME; i++)
		g->name[i] = name->str[i];
	return true;
}

bool trim_read_pending(const redisReply *r, size_t i, struct stream_id *id)
{
	return reply_is_array(r, i + 1) && reply_is_array(r->element[i], 1) &&
	       reply_id(r->element[i]->element[0], id);
}

bool trim_read_entry(const redisReply *r, struct stream_id *id, uint64_t *ordinal)
{
	*ordinal = 0;
	return reply_is_array(r, 1) && read_entry(r->element[0], id, ordinal);
}
