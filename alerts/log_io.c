/* log_io.c - see log_io.h: the real thing. */
#include "alerts/log_io.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	return openat(dir, path, flags | O_CLOEXEC | O_NOCTTY, mode);
}

static int rename_at(int dir, const char *from, const char *to)
{
	return renameat(dir, from, dir, to);
}

const struct log_io log_io_system = {
        .open_at = open_at,
        .mkdir_at = mkdirat,
        .read_at = pread,
        .write_at = pwrite,
        .truncate = ftruncate,
        .sync = fdatasync,
        .rename_at = rename_at,
        .unlink_at = unlinkat,
};
