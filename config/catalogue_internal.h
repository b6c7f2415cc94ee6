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

#define CATALOGUE_LABELS_MAX 16 /* in a rule; no published name of a service comes near */
#define CATALOGUE_PATTERN_MAX                                                                                \
	200 /* bytes of a path pattern; below CATALOGUE_PATH_MAX, so that a cut path decides */

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
};

/* catalogue_read.c: one file into entries and zones. */
void catalogue_read_file(struct reader *r, const char *path);

/* catalogue_index.c: faults of rules, then the tables. */
void catalogue_index(struct reader *r);

/* catalogue_match.c */
bool host_pattern_fits(const char *pattern, const char *host);
/* The literal labels on the right of a pattern, behind a dot; the whole text when it has no placeholder. */
const char *host_pattern_tail(const char *pattern);

#endif
