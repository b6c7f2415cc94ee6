/* trim.c - see trim.h.  A run is three exchanges at most, each of all commands at once:
 *
 *	look	MULTI; for each stream XINFO STREAM, XINFO GROUPS and, where it is bounded, XTRIM MAXLEN and
 *		XINFO STREAM again; EXEC
 *	ask	for groups that are behind: XPENDING, and XRANGE for what is old and not read
 *	trim	MULTI; XTRIM MINID up to the oldest entry that anybody still needs; EXEC
 *
 * The transactions stand inside of the fence (publish.h), so that our own trims are no change by somebody
 * else.  What the look says of the groups holds at the moment of the trim: what goes there is ours, what went
 * between two looks is not, and what is read and acknowledged meanwhile lies behind it.  After a trim the
 * server's `lag` and `max-deleted-entry-id` say nothing (Redis 7.0), only that a group was delivered less
 * than what is gone. */
#include "alerts/trim_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIM_EVERY_NS (10 * NS_PER_S)
#define SOON_NS       (200 * NS_PER_MS) /* after the keys were looked at anew */
#define MORE          5000 /* so many at once: there is more to trim; a server trims 10,000 at most */
#define MORE_NS       (50 * NS_PER_MS)
#define FORBIDDEN_NS  (60 * NS_PER_S)   /* until what is not permitted is tried again */
#define UNASKED_NS    (3600 * NS_PER_S) /* the same where nothing is to be trimmed */
#define MS_PER_HOUR   3600000ull
#define BROKEN_MOST   3 /* looks that break the connection: an answer is too long */
#define RUN_NOTES     2

static const struct stream_id no_id = {0, 0};

struct trim *trim_create(struct publisher *p, const struct settings *s, unsigned every_ms)
{
	struct trim *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->p = p;
	t->s = s;
	t->every_ns = every_ms ? every_ms * NS_PER_MS : TRIM_EVERY_NS;
	t->reader = log_reader_create(p->log);
	for (unsigned i = 0; i < STREAMS; i++)
		snprintf(t->key[i].key, sizeof(t->key[i].key), "%s", p->key_stream[i]);
	snprintf(t->key[TRIM_MARKS].key, sizeof(t->key[TRIM_MARKS].key), "leaktap:{%.80s}:marks", p->sensor);
	snprintf(t->most, sizeof(t->most), "%u", s->alerts.streams_max_entries);
	if (!t->reader) {
		free(t);
		return NULL;
	}
	return t;
}

void trim_destroy(struct trim *t)
{
	if (t)
		log_reader_destroy(t->reader);
	free(t);
}

unsigned trim_wait_ms(const struct trim *t)
{
	int64_t left = t->due_ns - clock_mono_ns();

	return left > 0 ? (unsigned)(left / NS_PER_MS) + 1 : 0;
}

void trim_anew(struct trim *t)
{
	int64_t soon = t->ran_ns + SOON_NS;

	if (t->broken)
		return; /* not the first thing on the next connection, too */
	t->due_ns = t->due_ns < soon ? t->due_ns : soon;
}

/* ---- commands --------------------------------------------------------------------------------------------
 */

static bool permitted(const struct trim *t, enum trim_command c)
{
	return clock_mono_ns() >= t->forbidden_until_ns[c];
}

static struct trim_question *add(
        struct trim *t, enum trim_command c, struct trim_key *k, struct trim_group *g)
{
	struct trim_question *q = &t->question[t->n++];

	q->command = c;
	q->k = k;
	q->g = g;
	q->gone = q->after = false;
	return q;
}

#define COMMAND(t, ...) ((t)->command[(t)->n - 1] = (struct beside){{__VA_ARGS__, NULL}})

/* What a refusal is about: XTRIM is permitted or not, while MINID is known to servers from 6.2 on.  Delivery
 * needs no marks, and a user may have the other keys alone. */
static enum trim_command subject_of(const struct trim *t, const struct trim_question *q, const redisReply *r)
{
	bool no_permission = !strncmp(r->str, "NOPERM", 6);
	bool of_key = (no_permission && strstr(r->str, " keys ")) || !strncmp(r->str, "WRONGTYPE", 9);

	if (of_key && q->k == t->key + TRIM_MARKS)
		return TRIM_OF_MARKS;
	return q->command == TRIM_MINID && no_permission ? TRIM_XTRIM : q->command;
}

/* What the server says to a command.  False: an error; what is not permitted, or not known to this server, is
 * not tried again for a while. */
