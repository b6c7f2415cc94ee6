/* settings_suppress.c - the rules of alerts.suppress as they are written. */
#include "config/settings_internal.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

#define RULES_MAX 10000u /* each alert is held against all of them */

static const char *text_of(const struct reading *r, const char *what, const struct ynode *n)
{
	if (n->kind == YNODE_SCALAR && n->text_len)
		return store_text(r->store, n->text, n->text_len);
	fault_node(r, n, "%s: a text is expected", what);
	return NULL;
}

static void read_id(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	s->id = text_of(r, "id", n);
	if (s->id && (strspn(s->id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") !=
	                             n->text_len ||
	                     n->text_len > 64))
		fault_node(r, n, "id: 1 to 64 letters, digits, '.', '_' or '-' are expected");
}

static void read_reason(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	s->reason = text_of(r, "reason", n);
}

static void read_owner(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	s->owner = text_of(r, "owner", n);
}

static void read_until(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	s->until = read_day(r, "until", n);
}

static void read_kind(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	static const char *names[ALERT_KINDS];
	char hint[80], list[600];

	s->kind = n->kind == YNODE_SCALAR ? alert_kind_by_name(n->text) : -1;
	if (s->kind >= 0)
		return;
	for (int k = 0; k < ALERT_KINDS; k++)
		names[k] = alert_kind_name((enum alert_kind)k);
	fault_node(r, n, "kind: there is no such alert kind%s; allowed: %s",
	        near_hint(n->kind == YNODE_SCALAR ? near_word(n->text, names, ALERT_KINDS) : NULL, hint),
	        join_words(names, ALERT_KINDS, list, sizeof(list)));
}

static void read_service(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	char hint[80];

	s->service = text_of(r, "service", n);
	if (s->service && r->s->catalogue && !catalogue_by_id(r->s->catalogue, s->service))
		fault_node(r, n,
		        "service: there is no `%.60s' in the catalogue%s; `leaktap catalogue --list' shows "
		        "what there is",
		        s->service, near_hint(catalogue_near(r->s->catalogue, s->service), hint));
}

/* A name, or "*." and a name. */
static void read_host(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	const char *text = text_of(r, "host", n);
	char host[HOST_MAX];
	bool below = text && text[0] == '*' && text[1] == '.';
	size_t skip = below ? 2 : 0, len;

	if (!text)
		return;
	len = host_normalize(text + skip, n->text_len - skip, host);
	if (!len)
		fault_node(
		        r, n, "host: a host name is expected, such as api.example.net or \"*.example.net\"");
	else
		s->host = store_format(r->store, "%s%s", below ? "." : "", host);
}

static void read_detector(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	const struct detectors *d = r->s->detector_set;
	const char **names;
	char hint[80];
	size_t count;

	s->detector = text_of(r, "detector", n);
	if (!s->detector || !d || detectors_by_id(d, s->detector))
		return;
	count = detectors_count(d);
	names = store_get(r->store, (count + 1) * sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = detectors_at(d, i)->id;
	fault_node(r, n,
	        "detector: there is no `%.60s'%s; the ids stand in the detectors' files (inspect.detectors)",
	        s->detector, near_hint(near_word(s->detector, names, count), hint));
}

static void read_field(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	s->field = text_of(r, "field", n);
}

static void read_token(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	s->token = text_of(r, "token", n);
	if (s->token && !strchr(s->token, ':'))
		fault_node(r, n,
		        "token: a token as records show it is expected, such as 3f9a52c0d1e2b3a4:9c1f...");
}

static void read_class(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	const char *words[CLASSES];
	char list[200];

	s->class = n->kind == YNODE_SCALAR ? data_class_by_name(n->text) : -1;
	for (int c = 0; c < CLASSES; c++)
		words[c] = data_class_name((enum data_class)c);
	if (s->class < 0)
		fault_node(r, n, "class: a class of data is expected: %s",
		        join_words(words, CLASSES, list, sizeof(list)));
}

static void read_rule_sources(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	struct sources list = {.n_groups = 0};

	read_source_list(r, n, &list);
	s->groups = list.groups;
	s->n_groups = list.n_groups;
	s->sources = list.nets;
	s->n_sources = list.n_nets;
}

const struct suppress_key suppress_keys[] = {
        {"id", "1 to 64 letters, digits, '.', '_' or '-'; required", true, false,
                "Name of the rule, shown in every record that it suppressed.", read_id},
        {"reason", "text; required", true, false, "Why nobody needs to hear of it.", read_reason},
        {"owner", "text; required", true, false, "Who decided so and can be asked.", read_owner},
        {"until", "a day such as 2026-12-31; required", true, false,
                "Last day (UTC) on which the rule holds. Then the alerts are back.", read_until},
        {"kind", "an alert kind", false, true, "Only alerts of this kind.", read_kind},
        {"service", "the id of a service in the catalogue", false, true, "Only about this service.",
                read_service},
        {"host", "a host name, or \"*.\" and one", false, true,
                "Only about this destination, or those below it.", read_host},
        {"sources", "a list of groups and networks", false, true, "Only from these sources.",
                read_rule_sources},
        {"detector", "the id of a detector", false, true,
                "Only when every finding of the alert is of this detector.", read_detector},
        {"class", "a class of data", false, true, "Only when every finding is of this class.", read_class},
        {"field", "a field as findings show it", false, true,
                "Only when every finding stands in this field, or below it.", read_field},
        {"token", "a token as findings show it", false, true,
                "Only this very value (detect.token_key must be set).", read_token},
};
const size_t suppress_keys_count = sizeof(suppress_keys) / sizeof(*suppress_keys);

static void read_key(
        const struct reading *r, struct suppress_rule *s, const struct ynode *key, const struct ynode *n)
{
	const char *words[sizeof(suppress_keys) / sizeof(*suppress_keys)];

	for (size_t k = 0; k < suppress_keys_count; k++) {
		if (!strcmp(suppress_keys[k].name, key->text)) {
			suppress_keys[k].read(r, s, n);
			return;
		}
		words[k] = suppress_keys[k].name;
	}
	fault_unknown_key(r, "alerts.suppress", key, words, suppress_keys_count);
}

/* What must be there: who, why and until when; and something that narrows it down, of leaks more than that
 * they are some. */
static void check_whole(const struct reading *r, const struct suppress_rule *s, const struct ynode *n)
{
	bool narrow = false, beside_kind = false;

	for (size_t k = 0; k < suppress_keys_count; k++) {
		const struct ynode *given = ynode_get(n, suppress_keys[k].name);

		if (suppress_keys[k].required && !given)
			fault_node(r, n, "alerts.suppress: the rule has no `%s'", suppress_keys[k].name);
		narrow = narrow || (suppress_keys[k].narrows && given);
		beside_kind = beside_kind || (suppress_keys[k].narrows && given &&
		                                     strcmp(suppress_keys[k].name, "kind") != 0);
	}
	if (!narrow)
		fault_node(r, n,
		        "alerts.suppress: the rule would suppress every alert; at least one of kind, "
		        "service, host, "
		        "sources, detector, class, field and token is expected");
	else if (!beside_kind && s->kind == ALERT_PAYLOAD_SENSITIVE)
		fault_node(r, ynode_get(n, "kind"),
		        "alerts.suppress: the rule would suppress every leak; beside kind at least one of "
		        "service, host, sources, detector, class, field and token is expected");
}

static bool read_rule(const struct reading *r, struct suppress_rule *s, const struct ynode *n)
{
	size_t before = r->f->total;

	*s = (struct suppress_rule){.kind = -1, .class = -1, .until = DAY_NONE};
	if (n->kind != YNODE_MAP) {
		fault_node(r, n, "alerts.suppress: a rule is expected, such as `- id: build-farm'");
		return false;
	}
	s->rule = store_format(r->store, "%s:%u", r->file, n->line);
	for (size_t i = 0; i < n->n; i++)
		read_key(r, s, n->key[i], n->item[i]);
	check_whole(r, s, n);
	return r->f->total == before;
}

void read_suppress(const struct reading *r, const struct ynode *n)
{
	struct suppress_rules *out = &r->s->alerts.suppress;
	struct suppress_rule *rule;

	if (!n || node_is_empty(n))
		return;
	if (n->kind != YNODE_LIST || n->n > RULES_MAX) {
		fault_node(r, n,
		        "alerts.suppress: a list of at most %u rules is expected, each beginning with `- id: "
		        "...'",
		        RULES_MAX);
		return;
	}
	rule = store_get(r->store, n->n * sizeof(*rule));
	out->rule = rule;
	for (size_t i = 0; i < n->n; i++) {
		if (!read_rule(r, &rule[out->n], n->item[i]))
			continue;
		for (size_t k = 0; k < out->n; k++)
			if (!strcmp(rule[k].id, rule[out->n].id))
				fault_node(r, n->item[i],
				        "alerts.suppress: the id `%s' is that of %s already", rule[k].id,
				        rule[k].rule);
		out->n++;
	}
}
