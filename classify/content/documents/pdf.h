/* pdf.h - the parts of the reader of PDF (ISO 32000-1).
 *
 *   pdf.c         objects and streams as they pass
 *   pdf_lex.c     bytes -> tokens
 *   pdf_object.c  tokens -> what an object says that matters here
 *   pdf_filter.c  a stream's filters undone
 *   pdf_lzw.c     one of them
 *   pdf_font.c    what is known of fonts, pages and their resources
 *   pdf_cmap.c    character maps
 *   pdf_names.c   names of glyphs, encodings
 *   pdf_page.c    content streams -> shown strings and where they stand
 *   pdf_text.c    shown strings become text, when their fonts are known
 *   pdf_hold.c    ... and wait until then
 *
 * All is state of one reader, in memory of its part. */
#ifndef CLASSIFY_CONTENT_PDF_H
#define CLASSIFY_CONTENT_PDF_H

#include "base/text.h"
#include "classify/content/documents/documents.h"
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

#include <string.h>

struct pdf;

/* ---- pdf_lex.c (7.2, 7.3) ---- */

#define PDF_TOKEN_MAX 512 /* strings come in pieces of it, names and numbers are cut */

enum pdf_token_type {
	PDF_NUMBER,
	PDF_NAME,
	PDF_STRING,
	PDF_WORD, /* obj, R, true, Tj, ... */
	PDF_ARRAY_OPEN,
	PDF_ARRAY_CLOSE,
	PDF_DICT_OPEN,
	PDF_DICT_CLOSE,
};

struct pdf_token {
	enum pdf_token_type type;
	bool more; /* of a string: another piece follows */
	const uint8_t *p;
	size_t n;
	double number;
	uint64_t at; /* where it began, counted from pdf_lex_begin() */
};

struct pdf_lex {
	uint8_t state, octal_n, image;
	bool stop, more; /* stop: set in a callback, ends pdf_lex_feed() behind the token */
	unsigned depth;  /* of parentheses */
	int digit;       /* held: of a hex string or of #xx, octal digits; -1 none */
	uint64_t pos, at;
	size_t n;
	uint8_t buf[PDF_TOKEN_MAX];
};

typedef void (*pdf_token_fn)(struct pdf *f, struct nest *t, const struct pdf_token *k);
void pdf_lex_begin(struct pdf_lex *x);
/* Returns the bytes taken: all, unless `stop` was set. */
size_t pdf_lex_feed(
        struct pdf *f, struct pdf_lex *x, struct nest *t, const uint8_t *p, size_t n, pdf_token_fn token);
void pdf_lex_end(struct pdf *f, struct pdf_lex *x, struct nest *t, pdf_token_fn token);
/* Behind ID: what follows is an inline image, up to EI (8.9.7). */
void pdf_lex_image(struct pdf_lex *x);

/* ---- pdf_object.c ---- */

#define PDF_DEPTH_MAX  32 /* arrays and dictionaries in each other; deeper values are not looked at */
#define PDF_FILTERS    3
#define PDF_CID_WIDTHS 512 /* runs of widths of one font; others are taken for average */

struct pdf_level {
	bool array, want_key;
	uint8_t key;   /* enum pdf_key (pdf_keys.h), of the value that is read */
	uint32_t name; /* hash of the key */
};

struct pdf_cid_width {
	uint16_t first, last, width;
};

/* What an object says; numbers are 0 where nothing was said. */
struct pdf_object {
	uint32_t number;
	uint8_t type, subtype, encoding, base; /* enum pdf_key: of Encoding, of BaseEncoding */
	uint8_t metrics;                       /* enum pdf_metrics: of BaseFont */
	uint8_t filter[PDF_FILTERS], n_filters;
	bool filters_more, font_file, skipped, differs, numbers, nested, named, unknown_glyph, encrypts;
	/* differs: has Differences; numbers: is an array of them, nested: with arrays in it; named: has names
	 * of fonts, perhaps */
	uint32_t predictor, columns, colors, bits, early, n, first;
	uint64_t length;
	uint32_t to_unicode, encoding_ref, descendant, widths_ref, resources, parent, font_ref;
	uint32_t first_char, default_width, diff_at, n_widths, n_cid;
	uint16_t widths[256], differences[256];
	uint32_t cid_held[2];
	uint8_t n_cid_held;
	bool cid_inside; /* the last number was in an array of its own */
	struct pdf_cid_width cid[PDF_CID_WIDTHS];
};

