/* test_call.c - what requests ask for, with the shipped descriptions: operation, model, conversation, tool,
 * messages, files, the field of the user's words, and who says what; bodies go through the readers of
 * content, in pieces of every size. */
#include "classify/call.h"
#include "classify/content/content.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static struct catalogue *catalogue;
static struct content_pool *bodies;

static int setup(void **state)
{
	static const char *const place[] = {"config/catalogue"};
	const struct content_limits l = {.inflate_ratio = 200, .depth = 32};
	struct faults f;

	(void)state;
	faults_init(&f);
	catalogue = catalogue_load(place, 1, &f);
	faults_print(&f, stderr);
	faults_clear(&f);
	bodies = content_pool_create(2, &l);
	return catalogue && bodies ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	content_pool_destroy(bodies);
	catalogue_free(catalogue);
	return 0;
}

/* ---- one request ---- */

struct asked {
	struct call call;
	uint32_t mark;
	struct { /* of every field */
		char path[128];
		uint32_t mark;
	} field[64];
	size_t n_fields;
};

static void on_field(void *arg, const char *path, size_t n, const char *key, size_t key_len)
{
	struct asked *a = arg;
	char *exact = malloc(n ? n : 1);

	(void)key;
	(void)key_len;
	assert_non_null(exact);
	memcpy(exact, path, n);
	a->mark = call_field(&a->call, exact, n);
	free(exact);
	if (a->n_fields < COUNT(a->field)) {
		snprintf(a->field[a->n_fields].path, sizeof(a->field[0].path), "%.*s", (int)n, path);
		a->field[a->n_fields++].mark = a->mark;
	}
}

static void on_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct asked *a = arg;

	(void)offset;
	call_text(&a->call, p, n);
}

static void on_field_end(void *arg, bool whole)
{
	call_field_end(&((struct asked *)arg)->call, whole);
}

static void on_file(void *arg, const char *name, size_t n)
{
	(void)name;
	(void)n;
	call_file(&((struct asked *)arg)->call);
}

/* "name: value" lines to headers; returns their number. */
static unsigned split_headers(const char *text, struct header list[8])
{
	unsigned n = 0;

	while (*text && n < 8) {
		size_t name = strcspn(text, ":"), line = strcspn(text, "\n");

		list[n].name = slice_of(text, name);
		list[n++].value = slice_of(text + name + 2, line - name - 2);
		text += line + (text[line] == '\n');
	}
	return n;
}

/* `request` "POST /path?query"; "WS ..." is a message of a WebSocket. */
static void ask(struct asked *a, const char *service, const char *request, const char *headers,
        const char *type, const char *body, size_t step)
{
	const struct service *s = *service ? catalogue_by_id(catalogue, service) : NULL;
	struct text_sink out = {a, on_field, on_text, on_field_end, on_file};
	size_t method = strcspn(request, " "), target = strlen(request + method + 1),
	       path = strcspn(request + method + 1, "?");
	struct header list[8];
	struct message m = {.request = true,
	        .method = slice_of(request, method),
	        .path = slice_of(request + method + 1, path),
	        .content_type = slice_of(type, strlen(type)),
	        .content_length = -1,
	        .headers = list,
	        .n_headers = split_headers(headers, list)};
	struct content *c;

	if (*service && !s)
		fail_msg("there is no service %s", service);
	if (path < target)
		m.query = slice_of(m.path.p + path + 1, target - path - 1);
	if (slice_is(m.method, "WS")) {
		m.method = SLICE("GET");
		m.framed = true;
	}
	for (unsigned i = 0; i < m.n_headers; i++)
		m.upgrade = m.upgrade || slice_is_nocase(list[i].name, "upgrade");
	a->n_fields = 0;
	call_head(&a->call, catalogue, s, NULL, &m);
	if (m.query.n)
		content_query(bodies, &m.query, &(struct content_spent){0}, &out);
	c = content_open(bodies, &m, &out);
	assert_non_null(c);
	for (size_t i = 0, n = strlen(body); i < n; i += step)
		content_feed(c, (const uint8_t *)body + i, n - i < step ? n - i : step);
	content_close(c, NULL);
	call_end(&a->call);
}

static void add(char *out, size_t cap, const char *name, const char *p, size_t n)
{
	if (n && n <= CALL_TEXT_MAX)
		snprintf(out + strlen(out), cap - strlen(out), "%s%s=%.*s", *out ? " " : "", name, (int)n, p);
}

/* "chat model=m messages=2 words=messages[1].content" */
static const char *told(const struct asked *a, char *out, size_t cap)
{
	const struct call *q = &a->call;
	struct slice operation = call_operation(q);
	char number[24];

	snprintf(out, cap, "%.*s", (int)operation.n, operation.p);
	for (int t = TAKE_MODEL; t < TAKES; t++)
		add(out, cap, wire_take_name((enum wire_take)t), q->take[t].text, q->take[t].n);
	snprintf(number, sizeof(number), "%u", q->messages);
	add(out, cap, "messages", number, q->messages ? strlen(number) : 0);
	snprintf(number, sizeof(number), "%u", q->files);
	add(out, cap, "files", number, q->files ? strlen(number) : 0);
	add(out, cap, "words", q->words.text, q->words.n);
	return out;
}

static const char *speaker_of(const struct asked *a, const char *path)
{
	for (size_t i = 0; i < a->n_fields; i++)
		if (!strcmp(a->field[i].path, path))
			return speaker_name(call_speaker(&a->call, a->field[i].mark));
	fail_msg("there is no field %s", path);
	return "";
}

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

