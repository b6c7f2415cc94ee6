/* http1_head.c - one HTTP/1 head: first line and header fields (RFC 9112 2 to 5), read as tolerantly as
 * common servers do: bare LF, folded lines, blanks before the colon, several blanks in the first line. */
#include "classify/http/http1_internal.h"

#include <string.h>

#define METHOD_MAX     32   /* of a method that is not in the table */
#define PROBE_LINE_MAX 4096 /* a first line with an unknown method must end within this */

/* RFC 9110 9.3 and the IANA method registry, less those nobody sends; M-SEARCH, NOTIFY, SUBSCRIBE,
 * UNSUBSCRIBE are UPnP's, PURGE and BAN those of caches.  PRI is missing on purpose: it is HTTP/2's preface.
 */
static const char *const methods[] = {"GET", "POST", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE",
        "PATCH", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "QUERY",
        "REPORT", "CHECKOUT", "CHECKIN", "MKACTIVITY", "MERGE", "LABEL", "UPDATE", "ACL", "BIND", "UNBIND",
        "REBIND", "LINK", "UNLINK", "MKCALENDAR", "ORDERPATCH", "VERSION-CONTROL", "BASELINE-CONTROL",
        "MKWORKSPACE", "UNCHECKOUT", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE", "BAN"};

/* RFC 9110 5.6.2: tchar */
static bool is_token_char(uint8_t c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c && c < 0x80 && strchr("!#$%&'*+-.^_`|~", c);
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

/* "HTTP/1.x" at p: 1, 0, or -1 when it is a beginning of that. */
static int version_probe(const uint8_t *p, size_t n)
{
	static const char word[] = "HTTP/1.";

	if (memcmp(p, word, n < 7 ? n : 7))
		return 0;
	if (n < 8)
		return -1;
	return p[7] >= '0' && p[7] <= '9';
}

/* Does the line of n bytes (without its LF) end in a version of HTTP/1? */
static bool ends_in_version(const uint8_t *p, size_t n)
{
	while (n && (is_blank(p[n - 1]) || p[n - 1] == '\r'))
		n--;
	return n > 8 && is_blank(p[n - 9]) && slice_starts_nocase(slice_of(p + n - 8, 8), "HTTP/1.");
}

/* A target begins with a path, a scheme or `*`; behind CONNECT with a host (RFC 9112 3.2). */
static bool target_starts(const uint8_t *method, size_t n, uint8_t c)
{
	if (n == 7 && !memcmp(method, "CONNECT", 7))
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		       c == '[' || c == '_';
	return c && strchr("/*hHwW", c);
}

static bool method_known(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strlen(methods[i]) == n && !memcmp(methods[i], p, n))
			return true;
	return false;
}

int http1_probe(const uint8_t *p, size_t n)
{
	const uint8_t *lf;
	size_t m = 0, t;
	int v;

	/* RFC 9112 2.2: empty lines before a request line are ignored */
	while (n && (*p == '\r' || *p == '\n')) {
		p++;
		n--;
	}
	if (!n)
		return -1;
	v = version_probe(p, n);
	if (v && (v < 0 || n < 9 || is_blank(p[8])))
		return v > 0 && n < 9 ? -1 : v;
	while (m < n && m <= METHOD_MAX && is_token_char(p[m]))
		m++;
	if (!m || m > METHOD_MAX)
		return 0;
	if (m == n)
		return -1;
	if (!is_blank(p[m]))
		return 0;
	for (t = m; t < n && is_blank(p[t]); t++)
		;
	lf = memchr(p, '\n', n);
	if (lf)
		return ends_in_version(p, (size_t)(lf - p));
	if (t == n)
		return n < PROBE_LINE_MAX ? -1 : 0;
	if (method_known(p, m))
		return target_starts(p, m, p[t]);
	return n < PROBE_LINE_MAX ? -1 : 0;
}

int http1_line_judge(const uint8_t *p, size_t n)
{
	int v;

	if (!n)
		return -1;
	if (*p == '\r' || *p == '\n')
		return 0;
	v = http1_probe(p, n);
	if (v <= 0)
		return v;
	/* a request line that goes past what is held is taken for one by its beginning */
	if (*p != 'H' || version_probe(p, n) != 1)
		return memchr(p, '\n', n) || n >= HTTP1_LINE_HELD ? 1 : -1;
	if (n < 12)
		return -1;
	return p[9] >= '1' && p[9] <= '9' && p[10] >= '0' && p[10] <= '9' && p[11] >= '0' && p[11] <= '9';
}

bool http1_line_is_field(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && is_token_char(p[i]))
		i++;
	return i && i < n && p[i] == ':';
}

/* ---- first line ---- */

static bool is_version(struct slice s, struct message *m)
{
	if (s.n != 8 || !slice_starts_nocase(s, "HTTP/1.") || s.p[7] < '0' || s.p[7] > '9')
		return false;
	m->version = s.p[7] == '0' ? 10 : 11;
	return true;
}

