/* markup.c - XML 1.0 and HTML as text, without their schemas: a tokenizer that never fails, as every byte is
 * either markup or text.
 *
 * Offices' vocabularies (told by the namespaces of the root element) become what their reader sees: tags go,
 * runs join without anything between them (a value may be spread over several), paragraphs, rows and cells
 * end with line breaks and tabs, and of the attributes those stay that somebody wrote.
 *
 * Any other XML and HTML stays as it is, tags and attributes included, since names and places are part of
 * what detectors look at, and nothing that plain text would show may be lost.  Only this changes: references
 * are resolved, CDATA marks go, and in HTML tags that stand within a line (<b>, <span>, <a href>) are lifted
 * out of it, so that a value is found that they cut.  Their attributes follow behind the line, and so does
 * the text around a tag that stood between two letters or digits, with a blank in its place: whether they
 * were one word is not for us to know.
 *
 * All of it is searched for what text may hold (text_scan.h).  A script that is JSON by its type is a part of
 * its own.  A document type is text: entities it defines are never expanded (XML 1.0 4.4). */
#include "classify/content/documents/markup.h"

/* ---- text ---- */

static void begin_text(struct markup *m)
{
	m->state = TEXT;
	/* OFFICE: blanks with a line end between tags only make the source look nice (but in OpenDocument,
	 * part 1, 6.1.2) */
	if (m->line && !m->worded && !m->odf)
		m->blank = m->blank_before;
	m->blank_before = m->blank;
	m->line = m->worded = false;
}

static size_t text_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	if (m->entity_n)
		return markup_entity(m, t, *p);
	if (*p == '<') {
		markup_end_json(m, t);
		m->state = LESS;
		return 1;
	}
	if (*p == '&') {
		markup_begin_entity(m);
		return 1;
	}
	while (i < n && p[i] != '<' && p[i] != '&')
		i++;
	markup_text(m, t, p, i);
	return i;
}

static size_t less_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	(void)n;
	m->name_n = m->val_n = m->val_len = 0;
	m->match_n = 0;
	if (*p == '/' && !m->closing) {
		m->closing = true;
		return 1;
	}
	if (markup_alpha(*p) || *p == '_' || *p >= 0x80) {
		m->state = NAME;
		m->empty = m->root = m->json = false;
		return 0;
	}
	if ((*p == '!' || *p == '?') && !m->closing) {
		m->state = *p == '!' ? BANG : INSTRUCTION;
		return 1;
	}
	m->state = TEXT;
	markup_text(m, t, "</", m->closing ? 2 : 1);
	m->closing = false;
	return 0;
}

/* ---- tags ---- */

static bool name_is(const struct markup *m, const char *name)
{
	return slice_is_nocase(slice_of(m->name, m->name_n), name);
}

static void tag_begin(struct markup *m, struct nest *t)
{
	struct slice local = markup_local(m->name, m->name_n);

	m->state = TAG;
	m->lifted = m->kept = false;
	if (m->flavor == UNSEEN && !m->closing) {
		m->root = true;
		m->html = m->html || name_is(m, "html") || name_is(m, "svg");
		if (m->html) {
			markup_aside_flush(m, t);
			m->flavor = PLAIN;
		}
	}
	if (m->flavor == OFFICE) {
		const struct office_element *el = office_element(local.p, local.n);

		m->lines = !m->closing && (slice_is(local, "binaryData") || slice_is(local, "binary-data"));

		if (el && !m->closing)
			markup_break(m, el->before);
		if (m->labels)
			markup_break(m, '\n');
		if (m->closing && slice_is(local, "c"))
			m->shared = false;
		return;
	}
	m->lifted = m->flavor == PLAIN && m->html && html_inline(m->name, m->name_n);
	if (m->lifted) {
		markup_earn(m, MARKUP_TAG_EARNS);
		m->mirror = 0; /* as it stood in the source, text ended here */
		m->glued = m->tail_n && markup_alnum((uint8_t)m->tail[m->tail_n - 1]);
		return;
	}
	markup_line_end(m, t);
	markup_raw(m, t, "</", m->closing ? 2 : 1);
	markup_raw(m, t, m->name, m->name_n);
}

static size_t name_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && !markup_blank(p[i]) && p[i] != '/' && p[i] != '>' && p[i] != '<') {
		if (m->name_n == sizeof(m->name)) {
			/* no name is that long: the rest is taken for an attribute */
			tag_begin(m, t);
			return i;
		}
		m->name[m->name_n++] = (char)p[i++];
	}
	if (i < n)
		tag_begin(m, t);
	return i;
}

