/* pdf_object.c - what an object says that matters here (ISO 32000-1 7.3): of a stream how to decode it, of
 * fonts how to read them, of pages whose fonts are theirs, and every string that somebody wrote. */
#include "classify/content/documents/pdf.h"
#include "classify/content/documents/pdf_keys.h"

#include "classify/content/reader.h"

#include <stdlib.h>

/* Sorted as strcmp() does; keys that mean nothing here are KEY_OTHER. */
static const struct {
	char name[20];
	uint8_t key;
} keys[] = {
        {"A85", KEY_ASCII85},
        {"AHx", KEY_ASCIIHEX},
        {"ASCII85Decode", KEY_ASCII85},
        {"ASCIIHexDecode", KEY_ASCIIHEX},
        {"ActualText", KEY_ACTUAL_TEXT},
        {"Alt", KEY_ALT},
        {"Alternate", KEY_SKIPPED},
        {"Author", KEY_AUTHOR},
        {"BaseEncoding", KEY_BASE_ENCODING},
        {"BaseFont", KEY_BASE_FONT},
        {"BitsPerComponent", KEY_BITS},
        {"CIDFontType0", KEY_CIDFONT},
        {"CIDFontType0C", KEY_FONT_FILE},
        {"CIDFontType2", KEY_CIDFONT},
        {"Colors", KEY_COLORS},
        {"Columns", KEY_COLUMNS},
        {"Comments", KEY_COMMENTS},
        {"Company", KEY_COMPANY},
        {"Contents", KEY_CONTENTS},
        {"Creator", KEY_CREATOR},
        {"DW", KEY_DW},
        {"DescendantFonts", KEY_DESCENDANT},
        {"Differences", KEY_DIFFERENCES},
        {"EarlyChange", KEY_EARLY},
        {"EmbeddedFile", KEY_EMBEDDED_FILE},
        {"Encoding", KEY_ENCODING},
        {"Encrypt", KEY_ENCRYPT},
        {"F", KEY_F},
        {"Filter", KEY_FILTER},
        {"First", KEY_FIRST},
        {"FirstChar", KEY_FIRST_CHAR},
        {"Fl", KEY_FLATE},
        {"FlateDecode", KEY_FLATE},
        {"Font", KEY_FONT},
        {"Form", KEY_FORM},
        {"FunctionType", KEY_SKIPPED},
        {"Identity-H", KEY_IDENTITY},
        {"Identity-V", KEY_IDENTITY},
        {"Image", KEY_IMAGE},
        {"JS", KEY_JS},
        {"Keywords", KEY_KEYWORDS},
        {"LZW", KEY_LZW},
        {"LZWDecode", KEY_LZW},
        {"Length", KEY_LENGTH},
        {"Length1", KEY_LENGTH1},
        {"Length2", KEY_LENGTH1},
        {"Length3", KEY_LENGTH1},
        {"MacRomanEncoding", KEY_MAC_ROMAN},
        {"Metadata", KEY_METADATA},
        {"N", KEY_N},
        {"ObjStm", KEY_OBJSTM},
        {"OpenType", KEY_FONT_FILE},
        {"Page", KEY_PAGE},
        {"Pages", KEY_PAGE},
        {"Parent", KEY_PARENT},
        {"Predictor", KEY_PREDICTOR},
        {"RC", KEY_RC},
        {"RL", KEY_RUN_LENGTH},
        {"Resources", KEY_RESOURCES},
        {"RunLengthDecode", KEY_RUN_LENGTH},
        {"ShadingType", KEY_SKIPPED},
        {"StandardEncoding", KEY_STANDARD_ENCODING},
        {"Subject", KEY_SUBJECT},
        {"Subtype", KEY_SUBTYPE},
        {"T", KEY_T},
        {"TU", KEY_TU},
        {"Title", KEY_TITLE},
        {"ToUnicode", KEY_TO_UNICODE},
        {"TrueType", KEY_TRUE_TYPE},
        {"Type", KEY_TYPE},
        {"Type0", KEY_TYPE0},
        {"Type1C", KEY_FONT_FILE},
        {"UF", KEY_UF},
        {"URI", KEY_URI},
        {"UniCNS-UCS2-H", KEY_UCS2},
        {"UniCNS-UCS2-V", KEY_UCS2},
        {"UniCNS-UTF16-H", KEY_UCS2},
        {"UniCNS-UTF16-V", KEY_UCS2},
        {"UniGB-UCS2-H", KEY_UCS2},
        {"UniGB-UCS2-V", KEY_UCS2},
        {"UniGB-UTF16-H", KEY_UCS2},
        {"UniGB-UTF16-V", KEY_UCS2},
        {"UniJIS-UCS2-H", KEY_UCS2},
        {"UniJIS-UCS2-V", KEY_UCS2},
        {"UniJIS-UTF16-H", KEY_UCS2},
        {"UniJIS-UTF16-V", KEY_UCS2},
        {"UniKS-UCS2-H", KEY_UCS2},
        {"UniKS-UCS2-V", KEY_UCS2},
        {"UniKS-UTF16-H", KEY_UCS2},
        {"UniKS-UTF16-V", KEY_UCS2},
        {"V", KEY_V},
        {"W", KEY_W},
        {"Widths", KEY_WIDTHS},
        {"WinAnsiEncoding", KEY_WIN_ANSI},
        {"XRef", KEY_XREF},
};

