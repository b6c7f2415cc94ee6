/* register.h - the partner register: one entry is one contract.  Immutable after loading. */
#ifndef CONFIG_REGISTER_H
#define CONFIG_REGISTER_H

#include "base/ip.h"
#include "config/catalogue.h"
#include "config/networks.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Classes of sensitive data (design section 7). */
enum data_class { CLASS_SECRET, CLASS_PII, CLASS_FINANCIAL, CLASS_HEALTH, CLASS_IDENTITY, CLASS_SOURCE, CLASS_MARKER,
	CLASS_EXACT, CLASS_PRINT, CLASS_CUSTOM, CLASSES };
const char *data_class_name(enum data_class c);
int data_class_by_name(const char *name); /* -1: none */

enum posture { POSTURE_INSULAR, POSTURE_OPEN };
enum partner_status { PARTNER_APPROVED, PARTNER_TOLERATED };

#define DAY_NONE INT32_MIN

struct partner {
	const struct service *service;
	const char *contract, *owner; /* "" when not given */
	enum partner_status status;
	int32_t from, until, review;  /* days since 1970, inclusive; DAY_NONE: open */
	const uint16_t *groups; size_t n_groups;     /* sources by group ... */
	const struct cidr *sources; size_t n_sources; /* ... or by network; none of both: every source */
	uint32_t deny, allow;         /* bits 1 << enum data_class */
	const char *const *accounts; size_t n_accounts;
	uint64_t upload_daily;        /* bytes, 0: no budget */
	uint16_t tls_min;             /* 0x0303, 0x0304; 0: none asked */
	const char *rule;             /* "file:line" of the entry */
};

#endif
