/* tls.c - TLS over a byte stream: records (RFC 8446 5.1), handshake messages over any number of them (RFC
 * 8446 4, 5.1: fragmented and coalesced as the sender likes), hellos.
 *
 * A hello that lies whole in one feed and one record is read in place.  Otherwise its parts wait in the
 * flow's arena and are put together in the thread's scratch buffer when the last one came. */
#include "base/cursor.h"
#include "classify/names/certificate.h"
#include "classify/names/hello.h"
#include "classify/names/names.h"
#include "classify/names/pieces.h"
#include "classify/names/scratch.h"

#include <string.h>

#define RECORD_HEADER    5
#define RECORD_PLAIN_MAX 16384          /* RFC 8446 5.1 */
#define RECORD_MAX       (16384 + 2048) /* RFC 5246 6.2.3: protected records may be longer */
#define MESSAGE_HEADER   4
#define VERSION_MAJORS   16 /* of a first record; what has more is not TLS to anybody */
#define NOTHINGS_MAX     4  /* records before a hello that say nothing; so many of them are TLS */

/* Protected bytes after which a hello that still has not come will not come: 0-RTT data before the
 * ServerHello, or the other direction being late. */
#define PROTECTED_MAX (256 * 1024)
#define HELLOS_MAX    2 /* of one side: the second follows a HelloRetryRequest */

enum { RECORD_CCS = 20, RECORD_ALERT = 21, RECORD_HANDSHAKE = 22, RECORD_DATA = 23, RECORD_HEARTBEAT = 24 };
enum { HELLO_REQUEST = 0, CLIENT_HELLO = 1, SERVER_HELLO = 2, CERTIFICATE = 11 };
enum { ALERT_WARNING = 1, ALERT_FATAL = 2 };

struct side {
	uint8_t header[RECORD_HEADER], header_n;
	uint8_t alert[2], alert_n;
	uint16_t left; /* bytes of this record still to come */
	uint8_t message[MESSAGE_HEADER], message_n;
	uint32_t have; /* bytes of this message's body so far */
	struct pieces pieces;
	uint8_t hellos;
	bool skip; /* this message is none we read: its bytes are passed over */
	bool over; /* nothing more to learn from this direction */
	bool data; /* protected records began */
	bool lost; /* where records begin is not known any more */
};

struct tls {
	struct side side[2];
	bool client, server; /* hellos seen; server: a real one, no HelloRetryRequest */
	bool retry, early;   /* a HelloRetryRequest was seen; the client announced 0-RTT data */
	bool want_cert;      /* the server's certificate comes in clear */
	bool ended;          /* a fatal alert: no hello will follow */
	uint8_t clients;     /* ClientHellos seen */
	uint8_t session_id[32], session_id_len;
	char sni[HOST_MAX];
	uint64_t data; /* protected bytes passed over */
};

/* What of a feed belongs to whom, while it is read. */
struct feed {
	struct tls *t;
	struct side *s;
	struct conn *c;
	enum flow_dir dir;
	const struct sink *out;
};

/* A record that begins with a hello.  RFC 8446 5.1: its version "MUST be ignored for all purposes", and
 * servers do (OpenSSL looks at its first byte, others need not): with an odd one, the
 * hello's own version has to be right. */
static int probe_hello(const uint8_t *p, size_t n)
{
	size_t len;

	if ((n > 0 && p[0] != RECORD_HANDSHAKE) || (n > 1 && p[1] >= VERSION_MAJORS))
		return 0;
	if (n < RECORD_HEADER + 1)
		return -1;
	len = (size_t)p[3] << 8 | p[4];
	if (!len || len > RECORD_PLAIN_MAX || (p[5] != CLIENT_HELLO && p[5] != SERVER_HELLO))
		return 0;
	if (p[1] == 3 || len < MESSAGE_HEADER + 2) /* ... or lies in records of its own */
		return 1;
	if ((n > 6 && p[6]) || (n > 9 && p[9] != 3))
		return 0;
	return n < RECORD_HEADER + MESSAGE_HEADER + 2 ? -1 : 1;
}

/* The length of a record that servers pass over before a hello: OpenSSL empty ones of handshakes (against RFC
 * 8446 5.1), others may pass over warnings.  0: it is none, -1: too few bytes. */