static uint8_t key_of(const uint8_t *p, size_t n)
{
	size_t lo = 0, hi = sizeof(keys) / sizeof(keys[0]);

	while (lo < hi) {
		size_t mid = (lo + hi) / 2, len = strlen(keys[mid].name);
		int r = memcmp(p, keys[mid].name, n < len ? n : len);

		r = r ? r : (n > len) - (n < len);
		if (!r)
			return keys[mid].key;
		if (r < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return KEY_OTHER;
}

void pdf_object_begin(struct pdf *f, uint32_t number)
{
	struct pdf_object *o = &f->object;

	memset(o, 0, offsetof(struct pdf_object, widths));
	memset(o->differences, 0, sizeof(o->differences));
	o->n_cid_held = 0;
	o->cid_inside = false;
	o->number = number;
	o->predictor = o->colors = o->columns = o->early = 1;
	o->bits = 8;
	o->default_width = 1000;
	f->values.depth = 0;
	f->values.n_pending = 0;
	f->values.string_open = false;
}

/* ---- where a value stands ---- */

/* The dictionaries around the value: arrays do not count. */
static unsigned dictionaries(const struct pdf_values *v, uint8_t path[3])
{
	unsigned n = 0;

	memset(path, KEY_NONE, 3);
	for (unsigned i = 0; i < v->depth; i++) {
		if (v->level[i].array)
			continue;
		if (n < 3)
			path[n] = v->level[i].key;
		n++;
	}
	return n;
}

/* The key of the innermost of them. */
static uint8_t innermost(const struct pdf_values *v)
{
	for (unsigned i = v->depth; i-- > 0;)
		if (!v->level[i].array)
			return v->level[i].key;
	return KEY_NONE;
}

/* ---- strings that somebody wrote (7.9.2.2) ---- */

static const struct {
	uint8_t key;
	char name[12];
} texts[] = {
        {KEY_TITLE, "Title"},
        {KEY_AUTHOR, "Author"},
        {KEY_SUBJECT, "Subject"},
        {KEY_KEYWORDS, "Keywords"},
        {KEY_CREATOR, "Creator"},
        {KEY_COMPANY, "Company"},
        {KEY_COMMENTS, "Comments"},
        {KEY_CONTENTS, "Contents"},
        {KEY_V, "V"},
        {KEY_T, "T"},
        {KEY_TU, "TU"},
        {KEY_RC, "RC"},
        {KEY_URI, "URI"},
        {KEY_F, "F"},
        {KEY_UF, "UF"},
        {KEY_JS, "JS"},
        {KEY_ALT, "Alt"},
        {KEY_ACTUAL_TEXT, "ActualText"},
};

/* Encrypted strings, hashes and signatures have control characters. */
static bool is_binary(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] < ' ' && p[i] != '\n' && p[i] != '\r' && p[i] != '\t')
			return true;
	return false;
}

/* UTF-16 and UTF-8 have a mark; else it is PDFDocEncoding, of which windows-1252 is nearly all.  Returns the
 * mark's length. */
