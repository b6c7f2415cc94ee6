/* reading.h - classify's own: a flow that is being read, and what is kept of one that no longer is. */
#ifndef CLASSIFY_READING_H
#define CLASSIFY_READING_H

#include "base/arena.h"
#include "classify/account.h"
#include "classify/call.h"
#include "classify/classify.h"
#include "classify/content/content.h"
#include "classify/http/message.h"
#include "classify/names/certificate.h"
#include "classify/names/names.h"
#include "classify/shape.h"
#include "classify/stack.h"

#define FACTS_SURE_ALERT   60 /* a name less sure alerts nobody */
#define FLOW_FINDINGS_MAX  16 /* told in a flow record; more are counted */
#define FLOW_SERVICES_MAX  8  /* destinations of one connection told apart */
#define READING_BLOCKS_MAX 64 /* arena blocks of one connection */
#define ARENA_BLOCK        8192
#define ARENA_BIG_BLOCK    (65536 + 4096)
#define KEPT_SMALL         320  /* holds the facts of nearly every flow that is no longer read */
#define KEPT_LARGE         2048 /* holds the longest */

/* flow->inspect points to a reading or to kept facts; the first byte tells which.  A reading whose flow is no
 * longer read stays (READ) when it has findings for the flow's record. */
enum tracked_form { TRACKED_READING = 1, TRACKED_READ = 2, TRACKED_KEPT = 3 };

struct answer; /* answer.h */

struct reading {
	uint8_t form;
	bool udp;
	bool settled; /* the destination was judged (again after a stronger name) */
	uint8_t second_packets;
	uint8_t ended; /* bit 1 << enum flow_dir: that side has said its last byte */
	struct classify *cls;
	struct flow *flow;
	struct reading *older, *newer; /* by their latest packets, to a second */
	int64_t touched_ns;
	struct facts facts;
	uint64_t metered;       /* payload that tell_volume() was given */
	uint64_t head_inflated; /* that came out of codings in heads of requests */
	bool closing;           /* nothing more comes */
	bool doubted;           /* the SNI may be a lie: the server's certificate is worth reading */
	uint32_t tunnels;       /* asked for on streams of HTTP/2, side by side */
	bool fronts_too;        /* requests for the name of the SNI were seen among others */
	bool enough;            /* an internal connection that turned out to be none of an AI API's */
	struct shape shape;     /* of the last request, until its answer came */
	uint32_t shape_index;   /* of that request */
	uint64_t shape_stream;
	uint16_t answer_bytes;  /* of its answer looked at */
	struct answer *answers; /* that are expected, the newest first */
	unsigned n_answers;
	uint8_t hop_depth[FACT_HOPS_MAX]; /* stack_depth() of the layer that told the hop */
	struct {
		uint16_t port;
		char host[64];
	} target[FACT_HOPS_MAX]; /* where each hop was asked to go on to */
	struct arena arena;
	struct sink sink;   /* the classify's, with this reading as its arg */
	struct stack stack; /* members from here on are set singly when the reading opens */
	struct second_flow *second;
	struct {
		const struct service *service;
		int kind;
	} told[FLOW_SERVICES_MAX]; /* destination alerts given on this flow */
	unsigned n_told;
	struct finding *findings; /* FLOW_FINDINGS_MAX, from the arena, NULL until the first */
	unsigned n_findings;
	uint32_t more_findings;
};

struct told_table; /* told.h */

struct classify {
	struct settings *s;
	struct teller tell;
	struct sink sink; /* of every stack, without its arg */
	struct tcp_reader *tcp;
	struct links *links;
	struct dns_cache *dns;
	struct second *second;
	struct detect_worker *detect;
	struct content_pool *contents;
	struct told_table *told; /* values that were told */
	struct seen_cert *certs; /* of AI services, to see a change */
	struct pool *readings, *blocks, *big_blocks, *requests;
	struct pool *answers; /* NULL: nobody wants them */
	struct {
		struct answer *oldest, *newest; /* by when they were asked for */
	} waited_for;                           /* answers of which nothing came yet */
	struct reading *oldest, *newest;
	struct pool *kept_small, *kept_large;
	struct classify_stats stats;
};

