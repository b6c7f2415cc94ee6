/* fuzz_http2.c - both directions of an HTTP/2 connection.  Options bit 0: it begins within, bit 1: answers
 * are read, bit 2: it began with HTTP/1. */
#include "tests/fuzz/http_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct message asked = {.dir = FLOW_C2S, .request = true};
	static const struct upgrade h2c = {.to = UPGRADE_H2C, .request = &asked};
	struct cur c = cur_of(p, n);
	uint8_t options = cur_u8(&c);

	http_fuzz_run(&http2_layer, options & 4 ? &h2c : NULL, options & 1, options & 2, c);
	if (n)
		need(http2_probe(p, n) <= 1 && (http2_frames(p, n, options & 1) || n));
	return 0;
}