/* The root element is read: which vocabulary is it? */
static void root_end(struct markup *m, struct nest *t)
{
	m->root = false;
	if (!m->office_root || m->flavor == PLAIN) {
		markup_aside_flush(m, t);
		m->flavor = PLAIN;
		return;
	}
	m->flavor = OFFICE;
	m->aside_n = 0;
	m->last = 0;
}

/* Elements whose children are values of their own. */
static bool has_labels(struct slice local)
{
	static const char *const names[] = {"coreProperties", "Properties", "meta", "settings",
	        "DocumentProperties", "CustomDocumentProperties"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (slice_is(local, names[i]))
			return true;
	return false;
}

/* They are a document's root; where it is one file they stand in its root, or are a part of its package. */
static void office_depth(struct markup *m, struct slice local)
{
	if (m->closing) {
		m->depth -= m->depth > 0;
		m->labels = m->labels && !has_labels(local);
		return;
	}
	if (m->empty)
		return;
	if (m->depth <= m->top + 1 && !m->torn && has_labels(local))
		m->labels = true;
	if (m->depth == 2 && slice_is(local, "xmlData"))
		m->top = 3;
	m->depth++;
}

static void tag_end(struct markup *m, struct nest *t)
{
	struct slice local = markup_local(m->name, m->name_n);
	const struct office_element *el = NULL;

	if (!m->lifted)
		markup_raw(m, t, ">", 1);
	if (m->root)
		root_end(m, t);
	if (m->flavor == OFFICE) {
		el = office_element(local.p, local.n);
		office_depth(m, local);
	}
	if (el && (m->closing || m->empty))
		markup_break(m, el->behind);
	begin_text(m);
	if (m->html && !m->closing && !m->empty && (name_is(m, "script") || name_is(m, "style"))) {
		m->state = RAWTEXT;
		m->match_n = 0;
		memcpy(m->raw_end, "</", 2);
		memcpy(m->raw_end + 2, m->name, m->name_n);
	}
	m->closing = false;
}

static size_t tag_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	(void)n;
	if (*p == '>') {
		tag_end(m, t);
		return 1;
	}
	if (*p == '<') {
		/* the tag was never closed */
		begin_text(m);
		m->root = m->closing = false;
		return 0;
	}
	m->empty = *p == '/';
	if (m->empty || markup_blank(*p)) {
		if (!m->lifted)
			markup_raw(m, t, p, 1);
		return 1;
	}
	m->state = ATTRIBUTE;
	m->attr_n = 0;
	return 0;
}

static size_t attribute_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && !markup_blank(p[i]) && p[i] != '=' && p[i] != '>' && (p[i] != '/' || !m->attr_n)) {
		if (m->attr_n < sizeof(m->attr))
			m->attr[m->attr_n++] = (char)p[i];
		i++;
	}
	if (!m->lifted)
		markup_raw(m, t, p, i);
	if (i < n) {
		m->state = EQUALS;
		m->equals = false;
	}
	return i;
}

static size_t equals_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	struct slice element = markup_local(m->name, m->name_n), attr = markup_local(m->attr, m->attr_n);
	bool quoted = *p == '"' || *p == '\'';

	(void)n;
	if (markup_blank(*p) || (*p == '=' && !m->equals) || (quoted && m->equals)) {
		if (!m->lifted)
			markup_raw(m, t, p, 1);
		m->equals = m->equals || *p == '=';
		if (!quoted)
			return 1;
	} else if (!m->equals || *p == '>') {
		if (m->lifted) {
			markup_aside(m, t, "\n", 1);
			markup_aside(m, t, m->attr, m->attr_n);
		}
		m->state = TAG;
		return 0;
	}
	m->state = VALUE;
	m->quote = quoted ? *p : 0;
	m->val_n = m->val_len = 0;
	m->kept = m->flavor == OFFICE && office_attribute(element.p, element.n, attr.p, attr.n);
	m->aside_from = m->aside_n;
	if (m->lifted || m->kept) {
		markup_aside(m, t, "\n", 1);
		markup_aside(m, t, m->attr, m->attr_n);
		markup_aside(m, t, "=", 1);
	}
	return quoted;
}

/* Wide characters were undone before; only eight-bit sets are news. */
static void declared(struct markup *m, struct nest *t, struct slice name)
{
	markup_put_flush(m, t);
	m->charset.page = codepage_by_name(name);
	m->charset.kind = m->charset.page ? CHARSET_PAGE : CHARSET_AS_IS;
}

