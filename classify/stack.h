/* stack.h - the protocols of one connection, one inside the other.
 *
 * Level 0 reads the transport's bytes; a layer that carries another protocol (decrypted records, a tunnel)
 * hands the inner bytes to the level above it; one that ends in an upgrade is replaced by whatever follows.
 * A level without a layer looks at the first bytes of either direction until one of the known protocols is
 * recognized.  Where a layer has many streams (HTTP/2), each that
 * carries a protocol of its own (CONNECT) has a stack of its own. */
#ifndef CLASSIFY_STACK_H
#define CLASSIFY_STACK_H

#include "classify/http/message.h"
#include "classify/layer.h"

#define STACK_LEVELS_MAX    6
#define STACK_UPGRADES_MAX  8     /* protocols one after the other on a connection */
#define STACK_PROBE_BYTES   64    /* enough for every probe to say yes or no */
#define STACK_BRANCHES_MAX  32    /* streams of one layer that carry another protocol, at once */
#define STACK_BRANCH_BLOCKS 16    /* arena blocks of one of them */
#define STACK_SILENT_BYTES  4096  /* an unknown server's bytes passed over while its client was not heard */
#define STACK_SEARCH_BYTES  32768 /* searched for a known protocol where the beginning was not captured */

enum stack_state {
	STACK_READING, /* wants more bytes */
	STACK_DONE,    /* nothing more to learn */
	STACK_UNKNOWN, /* the protocol is none of ours */
	STACK_BAD,     /* a layer gave up on its bytes */
	STACK_REFUSED, /* no memory for a layer */
};

struct stack;
struct branch; /* stack.c: one stream's own stack */
struct level {
	struct stack *stack;
	const struct layer_ops *ops; /* NULL: probing */
	void *state;
	struct sink sink;
	struct {
		uint8_t p[STACK_PROBE_BYTES];
		uint8_t n, no; /* bytes held; every probe said no */
	} probe[2];
	struct websocket_trace frames;
	uint32_t silent; /* bytes passed over since the server's probes said no */
	uint32_t searched;
	bool streams; /* its layer opens them one by one: bytes of one without a branch are passed over */
	struct branch *branches;
};

struct stack {
	struct conn conn;
	const struct sink *out; /* where names and messages go */
	const char *protocol;   /* of level 0's current layer, "" until known */
	enum stack_state state;
	unsigned n, upgrades;
	unsigned base;        /* levels around this stack, when it is a stream's */
	struct stack *root;   /* the outermost */
	uint32_t connections; /* root: inside it so far, each of which has a number of its own */
	struct level level[STACK_LEVELS_MAX];
};

/* `out` is the owner's sink; its bytes members are not used.  `first` may name the layer of level 0.  Streams
 * with a stack of their own have arenas of their own on the pools of `arena`: stack_close() gives these back,
 * the owner clears `arena` after that. */
void stack_open(struct stack *s, struct arena *arena, const struct flow *f, bool midstream,
        const struct sink *out, const struct layer_ops *first);
enum stack_state stack_feed(struct stack *s, enum flow_dir dir, const uint8_t *p, size_t n, int64_t when_ns);
enum stack_state stack_gap(struct stack *s, enum flow_dir dir, uint64_t n);
/* How many protocols of the connection have another one inside by now; for the layer that speaks: those
 * around it. */
unsigned stack_depth(const struct stack *s);
void stack_close(struct stack *s);

#endif
