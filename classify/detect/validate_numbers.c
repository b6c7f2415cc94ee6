/* validate_numbers.c - numbers with rules of their own: payment cards (ISO/IEC 7812), IBAN (ISO 13616), US
 * social security numbers (SSA, POMS RM 10201.035), Spanish DNI/NIE (RD 1553/2005), UK national insurance
 * numbers (HMRC NIM39110), telephone numbers (E.164, NANP), e-mail addresses (RFC 5321 4.5.3.1). */
#include "classify/detect/gap.h"
#include "classify/detect/validate.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

size_t value_digits(const struct value *v, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = v->start; i < v->end && n < cap; i += gap_or_one(v->p + i, v->end - i))
		if (isdigit(v->p[i]))
			out[n++] = (uint8_t)(v->p[i] - '0');
	return n;
}

static bool luhn(const uint8_t *digit, size_t n)
{
	unsigned sum = 0;

	for (size_t i = 0; i < n; i++) {
		unsigned d = digit[n - 1 - i];

		if (i & 1)
			d = d * 2 > 9 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return n > 1 && sum % 10 == 0;
}

static unsigned different(const uint8_t *digit, size_t n)
{
	unsigned seen = 0;

	for (size_t i = 0; i < n; i++)
		seen |= 1u << (digit[i] & 31);
	return (unsigned)__builtin_popcount(seen);
}

enum verdict_of_value validate_luhn(struct value *v)
{
	uint8_t digit[40];
	size_t n = value_digits(v, digit, sizeof(digit));

	return luhn(digit, n) && different(digit, n) > 2 ? VALUE_YES : VALUE_NO;
}

/* Issuer ranges by their first six digits, with the lengths in use (bit n: n digits).  `alone` false: the
 * range is so wide, or so like other numbers, that it counts with a context word only. */
static const struct card_range {
	uint32_t from, to;
	uint32_t lengths;
	bool alone;
} card_ranges[] = {
        {400000, 499999, 1u << 13 | 1u << 16 | 1u << 19, true}, /* Visa */
        {510000, 559999, 1u << 16, true},                       /* Mastercard */
        {222100, 272099, 1u << 16, true},                       /* Mastercard, 2-series */
        {340000, 349999, 1u << 15, true},                       /* American Express */
        {370000, 379999, 1u << 15, true},
        {601100, 601199, 1u << 16 | 1u << 19, true}, /* Discover */
        {644000, 659999, 1u << 16 | 1u << 19, true},
        {352800, 358999, 1u << 16 | 1u << 19, true},            /* JCB */
        {300000, 305999, 1u << 14 | 1u << 16 | 1u << 19, true}, /* Diners Club */
        {309500, 309599, 1u << 14 | 1u << 16 | 1u << 19, true},
        {360000, 369999, 1u << 14 | 1u << 19, true},
        {380000, 399999, 1u << 14 | 1u << 16 | 1u << 19, true},
        {620000, 629999, 1u << 16 | 1u << 17 | 1u << 18 | 1u << 19, true}, /* UnionPay */
        {810000, 817199, 1u << 16 | 1u << 19, false},
        {220000, 220499, 1u << 16 | 1u << 19, true}, /* Mir */
        {979200, 979289, 1u << 16, false},           /* Troy */
        {500000, 509999, 0xffu << 12, false},        /* Maestro, Elo, Verve */
        {560000, 589999, 0xffu << 12, false},
        {600000, 699999, 0xffu << 12, false},
};

static const struct card_range *card_range(const uint8_t *digit, size_t n)
{
	uint32_t iin = 0;

	for (size_t i = 0; i < 6; i++)
		iin = iin * 10 + digit[i];
	for (size_t i = 0; i < sizeof(card_ranges) / sizeof(*card_ranges); i++)
		if (iin >= card_ranges[i].from && iin <= card_ranges[i].to && card_ranges[i].lengths >> n & 1)
			return &card_ranges[i];
	return NULL;
}

/* Numbers in blocks of four beside the value make it part of a table of numbers. */
static bool in_row_of_fours(const struct value *v)
{
	const uint8_t *p = v->p;
	size_t s = v->start, e = v->end, gap = gap_blank_before(p, s);
	uint8_t as = 0;

	s -= gap;
	if (gap && s >= 4 && isdigit(p[s - 1]) && isdigit(p[s - 2]) && isdigit(p[s - 3]) && isdigit(p[s - 4]))
		return true;
	e += gap_at(p + e, v->n - e, &as);
	return as == ' ' && e + 4 <= v->n && isdigit(p[e]) && isdigit(p[e + 1]) && isdigit(p[e + 2]) &&
	       isdigit(p[e + 3]);
}

#define COLUMN_REACH   2000 /* bytes to each side, held wherever a text is cut */
#define COLUMN_NUMBERS 64

/* Whether digits and gaps stand at p[at] as they do in the value, and nothing more of them around. */
static bool same_shape(const struct value *v, size_t at)
{
	size_t n = v->end - v->start;

	if (at + n > v->n || (at + n < v->n && isalnum(v->p[at + n])))
		return false;
	if (at && isalnum(v->p[at - 1]) && !(at > 1 && v->p[at - 2] == '\\'))
		return false;
	for (size_t i = 0; i < n; i++) {
		uint8_t a = v->p[v->start + i], b = v->p[at + i];

		if (isdigit(a) ? !isdigit(b) : a != b)
			return false;
	}
	return true;
}

/* Of random numbers one in ten passes Luhn's check: among others of its shape most of which fail, a number is
 * an order's or an article's. */
static bool among_failing(const struct value *v)
{
	size_t n = v->end - v->start, seen_n = 0, failed = 0;
	size_t at = v->start > COLUMN_REACH ? v->start - COLUMN_REACH : 0;
	size_t to = v->end + COLUMN_REACH < v->n ? v->end + COLUMN_REACH : v->n;
	uint64_t seen[COLUMN_NUMBERS];

	for (; at + n <= to && seen_n < COLUMN_NUMBERS; at++) {
		struct value other = {.p = v->p, .n = v->n, .start = at, .end = at + n};
		uint8_t digit[20];
		uint64_t number = 0;
		size_t digits, i = 0;

		if (!isdigit(v->p[at]) || !same_shape(v, at))
			continue;
		digits = value_digits(&other, digit, sizeof(digit));
		for (size_t k = 0; k < digits; k++)
			number = number * 10 + digit[k];
		while (i < seen_n && seen[i] != number)
			i++;
		if (i == seen_n) {
			seen[seen_n++] = number;
			failed += !luhn(digit, digits);
		}
		at += n - 1;
	}
	return failed >= 2 && failed >= 2 * (seen_n - failed);
}

enum verdict_of_value validate_card(struct value *v)
{
	uint8_t digit[20];
	size_t n = value_digits(v, digit, sizeof(digit));
	const struct card_range *r = n >= 12 && n <= 19 ? card_range(digit, n) : NULL;

	if (!r || !luhn(digit, n) || different(digit, n) < 4)
		return VALUE_NO;
	if ((!r->alone || n < 14 || n > 16 || in_row_of_fours(v) || among_failing(v)) && !value_context(v))
		return VALUE_NO;
	return VALUE_YES;
}

/* Length of the whole IBAN by country: SWIFT IBAN registry, release 99. */
static const char iban_lengths[] = "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27D"
                                   "K18DO28EE20EG29ES24FI18FK18FO18FR27"
                                   "GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28L"
                                   "C32LI21LT20LU20LV21LY25MC27MD24ME22"
                                   "MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24S"
                                   "C31SD18SE24SI19SK24SM27SO23ST25SV28"
                                   "TL23TN24TR26UA29VA22VG24XK20YE30";

enum verdict_of_value validate_iban(struct value *v)
{
	char text[40];
	size_t n = 0, want = 0, end = v->end;
	unsigned mod = 0;

	for (size_t i = v->start; i < v->end && n < sizeof(text); i += gap_or_one(v->p + i, v->end - i)) {
		if (!isalnum(v->p[i]))
			continue;
		text[n++] = (char)toupper(v->p[i]);
		if (n == 2)
			for (const char *c = iban_lengths; *c && !want; c += 4)
				if (c[0] == text[0] && c[1] == text[1])
					want = (size_t)((c[2] - '0') * 10 + c[3] - '0');
		if (want && n == want) {
			end = i + 1; /* words may follow that look like more of it */
			break;
		}
	}
	if (!want || n != want || (end < v->n && isalnum(v->p[end])))
		return VALUE_NO;
	for (size_t i = 0; i < n; i++) {
		char c = text[(i + 4) % n];

		mod = isdigit((unsigned char)c) ? (mod * 10 + (unsigned)(c - '0')) % 97
		                                : (mod * 100 + (unsigned)(c - 'A' + 10)) % 97;
	}
	v->end = end;
	return mod == 1 ? VALUE_SURE : VALUE_NO;
}

enum verdict_of_value validate_ssn(struct value *v)
{
	uint8_t d[10];
	unsigned area, group, serial;
	bool separated = v->end - v->start > 9;

	if (value_digits(v, d, sizeof(d)) != 9 || (!separated && !value_context(v)))
		return VALUE_NO;
	area = d[0] * 100u + d[1] * 10u + d[2];
	group = d[3] * 10u + d[4];
	serial = d[5] * 1000u + d[6] * 100u + d[7] * 10u + d[8];
	if (!area || area == 666 || area >= 900 || !group || !serial || different(d, 9) < 3)
		return VALUE_NO;
	return VALUE_YES;
}

static bool is_delimiter(uint8_t c)
{
	return c && strchr(",;|\t\"'", c);
}

/* The cell of a table or the member of a list; not what stands behind a blank at a line's end. */
static bool is_cell(const struct value *v)
{
	size_t from = v->start, to = v->end;

	while (from && v->p[from - 1] == ' ')
		from--;
	while (to < v->n && v->p[to] == ' ')
		to++;
	if (to == v->n || v->p[to] == '\n' || v->p[to] == '\r')
		return from && from == v->start && is_delimiter(v->p[from - 1]);
	return is_delimiter(v->p[to]) && (!from || v->p[from - 1] == '\n' || is_delimiter(v->p[from - 1]));
}

/* 24234428H, 53781904H: the number before or behind ends in the same letter. */
static bool among_same_unit(const struct value *v)
{
	uint8_t unit = v->p[v->end - 1];
	size_t before = v->start, behind = v->end;

	while (before && (v->p[before - 1] == ' ' || is_delimiter(v->p[before - 1])))
		before--;
	if (before > 1 && v->p[before - 1] == unit && isdigit(v->p[before - 2]))
		return true;
	while (behind < v->n && (v->p[behind] == ' ' || is_delimiter(v->p[behind])))
		behind++;
	while (behind < v->n && isdigit(v->p[behind]))
		behind++;
	return behind < v->n && v->p[behind] == unit && isdigit(v->p[behind - 1]);
}

/* 12345678Z as it is printed, and no number with a unit or a suffix behind (bytes, hexadecimal, a literal of
 * C), no part of a path or a sum. */
static bool is_plain_dni(const struct value *v)
{
	uint8_t first = v->p[v->start], last = v->p[v->end - 1];
	size_t n = v->end - v->start;
	bool cell = is_cell(v);

	if (!isupper(last))
		return false;
	if (n == 9 && isdigit(first) && strchr("BKMHLFD", last) && (!cell || among_same_unit(v)))
		return false;
	if (n != 9 && v->p[v->start + 2] != '.' && (isdigit(first) || v->p[v->end - 2] != '-'))
		return false;
	if (cell)
		return true;
	if (v->start && ispunct(v->p[v->start - 1]) && !strchr("\"'(<>:;[{|", v->p[v->start - 1]))
		return false;
	return v->end + 1 >= v->n || !ispunct(v->p[v->end]) || !isalnum(v->p[v->end + 1]);
}

enum verdict_of_value validate_dni(struct value *v)
{
	static const char letters[] = "TRWAGMYFPDXBNJZSQVHLCKE";
	uint8_t d[10];
	uint32_t number = 0;
	int first = toupper(v->p[v->start]);
	size_t n = value_digits(v, d, sizeof(d));

	if (v->end == v->start || (n != 8 && !(n == 7 && first >= 'X' && first <= 'Z')))
		return VALUE_NO;
	if (n == 7)
		number = (uint32_t)(first - 'X'); /* NIE: X, Y, Z stand for 0, 1, 2 */
	for (size_t i = 0; i < n; i++)
		number = number * 10 + d[i];
	if (toupper(v->p[v->end - 1]) != letters[number % 23] || different(d, n) < 3)
		return VALUE_NO;
	return is_plain_dni(v) || value_context(v) ? VALUE_YES : VALUE_NO;
}

enum verdict_of_value validate_nino(struct value *v)
{
	static const char never[][3] = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"};
	char a, b;

	if (v->end - v->start < 2)
		return VALUE_NO;
	a = (char)toupper(v->p[v->start]);
	b = (char)toupper(v->p[v->start + 1]);
	if (strchr("DFIQUV", a) || strchr("DFIQUVO", b))
		return VALUE_NO;
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		if (a == never[i][0] && b == never[i][1])
			return VALUE_NO;
	return VALUE_YES;
}

/* Country codes of E.164 by their first digits: one digit, or the two-digit ones; the rest have three. */
static unsigned country_code_len(const uint8_t *d)
{
	static const char two[] =
	        "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 "
	        "63 64 65 66 81 82 84 86 90 91 92 93 94 95 98";
	char key[3] = {(char)('0' + d[0]), (char)('0' + d[1]), 0};

	if (d[0] == 1 || d[0] == 7)
		return 1;
	return strstr(two, key) ? 2 : 3;
}

static bool nanp(const uint8_t *d)
{
	/* area and exchange 2-9 first, no N11, fictional 555-01xx */
	if (d[0] < 2 || d[3] < 2 || (d[1] == 1 && d[2] == 1) || (d[4] == 1 && d[5] == 1))
		return false;
	return !(d[3] == 5 && d[4] == 5 && d[5] == 5 && d[6] == 0 && d[7] == 1);
}

/* Lengths of the groups of digits as a decimal number: (617) 830-0142 is 334. */
static uint64_t layout(const struct value *v)
{
	uint64_t groups = 0;
	unsigned n = 0;

	for (size_t i = v->start; i <= v->end; i += i < v->end ? gap_or_one(v->p + i, v->end - i) : 1) {
		if (i < v->end && isdigit(v->p[i])) {
			n++;
		} else if (n) {
			groups = groups * 10 + (n < 10 ? n : 9);
			n = 0;
		}
	}
	return groups;
}

/* 2026-03-14, 14.03.2026, with or without an hour behind. */
static bool is_date(const uint8_t *d, uint64_t groups)
{
	while (groups > 4222)
		groups /= 10;
	if (groups / 10 == 422)
		groups /= 10;
	return (groups == 422 && ((d[0] == 1 && d[1] == 9) || (d[0] == 2 && d[1] == 0))) || groups == 224;
}

enum verdict_of_value validate_phone(struct value *v)
{
	uint64_t groups = layout(v);
	uint8_t d[20];
	size_t n = value_digits(v, d, sizeof(d));
	bool plus = v->p[v->start] == '+', gaps = false;

	for (size_t i = v->start; i < v->end; i++)
		gaps |= !isdigit(v->p[i]) && v->p[i] != '+';
	if (n < 7 || n > 15 || different(d, n) < 3)
		return VALUE_NO;
	if (plus) {
		unsigned cc = country_code_len(d);

		if (!d[0] || n < cc + 6 || (d[0] == 1 && (n != 11 || !nanp(d + 1))))
			return VALUE_NO;
		return VALUE_YES;
	}
	if (!gaps)
		return (n == 10 || n == 11 || (n >= 8 && d[0] == 0)) && value_context(v) ? VALUE_YES
		                                                                         : VALUE_NO;
	if (is_date(d, groups))
		return VALUE_NO;
	if ((groups == 334 && nanp(d)) || (groups == 1334 && d[0] == 1 && nanp(d + 1)))
		return VALUE_YES;
	return (d[0] == 0 || n >= 8) && n <= 13 && value_context(v) ? VALUE_YES : VALUE_NO;
}

/* Names that stand in documents and never belong to a person: RFC 2606, RFC 6761, and the usual ones. */
static const char *const example_domains[] = {"example.com", "example.org", "example.net", "example.edu",
        "test.com", "domain.com", "email.com", "yourdomain.com", "yourcompany.com", "company.com",
        "mycompany.com", "acme.com", "acme.org", "foo.com", "bar.com", "foo.bar", "sentry.io",
        "users.noreply.github.com", "localhost.localdomain"};
static const char *const no_tlds[] = {"test", "invalid", "localhost", "local", "png", "jpg", "jpeg", "gif",
        "svg", "webp", "css", "js", "ts", "json", "html", "htm", "php", "py", "rb", "java", "class", "xml",
        "yaml", "yml", "txt", "md", "exe", "dll", "so", "zip", "gz", "tar", "lock", "map", "scss", "less",
        "vue", "jsx", "tsx", "service", "socket", "target", "timer", "mount", "slice", "conf", "cfg", "ini",
        "log", "internal", "lan", "corp", "home", "2x", "3x"};

static bool is_one_of(const char *name, size_t n, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == n && !strncasecmp(list[i], name, n))
			return true;
	return false;
}

