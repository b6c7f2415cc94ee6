/* fuzz_pdf.c - PDF: one piece, three bytes at a time and with a gap. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct message m = {0};

	if (!n)
		return 0;
	need(heard_body(&m, p, n, n, 0) == heard_body(&m, p, n, 3, 0));
	heard_body(&m, p, n, 5, n / 2);
	return 0;
}
