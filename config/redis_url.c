/* redis_url.c - see redis_url.h.  Errors never show the text: it may hold a password. */
#include "config/redis_url.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PORT          "6379"
#define PORT_SENTINEL "26379"
#define DB_MAX        9999u

static const struct {
	const char *begin;
	enum redis_kind kind;
	enum redis_scheme scheme;
} forms[] = {
        {"redis://", REDIS_SERVER, REDIS_TCP},
        {"rediss://", REDIS_SERVER, REDIS_TLS},
        {"redis+sentinel://", REDIS_SENTINEL, REDIS_TCP},
        {"rediss+sentinel://", REDIS_SENTINEL, REDIS_TLS},
        {"redis+cluster://", REDIS_CLUSTER, REDIS_TCP},
        {"rediss+cluster://", REDIS_CLUSTER, REDIS_TLS},
        {"unix://", REDIS_SERVER, REDIS_UNIX},
};
#define FORMS (sizeof(forms) / sizeof(*forms))

/* Copies n bytes with %XX decoded; -1 when it does not fit, is cut, or holds a NUL. */
static int decode(const char *p, size_t n, char *out, size_t cap)
{
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)p[i];

		if (c == '%') {
			int hi = n - i < 3 ? -1 : hex_digit(p[i + 1]);
			int lo = n - i < 3 ? -1 : hex_digit(p[i + 2]);

			if (hi < 0 || lo < 0 || !(hi | lo))
				return -1;
			c = hi << 4 | lo;
			i += 2;
		}
		if (len + 1 >= cap)
			return -1;
		out[len++] = (char)c;
	}
	out[len] = '\0';
	return 0;
}

/* Decimal without sign and with nothing behind; -1 otherwise. */
static long number(const char *p, size_t n, unsigned most)
{
	unsigned v = 0;

	if (!n || n > 6)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	return v <= most ? (long)v : -1;
}

/* Up to the last '@' before the path; one before it is a mistake, be it in a password or in what is meant as
 * a second host's user. */
static const char *read_userinfo(const char *p, const char *end, struct redis_url *u, struct err *e)
{
	const char *at = memrchr(p, '@', (size_t)(end - p)), *colon;

	if (!at)
		return p;
	if (memchr(p, '@', (size_t)(at - p))) {
		err_set(e, "Redis URL: user and password stand once, before the hosts, and `@' in them is "
		           "written %%40");
		return NULL;
	}
	colon = memchr(p, ':', (size_t)(at - p));
	if (decode(p, (size_t)((colon ? colon : at) - p), u->user, sizeof(u->user)) < 0 ||
	        (colon &&
	                decode(colon + 1, (size_t)(at - colon - 1), u->password, sizeof(u->password)) < 0)) {
		err_set(e, "Redis URL: user or password is too long or has a broken %%XX");
		return NULL;
	}
	return at + 1;
}

/* [p, end) as a name or an IPv4 address; in brackets as an IPv6 address, of a link with %zone. */
static int check_host(const char *p, const char *end, bool brackets, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *zone = brackets ? memchr(p, '%', (size_t)(end - p)) : NULL;
	struct in6_addr ignored;
	char address[INET6_ADDRSTRLEN];

	if (brackets) {
		size_t n = (size_t)((zone ? zone : end) - p);

		snprintf(address, sizeof(address), "%.*s", n < sizeof(address) ? (int)n : 0, p);
		if (inet_pton(AF_INET6, address, &ignored) != 1)
			return err_set(e, "Redis URL: in brackets stands an IPv6 address");
		p = zone ? zone + 1 : end;
	}
	for (; p < end; p++)
		if (!*p || !strchr(letters, *p))
			return err_set(e,
			        "Redis URL: a host is a name of letters, digits, `.', `_', `-', or an "
			        "address; several are separated by `,'");
	return 0;
}

