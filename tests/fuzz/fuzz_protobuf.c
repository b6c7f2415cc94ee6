/* fuzz_protobuf.c - messages without a schema.  The first byte says where a gap is; the same message must
 * give the same fields in one piece and byte by byte. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct message m = {.content_type = SLICE("application/x-protobuf")};
	size_t gap_at;

	if (!n)
		return 0;
	gap_at = p[0];
	p++;
	n--;
	need(heard_body(&m, p, n, n ? n : 1, 0) == heard_body(&m, p, n, 1, 0));
	if (gap_at && gap_at < n)
		need(heard_body(&m, p, n, n, gap_at) == heard_body(&m, p, n, 3, gap_at));
	return 0;
}
