/* answer.c - see answer.h. */
#include "classify/answer.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stddef.h>
#include <string.h>

#define CHANNELS_MAX 4  /* texts of one answer that go on at once */
#define CHOICES_MAX  4  /* numbers that tell them apart */
#define FOUND_MAX    32 /* findings of one answer; more are counted */
#define WAITING_MAX  64 /* answers that one connection owes */
#define UNHEARD_MAX  4  /* ... and one whose server was never heard: the mirror has one direction */
#define UNHEARD_NS   (5 * NS_PER_S)   /* such an answer, waited for so long, makes room where there is none */
#define LATE_NS      (300 * NS_PER_S) /* ... and any other */
#define WAITING_LOOK 16               /* that are looked at for one */
#define CHOICE_PRIME 0x100000001b3u   /* of FNV-1a, 64 bits */
#define CHOICE_TEXT  64               /* bytes of a text that tells choices apart */
#define SILENT_NS    (5 * NS_PER_S) /* in a WebSocket: a text that has not gone on for so long is over, ... */
#define SPOKEN_NS    (60 * NS_PER_S) /* ... and one that goes on for longer is told in pieces */

/* One text that goes on from event to event. */
struct channel {
	uint64_t key, choice; /* key: of choice and path */
	uint32_t used;        /* when it was last gone on with */
	int64_t began_ns, went_on_ns;
	struct detect_stream *s;
};

_Static_assert(CHANNELS_MAX + 1 == ANSWER_STREAMS, "each text has a stream, and all the rest one");

struct answer {
	struct answer *next;
	struct answer *older, *newer; /* of all that are waited for */
	bool waits;                   /* is among these */
	int64_t asked_ns;
	struct reading *r;
	uint64_t stream;
	uint32_t index;
	bool found;   /* its head was seen */
	bool skipped; /* some of it could not be read */
	bool spoken;  /* of the request for a WebSocket: all that the server says in it, message by message */
	bool speaking; /* ... one of which is being read */
	const struct wire_shape *shape;
	struct content *content;              /* NULL: between messages */
	struct detect_stream *rest;           /* of all that does not go on */
	struct channel channel[CHANNELS_MAX]; /* the first n_channels */
	unsigned n_channels;
	uint32_t clock;
	struct detect_stream *now; /* of the field that is being read */
	struct {
		uint64_t path, value;
	} choice[CHOICES_MAX];
	uint64_t choosing,
	        chosen; /* the field that is being read is such a one (0: it is none), and its text */
	size_t chosen_n;
	struct facts facts;
	struct request_facts q;
	size_t n_list;
	uint32_t more;
	struct finding list[FOUND_MAX];
};

struct pool *answer_pool_create(size_t n)
{
	return pool_create(sizeof(struct answer), n);
}

/* ---- findings -------------------------------------------------------------------------------------------
 */

static void take_findings(struct answer *a, struct detect_stream *s)
{
	uint32_t more = 0;
	size_t n = 0;
	const struct finding *f = detect_close(s, &n, &more);

	a->more += more;
	for (size_t i = 0; i < n; i++) {
		if (a->n_list == FOUND_MAX) {
			a->more++;
			continue;
		}
		a->list[a->n_list] = f[i];
		a->list[a->n_list].speaker = (uint8_t)f[i].mark;
		a->list[a->n_list++].received = true;
	}
}

/* ---- text that goes on ----------------------------------------------------------------------------------
 */

/* A stream may be one long array, and frames of Amazon's event stream have numbers: [7].candidates,
 * event[7].delta, or what a model says there in a form of its own, event[7].bytes(base64).delta.  What goes
 * on is the same field without them. */
static size_t behind_event(const char *path, size_t n)
{
	static const char name[] = "event[", bytes[] = "bytes(base64).";
	const size_t k = sizeof(name) - 1, in = sizeof(bytes) - 1;
	const char *close;
	size_t from;

	if (!n || (path[0] != '[' && (n < k || memcmp(path, name, k) != 0)))
		return 0;
	close = memchr(path, ']', n);
	if (!close || close + 1 == path + n || close[1] != '.')
		return 0;
	from = (size_t)(close + 2 - path);
	return n - from > in && !memcmp(path + from, bytes, in) ? from + in : from;
}

static struct channel *oldest(struct answer *a)
{
	struct channel *c = &a->channel[0];

	for (unsigned i = 1; i < a->n_channels; i++)
		if (a->channel[i].used < c->used)
			c = &a->channel[i];
	return c;
}

