/* catalogue_read.c - one YAML file of the catalogue into entries and zones.  docs/catalogue.md describes the
 * keys; they stand in tables here, one row each.  Everything that is wrong is told with its place, and
 * reading goes on, so that one run shows all. */
#include "config/catalogue_internal.h"

#include "base/err.h"
#include "config/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANGES_MAX 255 /* one byte in the table of ranges */

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char *const match_names[] = {
        [MATCH_EXACT] = "exact",
        [MATCH_PATTERN] = "pattern",
        [MATCH_SUFFIX] = "suffix",
};
static const char *const kinds[] = {
        "encrypted-dns",
        "vpn",
        "remote-desktop",
        "api",
        "chat",
        "coding",
        "audio",
        "image",
        "writing",
        "meeting",
        "aggregator",
        "model-hub",
        "self-hosted",
        "vendor-site",
        "other",
};
static const char *const confidences[] = {"high", "medium"};
static const char *const root_keys[] = {"services", "shapes", "shared_zones", "never", "public_suffixes"};
static const char *const host_keys[] = {"match", "host", "role", "path_required", "paths", "country"};
static const char *const key_keys[] = {"issuer", "format"};
static const char *const account_keys[] = {"header", "host", "path", "kind", "plan"};
static const char *const account_kinds[] = {
        "organization", "project", "workspace", "tenant", "resource", "user"};
static const char *const zone_keys[] = {"zone", "why"};

static bool plan_ok(const char *t)
{
	return *t && strspn(t, "abcdefghijklmnopqrstuvwxyz-") == strlen(t) && strlen(t) < 16;
}

