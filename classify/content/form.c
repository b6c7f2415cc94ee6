/* form.c - application/x-www-form-urlencoded and query strings (WHATWG URL standard 5.1): NAME=VALUE&...,
 * with
 * '+' for a blank and %XX for bytes.
 *
 * Clients call JSON and plain text a form as well (curl --data-binary does by default).  A raw blank or
 * control character cannot stand in a form: from there on the text is taken as it is, so that a '+' in a key
 * stays one. */
#include "classify/content/reader.h"
#include "classify/content/text_scan.h"

enum state { NAME, VALUE };

#define NAME_LONG 16 /* a name of this length is handed out as text too */

struct form_reader {
	uint8_t state, hex_n;
	bool raw;      /* a raw blank was met: this is no form, '+' and '%' mean themselves */
	bool name_out; /* the name is handed out as text */
	char hex;
	unsigned name_n;
	struct nest *t;
	const struct prefix *in;
	struct text_scan scan; /* of the value */
	char name[FORM_NAME_SHOWN];
};

/* A name of ordinary characters up to '=', and nothing raw behind it. */
static int form_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	bool equals = false;

	if (!slice_starts_nocase(hint->type, "application/x-www-form-urlencoded"))
		return 0;
	while (n && (p[n - 1] == '\r' || p[n - 1] == '\n'))
		n--;
	for (size_t i = 0; i < n; i++) {
		if (p[i] <= ' ' || p[i] == 0x7f || (!equals && p[i] < 0x80 && strchr("{}\"<>\\", p[i])))
			return false;
		if (p[i] == '=') {
			if (!i)
				return false;
			equals = true;
		}
	}
	return equals;
}

static bool form_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	static const struct prefix form = {.text = "form", .n = 4, .key_at = 4};
	struct form_reader *f = state;

	(void)hint;
	f->t = t;
	f->in = in->n ? in : &form;
	return true;
}

static void field(struct form_reader *f, struct emit *e, const char *name, size_t n, const char *tail)
{
	char path[CONTENT_PATH_MAX + FORM_NAME_SHOWN + 4];
	size_t at = f->in->n, tail_n = strlen(tail);

	memcpy(path, f->in->text, at);
	if (n)
		path[at++] = '.';
	if (n)
		memcpy(path + at, name, n);
	memcpy(path + at + n, tail, tail_n);
	emit_field(e, path, at + n + tail_n, at, n);
}

static void name_text(struct form_reader *f, struct emit *e, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (f->name_n == NAME_LONG && !f->name_out) {
			field(f, e, NULL, 0, "{}");
			emit_text(e, (const uint8_t *)f->name, f->name_n);
			f->name_out = true;
		}
		if (f->name_n < FORM_NAME_SHOWN)
			f->name[f->name_n++] = (char)p[i];
		if (f->name_out)
			emit_byte(e, p[i]);
	}
}

static void put(struct form_reader *f, struct emit *e, const uint8_t *p, size_t n)
{
	if (f->state == NAME)
		name_text(f, e, p, n);
	else
		scan_text(&f->scan, f->t, p, n);
}

/* %XX that was cut short stands for itself. */
static void escape_end(struct form_reader *f, struct emit *e)
{
	if (f->hex_n)
		put(f, e, (const uint8_t *)"%", 1);
	if (f->hex_n == 2)
		put(f, e, (const uint8_t *)&f->hex, 1);
	f->hex_n = 0;
}

static void escape(struct form_reader *f, struct emit *e, uint8_t c)
{
	uint8_t b;

	if (f->hex_n == 1) {
		f->hex = (char)c;
		f->hex_n = 2;
		return;
	}
	b = (uint8_t)(hex_digit(f->hex) << 4 | hex_digit((char)c));
	f->hex_n = 0;
	put(f, e, &b, 1);
}

static void begin_value(struct form_reader *f, struct emit *e)
{
	if (f->name_out)
		emit_end(e, true);
	f->name_out = false;
	field(f, e, f->name, f->name_n, "");
	scan_begin(&f->scan, true);
	f->state = VALUE;
}

static void end_pair(struct form_reader *f, struct emit *e)
{
	/* a name without a value may be all there is */
	if (f->state == NAME && !f->name_out && f->name_n) {
		field(f, e, NULL, 0, "{}");
		emit_text(e, (const uint8_t *)f->name, f->name_n);
	}
	if (f->state == VALUE)
		scan_end(&f->scan, f->t, true);
	else if (e->named)
		emit_end(e, true);
	f->state = NAME;
	f->name_n = 0;
	f->name_out = false;
}

static bool is_plain(const struct form_reader *f, uint8_t c)
{
	return f->raw ? true : c > ' ' && c != '&' && c != '+' && c != '%' && (c != '=' || f->state == VALUE);
}

static void byte(struct form_reader *f, struct emit *e, uint8_t c)
{
	uint8_t blank = ' ';

	if (c == '%') {
		f->hex_n = 1;
	} else if (c == '+') {
		put(f, e, &blank, 1);
	} else if (c == '=') {
		begin_value(f, e);
	} else if (c == '&') {
		end_pair(f, e);
	} else {
		if (f->state == NAME)
			begin_value(f, e);
		f->raw = true;
		put(f, e, &c, 1);
	}
}

static void form_feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct form_reader *f = state;
	struct emit *e = nest_emit(t);
	size_t i = 0;

	while (i < n) {
		size_t run = 0;

		if (f->hex_n) {
			if (hex_digit((char)p[i]) >= 0)
				escape(f, e, p[i++]);
			else
				escape_end(f, e);
			continue;
		}
		while (i + run < n && is_plain(f, p[i + run]))
			run++;
		if (run)
			put(f, e, p + i, run);
		else
			byte(f, e, p[i++]);
		i += run;
	}
}

/* The name of what follows may be among the missing bytes. */
static void form_gap(void *state, struct nest *t, uint64_t n)
{
	struct form_reader *f = state;
	struct emit *e = nest_emit(t);

	(void)n;
	escape_end(f, e);
	if (f->state == VALUE)
		scan_end(&f->scan, t, false);
	else if (e->named)
		emit_end(e, false);
	f->name_n = 0;
	f->name_out = false;
	field(f, e, NULL, 0, "");
	scan_begin(&f->scan, false);
	f->state = VALUE;
}

static void form_end(void *state, struct nest *t)
{
	struct form_reader *f = state;

	escape_end(f, nest_emit(t));
	end_pair(f, nest_emit(t));
}

const struct reader_ops form_ops = {
        "form", sizeof(struct form_reader), true, form_probe, form_open, form_feed, form_gap, form_end};
