/* bench_readers.c - how fast bodies become text, no detectors: JSON over HTTP, from the bytes of TCP segments
 * to the text sink, beside plain passes over the same bytes.  CPU time of one core, best of several rounds;
 * on a loaded machine the ratios are what to compare.
 *
 * A carrier (a row of the table) makes the bytes of one connection around bodies and reads
 * them. */
#include "base/hash.h"
#include "classify/content/content.h"
#include "classify/layer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEGMENT   1460
#define WIRE      (8u << 20) /* bytes of one connection */
#define BODY      (96u << 10)
#define ROUNDS    5
#define MIN_NS    150000000
#define POOL_SIZE 65536

struct buffer {
	uint8_t *p;
	size_t n;
};

static void put(struct buffer *b, const char *text, size_t n)
{
	memcpy(b->p + b->n, text, n);
	b->n += n;
}

static void put_text(struct buffer *b, const char *text)
{
	put(b, text, strlen(text));
}

static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

/* ---- bodies ---------------------------------------------------------------------------------------------
 */

static const char *const words[] = {"the", "report", "of", "last", "quarter", "shows", "that", "customers",
        "in", "Hamburg", "and", "Lyon", "prefer", "delivery", "by", "Friday,", "which", "costs", "us",
        "about", "12%", "more", "than", "we", "planned.", "Please", "summarize", "it", "for", "the", "board",
        "(two", "pages)", "without", "naming", "people;", "keep", "figures", "as", "they", "are",
        "https://intra.example/r/4711"};

/* Prose: a line break each 80 characters or so, now and then a quote or a letter beyond ASCII. */
static void prose(struct buffer *b, size_t n)
{
	size_t end = b->n + n, line = 0;

	while (b->n < end) {
		const char *w = words[draw(sizeof(words) / sizeof(words[0]))];

		put_text(b, w);
		line += strlen(w) + 1;
		if (line > 80) {
			put_text(b, draw(4) ? "\\n" : "\\n\\n");
			line = 0;
		} else {
			put_text(b, " ");
		}
		if (!draw(60))
			put_text(b, draw(2) ? "\\\"so\\\" " : "\xc3\xa9t\xc3\xa9 ");
	}
}

/* Source code: short lines, quotes, tabs. */
static void code(struct buffer *b, size_t n)
{
	size_t end = b->n + n;

	while (b->n < end)
		put_text(b, draw(3) ? "\\tif (!name_of(entry, &len))\\n\\t\\treturn -1;\\n"
		                    : "\\tprintf(\\\"%s: %zu\\\\n\\\", entry->name, len);\\n");
}

static void chat(struct buffer *b)
{
	size_t end = b->n + BODY - 4096;

	put_text(b, "{\"model\":\"gpt-4o\",\"temperature\":0.7,\"stream\":true,\"messages\":[");
	for (unsigned i = 0; b->n < end; i++) {
		put_text(b, i ? ",{\"role\":\"" : "{\"role\":\"");
		put_text(b, i & 1 ? "assistant" : "user");
		put_text(b, "\",\"content\":\"");
		prose(b, 300 + draw(3000));
		put_text(b, "\"}");
	}
	put_text(b, "]}");
}

static void chat_of_code(struct buffer *b)
{
	put_text(b, "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"");
	code(b, BODY - 4096);
	put_text(b, "\"}]}");
}

static void rows(struct buffer *b)
{
	char line[160];
	size_t end = b->n + BODY - 4096;

	put_text(b, "{\"rows\":[");
	for (unsigned i = 0; b->n < end; i++) {
		int n = snprintf(line, sizeof(line),
		        "%s{\"id\":%u,\"name\":\"%s %s\",\"city\":\"%s\",\"ok\":true,\"sum\":%u.%02u}",
		        i ? "," : "", i, words[draw(40)], words[draw(40)], words[draw(40)], draw(90000),
		        draw(100));

		put(b, line, (size_t)n);
	}
	put_text(b, "]}");
}

/* A log with digests: each might be base64. */
static void digests(struct buffer *b)
{
	char line[160];
	size_t end = b->n + BODY - 4096;

	put_text(b, "{\"messages\":[{\"role\":\"user\",\"content\":\"");
	while (b->n < end) {
		int n = snprintf(line, sizeof(line), "commit %08x%08x%08x%08x%08x by %s\\n", draw(UINT32_MAX),
		        draw(UINT32_MAX), draw(UINT32_MAX), draw(UINT32_MAX), draw(UINT32_MAX),
		        words[draw(40)]);

		put(b, line, (size_t)n);
	}
	put_text(b, "\"}]}");
}

/* A tool is called: its arguments are JSON in a string. */
static void arguments(struct buffer *b)
{
	struct buffer inner = {.p = malloc(BODY)};

	put_text(b, "{\"messages\":[{\"tool_calls\":[{\"function\":{\"arguments\":\"");
	put_text(&inner, "{\"path\":\"report.txt\",\"text\":\"");
	prose(&inner, BODY / 4 * 3);
	put_text(&inner, "\"}");
	for (size_t i = 0; i < inner.n; i++) {
		if (inner.p[i] == '"' || inner.p[i] == '\\')
			b->p[b->n++] = '\\';
		b->p[b->n++] = inner.p[i];
	}
	put_text(b, "\"}}]}]}");
	free(inner.p);
}

/* A chat with a document in a data: URL, which is read. */
static void attachment(struct buffer *b)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buffer text = {.p = malloc(BODY)};

	put_text(b, "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\","
	            "\"file\":{\"file_data\":\"data:text/plain;base64,");
	prose(&text, BODY / 8 * 5);
	for (size_t i = 0; i + 3 <= text.n; i += 3) {
		uint32_t v = (uint32_t)text.p[i] << 16 | (uint32_t)text.p[i + 1] << 8 | text.p[i + 2];

		for (unsigned k = 0; k < 4; k++)
			b->p[b->n++] = (uint8_t)digits[v >> (18 - 6 * k) & 63];
	}
	put_text(b, "\"}}]}]}");
	free(text.p);
}

