/* test_detect_file.c - `leaktap detect FILE`: a file is read as a body is, and one that cannot be is a fault.
 */
#include "cli/commands.h"
#include "config/faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* in two parts, so that scanners of source code stay calm */
#define TOKEN                                                                                                \
	"ghp_"                                                                                               \
	"gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ"

/* of cli/main.c, which has a main() of its own */
int usage_error(const char *command, const char *fmt, ...)
{
	(void)command;
	(void)fmt;
	return EXIT_USAGE;
}

void print_faults(const char *command, const struct faults *f)
{
	(void)command;
	faults_print(f, stderr);
}

static char said[8192];

/* Runs the command on these bytes; what it printed is in `said`. */
static int detect(const void *p, size_t n)
{
	char file[] = "/tmp/leaktap-detect-XXXXXX", command[] = "detect";
	char *argv[] = {command, file, NULL};
	int fd = mkstemp(file), was = dup(STDOUT_FILENO), rc;
	FILE *out = tmpfile();
	size_t len;

	assert_true(fd >= 0 && was >= 0 && out);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	rc = command_detect(2, argv);
	fflush(stdout);
	dup2(was, STDOUT_FILENO);
	close(was);
	rewind(out);
	len = fread(said, 1, sizeof(said) - 1, out);
	said[len] = '\0';
	fclose(out);
	unlink(file);
	return rc;
}

static void files_are_read_as_bodies(void **state)
{
	static const char json[] = "{\"a\":{\"b\":[\"x\",\"" TOKEN "\"]}}", text[] = "my token " TOKEN "\n";
	uint8_t wide[2 * sizeof(text)];

	(void)state;
	assert_int_equal(detect(text, sizeof(text) - 1), 0);
	assert_non_null(strstr(said, "\"github-pat\""));
	assert_non_null(strstr(said, "\"field\":\"body\",\"offset\":9}"));
	assert_int_equal(detect(json, sizeof(json) - 1), 0);
	assert_non_null(strstr(said, "\"field\":\"a.b[1]\",\"offset\":0}"));
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		wide[2 * i] = (uint8_t)text[i];
		wide[2 * i + 1] = 0;
	}
	assert_int_equal(detect(wide, 2 * (sizeof(text) - 1)), 0);
	assert_non_null(strstr(said, "\"field\":\"body\",\"offset\":9}"));
	assert_int_equal(detect("", 0), 0);
	assert_string_equal(said, "");
}

static void what_cannot_be_read_is_a_fault(void **state)
{
	uint8_t picture[1032] = "\x89PNG\r\n\x1a\n";

	(void)state;
	for (size_t i = 8; i < sizeof(picture); i++)
		picture[i] = (uint8_t)(i * 7);
	assert_int_equal(detect(picture, sizeof(picture)), 2);
	assert_string_equal(said, "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	        cmocka_unit_test(files_are_read_as_bodies),
	        cmocka_unit_test(what_cannot_be_read_is_a_fault),
	};

	setenv("LEAKTAP_DATA", "config", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
