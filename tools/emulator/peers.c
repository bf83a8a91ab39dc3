/* peers: what stands behind each vsock connection on the host: a Unix socket, or the answer to the heartbeat. */
#include "tools/emulator/peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "net/address.h"

#define LINE_MAX_BYTES 20 /* "CONNECT 4294967295\n" has 19 */
#define ACCEPTS_PER_TURN 64

enum peer_state {
    PEER_DIALLING, /* for the guest: the backlog was full, the timer tries again */
    PEER_LINE,     /* for the host: reading "CONNECT N\n" */
    PEER_CALLING,  /* for the host: the guest was asked */
    PEER_OPEN,
    PEER_HEARTBEAT
};

struct peer {
    struct peers *peers;
    struct peer *previous, *next;
    struct vsock_connection *connection; /* NULL in PEER_LINE */
    enum peer_state state;
    int fd; /* -1: none */
    struct loop_watch watch;
    struct loop_timer timer;
    int64_t deadline; /* PEER_DIALLING */
    uint32_t port;
    char line[LINE_MAX_BYTES];
    size_t line_size;
    unsigned interest;
    bool sleeping; /* a fault's delay runs */
    bool awake;    /* it is over: what waits goes on, once */
    enum fault_heartbeat answer;
    bool due;   /* PEER_HEARTBEAT: the byte came and its answer's time has come */
    bool wrong; /* something else came: there is no answer, only an end */
};

struct peers {
    struct peers_options options;
    char folder[PEERS_FOLDER_MAX + 1];
    struct vsock *vsock;
    struct peer *all;
    unsigned count;
    struct address enclave; /* unix:FOLDER/enclave */
    int listener;
    struct loop_watch listener_watch;
    struct loop_timer pause;
    bool had_heartbeat;
};

static void wake(struct peers *peers)
{
    peers->options.wake(peers->options.arg);
}

static struct peer *peer_new(struct peers *peers, enum peer_state state)
{
    struct peer *peer = peers->count < VSOCK_CONNECTIONS_MAX ? calloc(1, sizeof *peer) : NULL;

    if (peer != NULL) {
        peer->peers = peers;
        peer->state = state;
        peer->fd = -1;
        peer->watch.owner = peer;
        peer->timer.owner = peer;
        peer->next = peers->all;
        if (peers->all != NULL) {
            peers->all->previous = peer;
        }
        peers->all = peer;
        peers->count++;
    }
    return peer;
}

static void peer_free(struct peer *peer)
{
    struct peers *peers = peer->peers;

    loop_cancel(peers->options.loop, &peer->timer);
    loop_unwatch(peers->options.loop, &peer->watch);
    if (peer->fd >= 0) {
        close(peer->fd);
    }
    *(peer->previous != NULL ? &peer->previous->next : &peers->all) = peer->next;
    if (peer->next != NULL) {
        peer->next->previous = peer->previous;
    }
    peers->count--;
    free(peer);
}

/* The name fits: the folder's length was checked. */
static struct sockaddr_un port_address(const struct peers *peers, uint32_t port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s/port_%u", peers->folder, port);
    return address;
}

/* ---- an open connection ---- */

static void listen_to(struct peer *peer)
{
    unsigned interest = peer->sleeping ? 0 : peer->interest;

    loop_change(peer->peers->options.loop, &peer->watch,
        (interest & VSOCK_READ ? (unsigned)LOOP_READ : 0) | (interest & VSOCK_WRITE ? (unsigned)LOOP_WRITE : 0));
}

static void delay_over(struct loop_timer *timer)
{
    struct peer *peer = timer->owner;

    peer->sleeping = false;
    peer->awake = true;
    listen_to(peer);
}

static void fall_asleep(struct peer *peer)
{
    peer->sleeping = true;
    peer->timer.fired = delay_over;
    loop_after(peer->peers->options.loop, &peer->timer, vsock_fault(peer->connection)->delay_ms);
    listen_to(peer);
}

static bool must_sleep(const struct peer *peer)
{
    return vsock_fault(peer->connection)->delay_ms > 0 && !peer->awake;
}

