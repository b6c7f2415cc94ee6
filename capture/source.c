/* source.c - see source.h: what all kinds of sources do alike. */
#include "capture/source.h"

#include "capture/source_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int source_init(struct source *s, const struct source_kind *kind, struct err *e)
{
	memset(s, 0, sizeof(*s));
	atomic_init(&s->broken, false);
	s->kind = kind;
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->wake < 0)
		return err_set(e, "eventfd: %s", strerror(errno));
	return 0;
}

void source_clear(struct source *s)
{
	if (s->wake >= 0)
		close(s->wake);
	s->wake = -1;
}

int source_fail(struct source *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->error, sizeof(s->error), fmt, ap);
	va_end(ap);
	return -1;
}

void source_close(struct source *s)
{
	if (s)
		s->kind->close(s);
}

int source_next(struct source *s, struct packet *p)
{
	int got = s->kind->next(s, p);

	if (got == 1) {
		p->ts_ns = p->ts_ns < 0 ? 0 : p->ts_ns > PACKET_TIME_MAX ? PACKET_TIME_MAX : p->ts_ns;
		s->seen.received++;
		s->seen.bytes += p->wirelen;
	}
	return got;
}

const char *source_error(const struct source *s)
{
	return s->error;
}

/* Only an atomic store and write(2): a signal handler may do both. */
void source_break(struct source *s)
{
	const uint64_t one = 1;
	int was = errno;

	atomic_store(&s->broken, true);
	if (write(s->wake, &one, sizeof(one)) < 0) {
		/* the counter is full: it is readable already */
	}
	errno = was;
}

void source_stats(struct source *s, struct source_stats *out)
{
	*out = s->seen;
	s->kind->stats(s, out);
}

void source_on_secrets(struct source *s, source_secrets_fn fn, void *arg)
{
	s->secrets = fn;
	s->secrets_arg = arg;
}
