/* test_source.c - capture files of every form in a temporary directory, pipes, filters and faults.  Of live
 * capture only what needs neither an interface nor the right to use one. */
#include "capture/source.h"

#include "base/clock.h"
#include "base/log.h"
#include "capture/decode.h"
#include "tests/unit/captures.h"
#include "tests/unit/packets.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define SECOND 1700000000u

static char dir[64];

static const char *file_path(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	return p;
}

static const char *file_write(const char *name, const void *p, size_t n)
{
	const char *path = file_path(name);
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	return path;
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/test_source.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	static const char *const names[] = {"a", "b", "c", "d", "e", "f", "fifo", "stderr"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(file_path(names[i]));
	return rmdir(dir);
}

/* Two TCP frames and one UDP. */
static void pcap_build(struct capture *c, bool big, bool nano)
{
	struct frame f;

	c->big = big;
	c->n = 0;
	pcap_header(c, nano, 65535, 1);
	frame_tcp4(&f, "10.0.0.1", 1000, "10.0.0.2", 80, 1, 1, TCP_ACK, "one", 3);
	pcap_record(c, SECOND, 1, f.b, f.n, f.n);
	frame_udp4(&f, "10.0.0.1", 1000, "10.0.0.2", 53, "two", 3);
	pcap_record(c, SECOND + 1, 2, f.b, f.n, f.n);
	frame_tcp4(&f, "10.0.0.1", 1000, "10.0.0.2", 80, 4, 1, TCP_ACK, "three", 5);
	pcap_record(c, SECOND + 2, 999999, f.b, f.n - 2, f.n);
}

static struct source *open_one(const char *path, const char *filter)
{
	struct err e = {.text = ""};
	struct source *s = source_open_files(&path, 1, filter, &e);

	if (!s)
		fail_msg("%s", e.text);
	return s;
}

static void assert_open_fails(const char *const *paths, size_t n, const char *filter, const char *why)
{
	struct err e = {.text = ""};

	assert_null(source_open_files(paths, n, filter, &e));
	if (!strstr(e.text, why))
		fail_msg("'%s' does not say '%s'", e.text, why);
	assert_null(strchr(e.text, '\n'));
}

static size_t count_packets(struct source *s)
{
	struct packet p;
	size_t n = 0;
	int got;

	while ((got = source_next(s, &p)) == 1)
		n++;
	assert_int_equal(got, -1);
	return n;
}

static void test_pcap_forms(void **state)
{
	static struct capture c;

	(void)state;
	for (int form = 0; form < 4; form++) {
		bool nano = form & 1, big = form & 2;
		struct source_stats st;
		struct packet p;
		struct source *s;

		pcap_build(&c, big, nano);
		s = open_one(file_write("a", c.b, c.n), NULL);
		assert_int_equal(source_next(s, &p), 1);
		assert_int_equal(p.ts_ns, SECOND * NS_PER_S + (nano ? 1 : 1000));
		assert_int_equal(p.linktype, 1);
		assert_int_equal(p.iface, 0);
		assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
		assert_memory_equal(p.payload, "one", 3);
		assert_int_equal(source_next(s, &p), 1);
		assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
		assert_int_equal(p.proto, PROTO_UDP);
		assert_int_equal(source_next(s, &p), 1);
		assert_int_equal(p.ts_ns, (SECOND + 2) * NS_PER_S + (nano ? 999999 : 999999000));
		assert_int_equal(p.wirelen, p.caplen + 2);
		assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
		assert_int_equal(p.payload_len, 3);
		assert_int_equal(p.payload_wire, 5);
		assert_int_equal(source_next(s, &p), -1);
		assert_int_equal(source_next(s, &p), -1);
		assert_string_equal(source_error(s), "");
		source_stats(s, &st);
		assert_int_equal(st.received, 3);
		assert_int_equal(st.kernel_seen, 3);
		assert_int_equal(st.bytes, 57 + 45 + 59);
		assert_int_equal(st.truncated_files, 0);
		assert_int_equal(st.dropped_ring, 0);
		source_close(s);
	}
}

/* A record may claim that fewer bytes were on the wire than it holds. */
static void test_wirelen_lies(void **state)
{
	static struct capture c;
	struct packet p;
	struct source *s;

	(void)state;
	c.big = false;
	c.n = 0;
	pcap_header(&c, false, 100, 101);
	pcap_record(&c, SECOND, 0, "\x45 and so on", 11, 3);
	s = open_one(file_write("a", c.b, c.n), NULL);
	assert_int_equal(source_next(s, &p), 1);
	assert_int_equal(p.caplen, 11);
	assert_int_equal(p.wirelen, 11);
	assert_int_equal(decode_packet(&p, NULL),
	        DECODE_TRUNCATED); /* LINKTYPE_RAW is decoded by libpcap's number too */
	source_close(s);
}

/* A distance from 1970 and a time may be anything; what comes out can be added and subtracted. */
static void test_times_out_of_range(void **state)
{
	static const int64_t offsets[] = {INT64_MIN, -9000000000, 0, 9000000000, INT64_MAX};
	static struct capture c;
	struct packet p;
	struct source *s;

	(void)state;
	c.big = false;
	c.n = 0;
	block_section(&c);
	for (uint32_t i = 0; i < 5; i++)
		block_interface(&c, 101, 0, 6, offsets[i]);
	for (uint32_t i = 0; i < 5; i++)
		block_enhanced(&c, i, 1700000000000000, "x", 1, 1);
	s = open_one(file_write("a", c.b, c.n), NULL);
	for (uint32_t i = 0; i < 5; i++) {
		assert_int_equal(source_next(s, &p), 1);
		assert_true(p.ts_ns == (i < 2 ? 0 : i > 2 ? PACKET_TIME_MAX : 1700000000000000000));
	}
	source_close(s);
}

/* From here to stderr_end() stderr goes to a file. */
static const char *stderr_begin(void)
{
	static const char *path;
	int fd;

	path = file_path("stderr");
	fflush(stderr);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	dup2(fd, STDERR_FILENO);
	close(fd);
	return path;
}

static int stderr_saved = -1;

static void stderr_end(const char *path, char *text, size_t n)
{
	FILE *f = fopen(path, "rb");
	size_t got;

	dup2(stderr_saved, STDERR_FILENO);
	assert_non_null(f);
	got = fread(text, 1, n - 1, f);
	text[got] = 0;
	fclose(f);
}

/* Cut at every byte past the file header: the packets that are whole come out, the cut is told once, and the
 * next file is still read. */
static void test_truncated(void **state)
{
	static struct capture c, whole;
	size_t ends[3], at = 24;
	char told[4096];

	(void)state;
	pcap_build(&c, false, false);
	pcap_build(&whole, true, true);
	for (int i = 0; i < 3; i++) {
		uint32_t caplen = c.b[at + 8]; /* little-endian and short */

		at += 16 + caplen;
		ends[i] = at;
	}
	assert_int_equal(at, c.n);
	file_write("b", whole.b, whole.n);
	for (size_t n = 24; n < c.n; n++) {
		const char *paths[2] = {file_write("a", c.b, n), file_path("b")};
		bool cut = n != 24 && n != ends[0] && n != ends[1];
		struct source_stats st;
		struct err e;
		struct source *s = source_open_files(paths, 2, NULL, &e);
		const char *log;

		assert_non_null(s);
		log = stderr_begin();
		assert_int_equal(count_packets(s), 3 + (n >= ends[0]) + (n >= ends[1]));
		stderr_end(log, told, sizeof(told));
		assert_int_equal(strstr(told, "warning") != NULL, cut);
		source_stats(s, &st);
		assert_int_equal(st.truncated_files, cut);
		assert_string_equal(source_error(s), "");
		source_close(s);
	}
}

static void pcapng_build(struct capture *c)
{
	struct frame f;

	c->big = true;
	c->n = 0;
	block_section(c);
	block_interface(c, 1, 0, 9, 0);
	block_interface(c, 101, 0, -1, 0);
	block_secrets(c, 0x544c534b, "SECRET\n");
	frame_tcp4(&f, "10.0.0.1", 1000, "10.0.0.2", 443, 1, 1, TCP_ACK, "ethernet", 8);
	block_enhanced(c, 0, SECOND * 1000000000ull + 5, f.b, f.n, f.n);
	frame_begin(&f);
	frame_ip6(&f, "fd00::1", "fd00::2", PROTO_UDP);
	frame_udp(&f, 1000, 443);
	frame_put(&f, "raw", 3);
	frame_finish(&f);
	block_enhanced(c, 1, SECOND * 1000000ull + 6, f.b, f.n, f.n);
	block_enhanced(c, 9, 0, f.b, f.n, f.n);
}

static void secrets_count(void *arg, uint32_t type, const uint8_t *p, size_t n)
{
	assert_int_equal(type, 0x544c534b);
	assert_int_equal(n, 7);
	assert_memory_equal(p, "SECRET\n", 7);
	++*(int *)arg;
}

/* Files of both formats in order; interfaces are numbered on, secrets come out once each. */
static void test_several_files(void **state)
{
	static struct capture c;
	const char *paths[3];
	struct source_stats st;
	struct packet p;
	struct err e;
	struct source *s;
	int secrets = 0;

	(void)state;
	pcapng_build(&c);
	paths[0] = file_write("a", c.b, c.n);
	paths[2] = file_write("c", c.b, c.n);
	pcap_build(&c, false, false);
	paths[1] = file_write("b", c.b, c.n);
	s = source_open_files(paths, 3, NULL, &e);
	assert_non_null(s);
	source_on_secrets(s, secrets_count, &secrets);
	assert_int_equal(source_next(s, &p), 1);
	assert_int_equal(p.linktype, 1);
	assert_int_equal(p.iface, 0);
	assert_int_equal(p.ts_ns, SECOND * NS_PER_S + 5);
	assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
	assert_int_equal(source_next(s, &p), 1);
	assert_int_equal(p.linktype, 101);
	assert_int_equal(p.iface, 1);
	assert_int_equal(p.ts_ns, SECOND * NS_PER_S + 6000);
	assert_int_equal(decode_packet(&p, NULL), DECODE_OK);
	assert_memory_equal(p.payload, "raw", 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(source_next(s, &p), 1);
		assert_int_equal(p.iface, 2);
	}
	assert_int_equal(source_next(s, &p), 1);
	assert_int_equal(p.iface, 3);
	assert_int_equal(source_next(s, &p), 1);
	assert_int_equal(p.iface, 4);
	source_stats(s, &st);
	assert_int_equal(source_next(s, &p), -1);
	source_stats(s, &st);
	assert_int_equal(st.received, 7);
	assert_int_equal(st.bad_blocks, 2);
	assert_int_equal(secrets, 2);
	source_close(s);
}

static void test_filters(void **state)
{
	static struct capture c;
	static const struct {
		const char *filter;
		size_t in_pcap, in_pcapng;
	} cases[] = {
	        {NULL, 3, 2}, {"", 3, 2}, {"tcp", 2, 1}, {"udp", 1, 1}, {"port 443", 0, 2},
	        {"ip6", 0, 1}, /* of the raw interface */
	        {"host 10.0.0.1 and tcp", 2, 1},
	        {"ether host 02:00:00:00:00:01", 3, 1}, /* raw has no such address */
	};
	const char *path;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *log;
		char told[1024];
		struct source *s;

		pcap_build(&c, true, false);
		s = open_one(file_write("a", c.b, c.n), cases[i].filter);
		assert_int_equal(count_packets(s), cases[i].in_pcap);
		source_close(s);

		pcapng_build(&c);
		s = open_one(file_write("a", c.b, c.n), cases[i].filter);
		log = stderr_begin();
		assert_int_equal(count_packets(s), cases[i].in_pcapng);
		stderr_end(log, told, sizeof(told));
		assert_int_equal(strstr(told, "passed over") != NULL, i == 7);
		source_close(s);
	}
	path = file_path("a");
	assert_open_fails(&path, 1, "tcp prt 80", "filter 'tcp prt 80'");
	path = "-";
	assert_open_fails(&path, 1, "tcp prt 80", "filter 'tcp prt 80'");
}

