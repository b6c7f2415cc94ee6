/* account.c - see account.h.  Where accounts show is data of the catalogue. */
#include "classify/account.h"

#include <stdio.h>
#include <string.h>

static const char mark[] = "{account}";

static void add(struct account *a, struct slice id, const char *place, const char *name)
{
	if (!id.n || id.n >= sizeof(a->id[0]) || a->n == ACCOUNTS_MAX)
		return;
	for (unsigned i = 0; i < a->n; i++)
		if (slice_is(id, a->id[i]))
			return;
	memcpy(a->id[a->n], id.p, id.n);
	a->id[a->n][id.n] = '\0';
	snprintf(a->by[a->n], sizeof(a->by[0]), "%s%s%s", place, *name ? " " : "", name);
	a->n++;
}

/* Takes the part up to `sep` off a text. */
static struct slice part(struct slice *rest, char sep)
{
	const char *end = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
	struct slice one = slice_of(rest->p, end ? (size_t)(end - rest->p) : rest->n);

	*rest = end ? slice_of(end + 1, rest->n - one.n - 1) : slice_of(NULL, 0);
	return one;
}

/* Part by part: {account} is kept, {x} is anything, all else must be equal.  `begin`: the text may go on. */
static bool fits(struct slice pattern, struct slice text, char sep, bool begin, struct slice *account)
{
	*account = slice_of(NULL, 0);
	while (pattern.n) {
		struct slice want = part(&pattern, sep), have = part(&text, sep);

		if (slice_is(want, mark))
			*account = have;
		else if (!slice_is(want, "{x}") &&
		         (want.n != have.n || (want.n && memcmp(want.p, have.p, want.n) != 0)))
			return false;
		if (!have.n && want.n)
			return false;
	}
	return begin || !text.n;
}

static void find(
        const struct service_account *s, const char *host, const struct message *m, struct account *out)
{
	struct slice pattern = slice_of(s->pattern, strlen(s->pattern)), id;

	switch (s->place) {
	case ACCOUNT_HEADER:
		for (unsigned i = 0; m && i < m->n_headers; i++)
			if (slice_is_nocase(m->headers[i].name, s->pattern))
				add(out, m->headers[i].value, "header", s->pattern);
		return;
	case ACCOUNT_HOST:
		if (!fits(pattern, slice_of(host, strlen(host)), '.', false, &id))
			return;
		add(out, id, "host", "");
		break;
	case ACCOUNT_PATH:
		if (!m || !fits(pattern, m->path, '/', true, &id))
			return;
		add(out, id, "path", "");
		break;
	}
	if (*s->plan)
		snprintf(out->plan, sizeof(out->plan), "%s", s->plan);
}

void account_find(const struct service *svc, const char *host, const struct message *m, struct account *out)
{
	memset(out, 0, sizeof(*out));
	for (size_t i = 0; svc && i < svc->n_accounts; i++)
		find(&svc->accounts[i], host, m, out);
}
