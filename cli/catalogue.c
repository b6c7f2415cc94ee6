/* catalogue.c - leaktap catalogue: the AI services leaktap knows, and whether their files are sound. */
#include "cli/commands.h"
#include "cli/explain_entry.h"
#include "config/catalogue.h"
#include "config/settings.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND   "catalogue"
#define KINDS_MAX 32

static const char help[] =
        "usage: leaktap catalogue [-c FILE] [--list | --show ID | --check [FILE...]]\n\n"
        "Shows the AI services leaktap knows: the shipped ones and those of the settings.\n\n"
        "  -l, --list        one line a service: id, name, vendor, country, kind\n"
        "  -s, --show ID     everything about one service\n"
        "      --check       reads all files, tells every fault with its line, counts, and remarks on\n"
        "                    rules that have no effect; FILEs are read after the shipped ones\n"
        "  -v, --verbose     with --check: which rule hides which, what later files replace or extend\n"
        "  -c, --config FILE settings whose catalogue is read too\n"
        "  -h, --help        this text\n\n"
        "The format of own files is in " PREFIX "/share/doc/leaktap/catalogue.md.\n"
        "exit status: 0 done, 1 no such service, 2 wrong usage, or faults in settings or catalogue\n";

/* What is looked at: alone, or inside the settings that brought it. */
struct view {
	const struct catalogue *c;
	struct catalogue *own;
	struct settings *settings;
};

static void view_close(struct view *v)
{
	if (v->settings)
		settings_drop(v->settings);
	catalogue_free(v->own);
}

/* Without settings the usual internal networks count. */
static void check_internal(struct view *v, const char *shipped, struct faults *f)
{
	struct networks *usual = networks_create();
	size_t before = f->total;

	networks_default_internal(usual);
	if (v->own)
		catalogue_check_ranges(v->own, usual, shipped, f);
	networks_free(usual);
	if (f->total == before)
		return;
	catalogue_free(v->own);
	v->c = v->own = NULL;
}

static int view_open(struct view *v, const char *config, char *const *files, size_t n_files)
{
	const char *path = n_files ? NULL : settings_find(config);
	char shipped[PATH_MAX];
	const char **places;
	struct faults f;

	memset(v, 0, sizeof(*v));
	faults_init(&f);
	if (path) {
		v->settings = settings_load(path, &f);
		v->c = v->settings ? v->settings->catalogue : NULL;
	} else if (settings_shipped("catalogue", shipped, sizeof(shipped)) < 0) {
		fault_add(&f, "catalogue", 0, 0,
		        "the shipped files are not found (set LEAKTAP_DATA to their place)");
	} else if ((places = calloc(n_files + 1, sizeof(*places)))) {
		places[0] = shipped;
		for (size_t i = 0; i < n_files; i++)
			places[i + 1] = files[i];
		v->c = v->own = catalogue_load(places, n_files + 1, &f);
		free(places);
		check_internal(v, shipped, &f);
	}
	print_faults(COMMAND, &f);
	if (f.total > 1)
		fprintf(stderr, "leaktap catalogue: %zu faults\n", f.total);
	faults_clear(&f);
	return v->c ? 0 : -1;
}

