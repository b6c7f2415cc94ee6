/* reader.h - the parts of classify/content: each is fed bytes and hands text fields to an emitter.
 *
 *   content.c    codings -> UTF-16 -> reader or multipart
 *   multipart.c  parts -> base64 / quoted-printable -> reader
 *   reader.c     first bytes decide: JSON, form, text, binary
 *   json_read.c, form.c, codings.c, emit.c
 *
 * All state is embedded in struct content, of fixed size. */
#ifndef CLASSIFY_CONTENT_READER_H
#define CLASSIFY_CONTENT_READER_H

#include "classify/content/content.h"

#include <stdbool.h>
#include <string.h>
#include <zlib.h>

/* ---- emit.c: one field at a time ---- */

#define EMIT_STAGED 1024 /* text is gathered up to this, so that escapes do not become calls of one byte */

struct emit {
	struct text_sink out;
	unsigned skip;    /* enum content_skip bits met so far */
	bool named, open; /* a field was named; its first text was told */
	bool cut;         /* a limit ended the body: no field is whole */
	uint64_t offset;
	size_t path_len, key_at, key_len, n_staged;
	char path[CONTENT_PATH_MAX + 160];
	uint8_t staged[EMIT_STAGED];
};

/* Names the field that the next text belongs to.  A field without text is never told. */
void emit_field(struct emit *e, const char *path, size_t n, size_t key_at, size_t key_len);
void emit_text_on(struct emit *e, const uint8_t *p, size_t n);

static inline void emit_text(struct emit *e, const uint8_t *p, size_t n)
{
	if (!e->open || n >= EMIT_STAGED / 2 || n > EMIT_STAGED - e->n_staged) {
		emit_text_on(e, p, n);
		return;
	}
	if (n)
		memcpy(e->staged + e->n_staged, p, n);
	e->n_staged += n;
}

static inline void emit_byte(struct emit *e, uint8_t c)
{
	if (e->open && e->n_staged < EMIT_STAGED)
		e->staged[e->n_staged++] = c;
	else
		emit_text_on(e, &c, 1);
}

void emit_end(struct emit *e, bool whole);

/* Field names in front of what a reader finds: "part.NAME", "form"; may be empty. */
#define PREFIX_MAX 128
struct prefix {
	char text[PREFIX_MAX];
	size_t n, key_at; /* key_at: where its last name begins; n when it is no name */
};
/* Names the field of a reader that has no structure: the prefix, or "body". */
void emit_plain(struct emit *e, const struct prefix *in);

/* ---- json_read.c ---- */

#define JSON_DEPTH_MAX  128  /* settings may allow less */
#define JSON_PATH_ROOM  2048 /* names of all levels; what does not fit is left out of the path */
#define JSON_KEY_SHOWN  128  /* of one name in a path */
#define JSON_KEY_LONG   16   /* a name of this length is handed out as text too: it may hold data */
#define JSON_DIGITS_MIN 6    /* whole numbers of this length are handed out as text */

struct json_level {
	uint16_t base;            /* length of the path at this level */
	uint16_t key_at, key_len; /* last name in the path: an array has that of its owner */
	uint32_t index;
	bool array;
};

struct json_reader {
	uint8_t state;
	bool in_key;
	uint8_t esc, hex_n, word_at;
	const char *word;
	uint32_t hex, high; /* high: first half of a surrogate pair, 0 none */
	unsigned depth, depth_max, key_n, num_n, num_digits;
	bool num_open, num_dot, num_exp;
	uint8_t num_last;
	char num[24];            /* a short number, until it is known to be well placed */
	char key[JSON_KEY_LONG]; /* beginning of the name being read */
	const struct prefix *in;
	size_t path_len;
	char path[JSON_PATH_ROOM];
	struct json_level level[JSON_DEPTH_MAX];
};

/* Does text beginning like this (n bytes, blanks skipped) look like JSON? */
bool json_reader_probe(const uint8_t *p, size_t n);
void json_reader_init(struct json_reader *j, const struct prefix *in, unsigned depth_max);
void json_reader_feed(struct json_reader *j, struct emit *e, const uint8_t *p, size_t n);
/* Bytes are missing: what follows is read as text, its escapes undone. */
void json_reader_gap(struct json_reader *j, struct emit *e);
void json_reader_end(struct json_reader *j, struct emit *e);

/* ---- form.c: application/x-www-form-urlencoded (WHATWG URL 5.1) ---- */

#define FORM_NAME_SHOWN 96

struct form_reader {
	uint8_t state, hex_n;
	bool raw;      /* a raw blank was met: this is no form, '+' and '%' mean themselves */
	bool name_out; /* the name is handed out as text */
	char hex;
	unsigned name_n;
	const struct prefix *in;
	char name[FORM_NAME_SHOWN];
};

