/* fuzz_call.c - what requests ask for: a byte chooses the service, then lines: method and path, a header and
 * its value, then fields and their texts in turn.  Told whole and byte by byte, which must give the same. */
#include "classify/call.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void need(bool ok)
{
	if (!ok)
		abort();
}

static struct slice line(struct slice *rest)
{
	const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
	struct slice one = slice_of(rest->p, end ? (size_t)(end - rest->p) : rest->n);

	*rest = end ? slice_of(end + 1, rest->n - one.n - 1) : slice_of(NULL, 0);
	return one;
}

static void tell(struct call *q, struct slice rest, size_t step)
{
	while (rest.n) {
		struct slice field = line(&rest), text = line(&rest);
		uint32_t mark = call_field(q, field.p ? field.p : "", field.n);

		for (size_t i = 0; i < text.n; i += step) {
			size_t k = text.n - i < step ? text.n - i : step;
			uint8_t *copy = malloc(k);

			memcpy(copy, text.p + i, k);
			call_text(q, copy, k);
			free(copy);
		}
		call_field_end(q, !text.n || text.p[text.n - 1] != '\\');
		need(call_speaker(q, mark) < SPEAKERS);
	}
	call_end(q);
}

static bool same_text(const struct call_text *a, const struct call_text *b)
{
	return a->n == b->n && !memcmp(a->text, b->text, a->n);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const place[] = {"config/catalogue"};
	static struct catalogue *c;
	static struct call whole, bytes;
	struct slice rest;
	struct header h;
	struct message m = {.request = true, .headers = &h, .n_headers = 1};
	const struct service *s;

	if (!c) {
		struct faults f;

		faults_init(&f);
		c = catalogue_load(place, 1, &f);
		need(c);
	}
	if (!n)
		return 0;
	s = p[0] < 255 ? catalogue_at(c, p[0]) : NULL;
	rest = slice_of(p + 1, n - 1);
	m.method = line(&rest);
	m.path = line(&rest);
	m.framed = m.method.n && m.method.p[0] == 'W';
	h.name = line(&rest);
	h.value = line(&rest);
	call_head(&whole, c, s, p[0] & 1 ? "openai-chat" : NULL, &m);
	tell(&whole, rest, SIZE_MAX / 2);
	call_head(&bytes, c, s, p[0] & 1 ? "openai-chat" : NULL, &m);
	tell(&bytes, rest, 1);
	need(whole.messages == bytes.messages && whole.files == bytes.files && whole.thread == bytes.thread);
	need(whole.words.n <= CALL_PATH_MAX && whole.words.n == bytes.words.n &&
	        !memcmp(whole.words.text, bytes.words.text, whole.words.n));
	for (int t = TAKE_NONE + 1; t < TAKES; t++)
		need(whole.take[t].n <= CALL_TEXT_MAX && same_text(&whole.take[t], &bytes.take[t]));
	need(call_operation(&whole).n <= CALL_TEXT_MAX);
	return 0;
}
