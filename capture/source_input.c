/* source_input.c - see source_internal.h: bytes from a file, a FIFO or stdin. */
#include "capture/source_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool input_is_stream(const char *path)
{
	struct stat st;

	if (!strcmp(path, "-"))
		return true;
	return !stat(path, &st) && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer where source_break() cannot reach. */
int input_open(struct input *in, const char *path, int wake, struct err *e)
{
	struct stat st;

	*in = (struct input){.wake = wake};
	if (!strcmp(path, "-"))
		in->fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	else
		in->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (in->fd < 0)
		return err_set(e, "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(in->fd, &st) < 0 || S_ISDIR(st.st_mode)) {
		input_close(in);
		return err_set(e, "%s: is a directory, not a capture file", path);
	}
	in->regular = S_ISREG(st.st_mode);
	if (in->regular)
		(void)posix_fadvise(in->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

void input_close(struct input *in)
{
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

/* Waits until there is something to read: 0, or -1 when the source was broken off. */
static int input_wait(const struct input *in)
{
	struct pollfd fds[2] = {{.fd = in->fd, .events = POLLIN}, {.fd = in->wake, .events = POLLIN}};

	while (poll(fds, 2, -1) < 0)
		if (errno != EINTR)
			return -1;
	if (fds[1].revents) {
		errno = ECANCELED;
		return -1;
	}
	return 0;
}

static ssize_t read_some(const struct input *in, void *buf, size_t n)
{
	ssize_t got;

	do {
		if (!in->regular && input_wait(in) < 0)
			return -1;
		got = read(in->fd, buf, n);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	return got;
}

int input_peek(struct input *in)
{
	while (in->magic_n < INPUT_MAGIC) {
		ssize_t got = read_some(in, in->magic + in->magic_n, INPUT_MAGIC - in->magic_n);

		if (got < 0)
			return -1;
		if (got == 0)
			break;
		in->magic_n += (size_t)got;
	}
	return (int)in->magic_n;
}

ssize_t input_read(void *input, void *buf, size_t n)
{
	struct input *in = input;
	size_t left = in->magic_n - in->magic_given;

	if (!left)
		return read_some(in, buf, n);
	if (n > left)
		n = left;
	memcpy(buf, in->magic + in->magic_given, n);
	in->magic_given += n;
	return (ssize_t)n;
}

static ssize_t stream_read(void *input, char *buf, size_t n)
{
	return input_read(input, buf, n);
}

FILE *input_stream(struct input *in)
{
	return fopencookie(in, "r", (cookie_io_functions_t){.read = stream_read});
}
