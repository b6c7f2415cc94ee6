/* text_meant.h - did somebody mean what base64 gave, or was it no base64?  Any thread. */
#ifndef CLASSIFY_CONTENT_TEXT_MEANT_H
#define CLASSIFY_CONTENT_TEXT_MEANT_H

#include "base/text.h"

#include <stdbool.h>

/* Clean text in whatever its byte order mark, its zeros or its label say.  Nearly every two bytes are a
 * character of UTF-16: some must be ASCII, where no label says that they are characters. */
bool text_clean(const uint8_t *p, size_t n, struct slice type);
/* Do the bytes look as if somebody had meant them?  `labelled`: base64 was said to be there, of that `type`;
 * `all`: they are all, or as many as any format is recognized by. */
bool text_meant(const uint8_t *p, size_t n, struct slice type, bool labelled, bool all);

#endif
