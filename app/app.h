/* app: the contract between PID 1 and a built-in application. */
#ifndef INGOT_APP_APP_H
#define INGOT_APP_APP_H

#include "image/config.h"

/*
 * A built-in application runs as a process of its own (role "app"), as an ordinary user, chrooted to app/rootfs, under
 * seccomp: it may use AF_INET and AF_UNIX sockets, its descriptors, and files below its root. PID 1 starts it before
 * the heartbeat, so before any identity is there, and starts it again with back-off when it ends.
 *
 * `control` is a SOCK_SEQPACKET socket to PID 1. For each accepted push, and at once after a restart when there was
 * one, PID 1 sends one message of one byte, APP_SECRETS, with one descriptor: a sealed memory file in the format of
 * app/secrets.h. The application reads it, closes it, and uses it from then on. EOF on control means: end.
 */
enum { APP_SECRETS = 'S' };

struct app_start {
    const struct config *config;
    int control;
    const int *listeners; /* config->inbound_count listening TCP sockets (`to =`), non-blocking, in the file's order */
};

struct app {
    const char *name;
    /* Runs until control ends. 0, or -errno with a sentence. */
    int (*run)(const struct app_start *start, struct reason *why);
};

/* The built-in applications, ended by one without a name. */
extern const struct app app_table[];

/* NULL where there is none of that name. */
const struct app *app_find(const char *name);

#endif
