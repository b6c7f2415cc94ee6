/* hidden.c - names that are missing, encrypted or inferred: what else tells where a connection goes, how sure
 * that is, and why nothing does. */
#include "classify/evasion.h"
#include "classify/reading.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

#define SURE_ECH_KNOWN  85 /* the client learned this very public name for the host it looked up */
#define SURE_ECH_PUBLIC 65 /* a public name of many, and the client looked up a host for the address */
#define SURE_ECH_SEEN   90 /* that a name is hidden, not which */
#define SURE_OTHERS     50 /* only other clients looked the address up */

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

void hidden_address(struct classify *c, struct facts *x, const struct flow *f, int64_t when_ns)
{
	const char *host = dns_name(c->dns, &f->addr[FLOW_C2S], &f->addr[FLOW_S2C], when_ns);
	struct service_match m;
	char when[32];

	if (host) {
		facts_name(c, x, dns_name_by(c->dns), host, NULL);
		snprintf(x->evidence, sizeof(x->evidence), "this client looked up %.90s for this address %s",
		        x->host, ago(dns_name_age(c->dns), when));
		return;
	}
	m = catalogue_address(c->s->catalogue, &f->addr[FLOW_S2C]);
	if (m.service && !m.service->resolver) {
		x->by = NAME_IP;
		x->match = m;
		snprintf(x->evidence, sizeof(x->evidence),
		        "the address is in a range that %.60s publishes for it", m.service->vendor);
		return;
	}
	host = dns_name_any(c->dns, &f->addr[FLOW_S2C], when_ns);
	if (host && facts_leaves(c, x, f)) {
		facts_name(c, x, NAME_DNS, host, NULL);
		x->sure = SURE_OTHERS;
		snprintf(x->evidence, sizeof(x->evidence),
		        "another client or another address of this one looked up %.60s for this address %s",
		        x->host, ago(dns_name_age(c->dns), when));
	}
}

/* ---- ECH
 * --------------------------------------------------------------------------------------------------- */

static void inferred(struct classify *c, struct reading *r, const char *host, const char *sni, bool known,
        const char *when)
{
	struct facts *x = &r->facts;
	char shown[HOST_MAX];

	memcpy(shown, x->tls.sni, sizeof(shown));
	x->by = NAME_NONE;
	x->host[0] = '\0';
	facts_name(c, x, NAME_HTTPS_RR, host, NULL);
	facts_also(c, x, NAME_SNI, sni);
	x->sure = known ? SURE_ECH_KNOWN : SURE_ECH_PUBLIC;
	snprintf(x->evidence, sizeof(x->evidence),
	        "the SNI %.40s is %s; this client looked up %.50s for this address %s", shown,
	        known ? "the public name of its ECH" : "a public name of ECH", x->host, when);
	evasion_add(x, ALERT_EVASION_ECH, x->sure, x->evidence);
}

bool hidden_ech(struct classify *c, struct reading *r, const struct hello *h, int64_t when_ns)
{
	const struct ip_addr *client = &r->flow->addr[FLOW_C2S];
	const char *host, *learned;
	char name[HOST_MAX], when[32];
	bool known, several;

	if (!h->ech || r->facts.via.n)
		return false;
	host = dns_name(c->dns, client, &r->flow->addr[FLOW_S2C], when_ns);
	if (host && !strcmp(host, h->sni))
		return false; /* the name itself: GREASE, or a name that needs no hiding */
	if (host) {
		several = dns_name_shared(c->dns);
		snprintf(name, sizeof(name), "%s", host);
		learned = dns_ech_public(c->dns, client, name, when_ns);
		known = learned && !strcmp(learned, h->sni);
		if (!known && !public_name(h->sni))
			return false;
		if (several) {
			r->facts.unnamed = UNNAMED_ECH;
			evasion_add(&r->facts, ALERT_EVASION_ECH, SURE_ECH_SEEN,
			        "the SNI is a public name of ECH, and this client looked up several names "
			        "for "
			        "this address");
			return false;
		}
		inferred(c, r, name, h->sni, known, ago(dns_name_age(c->dns), when));
		return true;
	}
	if (public_name(h->sni)) {
		r->facts.unnamed = UNNAMED_ECH;
		evasion_add(&r->facts, ALERT_EVASION_ECH, SURE_ECH_SEEN,
		        "the SNI is a public name of ECH, and no look-up tells what it stands for");
	}
	return false;
}

void hidden_sni(struct classify *c, struct reading *r, enum name_source by, const char *sni, int64_t when_ns)
{
	struct facts *x = &r->facts;

	if (x->by == NAME_CONNECT || x->by == NAME_SOCKS) {
		char outer[HOST_MAX];

		memcpy(outer, x->host, sizeof(outer));
		evasion_fronting(c, r, x->by, outer, by, sni, when_ns);
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

void hidden_cert(struct classify *c, struct reading *r, const struct certificate *cert, int64_t when_ns)
{
	struct facts *x = &r->facts;
	int32_t day = time_day(when_ns);

	x->cert.seen = true;
	x->cert.not_before = cert->not_before;
	x->cert.not_after = cert->not_after;
	memcpy(x->cert.sha256, cert->sha256, sizeof(x->cert.sha256));
	detect_mask(c->detect, cert->issuer, strlen(cert->issuer), x->cert.issuer, sizeof(x->cert.issuer));
	x->cert.flags = (uint8_t)((day > cert->not_after ? CERT_EXPIRED : 0) |
	                          (day < cert->not_before ? CERT_NOT_YET : 0) |
	                          (cert->self_signed ? CERT_SELF_SIGNED : 0) |
	                          (x->tls.sni[0] && !cert->covers ? CERT_OTHER_NAME : 0));
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
	if (x->host[0] || x->match.service)
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
