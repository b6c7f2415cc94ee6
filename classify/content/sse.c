/* sse.c - text/event-stream (HTML Living Standard 9.2), in which answers are sent word by word.
 *
 *   event: NAME | id: ID | data: TEXT | : COMMENT, a line each; data may have several; an empty line ends an
 * event
 *
 * The data of each event is a part, mostly JSON.  A text that comes in pieces stands in the same place of
 * many events (choices[0].delta.content): as one field it is told, so that what is cut between two events is
 * found; the names and numbers that every event repeats beside it are left out. */
#include "classify/content/reader.h"

#define NAME_MAX_SHOWN 8

/* Where answers grow: the last name of the path (OpenAI, Anthropic, Google, Cohere, Ollama and their kin). */
static const char *const growing[] = {"content", "text", "delta", "arguments", "partial_json", "thinking",
        "reasoning", "reasoning_content", "response", "completion", "output_text", "transcript"};

enum state { NAME, SPACE, DATA, PASS };

struct sse {
	const struct prefix *in;
	struct text_sink out; /* what the text goes to */
	uint8_t state, n_name;
	bool cr;                  /* the last byte was one: an LF behind it is part of the line's end */
	bool part;                /* one is open: the data of this event */
	bool told, grows, hushed; /* a field was told and has not ended; it may go on; this one is not told */
	uint64_t offset;
	struct prefix path; /* of the field that was told */
	char name[NAME_MAX_SHOWN];
};

/* ---- pieces become one field ---- */

static bool is_growing(const char *path, size_t n, const char *key, size_t key_len)
{
	for (size_t i = 0; i < sizeof(growing) / sizeof(growing[0]); i++)
		if (slice_is(slice_of(key, key_len), growing[i]))
			return true;
	return !key_len && slice_is(slice_of(path, n), "body"); /* no JSON */
}

static void end_told(struct sse *x, bool whole)
{
	if (x->told && x->out.field_end)
		x->out.field_end(x->out.arg, whole);
	x->told = x->grows = false;
}

static void join_field(void *arg, const char *path, size_t n, const char *key, size_t key_len)
{
	struct sse *x = arg;
	bool grows = is_growing(path, n, key, key_len);

	x->hushed = x->grows && !grows;
	if (x->hushed)
		return;
	if (x->grows && n == x->path.n && !memcmp(path, x->path.text, n))
		return;
	end_told(x, true);
	prefix_set(&x->path, path, n, 0, 0);
	x->told = true;
	x->grows = grows;
	x->offset = 0;
	if (x->out.field)
		x->out.field(x->out.arg, path, n, key, key_len);
}

static void join_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct sse *x = arg;

	(void)offset;
	if (x->hushed)
		return;
	if (x->out.text)
		x->out.text(x->out.arg, p, n, x->offset);
	x->offset += n;
}

static void join_end(void *arg, bool whole)
{
	struct sse *x = arg;

	if (!x->hushed && (!whole || !x->grows))
		end_told(x, whole);
	x->hushed = false;
}

static void join_file(void *arg, const char *name, size_t n)
{
	struct sse *x = arg;

	if (x->out.file)
		x->out.file(x->out.arg, name, n);
}

/* ---- lines ---- */

static int sse_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	static const char *const begins[] = {"data:", "event:", "id:", "retry:", ":", "\n", "\r"};

	if (!slice_starts_nocase(hint->type, "text/event-stream"))
		return 0;
	for (size_t i = 0; n && i < sizeof(begins) / sizeof(begins[0]); i++) {
		size_t k = strlen(begins[i]);

		if (!memcmp(p, begins[i], k < n ? k : n))
			return n < k ? -1 : 1;
	}
	return 0;
}

static bool sse_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct sse *x = state;
	struct text_sink *out = &nest_emit(t)->out;

	(void)hint;
	x->in = in;
	x->out = *out;
	*out = (struct text_sink){
	        .arg = x, .field = join_field, .text = join_text, .field_end = join_end, .file = join_file};
	return true;
}

static void event_ends(struct sse *x, struct nest *t)
{
	if (x->part)
		part_end(t);
	x->part = false;
}

static void line_ends(struct sse *x, struct nest *t)
{
	if (x->state == NAME && !x->n_name)
		event_ends(x, t);
	x->state = NAME;
	x->n_name = 0;
}

static void data_begins(struct sse *x, struct nest *t)
{
	static const struct part_hint none;

	if (x->part) { /* the lines of an event are one text */
		part_feed(t, (const uint8_t *)"\n", 1);
	} else if (part_begin(t, x->in, &none)) {
		x->part = true;
	} else {
		x->state = PASS;
		return;
	}
	x->state = SPACE;
}

static void name_byte(struct sse *x, struct nest *t, uint8_t c)
{
	if (c == ':' && x->n_name == 4 && !memcmp(x->name, "data", 4))
		data_begins(x, t);
	else if (c == ':' || x->n_name == NAME_MAX_SHOWN)
		x->state = PASS;
	else
		x->name[x->n_name++] = (char)c;
}

static size_t line_of(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] != '\n' && p[i] != '\r')
		i++;
	return i;
}

static void sse_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct sse *x = state;

	while (n && !nest_over(t)) {
		bool crlf = x->cr && *p == '\n';
		size_t k = 1;

		x->cr = *p == '\r';
		if (crlf) {
			;
		} else if (*p == '\n' || *p == '\r') {
			line_ends(x, t);
		} else if (x->state == NAME) {
			name_byte(x, t, *p);
		} else if (x->state == SPACE && *p == ' ') {
			x->state = DATA;
		} else {
			k = line_of(p, n);
			if (x->state != PASS) {
				x->state = DATA;
				part_feed(t, p, k);
			}
		}
		p += k;
		n -= k;
	}
}

/* What comes is read from the next line on, as what stands in its event. */
static void sse_gap(void *state, struct nest *t, uint64_t n)
{
	struct sse *x = state;

	if (x->part)
		part_gap(t, n);
	event_ends(x, t);
	end_told(x, false);
	x->state = PASS;
	x->cr = false;
}

static void sse_end(void *state, struct nest *t)
{
	struct sse *x = state;

	event_ends(x, t);
	end_told(x, !nest_emit(t)->cut);
	nest_emit(t)->out = x->out;
}

const struct reader_ops sse_ops = {
        "sse", sizeof(struct sse), true, sse_probe, sse_open, sse_feed, sse_gap, sse_end};
