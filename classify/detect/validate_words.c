/* validate_words.c - tells a secret from what stands in its place: placeholders, variables, masks, names of
 * things.  Most that is written behind `password =` in code and prose is one of these. */
#include "classify/detect/validate.h"

#include <ctype.h>
#include <string.h>

struct make {
	size_t upper, lower, digit, other, high; /* high: bytes past ASCII */
	unsigned different;
	size_t longest_run; /* of one byte */
	size_t classes;     /* changes between letter, digit, other */
};

static struct make make_of(const uint8_t *p, size_t n)
{
	struct make m = {0};
	uint32_t seen[8] = {0};
	size_t run = 0;
	int last = -1;

	for (size_t i = 0; i < n; i++) {
		int kind = isalpha(p[i]) ? 0 : isdigit(p[i]) ? 1 : 2;

		m.upper += isupper(p[i]) != 0;
		m.lower += islower(p[i]) != 0;
		m.digit += kind == 1;
		m.high += p[i] >= 0x80;
		m.other += kind == 2;
		m.classes += last >= 0 && kind != last;
		last = kind;
		run = i && p[i] == p[i - 1] ? run + 1 : 1;
		m.longest_run = run > m.longest_run ? run : m.longest_run;
		if (!(seen[p[i] >> 5] >> (p[i] & 31) & 1)) {
			seen[p[i] >> 5] |= 1u << (p[i] & 31);
			m.different++;
		}
	}
	return m;
}

/* Wherever they stand in the value. */
static const char *const stand_ins[] = {"example", "placeholder", "changeme", "change_me", "change-me",
        "changeit", "your_", "your-", "yourtoken", "yourkey", "yourpass", "youraws", "yoursecret", "redacted",
        "dummy", "xxxxx", "*****", "<", ">", "${", "{{", "}}", "$(", "#{", "%(", "...", "\xe2\x80\xa6",
        "insert_", "insert-", "replace_", "replace-", "_here", "-here", "tokenhere", "keyhere", "secrethere",
        "todo", "fixme", "notreal", "not-real", "not_real", "fakekey", "fake_", "fake-", "my_secret",
        "my-secret", "mysecret", "enter_", "some_", "sample_", "abcdefghij", "1234567890123",
        "0123456789abcdef", "deadbeefdead", "masked", "hidden", "removed", "<redact", "lorem", "foobar",
        "xoxb-your", "testtest", "notasecret", "supersecret", "secretpassword", "undefined",
        "\xe2\x80\xa2\xe2\x80\xa2", "process.env", "os.environ", "getenv", "environ[", "secrets.",
        "vault:", "!ref", "&ref", "&lt;", "&gt;", "&#x3c;"};

enum verdict_of_value validate_not_placeholder(struct value *v)
{
	const uint8_t *p = v->p + v->start;
	size_t n = v->end - v->start;
	struct make m = make_of(p, n);

	if (!n || m.different <= 2 || (n >= 8 && m.different <= 4 && n > m.different * 3) ||
	        (n >= 40 && m.different <= 6) || m.longest_run >= 7 || (m.longest_run >= 5 && n < 24))
		return VALUE_NO;
	for (size_t i = 0; i < sizeof(stand_ins) / sizeof(*stand_ins); i++)
		if (bytes_hold_nocase(p, n, stand_ins[i]))
			return VALUE_NO;
	return VALUE_YES;
}

static const char *const no_passwords[] = {"password", "passwd", "passw0rd", "pass", "pwd", "secret", "user",
        "username", "token", "null", "none", "nil", "true", "false", "string", "required", "optional",
        "default", "empty", "value", "hunter2", "letmein", "test", "test123", "admin", "root", "guest",
        "postgres", "mysql", "redis", "foo", "bar", "baz", "secret123", "password1", "password123", "pass123",
        "p@ssw0rd", "p@ssword", "changeit", "varchar", "integer", "boolean", "text", "hash", "bcrypt",
        "sha256", "md5", "plaintext", "unknown", "invalid", "incorrect", "strong", "weak", "mypassword",
        "mypass", "my_password", "your_password", "dbpass", "db_password", "qwerty", "asdf", "xxxx", "xxx",
        "dev", "demo", "localhost", "reset", "expired", "correct", "wrong", "protected"};

