/* verdict.h - posture, register, group, date and account make a verdict: the table of design section 4. */
#ifndef CLASSIFY_POLICY_VERDICT_H
#define CLASSIFY_POLICY_VERDICT_H

#include "config/settings.h"

#include <stdint.h>

enum verdict_value { VERDICT_NONE, VERDICT_APPROVED, VERDICT_TOLERATED, VERDICT_UNAPPROVED };
const char *verdict_name(enum verdict_value v); /* approved tolerated unapproved, "" for none */

struct verdict {
	enum verdict_value value;
	int kind;                      /* enum alert_kind to raise, -1: none */
	enum severity severity;        /* of that alert */
	bool first_use_only;           /* raise once per service, group and day (UTC) */
	bool review_due;               /* past `review`: a warning that goes with the record */
	const struct partner *partner; /* the entry that decided, NULL: none */
	char why[160];                 /* one clause: "no partner entry, posture insular" */
};

/* On whose account a service is used, as far as it shows. */
#define ACCOUNTS_MAX 4 /* ids of one request: organization, project, ... */
struct account {
	char id[ACCOUNTS_MAX][96]; /* as sent, for the register knows them so; not fit to go out */
	char by[ACCOUNTS_MAX][48]; /* where it stood: "header openai-organization", "host", "path" */
	unsigned n;
	char plan[16]; /* "personal", "business", "anonymous", ...; "" unknown */
};

/* `a` NULL when no account is visible.  An entry that lists accounts fits when one of the visible ids is
 * listed, and, when no id is visible, unless the plan is a personal or anonymous one that is not listed by
 * that word. */
void verdict_decide(const struct settings *s, const struct service *svc, const struct ip_addr *source,
        int64_t when_ns, const struct account *a, struct verdict *v);

/* What a finding of that class means under that verdict: whether it alerts, and how severe; `base` is the
 * detector's severity.  deny: base; allow: recorded, no alert; neither: one lower. */
struct payload_verdict {
	bool alert;
	enum severity severity;
	const char *why; /* static text */
};
struct payload_verdict verdict_payload(const struct verdict *v, enum data_class c, enum severity base);

#endif
