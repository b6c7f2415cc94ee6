/* test_conversation.c - what a conversation that is sent whole with every question does to alerts: values
 * told before are counted with the alert that told them, new ones are news, an earlier answer of the model
 * weighs less, and nothing is silent. */
#include "tests/unit/sensor.h"

#define AI     "198.51.100.10"
#define OTHER  "198.51.100.20"
#define CLIENT "10.0.0.1"

/* in two parts, so that scanners of source code stay calm */
#define GHP                                                                                                  \
	"ghp_"                                                                                               \
	"gwU2jGiD6cqaes9dqFEtGdM199c6cM0hIozJ"
#define URI                                                                                                  \
	"postgres://"                                                                                        \
	"ledger:kJ8sdKq2mW1x@db7.corp.internal:5432/ledger"

static const char yaml[] = "sensor: {name: test}\n"
                           "networks: {internal: [10.0.0.0/8]}\n"
                           "policy: {posture: insular}\n"
                           "limits: {flows: 1024, inspected: 64, bodies: 16, dns_entries: 1024}\n";

static int setup(void **state)
{
	(void)state;
	return sensor_setup(yaml);
}

/* ---- alerts of the kind payload.sensitive, in their order ---- */

static struct alert {
	uint64_t key;
	enum severity severity;
	char summary[900], list[512]; /* "detector@field role again, ..." */
	struct request_facts request;
} alerts[16];
static size_t n_alerts;

static void keep(void *arg, const struct event *ev)
{
	struct alert *a = &alerts[n_alerts];

	(void)arg;
	if (ev->type != EVENT_ALERT || ev->kind != ALERT_PAYLOAD_SENSITIVE)
		return;
	assert_true(n_alerts++ < 16);
	a->key = ev->repeat_key;
	a->severity = ev->severity;
	a->request = *ev->request;
	snprintf(a->summary, sizeof(a->summary), "%s", ev->summary);
	a->list[0] = '\0';
	for (size_t i = 0; i < ev->n_findings; i++) {
		const struct finding *f = &ev->findings[i];

		snprintf(a->list + strlen(a->list), sizeof(a->list) - strlen(a->list), "%s%s@%s %s%s",
		        i ? ", " : "", f->detector->id, f->field, speaker_name((enum speaker)f->speaker),
		        f->again ? " again" : "");
	}
}

static struct world *listen(void)
{
	struct world *w = begin();

	w->c->tell = (struct teller){NULL, keep};
	n_alerts = 0;
	return w;
}

static void chat(struct world *w, uint16_t port, const char *client, const char *server, const char *host,
        const char *body)
{
	struct conn_of k = handshake(w, client, port, server, 80);

	post(&k, "/v1/chat/completions", host, "", body);
	fin(&k);
}

#define SAY(role, text) "{\"role\":\"" role "\",\"content\":\"" text "\"}"
#define TALK(turns)     "{\"model\":\"m\",\"messages\":[" turns "]}"
#define FIRST           SAY("user", "why does " GHP " fail")

static void turns_of_one_connection(void **state)
{
	struct world *w = listen();
	struct conn_of k = handshake(w, CLIENT, 40000, AI, 80);
	static const char *const turns[] = {TALK(FIRST),
	        TALK(FIRST "," SAY("assistant", "it is old") "," SAY("user", "and now")),
	        TALK(FIRST "," SAY("assistant", "it is old") "," SAY("user", "use " URI)),
	        TALK(FIRST "," SAY("assistant", "it is old") "," SAY("user", "use " URI) "," SAY(
	                "assistant", "ok") "," SAY("user", "go"))};

	(void)state;
	for (size_t i = 0; i < 4; i++)
		post(&k, "/v1/chat/completions", "api.openai.com", "", turns[i]);
	assert_int_equal(n_alerts, 4);
	assert_string_equal(alerts[0].list, "github-pat@messages[0].content user");
	assert_non_null(strstr(alerts[0].summary, " sent GitHub personal access token (classic) to "));
	assert_string_equal(alerts[1].list, "github-pat@messages[0].content user again");
	assert_true(alerts[1].key == alerts[0].key);
	assert_int_equal(alerts[1].severity, alerts[0].severity);
	assert_non_null(strstr(alerts[1].summary, " sent GitHub personal access token (classic) again to "));
	assert_string_equal(alerts[1].request.words, "messages[2].content");
	/* a new value is an alert of its own, and its sentence is about it */
	assert_string_equal(
	        alerts[2].list, "db-uri@messages[2].content user, github-pat@messages[0].content user again");
	assert_true(alerts[2].key != alerts[0].key);
	assert_non_null(strstr(alerts[2].summary, "(messages[2].content, beside 1 told before)"));
	assert_null(strstr(alerts[2].summary, "GitHub"));
	/* all told: with the alert that told the newest of them */
	assert_true(alerts[3].key == alerts[2].key);
	end(w, NULL);
}

