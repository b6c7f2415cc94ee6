/* markup_held.c - what of a document of markup is held for a moment: beginnings of text and values that may
 * turn out to be data, and character references. */
#include "classify/content/documents/markup.h"

static void put_either(struct markup *m, struct nest *t, const void *p, size_t n)
{
	if (m->state == VALUE)
		markup_value(m, t, p, n);
	else
		markup_text(m, t, p, n);
}

/* ---- parts within ---- */

void markup_begin_part(struct markup *m, struct nest *t, struct slice name, bool text)
{
	struct part_hint hint = {.text = text};
	struct prefix in;

	markup_put_end(m, t);
	emit_end(nest_emit(t), true);
	prefix_add(&in, m->in, name.p, name.n);
	m->in_part = part_begin(t, &in, &hint);
	m->last = 0;
	m->sniff = false;
	if (!m->in_part)
		emit_plain(nest_emit(t), m->in);
}

void markup_end_part(struct markup *m, struct nest *t)
{
	if (!m->in_part)
		return;
	m->in_part = false;
	part_end(t);
	emit_plain(nest_emit(t), m->in);
}

void markup_give_held(struct markup *m, struct nest *t)
{
	size_t n = m->held_n;

	m->held_n = 0;
	m->sniff = false;
	put_either(m, t, m->held, n);
}

/* The beginning of a text or value is held while it may be that of data. */
size_t markup_sniff(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	bool value = m->state == VALUE;

	for (size_t i = 0; i < n; i++) {
		bool is_data = value && p[i] == ':' && m->held_n == 4 && !strncasecmp(m->held, "data", 4);

		if (!m->held_n && markup_blank(p[i])) {
			put_either(m, t, p + i, 1);
			continue;
		}
		if (!markup_base64(p[i]) && !is_data) {
			markup_give_held(m, t);
			return i;
		}
		m->held[m->held_n++] = (char)p[i];
		if (m->held_n < MARKUP_BASE64 && !is_data)
			continue;
		if (m->flavor == PLAIN || !value) {
			struct slice name =
			        value ? slice_of(m->attr, m->attr_n) : slice_of(m->name, m->name_n);

			markup_begin_part(m, t, markup_local(name.p, name.n), true);
		}
		markup_give_held(m, t);
		return i + 1;
	}
	return n;
}

/* ---- character references (XML 1.0 4.1, HTML 13.5) ---- */

static void put_char(struct markup *m, struct nest *t, uint32_t cp)
{
	uint8_t b[4];

	/* what separates words for the eye separates them here; what nobody sees is not there */
	if (cp == 0xa0 || (cp >= 0x2000 && cp <= 0x200a) || cp == 0x202f)
		cp = ' ';
	if (cp == 0xad || (cp >= 0x200b && cp <= 0x200d) || cp == 0x2060 || cp == 0xfeff)
		return;
	put_either(m, t, b, utf8_put(cp, b));
}

static uint32_t entity_value(const struct markup *m)
{
	const char *s = m->entity;
	uint32_t v = 0, base = 10;
	size_t i = 2;

	if (m->entity_n < 2 || s[1] != '#')
		return entity_by_name(s + 1, m->entity_n - 1u);
	if (m->entity_n > 2 && (s[2] | 32) == 'x') {
		base = 16;
		i = 3;
	}
	for (; i < m->entity_n; i++) {
		int d = hex_digit(s[i]);

		if (d < 0 || (uint32_t)d >= base)
			return 0;
		v = v * base + (uint32_t)d;
		if (v > 0x10ffff)
			return 0;
	}
	return v;
}

void markup_give_entity(struct markup *m, struct nest *t)
{
	size_t n = m->entity_n;

	m->entity_n = 0;
	put_either(m, t, m->entity, n);
}

size_t markup_entity(struct markup *m, struct nest *t, uint8_t c)
{
	uint32_t cp;

	if (c != ';' && m->entity_n < MARKUP_ENTITY && (markup_alnum(c) || (c == '#' && m->entity_n == 1))) {
		m->entity[m->entity_n++] = (char)c;
		return 1;
	}
	cp = c == ';' ? entity_value(m) : 0;
	if (!cp) {
		markup_give_entity(m, t);
		return 0;
	}
	m->entity_n = 0;
	put_char(m, t, cp);
	return 1;
}

void markup_begin_entity(struct markup *m, struct nest *t)
{
	if (m->sniff)
		markup_give_held(m, t);
	m->entity[0] = '&';
	m->entity_n = 1;
}