/* host[:port] or [host][:port]; without a port `port`. */
static int read_place(
        const char *p, const char *end, const char *port, struct redis_place *place, struct err *e)
{
	const char *host = p, *host_end, *number_at = NULL;
	long n;

	if (p >= end)
		return err_set(e, "Redis URL: the host is missing or too long");
	if (*p == '[') {
		host = p + 1;
		host_end = memchr(host, ']', (size_t)(end - host));
		if (!host_end || (host_end + 1 < end && host_end[1] != ':'))
			return err_set(e, "Redis URL: `[' without `]' around an IPv6 address");
		if (host_end + 1 < end)
			number_at = host_end + 2;
	} else {
		host_end = memchr(p, ':', (size_t)(end - p));
		if (host_end && memchr(host_end + 1, ':', (size_t)(end - host_end - 1)))
			return err_set(
			        e, "Redis URL: an IPv6 address stands in brackets: [2001:db8::1]:6379");
		if (host_end)
			number_at = host_end + 1;
		else
			host_end = end;
	}
	if (host_end == host || (size_t)(host_end - host) >= sizeof(place->host))
		return err_set(e, "Redis URL: the host is missing or too long");
	if (memchr(host, ',', (size_t)(host_end - host)))
		return err_set(e, "Redis URL: several hosts need redis+sentinel:// or redis+cluster://");
	if (check_host(host, host_end, *p == '[', e) < 0)
		return -1;
	memcpy(place->host, host, (size_t)(host_end - host));
	place->host[host_end - host] = '\0';
	snprintf(place->port, sizeof(place->port), "%s", port);
	if (!number_at)
		return 0;
	n = number(number_at, (size_t)(end - number_at), 65535);
	if (n <= 0)
		return err_set(e, "Redis URL: the port is a number from 1 to 65535");
	snprintf(place->port, sizeof(place->port), "%ld", n);
	return 0;
}

const char *redis_place_text(const struct redis_place *p, char text[REDIS_PLACE_TEXT])
{
	snprintf(text, REDIS_PLACE_TEXT, strchr(p->host, ':') ? "[%s]:%s" : "%s:%s", p->host, p->port);
	return text;
}

/* host[:port][,host[:port]...] */
static int read_seeds(const char *p, const char *end, struct redis_url *u, struct err *e)
{
	const char *port = u->kind == REDIS_SENTINEL ? PORT_SENTINEL : PORT;

	for (;;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));

		if (u->n_seeds == REDIS_SEEDS_MAX)
			return err_set(e, "Redis URL: more than %u hosts", REDIS_SEEDS_MAX);
		if (read_place(p, comma ? comma : end, port, &u->seed[u->n_seeds++], e) < 0)
			return -1;
		if (!comma)
			break;
		p = comma + 1;
	}
	u->at = u->seed[0];
	return 0;
}

static int read_db(const char *p, struct redis_url *u, struct err *e)
{
	long n = *p ? number(p, strlen(p), DB_MAX) : 0;

	if (n < 0)
		return err_set(e, "Redis URL: the database is a number from 0 to %u", DB_MAX);
	u->db = (unsigned)n;
	return 0;
}

/* The text behind the hosts of redis+sentinel://: /master[/db]. */
static int read_master(const char *p, struct redis_url *u, struct err *e)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t n = *p == '/' ? strspn(p + 1, letters) : 0;

	if (!n || n >= sizeof(u->master) || (p[1 + n] && p[1 + n] != '/'))
		return err_set(e,
		        "Redis URL: behind the Sentinels stands /NAME of the master, of up to %zu letters, "
		        "digits, `.', `_', `-', and then /N, the database",
		        sizeof(u->master) - 1);
	memcpy(u->master, p + 1, n);
	u->master[n] = '\0';
	return p[1 + n] ? read_db(p + 2 + n, u, e) : 0;
}

/* Another database holds other records, with a place of its own in the log's state. */
static void show_db(struct redis_url *u, const char *before)
{
	size_t n = strlen(u->shown);

	if (u->db)
		snprintf(u->shown + n, sizeof(u->shown) - n, "%s%u", before, u->db);
}

static int parse_unix(const char *p, struct redis_url *u, struct err *e)
{
	const char *slash = strchr(p, '/'), *query, *path;
	struct sockaddr_un sun;

	if (!slash)
		return err_set(e, "Redis URL: unix:///path/to/redis.sock needs an absolute path");
	path = slash;
	if (slash != p) {
		const char *after = read_userinfo(p, slash, u, e);

		if (!after)
			return -1;
		if (after != slash)
			return err_set(e, "Redis URL: unix:///path/to/redis.sock needs an absolute path");
	}
	query = strchr(path, '?');
	if (decode(path, query ? (size_t)(query - path) : strlen(path), u->at.host, sizeof(u->at.host)) < 0 ||
	        strlen(u->at.host) >= sizeof(sun.sun_path) || !u->at.host[1])
		return err_set(
		        e, "Redis URL: the socket's path has 2 to %zu characters", sizeof(sun.sun_path) - 1);
	if (query && strncmp(query, "?db=", 4))
		return err_set(e, "Redis URL: behind the socket's path only ?db=N may stand");
	if (query && read_db(query + 4, u, e) < 0)
		return -1;
	snprintf(u->shown, sizeof(u->shown), "unix://%.140s", u->at.host);
	show_db(u, "?db=");
	return 0;
}

