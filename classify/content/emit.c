/* emit.c - hands fields to the sink: told with their first text, always ended, short pieces of text gathered.
 */
#include "classify/content/reader.h"

#include <string.h>

static void flush(struct emit *e)
{
	size_t n = e->n_staged;

	e->n_staged = 0;
	if (!n)
		return;
	if (e->out.text)
		e->out.text(e->out.arg, e->staged, n, e->offset);
	e->offset += n;
}

/* The front of a long path goes: its end says more. */
void emit_field(struct emit *e, const char *path, size_t n, size_t key_at, size_t key_len)
{
	size_t cut = n > CONTENT_PATH_MAX ? n - (CONTENT_PATH_MAX - 3) : 0;

	if (e->named)
		emit_end(e, true);
	e->path_len = 0;
	if (cut) {
		memcpy(e->path, "...", 3);
		e->path_len = 3;
	}
	memcpy(e->path + e->path_len, path + cut, n - cut);
	e->key_at = key_at >= cut ? key_at - cut + e->path_len : 0;
	e->key_len = key_at >= cut ? key_len : 0;
	e->path_len += n - cut;
	e->offset = 0;
	e->named = true;
}

static void tell(struct emit *e)
{
	e->open = true;
	if (e->out.field)
		e->out.field(e->out.arg, e->path, e->path_len, e->path + e->key_at, e->key_len);
}

void emit_text_on(struct emit *e, const uint8_t *p, size_t n)
{
	if (!n || !e->named)
		return;
	if (!e->open)
		tell(e);
	if (n < EMIT_STAGED / 2 && n <= EMIT_STAGED - e->n_staged) {
		memcpy(e->staged + e->n_staged, p, n);
		e->n_staged += n;
		return;
	}
	flush(e);
	if (e->out.text)
		e->out.text(e->out.arg, p, n, e->offset);
	e->offset += n;
}

void emit_end(struct emit *e, bool whole)
{
	if (e->open) {
		flush(e);
		if (e->out.field_end)
			e->out.field_end(e->out.arg, whole && !e->cut);
	}
	e->open = e->named = false;
}

void emit_plain(struct emit *e, const struct prefix *in)
{
	if (in->n)
		emit_field(e, in->text, in->n, in->key_at, in->n - in->key_at);
	else
		emit_field(e, "body", 4, 4, 0);
}
