/* answer.c - see answer.h. */
#include "classify/answer.h"

#include "base/hash.h"

#include <stddef.h>
#include <string.h>

#define CHANNELS_MAX 4  /* texts of one answer that go on at once */
#define CHOICES_MAX  4  /* numbers that tell them apart */
#define FOUND_MAX    32 /* findings of one answer; more are counted */
#define WAITING_MAX  64 /* answers that one connection owes */

/* One text that goes on from event to event. */
struct channel {
	uint64_t key;
	uint32_t used; /* when it was last gone on with */
	struct detect_stream *s;
};

struct answer {
	struct answer *next;
	struct reading *r;
	uint64_t stream;
	uint32_t index;
	bool found;   /* its head was seen */
	bool skipped; /* some of it could not be read */
	const struct wire_shape *shape;
	struct content *content;
	struct detect_stream *rest;           /* of all that does not go on */
	struct channel channel[CHANNELS_MAX]; /* the first n_channels */
	unsigned n_channels;
	uint32_t clock;
	struct detect_stream *now; /* of the field that is being read */
	struct {
		uint64_t path, value;
	} choice[CHOICES_MAX];
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
 * event[7].delta.  What goes on is the same field without them. */
static size_t behind_event(const char *path, size_t n)
{
	static const char name[] = "event[";
	const size_t k = sizeof(name) - 1;
	const char *close;

	if (!n || (path[0] != '[' && (n < k || memcmp(path, name, k) != 0)))
		return 0;
	close = memchr(path, ']', n);
	return close && close + 1 < path + n && close[1] == '.' ? (size_t)(close + 2 - path) : 0;
}

static struct channel *oldest(struct answer *a)
{
	struct channel *c = &a->channel[0];

	for (unsigned i = 1; i < a->n_channels; i++)
		if (a->channel[i].used < c->used)
			c = &a->channel[i];
	return c;
}

/* The stream in which this text goes on; a new one begins at the cost of the one that was silent longest. */
static struct detect_stream *goes_on(
        struct answer *a, const char *path, size_t n, const char *key, size_t key_len)
{
	uint64_t about = hash64(a->choice, sizeof(a->choice), hash64(path, n, 0));
	struct channel *c;

	for (unsigned i = 0; i < a->n_channels; i++)
		if (a->channel[i].key == about) {
			a->channel[i].used = ++a->clock;
			return a->channel[i].s;
		}
	if (a->n_channels == CHANNELS_MAX) {
		c = oldest(a);
		take_findings(a, c->s);
	} else {
		c = &a->channel[a->n_channels++];
	}
	*c = (struct channel){.key = about, .used = ++a->clock, .s = detect_open(a->r->cls->detect)};
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

	if (wire_place(a->shape, path + from, n - from, &at) && at.flags & WIRE_DELTA) {
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
	(void)offset;
	detect_text(((struct answer *)arg)->now, p, n);
}

static void text_end(void *arg, bool whole)
{
	if (!whole)
		detect_gap(((struct answer *)arg)->now);
}

/* A number that says which of several texts goes on. */
static void number(void *arg, const char *path, size_t n, const char *p, size_t len)
{
	struct answer *a = arg;
	size_t from = behind_event(path, n);
	struct wire_place at;
	uint64_t name;

	if (!wire_place(a->shape, path + from, n - from, &at) || !(at.flags & WIRE_CHOICE))
		return;
	name = hash64(path + from, n - from, 0) | 1;
	for (unsigned i = 0; i < CHOICES_MAX; i++)
		if (!a->choice[i].path || a->choice[i].path == name) {
			a->choice[i].path = name;
			a->choice[i].value = hash64(p, len, 0);
			return;
		}
}

/* ---- what is expected -----------------------------------------------------------------------------------
 */

static void put_back(struct reading *r, struct answer *a)
{
	struct answer **at = &r->answers;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	r->n_answers--;
	pool_put(r->cls->answers, a);
}

static struct answer *find(const struct reading *r, const struct message *m)
{
	struct answer *a = r->answers;

	while (a && (a->stream != m->stream || a->index != m->index))
		a = a->next;
	return a;
}

void answer_expect(struct reading *r, const struct message *request, const struct wire_shape *shape)
{
	struct answer *a = r->n_answers < WAITING_MAX ? pool_get(r->cls->answers) : NULL;

	if (!a) {
		r->cls->stats.refused_bodies++;
		r->facts.why_not |= WHY_LIMIT;
		return;
	}
	memset(a, 0, offsetof(struct answer, list));
	a->r = r;
	a->stream = request->stream;
	a->index = request->index;
	a->shape = shape;
	a->next = r->answers;
	r->answers = a;
	r->n_answers++;
}

void answer_asked(struct reading *r, const struct message *request, const struct facts *x,
        const struct request_facts *q)
{
	struct answer *a = find(r, request);

	if (!a) /* it has come before its request had ended */
		return;
	a->facts = *x;
	a->q = *q;
}

void answer_head(struct reading *r, struct message *m)
{
	struct text_sink out = {.field = text_field, .text = text_piece, .field_end = text_end};
	struct classify *c = r->cls;
	struct answer *a = find(r, m);

	m->user = NULL;
	if (!a || a->found || m->status < 200)
		return;
	a->found = true;
	out.arg = a;
	a->rest = detect_open(c->detect);
	a->content = a->rest ? content_open(c->contents, m, &out) : NULL;
	if (!a->content) {
		if (a->rest)
			take_findings(a, a->rest);
		r->facts.why_not |= WHY_LIMIT;
		put_back(r, a);
		return;
	}
	content_numbers(a->content, number);
	m->user = a;
}

void answer_feed(struct message *m, const uint8_t *p, size_t n)
{
	struct answer *a = m->user;

	if (a)
		content_feed(a->content, p, n);
}

void answer_gap(struct message *m, uint64_t n)
{
	struct answer *a = m->user;

	if (!a)
		return;
	a->r->facts.why_not |= WHY_GAP;
	content_gap(a->content, n);
	for (unsigned i = 0; i < a->n_channels; i++)
		detect_gap(a->channel[i].s);
}

static void finish(struct answer *a)
{
	content_close(a->content, NULL);
	for (unsigned i = 0; i < a->n_channels; i++) /* what the model says comes first */
		take_findings(a, a->channel[i].s);
	take_findings(a, a->rest);
	if (a->skipped)
		a->r->facts.why_not |= WHY_LIMIT;
}

void answer_end(struct message *m, bool whole)
{
	struct answer *a = m->user;
	struct reading *r;

	(void)whole;
	if (!a)
		return;
	m->user = NULL;
	r = a->r;
	finish(a);
	if (a->n_list) {
		r->cls->stats.findings += a->n_list;
		reading_remember(r, a->list, a->n_list, a->more);
		tell_answer(r->cls, r, &a->facts, &a->q, a->list, a->n_list, a->more, r->flow->last_ns);
	}
	put_back(r, a);
}

void answers_drop(struct reading *r)
{
	while (r->answers) /* the layers have ended what was being read */
		put_back(r, r->answers);
}
