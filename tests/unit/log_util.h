/* log_util.h - for the tests of the log: a folder, a log in it, records, and what its files hold. */
#ifndef TESTS_LOG_UTIL_H
#define TESTS_LOG_UTIL_H

#include "alerts/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0_MS   1795380902123LL /* 2026-11-22T20:55:02.123Z */
#define HOUR_MS 3600000LL

static char folder[64];
static struct log_found found;
static uint64_t next_index, ordinals[RECORD_TYPES];

static inline int begin(void **state)
{
	(void)state;
	/* thousands of syncs: in memory where that is to be had */
	strcpy(folder, access("/dev/shm", W_OK) ? "/tmp/leaktap-log-XXXXXX" : "/dev/shm/leaktap-log-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static inline int end(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static inline struct log *open_with(const struct log_io *io, uint64_t max_bytes, unsigned days)
{
	struct log_options o = {.directory = folder,
	        .name = "fra1",
	        .max_bytes = max_bytes,
	        .retention_days = days,
	        .io = io};
	struct err e = {.text = ""};
	struct log *l = log_open(&o, &found, &e);

	if (!l)
		fail_msg("%s", e.text);
	next_index = found.last + 1;
	memcpy(ordinals, found.ordinal, sizeof(ordinals));
	return l;
}

static inline struct log *open_log(void)
{
	return open_with(NULL, 64 << 20, 0);
}

/* n lines of that type in one commit; `pad` bytes make them longer. */
static inline int put_padded(struct log *l, unsigned type, size_t n, int64_t logged_ms, size_t pad)
{
	static char text[1 << 20];
	struct record_ref r[256];
	size_t len = 0;
	int ret;

	for (size_t i = 0; i < n; i++) {
		struct record_head h = {.type = (uint8_t)type, .when_ns = logged_ms * NS_PER_MS};
		struct record_numbers num = {.sensor = "fra1",
		        .index = next_index + i,
		        .ordinal = ordinals[type] + 1 + i,
		        .logged_ms = logged_ms};
		char tail[2048];

		snprintf(tail, sizeof(tail), ",\"summary\":\"%0*d\"}", (int)pad, 7);
		r[i] = (struct record_ref){.line = text + len,
		        .type = type,
		        .index = num.index,
		        .ordinal = num.ordinal,
		        .logged_ms = logged_ms};
		r[i].len = record_line(&h, tail, strlen(tail), &num, text + len);
		len += r[i].len;
		text[len++] = '\n';
	}
	ret = log_commit(l, r, n);
	if (!ret) {
		next_index += n;
		ordinals[type] += n;
	}
	return ret;
}

static inline int put(struct log *l, unsigned type, size_t n, int64_t logged_ms)
{
	return put_padded(l, type, n, logged_ms, 1);
}

/* Reads everything from that index on; the indexes must be dense.  Returns how many. */
static inline uint64_t read_from(struct log *l, uint64_t index)
{
	struct log_reader *r = log_reader_create(l);
	struct log_line lines[7];
	struct err e = {.text = ""};
	uint64_t sum = 0;
	ssize_t n;

	assert_non_null(r);
	log_seek(r, index);
	while ((n = log_read(r, lines, 7, 4000, &e)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			assert_int_equal(lines[i].index, index + sum);
			assert_int_equal(lines[i].p[lines[i].len], '\n');
			sum++;
		}
	assert_int_equal(n, 0);
	log_reader_destroy(r);
	return sum;
}

/* The only segment, or the newest of those in one folder. */
static inline void segment_path(char out[160])
{
	char command[128];
	FILE *f;

	snprintf(command, sizeof(command), "ls %s/fra1/rec/*/*/*/*.jsonl | tail -n 1", folder);
	f = popen(command, "r");
	assert_non_null(f);
	assert_non_null(fgets(out, 160, f));
	pclose(f);
	out[strcspn(out, "\n")] = '\0';
}

static inline char *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "r");
	char *text;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*n = (size_t)ftell(f);
	rewind(f);
	text = malloc(*n + 1);
	assert_int_equal(fread(text, 1, *n, f), *n);
	fclose(f);
	return text;
}

static inline void spit(const char *path, const char *text, size_t n)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
}

#endif