/* ---- services ---- */

/* of one pixel */
#define PNG                                                                                                  \
	"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"                                       \
	"+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

static const struct example {
	const char *service, *request, *headers, *type, *body, *told;
} examples[] = {
        {"openai-api", "POST /v1/chat/completions", "", JSON,
                "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},"
                "{\"role\":\"user\",\"content\":\"Hi there\"}],\"stream\":true}",
                "chat model=gpt-4o messages=2 words=messages[1].content"},
        /* a conversation that goes on: the newest words of the user, not the last message */
        {"openai-api", "POST /v1/chat/completions", "", JSON,
                "{\"messages\":[{\"role\":\"user\",\"content\":\"One\"},{\"role\":\"assistant\",\"content\":"
                "\"Two\","
                "\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":"
                "\\\"b\\\"}\"}}]},"
                "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"Three\"}],\"model\":\"gpt-4o\"}",
                "chat model=gpt-4o messages=3 words=messages[0].content"},
        /* JSON in a string, and a document in base64, are the text that they stand in */
        {"openai-api", "POST /v1/chat/completions", "", JSON,
                "{\"messages\":[{\"role\":\"user\",\"content\":\"{\\\"rows\\\":[{\\\"note\\\":\\\"one "
                "two\\\",\\\"b\\\":\\\"three\\\"}]}\"}]}",
                "chat messages=1 words=messages[0].content"},
        /* the role stands behind what is said */
        {"openai-api", "POST /v1/chat/completions", "", JSON,
                "{\"messages\":[{\"content\":\"Rules\",\"role\":\"developer\"},{\"content\":\"One\",\"role\":"
                "\"user\"},"
                "{\"content\":\"Two\",\"role\":\"assistant\"}]}",
                "chat messages=3 words=messages[1].content"},
        {"openai-api", "POST /v1/chat/completions", "", JSON,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                "\"Look\"},"
                "{\"type\":\"image_url\",\"image_url\":{\"url\":\"https://x/"
                "y.png\"}},{\"type\":\"text\",\"text\":\"here\"},"
                "{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\",\"filename\":\"a.pdf\"}}]}]}",
                "chat model=m messages=1 files=2 words=messages[0].content[].text"},
        {"openai-api", "POST /v1/responses", "", JSON,
                "{\"model\":\"gpt-5\",\"instructions\":\"Be kind\",\"input\":\"What is "
                "up\",\"previous_response_id\":\"resp_1\"}",
                "responses model=gpt-5 conversation=resp_1 messages=1 words=input"},
        {"openai-api", "POST /v1/responses", "", JSON,
                "{\"model\":\"gpt-5\",\"conversation\":{\"id\":\"conv_7\"},\"input\":[{\"type\":\"message\","
                "\"role\":\"user\","
                "\"content\":[{\"type\":\"input_text\",\"text\":\"Sum "
                "up\"},{\"type\":\"input_file\",\"file_id\":\"f\"}]},"
                "{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":\"42 apples\"}]}",
                "responses model=gpt-5 conversation=conv_7 messages=2 files=1 "
                "words=input[0].content[0].text"},
        {"openai-api", "WS /v1/responses", "", "",
                "{\"type\":\"response.create\",\"model\":\"gpt-5\",\"input\":\"Go on\"}",
                "response.create model=gpt-5 messages=1 words=input"},
        {"openai-api", "POST /v1/completions", "", JSON, "{\"model\":\"i\",\"prompt\":[\"a b\",\"c d\"]}",
                "completion model=i messages=2 words=prompt[]"},
        {"openai-api", "POST /v1/embeddings", "", JSON,
                "{\"model\":\"e\",\"input\":[\"One\",\"Two\",\"Three\"]}",
                "embeddings model=e messages=3 words=input[]"},
        {"openai-api", "POST /v1/embeddings", "", JSON, "{\"model\":\"e\",\"input\":\"One\"}",
                "embeddings model=e messages=1 words=input"},
        {"openai-api", "POST /v1/moderations", "", JSON, "{\"input\":\"Some text\"}",
                "moderation messages=1 words=input"},
        {"openai-api", "POST /v1/images/generations", "", JSON,
                "{\"model\":\"gpt-image-1\",\"prompt\":\"A cat\"}",
                "image model=gpt-image-1 messages=1 words=prompt"},
        {"openai-api", "POST /v1/audio/transcriptions", "", "multipart/form-data; boundary=b",
                "--b\r\nContent-Disposition: form-data; "
                "name=\"model\"\r\n\r\nwhisper-1\r\n--b\r\nContent-Disposition: "
                "form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Type: "
                "audio/wav\r\n\r\nRIFF\x01\x02\r\n--b\r\n"
                "Content-Disposition: form-data; name=\"prompt\"\r\n\r\nNames: Novak\r\n--b--\r\n",
                "transcription model=whisper-1 messages=1 files=1 words=part.prompt"},
        {"openai-api", "POST /v1/audio/speech", "", JSON,
                "{\"model\":\"tts-1\",\"input\":\"Read this\",\"voice\":\"a\"}",
                "speech model=tts-1 messages=1 words=input"},
        {"openai-api", "POST /v1/files", "", "multipart/form-data; boundary=b",
                "--b\r\nContent-Disposition: form-data; "
                "name=\"purpose\"\r\n\r\nassistants\r\n--b\r\nContent-Disposition: "
                "form-data; name=\"file\"; filename=\"x.csv\"\r\n\r\na,b\n1,2\r\n--b--\r\n",
                "upload files=1"},
        {"openai-api", "POST /v1/uploads/upload_1/parts", "", "", "", "upload"},
        {"openai-api", "POST /v1/batches", "", JSON,
                "{\"input_file_id\":\"file-1\",\"endpoint\":\"/v1/responses\"}", "batch"},
        {"openai-api", "POST /v1/fine_tuning/jobs", "", JSON,
                "{\"model\":\"gpt-4o-mini\",\"training_file\":\"file-2\"}", "fine-tune model=gpt-4o-mini"},
        {"openai-api", "GET /v1/models", "", "", "", "models"},
        {"openai-api", "POST /v1/threads/thread_9/messages", "", JSON,
                "{\"role\":\"user\",\"content\":\"More\"}",
                "agent conversation=thread_9 messages=1 words=content"},
        {"openai-api", "WS /v1/realtime", "", "",
                "{\"type\":\"conversation.item.create\",\"item\":{\"type\":\"message\",\"role\":\"user\","
                "\"content\":"
                "[{\"type\":\"input_text\",\"text\":\"Good day\"}]}}",
                "conversation.item.create messages=1 words=item.content[0].text"},
        {"openai-api", "GET /v1/realtime?model=gpt-realtime", "Upgrade: websocket", "", "",
                "realtime model=gpt-realtime"},
        {"openai-api", "GET /v1/realtime?model=gpt-realtime", "", "", "", "model=gpt-realtime"},
        {"azure-openai", "POST /openai/deployments/our-gpt/chat/completions?api-version=2025-01-01", "", JSON,
                "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
                "chat model=our-gpt messages=1 words=messages[0].content"},
        {"azure-openai", "POST /openai/v1/responses", "", JSON, "{\"model\":\"our-gpt\",\"input\":\"Hi\"}",
                "responses model=our-gpt messages=1 words=input"},
        {"anthropic-api", "POST /v1/messages", "", JSON,
                "{\"model\":\"claude-x\",\"max_tokens\":9,\"system\":\"Be "
                "brief\",\"messages\":[{\"role\":\"user\",\"content\":"
                "[{\"type\":\"document\",\"source\":{\"type\":\"text\",\"media_type\":\"text/"
                "plain\",\"data\":\"Old text\"}},"
                "{\"type\":\"text\",\"text\":\"Sum "
                "up\"}]},{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\","
                "\"name\":\"read\",\"input\":{\"path\":\"/etc/"
                "x\"}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\","
                "\"tool_use_id\":\"t\",\"content\":\"What the file held\"}]}]}",
                "chat model=claude-x messages=3 files=1 words=messages[0].content[1].text"},
        {"anthropic-api", "POST /v1/messages/count_tokens?beta=true", "", JSON,
                "{\"model\":\"c\",\"messages\":[{\"role\":\"user\",\"content\":\"How long\"}]}",
                "tokens model=c messages=1 words=messages[0].content"},
        {"anthropic-api", "POST /v1/messages/batches", "", JSON,
                "{\"requests\":[{\"custom_id\":\"a\",\"params\":{\"model\":\"c\",\"messages\":[{\"role\":"
                "\"user\",\"content\":"
                "\"One\"}]}},{\"custom_id\":\"b\",\"params\":{\"model\":\"c\",\"messages\":[{\"role\":"
                "\"user\",\"content\":\"Two\"},"
                "{\"role\":\"assistant\",\"content\":\"Three\"}]}}]}",
                "batch model=c messages=3 words=requests[1].params.messages[0].content"},
        {"gemini-api", "POST /v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "", JSON,
                "{\"contents\":[{\"parts\":[{\"text\":\"Context\"},{\"text\":\"Question\"},{\"inlineData\":{"
                "\"mimeType\":"
                "\"image/"
                "png\",\"data\":\"aGk=\"}}],\"role\":\"user\"}],\"systemInstruction\":{\"parts\":[{\"text\":"
                "\"Be\"}]}}",
                "chat model=gemini-2.5-pro messages=1 files=1 words=contents[0].parts[].text"},
        {"gemini-api", "POST /v1beta/models/emb:batchEmbedContents", "", JSON,
                "{\"requests\":[{\"model\":\"models/emb\",\"content\":{\"parts\":[{\"text\":\"One\"}]}},"
                "{\"model\":\"models/emb\",\"content\":{\"parts\":[{\"text\":\"Two\"}]}}]}",
                "embeddings model=emb messages=2 words=requests[].content.parts[0].text"},
        {"gemini-api", "POST /upload/v1beta/files", "", "text/plain", "some text", "upload"},
        {"gemini-api", "WS /ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", "",
                "",
                "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hello\"}]}],"
                "\"turnComplete\":true}}",
                "realtime messages=1 words=clientContent.turns[0].parts[0].text"},
        {"vertex-ai",
                "POST "
                "/v1/projects/p-1/locations/europe-west4/publishers/google/models/"
                "gemini-2.5-flash:generateContent",
                "", JSON,
                "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"Hi\"}]},{\"role\":\"model\","
                "\"parts\":"
                "[{\"text\":\"Ho\"}]}]}",
                "chat model=gemini-2.5-flash messages=2 words=contents[0].parts[0].text"},
        {"vertex-ai", "POST /v1/projects/p/locations/l/publishers/anthropic/models/claude-y:streamRawPredict",
                "", JSON,
                "{\"anthropic_version\":\"vertex-2023-10-16\",\"messages\":[{\"role\":\"user\",\"content\":"
                "\"Hi\"}]}",
                "chat model=claude-y messages=1 words=messages[0].content"},
        {"aws-bedrock", "POST /model/us.anthropic.claude-3-5%3A0/converse-stream", "", JSON,
                "{\"system\":[{\"text\":\"Be\"}],\"messages\":[{\"role\":\"user\",\"content\":[{\"document\":"
                "{\"format\":\"pdf\","
                "\"name\":\"d\",\"source\":{\"bytes\":\"aGk=\"}}},{\"text\":\"Read\"}]},{\"role\":"
                "\"assistant\",\"content\":"
                "[{\"toolUse\":{\"name\":\"n\",\"input\":{\"q\":\"x\"}}}]},{\"role\":\"user\",\"content\":[{"
                "\"toolResult\":"
                "{\"toolUseId\":\"t\",\"content\":[{\"text\":\"found\"}]}}]}]}",
                "chat model=us.anthropic.claude-3-5:0 messages=3 files=1 words=messages[0].content[1].text"},
        {"aws-bedrock", "POST /model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1234%3Ax%2Fy/invoke", "", JSON,
                "{\"inputText\":\"Tell me\"}",
                "invoke model=arn:aws:bedrock:us-east-1:1234:x/y messages=1 words=inputText"},
        {"aws-bedrock", "POST /agents/A/agentAliases/B/sessions/s-1/text", "", JSON,
                "{\"inputText\":\"Tell me\"}", "agent conversation=s-1 messages=1 words=inputText"},
        {"amazon-q-developer", "POST /",
                "x-amz-target: AmazonCodeWhispererStreamingService.GenerateAssistantResponse",
                "application/x-amz-json-1.0",
                "{\"conversationState\":{\"conversationId\":\"c-1\",\"history\":[{\"userInputMessage\":{"
                "\"content\":\"Old\"}},"
                "{\"assistantResponseMessage\":{\"content\":\"Answer\"}}],\"currentMessage\":{"
                "\"userInputMessage\":{\"content\":"
                "\"New\",\"modelId\":\"m\"}}}}",
                "AmazonCodeWhispererStreamingService.GenerateAssistantResponse model=m conversation=c-1 "
                "messages=3 "
                "words=conversationState.currentMessage.userInputMessage.content"},
        {"mistral-api", "POST /v1/chat/completions", "", JSON,
                "{\"model\":\"mistral-large\",\"messages\":[{\"role\":\"user\",\"content\":\"Salut\"}]}",
                "chat model=mistral-large messages=1 words=messages[0].content"},
        {"mistral-api", "POST /v1/fim/completions", "", JSON,
                "{\"model\":\"codestral\",\"prompt\":\"def f(\",\"suffix\":\"x\"}",
                "completion model=codestral messages=1 words=prompt"},
        {"mistral-api", "POST /v1/ocr", "", JSON,
                "{\"model\":\"mistral-ocr\",\"document\":{\"type\":\"document_url\",\"document_url\":\"https:"
                "//x/a.pdf\"}}",
                "ocr model=mistral-ocr files=1"},
        {"cohere", "POST /v2/chat", "", JSON,
                "{\"model\":\"command-a\",\"messages\":[{\"role\":\"system\",\"content\":\"Be\"},{\"role\":"
                "\"user\",\"content\":"
                "[{\"type\":\"text\",\"text\":\"Hi\"}]}]}",
                "chat model=command-a messages=2 words=messages[1].content[0].text"},
        {"cohere", "POST /v2/embed", "", JSON, "{\"model\":\"embed-v4\",\"texts\":[\"One\",\"Two\"]}",
                "embeddings model=embed-v4 messages=2 words=texts[]"},
        {"cohere", "POST /v1/chat", "", JSON,
                "{\"message\":\"New\",\"chat_history\":[{\"role\":\"USER\",\"message\":\"Old\"},{\"role\":"
                "\"CHATBOT\",\"message\":"
                "\"Answer\"}],\"preamble\":\"Be\"}",
                "chat messages=3 words=message"},
        {"groq", "POST /openai/v1/chat/completions", "", JSON,
                "{\"model\":\"llama-4\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
                "chat model=llama-4 messages=1 words=messages[0].content"},
        /* none of its own shapes, but one that many copy */
        {"groq", "POST /openai/v1/audio/speech", "", JSON, "{\"model\":\"tts\",\"input\":\"Read\"}",
                "speech model=tts messages=1 words=input"},
        {"replicate", "POST /v1/models/meta/llama-3/predictions", "", JSON,
                "{\"input\":{\"prompt\":\"Write\",\"system_prompt\":\"Be\"}}",
                "prediction model=meta/llama-3 messages=1 words=input.prompt"},
        {"hf-inference", "POST /hf-inference/models/google/flan-t5", "", JSON,
                "{\"inputs\":\"Translate this\"}", "inference model=google/flan-t5 messages=1 words=inputs"},
        {"hf-inference", "POST /v1/chat/completions", "", JSON,
                "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
                "chat model=m messages=1 words=messages[0].content"},
        {"ibm-watsonx", "POST /ml/v1/text/generation?version=2025-01-01", "", JSON,
                "{\"model_id\":\"granite\",\"project_id\":\"p-7\",\"input\":\"Write\"}",
                "completion model=granite account=p-7 messages=1 words=input"},
        {"vercel-ai-gateway", "POST /v4/ai/language-model", "ai-language-model-id: openai/gpt-5", JSON,
                "{\"prompt\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}]}]}",
                "chat model=openai/gpt-5 messages=1 words=prompt[0].content[0].text"},
        {"tencent-hunyuan", "POST /", "X-TC-Action: ChatCompletions", JSON,
                "{\"Model\":\"hunyuan\",\"Messages\":[{\"Role\":\"user\",\"Content\":\"Hi\"}]}",
                "ChatCompletions model=hunyuan messages=1 words=Messages[0].Content"},
        {"sh-ollama", "POST /api/chat", "", JSON,
                "{\"model\":\"llama3\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}",
                "chat model=llama3 messages=1 words=messages[0].content"},
        /* pictures are base64 without a word of what they are */
        {"sh-ollama", "POST /api/chat", "", JSON,
                "{\"model\":\"llava\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\",\"images\":[\"" PNG
                "\",\"" PNG "\"]},{\"role\":\"user\",\"content\":\"And\",\"images\":[\"" PNG "\"]}]}",
                "chat model=llava messages=2 files=3 words=messages[1].content"},
        {"sh-ollama", "POST /api/generate", "", JSON,
                "{\"model\":\"llava\",\"prompt\":\"Hi\",\"images\":[\"" PNG "\"]}",
                "completion model=llava messages=1 files=1 words=prompt"},
        {"sh-ollama", "POST /api/generate", "", JSON,
                "{\"model\":\"llama3\",\"prompt\":\"Hi\",\"system\":\"Be\"}",
                "completion model=llama3 messages=1 words=prompt"},
        {"sh-tgi", "POST /generate_stream", "", JSON, "{\"inputs\":\"Hi\",\"parameters\":{}}",
                "completion messages=1 words=inputs"},
        {"chatgpt", "POST /backend-api/f/conversation", "", JSON,
                "{\"action\":\"next\",\"messages\":[{\"id\":\"i\",\"author\":{\"role\":\"user\"},\"content\":"
                "{\"content_type\":"
                "\"text\",\"parts\":[\"Hi "
                "there\"]},\"metadata\":{\"attachments\":[{\"id\":\"f1\",\"name\":\"a.pdf\"},{\"id\":\"f2\"}]"
                "}}],"
                "\"conversation_id\":\"c-1\",\"model\":\"gpt-5\"}",
                "chat model=gpt-5 conversation=c-1 messages=1 files=2 words=messages[0].content.parts[0]"},
        {"claude-web", "POST /api/organizations/o/chat_conversations/c-2/completion", "", JSON,
                "{\"prompt\":\"Sum "
                "up\",\"attachments\":[{\"file_name\":\"a.txt\",\"extracted_content\":\"Long text\"}],"
                "\"model\":\"claude\"}",
                "chat model=claude conversation=c-2 messages=1 files=1 words=prompt"},
        {"microsoft-copilot", "WS /c/api/chat", "", "",
                "{\"event\":\"send\",\"conversationId\":\"c\",\"content\":[{\"type\":\"text\",\"text\":"
                "\"Hi\"}],\"mode\":\"smart\"}",
                "send model=smart conversation=c messages=1 words=content[0].text"},
        {"grok-web", "POST /rest/app-chat/conversations/c-3/responses", "", JSON,
                "{\"message\":\"Hi\",\"modelName\":\"grok-4\",\"fileAttachments\":[\"f1\"]}",
                "chat model=grok-4 conversation=c-3 messages=1 files=1 words=message"},
        {"gemini-web", "POST /_/BardChatUi/data/assistant.lamda.BardFrontendService/StreamGenerate?rt=c", "",
                FORM,
                "f.req=%5Bnull%2C%22%5B%5B%5C%22What+is+our+plan%5C%22%2C0%2Cnull%2C%5B%5D%5D%2C%5B%5C%22en%"
                "5C%22%5D%2C%5B%5C%22c_abc%5C%22%2C%5C%22r_1%5C%22%5D%5D%22%5D&at=xyz",
                "chat conversation=c_abc messages=1 words=form.f.req[1][0][0]"},
        {"meta-ai", "POST /api/graphql/", "", FORM,
                "fb_api_req_friendly_name=useAbraSendMessageMutation&variables=%7B%22message%22%3A+%7B%"
                "22sensitive_string_value%22%3A+%22Tell+me%22%7D%2C+%22externalConversationId%22%3A+%22e-1%"
                "22%7D&doc_id=1",
                "useAbraSendMessageMutation conversation=e-1 messages=1 "
                "words=form.variables.message.sensitive_string_value"},
        {"deepl", "POST /v2/translate", "", FORM, "text=Guten+Tag&target_lang=EN",
                "translation messages=1 words=form.text"},
        {"you-com", "GET /api/streamingSearch?q=what%20is&chatId=c", "", "", "",
                "chat conversation=c messages=1 words=query.q"},
        {"github-copilot", "POST /v1/engines/copilot-codex/completions", "", JSON,
                "{\"prompt\":\"def f(\",\"suffix\":\")\",\"extra\":{\"language\":\"python\"}}",
                "completion model=copilot-codex messages=1 words=prompt"},
        {"sourcegraph-cody", "POST /.api/completions/stream", "", JSON,
                "{\"messages\":[{\"speaker\":\"human\",\"text\":\"Hi\"},{\"speaker\":\"assistant\",\"text\":"
                "\"Ho\"}]}",
                "chat messages=2 words=messages[0].text"},
        {"jetbrains-ai", "POST /user/v5/llm/chat/stream/v8", "", JSON,
                "{\"prompt\":\"ij.chat.request.new-chat-on-start\",\"profile\":\"openai-gpt-4o\",\"chat\":{"
                "\"messages\":"
                "[{\"type\":\"system_message\",\"content\":\"Be\"},{\"type\":\"user_message\",\"content\":"
                "\"Hi\"}]}}",
                "chat model=openai-gpt-4o messages=2 words=chat.messages[1].content"},
        {"elevenlabs", "POST /v1/text-to-speech/v1/stream", "", JSON,
                "{\"text\":\"Read\",\"model_id\":\"m\"}", "speech model=m messages=1 words=text"},
        {"sh-comfyui", "POST /prompt", "", JSON,
                "{\"prompt\":{\"6\":{\"class_type\":\"CLIPTextEncode\",\"inputs\":{\"text\":\"a cat\"}}}}",
                "image messages=1 words=prompt.6.inputs.text"},
        {"sh-mcp-http", "POST /mcp", "mcp-session-id: s-9", JSON,
                "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/"
                "call\",\"params\":{\"name\":\"search\",\"arguments\":"
                "{\"query\":\"our plan\"}}}",
                "tools/call tool=search conversation=s-9 messages=1 words=params.arguments.query"},

        /* nobody knows the host: what is usual */
        {"", "POST /api/ask", "", JSON,
                "{\"session_id\":\"s\",\"lang\":\"en\",\"question\":\"What is it\",\"id\":\"0123456789 "
                "abcdef\"}",
                "conversation=s words=question"},
        {"", "POST /api/ask", "", JSON, "{\"note\":\"a sentence of some length\",\"n\":\"a short one\"}",
                "words=note"},
        {"", "POST /x", "", JSON, "{\"token\":\"0123456789abcdef0123456789abcdef\",\"b\":\"short\"}", ""},
        {"", "POST /v1/thing", "", JSON,
                "{\"model_name\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":"
                "\"assistant\",\"content\":\"Ho\"}]}",
                "model=m messages=2 words=messages[0].content"},
        {"", "POST /rpc", "", JSON, "{\"jsonrpc\":\"2.0\",\"method\":\"tools/list\"}", "tools/list"},
        {"", "POST /graphql", "", JSON, "{\"query\":\"{ me }\",\"operationName\":\"Me\"}", "Me words=query"},
        {"", "POST /x", "", "text/plain", "just some text", "words=body"},
        {"", "GET /models", "", "", "", "models"},
        {"", "POST /x", "", "", "", ""},
};

