/* quic_stream.c - puts CRYPTO frames in order.  Browsers shuffle them on purpose, so a list by offset is
 * kept; what overlaps is cut down to what is new. */
#include "classify/names/quic.h"

#include <string.h>

struct quic_fragment {
	struct quic_fragment *next;
	uint64_t offset;
	size_t len;
	uint8_t data[];
};

#define FRAGMENT_BYTES_MAX 3500 /* fits a pool block of 4 KiB */

static bool insert(struct quic_stream *s, struct arena *a, struct quic_fragment **at, uint64_t offset,
        const uint8_t *p, size_t n)
{
	while (n) {
		size_t part = n < FRAGMENT_BYTES_MAX ? n : FRAGMENT_BYTES_MAX;
		struct quic_fragment *f = s->n < QUIC_FRAGMENTS_MAX ? arena_get(a, sizeof(*f) + part) : NULL;

		if (!f)
			return false;
		*f = (struct quic_fragment){.next = *at, .offset = offset, .len = part};
		memcpy(f->data, p, part);
		*at = f;
		at = &f->next;
		s->n++;
		offset += part;
		p += part;
		n -= part;
	}
	return true;
}

bool quic_stream_add(struct quic_stream *s, struct arena *a, uint64_t offset, const uint8_t *p, size_t n)
{
	struct quic_fragment **at = &s->first;

	if (offset < s->base) {
		uint64_t old = s->base - offset;

		if (old >= n)
			return true;
		offset += old;
		p += old;
		n -= (size_t)old;
	}
	if (offset - s->base > QUIC_CRYPTO_MAX || n > QUIC_CRYPTO_MAX - (offset - s->base))
		return false;
	while (n) {
		struct quic_fragment *f = *at;
		size_t part;

		for (; f && f->offset + f->len <= offset; f = *at)
			at = &f->next;
		if (f && f->offset <= offset) { /* starts within f: that much is known */
			part = (size_t)(f->offset + f->len - offset);
			part = part < n ? part : n;
		} else {
			part = f && f->offset - offset < n ? (size_t)(f->offset - offset) : n;
			if (!insert(s, a, at, offset, p, part))
				return false;
		}
		offset += part;
		p += part;
		n -= part;
	}
	return true;
}

size_t quic_stream_ready(const struct quic_stream *s)
{
	uint64_t at = s->base;

	for (const struct quic_fragment *f = s->first; f && f->offset <= at; f = f->next)
		if (f->offset + f->len > at)
			at = f->offset + f->len;
	return (size_t)(at - s->base);
}

void quic_stream_copy(const struct quic_stream *s, uint8_t *out, size_t n)
{
	uint64_t at = s->base;

	for (const struct quic_fragment *f = s->first; f && n; f = f->next) {
		size_t from, part;

		if (f->offset + f->len <= at)
			continue;
		from = (size_t)(at - f->offset);
		part = f->len - from < n ? f->len - from : n;
		memcpy(out, f->data + from, part);
		out += part;
		at += part;
		n -= part;
	}
}

void quic_stream_read(struct quic_stream *s, size_t n)
{
	s->base += n;
	while (s->first && s->first->offset + s->first->len <= s->base) {
		s->first = s->first->next;
		s->n--;
	}
}
