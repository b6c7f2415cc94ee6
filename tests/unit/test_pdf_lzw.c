/* test_pdf_lzw.c - LZWDecode of PDF: the standard's own example, what an encoder writes for texts of any kind
 * and length, both ways of making codes longer, what is cut, damaged or made to grow. */
#include "tests/unit/content_reader.h"
#include "tests/unit/pdf_write.h"

#define WIN "<< /Type /Font /Subtype /TrueType /BaseFont /X /Encoding /WinAnsiEncoding >>"

/* ---- an encoder: a table of all pairs (code, byte), as plain as can be ----------------------------------
 */

struct lzw_out {
	uint8_t *p;
	size_t n;
	uint32_t bits;
	unsigned n_bits;
};

static void put_code(struct lzw_out *o, uint32_t code, unsigned width)
{
	o->bits = o->bits << width | code;
	for (o->n_bits += width; o->n_bits >= 8; o->n_bits -= 8)
		o->p[o->n++] = (uint8_t)(o->bits >> (o->n_bits - 8));
}

/* `clears`: codes after which it begins anew, at most 4094; more: it goes on with a full table.  Returns the
 * length; out has room for 2 * n + 16. */
static size_t encode(const uint8_t *p, size_t n, uint8_t *out, bool early, unsigned clears)
{
	static uint16_t table[4096][256];
	struct lzw_out o = {.p = out};
	unsigned next = 258, width = 9;
	uint32_t now = 0xffff;

	memset(table, 0, sizeof(table));
	put_code(&o, 256, 9);
	for (size_t i = 0; i < n; i++) {
		if (now == 0xffff) {
			now = p[i];
			continue;
		}
		if (table[now][p[i]]) {
			now = table[now][p[i]];
			continue;
		}
		put_code(&o, now, width);
		if (next < 4096)
			table[now][p[i]] = (uint16_t)next++;
		/* the decoder is one code behind */
		if (next - 1 + early == 1u << width && width < 12)
			width++;
		if (next == clears) {
			put_code(&o, 256, width);
			memset(table, 0, sizeof(table));
			next = 258;
			width = 9;
		}
		now = p[i];
	}
	if (now != 0xffff)
		put_code(&o, now, width);
	if (next < 4096 && next + early == 1u << width && width < 12)
		width++;
	put_code(&o, 257, width);
	if (o.n_bits)
		put_code(&o, 0, 8 - o.n_bits);
	return o.n;
}

/* A file attached to a document, in LZW; its text is told as it is. */
static void attach(struct pdf_out *o, const uint8_t *z, size_t n, const char *more)
{
	char dict[200];

	snprintf(dict, sizeof(dict), "/Type /EmbeddedFile /Filter /LZWDecode %s", more);
	pdf_begin(o);
	pdf_bytes(o, 4, dict, z, n);
	pdf_end(o);
}

/* ---- tests ----------------------------------------------------------------------------------------------
 */

/* ISO 32000-1 7.4.4.2, example 1; and the same bytes as text of a page. */
static void the_example_of_the_standard(void **state)
{
	static const uint8_t z[] = {0x80, 0x0b, 0x60, 0x50, 0x22, 0x0c, 0x0c, 0x85, 0x01};
	struct pdf_out o;

	(void)state;
	attach(&o, z, sizeof(z), "");
	record_check(pool, "", "", o.p, o.n, "file[0] <> -----A---B\n", 0);
	free(o.p);
}

static void a_page(void **state)
{
	static const char content[] = "BT /F1 9 Tf (the text, the text, the text) Tj ET";
	uint8_t z[400];
	struct pdf_out o;
	size_t n;

	(void)state;
	pdf_begin(&o);
	pdf_object(&o, 5, WIN);
	pdf_object(&o, 3, "<< /Type /Page /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>");
	n = encode((const uint8_t *)content, sizeof(content) - 1, z, true, 4094);
	pdf_bytes(&o, 4, "/Filter /LZW", z, n);
	pdf_bytes(&o, 4, "/Filter [ /LZWDecode ] /DecodeParms [ << /Predictor 1 >> ]", z, n);
	n = encode((const uint8_t *)content, sizeof(content) - 1, z, false, 4094);
	pdf_bytes(&o, 4, "/Filter /LZWDecode /DecodeParms << /EarlyChange 0 >>", z, n);
	pdf_end(&o);
	record_check(pool, "", "", o.p, o.n,
	        "page <> the text, the text, the text\npage <> the text, the text, the text\n"
	        "page <> the text, the text, the text\n",
	        0);
	free(o.p);
	pdf_begin(&o);
	pdf_bytes(&o, 4, "/Filter [ /LZWDecode /FlateDecode ]", z, n);
	pdf_end(&o);
	record_check(pool, "", "", o.p, o.n, "", CONTENT_UNSUPPORTED);
	free(o.p);
}

