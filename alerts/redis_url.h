/* redis_url.h - redis://[user[:password]@]host[:port][/db], rediss://... (TLS),
 * unix://[user[:password]@]/path[?db=N]. User and password may be percent-encoded (RFC 3986). */
#ifndef ALERTS_REDIS_URL_H
#define ALERTS_REDIS_URL_H

#include "base/err.h"

#include <stdbool.h>

enum redis_scheme { REDIS_TCP, REDIS_TLS, REDIS_UNIX };

struct redis_url {
	enum redis_scheme scheme;
	char host[254]; /* name or address without brackets; the path for unix:// */
	char port[6];
	char user[128], password[256]; /* "" when not given */
	unsigned db;
	char shown[160]; /* for people: no user, no password */
};

/* 0; -1 and e says what is wrong without repeating the text, which may hold a password. */
int redis_url_parse(const char *text, struct redis_url *u, struct err *e);
/* What the URL left open: the first line of password_file ("" none), else $LEAKTAP_REDIS_PASSWORD. */
int redis_url_password(struct redis_url *u, const char *password_file, struct err *e);
/* Overwrites the password. */
void redis_url_wipe(struct redis_url *u);

#endif
