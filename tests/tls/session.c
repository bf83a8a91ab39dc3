/* tests of session: handshakes with a real OpenSSL, good and bad, and the sentence each failure gets. */
#include "tests/tls/pump.h"

#include "tls/explain.h"

/* Codes of the library, which the tests don't include: tls/explain.h lists them by number. */
enum {
    BR_UNSUPPORTED = 49,
    BR_EXPIRED = 54,
    BR_CRITICAL_EXTENSION = 57,
    BR_NOT_CA = 58,
    BR_NOT_TRUSTED = 62,
};
#define ALERT(number) (256 + (number)) /* received */

#define NAME "watermark.test"
#define LINE "0123456789\n"
#define REVERSED "9876543210\n"

/* What one handshake is tried with; zero means: the usual. */
struct trial {
    const char *certificate; /* the server's; "server" */
    const char *key;         /* the server's; as the certificate */
    const char *const *options;
    const char *ca;     /* that we trust; "ca" */
    const char *client; /* our certificate; none */
    const char *client_key;
    const char *name; /* NAME */
    const uint8_t *pin;
    bool cn_allowed;
    int64_t now; /* the time */
    size_t step;
    tls_verify *verify;
    void *verify_arg;
};

/* A trial that is under way. */
struct run {
    struct server server;
    struct pump pump;
    struct tls_trust *trust;
    struct tls_identity *identity;
};

static struct tls_session *session;

static int session_make(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return tls_session_create(&session);
}

static int session_drop(void **state)
{
    (void)state;
    tls_session_destroy(session);
    return 0;
}

static const char * or (const char *value, const char *usual)
{
    return value != NULL ? value : usual;
}

static struct tls_trust *trust_of(const char *name)
{
    struct tls_trust *trust = NULL;
    struct reason why;
    char file[64];
    size_t size;
    char *pem;

    (void)snprintf(file, sizeof file, "%s.crt", name);
    pem = file_of(file, &size);
    if (tls_trust_load(pem, size, &trust, &why) != 0) {
        fail_msg("%s", why.text);
    }
    free(pem);
    return trust;
}

static struct tls_identity *identity_of(const char *certificate, const char *key)
{
    struct tls_identity *identity = NULL;
    struct reason why;
    char file[64];
    size_t cert_size;
    size_t key_size;
    char *cert_pem;
    char *key_pem;

    (void)snprintf(file, sizeof file, "%s.crt", certificate);
    cert_pem = file_of(file, &cert_size);
    (void)snprintf(file, sizeof file, "%s.key", key);
    key_pem = file_of(file, &key_size);
    if (tls_identity_load(cert_pem, cert_size, key_pem, key_size, &identity, &why) != 0) {
        fail_msg("%s", why.text);
    }
    free(cert_pem);
    free(key_pem);
    return identity;
}

/* Connects to run's server and takes the handshake as far as it goes. */
static unsigned run_connect(struct run *run, const struct trial *trial)
{
    struct tls_client client = {
        .server_name = or (trial->name, NAME),
        .trust = run->trust,
        .identity = run->identity,
        .pin = trial->pin,
        .cn_allowed = trial->cn_allowed,
        .now = trial->now != 0 ? trial->now : time(NULL),
        .verify = trial->verify,
        .verify_arg = trial->verify_arg,
    };

    run->pump = (struct pump){.session = session, .fd = server_connect(&run->server), .step = trial->step};
    assert_int_equal(tls_session_start_client(session, &client, NULL), 0);
    return pump_until(&run->pump, TLS_WRITE);
}

static unsigned run_start(struct run *run, const struct trial *trial)
{
    static const char *const usual[] = {"-rev", NULL};
    const char *certificate = or (trial->certificate, "server");

    run->trust = trust_of(or (trial->ca, "ca"));
    run->identity = trial->client != NULL ? identity_of(trial->client, or (trial->client_key, trial->client)) : NULL;
    run->server =
        server_openssl(certificate, or (trial->key, certificate), trial->options != NULL ? trial->options : usual);
    return run_connect(run, trial);
}

static void run_stop(struct run *run)
{
    close(run->pump.fd);
    server_stop(&run->server);
    tls_trust_free(run->trust);
    tls_identity_free(run->identity);
}

/* The handshake succeeds, a line goes there and comes back reversed, and the close is a good one. */
static void succeeds(const struct trial *trial)
{
    char answer[sizeof REVERSED] = "";
    struct reason why = {""};
    struct run run;

    if ((run_start(&run, trial) & TLS_WRITE) == 0) {
        (void)tls_session_error(session, &why);
        fail_msg("%s: %s", or (trial->certificate, "server"), why.text);
    }
    assert_true(pump_write(&run.pump, LINE, sizeof LINE - 1));
    assert_int_equal(pump_read(&run.pump, answer, sizeof REVERSED - 1), sizeof REVERSED - 1);
    assert_string_equal(answer, REVERSED);
    tls_session_close(session);
    assert_int_equal(pump_until(&run.pump, TLS_CLOSED), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, &why), 0);
    run_stop(&run);
}

