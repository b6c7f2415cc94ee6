/* expr_code.h - what expr.c compiles an expression to, and expr_run.c runs. */
#ifndef CLASSIFY_DETECT_EXPR_CODE_H
#define CLASSIFY_DETECT_EXPR_CODE_H

#include "classify/detect/expr.h"

enum op {
	OP_CLASS,  /* one byte of the class */
	OP_GAP,    /* a separator of the class, or one that stands for it */
	OP_REPEAT, /* min..max bytes of the class, as many as there are */
	OP_SPLIT,  /* try x, then y (relative) */
	OP_JUMP,   /* relative */
	OP_SAVE,   /* x: 0 value begins, 1 value ends */
	OP_WORD,   /* \b */
	OP_LEFT,   /* \< */
	OP_RIGHT,  /* \> */
	OP_FIELD_START,
	OP_FIELD_END,
	OP_NOT_BEFORE, /* (?<![..]) */
	OP_NOT_NEXT,   /* (?!..): the y instructions behind do not match here */
	OP_MATCH,
};

struct instr {
	uint8_t op;
	uint16_t class;
	int32_t x, y;
};

struct class
{
	uint32_t bit[8];
};

struct expr {
	struct instr *code;
	size_t n;
	struct class *classes;
	size_t n_classes;
	struct class first;
	bool captures, begins_with_border;
	unsigned digits; /* that it begins with, at least */
};

static inline bool class_has(const struct class *c, uint8_t b)
{
	return c->bit[b >> 5] >> (b & 31) & 1;
}

#endif
