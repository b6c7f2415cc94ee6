/* pdf_hold.c - what pages show, while their fonts are yet to come: notes of pdf_text.c in units of one
 * content stream, deflated (a page of text takes 1 to 2 kB), oldest first. */
#include "classify/content/documents/pdf.h"

#define WINDOW_BITS 12 /* 4 KiB: units are not much longer */
#define MEM_LEVEL   4
/* zconf.h says what these take: (1 << 14) + (1 << 13) for deflate, (1 << 12) for inflate, and their states */
#define DEFLATE_ROOM       (PDF_BLOCK - 64)
#define INFLATE_ROOM_SMALL 14000

struct zroom {
	size_t used, size;
	uint8_t *bytes;
};

static voidpf room_get(voidpf opaque, uInt items, uInt size)
{
	struct zroom *r = opaque;
	size_t n = ((size_t)items * size + 63) & ~(size_t)63;
	uint8_t *p = r->bytes + r->used;

	if (n > r->size - r->used)
		return Z_NULL;
	r->used += n;
	return p;
}

static void room_free(voidpf opaque, voidpf p)
{
	(void)opaque;
	(void)p;
}

static bool begin(struct pdf *f, struct nest *t)
{
	struct pdf_hold *h = &f->hold;
	uint8_t *p;

	if (h->packer || h->no_more)
		return h->packer != NULL;
	p = nest_alloc(t, PDF_BLOCK);
	h->unpacker_room = p ? nest_alloc(t, INFLATE_ROOM_SMALL) : NULL;
	h->unit = h->unpacker_room ? nest_alloc(t, PDF_UNIT_MAX) : NULL;
	h->no_more = !h->unit;
	if (h->no_more)
		return false;
	h->packer = p;
	h->packer_room = p;
	return true;
}

/* Deflates into the newest block; 0: it does not fit. */
static size_t pack(struct pdf_hold *h, const uint8_t *p, size_t n, uint8_t *out, size_t cap)
{
	struct zroom r = {.size = DEFLATE_ROOM, .bytes = h->packer_room};
	z_stream z = {.zalloc = room_get, .zfree = room_free, .opaque = &r};

	if (deflateInit2(&z, 1, Z_DEFLATED, -WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return 0;
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)cap;
	return deflate(&z, Z_FINISH) == Z_STREAM_END ? cap - z.avail_out : 0;
}

static bool add_to(
        struct pdf_hold *h, struct pdf_held_block *b, const struct pdf_unit *u, const uint8_t *p, size_t n)
{
	size_t room = PDF_BLOCK - b->used, packed;
	struct pdf_unit *to = (struct pdf_unit *)(void *)(b->bytes + b->used);

	if (room < sizeof(*u) + 16)
		return false;
	packed = pack(h, p, n, b->bytes + b->used + sizeof(*u), room - sizeof(*u));
	if (!packed)
		return false;
	*to = *u;
	to->packed = (uint32_t)packed;
	to->n = (uint32_t)n;
	b->used += (sizeof(*u) + packed + 7) & ~(size_t)7;
	if (b->used > PDF_BLOCK)
		b->used = PDF_BLOCK;
	return true;
}

void pdf_hold_begin(struct pdf *f)
{
	f->hold.tight = false;
}

bool pdf_hold_add(struct pdf *f, struct nest *t, const struct pdf_unit *u, const uint8_t *p, size_t n)
{
	struct pdf_hold *h = &f->hold;
	struct pdf_held_block *b;

	if (!begin(f, t))
		return false;
	/* what did not fit does not fit later: the newest block only fills */
	if (h->n_full && !h->tight && add_to(h, &h->block[(h->first + h->n_full - 1) % PDF_HELD], u, p, n))
		return true;
	h->tight = h->n_full > 0;
	if (h->n_full == PDF_HELD)
		return false;
	b = &h->block[(h->first + h->n_full) % PDF_HELD];
	if (!b->bytes && !h->no_more) {
		b->bytes = nest_alloc(t, PDF_BLOCK);
		h->no_more = !b->bytes;
	}
	if (!b->bytes)
		return false;
	b->used = b->read = 0;
	h->n_full++;
	return add_to(h, b, u, p, n);
}

const struct pdf_unit *pdf_hold_first(const struct pdf *f)
{
	const struct pdf_hold *h = &f->hold;
	const struct pdf_held_block *b = &h->block[h->first];

	return h->n_full && b->read < b->used ? (const struct pdf_unit *)(const void *)(b->bytes + b->read)
	                                      : NULL;
}

const uint8_t *pdf_hold_read(struct pdf *f, const struct pdf_unit *u)
{
	struct pdf_hold *h = &f->hold;
	struct zroom r = {.size = INFLATE_ROOM_SMALL, .bytes = h->unpacker_room};
	z_stream z = {.zalloc = room_get, .zfree = room_free, .opaque = &r};

	if (inflateInit2(&z, -WINDOW_BITS) != Z_OK)
		return NULL;
	z.next_in = (Bytef *)(uintptr_t)(u + 1);
	z.avail_in = u->packed;
	z.next_out = h->unit;
	z.avail_out = u->n;
	return inflate(&z, Z_FINISH) == Z_STREAM_END ? h->unit : NULL;
}

void pdf_hold_drop(struct pdf *f)
{
	struct pdf_hold *h = &f->hold;
	struct pdf_held_block *b = &h->block[h->first];
	const struct pdf_unit *u = pdf_hold_first(f);

	b->read += (sizeof(*u) + u->packed + 7) & ~(size_t)7;
	if (b->read < b->used)
		return;
	h->first = (h->first + 1) % PDF_HELD;
	h->n_full--;
}
