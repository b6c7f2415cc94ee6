/* fuzz_log.c - a segment that may hold anything: the log opens or refuses, goes on behind all it holds, and
 * readers get whole lines whose indexes grow.  The first byte says how many bytes are read at once. */
#include "alerts/log.h"
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t piece;

static ssize_t read_pieces(int fd, void *p, size_t n, off_t at)
{
	return pread(fd, p, n < piece ? n : piece, at);
}

/* In memory: nothing is to survive. */
static int no_sync(int fd)
{
	(void)fd;
	return 0;
}

static char path_of_folder[64];

static void remove_folder(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s", path_of_folder);
	if (system(command))
		fprintf(stderr, "%s stays\n", path_of_folder);
}

static const char *folder(void)
{
	if (!path_of_folder[0]) {
		log_quiet(1);
		strcpy(path_of_folder, access("/dev/shm", W_OK) ? "/tmp/leaktap-fuzz-XXXXXX"
		                                                : "/dev/shm/leaktap-fuzz-XXXXXX");
		if (!mkdtemp(path_of_folder))
			abort();
		atexit(remove_folder);
	}
	return path_of_folder;
}

static void put_segment(const uint8_t *data, size_t size)
{
	char command[512], path[160];
	FILE *f;

	snprintf(command, sizeof(command), "%s/f/rec/2026/11/22", folder());
	for (char *slash = strchr(command + 10, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(command, 0700);
		*slash = '/';
	}
	(void)mkdir(command, 0700);
	snprintf(path, sizeof(path), "%s/20-00000000000000000001.jsonl", command);
	f = fopen(path, "w");
	if (!f || fwrite(data, 1, size, f) != size)
		abort();
	fclose(f);
	snprintf(path, sizeof(path), "%s/f/state", folder());
	unlink(path);
}

static void read_all(struct log *l, uint64_t last)
{
	struct log_reader *r = log_reader_create(l);
	struct log_line lines[16];
	uint64_t before = 0;
	struct err e;
	ssize_t n;

	if (!r)
		abort();
	log_seek(r, 1);
	while ((n = log_read(r, lines, 16, 4096, &e)) > 0)
		for (ssize_t i = 0; i < n; before = lines[i++].index) {
			if (lines[i].index <= before || lines[i].p[lines[i].len] != '\n')
				abort();
			log_line_fields(&lines[i]);
		}
	if (n < 0 || before != last)
		abort();
	log_reader_destroy(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct log_io io = log_io_system;
	struct log_options o = {.directory = folder(), .name = "f", .max_bytes = 1 << 26, .io = &io};
	struct log_found found;
	struct log *l;
	struct err e;

	if (!size)
		return 0;
	io.read_at = read_pieces;
	io.sync = no_sync;
	piece = 1 + data[0] * 16u;
	put_segment(data + 1, size - 1);
	l = log_open(&o, &found, &e);
	if (!l)
		abort();
	if (found.last < found.missing)
		abort();
	read_all(l, found.last);
	log_close(l);
	l = log_open(&o, &found, &e); /* what was cut is gone for good */
	if (!l || found.cut)
		abort();
	read_all(l, found.last);
	log_close(l);
	return 0;
}
