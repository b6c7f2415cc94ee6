/* test_wire.c - descriptions of wire shapes: patterns of paths with what they capture, places of fields, the
 * faults of a description, and that what is shipped describes every shape that a service names. */
#include "config/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static char dir[] = "/tmp/leaktap-wire-XXXXXX";
static char own[64];

/* The shipped catalogue, and `yaml` (NULL: nothing) as an own file behind it.  NULL, and the faults. */
static struct catalogue *load(const char *yaml, struct faults *f)
{
	const char *places[2] = {"config/catalogue", own};

	faults_init(f);
	if (yaml) {
		FILE *out = fopen(own, "w");

		assert_non_null(out);
		fputs(yaml, out);
		fclose(out);
	}
	return catalogue_load(places, yaml ? 2 : 1, f);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(own, sizeof(own), "%s/own.yaml", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(own);
	return rmdir(dir);
}

/* ---- paths of requests ---- */

static void paths(void **state)
{
	static const struct {
		const char *pattern, *path, *captured; /* NULL: does not fit; "model=x conversation=y" */
	} cases[] = {
	        {"/v1/chat", "/v1/chat", ""},
	        {"/v1/chat", "/v1/chat/", ""},
	        {"/v1/chat", "/v1/chat/x", NULL},
	        {"/v1/chat", "/v1/cha", NULL},
	        {"/v1/chat", "", NULL},
	        {"/", "/", ""},
	        {"/", "/x", NULL},
	        {"*/chat", "/chat", ""},
	        {"*/chat", "/a/b/chat", ""},
	        {"*/chat", "/a/chatter", NULL},
	        {"*/chat", "/chat/chat/chat", ""},
	        {"*/chat/*", "/a/chat/", NULL}, /* a '/' at the end is none */
	        {"*/chat/*", "/a/chat/b/c", ""},
	        {"*/openai/deployments/{model}/chat/completions",
	                "/openai/deployments/gpt-4o/chat/completions", "model=gpt-4o"},
	        {"*/openai/deployments/{model}/chat/completions", "/openai/deployments//chat/completions",
	                NULL},
	        {"*/openai/deployments/{model}/chat/completions", "/openai/deployments/a/b/chat/completions",
	                NULL},
	        {"*/model/{model}/converse", "/model/us.a%3A0/converse", "model=us.a%3A0"},
	        {"*/{model}:generateContent", "/v1beta/models/gemini-2.5-pro:generateContent",
	                "model=gemini-2.5-pro"},
	        {"*/{model}:generateContent", "/v1/projects/p/locations/l/models/g:a:generateContent",
	                "model=g:a"},
	        {"*/{model}:generateContent", "/v1beta/models/:generateContent", NULL},
	        {"*/agents/{x}/aliases/{x}/sessions/{conversation}/text",
	                "/agents/A1/aliases/B2/sessions/c-3/text", "conversation=c-3"},
	        {"/{account}/{model}/run", "/acme/m1/run", "account=acme model=m1"},
	        {"/{account}*{model}/run", "/acme/x/m1/run", "account=a model=m1"},
	        {"*/v{x}/chat", "/api/v3.5/chat", ""},
	        {"*-{model}", "/a-b-c", "model=b-c"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct wire_capture found[WIRE_CAPTURES_MAX];
		char got[256] = "";
		unsigned n = 0;
		char *exact = malloc(strlen(cases[i].path) + 1);
		bool fits;

		assert_non_null(exact);
		memcpy(exact, cases[i].path, strlen(cases[i].path));
		fits = wire_path_fits(cases[i].pattern, slice_of(exact, strlen(cases[i].path)), found, &n);
		for (unsigned k = 0; fits && k < n; k++)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s=%.*s", k ? " " : "",
			        wire_take_name(found[k].take), (int)found[k].text.n, found[k].text.p);
		if (fits != (cases[i].captured != NULL) || (fits && strcmp(got, cases[i].captured) != 0))
			fail_msg("%s %s: %s [%s]", cases[i].pattern, cases[i].path,
			        fits ? "fits" : "does not fit", got);
		free(exact);
	}
}

/* Patterns of many wildcards against long paths end: each is tried again from where it stood, never from the
 * first. */
static void long_paths(void **state)
{
	struct wire_capture found[WIRE_CAPTURES_MAX];
	char path[8192];
	unsigned n;

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	for (size_t i = 40; i < sizeof(path); i += 40)
		path[i] = '/';
	for (int i = 0; i < 2000; i++) {
		assert_false(wire_path_fits(
		        "*/a{x}a{x}a*a/{model}a/a*{x}/b", slice_of(path, sizeof(path)), found, &n));
		assert_true(wire_path_fits("*/{model}/*", slice_of(path, sizeof(path)), found, &n));
		assert_int_equal(n, 1);
	}
}

/* ---- places of fields ---- */

static const char sample[] =
        "shapes:\n"
        "  - id: sample\n"
        "    requests: [{at: POST /x, operation: chat}]\n"
        "    model: [model, options.model]\n"
        "    messages: [\"messages[]\", prompt, \"batch[].messages[]\"]\n"
        "    role: [\"messages[].role\", \"batch[].messages[].role\"]\n"
        "    words: [\"messages[].content\", \"messages[].content[].text\", prompt, \"*.free\", \"[0][2]\"]\n"
        "    files: [\"messages[].content[].type=image|file\"]\n"
        "    system: [system]\n"
        "    tool_output: [\"messages[].content[].content\"]\n";

static void places(void **state)
{
	static const struct {
		const char *path;
		bool known;
		unsigned flags, take, speaker, n_at, at0, at1;
		bool roled;
	} cases[] = {
	        {"model", true, 0, TAKE_MODEL, 0, 0, 0, 0, false},
	        {"models", false, 0, 0, 0, 0, 0, 0, false},
	        {"mode", false, 0, 0, 0, 0, 0, 0, false},
	        {"options.model", true, 0, TAKE_MODEL, 0, 0, 0, 0, false},
	        {"options.model.x", false, 0, 0, 0, 0, 0, 0, false},
	        {"messages[3].content", true, WIRE_WORDS, 0, 0, 1, 3, 0, true},
	        {"messages[3].content[7].text", true, WIRE_WORDS, 0, 0, 1, 3, 0, true},
	        {"messages[3].content[7].type", true, WIRE_FILE, 0, 0, 1, 3, 0, true},
	        {"messages[3].content[7].other", true, 0, 0, 0, 1, 3, 0, true},
	        {"messages[3].content.rows[2].note", true, WIRE_WORDS, 0, 0, 1, 3, 0,
	                true}, /* JSON in a string */
	        {"messages[3].content(base64)", true, WIRE_WORDS, 0, 0, 1, 3, 0, true},
	        {"messages[3].content[7].text(base64).word/document.xml", true, WIRE_WORDS, 0, 0, 1, 3, 0,
	                true},
	        {"model(base64)", false, 0, 0, 0, 0, 0, 0, false},
	        {"model.x", false, 0, 0, 0, 0, 0, 0, false},
	        {"messages[3].content[7].content[1].text", true, 0, 0, SPEAKER_TOOL, 1, 3, 0, true},
	        {"messages[3]", true, WIRE_MESSAGE, 0, 0, 1, 3, 0, false},
	        {"messages", false, 0, 0, 0, 0, 0, 0, false},
	        {"messages.content", false, 0, 0, 0, 0, 0, 0, false},
	        {"messages[].content", false, 0, 0, 0, 0, 0, 0, false},
	        {"messages[x].content", false, 0, 0, 0, 0, 0, 0, false},
	        {"batch[2].messages[1].role", true, WIRE_ROLE, 0, 0, 2, 2, 1, true},
	        {"prompt", true, WIRE_MESSAGE | WIRE_WORDS, 0, 0, 0, 0, 0, false},
	        {"anything.free", true, WIRE_WORDS, 0, 0, 0, 0, 0, false},
	        {"anything[0].free", false, 0, 0, 0, 0, 0, 0, false},
	        {"[0][2]", true, WIRE_WORDS, 0, 0, 0, 0, 0, false},
	        {"[0][1]", false, 0, 0, 0, 0, 0, 0, false},
	        {"system", true, 0, 0, SPEAKER_SYSTEM, 0, 0, 0, false},
	        {"system[4].text.deep.er", true, 0, 0, SPEAKER_SYSTEM, 0, 0, 0, false},
	        {"", false, 0, 0, 0, 0, 0, 0, false},
	        {"[", false, 0, 0, 0, 0, 0, 0, false},
	        {"messages[99999999999999999999].content", false, 0, 0, 0, 0, 0, 0, false},
	};
	struct faults f;
	struct catalogue *c = load(sample, &f);
	const struct wire_shape *w;

	(void)state;
	faults_print(&f, stderr);
	assert_non_null(c);
	w = catalogue_shape(c, "sample");
	assert_non_null(w);
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t n = strlen(cases[i].path);
		char *exact = malloc(n + 1);
		struct wire_place at;
		bool known;

		assert_non_null(exact);
		memcpy(exact, cases[i].path, n);
		known = wire_place(w, exact, n, &at);
		if (known != cases[i].known || (at.flags & ~(unsigned)WIRE_ROLED) != cases[i].flags ||
		        at.take != cases[i].take || at.speaker != cases[i].speaker ||
		        at.n_at != cases[i].n_at || (at.n_at > 0 && at.at[0] != cases[i].at0) ||
		        (at.n_at > 1 && at.at[1] != cases[i].at1) || at.roled != cases[i].roled)
			fail_msg("%s: known %d flags %x take %u speaker %u n_at %u roled %d", cases[i].path,
			        known, at.flags, at.take, at.speaker, at.n_at, at.roled);
		free(exact);
	}
	catalogue_free(c);
	faults_clear(&f);
}

