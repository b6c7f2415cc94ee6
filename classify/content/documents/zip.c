/* zip.c - ZIP archives (PKWARE APPNOTE 6.3) from front to back, as they pass: local headers and their data;
 * the directory at the end comes too late to help.  Documents of offices and books are ZIPs as well (ECMA-376
 * part 2, OpenDocument part 3, EPUB OCF): their members are no files of the sender's own.
 *
 * A member's end is where its size, its DEFLATE stream or its data descriptor says.  Whenever these do not
 * agree with what follows, or bytes are missing, the next local header is searched for. */
#include "classify/content/documents/documents.h"

#include "base/cursor.h"
#include "base/text.h"
#include "classify/content/reader.h"

#include <string.h>

#define ZIP_NAME_MAX  512  /* kept of a member's name */
#define ZIP_EXTRA_MAX 256  /* kept of its extra field; sizes of zip64 come first in it */
#define ZIP_HELD      2048 /* data of unknown length that is looked through at once */

#define HEAD_SIZE       30
#define DESCRIPTOR_ROOM 28 /* the longest data descriptor (24) and the signature behind it */

#define SIG_LOCAL      0x04034b50u
#define SIG_DIRECTORY  0x02014b50u
#define SIG_END        0x06054b50u
#define SIG_DESCRIPTOR 0x08074b50u

#define FLAG_ENCRYPTED  1u
#define FLAG_DESCRIPTOR 8u /* sizes follow the data */

enum method { STORED = 0, DEFLATED = 8, ZSTANDARD = 93, AES = 99 };
enum state { SEEK, HEAD, NAMES, DATA, DEFLATE, OPEN_END, SKIP };

struct zip {
	const struct prefix *in;
	uint8_t state;
	bool first, package, directory;  /* package: of an office or a book; directory: met */
	bool in_part, descriptor, known; /* known: the size is */
	uint16_t flags, method;
	uint32_t last4; /* SEEK: the bytes before */
	size_t n_head, n_name, n_extra, name_len, extra_len, n_held;
	uint64_t size, left, count; /* compressed; of it yet to come; of OPEN_END come so far */
	uint32_t crc;               /* of those */
	struct unpack unpack;
	uint8_t head[HEAD_SIZE], extra[ZIP_EXTRA_MAX], held[ZIP_HELD];
	char name[ZIP_NAME_MAX];
};

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

static void seek(struct zip *z)
{
	z->state = SEEK;
	z->last4 = 0;
}

static void begin_head(struct zip *z)
{
	z->state = HEAD;
	z->n_head = 4;
	z->n_name = z->n_extra = 0;
}

/* ---- members ---- */

/* Names by which packages begin, in the order their writers use. */
static bool is_package(struct slice name)
{
	static const char *const whole[] = {
	        "[Content_Types].xml", "_rels/.rels", "mimetype", "META-INF/manifest.xml"};
	static const char *const folders[] = {"docProps/", "word/", "xl/", "ppt/"};
	struct slice end = name.n > 4 ? slice_of(name.p + name.n - 4, 4) : name;

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (slice_is(name, whole[i]))
			return true;
	if (!slice_is(end, ".xml") && !slice_is(end, "rels"))
		return false;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (slice_starts_nocase(name, folders[i]))
			return true;
	return false;
}

/* Files that somebody put into a document. */
static bool is_embedded(struct slice name)
{
	return memmem(name.p, name.n, "/embeddings/", 12) || slice_starts_nocase(name, "Object ");
}

static bool ends_with(struct slice name, const char *const *ends, size_t n_ends, size_t *which)
{
	for (size_t i = 0; i < n_ends; i++) {
		size_t n = strlen(ends[i]);

		*which = i;
		if (name.n > n && slice_is_nocase(slice_of(name.p + name.n - n, n), ends[i]))
			return true;
	}
	return false;
}

/* Members of packages that hold no text; pictures may show some. */
static bool is_picture_or_font(struct slice name, bool *picture)
{
	static const char *const ends[] = {".png", ".jpeg", ".jpg", ".gif", ".bmp", ".tif", ".tiff", ".webp",
	        ".emf", ".wmf", ".wdp", ".ttf", ".otf", ".odttf", ".fntdata", ".woff", ".woff2"};
	size_t which;
	bool is = ends_with(name, ends, sizeof(ends) / sizeof(ends[0]), &which);

	/* a preview shows what is read anyway */
	*picture = which < 11 && !memmem(name.p, name.n, "humbnail", 8);
	return is;
}

