/* call: one HTTPS request with the enclave's own TLS, from a shell: tries a service and its certificates from outside.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "net/http.h"
#include "net/http_buffer.h"
#include "tls/explain.h"
#include "tls/identity.h"
#include "tls/trust.h"
#include "tools/call_run.h"
#include "tools/verbs.h"

#define SCHEME "https://"
#define DATA_MAX (64 << 20)
#define HEADERS_MAX 64
#define SECONDS_MAX 3600
#define SECONDS 30

extern const struct verb verb_call;

struct wish {
    const char *method;
    char *url;
    const char *cert;
    const char *key;
    const char *ca;
    const char *pin;
    const char *data;
    const char *connect_to;
    char *headers[HEADERS_MAX];
    size_t header_count;
    struct call_options options; /* filled in from the above, and by the options directly */
    char host[TLS_NAME_MAX + 1];
    char authority[ADDRESS_TEXT_SIZE];
    const char *target;
    uint8_t pin_bytes[32];
    struct http_buffer request;
};

/* ---- The URL ---- */

static int not_a_url(struct reason *why, const char *url, const char *what)
{
    return reason_set(why, -EINVAL, "%s: %s: it must be https://HOST[:PORT]/PATH", text_quote_string(url).text, what);
}

static int read_url(struct wish *wish, struct reason *why)
{
    const char *url = wish->url;
    const char *authority = url + sizeof SCHEME - 1;
    size_t size = 0;
    uint64_t port = 443;

    if (strncmp(url, SCHEME, sizeof SCHEME - 1) != 0) {
        return not_a_url(why, url, "its scheme is another one");
    }
    size = strcspn(authority, "/?#");
    if (size >= sizeof wish->authority || !http_authority_valid((struct http_text){authority, size})) {
        return not_a_url(why, url, "its host or port is not valid");
    }
    memcpy(wish->authority, authority, size);
    wish->authority[size] = '\0';
    wish->target = authority[size] != '\0' ? authority + size : "/";
    if (wish->target[0] != '/' || strchr(wish->target, '#') != NULL || strpbrk(wish->target, " \t\r\n") != NULL) {
        return not_a_url(why, url, "what follows the host is no path");
    }
    for (const char *p = wish->target; *p != '\0'; p++) {
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f) {
            return not_a_url(why, url, "its path has characters that must be written as %XX");
        }
    }
    /* [IPv6]:PORT or HOST:PORT */
    const char *name = wish->authority;
    const char *end = name[0] == '[' ? strchr(name, ']') : strchr(name, ':');
    const char *colon = name[0] == '[' ? strchr(end, ':') : end;
    size_t name_size = end != NULL ? (size_t)(end - name) : strlen(name);
    if (name[0] == '[') {
        name++;
        name_size--;
    }
    if (colon != NULL && !text_number(colon + 1, 1, UINT16_MAX, &port)) {
        return not_a_url(why, url, "its port is not valid");
    }
    if (name_size == 0 || name_size > TLS_NAME_MAX) {
        return not_a_url(why, url, "its host is empty or too long");
    }
    memcpy(wish->host, name, name_size);
    wish->host[name_size] = '\0';
    wish->options.to = (struct address){.form = ADDRESS_TCP, .port = (uint32_t)port};
    snprintf(wish->options.to.name, sizeof wish->options.to.name, "%s", wish->host);
    return 0;
}

/* ---- The request ---- */

static bool is_token(const char *text, size_t size)
{
    bool token = size > 0;

    for (size_t i = 0; i < size; i++) {
        token = token && http_is_token_byte(text[i]);
    }
    return token;
}

static int append(struct http_buffer *out, const char *text)
{
    return http_buffer_append(out, text, strlen(text));
}

static int append_header(struct wish *wish, const char *header, struct reason *why)
{
    const char *colon = strchr(header, ':');

    if (colon == NULL || !is_token(header, (size_t)(colon - header)) || strpbrk(colon, "\r\n") != NULL) {
        return reason_set(why, -EINVAL, "--header %s: not NAME: VALUE", text_quote_string(header).text);
    }
    if (strncasecmp(header, "host:", 5) == 0 || strncasecmp(header, "content-length:", 15) == 0 ||
        strncasecmp(header, "transfer-encoding:", 18) == 0 || strncasecmp(header, "connection:", 11) == 0) {
        return reason_set(why, -EINVAL, "--header %s: the request has its own", text_quote_string(header).text);
    }
    int error = append(&wish->request, header);
    return error < 0 ? error : append(&wish->request, "\r\n");
}

