/* documents.h - readers of documents and archives: ZIP and what is built on it, XML and HTML, PDF, tar, mail,
 * RTF, and the text that old binary formats hold.
 *
 * All are push parsers (struct reader_ops, nest.h): a document is read while it passes, none is ever held.
 * What a byte can make grow has a limit, named in the file of its reader; behind it the rest is not read and
 * CONTENT_LIMIT is told. */
#ifndef CLASSIFY_CONTENT_DOCUMENTS_H
#define CLASSIFY_CONTENT_DOCUMENTS_H

#include "classify/content/nest.h"

#include <stdbool.h>
#include <stdint.h>
#include <zlib.h>

extern const struct reader_ops zip_ops, markup_ops, tar_ops, mail_ops, mbox_ops, pdf_ops, rtf_ops, runs_ops,
        sealed_ops;

/* ---- unpack.c: zlib's inflate in a room of the part ---- */

#define UNPACK_ROOM     65536      /* zlib needs 40 KiB for state and window; other makes of it more */
#define UNPACK_FREE     (1u << 20) /* so much may come out before content_limits.inflate_ratio counts */
#define UNPACK_OUT_SIZE 8192

struct unpack {
	z_stream z;
	uint8_t *room; /* taken once, of the part that is open at unpack_start() */
	size_t used;
	bool running;
	uint64_t in, out; /* of the stream being inflated */
};

enum unpacked { UNPACK_MORE, UNPACK_END, UNPACK_BROKEN, UNPACK_BOMB };

/* Begins a stream; window_bits as in inflateInit2: -15 raw, 15 zlib.  false: no memory, noted. */
bool unpack_start(struct unpack *u, struct nest *t, int window_bits);
/* Inflates from *p and moves it; decoded bytes go to `out`. */
enum unpacked unpack_feed(struct unpack *u, const uint8_t **p, size_t *n,
        void (*out)(void *arg, struct nest *t, const uint8_t *p, size_t n), void *arg, struct nest *t);

/* ---- markup_names.c: names of HTML, XML and office vocabularies ---- */

/* The code point of a named character reference (without & and ;), 0: unknown. */
uint32_t entity_by_name(const char *name, size_t n);
/* Elements of HTML that may stand within a word. */
bool html_inline(const char *name, size_t n);

/* What an element of an office vocabulary does to the text around it. */
struct office_element {
	char name[16];       /* without its namespace prefix */
	char before, behind; /* '\n', '\t', ' ' or 0 */
};
const struct office_element *office_element(const char *name, size_t n);
/* Is this attribute text that somebody wrote? */
bool office_attribute(const char *element, size_t en, const char *name, size_t n);

#endif
