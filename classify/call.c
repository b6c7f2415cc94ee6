/* call.c - see call.h.
 *
 * A message may say who speaks behind what is said, so its words wait until the next message begins.  Words
 * outside of any list (a prompt) go before those of a list, which is a history; of a list the newest count.
 */
#include "classify/call.h"

#include "base/hash.h"

#include <string.h>

#define MARK_MESSAGE 16         /* marks from here on: 16 + number of a message; below: enum speaker */
#define MARK_WORDS   (1u << 31) /* with MARK_MESSAGE: the user's when the message does not say whose */
#define HASHED_MAX   1024       /* bytes of the first words that tell one thread from another */
#define GUESS_MIN    16         /* a shorter text is no sentence */
#define GUESS_LOOK   4096       /* bytes in which a sentence has a blank */
#define FNV_BASIS    14695981039346656037u
#define FNV_PRIME    1099511628211u

/* ---- the head -------------------------------------------------------------------------------------------
 */

static void keep(struct call_text *t, const char *p, size_t n, uint8_t rank)
{
	t->n = n;
	t->rank = rank;
	if (n && n <= sizeof(t->text))
		memcpy(t->text, p, n);
}

/* RFC 3986 2.1: ids of models have ':' and '/' in them.  Of a placeholder that comes twice both parts are it.
 */
