/* show.c - see show.h.  One block a record:
 *
 *	 CRITICAL  20:55:02Z  payload.sensitive  95 % sure                                       fra1/17
 *	  who    10.20.7.14:51514 (research) -> OpenAI API, api.openai.com/v1/chat/completions
 *	  what   secret  aws-access-key  AKIA************MPLE  x2  in messages[2].content[0].text
 *	  may    approved by MSA-2026-014, procurement@corp.example (partners.yaml:12)
 *	  do     Revoke the key and ask who pasted it.
 */
#include "alerts/show.h"

#include "alerts/record_read.h"
#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#define TEXT_MAX     1024
#define FINDINGS_MAX 8 /* shown; the rest is counted */
#define INDENT       9 /* columns before the text of a line */
#define WIDTH_MIN    40

#define BOLD    "\033[1m"
#define DIM     "\033[2m"
#define MAGENTA "\033[35m"
#define CYAN    "\033[36m"
#define RESET   "\033[0m"

static const struct {
	const char *name, *label, *colour;
} severities[] = {
        {"critical", " CRITICAL ", "\033[1;97;41m"},
        {"high", " HIGH     ", "\033[1;31m"},
        {"medium", " MEDIUM   ", "\033[1;33m"},
        {"low", " LOW      ", "\033[36m"},
        {"info", " INFO     ", "\033[2m"},
};

/* ---- text that a terminal may see ------------------------------------------------------------------------
 */

static uint32_t decode(const uint8_t *p, size_t len)
{
	static const uint8_t first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t cp = p[0] & first[len];

	for (size_t i = 1; i < len; i++)
		cp = cp << 6 | (p[i] & 0x3f);
	return cp;
}

/* Control characters move the cursor or worse, bidirectional marks reorder what is read (CVE-2021-42574),
 * zero-width ones hide differences. */
static bool is_printable(uint32_t cp)
{
	static const uint32_t hidden[][2] = {{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x61c, 0x61c},
	        {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfe00, 0xfe0f},
	        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};

	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
		if (cp >= hidden[i][0] && cp <= hidden[i][1])
			return false;
	return true;
}

/* The value as text in which every character is printable; returns out. */
static const char *text_of(const struct show *s, struct record_value v, char out[TEXT_MAX])
{
	char raw[TEXT_MAX / 3];
	size_t n = record_string(v, raw, sizeof(raw)), len = 0;

	for (size_t i = 0; i < n;) {
		const uint8_t *p = (const uint8_t *)raw + i;
		size_t one = utf8_len(p, n - i);
		bool fine = one && is_printable(decode(p, one)) && (one == 1 || s->utf8);

		one = one ? one : 1;
		if (fine) {
			memcpy(out + len, p, one);
			len += one;
		} else {
			len += (size_t)snprintf(out + len, 4, "%s", s->utf8 ? "\xef\xbf\xbd" : "?");
		}
		i += one;
	}
	out[len] = '\0';
	return out;
}

struct member {
	char text[TEXT_MAX];
};

static const char *get(const struct show *s, struct record_value r, const char *path, struct member *m)
{
	return text_of(s, record_get(r, path), m->text);
}

/* ---- a line that is put together from parts and folded at spaces -----------------------------------------
 */

struct line {
	char text[4 * TEXT_MAX];
	size_t len;
};

static void add(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->text + l->len, sizeof(l->text) - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len += (size_t)n < sizeof(l->text) - l->len ? (size_t)n : sizeof(l->text) - l->len - 1;
}

static size_t columns(const char *p, size_t n)
{
	size_t c = 0;

	for (size_t i = 0; i < n; i++)
		c += ((uint8_t)p[i] & 0xc0) != 0x80;
	return c;
}

/* Where to break p so that at most `room` columns stand before: behind the last space, else at a character.
 */
static size_t fold_at(const char *p, size_t n, size_t room)
{
	size_t fits = 0, space = 0, c = 0;

	for (size_t i = 0; i < n; i++) {
		c += ((uint8_t)p[i] & 0xc0) != 0x80;
		if (c > room)
			break;
		fits = i + 1;
		if (p[i] == ' ')
			space = i;
	}
	return fits == n ? n : space ? space : fits;
}

static void paint(const struct show *s, const char *colour, const char *p, size_t n)
{
	fprintf(s->out, s->colour && *colour ? "%s%.*s" RESET : "%s%.*s", s->colour ? colour : "", (int)n, p);
}