static bool is_word_of(const uint8_t *p, size_t n, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == n && !strncasecmp((const char *)p, list[i], n))
			return true;
	return false;
}

/* $VAR2, $newPass, $_POST[...], @$list: a password may look like the first of them, but has more digits. */
static bool is_variable(const uint8_t *p, size_t n)
{
	size_t i = 1, digits = 0;

	if (n < 3 || (p[0] != '$' && p[0] != '@'))
		return false;
	if (p[1] == '$') /* $$name, @$list, $${NAME} */
		return is_variable(p + 1, n - 1);
	if (p[0] == '$' && (p[1] == '{' || p[1] == '('))
		return true;
	if (p[0] != '$' || !(isalpha(p[1]) || p[1] == '_'))
		return false;
	for (; i < n && (isalnum(p[i]) || p[i] == '_'); i++)
		digits = isdigit(p[i]) ? digits + 1 : 0;
	if (i < n)
		return p[i] == '[' || (i + 1 < n && (!memcmp(p + i, "->", 2) || !memcmp(p + i, "::", 2)));
	while (i > 1 && isdigit(p[i - 1]))
		i--;
	for (size_t k = 1; k < i; k++)
		if (isdigit(p[k]))
			return false;
	return digits <= 2;
}

/* secretsmanager:prod/db1: where it is kept. */
static bool is_elsewhere(const uint8_t *p, size_t n)
{
	static const char *const stores[] = {"secretsmanager:", "arn:", "ssm:", "env:", "file:", "keyring:",
	        "ref+", "sops:", "asm:", "gcpsm:", "credstash:", "resolve:", "projects/"};

	for (size_t i = 0; i < sizeof(stores) / sizeof(*stores); i++)
		if (n > strlen(stores[i]) && !strncasecmp((const char *)p, stores[i], strlen(stores[i])))
			return true;
	return false;
}

/* $VAR, %VAR%, {name}, a.b.c, name(), NAME_OF_IT: code that fetches it, not the thing itself. */
static bool is_reference(const uint8_t *p, size_t n, const struct make *m)
{
	size_t names = 0;

	if (p[0] == '$' && n > 1 && isalpha(p[1]) && !m->digit)
		return true;
	if (is_variable(p, n) || is_elsewhere(p, n))
		return true;
	if ((p[0] == '%' && p[n - 1] == '%') || (p[0] == '{' && p[n - 1] == '}') ||
	        (p[0] == '[' && p[n - 1] == ']'))
		return true;
	if (memchr(p, '(', n) && (memchr(p, ')', n) || p[n - 1] == '('))
		return true;
	if (p[0] == '$' && !m->lower && m->upper + m->digit + m->other == n && m->other == 2 &&
	        memchr(p, '_', n))
		return true;           /* $DB_PASS2 */
	for (size_t i = 0; i < n; i++) /* an identifier with dots, or in capitals with underscores */
		names += isalpha(p[i]) || p[i] == '_' || p[i] == '.' || p[i] == '[' || p[i] == ']';
	return names == n && (memchr(p, '.', n) || memchr(p, '_', n) || memchr(p, '[', n));
}

#define NAME_MAX_CODE 32 /* of one name; what is longer is rather a token */

/* An expression of a programming language where a value would stand: auth[2], base64.encodebytes(auth),
 * core.crypto.createKey, this->secret.  Only outside quotes: there a value is a name to look up. */
static bool is_code(const struct value *v, const uint8_t *p, size_t n)
{
	size_t i = 0, digits = 0, joints = 0, from = 0;
	uint8_t next;

	if (!n || !(isalpha(p[0]) || p[0] == '_'))
		return false;
	for (; i < n; i++) {
		bool joint =
		        p[i] == '.' ||
		        (i + 1 < n && ((p[i] == '-' && p[i + 1] == '>') || (p[i] == ':' && p[i + 1] == ':')));

		if (joint) {
			i += p[i] != '.';
			if (i + 1 >= n || !(isalpha(p[i + 1]) || p[i + 1] == '_'))
				return false;
			joints++;
			from = i + 1;
		} else if ((isalnum(p[i]) || p[i] == '_') && i - from < NAME_MAX_CODE) {
			digits += isdigit(p[i]) != 0;
		} else {
			break;
		}
	}
	next = v->end < v->n ? v->p[v->end] : 0;
	if (i == n && (next == '(' || next == '['))
		return digits * 5 <= i;
	if (i == n) /* names hold few digits, tokens many */
		return joints > 0 && digits * 10 <= i;
	if (i < 2 || (p[i] != '(' && p[i] != '[') || digits * (p[i] == '(' ? 2 : 10) > i)
		return false;
	return memchr(")],;", p[n - 1], 4) || memchr(")],;\"'", next, 6);
}

