/* catalogue_read.c - one YAML file of the catalogue into entries and zones.  docs/catalogue.md describes the
 * keys; they stand in tables here, one row each.  Everything that is wrong is told with its place, and
 * reading goes on, so that one run shows all. */
#include "config/catalogue_internal.h"

#include "base/err.h"
#include "config/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ID_MAX     40
#define TEXT_MAX   400
#define LIST_MAX   1024
#define RANGES_MAX 255 /* one byte in the table of ranges */
#define WORD_NEAR  2

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static const char *const match_names[] = {
        [MATCH_EXACT] = "exact",
        [MATCH_PATTERN] = "pattern",
        [MATCH_SUFFIX] = "suffix",
};
#define RESOLVER_KIND "encrypted-dns"

static const char *const kinds[] = {
        RESOLVER_KIND,
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
static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "WS"};
static const char *const root_keys[] = {"services", "shared_zones", "never", "public_suffixes"};
static const char *const host_keys[] = {"match", "host", "role", "path_required", "paths", "country"};
static const char *const key_keys[] = {"issuer", "format"};
static const char *const account_keys[] = {"header", "host", "path", "kind", "plan"};
static const char *const account_kinds[] = {
        "organization", "project", "workspace", "tenant", "resource", "user"};
static const char *const zone_keys[] = {"zone", "why"};

__attribute__((format(printf, 3, 4))) static void bad(
        struct reader *r, const struct ynode *at, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fault_add(r->f, r->file, at->line, at->column, "%s", text);
}

/* The word nearest to a mistyped one; NULL when none is near. */
static const char *near_word(const char *const *words, size_t n, const char *word)
{
	unsigned best = WORD_NEAR + 1;
	const char *near = NULL;

	for (size_t i = 0; i < n; i++) {
		unsigned d = text_distance(words[i], word, WORD_NEAR);

		if (d < best && d < strlen(word)) {
			best = d;
			near = words[i];
		}
	}
	return near;
}

/* "`hots' is no key of a host (did you mean `hosts'?); allowed are: ..." */
static void bad_word(
        struct reader *r, const struct ynode *at, const char *what, const char *const *words, size_t n)
{
	const char *near = near_word(words, n, at->text);
	char allowed[512] = "";

	for (size_t i = 0, len = 0; i < n && len < sizeof(allowed); i++)
		len += (size_t)snprintf(
		        allowed + len, sizeof(allowed) - len, "%s%s", i ? ", " : "", words[i]);
	if (near)
		bad(r, at, "`%.60s' is no %s (did you mean `%s'?); allowed are: %s", at->text, what, near,
		        allowed);
	else
		bad(r, at, "`%.60s' is no %s; allowed are: %s", at->text, what, allowed);
}

static int word_index(const char *const *words, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(words[i], word))
			return (int)i;
	return -1;
}

/* The index of the word, -1 after a fault. */
static int read_word(
        struct reader *r, const struct ynode *v, const char *what, const char *const *words, size_t n)
{
	int i;

	if (v->kind != YNODE_SCALAR) {
		bad(r, v, "a %s must be one word", what);
		return -1;
	}
	i = word_index(words, n, v->text);
	if (i < 0)
		bad_word(r, v, what, words, n);
	return i;
}

static bool is_map(
        struct reader *r, const struct ynode *v, const char *what, const char *const *keys, size_t n)
{
	bool good = true;

	if (v->kind != YNODE_MAP) {
		bad(r, v, "%s must be a map of keys", what);
		return false;
	}
	for (size_t i = 0; i < v->n; i++) {
		if (word_index(keys, n, v->key[i]->text) >= 0)
			continue;
		bad_word(r, v->key[i], "key here", keys, n);
		good = false;
	}
	return good;
}

static const struct ynode *need(struct reader *r, const struct ynode *map, const char *key)
{
	const struct ynode *v = ynode_get(map, key);

	if (!v)
		bad(r, map, "`%s' is missing", key);
	return v;
}

static bool id_ok(const char *t)
{
	return strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(t) && *t && *t != '-' &&
	       strlen(t) <= ID_MAX;
}

static bool plan_ok(const char *t)
{
	return *t && strspn(t, "abcdefghijklmnopqrstuvwxyz-") == strlen(t) && strlen(t) < 16;
}

static bool text_ok(const char *t)
{
	size_t n = strlen(t);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)t[i] < ' ' || t[i] == 0x7f)
			return false;
	return n && n <= TEXT_MAX;
}

