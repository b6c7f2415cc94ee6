/* detectors.h - the detectors as data: config/detectors/(any).yaml, read into this; compiled by
 * classify/detect. Immutable after loading. */
#ifndef CONFIG_DETECTORS_H
#define CONFIG_DETECTORS_H

#include "config/faults.h"
#include "config/register.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum severity { SEVERITY_INFO, SEVERITY_LOW, SEVERITY_MEDIUM, SEVERITY_HIGH, SEVERITY_CRITICAL, SEVERITIES };
const char *severity_name(enum severity s);
int severity_by_name(const char *name); /* -1: none */

struct detector_example {
	const char *text; /* parts of a list are joined: "ghp_" "..." keeps scanners of repositories quiet */
	unsigned line;
};

/* How a value is brought to one form before it is hashed, so that its spellings are one value. */
enum detector_form { FORM_AS_IS, FORM_ALNUM, FORM_LOWER, FORM_BASE64, FORMS };

struct detector {
	const char *id, *name;
	enum data_class class;
	enum severity severity;
	uint8_t confidence;         /* 0..100 of a plain match */
	uint8_t confidence_context; /* with a context word near */
	bool context_required;      /* no finding without one */
	bool context_sentence;      /* they count in the value's sentence only */
	const char *const *anchors;
	size_t n_anchors; /* libhs syntax, bounded width: where an expression is tried */
	bool caseless;    /* anchors and expressions: ASCII letters of either case */
	const char *const *expressions;
	size_t n_expressions;            /* classify/detect/expr.h; the first group is the value */
	unsigned digits_min, digits_max; /* instead of anchors: tried at runs with so many digits; 0: no */
	unsigned run_min, run_max;       /* ... of so many letters, digits, '+' and '/' */
	bool body_only;                  /* not in header fields and the query */
	const char *const *validators;
	size_t n_validators; /* by name, all must agree */
	const char *const *context;
	size_t n_context; /* words, caseless */
	const char *const *against;
	size_t n_against;        /* words near that speak against it, unless a context word is too */
	unsigned context_window; /* bytes before and behind */
	const char *const *exclude;
	size_t n_exclude;      /* expressions or literal values that are examples */
	const char *mask_keep; /* known public prefix that may stay, "" */
	const char *issuer;    /* whose credential it is ("openai"), "" */
	unsigned alert_from;   /* distinct values in a request from which it alerts on its own (1: at once) */
	unsigned window;       /* bytes from the start of a match to its anchor's end, or to its first
	                        * digits; 0: it begins where its anchor does */
	unsigned priority;     /* of two findings on the same bytes the one with more stays */
	enum detector_form form;
	double entropy; /* floor in bits per character of the value, 0: none */
	const struct detector_example *positive;
	size_t n_positive;
	const struct detector_example *negative;
	size_t n_negative;
	const char *file;
	unsigned line;
	uint32_t index;
};

#define DETECTORS_MAX        1024
#define DETECTOR_RUN_MIN     40 /* shorter ones are not found (classify/detect/scan.c) */
#define DETECTOR_RUN_MAX     512
#define DETECTOR_WINDOW_MAX  2048
#define DETECTOR_CONTEXT_MAX 512

struct detectors;
/* `places`: files, or directories whose *.yaml are read in the order of their names. */
struct detectors *detectors_load(const char *const *places, size_t n, struct faults *f); /* NULL: faults */
void detectors_free(struct detectors *d);
size_t detectors_count(const struct detectors *d);
const struct detector *detectors_at(const struct detectors *d, size_t i);
const struct detector *detectors_by_id(const struct detectors *d, const char *id);

#endif