static bool is_quoted(const struct value *v)
{
	return v->start > 0 && v->p[v->start - 1] && strchr("\"'`", v->p[v->start - 1]);
}

/* Words behind `password` in a name which is no password's: passwordLastChanged, password_policy_id. */
static const char *const no_password_names[] = {"last", "change", "changed", "changes", "expire", "expires",
        "expired", "expiry", "expiration", "encoder", "encoding", "encryption", "strength", "policy",
        "policies", "id", "ids", "reset", "url", "uri", "min", "max", "len", "length", "hint", "field",
        "type", "algorithm", "algo", "age", "at", "date", "time", "ttl", "days", "history", "rule", "rules",
        "count", "attempts", "file", "path", "format", "manager", "validator", "verifier", "input", "label",
        "regex", "pattern", "version", "updated", "created", "modified", "set", "mode", "enabled", "required",
        "status", "state", "rotation", "lifetime", "score", "complexity", "column", "form", "screen", "page",
        "key", "store", "authentication", "authenticator", "auth", "grant", "check", "checker", "generator",
        "provider", "service"};

static bool is_name(uint8_t c)
{
	return isalnum(c) || c == '_' || c == '-' || c >= 0x80;
}

/* Where the name that begins at the match ends, when what assigns stands behind it; else 0. */
static size_t assigned_name(const struct value *v)
{
	size_t end = v->match_start, at;

	while (end < v->start && is_name(v->p[end]))
		end++;
	for (at = end; at < v->start && strchr("\"'`*]) \\", v->p[at]); at++)
		;
	return at < v->start && (v->p[at] == ':' || v->p[at] == '=') ? end : 0;
}

/* Whether a part of the name behind its first says that it names something else. */
static bool names_other(const struct value *v, size_t end)
{
	size_t from = v->match_start;

	for (size_t at = from + 1; at <= end; at++) {
		const uint8_t *p = v->p + at;
		bool cut = at == end || *p == '_' || *p == '-' || (isupper(*p) && islower(p[-1]));

		if (!cut)
			continue;
		if (from > v->match_start && is_word_of(v->p + from, at - from, no_password_names,
		                                     sizeof(no_password_names) / sizeof(*no_password_names)))
			return true;
		from = at < end && (*p == '_' || *p == '-') ? at + 1 : at;
	}
	return false;
}

/* 2026-01-01T00:00:00Z */
static bool begins_with_date(const uint8_t *p, size_t n)
{
	static const char shape[] = "dddd-dd-dd";

	for (size_t i = 0; shape[i]; i++)
		if (i >= n || (shape[i] == 'd' ? !isdigit(p[i]) : p[i] != '-'))
			return false;
	return n == 10 || strchr("T _,;.", p[10]);
}

/* bcrypt-strength-12, PBKDF2:120000 */
static bool begins_with_algorithm(const uint8_t *p, size_t n)
{
	static const char *const names[] = {"bcrypt", "scrypt", "argon2", "argon2i", "argon2id", "pbkdf2",
	        "md5", "sha1", "sha-1", "sha256", "sha-256", "sha512", "sha-512", "hmac", "aes128", "aes-128",
	        "aes256", "aes-256", "pkcs"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i]);

		if (n >= len && !strncasecmp((const char *)p, names[i], len) &&
		        (n == len || (strchr("-_:/# ", p[len]) && p[len])))
			return true;
	}
	return false;
}

/* In user:password@host the value behind the next colon is a port. */
static bool is_of_uri(const struct value *v)
{
	for (size_t i = v->match_start; i < v->start && v->p[i] > ' '; i++)
		if (v->p[i] == '@')
			return true;
	return false;
}

/* `pass` and `pw` say less than `password`, and least by themselves: PASS: TestLogin2. */
enum short_name { SHORT_NOT, SHORT_PART, SHORT_ALONE, SHORT_OTHER };

