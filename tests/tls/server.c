/* tests of server: our client and our server, record by record, in one process: trust, alerts, ends. */
#include "tests/tls/duet.h"

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
    };

    return cmocka_run_group_tests(tests, duet_make, duet_drop);
}