static size_t string_charset(struct charset *c, const uint8_t *p, size_t n)
{
	size_t mark;

	*c = charset_find(p, n, slice_of("", 0), &mark);
	if (!mark) {
		c->page = codepage_by_number(1252);
		c->kind = CHARSET_PAGE;
	}
	return mark;
}

struct told {
	struct pdf *f;
	struct nest *t;
};

static bool to_scan(void *arg, const uint8_t *p, size_t n)
{
	struct told *x = arg;

	scan_text(&x->f->scan, x->t, p, n);
	return true;
}

static void text_string(struct pdf *f, struct nest *t, const struct pdf_token *k, uint8_t key)
{
	static const uint8_t empty[1];
	struct told to = {f, t};
	const uint8_t *p = k->n ? k->p : empty;
	struct charset *c = &f->values.charset;
	struct prefix in;
	size_t i = 0, skip = 0;

	while (i < sizeof(texts) / sizeof(texts[0]) && texts[i].key != key)
		i++;
	if (i == sizeof(texts) / sizeof(texts[0]))
		return;
	if (!f->values.string_open) {
		skip = string_charset(c, p, k->n);
		if (!skip && is_binary(p, k->n))
			return;
		prefix_add(&in, f->in, texts[i].name, strlen(texts[i].name));
		emit_plain(nest_emit(t), &in);
		scan_begin(&f->scan, true);
	}
	f->values.string_open = k->more;
	charset_feed(c, p + skip, k->n - skip, to_scan, &to);
	if (k->more)
		return;
	charset_end(c, to_scan, &to);
	scan_end(&f->scan, t, true);
}

/* ---- values ---- */

static void filter_value(struct pdf_object *o, uint8_t name)
{
	if (o->n_filters < PDF_FILTERS)
		o->filter[o->n_filters++] = name;
	else
		o->filters_more = true;
}

static void name_value(struct pdf *f, const uint8_t path[3], unsigned depth, const struct pdf_token *k)
{
	struct pdf_object *o = &f->object;
	uint8_t name = key_of(k->p, k->n);

	if (!depth)
		return;
	if (innermost(&f->values) == KEY_DIFFERENCES) {
		uint32_t cp = pdf_glyph(k->p, k->n);

		o->differs = true;
		o->unknown_glyph = o->unknown_glyph || !cp;
		if (o->diff_at < 256)
			o->differences[o->diff_at] = cp > 0xffff ? 0xfffd : (uint16_t)(cp ? cp : 1);
		o->diff_at++;
		return;
	}
	if (innermost(&f->values) == KEY_BASE_ENCODING)
		o->base = name;
	if (depth > 1)
		return;
	switch (path[0]) {
	case KEY_TYPE:
		o->type = name;
		break;
	case KEY_SUBTYPE:
		o->subtype = name;
		o->font_file = o->font_file || name == KEY_FONT_FILE;
		break;
	case KEY_BASE_FONT:
		o->metrics = pdf_metrics_by_name(k->p, k->n);
		break;
	case KEY_ENCODING:
		o->encoding = name;
		break;
	case KEY_FILTER:
		filter_value(o, name);
		break;
	default:
		break;
	}
}

/* [first [width ...] first last width] (9.7.4.3) */
static void cid_number(struct pdf_object *o, unsigned arrays, uint32_t v)
{
	struct pdf_cid_width *w = &o->cid[o->n_cid];

	if (o->n_cid == PDF_CID_WIDTHS)
		return;
	if (arrays == 1 && o->cid_inside)
		o->n_cid_held = 0;
	o->cid_inside = arrays > 1;
	if (arrays > 1) {
		/* a width of its own, for the next character */
		*w = (struct pdf_cid_width){(uint16_t)o->cid_held[0], (uint16_t)o->cid_held[0], (uint16_t)v};
		o->cid_held[0]++;
		o->n_cid++;
		o->nested = true;
	} else if (o->n_cid_held < 2) {
		o->cid_held[o->n_cid_held++] = v;
	} else {
		*w = (struct pdf_cid_width){(uint16_t)o->cid_held[0], (uint16_t)o->cid_held[1], (uint16_t)v};
		o->n_cid++;
		o->n_cid_held = 0;
	}
}

