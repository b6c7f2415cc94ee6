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
enum data_class {
	CLASS_SECRET,
	CLASS_PII,
	CLASS_FINANCIAL,
	CLASS_HEALTH,
	CLASS_IDENTITY,
	CLASS_SOURCE,
	CLASS_MARKER,
	CLASS_EXACT,
	CLASS_PRINT,
	CLASS_CUSTOM,
	CLASSES
};
const char *data_class_name(enum data_class c);
int data_class_by_name(const char *name); /* -1: none */

enum posture { POSTURE_INSULAR, POSTURE_OPEN };
enum partner_status { PARTNER_APPROVED, PARTNER_TOLERATED };

#define DAY_NONE INT32_MIN

struct partner {
	const struct service *service;
	const char *contract, *owner; /* "" when not given */
	enum partner_status status;
	int32_t from, until, review; /* days since 1970, inclusive; DAY_NONE: open */
	const uint16_t *groups;
	size_t n_groups; /* sources by group ... */
	const struct cidr *sources;
	size_t n_sources;     /* ... or by network; none of both: every source */
	uint32_t deny, allow; /* bits 1 << enum data_class */
	const char *const *accounts;
	size_t n_accounts;
	uint64_t upload_daily; /* bytes, 0: no budget */
	uint16_t tls_min;      /* 0x0303, 0x0304; 0: none asked */
	const char *rule;      /* "file:line" of the entry */
};

/* The register by service, source and day.  A look-up costs one probe for each prefix length that the
 * service's entries use, however many entries there are. */
struct partner_index;

enum partner_fit {
	PARTNER_NONE,   /* the service has no entry: partner is NULL */
	PARTNER_SOURCE, /* none of its entries covers the source: partner is the first of them */
	PARTNER_DATE,   /* the entry for this source has ended, or has not begun */
	PARTNER_FITS,
};

struct partner_choice {
	const struct partner *partner;
	enum partner_fit fit;
};

/* `index` NULL: there are no entries.  `group` is the source's. */
struct partner_choice partner_find(const struct partner_index *index, const struct service *service,
        const struct ip_addr *source, uint16_t group, int32_t day);

/* Building (settings only).  Entries of one service that could both cover a source on some day are faults:
 * two contracts for one request would make its verdict a matter of chance.  `at` holds the place of each
 * entry. */
struct partner_place {
	unsigned line, column;
};
struct partner_index *partner_index_create(const struct partner *list, size_t n,
        const struct partner_place *at, size_t services, const struct networks *networks, const char *file,
        struct faults *f);
void partner_index_free(struct partner_index *index); /* NULL is fine */

#endif
