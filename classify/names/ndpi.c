/* ndpi.c - nDPI (https://github.com/ntop/nDPI) as second opinion on flows that our own parsers do not know.
 *
 * What it is given is made here, not captured: a plain IP header, a plain TCP or UDP header and the start of
 * the payload, all lengths consistent, never more than SECOND_BYTES_MAX.  nDPI 4.2, which Debian ships, hangs
 * for ever on one 65,507-byte DNS datagram (16-bit wrap in its DNS dissector, fixed upstream in 388d01a34)
 * and reads past the packet in its tinc dissector (06a0abb6f); it therefore gets neither large packets nor
 * those dissectors.  TLS, QUIC, HTTP and DNS are ours to read.
 *
 * The API differs between 4.2 and 5.0; each difference stands in one place, below. */
#include "classify/names/names.h"

#ifndef HAVE_NDPI
#define HAVE_NDPI 0
#endif

#if HAVE_NDPI

#include "base/clock.h"
#include "base/pool.h"

#include <malloc.h>
#include <ndpi_api.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NDPI_FROM(major, minor) (NDPI_MAJOR > (major) || (NDPI_MAJOR == (major) && NDPI_MINOR >= (minor)))

#define IP4_HEADER 20
#define IP6_HEADER 40
#define TCP_HEADER 20
#define UDP_HEADER 8

/* Zeros behind the packet: a read past its end finds nothing, and nothing of other packets. */
#define PACKET_SLACK 1024

struct second_flow {
	struct ndpi_flow_struct nd;
	unsigned packets;
	uint8_t proto;
	bool known;
	ndpi_protocol found;
};

struct second {
	struct ndpi_detection_module_struct *module;
	struct pool *flows;
	uint64_t refused;
	uint8_t packet[SECOND_BYTES_MAX + PACKET_SLACK];
};

/* ---- differences between versions --------------------------------------------------------------------- */

static const struct {
	uint16_t id;
	const char *name; /* as ndpi_set_config() calls it, from 5.0 on */
} wanted[] = {
        {NDPI_PROTOCOL_SSH, "ssh"},
        {NDPI_PROTOCOL_RDP, "rdp"},
        {NDPI_PROTOCOL_VNC, "vnc"},
        {NDPI_PROTOCOL_TEAMVIEWER, "teamviewer"},
        {NDPI_PROTOCOL_ANYDESK, "anydesk"},
        {NDPI_PROTOCOL_CITRIX, "citrix"},
        {NDPI_PROTOCOL_TELNET, "telnet"},
        {NDPI_PROTOCOL_OPENVPN, "openvpn"},
        {NDPI_PROTOCOL_WIREGUARD, "wireguard"},
        {NDPI_PROTOCOL_PPTP, "pptp"},
        {NDPI_PROTOCOL_CISCOVPN, "ciscovpn"},
        {NDPI_PROTOCOL_TEREDO, "teredo"},
        {NDPI_PROTOCOL_TOR, "tor"},
        {NDPI_PROTOCOL_SOCKS, "socks"},
        {NDPI_PROTOCOL_DNSCRYPT, "dnscrypt"},
        {NDPI_PROTOCOL_STUN, "stun"},
        {NDPI_PROTOCOL_RTP, "rtp"},
        {NDPI_PROTOCOL_RTCP, "rtcp"},
        {NDPI_PROTOCOL_SIP, "sip"},
        {NDPI_PROTOCOL_RTMP, "rtmp"},
        {NDPI_PROTOCOL_RTSP, "rtsp"},
        {NDPI_PROTOCOL_TELEGRAM, "telegram"},
        {NDPI_PROTOCOL_WHATSAPP_CALL, "whatsappcall"},
        {NDPI_PROTOCOL_IRC, "irc"},
        {NDPI_PROTOCOL_JABBER, "jabber"},
        {NDPI_PROTOCOL_BITTORRENT, "bittorrent"},
        {NDPI_PROTOCOL_SMBV1, "smbv1"},
        {NDPI_PROTOCOL_SMBV23, "smbv23"},
        {NDPI_PROTOCOL_FTP_CONTROL, "ftp_control"},
        {NDPI_PROTOCOL_RSYNC, "rsync"},
        {NDPI_PROTOCOL_GIT, "git"},
        {NDPI_PROTOCOL_MAIL_SMTP, "smtp"},
        {NDPI_PROTOCOL_MAIL_IMAP, "imap"},
        {NDPI_PROTOCOL_MAIL_POP, "pop3"},
        {NDPI_PROTOCOL_MYSQL, "mysql"},
        {NDPI_PROTOCOL_POSTGRES, "postgresql"},
        {NDPI_PROTOCOL_MSSQL_TDS, "mssql-tds"},
        {NDPI_PROTOCOL_MONGODB, "mongodb"},
        {NDPI_PROTOCOL_CASSANDRA, "cassandra"},
        {NDPI_PROTOCOL_MEMCACHED, "memcached"},
        {NDPI_PROTOCOL_MQTT, "mqtt"},
        {NDPI_PROTOCOL_AMQP, "amqp"},
#if !NDPI_FROM(4, 4) /* later versions call it RESP */
        {NDPI_PROTOCOL_REDIS, "redis"},
#endif
};
#define WANTED (sizeof(wanted) / sizeof(wanted[0]))

