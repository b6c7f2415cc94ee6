/* hash.c - see hash.h */
#include "base/hash.h"

#include <pthread.h>
#include <sys/random.h>
#include <time.h>

static uint64_t seed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void draw(void)
{
	struct timespec t;

	if (getrandom(&seed, sizeof(seed), 0) == (ssize_t)sizeof(seed))
		return;
	clock_gettime(CLOCK_MONOTONIC, &t); /* no random source: still different every start */
	seed = (uint64_t)t.tv_nsec * 0x9e3779b97f4a7c15u ^ (uint64_t)t.tv_sec;
}

uint64_t hash_seed(void)
{
	pthread_once(&once, draw);
	return seed;
}
