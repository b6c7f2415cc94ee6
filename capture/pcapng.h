/* pcapng.h - reads capture files in the pcapng format, block by block (draft-ietf-opsawg-pcapng): both byte
 * orders, several sections, several interfaces with their own link types and time units, packets in enhanced,
 * simple and the old packet blocks, decryption secrets.  Other blocks are passed over.
 *
 * Bytes come from a function, so a file, a pipe and memory read alike.  Packets point into the reader's
 * buffer and live until the next pcapng_next(). */
#ifndef CAPTURE_PCAPNG_H
#define CAPTURE_PCAPNG_H

#include "base/err.h"
#include "capture/packet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PCAPNG_BLOCK_MAX      (16u << 20) /* a longer block is passed over and counted as bad */
#define PCAPNG_INTERFACES_MAX 65536u      /* of one section */
#define PCAPNG_PACKET_MAX     (1u << 20)  /* captured bytes of one packet; a longer one is a bad block */

/* Fills buf with up to n bytes: how many, 0 at the end, -1 when reading failed. */
typedef ssize_t (*pcapng_read_fn)(void *arg, void *buf, size_t n);

/* A decryption secrets block: type 0x544c534b is TLS key log text.  Borrowed for the call. */
typedef void (*pcapng_secrets_fn)(void *arg, uint32_t type, const uint8_t *p, size_t n);

struct pcapng;

/* NULL only without memory.  Nothing is read yet. */
struct pcapng *pcapng_create(pcapng_read_fn read, void *arg, struct err *e);
void pcapng_destroy(struct pcapng *r); /* NULL is fine */

/* NULL: secrets are passed over, as they are without this call. */
void pcapng_on_secrets(struct pcapng *r, pcapng_secrets_fn fn, void *arg);

enum pcapng_result {
	PCAPNG_PACKET, /* *p is filled */
	PCAPNG_END,    /* the stream ended between two blocks */
	PCAPNG_CUT, /* it ended within a block, or cannot be followed further: pcapng_trouble() says which */
};
enum pcapng_result pcapng_next(struct pcapng *r, struct packet *p);
const char *pcapng_trouble(const struct pcapng *r);
/* Blocks that were passed over as their contents make no sense. */
uint64_t pcapng_bad_blocks(const struct pcapng *r);
/* The first section header was read: it is a pcapng stream indeed. */
bool pcapng_started(const struct pcapng *r);
/* Interface indexes run on over the sections of a stream; this many were described. */
uint32_t pcapng_interfaces(const struct pcapng *r);

#endif
