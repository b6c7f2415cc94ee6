/* settings_table.c - every key of the settings file: one row holds its name, type, place, bounds, default and
 * help. docs/settings.md and config/leaktap.yaml are held against this table by tests/unit/test_settings.c.
 */
#include "config/settings_internal.h"

#include "config/redis_url.h"

#include <stddef.h>

#define AT(member) offsetof(struct settings, member)
#define NUMBER(path, member, least, most, preset, help)                                                      \
	{                                                                                                    \
		path, SETTING_NUMBER, AT(member), least, most, preset, NULL, NULL, NULL, NULL, help          \
	}
#define SIZE(path, member, least, most, preset, help)                                                        \
	{                                                                                                    \
		path, SETTING_SIZE, AT(member), least, most, preset, NULL, NULL, NULL, NULL, help            \
	}
#define BOOL(path, member, preset, help)                                                                     \
	{                                                                                                    \
		path, SETTING_BOOL, AT(member), 0, 0, preset, NULL, NULL, NULL, NULL, help                   \
	}
#define TEXT(path, member, allowed, check, help)                                                             \
	{                                                                                                    \
		path, SETTING_TEXT, AT(member), 0, 0, "", allowed, NULL, check, NULL, help                   \
	}
#define LIST(path, member, allowed, check, help)                                                             \
	{                                                                                                    \
		path, SETTING_LIST, AT(member), 0, 0, NULL, allowed, NULL, check, NULL, help                 \
	}
#define WORD(path, member, words, preset, help)                                                              \
	{                                                                                                    \
		path, SETTING_WORD, AT(member), 0, sizeof(words) / sizeof(*(words)), preset, NULL, words,    \
		        NULL, NULL, help                                                                     \
	}
#define OWN(path, allowed, read, help)                                                                       \
	{                                                                                                    \
		path, SETTING_OWN, 0, 0, 0, NULL, allowed, NULL, NULL, read, help                            \
	}
#define LATER(path)                                                                                          \
	{                                                                                                    \
		path, SETTING_LATER, 0, 0, 0, NULL, NULL, NULL, NULL, NULL, NULL                             \
	}

static const char *const postures[] = {[POSTURE_INSULAR] = "insular", [POSTURE_OPEN] = "open"};
static const char *const sign_modes[] = {
        [SIGN_RECORD] = "record", [SIGN_ALERT] = "alert", [SIGN_OFF] = "off"};
static const char *const scopes[] = {[INSPECT_EGRESS] = "egress", [INSPECT_AI] = "ai"};

#define NETWORKS_FORM "a list of networks such as [10.0.0.0/8, \"fd00::/8\"]"
#define PLACES_FORM   "folders or files that can be read"
#define SECRET_FORM   "a file that only its owner can read (chmod 600)"

