/* fuzz push: any bytes as a push: what is accepted is whole and well formed, a refusal is one line of JSON. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "app/push.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char ini[] = "[image]\nname = fuzz\nversion = 1\nmemory = 64M\ncpus = 2\n"
                          "[app]\nrun = watermark\n"
                          "[secrets]\nmode = plain\nrequired = TOKEN\nagain = identity\n"
                          "optional = MTLS_CLIENT_CERT_JSON MTLS_SERVER_CERT_JSON ECS_WATERMARK_ENDPOINT\n"
                          "[endpoint service.example]\nport = 8080\ntls = mutual\nca = pushed\n"
                          "[endpoint clear.example]\ntls = none\n";

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static const struct config *configuration(void)
{
    static struct config config;
    static bool ready;
    struct config_report report;

    if (!ready) {
        require(config_parse(&config, "enclave.ini", ini, strlen(ini), &report) == 0);
        config_report_free(&report);
        ready = true;
    }
    return &config;
}

static void require_line(const char *line, const char *key)
{
    json_t *answer = json_loads(line, 0, NULL);

    require(answer != NULL && json_object_get(answer, key) != NULL && json_object_size(answer) == 1);
    require(strchr(line, '\n') == line + strlen(line) - 1);
    json_decref(answer);
}

static void require_whole(const struct push *push)
{
    unsigned count = 0;

    require(push->header.env_size > 0 && push->env[push->header.env_size - 1] == '\0');
    for (size_t at = 0; at < push->header.env_size; at += strlen(push->env + at) + 1) {
        const char *equals = strchr(push->env + at, '=');
        require(equals != NULL && equals != push->env + at);
        count++;
    }
    require(count == push->header.env_count && count <= 4);
    for (size_t i = 0; i < SECRETS_KINDS; i++) {
        require((push->identities[i].cert == NULL) == (push->header.identities[i].cert_size == 0));
    }
}

/* again: as a further push that replaces an identity. */
static void judge(bool again, const uint8_t *data, size_t size)
{
    char answer[PUSH_ANSWER_MAX];
    struct push push;
    struct reason why;

    if (push_read(&push, configuration(), again, (const char *)data, size, &why) == 0) {
        require_whole(&push);
        require(!again || push.identities[0].cert != NULL || push.identities[1].cert != NULL);
        require_line(push.accepted, "accepted");
        push_free(&push);
    } else {
        require_line(push_refusal(why.text, answer), "error");
        require(push.env == NULL && push.identities[0].cert == NULL && push.identities[1].cert == NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    judge(false, data, size);
    judge(true, data, size);
    return 0;
}