static void services(void **state)
{
	static struct asked a;

	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		const struct example *e = &examples[i];
		size_t n = strlen(e->body);
		char out[1024];

		for (size_t step = 1; step <= (n ? n : 1); step = step < 8 ? step + 1 : step * 3) {
			ask(&a, e->service, e->request, e->headers, e->type, e->body, step);
			if (strcmp(told(&a, out, sizeof(out)), e->told) != 0)
				fail_msg("%s %s in steps of %zu:\n is     \"%s\"\n not    \"%s\"", e->service,
				        e->request, step, out, e->told);
		}
	}
}

/* ---- who says what ---- */

#define CHAT "POST /v1/chat/completions"

/* Calls of functions are the model's, wherever the message says so and however the body is cut. */
static void roles_of_calls(void **state)
{
	static const char body[] =
	        "{\"messages\":[{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"function\":{"
	        "\"arguments\":\"{\\\"a\\\":\\\"x y\\\"}\"}}]},"
	        "{\"tool_calls\":[{\"function\":{\"arguments\":\"plain\"}}],\"role\":\"assistant\"},"
	        "{\"function_call\":{\"arguments\":\"legacy\"},\"role\":\"assistant\"},"
	        "{\"role\":\"user\",\"content\":\"u\",\"name\":\"n\"},{\"odd\":\"o\"}]}";
	struct asked a;

	(void)state;
	for (size_t step = 1; step <= sizeof(body); step++) {
		ask(&a, "openai-api", "POST /v1/chat/completions", "", JSON, body, step);
		assert_string_equal(
		        speaker_of(&a, "messages[0].tool_calls[0].function.arguments.a"), "assistant");
		assert_string_equal(
		        speaker_of(&a, "messages[1].tool_calls[0].function.arguments"), "assistant");
		assert_string_equal(speaker_of(&a, "messages[2].function_call.arguments"), "assistant");
		assert_string_equal(speaker_of(&a, "messages[3].content"), "user");
		assert_string_equal(speaker_of(&a, "messages[3].name"), "user");
		assert_string_equal(speaker_of(&a, "messages[4].odd"), "");
		assert_int_equal(a.call.messages, 5);
	}
	/* an element may be a text that holds more, or an object that says who speaks */
	ask(&a, "", "POST /x", "", JSON,
	        "{\"input\":[\"{\\\"a\\\":\\\"x\\\"}\",\"b\",{\"odd\":\"o\",\"role\":\"assistant\"},"
	        "{\"role\":\"tool\",\"odd\":\"o\"}]}",
	        999);
	assert_string_equal(speaker_of(&a, "input[0].a"), "user");
	assert_string_equal(speaker_of(&a, "input[1]"), "user");
	assert_string_equal(speaker_of(&a, "input[2].odd"), "assistant");
	assert_string_equal(speaker_of(&a, "input[3].odd"), "tool");
}

