/* layer.h - the one face of every protocol layer (TLS, HTTP/1, HTTP/2, decryption, WebSocket, SOCKS, ...).
 *
 * A layer is a push parser: bytes of one direction go in, what it learned goes up through the sink.  It sees
 * both directions of its connection, may be fed one byte or one megabyte at a time, and survives gaps.  Bytes
 * are borrowed for the call only; what a layer keeps it takes from conn->arena (lives as long as the flow's
 * inspection) within its own named limits.  A layer never allocates elsewhere except through libraries that
 * it closes in close().
 *
 * The inside of any flow is a stack of these parts, managed by classify/stack.c. */
#ifndef CLASSIFY_LAYER_H
#define CLASSIFY_LAYER_H

#include "base/arena.h"
#include "base/text.h"
#include "capture/flow.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum layer_verdict {
	LAYER_MORE,    /* all bytes taken, wants more */
	LAYER_DONE,    /* nothing more to learn: free it and all below that serve only it */
	LAYER_UPGRADE, /* another protocol starts at byte conn->upgrade.used of this feed */
	LAYER_BAD,     /* not this protocol, or broken beyond reading */
};

/* Where a name came from, strongest first (design section 6). */
enum name_source {
	NAME_NONE,
	NAME_HTTP,
	NAME_CONNECT,
	NAME_SOCKS,
	NAME_SNI,
	NAME_QUIC_SNI,
	NAME_CERT,
	NAME_DNS,
	NAME_HTTPS_RR,
	NAME_IP,
	NAME_SHAPE,
	NAME_SOURCES
};
const char *name_source_text(
        enum name_source s); /* http connect socks sni quic-sni cert dns https-rr ip shape */

struct hello;       /* names/hello.h */
struct certificate; /* names/certificate.h */
struct carrier;     /* names/carrier.h */
struct message;     /* http/message.h */

/* A connection that goes on to somebody else, or comes from somebody else, as a proxy protocol says it. */
struct proxied {
	uint8_t kind;      /* enum via_kind of found.h */
	bool target;       /* host and port are where the connection goes on to */
	const char *host;  /* normalized; "" when it is not said */
	uint16_t port;     /* 0: not said */
	bool client_known; /* client and client_port are who the connection comes from */
	struct ip_addr client;
	uint16_t client_port;
};

enum upgrade_to { UPGRADE_UNKNOWN, UPGRADE_TUNNEL, UPGRADE_WEBSOCKET, UPGRADE_H2C };

/* Another protocol begins, on the connection or on one of its streams. */
struct upgrade {
	size_t used;           /* bytes of this feed that still belonged to the layer */
	const uint8_t *before; /* bytes of earlier feeds that belong to what follows, in the layer's memory */
	size_t n_before;
	enum upgrade_to to;            /* what is known of the protocol that follows */
	const struct message *request; /* what asked for it, NULL: not seen; as long as the layer's memory */
};

/* What a layer hands upward.  Any member may be NULL: then nobody wants it. */
struct sink {
	void *arg;
	/* A client or server hello was read whole, or as far as it will ever be. */
	void (*hello)(void *arg, const struct hello *h);
	/* The server's certificate as it stands in a clear handshake (TLS 1.2 and before). */
	void (*cert)(void *arg, const struct certificate *cert);
	/* A proxy protocol has been read: SOCKS, PROXY header. */
	void (*proxied)(void *arg, const struct proxied *p);
	/* A VPN or remote desktop was recognized; elsewhere: what it carries goes in packets of its own. */
	void (*carrier)(void *arg, const struct carrier *what, bool elsewhere);
	/* A name of the destination: already normalized by host_normalize(). */
	void (*name)(void *arg, enum name_source by, const char *host, uint16_t port);
	/* A request or response: head once, body any number of times, end once for each head. */
	void (*head)(void *arg, struct message *m);
	void (*body)(void *arg, struct message *m, const uint8_t *p, size_t n);
	void (*body_gap)(void *arg, struct message *m, uint64_t n);
	void (*end)(void *arg, struct message *m, bool whole);
	/* A WebSocket is over; `head` is that of the server's messages. */
	void (*closed)(void *arg, const struct message *head);
	/* The inner byte stream of a layer that carries another one (decrypted records, tunnel, frames);
	 * these get `inner` as their first argument.  A layer with many streams opens and ends those that
	 * carry one. */
	void *inner;
	void (*bytes_open)(void *inner, uint64_t stream, const struct upgrade *u);
	/* false: nobody reads that stream any further, and what the layer keeps for it (upgrade.request) may
	 * go. */
	bool (*bytes)(
	        void *inner, enum flow_dir dir, uint64_t stream, const uint8_t *p, size_t n, int64_t when_ns);
	void (*bytes_gap)(void *inner, enum flow_dir dir, uint64_t stream, uint64_t n);
	void (*bytes_end)(void *inner, uint64_t stream);
};

/* The connection a stack of layers belongs to. */
struct conn {
	struct arena *arena;
	const struct flow *flow; /* addresses, ports, times; not to be changed by layers */
	uint64_t within; /* of a connection in another one's stream: what its messages are told by from those
	                    of all others of the flow, in the upper half of their stream; else 0 */
	bool midstream;  /* the capture does not hold the connection's beginning */
	bool skip_cert;  /* the owner's: a certificate would tell it nothing */
	bool limited;    /* a layer's: it had no room for something that it should have read */
	struct upgrade upgrade; /* with LAYER_UPGRADE */
};

struct layer_ops {
	const char *name;
	size_t state_size; /* zeroed state of this size is taken from the arena before open() */
	int (*open)(void *state, struct conn *c); /* 0, or -1: no memory */
	enum layer_verdict (*feed)(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
	        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out);
	/* len bytes of that direction were sent but never seen (0: unknown number) */
	void (*gap)(void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len,
	        const struct sink *out);
	/* The connection ended, or the layer is no longer wanted: hands out what is pending
	 * (end(whole=false)). */
	void (*close)(void *state, struct conn *c, const struct sink *out);
};

#endif
