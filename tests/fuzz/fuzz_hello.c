/* fuzz_hello.c - first byte: which reader; the rest: the body of a ClientHello or ServerHello. */
#include "classify/names/hello.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Every text must end within its array, whatever was read. */
static void check(const struct hello *h)
{
	if (!memchr(h->sni, 0, sizeof(h->sni)) || !memchr(h->alpn, 0, sizeof(h->alpn)) ||
	        !memchr(h->alpn_all, 0, sizeof(h->alpn_all)) || !memchr(h->ja4, 0, sizeof(h->ja4)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct hello h, part;
	struct cur body;

	if (!n)
		return 0;
	body = cur_of(p + 1, n - 1);
	if (p[0] & 1) {
		if (hello_read_server(body, &h) == 0)
			check(&h);
		return 0;
	}
	if (hello_read_client_part(body, false, &part) == 0)
		check(&part);
	if (hello_read_client(body, p[0] & 2, &h) < 0)
		return 0;
	check(&h);
	/* what is a hello whole is the same hello in part */
	if (strcmp(h.sni, part.sni) || part.version != h.version || part.group != h.group)
		abort();
	return 0;
}
