/* test_yaml.c - the YAML tree and its faults (config/yaml.h, config/faults.h). */
#include "config/yaml.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct ydoc *parse(const char *text, struct faults *f)
{
	faults_init(f);
	return ydoc_parse("t.yaml", text, strlen(text), f);
}

/* One fault, at that place, with these words in it. */
static void expect_fault(const char *text, unsigned line, unsigned column, const char *words)
{
	struct faults f;
	struct ydoc *d = parse(text, &f);

	assert_int_equal(f.total, 1);
	assert_string_equal(f.list[0].file, "t.yaml");
	assert_int_equal(f.list[0].line, line);
	assert_int_equal(f.list[0].column, column);
	if (!strstr(f.list[0].text, words))
		fail_msg("`%s' does not say `%s'", f.list[0].text, words);
	ydoc_free(d);
	faults_clear(&f);
}

/* Whatever a file holds, a fault is one line of text that moves no cursor. */
static void test_faults_are_lines(void **state)
{
	char long_text[5000];
	struct faults f;

	(void)state;
	faults_init(&f);
	fault_add(&f, "a\nb.yaml", 1, 2, "`%s'", "x\ny\033[2J\xc2\x9bz\x7f\xff\xe2\x82\xac");
	assert_string_equal(f.list[0].file, "a?b.yaml");
	assert_string_equal(f.list[0].text, "`x?y?[2J?z??\xe2\x82\xac'");
	memset(long_text, 'm', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	fault_add(&f, "t.yaml", 1, 2, "%s", long_text);
	assert_true(strlen(f.list[1].text) <= 1200);
	assert_non_null(strstr(f.list[1].text, "m..."));
	faults_clear(&f);
}

static void test_tree(void **state)
{
	static const char text[] = "a: 1\n"
	                           "list: [x, 'y', \"z\\n\"]\n"
	                           "map:\n"
	                           "  inner:\n"
	                           "  - b: two words\n"
	                           "    c:\n";
	struct faults f;
	struct ydoc *d = parse(text, &f);
	const struct ynode *r, *n;

	(void)state;
	assert_non_null(d);
	assert_int_equal(f.total, 0);
	assert_string_equal(ydoc_name(d), "t.yaml");
	r = ydoc_root(d);
	assert_int_equal(r->kind, YNODE_MAP);
	assert_int_equal(r->n, 3);
	n = ynode_get(r, "a");
	assert_string_equal(n->text, "1");
	assert_int_equal(n->line, 1);
	assert_int_equal(n->column, 4);
	assert_false(n->quoted);
	n = ynode_get(r, "list");
	assert_int_equal(n->kind, YNODE_LIST);
	assert_int_equal(n->n, 3);
	assert_string_equal(n->item[2]->text, "z\n");
	assert_int_equal(n->item[2]->text_len, 2);
	assert_true(n->item[1]->quoted);
	assert_int_equal(n->item[1]->column, 11);
	n = ynode_get(ynode_get(r, "map"), "inner");
	assert_int_equal(n->kind, YNODE_LIST);
	assert_string_equal(ynode_get(n->item[0], "b")->text, "two words");
	assert_int_equal(ynode_get(n->item[0], "b")->line, 5);
	assert_int_equal(ynode_get(n->item[0], "c")->text_len, 0);
	assert_null(ynode_get(r, "absent"));
	assert_null(ynode_get(ynode_get(r, "a"), "a"));
	assert_null(ynode_get(NULL, "a"));
	ydoc_free(d);
}

static void test_empty_is_a_map(void **state)
{
	static const char *const texts[] = {"", "# only a comment\n", "---\n", "---\n...\n", "\n\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct faults f;
		struct ydoc *d = parse(texts[i], &f);

		assert_non_null(d);
		assert_int_equal(f.total, 0);
		assert_int_equal(ydoc_root(d)->kind, YNODE_MAP);
		assert_int_equal(ydoc_root(d)->n, 0);
		ydoc_free(d);
	}
}

static void test_refused(void **state)
{
	(void)state;
	expect_fault("a: &x 1\n", 1, 4, "anchors");
	expect_fault("a: !secret x\n", 1, 4, "tags");
	expect_fault("a: !!int 1\n", 1, 4, "tags");
	expect_fault("a: 1\nb: 2\na: 3\n", 3, 1, "the first is in line 1");
	expect_fault("a: 1\n--- \nb: 2\n", 2, 1, "second document");
	expect_fault("a: \"x\\0y\"\n", 1, 4, "NUL");
	expect_fault("? [a, b]\n: 1\n", 1, 3, "key");
	expect_fault("a: 1\n\tb: 2\n", 2, 1, "not valid YAML");
	expect_fault("a: [1, 2\n", 2, 1, "not valid YAML");
	expect_fault("a: 1\n  b: 2\n", 2, 4, "not valid YAML");
	expect_fault("a: @x\n", 1, 4, "quote a value");
	expect_fault("a: \xff\n", 1, 1, "not valid YAML");
}

static void test_alias(void **state)
{
	struct faults f;
	struct ydoc *d = parse("a: &x 1\nb: *x\n", &f);

	(void)state;
	assert_int_equal(f.total, 2);
	assert_int_equal(f.list[1].line, 2);
	assert_non_null(strstr(f.list[1].text, "aliases"));
	assert_non_null(d); /* the tree stands, so that a caller can tell the other faults too */
	ydoc_free(d);
	faults_clear(&f);
}

/* of 100,000 keys the last repeats the first: found, at a cost that is linear */
static void test_duplicate_among_many(void **state)
{
	size_t cap = 3u << 20, n = 0;
	char *text = malloc(cap);
	struct faults f;
	struct ydoc *d;
	int64_t start = clock_mono_ns();

	(void)state;
	for (unsigned i = 0; i < 100000; i++)
		n += (size_t)snprintf(text + n, cap - n, "key%u: %u\n", i, i);
	n += (size_t)snprintf(text + n, cap - n, "key0: again\n");
	faults_init(&f);
	d = ydoc_parse("t.yaml", text, n, &f);
	assert_int_equal(f.total, 1);
	assert_int_equal(f.list[0].line, 100001);
	assert_int_equal(ydoc_root(d)->n, 100000);
	assert_string_equal(ydoc_root(d)->item[0]->text, "0");
	assert_true(clock_mono_ns() - start < 4 * NS_PER_S);
	ydoc_free(d);
	faults_clear(&f);
	free(text);
}

static void test_depth(void **state)
{
	char text[256];
	struct faults f;
	struct ydoc *d;

	(void)state;
	memset(text, '[', YAML_DEPTH_MAX);
	memset(text + YAML_DEPTH_MAX, ']', YAML_DEPTH_MAX);
	faults_init(&f);
	d = ydoc_parse("t.yaml", text, 2 * YAML_DEPTH_MAX, &f);
	assert_non_null(d);
	assert_int_equal(f.total, 0);
	ydoc_free(d);

	memset(text, '[', YAML_DEPTH_MAX + 1);
	memset(text + YAML_DEPTH_MAX + 1, ']', YAML_DEPTH_MAX + 1);
	assert_null(ydoc_parse("t.yaml", text, 2 * YAML_DEPTH_MAX + 2, &f));
	assert_int_equal(f.total, 1);
	assert_non_null(strstr(f.list[0].text, "32 levels"));
	faults_clear(&f);
}

/* a megabyte of brackets ends at the depth limit, not after minutes */
static void test_bracket_bombs(void **state)
{
	static const char *const units[] = {
	        "[", "{a: ", "[{", "- ", "? ", "\"", "{[", "a: [", "&a [", "- - "};
	size_t cap = 1u << 20;
	char *text = malloc(cap);

	(void)state;
	for (size_t u = 0; u < sizeof(units) / sizeof(*units); u++) {
		int64_t start = clock_mono_ns();
		struct faults f;

		for (size_t i = 0; i < cap; i++)
			text[i] = units[u][i % strlen(units[u])];
		faults_init(&f);
		assert_null(ydoc_parse("bomb.yaml", text, cap, &f));
		assert_true(f.total > 0);
		assert_true(clock_mono_ns() - start < 2 * NS_PER_S);
		faults_clear(&f);
	}
	free(text);
}

static void test_prefixes_and_flips(void **state)
{
	static const char text[] = "sensor: {name: fra1}\n"
	                           "list:\n- \"a\\u00e9\"\n- 'it''s'\n- |\n  block\n  text\n- [x, {y: z}]\n"
	                           "? key\n: value\n# end\n";
	size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		char *copy = malloc(n ? n : 1);
		struct faults f;
		struct ydoc *d;

		memcpy(copy, text, n);
		faults_init(&f);
		d = ydoc_parse("t.yaml", copy, n, &f);
		assert_true(d || f.total);
		ydoc_free(d);
		faults_clear(&f);
		free(copy);
	}
	for (size_t bit = 0; bit < len * 8; bit++) {
		char *copy = malloc(len);
		struct faults f;
		struct ydoc *d;

		memcpy(copy, text, len);
		copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
		faults_init(&f);
		d = ydoc_parse("t.yaml", copy, len, &f);
		assert_true(d || f.total);
		ydoc_free(d);
		faults_clear(&f);
		free(copy);
	}
}

