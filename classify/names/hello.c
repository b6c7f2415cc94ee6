/* hello.c - ClientHello and ServerHello: RFC 8446 4.1.2 and 4.1.3, RFC 5246 7.4.1, extensions of RFC 6066
 * (server name), RFC 7301 (ALPN), RFC 8446 4.2, RFC 5077 (tickets), draft-ietf-tls-esni-25 (ECH), GREASE of
 * RFC 8701.
 *
 * The frame of a hello must be right, else it is none.  The inside of an extension need not be: what cannot
 * be read counts as not said, because a sensor that drops the rest would be easy to blind. */
#include "classify/names/hello.h"
#include "base/ip.h"
#include "classify/names/ja4.h"

#include <string.h>

enum {
	EXT_SERVER_NAME = 0,
	EXT_SIGNATURES = 13,
	EXT_ALPN = 16,
	EXT_TICKET = 35,
	EXT_PSK = 41,
	EXT_EARLY_DATA = 42,
	EXT_VERSIONS = 43,
	EXT_KEY_SHARE = 51,
	EXT_ECH = 0xfe0d,
};

#define VERSION_TLS13 0x0304

/* What is gathered while the extensions are read. */
struct reading {
	struct hello *h;
	struct ja4_input ja4;
	bool ticket; /* a ticket to resume with, not only the readiness to take one */
};

const char *tls_version_name(uint16_t version)
{
	static const char *const name[] = {"ssl3", "1.0", "1.1", "1.2", "1.3"};

	return version >= 0x0300 && version <= VERSION_TLS13 ? name[version - 0x0300] : NULL;
}

/* https://www.iana.org/assignments/tls-parameters (TLS Supported Groups); the Kyber drafts were never
 * registered under 0x639a and 0xfe30..., but browsers sent 0x6399 until 2024. */
const char *tls_group_name(uint16_t group)
{
	static const struct {
		uint16_t id;
		const char *name;
	} groups[] = {
	        {0x0013, "secp192r1"},
	        {0x0015, "secp224r1"},
	        {0x0016, "secp256k1"},
	        {0x0017, "secp256r1"},
	        {0x0018, "secp384r1"},
	        {0x0019, "secp521r1"},
	        {0x001a, "brainpoolP256r1"},
	        {0x001b, "brainpoolP384r1"},
	        {0x001c, "brainpoolP512r1"},
	        {0x001d, "x25519"},
	        {0x001e, "x448"},
	        {0x001f, "brainpoolP256r1tls13"},
	        {0x0020, "brainpoolP384r1tls13"},
	        {0x0021, "brainpoolP512r1tls13"},
	        {0x0029, "curveSM2"},
	        {0x0100, "ffdhe2048"},
	        {0x0101, "ffdhe3072"},
	        {0x0102, "ffdhe4096"},
	        {0x0103, "ffdhe6144"},
	        {0x0104, "ffdhe8192"},
	        {0x0200, "MLKEM512"},
	        {0x0201, "MLKEM768"},
	        {0x0202, "MLKEM1024"},
	        {0x11eb, "SecP256r1MLKEM768"},
	        {0x11ec, "X25519MLKEM768"},
	        {0x11ed, "SecP384r1MLKEM1024"},
	        {0x6399, "X25519Kyber768Draft00"},
	        {0x639a, "SecP256r1Kyber768Draft00"},
	};

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (groups[i].id == group)
			return groups[i].name;
	return NULL;
}

/* ---- extensions of the client ------------------------------------------------------------------------- */

/* RFC 6066 3: the first host_name.  "Literal IPv4 and IPv6 addresses are not permitted": not a name for us.
 */
static void client_server_name(struct reading *r, struct cur c)
{
	struct cur list = cur_vec(&c, 2);

	r->ja4.sni = true;
	while (cur_left(&list)) {
		uint8_t type = cur_u8(&list);
		struct cur name = cur_vec(&list, 2);
		struct ip_addr a;

		if (name.bad)
			return;
		if (type)
			continue;
		if (memchr(name.p, ':', cur_left(&name)) ||
		        !host_normalize((const char *)name.p, cur_left(&name), r->h->sni) ||
		        !ip_parse(r->h->sni, &a))
			r->h->sni[0] = '\0';
		return;
	}
}

/* Protocol names go into records as text: what is no visible ASCII becomes '?'. */
static size_t protocol_text(struct cur name, char *out, size_t cap)
{
	size_t n = cur_left(&name);

	if (n >= cap)
		n = cap - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = name.p[i] > ' ' && name.p[i] < 0x7f && name.p[i] != ',' ? (char)name.p[i] : '?';
	out[n] = '\0';
	return n;
}

