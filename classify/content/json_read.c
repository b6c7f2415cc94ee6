/* json_read.c - a push tokenizer for JSON (RFC 8259) that hands out strings, with their escapes undone, as
 * they arrive.  It never holds a token: memory is one path.
 *
 * Several values one behind the other are read (NDJSON, RFC 7464 with its RS).  What breaks the grammar ends
 * the structure, not the reading: the rest is handed out as text with JSON's escapes undone, so that nothing
 * can be hidden behind a stray comma.  The same after a gap, where nobody knows whether a quote opens or
 * closes. */
#include "classify/content/packet.h"
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

#include <stddef.h>

enum state {
	TOP,         /* between top-level values */
	LEAD,        /* there, in what may be a packet's type */
	VALUE,       /* a value must follow */
	FIRST_VALUE, /* or the array ends */
	KEY,         /* a name or the object's end (a comma before the end is let pass) */
	COLON,
	AFTER, /* a comma or an end */
	STRING,
	ESCAPE,
	HEX,
	NUMBER,
	WORD, /* true, false, null */
	RAW,  /* no structure any more */
};

struct level {
	uint16_t base;            /* length of the path at this level */
	uint16_t key_at, key_len; /* last name in the path: an array has that of its owner */
	uint32_t index;
	bool array;
};

struct json_reader {
	uint8_t state;
	bool in_key;
	uint8_t esc, hex_n, word_at;
	const char *word;
	uint32_t hex, high; /* high: first half of a surrogate pair, 0 none */
	unsigned depth, depth_max, key_n, num_n, num_digits;
	bool num_open, num_dot, num_exp;
	uint8_t num_last;
	uint8_t lead_n, lead[PACKET_MAX];
	char num[24];            /* a short number, until it is known to be well placed */
	char key[JSON_KEY_LONG]; /* beginning of the name being read */
	struct nest *t;
	const struct prefix *in;
	struct text_scan scan; /* of a string, or what is left when there is no structure */
	size_t path_len;
	char path[JSON_PATH_ROOM];
	struct level level[JSON_DEPTH_MAX];
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Does text that begins like this look like JSON? */
static int json_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	size_t i = 1;
	size_t empty = packets_empty(p, n);
	int lead;

	(void)hint;
	if (n == empty)
		return 0;
	p += empty;
	n -= empty;
	lead = packet_type(p, n);
	if (lead > 0) {
		p += lead;
		n -= (size_t)lead;
		if (*p == '"' && p[-1] != ':')
			return 0;
	}
	while (i < n && is_space(p[i]))
		i++;
	if (p[0] == '"') /* one in 256 of encrypted texts begins so too */
		return n > 1 && format_printable(p, n);
	if (i == n)
		return p[0] == '{' || p[0] == '[';
	if (p[0] == '{')
		return p[i] == '"' || p[i] == '}';
	return p[0] == '[' && strchr("{[\"0123456789-tfn]", p[i]) && p[i];
}

static bool json_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct json_reader *j = state;
	unsigned depth = nest_limits(t)->depth;

	(void)hint;
	j->t = t;
	j->in = in;
	j->depth_max = depth < JSON_DEPTH_MAX ? depth : JSON_DEPTH_MAX;
	return true;
}

/* ---- paths ---- */

static void path_add(struct json_reader *j, const char *p, size_t n)
{
	if (n > sizeof(j->path) - j->path_len)
		return;
	memcpy(j->path + j->path_len, p, n);
	j->path_len += n;
}

/* Brings the path to the value that begins now; only arrays have to. */
static void path_value(struct json_reader *j)
{
	struct level *l = &j->level[j->depth ? j->depth - 1 : 0];
	char t[16];
	size_t n = sizeof(t);
	uint32_t v;

	if (!j->depth || !l->array)
		return;
	v = l->index;
	t[--n] = ']';
	do
		t[--n] = (char)('0' + v % 10);
	while (v /= 10);
	t[--n] = '[';
	j->path_len = l->base;
	path_add(j, t + n, sizeof(t) - n);
}

#define FULL_PATH_ROOM (CONTENT_PATH_MAX + JSON_PATH_ROOM + 4)

