/* catalogue_match.c - the two kinds of pattern of the catalogue: names and request paths.  Neither
 * recurses; a path is looked at only as far as CATALOGUE_PATH_MAX, because it comes off the wire. */
#include "config/catalogue_internal.h"

#include <string.h>

/* What a placeholder stands for in a name: letters, digits and hyphen, so never a dot. */
static bool in_label(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

/* Only the latest placeholder is ever tried again: what one cannot take (a dot), no earlier one can take
 * either, because between them stand literals that already fit further left. */
bool host_pattern_fits(const char *pattern, const char *host)
{
	const char *behind = NULL, *until = NULL;

	while (*host) {
		if (*pattern == '{') {
			if (!in_label(*host))
				return false;
			behind = pattern = strchr(pattern, '}') + 1;
			until = ++host;
		} else if (*pattern == *host) {
			pattern++;
			host++;
		} else if (behind && in_label(*until)) {
			pattern = behind;
			host = ++until;
		} else {
			return false;
		}
	}
	return !*pattern;
}

const char *host_pattern_tail(const char *pattern)
{
	const char *brace = strrchr(pattern, '}');
	const char *dot = brace ? strchr(brace, '.') : NULL;

	if (!brace)
		return pattern;
	return dot ? dot + 1 : "";
}

/* Where to go on when the path stops fitting: the latest `{x}` takes one byte more, and when it may not, the
 * latest `*` does and everything behind it begins anew. */
struct retry {
	const char *pattern; /* behind the wildcard; NULL: there was none */
	size_t at;           /* the wildcard has taken what stands before */
};

static bool again(
        struct retry *segment, struct retry *run, const char *path, size_t n, const char **pattern, size_t *i)
{
	struct retry *r = segment;

	if (!r->pattern || r->at >= n || path[r->at] == '/') {
		r = run;
		segment->pattern = NULL;
		if (!r->pattern || r->at >= n)
			return false;
	}
	*i = ++r->at;
	*pattern = r->pattern;
	return true;
}

/* The pattern is used up: fits when the path is too, or goes on at a '/'.  A lone "/" is only itself. */
static bool at_border(const char *path, size_t n, size_t i)
{
	return i == n || path[i] == '/' || (i > 1 && path[i - 1] == '/');
}

bool catalogue_path_fits(const char *pattern, const char *path)
{
	size_t n = strnlen(path, CATALOGUE_PATH_MAX), i = 0;
	struct retry segment = {0}, run = {0};

	for (;;) {
		if (*pattern == '*') {
			if (!*++pattern)
				return true;
			run = (struct retry){pattern, i};
			segment.pattern = NULL;
		} else if (*pattern == '{' && i < n && path[i] != '/') {
			pattern = strchr(pattern, '}') + 1;
			segment = (struct retry){pattern, ++i};
		} else if (!*pattern && at_border(path, n, i)) {
			return true;
		} else if (*pattern && *pattern != '{' && i < n && *pattern == path[i]) {
			pattern++;
			i++;
		} else if (!again(&segment, &run, path, n, &pattern, &i)) {
			return false;
		}
	}
}