static bool read_status_line(struct slice line, struct message *m)
{
	unsigned status = 0;
	size_t i = 8;

	if (line.n < 12 || !is_version(slice_of(line.p, 8), m) || !is_blank((uint8_t)line.p[8]))
		return false;
	while (i < line.n && is_blank((uint8_t)line.p[i]))
		i++;
	if (line.n - i < 3)
		return false;
	for (size_t end = i + 3; i < end; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return false;
		status = status * 10 + (unsigned)(line.p[i] - '0');
	}
	m->status = (uint16_t)status;
	return true;
}

/* Method to the first blank, version from the last; blanks between belong to the target, as in URLs that were
 * never encoded. */
static bool read_request_line(struct slice line, struct message *m)
{
	size_t end = line.n, i = 0;

	while (i < line.n && is_token_char((uint8_t)line.p[i]))
		i++;
	if (!i || i == line.n || !is_blank((uint8_t)line.p[i]))
		return false;
	m->method = slice_of(line.p, i);
	while (end > i && !is_blank((uint8_t)line.p[end - 1]))
		end--;
	if (end <= i || !is_version(slice_of(line.p + end, line.n - end), m))
		return false;
	m->target = slice_trim(slice_of(line.p + i, end - i));
	m->request = true;
	return m->target.n > 0;
}

/* Path and query; the fragment never belongs to a request (RFC 9112 3.2), clients that send it mean nothing.
 */
static void split_path(struct slice s, struct message *m)
{
	const char *p = s.n ? memchr(s.p, '#', s.n) : NULL;

	if (p)
		s.n = (size_t)(p - s.p);
	p = s.n ? memchr(s.p, '?', s.n) : NULL;
	if (p) {
		m->query = slice_of(p + 1, s.n - (size_t)(p + 1 - s.p));
		s.n = (size_t)(p - s.p);
	}
	m->path = s.n ? s : SLICE("/");
}

/* The four forms of a target (RFC 9112 3.2). */
static void read_target(struct message *m)
{
	struct slice t = m->target, host;
	const char *at;
	size_t i;

	if (slice_is(m->method, "CONNECT")) {
		m->authority = t;
		return;
	}
	if (t.p[0] == '/' || slice_is(t, "*")) {
		split_path(t, m);
		return;
	}
	for (i = 0; i + 2 < t.n && memcmp(t.p + i, "://", 3); i++)
		if (t.p[i] == '/' || t.p[i] == '?')
			break;
	if (i + 2 >= t.n || memcmp(t.p + i, "://", 3)) {
		split_path(t, m);
		return;
	}
	host = slice_of(t.p + i + 3, t.n - i - 3);
	for (i = 0; i < host.n && !strchr("/?#", host.p[i]); i++)
		;
	split_path(slice_of(host.p + i, host.n - i), m);
	host.n = i;
	/* user:password@ is no part of the name (RFC 3986 3.2.1) */
	at = host.n ? memrchr(host.p, '@', host.n) : NULL;
	if (at)
		host = slice_of(at + 1, host.n - (size_t)(at + 1 - host.p));
	m->authority = host;
}

/* ---- header fields ---- */

/* Calls for each element of a comma-separated list; empty ones are left out. */
static struct slice list_next(struct slice *rest)
{
	while (rest->n) {
		const char *comma = memchr(rest->p, ',', rest->n);
		struct slice one = slice_of(rest->p, comma ? (size_t)(comma - rest->p) : rest->n);

		*rest = slice_of(rest->p + one.n + (comma != NULL), rest->n - one.n - (comma != NULL));
		one = slice_trim(one);
		if (one.n)
			return one;
	}
	return (struct slice){0};
}

/* RFC 9112 6.3: several equal lengths are one.  Of different ones the first is used, as most servers that do
 * not refuse them do; if it was the wrong one, what follows is no head and is searched for one. */
static void on_length(struct message *m, struct http1_head *h, struct slice v)
{
	struct slice one;

	while ((one = list_next(&v)).n) {
		int64_t len = message_number(one);

		if (len < 0 || (m->content_length >= 0 && m->content_length != len))
			h->length_conflict = true;
		if (len >= 0 && m->content_length < 0)
			m->content_length = len;
	}
}

/* `chunked` counts wherever it stands in the list: last is the rule (RFC 9112 6.1), and a sender that breaks
 * it still chunks. */
static void on_transfer(struct message *m, struct http1_head *h, struct slice v)
{
	struct slice one;

	(void)m;
	if (h->n_transfer < HTTP1_TRANSFER_MAX)
		h->transfer[h->n_transfer++] = v;
	while ((one = list_next(&v)).n)
		if (slice_starts_nocase(one, "chunked") &&
		        (one.n == 7 || one.p[7] == ';' || is_blank((uint8_t)one.p[7])))
			h->chunked = true;
}

static void on_connection(struct message *m, struct http1_head *h, struct slice v)
{
	struct slice one;

	(void)m;
	while ((one = list_next(&v)).n)
		if (slice_is_nocase(one, "upgrade"))
			h->connection_upgrade = true;
}

static void on_expect(struct message *m, struct http1_head *h, struct slice v)
{
	(void)m;
	h->expect = slice_is_nocase(v, "100-continue");
}

