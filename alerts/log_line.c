/* log_line.c - see log_line.h.  The numbers stand at the beginning of every line, in a fixed order
 * (docs/records.md), so that a look at them costs the same whatever the length. */
#include "alerts/log_line.h"

#include "alerts/record.h"
#include "alerts/record_read.h"
#include "base/clock.h"

#include <string.h>

static bool is_text(struct record_value v, const char *text)
{
	return v.n == strlen(text) && !memcmp(v.p, text, v.n);
}

/* Decimal digits and nothing else; 0 is no number that records have. */
static uint64_t digits(const char *p, size_t n)
{
	return record_number((struct record_value){RECORD_NUMBER, p, n});
}

/* "<sensor>/<index>" */
static uint64_t index_of(struct record_value id)
{
	const char *slash = id.type == RECORD_STRING ? memrchr(id.p, '/', id.n) : NULL;

	return slash ? digits(slash + 1, (size_t)(id.p + id.n - slash - 1)) : 0;
}

/* 2026-11-22T20:53:02.123456Z to milliseconds since 1970; -1: it is no time. */
static int64_t milliseconds(struct record_value v)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
	char day[11];
	int32_t days;

	if (v.type != RECORD_STRING || v.n != sizeof(shape) - 1)
		return -1;
	for (size_t i = 0; i < v.n; i++)
		if (shape[i] == 'd' ? v.p[i] < '0' || v.p[i] > '9' : v.p[i] != shape[i])
			return -1;
	memcpy(day, v.p, 10);
	day[10] = '\0';
	if (time_parse_day(day, &days) < 0 || days < 0)
		return -1;
	return days * 86400000LL + (int64_t)digits(v.p + 11, 2) * 3600000 +
	       (int64_t)digits(v.p + 14, 2) * 60000 + (int64_t)digits(v.p + 17, 2) * 1000 +
	       (int64_t)digits(v.p + 20, 3);
}

bool log_line_numbers(const char *p, size_t len, struct log_line *out)
{
	static const char *const names[] = {"type", "schema", "sensor", "id", "time", "logged", "ordinal"};
	struct record_value v[7], name, line = {RECORD_OBJECT, p, len};
	size_t at = 0;

	/* lines whose LF was damaged are one: no member of a record is an object that begins like one */
	if (len < 2 || len > RECORD_LINE_MAX || p[0] != '{' || p[len - 1] != '}' ||
	        memmem(p + 1, len - 1, "{\"type\":", 8))
		return false;
	for (unsigned i = 0; i < 7; i++)
		if (!record_next_member(line, &at, &name, &v[i]) || !is_text(name, names[i]))
			return false;
	*out = (struct log_line){.p = p,
	        .len = len,
	        .fields = at,
	        .type = record_type_by_name(v[0].p, v[0].n),
	        .index = index_of(v[3]),
	        .logged_ms = milliseconds(v[5]),
	        .ordinal = record_number(v[6])};
	return out->type < RECORD_TYPES && out->index && out->ordinal && out->logged_ms >= 0;
}

void log_line_fields(struct log_line *l)
{
	const struct {
		const char *name;
		struct slice *to;
	} wanted[] = {{"kind", &l->kind}, {"severity", &l->severity}, {"verdict", &l->verdict}};
	struct record_value line = {RECORD_OBJECT, l->p, l->len}, name, v;
	size_t at = l->fields;

	/* the verdict is the last of them that a record has; what follows is half of the line */
	while (!l->verdict.n && record_next_member(line, &at, &name, &v)) {
		for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++)
			if (v.type == RECORD_STRING && is_text(name, wanted[i].name))
				*wanted[i].to = slice_of(v.p, v.n);
		if (v.type == RECORD_OBJECT && (is_text(name, "service") || is_text(name, "suppressed"))) {
			struct slice *to = is_text(name, "service") ? &l->service : &l->suppressed;

			v = record_get(v, "id");
			if (v.type == RECORD_STRING)
				*to = slice_of(v.p, v.n);
		}
	}
}
