/* carry_structures.h - one secret in every structure that a request may hold, and the field where it then
 * stands. */
#ifndef TESTS_UNIT_CARRY_STRUCTURES_H
#define TESTS_UNIT_CARRY_STRUCTURES_H

#include "tests/unit/carry_encode.h"

#define GHP                                                                                                  \
	"ghp_"                                                                                               \
	"gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ"

/* ---- structures ---------------------------------------------------------------------------------------- */

static inline void json(struct bytes *b)
{
	addf(b, "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"" BEFORE "%s" AFTER "\"}]}",
	        GHP);
}

static inline void json_escaped(struct bytes *b)
{
	addf(b, "{\"messages\":[{\"content\":\"first line\\n\\tsecond \\ud83d\\ude00 ");
	for (const char *p = GHP; *p; p++)
		addf(b, "\\u%04x", (unsigned)*p);
	addf(b, "\\n\"}]}");
}

static inline void json_in_json(struct bytes *b)
{
	addf(b,
	        "{\"messages\":[{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"q\\\":["
	        "\\\"" BEFORE "\\\",\\\"%s" AFTER "\\\"]}\"}}]}]}",
	        GHP);
}

static inline void json_in_json_in_json(struct bytes *b)
{
	addf(b,
	        "{\"a\":\"{\\\"b\\\":\\\"{\\\\\\\"c\\\\\\\":\\\\\\\"x\\\\\\\\\\\\\\\\n%s" AFTER
	        "\\\\\\\"}\\\"}\"}",
	        GHP);
}

static inline void ndjson(struct bytes *b)
{
	addf(b, "{\"a\":1}\n{\"b\":\"" BEFORE "%s\"}\n{\"c\":2}\n", GHP);
}

static inline void json_base64(struct bytes *b)
{
	struct bytes d = {NULL, 0, 0};

	add_document(&d, GHP);
	addf(b, "{\"contents\":[{\"parts\":[{\"inlineData\":{\"mimeType\":\"text/csv\",\"data\":\"");
	add_base64(b, d.p, d.n, 0);
	addf(b, "\"}}]}]}");
	drop(&d);
}

static inline void json_data_url(struct bytes *b)
{
	struct bytes d = {NULL, 0, 0};

	add_document(&d, GHP);
	addf(b, "{\"input\":[{\"file_data\":\"data:text/plain;base64,");
	add_base64(b, d.p, d.n, 0);
	addf(b, "\"}]}");
	drop(&d);
}

static inline void form(struct bytes *b)
{
	addf(b, "a=1&q=%s%s+%%41%%20b&c=d", "please+look%3A+", GHP);
}

#define BOUNDARY  "----b0UnDaRy7"
#define MULTIPART "multipart/form-data; boundary=" BOUNDARY
static inline void multipart(struct bytes *b)
{
	addf(b, "--" BOUNDARY
	        "\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nassistants\r\n--" BOUNDARY
	        "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: "
	        "text/plain\r\n\r\n");
	add_document(b, GHP);
	addf(b, "\r\n--" BOUNDARY "--\r\n");
}

static inline void multipart_base64(struct bytes *b)
{
	struct bytes d = {NULL, 0, 0};

	add_document(&d, GHP);
	addf(b, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n"
	        "Content-Transfer-Encoding: base64\r\n\r\n");
	add_base64(b, d.p, d.n, 76);
	addf(b, "\r\n--" BOUNDARY "--\r\n");
	drop(&d);
}

static inline void multipart_json(struct bytes *b)
{
	addf(b, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"meta\"\r\nContent-Type: "
	        "application/json\r\n\r\n");
	json(b);
	addf(b, "\r\n--" BOUNDARY "--\r\n");
}

static inline void text(struct bytes *b)
{
	add_document(b, GHP);
}

static inline void utf16(struct bytes *b, bool little)
{
	struct bytes d = {NULL, 0, 0};

	add_document(&d, GHP);
	add(&d, "", 1);
	add(b, little ? "\xff\xfe" : "\xfe\xff", 2);
	add_unit(b, (const char *)d.p, 2, little);
	drop(&d);
}

static inline void utf16le(struct bytes *b)
{
	utf16(b, true);
}

static inline void utf16be(struct bytes *b)
{
	utf16(b, false);
}

/* ---- files ---- */

/* A file in a multipart body. */
static inline void add_upload(struct bytes *b, const char *name, const char *type, const struct bytes *file)
{
	addf(b,
	        "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"file\"; "
	        "filename=\"%s\"\r\nContent-Type: %s\r\n\r\n",
	        name, type);
	add(b, file->p, file->n);
	addf(b, "\r\n--" BOUNDARY "--\r\n");
}

static inline void upload_gzip(struct bytes *b)
{
	struct bytes d = {NULL, 0, 0}, z = {NULL, 0, 0};

	add_document(&d, GHP);
	as_gzip(&z, &d);
	add_upload(b, "notes.txt.gz", "application/gzip", &z);
	drop(&d);
	drop(&z);
}