static void client_alpn(struct reading *r, struct cur c)
{
	struct cur list = cur_vec(&c, 2);
	struct hello *h = r->h;
	size_t used = 0;
	bool first = true, room = true;

	while (cur_left(&list)) {
		struct cur name = cur_vec(&list, 1);
		size_t n = cur_left(&name);

		if (name.bad)
			return;
		if (n == 2 && is_grease((uint16_t)(name.p[0] << 8 | name.p[1])))
			continue;
		if (first) {
			protocol_text(name, h->alpn, sizeof(h->alpn));
			r->ja4.alpn = slice_of(name.p, n);
			first = false;
		}
		room = room && used + (used > 0) + n < sizeof(h->alpn_all);
		if (!room || !n)
			continue;
		if (used)
			h->alpn_all[used++] = ',';
		used += protocol_text(name, h->alpn_all + used, n + 1);
	}
}

static void client_versions(struct reading *r, struct cur c)
{
	struct cur list = cur_vec(&c, 1);
	uint16_t known = 0, any = 0;

	while (cur_left(&list) >= 2) {
		uint16_t v = cur_be16(&list);

		if (is_grease(v))
			continue;
		if (v > any)
			any = v;
		if (tls_version_name(v) && v > known)
			known = v;
	}
	if (any) {
		/* a draft (0x7fxx) is numerically above every version that has a name */
		r->h->version = known ? known : any;
		r->ja4.version = any;
	}
}

static void client_key_share(struct reading *r, struct cur c)
{
	struct cur list = cur_vec(&c, 2);

	while (cur_left(&list)) {
		uint16_t group = cur_be16(&list);
		struct cur key = cur_vec(&list, 2);

		if (key.bad)
			return;
		if (is_grease(group))
			continue;
		r->h->group = group;
		return;
	}
}

static void client_signatures(struct reading *r, struct cur c)
{
	r->ja4.signatures = cur_vec(&c, 2);
}

static void client_ticket(struct reading *r, struct cur c)
{
	r->ticket = cur_left(&c) > 0;
}

static void client_psk(struct reading *r, struct cur c)
{
	(void)c;
	r->h->psk = true;
}

static void client_early_data(struct reading *r, struct cur c)
{
	(void)c;
	r->h->early_data = true;
}

/* draft-ietf-tls-esni 5: ECHClientHello.  GREASE ECH (6.2) has a random enc and payload of plausible sizes:
 * HKDF-SHA256 with an AEAD in use, a 32-byte X25519 enc, and a payload that is as long as a padded inner
 * hello and its tag. */
static void client_ech(struct reading *r, struct cur c)
{
	uint8_t type = cur_u8(&c);
	uint16_t kdf, aead;
	struct cur enc, payload;

	if (c.bad || type) /* inner: stands only inside the encrypted part */
		return;
	kdf = cur_be16(&c);
	aead = cur_be16(&c);
	cur_u8(&c); /* config_id */
	enc = cur_vec(&c, 2);
	payload = cur_vec(&c, 2);
	if (c.bad)
		return;
	r->h->ech = true;
	r->h->ech_grease_like = kdf == 1 && (aead == 1 || aead == 3) && cur_left(&enc) == 32 &&
	                        cur_left(&payload) >= 16 && cur_left(&payload) <= 512;
}

/* ---- extensions of the server ------------------------------------------------------------------------- */

static void server_alpn(struct reading *r, struct cur c)
{
	struct cur list = cur_vec(&c, 2);
	struct cur name = cur_vec(&list, 1);

	if (!name.bad)
		protocol_text(name, r->h->alpn, sizeof(r->h->alpn));
}

static void server_versions(struct reading *r, struct cur c)
{
	uint16_t v = cur_be16(&c);

	if (!c.bad)
		r->h->version = v;
}

/* The group stands first both in a ServerHello and in a HelloRetryRequest (RFC 8446 4.2.8). */
static void server_key_share(struct reading *r, struct cur c)
{
	uint16_t group = cur_be16(&c);

	if (!c.bad)
		r->h->group = group;
}

struct extension {
	uint16_t type;
	void (*read)(struct reading *r, struct cur body);
};

static const struct extension client_extensions[] = {
        {EXT_SERVER_NAME, client_server_name},
        {EXT_SIGNATURES, client_signatures},
        {EXT_ALPN, client_alpn},
        {EXT_TICKET, client_ticket},
        {EXT_PSK, client_psk},
        {EXT_EARLY_DATA, client_early_data},
        {EXT_VERSIONS, client_versions},
        {EXT_KEY_SHARE, client_key_share},
        {EXT_ECH, client_ech},
        {0, NULL},
};

