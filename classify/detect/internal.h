/* internal.h - how the detectors work inside; shared by the files of this folder only.
 *
 * A stream gathers text in one buffer, many short fields side by side.  When the buffer is full, or the text
 * ends, it is scanned once: libhs for the anchors, scan.c for digit runs, '@' and runs of
 * base64's alphabet.  Each candidate is tried
 * with its detector's expressions within its field; validators and context decide.  Of a field that goes on,
 * the last DETECT_AHEAD bytes wait for what follows, and DETECT_BEHIND bytes before them stay as the window
 * to look back into.  Where scans happen depends on the count of bytes alone, so pieces cut anywhere give the
 * same findings. */
#ifndef CLASSIFY_DETECT_INTERNAL_H
#define CLASSIFY_DETECT_INTERNAL_H

#include "base/pool.h"
#include "classify/detect/detect.h"
#include "classify/detect/expr.h"
#include "classify/detect/validate.h"

#include <hs.h>
#include <openssl/evp.h>

#define DETECT_BUFFER     32768u
#define DETECT_AHEAD      2048u /* bytes behind an anchor that a match may need */
#define DETECT_BEHIND     3072u /* window, context and more before it */
#define DETECT_OVERLAP    160u  /* more than any anchor is wide */
#define DETECT_ANCHOR_MAX 128u
#define DETECT_FIELDS     128u  /* side by side in a buffer */
#define DETECT_PATHS      8192u /* bytes of their paths */
#define DETECT_KEY_MAX    64u
#define DETECT_HITS       64u   /* remembered for overlaps */
#define DETECT_CANDIDATES 8192u /* of one scan; more are counted as refused */
#define DETECT_STEPS                                                                                         \
	1500000u /* matching steps of one scan: about 5 ms; what is left then is counted as refused */
#define DETECT_PLACE_STEPS 30000u /* of one candidate, so that no single one takes them all */
#define DETECT_VALUE_MAX   DETECT_AHEAD

#define PARTS_EDGE     512u    /* of the end of a text part, and of the beginning of the next */
#define PARTS_HELD     1024u   /* of several that are short */
#define PARTS_FREE     131072u /* bytes of short ones that are searched anew with each that follows, ... */
#define PARTS_AGAIN    8u      /* ... and from there on so many times what they hold */
#define PARTS_PRIORITY 40u     /* what is less sure than this ends with its part, as sentences do */

#define DATABASES       3
#define DIGIT_RULES_MAX 64    /* bits of a word */
#define EXCLUDE_MARKS   1024u /* by which most numbers are told from excluded ones at once */

struct exclusion {
	struct expr *x;      /* searched in the value ... */
	const char *literal; /* ... or equal to it */
};

/* Words around a value that speak for it. */
struct words {
	const char *const *word;
	size_t n;
	bool begins[256]; /* by the first byte of any, with 0x20 set */
	bool low;         /* one begins below '@', with a digit */
};

struct rule {
	const struct detector *d;
	struct words context;
	struct expr **x;
	size_t n_x;
	validator *checks;
	size_t n_checks;
	struct exclusion *exclude;
	size_t n_exclude; /* expressions first */
	bool exclude_marks[EXCLUDE_MARKS];
	bool at; /* its anchor is '@' */
};

struct detect_engine {
	struct rule *rules;
	size_t n_rules;
	hs_database_t *db[DATABASES];
	const struct rule **digit_rules, **at_rules, **run_rules; /* NULL-terminated */
	uint64_t digit_begins[256]; /* digit rules that may match from such a byte on, as bits */
	unsigned digits_min;        /* fewest any digit rule wants */
	unsigned run_min, run_max;  /* what any rule of runs wants; 0: there is none */
	uint8_t token_key[64];
	size_t token_key_len;
	char token_key_id[17];
};

struct place {
	uint32_t at;   /* one past the anchor, in the buffer */
	uint32_t from; /* where the anchor begins, when libhs was asked for it */
	uint32_t rule; /* DIGITS, AT or RUN: the scanner's */
};
#define PLACE_DIGITS UINT32_MAX
#define PLACE_AT     (UINT32_MAX - 1)
#define PLACE_RUN    (UINT32_MAX - 2)

struct field {
	uint32_t begin; /* in the buffer: of the key put before the text, or of what is held of it */
	int64_t delta;  /* position in the buffer + delta = offset in the field; negative in the key */
	uint32_t path;  /* in paths */
	uint32_t path_len;
	uint32_t number;
	uint32_t mark;
	/* Of two text parts that are searched as one (parts.c): */
	uint32_t border;   /* bytes of the first; 0: this is a field by itself */
	uint32_t before;   /* number of the field before the border, ... */
	uint32_t behind;   /* ... and behind it, ... */
	int64_t before_at; /* ... and where they begin in this one */
	int64_t behind_at;
};

/* Where the number of a text part stands in its path: content[N].text */
struct part_number {
	uint32_t index;
	uint16_t at, end;
	bool text; /* of a list whose elements are read as one text */
};

