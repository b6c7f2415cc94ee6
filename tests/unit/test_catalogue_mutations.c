/* test_catalogue_mutations.c - every host rule of the shipped catalogue with names that must be its service
 * (upper case, trailing dot, port) and hostile ones that must not, against a plain linear matcher written
 * from docs/catalogue.md alone.  Run from the root of the project; prints how much was tried. */
#include "config/catalogue.h"

#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define MADE_MAX (4 * HOST_MAX)

static struct catalogue *shipped;

/* The plain matcher: every rule in turn. */
struct plain_rule {
	const struct service *s;
	const struct service_host *h;
	regex_t re;
};
static struct plain_rule *plain;
static size_t n_plain;

static void plain_compile(struct plain_rule *p)
{
	char re[2048] = "^";
	size_t n = 1;

	for (const char *c = p->h->host; *c; c++) {
		if (*c == '{') {
			n += (size_t)sprintf(re + n, "[a-z0-9-]+");
			c = strchr(c, '}');
		} else {
			n += (size_t)sprintf(re + n, *c == '.' ? "\\." : "%c", *c);
		}
	}
	sprintf(re + n, "$");
	assert_int_equal(regcomp(&p->re, re, REG_EXTENDED | REG_NOSUB), 0);
}

static int setup(void **state)
{
	static const char *const place[] = {"config/catalogue"};
	struct faults f;

	(void)state;
	faults_init(&f);
	shipped = catalogue_load(place, 1, &f);
	faults_print(&f, stderr);
	faults_clear(&f);
	if (!shipped)
		return -1;
	for (size_t i = 0; i < catalogue_count(shipped); i++)
		n_plain += catalogue_at(shipped, i)->n_hosts;
	plain = calloc(n_plain, sizeof(*plain));
	n_plain = 0;
	for (size_t i = 0; plain && i < catalogue_count(shipped); i++) {
		const struct service *s = catalogue_at(shipped, i);

		for (size_t k = 0; k < s->n_hosts; k++) {
			plain[n_plain] = (struct plain_rule){.s = s, .h = &s->hosts[k]};
			plain_compile(&plain[n_plain++]);
		}
	}
	return plain ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_plain; i++)
		regfree(&plain[i].re);
	free(plain);
	catalogue_free(shipped);
	return 0;
}

static bool plain_fits(const struct plain_rule *p, const char *name)
{
	size_t n = strlen(name), h = strlen(p->h->host);

	if (p->h->match == MATCH_PATTERN)
		return !regexec(&p->re, name, 0, NULL, 0);
	if (!strcmp(name, p->h->host))
		return true;
	return p->h->match == MATCH_SUFFIX && n > h && name[n - h - 1] == '.' &&
	       !strcmp(name + n - h, p->h->host);
}

static size_t plain_literals(const char *host)
{
	size_t n = 0;
	bool in = false;

	for (; *host; host++) {
		in = in || *host == '{';
		n += !in;
		in = in && *host != '}';
	}
	return n;
}

/* exact, then pattern, then suffix; of a kind the longest. */
static bool plain_better(const struct service_host *a, const struct service_host *b)
{
	static const int order[] = {[MATCH_EXACT] = 2, [MATCH_PATTERN] = 1, [MATCH_SUFFIX] = 0};

	if (!b)
		return true;
	if (a->match != b->match)
		return order[a->match] > order[b->match];
	return plain_literals(a->host) > plain_literals(b->host);
}

/* What the name alone says. */
static const struct service *plain_by_name(const char *name)
{
	const struct plain_rule *best = NULL;

	for (size_t i = 0; i < n_plain; i++)
		if (!plain[i].h->path_required && plain_fits(&plain[i], name) &&
		        plain_better(plain[i].h, best ? best->h : NULL))
			best = &plain[i];
	return best ? best->s : NULL;
}

/* What a name off the wire, of any bytes, is taken for. */
static const struct service *by_bytes(const char *name, size_t n, const char *path)
{
	char host[HOST_MAX];

	if (!host_normalize(name, n, host))
		return NULL;
	return catalogue_host(shipped, host, path).service;
}

/* A name (or path) that fits the pattern. */
static void fill(const char *pattern, const char *word, char *out)
{
	for (; *pattern; pattern++) {
		if (*pattern == '{') {
			out += sprintf(out, "%s", word);
			pattern = strchr(pattern, '}');
		} else if (*pattern == '*') {
			out += sprintf(out, "any/run");
		} else {
			*out++ = *pattern;
		}
	}
	*out = '\0';
}

