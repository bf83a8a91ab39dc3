/* push: tests tools/push against an enclave that is a Unix socket: answers, retries, what is lost. */
#include "tools/push.h"

#include <sys/un.h>

#include "tests/net/sockets.h"

struct fixture {
    struct loop *loop;
    char folder[32];
    struct push_options options;
    struct address enclave;
    int listener;
    unsigned waited;
    unsigned sent;
    bool done;
    enum push_result result;
    char answer[256];
    struct reason why;
};

static const char secrets[] = "{\"KEY\": \"sesame\"}";

static void waiting(void *arg, const struct reason *why)
{
    struct fixture *f = arg;

    assert_true(why->text[0] != '\0');
    f->waited++;
}

static void sending(void *arg)
{
    struct fixture *f = arg;

    assert_false(f->done);
    f->sent++;
}

static void done(void *arg, enum push_result result, const char *answer, const struct reason *why)
{
    struct fixture *f = arg;

    assert_false(f->done);
    f->done = true;
    f->result = result;
    assert_int_equal(result == PUSH_UNREACHED, answer == NULL);
    assert_int_equal(result == PUSH_ACCEPTED, why == NULL);
    snprintf(f->answer, sizeof f->answer, "%s", answer != NULL ? answer : "");
    if (why != NULL) {
        f->why = *why;
        assert_null(strstr(why->text, "sesame"));
    }
}

static void enclave_up(struct fixture *f)
{
    f->listener = address_listen(&f->enclave, 8, NULL);
    assert_true(f->listener >= 0);
}

static struct fixture *push_to(const char *data, size_t size, int64_t wait_ms, bool up)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct push *push;
    char text[64];

    strcpy(f->folder, "/tmp/ingot-push-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(text, sizeof text, "unix:%s/enclave", f->folder);
    assert_int_equal(address_parse(&f->enclave, text, NULL), 0);
    f->listener = -1;
    if (up) {
        enclave_up(f);
    }
    f->options = (struct push_options){.to = f->enclave,
        .secrets = data,
        .size = size,
        .wait_ms = wait_ms,
        .waiting = waiting,
        .sending = sending,
        .arg = f};
    assert_int_equal(loop_open(&f->loop), 0);
    assert_int_equal(push_start(&push, f->loop, &f->options, done, f), 0);
    return f;
}

static void end(struct fixture *f)
{
    loop_close(f->loop);
    if (f->listener >= 0) {
        close(f->listener);
    }
    address_remove(&f->enclave);
    rmdir(f->folder);
    free(f);
}

static int enclave_accept(struct fixture *f)
{
    int64_t limit = sockets_now() + SOCKETS_PATIENCE;

    for (;;) {
        int fd = accept4(f->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
        loop_turn(f->loop, 10);
        assert_true(sockets_now() < limit);
    }
}

/* Takes one push in full, answers (unless NULL), closes. */
static void enclave_take(struct fixture *f, const char *answer)
{
    int fd = enclave_accept(f);
    char *data = malloc(f->options.size + 1);

    sockets_read(f->loop, fd, data, f->options.size);
    assert_memory_equal(data, f->options.secrets, f->options.size);
    assert_int_equal(sockets_read_end(f->loop, fd), 0); /* the half-close */
    if (answer != NULL) {
        assert_int_equal(send(fd, answer, strlen(answer), MSG_NOSIGNAL), strlen(answer));
    }
    close(fd);
    free(data);
}

static void accepted_names_come_back(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 5000, true);

    enclave_take(f, "{\"accepted\": [\"KEY\"]}\n");
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_ACCEPTED);
    assert_string_equal(f->answer, "{\"accepted\":[\"KEY\"]}");
    assert_int_equal(f->waited, 0);
    assert_int_equal(f->sent, 1);
    end(f);
}

static void largest_push_arrives_whole(void **state)
{
    static char large[PUSH_SECRETS_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (char)(i * 7 + i / 251);
    }
    struct fixture *f = push_to(large, sizeof large, 5000, true);
    enclave_take(f, "{\"accepted\": []}");
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_ACCEPTED);
    end(f);
}

static void refusal_comes_with_the_enclaves_reason_made_safe(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 5000, true);

    enclave_take(f, "{\"error\": \"KEY is \\u001b[31mnot listed\"}\n");
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_REFUSED);
    assert_string_equal(f->answer, "{\"error\":\"KEY is \\u001B[31mnot listed\"}");
    assert_non_null(strstr(f->why.text, "KEY is \\x1b[31mnot listed"));
    end(f);
}

static void the_enclaves_quotes_are_not_quoted_again(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 5000, true);

    enclave_take(f, "{\"error\": \"\\\"K\\\\x1b\\\" is not listed: write {…}\"}\n");
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_REFUSED);
    assert_non_null(strstr(f->why.text, ": \"K\\x1b\" is not listed: write {…}"));
    end(f);
}

static void refusal_before_the_last_byte_is_heard(void **state)
{
    static char large[PUSH_SECRETS_MAX];
    static const char answer[] = "{\"error\": \"busy\"}\n";

    (void)state;
    struct fixture *f = push_to(large, sizeof large, 5000, true);
    int fd = enclave_accept(f);
    assert_int_equal(send(fd, answer, sizeof answer - 1, 0), sizeof answer - 1);
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_REFUSED);
    close(fd);
    end(f);
}

static void waits_for_the_enclave_to_come_up(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 5000, false);

    sockets_turn_for(f->loop, 400);
    assert_false(f->done);
    enclave_up(f);
    close(enclave_accept(f)); /* still starting: an end without a word */
    enclave_take(f, "{\"accepted\": [\"KEY\"]}\n");
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_ACCEPTED);
    assert_int_equal(f->waited, 1);
    assert_int_equal(f->sent, 2); /* not those that found nobody */
    end(f);
}

