/* found.h - what classify tells the alerts side: an event, borrowed for the call that hands it over. */
#ifndef CLASSIFY_FOUND_H
#define CLASSIFY_FOUND_H

#include "capture/flow.h"
#include "classify/detect/detect.h"
#include "classify/layer.h"
#include "classify/names/hello.h"
#include "classify/policy/verdict.h"

#include <stdbool.h>
#include <stdint.h>

enum flow_direction { DIRECTION_OUT, DIRECTION_IN, DIRECTION_INTERNAL, DIRECTION_UNKNOWN };
const char *flow_direction_name(enum flow_direction d); /* out in internal unknown */

enum visibility { VISIBLE_NONE, VISIBLE_METADATA, VISIBLE_CLEAR, VISIBLE_DECRYPTED, VISIBILITIES };
const char *visibility_name(enum visibility v);

/* Reasons for which bytes were not inspected; bits, in the order of the names. */
enum why_not {
	WHY_NO_KEY = 1,
	WHY_LATE_KEY = 2,
	WHY_GAP = 4,
	WHY_TRUNCATED = 8,
	WHY_LIMIT = 16,
	WHY_UNSUPPORTED = 32
};
#define WHY_NOTS 6
const char *why_not_name(unsigned bit); /* bit index 0..WHY_NOTS-1 */

#define FACT_ALSO_MAX    4
#define FACT_HOPS_MAX    4
#define FACT_EVASION_MAX 4 /* one of each kind */

/* How a connection came to its destination through somebody else, and how a client's address was told. */
enum via_kind {
	VIA_NONE,
	VIA_HTTP,         /* absolute-form request to a proxy */
	VIA_CONNECT,      /* HTTP CONNECT */
	VIA_SOCKS4,       /* 4 and 4a */
	VIA_SOCKS5,       /* RFC 1928 */
	VIA_PROXY_HEADER, /* PROXY protocol v1, v2 */
	VIA_FORWARDED,    /* Forwarded (RFC 7239) or X-Forwarded-For */
	VIA_KINDS
};
const char *via_kind_name(enum via_kind k); /* http connect socks4 socks5 proxy forwarded */

/* One proxy that the connection passed; the first is the flow's own server. */
struct hop {
	uint8_t kind;
	uint16_t port;
	char host[64]; /* what the client called it; "" for the flow's own server */
};

/* Why the destination of a flow has no name. */
enum unnamed {
	UNNAMED_NOT,             /* it has one, or nobody asked */
	UNNAMED_NO_HANDSHAKE,    /* the connection's beginning was not captured */
	UNNAMED_NO_SNI,          /* the TLS or QUIC hello names nobody, nor did DNS */
	UNNAMED_ECH,             /* the hello names a public name in place of the real one (ECH) */
	UNNAMED_ENCRYPTED_PROXY, /* TLS to a proxy: the target is inside */
	UNNAMED_SHARED,          /* the name is shared by several services and the path is not visible */
	UNNAMED_PROTOCOL,        /* the protocol carries no name, or is none we read */
	UNNAMED_LIMIT,           /* a memory limit was reached */
	UNNAMED_NO_DATA,         /* neither side sent anything on the connection */
	UNNAMED_KINDS
};
const char *unnamed_name(
        enum unnamed u); /* no-handshake no-sni ech encrypted-proxy shared protocol limit no-data */

/* What speaks for an attempt to hide, and how strongly. */
struct evasion {
	uint8_t kind;       /* enum alert_kind ALERT_EVASION_* */
	uint8_t confidence; /* 0..100 */
	bool told;          /* an alert was raised */
	char evidence[160]; /* one clause, fit to go out */
};

enum { CERT_EXPIRED = 1, CERT_NOT_YET = 2, CERT_SELF_SIGNED = 4, CERT_OTHER_NAME = 8, CERT_CHANGED = 16 };