static void stream_ready(struct loop_watch *watch, unsigned events)
{
    struct peer *peer = watch->owner;
    struct peers *peers = peer->peers;

    if (events & LOOP_HANGUP) {
        /* It would be reported for ever; the engine now reads until the end without being told. */
        loop_unwatch(peers->options.loop, watch);
        vsock_hangup(peer->connection);
    } else if (must_sleep(peer)) {
        fall_asleep(peer);
    } else {
        if (events & LOOP_READ) {
            vsock_readable(peer->connection);
        }
        if (events & LOOP_WRITE) {
            vsock_writable(peer->connection); /* may be the end of the peer */
        } else {
            peer->awake = false;
        }
    }
    wake(peers);
}

static ssize_t on_read(void *arg, void *of, const struct iovec *pieces, int count)
{
    struct peer *peer = of;

    (void)arg;
    if (peer->state == PEER_HEARTBEAT) {
        if (!peer->due) {
            return peer->wrong ? 0 : -EAGAIN;
        }
        peer->due = false;
        *(uint8_t *)pieces[0].iov_base = peer->answer == FAULT_HEARTBEAT_WRONG ? 0 : PEERS_HEARTBEAT_BYTE;
        return 1;
    }
    ssize_t got = readv(peer->fd, pieces, count);
    return got >= 0 ? got : errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t on_write(void *arg, void *of, const struct iovec *pieces, int count)
{
    struct peer *peer = of;
    struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)count};
    ssize_t size = 0;

    (void)arg;
    if (peer->state == PEER_HEARTBEAT) {
        peer->wrong |= *(const uint8_t *)pieces[0].iov_base != PEERS_HEARTBEAT_BYTE;
        peer->answer = faults_heartbeat(peer->peers->options.faults);
        loop_after(peer->peers->options.loop, &peer->timer, peer->answer == FAULT_HEARTBEAT_LATE ? FAULT_LATE_MS : 0);
        for (int i = 0; i < count; i++) {
            size += (ssize_t)pieces[i].iov_len;
        }
        return size;
    }
    if (must_sleep(peer)) {
        return -EAGAIN;
    }
    peer->awake = false;
    size = sendmsg(peer->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return size >= 0 ? size : errno == EINTR ? -EAGAIN : -errno;
}

static void on_shutdown(void *arg, void *of, int how)
{
    struct peer *peer = of;

    (void)arg;
    if (peer->fd >= 0) {
        shutdown(peer->fd, how);
    }
    if (how == SHUT_RD && vsock_fault(peer->connection)->half_close != FAULTS_NEVER) {
        char gone[4096]; /* left there, it would turn our close into a reset */
        while (recv(peer->fd, gone, sizeof gone, MSG_DONTWAIT) > 0) {
        }
    }
}

static void on_interest(void *arg, void *of, unsigned events)
{
    struct peer *peer = of;

    (void)arg;
    peer->interest = events;
    listen_to(peer);
}

static void on_closed(void *arg, void *of)
{
    (void)arg;
    peer_free(of);
}

/* ---- the guest connects ---- */

/* 0: connected and watched. -EAGAIN: the backlog is full. Another -errno: nobody listens. */
static int try_dial(struct peer *peer)
{
    struct peers *peers = peer->peers;
    struct sockaddr_un address = port_address(peers, peer->port);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    peer->fd = fd;
    peer->state = PEER_OPEN;
    peer->watch.ready = stream_ready;
    return loop_watch(peers->options.loop, &peer->watch, fd, 0);
}

static void dial_again(struct loop_timer *timer)
{
    struct peer *peer = timer->owner;
    struct peers *peers = peer->peers;
    int error = try_dial(peer);

    if (error == 0) {
        vsock_accept(peer->connection);
    } else if (error == -EAGAIN && loop_now(peers->options.loop) < peer->deadline) {
        loop_after(peers->options.loop, timer, PEERS_DIAL_RETRY_MS);
    } else {
        vsock_drop(peer->connection);
    }
    wake(peers);
}

static void answer_heartbeat(struct loop_timer *timer)
{
    struct peer *peer = timer->owner;
    struct peers *peers = peer->peers;

    if (peer->wrong) {
        vsock_hangup(peer->connection);
    } else {
        peer->due = true;
        vsock_readable(peer->connection);
        if (!peers->had_heartbeat && peer->answer == FAULT_HEARTBEAT_RIGHT) {
            peers->had_heartbeat = true;
            peers->options.heartbeat(peers->options.arg);
        }
    }
    wake(peers);
}

