/* hosts: tests init/hosts: localhost, then each endpoint's host once, at its address. */
#include "init/hosts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *text_of(struct config_endpoint *endpoints, size_t count)
{
    struct config config = {.endpoints = endpoints, .endpoint_count = count};
    char *text = hosts_text(&config);

    assert_non_null(text);
    return text;
}

static void without_endpoints_there_is_localhost(void **state)
{
    char *text = text_of(NULL, 0);

    (void)state;
    assert_string_equal(text, "127.0.0.1 localhost\n");
    free(text);
}

static void a_host_of_several_endpoints_stands_once(void **state)
{
    struct config_endpoint endpoints[] = {
        {.host = (char *)"a.example", .address = 0x7f000040, .port = 443},
        {.host = (char *)"b.example", .address = 0x7f000041, .port = 443},
        {.host = (char *)"a.example", .address = 0x7f000040, .port = 8080},
        {.host = (char *)"c.example", .address = 0x7f000100, .port = 443},
    };
    char *text = text_of(endpoints, 4);

    (void)state;
    assert_string_equal(text, "127.0.0.1 localhost\n127.0.0.64 a.example\n127.0.0.65 b.example\n127.0.1.0 c.example\n");
    free(text);
}

static void the_longest_hosts_fit(void **state)
{
    struct config_endpoint *endpoints = calloc(CONFIG_ENDPOINTS_MAX, sizeof *endpoints);
    char host[CONFIG_HOST_MAX + 1];
    size_t lines = 0;

    (void)state;
    memset(host, 'a', CONFIG_HOST_MAX);
    host[CONFIG_HOST_MAX] = '\0';
    for (size_t i = 0; i < CONFIG_ENDPOINTS_MAX; i++) {
        endpoints[i].host = host;
        endpoints[i].address = 0xffffffffu - (uint32_t)i;
    }
    char *text = text_of(endpoints, CONFIG_ENDPOINTS_MAX);
    for (const char *p = text; *p != '\0'; p++) {
        lines += *p == '\n';
    }
    assert_int_equal(lines, CONFIG_ENDPOINTS_MAX + 1);
    free(text);
    free(endpoints);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_endpoints_there_is_localhost),
        cmocka_unit_test(a_host_of_several_endpoints_stands_once),
        cmocka_unit_test(the_longest_hosts_fit),
    };
    return cmocka_run_group_tests_name("hosts", tests, NULL, NULL);
}