static void roles(void **state)
{
	static struct asked a;

	(void)state;
	ask(&a, "openai-api", CHAT, "", JSON,
	        "{\"tools\":[{\"function\":{\"description\":\"Does "
	        "it\"}}],\"messages\":[{\"role\":\"developer\",\"content\":\"a\"},"
	        "{\"content\":[{\"text\":\"b\"}],\"role\":\"user\"},{\"role\":\"assistant\",\"content\":"
	        "\"c\"},"
	        "{\"content\":\"d\",\"role\":\"assistant\"},{\"role\":\"tool\",\"content\":\"e\"},{\"role\":"
	        "\"stranger\",\"content\":\"f\"},"
	        "{\"content\":\"g\"}],\"user\":\"u-1\"}",
	        7);
	assert_string_equal(speaker_of(&a, "tools[0].function.description"), "system");
	assert_string_equal(speaker_of(&a, "messages[0].content"), "system");
	assert_string_equal(speaker_of(&a, "messages[1].content[0].text"), "user");
	assert_string_equal(speaker_of(&a, "messages[2].content"), "assistant");
	assert_string_equal(speaker_of(&a, "messages[3].content"), "assistant");
	assert_string_equal(speaker_of(&a, "messages[4].content"), "tool");
	assert_string_equal(speaker_of(&a, "messages[5].content"), "");
	assert_string_equal(speaker_of(&a, "messages[6].content"), "");
	assert_string_equal(speaker_of(&a, "user"), "");
	ask(&a, "anthropic-api", "POST /v1/messages", "", JSON,
	        "{\"system\":[{\"type\":\"text\",\"text\":\"s\"}],\"messages\":[{\"role\":\"user\","
	        "\"content\":[{\"type\":\"tool_result\","
	        "\"content\":[{\"type\":\"text\",\"text\":\"t\"}]},{\"type\":\"text\",\"text\":\"u\"}]}]}",
	        5);
	assert_string_equal(speaker_of(&a, "system[0].text"), "system");
	assert_string_equal(speaker_of(&a, "messages[0].content[0].content[0].text"), "tool");
	assert_string_equal(speaker_of(&a, "messages[0].content[1].text"), "user");
	ask(&a, "openai-api", "POST /v1/responses", "", JSON,
	        "{\"instructions\":\"s\",\"input\":[{\"type\":\"function_call\",\"arguments\":\"a "
	        "b\"},{\"type\":"
	        "\"function_call_output\",\"output\":\"o\"},{\"role\":\"user\",\"content\":\"u\"}]}",
	        64);
	assert_string_equal(speaker_of(&a, "instructions"), "system");
	assert_string_equal(speaker_of(&a, "input[0].arguments"), "assistant");
	assert_string_equal(speaker_of(&a, "input[1].output"), "tool");
	assert_string_equal(speaker_of(&a, "input[2].content"), "user");
	ask(&a, "gemini-api", "POST /v1beta/models/g:generateContent", "", JSON,
	        "{\"contents\":[{\"role\":\"model\",\"parts\":[{\"text\":\"m\"}]},{\"parts\":[{"
	        "\"functionResponse\":{\"response\":"
	        "{\"out\":\"r\"}}},{\"text\":\"x\"}],\"role\":\"user\"}]}",
	        64);
	assert_string_equal(speaker_of(&a, "contents[0].parts[0].text"), "assistant");
	assert_string_equal(speaker_of(&a, "contents[1].parts[0].functionResponse.response.out"), "tool");
	assert_string_equal(speaker_of(&a, "contents[1].parts[1].text"), "user");
	ask(&a, "amazon-q-developer", "POST /generateAssistantResponse", "", JSON,
	        "{\"conversationState\":{\"history\":[{\"userInputMessage\":{\"content\":\"q\"}},{"
	        "\"assistantResponseMessage\":"
	        "{\"content\":\"a\"}}]}}",
	        64);
	assert_string_equal(speaker_of(&a, "conversationState.history[0].userInputMessage.content"), "user");
	assert_string_equal(
	        speaker_of(&a, "conversationState.history[1].assistantResponseMessage.content"), "assistant");
	ask(&a, "openai-api", "POST /v1/embeddings", "", JSON, "{\"input\":[\"one\"]}", 64);
	assert_string_equal(speaker_of(&a, "input[0]"), "user");
	assert_int_equal(call_speaker(&a.call, UINT32_MAX), SPEAKER_UNKNOWN);
	assert_int_equal(call_speaker(&a.call, 15), SPEAKER_UNKNOWN);
}

