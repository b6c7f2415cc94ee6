/* fuzz_socks.c - SOCKS, both directions in pieces, with gaps (see names_fuzz.h for the input). */
#include "tests/fuzz/names_fuzz.h"

#include "classify/names/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fuzz_wire w;

	socks_probe(p, n);
	fuzz_open(&w, &socks_layer);
	fuzz_run(&w, &socks_layer, p, n);
	fuzz_close(&w, &socks_layer);
	return 0;
}
