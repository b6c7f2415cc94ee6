/* request.c - one request from its head to its findings.
 *
 * The head gives the destination (authority and path), then query, headers and body are text for the
 * detectors, all in one stream of fields.  A credential in its own place (Authorization to the service that
 * issued it) is not a leak; the same key sent to somebody else is. */
#include "classify/answer.h"
#include "classify/evasion.h"

#include "base/hash.h"

#include <stdio.h>
#include <string.h>

#define FIELD_HEADER  "header."
#define FIELD_PATH    "path"
#define FIELD_FILE    "file.name" /* of a part, an archive's member, an attachment */
#define FIELD_TRAILER "trailer."

struct request {
	struct classify *c;
	struct reading *r;
	struct message *m;
	struct detect_stream *detect;
	struct content *content;
	struct facts facts; /* the flow's, with this request's own destination */
	struct request_facts q;
	struct shape shape; /* of a host that nobody knows */
	bool shaped, shape_next;
	char field[SHAPE_FIELD_MAX]; /* with shape_next */
	size_t field_n;
	struct call call; /* begun by call_head() */
};

struct pool *request_pool_create(size_t n)
{
	return pool_create(sizeof(struct request), n);
}

/* ---- credentials in their own place ---------------------------------------------------------------------
 */

/* Headers and query parameters in which a client proves who it is; and the nonce of every WebSocket handshake
 * (RFC 6455, 4.1), which looks like a key and is called one. */
static const char *const credential_fields[] = {"header.authorization", "header.proxy-authorization",
        "header.cookie", "header.x-api-key", "header.api-key", "header.x-goog-api-key", "header.xi-api-key",
        "header.x-auth-token", "header.x-access-token", "header.private-token", "header.sec-websocket-key",
        "header.ocp-apim-subscription-key", "header.x-amz-security-token", "query.key", "query.api_key",
        "query.apikey", "query.token", "query.access_token", "query.x-amz-credential",
        "query.x-amz-security-token", "query.sig"};

static bool credential_field(const char *field)
{
	for (size_t i = 0; i < sizeof(credential_fields) / sizeof(*credential_fields); i++)
		if (!strcasecmp(field, credential_fields[i]))
			return true;
	return false;
}

/* A key whose issuer is known, sent to a known service that is not its issuer, is misplaced; anything else
 * that stands in a credential's place belongs there as far as we can tell. */
static bool own_credential(const struct service *svc, const struct finding *f)
{
	if (!credential_field(f->field))
		return false;
	if (!svc || !svc->n_issuers || !f->detector->issuer[0])
		return true;
	for (size_t i = 0; i < svc->n_issuers; i++)
		if (!strcmp(svc->issuers[i], f->detector->issuer))
			return true;
	return false;
}

/* ---- text on its way to the detectors -------------------------------------------------------------------
 */

static void text_field(void *arg, const char *path, size_t path_len, const char *key, size_t key_len)
{
	struct request *q = arg;

	detect_mark_fields(q->detect, call_field(&q->call, path, path_len));
	if (q->shaped) {
		shape_field(&q->shape, path, path_len);
		q->shape_next = shape_reads(path, path_len);
	}
	if (q->shape_next) {
		q->field_n = path_len < sizeof(q->field) ? path_len : 0;
		memcpy(q->field, path, q->field_n);
	}
	detect_field(q->detect, path, path_len, key, key_len);
}

static void text_piece(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	struct request *q = arg;

	if (q->shape_next && !offset)
		shape_text(&q->shape, q->field, q->field_n, p, n);
	call_text(&q->call, p, n);
	detect_text(q->detect, p, n);
}

static void text_end(void *arg, bool whole)
{
	struct request *q = arg;

	call_field_end(&q->call, whole);
	if (!whole)
		detect_gap(q->detect);
}

static void text_file(void *arg, const char *name, size_t n)
{
	struct request *q = arg;

	call_file(&q->call);
	detect_field(q->detect, FIELD_FILE, sizeof(FIELD_FILE) - 1, "name", 4);
	detect_text(q->detect, (const uint8_t *)name, n);
}

static struct text_sink text_sink_of(struct request *q)
{
	return (struct text_sink){
	        .arg = q, .field = text_field, .text = text_piece, .field_end = text_end, .file = text_file};
}

