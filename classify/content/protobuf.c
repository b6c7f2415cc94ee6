/* protobuf.c - Protocol Buffers' wire format walked without a schema
 * (protobuf.dev/programming-guides/encoding).
 *
 * A field has a number and a wire type, no name: its path is the numbers on the way to it, 3.1.2, and [n]
 * marks the second and later of the same number in a row.  What has a length may be text, a message, packed
 * numbers or bytes; its beginning decides (look() below), and none of it is gathered whole.  Bytes are read
 * by their own format where they have one, else the text in them counts. */
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

#define DEPTH_MAX    48      /* messages and groups inside each other; settings may allow less */
#define LOOK         64      /* bytes of a field that decide what it is */
#define TEXT_MIN     4       /* a shorter one is passed over: a flag, a colour, two letters of a language */
#define SNIFF_MIN    512     /* text of this length may be of any format that is written in letters */
#define DOCUMENT_MIN 16      /* a shorter one holds nothing */
#define NUMBER_MIN   100000u /* whole numbers of six digits and more are text too */
#define NUMBERS_MAX  65536   /* of one message: told as fields; more are passed over, and it is said */
#define NO_END       UINT64_MAX

enum wire { WIRE_VARINT, WIRE_64, WIRE_LEN, WIRE_GROUP, WIRE_GROUP_END, WIRE_32 };

enum state {
	TAG,
	VALUE,  /* of a varint field */
	LENGTH, /* of what has one */
	SKIP,   /* to leaf_end */
	LOOKING,
	TEXT,
	PART,
};

struct level {
	uint64_t end;                 /* the offset behind its last byte, NO_END: not known */
	uint32_t number, last, again; /* its own; the newest one in it, how often in a row */
	uint16_t path_n;
	bool group;
};

struct protobuf {
	const struct prefix *in;
	uint8_t state, shift, n_held;
	bool part; /* a part is open */
	unsigned depth, depth_max, numbers;
	uint32_t number; /* of the field that is read */
	uint64_t at, leaf_end, value;
	struct text_scan scan;
	uint8_t held[LOOK];
	uint16_t path_n; /* numbers up to the field */
	char path[CONTENT_PATH_MAX];
	struct level level[DEPTH_MAX];
};

/* ---- what bytes may be ---- */

static bool varint(const uint8_t *p, size_t n, size_t *at, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; *at < n && shift < 70; shift += 7) {
		uint8_t b = p[(*at)++];

		*v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return true;
	}
	return false;
}

static bool good_tag(uint64_t tag)
{
	return tag >> 3 && tag <= UINT32_MAX && (tag & 7) <= WIRE_32;
}

/* Do these bytes, the first of a field with `len`, hang together as fields of a message? */
static bool is_message(const uint8_t *p, size_t n, uint64_t len)
{
	unsigned groups = 0;
	uint64_t at = 0;

	while (at < n) {
		size_t i = (size_t)at;
		uint64_t v;

		if (!varint(p, n, &i, &v))
			return i == n && n < len;
		if (!good_tag(v))
			return false;
		at = i;
		switch ((enum wire)(v & 7)) {
		case WIRE_VARINT:
			if (!varint(p, n, &i, &v))
				return i == n && n < len;
			at = i;
			break;
		case WIRE_64:
			at += 8;
			break;
		case WIRE_32:
			at += 4;
			break;
		case WIRE_LEN:
			if (!varint(p, n, &i, &v))
				return i == n && n < len;
			if (v > len - i || v > INT32_MAX)
				return false;
			at = i + v;
			break;
		case WIRE_GROUP:
			groups++;
			break;
		case WIRE_GROUP_END:
			if (!groups--)
				return false;
		}
		if (at > len)
			return false;
	}
	return at < len || !groups;
}

/* Text that is a message as well: its first field's tag is a line feed, and the lengths of its strings are
 * letters.  One string that fills all of `len` or two in a row are no chance; `sure`: one will do. */
static bool is_message_of_text(const uint8_t *p, size_t n, uint64_t len, bool sure)
{
	unsigned fields = 0;
	uint64_t at = 0;

	if (n < 2 || (!sure && (p[0] != '\n' || p[1] < ' ')))
		return false;
	while (at < n) {
		if ((p[at] & 7) != WIRE_LEN || p[at] >> 3 == 0)
			return false;
		fields++;
		if (at + 1 == n)
			break;
		at += 2u + p[at + 1];
	}
	return at == len || (at < len && (sure || fields > 1));
}

/* Text in wide characters. */
static bool is_wide(const uint8_t *p, size_t n)
{
	size_t mark;

	return charset_find(p, n, slice_of("", 0), &mark).kind != CHARSET_AS_IS;
}

