/* wire_read.c - the catalogue's descriptions of wire shapes: from lists of paths to a tree of steps.
 *
 * The lists stand in a table, one row each: what a path of that list means is what its row says. */
#include "config/catalogue_internal.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

#define OPERATION_MAX 32
#define GENERIC       "generic"

static const struct list {
	const char *key;
	uint8_t flags, take, speaker;
	bool values; /* a path may end in =TEXT|TEXT */
} lists[] = {
        {"operation", .take = TAKE_OPERATION},
        {"model", .take = TAKE_MODEL},
        {"tool", .take = TAKE_TOOL},
        {"conversation", .take = TAKE_CONVERSATION},
        {"account", .take = TAKE_ACCOUNT},
        {"messages", .flags = WIRE_MESSAGE},
        {"role", .flags = WIRE_ROLE},
        {"words", .flags = WIRE_WORDS},
        {"files", .flags = WIRE_FILE, .values = true},
        {"deltas", .flags = WIRE_DELTA},
        {"choice", .flags = WIRE_CHOICE},
        {"system", .speaker = SPEAKER_SYSTEM},
        {"user", .speaker = SPEAKER_USER},
        {"assistant", .speaker = SPEAKER_ASSISTANT},
        {"tool_output", .speaker = SPEAKER_TOOL},
};
static const char *const other_keys[] = {"id", "extends", "requests", "copied"};
static const char *const request_keys[] = {"at", "operation"};

/* ---- reading --------------------------------------------------------------------------------------------
 */

static bool operation_ok(const char *t)
{
	size_t n = strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789.-");

	return n && !t[n] && n <= OPERATION_MAX;
}

/* messages[].content, [0].text, prompt.*.inputs.text */
static bool steps_ok(const char *t)
{
	unsigned steps = 0;

	if (!catalogue_field_ok(t))
		return false;
	while (*t) {
		size_t n;

		if (++steps > WIRE_STEPS_MAX)
			return false;
		if (*t == '[') {
			n = strspn(t + 1, "0123456789") + 1;
			if (n > 7 || t[n] != ']')
				return false;
			t += n + 1;
			if (*t && *t != '[' && (*t != '.' || !t[1]))
				return false;
			t += *t == '.';
			continue;
		}
		n = strcspn(t, ".[");
		if (!n || n > UINT8_MAX || (t[n] == '.' && (!t[n + 1] || t[n + 1] == '[')))
			return false;
		t += n + (t[n] == '.');
	}
	return true;
}

static bool shape_path_ok(const char *t)
{
	return strcspn(t, "=") == strlen(t) && steps_ok(t);
}

/* The same with =TEXT|TEXT behind it. */
static bool valued_path_ok(const char *t)
{
	char path[CATALOGUE_TEXT_MAX + 1];
	size_t n = strcspn(t, "=");

	if (n > CATALOGUE_TEXT_MAX || (t[n] && !t[n + 1]))
		return false;
	memcpy(path, t, n);
	path[n] = '\0';
	return steps_ok(path);
}

static void split_values(struct reader *r, const struct ynode *at, struct shape_field *f)
{
	char *text = store_text(&r->c->store, f->path, strlen(f->path)), *next = strchr(text, '=');
	const char **values = store_get(&r->c->store, WIRE_VALUES_MAX * sizeof(*values));

	f->path = text;
	if (!next)
		return;
	while (next) {
		char *value = next + 1;

		*next = '\0';
		next = strchr(value, '|');
		if (f->n_values == WIRE_VALUES_MAX) {
			entry_bad(r, at, "more than %d texts behind `='", WIRE_VALUES_MAX);
			return;
		}
		values[f->n_values++] = value;
	}
	f->values = values;
}

static void read_list(struct reader *r, const struct ynode *v, unsigned list, struct shape_entry *e)
{
	static const char allowed[] =
	        "a field path such as messages[].content (`[]' any element, `*' any member)";
	const struct list *l = &lists[list];
	size_t n = 0;
	const char *const *paths =
	        entry_texts(r, v, l->values ? valued_path_ok : shape_path_ok, l->key, allowed, &n);

	for (size_t i = 0; i < n; i++) {
		struct shape_field *f;

		if (!*paths[i])
			continue;
		if (e->n_fields == e->fields_cap) {
			e->fields_cap = e->fields_cap ? e->fields_cap * 2 : 32;
			e->fields = store_grow(e->fields, e->fields_cap, sizeof(*e->fields));
		}
		f = &e->fields[e->n_fields++];
		*f = (struct shape_field){.path = paths[i],
		        .list = (uint8_t)list,
		        .rank = (uint8_t)(i < UINT8_MAX ? i : UINT8_MAX),
		        .at = {r->file, v->item[i]->line, v->item[i]->column}};
		if (l->values)
			split_values(r, v->item[i], f);
	}
}