/* ---- the head -------------------------------------------------------------------------------------------
 */

/* Headers that say nothing of the user's and would only cost. */
static bool dull_header(struct slice name)
{
	static const char *const dull[] = {"host", "content-length", "content-type", "accept",
	        "accept-encoding", "accept-language", "connection", "date", "expect", "transfer-encoding",
	        "content-encoding"};

	for (size_t i = 0; i < sizeof(dull) / sizeof(*dull); i++)
		if (slice_is_nocase(name, dull[i]))
			return true;
	return false;
}

static void scan_field(struct request *q, const char *prefix, struct slice name, struct slice value)
{
	char path[96];
	int n = snprintf(
	        path, sizeof(path), "%s%.*s", prefix, (int)(name.n < 64 ? name.n : 64), name.p ? name.p : "");

	if (!value.n)
		return;
	for (int i = 0; i < n; i++)
		if (path[i] >= 'A' && path[i] <= 'Z')
			path[i] = (char)(path[i] + 32);
	detect_field(q->detect, path, (size_t)n, name.p, name.n < 64 ? name.n : 64);
	detect_text(q->detect, (const uint8_t *)value.p, value.n);
}

/* As it is meant: what is sent percent-encoded is told decoded. */
static void scan_path(struct request *q, struct slice path)
{
	uint8_t text[512];
	size_t n = 0;

	if (!path.n || !memchr(path.p, '%', path.n)) {
		scan_field(q, FIELD_PATH, slice_of(NULL, 0), path);
		return;
	}
	detect_field(q->detect, FIELD_PATH "(percent)", sizeof(FIELD_PATH "(percent)") - 1, "", 0);
	for (size_t i = 0; i < path.n; i++) {
		int high = path.p[i] == '%' && i + 2 < path.n ? hex_digit(path.p[i + 1]) : -1,
		    low = high >= 0 ? hex_digit(path.p[i + 2]) : -1;

		text[n++] = (uint8_t)(low >= 0 ? high << 4 | low : path.p[i]);
		i += low >= 0 ? 2 : 0;
		if (n == sizeof(text) || i + 1 == path.n) {
			detect_text(q->detect, text, n);
			n = 0;
		}
	}
}

static void note_skipped(struct facts *x, unsigned skipped)
{
	if (skipped & CONTENT_GAP)
		x->why_not |= WHY_GAP;
	if (skipped & CONTENT_LIMIT)
		x->why_not |= WHY_LIMIT;
	if (skipped & (CONTENT_UNSUPPORTED | CONTENT_BINARY))
		x->why_not |= WHY_UNSUPPORTED;
}

/* Base64 in a header; where a client proves who it is, that is what it stands for. */
static unsigned scan_encoded_header(
        struct request *q, const struct header *h, struct content_spent *spent, const struct text_sink *out)
{
	char path[96];
	int n = snprintf(path, sizeof(path), FIELD_HEADER "%.*s", (int)(h->name.n < 64 ? h->name.n : 64),
	        h->name.p ? h->name.p : "");
	struct slice in = slice_of(path, (size_t)n);

	for (int i = 0; i < n; i++)
		if (path[i] >= 'A' && path[i] <= 'Z')
			path[i] = (char)(path[i] + 32);
	return credential_field(path) ? 0 : content_encoded(q->c->contents, &in, &h->value, spent, out);
}

/* And in the steps of a path: '/' is of its alphabet. */
static unsigned scan_encoded_path(
        struct request *q, struct slice path, struct content_spent *spent, const struct text_sink *out)
{
	const struct slice in = slice_of(FIELD_PATH, sizeof(FIELD_PATH) - 1);
	unsigned skipped = 0;

	for (size_t at = 0, end; at < path.n; at = end + 1) {
		const char *slash = memchr(path.p + at, '/', path.n - at);
		struct slice step;

		end = slash ? (size_t)(slash - path.p) : path.n;
		step = slice_of(path.p + at, end - at);
		skipped |= content_encoded(q->c->contents, &in, &step, spent, out);
	}
	return skipped;
}

