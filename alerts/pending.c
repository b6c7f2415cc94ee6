/* pending.c - see pending.h.
 *
 *	first ......... settled ......... next
 *	  all done        some wait         (empty)
 *
 * Positions count for ever; the ring index is position mod capacity.  One lock, held for a few instructions
 * (pending_settle, after a reconnect, walks the whole ring). */
#include "alerts/pending.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pending {
	pthread_mutex_t lock;
	pthread_cond_t room; /* something became done */
	struct pending_item *item;
	uint64_t cap, first, settled, next;
	uint64_t waiting; /* not done */
	size_t bytes, bytes_max;
};

struct pending *pending_create(size_t records, size_t bytes)
{
	struct pending *p = calloc(1, sizeof(*p));
	pthread_condattr_t attr;

	if (!p)
		return NULL;
	p->cap = records ? records : 1;
	p->bytes_max = bytes > 2 * RECORD_LINE_MAX ? bytes : 2 * RECORD_LINE_MAX;
	p->item = calloc(p->cap, sizeof(*p->item));
	if (!p->item) {
		free(p);
		return NULL;
	}
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->room, &attr);
	pthread_condattr_destroy(&attr);
	pthread_mutex_init(&p->lock, NULL);
	return p;
}

static struct pending_item *at(struct pending *p, uint64_t pos)
{
	return &p->item[pos % p->cap];
}

void pending_destroy(struct pending *p)
{
	if (!p)
		return;
	for (; p->first < p->next; p->first++)
		free(at(p, p->first)->line);
	free(p->item);
	pthread_cond_destroy(&p->room);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void forget_oldest(struct pending *p)
{
	struct pending_item *it = at(p, p->first++);

	p->bytes -= it->len + 1;
	free(it->line);
	it->line = NULL;
}

static bool make_room(struct pending *p, const struct record_ref *r)
{
	if (r->head->type == EVENT_FLOW && p->waiting >= p->cap - p->cap / 4)
		return false;
	while (p->next - p->first == p->cap || p->bytes + r->len + 1 > p->bytes_max) {
		if (p->first == p->settled)
			return false;
		forget_oldest(p);
	}
	return true;
}

bool pending_push(struct pending *p, const struct record_ref *r)
{
	char *line = malloc(r->len + 1);
	bool taken;

	if (!line)
		return false;
	memcpy(line, r->line, r->len);
	line[r->len] = '\n';
	pthread_mutex_lock(&p->lock);
	taken = make_room(p, r);
	if (taken) {
		*at(p, p->next++) = (struct pending_item){.line = line,
		        .len = r->len,
		        .head = *r->head,
		        .index = r->index,
		        .ordinal = r->ordinal,
		        .logged_ms = r->logged_ms};
		p->bytes += r->len + 1;
		p->waiting++;
	}
	pthread_mutex_unlock(&p->lock);
	if (!taken)
		free(line);
	return taken;
}

static struct timespec moment(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

void pending_wait_room(struct pending *p, int64_t ns)
{
	struct timespec until = moment(clock_mono_ns() + ns);

	pthread_mutex_lock(&p->lock);
	pthread_cond_timedwait(&p->room, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
}

void pending_wait_empty(struct pending *p, int64_t deadline_ns)
{
	struct timespec until = moment(deadline_ns);

	pthread_mutex_lock(&p->lock);
	while (p->waiting && clock_mono_ns() < deadline_ns)
		pthread_cond_timedwait(&p->room, &p->lock, &until);
	pthread_mutex_unlock(&p->lock);
}

uint64_t pending_waiting(struct pending *p)
{
	uint64_t n;

	pthread_mutex_lock(&p->lock);
	n = p->waiting;
	pthread_mutex_unlock(&p->lock);
	return n;
}

bool pending_relaxed(struct pending *p)
{
	return pending_waiting(p) <= p->cap / 2;
}

size_t pending_batch(struct pending *p, struct pending_item **list, size_t most, size_t bytes)
{
	size_t n = 0, sum = 0;

	pthread_mutex_lock(&p->lock);
	for (uint64_t pos = p->settled; pos < p->next && n < most; pos++) {
		struct pending_item *it = at(p, pos);

		if (it->done)
			continue;
		sum += it->len;
		if (n && sum > bytes)
			break;
		list[n++] = it;
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}

static void move_settled(struct pending *p)
{
	while (p->settled < p->next && at(p, p->settled)->done)
		p->settled++;
	pthread_cond_broadcast(&p->room);
}

void pending_done(struct pending *p, struct pending_item *const *list, size_t n)
{
	pthread_mutex_lock(&p->lock);
	for (size_t i = 0; i < n; i++)
		list[i]->done = true;
	p->waiting -= n;
	move_settled(p);
	pthread_mutex_unlock(&p->lock);
}

void pending_settle(struct pending *p, bool (*has)(void *arg, const struct pending_item *it), void *arg,
        uint64_t *gained, uint64_t *back, uint64_t *kept)
{
	*gained = *back = *kept = 0;
	pthread_mutex_lock(&p->lock);
	for (uint64_t pos = p->first; pos < p->next; pos++) {
		struct pending_item *it = at(p, pos);
		bool done = it->id_ms && has ? has(arg, it) : it->done;

		*kept += it->done;
		*gained += done && !it->done;
		*back += !done && it->done;
		it->done = done;
	}
	p->waiting += *back;
	p->waiting -= *gained;
	if (*back)
		p->settled = p->first;
	move_settled(p);
	pthread_mutex_unlock(&p->lock);
}
