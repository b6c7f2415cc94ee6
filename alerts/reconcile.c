/* reconcile.c - where does the server stand?  Asked on every connection, after every error, and whenever
 * somebody else changed our keys.  The server's word counts, not what was acknowledged before: it may have
 * lost that (power, fail-over, restore), or have taken what it could not answer for.
 *
 *	head is a record of our log                      go on behind it: back or forward
 *	head is not, or lies behind our end              another log's: stop, somebody must decide
 *	no head, streams whose newest entry is ours      go on behind that
 *	no head, other entries                           somebody took the head away to let this log go on,
 *	                                                 where its IDs are above theirs (publish.c looks)
 *	nothing at all                                   from the beginning, as far as REWIND_* allow */
#include "alerts/publish.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- reading the server's answers ------------------------------------------------------------------------
 */

void publish_read_head(const redisReply *r, struct publish_head *h)
{
	const redisReply *hash = reply_field(r, "hash"), *index = reply_field(r, "index");

	*h = (struct publish_head){.there = r->type == REDIS_REPLY_ARRAY && r->elements > 0};
	if (!reply_id(reply_field(r, "id"), &h->id) || !reply_is_string(index) ||
	        !reply_number(index, &h->index))
		h->index = 0; /* there, and none of ours */
	if (reply_is_string(hash))
		snprintf(h->hash, sizeof(h->hash), "%s", hash->str);
}

bool publish_read_stream(const redisReply *r, struct stream_id *last, struct publish_head *newest)
{
	const redisReply *entry = reply_field(r, "last-entry"), *hash;

	*last = (struct stream_id){0, 0};
	*newest = (struct publish_head){.there = false};
	if (!reply_id(reply_field(r, "last-generated-id"), last))
		return false;
	if (!entry || entry->type != REDIS_REPLY_ARRAY || entry->elements != 2)
		return true;
	hash = reply_field(entry->element[1], "hash");
	newest->there = reply_id(entry->element[0], &newest->id);
	newest->index = newest->id.seq;
	if (reply_is_string(hash))
		snprintf(newest->hash, sizeof(newest->hash), "%s", hash->str);
	return true;
}

/* ---- asking ----------------------------------------------------------------------------------------------
 */

static enum resp_class worst_of(enum resp_class class, const redisReply *r, struct err *e)
{
	if (class == RESP_OK)
		err_set(e, "%.200s", r->str);
	return publish_worse(class, resp_class_of(r->str));
}

/* Who does not call itself a master. */
static enum resp_class no_master(const redisReply *role, struct err *e)
{
	if (reply_is_array(role, 1) && reply_is_string(role->element[0]) &&
	        !strcmp(role->element[0]->str, "sentinel")) {
		err_set(e, "that is a Sentinel, whose URL is redis+sentinel://HOST/MASTER");
		return RESP_PERSON;
	}
	err_set(e, "the server is a replica; records go to its master");
	return RESP_MOVE;
}

/* ROLE must say master, and MULTI must be permitted: without that permission the server would run the
 * commands of a batch one by one. */
static enum resp_class probe(struct publisher *p, struct err *e)
{
	static const char *const commands[][2] = {{"ROLE", NULL}, {"MULTI", NULL}, {"EXEC", NULL}};
	enum resp_class class = RESP_OK;

	for (unsigned i = 0; i < 3; i++)
		if (resp_add_words(&p->conn, commands[i]) < 0)
			return publish_no_memory(e);
	if (resp_send(&p->conn, publish_deadline(), e) < 0)
		return RESP_MOVE;
	for (unsigned i = 0; i < 3; i++) {
		redisReply *r = resp_read(&p->conn, publish_deadline(), e);

		if (!r)
			return RESP_MOVE;
		if (class == RESP_OK && r->type == REDIS_REPLY_ERROR) {
			class = resp_class_of(r->str);
			err_set(e, "%.200s", r->str);
		} else if (class == RESP_OK && !i &&
		           (r->type != REDIS_REPLY_ARRAY || r->elements < 1 ||
		                   !reply_is_string(r->element[0]) || strcmp(r->element[0]->str, "master"))) {
			class = no_master(r, e);
		}
		freeReplyObject(r);
	}
	return class;
}

#define REPLIES (FENCE_REPLIES + 1 + STREAMS + 1)

static int add_questions(struct publisher *p)
{
	int bad = publish_add_fence(p);

	bad |= resp_add_words(&p->conn, (const char *[]){"HGETALL", p->key_head, NULL});
	for (unsigned t = 0; t < STREAMS; t++)
		bad |= resp_add_words(&p->conn, (const char *[]){"XINFO", "STREAM", p->key_stream[t], NULL});
	return bad | resp_add_words(&p->conn, (const char *[]){"SADD", KEY_SENSORS, p->sensor, NULL});
}

