/* expr_run.c - runs a compiled expression with an explicit stack: no recursion on input, a budget of steps,
 * so that no text can make it slow.  The usual backtracking machine (R. Cox, "Regular Expression Matching:
 * the Virtual Machine Approach"). */
#include "classify/detect/expr_code.h"
#include "classify/detect/gap.h"

static inline bool is_word(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool word_before(const uint8_t *p, size_t at)
{
	return at > 0 && is_word(p[at - 1]);
}

static bool border_left(const uint8_t *p, size_t at)
{
	if (!word_before(p, at))
		return true;
	return at > 1 && p[at - 2] == '\\' && (p[at - 1] == 'n' || p[at - 1] == 'r' || p[at - 1] == 't');
}

static bool holds(const struct expr *x, const struct instr *in, const uint8_t *p, size_t n, size_t at)
{
	switch ((enum op)in->op) {
	case OP_WORD:
		return word_before(p, at) != (at < n && is_word(p[at]));
	case OP_LEFT:
		return border_left(p, at);
	case OP_RIGHT:
		return at >= n || !is_word(p[at]);
	case OP_FIELD_START:
		return at == 0;
	case OP_FIELD_END:
		return at >= n;
	case OP_NOT_BEFORE:
		return at == 0 || !class_has(&x->classes[in->class], p[at - 1]);
	default:
		return false;
	}
}

struct frame {
	uint32_t pc, at, low; /* come back with at, at-1, ... low */
	uint32_t from, to;    /* the value as it was */
};

/* Length of the separator at p[at] that an OP_GAP takes; 0: none. */
static size_t gap_len(const struct class *c, const uint8_t *p, size_t n, size_t at)
{
	uint8_t as;
	size_t len = at < n ? gap_at(p + at, n - at, &as) : 0;

	if (len)
		return class_has(c, as) ? len : 0;
	return at < n && class_has(c, p[at]);
}

/* Whether a branch survives its first byte: most alternatives do not, and need no place to come back to. */
static inline bool may_step(const struct expr *x, uint32_t pc, const uint8_t *p, size_t n, size_t at)
{
	const struct instr *in = &x->code[pc];

	if (in->op == OP_GAP)
		return gap_len(&x->classes[in->class], p, n, at);
	if (in->op != OP_CLASS)
		return true;
	return at < n && class_has(&x->classes[in->class], p[at]);
}

/* Runs from an instruction on; *matched is where it ended, with the value.  (?!..) runs inside itself, as
 * deep as the expression nests it. */
static bool run(const struct expr *x, const uint8_t *p, size_t n, uint32_t pc, uint32_t start, size_t *steps,
        struct frame *matched)
{
	struct frame stack[EXPR_STACK_MAX];
	struct frame now = {.pc = pc, .at = start, .from = start, .to = 0};
	size_t depth = 0;

	while (*steps) {
		const struct instr *in = &x->code[now.pc];
		const struct class *c = &x->classes[in->class];
		size_t count, most;
		bool ok = true;

		(*steps)--;
		switch ((enum op)in->op) {
		case OP_CLASS:
			ok = now.at < n && class_has(c, p[now.at]);
			now.at++;
			now.pc++;
			break;
		case OP_GAP:
			count = gap_len(c, p, n, now.at);
			ok = count;
			now.at += (uint32_t)count;
			now.pc++;
			break;
		case OP_REPEAT:
			most = n - now.at < (size_t)in->y ? n - now.at : (size_t)in->y;
			for (count = 0; count < most && class_has(c, p[now.at + count]); count++)
				;
			*steps -= *steps > count / 2 ? count / 2 : *steps;
			ok = count >= (size_t)in->x;
			now.pc++;
			if (ok && count > (size_t)in->x) {
				if (depth == EXPR_STACK_MAX)
					return false;
				stack[depth] = now;
				stack[depth].low = now.at + (uint32_t)in->x;
				stack[depth++].at = now.at + (uint32_t)count - 1;
			}
			now.at += (uint32_t)count;
			break;
		case OP_SPLIT:
			if (!may_step(x, now.pc + (uint32_t)in->x, p, n, now.at)) {
				now.pc += (uint32_t)in->y;
				break;
			}
			if (may_step(x, now.pc + (uint32_t)in->y, p, n, now.at)) {
				if (depth == EXPR_STACK_MAX)
					return false;
				stack[depth] = now;
				stack[depth].pc += (uint32_t)in->y;
				stack[depth++].low = now.at;
			}
			now.pc += (uint32_t)in->x;
			break;
		case OP_JUMP:
			now.pc = (uint32_t)((int32_t)now.pc + in->x);
			break;
		case OP_SAVE:
			if (in->x)
				now.to = now.at;
			else
				now.from = now.at;
			now.pc++;
			break;
		case OP_MATCH:
			*matched = now;
			return true;
		case OP_NOT_NEXT: {
			struct frame ignored;

			ok = !run(x, p, n, now.pc + 1, now.at, steps, &ignored);
			now.pc = (uint32_t)((int32_t)now.pc + in->y);
			break;
		}
		default:
			ok = holds(x, in, p, n, now.at);
			now.pc++;
			break;
		}
		if (ok)
			continue;
		if (!depth)
			return false;
		now = stack[depth - 1];
		if (now.at > now.low)
			stack[depth - 1].at--;
		else
			depth--;
	}
	return false;
}

static bool begins_with_digits(const uint8_t *p, size_t n, size_t digits)
{
	if (digits > n)
		return false;
	for (size_t i = 0; i < digits; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

bool expr_match_at(
        const struct expr *x, const uint8_t *p, size_t n, size_t start, size_t *steps, struct expr_hit *hit)
{
	struct frame end;

	/* most places fail on the first byte, on the border before it, or on the first group of digits */
	if (start >= n || !class_has(&x->first, p[start]) ||
	        (x->begins_with_border && !holds(x, &x->code[0], p, n, start)) ||
	        !begins_with_digits(p + start, n - start, x->digits) ||
	        !run(x, p, n, 0, (uint32_t)start, steps, &end))
		return false;
	/* an alternative without the group: the whole match is the value */
	*hit = (struct expr_hit){.start = start,
	        .end = end.at,
	        .value_start = end.to ? end.from : start,
	        .value_end = end.to ? end.to : end.at};
	return true;
}

bool expr_search(const struct expr *x, const uint8_t *p, size_t n, size_t *steps)
{
	size_t places = x->code[0].op == OP_FIELD_START && n ? 1 : n;
	struct expr_hit hit;

	for (size_t at = 0; at < places && *steps; at++)
		if (expr_match_at(x, p, n, at, steps, &hit))
			return true;
	return false;
}
