/* evasion.c - see evasion.h */
#include "classify/evasion.h"

#include <stdio.h>
#include <string.h>

#define PORT_ENCRYPTED_DNS 853

/* How certain each sign is, 0..100.  What is below `evasion.alert_from` alerts nobody. */
enum {
	SURE_FRONTING = 80,
	SURE_SHARED_CONNECTION = 50, /* other requests of the connection go where its SNI says */
	SURE_DNS_PORT = 90,
	SURE_DNS_ALPN = 95,
	SURE_DNS_WORD = 80, /* nDPI's */
	SURE_RESOLVER = 85,
	SURE_RESOLVER_NAME = 55, /* it only sounds like one */
	SURE_CARRIER = 95,       /* by its own messages */
	SURE_CARRIER_WORD = 80,
	SURE_CARRIER_TLS = 90,
	SURE_CARRIER_HOST = 75,
	SURE_LOOK_UPS = 50, /* resolvers of one's own send much on one connection, too */
	SURE_TOR_CERT = 85,
	SURE_TOR_NAME = 50,
};

static enum sign_mode mode_of(const struct settings *s, const struct facts *x, enum alert_kind kind)
{
	switch (kind) {
	case ALERT_EVASION_ECH:
		return s->evasion.ech;
	case ALERT_EVASION_FRONTING:
		return s->evasion.fronting;
	case ALERT_EVASION_DOH:
		return s->evasion.doh;
	default:
		return x->carrier.sort == CARRIER_DESKTOP ? s->evasion.remote_desktop : s->evasion.tunnel;
	}
}

static struct evasion *sign_of(struct facts *x, enum alert_kind kind)
{
	for (unsigned i = 0; i < x->n_evasions; i++)
		if (x->evasion[i].kind == kind)
			return &x->evasion[i];
	return NULL;
}

void evasion_add(struct facts *x, enum alert_kind kind, uint8_t confidence, const char *evidence)
{
	struct evasion *e = sign_of(x, kind);

	if (e && e->confidence >= confidence)
		return;
	if (!e && x->n_evasions == FACT_EVASION_MAX)
		return;
	if (!e) {
		e = &x->evasion[x->n_evasions++];
		e->told = false;
	}
	e->kind = (uint8_t)kind;
	e->confidence = confidence;
	snprintf(e->evidence, sizeof(e->evidence), "%.*s", (int)sizeof(e->evidence) - 1, evidence);
}

