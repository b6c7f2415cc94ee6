/* suppress.c - see suppress.h.  Rules are few, and looked at once for each alert: a list is enough. */
#include "config/suppress.h"

#include <string.h>

static bool host_fits(const struct suppress_rule *r, const char *host)
{
	size_t n = strlen(host), m = strlen(r->host);

	if (r->host[0] != '.')
		return !strcmp(r->host, host);
	return n > m && !strcmp(host + n - m, r->host);
}

static bool source_fits(const struct suppress_rule *r, const struct suppress_subject *s)
{
	if (!r->n_groups && !r->n_sources)
		return true;
	if (!s->source)
		return false;
	for (size_t i = 0; i < r->n_groups; i++)
		if (r->groups[i] == s->group)
			return true;
	for (size_t i = 0; i < r->n_sources; i++)
		if (cidr_covers(&r->sources[i], s->source))
			return true;
	return false;
}

/* messages[0].content holds messages[0].content[1].text, not messages[0].contents. */
static bool field_fits(const char *rule, const char *field)
{
	size_t n = strlen(rule);

	return !strncmp(rule, field, n) && (!field[n] || field[n] == '.' || field[n] == '[');
}

static bool value_fits(const struct suppress_rule *r, const struct suppress_value *v)
{
	return (!r->detector || !strcmp(r->detector, v->detector)) &&
	       (!r->token || !strcmp(r->token, v->token)) && (!r->field || field_fits(r->field, v->field)) &&
	       (r->class < 0 || r->class == (int)v->class);
}

static bool values_fit(const struct suppress_rule *r, const struct suppress_subject *s)
{
	if (!r->detector && !r->token && !r->field && r->class < 0)
		return true;
	for (size_t i = 0; i < s->n_values; i++)
		if (!value_fits(r, &s->value[i]))
			return false;
	return s->n_values > 0;
}

size_t suppress_expired(const struct suppress_rules *r, int32_t day)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += r->rule[i].until < day;
	return n;
}

const struct suppress_rule *suppress_find(
        const struct suppress_rules *rules, const struct suppress_subject *s)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct suppress_rule *r = &rules->rule[i];

		if (s->day <= r->until && (r->kind < 0 || r->kind == s->kind) &&
		        (!r->service || !strcmp(r->service, s->service)) &&
		        (!r->host || host_fits(r, s->host)) && source_fits(r, s) && values_fit(r, s))
			return r;
	}
	return NULL;
}