/* ---- reading.c: from flow to reading and back -----------------------------------------------------------
 */
/* `first`: the layer of the flow's bytes where it is known, NULL: to be probed.  NULL: no memory, which the
 * flow's record shows. */
struct reading *reading_open(
        struct classify *c, struct flow *f, int64_t when_ns, const struct layer_ops *first);
/* It had a packet: the latest is the last to make room for others. */
void reading_touch(struct classify *c, struct reading *r, int64_t when_ns);
/* Nothing more can be learned from the flow's bytes: from here on it is merely counted. */
void reading_release(struct classify *c, struct reading *r, int64_t when_ns);
/* The two halves of a release at the flow's end: what the layers found goes into the facts, and nothing is
 * told after that but the flow record; then all memory is given back. */
void reading_finish(struct classify *c, struct reading *r, int64_t when_ns);
void reading_free(struct classify *c, struct reading *r);

/* ---- learned.c: what the layers say of a connection ------------------------------------------------------
 */
void learned_sink(struct sink *out); /* sets hello, name, proxied, cert and carrier */
/* The destination is as certain as it will be, or a stronger name came: judge it and tell. */
void reading_settle(struct classify *c, struct reading *r, int64_t when_ns);

/* ---- facts.c: names and verdicts ------------------------------------------------------------------------
 */
/* A name was learned: the strongest becomes the flow's, others that disagree are kept beside it. */
void facts_name(struct classify *c, struct facts *x, enum name_source by, const char *host, const char *path);
/* Only as another name, whatever its strength. */
void facts_also(struct classify *c, struct facts *x, enum name_source by, const char *host);
/* A host name fit to go out: secrets in its labels are masked. */
void facts_shown(struct classify *c, const char *name, char *out, size_t cap);
/* What a hello says in words, fit to go out; alpn "" leaves the one before. */
void facts_hello(struct classify *c, struct facts *x, const char *sni, const char *alpn);
/* The service of a host name, or of the address when it is a literal. */
struct service_match facts_match(const struct classify *c, const char *host, const char *path);
/* Who is judged: the flow's client, or the one that a trusted proxy names. */
const struct ip_addr *facts_source(const struct facts *x, const struct flow *f);
/* `a` NULL: no account is visible. */
void facts_judge(
        struct classify *c, struct facts *x, const struct flow *f, int64_t when_ns, const struct account *a);
/* Does what is sent on this flow leave the organization?  Internal connections do where they go through a
 * proxy. */
bool facts_leaves(const struct classify *c, const struct facts *x, const struct flow *f);
/* Flows to services have their bytes counted for the sums behind the queue, tunnels for their alert. */
bool facts_metered(const struct facts *x);
enum flow_direction facts_direction(const struct settings *s, const struct flow *f);
void facts_begin(struct classify *c, struct facts *x, const struct flow *f);
/* Packs what a flow record needs into as little as it takes; NULL: no memory (counted). */
void *facts_keep(struct classify *c, const struct facts *x);
void facts_unkeep(struct classify *c, const void *kept, struct facts *x);
/* Payload that tell_volume() was given of a flow that is no longer read. */
uint64_t *facts_kept_metered(void *kept);
void facts_kept_free(struct classify *c, void *kept);
/* Once for each flow that ended. */
void facts_count(struct classify *c, const struct facts *x);

/* ---- hidden.c: names that are missing, encrypted or inferred ---------------------------------------------
 */
/* Names that do not need a byte of the flow itself: what was looked up, ranges that are published. */
void hidden_address(struct classify *c, struct facts *x, const struct flow *f, int64_t when_ns);
/* Names by what the client looked up for that address; of several, the one that matters.  false: nothing. */
bool hidden_lookups(struct classify *c, struct facts *x, const struct ip_addr *client,
        const struct ip_addr *server, int64_t when_ns);
