/* log.h - one line on stderr: "leaktap: level: text".  For the operator: start, stop, entering and leaving a
 * state of loss.  Never per packet, never a value that came off the wire unmasked. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_quiet(int on); /* drops info lines */

#endif
