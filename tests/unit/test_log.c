/* test_log.c - the durable log: numbers over restarts, every way to end in the middle, broken disks, bounds.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/log.h"
#include "base/log.h"
#include "tests/unit/log_util.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What the tests say that servers have. */
static uint64_t taken;
static uint64_t say_taken(void *arg)
{
	return *(uint64_t *)arg;
}

/* ---- numbers ---- */

static void numbers_go_on(void **state)
{
	struct log *l = open_log();
	char path[160];

	(void)state;
	assert_true(found.fresh && !found.unclean && !found.last);
	assert_int_equal(put(l, EVENT_ALERT, 3, T0_MS), 0);
	assert_int_equal(put(l, EVENT_FLOW, 2, T0_MS + 1), 0);
	assert_int_equal(log_last(l), 5);
	assert_int_equal(read_from(l, 1), 5);
	log_close(l);

	segment_path(path);
	assert_non_null(strstr(path, "/fra1/rec/2026/11/22/20-00000000000000000001.jsonl"));
	l = open_log();
	assert_false(found.fresh || found.unclean || found.cut || found.missing || found.shorter);
	assert_int_equal(found.first, 1);
	assert_int_equal(found.last, 5);
	assert_int_equal(found.logged_ms, T0_MS + 1);
	assert_int_equal(found.ordinal[EVENT_ALERT], 3);
	assert_int_equal(found.ordinal[EVENT_FLOW], 2);
	assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS + 2), 0);
	for (uint64_t i = 1; i <= 6; i++)
		assert_int_equal(read_from(l, i), 7 - i);
	assert_int_equal(read_from(l, 7), 0);
	log_close(l);
}

/* What `state` says is found in the segments too; an older one is brought up to date. */
static void numbers_without_state(void **state)
{
	static const char *const texts[] = {NULL, "", "leaktap-log 2\nindex 1\n",
	        "leaktap-log 1\nindex 99999999999999999999\n",
	        "leaktap-log 1\nrunning no\nindex 3\nlogged 5\nordinal alert 3\nordinal bogus 9\noutput 2 "
	        "unix:///x\n",
	        "leaktap-log 1\nindex x\nordinal alert\noutput\noutput 1\n\n\n"};
	char path[96];
	struct log *l = open_log();
	uint64_t at;

	(void)state;
	assert_int_equal(put(l, EVENT_ALERT, 3, T0_MS), 0);
	assert_int_equal(put(l, EVENT_SENSOR, 1, T0_MS + HOUR_MS), 0);
	assert_int_equal(put(l, EVENT_ALERT, 2, T0_MS + 2 * HOUR_MS), 0);
	log_close(l);
	snprintf(path, sizeof(path), "%s/fra1/state", folder);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		unlink(path);
		if (texts[i])
			spit(path, texts[i], strlen(texts[i]));
		l = open_log();
		assert_int_equal(found.last, 6);
		assert_int_equal(found.ordinal[EVENT_ALERT], 5);
		assert_int_equal(found.ordinal[EVENT_SENSOR], 1);
		assert_int_equal(found.logged_ms, T0_MS + 2 * HOUR_MS);
		assert_int_equal(log_cursor(l, "unix:///x", &at), i == 4);
		log_close(l);
	}
}

static void places_of_outputs(void **state)
{
	struct log *l = open_log();
	uint64_t at = 0;
	char name[32];

	(void)state;
	assert_false(log_cursor(l, "redis://a:1", &at));
	log_set_cursor(l, "redis://a:1", 7);
	log_set_cursor(l, "redis://b:1", 8);
	log_set_cursor(l, "redis://a:1", 9);
	assert_true(log_met(l, "redis://a:1") && log_met(l, "redis://b:1"));
	log_set_met(l, "redis://b:1", false);
	assert_false(log_met(l, "redis://b:1") || log_met(l, "redis://c:1"));
	log_save(l);
	log_close(l);
	l = open_log();
	assert_true(log_cursor(l, "redis://a:1", &at));
	assert_int_equal(at, 9);
	assert_true(log_cursor(l, "redis://b:1", &at));
	assert_int_equal(at, 8);
	assert_true(log_met(l, "redis://a:1") && !log_met(l, "redis://b:1"));
	for (int i = 0; i < LOG_OUTPUTS_MAX; i++) { /* the oldest make room */
		snprintf(name, sizeof(name), "redis://c%d:1", i);
		log_set_cursor(l, name, 1);
	}
	assert_false(log_cursor(l, "redis://a:1", &at));
	assert_true(log_cursor(l, "redis://c0:1", &at));
	log_close(l);
}

