/* hpack.c - see hpack.h.  RFC 7541; sections are named where they apply. */
#include "classify/http/hpack.h"

#include "base/cursor.h"

#include <string.h>

#define ENTRY_OVERHEAD 32 /* 4.1: what an entry counts beyond its strings */
#define STATIC_ENTRIES 61
#define TABLE_UNKNOWN  16384 /* limit when the sender's may have changed unseen */

struct entry {
	uint32_t at; /* of its name in text[], the value behind it */
	uint32_t name_n, value_n;
	bool name_known, value_known;
};

/* Strings stand one after the other; when the end is reached, those still in use move to the front.  Half as
 * much again as the table, so that a move is paid for by half as many new bytes as it copies. */
struct table {
	char *text;
	struct entry *entry; /* a ring; the newest is entry[(first + n - 1) % max] */
	uint32_t text_cap, used, max, first, n;
	uint32_t size, limit; /* by 4.1 and 4.3 */
	uint32_t room;        /* the largest limit that the memory holds */
};

struct hpack {
	struct arena *arena;
	struct table table;
};

/* Strings that do not stand in clear in the block, while one field is handed out. */
static _Thread_local char name_scratch[HPACK_STRING_MAX], value_scratch[HPACK_STRING_MAX];

static const struct {
	const char *name, *value;
} static_table[STATIC_ENTRIES + 1] = {/* Appendix A */
        {"", ""}, {":authority", ""}, {":method", "GET"}, {":method", "POST"}, {":path", "/"},
        {":path", "/index.html"}, {":scheme", "http"}, {":scheme", "https"}, {":status", "200"},
        {":status", "204"}, {":status", "206"}, {":status", "304"}, {":status", "400"}, {":status", "404"},
        {":status", "500"}, {"accept-charset", ""}, {"accept-encoding", "gzip, deflate"},
        {"accept-language", ""}, {"accept-ranges", ""}, {"accept", ""}, {"access-control-allow-origin", ""},
        {"age", ""}, {"allow", ""}, {"authorization", ""}, {"cache-control", ""}, {"content-disposition", ""},
        {"content-encoding", ""}, {"content-language", ""}, {"content-length", ""}, {"content-location", ""},
        {"content-range", ""}, {"content-type", ""}, {"cookie", ""}, {"date", ""}, {"etag", ""},
        {"expect", ""}, {"expires", ""}, {"from", ""}, {"host", ""}, {"if-match", ""},
        {"if-modified-since", ""}, {"if-none-match", ""}, {"if-range", ""}, {"if-unmodified-since", ""},
        {"last-modified", ""}, {"link", ""}, {"location", ""}, {"max-forwards", ""},
        {"proxy-authenticate", ""}, {"proxy-authorization", ""}, {"range", ""}, {"referer", ""},
        {"refresh", ""}, {"retry-after", ""}, {"server", ""}, {"set-cookie", ""},
        {"strict-transport-security", ""}, {"transfer-encoding", ""}, {"user-agent", ""}, {"vary", ""},
        {"via", ""}, {"www-authenticate", ""}};

/* ---- Huffman
 * ----------------------------------------------------------------------------------------------- */

/* Appendix B: the code is canonical, so lengths, first codes and the symbols in order are all of it. */
static const struct {
	uint8_t bits;
	uint32_t first;
	uint8_t at, count;
} lengths[] = {{5, 0x0, 0, 10}, {6, 0x14, 10, 26}, {7, 0x5c, 36, 32}, {8, 0xf8, 68, 6}, {10, 0x3f8, 74, 5},
        {11, 0x7fa, 79, 3}, {12, 0xffa, 82, 2}, {13, 0x1ff8, 84, 6}, {14, 0x3ffc, 90, 2}, {15, 0x7ffc, 92, 3},
        {19, 0x7fff0, 95, 3}, {20, 0xfffe6, 98, 8}, {21, 0x1fffdc, 106, 13}, {22, 0x3fffd2, 119, 26},
        {23, 0x7fffd8, 145, 29}, {24, 0xffffea, 174, 12}, {25, 0x1ffffec, 186, 4}, {26, 0x3ffffe0, 190, 15},
        {27, 0x7ffffde, 205, 19}, {28, 0xfffffe2, 224, 29}, {30, 0x3ffffffc, 253, 3}};

