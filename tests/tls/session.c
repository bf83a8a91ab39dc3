/* tests of session: handshakes with a real OpenSSL, the ends of connections, and the sentence each failure gets. */
#include <sys/syscall.h>

#include "tests/tls/trial.h"
#include "tls/machine.h"
#include "tls/store.h"

/* ---- what works ---- */

static void every_kind_of_server_key_is_spoken_to(void **state)
{
    static const char *const keys[] = {"server", "server-4096", "server-p256", "server-p384", "server-p521"};

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        succeeds(&(struct trial){.certificate = keys[i]});
    }
    succeeds(&(struct trial){.certificate = "server-p256-ec", .key = "server-p256", .ca = "ec-ca"});
}

static bool aes_instructions(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("aes") != 0;
#else
    return false;
#endif
}

static void every_suite_works_and_aes_comes_first(void **state)
{
    static const struct {
        const char *cipher;
        const char *key;
        const char *name;
    } suites[] = {
        {"ECDHE-RSA-AES128-GCM-SHA256", "server", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"},
        {"ECDHE-RSA-AES256-GCM-SHA384", "server", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"},
        {"ECDHE-RSA-CHACHA20-POLY1305", "server", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"},
        {"ECDHE-ECDSA-AES128-GCM-SHA256", "server-p256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"},
        {"ECDHE-ECDSA-AES256-GCM-SHA384", "server-p256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"},
        {"ECDHE-ECDSA-CHACHA20-POLY1305", "server-p256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"},
        {"ALL", "server", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, /* s_server follows the client's order */
    };
    struct tls_summary summary;

    (void)state;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        succeeds(&(struct trial){.certificate = suites[i].key, .options = OPTIONS("-cipher", suites[i].cipher)});
        assert_true(tls_session_summary(session, &summary));
        if (strcmp(suites[i].cipher, "ALL") != 0 || aes_instructions()) {
            assert_string_equal(summary.suite, suites[i].name);
        }
    }
}

/* The order in a ClientHello, without the sign of secure renegotiation. */
static size_t suites_offered(const uint8_t *hello, uint16_t suites[static 64])
{
    const uint8_t *at = hello + 5 + 4 + 2 + 32; /* record, message, version, random */
    size_t count = 0;

    at += 1 + at[0]; /* session ID */
    size_t size = (size_t)at[0] << 8 | at[1];
    for (at += 2; size >= 2 && count < 64; at += 2, size -= 2) {
        uint16_t suite = (uint16_t)(at[0] << 8 | at[1]);
        if (suite != 0x00ff) {
            suites[count++] = suite;
        }
    }
    return count;
}

static void the_processor_decides_what_comes_first(void **state)
{
    struct tls_trust *trust = trust_of("ca");
    struct tls_client client = {.server_name = NAME, .trust = trust, .now = time(NULL)};
    uint16_t offered[64];
    size_t count;
    size_t size;

    (void)state;
    const uint16_t *with = machine_suites(true, &count);
    const uint16_t *without = machine_suites(false, &count);
    assert_int_equal(count, 6);
    assert_int_equal(with[0], 0xc02b); /* TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 */
    assert_int_equal(with[1], 0xc02f); /* …_RSA_… */
    assert_int_equal(with[4], 0xcca9); /* TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 */
    assert_int_equal(without[0], 0xcca9);
    assert_int_equal(without[1], 0xcca8);
    assert_int_equal(without[2], 0xc02b);
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_int_equal(suites_offered(tls_session_send(session, &size), offered), count);
    assert_memory_equal(offered, aes_instructions() ? with : without, count * sizeof *offered);
    tls_trust_free(trust);
}

static void every_curve_of_the_key_exchange_works(void **state)
{
    static const char *const curves[] = {"X25519", "P-256", "P-384", "P-521"};

    (void)state;
    for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
        succeeds(&(struct trial){.options = OPTIONS("-curves", curves[i])});
    }
}

static void recipes_of_clients_are_accepted(void **state)
{
    static const struct {
        const char *certificate;
        const char *key;
        const char *ca;
    } clients[] = {
        {"client", "client", "ca.crt"},
        {"client", "client-pkcs1", "ca.crt"},
        {"client", "client-pkcs8", "ca.crt"},
        {"client-v1", "client", "ca.crt"},
        {"client-ec", "client-ec", "ca.crt"},
        {"client-ec", "client-ec-sec1", "ca.crt"},
        {"client-ec", "client-ec-pkcs8", "ca.crt"},
        {"client-ec-v1", "client-ec", "ca.crt"},
        {"client-ec-ec", "client-ec", "ec-ca.crt"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        succeeds(&(struct trial){.client = clients[i].certificate,
            .client_key = clients[i].key,
            .options = OPTIONS("-Verify", "3", "-verify_return_error", "-CAfile", clients[i].ca)});
    }
}

static void a_session_with_openssl_is_resumed(void **state)
{
    struct tls_store *store;
    struct tls_summary summary;
    struct trial trial = {.client = "client", .options = OPTIONS("-Verify", "3", "-CAfile", "ca.crt")};
    struct run run;

    (void)state;
    assert_int_equal(tls_store_create(&store), 0);
    trial.store = store;
    assert_true((run_start(&run, &trial) & TLS_WRITE) != 0);
    assert_true(tls_session_summary(session, &summary));
    assert_false(summary.resumed);
    tls_session_close(session); /* an end without goodbye would make OpenSSL forget the session */
    assert_int_equal(pump_until(&run.pump, TLS_CLOSED), TLS_CLOSED);
    close(run.pump.fd);
    assert_true((run_connect(&run, &trial) & TLS_WRITE) != 0);
    assert_true(tls_session_summary(session, &summary));
    assert_true(summary.resumed);
    assert_string_equal(summary.peer.text, "\"CN=watermark\" (\"DNS:watermark.test\")");
    run_stop(&run);
    tls_store_destroy(store);
}

static void records_may_come_byte_by_byte(void **state)
{
    (void)state;
    succeeds(&(struct trial){.step = 1, .client = "client", .options = OPTIONS("-Verify", "3", "-CAfile", "ca.crt")});
}

static void a_megabyte_comes_back_whole(void **state)
{
    /* Lines of 4 KiB: what s_server reverses is one read of its own. */
    enum { LINES = 256, SIZE = 4096 };
    static uint8_t line[SIZE];
    static uint8_t back[SIZE];
    struct run run;

    (void)state;
    assert_true((run_start(&run, &(struct trial){0}) & TLS_WRITE) != 0);
    for (unsigned n = 0; n < LINES; n++) {
        for (unsigned i = 0; i < SIZE - 1; i++) {
            line[i] = (uint8_t)('a' + (i * 7 + n) % 26);
        }
        line[SIZE - 1] = '\n';
        assert_true(pump_write(&run.pump, line, SIZE));
        assert_int_equal(pump_read(&run.pump, back, SIZE), SIZE);
        for (unsigned i = 0; i < SIZE - 1; i++) {
            assert_int_equal(back[i], line[SIZE - 2 - i]);
        }
    }
    run_stop(&run);
}

static void versions_and_algorithms_not_in_common_are_named(void **state)
{
    (void)state;
    fails(&(struct trial){.options = OPTIONS("-tls1_3")}, ALERT(70), PARTS("TLS 1.2", "TLS 1.3 is not spoken here"));
    fails(&(struct trial){.certificate = "server-ed25519", .key = "ed25519"}, ALERT(40), PARTS("Ed25519"));
    fails(&(struct trial){.certificate = "server-ed448", .key = "ed448"}, ALERT(40), PARTS("Ed448"));
    fails(&(struct trial){.certificate = "server-rsa-pss", .key = "rsa-pss"}, ALERT(40), PARTS("not PSS-only"));
    fails(&(struct trial){.options = OPTIONS("-sigalgs", "RSA-PSS+SHA256")}, ALERT(40), PARTS("not PSS-only"));
    fails(&(struct trial){.options = OPTIONS("-cipher", "AES128-SHA256")}, ALERT(40), PARTS("ECDHE"));
}

static void server_that_wants_a_certificate_gets_its_sentence(void **state)
{
    (void)state;
    fails(&(struct trial){.options = OPTIONS("-Verify", "3", "-CAfile", "ca.crt")}, TLS_FAULT_NO_IDENTITY,
        PARTS("asks for a client certificate", "--cert"));
    fails(&(struct trial){.client = "client",
              .options = OPTIONS("-Verify", "3", "-verify_return_error", "-CAfile", "other-ca.crt")},
        ALERT(48), PARTS("client_cert", "CA"));
}

/* Drops what the session wants to send. */
static void drain(void)
{
    size_t size;

    while ((tls_session_state(session) & TLS_SEND) != 0) {
        (void)tls_session_send(session, &size);
        tls_session_sent(session, size);
    }
}

/* Puts bytes in one by one, while they are taken. */
static void feed(const char *bytes, size_t size)
{
    size_t room;

    for (size_t i = 0; i < size && (tls_session_state(session) & TLS_RECEIVE) != 0; i++) {
        *tls_session_receive(session, &room) = (uint8_t)bytes[i];
        tls_session_received(session, 1);
    }
}

static void plain_http_is_recognized(void **state)
{
    static const char answer[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
    struct tls_trust *trust = trust_of("ca");
    struct tls_client client = {.server_name = NAME, .trust = trust, .now = time(NULL)};
    struct reason why;

    (void)state;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    drain();
    feed(answer, sizeof answer - 1);
    drain(); /* the alert */
    assert_int_equal(tls_session_state(session), TLS_CLOSED);
    assert_true(tls_session_error(session, &why) > 0);
    assert_contains(why.text, "plain HTTP");
    tls_trust_free(trust);
}

/* ---- the end of a connection ---- */

static void end_without_goodbye_is_a_truncation(void **state)
{
    struct reason why;
    struct run run;

    (void)state;
    assert_true((run_start(&run, &(struct trial){0}) & TLS_WRITE) != 0);
    kill(run.server.pid, SIGKILL);
    assert_int_equal(pump_until(&run.pump, TLS_READ), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, &why), TLS_FAULT_TRUNCATED);
    assert_contains(why.text, "close_notify");
    run_stop(&run);
}

static void end_in_the_handshake_is_told_apart(void **state)
{
    struct tls_trust *trust = trust_of("ca");
    struct tls_client client = {.server_name = NAME, .trust = trust, .now = time(NULL)};

    (void)state;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    tls_session_end(session);
    assert_int_equal(tls_session_state(session), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, NULL), TLS_FAULT_ENDED_EARLY);

    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    drain();
    feed("\x15\x03\x03\x00\x02\x01\x00", 7); /* close_notify */
    drain();
    assert_int_equal(tls_session_state(session), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, NULL), TLS_FAULT_ENDED_EARLY);
    tls_trust_free(trust);
}

static void goodbye_of_the_peer_is_a_good_end(void **state)
{
    struct run run;

    (void)state;
    assert_true((run_start(&run, &(struct trial){.options = OPTIONS("-naccept", "1")}) & TLS_WRITE) != 0);
    assert_true(pump_write(&run.pump, "CLOSE\n", 6)); /* s_server -rev takes this for the end */
    assert_int_equal(pump_until(&run.pump, TLS_READ), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, NULL), 0);
    assert_true(tls_session_established(session));
    run_stop(&run);
}

