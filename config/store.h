/* store.h - memory of things that are read once from files and then only looked at: carved from growing
 * blocks, nothing freed singly, all given back at once.  Never on the packet path.  Nothing here returns
 * NULL: a machine without memory for its own settings cannot run the sensor, so that ends the program with a
 * line that says so. */
#ifndef CONFIG_STORE_H
#define CONFIG_STORE_H

#include <stddef.h>

struct store_block;
struct store {
	struct store_block *blocks; /* newest first */
	size_t left;                /* bytes unused in the newest */
};

void *store_get(struct store *s, size_t n); /* zeroed, aligned to 16 */
char *store_text(struct store *s, const void *p, size_t n);
char *store_format(struct store *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void store_clear(struct store *s);

/* realloc for n things of that size, under the same rule. */
void *store_grow(void *p, size_t n, size_t size);

#endif
