/* source_internal.h - what the kinds of sources (source_live.c, source_file.c) share with source.c. */
#ifndef CAPTURE_SOURCE_INTERNAL_H
#define CAPTURE_SOURCE_INTERNAL_H

#include "capture/source.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define SOURCE_CAPLEN_MAX 262144u /* libpcap's own bound of a packet; more than any snaplen of use */

/* One kind of source; it embeds struct source as its first member. */
struct source_kind {
	int (*next)(struct source *s, struct packet *p);
	void (*stats)(struct source *s, struct source_stats *out); /* adds what only the kind knows */
	void (*close)(struct source *s);
};

struct source {
	const struct source_kind *kind;
	struct source_stats seen; /* received and bytes are counted by source_next() */
	atomic_bool broken;       /* source_break() was called */
	int wake;                 /* eventfd, readable from then on */
	source_secrets_fn secrets;
	void *secrets_arg;
	char error[256];
};

int source_init(struct source *s, const struct source_kind *kind, struct err *e);
void source_clear(struct source *s);
int source_fail(struct source *s, const char *fmt, ...) __attribute__((format(printf, 2, 3))); /* -1 */

static inline bool source_is_broken(struct source *s)
{
	return atomic_load_explicit(&s->broken, memory_order_relaxed);
}

/* source_input.c: the bytes of one capture file, FIFO or stdin.  The first four can be looked at before they
 * are read; a read that waits for a pipe ends when `wake` becomes readable (errno ECANCELED). */
#define INPUT_MAGIC 4

struct input {
	int fd;
	int wake;
	bool regular; /* never waits */
	uint8_t magic[INPUT_MAGIC];
	size_t magic_n, magic_given;
};

int input_open(struct input *in, const char *path, int wake, struct err *e); /* "-": stdin */
void input_close(struct input *in);
bool input_is_stream(const char *path); /* read once only, and perhaps not now */
/* How many of the first bytes there are: INPUT_MAGIC, fewer in a shorter file, or -1 and errno. */
int input_peek(struct input *in);
ssize_t input_read(void *input, void *buf, size_t n); /* a pcapng_read_fn */
FILE *input_stream(struct input *in); /* the same bytes for those who need a FILE; NULL: no memory */

#endif
