/* commands.h - the commands of leaktap, one file each.  Each gets its own arguments (argv[0] is the command's
 * name) and returns the exit status: 0 done, 1 failed at run time, 2 wrong usage or settings. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#define EXIT_DONE   0
#define EXIT_FAILED 1
#define EXIT_USAGE  2

int command_run(int argc, char **argv);
int command_watch(int argc, char **argv);
int command_test_alert(int argc, char **argv);
int command_inventory(int argc, char **argv);
int command_check(int argc, char **argv);
int command_explain(int argc, char **argv);
int command_detect(int argc, char **argv);
int command_catalogue(int argc, char **argv);

/* Overwrites user and password of URLs among the arguments, so that ps does not show them any longer.  What
 * was read from there must have been copied. */
void hide_passwords(int argc, char **argv);
/* "leaktap COMMAND: text" on stderr and the hint to --help; returns EXIT_USAGE. */
int usage_error(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same for what getopt_long(3) could not read; `c` is the ':' or '?' it returned, for short options that
 * begin with ':'. */
int option_error(const char *command, int c, char *const *argv);
/* Faults of the settings on stderr; one without a line (a file that cannot be read) says which command could
 * not go on.
 */
struct faults;
void print_faults(const char *command, const struct faults *f);

#endif
