/* doctor_endpoints: whether each endpoint's name resolves, and who answers there with TLS; all of them side by side. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "crypto/hash.h"
#include "crypto/x509.h"
#include "net/connect.h"
#include "tls/stream.h"
#include "tools/doctor.h"

#define REACH_MS 5000 /* name and connection */
#define ALL_MS 8000   /* the TLS handshake too */
#define DAY 86400
#define SOON_DAYS 7

struct attempts;

struct attempt {
    struct attempts *all;
    const struct config_endpoint *endpoint;
    const struct tls_trust *trust; /* NULL: the image's is not known here */
    struct connect *connect;
    struct stream *stream;
    struct loop_watch watch;
    int error;         /* 0: reached */
    struct reason why; /* where it was not reached, or TLS can't be spoken at all */
};

struct attempts {
    struct doctor *doctor;
    struct names *names;
    struct doctor_credentials credentials;
    struct attempt *each;
    size_t open;
    struct loop_timer timer;
};

static bool is_ours(const struct config_endpoint *endpoint)
{
    return endpoint->tls == CONFIG_TLS_MUTUAL || endpoint->tls == CONFIG_TLS_SERVER;
}

/* ---- one attempt: connect, then the handshake ---- */

static void attempt_end(struct attempt *attempt)
{
    struct attempts *all = attempt->all;

    loop_unwatch(all->doctor->loop, &attempt->watch);
    if (--all->open == 0) {
        loop_stop(all->doctor->loop);
    }
}

static void attempt_ready(struct loop_watch *watch, unsigned events)
{
    struct attempt *attempt = watch->owner;

    (void)events;
    int done = stream_start(attempt->stream);
    if (done != -EAGAIN) {
        attempt_end(attempt);
        return;
    }
    loop_change(attempt->all->doctor->loop, watch, stream_events(attempt->stream, LOOP_READ));
}

static int handshake_start(struct attempt *attempt, int fd)
{
    struct attempts *all = attempt->all;
    const struct config_endpoint *endpoint = attempt->endpoint;
    const struct tls_client client = {
        .server_name = endpoint->server_name != NULL ? endpoint->server_name : endpoint->host,
        .trust = attempt->trust != NULL ? attempt->trust : all->credentials.nobody,
        .identity = endpoint->tls == CONFIG_TLS_MUTUAL ? all->credentials.identity : NULL,
        .pin = endpoint->has_pin ? endpoint->pin : NULL,
        .cn_allowed = endpoint->cn_allowed,
        .eku_required = endpoint->eku_required,
        .now = all->doctor->now,
        .clock = "this machine's clock",
    };
    int error = tls_stream_connect(&attempt->stream, fd, &client, &attempt->why);

    if (error < 0) {
        close(fd);
        return error;
    }
    attempt->watch = (struct loop_watch){.ready = attempt_ready, .owner = attempt};
    error = loop_watch(all->doctor->loop, &attempt->watch, fd, LOOP_READ | LOOP_WRITE);
    return error < 0 ? reason_system(&attempt->why, error, "it can't be waited for") : 0;
}

static void attempt_connected(void *arg, int fd, const struct reason *why)
{
    struct attempt *attempt = arg;

    attempt->connect = NULL;
    attempt->error = fd < 0 ? fd : 0;
    if (fd < 0) {
        attempt->why = *why;
        attempt_end(attempt);
    } else if (attempt->endpoint->tls == CONFIG_TLS_NONE) {
        close(fd);
        attempt_end(attempt);
    } else if ((attempt->error = handshake_start(attempt, fd)) < 0) {
        attempt_end(attempt);
    }
}

/* ---- what came of it ---- */

/* "CN=a" ("DNS:a"), until DATE. Whether there is a leaf that can be read. */
static bool leaf_print(const struct attempt *attempt, struct x509_certificate *leaf, struct reason *text)
{
    struct bytes der = tls_session_presented(tls_stream_session(attempt->stream));
    char subject[X509_TEXT_SIZE], names[X509_TEXT_SIZE], until[X509_DATE_SIZE];

    if (der.size == 0 || x509_read(der, leaf, NULL) < 0) {
        return false;
    }
    x509_name_text(leaf->subject, subject);
    x509_alternatives_text(leaf, names);
    x509_date_text(leaf->not_after, until);
    reason_set(text, 0, names[0] != '\0' ? "%s (%s), until %s" : "%s%s, until %s", text_quote_string(subject).text,
        names[0] != '\0' ? text_quote_string(names).text : "", until);
    return true;
}

