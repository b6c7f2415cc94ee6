/* http1_asked.c - what the requests of a connection asked for, in the order in which they are answered (RFC
 * 9112 9.3); see http1_internal.h. */
#include "classify/http/http1_internal.h"

void http1_asked_push(struct http1_queue *q, enum http1_asked a)
{
	if (q->n == HTTP1_ASKED_MAX || q->more)
		q->more++;
	else
		q->asked[(q->first + q->n++) % HTTP1_ASKED_MAX] = (uint8_t)a;
}

enum http1_asked http1_asked_pop(struct http1_queue *q)
{
	enum http1_asked a = ASKED_OTHER;

	if (q->n) {
		a = q->asked[q->first];
		q->first = (q->first + 1) % HTTP1_ASKED_MAX;
		q->n--;
	} else if (q->more) {
		q->more--;
	}
	return a;
}

void http1_asked_clear(struct http1_queue *q)
{
	q->n = 0;
	q->more = 0;
}