/* "  label  text", folded under the text. */
static void put_line(const struct show *s, const char *label, const char *colour, const struct line *l)
{
	size_t room = s->width > WIDTH_MIN ? s->width - INDENT : SIZE_MAX, at = 0;

	fputs("  ", s->out);
	paint(s, DIM, label, strlen(label));
	fprintf(s->out, "%*s", (int)(INDENT - 2 - strlen(label)), "");
	do {
		size_t n = fold_at(l->text + at, l->len - at, room);

		if (at)
			fprintf(s->out, "%*s", INDENT, "");
		paint(s, colour, l->text + at, n);
		fputc('\n', s->out);
		at += n;
		while (l->text[at] == ' ')
			at++;
	} while (at < l->len);
}

/* ---- the parts of a block --------------------------------------------------------------------------------
 */

static void show_day(struct show *s, struct record_value r)
{
	struct member m;

	get(s, r, "time", &m);
	if (strlen(m.text) < 10 || !strncmp(m.text, s->day, 10))
		return;
	snprintf(s->day, sizeof(s->day), "%.10s", m.text);
	paint(s, DIM, s->utf8 ? "\xe2\x94\x80\xe2\x94\x80 " : "-- ", s->utf8 ? 7 : 3);
	paint(s, DIM, s->day, 10);
	fputs("\n\n", s->out);
}

static void show_title(const struct show *s, struct record_value r)
{
	struct member severity, time, kind, id, more;
	const char *label = " RECORD   ", *colour = "";
	struct line l = {.len = 0};
	size_t used, room;

	get(s, r, "severity", &severity);
	for (size_t i = 0; i < sizeof(severities) / sizeof(*severities); i++)
		if (!strcmp(severity.text, severities[i].name)) {
			label = severities[i].label;
			colour = severities[i].colour;
		}
	get(s, r, "time", &time);
	get(s, r, *get(s, r, "kind", &kind) ? "kind" : "type", &kind);
	get(s, r, "id", &id);
	paint(s, colour, label, 10);
	fprintf(s->out, " %.8sZ  ", strlen(time.text) > 19 ? time.text + 11 : "--:--:--");
	paint(s, BOLD, kind.text, strlen(kind.text));
	if (record_number(record_get(r, "test")))
		add(&l, "  TEST");
	else if (*get(s, r, "confidence", &more))
		add(&l, "  %s %% sure", more.text);
	if (*get(s, r, "condition", &more) && *get(s, r, "state", &more))
		add(&l, "  %s", more.text);
	if (*get(s, r, "updates", &more)) {
		add(&l, "  again %s%s", s->utf8 ? "\xc3\x97" : "x", get(s, r, "count", &(struct member){""}));
		add(&l, ", first told as %s", more.text);
	}
	fputs(l.text, s->out);
	used = 22 + columns(kind.text, strlen(kind.text)) + columns(l.text, l.len);
	room = s->width ? s->width : 100;
	fprintf(s->out, "%*s",
	        (int)(used + columns(id.text, strlen(id.text)) + 2 < room
	                        ? room - used - columns(id.text, strlen(id.text))
	                        : 2),
	        "");
	paint(s, DIM, id.text, strlen(id.text));
	fputc('\n', s->out);
}

static void add_end(const struct show *s, struct line *l, struct record_value r, const char *which)
{
	struct record_value end = record_get(r, which);
	struct member ip, port, m;
	bool v6;

	get(s, end, "ip", &ip);
	get(s, end, "port", &port);
	v6 = strchr(ip.text, ':') != NULL;
	add(l, "%s%s%s%s%s", v6 ? "[" : "", ip.text, v6 ? "]" : "", *port.text ? ":" : "", port.text);
	if (!strcmp(which, "destination"))
		return;
	if (*get(s, end, "host", &m))
		add(l, " %s", m.text);
	if (*get(s, end, "group", &m))
		add(l, " (%s)", m.text);
}