static void goodbye_before_our_answer_left_is_a_good_end(void **state)
{
    size_t size;
    struct run run;

    (void)state;
    assert_true((run_start(&run, &(struct trial){.options = OPTIONS("-naccept", "1")}) & TLS_WRITE) != 0);
    assert_true(pump_write(&run.pump, "CLOSE\n", 6));
    while ((tls_session_state(session) & TLS_SEND) == 0) {
        uint8_t *in = tls_session_receive(session, &size);
        ssize_t n = recv(run.pump.fd, in, size, 0);
        assert_true(n > 0);
        tls_session_received(session, (size_t)n);
    }
    tls_session_end(session);
    assert_int_equal(tls_session_state(session), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, NULL), 0);
    run_stop(&run);
}

static void renegotiation_is_declined(void **state)
{
    static const char *const plain[] = {"-msg", NULL};
    uint8_t byte;
    struct run run;

    (void)state;
    assert_true((run_start(&run, &(struct trial){.options = plain}) & TLS_WRITE) != 0);
    assert_true(server_prints(&run.server, "CIPHER is"));
    assert_int_equal(write(run.server.in, "R\n", 2), 2); /* s_server sends HelloRequest */
    (void)pump_read(&run.pump, &byte, 1);
    /* OpenSSL got the warning no_renegotiation, and makes it the end; no second ClientHello was sent. */
    assert_true(server_prints(&run.server, "no_renegotiation"));
    run_stop(&run);
}