/* ---- descriptions ---- */

static void faults_told(void **state)
{
	static const struct {
		const char *yaml, *fault;
	} cases[] = {
	        {"shapes: [{words: [a]}]\n", "1:10: a shape has an `id', or `extends'"},
	        {"shapes: [{id: a, extends: b}]\n", "1:10: a shape has an `id', or `extends'"},
	        {"shapes: [{id: A b}]\n", "`id': `A b' is not an id"},
	        {"shapes: [{extends: opnai-chat}]\n", "extends: there is no shape `opnai-chat'"},
	        {"shapes: [{id: a, wrods: [x]}]\n", "`wrods' is no key here (did you mean `words'?)"},
	        {"shapes: [{id: a, words: x}]\n", "`words' must be a list"},
	        {"shapes: [{id: a, words: [\"a b\"]}]\n", "is not a field path"},
	        {"shapes: [{id: a, words: [\"a..b\"]}]\n", "is not a field path"},
	        {"shapes: [{id: a, words: [\"a[x]\"]}]\n", "is not a field path"},
	        {"shapes: [{id: a, words: [\"a[1\"]}]\n", "is not a field path"},
	        {"shapes: [{id: a, words: [\"a.\"]}]\n", "is not a field path"},
	        {"shapes: [{id: a, words: [\"a=b\"]}]\n", "is not a field path"},
	        {"shapes: [{id: a, files: [\"a=\"]}]\n", "is not a field path"},
	        {"shapes: [{id: a, words: [a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q]}]\n", "is not a field path"},
	        {"shapes: [{id: a, requests: [{at: POST x, operation: chat}]}]\n",
	                "`at': `POST x' is not a method"},
	        {"shapes: [{id: a, requests: [{at: \"POST /{\", operation: chat}]}]\n", "is not a method"},
	        {"shapes: [{id: a, requests: [{at: POST /x}]}]\n", "`operation' is missing"},
	        {"shapes: [{id: a, requests: [{at: POST /x, operation: A B}]}]\n",
	                "is not a word such as chat"},
	        {"shapes: [{id: a, role: [\"messages[].role\"]}]\n",
	                "1:25: `messages[].role': is in none of `messages'"},
	        {"shapes: [{id: a, model: [x], tool: [x]}]\n",
	                "`x': stands in two lists that cannot both be right"},
	        {"shapes: [{id: a, system: [x], user: [x]}]\n", "stands in two lists"},
	        {"shapes: [{id: a, copied: perhaps}]\n", "`copied' is true or false"},
	        {"shapes: [{id: a, words: [x]}, {id: a, words: [y]}]\n",
	                "1:31: the shape `a' stands already at"},
	        {"services: [{id: s, name: S, vendor: V, kind: api, wire: [generic], prompt_at: "
	         "[\"a[b].c\"]}]\n",
	                "`a[b].c': is no field path"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct faults f;
		struct catalogue *c = load(cases[i].yaml, &f);
		char line[1400] = "";

		if (f.n)
			snprintf(line, sizeof(line), "%u:%u: %s", f.list[0].line, f.list[0].column,
			        f.list[0].text);
		if (c || !strstr(line, cases[i].fault))
			fail_msg("%s: \"%s\", should say \"%s\"", cases[i].yaml, line, cases[i].fault);
		faults_clear(&f);
	}
}

/* A later place replaces a shape whole; extends adds to it, requests and paths. */
static void own_shapes(void **state)
{
	static const char replaced[] =
	        "shapes: [{id: openai-chat, requests: [{at: POST /y, operation: agent}], words: [z]}]\n";
	static const char extended[] =
	        "shapes: [{extends: openai-chat, requests: [{at: POST /y, operation: agent}], words: [z],\n"
	        "          messages: [\"turns[]\"], role: [\"turns[].who\"]}]\n";
	struct wire_capture found[WIRE_CAPTURES_MAX];
	const struct wire_request *q;
	const struct wire_shape *w;
	struct wire_place at;
	struct catalogue *c;
	struct faults f;
	unsigned n;

	(void)state;
	c = load(replaced, &f);
	assert_non_null(c);
	w = catalogue_shape(c, "openai-chat");
	assert_null(wire_request(w, false, SLICE("POST"), SLICE("/v1/chat/completions"), found, &n));
	assert_true(wire_place(w, "z", 1, &at));
	assert_false(wire_place(w, "messages[0].content", 19, &at));
	assert_ptr_equal(catalogue_by_id(c, "openai-api")->shapes[0], w);
	catalogue_free(c);
	faults_clear(&f);

	c = load(extended, &f);
	faults_print(&f, stderr);
	assert_non_null(c);
	w = catalogue_shape(c, "openai-chat");
	q = wire_request(w, false, SLICE("POST"), SLICE("/y"), found, &n);
	assert_non_null(q);
	assert_string_equal(q->operation, "agent");
	assert_null(wire_request(w, true, SLICE("POST"), SLICE("/y"), found, &n));
	assert_null(wire_request(w, false, SLICE("GET"), SLICE("/y"), found, &n));
	assert_non_null(wire_request(w, false, SLICE("POST"), SLICE("/v1/chat/completions"), found, &n));
	assert_true(wire_place(w, "z", 1, &at) && at.flags == WIRE_WORDS);
	assert_true(wire_place(w, "messages[0].content", 19, &at) && at.flags == WIRE_WORDS);
	assert_true(
	        wire_place(w, "turns[5].who", 12, &at) && at.flags == WIRE_ROLE && at.roled && at.at[0] == 5);
	catalogue_free(c);
	faults_clear(&f);
}

/* The service's own words stand over what is known in general, and never make a system's text a user's. */
static void own_words(void **state)
{
	static const char yaml[] =
	        "services: [{id: acme, name: A, vendor: V, kind: api, wire: [unheard-of],\n"
	        "            hosts: [{match: exact, host: ai.acme.example, role: api}],\n"
	        "            prompt_at: [\"ask.{node}.say\", system, \"messages[].content\"]}]\n";
	struct faults f;
	struct catalogue *c = load(yaml, &f);
	const struct service *s;
	struct wire_place at;

	(void)state;
	faults_print(&f, stderr);
	assert_non_null(c);
	s = catalogue_by_id(c, "acme");
	assert_int_equal(s->n_shapes, 0);
	assert_non_null(s->own);
	assert_true(wire_place(s->own, "ask.17.say", 10, &at) && at.flags == WIRE_WORDS);
	assert_true(wire_place(s->own, "system", 6, &at) && !at.flags && at.speaker == SPEAKER_SYSTEM);
	assert_true(wire_place(s->own, "model", 5, &at) && at.take == TAKE_MODEL);
	assert_true(wire_place(s->own, "messages[2].content", 19, &at) && at.flags == WIRE_WORDS && at.roled);
	assert_false(wire_place(s->own, "ask.17", 6, &at));
	catalogue_free(c);
	faults_clear(&f);
}

static void shipped(void **state)
{
	struct faults f;
	struct catalogue *c = load(NULL, &f);
	size_t n_copied, requests = 0;

	(void)state;
	assert_non_null(c);
	assert_true(catalogue_shape_count(c) >= 120);
	for (size_t i = 0; i < catalogue_count(c); i++) {
		const struct service *s = catalogue_at(c, i);

		for (size_t k = 0; k < s->n_wire; k++)
			if (!catalogue_shape(c, s->wire[k]))
				fail_msg("%s: the shape %s is described nowhere", s->id, s->wire[k]);
		assert_int_equal(s->n_shapes, s->n_wire);
		assert_non_null(s->own);
	}
	for (size_t i = 0; i < catalogue_shape_count(c); i++) {
		const struct wire_shape *w = catalogue_shape_at(c, i);

		if (!w->n_requests)
			fail_msg("%s has no requests", w->id);
		requests += w->n_requests;
		assert_ptr_equal(catalogue_shape(c, w->id), w);
	}
	assert_true(requests > 400);
	catalogue_copied(c, &n_copied);
	assert_true(n_copied >= 9);
	assert_string_equal(catalogue_generic(c)->id, "generic");
	assert_null(catalogue_shape_at(c, catalogue_shape_count(c)));
	catalogue_free(c);
	faults_clear(&f);
}

static void speakers(void **state)
{
	(void)state;
	assert_int_equal(speaker_by_word("user", 4), SPEAKER_USER);
	assert_int_equal(speaker_by_word("USER", 4), SPEAKER_USER);
	assert_int_equal(speaker_by_word("developer", 9), SPEAKER_SYSTEM);
	assert_int_equal(speaker_by_word("CHATBOT", 7), SPEAKER_ASSISTANT);
	assert_int_equal(speaker_by_word("model", 5), SPEAKER_ASSISTANT);
	assert_int_equal(speaker_by_word("function", 8), SPEAKER_TOOL);
	assert_int_equal(speaker_by_word("users", 5), SPEAKER_UNKNOWN);
	assert_int_equal(speaker_by_word("", 0), SPEAKER_UNKNOWN);
	assert_string_equal(speaker_name(SPEAKER_ASSISTANT), "assistant");
	assert_string_equal(speaker_name(SPEAKER_UNKNOWN), "");
	assert_string_equal(speaker_name((enum speaker)99), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(paths),
	        cmocka_unit_test(long_paths),
	        cmocka_unit_test(places),
	        cmocka_unit_test(faults_told),
	        cmocka_unit_test(own_shapes),
	        cmocka_unit_test(own_words),
	        cmocka_unit_test(shipped),
	        cmocka_unit_test(speakers),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