static void test_no_captures(void **state)
{
	static struct capture c;
	static const struct {
		const char *bytes;
		size_t n;
		const char *why;
	} cases[] = {
	        {"", 0, "is empty"},
	        {"\xd4\xc3", 2, "neither"},
	        {"#!/bin/sh\n", 10, "neither"},
	        {"\x1f\x8b\x08\0\0\0\0", 7, "compressed (gzip)"},
	        {"\x28\xb5\x2f\xfd\0\0\0", 7, "compressed (zstd)"},
	        {"\xd4\xc3\xb2\xa1\2\0\4\0", 8, "truncated"},
	        {"\x0a\x0d\x0d\x0a\x1c\0\0\0", 8, "within a block"},
	        {"\x0a\x0d\x0d\x0a\x1c\0\0\0\1\2\3\4", 12, "magic"},
	};
	const char *paths[2];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		paths[0] = file_write("a", cases[i].bytes, cases[i].n);
		assert_open_fails(paths, 1, NULL, cases[i].why);
		assert_open_fails(paths, 1, NULL, "/a: ");
	}
	paths[0] = file_path("nothing");
	assert_open_fails(paths, 1, NULL, "No such file");
	paths[0] = dir;
	assert_open_fails(paths, 1, NULL, "directory");

	/* a later one is an error at once too */
	pcap_build(&c, false, false);
	paths[0] = file_write("a", c.b, c.n);
	paths[1] = file_path("nothing");
	assert_open_fails(paths, 2, NULL, "No such file");
	paths[0] = paths[1] = "-";
	assert_open_fails(paths, 2, NULL, "only once");
}