/* The handshake fails with this code, and the sentence holds each of the parts. */
static void fails(const struct trial *trial, int code, const char *const parts[])
{
    struct reason why = {""};
    struct run run;

    assert_int_equal(run_start(&run, trial), TLS_CLOSED);
    assert_int_equal(tls_session_error(session, &why), code);
    assert_false(tls_session_established(session));
    assert_int_equal(tls_session_leaf(session).size, 0);
    for (size_t i = 0; parts[i] != NULL; i++) {
        assert_contains(why.text, parts[i]);
    }
    run_stop(&run);
}

/* The same for a certificate that is refused. */
static void refuses(const struct trial *trial, int code, const char *const parts[])
{
    struct reason why = {""};

    fails(trial, code, parts);
    (void)tls_session_error(session, &why);
    assert_begins(why.text, "certificate verify failed: ");
}

#define PARTS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define OPTIONS(...) ((const char *const[]){"-rev", __VA_ARGS__, NULL})

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

static void intermediates_are_followed_in_any_order(void **state)
{
    (void)state;
    succeeds(&(struct trial){
        .certificate = "server-lower", .key = "server", .options = OPTIONS("-cert_chain", "chain.crt")});
    succeeds(&(struct trial){
        .certificate = "server-lower", .key = "server", .options = OPTIONS("-cert_chain", "shuffled.crt")});
    succeeds(&(struct trial){.certificate = "server-lower", .key = "server", .ca = "lower"});
}

static void several_authorities_can_be_trusted(void **state)
{
    (void)state;
    succeeds(&(struct trial){.ca = "both-ca"});
    succeeds(&(struct trial){.certificate = "server-other-ca", .key = "server", .ca = "both-ca"});
}

static void addresses_are_matched_as_addresses(void **state)
{
    (void)state;
    succeeds(&(struct trial){.certificate = "server-address", .key = "server", .name = "127.0.0.1"});
    succeeds(&(struct trial){.certificate = "server-address", .key = "server", .name = "::1"});
    succeeds(&(struct trial){.certificate = "server-address", .key = "server", .name = "0:0::1"});
    refuses(&(struct trial){.certificate = "server-address", .key = "server", .name = "127.0.0.2"}, TLS_FAULT_NAME,
        PARTS("\"127.0.0.2\" presented \"CN=watermark.test\"", "IP:127.0.0.1, IP:::1"));
}

static void purposes_are_honoured(void **state)
{
    (void)state;
    succeeds(&(struct trial){.certificate = "server-no-purpose", .key = "server"});
    succeeds(&(struct trial){.certificate = "server-any-purpose", .key = "server"});
    succeeds(&(struct trial){.certificate = "server-critical-purpose", .key = "server"});
    refuses(&(struct trial){.certificate = "server-wrong-purpose", .key = "server"}, TLS_FAULT_PURPOSE,
        PARTS("extendedKeyUsage lacks serverAuth"));
    refuses(&(struct trial){.certificate = "server-lower",
                .key = "server",
                .options = OPTIONS("-cert_chain", "clients-only-chain.crt")},
        TLS_FAULT_PURPOSE, PARTS("\"CN=Lower-CA\""));
}

static void version_1_and_cn_follow_the_policy(void **state)
{
    (void)state;
    succeeds(&(struct trial){.certificate = "server-v1", .key = "server", .cn_allowed = true});
    refuses(&(struct trial){.certificate = "server-v1", .key = "server"}, TLS_FAULT_NAME_CN_ONLY,
        PARTS("\"CN=watermark.test\"", "cn = allowed"));
    refuses(&(struct trial){.certificate = "server-other-san", .key = "server", .cn_allowed = true}, TLS_FAULT_NAME,
        PARTS("DNS:another.test"));
    refuses(&(struct trial){.certificate = "server-v1", .key = "server", .cn_allowed = true, .name = "other.test"},
        TLS_FAULT_NAME, PARTS("good for its CN"));
}