/* TEXT, @FILE or @- (standard input). *data is the caller's. */
static int read_data(const char *word, char **data, size_t *size, struct reason *why)
{
    if (word[0] != '@') {
        *size = strlen(word);
        *data = strdup(word);
        return *data != NULL ? 0 : reason_system(why, -ENOMEM, "no memory");
    }
    return strcmp(word, "@-") == 0 ? file_read_descriptor(STDIN_FILENO, "standard input", DATA_MAX, data, size, why)
                                   : file_read(word + 1, DATA_MAX, data, size, why);
}

static int make_request(struct wish *wish, struct reason *why)
{
    struct http_buffer *out = &wish->request;
    char *data = NULL;
    size_t size = 0;
    char length[64];
    int error = wish->data != NULL ? read_data(wish->data, &data, &size, why) : 0;

    if (error < 0) {
        return error;
    }
    (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", size);
    const char *const parts[] = {wish->method, " ", wish->target, " HTTP/1.1\r\nHost: ", wish->authority,
        "\r\nUser-Agent: ingot/" INGOT_VERSION "\r\nAccept: */*\r\nConnection: close\r\n",
        wish->data != NULL ? length : ""};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && error == 0; i++) {
        error = append(out, parts[i]);
    }
    for (size_t i = 0; i < wish->header_count && error == 0; i++) {
        error = append_header(wish, wish->headers[i], why);
    }
    if (error == 0) {
        error = append(out, "\r\n");
    }
    if (error == 0 && size > 0) {
        error = http_buffer_append(out, data, size);
    }
    free(data);
    if (error == -ENOMEM) {
        reason_system(why, error, "no memory for the request");
    }
    return error;
}

/* ---- Who we are, and whom we believe ---- */

static int read_pem(const char *path, char **pem, size_t *size, struct reason *why)
{
    return file_read(path, TLS_TRUST_PEM_MAX, pem, size, why);
}

static int load_trust(const char *path, struct tls_trust **trust, struct reason *why)
{
    char *pem;
    size_t size;
    int error = read_pem(path, &pem, &size, why);

    if (error < 0) {
        return error;
    }
    error = tls_trust_load(pem, size, trust, why);
    if (error < 0) {
        reason_prefix(why, "%s", path);
    }
    free(pem);
    return error;
}

static int load_identity(const struct wish *wish, struct tls_identity **identity, struct reason *why)
{
    char *cert;
    char *key;
    size_t cert_size;
    size_t key_size;
    int error = read_pem(wish->cert, &cert, &cert_size, why);

    if (error < 0) {
        return error;
    }
    error = read_pem(wish->key, &key, &key_size, why);
    if (error == 0) {
        error = tls_identity_load("client", cert, cert_size, key, key_size, identity, why);
        explicit_bzero(key, key_size);
        free(key);
    }
    free(cert);
    return error;
}

static int read_pin(struct wish *wish, struct reason *why)
{
    static const char prefix[] = "sha256/";
    bool begins = strncmp(wish->pin, prefix, sizeof prefix - 1) == 0;
    const char *base64 = begins ? wish->pin + sizeof prefix - 1 : "";

    if (text_base64_decode(base64, strlen(base64), wish->pin_bytes, sizeof wish->pin_bytes) !=
        (long)sizeof wish->pin_bytes) {
        return reason_set(why, -EINVAL, "--pin %s: not sha256/ and the base64 of 32 bytes, as curl's --pinnedpubkey",
            text_quote_string(wish->pin).text);
    }
    wish->options.tls.pin = wish->pin_bytes;
    return 0;
}

/* ---- The verb ---- */

