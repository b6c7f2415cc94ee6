/* hpack.c - see hpack.h.  RFC 7541; sections are named where they apply. */
#include "classify/http/hpack.h"

#include "base/cursor.h"

#include <string.h>

#define ENTRY_OVERHEAD 32 /* 4.1: what an entry counts beyond its strings */
#define STATIC_ENTRIES 61
#define ROOM_FIRST     1024  /* of the table's memory; grows fourfold */
#define TEXT_MAX       69000 /* of the strings: what one block of memory holds */
#define TABLE_UNKNOWN  16384 /* limit when the sender's may have changed unseen */

struct entry {
	uint32_t at; /* of its name in text[], the value behind it */
	uint32_t name_n, value_n;
	bool name_known, value_known;
};

/* Strings stand one after the other; when the end is reached, those still in use move to the front.  There
 * is room beyond what they may take, so that a move is paid for by many new bytes. */
struct table {
	char *text;
	struct entry *entry; /* a ring; the newest is entry[(first + n - 1) % max] */
	uint32_t text_cap, used, max, first, n;
	uint32_t size, limit; /* by 4.1 and 4.3 */
	uint32_t room;        /* the largest size that the memory holds */
};

struct hpack {
	struct arena *arena;
	struct table table;
	bool larger;            /* the sender's table is, than ours may be */
	uint64_t bytes, copied; /* of blocks; from the table into it */
};

/* Strings that do not stand in clear in the block, while one field is handed out. */
static _Thread_local char name_scratch[HPACK_STRING_MAX], value_scratch[HPACK_STRING_MAX];

#define E(name, value)                                                                                       \
	{                                                                                                    \
		name, value, sizeof(name) - 1, sizeof(value) - 1                                             \
	}
static const struct {
	const char *name, *value;
	uint8_t name_n, value_n;
} static_table[STATIC_ENTRIES + 1] = {/* Appendix A */
        E("", ""), E(":authority", ""), E(":method", "GET"), E(":method", "POST"), E(":path", "/"),
        E(":path", "/index.html"), E(":scheme", "http"), E(":scheme", "https"), E(":status", "200"),
        E(":status", "204"), E(":status", "206"), E(":status", "304"), E(":status", "400"),
        E(":status", "404"), E(":status", "500"), E("accept-charset", ""),
        E("accept-encoding", "gzip, deflate"), E("accept-language", ""), E("accept-ranges", ""),
        E("accept", ""), E("access-control-allow-origin", ""), E("age", ""), E("allow", ""),
        E("authorization", ""), E("cache-control", ""), E("content-disposition", ""),
        E("content-encoding", ""), E("content-language", ""), E("content-length", ""),
        E("content-location", ""), E("content-range", ""), E("content-type", ""), E("cookie", ""),
        E("date", ""), E("etag", ""), E("expect", ""), E("expires", ""), E("from", ""), E("host", ""),
        E("if-match", ""), E("if-modified-since", ""), E("if-none-match", ""), E("if-range", ""),
        E("if-unmodified-since", ""), E("last-modified", ""), E("link", ""), E("location", ""),
        E("max-forwards", ""), E("proxy-authenticate", ""), E("proxy-authorization", ""), E("range", ""),
        E("referer", ""), E("refresh", ""), E("retry-after", ""), E("server", ""), E("set-cookie", ""),
        E("strict-transport-security", ""), E("transfer-encoding", ""), E("user-agent", ""), E("vary", ""),
        E("via", ""), E("www-authenticate", "")};
#undef E

/* ---- the table ---- */

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
	if (!t->n)
		t->used = 0;
}

/* Where the strings in use begin; all before are of entries that are gone. */
static uint32_t oldest_text(const struct table *t)
{
	return t->n ? t->entry[t->first].at : t->used;
}

/* Moves the strings in use to the front of the text. */
static void compact(struct table *t)
{
	uint32_t from = oldest_text(t);

	memmove(t->text, t->text + from, t->used - from);
	t->used -= from;
	for (uint32_t i = 0; i < t->n; i++)
		t->entry[(t->first + i) % t->max].at -= from;
}

/* Four times the memory, up to the sender's limit.  false: there is none. */
static bool table_grow(struct hpack *h)
{
	struct table *t = &h->table, old = *t;
	uint32_t room = old.room ? old.room * 4 : ROOM_FIRST, from = oldest_text(t);

	room = room < HPACK_TABLE_MAX ? room : HPACK_TABLE_MAX;
	t->room = room;
	t->text_cap = room + room / 2 < TEXT_MAX ? room + room / 2 : TEXT_MAX;
	t->max = room / ENTRY_OVERHEAD;
	t->text = arena_get(h->arena, t->text_cap);
	t->entry = t->text ? arena_get(h->arena, t->max * sizeof(*t->entry)) : NULL;
	if (!t->entry) {
		*t = old;
		return false;
	}
	t->first = 0;
	t->used = old.used - from;
	if (t->used)
		memcpy(t->text, old.text + from, t->used);
	for (uint32_t i = 0; i < old.n; i++) {
		t->entry[i] = old.entry[(old.first + i) % old.max];
		t->entry[i].at -= from;
	}
	return true;
}

