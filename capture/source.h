/* source.h - where packets come from: a live interface (libpcap, TPACKET_V3) or capture files (classic pcap
 * through libpcap with a 1 MiB buffer, pcapng by our own block reader, "-" for stdin, several in order).
 * One source belongs to one worker thread. */
#ifndef CAPTURE_SOURCE_H
#define CAPTURE_SOURCE_H

#include "base/err.h"
#include "capture/packet.h"

#include <stddef.h>

struct source;
struct share_networks;

struct source_live {
	const char *interface;
	const char *filter; /* BPF text, NULL: all */
	unsigned ring_mb;   /* kernel ring, MiB */
	unsigned snaplen;
	bool promiscuous;
	int fanout_group;  /* PACKET_FANOUT id shared by the workers of one interface, -1: none */
	bool fanout_other; /* not the first worker of an interface: the first alone tells the interface's
	                      drops */
	const struct share_networks *share; /* fanout by address (share.h) */
};

struct source_stats {
	uint64_t received;     /* packets handed to us (what source_next() returned) */
	uint64_t bytes;        /* their length on the wire */
	uint64_t kernel_seen;  /* live: seen by the kernel's filter, else = received */
	uint64_t dropped_ring; /* live: our ring was full */
	uint64_t dropped_interface;
	uint64_t truncated_files; /* files that end within a packet or block: told, not fatal */
	uint64_t bad_blocks;      /* pcapng blocks that could not be read and were passed over */
};

/* NULL: e says why, in one line that names the interface or file. */
struct source *source_open_live(const struct source_live *how, struct err *e);
/* Opens the first file; the others are opened in turn (a later one that cannot be opened or is no capture is
 * an error at once: all are checked here, except stdin). */
struct source *source_open_files(const char *const *paths, size_t n, const char *filter, struct err *e);
void source_close(struct source *s); /* NULL is fine */

/* 1: *p holds the next packet; 0: none within the poll time (live, <= 10 ms); -1: the end of the last file,
 * or the interface is gone (then source_error() is not empty). */
int source_next(struct source *s, struct packet *p);
const char *source_error(const struct source *s);
/* Ends a blocking source_next() from another thread or a signal handler. */
void source_break(struct source *s);
void source_stats(struct source *s, struct source_stats *out);

/* Secrets found in pcapng Decryption Secrets Blocks are handed to this as they are met (TLS key log text);
 * borrowed for the call.  NULL: passed over. */
typedef void (*source_secrets_fn)(void *arg, uint32_t type, const uint8_t *p, size_t n);
void source_on_secrets(struct source *s, source_secrets_fn fn, void *arg);

#endif