/* ---- carriers -------------------------------------------------------------------------------------------
 */

struct rig {
	struct content_pool *contents;
	struct pool *pool;
	uint64_t text;
	struct content *content;
};

static void on_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct rig *r = arg;

	(void)p;
	(void)offset;
	r->text += n;
}

static void on_head(void *arg, struct message *m)
{
	struct rig *r = arg;
	struct text_sink out = {.arg = r, .text = on_text};

	r->content = content_open(r->contents, m, &out);
}

static void on_body(void *arg, struct message *m, const uint8_t *p, size_t n)
{
	struct rig *r = arg;

	(void)m;
	content_feed(r->content, p, n);
}

static void on_end(void *arg, struct message *m, bool whole)
{
	struct rig *r = arg;

	(void)m;
	(void)whole;
	content_close(r->content, NULL);
}

static void http1_wrap(struct buffer *wire, const struct buffer *body)
{
	char head[200];
	int n = snprintf(head, sizeof(head),
	        "POST /v1/chat/completions HTTP/1.1\r\nHost: api.example\r\nContent-Type: "
	        "application/json\r\n"
	        "Content-Length: %zu\r\n\r\n",
	        body->n);

	put(wire, head, (size_t)n);
	put(wire, (const char *)body->p, body->n);
}

#define FRAME 16384 /* SETTINGS_MAX_FRAME_SIZE of nearly everybody */

static void put_be(struct buffer *b, uint64_t v, size_t width)
{
	for (size_t i = width; i-- > 0;)
		b->p[b->n++] = (uint8_t)(v >> (8 * i));
}

static void http2_frame(
        struct buffer *wire, uint8_t type, uint8_t flags, uint32_t id, const void *p, size_t n)
{
	put_be(wire, n, 3);
	put_be(wire, type, 1);
	put_be(wire, flags, 1);
	put_be(wire, id, 4);
	put(wire, p, n);
}

/* One stream a body; its head is that of clients that have sent it before (RFC 7541: by index). */
static void http2_wrap(struct buffer *wire, const struct buffer *body)
{
	static const char block[] = "\x83\x86\x04\x14/v1/chat/completions\x01\x0b"
	                            "api.example";
	static uint32_t id;

	if (!wire->n) {
		put_text(wire, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		http2_frame(wire, 4, 0, 0, "", 0);
		id = 1;
	}
	http2_frame(wire, 1, 4, id, block, sizeof(block) - 1);
	for (size_t at = 0; at < body->n; at += FRAME) {
		size_t n = body->n - at < FRAME ? body->n - at : FRAME;

		http2_frame(wire, 0, at + n == body->n, id, body->p + at, n);
	}
	id += 2;
}

/* One message a body. */
static void websocket_wrap(struct buffer *wire, const struct buffer *body)
{
	static const uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};

	put_be(wire, 0x81, 1);
	put_be(wire, 0xff, 1);
	put_be(wire, body->n, 8);
	put(wire, (const char *)key, 4);
	for (size_t i = 0; i < body->n; i++)
		wire->p[wire->n++] = body->p[i] ^ key[i % 4];
}

