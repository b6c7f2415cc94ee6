/* emit.h - text on its way to the sink (content.h), one field at a time.
 *
 * A reader names a field, gives its text, ends it.  Fields follow one another; naming one ends the one before
 * it.  A field is told with its first text, so one without text is never told, and short pieces are gathered,
 * so that an escape does not become a call of one byte. */
#ifndef CLASSIFY_CONTENT_EMIT_H
#define CLASSIFY_CONTENT_EMIT_H

#include "classify/content/content.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EMIT_STAGED 1024 /* text is gathered up to this */

/* What a reader's fields stand in: "part.NAME", "form"; may be empty.  The last name in it goes to the sink
 * as the field's key. */
struct prefix {
	size_t n, key_at, key_len; /* key_len 0: it has no name */
	char text[CONTENT_PATH_MAX];
};

struct emit {
	struct text_sink out;
	content_number number; /* NULL: nobody wants them */
	unsigned skip;         /* enum content_skip bits met so far */
	bool named, open;      /* a field was named; its first text was told */
	bool muted;            /* what is read is only tried: nothing is told */
	bool would;            /* while muted: something would have been */
	bool cut;              /* a limit ended what is read: no field is whole */
	uint64_t offset;
	size_t n_staged;
	struct prefix path; /* of the field */
	uint8_t staged[EMIT_STAGED];
};

/* Names the field that the next text belongs to; of a long path the front goes. */
void emit_field(struct emit *e, const char *path, size_t n, size_t key_at, size_t key_len);
/* The same for a reader that has no names of its own: the prefix, or "body" when it is empty. */
void emit_plain(struct emit *e, const struct prefix *in);
void emit_text_on(struct emit *e, const uint8_t *p, size_t n);

static inline void emit_text(struct emit *e, const uint8_t *p, size_t n)
{
	if (!e->open || n >= EMIT_STAGED / 2 || n > EMIT_STAGED - e->n_staged) {
		emit_text_on(e, p, n);
		return;
	}
	if (n)
		memcpy(e->staged + e->n_staged, p, n);
	e->n_staged += n;
}

static inline void emit_byte(struct emit *e, uint8_t c)
{
	if (e->open && e->n_staged < EMIT_STAGED)
		e->staged[e->n_staged++] = c;
	else
		emit_text_on(e, &c, 1);
}

/* Ends the field; `whole` false when bytes of it are missing.  Nothing when none is named. */
void emit_end(struct emit *e, bool whole);

/* A path and its key, as emit_field() takes them; of a long one the front goes. */
void prefix_set(struct prefix *out, const char *path, size_t n, size_t key_at, size_t key_len);
/* A name behind a prefix: "part.invoice" + "word/document.xml" -> "part.invoice.word/document.xml". */
void prefix_add(struct prefix *out, const struct prefix *in, const char *name, size_t n);
/* What was done to the text that stands there: "image_url.url" + "base64" -> "image_url.url(base64)". */
void prefix_mark(struct prefix *out, const struct prefix *in, const char *how);
/* The nth of its kind: "mail" + "part" + 3 -> "mail.part[3]".  The key is that of `in`. */
void prefix_add_index(struct prefix *out, const struct prefix *in, const char *name, uint32_t index);

#endif
