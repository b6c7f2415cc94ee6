/* source_file.c - packets from capture files, see source.h.
 *
 * Classic pcap is read by libpcap (pcap-savefile(5)), through a stream with a 1 MiB buffer: with stdio's own
 * 4 KiB it is six times slower.  pcapng is read by pcapng.c, as libpcap hides secrets and refuses interfaces
 * of different link types. */
#include "capture/source_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "capture/pcapng.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#define STREAM_BUFFER (1u << 20)
#define FILTERS_MAX   32 /* different link types in one run with a filter */

/* The filter text compiled for one link type. */
struct filter {
	uint16_t linktype;
	bool usable; /* false: it cannot be expressed there, nothing passes */
	struct bpf_program program;
};

struct files {
	struct source s; /* first: see struct source_kind */
	char **paths;
	size_t n_paths, at; /* paths[at] is open or to be opened next */
	char *filter_text;  /* NULL: all packets */
	struct filter filters[FILTERS_MAX];
	size_t n_filters, last_filter;
	bool told_full;
	char *stream_buffer;
	bool is_open;
	struct input in;
	pcap_t *pcap;      /* either this */
	struct pcapng *ng; /* or this */
	uint16_t linktype; /* of a classic file */
	uint32_t first_iface;
};

static struct files *files_of(struct source *s)
{
	return (struct files *)s;
}

/* What files begin with, as the bytes stand there (pcap: draft-ietf-opsawg-pcap 4, its nanosecond form and
 * the patched one of old Red Hat releases). */
static const struct magic {
	uint8_t bytes[INPUT_MAGIC];
	uint8_t n;
	enum { MAGIC_PCAP, MAGIC_PCAPNG, MAGIC_PACKED } kind;
	const char *name;
} magics[] = {
        {{0x0a, 0x0d, 0x0d, 0x0a}, 4, MAGIC_PCAPNG, "pcapng"},
        {{0xd4, 0xc3, 0xb2, 0xa1}, 4, MAGIC_PCAP, "pcap"},
        {{0xa1, 0xb2, 0xc3, 0xd4}, 4, MAGIC_PCAP, "pcap"},
        {{0x4d, 0x3c, 0xb2, 0xa1}, 4, MAGIC_PCAP, "pcap"},
        {{0xa1, 0xb2, 0x3c, 0x4d}, 4, MAGIC_PCAP, "pcap"},
        {{0x34, 0xcd, 0xb2, 0xa1}, 4, MAGIC_PCAP, "pcap"},
        {{0xa1, 0xb2, 0xcd, 0x34}, 4, MAGIC_PCAP, "pcap"},
        {{0x1f, 0x8b}, 2, MAGIC_PACKED, "gzip"},
        {{0x28, 0xb5, 0x2f, 0xfd}, 4, MAGIC_PACKED, "zstd"},
        {{0xfd, '7', 'z', 'X'}, 4, MAGIC_PACKED, "xz"},
        {{'B', 'Z', 'h'}, 3, MAGIC_PACKED, "bzip2"},
        {{0x04, 0x22, 0x4d, 0x18}, 4, MAGIC_PACKED, "lz4"},
};

static const struct magic *magic_find(const struct input *in)
{
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (in->magic_n >= magics[i].n && !memcmp(in->magic, magics[i].bytes, magics[i].n))
			return &magics[i];
	return NULL;
}

/* The few numbers that files and libpcap call differently (pcap-linktype(7)). */
static int dlt_of_linktype(uint16_t linktype)
{
	return linktype == 101 ? DLT_RAW : linktype;
}

static int filter_compile(struct filter *f, const char *text, uint16_t linktype, struct err *e)
{
	pcap_t *dead = pcap_open_dead(dlt_of_linktype(linktype), (int)SOURCE_CAPLEN_MAX);
	int rc = 0;

	*f = (struct filter){.linktype = linktype};
	if (!dead)
		return err_set(e, "filter: no memory");
	if (pcap_compile(dead, &f->program, text, 1, PCAP_NETMASK_UNKNOWN) < 0)
		rc = err_set(e, "filter '%s': %s", text, pcap_geterr(dead));
	else
		f->usable = true;
	pcap_close(dead);
	return rc;
}

/* The filter for packets of that link type; NULL when there are too many kinds, or with `e` when it cannot be
 * compiled.  Without `e` the latter is told once and no packet of that kind passes. */
static struct filter *filter_for(struct files *f, uint16_t linktype, struct err *e)
{
	struct err why = {.text = ""};
	struct filter *filter;