/* Columns a terminal shows: bytes that begin a character. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void cell(const char *text, int wide)
{
	printf("%s%*s", text, wide - width(text) + 2, "");
}

static int list(const struct catalogue *c)
{
	int id = 2, name = 4, vendor = 6;

	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct service *s = catalogue_at(c, i);

		id = width(s->id) > id ? width(s->id) : id;
		name = width(s->name) > name ? width(s->name) : name;
		vendor = width(s->vendor) > vendor ? width(s->vendor) : vendor;
	}
	for (size_t i = 0; i <= catalogue_count(c); i++) {
		const struct service *s = i ? catalogue_at(c, i - 1) : NULL;

		cell(s ? s->id : "ID", id);
		cell(s ? s->name : "NAME", name);
		cell(s ? s->vendor : "VENDOR", vendor);
		printf("%-7s  %s\n", s ? *s->country ? s->country : "-" : "COUNTRY", s ? s->kind : "KIND");
	}
	return EXIT_DONE;
}

static void show_texts(const char *label, const char *const *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%-11s %s\n", i ? "" : label, text[i]);
}

static void show_hosts(const struct service *s)
{
	static const char *const match[] = {
	        [MATCH_EXACT] = "exact", [MATCH_PATTERN] = "pattern", [MATCH_SUFFIX] = "suffix"};

	for (size_t i = 0; i < s->n_hosts; i++) {
		const struct service_host *h = &s->hosts[i];

		printf("%-11s %-7s  %-9s  %s%s%s%s", i ? "" : "hosts", match[h->match],
		        host_role_name(h->role), h->host, *h->country ? " (" : "", h->country,
		        *h->country ? ")" : "");
		for (size_t k = 0; k < h->n_paths; k++)
			printf("%s%s", k ? " " : " only ", h->paths[k]);
		putchar('\n');
	}
}

static void show_ranges(const struct service *s)
{
	char text[IP_TEXT_MAX];

	for (size_t i = 0; i < s->n_ranges; i++) {
		const struct cidr *r = &s->ranges[i];

		printf("%-11s %s/%d\n", i ? "" : "ranges", ip_format(&r->addr, text),
		        r->bits - (ip_is4(&r->addr) ? 96 : 0));
	}
}

/* Services that are called so go before one that is spelt nearly so. */
static int say_unknown(const struct catalogue *c, const char *id)
{
	char similar[1024];
	const char *near = catalogue_near(c, id);

	if (*similar_services(c, id, false, similar, sizeof(similar)))
		fprintf(stderr,
		        "leaktap catalogue: there is no service `%s'; similar: %s (leaktap catalogue "
		        "--list)\n",
		        id, similar);
	else
		fprintf(stderr,
		        "leaktap catalogue: there is no service `%s'%s%s%s (leaktap catalogue --list)\n", id,
		        near ? ", did you mean `" : "", near ? near : "", near ? "'?" : "");
	return EXIT_USAGE;
}

static int show(const struct catalogue *c, const char *id)
{
	const struct service *s = catalogue_by_id(c, id);

	if (!s)
		return say_unknown(c, id);
	printf("%-11s %s\n%-11s %s\n%-11s %s\n", "id", s->id, "name", s->name, "vendor", s->vendor);
	printf("%-11s %s\n%-11s %s\n%-11s %s\n", "country", *s->country ? s->country : "not known", "kind",
	        s->kind, "confidence", s->confidence);
	show_hosts(s);
	show_ranges(s);
	for (size_t i = 0; i < s->n_ports; i++)
		printf("%-11s %u\n", i ? "" : "ports", s->ports[i]);
	show_texts("wire", s->wire, s->n_wire);
	show_texts("paths", s->paths, s->n_paths);
	show_texts("prompt_at", s->prompt_at, s->n_prompt_at);
	show_texts("uploads", s->uploads, s->n_uploads);
	show_texts("issuers", s->issuers, s->n_issuers);
	for (size_t i = 0; i < s->n_keys; i++)
		printf("%-11s %s: %s\n", i ? "" : "keys", s->keys[i].issuer, s->keys[i].format);
	for (size_t i = 0; i < s->n_accounts; i++) {
		static const char *const places[] = {"header", "host", "path"};
		const struct service_account *a = &s->accounts[i];

		printf("%-11s %s %s%s%s%s%s\n", i ? "" : "accounts", places[a->place], a->pattern,
		        *a->kind ? ": " : "", a->kind, *a->plan ? ", plan " : "", a->plan);
	}
	if (*s->note)
		printf("%-11s %s\n", "note", s->note);
	printf("%-11s %s:%u\n", "stands at", s->file, s->line);
	return EXIT_DONE;
}

struct kind_count {
	const char *kind;
	size_t services, hosts;
};