/* What a thread writes into a descriptor, `step` bytes at a time. */
struct writer {
	int fd;
	const uint8_t *p;
	size_t n, step;
};

static void *writer_run(void *arg)
{
	struct writer *w = arg;

	for (size_t at = 0; at < w->n;) {
		size_t n = w->n - at < w->step ? w->n - at : w->step;
		ssize_t did = write(w->fd, w->p + at, n);

		if (did < 0)
			break;
		at += (size_t)did;
	}
	close(w->fd);
	return NULL;
}

static void test_stdin(void **state)
{
	static struct capture c;
	static const size_t steps[] = {1, 5, 1 << 20};
	int saved = dup(STDIN_FILENO);

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const char *path = "-";
		struct writer w = {.p = c.b, .step = steps[i / 2]};
		int ends[2], secrets = 0;
		pthread_t thread;
		struct source *s;

		if (i & 1)
			pcapng_build(&c);
		else
			pcap_build(&c, false, true);
		assert_int_equal(pipe(ends), 0);
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		w.fd = ends[1];
		w.n = c.n;
		s = open_one(path, i / 2 == 1 ? "tcp or udp" : NULL);
		source_on_secrets(s, secrets_count, &secrets);
		assert_int_equal(pthread_create(&thread, NULL, writer_run, &w), 0);
		assert_int_equal(count_packets(s), i & 1 ? 2 : 3);
		assert_int_equal(secrets, i & 1);
		assert_string_equal(source_error(s), "");
		pthread_join(thread, NULL);
		source_close(s);
	}
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void test_stdin_is_no_capture(void **state)
{
	const char *path = "-";
	int ends[2], saved = dup(STDIN_FILENO);
	struct packet p;
	struct source *s;

	(void)state;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[0], STDIN_FILENO);
	close(ends[0]);
	assert_int_equal(write(ends[1], "hello, world", 12), 12);
	close(ends[1]);
	s = open_one(path, NULL);
	assert_int_equal(source_next(s, &p), -1);
	assert_non_null(strstr(source_error(s), "-: is neither"));
	source_close(s);
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void *break_later(void *source)
{
	usleep(30000);
	source_break(source);
	return NULL;
}