static void one_process_at_a_time(void **state)
{
	struct log_options o = {.directory = folder, .name = "fra1", .max_bytes = 1 << 24};
	struct log *l = open_log();
	struct log_found f;
	struct err e = {.text = ""};
	char holder[32];

	(void)state;
	assert_null(log_open(&o, &f, &e));
	assert_true(f.in_use);
	snprintf(holder, sizeof(holder), "process %ld since ", (long)getpid());
	assert_non_null(strstr(e.text, holder));
	o.name = "fra2";
	log_close(l);
	l = log_open(&o, &f, &e);
	assert_non_null(l);
	log_close(l);
	o.directory = "/nonexistent/folder";
	assert_null(log_open(&o, &f, &e));
	assert_false(f.in_use);
}

/* ---- ended in the middle ---- */

/* A segment cut at every byte: whole lines stay, the rest is gone and is told. */
static void cut_at_every_byte(void **state)
{
	struct log *l = open_log();
	char path[160], states[96], *text, *as_closed;
	size_t len, len_state;

	(void)state;
	assert_int_equal(put(l, EVENT_ALERT, 4, T0_MS), 0);
	log_close(l);
	segment_path(path);
	snprintf(states, sizeof(states), "%s/fra1/state", folder);
	text = slurp(path, &len);
	as_closed = slurp(states, &len_state);
	for (size_t n = 0; n <= len; n++) {
		uint64_t whole = 0;
		size_t end_of_last = 0;

		for (size_t i = 0; i < n; i++)
			if (text[i] == '\n') {
				whole++;
				end_of_last = i + 1;
			}
		spit(path, text, n);
		spit(states, as_closed, len_state);
		l = open_log();
		assert_int_equal(found.last, whole);
		assert_int_equal(found.cut, n - end_of_last);
		assert_int_equal(found.shorter, whole < 4);
		assert_int_equal(read_from(l, 1), whole);
		assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS), 0);
		assert_int_equal(read_from(l, 1), whole + 1);
		log_close(l);
	}
	free(as_closed);
	free(text);
}

/* Any bit of a segment may flip: it opens, goes on above all it holds, and readers get whole lines in order.
 */
static void every_bit_flips(void **state)
{
	struct log *l = open_log();
	char path[160], *text;
	size_t len;

	(void)state;
	assert_int_equal(put(l, EVENT_ALERT, 3, T0_MS), 0);
	log_close(l);
	segment_path(path);
	text = slurp(path, &len);
	for (size_t bit = 0; bit < len * 8; bit++) {
		struct log_line lines[8];
		struct log_reader *r;
		struct err e = {.text = ""};
		uint64_t before = 0;
		ssize_t n;

		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		spit(path, text, len);
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		l = open_log();
		assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS), 0);
		r = log_reader_create(l);
		log_seek(r, 1);
		while ((n = log_read(r, lines, 8, 4000, &e)) > 0)
			for (ssize_t i = 0; i < n; before = lines[i++].index)
				assert_true(lines[i].index > before);
		assert_int_equal(n, 0);
		assert_int_equal(before, next_index - 1);
		log_reader_destroy(r);
		log_close(l);
		unlink(path);
		spit(path, text, len);
	}
	free(text);
}

/* Damage with good lines behind it is no torn end: nothing is cut, and what is missing is told. */
static void damage_in_the_middle(void **state)
{
	struct log *l = open_log();
	char path[160], *text;
	size_t len, line;

	(void)state;
	assert_int_equal(put(l, EVENT_ALERT, 5, T0_MS), 0);
	log_close(l);
	segment_path(path);
	text = slurp(path, &len);
	line = strcspn(text, "\n") + 1;
	memset(text + line, 'x', 10);
	spit(path, text, len);
	free(text);
	l = open_log();
	assert_int_equal(found.last, 5);
	assert_int_equal(found.missing, 1);
	assert_int_equal(found.cut, 0);
	assert_int_equal(read_from(l, 3), 3);
	log_close(l);
}

