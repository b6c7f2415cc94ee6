/* compressed.c - bytes that begin as gzip or zstd do, though nobody called them so: an uploaded file, a
 * message in an envelope, a value in base64.  What they hold is a part, read by its own first bytes. */
#include "classify/content/codings.h"
#include "classify/content/reader.h"

static int gzip_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	(void)hint;
	return coding_by_magic(p, n) == CODING_GZIP;
}

static int zstd_probe(const uint8_t *p, size_t n, const struct part_hint *hint)
{
	(void)hint;
	return coding_by_magic(p, n) == CODING_ZSTD;
}

static bool open_as(struct nest *t, const struct prefix *in, const char *coding, bool *inside)
{
	struct part_hint hint = {.codings = slice_of(coding, strlen(coding))};

	*inside = part_begin(t, in, &hint);
	return true;
}

static bool gzip_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	(void)hint;
	return open_as(t, in, "gzip", state);
}

static bool zstd_open(void *state, struct nest *t, const struct prefix *in, const struct part_hint *hint)
{
	(void)hint;
	return open_as(t, in, "zstd", state);
}

static void feed(void *state, struct nest *t, const uint8_t *p, size_t n)
{
	if (*(bool *)state)
		part_feed(t, p, n);
}

static void gap(void *state, struct nest *t, uint64_t n)
{
	if (*(bool *)state)
		part_gap(t, n);
}

static void end(void *state, struct nest *t)
{
	if (*(bool *)state)
		part_end(t);
}

const struct reader_ops gzip_ops = {"gzip", sizeof(bool), false, gzip_probe, gzip_open, feed, gap, end};
const struct reader_ops zstd_ops = {"zstd", sizeof(bool), false, zstd_probe, zstd_open, feed, gap, end};