/* The current path behind the prefix; *at: where it begins. */
static size_t full_path(const struct json_reader *j, char path[FULL_PATH_ROOM], size_t *at)
{
	size_t n = j->in->n;

	memcpy(path, j->in->text, n);
	if (n && j->path_len && j->path[0] != '[')
		path[n++] = '.';
	*at = n;
	memcpy(path + n, j->path, j->path_len);
	return n + j->path_len;
}

/* The field at the current path, `tail` behind it. */
static void name_field(struct json_reader *j, struct emit *e, const char *tail)
{
	const struct level *l = j->depth ? &j->level[j->depth - 1] : NULL;
	char path[FULL_PATH_ROOM];
	size_t at, n, tail_n = strlen(tail);

	if (!j->in->n && !j->path_len && !tail_n) {
		emit_plain(e, j->in);
		return;
	}
	n = full_path(j, path, &at);
	memcpy(path + n, tail, tail_n);
	if (tail_n)
		emit_field(e, path, n + tail_n, n + tail_n, 0);
	else if (l && l->key_len)
		emit_field(e, path, n, at + l->key_at, l->key_len);
	else
		emit_field(e, path, n, j->in->key_at, j->in->key_len);
}

/* ---- structure ---- */

static void raw_begin(struct json_reader *j, struct emit *e, unsigned why)
{
	e->skip |= why;
	if (e->named)
		emit_end(e, !(why & CONTENT_GAP));
	emit_plain(e, j->in);
	scan_begin(&j->scan, false);
	j->state = RAW;
	j->in_key = false;
	j->esc = 0;
	j->high = 0;
}

static bool enter(struct json_reader *j, struct emit *e, bool array)
{
	struct level *l, *up = j->depth ? &j->level[j->depth - 1] : NULL;

	if (j->depth >= j->depth_max) {
		raw_begin(j, e, CONTENT_LIMIT);
		return false;
	}
	path_value(j);
	l = &j->level[j->depth++];
	*l = (struct level){.base = (uint16_t)j->path_len, .array = array};
	if (array && up) {
		l->key_at = up->key_at;
		l->key_len = up->key_len;
	}
	j->state = array ? FIRST_VALUE : KEY;
	return true;
}

static void leave(struct json_reader *j)
{
	j->path_len = j->level[--j->depth].base;
	j->state = j->depth ? AFTER : TOP;
}

static void begin_string(struct json_reader *j, struct emit *e, bool key)
{
	struct level *l = j->depth ? &j->level[j->depth - 1] : NULL;

	j->state = STRING;
	j->in_key = key;
	j->high = 0;
	if (!key || !l) { /* keys stand in objects only, so there is a level */
		path_value(j);
		name_field(j, e, "");
		scan_begin(&j->scan, true);
		return;
	}
	j->key_n = 0;
	j->path_len = l->base;
	if (j->path_len)
		path_add(j, ".", 1);
	l->key_at = (uint16_t)j->path_len;
	l->key_len = 0;
}

/* Bytes of a name go into the path, and out as text when there are many. */
static void key_text(struct json_reader *j, struct emit *e, const uint8_t *p, size_t n)
{
	struct level *l = &j->level[j->depth - 1];
	size_t shown = j->key_n < JSON_KEY_SHOWN ? JSON_KEY_SHOWN - j->key_n : 0,
	       room = sizeof(j->path) - j->path_len;
	size_t was = j->key_n;

	shown = n < shown ? n : shown;
	path_add(j, (const char *)p, shown < room ? shown : room);
	l->key_len = (uint16_t)(j->path_len - l->key_at);
	j->key_n += (unsigned)(n < JSON_KEY_SHOWN ? n : JSON_KEY_SHOWN);
	if (was >= JSON_KEY_LONG) {
		emit_text(e, p, n);
	} else if (was + n < JSON_KEY_LONG) {
		memcpy(j->key + was, p, n);
	} else {
		j->path_len = l->base;
		name_field(j, e, "{}");
		j->path_len = (size_t)l->key_at + l->key_len;
		emit_text(e, (const uint8_t *)j->key, was);
		emit_text(e, p, n);
	}
}

