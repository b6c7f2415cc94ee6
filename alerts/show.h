/* show.h - a record as a block of text for people (docs/records.md says what the parts mean). */
#ifndef ALERTS_SHOW_H
#define ALERTS_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct show {
	FILE *out;
	bool colour;
	bool utf8;      /* the terminal takes more than ASCII */
	unsigned width; /* columns, 0: lines are not folded */
	char day[11];   /* of the last record shown; a new day gets a line of its own */
};

/* Nothing from the record reaches `out` but printable characters.  Returns false when the text is no record.
 */
bool show_record(struct show *s, const char *json, size_t n);

#endif