static void charset_of(struct markup *m, struct nest *t, struct slice text, const char *key)
{
	size_t k = strlen(key);

	for (size_t i = 0; i + k < text.n; i++) {
		size_t from = i + k, to;

		if (strncasecmp(text.p + i, key, k))
			continue;
		while (from < text.n && (markup_blank((uint8_t)text.p[from]) || strchr("=\"'", text.p[from])))
			from++;
		to = from;
		while (to < text.n && !markup_blank((uint8_t)text.p[to]) && !strchr("\"';?", text.p[to]))
			to++;
		declared(m, t, slice_of(text.p + from, to - from));
		return;
	}
}

/* Namespaces that offices write their documents in. */
static bool is_office(struct slice value)
{
	static const char *const marks[] = {"http://schemas.openxmlformats.org/",
	        "http://purl.oclc.org/ooxml/",
	        "urn:oasis:names:tc:opendocument:", "http://schemas.microsoft.com/office/"};

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
		if (slice_starts_nocase(value, marks[i]))
			return true;
	return false;
}

/* A relation to another part of the same document, a number that its cell shows. */
static bool is_dull(const struct markup *m)
{
	if (!m->val_len)
		return true;
	return m->kept &&
	       ((*m->attr == 'T' && !memchr(m->val, ':', m->val_n)) ||
	               (m->attr_n > 5 && !memcmp(m->attr + m->attr_n - 5, "value", 5) && m->val_n < 9));
}

static void value_end(struct markup *m, struct nest *t)
{
	struct slice value = slice_of(m->val, m->val_n);
	uint8_t quote = m->quote;

	if (m->lifted)
		markup_earn(m, m->attr_n + m->val_len);
	markup_end_json(m, t);
	m->state = TAG;
	if (m->direct)
		markup_put(m, t, "\n", 1);
	else if ((m->lifted || m->kept) && is_dull(m) && m->aside_from < m->aside_n)
		m->aside_n = m->aside_from;
	else if (!m->lifted && quote)
		markup_raw(m, t, &quote, 1);
	m->kept = m->direct = false;
	if (m->root && m->attr_n >= 5 && !memcmp(m->attr, "xmlns", 5) && is_office(value)) {
		m->office_root = true;
		m->odf = m->odf || slice_starts_nocase(value, "urn:oasis");
	}
	if (m->html && name_is(m, "meta") && slice_is_nocase(slice_of(m->attr, m->attr_n), "charset"))
		declared(m, t, value);
	else if (m->html && name_is(m, "meta") && slice_is_nocase(slice_of(m->attr, m->attr_n), "content"))
		charset_of(m, t, value, "charset=");
	if (m->html && name_is(m, "script") && slice_is_nocase(slice_of(m->attr, m->attr_n), "type"))
		m->json = memmem(value.p, value.n, "json", 4) != NULL;
	if (m->flavor == OFFICE && m->name_n == 1 && *m->name == 'c' && m->attr_n == 1 && *m->attr == 't')
		m->shared = slice_is(value, "s");
}

static size_t value_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	size_t i = 0;

	if (m->entity_n)
		return markup_entity(m, t, *p);
	while (i < n && p[i] != '&' && (m->quote ? p[i] != m->quote : !markup_blank(p[i]) && p[i] != '>'))
		i++;
	if (i) {
		markup_value(m, t, p, i);
		return i;
	}
	if (*p == '&') {
		markup_begin_entity(m);
		return 1;
	}
	i = m->quote != 0;
	value_end(m, t);
	return i;
}

/* ---- everything else that begins with < ---- */

static size_t bang_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	static const char cdata[] = "[CDATA[";
	size_t i = 0;

	for (; i < n; i++) {
		const char *want = m->val_n ? (*m->val == '-' ? "--" : cdata) : *p == '-' ? "--" : cdata;

		if ((char)p[i] != want[m->val_n])
			break;
		m->val[m->val_n++] = (char)p[i];
		if (want[m->val_n])
			continue;
		m->state = *m->val == '-' ? COMMENT : CDATA;
		m->match_n = 0;
		if (m->state == CDATA)
			return i + 1;
		markup_line_end(m, t);
		markup_break(m, '\n');
		markup_raw(m, t, "<!--", 4);
		return i + 1;
	}
	if (i == n)
		return n;
	m->state = DECLARATION;
	m->bracket = false;
	m->quote = 0;
	markup_line_end(m, t);
	markup_raw(m, t, "<!", 2);
	markup_raw(m, t, m->val, m->val_n);
	return i;
}