static enum short_name short_name_of(const struct value *v, size_t end)
{
	const uint8_t *name = v->p + v->match_start;
	size_t n = end - v->match_start;
	uint8_t before = v->match_start ? name[-1] : 0;

	if (!(n == 2 && !strncasecmp((const char *)name, "pw", 2)) &&
	        !(n == 4 && !strncasecmp((const char *)name, "pass", 4)))
		return SHORT_NOT;
	if (isalnum(before)) /* smtpPass, and bypass */
		return islower(before) && isupper(name[0]) && islower(name[1]) ? SHORT_PART : SHORT_OTHER;
	return before == '_' || before == '-' || before == '.' ? SHORT_PART : SHORT_ALONE;
}

/* Behind a short name that stands alone: what no name, path or count looks like.  A member's name is put
 * before its text, which has no quotes then. */
static bool is_no_name(const struct value *v, const struct make *m, bool quoted)
{
	const uint8_t *p = v->p + v->start;
	size_t n = v->end - v->start, joints = 0, special = 0;
	uint8_t second = v->p[v->match_start + 1];
	bool lower = islower(second) || second == 'W'; /* PASS: is a test's, PW: is not */
	bool member = lower && !v->match_start && v->ends && v->end == v->n && v->p[v->start - 1] == ' ';

	for (size_t i = 0; i < n; i++) {
		joints += !isalnum(p[i]);
		special += !isalnum(p[i]) && !strchr("_-./:, *+()[]=<>", p[i]);
	}
	if (!m->digit || !(m->upper || m->lower) || memchr(p, ' ', n))
		return false;
	if (special || ((quoted || member) && !memchr(p, '/', n)))
		return true;
	return m->upper && m->lower && !joints && lower;
}

/* Winter!Sonne: letters with signs among them which neither names nor expressions have there. */
static bool is_joined_oddly(const uint8_t *p, size_t n)
{
	if (n < 8 || !isalpha(p[0]) || !isalpha(p[n - 1]))
		return false;
	for (size_t i = 1; i < n; i++)
		if (!isalpha(p[i]) && !memchr("#%!*^~", p[i], 6))
			return false;
	return true;
}

/* ${PASS:-value}: what stands in for an unset variable. */
static bool is_default(const struct value *v)
{
	size_t at = v->match_start;

	while (at > 0 && is_name(v->p[at - 1]))
		at--;
	return at > 1 && v->p[at - 1] == '{' && v->p[at - 2] == '$';
}

/* Takes the value out of what surrounds it there; false: admin, default1 */
static bool trim_default(struct value *v)
{
	const uint8_t *p = v->p;
	const uint8_t *brace = memchr(p + v->start, '}', v->end - v->start);
	size_t n;

	if (brace)
		v->end = (size_t)(brace - p);
	while (v->start < v->end && memchr("-=?+", p[v->start], 4))
		v->start++;
	for (n = v->end - v->start; n && isdigit(p[v->start + n - 1]);)
		n--;
	return n && !is_word_of(p + v->start, n, no_passwords, sizeof(no_passwords) / sizeof(*no_passwords));
}

/* 0xCE4B, $00004000, -67760 */
static bool is_number(const uint8_t *p, size_t n)
{
	size_t i = n > 2 && p[0] == '0' && p[1] == 'x' ? 2 : n > 1 && (p[0] == '$' || p[0] == '-') ? 1 : 0;
	bool decimal = i == 1 && p[0] == '-';

	if (!i || n > 10)
		return false;
	while (i < n && (decimal ? isdigit(p[i]) : isxdigit(p[i])))
		i++;
	return i == n;
}

/* password: UInt32): the type of an argument. */
static bool is_type(const uint8_t *p, size_t n)
{
	static const char *const types[] = {"int8", "int16", "int32", "int64", "int8_t", "int16_t", "int32_t",
	        "int64_t", "utf8string", "utf16string"};

	while (n && memchr(")];", p[n - 1], 3))
		n--;
	for (size_t lead = 0; lead <= 3 && lead < n && (!lead || isalpha(p[lead - 1])); lead++)
		if (is_word_of(p + lead, n - lead, types, sizeof(types) / sizeof(*types)))
			return true;
	return false;
}

