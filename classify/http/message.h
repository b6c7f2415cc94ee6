/* message.h - one HTTP request or response, whichever version carried it.  Owned by the layer; valid from
 * sink.head to sink.end.  All slices point into the layer's memory, not into packets. */
#ifndef CLASSIFY_HTTP_MESSAGE_H
#define CLASSIFY_HTTP_MESSAGE_H

#include "base/text.h"
#include "capture/flow.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_HEADERS_MAX 128   /* more are counted and dropped */
#define HTTP_HEAD_MAX    65536 /* a longer head is BAD */

struct header {
	struct slice name, value;
};

struct message {
	enum flow_dir dir; /* C2S: request */
	uint64_t stream; /* conn->within, and of HTTP/2 the stream's id; of a WebSocket that of its handshake
	                  */
	uint32_t index;  /* nth request of the layer, from 0; of an answer: that of the request it answers, as
	                    far  as it is known */
	uint32_t handshake; /* framed: index of the request that asked for the WebSocket */
	int64_t when_ns;    /* first byte */
	bool request;
	bool damaged; /* the head is cut by a gap or the end, or its lengths contradict each other */
	bool missed;  /* a part of the head, or all of it, was not captured */
	bool framed;  /* a message within a WebSocket: its head is the handshake's, which was told before */
	uint8_t version;             /* 10, 11, 20, 30 */
	struct slice method, target; /* as sent */
	struct slice authority; /* Host, :authority or that of an absolute target; as sent, may have a port */
	struct slice path, query;      /* target without its query; behind the '?' (holds secrets) */
	struct slice content_type;     /* whole value, parameters included */
	struct slice content_encoding; /* codings in the order applied, HTTP/1's transfer codings but chunked
	                                  behind them */
	struct slice user_agent;
	struct slice protocol;  /* extended CONNECT (RFC 8441): what is asked for; else empty */
	uint16_t status;        /* responses */
	int64_t content_length; /* -1: not given */
	const struct header *headers;
	unsigned n_headers;
	const struct header *trailers; /* fields behind the body, known when it ends */
	unsigned n_trailers;
	uint64_t body_bytes; /* transfer-decoded bytes handed out so far; in sink.body: where these stand */
	uint64_t body_missed;
	bool upgrade; /* asks for or grants another protocol */
	void *user;   /* the sink's own */
};

/* One more value of Content-Encoding, or of what is undone like one: several are one list (RFC 9110 5.3).
 * `room`, of `cap` bytes and as long-lived as the message, is used once there are two. */
void message_add_codings(struct message *m, struct slice more, char *room, size_t cap);
/* A decimal number, as in Content-Length; -1: none. */
int64_t message_number(struct slice s);

/* HTTP/1.0 and 1.1 (RFC 9112): both directions, pipelined, chunked, content-length, until close, 1xx, HEAD
 * and CONNECT rules by the request that a response answers.  UPGRADE after 101 or a 2xx to CONNECT. After a
 * gap in a body the framing goes on where lengths allow, else it looks for the next head. */
struct layer_ops;
extern const struct layer_ops http1_layer;
/* Could these first bytes of a direction be HTTP/1 (request line or status line)?  1 yes, 0 no, -1 too few.
 */
int http1_probe(const uint8_t *p, size_t n);

/* HTTP/2 (RFC 9113) in the clear: by prior knowledge, after an h2c upgrade, or from the middle of a
 * connection. The DATA of CONNECT streams are inner bytes (sink.bytes_open), of extended CONNECT (RFC 8441)
 * too. */
extern const struct layer_ops http2_layer;
int http2_probe(const uint8_t *p, size_t n);
/* Do frames stand in these bytes of a connection whose beginning is not known?  Judged by what follows each.
 */
bool http2_frames(const uint8_t *p, size_t n, enum flow_dir dir);

/* WebSocket (RFC 6455) with permessage-deflate (RFC 7692), after the handshake: each message of the client,
 * each record of one (SignalR), and each control frame with a text, goes up as a request to the handshake's
 * target with the method WEBSOCKET (`framed'), each message of the server as an answer when the sink sets
 * `user' in the first one's head. */
extern const struct layer_ops websocket_layer;
/* Do its frames stand in these bytes of a connection whose beginning is not known? */
bool websocket_frames(const uint8_t *p, size_t n, enum flow_dir dir);
/* The same of what one segment alone does not show: what those of the client have shown so far, zero before
 * the first one and behind a gap. */
struct websocket_trace {
	uint64_t left;  /* of the frame that goes on */
	unsigned whole; /* segments that ended with a frame, one behind the other */
};
bool websocket_segment(struct websocket_trace *t, const uint8_t *p, size_t n, enum flow_dir dir);

#endif
