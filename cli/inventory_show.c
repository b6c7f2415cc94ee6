/* inventory_show.c - the inventory as a table for people, as CSV (RFC 4180) and as JSON.  The last lines
 * account for every flow that stands in no row. */
#include "cli/inventory.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <string.h>

enum column {
	SERVICE,
	GROUP,
	USERS,
	BYTES_OUT,
	FLOWS,
	FIRST_SEEN,
	LAST_SEEN,
	NAMED_BY,
	READABLE,
	TLS,
	POST_QUANTUM,
	COLUMNS
};

/* In what order columns are left out where the terminal is too narrow: those first that decide nothing. */
static const struct {
	const char *head;
	bool right;
	unsigned dispensable; /* 1 goes first, 0 stays */
} columns[COLUMNS] = {
        [SERVICE] = {"SERVICE", false, 0},
        [GROUP] = {"GROUP", false, 0},
        [USERS] = {"USERS", true, 0},
        [BYTES_OUT] = {"BYTES OUT", true, 0},
        [FLOWS] = {"FLOWS", true, 6},
        [FIRST_SEEN] = {"FIRST SEEN (UTC)", false, 2},
        [LAST_SEEN] = {"LAST SEEN (UTC)", false, 0},
        [NAMED_BY] = {"NAMED BY", false, 5},
        [READABLE] = {"READABLE", false, 4},
        [TLS] = {"TLS", false, 3},
        [POST_QUANTUM] = {"POST-QUANTUM", true, 1},
};
#define GAP         2
#define SERVICE_MIN 16 /* columns that a service's name keeps when all else was left out */

#define CELL_MAX 192
#define JSON_MAX 16384

const char *inventory_by(unsigned by, char *buf, size_t cap)
{
	size_t n = 0;

	*buf = '\0';
	for (unsigned b = NAME_NONE + 1; b < NAME_SOURCES; b++)
		if (by & 1u << b && n < cap)
			n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? "+" : "",
			        name_source_text((enum name_source)b));
	return *buf ? buf : (char *)memcpy(buf, "-", 2);
}

const char *inventory_tls(const struct inventory_row *r, char *buf, size_t cap)
{
	static const char *const names[TLS_KINDS] = {"below 1.2", "1.2", "1.3"};
	size_t n = 0;

	*buf = '\0';
	for (unsigned i = 0; i < TLS_KINDS; i++)
		if (r->tls[i] && n < cap)
			n += (size_t)snprintf(buf + n, cap - n, "%s%s", n ? "+" : "", names[i]);
	return *buf ? buf : (char *)memcpy(buf, "-", 2);
}

static const char *read_text(const struct inventory_row *r, char *buf, size_t cap)
{
	size_t n = 0;

	*buf = '\0';
	for (unsigned b = VISIBLE_DECRYPTED + 1; b-- > 0;)
		if (r->visible[b] && n < cap)
			n += (size_t)snprintf(buf + n, cap - n, "%s%s %" PRIu64, n ? ", " : "",
			        visibility_name((enum visibility)b), r->visible[b]);
	return *buf ? buf : (char *)memcpy(buf, "-", 2);
}

const char *inventory_bytes(uint64_t n, char *buf, size_t cap)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double v = (double)n;
	unsigned u = 0;

	while (v >= 1024 && u < 4) {
		v /= 1024;
		u++;
	}
	snprintf(buf, cap, u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return buf;
}

/* "2026-11-22 20:53" */
static const char *minute_text(int64_t ns, char buf[TIME_TEXT_MAX])
{
	time_format(ns, buf);
	buf[10] = ' ';
	buf[16] = '\0';
	return buf;
}

