/* topology.c - see topology.h. */
#include "alerts/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CRC-16/XMODEM: polynomial 0x1021, from 0 on. */
static unsigned crc16(const char *p, size_t n)
{
	unsigned crc = 0;

	for (size_t i = 0; i < n; i++) {
		crc ^= (unsigned)(unsigned char)p[i] << 8;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = (crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1) & 0xffff;
	}
	return crc;
}

unsigned cluster_slot(const char *key)
{
	const char *open = strchr(key, '{'), *close = open ? strchr(open, '}') : NULL;

	if (close && close > open + 1)
		return crc16(open + 1, (size_t)(close - open - 1)) % CLUSTER_SLOTS;
	return crc16(key, strlen(key)) % CLUSTER_SLOTS;
}

bool redis_place_same(const struct redis_place *a, const struct redis_place *b)
{
	return !strcmp(a->host, b->host) && !strcmp(a->port, b->port);
}

/* ---- parts ------------------------------------------------------------------------------------------------
 */

static bool is_string(const redisReply *r)
{
	return r && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS);
}

/* A name or an address; nothing that a look-up, a terminal or a log could take for something else. */
static bool take_host(const char *p, size_t n, struct redis_place *to)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-";

	if (!n || n >= sizeof(to->host) || *p == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!p[i] || !strchr(letters, p[i]))
			return false;
	memcpy(to->host, p, n);
	to->host[n] = '\0';
	return true;
}

static bool take_port(long long port, struct redis_place *to)
{
	if (port < 1 || port > 65535)
		return false;
	snprintf(to->port, sizeof(to->port), "%lld", port);
	return true;
}

/* Decimal digits and nothing else; -1. */
static long long digits(const char *p, size_t n)
{
	long long v = 0;

	if (!n || n > 9)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		v = v * 10 + (p[i] - '0');
	}
	return v;
}

/* ---- Sentinel ---------------------------------------------------------------------------------------------
 */

int sentinel_read_master(const redisReply *r, struct redis_place *master, struct err *e)
{
	const redisReply *host, *port;

	if (r->type == REDIS_REPLY_ERROR)
		return err_set(e, "%.200s", r->str);
	if (r->type == REDIS_REPLY_NIL)
		return 0;
	host = r->type == REDIS_REPLY_ARRAY && r->elements == 2 ? r->element[0] : NULL;
	port = host ? r->element[1] : NULL;
	if (!is_string(host) || !is_string(port) || !take_host(host->str, (size_t)host->len, master) ||
	        !take_port(digits(port->str, (size_t)port->len), master))
		return err_set(e, "the Sentinel's answer is no address of a master");
	return 1;
}

uint64_t sentinel_read_epoch(const redisReply *r)
{
	long long epoch = -1;

	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < (size_t)r->elements; i += 2)
		if (is_string(r->element[i]) && is_string(r->element[i + 1]) &&
		        !strcmp(r->element[i]->str, "config-epoch"))
			epoch = digits(r->element[i + 1]->str, (size_t)r->element[i + 1]->len);
	return epoch > 0 ? (uint64_t)epoch : 0;
}

/* ---- Cluster ----------------------------------------------------------------------------------------------
 */

/* A node of CLUSTER SLOTS: its host is empty or missing where it is that of the node that was asked. */
static bool take_node(const redisReply *r, const struct redis_place *asked, struct redis_place *to)
{
	const redisReply *host = r->type == REDIS_REPLY_ARRAY && r->elements >= 2 ? r->element[0] : NULL;

	if (!host || r->element[1]->type != REDIS_REPLY_INTEGER)
		return false;
	if (host->type == REDIS_REPLY_NIL || (is_string(host) && !host->len))
		memcpy(to->host, asked->host, sizeof(to->host));
	else if (!is_string(host) || !take_host(host->str, (size_t)host->len, to))
		return false;
	return take_port(r->element[1]->integer, to);
}

static unsigned node_index(struct slot_map *m, const struct redis_place *p)
{
	for (unsigned i = 0; i < m->n; i++)
		if (redis_place_same(&m->node[i], p))
			return i;
	if (m->n == CLUSTER_NODES_MAX)
		return SLOT_OF_NOBODY;
	m->node[m->n] = *p;
	return m->n++;
}

int cluster_read_slots(
        const redisReply *r, const struct redis_place *asked, struct slot_map *m, struct err *e)
{
	if (r->type == REDIS_REPLY_ERROR)
		return err_set(e, "%.200s", r->str);
	m->n = 0;
	memset(m->owner, 0xff, sizeof(m->owner));
	if (r->type != REDIS_REPLY_ARRAY)
		return err_set(e, "the answer to CLUSTER SLOTS is no list");
	for (size_t i = 0; i < (size_t)r->elements; i++) {
		const redisReply *range = r->element[i];
		struct redis_place node;
		unsigned index;

		if (range->type != REDIS_REPLY_ARRAY || range->elements < 3 ||
		        range->element[0]->type != REDIS_REPLY_INTEGER ||
		        range->element[1]->type != REDIS_REPLY_INTEGER || range->element[0]->integer < 0 ||
		        range->element[0]->integer > range->element[1]->integer ||
		        range->element[1]->integer >= (long long)CLUSTER_SLOTS)
			return err_set(e, "the answer to CLUSTER SLOTS is not understood");
		if (!take_node(range->element[2], asked, &node))
			continue; /* a node without a name ("?") or a port for TLS: its slots are nobody's */
		index = node_index(m, &node);
		for (long long s = range->element[0]->integer; s <= range->element[1]->integer; s++)
			m->owner[s] = (uint16_t)index;
	}
	return 0;
}

bool cluster_read_moved(
        const char *text, const struct redis_place *asked, unsigned *slot, struct redis_place *to)
{
	const char *number = text + 6, *space, *colon;
	long long s;

	if (strncmp(text, "MOVED ", 6) || !(space = strchr(number, ' ')) || !(colon = strrchr(space, ':')))
		return false;
	s = digits(number, (size_t)(space - number));
	if (s < 0 || s >= (long long)CLUSTER_SLOTS)
		return false;
	*slot = (unsigned)s;
	if (colon == space + 1)
		memcpy(to->host, asked->host, sizeof(to->host));
	else if (!take_host(space + 1, (size_t)(colon - space - 1), to))
		return false;
	return take_port(digits(colon + 1, strlen(colon + 1)), to);
}
