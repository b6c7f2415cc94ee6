/* engine.c - compiles the detectors: expressions to our own code, anchors to libhs databases of equal kind.
 * One database of everything runs at a tenth of the speed of three (rare literals; names of assignments;
 * markings): the literal matchers of libhs lose their grip when broad expressions stand among them. */
#include "classify/detect/internal.h"

#include <stdlib.h>
#include <string.h>

static int bad(const struct detector *d, struct err *e)
{
	return err_wrap(e, "%s:%u: detector %s", d->file, d->line, d->id);
}

static unsigned flags_of(const struct detector *d)
{
	return (d->caseless ? EXPR_CASELESS : 0) | (d->digits_max ? EXPR_GAPS : 0);
}

static bool is_expression(const char *text, size_t len)
{
	return len > 2 && text[0] == '/' && text[len - 1] == '/';
}

static int compile_exclusion(struct rule *r, const char *text, size_t len, struct err *e)
{
	struct exclusion *x = &r->exclude[r->n_exclude++];
	char *inner;

	if (!is_expression(text, len)) {
		x->literal = text;
		r->exclude_marks[number_mark((const uint8_t *)text, len)] = true;
		return 0;
	}
	inner = strndup(text + 1, len - 2);
	x->x = inner ? expr_compile(inner, flags_of(r->d), e) : NULL;
	free(inner);
	return x->x ? 0 : err_wrap(e, "exclude `%s'", text);
}

static int compile_exclusions(struct rule *r, struct err *e)
{
	const struct detector *d = r->d;

	r->exclude = calloc(d->n_exclude + 1, sizeof(*r->exclude));
	if (!r->exclude)
		return err_set(e, "no memory");
	for (int expressions = 1; expressions >= 0; expressions--)
		for (size_t i = 0; i < d->n_exclude; i++) {
			size_t len = strlen(d->exclude[i]);

			if (is_expression(d->exclude[i], len) == expressions &&
			        compile_exclusion(r, d->exclude[i], len, e) < 0)
				return -1;
		}
	return 0;
}

static int compile_checks(struct rule *r, struct err *e)
{
	const struct detector *d = r->d;

	r->checks = calloc(d->n_validators + 1, sizeof(*r->checks));
	if (!r->checks)
		return err_set(e, "no memory");
	for (r->n_checks = 0; r->n_checks < d->n_validators; r->n_checks++) {
		r->checks[r->n_checks] = validator_by_name(d->validators[r->n_checks]);
		if (!r->checks[r->n_checks]) {
			char all[512] = "";

			for (size_t i = 0; validator_name(i); i++) {
				strncat(all, i ? " " : "", sizeof(all) - strlen(all) - 1);
				strncat(all, validator_name(i), sizeof(all) - strlen(all) - 1);
			}
			return err_set(e, "there is no validator `%s' (there are %s)",
			        d->validators[r->n_checks], all);
		}
	}
	return 0;
}

static struct words words_of(const char *const *word, size_t n)
{
	struct words w = {.word = word, .n = n};

	for (size_t i = 0; i < n; i++) {
		w.begins[(uint8_t)word[i][0] | 0x20] = true;
		w.low |= (uint8_t)word[i][0] < '@';
	}
	return w;
}

static int compile_rule(struct rule *r, struct err *e)
{
	const struct detector *d = r->d;

	r->context = words_of(d->context, d->n_context);
	r->x = calloc(d->n_expressions + 1, sizeof(struct expr *));
	if (!r->x)
		return err_set(e, "no memory");
	for (r->n_x = 0; r->n_x < d->n_expressions; r->n_x++) {
		r->x[r->n_x] = expr_compile(d->expressions[r->n_x], flags_of(d), e);
		if (!r->x[r->n_x])
			return err_wrap(e, "expression %zu", r->n_x + 1);
	}
	r->at = d->n_anchors == 1 && !strcmp(d->anchors[0], "@");
	return compile_checks(r, e) < 0 || compile_exclusions(r, e) < 0 ? -1 : 0;
}