/* MAX_LEN_32: capitals in parts of letters or of digits, few of these.  A password may be WINTER_2024. */
static bool is_constant(const uint8_t *p, size_t n, bool alone)
{
	size_t parts = 1, letters = 0, digits = 0, digits_here = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] == '_') {
			parts++;
			letters = digits_here = 0;
			continue;
		}
		digits += isdigit(p[i]) != 0;
		digits_here += isdigit(p[i]) != 0;
		letters += isupper(p[i]) != 0;
		if (islower(p[i]) || (letters && digits_here))
			return false;
	}
	return parts > (alone ? 2 : 1) && digits <= 2;
}

/* UID:GID:directory:shell, CURLOPTTYPE_LONG+107, MESSAGES_17=OK: names, as lists of fields and constants have
 * them. */
static bool is_of_names(const uint8_t *p, size_t n)
{
	size_t i = 0, colons = 0;

	for (; i < n && (isalpha(p[i]) || p[i] == '_' || p[i] == ':' || p[i] == '/'); i++)
		colons += p[i] == ':';
	if (i == n)
		return colons > 0;
	for (i = 0; i < n && (isalnum(p[i]) || p[i] == '_'); i++)
		;
	if (i < 4 || !is_constant(p, i, i == n))
		return false;
	if (i == n || p[i] == '=')
		return true;
	if (p[i++] != '+')
		return false;
	while (i < n && isdigit(p[i]))
		i++;
	return i == n;
}

/* A value behind `password =` or `password:`. */
enum verdict_of_value validate_password(struct value *v)
{
	bool fallback = is_default(v), kept = !fallback || trim_default(v);
	const uint8_t *p = v->p + v->start;
	size_t n = v->end - v->start;
	bool quoted = is_quoted(v);
	size_t name = assigned_name(v);
	enum short_name alias = name ? short_name_of(v, name) : SHORT_NOT;
	struct make m;

	if (!kept)
		return VALUE_NO;

	if ((!quoted && is_code(v, p, n)) || (name && names_other(v, name)))
		return VALUE_NO;
	while (n && !quoted && strchr(".,;:?)", p[n - 1]) && !(p[n - 1] == ')' && memchr(p, '(', n)))
		n--; /* the sentence's */
	if (n > 8 && !quoted && !memcmp(p + n - 2, "**", 2))
		n -= 2; /* Markdown's: **Password: value** */
	v->end = v->start + n;
	m = make_of(p, n);
	if (n < 6 || n > 128 || m.high > n / 2 || is_reference(p, n, &m) ||
	        is_word_of(p, n, no_passwords, sizeof(no_passwords) / sizeof(*no_passwords)) ||
	        !validate_not_placeholder(v))
		return VALUE_NO;
	if (!quoted && (is_number(p, n) || is_type(p, n) || is_of_names(p, n)))
		return VALUE_NO;
	if (memmem(p, n, "://", 3) || (p[0] == '/' && m.digit < 3) || begins_with_date(p, n) ||
	        begins_with_algorithm(p, n) || is_of_uri(v))
		return VALUE_NO;
	if (alias == SHORT_OTHER || (alias == SHORT_ALONE && !is_no_name(v, &m, quoted)))
		return VALUE_NO;
	if (m.digit && (m.upper || m.lower || m.other))
		return VALUE_YES;
	if (m.other && m.upper && m.lower && m.other > 0 && !memchr(p, ' ', n))
		return quoted || m.classes > 2 || is_joined_oddly(p, n) ? VALUE_YES : VALUE_NO;
	if (m.digit == n)
		return n >= 8 && m.different > 4 ? VALUE_YES : VALUE_NO;
	return quoted && n >= 8 && m.upper && m.lower && !m.other && m.classes == 0 &&
	                       value_entropy(p, n) > 3.3 && m.upper > 2
	               ? VALUE_YES
	               : VALUE_NO;
}