/* A format with a mark of its own that is no text. */
static bool is_document(const uint8_t *p, size_t n)
{
	static const struct part_hint none;
	struct slice s = slice_of(p, n);

	return is_wide(p, n) || format_magic(p, n) || !format_find(s, s, &none, true)->chars;
}

/* What hangs together as a message may be something else all the same.  Formats begin with a letter or a high
 * byte, most messages with one of their first three fields; and fields that fill all of `len` to the last
 * byte are no chance, but for short text in wide characters. */
static bool is_other(const uint8_t *p, size_t n, uint64_t len)
{
	if (p[0] < ' ')
		return false;
	return n == len ? is_wide(p, n) : is_document(p, n);
}

/* ---- paths ---- */

static void path_add(struct protobuf *b, const char *s, size_t n)
{
	if (n > sizeof(b->path) - b->path_n)
		return;
	memcpy(b->path + b->path_n, s, n);
	b->path_n = (uint16_t)(b->path_n + n);
}

static size_t decimal(uint64_t v, char out[20])
{
	char t[20];
	size_t n = sizeof(t);

	do
		t[--n] = (char)('0' + v % 10);
	while (v /= 10);
	memcpy(out, t + n, sizeof(t) - n);
	return sizeof(t) - n;
}

static void path_field(struct protobuf *b)
{
	struct level *l = &b->level[b->depth - 1];
	char t[24];
	size_t n;

	b->path_n = l->path_n;
	l->again = l->last == b->number ? l->again + 1 : 0;
	l->last = b->number;
	if (b->path_n)
		path_add(b, ".", 1);
	n = decimal(b->number, t);
	path_add(b, t, n);
	if (!l->again)
		return;
	t[0] = '[';
	n = 1 + decimal(l->again, t + 1);
	t[n++] = ']';
	path_add(b, t, n);
}

static void path_full(const struct protobuf *b, struct prefix *out)
{
	if (b->path_n)
		prefix_add(out, b->in, b->path, b->path_n);
	else
		*out = *b->in;
	out->key_len = 0; /* numbers are no names */
}

static void name_field(const struct protobuf *b, struct nest *t)
{
	struct prefix name;

	path_full(b, &name);
	emit_plain(nest_emit(t), &name);
}

/* ---- leaves ---- */

static void begin_text(struct protobuf *b, struct nest *t, bool start)
{
	name_field(b, t);
	scan_begin(&b->scan, start);
	b->state = TEXT;
}

static void begin_part(struct protobuf *b, struct nest *t, const struct reader_ops *ops)
{
	struct prefix name;

	path_full(b, &name);
	b->part = part_begin_as(t, ops, &name, NULL);
	b->state = PART;
}

static void end_leaf(struct protobuf *b, struct nest *t, bool whole)
{
	if (b->part)
		part_end(t);
	else if (b->state == TEXT)
		scan_end(&b->scan, t, whole);
	b->part = false;
	b->state = TAG;
}

/* The order is lost up to the end of the message that has a length: the text in what is left of it counts. */
static void lose_order(struct protobuf *b, struct nest *t, unsigned why)
{
	while (b->depth && b->level[b->depth - 1].group)
		b->depth--;
	if (why == CONTENT_BROKEN && b->depth > 1) /* that it is a message was a guess */
		why = CONTENT_BINARY;
	nest_skip(t, why);
	b->leaf_end = b->depth ? b->level[--b->depth].end : NO_END;
	b->path_n = b->depth ? b->level[b->depth].path_n : 0;
	begin_part(b, t, &strings_ops);
}

static bool enter(struct protobuf *b, struct nest *t, uint64_t end, bool group)
{
	if (b->depth == b->depth_max) {
		nest_skip(t, CONTENT_LIMIT);
		return false;
	}
	b->level[b->depth++] =
	        (struct level){.end = end, .number = b->number, .path_n = b->path_n, .group = group};
	b->state = TAG;
	return true;
}

static void walk(struct protobuf *b, struct nest *t, const uint8_t *p, size_t n);

/* Bytes that are all held, and nothing we know: the runs of text in them. */
static void small_bytes(struct protobuf *b, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t run = text_run(p + i, n - i);

		if (run >= STRINGS_RUN_MIN) {
			begin_text(b, t, true);
			scan_text(&b->scan, t, p + i, run);
			scan_end(&b->scan, t, true);
		}
		i += run;
	}
	b->state = SKIP;
}

static void begin_bytes(struct protobuf *b, struct nest *t, const uint8_t *p, size_t n, uint64_t len)
{
	if (n == len && n < DOCUMENT_MIN) {
		small_bytes(b, t, p, n);
	} else if (is_document(p, n)) {
		begin_part(b, t, NULL);
	} else if (n == len) {
		small_bytes(b, t, p, n);
	} else {
		nest_skip(t, CONTENT_BINARY);
		begin_part(b, t, &strings_ops);
	}
}

