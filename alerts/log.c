/* log.c - see log.h: opening, committing, rotating.
 *
 * A commit is one pwrite(2) at the end of the newest segment and one fdatasync(2).  When either fails nothing
 * of it counts: the file is cut back to its durable end.  After a failed sync the kernel may have dropped the
 * pages and call the next sync a success, so that file is given up and the same lines go into a new segment.
 */
#include "alerts/log_internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define MS_PER_HOUR     3600000
#define SEGMENT_PART    8 /* a segment is at most this part of the whole */
#define SEGMENT_MIN     (256u << 10)
#define FOLDER_MODE     0700 /* records name people */
#define FILE_MODE       0600
#define HOLDER_TEXT_MAX 128

const char *log_path(const struct log *l)
{
	return l->path;
}

bool log_failing(const struct log *l)
{
	return atomic_load(&l->failing);
}

int64_t log_failing_ns(const struct log *l)
{
	return log_failing(l) ? clock_mono_ns() - atomic_load(&l->failed_ns) : 0;
}

uint64_t log_last(const struct log *l)
{
	return atomic_load(&l->last);
}

uint64_t log_bytes(const struct log *l)
{
	return atomic_load(&l->total);
}

uint64_t log_first(const struct log *l)
{
	struct log *m = (struct log *)l;
	uint64_t first;

	pthread_mutex_lock(&m->lock);
	first = l->n_segments ? l->segment[0].first : log_last(l) + 1;
	pthread_mutex_unlock(&m->lock);
	return first;
}

bool log_claim(struct log *l, _Atomic uint64_t *claimed, uint64_t first, uint64_t last)
{
	bool there;

	pthread_mutex_lock(&l->lock);
	there = l->n_segments && l->segment[0].first <= first;
	if (there)
		atomic_store(claimed, last);
	pthread_mutex_unlock(&l->lock);
	return there;
}

uint64_t log_unclaim(struct log *l, _Atomic uint64_t *claimed, uint64_t last)
{
	uint64_t first;

	pthread_mutex_lock(&l->lock);
	atomic_store(claimed, last);
	first = l->n_segments ? l->segment[0].first : 1;
	pthread_mutex_unlock(&l->lock);
	return first;
}

int log_watch(struct log *l, int eventfd)
{
	int ret = -1;

	pthread_mutex_lock(&l->lock);
	if (l->n_watchers < LOG_WATCHERS_MAX) {
		l->watcher[l->n_watchers++] = eventfd;
		ret = 0;
	}
	pthread_mutex_unlock(&l->lock);
	return ret;
}

void log_unwatch(struct log *l, int eventfd)
{
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->n_watchers; i++)
		if (l->watcher[i] == eventfd)
			l->watcher[i--] = l->watcher[--l->n_watchers];
	pthread_mutex_unlock(&l->lock);
}

bool log_add_segment(struct log *l, const struct log_segment *s)
{
	if (l->n_segments == l->cap_segments) {
		size_t cap = l->cap_segments ? l->cap_segments * 2 : 64;
		struct log_segment *more = realloc(l->segment, cap * sizeof(*more));

		if (!more)
			return false;
		l->segment = more;
		l->cap_segments = cap;
	}
	l->segment[l->n_segments++] = *s;
	return true;
}

bool log_look(struct log *l, uint64_t index, struct log_view *v)
{
	size_t low = 0, high;

	pthread_mutex_lock(&l->lock);
	high = l->n_segments;
	while (high - low > 1) { /* the last one whose first is not above index */
		size_t mid = low + (high - low) / 2;

		*(l->segment[mid].first <= index ? &low : &high) = mid;
	}
	if (l->n_segments) {
		v->segment = l->segment[low];
		v->newest = low + 1 == l->n_segments;
		v->limit = v->newest ? UINT64_MAX : l->segment[low + 1].first;
		v->last = log_last(l);
	}
	pthread_mutex_unlock(&l->lock);
	return high > 0;
}

/* ---- a new segment ---------------------------------------------------------------------------------------
 */

/* rec/2026/11/22/19-00000000000000087321.jsonl */
const char *log_segment_path(const struct log_segment *s, char buf[LOG_PATH_MAX])
{
	char day[TIME_TEXT_MAX];

	time_format_day((int32_t)(s->hour / 24), day);
	snprintf(buf, LOG_PATH_MAX, "rec/%.4s/%.2s/%.2s/%02d-%020" PRIu64 ".jsonl", day, day + 5, day + 8,
	        (int)(s->hour % 24), s->first);
	return buf;
}

static int sync_folder(struct log *l, const char *path)
{
	int fd = l->io->open_at(l->dir, path, O_RDONLY | O_DIRECTORY, 0), ret;

	if (fd < 0)
		return -1;
	ret = l->io->sync(fd);
	close(fd);
	return ret;
}

