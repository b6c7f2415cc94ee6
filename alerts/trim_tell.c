/* trim_tell.c - what a look at the streams means: did a group lose entries, and does one hold back old ones
 * for nobody?  What was lost is named by ordinals, which are dense in a type (docs/records.md): the last that
 * the group was given, or the first that stood there, from our log or from the stream, and the first that is
 * left. */
#include "alerts/trim_internal.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AGAIN_NS  (3600 * NS_PER_S) /* between two records about the same */
#define SCAN_MAX  20000             /* lines of the log that are read to count what was lost of :health */
#define SCAN_STEP 256

/* A name from outside, for terminals and logs. */
static const char *plain(const struct trim_group *g, char text[64])
{
	size_t n = 0;

	for (; n < 63 && g->name[n]; n++)
		text[n] = g->name[n] >= 0x20 && g->name[n] < 0x7f ? g->name[n] : '?';
	text[n] = '\0';
	return text;
}

/* The ordinal of the record with that ID, 0: the log does not have it, or it is not of that stream. */
static uint64_t ordinal_at(struct trim *t, unsigned stream, struct stream_id id)
{
	struct log_line l;
	struct err e;

	log_seek(t->reader, id.seq);
	if (!id.seq || log_read(t->reader, &l, 1, 1, &e) != 1 || l.index != id.seq ||
	        (uint64_t)l.logged_ms != id.ms || publish_stream_of(l.type) != stream)
		return 0;
	return l.ordinal;
}

/* ---- losses ----------------------------------------------------------------------------------------------
 */

static void add_range(struct log_dropped *d, unsigned type, uint64_t first, uint64_t last)
{
	if (!d->n[type])
		d->first_ordinal[type] = first;
	d->n[type] += last - first + 1;
	d->last_ordinal[type] = last;
}

/* The ordinal behind that of the record with that ID; 0-0: before all.  Of the last one that stood in the
 * stream it is known, also when the log does not keep it any more. */
static bool ordinal_behind(struct trim *t, const struct trim_key *k, struct stream_id id, uint64_t *ordinal)
{
	uint64_t at = 0;

	if (!stream_id_cmp(&id, &k->before.last))
		at = k->before.last_ordinal;
	if (!at && (id.ms || id.seq))
		at = ordinal_at(t, (unsigned)(k - t->key), id);
	*ordinal = at + 1;
	return at || !(id.ms || id.seq);
}

/* Alerts or flows that the group, given all up to `given`, will not see.  False: that cannot be said. */
static bool count_dense(struct trim *t, const struct trim_key *k, unsigned stream, struct stream_id given,
        struct log_dropped *d)
{
	bool within = stream_id_cmp(&given, &k->before.first) >= 0; /* what was there */
	uint64_t first = k->before.first_ordinal, end = k->now.first_ordinal;

	if (within && !ordinal_behind(t, k, given, &first))
		return false;
	if (!within && !k->before.length && !ordinal_behind(t, k, k->before.last, &first))
		return false;
	if (!k->now.length && !ordinal_behind(t, k, k->now.last, &end))
		return false;
	if (end > first)
		add_range(d, stream == 0 ? EVENT_ALERT : EVENT_FLOW, first, end - 1);
	return first && end;
}

/* Of :health, whose records have several types. */
static bool count_scan(
        struct trim *t, const struct trim_key *k, struct stream_id given, struct log_dropped *d)
{
	uint64_t at = stream_id_cmp(&given, &k->before.first) >= 0 ? given.seq + 1 : k->before.first.seq;
	struct log_line l[SCAN_STEP];
	struct err e;
	ssize_t n;

	if (at < log_first(t->p->log) && stream_id_cmp(&given, &k->before.last) < 0)
		return false;
	log_seek(t->reader, at);
	for (unsigned seen = 0; seen < SCAN_MAX; seen += (unsigned)n) {
		n = log_read(t->reader, l, SCAN_STEP, BATCH_BYTES, &e);
		if (n <= 0)
			return n == 0 && log_last(t->p->log) + 1 >= k->now.first.seq;
		for (ssize_t i = 0; i < n; i++) {
			if (l[i].index >= k->now.first.seq)
				return true;
			if (publish_stream_of(l[i].type) == 2)
				add_range(d, l[i].type, l[i].ordinal, l[i].ordinal);
		}
	}
	return false;
}

static void add_loss(struct trim_loss *to, const struct log_dropped *d)
{
	struct log_dropped *u = &to->untold;

	u->first = u->last && u->first < d->first ? u->first : d->first;
	u->last = d->last;
	for (unsigned type = 0; type < RECORD_TYPES; type++)
		if (d->n[type]) {
			if (!u->n[type])
				u->first_ordinal[type] = d->first_ordinal[type];
			u->n[type] += d->n[type];
			u->last_ordinal[type] = d->last_ordinal[type];
		}
}