static void keep_decoded(struct call_text *t, struct slice s)
{
	char text[CALL_TEXT_MAX];
	size_t n = t->n < sizeof(text) ? t->n : 0;

	memcpy(text, t->text, n);
	if (n)
		text[n++] = '/';

	for (size_t i = 0; i < s.n && n < sizeof(text); i++) {
		int high = i + 2 < s.n && s.p[i] == '%' ? hex_digit(s.p[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;

		text[n++] = (char)(low >= 0 ? high << 4 | low : s.p[i]);
		i += low >= 0 ? 2 : 0;
	}
	keep(t, text, n, 0);
}

/* Headers that the shape knows; they are not told as fields. */
static void read_headers(struct call *q, const struct wire_shape *w, const struct message *m)
{
	char path[80] = "header.";
	const size_t prefix = strlen(path);

	for (unsigned i = 0; i < m->n_headers; i++) {
		const struct header *h = &m->headers[i];
		struct wire_place at;

		if (!h->value.n || h->name.n > sizeof(path) - prefix)
			continue;
		for (size_t k = 0; k < h->name.n; k++)
			path[prefix + k] =
			        (char)(h->name.p[k] >= 'A' && h->name.p[k] <= 'Z' ? h->name.p[k] + 32
			                                                          : h->name.p[k]);
		if (wire_place(w, path, prefix + h->name.n, &at) && at.take)
			keep(&q->take[at.take], h->value.p, h->value.n, at.rank);
	}
}

static bool knows_headers(const struct wire_shape *w)
{
	for (uint16_t i = w->nodes[0].child; i; i = w->nodes[i].next)
		if (w->nodes[i].n == 6 && !memcmp(w->nodes[i].name, "header", 6))
			return true;
	return w->base && knows_headers(w->base);
}

bool call_is_websocket(const struct message *m)
{
	if (m->framed || slice_is_nocase(m->protocol, "websocket"))
		return true;
	for (unsigned i = 0; m->upgrade && i < m->n_headers; i++)
		if (slice_is_nocase(m->headers[i].name, "upgrade"))
			return slice_is_nocase(m->headers[i].value, "websocket");
	return false;
}

static bool try_shape(struct call *q, const struct wire_shape *w, const struct message *m, bool sure)
{
	struct wire_capture found[WIRE_CAPTURES_MAX];
	unsigned n = 0;
	const struct wire_request *r = wire_request(w, call_is_websocket(m), m->method, m->path, found, &n);

	if (!r)
		return false;
	q->shape = w;
	q->named = sure ? w->id : NULL;
	q->operation = r->operation;
	for (unsigned i = 0; i < n; i++)
		keep_decoded(&q->take[found[i].take], found[i].text);
	return true;
}

void call_head(struct call *q, const struct catalogue *c, const struct service *s, const char *like,
        const struct message *m)
{
	const struct wire_shape *fallback = s ? s->own : catalogue_generic(c),
	                        *guess = like ? catalogue_shape(c, like) : NULL;
	const struct wire_shape *const *copied;
	size_t n_copied;
	bool found = false;

	memset(q, 0, offsetof(struct call, speaker));
	q->operation = "";
	copied = catalogue_copied(c, &n_copied);
	for (size_t i = 0; s && i < s->n_shapes && !found; i++)
		found = try_shape(q, s->shapes[i], m, true);
	for (size_t i = 0; s && i < n_copied && !found; i++)
		found = try_shape(q, copied[i], m, true);
	if (!found && guess)
		found = try_shape(q, guess, m, false);
	if (!found) {
		try_shape(q, catalogue_generic(c), m, false);
		q->shape = fallback;
		q->guessing = true;
	}
	if (knows_headers(q->shape))
		read_headers(q, q->shape, m);
}

/* ---- paths of words -------------------------------------------------------------------------------------
 */

static void path_set(struct call_path *p, const char *text, size_t n)
{
	p->n = n <= sizeof(p->text) ? n : 0;
	if (p->n)
		memcpy(p->text, text, n);
}

/* "a[0].b" and "a[1].b" are "a[].b"; paths that differ in more stay as the first of them is. */
static void path_join(struct call_path *p, const char *text, size_t n)
{
	struct call_path both = {0};
	size_t a = 0, b = 0;

	while (a < p->n && b < n) {
		size_t from_a = a, from_b = b;

		if (p->text[a] != text[b])
			return;
		both.text[both.n++] = p->text[a++];
		if (text[b++] != '[')
			continue;
		while (a < p->n && p->text[a] != ']')
			a++;
		while (b < n && text[b] != ']')
			b++;
		if (a - from_a == b - from_b && !memcmp(p->text + from_a, text + from_b, a - from_a)) {
			memcpy(both.text + both.n, p->text + from_a + 1, a - from_a - 1);
			both.n += a - from_a - 1;
		}
	}
	if (a == p->n && b == n)
		*p = both;
}

static void path_add(struct call_path *p, const char *text, size_t n)
{
	if (p->n)
		path_join(p, text, n);
	else
		path_set(p, text, n);
}

/* ---- messages -------------------------------------------------------------------------------------------
 */

static bool same_message(const struct call *q, const struct wire_place *at)
{
	return q->message.list == at->message && q->message.n_at == at->n_at &&
	       !memcmp(q->message.at, at->at, at->n_at * sizeof(*at->at));
}

/* The message is whole: its words count when the user said them. */
static void end_message(struct call *q)
{
	enum speaker said = (enum speaker)q->message.speaker;

	if (!q->message.list || (said != SPEAKER_USER && said != SPEAKER_UNKNOWN))
		return;
	if (q->message.hashed && !q->thread)
		q->thread = q->message.begins | 1;
	if (!q->message.words.n || (q->words.n && !q->words_last))
		return;
	/* without roles every element is the user's, as the inputs of an embedding are */
	if (q->words.n && !q->message.roled)
		path_join(&q->words, q->message.words.text, q->message.words.n);
	else
		q->words = q->message.words;
	q->words_last = true;
}

static void begin_message(struct call *q, const struct wire_place *at)
{
	bool next = q->message.list == at->message && at->n_at && q->message.n_at == at->n_at &&
	            !memcmp(q->message.at, at->at, (at->n_at - 1u) * sizeof(*at->at)) &&
	            at->at[at->n_at - 1] > q->message.at[at->n_at - 1];
	uint32_t last = at->n_at ? at->at[at->n_at - 1] : 0, more = 1;

	/* elements that hold no text are not told */
	if (at->element && at->n_at)
		more = next ? last - q->message.at[at->n_at - 1] : last + 1;
	end_message(q);
	q->messages = q->messages < UINT32_MAX - more ? q->messages + more : UINT32_MAX;
	q->message.list = at->message;
	q->message.n_at = at->n_at;
	memcpy(q->message.at, at->at, sizeof(at->at));
	q->message.roled = at->roled;
	q->message.speaker = SPEAKER_UNKNOWN;
	q->message.number++;
	q->message.words.n = 0;
	q->message.begins = FNV_BASIS;
	q->message.hashed = 0;
	if (q->message.number < CALL_MESSAGES_MAX)
		q->speaker[q->message.number] = SPEAKER_UNKNOWN;
}

static void set_speaker(struct call *q, enum speaker s)
{
	if (q->message.speaker || !s)
		return;
	q->message.speaker = (uint8_t)s;
	if (q->message.number < CALL_MESSAGES_MAX)
		q->speaker[q->message.number] = (uint8_t)s;
}

/* `n`: of the path.  What stands in a message and has no other speaker is said by whom the message says,
 * before the text or behind it; an element that is a text itself (at->n == n) says nothing. */
static uint32_t mark_of(const struct call *q, const struct wire_place *at, size_t n)
{
	bool words = at->flags & WIRE_WORDS;

	if (at->speaker)
		return at->speaker;
	if (!at->message || !(at->roled || (at->message->flags & WIRE_ROLED && at->n < n)))
		return words ? SPEAKER_USER : SPEAKER_UNKNOWN;
	if (q->message.speaker || q->message.number >= CALL_MESSAGES_MAX)
		return q->message.speaker;
	return (MARK_MESSAGE + q->message.number) | (words && !at->roled ? MARK_WORDS : 0);
}

enum speaker call_speaker(const struct call *q, uint32_t mark)
{
	uint32_t number = mark & ~MARK_WORDS;
	enum speaker said;

	if (mark < SPEAKERS)
		return (enum speaker)mark;
	if (number <= MARK_MESSAGE || number - MARK_MESSAGE >= CALL_MESSAGES_MAX ||
	        number - MARK_MESSAGE > q->message.number)
		return SPEAKER_UNKNOWN;
	said = (enum speaker)q->speaker[number - MARK_MESSAGE];
	return !said && mark & MARK_WORDS ? SPEAKER_USER : said;
}

/* ---- fields ---------------------------------------------------------------------------------------------
 */

static void begin_words(struct call *q, const struct wire_place *at, const char *path, size_t n)
{
	if (at->speaker && at->speaker != SPEAKER_USER)
		return;
	if (at->message && at->element) {
		path_add(&q->message.words, path, n);
		q->hash_next = true;
		return;
	}
	/* a list never takes the place of these; of several the one that the shape names first stays */
	if (q->words.n && !q->words_last && at->rank >= q->words_rank)
		return;
	path_set(&q->words, path, n);
	q->words_last = false;
	q->words_rank = at->rank;
}

static bool same_file(const struct wire_place *a, const struct wire_place *b)
{
	return a->n_index == b->n_index && !memcmp(a->at, b->at, a->n_index * sizeof(*a->at));
}

static void add_file(struct call *q)
{
	if (q->files && q->file.n_index && same_file(&q->file, &q->place))
		return;
	q->file = q->place;
	q->files++;
}

/* Names under which programs that nobody knows send what their users write. */
static bool wordy_name(const char *path, size_t n)
{
	static const char *const names[] = {"prompt", "message", "query", "question", "text", "content",
	        "input", "inputs", "inputtext", "instruction", "instructions", "q", "msg", "ask", "body"};
	size_t end = n, from;
	char name[16];

	while (end && path[end - 1] == ']') {
		while (end && path[end - 1] != '[')
			end--;
		end -= end > 0;
	}
	for (from = end; from && path[from - 1] != '.' && path[from - 1] != ']';)
		from--;
	if (end - from >= sizeof(name))
		return false;
	for (size_t i = from; i < end; i++)
		name[i - from] = (char)(path[i] >= 'A' && path[i] <= 'Z' ? path[i] + 32 : path[i]);
	name[end - from] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

uint32_t call_field(struct call *q, const char *path, size_t n)
{
	struct wire_place *at = &q->place;
	bool known = wire_place(q->shape, path, n, at);

	q->role_next = q->take_next = q->file_next = q->hash_next = false;
	q->field.n = 0;
	if (q->guessing && !(known && (at->take || at->speaker || at->flags & WIRE_ROLE))) {
		path_set(&q->field, path, n);
		q->field_n = 0;
		q->field_known = wordy_name(path, n);
		q->field_wordy = false;
	}
	if (!known)
		return SPEAKER_UNKNOWN;
	if (at->message && !same_message(q, at))
		begin_message(q, at);
	if (at->flags & WIRE_WORDS)
		begin_words(q, at, path, at->n);
	if (at->flags & WIRE_FILE && !at->n_values)
		add_file(q);
	q->file_next = at->flags & WIRE_FILE && at->n_values;
	q->role_next = at->flags & WIRE_ROLE && at->message;
	if (at->take && (!q->take[at->take].n || at->rank < q->take[at->take].rank)) {
		keep(&q->take[at->take], NULL, 0, at->rank);
		q->take_next = true;
	}
	q->value_n = 0;
	return mark_of(q, at, n);
}

static void add_text(char *text, size_t cap, size_t *have, const uint8_t *p, size_t n)
{
	size_t room = *have < cap ? cap - *have : 0;

	if (n && room)
		memcpy(text + *have, p, n < room ? n : room);
	*have += n;
}

static void hash_words(struct call *q, const uint8_t *p, size_t n)
{
	size_t more = n < HASHED_MAX - q->message.hashed ? n : HASHED_MAX - q->message.hashed;
	uint64_t h = q->message.begins;

	for (size_t i = 0; i < more; i++)
		h = (h ^ p[i]) * FNV_PRIME;
	q->message.begins = h;
	q->message.hashed += more;
}

void call_text(struct call *q, const uint8_t *p, size_t n)
{
	if (q->take_next) {
		struct call_text *t = &q->take[q->place.take];

		add_text(t->text, sizeof(t->text), &t->n, p, n);
	}
	if (q->role_next || q->file_next)
		add_text(q->value, sizeof(q->value), &q->value_n, p, n);
	if (q->hash_next && !q->thread)
		hash_words(q, p, n);
	if (q->field.n) {
		if (q->field_n < GUESS_LOOK)
			q->field_wordy =
			        q->field_wordy ||
			        memchr(p, ' ', n < GUESS_LOOK - q->field_n ? n : GUESS_LOOK - q->field_n);
		q->field_n += n;
	}
}

static bool is_one_of(const struct call *q, const struct wire_place *at)
{
	for (unsigned i = 0; i < at->n_values && q->value_n < sizeof(q->value); i++)
		if (strlen(at->values[i]) == q->value_n && !memcmp(at->values[i], q->value, q->value_n))
			return true;
	return false;
}

static bool starts(const struct call_path *p, const char *with)
{
	size_t n = strlen(with);

	return p->n >= n && !memcmp(p->text, with, n);
}

/* Of texts under a name that says so the longest, else of sentences; a part of a form may be a file. */
static void guess(struct call *q)
{
	bool better = q->field_known != q->guess_known ? q->field_known : q->field_n > q->guess_n;

	if (!q->field_known && (q->field_n < GUESS_MIN || !q->field_wordy || starts(&q->field, "part.")))
		return;
	if (q->guess.n && !better)
		return;
	q->guess = q->field;
	q->guess_n = q->field_n;
	q->guess_known = q->field_known;
}

void call_field_end(struct call *q, bool whole)
{
	if (q->take_next && !whole)
		q->take[q->place.take].n = 0;
	if (q->role_next && q->value_n < sizeof(q->value))
		set_speaker(q, speaker_by_word(q->value, q->value_n));
	if (q->file_next && is_one_of(q, &q->place))
		add_file(q);
	if (q->field.n)
		guess(q);
	q->role_next = q->take_next = q->file_next = q->hash_next = false;
	q->field.n = 0;
}

void call_file(struct call *q)
{
	q->files++;
}

void call_end(struct call *q)
{
	end_message(q);
	q->message.list = NULL;
	if (q->words.n && !q->messages)
		q->messages = 1;
	if (!q->words.n && q->guessing)
		q->words = q->guess;
	for (int t = TAKE_NONE + 1; t < TAKES; t++)
		if (q->take[t].n > CALL_TEXT_MAX)
			q->take[t].n = 0; /* whole, or not at all: half a key is one that no detector knows */
}

struct slice call_operation(const struct call *q)
{
	const struct call_text *t = &q->take[TAKE_OPERATION];

	return t->n && t->n <= sizeof(t->text) ? slice_of(t->text, t->n)
	                                       : slice_of(q->operation, strlen(q->operation));
}
