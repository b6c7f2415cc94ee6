/* parts.c - values that are cut over text parts of one message, [{"text": "... ghp_12"}, {"text": "34 ..."}]:
 * the model reads the parts one behind the other.  Where no blank parts them, the end of one and the
 * beginning of the next are searched together, as a field of its own behind both.  What counts there must
 * reach over the border, and what was found in the parts by themselves goes before it.  So are the first
 * lines of a private key in a list of lines. */
#include "classify/detect/internal.h"

#include <ctype.h>
#include <string.h>

/* Lists whose elements vendors and editors read as one text (the catalogue's shapes).  Others hold rows: two
 * numbers in a row are no number. */
static const char *const lists[] = {"content", "parts", "system", "blocks", "fragments"};

static bool is_list(const char *path, size_t n)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		size_t len = strlen(lists[i]);

		if (n >= len && !memcmp(path + n - len, lists[i], len) &&
		        (n == len || path[n - len - 1] == '.'))
			return true;
	}
	return false;
}

/* "messages[0].content[2].text", "content.parts[2]", "lines[7]": where the number stands.  False: there is
 * none. */
static bool find_number(const char *path, size_t n, struct part_number *out)
{
	static const char text[] = ".text";
	const size_t k = sizeof(text) - 1;
	size_t end = n > k && !memcmp(path + n - k, text, k) ? n - k : n, at;

	if (!end || path[--end] != ']')
		return false;
	out->index = 0;
	for (at = end; at && isdigit((unsigned char)path[at - 1]) && end - at < 6;)
		at--;
	if (at == end || !at || path[at - 1] != '[')
		return false;
	out->text = is_list(path, at - 1);
	for (size_t i = at; i < end; i++)
		out->index = out->index * 10 + (uint32_t)(path[i] - '0');
	out->at = (uint16_t)at;
	out->end = (uint16_t)end;
	return true;
}

/* Is it the element behind the newest part? */
static bool follows(const struct parts *c, const char *path, size_t n, const struct part_number *number)
{
	return c->n_tail && number->index == c->newest.index + 1 && number->at == c->first.at &&
	       !memcmp(path, c->path, number->at) && n - number->end == c->path_len - c->first.end &&
	       !memcmp(path + number->end, c->path + c->first.end, n - number->end);
}

bool detect_follows(const struct detect_stream *s, const char *path, size_t n)
{
	const struct part_number *now = &s->parts.newest;
	const struct field *f = s->n_fields ? &s->fields[s->n_fields - 1] : NULL;
	struct part_number number;

	return s->parts.open && f && find_number(path, n, &number) && number.text &&
	       number.index == now->index + 1 && number.at == now->at &&
	       !memcmp(path, s->paths + f->path, now->at) && n - number.end == f->path_len - now->end &&
	       !memcmp(path + number.end, s->paths + f->path + now->end, n - number.end);
}

/* Does what is held end with the first line of a key?  Any list may hold the lines of one. */
static bool key_begins(const struct parts *c)
{
	static const char last[] = "PRIVATE KEY-----";
	const size_t n = sizeof(last) - 1, most = n + sizeof("-----BEGIN ENCRYPTED ") - 1;
	size_t end = c->n_tail, from;

	while (end && isspace(c->tail[end - 1]))
		end--;
	if (end < n || memcmp(c->tail + end - n, last, n) != 0)
		return false;
	from = end > most ? end - most : 0;
	return memmem(c->tail + from, end - from, "-----BEGIN", 10);
}

void parts_begin(struct detect_stream *s)
{
	const struct field *f = &s->fields[s->n_fields - 1];
	const char *path = s->paths + f->path;
	struct parts *c = &s->parts;
	struct part_number number;

	if (!find_number(path, f->path_len, &number))
		return;
	c->joins = follows(c, path, f->path_len, &number) && (number.text || key_begins(c));
	c->newest = number;
	c->open = true;
	c->n_head = 0;
}

/* Where the text that is held of the current field begins: behind its key. */
static size_t text_begins(const struct field *f)
{
	return f->delta < 0 && (size_t)-f->delta > f->begin ? (size_t)-f->delta : f->begin;
}

void parts_keep_head(struct detect_stream *s)
{
	const struct field *f = &s->fields[s->n_fields - 1];
	struct parts *c = &s->parts;
	size_t from = text_begins(f);

	if (!c->open || c->n_head)
		return;
	c->n_head = (uint16_t)(s->len - from < PARTS_EDGE ? s->len - from : PARTS_EDGE);
	memcpy(c->head, s->buf + from, c->n_head);
}

