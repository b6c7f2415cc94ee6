/* http2_internal.h - what the parts of the HTTP/2 reader share: http2.c (frames of both directions),
 * http2_frames.c (where frames may begin), http2_streams.c (streams, their heads and bodies). */
#ifndef CLASSIFY_HTTP_HTTP2_INTERNAL_H
#define CLASSIFY_HTTP_HTTP2_INTERNAL_H

#include "classify/http/hpack.h"
#include "classify/http/message.h"
#include "classify/layer.h"
#include "classify/names/pieces.h"

#define HTTP2_FRAME_HEADER 9
#define HTTP2_STREAMS_MAX                                                                                    \
	256 /* followed at once on a connection; for more the one silent longest makes room */
#define HTTP2_BUCKETS       64
#define HTTP2_LINGER_MAX    32 /* streams that the server reset while the client may still send */
#define HTTP2_LINGER_NS     NS_PER_S
#define HTTP2_HEAD_FREE     (1u << 20) /* decoded bytes of heads of a direction before ... */
#define HTTP2_HEAD_RATIO    200        /* ... they may be no more than this many times the bytes sent */
#define HTTP2_CODINGS_MAX   128
#define HTTP2_CHUNK_CLASSES 4

enum {
	H2_DATA,
	H2_HEADERS,
	H2_PRIORITY,
	H2_RST_STREAM,
	H2_SETTINGS,
	H2_PUSH_PROMISE,
	H2_PING,
	H2_GOAWAY,
	H2_WINDOW_UPDATE,
	H2_CONTINUATION,
	H2_ALTSVC,
	H2_ORIGIN = 0xc,
	H2_PRIORITY_UPDATE = 0x10
};
enum { H2_END_STREAM = 1, H2_END_HEADERS = 4, H2_PADDED = 8, H2_HAS_PRIORITY = 0x20 };

struct chunk; /* memory of one head or trailer */

struct half { /* one message of a stream */
	struct message m;
	struct half *next; /* in the free list */
	struct chunk *head, *trailer;
	bool told; /* head was handed out, end was not */
	bool gap;  /* bytes are missing since the last ones handed out */
	char codings[HTTP2_CODINGS_MAX];
};

/* A stream that carries another protocol: what it is, once it was asked for. */
enum stream_tunnel { NO_TUNNEL, TUNNEL_ASKED, TUNNEL_OPEN, TUNNEL_REFUSED };

struct stream {
	uint32_t id;                  /* 0: free */
	uint32_t index;               /* of its request */
	struct stream *next;          /* in its bucket, or in the free list */
	struct stream *older, *newer; /* in its list, by use */
	struct half *half[2]; /* what is being read; of a tunnel's request for as long as the tunnel */
	bool done[2];         /* that side has ended */
	bool busy;            /* which list it is in */
	bool reset;           /* by the server; the client may not know yet */
	uint8_t tunnel, to;   /* enum stream_tunnel, enum upgrade_to */
};

struct stream_list {
	struct stream *oldest, *newest;
};

struct side {
	struct hpack *hpack;
	uint64_t bytes, decoded; /* sent; of heads, with what the table holds */
	uint8_t header[HTTP2_FRAME_HEADER], header_n;
	uint8_t type, flags;
	uint32_t left, id;   /* payload still to come, and whose it is */
	uint32_t pad, skip;  /* padding at its end; bytes before what we read: priority, promised id */
	bool pad_due, drop;  /* the length of the padding comes first; nobody reads this payload */
	struct stream *data; /* of this DATA frame; NULL: not looked up yet, or gone */
	struct pieces block; /* header block fragments of several frames */
	uint32_t block_id;
	bool in_block, block_ends, block_promised, block_bad;
	bool lost;                /* where frames begin is not known */
	uint8_t in_doubt;         /* frames were found again: they have to go on like that */
	bool missed;              /* anything of this direction was not captured */
	bool preface_done, begun; /* begun: a frame was seen */
	uint8_t preface_n;
	uint32_t largest, newest_id; /* frame and stream id so far */
	uint32_t index;              /* messages so far */
	struct half *stray;          /* bytes that were found behind a gap, of no known stream */
};

struct http2 {
	struct side side[2];
	struct stream *bucket[HTTP2_BUCKETS];
	struct stream_list list[2]; /* [1]: those being read */
	unsigned n_streams;
	bool upgraded; /* stream 1 was begun in HTTP/1 */
	struct stream *free_streams;
	struct half *free_halves;
	struct chunk *free_chunks[HTTP2_CHUNK_CLASSES];
	struct {
		uint32_t id;
		int64_t when_ns;
	} linger[HTTP2_LINGER_MAX]; /* a ring */
	unsigned linger_first, linger_n;
};

/* One call of the layer. */
struct run {
	struct http2 *h;
	struct conn *c;
	struct side *s;
	enum flow_dir dir;
	int64_t when_ns;
	const struct sink *out;
};

/* ---- http2_frames.c ---- */
/* Is this a frame header that may stand there?  Stricter than the protocol: for a reader in search of one. */
bool http2_frame_plausible(const uint8_t *header, enum flow_dir dir, const struct side *s);
/* Where in these bytes a frame begins, by its header and as far as they go by that of the next; `n` when none
 * does (a header may begin in the last bytes). */
size_t http2_frame_seek(const uint8_t *p, size_t n, enum flow_dir dir, const struct side *s);
bool http2_is_text(const uint8_t *p, size_t n); /* no control characters but tabs and line ends */

/* ---- http2_streams.c ---- */
/* The stream that the client's request becomes when HTTP/1 was left for HTTP/2 (RFC 7540 3.2). */
void http2_upgraded(struct run *r, const struct message *request);
void http2_block(struct run *r, const uint8_t *p, size_t n); /* a whole header block of r->s->block_id */
void http2_data(struct run *r, const uint8_t *p, size_t n);  /* of the DATA frame at hand */
void http2_data_gap(struct run *r, uint64_t n);              /* missing within that frame */
/* Bytes behind a gap, before the next frame: those of a text are handed on. */
void http2_stray(struct run *r, const uint8_t *p, size_t n);
void http2_stray_end(struct run *r);
void http2_stream_ends(struct run *r, uint32_t id);
void http2_stream_reset(struct run *r, uint32_t id);
/* Any stream of this direction may lack bytes. */
void http2_missed(struct run *r);
/* Resets that lie long enough back end their streams. */
void http2_linger(struct run *r);
void http2_end_all(struct run *r);

#endif
