/* shape.c - see shape.h.
 *
 * A shape is a row of the table: where its requests go, the members of their body, headers that only it has,
 * and what its answers look like.  Each kind of evidence counts once; two kinds make a suspicion, one never
 * does but for methods of JSON-RPC that nobody else has. */
#include "classify/shape.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_LOOK SHAPE_ANSWER_BYTES
#define FIELD_MAX   SHAPE_FIELD_MAX

/* ---- what can be seen
 * -------------------------------------------------------------------------------------- */

/* Ends of request paths, at a '/' (or ':' of Google's verbs). */
enum path_bit {
	P_CHAT = 1 << 0,
	P_RESPONSES = 1 << 1,
	P_COMPLETIONS = 1 << 2,
	P_EMBEDDINGS = 1 << 3,
	P_MESSAGES = 1 << 4,
	P_GENERATE_CONTENT = 1 << 5,
	P_OLLAMA = 1 << 6,
	P_CONVERSE = 1 << 7,
	P_INVOKE = 1 << 8,
	P_GENERATE = 1 << 9,
	P_INFER = 1 << 10,
	P_COMPLETION = 1 << 11,
	P_IMAGE = 1 << 12,
	P_MCP = 1 << 13,
	P_COHERE = 1 << 14,
};

static const struct {
	const char *end;
	const char *inside; /* stands before it in the path; "" anything */
	uint32_t bit;
} paths[] = {
        {"/chat/completions", "", P_CHAT},
        {"/responses", "", P_RESPONSES},
        {"/completions", "", P_COMPLETIONS},
        {"/embeddings", "", P_EMBEDDINGS},
        {"/v1/messages", "", P_MESSAGES},
        {":generateContent", "", P_GENERATE_CONTENT},
        {":streamGenerateContent", "", P_GENERATE_CONTENT},
        {"/api/generate", "", P_OLLAMA},
        {"/api/chat", "", P_OLLAMA},
        {"/api/embed", "", P_OLLAMA},
        {"/api/embeddings", "", P_OLLAMA},
        {"/converse", "/model/", P_CONVERSE},
        {"/converse-stream", "/model/", P_CONVERSE},
        {"/invoke", "/model/", P_INVOKE},
        {"/invoke-with-response-stream", "/model/", P_INVOKE},
        {"/generate", "", P_GENERATE},
        {"/generate_stream", "", P_GENERATE},
        {"/infer", "/v2/models/", P_INFER},
        {"/generate", "/v2/models/", P_INFER},
        {"/generate_stream", "/v2/models/", P_INFER},
        {"/completion", "", P_COMPLETION},
        {"/infill", "", P_COMPLETION},
        {"/api/v1/generate", "", P_GENERATE},
        {"/sdapi/v1/txt2img", "", P_IMAGE},
        {"/images/generations", "", P_IMAGE},
        {"/mcp", "", P_MCP},
        {"/v2/chat", "", P_COHERE},
};

enum key_bit {
	K_MODEL = 1 << 0,
	K_ROLE = 1 << 1,    /* messages[n].role with a word that models know */
	K_CONTENT = 1 << 2, /* messages[n].content */
	K_PROMPT = 1 << 3,
	K_INPUT = 1 << 4,
	K_PARTS = 1 << 5, /* contents[n].parts */
	K_INPUTS = 1 << 6,
	K_DATATYPE = 1 << 7, /* inputs[n].datatype */
	K_TEXT_INPUT = 1 << 8,
	K_JSONRPC = 1 << 9,
	K_METHOD_MCP = 1 << 10,
	K_METHOD_A2A = 1 << 11,
	K_PROTOCOL_VERSION = 1 << 12, /* params.protocolVersion: tells MCP's initialize from that of others */
	K_MESSAGE_PARTS = 1 << 13,    /* params.message.parts */
	K_INITIALIZE = 1 << 14,
	K_CONTENT_TEXT = 1 << 15, /* messages[n].content[n].text without a type beside it is Bedrock's */
};

