/* mark.h - what people say of an alert, for the other people who watch: it is taken, it was a false positive.
 *
 *	leaktap:{SENSOR}:mark:<index>   JSON of who has the alert; expires after MARK_KEPT_S
 *	leaktap:{SENSOR}:marks          stream of all that was said, field json
 *
 * The first one to take an alert has it; nobody else's mark replaces that. */
#ifndef CLI_MARK_H
#define CLI_MARK_H

#include "alerts/client.h"

#define MARK_KEPT_S   (90 * 86400)
#define MARKS_KEPT    "100000" /* of the stream, about */
#define MARK_TEXT_MAX 512      /* of a note */

enum mark_state { MARK_TAKEN, MARK_FALSE_POSITIVE };

struct mark {
	const char *alert; /* id of the record: SENSOR/INDEX */
	enum mark_state state;
	const char *by, *note; /* note "": none */
};

/* Sets the mark and says on stdout what was done; of a false positive also the rule that would have
 * suppressed it.  Returns the exit status, after a line on stderr when it is not 0. */
int mark_set(struct client *c, const struct mark *m, const char *shown);

#endif