/* Enough is held of what has a length, or all that will come: what is it? */
static void look(struct protobuf *b, struct nest *t, bool all)
{
	uint64_t len = b->depth ? b->leaf_end - (b->at - b->n_held) : NO_END;
	uint8_t held[LOOK];
	size_t n = b->n_held;
	bool text = text_run(b->held, n) == n, message;

	memcpy(held, b->held, n);
	b->n_held = 0;
	b->at -= n; /* they are read below */
	if (text)
		/* the outermost is called a message */
		message = is_message_of_text(held, n, !b->depth && all ? n : len, !b->depth);
	else
		message = is_message(held, n, len) && !is_other(held, n, len);
	if (message && enter(b, t, b->leaf_end, false))
		;
	else if (text && (!b->depth || len >= SNIFF_MIN))
		begin_part(b, t, NULL);
	else if (text)
		begin_text(b, t, true);
	else
		begin_bytes(b, t, held, n, len);
	walk(b, t, held, n);
}

/* No more comes of what is held. */
static void settle(struct protobuf *b, struct nest *t)
{
	while (b->state == LOOKING && b->n_held)
		look(b, t, true);
}

static void number(struct protobuf *b, struct nest *t, uint64_t v)
{
	char s[20];

	if (v < NUMBER_MIN || v > INT64_MAX) /* negative ones have all bits set above */
		return;
	if (b->numbers++ == NUMBERS_MAX)
		nest_skip(t, CONTENT_LIMIT);
	if (b->numbers > NUMBERS_MAX)
		return;
	name_field(b, t);
	emit_text(nest_emit(t), (const uint8_t *)s, decimal(v, s));
	emit_end(nest_emit(t), true);
}

/* ---- the machine ---- */

static uint64_t level_end(const struct protobuf *b)
{
	return b->depth ? b->level[b->depth - 1].end : NO_END;
}

static void begin_length(struct protobuf *b, struct nest *t, uint64_t n)
{
	if (n > INT32_MAX || n > level_end(b) - b->at) {
		lose_order(b, t, CONTENT_BROKEN);
		return;
	}
	b->leaf_end = b->at + n;
	b->n_held = 0;
	b->state = n < TEXT_MIN ? SKIP : LOOKING;
}

static void begin_fixed(struct protobuf *b, struct nest *t, unsigned n)
{
	if (n > level_end(b) - b->at) {
		lose_order(b, t, CONTENT_BROKEN);
		return;
	}
	b->leaf_end = b->at + n;
	b->state = SKIP;
}

static void end_group(struct protobuf *b, struct nest *t)
{
	struct level *l = &b->level[b->depth - 1];

	if (!l->group || l->number != b->number)
		lose_order(b, t, CONTENT_BROKEN);
	else
		b->depth--;
}

static void tag(struct protobuf *b, struct nest *t, uint64_t v)
{
	if (!good_tag(v)) {
		lose_order(b, t, CONTENT_BROKEN);
		return;
	}
	b->number = (uint32_t)(v >> 3);
	if ((v & 7) != WIRE_GROUP_END)
		path_field(b);
	switch ((enum wire)(v & 7)) {
	case WIRE_VARINT:
		b->state = VALUE;
		break;
	case WIRE_LEN:
		b->state = LENGTH;
		break;
	case WIRE_64:
		begin_fixed(b, t, 8);
		break;
	case WIRE_32:
		begin_fixed(b, t, 4);
		break;
	case WIRE_GROUP:
		if (!enter(b, t, level_end(b), true))
			lose_order(b, t, CONTENT_LIMIT);
		break;
	case WIRE_GROUP_END:
		end_group(b, t);
	}
}

/* A byte of a tag, a number or a length. */
static void varint_byte(struct protobuf *b, struct nest *t, uint8_t c)
{
	uint64_t v = b->value | (uint64_t)(c & 0x7f) << b->shift;

	b->at++;
	b->value = v;
	b->shift = (uint8_t)(b->shift + 7);
	if (c >= 0x80) {
		if (b->shift == 70 || b->at == level_end(b)) {
			b->value = b->shift = 0;
			lose_order(b, t, CONTENT_BROKEN);
		}
		return;
	}
	b->value = b->shift = 0;
	if (b->state == TAG) {
		tag(b, t, v);
	} else if (b->state == LENGTH) {
		begin_length(b, t, v);
	} else {
		b->state = TAG;
		number(b, t, v);
	}
}