static const struct {
	const char *name; /* without indices */
	uint32_t bit;
} members[] = {
        {"model", K_MODEL},
        {"messages.content", K_CONTENT},
        {"messages.content.text", K_CONTENT | K_CONTENT_TEXT},
        {"messages.parts.text", K_CONTENT},
        {"prompt", K_PROMPT},
        {"input", K_INPUT},
        {"input.content", K_INPUT},
        {"input.content.text", K_INPUT},
        {"contents.parts.text", K_PARTS},
        {"inputs", K_INPUTS},
        {"inputs.datatype", K_DATATYPE},
        {"text_input", K_TEXT_INPUT},
        {"jsonrpc", K_JSONRPC},
        {"params.protocolVersion", K_PROTOCOL_VERSION},
        {"params.message.parts.text", K_MESSAGE_PARTS},
        {"params.message.parts.kind", K_MESSAGE_PARTS},
        {"params.message.role", K_MESSAGE_PARTS},
};

enum header_bit {
	H_ANTHROPIC = 1 << 16,
	H_GOOGLE = 1 << 17,
	H_OPENAI = 1 << 18,
	H_MCP = 1 << 19,
	H_BEDROCK = 1 << 20,
	H_OLLAMA = 1 << 21,
};

static const struct {
	const char *name, *value; /* value: what it begins with; "" anything */
	uint32_t bit;
} headers[] = {
        {"anthropic-version", "", H_ANTHROPIC},
        {"anthropic-beta", "", H_ANTHROPIC},
        {"x-goog-api-key", "", H_GOOGLE},
        {"x-goog-api-client", "google-genai-sdk", H_GOOGLE},
        {"openai-organization", "", H_OPENAI},
        {"openai-project", "", H_OPENAI},
        {"openai-beta", "", H_OPENAI},
        {"user-agent", "OpenAI/", H_OPENAI},
        {"user-agent", "AsyncOpenAI/", H_OPENAI},
        {"user-agent", "Anthropic/", H_ANTHROPIC},
        {"user-agent", "AsyncAnthropic/", H_ANTHROPIC},
        {"user-agent", "ollama", H_OLLAMA},
        {"mcp-protocol-version", "", H_MCP},
        {"mcp-session-id", "", H_MCP},
        {"mcp-method", "", H_MCP},
};

enum answer_bit {
	A_STREAM = 1 << 0, /* text/event-stream or lines of JSON */
	A_CHOICES = 1 << 1,
	A_ANTHROPIC = 1 << 2,
	A_CANDIDATES = 1 << 3,
	A_OLLAMA = 1 << 4,
	A_JSONRPC = 1 << 5,
	A_RESPONSE = 1 << 6,
	A_EMBEDDING = 1 << 7,
};

static const struct {
	const char *text;
	uint8_t bit;
} answers[] = {
        {"\"choices\":", A_CHOICES},
        {"\"choices\" :", A_CHOICES},
        {"chat.completion", A_CHOICES},
        {"event: message_start", A_ANTHROPIC},
        {"\"type\":\"message\",\"role\":\"assistant\"", A_ANTHROPIC},
        {"\"stop_reason\":", A_ANTHROPIC},
        {"\"candidates\":", A_CANDIDATES},
        {"\"done\":", A_OLLAMA},
        {"\"object\":\"response\"", A_RESPONSE},
        {"event: response.created", A_RESPONSE},
        {"\"jsonrpc\":", A_JSONRPC},
        {"\"embedding\":", A_EMBEDDING},
};

/* Methods of JSON-RPC. */
static const char *const mcp_methods[] = {"tools/call", "tools/list", "resources/read", "resources/list",
        "resources/templates/list", "resources/subscribe", "prompts/get", "prompts/list",
        "completion/complete", "logging/setLevel", "sampling/createMessage", "elicitation/create",
        "roots/list", "server/discover", "notifications/initialized", "notifications/cancelled",
        "notifications/progress"};
