/* tests of server and store: our client and our server, record by record, in one process: trust, alerts, resumption. */
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

static int duet_make(void **state)
{
    return session_make(state) != 0 || tls_session_create(&far) != 0 || tls_store_create(&client_store) != 0 ||
           tls_store_create(&server_store) != 0;
}

static int duet_drop(void **state)
{
    tls_session_destroy(far);
    tls_store_destroy(client_store);
    tls_store_destroy(server_store);
    return session_drop(state);
}

/* Everything that one wants to send goes into the other. Whether anything moved. */
static bool carry(struct tls_session *from, struct tls_session *to)
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

static void play(void)
{
    for (bool moved = true; moved;) {
        moved = carry(session, far);
        moved = carry(far, session) || moved;
    }
}

static void start(const struct duet *duet)
{
    struct tls_client client = duet->client;
    struct tls_server server = duet->server;

    client.now = server.now = NOW + duet->later;
    client.server_name = client.server_name != NULL ? client.server_name : NAME;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_int_equal(tls_session_start_server(far, &server, NULL), 0);
    play();
}

static void say(struct tls_session *from, struct tls_session *to, const char *line)
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

static void works(const struct duet *duet, bool resumed)
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
static void refused(const struct duet *duet, int code, int alert, const char *const parts[])
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

static struct duet usual(const char *server, const char *client)
{
    return (struct duet){
        .client = {.trust = trust_of("ca"), .identity = client != NULL ? identity_of(client, client) : NULL},
        .server = {.trust = trust_of("ca"), .identity = identity_of(server, server)},
    };
}

static void done(struct duet *duet)
{
    tls_trust_free((struct tls_trust *)(uintptr_t)duet->client.trust);
    tls_trust_free((struct tls_trust *)(uintptr_t)duet->server.trust);
    tls_identity_free((struct tls_identity *)(uintptr_t)duet->client.identity);
    tls_identity_free((struct tls_identity *)(uintptr_t)duet->server.identity);
}

/* ---- who may come ---- */

static void clients_of_the_authority_are_served(void **state)
{
    static const char *const servers[] = {"server", "server-4096", "server-p256", "server-p384", "server-p521"};
    static const char *const clients[] = {"client", "client-ec"};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 2; k++) {
            struct duet duet = usual(servers[i], clients[k]);
            works(&duet, false);
            done(&duet);
        }
    }
}

static void a_client_without_a_certificate_is_told(void **state)
{
    struct duet duet = usual("server", NULL);

    (void)state;
    start(&duet);
    assert_int_equal(tls_session_error(far, NULL), 29 /* BR_ERR_NO_CLIENT_AUTH */);
    assert_int_equal(tls_session_error(session, NULL), TLS_FAULT_NO_IDENTITY);
    assert_true(tls_session_asked_in_vain(session));
    done(&duet);
}

static void an_end_after_the_question_names_the_question(void **state)
{
    struct duet duet = usual("server", NULL);
    struct tls_client client = duet.client;
    struct tls_server server = duet.server;

    (void)state;
    client.now = server.now = NOW;
    client.server_name = NAME;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_int_equal(tls_session_start_server(far, &server, NULL), 0);
    (void)carry(session, far);
    tls_session_end(session);
    assert_int_equal(tls_session_error(session, NULL), TLS_FAULT_ENDED_EARLY); /* nothing was asked yet */
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_int_equal(tls_session_start_server(far, &server, NULL), 0);
    (void)carry(session, far);
    (void)carry(far, session);
    tls_session_end(session);
    assert_int_equal(tls_session_error(session, NULL), TLS_FAULT_NO_IDENTITY);
    done(&duet);
}

static void a_client_of_another_authority_is_told(void **state)
{
    struct duet duet = usual("server", "client");

    (void)state;
    tls_trust_free((struct tls_trust *)(uintptr_t)duet.server.trust);
    duet.server.trust = trust_of("other-ca");
    refused(&duet, BR_NOT_TRUSTED, 48, PARTS("the client presented \"CN=tee-client, O=Zing\"", "Enclave-CA"));
    done(&duet);
}

