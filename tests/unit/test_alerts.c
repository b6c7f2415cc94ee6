/* test_alerts.c - from tellers to outputs: numbers, repeats, groups, first uses, losses; several threads. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/alerts.h"
#include "alerts/health.h"
#include "alerts/publish.h"
#include "alerts/record_read.h"
#include "alerts/repeat.h"
#include "base/log.h"
#include "config/settings_internal.h"
#include "tests/e2e/alert_source.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a run into a file, and what stands there afterwards -------------------------------------------------
 */

static struct alert_source source;
static char folder[] = "/tmp/leaktap-test-XXXXXX", path[64], spec[80];
static char *content;
static size_t content_len;

static struct alerts *start(bool replay, unsigned workers)
{
	static const char *outputs[1];
	struct alerts_options o = {
	        .outputs = outputs, .n_outputs = 1, .flows = true, .replay = replay, .workers = workers};
	struct err e = {.text = ""};
	struct alerts *a;
	char command[96];

	outputs[0] = spec;
	unlink(path);
	snprintf(command, sizeof(command), "rm -rf %s/fra1", folder); /* each test begins with an empty log */
	assert_int_equal(system(command), 0);
	a = alerts_start(&source.settings, &o, &e);
	if (!a)
		fail_msg("%s", e.text);
	return a;
}

static void tell(struct alerts *a, const struct event *ev)
{
	struct teller t = alerts_teller(a, 0);

	t.tell(t.arg, ev);
}

/* Stops, checks both equations and reads the file; returns the number of lines. */
static size_t finish(struct alerts *a, struct alerts_stats *s)
{
	FILE *f;
	struct stat st;
	size_t lines = 0;

	alerts_stop(a, 1000);
	alerts_stats(a, s);
	alerts_destroy(a);
	assert_int_equal(s->made_all,
	        s->made[EVENT_ALERT] + s->made[EVENT_FLOW] + s->made[EVENT_SENSOR] + s->made[RECORD_GAP]);
	assert_int_equal(s->made_all,
	        s->delivered + s->waiting + s->lost_queue + s->lost_log + s->lost_output + s->lost_stop);
	assert_int_equal(s->told, s->muted + s->passed + s->folded + s->lost_queue +
	                                  (s->made_all - s->lost_queue - s->updates - s->own));
	free(content);
	content = NULL;
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fstat(fileno(f), &st), 0);
	content_len = (size_t)st.st_size;
	content = malloc(content_len + 1);
	assert_non_null(content);
	assert_int_equal(fread(content, 1, content_len, f), content_len);
	content[content_len] = '\0';
	fclose(f);
	for (size_t i = 0; i < content_len; i++)
		lines += content[i] == '\n';
	assert_true(!content_len || content[content_len - 1] == '\n');
	return lines;
}

/* Line n (from 0) of the file. */
static struct record_value line_at(size_t n)
{
	const char *p = content;

	while (n--)
		p = strchr(p, '\n') + 1;
	return record_parse(p, strcspn(p, "\n"));
}

static const char *text(struct record_value r, const char *member)
{
	static char out[256];

	record_string(record_get(r, member), out, sizeof(out));
	return out;
}

static uint64_t number(struct record_value r, const char *member)
{
	return record_number(record_get(r, member));
}

static int begin(void **state)
{
	(void)state;
	alert_source_init(&source);
	return 0;
}