/* Letters that follow each in words and names: nearly all pairs there, half of random ones. */
static bool is_usual_pair(uint8_t a, uint8_t b)
{
	static const char *const next[26] = {"abcdefgiklmnprstuvwxy", "abeijlorsuy", "acdehiklmoprstuxy",
	        "adeilorstuy", "abcdefgijlmnopqrstvwxy", "aefilorstuy", "aeghilnoprstu", "aeiortuy",
	        "abcdefglmnoprstvxz", "aeosu", "aceilsuy", "abdefgiklmostuvy", "abefilmnopsuy",
	        "acdefgiklnopstuvy", "abcdfgiklmnoprstuvwxy", "acefghikloprstuy", "u", "abcdefgiklmnopstuvy",
	        "acefghiklmnopqrstuwy", "acefhilmoprstuwxy", "abcdefgiklmnprst", "aeioy", "aehinorw",
	        "aceimptxy", "aemnops", "aeiz"};

	return strchr(next[(a | 0x20) - 'a'], b | 0x20) != NULL;
}

struct words {
	size_t letters, pairs, odd; /* letters that stand together; pairs of them; such as words have not */
};

/* Letters with a number among them or behind: title, v2, k8s, nistp256, KeyUsage. */
static bool add_word(struct words *w, const uint8_t *p, size_t n)
{
	size_t runs = 0, run = 0, longest = 0, digits = 0, humps = 0;

	for (size_t i = 0; i < n; i++) {
		bool hump = i && isupper(p[i]) && islower(p[i - 1]);

		if (!isalnum(p[i]))
			return false;
		runs += !i || !isdigit(p[i]) != !isdigit(p[i - 1]);
		digits += isdigit(p[i]) != 0;
		run = isdigit(p[i]) ? 0 : run + 1;
		longest = run > longest ? run : longest;
		humps += hump;
		w->pairs += run > 1 && !hump;
		w->odd += run > 1 && !hump && !is_usual_pair(p[i - 1], p[i]);
	}
	w->letters += longest >= 3 ? longest : 0;
	return digits == n || (runs <= 3 && digits <= 5 && (!isdigit(p[0]) || n <= 4) && humps * 4 <= n);
}

/* cost-center-emea-4711, users.profile.title_v2, ecdsa-sha2-nistp256: words with joints. */
static bool is_of_words(const uint8_t *p, size_t n)
{
	struct words w = {0};
	size_t from = 0;

	for (size_t i = 0; i <= n; i++) {
		if (i < n && !memchr("-_./", p[i], 4))
			continue;
		if ((!from && i == n) || !add_word(&w, p + from, i - from))
			return false;
		from = i + 1;
	}
	return w.letters * 5 >= n * 2 && w.odd * 6 <= w.pairs;
}

/* SEC-1234 */
static bool is_ticket(const uint8_t *p, size_t n)
{
	size_t i = 0;

	while (i < n && isupper(p[i]))
		i++;
	if (!i || i == n || p[i++] != '-' || i == n)
		return false;
	while (i < n && isdigit(p[i]))
		i++;
	return i == n;
}

/* "the password module with libargon2-dev": words which tell more about it than what it is. */
static bool stands_behind_preposition(const struct value *v)
{
	static const char *const words[] = {"with", "to", "as", "on"};
	size_t end = v->start, at;

	while (end > v->match_start && strchr(" \"'`", v->p[end - 1]))
		end--;
	for (at = end; at > v->match_start && isalpha(v->p[at - 1]);)
		at--;
	return is_word_of(v->p + at, end - at, words, sizeof(words) / sizeof(*words));
}

/* 256-bit, libargon2-dev, SHA2, RFC7613: what has more digits is no word. */
static bool is_term(const uint8_t *p, size_t n, const struct make *m)
{
	if (n > 3 && !memcmp(p, "RFC", 3))
		return true;
	return m->lower ? m->digit <= 3 && is_of_words(p, n) : m->digit < 3;
}

/* Behind "the password is": only what no word of a sentence looks like. */
enum verdict_of_value validate_password_prose(struct value *v)
{
	const uint8_t *p = v->p + v->start;
	struct make m;

	if (!validate_password(v) || is_ticket(p, v->end - v->start))
		return VALUE_NO;
	if (v->end - v->start > 2 && p[0] == '/' && p[1] == '/') /* the colon was that of https: */
		return VALUE_NO;
	m = make_of(p, v->end - v->start);
	if (!is_quoted(v) && stands_behind_preposition(v) && is_term(p, v->end - v->start, &m))
		return VALUE_NO;
	return m.digit && (m.upper || m.lower) && (m.digit > 1 || m.other || m.classes > 1) ? VALUE_YES
	                                                                                    : VALUE_NO;
}

