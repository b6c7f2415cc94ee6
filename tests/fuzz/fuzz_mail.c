/* fuzz_mail.c - messages of e-mail: one piece, three bytes at a time and with a gap. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct message m = {.content_type = SLICE("message/rfc822")};

	return heard_ways(&m, p, n);
}