static void a_server_certificate_is_no_client(void **state)
{
    struct duet duet = usual("server", "server-p256");

    (void)state;
    refused(&duet, TLS_FAULT_PURPOSE, 43, PARTS("clientAuth"));
    done(&duet);
}

static void a_client_whose_key_may_not_sign_is_told(void **state)
{
    struct duet duet = usual("server", NULL);

    (void)state;
    duet.client.identity = identity_of("client-transport", "client");
    refused(&duet, BR_KEY_USAGE, 43, PARTS("\"CN=tee-client\"", "digitalSignature"));
    done(&duet);
}

static void a_client_without_purpose_passes_unless_one_is_required(void **state)
{
    struct duet duet = usual("server", NULL);

    (void)state;
    duet.client.identity = identity_of("client-v1", "client");
    start(&duet);
    assert_true(tls_session_established(far));
    duet.server.eku_required = true;
    refused(&duet, TLS_FAULT_PURPOSE, 43, PARTS("eku = required"));
    done(&duet);
}

static void an_expired_client_is_told(void **state)
{
    struct duet duet = usual("server", "client");

    (void)state;
    duet.later = 366 * 86400;
    duet.client.verify = NULL;
    start(&duet);
    /* both have expired: the client looks first, and its alert is what the server gets */
    assert_int_equal(tls_session_error(session, NULL), BR_EXPIRED);
    assert_int_equal(tls_session_error(far, NULL), ALERT(45));
    done(&duet);
}

static int refuse(void *arg, struct bytes leaf, const struct bytes *chain, size_t chain_count, struct reason *why)
{
    (void)leaf;
    (void)chain;
    (void)chain_count;
    ++*(int *)arg;
    return reason_set(why, -EACCES, "not on the list");
}

static int accept_and_count(
    void *arg, struct bytes leaf, const struct bytes *chain, size_t chain_count, struct reason *why)
{
    (void)chain;
    (void)chain_count;
    (void)why;
    assert_true(leaf.size > 0);
    ++*(int *)arg;
    return 0;
}

static void the_hook_has_the_last_word(void **state)
{
    struct duet duet = usual("server", "client");
    int calls = 0;

    (void)state;
    duet.server.verify = refuse;
    duet.server.verify_arg = &calls;
    refused(&duet, TLS_FAULT_REFUSED, 49, PARTS("not on the list"));
    assert_int_equal(calls, 1);
    done(&duet);
}

/* ---- the end ---- */

static void an_end_without_goodbye_is_a_truncation_to_the_server_too(void **state)
{
    struct duet duet = usual("server", "client");
    struct reason why = {""};

    (void)state;
    start(&duet);
    say(session, far, LINE);
    tls_session_end(far);
    assert_int_equal(tls_session_state(far), TLS_CLOSED);
    assert_int_equal(tls_session_error(far, &why), TLS_FAULT_TRUNCATED);
    assert_contains(why.text, "if the client did not crash");

    start(&duet);
    tls_session_close(session);
    play();
    tls_session_end(far);
    assert_int_equal(tls_session_error(far, NULL), 0);
    done(&duet);
}

static void the_servers_goodbye_is_a_good_end(void **state)
{
    struct duet duet = usual("server", "client");

    (void)state;
    start(&duet);
    tls_session_close(far);
    play();
    tls_session_end(session);
    assert_int_equal(tls_session_state(session), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, NULL), 0);
    assert_int_equal(tls_session_error(far, NULL), 0);
    done(&duet);
}

/* ---- what is broken ---- */