static void wildcards_stand_for_one_label(void **state)
{
    (void)state;
    succeeds(&(struct trial){.certificate = "server-wildcard", .key = "server", .name = "a.WATERMARK.test"});
    refuses(&(struct trial){.certificate = "server-wildcard", .key = "server", .name = "a.b.watermark.test"},
        TLS_FAULT_NAME, PARTS("DNS:*.watermark.test"));
    refuses(&(struct trial){.certificate = "server-wildcard", .key = "server", .name = "watermark.test"},
        TLS_FAULT_NAME, PARTS("presented"));
    refuses(&(struct trial){.certificate = "server-wildcard", .key = "server", .name = "watermark.com"}, TLS_FAULT_NAME,
        PARTS("presented"));
}

static void pin_is_the_key_of_the_leaf(void **state)
{
    char command[1024];
    uint8_t pin[32];
    size_t size;
    char *text;

    (void)state;
    (void)snprintf(command, sizeof command,
        "cd '%s' && openssl x509 -in server.crt -noout -pubkey | openssl pkey -pubin -outform DER | "
        "openssl dgst -sha256 -binary >server.pin",
        files_folder());
    assert_int_equal(system(command), 0);
    text = file_of("server.pin", &size);
    assert_int_equal(size, sizeof pin);
    memcpy(pin, text, sizeof pin);
    free(text);
    succeeds(&(struct trial){.pin = pin});
    pin[31] ^= 1;
    refuses(&(struct trial){.pin = pin}, TLS_FAULT_PIN, PARTS("whose key is sha256/"));
}

/* ---- what is refused ---- */

static void dates_are_judged_by_the_clock_given(void **state)
{
    (void)state;
    refuses(&(struct trial){.now = time(NULL) + 400 * 86400}, BR_EXPIRED, PARTS("expired 20", "enclave clock 20"));
    refuses(&(struct trial){.now = time(NULL) - 86400}, TLS_FAULT_NOT_YET_VALID, PARTS("not valid before"));
    refuses(&(struct trial){.now = 1}, TLS_FAULT_NOT_YET_VALID, PARTS("enclave clock 1970-01-01 00:00:01 UTC"));
}

static void strangers_are_refused(void **state)
{
    (void)state;
    refuses(&(struct trial){.certificate = "server-other-ca", .key = "server"}, BR_NOT_TRUSTED,
        PARTS("issued by \"CN=Other-CA\"", "trusted: \"CN=Enclave-CA\""));
    refuses(&(struct trial){.certificate = "server-impostor", .key = "server"}, BR_NOT_TRUSTED,
        PARTS("of the same name but with another key"));
    refuses(&(struct trial){.certificate = "server-lower", .key = "server"}, BR_NOT_TRUSTED,
        PARTS("issued by \"CN=Lower-CA\"", "intermediates"));
    refuses(&(struct trial){.certificate = "server-lower",
                .key = "server",
                .options = OPTIONS("-cert_chain", "not-an-authority-chain.crt")},
        BR_NOT_CA, PARTS("CA:TRUE"));
    refuses(&(struct trial){.name = "elsewhere.test"}, TLS_FAULT_NAME,
        PARTS("\"elsewhere.test\" presented \"CN=watermark\"", "DNS:watermark.test"));
}

static void weak_and_strange_certificates_are_refused(void **state)
{
    (void)state;
    refuses(&(struct trial){.certificate = "server-1024", .options = OPTIONS("-cipher", "ALL:@SECLEVEL=0")},
        TLS_FAULT_KEY_SIZE, PARTS("RSA key of 1024 bits"));
    refuses(&(struct trial){.certificate = "server-4992", .key = "large"}, TLS_FAULT_KEY_SIZE,
        PARTS("RSA key of 4992 bits"));
    refuses(&(struct trial){.certificate = "server-pss", .key = "server"}, BR_UNSUPPORTED, PARTS("not PSS"));
    refuses(
        &(struct trial){
            .certificate = "server-sha1", .key = "server", .options = OPTIONS("-cipher", "ALL:@SECLEVEL=0")},
        BR_UNSUPPORTED, PARTS("SHA-256"));
    refuses(&(struct trial){.certificate = "server-critical-unknown", .key = "server"}, BR_CRITICAL_EXTENSION,
        PARTS("critical extension"));
    refuses(
        &(struct trial){
            .certificate = "server-lower", .key = "server", .options = OPTIONS("-cert_chain", "narrow-chain.crt")},
        TLS_FAULT_CONSTRAINTS, PARTS("\"CN=Lower-CA\""));
}

static void foreign_names_are_quoted(void **state)
{
    (void)state;
    refuses(&(struct trial){.certificate = "server-odd-name", .key = "server", .name = "elsewhere.test"},
        TLS_FAULT_NAME, PARTS("\"CN=\\x1b[31m\\\"red\\\"\""));
}

