/* detectors.c - reads config/detectors/(any).yaml into the table of detectors.  docs/detectors.md describes
 * the keys; every fault is told with its place, so that one run shows them all. */
#include "config/detectors.h"

#include "base/text.h"
#include "config/yaml.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define OWNED_BLOCK 65536

struct owned {
	struct owned *next;
	size_t used, size;
	_Alignas(16) char bytes[];
};

struct detectors {
	struct detector *list;
	size_t n, cap;
	struct owned *owned;
};

struct loader {
	struct detectors *set;
	struct faults *f;
	const char *file;
	size_t faults_before;
};

static const char *const form_names[FORMS] = {"as-is", "alnum", "lower", "base64"};

/* n bytes that live as long as the set; NULL without memory. */
static void *keep(struct detectors *set, size_t n)
{
	struct owned *o = set->owned;
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (!o || o->size - o->used < n) {
		size_t size = n > OWNED_BLOCK ? n : OWNED_BLOCK;

		o = malloc(sizeof(*o) + size);
		if (!o)
			return NULL;
		o->next = set->owned;
		o->used = 0;
		o->size = size;
		set->owned = o;
	}
	p = o->bytes + o->used;
	o->used += n;
	return memset(p, 0, n);
}

static const char *keep_text(struct detectors *set, const char *text)
{
	size_t n = strlen(text) + 1;
	char *p = keep(set, n);

	return p ? memcpy(p, text, n) : NULL;
}

static void fault(struct loader *l, const struct ynode *at, const char *text, const char *what)
{
	fault_add(l->f, l->file, at ? at->line : 0, at ? at->column : 0, text, what);
}

static bool need_scalar(struct loader *l, const struct ynode *v, const char *key)
{
	if (v->kind == YNODE_SCALAR)
		return true;
	fault(l, v, "`%s' must be one value", key);
	return false;
}

static const char *read_text(struct loader *l, const struct ynode *v, const char *key)
{
	const char *p;

	if (!need_scalar(l, v, key))
		return "";
	p = keep_text(l->set, v->text);
	return p ? p : "";
}

static double read_number(struct loader *l, const struct ynode *v, const char *key, double min, double max)
{
	char *end;
	double d;

	if (!need_scalar(l, v, key))
		return min;
	d = strtod(v->text, &end);
	if (!*v->text || *end || !(d >= min && d <= max)) { /* NaN is neither */
		fault_add(l->f, l->file, v->line, v->column, "`%s': `%s' is not a number from %g to %g", key,
		        v->text, min, max);
		return min;
	}
	return d;
}

static bool read_bool(struct loader *l, const struct ynode *v, const char *key)
{
	if (!need_scalar(l, v, key))
		return false;
	if (!strcmp(v->text, "true"))
		return true;
	if (strcmp(v->text, "false"))
		fault(l, v, "`%s' must be true or false", key);
	return false;
}

static size_t read_list(struct loader *l, const struct ynode *v, const char *key, const char *const **out)
{
	const char **list;

	if (v->kind != YNODE_LIST) {
		fault(l, v, "`%s' must be a list", key);
		return 0;
	}
	list = keep(l->set, (v->n + 1) * sizeof(*list));
	if (!list)
		return 0;
	for (size_t i = 0; i < v->n; i++) {
		list[i] = read_text(l, v->item[i], key);
		if (v->item[i]->kind == YNODE_SCALAR && !*list[i])
			fault(l, v->item[i], "`%s' has an empty entry", key);
	}
	*out = list;
	return v->n;
}

/* A text, or a list of parts that are joined. */
static const char *read_joined(struct loader *l, const struct ynode *v, const char *key)
{
	size_t len = 1;
	char *p;

	if (v->kind == YNODE_SCALAR)
		return read_text(l, v, key);
	if (v->kind == YNODE_MAP) {
		fault(l, v, "`%s' holds texts or lists of parts", key);
		return "";
	}
	for (size_t i = 0; i < v->n; i++) {
		if (!need_scalar(l, v->item[i], key))
			return "";
		len += v->item[i]->text_len;
	}
	p = keep(l->set, len);
	if (!p)
		return "";
	len = 0;
	for (size_t i = 0; i < v->n; i++) {
		memcpy(p + len, v->item[i]->text, v->item[i]->text_len);
		len += v->item[i]->text_len;
	}
	return p;
}

