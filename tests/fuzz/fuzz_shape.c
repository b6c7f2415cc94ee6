/* fuzz_shape.c - what requests look like: lines of the input are a path, then fields and texts in turn, the
 * rest is an answer. */
#include "classify/shape.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct slice line(struct slice *rest)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	struct slice one = slice_of(rest->p, end ? (size_t)(end - rest->p) : rest->n);

	*rest = end ? slice_of(end + 1, rest->n - one.n - 1) : slice_of(NULL, 0);
	return one;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice rest = slice_of(p, n);
	struct header header = {.name = SLICE("x-amz-target")};
	struct message m = {.headers = &header, .n_headers = 1};
	struct shape s = {.name = NULL};
	char text[160];

	shape_probe(p, n);
	m.path = line(&rest);
	header.value = line(&rest);
	shape_head(&s, &m);
	for (int i = 0; i < 64 && rest.n; i++) {
		struct slice field = line(&rest), value = line(&rest);

		shape_field(&s, field.p, field.n);
		if (shape_reads(field.p, field.n))
			shape_text(&s, field.p, field.n, (const uint8_t *)value.p, value.n);
	}
	shape_answer(&s, &m, (const uint8_t *)rest.p, rest.n);
	shape_evidence(&s, text, sizeof(text));
	if (s.sure > 99 || (s.name != NULL) != (s.sure >= SHAPE_SURE) || !memchr(text, 0, sizeof(text)))
		abort();
	return 0;
}
