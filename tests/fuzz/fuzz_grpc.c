/* fuzz_grpc.c - messages in envelopes.  The first byte picks type and coding, the second where a gap is; the
 * same body must give the same fields in one piece and in many. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const types[] = {"application/grpc", "application/grpc+json",
	        "application/grpc-web", "application/grpc-web-text", "application/connect+proto",
	        "application/connect+json", "application/vnd.amazon.eventstream", ""};
	static const char *const codings[] = {"gzip", "identity", "zstd", "deflate"};
	struct header h = {.name = SLICE("grpc-encoding")};
	struct message m = {.headers = &h, .n_headers = 1};
	size_t gap_at;

	if (n < 2)
		return 0;
	m.content_type = slice_of(types[p[0] & 7], strlen(types[p[0] & 7]));
	h.value = slice_of(codings[p[0] >> 3 & 3], strlen(codings[p[0] >> 3 & 3]));
	gap_at = p[1];
	p += 2;
	n -= 2;
	need(heard_body(&m, p, n, n ? n : 1, 0) == heard_body(&m, p, n, 1, 0));
	if (gap_at && gap_at < n)
		need(heard_body(&m, p, n, n, gap_at) == heard_body(&m, p, n, 3, gap_at));
	return 0;
}