/* What is known of a flow, whether still read or not; owned by classify, lives as long as the flow. */
struct facts {
	enum flow_direction direction;
	uint16_t group; /* of the client */
	struct service_match match;
	enum name_source by; /* what named it */
	char host[HOST_MAX]; /* that name; "" unnamed */
	struct {
		enum name_source by;
		char host[96];
	} also[FACT_ALSO_MAX]; /* other sources that disagree with host */
	unsigned n_also;
	struct verdict verdict; /* VERDICT_NONE for what is no AI service */
	char protocol[40];      /* tls quic http1 dns, else nDPI's word */
	uint8_t sure;           /* 0..100 that `host` is right; 0: what `by` gives by itself */
	bool possible; /* one of several names that it may be, and the one that matters: told all the same,
	                  but seldom and as no more than possible */
	enum unnamed unnamed;
	char evidence[160]; /* how the name was come by where `by` alone does not say it: one clause; "" */
	char shape[24]; /* wire shape of an AI API that its requests have ("openai-chat", "mcp-http"); "" */
	struct {
		struct hop hop[FACT_HOPS_MAX];
		uint8_t n, more; /* hops; those that did not fit */
	} via;
	struct {
		bool known; /* a trusted proxy says who the client is: the source by which is judged */
		uint8_t by; /* enum via_kind */
		uint16_t port;
		struct ip_addr addr;
	} client;
	uint64_t linked; /* flow_id() of the other side of a proxy, 0: none seen */
	bool onward;     /* with linked: this is the proxy's own connection, alerted on the client's */
	struct {
		char id[96];   /* organization, project, workspace, tenant or resource; masked where needed */
		char plan[16]; /* "personal", "business", "anonymous", ...: where it shows */
		char by[48];   /* where it stood: "header openai-organization", "host", "path" */
	} account;
	struct {
		bool seen;
		bool made_up;                  /* its names are as Tor makes them up */
		uint8_t flags;                 /* CERT_* */
		int32_t not_before, not_after; /* days since 1970 */
		uint8_t sha256[32];
		char issuer[64];
	} cert; /* of the server, where it is sent in clear (TLS 1.2) */
	struct {
		const char *name; /* of the VPN or remote desktop that the flow is; NULL: none */
		uint8_t sort;     /* enum carrier_sort */
		bool elsewhere;   /* what it carries goes in packets of its own */
	} carrier;
	struct evasion evasion[FACT_EVASION_MAX];
	uint8_t n_evasions;
	bool below_floor; /* TLS below the contract's tls_min */
	struct {
		bool seen, ech, resumed;
		bool answered; /* the server's hello was seen: version and group are those agreed on */
		uint16_t version, group;
		char alpn[32], sni[HOST_MAX], ja4[JA4_MAX];
	} tls;
	enum visibility visibility;
	uint64_t inspected, of; /* bytes of requests read, and sent */
	unsigned why_not;       /* enum why_not bits */
	uint32_t requests;
};

/* How sure the name is, 0..100: as stated, else what its source gives by itself. */
uint8_t facts_sure(const struct facts *x);

/* One request, already masked for output. */
struct request_facts {
	uint32_t index;
	char method[24], path[512], host[HOST_MAX], model[160], account[96], user_agent[128];
	char operation[64];    /* "chat", "embeddings", ...; JSON-RPC method ("tools/call"), event, GraphQL
	                          operation */
	char tool[64];         /* with it: name of the tool, resource or prompt */
	char shape[24];        /* wire shape of the request, "" none */
	char conversation[96]; /* id of the conversation or thread, "" none */
	char words[160];       /* field that holds the user's newest words, "" not known */
	bool read;             /* the body was: before, the next three are not known */
	uint32_t messages, files;
	uint64_t bytes;  /* of the body, decoded */
	uint64_t thread; /* stands for the conversation between this source and this service, 0 unknown */
	bool whole;
};

/* EVENT_VOLUME becomes no record: bytes that left since the last one of this flow, for the sums behind the
 * queue. */
enum event_type { EVENT_ALERT, EVENT_FLOW, EVENT_SENSOR, EVENT_VOLUME };

struct event {
	enum event_type type;
	int kind; /* enum alert_kind for alerts and sensor events */
	enum severity severity;
	uint8_t confidence;
	int64_t when_ns;         /* packet time that completed it */
	const char *summary;     /* one sentence a person can act on; already masked */
	const struct flow *flow; /* NULL for sensor events */
	const struct facts *facts;
	const struct request_facts *request; /* NULL: none */
	const struct finding *findings;
	size_t n_findings;
	uint32_t more_findings;
	enum data_class class; /* payload.sensitive: the class it is about */
	uint64_t repeat_key;   /* equal keys are the same thing again: told once, then as updates; 0: never */
	bool first_use_only;   /* the alerts side lets it pass once per service, group and day */
	bool first_by_source;  /* with it: once per service, source and day */
	uint64_t bytes_out;    /* EVENT_VOLUME */
	uint64_t test; /* an alert that `leaktap test-alert` asked for has its number; 0: a real one */
	/* sensor events: what is the matter ("drops"), "began" or "ended" (of a heartbeat: how the sensor
	 * is), with what; NULL or "": left out */
	const char *condition, *state, *about;
	/* named counters, and more of a heartbeat as a JSON object */
	const char *const *counter_names;
	const uint64_t *counters;
	size_t n_counters;
	const char *health;
	size_t n_health;
};

/* Where events go.  Called on the worker's thread; must not block. */
struct teller {
	void *arg;
	void (*tell)(void *arg, const struct event *ev);
};

#endif
