/* http_server: what clients see, well-behaved ones, slow ones, greedy ones and those that go away. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/http_server.h"

#define CONNECTIONS 4
#define BUDGET (2 * HTTP_BODY_MAX)
#define WHOLE_MS 5000 /* instead of HTTP_SERVER_WHOLE_MS */
#define IDLE_MS 700   /* instead of HTTP_SERVER_IDLE_MS, where that is waited for */

/* A server that answers POST / with the body's size, keeps POST /later in hand, and everything else with its target. */
struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct http_budget budget;
    struct http_exchange *later;
    unsigned handled;
    unsigned cancelled;
    unsigned refused; /* the last status that the server gave by itself */
    unsigned late;    /* connections whose beginning took too long */
    int listener;
    uint16_t port;
    char answer[8192]; /* what a client has read last */
    size_t answer_size;
};

static void answer_text(struct http_exchange *exchange, const char *text, size_t size)
{
    struct http_buffer body = {0};

    assert_int_equal(http_buffer_append(&body, text, size), 0);
    http_exchange_answer(exchange, 200, "text/plain", NULL, &body);
}

static void gone(void *arg)
{
    struct fixture *f = arg;

    f->cancelled++;
    f->later = NULL;
}

static void handle(void *arg, struct http_exchange *exchange)
{
    struct fixture *f = arg;
    const struct http_head *head = http_exchange_head(exchange);
    char text[64];

    f->handled++;
    if (http_text_is(head->target, "/later")) {
        f->later = exchange;
        http_exchange_on_cancel(exchange, gone, f);
    } else if (http_text_is(head->method, "POST")) {
        int size = snprintf(text, sizeof text, "%zu", http_exchange_body(exchange).size);
        answer_text(exchange, text, (size_t)size);
    } else {
        answer_text(exchange, head->target.data, head->target.size);
    }
}

static void refused(void *arg, unsigned status, const char *sentence)
{
    struct fixture *f = arg;

    assert_true(strlen(sentence) > 0);
    f->refused = status;
}

static void started(void *arg, const struct stream *stream, int error)
{
    struct fixture *f = arg;

    (void)stream;
    f->late += error == -ETIMEDOUT;
}

static int start_at_a_byte(struct stream *stream)
{
    return stream_peek(stream) > 0 ? 0 : -EAGAIN;
}

static int stream_open_beginning(void *arg, int fd, struct stream **stream)
{
    static struct stream_class beginning;
    int error = stream_open_plain(arg, fd, stream);

    assert_int_equal(error, 0);
    beginning = *(*stream)->class;
    beginning.start = start_at_a_byte;
    (*stream)->class = &beginning;
    return 0;
}

static int set_up_as(void **state, stream_opener *open, int64_t idle_ms)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    f->budget.max = BUDGET;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(f->listener, 64), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&address, &size), 0);
    f->port = ntohs(address.sin_port);
    assert_int_equal(loop_open(&f->loop), 0);
    struct http_server_options options = {.connections = CONNECTIONS,
        .budget = &f->budget,
        .handler = handle,
        .refused = refused,
        .started = started,
        .arg = f,
        .whole_ms = WHOLE_MS,
        .idle_ms = idle_ms};
    assert_int_equal(http_server_open(&f->server, f->loop, &options), 0);
    assert_int_equal(http_server_listen(f->server, f->listener, open, NULL), 0);
    *state = f;
    return 0;
}

static int set_up(void **state)
{
    return set_up_as(state, stream_open_plain, 0);
}

static int set_up_impatient(void **state)
{
    return set_up_as(state, stream_open_plain, IDLE_MS);
}

/* Connections begin with a handshake: they wait for a byte. */
static int set_up_beginning(void **state)
{
    return set_up_as(state, stream_open_beginning, 0);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    http_server_close(f->server);
    assert_int_equal(f->budget.used, 0);
    loop_close(f->loop);
    close(f->listener);
    free(f);
    return 0;
}

static void turns(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        assert_int_equal(loop_turn(f->loop, 2), 0);
    }
}

static int client(struct fixture *f)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(f->port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    turns(f, 2);
    return fd;
}

/* Sends all of it, the server taking turns. */
static void client_send(struct fixture *f, int fd, const void *data, size_t size)
{
    const char *at = data;

    for (int tries = 0; size > 0 && tries < 5000; tries++) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent > 0) {
            at += sent;
            size -= (size_t)sent;
        }
        turns(f, 1);
    }
    assert_int_equal(size, 0);
}

static void client_say(struct fixture *f, int fd, const char *text)
{
    client_send(f, fd, text, strlen(text));
}

