/* eventstream.c - application/vnd.amazon.eventstream, which Bedrock and Transcribe speak in both directions
 * (smithy.io/2.0/aws/amazon-eventstream.html):
 *
 *   length of all 4 | length of headers 4 | CRC-32 of these 4 | headers | payload | CRC-32 of all 4
 *   header: length of name 1 | name | type 1 | value, with a length of 2 before strings and bytes
 *
 * The first checksum says where a message begins, so that no label is needed and order is found again by it.
 * The payload is a part, event[N]; a signed request has such messages as payloads of others. */
#include "classify/content/reader.h"

#include <zlib.h>

#define PRELUDE   12
#define REST      16          /* what is neither headers nor payload */
#define TOTAL_MAX (24u << 20) /* of a message: 16 MiB of payload, and room */
#define VALUE_MAX 128         /* kept of a content type */

enum state { HEAD, NAME_LEN, NAME, TYPE, VALUE_LEN, VALUE, NO_HEADER, PAYLOAD, TAIL, LOST, FALSE_LABEL };

struct eventstream {
	const struct prefix *in;
	uint8_t state, type, n_name;
	bool part;     /* one is open: payload, or what is read without order */
	uint32_t left; /* bytes yet to come of what the state is about */
	uint32_t headers, payload, index;
	size_t n_head, n_type;
	uint8_t head[PRELUDE]; /* in LOST: the newest bytes */
	char name[UINT8_MAX];
	char content_type[VALUE_MAX];
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_prelude(const uint8_t *p)
{
	uint32_t all = be32(p), headers = be32(p + 4);

	return all >= REST && all <= TOTAL_MAX && headers <= all - REST && be32(p + 8) == crc32(0, p, 8);
}

static int eventstream_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	if (n >= PRELUDE)
		return is_prelude(p);
	return slice_starts_nocase(hint->type, "application/vnd.amazon.eventstream");
}

static bool eventstream_open(
        void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct eventstream *s = state;

	(void)t;
	(void)hint;
	s->in = in;
	return true;
}

static void end_part(struct eventstream *s, struct nest *t)
{
	if (s->part)
		part_end(t);
	s->part = false;
}

static void begin_part(struct eventstream *s, struct nest *t, const struct reader_ops *ops)
{
	s->part = part_begin_as(t, ops, s->in, NULL);
}

/* The next message is looked for by its checksum; until then the text in the bytes counts. */
static void lose(struct eventstream *s, struct nest *t, unsigned why)
{
	nest_skip(t, why);
	end_part(s, t);
	emit_end(nest_emit(t), false);
	s->n_head = 0;
	s->state = LOST;
	begin_part(s, t, &strings_ops);
}

static void event_name(const struct eventstream *s, struct prefix *out)
{
	prefix_add_index(out, s->in, "event", s->index);
}

/* ---- headers ---- */

static bool is_named(const struct eventstream *s, const char *name)
{
	return slice_is(slice_of(s->name, s->n_name), name);
}

static void begin_payload(struct eventstream *s, struct nest *t)
{
	struct part_hint hint = {.type = slice_of(s->content_type, s->n_type)};
	struct prefix name;

	event_name(s, &name);
	s->state = s->payload ? PAYLOAD : TAIL;
	s->left = s->payload ? s->payload : 4;
	if (s->payload)
		s->part = part_begin(t, &name, &hint);
}

static void begin_message(struct eventstream *s, struct nest *t)
{
	s->headers = be32(s->head + 4);
	s->payload = be32(s->head) - REST - s->headers;
	s->n_head = s->n_type = 0;
	s->state = NAME_LEN;
	if (!s->headers)
		begin_payload(s, t);
}

/* Those of AWS begin with ':' and say nothing of the user's. */
static void begin_value(struct eventstream *s, struct nest *t, uint32_t n)
{
	struct prefix event, name;

	s->left = n;
	s->state = n ? VALUE : NAME_LEN;
	if (!n || s->type != 7 || s->name[0] == ':')
		return;
	event_name(s, &event);
	prefix_add(&name, &event, s->name, s->n_name);
	emit_plain(nest_emit(t), &name);
}

static void value_type(struct eventstream *s, struct nest *t, uint8_t type)
{
	/* true, false, byte, short, integer, long, bytes, string, timestamp, uuid */
	static const uint8_t sizes[] = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};

	s->type = type;
	if (type >= sizeof(sizes)) {
		nest_skip(t, CONTENT_BROKEN);
		s->state = NO_HEADER;
	} else if (type == 6 || type == 7) {
		s->state = VALUE_LEN;
		s->left = 0;
		s->n_head = 0;
	} else {
		begin_value(s, t, sizes[type]);
	}
}

static void value_bytes(struct eventstream *s, struct nest *t, const uint8_t *p, size_t n)
{
	size_t room = sizeof(s->content_type) - s->n_type;

	if (s->type != 7)
		return;
	if (is_named(s, ":content-type")) {
		memcpy(s->content_type + s->n_type, p, n < room ? n : room);
		s->n_type += n < room ? n : room;
	} else if (s->name[0] != ':') {
		emit_text(nest_emit(t), p, n);
	}
}

