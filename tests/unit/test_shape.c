/* test_shape.c - which requests look like those of an AI API, and which only seem to. */
#include "classify/account.h"
#include "classify/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

struct example {
	const char *path, *header, *value; /* one header, or "" */
	const char *fields; /* "path=text" a line; without '=' a member whose text does not matter */
	const char *answer; /* "" none */
	const char *shape;  /* NULL: none */
};

#define CHAT   "model=m\nmessages[0].role=user\nmessages[0].content=hi\n"
#define PROMPT "model=m\nprompt=hi\n"

static const struct example examples[] = {
        {"/v1/chat/completions", "", "", CHAT, "", "openai-chat"},
        {"/openai/deployments/x/chat/completions", "", "", CHAT, "", "openai-chat"},
        {"/whatever", "", "", CHAT, "data: {\"id\":\"1\",\"choices\":[{", "openai-chat"},
        {"/v1/chat/completions", "user-agent", "OpenAI/Python 1.2", CHAT, "", "openai-chat"},
        {"/v1/messages", "anthropic-version", "2023-06-01", CHAT, "", "anthropic-messages"},
        {"/proxy/v1/messages", "", "", CHAT, "", "anthropic-messages"},
        {"/x", "anthropic-version", "2023-06-01", CHAT, "", "anthropic-messages"},
        {"/v1/responses", "", "", "model=m\ninput=hi\n", "", "openai-responses"},
        {"/v1/responses", "", "", "model=m\ninput[0].content[0].text=hi\n", "", "openai-responses"},
        {"/v1/completions", "", "", PROMPT, "", "openai-completions"},
        {"/v1/embeddings", "", "", "model=m\ninput=hi\n", "", "openai-embeddings"},
        {"/v1/images/generations", "", "", "prompt=a cat\n", "", "openai-images"},
        {"/sdapi/v1/txt2img", "", "", "prompt=a cat\n", "", "openai-images"},
        {"/v1beta/models/g:generateContent", "", "", "contents[0].parts[0].text=hi\n", "", "gemini-generate"},
        {"/v1/m:streamGenerateContent", "x-goog-api-key", "k", "contents[0].parts[0].text=hi\n", "",
                "gemini-generate"},
        {"/model/a.b/converse", "", "", "messages[0].role=user\nmessages[0].content[0].text=hi\n", "",
                "bedrock-converse"},
        {"/model/a.b/invoke", "", "", "messages[0].role=user\n", "", "bedrock-invoke"},
        {"/api/chat", "", "", CHAT, "", "ollama"},
        {"/api/generate", "", "", PROMPT, "", "ollama"},
        {"/api/generate/", "", "", PROMPT, "", "ollama"},
        {"/x", "", "", PROMPT, "{\"model\":\"m\",\"response\":\"a\",\"done\":false}", "ollama"},
        {"/v2/chat", "", "", CHAT, "", "cohere-v2"},
        {"/generate", "", "", "inputs=hi\n", "", "tgi"},
        {"/generate_stream", "", "", "inputs=hi\n", "", "tgi"},
        {"/api/v1/generate", "", "", "prompt=hi\n", "", "kobold"},
        {"/v2/models/m/infer", "", "", "inputs[0].datatype=BYTES\n", "", "triton"},
        {"/v2/models/m/generate", "", "", "text_input=hi\n", "", "triton"},
        {"/completion", "", "", "prompt=hi\n", "", "llamacpp"},
        {"/infill", "", "", "prompt=hi\n", "", "llamacpp"},
        {"/anything", "", "", "jsonrpc=2.0\nmethod=tools/call\nparams.name=search\n", "", "mcp-http"},
        {"/mcp", "", "", "jsonrpc=2.0\nmethod=initialize\nparams.protocolVersion=2025-06-18\n", "",
                "mcp-http"},
        {"/a", "", "", "[0].jsonrpc=2.0\n[0].method=resources/read\n", "", "mcp-http"},
        {"/", "", "", "jsonrpc=2.0\nmethod=message/send\nparams.message.parts[0].text=hi\n", "", "a2a"},
        {"/", "", "", "jsonrpc=2.0\nmethod=message/stream\nparams.message.parts[0].kind=text\n", "", "a2a"},

        /* look-alikes */
        {"/api/rooms/7", "", "", "messages[0].content=hi\nmessages[0].author=ann\n", "", NULL},
        {"/api/chat", "", "", "text=hi\nroom=7\n", "", NULL},
        {"/api/chat", "", "", "messages[0].role=admin\nmessages[0].content=hi\n", "", NULL},
        {"/lsp", "", "", "jsonrpc=2.0\nmethod=initialize\nparams.clientInfo.name=vim\n", "", NULL},
        {"/", "", "", "jsonrpc=2.0\nmethod=eth_call\n", "{\"jsonrpc\":\"2.0\"}", NULL},
        {"/rpc", "", "", "jsonrpc=2.0\nmethod=textDocument/hover\n", "", NULL},
        {"/graphql", "", "", "query={ me }\noperationName=Me\nmodel=x\n", "", NULL},
        {"/blog/completions", "", "", "name=x\n", "", NULL},
        {"/search", "", "", "input=shoes\n", "", NULL},
        {"/cars/responses", "", "", "model=T\nyear=1908\n", "", NULL},
        {"/v1/chat/completions", "", "", "", "", NULL},
        {"/v1/messages", "", "", "to=ann\nbody=hi\n", "", NULL},
        {"/generate", "", "", "report=weekly\n", "", NULL},
        {"/pdf/generate", "", "", "template=a\nmodel=b\n", "", NULL},
        {"/model/T/invoke", "", "", "argument=1\n", "", NULL},
        {"/tasks", "", "", "method=tasks/get\n", "", NULL},
        {"/x", "", "", "jsonrpc=2.0\nmethod=tasks/get\nparams.id=7\n", "", NULL},
        {"/x", "", "", "model=m\nprompt=hi\n", "{\"ok\":true}", NULL},
        {"/v1/embeddings", "", "", "model=m\n", "{\"embedding\":", "openai-embeddings"},
        {"/notv1/messagesx", "", "", CHAT, "", NULL},
        {"/xapi/chats", "", "", CHAT, "", NULL},
        {"/upload", "x-goog-api-key", "k", "name=f\n", "", NULL},
        {"/v1/chat/completions", "user-agent", "OpenAI/Python 1.2", "", "", NULL},
        {"/poll", "", "", "choices[0]=a\nmodel=b\n", "{\"choices\":[1,2]}", NULL},
};