static const uint8_t symbols[256] = {48, 49, 50, 97, 99, 101, 105, 111, 115, 116, 32, 37, 45, 46, 47, 51, 52,
        53, 54, 55, 56, 57, 61, 65, 95, 98, 100, 102, 103, 104, 108, 109, 110, 112, 114, 117, 58, 66, 67, 68,
        69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 89, 106, 107, 113, 118,
        119, 120, 121, 122, 38, 42, 44, 59, 88, 90, 33, 34, 40, 41, 63, 39, 43, 124, 35, 62, 0, 36, 64, 91,
        93, 126, 94, 125, 60, 96, 123, 92, 195, 208, 128, 130, 131, 162, 184, 194, 224, 226, 153, 161, 167,
        172, 176, 177, 179, 209, 216, 217, 227, 229, 230, 129, 132, 133, 134, 136, 146, 154, 156, 160, 163,
        164, 169, 170, 173, 178, 181, 185, 186, 187, 189, 190, 196, 198, 228, 232, 233, 1, 135, 137, 138, 139,
        140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174, 175, 180, 182, 183, 188,
        191, 197, 231, 239, 9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237, 199, 207, 234, 235, 192,
        193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255, 203, 204, 211, 212, 214, 221,
        222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254, 2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15,
        16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 127, 220, 249, 10, 13, 22};

/* The symbol that the uppermost bits begin with and its length; 0: none of up to `have` bits. */
static unsigned symbol_of(uint64_t bits, unsigned have, uint8_t *symbol)
{
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths) && lengths[i].bits <= have; i++) {
		uint32_t code = (uint32_t)(bits >> (64 - lengths[i].bits)) - lengths[i].first;

		if (code < lengths[i].count) {
			*symbol = symbols[lengths[i].at + code];
			return lengths[i].bits;
		}
	}
	return 0;
}

long hpack_huffman(const uint8_t *p, size_t n, char *out, size_t cap)
{
	uint64_t bits = 0; /* not yet decoded, from the uppermost bit on */
	unsigned have = 0, used;
	size_t len = 0;
	uint8_t symbol;

	for (;;) {
		while (have <= 56 && n) {
			bits |= (uint64_t)*p++ << (56 - have);
			have += 8;
			n--;
		}
		used = symbol_of(bits, have, &symbol);
		if (!used)
			break;
		if (len < cap)
			out[len] = (char)symbol;
		len++;
		bits <<= used;
		have -= used;
	}
	/* 5.2: what is left are the first bits of EOS, fewer than 8 of them, all ones */
	if (n || have > 7 || (have && bits >> (64 - have) != (1u << have) - 1))
		return -1;
	return (long)len;
}

/* ---- the table
 * --------------------------------------------------------------------------------------------- */

static struct entry *entry_newest(struct table *t, uint32_t back)
{
	return &t->entry[(t->first + t->n - 1 - back) % t->max];
}

static uint32_t entry_size(const struct entry *e)
{
	return e->name_n + e->value_n + ENTRY_OVERHEAD;
}

static void evict_to(struct table *t, uint32_t most)
{
	while (t->n && t->size > most) {
		t->size -= entry_size(&t->entry[t->first]);
		t->first = (t->first + 1) % t->max;
		t->n--;
	}
}

/* Moves the strings in use to the front of the text. */
static void compact(struct table *t)
{
	uint32_t from = t->n ? t->entry[t->first].at : t->used;

	memmove(t->text, t->text + from, t->used - from);
	t->used -= from;
	for (uint32_t i = 0; i < t->n; i++)
		t->entry[(t->first + i) % t->max].at -= from;
}