static uint64_t sum_of(const struct log_dropped *d)
{
	uint64_t sum = 0;

	for (unsigned type = 0; type < RECORD_TYPES; type++)
		sum += d->n[type];
	return sum;
}

/* What went from `before` to `now`, and was not read. */
static void find_loss(struct trim *t, struct trim_key *k, struct trim_group *g, unsigned by)
{
	unsigned stream = (unsigned)(k - t->key);
	struct stream_id given = stream_id_cmp(&g->was, &g->delivered) > 0 ? g->was : g->delivered;
	bool within = stream_id_cmp(&given, &k->before.first) >= 0, sure;
	struct log_dropped d = {.first = within ? given.seq + 1 : k->before.first.seq,
	        .last = k->now.first.seq ? k->now.first.seq - 1 : 0};

	if (stream_id_cmp(&given, &k->now.first) >= 0)
		return;
	sure = stream == 2 ? count_scan(t, k, given, &d) : count_dense(t, k, stream, given, &d);
	/* it had all that stood there before: where it cannot be counted, nothing says that it lost any */
	if (!sure && stream_id_cmp(&given, &k->before.last) >= 0)
		return;
	if ((sure && !sum_of(&d)) || d.last < d.first)
		return;
	add_loss(&g->loss, &d);
	g->loss.by |= by;
	g->loss.unsure |= !sure;
	g->loss.upto = stream_id_before(k->now.first);
	count_add(&t->p->out->trimmed_unread, sum_of(&d) + !sure);
}

/* First what went between the looks, then what we trimmed in this one: also in the first look of a run, and
 * of groups that are new in it. */
void trim_account(struct trim *t, struct trim_key *k)
{
	struct trim_place now = k->now;
	bool streams = k < t->key + STREAMS;

	k->between_by = k->perhaps ? TRIM_BY_US | TRIM_BY_OTHERS : TRIM_BY_OTHERS;
	k->perhaps = false;
	if (!k->known)
		k->unasked = k->middle.first;
	k->now = k->middle;
	if (streams && k->known && stream_id_cmp(&k->now.first, &k->before.first) > 0)
		for (struct trim_group *g = k->group; g < k->group + k->n; g++)
			if (g->known)
				find_loss(t, k, g, k->between_by);
	k->before = k->middle;
	k->now = now;
	if (streams && now.there && stream_id_cmp(&now.first, &k->before.first) > 0)
		for (struct trim_group *g = k->group; g < k->group + k->n; g++)
			find_loss(t, k, g, TRIM_BY_US);
	k->before = now;
	k->known = now.there;
}

/* What went of what it had been given, and had not acknowledged. */
static void find_gone(struct trim *t, struct trim_key *k, struct trim_group *g, struct stream_id from)
{
	struct log_dropped d = {.first = from.seq, .last = k->now.first.seq ? k->now.first.seq - 1 : 0};

	if (!g->gone || d.last < d.first)
		return;
	add_loss(&g->loss, &d);
	g->loss.by |= g->gone_by;
	g->loss.unacknowledged += g->gone;
	g->loss.upto = stream_id_before(k->now.first);
	count_add(&t->p->out->trimmed_unread, g->gone);
	g->gone = 0;
}

static const char *whose(unsigned by)
{
	return by == TRIM_BY_US  ? "alerts.streams.max_entries trimmed"
	       : by & TRIM_BY_US ? "alerts.streams.max_entries, or somebody else, trimmed"
	                         : "somebody else trimmed";
}

static void tell_loss(struct trim *t, const struct trim_key *k, struct trim_group *g)
{
	struct record_note n = {.type = RECORD_GAP, .reason = "trimmed", .severity = SEVERITY_HIGH};
	struct trim_loss *l = &g->loss;
	const char *stream = publish_streams[k - t->key];
	uint64_t sum = sum_of(&l->untold);
	char many[48] = "entries";

	n.stream = stream;
	plain(g, n.group);
	if (!l->unsure)
		snprintf(many, sizeof(many), "%" PRIu64 " entries", sum + l->unacknowledged);
	snprintf(n.summary, sizeof(n.summary),
	        "The group `%s' lost %s of %s on %.100s, which %s before it had %s them; they stand in the "
	        "log of this "
	        "sensor",
	        n.group, many, k->key, t->p->out->name, whose(l->by),
	        sum || l->unsure ? "read" : "acknowledged");
	record_note_count(&n, "first_index", l->untold.first);
	record_note_count(&n, "last_index", l->untold.last);
	for (unsigned type = 0; type < RECORD_TYPES && !l->unsure; type++) {
		if (!l->untold.n[type])
			continue;
		record_note_count(&n, record_loss_name(type, 0), l->untold.n[type]);
		record_note_count(&n, record_loss_name(type, 1), l->untold.first_ordinal[type]);
		record_note_count(&n, record_loss_name(type, 2), l->untold.last_ordinal[type]);
	}
	if (l->unacknowledged)
		record_note_count(&n, "unacknowledged", l->unacknowledged);
	log_warn("%s: %s", t->p->out->name, n.summary);
	output_note(t->p->out, &n);
	*l = (struct trim_loss){.upto = l->upto, .told = true, .told_ns = clock_mono_ns()};
	t->notes -= t->notes > 0;
}

