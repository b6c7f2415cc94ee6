/* hpack.h - header compression of HTTP/2 (RFC 7541), as a passive reader needs it.
 *
 * One per direction of a connection.  A reader that missed some header blocks (a capture that begins late, a
 * gap) does not know what the sender's table holds: fields that refer to such entries come out without the
 * part that is not known, and every entry that the sender adds from then on is known again.  (A library that
 * was made for an endpoint has to give the connection up there.)
 *
 * Memory grows with what the table holds, up to HPACK_TABLE_MAX.  The work for a block is at most
 * proportional to its bytes; what a field's text would take to handle is up to the caller, who is told where
 * it came from the table (`indexed': a byte or two in the block, whatever its length). */
#ifndef CLASSIFY_HTTP_HPACK_H
#define CLASSIFY_HTTP_HPACK_H

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HPACK_TABLE_DEFAULT 4096  /* SETTINGS_HEADER_TABLE_SIZE when nothing was agreed */
#define HPACK_TABLE_MAX     65536 /* of a sender with a larger table the oldest entries are not known */
#define HPACK_STRING_MAX    65536 /* a longer name or value is cut: field.cut */
#define HPACK_COPY_FREE     (256u << 10) /* bytes copied from table to table on a connection before ... */
#define HPACK_COPY_RATIO    64 /* ... they may be no more than this many times those of its blocks */

struct hpack_field {
	const char *name, *value; /* in the block, the table or the thread's scratch: until the next field */
	size_t name_n, value_n;
	bool name_known, value_known; /* false: stood in a part of the table that is not known */
	bool beyond;        /* it is not known as the sender's table is larger than HPACK_TABLE_MAX */
	bool indexed;       /* name and value came from the dynamic table */
	bool never_indexed; /* RFC 7541 6.2.3: the sender calls it sensitive */
	bool cut;           /* name or value were longer than HPACK_STRING_MAX */
};

struct hpack;
struct hpack *hpack_open(struct arena *a); /* NULL: no memory */
/* Header blocks were missed, or may have been: nothing that the table holds can be referred to. */
void hpack_lost(struct hpack *h);
/* The fields of one whole header block, in order.  0; -1 when it is malformed (what came before was handed
 * out; the table counts as lost then). */
int hpack_block(struct hpack *h, const uint8_t *p, size_t n,
        void (*each)(void *arg, const struct hpack_field *f), void *arg);

/* Decodes a Huffman string (RFC 7541 5.2); its length, or -1: padding longer than 7 bits or not of ones, or
 * EOS in it. What does not fit `cap` is decoded but not written; the length returned is the whole. */
long hpack_huffman(const uint8_t *p, size_t n, char *out, size_t cap);

#endif
