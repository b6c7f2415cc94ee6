/* hidden.c - names that are missing, encrypted or inferred: what else tells where a connection goes, how sure
 * that is, and why nothing does. */
#include "classify/evasion.h"
#include "classify/reading.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

/* How certain a name is that the flow itself does not say, 0..100. */
enum {
	SURE_ECH_KNOWN = 85,     /* the client learned this very public name for the host it looked up */
	SURE_ECH_OF_SOME = 75,   /* ... and looked up others that have another one, or none */
	SURE_ECH_PUBLIC = 65,    /* a public name of many, and the client looked up a host for the address */
	SURE_ECH_SEEN = 90,      /* that a name is hidden, not which */
	SURE_SEVERAL = 50,       /* one of several names that the client looked up */
	SURE_FRONT_RANGE = 80,   /* that the SNI lies: the address is one service's alone */
	SURE_FRONT_LOOK_UP = 50, /* ... the client looked up a service for the address, and not this name */
	SURE_FRONT_CERT = 85,    /* ... the certificate is a service's, and not for this name */
	SURE_OTHERS = 50,        /* only other clients looked the address up */
};

/* Public names under which providers answer for all of their customers (ECH, RFC 9849 10.3). */
static const char *const public_names[] = {"cloudflare-ech.com", "encryptedsni.com", "ech-public.fastly.net"};

static bool public_name(const char *sni)
{
	for (size_t i = 0; i < sizeof(public_names) / sizeof(*public_names); i++)
		if (!strcmp(public_names[i], sni))
			return true;
	return false;
}

static const char *ago(int64_t ns, char buf[32])
{
	long long s = ns / NS_PER_S;

	if (s < 1)
		return "just before";
	snprintf(buf, 32, "%lld %s before", s < 120 ? s : s / 60, s < 120 ? "s" : "min");
	return buf;
}

static const struct service *service_of(const struct classify *c, const char *name)
{
	return facts_match(c, name, NULL).service;
}

/* Of several names the one to name: the last one of a service, for that is what matters if it is the one;
 * without a service the last one. */
static unsigned choose(const struct classify *c, const struct dns_found *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (service_of(c, f[i].name))
			return i;
	return 0;
}

static bool same_service(const struct classify *c, const struct dns_found *f, unsigned n)
{
	const struct service *s = service_of(c, f[0].name);

	for (unsigned i = 1; i < n; i++)
		if (!s || service_of(c, f[i].name) != s)
			return false;
	return true;
}

/* "this client looked up NAME for this address just before, and 2 other names" */
static void say_looked_up(const struct facts *x, const struct dns_found *f, unsigned n, char *out, size_t cap)
{
	char when[32], others[40] = "";

	if (n > 1)
		snprintf(others, sizeof(others), ", and %u other name%s", n - 1, n > 2 ? "s" : "");
	snprintf(out, cap, "this client looked up %.70s for this address %s%s", x->host, ago(f->age_ns, when),
	        others);
}

/* Names the flow by one of the names that were looked up; the others stand beside it. */
static void name_one_of(struct classify *c, struct facts *x, enum name_source by, const struct dns_found *f,
        unsigned n, unsigned at)
{
	facts_name(c, x, by, f[at].name, NULL);
	for (unsigned i = 0; i < n; i++)
		if (i != at)
			facts_also(c, x, f[i].by, f[i].name);
	if (n == 1 || same_service(c, f, n))
		return;
	x->sure = SURE_SEVERAL;
	x->possible = x->match.service != NULL;
}

bool hidden_lookups(struct classify *c, struct facts *x, const struct ip_addr *client,
        const struct ip_addr *server, int64_t when_ns)
{
	struct dns_found f[DNS_NAMES_MAX];
	unsigned n = dns_names(c->dns, client, server, when_ns, f, DNS_NAMES_MAX), at;

	if (!n)
		return false;
	at = n > 1 ? choose(c, f, n) : 0;
	name_one_of(c, x, f[at].by, f, n, at);
	say_looked_up(x, &f[at], n, x->evidence, sizeof(x->evidence));
	return true;
}

void hidden_address(struct classify *c, struct facts *x, const struct flow *f, int64_t when_ns)
{
	struct dns_found other;
	struct service_match m;
	char when[32];

	if (hidden_lookups(c, x, &f->addr[FLOW_C2S], &f->addr[FLOW_S2C], when_ns))
		return;
	m = catalogue_address(c->s->catalogue, &f->addr[FLOW_S2C]);
	if (m.service && m.service->use == USE_AI) {
		x->by = NAME_IP;
		x->match = m;
		snprintf(x->evidence, sizeof(x->evidence),
		        "the address is in a range that %.60s publishes for it", m.service->vendor);
		return;
	}
	if (facts_leaves(c, x, f) && dns_name_any(c->dns, &f->addr[FLOW_S2C], when_ns, &other)) {
		facts_name(c, x, NAME_DNS, other.name, NULL);
		x->sure = SURE_OTHERS;
		snprintf(x->evidence, sizeof(x->evidence),
		        "another client or another address of this one looked up %.60s for this address %s",
		        x->host, ago(other.age_ns, when));
	}
}

