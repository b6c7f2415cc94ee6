/* bench_codings.c - how fast codings are undone from TCP segments, beside one call of the library over the
 * whole of the same bytes; and how fast messages of Protocol Buffers become text.  CPU time of one core, best
 * of several rounds; the ratios are what to compare. */
#include "tests/unit/coders.h"
#include "tests/unit/proto_write.h"

#include "classify/content/content.h"

#include <brotli/decode.h>
#include <time.h>

#define SEGMENT 1460
#define TEXT    (2u << 20)
#define ROUNDS  5

static const char *const words[] = {"the report of last quarter", " shows that customers", "\\n",
        " in Hamburg", " prefer delivery by Friday", "{\"role\":\"user\",\"content\":\"", "\"},",
        " about 12% more", " AKIA", " \\\"so\\\" ", " 4111 1111"};
static uint8_t text[TEXT], coded[2 * TEXT], plain[2 * TEXT];

static uint32_t draw(uint32_t below)
{
	static uint32_t seed = 1;

	seed = seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)seed * below >> 32);
}

static void fill(void)
{
	size_t n = 0;

	while (n < TEXT) {
		const char *w = words[draw(sizeof(words) / sizeof(words[0]))];
		char number[16];
		size_t len;

		if (!draw(4)) {
			snprintf(number, sizeof(number), " %u", draw(1000000));
			w = number;
		}
		len = strlen(w) < TEXT - n ? strlen(w) : TEXT - n;
		memcpy(text + n, w, len);
		n += len;
	}
}

static double cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool take(void *arg, const uint8_t *p, size_t n)
{
	(void)p;
	*(size_t *)arg += n;
	return true;
}

static size_t own(const char *name, size_t n, struct coding_memory *memory)
{
	struct coding c;
	size_t got = 0;
	unsigned why = 0;

	coding_init(&c, coding_by_name(slice_of(name, strlen(name))), 200, memory);
	for (size_t at = 0; at < n && !why; at += SEGMENT)
		why = coding_feed(&c, coded + at, n - at < SEGMENT ? n - at : SEGMENT, take, &got);
	why |= coding_end(&c, take, &got);
	coding_clear(&c);
	return why ? 0 : got;
}

static size_t inflated(int window_bits, size_t n)
{
	z_stream z = {.next_in = coded, .avail_in = (uInt)n, .next_out = plain, .avail_out = sizeof(plain)};
	size_t got;

	if (inflateInit2(&z, window_bits) != Z_OK || inflate(&z, Z_FINISH) != Z_STREAM_END)
		return 0;
	got = sizeof(plain) - z.avail_out;
	inflateEnd(&z);
	return got;
}

static size_t library(const char *name, size_t n)
{
	size_t got = sizeof(plain);

	if (strstr(name, "gzip"))
		return inflated(31, n);
	if (!strcmp(name, "deflate"))
		return inflated((coded[0] & 15) == 8 && (coded[0] << 8 | coded[1]) % 31 == 0 ? 15 : -15, n);
	if (!strcmp(name, "br"))
		return BrotliDecoderDecompress(n, coded, &got, plain) ? got : 0;
	if (!strcmp(name, "zstd"))
		return ZSTD_decompress(plain, sizeof(plain), coded, n);
	memcpy(plain, coded, n);
	return TEXT;
}

static void codings(void)
{
	struct coding_memory *memory = coding_memory_create(64u << 20);

	printf("codings, GB/s of text:  %-12s %6s %8s %8s  of the library\n", "coding", "small", "own",
	        "library");
	for (size_t i = 0; i < N_CODERS; i++) {
		size_t n = coders[i].encode(text, TEXT, coded, sizeof(coded));
		double best[2] = {1e9, 1e9};

		for (int round = 0; round < ROUNDS; round++)
			for (int lib = 0; lib < 2; lib++) {
				double from = cpu();
				size_t got =
				        lib ? library(coders[i].name, n) : own(coders[i].name, n, memory);

				from = cpu() - from;
				if (got != TEXT)
					exit(1);
				best[lib] = from < best[lib] ? from : best[lib];
			}
		printf("                        %-12s %5.0f%% %8.2f %8.2f  %.2f\n", coders[i].name,
		        100.0 * (double)n / TEXT, TEXT / best[0] / 1e9, TEXT / best[1] / 1e9,
		        best[1] / best[0]);
	}
	coding_memory_destroy(memory);
}

static void got_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	(void)p;
	(void)offset;
	*(size_t *)arg += n;
}

/* Chats of turns of so many bytes, each a message in a message. */
static void messages(size_t turn)
{
	static struct proto one, chat, body;
	static const struct content_limits l = {.depth = 64};
	struct content_pool *pool = content_pool_create(1, &l);
	struct message m = {.content_type = SLICE("application/grpc")};
	size_t got = 0;
	struct text_sink out = {.arg = &got, .text = got_text};
	double best = 1e9;

	chat.n = body.n = 0;
	while (chat.n + turn + 40 < PROTO_MAX - 100) {
		one.n = 0;
		proto_varint(&one, 1, draw(3));
		proto_bytes(&one, 2, text + draw(TEXT / 2), turn);
		proto_fixed(&one, 3, 8, draw(UINT32_MAX));
		proto_message(&chat, 1, &one);
	}
	envelope(&body, 0, (uint32_t)chat.n, chat.p, chat.n);
	for (int round = 0; round < ROUNDS * 10; round++) {
		double from = cpu();
		struct content *c = content_open(pool, &m, &out);

		for (unsigned k = 0; k < 20; k++)
			for (size_t at = 0; at < body.n; at += SEGMENT)
				content_feed(c, body.p + at, body.n - at < SEGMENT ? body.n - at : SEGMENT);
		content_close(c, NULL);
		from = cpu() - from;
		best = from < best ? from : best;
	}
	if (got < 20 * body.n / 2)
		exit(1);
	printf("gRPC, GB/s of wire:     texts of %5zu bytes   %8.2f\n", turn,
	        (double)body.n * 20 / best / 1e9);
	content_pool_destroy(pool);
}

int main(void)
{
	fill();
	codings();
	messages(30);
	messages(300);
	messages(5000);
	return 0;
}
