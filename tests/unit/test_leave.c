/* test_leave.c - the program ends while the thread of a Redis output hangs: in a disk that does not answer,
 * or in a look-up of a name.  What it still looks at must be there when it wakes up, and go when it ends. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/alerts.h"
#include "tests/e2e/alert_source.h"

#include <dirent.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct alert_source source;
static char folder[64], spec[128], path[100];
static atomic_bool hang, hangs;

static void stay(void)
{
	const struct timespec t = {.tv_nsec = 1000000};

	while (atomic_load(&hang)) {
		atomic_store(&hangs, true);
		nanosleep(&t, NULL);
	}
}

/* The disk, for the thread that delivers. */
static ssize_t slow_read(int fd, void *p, size_t n, off_t at)
{
	char name[16] = "";

	pthread_getname_np(pthread_self(), name, sizeof(name));
	if (!strcmp(name, "leaktap-redis"))
		stay();
	return log_io_system.read_at(fd, p, n, at);
}

/* The resolver. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)out;
	stay();
	return EAI_AGAIN;
}

/* The answer of an empty server that knows no key. */
static void answer(const char *command, char *out, size_t cap)
{
	static const struct {
		const char *command, *reply;
	} replies[] = {{"ROLE", "*1\r\n$6\r\nmaster\r\n"}, {"HGET", "$-1\r\n"}, {"HGETALL", "*0\r\n"},
	        {"XINFO", "-ERR no such key\r\n"}, {"SADD", ":1\r\n"}};
	static bool multi;
	static unsigned queued;
	size_t len;

	if (!strcmp(command, "EXEC")) {
		len = (size_t)snprintf(out, cap, "*%u\r\n", queued);
		while (queued--)
			len += (size_t)snprintf(out + len, cap - len, "-ERR no such key\r\n");
		multi = false;
		return;
	}
	snprintf(out, cap, multi ? "+QUEUED\r\n" : "+OK\r\n");
	queued += multi;
	if (!strcmp(command, "MULTI")) {
		multi = true;
		queued = 0;
	}
	for (size_t i = 0; !multi && i < sizeof(replies) / sizeof(*replies); i++)
		if (!strcmp(command, replies[i].command))
			snprintf(out, cap, "%s", replies[i].reply);
}

static void *serve(void *arg)
{
	int listener = *(int *)arg, fd = accept(listener, NULL, NULL);
	char text[8192], out[1024];
	ssize_t n;

	while (fd >= 0 && (n = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		for (char *word = strtok(text, "\r\n"); word; word = strtok(NULL, "\r\n")) {
			if (*word != '*' || !strtok(NULL, "\r\n") || !(word = strtok(NULL, "\r\n")))
				continue;
			answer(word, out, sizeof(out));
			send(fd, out, strlen(out), MSG_NOSIGNAL);
		}
	}
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* Ours have names; a sanitizer has some of its own. */
static size_t threads(void)
{
	DIR *d = opendir("/proc/self/task");
	const struct dirent *entry;
	size_t n = 0;

	assert_non_null(d);
	while ((entry = readdir(d))) {
		char file[300], name[32] = "";
		FILE *f;

		snprintf(file, sizeof(file), "/proc/self/task/%s/comm", entry->d_name);
		f = fopen(file, "r");
		if (f && fgets(name, sizeof(name), f))
			n += !strncmp(name, "leaktap-", 8);
		if (f)
			fclose(f);
	}
	closedir(d);
	return n;
}

/* Until that comes true, at most 10 s. */
static bool comes(bool (*true_now)(size_t), size_t arg)
{
	const struct timespec t = {.tv_nsec = 5000000};

	for (int i = 0; i < 2000; i++) {
		if (true_now(arg))
			return true;
		nanosleep(&t, NULL);
	}
	return false;
}

static bool it_hangs(size_t unused)
{
	(void)unused;
	return atomic_load(&hangs);
}

static bool no_more_threads(size_t unused)
{
	(void)unused;
	return !threads();
}

static void leave(const char *output)
{
	struct log_io io = log_io_system;
	const char *const outputs[] = {output};
	struct alerts_options o = {.outputs = outputs, .n_outputs = 1, .workers = 1, .io = &io};
	struct alerts_stats s;
	struct err e = {.text = ""};
	struct alerts *a;
	struct teller t;

	io.read_at = slow_read;
	source.settings.evidence.directory = folder;
	atomic_store(&hang, true);
	atomic_store(&hangs, false);
	a = alerts_start(&source.settings, &o, &e);
	if (!a)
		fail_msg("%s", e.text);
	t = alerts_teller(a, 0);
	t.tell(t.arg, &source.event);
	assert_true(comes(it_hangs, 0));
	assert_true(threads() > 0);
	alerts_stop(a, 0);
	alerts_stats(a, &s);
	assert_int_equal(s.waiting, 1);
	alerts_destroy(a);
	/* the log is free for another run, while that thread still hangs */
	a = alerts_start(&source.settings, &(struct alerts_options){.workers = 1}, &e);
	if (!a)
		fail_msg("%s", e.text);
	alerts_destroy(a);
	atomic_store(&hang, false);
	assert_true(comes(no_more_threads, 0));
}

static int begin(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/leaktap-leave-XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int end(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void in_the_disk(void **state)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pthread_t server;

	(void)state;
	snprintf(path, sizeof(path), "%s/s", folder);
	snprintf(spec, sizeof(spec), "unix://%s", path);
	memcpy(a.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(pthread_create(&server, NULL, serve, &listener), 0);
	leave(spec);
	pthread_join(server, NULL);
	close(listener);
}

static void in_the_resolver(void **state)
{
	(void)state;
	leave("redis://name.invalid");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test_setup_teardown(in_the_disk, begin, end),
	        cmocka_unit_test_setup_teardown(in_the_resolver, begin, end),
	};

	alert_source_init(&source); /* once: a thread may hold its settings up to its end */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
