/* settings_values.c - single values of the settings: numbers, sizes, words, texts, and the checks of what
 * they name. A fault never repeats a value that may hold a password. */
#include "config/settings_internal.h"

#include "base/text.h"
#include "config/redis_url.h"

#include <errno.h>
#include <net/if.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_LEN 40

void fault_node(const struct reading *r, const struct ynode *n, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fault_add(r->f, r->file, n->line, n->column, "%s", text);
}

bool node_is_empty(const struct ynode *n)
{
	return n->kind == YNODE_SCALAR && !n->quoted &&
	       (!n->text_len || !strcmp(n->text, "~") || !strcmp(n->text, "null"));
}

const char *near_word(const char *text, const char *const *words, size_t n)
{
	unsigned most = (unsigned)strlen(text) / 3, best;
	const char *near = NULL;

	if (most > 3)
		most = 3;
	if (!most)
		most = 1;
	best = most + 1;
	for (size_t i = 0; i < n; i++) {
		unsigned d = text_distance(words[i], text, most);

		if (d < best) {
			best = d;
			near = words[i];
		}
	}
	return near;
}

const char *near_hint(const char *near, char buf[80])
{
	buf[0] = '\0';
	if (near)
		snprintf(buf, 80, " (did you mean `%.60s'?)", near);
	return buf;
}

const char *join_words(const char *const *words, size_t n, char *buf, size_t cap)
{
	size_t len = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		int w = snprintf(buf + len, cap - len, "%s%s", i ? ", " : "", words[i]);

		if (w < 0 || (size_t)w >= cap - len) {
			snprintf(buf + len, cap - len, "...");
			break;
		}
		len += (size_t)w;
	}
	return buf;
}

/* ---- numbers and sizes ----------------------------------------------------------------------------------
 */

int parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *v)
{
	uint64_t sum = 0;

	if (!*text || strlen(text) > 19) /* 19 digits always fit */
		return -1;
	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return -1;
		sum = sum * 10 + (uint64_t)(*p - '0');
	}
	if (sum < least || sum > most)
		return -1;
	*v = sum;
	return 0;
}

static const struct {
	const char *name;
	uint64_t bytes;
} units[] = {
        /* the largest binary unit that divides a size is the one it is shown in */
        {"TiB", 1ull << 40},
        {"GiB", 1ull << 30},
        {"MiB", 1ull << 20},
        {"KiB", 1ull << 10},
        {"", 1},
        {"B", 1},
        {"kB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", 1000000000000},
};

int parse_size(const char *text, uint64_t *v)
{
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	char number[20];
	uint64_t n;

	if (digits >= sizeof(number))
		return -1;
	memcpy(number, text, digits);
	number[digits] = '\0';
	if (parse_number(number, 0, UINT64_MAX, &n) < 0)
		return -1;
	while (*unit == ' ')
		unit++;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
		if (!strcmp(unit, units[i].name))
			return __builtin_mul_overflow(n, units[i].bytes, v) ? -1 : 0;
	return -1;
}

const char *format_size(uint64_t v, char *buf, size_t cap)
{
	size_t i = 0;

	while (v % units[i].bytes || (!v && units[i].bytes > 1))
		i++;
	snprintf(buf, cap, "%llu%s", (unsigned long long)(v / units[i].bytes), units[i].name);
	return buf;
}

/* ---- rows -----------------------------------------------------------------------------------------------
 */

const char *setting_allowed(const struct setting *row, char *buf, size_t cap)
{
	char a[32], b[32], words[200];

	switch (row->type) {
	case SETTING_NUMBER:
		snprintf(buf, cap, "a number from %llu to %llu", (unsigned long long)row->least,
		        (unsigned long long)row->most);
		break;
	case SETTING_SIZE:
		snprintf(buf, cap, "a size from %s to %s, such as 64MiB",
		        format_size(row->least, a, sizeof(a)), format_size(row->most, b, sizeof(b)));
		break;
	case SETTING_BOOL:
		snprintf(buf, cap, "yes or no");
		break;
	case SETTING_WORD:
		snprintf(buf, cap, "one of %s",
		        join_words(row->words, (size_t)row->most, words, sizeof(words)));
		break;
	case SETTING_LIST:
		snprintf(buf, cap, "a list of %s", row->allowed);
		break;
	default:
		snprintf(buf, cap, "%s", row->allowed ? row->allowed : "");
		break;
	}
	return buf;
}

static void fault_value(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	char allowed[300], hint[80];

	setting_allowed(row, allowed, sizeof(allowed));
	if (n->kind != YNODE_SCALAR)
		fault_node(r, n, "%s: a %s stands here; allowed: %s", row->path,
		        n->kind == YNODE_LIST ? "list" : "map", allowed);
	else if (node_is_empty(n))
		fault_node(r, n, "%s: the value is missing; allowed: %s", row->path, allowed);
	else
		fault_node(r, n, "%s: `%.60s' is not %s%s", row->path, n->text, allowed,
		        row->type == SETTING_WORD
		                ? near_hint(near_word(n->text, row->words, (size_t)row->most), hint)
		                : "");
}