static void test_load(void **state)
{
	char path[] = "/tmp/leaktap-yaml-XXXXXX";
	int fd = mkstemp(path);
	struct faults f;
	struct ydoc *d;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a: b\n", 5), 5);
	close(fd);
	faults_init(&f);
	d = ydoc_load(path, &f);
	assert_non_null(d);
	assert_string_equal(ydoc_name(d), path);
	ydoc_free(d);
	unlink(path);
	assert_null(ydoc_load(path, &f));
	assert_null(ydoc_load("/tmp", &f));
	assert_int_equal(f.total, 2);
	assert_int_equal(f.list[0].line, 0);
	assert_string_equal(f.list[0].text, "No such file or directory");
	assert_string_equal(f.list[1].text, "Is a directory");
	faults_clear(&f);
}

static void test_fault_order(void **state)
{
	struct faults f;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	(void)state;
	faults_init(&f);
	fault_add(&f, "a", 5, 1, "third");
	fault_add(&f, "b", 1, 1, "other file");
	fault_add(&f, "a", 2, 7, "second");
	fault_add(&f, "a", 2, 3, "first");
	fault_add(&f, "b", 0, 0, "as a whole");
	faults_print(&f, out);
	fclose(out);
	assert_string_equal(
	        text, "a:2:3: first\na:2:7: second\na:5:1: third\nb: as a whole\nb:1:1: other file\n");
	free(text);
	for (int i = 0; i < FAULTS_MAX + 10; i++)
		fault_add(&f, "a", 9, 1, "more");
	assert_int_equal(f.n, FAULTS_MAX);
	assert_int_equal(f.total, FAULTS_MAX + 15);
	faults_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_tree),
	        cmocka_unit_test(test_faults_are_lines),
	        cmocka_unit_test(test_empty_is_a_map),
	        cmocka_unit_test(test_refused),
	        cmocka_unit_test(test_alias),
	        cmocka_unit_test(test_duplicate_among_many),
	        cmocka_unit_test(test_depth),
	        cmocka_unit_test(test_bracket_bombs),
	        cmocka_unit_test(test_prefixes_and_flips),
	        cmocka_unit_test(test_load),
	        cmocka_unit_test(test_fault_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