/* A line whose index reads too high hides none of those behind it, and none of them is cut off. */
static void a_wrong_index_hides_nothing(void **state)
{
	struct log *l = open_log();
	char path[160], *text, *id;
	size_t len;

	(void)state;
	assert_int_equal(put(l, EVENT_ALERT, 8, T0_MS), 0);
	log_close(l);
	segment_path(path);
	text = slurp(path, &len);
	id = memmem(text, len, "fra1/3\"", 7);
	assert_non_null(id);
	for (const char *wrong = "79"; *wrong; wrong++) { /* one that the log has, one that it has not */
		id[5] = *wrong;
		spit(path, text, len);
		l = open_log();
		assert_int_equal(found.cut, 0);
		assert_int_equal(found.missing, 1);
		assert_int_equal(found.last, 8);
		assert_int_equal(read_from(l, 4), 5);
		log_close(l);
	}
	free(text);
}

/* Lines that lost the LF between them are no record: readers have no room for one of that length. */
static void joined_lines_are_no_record(void **state)
{
	struct log *l = open_log();
	struct log_reader *r;
	struct log_line line;
	struct err e;
	char path[160], *text;
	size_t len;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(put_padded(l, EVENT_ALERT, 200, T0_MS, 1000), 0);
	log_close(l);
	segment_path(path);
	text = slurp(path, &len);
	for (size_t i = 0, lines = 0; i < len; i++)
		if (text[i] == '\n' && ++lines >= 100 && lines < 500)
			text[i] = ' ';
	spit(path, text, len);
	free(text);
	l = open_log();
	assert_int_equal(found.last, 600);
	assert_int_equal(found.missing, 401);
	r = log_reader_create(l);
	log_seek(r, 100);
	assert_int_equal(log_read(r, &line, 1, 1, &e), 1);
	assert_int_equal(line.index, 501);
	assert_true(line.len <= RECORD_LINE_MAX);
	log_reader_destroy(r);
	log_close(l);
}

/* ---- a broken disk ---- */

static struct {
	int call, at, error; /* which call, at which use of it, fails with what */
	int seen;
	bool lasting, half;
} broken;
static bool no_unlink; /* while a sync fails, nothing can be taken away either */
enum { CALL_OPEN, CALL_MKDIR, CALL_WRITE, CALL_TRUNCATE, CALL_SYNC, CALL_RENAME, CALLS };

static bool breaks(int call)
{
	if (call != broken.call || !broken.error)
		return false;
	broken.seen++;
	if (broken.seen < broken.at || (broken.seen > broken.at && !broken.lasting))
		return false;
	errno = broken.error;
	return true;
}

static int bad_open(int dir, const char *path, int flags, mode_t mode)
{
	return (flags & O_CREAT) && breaks(CALL_OPEN) ? -1 : log_io_system.open_at(dir, path, flags, mode);
}
static int bad_mkdir(int dir, const char *path, mode_t mode)
{
	return breaks(CALL_MKDIR) ? -1 : log_io_system.mkdir_at(dir, path, mode);
}
static ssize_t bad_write(int fd, const void *p, size_t n, off_t at)
{
	if (!breaks(CALL_WRITE))
		return log_io_system.write_at(fd, p, n, at);
	if (broken.half)
		return log_io_system.write_at(fd, p, n / 2 ? n / 2 : 1, at);
	return -1;
}
static int bad_truncate(int fd, off_t size)
{
	return breaks(CALL_TRUNCATE) ? -1 : log_io_system.truncate(fd, size);
}
static int bad_sync(int fd)
{
	return breaks(CALL_SYNC) ? -1 : log_io_system.sync(fd);
}
static int bad_rename(int dir, const char *from, const char *to)
{
	return breaks(CALL_RENAME) ? -1 : log_io_system.rename_at(dir, from, to);
}
static int bad_unlink(int dir, const char *path, int flags)
{
	if (no_unlink && broken.error && broken.seen >= broken.at) {
		errno = broken.error;
		return -1;
	}
	return log_io_system.unlink_at(dir, path, flags);
}

static struct log_io bad_io(void)
{
	struct log_io io = log_io_system;

