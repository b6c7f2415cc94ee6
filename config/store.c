/* store.c - see store.h */
#include "config/store.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 65536u

struct store_block {
	struct store_block *next;
	size_t size;
	_Alignas(16) unsigned char bytes[];
};

static _Noreturn void no_memory(void)
{
	log_error("out of memory while reading settings");
	abort();
}

void *store_get(struct store *s, size_t n)
{
	struct store_block *b;

	if (n > SIZE_MAX / 2)
		no_memory();
	n = (n + 15) & ~(size_t)15;
	if (!n)
		n = 16;
	if (n > s->left) {
		size_t size = n > BLOCK_SIZE / 4 ? n : BLOCK_SIZE;

		b = calloc(1, sizeof(*b) + size);
		if (!b)
			no_memory();
		b->size = size;
		if (size == n && s->blocks) { /* a large piece of its own: the block in use stays in use */
			b->next = s->blocks->next;
			s->blocks->next = b;
			return b->bytes;
		}
		b->next = s->blocks;
		s->blocks = b;
		s->left = size;
	}
	b = s->blocks;
	s->left -= n;
	return b->bytes + (b->size - s->left - n);
}

char *store_text(struct store *s, const void *p, size_t n)
{
	char *t = store_get(s, n + 1);

	if (n)
		memcpy(t, p, n);
	return t;
}

char *store_format(struct store *s, const char *fmt, ...)
{
	va_list ap;
	char *tmp, *t;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&tmp, fmt, ap);
	va_end(ap);
	if (n < 0)
		no_memory();
	t = store_text(s, tmp, (size_t)n);
	free(tmp);
	return t;
}

void store_clear(struct store *s)
{
	struct store_block *next;

	for (struct store_block *b = s->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	memset(s, 0, sizeof(*s));
}

void *store_grow(void *p, size_t n, size_t size)
{
	void *q = reallocarray(p, n, size);

	if (!q)
		no_memory();
	return q;
}