static void records_are_numbered(void **state)
{
	struct alerts_stats s;
	struct alerts *a = start(false, 1);
	struct event flow;
	struct stat st;

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		alert_source_number(&source, i, SOURCE_TIME);
		tell(a, &source.event);
		flow = alert_source_flow(&source);
		tell(a, &flow);
	}
	assert_int_equal(finish(a, &s), 20);
	assert_int_equal(s.made[EVENT_ALERT], 10);
	assert_int_equal(s.made[EVENT_FLOW], 10);
	assert_int_equal(s.by_kind[ALERT_PAYLOAD_SENSITIVE], 10);
	for (size_t i = 0; i < 20; i++) {
		char id[32];

		snprintf(id, sizeof(id), "fra1/%zu", i + 1);
		assert_string_equal(text(line_at(i), "id"), id);
		assert_string_equal(text(line_at(i), "type"), i % 2 ? "flow" : "alert");
		assert_int_equal(number(line_at(i), "ordinal"), i / 2 + 1);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void replay_has_its_own_name(void **state)
{
	struct alerts_stats s;
	struct alerts *a = start(true, 1);

	(void)state;
	tell(a, &source.event);
	assert_int_equal(finish(a, &s), 1);
	assert_string_equal(text(line_at(0), "sensor"), "fra1-replay");
}

static void repeats_become_updates(void **state)
{
	struct alerts_stats s;
	struct alerts *a = start(true, 1);
	static const unsigned at_s[] = {0, 10, 20, 59, 60, 61, 130};

	(void)state;
	source.event.repeat_key = 4711;
	for (size_t i = 0; i < 7; i++) {
		alert_source_number(&source, 1, SOURCE_TIME + at_s[i] * NS_PER_S);
		tell(a, &source.event);
	}
	alert_source_number(&source, 1, SOURCE_TIME + 131 * NS_PER_S);
	tell(a, &source.event);
	/* first; at 60 s four more; at 130 s two more; at the end one more */
	assert_int_equal(finish(a, &s), 4);
	assert_int_equal(s.folded, 7);
	assert_int_equal(s.updates, 3);
	assert_int_equal(record_get(line_at(0), "updates").type, RECORD_NONE);
	for (size_t i = 1; i < 4; i++)
		assert_string_equal(text(line_at(i), "updates"), "fra1-replay/1");
	assert_int_equal(number(line_at(1), "count"), 4);
	assert_int_equal(number(line_at(1), "total"), 5);
	assert_int_equal(number(line_at(2), "count"), 2);
	assert_int_equal(number(line_at(3), "count"), 1);
	assert_int_equal(number(line_at(3), "total"), 8);
	assert_string_equal(text(line_at(3), "time"), "2026-11-22T20:57:13.123456Z"); /* of the newest */
}

static void other_flows_are_grouped_within_the_window(void **state)
{
	struct alerts_stats s;
	struct alerts *a;

	(void)state;
	source.settings.alerts.group_window_s = 300;
	source.facts.group = 1;
	a = start(true, 1);
	for (unsigned i = 0; i < 10; i++) { /* 0 .. 270 s, other flows and sources of the group */
		source.event.repeat_key = 100 + i;
		alert_source_number(&source, i, SOURCE_TIME + i * 30 * NS_PER_S);
		tell(a, &source.event);
	}
	source.event.repeat_key = 200;
	alert_source_number(&source, 99, SOURCE_TIME + 300 * NS_PER_S); /* the window is over */
	tell(a, &source.event);
	finish(a, &s);
	assert_int_equal(s.folded, 9);
	assert_int_equal(s.made_all - s.updates, 2);
}

static void first_use_is_told_once_a_day(void **state)
{
	struct alerts_stats s;
	struct alerts *a = start(true, 1);

	(void)state;
	source.event.kind = ALERT_DESTINATION_TOLERATED;
	source.event.first_use_only = true;
	for (unsigned hour = 0; hour < 30; hour++) { /* from 20:55 on: three days are touched */
		alert_source_number(&source, hour, SOURCE_TIME + hour * 3600 * NS_PER_S);
		tell(a, &source.event);
	}
	assert_int_equal(finish(a, &s), 3);
	assert_int_equal(s.passed, 27);
}

static void muted_kinds_are_counted(void **state)
{
	struct alerts_stats s;
	struct alerts *a;

	(void)state;
	source.settings.alerts.muted[ALERT_PAYLOAD_SENSITIVE] = true;
	a = start(true, 1);
	tell(a, &source.event);
	source.event.kind = ALERT_POSTURE_TLS;
	tell(a, &source.event);
	assert_int_equal(finish(a, &s), 1);
	assert_int_equal(s.muted, 1);
}

/* ---- threads and loss ------------------------------------------------------------------------------------
 */

#define PRODUCERS 4
#define EACH      3000

struct producer {
	struct alert_source source;
	struct teller teller;
	pthread_t thread;
};

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (uint64_t i = 0; i < EACH; i++) {
		alert_source_number(&p->source, i, SOURCE_TIME + (int64_t)i);
		p->teller.tell(p->teller.arg, &p->source.event);
	}
	return NULL;
}