/* The label before the last, and where the last begins. */
struct parts {
	const char *owner, *last, *first; /* "openai.com", ".com", the first dot */
};

static struct parts parts_of(const char *name)
{
	struct parts p = {name, strrchr(name, '.'), strchr(name, '.')};

	for (p.owner = p.last; p.owner > name && p.owner[-1] != '.';)
		p.owner--;
	return p;
}

static size_t glue_before(const char *name, char *out)
{
	return (size_t)sprintf(out, "evil%s", name);
}

static size_t own_domain_behind(const char *name, char *out)
{
	return (size_t)sprintf(out, "%s.evil.example", name);
}

static size_t longer_last_label(const char *name, char *out)
{
	return (size_t)sprintf(out, "%sx", name);
}

static size_t label_inserted(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*s.evil%s", (int)(p.last - name), name, p.last);
}

static size_t dot_to_hyphen(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*s-%s", (int)(p.last - name), name, p.last + 1);
}

static size_t glue_before_owner(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*snot%s", (int)(p.owner - name), name, p.owner);
}

static size_t hyphen_before_owner(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*smy-%s", (int)(p.owner - name), name, p.owner);
}

static size_t hyphen_behind_owner(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*s-ai%s", (int)(p.last - name), name, p.last);
}

static size_t first_dot_any(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*sx%s", (int)(p.first - name), name, p.first + 1);
}

static size_t all_dots_to_hyphens(const char *name, char *out)
{
	size_t n = (size_t)sprintf(out, "%s.evil.example", name);

	for (size_t i = 0; i < strlen(name); i++)
		if (out[i] == '.')
			out[i] = '-';
	return n;
}

/* Letters of the owner's label that look like others; 0 when it has none. */
struct likeness {
	char letter;
	const char *like;
};

static size_t replace_first(const char *name, const struct likeness *list, size_t n, char *out)
{
	struct parts p = parts_of(name);

	for (const char *c = p.owner; c < p.last; c++)
		for (size_t i = 0; i < n; i++)
			if (*c == list[i].letter)
				return (size_t)sprintf(
				        out, "%.*s%s%s", (int)(c - name), name, list[i].like, c + 1);
	return 0;
}

static size_t digit_for_letter(const char *name, char *out)
{
	static const struct likeness digits[] = {{'o', "0"}, {'i', "1"}, {'l', "1"}, {'e', "3"}, {'a', "4"},
	        {'s', "5"}, {'g', "9"}, {'b', "8"}};

	return replace_first(name, digits, COUNT(digits), out);
}

static size_t letters_for_letter(const char *name, char *out)
{
	static const struct likeness pairs[] = {
	        {'m', "rn"}, {'w', "vv"}, {'d', "cl"}, {'l', "i"}, {'i', "l"}};

	return replace_first(name, pairs, COUNT(pairs), out);
}

/* U+0430, U+0435, U+043E, U+0440, U+0441, U+0443, U+0445, U+0456, U+0455 in UTF-8 (RFC 3629), as a client may
 * put them into a Host field. */
static size_t cyrillic_letter(const char *name, char *out)
{
	static const struct likeness letters[] = {{'a', "\xd0\xb0"}, {'e', "\xd0\xb5"}, {'o', "\xd0\xbe"},
	        {'p', "\xd1\x80"}, {'c', "\xd1\x81"}, {'y', "\xd1\x83"}, {'x', "\xd1\x85"}, {'i', "\xd1\x96"},
	        {'s', "\xd1\x95"}};

	return replace_first(name, letters, COUNT(letters), out);
}

/* RFC 3492 for one code point in a label of ASCII letters: what stands of it, a hyphen, and where what was
 * taken out belongs. */
static size_t punycode_one(const char *label, size_t n, size_t at, unsigned cp, char *out)
{
	size_t len = 0, basic = n - 1;
	unsigned delta = (cp - 128) * (unsigned)(basic + 1) + (unsigned)at, k;

	for (size_t i = 0; i < n; i++)
		if (i != at)
			out[len++] = label[i];
	if (basic)
		out[len++] = '-';
	for (k = 36;; k += 36) {
		unsigned t = k <= 72 ? 1 : k >= 72 + 26 ? 26 : k - 72;

		if (delta < t)
			break;
		out[len++] = "abcdefghijklmnopqrstuvwxyz0123456789"[t + (delta - t) % (36 - t)];
		delta = (delta - t) / (36 - t);
	}
	out[len++] = "abcdefghijklmnopqrstuvwxyz0123456789"[delta];
	return len;
}

