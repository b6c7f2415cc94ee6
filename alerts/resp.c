/* resp.c - see resp.h (https://redis.io/docs/latest/develop/reference/protocol-spec/). */
#include "alerts/resp.h"

#include "base/clock.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_SIZE    65536
#define REPLY_NS     (5 * NS_PER_S)
#define OUT_KEEP_MAX (1u << 20) /* a larger send buffer is given back */

/* Texts as Redis 7.0 sends them; the first match counts. */
static const struct {
	const char *prefix;
	enum resp_class class;
} classes[] = {
        {"OOM", RESP_WAIT},
        {"LOADING", RESP_WAIT},
        {"BUSY", RESP_WAIT},
        {"MISCONF", RESP_WAIT},
        {"NOREPLICAS", RESP_WAIT},
        {"TRYAGAIN", RESP_WAIT},
        {"CLUSTERDOWN", RESP_WAIT},
        {"ASK ", RESP_WAIT}, /* a slot on its way: MOVED comes when it is there */
        {"READONLY", RESP_MOVE},
        {"MASTERDOWN", RESP_MOVE},
        {"MOVED", RESP_MOVE},
        {"ERR max number of clients", RESP_MOVE},
        {"NOAUTH", RESP_PERSON},
        {"WRONGPASS", RESP_PERSON},
        {"NOPERM", RESP_PERSON},
        {"WRONGTYPE", RESP_PERSON},
        {"CROSSSLOT", RESP_PERSON},
        {"ERR unknown command", RESP_PERSON},
        {"ERR invalid password", RESP_PERSON},
        {"ERR wrong number of arguments for 'auth'", RESP_PERSON}, /* Redis 5 knows no users */
        {"ERR AUTH", RESP_PERSON},
        {"ERR Client sent AUTH", RESP_PERSON},
        {"ERR DB index", RESP_PERSON},
        {"ERR This instance has cluster support disabled", RESP_PERSON},
        {"ERR The ID specified in XADD is equal or smaller", RESP_ID},
};

/* Its place among the classes; their number: it is none of them. */
static size_t class_index(const char *text)
{
	size_t i = 0;

	while (i < sizeof(classes) / sizeof(*classes) &&
	        strncmp(text, classes[i].prefix, strlen(classes[i].prefix)))
		i++;
	return i;
}

enum resp_class resp_class_of(const char *text)
{
	size_t i = class_index(text);

	/* unknown: a new connection is the cleanest answer */
	return i < sizeof(classes) / sizeof(*classes) ? classes[i].class : RESP_MOVE;
}

/* ---- hiredis 0.14 (Debian 12) and 1.x (Debian 13) ---------------------------------------------------------
 */

#if HIREDIS_MAJOR >= 1
typedef size_t resp_count;
#else
typedef int resp_count;
#endif

static redisReplyObjectFunctions functions;
static void *(*plain_array)(const redisReadTask *, resp_count);

/* 0.14 allocates what an array's header claims: 2^31 elements for ten bytes. */
static void *bounded_array(const redisReadTask *task, resp_count n)
{
	return n > 0 && (size_t)n > RESP_ELEMENTS_MAX ? NULL : plain_array(task, n);
}

static void __attribute__((constructor)) take_functions(void)
{
	redisReader *r = redisReaderCreate();

	if (!r)
		abort();
	functions = *r->fn;
	plain_array = functions.createArray;
	functions.createArray = bounded_array;
	redisReaderFree(r);
}

redisReader *resp_reader_create(void)
{
	redisReader *r = redisReaderCreate();

	if (r)
		r->fn = &functions;
	return r;
}

/* ---- commands --------------------------------------------------------------------------------------------
 */

#define HEADER_MAX 24 /* '*' or '$', 20 digits, CR LF */

static bool have_room(struct resp *r, size_t n)
{
	size_t cap = (r->out_len + n) * 2;
	char *more;

	if (r->out_cap - r->out_len >= n)
		return true;
	more = realloc(r->out, cap);
	if (!more)
		return false;
	r->out = more;
	r->out_cap = cap;
	return true;
}