/* Every folder on the way to the file; a new one is made durable by a sync of the one that holds it. */
static int make_folders(struct log *l, const char *path)
{
	char part[LOG_PATH_MAX], holder[LOG_PATH_MAX] = ".";

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		int made;

		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		made = l->io->mkdir_at(l->dir, part, FOLDER_MODE);
		if (made < 0 && errno != EEXIST)
			return -1;
		/* one that was there may be of a process that was killed before it made it durable */
		if ((!made || !l->settled) && sync_folder(l, holder) < 0) {
			int error = errno;

			/* the next try makes it again, and its entry durable */
			if (!made)
				l->io->unlink_at(l->dir, part, AT_REMOVEDIR);
			errno = error;
			return -1;
		}
		memcpy(holder, part, sizeof(holder));
	}
	return 0;
}

/* What a failed commit may have left behind the durable end.  When it cannot be cut it stays, and is void:
 * the segment that comes next begins with the same index. */
static void cut_leftover(struct log *l)
{
	const struct log_segment *s = l->n_segments ? &l->segment[l->n_segments - 1] : NULL;
	char path[LOG_PATH_MAX];
	int fd = s && l->poisoned ? l->io->open_at(l->dir, log_segment_path(s, path), O_WRONLY, 0) : -1;

	if (fd < 0)
		return;
	if (l->io->truncate(fd, (off_t)s->size) < 0 || l->io->sync(fd) < 0)
		log_warn("log %s/%s: its end is not valid and cannot be cut: %s", l->path, path,
		        strerror(errno));
	close(fd);
}

/* The newest segment holds nothing durable: it makes room for one that may have the same name. */
static void take_away_empty(struct log *l)
{
	char path[LOG_PATH_MAX];
	struct log_segment *s;

	pthread_mutex_lock(&l->lock);
	s = l->n_segments ? &l->segment[l->n_segments - 1] : NULL;
	if (s && !s->size) {
		l->io->unlink_at(l->dir, log_segment_path(s, path), 0);
		l->n_segments--;
	}
	pthread_mutex_unlock(&l->lock);
}

/* A file of that name is left of a try that failed and could not be taken away then: no segment of ours
 * begins with an index that is not durable yet. */
static int create_segment(struct log *l, const char *path)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL;
	int fd = l->io->open_at(l->dir, path, flags, FILE_MODE);

	if (fd < 0 && errno == EEXIST && !l->io->unlink_at(l->dir, path, 0))
		fd = l->io->open_at(l->dir, path, flags, FILE_MODE);
	return fd;
}

static int new_segment(struct log *l, uint64_t first, int64_t hour)
{
	struct log_segment s = {.first = first, .hour = hour};
	char path[LOG_PATH_MAX], *name;
	bool added;
	int fd;

	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	take_away_empty(l);
	log_segment_path(&s, path);
	if (make_folders(l, path) < 0)
		return -1;
	fd = create_segment(l, path);
	if (fd < 0)
		return -1;
	name = strrchr(path, '/');
	*name = '\0';
	if (sync_folder(l, path) < 0) {
		*name = '/';
		l->io->unlink_at(l->dir, path, 0);
		close(fd);
		return -1;
	}
	cut_leftover(l);
	pthread_mutex_lock(&l->lock);
	added = log_add_segment(l, &s);
	l->changed = true; /* the numbers at this place save a long look at the next start */
	pthread_mutex_unlock(&l->lock);
	if (!added) {
		close(fd);
		errno = ENOMEM;
		return -1;
	}
	l->fd = fd;
	l->poisoned = false;
	l->settled = true;
	return 0;
}

/* ---- committing ------------------------------------------------------------------------------------------
 */

static int write_all(struct log *l, const char *p, size_t n, uint64_t at)
{
	for (size_t done = 0; done < n;) {
		ssize_t w = l->io->write_at(l->fd, p + done, n - done, (off_t)(at + done));

		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0) {
			errno = w ? errno : ENOSPC;
			return -1;
		}
		done += (size_t)w;
	}
	return 0;
}

static int sync_segment(struct log *l)
{
	if (!l->io->sync(l->fd))
		return 0;
	l->poisoned = true;
	return -1;
}

static int fail(struct log *l)
{
	int error = errno;

	if (!log_failing(l)) {
		atomic_store(&l->failed_ns, clock_mono_ns());
		atomic_store(&l->failing, true);
		log_error("log %s: %s; what cannot wait in memory is lost until that ends", l->path,
		        strerror(error));
	}
	errno = error;
	return -1;
}

