/* tell.h - what the sentences of events are made of; for the tell_*.c files only. */
#ifndef CLASSIFY_TELL_H
#define CLASSIFY_TELL_H

#include "classify/reading.h"

/* Counts the event and hands it over. */
void tell_emit(struct classify *c, struct event *ev);
/* Equal keys are one thing told again (alerts side): built from what an alert is about, and the flow on which
 * it was told first. */
uint64_t tell_repeat_key(uint64_t scope, int kind, const void *about, size_t n);
/* "10.1.2.3 (sales)" */
const char *tell_who(
        const struct classify *c, const struct flow *f, const struct facts *x, char *buf, size_t cap);
/* "OpenAI API at api.openai.com through 10.9.9.9:3128" */
const char *tell_where(const struct flow *f, const struct facts *x, char *buf, size_t cap);

#endif
