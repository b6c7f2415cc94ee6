/* publish.c - see publish.h and docs/redis.md.
 *
 * Why each step: with IDs that the server makes (XADD *), a lost reply and a retry give duplicates; with
 * plain pipelining, a refusal in the middle of a batch leaves a hole that later IDs have passed; so IDs are
 * ours, a batch is one MULTI, one is in flight, and after anything unclear the server is asked. */
#include "alerts/publish.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REPLY_NS       (5 * NS_PER_S)
#define KEY_SENSORS    "leaktap:sensors"
#define CHANNEL_LIVE   "leaktap:live"
#define STREAM_ID_MAX  48
#define XADD_WORDS_MAX 17

static const char *const stream_names[EVENT_TYPES] = {"alerts", "flows", "health"};

int publish_init(struct publisher *p, struct pending *pending, struct output *out, const char *sensor)
{
	*p = (struct publisher){.pending = pending, .out = out, .sensor = sensor};
	for (unsigned t = 0; t < EVENT_TYPES; t++)
		snprintf(p->key_stream[t], sizeof(p->key_stream[t]), "leaktap:{%.80s}:%s", sensor,
		        stream_names[t]);
	snprintf(p->key_head, sizeof(p->key_head), "leaktap:{%.80s}:head", sensor);
	p->md = EVP_MD_CTX_new();
	return p->md && EVP_DigestInit_ex2(p->md, EVP_sha256(), NULL) == 1 ? 0 : -1;
}

void publish_clear(struct publisher *p)
{
	resp_close(&p->conn);
	EVP_MD_CTX_free(p->md);
	p->md = NULL;
}

/* ---- reading the server's answers ------------------------------------------------------------------------
 */

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

static bool is_string(const redisReply *r)
{
	return r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS);
}

/* The value behind `name` in an array of names and values; NULL: not there. */
static const redisReply *field(const redisReply *r, const char *name)
{
	if (!r || r->type != REDIS_REPLY_ARRAY)
		return NULL;
	for (size_t i = 0; i + 1 < (size_t)r->elements; i += 2)
		if (is_string(r->element[i]) && !strcmp(r->element[i]->str, name))
			return r->element[i + 1];
	return NULL;
}

static uint64_t number_field(const redisReply *r, const char *name)
{
	const redisReply *v = field(r, name);
	uint64_t n;

	return is_string(v) && number_parse(v->str, (size_t)v->len, &n) ? n : 0;
}

void publish_read_head(const redisReply *r, struct publish_head *h)
{
	const redisReply *id = field(r, "id"), *hash = field(r, "hash");

	*h = (struct publish_head){.index = number_field(r, "index"), .size = number_field(r, "size")};
	h->there = is_string(id) && stream_id_parse(id->str, (size_t)id->len, &h->id);
	if (is_string(hash))
		snprintf(h->hash, sizeof(h->hash), "%s", hash->str);
}

bool publish_read_last_id(const redisReply *r, struct stream_id *id)
{
	const redisReply *v = field(r, "last-generated-id");

	*id = (struct stream_id){0, 0};
	return is_string(v) && stream_id_parse(v->str, (size_t)v->len, id);
}

static enum resp_class worse(enum resp_class a, enum resp_class b)
{
	static const int rank[] = {
	        [RESP_OK] = 0, [RESP_ID] = 1, [RESP_WAIT] = 2, [RESP_MOVE] = 3, [RESP_PERSON] = 4};

	return rank[a] >= rank[b] ? a : b;
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
	if (r->type != REDIS_REPLY_ARRAY || (size_t)r->elements != n + 1) {
		snprintf(cause, cap, "EXEC did not answer one reply for each command");
		return RESP_MOVE;
	}
	for (size_t i = 0; i <= n; i++) {
		const redisReply *it = r->element[i];
		struct stream_id id;

		if (it && it->type == REDIS_REPLY_ERROR)
			worst = worse(worst, error_of(it, cause, cap));
		else if (i < n && is_string(it) && stream_id_parse(it->str, (size_t)it->len, &id))
			ok[i] = !stream_id_cmp(&id, &ids[i]);
		if (i < n && !ok[i])
			worst = worse(worst, it && it->type == REDIS_REPLY_ERROR ? RESP_OK : RESP_MOVE);
	}
	if (worst != RESP_OK && !*cause)
		snprintf(cause, cap, "XADD did not answer the ID that was given");
	return worst;
}

