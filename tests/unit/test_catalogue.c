/* test_catalogue.c - the shipped catalogue and its reader.  Run from the root of the project.  Every rule
 * against hostile names: test_catalogue_mutations.c. */
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

static struct catalogue *shipped;

static int setup(void **state)
{
	static const char *const place[] = {"config/catalogue"};
	struct faults f;

	(void)state;
	faults_init(&f);
	shipped = catalogue_load(place, 1, &f);
	faults_print(&f, stderr);
	faults_clear(&f);
	return shipped ? 0 : -1;
}

static const struct service *by_name(const char *name, const char *path)
{
	char host[HOST_MAX];

	if (!host_normalize(name, strlen(name), host))
		return NULL;
	return catalogue_host(shipped, host, path).service;
}

static void expect(const char *name, const char *path, const char *id)
{
	const struct service *s = by_name(name, path);

	if (!id && s)
		fail_msg("%s%s should be nobody's, is %s", name, path ? path : "", s->id);
	if (id && (!s || strcmp(s->id, id) != 0))
		fail_msg("%s%s should be %s, is %s", name, path ? path : "", id, s ? s->id : "nobody's");
}

static void test_size(void **state)
{
	size_t hosts = 0;

	(void)state;
	for (size_t i = 0; i < catalogue_count(shipped); i++) {
		const struct service *s = catalogue_at(shipped, i);

		hosts += s->n_hosts;
		assert_int_equal(s->index, i);
		assert_ptr_equal(catalogue_by_id(shipped, s->id), s);
		assert_true(*s->name && *s->vendor && *s->kind && *s->confidence && *s->file && s->line);
	}
	assert_true(catalogue_count(shipped) >= 220);
	assert_true(hosts >= 620);
	assert_null(catalogue_by_id(shipped, "no-such"));
	assert_null(catalogue_at(shipped, catalogue_count(shipped)));
	assert_string_equal(catalogue_near(shipped, "opnai-api"), "openai-api");
	assert_null(catalogue_near(shipped, "something-else-entirely"));
}

