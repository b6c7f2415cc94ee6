/* tar.c - tar archives: POSIX.1-1988 (ustar), POSIX.1-2001 (pax, 4.118 of XCU "pax"), GNU tar's long names
 * and sparse files, and the format before them all, which has no mark but its checksum.
 *
 * Blocks of 512 bytes: a header, then the file's data filled up to a block.  A block that should be a header
 * and is none is passed over until one is. */
#include "classify/content/documents/documents.h"

#include "base/text.h"

#include <string.h>

#define BLOCK        512
#define TAR_NAME_MAX 512  /* kept of a file's name */
#define TAR_PAX_MAX  2048 /* kept of a pax header: records behind are not read */

enum state { HEADER, SPARSE_MAP, DATA, SKIP, NAME, PAX };

struct tar {
	const struct prefix *in;
	uint8_t state;
	bool in_part, lost, any; /* lost: where blocks begin; any: a header was met */
	bool has_size;           /* `size` is of a pax header, for the next file */
	uint64_t left, size;     /* left: of what is being read */
	size_t pad, n_block, n_name, n_pax;
	uint8_t block[BLOCK];
	char name[TAR_NAME_MAX], pax[TAR_PAX_MAX]; /* name: given before the header */
};

/* ---- fields of a header ---- */

/* Octal digits, or a number of 95 bits in base 256 (GNU); false: neither. */
static bool number(const uint8_t *p, size_t n, uint64_t *out)
{
	size_t i = 0, digits = 0;
	uint64_t v = 0;

	if (*p & 0x80) {
		for (v = *p & 0x3f, i = 1; i < n; i++) {
			if (v >> 55)
				return false;
			v = v << 8 | p[i];
		}
		*out = v;
		return true;
	}
	while (i < n && p[i] == ' ')
		i++;
	for (; i < n && p[i] >= '0' && p[i] <= '7'; i++, digits++)
		v = v << 3 | (uint64_t)(p[i] - '0');
	*out = v;
	return digits && (i == n || !p[i] || p[i] == ' ');
}

/* The sum of all bytes, those of the sum itself taken for blanks; some old tars added signed bytes. */
static bool checksum_fits(const uint8_t *b)
{
	uint64_t told;
	int64_t sum = 0, of_signed = 0;

	if (!number(b + 148, 8, &told))
		return false;
	for (size_t i = 0; i < BLOCK; i++) {
		int c = i >= 148 && i < 156 ? ' ' : b[i];

		sum += c;
		of_signed += c < 0x80 ? c : c - 256;
	}
	return (int64_t)told == sum || (int64_t)told == of_signed;
}

static bool all_zero(const uint8_t *b)
{
	for (size_t i = 0; i < BLOCK; i++)
		if (b[i])
			return false;
	return true;
}

/* The name in the header, behind that of its folder. */
static void header_name(struct tar *a)
{
	const uint8_t *b = a->block;
	size_t folder = !memcmp(b + 257, "ustar\0", 6) ? strnlen((const char *)b + 345, 155) : 0,
	       n = strnlen((const char *)b, 100);

	memcpy(a->name, b + 345, folder);
	if (folder)
		a->name[folder++] = '/';
	memcpy(a->name + folder, b, n);
	a->n_name = folder + n;
}

/* pax: "LENGTH KEY=VALUE\n", LENGTH in decimal and of it all. */
static void read_pax(struct tar *a)
{
	size_t at = 0;

	while (at < a->n_pax) {
		struct slice rest = slice_of(a->pax + at, a->n_pax - at), value;
		size_t len = 0, i = 0;
		const char *equals;

		for (; i < rest.n && i < 6 && rest.p[i] >= '0' && rest.p[i] <= '9'; i++)
			len = len * 10 + (size_t)(rest.p[i] - '0');
		if (len < i + 4 || len > rest.n || rest.p[i] != ' ')
			return;
		at += len;
		equals = memchr(rest.p + i, '=', len - 1 - i); /* the last byte is the line's end */
		if (!equals)
			continue;
		i++;
		value = slice_of(equals + 1, len - 2 - (size_t)(equals - rest.p));
		rest = slice_of(rest.p + i, (size_t)(equals - rest.p) - i);
		if (slice_is(rest, "path") || slice_is(rest, "GNU.sparse.name")) {
			a->n_name = value.n < TAR_NAME_MAX ? value.n : TAR_NAME_MAX;
			memcpy(a->name, value.p, a->n_name);
		} else if (slice_is(rest, "size")) {
			a->has_size = true;
			a->size = 0;
			for (i = 0; i < value.n && i < 18 && value.p[i] >= '0' && value.p[i] <= '9'; i++)
				a->size = a->size * 10 + (uint64_t)(value.p[i] - '0');
		}
	}
}

/* ---- files ---- */

static void begin_file(struct tar *a, struct nest *t)
{
	struct slice name = slice_of(a->name, a->n_name);
	struct part_hint hint;
	struct prefix in;

	if (name.n > 2 && !memcmp(name.p, "./", 2))
		name = slice_of(name.p + 2, name.n - 2);
	hint = (struct part_hint){.name = name};
	prefix_add(&in, a->in, name.p, name.n);
	in.key_len = 0; /* a file's name says nothing of each word in it */
	a->in_part = part_begin(t, &in, &hint);
	a->n_name = 0;
	a->has_size = false;
}

