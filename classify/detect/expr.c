/* expr.c - compiles an expression to instructions; expr_run.c runs them. */
#include "classify/detect/expr_code.h"
#include "classify/detect/gap.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static void class_add(struct class *c, unsigned from, unsigned to)
{
	for (unsigned b = from; b <= to && b < 256; b++)
		c->bit[b >> 5] |= 1u << (b & 31);
}

static void class_fold(struct class *c)
{
	for (unsigned b = 'a'; b <= 'z'; b++) {
		unsigned up = b - 32;

		if (class_has(c, (uint8_t)b) || class_has(c, (uint8_t)up)) {
			class_add(c, b, b);
			class_add(c, up, up);
		}
	}
}

static void class_invert(struct class *c)
{
	for (unsigned i = 0; i < 8; i++)
		c->bit[i] = ~c->bit[i];
}

struct parser {
	const char *p;
	struct expr *x;
	size_t cap, class_cap;
	bool caseless, gaps;
	unsigned depth;
	struct err *e;
};

static int fail(struct parser *ps, const char *what)
{
	err_set(ps->e, "%s at `%.24s'", what, ps->p);
	return -1;
}

static int emit(struct parser *ps, enum op op, unsigned class, int32_t x, int32_t y)
{
	struct expr *ex = ps->x;

	if (ex->n >= EXPR_CODE_MAX)
		return fail(ps, "the expression is too long");
	if (ex->n == ps->cap) {
		size_t cap = ps->cap ? ps->cap * 2 : 64;
		struct instr *code = realloc(ex->code, cap * sizeof(*code));

		if (!code)
			return fail(ps, "no memory");
		ex->code = code;
		ps->cap = cap;
	}
	ex->code[ex->n++] = (struct instr){.op = (uint8_t)op, .class = (uint16_t) class, .x = x, .y = y};
	return 0;
}

/* Index of an equal class, made when new; -1 without memory. */
static int class_index(struct parser *ps, const struct class *c)
{
	struct expr *ex = ps->x;

	for (size_t i = 0; i < ex->n_classes; i++)
		if (!memcmp(&ex->classes[i], c, sizeof(*c)))
			return (int)i;
	if (ex->n_classes == ps->class_cap) {
		size_t cap = ps->class_cap ? ps->class_cap * 2 : 32;
		struct class *classes = realloc(ex->classes, cap * sizeof(*classes));

		if (!classes)
			return fail(ps, "no memory");
		ex->classes = classes;
		ps->class_cap = cap;
	}
	ex->classes[ex->n_classes] = *c;
	return (int)ex->n_classes++;
}

static bool class_of_letter(char letter, struct class *c)
{
	switch (letter) {
	case 'd':
	case 'D':
		class_add(c, '0', '9');
		break;
	case 'w':
	case 'W':
		class_add(c, '0', '9');
		class_add(c, 'A', 'Z');
		class_add(c, 'a', 'z');
		class_add(c, '_', '_');
		break;
	case 's':
	case 'S':
		class_add(c, '\t', '\r');
		class_add(c, ' ', ' ');
		break;
	default:
		return false;
	}
	if (isupper((unsigned char)letter))
		class_invert(c);
	return true;
}

/* The byte behind a backslash: \n, \x2d, \. ; ps->p stands behind it afterwards.  -1: none. */
static int escaped_byte(struct parser *ps)
{
	char c = *ps->p;

	if (c == 'x' && isxdigit((unsigned char)ps->p[1]) && isxdigit((unsigned char)ps->p[2])) {
		char hex[3] = {ps->p[1], ps->p[2], 0};

		ps->p += 3;
		return (int)strtoul(hex, NULL, 16);
	}
	if (!c || (isalnum((unsigned char)c) && !strchr("nrt", c)))
		return fail(ps, "unknown escape");
	ps->p++;
	return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : (unsigned char)c;
}

