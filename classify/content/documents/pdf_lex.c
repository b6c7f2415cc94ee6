/* pdf_lex.c - tokens of PDF (ISO 32000-1 7.2, 7.3), also of its content streams and of character maps, which
 * are PostScript's in this respect.  Never fails: what is no token is passed over. */
#include "classify/content/documents/pdf.h"

enum state {
	GAP,
	COMMENT,
	NAME,
	NAME_HEX,
	WORD,
	STRING,
	ESCAPE,
	OCTAL,
	ESCAPE_CR,
	HEX,
	LESS,
	GREATER,
	IMAGE
};

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || !c;
}

static bool is_delimiter(uint8_t c)
{
	return c == '(' || c == ')' || c == '<' || c == '>' || c == '[' || c == ']' || c == '{' || c == '}' ||
	       c == '/' || c == '%';
}

void pdf_lex_begin(struct pdf_lex *x)
{
	x->state = GAP;
	x->stop = x->more = false;
	x->pos = 0;
	x->n = 0;
}

void pdf_lex_image(struct pdf_lex *x)
{
	x->state = IMAGE;
	x->image = 0;
}

static void tell(
        struct pdf *f, struct pdf_lex *x, struct nest *t, enum pdf_token_type type, pdf_token_fn token)
{
	struct pdf_token k = {.type = type, .p = x->buf, .n = x->n, .at = x->at, .more = x->more};

	x->state = GAP;
	x->n = 0;
	token(f, t, &k);
}

/* "--5" and "1-2" are met in the wild: the sign that stands anywhere counts. */
static bool number(const uint8_t *p, size_t n, double *out)
{
	double v = 0, unit = 1;
	bool minus = false, fraction = false;

	for (size_t i = 0; i < n; i++) {
		if (p[i] >= '0' && p[i] <= '9') {
			v = v * 10 + (p[i] - '0');
			unit = fraction ? unit * 10 : 1;
		} else if (p[i] == '-') {
			minus = true;
		} else if (p[i] == '.') {
			fraction = true;
		} else if (p[i] != '+') {
			return false;
		}
	}
	*out = (minus ? -v : v) / unit;
	return n < 40;
}

/* What is between delimiters: a number, or a word. */
static void tell_word(struct pdf *f, struct pdf_lex *x, struct nest *t, pdf_token_fn token)
{
	struct pdf_token k = {.type = PDF_WORD, .p = x->buf, .n = x->n, .at = x->at};

	if (number(x->buf, x->n, &k.number))
		k.type = PDF_NUMBER;
	x->state = GAP;
	x->n = 0;
	token(f, t, &k);
}

static void put(struct pdf *f, struct pdf_lex *x, struct nest *t, uint8_t c, pdf_token_fn token)
{
	uint8_t state = x->state;

	if (x->n == sizeof(x->buf)) {
		if (state != STRING && state != HEX)
			return;
		x->more = true;
		tell(f, x, t, PDF_STRING, token);
		x->more = false;
		x->state = state;
	}
	x->buf[x->n++] = c;
}

/* Between tokens. */
static void gap_byte(struct pdf *f, struct pdf_lex *x, struct nest *t, uint8_t c, pdf_token_fn token)
{
	x->at = x->pos;
	x->n = 0;
	x->more = false;
	switch (c) {
	case '%':
		x->state = COMMENT;
		break;
	case '/':
		x->state = NAME;
		break;
	case '(':
		x->state = STRING;
		x->depth = 0;
		break;
	case '<':
		x->state = LESS;
		break;
	case '>':
		x->state = GREATER;
		break;
	case '[':
		tell(f, x, t, PDF_ARRAY_OPEN, token);
		break;
	case ']':
		tell(f, x, t, PDF_ARRAY_CLOSE, token);
		break;
	default:
		if (!is_blank(c) && !is_delimiter(c)) {
			x->state = WORD;
			put(f, x, t, c, token);
		}
	}
}

/* 7.3.4.2 */
static void string_byte(struct pdf *f, struct pdf_lex *x, struct nest *t, uint8_t c, pdf_token_fn token)
{
	if (c == '\\') {
		x->state = ESCAPE;
	} else if (c == ')' && !x->depth) {
		tell(f, x, t, PDF_STRING, token);
	} else {
		x->depth += c == '(';
		x->depth -= c == ')';
		put(f, x, t, c, token);
	}
}

