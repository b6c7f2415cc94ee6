/* catalogue_internal.h - how the catalogue stands in memory; shared by its reader, its index and its look-up.
 *
 *   files -> entries (catalogue_read.c) -> services (catalogue_load.c) -> rules by name (catalogue_index.c)
 *
 * Every host rule hangs at one key: the whole name (exact), the name (suffix), or the literal labels on the
 * right (pattern).  A look-up asks for each of the name's own suffixes, longest first, so it costs
 * a few hashes whatever the number of services. */
#ifndef CONFIG_CATALOGUE_INTERNAL_H
#define CONFIG_CATALOGUE_INTERNAL_H

#include "config/catalogue.h"
#include "config/store.h"
#include "config/yaml.h"

#define CATALOGUE_LABELS_MAX 16 /* in a rule; no published name of a service comes near */
#define CATALOGUE_PATTERN_MAX                                                                                \
	200 /* bytes of a path pattern; below CATALOGUE_PATH_MAX, so that a cut path decides */

#define CATALOGUE_ID_MAX   40
#define CATALOGUE_TEXT_MAX 400
#define CATALOGUE_LIST_MAX 1024

/* Bytes to a number.  Open addressing, at most half full; keys are borrowed. */
struct key_slot {
	uint64_t hash;
	const void *key;
	uint32_t len, value;
};
struct key_map {
	struct key_slot *slots;
	size_t size, n; /* size: a power of two, 0 before the first */
};

uint32_t *key_map_find(const struct key_map *m, const void *key, size_t len);     /* NULL: none */
void key_map_put(struct key_map *m, const void *key, size_t len, uint32_t value); /* not yet there */

struct rule {
	const struct service_host *host;
	uint32_t service;
	uint32_t rank; /* of two rules that fit, the one with more wins: kind, then literal length */
	const struct rule *next; /* of the same key */
};

struct zone {
	const char *name, *why; /* why NULL: a name that never attributes */
	bool public_suffix;     /* under which everybody may take a name */
	const char *file;
	unsigned line, column;
};

/* An entry as read, before `extends` and replacement are worked out. */
struct entry {
	struct service s;
	const char *extends; /* NULL: a service of its own */
	unsigned column;
	size_t place;
};

/* A path that a shape's description lists, as read. */
struct shape_field {
	const char *path;
	uint8_t list, rank; /* in which of its lists, and where */
	uint8_t n_values;
	const char *const *values;
	struct service_place at;
};

struct shape_entry {
	const char *id, *extends; /* one of them */
	struct shape_field *fields;
	size_t n_fields, fields_cap;
	struct wire_request *requests;
	size_t n_requests;
	bool copied;
	size_t place;
	struct service_place at;
};

struct catalogue {
	struct store store;
	struct service *services;
	size_t n;
	struct key_map ids;   /* id -> service */
	struct key_map names; /* key of rules -> heads */
	const struct rule **heads;
	size_t n_heads, heads_cap;
	unsigned labels_max;   /* of any rule: longer suffixes of a name need no look */
	struct key_map ranges; /* struct range_key -> service << 8 | place in its ranges */
	uint8_t range_bits[129];
	size_t n_range_bits; /* lengths in use, longest first */
	struct catalogue_change *changes;
	size_t n_changes, changes_cap;
	struct wire_shape *shapes;
	size_t n_shapes;
	struct key_map shape_ids; /* id -> shape */
	const struct wire_shape *generic;
	const struct wire_shape *const *copied;
	size_t n_copied;
};

struct reader {
	struct catalogue *c;
	struct faults *f;
	const char *file; /* in the store */
	size_t place;
	struct entry *entries;
	size_t n_entries, entries_cap;
	struct zone *zones;
	size_t n_zones, zones_cap;
	struct key_map zone_names;
	struct shape_entry *shapes;
	size_t n_shapes, shapes_cap;
};

/* catalogue_nodes.c: parts of entries, each read or told with its place. */
void entry_bad(struct reader *r, const struct ynode *at, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* "`hots' is no key of a host (did you mean `hosts'?); allowed are: ..." */
void entry_bad_word(
        struct reader *r, const struct ynode *at, const char *what, const char *const *words, size_t n);
/* The index of the word, -1 after a fault. */
int entry_word(struct reader *r, const struct ynode *v, const char *what, const char *const *words, size_t n);
bool entry_is_map(
        struct reader *r, const struct ynode *v, const char *what, const char *const *keys, size_t n);
bool entry_is_list(struct reader *r, const struct ynode *v, const char *key, size_t most);
bool entry_bool(struct reader *r, const struct ynode *v, const char *key);
const struct ynode *entry_need(struct reader *r, const struct ynode *map, const char *key);
/* In the catalogue's store; "" after a fault. */
const char *entry_text(struct reader *r, const struct ynode *v, bool (*ok)(const char *), const char *key,
        const char *allowed);
const char *const *entry_texts(struct reader *r, const struct ynode *v, bool (*ok)(const char *),
        const char *key, const char *allowed, size_t *n);
bool catalogue_id_ok(const char *t);
bool catalogue_text_ok(const char *t);
bool catalogue_braces_ok(const char *t); /* every placeholder is whole */
bool catalogue_path_ok(const char *t);
bool catalogue_request_ok(const char *t); /* "POST /v1/{x}" */
bool catalogue_field_ok(const char *t);

/* catalogue_read.c: one file into entries and zones. */
void catalogue_read_file(struct reader *r, const char *path);

/* wire_read.c: descriptions of shapes; after the services are known, what each of them is read by. */
void shapes_read(struct reader *r, const struct ynode *list);
void shapes_link(struct reader *r);

/* catalogue_index.c: faults of rules, then the tables. */
void catalogue_index(struct reader *r);

/* catalogue_match.c */
bool host_pattern_fits(const char *pattern, const char *host);
/* The literal labels on the right of a pattern, behind a dot; the whole text when it has no placeholder. */
const char *host_pattern_tail(const char *pattern);

#endif