/* The password of a URI: anything but a variable and the usual words of examples. */
enum verdict_of_value validate_uri_password(struct value *v)
{
	const uint8_t *p = v->p + v->start;
	size_t n = v->end - v->start;
	struct make m = make_of(p, n);

	if (n < 4 || is_reference(p, n, &m) ||
	        is_word_of(p, n, no_passwords, sizeof(no_passwords) / sizeof(*no_passwords)) ||
	        !validate_not_placeholder(v))
		return VALUE_NO;
	return !m.digit && !m.upper && !m.other && n < 8 ? VALUE_NO : VALUE_YES;
}

static bool is_uuid(const uint8_t *p, size_t n)
{
	if (n != 36)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? p[i] != '-' : !isxdigit(p[i]))
			return false;
	}
	return true;
}

/* a/b/name.png */
static bool is_file(const uint8_t *p, size_t n)
{
	const uint8_t *dot = memrchr(p, '.', n);
	size_t left = dot ? n - (size_t)(dot - p) - 1 : 0;

	if (left < 2 || left > 5 || !memchr(p, '/', n))
		return false;
	for (size_t i = 0; i < left; i++)
		if (!isalnum(dot[1 + i]) || (!i && !isalpha(dot[1])))
			return false;
	return true;
}

/* The name is one of a resource: arn:aws:secretsmanager:eu-west-1:1:secret:prod/db */
static bool is_in_arn(const struct value *v)
{
	size_t from = v->match_start;

	while (from > 0 && v->match_start - from < 160 && v->p[from - 1] > ' ' &&
	        !strchr("\"'`(,", v->p[from - 1]))
		from--;
	return v->match_start - from > 4 && !memcmp(v->p + from, "arn:", 4);
}

/* enable_tokens_v2 = enable_tokens_v2 */
static bool is_own_name(const struct value *v)
{
	size_t end = v->match_start, n = v->end - v->start;

	while (end < v->start && is_name(v->p[end]))
		end++;
	return end >= n && !strncasecmp((const char *)v->p + end - n, (const char *)v->p + v->start, n);
}

/* "Key": "IMG_20240103_a7c9f.jpg", as lists of stored objects have it. */
static bool is_object_name(const uint8_t *name, size_t len, const uint8_t *p, size_t n)
{
	const uint8_t *dot = memrchr(p, '.', n);
	size_t left = dot ? n - (size_t)(dot - p) - 1 : 0;

	if (len < 4 || strncasecmp((const char *)name, "key", 3) || is_name(name[3]) || left < 2 || left > 4)
		return false;
	for (size_t i = 1; i <= left; i++)
		if (!islower(dot[i]) && (i == 1 || !isdigit(dot[i])))
			return false;
	return true;
}

