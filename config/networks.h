/* networks.h - which addresses are ours, which are proxies, and which group a source belongs to.
 * Longest prefix wins.  Immutable after building; any thread may read. */
#ifndef CONFIG_NETWORKS_H
#define CONFIG_NETWORKS_H

#include "base/ip.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct networks;

#define GROUP_NONE UINT16_MAX

bool networks_internal(const struct networks *n, const struct ip_addr *a);
bool networks_proxy(const struct networks *n, const struct ip_addr *a);
/* What it says of the client behind it is believed: Forwarded, X-Forwarded-For, PROXY headers. */
bool networks_forwarder(const struct networks *n, const struct ip_addr *a);
uint16_t networks_group(const struct networks *n, const struct ip_addr *a); /* GROUP_NONE: in none */
const char *networks_group_name(const struct networks *n, uint16_t group);  /* "" for GROUP_NONE */
uint16_t networks_group_by_name(const struct networks *n, const char *name);

size_t networks_prefixes(const struct networks *n); /* of any kind */
size_t networks_groups(const struct networks *n);   /* groups are numbered from 0 */
/* Calls `each` for every group that some address of the network belongs to (perhaps more than once). */
void networks_groups_in(
        const struct networks *n, const struct cidr *c, void (*each)(void *arg, uint16_t group), void *arg);

/* The group whose network is exactly this one, GROUP_NONE when there is none. */
uint16_t networks_group_exact(const struct networks *n, const struct cidr *c);

/* The prefixes marked with `what` (NET_INTERNAL, NET_PROXY or NET_FORWARDER): at most max are written, all
 * are counted. */
size_t networks_list(const struct networks *n, unsigned what, struct cidr *out, size_t max);

/* The same for the prefixes of one group. */
size_t networks_list_group(const struct networks *n, uint16_t group, struct cidr *out, size_t max);

/* Building (settings only). */
struct networks *networks_create(void);
void networks_free(struct networks *n);
enum { NET_INTERNAL = 1, NET_PROXY = 2, NET_FORWARDER = 4 };
int networks_add(struct networks *n, const struct cidr *c, unsigned what);
/* -1 when the network is another group's already, or there are too many groups; `c` NULL only names the
 * group. */
int networks_add_group(struct networks *n, const struct cidr *c, const char *group);
/* RFC 1918, RFC 6598, ULA (RFC 4193), link-local and loopback: what counts as internal when nothing is said.
 */
void networks_default_internal(struct networks *n);

#endif