/* The same homograph as it stands on the wire in a TLS hello or a DNS question. */
static size_t cyrillic_punycode(const char *name, char *out)
{
	static const struct {
		char letter;
		unsigned cp;
	} letters[] = {{'a', 0x430}, {'e', 0x435}, {'o', 0x43e}, {'p', 0x440}, {'c', 0x441}, {'y', 0x443},
	        {'x', 0x445}, {'i', 0x456}, {'s', 0x455}};
	struct parts p = parts_of(name);
	size_t n = (size_t)(p.last - p.owner);

	for (size_t at = 0; at < n; at++)
		for (size_t i = 0; i < COUNT(letters); i++) {
			size_t len;

			if (p.owner[at] != letters[i].letter)
				continue;
			len = (size_t)sprintf(out, "%.*sxn--", (int)(p.owner - name), name);
			len += punycode_one(p.owner, n, at, letters[i].cp, out + len);
			return len + (size_t)sprintf(out + len, "%s", p.last);
		}
	return 0;
}

static size_t xn_label(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*sxn--%.*s-9ta%s", (int)(p.owner - name), name,
	        (int)(p.last - p.owner), p.owner, p.last);
}

/* A name that ends at the NUL for whoever compares strings of C. */
static size_t nul_behind(const char *name, char *out)
{
	size_t n = strlen(name);

	memcpy(out, name, n + 1);
	return n + 1 + (size_t)sprintf(out + n + 1, ".evil.example");
}

static size_t nul_inside(const char *name, char *out)
{
	struct parts p = parts_of(name);
	size_t n = (size_t)sprintf(out, "%.*s.%s", (int)(p.last - name), name, p.last);

	out[p.last - name] = '\0';
	return n;
}

static size_t percent_dot(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*s%%2e%s", (int)(p.last - name), name, p.last + 1);
}

static size_t percent_letter(const char *name, char *out)
{
	return (size_t)sprintf(out, "%%%02x%s", (unsigned)*name, name + 1);
}

static size_t two_dots(const char *name, char *out)
{
	struct parts p = parts_of(name);

	return (size_t)sprintf(out, "%.*s.%s", (int)(p.last - name), name, p.last);
}

static size_t space_behind(const char *name, char *out)
{
	return (size_t)sprintf(out, "%s .evil.example", name);
}

static size_t user_part(const char *name, char *out)
{
	return (size_t)sprintf(out, "%s@evil.example", name);
}

static const struct mutation {
	const char *name;
	size_t (*make)(const char *name, char *out); /* 0: cannot be made of this name */
} mutations[] = {
        {"glued on in front", glue_before},
        {"a domain of one's own behind", own_domain_behind},
        {"a longer last label", longer_last_label},
        {"a label inserted", label_inserted},
        {"a hyphen for the last dot", dot_to_hyphen},
        {"glued on before the owner", glue_before_owner},
        {"a hyphen before the owner", hyphen_before_owner},
        {"a hyphen behind the owner", hyphen_behind_owner},
        {"another character for the first dot", first_dot_any},
        {"hyphens for all dots", all_dots_to_hyphens},
        {"a digit for a letter", digit_for_letter},
        {"letters for a letter", letters_for_letter},
        {"a Cyrillic letter in UTF-8", cyrillic_letter},
        {"a Cyrillic letter in punycode", cyrillic_punycode},
        {"an xn-- label", xn_label},
        {"a NUL behind the name", nul_behind},
        {"a NUL inside the name", nul_inside},
        {"a percent-encoded dot", percent_dot},
        {"a percent-encoded letter", percent_letter},
        {"two dots", two_dots},
        {"a space behind the name", space_behind},
        {"the name as a user part", user_part},
};

static unsigned long rules_tried, mutations_tried, names_of_others;

/* A mutation may by chance be a name that the same service has another rule for: that one is not hostile. */
static bool is_own(const struct service *s, const char *bad, size_t n)
{
	if (strlen(bad) != n)
		return false;
	for (size_t i = 0; i < n_plain; i++)
		if (plain[i].s == s && plain_fits(&plain[i], bad))
			return true;
	return false;
}

