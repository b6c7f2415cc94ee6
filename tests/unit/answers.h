/* answers.h - for tests of what comes back: a sensor that searches answers, what it tells in short lines, and
 * requests and answers over HTTP/1 and HTTP/2. */
#ifndef TESTS_UNIT_ANSWERS_H
#define TESTS_UNIT_ANSWERS_H

#include "tests/unit/h2_write.h"
#include "tests/unit/sensor.h"

#include <zlib.h>

#define AI     "198.51.100.10"
#define CLIENT "10.0.0.1"

/* in two parts, so that scanners of source code stay calm */
#define GHP                                                                                                  \
	"ghp_"                                                                                               \
	"gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ"
#define GHP2                                                                                                 \
	"ghp_"                                                                                               \
	"wfM3K1maXbtsnFwuNv8Oy1zK80p7tS1MLKtC"

static const char yaml[] = "sensor: {name: test}\n"
                           "networks: {internal: [10.0.0.0/8]}\n"
                           "policy: {posture: insular}\n"
                           "inspect: {responses: alert}\n"
                           "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

static inline int setup(void **state)
{
	(void)state;
	return sensor_setup(yaml);
}

/* ---- what is told ---- */

static struct {
	char alerts[4096], flow[2048]; /* a line for each alert; of the newest flow record the findings */
	enum severity severity;        /* of the newest alert */
	char summary[900];
} told;

static inline void append(char *out, size_t cap, const char *text)
{
	snprintf(out + strlen(out), cap - strlen(out), "%s", text);
}

static inline void list_findings(char *out, size_t cap, const struct event *ev)
{
	for (size_t i = 0; i < ev->n_findings; i++) {
		const struct finding *f = &ev->findings[i];
		char one[256];

		snprintf(one, sizeof(one), "%s%s%s %s%s", i ? ", " : "", f->received ? "<" : ">", f->field,
		        speaker_name((enum speaker)f->speaker), f->again ? " again" : "");
		append(out, cap, one);
	}
	append(out, cap, "\n");
}

static inline void keep(void *arg, const struct event *ev)
{
	(void)arg;
	if (ev->type == EVENT_FLOW) {
		told.flow[0] = '\0';
		list_findings(told.flow, sizeof(told.flow), ev);
	}
	if (ev->type != EVENT_ALERT || ev->kind != ALERT_PAYLOAD_SENSITIVE)
		return;
	told.severity = ev->severity;
	snprintf(told.summary, sizeof(told.summary), "%s", ev->summary);
	list_findings(told.alerts, sizeof(told.alerts), ev);
}

static inline struct world *listen(void)
{
	struct world *w = begin();

	w->c->tell = (struct teller){NULL, keep};
	memset(&told, 0, sizeof(told));
	return w;
}

#define CHAT "/v1/chat/completions"

static inline void ask(struct conn_of *k, const char *target, const char *host, const char *body)
{
	char text[2048];

	snprintf(text, sizeof(text),
	        "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: "
	        "%zu\r\n\r\n%s",
	        target, host, strlen(body), body);
	say_text(k, FLOW_C2S, text);
}

/* An answer in pieces of `step` bytes. */
static inline void answer(struct conn_of *k, const char *headers, const void *body, size_t n, size_t step)
{
	char head[256];

	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%sContent-Length: %zu\r\n\r\n", headers, n);
	say_text(k, FLOW_S2C, head);
	for (size_t i = 0; i < n; i += step)
		say(k, FLOW_S2C, (const char *)body + i, n - i < step ? n - i : step);
}

#define JSON  "Content-Type: application/json\r\n"
#define SSE   "Content-Type: text/event-stream\r\n"
#define LINES "Content-Type: application/x-ndjson\r\n"

/* The value in tokens of three characters, each within what stands before and behind it. */
static inline void tokens(char *out, size_t cap, const char *before, const char *value, const char *behind)
{
	for (size_t i = 0; i < strlen(value); i += 3) {
		char token[4] = "";

		snprintf(token, sizeof(token), "%.3s", value + i);
		append(out, cap, before);
		append(out, cap, token);
		append(out, cap, behind);
	}
}

static struct buf up, down;

static inline void flush(struct conn_of *k, size_t step)
{
	struct buf *b[] = {&up, &down};

	for (int dir = 0; dir < 2; dir++)
		for (size_t at = 0; at < b[dir]->n; at += step)
			say(k, (enum flow_dir)dir, b[dir]->p + at,
			        b[dir]->n - at < step ? b[dir]->n - at : step);
	up.n = down.n = 0;
}

#endif
