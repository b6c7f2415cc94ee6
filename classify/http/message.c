/* message.c - what the versions of HTTP have in common; see message.h */
#include "classify/http/message.h"

#include <string.h>

void message_add_codings(struct message *m, struct slice more, char *room, size_t cap)
{
	struct slice have = m->content_encoding;
	size_t n = have.n;

	if (!more.n)
		return;
	if (!n) {
		m->content_encoding = more;
		return;
	}
	/* one that is missing makes the rest unreadable: what does not fit is a list that nobody knows */
	if (n + 1 + more.n > cap) {
		m->content_encoding = SLICE("?");
		return;
	}
	if (have.p != room)
		memcpy(room, have.p, n);
	room[n] = ',';
	memcpy(room + n + 1, more.p, more.n);
	m->content_encoding = slice_of(room, n + 1 + more.n);
}

int64_t message_number(struct slice s)
{
	int64_t v = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || v > (INT64_MAX - 9) / 10)
			return -1;
		v = v * 10 + (s.p[i] - '0');
	}
	return s.n ? v : -1;
}