static int call(struct wish *wish, struct reason *why)
{
    struct tls_trust *trust = NULL;
    struct tls_identity *identity = NULL;
    int code = EXIT_SYSTEM;
    int error = load_trust(wish->ca, &trust, why);

    if (error == 0 && wish->cert != NULL) {
        error = load_identity(wish, &identity, why);
    }
    if (error == 0) {
        error = make_request(wish, why);
    }
    if (error == 0) {
        wish->options.tls.trust = trust;
        wish->options.tls.identity = identity;
        wish->options.request = wish->request.data;
        wish->options.request_size = wish->request.size;
        code = call_run(&wish->options, why);
        error = why->text[0] != '\0' ? -EPROTO : 0;
    } else {
        code = verb_exit_code(error);
    }
    if (error < 0) {
        fprintf(stderr, "ingot call: %s\n", why->text);
    }
    http_buffer_free(&wish->request);
    tls_identity_free(identity);
    tls_trust_free(trust);
    return code;
}

/* docs/errors.md: the table, for people. */
static int print_errors(void)
{
    printf("# What a failed TLS session says\n\n"
           "Every failure of a TLS session, in the enclave's log, in an answer's `error` and from `ingot call`, is one "
           "of\n"
           "these sentences; the names it is about stand behind it in brackets, and what to do at its end. This page "
           "is made\n"
           "from the program's own table (tls/explain.c): `ingot call --errors`.\n\n"
           "| what is said | name | what to do |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < tls_fault_count; i++) {
        const struct tls_fault *fault = &tls_fault_table[i];
        printf("| %s | %s | %s |\n", fault->sentence, fault->name, fault->advice);
    }
    return EXIT_DONE;
}

enum {
    OPTION_CERT = 256,
    OPTION_KEY,
    OPTION_CA,
    OPTION_PIN,
    OPTION_DATA,
    OPTION_HEADER,
    OPTION_SERVER_NAME,
    OPTION_CN,
    OPTION_EKU,
    OPTION_CONNECT,
    OPTION_TIMEOUT,
    OPTION_ERRORS
};

static const struct option long_options[] = {
    {"cert", required_argument, NULL, OPTION_CERT},
    {"key", required_argument, NULL, OPTION_KEY},
    {"ca", required_argument, NULL, OPTION_CA},
    {"pin", required_argument, NULL, OPTION_PIN},
    {"data", required_argument, NULL, OPTION_DATA},
    {"header", required_argument, NULL, OPTION_HEADER},
    {"server-name", required_argument, NULL, OPTION_SERVER_NAME},
    {"cn", required_argument, NULL, OPTION_CN},
    {"eku", required_argument, NULL, OPTION_EKU},
    {"connect-to", required_argument, NULL, OPTION_CONNECT},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"include", no_argument, NULL, 'i'},
    {"verbose", no_argument, NULL, 'v'},
    {"errors", no_argument, NULL, OPTION_ERRORS},
    {0},
};

/* One of two words. */
static const char *take_choice(const char *text, const char *no, const char *yes, bool *chosen)
{
    *chosen = strcmp(text, yes) == 0;
    return *chosen || strcmp(text, no) == 0 ? NULL : "not one of its two words";
}

/* NULL, or what is wrong with the argument. */
static const char *take_option(struct wish *wish, int option, char *text)
{
    uint64_t number;

    switch (option) {
    case OPTION_CERT:
        wish->cert = text;
        return NULL;
    case OPTION_KEY:
        wish->key = text;
        return NULL;
    case OPTION_CA:
        wish->ca = text;
        return NULL;
    case OPTION_PIN:
        wish->pin = text;
        return NULL;
    case OPTION_DATA:
        wish->data = text;
        return NULL;
    case OPTION_HEADER:
        if (wish->header_count == HEADERS_MAX) {
            return "too many of them";
        }
        wish->headers[wish->header_count++] = text;
        return NULL;
    case OPTION_SERVER_NAME:
        wish->options.tls.server_name = text;
        return NULL;
    case OPTION_CN:
        return take_choice(text, "refused", "allowed", &wish->options.tls.cn_allowed);
    case OPTION_EKU:
        return take_choice(text, "optional", "required", &wish->options.tls.eku_required);
    case OPTION_CONNECT:
        wish->connect_to = text;
        return NULL;
    case OPTION_TIMEOUT:
        wish->options.milliseconds = text_number(text, 1, SECONDS_MAX, &number) ? (int64_t)number * 1000 : 0;
        return wish->options.milliseconds > 0 ? NULL : "not a number of seconds from 1 to 3600";
    case 'i':
        wish->options.include = true;
        return NULL;
    default:
        wish->options.verbose = true;
        return NULL;
    }
}