static bool country_ok(const char *t)
{
	return !*t || (strlen(t) == 2 && strspn(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2);
}

static bool field_path_ok(const char *t)
{
	size_t n = strcspn(t, " \t\"'\\/");

	return n && !t[n] && n <= TEXT_MAX;
}

/* Every `{' closes around a short word before the next '{', '/' or '.'. */
static bool braces_ok(const char *t)
{
	for (; *t; t++) {
		size_t n;

		if (*t == '}')
			return false;
		if (*t != '{')
			continue;
		n = strspn(t + 1, "abcdefghijklmnopqrstuvwxyz0123456789_");
		if (!n || t[n + 1] != '}')
			return false;
		t += n + 1;
	}
	return true;
}

static bool path_ok(const char *t)
{
	return (*t == '/' || *t == '*') && !strpbrk(t, " \t?#") && strlen(t) <= CATALOGUE_PATTERN_MAX &&
	       braces_ok(t);
}

/* A pattern that decides about a shared name must say something. */
static bool deciding_path_ok(const char *t)
{
	return path_ok(t) && strspn(t, "/*") != strlen(t);
}

static bool request_ok(const char *t)
{
	const char *space = strchr(t, ' ');

	for (size_t i = 0; space && i < COUNT(methods); i++)
		if (strlen(methods[i]) == (size_t)(space - t) && !strncmp(t, methods[i], (size_t)(space - t)))
			return path_ok(space + 1);
	return false;
}

static const char *read_text(struct reader *r, const struct ynode *v, bool (*ok)(const char *),
        const char *key, const char *allowed)
{
	if (v->kind != YNODE_SCALAR) {
		bad(r, v, "`%s' must be one text, not a %s", key, v->kind == YNODE_LIST ? "list" : "map");
		return "";
	}
	if (strlen(v->text) != v->text_len || !ok(v->text)) {
		bad(r, v, "`%s': `%.60s' is not %s", key, v->text, allowed);
		return "";
	}
	return store_text(&r->c->store, v->text, v->text_len);
}

static bool is_list(struct reader *r, const struct ynode *v, const char *key, size_t most)
{
	if (v->kind != YNODE_LIST)
		bad(r, v, "`%s' must be a list", key);
	else if (v->n > most)
		bad(r, v, "`%s' has %zu entries, at most %zu are allowed", key, v->n, most);
	else
		return true;
	return false;
}

static const char *const *read_texts(struct reader *r, const struct ynode *v, bool (*ok)(const char *),
        const char *key, const char *allowed, size_t *n)
{
	const char **list;

	*n = 0;
	if (!is_list(r, v, key, LIST_MAX))
		return NULL;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++)
		list[i] = read_text(r, v->item[i], ok, key, allowed);
	*n = v->n;
	return list;
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

	if (v->text_len != strlen(v->text) || v->text_len >= HOST_MAX || !braces_ok(v->text)) {
		bad(r, v, "`%.60s' is not a host name (a placeholder is {x})", v->text);
		return false;
	}
	fill_placeholders(v->text, plain);
	if (!strncmp(v->text, "*.", 2))
		bad(r, v, "`%s': for all names below write match: suffix and the name without `*.'", v->text);
	else if (strchr(v->text, '*'))
		bad(r, v,
		        "`%s': `*' means nothing in a name; {x} with match: pattern is one run of letters, "
		        "digits and hyphens within a label, match: suffix all names below",
		        v->text);
	else if (!ip_parse(v->text, &ip))
		bad(r, v, "`%s' is an address: it belongs in `ranges'", v->text);
	else if (!host_normalize(plain, strlen(plain), normal))
		bad(r, v, "`%.60s' is not a host name", v->text);
	else if (strcmp(plain, normal) != 0)
		bad(r, v, "`%.60s': write host names in lower case, without port and trailing dot", v->text);
	else if ((match == MATCH_PATTERN) != (strchr(v->text, '{') != NULL))
		bad(r, v, "`%s': %s", v->text,
		        match == MATCH_PATTERN ? "a pattern needs a placeholder such as {x}"
		                               : "a placeholder needs match: pattern");
	else if (count_labels(v->text) > CATALOGUE_LABELS_MAX)
		bad(r, v, "`%.60s' has more than %d labels", v->text, CATALOGUE_LABELS_MAX);
	else
		return true;
	return false;
}

static bool read_bool(struct reader *r, const struct ynode *v, const char *key)
{
	if (v->kind == YNODE_SCALAR && !strcmp(v->text, "true"))
		return true;
	if (v->kind != YNODE_SCALAR || strcmp(v->text, "false") != 0)
		bad(r, v, "`%s' is true or false", key);
	return false;
}