static bool country_ok(const char *t)
{
	return !*t || (strlen(t) == 2 && strspn(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2);
}

/* A pattern that decides about a shared name must say something. */
static bool deciding_path_ok(const char *t)
{
	return catalogue_path_ok(t) && strspn(t, "/*") != strlen(t);
}

/* The name with every placeholder as `x': what must then be a name like any other. */
static void fill_placeholders(const char *pattern, char out[HOST_MAX])
{
	size_t n = 0;

	for (const char *p = pattern; *p && n < HOST_MAX - 1; p++) {
		if (*p == '{') {
			out[n++] = 'x';
			p = strchr(p, '}');
		} else {
			out[n++] = *p;
		}
	}
	out[n] = '\0';
}

static unsigned count_labels(const char *host)
{
	unsigned n = 1;

	for (; *host; host++)
		n += *host == '.';
	return n;
}

/* Says what is wrong with the name of a rule; true when nothing is. */
static bool host_ok(struct reader *r, const struct ynode *v, enum host_match match)
{
	char plain[HOST_MAX], normal[HOST_MAX];
	struct ip_addr ip;

	if (v->text_len != strlen(v->text) || v->text_len >= HOST_MAX || !catalogue_braces_ok(v->text)) {
		entry_bad(r, v, "`%.60s' is not a host name (a placeholder is {x})", v->text);
		return false;
	}
	fill_placeholders(v->text, plain);
	if (!strncmp(v->text, "*.", 2))
		entry_bad(r, v, "`%s': for all names below write match: suffix and the name without `*.'",
		        v->text);
	else if (strchr(v->text, '*'))
		entry_bad(r, v,
		        "`%s': `*' means nothing in a name; {x} with match: pattern is one run of letters, "
		        "digits and hyphens within a label, match: suffix all names below",
		        v->text);
	else if (!ip_parse(v->text, &ip))
		entry_bad(r, v, "`%s' is an address: it belongs in `ranges'", v->text);
	else if (!host_normalize(plain, strlen(plain), normal))
		entry_bad(r, v, "`%.60s' is not a host name", v->text);
	else if (strcmp(plain, normal) != 0)
		entry_bad(r, v, "`%.60s': write host names in lower case, without port and trailing dot",
		        v->text);
	else if ((match == MATCH_PATTERN) != (strchr(v->text, '{') != NULL))
		entry_bad(r, v, "`%s': %s", v->text,
		        match == MATCH_PATTERN ? "a pattern needs a placeholder such as {x}"
		                               : "a placeholder needs match: pattern");
	else if (count_labels(v->text) > CATALOGUE_LABELS_MAX)
		entry_bad(r, v, "`%.60s' has more than %d labels", v->text, CATALOGUE_LABELS_MAX);
	else
		return true;
	return false;
}

static bool read_host(struct reader *r, const struct ynode *v, struct service_host *h)
{
	const struct ynode *match, *host, *role, *paths = ynode_get(v, "paths"), *x;
	const char *role_names[ROLES];
	int m, o;

	for (int i = 0; i < ROLES; i++)
		role_names[i] = host_role_name((enum host_role)i);
	if (!entry_is_map(r, v, "a host", host_keys, COUNT(host_keys)))
		return false;
	match = entry_need(r, v, "match");
	host = entry_need(r, v, "host");
	role = entry_need(r, v, "role");
	if (!match || !host || !role)
		return false;
	m = entry_word(r, match, "match", match_names, COUNT(match_names));
	o = entry_word(r, role, "role", role_names, ROLES);
	if (host->kind != YNODE_SCALAR) {
		entry_bad(r, host, "`host' must be one name");
		return false;
	}
	if (m < 0 || o < 0 || !host_ok(r, host, (enum host_match)m))
		return false;
	h->match = (enum host_match)m;
	h->role = (enum host_role)o;
	h->host = store_text(&r->c->store, host->text, host->text_len);
	h->file = r->file;
	h->line = v->line;
	h->column = v->column;
	h->country = (x = ynode_get(v, "country"))
	                     ? entry_text(r, x, country_ok, "country", "two capital letters")
	                     : "";
	if ((x = ynode_get(v, "path_required")))
		h->path_required = entry_bool(r, x, "path_required");
	if (paths)
		h->paths = entry_texts(r, paths, deciding_path_ok, "paths",
		        "the pattern of a path (/word, {x} for one part, * for any run)", &h->n_paths);
	if (h->path_required != (h->n_paths > 0))
		entry_bad(r, v,
		        h->path_required ? "path_required needs `paths', the patterns that decide"
		                         : "`paths' here only has a meaning with path_required: true");
	return true;
}

static void read_hosts(struct reader *r, const struct ynode *v, struct entry *e)
{
	struct service_host *list;

	if (!entry_is_list(r, v, "hosts", CATALOGUE_LIST_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++)
		e->s.n_hosts += read_host(r, v->item[i], &list[e->s.n_hosts]);
	e->s.hosts = list;
}

static void read_keys(struct reader *r, const struct ynode *v, struct entry *e)
{
	struct service_key *list;

	if (!entry_is_list(r, v, "keys", CATALOGUE_LIST_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++) {
		const struct ynode *k = v->item[i], *issuer, *format;

		if (!entry_is_map(r, k, "a key", key_keys, COUNT(key_keys)))
			continue;
		issuer = entry_need(r, k, "issuer");
		format = entry_need(r, k, "format");
		if (!issuer || !format)
			continue;
		list[i].issuer = entry_text(r, issuer, catalogue_id_ok, "issuer", "an id");
		list[i].format = entry_text(r, format, catalogue_text_ok, "format", "one line of text");
	}
	e->s.keys = list;
	e->s.n_keys = v->n;
}

static bool header_ok(const char *t)
{
	return *t && strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(t) &&
	       strlen(t) <= CATALOGUE_ID_MAX;
}

/* Labels of letters, digits and '-', or {account} or {x} whole. */
static bool account_host_ok(const char *t)
{
	return *t && strchr(t, '.') && !strstr(t, "..") &&
	       strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789-.{}") == strlen(t) &&
	       strlen(t) <= CATALOGUE_TEXT_MAX;
}

static bool account_path_ok(const char *t)
{
	return *t == '/' && catalogue_text_ok(t);
}

static bool read_account(struct reader *r, const struct ynode *v, struct service_account *a)
{
	static const struct {
		const char *key;
		bool (*ok)(const char *);
		const char *allowed;
	} places[] = {
	        [ACCOUNT_HEADER] = {"header", header_ok, "the name of a header in lower case"},
	        [ACCOUNT_HOST] = {"host", account_host_ok,
	                "a host name in which {account} or {x} stand for a label"},
	        [ACCOUNT_PATH] = {"path", account_path_ok,
	                "the begin of a path in which {account} or {x} stand for a part"},
	};
	const struct ynode *x, *place = NULL;

	if (!entry_is_map(r, v, "an account", account_keys, COUNT(account_keys)))
		return false;
	for (size_t i = 0; i < COUNT(places); i++) {
		if (!(x = ynode_get(v, places[i].key)))
			continue;
		if (place) {
			entry_bad(r, x, "an account has one of `header', `host' and `path'");
			return false;
		}
		place = x;
		a->place = (enum account_place)i;
		a->pattern = entry_text(r, x, places[i].ok, places[i].key, places[i].allowed);
	}
	if (!place) {
		entry_bad(r, v, "an account needs one of `header', `host' and `path'");
		return false;
	}
	a->kind = a->plan = "";
	if ((x = ynode_get(v, "kind"))) {
		int k = entry_word(r, x, "kind", account_kinds, COUNT(account_kinds));

		a->kind = k < 0 ? "" : account_kinds[k];
	}
	if ((x = ynode_get(v, "plan")))
		a->plan = entry_text(
		        r, x, plan_ok, "plan", "a word of at most 15 letters, such as business or personal");
	if (a->place != ACCOUNT_HEADER && a->pattern && !strstr(a->pattern, "{account}") && !*a->plan)
		entry_bad(r, place, "`%s' has neither {account} nor says a plan: it tells nothing",
		        place->text);
	return a->pattern != NULL;
}

static void read_accounts(struct reader *r, const struct ynode *v, struct entry *e)
{
	struct service_account *list;

	if (!entry_is_list(r, v, "accounts", CATALOGUE_LIST_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++)
		e->s.n_accounts += read_account(r, v->item[i], &list[e->s.n_accounts]);
	e->s.accounts = list;
}

static void read_ranges(struct reader *r, const struct ynode *v, struct entry *e)
{
	struct service_place *at;
	struct cidr *list;

	if (!entry_is_list(r, v, "ranges", RANGES_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	at = store_get(&r->c->store, v->n * sizeof(*at));
	for (size_t i = 0; i < v->n; i++) {
		struct err err;

		if (v->item[i]->kind != YNODE_SCALAR)
			entry_bad(r, v->item[i], "`ranges' holds networks such as 192.0.2.0/24");
		else if (cidr_parse(v->item[i]->text, &list[e->s.n_ranges], &err) < 0)
			entry_bad(r, v->item[i], "%s", err.text);
		else
			at[e->s.n_ranges++] =
			        (struct service_place){r->file, v->item[i]->line, v->item[i]->column};
	}
	e->s.ranges = list;
	e->s.range_at = at;
}

static void read_ports(struct reader *r, const struct ynode *v, struct entry *e)
{
	uint16_t *list;

	if (!entry_is_list(r, v, "ports", CATALOGUE_LIST_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++) {
		const struct ynode *p = v->item[i];
		bool number = p->kind == YNODE_SCALAR && p->text_len && p->text_len <= 5 &&
		              strspn(p->text, "0123456789") == p->text_len;
		unsigned long port = number ? strtoul(p->text, NULL, 10) : 0;

		if (!port || port > UINT16_MAX)
			entry_bad(r, p, "`ports' holds numbers from 1 to 65535");
		else
			list[e->s.n_ports++] = (uint16_t)port;
	}
	e->s.ports = list;
}

#define REQUEST "a method (GET POST PUT PATCH DELETE WS) and a path, as in POST /v1/chat/completions"
#define AT(m)   offsetof(struct service, m)
/* Keys of a service: texts, lists of texts, and those with a reader of their own. */
static const struct field {
	const char *name;
	bool extends; /* may stand beside `extends' */
	bool (*ok)(const char *);
	const char *allowed;
	size_t text, list, count;
	void (*read)(struct reader *, const struct ynode *, struct entry *);
} fields[] = {
        {"id", false, catalogue_id_ok, "an id (a-z, 0-9, -, at most 40)", .text = AT(id)},
        {"name", false, catalogue_text_ok, "one line of text", .text = AT(name)},
        {"vendor", false, catalogue_text_ok, "one line of text", .text = AT(vendor)},
        {"country", false, country_ok, "two capital letters (ISO 3166-1) or empty", .text = AT(country)},
        {"note", false, catalogue_text_ok, "one line of text, at most 400 bytes", .text = AT(note)},
        {"wire", true, catalogue_id_ok, "a shape (a-z, 0-9, -)", .list = AT(wire), .count = AT(n_wire)},
        {"paths", true, catalogue_request_ok, REQUEST, .list = AT(paths), .count = AT(n_paths)},
        {"prompt_at", true, catalogue_field_ok, "a field path such as messages[].content",
                .list = AT(prompt_at), .count = AT(n_prompt_at)},
        {"uploads", true, catalogue_request_ok, REQUEST, .list = AT(uploads), .count = AT(n_uploads)},
        {"issuers", true, catalogue_id_ok, "the id of an issuer (a-z, 0-9, -)", .list = AT(issuers),
                .count = AT(n_issuers)},
        {"hosts", true, .read = read_hosts},
        {"keys", true, .read = read_keys},
        {"accounts", true, .read = read_accounts},
        {"ranges", true, .read = read_ranges},
        {"ports", true, .read = read_ports},
};
/* Read by hand: words of a list, and the reference. */
static const char *const other_fields[] = {"kind", "confidence", "extends"};

static void read_field(struct reader *r, const struct field *f, const struct ynode *v, struct entry *e)
{
	char *base = (char *)&e->s;

	if (f->read)
		f->read(r, v, e);
	else if (f->count)
		*(const char *const **)(void *)(base + f->list) =
		        entry_texts(r, v, f->ok, f->name, f->allowed, (size_t *)(void *)(base + f->count));
	else
		*(const char **)(void *)(base + f->text) = entry_text(r, v, f->ok, f->name, f->allowed);
}

static bool service_keys_ok(struct reader *r, const struct ynode *v)
{
	const char *names[COUNT(fields) + COUNT(other_fields)];

	for (size_t i = 0; i < COUNT(fields); i++)
		names[i] = fields[i].name;
	memcpy(names + COUNT(fields), other_fields, sizeof(other_fields));
	return entry_is_map(r, v, "a service", names, COUNT(names));
}

static enum service_use use_of(const char *kind)
{
	static const struct {
		const char *kind;
		enum service_use use;
	} uses[] = {{"encrypted-dns", USE_RESOLVER}, {"vpn", USE_TUNNEL}, {"remote-desktop", USE_DESKTOP}};

	for (size_t i = 0; i < COUNT(uses); i++)
		if (!strcmp(uses[i].kind, kind))
			return uses[i].use;
	return USE_AI;
}

static void read_own(struct reader *r, const struct ynode *v, struct entry *e)
{
	static const char *const needed[] = {"id", "name", "vendor", "kind"};
	const struct ynode *x;
	int i;

	for (size_t k = 0; k < COUNT(needed); k++)
		entry_need(r, v, needed[k]);
	if ((x = ynode_get(v, "kind")) && (i = entry_word(r, x, "kind", kinds, COUNT(kinds))) >= 0)
		e->s.kind = kinds[i];
	e->s.use = use_of(e->s.kind);
	if ((x = ynode_get(v, "confidence")) &&
	        (i = entry_word(r, x, "confidence", confidences, COUNT(confidences))) >= 0)
		e->s.confidence = confidences[i];
	if (!ynode_get(v, "hosts") && !ynode_get(v, "ports") && !ynode_get(v, "wire") &&
	        !ynode_get(v, "ranges"))
		entry_bad(r, v,
		        "without `hosts', `ranges', `ports' or `wire' nothing can ever be this service");
}

static void read_service(struct reader *r, const struct ynode *v)
{
	struct entry *e;
	const struct ynode *extends = ynode_get(v, "extends");

	if (!service_keys_ok(r, v))
		return;
	if (r->n_entries == r->entries_cap) {
		r->entries_cap = r->entries_cap ? r->entries_cap * 2 : 256;
		r->entries = store_grow(r->entries, r->entries_cap, sizeof(*r->entries));
	}
	e = &r->entries[r->n_entries++];
	*e = (struct entry){
	        .s = {.id = "",
	                .name = "",
	                .vendor = "",
	                .country = "",
	                .note = "",
	                .kind = "other",
	                .confidence = confidences[0],
	                .file = r->file,
	                .line = v->line},
	        .column = v->column,
	        .place = r->place,
	};
	for (size_t i = 0; i < COUNT(fields); i++) {
		const struct ynode *x = ynode_get(v, fields[i].name);

		if (x && extends && !fields[i].extends)
			entry_bad(r, x, "`%s' cannot stand beside `extends', which only adds to lists",
			        fields[i].name);
		else if (x)
			read_field(r, &fields[i], x, e);
	}
	if (!extends) {
		read_own(r, v, e);
		return;
	}
	for (size_t i = 0; i < 2; i++)
		if (ynode_get(v, other_fields[i]))
			entry_bad(r, v, "`%s' cannot stand beside `extends', which only adds to lists",
			        other_fields[i]);
	e->extends = entry_text(r, extends, catalogue_id_ok, "extends", "the id of a service");
}

static const char public_suffix[] = "a public suffix: everybody may take a name below it";

static void add_zone(struct reader *r, const struct ynode *name, const char *why)
{
	char normal[HOST_MAX];
	struct zone *z;

	if (name->kind != YNODE_SCALAR || !host_normalize(name->text, name->text_len, normal) ||
	        strcmp(normal, name->text) != 0) {
		entry_bad(r, name, "this must be a host name in lower case");
		return;
	}
	if (key_map_find(&r->zone_names, normal, strlen(normal)))
		return; /* own files may repeat what is shipped */
	if (r->n_zones == r->zones_cap) {
		r->zones_cap = r->zones_cap ? r->zones_cap * 2 : 128;
		r->zones = store_grow(r->zones, r->zones_cap, sizeof(*r->zones));
	}
	z = &r->zones[r->n_zones];
	*z = (struct zone){
	        .name = store_text(&r->c->store, normal, strlen(normal)),
	        .why = why,
	        .file = r->file,
	        .line = name->line,
	        .column = name->column,
	};
	z->public_suffix = why == public_suffix;
	key_map_put(&r->zone_names, z->name, strlen(z->name), (uint32_t)r->n_zones++);
}

static void read_zones(struct reader *r, const struct ynode *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct ynode *v = list->item[i], *zone, *why;

		if (!entry_is_map(r, v, "a shared zone", zone_keys, COUNT(zone_keys)))
			continue;
		zone = entry_need(r, v, "zone");
		why = entry_need(r, v, "why");
		if (zone && why)
			add_zone(r, zone, entry_text(r, why, catalogue_text_ok, "why", "one line of text"));
	}
}

void catalogue_read_file(struct reader *r, const char *path)
{
	struct ydoc *doc = ydoc_load(path, r->f);
	const struct ynode *root, *v;

	if (!doc)
		return;
	r->file = store_text(&r->c->store, path, strlen(path));
	root = ydoc_root(doc);
	if (entry_is_map(r, root, "the file", root_keys, COUNT(root_keys))) {
		if ((v = ynode_get(root, "services")) && entry_is_list(r, v, "services", UINT16_MAX))
			for (size_t i = 0; i < v->n; i++)
				read_service(r, v->item[i]);
		if ((v = ynode_get(root, "shapes")) && entry_is_list(r, v, "shapes", UINT16_MAX))
			shapes_read(r, v);
		if ((v = ynode_get(root, "shared_zones")) && entry_is_list(r, v, "shared_zones", UINT16_MAX))
			read_zones(r, v);
		if ((v = ynode_get(root, "never")) && entry_is_list(r, v, "never", UINT16_MAX))
			for (size_t i = 0; i < v->n; i++)
				add_zone(r, v->item[i], NULL);
		if ((v = ynode_get(root, "public_suffixes")) &&
		        entry_is_list(r, v, "public_suffixes", UINT16_MAX))
			for (size_t i = 0; i < v->n; i++)
				add_zone(r, v->item[i], public_suffix);
	}
	ydoc_free(doc);
}
