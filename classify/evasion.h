/* evasion.h - signs of an attempt to hide: an encrypted name, names that disagree, encrypted DNS, tunnels.
 *
 * A sign is evidence, never certainty: each has a confidence, and alerts only above the settings' thresholds
 * (`evasion`); what lies below stands in the flow record alone. */
#ifndef CLASSIFY_EVASION_H
#define CLASSIFY_EVASION_H

#include "classify/reading.h"

/* Called when the names of a flow are as certain as they will be, and again at its end. */
void evasion_names(struct classify *c, struct reading *r, int64_t when_ns);
/* The same connection names two destinations: `outer` by one layer, `inner` by one inside it. */
void evasion_fronting(struct classify *c, struct reading *r, enum name_source outer_by, const char *outer,
        enum name_source inner_by, const char *inner, int64_t when_ns);
/* nDPI named a tunnel, VPN or remote desktop; told once enough bytes went by. */
void evasion_tunnel(struct classify *c, const struct flow *f, struct facts *x, int64_t when_ns);
bool evasion_is_tunnel(const char *protocol);
/* Adds a sign to the facts; the strongest of a kind stays. */
void evasion_add(struct facts *x, enum alert_kind kind, uint8_t confidence, const char *evidence);

#endif