/* Text parts of one message: the end of the newest, or of several short ones. */
struct parts {
	bool open;  /* the current field is a text part ... */
	bool joins; /* ... which stands behind the one whose end is held */
	struct part_number newest, first;
	char path[FINDING_FIELD_MAX]; /* of the first */
	size_t path_len;
	uint32_t mark, number; /* number: field of the newest, ... */
	int64_t number_at;     /* ... and where it begins, counted from the first's beginning */
	int64_t tail_at;       /* so is this */
	uint64_t told, spent;  /* bytes of parts, and of what was searched over their borders */
	uint16_t n_tail, n_head;
	uint8_t tail[PARTS_HELD];
	uint8_t head[PARTS_EDGE]; /* the beginning of the current one; n_head 0: still in the buffer */
};

/* A value that was found, or a documented example that keeps others away from its bytes (finding < 0). */
struct hit {
	int64_t start, end; /* offsets in the field */
	uint32_t field;
	uint32_t rule;
	int32_t finding;
	uint8_t confidence;
};

struct detect_stream {
	struct detect_worker *w;
	bool masking;     /* hits are wanted, not findings */
	size_t len, done; /* bytes in buf; of them searched */
	size_t n_fields, paths_len;
	uint32_t next_field;
	uint32_t mark;
	bool field_open;           /* a field was begun */
	bool in_tags;              /* what was gathered last was written in tags */
	size_t undecided;          /* last bytes in buf that may begin something unseen */
	unsigned n_hits, next_hit; /* ring */
	size_t n_findings;
	uint32_t more;
	int64_t *sticky; /* by rule: where context was last seen in this field; below 0: resolve.c */
	uint32_t sticky_field;
	struct parts parts;
	struct field fields[DETECT_FIELDS];
	struct hit hits[DETECT_HITS];
	char paths[DETECT_PATHS];
	uint8_t buf[DETECT_BUFFER];
	struct finding findings[];
};

/* A string that went out lately, and in which nothing was to mask: hosts, user agents, models and paths of
 * fields come again with every request. */
#define MASK_CLEAN     256u /* strings remembered, a power of two */
#define MASK_CLEAN_MAX 253u /* bytes of one */
struct mask_clean {
	bool there, path; /* path: as detect_mask_path() searches */
	uint8_t n;
	char p[MASK_CLEAN_MAX];
};

struct detect_worker {
	const struct detect_engine *en;
	struct pool *streams;
	unsigned findings_max;
	hs_scratch_t *scratch;
	EVP_MAC_CTX *mac;
	struct place *places;
	size_t n_places;
	size_t steps;
	struct finding *result;
	struct detect_stream *mask_stream;
	uint8_t *decoded; /* of detect_mask: the string as it is meant, and where it came from */
	uint32_t *origin;
	struct mask_clean *clean; /* [MASK_CLEAN], by hash */
	struct detect_stats stats;
};

/* scan.c: digit runs, '@' and runs of base64's alphabet in s->buf. */
#define RUN_GROUPS 20
struct run {
	uint32_t start[RUN_GROUPS]; /* of its groups of digits */
	unsigned groups, digits;
	uint32_t end;
};
/* Reads the run that begins at p[at]; returns the place behind it. */
size_t scan_run(const uint8_t *p, size_t n, size_t at, struct run *r);
/* Adds the places in (from, to] of p[0..n) to the worker's. */
void scan_places(struct detect_worker *w, const uint8_t *p, size_t n, size_t from, size_t to);
bool scan_add(struct detect_worker *w, size_t from, size_t at, uint32_t rule);

/* stream.c: searches the buffer; `more` says the last field goes on. */
void stream_search(struct detect_stream *s, bool more);
void stream_reset(struct detect_stream *s);
/* unseen.c: what was gathered from `from` on loses what nobody sees. */
void unseen_drop(struct detect_stream *s, size_t from);
/* Length in UTF-8 of a character that nobody sees: of no width, marks of direction, selectors, fillers, tags,
 * and the backslash that Markdown and LaTeX put before `_` and `-`.  0: another one. */
size_t unseen_at(const uint8_t *p, size_t n);
/* Tags in a row at p, and in `out`, unless it is NULL, the ASCII they stand for: models read it.  From
 * TAGS_TEXT on it is text; flags of countries' parts have fewer. */
#define TAG_BYTES 4u
#define TAGS_TEXT 8u
size_t unseen_tags(const uint8_t *p, size_t n, uint8_t *out);

/* parts.c: a field was begun; it ends (before the next is begun); its first bytes leave the buffer. */
void parts_begin(struct detect_stream *s);
void parts_end(struct detect_stream *s);
void parts_keep_head(struct detect_stream *s);
void parts_forget(struct detect_stream *s);
/* Does what makes the value lie on both sides of the border of f? */
bool parts_crossed(const struct field *f, const struct value *v);

/* resolve.c: a number of letters and digits, the same for all their spellings. */
unsigned number_mark(const uint8_t *p, size_t n);
/* Tries the candidate at a place of a field. */
void resolve_place(
        struct detect_stream *s, const struct field *f, size_t end, bool ends, const struct place *at);

/* finding.c */
void finding_accept(struct detect_stream *s, const struct field *f, const struct rule *r,
        const struct value *v, uint8_t confidence);
void finding_exclude(
        struct detect_stream *s, const struct field *f, const struct rule *r, const struct value *v);
/* mask.c */
void mask_value(const struct rule *r, const uint8_t *p, size_t n, char out[FINDING_MASK_MAX]);

#endif
