/* test_settings.c - the settings reader (config/settings.h): every bad file of tests/settings with exactly
 * the faults beside it, every default, every key, the shipped examples. */
#include "config/kinds.h"
#include "config/settings_internal.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char top[PATH_MAX]; /* of the source tree */
static char dir[] = "/tmp/leaktap-settings-XXXXXX";

static char *slurp(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text;

	if (!in)
		fail_msg("%s cannot be read", path);
	text = calloc(1, 1 << 20);
	assert_true(fread(text, 1, (1 << 20) - 1, in) < (1 << 20) - 1);
	fclose(in);
	return text;
}

static void write_file(const char *name, const void *p, size_t n, mode_t mode)
{
	FILE *out = fopen(name, "we");

	assert_non_null(out);
	assert_int_equal(fwrite(p, 1, n, out), n);
	fclose(out);
	assert_int_equal(chmod(name, mode), 0);
}

/* A key and a certificate of it; nothing is ever shown to anybody. */
static void write_identity(const char *cert, const char *key)
{
	EVP_PKEY *k = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *x = X509_new();
	FILE *out = fopen(key, "we");

	assert_true(k && x && out);
	assert_int_equal(PEM_write_PrivateKey(out, k, NULL, NULL, 0, NULL, NULL), 1);
	fclose(out);
	assert_int_equal(chmod(key, 0600), 0);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	X509_set_pubkey(x, k);
	assert_true(X509_sign(x, k, NULL) > 0);
	out = fopen(cert, "we");
	assert_non_null(out);
	assert_int_equal(PEM_write_X509(out, x), 1);
	fclose(out);
	X509_free(x);
	EVP_PKEY_free(k);
}

static char *faults_text(const struct faults *f)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	faults_print(f, out);
	fclose(out);
	return text;
}

static struct settings *parse(const char *text, struct faults *f)
{
	faults_init(f);
	return settings_parse("t.yaml", text, strlen(text), f);
}

static struct settings *parse_good(const char *text)
{
	struct faults f;
	struct settings *s = parse(text, &f);

	if (!s)
		fail_msg("%s", faults_text(&f));
	assert_int_equal(f.total, 0);
	return s;
}

static void expect_faults(const char *text, const char *expected)
{
	struct faults f;
	char *got;

	assert_null(parse(text, &f));
	got = faults_text(&f);
	assert_string_equal(got, expected);
	free(got);
	faults_clear(&f);
}

/* ---- bad files ------------------------------------------------------------------------------------------
 */

static int is_yaml(const struct dirent *e)
{
	size_t n = strlen(e->d_name);

	return n > 5 && !strcmp(e->d_name + n - 5, ".yaml");
}

static void test_bad_files(void **state)
{
	struct dirent **list;
	int n;

	(void)state;
	assert_int_equal(chdir(top), 0);
	assert_int_equal(chdir("tests/settings"), 0);
	n = scandir(".", &list, is_yaml, alphasort);
	assert_true(n >= 90);
	for (int i = 0; i < n; i++) {
		char name[300], *want, *got;
		struct faults f;

		faults_init(&f);
		if (settings_load(list[i]->d_name, &f))
			fail_msg("%s has no fault", list[i]->d_name);
		snprintf(name, sizeof(name), "%.*s.expected", (int)strlen(list[i]->d_name) - 5,
		        list[i]->d_name);
		want = slurp(name);
		got = faults_text(&f);
		if (strcmp(want, got))
			fail_msg("%s says\n%sand should say\n%s", list[i]->d_name, got, want);
		assert_null(strstr(got, "verysecret")); /* the password in every Redis URL of these files */
		free(want);
		free(got);
		faults_clear(&f);
		free(list[i]);
	}
	free(list);
	assert_int_equal(chdir(dir), 0);
}

/* ---- good files -----------------------------------------------------------------------------------------
 */