	io.open_at = bad_open;
	io.mkdir_at = bad_mkdir;
	io.write_at = bad_write;
	io.truncate = bad_truncate;
	io.sync = bad_sync;
	io.rename_at = bad_rename;
	io.unlink_at = bad_unlink;
	return io;
}

/* Each call fails once, at each of its uses: the same lines go in with the next try, and nothing is there
 * twice. */
static void every_call_fails_once(void **state)
{
	const struct log_io io = bad_io();

	(void)state;
	for (int call = 0; call < CALLS; call++)
		for (int at = 1; at <= 12; at++) {
			struct log *l;
			uint64_t before;

			broken.error = 0;
			l = open_with(&io, 64 << 20, 0);
			before = found.last;
			memset(&broken, 0, sizeof(broken));
			broken.call = call;
			broken.at = at;
			broken.error = at % 2 ? EIO : ENOSPC;
			for (int i = 0; i < 8; i++) { /* each in an hour of its own */
				int64_t ms = found.logged_ms + T0_MS * !found.last + (i + 1) * HOUR_MS;

				if (put(l, EVENT_ALERT, 3, ms) < 0) {
					assert_true(log_failing(l));
					assert_int_equal(put(l, EVENT_ALERT, 3, ms), 0);
				}
				assert_false(log_failing(l));
				log_save(l);
			}
			assert_int_equal(log_last(l), before + 24);
			assert_int_equal(read_from(l, 1), before + 24);
			broken.error = 0;
			log_close(l);
			l = open_log();
			assert_int_equal(found.last, before + 24);
			assert_int_equal(found.missing, 0);
			assert_int_equal(read_from(l, 1), before + 24);
			log_close(l);
		}
}

/* Syncs and unlinks fail together, from each of the syncs on, then the disk is whole again: the file that is
 * in the way is replaced. */
static void what_could_not_be_unlinked_is_replaced(void **state)
{
	const struct log_io io = bad_io();

	(void)state;
	for (int at = 1; at <= 6; at++) {
		struct log *l;
		uint64_t before;

		broken.error = 0;
		l = open_with(&io, 64 << 20, 0);
		before = found.last;
		memset(&broken, 0, sizeof(broken));
		broken.call = CALL_SYNC;
		broken.at = at;
		broken.error = EIO;
		broken.lasting = no_unlink = true;
		for (int i = 0; i < 8; i++)
			if (put(l, EVENT_ALERT, 1, T0_MS + (at * 100 + i) * HOUR_MS) < 0)
				break;
		assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS + (at * 100 + 8) * HOUR_MS), -1);
		broken.error = 0;
		assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS + (at * 100 + 8) * HOUR_MS), 0);
		assert_int_equal(read_from(l, before + 1), log_last(l) - before);
		log_close(l);
		no_unlink = false;
	}
}

static void partial_writes_go_on(void **state)
{
	const struct log_io io = bad_io();
	struct log *l;

	(void)state;
	memset(&broken, 0, sizeof(broken));
	l = open_with(&io, 64 << 20, 0);
	broken.call = CALL_WRITE;
	broken.at = 1;
	broken.error = EIO;
	broken.half = broken.lasting = true;
	for (int i = 0; i < 20; i++)
		assert_int_equal(put(l, EVENT_FLOW, 2, T0_MS), 0);
	broken.error = 0;
	assert_int_equal(read_from(l, 1), 40);
	log_close(l);
}

/* A sync fails, the cut too, and the process is killed: what was never durable is void. */
static void leftovers_are_void(void **state)
{
	const struct log_io io = bad_io();
	struct log *l;
	char path[160];
	FILE *f;

	(void)state;
	memset(&broken, 0, sizeof(broken));
	l = open_with(&io, 64 << 20, 0);
	assert_int_equal(put(l, EVENT_ALERT, 2, T0_MS), 0);
	log_close(l);
	segment_path(path);
	/* lines 3 and 4 in the old segment, not durable; the new one begins with 3 as well */
	l = open_log();
	assert_int_equal(put(l, EVENT_ALERT, 2, T0_MS), 0);
	log_close(l);
	l = open_log();
	next_index = 3;
	ordinals[EVENT_ALERT] = 2;
	log_close(l);
	f = fopen(path, "r");
	assert_non_null(f);
	fclose(f);
	{
		char copy[176], command[400];

		/* as if the first commit of another segment had followed */
		snprintf(
		        copy, sizeof(copy), "%.*s/21-%020d.jsonl", (int)(strrchr(path, '/') - path), path, 3);
		snprintf(command, sizeof(command),
		        "tail -n 2 %s | head -n 1 | sed 's/\"7\"/\"8\"/' > %s; rm %s/fra1/state", path, copy,
		        folder);
		assert_int_equal(system(command), 0);
	}
	l = open_log();
	assert_int_equal(found.last, 3);
	assert_int_equal(found.ordinal[EVENT_ALERT], 3);
	assert_int_equal(read_from(l, 1), 3);
	{
		struct log_reader *r = log_reader_create(l);
		struct log_line line;
		struct err e;

		log_seek(r, 3);
		assert_int_equal(log_read(r, &line, 1, 1, &e), 1);
		assert_non_null(memmem(line.p, line.len, "\"8\"", 3));
		log_reader_destroy(r);
	}
	log_close(l);
}