static void string_text(struct json_reader *j, struct emit *e, const uint8_t *p, size_t n)
{
	if (j->in_key)
		key_text(j, e, p, n);
	else if (e->muted)
		emit_text(e, p, n);
	else
		scan_text(&j->scan, j->t, p, n);
}

/* The grammar ends here; a short number before it goes along ("4111 1111 1111 1111" in brackets). */
static void broken(struct json_reader *j, struct emit *e)
{
	raw_begin(j, e, CONTENT_BROKEN);
	string_text(j, e, (const uint8_t *)j->num, j->num_n);
}

static void end_string(struct json_reader *j, struct emit *e)
{
	if (e->muted)
		;
	else if (!j->in_key)
		scan_end(&j->scan, j->t, true);
	else if (e->named)
		emit_end(e, true);
	j->state = j->in_key ? COLON : j->depth ? AFTER : TOP;
}

/* ---- escapes ---- */

static void put_code(struct json_reader *j, struct emit *e, uint32_t cp)
{
	uint8_t b[4];

	string_text(j, e, b, utf8_put(cp, b));
}

/* A first half without its second. */
static void drop_high(struct json_reader *j, struct emit *e)
{
	if (j->high)
		put_code(j, e, 0xfffd);
	j->high = 0;
}

static void four_digits(struct json_reader *j, struct emit *e)
{
	uint32_t v = j->hex;

	if (j->high && v >= 0xdc00 && v <= 0xdfff) {
		put_code(j, e, 0x10000 + ((j->high - 0xd800) << 10) + (v - 0xdc00));
		j->high = 0;
		return;
	}
	drop_high(j, e);
	if (v >= 0xd800 && v <= 0xdbff)
		j->high = v;
	else
		put_code(j, e, v); /* a lone second half becomes U+FFFD */
}

static const uint8_t escapes[256] = {['"'] = '"',
        ['\\'] = '\\',
        ['/'] = '/',
        ['b'] = '\b',
        ['f'] = '\f',
        ['n'] = '\n',
        ['r'] = '\r',
        ['t'] = '\t'};

/* What stands behind a backslash; an escape that JSON does not know is text as it stands. */
static void escape(struct json_reader *j, struct emit *e, uint8_t c)
{
	uint8_t means = escapes[c];

	if (c == 'u') {
		j->esc = HEX;
		j->hex = 0;
		j->hex_n = 0;
		return;
	}
	drop_high(j, e);
	j->esc = 0;
	if (!means)
		string_text(j, e, (const uint8_t *)"\\", 1);
	string_text(j, e, means ? &means : &c, 1);
}

/* A digit of \uXXXX.  False: it is none, and the byte is yet to be read; what stood there is text. */
static bool hex(struct json_reader *j, struct emit *e, uint8_t c)
{
	static const char digits[] = "0123456789abcdef";
	int v = hex_digit((char)c);

	if (v < 0) {
		drop_high(j, e);
		j->esc = 0;
		string_text(j, e, (const uint8_t *)"\\u", 2);
		for (unsigned i = j->hex_n; i-- > 0;)
			string_text(j, e, (const uint8_t *)&digits[j->hex >> 4 * i & 15], 1);
		return false;
	}
	j->hex = j->hex << 4 | (uint32_t)v;
	if (++j->hex_n == 4) {
		j->esc = 0;
		four_digits(j, e);
	}
	return true;
}

/* A byte behind a backslash; returns how many were taken. */
static size_t escaped(struct json_reader *j, struct emit *e, uint8_t c)
{
	if (j->esc == HEX)
		return hex(j, e, c);
	escape(j, e, c);
	return 1;
}

/* An escape that is cut off by the end or a gap. */
static void escape_end(struct json_reader *j, struct emit *e)
{
	if (j->esc == HEX)
		hex(j, e, 0);
	else if (j->esc == ESCAPE)
		string_text(j, e, (const uint8_t *)"\\", 1);
	j->esc = 0;
	drop_high(j, e);
}

/* ---- strings ---- */

/* Text is gathered over escapes, so that what comes behind works on more than a word; runs without any go on
 * as they lie in the piece. */