static int check(struct wish *wish)
{
    struct reason why;

    if (!is_token(wish->method, strlen(wish->method)) || strlen(wish->method) > HTTP_METHOD_MAX) {
        return verb_misuse(&verb_call, "%s is no method", text_quote_string(wish->method).text);
    }
    if (wish->ca == NULL) {
        return verb_misuse(&verb_call, "say whom to believe: --ca FILE, the CA's certificate");
    }
    if ((wish->cert == NULL) != (wish->key == NULL)) {
        return verb_misuse(&verb_call, "--cert and --key belong together");
    }
    if (read_url(wish, &why) < 0 || (wish->pin != NULL && read_pin(wish, &why) < 0) ||
        (wish->connect_to != NULL && address_parse_host(&wish->options.to, wish->connect_to, &why) < 0)) {
        return verb_misuse(&verb_call, "%s", why.text);
    }
    if (wish->options.tls.server_name == NULL) {
        wish->options.tls.server_name = wish->host;
    }
    wish->options.to_head = strcmp(wish->method, "HEAD") == 0;
    wish->options.url = wish->url;
    return EXIT_DONE;
}

static int run(int argc, char *argv[])
{
    struct wish wish = {.options.milliseconds = SECONDS * 1000};
    struct reason why = {""};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":iv", long_options, NULL)) != -1) {
        if (option == '?' || option == ':') {
            return verb_bad_option(&verb_call, argv, option);
        }
        if (option == OPTION_ERRORS) {
            return print_errors();
        }
        const char *wrong = take_option(&wish, option, optarg);
        if (wrong != NULL) {
            return verb_misuse(&verb_call, "%s: %s", text_quote_string(optarg).text, wrong);
        }
    }
    if (optind != argc - 2) {
        return verb_misuse(&verb_call, "it takes a method and a URL: ingot call GET https://HOST/PATH --ca FILE");
    }
    wish.method = argv[optind];
    wish.url = argv[optind + 1];
    int code = check(&wish);
    return code == EXIT_DONE ? call(&wish, &why) : code;
}

const struct verb verb_call = {
    .name = "call",
    .arguments = "METHOD https://HOST[:PORT]/PATH --ca FILE [--cert FILE --key FILE] [--pin sha256/…]\n"
                 "            [--data TEXT|@FILE] [--header 'NAME: VALUE']… [--connect-to ADDRESS]",
    .summary = "one HTTPS request with the enclave's own TLS: tries a service and its certificates",
    .help = "Makes one request as an enclave would, with the same checks and the same sentences when one fails, and "
            "prints\n"
            "the answer's body. Nothing is resumed, retried or redirected.\n"
            "\n"
            "  --ca FILE              the CAs to believe, PEM; no other is\n"
            "  --cert FILE            who we are, PEM: certificate, and its intermediates behind it\n"
            "  --key FILE             and its key\n"
            "  --pin sha256/BASE64    the service's key, as curl's --pinnedpubkey has it\n"
            "  --server-name NAME     the name in its certificate (default: HOST)\n"
            "  --cn refused|allowed   whether its CN may name it where there is no subjectAltName (refused)\n"
            "  --eku optional|required\n"
            "                         whether its certificate must have an extendedKeyUsage (optional)\n"
            "  --data TEXT|@FILE|@-   the request's body; @- is standard input\n"
            "  --header 'NAME: VALUE' another header; again for more\n"
            "  --connect-to ADDRESS   connect there instead: HOST:PORT, unix:PATH, vsock:CID:PORT, hybrid:PATH:PORT\n"
            "  --timeout SECONDS      for all of it (30)\n"
            "  -i, --include          the answer's head too\n"
            "  -v, --verbose          who answered, on standard error: certificate, version, suite, days left\n"
            "  --errors               print every sentence that a failure can have, and what to do (docs/errors.md)\n"
            "\n"
            "Exit: 0 an answer below 400, 1 another answer or a certificate that is refused, 111 no whole answer.\n",
    .run = run,
};