void evasion_tell(struct classify *c, const struct flow *f, struct facts *x, int64_t when_ns)
{
	for (unsigned i = 0; i < x->n_evasions; i++) {
		struct evasion *e = &x->evasion[i];

		if (e->told || e->kind == ALERT_EVASION_TUNNEL || /* which has its own condition */
		        mode_of(c->s, x, e->kind) != SIGN_ALERT || e->confidence < c->s->evasion.alert_from)
			continue;
		e->told = true;
		tell_evasion(c, f, x, e, when_ns);
	}
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

bool evasion_same_domain(const char *a, const char *b)
{
	return !strcmp(registered(a), registered(b));
}

/* Whose a name is: a vendor who has both names hides nothing behind the first. */
static bool same_owner(const struct classify *c, const char *a, const char *b)
{
	struct service_match x = facts_match(c, a, NULL), y = facts_match(c, b, NULL);

	if (x.service == y.service) /* both nobody's, or both the same one's */
		return true;
	return x.service && y.service && !strcmp(x.service->vendor, y.service->vendor);
}

static bool two_destinations(const struct classify *c, const char *outer, const char *inner)
{
	struct ip_addr literal;

	return *outer && *inner && strcmp(outer, inner) != 0 && ip_parse(outer, &literal) < 0 &&
	       ip_parse(inner, &literal) < 0 && !evasion_same_domain(outer, inner) &&
	       !same_owner(c, outer, inner);
}

static void fronting(struct classify *c, struct reading *r, enum name_source outer_by, const char *outer,
        enum name_source inner_by, const char *inner, uint8_t sure)
{
	char evidence[160], shown[2][HOST_MAX];

	if (c->s->evasion.fronting == SIGN_OFF || !two_destinations(c, outer, inner))
		return;
	facts_shown(c, outer, shown[0], HOST_MAX);
	facts_shown(c, inner, shown[1], HOST_MAX);
	snprintf(evidence, sizeof(evidence), "%s asks for %.56s, %s inside for %.56s",
	        name_source_text(outer_by), shown[0], name_source_text(inner_by), shown[1]);
	evasion_add(&r->facts, ALERT_EVASION_FRONTING, sure, evidence);
}

void evasion_fronting(struct classify *c, struct reading *r, enum name_source outer_by, const char *outer,
        enum name_source inner_by, const char *inner)
{
	fronting(c, r, outer_by, outer, inner_by, inner, SURE_FRONTING);
}

/* Browsers send requests for several names on one connection where its certificate has them all (RFC 9113
 * 9.1.1); then some of them are for the name of the SNI. */
void evasion_request(struct classify *c, struct reading *r, const char *host, int64_t when_ns)
{
	const struct facts *x = &r->facts;

	/* a masked SNI is no name to compare with */
	if (!x->tls.seen || !x->tls.sni[0] || !*host || strchr(x->tls.sni, '*'))
		return;
	if (evasion_same_domain(x->tls.sni, host))
		r->fronts_too = true;
	else
		fronting(c, r, r->udp ? NAME_QUIC_SNI : NAME_SNI, x->tls.sni, NAME_HTTP, host,
		        r->fronts_too ? SURE_SHARED_CONNECTION : SURE_FRONTING);
	evasion_tell(c, r->flow, &r->facts, when_ns);
}

/* ---- encrypted DNS
 * ------------------------------------------------------------------------------------------- */

/* What the catalogue says of a flow's destination, AI services apart: by its name, or by the address that it
 * really goes to. */
static const struct service *known_as(
        const struct classify *c, const struct facts *x, const struct flow *f, bool by_address)
{
	struct service_match m = {.service = NULL};
	struct ip_addr literal;

	if (x->host[0] && ip_parse(x->host, &literal) == 0)
		m = catalogue_address(c->s->catalogue, &literal);
	else if (x->host[0])
		m = catalogue_host(c->s->catalogue, x->host, NULL);
	if (!m.service && by_address && !x->via.n)
		m = catalogue_address(c->s->catalogue, &f->addr[FLOW_S2C]);
	return m.service && m.service->use != USE_AI ? m.service : NULL;
}

static uint16_t port_of(const struct reading *r)
{
	unsigned hops = r->facts.via.n;

	return hops ? r->target[hops - 1].port : r->flow->port[FLOW_S2C];
}

/* "dot", "doq", "doh": what a TLS or QUIC connection is, and how that shows; NULL: none of them. */
static bool sounds_like_resolver(const char *host)
{
	return !strncmp(host, "doh", 3) &&
	       (host[3] == '.' || host[3] == '-' || (host[3] >= '0' && host[3] <= '9'));
}

static const char *dns_inside_tls(const struct classify *c, const struct reading *r, uint8_t *sure)
{
	const struct facts *x = &r->facts;
	const struct service *known;

	if (!strcmp(x->tls.alpn, "dot") || !strcmp(x->tls.alpn, "doq") || !strncmp(x->tls.alpn, "doq-", 4)) {
		*sure = SURE_DNS_ALPN;
		return r->udp ? "doq" : "dot";
	}
	if (port_of(r) == PORT_ENCRYPTED_DNS) {
		*sure = SURE_DNS_PORT;
		return r->udp ? "doq" : "dot";
	}
	known = known_as(c, x, r->flow, true);
	*sure = SURE_RESOLVER;
	if (known && known->use == USE_RESOLVER)
		return "doh";
	*sure = SURE_RESOLVER_NAME;
	return sounds_like_resolver(x->host) ? "doh" : NULL;
}

static void encrypted_dns(struct classify *c, struct reading *r)
{
	static const struct {
		const char *protocol, *words;
	} names[] = {{"doh", "DNS over HTTPS"}, {"dot", "DNS over TLS"}, {"doq", "DNS over QUIC"},
	        {"DNScrypt", "DNSCrypt"}};
	struct facts *x = &r->facts;
	uint8_t sure = SURE_DNS_WORD;
	const char *what = NULL, *words = "";
	char evidence[160];

	if (c->s->evasion.doh == SIGN_OFF || !facts_leaves(c, x, r->flow))
		return;
	if (x->tls.seen)
		what = dns_inside_tls(c, r, &sure);
	else if (!strcasecmp(x->protocol, "DNScrypt"))
		what = "DNScrypt";
	if (!what)
		return;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i].protocol, what))
			words = names[i].words;
	snprintf(x->protocol, sizeof(x->protocol), "%s", what);
	snprintf(evidence, sizeof(evidence), "%s with %.100s", words,
	        x->host[0] ? x->host : "a resolver outside");
	evasion_add(x, ALERT_EVASION_DOH, sure, evidence);
}