static void succeed(struct log *l)
{
	if (atomic_exchange(&l->failing, false))
		log_info("log %s: writing works again after %" PRId64 " s", l->path,
		        (int64_t)((clock_mono_ns() - l->failed_ns) / NS_PER_S));
}

static bool must_rotate(const struct log *l, const struct log_segment *s, int64_t hour, size_t len)
{
	return l->fd < 0 || l->poisoned || s->hour != hour || (s->size && s->size + len > l->segment_max);
}

static void ring(struct log *l)
{
	const uint64_t one = 1;

	for (size_t i = 0; i < l->n_watchers; i++)
		if (write(l->watcher[i], &one, sizeof(one)) < 0)
			continue; /* EAGAIN: it is ringing already */
}

static void note_numbers(struct log *l, const struct record_ref *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		l->ordinal[r[i].type] = r[i].ordinal;
	l->logged_ms = r[n - 1].logged_ms;
}

int log_commit(struct log *l, const struct record_ref *r, size_t n)
{
	size_t len = (size_t)(r[n - 1].line + r[n - 1].len + 1 - r[0].line);
	int64_t hour = r[0].logged_ms / MS_PER_HOUR;
	struct log_segment *s = l->n_segments ? &l->segment[l->n_segments - 1] : NULL;

	if (!s || must_rotate(l, s, hour, len)) {
		if (new_segment(l, r[0].index, hour) < 0)
			return fail(l);
		s = &l->segment[l->n_segments - 1];
	}
	if (write_all(l, r[0].line, len, s->size) < 0 || sync_segment(l) < 0) {
		int error = errno;

		/* where that fails too, what stays is void: the next segment begins with the same index */
		if (l->io->truncate(l->fd, (off_t)s->size) < 0)
			l->poisoned = true;
		errno = error;
		return fail(l);
	}
	note_numbers(l, r, n);
	pthread_mutex_lock(&l->lock);
	s->size += len;
	atomic_store(&l->total, l->total + len);
	atomic_store(&l->last, r[n - 1].index);
	ring(l);
	pthread_mutex_unlock(&l->lock);
	succeed(l);
	return 0;
}

/* ---- opening and closing ---------------------------------------------------------------------------------
 */

/* The folders above the log's own, of which it may have made two.  Only the first is surely ours to sync. */
static int sync_above(struct log *l, const char *directory)
{
	char above[PATH_MAX];
	int ret = 0;

	for (int i = 0; i < 2; i++) {
		int fd;

		snprintf(above, sizeof(above), "%s%s", directory, i ? "/.." : "");
		fd = l->io->open_at(AT_FDCWD, above, O_RDONLY | O_DIRECTORY, 0);
		if (fd < 0)
			continue; /* it may be entered and not read: somebody else made it */
		if (l->io->sync(fd) < 0 && !i)
			ret = -1;
		close(fd);
	}
	return ret;
}

static int open_folder(struct log *l, const struct log_options *o, struct err *e)
{
	snprintf(l->path, sizeof(l->path), "%s/%s", o->directory, o->name);
	if ((l->io->mkdir_at(AT_FDCWD, o->directory, FOLDER_MODE) < 0 && errno != EEXIST) ||
	        (l->io->mkdir_at(AT_FDCWD, l->path, FOLDER_MODE) < 0 && errno != EEXIST))
		return err_set(e, "log %s: %s", l->path,
		        errno == ENOENT ? "the folder above it does not exist; make it first"
		                        : strerror(errno));
	l->dir = l->io->open_at(AT_FDCWD, l->path, O_RDONLY | O_DIRECTORY, 0);
	if (l->dir < 0 || sync_above(l, o->directory) < 0)
		return err_set(e, "log %s: %s", l->path, strerror(errno));
	return 0;
}

/* A second lock beside that of flock(2), which can be asked for without being taken (log_holder()). */
static void hold_for_askers(int fd)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_SETLK, &all) < 0)
		log_warn("log: lock: %s; commands do not find this process", strerror(errno));
}

long log_holder(const char *path)
{
	static const char mark[] = "process ";
	struct flock all = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	char lock[PATH_MAX], text[HOLDER_TEXT_MAX] = "";
	long pid = 0;
	int fd;

	snprintf(lock, sizeof(lock), "%s/lock", path);
	fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (!fcntl(fd, F_OFD_GETLK, &all) && all.l_type != F_UNLCK &&
	        pread(fd, text, sizeof(text) - 1, 0) > 0 && !strncmp(text, mark, sizeof(mark) - 1))
		pid = strtol(text + sizeof(mark) - 1, NULL, 10);
	close(fd);
	return pid;
}

