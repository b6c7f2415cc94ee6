/* packet.c - see packet.h */
#include "classify/content/packet.h"

#include <stdbool.h>
#include <string.h>

/* Digits in it: more are data. */
#define TYPE        2
#define ATTACHMENTS 3
#define ACK         5
#define IN_NAME     5  /* in a row, of its namespace */
#define NAMESPACE   16 /* bytes of it */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
	return (c | 32) >= 'a' && (c | 32) <= 'z';
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

/* How many digits p begins with; max + 1: more than max. */
static size_t digits(const uint8_t *p, size_t n, size_t max)
{
	size_t i = 0;

	while (i < n && i <= max && is_digit(p[i]))
		i++;
	return i;
}

/* The length of /name, with its comma; 0: it is none; -1: it may become one. */
static int namespace_length(const uint8_t *p, size_t n)
{
	size_t row = 0;

	for (size_t i = 1; i < n; i++) {
		if (p[i] == ',' && i > 1)
			return (int)i + 1;
		row = is_digit(p[i]) ? row + 1 : 0;
		if (i == NAMESPACE || row > IN_NAME || (i == 1 && !is_letter(p[i])))
			return 0;
	}
	return -1;
}

static int socket_type(const uint8_t *p, size_t n)
{
	size_t i = digits(p, n, TYPE + ACK), ack = i > TYPE ? i - TYPE : 0;
	bool attached = i >= TYPE && i < n && p[i] == '-';

	if (!i || ack > (attached ? ATTACHMENTS : ACK))
		return 0;
	if (attached) {
		i++;
		ack = 0;
	}
	if (i < n && p[i] == '/' && !ack) {
		int name = namespace_length(p + i, n - i);

		if (name <= 0)
			return name;
		i += (size_t)name;
	}
	if (!ack) {
		ack = digits(p + i, n - i, ACK);
		i += ack;
	}
	if (ack > ACK)
		return 0;
	if (i == n)
		return -1;
	if (p[i] == PACKET_SEPARATOR)
		return ack ? 0 : (int)i;
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

	while (empty < n) {
		size_t end = empty + digits(p + empty, n - empty, TYPE);

		if (end == empty || end > empty + TYPE || end == n || p[end] != PACKET_SEPARATOR)
			break;
		empty = end + 1;
	}
	return empty;
}