/* Puts the bytes in, and checks what is to be sent for them: a fatal alert in the clear. */
static void is_told(const uint8_t *bytes, size_t size, int code, uint8_t alert)
{
    struct duet duet = usual("server", "client");
    struct tls_server server = duet.server;
    size_t room;

    server.now = NOW;
    assert_int_equal(tls_session_start_server(far, &server, NULL), 0);
    while (size > 0 && (tls_session_state(far) & TLS_RECEIVE) != 0) {
        uint8_t *in = tls_session_receive(far, &room);
        room = room < size ? room : size;
        memcpy(in, bytes, room);
        tls_session_received(far, room);
        bytes += room;
        size -= room;
    }
    const uint8_t *out = tls_session_send(far, &room);
    assert_int_equal(room, 7);
    assert_int_equal(out[0], 21);
    assert_int_equal(out[5], 2);
    assert_int_equal(out[6], alert);
    tls_session_sent(far, room);
    assert_int_equal(tls_session_state(far), TLS_CLOSED);
    assert_int_equal(tls_session_error(far, NULL), code);
    done(&duet);
}

static void each_broken_length_has_its_alert(void **state)
{
    static const uint8_t too_large[] = {22, 3, 3, 0x40, 0x01};
    static const uint8_t hello_cut[] = {22, 3, 3, 0, 6, 1, 0, 0, 2, 3, 3};
    static const uint8_t hello_empty[] = {22, 3, 3, 0, 4, 1, 0, 0, 0};

    (void)state;
    is_told(too_large, sizeof too_large, BR_TOO_LARGE, 22);
    is_told(hello_cut, sizeof hello_cut, BR_BAD_HANDSHAKE, 50);
    is_told(hello_empty, sizeof hello_empty, BR_BAD_HANDSHAKE, 50);
}

/* Of a client's ClientKeyExchange on X25519, where it stands in the bytes to be sent. */
static uint8_t *share_of(const uint8_t *out, size_t size)
{
    static const uint8_t head[] = {16, 0, 0, 33, 32};

    uint8_t *found = memmem(out, size, head, sizeof head);
    assert_non_null(found);
    return found + sizeof head;
}

static void a_share_of_zeros_is_refused(void **state)
{
    struct duet duet = usual("server", "client");
    struct tls_client client = duet.client;
    struct tls_server server = duet.server;
    size_t size;

    (void)state;
    client.now = server.now = NOW;
    client.server_name = NAME;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_int_equal(tls_session_start_server(far, &server, NULL), 0);
    (void)carry(session, far);
    (void)carry(far, session);
    const uint8_t *out = tls_session_send(session, &size);
    memset(share_of(out, size), 0, 32);
    play();
    assert_int_equal(tls_session_error(far, NULL), TLS_FAULT_SHARE);
    assert_int_equal(tls_session_error(session, NULL), ALERT(47));
    assert_false(tls_session_established(far));
    works(&duet, false); /* nothing of it is left for the next */
    done(&duet);
}

static void a_short_record_is_one_that_does_not_decrypt(void **state)
{
    static const uint8_t record[] = {23, 3, 3, 0, 10};
    struct duet duet = usual("server", "client");
    size_t room;

    (void)state;
    start(&duet);
    assert_true(tls_session_established(far));
    uint8_t *in = tls_session_receive(far, &room);
    memcpy(in, record, sizeof record);
    tls_session_received(far, sizeof record);
    play();
    assert_int_equal(tls_session_error(far, NULL), BR_BAD_MAC);
    assert_int_equal(tls_session_error(session, NULL), ALERT(20));
    done(&duet);
}

/* ---- resumption ---- */

static struct duet resuming(void)
{
    struct duet duet = usual("server", "client");

    tls_store_clear(client_store);
    tls_store_clear(server_store);
    duet.client.store = client_store;
    duet.server.store = server_store;
    return duet;
}

static void a_session_is_resumed_with_the_same_peer(void **state)
{
    struct duet duet = resuming();
    int calls = 0;

    (void)state;
    duet.server.verify = accept_and_count;
    duet.server.verify_arg = &calls;
    works(&duet, false);
    works(&duet, true);
    works(&duet, true);
    assert_int_equal(calls, 3); /* the list is asked each time */
    done(&duet);
}

