/* publish.c - see publish.h and docs/redis.md.
 *
 * Why each step: with IDs that the server makes (XADD *), a lost reply and a retry give duplicates; with
 * plain pipelining, a refusal in the middle of a batch leaves a hole that later IDs have passed; so IDs are
 * ours, a batch is one MULTI, one is in flight, and after anything unclear the server is asked.  WATCH on our
 * own keys makes the server refuse a batch when anybody else wrote, trimmed or flushed them since we last
 * looked: a second writer never gets a record in between unnoticed. */
#include "alerts/publish.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLY_NS       (5 * NS_PER_S)
#define CHANNEL_LIVE   "leaktap:live"
#define XADD_WORDS_MAX 19
#define TEXT_ROOM      (BATCH_BYTES + RECORD_LINE_MAX + 1)

const char *const publish_streams[STREAMS] = {"alerts", "flows", "health"};

unsigned publish_stream_of(unsigned type)
{
	return type == EVENT_ALERT ? 0 : type == EVENT_FLOW ? 1 : 2;
}

int publish_init(struct publisher *p, struct log *log, struct output *out, const char *sensor)
{
	*p = (struct publisher){.log = log, .out = out, .sensor = sensor};
	for (unsigned t = 0; t < STREAMS; t++)
		snprintf(p->key_stream[t], sizeof(p->key_stream[t]), "leaktap:{%.80s}:%s", sensor,
		        publish_streams[t]);
	snprintf(p->key_head, sizeof(p->key_head), "leaktap:{%.80s}:head", sensor);
	p->before = log_last(log);
	p->reader = log_reader_create(log);
	p->batch[0].text = malloc(TEXT_ROOM);
	p->batch[1].text = malloc(TEXT_ROOM);
	p->md = EVP_MD_CTX_new();
	return p->reader && p->batch[0].text && p->batch[1].text && p->md &&
	                       EVP_DigestInit_ex2(p->md, EVP_sha256(), NULL) == 1
	               ? 0
	               : -1;
}

void publish_clear(struct publisher *p)
{
	resp_close(&p->conn);
	log_reader_destroy(p->reader);
	free(p->batch[0].text);
	free(p->batch[1].text);
	EVP_MD_CTX_free(p->md);
	p->md = NULL;
}

int64_t publish_deadline(void)
{
	return clock_mono_ns() + REPLY_NS;
}

enum resp_class publish_worse(enum resp_class a, enum resp_class b)
{
	static const int rank[] = {[RESP_OK] = 0,
	        [RESP_AGAIN] = 1,
	        [RESP_ID] = 2,
	        [RESP_WAIT] = 3,
	        [RESP_MOVE] = 4,
	        [RESP_PERSON] = 5,
	        [RESP_FORK] = 6};

	return rank[a] >= rank[b] ? a : b;
}

/* ---- the log's side --------------------------------------------------------------------------------------
 */

bool publish_hash(struct publisher *p, const struct log_line *l, char out[65])
{
	uint8_t md[EVP_MAX_MD_SIZE];

	if (EVP_DigestInit_ex2(p->md, NULL, NULL) != 1 || EVP_DigestUpdate(p->md, l->p, l->len + 1) != 1 ||
	        EVP_DigestFinal_ex(p->md, md, NULL) != 1)
		return false;
	hex_encode(md, 32, out);
	return true;
}

int publish_holds(struct publisher *p, uint64_t index, const char *hash, struct err *e)
{
	struct log_line l;
	char own[65];
	ssize_t n;

	if (!index)
		return 0;
	log_seek(p->reader, index);
	n = log_read(p->reader, &l, 1, 1, e);
	if (n < 0)
		return -1;
	return n == 1 && l.index == index && publish_hash(p, &l, own) && !strcmp(own, hash);
}

