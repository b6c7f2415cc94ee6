/* markup_entity.c - character references (XML 1.0 4.1, HTML 13.5). */
#include "classify/content/documents/markup.h"

static void put_either(struct markup *m, struct nest *t, const void *p, size_t n)
{
	if (m->state == VALUE)
		markup_value(m, t, p, n);
	else
		markup_text(m, t, p, n);
}

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

void markup_begin_entity(struct markup *m)
{
	m->entity[0] = '&';
	m->entity_n = 1;
}