static void on_upgrade(struct message *m, struct http1_head *h, struct slice v)
{
	(void)m;
	h->upgrade = v;
}

/* The first of a name counts; an absolute target's authority stands above Host (RFC 9112 3.2.2). */
static void first(struct slice *to, struct slice v)
{
	if (!to->p)
		*to = v;
}

static void on_host(struct message *m, struct http1_head *h, struct slice v)
{
	(void)h;
	first(&m->authority, v);
}

static void on_type(struct message *m, struct http1_head *h, struct slice v)
{
	(void)h;
	first(&m->content_type, v);
}

static void on_encoding(struct message *m, struct http1_head *h, struct slice v)
{
	message_add_codings(m, v, h->codings, HTTP1_CODINGS_MAX);
}

static void on_agent(struct message *m, struct http1_head *h, struct slice v)
{
	(void)h;
	first(&m->user_agent, v);
}

static const struct {
	const char *name;
	void (*on)(struct message *m, struct http1_head *h, struct slice v);
} fields[] = {
        {"host", on_host},
        {"content-type", on_type},
        {"content-length", on_length},
        {"content-encoding", on_encoding},
        {"transfer-encoding", on_transfer},
        {"user-agent", on_agent},
        {"connection", on_connection},
        {"upgrade", on_upgrade},
        {"expect", on_expect},
};

static void take_field(struct slice line, struct header *headers, struct message *m, struct http1_head *h)
{
	const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
	struct slice name, value;

	if (!colon)
		return;
	name = slice_trim(slice_of(line.p, (size_t)(colon - line.p)));
	value = slice_trim(slice_of(colon + 1, line.n - (size_t)(colon + 1 - line.p)));
	if (!name.n)
		return;
	/* fields past HTTP_HEADERS_MAX still frame the body */
	for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++)
		if (slice_is_nocase(name, fields[k].name))
			fields[k].on(m, h, value);
	if (m->n_headers < HTTP_HEADERS_MAX)
		headers[m->n_headers++] = (struct header){name, value};
}

/* "gzip, chunked": what was applied before the chunks is undone like a content coding, and before those
 * (RFC 9112 7). */
static struct slice transfer_codings(struct slice te)
{
	struct slice rest = te, one;

	while ((one = list_next(&rest)).n)
		if (slice_starts_nocase(one, "chunked")) {
			te.n = (size_t)(one.p - te.p);
			while (te.n && (is_blank((uint8_t)te.p[te.n - 1]) || te.p[te.n - 1] == ','))
				te.n--;
			return te;
		}
	return te;
}

/* The line at *at without its end; *at moves behind it. */
static struct slice next_line(char *buf, size_t len, size_t *at)
{
	char *start = buf + *at, *lf = memchr(start, '\n', len - *at);
	size_t n = lf ? (size_t)(lf - start) : len - *at;

	*at += n + (lf != NULL);
	if (n && start[n - 1] == '\r')
		n--;
	return slice_of(start, n);
}

/* Joins a folded field into one line: the line ends become spaces (RFC 9112 5.2). */
static void join_folds(char *buf, size_t len, size_t *at, struct slice *line)
{
	while (*at < len && is_blank((uint8_t)buf[*at])) {
		size_t end = (size_t)(line->p - buf) + line->n;

		memset(buf + end, ' ', *at - end);
		(void)next_line(buf, len, at);
		line->n = *at - (size_t)(line->p - buf);
		while (line->n && (line->p[line->n - 1] == '\n' || line->p[line->n - 1] == '\r'))
			line->n--;
	}
}

bool http1_head_read(char *buf, size_t len, struct header *headers, struct message *m, struct http1_head *h)
{
	size_t at = 0;
	struct slice line = next_line(buf, len, &at);
	bool status = slice_starts_nocase(line, "HTTP/");

	*h = (struct http1_head){.codings = h->codings};
	m->content_length = -1;
	m->headers = headers;
	while (line.n && is_blank((uint8_t)line.p[line.n - 1]))
		line.n--;
	if (status ? !read_status_line(line, m) : !read_request_line(line, m))
		return false;
	if (!status)
		read_target(m);
	/* RFC 9112 2.2: blanks between the first line and the first field are no continuation of anything */
	while (at < len && is_blank((uint8_t)buf[at]))
		(void)next_line(buf, len, &at);
	while (at < len) {
		line = next_line(buf, len, &at);
		if (!line.n)
			break;
		join_folds(buf, len, &at, &line);
		take_field(line, headers, m, h);
	}
	for (unsigned i = 0; i < h->n_transfer; i++)
		message_add_codings(m, transfer_codings(h->transfer[i]), h->codings, HTTP1_CODINGS_MAX);
	return true;
}

struct header http1_trailer(struct slice line)
{
	const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
	size_t n = colon ? (size_t)(colon - line.p) : 0;

	return colon ? (struct header){slice_trim(slice_of(line.p, n)),
	                       slice_trim(slice_of(colon + 1, line.n - n - 1))}
	             : (struct header){.value = slice_trim(line)};
}