static void versions_and_algorithms_not_in_common_are_named(void **state)
{
    (void)state;
    fails(&(struct trial){.options = OPTIONS("-tls1_3")}, ALERT(70), PARTS("TLS 1.2", "TLS 1.3 is not spoken here"));
    fails(&(struct trial){.certificate = "server-ed25519", .key = "ed25519"}, ALERT(40), PARTS("Ed25519"));
    fails(&(struct trial){.options = OPTIONS("-cipher", "AES128-SHA256")}, ALERT(40), PARTS("ECDHE"));
}

static void server_that_wants_a_certificate_gets_its_sentence(void **state)
{
    (void)state;
    fails(&(struct trial){.options = OPTIONS("-Verify", "3", "-CAfile", "ca.crt")}, ALERT(40),
        PARTS("client certificate"));
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

static int verdict;
static size_t chain_seen;

static int look(void *arg, struct bytes leaf, const struct bytes *chain, size_t chain_count, struct reason *why)
{
    assert_ptr_equal(arg, &verdict);
    assert_true(leaf.size > 100 && leaf.data[0] == 0x30);
    for (size_t i = 0; i < chain_count; i++) {
        assert_true(chain[i].size > 100 && chain[i].data[0] == 0x30);
    }
    chain_seen = chain_count;
    return reason_set(why, verdict, "it is not attested");
}

static void hook_sees_the_chain_and_can_refuse(void **state)
{
    struct trial trial = {.certificate = "server-lower",
        .key = "server",
        .options = OPTIONS("-cert_chain", "chain.crt"),
        .verify = look,
        .verify_arg = &verdict};

    (void)state;
    verdict = 0;
    succeeds(&trial);
    assert_int_equal(chain_seen, 2);
    verdict = -EACCES;
    refuses(&trial, TLS_FAULT_REFUSED, PARTS("it is not attested"));
    chain_seen = SIZE_MAX;
    trial.name = "elsewhere.test";
    refuses(&trial, TLS_FAULT_NAME, PARTS("presented"));
    assert_int_equal(chain_seen, SIZE_MAX); /* asked only when all else was good */
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
    (void)state;
    for (size_t i = 0; i < tls_fault_count; i++) {
        const struct tls_fault *fault = &tls_fault_table[i];
        assert_true(i == 0 || fault->code > tls_fault_table[i - 1].code);
        assert_ptr_equal(tls_fault_find(fault->code), fault);
        assert_true(strlen(fault->name) > 0 && strlen(fault->sentence) > 0 && strlen(fault->advice) > 0);
    }
    for (int code = TLS_FAULT_TRUNCATED; code <= TLS_FAULT_REFUSED; code++) {
        assert_int_equal(tls_fault_find(code)->code, code);
    }
    assert_string_equal(tls_fault_find(99)->name, "UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_server_key_is_spoken_to),
        cmocka_unit_test(every_suite_works_and_aes_comes_first),
        cmocka_unit_test(every_curve_of_the_key_exchange_works),
        cmocka_unit_test(recipes_of_clients_are_accepted),
        cmocka_unit_test(records_may_come_byte_by_byte),
        cmocka_unit_test(a_megabyte_comes_back_whole),
        cmocka_unit_test(intermediates_are_followed_in_any_order),
        cmocka_unit_test(several_authorities_can_be_trusted),
        cmocka_unit_test(addresses_are_matched_as_addresses),
        cmocka_unit_test(purposes_are_honoured),
        cmocka_unit_test(version_1_and_cn_follow_the_policy),
        cmocka_unit_test(wildcards_stand_for_one_label),
        cmocka_unit_test(pin_is_the_key_of_the_leaf),
        cmocka_unit_test(dates_are_judged_by_the_clock_given),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(weak_and_strange_certificates_are_refused),
        cmocka_unit_test(foreign_names_are_quoted),
        cmocka_unit_test(versions_and_algorithms_not_in_common_are_named),
        cmocka_unit_test(server_that_wants_a_certificate_gets_its_sentence),
        cmocka_unit_test(plain_http_is_recognized),
        cmocka_unit_test(end_without_goodbye_is_a_truncation),
        cmocka_unit_test(end_in_the_handshake_is_told_apart),
        cmocka_unit_test(goodbye_of_the_peer_is_a_good_end),
        cmocka_unit_test(goodbye_before_our_answer_left_is_a_good_end),
        cmocka_unit_test(renegotiation_is_declined),
        cmocka_unit_test(summary_names_the_peer),
        cmocka_unit_test(hook_sees_the_chain_and_can_refuse),
        cmocka_unit_test(two_sessions_never_begin_alike),
        cmocka_unit_test(names_out_of_bounds_are_refused),
        cmocka_unit_test(every_fault_has_its_sentence),
    };

    return cmocka_run_group_tests(tests, session_make, session_drop);
}
