/* summary.c - see summary.h.  The three equations of the design are printed with the word "balanced" or with
 * what is missing, so that a reader (and a test) need not add up. */
#include "cli/summary.h"

#include "base/clock.h"

#include <inttypes.h>
#include <string.h>

static void add_flows(struct flow_stats *t, const struct flow_stats *o)
{
	t->created += o->created;
	t->live += o->live;
	t->peak += o->peak;
	t->clock_back += o->clock_back;
	for (int i = 0; i <= FLOW_STOP; i++)
		t->ended[i] += o->ended[i];
}

static void add_fragments(struct defrag_stats *t, const struct defrag_stats *o)
{
	t->fragments += o->fragments;
	t->completed += o->completed;
	t->expired += o->expired;
	t->evicted += o->evicted;
	t->duplicates += o->duplicates;
	t->overlap_differs += o->overlap_differs;
	t->bad += o->bad;
	t->cut += o->cut;
	t->waiting += o->waiting;
}

static void add_classify(struct classify_stats *t, const struct classify_stats *o)
{
	t->ai_flows += o->ai_flows;
	t->named_flows += o->named_flows;
	t->inspected_flows += o->inspected_flows;
	for (int i = 0; i < WHY_NOTS; i++)
		t->not_inspected[i] += o->not_inspected[i];
	for (int i = 0; i < VISIBILITIES; i++) {
		t->visible[i] += o->visible[i];
		t->ai_visible[i] += o->ai_visible[i];
	}
	t->sent_bytes += o->sent_bytes;
	t->read_bytes += o->read_bytes;
	t->readings += o->readings;
	t->bodies += o->bodies;
	t->requests += o->requests;
	t->findings += o->findings;
	t->bad_streams += o->bad_streams;
	t->refused_flows += o->refused_flows;
	t->refused_bodies += o->refused_bodies;
	t->refused_decoders += o->refused_decoders;
	t->dns_messages += o->dns_messages;
	t->dns_malformed += o->dns_malformed;
	t->unknown_direction += o->unknown_direction;
	t->tcp.out_of_order += o->tcp.out_of_order;
	t->tcp.retransmitted += o->tcp.retransmitted;
	t->tcp.overlap_differs += o->tcp.overlap_differs;
	t->tcp.gaps += o->tcp.gaps;
	t->tcp.gap_bytes += o->tcp.gap_bytes;
	t->tcp.out_of_window += o->tcp.out_of_window;
	t->tcp.refused_streams += o->tcp.refused_streams;
	t->tcp.refused_segments += o->tcp.refused_segments;
}

void summary_add(struct worker_stats *t, const struct worker_stats *o, bool again)
{
	add_flows(&t->flows, &o->flows);
	add_classify(&t->classify, &o->classify);
	t->copies += o->copies; /* each worker looks for those among its own packets */
	if (again)
		return;
	t->source.received += o->source.received;
	t->source.bytes += o->source.bytes;
	t->source.kernel_seen += o->source.kernel_seen;
	t->source.dropped_ring += o->source.dropped_ring;
	t->source.dropped_interface += o->source.dropped_interface;
	t->source.truncated_files += o->source.truncated_files;
	t->source.bad_blocks += o->source.bad_blocks;
	t->decoded += o->decoded;
	t->no_tunnel += o->no_tunnel;
	add_fragments(&t->fragments, &o->fragments);
	for (int i = 0; i < DECODE_RESULTS; i++)
		t->understood_not[i] += o->understood_not[i];
}

/* " (reason n, reason n)" of what is not zero; false when all is */
static bool print_reasons(FILE *out, const uint64_t *n, unsigned count, const char *(*name)(unsigned))
{
	const char *sep = " (";

	for (unsigned i = 0; i < count; i++)
		if (n[i]) {
			fprintf(out, "%s%s %" PRIu64, sep, name(i), n[i]);
			sep = ", ";
		}
	if (sep[0] == ',')
		fputc(')', out);
	return sep[0] == ',';
}

