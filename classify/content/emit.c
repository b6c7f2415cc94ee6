/* emit.c - hands fields to the sink: told with their first text, always ended, short pieces of text gathered.
 */
#include "classify/content/emit.h"

#include <stdio.h>

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

void prefix_set(struct prefix *out, const char *path, size_t n, size_t key_at, size_t key_len)
{
	size_t cut = n > CONTENT_PATH_MAX ? n - (CONTENT_PATH_MAX - 3) : 0, front = cut ? 3 : 0;

	memcpy(out->text, "...", front);
	memcpy(out->text + front, path + cut, n - cut);
	out->n = front + n - cut;
	out->key_at = key_at >= cut ? key_at - cut + front : 0;
	out->key_len = key_at >= cut ? key_len : 0;
}

void prefix_add(struct prefix *out, const struct prefix *in, const char *name, size_t n)
{
	char path[2 * CONTENT_PATH_MAX + 1];
	size_t at = in->n;

	memcpy(path, in->text, at);
	if (at && n)
		path[at++] = '.';
	if (n > CONTENT_PATH_MAX) {
		name += n - CONTENT_PATH_MAX;
		n = CONTENT_PATH_MAX;
	}
	if (n)
		memcpy(path + at, name, n);
	prefix_set(out, path, at + n, at, n);
}

/* Puts `tail` behind a path; the key stays.  (Names from the network may hold NULs: no printf.) */
static void behind(struct prefix *out, const struct prefix *in, const char *tail, size_t n)
{
	char path[2 * CONTENT_PATH_MAX];
	size_t room = sizeof(path) - in->n;

	memcpy(path, in->text, in->n);
	n = n < room ? n : room;
	memcpy(path + in->n, tail, n);
	prefix_set(out, path, in->n + n, in->key_at, in->key_len);
}

void prefix_mark(struct prefix *out, const struct prefix *in, const char *how)
{
	char tail[64];
	int n = snprintf(tail, sizeof(tail), "(%.48s)", how);

	behind(out, in, tail, (size_t)n);
}

void prefix_add_index(struct prefix *out, const struct prefix *in, const char *name, uint32_t index)
{
	char tail[80];
	int n = snprintf(tail, sizeof(tail), "%s%.48s[%u]", in->n && *name ? "." : "", name, index);

	behind(out, in, tail, (size_t)n);
}

void emit_field(struct emit *e, const char *path, size_t n, size_t key_at, size_t key_len)
{
	if (e->muted)
		return;
	if (e->named)
		emit_end(e, true);
	prefix_set(&e->path, path, n, key_at, key_len);
	e->offset = 0;
	e->named = true;
}

static void tell(struct emit *e)
{
	e->open = true;
	if (e->out.field)
		e->out.field(
		        e->out.arg, e->path.text, e->path.n, e->path.text + e->path.key_at, e->path.key_len);
}

void emit_text_on(struct emit *e, const uint8_t *p, size_t n)
{
	e->would = e->would || (e->muted && n);
	if (!n || !e->named || e->muted)
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
	if (e->muted)
		return;
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
		emit_field(e, in->text, in->n, in->key_at, in->key_len);
	else
		emit_field(e, "body", 4, 4, 0);
}