static void scan_head(struct request *q)
{
	const struct message *m = q->m;
	struct content_spent spent = {.connection = q->r->head_inflated, .sent = q->r->flow->bytes[FLOW_C2S]};
	struct text_sink out = text_sink_of(q);
	unsigned skipped = 0;

	for (unsigned i = 0; i < m->n_headers; i++)
		if (!dull_header(m->headers[i].name)) {
			scan_field(q, FIELD_HEADER, m->headers[i].name, m->headers[i].value);
			skipped |= scan_encoded_header(q, &m->headers[i], &spent, &out);
		}
	scan_path(q, m->path);
	skipped |= scan_encoded_path(q, m->path, &spent, &out);
	skipped |= content_query(q->c->contents, &m->query, &spent, &out);
	q->r->head_inflated = spent.connection;
	note_skipped(&q->r->facts, skipped);
}

static void copy_masked(struct request *q, struct slice s, char *out, size_t cap)
{
	if (s.n)
		detect_mask(q->c->detect, s.p, s.n, out, cap);
}

/* The record shows the first id, masked where it must be. */
static void tell_account(struct request *q, const struct account *a)
{
	struct facts *x = &q->facts;

	if (a->n) {
		copy_masked(q, slice_of(a->id[0], strlen(a->id[0])), q->q.account, sizeof(q->q.account));
		snprintf(x->account.id, sizeof(x->account.id), "%s", q->q.account);
		snprintf(x->account.by, sizeof(x->account.by), "%s", a->by[0]);
	}
	snprintf(x->account.plan, sizeof(x->account.plan), "%s", a->plan);
	q->r->facts.account = x->account;
}

static void copy_taken(struct request *q, enum wire_take what, char *out, size_t cap)
{
	const struct call_text *t = &q->call.take[what];

	out[0] = '\0';
	if (t->n <= sizeof(t->text))
		copy_masked(q, slice_of(t->text, t->n), out, cap);
}

/* The field of the user's words is a path like that of a finding. */
static void copy_words(struct request *q, const struct call_path *p)
{
	char path[FINDING_FIELD_MAX];
	size_t n = p->n < sizeof(path) ? p->n : sizeof(path) - 1;

	memcpy(path, p->text, n);
	path[n] = '\0';
	detect_mask_path(q->c->detect, path);
	snprintf(q->q.words, sizeof(q->q.words), "%s", path);
}

/* What the record shows of the call; again once the body is read. */
static void tell_call(struct request *q)
{
	struct request_facts *x = &q->q;

	copy_masked(q, call_operation(&q->call), x->operation, sizeof(x->operation));
	copy_taken(q, TAKE_MODEL, x->model, sizeof(x->model));
	copy_taken(q, TAKE_TOOL, x->tool, sizeof(x->tool));
	copy_taken(q, TAKE_CONVERSATION, x->conversation, sizeof(x->conversation));
	copy_words(q, &q->call.words);
	snprintf(x->shape, sizeof(x->shape), "%s", q->call.named ? q->call.named : "");
	x->messages = q->call.messages;
	x->files = q->call.files;
}

/* Where a request goes: on a connection to many hosts that is not the flow's destination. */
struct destination {
	enum name_source by;
	uint16_t port;
	char host[HOST_MAX]; /* "": the request does not say */
	char path[1024];
};

static void read_destination(const struct message *m, bool tunnel, struct destination *d)
{
	size_t n = m->path.n < sizeof(d->path) ? m->path.n : sizeof(d->path) - 1;

	d->by = tunnel ? NAME_CONNECT : NAME_HTTP;
	d->port = 0;
	if (!m->authority.n || !host_port_split(m->authority.p, m->authority.n, d->host, &d->port))
		d->host[0] = '\0';
	if (n)
		memcpy(d->path, m->path.p, n);
	d->path[n] = '\0';
}

/* The request's own facts: the flow's, but an earlier request's name is not its own. */
static void name_request(struct request *q, const struct destination *d)
{
	const char *path = d->by == NAME_HTTP ? d->path : NULL;
	struct facts *x = &q->facts;

	if (!d->host[0])
		return;
	if (x->by != NAME_NONE && x->by <= d->by) {
		x->by = NAME_NONE;
		x->host[0] = '\0';
		x->n_also = 0;
	}
	facts_name(q->c, x, d->by, d->host, path);
	if (x->by != d->by) /* a literal address, and this client had looked up a name for it */
		x->match = facts_match(q->c, x->host, path);
	memcpy(q->q.host, x->host, sizeof(x->host));
}

