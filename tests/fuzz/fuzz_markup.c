/* fuzz_markup.c - XML and HTML: one piece, three bytes at a time and with a gap; as the type says by the
 * first byte. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct message m = {
	        .content_type = n && *p & 1 ? SLICE("text/html") : SLICE("application/xml")};

	return n < 2 ? 0 : heard_ways(&m, p + 1, n - 1);
}
