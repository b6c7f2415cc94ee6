/* validate_columns.c - a column of a table that is called `password`: CSV, Markdown, what psql prints. */
#include "classify/detect/validate.h"

#include <ctype.h>
#include <string.h>

#define LINE_MAX_BYTES 512u
#define COLUMNS_MAX    32u
#define ROWS_BYTES     2048u /* below the head */

struct line {
	size_t from, to;
};

static size_t line_end(const struct value *v, size_t at)
{
	const uint8_t *end = at < v->n ? memchr(v->p + at, '\n', v->n - at) : NULL;

	return end ? (size_t)(end - v->p) : v->n;
}

static struct line next_line(const struct value *v, struct line l)
{
	size_t from = l.to < v->n ? l.to + 1 : v->n;

	return (struct line){from, line_end(v, from)};
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\r';
}

static struct line trimmed(const struct value *v, struct line l)
{
	while (l.from < l.to && is_blank(v->p[l.from]))
		l.from++;
	while (l.to > l.from && is_blank(v->p[l.to - 1]))
		l.to--;
	return l;
}

/* The cell that begins at *at, without blanks and quotes; *at goes behind it. */
static struct line take_cell(const struct value *v, struct line row, uint8_t delimiter, size_t *at)
{
	struct line cell = {*at, *at};
	bool quoted = false;

	for (; cell.to < row.to && (quoted || v->p[cell.to] != delimiter); cell.to++)
		quoted ^= delimiter != '|' && v->p[cell.to] == '"';
	*at = cell.to + 1;
	cell = trimmed(v, cell);
	while (cell.to - cell.from >= 2 && strchr("\"'`*", v->p[cell.from]) && v->p[cell.from] &&
	        v->p[cell.from] == v->p[cell.to - 1]) {
		cell.from++;
		cell.to--;
	}
	return cell;
}

/* Their number; 0: too many. */
static unsigned read_cells(
        const struct value *v, struct line row, uint8_t delimiter, struct line cells[COLUMNS_MAX])
{
	unsigned n = 0;
	size_t at;

	row = trimmed(v, row);
	if (delimiter == '|' && row.from < row.to && v->p[row.from] == '|')
		row.from++;
	if (delimiter == '|' && row.from < row.to && v->p[row.to - 1] == '|')
		row.to--;
	for (at = row.from; at <= row.to; n++) {
		if (n == COLUMNS_MAX)
			return 0;
		cells[n] = take_cell(v, row, delimiter, &at);
	}
	return n;
}

static bool is_title(const struct value *v, struct line cell)
{
	if (cell.from == cell.to || cell.to - cell.from > 40 || ispunct(v->p[cell.from]))
		return false;
	for (size_t i = cell.from; i < cell.to; i++)
		if (!isalnum(v->p[i]) && v->p[i] < 0x80 && !memchr("_- ./", v->p[i], 5))
			return false;
	return true;
}

/* |---|:--:| or ----+---- */
static bool is_rule(const struct value *v, struct line l)
{
	size_t dashes = 0;

	for (size_t i = l.from; i < l.to; i++) {
		if (!memchr("-+|: \r", v->p[i], 6))
			return false;
		dashes += v->p[i] == '-';
	}
	return dashes >= 3;
}

/* What no name in a column of names looks like. */
static bool is_mixed(const uint8_t *p, size_t n)
{
	size_t upper = 0, lower = 0, digits = 0, special = 0;

	for (size_t i = 0; i < n; i++) {
		upper += isupper(p[i]) != 0;
		lower += islower(p[i]) != 0;
		digits += isdigit(p[i]) != 0;
		special += p[i] > ' ' && p[i] < 0x80 && !isalnum(p[i]) && !strchr("_-./:@", p[i]);
	}
	if (!digits || !(upper || lower) || memchr(p, ' ', n))
		return false;
	return special || (upper && lower && digits > 1 && n >= 8);
}

static bool take_value(struct value *v, struct line cell)
{
	struct value one = *v;

	one.start = cell.from;
	one.end = cell.to;
	if (cell.from == cell.to || !is_mixed(v->p + cell.from, cell.to - cell.from) ||
	        validate_password(&one) == VALUE_NO)
		return false;
	v->start = one.start;
	v->end = one.end;
	return true;
}

/* The match is the title of the column with the delimiter before or behind it; the value becomes the first
 * below it that looks like a password, and stands for the column. */
enum verdict_of_value validate_password_column(struct value *v)
{
	struct line head = {v->match_start, line_end(v, v->match_start)}, row, cells[COLUMNS_MAX];
	uint8_t delimiter = 0;
	unsigned columns, column = 0;

	while (head.from > 0 && v->match_start - head.from < LINE_MAX_BYTES && v->p[head.from - 1] != '\n')
		head.from--;
	for (size_t i = v->match_start; i < head.to && !delimiter; i++)
		delimiter = memchr(",;|\t", v->p[i], 4) ? v->p[i] : 0;
	for (size_t i = v->match_start; i > head.from && !delimiter; i--)
		delimiter = memchr(",;|\t", v->p[i - 1], 4) ? v->p[i - 1] : 0;
	columns = delimiter ? read_cells(v, head, delimiter, cells) : 0;
	if (columns < 2)
		return VALUE_NO;
	for (unsigned i = 0; i < columns; i++) {
		if (!is_title(v, cells[i]))
			return VALUE_NO;
		column = cells[i].from <= v->match_start ? i : column;
	}
	row = next_line(v, head);
	if (is_rule(v, row))
		row = next_line(v, row);
	else if (delimiter == '|')
		return VALUE_NO;
	for (; row.from < row.to && row.from - head.to < ROWS_BYTES; row = next_line(v, row)) {
		if (is_rule(v, row) || read_cells(v, row, delimiter, cells) != columns)
			return VALUE_NO;
		if (take_value(v, cells[column]))
			return VALUE_YES;
	}
	return VALUE_NO;
}
