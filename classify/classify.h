/* classify.h - from packets of tracked flows to events: who it was, what it held, may it.
 * One per worker; run to completion, no locks. */
#ifndef CLASSIFY_CLASSIFY_H
#define CLASSIFY_CLASSIFY_H

#include "capture/flow.h"
#include "capture/tcp.h"
#include "classify/found.h"
#include "config/settings.h"

struct classify_stats {
	uint64_t ai_flows, named_flows, inspected_flows;
	/* of flows that ended: by enum visibility, all that could have been read and those to AI services;
	 * bytes that their clients sent, and how much of it was read */
	uint64_t visible[VISIBILITIES], ai_visible[VISIBILITIES], sent_bytes, read_bytes;
	uint64_t not_inspected[WHY_NOTS]; /* flows, by reason */
	uint64_t requests, findings, bad_streams, refused_flows, refused_bodies, refused_decoders;
	uint64_t dns_messages, dns_malformed, unknown_direction;
	uint64_t alerts[ALERT_KINDS];
	struct tcp_stats tcp;
	uint64_t readings, bodies; /* in use now, of limits.inspected and limits.bodies */
};

struct classify;
struct classify *classify_create(
        struct settings *s, const struct detect_engine *en, struct teller tell, struct err *e);
void classify_destroy(struct classify *c);
void classify_packet(struct classify *c, struct flow *f, enum flow_dir dir, const struct packet *p);
/* The flow ended: closes its layers, tells what was pending and, when flows are wanted, the flow event. */
void classify_end(struct classify *c, struct flow *f, bool tell_flow);
void classify_stats(const struct classify *c, struct classify_stats *out);

#endif