/* Members of packages that are XML, though they need not begin like it. */
static bool is_markup(struct slice name)
{
	static const char *const ends[] = {
	        ".xml", ".rels", ".vml", ".xhtml", ".html", ".htm", ".opf", ".ncx", ".rdf"};
	size_t which;

	return ends_with(name, ends, sizeof(ends) / sizeof(ends[0]), &which);
}

/* Whether the member is a part to be read; false: passed over. */
static bool begin_part(struct zip *z, struct nest *t)
{
	struct slice name = slice_of(z->name, z->n_name);
	struct part_hint hint = {.name = name};
	struct prefix in;
	bool picture;

	if (z->n_name && z->name[z->n_name - 1] == '/')
		return false; /* a folder */
	if (z->package && is_picture_or_font(name, &picture)) {
		nest_skip(t, picture ? CONTENT_BINARY : 0);
		return false;
	}
	if (z->package && !is_embedded(name))
		hint.name = slice_of("", 0);
	if (z->package && is_markup(name))
		hint.type = SLICE("application/xml");
	if (z->method == ZSTANDARD)
		hint.codings = SLICE("zstd");
	prefix_add(&in, z->in, name.p, name.n);
	in.key_len = 0; /* a file's name says nothing of each word in it */
	return part_begin(t, &in, &hint);
}

static void end_part(struct zip *z, struct nest *t, bool whole)
{
	struct emit *e = nest_emit(t);
	bool cut = e->cut;

	if (!z->in_part)
		return;
	z->in_part = false;
	e->cut = cut || !whole;
	part_end(t);
	e->cut = cut || nest_over(t);
}

/* What follows the data is looked for rather than believed. */
static void give_up(struct zip *z, struct nest *t, unsigned why)
{
	nest_skip(t, why);
	end_part(z, t, false);
	seek(z);
}

/* zip64 (4.5.3): 64-bit sizes stand in the extra field where those of the header are all ones. */
static void real_size(struct zip *z, uint32_t size, uint32_t plain_size)
{
	struct cur c = cur_of(z->extra, z->n_extra);

	z->size = size;
	while (size == UINT32_MAX && cur_left(&c) >= 4) {
		uint64_t id = cur_le(&c, 2);
		struct cur field = cur_sub(&c, (size_t)cur_le(&c, 2));

		if (id != 1)
			continue;
		if (plain_size == UINT32_MAX)
			cur_skip(&field, 8);
		z->size = cur_le(&field, 8);
		return;
	}
}

static void begin_member(struct zip *z, struct nest *t)
{
	bool unsupported = z->flags & FLAG_ENCRYPTED || z->method == AES;

	real_size(z, le32(z->head + 18), le32(z->head + 22));
	z->known = !(z->flags & FLAG_DESCRIPTOR) || z->size;
	z->left = z->size;
	if (!z->first)
		z->package = is_package(slice_of(z->name, z->n_name));
	z->first = true;
	unsupported = unsupported ||
	              (z->method != STORED && z->method != DEFLATED && z->method != ZSTANDARD) ||
	              (z->method == ZSTANDARD && !z->known);
	if (unsupported)
		nest_skip(t, CONTENT_UNSUPPORTED);
	z->in_part = !unsupported && begin_part(z, t);
	if ((!z->in_part && z->known) || unsupported) {
		if (z->known && z->left)
			z->state = SKIP;
		else
			seek(z);
	} else if (z->method != DEFLATED) {
		z->state = z->known ? DATA : OPEN_END;
		z->count = z->n_held = 0;
		z->crc = (uint32_t)crc32(0, NULL, 0);
		if (z->known && !z->left) {
			end_part(z, t, true);
			seek(z);
		}
	} else {
		z->state = DEFLATE;
	}
}

/* ---- a header ---- */

/* Headers met in a search may be none. */
static bool is_plausible(const struct zip *z)
{
	return z->head[4] <= 99 && z->name_len && z->name_len <= 4096 &&
	       (z->method < 20 || z->method >= 90) && z->method < 100;
}

static size_t head_step(struct zip *z, struct nest *t, const uint8_t *p, size_t n)
{
	size_t want = HEAD_SIZE - z->n_head, take = n < want ? n : want;

	memcpy(z->head + z->n_head, p, take);
	z->n_head += take;
	if (z->n_head < HEAD_SIZE)
		return take;
	z->flags = (uint16_t)(z->head[6] | z->head[7] << 8);
	z->method = (uint16_t)(z->head[8] | z->head[9] << 8);
	z->name_len = (size_t)(z->head[26] | z->head[27] << 8);
	z->extra_len = (size_t)(z->head[28] | z->head[29] << 8);
	z->state = NAMES;
	if (!is_plausible(z))
		give_up(z, t, CONTENT_BROKEN);
	return take;
}

