/* faults.h - for alert_source: a disk and a clock that a test breaks while the program runs, by writing into
 * files.  Neither the machine's disk nor its clock is touched.
 *
 *	disk	"write ENOSPC", "write half" (of the bytes), "sync EIO", "open EIO", ...; with "uncut"
 *		behind it the file cannot be cut, too; empty or missing: all is well
 *	clock	seconds that the wall clock is ahead (or, negative, behind)
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include "alerts/log_io.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *faults_disk, *faults_clock; /* paths, NULL: no faults */

/* The file's text, "" when it is not there. */
static inline void faults_read(const char *path, char *text, size_t cap)
{
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? 0 : read(fd, text, cap - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
}

/* Does this call fail now?  Sets errno. */
static inline bool faults_now(const char *call)
{
	char text[64];
	size_t n = strlen(call);

	faults_read(faults_disk, text, sizeof(text));
	if (strncmp(text, call, n) || text[n] != ' ')
		return false;
	errno = strstr(text, "ENOSPC") ? ENOSPC : EIO;
	return true;
}

static inline int faults_open(int dir, const char *path, int flags, mode_t mode)
{
	return (flags & O_CREAT) && faults_now("open") ? -1 : log_io_system.open_at(dir, path, flags, mode);
}

static inline ssize_t faults_write(int fd, const void *p, size_t n, off_t at)
{
	char text[64];

	if (!faults_now("write"))
		return log_io_system.write_at(fd, p, n, at);
	faults_read(faults_disk, text, sizeof(text));
	if (strstr(text, "half") && n > 1 && log_io_system.write_at(fd, p, n / 2, at) < 0)
		return -1;
	errno = ENOSPC;
	return -1;
}

static inline ssize_t faults_read_at(int fd, void *p, size_t n, off_t at)
{
	return faults_now("read") ? -1 : log_io_system.read_at(fd, p, n, at);
}

static inline int faults_sync(int fd)
{
	return faults_now("sync") ? -1 : log_io_system.sync(fd);
}

static inline int faults_truncate(int fd, off_t size)
{
	char text[64];

	faults_read(faults_disk, text, sizeof(text));
	if (strstr(text, "uncut") || faults_now("sync")) {
		errno = EIO;
		return -1;
	}
	return log_io_system.truncate(fd, size);
}

static inline int64_t faults_wall_ns(void)
{
	static _Atomic int64_t read_ns, ahead_s;
	int64_t now = clock_mono_ns();
	char text[64];

	if (now - atomic_load(&read_ns) > 20 * NS_PER_MS) {
		faults_read(faults_clock, text, sizeof(text));
		atomic_store(&ahead_s, strtoll(text, NULL, 10));
		atomic_store(&read_ns, now);
	}
	return clock_wall_ns() + atomic_load(&ahead_s) * NS_PER_S;
}

static inline struct log_io faults_io(void)
{
	struct log_io io = log_io_system;

	io.open_at = faults_open;
	io.write_at = faults_write;
	io.read_at = faults_read_at;
	io.sync = faults_sync;
	io.truncate = faults_truncate;
	return io;
}

#endif
