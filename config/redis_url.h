/* redis_url.h - where Redis is: one server, a master that Sentinel knows, or a Cluster.
 *
 *	redis://[user[:password]@]host[:port][/db]                            rediss://... with TLS
 *	redis+sentinel://[user[:password]@]host[:port][,host...]/master[/db]  rediss+sentinel://...
 *	redis+cluster://[user[:password]@]host[:port][,host...]               rediss+cluster://...
 *	unix://[user[:password]@]/path[?db=N]
 *
 * User and password are those of the servers that hold data, and may be percent-encoded (RFC 3986). */
#ifndef CONFIG_REDIS_URL_H
#define CONFIG_REDIS_URL_H

#include "base/err.h"

#include <stdbool.h>

#define REDIS_SEEDS_MAX 16u /* hosts of one URL */
/* For messages: what a URL may be. */
#define REDIS_URL_FORMS                                                                                      \
	"redis://[user[:password]@]host[:port][/db], redis+sentinel://host[:port][,host...]/master[/db], "   \
	"redis+cluster://host[:port][,host...], the same with rediss (TLS), or unix:///path/redis.sock"

enum redis_scheme { REDIS_TCP, REDIS_TLS, REDIS_UNIX };
enum redis_kind { REDIS_SERVER, REDIS_SENTINEL, REDIS_CLUSTER };

struct redis_place {
	char host[254]; /* name or address without brackets; the path for unix:// */
	char port[6];
};

struct redis_url {
	enum redis_scheme scheme;
	enum redis_kind kind;
	struct redis_place at; /* the server; else the first of `seed` */
	struct redis_place seed[REDIS_SEEDS_MAX];
	unsigned n_seeds;              /* Sentinels, or nodes of the Cluster */
	char master[128];              /* as the Sentinels call it */
	char user[128], password[256]; /* "" when not given */
	unsigned db;
	unsigned patience_ms; /* for a connection, and for each reply of its greeting; 0: the usual */
	char shown[160];      /* for people: no user, no password */
};

/* 0; -1 and e says what is wrong without repeating the text, which may hold a password. */
int redis_url_parse(const char *text, struct redis_url *u, struct err *e);
/* Does it begin like one? */
bool redis_url_is(const char *text);
/* What the URL left open: the first line of password_file ("" none), else $LEAKTAP_REDIS_PASSWORD. */
int redis_url_password(struct redis_url *u, const char *password_file, struct err *e);
/* Overwrites the password. */
void redis_url_wipe(struct redis_url *u);
/* "host:port" for people, [host]:port for IPv6. */
#define REDIS_PLACE_TEXT 264
const char *redis_place_text(const struct redis_place *p, char text[REDIS_PLACE_TEXT]);

#endif
