/* settings_policy.c - the partner register as it is written: one entry is one contract. */
#include "config/settings_internal.h"

#include "base/clock.h"
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTNERS_MAX 1000000u /* places are 32-bit numbers in the index */
#define ALL_CLASSES  ((1u << CLASSES) - 1)

static const char *text_of(const struct reading *r, const char *what, const struct ynode *n)
{
	if (n->kind == YNODE_SCALAR && n->text_len)
		return store_text(r->store, n->text, n->text_len);
	fault_node(r, n, "%s: a text is expected", what);
	return "";
}

static void read_service(const struct reading *r, struct partner *p, const struct ynode *n)
{
	char hint[80];

	if (n->kind != YNODE_SCALAR || !n->text_len) {
		fault_node(r, n,
		        "service: the id of a service in the catalogue is expected (leaktap catalogue "
		        "--list)");
		return;
	}
	if (!r->s->catalogue) /* told already */
		return;
	p->service = catalogue_by_id(r->s->catalogue, n->text);
	if (p->service && p->service->use != USE_AI)
		fault_node(r, n,
		        "service: `%.60s' (%s) is no AI service: nothing would ever be judged by this entry; "
		        "signs of hiding are set under `evasion'",
		        n->text, p->service->kind);
	else if (!p->service)
		fault_node(r, n,
		        "service: there is no `%.60s' in the catalogue%s; `leaktap catalogue --list' shows "
		        "what there is",
		        n->text,
		        near_hint(faults_full(r->f) ? NULL : catalogue_near(r->s->catalogue, n->text), hint));
}

static void read_contract(const struct reading *r, struct partner *p, const struct ynode *n)
{
	p->contract = text_of(r, "contract", n);
}

static void read_owner(const struct reading *r, struct partner *p, const struct ynode *n)
{
	p->owner = text_of(r, "owner", n);
}

static void read_status(const struct reading *r, struct partner *p, const struct ynode *n)
{
	static const char *const words[] = {
	        [PARTNER_APPROVED] = "approved", [PARTNER_TOLERATED] = "tolerated"};
	char hint[80];

	for (unsigned i = 0; n->kind == YNODE_SCALAR && i < 2; i++)
		if (!strcmp(n->text, words[i])) {
			p->status = (enum partner_status)i;
			return;
		}
	fault_node(r, n, "status: approved or tolerated is expected%s",
	        near_hint(n->kind == YNODE_SCALAR ? near_word(n->text, words, 2) : NULL, hint));
}

int32_t read_day(const struct reading *r, const char *what, const struct ynode *n)
{
	int32_t day;

	if (n->kind == YNODE_SCALAR && !time_parse_day(n->text, &day))
		return day;
	if (n->kind == YNODE_SCALAR && n->text_len)
		fault_node(r, n, "%s: `%.60s' is not a day of the calendar, written like 2026-12-31", what,
		        n->text);
	else
		fault_node(r, n, "%s: a day is expected, written like 2026-12-31", what);
	return DAY_NONE;
}

static void read_from(const struct reading *r, struct partner *p, const struct ynode *n)
{
	p->from = read_day(r, "from", n);
}

static void read_until(const struct reading *r, struct partner *p, const struct ynode *n)
{
	p->until = read_day(r, "until", n);
}

static void read_review(const struct reading *r, struct partner *p, const struct ynode *n)
{
	p->review = read_day(r, "review", n);
}

static void fault_group(const struct reading *r, const struct ynode *n)
{
	const struct networks *networks = r->s->networks;
	size_t count = faults_full(r->f) ? 0 : networks_groups(networks);
	const char **names = store_get(r->store, count * sizeof(*names));
	char hint[80], list[400];

	for (size_t i = 0; i < count; i++)
		names[i] = networks_group_name(networks, (uint16_t)i);
	if (!count)
		fault_node(r, n,
		        "sources: `%.60s' is neither a network nor a group; networks.groups names none",
		        n->text);
	else
		fault_node(r, n, "sources: `%.60s' is neither a network nor a group%s; groups: %s", n->text,
		        near_hint(near_word(n->text, names, count), hint),
		        join_words(names, count, list, sizeof(list)));
}

static void read_source(const struct reading *r, const struct ynode *n, uint16_t *groups, size_t *n_groups,
        struct cidr *nets, size_t *n_nets)
{
	struct err e;
	uint16_t group;

	if (n->kind != YNODE_SCALAR || !n->text_len) {
		fault_node(r, n, "sources: each item is a group or a network");
		return;
	}
	group = networks_group_by_name(r->s->networks, n->text);
	if (group != GROUP_NONE)
		groups[(*n_groups)++] = group;
	else if (!cidr_parse(n->text, &nets[*n_nets], &e))
		++*n_nets;
	else if (strpbrk(n->text, "/:") || strspn(n->text, "0123456789.") == n->text_len)
		fault_node(r, n, "sources: %s", e.text);
	else
		fault_group(r, n);
}

