/* source_live.c - packets from a live interface through libpcap, see source.h.
 *
 * The ring is TPACKET_V3 (Documentation/networking/packet_mmap.rst in Linux): the kernel fills blocks and
 * hands each over when it is full or the timeout has passed.  Immediate mode would make libpcap fall back to
 * TPACKET_V2 with a frame of the snaplen for every packet.
 *
 * libpcap gives a block back as soon as the last packet in it went through the callback, so a pointer into it
 * does not live until the next source_next().  Packets are therefore copied, a batch at a time.
 *
 * What the kernel counts has to add up: tp_packets (ps_recv of libpcap) counts every packet that passed the
 * filter of the socket, also those for which the ring had no room (tp_drops, ps_drop; af_packet.c
 * packet_getsockopt() adds them).  So nothing may pass between the counter and us uncounted: the socket hears
 * nothing until the filter is set, and at the end it is made deaf before the ring is read to its end. */
#include "capture/source_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "capture/share.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000 /* linux/if_packet.h */
#endif
#define POLL_MS       10 /* a block is handed over after this, and source_next() waits no longer */
#define BATCH_MAX     64
#define BATCH_BYTES   (4u << 20)
#define RING_MB_MAX   2047 /* libpcap takes the size as an int of bytes */
#define STATS_EVERY   NS_PER_S
#define DRAIN_MAX     (500 * NS_PER_MS) /* for blocks that are still open: two timeouts are usual */
#define QUIET_PROTO   ETH_P_802_EX1     /* bound to until all is set up: nobody sends it */
#define DROP_COUNTERS 2

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23 /* since Linux 4.20 */
#endif

struct held {
	int64_t ts_ns;
	size_t at; /* in copy[] */
	uint32_t caplen, wirelen;
};

struct live {
	struct source s; /* first: see struct source_kind */
	pcap_t *pcap;
	int fd;
	uint16_t linktype;
	bool nano;
	struct held held[BATCH_MAX];
	size_t n, next;
	int batch; /* packets that surely fit into copy[] */
	uint8_t *copy;
	size_t copy_size, copied;
	uint64_t taken;      /* packets that came out of the ring */
	bool passes_over;    /* "any": libpcap drops the outgoing copies of the loopback, which recv counts */
	uint64_t recv, drop; /* of the kernel, its 32-bit counters continued */
	uint32_t last_recv, last_drop;
	int64_t stats_ns; /* when these were read */
	bool draining;
	int64_t drain_until_ns;
	/* rx_missed_errors and rx_fifo_errors of the interface, held open: later there may be no /sys */
	int drop_fd[DROP_COUNTERS];
	uint64_t drop_before, drop_interface;
	char interface[IFNAMSIZ];
};

static struct live *live_of(struct source *s)
{
	return (struct live *)s;
}

static uint64_t interface_drops(const struct live *l)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < DROP_COUNTERS; i++) {
		char text[32];
		ssize_t n = l->drop_fd[i] < 0 ? -1 : pread(l->drop_fd[i], text, sizeof(text) - 1, 0);

		if (n <= 0)
			continue;
		text[n] = 0;
		sum += strtoull(text, NULL, 10);
	}
	return sum;
}

static void drops_open(struct live *l, const struct source_live *how)
{
	static const char *const counters[DROP_COUNTERS] = {"rx_missed_errors", "rx_fifo_errors"};

	for (size_t i = 0; i < DROP_COUNTERS; i++) {
		char path[96];

		snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", l->interface, counters[i]);
		l->drop_fd[i] = how->fanout_other ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	}
	l->drop_before = interface_drops(l);
}

/* Continues the kernel's counters past 32 bits; called often enough that none goes round in between. */
static void stats_read(struct live *l, int64_t now_ns)
{
	struct pcap_stat st;
	uint64_t drops;

	l->stats_ns = now_ns;
	if (pcap_stats(l->pcap, &st) == 0) {
		l->recv += (uint32_t)(st.ps_recv - l->last_recv);
		l->drop += (uint32_t)(st.ps_drop - l->last_drop);
		l->last_recv = st.ps_recv;
		l->last_drop = st.ps_drop;
	}
	drops = interface_drops(l);
	if (drops > l->drop_before) /* a driver that is loaded anew begins at 0 */
		l->drop_interface += drops - l->drop_before;
	l->drop_before = drops;
}