/* The proxies on the way and who is behind them; how the name was come by where that needs a word. */
static void show_way(const struct show *s, struct record_value r)
{
	static const char *const evidence[] = {"service.evidence", "named.evidence"};
	struct record_value list = record_get(r, "via"), hop;
	struct line l = {.len = 0};
	struct member kind, host, port, summary, m;
	size_t at = 0;

	while (record_next(list, &at, &hop)) {
		if (!*get(s, hop, "host", &host))
			get(s, hop, "ip", &host);
		add(&l, "%s%s ", l.len ? ", " : "", get(s, hop, "kind", &kind));
		add(&l, "%s:%s", host.text, get(s, hop, "port", &port));
	}
	if (*get(s, r, "client.ip", &host))
		add(&l, "%sfor %s", l.len ? "  " : "", host.text);
	if (l.len)
		put_line(s, "via", "", &l);
	l.len = 0;
	l.text[0] = '\0';
	get(s, r, "summary", &summary);
	for (size_t i = 0; i < sizeof(evidence) / sizeof(*evidence); i++)
		if (*get(s, r, evidence[i], &m) && !strstr(summary.text, m.text))
			add(&l, "%s", m.text);
	at = 0;
	list = record_get(r, "evasion");
	while (record_next(list, &at, &hop))
		if (*get(s, hop, "evidence", &m) && !strstr(summary.text, m.text) && !strstr(l.text, m.text))
			add(&l, "%s%s", l.len ? "; " : "", m.text);
	if (l.len)
		put_line(s, "how", "", &l);
}

static void show_who(const struct show *s, struct record_value r)
{
	struct line l = {.len = 0};
	struct member name, host, path, m;

	if (record_get(r, "source").type != RECORD_OBJECT)
		return;
	get(s, r, "service.name", &name);
	if (!*name.text)
		get(s, r, "service.id", &name);
	get(s, r, "destination.host", &host);
	get(s, r, "destination.path", &path);
	add_end(s, &l, r, "source");
	add(&l, " %s ", s->utf8 ? "\xe2\x86\x92" : "->");
	if (*name.text)
		add(&l, "%s, ", name.text);
	if (*host.text)
		add(&l, "%s%s", host.text, path.text);
	else
		add_end(s, &l, r, "destination");
	put_line(s, "who", "", &l);

	l.len = 0;
	show_way(s, r);
	if (*get(s, r, "request.operation", &m))
		add(&l, *get(s, r, "request.tool", &path) ? "%s %s  " : "%s  ", m.text, path.text);
	if (*get(s, r, "request.model", &m))
		add(&l, "model %s  ", m.text);
	if (*get(s, r, "request.conversation", &m))
		add(&l, "conversation %s  ", m.text);
	if (*get(s, r, "request.account", &m))
		add(&l, "account %s  ", m.text);
	if (*get(s, r, "request.user_agent", &m))
		add(&l, "by %s", m.text);
	if (l.len)
		put_line(s, "with", "", &l);
}

static void show_finding(const struct show *s, struct record_value f, const char *label)
{
	struct line l = {.len = 0};
	struct member m;

	add(&l, "%s  ", get(s, f, "class", &m));
	add(&l, "%s", get(s, f, "detector", &m));
	if (*get(s, f, "mask", &m))
		add(&l, "  %s", m.text);
	if (record_number(record_get(f, "count")) > 1)
		add(&l, "  %s%s", s->utf8 ? "\xc3\x97" : "x", get(s, f, "count", &m));
	if (*get(s, f, "confidence", &m))
		add(&l, "  %s %%", m.text);
	if (*get(s, f, "field", &m))
		add(&l, "  in %s", m.text);
	if (*get(s, f, "place", &m))
		add(&l, " of the %s", m.text);
	if (*get(s, f, "role", &m))
		add(&l, " (%s)", m.text);
	put_line(s, label, MAGENTA, &l);
}

static void show_findings(const struct show *s, struct record_value r)
{
	struct record_value list = record_get(r, "findings"), f;
	uint64_t more = record_number(record_get(r, "findings_more"));
	size_t at = 0;
	unsigned n = 0;

	while (record_next(list, &at, &f)) {
		if (n < FINDINGS_MAX)
			show_finding(s, f, n ? "" : "what");
		else
			more++;
		n++;
	}
	if (more) {
		struct line l = {.len = 0};

		add(&l, "and %llu more", (unsigned long long)more);
		put_line(s, "", MAGENTA, &l);
	}
}

