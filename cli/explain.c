/* explain.c - leaktap explain: what leaktap would say about a name, an address or a URL, and why.  Queries
 * are what people paste, so anything may come: it is read as a URL of RFC 3986 as far as it goes, user part
 * and query are never printed back (they hold secrets), and junk gets an answer too. */
#include "classify/account.h"
#include "cli/commands.h"
#include "cli/explain_entry.h"

#include "base/clock.h"
#include "base/json.h"
#include "classify/policy/verdict.h"
#include "config/settings.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND   "explain"
#define SHOWN_MAX 1024 /* bytes of a query that are printed back */
#define RULE_MAX  1024
#define WHY_MAX   320
#define JSON_MAX  32768

static const char help[] =
        "usage: leaktap explain [-c FILE] [--from IP] [--json] HOST|IP|URL...\n\n"
        "Tells which AI service a destination is and by what rule, which partner entry covers it, the "
        "verdict\n"
        "of today, and why.  `-' reads one query a line from stdin.\n\n"
        "  -c, --config FILE settings; else $LEAKTAP_CONFIG, else /etc/leaktap/leaktap.yaml, else none\n"
        "  -f, --from IP     as if this address sent it (groups and sources of partner entries)\n"
        "  -j, --json        one JSON object a line: query, service (null: none), rule, verdict, ...\n"
        "  -h, --help        this text\n\n"
        "exit status: 0 done (whatever the verdicts), 2 wrong usage or settings\n";

struct asker {
	const struct settings *s;
	const struct ip_addr *from; /* NULL: not said */
	bool json;
};

/* A query taken apart. */
struct query {
	char shown[SHOWN_MAX + 1]; /* without user part and query */
	size_t shown_len;
	char host[HOST_MAX]; /* normalized, "" when it is none */
	char path[CATALOGUE_PATH_MAX + 1];
	bool has_path, is_address;
	bool foreign; /* the host has bytes that are no ASCII */
	uint16_t port;
	struct ip_addr address;
};

struct answer {
	struct service_match match;
	const struct service *other; /* known, and no AI service: a resolver, VPN or remote desktop */
	struct account account;      /* that the host shows */
	struct verdict verdict;
	char rule[RULE_MAX];
	char why[WHY_MAX];
};

static void show(struct query *q, struct slice s)
{
	size_t n = s.n < SHOWN_MAX - q->shown_len ? s.n : SHOWN_MAX - q->shown_len;

	if (n)
		memcpy(q->shown + q->shown_len, s.p, n);
	q->shown_len += n;
}

/* Takes what stands before the first byte of `set` (or all) off the front. */
static struct slice take_until(struct slice *s, const char *set)
{
	struct slice head = {s->p, 0};

	while (head.n < s->n && !strchr(set, s->p[head.n]))
		head.n++;
	s->p += head.n;
	s->n -= head.n;
	return head;
}

/* "https://", "wss://": empty when the query begins with the host. */
static struct slice take_scheme(struct slice *s)
{
	struct slice head = {s->p, 0};
	size_t n = 0;

	while (n < s->n &&
	        (s->p[n] == '+' || s->p[n] == '-' || s->p[n] == '.' || (s->p[n] >= '0' && s->p[n] <= '9') ||
	                ((s->p[n] | 32) >= 'a' && (s->p[n] | 32) <= 'z')))
		n++;
	if (n && s->n - n >= 3 && !memcmp(s->p + n, "://", 3)) {
		head.n = n + 3;
		s->p += head.n;
		s->n -= head.n;
	}
	return head;
}

static void query_authority(struct query *q, struct slice a)
{
	char text[IP_TEXT_MAX];

	if (a.n < sizeof(text)) { /* an IPv6 address without brackets has colons that are no port */
		memcpy(text, a.p, a.n);
		text[a.n] = '\0';
		if (strlen(text) == a.n && !ip_parse(text, &q->address)) {
			q->is_address = true;
			ip_format(&q->address, q->host);
			return;
		}
	}
	if (!host_port_split(a.p, a.n, q->host, &q->port))
		q->host[0] = '\0';
	else
		q->is_address = !ip_parse(q->host, &q->address);
}