/* A text part that stands behind the one that a stream has told last. */
static struct channel *next_part(struct answer *a, uint64_t choice, const char *path, size_t n)
{
	for (unsigned i = 0; i < a->n_channels; i++)
		if (a->channel[i].choice == choice && detect_follows(a->channel[i].s, path, n))
			return &a->channel[i];
	return NULL;
}

static struct detect_stream *went_on(struct answer *a, struct channel *c)
{
	c->used = ++a->clock;
	c->went_on_ns = a->r->flow->last_ns;
	return c->s;
}

/* The stream in which this text goes on; a new one begins at the cost of the one that was silent longest. */
static struct detect_stream *goes_on(
        struct answer *a, const char *path, size_t n, const char *key, size_t key_len)
{
	uint64_t choice = hash64(a->choice, sizeof(a->choice), 0), about = hash64(path, n, choice);
	const int64_t now = a->r->flow->last_ns;
	struct channel *c;

	for (unsigned i = 0; i < a->n_channels; i++)
		if (a->channel[i].key == about)
			return went_on(a, &a->channel[i]);
	c = next_part(a, choice, path, n);
	if (c) {
		c->key = about;
		detect_field(c->s, path, n, key, key_len);
		return went_on(a, c);
	}
	if (a->n_channels == CHANNELS_MAX) {
		c = oldest(a);
		take_findings(a, c->s);
	} else {
		c = &a->channel[a->n_channels++];
	}
	*c = (struct channel){.key = about,
	        .choice = choice,
	        .used = ++a->clock,
	        .began_ns = now,
	        .went_on_ns = now,
	        .s = detect_open(a->r->cls->detect)};
	if (!c->s) {
		a->skipped = true;
		*c = a->channel[--a->n_channels];
		return NULL;
	}
	detect_mark_fields(c->s, SPEAKER_ASSISTANT);
	detect_field(c->s, path, n, key, key_len);
	return c->s;
}

static void text_field(void *arg, const char *path, size_t n, const char *key, size_t key_len)
{
	struct answer *a = arg;
	size_t from = behind_event(path, n);
	struct wire_place at;

	wire_place(a->shape, path + from, n - from, &at);
	if (at.flags & WIRE_CHOICE) {
		a->choosing = hash64(path + from, n - from, 0) | 1;
		a->chosen = 0;
		a->chosen_n = 0;
	}
	if (at.flags & WIRE_DELTA) {
		/* what its text holds (JSON in a string) does not go on: each event would be whole */
		a->now = from + at.n == n ? goes_on(a, path + from, n - from, key, key_len) : NULL;
		if (a->now)
			return;
	}
	a->now = a->rest;
	detect_mark_fields(a->rest, at.flags & WIRE_DELTA ? SPEAKER_ASSISTANT : at.speaker);
	detect_field(a->rest, path, n, key, key_len);
}

static void text_piece(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct answer *a = arg;

	(void)offset;
	/* byte by byte: the text may come in any pieces */
	for (size_t i = 0; a->choosing && i < n && a->chosen_n < CHOICE_TEXT; i++, a->chosen_n++)
		a->chosen = (a->chosen ^ p[i]) * CHOICE_PRIME;
	detect_text(a->now, p, n);
}

static void choose(struct answer *a, uint64_t name, uint64_t value)
{
	for (unsigned i = 0; i < CHOICES_MAX; i++)
		if (!a->choice[i].path || a->choice[i].path == name) {
			a->choice[i].path = name;
			a->choice[i].value = value;
			return;
		}
}

static void text_end(void *arg, bool whole)
{
	struct answer *a = arg;

	if (a->choosing)
		choose(a, a->choosing, a->chosen);
	a->choosing = 0;
	if (!whole)
		detect_gap(a->now);
}

/* A number that says which of several texts goes on. */
static void number(void *arg, const char *path, size_t n, const char *p, size_t len)
{
	struct answer *a = arg;
	size_t from = behind_event(path, n);
	struct wire_place at;

	if (wire_place(a->shape, path + from, n - from, &at) && at.flags & WIRE_CHOICE)
		choose(a, hash64(path + from, n - from, 0) | 1, hash64(p, len, 0));
}

/* ---- what is expected -----------------------------------------------------------------------------------
 */

static void wait_begins(struct classify *c, struct answer *a)
{
	a->waits = true;
	a->asked_ns = a->r->flow->last_ns;
	a->older = c->waited_for.newest;
	*(a->older ? &a->older->newer : &c->waited_for.oldest) = a;
	c->waited_for.newest = a;
}