static enum resp_class take_answer(
        unsigned i, const redisReply *r, struct server_place *s, enum resp_class class, struct err *e)
{
	bool no_such_key = r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "ERR no such key", 15);

	if (i == REPLIES - 1)
		return class; /* SADD is best effort */
	if (r->type == REDIS_REPLY_ERROR && !no_such_key)
		return worst_of(class, r, e);
	if (i == FENCE_REPLIES)
		publish_read_head(r, &s->head);
	else if (i > FENCE_REPLIES)
		publish_read_stream(r, &s->last[i - FENCE_REPLIES - 1], &s->newest[i - FENCE_REPLIES - 1]);
	return class;
}

static enum resp_class ask(struct publisher *p, struct server_place *s, struct err *e)
{
	enum resp_class class = RESP_OK;

	if (add_questions(p) < 0)
		return publish_no_memory(e);
	if (resp_send(&p->conn, publish_deadline(), e) < 0)
		return RESP_MOVE;
	for (unsigned i = 0; i < p->publishes + REPLIES; i++) {
		redisReply *r = resp_read(&p->conn, publish_deadline(), e);

		if (!r)
			return RESP_MOVE;
		if (i >= p->publishes) /* those of the batch before */
			class = take_answer(i - p->publishes, r, s, class, e);
		freeReplyObject(r);
	}
	p->publishes = 0;
	return class == RESP_ID ? RESP_MOVE : class;
}

/* ---- deciding --------------------------------------------------------------------------------------------
 */

static enum resp_class not_ours(struct publisher *p, const struct publish_head *h, struct err *e)
{
	err_set(e,
	        "the server holds records of another log under the name `%s' (up to index %" PRIu64
	        "; this log ends at %" PRIu64
	        "): give each sensor its own name, or, to let this log go on there, "
	        "delete the key %s",
	        p->sensor, h->index, log_last(p->log), p->key_head);
	return RESP_FORK;
}

/* A head from before what is kept: where this server stopped is remembered; anywhere else only its time can
 * be looked at.  As publish_holds(). */
static int may_be_ours(struct publisher *p, const struct publish_head *h, struct err *e)
{
	struct log_line first;
	char hash[65];
	ssize_t n;

	if (log_gone_hash(p->log, p->out->name, h->index, hash))
		return !strcmp(hash, h->hash);
	log_seek(p->reader, log_first(p->log));
	n = log_read(p->reader, &first, 1, 1, e);
	return n < 0 ? -1 : n == 1 && h->id.ms <= (uint64_t)first.logged_ms;
}

/* Index of the last record that the server has of ours.  A log that cannot be read now may be read later. */
static enum resp_class find_place(
        struct publisher *p, const struct server_place *s, uint64_t *place, struct err *e)
{
	const struct publish_head *h = &s->head;
	bool others = false;
	int ours;

	*place = h->index;
	if (h->there) {
		ours = h->index && h->index < log_first(p->log) ? may_be_ours(p, h, e)
		                                                : publish_holds(p, h->index, h->hash, e);
		return ours > 0 ? RESP_OK : ours < 0 ? RESP_WAIT : not_ours(p, h, e);
	}
	for (unsigned t = 0; t < STREAMS; t++) {
		const struct publish_head *n = &s->newest[t];

		others |= n->there;
		if (!n->there || n->index <= *place)
			continue;
		ours = publish_holds(p, n->index, n->hash, e);
		if (ours < 0)
			return RESP_WAIT;
		*place = ours ? n->index : *place;
	}
	if (!*place && others)
		*place = atomic_load(&p->cursor);
	return RESP_OK;
}

/* The first index to send when the server lost what it had. */
static uint64_t rewind_limit(struct publisher *p, uint64_t cursor)
{
	uint64_t by_count = cursor > REWIND_RECORDS ? cursor - REWIND_RECORDS + 1 : 1;
	uint64_t by_age = log_index_before(p->log, clock_wall_ns() / NS_PER_MS - REWIND_MS, 0) + 1;
	uint64_t limit = by_count > by_age ? by_count : by_age;

	return limit <= cursor ? limit : cursor + 1;
}

static void tell_gone(struct publisher *p, uint64_t first, uint64_t last)
{
	struct record_note n = {.type = RECORD_GAP, .reason = "server", .severity = SEVERITY_HIGH};

	snprintf(n.summary, sizeof(n.summary),
	        "%s lost %" PRIu64
	        " records that it had acknowledged, and this sensor keeps or sends them no more; "
	        "look for them in a backup of the server",
	        p->out->name, last - first + 1);
	record_note_count(&n, "lost_records", last - first + 1);
	record_note_count(&n, "first_index", first);
	record_note_count(&n, "last_index", last);
	output_note(p->out, &n);
}