static const char *const a2a_methods[] = {"message/send", "message/stream", "tasks/get", "tasks/cancel",
        "tasks/list", "tasks/resubscribe", "tasks/pushNotificationConfig/set",
        "tasks/pushNotificationConfig/get", "tasks/send", "tasks/sendSubscribe",
        "agent/getAuthenticatedExtendedCard", "SendMessage", "SendStreamingMessage", "GetTask", "CancelTask",
        "SubscribeToTask"};
static const char *const roles[] = {"user", "system", "assistant", "developer", "tool", "model", "function"};

/* ---- the shapes
 * -------------------------------------------------------------------------------------------- */

#define SCORE_PATH   35
#define SCORE_KEYS   35
#define SCORE_HEADER 30
#define SCORE_ANSWER 30

static const struct row {
	const char *name, *looks_like;
	uint32_t path;    /* one of these */
	uint32_t keys;    /* all of these ... */
	uint32_t or_keys; /* ... or all of these; 0: none */
	uint32_t header;  /* one of these */
	uint8_t answer;   /* one of these */
	uint8_t alone;    /* what the members are worth by themselves, when they are nobody else's */
} rows[] = {
        {"openai-chat", "an OpenAI-compatible API", P_CHAT, K_MODEL | K_ROLE, 0, H_OPENAI, A_CHOICES, 0},
        {"anthropic-messages", "Anthropic's API", P_MESSAGES, K_MODEL | K_ROLE, 0, H_ANTHROPIC, A_ANTHROPIC,
                0},
        {"ollama", "Ollama", P_OLLAMA, K_MODEL | K_ROLE, K_MODEL | K_PROMPT, H_OLLAMA, A_OLLAMA, 0},
        {"openai-responses", "an OpenAI-compatible API", P_RESPONSES, K_MODEL | K_INPUT, 0, H_OPENAI,
                A_RESPONSE, 0},
        {"openai-completions", "an OpenAI-compatible API", P_COMPLETIONS, K_MODEL | K_PROMPT, 0, H_OPENAI,
                A_CHOICES, 0},
        {"openai-embeddings", "an OpenAI-compatible API", P_EMBEDDINGS, K_MODEL | K_INPUT, 0, H_OPENAI,
                A_EMBEDDING, 0},
        {"openai-images", "an image generator", P_IMAGE, K_PROMPT, 0, H_OPENAI, 0, 0},
        {"gemini-generate", "Google's Gemini API", P_GENERATE_CONTENT, K_PARTS, 0, H_GOOGLE, A_CANDIDATES, 0},
        {"bedrock-converse", "the API of Amazon Bedrock", P_CONVERSE, K_ROLE | K_CONTENT_TEXT, 0, H_BEDROCK,
                0, 0},
        {"bedrock-invoke", "the API of Amazon Bedrock", P_INVOKE, K_ROLE, K_PROMPT, H_BEDROCK, 0, 0},
        {"cohere-v2", "Cohere's API", P_COHERE, K_MODEL | K_ROLE, 0, 0, 0, 0},
        {"tgi", "Text Generation Inference", P_GENERATE, K_INPUTS, 0, 0, 0, 0},
        {"kobold", "a local text generator", P_GENERATE, K_PROMPT, 0, 0, 0, 0},
        {"triton", "Triton Inference Server", P_INFER, K_DATATYPE, K_TEXT_INPUT, 0, 0, 0},
        {"llamacpp", "llama.cpp", P_COMPLETION, K_PROMPT, 0, 0, 0, 0},
        {"mcp-http", "a tool server (MCP)", P_MCP, K_JSONRPC | K_METHOD_MCP,
                K_JSONRPC | K_INITIALIZE | K_PROTOCOL_VERSION, H_MCP, A_JSONRPC, 70},
        {"a2a", "an agent (A2A)", 0, K_JSONRPC | K_METHOD_A2A | K_MESSAGE_PARTS, 0, 0, A_JSONRPC, 70},
};