/* Blanks part two parts, but not the first line of a key from the second. */
static bool is_joined(const struct parts *c)
{
	return c->joins && c->n_head &&
	       ((!isspace(c->head[0]) && !isspace(c->tail[c->n_tail - 1])) || key_begins(c));
}

/* The end of the parts so far and the beginning of the current one, as a field behind it. */
static void search_both(struct detect_stream *s, uint32_t number)
{
	struct parts *c = &s->parts;
	struct field *f = &s->fields[s->n_fields++];

	s->buf[s->len++] = '\n';
	*f = (struct field){.begin = (uint32_t)s->len,
	        .delta = c->tail_at - (int64_t)s->len,
	        .path = (uint32_t)s->paths_len,
	        .path_len = (uint32_t)c->path_len,
	        .number = s->next_field++,
	        .mark = c->mark,
	        .border = c->n_tail,
	        .before = c->number,
	        .before_at = c->number_at,
	        .behind = number,
	        .behind_at = c->tail_at + c->n_tail};
	memcpy(s->paths + s->paths_len, c->path, c->path_len);
	s->paths_len += c->path_len;
	memcpy(s->buf + s->len, c->tail, c->n_tail);
	memcpy(s->buf + s->len + c->n_tail, c->head, c->n_head);
	s->len += (size_t)c->n_tail + c->n_head;
	c->spent += (uint64_t)c->n_tail + c->n_head;
}

/* The part f, which ends at `end` of the buffer, is the first of those that may go on. */
static void begin_anew(struct detect_stream *s, const struct field *f, size_t end)
{
	size_t n = end - text_begins(f);
	struct parts *c = &s->parts;

	n = n < PARTS_EDGE ? n : PARTS_EDGE;
	memcpy(c->tail, s->buf + end - n, n);
	c->n_tail = (uint16_t)n;
	c->tail_at = (int64_t)(end - n) + f->delta;
	c->first = c->newest;
	c->path_len = f->path_len;
	memcpy(c->path, s->paths + f->path, f->path_len);
	c->mark = f->mark;
	c->number = f->number;
	c->number_at = 0;
}

/* May a short part go on what is held, so that a value may lie in three?  All that is held is searched with
 * the next one again, so the tiniest of parts must not go on without end. */
static bool may_go_on(const struct parts *c)
{
	return (size_t)c->n_tail + c->n_head <= PARTS_HELD && c->spent < PARTS_FREE + PARTS_AGAIN * c->told;
}

static void go_on(struct parts *c, uint32_t number)
{
	c->number = number;
	c->number_at = c->tail_at + c->n_tail;
	memcpy(c->tail + c->n_tail, c->head, c->n_head);
	c->n_tail = (uint16_t)(c->n_tail + c->n_head);
}

static bool has_room(const struct detect_stream *s)
{
	return s->n_fields < DETECT_FIELDS && s->paths_len + FINDING_FIELD_MAX <= DETECT_PATHS &&
	       s->len + 1 + PARTS_HELD + PARTS_EDGE <= DETECT_BUFFER;
}

void parts_end(struct detect_stream *s)
{
	struct parts *c = &s->parts;
	bool whole, joined;
	struct field f;
	size_t end;

	if (!c->open)
		return;
	if (c->joins && !has_room(s))
		stream_search(s, true);
	f = s->fields[s->n_fields - 1];
	end = s->len;
	whole = !c->n_head && end - text_begins(&f) <= PARTS_EDGE;
	parts_keep_head(s);
	c->open = false;
	joined = is_joined(c);
	if (c->newest.text)
		c->told += (uint64_t)((int64_t)end + f.delta);
	if (joined)
		search_both(s, f.number);
	if (joined && whole && may_go_on(c))
		go_on(c, f.number);
	else
		begin_anew(s, &f, end);
}

void parts_forget(struct detect_stream *s)
{
	s->parts.open = false;
	s->parts.n_tail = 0;
	explicit_bzero(s->parts.tail, sizeof(s->parts.tail));
	explicit_bzero(s->parts.head, sizeof(s->parts.head));
}

bool parts_crossed(const struct field *f, const struct value *v)
{
	return (v->start < f->border || v->match_start < f->border) &&
	       (v->end > f->border || v->match_end > f->border);
}
