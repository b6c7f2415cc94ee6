/* inventory_register.c - a partner register for what was seen, to be filled in: `policy.partners' of
 * leaktap.yaml(5).  It is in force as it is: everything seen is tolerated for the groups that used it, so an
 * insular posture begins without a flood; what a person must decide is marked. */
#include "cli/inventory.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	const char *service;
	uint64_t out, users, flows, older;
	int64_t first_ns, last_ns;
	bool nets_more;
};

static struct seen sum_of(const struct inventory *v, const char *service)
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
		s.nets_more |= r->nets_more;
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

static void print_network(const struct cidr *c, FILE *out)
{
	char text[IP_TEXT_MAX];

	fprintf(out, "\"%s/%d\"", ip_format(&c->addr, text), c->bits - (ip_is4(&c->addr) ? 96 : 0));
}

/* Groups by name; sources in no group by their networks. */
static void print_sources(const struct inventory *v, const struct seen *s, FILE *out)
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

		if (r->suspected || strcmp(r->service, s->service) != 0)
			continue;
		if (*r->group) {
			fputs(any ? ", " : "", out);
			quoted(r->group, out);
			any = true;
		}
		for (unsigned k = 0; k < r->n_nets; k++, any = true) {
			fputs(any ? ", " : "", out);
			print_network(&r->nets[k], out);
		}
	}
	fputs("]        # seen from here; fill in: who may\n", out);
}

static const struct partner *entry_of(const struct settings *s, const char *service)
{
	for (size_t i = 0; i < s->policy.n_partners; i++)
		if (!strcmp(s->policy.partners[i].service->id, service))
			return &s->policy.partners[i];
	return NULL;
}

static void print_entry(
        const struct inventory *v, const struct settings *settings, const char *service, FILE *out)
{
	struct seen s = sum_of(v, service);
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
		fprintf(out, "  # %s has an entry already, at %s\n", service, entry->rule);
		return;
	}
	fprintf(out, "  - service: %s\n", service);
	fputs("    contract: \"none yet\"        # fill in: number or name of the contract\n"
	      "    owner: \"nobody yet\"         # fill in: who answers for it\n"
	      "    status: tolerated           # fill in: approved, once there is a contract\n"
	      "    # until: 2027-12-31         # fill in: last day of the contract\n",
	        out);
	print_sources(v, &s, out);
	fputs("    data: {deny: [secret]}      # fill in: classes that must not be sent, and `allow'\n", out);
	fprintf(out, "    # tls_min: \"1.%d\"            # fill in: %s\n", s.older ? 2 : 3,
	        s.older ? "older versions than 1.3 were seen" : "nothing older was seen");
}

static bool first_of(const struct inventory *v, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (!v->rows[i].suspected && !strcmp(v->rows[i].service, v->rows[at].service))
			return false;
	return true;
}

void inventory_show_register(const struct inventory *v, const struct settings *s, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < v->n; i++)
		any |= !v->rows[i].suspected && catalogue_by_id(s->catalogue, v->rows[i].service) &&
		       !entry_of(s, v->rows[i].service);
	fputs("# A partner register for what was seen, made by leaktap inventory --register.  It tolerates "
	      "all "
	      "of it:\n"
	      "# go through the lines marked `fill in', take out what nobody may use, and try the settings "
	      "with\n"
	      "# leaktap check.  Groups are those of networks.groups of the settings it belongs into.\n"
	      "policy:\n"
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