static size_t count_kinds(const struct catalogue *c, struct kind_count k[KINDS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct service *s = catalogue_at(c, i);
		size_t at = 0;

		while (at < n && strcmp(k[at].kind, s->kind) != 0)
			at++;
		if (at == KINDS_MAX)
			continue;
		if (at == n)
			k[n++] = (struct kind_count){.kind = s->kind};
		k[at].services++;
		k[at].hosts += s->n_hosts;
	}
	return n;
}

static void print_counts(const struct catalogue *c)
{
	struct kind_count k[KINDS_MAX];
	size_t n = count_kinds(c, k), hosts = 0;

	printf("%-12s %8s %8s\n", "KIND", "SERVICES", "HOSTS");
	for (size_t i = 0; i < n; i++) {
		printf("%-12s %8zu %8zu\n", k[i].kind, k[i].services, k[i].hosts);
		hosts += k[i].hosts;
	}
	printf("%-12s %8zu %8zu\n", "all", catalogue_count(c), hosts);
	printf("%zu shapes of requests\n", catalogue_shape_count(c));
}

/* The wider rule of the same service that says the same about this name already; NULL: the rule has a use. */
static const struct service_host *covered_by(
        const struct catalogue *c, const struct service *s, const struct service_host *h)
{
	const char *dot = strchr(h->host, '.');
	struct service_match m;

	if (!dot || h->path_required)
		return NULL;
	m = catalogue_host(c, dot + 1, NULL);
	if (m.service != s || m.rule->match != MATCH_SUFFIX || m.rule->role != h->role || *h->country)
		return NULL;
	return m.rule;
}

/* What its users write goes to another service of its vendor, in a shape of requests that both have: a
 * program that calls its vendor's API. */
static bool writes_elsewhere(const struct catalogue *c, const struct service *s)
{
	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct service *o = catalogue_at(c, i);
		bool carries = false, shares = false;

		if (o == s || strcmp(o->vendor, s->vendor) != 0)
			continue;
		for (size_t k = 0; k < o->n_hosts; k++)
			carries = carries || host_role_carries(o->hosts[k].role);
		for (size_t k = 0; k < o->n_wire * s->n_wire; k++)
			shares = shares || !strcmp(o->wire[k / s->n_wire], s->wire[k % s->n_wire]);
		if (carries && shares)
			return true;
	}
	return false;
}

static size_t remarks(const struct catalogue *c)
{
	size_t n = 0;

	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct service *s = catalogue_at(c, i);
		bool carries = !s->n_hosts || s->use != USE_AI;

		for (size_t k = 0; k < s->n_wire; k++) {
			if (catalogue_shape(c, s->wire[k]))
				continue;
			printf("%s:%u: remark: the shape `%s' of %s is described nowhere: its requests are "
			       "read by "
			       "what is usual\n",
			        s->file, s->line, s->wire[k], s->id);
			n++;
		}
		for (size_t k = 0; k < s->n_hosts; k++) {
			const struct service_host *h = &s->hosts[k], *wide = covered_by(c, s, h);

			carries = carries || host_role_carries(h->role);
			if (!wide)
				continue;
			printf("%s:%u: remark: `%s' adds nothing to suffix `%s' of the same service and "
			       "role\n",
			        h->file, h->line, h->host, wide->host);
			n++;
		}
		if (carries || writes_elsewhere(c, s))
			continue;
		printf("%s:%u: remark: no host of %s carries what users write\n", s->file, s->line, s->id);
		n++;
	}
	return n;
}

/* Rules of other services that take names out of a suffix or pattern, and what later files did. */
#define CONSIDERED_MAX 64

