/* evasion.c - see evasion.h */
#include "classify/evasion.h"

#include <stdio.h>
#include <string.h>

#define PORT_ENCRYPTED_DNS 853
#define SURE_FRONTING      80
#define SURE_DNS_PORT      90
#define SURE_DNS_ALPN      95
#define SURE_RESOLVER      85
#define SURE_TUNNEL        80

static enum sign_mode mode_of(const struct settings *s, enum alert_kind kind)
{
	switch (kind) {
	case ALERT_EVASION_ECH:
		return s->evasion.ech;
	case ALERT_EVASION_FRONTING:
		return s->evasion.fronting;
	case ALERT_EVASION_DOH:
		return s->evasion.doh;
	default:
		return s->evasion.tunnel;
	}
}

void evasion_add(struct facts *x, enum alert_kind kind, uint8_t confidence, const char *evidence)
{
	struct evasion *e = NULL;

	for (unsigned i = 0; i < x->n_evasions; i++)
		if (x->evasion[i].kind == kind)
			e = &x->evasion[i];
	if (e && e->confidence >= confidence)
		return;
	if (!e && x->n_evasions == FACT_EVASION_MAX)
		return;
	if (!e)
		e = &x->evasion[x->n_evasions++];
	e->kind = (uint8_t)kind;
	e->confidence = confidence;
	snprintf(e->evidence, sizeof(e->evidence), "%.*s", (int)sizeof(e->evidence) - 1, evidence);
}

/* ---- one name outside, another inside
 * ------------------------------------------------------------------------ */

/* The last labels that somebody registered: two, or three where the second is short as in co.uk. */
static const char *registered(const char *host)
{
	const char *last = strrchr(host, '.'), *at = last;
	unsigned want = 1;

	if (!last)
		return host;
	for (unsigned seen = 0; at > host;) {
		at--;
		if (*at != '.')
			continue;
		if (seen == 0 && last - at - 1 <= 3 && strlen(last) <= 3)
			want = 2;
		if (++seen == want)
			return at + 1;
	}
	return host;
}

void evasion_fronting(struct classify *c, struct reading *r, enum name_source outer_by, const char *outer,
        enum name_source inner_by, const char *inner, int64_t when_ns)
{
	struct service_match a = facts_match(c, outer, NULL), b = facts_match(c, inner, NULL);
	struct ip_addr literal;
	char evidence[120];

	(void)when_ns;
	if (!*outer || !*inner || !strcmp(outer, inner) || ip_parse(outer, &literal) == 0 ||
	        ip_parse(inner, &literal) == 0 || !strcmp(registered(outer), registered(inner)))
		return;
	/* two names that are nobody's, or both the same one's, hide nothing from us */
	if (a.service == b.service)
		return;
	snprintf(evidence, sizeof(evidence), "%s asks for %.40s, %s inside for %.40s",
	        name_source_text(outer_by), outer, name_source_text(inner_by), inner);
	evasion_add(&r->facts, ALERT_EVASION_FRONTING, SURE_FRONTING, evidence);
}

/* ---- encrypted DNS
 * ------------------------------------------------------------------------------------------- */

static bool is_resolver(const struct classify *c, const char *host, const struct ip_addr *server)
{
	struct service_match m = {.service = NULL};

	if (*host)
		m = catalogue_host(c->s->catalogue, host, NULL);
	if (!m.service)
		m = catalogue_address(c->s->catalogue, server);
	return m.service && m.service->resolver;
}

