/* application: what every built-in application has that serves: identities, pushes, inbound ports, counters. */
#include "app/application.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/say.h"
#include "base/pass.h"
#include "image/budget.h"

#define CREATE "Failed to create mTLS client"
#define DAY 86400

/* ---- connections and requests ---- */

static void handle(void *arg, struct http_exchange *exchange)
{
    const struct application_hooks *hooks = &((struct application *)arg)->hooks;

    hooks->handler(hooks->arg, exchange);
}

static void begin(void *arg, struct http_exchange *exchange)
{
    const struct application_hooks *hooks = &((struct application *)arg)->hooks;

    hooks->begin(hooks->arg, exchange);
}

static void refused(void *arg, unsigned status, const char *sentence)
{
    (void)arg;
    say("a request was refused with %u: %s", status, sentence);
}

static void answered(void *arg, unsigned status)
{
    struct application *application = arg;

    application->answers[status < APPLICATION_STATUSES ? status : 0]++;
}

static void started(void *arg, const struct stream *stream, int error)
{
    (void)arg;
    inbound_started(stream, error);
}

/* ---- what sessions are made from ---- */

static int not_pushed(const struct application *application, struct reason *why)
{
    if (application->config->secrets.mode == CONFIG_SECRETS_NONE) {
        return reason_set(why, -ENOKEY,
            APPLICATION_NO_IDENTITY ": the image has no [secrets] through which one could come: add it, or pack an "
                                    "[identity]");
    }
    return reason_set(why, -ENOKEY,
        APPLICATION_NO_IDENTITY ": no identity has been pushed yet: push MTLS_CLIENT_CERT_JSON to vsock port %u",
        application->config->secrets.port);
}

int application_tls(const struct application *application, const struct credentials *credentials,
    const struct config_endpoint *endpoint, struct tls_client *client, struct reason *why)
{
    const struct tls_trust *measured = application->trusts[endpoint - application->config->endpoints];

    *client = (struct tls_client){
        .server_name = endpoint->server_name != NULL ? endpoint->server_name : endpoint->host,
        .trust = measured != NULL ? measured : credentials->client.ca,
        .identity = endpoint->tls == CONFIG_TLS_MUTUAL ? credentials->client.identity : NULL,
        .pin = endpoint->has_pin ? endpoint->pin : NULL,
        .cn_allowed = endpoint->cn_allowed,
        .eku_required = endpoint->eku_required,
    };
    if (client->trust == NULL || (endpoint->tls == CONFIG_TLS_MUTUAL && client->identity == NULL)) {
        return not_pushed(application, why);
    }
    return 0;
}

static int load_trusts(struct application *application, struct reason *why)
{
    const struct config *config = application->config;
    int error = 0;

    application->trusts = calloc(config->endpoint_count + 1, sizeof(struct tls_trust *));
    if (application->trusts == NULL) {
        return reason_set(why, -ENOMEM, "no memory is left for the certificate authorities");
    }
    for (size_t i = 0; i < config->endpoint_count && error == 0; i++) {
        const struct config_endpoint *endpoint = &config->endpoints[i];
        if (endpoint->ca_file != NULL) {
            error = credentials_read_trust(endpoint->ca_file, &application->trusts[i], why);
        }
    }
    if (error < 0) {
        reason_prefix(why, CREATE);
    }
    return error;
}

/* ---- pushes ---- */

static void tell_identity(const char *what, const struct tls_identity *identity)
{
    if (identity != NULL) {
        say("%s: %s, %lld days left", what, tls_identity_subject(identity),
            (long long)(tls_identity_not_after(identity) - time(NULL)) / DAY);
    }
}