/* [...], ps->p behind the '['. */
static int parse_class(struct parser *ps, struct class *c)
{
	bool invert = *ps->p == '^';
	bool first = true;

	memset(c, 0, sizeof(*c));
	if (invert)
		ps->p++;
	for (;; first = false) {
		struct class named = {{0}};
		int from, to;

		if (!*ps->p)
			return fail(ps, "`]' is missing");
		if (*ps->p == ']' && !first)
			break;
		if (*ps->p == '\\' && class_of_letter(ps->p[1], &named)) {
			for (unsigned i = 0; i < 8; i++)
				c->bit[i] |= named.bit[i];
			ps->p += 2;
			continue;
		}
		if ((unsigned char)*ps->p >= 0x80)
			return fail(ps, "classes hold single bytes: write \\xHH");
		from = (unsigned char)*ps->p++;
		if (from == '\\' && (from = escaped_byte(ps)) < 0)
			return -1;
		to = from;
		if (*ps->p == '-' && ps->p[1] && ps->p[1] != ']') {
			ps->p++;
			to = (unsigned char)*ps->p++;
			if (to == '\\' && (to = escaped_byte(ps)) < 0)
				return -1;
		}
		if (to < from)
			return fail(ps, "a range runs backwards");
		class_add(c, (unsigned)from, (unsigned)to);
	}
	ps->p++;
	if (ps->caseless)
		class_fold(c);
	if (invert)
		class_invert(c);
	return 0;
}

static bool is_gap(const struct class *c)
{
	return (class_has(c, ' ') || class_has(c, '-')) && !class_has(c, '0') && !class_has(c, 'a') &&
	       !class_has(c, 'A');
}

static int emit_class(struct parser *ps, enum op op, const struct class *c)
{
	int i = class_index(ps, c);

	if (op == OP_CLASS && ps->gaps && is_gap(c))
		op = OP_GAP;
	return i < 0 ? -1 : emit(ps, op, (unsigned)i, 0, 0);
}

static int parse_alternatives(struct parser *ps);

/* (...), ps->p behind the '('. */
static int parse_group(struct parser *ps)
{
	bool caseless = ps->caseless, capture = false;

	if (++ps->depth > EXPR_DEPTH_MAX)
		return fail(ps, "groups are nested too deep");
	if (!strncmp(ps->p, "?<![", 4)) {
		struct class c;

		ps->p += 4;
		if (parse_class(ps, &c) < 0 || emit_class(ps, OP_NOT_BEFORE, &c) < 0)
			return -1;
	} else if (!strncmp(ps->p, "?!", 2)) {
		size_t at = ps->x->n;

		ps->p += 2;
		if (emit(ps, OP_NOT_NEXT, 0, 0, 0) < 0 || parse_alternatives(ps) < 0 ||
		        emit(ps, OP_MATCH, 0, 0, 0) < 0)
			return -1;
		ps->x->code[at].y = (int32_t)(ps->x->n - at);
	} else {
		if (!strncmp(ps->p, "?:", 2)) {
			ps->p += 2;
		} else if (!strncmp(ps->p, "?i:", 3)) {
			ps->p += 3;
			ps->caseless = true;
		} else if (*ps->p == '?') {
			return fail(ps, "unknown group");
		} else if (!ps->x->captures) {
			capture = ps->x->captures = true;
		}
		if ((capture && emit(ps, OP_SAVE, 0, 0, 0) < 0) || parse_alternatives(ps) < 0 ||
		        (capture && emit(ps, OP_SAVE, 0, 1, 0) < 0))
			return -1;
	}
	if (*ps->p != ')')
		return fail(ps, "`)' is missing");
	ps->p++;
	ps->depth--;
	ps->caseless = caseless;
	return 0;
}

static int parse_atom(struct parser *ps)
{
	static const struct {
		char letter;
		enum op op;
	} borders[] = {{'b', OP_WORD}, {'<', OP_LEFT}, {'>', OP_RIGHT}};
	struct class c = {{0}};
	int byte = (unsigned char)*ps->p++;

	switch (byte) {
	case '(':
		return parse_group(ps);
	case '[':
		return parse_class(ps, &c) < 0 ? -1 : emit_class(ps, OP_CLASS, &c);
	case '.':
		class_add(&c, 0, 255);
		c.bit['\n' >> 5] &= ~(1u << ('\n' & 31));
		return emit_class(ps, OP_CLASS, &c);
	case '^':
		return emit(ps, OP_FIELD_START, 0, 0, 0);
	case '$':
		return emit(ps, OP_FIELD_END, 0, 0, 0);
	case '\\':
		for (size_t i = 0; i < sizeof(borders) / sizeof(*borders); i++)
			if (*ps->p == borders[i].letter) {
				ps->p++;
				return emit(ps, borders[i].op, 0, 0, 0);
			}
		if (class_of_letter(*ps->p, &c)) {
			ps->p++;
			return emit_class(ps, OP_CLASS, &c);
		}
		byte = escaped_byte(ps);
		if (byte < 0)
			return -1;
		break;
	case '*':
	case '+':
	case '?':
	case '{':
		ps->p--;
		return fail(ps, "nothing to repeat");
	default:
		break;
	}
	class_add(&c, (unsigned)byte, (unsigned)byte);
	if (ps->caseless)
		class_fold(&c);
	return emit_class(ps, OP_CLASS, &c);
}