static struct ndpi_detection_module_struct *module_create(void)
{
#if NDPI_FROM(4, 10)
	return ndpi_init_detection_module(NULL);
#else
	return ndpi_init_detection_module(ndpi_dont_load_tor_hosts);
#endif
}

/* Only the dissectors of the table.  -1: the library would run others too. */
static int module_restrict(struct ndpi_detection_module_struct *m)
{
#if NDPI_FROM(5, 0)
	if (ndpi_set_config(m, "any", "enable", "0") != NDPI_CFG_OK)
		return -1;
	for (size_t i = 0; i < WANTED;
	        i++) /* a name that this version lacks is one opinion less, not a danger */
		ndpi_set_config(m, wanted[i].name, "enable", "1");
#else
	NDPI_PROTOCOL_BITMASK set;

	NDPI_BITMASK_RESET(set);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion" /* their macro ors a long into an int */
	for (size_t i = 0; i < WANTED; i++)
		NDPI_BITMASK_ADD(set, wanted[i].id);
#pragma GCC diagnostic pop
	ndpi_set_protocol_detection_bitmask2(m, &set);
#endif
	return 0;
}

static int module_finish(struct ndpi_detection_module_struct *m)
{
#if NDPI_FROM(4, 11)
	return ndpi_finalize_initialization(m) ? -1 : 0;
#else
	ndpi_finalize_initialization(m);
	return 0;
#endif
}

static ndpi_protocol packet_process(struct second *s, struct second_flow *f, size_t n, int64_t ts_ns)
{
	uint64_t ms = (uint64_t)(ts_ns / NS_PER_MS);

#if NDPI_FROM(4, 6)
	return ndpi_detection_process_packet(s->module, &f->nd, s->packet, (unsigned short)n, ms, NULL);
#else
	return ndpi_detection_process_packet(s->module, &f->nd, s->packet, (unsigned short)n, ms);
#endif
}

static ndpi_protocol flow_giveup(struct second *s, struct second_flow *f)
{
#if NDPI_FROM(5, 0)
	return ndpi_detection_giveup(s->module, &f->nd);
#elif NDPI_FROM(4, 10)
	uint8_t guessed;

	return ndpi_detection_giveup(s->module, &f->nd, &guessed);
#else
	uint8_t guessed;

	return ndpi_detection_giveup(s->module, &f->nd, 0, &guessed);
#endif
}

/* Found by content.  Matches by address or port name a hoster, not a protocol. */
static bool protocol_known(const struct second_flow *f, ndpi_protocol p)
{
#if NDPI_FROM(4, 11)
	bool any = p.proto.master_protocol || p.proto.app_protocol;
#else
	bool any = p.master_protocol || p.app_protocol;
#endif

	return any && f->nd.confidence == NDPI_CONFIDENCE_DPI;
}