static void live_hold(u_char *arg, const struct pcap_pkthdr *h, const u_char *data)
{
	struct live *l = live_of((struct source *)(void *)arg);
	struct held *held = &l->held[l->n];

	if (l->n == BATCH_MAX || h->caplen > l->copy_size - l->copied)
		return; /* pcap_dispatch() was told how many fit */
	held->ts_ns = (int64_t)h->ts.tv_sec * NS_PER_S + h->ts.tv_usec * (l->nano ? 1 : NS_PER_US);
	held->at = l->copied;
	held->caplen = h->caplen;
	held->wirelen = h->len < h->caplen ? h->caplen : h->len;
	memcpy(l->copy + l->copied, data, h->caplen);
	l->copied += h->caplen;
	l->n++;
}

/* What the ring has, up to a batch: how many, or -1. */
static int live_fetch(struct live *l)
{
	int64_t now_ns = clock_mono_ns();
	int got;

	l->n = l->next = l->copied = 0;
	if (now_ns - l->stats_ns > STATS_EVERY)
		stats_read(l, now_ns);
	got = pcap_dispatch(l->pcap, l->batch, live_hold, (u_char *)l);
	if (got < 0)
		return source_fail(&l->s, "%s: %s", l->interface, pcap_geterr(l->pcap));
	l->taken += l->n;
	return (int)l->n;
}

static void live_wait(const struct live *l)
{
	struct pollfd fds[2] = {{.fd = l->fd, .events = POLLIN}, {.fd = l->s.wake, .events = POLLIN}};

	(void)poll(fds, l->draining ? 1 : 2, POLL_MS);
}

/* From here on the socket hears nothing.  Set past libpcap, which would apply the filter to what is in the
 * ring already. */