static void query_parse(const char *text, size_t n, struct query *q)
{
	struct slice all = slice_trim(slice_of(text, n)), rest = all, scheme, authority, path;

	memset(q, 0, sizeof(*q));
	scheme = take_scheme(&rest);
	authority = take_until(&rest, "/?#");
	if (memchr(authority.p, '\\', authority.n)) /* browsers end the host there, RFC 3986 knows none */
		authority.n = 0;
	for (size_t i = authority.n; i-- > 0;) { /* the user part ends at the last @ */
		if (authority.p[i] != '@')
			continue;
		authority = slice_of(authority.p + i + 1, authority.n - i - 1);
		break;
	}
	query_authority(q, authority);
	for (size_t i = 0; i < authority.n; i++)
		q->foreign = q->foreign || (unsigned char)authority.p[i] >= 0x80;
	path = take_until(&rest, "?#");
	show(q, scheme);
	if (!*q->host && memchr(all.p, '@', all.n)) { /* where its user part ends cannot be known */
		show(q, SLICE("(not shown)"));
		return;
	}
	show(q, authority);
	show(q, path);
	q->has_path = path.n > 0;
	n = path.n < CATALOGUE_PATH_MAX ? path.n : CATALOGUE_PATH_MAX;
	if (n)
		memcpy(q->path, path.p, n);
}

/* "suffix api.openai.com (config/catalogue/apis.yaml:12)" */
static void rule_text(const struct service_match *m, char *out, size_t cap)
{
	static const char *const match[] = {
	        [MATCH_EXACT] = "exact", [MATCH_PATTERN] = "pattern", [MATCH_SUFFIX] = "suffix"};
	char text[IP_TEXT_MAX];

	*out = '\0';
	if (m->rule)
		snprintf(out, cap, "%s %s%s (%s:%u)", match[m->rule->match], m->rule->host,
		        m->rule->path_required ? " with path" : "", m->rule->file, m->rule->line);
	else if (m->range)
		snprintf(out, cap, "range %s/%d (%s:%u)", ip_format(&m->range->addr, text),
		        m->range->bits - (ip_is4(&m->range->addr) ? 96 : 0), m->service->file,
		        m->service->line);
}

/* The self-hosted server that usually listens there; NULL when none or several do. */
static const struct service *usual_at(const struct catalogue *c, uint16_t port)
{
	const struct service *found = NULL;

	for (size_t i = 0; port && i < catalogue_count(c); i++) {
		const struct service *s = catalogue_at(c, i);

		for (size_t k = 0; k < s->n_ports; k++) {
			if (s->ports[k] != port)
				continue;
			if (found)
				return NULL;
			found = s;
		}
	}
	return found;
}

/* A name's last label is no number (RFC 3696, 2): whoever wrote one meant an IPv4 address. */
static bool ends_in_number(const char *host)
{
	const char *dot = strrchr(host, '.'), *last = dot ? dot + 1 : host;

	return *last && !last[strspn(last, "0123456789")];
}

static void answer_none(const struct asker *a, const struct query *q, struct answer *r)
{
	const struct service *usual = usual_at(a->s->catalogue, q->port);

	if (!*q->host && !q->shown_len)
		snprintf(r->why, sizeof(r->why), "nothing was asked");
	else if (!*q->host && q->foreign)
		snprintf(r->why, sizeof(r->why),
		        "it has letters that are no ASCII: look-alikes of a known name, perhaps; on the wire "
		        "such "
		        "a "
		        "name begins with xn--, and never fits one without");
	else if (!*q->host)
		snprintf(r->why, sizeof(r->why), "this is no host name, address or URL");
	else if (r->match.shared)
		snprintf(r->why, sizeof(r->why),
		        "the name is shared with what is not AI: only the path of a request decides (%s%s)",
		        r->match.rule->paths[0], r->match.rule->n_paths > 1 ? ", ..." : "");
	else if (q->is_address)
		snprintf(r->why, sizeof(r->why),
		        "no published range of one service alone covers this address");
	else if (ends_in_number(q->host))
		snprintf(r->why, sizeof(r->why),
		        "this is no address: IPv4 addresses are four numbers from 0 to 255, and no name ends "
		        "in a number");
	else if (usual)
		snprintf(r->why, sizeof(r->why),
		        "no rule matches this name; port %u is usual for %s, which is told by the shape of "
		        "requests",
		        q->port, usual->name);
	else
		snprintf(r->why, sizeof(r->why), "no rule matches this %s",
		        q->has_path ? "name and path" : "name");
}