static void run_producers(struct alerts *a)
{
	static struct producer p[PRODUCERS];

	for (unsigned i = 0; i < PRODUCERS; i++) {
		alert_source_init(&p[i].source);
		p[i].source.flow.port[1] = (uint16_t)(1000 + i);
		p[i].teller = alerts_teller(a, i);
		assert_int_equal(pthread_create(&p[i].thread, NULL, produce, &p[i]), 0);
	}
	for (unsigned i = 0; i < PRODUCERS; i++)
		pthread_join(p[i].thread, NULL);
}

/* Ordinals that the file does not hold; those it holds must grow. */
static uint64_t missing_ordinals(uint64_t made)
{
	uint64_t last = 0, held = 0;

	for (const char *p = content; *p; p = strchr(p, '\n') + 1) {
		struct record_value r = record_parse(p, strcspn(p, "\n"));
		uint64_t n = number(r, "ordinal");

		if (strcmp(text(r, "type"), "alert"))
			continue;
		assert_true(n > last && n <= made);
		last = n;
		held++;
	}
	return made - held;
}

static void replay_loses_nothing(void **state)
{
	struct alerts_stats s;
	struct alerts *a;

	(void)state;
	source.settings.limits.queue = 16;
	a = start(true, PRODUCERS);
	run_producers(a);
	assert_int_equal(finish(a, &s), PRODUCERS * EACH);
	assert_int_equal(s.lost_queue, 0);
	assert_int_equal(missing_ordinals(s.made[EVENT_ALERT]), 0);
}

static void live_loses_what_does_not_fit_and_says_so(void **state)
{
	struct alerts_stats s;
	struct alerts *a;
	uint64_t told = 0;
	size_t lines;

	(void)state;
	source.settings.limits.queue = 16;
	a = start(false, PRODUCERS);
	run_producers(a);
	lines = finish(a, &s);
	assert_int_equal(s.told, PRODUCERS * EACH);
	assert_int_equal(s.made[EVENT_ALERT], PRODUCERS * EACH);
	assert_int_equal(missing_ordinals(s.made[EVENT_ALERT]), s.lost_queue);
	assert_int_equal(lines, s.delivered);
	for (const char *p = content; (p = strstr(p, "\"lost_alerts\":")); p++)
		told += strtoull(p + 14, NULL, 10);
	assert_int_equal(told, s.lost_queue);
}

static void full_disk_is_counted(void **state)
{
	static const char *const outputs[] = {"file:/dev/full"};
	struct alerts_options o = {.outputs = outputs, .n_outputs = 1, .workers = 1};
	struct alerts_stats s;
	struct err e = {.text = ""};
	struct alerts *a;

	(void)state;
	a = alerts_start(&source.settings, &o, &e);
	assert_non_null(a);
	for (int i = 0; i < 5; i++)
		tell(a, &source.event);
	alerts_stop(a, 100);
	alerts_stats(a, &s);
	alerts_destroy(a);
	assert_int_equal(s.delivered, 0);
	assert_int_equal(s.made_all, 5 + s.own);
	assert_true(s.lost_output >= 5); /* what tells of them may come after the output ended */
	assert_int_equal(s.lost_output + s.lost_stop, s.made_all);
}