/* 4.4: an entry larger than the table empties it and is no error.  Whether it is, is not known for sure: one
 * that we cannot hold stands there without its text, so that what comes after is counted right; that it
 * emptied the sender's table shows by nobody referring to what is older. */
static void table_add(struct hpack *h, const struct hpack_field *f)
{
	struct table *t = &h->table;
	struct entry e = {.name_n = (uint32_t)f->name_n,
	        .value_n = (uint32_t)f->value_n,
	        .name_known = f->name_known,
	        .value_known = f->value_known};
	const char *name = f->name;
	uint32_t size = entry_size(&e), most;

	while (t->size + size > t->room && t->room < t->limit && table_grow(h))
		;
	most = t->limit < t->room ? t->limit : t->room;
	if (most < ENTRY_OVERHEAD)
		return;
	if (size > most || f->cut) {
		e = (struct entry){0};
		size = ENTRY_OVERHEAD;
	}
	evict_to(t, most - size);
	if (t->text_cap - t->used < e.name_n + e.value_n) {
		if (e.name_n && name >= t->text && name < t->text + t->text_cap) {
			memcpy(name_scratch, name, e.name_n);
			name = name_scratch;
		}
		compact(t);
	}
	e.at = t->used;
	if (e.name_n) /* it may be a name of the table itself */
		memmove(t->text + t->used, name, e.name_n);
	if (e.value_n)
		memcpy(t->text + t->used + e.name_n, f->value, e.value_n);
	t->used += e.name_n + e.value_n;
	t->size += size;
	t->n++;
	*entry_newest(t, 0) = e;
}

/* ---- blocks ---- */

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
static bool string(struct cur *c, char *scratch, const char **out, size_t *out_n, bool *cut)
{
	uint8_t first = cur_u8(c);
	uint64_t n = integer(c, first, 7);
	const uint8_t *p = n <= cur_left(c) && !c->bad ? cur_take(c, (size_t)n) : NULL;
	long len = (long)n;

	if (c->bad || (!p && n)) {
		c->bad = true;
		return false;
	}
	*out = (const char *)p;
	if (first & 0x80) {
		len = hpack_huffman(p, (size_t)n, scratch, HPACK_STRING_MAX);
		*out = scratch;
	}
	if (len < 0)
		return false;
	*cut |= len > HPACK_STRING_MAX;
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
		        .name_n = static_table[i].name_n,
		        .value_n = static_table[i].value_n,
		        .name_known = true,
		        .value_known = true};
		return true;
	}
	*f = (struct hpack_field){.name = "", .value = "", .indexed = true};
	i -= STATIC_ENTRIES + 1;
	if (i >= t->n) {
		f->beyond = h->larger;
		return true;
	}
	e = entry_newest(t, (uint32_t)i);
	f->name = t->text + e->at;
	f->value = f->name + e->name_n;
	f->name_n = e->name_n;
	f->value_n = e->value_n;
	f->name_known = e->name_known;
	f->value_known = e->value_known;
	return true;
}

/* 6.2: a name by index or as a string, a value as a string.  A name of the table costs two bytes whatever its
 * length: where that is used to make us copy, it is forgotten. */
static bool literal(struct hpack *h, struct cur *c, uint8_t first, unsigned prefix, struct hpack_field *f)
{
	uint64_t i = integer(c, first, prefix);

	if (c->bad)
		return false;
	if (i) {
		indexed(h, i, f);
		h->copied += f->indexed ? f->name_n : 0;
		if (h->copied > HPACK_COPY_FREE && h->copied / HPACK_COPY_RATIO > h->bytes) {
			f->name_n = 0;
			f->name_known = false;
		}
		f->indexed = false;
	} else {
		*f = (struct hpack_field){.name_known = true};
		if (!string(c, name_scratch, &f->name, &f->name_n, &f->cut))
			return false;
	}
	f->value_known = true;
	return string(c, value_scratch, &f->value, &f->value_n, &f->cut);
}

/* 6.3.  An update beyond what the peer allowed is an error; the peer's word may have been missed. */
static void resize(struct hpack *h, uint64_t size)
{
	struct table *t = &h->table;

	h->larger = size > HPACK_TABLE_MAX;
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
	h->bytes += n;
	if (block(h, cur_of(p, n), each, arg) == 0)
		return 0;
	hpack_lost(h);
	return -1;
}

void hpack_lost(struct hpack *h)
{
	evict_to(&h->table, 0);
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