/* Copies what belongs to a field of `len` bytes, of which `have` were seen; returns the bytes taken. */
static size_t gather(void *out, size_t cap, size_t *kept, size_t *len, const uint8_t *p, size_t n)
{
	size_t take = n < *len ? n : *len, copy = take < cap - *kept ? take : cap - *kept;

	memcpy((uint8_t *)out + *kept, p, copy);
	*kept += copy;
	*len -= take;
	return take;
}

/* zlib's memory must be there before the part takes its own. */
static void start_deflate(struct zip *z, struct nest *t)
{
	if (z->method == DEFLATED && !(z->flags & FLAG_ENCRYPTED) && !unpack_start(&z->unpack, t, -15))
		give_up(z, t, CONTENT_LIMIT);
	else
		begin_member(z, t);
}

static size_t names_step(struct zip *z, struct nest *t, const uint8_t *p, size_t n)
{
	size_t used = gather(z->name, sizeof(z->name), &z->n_name, &z->name_len, p, n);

	used += gather(z->extra, sizeof(z->extra), &z->n_extra, &z->extra_len, p + used, n - used);
	if (!z->name_len && !z->extra_len)
		start_deflate(z, t);
	return used;
}

/* ---- data ---- */

static size_t seek_step(struct zip *z, struct nest *t, const uint8_t *p, size_t n)
{
	(void)t;
	for (size_t i = 0; i < n; i++) {
		z->last4 = z->last4 >> 8 | (uint32_t)p[i] << 24;
		z->directory = z->directory || z->last4 == SIG_DIRECTORY || z->last4 == SIG_END;
		if (z->last4 == SIG_LOCAL) {
			begin_head(z);
			return i + 1;
		}
	}
	return n;
}

static size_t data_step(struct zip *z, struct nest *t, const uint8_t *p, size_t n)
{
	size_t take = n < z->left ? n : (size_t)z->left;

	if (z->in_part)
		part_feed(t, p, take);
	z->left -= take;
	if (!z->left) {
		end_part(z, t, true);
		seek(z);
	}
	return take;
}

static void unpacked(void *arg, struct nest *t, const uint8_t *p, size_t n)
{
	struct zip *z = arg;

	if (nest_charge(t, n) && z->in_part)
		part_feed(t, p, n);
}

static size_t deflate_step(struct zip *z, struct nest *t, const uint8_t *p, size_t n)
{
	const uint8_t *at = p;
	size_t left = n;
	enum unpacked r = unpack_feed(&z->unpack, &at, &left, unpacked, z, t);

	if (r == UNPACK_END) {
		z->left = z->size > z->unpack.in ? z->size - z->unpack.in : 0;
		if (z->known && z->size != z->unpack.in)
			nest_skip(t, CONTENT_BROKEN);
		end_part(z, t, true);
		seek(z);
		if (!z->known) {
			/* its descriptor could look like a header */
			z->state = OPEN_END;
			z->count = z->unpack.in;
			z->n_held = 0;
		}
	} else if (r != UNPACK_MORE) {
		give_up(z, t, r == UNPACK_BOMB ? CONTENT_LIMIT : CONTENT_BROKEN);
	}
	return (size_t)(at - p);
}

static bool is_signature(uint32_t v)
{
	return v == SIG_LOCAL || v == SIG_DIRECTORY;
}

/* Length of the data descriptor (4.3.9) at p, behind data of `count` bytes with this CRC; 0: there is none.
 * Its signature is optional, its sizes have 4 or 8 bytes, and nothing tells which. */
static size_t descriptor(const uint8_t *p, size_t n, uint64_t count, uint32_t crc, bool check)
{
	bool marked = n >= 16 && le32(p) == SIG_DESCRIPTOR;
	size_t at = marked ? 4 : 0;

	if (n < at + 12 || (check && le32(p + at) != crc))
		return 0;
	if (n >= at + 20 && le64(p + at + 4) == count &&
	        (marked || (n >= at + 24 && is_signature(le32(p + at + 20)))))
		return at + 20;
	if (le32(p + at + 4) == (uint32_t)count &&
	        (marked || (n >= at + 16 && is_signature(le32(p + at + 12)))))
		return at + 12;
	return 0;
}

static void give_open(struct zip *z, struct nest *t, const uint8_t *p, size_t n)
{
	if (!n)
		return;
	if (z->in_part)
		part_feed(t, p, n);
	z->crc = (uint32_t)crc32(z->crc, p, (uInt)n);
	z->count += n;
}