static unsigned arrays_around(const struct pdf_values *v)
{
	unsigned n = 0;

	while (n < v->depth && v->level[v->depth - 1 - n].array)
		n++;
	return n;
}

static void width_number(struct pdf_object *o, double v)
{
	if (o->n_widths < 256)
		o->widths[o->n_widths++] = v < 0 ? 0 : v > 65535 ? 65535 : (uint16_t)v;
}

static void number_value(struct pdf *f, unsigned depth, double d)
{
	struct pdf_object *o = &f->object;
	unsigned arrays = arrays_around(&f->values);
	uint32_t v = d < 0 ? 0 : d > 4e9 ? 4000000000u : (uint32_t)d;

	if (!depth) {
		/* an array that is an object: of widths, of either kind */
		o->numbers = arrays > 0;
		if (arrays == 1)
			width_number(o, d);
		if (arrays)
			cid_number(o, arrays, v);
		return;
	}
	switch (innermost(&f->values)) {
	case KEY_LENGTH:
		o->length = depth == 1 ? v : o->length;
		break;
	case KEY_LENGTH1:
		o->font_file = true;
		break;
	case KEY_N:
		o->n = v;
		break;
	case KEY_FIRST:
		o->first = v;
		break;
	case KEY_PREDICTOR:
		o->predictor = v;
		break;
	case KEY_EARLY:
		o->early = v;
		break;
	case KEY_COLORS:
		o->colors = v;
		break;
	case KEY_COLUMNS:
		o->columns = v;
		break;
	case KEY_BITS:
		o->bits = v;
		break;
	case KEY_FIRST_CHAR:
		o->first_char = v;
		break;
	case KEY_DW:
		o->default_width = v;
		break;
	case KEY_DIFFERENCES:
		o->diff_at = v;
		o->differs = true;
		break;
	case KEY_WIDTHS:
		width_number(o, d);
		break;
	case KEY_W:
		cid_number(o, arrays, v);
		break;
	case KEY_SKIPPED:
		o->skipped = true;
		break;
	default:
		break;
	}
}

static void ref_value(struct pdf *f, struct nest *t, const uint8_t path[3], unsigned depth, uint32_t number)
{
	struct pdf_object *o = &f->object;
	struct pdf_values *v = &f->values;
	uint32_t name = v->depth ? v->level[v->depth - 1].name : 0;
	bool inside = depth == 3 && path[0] == KEY_RESOURCES && path[1] == KEY_FONT,
	     own = depth == 2 && path[0] == KEY_FONT;

	if (!depth) {
		/* an array of parts of a page's content */
		pdf_place_add(f, t, number, o->number);
		return;
	}
	if (inside || own || (depth == 1 && path[0] == KEY_OTHER)) {
		/* a font by the name that pages call it; dictionaries that are objects may be of fonts too */
		o->named = true;
		pdf_font_name_add(f, t, o->number, name, number);
		return;
	}
	if (depth == 2 && path[0] == KEY_RESOURCES && path[1] == KEY_FONT)
		o->font_ref = number;
	if (depth > 1)
		return;
	switch (path[0]) {
	case KEY_CONTENTS:
		pdf_place_add(f, t, number, o->number);
		pdf_text_known(f, t, number);
		break;
	case KEY_RESOURCES:
		o->resources = number;
		break;
	case KEY_FONT:
		o->font_ref = number;
		break;
	case KEY_PARENT:
		o->parent = number;
		break;
	case KEY_TO_UNICODE:
		o->to_unicode = number;
		break;
	case KEY_ENCODING:
		o->encoding_ref = number;
		break;
	case KEY_DESCENDANT:
		o->descendant = number;
		break;
	case KEY_WIDTHS:
	case KEY_W:
		o->widths_ref = number;
		break;
	case KEY_ENCRYPT:
		o->encrypts = true;
		break;
	case KEY_SKIPPED:
		o->skipped = true;
		break;
	default:
		break;
	}
}

/* ---- tokens ---- */

static void value_done(struct pdf_values *v)
{
	if (v->depth && v->depth <= PDF_DEPTH_MAX)
		v->level[v->depth - 1].want_key = true;
}

