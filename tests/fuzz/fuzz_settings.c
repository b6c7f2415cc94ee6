/* fuzz_settings.c - any bytes as a settings file: settings or faults, never both, never neither; and what was
 * accepted answers look-ups.  The catalogue and the detectors are tiny ones of its own, so that runs are
 * quick. */
#include "classify/policy/verdict.h"
#include "config/settings_internal.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/leaktap-fuzz-settings-XXXXXX";

static void clean_up(void)
{
	char path[100];

	static const char *const names[] = {
	        "catalogue/c.yaml", "detectors/d.yaml", "catalogue", "detectors", ""};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		remove(path);
	}
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[100];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", dir, folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%s/%s", dir, folder, name);
	out = fopen(path, "we");
	if (!out || fputs(text, out) < 0 || fclose(out))
		abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (!mkdtemp(dir))
		abort();
	atexit(clean_up);
	write_file("catalogue", "c.yaml",
	        "services:\n"
	        "- {id: one, name: One, vendor: O, country: US, kind: api, confidence: high,"
	        " hosts: [{host: one.example, match: exact, role: api}]}\n"
	        "- {id: two, name: Two, vendor: T, country: US, kind: api, confidence: high,"
	        " hosts: [{host: two.example, match: exact, role: api}]}\n");
	write_file("detectors", "d.yaml", "detectors: []\n");
	setenv("LEAKTAP_DATA", dir, 1);
	return 0;
}

static void look_up(const struct settings *s)
{
	static const char *const sources[] = {"10.20.7.1", "192.0.2.1", "fd00::1"};
	static const struct account account = {.id = {"org-1"}, .n = 1};
	struct verdict v;
	struct ip_addr a;

	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++)
		for (size_t k = 0; k < catalogue_count(s->catalogue); k++) {
			ip_parse(sources[i], &a);
			verdict_decide(s, catalogue_at(s->catalogue, k), &a, 1780000000LL * 1000000000,
			        &account, &v);
			if (v.value == VERDICT_NONE || !v.why[0])
				abort();
			verdict_payload(&v, CLASS_SECRET, SEVERITY_HIGH);
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct settings *s;
	struct faults f;

	/* names of other files would make a run depend on the machine */
	if (memmem(data, size, "/", 1) &&
	        (memmem(data, size, "services", 8) || memmem(data, size, "detect", 6)))
		return 0;
	faults_init(&f);
	s = settings_parse("fuzz.yaml", (const char *)data, size, &f);
	if ((s != NULL) != (f.total == 0))
		abort();
	if (s)
		look_up(s);
	settings_drop(s);
	faults_clear(&f);
	return 0;
}
