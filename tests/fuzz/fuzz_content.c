/* fuzz_content.c - bodies of every kind.  The first byte picks type and coding, the second where a gap is;
 * the same body must give the same fields in one piece and byte by byte. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const types[16] = {"", "application/json", "application/x-www-form-urlencoded",
	        "multipart/form-data; boundary=XX", "text/plain; charset=utf-16",
	        "text/plain; charset=latin1", "application/json; charset=utf-16be",
	        "application/json; charset=utf-32", "multipart/mixed; boundary=XX",
	        "application/x-www-form-urlencoded; charset=windows-1252",
	        "multipart/related; boundary=\"X X\"", "text/html; charset=utf-16le",
	        "application/octet-stream", "message/rfc822", "text/event-stream",
	        "application/x-ndjson; charset=\""};
	static const char *const codings[] = {"", "gzip", "deflate", "gzip, deflate"};
	struct message m = {0};
	size_t gap_at, type;

	if (n < 2)
		return 0;
	type = (p[0] & 3u) | (p[0] >> 4 & 3u) << 2;
	m.content_type = slice_of(types[type], strlen(types[type]));
	m.content_encoding = slice_of(codings[p[0] >> 2 & 3], strlen(codings[p[0] >> 2 & 3]));
	gap_at = p[1];
	p += 2;
	n -= 2;
	need(heard_body(&m, p, n, n ? n : 1, 0) == heard_body(&m, p, n, 1, 0));
	if (gap_at && gap_at < n)
		need(heard_body(&m, p, n, n, gap_at) == heard_body(&m, p, n, 1, gap_at));
	return 0;
}
