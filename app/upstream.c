/* upstream: the connections that are kept between calls, and how a call gets one. */
#include "app/upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app/fields.h"
#include "app/upstream_call.h"
#include "image/budget.h"
#include "tls/stream.h"

_Static_assert(sizeof(struct upstream_call) + sizeof(struct upstream_work) <= UPSTREAM_CALL_SIZE, "one call");

static void destroy(struct upstream_call *call)
{
    struct upstream *upstream = call->upstream;

    if (call->state == UPSTREAM_KEPT) {
        *call->self = call->next;
        if (call->next != NULL) {
            call->next->self = call->self;
        }
        upstream->kept_count--;
    }
    upstream->count--;
    loop_cancel(upstream->loop, &call->timer);
    loop_unwatch(upstream->loop, &call->watch);
    stream_close(call->stream);
    credentials_drop(call->credentials);
    if (call->work != NULL) {
        http_buffer_free(&call->work->head);
        http_reader_free(&call->work->reader);
        free(call->work);
    }
    free(call);
}

/* ---- between calls ---- */

/* Whatever the other side has to say between calls, it is no answer. */
static void kept_ready(struct loop_watch *watch, unsigned events)
{
    (void)events;
    destroy(watch->owner);
}

static void kept_late(struct loop_timer *timer)
{
    struct upstream_call *call = timer->owner;

    stream_shutdown(call->stream);
    destroy(call);
}

static bool keep(struct upstream_call *call)
{
    struct upstream *upstream = call->upstream;
    bool whole = upstream_call_whole(call);
    unsigned seconds = whole ? fields_keep_alive(&call->work->reader.head, UPSTREAM_IDLE_S) : 0;

    if (seconds == 0 || call->credentials != upstream->credentials ||
        loop_after(upstream->loop, &call->timer, (int64_t)seconds * 1000) < 0) {
        return false;
    }
    http_buffer_free(&call->work->head);
    http_reader_free(&call->work->reader);
    free(call->work);
    call->work = NULL;
    call->state = UPSTREAM_KEPT;
    call->watch.ready = kept_ready;
    call->timer.fired = kept_late;
    loop_change(upstream->loop, &call->watch, stream_events(call->stream, LOOP_READ));
    call->next = upstream->kept;
    call->self = &upstream->kept;
    if (call->next != NULL) {
        call->next->self = &call->next;
    }
    upstream->kept = call;
    upstream->kept_count++;
    return true;
}

