/* duet: our client and our server, record by record, in one process. */
#ifndef INGOT_TESTS_TLS_DUET_H
#define INGOT_TESTS_TLS_DUET_H

#include "tests/tls/trial.h"
#include "tls/store.h"

#define NOW ((int64_t)time(NULL))

static struct tls_session *far; /* the server; `session` is the client */
static struct tls_store *client_store;
static struct tls_store *server_store;

struct duet {
    struct tls_client client;
    struct tls_server server;
    int64_t later; /* seconds from now, for both */
};

static inline int duet_make(void **state)
{
    return session_make(state) != 0 || tls_session_create(&far) != 0 || tls_store_create(&client_store) != 0 ||
           tls_store_create(&server_store) != 0;
}

static inline int duet_drop(void **state)
{
    tls_session_destroy(far);
    tls_store_destroy(client_store);
    tls_store_destroy(server_store);
    return session_drop(state);
}

/* Everything that one wants to send goes into the other. Whether anything moved. */
static inline bool carry(struct tls_session *from, struct tls_session *to)
{
    bool moved = false;
    size_t size;
    size_t room;

    while ((tls_session_state(from) & TLS_SEND) != 0) {
        const uint8_t *out = tls_session_send(from, &size);
        uint8_t *in = tls_session_receive(to, &room);
        if (in != NULL) {
            size = size < room ? size : room;
            memcpy(in, out, size);
            tls_session_received(to, size);
        }
        tls_session_sent(from, size);
        moved = true;
    }
    return moved;
}

static inline void play(void)
{
    for (bool moved = true; moved;) {
        moved = carry(session, far);
        moved = carry(far, session) || moved;
    }
}

static inline void start(const struct duet *duet)
{
    struct tls_client client = duet->client;
    struct tls_server server = duet->server;

    client.now = server.now = NOW + duet->later;
    client.server_name = client.server_name != NULL ? client.server_name : NAME;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_int_equal(tls_session_start_server(far, &server, NULL), 0);
    play();
}

static inline void say(struct tls_session *from, struct tls_session *to, const char *line)
{
    size_t size;

    uint8_t *out = tls_session_write(from, &size);
    assert_non_null(out);
    assert_true(size >= strlen(line));
    memcpy(out, line, strlen(line));
    tls_session_written(from, strlen(line));
    tls_session_flush(from);
    play();
    const uint8_t *in = tls_session_read(to, &size);
    assert_int_equal(size, strlen(line));
    assert_memory_equal(in, line, size);
    tls_session_consumed(to, size);
}

static inline void works(const struct duet *duet, bool resumed)
{
    struct tls_summary summary;
    struct reason why = {""};

    start(duet);
    if (!tls_session_established(session) || !tls_session_established(far)) {
        (void)tls_session_error(tls_session_error(far, NULL) != 0 ? far : session, &why);
        fail_msg("%s", why.text);
    }
    say(session, far, LINE);
    say(far, session, REVERSED);
    assert_true(tls_session_summary(session, &summary));
    assert_int_equal(summary.resumed, resumed);
    assert_string_equal(summary.peer.text, "\"CN=watermark\" (\"DNS:watermark.test\")");
    assert_true(tls_session_summary(far, &summary));
    assert_int_equal(summary.resumed, resumed);
    assert_string_equal(summary.peer.text, "\"CN=tee-client, O=Zing\"");
    tls_session_close(session);
    play();
    assert_int_equal(tls_session_state(session), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, NULL), 0);
    assert_int_equal(tls_session_error(far, NULL), 0);
}

/* The server refuses: with this code and these words, and the client gets this alert. */
static inline void refused(const struct duet *duet, int code, int alert, const char *const parts[])
{
    struct reason why = {""};

    start(duet);
    assert_int_equal(tls_session_state(far), TLS_CLOSED);
    assert_int_equal(tls_session_error(far, &why), code);
    for (size_t i = 0; parts[i] != NULL; i++) {
        assert_contains(why.text, parts[i]);
    }
    assert_int_equal(tls_session_error(session, NULL), ALERT(alert));
    assert_int_equal(tls_session_leaf(far).size, 0);
}

static inline struct duet usual(const char *server, const char *client)
{
    return (struct duet){
        .client = {.trust = trust_of("ca"), .identity = client != NULL ? identity_of(client, client) : NULL},
        .server = {.trust = trust_of("ca"), .identity = identity_of(server, server)},
    };
}

static inline void done(struct duet *duet)
{
    tls_trust_free((struct tls_trust *)(uintptr_t)duet->client.trust);
    tls_trust_free((struct tls_trust *)(uintptr_t)duet->server.trust);
    tls_identity_free((struct tls_identity *)(uintptr_t)duet->client.identity);
    tls_identity_free((struct tls_identity *)(uintptr_t)duet->server.identity);
}

/* A verify hook that counts and refuses. */
static inline int refuse(
    void *arg, struct bytes leaf, const struct bytes *chain, size_t chain_count, struct reason *why)
{
    (void)leaf;
    (void)chain;
    (void)chain_count;
    ++*(int *)arg;
    return reason_set(why, -EACCES, "not on the list");
}

#endif