/* An output that takes nothing, and a server that is away: what tells of losses is lost there as well, and
 * that is not told over and over while the sensor waits for the server. */
static void losses_are_not_told_in_circles(void **state)
{
	static const char *const outputs[] = {"file:/dev/full", "unix:///nonexistent/redis.sock"};
	struct alerts_options o = {.outputs = outputs, .n_outputs = 2, .workers = 1};
	struct alerts_stats s;
	struct err e = {.text = ""};
	struct alerts *a;

	(void)state;
	a = alerts_start(&source.settings, &o, &e);
	assert_non_null(a);
	for (int i = 0; i < 5; i++)
		tell(a, &source.event);
	alerts_stop(a, 1500);
	alerts_stats(a, &s);
	alerts_destroy(a);
	assert_in_range(s.own, 1, 3);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(s.made_all, s.outputs[i].waiting + s.outputs[i].lost_output);
}

/* Rules read again number groups by the order in which their file names them. */
static void rules_know_groups_by_name(void **state)
{
	static const char before[] = "networks: {groups: {support: [10.3.0.0/16]}}\n",
	                  after[] = "networks: {groups: {build: [10.9.0.0/16], support: [10.3.0.0/16]}}\n"
	                            "alerts: {suppress: [{id: quiet, reason: r, owner: o, until: 2099-01-01, "
	                            "sources: [%s]}]}\n";
	static const char *const outputs[] = {"file:/dev/null"};
	struct alerts_options o = {.outputs = outputs, .n_outputs = 1, .replay = true, .workers = 1};
	struct faults f;
	struct settings *s;

	(void)state;
	faults_init(&f);
	s = settings_parse("before", before, strlen(before), &f);
	assert_non_null(s);
	for (int support = 0; support < 2; support++) {
		struct facts facts = *source.event.facts;
		struct event ev = source.event;
		struct alerts_stats stats;
		struct settings *again;
		struct alerts *a;
		struct err e;
		char text[400];

		facts.group = networks_group_by_name(s->networks, "support");
		facts.client.known = false;
		ev.facts = &facts;
		snprintf(text, sizeof(text), after, support ? "support" : "build");
		again = settings_parse("after", text, strlen(text), &f);
		assert_non_null(again);
		a = alerts_start(s, &o, &e);
		assert_non_null(a);
		alerts_reload_rules(a, again);
		settings_drop(again);
		tell(a, &ev);
		alerts_stop(a, 1000);
		alerts_stats(a, &stats);
		alerts_destroy(a);
		assert_int_equal(stats.told, 1);
		assert_int_equal(stats.suppressed, support);
	}
	settings_drop(s);
	faults_clear(&f);
}

/* The state of a sensor whose server is away, in the run that made the records and in the next. */
static void what_waits_has_an_age(void **state)
{
	static struct alerts_state st;
	static const char *outputs[2] = {NULL, "unix:///nonexistent/redis.sock"};
	struct alerts_options o = {.outputs = outputs, .n_outputs = 2, .workers = 2};
	struct err e = {.text = ""};
	char command[96];

	(void)state;
	outputs[0] = spec;
	snprintf(command, sizeof(command), "rm -rf %s/fra1", folder);
	assert_int_equal(system(command), 0);
	for (unsigned run = 0; run < 2; run++) {
		struct alerts *a = alerts_start(&source.settings, &o, &e);

		assert_non_null(a);
		alerts_look(a);
		for (int i = 0; i < 3; i++)
			tell(a, &source.event);
		for (int i = 0; i < 500; i++) {
			usleep(10000);
			alerts_state(a, &st);
			if (st.log_last == 3 * (run + 1) && st.output[0].delivered == 3 &&
			        *st.output[1].trouble)
				break;
		}
		assert_int_equal(st.log_last, 3 * (run + 1));
		assert_int_equal(st.log_first, 1);
		assert_true(st.keeps_log && !st.log_failing && st.log_bytes > 0);
		assert_int_equal(st.log_untaken, 3 * (run + 1));
		assert_int_equal(st.n_queues, 3);
		assert_int_equal(st.queue[0].taken, 3);
		assert_int_equal(st.n_outputs, 2);
		assert_true(st.output[0].connected);
		assert_int_equal(st.output[0].waiting, 0);
		assert_int_equal(st.output[0].lag_ms, 0);
		assert_false(st.output[1].connected);
		assert_string_equal(st.output[1].trouble, "unreachable");
		assert_string_equal(st.output[1].name, outputs[1]);
		assert_int_equal(st.output[1].waiting, 3 * (run + 1));
		assert_int_equal(st.output[1].delivered, 0);
		usleep(300000); /* the age grows, and in the next run it is that of the first run's records */
		alerts_state(a, &st);
		assert_in_range(st.output[1].lag_ms, 300 * (run + 1), 60000);
		alerts_stop(a, 0);
		alerts_destroy(a);
	}
}