/* ---- tunnels and remote desktops
 * --------------------------------------------------------------------------------- */

static void sent_text(const struct flow *f, char *out, size_t cap)
{
	uint64_t n = f->payload[FLOW_C2S];

	if (n >> 20)
		snprintf(out, cap, "%llu MiB sent", (unsigned long long)(n >> 20));
	else
		snprintf(out, cap, "%llu KiB sent", (unsigned long long)(n + 1023) >> 10);
}

/* What the sign says: its bytes are those of now. */
static void carrier_evidence(const struct flow *f, struct facts *x)
{
	struct evasion *e = sign_of(x, ALERT_EVASION_TUNNEL);
	char sent[32];

	if (!e)
		return;
	sent_text(f, sent, sizeof(sent));
	snprintf(e->evidence, sizeof(e->evidence), "%.60s%s%.60s, %s", x->carrier.name,
	        x->host[0] ? " at " : "", x->host,
	        x->carrier.elsewhere ? "set up; what it carries goes in packets of its own" : sent);
}

void evasion_carrier(struct classify *c, struct facts *x, const struct flow *f, const char *name,
        enum carrier_sort sort, uint8_t sure)
{
	x->carrier.name = name;
	x->carrier.sort = (uint8_t)sort;
	if (!facts_leaves(c, x, f) || x->direction == DIRECTION_IN ||
	        mode_of(c->s, x, ALERT_EVASION_TUNNEL) == SIGN_OFF)
		return;
	evasion_add(x, ALERT_EVASION_TUNNEL, sure, name);
	carrier_evidence(f, x);
}

void evasion_carrier_seen(
        struct classify *c, struct reading *r, const struct carrier *what, bool elsewhere, int64_t when_ns)
{
	struct facts *x = &r->facts;

	snprintf(x->protocol, sizeof(x->protocol), "%s", what->name);
	x->carrier.elsewhere = elsewhere;
	x->why_not |= WHY_UNSUPPORTED; /* what it carries is not read */
	evasion_carrier(c, x, r->flow, what->name, what->sort, SURE_CARRIER);
	evasion_tunnel(c, r->flow, x, when_ns);
}

bool evasion_tunnel(struct classify *c, const struct flow *f, struct facts *x, int64_t when_ns)
{
	struct evasion *e = sign_of(x, ALERT_EVASION_TUNNEL);

	if (!e)
		return false;
	carrier_evidence(f, x);
	if (e->told || mode_of(c->s, x, ALERT_EVASION_TUNNEL) != SIGN_ALERT ||
	        e->confidence < c->s->evasion.alert_from ||
	        (!x->carrier.elsewhere && f->payload[FLOW_C2S] < (uint64_t)c->s->evasion.tunnel_mb << 20))
		return false;
	e->told = true;
	tell_evasion(c, f, x, e, when_ns);
	return true;
}

static bool many_look_ups(const struct classify *c, const struct flow *f, const struct facts *x)
{
	uint64_t most = c->s->evasion.tunnel_mb ? (uint64_t)c->s->evasion.tunnel_mb << 20 : 1u << 20;

	return !strcmp(x->protocol, "dns") && f->payload[FLOW_C2S] >= most;
}

void evasion_look_ups(struct classify *c, const struct flow *f, struct facts *x, int64_t when_ns)
{
	if (!many_look_ups(c, f, x))
		return;
	evasion_carrier(c, x, f, "look-ups in DNS", CARRIER_TUNNEL, SURE_LOOK_UPS);
	evasion_tunnel(c, f, x, when_ns);
}

/* tor-spec 2.2 ("in-protocol" handshake): the name asked for is www. and 4 to 25 letters of base32, .com; the
 * certificate's are made alike, ending in .net and issued by another of .com. */
