/* log.c - see log.h.  The line is formatted first and written with one call, so lines of threads do not mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static atomic_int quiet;

static void line(const char *level, const char *fmt, va_list ap)
{
	char text[1200];
	int n = snprintf(text, sizeof(text), "leaktap: %s", level), m;

	m = vsnprintf(text + n, sizeof(text) - (size_t)n - 1, fmt, ap);
	n += m < 0 ? 0 : m;
	if ((size_t)n > sizeof(text) - 2)
		n = (int)sizeof(text) - 2;
	text[n++] = '\n';
	if (write(STDERR_FILENO, text, (size_t)n) < 0)
		return; /* nowhere left to say it */
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (atomic_load_explicit(&quiet, memory_order_relaxed))
		return;
	va_start(ap, fmt);
	line("", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("warning: ", fmt, ap);
	va_end(ap);
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	line("error: ", fmt, ap);
	va_end(ap);
}

void log_quiet(int on)
{
	atomic_store_explicit(&quiet, on, memory_order_relaxed);
}