static atomic_bool hangs;

static int sync_that_hangs(int fd)
{
	while (atomic_load(&hangs))
		usleep(1000);
	return log_io_system.sync(fd);
}

/* A disk that does not answer: tellers, heartbeats and who asks how things are do not wait for it. */
static void a_disk_that_hangs_holds_up_nobody(void **state)
{
	static struct alerts_state st;
	static const char *outputs[1];
	struct log_io io = log_io_system;
	struct alerts_options o = {.outputs = outputs, .n_outputs = 1, .workers = 1, .io = &io};
	struct event beat = {.type = EVENT_SENSOR, .kind = ALERT_SENSOR_HEALTH, .summary = "running"};
	struct alerts_stats s;
	struct err e = {.text = ""};
	struct alerts *a;
	uint64_t taken, lost;

	(void)state;
	outputs[0] = spec;
	io.sync = sync_that_hangs;
	source.settings.limits.queue = 64;
	a = alerts_start(&source.settings, &o, &e);
	assert_non_null(a);
	atomic_store(&hangs, true);
	tell(a, &source.event);
	do {
		usleep(1000);
		alerts_state(a, &st);
	} while (st.queue[0].waiting); /* the writer took it, and hangs with it */
	taken = st.queue[0].taken;
	for (int i = 0; i < 100; i++)
		tell(a, &source.event);
	for (int i = 0; i < 3; i++)
		alerts_sensor(a, &beat);
	alerts_state(a, &st);
	assert_int_equal(st.queue[0].taken, taken);
	assert_int_equal(st.queue[0].waiting, 64);
	assert_int_equal(st.queue[0].limit, 64);
	assert_int_equal(st.queue[0].fullness, 1000);
	assert_int_equal(st.queue[0].lost, 36);
	assert_int_equal(st.queue[1].waiting, 3);
	lost = st.queue[0].lost;
	atomic_store(&hangs, false);
	for (int i = 0; i < 5000 && st.queue[0].waiting + st.queue[1].waiting; i++) {
		usleep(1000);
		alerts_state(a, &st);
	}
	assert_int_equal(st.queue[0].waiting + st.queue[1].waiting, 0);
	alerts_state(a, &st); /* a new interval: nothing was full in it */
	assert_int_equal(st.queue[0].fullness + st.queue[1].fullness, 0);
	alerts_stop(a, 1000);
	alerts_stats(a, &s);
	assert_int_equal(s.lost_queue, lost);
	assert_int_equal(s.made_all, s.delivered + s.lost_queue);
	assert_int_equal(s.by_kind[ALERT_SENSOR_HEALTH], 3);
	alerts_destroy(a);
}