/* Records that were on their way when the log dropped them: what did not arrive is gone. */
static void tell_dropped(struct publisher *p, uint64_t kept, uint64_t claimed)
{
	struct record_note n = {.type = RECORD_GAP, .reason = "retention", .severity = SEVERITY_HIGH};
	uint64_t cursor = atomic_load(&p->cursor);
	struct log_dropped d = {.first = UINT64_MAX};

	for (unsigned k = 0; k < 2; k++)
		for (size_t i = 0; i < p->batch[k].n; i++) {
			const struct log_line *l = &p->batch[k].line[i];

			if (l->index <= cursor || l->index > claimed || l->index >= kept)
				continue;
			log_dropped_add(&d, l);
			d.first = l->index < d.first ? l->index : d.first;
			d.last = l->index > d.last ? l->index : d.last;
		}
	if (!d.last)
		return;
	snprintf(n.summary, sizeof(n.summary),
	        "The log was full (alerts.spool.max_mb): %" PRIu64
	        " records went while they were on their way to %.100s and did not arrive",
	        d.records, p->out->name);
	record_note_dropped(&n, &d);
	output_note(p->out, &n);
}

void publish_rewind(struct publisher *p)
{
	uint64_t before = atomic_load(&p->claimed), kept;

	resp_forget(&p->conn);
	p->publishes_added = 0;
	kept = log_unclaim(p->log, &p->claimed, atomic_load(&p->cursor));
	tell_dropped(p, kept, before);
	p->batch[0].n = p->batch[1].n = 0;
	p->batch[0].added = p->batch[1].added = false;
	log_seek(p->reader, atomic_load(&p->cursor) + 1);
}

/* Records of this run that will not be delivered. */
void publish_skip(struct publisher *p, uint64_t first, uint64_t last)
{
	first = first > p->before ? first : p->before + 1;
	if (last >= first)
		count_add(&p->out->lost_output, last - first + 1);
}

/* The next lines of the log, copied: those in flight must stay until they are answered for. */
static int load(struct publisher *p, struct batch *b, struct err *e)
{
	ssize_t n = log_read(p->reader, b->line, BATCH_RECORDS, BATCH_BYTES, e);
	size_t len = 0;

	b->n = 0;
	b->added = false;
	if (n <= 0)
		return (int)n;
	for (ssize_t i = 0; i < n; i++) {
		struct log_line *l = &b->line[i];

		if (p->redo && l->index > p->redo_to) {
			log_seek(p->reader, l->index); /* for the batch behind this one */
			break;
		}
		memcpy(b->text + len, l->p, l->len + 1);
		l->p = b->text + len;
		len += l->len + 1;
		log_line_fields(l);
		b->there[i] = false;
		if (!publish_hash(p, l, b->hash[i]))
			return err_set(e, "SHA-256 failed");
		b->n++;
	}
	b->send = b->n;
	return 0;
}

bool publish_idle(struct publisher *p)
{
	return !p->batch[p->current].n && !p->publishes_added && atomic_load(&p->cursor) >= log_last(p->log);
}

/* ---- commands --------------------------------------------------------------------------------------------
 */

static struct stream_id line_id(const struct log_line *l)
{
	return (struct stream_id){(uint64_t)l->logged_ms, l->index};
}

static const char *format_id(const struct log_line *l, char text[STREAM_ID_MAX])
{
	return stream_id_text(line_id(l), text);
}

struct words {
	const char *argv[XADD_WORDS_MAX];
	size_t len[XADD_WORDS_MAX];
	int n;
};

static void word(struct words *w, const char *s, size_t n)
{
	w->argv[w->n] = s;
	w->len[w->n++] = n;
}

/* A field that is empty is left out. */
static void pair(struct words *w, const char *name, struct slice value)
{
	if (!value.n)
		return;
	word(w, name, strlen(name));
	word(w, value.p, value.n);
}

