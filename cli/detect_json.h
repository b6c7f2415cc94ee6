/* detect_json.h - JSON (RFC 8259) for `leaktap detect`: whole texts in memory, decoded in place. */
#ifndef CLI_DETECT_JSON_H
#define CLI_DETECT_JSON_H

#include "classify/detect/detect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_member {
	const char *name;
	uint8_t *value; /* decoded string, or a number as written; NULL: absent */
	size_t n;
};

/* Reads one object and its wanted members (strings or numbers) out of line[0..n), decoding in place.  False
 * when it is not a JSON object. */
bool json_line_read(uint8_t *line, size_t n, struct json_member **wanted, size_t n_wanted);

/* If the text is a JSON object or array, hands each string and number to the stream as a field with its path,
 * and says true; else nothing was handed over. */
bool json_text_walk(const uint8_t *p, size_t n, struct detect_stream *s);

#endif