static int parse_bool(const char *text, bool *v)
{
	static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(text, words[i])) {
			*v = i & 1;
			return 0;
		}
	return -1;
}

static int store_value(const struct setting *row, const char *text, void *to)
{
	uint64_t v;
	bool yes;

	switch (row->type) {
	case SETTING_NUMBER:
		if (parse_number(text, row->least, row->most, &v) < 0)
			return -1;
		*(unsigned *)to = (unsigned)v;
		return 0;
	case SETTING_SIZE:
		if (parse_size(text, &v) < 0 || v < row->least || v > row->most)
			return -1;
		*(uint64_t *)to = v;
		return 0;
	case SETTING_BOOL:
		if (parse_bool(text, &yes) < 0)
			return -1;
		*(bool *)to = yes;
		return 0;
	case SETTING_WORD:
		for (unsigned i = 0; i < row->most; i++)
			if (!strcmp(text, row->words[i])) {
				*(unsigned *)to = i; /* enums are unsigned in both compilers */
				return 0;
			}
		return -1;
	default:
		return -1;
	}
}

const char **read_texts(const struct reading *r, const char *what, const struct ynode *n, size_t *count)
{
	const char **out;

	*count = 0;
	if (node_is_empty(n))
		return NULL;
	if (n->kind != YNODE_LIST) {
		fault_node(r, n, "%s: a list is expected, such as [one, two]", what);
		return NULL;
	}
	out = store_get(r->store, n->n * sizeof(*out));
	for (size_t i = 0; i < n->n; i++) {
		const struct ynode *item = n->item[i];

		if (item->kind != YNODE_SCALAR || !item->text_len)
			fault_node(r, item, "%s: each item of the list is a text", what);
		else
			out[(*count)++] = store_text(r->store, item->text, item->text_len);
	}
	return out;
}

static void read_list(
        const struct reading *r, const struct setting *row, const struct ynode *n, struct text_list *to)
{
	if (node_is_empty(n))
		return;
	if (n->kind != YNODE_LIST) {
		char allowed[300];

		fault_node(r, n, "%s: a list is expected; allowed: %s", row->path,
		        setting_allowed(row, allowed, sizeof(allowed)));
		return;
	}
	to->item = store_get(r->store, n->n * sizeof(*to->item));
	for (size_t i = 0; i < n->n; i++) {
		const char *text;

		if (n->item[i]->kind != YNODE_SCALAR || !n->item[i]->text_len) {
			fault_node(r, n->item[i], "%s: each item of the list is a text; allowed: %s",
			        row->path, row->allowed);
			continue;
		}
		text = row->check ? row->check(r, row, n->item[i])
		                  : store_text(r->store, n->item[i]->text, n->item[i]->text_len);
		if (text)
			to->item[to->n++] = text;
	}
}

void setting_read(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	void *to = (char *)r->s + row->offset;
	const char *text;

	switch (row->type) {
	case SETTING_LATER:
		fault_node(r, n, "%s is not available in this version: take it out", row->path);
		break;
	case SETTING_OWN:
		if (row->read)
			row->read(r, row, n);
		break;
	case SETTING_LIST:
		read_list(r, row, n, to);
		break;
	case SETTING_TEXT:
		if (n->kind != YNODE_SCALAR || node_is_empty(n)) {
			fault_value(r, row, n);
			break;
		}
		text = row->check ? row->check(r, row, n) : store_text(r->store, n->text, n->text_len);
		if (text)
			*(const char **)to = text;
		break;
	default:
		if (n->kind != YNODE_SCALAR || node_is_empty(n) || store_value(row, n->text, to) < 0)
			fault_value(r, row, n);
		break;
	}
}

void setting_preset(const struct reading *r, const struct setting *row)
{
	void *to = (char *)r->s + row->offset;

	if (!row->preset)
		return;
	if (row->type == SETTING_TEXT)
		*(const char **)to = row->preset;
	else
		store_value(row, row->preset, to);
}

/* ---- checks ---------------------------------------------------------------------------------------------
 */