/* ---- rotation and bounds ---- */

static void rotates_by_hour_and_size(void **state)
{
	struct log *l = open_with(NULL, 2 << 20, 0); /* segments of 256 KiB */
	uint64_t sum = 0;
	char command[128];

	(void)state;
	for (int i = 0; i < 40; i++, sum += 50)
		assert_int_equal(put_padded(l, EVENT_ALERT, 50, T0_MS + i * HOUR_MS / 20, 500), 0);
	assert_int_equal(read_from(l, 1), sum);
	for (uint64_t i = 1; i <= sum; i += 97)
		assert_int_equal(read_from(l, i), sum - i + 1);
	snprintf(command, sizeof(command), "test $(find %s -name '*.jsonl' | wc -l) -ge 6", folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(log_index_before(l, 0, 0), 0);
	assert_int_equal(log_index_before(l, T0_MS, 30), 30);
	assert_int_equal(log_index_before(l, T0_MS + HOUR_MS / 20, 0), 50);
	assert_int_equal(log_index_before(l, T0_MS + 100 * HOUR_MS, 0), sum);
	log_close(l);
}

static void keeps_its_bound(void **state)
{
	struct log *l = open_with(NULL, 2 << 20, 0);
	struct log_dropped d;
	uint64_t told = 0, quiet = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		uint64_t first = log_first(l);

		taken = i < 100 ? log_last(l) : 100 * 50;

		assert_int_equal(put_padded(l, i % 2 ? EVENT_FLOW : EVENT_ALERT, 50, T0_MS, 500), 0);
		while (log_keep_bounds(l, T0_MS, 64 << 10, say_taken, &taken, &d)) {
			uint64_t n = d.n[EVENT_ALERT] + d.n[EVENT_FLOW];

			assert_true(i >= 100);
			assert_int_equal(d.last - d.first + 1, n);
			assert_int_equal(d.last_ordinal[EVENT_ALERT] - d.first_ordinal[EVENT_ALERT] + 1,
			        d.n[EVENT_ALERT]);
			assert_int_equal(log_first(l), d.last + 1);
			told += n;
		}
		quiet += i < 100 ? log_first(l) - first : 0;
		assert_true(log_bytes(l) <= 2 << 20);
	}
	assert_true(told > 1000 && quiet > 1000);
	assert_int_equal(read_from(l, log_first(l)), log_last(l) - log_first(l) + 1);
	log_close(l);
	l = open_with(NULL, 2 << 20, 0);
	assert_true(found.first > 1);
	assert_int_equal(found.ordinal[EVENT_ALERT], 5000);
	assert_int_equal(read_from(l, 1 + found.first - 1), found.last - found.first + 1);
	log_close(l);
}

static void age_takes_only_what_was_taken(void **state)
{
	struct log *l = open_with(NULL, 64 << 20, 2);
	struct log_dropped d;
	char command[128];

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(put(l, EVENT_ALERT, 10, T0_MS + i * 24 * HOUR_MS), 0);
	taken = 35;
	assert_false(log_keep_bounds(l, T0_MS + 9 * 24 * HOUR_MS, 0, say_taken, &taken, &d));
	assert_int_equal(log_first(l), 31); /* three segments were taken, the fourth only in part */
	taken = 100;
	assert_false(log_keep_bounds(l, T0_MS + 9 * 24 * HOUR_MS, 0, say_taken, &taken, &d));
	assert_int_equal(log_first(l), 61);
	taken = 100;
	assert_false(log_keep_bounds(l, T0_MS + 999 * 24 * HOUR_MS, 0, say_taken, &taken, &d));
	assert_int_equal(log_first(l), 91); /* the newest segment stays */
	snprintf(command, sizeof(command), "test $(find %s -type d | wc -l) -eq 6",
	        folder); /* no empty folder is left */
	assert_int_equal(system(command), 0);
	log_close(l);
}

