/* fuzz_dns.c - first byte: 0-127 a DNS message, 128-255 DNS over TCP in pieces (see names_fuzz.h). */
#include "tests/fuzz/names_fuzz.h"

#include "classify/names/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct dns_cache *cache; /* of all inputs, so that it fills and makes room */
	struct ip_addr client = {{1}}, server = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 198, 51, 100, 1}};
	struct dns_found found[DNS_NAMES_MAX + 1];
	unsigned names;
	struct fuzz_wire w;

	if (!cache)
		cache = dns_cache_create(32, 60, NULL);
	if (!n || !cache)
		return 0;
	if (p[0] < 128) {
		dns_message(cache, &client, p + 1, n - 1, 0);
	} else {
		fuzz_open(&w, &dns_tcp_layer);
		dns_layer_use(w.state, cache);
		fuzz_run(&w, &dns_tcp_layer, p + 1, n - 1);
		fuzz_close(&w, &dns_tcp_layer);
	}
	names = dns_names(cache, &client, &server, 0, found, DNS_NAMES_MAX + 1);
	if (names > DNS_NAMES_MAX)
		abort();
	for (unsigned i = 0; i < names; i++)
		if (!*found[i].name || strlen(found[i].name) >= HOST_MAX)
			abort();
	return 0;
}
