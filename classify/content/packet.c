/* packet.c - see packet.h */
#include "classify/content/packet.h"

#include <stdbool.h>
#include <string.h>

#define DIGITS    10 /* of a number in it */
#define NAMESPACE 16 /* of its namespace: more is data */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static int line_type(const uint8_t *p, size_t n)
{
	if (n < 3)
		return -1;
	return p[2] == '[' || p[2] == '{' || p[2] == '"' ? 2 : 0;
}

static int script_guard(const uint8_t *p, size_t n)
{
	static const char guard[] = ")]}'";
	size_t i = sizeof(guard) - 1;

	if (memcmp(p, guard, n < i ? n : i) != 0)
		return 0;
	while (i < n && i < PACKET_MAX && strchr(",\r\n ", p[i]) && p[i])
		i++;
	if (i >= n)
		return -1;
	return p[i] == '[' || p[i] == '{' ? (int)i : 0;
}

static int socket_type(const uint8_t *p, size_t n)
{
	size_t i = 0, from;

	while (i < n && is_digit(p[i]) && i <= DIGITS)
		i++;
	if (!i || i > DIGITS)
		return 0;
	if (i > 1 && i < n && p[i] == '-')
		i++;
	if (i < n && p[i] == '/') {
		const uint8_t *comma = memchr(p + i, ',', n - i);

		if (!comma)
			return n - i <= NAMESPACE ? -1 : 0;
		if (comma - (p + i) > NAMESPACE)
			return 0;
		i = (size_t)(comma + 1 - p);
	}
	for (from = i; i < n && is_digit(p[i]) && i - from <= DIGITS;)
		i++;
	if (i == n)
		return -1;
	return p[i] == '[' || p[i] == '{' || p[i] == '"' ? (int)i : 0;
}

int packet_type(const uint8_t *p, size_t n)
{
	if (!n)
		return -1;
	if (p[0] == ')')
		return script_guard(p, n);
	if (n > 1 && p[1] == ':')
		return is_digit(p[0]) || (p[0] >= 'a' && p[0] <= 'h') ? line_type(p, n) : 0;
	if (n == 1 && p[0] >= 'a' && p[0] <= 'h')
		return -1;
	return socket_type(p, n);
}

size_t packets_empty(const uint8_t *p, size_t n)
{
	size_t empty = 0;

	for (size_t i = 0; i + 1 < n && is_digit(p[i]); i++)
		if (p[i + 1] == PACKET_SEPARATOR)
			empty = ++i + 1;
	return empty;
}