static const struct extension server_extensions[] = {
        {EXT_ALPN, server_alpn},
        {EXT_PSK, client_psk},
        {EXT_VERSIONS, server_versions},
        {EXT_KEY_SHARE, server_key_share},
        {0, NULL},
};

/* Reads every whole extension, the first of each type (a second one is forbidden by RFC 8446 4.2); false when
 * the last was not whole. */
static bool read_extensions(struct reading *r, struct cur c, const struct extension *table)
{
	unsigned seen = 0;

	while (cur_left(&c)) {
		uint16_t type = cur_be16(&c);
		struct cur body = cur_vec(&c, 2);

		if (body.bad || c.bad)
			return false;
		for (unsigned i = 0; table[i].read; i++) {
			if (table[i].type != type || (seen & 1u << i))
				continue;
			seen |= 1u << i;
			table[i].read(r, body);
		}
	}
	return !c.bad;
}

/* Up to the session id, the same in both; false when it is no hello. */
static bool read_start(struct cur *c, struct hello *h)
{
	const uint8_t *random;
	struct cur id;

	h->legacy_version = cur_be16(c);
	h->version = h->legacy_version;
	random = cur_take(c, sizeof(h->random));
	id = cur_vec(c, 1);
	/* a client's may be any that is new enough: servers go by supported_versions (RFC 8446 4.1.2) */
	if (c->bad || id.bad || h->legacy_version >> 8 < 3 || (!h->client && h->legacy_version >> 8 != 3) ||
	        cur_left(&id) > sizeof(h->session_id))
		return false;
	memcpy(h->random, random, sizeof(h->random));
	h->session_id_len = (uint8_t)cur_left(&id);
	if (h->session_id_len)
		memcpy(h->session_id, id.p, h->session_id_len);
	return true;
}

static int read_client(struct cur c, bool quic, bool part, struct hello *h)
{
	struct reading r = {.h = h};
	struct cur ciphers, compression, extensions = cur_of(NULL, 0);
	bool whole = true;

	memset(h, 0, sizeof(*h));
	h->client = true;
	h->quic = quic;
	if (!read_start(&c, h))
		return -1;
	ciphers = cur_vec(&c, 2);
	compression = cur_vec(&c, 1);
	if (c.bad || cur_left(&ciphers) % 2 || !cur_left(&compression))
		return -1;
	if (cur_left(&c)) { /* TLS 1.2 hellos may end here (RFC 5246 7.4.1.2) */
		size_t n = cur_be16(&c);

		if (n > cur_left(&c) && !part)
			return -1;
		whole = n <= cur_left(&c);
		extensions = cur_sub(&c, whole ? n : cur_left(&c));
		if (cur_left(&c) && !part)
			return -1;
	} else {
		whole = !part;
	}
	r.ja4 = (struct ja4_input){
	        .quic = quic, .version = h->legacy_version, .ciphers = ciphers, .extensions = extensions};
	if (!read_extensions(&r, extensions, client_extensions)) {
		if (!part)
			return -1;
		whole = false;
	}
	/* Before TLS 1.3 a session is offered by its id or a ticket; since then the id is only there to
	 * please middleboxes (RFC 8446 D.4). */
	if (r.ticket || (h->version < VERSION_TLS13 && h->session_id_len && whole))
		h->psk = true;
	h->partial = !whole;
	if (whole)
		ja4_write(&r.ja4, h->ja4);
	return 0;
}

int hello_read_client(struct cur body, bool quic, struct hello *h)
{
	return read_client(body, quic, false, h);
}

int hello_read_client_part(struct cur body, bool quic, struct hello *h)
{
	return read_client(body, quic, true, h);
}

int hello_read_server(struct cur c, struct hello *h)
{
	/* SHA-256 of "HelloRetryRequest" (RFC 8446 4.1.3) */
	static const uint8_t retry[32] = {0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	        0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e,
	        0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};
	struct reading r = {.h = h};
	struct cur extensions;

	memset(h, 0, sizeof(*h));
	if (!read_start(&c, h))
		return -1;
	h->cipher = cur_be16(&c);
	cur_u8(&c); /* compression */
	if (c.bad)
		return -1;
	h->hello_retry = !memcmp(h->random, retry, sizeof(retry));
	if (!cur_left(&c)) /* RFC 5246 7.4.1.3: no extensions at all */
		return 0;
	extensions = cur_vec(&c, 2);
	if (c.bad || cur_left(&c) || !read_extensions(&r, extensions, server_extensions))
		return -1;
	return 0;
}
