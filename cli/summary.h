/* summary.h - the account at the end of a run: every packet and every record stands somewhere. */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "alerts/alerts.h"
#include "cli/worker.h"

#include <stdio.h>

/* Adds one worker's figures; `again` when it read the same file as another (its packets count once). */
void summary_add(struct worker_stats *total, const struct worker_stats *one, bool again);
/* How `n` workers shared out what there was; nothing for one. */
void summary_print_workers(FILE *out, const struct worker *workers, unsigned n);
void summary_print(FILE *out, const struct worker_stats *t, const struct alerts_stats *a, int64_t took_ns);

#endif