static bool base32_name(const char *host, const char *zone)
{
	size_t n = strlen(host), digits = 0;

	if (n < 4 + 4 + 4 || n > 4 + 25 + 4 || strncmp(host, "www.", 4) != 0 ||
	        strcmp(host + n - 4, zone) != 0)
		return false;
	for (size_t i = 4; i < n - 4; i++) {
		if ((host[i] < 'a' || host[i] > 'z') && (host[i] < '2' || host[i] > '7'))
			return false;
		digits += host[i] <= '7';
	}
	return digits > 0;
}

bool evasion_tor_name(const char *sni)
{
	return base32_name(sni, ".com");
}

bool evasion_tor_cert(const struct certificate *cert)
{
	return base32_name(cert->name, ".net") && base32_name(cert->issuer, ".com");
}

static void tor(struct classify *c, struct reading *r)
{
	struct facts *x = &r->facts;
	bool cert = x->cert.seen && x->cert.made_up;
	struct dns_found lookup;

	/* names of the web are looked up, and browsers offer protocols */
	if (!x->tls.seen || x->tls.alpn[0] || x->match.service || !base32_name(x->tls.sni, ".com"))
		return;
	if (!cert && dns_names(c->dns, &r->flow->addr[FLOW_C2S], &r->flow->addr[FLOW_S2C], r->flow->last_ns,
	                     &lookup, 1))
		return;
	evasion_carrier(c, x, r->flow, "Tor", CARRIER_TUNNEL, cert ? SURE_TOR_CERT : SURE_TOR_NAME);
}

/* What their TLS shows: protocols that only they speak, certificates that only they have. */
static bool tls_mark(struct classify *c, struct reading *r)
{
	static const struct {
		const char *alpn, *issuer;
		struct carrier as;
	} marks[] = {
	        {"anydesk/", NULL, {"AnyDesk", CARRIER_DESKTOP}},
	        {NULL, "philandro Software GmbH", {"AnyDesk", CARRIER_DESKTOP}},
	        {NULL, "AnyDesk Client", {"AnyDesk", CARRIER_DESKTOP}},
	        {NULL, "Private Internet Access", {"Private Internet Access", CARRIER_TUNNEL}},
	};
	struct facts *x = &r->facts;

	for (size_t i = 0; x->tls.seen && i < sizeof(marks) / sizeof(*marks); i++) {
		if (!(marks[i].alpn && !strncmp(x->tls.alpn, marks[i].alpn, strlen(marks[i].alpn))) &&
		        !(marks[i].issuer && x->cert.seen && !strcmp(x->cert.issuer, marks[i].issuer)))
			continue;
		evasion_carrier(c, x, r->flow, marks[i].as.name, marks[i].as.sort, SURE_CARRIER_TLS);
		return true;
	}
	return false;
}

/* Carriers that no message told: by nDPI's word, by name or address, by the names they make up. */
static void find_carrier(struct classify *c, struct reading *r)
{
	struct facts *x = &r->facts;
	const struct carrier *word;
	const struct service *known;

	if (x->carrier.name || tls_mark(c, r))
		return;
	if ((word = carrier_by_word(x->protocol))) {
		evasion_carrier(c, x, r->flow, word->name, word->sort, SURE_CARRIER_WORD);
		return;
	}
	if (many_look_ups(c, r->flow, x)) {
		evasion_carrier(c, x, r->flow, "look-ups in DNS", CARRIER_TUNNEL, SURE_LOOK_UPS);
		return;
	}
	known = known_as(c, x, r->flow, true);
	if (known && known->use == USE_TUNNEL)
		evasion_carrier(c, x, r->flow, known->name, CARRIER_TUNNEL, SURE_CARRIER_HOST);
	else if (known && known->use == USE_DESKTOP)
		evasion_carrier(c, x, r->flow, known->name, CARRIER_DESKTOP, SURE_CARRIER_HOST);
	else
		tor(c, r);
}

/* ---- what becomes of them
 * ------------------------------------------------------------------------------------ */

void evasion_names(struct classify *c, struct reading *r, int64_t when_ns)
{
	struct facts *x = &r->facts;
	unsigned kept = 0;

	encrypted_dns(c, r);
	find_carrier(c, r);
	for (unsigned i = 0; i < x->n_evasions; i++)
		if (mode_of(c->s, x, x->evasion[i].kind) != SIGN_OFF)
			x->evasion[kept++] = x->evasion[i];
	x->n_evasions = (uint8_t)kept;
	evasion_tell(c, r->flow, x, when_ns);
	evasion_tunnel(c, r->flow, x, when_ns);
}