static void end_file(struct tar *a, struct nest *t, bool whole)
{
	struct emit *e = nest_emit(t);
	bool cut = e->cut;

	if (!a->in_part)
		return;
	a->in_part = false;
	e->cut = cut || !whole;
	part_end(t);
	e->cut = cut || nest_over(t);
}

/* What is being read ended. */
static void finish(struct tar *a, struct nest *t)
{
	if (a->state == PAX)
		read_pax(a);
	if (a->state == NAME)
		a->n_name = strnlen(a->name, a->n_name);
	end_file(a, t, true);
	a->left = a->pad;
	a->pad = 0;
	a->state = a->left ? SKIP : HEADER;
}

static void header(struct tar *a, struct nest *t)
{
	char type = (char)a->block[156];
	uint64_t size = 0;

	a->n_block = 0;
	if (all_zero(a->block))
		return; /* the end, or nearly */
	if (!checksum_fits(a->block) || !number(a->block + 124, 12, &size)) {
		nest_skip(t, CONTENT_BROKEN);
		return;
	}
	a->any = true;
	if (a->has_size && type != 'x' && type != 'g')
		size = a->size;
	if (type >= '1' && type <= '6')
		size = 0; /* links, devices and folders have none, whatever stands there */
	a->left = size;
	a->pad = (size_t)(-size % BLOCK);
	if (type == 'x' || type == 'g') {
		a->state = PAX;
		a->n_pax = 0;
	} else if (type == 'L') {
		a->state = NAME;
		a->n_name = 0;
	} else if (!type || type == '0' || type == '7' || type == 'S') {
		if (!a->n_name)
			header_name(a);
		begin_file(a, t);
		a->state = type == 'S' && a->block[482] ? SPARSE_MAP : DATA;
	} else {
		a->n_name = type == 'K' ? a->n_name : 0;
		a->has_size = a->has_size && type == 'K';
		a->state = SKIP;
	}
	if (!a->left && a->state != SPARSE_MAP)
		finish(a, t);
}

static size_t block_step(struct tar *a, struct nest *t, const uint8_t *p, size_t n)
{
	size_t want = BLOCK - a->n_block, take = n < want ? n : want;

	memcpy(a->block + a->n_block, p, take);
	a->n_block += take;
	if (a->n_block < BLOCK)
		return take;
	if (a->state == HEADER) {
		header(a, t);
	} else {
		a->n_block = 0;
		a->state = a->block[504] ? SPARSE_MAP : DATA;
		if (a->state == DATA && !a->left)
			finish(a, t);
	}
	return take;
}

static size_t keep(void *out, size_t cap, size_t *n_out, const uint8_t *p, size_t n)
{
	size_t copy = n < cap - *n_out ? n : cap - *n_out;

	memcpy((uint8_t *)out + *n_out, p, copy);
	*n_out += copy;
	return copy;
}

static size_t data_step(struct tar *a, struct nest *t, const uint8_t *p, size_t n)
{
	size_t take = n < a->left ? n : (size_t)a->left;

	if (a->state == DATA && a->in_part)
		part_feed(t, p, take);
	else if (a->state == NAME)
		keep(a->name, sizeof(a->name), &a->n_name, p, take);
	else if (a->state == PAX && keep(a->pax, sizeof(a->pax), &a->n_pax, p, take) < take)
		nest_skip(t, CONTENT_LIMIT);
	a->left -= take;
	if (!a->left)
		finish(a, t);
	return take;
}

/* ---- the reader ---- */

static int probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	size_t i = 0;

	(void)hint;
	/* a name, then zeros */
	while (i < n && i < 100 && p[i] >= ' ' && p[i] != 0x7f)
		i++;
	if (n && !i)
		return 0;
	while (i < n && i < 100)
		if (p[i++])
			return 0;
	if (n < BLOCK)
		return n ? -1 : 0;
	return checksum_fits(p);
}

static bool open_tar(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct tar *a = state;

	(void)t;
	(void)hint;
	a->in = in;
	return true;
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct tar *a = state;

	for (size_t i = 0; i < n && !nest_over(t) && !a->lost;)
		i += a->state == HEADER || a->state == SPARSE_MAP ? block_step(a, t, p + i, n - i)
		                                                  : data_step(a, t, p + i, n - i);
}

/* Bytes that are known in number leave the blocks where they are. */
static void gap(void *state, struct nest *t, uint64_t n)
{
	struct tar *a = state;
	bool block = a->state == HEADER || a->state == SPARSE_MAP;
	uint64_t rest = block ? BLOCK - a->n_block : a->left;

	if (!n) {
		end_file(a, t, false);
		a->lost = true;
		return;
	}
	if (!block && n < a->left) {
		a->left -= n;
		if (a->in_part)
			part_gap(t, n);
		return;
	}
	end_file(a, t, false);
	a->n_block = a->n_name = 0;
	a->has_size = false;
	rest += a->pad;
	a->state = SKIP;
	a->left = n <= rest ? rest - n : -(n - rest) % BLOCK;
	a->pad = 0;
	if (!a->left)
		a->state = HEADER;
}

static void end(void *state, struct nest *t)
{
	struct tar *a = state;

	if (!a->any || a->n_block || a->in_part || a->lost)
		nest_skip(t, CONTENT_BROKEN);
	end_file(a, t, false);
}

const struct reader_ops tar_ops = {
        .name = "tar",
        .state_size = sizeof(struct tar),
        .probe = probe,
        .open = open_tar,
        .feed = feed,
        .gap = gap,
        .end = end,
};
