/* settings.c - see settings.h.  The file's tree is walked once against the table (settings_table.c); then
 * come the parts that name each other: catalogue, detectors, and last the partner register. */
#include "config/settings.h"

#include "config/kinds.h"
#include "config/settings_internal.h"

#include <ctype.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef PREFIX
#define PREFIX "/usr/local"
#endif

#define SETTINGS_DEFAULT "/etc/leaktap/leaktap.yaml"
#define BUILT_IN         "built-in settings"
#define PATH_MAX_LEN     80 /* of a key, such as evidence.excerpts.recipient */
#define SIBLINGS_MAX     64 /* keys of one section */

/* ---- where things stand ---------------------------------------------------------------------------------
 */

const char *settings_find(const char *from_option)
{
	const char *env = getenv("LEAKTAP_CONFIG");

	if (from_option)
		return from_option;
	if (env && *env)
		return env;
	return access(SETTINGS_DEFAULT, F_OK) == 0 ? SETTINGS_DEFAULT : NULL;
}

static int join_if_there(const char *dir, const char *what, char *buf, size_t cap)
{
	int n = snprintf(buf, cap, "%s/%s", dir, what);

	return n > 0 && (size_t)n < cap && access(buf, R_OK) == 0 ? 0 : -1;
}

/* The program stands somewhere below TOP/build, and TOP is a source tree: it has a Makefile and config/. */
static int beside_build(const char *what, char *buf, size_t cap)
{
	char dir[PATH_MAX], makefile[PATH_MAX + 16], config[PATH_MAX + 16];
	ssize_t n = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	char *slash;

	if (n <= 0)
		return -1;
	dir[n] = '\0';
	while ((slash = strrchr(dir, '/')) && slash != dir) {
		bool is_build = !strcmp(slash, "/build");

		*slash = '\0';
		snprintf(makefile, sizeof(makefile), "%s/Makefile", dir);
		snprintf(config, sizeof(config), "%s/config", dir);
		if (is_build && access(makefile, R_OK) == 0 && !join_if_there(config, what, buf, cap))
			return 0;
	}
	return -1;
}

int settings_shipped(const char *what, char *buf, size_t cap)
{
	const char *env = getenv("LEAKTAP_DATA");

	if (env && *env)
		return join_if_there(env, what, buf, cap);
	if (!beside_build(what, buf, cap))
		return 0;
	return join_if_there(PREFIX "/share/leaktap", what, buf, cap);
}

/* ---- the walk -------------------------------------------------------------------------------------------
 */

static const struct setting *row_of(const char *path)
{
	for (size_t i = 0; i < settings_rows; i++)
		if (!strcmp(settings_table[i].path, path))
			return &settings_table[i];
	return NULL;
}

enum section { SECTION_NONE, SECTION_LATER, SECTION_HERE };

/* SECTION_LATER: none of its keys is part of this version. */
static enum section section_of(const char *path)
{
	enum section s = SECTION_NONE;
	size_t len = strlen(path);

	for (size_t i = 0; i < settings_rows; i++)
		if (!strncmp(settings_table[i].path, path, len) && settings_table[i].path[len] == '.') {
			if (settings_table[i].type != SETTING_LATER)
				return SECTION_HERE;
			s = SECTION_LATER;
		}
	return s;
}

/* The keys that may stand in a section ("" is the file as a whole), in the order of the table. */
static size_t keys_of(const char *section, char names[][PATH_MAX_LEN], const char **list)
{
	size_t len = strlen(section), n = 0;

	for (size_t i = 0; i < settings_rows; i++) {
		const char *key = settings_table[i].path + (len ? len + 1 : 0);
		size_t key_len, k = 0;

		if (settings_table[i].type == SETTING_LATER)
			continue;
		if (len && (strncmp(settings_table[i].path, section, len) != 0 ||
		                   settings_table[i].path[len] != '.'))
			continue;
		key_len = strcspn(key, ".");
		while (k < n && (strlen(names[k]) != key_len || strncmp(names[k], key, key_len) != 0))
			k++;
		if (k < n || n == SIBLINGS_MAX)
			continue;
		memcpy(names[n], key, key_len);
		names[n][key_len] = '\0';
		list[n] = names[n];
		n++;
	}
	return n;
}