static void read_requests(struct reader *r, const struct ynode *v, struct shape_entry *e)
{
	if (!entry_is_list(r, v, "requests", CATALOGUE_LIST_MAX))
		return;
	e->requests = store_get(&r->c->store, v->n * sizeof(*e->requests));
	for (size_t i = 0; i < v->n; i++) {
		const struct ynode *q = v->item[i], *at, *operation;
		struct wire_request *to = &e->requests[e->n_requests];
		char *method, *space;

		if (!entry_is_map(r, q, "a request", request_keys, COUNT(request_keys)))
			continue;
		at = entry_need(r, q, "at");
		operation = entry_need(r, q, "operation");
		if (!at || !operation)
			continue;
		to->path = entry_text(r, at, catalogue_request_ok, "at",
		        "a method (GET POST PUT PATCH DELETE WS) and a path, as in POST */chat/completions");
		to->operation = entry_text(
		        r, operation, operation_ok, "operation", "a word such as chat, image or fine-tune");
		if (!*to->path || !*to->operation)
			continue;
		method = store_text(&r->c->store, to->path, strlen(to->path));
		space = strchr(method, ' ');
		*space = '\0';
		to->method = method;
		to->path = space + 1;
		e->n_requests++;
	}
}

static bool shape_keys_ok(struct reader *r, const struct ynode *v)
{
	const char *names[COUNT(lists) + COUNT(other_keys)];

	memcpy(names, other_keys, sizeof(other_keys));
	for (size_t i = 0; i < COUNT(lists); i++)
		names[COUNT(other_keys) + i] = lists[i].key;
	return entry_is_map(r, v, "a shape", names, COUNT(names));
}

static void read_shape(struct reader *r, const struct ynode *v)
{
	static const char id_form[] = "an id (a-z, 0-9, -, at most 40)";
	const struct ynode *id = ynode_get(v, "id"), *extends = ynode_get(v, "extends"), *x;
	struct shape_entry *e;

	if (!shape_keys_ok(r, v))
		return;
	if (!id == !extends) {
		entry_bad(r, v, "a shape has an `id', or `extends' and the id of the one it adds to");
		return;
	}
	if (r->n_shapes == r->shapes_cap) {
		r->shapes_cap = r->shapes_cap ? r->shapes_cap * 2 : 128;
		r->shapes = store_grow(r->shapes, r->shapes_cap, sizeof(*r->shapes));
	}
	e = &r->shapes[r->n_shapes++];
	*e = (struct shape_entry){.place = r->place, .at = {r->file, v->line, v->column}};
	if (id)
		e->id = entry_text(r, id, catalogue_id_ok, "id", id_form);
	else
		e->extends = entry_text(r, extends, catalogue_id_ok, "extends", id_form);
	if ((x = ynode_get(v, "copied")))
		e->copied = entry_bool(r, x, "copied");
	if ((x = ynode_get(v, "requests")))
		read_requests(r, x, e);
	for (unsigned i = 0; i < COUNT(lists); i++)
		if ((x = ynode_get(v, lists[i].key)))
			read_list(r, x, i, e);
}

void shapes_read(struct reader *r, const struct ynode *list)
{
	for (size_t i = 0; i < list->n; i++)
		read_shape(r, list->item[i]);
}

/* ---- the tree -------------------------------------------------------------------------------------------
 */

struct tree {
	struct reader *r;
	struct wire_node *nodes;
	size_t n, cap;
};

static void tree_clear(struct tree *t)
{
	t->n = 0;
	if (!t->cap)
		t->nodes = store_grow(NULL, t->cap = 64, sizeof(*t->nodes));
	t->nodes[t->n++] = (struct wire_node){0};
}

/* The step that a path begins with; returns the rest of it. */
static const char *read_step(const char *path, struct wire_node *step)
{
	size_t n = strcspn(path, ".[");

	memset(step, 0, sizeof(*step));
	if (*path == '[') {
		char *end;

		step->step = path[1] == ']' ? STEP_ANY_ELEMENT : STEP_ELEMENT;
		step->element = (uint32_t)strtoul(path + 1, &end, 10);
		path = end + 1;
		return *path == '.' ? path + 1 : path;
	}
	step->step = (n == 1 && *path == '*') || *path == '{' ? STEP_ANY_MEMBER : STEP_MEMBER;
	step->name = path;
	step->n = (uint16_t)n;
	return path[n] == '.' ? path + n + 1 : path + n;
}

