/* log_io.h - the system calls of the log, in one table: the one place where tests make a disk full or broken.
 * Each behaves as the call it is named after: -1 and errno. */
#ifndef ALERTS_LOG_IO_H
#define ALERTS_LOG_IO_H

#include <sys/stat.h>
#include <sys/types.h>

struct log_io {
	int (*open_at)(int dir, const char *path, int flags, mode_t mode);
	int (*mkdir_at)(int dir, const char *path, mode_t mode);
	ssize_t (*read_at)(int fd, void *p, size_t n, off_t at);
	ssize_t (*write_at)(int fd, const void *p, size_t n, off_t at);
	int (*truncate)(int fd, off_t size);
	int (*sync)(int fd); /* fdatasync; of a folder too */
	int (*rename_at)(int dir, const char *from, const char *to);
	int (*unlink_at)(int dir, const char *path, int flags);
};

extern const struct log_io log_io_system;

#endif
