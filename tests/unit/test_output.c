/* test_output.c - what an output has to tell, and what is told when the log or a reader will not take it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/alerts.h"
#include "alerts/output.h"
#include "alerts/record_read.h"
#include "tests/e2e/alert_source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct alert_source source;
static char folder[64];

static int begin(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	alert_source_init(&source);
	strcpy(folder, "/tmp/leaktap-output-XXXXXX");
	source.settings.evidence.directory = folder;
	return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

/* ---- notes ---- */

static struct record_note gap(const char *reason, unsigned type, uint64_t first, uint64_t n)
{
	struct record_note note = {.type = RECORD_GAP, .reason = reason};

	snprintf(note.summary, sizeof(note.summary), "from %" PRIu64, first);
	record_note_count(&note, "lost_records", n);
	record_note_count(&note, "first_index", first);
	record_note_count(&note, "last_index", first + n - 1);
	record_note_count(&note, record_loss_name(type, 0), n);
	record_note_count(&note, record_loss_name(type, 1), first);
	record_note_count(&note, record_loss_name(type, 2), first + n - 1);
	return note;
}

static uint64_t value(const struct record_note *n, const char *name)
{
	for (size_t i = 0; i < n->n; i++)
		if (!strcmp(n->names[i], name))
			return n->values[i];
	fail_msg("%s has no %s", n->summary, name);
	return 0;
}

/* The log fails for long: whatever an output had to say of losses meanwhile, the sums are right. */
static void gaps_are_never_left_out(void **state)
{
	static const char *const reasons[] = {"retention", "server", "output", "log"};
	struct output o = {.n_notes = 0};
	uint64_t lost[4] = {0}, first[4] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}, last[4] = {0};
	uint64_t told[4] = {0}, alerts = 0, flows = 0, alarms = 0, readers = 0;
	struct record_note n;

	(void)state;
	output_init(&o, NULL, "x");
	for (uint64_t i = 1; i <= 200; i++) {
		struct record_note alarm = {.type = EVENT_SENSOR};
		unsigned k = (unsigned)(i * 7 % 4);

		if (i == 150) /* and many readers of a stream have lost something */
			for (unsigned g = 0; g < 20; g++) {
				n = gap("trimmed", EVENT_SENSOR, 1, 1);
				n.stream = "alerts";
				snprintf(n.group, sizeof(n.group), "group %u", g);
				output_note(&o, &n);
			}
		n = gap(reasons[k], i % 2 ? EVENT_ALERT : EVENT_FLOW, i * 1000, i);
		*(i % 2 ? &alerts : &flows) += i;
		lost[k] += i;
		first[k] = first[k] < i * 1000 ? first[k] : i * 1000;
		last[k] = i * 1000 + i - 1;
		output_note(&o, &n);
		output_note(&o, &alarm);
	}
	while (output_take_note(&o, &n)) {
		if (n.type != RECORD_GAP) {
			alarms++;
			continue;
		}
		readers += strcmp(n.reason, "trimmed") ? 0 : value(&n, "lost_sensor");
		for (unsigned k = 0; k < 4; k++)
			if (!strcmp(n.reason, reasons[k])) {
				told[k] += value(&n, "lost_records");
				assert_true(value(&n, "first_index") >= first[k]);
				assert_true(value(&n, "last_index") <= last[k]);
			}
		for (size_t i = 0; i < n.n; i++) {
			alerts -= strcmp(n.names[i], "lost_alerts") ? 0 : n.values[i];
			flows -= strcmp(n.names[i], "lost_flows") ? 0 : n.values[i];
		}
		if (n.more)
			assert_non_null(strstr(n.summary, "such notes; the counters are those of all)"));
	}
	for (unsigned k = 0; k < 4; k++)
		assert_int_equal(told[k], lost[k]);
	assert_true(!alerts && !flows);
	assert_int_equal(readers, 20);
	assert_in_range(alarms, 1, OUTPUT_NOTES); /* the newest of them */
	output_clear(&o);
}

/* ---- the whole side ---- */

static struct alerts *start(const struct log_io *io, const char *output, struct teller *t)
{
	const char *const outputs[] = {output};
	struct alerts_options o = {.outputs = outputs, .n_outputs = 1, .workers = 1, .io = io};
	struct err e = {.text = ""};
	struct alerts *a = alerts_start(&source.settings, &o, &e);

	if (!a)
		fail_msg("%s", e.text);
	*t = alerts_teller(a, 0);
	return a;
}

