/* proxy: tests tools/proxy with a folder of Unix sockets in the place of vsock. */
#include "tools/proxy.h"

#include <sys/stat.h>
#include <sys/un.h>

#include "net/relay.h"
#include "tests/net/sockets.h"

struct fixture {
    struct loop *loop;
    struct relay_pool *pool;
    struct proxy *proxy;
    struct proxy_options options;
    struct config config;
    struct config_endpoint endpoints[2];
    struct config_inbound inbound[1];
    char folder[32];
    struct address server; /* what stands in for the service */
    int listener;
    char to[128]; /* --connect-to */
    char on[128]; /* --listen */
    char *connect_to[2];
    char *listen[1];
    struct names *names;
    char log[1024]; /* the last line */
    struct reason why;
};

static void log_line(void *arg, const char *sentence)
{
    struct fixture *f = arg;

    snprintf(f->log, sizeof f->log, "%s", sentence);
}

static struct fixture *prepare(void)
{
    struct fixture *f = calloc(1, sizeof *f);

    strcpy(f->folder, "/tmp/ingot-proxy-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    assert_int_equal(loop_open(&f->loop), 0);
    assert_int_equal(names_open(&f->names, f->loop), 0);
    const struct relay_pool_options pool = {
        .connections = 64, .connect_ms = 10000, .names = f->names, .log = log_line, .arg = f};
    assert_int_equal(relay_pool_open(&f->pool, f->loop, &pool), 0);
    f->listener = sockets_listen_tcp(&f->server);
    f->endpoints[0] =
        (struct config_endpoint){.label = "service", .host = "service.invalid", .port = 8080, .vsock = 8101};
    f->endpoints[1] = (struct config_endpoint){.label = "127.0.0.1", .host = "127.0.0.1", .vsock = 8102};
    f->endpoints[1].port = (uint16_t)f->server.port;
    f->inbound[0] = (struct config_inbound){.label = "api", .vsock = 3000, .address = INADDR_LOOPBACK, .port = 3000};
    f->config.endpoints = f->endpoints;
    f->config.endpoint_count = 2;
    f->config.inbound = f->inbound;
    f->config.inbound_count = 1;
    f->connect_to[0] = f->to;
    f->listen[0] = f->on;
    snprintf(f->to, sizeof f->to, "service.invalid:8080=127.0.0.1:%u", f->server.port);
    snprintf(f->on, sizeof f->on, "api=unix:%s/api", f->folder);
    f->options = (struct proxy_options){.config = &f->config,
        .vsock_folder = f->folder,
        .connect_to = f->connect_to,
        .listen = f->listen,
        .listen_count = 1,
        .log = log_line,
        .log_arg = f};
    return f;
}

static int open_proxy(struct fixture *f)
{
    return proxy_open(&f->proxy, f->pool, &f->options, &f->why);
}

static void end(struct fixture *f)
{
    relay_pool_close(f->pool);
    names_close(f->names);
    proxy_close(f->proxy);
    loop_close(f->loop);
    if (f->listener >= 0) {
        close(f->listener);
    }
    assert_int_equal(rmdir(f->folder), 0); /* nothing was left in it */
    free(f);
}

static int connect_unix(struct fixture *f, const char *name)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(path.sun_path, sizeof path.sun_path, "%s/%s", f->folder, name);
    assert_int_equal(connect(fd, (struct sockaddr *)&path, sizeof path), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static int accept_from(struct fixture *f, int listener)
{
    int64_t limit = sockets_now() + SOCKETS_PATIENCE;

    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            return fd;
        }
        loop_turn(f->loop, 10);
        assert_true(sockets_now() < limit);
    }
}

static void assert_connected(struct fixture *f, int a, int b)
{
    char data[4];

    assert_int_equal(send(a, "ping", 4, 0), 4);
    sockets_read(f->loop, b, data, 4);
    assert_memory_equal(data, "ping", 4);
    assert_int_equal(send(b, "pong", 4, 0), 4);
    sockets_read(f->loop, a, data, 4);
    assert_memory_equal(data, "pong", 4);
    close(a);
    close(b);
}

static void endpoint_leads_to_its_own_host_and_port(void **state)
{
    (void)state;
    struct fixture *f = prepare();

    assert_int_equal(open_proxy(f), 0);
    int guest = connect_unix(f, "port_8102");
    assert_connected(f, guest, accept_from(f, f->listener));
    end(f);
}

static void connect_to_leads_an_endpoint_elsewhere(void **state)
{
    (void)state;
    struct fixture *f = prepare();

    f->options.connect_to_count = 1;
    assert_int_equal(open_proxy(f), 0);
    int guest = connect_unix(f, "port_8101");
    assert_connected(f, guest, accept_from(f, f->listener));
    end(f);
}

static void inbound_goes_in_by_the_hybrid_line(void **state)
{
    static const char first[] = "OK 1073741824\nhello";
    struct address enclave;
    char text[64];
    char data[13];

    (void)state;
    struct fixture *f = prepare();
    snprintf(text, sizeof text, "unix:%s/enclave", f->folder);
    assert_int_equal(address_parse(&enclave, text, NULL), 0);
    int listener = address_listen(&enclave, 8, NULL);
    assert_int_equal(open_proxy(f), 0);

    int client = connect_unix(f, "api");
    int guest = accept_from(f, listener);
    sockets_read(f->loop, guest, data, 13);
    assert_memory_equal(data, "CONNECT 3000\n", 13);
    assert_int_equal(send(guest, first, sizeof first - 1, 0), sizeof first - 1);
    sockets_read(f->loop, client, data, 5); /* not one byte of it was taken for the line */
    assert_memory_equal(data, "hello", 5);
    assert_connected(f, client, guest);
    close(listener);
    address_remove(&enclave);
    end(f);
}