static int probe_nothing(const uint8_t *p, size_t n)
{
	static const uint8_t empty[] = {RECORD_HANDSHAKE, 3, 0, 0, 0},
	                     warning[] = {RECORD_ALERT, 3, 0, 0, 2, ALERT_WARNING, 0};
	const uint8_t *want = n && p[0] == RECORD_ALERT ? warning : empty;
	size_t len = want == warning ? sizeof(warning) : sizeof(empty);

	for (size_t i = 0; i < n && i < len; i++)
		if (i != 2 && i != 6 && p[i] != want[i]) /* minor version, kind of warning */
			return 0;
	return n < len ? -1 : (int)len;
}

int tls_probe(const uint8_t *p, size_t n)
{
	int nothing, hello;

	for (unsigned i = 0; i < NOTHINGS_MAX; i++) {
		nothing = probe_nothing(p, n);
		if (nothing <= 0) {
			hello = probe_hello(p, n);
			return hello ? hello : nothing;
		}
		p += nothing;
		n -= (size_t)nothing;
	}
	return 1; /* nobody else begins so */
}

bool tls_record_probe(const uint8_t *p, size_t n)
{
	struct cur c = cur_of(p, n);
	uint8_t type = cur_u8(&c), major = cur_u8(&c), minor = cur_u8(&c);
	uint16_t len = cur_be16(&c);

	return !c.bad && type >= RECORD_CCS && type <= RECORD_DATA && major == 3 && minor >= 1 &&
	       minor <= 4 && len > 0 && len <= RECORD_MAX;
}

static bool finished(const struct tls *t)
{
	const struct side *client = &t->side[FLOW_C2S], *server = &t->side[FLOW_S2C];

	if (t->ended || t->data > PROTECTED_MAX || (client->over && server->over))
		return true;
	if (t->want_cert && !server->over)
		return false;
	if (t->server && t->client)
		return !t->retry || t->clients >= HELLOS_MAX || client->over;
	/* without 0-RTT, protected data follows both hellos: the missing one was not captured */
	return t->client && ((client->data && !t->early) || server->over);
}

/* ---- hellos ------------------------------------------------------------------------------------------- */

static void tell(const struct sink *out, const struct hello *h)
{
	if (out && out->hello)
		out->hello(out->arg, h);
}

static void client_seen(struct tls *t, const struct hello *h)
{
	t->client = true;
	t->clients++;
	t->early = h->early_data;
	t->session_id_len = h->session_id_len;
	memcpy(t->session_id, h->session_id, sizeof(t->session_id));
	memcpy(t->sni, h->sni, sizeof(t->sni));
}

static void server_seen(struct tls *t, struct hello *h, bool wanted)
{
	if (h->hello_retry) {
		t->retry = true;
		return;
	}
	t->server = true;
	/* RFC 5246 7.4.1.3, RFC 5077 3.4: an id given back means that the session goes on */
	if (h->version < 0x0304 && t->client && t->session_id_len && t->session_id_len == h->session_id_len &&
	        !memcmp(t->session_id, h->session_id, h->session_id_len))
		h->psk = true;
	t->want_cert = wanted && h->version < 0x0304 && !h->psk;
}

/* RFC 5246 7.4.2: a list of certificates, the server's own first.  After it nothing of this side is read. */
static void certificate_whole(struct feed *f, struct cur body)
{
	struct cur list = cur_vec(&body, 3), leaf = cur_vec(&list, 3);
	struct certificate c;

	f->t->want_cert = false;
	f->s->over = true;
	if (!list.bad && !leaf.bad && f->out->cert &&
	        certificate_read(leaf.p, cur_left(&leaf), f->t->sni, &c) == 0)
		f->out->cert(f->out->arg, &c);
}

/* The body of a hello, contiguous.  false: it is none. */
static bool hello_whole(struct feed *f, uint8_t type, struct cur body)
{
	struct hello h;

	if (type == CERTIFICATE) {
		certificate_whole(f, body);
		return true;
	}
	if (f->s->hellos++ >= HELLOS_MAX) {
		f->s->over = true;
		return true;
	}
	if (type == CLIENT_HELLO) {
		if (hello_read_client(body, false, &h) < 0)
			return false;
		client_seen(f->t, &h);
	} else {
		if (hello_read_server(body, &h) < 0)
			return false;
		server_seen(f->t, &h, f->out && f->out->cert && !f->c->skip_cert);
	}
	tell(f->out, &h);
	return true;
}