static int lock_it(struct log *l, struct log_found *f, struct err *e)
{
	char holder[HOLDER_TEXT_MAX] = "", since[TIME_TEXT_MAX];
	ssize_t n;

	l->lock_fd = l->io->open_at(l->dir, "lock", O_RDWR | O_CREAT, FILE_MODE);
	if (l->lock_fd < 0)
		return err_set(e, "log %s: lock: %s", l->path, strerror(errno));
	if (flock(l->lock_fd, LOCK_EX | LOCK_NB) < 0) {
		f->in_use = true;
		n = pread(l->lock_fd, holder, sizeof(holder) - 1, 0);
		holder[n > 0 ? n : 0] = '\0';
		holder[strcspn(holder, "\n")] = '\0';
		return err_set(e, "log %s is in use by %s; two sensors need two names (sensor.name)", l->path,
		        holder[0] ? holder : "another process");
	}
	hold_for_askers(l->lock_fd);
	n = snprintf(holder, sizeof(holder), "process %ld since %s\n", (long)getpid(),
	        time_format(clock_wall_ns(), since));
	if (ftruncate(l->lock_fd, 0) < 0 || pwrite(l->lock_fd, holder, (size_t)n, 0) != n)
		return 0; /* a full disk: only the name of the holder is missing */
	return 0;
}

/* A process that was killed may have made the file and not yet its entry durable, nor those of the folders.
 */
static int sync_way(struct log *l, const char *path)
{
	char part[LOG_PATH_MAX] = ".";
	const char *slash = path;

	while (!sync_folder(l, part)) {
		slash = strchr(slash + (slash != path), '/');
		if (!slash)
			return 0;
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
	}
	return -1;
}

static int open_newest(struct log *l, struct err *e)
{
	char path[LOG_PATH_MAX];

	if (!l->n_segments)
		return 0;
	log_segment_path(&l->segment[l->n_segments - 1], path);
	l->fd = l->io->open_at(l->dir, path, O_WRONLY, 0);
	return l->fd < 0 || sync_way(l, path) < 0
	               ? err_set(e, "log %s/%s: %s", l->path, path, strerror(errno))
	               : 0;
}

static int take_up(struct log *l, struct log_found *f, struct err *e)
{
	struct log_state st = {.there = false};

	if (log_list_segments(l, e) < 0)
		return -1;
	log_state_read(l, &st);
	if (log_recover(l, st.index, f, e) < 0 || open_newest(l, e) < 0)
		return -1;
	f->fresh = !st.there && !f->last;
	f->unclean = !f->fresh && (st.unclean || !st.there);
	f->shorter = st.index > f->last;
	f->logged_ms = l->logged_ms;
	memcpy(f->ordinal, l->ordinal, sizeof(f->ordinal));
	if (log_state_write(l, true) < 0)
		return err_set(e, "log %s: state: %s", l->path, strerror(errno));
	return 0;
}

struct log *log_open(const struct log_options *o, struct log_found *found, struct err *e)
{
	struct log *l = calloc(1, sizeof(*l));

	*found = (struct log_found){.fresh = false};
	if (!l) {
		err_set(e, "log: no memory");
		return NULL;
	}
	pthread_mutex_init(&l->lock, NULL);
	l->refs = 1;
	l->io = o->io ? o->io : &log_io_system;
	l->dir = l->lock_fd = l->fd = -1;
	l->max_bytes = o->max_bytes;
	l->retention_days = o->retention_days;
	l->segment_max = o->max_bytes / SEGMENT_PART;
	l->segment_max = l->segment_max > LOG_SEGMENT_MAX ? LOG_SEGMENT_MAX
	                 : l->segment_max < SEGMENT_MIN   ? SEGMENT_MIN
	                                                  : l->segment_max;
	snprintf(l->name, sizeof(l->name), "%s", o->name);
	if (open_folder(l, o, e) < 0 || lock_it(l, found, e) < 0 || take_up(l, found, e) < 0) {
		if (l->dir >= 0)
			close(l->dir);
		l->dir = -1; /* nothing is to be said in `state` */
		log_close(l);
		return NULL;
	}
	return l;
}

void log_close(struct log *l)
{
	if (!l)
		return;
	/* what could not be written is missing: the next start tells that */
	if (l->dir >= 0 && log_state_write(l, log_failing(l)) < 0)
		log_warn("log %s: state: %s", l->path, strerror(errno));
	if (l->fd >= 0)
		close(l->fd);
	if (l->lock_fd >= 0)
		close(l->lock_fd);
	log_drop(l);
}

struct log *log_hold(struct log *l)
{
	atomic_fetch_add(&l->refs, 1);
	return l;
}

void log_drop(struct log *l)
{
	if (!l || atomic_fetch_sub(&l->refs, 1) != 1)
		return;
	if (l->dir >= 0)
		close(l->dir);
	free(l->segment);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