struct pdf_values {
	unsigned depth, n_pending;
	bool string_open; /* a string's pieces are being told */
	struct charset charset;
	double pending[2]; /* numbers that may be a reference */
	struct pdf_level level[PDF_DEPTH_MAX];
};

void pdf_object_begin(struct pdf *f, uint32_t number);
/* A token of the object that is being read. */
void pdf_object_token(struct pdf *f, struct nest *t, const struct pdf_token *k);
/* FNV-1a of a name: that of fonts, as pages call them. */
uint32_t pdf_name_hash(const struct pdf_token *k);
/* The object is whole: what it says of fonts and pages is remembered. */
void pdf_object_end(struct pdf *f, struct nest *t);

/* ---- pdf_filter.c (7.4) ---- */

#define PDF_ROW_MAX 1024 /* bytes of a row that a predictor may have */

struct pdf_filter {
	uint8_t kind; /* enum pdf_key */
	uint8_t n; /* ASCII85: characters of a group; run length: bytes to come, and whether they are one */
	bool same, over;
	int digit; /* held, -1: none */
	uint32_t group;
};

struct pdf_stream {
	uint8_t what, begun; /* enums in pdf.c */
	uint8_t n_filters, matched,
	        packed; /* matched: of the word that ends it; packed: which filter is Flate or LZW */
	bool predicted;
	uint32_t number, n_objects, first; /* the latter two of an object stream */
	uint64_t left;                     /* of what has a length that counts */
	struct pdf_filter filter[PDF_FILTERS];
	size_t row, column; /* bytes of a row, with its tag; where in it */
	size_t pixel;       /* bytes from one to the next */
	uint8_t rows[2][PDF_ROW_MAX + 1];
};

/* Begins a stream's filters by what the object says; false: one is not supported. */
bool pdf_filter_begin(struct pdf *f, struct nest *t);
void pdf_filter_feed(struct pdf *f, struct nest *t, const uint8_t *p, size_t n);
/* Hands out what is held. */
void pdf_filter_end(struct pdf *f, struct nest *t);
/* Where decoded bytes go: pdf.c. */
void pdf_decoded(struct pdf *f, struct nest *t, const uint8_t *p, size_t n);

/* ---- pdf_lzw.c (7.4.4) ---- */

struct pdf_lzw;
typedef void (*pdf_bytes_out)(void *arg, struct nest *t, const uint8_t *p, size_t n);
/* Begins a stream; `early`: codes become longer one before they must.  false: no memory, noted. */
bool pdf_lzw_begin(struct pdf *f, struct nest *t, bool early);
enum unpacked pdf_lzw_feed(
        struct pdf_lzw *x, const uint8_t *p, size_t n, pdf_bytes_out out, void *arg, struct nest *t);

/* ---- pdf_font.c: memory that tables share, and what objects are ---- */

#define PDF_BLOCK      32000 /* memory is taken in such pieces, two to a room */
#define PDF_TABLES     6     /* for what is known of fonts and pages */
#define PDF_THINGS     640   /* fonts, encodings, character maps, widths */
#define PDF_PLACES     2048  /* pages, streams of content and resources; a power of two */
#define PDF_FONT_NAMES 1024  /* names of fonts, as pages call them; a power of two */

enum pdf_what { PDF_FONT_SIMPLE, PDF_FONT_TYPE0, PDF_ENCODING, PDF_CMAP, PDF_WIDTHS, PDF_CIDS };