/* Names the output in the log's state too: the first host stands for all, so that one more is no other
 * server. */
static void show(struct redis_url *u, const char *begin)
{
	char place[REDIS_PLACE_TEXT];

	snprintf(u->shown, sizeof(u->shown), "%s%s%s%s", begin, redis_place_text(&u->at, place),
	        u->kind == REDIS_SENTINEL ? "/" : "", u->master);
	show_db(u, "/");
}

static int parse_inet(const char *p, struct redis_url *u, struct err *e)
{
	const char *end = p + strcspn(p, "/?#"), *host;

	/* a '/' in an unencoded password would end the host too early: look for '@' behind it */
	if (*end && strchr(end, '@'))
		return err_set(e, "Redis URL: `/', `?' and `#' in a password are written %%2F, %%3F, %%23");
	host = read_userinfo(p, end, u, e);
	if (!host)
		return -1;
	if (u->kind != REDIS_SERVER ? read_seeds(host, end, u, e) < 0
	                            : read_place(host, end, PORT, &u->at, e) < 0)
		return -1;
	if (u->kind == REDIS_SENTINEL)
		return read_master(end, u, e);
	if (*end == '?' || *end == '#')
		return err_set(e, "Redis URL: only /N, the database, may stand behind the host");
	if (*end == '/' && read_db(end + 1, u, e) < 0)
		return -1;
	return u->kind == REDIS_CLUSTER && u->db ? err_set(e, "Redis URL: a Cluster has the database 0 only")
	                                         : 0;
}

bool redis_url_is(const char *text)
{
	for (size_t i = 0; i < FORMS; i++)
		if (!strncmp(text, forms[i].begin, strlen(forms[i].begin)))
			return true;
	return false;
}

int redis_url_parse(const char *text, struct redis_url *u, struct err *e)
{
	*u = (struct redis_url){.db = 0};
	for (size_t i = 0; i < FORMS; i++) {
		size_t n = strlen(forms[i].begin);

		if (strncmp(text, forms[i].begin, n))
			continue;
		u->kind = forms[i].kind;
		u->scheme = forms[i].scheme;
		if (u->scheme == REDIS_UNIX)
			return parse_unix(text + n, u, e);
		if (parse_inet(text + n, u, e) < 0)
			return -1;
		show(u, forms[i].begin);
		return 0;
	}
	return err_set(e,
	        "a Redis URL begins with redis://, redis+sentinel://, redis+cluster://, the same with "
	        "rediss (TLS), or unix:///");
}

int redis_url_password(struct redis_url *u, const char *password_file, struct err *e)
{
	const char *from_environment = getenv("LEAKTAP_REDIS_PASSWORD");
	FILE *f;
	int rest;

	if (u->password[0])
		return 0;
	if (!password_file || !*password_file) {
		if (from_environment && strlen(from_environment) >= sizeof(u->password))
			return err_set(e, "$LEAKTAP_REDIS_PASSWORD is longer than %zu bytes",
			        sizeof(u->password) - 1);
		snprintf(u->password, sizeof(u->password), "%s", from_environment ? from_environment : "");
		return 0;
	}
	f = fopen(password_file, "re");
	if (!f)
		return err_set(e, "%s: %s", password_file, strerror(errno));
	setvbuf(f, NULL, _IONBF, 0); /* no second copy in a buffer of stdio */
	if (!fgets(u->password, sizeof(u->password), f))
		u->password[0] = '\0';
	rest = strlen(u->password) == sizeof(u->password) - 1 ? fgetc(f) : EOF;
	fclose(f);
	if (rest != EOF && rest != '\n' && rest != '\r') {
		redis_url_wipe(u);
		return err_set(e, "%s: the first line is longer than %zu bytes", password_file,
		        sizeof(u->password) - 1);
	}
	u->password[strcspn(u->password, "\r\n")] = '\0';
	if (!u->password[0])
		return err_set(e, "%s: the first line holds the password and is empty", password_file);
	return 0;
}

void redis_url_wipe(struct redis_url *u)
{
	OPENSSL_cleanse(u->password, sizeof(u->password));
}
