/* settings_sections.c - settings with a form of their own: networks and groups, severities, the token key. */
#include "config/settings_internal.h"

#include "base/err.h"
#include "base/text.h"
#include "config/kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define GROUP_NAME_MAX 40
#define TOKEN_KEY_MIN  16

/* ---- networks -------------------------------------------------------------------------------------------
 */

static int read_network(const struct reading *r, const char *what, const struct ynode *n, struct cidr *c)
{
	struct err e;

	if (n->kind != YNODE_SCALAR) {
		fault_node(r, n, "%s: each item of the list is a network such as 10.0.0.0/8 or \"fd00::/8\"",
		        what);
		return -1;
	}
	if (cidr_parse(n->text, c, &e) < 0) {
		fault_node(r, n, "%s: %s", what, e.text);
		return -1;
	}
	return 0;
}

static bool is_list(const struct reading *r, const char *what, const struct ynode *n)
{
	if (n->kind == YNODE_LIST)
		return true;
	fault_node(r, n, "%s: a list of networks is expected, such as [10.0.0.0/8, \"fd00::/8\"]", what);
	return false;
}

static void add_networks(const struct reading *r, const char *what, const struct ynode *n, unsigned flag)
{
	struct cidr c;

	if (!is_list(r, what, n))
		return;
	for (size_t i = 0; i < n->n; i++)
		if (!read_network(r, what, n->item[i], &c))
			networks_add(r->s->networks, &c, flag);
}

/* Without a value the default stays; an empty list would say that nothing is internal, and so nothing leaves.
 */
void read_internal(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	if (node_is_empty(n)) {
		networks_default_internal(r->s->networks);
		return;
	}
	if (n->kind == YNODE_LIST && !n->n) {
		fault_node(r, n,
		        "%s: an empty list would leave nothing to watch; take the key out for the default",
		        row->path);
		return;
	}
	add_networks(r, row->path, n, NET_INTERNAL);
}

void read_proxies(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	if (!node_is_empty(n))
		add_networks(r, row->path, n, NET_PROXY);
}

void read_forwarders(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	if (!node_is_empty(n))
		add_networks(r, row->path, n, NET_FORWARDER);
}