/* Of very many messages the roles in front of the text are known, those behind it for the first ones. */
static void many_messages(void **state)
{
	enum { MANY = 3000 };
	static struct asked a;
	char path[64];
	uint32_t early = 0, late = 0, before = 0;
	struct message m = {.request = true, .method = SLICE("POST"), .path = SLICE("/v1/chat/completions")};

	(void)state;
	call_head(&a.call, catalogue, catalogue_by_id(catalogue, "openai-api"), NULL, &m);
	for (int i = 0; i < MANY; i++) {
		bool first = i == MANY - 1;

		for (int k = 0; k < 2; k++) {
			int n = snprintf(path, sizeof(path), "messages[%d].%s", i,
			        (k == 1) == first ? "content" : "role");
			uint32_t mark = call_field(&a.call, path, (size_t)n);

			call_text(&a.call, (const uint8_t *)"assistant", 9);
			call_field_end(&a.call, true);
			if (first && k)
				before = mark;
			else if (i == 1000 && !k)
				early = mark;
			else if (i == 2500 && !k)
				late = mark;
		}
	}
	call_end(&a.call);
	assert_int_equal(a.call.messages, MANY);
	assert_int_equal(call_speaker(&a.call, early), SPEAKER_ASSISTANT);
	assert_int_equal(call_speaker(&a.call, late), SPEAKER_UNKNOWN);
	assert_int_equal(call_speaker(&a.call, before), SPEAKER_ASSISTANT);
	assert_int_equal(a.call.words.n, 0);
}