/* NULL, or what is wrong with a leaf whose authority can't be judged here. */
static const char *leaf_fault(const struct attempt *attempt, const struct x509_certificate *leaf)
{
    const struct config_endpoint *endpoint = attempt->endpoint;
    int64_t now = attempt->all->doctor->now;
    enum x509_match match =
        x509_match_host(leaf, endpoint->server_name != NULL ? endpoint->server_name : endpoint->host);
    struct hash_sha256 hash;
    uint8_t digest[HASH_SHA256_SIZE];

    hash_sha256_init(&hash);
    hash_sha256_update(&hash, leaf->spki.data, leaf->spki.size);
    hash_sha256_out(&hash, digest);
    return now > leaf->not_after                                                    ? "it has expired"
           : now < leaf->not_before                                                 ? "it is not valid yet"
           : match == X509_MATCH_CN && is_ours(endpoint) && !endpoint->cn_allowed   ? "only its CN is the name"
           : match == X509_NO_MATCH                                                 ? "it has another name"
           : endpoint->has_pin && memcmp(digest, endpoint->pin, sizeof digest) != 0 ? "its key is not the pinned one"
                                                                                    : NULL;
}

static void say_good(struct attempt *attempt, const struct x509_certificate *leaf, const char *about, const char *note)
{
    struct doctor *doctor = attempt->all->doctor;
    bool soon = leaf->not_after - doctor->now < (int64_t)SOON_DAYS * DAY;

    doctor_say(doctor, soon ? DOCTOR_WARN : DOCTOR_OK, soon ? "the service needs a new certificate" : NULL,
        "%s: %s%s%s", attempt->endpoint->label, about, soon ? ", which is soon" : "", note);
}

/* The image's own trust is known: its verdict counts. */
static void say_verdict(struct attempt *attempt)
{
    struct doctor *doctor = attempt->all->doctor;
    const struct config_endpoint *endpoint = attempt->endpoint;
    const struct tls_session *session = tls_stream_session(attempt->stream);
    bool nameless = endpoint->tls == CONFIG_TLS_MUTUAL && attempt->all->credentials.identity == NULL;
    struct x509_certificate leaf;
    struct reason why, about;
    int fault = tls_session_error(session, &why);
    bool shown = leaf_print(attempt, &leaf, &about);

    if (tls_session_established(session) && shown) {
        say_good(
            attempt, &leaf, about.text, nameless ? "; trusted; an identity was not tried (--secrets)" : "; trusted");
    } else if (fault == 0) {
        doctor_say(doctor, DOCTOR_FAIL, "is it a TLS service, and this its port?",
            "%s: it does not go on with the TLS handshake", endpoint->label);
    } else if (nameless && shown && strncmp(why.text, "certificate verify failed", 25) != 0) {
        say_good(attempt, &leaf, about.text, "; trusted; it wants a client certificate (--secrets tries with one)");
    } else {
        doctor_say(doctor, DOCTOR_FAIL, NULL, "%s: %s", endpoint->label, why.text);
    }
}

/* Nobody here knows whom the image or its application will believe: only the leaf itself is judged. */
static void say_leaf(struct attempt *attempt)
{
    struct doctor *doctor = attempt->all->doctor;
    const struct config_endpoint *endpoint = attempt->endpoint;
    bool ours = is_ours(endpoint);
    struct x509_certificate leaf;
    struct reason why = {""}, about;

    if (!leaf_print(attempt, &leaf, &about)) {
        (void)tls_session_error(tls_stream_session(attempt->stream), &why);
        doctor_say(doctor, ours ? DOCTOR_FAIL : DOCTOR_WARN,
            ours ? "is it a TLS service, and this its port?" : "fine where the application speaks something else",
            "%s: no certificate came by TLS 1.2%s%s", endpoint->label, why.text[0] != '\0' ? ": " : "", why.text);
        return;
    }
    const char *fault = leaf_fault(attempt, &leaf);
    if (fault != NULL) {
        doctor_say(doctor, ours ? DOCTOR_FAIL : DOCTOR_WARN, "look at the service's certificate, or --connect-to",
            "%s: %s: %s", endpoint->label, about.text, fault);
    } else {
        say_good(attempt, &leaf, about.text,
            ours ? "; its authority is not known before the push (--secrets)"
                 : "; whom the application believes is not known here");
    }
}