static bool list_has_items(
        const struct reading *r, const char *what, const char *if_empty, const struct ynode *n)
{
	if (n->kind == YNODE_LIST && n->n)
		return true;
	if (n->kind == YNODE_LIST || node_is_empty(n))
		fault_node(r, n, "%s: the list is empty; leave `%s' out %s", what, what, if_empty);
	else
		fault_node(r, n, "%s: a list is expected, such as [one, two]", what);
	return false;
}

void read_source_list(const struct reading *r, const struct ynode *n, struct sources *out)
{
	uint16_t *groups;
	struct cidr *nets;

	if (!list_has_items(r, "sources", "when every source is meant", n))
		return;
	groups = store_get(r->store, n->n * sizeof(*groups));
	nets = store_get(r->store, n->n * sizeof(*nets));
	for (size_t i = 0; i < n->n; i++)
		read_source(r, n->item[i], groups, &out->n_groups, nets, &out->n_nets);
	out->groups = groups;
	out->nets = nets;
}

static void read_sources(const struct reading *r, struct partner *p, const struct ynode *n)
{
	struct sources list = {.n_groups = 0};

	read_source_list(r, n, &list);
	p->groups = list.groups;
	p->n_groups = list.n_groups;
	p->sources = list.nets;
	p->n_sources = list.n_nets;
}

/* Bits of the classes that a list names; `all` counts only where `all` is not NULL, and says so there. */
static uint32_t read_classes(const struct reading *r, const char *what, const struct ynode *n, bool *all)
{
	const char *words[CLASSES];
	uint32_t bits = 0;

	for (int c = 0; c < CLASSES; c++)
		words[c] = data_class_name((enum data_class)c);
	if (node_is_empty(n))
		return 0;
	if (n->kind != YNODE_LIST) {
		fault_node(r, n, "%s: a list of classes is expected, such as [secret, pii]", what);
		return 0;
	}
	for (size_t i = 0; i < n->n; i++) {
		const struct ynode *item = n->item[i];
		int class = item->kind == YNODE_SCALAR ? data_class_by_name(item->text) : -1;
		char hint[80], list[200];

		if (class >= 0)
			bits |= 1u << class;
		else if (all && item->kind == YNODE_SCALAR && !strcmp(item->text, "all"))
			*all = true;
		else
			fault_node(r, item, "%s: `%.60s' is not a class of data%s; allowed: %s%s", what,
			        item->kind == YNODE_SCALAR ? item->text : "",
			        near_hint(item->kind == YNODE_SCALAR ? near_word(item->text, words, CLASSES)
			                                             : NULL,
			                hint),
			        join_words(words, CLASSES, list, sizeof(list)), all ? ", all" : "");
	}
	return bits;
}

void fault_unknown_key(const struct reading *r, const char *what, const struct ynode *key,
        const char *const *words, size_t n)
{
	char hint[80], list[400];

	fault_node(r, key, "%s: there is no key `%.60s'%s; allowed: %s", what, key->text,
	        near_hint(near_word(key->text, words, n), hint), join_words(words, n, list, sizeof(list)));
}

/* deny: [all] means every class that `allow` does not name. */
static void read_data(const struct reading *r, struct partner *p, const struct ynode *n)
{
	static const char *const words[] = {"deny", "allow"};
	const struct ynode *deny = ynode_get(n, "deny"), *allow = ynode_get(n, "allow");
	bool all = false;
	uint32_t both;

	if (n->kind != YNODE_MAP) {
		fault_node(r, n,
		        "data: deny and allow with lists of classes are expected: {deny: [secret], allow: "
		        "[source]}");
		return;
	}
	for (size_t i = 0; i < n->n; i++)
		if (n->item[i] != deny && n->item[i] != allow)
			fault_unknown_key(r, "data", n->key[i], words, 2);
	if (deny)
		p->deny = read_classes(r, "data.deny", deny, &all);
	if (allow)
		p->allow = read_classes(r, "data.allow", allow, NULL);
	both = p->deny & p->allow;
	for (int c = 0; c < CLASSES; c++)
		if (both & 1u << c)
			fault_node(r, allow, "data: `%s' stands in both deny and allow",
			        data_class_name((enum data_class)c));
	if (all)
		p->deny = ALL_CLASSES & ~p->allow;
}

static void read_accounts(const struct reading *r, struct partner *p, const struct ynode *n)
{
	if (list_has_items(r, "accounts", "when every account may be used", n))
		p->accounts = read_texts(r, "accounts", n, &p->n_accounts);
}

static void read_upload_daily(const struct reading *r, struct partner *p, const struct ynode *n)
{
	if (n->kind != YNODE_SCALAR || parse_size(n->text, &p->upload_daily) < 0 || !p->upload_daily)
		fault_node(r, n,
		        "upload_daily: a size from 1 byte on is expected, such as 500MiB or 2GiB; leave it "
		        "out for no "
		        "budget");
}

static void read_tls_min(const struct reading *r, struct partner *p, const struct ynode *n)
{
	if (n->kind == YNODE_SCALAR && !strcmp(n->text, "1.2"))
		p->tls_min = 0x0303; /* RFC 5246 */
	else if (n->kind == YNODE_SCALAR && !strcmp(n->text, "1.3"))
		p->tls_min = 0x0304; /* RFC 8446 */
	else
		fault_node(r, n, "tls_min: \"1.2\" or \"1.3\" is expected");
}