/* A connection through one layer. */
static void layer_read(struct rig *r, const struct layer_ops *ops, const struct buffer *wire)
{
	struct sink out = {.arg = r, .head = on_head, .body = on_body, .end = on_end};
	struct arena arena;
	struct flow flow;
	struct conn c = {.arena = &arena, .flow = &flow};
	void *state;

	memset(&flow, 0, sizeof(flow));
	arena_init(&arena, r->pool, 64);
	state = arena_get(&arena, ops->state_size);
	if (!state || ops->open(state, &c) < 0)
		abort();
	for (size_t at = 0; at < wire->n; at += SEGMENT) {
		size_t n = wire->n - at < SEGMENT ? wire->n - at : SEGMENT;

		if (ops->feed(state, &c, FLOW_C2S, 0, wire->p + at, n, 0, &out) != LAYER_MORE)
			abort();
	}
	ops->close(state, &c, &out);
	arena_clear(&arena);
}

static void http1_read(struct rig *r, const struct buffer *wire)
{
	layer_read(r, &http1_layer, wire);
}

static void http2_read(struct rig *r, const struct buffer *wire)
{
	layer_read(r, &http2_layer, wire);
}

static void websocket_read(struct rig *r, const struct buffer *wire)
{
	layer_read(r, &websocket_layer, wire);
}

static const struct {
	const char *name;
	void (*wrap)(struct buffer *wire, const struct buffer *body);
	void (*read)(struct rig *r, const struct buffer *wire);
} carriers[] = {
        {"HTTP/1", http1_wrap, http1_read},
        {"HTTP/2", http2_wrap, http2_read},
        {"WebSocket", websocket_wrap, websocket_read},
};

static const struct {
	const char *name;
	void (*make)(struct buffer *body);
} bodies[] = {
        {"chat", chat},
        {"source code", chat_of_code},
        {"short values", rows},
        {"digests", digests},
        {"JSON in JSON", arguments},
        {"base64", attachment},
};

/* ---- passes to compare with -----------------------------------------------------------------------------
 */

static volatile uint64_t kept; /* so that no pass is left out */

static void pass_memchr(struct rig *r, const struct buffer *wire)
{
	const uint8_t *p = wire->p, *end = p + wire->n;
	uint64_t n = 0;

	/* UTF-8 never has it, frames now and then do */
	(void)r;
	while ((p = memchr(p, 0xc1, (size_t)(end - p)))) {
		p++;
		n++;
	}
	kept = n;
}

static void pass_hash(struct rig *r, const struct buffer *wire)
{
	(void)r;
	kept = XXH3_64bits(wire->p, wire->n);
}

static int64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static double speed(
        void (*pass)(struct rig *, const struct buffer *), struct rig *r, const struct buffer *wire)
{
	double best = 0;

	for (int round = 0; round < ROUNDS; round++) {
		int64_t from = cpu_ns(), ns;
		uint64_t bytes = 0;
		double gbs;

		do {
			pass(r, wire);
			bytes += wire->n;
			ns = cpu_ns() - from;
		} while (ns < MIN_NS);
		gbs = (double)bytes / (double)ns;
		best = gbs > best ? gbs : best;
	}
	return best;
}

int main(void)
{
	static const struct content_limits l = {.inflate_ratio = 200, .depth = 64};
	struct rig r = {.contents = content_pool_create(64, &l), .pool = pool_create(POOL_SIZE, 256)};
	struct buffer body = {.p = malloc(2 * BODY)}, wire = {.p = malloc(WIRE + 4 * BODY)};

	if (!r.contents || !r.pool || !body.p || !wire.p)
		return 1;
	printf("readers, GB/s of one core: %-14s %-9s %8s %8s %8s  of memchr\n", "JSON of", "over", "readers",
	        "memchr", "XXH3");
	for (size_t b = 0; b < sizeof(bodies) / sizeof(bodies[0]); b++) {
		for (size_t c = 0; c < sizeof(carriers) / sizeof(carriers[0]); c++) {
			double own, chr, hash;

			wire.n = 0;
			while (wire.n < WIRE) {
				body.n = 0;
				bodies[b].make(&body);
				carriers[c].wrap(&wire, &body);
			}
			r.text = 0;
			own = speed(carriers[c].read, &r, &wire);
			chr = speed(pass_memchr, &r, &wire);
			hash = speed(pass_hash, &r, &wire);
			if (r.text < wire.n / 10) {
				fprintf(stderr, "%s over %s: nothing was read\n", bodies[b].name,
				        carriers[c].name);
				return 1;
			}
			printf("                           %-14s %-9s %8.2f %8.2f %8.2f  %.2f\n",
			        bodies[b].name, carriers[c].name, own, chr, hash, own / chr);
		}
	}
	content_pool_destroy(r.contents);
	pool_destroy(r.pool);
	free(body.p);
	free(wire.p);
	return 0;
}