/* Looks for the descriptor in what is held; `all`: nothing follows. */
static void search_end(struct zip *z, struct nest *t, bool all)
{
	size_t from = 0, i = 0, stop = all ? 0 : DESCRIPTOR_ROOM - 1;
	bool stored = z->method == STORED;

	for (; z->n_held > i + stop; i++) {
		const uint8_t *p = z->held + i;
		uint32_t low = (uint32_t)(z->count + (i - from));
		size_t len;

		if (i && !stored)
			break;
		/* one of these holds wherever a descriptor is */
		if (z->n_held < i + 12 || (le32(p + 4) != low && le32(p) != SIG_DESCRIPTOR))
			continue;
		if (stored) {
			give_open(z, t, z->held + from, i - from);
			from = i;
		}
		len = descriptor(p, z->n_held - i, z->count, z->crc, stored);
		if (!len)
			continue;
		end_part(z, t, true);
		seek(z);
		z->n_held -= i + len;
		memmove(z->held, z->held + i + len, z->n_held);
		return;
	}
	if (!stored && i) {
		/* behind DEFLATE it stands at once or not at all */
		nest_skip(t, CONTENT_BROKEN);
		seek(z);
		return;
	}
	give_open(z, t, z->held + from, i - from);
	z->n_held -= i;
	memmove(z->held, z->held + i, z->n_held);
}

static size_t open_end_step(struct zip *z, struct nest *t, const uint8_t *p, size_t n)
{
	size_t room = sizeof(z->held) - z->n_held, take = n < room ? n : room, back;

	memcpy(z->held + z->n_held, p, take);
	z->n_held += take;
	search_end(z, t, false);
	if (z->state == OPEN_END)
		return take;
	/* what is left goes back; what is left of earlier pieces is too short to hold a header */
	back = z->n_held < take ? z->n_held : take;
	for (size_t at = 0; at < z->n_held - back;)
		at += z->state == SEEK ? seek_step(z, t, z->held + at, z->n_held - back - at)
		                       : head_step(z, t, z->held + at, z->n_held - back - at);
	z->n_held = 0;
	return take - back;
}

static size_t skip_step(struct zip *z, struct nest *t, const uint8_t *p, size_t n)
{
	(void)p;
	(void)t;
	n = n < z->left ? n : (size_t)z->left;
	z->left -= n;
	if (!z->left)
		seek(z);
	return n;
}

/* ---- the reader ---- */

static size_t (*const steps[])(struct zip *z, struct nest *t, const uint8_t *p, size_t n) = {
        [SEEK] = seek_step,
        [HEAD] = head_step,
        [NAMES] = names_step,
        [DATA] = data_step,
        [DEFLATE] = deflate_step,
        [OPEN_END] = open_end_step,
        [SKIP] = skip_step,
};

static int probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	(void)hint;
	if (n >= 8 && (le32(p) == SIG_DESCRIPTOR || !memcmp(p, "PK00", 4))) {
		/* markers of archives in several volumes (8.5.4) */
		p += 4;
		n -= 4;
	}
	return n >= 4 && (le32(p) == SIG_LOCAL || le32(p) == SIG_END);
}

static bool open_zip(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct zip *z = state;

	(void)t;
	(void)hint;
	z->in = in;
	seek(z);
	return true;
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct zip *z = state;

	for (size_t i = 0; i < n && !nest_over(t);)
		i += steps[z->state](z, t, p + i, n - i);
}

static void gap(void *state, struct nest *t, uint64_t n)
{
	struct zip *z = state;
	uint64_t left = z->left;

	if (z->state == DEFLATE)
		left = z->known && z->size > z->unpack.in ? z->size - z->unpack.in : 0;
	if (z->state == SEEK || z->state == HEAD || z->state == NAMES || z->state == OPEN_END || !n ||
	        n > left) {
		if (z->in_part && (z->state == DATA || z->state == OPEN_END))
			part_gap(t, 0);
		give_up(z, t, 0);
		return;
	}
	z->left = left - n;
	if (z->state == DATA && z->in_part)
		part_gap(t, n);
	else
		end_part(z, t, false);
	if (z->state == DEFLATE)
		z->state = SKIP;
	if (z->left)
		return;
	end_part(z, t, true);
	seek(z);
}

static void end(void *state, struct nest *t)
{
	struct zip *z = state;

	if (z->state == OPEN_END && !nest_over(t))
		search_end(z, t, true);
	if (z->state != SEEK || !z->directory)
		nest_skip(t, CONTENT_BROKEN);
	end_part(z, t, false);
}

const struct reader_ops zip_ops = {
        .name = "zip",
        .state_size = sizeof(struct zip),
        .probe = probe,
        .open = open_zip,
        .feed = feed,
        .gap = gap,
        .end = end,
};
