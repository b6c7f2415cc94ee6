/* sse.c - server-sent events (WHATWG HTML 9.2): answers of models that come token by token.
 *
 *   event: message_start
 *   data: {"type":
 *   data:  "message_start"}
 *   (empty line)
 *
 * The data of each event are a part of their own, so a broken one breaks no other.  The parts have no name:
 * what goes on from event to event stands in the same field of each ("choices[0].delta.content").  Names of
 * events, ids and comments are no text of anybody's. */
#include "base/text.h"
#include "classify/content/reader.h"

static bool is_type(const struct part_hint *hint, const char *type)
{
	size_t n = strlen(type);

	return slice_starts_nocase(hint->type, type) &&
	       (hint->type.n == n || strchr("; \t", hint->type.p[n]));
}

/* Begins the part of an event whose data begin with `first`. */
static bool begin_event(struct nest *t, const struct prefix *in, uint8_t first)
{
	const struct part_hint text = {.text = true};

	return first == '{' ? part_begin_as(t, &json_ops, in, NULL) : part_begin(t, in, &text);
}

static const char data_name[] = "data:";

enum sse_state { SSE_NAME, SSE_SPACE, SSE_DATA, SSE_OTHER };

struct sse {
	const struct prefix *in;
	uint8_t state, name_n; /* bytes of data_name that the line began with */
	bool cr;               /* the newest byte was a CR: an LF behind it belongs to it */
	bool open;             /* the event has a part ... */
	bool deaf;             /* ... or could have none */
	bool more;             /* another line of data has begun */
};

static int sse_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	(void)p;
	return n && is_type(hint, "text/event-stream"); /* after its byte order mark */
}

static bool sse_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	(void)t;
	(void)hint;
	((struct sse *)state)->in = in;
	return true;
}

static void end_event(struct sse *s, struct nest *t)
{
	if (s->open)
		part_end(t);
	s->open = s->deaf = s->more = false;
}

/* An empty line ends the event; any other only itself. */
static void end_line(struct sse *s, struct nest *t, uint8_t c)
{
	if (s->state == SSE_NAME && !s->name_n)
		end_event(s, t);
	if (s->state == SSE_OTHER)
		emit_end(nest_emit(t), true);
	s->cr = c == '\r';
	s->state = SSE_NAME;
	s->name_n = 0;
}

/* The line is no data: it is told with what was taken for the name of one. */
static void begin_other(struct sse *s, struct nest *t)
{
	if (s->open)
		part_end(t);
	s->open = s->deaf = s->more = false;
	s->state = SSE_OTHER;
	emit_plain(nest_emit(t), s->in);
	emit_text(nest_emit(t), (const uint8_t *)data_name, s->name_n);
}

/* A byte of the name; false: it belongs to another kind of line. */
static bool read_name(struct sse *s, uint8_t c)
{
	if (c != (uint8_t)data_name[s->name_n])
		return false;
	if (++s->name_n == sizeof(data_name) - 1)
		s->state = SSE_SPACE;
	return true;
}

static void data(struct sse *s, struct nest *t, const uint8_t *p, size_t n)
{
	if (!s->open && !s->deaf) {
		s->open = begin_event(t, s->in, p[0]);
		s->deaf = !s->open;
	} else if (s->open && s->more) {
		part_feed(t, (const uint8_t *)"\n", 1);
	}
	s->more = false;
	if (s->open)
		part_feed(t, p, n);
}

static size_t to_line_end(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && p[i] != '\n' && p[i] != '\r')
		i++;
	return i;
}

static void sse_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct sse *s = state;
	size_t i = 0;

	while (i < n && !nest_over(t)) {
		if (s->cr && p[i] == '\n') {
			s->cr = false;
			i++;
			continue;
		}
		s->cr = false;
		if (p[i] == '\n' || p[i] == '\r') {
			end_line(s, t, p[i++]);
		} else if (s->state == SSE_NAME) {
			if (read_name(s, p[i]))
				i++;
			else
				begin_other(s, t);
		} else if (s->state == SSE_SPACE) {
			i += p[i] == ' ';
			s->state = SSE_DATA;
			s->more = true;
		} else {
			size_t run = to_line_end(p + i, n - i);

			if (s->state == SSE_DATA)
				data(s, t, p + i, run);
			else
				emit_text(nest_emit(t), p + i, run);
			i += run;
		}
	}
}

/* The rest of a line of which the beginning is missing is text. */
static void sse_gap(void *state, struct nest *t, uint64_t n)
{
	struct sse *s = state;

	nest_skip(t, CONTENT_GAP);
	if (s->open)
		part_gap(t, n);
	else if (s->state == SSE_OTHER)
		emit_end(nest_emit(t), false);
	s->name_n = 0;
	s->cr = false;
	begin_other(s, t);
}

static void sse_end(void *state, struct nest *t)
{
	struct sse *s = state;

	if (s->state == SSE_OTHER)
		emit_end(nest_emit(t), true);
	end_event(s, t);
}

const struct reader_ops sse_ops = {
        "events", sizeof(struct sse), true, sse_probe, sse_open, sse_feed, sse_gap, sse_end};