/* The end of a ClientHello was lost: what came may hold the name. */
static void hello_part(struct tls *t, struct side *s, const struct sink *out)
{
	struct scratch *x;
	struct hello h;

	if (s->message_n < MESSAGE_HEADER || s->skip || s->message[0] != CLIENT_HELLO || !s->pieces.len)
		return;
	x = scratch_get();
	if (!x)
		return;
	pieces_copy(&s->pieces, x->message);
	if (hello_read_client_part(cur_of(x->message, s->pieces.len), false, &h) == 0) {
		client_seen(t, &h);
		tell(out, &h);
	}
}

static void side_over(struct tls *t, struct side *s, const struct sink *out)
{
	if (!s->over)
		hello_part(t, s, out);
	s->over = true;
	pieces_reset(&s->pieces);
}

/* ---- handshake messages ------------------------------------------------------------------------------- */

static uint32_t message_len(const struct side *s)
{
	return (uint32_t)(s->message[1] << 16 | s->message[2] << 8 | s->message[3]);
}

/* Its header is there: is it one to read?  false: not TLS. */
static bool message_begins(struct feed *f)
{
	struct side *s = f->s;
	uint8_t type = s->message[0];

	s->have = 0;
	pieces_reset(&s->pieces);
	s->skip = type != CLIENT_HELLO && type != SERVER_HELLO &&
	          !(type == CERTIFICATE && f->dir == FLOW_S2C && f->t->want_cert);
	if (!s->skip && type == CERTIFICATE && message_len(s) > HELLO_SIZE_MAX) {
		s->over = true; /* a chain this long is not read; the hellos stand */
		return true;
	}
	if (!s->skip)
		return message_len(s) <= HELLO_SIZE_MAX;
	/* A HelloRequest may come before everything.  Other messages follow the hello of their side, and what
	 * looks like a message then may be protected already (TLS 1.2 Finished). */
	if (type != HELLO_REQUEST || s->hellos)
		s->over = true;
	return true;
}

/* n bytes of the message's body, not more than it lacks. */
static bool message_part(struct feed *f, const uint8_t *p, size_t n)
{
	struct side *s = f->s;
	uint32_t len = message_len(s);
	struct scratch *x;

	if (s->skip || (!s->have && n == len)) {
		s->have += (uint32_t)n;
		return s->skip || hello_whole(f, s->message[0], cur_of(p, n));
	}
	if (!pieces_add(&s->pieces, f->c->arena, p, n, len - s->have)) {
		side_over(f->t, s, f->out);
		return true;
	}
	s->have += (uint32_t)n;
	if (s->have < len)
		return true;
	x = scratch_get();
	if (!x) {
		s->over = true;
		return true;
	}
	pieces_copy(&s->pieces, x->message);
	pieces_reset(&s->pieces);
	return hello_whole(f, s->message[0], cur_of(x->message, len));
}

/* Bytes of handshake records.  false: not TLS. */
static bool handshake(struct feed *f, struct cur c)
{
	struct side *s = f->s;

	while (cur_left(&c) && !s->over) {
		size_t n, lacks;

		if (s->message_n < MESSAGE_HEADER) {
			s->message[s->message_n++] = cur_u8(&c);
			if (s->message_n < MESSAGE_HEADER)
				continue;
			if (!message_begins(f))
				return false;
			if (s->over || (message_len(s) && !cur_left(&c)))
				return true;
		}
		lacks = message_len(s) - s->have;
		n = cur_left(&c) < lacks ? cur_left(&c) : lacks;
		if (!message_part(f, cur_take(&c, n), n))
			return false;
		if (s->have == message_len(s))
			s->message_n = 0;
	}
	return true;
}

/* ---- records ------------------------------------------------------------------------------------------ */

