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

enum visibility { VISIBLE_NONE, VISIBLE_METADATA, VISIBLE_CLEAR, VISIBLE_DECRYPTED };
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

#define FACT_ALSO_MAX 4

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
	struct {
		bool seen, ech, resumed;
		uint16_t version, group;
		char alpn[32], sni[HOST_MAX], ja4[JA4_MAX];
	} tls;
	enum visibility visibility;
	uint64_t inspected, of; /* bytes of requests read, and sent */
	unsigned why_not;       /* enum why_not bits */
	uint32_t requests;
};

/* One request, already masked for output. */
struct request_facts {
	uint32_t index;
	char method[24], path[512], host[HOST_MAX], model[64], account[96], user_agent[128], operation[48];
	uint32_t messages, files;
	uint64_t bytes; /* of the body, decoded */
	bool whole;
};

enum event_type { EVENT_ALERT, EVENT_FLOW, EVENT_SENSOR };

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
	/* sensor events: named counters */
	const char *const *counter_names;
	const uint64_t *counters;
	size_t n_counters;
};

/* Where events go.  Called on the worker's thread; must not block. */
struct teller {
	void *arg;
	void (*tell)(void *arg, const struct event *ev);
};

#endif