/* ---- its memory, counted ------------------------------------------------------------------------------ */

static atomic_size_t held;

#if !NDPI_FROM(5, 0) /* 5.0 takes allocators in another way; there its memory is not counted */
static void *counted_malloc(size_t n)
{
	void *p = malloc(n);

	if (p)
		atomic_fetch_add_explicit(&held, malloc_usable_size(p), memory_order_relaxed);
	return p;
}

static void counted_free(void *p)
{
	if (p)
		atomic_fetch_sub_explicit(&held, malloc_usable_size(p), memory_order_relaxed);
	free(p);
}

static void hook_memory(void)
{
	set_ndpi_malloc(counted_malloc);
	set_ndpi_free(counted_free);
}
#else
static void hook_memory(void)
{
}
#endif

size_t second_memory(void)
{
	return atomic_load_explicit(&held, memory_order_relaxed);
}

/* ---- modules and flows -------------------------------------------------------------------------------- */

static int module_open(struct second *s, struct err *e)
{
	/* "all these calls MUST NOT run in parallel" (ndpi_api.h) */
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool hooked;
	int rc = 0;

	pthread_mutex_lock(&lock);
	if (!hooked)
		hook_memory();
	hooked = true;
	s->module = module_create();
	if (!s->module)
		rc = err_set(e, "nDPI does not start");
	else if (module_restrict(s->module) < 0 || module_finish(s->module) < 0)
		rc = err_set(e, "nDPI %s does not take our list of protocols", ndpi_revision());
	pthread_mutex_unlock(&lock);
	return rc;
}

struct second *second_create(size_t flows, struct err *e)
{
	struct second *s;

	if (ndpi_detection_get_sizeof_ndpi_flow_struct() != sizeof(struct ndpi_flow_struct)) {
		err_set(e, "the nDPI library is %s, built against %d.%d: flow sizes %u and %zu",
		        ndpi_revision(), NDPI_MAJOR, NDPI_MINOR, ndpi_detection_get_sizeof_ndpi_flow_struct(),
		        sizeof(struct ndpi_flow_struct));
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		err_set(e, "no memory for nDPI");
		return NULL;
	}
	s->flows = pool_create(sizeof(struct second_flow), flows);
	if (!s->flows) {
		err_set(e, "no memory for %zu nDPI flows", flows);
		second_destroy(s);
		return NULL;
	}
	if (module_open(s, e) < 0) {
		second_destroy(s);
		return NULL;
	}
	return s;
}

void second_destroy(struct second *s)
{
	if (!s)
		return;
	if (s->module)
		ndpi_exit_detection_module(s->module);
	pool_destroy(s->flows);
	free(s);
}

struct second_flow *second_open(struct second *s)
{
	struct second_flow *f = s ? pool_get(s->flows) : NULL;

	if (f)
		memset(f, 0, sizeof(*f));
	else if (s)
		s->refused++;
	return f;
}

void second_close(struct second *s, struct second_flow *f)
{
	if (!f)
		return;
	ndpi_free_flow_data(&f->nd);
	pool_put(s->flows, f);
}

uint64_t second_refused(const struct second *s)
{
	return s ? s->refused : 0;
}

/* ---- packets ------------------------------------------------------------------------------------------ */

static uint8_t *put16(uint8_t *to, size_t v)
{
	to[0] = (uint8_t)(v >> 8);
	to[1] = (uint8_t)v;
	return to + 2;
}

static uint8_t *put32(uint8_t *to, uint32_t v)
{
	return put16(put16(to, v >> 16), v & 0xffff);
}

static uint8_t *put_address(uint8_t *to, const struct ip_addr *a, bool four)
{
	size_t n = four ? 4 : 16;

	memcpy(to, a->b + 16 - n, n);
	return to + n;
}