/* Numbers that turned out to be no reference. */
static void give_pending(struct pdf *f)
{
	struct pdf_values *v = &f->values;
	uint8_t path[3];
	unsigned depth;

	if (!v->n_pending)
		return;
	depth = dictionaries(v, path);
	for (unsigned i = 0; i < v->n_pending; i++)
		number_value(f, depth, v->pending[i]);
	v->n_pending = 0;
	value_done(v);
}

static void number_token(struct pdf *f, double d)
{
	struct pdf_values *v = &f->values;
	uint8_t path[3];

	if (v->n_pending == 2) {
		number_value(f, dictionaries(v, path), v->pending[0]);
		v->pending[0] = v->pending[1];
		v->n_pending = 1;
	}
	v->pending[v->n_pending++] = d;
}

static void word_token(struct pdf *f, struct nest *t, const struct pdf_token *k)
{
	struct pdf_values *v = &f->values;
	uint8_t path[3];
	unsigned depth = dictionaries(v, path);

	if (k->n == 1 && *k->p == 'R' && v->n_pending == 2) {
		double number = v->pending[0];

		v->n_pending = 0;
		if (number >= 1 && number < 4e9)
			ref_value(f, t, path, depth, (uint32_t)number);
	}
	give_pending(f);
	value_done(v);
}

static void open_token(struct pdf *f, bool array)
{
	struct pdf_values *v = &f->values;

	give_pending(f);
	if (v->depth < PDF_DEPTH_MAX)
		v->level[v->depth] = (struct pdf_level){.array = array, .want_key = true, .key = KEY_NONE};
	v->depth++;
}

static void close_token(struct pdf *f)
{
	struct pdf_values *v = &f->values;

	give_pending(f);
	if (v->depth)
		v->depth--;
	value_done(v);
}

static void name_token(struct pdf *f, const struct pdf_token *k)
{
	struct pdf_values *v = &f->values;
	struct pdf_level *l = v->depth ? &v->level[v->depth - 1] : NULL;
	uint8_t path[3];

	give_pending(f);
	if (l && !l->array && l->want_key) {
		l->key = key_of(k->p, k->n);
		l->name = pdf_name_hash(k);
		l->want_key = false;
		return;
	}
	name_value(f, path, dictionaries(v, path), k);
	value_done(v);
}

void pdf_object_token(struct pdf *f, struct nest *t, const struct pdf_token *k)
{
	struct pdf_values *v = &f->values;
	uint8_t path[3];
	unsigned depth;

	if (v->depth > PDF_DEPTH_MAX && k->type != PDF_ARRAY_OPEN && k->type != PDF_DICT_OPEN &&
	        k->type != PDF_ARRAY_CLOSE && k->type != PDF_DICT_CLOSE)
		return;
	switch (k->type) {
	case PDF_NUMBER:
		number_token(f, k->number);
		break;
	case PDF_NAME:
		name_token(f, k);
		break;
	case PDF_STRING:
		give_pending(f);
		depth = dictionaries(v, path);
		if (depth)
			text_string(f, t, k, innermost(v));
		if (!k->more)
			value_done(v);
		break;
	case PDF_WORD:
		word_token(f, t, k);
		break;
	case PDF_ARRAY_OPEN:
	case PDF_DICT_OPEN:
		open_token(f, k->type == PDF_ARRAY_OPEN);
		break;
	case PDF_ARRAY_CLOSE:
	case PDF_DICT_CLOSE:
		close_token(f);
		break;
	}
}

/* ---- the object is whole ---- */

static uint16_t *copy_widths(struct pdf *f, struct nest *t)
{
	const struct pdf_object *o = &f->object;
	uint16_t *w = pdf_table_alloc(f, t, sizeof(*w) * 256);

	for (unsigned code = 0; w && code < 256; code++) {
		uint32_t i = code - o->first_char;

		w[code] = code >= o->first_char && i < o->n_widths ? o->widths[i] : 0;
	}
	return w;
}

