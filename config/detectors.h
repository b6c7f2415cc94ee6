/* detectors.h - the detectors as data: config/detectors/(any).yaml, read into this; compiled by classify/detect.
 * Immutable after loading. */
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
	const char *text;
	unsigned line;
};

struct detector {
	const char *id, *name;
	enum data_class class;
	enum severity severity;
	uint8_t confidence;         /* 0..100 of a plain match */
	uint8_t confidence_context; /* with a context word near */
	bool context_required;      /* no finding without one */
	const char *const *expressions; size_t n_expressions; /* libhs syntax; matched by end offset */
	bool caseless;
	const char *digits;         /* digit shape instead of expressions: "13-19 luhn-like", see docs/detectors.md */
	const char *const *validators; size_t n_validators;   /* by name, all must agree */
	const char *const *context; size_t n_context;         /* words, caseless */
	unsigned context_window;    /* bytes before and behind */
	const char *const *exclude; size_t n_exclude;         /* expressions or literal values that are examples */
	const char *mask_keep;      /* known public prefix that may stay, "" */
	const char *issuer;         /* whose credential it is ("openai"), "" */
	unsigned alert_from;        /* distinct values in a request from which it alerts on its own (1: at once) */
	unsigned window;            /* bytes a validator may look back */
	double entropy;             /* floor in bits per character of the value, 0: none */
	const struct detector_example *positive; size_t n_positive;
	const struct detector_example *negative; size_t n_negative;
	const char *file;
	unsigned line;
	uint32_t index;
};

struct detectors;
struct detectors *detectors_load(const char *const *places, size_t n, struct faults *f); /* NULL: faults */
void detectors_free(struct detectors *d);
size_t detectors_count(const struct detectors *d);
const struct detector *detectors_at(const struct detectors *d, size_t i);
const struct detector *detectors_by_id(const struct detectors *d, const char *id);

#endif