/* Lines of the log that hold these words; *line is the last of them. */
static size_t in_log(const char *words, char *line, size_t cap)
{
	char command[160];
	size_t n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "cat %s/fra1/rec/*/*/*/*.jsonl | grep -F '%s'", folder, words);
	f = popen(command, "r");
	assert_non_null(f);
	while (fgets(line, (int)cap, f))
		n++;
	pclose(f);
	return n;
}

/* The reader of a pipe has stopped to read: what it did not get when the sensor ends is told in the log. */
static void what_a_reader_did_not_take_is_told(void **state)
{
	char fifo[80], spec[90], line[4096];
	struct alerts_stats s;
	struct record_value r;
	struct teller t;
	struct alerts *a;
	uint64_t told;
	int fd;

	(void)state;
	snprintf(fifo, sizeof(fifo), "%s/fifo", folder);
	snprintf(spec, sizeof(spec), "file:%s", fifo);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDONLY | O_NONBLOCK);
	a = start(NULL, spec, &t);
	for (uint64_t i = 0; i < 1000; i++) {
		alert_source_number(&source, i, SOURCE_TIME);
		t.tell(t.arg, &source.event);
	}
	alerts_stop(a, 100);
	alerts_stats(a, &s);
	alerts_destroy(a);
	close(fd);
	assert_true(s.lost_stop > 500);
	told = 0;
	assert_true(in_log("\"reason\":\"output\"", line, sizeof(line)) >= 1);
	assert_int_equal(in_log("The sensor ended before", line, sizeof(line)), 1);
	r = record_parse(line, strcspn(line, "\n"));
	told = record_number(record_get(r, "counters.lost_records"));
	assert_int_equal(record_number(record_get(r, "counters.last_index")), 1000);
	assert_int_equal(record_number(record_get(r, "counters.first_index")), 1000 - told + 1);
	/* a batch that was being written is told by ordinals */
	if (in_log("records were lost at", line, sizeof(line))) {
		r = record_parse(line, strcspn(line, "\n"));
		told += record_number(record_get(r, "counters.lost_alerts"));
	}
	assert_int_equal(told + s.made_all - 1000, s.lost_stop); /* and what tells of it */
}

static atomic_bool broken;

static ssize_t bad_write(int fd, const void *p, size_t n, off_t at)
{
	if (!atomic_load(&broken))
		return log_io_system.write_at(fd, p, n, at);
	errno = ENOSPC;
	return -1;
}

static bool comes(struct alerts *a, uint64_t lost)
{
	const struct timespec t = {.tv_nsec = 5000000};
	struct alerts_stats s;

	for (int i = 0; i < 2000; i++) {
		alerts_stats(a, &s);
		if (s.lost_log >= lost)
			return true;
		nanosleep(&t, NULL);
	}
	return false;
}

/* An alert about volume that the log could not take: the next bytes are told instead. */
static void a_lost_volume_is_told_again(void **state)
{
	struct log_io io = log_io_system;
	struct event volume;
	struct teller t;
	struct alerts *a;
	char line[4096];

	(void)state;
	io.write_at = bad_write;
	source.settings.volume.flow = 1000;
	alert_source_brief(&source); /* 256 of them, and not 256 KiB, are a batch */
	a = start(&io, "file:/dev/null", &t);
	atomic_store(&broken, true);
	for (uint64_t i = 0; i < 400; i++) { /* one batch waits, the others are lost */
		alert_source_number(&source, i, SOURCE_TIME);
		t.tell(t.arg, &source.event);
	}
	volume = source.event;
	volume.type = EVENT_VOLUME;
	volume.summary = "Much";
	volume.request = NULL;
	volume.findings = NULL;
	volume.n_findings = 0;
	volume.bytes_out = 5000;
	t.tell(t.arg, &volume);
	assert_true(comes(a, 400 - 256 + 1));
	atomic_store(&broken, false);
	for (int i = 0; i < 200 && !in_log("\"kind\":\"volume.exceeded\"", line, sizeof(line)); i++) {
		volume.bytes_out = 1; /* until the writer has tried again */
		t.tell(t.arg, &volume);
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	}
	t.tell(t.arg, &volume); /* it was crossed once */
	alerts_stop(a, 5000);
	alerts_destroy(a);
	assert_int_equal(in_log("\"kind\":\"volume.exceeded\"", line, sizeof(line)), 1);
	assert_non_null(strstr(line, "4.9 KiB went out on this connection"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(gaps_are_never_left_out),
	        cmocka_unit_test_setup_teardown(what_a_reader_did_not_take_is_told, begin, end),
	        cmocka_unit_test_setup_teardown(a_lost_volume_is_told_again, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
