/* scratch.h - what a thread needs while it reads one message, and never across two: a buffer to put a message
 * together in, and OpenSSL objects that are dear to make.  Made on a thread's first use, freed when it ends.
 */
#ifndef CLASSIFY_NAMES_SCRATCH_H
#define CLASSIFY_NAMES_SCRATCH_H

#include "classify/names/hello.h"

#include <openssl/evp.h>

#define SCRATCH_PACKET_MAX 65536 /* the largest UDP payload is smaller */

struct scratch {
	EVP_MD *sha256;
	EVP_MD_CTX *digest;
	EVP_CIPHER *ecb, *gcm;
	EVP_CIPHER_CTX *header, *packet;     /* AES-128-ECB and AES-128-GCM */
	uint8_t message[HELLO_SIZE_MAX + 4]; /* a handshake message with its header, or a DNS message */
	uint8_t plain[SCRATCH_PACKET_MAX];   /* a decrypted packet */
};

/* This thread's; NULL: no memory. */
struct scratch *scratch_get(void);

#endif
