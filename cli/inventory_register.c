/* inventory_register.c - a partner register for what was seen, to be filled in: `policy.partners' of
 * leaktap.yaml(5).  It is in force as it is: everything seen is tolerated for the groups that used it, so an
 * insular posture begins without a flood; what a person must decide is marked. */
#include "cli/inventory.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_NETS 4096 /* of one group that are written */

struct seen {
	const char *service;
	uint64_t out, users, flows, older, newest;
	int64_t first_ns, last_ns;
	const struct partner *dated;
	bool nets_more; /* of sources that must be written as networks */
};

/* A group of another sensor's settings means nothing here: its sources are written as networks. */
static bool group_known(const struct settings *s, const char *group)
{
	struct cidr one;
	uint16_t id = *group ? networks_group_by_name(s->networks, group) : GROUP_NONE;

	return networks_list_group(s->networks, id, &one, 1) > 0;
}

static struct seen sum_of(const struct inventory *v, const struct settings *settings, const char *service)
{
	struct seen s = {.service = service, .first_ns = INT64_MAX, .last_ns = INT64_MIN};

	for (size_t i = 0; i < v->n; i++) {
		const struct inventory_row *r = &v->rows[i];

		if (r->suspected || strcmp(r->service, service) != 0)
			continue;
		s.out += r->out;
		s.users += r->users;
		s.flows += r->flows;
		s.older += r->tls[TLS_OLD] + r->tls[TLS_12];
		s.first_ns = r->first_ns < s.first_ns ? r->first_ns : s.first_ns;
		s.last_ns = r->last_ns > s.last_ns ? r->last_ns : s.last_ns;
		s.newest += r->tls[TLS_13];
		s.dated = r->dated ? r->dated : s.dated;
		s.nets_more |= r->nets_more && !group_known(settings, r->group);
	}
	return s;
}

/* A text in double quotes (YAML 1.2, 7.3.1). */
static void quoted(const char *text, FILE *out)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
	}
	putc('"', out);
}

/* In a comment: a line end would end it. */
static void fputs_plain(const char *text, FILE *out)
{
	for (; *text; text++)
		putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

static void print_network(const struct cidr *c, FILE *out)
{
	char text[IP_TEXT_MAX];

	fprintf(out, "\"%s/%d\"", ip_format(&c->addr, text), c->bits - (ip_is4(&c->addr) ? 96 : 0));
}

/* Groups by name; sources in none that is known by their networks. */
static void print_sources(
        const struct inventory *v, const struct settings *settings, const struct seen *s, FILE *out)
{
	bool any = false;

	if (s->nets_more) {
		fprintf(out,
		        "    # sources: []        # fill in: seen from more than %d networks that are in no "
		        "group; until then every source\n",
		        INVENTORY_NETS);
		return;
	}
	fputs("    sources: [", out);
	for (size_t i = 0; i < v->n; i++) {
		const struct inventory_row *r = &v->rows[i];
		bool by_name;

		if (r->suspected || strcmp(r->service, s->service) != 0)
			continue;
		by_name = group_known(settings, r->group);
		if (by_name) {
			fputs(any ? ", " : "", out);
			quoted(r->group, out);
			any = true;
		}
		for (unsigned k = 0; k < r->n_nets && !by_name; k++, any = true) {
			fputs(any ? ", " : "", out);
			print_network(&r->nets[k], out);
		}
	}
	fprintf(out, "]        # seen from %s%" PRIu64 " address%s in here; fill in: who may\n",
	        v->sources_over ? "at least " : "", s->users, s->users == 1 ? "" : "es");
}

static const struct partner *entry_of(const struct settings *s, const char *service)
{
	for (size_t i = 0; i < s->policy.n_partners; i++)
		if (!strcmp(s->policy.partners[i].service->id, service))
			return &s->policy.partners[i];
	return NULL;
}

/* Who the entries do not cover: groups, or the networks of sources in none. */
static void print_uncovered(const struct inventory *v, const char *service, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < v->n; i++) {
		const struct inventory_row *r = &v->rows[i];

		if (r->suspected || !r->uncovered || strcmp(r->service, service) != 0)
			continue;
		fputs(any ? ", " : "", out);
		any = true;
		if (*r->group)
			fputs_plain(r->group, out);
		for (unsigned k = 0; k < r->n_nets && !*r->group; k++) {
			fputs(k ? ", " : "", out);
			print_network(&r->nets[k], out);
		}
		if (r->nets_more && !*r->group)
			fputs(", ...", out);
		if (r->uncovered < r->users)
			fprintf(out, " (%" PRIu64 " of %" PRIu64 " addresses)", r->uncovered, r->users);
	}
}

/* What its entry, or entries, say of what was seen. */
static void print_standing(const struct inventory *v, const struct settings *settings, const struct seen *s,
        const struct partner *entry, FILE *out)
{
	size_t entries = 0;
	uint64_t uncovered = 0;
	char day[TIME_TEXT_MAX];

	for (size_t i = 0; i < settings->policy.n_partners; i++)
		entries += settings->policy.partners[i].service == entry->service;
	for (size_t i = 0; i < v->n; i++)
		if (!v->rows[i].suspected && !strcmp(v->rows[i].service, s->service))
			uncovered += v->rows[i].uncovered;
	if (uncovered) {
		if (entries == 1)
			fprintf(out, "  # %s has an entry at %s, which does not cover: ", s->service,
			        entry->rule);
		else
			fprintf(out,
			        "  # %s has %zu entries, the first at %s, none of which covers: ", s->service,
			        entries, entry->rule);
		print_uncovered(v, s->service, out);
		fputs(" (destination.source)\n", out);
	}
	if (s->dated && s->dated->until != DAY_NONE && time_day(s->last_ns) > s->dated->until)
		fprintf(out, "  # %s has an entry at %s, which ended on %s (destination.expired)\n",
		        s->service, s->dated->rule, time_format_day(s->dated->until, day));
	else if (s->dated)
		fprintf(out, "  # %s has an entry at %s, which begins on %s (destination.expired)\n",
		        s->service, s->dated->rule, time_format_day(s->dated->from, day));
	if (!uncovered && !s->dated)
		fprintf(out, "  # %s has an entry already, at %s, for all of these sources and days\n",
		        s->service, entry->rule);
}