#define BATCH    2048
#define LONG_RUN 256

typedef uint8_t lane __attribute__((vector_size(16))); /* compilers have these for every machine */
typedef uint64_t halves __attribute__((vector_size(16)));

struct batch {
	size_t n;
	uint8_t bytes[BATCH + sizeof(lane)];
};

static void flush(struct json_reader *j, struct emit *e, struct batch *b)
{
	if (b->n)
		string_text(j, e, b->bytes, b->n);
	b->n = 0;
}

/* Where the first byte that is not zero stands, in memory order; v is not zero. */
static size_t first_byte(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (size_t)__builtin_ctzll(v) / 8;
#else
	return (size_t)__builtin_clzll(v) / 8;
#endif
}

/* Bytes before the next quote or backslash.  They are copied to `out` as they are looked at, which has room
 * for LONG_RUN and a lane; of a longer run only the length counts. */
static size_t plain_run(const uint8_t *p, size_t n, uint8_t *out)
{
	size_t i = 0;

	for (; i + sizeof(lane) <= n; i += sizeof(lane)) {
		lane v;
		halves hit;

		memcpy(&v, p + i, sizeof(v));
		if (i <= LONG_RUN)
			memcpy(out + i, &v, sizeof(v));
		hit = (halves)((v == '"') | (v == '\\'));
		if (hit[0] | hit[1])
			return i + (hit[0] ? first_byte(hit[0]) : 8 + first_byte(hit[1]));
	}
	for (; i < n && p[i] != '"' && p[i] != '\\'; i++)
		if (i < LONG_RUN)
			out[i] = p[i];
	return i;
}

/* Four hexadecimal digits; above 0xffff when they are none. */
static uint32_t hex4(const uint8_t *p)
{
	int a = hex_digit((char)p[0]), b = hex_digit((char)p[1]), c = hex_digit((char)p[2]),
	    d = hex_digit((char)p[3]);

	return (a | b | c | d) < 0 ? UINT32_MAX : (uint32_t)(a << 12 | b << 8 | c << 4 | d);
}

/* An escape that lies in the piece whole and stands for one character: returns its length, 0 when it has to
 * be read byte by byte. */
static size_t whole_escape(const uint8_t *p, size_t n, struct batch *b)
{
	uint32_t v, low;

	if (n >= 2 && escapes[p[1]]) {
		b->bytes[b->n++] = escapes[p[1]];
		return 2;
	}
	if (n < 6 || p[1] != 'u' || (v = hex4(p + 2)) > 0xffff)
		return 0;
	if (v < 0xd800 || v > 0xdfff) {
		b->n += utf8_put(v, b->bytes + b->n);
		return 6;
	}
	if (v >= 0xdc00 || n < 12 || p[6] != '\\' || p[7] != 'u' || (low = hex4(p + 8)) < 0xdc00 ||
	        low > 0xdfff)
		return 0;
	b->n += utf8_put(0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00), b->bytes + b->n);
	return 12;
}

/* Text with escapes: the inside of a string, or (raw) what is left when there is no structure. */
static size_t read_text(struct json_reader *j, struct emit *e, const uint8_t *p, size_t n)
{
	bool raw = j->state == RAW;
	struct batch b;
	size_t i = 0, k;

	b.n = 0;
	while (i < n) {
		if (j->esc) {
			i += escaped(j, e, p[i]);
			continue;
		}
		if (b.n > BATCH - LONG_RUN)
			flush(j, e, &b);
		k = plain_run(p + i, n - i, b.bytes + b.n);
		if (k)
			drop_high(j, e);
		if (k >= LONG_RUN) {
			flush(j, e, &b);
			string_text(j, e, p + i, k);
		} else {
			b.n += k;
		}
		i += k;
		if (i == n)
			break;
		if (p[i] == '"')
			drop_high(j, e);
		if (p[i] == '"' && raw) {
			b.bytes[b.n++] = p[i++];
		} else if (p[i] == '"') {
			flush(j, e, &b);
			end_string(j, e);
			return i + 1;
		} else if (!j->high && (k = whole_escape(p + i, n - i, &b))) {
			i += k;
		} else {
			flush(j, e, &b);
			j->esc = ESCAPE;
			i++;
		}
	}
	flush(j, e, &b);
	return i;
}