struct pdf_cmap_row {
	uint16_t first, count;
	uint32_t to; /* code point of the first; PDF_CMAP_TEXT: where in `text` its characters begin */
};
#define PDF_CMAP_TEXT 0x80000000u

struct pdf_cmap {
	uint32_t n, n_text;
	uint8_t code_bytes;             /* 1 or 2 */
	const struct pdf_cmap_row *row; /* sorted */
	const uint16_t *text;           /* length, UTF-16 */
};

struct pdf_thing {
	uint32_t number;
	uint8_t what, encoding, metrics; /* encoding: enum pdf_key */
	bool named, unknown;             /* the encoding is told; some of it by names that nobody knows */
	bool true_type;
	uint16_t next, n; /* next: of the same bucket, 1 + index; n: entries */
	uint16_t first_char, default_width;
	uint32_t to_unicode, encoding_ref, widths_ref; /* widths_ref: of Type 0 the descendant */
	/* ENCODING and SIMPLE: 256 code points; WIDTHS: 256; CIDS: struct pdf_cid_width; CMAP: struct
	 * pdf_cmap */
	const void *data;
	const uint16_t *widths; /* of SIMPLE; may be NULL */
};

struct pdf_place { /* fonts of `number` are looked up at `at` */
	uint32_t number, at;
};

struct pdf_font_name {
	uint32_t owner, name, font; /* owner 0: of all that say nothing else */
};

struct pdf_tables {
	uint8_t *block[PDF_TABLES];
	unsigned n_blocks;
	size_t used;
	unsigned n_things, n_places, n_names;
	struct pdf_thing *thing;
	uint16_t *bucket;
	struct pdf_place *place;
	struct pdf_font_name *name;
};

/* Memory for tables; NULL: none left, noted. */
void *pdf_table_alloc(struct pdf *f, struct nest *t, size_t n);
struct pdf_thing *pdf_thing_find(struct pdf *f, uint32_t number, unsigned what_mask);
/* A new thing, or one that takes the place of an older of the same number; NULL: full. */
struct pdf_thing *pdf_thing_add(struct pdf *f, struct nest *t, uint32_t number, enum pdf_what what);
void pdf_place_add(struct pdf *f, struct nest *t, uint32_t number, uint32_t at);
/* Do these streams of content belong to one page, as far as is known? */
bool pdf_place_same(const struct pdf *f, uint32_t a, uint32_t b);
void pdf_font_name_add(struct pdf *f, struct nest *t, uint32_t owner, uint32_t name, uint32_t font);

/* How strings of a font are read. */
struct pdf_reading {
	uint8_t code_bytes, metrics;
	bool ucs2;                /* codes are UTF-16 */
	bool named;               /* the encoding was told: what it has is sure */
	bool glyphs;              /* nothing was told: codes may be ASCII, or numbers of glyphs */
	const uint16_t *encoding; /* by code; NULL: none */
	const struct pdf_cmap *cmap;
	const uint16_t *widths; /* by code, from first_code */
	uint16_t first_code;
	const struct pdf_cid_width *cids; /* sorted */
	uint16_t n_cids, default_width;
};
enum pdf_ready { PDF_READY, PDF_WAIT, PDF_NEVER };
/* The font that the content stream calls by this name.  PDF_WAIT: object *missing is yet to come. */
enum pdf_ready pdf_font_find(
        struct pdf *f, uint32_t content, uint32_t name, struct pdf_reading *r, uint32_t *missing);
/* In thousandths of its size, of a code that means this code point. */
unsigned pdf_width(const struct pdf_reading *r, uint32_t code, uint32_t cp);

/* ---- pdf_metrics.c (9.6.2.2) ---- */