static bool table_room(struct hpack *h, uint32_t size)
{
	struct table *t = &h->table, old = *t;

	if (size <= t->room)
		return true;
	*t = (struct table){.limit = old.limit,
	        .room = size,
	        .text_cap = size + size / 2,
	        .max = size / ENTRY_OVERHEAD + 1};
	t->text = arena_get(h->arena, t->text_cap);
	t->entry = arena_get(h->arena, t->max * sizeof(*t->entry));
	if (!t->text || !t->entry) {
		*t = old;
		return false;
	}
	if (old.n) {
		uint32_t from = old.entry[old.first].at;

		memcpy(t->text, old.text + from, old.used - from);
		t->used = old.used - from;
		t->n = old.n;
		t->size = old.size;
		for (uint32_t i = 0; i < old.n; i++) {
			t->entry[i] = old.entry[(old.first + i) % old.max];
			t->entry[i].at -= from;
		}
	}
	return true;
}

/* 4.4: an entry larger than the table empties it and is no error. */
static void table_add(struct hpack *h, const struct hpack_field *f)
{
	struct table *t = &h->table;
	uint32_t n = (uint32_t)(f->name_n + f->value_n), size = n + ENTRY_OVERHEAD;
	struct entry *e;

	if (size > t->limit) {
		evict_to(t, 0);
		return;
	}
	if (!table_room(h, t->limit)) {
		evict_to(t, 0);
		return;
	}
	evict_to(t, t->limit - size);
	if (t->text_cap - t->used < n)
		compact(t);
	e = &t->entry[(t->first + t->n) % t->max];
	*e = (struct entry){.at = t->used,
	        .name_n = (uint32_t)f->name_n,
	        .value_n = (uint32_t)f->value_n,
	        .name_known = f->name_known,
	        .value_known = f->value_known};
	if (f->name_n)
		memcpy(t->text + t->used, f->name, f->name_n);
	if (f->value_n)
		memcpy(t->text + t->used + f->name_n, f->value, f->value_n);
	t->used += n;
	t->n++;
	t->size += size;
}

/* ---- blocks
 * ------------------------------------------------------------------------------------------------ */

/* 5.1; more than five bytes are an error: nothing that is counted here is that large. */
static uint64_t integer(struct cur *c, uint8_t first, unsigned prefix)
{
	uint64_t v = first & ((1u << prefix) - 1), b;

	if (v < (1u << prefix) - 1)
		return v;
	for (unsigned shift = 0; shift <= 28; shift += 7) {
		b = cur_u8(c);
		v += (b & 0x7f) << shift;
		if (!(b & 0x80) || c->bad)
			return v;
	}
	c->bad = true;
	return 0;
}

/* 5.2.  A string longer than HPACK_STRING_MAX comes out cut. */
static bool string(struct cur *c, char *scratch, const char **out, size_t *out_n)
{
	uint8_t first = cur_u8(c);
	uint64_t n = integer(c, first, 7);
	const uint8_t *p = n <= cur_left(c) && !c->bad ? cur_take(c, (size_t)n) : NULL;
	long len;

	if (c->bad || (!p && n)) {
		c->bad = true;
		return false;
	}
	if (!(first & 0x80)) {
		*out = (const char *)p;
		*out_n = n < HPACK_STRING_MAX ? (size_t)n : HPACK_STRING_MAX;
		return true;
	}
	len = hpack_huffman(p, (size_t)n, scratch, HPACK_STRING_MAX);
	if (len < 0)
		return false;
	*out = scratch;
	*out_n = len < HPACK_STRING_MAX ? (size_t)len : HPACK_STRING_MAX;
	return true;
}

/* 2.3.3.  Beyond what is known of the sender's table, the field is not known; that may be an error of the
 * sender's, which nobody can tell from what was missed. */