static size_t read_examples(
        struct loader *l, const struct ynode *v, const char *key, const struct detector_example **out)
{
	struct detector_example *list;

	if (v->kind != YNODE_LIST) {
		fault(l, v, "`%s' must be a list", key);
		return 0;
	}
	list = keep(l->set, (v->n + 1) * sizeof(*list));
	if (!list)
		return 0;
	for (size_t i = 0; i < v->n; i++) {
		list[i].text = read_joined(l, v->item[i], key);
		list[i].line = v->item[i]->line;
	}
	*out = list;
	return v->n;
}

static int read_name_of(
        struct loader *l, const struct ynode *v, const char *key, int got, const char *allowed)
{
	if (got < 0)
		fault_add(l->f, l->file, v->line, v->column, "`%s': `%s' is none of %s", key,
		        v->kind == YNODE_SCALAR ? v->text : "", allowed);
	return got < 0 ? 0 : got;
}

static int form_by_name(const char *name)
{
	for (int i = 0; i < FORMS; i++)
		if (!strcmp(name, form_names[i]))
			return i;
	return -1;
}

static void set_id(struct loader *l, struct detector *d, const struct ynode *v)
{
	const char *id = d->id = read_text(l, v, "id");

	if (strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(id) || !*id || strlen(id) > 63)
		fault(l, v, "id `%s' must be of lower-case letters, digits and '-', at most 63", id);
	for (size_t i = 0; i < l->set->n; i++)
		if (!strcmp(l->set->list[i].id, id))
			fault_add(l->f, l->file, v->line, v->column, "id `%s' is taken (%s:%u)", id,
			        l->set->list[i].file, l->set->list[i].line);
}

static void set_name(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->name = read_text(l, v, "name");
}

static void set_class(struct loader *l, struct detector *d, const struct ynode *v)
{
	const char *name = read_text(l, v, "class");

	d->class = (enum data_class)read_name_of(l, v, "class", data_class_by_name(name),
	        "secret pii financial health identity source marker custom");
}

static void set_severity(struct loader *l, struct detector *d, const struct ynode *v)
{
	const char *name = read_text(l, v, "severity");

	d->severity = (enum severity)read_name_of(
	        l, v, "severity", severity_by_name(name), "info low medium high critical");
}

static void set_form(struct loader *l, struct detector *d, const struct ynode *v)
{
	const char *name = read_text(l, v, "form");

	d->form = (enum detector_form)read_name_of(
	        l, v, "form", form_by_name(name), "as-is alnum lower base64");
}

static void set_confidence(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->confidence = (uint8_t)read_number(l, v, "confidence", 1, 100);
}

static void set_confidence_context(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->confidence_context = (uint8_t)read_number(l, v, "confidence_context", 1, 100);
}

static void set_context_required(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->context_required = read_bool(l, v, "context_required");
}

static void set_context_sentence(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->context_sentence = read_bool(l, v, "context_sentence");
}

static void set_caseless(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->caseless = read_bool(l, v, "caseless");
}

static void set_context_window(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->context_window = (unsigned)read_number(l, v, "context_window", 1, DETECTOR_CONTEXT_MAX);
}

static void set_window(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->window = (unsigned)read_number(l, v, "window", 0, DETECTOR_WINDOW_MAX);
}

static void set_priority(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->priority = (unsigned)read_number(l, v, "priority", 0, 100);
}

static void set_alert_from(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->alert_from = (unsigned)read_number(l, v, "alert_from", 1, 100000);
}

static void set_entropy(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->entropy = read_number(l, v, "entropy", 0, 8);
}

/* "13" or "13-19" */
static void read_range(struct loader *l, const struct ynode *v, const char *key, unsigned least,
        unsigned most, unsigned *from, unsigned *to)
{
	unsigned long min = 0, max = 0;
	char *end;

	if (!need_scalar(l, v, key))
		return;
	if (isdigit((unsigned char)v->text[0])) {
		min = max = strtoul(v->text, &end, 10);
		if (end[0] == '-' && isdigit((unsigned char)end[1]))
			max = strtoul(end + 1, &end, 10);
		if (*end)
			min = 0;
	}
	if (min < least || max < min || max > most)
		fault_add(l->f, l->file, v->line, v->column,
		        "`%s' must be a count or a range within %u-%u, not `%s'", key, least, most, v->text);
	*from = (unsigned)min;
	*to = (unsigned)max;
}