static void look(struct shape *s, const struct example *e)
{
	struct header h = {.name = slice_of(e->header, strlen(e->header)),
	        .value = slice_of(e->value, strlen(e->value))};
	struct message m = {.path = slice_of(e->path, strlen(e->path)),
	                       .headers = &h,
	                       .n_headers = *e->header != 0},
	               a = {.status = 200};

	memset(s, 0, sizeof(*s));
	shape_head(s, &m);
	for (const char *p = e->fields; *p;) {
		size_t n = strcspn(p, "\n"), key = strcspn(p, "=");

		shape_field(s, p, key);
		if (shape_reads(p, key))
			shape_text(s, p, key, (const uint8_t *)p + key + 1, n - key - 1);
		p += n + 1;
	}
	if (*e->answer)
		shape_answer(s, &a, (const uint8_t *)e->answer, strlen(e->answer));
}

static void shapes(void **state)
{
	size_t yes = 0, no = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		const struct example *e = &examples[i];
		struct shape s;
		char text[160];

		look(&s, e);
		if (!e->shape && s.name)
			fail_msg("%zu %s %s: looks like %s (%u)", i, e->path, e->fields, s.name, s.sure);
		if (e->shape && (!s.name || strcmp(s.name, e->shape) != 0))
			fail_msg("%zu %s: looks like %s (%u), should be %s", i, e->path,
			        s.name ? s.name : "nothing", s.sure, e->shape);
		if (s.name)
			assert_non_null(strstr(shape_evidence(&s, text, sizeof(text)), "are those of"));
		*(e->shape ? &yes : &no) += 1;
	}
	assert_true(yes >= 30 && no >= 20);
}