/* Entries behind our head: this sensor did not write them. */
static void look_for_others(struct publisher *p, const struct server_place *s)
{
	struct record_note n = {.type = EVENT_SENSOR, .severity = SEVERITY_HIGH};
	bool others = false;

	for (unsigned t = 0; t < STREAMS && s->head.there; t++)
		others |= stream_id_cmp(&s->last[t], &s->head.id) > 0;
	if (!others || p->others_told) {
		p->others_told &= others;
		return;
	}
	p->others_told = true;
	log_warn("%s: somebody else writes into the streams of `%s'", p->out->name, p->sensor);
	snprintf(n.summary, sizeof(n.summary),
	        "Somebody else writes into the streams of this sensor on %.100s: they hold entries behind "
	        "its last "
	        "record; find out who, and give each writer its own keys",
	        p->out->name);
	output_note(p->out, &n);
}

/* A stream that was there is not, and the head says that nothing else is missing: somebody deleted it, or the
 * server evicts keys.  What stood there is not sent again, for nobody can tell the two apart. */
static void look_for_gone(struct publisher *p, const struct server_place *s, uint64_t place)
{
	bool rolled_back = !s->head.there || place < atomic_load(&p->cursor);

	for (unsigned t = 0; t < STREAMS; t++) {
		struct record_note n = {.type = EVENT_SENSOR, .severity = SEVERITY_HIGH};
		bool there = s->last[t].ms || s->last[t].seq, was = p->filled[t];

		p->filled[t] = there;
		if (there || !was || rolled_back)
			continue;
		snprintf(n.summary, sizeof(n.summary),
		        "The stream %s on %.100s is gone, with all records up to index %" PRIu64
		        ", which are not sent again: somebody deleted it, or the server evicts keys (set "
		        "maxmemory-policy to noeviction); they stand in the log of this sensor",
		        p->key_stream[t], p->out->name, place);
		record_note_count(&n, "last_index", place);
		log_warn("%s: %s", p->out->name, n.summary);
		output_note(p->out, &n);
	}
}

/* A server that lost everything more than once: what was counted as lost the time before is not lost twice,
 * and what is sent again is not lost any more. */
static void bound_lost(struct publisher *p, uint64_t cursor)
{
	uint64_t most = cursor > p->before ? cursor - p->before : 0;

	if (count_get(&p->out->lost_output) > most)
		atomic_store(&p->out->lost_output, most);
}

/* The server lost what is behind its place.  The first index to send again; the loss of those before is told
 * once, however often the server is asked until it takes any. */
static uint64_t go_back(struct publisher *p, uint64_t place, uint64_t cursor)
{
	uint64_t start = rewind_limit(p, cursor), kept = log_first(p->log);
	uint64_t untold = (place > p->gone ? place : p->gone) + 1;

	start = start > untold ? start : untold;
	start = start > kept ? start : kept;
	start = start <= cursor ? start : cursor + 1;
	if (start <= cursor || start > untold)
		log_warn("%s: the server came back without %" PRIu64 " records that it had taken; %" PRIu64
		         " are sent again",
		        p->out->name, cursor - place, cursor + 1 - start);
	if (start > untold) {
		tell_gone(p, untold, start - 1);
		publish_skip(p, untold, start - 1);
		p->gone = start - 1;
	}
	return start;
}

/* From the server's place to the index to go on with. */
static void move_to(struct publisher *p, uint64_t place)
{
	uint64_t cursor = atomic_load(&p->cursor), start = place + 1;

	if (place < cursor) /* a server met for the first time owes nothing */
		start = p->contacted ? go_back(p, place, cursor) : cursor + 1;
	if (!p->contacted)
		log_set_met(p->log, p->out->name, true);
	p->contacted = true;
	atomic_store(&p->cursor, start - 1);
	bound_lost(p, start - 1);
}

enum resp_class publish_reconcile(struct publisher *p, struct err *e)
{
	struct server_place s = {.head.there = false};
	enum resp_class class;
	uint64_t place;

	resp_forget(&p->conn);
	class = ask(p, &s, e);
	if (class != RESP_OK)
		return class;
	class = find_place(p, &s, &place, e);
	if (class != RESP_OK)
		return class;
	look_for_others(p, &s);
	look_for_gone(p, &s, place);
	p->redo = p->redo_to && s.head.there && place == p->redo_to;
	if (p->redo)
		place = p->redo_from - 1;
	else
		p->redo_from = p->redo_to = 0;
	p->above = (struct stream_id){0, 0};
	for (unsigned t = 0; t < STREAMS; t++)
		if (stream_id_cmp(&s.last[t], &p->above) > 0)
			p->above = s.last[t];
	p->head_id[0] = '\0';
	if (s.head.there)
		snprintf(p->head_id, sizeof(p->head_id), "%" PRIu64 "-%" PRIu64, s.head.id.ms, s.head.id.seq);
	move_to(p, place);
	publish_rewind(p);
	return RESP_OK;
}

enum resp_class publish_begin(struct publisher *p, struct err *e)
{
	enum resp_class c;

	p->publishes = 0; /* of an earlier connection */
	p->publish_forbidden = p->listeners = false;
	c = probe(p, e);
	return c == RESP_OK ? publish_reconcile(p, e) : c;
}