static const char *reason_name(unsigned i)
{
	return decode_reason_name((enum decode_result)i);
}

static const char *end_name(unsigned i)
{
	return flow_end_name((enum flow_end)i);
}

static const char *kind_name(unsigned i)
{
	return alert_kind_name((enum alert_kind)i);
}

/* Sensor records have kinds of the same list, behind those of alerts. */
static const char *sensor_kind_name(unsigned i)
{
	return alert_kind_name((enum alert_kind)(ALERT_SENSOR_DROPS + i));
}

static const char *balance(uint64_t a, uint64_t b)
{
	return a == b ? "balanced" : "NOT BALANCED";
}

static void print_fragments(FILE *out, const struct defrag_stats *d)
{
	if (!d->fragments)
		return;
	fprintf(out,
	        "fragments  %" PRIu64 ": datagrams completed %" PRIu64 ", given up after too long %" PRIu64
	        ", for want of memory %" PRIu64 ", waiting at the end %" PRIu64 "; duplicates %" PRIu64
	        ", differing overlaps %" PRIu64 ", malformed %" PRIu64 ", cut %" PRIu64 "\n",
	        d->fragments, d->completed, d->expired, d->evicted, d->waiting, d->duplicates,
	        d->overlap_differs, d->bad, d->cut);
}

void summary_print_workers(FILE *out, const struct worker *workers, unsigned n)
{
	uint64_t all = 0, most = 0, handed_on = 0, misplaced = 0;

	if (n < 2)
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct worker_stats *s = &workers[i].stats;

		all += s->handled;
		most = s->handled > most ? s->handled : most;
		handed_on += s->handed_on;
		misplaced += s->misplaced;
	}
	fprintf(out, "workers    %u, of %" PRIu64 " packets the busiest had %" PRIu64, n, all, most);
	if (handed_on)
		fprintf(out, "; handed from one to another %" PRIu64, handed_on);
	if (misplaced)
		fprintf(out, "; not with the rest of their flow, for want of memory %" PRIu64, misplaced);
	fputc('\n', out);
}

/* Of a server whose streams were trimmed, or whose replicas were asked. */
static void print_streams(FILE *out, const struct alerts_output_stats *o)
{
	if (!o->trimmed && !o->trimmed_unread && !o->durable)
		return;
	fprintf(out, "streams    %s: entries trimmed %" PRIu64 ", before a group had read them %" PRIu64,
	        o->name, o->trimmed, o->trimmed_unread);
	if (o->durable)
		fprintf(out, "; replicas have all up to %" PRIu64, o->durable);
	fputc('\n', out);
}

