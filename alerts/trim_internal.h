/* trim_internal.h - what trim.c (the conversation), trim_read.c (its answers) and trim_tell.c (what they
 * mean) share. */
#ifndef ALERTS_TRIM_INTERNAL_H
#define ALERTS_TRIM_INTERNAL_H

#include "alerts/beside.h"
#include "alerts/trim.h"
#include "base/clock.h"

#define TRIM_KEYS   (STREAMS + 1) /* ... and what analysts say of alerts */
#define TRIM_MARKS  STREAMS
#define TRIM_GROUPS 32u /* of a stream; with more, age does not trim it */
#define TRIM_NAME   128 /* bytes of a group's name */

/* A stream: its first entry (of an empty one, the next that may come) and its last ID. */
struct trim_place {
	bool there;
	uint64_t length;
	struct stream_id first, last;
	uint64_t first_ordinal, last_ordinal; /* 0: not known */
};

/* Whose trims. */
#define TRIM_BY_US     1u
#define TRIM_BY_OTHERS 2u

/* What a group lost. */
struct trim_loss {
	struct log_dropped untold; /* last 0: nothing */
	uint64_t unacknowledged;   /* of what it had been given */
	bool unsure;               /* the numbers are not known */
	unsigned by;               /* TRIM_BY_..., of what is untold */
	struct stream_id upto;     /* read on from there, it loses anew */
	bool told;
	int64_t told_ns;
};

struct trim_group {
	char name[TRIM_NAME + 1];
	bool odd; /* such a name cannot be asked for */
	uint64_t hash;
	struct stream_id delivered;
	uint64_t pending;
	/* asked for, each time */
	bool unsure;             /* which entries are pending is not known */
	struct stream_id oldest; /* pending, of those in the stream; the greatest ID: none */
	uint64_t gone;           /* pending, and trimmed since the last look; 1,000 are counted at most */
	unsigned gone_by;        /* TRIM_BY_... */
	struct stream_id held;   /* not read, and older than the retention; 0-0: none */
	uint64_t held_ordinal;
	/* from look to look */
	bool known;
	struct stream_id was; /* delivered before */
	struct trim_loss loss;
	bool dead;
	int64_t dead_ns;
	bool ahead; /* told */
};

struct trim_key {
	char key[128];
	/* at the end of the last look; in this one, before alerts.streams.max_entries trimmed and after */
	struct trim_place before, middle, now;
	bool known;               /* `before` is */
	bool looked;              /* everything that was asked of it was answered */
	bool perhaps;             /* since `before` we may have trimmed: that was not answered */
	unsigned between_by;      /* TRIM_BY_..., from `before` to `middle` */
	struct stream_id unasked; /* from there on it was not asked which pending entries are gone */
	bool many;                /* more groups than are looked at */
	bool many_told;
	uint64_t young; /* ordinal of the first entry that is not too old, 0: not known */
	struct trim_group group[TRIM_GROUPS];
	size_t n;
};

/* What a user may not be permitted to do. */
enum trim_command {
	TRIM_XTRIM,
	TRIM_MINID,
	TRIM_STREAM,
	TRIM_LIST,
	TRIM_XPENDING,
	TRIM_XRANGE,
	TRIM_OF_MARKS, /* none of itself: any of them that names the marks of analysts */
	TRIM_COMMANDS
};

struct trim_question {
	enum trim_command command;
	struct trim_key *k;
	struct trim_group *g; /* NULL: of the stream */
	bool gone;            /* TRIM_XPENDING: those that were trimmed */
	bool after;           /* TRIM_STREAM: behind our own XTRIM */
	char from[STREAM_ID_MAX], to[STREAM_ID_MAX];
};
#define TRIM_QUESTIONS (TRIM_KEYS * (3 * TRIM_GROUPS + 4))

struct trim {
	struct publisher *p;
	const struct settings *s;
	struct log_reader *reader;
	int64_t every_ns, due_ns, ran_ns;
	struct stream_id cutoff; /* older entries may go; 0-0: by age none */
	char most[24];
	struct trim_key key[TRIM_KEYS];
	struct trim_group scratch[TRIM_GROUPS];
	int64_t forbidden_until_ns[TRIM_COMMANDS];
	bool forbidden_told[TRIM_COMMANDS];
	unsigned notes;  /* that may still be told in this run */
	bool more;       /* ... and there is more to tell */
	unsigned broken; /* looks in a row in which the connection broke */

	struct trim_question question[TRIM_QUESTIONS];
	struct beside command[TRIM_QUESTIONS];
	redisReply *reply[TRIM_QUESTIONS];
	size_t n;
};

static inline bool trim_asked(const struct trim *t)
{
	return t->s->alerts.streams_retention_h || t->s->alerts.streams_max_entries;
}

/* XINFO STREAM.  False: no such stream, or not an answer to that. */
bool trim_read_stream(const redisReply *r, struct trim_place *s);
/* One element of XINFO GROUPS. */
bool trim_read_group(const redisReply *r, struct trim_group *g);
/* An element of the extended XPENDING; false: none. */
bool trim_read_pending(const redisReply *r, size_t i, struct stream_id *id);
/* The only entry of an XRANGE; *ordinal 0: it has none.  False: none. */
bool trim_read_entry(const redisReply *r, struct stream_id *id, uint64_t *ordinal);

/* After a look: what groups lost of a stream, unread. */
void trim_account(struct trim *t, struct trim_key *k);
/* What they lost is told, and which groups hold back old entries. */
void trim_tell(struct trim *t);
/* The group is no more. */
void trim_tell_last(struct trim *t, struct trim_key *k, struct trim_group *g);
/* Trimming does not work as asked; once for each command. */
void trim_tell_forbidden(struct trim *t, enum trim_command c, const char *why);

#endif
