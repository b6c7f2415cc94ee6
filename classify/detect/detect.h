/* detect.h - detectors over text that arrives in pieces.
 *
 * libhs finds anchors (rare literals, names of assignments, markings), a digit scanner of our own finds
 * numbers; expressions and validators confirm on a retained window.  Text is gathered to buffers and each is
 * searched once, so matches are found across every piece border within a field, however it was cut. Databases
 * are compiled once and shared read-only; a worker owns its scratch; a stream belongs to one body. */
#ifndef CLASSIFY_DETECT_DETECT_H
#define CLASSIFY_DETECT_DETECT_H

#include "base/err.h"
#include "config/detectors.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINDING_FIELD_MAX 160
#define FINDING_MASK_MAX  48
#define FINDING_TOKEN_MAX 64

struct finding {
	const struct detector *detector;
	uint32_t count;     /* occurrences of this value */
	uint8_t confidence; /* 0..100 */
	char mask[FINDING_MASK_MAX];
	char token[FINDING_TOKEN_MAX]; /* "KEYID:HEX" of HMAC-SHA-256 over class and normalized value; ""
	                                  without key */
	uint64_t value_hash;           /* keyed per process; tells repeats apart, never leaves the process */
	char field[FINDING_FIELD_MAX]; /* masked as detect_mask_path() does; of a long one the end */
	uint64_t offset;               /* of the value in its field */
	uint32_t mark;                 /* what detect_mark_fields() said of the field */
	uint8_t speaker;               /* enum speaker of config/wire.h; whoever reads the text sets it */
	bool received;                 /* it stood in an answer; whoever reads that sets it */
	bool again;                    /* told before in the same conversation; whoever tells it sets it */
};

struct detect_engine; /* compiled databases; immutable, any thread */
struct detect_engine *detect_engine_create(const struct detectors *d, const uint8_t *token_key,
        size_t key_len, const char *key_id, struct err *e);
void detect_engine_destroy(struct detect_engine *en);

struct detect_worker; /* scratch and stream pool of one thread */
struct detect_worker *detect_worker_create(
        const struct detect_engine *en, size_t streams, unsigned findings_max, struct err *e);
void detect_worker_destroy(struct detect_worker *w);

struct detect_stream;
/* NULL when all streams are in use (counted). */
struct detect_stream *detect_open(struct detect_worker *w);
/* A new field begins; `key` gives assignments their name: text `hunter2` under key `password` is found like
 * `password: hunter2`.  Nothing matches across fields, but for text parts of one message that follow one
 * another (docs/detectors.md).  May be left out: one nameless field. */
void detect_field(
        struct detect_stream *s, const char *path, size_t path_len, const char *key, size_t key_len);
/* Is this the text part behind the field that was begun last, so that a value may be cut over both? */
bool detect_follows(const struct detect_stream *s, const char *path, size_t n);
/* A number of the caller's that findings in the fields which begin from now on carry; 0 at first. */
void detect_mark_fields(struct detect_stream *s, uint32_t mark);
void detect_text(struct detect_stream *s, const uint8_t *p, size_t n);
void detect_gap(struct detect_stream *s); /* bytes are missing here: nothing matches across */
/* Ends the text.  Returns the findings, one for each (detector, value, field), highest severity and
 * confidence first; they live until the next detect_open() of this worker.  *more: values beyond
 * findings_max. */
const struct finding *detect_close(struct detect_stream *s, size_t *n, uint32_t *more);

/* A string that goes out (path, host, user agent, file name): copied to out with every sensitive value
 * replaced by its mask.  Returns its length; always terminated.  Secrets in percent-encoding are found. */
size_t detect_mask(struct detect_worker *w, const char *p, size_t n, char *out, size_t cap);
/* The path of a field, in place: its members, parameters and headers are named by the sender, so a name that
 * is longer than names are is masked as well. */
void detect_mask_path(struct detect_worker *w, char field[FINDING_FIELD_MAX]);

struct detect_stats {
	uint64_t bytes, candidates, findings, suppressed, refused;
	uint64_t tries; /* of expressions at places in runs of digits */
	uint64_t words; /* that text around a value was compared with */
};
void detect_worker_stats(const struct detect_worker *w, struct detect_stats *out);

#endif
