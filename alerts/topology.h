/* topology.h - who holds which keys, as Sentinels and nodes of a Cluster say it
 * (https://redis.io/docs/latest/develop/reference/sentinel-clients/,
 * .../operate/oss_and_stack/reference/cluster-spec/). Nothing here is believed before it was looked at: a
 * host is a name or an address, a port a port, a slot a slot. */
#ifndef ALERTS_TOPOLOGY_H
#define ALERTS_TOPOLOGY_H

#include "base/err.h"
#include "config/redis_url.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#define CLUSTER_SLOTS     16384u
#define CLUSTER_NODES_MAX 256u /* masters; slots of further ones belong to nobody */
#define SLOT_OF_NOBODY    0xffffu

/* Of a key, by its hash tag where it has one. */
unsigned cluster_slot(const char *key);

struct slot_map {
	unsigned n;
	struct redis_place node[CLUSTER_NODES_MAX];
	uint16_t owner[CLUSTER_SLOTS]; /* index of a node, or SLOT_OF_NOBODY */
};

bool redis_place_same(const struct redis_place *a, const struct redis_place *b);

/* SENTINEL GET-MASTER-ADDR-BY-NAME.  1; 0: it knows no such master; -1: e. */
int sentinel_read_master(const redisReply *r, struct redis_place *master, struct err *e);
/* config-epoch in SENTINEL MASTER: the greater one is right.  0: it does not say. */
uint64_t sentinel_read_epoch(const redisReply *r);
/* CLUSTER SLOTS as the node `asked` sent it.  -1: e. */
int cluster_read_slots(
        const redisReply *r, const struct redis_place *asked, struct slot_map *m, struct err *e);
/* "MOVED 3999 127.0.0.1:6381" as the node `asked` sent it; false: it is something else. */
bool cluster_read_moved(
        const char *text, const struct redis_place *asked, unsigned *slot, struct redis_place *to);

#endif
