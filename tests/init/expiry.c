/* expiry: tests init/expiry: who comes to an end is told in its last weeks, at once, with each push, and every day. */
#include "init/expiry.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "init/enclave.h"
#include "init/journal.h"

#define DAY 86400

static struct enclave enclave;
static int console; /* what was printed */
static int stderr_kept;

static void configure(const char *again)
{
    char text[512];
    struct config_report report;
    int size = snprintf(text, sizeof text,
        "[image]\nname = t\nversion = 1\nmemory = 64M\ncpus = 1\n[app]\nrun = watermark\n"
        "[secrets]\nmode = plain\nrequired = MTLS_CLIENT_CERT_JSON\nagain = %s\n"
        "[endpoint a.test]\ntls = mutual\nca = pushed\n[inbound api]\nvsock = 3000\nto = 127.0.0.1:3000\n",
        again);

    assert_int_equal(config_parse(&enclave.config, "test", text, (size_t)size, &report), 0);
    config_report_free(&report);
}

/* A push whose certificate has so many days left, and its CA a year. */
static void push(int days)
{
    static const struct identity_pem pem[SECRETS_KINDS] = {{"cert", "key", "ca"}, {0}};
    struct secrets_header header = {.identities[SECRETS_CLIENT] = {.cert_size = 4,
                                        .key_size = 3,
                                        .ca_size = 2,
                                        .cert_until = time(NULL) + days * DAY + 60,
                                        .ca_until = time(NULL) + 365 * DAY}};

    if (enclave.accepted >= 0) {
        close(enclave.accepted);
    }
    assert_int_equal(secrets_write(&header, "", pem, &enclave.accepted, NULL), 0);
}

static int enclave_make(void **state)
{
    int pair[2];

    (void)state;
    memset(&enclave, 0, sizeof enclave);
    enclave.accepted = enclave.packed = -1;
    assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
    stderr_kept = dup(STDERR_FILENO);
    assert_int_equal(dup2(pair[1], STDERR_FILENO), STDERR_FILENO);
    close(pair[1]);
    console = pair[0];
    return loop_open(&enclave.loop);
}

static int enclave_drop(void **state)
{
    (void)state;
    dup2(stderr_kept, STDERR_FILENO);
    close(stderr_kept);
    close(console);
    close(enclave.accepted);
    loop_close(enclave.loop);
    free(enclave.measured_until);
    config_free(&enclave.config);
    return 0;
}

static size_t lines(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += *text == '\n';
    }
    return count;
}

/* What was printed in the next turns, and is in the log as often; the timer is then a day away. */
static const char *printed(void)
{
    static char text[4096];
    uint64_t before;
    uint64_t after;
    uint64_t dropped;
    ssize_t size;

    journal_counts(&before, &dropped);

    for (int i = 0; i < 3; i++) {
        assert_int_equal(loop_turn(enclave.loop, 5), 0);
    }
    size = read(console, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    journal_counts(&after, &dropped);
    assert_int_equal(after - before, lines(text));
    assert_int_in_range(enclave.expiry_timer.due - loop_now(enclave.loop), EXPIRY_EVERY_MS - 60000, EXPIRY_EVERY_MS);
    return text;
}

static void a_day_later(void)
{
    assert_int_equal(loop_after(enclave.loop, &enclave.expiry_timer, 0), 0);
}

static void it_is_told_at_the_start_with_each_push_and_every_day(void **state)
{
    const char *text;

    (void)state;
    configure("identity");
    assert_int_equal(expiry_open(&enclave, NULL), 0);
    assert_string_equal(printed(), "");
    push(3);
    expiry_look(&enclave);
    text = printed();
    assert_non_null(strstr(text, "expiry      \"client.crt\" ends on 20"));
    assert_non_null(strstr(text, " UTC, days left: 3: push a new one\n"));
    assert_int_equal(lines(text), 1); /* the CA's end is far */
    for (int day = 0; day < 3; day++) {
        a_day_later();
        assert_int_equal(lines(printed()), 1);
    }
    push(100);
    a_day_later();
    assert_string_equal(printed(), "");
    push(-2);
    expiry_look(&enclave);
    assert_non_null(strstr(printed(), "\"client.crt\" has ended on 20"));
}

static void the_advice_is_what_the_image_allows(void **state)
{
    (void)state;
    configure("refuse");
    push(3);
    assert_int_equal(expiry_open(&enclave, NULL), 0);
    assert_non_null(strstr(printed(), ": start the enclave again, and push a new one\n"));
    enclave.packed = enclave.accepted;
    enclave.accepted = -1;
    a_day_later();
    assert_non_null(strstr(printed(), ": build an image with a new one\n"));
    close(enclave.packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            it_is_told_at_the_start_with_each_push_and_every_day, enclave_make, enclave_drop),
        cmocka_unit_test_setup_teardown(the_advice_is_what_the_image_allows, enclave_make, enclave_drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
