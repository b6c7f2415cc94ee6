/* text_scan.h - text that may hold something of its own: JSON in a string of JSON, a data: URL, base64.
 *
 * Each run of text goes through a scan, whoever read it: strings of JSON, values of forms, plain bodies, text
 * of documents (part_begin() with hint.text).  What is found becomes a part (nest.h) of the same path:
 *
 *   JSON       PATH.NAME, PATH[0]; the text is that JSON and nothing else, and told as its fields only
 *   base64     PATH(base64), anywhere in the text; read by what its own first bytes say
 *   data:      PATH(base64) or PATH(percent); the text begins as such a URL (RFC 2397)
 *
 * How it is decided, so that nothing is lost and no token is broken up:
 *
 * - JSON: text whose first characters are {" [{ [[ [" or "{ "[ "\ is held, up to TEXT_TRIAL bytes.  Where
 * these follow the grammar (whole, when the text ends before), it is read as JSON; what breaks later is text
 * from there on, under PATH.  Where they do not, all of it is text.
 * - base64: a run of BASE64_MIN characters and more of either alphabet (RFC 4648 4 and 5), also over lines of
 * one length as in MIME and PEM.  It is told as text as it comes, so tokens, digests and paths are read as
 * they stand.  Once BASE64_TOLD characters of it are there, or it ends, its bytes are looked at: a known
 * format, or clean text in UTF-8 or UTF-16, becomes a part, and only what lies behind those first characters
 * is told no more as it stands.  Anything else stays the text that it is, to its end.  JSON Web Tokens stay
 * whole: a run that begins with eyJ and ends at a full stop, or follows one, is none.
 * - data: the type it states is the part's; the rest is as with base64, but that text need not be UTF-8. */
#ifndef CLASSIFY_CONTENT_TEXT_SCAN_H
#define CLASSIFY_CONTENT_TEXT_SCAN_H

#include "classify/content/nest.h"

#define TEXT_TRIAL      4096 /* bytes of JSON in text that are tried before they are believed */
#define TEXT_START      64   /* characters, blanks included, that tell what a text begins as */
#define BASE64_MIN      24   /* characters: 18 bytes are not text by chance */
#define BASE64_TOLD     768  /* of a run told as it stands: it may be a token */
#define BASE64_LINE_MAX 128  /* longer lines do not go on in the next; MIME has 76, PEM 64 */
#define DATA_HEAD_MAX   256  /* of a data: URL before its comma */

enum scan_state {
	SCAN_START, /* nothing is known of the text yet */
	SCAN_PLAIN,
	SCAN_TRIAL,
	SCAN_JSON,
	SCAN_DATA_HEAD,
	SCAN_PERCENT,
	SCAN_RUN,    /* base64 perhaps: told as text */
	SCAN_BASE64, /* its part is open */
};

struct text_held;
struct text_scan {
	uint8_t state;
	uint8_t before; /* the character before the run that the text ends with; 0: none */
	uint8_t n_tail;
	bool ignore;            /* the run that is going on has been looked at */
	char tail[BASE64_MIN];  /* the text's end, as far as a run may begin there */
	struct text_held *held; /* taken from the part's memory when first needed, and kept */
};

/* The field that the emitter has been named begins; `start` false: from the middle of a text. */
static inline void scan_begin(struct text_scan *x, bool start)
{
	x->state = start ? SCAN_START : SCAN_PLAIN;
	x->before = 0;
	x->n_tail = 0;
	x->ignore = false;
}

void scan_text(struct text_scan *x, struct nest *t, const uint8_t *p, size_t n);
/* The text ends, and the field; `whole` false when bytes of it are missing. */
void scan_end(struct text_scan *x, struct nest *t, bool whole);

#endif