/* fd: a push's memory file, -1: what the image holds. What was there before stays where the new ones are no good. */
static int take_credentials(struct application *application, int fd, struct reason *why)
{
    struct credentials *fresh;
    int error = credentials_create(&fresh, application->config, fd, why);

    if (error < 0) {
        reason_prefix(why, CREATE);
        return error;
    }
    credentials_drop(application->credentials);
    application->credentials = fresh;
    inbound_renew(application->inbound, fresh);
    tell_identity("identity", fresh->client.identity);
    tell_identity("identity for clients", fresh->server.identity);
    if (application->hooks.renewed != NULL) {
        application->hooks.renewed(application->hooks.arg);
    }
    return 0;
}

/*
 * What PID 1 passes was accepted, and is not sent a second time to a process that goes on. So where it is lost for want
 * of memory or descriptors (a message whose descriptor had no room is -EPROTO) this process ends: the next one is
 * handed everything again.
 */
static int take_push(struct application *application, uint8_t byte, int fd, struct reason *why)
{
    int error = byte == APP_SECRETS && fd >= 0 ? take_credentials(application, fd, why) : -EPROTO;

    if (error == -EINVAL) {
        say("%s", why->text);
        return 0;
    }
    return error == -EPROTO ? reason_set(why, error, "PID 1 says something that is no push") : error;
}

/* PID 1 has something, or has ended us. */
static void control_ready(struct loop_watch *watch, unsigned events)
{
    struct application *application = watch->owner;
    uint8_t byte = 0;
    int fd = -1;
    int got = pass_receive(watch->fd, &byte, &fd);

    (void)events;
    if (got == -EAGAIN || got == -EINTR) {
        return;
    }
    if (got == 1) {
        application->ended = take_push(application, byte, fd, &application->why);
    } else if (got < 0) {
        application->ended = reason_system(
            &application->why, got, "what PID 1 has passed is lost: more descriptors or memory are needed");
    }
    if (fd >= 0) {
        close(fd);
    }
    if (got != 1 || application->ended < 0) {
        loop_stop(application->loop);
    }
}

/* ---- life ---- */

static int open_server(struct application *application, const struct app_start *start, struct reason *why)
{
    struct http_server_options options = {
        .connections = budget_clients(application->config),
        .budget = &application->budget,
        .handler = handle,
        .begin = application->hooks.begin != NULL ? begin : NULL,
        .refused = refused,
        .started = started,
        .answered = answered,
        .arg = application,
    };
    int error = http_server_open(&application->server, application->loop, &options);

    if (error == 0) {
        error = inbound_listen(application->inbound, application->server, start->listeners);
    }
    application->control = (struct loop_watch){.ready = control_ready, .owner = application};
    if (error == 0) {
        error = loop_watch(application->loop, &application->control, start->control, LOOP_READ);
    }
    return error < 0 ? reason_system(why, error, "cannot wait for requests") : 0;
}

int application_open(struct application *application, const struct app_start *start,
    const struct application_hooks *hooks, struct reason *why)
{
    int error;

    application->config = start->config;
    application->hooks = *hooks;
    error = load_trusts(application, why);
    if (error == 0) {
        error = inbound_open(&application->inbound, start->config, why);
    }
    if (error == 0) {
        error = loop_open(&application->loop);
        error =
            error < 0 ? reason_system(why, error, "cannot make an event loop") : take_credentials(application, -1, why);
    }
    return error == 0 ? open_server(application, start, why) : error;
}

int application_run(struct application *application, struct reason *why)
{
    int error = loop_run(application->loop);

    if (error < 0) {
        return reason_system(why, error, "cannot wait for events");
    }
    if (application->ended < 0) {
        *why = application->why;
    }
    return application->ended;
}

void application_close(struct application *application)
{
    http_server_close(application->server);
    if (application->hooks.closing != NULL) {
        application->hooks.closing(application->hooks.arg);
    }
    if (application->loop != NULL) {
        loop_unwatch(application->loop, &application->control);
    }
    loop_close(application->loop);
    inbound_close(application->inbound);
    credentials_drop(application->credentials);
    for (size_t i = 0; application->trusts != NULL && i < application->config->endpoint_count; i++) {
        tls_trust_free(application->trusts[i]);
    }
    free(application->trusts);
}
