/* wire.c - see wire.h.  TLS over our own socket: the name check is OpenSSL's (SSL_set1_host, RFC 6125), which
 * hiredis's own TLS layer does not offer in any release. */
#include "alerts/wire.h"

#include "base/clock.h"
#include "base/ip.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_NS      (3 * NS_PER_S)
#define HANDSHAKE_NS    (5 * NS_PER_S)
#define USER_TIMEOUT_MS 5000 /* sent data that nobody acknowledges for so long ends the connection */

struct wire_tls {
	SSL_CTX *ctx;
	atomic_uint refs;
};

struct wire {
	int fd, stop_fd;
	SSL *ssl; /* NULL: plain */
};

/* ---- waiting ---------------------------------------------------------------------------------------------
 */

/* 0 when fd is ready for `events`; -1 and e otherwise. */
static int wait_ready(const struct wire *w, short events, int64_t deadline_ns, struct err *e)
{
	struct pollfd p[2] = {{.fd = w->fd, .events = events}, {.fd = w->stop_fd, .events = POLLIN}};

	for (;;) {
		int64_t left = deadline_ns - clock_mono_ns();
		int n;

		if (left <= 0)
			return err_set(e, "no answer in time");
		n = poll(p, w->stop_fd >= 0 ? 2 : 1, (int)(left / NS_PER_MS) + 1);
		if (n < 0 && errno != EINTR)
			return err_set(e, "poll: %s", strerror(errno));
		if (n > 0 && p[1].revents && w->stop_fd >= 0)
			return err_set(e, "interrupted");
		if (n > 0 && p[0].revents)
			return 0;
	}
}

/* ---- TLS -------------------------------------------------------------------------------------------------
 */

static int tls_err(struct err *e, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return err_set(e, "%s: %s", what, reason ? reason : "failed");
}

static int load_files(SSL_CTX *ctx, const char *ca, const char *cert, const char *key, struct err *e)
{
	if (*ca ? SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1
	        : SSL_CTX_set_default_verify_paths(ctx) != 1)
		return tls_err(e, *ca ? ca : "the system's certificates");
	if (!*cert && !*key)
		return 0;
	if (!*cert || !*key)
		return err_set(e, "TLS: certificate and key come together");
	if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
		return tls_err(e, cert);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	        SSL_CTX_check_private_key(ctx) != 1)
		return tls_err(e, key);
	return 0;
}

struct wire_tls *wire_tls_create(const char *ca, const char *cert, const char *key, struct err *e)
{
	struct wire_tls *t = calloc(1, sizeof(*t));

	if (!t) {
		err_set(e, "TLS: no memory");
		return NULL;
	}
	t->refs = 1;
	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx) {
		tls_err(e, "TLS");
		wire_tls_destroy(t);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (load_files(t->ctx, ca ? ca : "", cert ? cert : "", key ? key : "", e) < 0) {
		wire_tls_destroy(t);
		return NULL;
	}
	return t;
}

struct wire_tls *wire_tls_ref(const struct wire_tls *t)
{
	struct wire_tls *own = (struct wire_tls *)t;

	if (own)
		atomic_fetch_add(&own->refs, 1);
	return own;
}

void wire_tls_destroy(struct wire_tls *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	SSL_CTX_free(t->ctx);
	free(t);
}

/* After an SSL call that did not succeed: waits for what it wants, or says why it cannot go on. */
static int tls_wait(struct wire *w, int ret, int64_t deadline_ns, struct err *e)
{
	switch (SSL_get_error(w->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
		return wait_ready(w, POLLIN, deadline_ns, e);
	case SSL_ERROR_WANT_WRITE:
		return wait_ready(w, POLLOUT, deadline_ns, e);
	case SSL_ERROR_ZERO_RETURN:
		return err_set(e, "the server closed the connection");
	default:
		break;
	}
	if (SSL_get_verify_result(w->ssl) != X509_V_OK) {
		err_set(e, "TLS: the server's certificate is not accepted: %s",
		        X509_verify_cert_error_string(SSL_get_verify_result(w->ssl)));
		ERR_clear_error();
		return -1;
	}
	return ERR_peek_error() ? tls_err(e, "TLS") : err_set(e, "the server closed the connection");
}

/* What the URL allows, else the usual. */
static int64_t limit(const struct redis_url *u, int64_t usual_ns)
{
	return clock_mono_ns() + (u->patience_ms ? u->patience_ms * NS_PER_MS : usual_ns);
}

static int tls_start(struct wire *w, const struct redis_url *u, const struct wire_tls *tls, struct err *e)
{
	int64_t deadline = limit(u, HANDSHAKE_NS);
	struct ip_addr ip;
	int ret;

	w->ssl = SSL_new(tls->ctx);
	if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1)
		return tls_err(e, "TLS");
	if (ip_parse(u->at.host, &ip) == 0) {
		if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(w->ssl), u->at.host) != 1)
			return tls_err(e, "TLS");
	} else if (SSL_set1_host(w->ssl, u->at.host) != 1 ||
	           SSL_set_tlsext_host_name(w->ssl, u->at.host) != 1) {
		return tls_err(e, "TLS");
	}
	ERR_clear_error();
	while ((ret = SSL_connect(w->ssl)) != 1)
		if (tls_wait(w, ret, deadline, e) < 0)
			return -1;
	return 0;
}