static bool same_step(const struct wire_node *a, const struct wire_node *b)
{
	return a->step == b->step &&
	       (a->step != STEP_MEMBER || (a->n == b->n && !memcmp(a->name, b->name, a->n))) &&
	       (a->step != STEP_ELEMENT || a->element == b->element);
}

/* The child that takes this step, made when new; named ones stand before the others.  0: too many. */
static uint16_t child_of(struct tree *t, uint16_t parent, const struct wire_node *step)
{
	bool any = step->step == STEP_ANY_MEMBER || step->step == STEP_ANY_ELEMENT;
	uint16_t at = t->nodes[parent].child, last = 0;

	for (; at; last = at, at = t->nodes[at].next)
		if (same_step(&t->nodes[at], step))
			return at;
	if (t->n == WIRE_NODES_MAX)
		return 0;
	if (t->n == t->cap)
		t->nodes = store_grow(t->nodes, t->cap *= 2, sizeof(*t->nodes));
	at = (uint16_t)t->n++;
	t->nodes[at] = *step;
	if (any && last) {
		t->nodes[last].next = at;
	} else {
		t->nodes[at].next = t->nodes[parent].child;
		t->nodes[parent].child = at;
	}
	return at;
}

/* The node of a path; 0 when the shape has too many. */
static uint16_t tree_at(struct tree *t, const char *path)
{
	uint16_t at = 0;

	while (*path) {
		struct wire_node step;

		path = read_step(path, &step);
		at = child_of(t, at, &step);
		if (!at)
			return 0;
	}
	return at;
}

static void field_bad(struct tree *t, const struct shape_field *f, const char *why)
{
	fault_add(t->r->f, f->at.file, f->at.line, f->at.column, "`%.100s': %s", f->path, why);
}

static void tree_add(struct tree *t, const struct shape_field *f)
{
	const struct list *l = &lists[f->list];
	uint16_t at = tree_at(t, f->path);
	struct wire_node *k = &t->nodes[at];

	if (!at) {
		field_bad(t, f, "the shape knows too many paths");
		return;
	}
	if ((l->take && k->take && k->take != l->take) ||
	        (l->speaker && k->speaker && k->speaker != l->speaker)) {
		field_bad(t, f, "stands in two lists that cannot both be right");
		return;
	}
	if (l->take && !k->take) {
		k->take = l->take;
		k->rank = f->rank;
	}
	if (l->flags & WIRE_WORDS && !k->take)
		k->rank = f->rank;
	k->flags |= l->flags;
	if (l->speaker)
		k->speaker = l->speaker;
	if (f->n_values) {
		k->values = f->values;
		k->n_values = f->n_values;
	}
}

/* A role belongs to the innermost message around it. */
static void tree_role(struct tree *t, const struct shape_field *f)
{
	const char *path = f->path;
	uint16_t at = 0, message = 0;

	while (*path) {
		struct wire_node step;

		path = read_step(path, &step);
		at = child_of(t, at, &step);
		if (t->nodes[at].flags & WIRE_MESSAGE && *path)
			message = at;
	}
	if (message)
		t->nodes[message].flags |= WIRE_ROLED;
	else
		field_bad(t, f, "is in none of `messages'");
}

static void tree_keep(struct tree *t, struct wire_shape *w)
{
	struct wire_node *nodes = store_get(&t->r->c->store, t->n * sizeof(*nodes));

	memcpy(nodes, t->nodes, t->n * sizeof(*nodes));
	w->nodes = nodes;
	w->n_nodes = t->n;
}

/* ---- shapes and services --------------------------------------------------------------------------------
 */

static const struct shape_entry *find_entry(const struct reader *r, const char *id, size_t before)
{
	for (size_t i = before; i-- > 0;)
		if (r->shapes[i].id && !strcmp(r->shapes[i].id, id))
			return &r->shapes[i];
	return NULL;
}

static void add_entry(struct tree *t, struct wire_shape *w, const struct shape_entry *e)
{
	struct wire_request *both;

	for (size_t i = 0; i < e->n_fields; i++)
		tree_add(t, &e->fields[i]);
	if (!e->n_requests)
		return;
	both = store_get(&t->r->c->store, (w->n_requests + e->n_requests) * sizeof(*both));
	if (w->n_requests)
		memcpy(both, w->requests, w->n_requests * sizeof(*both));
	memcpy(both + w->n_requests, e->requests, e->n_requests * sizeof(*both));
	w->requests = both;
	w->n_requests += e->n_requests;
}

static void add_roles(struct tree *t, const struct shape_entry *e)
{
	for (size_t i = 0; i < e->n_fields; i++)
		if (lists[e->fields[i].list].flags & WIRE_ROLE)
			tree_role(t, &e->fields[i]);
}