/* A client that opens a connection for every question. */
static void turns_of_many_connections(void **state)
{
	struct world *w = listen();

	(void)state;
	chat(w, 40000, CLIENT, AI, "api.openai.com", TALK(FIRST));
	chat(w, 40001, CLIENT, AI, "api.openai.com",
	        TALK(FIRST "," SAY("assistant", "so") "," SAY("user", "use " URI)));
	chat(w, 40002, CLIENT, AI, "api.openai.com",
	        TALK(FIRST "," SAY("assistant", "so") "," SAY("user", "use " URI) "," SAY("user", "go")));
	assert_int_equal(n_alerts, 3);
	assert_true(alerts[1].key != alerts[0].key);
	assert_true(alerts[2].key == alerts[1].key);
	/* another conversation, another source, another service: news each time */
	chat(w, 40003, CLIENT, AI, "api.openai.com", TALK(SAY("user", "here is " GHP)));
	chat(w, 40004, "10.0.0.2", AI, "api.openai.com", TALK(FIRST));
	chat(w, 40005, CLIENT, OTHER, "api.mistral.ai", TALK(FIRST));
	assert_int_equal(n_alerts, 6);
	for (size_t i = 3; i < 6; i++) {
		assert_null(strstr(alerts[i].list, "again"));
		for (size_t k = 0; k < i; k++)
			assert_true(alerts[i].key != alerts[k].key);
	}
	end(w, NULL);
}

/* Where there is an id it says which conversation it is, whatever the words. */
static void conversations_with_an_id(void **state)
{
	struct world *w = listen();
	static const char *const bodies[] = {"{\"conversation\":\"conv_1\",\"input\":\"see " GHP "\"}",
	        "{\"conversation\":\"conv_1\",\"input\":\"once more " GHP "\"}",
	        "{\"conversation\":\"conv_2\",\"input\":\"see " GHP "\"}"};

	(void)state;
	for (uint16_t i = 0; i < 3; i++) {
		struct conn_of k = handshake(w, CLIENT, (uint16_t)(40000 + i), AI, 80);

		post(&k, "/v1/responses", "api.openai.com", "", bodies[i]);
		fin(&k);
	}
	assert_int_equal(n_alerts, 3);
	assert_string_equal(alerts[1].list, "github-pat@input user again");
	assert_true(alerts[1].key == alerts[0].key);
	assert_string_equal(alerts[1].request.conversation, "conv_1");
	assert_string_equal(alerts[2].list, "github-pat@input user");
	assert_true(alerts[2].key != alerts[0].key);
	end(w, NULL);
}

static void answers_that_go_along(void **state)
{
	struct world *w = listen();

	(void)state;
	chat(w, 40000, CLIENT, AI, "api.openai.com",
	        TALK(SAY("user", "make one up") "," SAY("assistant", "take " GHP)));
	chat(w, 40001, "10.0.0.2", AI, "api.openai.com", TALK(SAY("user", "my key is " GHP)));
	/* it stands with the user too */
	chat(w, 40002, "10.0.0.3", AI, "api.openai.com",
	        TALK(SAY("assistant", "take " GHP) "," SAY("user", "you mean " GHP)));
	/* the role stands behind the text, in both */
	chat(w, 40003, "10.0.0.4", AI, "api.openai.com",
	        TALK("{\"content\":\"take " GHP
	             "\",\"role\":\"assistant\"},{\"content\":\"thanks\",\"role\":\"user\"}"));
	assert_int_equal(n_alerts, 4);
	assert_string_equal(alerts[0].list, "github-pat@messages[1].content assistant");
	assert_int_equal(alerts[0].severity, alerts[1].severity - 1);
	assert_non_null(strstr(alerts[0].summary, "(messages[1].content, in an earlier answer)"));
	assert_non_null(strstr(alerts[1].summary, "(messages[0].content)"));
	assert_int_equal(alerts[2].severity, alerts[1].severity);
	assert_string_equal(alerts[3].list, "github-pat@messages[0].content assistant");
	assert_int_equal(alerts[3].severity, alerts[0].severity);
	end(w, NULL);
}

/* The same value twice in a request is told once, and is nothing that was told before. */
static void twice_in_one_request(void **state)
{
	struct world *w = listen();

	(void)state;
	chat(w, 40000, CLIENT, AI, "api.openai.com", TALK(FIRST "," SAY("user", "I said " GHP)));
	chat(w, 40001, CLIENT, AI, "api.openai.com",
	        TALK(FIRST "," SAY("user", "I said " GHP) "," SAY("assistant", "well, " GHP)));
	assert_int_equal(n_alerts, 2);
	assert_string_equal(
	        alerts[0].list, "github-pat@messages[0].content user, github-pat@messages[1].content user");
	/* an echo of it in the answer changes nothing */
	assert_true(alerts[1].key == alerts[0].key);
	assert_int_equal(alerts[1].severity, alerts[0].severity);
	end(w, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(turns_of_one_connection),
	        cmocka_unit_test(turns_of_many_connections),
	        cmocka_unit_test(conversations_with_an_id),
	        cmocka_unit_test(answers_that_go_along),
	        cmocka_unit_test(twice_in_one_request),
	};

	return cmocka_run_group_tests(tests, setup, sensor_teardown);
}
