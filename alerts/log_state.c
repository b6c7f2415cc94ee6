/* log_state.c - DIRECTORY/NAME/state: the numbers at one place of the log and how far each output is.
 *
 *	leaktap-log 1
 *	running yes
 *	index 4711
 *	logged 1795380902123
 *	ordinal alert 4000
 *	output 4690 redis://10.0.0.5:6379
 *	unmet 0 redis://10.0.0.6:6379
 *	hash 2204...8e3a redis://10.0.0.6:6379
 *
 * `hash` is of the record at an output's place, once the log has dropped that record.  The file may be older
 * than the segments (what stands behind `index` is then read) or missing (everything is read).  An output
 * that is further than its line says is found so by asking its server. */
#include "alerts/log_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STATE_MAX   (32u << 10)
#define HASH_LENGTH 64
#define STATE_MAGIC "leaktap-log 1"

/* ---- reading ---------------------------------------------------------------------------------------------
 */

/* The number at *p, and *p behind it and one space. */
static bool take_number(const char **p, uint64_t *v)
{
	size_t n = strspn(*p, "0123456789");

	if (!n || n > 19 || ((*p)[n] != ' ' && (*p)[n] != '\0'))
		return false;
	*v = 0;
	for (size_t i = 0; i < n; i++)
		*v = *v * 10 + (uint64_t)((*p)[i] - '0');
	*p += n + ((*p)[n] == ' ');
	return true;
}

static bool starts(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) || (*p)[n] != ' ')
		return false;
	*p += n + 1;
	return true;
}

static struct log_output *find_output(struct log *l, const char *output)
{
	for (size_t i = 0; i < l->n_outputs; i++)
		if (!strcmp(l->output[i].name, output))
			return &l->output[i];
	return NULL;
}

static void take_hash(struct log *l, const char *p)
{
	struct log_output *o = strspn(p, "0123456789abcdef") == HASH_LENGTH && p[HASH_LENGTH] == ' '
	                               ? find_output(l, p + HASH_LENGTH + 1)
	                               : NULL;

	if (o)
		snprintf(o->hash, sizeof(o->hash), "%.64s", p);
}

static void take_line(struct log *l, struct log_state *st, const char *p)
{
	bool unmet = !strncmp(p, "unmet ", 6);
	uint64_t v;

	if (starts(&p, "running")) {
		st->unclean = !strcmp(p, "yes");
	} else if (starts(&p, "index") && take_number(&p, &v)) {
		st->index = v;
	} else if (starts(&p, "logged") && take_number(&p, &v)) {
		l->logged_ms = (int64_t)v;
	} else if (starts(&p, "ordinal")) {
		unsigned t = record_type_by_name(p, strcspn(p, " "));

		p += strcspn(p, " ");
		p += *p == ' ';
		if (t < RECORD_TYPES && take_number(&p, &v))
			l->ordinal[t] = v;
	} else if (starts(&p, "hash")) {
		take_hash(l, p);
	} else if (starts(&p, unmet ? "unmet" : "output") && take_number(&p, &v) && *p &&
	           l->n_outputs < LOG_OUTPUTS_MAX) {
		struct log_output *o = &l->output[l->n_outputs++];

		snprintf(o->name, sizeof(o->name), "%s", p);
		o->index = v;
		o->unmet = unmet;
	}
}

void log_state_read(struct log *l, struct log_state *st)
{
	int fd = l->io->open_at(l->dir, "state", O_RDONLY, 0);
	char text[STATE_MAX];
	ssize_t n = fd < 0 ? -1 : l->io->read_at(fd, text, sizeof(text) - 1, 0);

	*st = (struct log_state){.there = false};
	if (fd >= 0)
		close(fd);
	if (n < 0)
		return;
	text[n] = '\0';
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		if (!st->there && strcmp(line, STATE_MAGIC))
			return; /* another version's, or damaged: everything is read */
		if (st->there)
			take_line(l, st, line);
		st->there = true;
	}
}

/* ---- writing ---------------------------------------------------------------------------------------------
 */