static int add_xadd(struct publisher *p, const struct log_line *l, const char *hash)
{
	struct words w = {.n = 0};
	char id[STREAM_ID_MAX], ordinal[NUMBER_TEXT_MAX];
	const char *key = p->key_stream[publish_stream_of(l->type)];

	format_id(l, id);
	word(&w, "XADD", 4);
	word(&w, key, strlen(key));
	word(&w, id, strlen(id));
	pair(&w, "kind", l->kind);
	pair(&w, "severity", l->severity);
	pair(&w, "verdict", l->verdict);
	pair(&w, "service", l->service);
	pair(&w, "suppressed", l->suppressed);
	pair(&w, "ordinal", slice_of(ordinal, number_text(l->ordinal, ordinal)));
	pair(&w, "hash", slice_of(hash, 64));
	pair(&w, "json", slice_of(l->p, l->len));
	return resp_add(&p->conn, w.n, w.argv, w.len);
}

static int add_head(struct publisher *p, const struct log_line *l, const char *hash)
{
	char id[STREAM_ID_MAX], index[24], time[24];

	format_id(l, id);
	snprintf(index, sizeof(index), "%" PRIu64, l->index);
	snprintf(time, sizeof(time), "%" PRId64, l->logged_ms);
	return resp_add_words(&p->conn, (const char *[]){"HSET", p->key_head, "index", index, "id", id,
	                                        "hash", hash, "size", index, "time", time, NULL});
}

int publish_add_fence(struct publisher *p)
{
	int bad = resp_add_words(&p->conn, (const char *[]){"WATCH", p->key_head, p->key_stream[0],
	                                           p->key_stream[1], p->key_stream[2], NULL});

	return bad | resp_add_words(&p->conn, (const char *[]){"HGET", p->key_head, "id", NULL});
}

static int add_batch(struct publisher *p, struct batch *b)
{
	const struct log_line *last = &b->line[b->n - 1];
	int bad = resp_add_words(&p->conn, (const char *[]){"MULTI", NULL});

	for (size_t i = 0; i < b->n; i++)
		if (!b->there[i])
			bad |= add_xadd(p, &b->line[i], b->hash[i]);
	bad |= add_head(p, last, b->hash[b->n - 1]);
	bad |= resp_add_words(&p->conn, (const char *[]){"EXEC", NULL});
	b->added = true;
	return bad | publish_add_fence(p);
}

/* To whoever listens; one record a batch finds out whether anybody does.  Goes out with the next write. */
static void add_publishes(struct publisher *p, const struct batch *b)
{
	for (size_t i = 0; i < b->n && !p->publish_forbidden; i++) {
		const struct log_line *l = &b->line[i];

		if (l->type != EVENT_ALERT || l->suppressed.n)
			continue;
		if (resp_add(&p->conn, 3, (const char *[]){"PUBLISH", CHANNEL_LIVE, l->p},
		            (const size_t[]){7, sizeof(CHANNEL_LIVE) - 1, l->len}) < 0)
			return;
		p->publishes_added++;
		if (!p->listeners)
			return;
	}
}

/* ---- replies ---------------------------------------------------------------------------------------------
 */

enum resp_class publish_no_memory(struct err *e)
{
	err_set(e, "no memory");
	return RESP_MOVE;
}

/* The class of an error reply; the text of the first one is kept as the cause. */
static enum resp_class error_of(const redisReply *r, char *cause, size_t cap)
{
	enum resp_class c = resp_class_of(r->str);

	if (!*cause)
		snprintf(cause, cap, "%.200s", *r->str ? r->str : "an error without a text");
	return c;
}