static void wait_ends(struct classify *c, struct answer *a)
{
	if (!a->waits)
		return;
	*(a->older ? &a->older->newer : &c->waited_for.oldest) = a->newer;
	*(a->newer ? &a->newer->older : &c->waited_for.newest) = a->older;
	a->waits = false;
}

static void put_back(struct reading *r, struct answer *a)
{
	struct answer **at = &r->answers;

	wait_ends(r->cls, a);
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	r->n_answers--;
	pool_put(r->cls->answers, a);
}

/* The request that this message belongs to; of one in a WebSocket its handshake. */
static uint32_t asked_by(const struct message *m)
{
	return m->framed ? m->handshake : m->index;
}

static struct answer *find(const struct reading *r, const struct message *m)
{
	struct answer *a = r->answers;

	while (a && (a->stream != m->stream || a->index != asked_by(m)))
		a = a->next;
	return a;
}

/* What the server says in a WebSocket, while no message of it is being read. */
static struct answer *find_silent(const struct reading *r, const struct message *m)
{
	struct answer *a = r->answers;

	while (a && (!a->spoken || a->speaking || a->stream != m->stream || a->index != asked_by(m)))
		a = a->next;
	return a;
}

/* Not one byte of the server's was captured. */
static bool unheard(const struct reading *r)
{
	return !r->flow->payload[FLOW_S2C];
}

static void give_up(struct answer *a)
{
	a->r->facts.why_not |= unheard(a->r) ? WHY_GAP : WHY_LIMIT;
	put_back(a->r, a);
}

/* The answer of this connection that waits longest makes room.  false: none waits. */
static bool give_up_oldest(struct reading *r)
{
	struct answer *oldest = NULL;

	for (struct answer *a = r->answers; a; a = a->next)
		if (a->waits)
			oldest = a;
	if (oldest)
		give_up(oldest);
	return oldest;
}

/* Of any connection, one that has waited for too long: its answer will not be seen, or is not to come. */
static bool give_up_late(struct classify *c, int64_t now)
{
	struct answer *a = c->waited_for.oldest;

	for (unsigned i = 0; a && i < WAITING_LOOK; i++, a = a->newer)
		if (now - a->asked_ns >= (unheard(a->r) ? UNHEARD_NS : LATE_NS)) {
			give_up(a);
			return true;
		}
	return false;
}

/* Memory for one more answer; NULL: there is none. */
static struct answer *make_room(struct reading *r, bool in_turn)
{
	struct pool *pool = r->cls->answers;
	struct answer *a = NULL;

	if (r->n_answers >= UNHEARD_MAX && unheard(r))
		give_up_oldest(r);
	if (r->n_answers < WAITING_MAX)
		a = pool_get(pool);
	if (!a && r->n_answers < WAITING_MAX && give_up_late(r->cls, r->flow->last_ns))
		a = pool_get(pool);
	/* of streams that were reset no answer comes; where they come in turn the oldest is the next */
	if (!a && !in_turn && give_up_oldest(r))
		a = pool_get(pool);
	return a;
}

void answer_expect(struct reading *r, const struct message *request, const struct wire_shape *shape)
{
	struct answer *a;

	if (request->framed && find(r, request)) /* what the server says is expected since the handshake */
		return;
	a = make_room(r, request->version != 20);
	if (!a) {
		r->cls->stats.refused_bodies++;
		r->facts.why_not |= WHY_LIMIT;
		return;
	}
	memset(a, 0, offsetof(struct answer, list));
	a->r = r;
	a->stream = request->stream;
	a->index = asked_by(request);
	a->spoken = call_is_websocket(request);
	a->shape = shape;
	a->next = r->answers;
	r->answers = a;
	r->n_answers++;
	if (!a->spoken)
		wait_begins(r->cls, a);
}

/* ---- what was found -------------------------------------------------------------------------------------
 */

static void tell_found(struct answer *a)
{
	struct reading *r = a->r;

	if (a->skipped)
		r->facts.why_not |= WHY_LIMIT;
	if (a->n_list) {
		r->cls->stats.findings += a->n_list;
		reading_remember(r, a->list, a->n_list, a->more);
		tell_answer(r->cls, r, &a->facts, &a->q, a->list, a->n_list, a->more, r->flow->last_ns);
	}
	a->n_list = 0;
	a->more = 0;
}