/* ---- asking ----------------------------------------------------------------------------------------------
 */

static enum resp_class no_memory(struct err *e)
{
	err_set(e, "no memory");
	return RESP_MOVE;
}

static int64_t deadline(void)
{
	return clock_mono_ns() + REPLY_NS;
}

/* ROLE must say master, and MULTI must be permitted: without that permission the server would run the
 * commands of a batch one by one. */
static enum resp_class probe(struct publisher *p, struct err *e)
{
	static const char *const commands[][2] = {{"ROLE", NULL}, {"MULTI", NULL}, {"EXEC", NULL}};
	enum resp_class class = RESP_OK;

	for (unsigned i = 0; i < 3; i++)
		if (resp_add_words(&p->conn, commands[i]) < 0)
			return no_memory(e);
	if (resp_send(&p->conn, deadline(), e) < 0)
		return RESP_MOVE;
	for (unsigned i = 0; i < 3; i++) {
		redisReply *r = resp_read(&p->conn, deadline(), e);

		if (!r)
			return RESP_MOVE;
		if (class == RESP_OK && r->type == REDIS_REPLY_ERROR) {
			class = resp_class_of(r->str);
			err_set(e, "%.200s", r->str);
		} else if (class == RESP_OK && !i &&
		           (r->type != REDIS_REPLY_ARRAY || r->elements < 1 || !is_string(r->element[0]) ||
		                   strcmp(r->element[0]->str, "master"))) {
			class = RESP_MOVE;
			err_set(e, "the server is a replica; records go to its master");
		}
		freeReplyObject(r);
	}
	return class;
}

static struct stream_id item_id(const struct pending_item *it)
{
	return (struct stream_id){it->id_ms, it->index};
}

static void format_id(const struct stream_id *id, char text[STREAM_ID_MAX])
{
	snprintf(text, STREAM_ID_MAX, "%" PRIu64 "-%" PRIu64, id->ms, id->seq);
}

static int add_questions(struct publisher *p)
{
	int bad = 0;

	for (size_t i = 0; i < p->n_batch; i++) {
		struct stream_id id = item_id(p->batch[i]);
		char text[STREAM_ID_MAX];

		format_id(&id, text);
		bad |= resp_add_words(&p->conn,
		        (const char *[]){"XRANGE", p->key_stream[p->batch[i]->head.type], text, text, NULL});
	}
	bad |= resp_add_words(&p->conn, (const char *[]){"HGETALL", p->key_head, NULL});
	for (unsigned t = 0; t < EVENT_TYPES; t++)
		bad |= resp_add_words(&p->conn, (const char *[]){"XINFO", "STREAM", p->key_stream[t], NULL});
	return bad | resp_add_words(&p->conn, (const char *[]){"SADD", KEY_SENSORS, p->sensor, NULL});
}

/* The answers to add_questions(), each looked at once and freed. */
struct answers {
	size_t i; /* reply number */
	struct pending_item *there[BATCH_RECORDS];
	size_t n_there;
	struct publish_head head;
	struct stream_id last[EVENT_TYPES];
	enum resp_class class;
};

/* XRANGE's answer is our record, not one that another process wrote under the same ID. */
static bool holds(const redisReply *r, const struct pending_item *it)
{
	const redisReply *entry = r->type == REDIS_REPLY_ARRAY && r->elements == 1 ? r->element[0] : NULL;
	const redisReply *hash;

	if (!entry || entry->type != REDIS_REPLY_ARRAY || entry->elements != 2)
		return false;
	hash = field(entry->element[1], "hash");
	return is_string(hash) && !strcmp(hash->str, it->hash);
}