static bool good(struct trim *t, const struct trim_question *q, const redisReply *r)
{
	int64_t now = clock_mono_ns();
	enum trim_command c;

	if (!r)
		return false;
	if (r->type != REDIS_REPLY_ERROR) {
		t->forbidden_told[q->command == TRIM_MINID ? TRIM_XTRIM : q->command] = false;
		return true;
	}
	c = subject_of(t, q, r);
	if (c != TRIM_OF_MARKS && strncmp(r->str, "NOPERM", 6) && strncmp(r->str, "ERR unknown", 11) &&
	        strncmp(r->str, "ERR Unknown", 11) && strncmp(r->str, "ERR syntax", 10))
		return false;
	t->due_ns = now + SOON_NS; /* without it; records that wait go first */
	t->forbidden_until_ns[c] = now + (trim_asked(t) ? FORBIDDEN_NS : UNASKED_NS);
	trim_tell_forbidden(t, c, r->str);
	return false;
}

/* ---- look ------------------------------------------------------------------------------------------------
 */

/* What is known of a group goes on with it. */
static void carry_over(struct trim_group *to, const struct trim_key *k)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct trim_group *old = &k->group[i];

		if (old->hash != to->hash)
			continue;
		to->known = k->known;
		to->was = stream_id_cmp(&old->was, &old->delivered) > 0 ? old->was : old->delivered;
		if (!k->known)
			to->was = to->delivered;
		to->loss = old->loss;
		to->dead = old->dead;
		to->dead_ns = old->dead_ns;
		to->ahead = old->ahead;
	}
}

static bool has(const struct trim_group *g, size_t n, uint64_t hash)
{
	for (size_t i = 0; i < n; i++)
		if (g[i].hash == hash)
			return true;
	return false;
}

/* The groups of a stream as XINFO GROUPS told them, `all` of them. */
static void take_groups(struct trim *t, struct trim_key *k, redisReply *const *told, size_t all)
{
	size_t n = 0;

	k->many = all > TRIM_GROUPS;
	for (size_t i = 0; i < all && n < TRIM_GROUPS; i++)
		if (trim_read_group(told[i], &t->scratch[n])) {
			carry_over(&t->scratch[n], k);
			n++;
		}
	for (size_t i = 0; i < k->n; i++)
		if (!has(t->scratch, n, k->group[i].hash))
			trim_tell_last(t, k, &k->group[i]);
	memcpy(k->group, t->scratch, n * sizeof(*k->group));
	k->n = n;
}

static void add_key(struct trim *t, struct trim_key *k, bool cap)
{
	add(t, TRIM_STREAM, k, NULL);
	COMMAND(t, "XINFO", "STREAM", k->key);
	if (permitted(t, TRIM_LIST)) {
		add(t, TRIM_LIST, k, NULL);
		COMMAND(t, "XINFO", "GROUPS", k->key);
	} else {
		take_groups(t, k, NULL, 0); /* where they stand is not known any more */
	}
	if (!cap)
		return;
	add(t, TRIM_XTRIM, k, NULL);
	COMMAND(t, "XTRIM", k->key, "MAXLEN", "~", t->most);
	add(t, TRIM_STREAM, k, NULL)->after = true;
	COMMAND(t, "XINFO", "STREAM", k->key);
}

/* Whether anything may be trimmed by it. */
static bool add_look(struct trim *t)
{
	bool cap = t->s->alerts.streams_max_entries && permitted(t, TRIM_XTRIM);

	t->n = 0;
	for (struct trim_key *k = t->key; k < t->key + TRIM_KEYS; k++) {
		k->looked = false;
		if (k == t->key + TRIM_MARKS &&
		        (!t->s->alerts.streams_retention_h || !permitted(t, TRIM_OF_MARKS))) {
			k->now.there = false;
			k->now.length = k->n = 0;
			break;
		}
		k->looked = true;
		add_key(t, k, cap && k != t->key + TRIM_MARKS);
	}
	return cap;
}

static void read_place(const redisReply *r, const struct trim_place *was, struct trim_place *is)
{
	trim_read_stream(r, is);
	if (!is->last_ordinal && !stream_id_cmp(&is->last, &was->last))
		is->last_ordinal = was->last_ordinal; /* it has become empty */
}

/* A stream that ends before it did is another one: emptied, rolled back, put back from a backup. */
static void take_stream(struct trim_key *k, bool after, const redisReply *r)
{
	if (after) {
		read_place(r, &k->middle, &k->now);
		return;
	}
	read_place(r, &k->before, &k->middle);
	k->now = k->middle;
	if (!k->now.there || stream_id_cmp(&k->now.last, &k->before.last) < 0)
		k->known = false;
}

