/* log_line.h - one line of the log, taken apart as far as numbering and delivery need it.
 *
 * The lines are our own (record_line), but they come back from a disk: anything may stand there. */
#ifndef ALERTS_LOG_LINE_H
#define ALERTS_LOG_LINE_H

#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

struct log_line {
	const char *p; /* p[len] is the LF; borrowed */
	size_t len;
	unsigned type; /* as record_head.type */
	size_t fields; /* where the members behind the numbers begin */
	uint64_t index, ordinal;
	int64_t logged_ms;
	struct slice kind, severity, verdict, service,
	        suppressed; /* id of the rule; still escaped (they never need it); n 0: not there */
};

/* The numbers of a line without its LF.  False: it is no record. */
bool log_line_numbers(const char *p, size_t len, struct log_line *out);
/* The rest, for delivery; after log_line_numbers(). */
void log_line_fields(struct log_line *l);

#endif
