/* detect.c - `leaktap detect`: the detectors on text, for trying them out, for scoring, and for their
 * self-test. */
#include "cli/commands.h"
#include "cli/detect_json.h"

#include "base/json.h"
#include "base/log.h"
#include "classify/content/content.h"
#include "classify/detect/detect.h"
#include "config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FINDINGS_MAX 512
#define LINE_MAX     (16u << 20)
#define RECORD_MAX   (FINDINGS_MAX * 1024 + 65536)
#define CHUNK        65536

struct job {
	struct settings *settings;
	struct detect_engine *engine;
	struct detect_worker *worker;
	struct content_pool *bodies;
	char *out; /* RECORD_MAX */
};

static const char help[] =
        "usage: leaktap detect [-c FILE] [FILE|-]            findings of a text as JSON lines\n"
        "       leaktap detect [-c FILE] --jsonl [FILE|-]    reads {\"id\",\"text\"} lines, writes "
        "{\"id\",\"findings\"}\n"
        "       leaktap detect [-c FILE] --self-test         runs every detector on its own examples\n"
        "A file is read as the body of a request is: JSON by its strings, documents, archives, mail and text "
        "in any\n"
        "charset, with the place of each text as its field. A text of --jsonl that is JSON is read by its "
        "strings.\n"
        "Values that stand in manuals (4111 1111 1111 1111, AKIAIOSFODNN7EXAMPLE) and placeholders are no "
        "findings;\n"
        "--self-test shows that the detectors work.\n\n"
        "exit status: 0 done (also with findings), 1 cannot be read or written, an example or a line was "
        "wrong,\n"
        "             2 wrong usage or settings, a file that cannot be opened or is of no format that is "
        "read\n";

static void job_end(struct job *j)
{
	content_pool_destroy(j->bodies);
	detect_worker_destroy(j->worker);
	detect_engine_destroy(j->engine);
	settings_drop(j->settings);
	free(j->out);
}

static int job_begin(struct job *j, const char *config)
{
	struct content_limits limits;
	struct faults f;
	struct err e;

	memset(j, 0, sizeof(*j));
	faults_init(&f);
	j->settings = settings_load(settings_find(config), &f);
	print_faults("detect", &f);
	faults_clear(&f);
	if (!j->settings)
		return EXIT_USAGE;
	j->engine = detect_engine_create(j->settings->detector_set, j->settings->detect.token_key,
	        j->settings->detect.token_key_len, j->settings->detect.token_key_id, &e);
	if (j->engine)
		j->worker = detect_worker_create(j->engine, 2, FINDINGS_MAX, &e);
	j->out = malloc(RECORD_MAX);
	limits = (struct content_limits){.body_limit = j->settings->inspect.body_limit,
	        .inflate_ratio = CONTENT_INFLATE_RATIO,
	        .depth = CONTENT_DEPTH,
	        .decode_bytes = (size_t)j->settings->limits.decode_mb << 20};
	j->bodies = content_pool_create(1, &limits);
	if (j->worker && j->bodies && j->out)
		return EXIT_DONE;
	log_error("%s", j->engine && j->worker ? "no memory" : e.text);
	job_end(j);
	return EXIT_USAGE;
}

static void write_finding(struct json *w, const struct finding *f)
{
	json_object(w, NULL);
	json_string(w, "detector", f->detector->id);
	json_string(w, "class", data_class_name(f->detector->class));
	json_string(w, "severity", severity_name(f->detector->severity));
	json_u64(w, "count", f->count);
	json_u64(w, "confidence", f->confidence);
	json_string(w, "mask", f->mask);
	json_string(w, "token", *f->token ? f->token : NULL);
	json_string(w, "field", f->field);
	json_u64(w, "offset", f->offset);
	json_end_object(w);
}

/* Hands a text to the stream: JSON by its strings, all else as the field `body`. */
static void feed_text(struct detect_stream *s, const uint8_t *p, size_t n)
{
	if (json_text_walk(p, n, s))
		return;
	detect_field(s, "body", 4, "", 0);
	detect_text(s, p, n);
}