static void show_verdict(const struct show *s, struct record_value r)
{
	struct line l = {.len = 0};
	struct member verdict, contract, m;

	if (!*get(s, r, "verdict", &verdict))
		return;
	add(&l, "%s", verdict.text);
	if (record_get(r, "partner").type != RECORD_OBJECT)
		add(&l, ", no contract in the register");
	else if (*get(s, r, "partner.contract", &contract))
		add(&l, ", contract %s", contract.text);
	if (*get(s, r, "partner.owner", &m))
		add(&l, ", ask %s", m.text);
	if (*get(s, r, "partner.rule", &m))
		add(&l, " (%s)", m.text);
	if (record_get(r, "partner.review_due").type == RECORD_WORD)
		add(&l, "; its review is overdue");
	put_line(s, "may", strcmp(verdict.text, "unapproved") ? "" : "\033[31m", &l);
}

static void show_counters(const struct show *s, struct record_value r)
{
	struct record_value counters = record_get(r, "counters"), name, value;
	struct line l = {.len = 0};
	struct member m;
	size_t at = 0;

	while (record_next_member(counters, &at, &name, &value)) {
		add(&l, "%s%s ", l.len ? ", " : "", text_of(s, name, m.text));
		add(&l, "%s", text_of(s, value, m.text));
	}
	if (l.len)
		put_line(s, "count", "", &l);
}

static void show_suppressed(const struct show *s, struct record_value r)
{
	struct line l = {.len = 0};
	struct member id, owner, until, reason;

	if (record_get(r, "suppressed").type != RECORD_OBJECT)
		return;
	add(&l, "by rule %s of ", get(s, r, "suppressed.id", &id));
	add(&l, "%s until ", get(s, r, "suppressed.owner", &owner));
	add(&l, "%s: ", get(s, r, "suppressed.until", &until));
	add(&l, "%s", get(s, r, "suppressed.reason", &reason));
	put_line(s, "quiet", DIM, &l);
}

/* What somebody said of an alert: one line. */
static bool show_mark(const struct show *s, struct record_value r)
{
	struct member state, time, alert, by, note;
	struct line l = {.len = 0};

	get(s, r, "time", &time);
	add(&l, "%.8sZ  %s  ", strlen(time.text) > 19 ? time.text + 11 : "--:--:--",
	        get(s, r, "alert", &alert));
	add(&l, "%s by ", get(s, r, "state", &state));
	add(&l, "%s", get(s, r, "by", &by));
	if (*get(s, r, "note", &note))
		add(&l, ": %s", note.text);
	put_line(s, "mark", CYAN, &l);
	fputc('\n', s->out);
	return true;
}

/* How a sensor is: one line. */
static bool show_pulse(struct show *s, struct record_value r)
{
	struct member time, sensor, summary;
	struct line l = {.len = 0};

	show_day(s, r);
	get(s, r, "time", &time);
	add(&l, "%.8sZ  %s  ", strlen(time.text) > 19 ? time.text + 11 : "--:--:--",
	        get(s, r, "sensor", &sensor));
	add(&l, "%s", get(s, r, "summary", &summary));
	put_line(s, "pulse", "", &l);
	fputc('\n', s->out);
	return true;
}

/* What is the matter with a sensor. */
static void show_condition(const struct show *s, struct record_value r)
{
	struct member condition, about;
	struct line l = {.len = 0};

	if (!*get(s, r, "condition", &condition))
		return;
	add(&l, "%s", condition.text);
	if (*get(s, r, "about", &about))
		add(&l, "  %s", about.text);
	put_line(s, "what", MAGENTA, &l);
}

bool show_record(struct show *s, const char *json, size_t n)
{
	struct record_value r = record_parse(json, n);
	struct line l = {.len = 0};
	struct member m;

	if (r.type != RECORD_OBJECT || record_get(r, "type").type != RECORD_STRING)
		return false;
	if (!strcmp(get(s, r, "type", &m), "mark"))
		return show_mark(s, r);
	if (!strcmp(get(s, r, "kind", &m), "sensor.health"))
		return show_pulse(s, r);
	show_day(s, r);
	show_title(s, r);
	show_who(s, r);
	show_condition(s, r);
	show_findings(s, r);
	show_verdict(s, r);
	show_suppressed(s, r);
	show_counters(s, r);
	if (*get(s, r, "summary", &m)) {
		add(&l, "%s", m.text);
		put_line(s, "do", BOLD, &l);
	}
	fputc('\n', s->out);
	return true;
}