static bool record_begins(struct feed *f)
{
	struct side *s = f->s;
	uint8_t type = s->header[0];
	size_t len = (size_t)s->header[3] << 8 | s->header[4];

	/* the version of a first record means nothing: see probe_hello() */
	if (s->header[1] >= (s->hellos ? 4 : VERSION_MAJORS) || type < RECORD_CCS ||
	        type > RECORD_HEARTBEAT || len > RECORD_MAX)
		return false;
	s->left = (uint16_t)len;
	s->alert_n = 0;
	s->data = s->data || (s->over && type == RECORD_DATA);
	if (s->over)
		return true;
	switch (type) {
	case RECORD_HANDSHAKE:
		return s->hellos || len <= RECORD_PLAIN_MAX;
	case RECORD_ALERT:
		return true;
	case RECORD_DATA:
		/* after this nothing on this side can be read (0-RTT data is followed by protected records
		 * too, but for the answer to a HelloRetryRequest: RFC 8446 4.2.10) */
		if (f->dir == FLOW_C2S && f->t->early && !f->t->server)
			return true;
		s->data = true;
		side_over(f->t, s, f->out);
		return true;
	default:
		/* RFC 5077 3.4: a ticket was taken without an id given back; what follows is protected */
		if (type == RECORD_CCS && f->dir == FLOW_S2C && f->t->want_cert) {
			side_over(f->t, s, f->out);
			return true;
		}
		/* RFC 8446 5.1: other records MUST NOT stand between the fragments of a handshake message */
		return !s->message_n;
	}
}

static bool record_part(struct feed *f, const uint8_t *p, size_t n)
{
	struct side *s = f->s;

	switch (s->header[0]) {
	case RECORD_HANDSHAKE:
		return s->over || handshake(f, cur_of(p, n));
	case RECORD_ALERT:
		for (size_t i = 0; i < n && s->alert_n < sizeof(s->alert); i++)
			s->alert[s->alert_n++] = p[i];
		/* in clear it has two bytes; protected ones are longer */
		if (n == s->left && s->alert_n == 2 && s->header[3] == 0 && s->header[4] == 2 &&
		        s->alert[0] == ALERT_FATAL)
			f->t->ended = true;
		return true;
	case RECORD_DATA:
		f->t->data += n;
		return true;
	default:
		return true;
	}
}

static int tls_open(void *state, struct conn *c)
{
	(void)state;
	(void)c;
	return 0;
}

static enum layer_verdict tls_feed(void *state, struct conn *c, enum flow_dir dir, uint64_t stream,
        const uint8_t *p, size_t len, int64_t when_ns, const struct sink *out)
{
	struct tls *t = state;
	struct feed f = {.t = t, .s = &t->side[dir], .c = c, .dir = dir, .out = out};
	struct cur in = cur_of(p, len);

	(void)stream;
	(void)when_ns;
	if (f.s->lost)
		t->data += len;
	while (cur_left(&in) && !f.s->lost && !finished(t)) {
		struct side *s = f.s;
		size_t n;

		if (s->header_n < RECORD_HEADER) {
			s->header[s->header_n++] = cur_u8(&in);
			if (s->header_n == RECORD_HEADER && !record_begins(&f))
				return LAYER_BAD;
		} else {
			n = cur_left(&in) < s->left ? cur_left(&in) : s->left;
			if (!record_part(&f, cur_take(&in, n), n))
				return LAYER_BAD;
			s->left = (uint16_t)(s->left - n);
		}
		if (s->header_n == RECORD_HEADER && !s->left)
			s->header_n = 0;
	}
	return finished(t) ? LAYER_DONE : LAYER_MORE;
}

static void tls_gap(
        void *state, struct conn *c, enum flow_dir dir, uint64_t stream, uint64_t len, const struct sink *out)
{
	struct tls *t = state;
	struct side *s = &t->side[dir];

	(void)c;
	(void)stream;
	/* a hole inside a record that nobody reads leaves the framing whole */
	if (len && len <= s->left && s->header[0] != RECORD_HANDSHAKE && s->header[0] != RECORD_ALERT) {
		s->left = (uint16_t)(s->left - len);
		if (!s->left)
			s->header_n = 0;
		return;
	}
	s->lost = true;
	side_over(t, s, out);
}

static void tls_close(void *state, struct conn *c, const struct sink *out)
{
	struct tls *t = state;

	(void)c;
	side_over(t, &t->side[FLOW_C2S], out);
	side_over(t, &t->side[FLOW_S2C], out);
}

const struct layer_ops tls_layer = {
        .name = "tls",
        .state_size = sizeof(struct tls),
        .open = tls_open,
        .feed = tls_feed,
        .gap = tls_gap,
        .close = tls_close,
};