/* clang-format off */
const struct setting settings_table[] = {
	TEXT("sensor.name", sensor.name, "1 to 40 letters, digits, '.', '_' or '-'", check_name,
		"Name of this sensor in every record and in Redis keys. Without it: the host's name."),

	LIST("capture.interfaces", capture.interfaces, "names of network interfaces", check_interface,
		"Interfaces that `leaktap run` watches when it is started without -i or -r."),
	TEXT("capture.filter", capture.filter, "a filter as tcpdump takes it", NULL,
		"Only packets that this filter (pcap-filter(7)) lets through are read. Without it: all."),
	NUMBER("capture.workers", capture.workers, 0, 64, "0",
		"Threads that read live packets. 0: one for each processor. Files are read by one, or by -w."),
	NUMBER("capture.ring_mb", capture.ring_mb, 1, 4096, "64",
		"Kernel ring of each worker in MiB: what can wait there when packets come faster than they are read."),
	NUMBER("capture.snaplen", capture.snaplen, 128, 262144, "262144",
		"Bytes kept of a packet. What is cut off is a gap in what can be inspected."),
	BOOL("capture.promiscuous", capture.promiscuous, "yes",
		"Read packets that are not addressed to this machine, as a mirror port delivers them."),
	BOOL("capture.vlan_in_key", capture.vlan_in_key, "no",
		"Tell flows apart by VLAN too. Only where one address pair occurs in several VLANs and the mirror tags both"
		" directions."),

	OWN("networks.internal", NETWORKS_FORM, read_internal,
		"Your own networks: what leaves them is what leaktap watches. Without it: RFC 1918, RFC 6598, unique local,"
		" link-local and loopback addresses."),
	OWN("networks.proxies", NETWORKS_FORM, read_proxies,
		"Your forward proxies. Connections to them are read as if they left the network."),
	OWN("networks.forwarded_by", NETWORKS_FORM, read_forwarders,
		"Proxies and load balancers that are believed when they say whose request they pass on (Forwarded,"
		" X-Forwarded-For, PROXY protocol). Without it: none."),
	OWN("networks.groups", "names, each with " NETWORKS_FORM, read_groups,
		"Names for parts of the network, for records and for `sources` of partner entries. An address belongs to the"
		" group with the longest prefix that covers it."),

	LIST("services.catalogue", services.catalogue, PLACES_FORM, check_place,
		"The catalogue of AI services to use instead of the shipped one."),
	LIST("services.extra", services.extra, PLACES_FORM, check_place,
		"Own services, read after the catalogue."),

	WORD("policy.posture", policy.posture, postures, "insular",
		"What an AI service without a partner entry is: `insular`: unapproved, an alert each time. `open`:"
		" tolerated, an alert of severity info when a group first uses it on a day."),
	OWN("policy.partners", "a list of entries; see \"Partner entries\"", NULL,
		"The partner register: one entry for each contract."),

	WORD("inspect.scope", inspect.scope, scopes, "egress",
		"Which requests are searched for sensitive data. `egress`: all that leave. `ai`: only those to AI services."),
	WORD("inspect.responses", inspect.responses, sign_modes, "off",
		"Whether answers to the requests that are searched, and what servers say in WebSockets, are searched too."
		" `record`: what they hold stands in the flow's record. `alert`: it is told as well, one step less severe than if it had been sent. `off`: neither."),
	SIZE("inspect.body_limit", inspect.body_limit, 4096, 1ull << 40, "256MiB",
		"Bytes of one message, decoded, that are searched. The rest is counted as not inspected."),
	LIST("inspect.detectors", inspect.detectors, PLACES_FORM, check_place,
		"Detectors to use instead of the shipped ones."),
	LATER("inspect.custom"),
	LATER("inspect.exact"),
	LATER("inspect.prints"),

	LATER("keys.files"),
	LATER("keys.directory"),
	LATER("keys.socket"),
	LATER("keys.redis_stream"),
	LATER("keys.hold_ms"),
	LATER("keys.hold_mb"),

	WORD("evasion.ech", evasion.ech, sign_modes, "record",
		"The name of a service was encrypted (ECH). `record`: it stands in the flow's record; the service that is"
		" inferred is judged like any other. `alert`: it is told as well. `off`: neither."),
	WORD("evasion.fronting", evasion.fronting, sign_modes, "alert",
		"A connection names one destination outside and another inside, and they are not the same service."),
	WORD("evasion.doh", evasion.doh, sign_modes, "record",
		"Names were looked up over encrypted DNS (DoT, DoH, DoQ, DNSCrypt) with a resolver outside."),
	WORD("evasion.tunnel", evasion.tunnel, sign_modes, "alert",
		"A VPN, Tor or another tunnel left the network. An alert comes once evasion.tunnel_mb were sent."),
	WORD("evasion.remote_desktop", evasion.remote_desktop, sign_modes, "alert",
		"The same for remote desktops and screen sharing; their alerts are evasion.tunnel too."),
	NUMBER("evasion.tunnel_mb", evasion.tunnel_mb, 0, 1u << 20, "1",
		"MiB sent on one connection of a tunnel or remote desktop before it alerts; 0: as soon as it is known."
		" A tunnel that is set up on one connection and sends past it (IPsec, PPTP) alerts at once."),
	NUMBER("evasion.alert_from", evasion.alert_from, 0, 100, "60",
		"Signs of hiding that are less certain than this (0 to 100) stand in the flow's record and alert nobody."),

	SIZE("volume.flow", volume.flow, 0, 1ull << 50, "0",
		"Bytes that one connection may send to an AI service before volume.exceeded is raised. 0: no bound."),
	SIZE("volume.source_daily", volume.source_daily, 0, 1ull << 50, "0",
		"Bytes that one source may send to AI services on a day (UTC). 0: no bound."),
	SIZE("volume.group_daily", volume.group_daily, 0, 1ull << 50, "0",
		"Bytes that a group of sources may send to AI services on a day (UTC). 0: no bound."),

	LATER("limits.memory_mb"),
	NUMBER("limits.flows", limits.flows, 1024, 1u << 24, "262144",
		"Connections followed at once by each worker. When full, the one nearest to its idle time ends early."),
	NUMBER("limits.flow_idle_s", limits.flow_idle_s, 1, 86400, "600",
		"Seconds of silence after which a TCP connection is taken to have ended."),
	NUMBER("limits.udp_idle_s", limits.udp_idle_s, 1, 86400, "60",
		"The same for UDP, which includes QUIC."),
	NUMBER("limits.flow_active_s", limits.flow_active_s, 0, 604800, "0",
		"Seconds after which a connection that still lives gets a flow record and begins anew. 0: never."),
	NUMBER("limits.inspected", limits.inspected, 64, 1u << 20, "32768",
		"Connections of each worker whose content is followed at once."),
	NUMBER("limits.bodies", limits.bodies, 16, 1u << 18, "4096",
		"Requests of each worker that are searched at once."),
	NUMBER("limits.decode_mb", limits.decode_mb, 16, 65536, "256",
		"MiB of each worker for undoing content codings (gzip, deflate, br, zstd). A body that finds no room is not"
		" searched, which is counted."),
	NUMBER("limits.segments_mb", limits.segments_mb, 1, 65536, "64",
		"MiB of each worker for TCP data that came before its turn."),
	NUMBER("limits.fragments_mb", limits.fragments_mb, 1, 4096, "16",
		"MiB of each worker for IP fragments that wait for the rest of their datagram."),
	NUMBER("limits.fragment_s", limits.fragment_s, 1, 600, "60",
		"Seconds after which a datagram whose fragments did not all come is given up. Less than receivers wait "
		"(60, some 30) leaves a gap to pass through."),
	NUMBER("limits.copies", limits.copies, 0, 1u << 24, "65536",
		"Packets that each worker remembers to know those that the mirror delivers twice. 0: copies are not looked"
		" for."),
	NUMBER("limits.dns_entries", limits.dns_entries, 1024, 1u << 24, "65536",
		"DNS answers that each worker remembers."),
	NUMBER("limits.dns_grace_s", limits.dns_grace_s, 0, 86400, "600",
		"Seconds that an answer still counts after its TTL: programs keep addresses longer than they should."),
	NUMBER("limits.queue", limits.queue, 64, 1u << 20, "8192",
		"Records that may wait between a worker and the outputs. What does not fit is counted as lost."),
	NUMBER("limits.findings", limits.findings, 1, 256, "32",
		"Findings told of one request; more are counted."),

	LIST("alerts.outputs", alerts.outputs, "outputs: -, file:PATH or a Redis URL", check_output,
		"Where records go: `-` is standard output; the folder of a file must be there. Without it and without alerts.redis:"
		" standard output."),
	TEXT("alerts.redis", alerts.redis, REDIS_URL_FORMS, check_redis,
		"The Redis server that gets the records, alone, behind Sentinels or in a Cluster. The password can stand in"
		" alerts.password_file instead."),
	TEXT("alerts.tls.ca", alerts.tls_ca, "a PEM file", check_certificate,
		"Certificates that may sign the certificate of a server or Sentinel with TLS (rediss). Without it: the system's."),
	TEXT("alerts.tls.cert", alerts.tls_cert, "a PEM file", check_certificate,
		"Certificate that the sensor shows to a server or Sentinel with TLS (rediss)."),
	TEXT("alerts.tls.key", alerts.tls_key, SECRET_FORM, check_private_key,
		"Private key of alerts.tls.cert."),
	TEXT("alerts.password_file", alerts.password_file, SECRET_FORM, check_secret_file,
		"File whose first line is the Redis password. Without it and without one in the URL:"
		" $LEAKTAP_REDIS_PASSWORD."),
	NUMBER("alerts.group_window_s", alerts.group_window_s, 0, 86400, "0",
		"Seconds in which the same alert from several connections becomes one with updates. 0: each tells its own."),
	NUMBER("alerts.repeat_s", alerts.repeat_s, 1, 3600, "60",
		"An alert that repeats within one connection is told again at least this often, as an update with a count."),
	OWN("alerts.severity", "alert kinds, each with info, low, medium, high, critical or off", read_severities,
		"Severity by alert kind, or `off`: such alerts are counted and not told."),
	TEXT("alerts.spool.directory", alerts.spool_directory, "a folder", check_folder,
		"Folder of the log, from which Redis is served, where evidence.directory is not set. Without both:"
		" $STATE_DIRECTORY, else $XDG_STATE_HOME/leaktap, else ~/.local/state/leaktap."),
	NUMBER("alerts.spool.max_mb", alerts.spool_max_mb, 8, 1u << 30, "8192",
		"MiB of the log. When it is full its oldest hour goes, even when Redis has not taken it; a gap record then"
		" says what."),
	NUMBER("alerts.streams.retention_h", alerts.streams_retention_h, 0, 876000, "0",
		"Hours that entries stay in the streams of Redis, and longer until every consumer group has read and acknowledged"
		" them. 0: leaktap removes none by age."),
	NUMBER("alerts.streams.max_entries", alerts.streams_max_entries, 0, 1u << 30, "0",
		"Entries that each stream holds, about; the oldest go first, read or not, and a gap record tells what a group lost."
		" 0: no bound."),
	NUMBER("alerts.streams.replicas", alerts.streams_replicas, 0, 16, "0",
		"Replicas that must have a record before `durable` of the key `head` counts it. Delivery does not wait for them."
		" 0: not asked."),
	OWN("alerts.suppress", "a list of rules; see \"Suppressed alerts\"", NULL,
		"Alerts that somebody looked at and does not want to hear of until a day."),

	NUMBER("health.heartbeat_s", health.heartbeat_s, 0, 3600, "10",
		"Seconds between two heartbeats (records of kind sensor.health) of a live sensor, and between two looks at its"
		" health. 0: no heartbeat; a look every 10 s."),
	NUMBER("health.drops_per_million", health.drops_per_million, 0, 1000000, "100",
		"Of a million packets so many may be lost in the kernel or the interface between two looks; more, and"
		" at least 10, is sensor.drops. 0: each one."),
	NUMBER("health.lag_s", health.lag_s, 0, 86400, "30",
		"Seconds that a record may wait for an output; longer is sensor.delivery. 0: not looked at."),
	NUMBER("health.silence_s", health.silence_s, 0, 604800, "600",
		"Seconds without a packet on an interface; longer is sensor.silence. 0: not looked at."),

	OWN("detect.token_key", SECRET_FORM " with 16 to 64 bytes, or the same in hex digits", read_token_key,
		"Your organization's key for tokens: the same value gets the same token in every record, without being"
		" known. Without it: no tokens."),

	TEXT("evidence.directory", evidence.directory, "a folder", check_folder,
		"Folder of the log, a folder for each sensor below it."),
	LATER("evidence.key"),
	LATER("evidence.checkpoint_s"),
	NUMBER("evidence.retention_days", evidence.retention_days, 0, 36500, "400",
		"Days that records stay in the log, once Redis has taken them. 0: until alerts.spool.max_mb is reached."),
	LATER("evidence.excerpts.recipient"),

	LATER("metrics.listen"),

	LATER("run_as.user"),
	LATER("run_as.chroot"),
};
/* clang-format on */

const size_t settings_rows = sizeof(settings_table) / sizeof(*settings_table);
