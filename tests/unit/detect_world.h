/* detect_world.h - the detectors that leaktap brings, for tests of one text at a time. */
#ifndef TESTS_DETECT_WORLD_H
#define TESTS_DETECT_WORLD_H

#include "classify/detect/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Made up for tests: it passes GitHub's CRC (see test_validators.c). */
#define GHP                                                                                                  \
	"ghp_"                                                                                               \
	"R4nd0mTestTokenForLeaktapXyz12"                                                                     \
	"1RntWr"

static struct detectors *set;
static struct detect_engine *engine;
static struct detect_worker *worker;

/* With a key for tokens, or none (NULL, 0, ""); so many streams at a time.  0, or -1: stderr says why. */
static int detect_world(const uint8_t *key, size_t key_len, const char *key_id, unsigned streams)
{
	const char *places[] = {"config/detectors"};
	struct err e = {.text = ""};
	struct faults f;

	faults_init(&f);
	set = detectors_load(places, 1, &f);
	faults_print(&f, stderr);
	faults_clear(&f);
	engine = set ? detect_engine_create(set, key, key_len, key_id, &e) : NULL;
	worker = engine ? detect_worker_create(engine, streams, 64, &e) : NULL;
	if (!worker)
		fprintf(stderr, "%s\n", e.text);
	return worker ? 0 : -1;
}

/* Text as one field, cut at `cut`; what is found is copied to out.  The pieces are exact-size heap copies. */
static inline size_t find(const char *text, size_t len, size_t cut, struct finding *out)
{
	struct detect_stream *s = detect_open(worker);
	const struct finding *f;
	uint8_t *a = malloc(cut ? cut : 1), *b = malloc(len - cut ? len - cut : 1);
	size_t n;
	uint32_t more;

	assert_non_null(s);
	memcpy(a, text, cut);
	memcpy(b, text + cut, len - cut);
	detect_field(s, "body", 4, "", 0);
	detect_text(s, a, cut);
	free(a);
	detect_text(s, b, len - cut);
	free(b);
	f = detect_close(s, &n, &more);
	assert_int_equal(more, 0);
	memcpy(out, f, n * sizeof(*f));
	return n;
}

static int teardown(void **state)
{
	(void)state;
	detect_worker_destroy(worker);
	detect_engine_destroy(engine);
	detectors_free(set);
	return 0;
}

#endif