static void set_digits(struct loader *l, struct detector *d, const struct ynode *v)
{
	read_range(l, v, "digits", 4, 40, &d->digits_min, &d->digits_max);
}

static void set_run(struct loader *l, struct detector *d, const struct ynode *v)
{
	read_range(l, v, "run", DETECTOR_RUN_MIN, DETECTOR_RUN_MAX, &d->run_min, &d->run_max);
}

static void set_body_only(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->body_only = read_bool(l, v, "body_only");
}

#define LIST_OF(key)                                                                                         \
	static void set_##key(struct loader *l, struct detector *d, const struct ynode *v)                   \
	{                                                                                                    \
		d->n_##key = read_list(l, v, #key, &d->key);                                                 \
	}
LIST_OF(anchors)
LIST_OF(expressions)
LIST_OF(validators)
LIST_OF(context)
LIST_OF(against)
LIST_OF(exclude)

static void set_mask_keep(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->mask_keep = read_text(l, v, "mask_keep");
	if (strlen(d->mask_keep) > 16)
		fault(l, v, "`mask_keep' `%s' is longer than 16", d->mask_keep);
}

static void set_issuer(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->issuer = read_text(l, v, "issuer");
}

static void set_positive(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->n_positive = read_examples(l, v, "positive", &d->positive);
}

static void set_negative(struct loader *l, struct detector *d, const struct ynode *v)
{
	d->n_negative = read_examples(l, v, "negative", &d->negative);
}

static const struct key {
	const char *name;
	void (*set)(struct loader *l, struct detector *d, const struct ynode *v);
	bool required;
} keys[] = {
        {"id", set_id, true},
        {"name", set_name, true},
        {"class", set_class, true},
        {"severity", set_severity, true},
        {"confidence", set_confidence, true},
        {"confidence_context", set_confidence_context, false},
        {"anchors", set_anchors, false},
        {"digits", set_digits, false},
        {"run", set_run, false},
        {"expressions", set_expressions, true},
        {"body_only", set_body_only, false},
        {"caseless", set_caseless, false},
        {"validators", set_validators, false},
        {"context", set_context, false},
        {"context_window", set_context_window, false},
        {"context_required", set_context_required, false},
        {"context_sentence", set_context_sentence, false},
        {"against", set_against, false},
        {"exclude", set_exclude, false},
        {"entropy", set_entropy, false},
        {"window", set_window, false},
        {"priority", set_priority, false},
        {"form", set_form, false},
        {"mask_keep", set_mask_keep, false},
        {"issuer", set_issuer, false},
        {"alert_from", set_alert_from, false},
        {"positive", set_positive, true},
        {"negative", set_negative, true},
};

static void unknown_key(struct loader *l, const struct ynode *key)
{
	const char *near = NULL;
	unsigned best = 3;

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		unsigned away = text_distance(key->text, keys[i].name, 2);

		if (away < best) {
			best = away;
			near = keys[i].name;
		}
	}
	fault_add(l->f, l->file, key->line, key->column, "a detector has no `%s'%s%s%s", key->text,
	        near ? " (did you mean `" : "", near ? near : "", near ? "'?)" : "");
}

