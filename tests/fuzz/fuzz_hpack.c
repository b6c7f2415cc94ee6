/* fuzz_hpack.c - header blocks against nghttp2's decoder: what that one reads, ours reads the same.  The
 * input is a row of (length, block); length 0 forgets the table, as behind a gap, and ends the comparison. */
#include "base/cursor.h"
#include "classify/http/hpack.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct fields {
	char text[1 << 18];
	size_t n;
	bool full;
};

static struct fields ours, theirs;

static void add(struct fields *f, const void *name, size_t name_n, const void *value, size_t value_n)
{
	if (f->full || name_n + value_n + 8 > sizeof(f->text) - f->n) {
		f->full = true;
		return;
	}
	memcpy(f->text + f->n, &(uint32_t){(uint32_t)name_n}, 4);
	memcpy(f->text + f->n + 4, &(uint32_t){(uint32_t)value_n}, 4);
	if (name_n)
		memcpy(f->text + f->n + 8, name, name_n);
	if (value_n)
		memcpy(f->text + f->n + 8 + name_n, value, value_n);
	f->n += 8 + name_n + value_n;
}

static void each(void *arg, const struct hpack_field *f)
{
	add(arg, f->name, f->name_n, f->value, f->value_n);
}

/* 0: it read the whole block. */
static int reference(nghttp2_hd_inflater *h, const uint8_t *p, size_t n)
{
	for (;;) {
		nghttp2_nv nv;
		int flags = 0;
		ssize_t used = nghttp2_hd_inflate_hd2(h, &nv, &flags, p, n, 1);

		if (used < 0)
			return -1;
		p += used;
		n -= (size_t)used;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			add(&theirs, nv.name, nv.namelen, nv.value, nv.valuelen);
		if (flags & NGHTTP2_HD_INFLATE_FINAL) {
			nghttp2_hd_inflate_end_headers(h);
			return 0;
		}
		if (!n && !(flags & NGHTTP2_HD_INFLATE_EMIT))
			return 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct pool *blocks, *bigs;
	nghttp2_hd_inflater *reads = NULL;
	struct cur c = cur_of(p, n);
	struct arena arena;
	struct hpack *h;
	bool compare;

	if (!blocks) {
		blocks = pool_create(8192, 32);
		bigs = pool_create(65536 + 4096, 8);
	}
	arena_init(&arena, blocks, 32);
	arena_use_big(&arena, bigs);
	h = hpack_open(&arena);
	compare = h && nghttp2_hd_inflate_new(&reads) == 0;
	while (h && cur_left(&c)) {
		size_t len = cur_u8(&c);
		uint8_t *copy;
		int rc;

		if (!len) {
			hpack_lost(h);
			compare = false;
			continue;
		}
		len = len < cur_left(&c) ? len : cur_left(&c);
		copy = malloc(len ? len : 1);
		if (!copy)
			abort();
		if (len)
			memcpy(copy, cur_take(&c, len), len);
		ours.n = theirs.n = 0;
		ours.full = theirs.full = false;
		rc = hpack_block(h, copy, len, each, &ours);
		compare = compare && reference(reads, copy, len) == 0;
		if (compare && (rc < 0 || ours.full != theirs.full || ours.n != theirs.n ||
		                       memcmp(ours.text, theirs.text, ours.n) != 0))
			abort();
		free(copy);
	}
	nghttp2_hd_inflate_del(reads);
	arena_clear(&arena);
	return 0;
}
