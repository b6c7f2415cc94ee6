/* yaml.c - see yaml.h.  YAML 1.1 as libyaml reads it (https://yaml.org/spec/1.1/), of which settings need
 * maps, lists and scalars.  Nodes are built from events onto one stack, so the cost is linear in the file;
 * what a person would not expect of a settings file (anchors, aliases, tags, several documents) is refused.
 */
#include "config/yaml.h"

#include "base/hash.h"
#include "config/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

#define YAML_NODES_MAX (2u << 20) /* nodes of one file: 25,000 services take about a quarter of it */

struct ydoc {
	struct store store;
	char *name;
	struct ynode *root;
};

/* A collection that is still open; its keys and values stand on the stack from `base` on. */
struct frame {
	struct ynode *node;
	size_t base;
};

struct reader {
	struct ydoc *doc;
	struct faults *f;
	struct ynode **stack;
	size_t n, cap;
	struct frame frame[YAML_DEPTH_MAX];
	unsigned depth;
	size_t nodes;
	unsigned documents;
};

static void fault_at(struct reader *r, yaml_mark_t m, const char *text)
{
	fault_add(r->f, r->doc->name, (unsigned)m.line + 1, (unsigned)m.column + 1, "%s", text);
}

static bool key_is_next(const struct reader *r)
{
	const struct frame *top = r->depth ? &r->frame[r->depth - 1] : NULL;

	return top && top->node->kind == YNODE_MAP && (r->n - top->base) % 2 == 0;
}

static struct ynode *push_node(struct reader *r, enum ynode_kind kind, yaml_mark_t m)
{
	struct ynode *n;

	if (++r->nodes > YAML_NODES_MAX) {
		fault_add(r->f, r->doc->name, (unsigned)m.line + 1, (unsigned)m.column + 1,
		        "the file holds more than %u values: split it", YAML_NODES_MAX);
		return NULL;
	}
	if (kind != YNODE_SCALAR && key_is_next(r)) {
		fault_at(r, m, "a key must be a plain word, not a list or a map");
		return NULL;
	}
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 256;
		r->stack = store_grow(r->stack, r->cap, sizeof(struct ynode *));
	}
	n = store_get(&r->doc->store, sizeof(*n));
	n->kind = kind;
	n->line = (unsigned)m.line + 1;
	n->column = (unsigned)m.column + 1;
	r->stack[r->n++] = n;
	if (!r->depth)
		r->doc->root = n;
	return n;
}

static int open_collection(struct reader *r, enum ynode_kind kind, yaml_mark_t m)
{
	struct ynode *n = push_node(r, kind, m);

	if (!n)
		return -1;
	if (r->depth == YAML_DEPTH_MAX) {
		fault_add(r->f, r->doc->name, n->line, n->column, "nested more than %d levels deep",
		        YAML_DEPTH_MAX);
		return -1;
	}
	r->frame[r->depth].node = n;
	r->frame[r->depth++].base = r->n;
	return 0;
}

static bool same_key(const struct ynode *a, const struct ynode *b)
{
	return a->text_len == b->text_len && !memcmp(a->text, b->text, a->text_len);
}

/* Of two equal keys the first counts; a table by hash, because a map may have as many keys as the file
 * allows. */
static void drop_duplicates(struct reader *r, struct ynode *map)
{
	size_t slots = 16, kept = 0;
	uint32_t *table;

	while (slots < map->n * 2)
		slots *= 2;
	table = store_grow(NULL, slots, sizeof(*table));
	memset(table, 0xff, slots * sizeof(*table));
	for (size_t i = 0; i < map->n; i++) {
		struct ynode *k = map->key[i];
		size_t at = (size_t)hash64(k->text, k->text_len, 0) & (slots - 1);

		while (table[at] != UINT32_MAX && !same_key(map->key[table[at]], k))
			at = (at + 1) & (slots - 1);
		if (table[at] != UINT32_MAX) {
			fault_add(r->f, r->doc->name, k->line, k->column,
			        "`%.60s' stands here a second time; the first is in line %u", k->text,
			        map->key[table[at]]->line);
			continue;
		}
		table[at] = (uint32_t)kept;
		map->key[kept] = k;
		map->item[kept++] = map->item[i];
	}
	map->n = kept;
	free(table);
}

static void close_collection(struct reader *r)
{
	struct frame *top = &r->frame[--r->depth];
	struct ynode *n = top->node, **from = r->stack + top->base;
	size_t count = r->n - top->base;

	r->n = top->base;
	if (!count)
		return;
	if (n->kind == YNODE_LIST) {
		n->n = count;
		n->item = store_get(&r->doc->store, count * sizeof(struct ynode *));
		memcpy(n->item, from, count * sizeof(struct ynode *));
		return;
	}
	n->n = count / 2;
	n->key = store_get(&r->doc->store, n->n * sizeof(struct ynode *));
	n->item = store_get(&r->doc->store, n->n * sizeof(struct ynode *));
	for (size_t i = 0; i < n->n; i++) {
		n->key[i] = from[2 * i];
		n->item[i] = from[2 * i + 1];
	}
	drop_duplicates(r, n);
}

static void refuse_marks(struct reader *r, yaml_mark_t m, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	if (anchor)
		fault_at(r, m, "anchors (&name) are not allowed here: write the value out");
	if (tag)
		fault_at(
		        r, m, "tags (!name) are not allowed here; a value that begins with `!' needs quotes");
}