/* ---- numbers and words ---- */

static void number_begin(struct json_reader *j)
{
	j->num_n = j->num_digits = 0;
	j->num_last = 0;
	j->num_open = j->num_dot = j->num_exp = false;
	j->state = NUMBER;
}

/* RFC 8259 6, but for leading zeros: may c go on the number? */
static bool number_goes_on(struct json_reader *j, uint8_t c)
{
	uint8_t last = j->num_last;

	if (c >= '0' && c <= '9')
		return true;
	if (c == '.' && !j->num_dot && !j->num_exp)
		return j->num_dot = true;
	if ((c == 'e' || c == 'E') && !j->num_exp)
		return j->num_exp = true;
	return (c == '-' && !last) || ((c == '-' || c == '+') && (last == 'e' || last == 'E'));
}

/* A number too short to be text. */
static void tell_number(struct json_reader *j, struct emit *e)
{
	char path[FULL_PATH_ROOM];
	size_t at, n;

	path_value(j);
	n = full_path(j, path, &at);
	if (n <= CONTENT_PATH_MAX)
		e->number(e->out.arg, path, n, j->num, j->num_n);
}

/* Digits are held until there are enough to matter; those of fractions and exponents never do. */
static size_t read_number(struct json_reader *j, struct emit *e, const uint8_t *p, size_t n)
{
	size_t i;

	for (i = 0; i < n && number_goes_on(j, p[i]); i++) {
		j->num_last = p[i];
		j->num_digits += p[i] >= '0' && p[i] <= '9' && !j->num_dot && !j->num_exp;
		if (j->num_open)
			emit_byte(e, p[i]);
		else if (j->num_n < sizeof(j->num))
			j->num[j->num_n++] = (char)p[i];
		if (!j->num_open && j->num_digits == JSON_DIGITS_MIN) {
			path_value(j);
			name_field(j, e, "");
			emit_text(e, (const uint8_t *)j->num, j->num_n);
			j->num_open = true;
			j->num_n = 0;
		}
	}
	if (i < n) {
		if (j->num_open)
			emit_end(e, true);
		else if (e->number && !e->muted)
			tell_number(j, e);
		j->state = AFTER;
	}
	return i;
}

static size_t read_word(struct json_reader *j, struct emit *e, const uint8_t *p)
{
	if (*p != (uint8_t)j->word[j->word_at]) {
		raw_begin(j, e, CONTENT_BROKEN);
		string_text(j, e, (const uint8_t *)j->word, j->word_at);
		return 0;
	}
	if (!j->word[++j->word_at])
		j->state = j->depth ? AFTER : TOP;
	return 1;
}

static bool word_begin(struct json_reader *j, uint8_t c)
{
	if (c != 't' && c != 'f' && c != 'n')
		return false;
	j->word = c == 't' ? "true" : c == 'f' ? "false" : "null";
	j->word_at = 0;
	j->state = WORD;
	return true;
}

/* ---- the machine ---- */

/* A blank may stand in a number that is none ("4111 1111 ..."): it is kept with the digits before it. */
static void blank(struct json_reader *j)
{
	if (j->num_n && j->num_n < sizeof(j->num) && j->num[j->num_n - 1] != ' ')
		j->num[j->num_n++] = ' ';
}

static bool may_close(const struct json_reader *j, bool array)
{
	return j->depth && j->level[j->depth - 1].array == array &&
	       (j->state == AFTER || j->state == (array ? FIRST_VALUE : KEY));
}

static void next(struct json_reader *j)
{
	struct level *l = &j->level[j->depth - 1];

	j->num_n = 0;
	l->index++;
	j->state = l->array ? FIRST_VALUE : KEY;
}