/* A hello whose SNI is the public name of an ECH configuration.  true: it was, and the SNI is not the name.
 */
bool hidden_ech(struct classify *c, struct reading *r, const struct hello *h, int64_t when_ns);
void hidden_sni(struct classify *c, struct reading *r, enum name_source by, const char *sni);
void hidden_cert(struct classify *c, struct reading *r, const struct certificate *cert, int64_t when_ns);
struct seen_cert *hidden_certs_create(void);
/* At the end of reading: why there is no name, how sure the one that is there. */
void hidden_finish(struct classify *c, struct reading *r);
/* Does the connection to a partner keep what its entry asks of TLS?  Once the server has answered. */
void posture_check(struct classify *c, struct reading *r, int64_t when_ns);

/* ---- via.c: proxies and who is behind them --------------------------------------------------------------
 */
/* A proxy was asked to go on to `target` ("" when it did not say): the flow's names are those of what lies
 * behind. */
void via_hop(struct reading *r, enum via_kind kind, const char *target, uint16_t port);
/* Somebody who is believed says who the client is. */
void via_client(
        struct classify *c, struct facts *x, enum via_kind by, const struct ip_addr *a, uint16_t port);
void via_forwarded(struct classify *c, const struct flow *f, const struct message *m, struct facts *x);
/* Ties the proxy's own connection to the client's: by the hello inside, or by a request (into its own facts).
 */
void via_link_hello(struct classify *c, struct reading *r, const uint8_t random[32], int64_t when_ns);
void via_link_request(
        struct classify *c, struct reading *r, const struct message *m, const char *host, struct facts *x);

/* ---- request.c: messages to findings --------------------------------------------------------------------
 */
void request_sink(struct sink *out); /* sets head, body, body_gap, end and closed */
/* The flow record shows what its messages held, each value once. */
void reading_remember(struct reading *r, const struct finding *f, size_t n, uint32_t more);
struct pool *request_pool_create(size_t n);

/* ---- tell.c: events -------------------------------------------------------------------------------------
 */
/* The destination of the flow (or of one of its requests), when its verdict asks for an alert. */
void tell_destination(struct classify *c, struct reading *r, const struct facts *x,
        const struct request_facts *q, int64_t when_ns);
/* A host that nobody knows speaks the API of an AI service. */
void tell_suspected(struct classify *c, struct reading *r, const struct facts *x,
        const struct request_facts *q, const struct shape *shape, int64_t when_ns);
/* Sets `again` of the findings. */
void tell_payload(struct classify *c, struct reading *r, const struct facts *x, const struct request_facts *q,
        struct finding *findings, size_t n, uint32_t more, int64_t when_ns);
/* The same for what came back, where settings let that alert; only what was neither sent nor received before.
 */
void tell_answer(struct classify *c, struct reading *r, const struct facts *x, const struct request_facts *q,
        struct finding *findings, size_t n, uint32_t more, int64_t when_ns);
/* Bytes that left on this flow since it was last told of. */
void tell_volume(
        struct classify *c, const struct flow *f, const struct facts *x, uint64_t bytes, int64_t when_ns);
void tell_flow(struct classify *c, const struct flow *f, const struct facts *x,
        const struct finding *findings, size_t n, uint32_t more);
/* A sign of hiding; encrypted DNS passes once per source group and day. */
void tell_evasion(struct classify *c, const struct flow *f, const struct facts *x, const struct evasion *e,
        int64_t when_ns);
/* What of the partner's TLS is not as it should be, in words. */
void tell_posture(struct classify *c, struct reading *r, const char *what, int64_t when_ns);
void tell_networks(struct classify *c, const struct flow *f, int64_t when_ns);
/* Its sentence. */
void tell_uncovered(const struct flow *f, char *buf, size_t cap);

#endif
