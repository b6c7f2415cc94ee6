/* test_log_damage.c - what somebody, or a disk, does to the files of a log that is in use: what cannot be
 * read is passed over and can be told, what can be read comes, and nobody waits for what will not come. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/log.h"
#include "tests/unit/log_util.h"

/* Reads on; out[i] says that the record of index i came.  Returns how many. */
static size_t read_on(struct log_reader *r, bool *out, size_t most)
{
	struct log_line lines[16];
	struct err e = {.text = ""};
	size_t sum = 0;
	ssize_t n;

	while ((n = log_read(r, lines, 16, 1 << 16, &e)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			assert_true(lines[i].index < most && !out[lines[i].index]);
			out[lines[i].index] = true;
			sum++;
		}
	if (n)
		fail_msg("%s", e.text);
	return sum;
}

/* Two lines without the LF between them are no record, whatever the LF has become. */
static void a_lost_line_feed_joins_nothing(void **state)
{
	static const char instead[] = {' ', ',', 0x0b, 0x08, 0x0e, 0x02, 0x1a, 0x2a, 0x4a, (char)0x8a, '\0'};
	struct log *l = open_log();
	char path[160], *text, *lf;
	size_t len;

	(void)state;
	assert_int_equal(put(l, EVENT_ALERT, 6, T0_MS), 0);
	segment_path(path);
	text = slurp(path, &len);
	lf = text;
	for (int i = 0; i < 3; i++)
		lf = (char *)memchr(lf, '\n', len) + 1;
	lf--; /* behind the third */
	for (size_t i = 0; i < sizeof(instead); i++) {
		bool came[8] = {false};
		struct log_reader *r = log_reader_create(l);
		struct record_note note;

		*lf = instead[i];
		spit(path, text, len);
		/* where a NUL stands there, what is behind it is whole */
		assert_int_equal(read_on(r, came, 8), instead[i] ? 4 : 5);
		assert_true(came[1] && came[2] && !came[3] && came[4] == !instead[i] && came[5] && came[6]);
		assert_int_equal(log_reader_at(r), 7);
		assert_true(log_note_unreadable(l, 3, 4, "x", &note));
		assert_string_equal(note.reason, "log");
		assert_int_equal(note.values[0], 2);
		assert_int_equal(note.values[1], 3);
		assert_int_equal(note.values[2], 4);
		log_reader_destroy(r);
	}
	free(text);
	log_close(l);
}

/* The same at the end: the reader is behind it at once, and takes what comes next. */
static void a_damaged_end_is_passed(void **state)
{
	for (size_t cut = 0; cut < 3; cut++) {
		struct log *l = open_log();
		struct log_reader *r = log_reader_create(l);
		uint64_t first = next_index;
		bool came[64] = {false};
		char path[160], *text;
		size_t len;

		(void)state;
		assert_int_equal(put(l, EVENT_ALERT, 6, T0_MS), 0);
		segment_path(path);
		text = slurp(path, &len);
		text[len - 1 - cut] = 'x'; /* the LF, the bracket, the quote before it */
		spit(path, text, len);
		free(text);
		log_seek(r, first);
		assert_int_equal(read_on(r, came, 64), cut == 2 ? 6 : 5); /* the text is not looked at */
		assert_int_equal(log_reader_at(r), first + 6);
		assert_int_equal(put(l, EVENT_ALERT, 2, T0_MS), 0);
		assert_int_equal(read_on(r, came, 64), 2);
		assert_true(came[first + 6] && came[first + 7]);
		log_reader_destroy(r);
		log_close(l);
	}
}

/* Somebody cuts the file that is written to, at every byte of its last lines, while a reader is in front of,
 * in and behind what goes. */
static void the_newest_segment_becomes_shorter(void **state)
{
	for (size_t cut = 1; cut < 600; cut += 13)
		for (uint64_t ahead = 0; ahead < 3; ahead++) {
			struct log *l = open_log();
			struct log_reader *r = log_reader_create(l);
			bool came[512] = {false}, again[512] = {false};
			uint64_t first = next_index;
			struct log_line line;
			char path[160], *text;
			struct err e;
			size_t len, whole = 0;

			(void)state;
			assert_int_equal(put(l, EVENT_ALERT, 4, T0_MS), 0);
			segment_path(path);
			log_seek(r, first);
			for (uint64_t i = 0; i < ahead; i++) /* the others are in its buffer then */
				assert_int_equal(log_read(r, &line, 1, 1, &e), 1);
			text = slurp(path, &len);
			assert_int_equal(truncate(path, (off_t)(len - cut)), 0);
			for (size_t i = 0; i < len - cut; i++)
				whole += text[i] == '\n';
			free(text);
			assert_int_equal(put(l, EVENT_ALERT, 3, T0_MS), 0); /* behind a hole */
			read_on(r, came, 512);
			assert_int_equal(log_reader_at(r), first + 7);
			assert_true(came[first + 4] && came[first + 5] && came[first + 6]);
			log_seek(r, first); /* and one that comes later */
			read_on(r, again, 512);
			assert_int_equal(log_reader_at(r), first + 7);
			assert_true(again[first + 4] && again[first + 5] && again[first + 6]);
			for (uint64_t i = first; i < first + 4; i++)
				assert_int_equal(again[i], i <= whole);
			log_reader_destroy(r);
			log_close(l);
			unlink(path);
			end(state);
			begin(state);
		}
}

/* ... and one that nobody writes to any more; and one that is gone as a whole. */
static void an_older_segment_is_cut_or_gone(void **state)
{
	for (int gone = 0; gone < 2; gone++) {
		struct log *l = open_log();
		struct log_reader *r = log_reader_create(l);
		bool came[64] = {false};
		char path[160];

		assert_int_equal(put(l, EVENT_ALERT, 10, T0_MS), 0);
		segment_path(path);
		assert_int_equal(put(l, EVENT_ALERT, 10, T0_MS + HOUR_MS), 0);
		assert_int_equal(gone ? unlink(path) : truncate(path, 500), 0);
		assert_int_equal(read_on(r, came, 64), gone ? 10 : 13);
		assert_int_equal(log_reader_at(r), 21);
		for (int i = 11; i < 21; i++)
			assert_true(came[i]);
		segment_path(path);
		assert_int_equal(unlink(path), 0); /* the newest too */
		log_seek(r, 11);
		memset(came, 0, sizeof(came));
		assert_int_equal(read_on(r, came, 64), 0);
		assert_int_equal(log_reader_at(r), 21);
		log_reader_destroy(r);
		log_close(l);
		end(state);
		begin(state);
	}
}

/* A file cut to nothing while many read and somebody writes. */
static void all_of_it_is_cut(void **state)
{
	struct log *l = open_log();
	struct log_reader *r = log_reader_create(l);
	bool came[4096] = {false};
	char path[160];
	size_t sum = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(put_padded(l, EVENT_ALERT, 200, T0_MS, 900), 0);
	segment_path(path);
	assert_int_equal(truncate(path, 0), 0);
	sum = read_on(r, came, 4096);
	assert_int_equal(sum, 0);
	assert_int_equal(log_reader_at(r), 2001);
	assert_int_equal(put(l, EVENT_ALERT, 3, T0_MS), 0);
	assert_int_equal(read_on(r, came, 4096), 3);
	log_seek(r, 1); /* two megabytes of nothing before them */
	memset(came, 0, sizeof(came));
	assert_int_equal(read_on(r, came, 4096), 3);
	log_reader_destroy(r);
	log_close(l);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        LOG_TEST(a_lost_line_feed_joins_nothing),
	        LOG_TEST(a_damaged_end_is_passed),
	        LOG_TEST(the_newest_segment_becomes_shorter),
	        LOG_TEST(an_older_segment_is_cut_or_gone),
	        LOG_TEST(all_of_it_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