static void probes(void **state)
{
	static const char yes[] = "POST /api/chat HTTP/1.1\r\nHost: x\r\n\r\n",
	                  query[] = "POST /v1/chat/completions?x=1 HTTP/1.1\r\n",
	                  get[] = "GET /api/chat HTTP/1.1\r\n",
	                  other[] = "POST /orders HTTP/1.1\r\nHost: x\r\n";

	(void)state;
	assert_true(shape_probe((const uint8_t *)yes, sizeof(yes) - 1));
	assert_true(shape_probe((const uint8_t *)query, sizeof(query) - 1));
	assert_false(shape_probe((const uint8_t *)get, sizeof(get) - 1));
	assert_false(shape_probe((const uint8_t *)other, sizeof(other) - 1));
	for (size_t n = 0; n < 20; n++)
		assert_false(shape_probe((const uint8_t *)yes, n < 14 ? n : 0));
}

/* ---- accounts: every place where the catalogue can say that one shows ---- */

static void accounts(void **state)
{
	static const struct service_account list[] = {
	        {ACCOUNT_HEADER, "openai-organization", "organization", ""},
	        {ACCOUNT_HOST, "{account}.openai.azure.com", "resource", ""},
	        {ACCOUNT_HOST, "{x}.business.githubcopilot.com", "", "business"},
	        {ACCOUNT_PATH, "/api/organizations/{account}", "organization", ""},
	        {ACCOUNT_PATH, "/backend-anon", "", "anonymous"}};
	const struct service svc = {.accounts = list, .n_accounts = 5};
	static const struct {
		const char *host, *path, *id, *by, *plan;
	} cases[] = {{"corp.openai.azure.com", "/", "corp", "host", ""},
	        {"a.b.openai.azure.com", "/", "", "", ""}, {"openai.azure.com", "/", "", "", ""},
	        {"notopenai.azure.com", "/", "", "", ""},
	        {"api.business.githubcopilot.com", "/", "", "", "business"},
	        {"business.githubcopilot.com", "/", "", "", ""},
	        {"x", "/api/organizations/o-1/chat", "o-1", "path", ""},
	        {"x", "/api/organizations/o-1", "o-1", "path", ""}, {"x", "/api/organizations/", "", "", ""},
	        {"x", "/api/organizationsx/o-1", "", "", ""},
	        {"x", "/backend-anon/f/conversation", "", "", "anonymous"},
	        {"x", "/backend-anonymous", "", "", ""}};
	struct header h = {.name = SLICE("OpenAI-Organization"), .value = SLICE("org-1")};
	struct account a;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct message m = {.path = slice_of(cases[i].path, strlen(cases[i].path))};

		account_find(&svc, cases[i].host, &m, &a);
		assert_int_equal(a.n, cases[i].id[0] != 0);
		assert_string_equal(a.id[0], cases[i].id);
		assert_string_equal(a.by[0], cases[i].by);
		assert_string_equal(a.plan, cases[i].plan);
	}
	{
		struct message m = {.path = SLICE("/api/organizations/o-2/x"), .headers = &h, .n_headers = 1};

		account_find(&svc, "corp.openai.azure.com", &m, &a);
		assert_int_equal(a.n, 3);
		assert_string_equal(a.id[0], "org-1");
		assert_string_equal(a.by[0], "header openai-organization");
	}
	account_find(NULL, "x", NULL, &a);
	assert_int_equal(a.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(shapes),
	        cmocka_unit_test(probes),
	        cmocka_unit_test(accounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