static int print_findings(struct job *j, struct detect_stream *s)
{
	const struct finding *f;
	struct json w;
	uint32_t more;
	size_t n;

	f = detect_close(s, &n, &more);
	for (size_t i = 0; i < n; i++) {
		json_init(&w, j->out, RECORD_MAX);
		write_finding(&w, &f[i]);
		fwrite(w.buf, 1, w.len, stdout);
		putchar('\n');
	}
	if (more)
		log_warn("%u values more than are told (%u)", more, FINDINGS_MAX);
	return EXIT_DONE;
}

/* ---- a file, read as a body of a request is ---- */

struct reading_file {
	struct detect_stream *s;
	bool told; /* there was text in it */
};

static void file_field(void *arg, const char *path, size_t n, const char *key, size_t key_n)
{
	struct reading_file *r = arg;

	r->told = true;
	detect_field(r->s, path, n, key, key_n);
}

static void file_text(void *arg, const uint8_t *p, size_t n, uint64_t offset)
{
	(void)offset;
	detect_text(((struct reading_file *)arg)->s, p, n);
}

static void file_field_end(void *arg, bool whole)
{
	if (!whole)
		detect_gap(((struct reading_file *)arg)->s);
}

static void file_name(void *arg, const char *name, size_t n)
{
	struct reading_file *r = arg;

	detect_field(r->s, "file.name", 9, "name", 4);
	detect_text(r->s, (const uint8_t *)name, n);
}

/* Says what of a file was not read; a file of which nothing was is a fault. */
static int tell_skipped(const char *name, unsigned skipped, bool told)
{
	bool binary = skipped & (CONTENT_BINARY | CONTENT_UNSUPPORTED);

	if (binary && !told) {
		log_error("%s: not read: it is neither text nor of a format that is read (docs/content.md)",
		        name);
		return EXIT_USAGE;
	}
	if (binary)
		log_warn("%s: some of it was not read: it is binary, or of a format that is not read", name);
	if (skipped & CONTENT_LIMIT)
		log_warn("%s: some of it was not read: a limit was reached", name);
	return EXIT_DONE;
}

static int detect_file(struct job *j, FILE *in, const char *name)
{
	static uint8_t text[CHUNK];
	static const struct message m = {.request = true, .content_length = -1};
	struct reading_file r = {.s = detect_open(j->worker)};
	struct text_sink out = {&r, file_field, file_text, file_field_end, file_name};
	struct content *c = r.s ? content_open(j->bodies, &m, &out) : NULL;
	unsigned skipped;
	size_t n;
	int rc;

	if (!c) {
		log_error("no memory");
		return EXIT_FAILED;
	}
	while ((n = fread(text, 1, sizeof(text), in)) > 0)
		content_feed(c, text, n);
	skipped = content_close(c, NULL);
	if (ferror(in)) {
		detect_close(r.s, &n, NULL);
		log_error("%s: %s", name, strerror(errno));
		return EXIT_FAILED;
	}
	rc = tell_skipped(name, skipped, r.told);
	print_findings(j, r.s);
	return rc;
}

static void write_line(struct job *j, const char *id, size_t id_len, struct detect_stream *s)
{
	const struct finding *f;
	struct json w;
	uint32_t more;
	size_t n;

	f = detect_close(s, &n, &more);
	json_init(&w, j->out, RECORD_MAX);
	json_object(&w, NULL);
	json_bytes(&w, "id", id, id_len);
	json_array(&w, "findings");
	for (size_t i = 0; i < n; i++)
		write_finding(&w, &f[i]);
	json_end_array(&w);
	if (more)
		json_u64(&w, "more", more);
	json_end_object(&w);
	fwrite(w.buf, 1, w.len, stdout);
	putchar('\n');
}

