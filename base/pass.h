/* pass: one byte, and at most one descriptor, from one process to another over a SOCK_SEQPACKET socket. */
#ifndef INGOT_BASE_PASS_H
#define INGOT_BASE_PASS_H

#include <stdint.h>

/*
 * Sends byte, with a copy of descriptor (-1: none). Never blocks on a socket that is non-blocking, never raises
 * SIGPIPE. 0, or -errno (-EAGAIN, -EPIPE …).
 */
int pass_send(int socket, uint8_t byte, int descriptor);

/*
 * Receives one message: its byte, and its descriptor (close-on-exec; -1: none), which is the caller's.
 * 1; 0 at the end (the other side has closed); -errno (-EAGAIN); -EPROTO for a message of another length or with more
 * than one descriptor, all of which are closed.
 */
int pass_receive(int socket, uint8_t *byte, int *descriptor);

#endif
