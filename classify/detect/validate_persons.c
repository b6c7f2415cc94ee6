/* validate_persons.c - numbers that states give to persons: the German tax identification number (AO 139b,
 * StIdV 1; ISO/IEC 7064 MOD 11,10) and pension insurance number (VKVV 2 and 4), the French registration
 * number (NIR, Code de la securite sociale R115-1). */
#include "classify/detect/gap.h"
#include "classify/detect/validate.h"

#include <ctype.h>

/* Of the first ten digits one stands there two or three times, the others once at most. */
static bool repeats_one(const uint8_t *d)
{
	unsigned count[10] = {0}, twice = 0, thrice = 0;

	for (unsigned i = 0; i < 10; i++)
		count[d[i]]++;
	for (unsigned i = 0; i < 10; i++) {
		if (count[i] > 3)
			return false;
		twice += count[i] == 2;
		thrice += count[i] == 3;
	}
	return twice + thrice == 1;
}

enum verdict_of_value validate_de_tax_id(struct value *v)
{
	uint8_t d[12];
	unsigned product = 10;

	if (value_digits(v, d, sizeof(d)) != 11 || !d[0] || !repeats_one(d))
		return VALUE_NO;
	for (unsigned i = 0; i < 10; i++) {
		unsigned sum = (d[i] + product) % 10;

		product = (sum ? sum : 10) * 2 % 11;
	}
	return (11 - product) % 10 == d[10] ? VALUE_YES : VALUE_NO;
}

/* Area, day of birth (of a second number 50 more), letter of the name, serial, check. */
enum verdict_of_value validate_de_pension(struct value *v)
{
	static const uint8_t weight[] = {2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1};
	uint8_t d[13];
	unsigned n = 0, sum = 0, day, month, letters = 0;

	for (size_t i = v->start; i < v->end && n < sizeof(d); i += gap_or_one(v->p + i, v->end - i)) {
		if (isdigit(v->p[i])) {
			d[n++] = (uint8_t)(v->p[i] - '0');
		} else if (isalpha(v->p[i]) && n == 8 && !letters++) {
			unsigned place = (unsigned)(toupper(v->p[i]) - 'A') + 1;

			d[n++] = (uint8_t)(place / 10);
			d[n++] = (uint8_t)(place % 10);
		}
	}
	if (n != 13 || letters != 1)
		return VALUE_NO;
	day = (d[2] * 10u + d[3]) % 50;
	month = d[4] * 10u + d[5];
	if (d[0] * 10u + d[1] < 2 || !day || day > 31 || !month || month > 12)
		return VALUE_NO;
	for (unsigned i = 0; i < 12; i++) {
		unsigned product = d[i] * weight[i];

		sum += product / 10 + product % 10;
	}
	return sum % 10 == d[12] ? VALUE_YES : VALUE_NO;
}

/* Sex, year, month, department (2A and 2B of Corsica count as 19 and 18), commune, order, key. */
enum verdict_of_value validate_fr_nir(struct value *v)
{
	uint64_t number = 0;
	unsigned n = 0, key = 0, month = 0;

	for (size_t i = v->start; i < v->end; i += gap_or_one(v->p + i, v->end - i)) {
		int c = toupper(v->p[i]);

		if (n == 6 && (c == 'A' || c == 'B'))
			number = (number / 10) * 100 + (c == 'A' ? 19 : 18); /* in place of the 2 */
		else if (!isdigit(c))
			continue;
		else if (n < 13)
			number = number * 10 + (unsigned)(c - '0');
		else
			key = key * 10 + (unsigned)(c - '0');
		if (++n == 5)
			month = (unsigned)(number % 100);
	}
	/* past 12: the month is not known */
	if (n != 15 || !month || (month > 12 && month < 20) || (v->end - v->start == 15 && !value_context(v)))
		return VALUE_NO;
	return key == 97 - number % 97 ? VALUE_YES : VALUE_NO;
}