/* The same thread begins with the same words of the user, whatever follows and whatever the system says. */
static void threads(void **state)
{
	static const char *const same[] = {
	        "{\"messages\":[{\"role\":\"user\",\"content\":\"How do I bake bread\"}]}",
	        "{\"messages\":[{\"role\":\"user\",\"content\":\"How do I bake "
	        "bread\"},{\"role\":\"assistant\",\"content\":\"So\"},"
	        "{\"role\":\"user\",\"content\":\"And then\"}]}",
	        ("{\"messages\":[{\"role\":\"system\",\"content\":\"Be\"},"
	         "{\"content\":\"How do I bake bread\",\"role\":\"user\"}]}"),
	};
	static const char *const other[] = {
	        "{\"messages\":[{\"role\":\"user\",\"content\":\"How do I bake bread?\"}]}",
	        "{\"messages\":[{\"role\":\"assistant\",\"content\":\"How do I bake bread\"}]}",
	        "{\"prompt\":\"How do I bake bread\"}"};
	static struct asked a;
	uint64_t first = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++)
		for (size_t step = 1; step < 200; step = step * 2 + 1) {
			ask(&a, "openai-api", CHAT, "", JSON, same[i], step);
			first = first ? first : a.call.thread;
			assert_true(a.call.thread && a.call.thread == first);
		}
	for (size_t i = 0; i < COUNT(other); i++) {
		ask(&a, "openai-api", CHAT, "", JSON, other[i], 64);
		assert_true(a.call.thread != first);
	}
}

