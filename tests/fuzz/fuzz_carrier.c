/* fuzz_carrier.c - VPNs and remote desktops: the first byte says stream (even) or datagrams (odd), the rest
 * is both directions in pieces, with gaps (see names_fuzz.h). */
#include "tests/fuzz/names_fuzz.h"

#include "classify/names/carrier.h"

static void carrier_told(void *arg, const struct carrier *what, bool elsewhere)
{
	unsigned *n = arg;

	(void)elsewhere;
	if (++*n > 2 || carrier_by_word(what->name) != what) /* certain once, made once */
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct layer_ops *ops;
	struct fuzz_wire w;

	if (!n)
		return 0;
	ops = p[0] & 1 ? &carrier_datagram_layer : &carrier_layer;
	carrier_probe(p + 1, n - 1);
	carrier_probe_datagram(p + 1, n - 1);
	fuzz_open(&w, ops);
	w.sink.carrier = carrier_told;
	fuzz_run(&w, ops, p + 1, n - 1);
	fuzz_close(&w, ops);
	return 0;
}