static void take_look(struct trim *t, const struct trim_question *q, const redisReply *r)
{
	if (q->command == TRIM_XTRIM && r->type == REDIS_REPLY_INTEGER && r->integer > 0) {
		count_add(&t->p->out->trimmed, (uint64_t)r->integer);
		if (r->integer >= MORE)
			t->due_ns = clock_mono_ns() + MORE_NS;
	} else if (q->command == TRIM_STREAM) {
		take_stream(q->k, q->after, r);
	} else if (q->command == TRIM_LIST) {
		take_groups(t, q->k, r->element, reply_is_array(r, 0) ? r->elements : 0);
	}
}

/* A list of some 10,000s of groups is longer than any answer that is read.  Delivery needs no list. */
static void look_broke(struct trim *t, const struct err *e)
{
	if (++t->broken < BROKEN_MOST)
		return;
	t->broken = 0;
	t->forbidden_until_ns[TRIM_LIST] = clock_mono_ns() + UNASKED_NS;
	trim_tell_forbidden(t, TRIM_LIST, e->text);
}

/* *all: every command was answered, as far as its stream is there. */
static enum resp_class look(struct trim *t, bool *all, struct err *e)
{
	bool cap = add_look(t);
	enum resp_class class = beside_transact(t->p, t->command, t->n, t->reply, e);

	*all = class == RESP_OK;
	for (size_t i = 0; class == RESP_OK && i < t->n; i++) {
		const struct trim_question *q = &t->question[i];
		const redisReply *r = t->reply[i];
		bool is_good = good(t, q, r);

		if (!is_good && q->command != TRIM_XTRIM && reply_is_error(r) &&
		        !strncmp(r->str, "ERR no such key", 15))
			is_good = true;
		*all &= is_good;
		q->k->looked &= is_good;
		if (is_good)
			take_look(t, q, r);
	}
	for (struct trim_key *k = t->key; k < t->key + TRIM_KEYS; k++) {
		if (class != RESP_OK)
			k->perhaps |= cap;
		else if (k->looked)
			trim_account(t, k);
	}
	beside_free(t->reply, t->n);
	return class;
}

/* ---- ask -------------------------------------------------------------------------------------------------
 */

static void add_pending(struct trim *t, struct trim_key *k, struct trim_group *g)
{
	struct trim_question *q;

	g->unsure = g->pending > 0;
	if (g->pending && g->odd) { /* it may be any of them */
		g->unsure = false;
		g->oldest = k->now.first;
		return;
	}
	if (!g->pending || !permitted(t, TRIM_XPENDING))
		return;
	q = add(t, TRIM_XPENDING, k, g);
	COMMAND(t, "XPENDING", k->key, g->name, stream_id_text(k->now.first, q->from), "+", "1");
	if (stream_id_cmp(&k->now.first, &k->unasked) <= 0)
		return;
	q = add(t, TRIM_XPENDING, k, g);
	q->gone = true;
	COMMAND(t, "XPENDING", k->key, g->name, stream_id_text(k->unasked, q->from),
	        stream_id_text(stream_id_before(k->now.first), q->to), "1000");
}

/* The oldest entry that a group has not read, where that is too old, and from where on entries are not. */
static bool add_held(struct trim *t, struct trim_key *k, struct trim_group *g)
{
	struct stream_id from = stream_id_next(g->delivered);
	struct trim_question *q;

	if (!k->now.length || stream_id_cmp(&g->delivered, &k->now.last) >= 0 ||
	        stream_id_cmp(&from, &t->cutoff) >= 0 || !permitted(t, TRIM_XRANGE))
		return false;
	q = add(t, TRIM_XRANGE, k, g);
	COMMAND(t, "XRANGE", k->key, stream_id_text(from, q->from),
	        stream_id_text(stream_id_before(t->cutoff), q->to), "COUNT", "1");
	return true;
}

static void add_questions(struct trim *t)
{
	t->n = 0;
	for (struct trim_key *k = t->key; k < t->key + TRIM_KEYS; k++) {
		bool held = false;

		k->young = 0;
		for (struct trim_group *g = k->group; k->now.there && g < k->group + k->n; g++) {
			add_pending(t, k, g);
			held |= add_held(t, k, g) || g->pending;
		}
		if (held && t->cutoff.ms && permitted(t, TRIM_XRANGE)) {
			struct trim_question *q = add(t, TRIM_XRANGE, k, NULL);

			COMMAND(t, "XRANGE", k->key, stream_id_text(t->cutoff, q->from), "+", "COUNT", "1");
		}
	}
}

static void take_gone(const struct trim_key *k, struct trim_group *g, const redisReply *r)
{
	struct stream_id id;

	g->gone = reply_is_array(r, 0) ? (uint64_t)r->elements : 0;
	g->gone_by = 0;
	for (size_t i = 0; i < g->gone; i++) {
		bool now = trim_read_pending(r, i, &id) && stream_id_cmp(&id, &k->middle.first) >= 0;

		g->gone_by |= now ? TRIM_BY_US : k->between_by;
	}
}

