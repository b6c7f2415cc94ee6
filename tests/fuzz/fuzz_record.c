/* fuzz_record.c - what stands in a stream is shown to a person: whatever it is, only printable text comes
 * out. */
#include "alerts/record_read.h"
#include "alerts/show.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *json, size_t n, bool utf8)
{
	char *out = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&out, &len);
	struct show s = {.out = f, .utf8 = utf8, .width = 60};

	if (!f)
		return;
	show_record(&s, json, n);
	fclose(f);
	for (size_t i = 0; i < len; i++) {
		uint8_t b = (uint8_t)out[i];

		if ((b < 0x20 && b != '\n') || b == 0x7f || (b >= 0x80 && !utf8))
			abort();
		if (b == 0xc2 && i + 1 < len && (uint8_t)out[i + 1] < 0xa0)
			abort(); /* a C1 control character */
	}
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check((const char *)data, size, true);
	check((const char *)data, size, false);
	return 0;
}