static int on_dial(void *arg, struct vsock_connection *connection, uint32_t port, void **of)
{
    struct peers *peers = arg;
    struct peer *peer = peer_new(peers, port == PEERS_HEARTBEAT_PORT ? PEER_HEARTBEAT : PEER_DIALLING);
    int error = 0;

    if (peer == NULL) {
        return -ENOMEM;
    }
    peer->connection = connection;
    peer->port = port;
    *of = peer;
    if (peer->state == PEER_HEARTBEAT) {
        peer->timer.fired = answer_heartbeat;
        return 0;
    }
    error = try_dial(peer);
    if (error == -EAGAIN) {
        peer->timer.fired = dial_again;
        peer->deadline = loop_now(peers->options.loop) + PEERS_DIAL_MS;
        error = loop_after(peers->options.loop, &peer->timer, PEERS_DIAL_RETRY_MS);
        error = error == 0 ? -EINPROGRESS : error;
    }
    if (error < 0 && error != -EINPROGRESS) {
        peer_free(peer);
    }
    return error;
}

/* ---- the host connects ---- */

static void on_opened(void *arg, void *of)
{
    struct peer *peer = of;
    struct peers *peers = arg;
    char line[32];
    int size = snprintf(line, sizeof line, "OK %u\n", vsock_host_port(peer->connection));

    loop_cancel(peers->options.loop, &peer->timer);
    peer->state = PEER_OPEN;
    peer->watch.ready = stream_ready;
    /* The first bytes into an empty buffer: they fit, or the other side is gone, which the loop reports. */
    send(peer->fd, line, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void call_timed_out(struct loop_timer *timer)
{
    struct peer *peer = timer->owner;
    struct peers *peers = peer->peers;

    vsock_drop(peer->connection);
    wake(peers);
}

static void call_ready(struct loop_watch *watch, unsigned events)
{
    struct peer *peer = watch->owner;
    struct peers *peers = peer->peers;

    if (events & LOOP_HANGUP) {
        vsock_drop(peer->connection);
        wake(peers);
    }
}

static void line_timed_out(struct loop_timer *timer)
{
    peer_free(timer->owner);
}

/* Takes what has come of the line, and nothing behind its newline. 1: it is whole; 0: not yet; -EPROTO, -errno. */
static int read_line(struct peer *peer)
{
    char *to = peer->line + peer->line_size;
    size_t room = sizeof peer->line - peer->line_size;
    ssize_t got = recv(peer->fd, to, room, MSG_PEEK | MSG_DONTWAIT);

    if (got <= 0) {
        return got == 0 ? -ECONNRESET : errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    char *newline = memchr(to, '\n', (size_t)got);
    size_t take = newline != NULL ? (size_t)(newline + 1 - to) : (size_t)got;
    if (recv(peer->fd, to, take, MSG_DONTWAIT) != (ssize_t)take) {
        return -EIO;
    }
    peer->line_size += take;
    if (newline != NULL) {
        *newline = '\0';
        return 1;
    }
    return peer->line_size < sizeof peer->line ? 0 : -EPROTO;
}

/* Asks the guest for the port that the line names. */
static int call_guest(struct peer *peer)
{
    static const char verb[] = "CONNECT ";
    struct peers *peers = peer->peers;
    uint64_t port;

    if (strncmp(peer->line, verb, sizeof verb - 1) != 0 ||
        !text_number(peer->line + sizeof verb - 1, 0, UINT32_MAX, &port)) {
        return -EPROTO;
    }
    peer->timer.fired = call_timed_out;
    int error = loop_after(peers->options.loop, &peer->timer, PEERS_CALL_MS);
    if (error == 0) {
        error = vsock_call(peers->vsock, (uint32_t)port, peer, &peer->connection);
    }
    if (error == 0) {
        peer->state = PEER_CALLING;
        peer->watch.ready = call_ready;
        loop_change(peers->options.loop, &peer->watch, 0);
    }
    return error;
}

static void line_ready(struct loop_watch *watch, unsigned events)
{
    struct peer *peer = watch->owner;
    struct peers *peers = peer->peers;
    int result = read_line(peer);

    if (result == 1) {
        result = call_guest(peer);
        wake(peers);
    } else if (result == 0 && events & LOOP_HANGUP) {
        result = -ECONNRESET;
    }
    if (result < 0) {
        peer_free(peer);
    }
}

static int peer_accept(struct peers *peers, int fd)
{
    struct peer *peer = peer_new(peers, PEER_LINE);

    if (peer == NULL) {
        close(fd);
        return -ENOMEM;
    }
    peer->fd = fd;
    peer->watch.ready = line_ready;
    peer->timer.fired = line_timed_out;
    int error = loop_watch(peers->options.loop, &peer->watch, fd, LOOP_READ);
    if (error == 0) {
        error = loop_after(peers->options.loop, &peer->timer, PEERS_LINE_MS);
    }
    if (error < 0) {
        peer_free(peer);
    }
    return error;
}

static void accept_again(struct loop_timer *timer)
{
    struct peers *peers = timer->owner;

    loop_watch(peers->options.loop, &peers->listener_watch, peers->listener, LOOP_READ);
}

static void listener_ready(struct loop_watch *watch, unsigned events)
{
    struct peers *peers = watch->owner;

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(peers->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            peer_accept(peers, fd); /* where that fails, fd is closed: a refusal */
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            loop_unwatch(peers->options.loop, watch);
            loop_after(peers->options.loop, &peers->pause, PEERS_PAUSE_MS);
            return;
        } else if (errno != ECONNABORTED && errno != EINTR) {
            return;
        }
    }
}

/* ---- the folder ---- */

static int make_folder(const char *folder, struct reason *why)
{
    struct stat status;

    if (mkdir(folder, 0700) < 0 && errno != EEXIST) {
        return reason_system(why, -errno, "%s can't be made", text_quote_string(folder).text);
    }
    if (stat(folder, &status) < 0) {
        return reason_system(why, -errno, "%s can't be used", text_quote_string(folder).text);
    }
    if (!S_ISDIR(status.st_mode)) {
        return reason_set(why, -ENOTDIR, "%s is no folder: name one for the sockets", text_quote_string(folder).text);
    }
    if (status.st_uid != geteuid() || status.st_mode & 022) {
        return reason_set(why, -EPERM,
            "%s belongs to someone else, or others may write there: use a folder of mode 0700",
            text_quote_string(folder).text);
    }
    return 0;
}

static int open_listener(struct peers *peers, struct reason *why)
{
    int fd = address_listen(&peers->enclave, SOMAXCONN, why);

    if (fd < 0) {
        return fd;
    }
    peers->listener = fd;
    peers->listener_watch.ready = listener_ready;
    peers->listener_watch.owner = peers;
    int error = loop_watch(peers->options.loop, &peers->listener_watch, fd, LOOP_READ);
    return error < 0 ? reason_system(why, error, "%s can't be watched", text_quote_string(peers->enclave.name).text)
                     : 0;
}

int peers_open(struct peers **out, const struct peers_options *options, struct reason *why)
{
    struct peers *peers;
    int error;

    if (strlen(options->folder) > PEERS_FOLDER_MAX) {
        return reason_set(why, -ENAMETOOLONG, "%s is longer than %d bytes, too long for the name of a socket in it",
            text_quote_string(options->folder).text, PEERS_FOLDER_MAX);
    }
    peers = calloc(1, sizeof *peers);
    if (peers == NULL) {
        return reason_system(why, -ENOMEM, "no vsock folder");
    }
    peers->options = *options;
    peers->listener = -1;
    peers->pause.fired = accept_again;
    peers->pause.owner = peers;
    snprintf(peers->folder, sizeof peers->folder, "%s", options->folder);
    peers->enclave.form = ADDRESS_UNIX;
    snprintf(peers->enclave.name, sizeof peers->enclave.name, "%s/enclave", options->folder);
    error = make_folder(peers->folder, why);
    if (error == 0) {
        error = open_listener(peers, why);
    }
    if (error < 0) {
        peers_close(peers);
        return error;
    }
    *out = peers;
    return 0;
}

struct vsock_host peers_host(struct peers *peers)
{
    return (struct vsock_host){
        .arg = peers,
        .dial = on_dial,
        .opened = on_opened,
        .read = on_read,
        .write = on_write,
        .shutdown = on_shutdown,
        .interest = on_interest,
        .closed = on_closed,
    };
}

void peers_attach(struct peers *peers, struct vsock *vsock)
{
    peers->vsock = vsock;
}

void peers_close(struct peers *peers)
{
    if (peers == NULL) {
        return;
    }
    while (peers->all != NULL) {
        peer_free(peers->all);
    }
    loop_cancel(peers->options.loop, &peers->pause);
    loop_unwatch(peers->options.loop, &peers->listener_watch);
    if (peers->listener >= 0) {
        close(peers->listener);
        address_remove(&peers->enclave);
    }
    free(peers);
}
