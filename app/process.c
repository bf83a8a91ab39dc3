/* process: POST /process_data: reads the payload, calls the service with it, and hands its answer back. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/say.h"
#include "app/watermark.h"
#include "base/text.h"

#define TARGET "/api/watermark"
#define CONNECT "Failed to connect to ECS service: "
#define SEND "Failed to send request to ECS service: "
#define VERIFY "certificate verify failed"
#define JSON_TYPE "application/json"
#define REQUEST_HEAD_MAX (SERVICE_PREFIX_MAX + CONFIG_HOST_MAX + 256) /* with the fields that are always the same */

struct process {
    struct watermark *w;
    struct http_exchange *exchange;
    struct credentials *credentials;
    struct call *call;
    char name[CONFIG_HOST_MAX + sizeof ":65535"]; /* HOST:PORT */
};

static void release(struct process *process)
{
    process->w->calls--;
    credentials_drop(process->credentials);
    free(process);
}

/* ---- the request ---- */

static int refuse_json(struct reason *why, const json_error_t *error)
{
    /* Where jansson gets no memory it says nothing. */
    if (error->text[0] == '\0') {
        return reason_set(why, -ENOBUFS, "no memory is left to read this body: it has too many values");
    }
    return reason_set(why, -EINVAL, "the body is not JSON: line %d, column %d: %s", error->line, error->column,
        text_quote_string(error->text).text);
}

/* Finds data and user_id; other keys of the payload are passed over. */
static int read_payload(const json_t *top, json_t **data, json_t **user, struct reason *why)
{
    static const char shape[] = "the body must be {\"payload\": {\"data\": …, \"user_id\": \"…\"}}";
    const json_t *payload = json_object_get(top, "payload");

    if (!json_is_object(payload)) {
        return reason_set(why, -EINVAL, "%s: \"payload\" is missing or not an object", shape);
    }
    *data = json_object_get(payload, "data");
    *user = json_object_get(payload, "user_id");
    if (*data == NULL || json_is_null(*data)) {
        return reason_set(why, -EINVAL, "%s: \"data\" is missing", shape);
    }
    if (!json_is_string(*user) || json_string_length(*user) == 0) {
        return reason_set(why, -EINVAL, "%s: \"user_id\" is missing, empty or not a string", shape);
    }
    return 0;
}

static int append_json(const char *text, size_t size, void *out)
{
    return http_buffer_append(out, text, size);
}

/* Head and body of the request to the service. */
static int write_request(
    struct http_buffer *request, const struct service *service, json_t *data, json_t *user, struct reason *why)
{
    char target[SERVICE_PREFIX_MAX + sizeof TARGET];
    json_t *body = json_object();
    bool whole = json_object_set(body, "data", data) == 0 && json_object_set(body, "user_id", user) == 0;
    size_t size = whole ? json_dumpb(body, NULL, 0, JSON_COMPACT) : 0;
    int error = size > 0 ? 0 : -ENOMEM;

    (void)snprintf(target, sizeof target, "%s" TARGET, service->prefix);
    if (error == 0) {
        error = http_buffer_reserve(request, REQUEST_HEAD_MAX + size);
    }
    if (error == 0) {
        error = http_request_write(request, "POST", service->authority, target, JSON_TYPE, size);
    }
    if (error == 0 && json_dump_callback(body, append_json, request, JSON_COMPACT) < 0) {
        error = -ENOBUFS;
    }
    json_decref(body);
    if (error < 0) {
        http_buffer_free(request);
        return reason_set(why, error, "no memory is left for the request to the service: send it again later");
    }
    return 0;
}

static int read_request(const struct http_exchange *exchange, const struct service *service,
    struct http_buffer *request, struct reason *why)
{
    struct http_text text = http_exchange_body(exchange);
    json_error_t json_error;
    json_t *top = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, &json_error);
    json_t *data = NULL;
    json_t *user = NULL;
    int error = top != NULL ? read_payload(top, &data, &user, why) : refuse_json(why, &json_error);

    if (error == 0) {
        error = write_request(request, service, data, user, why);
    }
    json_decref(top);
    return error;
}

/* ---- the answer ---- */

/* Its Content-Type where it gave one of bearable length. */
static void copy_type(const struct http_head *head, char type[static HTTP_SERVER_TYPE_MAX + 1])
{
    const struct http_text *field = http_head_field(head, "Content-Type");
    bool usable = field != NULL && field->size > 0 && field->size <= HTTP_SERVER_TYPE_MAX;

    (void)snprintf(type, HTTP_SERVER_TYPE_MAX + 1, "%.*s", usable ? (int)field->size : (int)strlen(JSON_TYPE),
        usable ? field->data : JSON_TYPE);
}