/* ---- limits ---- */

static void field(struct asked *a, const char *path, const char *text, size_t n, bool whole)
{
	call_field(&a->call, path, strlen(path));
	for (size_t i = 0; i < n; i += 100)
		call_text(&a->call, (const uint8_t *)text + i, n - i < 100 ? n - i : 100);
	call_field_end(&a->call, whole);
}

static void limits(void **state)
{
	static struct asked a;
	static char big[5000];
	char path[CALL_PATH_MAX + 60] = "messages[0].content", out[1024];
	struct message m = {.request = true, .method = SLICE("POST"), .path = SLICE("/v1/chat/completions")};

	(void)state;
	memset(big, 'x', sizeof(big));
	call_head(&a.call, catalogue, catalogue_by_id(catalogue, "openai-api"), NULL, &m);
	field(&a, "messages[0].role", big, sizeof(big), true); /* no role is so long */
	field(&a, "messages[0].content", big, sizeof(big), true);
	field(&a, "model", big, CALL_TEXT_MAX + 1, true); /* nor a model */
	field(&a, "chat_id", big, CALL_TEXT_MAX, true);
	call_end(&a.call);
	assert_int_equal(a.call.take[TAKE_MODEL].n, 0);
	assert_int_equal(a.call.take[TAKE_CONVERSATION].n, CALL_TEXT_MAX);
	assert_int_equal(a.call.words.n, strlen("messages[0].content"));

	call_head(&a.call, catalogue, catalogue_by_id(catalogue, "openai-api"), NULL, &m);
	field(&a, "model", "gpt", 3, false); /* cut by a gap: half a name */
	call_end(&a.call);
	assert_string_equal(told(&a, out, sizeof(out)), "chat");

	/* indices of which some are unbelievable, messages that come back */
	call_head(&a.call, catalogue, catalogue_by_id(catalogue, "openai-api"), NULL, &m);
	field(&a, "messages[4294967290].content", "a", 1, true);
	field(&a, "messages[4294967291].content", "a", 1, true);
	field(&a, "messages[0].content", "a", 1, true);
	call_end(&a.call);
	assert_true(a.call.messages > 0);

	/* a path too long to be kept holds no words; no service knows it either */
	memset(path, 'p', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	call_head(&a.call, catalogue, NULL, NULL, &m);
	a.call.guessing = true;
	field(&a, path, "a sentence that is long enough", 30, true);
	call_end(&a.call);
	assert_int_equal(a.call.words.n, 0);
}

/* Every prefix of every body, and every bit of it turned: nothing breaks, and words are a field that was
 * told. */
static void damaged(void **state)
{
	static struct asked a;
	char body[1024];

	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++) {
		const struct example *e = &examples[i];
		size_t n = strlen(e->body);

		assert_true(n < sizeof(body));
		for (size_t k = 0; k < n; k++) {
			memcpy(body, e->body, k);
			body[k] = '\0';
			ask(&a, e->service, e->request, e->headers, e->type, body, 61);
			memcpy(body, e->body, n + 1);
			body[k] = (char)(body[k] ^ (1 << (k % 7)));
			if (!body[k])
				continue;
			ask(&a, e->service, e->request, e->headers, e->type, body, 61);
			assert_true(a.call.words.n <= CALL_PATH_MAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(services),
	        cmocka_unit_test(roles),
	        cmocka_unit_test(roles_of_calls),
	        cmocka_unit_test(many_messages),
	        cmocka_unit_test(threads),
	        cmocka_unit_test(limits),
	        cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