	if (f->n_filters && f->filters[f->last_filter].linktype == linktype)
		return &f->filters[f->last_filter];
	for (size_t i = 0; i < f->n_filters; i++) {
		if (f->filters[i].linktype == linktype) {
			f->last_filter = i;
			return &f->filters[i];
		}
	}
	if (f->n_filters == FILTERS_MAX) {
		err_set(e, "filter: more than %d different link types", FILTERS_MAX);
		if (!f->told_full)
			log_warn("%s: packets of link type %u and others are passed over: the filter is kept "
			         "for %d link types",
			        f->paths[f->at], linktype, FILTERS_MAX);
		f->told_full = true;
		return NULL;
	}
	filter = &f->filters[f->n_filters];
	if (filter_compile(filter, f->filter_text, linktype, e ? e : &why) < 0) {
		if (e)
			return NULL;
		log_warn("%s: packets of link type %u are passed over: %s", f->paths[f->at], linktype,
		        why.text);
	}
	f->last_filter = f->n_filters++;
	return filter;
}

static bool filter_pass(struct files *f, const struct packet *p)
{
	struct pcap_pkthdr h = {.caplen = p->caplen, .len = p->wirelen};
	const struct filter *filter = filter_for(f, p->linktype, NULL);

	return filter && filter->usable && pcap_offline_filter(&filter->program, &h, p->data);
}

static void secrets_forward(void *arg, uint32_t type, const uint8_t *p, size_t n)
{
	struct source *s = arg;

	if (s->secrets)
		s->secrets(s->secrets_arg, type, p, n);
}

static int open_pcap(struct files *f, const char *path, struct err *e)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	FILE *stream = input_stream(&f->in);

	if (!stream)
		return err_set(e, "%s: no memory", path);
	setvbuf(stream, f->stream_buffer, _IOFBF, STREAM_BUFFER);
	f->pcap = pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!f->pcap) {
		fclose(stream);
		return err_set(e, "%s: %s", path, why);
	}
	f->linktype = (uint16_t)pcap_datalink(f->pcap);
	return 0;
}

static int open_by_magic(struct files *f, const char *path, struct err *e)
{
	int n = input_peek(&f->in);
	const struct magic *m = magic_find(&f->in);

	if (n < 0)
		return err_set(e, "%s: cannot be read: %s", path, strerror(errno));
	if (n == 0)
		return err_set(e, "%s: is empty, not a capture", path);
	if (!m)
		return err_set(e, "%s: is neither a pcap nor a pcapng capture", path);
	if (m->kind == MAGIC_PACKED)
		return err_set(
		        e, "%s: is compressed (%s): unpack it first, or pipe it in with -r -", path, m->name);
	if (m->kind == MAGIC_PCAP)
		return open_pcap(f, path, e);
	f->ng = pcapng_create(input_read, &f->in, e);
	if (!f->ng)
		return err_wrap(e, "%s", path);
	pcapng_on_secrets(f->ng, secrets_forward, &f->s);
	return 0;
}

static void file_close(struct files *f)
{
	if (!f->is_open)
		return;
	if (f->ng) {
		f->s.seen.bad_blocks += pcapng_bad_blocks(f->ng);
		f->first_iface += pcapng_interfaces(f->ng);
	} else if (f->pcap) {
		f->first_iface++;
	}
	pcapng_destroy(f->ng);
	f->ng = NULL;
	if (f->pcap)
		pcap_close(f->pcap); /* and the stream with it */
	f->pcap = NULL;
	input_close(&f->in);
	f->is_open = false;
}

static int file_open(struct files *f, struct err *e)
{
	const char *path = f->paths[f->at];

	if (input_open(&f->in, path, f->s.wake, e) < 0)
		return -1;
	f->is_open = true;
	if (open_by_magic(f, path, e) < 0) {
		file_close(f);
		return -1;
	}
	return 0;
}

/* One packet of the open file: 1; 0: the file ended; -1: it broke off, *why says how. */
static int pcap_read(struct files *f, struct packet *p, const char **why)
{
	struct pcap_pkthdr *h;
	const u_char *data;
	int rc = pcap_next_ex(f->pcap, &h, &data);

	if (rc != 1) {
		*why = pcap_geterr(f->pcap);
		return rc == PCAP_ERROR_BREAK ? 0 : -1;
	}
	p->ts_ns = (int64_t)h->ts.tv_sec * NS_PER_S + h->ts.tv_usec; /* nanoseconds, as asked for */
	p->data = data;
	p->caplen = h->caplen;
	p->wirelen = h->len < h->caplen ? h->caplen : h->len;
	p->linktype = f->linktype;
	p->iface = f->first_iface;
	return 1;
}

static int pcapng_read(struct files *f, struct packet *p, const char **why)
{
	switch (pcapng_next(f->ng, p)) {
	case PCAPNG_PACKET:
		p->iface += f->first_iface;
		return 1;
	case PCAPNG_END:
		return 0;
	case PCAPNG_CUT:
		break;
	}
	*why = pcapng_trouble(f->ng);
	return -1;
}