static int read_scalar(struct reader *r, const yaml_event_t *e)
{
	struct ynode *n = push_node(r, YNODE_SCALAR, e->start_mark);

	if (!n)
		return -1;
	refuse_marks(r, e->start_mark, e->data.scalar.anchor, e->data.scalar.tag);
	n->text = store_text(&r->doc->store, e->data.scalar.value, e->data.scalar.length);
	n->text_len = e->data.scalar.length;
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	if (memchr(n->text, '\0', n->text_len)) {
		fault_at(r, e->start_mark, "the text holds a NUL character");
		n->text_len = strlen(n->text);
	}
	return 0;
}

static int read_event(struct reader *r, const yaml_event_t *e)
{
	struct ynode *n;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (!r->documents++)
			return 0;
		fault_at(r, e->start_mark, "a second document begins here: a file holds one");
		return -1;
	case YAML_ALIAS_EVENT:
		n = push_node(r, YNODE_SCALAR, e->start_mark);
		if (!n)
			return -1;
		n->text = store_text(&r->doc->store, "", 0);
		fault_at(r, e->start_mark,
		        "aliases (*name) are not allowed here; a value that begins with `*' needs quotes");
		return 0;
	case YAML_SCALAR_EVENT:
		return read_scalar(r, e);
	case YAML_SEQUENCE_START_EVENT:
		refuse_marks(r, e->start_mark, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		return open_collection(r, YNODE_LIST, e->start_mark);
	case YAML_MAPPING_START_EVENT:
		refuse_marks(r, e->start_mark, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		return open_collection(r, YNODE_MAP, e->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		close_collection(r);
		return 0;
	default:
		return 0;
	}
}

static void fault_syntax(struct reader *r, const yaml_parser_t *p)
{
	const char *problem = p->problem ? p->problem : "unreadable", *hint = "";
	yaml_mark_t m = p->problem_mark;

	if (p->error == YAML_MEMORY_ERROR) {
		fault_add(r->f, r->doc->name, 0, 0, "out of memory");
		return;
	}
	if (p->error == YAML_READER_ERROR) /* bytes that are no UTF-8 or control characters: no mark is set */
		m = p->mark;
	if (!strcmp(problem, "found character that cannot start any token"))
		hint = "; indent with spaces, and quote a value that begins with one of @ ` % or a tab";
	fault_add(r->f, r->doc->name, (unsigned)m.line + 1, (unsigned)m.column + 1,
	        "not valid YAML: %s%s%s%s", problem, p->context ? ", " : "", p->context ? p->context : "",
	        hint);
}

static int read_events(struct reader *r, yaml_parser_t *p)
{
	for (;;) {
		yaml_event_t e;
		bool end;
		int rc;

		if (!yaml_parser_parse(p, &e)) {
			fault_syntax(r, p);
			return -1;
		}
		end = e.type == YAML_STREAM_END_EVENT;
		rc = read_event(r, &e);
		yaml_event_delete(&e);
		if (rc < 0 || end)
			return rc;
	}
}

static bool node_is_null(const struct ynode *n)
{
	return n->kind == YNODE_SCALAR && !n->quoted && !n->text_len;
}

struct ydoc *ydoc_parse(const char *name, const char *text, size_t len, struct faults *f)
{
	struct ydoc *d = store_grow(NULL, 1, sizeof(*d));
	struct reader r = {.doc = d, .f = f};
	yaml_parser_t p;
	int rc = -1;

	memset(d, 0, sizeof(*d));
	d->name = store_text(&d->store, name, strlen(name));
	if (len > YAML_FILE_MAX)
		fault_add(f, name, 0, 0, "the file is larger than %u bytes: split it", YAML_FILE_MAX);
	else if (!yaml_parser_initialize(&p))
		fault_add(f, name, 0, 0, "out of memory");
	else {
		yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
		rc = read_events(&r, &p);
		yaml_parser_delete(&p);
	}
	free(r.stack);
	if (rc < 0) {
		ydoc_free(d);
		return NULL;
	}
	if (!d->root || node_is_null(d->root)) {
		d->root = store_get(&d->store, sizeof(*d->root));
		d->root->kind = YNODE_MAP;
		d->root->line = d->root->column = 1;
	}
	return d;
}

/* The whole file in a heap buffer; NULL and errno.  Reads one byte past the limit, so that the caller sees
 * it. */
static char *read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t cap = 0;
	char *buf = NULL;
	struct stat st;

	*len = 0;
	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISDIR(st.st_mode)) {
		close(fd);
		errno = EISDIR;
		return NULL;
	}
	for (;;) {
		ssize_t n;

		if (*len == cap) {
			cap = cap ? cap * 2 : 16384;
			buf = store_grow(buf, cap, 1);
		}
		n = read(fd, buf + *len, cap - *len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int was = errno;

			free(buf);
			close(fd);
			errno = was;
			return NULL;
		}
		*len += (size_t)n;
		if (!n || *len > YAML_FILE_MAX)
			break;
	}
	close(fd);
	return buf;
}

struct ydoc *ydoc_load(const char *path, struct faults *f)
{
	struct ydoc *d;
	size_t len;
	char *text = read_file(path, &len);

	if (!text) {
		fault_add(f, path, 0, 0, "%s", strerror(errno));
		return NULL;
	}
	d = ydoc_parse(path, text, len, f);
	free(text);
	return d;
}

void ydoc_free(struct ydoc *d)
{
	if (!d)
		return;
	store_clear(&d->store);
	free(d);
}

const struct ynode *ydoc_root(const struct ydoc *d)
{
	return d->root;
}

const char *ydoc_name(const struct ydoc *d)
{
	return d->name;
}

const struct ynode *ynode_get(const struct ynode *map, const char *key)
{
	size_t len = strlen(key);

	if (!map || map->kind != YNODE_MAP)
		return NULL;
	for (size_t i = 0; i < map->n; i++)
		if (map->key[i]->text_len == len && !memcmp(map->key[i]->text, key, len))
			return map->item[i];
	return NULL;
}