/* A key that belongs to another section: people forget the section more often than they invent keys. */
static const char *elsewhere(const char *key)
{
	for (size_t i = 0; i < settings_rows; i++) {
		const char *dot = strrchr(settings_table[i].path, '.');

		if (dot && !strcmp(dot + 1, key) && settings_table[i].type != SETTING_LATER)
			return settings_table[i].path;
	}
	return NULL;
}

static void fault_unknown(const struct reading *r, const char *section, const struct ynode *key)
{
	char names[SIBLINGS_MAX][PATH_MAX_LEN], allowed[1000], hint[80];
	const char *list[SIBLINGS_MAX] = {NULL}, *near;
	size_t n = keys_of(section, names, list);

	near = near_word(key->text, list, n);
	if (!near)
		near = elsewhere(key->text);
	if (!section[0] && row_of(key->text)) {
		fault_node(r, key, "`%s': write `%.*s:' on a line of its own and `%s:' below it, indented",
		        key->text, (int)strcspn(key->text, "."), key->text, strchr(key->text, '.') + 1);
		return;
	}
	fault_node(r, key, "there is no key `%.60s' %s%s%s; allowed: %s", key->text,
	        section[0] ? "in " : "at the top", section, near_hint(near, hint),
	        join_words(list, n, allowed, sizeof(allowed)));
}

static void walk(const struct reading *r, const char *section, const struct ynode *map)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct ynode *key = map->key[i], *value = map->item[i];
		char path[PATH_MAX_LEN];
		const struct setting *row;
		int n = snprintf(path, sizeof(path), "%s%s%s", section, section[0] ? "." : "", key->text);

		if (n < 0 || (size_t)n >= sizeof(path) || strchr(key->text, '.') || !key->text_len) {
			fault_unknown(r, section, key);
			continue;
		}
		row = row_of(path);
		if (row && row->type == SETTING_LATER)
			setting_read(r, row, key);
		else if (row)
			setting_read(r, row, value);
		else if (section_of(path) == SECTION_NONE)
			fault_unknown(r, section, key);
		else if (section_of(path) == SECTION_LATER)
			fault_node(r, key, "%s is not available in this version: take it out", path);
		else if (value->kind == YNODE_MAP)
			walk(r, path, value);
		else if (!node_is_empty(value))
			fault_node(r, value,
			        "%s: keys are expected below it, each on a line of its own and indented",
			        path);
	}
}

/* ---- loading --------------------------------------------------------------------------------------------
 */

struct own { /* settings.private */
	struct store store;
	char host[64];
};

