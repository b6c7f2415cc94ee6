/* scratch.c - see scratch.h.  A pthread key, not a destructor-less _Thread_local, so that worker threads that
 * end give the OpenSSL objects back. */
#include "classify/names/scratch.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int key_made;
static _Thread_local struct scratch *mine;

static void scratch_free(void *p)
{
	struct scratch *s = p;

	if (!s)
		return;
	EVP_MD_CTX_free(s->digest);
	EVP_CIPHER_CTX_free(s->header);
	EVP_CIPHER_CTX_free(s->packet);
	EVP_CIPHER_free(s->ecb);
	EVP_CIPHER_free(s->gcm);
	EVP_MD_free(s->sha256);
	free(s);
}

static void make_key(void)
{
	key_made = !pthread_key_create(&key, scratch_free);
}

static bool fill(struct scratch *s)
{
	s->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	s->ecb = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	s->gcm = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
	s->digest = EVP_MD_CTX_new();
	s->header = EVP_CIPHER_CTX_new();
	s->packet = EVP_CIPHER_CTX_new();
	return s->sha256 && s->ecb && s->gcm && s->digest && s->header && s->packet;
}

struct scratch *scratch_get(void)
{
	struct scratch *s = mine;

	if (s)
		return s;
	pthread_once(&once, make_key);
	s = key_made ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return NULL;
	if (!fill(s) || pthread_setspecific(key, s)) {
		scratch_free(s);
		return NULL;
	}
	return mine = s;
}