static int detect_lines(struct job *j, FILE *in)
{
	char *line = NULL;
	size_t cap = 0, number = 0, bad = 0;
	ssize_t n;

	while ((n = getline(&line, &cap, in)) > 0) {
		struct json_member id = {.name = "id"}, text = {.name = "text"};
		struct json_member *wanted[] = {&id, &text};
		struct detect_stream *s;

		number++;
		if (n == 1)
			continue;
		if ((size_t)n > LINE_MAX || !json_line_read((uint8_t *)line, (size_t)n, wanted, 2) ||
		        !text.value) {
			log_warn("line %zu is not {\"id\":..., \"text\":...}", number);
			bad++;
			continue;
		}
		s = detect_open(j->worker);
		if (!s)
			break;
		feed_text(s, text.value, text.n);
		write_line(j, (const char *)id.value, id.n, s);
	}
	free(line);
	return bad ? EXIT_FAILED : EXIT_DONE;
}

/* Whether the detector finds something in the text by itself. */
static bool finds(struct job *j, const struct detector *d, const char *text)
{
	struct detect_stream *s = detect_open(j->worker);
	const struct finding *f;
	size_t n;
	bool found = false;

	detect_field(s, "body", 4, "", 0);
	detect_text(s, (const uint8_t *)text, strlen(text));
	f = detect_close(s, &n, NULL);
	for (size_t i = 0; i < n; i++)
		found |= f[i].detector == d;
	return found;
}

static size_t run_examples(
        struct job *j, const struct detector *d, const struct detector_example *list, size_t n, bool wanted)
{
	size_t failed = 0;

	for (size_t i = 0; i < n; i++) {
		if (finds(j, d, list[i].text) == wanted)
			continue;
		fprintf(stderr, "%s:%u: %s: %s example %s\n", d->file, list[i].line, d->id,
		        wanted ? "positive" : "negative", wanted ? "is not found" : "is found");
		failed++;
	}
	return failed;
}

static int self_test(struct job *j)
{
	const struct detectors *set = j->settings->detector_set;
	size_t positive = 0, negative = 0, failed = 0;

	for (size_t i = 0; i < detectors_count(set); i++) {
		const struct detector *d = detectors_at(set, i);

		positive += d->n_positive;
		negative += d->n_negative;
		failed += run_examples(j, d, d->positive, d->n_positive, true);
		failed += run_examples(j, d, d->negative, d->n_negative, false);
	}
	printf("%zu detectors, %zu positive, %zu negative, %zu failed\n", detectors_count(set), positive,
	        negative, failed);
	return failed ? EXIT_FAILED : EXIT_DONE;
}

int command_detect(int argc, char **argv)
{
	const char *config = NULL, *file = NULL;
	bool lines = false, test = false;
	struct job j;
	FILE *in = stdin;
	int rc;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return fputs(help, stdout) < 0 ? EXIT_FAILED : EXIT_DONE;
		if (!strcmp(argv[i], "-c") || !strcmp(argv[i], "--config")) {
			if (i + 1 == argc)
				return usage_error("detect", "`%s' needs a value", argv[i]);
			config = argv[++i];
		} else if (!strcmp(argv[i], "--jsonl"))
			lines = true;
		else if (!strcmp(argv[i], "--self-test"))
			test = true;
		else if (argv[i][0] == '-' && argv[i][1])
			return usage_error("detect", "there is no option `%s'", argv[i]);
		else if (file)
			return usage_error("detect", "one text at a time: `%s' is too many", argv[i]);
		else
			file = argv[i];
	}
	if (!file)
		file = "-";
	rc = job_begin(&j, config);
	if (rc)
		return rc;
	if (!test && strcmp(file, "-") && !(in = fopen(file, "rb"))) {
		log_error("%s: %s", file, strerror(errno));
		job_end(&j);
		return EXIT_USAGE;
	}
	rc = test    ? self_test(&j)
	     : lines ? detect_lines(&j, in)
	             : detect_file(&j, in, strcmp(file, "-") ? file : "stdin");
	if (in != stdin)
		fclose(in);
	job_end(&j);
	return rc;
}