/* Fonts that need not say their widths. */
enum pdf_metrics {
	PDF_HELVETICA,
	PDF_HELVETICA_BOLD,
	PDF_TIMES,
	PDF_TIMES_BOLD,
	PDF_TIMES_ITALIC,
	PDF_TIMES_BOLD_ITALIC,
	PDF_COURIER,
};
/* By BaseFont; fonts that nobody knows are taken for Helvetica. */
uint8_t pdf_metrics_by_name(const uint8_t *p, size_t n);
/* In thousandths of the size; of what is no letter of Latin-1 that of an `o'. */
unsigned pdf_metrics_width(uint8_t metrics, uint32_t cp);

/* ---- pdf_cmap.c (9.10.3) ---- */

#define PDF_CMAP_ROWS  3000 /* of one map */
#define PDF_CMAP_TEXTS 512  /* code units of characters that become several */

struct pdf_mapping { /* of the map being read */
	bool on, array;
	uint8_t state, n_codes, code_bytes;
	uint32_t code[2];
	uint32_t n, n_text;
	struct pdf_cmap_row *row; /* PDF_CMAP_ROWS of them, NULL: no memory */
	uint16_t *text;
};

void pdf_cmap_begin(struct pdf *f, struct nest *t);
void pdf_cmap_token(struct pdf *f, struct nest *t, const struct pdf_token *k);
void pdf_cmap_end(struct pdf *f, struct nest *t);
const struct pdf_cmap_row *pdf_cmap_find(const struct pdf_cmap *m, uint32_t code);

/* ---- pdf_names.c (annex D) ---- */

/* The code point of a glyph's name, 0: unknown. */
uint32_t pdf_glyph(const uint8_t *name, size_t n);
enum pdf_encoding { PDF_STANDARD, PDF_WIN_ANSI, PDF_MAC_ROMAN };
/* 256 code points, 0 where there is none. */
const uint16_t *pdf_encoding(enum pdf_encoding e);

/* ---- pdf_page.c (8.4, 9.4) ---- */

#define PDF_STATES 16 /* q without Q; more keep the last matrix */

struct pdf_matrix {
	double a, b, c, d, e, f;
};

struct pdf_state { /* what q keeps and Q brings back */
	struct pdf_matrix ctm;
	uint32_t font; /* hash of its name; 0: none */
	double size, spacing, word_spacing, scale, leading;
};

struct pdf_page {
	bool text, in_array, has_string;      /* text: between BT and ET */
	bool moved, resized, placed;          /* since the last string; placed: there was one */
	uint32_t content;                     /* number of the stream, or of the one before */
	bool told;                            /* that a content stream began: it shows something */
	unsigned n_numbers, n_states, nested; /* nested: in dictionaries */
	double number[6];
	uint32_t name;           /* the newest */
	double x, y, em, ux, uy; /* where the last string began, and how it runs */
	double drift;            /* added since by numbers between strings, in units of the page */
	double indent;           /* ... by numbers before the first string, in em */
	struct pdf_matrix line;
	struct pdf_state now, state[PDF_STATES];
	size_t n_string;
	uint8_t string[PDF_TOKEN_MAX];
};

void pdf_page_begin(struct pdf *f);
void pdf_page_token(struct pdf *f, struct nest *t, const struct pdf_token *k);
void pdf_page_end(struct pdf *f, struct nest *t, bool whole);

/* ---- pdf_hold.c: notes that wait ---- */

#define PDF_HELD       12    /* blocks of PDF_BLOCK: some 200 pages of text */
#define PDF_UNIT_MAX   16000 /* bytes of notes in one piece */
#define PDF_UNIT_FONTS 24

#define PDF_SAID 256 /* bytes of text that are gathered */

#define PDF_UNIT_BEGINS 1u /* of a content stream */
#define PDF_UNIT_ENDS   2u
#define PDF_UNIT_CUT    4u /* ends, but bytes are missing */

struct pdf_unit {
	uint32_t content, packed, n; /* packed: bytes that follow; n: of notes in them */
	uint8_t flags, n_fonts;
	uint32_t font[PDF_UNIT_FONTS];
};

struct pdf_held_block {
	uint8_t *bytes;
	size_t used, read;
};

