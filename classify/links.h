/* links.h - the two sides of a proxy, when the mirror shows both: the client's connection to it and its own
 * connection onward carry the same hello or the same request.  One table per worker, bounded; the oldest goes
 * first.  Entries live LINK_NS of packet time. */
#ifndef CLASSIFY_LINKS_H
#define CLASSIFY_LINKS_H

#include "base/err.h"
#include "base/ip.h"
#include "base/text.h"
#include "base/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_NS (10 * NS_PER_S)

struct links;
struct link {
	uint64_t flow;         /* flow_id() of the client's connection */
	struct ip_addr client; /* who asked the proxy */
	uint16_t client_port;
	uint16_t group;
	uint8_t by; /* enum via_kind */
};

struct links *links_create(size_t entries, struct err *e);
void links_destroy(struct links *l);
/* What identifies both sides: TLS client random, or method, host, path and query of a request. */
uint64_t link_key_hello(const uint8_t random[32]);
uint64_t link_key_request(struct slice method, const char *host, struct slice path, struct slice query);
/* The client's side passed by: remembered for the proxy's side.  `proxy` is the address it was sent to. */
void links_note(
        struct links *l, uint64_t key, const struct ip_addr *proxy, const struct link *who, int64_t when_ns);
/* The proxy's side passes by, sent from `proxy`: true and *who when its client's side was seen; each is found
 * once. */
bool links_take(
        struct links *l, uint64_t key, const struct ip_addr *proxy, int64_t when_ns, struct link *who);

#endif
