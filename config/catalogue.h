/* catalogue.h - the AI services we know, and which host belongs to which.
 *
 * Files config/catalogue/(any).yaml; own files are read after the shipped ones.  Lookup hashes the labels of
 * the name from the right, so its cost depends on the name, not on the catalogue.  Never by substring: exact,
 * pattern
 * ({x} is one run of [a-z0-9-] within a label) and suffix at label borders.  Immutable after loading; any
 * thread may read. */
#ifndef CONFIG_CATALOGUE_H
#define CONFIG_CATALOGUE_H

#include "base/ip.h"
#include "base/text.h"
#include "config/faults.h"
#include "config/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum host_role {
	ROLE_API,
	ROLE_WEB,
	ROLE_UPLOAD,
	ROLE_REALTIME,
	ROLE_MIXED,
	ROLE_TELEMETRY,
	ROLE_CDN,
	ROLE_CONTROL,
	ROLE_AUTH,
	ROLES
};
const char *host_role_name(enum host_role r);
bool host_role_carries(enum host_role r); /* api, web, upload, realtime, mixed can carry what users write */

enum host_match { MATCH_EXACT, MATCH_PATTERN, MATCH_SUFFIX };

struct service_host {
	enum host_match match;
	enum host_role role;
	bool path_required;       /* the name is shared with other services: counts only with a listed path */
	const char *host;         /* normalized, as in the file */
	const char *const *paths; /* with path_required: patterns of request paths that decide */
	size_t n_paths;
	const char *country; /* where this host keeps its data when its vendor says so, "" otherwise */
	const char *file;    /* where the rule stands */
	unsigned line, column;
};

struct service_place {
	const char *file;
	unsigned line, column;
};

struct service_key {
	const char *issuer, *format; /* the format is an expression for people to read */
};

/* Where it shows on whose account the service is used; docs/catalogue.md. */
enum account_place { ACCOUNT_HEADER, ACCOUNT_HOST, ACCOUNT_PATH };
struct service_account {
	enum account_place place;
	const char *pattern; /* name of a header; host or path with {account}, {x} for one label or part */
	const char *kind;    /* organization, project, workspace, tenant, resource; "" */
	const char *plan;    /* what it says of the plan: business, personal, anonymous, ...; "" nothing */
};

/* What an entry is known for.  All but the first are no AI services: they stand in the catalogue so that
 * signs of hiding can name them. */
enum service_use {
	USE_AI,
	USE_RESOLVER, /* kind encrypted-dns */
	USE_TUNNEL,   /* kind vpn */
	USE_DESKTOP,  /* kind remote-desktop */
};

struct service {
	const char *id, *name, *vendor, *country, *kind; /* country: ISO 3166-1, "" when unknown */
	const char *confidence;                          /* high, medium */
	enum service_use use;
	const struct service_host *hosts;
	size_t n_hosts;
	const char *const *wire;
	size_t n_wire;                          /* shapes, e.g. openai-chat */
	const struct wire_shape *const *shapes; /* those of wire that are described, in the same order */
	size_t n_shapes;
	const struct wire_shape *own; /* for what none of them knows: the generic one and prompt_at */
	const char *const *paths;
	size_t n_paths; /* "POST /v1/chat/completions" */
	const char *const *prompt_at;
	size_t n_prompt_at; /* field paths of the user's words */
	const char *const *uploads;
	size_t n_uploads;
	const char *const *issuers;
	size_t n_issuers; /* whose keys are its own credentials (detector issuers) */
	const struct service_key *keys;
	size_t n_keys;
	const struct service_account *accounts;
	size_t n_accounts;
	const struct cidr *ranges;
	const struct service_place *range_at; /* where each of them stands */
	size_t n_ranges;                      /* published addresses that are this service's alone */
	const uint16_t *ports;
	size_t n_ports; /* self-hosted: usual ports, a hint and never proof */
	const char *note;
	const char *file;
	unsigned line;
	uint32_t index; /* dense, for tables by service */
};

struct catalogue;
/* Reads every *.yaml of each directory (or single files), in order.  An id that comes again in a later place
 * replaces the earlier entry; docs/catalogue.md has the format.  NULL when there were faults. */
struct catalogue *catalogue_load(const char *const *places, size_t n, struct faults *f);
void catalogue_free(struct catalogue *c);
size_t catalogue_count(const struct catalogue *c);
const struct service *catalogue_at(const struct catalogue *c, size_t i);
const struct service *catalogue_by_id(const struct catalogue *c, const char *id); /* NULL: none */
/* The id nearest to a mistyped one, NULL when none is near. */
const char *catalogue_near(const struct catalogue *c, const char *id);

/* Descriptions of wire shapes. */
const struct wire_shape *catalogue_shape(const struct catalogue *c, const char *id); /* NULL: none */
size_t catalogue_shape_count(const struct catalogue *c);
const struct wire_shape *catalogue_shape_at(const struct catalogue *c, size_t i);
/* Of requests that no description knows; never NULL, may know nothing. */
const struct wire_shape *catalogue_generic(const struct catalogue *c);

/* Those that many vendors copy. */
const struct wire_shape *const *catalogue_copied(const struct catalogue *c, size_t *n);

/* What later places did to earlier entries, in the order they were read. */
struct catalogue_change {
	const char *id;
	bool replaced; /* else: extended */
	struct service_place at, before;
};
size_t catalogue_changes(const struct catalogue *c, const struct catalogue_change **list);

struct service_match {
	const struct service *service;   /* NULL: no service */
	const struct service_host *rule; /* NULL with by address */
	const struct cidr *range;
	bool shared; /* the name is shared and the path unknown: `service` is NULL, `rule` one candidate */
};

/* `host` normalized (host_normalize); `path` NULL when unknown, else without query. */
struct service_match catalogue_host(const struct catalogue *c, const char *host, const char *path);

/* Every rule that was looked at for a name, and what became of it; for people, not for packets.  The order is
 * that of the look-up: longest names first. */
enum rule_fate {
	RULE_WINS,
	RULE_LOSES,     /* fits, but one of a better kind, or longer, does too */
	RULE_NAME,      /* hangs at a part of the name, but does not fit all of it */
	RULE_PATH,      /* fits the name, and the path is another */
	RULE_PATH_OPEN, /* fits the name, and the path is not known */
};
struct rule_seen {
	const struct service *service;
	const struct service_host *rule;
	enum rule_fate fate;
};
/* Writes at most `max`, returns how many there are. */
size_t catalogue_consider(
        const struct catalogue *c, const char *host, const char *path, struct rule_seen *out, size_t max);

struct service_match catalogue_address(const struct catalogue *c, const struct ip_addr *a);

/* Ranges that reach into networks of one's own would name the traffic inside: a fault each.  A single address
 * is a server of one's own, and is fine; so are files below `shipped` (NULL: none). */
struct networks;
void catalogue_check_ranges(
        const struct catalogue *c, const struct networks *n, const char *shipped, struct faults *f);

/* Whether a request path (without query) fits a pattern: `*' is any run, `{x}' a run without '/'; the path
 * may go on behind the pattern at a '/'.  Looks at the first CATALOGUE_PATH_MAX bytes. */
#define CATALOGUE_PATH_MAX 512
bool catalogue_path_fits(const char *pattern, const char *path);

#endif