/* A terminal gets no control characters from a record somebody wrote. */
static void make_plain(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void fill(const struct inventory_row *r, char cell[COLUMNS][CELL_MAX])
{
	char t[TIME_TEXT_MAX];

	snprintf(cell[SERVICE], CELL_MAX, "%s%s%s%s", r->service, r->suspected ? " (" : "",
	        r->suspected ? r->name : "", r->suspected ? ")" : "");
	snprintf(cell[GROUP], CELL_MAX, "%s", *r->group ? r->group : "-");
	snprintf(cell[USERS], CELL_MAX, "%" PRIu64, r->users);
	inventory_bytes(r->out, cell[BYTES_OUT], CELL_MAX);
	snprintf(cell[FLOWS], CELL_MAX, "%" PRIu64, r->flows);
	snprintf(cell[FIRST_SEEN], CELL_MAX, "%s", minute_text(r->first_ns, t));
	snprintf(cell[LAST_SEEN], CELL_MAX, "%s", minute_text(r->last_ns, t));
	inventory_by(r->by, cell[NAMED_BY], CELL_MAX);
	read_text(r, cell[READABLE], CELL_MAX);
	inventory_tls(r, cell[TLS], CELL_MAX);
	snprintf(cell[POST_QUANTUM], CELL_MAX, "-");
	if (r->tls_groups)
		snprintf(
		        cell[POST_QUANTUM], CELL_MAX, "%" PRIu64 "%%", r->post_quantum * 100 / r->tls_groups);
	for (unsigned i = 0; i < COLUMNS; i++)
		make_plain(cell[i]);
}

static unsigned columns_of(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* How wide each column of a table is; 0: it is left out. */
struct layout {
	unsigned wide[COLUMNS];
};

static unsigned total(const struct layout *l)
{
	unsigned n = 0;

	for (unsigned i = 0; i < COLUMNS; i++)
		n += l->wide[i] ? l->wide[i] + (n ? GAP : 0) : 0;
	return n;
}

static void make_fit(struct layout *l, unsigned most)
{
	unsigned over;

	for (unsigned step = 1; step <= COLUMNS && total(l) > most; step++)
		for (unsigned i = 0; i < COLUMNS; i++)
			if (columns[i].dispensable == step)
				l->wide[i] = 0;
	over = total(l) > most ? total(l) - most : 0;
	if (over && l->wide[SERVICE] > SERVICE_MIN)
		l->wide[SERVICE] =
		        l->wide[SERVICE] > over + SERVICE_MIN ? l->wide[SERVICE] - over : SERVICE_MIN;
}

/* `left_out`: columns that go whether or not there is room, bits 1 << enum column. */
static struct layout layout_of(const struct inventory *v, bool suspected, unsigned most, unsigned left_out)
{
	char cell[COLUMNS][CELL_MAX];
	struct layout l;

	for (unsigned i = 0; i < COLUMNS; i++)
		l.wide[i] = columns_of(columns[i].head);
	for (size_t k = 0; k < v->n; k++) {
		if (v->rows[k].suspected != suspected)
			continue;
		fill(&v->rows[k], cell);
		for (unsigned i = 0; i < COLUMNS; i++)
			l.wide[i] = columns_of(cell[i]) > l.wide[i] ? columns_of(cell[i]) : l.wide[i];
	}
	for (unsigned i = 0; i < COLUMNS; i++)
		l.wide[i] = left_out >> i & 1 ? 0 : l.wide[i];
	if (most)
		make_fit(&l, most);
	return l;
}

static bool has_rows(const struct inventory *v, bool suspected)
{
	for (size_t k = 0; k < v->n; k++)
		if (v->rows[k].suspected == suspected)
			return true;
	return false;
}

/* One set for both tables: columns that come and go between them read as data that is missing. */
static unsigned left_out_of(const struct inventory *v, unsigned most)
{
	unsigned out = 0;

	for (unsigned suspected = 0; suspected < 2; suspected++) {
		struct layout l = layout_of(v, suspected, most, 0);

		for (unsigned i = 0; i < COLUMNS && has_rows(v, suspected); i++)
			out |= l.wide[i] ? 0 : 1u << i;
	}
	return out;
}

/* Of what is too long the end is cut, at a whole character. */
static void cut(char *text, unsigned most)
{
	unsigned n = 0;
	char *p = text;

	while (*p && n < most) {
		p++;
		while (((unsigned char)*p & 0xc0) == 0x80)
			p++;
		n++;
	}
	if (*p) {
		*p = '\0';
		p[-1] = '~';
	}
}

static void print_row(char cell[COLUMNS][CELL_MAX], const struct layout *l, FILE *out)
{
	unsigned last = COLUMNS - 1;

	while (!l->wide[last])
		last--;
	for (unsigned i = 0; i <= last; i++) {
		int pad;

		if (!l->wide[i])
			continue;
		cut(cell[i], l->wide[i]);
		pad = (int)(l->wide[i] - columns_of(cell[i]));
		if (columns[i].right)
			fprintf(out, "%*s%s%s", pad, "", cell[i], i < last ? "  " : "");
		else
			fprintf(out, "%s%*s", cell[i], i < last ? pad + GAP : 0, "");
	}
	putc('\n', out);
}

static void print_rows(const struct inventory *v, bool suspected, unsigned most, unsigned left_out, FILE *to)
{
	struct layout l = layout_of(v, suspected, most, left_out);
	char cell[COLUMNS][CELL_MAX];

	if (!has_rows(v, suspected))
		return;
	for (unsigned i = 0; i < COLUMNS; i++)
		snprintf(cell[i], CELL_MAX, "%s", i || !suspected ? columns[i].head : "SUSPECTED (shape)");
	print_row(cell, &l, to);
	for (size_t k = 0; k < v->n; k++) {
		if (v->rows[k].suspected != suspected)
			continue;
		fill(&v->rows[k], cell);
		print_row(cell, &l, to);
	}
	putc('\n', to);
}

static void print_left_out(unsigned left_out, FILE *out)
{
	const char *before = "not shown for want of room: ";

	for (unsigned i = 0; i < COLUMNS; i++)
		if (left_out >> i & 1) {
			fprintf(out, "%s%s", before, columns[i].head);
			before = ", ";
		}
	fputs("; --csv and --json have all\n\n", out);
}

/* What stands in no row, in the order of the account. */
struct rest {
	const char *key, *text;
	const struct inventory_count *count;
};

static size_t rest_of(const struct inventory *v, struct rest rest[UNNAMED_KINDS + 4])
{
	static const char *const why[UNNAMED_KINDS] = {
	        [UNNAMED_NOT] = "no name, and no reason was kept",
	        [UNNAMED_NO_HANDSHAKE] = "no name: the beginning was not captured",
	        [UNNAMED_NO_SNI] = "no name: the hello names nobody, nor did DNS",
	        [UNNAMED_ECH] = "no name: encrypted client hello",
	        [UNNAMED_ENCRYPTED_PROXY] = "no name: inside TLS to a proxy",
	        [UNNAMED_SHARED] = "undecided: a shared name, and its path cannot be seen",
	        [UNNAMED_PROTOCOL] = "no name: the protocol carries none, or is none that is read",
	        [UNNAMED_LIMIT] = "no name: a memory limit was reached",
	        [UNNAMED_NO_DATA] = "no name: nothing was sent on the connection",
	};
	size_t n = 0;

	for (unsigned i = UNNAMED_NOT + 1; i < UNNAMED_KINDS; i++)
		rest[n++] = (struct rest){unnamed_name((enum unnamed)i), why[i], &v->unnamed[i]};
	rest[n++] = (struct rest){"no-reason", why[UNNAMED_NOT], &v->unnamed[UNNAMED_NOT]};
	rest[n++] = (struct rest){"other", "named, and no AI service", &v->other};
	rest[n++] = (struct rest){"inside", "not leaving, and no AI service", &v->inside};
	rest[n++] = (struct rest){"onward", "a proxy's own side, counted at its client's", &v->onward};
	rest[n++] = (struct rest){"over", "of AI services, but the table is full", &v->over};
	return n;
}

static const char *const sign_words[INVENTORY_SIGNS] = {
        "with a hidden name (ECH)",
        "with one name in front of another (fronting)",
        "of encrypted DNS",
        "of VPNs, tunnels or remote desktops",
};

static void print_count(const struct inventory_count *c, const char *text, FILE *out)
{
	char bytes[32];

	if (c->flows)
		fprintf(out, "%8" PRIu64 " flow%s %10s out  %s\n", c->flows, c->flows == 1 ? " " : "s",
		        inventory_bytes(c->out, bytes, sizeof(bytes)), text);
}

static void print_signs(const struct inventory *v, FILE *out)
{
	bool any = false;

	for (unsigned i = 0; i < INVENTORY_SIGNS; i++)
		any |= v->signs[i].flows > 0;
	if (!any)
		return;
	fputs("\nof all these:\n", out);
	for (unsigned i = 0; i < INVENTORY_SIGNS; i++)
		print_count(&v->signs[i], sign_words[i], out);
}

void inventory_show_table(const struct inventory *v, unsigned wide, FILE *out)
{
	struct rest rest[UNNAMED_KINDS + 4];
	size_t n = rest_of(v, rest);
	unsigned left_out = left_out_of(v, wide);

	print_rows(v, false, wide, left_out, out);
	print_rows(v, true, wide, left_out, out);
	if (left_out)
		print_left_out(left_out, out);
	if (!v->n)
		fputs("no AI service was seen\n\n", out);
	for (size_t i = 0; i < n; i++)
		print_count(rest[i].count, rest[i].text, out);
	print_signs(v, out);
	if (v->sources_over)
		fprintf(out, "%8" PRIu64 " times an address was not counted as a user: too many\n",
		        v->sources_over);
	if (v->unread)
		fprintf(out, "%8" PRIu64 " %s passed over\n", v->unread,
		        v->unread == 1 ? "alert or other record" : "alerts and other records");
}

/* RFC 4180: quotes around what holds a comma, a quote or a line end.  A cell that begins like a formula gets
 * an apostrophe, which spreadsheets take as "this is text". */
static void csv_text(const char *text, FILE *out)
{
	bool formula = strchr("=+-@", *text) && *text;

	if (!formula && !strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	fputs(formula ? "\"'" : "\"", out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc((unsigned char)*text < ' ' ? '?' : *text, out);
	}
	putc('"', out);
}

#define REST_ROW "%s,,,,,%" PRIu64 ",,%" PRIu64 ",,,,,,,,,,\r\n"

void inventory_show_csv(const struct inventory *v, FILE *out)
{
	struct rest rest[UNNAMED_KINDS + 4];
	size_t n = rest_of(v, rest);
	char first[TIME_TEXT_MAX], last[TIME_TEXT_MAX], text[CELL_MAX];

	fputs("what,service,name,group,users,bytes_out,bytes_in,flows,first_seen,last_seen,named_by,clear,"
	      "decrypted,metadata,none,tls,tls_groups,post_quantum\r\n",
	        out);
	for (size_t i = 0; i < v->n; i++) {
		const struct inventory_row *r = &v->rows[i];

		fputs(r->suspected ? "suspected," : "service,", out);
		csv_text(r->service, out);
		putc(',', out);
		csv_text(r->name, out);
		putc(',', out);
		csv_text(r->group, out);
		fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%s,%s,", r->users, r->out,
		        r->in, r->flows, time_format(r->first_ns, first), time_format(r->last_ns, last));
		csv_text(r->by ? inventory_by(r->by, text, sizeof(text)) : "", out);
		fprintf(out, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", r->visible[VISIBLE_CLEAR],
		        r->visible[VISIBLE_DECRYPTED], r->visible[VISIBLE_METADATA],
		        r->visible[VISIBLE_NONE]);
		for (unsigned t = 0, any = 0; t < TLS_KINDS; t++)
			if (r->tls[t])
				fprintf(out, "%s%s", any++ ? "+" : "",
				        t == TLS_13   ? "1.3"
				        : t == TLS_12 ? "1.2"
				                      : "below 1.2");
		fprintf(out, ",%" PRIu64 ",%" PRIu64 "\r\n", r->tls_groups, r->post_quantum);
	}
	for (size_t i = 0; i < n; i++)
		if (rest[i].count->flows)
			fprintf(out, REST_ROW, rest[i].key, rest[i].count->out, rest[i].count->flows);
	for (unsigned i = 0; i < INVENTORY_SIGNS; i++)
		if (v->signs[i].flows)
			fprintf(out, REST_ROW, alert_kind_name((enum alert_kind)(ALERT_EVASION_ECH + i)),
			        v->signs[i].out, v->signs[i].flows);
}

static void json_row(struct json *j, const struct inventory_row *r)
{
	static const char *const tls[TLS_KINDS] = {"below 1.2", "1.2", "1.3"};
	char t[TIME_TEXT_MAX];

	json_object(j, NULL);
	json_string(j, r->suspected ? "host" : "service", r->service);
	json_string(j, r->suspected ? "shape" : "name", r->name);
	json_string(j, "group", *r->group ? r->group : NULL);
	json_u64(j, "users", r->users);
	json_u64(j, "bytes_out", r->out);
	json_u64(j, "bytes_in", r->in);
	json_u64(j, "flows", r->flows);
	json_string(j, "first_seen", time_format(r->first_ns, t));
	json_string(j, "last_seen", time_format(r->last_ns, t));
	json_array(j, "named_by");
	for (unsigned b = NAME_NONE + 1; b < NAME_SOURCES; b++)
		if (r->by & 1u << b)
			json_string(j, NULL, name_source_text((enum name_source)b));
	json_end_array(j);
	json_object(j, "visibility");
	for (unsigned b = 0; b <= VISIBLE_DECRYPTED; b++)
		if (r->visible[b])
			json_u64(j, visibility_name((enum visibility)b), r->visible[b]);
	json_end_object(j);
	json_object(j, "tls");
	for (unsigned i = 0; i < TLS_KINDS; i++)
		if (r->tls[i])
			json_u64(j, tls[i], r->tls[i]);
	json_end_object(j);
	json_u64(j, "tls_groups", r->tls_groups);
	json_u64(j, "post_quantum", r->post_quantum);
	json_end_object(j);
}

static void json_rows(const struct inventory *v, bool suspected, FILE *out)
{
	static char buf[JSON_MAX];
	bool any = false;

	fprintf(out, "\"%s\":[", suspected ? "suspected" : "services");
	for (size_t i = 0; i < v->n; i++) {
		struct json j;

		if (v->rows[i].suspected != suspected)
			continue;
		json_init(&j, buf, sizeof(buf));
		json_row(&j, &v->rows[i]);
		fputs(any ? ",\n" : "\n", out);
		fwrite(buf, 1, j.len, out);
		any = true;
	}
	fputs("],\n", out);
}

static void json_count(struct json *j, const char *key, const struct inventory_count *c)
{
	json_object(j, key);
	json_u64(j, "flows", c->flows);
	json_u64(j, "bytes_out", c->out);
	json_end_object(j);
}

void inventory_show_json(const struct inventory *v, FILE *out)
{
	struct rest rest[UNNAMED_KINDS + 4];
	size_t n = rest_of(v, rest);
	char buf[2048];
	struct json j;

	putc('{', out);
	json_rows(v, false, out);
	json_rows(v, true, out);
	json_init(&j, buf, sizeof(buf));
	json_object(&j, NULL);
	for (size_t i = 0; i < n; i++)
		json_count(&j, rest[i].key, rest[i].count);
	json_end_object(&j);
	fprintf(out, "\"rest\":%.*s,\n", (int)j.len, buf);
	json_init(&j, buf, sizeof(buf));
	json_object(&j, NULL);
	for (unsigned i = 0; i < INVENTORY_SIGNS; i++)
		json_count(&j, alert_kind_name((enum alert_kind)(ALERT_EVASION_ECH + i)), &v->signs[i]);
	json_end_object(&j);
	fprintf(out, "\"signs\":%.*s,\n\"users_over\":%" PRIu64 ",\"unread\":%" PRIu64 "}\n", (int)j.len, buf,
	        v->sources_over, v->unread);
}
