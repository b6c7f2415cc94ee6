/* fuzz_markup.c - XML and HTML: one piece, three bytes at a time and with a gap; as the type says by the
 * first byte. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct message m = {
	        .content_type = n && *p & 1 ? SLICE("text/html") : SLICE("application/xml")};

	if (n < 2)
		return 0;
	p++;
	n--;
	need(heard_body(&m, p, n, n, 0) == heard_body(&m, p, n, 3, 0));
	heard_body(&m, p, n, 5, n / 2);
	return 0;
}