static void take_answer(struct publisher *p, struct answers *a, const redisReply *r, struct err *e)
{
	size_t i = a->i++, n = p->n_batch;
	bool no_such_key = r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "ERR no such key", 15);

	if (i == n + 1 + EVENT_TYPES)
		return; /* SADD is best effort */
	if (r->type == REDIS_REPLY_ERROR && !no_such_key) {
		if (a->class == RESP_OK)
			err_set(e, "%.200s", r->str);
		a->class = worse(a->class, resp_class_of(r->str));
	} else if (i < n) {
		if (holds(r, p->batch[i]))
			a->there[a->n_there++] = p->batch[i];
	} else if (i == n) {
		publish_read_head(r, &a->head);
	} else {
		publish_read_last_id(r, &a->last[i - n - 1]);
	}
}

/* ---- settling --------------------------------------------------------------------------------------------
 */

static void mark_done(struct publisher *p, struct pending_item *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct stream_id id = item_id(list[i]);

		if (stream_id_cmp(&id, &p->acked) > 0)
			p->acked = id;
	}
	if (!n)
		return;
	count_add(&p->out->delivered, n);
	p->size += n;
	pending_done(p->pending, list, n);
}

static void settle_batch(struct publisher *p, const struct answers *a)
{
	mark_done(p, a->there, a->n_there);
	for (size_t i = 0; i < p->n_batch && p->refused; i++)
		if (!p->batch[i]->done)
			p->batch[i]->id_ms =
			        0; /* it was never there and its ID is taken: it gets a new one */
	p->n_batch = 0;
	p->refused = false;
}

static bool same_head(const struct publish_head *a, const struct publish_head *b)
{
	return a->there == b->there && !stream_id_cmp(&a->id, &b->id) && !strcmp(a->hash, b->hash);
}

/* What pending_settle() asks of each record that was sent. */
struct look {
	const struct publish_head *head;
	const struct stream_id *last;
	bool found; /* the head is one of ours */
};

static bool is_head(void *arg, const struct pending_item *it)
{
	struct look *l = arg;
	struct stream_id id = item_id(it);

	if (!stream_id_cmp(&id, &l->head->id) && !strcmp(it->hash, l->head->hash))
		l->found = true;
	return it->done;
}

static bool up_to_head(void *arg, const struct pending_item *it)
{
	struct stream_id id = item_id(it);

	return it->done && stream_id_cmp(&id, &((struct look *)arg)->head->id) <= 0;
}

static bool up_to_last(void *arg, const struct pending_item *it)
{
	struct stream_id id = item_id(it);

	return it->done && stream_id_cmp(&id, &((struct look *)arg)->last[it->head.type]) <= 0;
}

static bool nowhere(void *arg, const struct pending_item *it)
{
	(void)arg;
	(void)it;
	return false;
}

#define SIZE_UNKNOWN UINT64_MAX

/* The server has less than it had acknowledged (power loss, restore, failover to a lagging replica,
 * FLUSHALL): what is still kept is sent again under the same IDs, what is not is counted as lost. */
static void rewind_to(struct publisher *p, struct look *l, bool (*has)(void *, const struct pending_item *),
        uint64_t server_size)
{
	uint64_t gained, back, kept, gone;

	pending_settle(p->pending, has, l, &gained, &back, &kept);
	if (server_size == SIZE_UNKNOWN)
		server_size = p->size - back;
	gone = p->size > server_size + back ? p->size - server_size - back : 0;
	if (gone > count_get(&p->out->delivered) - back)
		gone = count_get(&p->out->delivered) - back;
	p->size = server_size;
	p->acked = l->found ? l->head->id : (struct stream_id){0, 0};
	if (!back && !gone)
		return;
	atomic_fetch_sub_explicit(&p->out->delivered, back + gone, memory_order_relaxed);
	count_add(&p->out->lost_output, gone);
	log_warn("%s: the server came back without %" PRIu64 " records it had taken; %" PRIu64
	         " are sent again, %" PRIu64 " were no longer kept and are lost",
	        p->out->name, back + gone, back, gone);
}