static void test_known_names(void **state)
{
	static const struct {
		const char *name, *path, *id;
	} known[] = {
	        {"api.openai.com", NULL, "openai-api"},
	        {"eu.api.openai.com", NULL, "openai-api"},
	        {"platform.openai.com", NULL, "openai-site"},
	        {"chatgpt.com", NULL, "chatgpt"},
	        {"chatgpt.com", "/backend-api/conversation", "chatgpt"},
	        {"chatgpt.com", "/backend-api/codex/responses", "openai-codex"},
	        {"chatgpt.com", "/backend-api/codexes", "chatgpt"},
	        {"ws.chatgpt.com", NULL, "chatgpt"},
	        {"files.oaiusercontent.com", NULL, "chatgpt"},
	        {"chatgpt-async-webps-prod-eastus-1.webpubsub.azure.com", NULL, "chatgpt"},
	        {"api.anthropic.com", NULL, "anthropic-api"},
	        {"api.anthropic.com", "/v1/messages", "anthropic-api"},
	        {"claude.ai", NULL, "claude-web"},
	        {"generativelanguage.googleapis.com", NULL, "gemini-api"},
	        {"aiplatform.googleapis.com", NULL, "vertex-ai"},
	        {"europe-west4-aiplatform.googleapis.com", NULL, "vertex-ai"},
	        {"gemini.google.com", NULL, "gemini-web"},
	        {"bedrock-runtime.us-east-1.amazonaws.com", NULL, "aws-bedrock"},
	        {"vpce-1-a.bedrock-runtime.eu-west-1.vpce.amazonaws.com", NULL, "aws-bedrock"},
	        {"contoso-weu.openai.azure.com", NULL, "azure-openai"},
	        {"api.deepseek.com", NULL, "deepseek-api"},
	        {"chat.deepseek.com", NULL, "deepseek-web"},
	        {"api.mistral.ai", NULL, "mistral-api"},
	        {"api.githubcopilot.com", NULL, "github-copilot"},
	        {"api.business.githubcopilot.com", NULL, "github-copilot"},
	        {"github.com", "/copilot/chat", "github-copilot"},
	        {"github.com", "/copilot", "github-copilot"},
	        {"api.github.com", "/copilot_internal/v2/token", "github-copilot"},
	        {"copilot.microsoft.com", NULL, "microsoft-copilot"},
	        {"substrate.office.com", "/m365Copilot/Chathub/a@b", "m365-copilot"},
	        {"www.bing.com", "/sydney/ChatHub", "bing-copilot"},
	        {"api.groq.com", NULL, "groq"},
	        {"api.x.ai", NULL, "xai-api"},
	        {"openrouter.ai", NULL, "openrouter"},
	        {"api.cohere.com", NULL, "cohere"},
	        {"www.perplexity.ai", NULL, "perplexity-web"},
	        {"api.perplexity.ai", NULL, "perplexity-api"},
	        {"huggingface.co", NULL, "huggingface-hub"},
	        {"huggingface.co", "/chat/conversation/1", "huggingchat"},
	        {"huggingface.co", "/chatty/model", "huggingface-hub"},
	        {"api.cloudflare.com", "/client/v4/accounts/abc/ai/run/@cf/meta/llama", "cloudflare-ai"},
	        {"acme.cloud.databricks.com", "/serving-endpoints/m/invocations", "databricks-ai"},
	        {"duckduckgo.com", "/duckchat/v1/chat", "duck-ai"},
	        {"www.notion.so", "/api/v3/runInferenceTranscript", "notion-ai"},
	        /* nobody's */
	        {"example.com", NULL, NULL},
	        {"paste.example.net", NULL, NULL},
	        {"ollama.example.net", NULL, NULL},
	        {"ws2.example.net", NULL, NULL},
	        {"github.com", "/torvalds/linux", NULL},
	        {"github.com", "/copilots", NULL},
	        {"github.com", "/x/copilot", NULL},
	        {"github.com", NULL, NULL},
	        {"raw.githubusercontent.com", NULL, NULL},
	        {"www.bing.com", "/search", NULL},
	        {"s3.us-east-1.amazonaws.com", NULL, NULL},
	        {"bedrock-runtime.amazonaws.com", NULL, NULL},
	        {"bedrock-runtime.a.b.amazonaws.com", NULL, NULL},
	        {"storage.googleapis.com", NULL, NULL},
	        {"api.openai.com.evil.example", NULL, NULL},
	        {"notopenai.com", NULL, NULL},
	        {"openai.com.example", NULL, NULL},
	        {"api-openai.com", NULL, NULL},
	        {"xn--pi-7kc.openai.example", NULL, NULL},
	        {"xn--openi-3ve.com", NULL, NULL},
	        {"xn--chtgpt-9cf.com", NULL, NULL},
	        {"ai", NULL, NULL},
	        {"com", NULL, NULL},
	        {"160.79.104.10", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++)
		expect(known[i].name, known[i].path, known[i].id);
}

static void test_shared_is_told(void **state)
{
	struct service_match m = catalogue_host(shipped, "github.com", NULL);

	(void)state;
	assert_true(m.shared && !m.service && m.rule && m.rule->path_required);
	m = catalogue_host(shipped, "acme.azuredatabricks.net", NULL);
	assert_true(m.shared && !m.service);
	m = catalogue_host(shipped, "github.com", "/torvalds");
	assert_true(!m.shared && !m.service && !m.rule);
	m = catalogue_host(shipped, "chatgpt.com", NULL);
	assert_true(!m.shared && m.service && !m.rule->path_required);
}

static void test_never_attributes(void **state)
{
	/* analytics, sign-in and the like, as seen inside AI products */
	static const char *const names[] = {
	        "browser-intake-datadoghq.com",
	        "rum.browser-intake-datadoghq.com",
	        "browser-intake-us5-datadoghq.com",
	        "sentry.io",
	        "statsig.com",
	        "statsigapi.net",
	        "api.statsig.com",
	        "events.statsigapi.net",
	        "featuregates.org",
	        "featureassets.org",
	        "prodregistryv2.org",
	        "cdn.growthbook.io",
	        "intercom.io",
	        "intercomcdn.com",
	        "segment.io",
	        "launchdarkly.com",
	        "client-api.arkoselabs.com",
	        "challenges.cloudflare.com",
	        "static.cloudflareinsights.com",
	        "default.exp-tas.com",
	        "collector.github.com",
	        "in.appcenter.ms",
	        "self.events.data.microsoft.com",
	        "cdn.usefathom.com",
	        "algolia.net",
	        "auth0.com",
	        "js.stripe.com",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++) {
		char below[HOST_MAX];

		expect(names[i], NULL, NULL);
		expect(names[i], "/v1/chat/completions", NULL);
		snprintf(below, sizeof(below), "x.%s", names[i]);
		expect(below, NULL, NULL);
	}
}

static void test_address(void **state)
{
	static const struct {
		const char *address, *id;
	} known[] = {
	        {"160.79.104.0", "anthropic-api"},
	        {"160.79.105.255", "anthropic-api"},
	        {"160.79.106.0", NULL},
	        {"160.79.103.255", NULL},
	        {"2607:6bc0::1", "anthropic-api"},
	        {"2607:6bc0:0:ffff::", "anthropic-api"},
	        {"2607:6bc0:1::", NULL},
	        {"10.0.0.1", NULL},
	        {"::1", NULL},
	        {"104.18.6.192", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct ip_addr a;
		struct service_match m;

		assert_int_equal(ip_parse(known[i].address, &a), 0);
		m = catalogue_address(shipped, &a);
		assert_true(!m.service == !known[i].id);
		if (m.service) {
			assert_string_equal(m.service->id, known[i].id);
			assert_non_null(m.range);
			assert_true(cidr_covers(m.range, &a));
		}
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *pattern, *path;
		bool fits;
	} cases[] = {
	        {"/copilot", "/copilot", true},
	        {"/copilot", "/copilot/", true},
	        {"/copilot", "/copilot/a/b", true},
	        {"/copilot", "/copilots", false},
	        {"/copilot", "/Copilot", false},
	        {"/copilot", "/x/copilot", false},
	        {"/copilot", "/copilo", false},
	        {"/copilot", "", false},
	        {"/copilot*", "/copilots", true},
	        {"/copilot/*", "/copilot/", true},
	        {"/copilot/*", "/copilot", false},
	        {"/mcp/", "/mcp/x", true},
	        {"/", "/", true},
	        {"/", "/x", false},
	        {"/a/{x}/b", "/a/1/b", true},
	        {"/a/{x}/b", "/a/1/b/c", true},
	        {"/a/{x}/b", "/a/1/2/b", false},
	        {"/a/{x}/b", "/a//b", false},
	        {"/a/{x}", "/a/", false},
	        {"/m/{x}:gen", "/m/a:b:gen", true},
	        {"/m/{x}:gen", "/m/a:gen:gen", true},
	        {"/m/{x}:gen", "/m/:gen", false},
	        {"/m/{x}:gen", "/m/a:genx", false},
	        {"/{x}-{y}/z", "/a-b-c/z", true},
	        {"*/chat/completions", "/v1/chat/completions", true},
	        {"*/chat/completions", "/chat/completions", true},
	        {"*/chat/completions", "/chat/chat/completions/x", true},
	        {"*/chat/completions", "/v1/chat/completionsx", false},
	        {"/a*b*c", "/a-b-b-c", true},
	        {"/a*b*c", "/a-b-b-cd", false},
	        {"/a*{x}:y", "/a/b/c:y", true},
	        {"/a*{x}:y", "/a/b/:y", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (catalogue_path_fits(cases[i].pattern, cases[i].path) != cases[i].fits)
			fail_msg("%s on %s should %sfit", cases[i].pattern, cases[i].path,
			        cases[i].fits ? "" : "not ");
}

/* A path comes off the wire at any length: it is cut, and decided in time. */
static void test_long_path(void **state)
{
	char *path = malloc(70000);

	(void)state;
	assert_non_null(path);
	memset(path, 'a', 70000);
	path[0] = '/';
	path[69999] = '\0';
	assert_false(catalogue_path_fits("/copilot", path));
	assert_false(catalogue_path_fits("*{x}aab*{y}aac*aad", path));
	assert_true(catalogue_path_fits("/a*", path));
	memcpy(path, "/copilot/", 9);
	assert_true(catalogue_path_fits("/copilot", path));
	free(path);
}

/* Reader: files written for the purpose. */
static char dir[] = "/tmp/leaktap-catalogue-XXXXXX";

static const char *put(const char *name, const char *text, size_t n)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];
	FILE *f;

	snprintf(p, sizeof(path[0]), "%s/%s", dir, name);
	f = fopen(p, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	fclose(f);
	return p;
}

static struct catalogue *load(const char *const *places, size_t n, char *said, size_t cap)
{
	struct faults f;
	struct catalogue *c;

	faults_init(&f);
	c = catalogue_load(places, n, &f);
	assert_true((c != NULL) == (f.total == 0));
	*said = '\0';
	for (size_t i = 0, len = 0; i < f.n && len < cap; i++)
		len += (size_t)snprintf(said + len, cap - len, "%u:%u: %s\n", f.list[i].line,
		        f.list[i].column, f.list[i].text);
	faults_clear(&f);
	return c;
}

#define HEAD "services:\n  - id: a\n    name: A\n    vendor: V\n    kind: api\n"
static void test_faults(void **state)
{
	static const struct {
		const char *text, *says; /* of the place and the text */
	} cases[] = {
	        {HEAD "    hosts: [{match: exact, host: a.example, role: api}]\n", ""},
	        {HEAD "    hots: []\n", "6:5: `hots' is no key here (did you mean `hosts'?)"},
	        {"service: []\n", "1:1: `service' is no key here (did you mean `services'?)"},
	        {"services: {}\n", "`services' must be a list"},
	        {"- a\n", "must be a map"},
	        {"services: [a]\n", "must be a map"},
	        {"services:\n  - id: a\n    vendor: V\n    kind: api\n    wire: [x]\n",
	                "2:5: `name' is missing"},
	        {"services:\n  - {id: A b, name: A, vendor: V, kind: api, wire: [x]}\n",
	                "2:10: `id': `A b' is not"},
	        {"services:\n  - {id: a, name: A, vendor: V, kind: apis, wire: [x]}\n",
	                "did you mean `api'?"},
	        {"services:\n  - {id: a, name: A, vendor: V, kind: api, country: usa, wire: [x]}\n",
	                "not two capital letters"},
	        {HEAD, "nothing can ever be this service"},
	        {HEAD "    hosts: [{match: exat, host: a.example, role: api}]\n", "did you mean `exact'?"},
	        {HEAD "    hosts: [{match: exact, host: a.example, role: apis}]\n", "did you mean `api'?"},
	        {HEAD "    hosts: [{match: exact, host: a.example}]\n", "6:13: `role' is missing"},
	        {HEAD "    hosts: [{match: exact, host: A.example, role: api}]\n", "lower case"},
	        {HEAD "    hosts: [{match: exact, host: a.example., role: api}]\n", "trailing dot"},
	        {HEAD "    hosts: [{match: exact, host: \"a.example:443\", role: api}]\n", "without port"},
	        {HEAD "    hosts: [{match: exact, host: a..example, role: api}]\n", "not a host name"},
	        {HEAD "    hosts: [{match: exact, host: \"a b\", role: api}]\n", "not a host name"},
	        {HEAD "    hosts: [{match: exact, host: 192.0.2.1, role: api}]\n", "belongs in `ranges'"},
	        {HEAD "    hosts: [{match: suffix, host: \"*.a.example\", role: api}]\n", "without `*.'"},
	        {HEAD "    hosts: [{match: exact, host: \"{x}.a.example\", role: api}]\n",
	                "needs match: pattern"},
	        {HEAD "    hosts: [{match: pattern, host: a.example, role: api}]\n", "needs a placeholder"},
	        {HEAD "    hosts: [{match: pattern, host: \"{x.a.example\", role: api}]\n",
	                "a placeholder is {x}"},
	        {HEAD "    hosts: [{match: pattern, host: \"{x}.example\", role: api}]\n",
	                "at least two labels"},
	        {HEAD "    hosts: [{match: pattern, host: \"a.b.{x}\", role: api}]\n", "at least two labels"},
	        {HEAD "    hosts: [{match: suffix, host: com, role: api}]\n", "6:13: `com' would match"},
	        {HEAD "    hosts: [{match: suffix, host: co.uk, role: api}]\n", "a public suffix"},
	        {HEAD "    hosts: [{match: pattern, host: \"ai-{x}.co.uk\", role: api}]\n",
	                "the label before it must stand as it is"},
	        {HEAD "    hosts: [{match: pattern, host: \"{x}.ours.co.uk\", role: api}]\n", ""},
	        {HEAD "    hosts: [{match: exact, host: \"a.*.example\", role: api}]\n",
	                "6:34: `a.*.example': `*' means nothing in a name"},
	        {HEAD "    ranges: [192.0.2.1, 8.0.0.0/7]\n", "6:25: the range of a at 8.0.0.0 is wider"},
	        {HEAD "    ranges: [\"2001::/19\"]\n", "6:14: the range of a at 2001:: is wider"},
	        {HEAD "    hosts: [{match: suffix, host: amazonaws.com, role: api}]\n",
	                "claims all of amazonaws.com"},
	        {HEAD "    hosts: [{match: suffix, host: github.com, role: api}]\n",
	                "claims all of github.com"},
	        {HEAD "    hosts: [{match: pattern, host: \"{a}.{b}.amazonaws.com\", role: api}]\n",
	                "claims all of"},
	        {HEAD "    hosts: [{match: pattern, host: \"own-{b}.amazonaws.com\", role: api}]\n", ""},
	        {HEAD "    hosts: [{match: exact, host: sentry.io, role: api}]\n", "never attributes"},
	        {HEAD "    hosts: [{match: suffix, host: statsig.com, role: api}]\n", "would attribute"},
	        {HEAD "    hosts: [{match: exact, host: api.openai.com, role: api}]\n",
	                "claimed already by openai-api at config/catalogue/apis.yaml:"},
	        {HEAD "    hosts: [{match: exact, host: a.example, role: api}, {match: exact, host: "
	              "a.example, role: web}]\n",
	                "claimed already by a at"},
	        {HEAD "    hosts: [{match: exact, host: a.example, role: api, path_required: true}]\n",
	                "needs `paths'"},
	        {HEAD "    hosts: [{match: exact, host: a.example, role: api, paths: [/x]}]\n",
	                "only has a meaning"},
	        {HEAD "    hosts: [{match: exact, host: a.example, role: api, path_required: yes, paths: "
	              "[/x]}]\n",
	                "true or false"},
	        {HEAD "    hosts: [{match: exact, host: a.example, role: api, path_required: true, paths: "
	              "[x]}]\n",
	                "not the pattern of a path"},
	        {HEAD "    hosts: [{match: exact, host: a.example, role: api, path_required: true, paths: "
	              "[/]}]\n",
	                "not the pattern of a path"},
	        {HEAD "    paths: [FETCH /x]\n    wire: [x]\n", "6:13: `paths': `FETCH /x' is not a method"},
	        {HEAD "    prompt_at: [\"a b\"]\n    wire: [x]\n", "not a field path"},
	        {HEAD "    ranges: [10.0.0.1/8]\n", "6:14:"},
	        {HEAD "    ranges: [0.0.0.0/0]\n", "wider than a /12"},
	        {HEAD "    ranges: [160.79.104.0/23]\n", "claimed already by anthropic-api"},
	        {HEAD "    ports: [0]\n", "from 1 to 65535"},
	        {HEAD "    ports: [70000]\n", "from 1 to 65535"},
	        {HEAD "    ports: [-1]\n", "from 1 to 65535"},
	        {HEAD "    keys: [{issuer: a}]\n    wire: [x]\n", "`format' is missing"},
	        {HEAD "    name: B\n    wire: [x]\n", "6:5:"},
	        {HEAD "    wire: [x]\n  - id: a\n    name: A\n    vendor: V\n    kind: api\n    wire: [x]\n",
	                "7:5: the id `a' stands already"},
	        {"services: [{extends: opnai-api, wire: [x]}]\n", "did you mean `openai-api'?"},
	        {"services: [{extends: openai-api, name: Mine}]\n", "cannot stand beside `extends'"},
	        {"services: [{extends: openai-api, kind: api}]\n", "cannot stand beside `extends'"},
	        {"services: [{extends: openai-api, hosts: [{match: exact, host: llm.corp.example, role: "
	         "api}]}]\n",
	                ""},
	        {"shared_zones: [{zone: corp.example}]\n", "`why' is missing"},
	        {"shared_zones: [{zone: Corp.example, why: x}]\n", "lower case"},
	        {"never: [Bad Name]\n", "lower case"},
	        {"never: [api.openai.com]\n", "would attribute api.openai.com"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *places[] = {
		        "config/catalogue", put("own.yaml", cases[i].text, strlen(cases[i].text))};
		char said[4096];
		struct catalogue *c = load(places, 2, said, sizeof(said));

		if (!*cases[i].says != !*said || !strstr(said, cases[i].says))
			fail_msg("%s\nshould say `%s', said:\n%s", cases[i].text, cases[i].says, said);
		catalogue_free(c);
	}
}

static void test_places(void **state)
{
	static const char own[] = "services:\n"
	                          "  - extends: openai-api\n"
	                          "    hosts: [{match: exact, host: llm.corp.example, role: api}]\n"
	                          "    issuers: [corp]\n"
	                          "    ranges: [192.0.2.0/24]\n"
	                          "  - {id: duck-ai, name: Ours, vendor: We, kind: chat, hosts:\n"
	                          "      [{match: suffix, host: ducks.example, role: web}]}\n";
	const char *places[] = {"config/catalogue", put("own.yaml", own, sizeof(own) - 1)};
	char said[1024];
	struct catalogue *c = load(places, 2, said, sizeof(said));
	const struct service *s, *old = catalogue_by_id(shipped, "openai-api");
	struct service_match m;
	struct ip_addr a;

	(void)state;
	assert_string_equal(said, "");
	assert_int_equal(catalogue_count(c), catalogue_count(shipped));
	s = catalogue_by_id(c, "openai-api");
	assert_int_equal(s->n_hosts, old->n_hosts + 1);
	assert_int_equal(s->n_issuers, old->n_issuers + 1);
	assert_int_equal(s->n_paths, old->n_paths);
	m = catalogue_host(c, "llm.corp.example", NULL);
	assert_ptr_equal(m.service, s);
	assert_string_equal(m.rule->file, places[1]);
	assert_int_equal(m.rule->line, 3);
	assert_int_equal(ip_parse("192.0.2.77", &a), 0);
	assert_ptr_equal(catalogue_address(c, &a).service, s);
	assert_ptr_equal(catalogue_host(c, "api.openai.com", NULL).service, s);
	/* replaced whole: the shipped hosts are gone */
	assert_string_equal(catalogue_by_id(c, "duck-ai")->name, "Ours");
	assert_null(catalogue_host(c, "duckduckgo.com", "/duckchat/v1/chat").service);
	assert_null(catalogue_host(c, "duck.ai", NULL).service);
	assert_non_null(catalogue_host(c, "www.ducks.example", NULL).service);
	catalogue_free(c);
	places[0] = "/nonexistent";
	assert_null(load(places, 1, said, sizeof(said)));
	assert_non_null(strstr(said, "cannot be read"));
	places[0] = dir; /* a directory is read by its *.yaml */
	put("own.yaml", HEAD "    wire: [x]\n", strlen(HEAD "    wire: [x]\n"));
	c = load(places, 1, said, sizeof(said));
	assert_int_equal(catalogue_count(c), 1);
	catalogue_free(c);
}

/* Longest prefix of nested ranges; every name of an empty catalogue is nobody's. */
static void test_nested_ranges_and_empty(void **state)
{
	static const char own[] =
	        "services:\n"
	        "  - {id: wide, name: W, vendor: V, kind: api, ranges: [192.0.0.0/16, \"2001:db8::/32\"]}\n"
	        "  - {id: narrow, name: N, vendor: V, kind: api, ranges: [192.0.2.128/25]}\n"
	        "  - {id: one, name: O, vendor: V, kind: api, ranges: [192.0.2.129]}\n";
	static const struct {
		const char *address, *id;
	} known[] = {{"192.0.2.1", "wide"}, {"192.0.2.128", "narrow"}, {"192.0.2.129", "one"},
	        {"192.0.2.255", "narrow"}, {"192.1.0.0", NULL}, {"2001:db8:ffff::1", "wide"}};
	const char *places[] = {put("own.yaml", own, sizeof(own) - 1)};
	char said[1024];
	struct catalogue *c = load(places, 1, said, sizeof(said));
	struct ip_addr a;

	(void)state;
	assert_string_equal(said, "");
	for (size_t i = 0; i < COUNT(known); i++) {
		const struct service *s;

		assert_int_equal(ip_parse(known[i].address, &a), 0);
		s = catalogue_address(c, &a).service;
		assert_true(!s == !known[i].id);
		if (s)
			assert_string_equal(s->id, known[i].id);
	}
	assert_null(catalogue_host(c, "api.openai.com", NULL).service);
	catalogue_free(c);
	places[0] = put("own.yaml", "", 0);
	c = load(places, 1, said, sizeof(said));
	assert_non_null(c);
	assert_int_equal(catalogue_count(c), 0);
	assert_null(catalogue_host(c, "api.openai.com", "/v1").service);
	assert_null(catalogue_address(c, &a).service);
	catalogue_free(c);
}

/* Damaged files: told or taken, never a crash; both outcomes must occur. */
static void test_damaged(void **state)
{
	static const char good[] =
	        "services:\n  - {id: a, name: A, vendor: V, kind: api, country: DE,\n"
	        "     hosts: [{match: pattern, host: \"a-{x}.b.example\", role: api, path_required: true,\n"
	        "       paths: [\"/a/{x}/b*\"]}], ranges: [192.0.2.0/24], ports: [80], wire: [x]}\n";
	char copy[sizeof(good)], said[1024];
	unsigned told = 0, taken = 0;

	(void)state;
	for (size_t n = 0; n < 2 * (sizeof(good) - 1); n++) {
		const char *place;
		struct catalogue *c;

		memcpy(copy, good, sizeof(good));
		if (n >= sizeof(good) - 1) /* then every byte with one bit turned, the bit walking along */
			copy[n - (sizeof(good) - 1)] ^= (char)(1 << n % 7);
		place = put("own.yaml", copy, n < sizeof(good) - 1 ? n : sizeof(good) - 1);
		c = load(&place, 1, said, sizeof(said));
		if (c) {
			catalogue_host(c, "a-1.b.example", "/a/1/bc");
			taken++;
		} else {
			told++;
		}
		catalogue_free(c);
	}
	assert_true(told > 100 && taken > 10);
}

static int remove_directory(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/own.yaml", dir);
	unlink(path);
	rmdir(dir);
	catalogue_free(shipped);
	(void)state;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_size),
	        cmocka_unit_test(test_known_names),
	        cmocka_unit_test(test_shared_is_told),
	        cmocka_unit_test(test_never_attributes),
	        cmocka_unit_test(test_address),
	        cmocka_unit_test(test_paths),
	        cmocka_unit_test(test_long_path),
	        cmocka_unit_test(test_faults),
	        cmocka_unit_test(test_places),
	        cmocka_unit_test(test_nested_ranges_and_empty),
	        cmocka_unit_test(test_damaged),
	};

	if (!mkdtemp(dir))
		return 1;
	return cmocka_run_group_tests(tests, setup, remove_directory);
}
