/* decode_dump.c - what capture/ makes of the packets of a capture, one a line with tabs between:
 *
 *	decode_dump CAPTURE
 *
 * number, result (of what a tunnel over UDP carries, where that is neither TCP nor UDP), source, destination,
 * protocol, its two ports, bytes of payload on the wire, tunnels from the outside.  Fragments are put
 * together as in a run.  scripts/check-decode holds it against tshark. */
#include "base/err.h"
#include "capture/decode.h"
#include "capture/defrag.h"
#include "capture/source.h"

#include <stdio.h>

static void dump(unsigned long number, const struct packet *p, enum decode_result r)
{
	char src[IP_TEXT_MAX], dst[IP_TEXT_MAX];

	printf("%lu\t%s\t", number, decode_reason_name(r));
	if (p->ip_version)
		printf("%s\t%s\t%u\t", ip_format(&p->src, src), ip_format(&p->dst, dst), p->proto);
	else
		printf("\t\t\t");
	printf("%u\t%u\t%u\t", p->sport, p->dport, p->payload_wire);
	for (unsigned i = 0; i < p->n_tunnels; i++)
		printf("%s%s", i ? " " : "", tunnel_kind_name((enum tunnel_kind)p->tunnel[i].kind));
	puts(p->no_tunnel ? " none" : "");
}

int main(int argc, char **argv)
{
	struct defrag_limits limits = {.datagrams = 4096, .memory_mb = 16, .seconds = 60};
	unsigned long number = 0;
	struct defrag *frags;
	struct source *s;
	struct packet p;
	struct err e;

	if (argc != 2) {
		fprintf(stderr, "usage: decode_dump CAPTURE\n");
		return 2;
	}
	frags = defrag_create(&limits, &e);
	s = frags ? source_open_files((const char *const *)argv + 1, 1, NULL, &e) : NULL;
	if (!s) {
		fprintf(stderr, "%s\n", e.text);
		defrag_destroy(frags);
		return 2;
	}
	while (source_next(s, &p) > 0) {
		enum decode_result r = decode_packet(&p, frags);

		dump(++number, &p, p.carries ? (enum decode_result)p.carries : r);
	}
	source_close(s);
	defrag_destroy(frags);
	return 0;
}