/* ---- ECH
 * --------------------------------------------------------------------------------------------------- */

/* The names that may stand behind a public name: those for which this client learned it, else, where it is
 * one of many customers', all that it looked up.  Moves them to the front; *known: by what it learned. */
static unsigned behind(struct classify *c, const struct ip_addr *client, const char *sni, struct dns_found *f,
        unsigned n, int64_t when_ns, bool *known)
{
	unsigned k = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *learned = dns_ech_public(c->dns, client, f[i].name, when_ns);
		struct dns_found one = f[i];

		if (!learned || strcmp(learned, sni) != 0)
			continue;
		memmove(&f[k + 1], &f[k], (i - k) * sizeof(*f));
		f[k++] = one;
	}
	*known = k > 0;
	return k ? k : public_name(sni) ? n : 0;
}

/* The name itself stands in the hello: GREASE, or nothing to hide.  Nobody visits a public name of many. */
static bool says_itself(const char *sni, const struct dns_found *f, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(f[i].name, sni))
			return !public_name(sni);
	return false;
}

/* Nothing that this client looked up tells what the SNI stands for; what others did stays a guess. */
static void ech_unknown(struct classify *c, struct reading *r, const char *sni)
{
	struct facts *x = &r->facts;
	char guess[sizeof(x->evidence)];

	memcpy(guess, x->evidence, sizeof(guess));
	facts_also(c, x, NAME_SNI, sni);
	x->unnamed = UNNAMED_ECH;
	if (guess[0])
		snprintf(x->evidence, sizeof(x->evidence), "the SNI is a public name of ECH; %.120s", guess);
	evasion_add(x, ALERT_EVASION_ECH, SURE_ECH_SEEN,
	        "the SNI is a public name of ECH, and no look-up of this client tells what it stands for");
}

static void ech_inferred(struct classify *c, struct reading *r, const char *sni, const struct dns_found *f,
        unsigned among, unsigned n, bool known)
{
	struct facts *x = &r->facts;
	unsigned at = among > 1 ? choose(c, f, among) : 0;
	char shown[HOST_MAX], lookup[160];

	memcpy(shown, x->tls.sni, sizeof(shown));
	x->by = NAME_NONE;
	x->host[0] = '\0';
	x->n_also = 0;
	name_one_of(c, x, NAME_HTTPS_RR, f, among, at);
	facts_also(c, x, NAME_SNI, sni);
	if (x->sure) /* one of several: which, nobody can tell */
		x->unnamed = UNNAMED_ECH;
	else
		x->sure = !known ? SURE_ECH_PUBLIC : n > among ? SURE_ECH_OF_SOME : SURE_ECH_KNOWN;
	say_looked_up(x, &f[at], among, lookup, sizeof(lookup));
	snprintf(x->evidence, sizeof(x->evidence), "the SNI %.30s is %s; %s", shown,
	        known ? "the public name of its ECH" : "a public name of ECH", lookup);
	evasion_add(x, ALERT_EVASION_ECH, x->unnamed == UNNAMED_ECH ? SURE_ECH_SEEN : x->sure, x->evidence);
}

bool hidden_ech(struct classify *c, struct reading *r, const struct hello *h, int64_t when_ns)
{
	const struct ip_addr *client = &r->flow->addr[FLOW_C2S];
	struct dns_found f[DNS_NAMES_MAX];
	unsigned n, among;
	bool known;

	if (!h->ech || r->facts.via.n)
		return false;
	n = dns_names(c->dns, client, &r->flow->addr[FLOW_S2C], when_ns, f, DNS_NAMES_MAX);
	if (says_itself(h->sni, f, n))
		return false;
	among = behind(c, client, h->sni, f, n, when_ns, &known);
	if (among)
		ech_inferred(c, r, h->sni, f, among, n, known);
	else if (public_name(h->sni))
		ech_unknown(c, r, h->sni);
	return among || public_name(h->sni);
}

/* ---- names that lie
 * ----------------------------------------------------------------------------------------- */

