/* fuzz_proxy_header.c - PROXY headers and what follows, both directions in pieces, with gaps (see
 * names_fuzz.h for the input). */
#include "tests/fuzz/names_fuzz.h"

#include "classify/names/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fuzz_wire w;

	proxy_header_probe(p, n);
	fuzz_open(&w, &proxy_header_layer);
	fuzz_run(&w, &proxy_header_layer, p, n);
	fuzz_close(&w, &proxy_header_layer);
	return 0;
}