static bool escape_byte(struct pdf *f, struct pdf_lex *x, struct nest *t, uint8_t c, pdf_token_fn token)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *which = c ? strchr(from, c) : NULL;

	if (x->state == OCTAL) {
		if (c >= '0' && c <= '7' && x->octal_n < 3) {
			x->digit = x->digit * 8 + (c - '0');
			x->octal_n++;
			return true;
		}
		x->state = STRING;
		put(f, x, t, (uint8_t)x->digit, token);
		return false;
	}
	if (x->state == ESCAPE_CR) {
		x->state = STRING;
		return c == '\n';
	}
	x->state = STRING;
	if (c >= '0' && c <= '7') {
		x->state = OCTAL;
		x->octal_n = 1;
		x->digit = c - '0';
	} else if (c == '\r') {
		x->state = ESCAPE_CR;
	} else if (c != '\n') {
		put(f, x, t, which ? (uint8_t)to[which - from] : c, token);
	}
	return true;
}

static void hex_byte(struct pdf *f, struct pdf_lex *x, struct nest *t, uint8_t c, pdf_token_fn token)
{
	int d = hex_digit((char)c);

	if (c == '>') {
		if (x->digit >= 0)
			put(f, x, t, (uint8_t)(x->digit << 4), token);
		tell(f, x, t, PDF_STRING, token);
	} else if (d >= 0 && x->digit < 0) {
		x->digit = d;
	} else if (d >= 0) {
		put(f, x, t, (uint8_t)(x->digit << 4 | d), token);
		x->digit = -1;
	}
}

static bool name_byte(struct pdf *f, struct pdf_lex *x, struct nest *t, uint8_t c, pdf_token_fn token)
{
	int d = hex_digit((char)c);

	if (x->state == NAME_HEX && d >= 0 && x->digit < 0) {
		x->digit = d;
		return true;
	}
	if (x->state == NAME_HEX) {
		bool whole = d >= 0;

		x->state = NAME;
		put(f, x, t, (uint8_t)(whole ? x->digit << 4 | d : '#'), token);
		if (whole)
			return true;
	}
	if (is_blank(c) || is_delimiter(c)) {
		tell(f, x, t, PDF_NAME, token);
		return false;
	}
	if (c == '#') {
		x->state = NAME_HEX;
		x->digit = -1;
	} else {
		put(f, x, t, c, token);
	}
	return true;
}

/* Samples of an inline image end with EI between blanks. */
static void image_byte(struct pdf_lex *x, uint8_t c)
{
	if (x->image == 3 && is_blank(c))
		x->state = GAP;
	else
		x->image = is_blank(c)                 ? 1
		           : x->image == 1 && c == 'E' ? 2
		           : x->image == 2 && c == 'I' ? 3
		                                       : 0;
}

/* false: the byte is yet to be read, as the first of what follows. */
static bool byte(struct pdf *f, struct pdf_lex *x, struct nest *t, uint8_t c, pdf_token_fn token)
{
	switch ((enum state)x->state) {
	case GAP:
		gap_byte(f, x, t, c, token);
		return true;
	case COMMENT:
		if (c == '\n' || c == '\r')
			x->state = GAP;
		return true;
	case NAME:
	case NAME_HEX:
		return name_byte(f, x, t, c, token);
	case WORD:
		if (is_blank(c) || is_delimiter(c)) {
			tell_word(f, x, t, token);
			return false;
		}
		put(f, x, t, c, token);
		return true;
	case STRING:
		string_byte(f, x, t, c, token);
		return true;
	case ESCAPE:
	case OCTAL:
	case ESCAPE_CR:
		return escape_byte(f, x, t, c, token);
	case HEX:
		hex_byte(f, x, t, c, token);
		return true;
	case LESS:
		x->state = HEX;
		x->digit = -1;
		if (c == '<')
			tell(f, x, t, PDF_DICT_OPEN, token);
		return c == '<';
	case GREATER:
		x->state = GAP;
		if (c == '>')
			tell(f, x, t, PDF_DICT_CLOSE, token);
		return c == '>';
	case IMAGE:
		image_byte(x, c);
		return true;
	}
	return true;
}

size_t pdf_lex_feed(
        struct pdf *f, struct pdf_lex *x, struct nest *t, const uint8_t *p, size_t n, pdf_token_fn token)
{
	size_t i = 0;

	while (i < n) {
		if (byte(f, x, t, p[i], token)) {
			i++;
			x->pos++;
		}
		if (x->stop) {
			x->stop = false;
			return i;
		}
	}
	return n;
}

void pdf_lex_end(struct pdf *f, struct pdf_lex *x, struct nest *t, pdf_token_fn token)
{
	if (x->state == NAME || x->state == WORD)
		byte(f, x, t, ' ', token);
	else if (x->state == STRING || x->state == HEX)
		tell(f, x, t, PDF_STRING, token);
	x->state = GAP;
	x->stop = false;
}

uint32_t pdf_name_hash(const struct pdf_token *k)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < k->n; i++)
		h = (h ^ k->p[i]) * 16777619u;
	return h ? h : 1;
}
