/* faults.c - see faults.h */
#include "config/faults.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 1200 /* bytes of a line; what is longer is cut */

void faults_init(struct faults *f)
{
	memset(f, 0, sizeof(*f));
}

void faults_clear(struct faults *f)
{
	for (size_t i = 0; i < f->n; i++) {
		free(f->list[i].file);
		free(f->list[i].text);
	}
	free(f->list);
	faults_init(f);
}

/* Faults of one file stand together in the order of its lines, whatever check found them first: people mend a
 * file from top to bottom. */
static size_t place_of(const struct faults *f, const struct fault *new)
{
	size_t at = f->n;

	while (at && strcmp(f->list[at - 1].file, new->file) != 0)
		at--;
	if (!at)
		return f->n;
	while (at && !strcmp(f->list[at - 1].file, new->file) &&
	        (f->list[at - 1].line > new->line ||
	                (f->list[at - 1].line == new->line && f->list[at - 1].column > new->column)))
		at--;
	return at;
}

/* One fault is one line of plain text, whatever the file holds: what moves a cursor, ends a line or is no
 * UTF-8 becomes a question mark. */
static void make_plain(char *text)
{
	uint8_t *p = (uint8_t *)text;
	size_t n = strlen(text), out = 0;

	if (n > TEXT_MAX) {
		n = TEXT_MAX;
		memcpy(text + n - 3, "...", 3);
	}
	for (size_t i = 0; i < n;) {
		size_t len = utf8_len(p + i, n - i);
		bool control =
		        len == 1 ? p[i] < 0x20 || p[i] == 0x7f : len == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0;

		if (!len || control)
			p[out++] = '?';
		else
			memmove(p + out, p + i, len);
		out += !len || control ? 0 : len;
		i += len ? len : 1;
	}
	p[out] = '\0';
}

void fault_add(struct faults *f, const char *file, unsigned line, unsigned column, const char *fmt, ...)
{
	struct fault new = {.line = line, .column = column};
	va_list ap;
	size_t at;

	f->total++;
	if (f->n == FAULTS_MAX)
		return;
	if (!f->list) {
		f->list = calloc(FAULTS_MAX, sizeof(*f->list));
		f->n = 0;
	}
	new.file = strdup(file ? file : "");
	va_start(ap, fmt);
	if (vasprintf(&new.text, fmt, ap) < 0)
		new.text = NULL;
	va_end(ap);
	if (!f->list || !new.file || !new.text) { /* no memory left to say it: counted in total */
		free(new.file);
		free(new.text);
		return;
	}
	make_plain(new.file);
	make_plain(new.text);
	at = place_of(f, &new);
	memmove(f->list + at + 1, f->list + at, (f->n - at) * sizeof(*f->list));
	f->list[at] = new;
	f->n++;
}

void faults_print(const struct faults *f, struct _IO_FILE *out)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct fault *x = &f->list[i];

		if (x->line)
			fprintf(out, "%s:%u:%u: %s\n", x->file, x->line, x->column, x->text);
		else
			fprintf(out, "%s: %s\n", x->file, x->text);
	}
	if (f->total > f->n)
		fprintf(out, "and %zu more\n", f->total - f->n);
}
