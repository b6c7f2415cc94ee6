/* worker.c - the loop that shows the whole product. */
#include "cli/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "capture/share.h"
#include "cli/pulse.h"

#include <stdio.h>
#include <string.h>

#define PROGRESS_EVERY 1024 /* packets between two looks at the shared counters */
/* A source that has nothing waits up to 10 ms; so a busy one beside it is read further before its turn ends,
 * but not so long that the others are late. */
#define TURN_NS         (100 * NS_PER_MS)
#define TURN_LOOK_EVERY 32               /* packets between two looks at the clock */
#define DATAGRAMS_MAX   4096             /* put together at once; most are of two or three fragments */
#define RING_NS         (20 * NS_PER_MS) /* after which an own packet would have come out of an idle ring */
#define INBOX_BYTES     (8u << 20)
#define INBOX_WAIT_NS   (2 * NS_PER_MS) /* at the end, between two looks into the inbox */

atomic_bool worker_stop;

static atomic_uint reading; /* workers that have not come to the end of their sources */

static int decoder_prepare(struct worker *w, struct err *e)
{
	const struct settings *s = w->settings;
	struct defrag_limits limits = {.datagrams = DATAGRAMS_MAX,
	        .memory_mb = s->limits.fragments_mb,
	        .seconds = s->limits.fragment_s};

	w->frags = defrag_create(&limits, e);
	if (!w->frags)
		return -1;
	if (s->limits.copies)
		w->copies = copies_create(s->limits.copies, e);
	return w->copies || !s->limits.copies ? 0 : -1;
}

int worker_prepare(struct worker *w, struct err *e)
{
	const struct settings *s = w->settings;
	struct flow_limits limits = {.flows = s->limits.flows,
	        .idle_tcp_s = s->limits.flow_idle_s,
	        .idle_udp_s = s->limits.udp_idle_s,
	        .active_s = s->limits.flow_active_s,
	        .vlan_in_key = s->capture.vlan_in_key};

	w->flows = flow_table_create(&limits, e);
	if (!w->flows)
		return -1;
	if (decoder_prepare(w, e) < 0)
		return -1;
	if (w->live && w->count > 1 && !(w->inbox = handover_create(INBOX_BYTES, e)))
		return -1;
	w->classify = classify_create(w->settings, w->engine, w->tell, e);
	if (!w->classify)
		return -1;
	atomic_fetch_add(
	        &reading, 1); /* before any of them starts: the first may end before the last begins */
	return 0;
}

void worker_clear(struct worker *w)
{
	for (size_t i = 0; i < w->n_sources; i++)
		source_close(w->sources[i]);
	classify_destroy(w->classify);
	flow_table_destroy(w->flows);
	copies_destroy(w->copies);
	defrag_destroy(w->frags);
	handover_destroy(w->inbox);
}

static void end_flows(struct worker *w)
{
	struct flow *f;

	while ((f = flow_ended(w->flows))) {
		classify_end(w->classify, f, w->tell_flows);
		flow_release(w->flows, f);
	}
}

/* Time passes for a worker also with packets that are not its own. */
static void advance(struct worker *w, int64_t now_ns)
{
	flow_advance(w->flows, now_ns);
	end_flows(w);
}

static void process(struct worker *w, struct packet *p)
{
	enum flow_dir dir;
	struct flow *f;

	w->stats.handled++;
	if (w->copies && copies_seen(w->copies, p)) {
		w->stats.copies++;
		advance(w, p->ts_ns);
		return;
	}
	f = flow_track(w->flows, p, &dir);
	end_flows(w); /* a reused port or a full table ended another one */
	classify_packet(w->classify, f, dir, p);
	advance(w, p->ts_ns);
}

static unsigned home_of(const struct worker *w, const struct packet *p)
{
	const struct networks *n = w->settings->networks;

	return share_of(p, (struct share_end){networks_internal(n, &p->src), networks_proxy(n, &p->src)},
	        (struct share_end){networks_internal(n, &p->dst), networks_proxy(n, &p->dst)}, w->count);
}

/* The kernel may have taken it for another. */
static bool seen_from_outside(const struct packet *p)
{
	return p->n_tunnels || p->in_fragments || p->no_tunnel || p->carries;
}

/* Live packets were shared out by the kernel, whose program cannot see into everything (share.h): what it got
 * wrong goes to the right worker.  Packets that came as they are it sees whole.  Of a file every worker reads
 * all, and leaves to the others what is theirs. */
static bool mine(struct worker *w, const struct packet *p)
{
	unsigned home;

	if (w->count == 1 || (w->live && !seen_from_outside(p)))
		return true;
	home = home_of(w, p);
	if (home == w->index || !w->live)
		return home == w->index;
	if (handover_put(w->all[home].inbox, p)) {
		w->stats.handed_on++;
		return false;
	}
	w->stats.misplaced++;
	return true;
}

/* Between our own switches a tunnel may carry what it likes: what is in it counts.  From or to anybody else
 * it is a datagram that came or left. */
static bool own_tunnel(const struct worker *w, const struct packet *p)
{
	const struct networks *n = w->settings->networks;

	return p->carries && networks_internal(n, &p->src) && networks_internal(n, &p->dst);
}