enum resp_class publish_read_exec(
        const redisReply *r, size_t n, const struct stream_id *ids, bool *ok, char *cause, size_t cap)
{
	enum resp_class worst = RESP_OK;

	memset(ok, 0, n * sizeof(*ok));
	if (r->type == REDIS_REPLY_ERROR) /* EXECABORT: the cause stands in a queueing reply */
		return error_of(r, cause, cap);
	if (r->type == REDIS_REPLY_NIL) {
		snprintf(cause, cap, "somebody else changed the keys of this sensor");
		return RESP_AGAIN;
	}
	if (r->type != REDIS_REPLY_ARRAY || (size_t)r->elements != n + 1) {
		snprintf(cause, cap, "EXEC did not answer one reply for each command");
		return RESP_MOVE;
	}
	for (size_t i = 0; i <= n; i++) {
		const redisReply *it = r->element[i];
		struct stream_id id;

		if (it && it->type == REDIS_REPLY_ERROR)
			worst = publish_worse(worst, error_of(it, cause, cap));
		else if (it && i < n && reply_is_string(it) && stream_id_parse(it->str, (size_t)it->len, &id))
			ok[i] = !stream_id_cmp(&id, &ids[i]);
		if (i < n && !ok[i])
			worst = publish_worse(
			        worst, it && it->type == REDIS_REPLY_ERROR ? RESP_OK : RESP_MOVE);
	}
	if (worst != RESP_OK && !*cause)
		snprintf(cause, cap, "XADD did not answer the ID that was given");
	return worst;
}

static int read_publishes(struct publisher *p, struct err *e)
{
	for (; p->publishes; p->publishes--) {
		redisReply *r = resp_read(&p->conn, publish_deadline(), e);

		if (!r)
			return -1;
		if (r->type == REDIS_REPLY_ERROR)
			p->publish_forbidden = true;
		p->listeners = r->type == REDIS_REPLY_INTEGER && r->integer > 0;
		freeReplyObject(r);
	}
	return 0;
}

/* Queueing replies of MULTI, each XADD and HSET. */
static int read_queueing(
        struct publisher *p, size_t n, enum resp_class *class, char *cause, size_t cap, struct err *e)
{
	for (size_t i = 0; i < n + 2; i++) {
		redisReply *r = resp_read(&p->conn, publish_deadline(), e);

		if (!r)
			return -1;
		if (r->type == REDIS_REPLY_ERROR)
			*class = publish_worse(*class, error_of(r, cause, cap));
		freeReplyObject(r);
	}
	return 0;
}

/* The fence behind a batch: is the head still what we wrote?  Anything else is looked into before the next.
 */
enum resp_class publish_read_fence(struct publisher *p, struct err *e)
{
	enum resp_class class = RESP_OK;

	for (unsigned i = 0; i < FENCE_REPLIES; i++) {
		redisReply *r = resp_read(&p->conn, publish_deadline(), e);

		if (!r)
			return RESP_MOVE;
		if (r->type == REDIS_REPLY_ERROR) {
			if (class == RESP_OK)
				err_set(e, "%.200s", r->str);
			class = publish_worse(class, resp_class_of(r->str));
		} else if (i && strcmp(reply_is_string(r) ? r->str : "", p->head_id)) {
			err_set(e, "somebody else changed the keys of this sensor");
			class = publish_worse(class, RESP_AGAIN);
		}
		freeReplyObject(r);
	}
	return class;
}

/* ---- a batch ---------------------------------------------------------------------------------------------
 */

/* Each single record of a transaction that went wrong in part: is it there? */
static enum resp_class ask_which(struct publisher *p, struct batch *b, struct err *e)
{
	enum resp_class class = RESP_OK;
	char id[STREAM_ID_MAX];
	int bad = 0;

	for (size_t i = 0; i < b->n; i++)
		bad |= resp_add_words(&p->conn,
		        (const char *[]){"XRANGE", p->key_stream[publish_stream_of(b->line[i].type)],
		                format_id(&b->line[i], id), id, NULL});
	if (bad)
		return publish_no_memory(e);
	if (resp_send(&p->conn, publish_deadline(), e) < 0)
		return RESP_MOVE;
	for (size_t i = 0; i < b->n; i++) {
		redisReply *r = resp_read(&p->conn, publish_deadline(), e);

		if (!r)
			return RESP_MOVE;
		if (r->type == REDIS_REPLY_ERROR) {
			err_set(e, "%.200s", r->str);
			class = publish_worse(class, resp_class_of(r->str));
		}
		b->there[i] = r->type == REDIS_REPLY_ARRAY && r->elements == 1;
		b->send -= b->there[i];
		freeReplyObject(r);
	}
	return class;
}