static inline int file_read(struct files *f, struct packet *p, const char **why)
{
	return f->ng ? pcapng_read(f, p, why) : pcap_read(f, p, why);
}

/* The file broke off: -1 when that is the end of everything, 0 to go on with the next. */
static int file_broken(struct files *f, const char *why)
{
	const char *path = f->paths[f->at];

	if (source_is_broken(&f->s))
		return -1;
	if (f->ng && !pcapng_started(f->ng))
		return source_fail(&f->s, "%s: %s", path, why);
	f->s.seen.truncated_files++;
	log_warn("%s: %s; what came before was read", path, why);
	return 0;
}

static int files_next(struct source *s, struct packet *p)
{
	struct files *f = files_of(s);
	const char *why = "";
	struct err e;
	int got;

	while (!source_is_broken(s) && f->at < f->n_paths) {
		if (!f->is_open && file_open(f, &e) < 0)
			return source_is_broken(s) ? -1 : source_fail(s, "%.250s", e.text);
		while ((got = file_read(f, p, &why)) == 1) {
			if (!f->filter_text || filter_pass(f, p))
				return 1;
			if (source_is_broken(s))
				return -1;
		}
		if (got < 0 && file_broken(f, why) < 0)
			return -1;
		file_close(f);
		f->at++;
	}
	return -1;
}

static void files_stats(struct source *s, struct source_stats *out)
{
	struct files *f = files_of(s);

	out->kernel_seen = out->received;
	if (f->ng)
		out->bad_blocks += pcapng_bad_blocks(f->ng);
}

static void files_close(struct source *s)
{
	struct files *f = files_of(s);

	file_close(f);
	for (size_t i = 0; i < f->n_filters; i++)
		if (f->filters[i].usable)
			pcap_freecode(&f->filters[i].program);
	for (size_t i = 0; i < f->n_paths; i++)
		free(f->paths[i]);
	free(f->paths);
	free(f->filter_text);
	free(f->stream_buffer);
	source_clear(s);
	free(f);
}

static const struct source_kind files_kind = {files_next, files_stats, files_close};

/* Opens paths[at] for a look: is it a capture, and can the filter be compiled for its first packets? */
static int file_check(struct files *f, struct err *e)
{
	const char *why = "";
	struct packet p;
	int rc = 0;

	if (file_open(f, e) < 0)
		return -1;
	if (f->ng) {
		int got = pcapng_read(f, &p, &why);

		if (got < 0 && !pcapng_started(f->ng))
			rc = err_set(e, "%s: %s", f->paths[f->at], why);
		else if (got == 1 && f->filter_text && !filter_for(f, p.linktype, e))
			rc = -1;
	} else if (f->filter_text && !filter_for(f, f->linktype, e)) {
		rc = -1;
	}
	file_close(f);
	return rc;
}

/* All that can be opened twice; what comes from a pipe shows its faults later. */
static int files_check(struct files *f, struct err *e)
{
	bool piped = false;

	for (f->at = 0; f->at < f->n_paths; f->at++) {
		/* files_copy() filled them: NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
		if (!strcmp(f->paths[f->at], "-")) {
			if (piped)
				return err_set(e, "-: stdin can be read only once");
			piped = true;
		} else if (!input_is_stream(f->paths[f->at]) && file_check(f, e) < 0) {
			return -1;
		}
	}
	f->at = 0;
	memset(&f->s.seen, 0, sizeof(f->s.seen));
	f->first_iface = 0;
	/* nothing could be looked into: at least the filter's grammar can be */
	if (f->filter_text && !f->n_filters && !filter_for(f, DLT_EN10MB, e))
		return -1;
	return 0;
}

static int files_copy(struct files *f, const char *const *paths, size_t n, const char *filter)
{
	f->stream_buffer = malloc(STREAM_BUFFER);
	f->paths = calloc(n ? n : 1, sizeof(*f->paths));
	if (!f->stream_buffer || !f->paths)
		return -1;
	for (; f->n_paths < n; f->n_paths++) {
		f->paths[f->n_paths] = strdup(paths[f->n_paths]);
		if (!f->paths[f->n_paths])
			return -1;
	}
	if (filter && *filter) {
		f->filter_text = strdup(filter);
		if (!f->filter_text)
			return -1;
	}
	return 0;
}

struct source *source_open_files(const char *const *paths, size_t n, const char *filter, struct err *e)
{
	struct files *f = calloc(1, sizeof(*f));

	if (!f) {
		err_set(e, "no memory for a source");
		return NULL;
	}
	if (source_init(&f->s, &files_kind, e) < 0) {
		free(f);
		return NULL;
	}
	if (files_copy(f, paths, n, filter) < 0) {
		err_set(e, "no memory for a source");
		goto fail;
	}
	if (files_check(f, e) < 0)
		goto fail;
	return &f->s;
fail:
	files_close(&f->s);
	return NULL;
}
