/* evasion.h - signs of an attempt to hide: an encrypted name, names that disagree, encrypted DNS, tunnels.
 *
 * A sign is evidence, never certainty: each has a confidence, and whether it alerts is for the settings to
 * say
 * (`evasion`); what may not stands in the flow's record alone.  A flow has at most one sign of a kind, the
 * strongest, and alerts for it once. */
#ifndef CLASSIFY_EVASION_H
#define CLASSIFY_EVASION_H

#include "classify/names/carrier.h"
#include "classify/reading.h"

/* Called when the names of a flow are as certain as they will be: looks for signs, and tells those that are
 * not told yet. */
void evasion_names(struct classify *c, struct reading *r, int64_t when_ns);
/* The same connection names two destinations: `outer` by one layer, `inner` by one inside it. */
void evasion_fronting(struct classify *c, struct reading *r, enum name_source outer_by, const char *outer,
        enum name_source inner_by, const char *inner);
/* Do the names end in the same labels that somebody registered? */
bool evasion_same_domain(const char *a, const char *b);
/* Alerts for the signs that may, each once. */
void evasion_tell(struct classify *c, const struct flow *f, struct facts *x, int64_t when_ns);
/* A request for `host` (normalized, "" when it does not say) stands inside the connection: held against the
 * SNI around it, where there is one. */
void evasion_request(struct classify *c, struct reading *r, const char *host, int64_t when_ns);
/* The flow is a VPN or remote desktop; `name` lives as long as the settings. */
void evasion_carrier(struct classify *c, struct facts *x, const struct flow *f, const char *name,
        enum carrier_sort sort, uint8_t sure);
/* ... by its own messages (sink.carrier). */
void evasion_carrier_seen(
        struct classify *c, struct reading *r, const struct carrier *what, bool elsewhere, int64_t when_ns);
/* Names as Tor makes them up for a hello, and for a certificate. */
bool evasion_tor_name(const char *sni);
bool evasion_tor_cert(const struct certificate *cert);
/* Look-ups that carry more than names: at the end of a flow of DNS. */
void evasion_look_ups(struct classify *c, const struct flow *f, struct facts *x, int64_t when_ns);
/* Tells of a tunnel or remote desktop that has sent enough; true: it did.  Also for flows that are no longer
 * read; the sign's evidence says how much it was. */
bool evasion_tunnel(struct classify *c, const struct flow *f, struct facts *x, int64_t when_ns);
/* Adds a sign to the facts; the strongest of a kind stays. */
void evasion_add(struct facts *x, enum alert_kind kind, uint8_t confidence, const char *evidence);

#endif
