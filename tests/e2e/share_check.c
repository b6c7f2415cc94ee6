/* share_check.c - does the program that shares out live packets choose the worker that a replay chooses?
 *
 *	share_check INTERNAL_NETWORK CAPTURE...
 *
 * prints `N packets, N alike, N differ, N beyond it` for captures of Ethernet frames.  Beyond it are packets
 * that were put together from fragments of what they came wrapped in.  Status 1 when one differs. */
#include "base/err.h"
#include "capture/decode.h"
#include "capture/defrag.h"
#include "capture/source.h"

#include "tests/unit/share_run.h"

#include <stdio.h>

#define WORKERS 251 /* prime: few differing decisions come out as the same */

static struct cidr internal;
static struct share_run kernel;
static struct defrag *frags;
static unsigned long packets, alike, differ, beyond;

static void check(struct packet *p)
{
	uint32_t got;
	unsigned want;

	if (decode_packet(p, frags) != DECODE_OK || p->linktype != 1)
		return;
	packets++;
	got = share_run_received(&kernel, p->data, p->caplen) % WORKERS;
	want = share_of(p, (struct share_end){.internal = cidr_covers(&internal, &p->src)},
	        (struct share_end){.internal = cidr_covers(&internal, &p->dst)}, WORKERS);
	if (got == want)
		alike++;
	else if (p->in_fragments && p->n_tunnels)
		beyond++;
	else
		differ++;
}

int main(int argc, char **argv)
{
	struct share_networks networks = {.internal = &internal, .n_internal = 1};
	struct defrag_limits limits = {.datagrams = 1024, .memory_mb = 16, .seconds = 60};
	struct source *s = NULL;
	struct packet p;
	struct err e;

	if (argc < 3 || cidr_parse(argv[1], &internal, &e) < 0 || !share_run_compile(&kernel, &networks) ||
	        !(frags = defrag_create(&limits, &e)) ||
	        !(s = source_open_files((const char *const *)argv + 2, (size_t)argc - 2, NULL, &e))) {
		fprintf(stderr, "usage: share_check INTERNAL_NETWORK CAPTURE...\n");
		defrag_destroy(frags);
		return 2;
	}
	while (source_next(s, &p) > 0)
		check(&p);
	printf("%lu packets, %lu alike, %lu differ, %lu beyond it\n", packets, alike, differ, beyond);
	source_close(s);
	defrag_destroy(frags);
	return differ ? 1 : 0;
}
