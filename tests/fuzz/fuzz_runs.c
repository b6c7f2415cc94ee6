/* fuzz_runs.c - text in binary formats: one piece, three bytes at a time and with a gap. */
#include "tests/fuzz/fuzz_content.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct message m = {0};

	return heard_ways(&m, p, n);
}