bool form_reader_probe(const uint8_t *p, size_t n);
void form_reader_init(struct form_reader *f, const struct prefix *in);
void form_reader_feed(struct form_reader *f, struct emit *e, const uint8_t *p, size_t n);
void form_reader_gap(struct form_reader *f, struct emit *e);
void form_reader_end(struct form_reader *f, struct emit *e);

/* ---- reader.c ---- */

#define SNIFF_MAX 64

enum reader_kind { READ_SNIFF, READ_JSON, READ_FORM, READ_TEXT, READ_BINARY };

struct reader {
	enum reader_kind kind;
	bool form_type; /* the sender called it a form */
	uint8_t utf16;  /* enum in reader.c */
	bool utf16_odd;
	uint8_t utf16_first;
	uint32_t utf16_high;
	unsigned depth_max;
	size_t n_sniff;
	struct prefix in;
	uint8_t sniff[SNIFF_MAX];
	union {
		struct json_reader json;
		struct form_reader form;
	} u;
};

void reader_init(struct reader *r, const struct prefix *in, bool form_type, unsigned depth_max);
void reader_feed(struct reader *r, struct emit *e, const uint8_t *p, size_t n);
void reader_gap(struct reader *r, struct emit *e, uint64_t n);
void reader_end(struct reader *r, struct emit *e);

/* ---- multipart.c (RFC 2046 5.1, RFC 7578) ---- */

#define MULTIPART_DEPTH    4
#define MULTIPART_BOUNDARY 200  /* RFC 2046 allows 70 */
#define MULTIPART_HEAD_MAX 4096 /* header fields of one part */

struct multipart_level {
	char delim[MULTIPART_BOUNDARY + 2]; /* "--" and the boundary */
	size_t n;
	struct prefix name; /* for parts without one of their own */
	unsigned parts;
};

struct transfer { /* Content-Transfer-Encoding (RFC 2045 6) */
	uint8_t kind, n;
	char quad[4];
};

struct multipart {
	uint8_t state, after; /* after: bytes seen behind a delimiter */
	bool line_start, cr;  /* cr: one is held, as it may belong to a delimiter */
	uint8_t eol;          /* bytes of the line end that is held: "\n" or "\r\n" */
	uint8_t alive;        /* delimiters that the line may still be; bits by level */
	size_t matched;
	unsigned depth, depth_max, found; /* found: level of the delimiter just read */
	struct multipart_level level[MULTIPART_DEPTH];
	struct transfer transfer;
	size_t head_n, head_line; /* head_line: where its newest line begins */
	char head[MULTIPART_HEAD_MAX];
	struct reader part;
};

/* The boundary of a multipart type, copied to out (MULTIPART_BOUNDARY bytes); false when it is another type.
 */
bool multipart_boundary(struct slice content_type, char *out, size_t *n);
void multipart_init(struct multipart *m, const char *boundary, size_t n, unsigned depth_max);
void multipart_feed(struct multipart *m, struct emit *e, const uint8_t *p, size_t n);
void multipart_gap(struct multipart *m, struct emit *e, uint64_t n);
void multipart_end(struct multipart *m, struct emit *e);
/* The value of `; name=value` or name="value" in a header field, unquoted, at most cap bytes of it. */
bool header_param(struct slice field, const char *name, char *out, size_t cap, size_t *n);

/* ---- codings.c ---- */

#define CODINGS_MAX  3
#define CODING_TRIAL 64    /* bytes held to see whether the label is true */
#define INFLATE_ROOM 65536 /* zlib's state and window: 40 KiB, with room for other makes of it */

struct coding {
	z_stream z;
	uint8_t kind, phase;
	uint8_t *room; /* zlib's memory, from content_pool */
	size_t room_used;
	uint64_t in, out;
	size_t n_held;
	uint8_t held[CODING_TRIAL];
};

enum coding_kind { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_UNKNOWN };
enum coding_kind coding_by_name(struct slice name);
void coding_init(struct coding *c, enum coding_kind kind, uint8_t *room);

/* Where decoded bytes go; false: no more is wanted. */
typedef bool (*coding_out)(void *arg, const uint8_t *p, size_t n);
/* Decodes; returns 0 to go on, or the content_skip bit that ends it. */
unsigned coding_feed(struct coding *c, const uint8_t *p, size_t n, unsigned ratio, coding_out out, void *arg);
unsigned coding_end(struct coding *c, unsigned ratio, coding_out out, void *arg);
/* Bytes are missing: reads what is held; true when the body is not coded after all, and goes on. */
bool coding_settle(struct coding *c, unsigned ratio, coding_out out, void *arg);

#endif