static void print_entry(
        const struct inventory *v, const struct settings *settings, const char *service, FILE *out)
{
	struct seen s = sum_of(v, settings, service);
	const struct service *known = catalogue_by_id(settings->catalogue, service);
	const struct partner *entry = entry_of(settings, service);
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX], bytes[32];

	time_format_day(time_day(s.first_ns), first);
	time_format_day(time_day(s.last_ns), last);
	if (!known) { /* of a sensor with another catalogue; its name may be anything */
		fputs("  # a service this catalogue does not know was seen: ", out);
		quoted(service, out);
		putc('\n', out);
		return;
	}
	fprintf(out, "  # %s, %s%s%s: %s out in %" PRIu64 " flow%s of %" PRIu64 " user%s, %s%s%s\n",
	        known->name, known->vendor, *known->country ? ", " : "", known->country,
	        inventory_bytes(s.out, bytes, sizeof(bytes)), s.flows, s.flows == 1 ? "" : "s", s.users,
	        s.users == 1 ? "" : "s", first, strcmp(first, last) ? " to " : "",
	        strcmp(first, last) ? last : "");
	if (entry) {
		print_standing(v, settings, &s, entry, out);
		return;
	}
	fprintf(out, "  - service: %s\n", service);
	fputs("    # contract:                 # fill in: number or name of the contract\n"
	      "    # owner:                    # fill in: who answers for it\n"
	      "    status: tolerated           # fill in: approved, once there is a contract\n"
	      "    # until: 2027-12-31         # fill in: last day of the contract\n",
	        out);
	print_sources(v, settings, &s, out);
	fputs("    data: {deny: [secret]}      # fill in: classes that must not be sent, and `allow'\n", out);
	if (s.older || s.newest)
		fprintf(out, "    # tls_min: \"1.%d\"            # fill in: %s\n", s.older ? 2 : 3,
		        s.older ? "older versions than 1.3 were seen" : "nothing older was seen");
	else
		fputs("    # tls_min:                  # fill in: no TLS was seen\n", out);
}

static bool first_of(const struct inventory *v, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!v->rows[i].suspected && !strcmp(v->rows[i].service, v->rows[at].service))
			return false;
	return true;
}

/* Services that get an entry. */
static bool is_written(const struct inventory *v, const struct settings *s, size_t row)
{
	const struct inventory_row *r = &v->rows[row];

	return !r->suspected && catalogue_by_id(s->catalogue, r->service) && !entry_of(s, r->service);
}

/* The groups that the entries name, so that what is written is whole. */
static void print_groups(const struct inventory *v, const struct settings *s, FILE *out)
{
	static struct cidr nets[GROUP_NETS];
	const uint16_t groups = (uint16_t)networks_groups(s->networks); /* their numbers have no more bits */
	bool any = false;

	for (uint16_t g = 0; g < groups; g++) {
		bool used = false;
		size_t n;

		for (size_t i = 0; i < v->n; i++)
			used |= !strcmp(v->rows[i].group, networks_group_name(s->networks, g)) &&
			        is_written(v, s, i);
		n = used ? networks_list_group(s->networks, g, nets, GROUP_NETS) : 0;
		if (!n)
			continue;
		fputs(any ? "" : "networks:\n  groups:                     # as in the settings\n", out);
		any = true;
		fputs("    ", out);
		quoted(networks_group_name(s->networks, g), out);
		fputs(": [", out);
		for (size_t k = 0; k < n && k < GROUP_NETS; k++) {
			fputs(k ? ", " : "", out);
			print_network(&nets[k], out);
		}
		fputs(n > GROUP_NETS ? "] # and more\n" : "]\n", out);
	}
}

void inventory_show_register(const struct inventory *v, const struct settings *s, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < v->n; i++)
		any |= is_written(v, s, i);
	fputs("# A partner register for what was seen, made by leaktap inventory --register.  It tolerates "
	      "all "
	      "of it:\n"
	      "# go through the lines marked `fill in', take out what nobody may use, and try the settings "
	      "with\n"
	      "# leaktap check.  Leave out what stands in the settings already that it goes into.\n",
	        out);
	print_groups(v, s, out);
	fputs("policy:\n"
	      "  posture: insular            # what has no entry is unapproved\n",
	        out);
	fputs(any ? "  partners:\n" : "  # partners: nothing was seen that has no entry yet\n", out);
	for (size_t i = 0; i < v->n; i++) {
		const struct inventory_row *r = &v->rows[i];

		if (r->suspected) {
			fputs("  # suspected, in no catalogue: ", out);
			quoted(r->service, out);
			fputs(" speaks ", out);
			quoted(r->name, out);
			putc('\n', out);
		} else if (first_of(v, i)) {
			print_entry(v, s, r->service, out);
		}
	}
}
