/* fuzz_resp.c - what a server may answer to our client: parsed, and read as every answer we ever ask for. The
 * first byte says how many records the EXEC was for, the second how the bytes arrive in pieces. */
#include "alerts/durable.h"
#include "alerts/publish.h"
#include "alerts/topology.h"
#include "alerts/trim_internal.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Who a Sentinel or a node of a Cluster sends us to must be a place that can be written down. */
static void check_place(const struct redis_place *p)
{
	if (!memchr(p->host, '\0', sizeof(p->host)) || !memchr(p->port, '\0', sizeof(p->port)) || !p->host[0])
		abort();
	for (const char *c = p->host; *c; c++)
		if (*c <= ' ' || *c > '~')
			abort();
}

static void read_topology(const redisReply *r)
{
	static const struct redis_place asked = {"asked", "1"};
	static struct slot_map map;
	struct redis_place p;
	unsigned slot;
	struct err e = {.text = ""};

	if (sentinel_read_master(r, &p, &e) == 1)
		check_place(&p);
	(void)sentinel_read_epoch(r);
	if (r->type == REDIS_REPLY_ERROR && cluster_read_moved(r->str, &asked, &slot, &p)) {
		check_place(&p);
		if (slot >= CLUSTER_SLOTS)
			abort();
	}
	if (cluster_read_slots(r, &asked, &map, &e) < 0)
		return;
	for (unsigned i = 0; i < map.n; i++)
		check_place(&map.node[i]);
	for (slot = 0; slot < CLUSTER_SLOTS; slot++)
		if (map.owner[slot] != SLOT_OF_NOBODY && map.owner[slot] >= map.n)
			abort();
}

static void read_for_trimming(const redisReply *r)
{
	struct trim_place place;
	struct trim_group group;
	struct stream_id id;
	uint64_t number;

	if (trim_read_stream(r, &place) && !place.length && stream_id_cmp(&place.first, &place.last) < 0)
		abort(); /* what may come in an empty stream does not lie before what was there */
	if (trim_read_group(r, &group) && strlen(group.name) > TRIM_NAME)
		abort();
	trim_read_pending(r, 0, &id);
	trim_read_entry(r, &id, &number);
	durable_read_role(r, &number);
	durable_read_replicas(r, 1);
}

static void read_as_everything(const redisReply *r, size_t n)
{
	const struct stream_id ids[RECORDS_MAX] = {
	        {1, 1}, {1, 2}, {1, 3}, {2, 4}, {2, 5}, {3, 6}, {4, 7}, {5, 8}};
	struct publish_head head, newest;
	struct stream_id last;
	bool ok[RECORDS_MAX];
	char cause[64] = "";
	enum resp_class class = publish_read_exec(r, n, ids, ok, cause, sizeof(cause));

	read_topology(r);
	for (size_t i = 0; i < n; i++)
		if (!ok[i] && class == RESP_OK)
			abort(); /* a record that was not taken must have a reason */
	if (class != RESP_OK && !*cause)
		abort();
	publish_read_head(r, &head);
	if (strlen(head.hash) >= sizeof(head.hash))
		abort();
	publish_read_stream(r, &last, &newest);
	if (strlen(newest.hash) >= sizeof(newest.hash))
		abort();
	read_for_trimming(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	redisReader *reader;
	size_t n, piece;

	if (size < 2 || !(reader = resp_reader_create()))
		return 0;
	n = 1 + data[0] % RECORDS_MAX;
	piece = 1 + data[1];
	for (size_t at = 2; at < size; at += piece) {
		void *reply = NULL;

		if (redisReaderFeed(reader, (const char *)data + at, size - at < piece ? size - at : piece) !=
		        REDIS_OK)
			break;
		while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
			read_as_everything(reply, n);
			freeReplyObject(reply);
			reply = NULL;
		}
		if (reader->err)
			break;
	}
	redisReaderFree(reader);
	return 0;
}