static bool indexed(struct hpack *h, uint64_t i, struct hpack_field *f)
{
	struct table *t = &h->table;
	const struct entry *e;

	if (!i)
		return false;
	if (i <= STATIC_ENTRIES) {
		*f = (struct hpack_field){.name = static_table[i].name,
		        .value = static_table[i].value,
		        .name_n = strlen(static_table[i].name),
		        .value_n = strlen(static_table[i].value),
		        .name_known = true,
		        .value_known = true};
		return true;
	}
	i -= STATIC_ENTRIES + 1;
	if (i >= t->n) {
		*f = (struct hpack_field){.name = "", .value = ""};
		return true;
	}
	e = entry_newest(t, (uint32_t)i);
	*f = (struct hpack_field){.name = t->text + e->at,
	        .value = t->text + e->at + e->name_n,
	        .name_n = e->name_n,
	        .value_n = e->value_n,
	        .name_known = e->name_known,
	        .value_known = e->value_known};
	return true;
}

/* 6.2: a name by index or as a string, a value as a string. */
static bool literal(struct hpack *h, struct cur *c, uint8_t first, unsigned prefix, struct hpack_field *f)
{
	uint64_t i = integer(c, first, prefix);

	if (c->bad)
		return false;
	if (i) {
		indexed(h, i, f);
		/* what the table holds may move before this is in it again */
		if (i > STATIC_ENTRIES && f->name_n) {
			memcpy(name_scratch, f->name, f->name_n);
			f->name = name_scratch;
		}
	} else {
		*f = (struct hpack_field){.name_known = true};
		if (!string(c, name_scratch, &f->name, &f->name_n))
			return false;
	}
	f->value_known = true;
	return string(c, value_scratch, &f->value, &f->value_n);
}

/* 6.3.  An update beyond what the peer allowed is an error; the peer's word may have been missed. */
static void resize(struct hpack *h, uint64_t size)
{
	struct table *t = &h->table;

	t->limit = size < HPACK_TABLE_MAX ? (uint32_t)size : HPACK_TABLE_MAX;
	evict_to(t, t->limit);
}

static int block(
        struct hpack *h, struct cur c, void (*each)(void *arg, const struct hpack_field *f), void *arg)
{
	while (cur_left(&c)) {
		struct hpack_field f = {.name = "", .value = ""};
		uint8_t first = cur_u8(&c);
		bool add = false;

		if (first & 0x80) {
			if (!indexed(h, integer(&c, first, 7), &f) || c.bad)
				return -1;
		} else if ((first & 0xe0) == 0x20) {
			uint64_t size = integer(&c, first, 5);

			if (c.bad)
				return -1;
			resize(h, size);
			continue;
		} else {
			add = (first & 0xc0) == 0x40;
			if (!literal(h, &c, first, add ? 6 : 4, &f))
				return -1;
			f.never_indexed = (first & 0xf0) == 0x10;
		}
		each(arg, &f);
		if (add)
			table_add(h, &f);
	}
	return 0;
}

int hpack_block(struct hpack *h, const uint8_t *p, size_t n,
        void (*each)(void *arg, const struct hpack_field *f), void *arg)
{
	if (block(h, cur_of(p, n), each, arg) == 0)
		return 0;
	hpack_lost(h);
	return -1;
}

void hpack_lost(struct hpack *h)
{
	evict_to(&h->table, 0);
	h->table.used = 0;
	/* an update may have been missed: keeping more than the sender does no harm, it refers to nothing
	 * older */
	if (h->table.limit < TABLE_UNKNOWN)
		h->table.limit = TABLE_UNKNOWN;
}

struct hpack *hpack_open(struct arena *a)
{
	struct hpack *h = arena_get(a, sizeof(*h));

	if (!h)
		return NULL;
	h->arena = a;
	h->table.limit = HPACK_TABLE_DEFAULT;
	return h;
}