/* Opens a hole of one instruction at `at`; jumps inside the moved part are relative and stay right. */
static int insert(struct parser *ps, size_t at, struct instr in)
{
	if (emit(ps, OP_MATCH, 0, 0, 0) < 0)
		return -1;
	memmove(&ps->x->code[at + 1], &ps->x->code[at], (ps->x->n - 1 - at) * sizeof(struct instr));
	ps->x->code[at] = in;
	return 0;
}

static int copy_part(struct parser *ps, size_t from, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct instr in = ps->x->code[from + i];

		if (emit(ps, (enum op)in.op, in.class, in.x, in.y) < 0)
			return -1;
	}
	return 0;
}

static int make_optional(struct parser *ps, size_t at)
{
	int32_t len = (int32_t)(ps->x->n - at);

	return insert(ps, at, (struct instr){.op = OP_SPLIT, .x = 1, .y = len + 1});
}

/* Code from `at` on, min..max times (max -1: without end). */
static int repeat(struct parser *ps, size_t at, int min, int max)
{
	struct expr *ex = ps->x;
	size_t len = ex->n - at;

	if (len == 1 && ex->code[at].op == OP_CLASS) {
		ex->code[at].op = OP_REPEAT;
		ex->code[at].x = min;
		ex->code[at].y = max < 0 ? INT32_MAX : max;
		return 0;
	}
	for (int i = 1; i < min; i++)
		if (copy_part(ps, at, len) < 0)
			return -1;
	if (max < 0) {
		size_t loop;

		if (min == 0)
			loop = at;
		else if (copy_part(ps, at, len) < 0)
			return -1;
		else
			loop = ex->n - len;
		if (make_optional(ps, loop) < 0)
			return -1;
		ex->code[loop].y++; /* over the jump back */
		return emit(ps, OP_JUMP, 0, (int32_t)loop - (int32_t)ex->n, 0);
	}
	if (min == 0 && make_optional(ps, at) < 0)
		return -1;
	for (int i = min ? min : 1; i < max; i++) {
		size_t here = ex->n;

		if (copy_part(ps, min ? at : at + 1, len) < 0 || make_optional(ps, here) < 0)
			return -1;
	}
	return 0;
}

static int parse_count(struct parser *ps, int *min, int *max)
{
	char *end;
	long v;

	ps->p++;
	if (!isdigit((unsigned char)*ps->p))
		return fail(ps, "a count is missing");
	v = strtol(ps->p, &end, 10);
	*min = *max = (int)(v > 8192 ? -1 : v);
	ps->p = end;
	if (*ps->p == ',') {
		ps->p++;
		*max = -1;
		if (isdigit((unsigned char)*ps->p)) {
			v = strtol(ps->p, &end, 10);
			if (v > 8192 || v < *min || !v)
				return fail(ps, "a count is out of range");
			*max = (int)v;
			ps->p = end;
		}
	} else if (!*max) {
		return fail(ps, "a count is out of range");
	}
	if (*min < 0 || *ps->p != '}')
		return fail(ps, "a count is malformed");
	ps->p++;
	return 0;
}

static int parse_sequence(struct parser *ps)
{
	while (*ps->p && *ps->p != '|' && *ps->p != ')') {
		size_t at = ps->x->n;
		int min = 1, max = 1;

		if (parse_atom(ps) < 0)
			return -1;
		if (*ps->p == '{') {
			if (parse_count(ps, &min, &max) < 0)
				return -1;
		} else if (*ps->p && strchr("?*+", *ps->p)) {
			min = *ps->p == '+';
			max = *ps->p == '?' ? 1 : -1;
			ps->p++;
		} else {
			continue;
		}
		if (repeat(ps, at, min, max) < 0)
			return -1;
	}
	return 0;
}