static void a_side_without_a_store_resumes_nothing(void **state)
{
    struct duet duet = resuming();

    (void)state;
    duet.server.store = NULL;
    works(&duet, false);
    works(&duet, false);
    duet.server.store = server_store;
    duet.client.store = NULL;
    works(&duet, false);
    works(&duet, false);
    done(&duet);
}

static void a_store_that_was_cleared_resumes_nothing(void **state)
{
    struct duet duet = resuming();

    (void)state;
    works(&duet, false);
    tls_store_clear(server_store);
    works(&duet, false);
    works(&duet, true);
    tls_store_clear(client_store);
    works(&duet, false);
    done(&duet);
}

static void a_session_lives_ten_minutes_however_often_it_is_resumed(void **state)
{
    struct duet duet = resuming();

    (void)state;
    works(&duet, false);
    duet.later = 400;
    works(&duet, true);
    duet.later = TLS_STORE_SECONDS + 2;
    works(&duet, false);
    works(&duet, true);
    duet.later = 0; /* the clock was set back */
    works(&duet, false);
    done(&duet);
}

/* Of a resumed session there is nobody's chain but what was noted of it. */
static void a_session_ends_with_the_first_certificate_of_its_chain(void **state)
{
    struct duet duet = resuming();
    size_t size;
    char *pem = file_of("client-brief.crt", &size);
    int64_t until = tls_pem_not_after(pem, size);

    (void)state;
    tls_identity_free((struct tls_identity *)(uintptr_t)duet.client.identity);
    duet.client.identity = identity_of("client-brief", "client");
    duet.later = until - NOW - 60;
    works(&duet, false);
    works(&duet, true);
    duet.later = until - NOW + 1;
    refused(&duet, BR_EXPIRED, 45, PARTS("\"CN=Middle-CA\"", "expired"));
    free(pem);
    done(&duet);
}

static void another_identity_starts_anew(void **state)
{
    struct duet duet = resuming();

    (void)state;
    works(&duet, false);
    tls_identity_free((struct tls_identity *)(uintptr_t)duet.client.identity);
    duet.client.identity = identity_of("client-ec", "client-ec");
    works(&duet, false);
    done(&duet);
}

static void other_authorities_judge_anew(void **state)
{
    struct duet duet = resuming();

    (void)state;
    works(&duet, false);
    tls_trust_free((struct tls_trust *)(uintptr_t)duet.server.trust);
    duet.server.trust = trust_of("both-ca");
    works(&duet, false); /* our client offers it, the server does not take it */
    tls_trust_free((struct tls_trust *)(uintptr_t)duet.server.trust);
    duet.server.trust = trust_of("other-ca");
    refused(&duet, BR_NOT_TRUSTED, 48, PARTS("Other-CA"));
    done(&duet);
}

static void a_client_taken_off_the_list_is_not_resumed(void **state)
{
    struct duet duet = resuming();
    int calls = 0;

    (void)state;
    works(&duet, false);
    duet.server.verify = refuse;
    duet.server.verify_arg = &calls;
    refused(&duet, TLS_FAULT_REFUSED, 49, PARTS("not on the list"));
    assert_int_equal(calls, 2); /* for the resumption, and for the full handshake behind it */
    done(&duet);
}

static void another_name_or_pin_is_not_resumed(void **state)
{
    static const uint8_t pin[32] = {1};
    struct duet duet = resuming();

    (void)state;
    works(&duet, false);
    duet.client.pin = pin;
    start(&duet);
    assert_int_equal(tls_session_error(session, NULL), TLS_FAULT_PIN);
    duet.client.pin = NULL;
    duet.client.server_name = "another.test";
    start(&duet);
    assert_int_equal(tls_session_error(session, NULL), TLS_FAULT_NAME);
    done(&duet);
}

