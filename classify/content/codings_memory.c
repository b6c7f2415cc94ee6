/* codings_memory.c - the account of what decoders hold (codings.h): units of 4 KiB in one region, a bit for
 * each that is taken.  Small pieces come from the bottom, first fit, large ones from the top, so that the two
 * do not cut each other's room to pieces.  A piece's length stands in a table, not beside its bytes. */
#include "classify/content/codings_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define UNIT 4096

struct coding_memory {
	uint8_t *base;
	size_t units, used, peak; /* in units */
	size_t low;               /* no unit below this is free */
	uint64_t refused;
	uint64_t *taken; /* bit map */
	uint32_t *run;   /* by first unit of a piece: its units */
};

struct coding_memory *coding_memory_create(size_t bytes)
{
	struct coding_memory *m = calloc(1, sizeof(*m));
	size_t units = bytes / UNIT;

	if (!m || bytes < 1 << 20 || units > UINT32_MAX)
		goto fail;
	m->units = units;
	m->taken = calloc(units / 64 + 1, sizeof(*m->taken));
	m->run = calloc(units, sizeof(*m->run));
	if (!m->taken || !m->run)
		goto fail;
	m->base = mmap(NULL, units * UNIT, PROT_READ | PROT_WRITE,
	        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (m->base == MAP_FAILED)
		goto fail;
	return m;
fail:
	if (m) {
		free(m->taken);
		free(m->run);
	}
	free(m);
	return NULL;
}

void coding_memory_destroy(struct coding_memory *m)
{
	if (!m)
		return;
	munmap(m->base, m->units * UNIT);
	free(m->taken);
	free(m->run);
	free(m);
}

static bool is_taken(const struct coding_memory *m, size_t unit)
{
	return m->taken[unit / 64] >> unit % 64 & 1;
}

static void mark(struct coding_memory *m, size_t from, size_t n, bool taken)
{
	for (size_t i = from; i < from + n; i++) {
		uint64_t bit = (uint64_t)1 << i % 64;

		m->taken[i / 64] = taken ? m->taken[i / 64] | bit : m->taken[i / 64] & ~bit;
	}
}

/* First of n free units in a row, the lowest there are; SIZE_MAX: none. */
static size_t find_low(struct coding_memory *m, size_t n)
{
	size_t got = 0, i = m->low;

	while (i < m->units && is_taken(m, i))
		i++;
	m->low = i;
	while (i < m->units) {
		if (i % 64 == 0 && m->taken[i / 64] == UINT64_MAX) {
			got = 0;
			i += 64;
			continue;
		}
		got = is_taken(m, i++) ? 0 : got + 1;
		if (got == n)
			return i - n;
	}
	return SIZE_MAX;
}

/* The highest, and none below a quarter.  Whole words first: these are windows of thousands of units. */
static size_t find_high(const struct coding_memory *m, size_t n)
{
	size_t got = 0, i = m->units, least = m->units / 4;

	while (i > least) {
		uint64_t word = m->taken[(i - 1) / 64];

		if (i % 64 == 0 && i - least >= 64 && (word == UINT64_MAX || (!word && n - got > 64))) {
			got = word ? 0 : got + 64;
			i -= 64;
			continue;
		}
		got = is_taken(m, --i) ? 0 : got + 1;
		if (got == n)
			return i;
	}
	return SIZE_MAX;
}

void *coding_memory_get(struct coding_memory *m, size_t n)
{
	size_t units = n / UNIT + (n % UNIT != 0), at;

	if (!units)
		units = 1;
	at = n > CODING_PIECE ? find_high(m, units) : find_low(m, units);
	if (at == SIZE_MAX) {
		m->refused++;
		return NULL;
	}
	mark(m, at, units, true);
	m->run[at] = (uint32_t)units;
	m->used += units;
	if (m->used > m->peak)
		m->peak = m->used;
	return m->base + at * UNIT;
}

void coding_memory_put(struct coding_memory *m, void *p)
{
	size_t at;

	if (!p)
		return;
	at = (size_t)((uint8_t *)p - m->base) / UNIT;
	assert((uint8_t *)p >= m->base && at < m->units && m->run[at]);
	mark(m, at, m->run[at], false);
	m->used -= m->run[at];
	m->run[at] = 0;
	if (at < m->low)
		m->low = at;
}

size_t coding_memory_used(const struct coding_memory *m)
{
	return m->used * UNIT;
}

size_t coding_memory_peak(const struct coding_memory *m)
{
	return m->peak * UNIT;
}

uint64_t coding_memory_refused(const struct coding_memory *m)
{
	return m->refused;
}

void *coding_take(void *memory, size_t n)
{
	return coding_memory_get(memory, n);
}

void coding_give_back(void *memory, void *p)
{
	coding_memory_put(memory, p);
}
