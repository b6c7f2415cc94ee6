/* test_log_start.c - what a log makes sure of when it begins: that its folders are durable, who has it, and
 * which records servers had that it keeps no more. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/log.h"
#include "base/text.h"
#include "tests/unit/log_util.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

/* ---- folders ---- */

static char synced[64][128];
static size_t n_synced;

/* Remembers what is synced by where the descriptor leads. */
static int note_sync(int fd)
{
	char link[32], path[256] = "";
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	assert_true(n_synced < 64);
	snprintf(synced[n_synced++], sizeof(*synced), "%s", path);
	return log_io_system.sync(fd);
}

static bool was_synced(const char *below)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", folder, below);
	for (size_t i = 0; i < n_synced; i++)
		if (!strcmp(synced[i], path))
			return true;
	return false;
}

static const char *const way[] = {
        "", "/fra1", "/fra1/rec", "/fra1/rec/2026", "/fra1/rec/2026/11", "/fra1/rec/2026/11/22"};
#define WAY (sizeof(way) / sizeof(*way))

/* A process was killed behind each of its mkdir(2)s, before it could make that durable: the next one does,
 * before anything counts as durable in there. */
static void folders_of_a_killed_process_are_synced(void **state)
{
	struct log_io io = log_io_system;

	io.sync = note_sync;
	for (size_t made = 0; made < WAY; made++) {
		char path[128];
		struct log *l;

		for (size_t i = 1; i <= made; i++) {
			snprintf(path, sizeof(path), "%s%s", folder, way[i]);
			assert_int_equal(mkdir(path, 0700), 0);
		}
		n_synced = 0;
		l = open_with(&io, 64 << 20, 0);
		assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS), 0);
		for (size_t i = 0; i < WAY; i++)
			if (!was_synced(way[i]))
				fail_msg("%s was not synced, %zu folders were there", way[i], made);
		n_synced = 0;
		assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS), 0);
		assert_int_equal(n_synced, 1); /* only the file, from then on */
		log_close(l);
		end(state);
		begin(state);
	}
}

/* ... and behind the making of the file, to which the next one writes on. */
static void the_file_of_a_killed_process_is_synced(void **state)
{
	struct log_io io = log_io_system;
	struct log *l = open_log();

	(void)state;
	assert_int_equal(put(l, EVENT_ALERT, 1, T0_MS), 0);
	log_close(l);
	io.sync = note_sync;
	n_synced = 0;
	l = open_with(&io, 64 << 20, 0);
	for (size_t i = 0; i < WAY; i++)
		assert_true(was_synced(way[i]));
	log_close(l);
}

/* ---- who has it ---- */

static atomic_bool stop;
static char asked[96];

static void *ask(void *arg)
{
	unsigned long *seen = arg;

	while (!atomic_load(&stop)) {
		long pid = log_holder(asked);

		assert_true(pid == 0 || pid == getpid());
		*seen += pid != 0;
	}
	return NULL;
}

/* Whoever asks takes nothing: a sensor that starts meanwhile is not told that its log is in use. */
static void asking_takes_nothing(void **state)
{
	pthread_t thread[2];
	unsigned long seen[2] = {0, 0};

	(void)state;
	snprintf(asked, sizeof(asked), "%s/fra1", folder);
	assert_int_equal(log_holder(asked), 0); /* there is none yet */
	log_close(open_log());
	assert_int_equal(log_holder(asked), 0);
	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, ask, &seen[i]), 0);
	for (int i = 0; i < 500; i++) {
		struct log *l = open_log(); /* fails the test when it cannot */

		if (i % 100 == 0)
			assert_int_equal(log_holder(asked), getpid());
		log_close(l);
	}
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(log_holder(asked), 0);
}

/* ---- what servers had ---- */

static uint64_t nobody(void *arg)
{
	(void)arg;
	return 0;
}

static void hash_of(struct log *l, uint64_t index, char hex[65])
{
	struct log_reader *r = log_reader_create(l);
	uint8_t md[EVP_MAX_MD_SIZE];
	struct log_line line;
	struct err e;

	log_seek(r, index);
	assert_int_equal(log_read(r, &line, 1, 1, &e), 1);
	assert_int_equal(line.index, index);
	assert_int_equal(EVP_Digest(line.p, line.len + 1, md, NULL, EVP_sha256(), NULL), 1);
	hex_encode(md, 32, hex);
	log_reader_destroy(r);
}

/* Where a server stopped stays known when the record goes: its hash, over restarts, until the server is
 * further. */
static void hashes_of_places_stay(void **state)
{
	static const char *const name[] = {"redis://a", "redis://b", "redis://c"};
	static const uint64_t place[] = {17, 900, 1};
	struct log *l = open_with(NULL, 2 << 20, 0);
	char hash[3][65], known[65];
	struct log_dropped d;
	unsigned drops = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(put_padded(l, EVENT_ALERT, 100, T0_MS, 900), 0);
	for (int i = 0; i < 3; i++) {
		log_set_cursor(l, name[i], place[i]);
		hash_of(l, place[i], hash[i]);
		assert_false(log_gone_hash(l, name[i], place[i], known)); /* it is still there */
	}
	while (log_first(l) < 1000) {
		assert_int_equal(put_padded(l, EVENT_ALERT, 100, T0_MS, 900), 0);
		drops += log_keep_bounds(l, T0_MS, 0, nobody, NULL, &d);
	}
	assert_true(drops > 1);
	for (int again = 0; again < 2; again++) {
		for (int i = 0; i < 3; i++) {
			assert_true(log_gone_hash(l, name[i], place[i], known));
			assert_string_equal(known, hash[i]);
			assert_false(log_gone_hash(l, name[i], place[i] + 1, known));
			assert_false(log_gone_hash(l, "redis://d", place[i], known));
		}
		log_close(l);
		l = open_with(NULL, 2 << 20, 0);
	}
	log_set_cursor(l, name[0], 18);
	assert_false(log_gone_hash(l, name[0], 18, known));
	assert_false(log_gone_hash(l, name[0], 17, known));
	assert_true(log_gone_hash(l, name[1], 900, known));
	log_close(l);
}

#define LOG_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        LOG_TEST(folders_of_a_killed_process_are_synced),
	        LOG_TEST(the_file_of_a_killed_process_is_synced),
	        LOG_TEST(asking_takes_nothing),
	        LOG_TEST(hashes_of_places_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