/* One byte outside strings, numbers and words; 0 when it is to be read again in the new state. */
static size_t structure(struct json_reader *j, struct emit *e, uint8_t c)
{
	bool value = j->state == VALUE || j->state == FIRST_VALUE || j->state == TOP;

	switch (c) {
	case ' ':
	case '\t':
	case '\n':
	case '\r':
		blank(j);
		return 1;
	case PACKET_SEPARATOR:
	case '\0':
		if (j->state == TOP)
			return 1;
		break;
	case '"':
		if (j->state != KEY && !value)
			break;
		begin_string(j, e, j->state == KEY);
		return 1;
	case ':':
		if (j->state != COLON)
			break;
		j->state = VALUE;
		return 1;
	case ',':
		if (j->state != AFTER)
			break;
		next(j);
		return 1;
	case '{':
	case '[':
		if (!value)
			break;
		return enter(j, e, c == '[');
	case '}':
	case ']':
		if (!may_close(j, c == ']'))
			break;
		j->num_n = 0;
		leave(j);
		return 1;
	default:
		if (j->state == TOP && packet_type(&c, 1) < 0) {
			j->lead_n = 0;
			j->state = LEAD;
			return 0;
		}
		if (!value || j->state == TOP || (c != '-' && (c < '0' || c > '9') && !word_begin(j, c)))
			break;
		if (j->state != WORD)
			number_begin(j);
		return 0;
	}
	broken(j, e);
	return 0;
}

/* It is none: text. */
static void lead_text(struct json_reader *j, struct emit *e)
{
	raw_begin(j, e, CONTENT_BROKEN);
	string_text(j, e, j->lead, j->lead_n);
}

static size_t read_lead(struct json_reader *j, struct emit *e, uint8_t c)
{
	int type = 0;

	if (j->lead_n < PACKET_MAX) {
		j->lead[j->lead_n] = c;
		type = packet_type(j->lead, j->lead_n + 1u);
	}
	if (type < 0) {
		j->lead_n++;
		return 1;
	}
	if (type > 0)
		j->state = TOP;
	else
		lead_text(j, e);
	return 0;
}

static void json_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct json_reader *j = state;
	struct emit *e = nest_emit(t);
	size_t i = 0;

	while (i < n) {
		switch (j->state) {
		case STRING:
		case RAW:
			i += read_text(j, e, p + i, n - i);
			break;
		case NUMBER:
			i += read_number(j, e, p + i, n - i);
			break;
		case WORD:
			i += read_word(j, e, p + i);
			break;
		case LEAD:
			i += read_lead(j, e, p[i]);
			break;
		default:
			i += structure(j, e, p[i]);
		}
	}
}

/* Ends what is open of a string or of raw text; nothing when there is none. */
static void end_open(struct json_reader *j, struct emit *e, bool whole)
{
	if (j->state == LEAD)
		lead_text(j, e);
	if (j->state == STRING || j->state == RAW)
		escape_end(j, e);
	if (j->state == RAW || (j->state == STRING && !j->in_key))
		scan_end(&j->scan, j->t, whole);
	else if (e->named)
		emit_end(e, whole);
}

/* Bytes are missing: what follows is read as text, its escapes undone. */
static void json_gap(void *state, struct nest *t, uint64_t n)
{
	struct json_reader *j = state;
	struct emit *e = nest_emit(t);

	(void)n;
	end_open(j, e, false);
	j->in_key = false;
	raw_begin(j, e, CONTENT_GAP);
}

static void json_end(void *state, struct nest *t)
{
	struct json_reader *j = state;

	end_open(j, nest_emit(t), j->state == RAW || j->state == LEAD);
	if (j->state != TOP && j->state != RAW)
		nest_skip(t, CONTENT_BROKEN);
}

bool json_fits(struct nest *t, const uint8_t *p, size_t n, bool whole)
{
	static const struct prefix none;
	struct emit *e = nest_emit(t);
	struct json_reader j;
	unsigned skip = e->skip;

	memset(&j, 0, offsetof(struct json_reader, path));
	json_open(&j, t, &none, NULL);
	e->muted = true;
	e->would = false;
	json_feed(&j, t, p, n);
	e->muted = false;
	e->skip = skip;
	return whole ? j.state == TOP && e->would : j.state != RAW && j.state != LEAD;
}

const struct reader_ops json_ops = {
        "json", sizeof(struct json_reader), true, json_probe, json_open, json_feed, json_gap, json_end};