static void test_built_in(void **state)
{
	struct faults f;
	struct settings *s;
	struct ip_addr a;

	(void)state;
	faults_init(&f);
	s = settings_load(NULL, &f);
	assert_non_null(s);
	assert_string_equal(s->path, "");
	assert_true(strlen(s->sensor.name) > 0 && strlen(s->sensor.name) <= 40);
	assert_int_equal(
	        strspn(s->sensor.name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"),
	        strlen(s->sensor.name));
	assert_true(s->capture.workers >= 1);
	assert_int_equal(s->capture.ring_mb, 64);
	assert_true(s->capture.promiscuous);
	assert_false(s->capture.vlan_in_key);
	assert_string_equal(s->capture.filter, "");
	assert_int_equal(s->policy.posture, POSTURE_INSULAR);
	assert_int_equal(s->policy.n_partners, 0);
	assert_null(s->policy.index);
	assert_int_equal(s->inspect.scope, INSPECT_EGRESS);
	assert_int_equal(s->inspect.body_limit, 256u << 20);
	assert_int_equal(s->limits.flows, 262144);
	assert_int_equal(s->alerts.repeat_s, 60);
	assert_int_equal(s->alerts.outputs.n, 0);
	assert_string_equal(s->alerts.redis, "");
	assert_string_equal(s->alerts.tls_ca, "");
	assert_int_equal(s->detect.token_key_len, 0);
	assert_int_equal(s->alerts.severity[ALERT_DESTINATION_UNAPPROVED], SEVERITY_HIGH);
	assert_int_equal(s->alerts.severity[ALERT_DESTINATION_TOLERATED], SEVERITY_LOW);
	for (int k = 0; k < ALERT_KINDS; k++)
		assert_false(s->alerts.muted[k]);
	assert_true(catalogue_count(s->catalogue) > 100);
	assert_true(detectors_count(s->detector_set) >= 30);
	ip_parse("10.1.2.3", &a);
	assert_true(networks_internal(s->networks, &a));
	ip_parse("192.0.2.1", &a);
	assert_false(networks_internal(s->networks, &a));
	settings_drop(s);
}

static void test_every_key(void **state)
{
	static const char text[] = "sensor: {name: fra.1_x-y}\n"
	                           "capture:\n"
	                           "  interfaces: [eth1, eth2.100]\n"
	                           "  filter: not port 22\n"
	                           "  workers: 3\n"
	                           "  ring_mb: 4096\n"
	                           "  snaplen: 128\n"
	                           "  promiscuous: false\n"
	                           "  vlan_in_key: on\n"
	                           "networks:\n"
	                           "  internal: [192.0.2.0/24, \"2001:db8::/32\"]\n"
	                           "  proxies: [192.0.2.7]\n"
	                           "  groups: {research: [192.0.2.0/25], sales: [192.0.2.128/25]}\n"
	                           "services: {extra: []}\n"
	                           "policy: {posture: open}\n"
	                           "inspect: {scope: ai, body_limit: 1GiB}\n"
	                           "limits:\n"
	                           "  flows: 1024\n"
	                           "  flow_idle_s: 1\n"
	                           "  udp_idle_s: 2\n"
	                           "  flow_active_s: 3600\n"
	                           "  inspected: 64\n"
	                           "  bodies: 16\n"
	                           "  decode_mb: 16\n"
	                           "  segments_mb: 1\n"
	                           "  dns_entries: 2048\n"
	                           "  dns_grace_s: 0\n"
	                           "  queue: 64\n"
	                           "  findings: 1\n"
	                           "alerts:\n"
	                           "  outputs: [\"-\", file:/tmp/x.jsonl, redis://r:1/2, "
	                           "\"rediss://u:p@[::1]:6380\", unix:///r.sock]\n"
	                           "  redis: redis://:secret@redis.example\n"
	                           "  tls: {ca: ca.pem, cert: ca.pem, key: tls.pem}\n"
	                           "  password_file: key.pem\n"
	                           "  group_window_s: 300\n"
	                           "  repeat_s: 3600\n"
	                           "  severity:\n"
	                           "    destination.unapproved: critical\n"
	                           "    evasion.doh: off\n"
	                           "    payload.sensitive: off\n"
	                           "detect: {token_key: key.pem}\n";
	struct settings *s;
	struct ip_addr a;

	(void)state;
	write_identity("ca.pem", "tls.pem");
	write_file("key.pem", "0123456789abcdefg", 17, 0600);
	s = parse_good(text);
	assert_string_equal(s->path, "t.yaml");
	assert_string_equal(s->sensor.name, "fra.1_x-y");
	assert_int_equal(s->capture.interfaces.n, 2);
	assert_string_equal(s->capture.interfaces.item[1], "eth2.100");
	assert_string_equal(s->capture.filter, "not port 22");
	assert_int_equal(s->capture.workers, 3);
	assert_int_equal(s->capture.ring_mb, 4096);
	assert_int_equal(s->capture.snaplen, 128);
	assert_false(s->capture.promiscuous);
	assert_true(s->capture.vlan_in_key);
	ip_parse("192.0.2.7", &a);
	assert_true(networks_internal(s->networks, &a));
	assert_true(networks_proxy(s->networks, &a));
	assert_string_equal(networks_group_name(s->networks, networks_group(s->networks, &a)), "research");
	ip_parse("10.0.0.1", &a);
	assert_false(
	        networks_internal(s->networks, &a)); /* named networks stand instead of the default ones */
	assert_int_equal(s->policy.posture, POSTURE_OPEN);
	assert_int_equal(s->inspect.scope, INSPECT_AI);
	assert_int_equal(s->inspect.body_limit, 1u << 30);
	assert_int_equal(s->limits.flows, 1024);
	assert_int_equal(s->limits.flow_idle_s, 1);
	assert_int_equal(s->limits.udp_idle_s, 2);
	assert_int_equal(s->limits.flow_active_s, 3600);
	assert_int_equal(s->limits.inspected, 64);
	assert_int_equal(s->limits.bodies, 16);
	assert_int_equal(s->limits.decode_mb, 16);
	assert_int_equal(s->limits.segments_mb, 1);
	assert_int_equal(s->limits.dns_entries, 2048);
	assert_int_equal(s->limits.dns_grace_s, 0);
	assert_int_equal(s->limits.queue, 64);
	assert_int_equal(s->limits.findings, 1);
	assert_int_equal(s->alerts.outputs.n, 5);
	assert_string_equal(s->alerts.outputs.item[1], "file:/tmp/x.jsonl");
	assert_string_equal(s->alerts.outputs.item[3], "rediss://u:p@[::1]:6380");
	assert_string_equal(s->alerts.redis, "redis://:secret@redis.example");
	assert_string_equal(s->alerts.tls_ca, "ca.pem");
	assert_string_equal(s->alerts.tls_key, "tls.pem");
	assert_string_equal(s->alerts.password_file, "key.pem");
	assert_int_equal(s->alerts.group_window_s, 300);
	assert_int_equal(s->alerts.repeat_s, 3600);
	assert_int_equal(s->alerts.severity[ALERT_DESTINATION_UNAPPROVED], SEVERITY_CRITICAL);
	assert_true(s->alerts.muted[ALERT_EVASION_DOH]);
	assert_true(s->alerts.muted[ALERT_PAYLOAD_SENSITIVE]);
	assert_false(s->alerts.muted[ALERT_EVASION_ECH]);
	assert_int_equal(s->detect.token_key_len, 17);
	settings_drop(s);
}

static void test_partner_entry(void **state)
{
	static const char text[] = "networks: {groups: {research: [10.20.0.0/16], sales: [10.30.0.0/16]}}\n"
	                           "policy:\n"
	                           "  partners:\n"
	                           "  - service: openai-api\n"
	                           "    contract: MSA-2026-014\n"
	                           "    owner: procurement@corp.example\n"
	                           "    status: tolerated\n"
	                           "    from: 2026-01-01\n"
	                           "    until: 2026-12-31\n"
	                           "    review: 2026-11-30\n"
	                           "    sources: [sales, 10.20.7.0/24, \"fd00::1\"]\n"
	                           "    data: {deny: [secret, pii], allow: [source]}\n"
	                           "    accounts: [org-AbC123, 42]\n"
	                           "    upload_daily: 2GiB\n"
	                           "    tls_min: 1.3\n"
	                           "  - service: groq\n"
	                           "    data: {deny: [all], allow: [source, marker]}\n";
	struct settings *s = parse_good(text);
	const struct partner *p = &s->policy.partners[0];

	(void)state;
	assert_int_equal(s->policy.n_partners, 2);
	assert_string_equal(p->service->id, "openai-api");
	assert_string_equal(p->contract, "MSA-2026-014");
	assert_string_equal(p->owner, "procurement@corp.example");
	assert_int_equal(p->status, PARTNER_TOLERATED);
	assert_int_equal(p->from, 20454);  /* date -u -d 2026-01-01 +%s / 86400 */
	assert_int_equal(p->until, 20818); /* 2026-12-31 */
	assert_int_equal(p->review, 20787);
	assert_int_equal(p->n_groups, 1);
	assert_string_equal(networks_group_name(s->networks, p->groups[0]), "sales");
	assert_int_equal(p->n_sources, 2);
	assert_int_equal(p->sources[0].bits, 120);
	assert_int_equal(p->deny, 1 << CLASS_SECRET | 1 << CLASS_PII);
	assert_int_equal(p->allow, 1 << CLASS_SOURCE);
	assert_int_equal(p->n_accounts, 2);
	assert_string_equal(p->accounts[1], "42");
	assert_true(p->upload_daily == 2ull << 30);
	assert_int_equal(p->tls_min, 0x0304);
	assert_string_equal(p->rule, "t.yaml:4");
	p++;
	assert_string_equal(p->contract, "");
	assert_int_equal(p->status, PARTNER_APPROVED);
	assert_int_equal(p->from, DAY_NONE);
	assert_int_equal(p->until, DAY_NONE);
	assert_int_equal(p->review, DAY_NONE);
	assert_int_equal(p->deny, ((1 << CLASSES) - 1) & ~(1 << CLASS_SOURCE | 1 << CLASS_MARKER));
	assert_int_equal(p->upload_daily, 0);
	assert_int_equal(p->tls_min, 0);
	settings_drop(s);
}

/* what may look like an overlap and is none */
static void test_entries_that_do_not_meet(void **state)
{
	(void)state;
	settings_drop(parse_good(
	        "networks: {groups: {office: [10.0.0.0/8], lab: [10.1.0.0/16]}}\n"
	        "policy:\n"
	        "  partners:\n"
	        "  - {service: openai-api, sources: [office]}\n"
	        "  - {service: openai-api, sources: [lab]}\n" /* the lab is not in the office's group */
	        "  - {service: openai-api, sources: [192.168.0.0/24]}\n"
	        "  - {service: anthropic-api, until: 2026-06-30}\n"
	        "  - {service: anthropic-api, from: 2026-07-01}\n"
	        "  - {service: groq, sources: [10.1.2.0/24, 10.1.2.3, lab]}\n" /* within one entry */
	        "  - {service: groq, sources: [10.2.0.0/16]}\n"));
	expect_faults("networks: {groups: {office: [10.0.0.0/8], lab: [10.1.0.0/16]}}\n"
	              "policy:\n"
	              "  partners:\n"
	              "  - {service: groq, sources: [10.0.0.0/15]}\n"
	              "  - {service: groq, sources: [lab]}\n",
	        "t.yaml:5:5: this entry for `groq' and the one in line 4 can both cover one source: give "
	        "them different "
	        "sources or dates\n");
	settings_drop(parse_good("networks: {groups: {office: [10.0.0.0/8], lab: [10.1.0.0/16]}}\n"
	                         "policy:\n"
	                         "  partners:\n"
	                         "  - {service: groq, sources: [10.1.0.0/16]}\n"
	                         "  - {service: groq, sources: [office]}\n"));
}

static void test_empty_sections(void **state)
{
	(void)state;
	settings_drop(parse_good(""));
	settings_drop(
	        parse_good("sensor:\ncapture:\n  interfaces:\nnetworks:\n  internal:\n  proxies:\n  groups:\n"
	                   "policy:\n  partners:\nalerts:\n  tls:\n  severity:\n  outputs: []\n"));
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t v;
	} good[] = {
	        {"0", 0},
	        {"512", 512},
	        {"512B", 512},
	        {"4KiB", 4096},
	        {"64 MiB", 64ull << 20},
	        {"2GiB", 2ull << 30},
	        {"1TiB", 1ull << 40},
	        {"10kB", 10000},
	        {"3MB", 3000000},
	        {"16777215TiB", 16777215ull << 40},
	};
	static const char *const bad[] = {
	        "", "GiB", "-1", "1.5GiB", "1gib", "1 GiB x", "16777216TiB", "0x10", "1e3"};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(parse_size(good[i].text, &v), 0);
		assert_true(v == good[i].v);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!parse_size(bad[i], &v))
			fail_msg("`%s' was taken for a size", bad[i]);
}