/* ---- what is told of a session ---- */

static void summary_names_the_peer(void **state)
{
    struct tls_summary summary;
    struct bytes leaf;
    size_t size;
    char *der;

    (void)state;
    succeeds(&(struct trial){0});
    assert_true(tls_session_summary(session, &summary));
    assert_string_equal(summary.peer.text, "\"CN=watermark\" (\"DNS:watermark.test\")");
    assert_string_equal(summary.version, "TLSv1.2");
    assert_true(summary.days_left == 364 || summary.days_left == 365);
    leaf = tls_session_leaf(session);
    der = file_of("server.crt.der", &size);
    assert_int_equal(leaf.size, size);
    assert_memory_equal(leaf.data, der, size);
    free(der);
}

static void refused_certificate_can_still_be_shown(void **state)
{
    struct tls_trust *nobody;
    struct reason why;
    struct bytes leaf;
    struct run run;
    size_t size;
    char *der = file_of("server.crt.der", &size);

    (void)state;
    assert_int_equal(tls_trust_none(&nobody), 0);
    run.trust = nobody;
    run.identity = NULL;
    run.server = server_openssl("server", "server", OPTIONS("-naccept", "1"));
    assert_int_equal(run_connect(&run, &(struct trial){0}), TLS_CLOSED);
    assert_int_not_equal(tls_session_error(session, &why), 0);
    assert_contains(why.text, "no trusted CA vouches for it");
    assert_int_equal(tls_session_leaf(session).size, 0);
    leaf = tls_session_presented(session);
    assert_int_equal(leaf.size, size);
    assert_memory_equal(leaf.data, der, size);
    assert_int_equal(
        tls_session_start_client(session, &(struct tls_client){.server_name = NAME, .trust = nobody}, NULL), 0);
    assert_int_equal(tls_session_presented(session).size, 0);
    free(der);
    run_stop(&run);
}