/* ---- connecting ------------------------------------------------------------------------------------------
 */

static int connect_to(
        struct wire *w, const struct sockaddr *sa, socklen_t len, int64_t deadline_ns, struct err *e)
{
	socklen_t size = sizeof(int);
	int error = 0;

	w->fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return err_set(e, "socket: %s", strerror(errno));
	if (connect(w->fd, sa, len) < 0) {
		/* EAGAIN: a unix socket's backlog is full (the server is stuck); nothing to poll for */
		if (errno != EINPROGRESS)
			return err_set(
			        e, "%s", errno == EAGAIN ? "the server does not accept" : strerror(errno));
		if (wait_ready(w, POLLOUT, deadline_ns, e) < 0)
			return -1;
		if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error)
			return err_set(e, "%s", strerror(error ? error : errno));
	}
	return 0;
}

static int connect_unix(struct wire *w, const struct redis_url *u, struct err *e)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	if (strlen(u->at.host) >= sizeof(sun.sun_path))
		return err_set(e, "the socket's path is too long");
	memcpy(sun.sun_path, u->at.host, strlen(u->at.host) + 1);
	return connect_to(w, (struct sockaddr *)&sun, sizeof(sun), limit(u, CONNECT_NS), e);
}

static void tune_tcp(int fd)
{
	int on = 1;
	unsigned ms = USER_TIMEOUT_MS;

	/* best effort: without them a dead peer is noticed later, by the reply timer */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

/* Each address of the name gets its share of the time: one that answers nothing keeps nobody from the next.
 */
static int connect_inet(struct wire *w, const struct redis_url *u, struct err *e)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
	int rc = getaddrinfo(u->at.host, u->at.port, &hints, &list), done = -1;
	int64_t deadline = limit(u, CONNECT_NS), left = 0;

	if (rc)
		return err_set(e, "%s", gai_strerror(rc));
	for (a = list; a; a = a->ai_next)
		left++;
	for (a = list; a && done < 0; a = a->ai_next) {
		int64_t now = clock_mono_ns();

		if (w->fd >= 0)
			close(w->fd);
		w->fd = -1;
		done = connect_to(w, a->ai_addr, a->ai_addrlen, now + (deadline - now) / left--, e);
	}
	freeaddrinfo(list);
	if (done == 0)
		tune_tcp(w->fd);
	return done;
}

struct wire *wire_open(const struct redis_url *u, const struct wire_tls *tls, int stop_fd, struct err *e)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (!w) {
		err_set(e, "no memory");
		return NULL;
	}
	w->fd = -1;
	w->stop_fd = stop_fd;
	if ((u->scheme == REDIS_UNIX ? connect_unix(w, u, e) : connect_inet(w, u, e)) < 0 ||
	        (u->scheme == REDIS_TLS && tls_start(w, u, tls, e) < 0)) {
		wire_close(w);
		return NULL;
	}
	return w;
}

void wire_close(struct wire *w)
{
	if (!w)
		return;
	SSL_free(w->ssl); /* no close_notify: the server learns of the end from the socket */
	ERR_clear_error();
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

int wire_fd(const struct wire *w)
{
	return w->fd;
}

bool wire_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return fd >= 0 && poll(&p, 1, 0) > 0;
}

/* ---- bytes -----------------------------------------------------------------------------------------------
 */

ssize_t wire_read(struct wire *w, void *buf, size_t cap, int64_t deadline_ns, struct err *e)
{
	for (;;) {
		if (w->ssl) {
			int n = SSL_read(w->ssl, buf, cap > INT32_MAX ? INT32_MAX : (int)cap);

			if (n > 0)
				return n;
			if (tls_wait(w, n, deadline_ns, e) < 0)
				return -1;
			continue;
		}

		ssize_t n = recv(w->fd, buf, cap, 0);

		if (n > 0)
			return n;
		if (n == 0)
			return err_set(e, "the server closed the connection");
		if (errno != EAGAIN && errno != EINTR)
			return err_set(e, "%s", strerror(errno));
		if (wait_ready(w, POLLIN, deadline_ns, e) < 0)
			return -1;
	}
}

static ssize_t write_some(struct wire *w, const char *p, size_t n, int64_t deadline_ns, struct err *e)
{
	if (w->ssl) {
		int k = SSL_write(w->ssl, p, n > INT32_MAX ? INT32_MAX : (int)n);

		return k > 0 ? k : tls_wait(w, k, deadline_ns, e);
	}

	ssize_t k = send(w->fd, p, n, MSG_NOSIGNAL);

	if (k >= 0)
		return k;
	if (errno != EAGAIN && errno != EINTR)
		return err_set(e, "%s", strerror(errno));
	return wait_ready(w, POLLOUT, deadline_ns, e);
}

int wire_write(struct wire *w, const void *p, size_t n, int64_t deadline_ns, struct err *e)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = write_some(w, (const char *)p + done, n - done, deadline_ns, e);

		if (k < 0)
			return -1;
		done += (size_t)k;
	}
	return 0;
}