/* Reads into f->answer until no more comes for a while, or it is full. True: the server has closed. */
static bool client_read(struct fixture *f, int fd)
{
    size_t room = sizeof f->answer - 1;
    bool closed = false;

    f->answer_size = 0;
    for (int quiet = 0; quiet < (f->answer_size > 0 ? 5 : 150) && !closed && f->answer_size < room; quiet++) {
        turns(f, 1);
        ssize_t size = recv(fd, f->answer + f->answer_size, room - f->answer_size, 0);
        closed = size == 0 || (size < 0 && errno != EAGAIN);
        f->answer_size += size > 0 ? (size_t)size : 0;
        quiet = size > 0 ? 0 : quiet;
    }
    f->answer[f->answer_size] = '\0';
    return closed;
}

static unsigned answered_status(const struct fixture *f)
{
    assert_memory_equal(f->answer, "HTTP/1.1 ", 9);
    return (unsigned)strtoul(f->answer + 9, NULL, 10);
}

static const char *answered_body(const struct fixture *f)
{
    const char *end = strstr(f->answer, "\r\n\r\n");

    assert_non_null(end);
    return end + 4;
}

static void a_request_is_answered_and_the_connection_kept(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    for (int i = 0; i < 3; i++) {
        client_say(f, fd, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_false(client_read(f, fd));
        assert_string_equal(f->answer, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n/x");
    }
    close(fd);
}

static void bytes_may_come_one_at_a_time(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    for (const char *p =
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n";
         *p != '\0'; p++) {
        client_send(f, fd, p, 1);
    }
    assert_false(client_read(f, fd));
    assert_string_equal(answered_body(f), "5");
    close(fd);
}

static void requests_sent_at_once_are_answered_in_their_order(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    client_say(f, fd,
        "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(client_read(f, fd));
    const char *first = strstr(f->answer, "\r\n\r\n/1HTTP/1.1 200");
    const char *second = strstr(f->answer, "\r\n\r\n3HTTP/1.1 200");
    const char *third = strstr(f->answer, "\r\n\r\n/3");
    assert_true(first != NULL && second != NULL && third != NULL && first < second && second < third);
    assert_int_equal(f->handled, 3);
    close(fd);
}

static void requests_behind_one_in_hand_wait(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    client_say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    client_say(f, fd, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_false(client_read(f, fd));
    assert_int_equal(f->answer_size, 0);
    assert_int_equal(f->handled, 1);
    answer_text(f->later, "late", 4);
    assert_false(client_read(f, fd));
    assert_non_null(strstr(f->answer, "\r\n\r\nlateHTTP/1.1 200"));
    assert_string_equal(f->answer + f->answer_size - 2, "/2");
    close(fd);
}

static void head_is_answered_without_a_body(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    client_say(f, fd, "HEAD /abc HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_true(client_read(f, fd));
    assert_non_null(strstr(f->answer, "Content-Length: 4\r\n"));
    assert_string_equal(answered_body(f), "");
    close(fd);
}

static void http_1_0_is_answered_and_closed(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    client_say(f, fd, "GET /x HTTP/1.0\r\n\r\n");
    assert_true(client_read(f, fd));
    assert_non_null(strstr(f->answer, "Connection: close\r\n"));
    assert_string_equal(answered_body(f), "/x");
    close(fd);
}

static void continue_is_said_before_the_body(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    client_say(f, fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    assert_false(client_read(f, fd));
    assert_string_equal(f->answer, "HTTP/1.1 100 Continue\r\n\r\n");
    client_say(f, fd, "abc");
    assert_false(client_read(f, fd));
    assert_int_equal(answered_status(f), 200);
    client_say(f, fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\nExpect: 100-continue\r\n\r\n");
    assert_true(client_read(f, fd));
    assert_int_equal(answered_status(f), 413);
    close(fd);
}

static void what_is_malformed_is_answered_and_closed(void **state)
{
    static const struct {
        unsigned status;
        const char *text;
    } rows[] = {
        {400, "GET / HTTP/1.1\r\nHost: a\n\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {505, "GET / HTTP/3.0\r\nHost: a\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc"},
        {413, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fd = client(f);
        client_say(f, fd, rows[i].text);
        assert_true(client_read(f, fd));
        assert_int_equal(answered_status(f), rows[i].status);
        assert_int_equal(f->refused, rows[i].status);
        assert_non_null(strstr(f->answer, "Content-Type: application/json\r\n"));
        assert_memory_equal(answered_body(f), "{\"error\":\"", 10);
        close(fd);
    }
    assert_int_equal(f->handled, 0);
}

static void a_body_of_a_mebibyte_passes_and_one_byte_more_does_not(void **state)
{
    struct fixture *f = *state;
    char *body = calloc(1, HTTP_BODY_MAX + 1);
    int fd = client(f);

    client_say(f, fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    client_send(f, fd, body, HTTP_BODY_MAX);
    assert_false(client_read(f, fd));
    assert_string_equal(answered_body(f), "1048576");
    client_say(f, fd, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100000\r\n");
    client_send(f, fd, body, HTTP_BODY_MAX);
    client_say(f, fd, "\r\n1\r\n");
    assert_true(client_read(f, fd));
    assert_int_equal(answered_status(f), 413);
    close(fd);
    free(body);
}

static void bodies_over_the_budget_get_503_and_their_memory_comes_back(void **state)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
    struct fixture *f = *state;
    char *body = calloc(1, HTTP_BODY_MAX);
    int held[2];
    int fd;

    for (int i = 0; i < 2; i++) {
        held[i] = client(f);
        client_say(f, held[i], head);
        client_send(f, held[i], body, HTTP_BODY_MAX - 1);
    }
    for (int i = 0; i < 1000 && f->budget.used < BUDGET; i++) {
        turns(f, 1);
    }
    fd = client(f);
    client_say(f, fd, head);
    client_send(f, fd, body, 4096);
    assert_true(client_read(f, fd));
    assert_int_equal(answered_status(f), 503);
    close(fd);
    client_send(f, held[0], body, 1);
    assert_false(client_read(f, held[0]));
    assert_int_equal(answered_status(f), 200);
    fd = client(f);
    client_say(f, fd, head);
    client_send(f, fd, body, HTTP_BODY_MAX);
    assert_false(client_read(f, fd));
    assert_int_equal(answered_status(f), 200);
    close(fd);
    close(held[0]);
    close(held[1]);
    free(body);
}

static void an_announced_length_costs_nothing(void **state)
{
    struct fixture *f = *state;
    int fds[CONNECTIONS];

    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = client(f);
        client_say(f, fds[i], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\nx");
    }
    assert_true(f->budget.used <= CONNECTIONS * 512);
    for (int i = 0; i < CONNECTIONS; i++) {
        close(fds[i]);
    }
}

static void a_client_that_goes_cancels_its_request(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    client_say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    turns(f, 2);
    assert_non_null(f->later);
    close(fd);
    turns(f, 3);
    assert_int_equal(f->cancelled, 1);
    assert_null(f->later);
}

static void an_idle_connection_makes_room_and_busy_ones_make_wait(void **state)
{
    struct fixture *f = *state;
    int idle = client(f);
    int busy[CONNECTIONS];

    for (int i = 0; i < CONNECTIONS; i++) {
        busy[i] = client(f);
        client_say(f, busy[i], "GET / HT");
    }
    assert_true(client_read(f, idle)); /* closed for the last of the busy ones */
    int waiting = client(f);
    client_say(f, waiting, "GET /w HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_false(client_read(f, waiting));
    assert_int_equal(f->answer_size, 0);
    close(busy[0]);
    assert_false(client_read(f, waiting));
    assert_string_equal(answered_body(f), "/w");
    for (int i = 1; i < CONNECTIONS; i++) {
        close(busy[i]);
    }
    close(idle);
    close(waiting);
}

/* Those that were busy when a connection came, and are idle now, make room as if it had come later. */
static void a_connection_that_waits_is_let_in_when_another_becomes_idle(void **state)
{
    struct fixture *f = *state;
    int busy[CONNECTIONS];

    for (int i = 0; i < CONNECTIONS; i++) {
        busy[i] = client(f);
        client_say(f, busy[i], "GET / HT");
    }
    int waiting = client(f);
    client_say(f, waiting, "GET /w HTTP/1.1\r\nHost: a\r\n\r\n");
    client_say(f, busy[0], "TP/1.1\r\nHost: a\r\n\r\n");
    assert_false(client_read(f, waiting));
    assert_true(f->answer_size > 0);
    assert_string_equal(answered_body(f), "/w");
    for (int i = 0; i < CONNECTIONS; i++) {
        close(busy[i]);
    }
    close(waiting);
}

/* Whoever begins a handshake and falls silent holds a place for HTTP_SERVER_START_MS, while others want it. */
static void silence_in_the_handshake_keeps_nobody_out(void **state)
{
    struct fixture *f = *state;
    int silent[CONNECTIONS];
    int64_t begun = loop_now(f->loop);

    for (int i = 0; i < CONNECTIONS; i++) {
        silent[i] = client(f);
    }
    int waiting = client(f);
    client_say(f, waiting, "GET /w HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(f->late, 0);
    while (f->handled == 0 && loop_now(f->loop) < begun + HTTP_SERVER_HEAD_MS / 2) {
        turns(f, 1);
    }
    assert_true(loop_now(f->loop) >= begun + HTTP_SERVER_START_MS);
    assert_false(client_read(f, waiting));
    assert_string_equal(answered_body(f), "/w");
    assert_int_equal(f->late, 1); /* nobody else had to go */
    assert_true(client_read(f, silent[0]));
    for (int i = 0; i < CONNECTIONS; i++) {
        close(silent[i]);
    }
    close(waiting);
}

/* A byte now and then does not hold memory for ever. */
static void who_asks_nothing_more_is_let_go_in_time(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);
    int64_t start;
    char byte;

    client_say(f, fd, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    while (f->handled == 0) {
        turns(f, 1);
    }
    start = loop_now(f->loop);
    (void)client_read(f, fd);
    assert_int_equal(answered_status(f), 200);
    while (recv(fd, &byte, 1, 0) < 0 && loop_now(f->loop) < start + 20 * IDLE_MS) {
        turns(f, 1);
    }
    assert_int_equal(recv(fd, &byte, 1, 0), 0); /* an end, not a reset */
    assert_true(loop_now(f->loop) >= start + IDLE_MS);
    assert_int_equal(f->refused, 0);
    close(fd);
}

static void a_body_that_drips_is_refused_in_time(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);
    int64_t start = loop_now(f->loop);

    client_say(f, fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n");
    while (f->refused == 0 && loop_now(f->loop) < start + 2 * WHOLE_MS) {
        (void)send(fd, "x", 1, MSG_NOSIGNAL);
        turns(f, 20);
    }
    assert_int_equal(f->refused, 408);
    assert_true(client_read(f, fd));
    assert_int_equal(answered_status(f), 408);
    close(fd);
}

static void an_answer_that_is_sipped_is_given_up_in_time(void **state)
{
    struct fixture *f = *state;
    size_t size = 16 * HTTP_BODY_MAX; /* more than the socket's buffers hold */
    struct http_buffer body = {.budget = &(struct http_budget){.max = 4 * size}};
    char *large = calloc(1, size);
    char sip[4096];
    int fd = client(f);
    int64_t start = loop_now(f->loop);

    client_say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    turns(f, 2);
    assert_int_equal(http_buffer_append(&body, large, size), 0);
    http_exchange_answer(f->later, 200, "text/plain", NULL, &body);
    while (body.budget->used > 0 && loop_now(f->loop) < start + 2 * WHOLE_MS) {
        (void)recv(fd, sip, sizeof sip, 0);
        turns(f, 5);
    }
    assert_int_equal(body.budget->used, 0);
    close(fd);
    free(large);
}

/* The answer is read whole although the client was still sending when it came. */
static void a_refusal_reaches_a_client_that_still_sends(void **state)
{
    struct fixture *f = *state;
    char *body = calloc(1, 65536);
    int fd = client(f);

    client_say(f, fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        client_send(f, fd, body, 65536);
    }
    assert_true(client_read(f, fd));
    assert_int_equal(answered_status(f), 413);
    close(fd);
    free(body);
}

static void a_slow_reader_gets_all_of_a_large_answer(void **state)
{
    struct fixture *f = *state;
    size_t size = 4 * HTTP_BODY_MAX; /* more than the socket's buffers hold */
    char *large = malloc(size);
    struct http_buffer body = {0};
    size_t got = 0;
    int fd = client(f);

    memset(large, 'x', size);
    client_say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    turns(f, 2);
    assert_int_equal(http_buffer_append(&body, large, size), 0);
    http_exchange_answer(f->later, 200, "text/plain", NULL, &body);
    for (bool closed = false; !closed;) {
        closed = client_read(f, fd);
        got += f->answer_size;
    }
    assert_true(got > size && got < size + 200);
    close(fd);
    free(large);
}

static void closing_the_server_cancels_what_is_in_hand(void **state)
{
    struct fixture *f = *state;
    int fd = client(f);

    client_say(f, fd, "GET /later HTTP/1.1\r\nHost: a\r\n\r\n");
    turns(f, 2);
    http_server_close(f->server);
    f->server = NULL;
    assert_int_equal(f->cancelled, 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_request_is_answered_and_the_connection_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bytes_may_come_one_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_sent_at_once_are_answered_in_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_behind_one_in_hand_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(head_is_answered_without_a_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(http_1_0_is_answered_and_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(continue_is_said_before_the_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_malformed_is_answered_and_closed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_body_of_a_mebibyte_passes_and_one_byte_more_does_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(bodies_over_the_budget_get_503_and_their_memory_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_announced_length_costs_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_client_that_goes_cancels_its_request, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_idle_connection_makes_room_and_busy_ones_make_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_connection_that_waits_is_let_in_when_another_becomes_idle, set_up, tear_down),
        cmocka_unit_test_setup_teardown(silence_in_the_handshake_keeps_nobody_out, set_up_beginning, tear_down),
        cmocka_unit_test_setup_teardown(who_asks_nothing_more_is_let_go_in_time, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(a_body_that_drips_is_refused_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_that_is_sipped_is_given_up_in_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refusal_reaches_a_client_that_still_sends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_slow_reader_gets_all_of_a_large_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_the_server_cancels_what_is_in_hand, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