static inline void zip_file(struct bytes *b, bool deflated, bool streamed)
{
	struct zip_member m[2] = {{"logs/first.txt", {NULL, 0, 0}}, {"logs/second.txt", {NULL, 0, 0}}};
	struct bytes z = {NULL, 0, 0};

	addf(&m[0].body, "nothing in here but words\n");
	add_document(&m[1].body, GHP);
	add_zip(&z, m, 2, deflated, streamed);
	add_upload(b, "logs.zip", "application/zip", &z);
	drop(&m[0].body);
	drop(&m[1].body);
	drop(&z);
}

static inline void upload_zip_stored(struct bytes *b)
{
	zip_file(b, false, false);
}

static inline void upload_zip(struct bytes *b)
{
	zip_file(b, true, false);
}

static inline void upload_zip_streamed(struct bytes *b)
{
	zip_file(b, true, true);
}

/* ECMA-376: the secret stands in two runs of one paragraph. */
static inline void add_docx(struct bytes *b)
{
	struct zip_member m[2] = {{"[Content_Types].xml", {NULL, 0, 0}}, {"word/document.xml", {NULL, 0, 0}}};

	addf(&m[0].body, "<?xml version=\"1.0\"?><Types "
	                 "xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>");
	addf(&m[1].body,
	        "<?xml version=\"1.0\"?><w:document "
	        "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/"
	        "main\"><w:body><w:p><w:r><w:t>" BEFORE
	        "%.9s</w:t></w:r><w:r><w:rPr><w:b/></w:rPr><w:t>%s" AFTER
	        "</w:t></w:r></w:p></w:body></w:document>",
	        GHP, &GHP[9]);
	add_zip(b, m, 2, true, false);
	drop(&m[0].body);
	drop(&m[1].body);
}

#define DOCX "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
static inline void upload_docx(struct bytes *b)
{
	struct bytes z = {NULL, 0, 0};

	add_docx(&z);
	add_upload(b, "a.docx", DOCX, &z);
	drop(&z);
}

static inline void json_docx(struct bytes *b)
{
	struct bytes z = {NULL, 0, 0};

	add_docx(&z);
	addf(b, "{\"input\":[{\"file_data\":\"data:" DOCX ";base64,");
	add_base64(b, z.p, z.n, 0);
	addf(b, "\"}]}");
	drop(&z);
}