static void hand_back(struct process *process, struct http_reader *reader)
{
    char type[HTTP_SERVER_TYPE_MAX + 1];
    struct reason why;
    const char *phrase = http_status_phrase(reader->head.status);

    if (reader->head.status >= 200 && reader->head.status <= 299) {
        copy_type(&reader->head, type);
        http_exchange_answer(process->exchange, 200, type, NULL, &reader->content);
        return;
    }
    reason_set(&why, 0, "ECS service returned error: %u %s: %s has answered so: look at the service's log",
        reader->head.status,
        phrase[0] != '\0' ? phrase : text_quote(reader->head.phrase.data, reader->head.phrase.size).text,
        process->name);
    watermark_error(process->exchange, 502, why.text);
}

/* Which words a failure begins with, and which status it has. */
static unsigned explain(const struct process *process, const struct call_result *result, struct reason *why)
{
    *why = result->why;
    switch (result->outcome) {
    case CALL_UNREACHED:
        reason_set(why, 0,
            CONNECT "%s: %s: is `ingot proxy` running on the parent instance, and does it reach the service?",
            process->name, result->why.text);
        return 502;
    case CALL_UNTRUSTED:
        if (strncmp(why->text, VERIFY, sizeof VERIFY - 1) != 0) {
            reason_prefix(why, CONNECT "%s: TLS", process->name);
        }
        return 502;
    case CALL_LATE:
        reason_prefix(why, result->begun ? SEND "%s" : CONNECT "%s", process->name);
        return 504;
    case CALL_NO_MEMORY:
        reason_prefix(why, SEND "%s", process->name);
        return 503;
    case CALL_ANSWERED:
    case CALL_BROKEN:
        break;
    }
    reason_prefix(why, SEND "%s", process->name);
    return 502;
}

static void answered(void *arg, struct call_result *result)
{
    struct process *process = arg;
    struct reason why;

    if (result->outcome == CALL_ANSWERED) {
        hand_back(process, result->reader);
    } else {
        unsigned status = explain(process, result, &why);
        watermark_error(process->exchange, status, why.text);
    }
    release(process);
}

static void cancelled(void *arg)
{
    struct process *process = arg;

    call_cancel(process->call);
    release(process);
}

/* ---- the call ---- */

static int start_call(struct process *process, struct http_buffer *request, struct reason *why)
{
    const struct service *service = &process->credentials->service;
    const struct config_endpoint *endpoint = service->endpoint;
    struct call_options options = {
        .address = endpoint->address,
        .port = endpoint->port,
        .request = *request,
        .budget = &process->w->application.budget,
        .milliseconds = process->w->call_ms,
        .name = process->name,
    };
    int error = application_tls(&process->w->application, process->credentials, endpoint, &options.tls, why);

    options.tls.store = process->credentials->client.sessions;
    *request = (struct http_buffer){.budget = request->budget};
    if (error < 0) {
        http_buffer_free(&options.request);
        return error;
    }
    error = call_start(&process->call, process->w->application.loop, &options, answered, process, why);
    if (error < 0) {
        reason_prefix(why, "Failed to create mTLS client");
    }
    return error;
}

static void begin(struct watermark *w, struct http_exchange *exchange, struct http_buffer *request)
{
    const struct service *service = &w->application.credentials->service;
    struct process *process = calloc(1, sizeof *process);
    struct reason why;

    if (process == NULL) {
        http_buffer_free(request);
        watermark_error(exchange, 503, "no memory is left for another call: send it again later");
        return;
    }
    *process =
        (struct process){.w = w, .exchange = exchange, .credentials = credentials_keep(w->application.credentials)};
    w->calls++;
    (void)snprintf(process->name, sizeof process->name, "%s:%u", service->endpoint->host, service->endpoint->port);
    if (start_call(process, request, &why) < 0) {
        watermark_error(exchange, 503, why.text);
        release(process);
        return;
    }
    http_exchange_on_cancel(exchange, cancelled, process);
}

static bool can_call(struct watermark *w, struct http_exchange *exchange)
{
    const struct credentials *credentials = w->application.credentials;
    struct tls_client client;
    struct reason why;

    if (credentials->service_error < 0) {
        watermark_error(exchange, 502, credentials->service_why.text);
        return false;
    }
    if (application_tls(&w->application, credentials, credentials->service.endpoint, &client, &why) < 0) {
        watermark_error(exchange, 503, why.text);
        return false;
    }
    if (w->calls == WATERMARK_CALLS_MAX) {
        watermark_error(exchange, 503, "too many calls to the service are under way: send it again later");
        return false;
    }
    return true;
}

void process_start(struct watermark *w, struct http_exchange *exchange)
{
    struct http_buffer request = {.budget = &w->application.budget};
    struct reason why;

    if (!can_call(w, exchange)) {
        return;
    }
    int error = read_request(exchange, &w->application.credentials->service, &request, &why);
    if (error < 0) {
        watermark_error(exchange, error == -EINVAL ? 400 : 503, why.text);
        return;
    }
    http_exchange_drop_body(exchange);
    begin(w, exchange, &request);
}