static bool all_of(uint32_t have, uint32_t want)
{
	return want && (have & want) == want;
}

static unsigned score(const struct shape *s, const struct row *r)
{
	bool keys = all_of(s->keys, r->keys) || all_of(s->keys, r->or_keys);
	unsigned n = (s->head & r->path ? SCORE_PATH : 0u) + (keys ? SCORE_KEYS : 0u) +
	             (s->head & r->header ? SCORE_HEADER : 0u) + (s->answer & r->answer ? SCORE_ANSWER : 0u);

	if (keys && n < r->alone)
		n = r->alone;
	/* a header that a client always sends and a path are one client's habit, not a second kind of
	 * evidence */
	if (!keys && !(s->answer & r->answer) && n >= SHAPE_SURE)
		n = SHAPE_SURE - 1;
	return n < 99 ? n : 99;
}

static const struct row *best(const struct shape *s, unsigned *sure)
{
	const struct row *found = NULL;

	*sure = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		unsigned n = score(s, &rows[i]);

		if (n > *sure) {
			*sure = n;
			found = &rows[i];
		}
	}
	return found;
}

static void settle(struct shape *s)
{
	unsigned sure;
	const struct row *r = best(s, &sure);

	s->sure = (uint8_t)sure;
	s->name = r && sure >= SHAPE_SURE ? r->name : NULL;
}

/* ---- a request
 * --------------------------------------------------------------------------------------------- */

static bool ends_with(struct slice path, const char *end)
{
	size_t n = strlen(end);

	return path.n >= n && !memcmp(path.p + path.n - n, end, n);
}

static uint32_t path_bits(struct slice path)
{
	uint32_t bits = 0;

	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		if (ends_with(path, paths[i].end) &&
		        (!paths[i].inside[0] ||
		                memmem(path.p, path.n, paths[i].inside, strlen(paths[i].inside))))
			bits |= paths[i].bit;
	return bits;
}

static void keep_text(char *out, size_t cap, const uint8_t *p, size_t n)
{
	size_t k = n < cap ? n : cap - 1;

	if (k)
		memcpy(out, p, k);
	out[k] = '\0';
}

void shape_head(struct shape *s, const struct message *m)
{
	s->head = path_bits(m->path);
	for (unsigned i = 0; i < m->n_headers; i++) {
		const struct header *h = &m->headers[i];

		for (size_t k = 0; k < sizeof(headers) / sizeof(*headers); k++)
			if (slice_is_nocase(h->name, headers[k].name) &&
			        slice_starts_nocase(h->value, headers[k].value))
				s->head |= headers[k].bit;
		if (slice_is_nocase(h->name, "authorization") && h->value.n &&
		        memmem(h->value.p, h->value.n, "/bedrock/aws4_request", 21))
			s->head |= H_BEDROCK;
	}
	settle(s);
}

/* "messages[3].content[0].text" without its indices; what is longer than every name is none of ours. */
static size_t plain_path(const char *path, size_t n, char *out, size_t cap)
{
	size_t k = 0;
	bool index = false;

	for (size_t i = 0; i < n; i++) {
		if (path[i] == '[')
			index = true;
		else if (path[i] == ']')
			index = false;
		else if (!index && !(path[i] == '.' && !k)) { /* a batch begins with an index */
			if (k + 1 >= cap)
				return 0;
			out[k++] = path[i];
		}
	}
	out[k] = '\0';
	return k;
}

static bool one_of(const char *const *list, size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i], word))
			return true;
	return false;
}

#define ONE_OF(list, word) one_of(list, sizeof(list) / sizeof(*(list)), word)