/* Known, and no AI service: what becomes of connections to it. */
static void say_other(const struct settings *s, struct answer *r)
{
	static const char *const modes[] = {
	        [SIGN_RECORD] = "recorded", [SIGN_ALERT] = "an alert", [SIGN_OFF] = "off"};
	const struct {
		const char *what, *setting;
		enum sign_mode mode;
	} uses[] = {
	        [USE_RESOLVER] = {"a resolver of encrypted DNS", "evasion.doh", s->evasion.doh},
	        [USE_TUNNEL] = {"a VPN or tunnel", "evasion.tunnel", s->evasion.tunnel},
	        [USE_DESKTOP] = {"a remote desktop", "evasion.remote_desktop", s->evasion.remote_desktop},
	};
	char after[48] = "";

	if (r->other->use != USE_RESOLVER && s->evasion.tunnel_mb)
		snprintf(after, sizeof(after), " once %u MiB were sent", s->evasion.tunnel_mb);
	snprintf(r->why, sizeof(r->why), "%s is %s and no AI service; a connection to it is %s%s (%s)",
	        r->other->name, uses[r->other->use].what, modes[uses[r->other->use].mode],
	        uses[r->other->use].mode == SIGN_ALERT ? after : "", uses[r->other->use].setting);
}

static void answer(const struct asker *a, const struct query *q, struct answer *r)
{
	static const struct ip_addr nobody; /* in no group and no network of an entry */

	memset(r, 0, sizeof(*r));
	r->verdict.kind = -1;
	if (q->is_address)
		r->match = catalogue_address(a->s->catalogue, &q->address);
	else if (*q->host)
		r->match = catalogue_host(a->s->catalogue, q->host, q->has_path ? q->path : NULL);
	rule_text(&r->match, r->rule, sizeof(r->rule));
	if (r->match.service && r->match.service->use != USE_AI) {
		r->other = r->match.service;
		r->match = (struct service_match){.service = NULL};
		say_other(a->s, r);
		return;
	}
	if (!r->match.service) {
		answer_none(a, q, r);
		return;
	}
	account_find(r->match.service, q->host, NULL, &r->account);
	verdict_decide(a->s, r->match.service, a->from ? a->from : &nobody, clock_wall_ns(), &r->account,
	        &r->verdict);
	snprintf(r->why, sizeof(r->why), "%s%s%s", r->verdict.why,
	        !a->from && r->verdict.kind == ALERT_DESTINATION_SOURCE ? " (--from IP asks for one source)"
	                                                                : "",
	        r->match.rule && !host_role_carries(r->match.rule->role)
	                ? "; this host carries nothing users write"
	                : "");
}

static void print_partner(struct json *j, const struct partner *p)
{
	if (!p) {
		json_null(j, "partner");
		return;
	}
	json_object(j, "partner");
	json_string(j, "contract", p->contract);
	json_string(j, "status", p->status == PARTNER_APPROVED ? "approved" : "tolerated");
	json_string(j, "owner", p->owner);
	json_string(j, "rule", p->rule);
	json_end_object(j);
}

static void print_json(const struct query *q, const struct answer *r)
{
	const struct service *s = r->match.service;
	static char buf[JSON_MAX];
	struct json j;

	json_init(&j, buf, sizeof(buf));
	json_object(&j, NULL);
	json_bytes(&j, "query", q->shown, q->shown_len);
	json_string(&j, "host", *q->host ? q->host : NULL);
	json_string(&j, "service", s ? s->id : NULL);
	json_string(&j, "name", s ? s->name : NULL);
	json_string(&j, "vendor", s ? s->vendor : NULL);
	json_string(&j, "country", s && *s->country ? s->country : NULL);
	json_string(&j, "kind", s ? s->kind : NULL);
	json_string(&j, "role", s && r->match.rule ? host_role_name(r->match.rule->role) : NULL);
	json_string(&j, "rule", *r->rule ? r->rule : NULL);
	json_bool(&j, "shared", r->match.shared);
	json_string(&j, "resolver", r->other && r->other->use == USE_RESOLVER ? r->other->id : NULL);
	json_string(&j, "tunnel", r->other && r->other->use != USE_RESOLVER ? r->other->id : NULL);
	print_partner(&j, r->verdict.partner);
	json_string(&j, "verdict", s ? verdict_name(r->verdict.value) : NULL);
	json_string(
	        &j, "alert", r->verdict.kind >= 0 ? alert_kind_name((enum alert_kind)r->verdict.kind) : NULL);
	json_string(&j, "severity", r->verdict.kind >= 0 ? severity_name(r->verdict.severity) : NULL);
	json_bool(&j, "review_due", r->verdict.review_due);
	json_string(&j, "why", r->why);
	json_end_object(&j);
	fwrite(buf, 1, j.len, stdout);
	putchar('\n');
}

/* A terminal gets no control characters from a pasted query. */
static void print_shown(const struct query *q)
{
	for (size_t i = 0; i < q->shown_len; i++) {
		unsigned char c = (unsigned char)q->shown[i];

		putchar(c < ' ' || c >= 0x7f ? '?' : c);
	}
	putchar('\n');
}