/* RFC 791 and RFC 8200 without options, for `n` bytes that follow. */
static uint8_t *put_ip(uint8_t *to, const struct packet *p, bool four, size_t n)
{
	if (four) {
		*to++ = 0x45;
		*to++ = 0;
		to = put16(to, IP4_HEADER + n);
		to = put16(to, p->ip_id);
		to = put16(to, 0x4000); /* not to be fragmented: no fragment either */
		*to++ = p->ttl;
		*to++ = p->proto;
		to = put16(to, 0); /* checksum: nDPI does not look at it */
	} else {
		to = put32(to, 0x60000000);
		to = put16(to, n);
		*to++ = p->proto;
		*to++ = p->ttl;
	}
	to = put_address(to, &p->src, four);
	return put_address(to, &p->dst, four);
}

static uint8_t *put_transport(uint8_t *to, const struct packet *p, size_t payload)
{
	to = put16(to, p->sport);
	to = put16(to, p->dport);
	if (p->proto == PROTO_UDP) {
		to = put16(to, UDP_HEADER + payload);
		return put16(to, 0);
	}
	to = put32(to, p->seq);
	to = put32(to, p->ack);
	*to++ = TCP_HEADER / 4 << 4;
	*to++ = p->tcp_flags;
	to = put16(to, p->tcp_window);
	return put32(to, 0); /* checksum, urgent pointer */
}

/* Writes the packet that nDPI sees; returns its length. */
static size_t packet_build(struct second *s, const struct packet *p)
{
	bool four = ip_is4(&p->src) && ip_is4(&p->dst);
	size_t transport = p->proto == PROTO_TCP ? TCP_HEADER : UDP_HEADER;
	size_t head = (four ? IP4_HEADER : IP6_HEADER) + transport;
	size_t n = p->payload_len < SECOND_BYTES_MAX - head ? p->payload_len : SECOND_BYTES_MAX - head;
	uint8_t *to = put_transport(put_ip(s->packet, p, four, transport + n), p, n);

	memcpy(to, p->payload, n);
	memset(to + n, 0, sizeof(s->packet) - head - n);
	return head + n;
}

bool second_feed(struct second *s, struct second_flow *f, const struct packet *p, enum flow_dir dir)
{
	(void)dir; /* nDPI tells the directions apart by the addresses */
	if (!s || !f || f->known || f->packets >= SECOND_PACKETS_MAX)
		return true;
	/* one flow struct is a union for TCP and UDP: a mixture would make nDPI follow wild pointers */
	if ((p->proto != PROTO_TCP && p->proto != PROTO_UDP) || (f->packets && f->proto != p->proto))
		return true;
	if (!p->payload || !p->payload_len)
		return false;
	f->proto = p->proto;
	f->packets++;
	f->found = packet_process(s, f, packet_build(s, p), p->ts_ns);
	f->known = protocol_known(f, f->found);
	return f->known || f->packets >= SECOND_PACKETS_MAX;
}

void second_result(struct second *s, struct second_flow *f, char *name, size_t cap)
{
	if (cap)
		name[0] = '\0';
	if (!s || !f)
		return;
	if (!f->known && f->packets) {
		f->found = flow_giveup(s, f);
		f->known = protocol_known(f, f->found);
	}
	if (f->known && cap)
		ndpi_protocol2name(s->module, f->found, name, (unsigned)cap);
	second_close(s, f);
}

#else /* built without nDPI: there is no second opinion */

struct second *second_create(size_t flows, struct err *e)
{
	(void)flows;
	if (e)
		e->text[0] = '\0';
	return NULL;
}

void second_destroy(struct second *s)
{
	(void)s;
}

struct second_flow *second_open(struct second *s)
{
	(void)s;
	return NULL;
}

bool second_feed(struct second *s, struct second_flow *f, const struct packet *p, enum flow_dir dir)
{
	(void)s;
	(void)f;
	(void)p;
	(void)dir;
	return true;
}

void second_result(struct second *s, struct second_flow *f, char *name, size_t cap)
{
	(void)s;
	(void)f;
	if (cap)
		name[0] = '\0';
}

void second_close(struct second *s, struct second_flow *f)
{
	(void)s;
	(void)f;
}

uint64_t second_refused(const struct second *s)
{
	(void)s;
	return 0;
}

size_t second_memory(void)
{
	return 0;
}

#endif