const struct partner_key partner_keys[] = {
        {"service", "the id of a service in the catalogue; required",
                "The service the contract is about: `leaktap catalogue --list` shows the ids.", read_service},
        {"contract", "text", "Number or name of the contract, shown in every record about it.",
                read_contract},
        {"owner", "text", "Who answers for the contract, shown in every record about it.", read_owner},
        {"status", "approved (default) or tolerated",
                "`approved`: no alert when everything fits. `tolerated`: an alert on first use each day.",
                read_status},
        {"from", "a day such as 2026-01-01",
                "First day of the contract (UTC). Without it: always in force before `until`.", read_from},
        {"until", "a day such as 2026-12-31", "Last day of the contract (UTC). Without it: no end.",
                read_until},
        {"review", "a day such as 2026-11-30", "Past this day records carry a warning; the verdict stays.",
                read_review},
        {"sources", "a list of groups and networks",
                "Who may use the service: groups of networks.groups, or networks. Without it: every source.",
                read_sources},
        {"data", "{deny: [...], allow: [...]}",
                "Classes of data that must not be sent, or may. A class in neither alerts one severity "
                "lower.",
                read_data},
        {"accounts", "a list of texts",
                "Organization, workspace or project ids that may be used; checked where a request shows one. "
                "Without it: any.",
                read_accounts},
        {"upload_daily", "a size such as 2GiB",
                "Bytes a day (UTC) that may be sent to the service: more is volume.exceeded, told again each "
                "time it doubles.",
                read_upload_daily},
        {"tls_min", "\"1.2\" or \"1.3\"",
                "The lowest TLS version that connections may use: one below it is posture.tls.",
                read_tls_min},
};

const size_t partner_keys_count = sizeof(partner_keys) / sizeof(*partner_keys);

static void read_key(
        const struct reading *r, struct partner *p, const struct ynode *key, const struct ynode *n)
{
	const char *words[sizeof(partner_keys) / sizeof(*partner_keys)];

	for (size_t k = 0; k < partner_keys_count; k++) {
		if (!strcmp(partner_keys[k].name, key->text)) {
			partner_keys[k].read(r, p, n);
			return;
		}
		words[k] = partner_keys[k].name;
	}
	fault_unknown_key(r, "partner entry", key, words, partner_keys_count);
}

static void check_days(const struct reading *r, const struct partner *p, const struct ynode *n)
{
	if (p->from != DAY_NONE && p->until != DAY_NONE && p->until < p->from)
		fault_node(r, ynode_get(n, "until"), "until: the contract ends before it begins (from)");
	else if (p->review != DAY_NONE && p->from != DAY_NONE && p->review < p->from)
		fault_node(r, ynode_get(n, "review"), "review: stands before the contract begins (from)");
	else if (p->review != DAY_NONE && p->until != DAY_NONE && p->review > p->until)
		fault_node(r, ynode_get(n, "review"), "review: stands after the contract ends (until)");
}

/* The entry is whole only when nothing was wrong with it: overlaps are looked for among those. */
static bool read_partner(const struct reading *r, struct partner *p, const struct ynode *n)
{
	size_t before = r->f->total;

	*p = (struct partner){
	        .contract = "", .owner = "", .from = DAY_NONE, .until = DAY_NONE, .review = DAY_NONE};
	if (n->kind != YNODE_MAP) {
		fault_node(r, n, "policy.partners: an entry is expected, such as `- service: openai-api'");
		return false;
	}
	p->rule = store_format(r->store, "%s:%u", r->file, n->line);
	for (size_t i = 0; i < n->n; i++)
		read_key(r, p, n->key[i], n->item[i]);
	if (!ynode_get(n, "service"))
		fault_node(r, n, "policy.partners: the entry names no service");
	check_days(r, p, n);
	return r->f->total == before && p->service;
}

void read_partners(const struct reading *r, const struct ynode *n)
{
	struct settings *s = r->s;
	struct partner_place *at;

	if (!n || node_is_empty(n))
		return;
	if (n->kind != YNODE_LIST) {
		fault_node(r, n,
		        "policy.partners: a list of entries is expected, each beginning with `- service: "
		        "...'");
		return;
	}
	if (n->n > PARTNERS_MAX) {
		fault_node(r, n, "policy.partners: more than %u entries", PARTNERS_MAX);
		return;
	}
	s->policy.partners = store_get(r->store, (n->n + 1) * sizeof(*s->policy.partners));
	at = store_grow(NULL, n->n + 1, sizeof(*at));
	for (size_t i = 0; i < n->n; i++)
		if (read_partner(r, &s->policy.partners[s->policy.n_partners], n->item[i]))
			at[s->policy.n_partners++] =
			        (struct partner_place){n->item[i]->line, n->item[i]->column};
	if (s->catalogue)
		s->policy.index = partner_index_create(s->policy.partners, s->policy.n_partners, at,
		        catalogue_count(s->catalogue), s->networks, r->file, r->f);
	free(at);
}