/* A flow to several services is recorded under the one with the gravest verdict. */
static void name_flow(struct request *q, const struct destination *d)
{
	const struct facts *own = &q->facts;
	struct facts *x = &q->r->facts;
	const struct service *was = x->match.service;

	if (d->host[0] && was && x->by == d->by && own->verdict.value <= x->verdict.value)
		facts_also(q->c, x, d->by, d->host);
	else if (d->host[0])
		facts_name(q->c, x, d->by, d->host, d->by == NAME_HTTP ? d->path : NULL);
	if (x->match.service != own->match.service)
		return;
	if (x->match.service != was || own->verdict.value >= x->verdict.value)
		x->verdict = own->verdict;
}

/* RFC 9112 3.2.2: what a client sends to a proxy that shall pass it on. */
static bool absolute_form(const struct message *m)
{
	return slice_starts_nocase(m->target, "http://") || slice_starts_nocase(m->target, "https://");
}

/* ---- answers: whose account it was, and what the API looks like
 * ----------------------------------------------
 */

/* The answer names the account (OpenAI, Anthropic): judged again, for the request may not have. */
static void answer_account(struct reading *r, const struct message *m)
{
	struct facts *x = &r->facts;
	struct account a;

	if (!x->match.service || x->account.id[0])
		return;
	account_find(x->match.service, "", m, &a);
	if (!a.n)
		return;
	detect_mask(r->cls->detect, a.id[0], strlen(a.id[0]), x->account.id, sizeof(x->account.id));
	snprintf(x->account.by, sizeof(x->account.by), "answer's %s", a.by[0]);
	facts_judge(r->cls, x, r->flow, m->when_ns, &a);
	if (x->verdict.kind == ALERT_DESTINATION_ACCOUNT)
		tell_destination(r->cls, r, x, NULL, m->when_ns);
}

static void suspect(struct reading *r, struct facts *x, const struct request_facts *q, const struct shape *s,
        int64_t when_ns)
{
	if (!s->name)
		return;
	snprintf(r->facts.shape, sizeof(r->facts.shape), "%s", s->name);
	snprintf(x->shape, sizeof(x->shape), "%s", s->name);
	tell_suspected(r->cls, r, x, q, s, when_ns);
}

static bool answers_shape(const struct reading *r, const struct message *m)
{
	return r->shape.sure && !r->shape.name && m->index == r->shape_index &&
	       m->stream == r->shape_stream && r->answer_bytes < SHAPE_ANSWER_BYTES;
}

static void look_at_answer(struct reading *r, const struct message *m, const uint8_t *p, size_t n)
{
	if (!answers_shape(r, m))
		return;
	shape_answer(&r->shape, m, p, n);
	r->answer_bytes = (uint16_t)(n < SHAPE_ANSWER_BYTES ? r->answer_bytes + n : SHAPE_ANSWER_BYTES);
	suspect(r, &r->facts, NULL, &r->shape, m->when_ns);
}

/* What is asked for, as far as the head tells; the shape of requests to nobody we know is looked at too. */
static void read_call(struct request *q)
{
	const struct service *svc = q->facts.match.service;

	q->shaped = !svc;
	if (q->shaped)
		shape_head(&q->shape, q->m);
	call_head(&q->call, q->c->s->catalogue, svc, q->shaped ? shape_by_path(&q->shape) : NULL, q->m);
	if (q->call.named) {
		snprintf(q->facts.shape, sizeof(q->facts.shape), "%s", q->call.named);
		memcpy(q->r->facts.shape, q->facts.shape, sizeof(q->facts.shape));
	}
	tell_call(q);
}

/* An internal connection that no request made look like that to an AI API. */
static bool not_ours_to_read(const struct reading *r)
{
	return !facts_leaves(r->cls, &r->facts, r->flow) && !r->facts.shape[0];
}