/* ---- files that settings name ---------------------------------------------------------------------------
 */

static void test_token_key(void **state)
{
	/* printf 000102..0f | xxd -r -p | sha256sum; python hashlib gives the same */
	static const char hex[] = "000102030405060708090a0b0c0d0e0f\n";
	static const uint8_t sixteen[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	char text[200];
	struct settings *s;

	(void)state;
	memset(text, 'f', sizeof(text));
	write_file("hex.key", hex, sizeof(hex) - 1, 0600);
	write_file("raw.key", sixteen, 16, 0400);
	write_file("short.key", sixteen, 15, 0600);
	write_file(
	        "long.key", "0123456789ghijkl0123456789ghijkl0123456789ghijkl0123456789ghijkl\n", 65, 0600);
	write_file("long-hex.key", text, 130, 0600);
	write_file("most-hex.key", text, 128, 0600);
	write_file("open.key", hex, sizeof(hex) - 1, 0640);
	write_file("empty.key", "", 0, 0600);
	s = parse_good("detect: {token_key: hex.key}\n");
	assert_int_equal(s->detect.token_key_len, 16);
	assert_memory_equal(s->detect.token_key, sixteen, 16);
	assert_string_equal(s->detect.token_key_id, "be45cb2605bf36be");
	settings_drop(s);
	s = parse_good("detect: {token_key: raw.key}\n");
	assert_string_equal(s->detect.token_key_id, "be45cb2605bf36be");
	settings_drop(s);
	s = parse_good("detect: {token_key: most-hex.key}\n");
	assert_int_equal(s->detect.token_key_len, 64);
	settings_drop(s);
	expect_faults("detect: {token_key: open.key}\n",
	        "t.yaml:1:21: detect.token_key: open.key must not be "
	        "readable by others (its mode is 640; chmod 600)\n");
	for (int i = 0; i < 4; i++) {
		static const char *const bad[] = {"short", "long", "long-hex", "empty"};
		char want[300];

		snprintf(text, sizeof(text), "detect: {token_key: %s.key}\n", bad[i]);
		snprintf(want, sizeof(want),
		        "t.yaml:1:21: detect.token_key: %s.key must hold 16 to 64 bytes, or the same in hex "
		        "digits (openssl rand "
		        "-hex 32)\n",
		        bad[i]);
		expect_faults(text, want);
	}
}

static void test_paths_begin_at_the_file(void **state)
{
	static const char text[] = "alerts: {outputs: [file:here.jsonl], tls: {ca: ca.pem}}\n"
	                           "services: {extra: [empty.yaml]}\n";
	char path[PATH_MAX], want[PATH_MAX + 40];
	struct faults f;
	struct settings *s;

	(void)state;
	write_identity("ca.pem", "tls.pem");
	write_file("paths.yaml", text, sizeof(text) - 1, 0644);
	write_file("empty.yaml", "", 0, 0644);
	snprintf(path, sizeof(path), "%s/paths.yaml", dir);
	assert_int_equal(chdir("/"), 0);
	faults_init(&f);
	s = settings_load(path, &f);
	assert_int_equal(chdir(dir), 0);
	if (!s)
		fail_msg("%s", faults_text(&f));
	snprintf(want, sizeof(want), "file:%s/here.jsonl", dir);
	assert_string_equal(s->alerts.outputs.item[0], want);
	snprintf(want, sizeof(want), "%s/ca.pem", dir);
	assert_string_equal(s->alerts.tls_ca, want);
	settings_drop(s);
}

static void test_find_and_shipped(void **state)
{
	char buf[PATH_MAX], small[4];
	const char *data = getenv("LEAKTAP_DATA");
	char *was = data ? strdup(data) : NULL;

	(void)state;
	setenv("LEAKTAP_CONFIG", "/x/from-env.yaml", 1);
	assert_string_equal(settings_find("given.yaml"), "given.yaml");
	assert_string_equal(settings_find(NULL), "/x/from-env.yaml");
	setenv("LEAKTAP_CONFIG", "", 1);
	if (access("/etc/leaktap/leaktap.yaml", F_OK))
		assert_null(settings_find(NULL));
	unsetenv("LEAKTAP_CONFIG");

	setenv("LEAKTAP_DATA", dir, 1);
	assert_int_equal(settings_shipped("catalogue", buf, sizeof(buf)), -1);
	write_file("something", "", 0, 0644);
	assert_int_equal(settings_shipped("something", buf, sizeof(buf)), 0);
	assert_string_equal(strrchr(buf, '/'), "/something");
	assert_int_equal(settings_shipped("something", small, sizeof(small)), -1);
	if (was)
		setenv("LEAKTAP_DATA", was, 1);
	else
		unsetenv("LEAKTAP_DATA");
	free(was);
}

static void test_references(void **state)
{
	struct settings *s = parse_good("sensor: {name: held}\n");

	(void)state;
	assert_ptr_equal(settings_hold(s), s);
	settings_drop(s);
	assert_string_equal(s->sensor.name, "held"); /* under ASan: still there */
	settings_drop(s);
	settings_drop(NULL);
}

/* ---- names ----------------------------------------------------------------------------------------------
 */

static void test_names_and_back(void **state)
{
	(void)state;
	for (int k = 0; k < ALERT_KINDS; k++) {
		assert_int_equal(alert_kind_by_name(alert_kind_name((enum alert_kind)k)), k);
		assert_true(strlen(alert_kind_meaning((enum alert_kind)k)) > 10);
	}
	for (int i = 0; i < SEVERITIES; i++)
		assert_int_equal(severity_by_name(severity_name((enum severity)i)), i);
	for (int c = 0; c < CLASSES; c++)
		assert_int_equal(data_class_by_name(data_class_name((enum data_class)c)), c);
	assert_int_equal(alert_kind_by_name("destination"), -1);
	assert_int_equal(severity_by_name("High"), -1);
	assert_int_equal(data_class_by_name("all"), -1);
	assert_string_equal(alert_kind_name(ALERT_KINDS), "");
	assert_string_equal(data_class_name(CLASSES), "");
	assert_string_equal(severity_name(SEVERITIES), "");
}

/* ---- shipped examples -----------------------------------------------------------------------------------
 */

static void test_examples_load(void **state)
{
	static const struct {
		const char *name;
		enum posture posture;
		size_t partners;
	} rows[] = {
	        {"leaktap.yaml", POSTURE_INSULAR, 0},
	        {"open-partners.yaml", POSTURE_OPEN, 6},
	        {"insular.yaml", POSTURE_INSULAR, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[PATH_MAX + 32];
		struct faults f;
		struct settings *s;

		snprintf(path, sizeof(path), "%s/config/%s", top, rows[i].name);
		faults_init(&f);
		s = settings_load(path, &f);
		if (!s)
			fail_msg("%s", faults_text(&f));
		assert_int_equal(s->policy.posture, rows[i].posture);
		assert_int_equal(s->policy.n_partners, rows[i].partners);
		settings_drop(s);
	}
}

/* ---- anything -------------------------------------------------------------------------------------------
 */

/* Every prefix and every flipped bit of a small file: settings or faults, never both, never neither. */
static void test_prefixes_and_flips(void **state)
{
	static const char text[] =
	        "networks:\n  groups: {a: [10.0.0.0/8]}\n"
	        "policy:\n  posture: open\n  partners:\n"
	        "  - {service: one, sources: [a, 10.2.0.0/16], until: 2026-12-31, data: {deny: [all]}}\n"
	        "alerts: {severity: {evasion.ech: off}, redis: \"redis://u:p@h:1/2\"}\n";
	static const char catalogue[] =
	        "services:\n- {id: one, name: One, vendor: O, country: US, kind: api, "
	        "confidence: high, hosts: [{host: one.example, match: exact, role: api}]}\n";
	static const char detectors[] = "detectors: []\n";
	size_t len = sizeof(text) - 1;
	struct settings *s;

	(void)state;
	mkdir("data", 0755);
	mkdir("data/catalogue", 0755);
	mkdir("data/detectors", 0755);
	write_file("data/catalogue/c.yaml", catalogue, sizeof(catalogue) - 1, 0644);
	write_file("data/detectors/d.yaml", detectors, sizeof(detectors) - 1, 0644);
	setenv("LEAKTAP_DATA", "data", 1);
	s = parse_good(text);
	assert_int_equal(s->policy.n_partners, 1);
	settings_drop(s);
	for (size_t i = 0; i < len * 9; i++) {
		size_t n = i < len ? i : len, bit = i - len;
		char *copy = malloc(n ? n : 1);
		struct faults f;

		memcpy(copy, text, n);
		if (i >= len)
			copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
		faults_init(&f);
		s = settings_parse("t.yaml", copy, n, &f);
		assert_true((s == NULL) == (f.total > 0));
		settings_drop(s);
		faults_clear(&f);
		free(copy);
	}
}

static void test_bracket_bomb(void **state)
{
	size_t n = 4u << 20;
	char *text = malloc(n);
	struct faults f;
	int64_t start = clock_mono_ns();

	(void)state;
	memset(text, '[', n);
	memcpy(text, "policy: {partners: ", 19);
	faults_init(&f);
	assert_null(settings_parse("bomb.yaml", text, n, &f));
	assert_true(f.total > 0);
	assert_true(clock_mono_ns() - start < 2 * NS_PER_S);
	faults_clear(&f);
	free(text);
}

static int set_up(void **state)
{
	char path[PATH_MAX];

	(void)state;
	unsetenv("LEAKTAP_CONFIG");
	if (settings_shipped("leaktap.yaml", path, sizeof(path)) < 0 || !mkdtemp(dir))
		return -1;
	*strrchr(path, '/') = '\0'; /* TOP/config */
	*strrchr(path, '/') = '\0';
	strcpy(top, path);
	return chdir(dir);
}

static int tear_down(void **state)
{
	char command[sizeof(dir) + 16];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return chdir("/") || system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_bad_files), cmocka_unit_test(test_built_in),
	        cmocka_unit_test(test_every_key), cmocka_unit_test(test_partner_entry),
	        cmocka_unit_test(test_entries_that_do_not_meet), cmocka_unit_test(test_empty_sections),
	        cmocka_unit_test(test_sizes), cmocka_unit_test(test_token_key),
	        cmocka_unit_test(test_paths_begin_at_the_file), cmocka_unit_test(test_find_and_shipped),
	        cmocka_unit_test(test_references), cmocka_unit_test(test_names_and_back),
	        cmocka_unit_test(test_examples_load), cmocka_unit_test(test_bracket_bomb),
	        cmocka_unit_test(test_prefixes_and_flips), /* last: it brings a catalogue of its own */
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
