/* kinds.c - the words of records that settings may use too: alert kinds with their default severities,
 * severities and data classes.  */
#include "config/kinds.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name, *meaning;
	enum severity severity;
} kinds[ALERT_KINDS] = {
        [ALERT_DESTINATION_UNAPPROVED] = {"destination.unapproved",
                "an AI service without a partner entry was used", SEVERITY_HIGH},
        [ALERT_DESTINATION_SOURCE] = {"destination.source",
                "a partner was used from a source its entry does not cover", SEVERITY_HIGH},
        [ALERT_DESTINATION_EXPIRED] = {"destination.expired",
                "a partner was used before or after its contract's dates", SEVERITY_HIGH},
        [ALERT_DESTINATION_ACCOUNT] = {"destination.account",
                "a partner was used with an account its entry does not list", SEVERITY_HIGH},
        [ALERT_DESTINATION_SUSPECTED] = {"destination.suspected",
                "an unknown host spoke the API of an AI service", SEVERITY_MEDIUM},
        [ALERT_DESTINATION_TOLERATED] = {"destination.tolerated",
                "first use of a tolerated service by a group on a day; one lower where only `posture: open` "
                "tolerates it",
                SEVERITY_LOW},
        [ALERT_PAYLOAD_SENSITIVE] = {"payload.sensitive",
                "sensitive data was sent; the detector gives the severity, so that here only `off` can be "
                "set",
                SEVERITY_HIGH},
        [ALERT_VOLUME_EXCEEDED] = {"volume.exceeded",
                "more was sent to a partner on a day than `upload_daily` allows", SEVERITY_MEDIUM},
        [ALERT_POSTURE_TLS] = {"posture.tls",
                "the connection to a partner used a TLS version below `tls_min`", SEVERITY_MEDIUM},
        [ALERT_EVASION_ECH] = {"evasion.ech", "the name of the service was encrypted (ECH)", SEVERITY_LOW},
        [ALERT_EVASION_FRONTING] = {"evasion.fronting",
                "the name in TLS and the name in the request disagree", SEVERITY_HIGH},
        [ALERT_EVASION_DOH] = {"evasion.doh", "names were looked up over encrypted DNS", SEVERITY_LOW},
        [ALERT_EVASION_TUNNEL] = {"evasion.tunnel", "a VPN, Tor or another tunnel left the network",
                SEVERITY_MEDIUM},
        [ALERT_SENSOR_DROPS] = {"sensor.drops", "packets were lost before the sensor read them",
                SEVERITY_HIGH},
        [ALERT_SENSOR_GAP] = {"sensor.gap",
                "records are lost, or soon will be: a queue or the log is nearly full, or the log cannot be "
                "written",
                SEVERITY_HIGH},
        [ALERT_SENSOR_KEYS] = {"sensor.keys", "a source of decryption keys failed", SEVERITY_MEDIUM},
        [ALERT_SENSOR_DELIVERY] = {"sensor.delivery", "records do not come through to an output",
                SEVERITY_HIGH},
        [ALERT_SENSOR_NETWORKS] = {"sensor.networks", "`networks.internal` does not cover what the port sees",
                SEVERITY_MEDIUM},
        [ALERT_SENSOR_HEALTH] = {"sensor.health", "the heartbeat of a live sensor (`health.heartbeat_s`)",
                SEVERITY_INFO},
        [ALERT_SENSOR_SILENCE] = {"sensor.silence", "an interface delivered no packets", SEVERITY_HIGH},
        [ALERT_SENSOR_MEMORY] = {"sensor.memory",
                "a limit of `limits` was reached, and something was not read for it", SEVERITY_MEDIUM},
        [ALERT_SENSOR_STALL] = {"sensor.stall", "a thread of the sensor hangs", SEVERITY_HIGH},
};

const char *alert_kind_name(enum alert_kind k)
{
	return (unsigned)k < ALERT_KINDS ? kinds[k].name : "";
}

const char *alert_kind_meaning(enum alert_kind k)
{
	return (unsigned)k < ALERT_KINDS ? kinds[k].meaning : "";
}

enum severity alert_kind_severity(enum alert_kind k)
{
	return (unsigned)k < ALERT_KINDS ? kinds[k].severity : SEVERITY_INFO;
}

int alert_kind_by_name(const char *name)
{
	for (int k = 0; k < ALERT_KINDS; k++)
		if (!strcmp(kinds[k].name, name))
			return k;
	return -1;
}

static int word_index(const char *const *words, int n, const char *name)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(words[i], name))
			return i;
	return -1;
}

static const char *const severities[SEVERITIES] = {
        [SEVERITY_INFO] = "info",
        [SEVERITY_LOW] = "low",
        [SEVERITY_MEDIUM] = "medium",
        [SEVERITY_HIGH] = "high",
        [SEVERITY_CRITICAL] = "critical",
};

const char *severity_name(enum severity s)
{
	return (unsigned)s < SEVERITIES ? severities[s] : "";
}

int severity_by_name(const char *name)
{
	return word_index(severities, SEVERITIES, name);
}

static const char *const classes[CLASSES] = {
        [CLASS_SECRET] = "secret",
        [CLASS_PII] = "pii",
        [CLASS_FINANCIAL] = "financial",
        [CLASS_HEALTH] = "health",
        [CLASS_IDENTITY] = "identity",
        [CLASS_SOURCE] = "source",
        [CLASS_MARKER] = "marker",
        [CLASS_EXACT] = "exact",
        [CLASS_PRINT] = "print",
        [CLASS_CUSTOM] = "custom",
};

const char *data_class_name(enum data_class c)
{
	return (unsigned)c < CLASSES ? classes[c] : "";
}

int data_class_by_name(const char *name)
{
	return word_index(classes, CLASSES, name);
}