/* The host's name with what a sensor's name may not hold turned into '-'. */
static const char *host_name(struct own *own)
{
	size_t n;

	if (gethostname(own->host, 41) < 0 || !own->host[0])
		strcpy(own->host, "leaktap");
	own->host[40] = '\0';
	n = strcspn(own->host, ".");
	own->host[n] = '\0';
	for (char *p = own->host; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
			*p = '-';
	return own->host[0] ? own->host : "leaktap";
}

static void preset_all(const struct reading *r)
{
	for (size_t i = 0; i < settings_rows; i++)
		setting_preset(r, &settings_table[i]);
	for (int k = 0; k < ALERT_KINDS; k++)
		r->s->alerts.severity[k] = alert_kind_severity((enum alert_kind)k);
}

static void complete(const struct reading *r)
{
	struct settings *s = r->s;
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	if (!s->sensor.name[0])
		s->sensor.name = host_name(s->private);
	if (!s->capture.workers)
		s->capture.workers = cores < 1 ? 1 : cores > 64 ? 64 : (unsigned)cores;
}

/* Places of the catalogue or the detectors: the ones given, else the shipped ones; and `extra` behind them.
 */
static const char **places_of(const struct reading *r, const char *what, const struct text_list *given,
        const struct text_list *extra, size_t *n)
{
	const char **places = store_get(r->store, (given->n + (extra ? extra->n : 0) + 1) * sizeof(*places));
	char shipped[PATH_MAX];

	*n = 0;
	for (size_t i = 0; i < given->n; i++)
		places[(*n)++] = given->item[i];
	if (!given->n) {
		if (settings_shipped(what, shipped, sizeof(shipped)) < 0) {
			fault_add(r->f, r->file, 0, 0,
			        "the shipped %s is not there: neither in $LEAKTAP_DATA nor in " PREFIX
			        "/share/leaktap",
			        what);
			return NULL;
		}
		places[(*n)++] = store_text(r->store, shipped, strlen(shipped));
	}
	for (size_t i = 0; extra && i < extra->n; i++)
		places[(*n)++] = extra->item[i];
	return places;
}

static void load_tables(const struct reading *r)
{
	char shipped[PATH_MAX];
	const char **places;
	size_t n;

	places = places_of(r, "catalogue", &r->s->services.catalogue, &r->s->services.extra, &n);
	if (places)
		r->s->catalogue = catalogue_load(places, n, r->f);
	if (r->s->catalogue)
		catalogue_check_ranges(r->s->catalogue, r->s->networks,
		        settings_shipped("catalogue", shipped, sizeof(shipped)) < 0 ? NULL : shipped, r->f);
	places = places_of(r, "detectors", &r->s->inspect.detectors, NULL, &n);
	if (places)
		r->s->detector_set = detectors_load(places, n, r->f);
}

static void read_tree(const struct reading *r, const struct ynode *root)
{
	const struct ynode *networks = ynode_get(root, "networks"), *policy = ynode_get(root, "policy");

	if (root->kind != YNODE_MAP)
		fault_node(
		        r, root, "keys such as `sensor:' and `policy:' are expected at the top of the file");
	else
		walk(r, "", root);
	if (!ynode_get(networks, "internal"))
		networks_default_internal(r->s->networks);
	complete(r);
	load_tables(r);
	read_partners(r, ynode_get(policy, "partners"));
	read_suppress(r, ynode_get(ynode_get(root, "alerts"), "suppress"));
}

static struct settings *settings_new(void)
{
	struct settings *s = store_grow(NULL, 1, sizeof(*s));
	struct own *own = store_grow(NULL, 1, sizeof(*own));

	memset(s, 0, sizeof(*s));
	memset(own, 0, sizeof(*own));
	s->private = own;
	s->refs = 1;
	s->networks = networks_create();
	return s;
}

/* Takes the document. */
static struct settings *load(const char *path, struct ydoc *doc, struct faults *f, size_t faults_before)
{
	struct settings *s = settings_new();
	struct own *own = s->private;
	struct reading r = {.s = s, .f = f, .store = &own->store, .file = path};

	s->path = strcmp(path, BUILT_IN) ? store_text(&own->store, path, strlen(path)) : "";
	preset_all(&r);
	if (doc)
		read_tree(&r, ydoc_root(doc));
	ydoc_free(doc);
	if (f->total == faults_before)
		return s;
	settings_drop(s);
	return NULL;
}

struct settings *settings_parse(const char *name, const char *text, size_t len, struct faults *f)
{
	size_t before = f->total;

	return load(name, ydoc_parse(name, text, len, f), f, before);
}

struct settings *settings_load(const char *path, struct faults *f)
{
	size_t before = f->total;

	if (!path)
		return settings_parse(BUILT_IN, "", 0, f);
	return load(path, ydoc_load(path, f), f, before);
}

struct settings *settings_hold(struct settings *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void settings_drop(struct settings *s)
{
	struct own *own;

	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	own = s->private;
	partner_index_free(s->policy.index);
	catalogue_free(s->catalogue);
	detectors_free(s->detector_set);
	networks_free(s->networks);
	OPENSSL_cleanse(s->detect.token_key, sizeof(s->detect.token_key));
	store_clear(&own->store);
	free(own);
	free(s);
}
