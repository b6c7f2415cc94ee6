/* account.h - on whose account a service is used, where it shows: headers, host labels and paths that the
 * catalogue lists for the service (docs/catalogue.md, `accounts`). */
#ifndef CLASSIFY_ACCOUNT_H
#define CLASSIFY_ACCOUNT_H

#include "classify/http/message.h"
#include "classify/policy/verdict.h"

#include <stddef.h>

/* What host and, for a request, its head tell; `m` NULL: only the host is known. */
void account_find(const struct service *svc, const char *host, const struct message *m, struct account *out);

#endif
