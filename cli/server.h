/* server.h - which Redis a command reads from, and since when; for the commands that read what sensors told.
 */
#ifndef CLI_SERVER_H
#define CLI_SERVER_H

#include "config/redis_url.h"
#include "alerts/wire.h"

#include <stdint.h>

/* "90s", "15m", "2h", "1d" to seconds; -1: none of these. */
int64_t parse_since(const char *text);

/* The server of `redis` (NULL: the settings' one), with what the settings say of password and certificates.
 * Settings are read when a file is named or no URL was given.  0, or the exit status after a line that says
 * why. */
int server_choose(const char *command, const char *config, const char *redis, struct redis_url *url,
        struct wire_tls **tls);

#endif
