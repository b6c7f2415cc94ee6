/* yaml.h - a YAML file as a tree of nodes that know their line and column.  Read through libyaml's events
 * with limits on size and depth (its document loader is quadratic on nested brackets); aliases, tags and
 * duplicate keys are faults. */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "config/faults.h"

#include <stdbool.h>
#include <stddef.h>

#define YAML_FILE_MAX  (16u << 20)
#define YAML_DEPTH_MAX 32

enum ynode_kind { YNODE_SCALAR, YNODE_LIST, YNODE_MAP };

struct ynode {
	enum ynode_kind kind;
	unsigned line, column;
	char *text; /* scalar: its text, NUL-terminated */
	size_t text_len;
	bool quoted;         /* scalar: was quoted, so it is a string whatever it looks like */
	struct ynode **item; /* list: items; map: values */
	struct ynode **key;  /* map: keys (scalars) */
	size_t n;
};

struct ydoc; /* owns all nodes */

/* NULL when the file could not be read or is not YAML (a fault says why).  `name` is what faults show.  An
 * empty file is an empty map. */
struct ydoc *ydoc_load(const char *path, struct faults *f);
struct ydoc *ydoc_parse(const char *name, const char *text, size_t len, struct faults *f);
void ydoc_free(struct ydoc *d); /* NULL is fine */
const struct ynode *ydoc_root(const struct ydoc *d);
const char *ydoc_name(const struct ydoc *d);
/* The value of a key of a map; NULL when absent (or not a map). */
const struct ynode *ynode_get(const struct ynode *map, const char *key);

#endif