const char *check_name(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	size_t fit = strspn(n->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	if (!n->text_len || fit != n->text_len || n->text_len > NAME_MAX_LEN) {
		fault_value(r, row, n);
		return NULL;
	}
	return store_text(r->store, n->text, n->text_len);
}

const char *check_interface(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	if (n->text_len >= IFNAMSIZ || strpbrk(n->text, "/ \t")) {
		fault_node(r, n,
		        "%s: `%.60s' is not the name of an interface: at most %d characters, no spaces",
		        row->path, n->text, IFNAMSIZ - 1);
		return NULL;
	}
	return store_text(r->store, n->text, n->text_len);
}

/* Relative paths begin at the settings file's folder, wherever the program was started. */
static const char *path_from(const struct reading *r, const char *path)
{
	const char *slash = strrchr(r->file, '/');

	if (path[0] == '/' || !slash)
		return store_text(r->store, path, strlen(path));
	return store_format(r->store, "%.*s/%s", (int)(slash - r->file), r->file, path);
}

const char *check_place(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	const char *path = path_from(r, n->text);

	if (access(path, R_OK) < 0) {
		fault_node(r, n, "%s: %s: %s", row->path, path, strerror(errno));
		return NULL;
	}
	return path;
}

/* It may still have to be made; what is there must be a folder. */
const char *check_folder(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	const char *path = n->text_len ? path_from(r, n->text) : "";
	struct stat st;

	if (*path && !stat(path, &st) && !S_ISDIR(st.st_mode)) {
		fault_node(r, n, "%s: %s: %s", row->path, path, strerror(ENOTDIR));
		return NULL;
	}
	return path;
}

static const char *readable_file(
        const struct reading *r, const struct setting *row, const struct ynode *n, mode_t closed_to)
{
	const char *path = path_from(r, n->text);
	struct stat st;

	if (!n->text_len)
		return path;
	if (stat(path, &st) < 0 || access(path, R_OK) < 0) {
		fault_node(r, n, "%s: %s: %s", row->path, path, strerror(errno));
		return NULL;
	}
	if (S_ISDIR(st.st_mode)) {
		fault_node(r, n, "%s: %s: %s", row->path, path, strerror(EISDIR));
		return NULL;
	}
	if (st.st_mode & closed_to) {
		fault_node(r, n, "%s: %s must not be readable by others (its mode is %03o; chmod 600)",
		        row->path, path, (unsigned)st.st_mode & 0777);
		return NULL;
	}
	return path;
}

/* What TLS could not load either.  X509_AUX: also a trusted certificate, as openssl calls it. */
const char *check_certificate(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	const char *path = readable_file(r, row, n, 0);
	FILE *f = path && *path ? fopen(path, "re") : NULL;
	X509 *first = f ? PEM_read_X509_AUX(f, NULL, NULL, NULL) : NULL;

	if (f)
		fclose(f);
	ERR_clear_error();
	if (f && !first) {
		fault_node(r, n, "%s: %s holds no certificate; allowed: a PEM file", row->path, path);
		return NULL;
	}
	X509_free(first);
	return path;
}

/* Nobody is there to be asked. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf, (void)size, (void)writing, (void)ctx;
	return -1;
}

const char *check_private_key(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	const char *path = readable_file(r, row, n, S_IRWXG | S_IRWXO);
	FILE *f = path && *path ? fopen(path, "re") : NULL;
	EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, no_passphrase, NULL) : NULL;

	if (f)
		fclose(f);
	ERR_clear_error();
	if (f && !key) {
		fault_node(r, n, "%s: %s holds no private key, or one with a passphrase; allowed: a PEM file",
		        row->path, path);
		return NULL;
	}
	EVP_PKEY_free(key);
	return path;
}

const char *check_secret_file(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	return readable_file(r, row, n, S_IRWXG | S_IRWXO);
}

/* The server's answer tells the rest; this finds what no server could answer. */
const char *check_redis(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	struct redis_url u;
	struct err e = {.text = ""};
	bool bad = n->text_len && redis_url_parse(n->text, &u, &e) < 0;

	if (n->text_len)
		redis_url_wipe(&u);
	if (bad) {
		fault_node(r, n, "%s: %s; allowed: " REDIS_URL_FORMS, row->path, e.text);
		return NULL;
	}
	return store_text(r->store, n->text, n->text_len);
}

/* What `run` could not open either.  The file itself need not be there, and what a folder's permissions say
 * depends on who runs the sensor. */
static bool can_be_made(
        const struct reading *r, const struct setting *row, const struct ynode *n, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *folder = !slash          ? "."
	                     : slash == path ? "/"
	                                     : store_text(r->store, path, (size_t)(slash - path));
	struct stat st;
	int why = 0;

	if (stat(folder, &st) < 0)
		why = errno == ENOENT || errno == ENOTDIR ? errno : 0;
	else if (!S_ISDIR(st.st_mode))
		why = ENOTDIR;
	else if (!stat(path, &st) && S_ISDIR(st.st_mode))
		why = EISDIR;
	if (why == ENOENT)
		fault_node(r, n, "%s: %s: its folder does not exist; make it first (install -d -m 700 %s)",
		        row->path, path, folder);
	else if (why)
		fault_node(r, n, "%s: %s: %s", row->path, path, strerror(why));
	return !why;
}

const char *check_output(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	if (!strcmp(n->text, "-"))
		return "-";
	if (!strncmp(n->text, "file:", 5) && n->text[5]) {
		const char *path = path_from(r, n->text + 5);

		return can_be_made(r, row, n, path) ? store_format(r->store, "file:%s", path) : NULL;
	}
	if (!strncmp(n->text, "redis", 5) || !strncmp(n->text, "unix:", 5))
		return check_redis(r, row, n);
	fault_node(r, n, "%s: not an output; allowed: -, file:PATH or a Redis URL (redis://...)", row->path);
	return NULL;
}
