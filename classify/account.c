/* account.c - see account.h */
#include "classify/account.h"

#include <stdio.h>
#include <string.h>

static void add(struct account *a, struct slice id, const char *by)
{
	if (!id.n || id.n >= sizeof(a->id[0]) || a->n == ACCOUNTS_MAX)
		return;
	memcpy(a->id[a->n], id.p, id.n);
	a->id[a->n][id.n] = '\0';
	snprintf(a->by[a->n], sizeof(a->by[0]), "%s", by);
	a->n++;
}

void account_find(const struct service *svc, const char *host, const struct message *m, struct account *out)
{
	static const char *const names[] = {"openai-organization", "openai-project",
	        "anthropic-organization-id", "anthropic-workspace-id", "x-goog-user-project"};

	memset(out, 0, sizeof(*out));
	(void)svc;
	(void)host;
	for (unsigned i = 0; m && i < m->n_headers; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
			if (slice_is_nocase(m->headers[i].name, names[k])) {
				char by[48];

				snprintf(by, sizeof(by), "header %s", names[k]);
				add(out, m->headers[i].value, by);
			}
}