/* At once when it begins, and the rest when the group reads again: as long as nobody reads, it goes on. */
static void tell_losses(struct trim *t, struct trim_key *k, struct trim_group *g)
{
	struct trim_loss *l = &g->loss;
	bool reads = stream_id_cmp(&g->delivered, &l->upto) > 0;

	if (l->untold.last && (!l->told || reads || clock_mono_ns() - l->told_ns >= AGAIN_NS)) {
		if (t->notes)
			tell_loss(t, k, g);
		else
			t->more = true;
	}
	if (reads && !l->untold.last)
		l->told = false;
}

void trim_tell_last(struct trim *t, struct trim_key *k, struct trim_group *g)
{
	if (g->loss.untold.last)
		tell_loss(t, k, g);
}

bool trim_tell_rest(struct trim *t)
{
	for (struct trim_key *k = t->key; k < t->key + STREAMS; k++)
		for (struct trim_group *g = k->group; g < k->group + k->n; g++) {
			if (!g->loss.untold.last)
				continue;
			if (!output_note_room(t->p->out))
				return false;
			tell_loss(t, k, g);
		}
	return true;
}

/* ---- groups that nobody reads for ------------------------------------------------------------------------
 */

/* Of :health, from that one on, older than the retention; 0: the log does not keep it, or it is too long ago
 * to count. */
static uint64_t count_held_health(struct trim *t, const struct trim_key *k, struct stream_id oldest)
{
	struct log_line l[SCAN_STEP];
	uint64_t held = 0;
	struct err e;
	ssize_t n;

	if (oldest.seq < log_first(t->p->log))
		return 0;
	log_seek(t->reader, oldest.seq);
	for (unsigned seen = 0; seen < SCAN_MAX; seen += (unsigned)n) {
		n = log_read(t->reader, l, SCAN_STEP, BATCH_BYTES, &e);
		if (n <= 0)
			return n == 0 ? held : 0;
		for (ssize_t i = 0; i < n; i++) {
			struct stream_id id = {(uint64_t)l[i].logged_ms, l[i].index};

			if (stream_id_cmp(&id, &t->cutoff) >= 0 || stream_id_cmp(&id, &k->now.last) > 0)
				return held;
			held += publish_stream_of(l[i].type) == 2;
		}
	}
	return 0;
}

/* Entries older than the retention that stay because of the group; 0: not known. */
static uint64_t count_held(
        struct trim *t, const struct trim_key *k, struct stream_id oldest, uint64_t ordinal)
{
	unsigned stream = (unsigned)(k - t->key);
	uint64_t end = k->young ? k->young : k->now.last_ordinal + 1;

	if (stream == 2)
		return count_held_health(t, k, oldest);
	if (stream > 2)
		return 0;
	if (!ordinal && !stream_id_cmp(&oldest, &k->now.first))
		ordinal = k->now.first_ordinal;
	if (!ordinal)
		ordinal = ordinal_at(t, stream, oldest);
	return ordinal && end > ordinal ? end - ordinal : 0;
}

static void tell_dead(struct trim *t, const struct trim_key *k, const struct trim_group *g,
        struct stream_id oldest, bool unread)
{
	struct record_note n = {.type = EVENT_SENSOR, .severity = SEVERITY_MEDIUM};
	uint64_t now_ms = (uint64_t)(clock_wall_ns() / NS_PER_MS), age_s, held;
	char name[64], many[48] = "entries";

	age_s = now_ms > oldest.ms ? (now_ms - oldest.ms) / 1000 : 0;
	held = count_held(t, k, oldest, unread ? g->held_ordinal : 0);
	if (held)
		snprintf(many, sizeof(many), "%" PRIu64 " entries", held);
	snprintf(n.summary, sizeof(n.summary),
	        "The group `%s' is %" PRIu64 " hours behind in %s %s on %.100s, so %s stay there longer than "
	        "alerts.streams.retention_h says; start its reader, or take the group away (XGROUP DESTROY)",
	        plain(g, name), age_s / 3600, unread ? "reading" : "acknowledging", k->key, t->p->out->name,
	        many);
	record_note_count(&n, "waits_s", age_s);
	if (held)
		record_note_count(&n, "held_entries", held);
	log_warn("%s: %s", t->p->out->name, n.summary);
	output_note(t->p->out, &n);
	t->notes--;
}