/* The log did not have these records any more, of which it told itself, or they cannot be read. */
static void jump(struct publisher *p, uint64_t first, uint64_t last)
{
	struct record_note n;

	if (log_note_unreadable(p->log, first, last, p->out->name, &n))
		output_note(p->out, &n);
	publish_skip(p, first, last);
	if (first <= p->gone + 1 && last > p->gone)
		p->gone = last;
}

static void note_jump(struct publisher *p, const struct batch *b)
{
	uint64_t next = atomic_load(&p->cursor) + 1;

	for (size_t i = 0; i < b->n; next = b->line[i++].index + 1)
		if (b->line[i].index > next)
			jump(p, next, b->line[i].index - 1);
}

/* Nothing is to be sent: what the log has behind the cursor cannot be read. */
static void pass_unreadable(struct publisher *p)
{
	uint64_t cursor = atomic_load(&p->cursor), at = log_reader_at(p->reader);

	if (at <= cursor + 1)
		return;
	jump(p, cursor + 1, at - 1);
	atomic_store(&p->cursor, at - 1);
	if (at > p->redo_to) {
		p->redo = false;
		p->redo_from = p->redo_to = 0;
	}
}

static void batch_done(struct publisher *p, struct batch *b)
{
	note_jump(p, b);
	for (size_t i = 0; i < b->n; i++)
		p->filled[publish_stream_of(b->line[i].type)] = true;
	atomic_store(&p->cursor, b->line[b->n - 1].index);
	p->redo = false;
	p->redo_from = p->redo_to = 0;
	add_publishes(p, b);
	b->n = 0;
	p->current ^= 1;
}

/* Single commands of the transaction failed, the others count, and so does the head. */
static void batch_in_part(struct publisher *p, const struct batch *b, const bool *ok)
{
	size_t i = 0;

	for (size_t k = 0; i < b->n && (b->there[i] || ok[k]); i++)
		k += !b->there[i];
	if (i == b->n)
		return;
	p->redo_from = b->line[i].index;
	p->redo_to = b->line[b->n - 1].index;
	atomic_store(&p->cursor, p->redo_from - 1);
}

/* Records of such a transaction that were refused again: an entry of somebody else stands behind their ID. */
static void tell_refused(struct publisher *p, const struct batch *b, const bool *ok)
{
	struct record_note n = {.type = RECORD_GAP, .reason = "server", .severity = SEVERITY_HIGH};
	uint64_t first = 0, last = 0, refused = 0;

	for (size_t i = 0, k = 0; i < b->n; i++) {
		if (b->there[i] || ok[k++])
			continue;
		first = first ? first : b->line[i].index;
		last = b->line[i].index;
		refused++;
	}
	snprintf(n.summary, sizeof(n.summary),
	        "%" PRIu64
	        " records cannot be delivered to %s: somebody else wrote entries behind their IDs; they "
	        "stand in the log of this sensor",
	        refused, p->out->name);
	record_note_count(&n, "lost_records", refused);
	record_note_count(&n, "first_index", first);
	record_note_count(&n, "last_index", last);
	output_note(p->out, &n);
	count_add(&p->out->lost_output, refused);
}

static bool ids_are_above(struct publisher *p, const struct batch *b, struct err *e)
{
	struct stream_id id = line_id(&b->line[0]);

	if (p->redo || stream_id_cmp(&id, &p->above) > 0)
		return true;
	err_set(e,
	        "a stream of `%s' holds the ID %" PRIu64 "-%" PRIu64
	        ", which is not below those of this log (%" PRIu64 "-%" PRIu64
	        "): somebody else writes there, or a clock was wrong; rename that stream, or XDEL the entry "
	        "and XSETID back",
	        p->sensor, p->above.ms, p->above.seq, id.ms, id.seq);
	return false;
}

static enum resp_class prepare(struct publisher *p, struct batch *b, struct err *e)
{
	enum resp_class class;

