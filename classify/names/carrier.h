/* carrier.h - VPNs and remote desktops, known by their own first messages: what carries other traffic, or a
 * screen, out of the network.
 *
 * nDPI knows more of them and is asked about what is left; these are told by what their specifications
 * demand of both sides, inside proxies too, and whatever the port. */
#ifndef CLASSIFY_NAMES_CARRIER_H
#define CLASSIFY_NAMES_CARRIER_H

#include "classify/layer.h"

#define CARRIER_MESSAGES_MAX 16 /* looked at before a likeness is given up */

enum carrier_sort { CARRIER_NONE, CARRIER_TUNNEL, CARRIER_DESKTOP };

struct carrier {
	const char *name; /* as records have it; nDPI's word where it has one */
	enum carrier_sort sort;
};

/* sink.carrier is called when it is certain; again with `elsewhere` when the connection has set up something
 * whose bytes go in packets of their own (ESP, GRE).  One for byte streams, one for datagrams. */
extern const struct layer_ops carrier_layer, carrier_datagram_layer;
/* Could these first bytes be a carrier's?  1 yes, 0 no, -1 too few to say. */
int carrier_probe(const uint8_t *p, size_t n);
bool carrier_probe_datagram(const uint8_t *p, size_t n);
/* The carrier that one of nDPI's words ("TLS.TeamViewer") stands for; NULL: none. */
const struct carrier *carrier_by_word(const char *word);

#endif