/* Tokens that make a request a single one, or hold a lock. */
static bool is_request_token(const uint8_t *name, size_t len)
{
	static const char *const words[] = {
	        "client_token", "requesttoken", "request_token", "locktoken", "lock_token", "lock-token"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (bytes_hold_nocase(name, len, words[i]))
			return true;
	return false;
}

/* Names in which `key` or `token` means no secret. */
static const char *const harmless_names[] = {"public", "sitekey", "site_key", "site-key", "keyup", "keydown",
        "keypress", "clienttoken", "keyusage", "key_usage", "pub_key", "pubkey", "fingerprint", "cache",
        "partition", "foreign", "primary", "sort", "idempotency", "key_id", "keyid", "key-id", "kms",
        "object", "digest", "checksum", "csrf", "xsrf", "expir", "_url", "-url", "_uri", "endpoint", "regex",
        "pattern", "_type", "count", "max_", "limit", "length", "path", "file", "_name", "-name", "keyboard",
        "keyword", "tokenizer", "pull_secret", "secretname", "secret_name", "monkey", "hotkey", "turkey",
        "shortcut", "lookup", "next", "page", "cursor", "continuation", "publishable", "client_id",
        "host_key", "author", "keyvault", "vaulturi", "row_key", "rowkey", "i18n", "translation", "nonce",
        "etag", "integrity", "thumbprint", "_hash", "signature", "method", "algorithm", "version", "anon"};

/* `cache key: ...`, `checksum/secret: ...`: the word before the name makes it none of a secret. */
static bool harmless_before(const uint8_t *p, size_t from)
{
	static const char *const words[] = {"cache", "partition", "public", "foreign", "sort", "idempotency",
	        "object", "lookup", "routing", "row", "page", "next", "continuation", "cursor", "csrf",
	        "xsrf", "kms", "checksum"};
	size_t end = from, at;

	if (!end || (p[end - 1] != ' ' && p[end - 1] != '/'))
		return false;
	for (at = --end; at && isalpha(p[at - 1]) && end - at < 16;)
		at--;
	if (p[end] == '/')
		return end - at == 8 && !memcmp(p + at, "checksum", 8);
	return is_word_of(p + at, end - at, words, sizeof(words) / sizeof(*words));
}

/* JWT_SECRET, client_secret: people make these of words, too, but not of its own name. */
static bool may_be_words(const uint8_t *name, size_t len, const uint8_t *p, size_t n)
{
	return (bytes_hold_nocase(name, len, "_secret") || bytes_hold_nocase(name, len, "secret_key") ||
	               bytes_hold_nocase(name, len, "signing")) &&
	       !bytes_hold_nocase(p, n, "secret") && !bytes_hold_nocase(p, n, "key");
}

enum verdict_of_value validate_generic_key(struct value *v)
{
	const uint8_t *p = v->p + v->start, *name;
	size_t n = v->end - v->start;
	size_t from = v->match_start, len;
	struct make m = make_of(p, n);

	/* the whole name: back to where the identifier begins */
	while (from > 0 && v->match_start - from < 40 &&
	        (isalnum(v->p[from - 1]) || v->p[from - 1] == '_' || v->p[from - 1] == '-' ||
	                v->p[from - 1] == '.'))
		from--;
	if (harmless_before(v->p, from) || is_in_arn(v) || is_own_name(v))
		return VALUE_NO;
	name = v->p + from;
	len = v->start - from;
	for (size_t i = 0; i < sizeof(harmless_names) / sizeof(*harmless_names); i++)
		if (bytes_hold_nocase(name, len, harmless_names[i]))
			return VALUE_NO;
	if (is_uuid(p, n) && is_request_token(name, len))
		return VALUE_NO;
	if (is_uuid(p, n)) /* ids are, some vendors' keys too: their name must say so */
		return bytes_hold_nocase(name, len, "api_key") || bytes_hold_nocase(name, len, "apikey") ||
		                       bytes_hold_nocase(name, len, "token") ||
		                       bytes_hold_nocase(name, len, "secret=")
		               ? validate_not_placeholder(v)
		               : VALUE_NO;
	if (n < 16 || is_file(p, n) || is_reference(p, n, &m) || !validate_not_placeholder(v))
		return VALUE_NO;
	if ((is_of_words(p, n) && !may_be_words(name, len, p, n)) || is_object_name(name, len, p, n))
		return VALUE_NO;
	if (!is_quoted(v) && (is_code(v, p, n) || is_of_names(p, n)))
		return VALUE_NO;
	if (!m.digit || (!m.lower && !m.upper) || p[0] == '/' || memmem(p, n, "://", 3))
		return VALUE_NO;
	if (m.digit < 2 && m.classes < 3)
		return VALUE_NO;
	return value_entropy(p, n) >= 3.3 ? VALUE_YES : VALUE_NO;
}

/* A marking stands on a line of its own, or with another; a question about it does not. */
enum verdict_of_value validate_prose_marker(struct value *v)
{
	static const char *const questions[] = {"what is", "what does", "what are", "explain", "define",
	        "meaning of", "template", "stand for", "how to", "how do", "was ist", "was bedeutet",
	        "qu'est-ce", "que es", "what's", "\xc2\xbf", "difference between", "generate", "placeholder"};
	size_t from = v->start, to = v->end;

	while (from > 0 && v->start - from < 96 && v->p[from - 1] != '\n')
		from--;
	while (to < v->n && to - v->end < 64 && v->p[to] != '\n')
		to++;
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		if (bytes_hold_nocase(v->p + from, to - from, questions[i]))
			return VALUE_NO;
	return VALUE_YES;
}