static void put(struct resp *r, const void *p, size_t n)
{
	memcpy(r->out + r->out_len, p, n);
	r->out_len += n;
}

/* "*3\r\n" and the like. */
static void put_header(struct resp *r, char kind, size_t n)
{
	char text[HEADER_MAX];
	size_t at = sizeof(text);

	text[--at] = '\n';
	text[--at] = '\r';
	do
		text[--at] = (char)('0' + n % 10);
	while (n /= 10);
	text[--at] = kind;
	put(r, text + at, sizeof(text) - at);
}

/* Formatted here and not by hiredis, which allocates and copies each command once more. */
int resp_add(struct resp *r, int argc, const char *const *argv, const size_t *len)
{
	size_t need = HEADER_MAX;

	for (int i = 0; i < argc; i++)
		need += HEADER_MAX + len[i] + 2;
	if (!have_room(r, need))
		return -1;
	put_header(r, '*', (size_t)argc);
	for (int i = 0; i < argc; i++) {
		put_header(r, '$', len[i]);
		put(r, argv[i], len[i]);
		put(r, "\r\n", 2);
	}
	return 0;
}

int resp_add_words(struct resp *r, const char *const *words)
{
	size_t len[16];
	int n = 0;

	for (; n < 16 && words[n]; n++)
		len[n] = strlen(words[n]);
	return resp_add(r, n, words, len);
}

int resp_send(struct resp *r, int64_t deadline_ns, struct err *e)
{
	int ret = r->out_len ? wire_write(r->wire, r->out, r->out_len, deadline_ns, e) : 0;

	r->out_len = 0;
	if (r->out_cap > OUT_KEEP_MAX) {
		free(r->out);
		r->out = NULL;
		r->out_cap = 0;
	}
	return ret;
}

void resp_forget(struct resp *r)
{
	r->out_len = 0;
}

struct resp_unsent resp_put_aside(struct resp *r)
{
	struct resp_unsent u = {r->out, r->out_len, r->out_cap};

	r->out = NULL;
	r->out_len = r->out_cap = 0;
	return u;
}

void resp_take_back(struct resp *r, struct resp_unsent *u)
{
	free(r->out);
	r->out = u->out;
	r->out_len = u->len;
	r->out_cap = u->cap;
	u->out = NULL;
}

/* Error texts go to terminals and logs: nothing in them may move a cursor. */
static void make_plain(redisReply *r)
{
	for (size_t i = 0; i < (size_t)r->len; i++)
		if (r->str[i] < 0x20 || r->str[i] > 0x7e)
			r->str[i] = '?';
}

static redisReply *plain_errors(redisReply *r)
{
	if (r->type == REDIS_REPLY_ERROR)
		make_plain(r);
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < (size_t)r->elements; i++) /* EXEC's */
		if (r->element[i]->type == REDIS_REPLY_ERROR)
			make_plain(r->element[i]);
	return r;
}

redisReply *resp_read(struct resp *r, int64_t deadline_ns, struct err *e)
{
	char buf[READ_SIZE];

	for (;;) {
		void *reply = NULL;
		ssize_t n;

		if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
			err_set(e, "what the server sent is no Redis reply: %s", r->reader->errstr);
			return NULL;
		}
		if (reply) {
			r->in_len = 0;
			return plain_errors(reply);
		}
		if (r->in_len > RESP_REPLY_MAX) {
			err_set(e, "a reply of the server is longer than %u bytes", RESP_REPLY_MAX);
			return NULL;
		}
		n = wire_read(r->wire, buf, sizeof(buf), deadline_ns, e);
		if (n < 0)
			return NULL;
		if (redisReaderFeed(r->reader, buf, (size_t)n) != REDIS_OK) {
			err_set(e, "no memory for the server's reply");
			return NULL;
		}
		r->in_len += (size_t)n;
	}
}