static bool is_all_x(const char *p, size_t n)
{
	while (n && (p[n - 1] | 0x20) == 'x')
		n--;
	return !n;
}

enum verdict_of_value validate_email(struct value *v)
{
	static const char *const roles[] = {"git", "noreply", "no-reply", "user", "username", "name",
	        "your.name", "youremail", "your-email", "your_email", "you", "me", "john.doe", "jane.doe",
	        "johndoe", "janedoe", "foo", "bar", "test", "x", "example", "someone", "somebody", "info",
	        "support", "hello", "postmaster", "webmaster", "abuse", "admin", "mailer-daemon",
	        "do-not-reply", "donotreply"};
	const char *p = (const char *)v->p + v->start;
	size_t n = v->end - v->start, tld;
	const char *at = memchr(p, '@', n), *domain, *dot;
	size_t local, domain_len;

	if (!at)
		return VALUE_NO;
	local = (size_t)(at - p);
	domain = at + 1;
	domain_len = n - local - 1;
	dot = memrchr(domain, '.', domain_len);
	if (!dot || !local || local > 64 || domain_len > 253 || memmem(p, n, "..", 2) || p[0] == '.' ||
	        at[-1] == '.')
		return VALUE_NO;
	tld = (size_t)(domain + domain_len - dot - 1);
	if (tld < 2 || tld > 24 || is_all_x(dot + 1, tld) ||
	        is_one_of(dot + 1, tld, no_tlds, sizeof(no_tlds) / sizeof(*no_tlds)) ||
	        is_one_of(p, local, roles, sizeof(roles) / sizeof(*roles)))
		return VALUE_NO;
	for (size_t i = 0; i < sizeof(example_domains) / sizeof(*example_domains); i++) {
		size_t len = strlen(example_domains[i]);

		if (domain_len >= len && !strncasecmp(domain + domain_len - len, example_domains[i], len) &&
		        (domain_len == len || domain[domain_len - len - 1] == '.'))
			return VALUE_NO;
	}
	/* user:password@host in a URL, and git@host:path, are no addresses */
	if (v->start >= 3 && (v->p[v->start - 1] == '/' || v->p[v->start - 1] == ':') && !value_context(v))
		return memmem(v->p + (v->start > 64 ? v->start - 64 : 0), v->start > 64 ? 64 : v->start,
		               "://", 3)
		               ? VALUE_NO
		               : VALUE_YES;
	return VALUE_YES;
}