static int parse_alternatives(struct parser *ps)
{
	size_t at = ps->x->n, jump;

	if (parse_sequence(ps) < 0)
		return -1;
	if (*ps->p != '|')
		return 0;
	ps->p++;
	if (make_optional(ps, at) < 0)
		return -1;
	ps->x->code[at].y++;
	jump = ps->x->n;
	if (emit(ps, OP_JUMP, 0, 0, 0) < 0 || parse_alternatives(ps) < 0)
		return -1;
	ps->x->code[jump].x = (int32_t)(ps->x->n - jump);
	return 0;
}

/* Collects the bytes a match may begin with; an expression that may be empty begins with any. */
static void first_bytes(struct expr *x, size_t pc, uint8_t *seen)
{
	while (!seen[pc]) {
		const struct instr *in = &x->code[pc];

		seen[pc] = 1;
		switch ((enum op)in->op) {
		case OP_GAP:
			for (const char *b = GAP_FIRST_BYTES; *b; b++)
				class_add(&x->first, (uint8_t)*b, (uint8_t)*b);
			/* fall through */
		case OP_REPEAT:
		case OP_CLASS:
			for (unsigned i = 0; i < 8; i++)
				x->first.bit[i] |= x->classes[in->class].bit[i];
			if (in->op != OP_REPEAT || in->x > 0)
				return;
			pc++;
			break;
		case OP_SPLIT:
			first_bytes(x, pc + (size_t)in->x, seen);
			pc += (size_t)in->y; /* jumps back wrap around to where they belong */
			break;
		case OP_JUMP:
			pc += (size_t)in->x;
			break;
		case OP_MATCH:
			memset(&x->first, 0xff, sizeof(x->first));
			return;
		case OP_NOT_NEXT:
			pc += (size_t)x->code[pc].y;
			break;
		default:
			pc++;
			break;
		}
	}
}

static bool is_digits(const struct class *c)
{
	struct class rest = *c;

	rest.bit['0' >> 5] &= ~(0x3ffu << ('0' & 31));
	for (unsigned i = 0; i < 8; i++)
		if (rest.bit[i])
			return false;
	return true;
}

/* How many digits every match from this instruction on begins with, at least. */
static unsigned digits_from(const struct expr *x, size_t pc, unsigned forks)
{
	unsigned n = 0, a, b;

	for (;;) {
		const struct instr *in = &x->code[pc];

		switch ((enum op)in->op) {
		case OP_CLASS:
		case OP_REPEAT:
			if (!is_digits(&x->classes[in->class]))
				return n;
			n += in->op == OP_CLASS ? 1 : (unsigned)in->x;
			if (in->op == OP_REPEAT && in->x != in->y)
				return n;
			pc++;
			break;
		case OP_SPLIT:
			if (!forks || in->x < 0 || in->y < 0)
				return n;
			a = digits_from(x, pc + (size_t)in->x, forks - 1);
			b = digits_from(x, pc + (size_t)in->y, forks - 1);
			return n + (a < b ? a : b);
		case OP_JUMP:
			if (in->x < 0)
				return n;
			pc += (size_t)in->x;
			break;
		case OP_SAVE:
		case OP_LEFT:
		case OP_NOT_BEFORE:
			pc++;
			break;
		default:
			return n;
		}
	}
}

struct expr *expr_compile(const char *pattern, unsigned flags, struct err *e)
{
	struct expr *x = calloc(1, sizeof(*x));
	struct parser ps = {
	        .p = pattern, .x = x, .caseless = flags & EXPR_CASELESS, .gaps = flags & EXPR_GAPS, .e = e};
	uint8_t *seen = NULL;

	if (!x) {
		err_set(e, "no memory");
		return NULL;
	}
	if (parse_alternatives(&ps) < 0)
		goto bad;
	if (*ps.p) {
		fail(&ps, "`)' without `('");
		goto bad;
	}
	if (emit(&ps, OP_MATCH, 0, 0, 0) < 0)
		goto bad;
	seen = calloc(x->n + 1, 1);
	if (!seen) {
		err_set(e, "no memory");
		goto bad;
	}
	first_bytes(x, 0, seen);
	x->digits = digits_from(x, 0, 4);
	x->begins_with_border = x->code[0].op == OP_LEFT || x->code[0].op == OP_NOT_BEFORE;
	free(seen);
	return x;
bad:
	expr_free(x);
	return NULL;
}

void expr_free(struct expr *x)
{
	if (!x)
		return;
	free(x->code);
	free(x->classes);
	free(x);
}

bool expr_begins_with(const struct expr *x, uint8_t c)
{
	return class_has(&x->first, c);
}