redisReply *resp_ask(struct resp *r, const char *const *words, int64_t deadline_ns, struct err *e)
{
	if (resp_add_words(r, words) < 0) {
		err_set(e, "no memory");
		return NULL;
	}
	return resp_send(r, deadline_ns, e) < 0 ? NULL : resp_read(r, deadline_ns, e);
}

/* ---- opening ---------------------------------------------------------------------------------------------
 */

/* Certificates that do not fit stay as they are until somebody changes them; connections that broke do not.
 */
static enum resp_class wire_class_of(const char *error)
{
	return !strncmp(error, "TLS: ", 5) && !strstr(error, "unexpected eof") ? RESP_PERSON : RESP_MOVE;
}

/* An error reply to AUTH.  A server that does not know the command repeats what stood behind it, cut
 * anywhere; others might. */
static const char *auth_error(const char *text, const char *password)
{
	if (!strncmp(text, "ERR unknown command", 19))
		return "the server does not know this command";
	if (class_index(text) == sizeof(classes) / sizeof(*classes) || strstr(text, password))
		return "refused, in words that are not shown: they may hold the password";
	return text;
}

/* Sends one command of the greeting; an error reply is an error unless `optional`. */
static int greet(struct resp *r, const struct redis_url *u, const char *const *words, bool optional,
        enum resp_class *class, struct err *e)
{
	int64_t limit = u->patience_ms ? u->patience_ms * NS_PER_MS : REPLY_NS;
	redisReply *reply = resp_ask(r, words, clock_mono_ns() + limit, e);
	int ret = 0;

	*class = RESP_MOVE;
	if (!reply) {
		*class = wire_class_of(e->text);
		return -1;
	}
	if (reply->type == REDIS_REPLY_ERROR && !optional) {
		*class = resp_class_of(reply->str);
		ret = err_set(e, "%.200s",
		        strcmp(words[0], "AUTH") ? reply->str : auth_error(reply->str, u->password));
	}
	freeReplyObject(reply);
	return ret;
}

static int greet_all(
        struct resp *r, const struct redis_url *u, const char *name, enum resp_class *class, struct err *e)
{
	char db[8];

	/* AUTH with one word is for servers without ACL users (requirepass) */
	if (u->user[0] &&
	        greet(r, u, (const char *[]){"AUTH", u->user, u->password, NULL}, false, class, e) < 0)
		return err_wrap(e, "AUTH as %s", u->user);
	if (!u->user[0] && u->password[0] &&
	        greet(r, u, (const char *[]){"AUTH", u->password, NULL}, false, class, e) < 0)
		return err_wrap(e, "AUTH");
	snprintf(db, sizeof(db), "%u", u->db);
	if (u->db && greet(r, u, (const char *[]){"SELECT", db, NULL}, false, class, e) < 0)
		return err_wrap(e, "SELECT");
	/* only for people who look at CLIENT LIST: a user without the permission may go on */
	return greet(r, u, (const char *[]){"CLIENT", "SETNAME", name, NULL}, true, class, e);
}

int resp_open(struct resp *r, const struct redis_url *u, const struct wire_tls *tls, const char *name,
        int stop_fd, enum resp_class *class, struct err *e)
{
	*r = (struct resp){.wire = wire_open(u, tls, stop_fd, e)};
	*class = RESP_MOVE;
	if (!r->wire) {
		*class = wire_class_of(e->text);
		return -1;
	}
	r->reader = resp_reader_create();
	if (!r->reader) {
		resp_close(r);
		return err_set(e, "no memory");
	}
	if (greet_all(r, u, name, class, e) < 0) {
		resp_close(r);
		return -1;
	}
	return 0;
}

void resp_close(struct resp *r)
{
	wire_close(r->wire);
	if (r->reader)
		redisReaderFree(r->reader);
	if (r->out && r->out_cap)
		OPENSSL_cleanse(r->out, r->out_cap); /* may have held AUTH */
	free(r->out);
	*r = (struct resp){.wire = NULL};
}