static void say(struct attempt *attempt)
{
    struct doctor *doctor = attempt->all->doctor;
    const struct config_endpoint *endpoint = attempt->endpoint;

    if (attempt->error < 0) {
        doctor_say(doctor, DOCTOR_FAIL,
            attempt->error == -ENOENT ? "--connect-to leads it elsewhere" /* the sentence says the rest */
            : doctor->on_ec2          ? "check the route and the security group; --connect-to leads it elsewhere"
                                      : "is the service up? --connect-to leads it elsewhere",
            "%s: %s", endpoint->label, attempt->why.text);
    } else if (endpoint->tls == CONFIG_TLS_NONE) {
        doctor_say(doctor, DOCTOR_OK, NULL, "%s: somebody answers; tls = none, so no more was asked", endpoint->label);
    } else if (attempt->trust != NULL) {
        say_verdict(attempt);
    } else {
        say_leaf(attempt);
    }
}

/* ---- all of them ---- */

static void attempts_late(struct loop_timer *timer)
{
    const struct attempts *all = timer->owner;

    loop_stop(all->doctor->loop);
}

static int attempts_start(struct attempts *all)
{
    struct doctor *doctor = all->doctor;
    int error = names_open(&all->names, doctor->loop);

    for (size_t i = 0; i < doctor->config->endpoint_count && error == 0; i++) {
        struct attempt *attempt = &all->each[i];
        const struct config_endpoint *endpoint = &doctor->config->endpoints[i];
        const struct tls_trust *own = all->credentials.measured[i];
        *attempt = (struct attempt){.all = all, .endpoint = endpoint};
        attempt->trust = !is_ours(endpoint) ? NULL : own != NULL ? own : all->credentials.ca;
        reason_set(&attempt->why, 0, "no answer within %d s", ALL_MS / 1000);
        error = connect_start(&attempt->connect, doctor->loop, &doctor->targets[i], REACH_MS,
            &(struct connect_options){.names = all->names}, attempt_connected, attempt);
        all->open += error == 0;
    }
    return error;
}

static void attempts_free(struct attempts *all)
{
    loop_cancel(all->doctor->loop, &all->timer);
    for (size_t i = 0; all->each != NULL && i < all->doctor->config->endpoint_count; i++) {
        connect_cancel(all->each[i].connect);
        loop_unwatch(all->doctor->loop, &all->each[i].watch);
        stream_close(all->each[i].stream);
    }
    names_close(all->names);
    free(all->each);
    doctor_credentials_free(all->doctor, &all->credentials);
}

void doctor_endpoints(struct doctor *doctor)
{
    struct attempts all = {.doctor = doctor, .timer = {.fired = attempts_late, .owner = &all}};
    int error = doctor_credentials_load(doctor, &all.credentials);

    doctor->name = "endpoint";
    all.each = calloc(doctor->config->endpoint_count + 1, sizeof *all.each);
    if (error == 0 && all.each == NULL) {
        error = -ENOMEM;
    }
    if (error == 0 && (error = attempts_start(&all)) == 0 &&
        (error = loop_after(doctor->loop, &all.timer, ALL_MS)) == 0 && all.open > 0) {
        error = loop_run(doctor->loop);
    }
    if (error < 0) {
        doctor_say(doctor, DOCTOR_FAIL, "try again", "the endpoints can't be tried: %s", strerror(-error));
    }
    for (size_t i = 0; error == 0 && i < doctor->config->endpoint_count; i++) {
        say(&all.each[i]);
    }
    attempts_free(&all);
}
