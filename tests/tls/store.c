/* tests of store: which sessions are resumed, by whom, for how long, and after what no more. */
#include "tests/tls/duet.h"

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