static bool read_host(struct reader *r, const struct ynode *v, struct service_host *h)
{
	const struct ynode *match, *host, *role, *paths = ynode_get(v, "paths"), *x;
	const char *role_names[ROLES];
	int m, o;

	for (int i = 0; i < ROLES; i++)
		role_names[i] = host_role_name((enum host_role)i);
	if (!is_map(r, v, "a host", host_keys, COUNT(host_keys)))
		return false;
	match = need(r, v, "match");
	host = need(r, v, "host");
	role = need(r, v, "role");
	if (!match || !host || !role)
		return false;
	m = read_word(r, match, "match", match_names, COUNT(match_names));
	o = read_word(r, role, "role", role_names, ROLES);
	if (host->kind != YNODE_SCALAR) {
		bad(r, host, "`host' must be one name");
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
	                     ? read_text(r, x, country_ok, "country", "two capital letters")
	                     : "";
	if ((x = ynode_get(v, "path_required")))
		h->path_required = read_bool(r, x, "path_required");
	if (paths)
		h->paths = read_texts(r, paths, deciding_path_ok, "paths",
		        "the pattern of a path (/word, {x} for one part, * for any run)", &h->n_paths);
	if (h->path_required != (h->n_paths > 0))
		bad(r, v,
		        h->path_required ? "path_required needs `paths', the patterns that decide"
		                         : "`paths' here only has a meaning with path_required: true");
	return true;
}

static void read_hosts(struct reader *r, const struct ynode *v, struct entry *e)
{
	struct service_host *list;

	if (!is_list(r, v, "hosts", LIST_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++)
		e->s.n_hosts += read_host(r, v->item[i], &list[e->s.n_hosts]);
	e->s.hosts = list;
}

static void read_keys(struct reader *r, const struct ynode *v, struct entry *e)
{
	struct service_key *list;

	if (!is_list(r, v, "keys", LIST_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++) {
		const struct ynode *k = v->item[i], *issuer, *format;

		if (!is_map(r, k, "a key", key_keys, COUNT(key_keys)))
			continue;
		issuer = need(r, k, "issuer");
		format = need(r, k, "format");
		if (!issuer || !format)
			continue;
		list[i].issuer = read_text(r, issuer, id_ok, "issuer", "an id");
		list[i].format = read_text(r, format, text_ok, "format", "one line of text");
	}
	e->s.keys = list;
	e->s.n_keys = v->n;
}

static bool header_ok(const char *t)
{
	return *t && strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(t) && strlen(t) <= ID_MAX;
}

/* Labels of letters, digits and '-', or {account} or {x} whole. */
static bool account_host_ok(const char *t)
{
	return *t && strchr(t, '.') && !strstr(t, "..") &&
	       strspn(t, "abcdefghijklmnopqrstuvwxyz0123456789-.{}") == strlen(t) && strlen(t) <= TEXT_MAX;
}

static bool account_path_ok(const char *t)
{
	return *t == '/' && text_ok(t);
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

	if (!is_map(r, v, "an account", account_keys, COUNT(account_keys)))
		return false;
	for (size_t i = 0; i < COUNT(places); i++) {
		if (!(x = ynode_get(v, places[i].key)))
			continue;
		if (place) {
			bad(r, x, "an account has one of `header', `host' and `path'");
			return false;
		}
		place = x;
		a->place = (enum account_place)i;
		a->pattern = read_text(r, x, places[i].ok, places[i].key, places[i].allowed);
	}
	if (!place) {
		bad(r, v, "an account needs one of `header', `host' and `path'");
		return false;
	}
	a->kind = a->plan = "";
	if ((x = ynode_get(v, "kind"))) {
		int k = read_word(r, x, "kind", account_kinds, COUNT(account_kinds));

		a->kind = k < 0 ? "" : account_kinds[k];
	}
	if ((x = ynode_get(v, "plan")))
		a->plan = read_text(
		        r, x, plan_ok, "plan", "a word of at most 15 letters, such as business or personal");
	if (a->place != ACCOUNT_HEADER && a->pattern && !strstr(a->pattern, "{account}") && !*a->plan)
		bad(r, place, "`%s' has neither {account} nor says a plan: it tells nothing", place->text);
	return a->pattern != NULL;
}

static void read_accounts(struct reader *r, const struct ynode *v, struct entry *e)
{
	struct service_account *list;

	if (!is_list(r, v, "accounts", LIST_MAX))
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

	if (!is_list(r, v, "ranges", RANGES_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	at = store_get(&r->c->store, v->n * sizeof(*at));
	for (size_t i = 0; i < v->n; i++) {
		struct err err;

		if (v->item[i]->kind != YNODE_SCALAR)
			bad(r, v->item[i], "`ranges' holds networks such as 192.0.2.0/24");
		else if (cidr_parse(v->item[i]->text, &list[e->s.n_ranges], &err) < 0)
			bad(r, v->item[i], "%s", err.text);
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

	if (!is_list(r, v, "ports", LIST_MAX))
		return;
	list = store_get(&r->c->store, v->n * sizeof(*list));
	for (size_t i = 0; i < v->n; i++) {
		const struct ynode *p = v->item[i];
		bool number = p->kind == YNODE_SCALAR && p->text_len && p->text_len <= 5 &&
		              strspn(p->text, "0123456789") == p->text_len;
		unsigned long port = number ? strtoul(p->text, NULL, 10) : 0;

		if (!port || port > UINT16_MAX)
			bad(r, p, "`ports' holds numbers from 1 to 65535");
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
        {"id", false, id_ok, "an id (a-z, 0-9, -, at most 40)", .text = AT(id)},
        {"name", false, text_ok, "one line of text", .text = AT(name)},
        {"vendor", false, text_ok, "one line of text", .text = AT(vendor)},
        {"country", false, country_ok, "two capital letters (ISO 3166-1) or empty", .text = AT(country)},
        {"note", false, text_ok, "one line of text, at most 400 bytes", .text = AT(note)},
        {"wire", true, id_ok, "a shape (a-z, 0-9, -)", .list = AT(wire), .count = AT(n_wire)},
        {"paths", true, request_ok, REQUEST, .list = AT(paths), .count = AT(n_paths)},
        {"prompt_at", true, field_path_ok, "a field path such as messages[].content", .list = AT(prompt_at),
                .count = AT(n_prompt_at)},
        {"uploads", true, request_ok, REQUEST, .list = AT(uploads), .count = AT(n_uploads)},
        {"issuers", true, id_ok, "the id of an issuer (a-z, 0-9, -)", .list = AT(issuers),
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
		        read_texts(r, v, f->ok, f->name, f->allowed, (size_t *)(void *)(base + f->count));
	else
		*(const char **)(void *)(base + f->text) = read_text(r, v, f->ok, f->name, f->allowed);
}

static bool service_keys_ok(struct reader *r, const struct ynode *v)
{
	const char *names[COUNT(fields) + COUNT(other_fields)];

	for (size_t i = 0; i < COUNT(fields); i++)
		names[i] = fields[i].name;
	memcpy(names + COUNT(fields), other_fields, sizeof(other_fields));
	return is_map(r, v, "a service", names, COUNT(names));
}

static void read_own(struct reader *r, const struct ynode *v, struct entry *e)
{
	static const char *const needed[] = {"id", "name", "vendor", "kind"};
	const struct ynode *x;
	int i;

	for (size_t k = 0; k < COUNT(needed); k++)
		need(r, v, needed[k]);
	if ((x = ynode_get(v, "kind")) && (i = read_word(r, x, "kind", kinds, COUNT(kinds))) >= 0)
		e->s.kind = kinds[i];
	e->s.resolver = e->s.kind && !strcmp(e->s.kind, RESOLVER_KIND);
	if ((x = ynode_get(v, "confidence")) &&
	        (i = read_word(r, x, "confidence", confidences, COUNT(confidences))) >= 0)
		e->s.confidence = confidences[i];
	if (!ynode_get(v, "hosts") && !ynode_get(v, "ports") && !ynode_get(v, "wire") &&
	        !ynode_get(v, "ranges"))
		bad(r, v, "without `hosts', `ranges', `ports' or `wire' nothing can ever be this service");
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
			bad(r, x, "`%s' cannot stand beside `extends', which only adds to lists",
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
			bad(r, v, "`%s' cannot stand beside `extends', which only adds to lists",
			        other_fields[i]);
	e->extends = read_text(r, extends, id_ok, "extends", "the id of a service");
}

static const char public_suffix[] = "a public suffix: everybody may take a name below it";

static void add_zone(struct reader *r, const struct ynode *name, const char *why)
{
	char normal[HOST_MAX];
	struct zone *z;

	if (name->kind != YNODE_SCALAR || !host_normalize(name->text, name->text_len, normal) ||
	        strcmp(normal, name->text) != 0) {
		bad(r, name, "this must be a host name in lower case");
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

		if (!is_map(r, v, "a shared zone", zone_keys, COUNT(zone_keys)))
			continue;
		zone = need(r, v, "zone");
		why = need(r, v, "why");
		if (zone && why)
			add_zone(r, zone, read_text(r, why, text_ok, "why", "one line of text"));
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
	if (is_map(r, root, "the file", root_keys, COUNT(root_keys))) {
		if ((v = ynode_get(root, "services")) && is_list(r, v, "services", UINT16_MAX))
			for (size_t i = 0; i < v->n; i++)
				read_service(r, v->item[i]);
		if ((v = ynode_get(root, "shared_zones")) && is_list(r, v, "shared_zones", UINT16_MAX))
			read_zones(r, v);
		if ((v = ynode_get(root, "never")) && is_list(r, v, "never", UINT16_MAX))
			for (size_t i = 0; i < v->n; i++)
				add_zone(r, v->item[i], NULL);
		if ((v = ynode_get(root, "public_suffixes")) && is_list(r, v, "public_suffixes", UINT16_MAX))
			for (size_t i = 0; i < v->n; i++)
				add_zone(r, v->item[i], public_suffix);
	}
	ydoc_free(doc);
}