void shape_field(struct shape *s, const char *path, size_t n)
{
	char name[48];

	/* long conversations repeat what was seen */
	if (n > FIELD_MAX || !n || !strchr("mpictj[", path[0]) ||
	        (path[0] == 'm' && n > 8 && all_of(s->keys, K_CONTENT | K_ROLE)))
		return;
	if (!plain_path(path, n, name, sizeof(name)))
		return;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++)
		if (!strcmp(members[i].name, name)) {
			s->keys |= members[i].bit;
			settle(s);
		}
}

bool shape_reads(const char *path, size_t n)
{
	static const char *const read[] = {"messages.role", "input.role", "method"};
	char name[48];

	if (n > FIELD_MAX || !n || !strchr("mi[", path[0]) || !plain_path(path, n, name, sizeof(name)))
		return false;
	return ONE_OF(read, name);
}

void shape_text(struct shape *s, const char *path, size_t n, const uint8_t *p, size_t len)
{
	char name[48], word[48];

	if (!plain_path(path, n, name, sizeof(name)))
		return;
	keep_text(word, sizeof(word), p, len);
	if (!strcmp(name, "messages.role") || !strcmp(name, "input.role")) {
		s->keys |= ONE_OF(roles, word) ? K_ROLE : 0;
	} else if (!strcmp(name, "method")) {
		s->keys |= (ONE_OF(mcp_methods, word) ? K_METHOD_MCP : 0) |
		           (ONE_OF(a2a_methods, word) ? K_METHOD_A2A : 0) |
		           (!strcmp(word, "initialize") ? K_INITIALIZE : 0);
	} else {
		return;
	}
	settle(s);
}

void shape_answer(struct shape *s, const struct message *m, const uint8_t *p, size_t n)
{
	n = n < ANSWER_LOOK ? n : ANSWER_LOOK;
	if (slice_starts_nocase(m->content_type, "text/event-stream") ||
	        slice_starts_nocase(m->content_type, "application/x-ndjson"))
		s->answer |= A_STREAM;
	for (size_t i = 0; n && i < sizeof(answers) / sizeof(*answers); i++)
		if (memmem(p, n, answers[i].text, strlen(answers[i].text)))
			s->answer |= answers[i].bit;
	settle(s);
}

const char *shape_looks_like(const struct shape *s)
{
	unsigned sure;
	const struct row *r = best(s, &sure);

	return r ? r->looks_like : "";
}

const char *shape_evidence(const struct shape *s, char *buf, size_t cap)
{
	unsigned sure, count = 0;
	const struct row *r = best(s, &sure);
	const char *part[4];
	size_t n = 0;

	buf[0] = '\0';
	if (!r)
		return buf;
	if (s->head & r->path)
		part[count++] = "path";
	if (all_of(s->keys, r->keys) || all_of(s->keys, r->or_keys))
		part[count++] = "body members";
	if (s->head & r->header)
		part[count++] = "headers";
	if (s->answer & r->answer)
		part[count++] = s->answer & A_STREAM ? "streamed answer" : "answer";
	for (unsigned i = 0; i < count && n < cap; i++)
		n += (size_t)snprintf(buf + n, cap - n, "%s%s",
		        !i               ? ""
		        : i + 1 == count ? " and "
		                         : ", ",
		        part[i]);
	if (n < cap)
		snprintf(buf + n, cap - n, " are those of %s", r->looks_like);
	return buf;
}

const char *shape_by_path(const struct shape *s)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (s->head & rows[i].path)
			return rows[i].name;
	return NULL;
}

/* POST and a path of the table, in the first packet. */
bool shape_probe(const uint8_t *p, size_t n)
{
	struct slice path;
	const uint8_t *end, *query;

	if (n < 16 || memcmp(p, "POST ", 5) != 0)
		return false;
	end = memchr(p + 5, ' ', n - 5 < 512 ? n - 5 : 512);
	if (!end)
		return false;
	path = slice_of(p + 5, (size_t)(end - p) - 5);
	query = memchr(path.p, '?', path.n);
	if (query)
		path.n = (size_t)((const char *)query - path.p);
	return path_bits(path) != 0;
}