/* Bytes before `end`, of which its beginning is held; true: it is there, and *used bytes with it. */
static bool until(struct markup *m, const char *end, uint8_t c, size_t *back)
{
	*back = 0;
	if (c == (uint8_t)end[m->match_n]) {
		m->match_n++;
		return !end[m->match_n];
	}
	/* all ends are of the form xx> or x>: another x may stand in front of them */
	if (c == (uint8_t)end[0] && m->match_n && end[m->match_n - 1] == end[0]) {
		*back = 1;
		return false;
	}
	*back = m->match_n;
	m->match_n = c == (uint8_t)end[0];
	return false;
}

/* Text in a comment of an office's document is text; elsewhere it stays where it was. */
static void put_comment(struct markup *m, struct nest *t, const void *p, size_t n)
{
	if (m->flavor == OFFICE)
		markup_text(m, t, p, n);
	else
		markup_raw(m, t, p, n);
}

static size_t comment_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t back;

		if (until(m, "-->", p[i], &back)) {
			markup_raw(m, t, "-->", 3);
			markup_break(m, '\n');
			begin_text(m);
			return i + 1;
		}
		put_comment(m, t, "--", back);
		put_comment(m, t, p + i, !m->match_n);
	}
	return n;
}

static size_t cdata_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t back;

		if (until(m, "]]>", p[i], &back)) {
			m->state = TEXT;
			return i + 1;
		}
		markup_text(m, t, "]]", back);
		if (m->match_n)
			continue;
		markup_text(m, t, p + i, 1);
	}
	return n;
}

/* "xml" is the declaration (XML 1.0 2.8), which is no text; its beginning is kept for the encoding. */
static bool is_declaration(const struct markup *m)
{
	return m->val_n >= 4 && !memcmp(m->val, "xml", 3) && markup_blank((uint8_t)m->val[3]);
}

static void instruction_begin(struct markup *m, struct nest *t)
{
	if (is_declaration(m))
		return;
	markup_line_end(m, t);
	markup_raw(m, t, "<?", 2);
	markup_raw(m, t, m->val, m->val_n);
}

static void instruction_byte(struct markup *m, struct nest *t, uint8_t c)
{
	if (m->val_n >= 4 && !is_declaration(m))
		markup_raw(m, t, &c, 1);
	if (m->val_n == sizeof(m->val))
		return;
	m->val[m->val_n++] = (char)c;
	if (m->val_n == 4)
		instruction_begin(m, t);
}

static void instruction_end(struct markup *m, struct nest *t)
{
	if (m->val_n < 4)
		instruction_begin(m, t);
	if (is_declaration(m))
		charset_of(m, t, slice_of(m->val, m->val_n), "encoding");
	else
		markup_raw(m, t, "?>", 2);
	begin_text(m);
}

static size_t instruction_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t back;

		if (until(m, "?>", p[i], &back)) {
			instruction_end(m, t);
			return i + 1;
		}
		if (back)
			instruction_byte(m, t, '?');
		if (!m->match_n)
			instruction_byte(m, t, p[i]);
	}
	return n;
}

static size_t declaration_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		markup_raw(m, t, p + i, 1);
		if (m->val_n < sizeof(m->val))
			m->val[m->val_n++] = (char)p[i];
		if (m->quote) {
			m->quote = p[i] == m->quote ? 0 : m->quote;
		} else if (p[i] == '"' || p[i] == '\'') {
			m->quote = p[i];
		} else if (p[i] == '[' || p[i] == ']') {
			m->bracket = p[i] == '[';
		} else if (p[i] == '>' && !m->bracket) {
			m->html = m->html || slice_starts_nocase(slice_of(m->val, m->val_n), "doctype html");
			begin_text(m);
			return i + 1;
		}
	}
	return n;
}

