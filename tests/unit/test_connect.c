/* test_connect.c - a name with several addresses, of which one answers nothing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "alerts/wire.h"
#include "base/clock.h"

#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HANGERS 8

static struct sockaddr_in address[2];

/* Of every name: two servers, in this order. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	static struct addrinfo info[2];

	(void)name;
	(void)service;
	(void)hints;
	for (int i = 0; i < 2; i++)
		info[i] = (struct addrinfo){.ai_family = AF_INET,
		        .ai_socktype = SOCK_STREAM,
		        .ai_addr = (struct sockaddr *)&address[i],
		        .ai_addrlen = sizeof(address[i]),
		        .ai_next = i ? NULL : &info[1]};
	*list = info;
	return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

static int server(struct sockaddr_in *at)
{
	socklen_t len = sizeof(*at);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(*at)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
	return fd;
}

static void the_first_is_silent(void **state)
{
	struct redis_url u = {.scheme = REDIS_TCP, .at = {"redis.example", "6379"}, .patience_ms = 1000};
	int silent = server(&address[0]), answers = server(&address[1]), hanger[HANGERS];
	struct err e = {.text = ""};
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);
	int64_t began;
	struct wire *w;

	(void)state;
	for (int i = 0; i < HANGERS; i++) { /* who comes behind them is not even refused */
		hanger[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(hanger[i], (struct sockaddr *)&address[0], sizeof(address[0]));
	}
	began = clock_mono_ns();
	w = wire_open(&u, NULL, -1, &e);
	if (!w)
		fail_msg("%s", e.text);
	assert_int_equal(getpeername(wire_fd(w), (struct sockaddr *)&peer, &len), 0);
	assert_int_equal(peer.sin_port, address[1].sin_port);
	assert_true(clock_mono_ns() - began >= 400 * NS_PER_MS);
	wire_close(w);
	for (int i = 0; i < HANGERS; i++)
		close(hanger[i]);
	close(silent);
	close(answers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(the_first_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
