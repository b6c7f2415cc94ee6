/* names.h - the layers and helpers that tell who a flow talks to. */
#ifndef CLASSIFY_NAMES_NAMES_H
#define CLASSIFY_NAMES_NAMES_H

#include "base/err.h"
#include "capture/packet.h"
#include "classify/layer.h"

/* TLS over a byte stream: records (RFC 8446 5.1) to handshake messages to hellos.  DONE as soon as both
 * hellos were seen, or the client's and application data. */
extern const struct layer_ops tls_layer;
/* Could these first bytes of a connection be TLS?  1 yes, 0 no, -1 too few to say. */
int tls_probe(const uint8_t *p, size_t n);
/* Could a record of a connection begin here whose hellos were not captured? */
bool tls_record_probe(const uint8_t *p, size_t n);

/* QUIC v1 and v2 (RFC 9000, 9001, 9369): decrypts Initial packets of both sides.  Fed one datagram at a time
 * (stream is 0).  DONE when both hellos were seen; BAD when the datagram is not QUIC. */
extern const struct layer_ops quic_layer;
bool quic_probe(const uint8_t *p, size_t n); /* long header with a version we can open */

/* SOCKS and the PROXY protocol: the layers stay and carry the connection inside (sink.bytes).  The probes are
 * for the client's first bytes: 1 yes, 0 no, -1 too few to say. */
extern const struct layer_ops socks_layer, proxy_header_layer;
int socks_probe(const uint8_t *p, size_t n);
int proxy_header_probe(const uint8_t *p, size_t n);

/* ---- DNS: answers kept per client, with TTL ------------------------------------------------------------ */
struct dns_cache; /* one per worker; bounded; the oldest answer goes first */
struct dns_cache *dns_cache_create(size_t entries, unsigned grace_s, struct err *e);
void dns_cache_destroy(struct dns_cache *d);
/* A DNS message as it stands in a UDP datagram (or in TCP behind its length).  Answers are stored for the
 * client; returns 0, or -1 when it is no well-formed DNS message (counted by the caller). */
int dns_message(
        struct dns_cache *d, const struct ip_addr *client, const uint8_t *p, size_t n, int64_t when_ns);
/* Could it be a DNS message of `whole` bytes, of which n are there?  By its header alone; other things go to
 * port 53 to be taken for DNS. */
bool dns_plausible(const uint8_t *p, size_t n, size_t whole);
struct dns_found {
	const char *name;    /* valid until the next dns_message() */
	enum name_source by; /* NAME_DNS, or NAME_HTTPS_RR (an address hint) */
	int64_t age_ns;      /* since the answer */
};
#define DNS_NAMES_MAX 8 /* remembered of one client and address */
/* The names that this client resolved to that address, still within TTL plus grace, the last one first. */
unsigned dns_names(struct dns_cache *d, const struct ip_addr *client, const struct ip_addr *server,
        int64_t when_ns, struct dns_found *out, unsigned max);
/* The one name that any client resolved to that address of late; false: none, or several. */
bool dns_name_any(struct dns_cache *d, const struct ip_addr *server, int64_t when_ns, struct dns_found *out);
/* Whether a name should outlast others of the same client and address, when there are more than
 * DNS_NAMES_MAX. */
void dns_cache_prefer(struct dns_cache *d, bool (*prefer)(void *arg, const char *name), void *arg);
/* The public name of the ECH configuration that this client learned for the host; NULL: none. */
const char *dns_ech_public(
        struct dns_cache *d, const struct ip_addr *client, const char *host, int64_t when_ns);
struct dns_stats {
	uint64_t messages, malformed, stored, evicted, entries;
};
void dns_cache_stats(const struct dns_cache *d, struct dns_stats *out);
/* DNS over TCP: two-byte length and message (RFC 1035 4.2.2).  Its state needs the cache: set with
 * dns_layer_use() right after open. */
extern const struct layer_ops dns_tcp_layer;
void dns_layer_use(void *state, struct dns_cache *d);

/* ---- nDPI, the second opinion ---------------------------------------------------------------------------
 * The only file that includes nDPI's headers is ndpi.c; it knows the API of 4.2 to 5.0.  Given at most
 * SECOND_BYTES_MAX bytes a packet and SECOND_PACKETS_MAX packets a flow, restricted protocols, one module
 * per worker. */
#define SECOND_BYTES_MAX   4096
#define SECOND_PACKETS_MAX 12
struct second;                                             /* one per worker */
struct second_flow;                                        /* one per flow asked about */
struct second *second_create(size_t flows, struct err *e); /* NULL with e->text "" when built without nDPI */
void second_destroy(struct second *s);
struct second_flow *second_open(struct second *s); /* NULL: the limit is reached (counted) */
/* Gives one packet's payload, in order; true when it has decided (or will not): call second_result(). */
bool second_feed(struct second *s, struct second_flow *f, const struct packet *p, enum flow_dir dir);
/* Protocol in nDPI's words ("TLS.Google", "SSH"), "" when unknown; frees f. */
void second_result(struct second *s, struct second_flow *f, char *name, size_t cap);
void second_close(struct second *s, struct second_flow *f); /* without a result; NULL is fine */
uint64_t second_refused(const struct second *s);
size_t second_memory(void); /* bytes nDPI holds now, all workers together */

#endif
