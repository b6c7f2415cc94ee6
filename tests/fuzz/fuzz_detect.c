/* fuzz_detect.c - any text, in any pieces, with any fields and gaps, through all shipped detectors; the same
 * text in one piece must give the same findings.  And the masking of strings that go out. */
#include "classify/detect/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS 64

static struct detect_worker *worker(void)
{
	static struct detect_worker *w;
	static struct detectors *d;
	static struct detect_engine *en;
	const char *places[] = {"config/detectors"};
	struct faults f;
	struct err e = {""};

	if (w)
		return w;
	faults_init(&f);
	d = detectors_load(places, 1, &f);
	faults_print(&f, stderr);
	en = d ? detect_engine_create(d, (const uint8_t *)"key", 3, "k", &e) : NULL;
	w = en ? detect_worker_create(en, 2, FINDINGS, &e) : NULL;
	if (!w) {
		fprintf(stderr, "run it where config/detectors is: %s\n", e.text);
		abort();
	}
	return w;
}

/* Fields with a key, and text parts that follow one another. */
static void begin_field(struct detect_stream *s, unsigned n)
{
	char path[32];

	if (n % 4 == 3) {
		detect_field(s, "a.password", 10, "password", 8);
		return;
	}
	detect_field(
	        s, path, (size_t)snprintf(path, sizeof(path), "a.content[%u].text", n - n / 4), "text", 4);
}

/* 0xfe begins a field, 0xff is a gap; the text between goes in pieces of so many bytes, 0: whole. */
static size_t run(const uint8_t *p, size_t n, size_t piece, struct finding *out, uint32_t *more)
{
	struct detect_stream *s = detect_open(worker());
	const struct finding *f;
	unsigned fields = 0;
	size_t found;

	for (size_t i = 0; i < n;) {
		size_t len = 0;

		while (i + len < n && p[i + len] < 0xfe && (!piece || len < piece))
			len++;
		if (len) {
			uint8_t *copy = malloc(len);

			memcpy(copy, p + i, len);
			detect_text(s, copy, len);
			free(copy);
			i += len;
		} else if (p[i++] == 0xfe) {
			begin_field(s, fields++);
		} else {
			detect_gap(s);
		}
	}
	f = detect_close(s, &found, more);
	memcpy(out, f, found * sizeof(*f));
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct finding whole[FINDINGS], parts[FINDINGS];
	char out[300];
	uint32_t more, more_parts;
	char field[FINDING_FIELD_MAX];
	size_t a, b, len;

	if (n < 2)
		return 0;
	a = run(p + 1, n - 1, 0, whole, &more);
	b = run(p + 1, n - 1, 1u + p[0] % 97u, parts, &more_parts);
	if (a != b || more != more_parts || (a && memcmp(whole, parts, a * sizeof(*whole)) != 0))
		abort();
	for (size_t i = 0; i < a; i++)
		if (memchr(whole[i].mask, 0, sizeof(whole[i].mask)) == NULL || !whole[i].count)
			abort();
	len = detect_mask(worker(), (const char *)p, n, out, 1u + p[0]);
	if (len > p[0] || out[len])
		abort();
	len = n < sizeof(field) ? n : sizeof(field) - 1;
	memcpy(field, p, len);
	field[len] = 0;
	detect_mask_path(worker(), field);
	if (!memchr(field, 0, sizeof(field)))
		abort();
	return 0;
}