static void take_answer(const struct trim_question *q, const redisReply *r)
{
	struct stream_id id;
	uint64_t ordinal;

	if (q->command == TRIM_XPENDING && q->gone) {
		take_gone(q->k, q->g, r);
	} else if (q->command == TRIM_XPENDING) {
		q->g->unsure = false;
		if (trim_read_pending(r, 0, &id))
			q->g->oldest = id;
	} else if (trim_read_entry(r, &id, &ordinal)) {
		if (q->g) {
			q->g->held = id;
			q->g->held_ordinal = ordinal;
		} else {
			q->k->young = ordinal;
		}
	}
}

static enum resp_class ask(struct trim *t, struct err *e)
{
	enum resp_class class;

	add_questions(t);
	class = beside_ask(t->p, t->command, t->n, t->reply, e);
	for (size_t i = 0; class == RESP_OK && i < t->n; i++)
		if (good(t, &t->question[i], t->reply[i]))
			take_answer(&t->question[i], t->reply[i]);
	beside_free(t->reply, t->n);
	return class;
}

/* ---- trim ------------------------------------------------------------------------------------------------
 */

/* Entries before this one are old, and every group has read and acknowledged them; 0-0: it cannot be said. */
static struct stream_id floor_of(const struct trim *t, const struct trim_key *k)
{
	struct stream_id least = t->cutoff;

	for (const struct trim_group *g = k->group; g < k->group + k->n; g++) {
		if (g->unsure)
			return no_id;
		least = stream_id_cmp(&g->delivered, &least) < 0 ? g->delivered : least;
		least = stream_id_cmp(&g->oldest, &least) < 0 ? g->oldest : least;
	}
	return k->many ? no_id : least;
}

static enum resp_class trim_old(struct trim *t, struct err *e)
{
	enum resp_class class;

	t->n = 0;
	for (struct trim_key *k = t->key; k < t->key + TRIM_KEYS && permitted(t, TRIM_XTRIM); k++) {
		struct stream_id upto = floor_of(t, k);
		struct trim_question *q;

		if (!k->now.length || stream_id_cmp(&upto, &k->now.first) <= 0 || !permitted(t, TRIM_MINID))
			continue;
		q = add(t, TRIM_MINID, k, NULL);
		COMMAND(t, "XTRIM", k->key, "MINID", "~", stream_id_text(upto, q->from));
	}
	if (!t->n)
		return RESP_OK;
	class = beside_transact(t->p, t->command, t->n, t->reply, e);
	for (size_t i = 0; class == RESP_OK && i < t->n; i++) {
		if (!good(t, &t->question[i], t->reply[i]) || t->reply[i]->type != REDIS_REPLY_INTEGER)
			continue;
		count_add(&t->p->out->trimmed, (uint64_t)t->reply[i]->integer);
		if (t->reply[i]->integer >= MORE)
			t->due_ns = clock_mono_ns() + MORE_NS;
	}
	beside_free(t->reply, t->n);
	return class;
}

static struct stream_id cutoff(const struct trim *t)
{
	uint64_t now_ms = (uint64_t)(clock_wall_ns() / NS_PER_MS),
	         keep_ms = t->s->alerts.streams_retention_h * MS_PER_HOUR;

	return keep_ms && now_ms > keep_ms ? (struct stream_id){now_ms - keep_ms, 0} : no_id;
}

enum resp_class trim_run(struct trim *t, struct err *e)
{
	enum resp_class class;
	size_t room;
	bool all;

	t->ran_ns = clock_mono_ns();
	t->due_ns = t->ran_ns + t->every_ns;
	room = output_note_room(t->p->out);
	t->notes = room < RUN_NOTES ? (unsigned)room : RUN_NOTES;
	t->more = false;
	if (!trim_asked(t) && !permitted(t, TRIM_LIST))
		return RESP_OK;
	t->cutoff = cutoff(t);
	class = look(t, &all, e);
	if (class == RESP_MOVE)
		look_broke(t, e);
	else
		t->broken = 0;
	if (class != RESP_OK || !all)
		return class;
	class = ask(t, e);
	if (class != RESP_OK)
		return class;
	trim_tell(t);
	for (struct trim_key *k = t->key; k < t->key + TRIM_KEYS; k++)
		k->unasked = k->now.first;
	if (t->more && t->due_ns > t->ran_ns + SOON_NS)
		t->due_ns = t->ran_ns + SOON_NS;
	/* who reads is not known: nothing goes by age */
	return t->cutoff.ms && permitted(t, TRIM_LIST) ? trim_old(t, e) : RESP_OK;
}
