/* fuzz_certificate.c - the certificates of servers. */
#include "classify/names/certificate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct certificate c;

	if (certificate_read(p, n, "api.example.com", &c) == 0 &&
	        (!memchr(c.name, 0, sizeof(c.name)) || !memchr(c.issuer, 0, sizeof(c.issuer)) ||
	                strchr(c.name + (c.name[0] == '*'), '*')))
		abort();
	return 0;
}
