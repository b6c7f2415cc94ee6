/* pulse.c - see pulse.h. */
#include "cli/pulse.h"

#include "base/clock.h"

#include <assert.h>
#include <string.h>

static_assert(sizeof(struct worker_pulse) == PULSE_WORDS * sizeof(uint64_t),
        "a pulse is made of 64-bit counters: PULSE_WORDS says how many");

static void add_source(struct source_stats *t, const struct source_stats *o)
{
	t->received += o->received;
	t->bytes += o->bytes;
	t->kernel_seen += o->kernel_seen;
	t->dropped_ring += o->dropped_ring;
	t->dropped_interface += o->dropped_interface;
	t->truncated_files += o->truncated_files;
	t->bad_blocks += o->bad_blocks;
}

void pulse_tell(struct worker *w, int64_t now_ns, bool now)
{
	struct worker_pulse p;
	uint64_t word[PULSE_WORDS];

	if (!now && now_ns - w->pulse_ns < PULSE_EVERY_NS)
		return;
	w->pulse_ns = now_ns;
	memset(&p, 0, sizeof(p));
	p.stats = w->stats;
	for (size_t i = 0; i < w->n_sources && i < WORKER_SOURCES_MAX; i++) {
		source_stats(w->sources[i], &p.source[i]);
		add_source(&p.stats.source, &p.source[i]);
	}
	flow_table_stats(w->flows, &p.stats.flows);
	defrag_stats(w->frags, &p.stats.fragments);
	classify_stats(w->classify, &p.stats.classify);
	p.failed = w->failed;
	p.at_ns = (uint64_t)now_ns;
	memcpy(word, &p, sizeof(word));
	for (size_t i = 0; i < PULSE_WORDS; i++)
		atomic_store_explicit(&w->pulse[i], word[i], memory_order_relaxed);
}

void pulse_read(const struct worker *w, struct worker_pulse *out)
{
	uint64_t word[PULSE_WORDS];

	for (size_t i = 0; i < PULSE_WORDS; i++)
		word[i] = atomic_load_explicit((_Atomic uint64_t *)&w->pulse[i], memory_order_relaxed);
	memcpy(out, word, sizeof(*out));
}
