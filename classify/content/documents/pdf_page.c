/* pdf_page.c - content streams (ISO 32000-1 7.8.2): the operators that show text or say where it stands
 * (9.3, 9.4), and those that move the page below it (8.4). */
#include "classify/content/documents/pdf.h"

#include <math.h>

static const struct pdf_matrix identity = {1, 0, 0, 1, 0, 0};

/* First m, then n (8.3.4). */
static struct pdf_matrix multiply(const struct pdf_matrix *m, const struct pdf_matrix *n)
{
	return (struct pdf_matrix){m->a * n->a + m->b * n->c, m->a * n->b + m->b * n->d,
	        m->c * n->a + m->d * n->c, m->c * n->b + m->d * n->d, m->e * n->a + m->f * n->c + n->e,
	        m->e * n->b + m->f * n->d + n->f};
}

/* The next string begins elsewhere. */
static void set_off(struct pdf_page *g)
{
	g->moved = true;
	g->indent = 0;
}

void pdf_page_begin(struct pdf *f)
{
	struct pdf_page *g = &f->page;

	/* streams of one page go on with the state; the font may be told elsewhere */
	if (!pdf_place_same(f, g->content, f->stream.number)) {
		g->now.spacing = g->now.word_spacing = 0;
		g->now.scale = 1;
	}
	g->content = f->stream.number;
	g->text = g->in_array = g->has_string = g->placed = g->told = false;
	g->n_numbers = g->n_states = g->nested = 0;
	g->now.ctm = g->line = identity;
	set_off(g);
}

static void set_font(struct pdf *f, struct nest *t, uint32_t font)
{
	f->page.now.font = font;
	if (f->page.told && font)
		pdf_text_font(f, t, font);
}

/* ---- where a string stands ---- */

static double size_of(const struct pdf_page *g, const struct pdf_matrix *m, double *len)
{
	double em;

	*len = hypot(m->a, m->b);
	if (!(*len > 0) || !isfinite(*len))
		*len = 1;
	em = fabs(g->now.size) * *len * g->now.scale;
	return em > 0 && isfinite(em) ? em : 1;
}

static void tell_size(struct pdf *f, struct nest *t, double em, double len)
{
	const struct pdf_state *s = &f->page.now;
	double unit = len * s->scale;

	pdf_text_size(f, t,
	        (struct pdf_size){(float)em, (float)(s->spacing * unit), (float)(s->word_spacing * unit)});
}

static void place(struct pdf *f, struct nest *t)
{
	struct pdf_page *g = &f->page;
	struct pdf_matrix m = multiply(&g->line, &g->now.ctm);
	double len, em = size_of(g, &m, &len), ux = m.a / len, uy = m.b / len, x, y;

	m.e += g->indent * em * ux;
	m.f += g->indent * em * uy;
	x = m.e - g->x;
	y = m.f - g->y;
	if (!g->placed || ux * g->ux + uy * g->uy < 0.9 || !(fabs(x * uy - y * ux) < 0.5 * fmax(em, g->em)))
		pdf_text_line(f, t);
	else
		pdf_text_move(f, t, x * ux + y * uy - g->drift);
	g->placed = true;
	g->moved = g->resized = false;
	g->drift = 0;
	g->x = m.e;
	g->y = m.f;
	g->ux = ux;
	g->uy = uy;
	g->em = em;
	tell_size(f, t, em, len);
}

/* Another size or spacing, where the string before ended. */
static void resize(struct pdf *f, struct nest *t)
{
	struct pdf_page *g = &f->page;
	struct pdf_matrix m = multiply(&g->line, &g->now.ctm);
	double len, em = size_of(g, &m, &len);

	g->resized = false;
	g->em = em;
	tell_size(f, t, em, len);
}

static void show(struct pdf *f, struct nest *t, const uint8_t *p, size_t n)
{
	if (!n)
		return;
	if (!f->page.told) {
		f->page.told = true;
		pdf_text_content(f, f->stream.number);
		set_font(f, t, f->page.now.font);
	}
	if (f->page.moved)
		place(f, t);
	else if (f->page.resized)
		resize(f, t);
	pdf_text_show(f, t, p, n);
}

/* A number between strings moves what follows; kerning is no gap. */
static void adjust(struct pdf *f, struct nest *t, double ems)
{
	if (f->page.moved) {
		f->page.indent += ems;
		return;
	}
	f->page.drift += ems * f->page.em;
	if (pdf_is_gap(ems))
		pdf_text_gap(f, t, ems);
}

/* ---- operators ---- */

enum operator_of {
	OP_BT,
	OP_ET,
	OP_TF,
	OP_TD,
	OP_TDL,
	OP_TM,
	OP_TSTAR,
	OP_TL,
	OP_TC,
	OP_TW,
	OP_TZ,
	OP_TJ,
	OP_QUOTE,
	OP_DOUBLE,
	OP_Q,
	OP_UNQ,
	OP_CM,
	OP_ID,
	OP_TJA
};

static const struct {
	char name[3];
	uint8_t op, numbers; /* numbers: operands that must be there */
} operators[] = {
        {"BT", OP_BT, 0},
        {"ET", OP_ET, 0},
        {"Tf", OP_TF, 1},
        {"Td", OP_TD, 2},
        {"TD", OP_TDL, 2},
        {"Tm", OP_TM, 6},
        {"T*", OP_TSTAR, 0},
        {"TL", OP_TL, 1},
        {"Tc", OP_TC, 1},
        {"Tw", OP_TW, 1},
        {"Tz", OP_TZ, 1},
        {"Tj", OP_TJ, 0},
        {"TJ", OP_TJA, 0},
        {"'", OP_QUOTE, 0},
        {"\"", OP_DOUBLE, 2},
        {"q", OP_Q, 0},
        {"Q", OP_UNQ, 0},
        {"cm", OP_CM, 6},
        {"ID", OP_ID, 0},
};