static void request_head(void *arg, struct message *m)
{
	struct reading *r = arg;
	struct classify *c = r->cls;
	bool tunnel = slice_is(m->method, "CONNECT") && !m->protocol.n;
	struct request *q;
	struct account account;
	struct destination to;
	struct text_sink out;

	m->user = NULL;
	if (!m->request && m->status >= 200)
		answer_account(r, m);
	if (!m->request)
		answer_head(r, m);
	if (!m->request || m->dir != FLOW_C2S)
		return;
	r->facts.visibility = VISIBLE_CLEAR;
	if (m->missed)
		r->facts.why_not |= WHY_GAP;
	snprintf(r->facts.protocol, sizeof(r->facts.protocol), "%s", r->stack.protocol);
	r->facts.requests++;
	c->stats.requests++;
	q = pool_get(c->requests);
	if (!q) {
		c->stats.refused_bodies++;
		r->facts.why_not |= WHY_LIMIT;
		return;
	}
	memset(q, 0, offsetof(struct request, call));
	q->c = c;
	q->r = r;
	q->m = m;
	read_destination(m, tunnel, &to);
	if (tunnel || absolute_form(m))
		via_hop(r, tunnel ? VIA_CONNECT : VIA_HTTP, to.host, to.port);
	q->facts = r->facts;
	via_forwarded(c, r->flow, m, &q->facts);
	if (!m->framed)
		via_link_request(c, r, m, to.host, &q->facts);
	q->q.index = r->facts.requests - 1; /* one count over all that the connection carries */
	copy_masked(q, m->method, q->q.method, sizeof(q->q.method));
	copy_masked(q, m->path, q->q.path, sizeof(q->q.path));
	copy_masked(q, m->user_agent, q->q.user_agent, sizeof(q->q.user_agent));
	name_request(q, &to);
	account_find(q->facts.match.service, q->facts.host, m, &account);
	tell_account(q, &account);
	facts_judge(c, &q->facts, r->flow, m->when_ns, &account);
	name_flow(q, &to);
	r->settled = true;
	read_call(q);
	tell_destination(c, r, &q->facts, &q->q, m->when_ns);
	r->tunnels += tunnel && m->version == 20;
	if (!tunnel && !r->tunnels) /* the SNI may be that of a tunnel beside it */
		evasion_request(c, r, to.host, m->when_ns);
	m->user = q;
	/* with HTTP/2 the connection's first bytes did not show the path */
	if (m->version == 20 && q->shaped && !q->shape.head && not_ours_to_read(r))
		r->enough = true;
	if (c->s->inspect.scope == INSPECT_AI && !q->facts.match.service)
		return;
	q->detect = detect_open(c->detect);
	if (!q->detect) {
		r->facts.why_not |= WHY_LIMIT;
		return;
	}
	if (!m->framed)
		scan_head(q);
	out = text_sink_of(q);
	if (!tunnel)
		q->content = content_open(c->contents, m, &out);
	if (!q->content && !tunnel)
		r->facts.why_not |= WHY_LIMIT;
	if (c->answers && q->content) {
		answer_expect(r, m, q->call.shape);
		answer_asked(r, m, &q->facts, &q->q);
	}
}

/* ---- body and end ---------------------------------------------------------------------------------------
 */

static void request_body(void *arg, struct message *m, const uint8_t *p, size_t n)
{
	struct request *q = m->request ? m->user : NULL;
	struct reading *r = arg;

	if (!m->request) {
		if (!m->framed)
			look_at_answer(r, m, p, n);
		answer_feed(m, p, n);
		return;
	}
	if (q && q->content) {
		content_feed(q->content, p, n);
		r->facts.inspected += n;
	}
}

static void request_gap(void *arg, struct message *m, uint64_t n)
{
	struct request *q = m->request ? m->user : NULL;
	struct reading *r = arg;

	if (!m->request) {
		answer_gap(m, n);
		return;
	}
	if (!q)
		return;
	r->facts.why_not |= WHY_GAP;
	if (q->content)
		content_gap(q->content, n);
}

void reading_remember(struct reading *r, const struct finding *f, size_t n, uint32_t more)
{
	r->more_findings += more;
	if (!r->findings && n)
		r->findings = arena_get(&r->arena, FLOW_FINDINGS_MAX * sizeof(*r->findings));
	for (size_t i = 0; i < n; i++) {
		unsigned k = 0;

		while (k < r->n_findings && (r->findings[k].value_hash != f[i].value_hash ||
		                                    r->findings[k].detector != f[i].detector ||
		                                    strcmp(r->findings[k].field, f[i].field) != 0))
			k++;
		if (k < r->n_findings)
			r->findings[k].count += f[i].count;
		else if (r->findings && r->n_findings < FLOW_FINDINGS_MAX)
			r->findings[r->n_findings++] = f[i];
		else
			r->more_findings++;
	}
}