static void refused_port_of_the_enclave_closes_the_client(void **state)
{
    struct address enclave;
    char text[64];

    (void)state;
    struct fixture *f = prepare();
    snprintf(text, sizeof text, "unix:%s/enclave", f->folder);
    assert_int_equal(address_parse(&enclave, text, NULL), 0);
    int listener = address_listen(&enclave, 8, NULL);
    assert_int_equal(open_proxy(f), 0);
    int client = connect_unix(f, "api");
    close(accept_from(f, listener)); /* an end without OK */
    assert_true(sockets_read_end(f->loop, client) <= 0);
    assert_non_null(strstr(f->log, "refused port 3000"));
    close(client);
    close(listener);
    address_remove(&enclave);
    end(f);
}

static void name_that_does_not_resolve_is_said_at_the_start_of_the_line(void **state)
{
    static const char sentence[] = "failed to resolve hostname \"service.invalid\"";
    int64_t limit = sockets_now() + 3 * SOCKETS_PATIENCE; /* a resolver without network takes its time */

    (void)state;
    struct fixture *f = prepare();
    assert_int_equal(open_proxy(f), 0);
    int guest = connect_unix(f, "port_8101");
    int other = connect_unix(f, "port_8102"); /* served in the meantime */
    assert_connected(f, other, accept_from(f, f->listener));
    while (strncmp(f->log, sentence, sizeof sentence - 1) != 0) {
        assert_true(sockets_now() < limit);
        loop_turn(f->loop, 50);
    }
    assert_non_null(strstr(f->log, "([endpoint service])"));
    assert_true(sockets_read_end(f->loop, guest) <= 0);
    close(guest);
    end(f);
}

static void choices_must_name_what_the_image_has(void **state)
{
    static const struct {
        const char *connect_to;
        const char *listen;
        const char *words;
    } bad[] = {
        {"other.invalid:8080=127.0.0.1:1", "api=127.0.0.1:0", "it has service.invalid:8080, 127.0.0.1:"},
        {"service.invalid:81=127.0.0.1:1", "api=127.0.0.1:0", "no such endpoint"},
        {"service.invalid=127.0.0.1:1", "api=127.0.0.1:0", "no such endpoint"},
        {"service.invalid:8080", "api=127.0.0.1:0", "HOST:PORT=ADDRESS"},
        {"service.invalid:8080=nowhere", "api=127.0.0.1:0", "\"nowhere\" is not an address"},
        {"service.invalid:8080=127.0.0.1:1", "web=127.0.0.1:0", "it has api"},
        {"service.invalid:8080=127.0.0.1:1", "=127.0.0.1:0", "LABEL=HOST:PORT"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct fixture *f = prepare();
        snprintf(f->to, sizeof f->to, "%s", bad[i].connect_to);
        snprintf(f->on, sizeof f->on, "%s", bad[i].listen);
        f->options.connect_to_count = 1;
        assert_int_equal(open_proxy(f), -EINVAL);
        assert_non_null(strstr(f->why.text, bad[i].words));
        f->proxy = NULL;
        end(f);
    }
}

static void failed_opening_leaves_nothing_behind(void **state)
{
    (void)state;
    struct fixture *f = prepare();
    struct address taken;
    int listener = sockets_listen_tcp(&taken);

    snprintf(f->on, sizeof f->on, "api=127.0.0.1:%u", taken.port);
    assert_int_equal(open_proxy(f), -EADDRINUSE);
    assert_non_null(strstr(f->why.text, "[inbound api]"));
    f->proxy = NULL;
    close(listener);
    end(f); /* the endpoints' sockets are gone from the folder */
}

static void folder_that_another_proxy_serves_is_refused_and_left_to_it(void **state)
{
    (void)state;
    struct fixture *f = prepare();
    struct proxy *second = NULL;

    assert_int_equal(open_proxy(f), 0);
    assert_int_equal(proxy_open(&second, f->pool, &f->options, &f->why), -EADDRINUSE);
    assert_non_null(strstr(f->why.text, "[endpoint service]"));
    assert_non_null(strstr(f->why.text, "does another ingot proxy or ingot run serve this folder?"));
    int guest = connect_unix(f, "port_8102");
    assert_connected(f, guest, accept_from(f, f->listener));
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(endpoint_leads_to_its_own_host_and_port),
        cmocka_unit_test(connect_to_leads_an_endpoint_elsewhere),
        cmocka_unit_test(inbound_goes_in_by_the_hybrid_line),
        cmocka_unit_test(refused_port_of_the_enclave_closes_the_client),
        cmocka_unit_test(name_that_does_not_resolve_is_said_at_the_start_of_the_line),
        cmocka_unit_test(choices_must_name_what_the_image_has),
        cmocka_unit_test(failed_opening_leaves_nothing_behind),
        cmocka_unit_test(folder_that_another_proxy_serves_is_refused_and_left_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