/* The encoding that names stand for, with differences from it. */
static const uint16_t *copy_encoding(struct pdf *f, struct nest *t)
{
	const struct pdf_object *o = &f->object;
	uint8_t base = o->base ? o->base : o->encoding;
	const uint16_t *from = pdf_encoding(base == KEY_WIN_ANSI    ? PDF_WIN_ANSI
	                                    : base == KEY_MAC_ROMAN ? PDF_MAC_ROMAN
	                                                            : PDF_STANDARD);
	uint16_t *to;

	if (!o->differs)
		return from;
	to = pdf_table_alloc(f, t, sizeof(*to) * 256);
	for (unsigned i = 0; to && i < 256; i++)
		to[i] = !o->differences[i] ? from[i] : o->differences[i] == 1 ? 0 : o->differences[i];
	return to ? to : from;
}

static int by_first(const void *a, const void *b)
{
	const struct pdf_cid_width *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

static void remember_cids(struct pdf *f, struct nest *t, struct pdf_thing *th)
{
	const struct pdf_object *o = &f->object;
	struct pdf_cid_width *copy = o->n_cid ? pdf_table_alloc(f, t, sizeof(*copy) * o->n_cid) : NULL;

	if (copy) {
		memcpy(copy, o->cid, sizeof(*copy) * o->n_cid);
		qsort(copy, o->n_cid, sizeof(*copy), by_first);
		th->data = copy;
		th->n = (uint16_t)o->n_cid;
	}
	th->default_width = o->default_width > 65535 ? 65535 : (uint16_t)o->default_width;
	th->widths_ref = o->widths_ref;
}

static void remember_font(struct pdf *f, struct nest *t)
{
	const struct pdf_object *o = &f->object;
	enum pdf_what what = o->subtype == KEY_TYPE0     ? PDF_FONT_TYPE0
	                     : o->subtype == KEY_CIDFONT ? PDF_CIDS
	                                                 : PDF_FONT_SIMPLE;
	struct pdf_thing *th = pdf_thing_add(f, t, o->number, what);

	if (!th)
		return;
	if (what == PDF_CIDS) {
		remember_cids(f, t, th);
		return;
	}
	th->to_unicode = o->to_unicode;
	th->encoding_ref = o->encoding_ref;
	th->encoding = o->encoding;
	th->metrics = o->metrics;
	if (what == PDF_FONT_TYPE0) {
		th->widths_ref = o->descendant;
		return;
	}
	th->data = copy_encoding(f, t);
	th->unknown = o->unknown_glyph;
	th->named = o->encoding || o->differs;
	th->true_type = o->subtype == KEY_TRUE_TYPE;
	th->widths_ref = o->widths_ref;
	th->first_char = o->first_char > 255 ? 255 : (uint16_t)o->first_char;
	if (o->n_widths)
		th->widths = copy_widths(f, t);
}

static void remember_array(struct pdf *f, struct nest *t)
{
	const struct pdf_object *o = &f->object;
	struct pdf_thing *th = pdf_thing_add(f, t, o->number, o->nested ? PDF_CIDS : PDF_WIDTHS);

	if (!th)
		return;
	if (o->nested)
		remember_cids(f, t, th);
	else
		th->data = copy_widths(f, t);
	th->n = o->nested ? th->n : (uint16_t)o->n_widths;
}

void pdf_object_end(struct pdf *f, struct nest *t)
{
	struct pdf_object *o = &f->object;

	give_pending(f);
	if (f->values.string_open)
		scan_end(&f->scan, t, true);
	f->values.string_open = false;
	if (o->encrypts && (!o->number || o->type == KEY_XREF))
		f->encrypted = true;
	if (!o->number)
		return;
	if (o->type == KEY_FONT) {
		remember_font(f, t);
	} else if (o->differs || o->type == KEY_ENCODING) {
		struct pdf_thing *th = pdf_thing_add(f, t, o->number, PDF_ENCODING);

		if (th) {
			th->data = copy_encoding(f, t);
			th->named = true;
			th->unknown = o->unknown_glyph;
		}
	} else if (o->numbers) {
		remember_array(f, t);
	}
	if (o->resources || o->font_ref)
		pdf_place_add(f, t, o->number, o->resources ? o->resources : o->font_ref);
	else if (o->named)
		pdf_place_add(f, t, o->number, 0);
	else if (o->type == KEY_PAGE || o->subtype == KEY_FORM)
		pdf_place_add(f, t, o->number, o->parent);
	pdf_text_known(f, t, o->number);
}
