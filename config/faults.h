/* faults.h - every fault of a settings run, each with file:line:column; so that one run tells them all. */
#ifndef CONFIG_FAULTS_H
#define CONFIG_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

#define FAULTS_MAX 200 /* kept; more are counted */

struct fault {
	char *file;
	unsigned line, column; /* from 1; 0: the file as a whole */
	char *text;            /* what is wrong, what is allowed, a near match where one exists */
};

struct faults {
	struct fault *list;
	size_t n, total;
};

void faults_init(struct faults *f);
void faults_clear(struct faults *f);
/* Control characters in the text (it may quote the file) become question marks: a fault is one line. */
void fault_add(struct faults *f, const char *file, unsigned line, unsigned column, const char *fmt, ...)
        __attribute__((format(printf, 5, 6)));
/* No more are kept: what would only make the next one's text better is not worth its time (ten thousand
 * entries against a catalogue that is not there). */
static inline bool faults_full(const struct faults *f)
{
	return f->n == FAULTS_MAX;
}
/* Writes "file:line:column: text" lines to the stream. */
struct _IO_FILE;
void faults_print(const struct faults *f, struct _IO_FILE *out);

#endif