/* A name of the service's own domains hides nothing, in the catalogue or not. */
static bool of_its_domains(const struct service *s, const char *name)
{
	for (size_t i = 0; i < s->n_hosts; i++)
		if (!strchr(s->hosts[i].host, '{') && evasion_same_domain(s->hosts[i].host, name))
			return true;
	return false;
}

static bool looked_up(struct classify *c, const struct flow *f, const char *name, int64_t when_ns)
{
	struct dns_found seen[DNS_NAMES_MAX];
	unsigned n = dns_names(c->dns, &f->addr[FLOW_C2S], &f->addr[FLOW_S2C], when_ns, seen, DNS_NAMES_MAX);

	for (unsigned i = 0; i < n; i++)
		if (!strcmp(seen[i].name, name))
			return true;
	return false;
}

/* The address is a service's, by its published range or by what this client looked up, and the SNI is
 * nobody's that the client looked up: servers that do not care answer all the same.  true: the address
 * stands, not the SNI. */
static bool sni_lies(struct classify *c, struct reading *r, enum name_source by, const char *sni)
{
	struct facts *x = &r->facts;
	const struct service *s = x->match.service;
	char evidence[160], shown[HOST_MAX];
	bool range = x->by == NAME_IP;

	if (!s || x->via.n || x->sure == SURE_OTHERS || facts_match(c, sni, NULL).service ||
	        of_its_domains(s, sni) || (!range && looked_up(c, r->flow, sni, r->flow->last_ns)))
		return false;
	r->doubted = true;
	facts_shown(c, sni, shown, sizeof(shown));
	snprintf(evidence, sizeof(evidence), "%s asks for %.40s, the address is %.20s %.60s",
	        name_source_text(by), shown, range ? "published for" : "what was looked up for",
	        range ? s->name : x->host);
	if (c->s->evasion.fronting != SIGN_OFF)
		evasion_add(
		        x, ALERT_EVASION_FRONTING, range ? SURE_FRONT_RANGE : SURE_FRONT_LOOK_UP, evidence);
	if (range)
		facts_also(c, x, by, sni);
	return range;
}

void hidden_sni(struct classify *c, struct reading *r, enum name_source by, const char *sni)
{
	struct facts *x = &r->facts;

	if (x->by == NAME_CONNECT || x->by == NAME_SOCKS) {
		char outer[HOST_MAX];

		memcpy(outer, x->host, sizeof(outer));
		if (r->tunnels < 2) /* else it may belong to any of them */
			evasion_fronting(c, r, x->by, outer, by, sni);
	} else if (sni_lies(c, r, by, sni)) {
		return;
	}
	facts_name(c, x, by, sni, NULL);
}

/* ---- certificates
 * ------------------------------------------------------------------------------------------- */

#define SEEN_CERTS 4096

/* Who signed for a name before; a place is overwritten by the next name that falls on it. */
struct seen_cert {
	uint64_t name, issuer;
};

struct seen_cert *hidden_certs_create(void)
{
	return calloc(SEEN_CERTS, sizeof(struct seen_cert));
}

static bool issuer_changed(struct classify *c, const char *name, const char *issuer)
{
	uint64_t n = hash64(name, strlen(name), 3) | 1, i = hash64(issuer, strlen(issuer), 4);
	struct seen_cert *s = &c->certs[n % SEEN_CERTS];
	bool changed = s->name == n && s->issuer != i;

	*s = (struct seen_cert){n, i};
	return changed;
}

/* The certificate names a service, and not the SNI: then the service it is. */
static void sni_was_a_lie(struct classify *c, struct reading *r, const char *name)
{
	struct facts *x = &r->facts;
	char evidence[160], sni[HOST_MAX], shown[HOST_MAX];

	memcpy(sni, x->tls.sni, sizeof(sni));
	x->by = NAME_NONE;
	x->host[0] = '\0';
	facts_name(c, x, NAME_CERT, name, NULL);
	facts_also(c, x, r->udp ? NAME_QUIC_SNI : NAME_SNI, sni);
	facts_shown(c, name, shown, sizeof(shown));
	snprintf(evidence, sizeof(evidence), "sni asks for %.50s, the server's certificate is for %.50s", sni,
	        shown);
	snprintf(x->evidence, sizeof(x->evidence), "%s", evidence);
	if (c->s->evasion.fronting != SIGN_OFF)
		evasion_add(x, ALERT_EVASION_FRONTING, SURE_FRONT_CERT, evidence);
	r->settled = false;
}

