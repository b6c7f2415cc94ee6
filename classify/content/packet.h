/* packet.h - what some protocols write before their JSON. */
#ifndef CLASSIFY_CONTENT_PACKET_H
#define CLASSIFY_CONTENT_PACKET_H

#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX       48 /* longer is none */
#define PACKET_SEPARATOR 0x1e

/* Engine.IO's and Socket.IO's packet types, with the number of attachments, a namespace and the number of an
 * acknowledgement: 42["event",{}], 451-/admin,17["event",{}].  Types of lines: 0:"text".  What keeps browsers
 * from reading JSON as a script: )]}', and a line end.  A type may be all of
 * its packet.  Its length; 0: this is none; -1: it may become one. */
int packet_type(const uint8_t *p, size_t n);

/* Of packets some are a number and nothing else: the length of those at the beginning. */
size_t packets_empty(const uint8_t *p, size_t n);

#endif