static void read_detector(struct loader *l, const struct ynode *map)
{
	struct detector d = {.id = "",
	        .name = "",
	        .mask_keep = "",
	        .issuer = "",
	        .alert_from = 1,
	        .window = UINT32_MAX,
	        .priority = 50,
	        .context_window = 96,
	        .file = keep_text(l->set, l->file),
	        .line = map->line};

	if (map->kind != YNODE_MAP) {
		fault(l, map, "a detector is a map with `%s' and more", "id");
		return;
	}
	for (size_t i = 0; i < map->n; i++) {
		size_t k = 0;

		while (k < sizeof(keys) / sizeof(*keys) && strcmp(keys[k].name, map->key[i]->text))
			k++;
		if (k < sizeof(keys) / sizeof(*keys))
			keys[k].set(l, &d, map->item[i]);
		else
			unknown_key(l, map->key[i]);
	}
	for (size_t k = 0; k < sizeof(keys) / sizeof(*keys); k++)
		if (keys[k].required && !ynode_get(map, keys[k].name))
			fault_add(l->f, l->file, map->line, map->column, "detector `%s' lacks `%s'", d.id,
			        keys[k].name);
	if ((d.n_anchors != 0) + (d.digits_max != 0) + (d.run_max != 0) != 1)
		fault_add(l->f, l->file, map->line, map->column,
		        "detector `%s' needs one of `anchors', `digits' and `run'", d.id);
	if (d.context_required && !d.n_context)
		fault(l, map, "detector `%s' requires context but names no words", d.id);
	if (d.confidence_context < d.confidence)
		d.confidence_context = d.confidence;
	if (d.window == UINT32_MAX)
		d.window = d.digits_max ? 4 : d.run_max ? 2 : 64;
	if (d.digits_max && d.form == FORM_AS_IS)
		d.form = FORM_ALNUM;
	d.index = (uint32_t)l->set->n;
	l->set->list[l->set->n++] = d;
}

static void read_file(struct loader *l, const char *path)
{
	struct ydoc *doc = ydoc_load(path, l->f);
	const struct ynode *root, *list;

	if (!doc)
		return;
	l->file = path;
	root = ydoc_root(doc);
	list = ynode_get(root, "detectors");
	if (!list || list->kind != YNODE_LIST || root->n != 1) {
		fault(l, root, "the file must hold one list named `%s'", "detectors");
		ydoc_free(doc);
		return;
	}
	for (size_t i = 0; i < list->n; i++) {
		if (l->set->n == DETECTORS_MAX) {
			fault_add(
			        l->f, path, list->item[i]->line, 0, "more than %u detectors", DETECTORS_MAX);
			break;
		}
		if (l->set->n == l->set->cap) {
			size_t cap = l->set->cap ? l->set->cap * 2 : 64;
			struct detector *more = realloc(l->set->list, cap * sizeof(*more));

			if (!more) {
				fault(l, list->item[i], "no memory for detector `%s'", "");
				break;
			}
			l->set->list = more;
			l->set->cap = cap;
		}
		read_detector(l, list->item[i]);
	}
	ydoc_free(doc);
}

static int is_yaml(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && d->d_name[0] != '.' && !strcmp(d->d_name + n - 5, ".yaml");
}

static void read_place(struct loader *l, const char *place)
{
	struct dirent **names = NULL;
	struct stat st;
	int n;

	if (stat(place, &st) < 0) {
		fault_add(l->f, place, 0, 0, "cannot be read: %s", strerror(errno));
		return;
	}
	if (!S_ISDIR(st.st_mode)) {
		read_file(l, place);
		return;
	}
	n = scandir(place, &names, is_yaml, alphasort);
	if (n <= 0)
		fault_add(l->f, place, 0, 0, n < 0 ? "cannot be read" : "holds no *.yaml");
	for (int i = 0; i < n; i++) {
		size_t len = strlen(place) + strlen(names[i]->d_name) + 2;
		char *path = malloc(len);

		if (path) {
			snprintf(path, len, "%s/%s", place, names[i]->d_name);
			read_file(l, path);
			free(path);
		}
		free(names[i]);
	}
	free(names);
}

struct detectors *detectors_load(const char *const *places, size_t n, struct faults *f)
{
	struct detectors *set = calloc(1, sizeof(*set));
	struct loader l = {.set = set, .f = f, .faults_before = f->total};

	if (!set) {
		fault_add(f, "detectors", 0, 0, "no memory");
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		read_place(&l, places[i]);
	if (f->total == l.faults_before)
		return set;
	detectors_free(set);
	return NULL;
}

void detectors_free(struct detectors *d)
{
	if (!d)
		return;
	while (d->owned) {
		struct owned *next = d->owned->next;

		free(d->owned);
		d->owned = next;
	}
	free(d->list);
	free(d);
}

size_t detectors_count(const struct detectors *d)
{
	return d->n;
}

const struct detector *detectors_at(const struct detectors *d, size_t i)
{
	return i < d->n ? &d->list[i] : NULL;
}

const struct detector *detectors_by_id(const struct detectors *d, const char *id)
{
	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->list[i].id, id))
			return &d->list[i];
	return NULL;
}