/* A FIFO without a writer: opening does not wait, reading waits until it is told not to. */
static void test_break(void **state)
{
	static struct capture c;
	const char *path = file_path("fifo");
	struct packet p;
	struct source *s;
	pthread_t thread;

	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	s = open_one(path, NULL);
	assert_int_equal(pthread_create(&thread, NULL, break_later, s), 0);
	assert_int_equal(source_next(s, &p), -1);
	assert_string_equal(source_error(s), "");
	pthread_join(thread, NULL);
	source_close(s);

	pcap_build(&c, false, false);
	s = open_one(file_write("a", c.b, c.n), NULL);
	assert_int_equal(source_next(s, &p), 1);
	source_break(s);
	source_break(s);
	assert_int_equal(source_next(s, &p), -1);
	source_close(s);
}

/* Broken off in the middle of a pipe's packet: that is no truncated file. */
static void test_break_within_packet(void **state)
{
	static struct capture c;
	int ends[2], saved = dup(STDIN_FILENO);

	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *path = "-";
		struct source_stats st;
		struct packet p;
		struct source *s;
		pthread_t thread;

		if (i)
			pcapng_build(&c);
		else
			pcap_build(&c, false, false);
		assert_int_equal(pipe(ends), 0);
		dup2(ends[0], STDIN_FILENO);
		close(ends[0]);
		assert_int_equal(write(ends[1], c.b, c.n - 130), c.n - 130);
		s = open_one(path, NULL);
		assert_int_equal(pthread_create(&thread, NULL, break_later, s), 0);
		while (source_next(s, &p) == 1)
			;
		pthread_join(thread, NULL);
		assert_string_equal(source_error(s), "");
		source_stats(s, &st);
		assert_int_equal(st.truncated_files, 0);
		source_close(s);
		close(ends[1]);
	}
	dup2(saved, STDIN_FILENO);
	close(saved);
}

