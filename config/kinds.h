/* kinds.h - what kinds.c knows beyond the names that settings.h, detectors.h and register.h declare. */
#ifndef CONFIG_KINDS_H
#define CONFIG_KINDS_H

#include "config/settings.h"

const char *alert_kind_meaning(enum alert_kind k);    /* one clause */
enum severity alert_kind_severity(enum alert_kind k); /* when settings say nothing */

#endif
