/* settings.h - everything the administrator decides, read once, checked whole, then immutable; reference
 * counted because an inspection keeps the version it began with. */
#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

#include "base/err.h"
#include "config/catalogue.h"
#include "config/detectors.h"
#include "config/faults.h"
#include "config/networks.h"
#include "config/register.h"
#include "config/suppress.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Alert kinds (design section 6); their default severities stand in the table of kinds.c. */
enum alert_kind {
	ALERT_DESTINATION_UNAPPROVED,
	ALERT_DESTINATION_SOURCE,
	ALERT_DESTINATION_EXPIRED,
	ALERT_DESTINATION_ACCOUNT,
	ALERT_DESTINATION_SUSPECTED,
	ALERT_DESTINATION_TOLERATED, /* first use of a tolerated service by a group each day */
	ALERT_PAYLOAD_SENSITIVE,
	ALERT_VOLUME_EXCEEDED,
	ALERT_POSTURE_TLS,
	ALERT_EVASION_ECH,
	ALERT_EVASION_FRONTING,
	ALERT_EVASION_DOH,
	ALERT_EVASION_TUNNEL,
	ALERT_SENSOR_DROPS,
	ALERT_SENSOR_GAP,
	ALERT_SENSOR_KEYS,
	ALERT_SENSOR_DELIVERY,
	ALERT_SENSOR_NETWORKS,
	ALERT_SENSOR_HEALTH, /* the heartbeat; the others are alerts */
	ALERT_SENSOR_SILENCE,
	ALERT_SENSOR_MEMORY,
	ALERT_SENSOR_STALL,
	ALERT_KINDS
};
const char *alert_kind_name(enum alert_kind k); /* "destination.unapproved" */
int alert_kind_by_name(const char *name);       /* -1: none */

struct text_list {
	const char **item;
	size_t n;
};

/* What becomes of a sign of hiding. */
enum sign_mode { SIGN_RECORD, SIGN_ALERT, SIGN_OFF };

enum inspect_scope { INSPECT_EGRESS, INSPECT_AI };

struct settings {
	const char *path; /* file it came from, "" when built in */

	struct {
		const char *name; /* letters, digits, '-', '_', '.'; default the host name */
	} sensor;
	struct {
		struct text_list interfaces;
		const char *filter; /* "" none */
		unsigned workers, ring_mb, snaplen;
		bool promiscuous, vlan_in_key;
	} capture;
	struct networks *networks;
	struct {
		struct text_list catalogue, extra; /* directories or files; none: the shipped ones */
	} services;
	struct {
		enum posture posture;
		struct partner *partners;
		size_t n_partners;
		struct partner_index *index; /* finds the entry: partner_find() */
	} policy;
	struct {
		enum inspect_scope scope;
		enum sign_mode responses; /* of answers: findings in flow records, alerts, or neither */
		uint64_t body_limit;
		struct text_list detectors; /* directories or files; none: the shipped ones */
	} inspect;
	struct {
		enum sign_mode ech, fronting, doh, tunnel, remote_desktop;
		unsigned tunnel_mb;  /* sent through a tunnel or remote desktop before it alerts */
		unsigned alert_from; /* signs less certain are recorded only, 0..100 */
	} evasion;
	struct {
		uint64_t flow, source_daily, group_daily; /* bytes out, 0: no bound */
	} volume;
	struct {
		uint64_t memory_mb;
		unsigned flows, flow_idle_s, udp_idle_s, flow_active_s;
		unsigned inspected;   /* flows read at once */
		unsigned bodies;      /* messages read at once */
		unsigned decode_mb;   /* windows and tables of decoders */
		unsigned segments_mb; /* out-of-order bytes */
		unsigned fragments_mb, fragment_s;
		unsigned copies; /* packets remembered, to know those seen twice; 0: not looked for */
		unsigned dns_entries, dns_grace_s;
		unsigned queue;    /* records between a worker and the alerts side */
		unsigned findings; /* told per request */
	} limits;
	struct {
		struct text_list outputs;                /* "-", "file:PATH", Redis URLs */
		const char *redis;                       /* URL, "" none */
		const char *tls_ca, *tls_cert, *tls_key; /* for rediss:// */
		const char *password_file;
		const char *spool_directory; /* "" not set */
		unsigned spool_max_mb;
		unsigned streams_retention_h; /* in Redis; 0: no bound */
		unsigned streams_max_entries; /* of each stream; 0: no bound */
		unsigned streams_replicas;    /* that make a record durable; 0: not asked */
		unsigned group_window_s,
		        repeat_s; /* repeat_s: a repeated value is told again at least so often */
		enum severity severity[ALERT_KINDS];
		bool muted[ALERT_KINDS];
		struct suppress_rules suppress;
	} alerts;
	struct {
		unsigned heartbeat_s;       /* 0: no heartbeat */
		unsigned drops_per_million; /* packets lost in an interval before it is told */
		unsigned lag_s, silence_s;  /* 0: not looked at */
	} health;
	struct {
		const char *directory; /* "" not set */
		unsigned retention_days;
	} evidence;
	struct {
		uint8_t token_key[64];
		size_t token_key_len; /* 0: no tokens */
		char token_key_id[17];
	} detect;

	struct catalogue *catalogue;
	struct detectors *detector_set;
	void *private; /* what settings.c must free */
	_Atomic unsigned refs;
};

/* The file's settings with its catalogue, detectors and register, complete or not at all.  `path` NULL: the
 * built-in settings.  NULL after faults (all of them are in f). */
struct settings *settings_load(const char *path, struct faults *f);
/* -c FILE, else $LEAKTAP_CONFIG, else /etc/leaktap/leaktap.yaml when it exists, else NULL. */
const char *settings_find(const char *from_option);
struct settings *settings_hold(struct settings *s);
void settings_drop(struct settings *s);
/* Where the shipped data stands: $LEAKTAP_DATA, else config/ when the program runs from a build tree, else
 * PREFIX/share/leaktap.  Writes DIR/what into buf; -1 when there is none. */
int settings_shipped(const char *what, char *buf, size_t cap);

#endif
