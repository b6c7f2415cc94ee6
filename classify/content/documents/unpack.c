/* unpack.c - DEFLATE (RFC 1951) inside a document, with zlib's memory in the room of the document's reader.
 * Streams of one document follow one another and share it. */
#include "classify/content/documents/documents.h"

#include <string.h>

static voidpf room_get(voidpf opaque, uInt items, uInt size)
{
	struct unpack *u = opaque;
	size_t n = ((size_t)items * size + 63) & ~(size_t)63;
	uint8_t *p = u->room + u->used;

	if (n > UNPACK_ROOM - u->used)
		return Z_NULL;
	u->used += n;
	return p;
}

static void room_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	(void)p;
}

bool unpack_start(struct unpack *u, struct nest *t, int window_bits)
{
	u->running = false;
	if (!u->room)
		u->room = nest_alloc(t, UNPACK_ROOM);
	if (!u->room)
		return false;
	memset(&u->z, 0, sizeof(u->z));
	u->z.zalloc = room_get;
	u->z.zfree = room_free;
	u->z.opaque = u;
	u->used = 0;
	u->in = u->out = 0;
	u->running = inflateInit2(&u->z, window_bits) == Z_OK;
	if (!u->running)
		nest_skip(t, CONTENT_LIMIT);
	return u->running;
}

static enum unpacked stop(struct unpack *u, enum unpacked why)
{
	u->running = false;
	return why;
}

enum unpacked unpack_feed(struct unpack *u, const uint8_t **p, size_t *n,
        void (*out)(void *arg, struct nest *t, const uint8_t *p, size_t n), void *arg, struct nest *t)
{
	unsigned ratio = nest_limits(t)->inflate_ratio;
	uint8_t buf[UNPACK_OUT_SIZE];
	int r = Z_OK;

	while (r == Z_OK && !nest_over(t)) {
		uInt take = *n > 1u << 30 ? 1u << 30 : (uInt)*n, got, used;

		u->z.next_in = (Bytef *)(uintptr_t)*p;
		u->z.avail_in = take;
		u->z.next_out = buf;
		u->z.avail_out = sizeof(buf);
		r = inflate(&u->z, Z_NO_FLUSH);
		got = (uInt)sizeof(buf) - u->z.avail_out;
		used = take - u->z.avail_in;
		*p += used;
		*n -= used;
		u->in += used;
		u->out += got;
		if (got)
			out(arg, t, buf, got);
		if (ratio && u->out > UNPACK_FREE && u->out / ratio > u->in)
			return stop(u, UNPACK_BOMB);
		if (!*n && got < sizeof(buf))
			break;
	}
	if (r == Z_STREAM_END)
		return stop(u, UNPACK_END);
	return r == Z_OK || r == Z_BUF_ERROR ? UNPACK_MORE : stop(u, UNPACK_BROKEN);
}