static void build(struct tree *t, const struct shape_entry *e, struct wire_shape *w)
{
	const struct reader *r = t->r;

	tree_clear(t);
	*w = (struct wire_shape){.id = e->id, .copied = e->copied, .file = e->at.file, .line = e->at.line};
	add_entry(t, w, e);
	for (size_t i = 0; i < r->n_shapes; i++)
		if (r->shapes[i].extends && !strcmp(r->shapes[i].extends, e->id))
			add_entry(t, w, &r->shapes[i]);
	add_roles(t, e);
	for (size_t i = 0; i < r->n_shapes; i++)
		if (r->shapes[i].extends && !strcmp(r->shapes[i].extends, e->id))
			add_roles(t, &r->shapes[i]);
	tree_keep(t, w);
}

/* The last of an id counts; within a place it stands once. */
static void build_all(struct tree *t)
{
	struct reader *r = t->r;
	struct catalogue *c = r->c;

	c->shapes = store_grow(NULL, r->n_shapes + 1, sizeof(*c->shapes));
	for (size_t i = 0; i < r->n_shapes; i++) {
		const struct shape_entry *e = &r->shapes[i], *old;
		const uint32_t *at;

		if (e->extends) {
			if (*e->extends && !find_entry(r, e->extends, r->n_shapes))
				fault_add(r->f, e->at.file, e->at.line, e->at.column,
				        "extends: there is no shape `%s'", e->extends);
			continue;
		}
		old = find_entry(r, e->id, i);
		if (!*e->id)
			continue;
		if (old && old->place == e->place) {
			fault_add(r->f, e->at.file, e->at.line, e->at.column,
			        "the shape `%s' stands already at %s:%u", e->id, old->at.file, old->at.line);
			continue;
		}
		at = key_map_find(&c->shape_ids, e->id, strlen(e->id));
		if (!at)
			key_map_put(&c->shape_ids, e->id, strlen(e->id), (uint32_t)c->n_shapes);
		build(t, e, &c->shapes[at ? *at : c->n_shapes]);
		c->n_shapes += !at;
	}
}

/* The words that the service's own entry knows of, over what is known of requests in general. */
static const struct wire_shape *own_shape(struct tree *t, const struct service *s)
{
	struct catalogue *c = t->r->c;
	struct wire_shape *w;
	unsigned list = 0;

	if (!s->n_prompt_at)
		return c->generic;
	while (!(lists[list].flags & WIRE_WORDS))
		list++;
	tree_clear(t);
	for (size_t i = 0; i < s->n_prompt_at; i++) {
		const struct shape_field f = {.path = s->prompt_at[i],
		        .list = (uint8_t)list,
		        .rank = (uint8_t)(i < UINT8_MAX ? i : UINT8_MAX),
		        .at = {s->file, s->line, 0}};

		if (steps_ok(f.path))
			tree_add(t, &f);
		else if (*f.path)
			field_bad(t, &f, "is no field path such as messages[].content");
	}
	w = store_get(&c->store, sizeof(*w));
	*w = (struct wire_shape){.id = "", .base = c->generic, .file = s->file, .line = s->line};
	tree_keep(t, w);
	return w;
}

static void link_service(struct tree *t, struct service *s)
{
	struct catalogue *c = t->r->c;
	/* a list of pointers: NOLINTNEXTLINE(bugprone-sizeof-expression) */
	const struct wire_shape **list = store_get(&c->store, (s->n_wire + 1) * sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < s->n_wire; i++)
		if ((list[n] = catalogue_shape(c, s->wire[i])))
			n++;
	s->shapes = list;
	s->n_shapes = n;
	s->own = own_shape(t, s);
}

static void keep_copied(struct catalogue *c)
{
	/* a list of pointers: NOLINTNEXTLINE(bugprone-sizeof-expression) */
	const struct wire_shape **list = store_get(&c->store, (c->n_shapes + 1) * sizeof(*list));

	for (size_t i = 0; i < c->n_shapes; i++)
		if (c->shapes[i].copied)
			list[c->n_copied++] = &c->shapes[i];
	c->copied = list;
}

void shapes_link(struct reader *r)
{
	static const struct wire_node nothing;
	static const struct wire_shape unknown = {.id = GENERIC, .nodes = &nothing, .n_nodes = 1};
	struct tree t = {.r = r};

	build_all(&t);
	keep_copied(r->c);
	r->c->generic = catalogue_shape(r->c, GENERIC);
	if (!r->c->generic)
		r->c->generic = &unknown;
	for (size_t i = 0; i < r->c->n; i++)
		link_service(&t, &r->c->services[i]);
	free(t.nodes);
	for (size_t i = 0; i < r->n_shapes; i++)
		free(r->shapes[i].fields);
	free(r->shapes);
}
