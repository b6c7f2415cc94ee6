/* fuzz_pcapng.c - the pcapng reader, and what it finds through the decoder.  The first byte says how many
 * bytes come at a time. */
#include "capture/decode.h"
#include "capture/pcapng.h"

#include <stdlib.h>
#include <string.h>

struct memory {
	const uint8_t *p;
	size_t n, step;
	uint32_t sum;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ssize_t memory_read(void *arg, void *buf, size_t n)
{
	struct memory *m = arg;

	if (n > m->step)
		n = m->step;
	if (n > m->n)
		n = m->n;
	if (n)
		memcpy(buf, m->p, n);
	m->p += n;
	m->n -= n;
	return (ssize_t)n;
}

static void secrets_touch(void *arg, uint32_t type, const uint8_t *p, size_t n)
{
	struct memory *m = arg;

	m->sum += type;
	for (size_t i = 0; i < n; i++)
		m->sum += p[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct memory m = {.p = data + 1};
	enum pcapng_result end;
	struct pcapng *r;
	struct packet p;

	if (!size)
		return 0;
	m.n = size - 1;
	m.step = data[0] ? data[0] : size;
	r = pcapng_create(memory_read, &m, NULL);
	if (!r)
		return 0;
	pcapng_on_secrets(r, secrets_touch, &m);
	while ((end = pcapng_next(r, &p)) == PCAPNG_PACKET) {
		if (p.caplen > size || p.wirelen < p.caplen || p.iface >= pcapng_interfaces(r))
			abort();
		for (uint32_t i = 0; i < p.caplen; i++)
			m.sum += p.data[i];
		decode_packet(&p, NULL);
	}
	if (end == PCAPNG_CUT && !*pcapng_trouble(r))
		abort();
	pcapng_destroy(r);
	return 0;
}
