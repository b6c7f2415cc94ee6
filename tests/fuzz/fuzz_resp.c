/* fuzz_resp.c - what a server may answer to our client: parsed, and read as every answer we ever ask for. The
 * first byte says how many records the EXEC was for, the second how the bytes arrive in pieces. */
#include "alerts/publish.h"

#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_as_everything(const redisReply *r, size_t n)
{
	const struct stream_id ids[RECORDS_MAX] = {
	        {1, 1}, {1, 2}, {1, 3}, {2, 4}, {2, 5}, {3, 6}, {4, 7}, {5, 8}};
	struct publish_head head, newest;
	struct stream_id last;
	bool ok[RECORDS_MAX];
	char cause[64] = "";
	enum resp_class class = publish_read_exec(r, n, ids, ok, cause, sizeof(cause));

	for (size_t i = 0; i < n; i++)
		if (!ok[i] && class == RESP_OK)
			abort(); /* a record that was not taken must have a reason */
	if (class != RESP_OK && !*cause)
		abort();
	publish_read_head(r, &head);
	if (strlen(head.hash) >= sizeof(head.hash))
		abort();
	publish_read_stream(r, &last, &newest);
	if (strlen(newest.hash) >= sizeof(newest.hash))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	redisReader *reader;
	size_t n, piece;

	if (size < 2 || !(reader = resp_reader_create()))
		return 0;
	n = 1 + data[0] % RECORDS_MAX;
	piece = 1 + data[1];
	for (size_t at = 2; at < size; at += piece) {
		void *reply = NULL;

		if (redisReaderFeed(reader, (const char *)data + at, size - at < piece ? size - at : piece) !=
		        REDIS_OK)
			break;
		while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
			read_as_everything(reply, n);
			freeReplyObject(reply);
			reply = NULL;
		}
		if (reader->err)
			break;
	}
	redisReaderFree(reader);
	return 0;
}