static void two_sessions_never_begin_alike(void **state)
{
    struct tls_trust *trust = trust_of("ca");
    struct tls_client client = {.server_name = NAME, .trust = trust, .now = time(NULL)};
    uint8_t first[64];
    size_t size;

    (void)state;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    memcpy(first, tls_session_send(session, &size), sizeof first);
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_memory_not_equal(first + 11, tls_session_send(session, &size) + 11, 32); /* ClientHello.random */
    tls_trust_free(trust);
}

/* What the kernel gives, for all that this program asks. */
static enum { KERNEL_AS_IT_IS, KERNEL_SAYS_THE_SAME, KERNEL_HAS_NONE } kernel;

ssize_t getrandom(void *to, size_t size, unsigned flags)
{
    if (kernel == KERNEL_HAS_NONE) {
        errno = ENOSYS;
        return -1;
    }
    if (kernel == KERNEL_SAYS_THE_SAME) {
        memset(to, 7, size);
        return (ssize_t)size;
    }
    return syscall(SYS_getrandom, to, size, flags);
}

/* The library would seed itself from the processor alone, where it can. */
static void the_kernel_and_nothing_else_is_the_seed(void **state)
{
    struct tls_trust *trust = trust_of("ca");
    struct tls_client client = {.server_name = NAME, .trust = trust, .now = time(NULL)};
    struct reason why = {""};
    uint8_t first[64];
    size_t size;

    (void)state;
    kernel = KERNEL_SAYS_THE_SAME;
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    memcpy(first, tls_session_send(session, &size), sizeof first);
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    assert_memory_equal(first, tls_session_send(session, &size), sizeof first);
    kernel = KERNEL_HAS_NONE;
    assert_int_equal(tls_session_start_client(session, &client, &why), -ENOSYS);
    assert_contains(why.text, "random numbers");
    assert_int_equal(tls_session_state(session), TLS_CLOSED);
    kernel = KERNEL_AS_IT_IS;
    tls_trust_free(trust);
}