static void check_mutations(const struct plain_rule *p, const char *name, const char *path)
{
	char bad[MADE_MAX], host[HOST_MAX];
	int hostile = 0;

	for (size_t i = 0; i < COUNT(mutations); i++) {
		size_t n = mutations[i].make(name, bad);
		const struct service *got, *want;

		if (!n)
			continue;
		if (is_own(p->s, bad, n)) {
			names_of_others++;
			continue;
		}
		got = by_bytes(bad, n, NULL);
		want = host_normalize(bad, n, host) ? plain_by_name(host) : NULL;
		if (got != want)
			fail_msg("%s: %s: is %s, the plain matcher says %s", mutations[i].name, bad,
			        got ? got->id : "nobody's", want ? want->id : "nobody's");
		if (got == p->s || by_bytes(bad, n, path) == p->s)
			fail_msg("%s: %s must not be %s (rule %s)", mutations[i].name, bad, p->s->id,
			        p->h->host);
		hostile++;
	}
	if (hostile < 4)
		fail_msg("only %d hostile names for %s", hostile, p->h->host);
	mutations_tried += (unsigned long)hostile;
}

static void expect(const char *name, const char *path, const struct service *s)
{
	const struct service *got = by_bytes(name, strlen(name), path);

	if (got != s)
		fail_msg("%s%s should be %s, is %s", name, path ? path : "", s->id,
		        got ? got->id : "nobody's");
}

/* As clients may write it: each of these is the same name. */
static void check_forms(const struct plain_rule *p, const char *name, const char *path)
{
	char loud[HOST_MAX + 66], form[HOST_MAX + 80];
	size_t n;

	for (n = 0; name[n]; n++)
		loud[n] = (char)(name[n] >= 'a' && name[n] <= 'z' ? name[n] - 32 : name[n]);
	loud[n] = '\0';
	expect(name, path, p->s);
	expect(loud, path, p->s);
	snprintf(form, sizeof(form), "%s.", name);
	expect(form, path, p->s);
	snprintf(form, sizeof(form), "%s.", loud);
	expect(form, path, p->s);
	snprintf(form, sizeof(form), "%s:443", loud);
	expect(form, path, p->s);
}

static void test_every_rule(void **state)
{
	size_t decided_by_path = 0;

	(void)state;
	for (size_t i = 0; i < n_plain; i++) {
		const struct plain_rule *p = &plain[i];
		char name[HOST_MAX + 64], text[512], below[HOST_MAX + 80];
		const char *path = NULL;

		fill(p->h->host, "eu-west-1", name);
		if (p->h->path_required) {
			fill(p->h->paths[0], "x1", text);
			path = text;
		}
		check_forms(p, name, path);
		if (p->h->match == MATCH_SUFFIX) {
			snprintf(below, sizeof(below), "some.thing.%s", name);
			expect(below, path, path ? p->s : plain_by_name(below));
		}
		if (path) {
			const struct service *got = by_bytes(name, strlen(name), "/nothing/listed");

			assert_true(got != p->s || plain_by_name(name) == p->s);
			decided_by_path++;
		}
		check_mutations(p, name, path);
		rules_tried++;
	}
	assert_true(decided_by_path >= 15);
	assert_int_equal(rules_tried, n_plain);
	assert_true(rules_tried >= 620);
	print_message("%lu rules, %lu hostile names, %lu more that were the service's own by another rule\n",
	        rules_tried, mutations_tried, names_of_others);
}

/* Letters that must be taken by every mutation: a table that makes nothing would pass the test above. */
static void test_mutations_are_made(void **state)
{
	static const char *const want[] = {"evilchat.openai.com", "chat.openai.com.evil.example",
	        "chat.openai.comx", "chat.openai.evil.com", "chat.openai-com", "chat.notopenai.com",
	        "chat.my-openai.com", "chat.openai-ai.com", "chatxopenai.com", "chat-openai-com.evil.example",
	        "chat.0penai.com", "chat.openal.com", "chat.\xd0\xbepenai.com", "chat.xn--penai-iye.com",
	        "chat.xn--openai-9ta.com"};
	char got[MADE_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(mutations); i++) {
		assert_true(mutations[i].make("chat.openai.com", got) > 0);
		if (i < COUNT(want))
			assert_string_equal(got, want[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_mutations_are_made),
	        cmocka_unit_test(test_every_rule),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