/* What the request looks like is known; where that is not enough, its answer may tell. */
static void end_shape(struct request *q, struct reading *r)
{
	struct shape *s = &q->shape;

	if (s->name)
		snprintf(q->q.shape, sizeof(q->q.shape), "%s", s->name);
	suspect(r, &q->facts, &q->q, s, r->flow->last_ns);
	r->shape = *s;
	r->shape_index = q->m->index;
	r->shape_stream = q->m->stream;
	r->answer_bytes = 0;
	r->enough = not_ours_to_read(r) && s->sure < SHAPE_SURE;
}

/* Requests of one conversation have the same number: by the id it has, else by the words it begins with. */
static uint64_t thread_of(const struct request *q, const struct reading *r)
{
	const struct call_text *id = &q->call.take[TAKE_CONVERSATION];
	const struct service *svc = q->facts.match.service;
	const struct ip_addr *source = facts_source(&q->facts, r->flow);
	uint64_t about[3] = {
	        svc ? svc->index + 1 : 0, q->call.thread, hash64(source->b, sizeof(source->b), 0)};

	if (id->n)
		about[1] = hash64(id->text, id->n, 1);
	return about[1] ? hash64(about, sizeof(about), 2) | 1 : 0;
}

/* The body names the account (a project of watsonx, a compartment of OCI): judged again. */
static void body_account(struct request *q, struct reading *r)
{
	const struct call_text *t = &q->call.take[TAKE_ACCOUNT];
	struct facts *x = &q->facts;
	struct account a = {.n = 1};

	if (!t->n || t->n >= sizeof(a.id[0]) || t->n > sizeof(t->text) || x->account.id[0] ||
	        !x->match.service)
		return;
	memcpy(a.id[0], t->text, t->n);
	snprintf(a.by[0], sizeof(a.by[0]), "body");
	snprintf(a.plan, sizeof(a.plan), "%s", x->account.plan);
	tell_account(q, &a);
	facts_judge(q->c, x, r->flow, q->m->when_ns, &a);
	if (x->match.service == r->facts.match.service)
		r->facts.verdict = x->verdict;
	if (x->verdict.kind == ALERT_DESTINATION_ACCOUNT)
		tell_destination(q->c, r, x, &q->q, q->m->when_ns);
}

static void request_end(void *arg, struct message *m, bool whole)
{
	struct finding list[64];
	const struct finding *found;
	struct request *q = m->request ? m->user : NULL;
	struct reading *r = arg;
	uint64_t decoded = 0;
	size_t n = 0, kept = 0;
	uint32_t more = 0;

	if (!m->request) {
		answer_end(m, whole);
		return;
	}
	if (!q)
		return;
	m->user = NULL;
	q->q.read = q->content != NULL;
	if (q->content)
		note_skipped(&r->facts, content_close(q->content, &decoded));
	q->q.bytes = decoded;
	q->q.whole = whole && !m->body_missed;
	if (q->detect) {
		for (unsigned i = 0; i < m->n_trailers; i++)
			scan_field(q, FIELD_TRAILER, m->trailers[i].name, m->trailers[i].value);
		found = detect_close(q->detect, &n, &more);
		for (size_t i = 0; i < n; i++) {
			if (own_credential(q->facts.match.service, &found[i]))
				continue;
			if (kept == sizeof(list) / sizeof(*list)) {
				more++;
				continue;
			}
			list[kept] = found[i];
			list[kept++].speaker = (uint8_t)call_speaker(&q->call, found[i].mark);
		}
	}
	call_end(&q->call);
	tell_call(q);
	q->q.thread = thread_of(q, r);
	body_account(q, r);
	end_shape(q, r);
	answer_asked(r, m, &q->facts, &q->q);
	if (kept) {
		q->c->stats.findings += kept;
		reading_remember(r, list, kept, more);
		tell_payload(q->c, r, &q->facts, &q->q, list, kept, more, r->flow->last_ns);
	}
	pool_put(q->c->requests, q);
}

static void websocket_closed(void *arg, const struct message *head)
{
	answer_closed(arg, head);
}

void request_sink(struct sink *out)
{
	out->closed = websocket_closed;
	out->head = request_head;
	out->body = request_body;
	out->body_gap = request_gap;
	out->end = request_end;
}
