/* inventory.h - what was seen of AI services, summed: sightings in, rows out.  Its parts:
 *
 *   flows of captures (inventory.c) \
 *   flow records of files and Redis (inventory_records.c) -> sums (inventory_sum.c) -> tables
 * (inventory_show.c)
 *                                                                                   -> register
 * (inventory_register.c)
 *
 * Memory is bounded: rows, addresses and networks have limits, and what does not fit is counted. */
#ifndef CLI_INVENTORY_H
#define CLI_INVENTORY_H

#include "base/ip.h"
#include "classify/found.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define INVENTORY_ROWS    20000
#define INVENTORY_SOURCES 262144 /* distinct (row, address) and (row, network) that are told apart */
#define INVENTORY_NETS    16     /* networks kept of one row */
#define INVENTORY_SIGNS   4      /* kinds of alerts from ALERT_EVASION_ECH on */

/* One flow, however it became known; texts are borrowed for the call and "" where nothing is known. */
struct sighting {
	const char *service, *name, *group, *host, *shape, *protocol;
	const char *by, *visibility, *tls, *tls_group, *unnamed;
	unsigned signs; /* of hiding: bits 1 << (kind - ALERT_EVASION_ECH) */
	struct ip_addr source, destination;
	bool leaves; /* direction out, or unknown */
	bool onward; /* a proxy's own side of a connection that is counted on the client's */
	uint64_t out, in;
	int64_t first_ns, last_ns;
};

enum inventory_tls { TLS_OLD, TLS_12, TLS_13, TLS_KINDS }; /* below 1.2, 1.2, 1.3 */

struct inventory_row {
	bool suspected;   /* no service: known by the shape of its requests */
	char service[64]; /* its id; suspected: the host or address */
	char name[96];    /* of the service; suspected: the shape */
	char group[64];   /* "": sources in no group */
	uint64_t flows, out, in, users;
	int64_t first_ns, last_ns;
	unsigned by; /* bits 1 << enum name_source */
	uint64_t visible[VISIBLE_DECRYPTED + 1], tls[TLS_KINDS], tls_groups, post_quantum;
	struct cidr nets[INVENTORY_NETS]; /* where the sources are, /24 or /64 each */
	unsigned n_nets;
	bool nets_more;
	/* With inventory.settings: what the partner entries of today's settings say of the day of each flow.
	 */
	uint64_t uncovered;          /* users that no entry of the service covers */
	const struct partner *dated; /* an entry that covers a user, and had ended or not begun; NULL: none */
};

struct inventory_count {
	uint64_t flows, out;
};

struct inventory {
	struct inventory_row *rows;
	size_t n, cap;
	uint32_t *slots; /* rows by hash of their names, + 1 */
	size_t n_slots;
	uint64_t *seen; /* hashes of (row, address), open addressing; 0: free */
	size_t n_seen;
	struct inventory_count unnamed[UNNAMED_KINDS]; /* [UNNAMED_NOT]: no reason was kept */
	struct inventory_count other;                  /* named, and no AI service */
	struct inventory_count inside;                 /* not leaving, and no AI service */
	struct inventory_count onward;
	struct inventory_count signs[INVENTORY_SIGNS]; /* flows that are counted above too */
	struct inventory_count over;                   /* of AI services, but no row was left */
	uint64_t sources_over;                         /* users that were not told apart */
	uint64_t read, unread;           /* lines or entries that are flow records, and that are none */
	const struct settings *settings; /* borrowed; NULL: partner entries are not asked */
};

int inventory_init(struct inventory *v); /* 0, or -1: no memory */
void inventory_clear(struct inventory *v);
void inventory_add(struct inventory *v, const struct sighting *s);
void inventory_sort(struct inventory *v); /* most bytes out first; nothing is added afterwards */

/* A record's JSON; false when it is no flow record (then it is not counted either). */
bool inventory_add_record(struct inventory *v, const char *json, size_t n);
/* A file of records, one a line, `-' is stdin.  0 or the exit status. */
int inventory_read_file(struct inventory *v, const char *path);
/* The flow records of all sensors that came since then.  0 or the exit status. */
struct redis_url;
struct wire_tls;
int inventory_read_redis(
        struct inventory *v, const struct redis_url *url, const struct wire_tls *tls, int64_t since_ms);

/* `wide`: columns of the terminal, 0 when it does not matter; what does not fit is left out and named. */
void inventory_show_table(const struct inventory *v, unsigned wide, FILE *out);
void inventory_show_csv(const struct inventory *v, FILE *out);
void inventory_show_json(const struct inventory *v, FILE *out);
void inventory_show_register(const struct inventory *v, const struct settings *s, FILE *out);

/* The sources of a name, "sni+dns"; returns buf. */
const char *inventory_by(unsigned by, char *buf, size_t cap);
/* "1.2+1.3"; "-" without TLS. */
const char *inventory_tls(const struct inventory_row *r, char *buf, size_t cap);
/* "17.1 KiB" */
const char *inventory_bytes(uint64_t n, char *buf, size_t cap);

#endif