static size_t explain_shadows(
        const struct catalogue *c, const struct service *s, const struct service_host *h)
{
	static const char *const match[] = {
	        [MATCH_EXACT] = "exact", [MATCH_PATTERN] = "pattern", [MATCH_SUFFIX] = "suffix"};
	struct rule_seen seen[CONSIDERED_MAX];
	size_t shown = 0,
	       n = strchr(h->host, '{') ? 0 : catalogue_consider(c, h->host, NULL, seen, CONSIDERED_MAX);

	for (size_t i = 0; i < n && i < CONSIDERED_MAX; i++) {
		const struct rule_seen *o = &seen[i];

		if (o->service == s || o->fate == RULE_NAME)
			continue;
		if (o->rule->path_required || h->path_required)
			printf("%s:%u: note: `%s' of %s and of %s (%s:%u): a listed path decides\n", h->file,
			        h->line, h->host, s->id, o->service->id, o->rule->file, o->rule->line);
		else if (o->fate == RULE_LOSES)
			printf("%s:%u: note: %s `%s' of %s hides what %s `%s' of %s (%s:%u) says of it\n",
			        h->file, h->line, match[h->match], h->host, s->id, match[o->rule->match],
			        o->rule->host, o->service->id, o->rule->file, o->rule->line);
		else
			continue;
		shown++;
	}
	return shown;
}

static size_t explain_all(const struct catalogue *c)
{
	const struct catalogue_change *change;
	size_t n = catalogue_changes(c, &change), shown = n;

	for (size_t i = 0; i < n; i++)
		printf("%s:%u:%u: note: %s `%s' of %s:%u\n", change[i].at.file, change[i].at.line,
		        change[i].at.column, change[i].replaced ? "replaces" : "extends", change[i].id,
		        change[i].before.file, change[i].before.line);
	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct service *s = catalogue_at(c, i);

		for (size_t k = 0; k < s->n_hosts; k++)
			shown += explain_shadows(c, s, &s->hosts[k]);
	}
	return shown;
}

static int check(const struct catalogue *c, bool verbose)
{
	size_t n;

	print_counts(c);
	if (verbose)
		printf("%zu notes\n", explain_all(c));
	n = remarks(c);
	printf("no faults, %zu remark%s\n", n, n == 1 ? "" : "s");
	return EXIT_DONE;
}

static int summary(const struct catalogue *c)
{
	print_counts(c);
	puts("\nleaktap catalogue --list shows them, --show ID one of them, --check tries the files;\n"
	     "leaktap explain HOST tells which service a name is.");
	return EXIT_DONE;
}

int command_catalogue(int argc, char **argv)
{
	static const struct option options[] = {
	        {"list", no_argument, NULL, 'l'},
	        {"show", required_argument, NULL, 's'},
	        {"check", no_argument, NULL, 'k'},
	        {"config", required_argument, NULL, 'c'},
	        {"verbose", no_argument, NULL, 'v'},
	        {"help", no_argument, NULL, 'h'},
	        {0},
	};
	const char *config = NULL, *id = NULL;
	bool verbose = false;
	int o, what = 0, status;
	struct view v;

	opterr = 0;
	optind = 1;
	while ((o = getopt_long(argc, argv, ":ls:c:vh", options, NULL)) >= 0) {
		if (o == 'h') {
			fputs(help, stdout);
			return EXIT_DONE;
		}
		if (o == '?' || o == ':')
			return option_error(COMMAND, o, argv);
		if (o == 'c')
			config = optarg;
		else if (o == 'v')
			verbose = true;
		else if (what && what != o)
			return usage_error(COMMAND, "--list, --show and --check do not mix");
		else
			what = o;
		if (o == 's')
			id = optarg;
	}
	if (verbose && what != 'k')
		return usage_error(COMMAND, "-v goes with --check");
	if (optind < argc && what != 'k')
		return usage_error(COMMAND, "`%s' is not understood", argv[optind]);
	if (optind < argc && config)
		return usage_error(COMMAND, "give either files or settings to --check");
	if (view_open(&v, config, argv + optind, (size_t)(argc - optind)) < 0)
		return EXIT_USAGE;
	status = what == 'l'   ? list(v.c)
	         : what == 's' ? show(v.c, id)
	         : what == 'k' ? check(v.c, verbose)
	                       : summary(v.c);
	view_close(&v);
	return status;
}
