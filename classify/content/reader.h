/* reader.h - the formats of classify/content: what formats.c chooses from (nest.h says what a reader is). */
#ifndef CLASSIFY_CONTENT_READER_H
#define CLASSIFY_CONTENT_READER_H

#include "classify/content/codings.h"
#include "classify/content/nest.h"

#include <stdbool.h>
#include <string.h>

/* ---- formats.c ---- */

/* The format of what begins with these bytes: one of the table's; NULL when more bytes would tell and `all`
 * is false.  `chars`: the same beginning in UTF-8, for readers of characters. */
const struct reader_ops *format_find(
        struct slice raw, struct slice chars, const struct part_hint *hint, bool all);
/* Text or binary. */
const struct reader_ops *format_flat(struct slice chars);
/* The format that the sender's word alone decides; NULL: none. */
const struct reader_ops *format_by_hint(const struct part_hint *hint);

/* Do these bytes begin as a format that is no text does? */
bool format_magic(const uint8_t *p, size_t n);

/* Might they be text, in UTF-8 or eight bits a character, but for a few?  Random bytes are not, from eighteen
 * on. */
bool format_printable(const uint8_t *p, size_t n);

/* Text, with what text may hold. */
extern const struct reader_ops text_ops;
/* Nothing that can be read: noted as CONTENT_BINARY and passed over. */
extern const struct reader_ops binary_ops;

/* ---- compressed.c: gzip and zstd by their first bytes ---- */

extern const struct reader_ops gzip_ops, zstd_ops;

/* ---- strings_read.c: runs of text in bytes of no known order ---- */

#define STRINGS_RUN_MIN 8 /* shorter ones are chance */

extern const struct reader_ops strings_ops;

/* ---- protobuf.c, grpc.c, eventstream.c: messages in binary, and what they are sent in ---- */

extern const struct reader_ops protobuf_ops, grpc_ops, eventstream_ops;

/* ---- json_read.c: RFC 8259, NDJSON, RFC 7464, records of SignalR ---- */

#define JSON_DEPTH_MAX  128  /* settings may allow less */
#define JSON_PATH_ROOM  2048 /* names of all levels; what does not fit is left out of the path */
#define JSON_KEY_SHOWN  128  /* of one name in a path */
#define JSON_KEY_LONG   16   /* a name of this length is handed out as text too: it may hold data */
#define JSON_DIGITS_MIN 6    /* whole numbers of this length are handed out as text */

extern const struct reader_ops json_ops;
/* Is this JSON with something in it to tell, or, when it is not the whole text, the beginning of JSON? */
bool json_fits(struct nest *t, const uint8_t *p, size_t n, bool whole);

/* ---- sse.c: text/event-stream, by its type ---- */

extern const struct reader_ops sse_ops;

/* ---- form.c: application/x-www-form-urlencoded (WHATWG URL 5.1) ---- */

#define FORM_NAME_SHOWN 96

extern const struct reader_ops form_ops;

/* ---- multipart.c (RFC 2046 5.1, RFC 7578) ---- */

#define MULTIPART_BOUNDARY   200  /* RFC 2046 allows 70 */
#define MULTIPART_HEAD_MAX   4096 /* header fields of one part */
#define MULTIPART_NAME_SHOWN 200  /* of a part's name in a path */
#define MULTIPART_NAME_LONG  16   /* a name of this length is handed out as text too */

extern const struct reader_ops multipart_ops;
/* The boundary of a multipart type, copied to out (MULTIPART_BOUNDARY bytes); false when it is another type.
 */
bool multipart_boundary(struct slice content_type, char *out, size_t *n);
/* The value of `; name=value` or name="value" in a header field, unquoted, at most cap bytes of it. */
bool header_param(struct slice field, const char *name, char *out, size_t cap, size_t *n);

/* ---- transfer.c: Content-Transfer-Encoding (RFC 2045 6) ---- */

enum transfer_kind { TRANSFER_PLAIN, TRANSFER_BASE64, TRANSFER_QUOTED };

struct transfer {
	uint8_t kind, n;
	bool lines, seek; /* seek: behind a gap nothing is read before the next line */
	bool unsure;      /* behind a gap: where groups begin is reckoned, not known */
	bool lost;        /* the beginning of the group that is held is missing */
	char held[4];
};

enum transfer_kind transfer_by_name(struct slice name);
/* false: the label is not true, and what follows is handed out as it is. */
bool transfer_feed(struct transfer *x, const uint8_t *p, size_t n, bytes_out out, void *arg);
void transfer_gap(struct transfer *x, uint64_t n, bytes_out out, void *arg);
void transfer_end(struct transfer *x, bytes_out out, void *arg);

/* ---- codepage.c: eight-bit character sets ---- */

struct codepage; /* constant */
/* By its name on the Internet or its Windows number; NULL: it is none, or one that is not known. */
const struct codepage *codepage_by_name(struct slice name);
const struct codepage *codepage_by_number(unsigned number);
/* The code point of a byte; U+FFFD where there is none. */
uint32_t codepage_char(const struct codepage *page, uint8_t c);

/* ---- charset.c ---- */

enum charset_kind {
	CHARSET_AS_IS, /* UTF-8, ASCII, and what nobody knows */
	CHARSET_UTF16LE,
	CHARSET_UTF16BE,
	CHARSET_UTF32LE,
	CHARSET_UTF32BE,
	CHARSET_PAGE, /* eight bits, by `page` */
};

struct charset {
	uint8_t kind, n; /* n: bytes held of a character */
	bool lost;       /* its beginning is missing */
	uint8_t held[4];
	uint32_t high; /* first half of a surrogate pair, 0 none */
	const struct codepage *page;
};

/* By byte order mark, the type's charset parameter, or the zeros of ASCII text in wide characters, in this
 * order; *mark: the mark's length.  A label that the bytes belie does not count. */
struct charset charset_find(const uint8_t *p, size_t n, struct slice type, size_t *mark);
void charset_feed(struct charset *c, const uint8_t *p, size_t n, bytes_out out, void *arg);
/* n bytes are missing (0: unknown how many, and the rest is taken to be whole characters). */
void charset_gap(struct charset *c, uint64_t n, bytes_out out, void *arg);
void charset_end(struct charset *c, bytes_out out, void *arg);

#endif