/* A script or style sheet: all is text up to its end tag (HTML 13.2.5.4). */
static size_t rawtext_step(struct markup *m, struct nest *t, const uint8_t *p, size_t n)
{
	size_t end = m->name_n + 2;

	for (size_t i = 0; i < n; i++) {
		if (!m->match_n && !m->json) {
			const uint8_t *less = memchr(p + i, '<', n - i);
			size_t plain = less ? (size_t)(less - p) - i : n - i;

			markup_text(m, t, p + i, plain);
			i += plain;
			if (i == n)
				return n;
		}
		if (m->match_n == end || (p[i] | 32) == (m->raw_end[m->match_n] | 32)) {
			if (m->match_n < end) {
				m->match_n++;
				continue;
			}
			if (markup_blank(p[i]) || p[i] == '>' || p[i] == '/') {
				markup_end_json(m, t);
				m->closing = true;
				tag_begin(m, t);
				return i;
			}
		}
		markup_text(m, t, m->raw_end, m->match_n);
		m->match_n = p[i] == '<';
		if (m->match_n)
			continue;
		if (m->json && !m->in_part && !markup_blank(p[i])) {
			m->json = false;
			markup_begin_json(m, t);
		}
		markup_text(m, t, p + i, 1);
	}
	return n;
}

/* ---- the reader ---- */

static size_t (*const steps[])(struct markup *m, struct nest *t, const uint8_t *p, size_t n) = {
        [TEXT] = text_step,
        [LESS] = less_step,
        [NAME] = name_step,
        [TAG] = tag_step,
        [ATTRIBUTE] = attribute_step,
        [EQUALS] = equals_step,
        [VALUE] = value_step,
        [BANG] = bang_step,
        [COMMENT] = comment_step,
        [CDATA] = cdata_step,
        [INSTRUCTION] = instruction_step,
        [DECLARATION] = declaration_step,
        [RAWTEXT] = rawtext_step,
};

static int probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	static const char *const begins[] = {"<?xml", "<!doctype html", "<html", "<svg", "<head", "<body"};
	struct slice type = hint->type.n ? slice_trim(hint->type) : SLICE("");
	const char *semi = memchr(type.p, ';', type.n);

	while (n && (markup_blank(*p) || *p >= 0xbb)) {
		/* blanks and a byte order mark */
		p++;
		n--;
	}
	if (!n)
		return -1;
	if (*p != '<')
		return 0;
	if (semi)
		type = slice_trim(slice_of(type.p, (size_t)(semi - type.p)));
	if (slice_is_nocase(type, "text/html") || (type.n > 3 && !strncasecmp(type.p + type.n - 3, "xml", 3)))
		return 1;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		size_t len = strlen(begins[i]);

		if (!strncasecmp((const char *)p, begins[i], n < len ? n : len))
			return n < len ? -1 : 1;
	}
	return 0;
}

static bool open_markup(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	struct markup *m = state;

	m->in = in;
	m->credit = MARKUP_CREDIT;
	m->html = slice_starts_nocase(slice_trim(hint->type), "text/html");
	begin_text(m);
	markup_begin_field(m, t, true);
	return true;
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	struct markup *m = state;

	for (size_t i = 0; i < n && !nest_over(t);)
		i += steps[m->state](m, t, p + i, n - i);
}

/* What was held, as it came. */
static void settle(struct markup *m, struct nest *t)
{
	if (m->entity_n)
		markup_give_entity(m, t);
	markup_end_json(m, t);
	if (m->state == LESS) {
		markup_text(m, t, "</", m->closing ? 2 : 1);
	} else if (m->state == NAME) {
		markup_raw(m, t, "</", m->closing ? 2 : 1);
		markup_raw(m, t, m->name, m->name_n);
	} else if (m->state == BANG || (m->state == INSTRUCTION && m->val_n < 4)) {
		markup_raw(m, t, m->state == BANG ? "<!" : "<?", 2);
		markup_raw(m, t, m->val, m->val_n);
	} else if (m->state == RAWTEXT) {
		markup_text(m, t, m->raw_end, m->match_n);
	}
	markup_aside_flush(m, t);
}

static void gap(void *state, struct nest *t, uint64_t n)
{
	struct markup *m = state;

	if (m->in_part && (m->state == TEXT || m->state == RAWTEXT)) {
		part_gap(t, n);
		return;
	}
	settle(m, t);
	markup_end_field(m, t, false);
	markup_begin_field(m, t, false);
	if (m->flavor == UNSEEN)
		m->flavor = PLAIN;
	m->shared = m->root = m->closing = false;
	m->torn = true;
	markup_line_end(m, t);
	if (m->state == RAWTEXT)
		m->match_n = 0;
	else
		begin_text(m);
}

static void end(void *state, struct nest *t)
{
	struct markup *m = state;

	settle(m, t);
	markup_end_field(m, t, true);
}

const struct reader_ops markup_ops = {
        .name = "markup",
        .chars = true,
        .state_size = sizeof(struct markup),
        .probe = probe,
        .open = open_markup,
        .feed = feed,
        .gap = gap,
        .end = end,
};
