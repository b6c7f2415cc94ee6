/* fuzz_content.c - bodies of every kind.  The first byte picks type and coding, the second where a gap is;
 * the same body must give the same fields in one piece and byte by byte. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const types[] = {"", "application/json", "application/x-www-form-urlencoded",
	        "multipart/form-data; boundary=XX"};
	static const char *const codings[] = {"", "gzip", "deflate", "gzip, deflate"};
	struct message m = {0};
	size_t gap_at;

	if (n < 2)
		return 0;
	m.content_type = slice_of(types[p[0] & 3], strlen(types[p[0] & 3]));
	m.content_encoding = slice_of(codings[p[0] >> 2 & 3], strlen(codings[p[0] >> 2 & 3]));
	gap_at = p[1];
	p += 2;
	n -= 2;
	need(heard_body(&m, p, n, n ? n : 1, 0) == heard_body(&m, p, n, 1, 0));
	if (gap_at && gap_at < n)
		need(heard_body(&m, p, n, n, gap_at) == heard_body(&m, p, n, 1, gap_at));
	return 0;
}
