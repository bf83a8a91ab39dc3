/* vsock: AF_VSOCK sockets, the enclave's only link, and the limits that other kernels' faults put on them. */
#ifndef INGOT_NET_VSOCK_H
#define INGOT_NET_VSOCK_H

#include <stddef.h>
#include <stdint.h>

/* As <linux/vm_sockets.h>: VMADDR_CID_ANY, VMADDR_CID_HOST; the parent of a Nitro enclave is CID 3. */
#define VSOCK_CID_ANY 0xffffffffu
#define VSOCK_CID_PARENT 3u
#define VSOCK_CID_NONE 0u /* VMADDR_CID_HYPERVISOR: no enclave has it, and nobody connects from it */
/* An enclave's: what is below belongs to the hypervisor and the hosts (vsock(7), nitro-cli's own bound). */
#define VSOCK_CID_ENCLAVE_MIN 4u
#define VSOCK_CID_ENCLAVE_MAX 0xfffffffeu

/* Largest single write: longer ones were corrupted by some 2025 kernels. */
#define VSOCK_WRITE_MAX 32768u

/*
 * Smallest buffer. Linux 6.12 resets a connection, and loses its data, when its unread packets × 576 bytes exceed the
 * buffer, however small they are: at 64 KiB that is 113 packets, at the kernel's default of 256 KiB 455. The enclave's
 * kernel fills its pages instead (docs/kernel.md); a parent's may not.
 */
#define VSOCK_BUFFER_MIN 65536u

/*
 * All sockets are streams, non-blocking and close-on-exec. Each returns a descriptor or -errno.
 * vsock_connect() starts only: the socket becomes writable when it is connected or SO_ERROR says why not. buffer is for
 * vsock_set_buffer(), 0: the kernel's. Set later it would be a trap: the other side may fill the 256 KiB that it was
 * first told of, and the kernel resets a connection whose unread bytes exceed what is allowed now.
 * Ports below 1024 need CAP_NET_BIND_SERVICE to listen.
 */
int vsock_listen(uint32_t cid, uint32_t port, int backlog);
int vsock_connect(uint32_t cid, uint32_t port, size_t buffer);

/* CID of the other side of a connected socket in *cid. 0 or -errno. */
int vsock_peer(int fd, uint32_t *cid);

/*
 * Bounds what the other side may send before we read, and so the kernel's memory for fd; raised to VSOCK_BUFFER_MIN.
 * Accepted sockets inherit it from their listener. 0 or -errno.
 */
int vsock_set_buffer(int fd, size_t bytes);

#endif