static void print_text(const struct asker *a, const struct query *q, const struct answer *r)
{
	const struct service *s = r->match.service;
	const struct partner *p = r->verdict.partner;

	print_shown(q);
	if (s)
		printf("  service  %s: %s, %s%s%s%s, %s\n", s->id, s->name, s->vendor,
		        *s->country ? " (" : "", s->country, *s->country ? ")" : "", s->kind);
	else
		puts("  service  none");
	if (s && r->match.rule)
		printf("  rule     %s, role %s\n", r->rule, host_role_name(r->match.rule->role));
	else if (*r->rule)
		printf("  rule     %s%s\n", r->rule, s || r->other ? "" : ", undecided");
	if (*q->host && !q->is_address)
		explain_rules(a->s->catalogue, q->host, q->has_path ? q->path : NULL);
	if (*q->host && !q->is_address && !s && !r->other && !r->match.shared) {
		explain_look_alike(a->s->catalogue, q->host);
		explain_similar(a->s->catalogue, q->host);
	}
	if (p)
		printf("  partner  %s (%s)%s%s%s%s\n", *p->contract ? p->contract : "entry without contract",
		        p->rule, *p->owner ? ", " : "", p->owner,
		        r->verdict.review_due ? ", review is due" : "",
		        p->status == PARTNER_TOLERATED ? ", tolerated" : "");
	else if (s)
		puts("  partner  no entry");
	if (s)
		explain_entry(a->s, p, a->from, &r->account);
	if (s)
		printf("  verdict  %s%s%s%s\n",
		        !a->from && r->verdict.kind == ALERT_DESTINATION_SOURCE
		                ? "depends on the source; else "
		                : "",
		        verdict_name(r->verdict.value), r->verdict.kind >= 0 ? ", alert " : "",
		        r->verdict.kind >= 0 ? alert_kind_name((enum alert_kind)r->verdict.kind) : "");
	printf("  why      %s\n", r->why);
	if (s && *s->note)
		printf("  note     %s\n", s->note);
}

static void explain(const struct asker *a, const char *text, size_t n)
{
	struct query q;
	struct answer r;

	query_parse(text, n, &q);
	answer(a, &q, &r);
	if (a->json)
		print_json(&q, &r);
	else
		print_text(a, &q, &r);
}

/* With --json every line gets its answer, so that answers can be counted against questions. */
static int explain_lines(const struct asker *a)
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, stdin)) >= 0) {
		while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (n || a->json)
			explain(a, line, (size_t)n);
		if (a->json)
			fflush(stdout);
	}
	free(line);
	if (!ferror(stdin))
		return EXIT_DONE;
	fputs("leaktap explain: stdin cannot be read\n", stderr);
	return EXIT_FAILED;
}

static struct settings *load(const char *config)
{
	struct settings *s;
	struct faults f;

	faults_init(&f);
	s = settings_load(settings_find(config), &f);
	print_faults(COMMAND, &f);
	faults_clear(&f);
	return s;
}

struct options {
	const char *config, *from;
	bool json, help;
};

static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
	        {"config", required_argument, NULL, 'c'},
	        {"from", required_argument, NULL, 'f'},
	        {"json", no_argument, NULL, 'j'},
	        {"help", no_argument, NULL, 'h'},
	        {0},
	};
	int c;

	opterr = 0;
	optind = 1;
	while ((c = getopt_long(argc, argv, ":c:f:jh", options, NULL)) >= 0) {
		if (c == 'c')
			o->config = optarg;
		else if (c == 'f')
			o->from = optarg;
		else if (c == 'j')
			o->json = true;
		else if (c == 'h')
			o->help = true;
		else
			return option_error(COMMAND, c, argv);
	}
	return EXIT_DONE;
}

int command_explain(int argc, char **argv)
{
	struct options o = {0};
	struct asker a = {0};
	struct ip_addr from;
	struct settings *s;
	int status = read_options(argc, argv, &o);

	if (status)
		return status;
	if (o.help) {
		fputs(help, stdout);
		return EXIT_DONE;
	}
	if (optind == argc)
		return usage_error(COMMAND, "say what to explain: a host, an address or a URL");
	if (o.from && ip_parse(o.from, &from) < 0)
		return usage_error(COMMAND, "--from: `%s' is no address", o.from);
	s = load(o.config);
	if (!s)
		return EXIT_USAGE;
	a = (struct asker){.s = s, .from = o.from ? &from : NULL, .json = o.json};
	for (int i = optind; i < argc && !status; i++) {
		if (!strcmp(argv[i], "-"))
			status = explain_lines(&a);
		else
			explain(&a, argv[i], strlen(argv[i]));
	}
	settings_drop(s);
	return status;
}
