/* wire.c - asking a shape about a field and about a request; see wire.h. */
#include "config/wire.h"

#include "config/catalogue.h"

#include <string.h>
#include <strings.h>

static const char *const speakers[SPEAKERS] = {
        [SPEAKER_UNKNOWN] = "",
        [SPEAKER_SYSTEM] = "system",
        [SPEAKER_USER] = "user",
        [SPEAKER_ASSISTANT] = "assistant",
        [SPEAKER_TOOL] = "tool",
};

const char *speaker_name(enum speaker s)
{
	return s < SPEAKERS ? speakers[s] : "";
}

enum speaker speaker_by_word(const char *p, size_t n)
{
	static const struct {
		const char *word;
		enum speaker is;
	} words[] = {
	        {"user", SPEAKER_USER},
	        {"assistant", SPEAKER_ASSISTANT},
	        {"system", SPEAKER_SYSTEM},
	        {"tool", SPEAKER_TOOL},
	        {"model", SPEAKER_ASSISTANT},
	        {"developer", SPEAKER_SYSTEM},
	        {"function", SPEAKER_TOOL},
	        {"human", SPEAKER_USER},
	        {"chatbot", SPEAKER_ASSISTANT},
	        {"bot", SPEAKER_ASSISTANT},
	        {"ai", SPEAKER_ASSISTANT},
	        {"agent", SPEAKER_ASSISTANT},
	        {"user_message", SPEAKER_USER},
	        {"assistant_message", SPEAKER_ASSISTANT},
	        {"system_message", SPEAKER_SYSTEM},
	        {"role_user", SPEAKER_USER},
	        {"role_agent", SPEAKER_ASSISTANT},
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i].word) == n && !strncasecmp(words[i].word, p, n))
			return words[i].is;
	return SPEAKER_UNKNOWN;
}

const char *wire_take_name(enum wire_take t)
{
	static const char *const names[TAKES] = {"", "operation", "model", "tool", "conversation", "account"};

	return t < TAKES ? names[t] : "";
}

/* ---- the place of a field -------------------------------------------------------------------------------
 */

struct step {
	bool element;
	bool marked; /* what follows was made of the text that stands here: "url(base64)" */
	uint32_t index;
	const char *name;
	size_t n, end; /* end: of the step in the path, a dot behind it not counted */
};

/* The step that begins at path[at]; returns where the next one does. */
static size_t read_step(const char *path, size_t n, size_t at, struct step *s)
{
	size_t i = at;

	if (path[i] == '[') {
		uint32_t v = 0;

		for (i++; i < n && path[i] >= '0' && path[i] <= '9' && v < UINT32_MAX / 10 - 1; i++)
			v = v * 10 + (uint32_t)(path[i] - '0');
		if (i > at + 1 && i < n && path[i] == ']') {
			i++;
			*s = (struct step){
			        .element = true, .index = v, .end = i, .marked = i < n && path[i] == '('};
			return i < n && path[i] == '.' ? i + 1 : i;
		}
		i = at + 1; /* a bracket that a name holds */
	}
	while (i < n && path[i] != '.' && path[i] != '[' && path[i] != '(')
		i++;
	*s = (struct step){.name = path + at, .n = i - at, .end = i, .marked = i < n && path[i] == '('};
	return i < n && path[i] == '.' ? i + 1 : i;
}

static bool takes(const struct wire_node *k, const struct step *s)
{
	switch ((enum wire_step)k->step) {
	case STEP_MEMBER:
		return !s->element && k->n == s->n && !memcmp(k->name, s->name, s->n);
	case STEP_ELEMENT:
		return s->element && k->element == s->index;
	case STEP_ANY_MEMBER:
		return !s->element;
	case STEP_ANY_ELEMENT:
		return s->element;
	}
	return false;
}

/* What is known of the field that a node describes.  `whole`: the path ends there; else the text that stands
 * there holds more (JSON in a string, base64), and all of it is what the text is. */
static void at_node(const struct wire_node *node, size_t n, bool whole, struct wire_place *out)
{
	out->n = (uint16_t)n;
	if (node == out->message)
		out->roled = false; /* the message is this text, and has no members that could say more */
	out->flags = whole ? node->flags : node->flags & (WIRE_WORDS | WIRE_FILE | WIRE_DELTA);
	out->rank = node->rank;
	if (!whole)
		return;
	out->take = node->take;
	out->values = node->values;
	out->n_values = node->n_values;
}