/* A gap record that tells of n alerts; indexes and ordinals are the same here. */
static void put_gap(struct log *l, uint64_t first, uint64_t n)
{
	struct record_note note = {.type = RECORD_GAP, .reason = "retention", .severity = SEVERITY_HIGH};
	struct record_numbers num = {.sensor = "fra1",
	        .logged_ms = T0_MS,
	        .index = next_index++,
	        .ordinal = ++ordinals[RECORD_GAP]};
	static char tail[4096], line[8192];
	struct record_head h;
	struct record_ref r;
	size_t len;

	record_note_count(&note, "lost_records", n);
	record_note_count(&note, "first_index", first);
	record_note_count(&note, "last_index", first + n - 1);
	record_note_count(&note, record_loss_name(EVENT_ALERT, 0), n);
	record_note_count(&note, record_loss_name(EVENT_ALERT, 1), first);
	record_note_count(&note, record_loss_name(EVENT_ALERT, 2), first + n - 1);
	len = record_note_tail(&note, &h, tail, sizeof(tail));
	r = (struct record_ref){.line = line,
	        .len = record_line(&h, tail, len, &num, line),
	        .type = RECORD_GAP,
	        .index = num.index,
	        .ordinal = num.ordinal,
	        .logged_ms = T0_MS};
	line[r.len] = '\n';
	assert_int_equal(log_commit(l, &r, 1), 0);
}

/* Gap records that go take along what they told, from the first on. */
static void dropped_gaps_are_told_again(void **state)
{
	struct log *l = open_with(NULL, 2 << 20, 0);
	struct log_dropped d;

	(void)state;
	put_padded(l, EVENT_ALERT, 10, T0_MS, 500);
	put_gap(l, 1, 3);
	put_gap(l, 5, 2);
	taken = 6;
	do
		assert_int_equal(put_padded(l, EVENT_ALERT, 100, T0_MS, 900), 0);
	while (!log_keep_bounds(
	        l, T0_MS, 0, say_taken, &taken, &d)); /* 7 to 10, the gap records, and more go */
	assert_int_equal(d.first, 1);
	assert_int_equal(d.n[RECORD_GAP], 2);
	assert_int_equal(d.n[EVENT_ALERT], d.last - 7 + 1 - 2 + 3 + 2);
	assert_int_equal(d.first_ordinal[EVENT_ALERT], 1);
	assert_int_equal(d.records, d.last - 7 + 1 + 3 + 2); /* and not 4 and 6, which servers have */
	log_close(l);
}

/* What is on its way to a server when its segment goes is not told by the log; what went before cannot be
 * sent. */
static void claims_and_bounds_agree(void **state)
{
	struct log *l = open_with(NULL, 2 << 20, 0);
	_Atomic uint64_t claimed = 0;
	struct log_dropped d;

	(void)state;
	assert_false(log_claim(l, &claimed, 1, 1)); /* there is nothing */
	assert_int_equal(put_padded(l, EVENT_ALERT, 100, T0_MS, 900), 0);
	assert_true(log_claim(l, &claimed, 1, 60));
	assert_int_equal(claimed, 60);
	taken = claimed;
	while (!log_keep_bounds(l, T0_MS, 0, say_taken, &taken, &d))
		assert_int_equal(put_padded(l, EVENT_ALERT, 100, T0_MS, 900), 0);
	assert_int_equal(d.first, 61);
	assert_int_equal(d.n[EVENT_ALERT], d.last - 60);
	assert_false(log_claim(l, &claimed, d.last, d.last + 10));
	assert_int_equal(claimed, 60);
	assert_int_equal(log_unclaim(l, &claimed, 20), d.last + 1);
	assert_int_equal(claimed, 20);
	assert_true(log_claim(l, &claimed, d.last + 1, d.last + 10));
	log_close(l);
}