/* POSIX.1-1988 ustar */
static inline void add_tar(struct bytes *b)
{
	struct bytes d = {NULL, 0, 0};
	char h[512] = "notes/today.txt";
	unsigned sum = 0;

	add_document(&d, GHP);
	memcpy(h + 100, "0000644\0000000000\0000000000", 24);
	snprintf(h + 124, 12, "%011o", (unsigned)d.n);
	memcpy(h + 136, "14000000000\0        0", 21);
	memcpy(h + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (uint8_t)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	add(b, h, sizeof(h));
	memset(h, 0, sizeof(h));
	add(b, d.p, d.n);
	add(b, h, (512 - d.n % 512) % 512);
	add(b, h, 512);
	add(b, h, 512);
	drop(&d);
}

static inline void upload_tar(struct bytes *b)
{
	struct bytes t = {NULL, 0, 0};

	add_tar(&t);
	add_upload(b, "notes.tar", "application/x-tar", &t);
	drop(&t);
}

static inline void upload_tar_gz(struct bytes *b)
{
	struct bytes t = {NULL, 0, 0}, z = {NULL, 0, 0};

	add_tar(&t);
	as_gzip(&z, &t);
	add_upload(b, "notes.tgz", "application/gzip", &z);
	drop(&t);
	drop(&z);
}

/* ISO 32000-1: one page whose text is compressed and cut by kerning. */
static inline void upload_pdf(struct bytes *b)
{
	struct bytes page = {NULL, 0, 0}, z = {NULL, 0, 0}, f = {NULL, 0, 0};

	addf(&page, "BT /F1 12 Tf 72 720 Td (" BEFORE ") Tj [(%.7s) -20 (%s)] TJ (" AFTER ") Tj ET", GHP,
	        &GHP[7]);
	as_zlib(&z, &page);
	addf(&f,
	        "%%PDF-1.4\n1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj\n2 0 obj <</Type/Pages/Kids[3 0 "
	        "R]/Count 1>> "
	        "endobj\n4 0 obj <</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>> "
	        "endobj\n"
	        "3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 5 0 "
	        "R/Resources<</Font<</F1 4 0 "
	        "R>>>>>> endobj\n5 0 obj <</Length %zu/Filter/FlateDecode>>\nstream\n",
	        z.n);
	add(&f, z.p, z.n);
	addf(&f, "\nendstream endobj\ntrailer <</Root 1 0 R>>\n%%%%EOF\n");
	add_upload(b, "a.pdf", "application/pdf", &f);
	drop(&page);
	drop(&z);
	drop(&f);
}

static inline void upload_rtf(struct bytes *b)
{
	struct bytes f = {NULL, 0, 0};

	addf(&f, "{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}\\f0\\fs24 " BEFORE "\\b %.6s\\b0 %s" AFTER "\\par}",
	        GHP, &GHP[6]);
	add_upload(b, "a.rtf", "application/rtf", &f);
	drop(&f);
}

static inline void upload_mail(struct bytes *b)
{
	struct bytes d = {NULL, 0, 0}, f = {NULL, 0, 0};

	add_document(&d, GHP);
	addf(&f, "From: a@corp.example\r\nTo: b@corp.example\r\nSubject: the export\r\nMIME-Version: 1.0\r\n"
	         "Content-Type: multipart/mixed; boundary=inner\r\n\r\n--inner\r\nContent-Type: "
	         "text/plain\r\n\r\nsee "
	         "below\r\n--inner\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	add_base64(&f, d.p, d.n, 76);
	addf(&f, "\r\n--inner--\r\n");
	add_upload(b, "a.eml", "message/rfc822", &f);
	drop(&d);
	drop(&f);
}

static inline void html(struct bytes *b)
{
	addf(b,
	        "<!DOCTYPE html><html><head><title>x</title></head><body><p>" BEFORE "<b>%.8s</b>%s" AFTER
	        "</p></body></html>",
	        GHP, &GHP[8]);
}

/* ---- protobuf (encoding.md of protobuf): field 3 { field 1: varint, field 2 { field 1: text } } ---- */

static inline void add_field(struct bytes *b, unsigned number, const struct bytes *v)
{
	add_be(b, number << 3 | 2, 1);
	if (v->n >= 128)
		add_be(b, 0x80 | (v->n & 127), 1);
	add_be(b, v->n >= 128 ? v->n >> 7 : v->n, 1);
	add(b, v->p, v->n);
}

static inline void protobuf(struct bytes *b)
{
	struct bytes t = {NULL, 0, 0}, in = {NULL, 0, 0}, out = {NULL, 0, 0};

	addf(&t, BEFORE "%s" AFTER, GHP);
	add_field(&in, 1, &t);
	add(&out, "\x08\x96\x01", 3);
	add_field(&out, 2, &in);
	add(b, "\x08\x01", 2);
	add_field(b, 3, &out);
	drop(&t);
	drop(&in);
	drop(&out);
}

static const struct structure {
	const char *name, *type, *field;
	void (*build)(struct bytes *b);
	bool text; /* fits a text message of WebSocket */
} structures[] = {
        {"json", "application/json", "messages[0].content", json, true},
        {"json escaped", "application/json", "messages[0].content", json_escaped, true},
        {"json in json", "application/json", "messages[0].tool_calls[0].function.arguments", json_in_json,
                true},
        {"json in json in json", "application/json", "a", json_in_json_in_json, true},
        {"ndjson", "application/x-ndjson", "b", ndjson, true},
        {"base64 in json", "application/json", "contents[0].parts[0].inlineData.data", json_base64, true},
        {"data url in json", "application/json", "input[0].file_data", json_data_url, true},
        {"form", "application/x-www-form-urlencoded", "form.q", form, false},
        {"multipart", MULTIPART, "part.file", multipart, false},
        {"multipart base64", MULTIPART, "part.file", multipart_base64, false},
        {"multipart json", MULTIPART, "part.meta.messages[0].content", multipart_json, false},
        {"text", "text/plain", "body", text, true},
        {"utf-16 le", "text/plain", "body", utf16le, false},
        {"utf-16 be", "text/plain", "body", utf16be, false},
        {"html", "text/html", "body", html, true},
        {"gzip file", MULTIPART, "part.file", upload_gzip, false},
        {"zip, stored", MULTIPART, "part.file.logs/second.txt", upload_zip_stored, false},
        {"zip", MULTIPART, "part.file.logs/second.txt", upload_zip, false},
        {"zip, streamed", MULTIPART, "part.file.logs/second.txt", upload_zip_streamed, false},
        {"docx", MULTIPART, "part.file.word/document.xml", upload_docx, false},
        {"docx in json", "application/json", "input[0].file_data", json_docx, true},
        {"tar", MULTIPART, "part.file.notes/today.txt", upload_tar, false},
        {"tar.gz", MULTIPART, "part.file.notes/today.txt", upload_tar_gz, false},
        {"pdf", MULTIPART, "part.file", upload_pdf, false},
        {"rtf", MULTIPART, "part.file", upload_rtf, false},
        {"mail", MULTIPART, "part.file", upload_mail, false},
        {"protobuf", "application/x-protobuf", "3.2.1", protobuf, false},
};
#define STRUCTURES (sizeof(structures) / sizeof(*structures))

#endif