static void next_line(struct pdf_page *g, double x, double y)
{
	struct pdf_matrix m = {1, 0, 0, 1, x, y};

	g->line = multiply(&m, &g->line);
	set_off(g);
}

static void set_spacing(struct pdf_page *g, double spacing, double word_spacing)
{
	g->now.spacing = spacing;
	g->now.word_spacing = word_spacing;
	g->resized = true;
}

static struct pdf_matrix six(const double *v)
{
	return (struct pdf_matrix){v[0], v[1], v[2], v[3], v[4], v[5]};
}

static void push_state(struct pdf_page *g)
{
	if (g->n_states < PDF_STATES)
		g->state[g->n_states] = g->now;
	g->n_states++;
}

static void pop_state(struct pdf *f, struct nest *t)
{
	struct pdf_page *g = &f->page;
	uint32_t font = g->now.font;

	if (!g->n_states)
		return;
	g->n_states--;
	if (g->n_states < PDF_STATES)
		g->now = g->state[g->n_states];
	set_off(g);
	if (g->now.font != font)
		set_font(f, t, g->now.font);
}

static void operate(struct pdf *f, struct nest *t, enum operator_of op, const double *v)
{
	struct pdf_page *g = &f->page;
	struct pdf_matrix m;

	switch (op) {
	case OP_BT:
	case OP_ET:
		g->text = op == OP_BT;
		g->line = identity;
		set_off(g);
		break;
	case OP_TF:
		g->now.size = v[0];
		g->resized = true;
		set_font(f, t, g->name);
		break;
	case OP_TDL:
		g->now.leading = -v[1];
		next_line(g, v[0], v[1]);
		break;
	case OP_TD:
		next_line(g, v[0], v[1]);
		break;
	case OP_TM:
		g->line = six(v);
		set_off(g);
		break;
	case OP_DOUBLE:
		set_spacing(g, v[1], v[0]);
		next_line(g, 0, -g->now.leading);
		break;
	case OP_TSTAR:
	case OP_QUOTE:
		next_line(g, 0, -g->now.leading);
		break;
	case OP_TL:
		g->now.leading = v[0];
		break;
	case OP_TC:
		set_spacing(g, v[0], g->now.word_spacing);
		break;
	case OP_TW:
		set_spacing(g, g->now.spacing, v[0]);
		break;
	case OP_TZ:
		g->now.scale = v[0] / 100;
		g->resized = true;
		break;
	case OP_Q:
		push_state(g);
		break;
	case OP_UNQ:
		pop_state(f, t);
		break;
	case OP_CM:
		m = six(v);
		g->now.ctm = multiply(&m, &g->now.ctm);
		set_off(g);
		break;
	case OP_ID:
		pdf_lex_image(&f->lex);
		break;
	case OP_TJ:
	case OP_TJA:
		break;
	}
	if (g->has_string && (op == OP_TJ || op == OP_QUOTE || op == OP_DOUBLE))
		show(f, t, g->string, g->n_string);
}

static void word(struct pdf *f, struct nest *t, const struct pdf_token *k)
{
	struct pdf_page *g = &f->page;

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
		if (slice_is(slice_of(k->p, k->n), operators[i].name)) {
			if (g->n_numbers >= operators[i].numbers)
				operate(f, t, operators[i].op,
				        g->number + g->n_numbers - operators[i].numbers);
			break;
		}
	g->n_numbers = 0;
	g->has_string = false;
}

/* ---- tokens ---- */

static void push_number(struct pdf_page *g, double v)
{
	if (g->n_numbers == 6)
		memmove(g->number, g->number + 1, 5 * sizeof(v));
	else
		g->n_numbers++;
	g->number[g->n_numbers - 1] = v;
}

void pdf_page_token(struct pdf *f, struct nest *t, const struct pdf_token *k)
{
	struct pdf_page *g = &f->page;

	/* dictionaries are properties of marked content */
	if (k->type == PDF_DICT_OPEN || k->type == PDF_DICT_CLOSE) {
		g->nested += k->type == PDF_DICT_OPEN;
		g->nested -= k->type == PDF_DICT_CLOSE && g->nested;
		return;
	}
	if (g->nested)
		return;
	switch (k->type) {
	case PDF_NUMBER:
		if (g->in_array && g->text)
			adjust(f, t, -k->number / 1000);
		else if (!g->in_array)
			push_number(g, k->number);
		break;
	case PDF_NAME:
		g->name = pdf_name_hash(k);
		break;
	case PDF_STRING:
		if (!g->text)
			break;
		/* strings in arrays are TJ's, and long ones are shown as they come */
		if (g->in_array || k->more) {
			show(f, t, k->p, k->n);
			break;
		}
		memcpy(g->string, k->p, k->n);
		g->n_string = k->n;
		g->has_string = true;
		break;
	case PDF_ARRAY_OPEN:
	case PDF_ARRAY_CLOSE:
		g->in_array = k->type == PDF_ARRAY_OPEN;
		break;
	case PDF_WORD:
		g->in_array = false;
		word(f, t, k);
		break;
	case PDF_DICT_OPEN:
	case PDF_DICT_CLOSE:
		break;
	}
}

void pdf_page_end(struct pdf *f, struct nest *t, bool whole)
{
	if (f->page.has_string)
		show(f, t, f->page.string, f->page.n_string);
	if (f->page.told)
		pdf_text_end(f, t, whole);
	f->page.told = false;
}