static void names_out_of_bounds_are_refused(void **state)
{
    char name[TLS_NAME_MAX + 2];
    struct tls_trust *trust = trust_of("ca");
    struct tls_client client = {.server_name = name, .trust = trust, .now = time(NULL)};
    struct reason why;

    (void)state;
    memset(name, 'a', sizeof name);
    name[TLS_NAME_MAX + 1] = '\0';
    assert_int_equal(tls_session_start_client(session, &client, &why), -EINVAL);
    assert_int_equal(tls_session_state(session), TLS_CLOSED);
    name[TLS_NAME_MAX] = '\0';
    assert_int_equal(tls_session_start_client(session, &client, &why), 0);
    name[0] = '\0';
    assert_int_equal(tls_session_start_client(session, &client, &why), -EINVAL);
    tls_trust_free(trust);
}

static void every_fault_has_its_sentence(void **state)
{
    char advice[TLS_ADVICE_SIZE];

    (void)state;
    for (size_t i = 0; i < tls_fault_count; i++) {
        const struct tls_fault *fault = &tls_fault_table[i];
        assert_true(i == 0 || fault->code > tls_fault_table[i - 1].code);
        assert_ptr_equal(tls_fault_find(fault->code), fault);
        assert_true(strlen(fault->name) > 0 && strlen(fault->sentence) > 0 && strlen(fault->advice) > 0);
        tls_fault_advice(fault, false, advice);
        assert_string_equal(advice, fault->advice);
        tls_fault_advice(fault, true, advice);
        assert_null(strstr(advice, "service"));
        assert_true(strlen(advice) < TLS_ADVICE_SIZE - 1);
    }
    tls_fault_advice(tls_fault_find(256 + 48), true, advice);
    assert_string_equal(advice, "have server_cert issued by the CA that the client trusts");
    for (int code = TLS_FAULT_TRUNCATED; code <= TLS_FAULT_NO_IDENTITY; code++) {
        assert_int_equal(tls_fault_find(code)->code, code);
    }
    assert_string_equal(tls_fault_find(99)->name, "UNKNOWN");
    assert_string_equal(tls_fault_find(ALERT(200))->name, "ALERT_UNKNOWN");
    assert_int_equal(tls_fault_find(ALERT(200))->alert, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_server_key_is_spoken_to),
        cmocka_unit_test(every_suite_works_and_aes_comes_first),
        cmocka_unit_test(the_processor_decides_what_comes_first),
        cmocka_unit_test(every_curve_of_the_key_exchange_works),
        cmocka_unit_test(recipes_of_clients_are_accepted),
        cmocka_unit_test(a_session_with_openssl_is_resumed),
        cmocka_unit_test(records_may_come_byte_by_byte),
        cmocka_unit_test(a_megabyte_comes_back_whole),
        cmocka_unit_test(versions_and_algorithms_not_in_common_are_named),
        cmocka_unit_test(server_that_wants_a_certificate_gets_its_sentence),
        cmocka_unit_test(plain_http_is_recognized),
        cmocka_unit_test(end_without_goodbye_is_a_truncation),
        cmocka_unit_test(end_in_the_handshake_is_told_apart),
        cmocka_unit_test(goodbye_of_the_peer_is_a_good_end),
        cmocka_unit_test(goodbye_before_our_answer_left_is_a_good_end),
        cmocka_unit_test(renegotiation_is_declined),
        cmocka_unit_test(summary_names_the_peer),
        cmocka_unit_test(refused_certificate_can_still_be_shown),
        cmocka_unit_test(two_sessions_never_begin_alike),
        cmocka_unit_test(the_kernel_and_nothing_else_is_the_seed),
        cmocka_unit_test(names_out_of_bounds_are_refused),
        cmocka_unit_test(every_fault_has_its_sentence),
    };

    return cmocka_run_group_tests(tests, session_make, session_drop);
}
