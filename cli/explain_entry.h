/* explain_entry.h - parts of `leaktap explain`, on stdout. */
#ifndef CLI_EXPLAIN_ENTRY_H
#define CLI_EXPLAIN_ENTRY_H

#include "classify/policy/verdict.h"

/* Every rule that was looked at for a name, and what became of it. */
void explain_rules(const struct catalogue *c, const char *host, const char *path);
/* Services that are called like a word which is no host. */
void explain_similar(const struct catalogue *c, const char *word);
/* The ids of services that are called like a word, with a host each when `hosts`: "openai-api
 * (api.openai.com), ...". Empty: none is. */
const char *similar_services(const struct catalogue *c, const char *word, bool hosts, char *buf, size_t cap);
/* A hint when a name without a service holds one that has one. */
void explain_look_alike(const struct catalogue *c, const char *host);
/* Every condition of an entry, and whether it is met as far as that can be said here. */
void explain_entry(const struct settings *s, const struct partner *p, const struct ip_addr *from,
        const struct account *seen);

#endif