static void resolve(struct publisher *p, const struct answers *a)
{
	struct look l = {.head = &a->head, .last = a->last};
	const struct publish_head *h = &a->head;
	struct stream_id newest = {0, 0};
	uint64_t gained, back, kept;

	for (unsigned t = 0; t < EVENT_TYPES; t++)
		if (stream_id_cmp(&a->last[t], &newest) > 0)
			newest = a->last[t];
	if (!p->contacted) {
		p->contacted = true;
		p->base = *h;
		p->base_size = p->size = h->size;
		return;
	}
	if (!p->first_index)
		return; /* nothing of ours can be there */
	pending_settle(p->pending, is_head, &l, &gained, &back, &kept);
	if (h->there && l.found)
		rewind_to(p, &l, up_to_head, h->size);
	else if (!h->there)
		rewind_to(p, &l, up_to_last, newest.ms ? SIZE_UNKNOWN : 0);
	else if (same_head(h, &p->base))
		rewind_to(p, &l, nowhere, p->base_size);
	else if (stream_id_cmp(&newest, &p->acked) < 0 && h->size < p->size)
		rewind_to(p, &l, nowhere, h->size > p->base_size ? h->size : p->base_size);
	else if (!p->foreign_told) {
		p->foreign_told = true;
		log_warn("%s: another process writes records as sensor `%s'; give each sensor its own name",
		        p->out->name, p->sensor);
	}
}

enum resp_class publish_reconcile(struct publisher *p, struct err *e)
{
	struct answers a = {.class = RESP_OK};

	if (add_questions(p) < 0)
		return no_memory(e);
	if (resp_send(&p->conn, deadline(), e) < 0)
		return RESP_MOVE;
	for (unsigned i = p->publishes; i; i--) { /* of the batch before */
		redisReply *r = resp_read(&p->conn, deadline(), e);

		if (!r)
			return RESP_MOVE;
		freeReplyObject(r);
	}
	p->publishes = 0;
	while (a.i < p->n_batch + 2 + EVENT_TYPES) {
		redisReply *r = resp_read(&p->conn, deadline(), e);

		if (!r)
			return RESP_MOVE;
		take_answer(p, &a, r, e);
		freeReplyObject(r);
	}
	if (a.class != RESP_OK)
		return a.class == RESP_ID ? RESP_MOVE : a.class;
	for (unsigned t = 0; t < EVENT_TYPES; t++)
		if (stream_id_cmp(&a.last[t], &p->last) > 0)
			p->last = a.last[t];
	if (stream_id_cmp(&a.head.id, &p->last) > 0)
		p->last = a.head.id;
	settle_batch(p, &a);
	resolve(p, &a);
	return RESP_OK;
}

enum resp_class publish_begin(struct publisher *p, struct err *e)
{
	enum resp_class c;

	p->publishes = 0;
	p->publish_forbidden = p->listeners = false;
	c = probe(p, e);
	return c == RESP_OK ? publish_reconcile(p, e) : c;
}

/* ---- a batch ---------------------------------------------------------------------------------------------
 */

/* IDs only ever grow, over restarts and clock steps too: <logged>-<index>, and where that would not be above
 * the last one, the millisecond half moves on. */
static void give_id(struct publisher *p, struct pending_item *it)
{
	struct stream_id id = {(uint64_t)it->logged_ms, it->index};

	if (it->id_ms)
		return;
	if (id.ms < p->last.ms)
		id.ms = p->last.ms;
	if (stream_id_cmp(&id, &p->last) <= 0)
		id.ms = p->last.ms + 1;
	it->id_ms = id.ms;
	p->last = id;
	if (!p->first_index)
		p->first_index = it->index;
}