static void encrypted_dns(struct classify *c, struct reading *r)
{
	struct facts *x = &r->facts;
	const struct flow *f = r->flow;
	bool quic = r->udp;
	char evidence[120];
	const char *what = NULL;
	uint8_t sure = 0;

	if (!x->tls.seen || !facts_leaves(c, x, f))
		return;
	if (!strcmp(x->tls.alpn, "dot") || !strcmp(x->tls.alpn, "doq")) {
		what = quic ? "doq" : "dot";
		sure = SURE_DNS_ALPN;
	} else if (f->port[FLOW_S2C] == PORT_ENCRYPTED_DNS) {
		what = quic ? "doq" : "dot";
		sure = SURE_DNS_PORT;
	} else if (is_resolver(c, x->host, &f->addr[FLOW_S2C])) {
		what = "doh";
		sure = SURE_RESOLVER;
	}
	if (!what)
		return;
	snprintf(x->protocol, sizeof(x->protocol), "%s", what);
	snprintf(evidence, sizeof(evidence), "%s with %.60s",
	        !strcmp(what, "doh")   ? "DNS over HTTPS"
	        : !strcmp(what, "dot") ? "DNS over TLS"
	                               : "DNS over QUIC",
	        x->host[0] ? x->host : "a resolver outside");
	evasion_add(x, ALERT_EVASION_DOH, sure, evidence);
}

/* ---- tunnels
 * ------------------------------------------------------------------------------------------------- */

/* Words of nDPI for what carries other traffic, or a screen, out of the network. */
static const char *const tunnels[] = {"WireGuard", "OpenVPN", "IPSec", "IPsec", "Tor", "Psiphon", "PPTP",
        "CiscoVPN", "HotspotShield", "UltraSurf", "Tailscale", "SoftEther", "NordVPN", "SurfShark",
        "CactusVPN", "WindscribeVPN", "Mullvad", "ProtonVPN", "ExpressVPN", "CloudflareWarp", "TeamViewer",
        "AnyDesk", "RDP", "VNC", "RemoteScan", "TINC", "L2TP", "GlobalProtect", "OpenConnect", "Freenet",
        "I2P", "Hamachi", "ZeroTier"};

bool evasion_is_tunnel(const char *protocol)
{
	const char *dot = strrchr(protocol, '.');

	for (size_t i = 0; i < sizeof(tunnels) / sizeof(*tunnels); i++)
		if (!strcasecmp(protocol, tunnels[i]) || (dot && !strcasecmp(dot + 1, tunnels[i])) ||
		        (!strncasecmp(protocol, tunnels[i], strlen(tunnels[i])) &&
		                protocol[strlen(tunnels[i])] == '.'))
			return true;
	return false;
}

void evasion_tunnel(struct classify *c, const struct flow *f, struct facts *x, int64_t when_ns)
{
	char evidence[120];

	if (x->direction == DIRECTION_IN || x->direction == DIRECTION_INTERNAL ||
	        !evasion_is_tunnel(x->protocol) ||
	        f->payload[FLOW_C2S] < (uint64_t)c->s->evasion.tunnel_mb << 20)
		return;
	for (unsigned i = 0; i < x->n_evasions; i++)
		if (x->evasion[i].kind == ALERT_EVASION_TUNNEL)
			return;
	snprintf(evidence, sizeof(evidence), "%s, %llu MiB sent", x->protocol,
	        (unsigned long long)(f->payload[FLOW_C2S] >> 20));
	if (c->s->evasion.tunnel == SIGN_OFF)
		return;
	evasion_add(x, ALERT_EVASION_TUNNEL, SURE_TUNNEL, evidence);
	if (c->s->evasion.tunnel == SIGN_ALERT)
		tell_evasion(c, f, x, &x->evasion[x->n_evasions - 1], when_ns);
}

/* ---- what becomes of them
 * ------------------------------------------------------------------------------------ */

void evasion_names(struct classify *c, struct reading *r, int64_t when_ns)
{
	struct facts *x = &r->facts;
	unsigned kept = 0;

	encrypted_dns(c, r);
	for (unsigned i = 0; i < x->n_evasions; i++)
		if (mode_of(c->s, x->evasion[i].kind) != SIGN_OFF)
			x->evasion[kept++] = x->evasion[i];
	x->n_evasions = (uint8_t)kept;
	for (unsigned i = 0; i < kept; i++)
		if (mode_of(c->s, x->evasion[i].kind) == SIGN_ALERT)
			tell_evasion(c, r->flow, x, &x->evasion[i], when_ns);
}
