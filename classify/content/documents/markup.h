/* markup.h - the parts of the reader of XML and HTML: markup.c reads, markup_entity.c resolves
 * references, markup_out.c knows where bytes go. */
#ifndef CLASSIFY_CONTENT_MARKUP_H
#define CLASSIFY_CONTENT_MARKUP_H

#include "base/text.h"
#include "classify/content/documents/documents.h"
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

#include <string.h>

#define MARKUP_NAME      64   /* of an element or attribute; what is longer is cut for comparison only */
#define MARKUP_VALUE     128  /* kept of a value, to look at */
#define MARKUP_ASIDE     2048 /* text that waits for the end of the line; more ends the line */
#define MARKUP_AROUND    64   /* bytes on each side of a tag within a word */
#define MARKUP_CREDIT    4096 /* bytes around tags that may be told again before they have to be earned */
#define MARKUP_TAG_EARNS 8
#define MARKUP_GATHER    512 /* of text that is handed on in one piece */
#define MARKUP_ENTITY    12  /* of a character reference */

enum markup_state {
	TEXT,
	LESS,
	NAME,
	TAG,
	ATTRIBUTE,
	EQUALS,
	VALUE,
	BANG,
	COMMENT,
	CDATA,
	INSTRUCTION,
	DECLARATION,
	RAWTEXT
};
enum markup_flavor { UNSEEN, PLAIN, OFFICE }; /* UNSEEN: the root element is yet to come */

struct markup {
	const struct prefix *in;
	struct charset charset; /* as declared inside */
	uint8_t state, flavor, quote, brk, last, entity_n;
	bool html, labels, office_root, root, closing, empty, lifted, equals;
	bool in_part, odf; /* in_part: a script that is read as JSON */
	bool direct;       /* a value that is too long to wait for the line's end */
	bool lines;        /* OFFICE: line ends in this element's text are kept: base64 */
	/* OFFICE: blanks and line ends before text, text in this run of it, blanks that stood before it */
	bool blank, line, worded, blank_before;
	bool torn;               /* behind a gap nobody knows how deep elements stand */
	uint32_t depth, top;     /* OFFICE: of elements; of the root of the part at hand, in a package */
	bool shared, kept;       /* a cell that only points elsewhere; this attribute is text */
	bool json;               /* of a script: its type says so */
	bool glued, bracket;     /* a lifted tag behind a letter; within the [] of a document type */
	uint8_t match_n, mirror; /* mirror: bytes behind a tag within a word that are yet to be copied */
	size_t name_n, attr_n, val_n, val_len, aside_n, aside_from, tail_n, gather_n;
	size_t credit; /* of MARKUP_CREDIT: text before tags costs it, tags and text earn it */
	char name[MARKUP_NAME], attr[MARKUP_NAME], val[MARKUP_VALUE];
	char entity[MARKUP_ENTITY], tail[MARKUP_AROUND], raw_end[10];
	char aside[MARKUP_ASIDE], gather[MARKUP_GATHER];
	struct text_scan scan;
};

static inline bool markup_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static inline bool markup_alpha(uint8_t c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
}

static inline bool markup_alnum(uint8_t c)
{
	return markup_alpha(c) || (c >= '0' && c <= '9') || c >= 0x80;
}

/* Without its namespace prefix. */
static inline struct slice markup_local(const char *p, size_t n)
{
	const char *colon = n ? memrchr(p, ':', n) : NULL;
	size_t skip = colon ? (size_t)(colon + 1 - p) : 0;

	return slice_of(p + skip, n - skip);
}

/* To the current field, as UTF-8. */
void markup_put(struct markup *m, struct nest *t, const void *bytes, size_t n);
/* What was put and is yet to go out goes; before the character set changes. */
void markup_put_flush(struct markup *m, struct nest *t);
/* So many bytes may be told a second time. */
void markup_earn(struct markup *m, size_t n);
/* Names the field, and ends it; `start`: of the document. */
void markup_begin_field(struct markup *m, struct nest *t, bool start);
void markup_end_field(struct markup *m, struct nest *t, bool whole);
/* Markup that stays as it is. */
void markup_raw(struct markup *m, struct nest *t, const void *bytes, size_t n);
/* Text of an element, or of the attribute that is being read. */
void markup_text(struct markup *m, struct nest *t, const void *bytes, size_t n);
void markup_value(struct markup *m, struct nest *t, const void *bytes, size_t n);
/* To what follows behind the line. */
void markup_aside(struct markup *m, struct nest *t, const void *bytes, size_t n);
void markup_aside_flush(struct markup *m, struct nest *t);
/* A tag that ends the line. */
void markup_line_end(struct markup *m, struct nest *t);
/* OFFICE: '\n', '\t' or ' ' before the next text; the greater one of several. */
void markup_break(struct markup *m, char c);

/* A script of JSON, a part within. */
void markup_begin_json(struct markup *m, struct nest *t);
void markup_end_json(struct markup *m, struct nest *t);
/* Of a character reference, while m->entity_n: whether the byte was taken. */
size_t markup_entity(struct markup *m, struct nest *t, uint8_t c);
void markup_begin_entity(struct markup *m);
void markup_give_entity(struct markup *m, struct nest *t); /* it is none */

#endif