static void look_for_dead(struct trim *t, const struct trim_key *k, struct trim_group *g)
{
	bool unread = g->held.ms || g->held.seq;
	struct stream_id oldest = unread && stream_id_cmp(&g->held, &g->oldest) < 0 ? g->held : g->oldest;
	int64_t now = clock_mono_ns();

	if (stream_id_cmp(&oldest, &t->cutoff) >= 0) {
		g->dead = false;
		return;
	}
	if (g->dead || !t->notes || (g->dead_ns && now - g->dead_ns < AGAIN_NS))
		return;
	g->dead = true;
	g->dead_ns = now;
	tell_dead(t, k, g, oldest, unread && !stream_id_cmp(&oldest, &g->held));
}

/* A group that was made with such an ID, or of a stream whose last ID was set back (docs/redis.md, "Entries
 * of somebody else"): it will not be given what comes. */
static void look_for_ahead(struct trim *t, const struct trim_key *k, struct trim_group *g)
{
	struct record_note n = {.type = EVENT_SENSOR, .severity = SEVERITY_HIGH};
	char name[64], id[STREAM_ID_MAX];

	if (stream_id_cmp(&g->delivered, &k->now.last) <= 0) {
		g->ahead = false;
		return;
	}
	if (g->ahead || !t->notes)
		return;
	g->ahead = true;
	t->notes--;
	snprintf(n.summary, sizeof(n.summary),
	        "The group `%s' is ahead of %s on %.100s and will not be given what comes: set it back with "
	        "XGROUP SETID "
	        "%s %s %s",
	        plain(g, name), k->key, t->p->out->name, k->key, name, stream_id_text(k->now.last, id));
	log_warn("%s: %s", t->p->out->name, n.summary);
	output_note(t->p->out, &n);
}

static void tell_many(struct trim *t, struct trim_key *k)
{
	struct record_note n = {.type = EVENT_SENSOR, .severity = SEVERITY_MEDIUM};

	if (!k->many || k->many_told || !trim_asked(t) || !t->notes) {
		k->many_told &= k->many;
		return;
	}
	k->many_told = true;
	t->notes--;
	snprintf(n.summary, sizeof(n.summary),
	        "%s on %.100s has more than %u groups: it is not trimmed by age any more, and not of all of "
	        "them is told "
	        "what they lose; take those away that nobody needs (XGROUP DESTROY)",
	        k->key, t->p->out->name, TRIM_GROUPS);
	log_warn("%s: %s", t->p->out->name, n.summary);
	output_note(t->p->out, &n);
}

void trim_tell(struct trim *t)
{
	for (unsigned i = 0; i < TRIM_KEYS; i++) {
		struct trim_key *k = &t->key[i];

		for (struct trim_group *g = k->group; k->now.there && g < k->group + k->n; g++) {
			if (i < STREAMS) {
				find_gone(t, k, g, k->unasked);
				tell_losses(t, k, g);
			}
			look_for_dead(t, k, g);
			look_for_ahead(t, k, g);
		}
		tell_many(t, k);
	}
}

/* ---- what is not permitted -------------------------------------------------------------------------------
 */

void trim_tell_forbidden(struct trim *t, enum trim_command c, const char *why)
{
	static const char *const what[TRIM_COMMANDS] = {[TRIM_XTRIM] = "streams are not trimmed",
	        [TRIM_MINID] = "streams are not trimmed by age (that needs Redis 6.2)",
	        [TRIM_STREAM] = "streams are not trimmed",
	        [TRIM_LIST] = "streams are not trimmed by age, for who reads them is not known",
	        [TRIM_XPENDING] = "streams with unacknowledged entries are not trimmed by age",
	        [TRIM_XRANGE] = "groups that hold back old entries are not found",
	        [TRIM_OF_MARKS] = "what analysts say of alerts (:marks) is not trimmed"};
	struct record_note n = {.type = EVENT_SENSOR, .severity = SEVERITY_MEDIUM};

	if (t->forbidden_told[c] || !trim_asked(t))
		return;
	t->forbidden_told[c] = true;
	log_warn("%s: %s: %s", t->p->out->name, what[c], why);
	snprintf(n.summary, sizeof(n.summary),
	        "On %.100s %s: %.200s. Delivery goes on; permit what docs/redis.md lists, or set "
	        "alerts.streams to what "
	        "the server can do.",
	        t->p->out->name, what[c], why);
	output_note(t->p->out, &n);
}