static void test_live_faults(void **state)
{
	struct source_live how = {.interface = "no-such-if0", .snaplen = 65535, .fanout_group = -1};
	struct err e = {.text = ""};

	(void)state;
	assert_null(source_open_live(&how, &e));
	/* without the right to capture that comes first */
	assert_true(strstr(e.text, "no such interface") || strstr(e.text, "CAP_NET_RAW"));
	assert_memory_equal(e.text, "no-such-if0: ", 13);
	assert_null(strchr(e.text, '\n'));
	how.interface = "a-name-that-is-longer-than-linux-allows";
	assert_null(source_open_live(&how, &e));
	assert_non_null(strstr(e.text, "no such interface"));
	how.interface = "";
	assert_null(source_open_live(&how, &e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_pcap_forms),
	        cmocka_unit_test(test_wirelen_lies),
	        cmocka_unit_test(test_times_out_of_range),
	        cmocka_unit_test(test_truncated),
	        cmocka_unit_test(test_several_files),
	        cmocka_unit_test(test_filters),
	        cmocka_unit_test(test_no_captures),
	        cmocka_unit_test(test_stdin),
	        cmocka_unit_test(test_stdin_is_no_capture),
	        cmocka_unit_test(test_break),
	        cmocka_unit_test(test_break_within_packet),
	        cmocka_unit_test(test_live_faults),
	};
	int rc;

	stderr_saved = dup(STDERR_FILENO);
	rc = cmocka_run_group_tests(tests, make_dir, remove_dir);
	close(stderr_saved);
	return rc;
}
