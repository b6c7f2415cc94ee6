/* told.h - values that were told, and where: of a flow, of a service on it, of a conversation.  A fixed
 * table; a newer value takes an older one's place, which then is told anew.  One per worker. */
#ifndef CLASSIFY_TOLD_H
#define CLASSIFY_TOLD_H

#include <stdbool.h>
#include <stdint.h>

struct told {
	uint64_t scope;  /* flow_id() of the flow on which it was told first */
	uint32_t number; /* counts what was told, so that the newer of two can be seen */
};

struct told_table;
struct told_table *told_create(void); /* NULL: no memory */
void told_destroy(struct told_table *t);
/* Was the value told of `where`?  Any number that stands for a flow or conversation will do. */
bool told_find(const struct told_table *t, uint64_t where, uint64_t value_hash, struct told *out);
void told_put(struct told_table *t, uint64_t where, uint64_t value_hash, struct told what);
/* The next number. */
uint32_t told_number(struct told_table *t);

#endif
