/* test_settings_documents.c - docs/settings.md, leaktap.yaml(5) and config/leaktap.yaml against the settings
 * table, so that none of them can fall behind it.  `test_settings_documents --document' prints the tables of
 * docs/settings.md. */
#include "config/kinds.h"
#include "config/settings_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char top[PATH_MAX]; /* of the source tree */

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

static const struct ynode *node_at(const struct ynode *n, const char *path)
{
	char part[64];

	while (n && *path) {
		size_t len = strcspn(path, ".");

		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		n = ynode_get(n, part);
		path += len + (path[len] == '.');
	}
	return n;
}

/* the commented default file names every key, and where there is a default, that default */
static void test_default_file(void **state)
{
	char path[PATH_MAX + 32], *text;
	struct faults f;
	struct ydoc *d;

	(void)state;
	snprintf(path, sizeof(path), "%s/config/leaktap.yaml", top);
	text = slurp(path);
	faults_init(&f);
	d = ydoc_load(path, &f);
	assert_non_null(d);
	for (size_t i = 0; i < settings_rows; i++) {
		const struct setting *row = &settings_table[i];
		const struct ynode *n = node_at(ydoc_root(d), row->path);
		char key[80];

		if (row->type == SETTING_LATER)
			continue;
		if (row->preset && row->preset[0]) {
			if (!n || strcmp(n->text, row->preset))
				fail_msg("config/leaktap.yaml: %s: %s is missing", row->path, row->preset);
			continue;
		}
		snprintf(key, sizeof(key), " %s:", strrchr(row->path, '.') + 1);
		if (!strstr(text, key))
			fail_msg("config/leaktap.yaml does not name %s", row->path);
	}
	for (size_t i = 0; i < partner_keys_count; i++) {
		char key[80];

		snprintf(key, sizeof(key), " %s:", partner_keys[i].name);
		if (!strstr(text, key))
			fail_msg("config/leaktap.yaml does not name %s", partner_keys[i].name);
	}
	for (size_t i = 0; i < suppress_keys_count; i++) {
		char key[80];

		snprintf(key, sizeof(key), " %s:", suppress_keys[i].name);
		if (!strstr(text, key))
			fail_msg("config/leaktap.yaml does not name %s", suppress_keys[i].name);
	}
	ydoc_free(d);
	free(text);
}

static void document_row(
        FILE *out, const char *key, const char *allowed, const char *preset, const char *help)
{
	fprintf(out, "| `%s` | %s | %s%s%s | %s |\n", key, allowed, preset ? "`" : "", preset ? preset : "",
	        preset ? "`" : "", help);
}

/* The blocks of lines that docs/settings.md holds: keys, partner entries, alert kinds, keys of later
 * versions, rules that suppress. */
enum { TABLES = 5 };

static void document(FILE *out, int table)
{
	char allowed[400];

	if (table == 0)
		for (size_t i = 0; i < settings_rows; i++) {
			const struct setting *row = &settings_table[i];

			if (row->type != SETTING_LATER)
				document_row(out, row->path, setting_allowed(row, allowed, sizeof(allowed)),
				        row->preset && row->preset[0] ? row->preset : NULL, row->help);
		}
	if (table == 1)
		for (size_t i = 0; i < partner_keys_count; i++)
			fprintf(out, "| `%s` | %s | %s |\n", partner_keys[i].name, partner_keys[i].allowed,
			        partner_keys[i].help);
	if (table == 2)
		for (int k = 0; k < ALERT_KINDS; k++)
			fprintf(out, "| `%s` | %s | %s |\n", alert_kind_name((enum alert_kind)k),
			        severity_name(alert_kind_severity((enum alert_kind)k)),
			        alert_kind_meaning((enum alert_kind)k));
	if (table == 3) {
		const char *sep = "";

		for (size_t i = 0; i < settings_rows; i++)
			if (settings_table[i].type == SETTING_LATER) {
				fprintf(out, "%s`%s`", sep, settings_table[i].path);
				sep = ",\n";
			}
		fprintf(out, ".\n");
	}
	if (table == 4)
		for (size_t i = 0; i < suppress_keys_count; i++)
			fprintf(out, "| `%s` | %s | %s |\n", suppress_keys[i].name, suppress_keys[i].allowed,
			        suppress_keys[i].help);
}

static void test_documents(void **state)
{
	char path[PATH_MAX + 32], *text;

	(void)state;
	snprintf(path, sizeof(path), "%s/docs/settings.md", top);
	text = slurp(path);
	for (int table = 0; table < TABLES; table++) {
		char *want = NULL;
		size_t len;
		FILE *out = open_memstream(&want, &len);

		document(out, table);
		fclose(out);
		if (!strstr(text, want))
			fail_msg("docs/settings.md differs from the table; it should hold (test_settings "
			         "--document):\n%s",
			        want);
		free(want);
	}
	free(text);
	snprintf(path, sizeof(path), "%s/docs/man/leaktap.yaml.5", top);
	text = slurp(path);
	for (size_t i = 0; i < settings_rows; i++) {
		char want[100];

		snprintf(want, sizeof(want), "\n.It Cm %s\n", settings_table[i].path);
		if (settings_table[i].type != SETTING_LATER && !strstr(text, want))
			fail_msg("docs/man/leaktap.yaml.5 does not name %s", settings_table[i].path);
	}
	for (size_t i = 0; i < partner_keys_count; i++) {
		char want[100];

		snprintf(want, sizeof(want), "\n.It Cm %s\n", partner_keys[i].name);
		if (!strstr(text, want))
			fail_msg("docs/man/leaktap.yaml.5 does not name %s", partner_keys[i].name);
	}
	for (size_t i = 0; i < suppress_keys_count; i++) {
		char want[100];

		snprintf(want, sizeof(want), "\n.It Cm %s\n", suppress_keys[i].name);
		if (!strstr(text, want))
			fail_msg("docs/man/leaktap.yaml.5 does not name %s", suppress_keys[i].name);
	}
	free(text);
}

static int set_up(void **state)
{
	char path[PATH_MAX];

	(void)state;
	if (settings_shipped("leaktap.yaml", path, sizeof(path)) < 0)
		return -1;
	*strrchr(path, '/') = '\0'; /* TOP/config */
	*strrchr(path, '/') = '\0';
	strcpy(top, path);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_default_file),
	        cmocka_unit_test(test_documents),
	};

	if (argc > 1 && !strcmp(argv[1], "--document")) {
		for (int table = 0; table < TABLES; table++) {
			document(stdout, table);
			puts("");
		}
		return 0;
	}
	return cmocka_run_group_tests(tests, set_up, NULL);
}
