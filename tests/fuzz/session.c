/* fuzz session: any bytes as a server's records: every state is one of those promised, and a failure has a sentence. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tls/session.h"
#include "tls/trust.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The authority of the seeds; its key is not kept. */
static const char authority[] = "-----BEGIN CERTIFICATE-----\n"
                                "MIIBdTCCARugAwIBAgIUJNZznuruDaHvrLN80LWsNAAPiPQwCgYIKoZIzj0EAwIw\n"
                                "EDEOMAwGA1UEAwwFRUMtQ0EwHhcNMjYxMTIwMjMzNTUyWhcNMzYxMTE3MjMzNTUy\n"
                                "WjAQMQ4wDAYDVQQDDAVFQy1DQTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLeg\n"
                                "a4b6y2sCKIm5WnQyu8sFHri71nnphwFn6wK50jr70vcm+Bq/QTr6D4tMpCywelMa\n"
                                "6K+Bi8JFWuFm2GugOtGjUzBRMB0GA1UdDgQWBBThOuZkuy2JQxSOnrpwr7lJZgUJ\n"
                                "OjAfBgNVHSMEGDAWgBThOuZkuy2JQxSOnrpwr7lJZgUJOjAPBgNVHRMBAf8EBTAD\n"
                                "AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDfAwvRGqVvC8Y/A7Cr1A0+cnEUdH6T8j/B\n"
                                "NvfQmx5xzAIgLc94XaMiJdPFlfCRyV3/WeN3BZz9ENzil+uzi6WyJuo=\n"
                                "-----END CERTIFICATE-----\n";

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

static void drain(struct tls_session *session)
{
    size_t size;

    while ((tls_session_state(session) & TLS_SEND) != 0) {
        require(tls_session_send(session, &size) != NULL && size > 0);
        tls_session_sent(session, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct tls_session *session;
    static struct tls_trust *trust;
    struct tls_client client = {.server_name = "watermark.test", .now = 1795304673};
    struct tls_summary summary;
    struct reason why = {""};
    size_t used = 0;

    if (session == NULL) {
        require(tls_session_create(&session) == 0);
        require(tls_trust_load(authority, sizeof authority - 1, &trust, &why) == 0);
    }
    client.trust = trust;
    require(tls_session_start_client(session, &client, &why) == 0);
    drain(session);
    while (used < size && (tls_session_state(session) & TLS_RECEIVE) != 0) {
        size_t room;
        uint8_t *in = tls_session_receive(session, &room);
        require(in != NULL && room > 0);
        room = room < size - used ? room : size - used;
        memcpy(in, data + used, room);
        tls_session_received(session, room);
        used += room;
        drain(session);
    }
    require(!tls_session_established(session)); /* nobody guesses a Finished */
    require(!tls_session_summary(session, &summary));
    tls_session_end(session);
    require(tls_session_state(session) == TLS_CLOSED);
    require(tls_session_error(session, &why) > 0 && why.text[0] != '\0');
    return 0;
}
