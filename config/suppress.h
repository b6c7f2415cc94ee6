/* suppress.h - alerts that somebody looked at and does not want to hear of until a day: what each rule fits.
 * A suppressed alert is a record like any other; it only goes where nobody is called.  Immutable once read.
 */
#ifndef CONFIG_SUPPRESS_H
#define CONFIG_SUPPRESS_H

#include "base/ip.h"
#include "config/register.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct suppress_rule {
	const char *id, *reason, *owner;
	int32_t until;    /* days since 1970; the last on which it holds */
	const char *rule; /* "file:line" */
	/* Conditions, all of which must hold.  NULL, -1 and none: any. */
	int kind;                             /* enum alert_kind */
	const char *service;                  /* catalogue id */
	const char *host;                     /* normalized; of "*.example.net" what follows the star */
	const char *detector, *field, *token; /* of every finding; a field holds those below it too */
	int class;                            /* enum data_class, of every finding */
	const uint16_t *groups;
	const struct cidr *sources;
	size_t n_groups, n_sources;
};

struct suppress_rules {
	const struct suppress_rule *rule;
	size_t n;
};

/* What of a finding rules look at. */
struct suppress_value {
	const char *detector, *field, *token;
	enum data_class class;
};

struct suppress_subject {
	int kind;
	int32_t day;                  /* of the alert, UTC */
	const char *service, *host;   /* "": none */
	const struct ip_addr *source; /* NULL: none */
	uint16_t group;
	const struct suppress_value *value; /* an alert is suppressed when all of its values are */
	size_t n_values;
};

/* Of the rules those whose last day lies before that day. */
size_t suppress_expired(const struct suppress_rules *r, int32_t day);
/* The first rule in force that fits, NULL: none. */
const struct suppress_rule *suppress_find(const struct suppress_rules *r, const struct suppress_subject *s);

#endif