/* Texts in which codes are made of themselves, and such as fill the table: every width, and none to be had
 * any more. */
static void any_text(void **state)
{
	enum { MOST = 60000 };
	static const struct {
		unsigned letters, clears;
		bool early;
	} ways[] = {{1, 4094, true}, {1, 4094, false}, {2, 4094, true}, {90, 4094, true}, {90, 4094, false},
	        {90, 300, true}, {90, 511, true}, {90, 512, false}, {90, 9999, true}, {90, 9999, false},
	        {3, 9999, false}};
	static const size_t lengths[] = {
	        1, 2, 3, 252, 253, 254, 255, 256, 257, 508, 509, 510, 511, 512, 3000, MOST};
	uint8_t *text = malloc(MOST + 1), *z = malloc(2 * MOST + 16);
	struct record *r = malloc(sizeof(*r));
	uint32_t seed = 1;

	(void)state;
	for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
		for (size_t i = 0; i < MOST; i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = (uint8_t)('%' + (seed >> 16) % ways[w].letters);
		}
		for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++) {
			size_t n = encode(text, lengths[k], z, ways[w].early, ways[w].clears);
			struct pdf_out o;

			attach(&o, z, n, ways[w].early ? "" : "/DecodeParms << /EarlyChange 0 >>");
			record_body(pool, r, "", "", o.p, o.n, 0, k % 2 ? 1 : 1460);
			if (strncmp(r->text, "file[0] <> ", 11) != 0 || r->skip ||
			        strncmp(r->text + 11, (const char *)text, lengths[k]) != 0 ||
			        strcmp(r->text + 11 + lengths[k], "\n") != 0) {
				fail_msg("way %zu, %zu bytes: %.80s", w, lengths[k], r->text);
			}
			free(o.p);
		}
	}
	free(text);
	free(z);
	free(r);
}

static void with_a_predictor(void **state)
{
	static const uint8_t rows[] = "\2abcd\2\1\1\1\1\1x\1\1\1";
	uint8_t z[64];
	size_t n = encode(rows, sizeof(rows) - 1, z, true, 4094);
	struct pdf_out o;

	(void)state;
	attach(&o, z, n, "/DecodeParms << /Predictor 12 /Columns 4 >>");
	record_check(pool, "", "", o.p, o.n, "file[0] <> abcdbcdexyz{\n", 0);
	free(o.p);
}

static void broken(void **state)
{
	static const struct {
		uint8_t z[6];
		size_t n;
		const char *expect;
		unsigned skip;
	} cases[] = {
	        {{0x20, 0x90, 0xa0, 0x20}, 4, "file[0] <> AB\n", 0}, /* 65 66 257: without a code to begin */
	        {{0x80, 0x40, 0x40}, 3, "", 0},                      /* 256 257: nothing */
	        {{0x80, 0x10, 0x60, 0x60}, 4, "file[0] <> A\n",
	                CONTENT_BROKEN},                     /* 256 65 259: of the future */
	        {{0x80, 0x40, 0x80}, 3, "", CONTENT_BROKEN}, /* 256 258: of the past that is none */
	};
	struct pdf_out o;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		attach(&o, cases[i].z, cases[i].n, "");
		record_check(pool, "", "", o.p, o.n, cases[i].expect, cases[i].skip);
		free(o.p);
	}
}

/* One letter, three hundred times what is sent: no more of it than the ratio allows. */
static void what_grows(void **state)
{
	enum { N = 24 << 20 };
	uint8_t *text = malloc(N), *z = malloc(2 * N + 16);
	struct sum s = {0};
	struct pdf_out o;
	unsigned skip;
	size_t n;

	(void)state;
	memset(text, 'a', N);
	n = encode(text, N, z, true, 4094);
	assert_true(N / n > 300);
	attach(&o, z, n, "");
	skip = sum_body(pool, o.p, o.n, &s);
	assert_true(skip & CONTENT_LIMIT);
	assert_true(s.text >= 1 << 20 && s.text < 200 * o.n + (1 << 20));
	free(o.p);
	free(text);
	free(z);
}

static void damaged(void **state)
{
	static const char text[] =
	        "see: card 4929 1234 5678 9015, card 4929 1234 5678 9015; see: see: see: cards";
	uint8_t z[200];
	size_t n = encode((const uint8_t *)text, sizeof(text) - 1, z, true, 270);
	struct pdf_out o;

	(void)state;
	attach(&o, z, n, "");
	reader_damaged("", o.p, o.n, 5);
	free(o.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_example_of_the_standard),
	        cmocka_unit_test(a_page),
	        cmocka_unit_test(any_text),
	        cmocka_unit_test(with_a_predictor),
	        cmocka_unit_test(broken),
	        cmocka_unit_test(what_grows),
	        cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, reader_setup, reader_teardown);
}