/* The other side's half ends with ours: a service that has died would hold it, and its place in the relay, for long. */
static void reset(const struct upstream_call *call)
{
    static const struct linger none = {.l_onoff = 1};

    setsockopt(call->stream->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void upstream_drop(struct upstream_call *call)
{
    if (call == NULL || keep(call)) {
        return;
    }
    if (upstream_call_whole(call)) {
        stream_shutdown(call->stream);
    } else {
        reset(call);
    }
    destroy(call);
}

/* One that the other side has not ended meanwhile, off the list. NULL: none. */
static struct upstream_call *take_kept(struct upstream *upstream, const struct config_endpoint *endpoint)
{
    struct upstream_call *next;

    for (struct upstream_call *call = upstream->kept; call != NULL; call = next) {
        next = call->next;
        if (call->endpoint != endpoint) {
            continue;
        }
        if (stream_peek(call->stream) != -EAGAIN) {
            destroy(call);
            continue;
        }
        *call->self = call->next;
        if (call->next != NULL) {
            call->next->self = call->self;
        }
        upstream->kept_count--;
        return call;
    }
    return NULL;
}

/* The one that was kept for longest goes where all places are taken. False: none is. */
static bool make_room(struct upstream *upstream)
{
    struct upstream_call *oldest = upstream->kept;

    if (upstream->count < upstream->most) {
        return true;
    }
    while (oldest != NULL && oldest->next != NULL) {
        oldest = oldest->next;
    }
    if (oldest == NULL) {
        return false;
    }
    stream_shutdown(oldest->stream);
    destroy(oldest);
    return true;
}

/* ---- calls ---- */

static int open_stream(struct upstream_call *call, const struct tls_client *tls, struct reason *why)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = fd < 0 ? reason_system(why, -errno, "cannot make a socket") : 0;

    if (error == 0 && tls != NULL) {
        struct tls_client client = *tls;
        client.now = time(NULL);
        error = tls_stream_connect(&call->stream, fd, &client, why);
    } else if (error == 0 && stream_open_plain(NULL, fd, &call->stream) < 0) {
        error = reason_set(why, -ENOMEM, "no memory is left for another connection");
    }
    if (error < 0 && fd >= 0) {
        close(fd);
    }
    return error;
}

/* A new connection; credentials and count are given up by destroy(). NULL: no memory. */
static struct upstream_call *create(struct upstream *upstream, const struct upstream_request *request)
{
    struct upstream_call *call = calloc(1, sizeof *call);

    if (call == NULL) {
        return NULL;
    }
    *call = (struct upstream_call){
        .upstream = upstream, .endpoint = request->endpoint, .credentials = credentials_keep(request->credentials)};
    call->watch.owner = call;
    call->timer.owner = call;
    upstream->count++;
    return call;
}

static int begin(struct upstream_call *call, const struct upstream_request *request, struct reason *why)
{
    call->work = calloc(1, sizeof *call->work);
    if (call->work == NULL) {
        return reason_set(why, -ENOMEM, "no memory is left for another call");
    }
    call->work->head = request->head;
    call->work->reader =
        (struct http_reader){.to_head = request->to_head, .max = UINT64_MAX, .head_bytes.budget = request->head.budget};
    call->framing = request->framing;
    call->ended = request->framing == HTTP_FRAMING_NONE;
    call->starved = false;
    call->moving = false;
    call->milliseconds = request->milliseconds;
    return 0;
}

/* A connection for the request, kept or new. */
static int get(
    struct upstream_call **call, struct upstream *upstream, const struct upstream_request *request, struct reason *why)
{
    *call = request->fresh ? NULL : take_kept(upstream, request->endpoint);
    if (*call != NULL) {
        (*call)->state = UPSTREAM_OPEN;
        (*call)->trace = (struct upstream_trace){.reused = true};
        upstream->counts[request->endpoint - upstream->config->endpoints].reused++;
        return 0;
    }
    if (!make_room(upstream)) {
        return reason_set(why, -EBUSY, "too many calls to services are under way");
    }
    *call = create(upstream, request);
    return *call != NULL ? open_stream(*call, request->tls, why)
                         : reason_set(why, -ENOMEM, "no memory is left for another call");
}

int upstream_start(struct upstream_call **out, struct upstream *upstream, const struct upstream_request *request,
    void (*moved)(void *arg), void *arg, struct reason *why)
{
    struct upstream_call *call;
    int error = get(&call, upstream, request, why);

    if (error == 0) {
        error = begin(call, request, why);
    }
    if (error < 0) {
        struct http_buffer head = request->head;
        http_buffer_free(&head);
    } else {
        call->moved = moved;
        call->arg = arg;
        error = call->trace.reused ? upstream_call_send(call) : upstream_call_connect(call);
        if (error < 0) {
            reason_set(why, error, "no memory is left for another call");
        }
    }
    if (error < 0 && call != NULL) {
        destroy(call);
    }
    *out = error == 0 ? call : NULL;
    return error;
}

/* ---- life ---- */

int upstream_open(struct upstream **out, struct loop *loop, const struct config *config)
{
    struct upstream *upstream = calloc(1, sizeof *upstream + config->endpoint_count * sizeof *upstream->counts);

    if (upstream == NULL) {
        return -ENOMEM;
    }
    upstream->loop = loop;
    upstream->config = config;
    upstream->most = budget_services(config) < UPSTREAM_CALLS_MAX ? budget_services(config) : UPSTREAM_CALLS_MAX;
    *out = upstream;
    return 0;
}

static void drop_kept(struct upstream *upstream)
{
    while (upstream->kept != NULL) {
        stream_shutdown(upstream->kept->stream);
        destroy(upstream->kept);
    }
}

void upstream_close(struct upstream *upstream)
{
    if (upstream != NULL) {
        drop_kept(upstream);
        free(upstream);
    }
}

void upstream_renew(struct upstream *upstream, const struct credentials *credentials)
{
    drop_kept(upstream);
    upstream->credentials = credentials;
}

const struct upstream_counts *upstream_counts(const struct upstream *upstream, size_t endpoint)
{
    return &upstream->counts[endpoint];
}

unsigned upstream_most(const struct upstream *upstream)
{
    return upstream->most;
}

unsigned upstream_kept(const struct upstream *upstream)
{
    return upstream->kept_count;
}