static int deafen(const struct live *l)
{
	struct sock_filter none = {.code = BPF_RET | BPF_K, .k = 0};
	struct sock_fprog program = {.len = 1, .filter = &none};

	return setsockopt(l->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static void drain_begin(struct live *l)
{
	if (deafen(l) < 0)
		log_warn("%s: the ring cannot be closed: %s", l->interface, strerror(errno));
	l->draining = true;
	l->drain_until_ns = clock_mono_ns() + DRAIN_MAX;
}

static bool drain_done(struct live *l)
{
	int64_t now_ns = clock_mono_ns();

	stats_read(l, now_ns);
	return (!l->passes_over && l->taken >= l->recv - l->drop) || now_ns >= l->drain_until_ns;
}

static void live_hand_out(struct live *l, struct packet *p)
{
	const struct held *held = &l->held[l->next++];

	p->ts_ns = held->ts_ns;
	p->data = l->copy + held->at;
	p->caplen = held->caplen;
	p->wirelen = held->wirelen;
	p->linktype = l->linktype;
	p->iface = 0;
}

static int live_next(struct source *s, struct packet *p)
{
	struct live *l = live_of(s);
	int got;

	if (l->next == l->n) {
		if (*s->error)
			return -1;
		if (!l->draining && source_is_broken(s))
			drain_begin(l);
		got = live_fetch(l);
		if (got == 0) {
			if (l->draining && drain_done(l))
				return -1;
			live_wait(l);
			got = live_fetch(l);
		}
		if (got <= 0)
			return got;
	}
	live_hand_out(l, p);
	return 1;
}

static void live_stats(struct source *s, struct source_stats *out)
{
	struct live *l = live_of(s);

	stats_read(l, clock_mono_ns());
	out->dropped_ring = l->drop;
	out->dropped_interface = l->drop_interface;
	out->kernel_seen = (l->passes_over ? l->taken + l->drop : l->recv) + l->drop_interface;
}

static void live_close(struct source *s)
{
	struct live *l = live_of(s);

	for (size_t i = 0; i < DROP_COUNTERS; i++)
		if (l->drop_fd[i] >= 0)
			close(l->drop_fd[i]);
	if (l->pcap)
		pcap_close(l->pcap);
	free(l->copy);
	source_clear(s);
	free(l);
}

static const struct source_kind live_kind = {live_next, live_stats, live_close};

static const struct {
	int code;
	const char *text;
} activate_faults[] = {
        {PCAP_ERROR_NO_SUCH_DEVICE, "there is no such interface (`ip link` lists them)"},
        {PCAP_ERROR_PERM_DENIED,
                "not permitted: run as root or give the program CAP_NET_RAW (setcap cap_net_raw+ep FILE)"},
        {PCAP_ERROR_PROMISC_PERM_DENIED,
                "promiscuous mode is not permitted: run as root or give the program CAP_NET_RAW"},
        {PCAP_ERROR_IFACE_NOT_UP, "the interface is down (`ip link set dev NAME up`)"},
};

static int activate_fault(const struct live *l, int code, struct err *e)
{
	for (size_t i = 0; i < sizeof(activate_faults) / sizeof(activate_faults[0]); i++)
		if (activate_faults[i].code == code)
			return err_set(e, "%s: %s", l->interface, activate_faults[i].text);
	return err_set(e, "%s: %s", l->interface,
	        *pcap_geterr(l->pcap) ? pcap_geterr(l->pcap) : pcap_statustostr(code));
}

/* The ring, bound to a protocol that nobody sends. */
static int live_activate(struct live *l, const struct source_live *how, struct err *e)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	unsigned ring_mb = how->ring_mb > RING_MB_MAX ? RING_MB_MAX : how->ring_mb;
	unsigned snaplen =
	        how->snaplen && how->snaplen < SOURCE_CAPLEN_MAX ? how->snaplen : SOURCE_CAPLEN_MAX;
	int rc;

	l->pcap = pcap_create(l->interface, why);
	if (!l->pcap)
		return err_set(e, "%s: %s", l->interface, why);
	pcap_set_snaplen(l->pcap, (int)snaplen);
	pcap_set_promisc(l->pcap, how->promiscuous);
	pcap_set_timeout(l->pcap, POLL_MS);
	if (ring_mb)
		pcap_set_buffer_size(l->pcap, (int)(ring_mb << 20));
	pcap_set_tstamp_precision(l->pcap, PCAP_TSTAMP_PRECISION_NANO); /* what came of it is asked below */
	pcap_set_protocol_linux(l->pcap, QUIET_PROTO);
	rc = pcap_activate(l->pcap);
	if (rc < 0)
		return activate_fault(l, rc, e);
	if (rc > 0)
		log_warn("%s: %s", l->interface,
		        *pcap_geterr(l->pcap) ? pcap_geterr(l->pcap) : pcap_statustostr(rc));
	if (pcap_setnonblock(l->pcap, 1, why) < 0)
		return err_set(e, "%s: %s", l->interface, why);
	l->nano = pcap_get_tstamp_precision(l->pcap) == PCAP_TSTAMP_PRECISION_NANO;
	l->linktype = (uint16_t)pcap_datalink(l->pcap);
	l->fd = pcap_fileno(l->pcap);
	l->batch = (int)(BATCH_BYTES / snaplen);
	if (l->batch > BATCH_MAX)
		l->batch = BATCH_MAX;
	l->copy_size = BATCH_BYTES;
	l->copy = malloc(l->copy_size);
	return l->copy ? 0 : err_set(e, "%s: no memory", l->interface);
}

/* From here on the socket hears what passes the filter. */
static int live_hear(struct live *l, const char *text, struct err *e)
{
	struct bpf_program program;
	int rc = 0, unused = 0;

	if (!text || !*text) {
		if (setsockopt(l->fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof(unused)) < 0)
			return err_set(e, "%s: cannot listen: %s", l->interface, strerror(errno));
		return 0;
	}
	if (pcap_compile(l->pcap, &program, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
		return err_set(e, "%s: filter '%s': %s", l->interface, text, pcap_geterr(l->pcap));
	/* a longer one libpcap would run by itself, behind the kernel's counters */
	if (program.bf_len > BPF_MAXINSNS)
		rc = err_set(e,
		        "%s: filter '%.60s...': too long for the kernel (%u instructions, at most %d)",
		        l->interface, text, program.bf_len, BPF_MAXINSNS);
	else if (pcap_setfilter(l->pcap, &program) < 0)
		rc = err_set(e, "%s: filter '%s': %s", l->interface, text, pcap_geterr(l->pcap));
	pcap_freecode(&program);
	return rc;
}

/* Each packet of the loopback passes twice, out and in; libpcap takes only the second, but the kernel would
 * count both. */
static bool is_loopback(const struct live *l)
{
	struct ifreq ifr = {.ifr_flags = 0};

	memcpy(ifr.ifr_name, l->interface, sizeof(ifr.ifr_name));
	return ioctl(l->fd, SIOCGIFFLAGS, &ifr) == 0 && (ifr.ifr_flags & IFF_LOOPBACK);
}

static void live_ignore_outgoing(const struct live *l)
{
	int on = 1;

	if (is_loopback(l))
		(void)setsockopt(l->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on));
}

/* Deaf until it has its filter and its place among the workers: in between it would hear everything. */
static int live_listen(const struct live *l, struct err *e)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};

	if (!l->passes_over)
		at.sll_ifindex = (int)if_nametoindex(l->interface);
	if (deafen(l) < 0 || bind(l->fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return err_set(e, "%s: cannot listen: %s", l->interface, strerror(errno));
	return 0;
}

/* A group hears for its sockets, and what they asked for with PACKET_IGNORE_OUTGOING is not known to it: it
 * has a flag of its own, from Linux 5.10 on. */
static int live_join(const struct live *l, int arg)
{
	int quiet = arg | PACKET_FANOUT_FLAG_IGNORE_OUTGOING << 16;

	if (is_loopback(l) && setsockopt(l->fd, SOL_PACKET, PACKET_FANOUT, &quiet, sizeof(quiet)) == 0)
		return 0;
	return setsockopt(l->fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg));
}

/* Packets are shared out by internal address (share.h), so that the two directions of a connection and all
 * that belongs to a client come to one worker.  Without PACKET_FANOUT_FLAG_DEFRAG: the kernel would put
 * fragments together before we see them, and our records would not say so.  The program belongs to the group;
 * the first member sets it. */
static int live_fanout(const struct live *l, const struct source_live *how, struct err *e)
{
	struct sock_filter code[SHARE_PROGRAM_MAX];
	unsigned levels;
	size_t n = share_program(how->share, code, SHARE_PROGRAM_MAX, &levels);
	struct sock_fprog program = {.len = (unsigned short)n, .filter = code};
	int kind = n ? PACKET_FANOUT_CBPF : PACKET_FANOUT_HASH;
	int arg = (how->fanout_group & 0xffff) | kind << 16;

	if (how->fanout_group < 0)
		return 0;
	if (!n && !how->fanout_other)
		log_warn("%s: too many internal networks to share packets out by address; by connection "
		         "instead: names "
		         "from DNS may be missed with several workers",
		        l->interface);
	if (n && levels < SHARE_LEVELS && !how->fanout_other)
		log_warn("%s: so many internal networks that packets in more than %u tunnels are shared out "
		         "by what is outside of them",
		        l->interface, levels - 1);
	if (live_join(l, arg) < 0)
		return err_set(e, "%s: packet fanout group %d: %s", l->interface, how->fanout_group,
		        strerror(errno));
	if (n && !how->fanout_other &&
	        setsockopt(l->fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof(program)) < 0)
		return err_set(e, "%s: packet fanout program: %s", l->interface, strerror(errno));
	return 0;
}

struct source *source_open_live(const struct source_live *how, struct err *e)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set(e, "no memory for a source");
		return NULL;
	}
	if (source_init(&l->s, &live_kind, e) < 0) {
		free(l);
		return NULL;
	}
	l->drop_fd[0] = l->drop_fd[1] = -1;
	if (strlen(how->interface) >= sizeof(l->interface) || !*how->interface) {
		err_set(e, "%.60s: there is no such interface (`ip link` lists them)", how->interface);
		goto fail;
	}
	memcpy(l->interface, how->interface, strlen(how->interface));
	l->passes_over = !strcmp(l->interface, "any");
	if (live_activate(l, how, e) < 0)
		goto fail;
	live_ignore_outgoing(l);
	drops_open(l, how);
	if (live_listen(l, e) < 0 || live_fanout(l, how, e) < 0 || live_hear(l, how->filter, e) < 0)
		goto fail;
	l->stats_ns = clock_mono_ns();
	return &l->s;
fail:
	live_close(&l->s);
	return NULL;
}