void summary_print(FILE *out, const struct worker_stats *t, const struct alerts_stats *a, int64_t took_ns)
{
	const struct source_stats *s = &t->source;
	const struct classify_stats *c = &t->classify;
	uint64_t reasons[DECODE_RESULTS], fragments = t->understood_not[DECODE_FRAGMENT];
	uint64_t not_understood = 0, lost = a->lost_queue + a->lost_log + a->lost_output + a->lost_stop;
	double secs = (double)took_ns / (double)NS_PER_S;

	memcpy(reasons, t->understood_not, sizeof(reasons));
	reasons[DECODE_FRAGMENT] = 0; /* has a place of its own in the account */
	for (int i = DECODE_OK + 1; i < DECODE_RESULTS; i++)
		not_understood += reasons[i];
	fprintf(out,
	        "packets    seen %" PRIu64 " = read %" PRIu64 " + dropped in ring %" PRIu64
	        " + dropped by interface %" PRIu64 ": %s\n",
	        s->kernel_seen, s->received, s->dropped_ring, s->dropped_interface,
	        balance(s->kernel_seen, s->received + s->dropped_ring + s->dropped_interface));
	fprintf(out,
	        "           read %" PRIu64 " = decoded %" PRIu64 " + copies %" PRIu64
	        " + fragments that wait or were put into datagrams %" PRIu64 " + not understood %" PRIu64,
	        s->received, t->decoded - t->copies, t->copies, fragments, not_understood);
	print_reasons(out, reasons, DECODE_RESULTS, reason_name);
	fprintf(out, ": %s\n", balance(s->received, t->decoded + fragments + not_understood));
	print_fragments(out, &t->fragments);
	if (t->no_tunnel)
		fprintf(out,
		        "tunnels    %" PRIu64
		        " packets to the UDP port of a tunnel were none and count as UDP\n",
		        t->no_tunnel);
	fprintf(out, "bytes      %" PRIu64 " in %.2f s", s->bytes, secs);
	if (s->truncated_files || s->bad_blocks)
		fprintf(out, "; captures that end early %" PRIu64 ", unreadable blocks %" PRIu64,
		        s->truncated_files, s->bad_blocks);
	fprintf(out, "\nflows      %" PRIu64 " ended", t->flows.created);
	print_reasons(out, t->flows.ended, FLOW_STOP + 1, end_name);
	fprintf(out,
	        "; named %" PRIu64 ", AI %" PRIu64 ", read %" PRIu64 ", not read for want of memory %" PRIu64
	        "\n",
	        c->named_flows, c->ai_flows, c->inspected_flows, c->refused_flows);
	fprintf(out, "inspected  requests %" PRIu64 ", findings %" PRIu64, c->requests, c->findings);
	if (c->refused_bodies)
		fprintf(out, ", bodies not read for want of memory %" PRIu64, c->refused_bodies);
	if (c->refused_decoders)
		fprintf(out, ", decoders without memory %" PRIu64, c->refused_decoders);
	fputs("; flows not wholly inspected", out);
	if (!print_reasons(out, c->not_inspected, WHY_NOTS, why_not_name))
		fputs(" 0", out);
	fprintf(out,
	        "\ntcp        out of order %" PRIu64 ", retransmitted %" PRIu64 ", gaps %" PRIu64 " (%" PRIu64
	        " bytes), differing overlaps %" PRIu64 ", refused %" PRIu64 "\n",
	        c->tcp.out_of_order, c->tcp.retransmitted, c->tcp.gaps, c->tcp.gap_bytes,
	        c->tcp.overlap_differs, c->tcp.refused_streams + c->tcp.refused_segments);
	fprintf(out, "alerts     %" PRIu64, a->made[EVENT_ALERT]);
	print_reasons(out, a->by_kind, ALERT_SENSOR_DROPS, kind_name);
	if (a->made[EVENT_SENSOR]) {
		fprintf(out, "; of the sensor %" PRIu64, a->made[EVENT_SENSOR]);
		print_reasons(out, a->by_kind + ALERT_SENSOR_DROPS, ALERT_KINDS - ALERT_SENSOR_DROPS,
		        sensor_kind_name);
	}
	if (a->suppressed)
		fprintf(out, ", of which suppressed %" PRIu64, a->suppressed);
	fprintf(out, "; %" PRIu64 " repeats folded into %" PRIu64 " updates\n", a->folded, a->updates);
	fprintf(out,
	        "records    made %" PRIu64 " = delivered %" PRIu64 " + waiting %" PRIu64 " + lost %" PRIu64,
	        a->made_all, a->delivered, a->waiting, lost);
	if (lost)
		fprintf(out, " (queue %" PRIu64 ", log %" PRIu64 ", output %" PRIu64 ", at stop %" PRIu64 ")",
		        a->lost_queue, a->lost_log, a->lost_output, a->lost_stop);
	fprintf(out, ": %s\n", balance(a->made_all, a->delivered + a->waiting + lost));
	for (size_t i = 0; i < a->n_outputs; i++)
		print_streams(out, &a->outputs[i]);
	if (a->waiting && a->log)
		fprintf(out, "           those that wait stand in %s and are delivered the next time\n",
		        a->log);
}
