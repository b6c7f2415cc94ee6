/* test_unseen.c - values with characters between that nobody sees, and in other writing. */
#include "tests/unit/detect_world.h"

static int setup(void **state)
{
	(void)state;
	return detect_world(NULL, 0, "", 4);
}

/* Characters that nobody sees, between those of a value and cut at every byte. */
static void test_invisible(void **state)
{
	static const char *const between[] = {"\xe2\x80\x8b", "\xe2\x80\x8d", "\xe2\x81\xa0", "\xef\xbb\xbf",
	        "\xc2\xad", "\xe2\x80\x8e\xc2\xad", "\xcd\x8f", "\xd8\x9c", "\xe1\x85\x9f", "\xe1\x9e\xb5",
	        "\xe1\xa0\x8e", "\xe2\x80\xae", "\xe2\x81\xa6", "\xe2\x81\xaf", "\xe3\x85\xa4",
	        "\xef\xb8\x8f", "\xef\xbe\xa0", "\xef\xbf\xb9", "\xf0\x9d\x85\xb3", "\xf3\xa0\x80\x81",
	        "\xf3\xa0\x81\xa1", "\xf3\xa0\x81\xa1\xf3\xa0\x81\xbf", "\xf3\xa0\x84\x80"};
	struct finding f[64];

	(void)state;
	for (size_t b = 0; b < sizeof(between) / sizeof(*between); b++) {
		char text[1024] = "g\xc3\xbcltig \xe2\x80\x93 ", *at = text + strlen(text);
		char out[1024];

		for (const char *ghp = GHP, *c = ghp; *c; c++)
			at += sprintf(at, "%s%c", c == ghp ? "" : between[b], *c);
		strcpy(at, " \xe2\x82\xac 5");
		for (size_t cut = 0; cut <= strlen(text); cut++) {
			size_t n = find(text, strlen(text), cut, f);

			if (n != 1 || strcmp(f[0].detector->id, "github-pat") != 0)
				fail_msg("%zu findings, form %zu, cut at %zu", n, b, cut);
			assert_int_equal(f[0].offset, 12); /* as seen: what cannot be seen does not count */
		}
		/* what goes out stays as it is, and no byte of it is lost */
		assert_int_equal(detect_mask(worker,
		                         "a\xe2\x80\x8b"
		                         "b",
		                         5, out, sizeof(out)),
		        5);
		assert_string_equal(out, "a\xe2\x80\x8b"
		                         "b");
	}
	/* halves of such a character are other text */
	assert_int_equal(find("x\xe2\x80 y \xef\xbb", 9, 2, f), 0);
}

static size_t put_tags(char *out, const char *text)
{
	size_t n = 0;

	for (const char *c = text; *c; c++)
		n += (size_t)sprintf(out + n, "\xf3\xa0%c%c", 0x80 | (*c >> 6), 0x80 | (*c & 0x3f));
	return n;
}

/* ASCII written in tags, and what Markdown and LaTeX write; cut at every byte, and into single ones. */
static void test_other_writing(void **state)
{
	static const char *const ghp = GHP;
	struct finding f[64];
	char text[1024], out[1024];
	size_t n;

	(void)state;
	n = (size_t)sprintf(text, "hello\xf0\x9f\x8f\xb4");
	n += put_tags(text + n, "gbeng"); /* of a flag */
	n += (size_t)sprintf(text + n, "\xf3\xa0\x81\xbf");
	n += put_tags(text + n, " so: " GHP);
	n += (size_t)sprintf(text + n, " end");
	for (size_t cut = 0; cut <= n; cut++) {
		assert_int_equal(find(text, n, cut, f), 1);
		assert_string_equal(f[0].detector->id, "github-pat");
		assert_int_equal(f[0].offset, 14);
	}
	detect_mask(worker, text, n, out, sizeof(out));
	assert_null(strstr(out, "\xf3\xa0\x81\x92\xf3\xa0\x80\xb4")); /* R4 */
	n = (size_t)sprintf(text, "\\texttt{%.3s\\_%s} C:\\_\\", ghp, ghp + 4);
	for (size_t cut = 0; cut <= n; cut++) {
		assert_int_equal(find(text, n, cut, f), 1);
		assert_int_equal(f[0].offset, 8);
	}
	/* few tags are not read, half ones are other text */
	n = put_tags(text, "hideous");
	assert_int_equal(find(text, n - 1, 0, f), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_invisible),
	        cmocka_unit_test(test_other_writing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
