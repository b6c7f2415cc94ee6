/* catalogue_nodes.c - what every entry of a catalogue file is read with: is it a map, a list, a word, a text
 * of the right form; and if not, the fault with its place. */
#include "config/catalogue_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define WORD_NEAR 2

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "WS"};

void entry_bad(struct reader *r, const struct ynode *at, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fault_add(r->f, r->file, at->line, at->column, "%s", text);
}

/* The word nearest to a mistyped one; NULL when none is near. */
static const char *near_word(const char *const *words, size_t n, const char *word)
{
	unsigned best = WORD_NEAR + 1;
	const char *near = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned d = text_distance(words[i], word, WORD_NEAR);

		if (d < best && d < strlen(word)) {
			best = d;
			near = words[i];
		}
	}
	return near;
}

/* "`hots' is no key of a host (did you mean `hosts'?); allowed are: ..." */
void entry_bad_word(
        struct reader *r, const struct ynode *at, const char *what, const char *const *words, size_t n)
{
	const char *near = near_word(words, n, at->text);
	char allowed[512] = "";

	for (size_t i = 0, len = 0; i < n && len < sizeof(allowed); i++)
		len += (size_t)snprintf(
		        allowed + len, sizeof(allowed) - len, "%s%s", i ? ", " : "", words[i]);
	if (near)
		entry_bad(r, at, "`%.60s' is no %s (did you mean `%s'?); allowed are: %s", at->text, what,
		        near, allowed);
	else
		entry_bad(r, at, "`%.60s' is no %s; allowed are: %s", at->text, what, allowed);
}

static int word_index(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i], word))
			return (int)i;
	return -1;
}

/* The index of the word, -1 after a fault. */
int entry_word(struct reader *r, const struct ynode *v, const char *what, const char *const *words, size_t n)
{
	int i;

	if (v->kind != YNODE_SCALAR) {
		entry_bad(r, v, "a %s must be one word", what);
		return -1;
	}
	i = word_index(words, n, v->text);
	if (i < 0)
		entry_bad_word(r, v, what, words, n);
	return i;
}

bool entry_is_map(
        struct reader *r, const struct ynode *v, const char *what, const char *const *keys, size_t n)
{
	bool good = true;

	if (v->kind != YNODE_MAP) {
		entry_bad(r, v, "%s must be a map of keys", what);
		return false;
	}
	for (size_t i = 0; i < v->n; i++) {
		if (word_index(keys, n, v->key[i]->text) >= 0)
			continue;
		entry_bad_word(r, v->key[i], "key here", keys, n);
		good = false;
	}
	return good;
}

const struct ynode *entry_need(struct reader *r, const struct ynode *map, const char *key)
{
	const struct ynode *v = ynode_get(map, key);

	if (!v)
		entry_bad(r, map, "`%s' is missing", key);
	return v;
}

bool catalogue_id_ok(const char *t)
{
	return strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(t) && *t && *t != '-' &&
	       strlen(t) <= CATALOGUE_ID_MAX;
}

bool catalogue_text_ok(const char *t)
{
	size_t n = strlen(t);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)t[i] < ' ' || t[i] == 0x7f)
			return false;
	return n && n <= CATALOGUE_TEXT_MAX;
}

/* Every `{' closes around a short word before the next '{', '/' or '.'. */
bool catalogue_braces_ok(const char *t)
{
	for (; *t; t++) {
		size_t n;

		if (*t == '}')
			return false;
		if (*t != '{')
			continue;
		n = strspn(t + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");
		if (!n || t[n + 1] != '}')
			return false;
		t += n + 1;
	}
	return true;
}

bool catalogue_path_ok(const char *t)
{
	return (*t == '/' || *t == '*') && !strpbrk(t, " \t?#") && strlen(t) <= CATALOGUE_PATTERN_MAX &&
	       catalogue_braces_ok(t);
}

const char *entry_text(struct reader *r, const struct ynode *v, bool (*ok)(const char *), const char *key,
        const char *allowed)
{
	if (v->kind != YNODE_SCALAR) {
		entry_bad(
		        r, v, "`%s' must be one text, not a %s", key, v->kind == YNODE_LIST ? "list" : "map");
		return "";
	}
	if (strlen(v->text) != v->text_len || !ok(v->text)) {
		entry_bad(r, v, "`%s': `%.60s' is not %s", key, v->text, allowed);
		return "";
	}
	return store_text(&r->c->store, v->text, v->text_len);
}

bool entry_is_list(struct reader *r, const struct ynode *v, const char *key, size_t most)
{
	if (v->kind != YNODE_LIST)
		entry_bad(r, v, "`%s' must be a list", key);
	else if (v->n > most)
		entry_bad(r, v, "`%s' has %zu entries, at most %zu are allowed", key, v->n, most);
	else
		return true;
	return false;
}

const char *const *entry_texts(struct reader *r, const struct ynode *v, bool (*ok)(const char *),
        const char *key, const char *allowed, size_t *n)
{
	const char **list;

	*n = 0;
	if (!entry_is_list(r, v, key, CATALOGUE_LIST_MAX))
		return NULL;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++)
		list[i] = entry_text(r, v->item[i], ok, key, allowed);
	*n = v->n;
	return list;
}

bool catalogue_request_ok(const char *t)
{
	const char *space = strchr(t, ' ');

	for (size_t i = 0; space && i < COUNT(methods); i++)
		if (strlen(methods[i]) == (size_t)(space - t) && !strncmp(t, methods[i], (size_t)(space - t)))
			return catalogue_path_ok(space + 1);
	return false;
}

bool catalogue_field_ok(const char *t)
{
	size_t n = strcspn(t, " \t\"'\\/");

	return n && !t[n] && n <= CATALOGUE_TEXT_MAX;
}

bool entry_bool(struct reader *r, const struct ynode *v, const char *key)
{
	if (v->kind == YNODE_SCALAR && !strcmp(v->text, "true"))
		return true;
	if (v->kind != YNODE_SCALAR || strcmp(v->text, "false") != 0)
		entry_bad(r, v, "`%s' is true or false", key);
	return false;
}