	if (!b->n && load(p, b, e) < 0)
		return RESP_WAIT;
	if (!b->n || b->added)
		return RESP_OK;
	if (p->redo && (class = ask_which(p, b, e)) != RESP_OK)
		return class;
	if (!ids_are_above(p, b, e))
		return RESP_PERSON;
	return add_batch(p, b) < 0 ? publish_no_memory(e) : RESP_OK;
}

/* The replies to a batch. */
static enum resp_class settle(struct publisher *p, struct batch *b, struct err *e)
{
	enum resp_class queueing = RESP_OK, exec, fence;
	struct stream_id ids[BATCH_RECORDS] = {{0, 0}};
	bool ok[BATCH_RECORDS];
	char cause[256] = "", head_id[STREAM_ID_MAX];
	redisReply *r;
	bool ran;

	for (size_t i = 0, k = 0; i < b->n; i++)
		if (!b->there[i])
			ids[k++] = line_id(&b->line[i]);
	if (read_queueing(p, b->send, &queueing, cause, sizeof(cause), e) < 0)
		return RESP_MOVE;
	r = resp_read(&p->conn, publish_deadline(), e);
	if (!r)
		return RESP_MOVE;
	exec = publish_read_exec(r, b->send, ids, ok, cause, sizeof(cause));
	ran = r->type == REDIS_REPLY_ARRAY && (size_t)r->elements == b->send + 1;
	freeReplyObject(r);
	if (ran)
		snprintf(p->head_id, sizeof(p->head_id), "%s", format_id(&b->line[b->n - 1], head_id));
	fence = publish_read_fence(p, e);
	if (fence != RESP_MOVE && read_publishes(p, e) < 0)
		fence = RESP_MOVE;
	if (p->redo && exec == RESP_ID) {
		tell_refused(p, b, ok);
		exec = RESP_OK;
	}
	if (exec == RESP_OK && queueing == RESP_OK) {
		batch_done(p, b);
		return fence;
	}
	if (fence == RESP_MOVE)
		exec = RESP_MOVE;
	if (ran)
		batch_in_part(p, b, ok);
	if (*cause)
		err_set(e, "%s", cause);
	return queueing != RESP_OK ? queueing : exec;
}

enum resp_class publish_batch(struct publisher *p, struct err *e)
{
	struct batch *b = &p->batch[p->current], *next = &p->batch[p->current ^ 1];
	bool publishes_first = p->publishes_added && !b->added; /* in the buffer, and so among the replies */
	enum resp_class class = prepare(p, b, e), ahead = RESP_OK;

	if (class != RESP_OK)
		return class;
	if (b->n && !log_claim(p->log, &p->claimed, b->line[0].index, b->line[b->n - 1].index)) {
		err_set(e, "the log is full; what was to be sent is gone");
		return RESP_AGAIN; /* with what is kept */
	}
	p->publishes = p->publishes_added;
	p->publishes_added = 0;
	if (resp_send(&p->conn, publish_deadline(), e) < 0)
		return RESP_MOVE;
	if ((publishes_first || !b->n) && read_publishes(p, e) < 0)
		return RESP_MOVE;
	if (!b->n) {
		pass_unreadable(p);
		return RESP_OK;
	}
	if (!p->redo)
		ahead = prepare(p, next, e); /* while the server works on this one */
	class = settle(p, b, e);
	return class != RESP_OK ? class : ahead;
}

enum resp_class publish_look(struct publisher *p, struct err *e)
{
	enum resp_class class = RESP_OK;
	redisReply *r =
	        resp_ask(&p->conn, (const char *[]){"HGET", p->key_head, "id", NULL}, publish_deadline(), e);

	if (!r)
		return RESP_MOVE;
	if (r->type == REDIS_REPLY_ERROR) {
		err_set(e, "%.200s", r->str);
		class = resp_class_of(r->str);
	} else if (strcmp(reply_is_string(r) ? r->str : "", p->head_id)) {
		err_set(e, "somebody else changed the keys of this sensor");
		class = RESP_AGAIN;
	}
	freeReplyObject(r);
	return class;
}