static void bad_outputs_are_errors(void **state)
{
	static const char *const bad[] = {"file:/nonexistent/dir/file", "file:", "redis://",
	        "ftp://u:sesame@h", "", "redis+sentinal://u:sesame@h/m"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct alerts_options o = {.outputs = &bad[i], .n_outputs = 1, .workers = 1};
		struct err e = {.text = ""};

		assert_null(alerts_start(&source.settings, &o, &e));
		assert_true(e.text[0]);
		assert_null(strstr(e.text, "sesame"));
		if (!strncmp(bad[i], "redis+", 6))
			assert_non_null(strstr(e.text, "redis+sentinel://")); /* what it should have been */
	}
}

/* ---- repeats, alone --------------------------------------------------------------------------------------
 */

struct told {
	uint64_t n, updates, counted;
};

static uint64_t note(
        void *arg, const struct record_head *h, const char *tail, size_t len, const struct repeat_update *u)
{
	struct told *t = arg;

	(void)h;
	assert_int_equal(len, 4);
	assert_memory_equal(tail, "tail", 4);
	t->updates += u != NULL;
	t->counted += u ? u->count : 0;
	return ++t->n;
}

static uint64_t lose_all(
        void *arg, const struct record_head *h, const char *tail, size_t len, const struct repeat_update *u)
{
	(void)h, (void)tail, (void)len;
	assert_null(u);
	++*(unsigned *)arg;
	return 0;
}

/* What could not be written was told to nobody: the next one is no repeat of it, and a first use is still to
 * be told. */
static void what_was_lost_is_not_known(void **state)
{
	const struct repeat_limits l = {
	        .entries = 16, .bytes = 4000, .first_uses = 4, .repeat_s = 60, .group_window_s = 60};
	unsigned told = 0;
	struct repeats *r = repeats_create(&l, &(struct repeat_sink){.arg = &told, .tell = lose_all});

	(void)state;
	for (int i = 0; i < 3; i++) {
		const struct record_head known = {.repeat_key = 7, .group_key = 8}, first = {.first_key = 9};

		assert_int_equal(repeats_offer(r, &known, "tail", 4), REPEAT_TOLD);
		assert_int_equal(repeats_offer(r, &first, "tail", 4), REPEAT_TOLD);
	}
	repeats_flush(r);
	assert_int_equal(told, 6);
	repeats_destroy(r);
}

/* Packet times are what a capture says: from one end of the clock to the other nothing overflows. */
static void repeats_at_any_time(void **state)
{
	static const int64_t times[] = {INT64_MIN, INT64_MAX, 0, INT64_MIN, -1, INT64_MAX};
	const struct repeat_limits l = {
	        .entries = 16, .bytes = 4000, .first_uses = 4, .repeat_s = 60, .group_window_s = 600};
	struct told t = {0};
	struct repeats *r = repeats_create(&l, &(struct repeat_sink){.arg = &t, .tell = note});
	unsigned folded = 0;

	(void)state;
	assert_non_null(r);
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		struct record_head h = {.when_ns = times[i], .repeat_key = 1 + i % 2, .group_key = 7};

		folded += repeats_offer(r, &h, "tail", 4) == REPEAT_FOLDED;
		repeats_sweep(r, times[sizeof(times) / sizeof(*times) - 1 - i]);
	}
	repeats_flush(r);
	assert_int_equal(t.counted, folded);
	repeats_destroy(r);
}

/* A table far too small for the keys: every folded event still ends up in the count of one update. */
static void nothing_is_silently_folded(void **state)
{
	const struct repeat_limits l = {.entries = 16, .bytes = 40, .first_uses = 4, .repeat_s = 60};
	struct told t = {0};
	struct repeats *r = repeats_create(&l, &(struct repeat_sink){.arg = &t, .tell = note});
	uint64_t folded = 0, told = 0;
	uint32_t x = 1;

	(void)state;
	assert_non_null(r);
	for (int i = 0; i < 20000; i++) {
		struct record_head h = {.when_ns = i * NS_PER_S / 10};

		x = x * 1664525u + 1013904223u;
		h.repeat_key = 1 + (x >> 16) % ((x >> 8) % 8 ? 20 : 200);
		if (repeats_offer(r, &h, "tail", 4) == REPEAT_FOLDED)
			folded++;
		else
			told++;
		if (i % 1000 == 0)
			repeats_sweep(r, h.when_ns);
	}
	repeats_flush(r);
	assert_true(folded > 1000 && told > 1000);
	assert_int_equal(t.counted, folded);
	assert_int_equal(t.n - t.updates, told);
	repeats_destroy(r);
}