/* Texts of a WebSocket that are over, or all; what has no end would never be told. */
static void end_channels(struct answer *a, bool all)
{
	const int64_t now = a->r->flow->last_ns;
	unsigned kept = 0;

	for (unsigned i = 0; i < a->n_channels; i++) {
		const struct channel *c = &a->channel[i];

		if (all || now - c->went_on_ns >= SILENT_NS || now - c->began_ns >= SPOKEN_NS)
			take_findings(a, c->s);
		else
			a->channel[kept++] = *c;
	}
	a->n_channels = kept;
}

/* Of the message at hand, or of the whole answer. */
static void end_message(struct answer *a)
{
	const bool read = a->content != NULL;

	if (read)
		content_close(a->content, NULL); /* hands out what is pending */
	a->content = NULL;
	end_channels(a, !a->spoken); /* what the model says comes first */
	if (read)
		take_findings(a, a->rest);
}

static bool begin_message(struct answer *a, const struct message *m)
{
	const struct text_sink out = {
	        .arg = a, .field = text_field, .text = text_piece, .field_end = text_end};
	struct classify *c = a->r->cls;

	a->rest = detect_open(c->detect);
	a->content = a->rest ? content_open(c->contents, m, &out) : NULL;
	if (a->content) {
		content_numbers(a->content, number);
		return true;
	}
	if (a->rest)
		take_findings(a, a->rest);
	a->r->facts.why_not |= WHY_LIMIT;
	return false;
}

/* ---- messages -------------------------------------------------------------------------------------------
 */

void answer_asked(struct reading *r, const struct message *request, const struct facts *x,
        const struct request_facts *q)
{
	struct answer *a = find(r, request);

	if (!a) /* it has come before its request had ended */
		return;
	if (request->framed && a->n_channels) { /* what was said before this question */
		end_channels(a, false);
		tell_found(a);
	}
	a->facts = *x;
	a->q = *q;
}

/* The capture began within a WebSocket, and the server is the first to speak. */
static struct answer *unasked(struct reading *r, const struct message *m)
{
	struct classify *c = r->cls;
	const struct service *s = r->facts.match.service;
	struct answer *a;

	if (!c->answers || (c->s->inspect.scope == INSPECT_AI && !s))
		return NULL;
	answer_expect(r, m, s ? s->own : catalogue_generic(c->s->catalogue));
	a = find(r, m);
	if (!a)
		return NULL;
	r->facts.visibility = VISIBLE_CLEAR;
	a->facts = r->facts;
	facts_judge(c, &a->facts, r->flow, m->when_ns, NULL);
	return a;
}

/* A message of the server in a WebSocket. */
static void spoken_head(struct reading *r, struct message *m)
{
	struct answer *a = find_silent(r, m);

	if (!a && !find(r, m))
		a = unasked(r, m);
	if (!a)
		return;
	if (m->damaged)
		for (unsigned i = 0; i < a->n_channels; i++)
			detect_gap(a->channel[i].s);
	begin_message(a, m); /* if it cannot be read the next one may */
	a->speaking = true;
	m->user = a;
}

void answer_head(struct reading *r, struct message *m)
{
	struct answer *a;

	m->user = NULL;
	if (m->framed) {
		spoken_head(r, m);
		return;
	}
	a = find(r, m);
	if (!a || a->found || a->speaking || m->status < 200)
		return;
	if (a->spoken && m->version >= 20 && m->status < 300) /* RFC 8441 5: it is open */
		return;
	a->spoken = false; /* refused */
	a->found = true;
	wait_ends(r->cls, a);
	if (begin_message(a, m))
		m->user = a;
	else
		put_back(r, a);
}

void answer_feed(struct message *m, const uint8_t *p, size_t n)
{
	struct answer *a = m->user;

	if (a && a->content)
		content_feed(a->content, p, n);
}

void answer_gap(struct message *m, uint64_t n)
{
	struct answer *a = m->user;

	if (!a)
		return;
	a->r->facts.why_not |= WHY_GAP;
	if (a->content)
		content_gap(a->content, n);
	for (unsigned i = 0; i < a->n_channels; i++)
		detect_gap(a->channel[i].s);
}

void answer_end(struct message *m, bool whole)
{
	struct answer *a = m->user;

	(void)whole;
	if (!a)
		return;
	m->user = NULL;
	end_message(a);
	tell_found(a);
	a->speaking = false;
	if (!a->spoken)
		put_back(a->r, a);
}

void answer_closed(struct reading *r, const struct message *head)
{
	struct answer *a = find_silent(r, head);

	if (!a)
		return;
	end_channels(a, true);
	tell_found(a);
	put_back(r, a);
}

void answers_drop(struct reading *r)
{
	while (r->answers) /* the layers have ended what was being read */
		put_back(r, r->answers);
}
