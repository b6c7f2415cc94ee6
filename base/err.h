/* err.h - start-up errors travel as -1 and one line of text; every level may add where it stood.
 * Bad traffic never uses this: it is counted. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

struct err {
	char text[1024]; /* never holds a secret; cut when longer */
};

/* Writes the text, returns -1 so that `return err_set(e, ...)` reads well.  `e` may be NULL. */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts "context: " before what is there, returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