void hidden_cert(struct classify *c, struct reading *r, const struct certificate *cert, int64_t when_ns)
{
	struct facts *x = &r->facts;
	int32_t day = time_day(when_ns);

	x->cert.seen = true;
	x->cert.made_up = evasion_tor_cert(cert);
	x->cert.not_before = cert->not_before;
	x->cert.not_after = cert->not_after;
	memcpy(x->cert.sha256, cert->sha256, sizeof(x->cert.sha256));
	detect_mask(c->detect, cert->issuer, strlen(cert->issuer), x->cert.issuer, sizeof(x->cert.issuer));
	x->cert.flags = (uint8_t)((day > cert->not_after ? CERT_EXPIRED : 0) |
	                          (day < cert->not_before ? CERT_NOT_YET : 0) |
	                          (cert->self_signed ? CERT_SELF_SIGNED : 0) |
	                          (x->tls.sni[0] && !cert->covers ? CERT_OTHER_NAME : 0));
	if (r->doubted && cert->name[0] && !cert->covers && service_of(c, cert->name) && !x->via.n) {
		sni_was_a_lie(c, r, cert->name);
		return;
	}
	/* its first name is any of those the server has: it does not replace a service that the client's own
	 * look-up or the address told */
	if (cert->name[0] && x->by > NAME_CERT && x->match.service &&
	        (!x->sure || x->sure >= FACTS_SURE_ALERT)) {
		facts_also(c, x, NAME_CERT, cert->name);
	} else if (cert->name[0] && (x->by == NAME_NONE || x->by > NAME_CERT)) {
		facts_name(c, x, NAME_CERT, cert->name, NULL);
		snprintf(x->evidence, sizeof(x->evidence), "the server's certificate is for %.100s", x->host);
		r->settled = false;
	}
	if (x->match.service && x->host[0] && issuer_changed(c, x->host, cert->issuer))
		x->cert.flags |= CERT_CHANGED;
}

/* ---- the end of reading
 * -------------------------------------------------------------------------------------- */

static enum unnamed why_unnamed(const struct classify *c, const struct reading *r)
{
	const struct facts *x = &r->facts;
	const struct flow *f = r->flow;

	if (x->tls.seen && !x->via.n && networks_proxy(c->s->networks, &f->addr[FLOW_S2C]))
		return UNNAMED_ENCRYPTED_PROXY;
	if (x->match.shared)
		return UNNAMED_SHARED;
	if (x->host[0] || x->match.service || x->unnamed == UNNAMED_ECH)
		return x->unnamed;
	if (x->why_not & WHY_LIMIT)
		return UNNAMED_LIMIT;
	if (x->tls.seen)
		return UNNAMED_NO_SNI;
	if (!r->udp && !(f->flags & (FLOW_F_SYN | FLOW_F_SYNACK)))
		return UNNAMED_NO_HANDSHAKE;
	return UNNAMED_PROTOCOL;
}

void hidden_finish(struct classify *c, struct reading *r)
{
	struct facts *x = &r->facts;

	x->unnamed = facts_leaves(c, x, r->flow) ? why_unnamed(c, r) : UNNAMED_NOT;
	posture_check(c, r, r->flow->last_ns);
}

/* ---- what a contract asks of TLS
 * ----------------------------------------------------------------------------- */

void posture_check(struct classify *c, struct reading *r, int64_t when_ns)
{
	static const struct {
		unsigned flag;
		const char *words;
	} flags[] = {{CERT_EXPIRED, "its certificate has expired"},
	        {CERT_NOT_YET, "its certificate is not valid yet"},
	        {CERT_SELF_SIGNED, "its certificate is signed by itself"},
	        {CERT_OTHER_NAME, "its certificate is for another name"},
	        {CERT_CHANGED, "its certificate has another issuer than before"}};
	struct facts *x = &r->facts;
	const struct partner *p = x->verdict.partner;
	char what[256] = "", text[64];
	size_t n = 0;

	if (!p || !x->tls.answered || x->onward)
		return;
	if (p->tls_min && x->tls.version < p->tls_min) {
		x->below_floor = true;
		snprintf(text, sizeof(text), "TLS %s, below the %s of its contract",
		        tls_version_name(x->tls.version), tls_version_name(p->tls_min));
		n = (size_t)snprintf(what, sizeof(what), "%s", text);
	}
	/* TLS 1.2 shows its certificate a moment later: both are told at once */
	if (x->tls.version < 0x0304 && !x->tls.resumed && !x->cert.seen && r->form == TRACKED_READING &&
	        !r->closing)
		return;
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags) && n < sizeof(what); i++)
		if (x->cert.seen && x->cert.flags & flags[i].flag)
			n += (size_t)snprintf(
			        what + n, sizeof(what) - n, "%s%s", n ? "; " : "", flags[i].words);
	if (n)
		tell_posture(c, r, what, when_ns);
}