/* SHA-256 of the line with its LF. */
static bool give_hash(struct publisher *p, struct pending_item *it)
{
	uint8_t md[EVP_MAX_MD_SIZE];

	if (it->hash[0])
		return true;
	if (EVP_DigestInit_ex2(p->md, NULL, NULL) != 1 ||
	        EVP_DigestUpdate(p->md, it->line, it->len + 1) != 1 ||
	        EVP_DigestFinal_ex(p->md, md, NULL) != 1)
		return false;
	hex_encode(md, 32, it->hash);
	return true;
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
static void pair(struct words *w, const char *name, const char *value)
{
	if (!*value)
		return;
	word(w, name, strlen(name));
	word(w, value, strlen(value));
}

static int add_xadd(struct publisher *p, const struct pending_item *it)
{
	struct words w = {.n = 0};
	struct stream_id at = item_id(it);
	char id[STREAM_ID_MAX], ordinal[24];
	const char *key = p->key_stream[it->head.type];

	format_id(&at, id);
	snprintf(ordinal, sizeof(ordinal), "%" PRIu64, it->ordinal);
	word(&w, "XADD", 4);
	word(&w, key, strlen(key));
	word(&w, id, strlen(id));
	if (it->head.type != EVENT_FLOW) {
		pair(&w, "kind", alert_kind_name((enum alert_kind)it->head.kind));
		pair(&w, "severity", severity_name((enum severity)it->head.severity));
	}
	pair(&w, "verdict", verdict_name((enum verdict_value)it->head.verdict));
	pair(&w, "service", it->head.service);
	pair(&w, "ordinal", ordinal);
	pair(&w, "hash", it->hash);
	word(&w, "json", 4);
	word(&w, it->line, it->len);
	return resp_add(&p->conn, w.n, w.argv, w.len);
}

static int add_head(struct publisher *p, const struct pending_item *it, size_t n)
{
	struct stream_id at = item_id(it);
	char id[STREAM_ID_MAX], index[24], size[24], time[24];

	format_id(&at, id);
	snprintf(index, sizeof(index), "%" PRIu64, it->index);
	snprintf(size, sizeof(size), "%" PRIu64, p->size + n);
	snprintf(time, sizeof(time), "%" PRId64, it->logged_ms);
	return resp_add_words(&p->conn, (const char *[]){"HSET", p->key_head, "index", index, "id", id,
	                                        "hash", it->hash, "size", size, "time", time, NULL});
}

static int add_batch(struct publisher *p)
{
	int bad = resp_add_words(&p->conn, (const char *[]){"MULTI", NULL});

	for (size_t i = 0; i < p->n_batch; i++) {
		give_id(p, p->batch[i]);
		bad |= give_hash(p, p->batch[i]) ? 0 : -1;
		bad |= add_xadd(p, p->batch[i]);
	}
	bad |= add_head(p, p->batch[p->n_batch - 1], p->n_batch);
	return bad | resp_add_words(&p->conn, (const char *[]){"EXEC", NULL});
}

/* To whoever listens; one record a batch finds out whether anybody does.  Queued for the next write, because
 * the records may be gone from memory by then. */
static void add_publishes(struct publisher *p)
{
	for (size_t i = 0; i < p->n_batch && !p->publish_forbidden; i++) {
		const struct pending_item *it = p->batch[i];

		if (it->head.type != EVENT_ALERT)
			continue;
		if (resp_add(&p->conn, 3, (const char *[]){"PUBLISH", CHANNEL_LIVE, it->line},
		            (const size_t[]){7, sizeof(CHANNEL_LIVE) - 1, it->len}) < 0)
			return;
		p->publishes++;
		if (!p->listeners)
			return;
	}
}

static int read_publishes(struct publisher *p, struct err *e)
{
	for (; p->publishes; p->publishes--) {
		redisReply *r = resp_read(&p->conn, deadline(), e);

		if (!r)
			return -1;
		if (r->type == REDIS_REPLY_ERROR)
			p->publish_forbidden = true;
		p->listeners = r->type == REDIS_REPLY_INTEGER && r->integer > 0;
		freeReplyObject(r);
	}
	return 0;
}

/* Queueing replies of MULTI, each XADD and HSET.  *multi: MULTI itself was accepted. */
static int read_queueing(
        struct publisher *p, bool *multi, enum resp_class *class, char *cause, size_t cap, struct err *e)
{
	for (size_t i = 0; i < p->n_batch + 2; i++) {
		redisReply *r = resp_read(&p->conn, deadline(), e);

		if (!r)
			return -1;
		if (r->type == REDIS_REPLY_ERROR)
			*class = worse(*class, error_of(r, cause, cap));
		if (!i)
			*multi = r->type != REDIS_REPLY_ERROR;
		freeReplyObject(r);
	}
	return 0;
}

/* After EXEC's answer: what was taken is done, what got "equal or smaller" is asked for one by one. */
static size_t sort_batch(struct publisher *p, const bool *ok, enum resp_class class)
{
	struct pending_item *taken[BATCH_RECORDS];
	size_t n_taken = 0, n_rest = 0;

	for (size_t i = 0; i < p->n_batch; i++) {
		if (ok[i]) {
			taken[n_taken++] = p->batch[i];
			continue;
		}
		if (class != RESP_ID)
			p->batch[i]->id_ms = 0;
		p->batch[n_rest++] = p->batch[i];
	}
	if (n_taken == p->n_batch)
		add_publishes(p);
	mark_done(p, taken, n_taken);
	p->refused = class == RESP_ID;
	p->n_batch = p->refused ? n_rest : 0;
	return n_taken;
}

/* While the server works on a batch, the hashes of the next one. */
static void hash_ahead(struct publisher *p)
{
	struct pending_item *list[2 * BATCH_RECORDS];
	size_t n = pending_batch(p->pending, list, p->n_batch + BATCH_RECORDS, 2 * BATCH_BYTES);

	for (size_t i = p->n_batch; i < n; i++)
		(void)give_hash(p, list[i]); /* what fails here fails again, and is told, in its own batch */
}

enum resp_class publish_batch(struct publisher *p, size_t *sent, struct err *e)
{
	enum resp_class queueing = RESP_OK, exec;
	struct stream_id ids[BATCH_RECORDS] = {{0, 0}};
	bool ok[BATCH_RECORDS], multi = false;
	char cause[256] = "";
	redisReply *r;

	*sent = 0;
	p->n_batch = pending_batch(p->pending, p->batch, BATCH_RECORDS, BATCH_BYTES);
	if (p->n_batch && add_batch(p) < 0)
		return no_memory(e);
	if (resp_send(&p->conn, deadline(), e) < 0)
		return RESP_MOVE;
	if (p->n_batch)
		hash_ahead(p);
	if (read_publishes(p, e) < 0)
		return RESP_MOVE;
	if (!p->n_batch)
		return RESP_OK;
	for (size_t i = 0; i < p->n_batch; i++)
		ids[i] = item_id(p->batch[i]);
	if (read_queueing(p, &multi, &queueing, cause, sizeof(cause), e) < 0)
		return RESP_MOVE;
	r = resp_read(&p->conn, deadline(), e);
	if (!r)
		return RESP_MOVE;
	exec = publish_read_exec(r, p->n_batch, ids, ok, cause, sizeof(cause));
	if (r->type == REDIS_REPLY_ARRAY)
		*sent = sort_batch(p, ok, exec);
	else if (multi)
		p->n_batch = 0; /* nothing was executed */
	freeReplyObject(r);
	/* without its MULTI the batch stays in doubt: the commands ran one by one, or not */
	if (exec == RESP_OK && queueing == RESP_OK)
		return RESP_OK;
	err_set(e, "%s", cause);
	return queueing != RESP_OK ? (multi ? queueing : worse(queueing, RESP_MOVE)) : exec;
}