static void handle(struct worker *w, struct packet *p)
{
	enum decode_result r = decode_packet(p, w->frags);

	if (own_tunnel(w, p))
		r = (enum decode_result)p->carries;
	if (r != DECODE_OK) {
		w->stats.understood_not[r]++;
		return;
	}
	w->stats.decoded++;
	w->stats.no_tunnel += p->no_tunnel;
	if (mine(w, p))
		process(w, p);
	else /* flows end at the same moment for any number of workers */
		advance(w, p->ts_ns);
}

/* What others handed over, up to that time: what was captured before it was read from our own ring. */
static bool take_over(struct worker *w, int64_t until_ns)
{
	struct packet p;
	bool any = false;

	while (w->inbox && handover_take(w->inbox, until_ns, &p)) {
		process(w, &p);
		any = true;
	}
	return any;
}

static void look_around(struct worker *w, uint64_t packets, uint64_t bytes)
{
	int64_t now = clock_mono_ns();

	atomic_fetch_add_explicit(&w->packets, packets, memory_order_relaxed);
	atomic_fetch_add_explicit(&w->bytes, bytes, memory_order_relaxed);
	if (w->live)
		pulse_tell(w, now, false);
}

/* Packets of one source until it has none for now, or for a while; -1 at its end. */
static int read_some(struct worker *w, struct source *src)
{
	int64_t until = w->n_sources > 1 ? clock_mono_ns() + TURN_NS : 0;
	uint64_t all = 0, packets = 0, bytes = 0;
	struct packet p;
	int got = 0;

	while ((got = source_next(src, &p)) > 0) {
		all++;
		packets++;
		bytes += p.wirelen;
		handle(w, &p);
		if (packets == PROGRESS_EVERY) {
			look_around(w, packets, bytes);
			packets = bytes = 0;
		}
		if (p.ts_ns > w->read_ns)
			w->read_ns = p.ts_ns;
		if (all % TURN_LOOK_EVERY == 0)
			(void)take_over(w, w->read_ns);
		if (until ? all % TURN_LOOK_EVERY == 0 && clock_mono_ns() >= until : all == PROGRESS_EVERY)
			break;
	}
	look_around(w, packets, bytes);
	return got < 0 ? -1 : all > 0;
}

/* All workers read the same interfaces or captures: what ends one ends all, and is said once. */
static void tell_source_error(struct worker *w, size_t i)
{
	static atomic_uint_fast64_t told; /* a bit for each place in the list of sources */
	uint64_t bit = (uint64_t)1 << (i & 63);

	w->failed |= bit;
	snprintf(w->error, sizeof(w->error), "%s", source_error(w->sources[i]));
	if (!(atomic_fetch_or(&told, bit) & bit))
		log_error("%s", w->error);
}

/* The others may still read what is ours. */
static void wait_for_others(struct worker *w)
{
	struct timespec wait = {.tv_nsec = INBOX_WAIT_NS};

	atomic_fetch_sub(&reading, 1);
	while (w->inbox && atomic_load(&reading)) {
		(void)take_over(w, INT64_MAX);
		nanosleep(&wait, NULL);
	}
	(void)take_over(w, INT64_MAX);
}

static void *worker_run(void *arg)
{
	struct worker *w = arg;
	size_t open = w->n_sources;
	bool ended[64] = {false};
	bool told_stop = false;

	while (open) {
		bool any = false;

		if (!told_stop && atomic_load_explicit(&worker_stop, memory_order_relaxed)) {
			told_stop = true;
			for (size_t i = 0; i < w->n_sources; i++)
				source_break(w->sources[i]);
		}
		for (size_t i = 0; i < w->n_sources; i++) {
			int got;

			if (ended[i])
				continue;
			got = read_some(w, w->sources[i]);
			any |= got > 0;
			if (got < 0) {
				ended[i] = true;
				open--;
				if (source_error(w->sources[i])[0])
					tell_source_error(w, i);
			}
		}
		any |= take_over(w, any ? w->read_ns : clock_wall_ns() - RING_NS);
		if (!any && w->live) {
			advance(w, clock_wall_ns());
		}
	}
	wait_for_others(w);
	flow_stop_all(w->flows);
	end_flows(w);
	flow_table_stats(w->flows, &w->stats.flows);
	defrag_stats(w->frags, &w->stats.fragments);
	classify_stats(w->classify, &w->stats.classify);
	pulse_tell(w, clock_mono_ns(), true);
	atomic_store(&w->done, true);
	return NULL;
}

int worker_start(struct worker *w, struct err *e)
{
	int rc = pthread_create(&w->thread, NULL, worker_run, w);

	if (rc) /* nor will those behind it start */
		atomic_fetch_sub(&reading, w->count - w->index);
	return rc ? err_set(e, "cannot start a worker thread: %s", strerror(rc)) : 0;
}

void worker_join(struct worker *w)
{
	pthread_join(w->thread, NULL);
	for (size_t i = 0; i < w->n_sources; i++) {
		struct source_stats st;

		source_stats(w->sources[i], &st);
		w->stats.source.received += st.received;
		w->stats.source.bytes += st.bytes;
		w->stats.source.kernel_seen += st.kernel_seen;
		w->stats.source.dropped_ring += st.dropped_ring;
		w->stats.source.dropped_interface += st.dropped_interface;
		w->stats.source.truncated_files += st.truncated_files;
		w->stats.source.bad_blocks += st.bad_blocks;
	}
}