struct pdf_hold {
	struct pdf_held_block block[PDF_HELD];
	unsigned first, n_full; /* the oldest, and how many hold something */
	bool no_more;           /* no memory for another */
	bool tight;             /* the newest has no room for the unit that is being added */
	void *packer;
	uint8_t *packer_room, *unpacker_room, *unit;
};

/* Another unit than the one that was not added begins. */
void pdf_hold_begin(struct pdf *f);
/* false: no room.  Tried again with the same unit, it is deflated again only once there is another block. */
bool pdf_hold_add(struct pdf *f, struct nest *t, const struct pdf_unit *u, const uint8_t *p, size_t n);
const struct pdf_unit *pdf_hold_first(const struct pdf *f); /* the oldest, NULL: none */
const uint8_t *pdf_hold_read(struct pdf *f, const struct pdf_unit *u);
void pdf_hold_drop(struct pdf *f); /* the oldest */

/* ---- pdf_text.c ---- */

struct pdf_size { /* in units of the page */
	float em, spacing, word_spacing;
};

struct pdf_text {
	/* writing */
	uint8_t *notes, *show; /* PDF_UNIT_MAX bytes; where the string's length stands that may go on */
	size_t n_notes;
	bool no_memory;
	struct pdf_unit unit;
	uint32_t font; /* of the last note */
	struct pdf_size noted;
	/* waiting */
	uint32_t waits; /* number of the object that is missing, 0: none */
	uint8_t seen;   /* fonts of the oldest unit that are known */
	/* telling */
	bool open, any, line, unread; /* open: a content's field; any: it has text; unread: of some nobody
	                                 knows what it says */
	uint8_t last, blank;          /* blank: due before the next character, ' ' or '\t' */
	uint32_t content;
	struct pdf_reading reading;
	enum pdf_ready ready;
	uint32_t n_glyphs, n_words; /* codes where `glyphs`; of them letters, digits and blanks */
	struct pdf_size size;
	double advance, trail; /* since the last start, in units of the page; trail: of it the spacing behind
	                          the last glyph */
	size_t n_said;
	uint8_t said[PDF_SAID];
};

void pdf_text_content(struct pdf *f, uint32_t number);
void pdf_text_font(struct pdf *f, struct nest *t, uint32_t name);
void pdf_text_size(struct pdf *f, struct nest *t, struct pdf_size size);
void pdf_text_line(struct pdf *f, struct nest *t);
void pdf_text_move(struct pdf *f, struct nest *t, double dx);
void pdf_text_gap(struct pdf *f, struct nest *t, double ems);
bool pdf_is_gap(double ems);
void pdf_text_show(struct pdf *f, struct nest *t, const uint8_t *p, size_t n);
/* The content stream ended; `whole` false when bytes of it are missing. */
void pdf_text_end(struct pdf *f, struct nest *t, bool whole);
/* Object `number` is known now: what waited for it goes out; 0: all that is left does. */
void pdf_text_known(struct pdf *f, struct nest *t, uint32_t number);

/* ---- pdf.c ---- */

#define PDF_OBJECTS 512 /* of one object stream */

struct pdf {
	const struct prefix *in;
	uint8_t mode;
	bool in_object, encrypted, broken, directory, in_part; /* directory: met, or its end */
	uint32_t last[2], files;                               /* last: numbers before obj */
	struct pdf_lex lex;
	struct pdf_values values;
	struct pdf_object object;
	struct pdf_stream stream;
	struct pdf_page page;
	struct pdf_text text;
	struct pdf_hold hold;
	struct pdf_tables tables;
	struct pdf_mapping mapping;
	struct unpack unpack;
	struct pdf_lzw *lzw;
	struct text_scan scan; /* of the field that is told; no memory is taken while it has a part open */
	/* of an object stream: numbers and places of its objects, in turn */
	uint32_t n_objects, object_at;
	uint32_t *objects;
};

#endif