static void lost_answer_is_no_acceptance_but_is_explained(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 5000, true);

    enclave_take(f, NULL);
    enclave_take(f, "{\"error\": \"already configured\"}\n");
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_REFUSED);
    assert_non_null(strstr(f->why.text, "its answer lost"));
    end(f);
}

static void half_an_answer_is_a_lost_one(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 600, true);

    enclave_take(f, "{\"accepted\": [\"KE");
    close(f->listener);
    f->listener = -1;
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_UNREACHED);
    assert_non_null(strstr(f->why.text, "may be accepted"));
    end(f);
}

static void earlier_configuration_is_told_apart(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 5000, true);

    enclave_take(f, "{\"error\": \"already configured\"}\n");
    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_REFUSED);
    assert_non_null(strstr(f->why.text, "it accepted other secrets before"));
    end(f);
}

static void enclave_that_never_comes_ends_after_the_wait(void **state)
{
    (void)state;
    int64_t start = sockets_now();
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 500, false);

    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_UNREACHED);
    assert_int_in_range(sockets_now() - start, 450, 5000);
    assert_non_null(strstr(f->why.text, "No such file or directory"));
    end(f);
}

static void enclave_that_never_answers_ends_after_the_wait(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 300, true);
    int fd = enclave_accept(f);

    sockets_turn_until(f->loop, &f->done);
    assert_int_equal(f->result, PUSH_UNREACHED);
    close(fd);
    end(f);
}

static void other_programs_answer_is_not_believed(void **state)
{
    static const char *const bad[] = {"HTTP/1.1 400 Bad Request\n", "[]\n", "{}\n", "{\"accepted\": true}\n",
        "{\"accepted\": [], \"accepted\": []}\n"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fixture *f = push_to(secrets, sizeof secrets - 1, 60000, true);
        enclave_take(f, bad[i]);
        sockets_turn_until(f->loop, &f->done);
        assert_int_equal(f->result, PUSH_UNREACHED);
        assert_non_null(strstr(f->why.text, "is no answer of an enclave"));
        end(f);
    }
}

static void endless_answer_is_bounded(void **state)
{
    static const char data[4096] = {'x'};

    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 60000, true);
    int fd = enclave_accept(f);
    size_t sent = 0;
    while (!f->done) {
        ssize_t n = send(fd, data, sizeof data, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        loop_turn(f->loop, 10);
        assert_true(sent < 1024 * 1024);
    }
    assert_int_equal(f->result, PUSH_UNREACHED);
    close(fd);
    end(f);
}

static void cancelled_push_does_not_call_back(void **state)
{
    (void)state;
    struct fixture *f = push_to(secrets, sizeof secrets - 1, 5000, true);
    struct push *second;

    assert_int_equal(push_start(&second, f->loop, &f->options, done, f), 0);
    push_cancel(second);
    assert_int_equal(push_start(&second, f->loop, &f->options, done, f), 0);
    int fd = enclave_accept(f);
    int other = enclave_accept(f);
    push_cancel(second);
    sockets_turn_for(f->loop, 30);
    assert_false(f->done);
    static const char answer[] = "{\"accepted\": []}\n";
    assert_int_equal(send(fd, answer, sizeof answer - 1, 0), sizeof answer - 1);
    sockets_turn_until(f->loop, &f->done);
    close(fd);
    close(other);
    end(f);
}

static void only_one_json_object_is_sent(void **state)
{
    static const struct {
        const char *text;
        const char *word;
    } bad[] = {{"", "not JSON"}, {"sesame", "not JSON"}, {"[\"sesame\"]", "not a JSON object"},
        {"\"sesame\"", "not a JSON object"}, {"{\"A\": \"sesame\"", "ends too early"},
        {"{\"A\": \"sesame\"} {}", "something follows"}, {"{\"A\": \"sesame\", \"A\": \"sesame\"}", "stands twice"},
        {"{\"A\": \"sesame}", "not JSON"}, {"{\"A\": sesame}", "not JSON"}, {"{\"A\": \"sesame\xff\"}", "no UTF-8"},
        {"{\"A\":[[[[[[[[[[[[\"sesame\"]]]]]]]]]]]]}", "nested too deeply"}};
    struct reason why;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(push_check(bad[i].text, strlen(bad[i].text), "secrets.json", &why), -EINVAL);
        assert_non_null(strstr(why.text, "\"secrets.json\""));
        assert_non_null(strstr(why.text, bad[i].word));
        assert_null(strstr(why.text, "sesame")); /* no content in any sentence */
    }
    assert_int_equal(push_check(secrets, sizeof secrets - 1, "secrets.json", &why), 0);
    assert_int_equal(push_check("{}", 2, "secrets.json", &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_names_come_back),
        cmocka_unit_test(largest_push_arrives_whole),
        cmocka_unit_test(refusal_comes_with_the_enclaves_reason_made_safe),
        cmocka_unit_test(the_enclaves_quotes_are_not_quoted_again),
        cmocka_unit_test(refusal_before_the_last_byte_is_heard),
        cmocka_unit_test(waits_for_the_enclave_to_come_up),
        cmocka_unit_test(lost_answer_is_no_acceptance_but_is_explained),
        cmocka_unit_test(half_an_answer_is_a_lost_one),
        cmocka_unit_test(earlier_configuration_is_told_apart),
        cmocka_unit_test(enclave_that_never_comes_ends_after_the_wait),
        cmocka_unit_test(enclave_that_never_answers_ends_after_the_wait),
        cmocka_unit_test(other_programs_answer_is_not_believed),
        cmocka_unit_test(endless_answer_is_bounded),
        cmocka_unit_test(cancelled_push_does_not_call_back),
        cmocka_unit_test(only_one_json_object_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
