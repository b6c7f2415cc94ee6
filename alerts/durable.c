/* durable.c - see durable.h. */
#include "alerts/durable.h"

#include "alerts/beside.h"
#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EVERY_NS (200 * NS_PER_MS)
#define WRITE_NS NS_PER_S /* between two that write the mark into the head */
#define PLACES   (sizeof(((struct durable *)NULL)->at) / sizeof(((struct durable *)NULL)->at[0]))

void durable_init(struct durable *d, struct publisher *p, unsigned replicas)
{
	*d = (struct durable){.p = p, .replicas = replicas};
}

static uint64_t mark(const struct durable *d)
{
	return count_get(&d->p->out->durable);
}

bool durable_due(const struct durable *d)
{
	uint64_t cursor = atomic_load(&d->p->cursor);

	return d->replicas && clock_mono_ns() >= d->due_ns && (cursor > mark(d) || mark(d) != d->written);
}

void durable_anew(struct durable *d)
{
	uint64_t cursor = atomic_load(&d->p->cursor);

	d->n = 0;
	d->written = 0;
	if (mark(d) > cursor)
		atomic_store(&d->p->out->durable, cursor);
}

bool durable_read_role(const redisReply *r, uint64_t *master)
{
	return reply_is_array(r, 3) && reply_is_string(r->element[0]) &&
	       !strcmp(r->element[0]->str, "master") && reply_number(r->element[1], master);
}

unsigned durable_read_replicas(const redisReply *r, uint64_t offset)
{
	const redisReply *all = reply_is_array(r, 3) ? r->element[2] : NULL;
	unsigned n = 0;

	for (size_t i = 0; all && reply_is_array(all, i + 1); i++) {
		const redisReply *one = all->element[i]; /* address, port, offset */
		uint64_t acknowledged;

		if (reply_is_array(one, 3) && reply_number(one->element[2], &acknowledged) &&
		        acknowledged >= offset)
			n++;
	}
	return n;
}

/* When many wait for their replicas, the newest place moves on, so that the oldest can be reached. */
static void add_place(struct durable *d, uint64_t index, uint64_t offset)
{
	if (!index || index <= mark(d) || (d->n && d->at[d->n - 1].index >= index))
		return;
	if (d->n == PLACES)
		d->n--;
	d->at[d->n].index = index;
	d->at[d->n].offset = offset;
	d->n++;
}

static void reach(struct durable *d, const redisReply *role)
{
	size_t done = 0;

	while (done < d->n && durable_read_replicas(role, d->at[done].offset) >= d->replicas)
		done++;
	if (!done)
		return;
	atomic_store(&d->p->out->durable, d->at[done - 1].index);
	d->n -= done;
	memmove(d->at, d->at + done, d->n * sizeof(*d->at));
}

static enum resp_class write_mark(struct durable *d, int64_t now, struct err *e)
{
	char text[24];
	const struct beside set = {{"HSET", d->p->key_head, "durable", text, NULL}};
	redisReply *reply = NULL;
	enum resp_class class;

	if (mark(d) == d->written || now - d->written_ns < WRITE_NS)
		return RESP_OK;
	d->written_ns = now;
	snprintf(text, sizeof(text), "%" PRIu64, mark(d));
	class = beside_transact(d->p, &set, 1, &reply, e);
	if (class == RESP_OK && reply && !reply_is_error(reply))
		d->written = mark(d);
	beside_free(&reply, 1);
	return class;
}

enum resp_class durable_run(struct durable *d, struct err *e)
{
	static const struct beside role = {{"ROLE", NULL}};
	int64_t now = clock_mono_ns();
	redisReply *reply = NULL;
	uint64_t offset;
	enum resp_class class = beside_ask(d->p, &role, 1, &reply, e);

	d->due_ns = now + EVERY_NS;
	if (class != RESP_OK)
		return class;
	if (durable_read_role(reply, &offset)) {
		add_place(d, atomic_load(&d->p->cursor), offset);
		reach(d, reply);
	}
	beside_free(&reply, 1);
	return d->p->head_id[0] ? write_mark(d, now, e) : RESP_OK;
}