static int add_digit_rule(struct detect_engine *en, const struct rule *r, size_t i, struct err *e)
{
	if (i == DIGIT_RULES_MAX)
		return err_set(e, "there are more than %u detectors with `digits'", DIGIT_RULES_MAX);
	en->digit_rules[i] = r;
	if (r->d->digits_min < en->digits_min)
		en->digits_min = r->d->digits_min;
	for (size_t x = 0; x < r->n_x; x++)
		for (unsigned c = 0; c < 256; c++)
			if (expr_begins_with(r->x[x], (uint8_t)c))
				en->digit_begins[c] |= 1ull << i;
	return 0;
}

static unsigned database_of(const struct detector *d)
{
	return d->class == CLASS_MARKER ? 2 : d->caseless ? 1 : 0;
}

static int check_width(const char *anchor, unsigned flags, struct err *e)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *why = NULL;
	unsigned min, max;

	if (hs_expression_info(anchor, flags, &info, &why) != HS_SUCCESS) {
		err_set(e, "anchor `%s': %s", anchor, why ? why->message : "not understood");
		hs_free_compile_error(why);
		return -1;
	}
	min = info->min_width;
	max = info->max_width;
	free(info);
	if (!min || max > DETECT_ANCHOR_MAX)
		return err_set(e, "anchor `%s' must match 1 to %u bytes", anchor, DETECT_ANCHOR_MAX);
	return 0;
}

/* Anchors of one database; n of them in the arrays. */
struct anchors {
	const char **text;
	unsigned *flags, *ids;
	unsigned n;
};

static int compile_database(const struct anchors *a, hs_database_t **db, struct err *e)
{
	hs_compile_error_t *why = NULL;

	if (!a->n)
		return 0;
	if (hs_compile_multi(a->text, a->flags, a->ids, a->n, HS_MODE_BLOCK, NULL, db, &why) == HS_SUCCESS)
		return 0;
	err_set(e, "libhs: %s", why ? why->message : "the anchors do not compile");
	hs_free_compile_error(why);
	return -1;
}

static int compile_anchors(struct detect_engine *en, struct err *e)
{
	size_t total = 0;
	struct anchors all = {0};
	int rc = -1;

	for (size_t i = 0; i < en->n_rules; i++)
		total += en->rules[i].d->n_anchors;
	all.text = calloc(total + 1, sizeof(*all.text));
	all.flags = calloc(total + 1, sizeof(*all.flags));
	all.ids = calloc(total + 1, sizeof(*all.ids));
	if (!all.text || !all.flags || !all.ids) {
		err_set(e, "no memory");
		goto out;
	}
	for (unsigned db = 0; db < DATABASES; db++) {
		all.n = 0;
		for (size_t i = 0; i < en->n_rules; i++) {
			const struct detector *d = en->rules[i].d;

			for (size_t k = 0; k < d->n_anchors && database_of(d) == db && !en->rules[i].at;
			        k++, all.n++) {
				all.text[all.n] = d->anchors[k];
				all.flags[all.n] = (d->caseless ? HS_FLAG_CASELESS : 0) |
				                   (d->window ? 0 : HS_FLAG_SOM_LEFTMOST);
				all.ids[all.n] = (unsigned)i;
				if (check_width(d->anchors[k], all.flags[all.n], e) < 0) {
					bad(d, e);
					goto out;
				}
			}
		}
		if (compile_database(&all, &en->db[db], e) < 0)
			goto out;
	}
	rc = 0;
out:
	free(all.text);
	free(all.flags);
	free(all.ids);
	return rc;
}

