/* explain_entry.c - why a name is whose it is, and what a partner entry asks for, condition by condition. */
#include "cli/explain_entry.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RULES_MAX    8
#define SIMILAR_MAX  4
#define SIMILAR_TEXT 2048
#define WORD_MIN     3

static const char *const match_words[] = {
        [MATCH_EXACT] = "exact", [MATCH_PATTERN] = "pattern", [MATCH_SUFFIX] = "suffix"};

static const char *fate_words(enum rule_fate f)
{
	switch (f) {
	case RULE_WINS:
		return "decides";
	case RULE_LOSES:
		return "fits too, a more exact or longer rule goes before";
	case RULE_NAME:
		return "does not fit the whole name";
	case RULE_PATH:
		return "fits the name, the path is another";
	case RULE_PATH_OPEN:
		return "fits the name, only a path would decide";
	}
	return "";
}

void explain_rules(const struct catalogue *c, const char *host, const char *path)
{
	struct rule_seen seen[RULES_MAX];
	size_t all = catalogue_consider(c, host, path, seen, RULES_MAX),
	       n = all < RULES_MAX ? all : RULES_MAX;

	if (all == 1 && seen[0].fate == RULE_WINS)
		return; /* the rule has been named */
	for (size_t i = 0; i < n; i++)
		printf("  %s %s %s of %s (%s:%u): %s\n", i ? "        " : "rules   ",
		        match_words[seen[i].rule->match], seen[i].rule->host, seen[i].service->id,
		        seen[i].rule->file, seen[i].rule->line, fate_words(seen[i].fate));
	if (all > n)
		printf("           and %zu more\n", all - n);
}

const char *similar_services(const struct catalogue *c, const char *word, bool hosts, char *buf, size_t cap)
{
	size_t len = 0;
	unsigned n = 0;

	*buf = '\0';
	if (strchr(word, '.') || strlen(word) < WORD_MIN)
		return buf;
	for (size_t i = 0; i < catalogue_count(c) && n < SIMILAR_MAX && len < cap; i++) {
		const struct service *s = catalogue_at(c, i);
		bool host = hosts && s->n_hosts;

		if (!strcasestr(s->id, word) && !strcasestr(s->name, word) && !strcasestr(s->vendor, word))
			continue;
		len += (size_t)snprintf(buf + len, cap - len, "%s%s%s%s%s", n++ ? ", " : "", s->id,
		        host ? " (" : "", host ? s->hosts[0].host : "", host ? ")" : "");
	}
	return buf;
}

/* Somebody asks for a service by what people call it. */
void explain_similar(const struct catalogue *c, const char *word)
{
	char list[SIMILAR_TEXT];

	if (*similar_services(c, word, true, list, sizeof(list)))
		printf("  similar  %s; ask for a host of it, or leaktap catalogue --show ID\n", list);
}

/* A name that only looks like one we know: its labels hold another's without a dot before. */
void explain_look_alike(const struct catalogue *c, const char *host)
{
	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct service *s = catalogue_at(c, i);

		for (size_t k = 0; k < s->n_hosts; k++) {
			const char *known = s->hosts[k].host, *at = strstr(host, known);

			if (strchr(known, '{') || !strchr(known, '.') || !at)
				continue;
			printf("  beware   it holds %s of %s, and is %s\n", known, s->name,
			        at[strlen(known)] ? "below another domain" : "no part of that domain");
			return;
		}
	}
}

/* ---- what an entry asks for ---- */

static void names_of_classes(uint32_t bits, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	if (bits == (1u << CLASSES) - 1) {
		snprintf(out, cap, "all");
		return;
	}
	for (int k = 0; k < CLASSES && n < cap; k++)
		if (bits >> k & 1)
			n += (size_t)snprintf(
			        out + n, cap - n, "%s%s", n ? ", " : "", data_class_name((enum data_class)k));
	if (!n)
		snprintf(out, cap, "none");
}

/* In the largest unit that divides it, as the settings would say it: "200 MiB". */
static const char *size_words(uint64_t v, char *buf, size_t cap)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	unsigned u = 0;

	while (v && v % 1024 == 0 && u + 1 < sizeof(units) / sizeof(*units)) {
		v /= 1024;
		u++;
	}
	snprintf(buf, cap, "%" PRIu64 " %s", v, units[u]);
	return buf;
}

static bool covers(const struct partner *p, const struct settings *s, const struct ip_addr *a)
{
	uint16_t group = networks_group(s->networks, a);

	if (!p->n_groups && !p->n_sources)
		return true;
	for (size_t i = 0; i < p->n_groups; i++)
		if (p->groups[i] == group)
			return true;
	for (size_t i = 0; i < p->n_sources; i++)
		if (cidr_covers(&p->sources[i], a))
			return true;
	return false;
}

static void explain_sources(const struct settings *s, const struct partner *p, const struct ip_addr *from)
{
	char text[IP_TEXT_MAX];

	printf("  source   %s", !p->n_groups && !p->n_sources ? "any" : "");
	for (size_t i = 0; i < p->n_groups; i++)
		printf("%s%s", i ? ", " : "", networks_group_name(s->networks, p->groups[i]));
	for (size_t i = 0; i < p->n_sources; i++) {
		const struct cidr *c = &p->sources[i];

		printf("%s%s", i + p->n_groups ? ", " : "", ip_format(&c->addr, text));
		if (c->bits < 128)
			printf("/%d", c->bits - (ip_is4(&c->addr) ? 96 : 0));
	}
	puts(!from                   ? ": depends on the source (--from IP asks for one)"
	        : covers(p, s, from) ? ": yes"
	                             : ": no");
}

void explain_entry(const struct settings *s, const struct partner *p, const struct ip_addr *from,
        const struct account *seen)
{
	int32_t today = time_day(clock_wall_ns());
	char deny[160], allow[160], day[2][TIME_TEXT_MAX], size[40];

	if (!p)
		return;
	explain_sources(s, p, from);
	if (p->from != DAY_NONE || p->until != DAY_NONE)
		printf("  dates    %s to %s: %s\n",
		        p->from == DAY_NONE ? "any day" : time_format_day(p->from, day[0]),
		        p->until == DAY_NONE ? "any day" : time_format_day(p->until, day[1]),
		        (p->from != DAY_NONE && today < p->from) || (p->until != DAY_NONE && today > p->until)
		                ? "no"
		                : "yes");
	if (p->n_accounts) {
		printf("  accounts ");
		for (size_t i = 0; i < p->n_accounts; i++)
			printf("%s%s", i ? ", " : "", p->accounts[i]);
		if (seen->n)
			printf(": the host shows `%s'\n", seen->id[0]);
		else if (*seen->plan)
			printf(": the host shows plan `%s'\n", seen->plan);
		else
			puts(": not visible here");
	}
	names_of_classes(p->deny, deny, sizeof(deny));
	names_of_classes(p->allow, allow, sizeof(allow));
	printf("  data     deny %s; allow %s; others one severity lower\n", deny, allow);
	if (p->tls_min)
		printf("  tls      at least %s, else posture.tls\n", p->tls_min == 0x0304 ? "1.3" : "1.2");
	if (p->upload_daily)
		printf("  upload   at most %s a day, else volume.exceeded\n",
		        size_words(p->upload_daily, size, sizeof(size)));
}