/* Bytes of what has a length; returns those taken. */
static size_t leaf_bytes(struct protobuf *b, struct nest *t, const uint8_t *p, size_t n)
{
	size_t some = n < b->leaf_end - b->at ? n : (size_t)(b->leaf_end - b->at);

	if (b->state == LOOKING && some > (size_t)LOOK - b->n_held)
		some = (size_t)LOOK - b->n_held;
	b->at += some;
	if (b->state == LOOKING) {
		memcpy(b->held + b->n_held, p, some);
		b->n_held = (uint8_t)(b->n_held + some);
		if (b->n_held == LOOK || b->at == b->leaf_end)
			look(b, t, false);
	} else if (b->state == TEXT) {
		scan_text(&b->scan, t, p, some);
	} else if (b->part) {
		part_feed(t, p, some);
	}
	return some;
}

/* Ends what ends at this byte; true when something did. */
static bool close_one(struct protobuf *b, struct nest *t)
{
	if (b->state >= SKIP) {
		if (b->at != b->leaf_end || b->state == LOOKING)
			return false;
		end_leaf(b, t, true);
		return true;
	}
	if (!b->depth || b->at != level_end(b) || b->state != TAG || b->shift)
		return false;
	if (b->level[b->depth - 1].group)
		lose_order(b, t, CONTENT_BROKEN);
	else
		b->depth--;
	return true;
}

static void walk(struct protobuf *b, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n && !nest_over(t);) {
		if (b->state >= SKIP)
			i += leaf_bytes(b, t, p + i, n - i);
		else
			varint_byte(b, t, p[i++]);
		while (close_one(b, t))
			;
	}
}

/* ---- the reader ---- */

static bool is_type(struct slice type, const char *name)
{
	size_t n = strlen(name);

	return slice_starts_nocase(type, name) && (type.n == n || strchr("; \t", type.p[n]));
}

static int protobuf_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	static const char *const types[] = {"application/x-protobuf", "application/protobuf",
	        "application/proto", "application/vnd.google.protobuf", "application/x-google-protobuf",
	        "application/x-protobuffer"};

	(void)p;
	(void)n;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_type(hint->type, types[i]))
			return 1;
	return 0;
}

static bool protobuf_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct protobuf *b = state;
	unsigned depth = nest_limits(t)->depth;

	(void)hint;
	b->in = in;
	b->depth_max = depth < DEPTH_MAX ? depth : DEPTH_MAX;
	b->state = LOOKING;
	b->leaf_end = NO_END;
	return true;
}

static void protobuf_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	walk(state, t, p, n);
}

/* Ends what the missing bytes end, as the lengths around it say; where they end inside a message, its order
 * is lost, and that of the one around it is not. */
static void pass_over(struct protobuf *b, struct nest *t, uint64_t to)
{
	bool sure = to == b->leaf_end && b->state >= SKIP;

	if (b->state >= SKIP) {
		if (b->part)
			part_gap(t, b->leaf_end - b->at);
		end_leaf(b, t, false);
	}
	b->value = b->shift = 0;
	b->state = TAG;
	b->at = to;
	while (b->depth && (b->level[b->depth - 1].group || level_end(b) <= to)) {
		sure = sure || (level_end(b) == to && !b->level[b->depth - 1].group);
		b->depth--;
	}
	/* a group's end may be among the missing bytes */
	if (!sure || (b->depth && b->level[b->depth - 1].group))
		lose_order(b, t, CONTENT_GAP);
}

static void protobuf_gap(void *state, struct nest *t, uint64_t n)
{
	struct protobuf *b = state;

	nest_skip(t, CONTENT_GAP);
	settle(b, t);
	if (!n || n >= NO_END - b->at) {
		/* unknown how many: nothing is known of the rest */
		end_leaf(b, t, false);
		b->depth = 0;
		lose_order(b, t, CONTENT_GAP);
	} else if (b->state >= SKIP && n <= b->leaf_end - b->at) {
		b->at += n;
		if (b->state == LOOKING) { /* its beginning is missing */
			begin_part(b, t, &strings_ops);
		} else if (b->part) {
			part_gap(t, n);
		} else if (b->state == TEXT) {
			scan_end(&b->scan, t, false);
			begin_text(b, t, false);
		}
		while (close_one(b, t))
			;
	} else {
		pass_over(b, t, b->at + n);
	}
}

static void protobuf_end(void *state, struct nest *t)
{
	struct protobuf *b = state;
	bool cut;

	settle(b, t);
	cut = b->state == TAG ? b->shift || b->depth > 1
	                      : b->state == VALUE || b->state == LENGTH || b->depth;
	if (cut && !nest_over(t))
		nest_skip(t, CONTENT_BROKEN);
	end_leaf(b, t, !cut);
}

const struct reader_ops protobuf_ops = {"protobuf", sizeof(struct protobuf), false, protobuf_probe,
        protobuf_open, protobuf_feed, protobuf_gap, protobuf_end};