static bool group_name_is_good(const struct reading *r, const struct ynode *key)
{
	size_t fit = strspn(key->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
	struct cidr c;

	if (!key->text_len || fit != key->text_len || key->text_len > GROUP_NAME_MAX ||
	        !cidr_parse(key->text, &c, NULL)) {
		fault_node(r, key,
		        "networks.groups: `%.60s' is not a name: 1 to %d letters, digits, '.', '_' or '-', "
		        "and not an address",
		        key->text, GROUP_NAME_MAX);
		return false;
	}
	return true;
}

static void read_group(const struct reading *r, const struct ynode *key, const struct ynode *n)
{
	struct networks *networks = r->s->networks;
	char what[80];
	struct cidr c;

	if (!group_name_is_good(r, key))
		return;
	snprintf(what, sizeof(what), "networks.groups.%.40s", key->text);
	if (networks_add_group(networks, NULL, key->text) < 0) {
		fault_node(r, key, "networks.groups: more than %u groups", UINT16_MAX - 1);
		return;
	}
	if (!is_list(r, what, n))
		return;
	if (!n->n)
		fault_node(r, n, "%s: the list is empty: nobody would be in the group", what);
	for (size_t i = 0; i < n->n; i++) {
		if (read_network(r, what, n->item[i], &c) < 0)
			continue;
		if (networks_add_group(networks, &c, key->text) < 0)
			fault_node(r, n->item[i], "%s: %s is a network of the group `%s' already", what,
			        n->item[i]->text,
			        networks_group_name(networks, networks_group_exact(networks, &c)));
	}
}

void read_groups(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	if (node_is_empty(n))
		return;
	if (n->kind != YNODE_MAP) {
		fault_node(r, n,
		        "%s: names with lists of networks are expected, such as `research: [10.20.0.0/16]'",
		        row->path);
		return;
	}
	for (size_t i = 0; i < n->n; i++)
		read_group(r, n->key[i], n->item[i]);
}

/* ---- severities -----------------------------------------------------------------------------------------
 */

static void read_severity(
        const struct reading *r, const struct setting *row, const struct ynode *key, const struct ynode *n)
{
	static const char *names[ALERT_KINDS];
	int kind = alert_kind_by_name(key->text), severity;
	char hint[80], list[600];

	if (kind < 0) {
		for (int k = 0; k < ALERT_KINDS; k++)
			names[k] = alert_kind_name((enum alert_kind)k);
		fault_node(r, key, "%s: there is no alert kind `%.60s'%s; allowed: %s", row->path, key->text,
		        near_hint(near_word(key->text, names, ALERT_KINDS), hint),
		        join_words(names, ALERT_KINDS, list, sizeof(list)));
		return;
	}
	if (n->kind == YNODE_SCALAR &&
	        (!strcmp(n->text, "off") || !strcmp(n->text, "no") || !strcmp(n->text, "false"))) {
		r->s->alerts.muted[kind] = true;
		return;
	}
	if (kind == ALERT_PAYLOAD_SENSITIVE) {
		fault_node(r, n,
		        "%s: the severity of payload.sensitive comes from the detector; only off can be set",
		        row->path);
		return;
	}
	severity = n->kind == YNODE_SCALAR ? severity_by_name(n->text) : -1;
	if (severity < 0) {
		fault_node(r, n, "%s: %s: allowed are info, low, medium, high, critical and off", row->path,
		        key->text);
		return;
	}
	r->s->alerts.severity[kind] = (enum severity)severity;
}

void read_severities(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	if (node_is_empty(n))
		return;
	if (n->kind != YNODE_MAP) {
		fault_node(r, n, "%s: alert kinds with severities are expected, such as `evasion.doh: off'",
		        row->path);
		return;
	}
	for (size_t i = 0; i < n->n; i++)
		read_severity(r, row, n->key[i], n->item[i]);
}

/* ---- token key ------------------------------------------------------------------------------------------
 */

/* The whole file as hex digits, white space at its end aside; 0 when it is something else. */
static size_t from_hex(const uint8_t *raw, size_t n, uint8_t *key, size_t cap)
{
	while (n && (raw[n - 1] == '\n' || raw[n - 1] == '\r' || raw[n - 1] == ' '))
		n--;
	if (n % 2 || n / 2 > cap)
		return 0;
	for (size_t i = 0; i < n; i += 2) {
		int hi = hex_digit((char)raw[i]), lo = hex_digit((char)raw[i + 1]);

		if (hi < 0 || lo < 0)
			return 0;
		key[i / 2] = (uint8_t)(hi << 4 | lo);
	}
	return n / 2;
}

static ssize_t read_small(const char *path, uint8_t *buf, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	size_t n = 0;
	ssize_t got = -1;

	if (fd < 0)
		return -1;
	while (n < cap && (got = read(fd, buf + n, cap - n)) > 0)
		n += (size_t)got;
	close(fd);
	return got < 0 ? -1 : (ssize_t)n;
}

void read_token_key(const struct reading *r, const struct setting *row, const struct ynode *n)
{
	uint8_t raw[2 * sizeof(r->s->detect.token_key) + 3], digest[32], *key = r->s->detect.token_key;
	const size_t cap = sizeof(r->s->detect.token_key);
	const char *path;
	ssize_t len;
	size_t used;

	if (n->kind != YNODE_SCALAR || !n->text_len) {
		fault_node(r, n, "%s: the name of a file is expected", row->path);
		return;
	}
	path = check_secret_file(r, row, n);
	if (!path)
		return;
	len = read_small(path, raw, sizeof(raw));
	if (len < 0) {
		fault_node(r, n, "%s: %s: %s", row->path, path, strerror(errno));
		return;
	}
	used = from_hex(raw, (size_t)len, key, cap);
	if (used < TOKEN_KEY_MIN) {
		used = (size_t)len <= cap ? (size_t)len : 0;
		memcpy(key, raw, used);
	}
	OPENSSL_cleanse(raw, sizeof(raw));
	if (used < TOKEN_KEY_MIN) {
		OPENSSL_cleanse(key, cap);
		fault_node(r, n,
		        "%s: %s must hold %d to %zu bytes, or the same in hex digits (openssl rand -hex 32)",
		        row->path, path, TOKEN_KEY_MIN, cap);
		return;
	}
	r->s->detect.token_key_len = used;
	if (EVP_Digest(key, used, digest, NULL, EVP_sha256(), NULL) == 1)
		hex_encode(digest, 8, r->s->detect.token_key_id);
}