static void a_session_that_failed_is_not_resumed(void **state)
{
    struct duet duet = resuming();
    size_t room;

    (void)state;
    works(&duet, false);
    start(&duet);
    uint8_t *in = tls_session_receive(far, &room);
    memcpy(in, "\x17\x03\x03\x00\x20", 5);
    memset(in + 5, 'x', 32);
    tls_session_received(far, 5);
    in = tls_session_receive(far, &room);
    memset(in, 'x', 32);
    tls_session_received(far, 32);
    assert_int_equal(tls_session_state(far), TLS_SEND);
    play();
    assert_int_equal(tls_session_error(session, NULL), ALERT(20)); /* encrypted, and understood */
    works(&duet, false);
    done(&duet);
}

/* All of one second, as when many clients come at once. */
static void the_oldest_session_makes_room(void **state)
{
    struct duet duet = resuming();
    char name[] = "00.watermark.test";

    (void)state;
    tls_identity_free((struct tls_identity *)(uintptr_t)duet.server.identity);
    duet.server.identity = identity_of("server-wildcard", "server");
    duet.server.store = NULL;
    for (int i = 0; i <= TLS_STORE_SESSIONS + 1; i++) {
        name[0] = (char)('0' + i / 10);
        name[1] = (char)('0' + i % 10);
        duet.client.server_name = name;
        duet.server.store = server_store;
        start(&duet);
        assert_true(tls_session_established(session));
    }
    tls_session_close(session);
    play();
    struct tls_summary summary;
    duet.client.server_name = "02.watermark.test";
    start(&duet);
    assert_true(tls_session_summary(session, &summary));
    assert_true(summary.resumed);
    duet.client.server_name = "64.watermark.test";
    start(&duet);
    assert_true(tls_session_summary(session, &summary));
    assert_true(summary.resumed);
    duet.client.server_name = "01.watermark.test";
    start(&duet);
    assert_true(tls_session_summary(session, &summary));
    assert_false(summary.resumed);
    done(&duet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_of_the_authority_are_served),
        cmocka_unit_test(a_client_without_a_certificate_is_told),
        cmocka_unit_test(an_end_after_the_question_names_the_question),
        cmocka_unit_test(a_client_of_another_authority_is_told),
        cmocka_unit_test(a_server_certificate_is_no_client),
        cmocka_unit_test(a_client_whose_key_may_not_sign_is_told),
        cmocka_unit_test(a_client_without_purpose_passes_unless_one_is_required),
        cmocka_unit_test(an_expired_client_is_told),
        cmocka_unit_test(the_hook_has_the_last_word),
        cmocka_unit_test(an_end_without_goodbye_is_a_truncation_to_the_server_too),
        cmocka_unit_test(the_servers_goodbye_is_a_good_end),
        cmocka_unit_test(each_broken_length_has_its_alert),
        cmocka_unit_test(a_share_of_zeros_is_refused),
        cmocka_unit_test(a_short_record_is_one_that_does_not_decrypt),
        cmocka_unit_test(a_session_is_resumed_with_the_same_peer),
        cmocka_unit_test(a_side_without_a_store_resumes_nothing),
        cmocka_unit_test(a_store_that_was_cleared_resumes_nothing),
        cmocka_unit_test(a_session_lives_ten_minutes_however_often_it_is_resumed),
        cmocka_unit_test(a_session_ends_with_the_first_certificate_of_its_chain),
        cmocka_unit_test(another_identity_starts_anew),
        cmocka_unit_test(other_authorities_judge_anew),
        cmocka_unit_test(a_client_taken_off_the_list_is_not_resumed),
        cmocka_unit_test(another_name_or_pin_is_not_resumed),
        cmocka_unit_test(a_session_that_failed_is_not_resumed),
        cmocka_unit_test(the_oldest_session_makes_room),
    };

    return cmocka_run_group_tests(tests, duet_make, duet_drop);
}