static bool place_in(const struct wire_shape *w, const char *path, size_t n, struct wire_place *out)
{
	const struct wire_node *node = &w->nodes[0];
	size_t at = 0, end = 0;
	bool whole = n > 0;

	memset(out, 0, sizeof(*out));
	while (at < n) {
		uint16_t child = node->child;
		struct step s;

		at = read_step(path, n, at, &s);
		while (child && !takes(&w->nodes[child], &s))
			child = w->nodes[child].next;
		if (s.element && out->n_index < WIRE_INDEXES)
			out->at[out->n_index++] = s.index;
		whole = child && !s.marked;
		if (!child)
			break;
		node = &w->nodes[child];
		end = s.end;
		if (node->speaker)
			out->speaker = node->speaker;
		if (node->flags & WIRE_MESSAGE) {
			out->message = node;
			out->roled = node->flags & WIRE_ROLED;
			out->element = s.element;
			out->n_at = out->n_index;
		}
		if (s.marked)
			break;
	}
	if (end)
		at_node(node, end, whole, out);
	return out->flags || out->take || out->speaker || out->message;
}

bool wire_place(const struct wire_shape *w, const char *path, size_t n, struct wire_place *out)
{
	struct wire_place own;
	bool known = place_in(w, path, n, out);

	if (!w->base)
		return known;
	own = *out;
	if (!place_in(w->base, path, n, out)) {
		*out = own;
		return known;
	}
	/* what the base says of it stands, the shape's own words are added */
	if (!out->speaker && !out->take && own.flags && (!out->flags || own.n > out->n)) {
		out->flags |= own.flags;
		out->rank = own.rank;
		out->n = own.n;
	}
	return true;
}

/* ---- requests -------------------------------------------------------------------------------------------
 */

static enum wire_take take_by_name(const char *p, size_t n)
{
	for (int t = TAKE_NONE + 1; t < TAKES; t++) {
		const char *name = wire_take_name((enum wire_take)t);

		if (strlen(name) == n && !memcmp(name, p, n))
			return (enum wire_take)t;
	}
	return TAKE_NONE;
}

/* Where to go on when the path stops fitting, as catalogue_match.c does: the latest {x} takes one byte more,
 * and when it may not, the latest `*' does and everything behind it begins anew. */
struct retry {
	const char *pattern; /* behind the wildcard; NULL: there was none */
	size_t at;
	unsigned n; /* captures then */
	bool keeps; /* the last of them is this one's */
};

struct matching {
	struct slice path;
	struct retry segment, run;
	struct wire_capture *out;
	unsigned n;
};

static bool again(struct matching *m, const char **pattern, size_t *i)
{
	struct retry *r = &m->segment;

	if (r->pattern && r->at < m->path.n && m->path.p[r->at] != '/') {
		m->n = r->n;
		if (r->keeps)
			m->out[r->n - 1].text.n++;
	} else {
		r = &m->run;
		m->segment.pattern = NULL;
		if (!r->pattern || r->at >= m->path.n)
			return false;
		m->n = r->n;
	}
	*i = ++r->at;
	*pattern = r->pattern;
	return true;
}

/* A placeholder takes its first byte; *pattern stands at its brace. */
static void begin_segment(struct matching *m, const char **pattern, size_t *i)
{
	const char *name = *pattern + 1, *close = strchr(name, '}');
	enum wire_take take = take_by_name(name, (size_t)(close - name));

	*pattern = close + 1;
	if (take && m->n < WIRE_CAPTURES_MAX)
		m->out[m->n++] = (struct wire_capture){take, slice_of(m->path.p + *i, 1)};
	else
		take = TAKE_NONE;
	m->segment = (struct retry){*pattern, ++*i, m->n, take != TAKE_NONE};
}

bool wire_path_fits(
        const char *pattern, struct slice path, struct wire_capture out[WIRE_CAPTURES_MAX], unsigned *n_out)
{
	struct matching m = {.path = path, .out = out};
	size_t i = 0;

	if (m.path.n > CATALOGUE_PATH_MAX)
		m.path.n = CATALOGUE_PATH_MAX;
	while (m.path.n > 1 && m.path.p[m.path.n - 1] == '/')
		m.path.n--;
	for (;;) {
		if (*pattern == '*') {
			if (!*++pattern)
				break;
			m.run = (struct retry){.pattern = pattern, .at = i, .n = m.n};
			m.segment.pattern = NULL;
		} else if (*pattern == '{' && i < m.path.n && m.path.p[i] != '/') {
			begin_segment(&m, &pattern, &i);
		} else if (!*pattern && i == m.path.n) {
			break;
		} else if (*pattern && *pattern != '{' && i < m.path.n && *pattern == m.path.p[i]) {
			pattern++;
			i++;
		} else if (!again(&m, &pattern, &i)) {
			return false;
		}
	}
	*n_out = m.n;
	return true;
}

const struct wire_request *wire_request(const struct wire_shape *w, bool websocket, struct slice method,
        struct slice path, struct wire_capture out[WIRE_CAPTURES_MAX], unsigned *n_out)
{
	for (size_t i = 0; i < w->n_requests; i++) {
		const struct wire_request *q = &w->requests[i];
		bool fits = websocket ? !strcmp(q->method, "WS") : slice_is(method, q->method);

		if (fits && wire_path_fits(q->path, path, out, n_out))
			return q;
	}
	return NULL;
}