struct detect_engine *detect_engine_create(const struct detectors *d, const uint8_t *token_key,
        size_t key_len, const char *key_id, struct err *e)
{
	struct detect_engine *en = calloc(1, sizeof(*en));
	size_t digits = 0, ats = 0, runs = 0;

	if (!en)
		goto no_memory;
	en->rules = calloc(detectors_count(d) + 1, sizeof(*en->rules));
	en->digit_rules = calloc(detectors_count(d) + 1, sizeof(struct rule *));
	en->at_rules = calloc(detectors_count(d) + 1, sizeof(struct rule *));
	en->run_rules = calloc(detectors_count(d) + 1, sizeof(struct rule *));
	if (!en->rules || !en->digit_rules || !en->at_rules || !en->run_rules)
		goto no_memory;
	en->digits_min = 40;
	for (size_t i = 0; i < detectors_count(d); i++) {
		struct rule *r = &en->rules[en->n_rules++];

		r->d = detectors_at(d, i);
		if (compile_rule(r, e) < 0) {
			bad(r->d, e);
			goto failed;
		}
		if (r->d->digits_max) {
			if (add_digit_rule(en, r, digits++, e) < 0) {
				bad(r->d, e);
				goto failed;
			}
		} else if (r->d->run_max) {
			en->run_rules[runs++] = r;
			if (!en->run_min || r->d->run_min < en->run_min)
				en->run_min = r->d->run_min;
			if (r->d->run_max > en->run_max)
				en->run_max = r->d->run_max;
		} else if (r->at) {
			en->at_rules[ats++] = r;
		}
	}
	if (compile_anchors(en, e) < 0)
		goto failed;
	if (token_key && key_len) {
		en->token_key_len = key_len < sizeof(en->token_key) ? key_len : sizeof(en->token_key);
		memcpy(en->token_key, token_key, en->token_key_len);
		snprintf(en->token_key_id, sizeof(en->token_key_id), "%s", key_id ? key_id : "");
	}
	return en;
no_memory:
	err_set(e, "no memory for the detectors");
failed:
	detect_engine_destroy(en);
	return NULL;
}

void detect_engine_destroy(struct detect_engine *en)
{
	if (!en)
		return;
	for (size_t i = 0; i < en->n_rules; i++) {
		struct rule *r = &en->rules[i];

		for (size_t k = 0; k < r->n_x; k++)
			expr_free(r->x[k]);
		for (size_t k = 0; k < r->n_exclude; k++)
			expr_free(r->exclude[k].x);
		free(r->x);
		free(r->checks);
		free(r->exclude);
	}
	for (unsigned i = 0; i < DATABASES; i++)
		hs_free_database(en->db[i]);
	free(en->rules);
	free(en->digit_rules);
	free(en->at_rules);
	free(en->run_rules);
	explicit_bzero(en->token_key, sizeof(en->token_key));
	free(en);
}

static EVP_MAC_CTX *mac_create(const struct detect_engine *en)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
	        OSSL_PARAM_construct_utf8_string("digest", digest, 0), OSSL_PARAM_construct_end()};
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;

	EVP_MAC_free(hmac);
	if (mac && !EVP_MAC_init(mac, en->token_key, en->token_key_len, params)) {
		EVP_MAC_CTX_free(mac);
		return NULL;
	}
	return mac;
}

struct detect_worker *detect_worker_create(
        const struct detect_engine *en, size_t streams, unsigned findings_max, struct err *e)
{
	struct detect_worker *w = calloc(1, sizeof(*w));
	size_t size = sizeof(struct detect_stream) + findings_max * sizeof(struct finding) +
	              en->n_rules * sizeof(int64_t);

	if (!w)
		goto failed;
	w->en = en;
	w->findings_max = findings_max ? findings_max : 1;
	size += sizeof(struct finding);
	w->streams = pool_create(size, streams + 1);
	w->places = calloc(DETECT_CANDIDATES, sizeof(*w->places));
	w->result = calloc(w->findings_max, sizeof(*w->result));
	w->decoded = malloc(DETECT_BUFFER);
	w->origin = malloc((DETECT_BUFFER + 1) * sizeof(*w->origin));
	w->clean = calloc(MASK_CLEAN, sizeof(*w->clean));
	if (!w->streams || !w->places || !w->result || !w->decoded || !w->origin || !w->clean)
		goto failed;
	for (unsigned i = 0; i < DATABASES; i++)
		if (en->db[i] && hs_alloc_scratch(en->db[i], &w->scratch) != HS_SUCCESS)
			goto failed;
	if (en->token_key_len && !(w->mac = mac_create(en)))
		goto failed;
	w->mask_stream = detect_open(w);
	if (!w->mask_stream)
		goto failed;
	w->mask_stream->masking = true;
	return w;
failed:
	err_set(e, "no memory for a worker of the detectors");
	detect_worker_destroy(w);
	return NULL;
}

void detect_worker_destroy(struct detect_worker *w)
{
	if (!w)
		return;
	pool_destroy(w->streams);
	hs_free_scratch(w->scratch);
	EVP_MAC_CTX_free(w->mac);
	free(w->places);
	free(w->result);
	free(w->decoded);
	free(w->origin);
	free(w->clean);
	free(w);
}

void detect_worker_stats(const struct detect_worker *w, struct detect_stats *out)
{
	*out = w->stats;
}