static size_t put_text(struct log *l, bool running, char *text, size_t cap)
{
	size_t n = (size_t)snprintf(text, cap,
	        STATE_MAGIC "\nrunning %s\nindex %" PRIu64 "\nlogged %" PRId64 "\n", running ? "yes" : "no",
	        log_last(l), l->logged_ms);

	for (unsigned t = 0; t < RECORD_TYPES; t++)
		if (l->ordinal[t])
			n += (size_t)snprintf(text + n, cap - n, "ordinal %s %" PRIu64 "\n",
			        record_type_name(t), l->ordinal[t]);
	for (size_t i = 0; i < l->n_outputs; i++) {
		const struct log_output *o = &l->output[i];

		n += (size_t)snprintf(text + n, cap - n, "%s %" PRIu64 " %s\n", o->unmet ? "unmet" : "output",
		        o->index, o->name);
		if (o->hash[0])
			n += (size_t)snprintf(text + n, cap - n, "hash %s %s\n", o->hash, o->name);
	}
	return n;
}

int log_state_write(struct log *l, bool running)
{
	int fd = l->io->open_at(l->dir, "state.new", O_WRONLY | O_CREAT | O_TRUNC, 0600), ret = 0;
	char text[STATE_MAX];
	size_t n;

	if (fd < 0)
		return -1;
	pthread_mutex_lock(&l->lock);
	n = put_text(l, running, text, sizeof(text));
	l->changed = false;
	pthread_mutex_unlock(&l->lock);
	if (l->io->write_at(fd, text, n, 0) != (ssize_t)n || l->io->sync(fd) < 0)
		ret = -1;
	close(fd);
	return ret < 0 ? -1 : l->io->rename_at(l->dir, "state.new", "state");
}

void log_save(struct log *l)
{
	bool changed;

	pthread_mutex_lock(&l->lock);
	changed = l->changed;
	pthread_mutex_unlock(&l->lock);
	if (!changed || !log_state_write(l, true))
		return;
	pthread_mutex_lock(&l->lock);
	l->changed = true; /* the next time; without it only the next start takes longer */
	pthread_mutex_unlock(&l->lock);
}

bool log_cursor(struct log *l, const char *output, uint64_t *index)
{
	bool known = false;

	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->n_outputs && !known; i++)
		if (!strcmp(l->output[i].name, output)) {
			*index = l->output[i].index;
			known = true;
		}
	pthread_mutex_unlock(&l->lock);
	return known;
}

/* When the list is full the first one makes room: most likely it is used no more. */
void log_set_cursor(struct log *l, const char *output, uint64_t index)
{
	size_t i = 0;

	pthread_mutex_lock(&l->lock);
	while (i < l->n_outputs && strcmp(l->output[i].name, output))
		i++;
	if (i == LOG_OUTPUTS_MAX) {
		memmove(l->output, l->output + 1, (LOG_OUTPUTS_MAX - 1) * sizeof(*l->output));
		l->n_outputs = --i;
	}
	if (i == l->n_outputs) {
		snprintf(l->output[i].name, sizeof(l->output[i].name), "%s", output);
		l->output[i].index = ~index;
		l->output[i].unmet = false;
		l->n_outputs++;
	}
	if (l->output[i].index != index) {
		l->changed = true;
		l->output[i].hash[0] = '\0';
	}
	l->output[i].index = index;
	pthread_mutex_unlock(&l->lock);
}

bool log_gone_hash(struct log *l, const char *output, uint64_t index, char hash[65])
{
	struct log_output *o;
	bool known;

	pthread_mutex_lock(&l->lock);
	o = find_output(l, output);
	known = o && o->index == index && o->hash[0];
	snprintf(hash, HASH_LENGTH + 1, "%s", known ? o->hash : "");
	pthread_mutex_unlock(&l->lock);
	return known;
}

bool log_met(struct log *l, const char *output)
{
	struct log_output *o;
	bool met;

	pthread_mutex_lock(&l->lock);
	o = find_output(l, output);
	met = o && !o->unmet;
	pthread_mutex_unlock(&l->lock);
	return met;
}

void log_set_met(struct log *l, const char *output, bool met)
{
	struct log_output *o;

	pthread_mutex_lock(&l->lock);
	o = find_output(l, output);
	if (o && o->unmet == met) {
		o->unmet = !met;
		l->changed = true;
	}
	pthread_mutex_unlock(&l->lock);
}
