/* verdict.c - see verdict.h.
 *
 * What each outcome of the register means is one table; postures and dates have no other place in the
 * program. A day is a day in UTC, `from` and `until` belong to the contract. */
#include "classify/policy/verdict.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

const char *verdict_name(enum verdict_value v)
{
	static const char *const names[] = {
	        [VERDICT_NONE] = "",
	        [VERDICT_APPROVED] = "approved",
	        [VERDICT_TOLERATED] = "tolerated",
	        [VERDICT_UNAPPROVED] = "unapproved",
	};

	return (unsigned)v < sizeof(names) / sizeof(*names) ? names[v] : "";
}

enum outcome { NO_ENTRY_INSULAR, NO_ENTRY_OPEN, APPROVED, TOLERATED, NOT_SOURCE, NOT_DATE, NOT_ACCOUNT };

static const struct {
	enum verdict_value value;
	int kind;
	bool lower; /* one severity below the kind's */
	bool first_use_only;
	const char *why;
} meaning[] = {
        [NO_ENTRY_INSULAR] = {VERDICT_UNAPPROVED, ALERT_DESTINATION_UNAPPROVED, false, false,
                "no partner entry, posture insular"},
        [NO_ENTRY_OPEN] = {VERDICT_TOLERATED, ALERT_DESTINATION_TOLERATED, true, true,
                "no partner entry, posture open"},
        [APPROVED] = {VERDICT_APPROVED, -1, false, false, "covers it"},
        [TOLERATED] = {VERDICT_TOLERATED, ALERT_DESTINATION_TOLERATED, false, true, "tolerates it"},
        [NOT_SOURCE] = {VERDICT_UNAPPROVED, ALERT_DESTINATION_SOURCE, false, false,
                "does not cover this source"},
        [NOT_DATE] = {VERDICT_UNAPPROVED, ALERT_DESTINATION_EXPIRED, false, false, "is not in force"},
        [NOT_ACCOUNT] = {VERDICT_UNAPPROVED, ALERT_DESTINATION_ACCOUNT, false, false,
                "does not list this account"},
};

static enum severity one_lower(enum severity s)
{
	return s == SEVERITY_INFO ? s : s - 1;
}

static bool account_listed(const struct partner *p, const char *id)
{
	for (size_t i = 0; i < p->n_accounts; i++)
		if (!strcmp(p->accounts[i], id))
			return true;
	return false;
}

/* Nobody signs a contract for what a person uses in private. */
static bool private_plan(const char *plan)
{
	return !strcmp(plan, "personal") || !strcmp(plan, "anonymous");
}

static bool account_fits(const struct partner *p, const struct account *a)
{
	if (!p->n_accounts)
		return true;
	for (unsigned i = 0; i < a->n; i++)
		if (account_listed(p, a->id[i]))
			return true;
	return !a->n && (!private_plan(a->plan) || account_listed(p, a->plan));
}

static enum outcome judge(const struct settings *s, struct partner_choice c, const struct account *a)
{
	switch (c.fit) {
	case PARTNER_NONE:
		return s->policy.posture == POSTURE_OPEN ? NO_ENTRY_OPEN : NO_ENTRY_INSULAR;
	case PARTNER_SOURCE:
		return NOT_SOURCE;
	case PARTNER_DATE:
		return NOT_DATE;
	case PARTNER_FITS:
		break;
	}
	if (a && !account_fits(c.partner, a))
		return NOT_ACCOUNT;
	return c.partner->status == PARTNER_TOLERATED ? TOLERATED : APPROVED;
}

/* Neither source nor account: they are personal, and stand in fields of their own. */
static void explain(struct verdict *v, enum outcome o, int32_t day)
{
	const struct partner *p = v->partner;
	const char *who;
	char date[TIME_TEXT_MAX];
	bool ended;
	int n;

	if (!p) {
		snprintf(v->why, sizeof(v->why), "%s", meaning[o].why);
		return;
	}
	who = p->contract[0] ? p->contract : "the partner entry";
	if (o == NOT_DATE) {
		ended = p->until != DAY_NONE && p->until < day;
		snprintf(v->why, sizeof(v->why), "%.60s %s on %s", who, ended ? "ended" : "begins only",
		        time_format_day(ended ? p->until : p->from, date));
		return;
	}
	n = snprintf(v->why, sizeof(v->why), "%.60s %s", who, meaning[o].why);
	if (v->review_due)
		snprintf(v->why + n, sizeof(v->why) - (size_t)n, "; its review was due on %s",
		        time_format_day(p->review, date));
}

void verdict_decide(const struct settings *s, const struct service *svc, const struct ip_addr *source,
        int64_t when_ns, const struct account *a, struct verdict *v)
{
	int32_t day = time_day(when_ns);
	struct partner_choice c;
	enum outcome o;

	memset(v, 0, sizeof(*v));
	v->kind = -1;
	if (!svc)
		return;
	c = partner_find(s->policy.index, svc, source, networks_group(s->networks, source), day);
	o = judge(s, c, a);
	v->value = meaning[o].value;
	v->kind = meaning[o].kind;
	v->first_use_only = meaning[o].first_use_only;
	v->partner = c.partner;
	v->review_due = c.fit == PARTNER_FITS && c.partner && c.partner->review != DAY_NONE &&
	                day > c.partner->review;
	if (v->kind >= 0)
		v->severity = s->alerts.severity[v->kind];
	if (meaning[o].lower)
		v->severity = one_lower(v->severity);
	explain(v, o, day);
}

struct payload_verdict verdict_payload(const struct verdict *v, enum data_class c, enum severity base)
{
	const struct partner *p = v->partner;
	uint32_t bit = 1u << c;

	/* an entry that does not cover this request permits nothing */
	if (!p || (v->value != VERDICT_APPROVED && v->value != VERDICT_TOLERATED))
		return (struct payload_verdict){true, base, "no partner entry covers it"};
	if (p->deny & bit)
		return (struct payload_verdict){true, base, "the partner entry denies this class of data"};
	if (p->allow & bit)
		return (struct payload_verdict){false, base, "the partner entry allows this class of data"};
	return (struct payload_verdict){
	        true, one_lower(base), "the partner entry does not name this class of data"};
}