/* Some bytes of the headers; returns those taken. */
static size_t header_bytes(struct eventstream *s, struct nest *t, const uint8_t *p, size_t n)
{
	size_t some = 1;

	switch (s->state) {
	case NAME_LEN:
		s->left = *p;
		s->n_name = 0;
		s->state = *p ? NAME : TYPE;
		break;
	case NAME:
		s->name[s->n_name++] = (char)*p;
		if (!--s->left)
			s->state = TYPE;
		break;
	case TYPE:
		value_type(s, t, *p);
		break;
	case VALUE_LEN:
		s->left = s->left << 8 | *p;
		if (++s->n_head == 2)
			begin_value(s, t, s->left);
		break;
	case VALUE:
		some = n < s->left ? n : s->left;
		value_bytes(s, t, p, some);
		s->left -= (uint32_t)some;
		if (!s->left) {
			emit_end(nest_emit(t), true);
			s->state = NAME_LEN;
		}
		break;
	default:
		some = n;
	}
	return some;
}

static size_t headers(struct eventstream *s, struct nest *t, const uint8_t *p, size_t n)
{
	size_t some = header_bytes(s, t, p, n < s->headers ? n : s->headers);

	s->headers -= (uint32_t)some;
	if (!s->headers) {
		if (s->state != NAME_LEN)
			nest_skip(t, CONTENT_BROKEN);
		emit_end(nest_emit(t), s->state == NAME_LEN);
		begin_payload(s, t);
	}
	return some;
}

/* ---- messages ---- */

static size_t prelude(struct eventstream *s, struct nest *t, uint8_t c)
{
	s->head[s->n_head++] = c;
	if (s->n_head < PRELUDE)
		return 1;
	if (is_prelude(s->head)) {
		begin_message(s, t);
		return 1;
	}
	if (s->index) {
		lose(s, t, CONTENT_BROKEN);
	} else {
		/* the first bytes decide, not the label */
		s->state = FALSE_LABEL;
		begin_part(s, t, NULL);
	}
	if (s->part)
		part_feed(t, s->head, PRELUDE);
	return 1;
}

static size_t search(struct eventstream *s, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (s->n_head == PRELUDE)
			memmove(s->head, s->head + 1, --s->n_head);
		s->head[s->n_head++] = p[i];
		if (s->n_head < PRELUDE || s->head[0] > TOTAL_MAX >> 24 || !is_prelude(s->head))
			continue;
		if (s->part)
			part_feed(t, p, i + 1);
		end_part(s, t);
		begin_message(s, t);
		return i + 1;
	}
	if (s->part)
		part_feed(t, p, n);
	return n;
}

static size_t payload(struct eventstream *s, struct nest *t, const uint8_t *p, size_t n)
{
	size_t some = n < s->left ? n : s->left;

	s->left -= (uint32_t)some;
	if (s->part)
		part_feed(t, p, some);
	if (s->left)
		return some;
	if (s->state == PAYLOAD) {
		end_part(s, t);
		s->state = TAIL;
		s->left = 4;
	} else {
		s->state = HEAD;
		s->n_head = 0;
		s->index++;
	}
	return some;
}

static void eventstream_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct eventstream *s = state;

	for (size_t i = 0; i < n && !nest_over(t);) {
		if (s->state == HEAD)
			i += prelude(s, t, p[i]);
		else if (s->state == LOST)
			i += search(s, t, p + i, n - i);
		else if (s->state == PAYLOAD || s->state == TAIL)
			i += payload(s, t, p + i, n - i);
		else if (s->state != FALSE_LABEL)
			i += headers(s, t, p + i, n - i);
		else if (s->part)
			part_feed(t, p + i, n - i), i = n;
		else
			break;
	}
}

static void eventstream_gap(void *state, struct nest *t, uint64_t n)
{
	struct eventstream *s = state;

	nest_skip(t, CONTENT_GAP);
	if (s->state == PAYLOAD && n && n < s->left) {
		s->left -= (uint32_t)n;
		if (s->part)
			part_gap(t, n);
	} else if (s->state == FALSE_LABEL) {
		if (s->part)
			part_gap(t, n);
	} else {
		if (s->part)
			part_gap(t, 0);
		s->index += s->state != HEAD && s->state != LOST;
		lose(s, t, CONTENT_GAP);
	}
}

static void eventstream_end(void *state, struct nest *t)
{
	struct eventstream *s = state;

	if (s->state != HEAD && s->state != LOST && s->state != FALSE_LABEL && !nest_over(t))
		nest_skip(t, CONTENT_BROKEN);
	if (s->state == HEAD && s->n_head) {
		nest_skip(t, s->index ? CONTENT_BROKEN : 0);
		begin_part(s, t, s->index ? &strings_ops : NULL);
		if (s->part)
			part_feed(t, s->head, s->n_head);
	}
	emit_end(nest_emit(t), s->state == HEAD || s->state == LOST);
	end_part(s, t);
}

const struct reader_ops eventstream_ops = {"eventstream", sizeof(struct eventstream), false,
        eventstream_probe, eventstream_open, eventstream_feed, eventstream_gap, eventstream_end};