/* ---- the server's texts ----------------------------------------------------------------------------------
 */

static void errors_have_their_class(void **state)
{
	static const struct {
		const char *text;
		enum resp_class class;
	} texts[] = {
	        {"OOM command not allowed when used memory > 'maxmemory'.", RESP_WAIT},
	        {"LOADING Redis is loading the dataset in memory", RESP_WAIT},
	        {"MISCONF Errors writing to the AOF file: No space left on device", RESP_WAIT},
	        {"READONLY You can't write against a read only replica.", RESP_MOVE},
	        {"ERR max number of clients reached", RESP_MOVE},
	        {"WRONGPASS invalid username-password pair or user is disabled.", RESP_PERSON},
	        {"NOPERM this user has no permissions to run the 'multi' command", RESP_PERSON},
	        {"WRONGTYPE Operation against a key holding the wrong kind of value", RESP_PERSON},
	        {"ERR The ID specified in XADD is equal or smaller than the target stream top item", RESP_ID},
	        {"EXECABORT Transaction discarded because of previous errors.", RESP_MOVE},
	        {"", RESP_MOVE},
	};
	struct stream_id id;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(resp_class_of(texts[i].text), texts[i].class);
	assert_true(stream_id_parse("18446744073709551615-0", 22, &id));
	assert_true(id.ms == UINT64_MAX && id.seq == 0);
	assert_false(stream_id_parse("18446744073709551616-0", 22, &id));
	assert_false(stream_id_parse("1-", 2, &id));
	assert_false(stream_id_parse("-1", 2, &id));
	assert_false(stream_id_parse("12", 2, &id));
	assert_false(stream_id_parse("1-2x", 4, &id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup(records_are_numbered, begin),
	        cmocka_unit_test_setup(replay_has_its_own_name, begin),
	        cmocka_unit_test_setup(repeats_become_updates, begin),
	        cmocka_unit_test_setup(other_flows_are_grouped_within_the_window, begin),
	        cmocka_unit_test_setup(first_use_is_told_once_a_day, begin),
	        cmocka_unit_test_setup(muted_kinds_are_counted, begin),
	        cmocka_unit_test_setup(replay_loses_nothing, begin),
	        cmocka_unit_test_setup(live_loses_what_does_not_fit_and_says_so, begin),
	        cmocka_unit_test_setup(full_disk_is_counted, begin),
	        cmocka_unit_test_setup(losses_are_not_told_in_circles, begin),
	        cmocka_unit_test_setup(rules_know_groups_by_name, begin),
	        cmocka_unit_test_setup(what_waits_has_an_age, begin),
	        cmocka_unit_test_setup(a_disk_that_hangs_holds_up_nobody, begin),
	        cmocka_unit_test_setup(bad_outputs_are_errors, begin),
	        cmocka_unit_test(what_was_lost_is_not_known),
	        cmocka_unit_test(nothing_is_silently_folded),
	        cmocka_unit_test(repeats_at_any_time),
	        cmocka_unit_test(errors_have_their_class),
	};
	int failed;

	signal(SIGPIPE, SIG_IGN);
	log_quiet(1);
	if (!mkdtemp(folder))
		return 1;
	setenv("STATE_DIRECTORY", folder, 1); /* of the logs of live sensors */
	snprintf(path, sizeof(path), "%s/out", folder);
	snprintf(spec, sizeof(spec), "file:%s", path);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(spec, sizeof(spec), "rm -rf %s", folder);
	failed += system(spec) != 0;
	free(content);
	return failed;
}