/* ---- readers ---- */

static void readers_follow(void **state)
{
	struct log *l = open_log();
	struct log_reader *r = log_reader_create(l);
	int bell = eventfd(0, EFD_NONBLOCK);
	struct log_line lines[8];
	struct err e;
	uint64_t rung;

	(void)state;
	assert_int_equal(log_read(r, lines, 8, 1 << 20, &e), 0);
	assert_int_equal(log_watch(l, bell), 0);
	for (int i = 0; i < 50; i++) {
		assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS + i * HOUR_MS / 5), 0);
		assert_int_equal(read(bell, &rung, sizeof(rung)), sizeof(rung));
		assert_int_equal(log_read(r, lines, 8, 1 << 20, &e), 1);
		assert_int_equal(lines[0].index, i + 1);
		assert_int_equal(log_read(r, lines, 8, 1 << 20, &e), 0);
	}
	log_unwatch(l, bell);
	assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS + 20 * HOUR_MS), 0);
	assert_int_equal(read(bell, &rung, sizeof(rung)), -1);
	assert_int_equal(log_read(r, lines, 8, 1, &e), 1); /* the first one whatever its length */
	close(bell);
	log_reader_destroy(r);
	log_close(l);
}

/* A line cut at every byte, and with every bit flipped, in a copy of exactly that size. */
static void lines_of_any_bytes(void **state)
{
	static const char good[] =
	        "{\"type\":\"alert\",\"schema\":1,\"sensor\":\"fra1\",\"id\":\"fra1/17\",\"time\":"
	        "\"2026-11-22T20:55:02.123456Z\",\"logged\":\"2026-11-22T20:55:02.124000Z\",\"ordinal\":3,"
	        "\"kind\":\"payload.sensitive\",\"severity\":\"high\",\"service\":{\"id\":\"openai-api\","
	        "\"name\":\"x\"},\"verdict\":\"approved\"}";
	struct log_line l;

	(void)state;
	assert_true(log_line_numbers(good, sizeof(good) - 1, &l));
	log_line_fields(&l);
	assert_int_equal(l.type, EVENT_ALERT);
	assert_int_equal(l.index, 17);
	assert_int_equal(l.ordinal, 3);
	assert_int_equal(l.logged_ms, T0_MS + 1);
	assert_true(slice_is(l.kind, "payload.sensitive") && slice_is(l.severity, "high"));
	assert_true(slice_is(l.verdict, "approved") && slice_is(l.service, "openai-api"));
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		char *copy = malloc(n ? n : 1);

		memcpy(copy, good, n);
		if (log_line_numbers(copy, n, &l))
			log_line_fields(&l);
		free(copy);
	}
	for (size_t bit = 0; bit < (sizeof(good) - 1) * 8; bit++) {
		char *copy = malloc(sizeof(good) - 1);

		memcpy(copy, good, sizeof(good) - 1);
		copy[bit / 8] = (char)(copy[bit / 8] ^ 1 << bit % 8);
		if (log_line_numbers(copy, sizeof(good) - 1, &l))
			log_line_fields(&l);
		free(copy);
	}
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        LOG_TEST(numbers_go_on),
	        LOG_TEST(numbers_without_state),
	        LOG_TEST(places_of_outputs),
	        LOG_TEST(one_process_at_a_time),
	        LOG_TEST(cut_at_every_byte),
	        LOG_TEST(every_bit_flips),
	        LOG_TEST(damage_in_the_middle),
	        LOG_TEST(a_wrong_index_hides_nothing),
	        LOG_TEST(joined_lines_are_no_record),
	        LOG_TEST(every_call_fails_once),
	        LOG_TEST(what_could_not_be_unlinked_is_replaced),
	        LOG_TEST(partial_writes_go_on),
	        LOG_TEST(leftovers_are_void),
	        LOG_TEST(rotates_by_hour_and_size),
	        LOG_TEST(keeps_its_bound),
	        LOG_TEST(age_takes_only_what_was_taken),
	        LOG_TEST(dropped_gaps_are_told_again),
	        LOG_TEST(claims_and_bounds_agree),
	        LOG_TEST(readers_follow),
	        cmocka_unit_test(lines_of_any_bytes),
	};

	log_quiet(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
