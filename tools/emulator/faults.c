/* faults: what a hostile or unlucky parent does, as the user asks for it: which connections, and from which byte on. */
#include "tools/emulator/faults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tools/emulator/peers.h"

enum value { VALUE_NONE, VALUE_BYTES, VALUE_MS, VALUE_HEARTBEAT };

static const struct {
    const char *name;
    enum value value;
    uint64_t standard; /* without `=VALUE`; the word must have one where this is UINT64_MAX */
    bool of_connection;
} words[FAULT_WORDS] = {
    [FAULT_DELAY] = {"delay", VALUE_MS, UINT64_MAX, true},
    [FAULT_DROP] = {"drop", VALUE_BYTES, 0, true},
    [FAULT_RESET] = {"reset", VALUE_BYTES, 0, true},
    [FAULT_HALF_CLOSE] = {"half-close", VALUE_BYTES, 0, true},
    [FAULT_REFUSE] = {"refuse", VALUE_NONE, 0, true},
    [FAULT_STALL] = {"stall", VALUE_NONE, 0, true},
    [FAULT_ONE_BYTE] = {"one-byte", VALUE_NONE, 0, true},
    [FAULT_NO_CREDIT] = {"no-credit", VALUE_NONE, 0, true},
    [FAULT_NO_PACKET_LIMIT] = {"no-packet-limit", VALUE_NONE, 0, true},
    [FAULT_HEARTBEAT] = {"heartbeat", VALUE_HEARTBEAT, UINT64_MAX, false},
    [FAULT_SECRETS_TWICE] = {"secrets-twice", VALUE_NONE, 0, false},
    [FAULT_PARENT_RESTART] = {"parent-restart", VALUE_MS, 1000, false},
};

static int not_a_word(struct reason *why)
{
    char list[256] = "";

    for (unsigned i = 0; i < FAULT_WORDS; i++) {
        size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", words[i].name);
    }
    return reason_set(why, -EINVAL, "there is no such fault: %s", list);
}

/* Cuts what follows mark, a number, off the text. False: it is none. */
static bool cut_number(char *text, char mark, uint64_t min, uint64_t max, uint64_t *number)
{
    char *at = strrchr(text, mark);

    if (at == NULL) {
        return true;
    }
    *at = '\0';
    return text_number(at + 1, min, max, number);
}

static bool read_value(struct fault_rule *rule, const char *value)
{
    switch (words[rule->word].value) {
    case VALUE_NONE:
        return value == NULL;
    case VALUE_BYTES:
        return value == NULL || text_number(value, 0, INT64_MAX, &rule->value);
    case VALUE_MS:
        return value == NULL ? rule->value != UINT64_MAX : text_number(value, 1, FAULTS_DELAY_MAX, &rule->value);
    case VALUE_HEARTBEAT:
        rule->value = value != NULL && strcmp(value, "late") == 0 ? FAULT_HEARTBEAT_LATE : FAULT_HEARTBEAT_WRONG;
        return value != NULL && (strcmp(value, "late") == 0 || strcmp(value, "wrong") == 0);
    }
    return false;
}

int faults_add(struct faults *faults, const char *text, struct reason *why)
{
    struct fault_rule rule = {.left = UINT64_MAX};
    char copy[128];
    uint64_t port = 0;

    if (faults->count == FAULTS_MAX) {
        return reason_set(why, -EINVAL, "at most %d faults", FAULTS_MAX);
    }
    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy) {
        return not_a_word(why);
    }
    if (!cut_number(copy, '/', 1, INT64_MAX, &rule.left) || !cut_number(copy, '@', 1, UINT32_MAX - 1, &port)) {
        return reason_set(why, -EINVAL, "a fault is WORD[=VALUE][@PORT][/COUNT], PORT and COUNT are numbers from 1");
    }
    char *value = strchr(copy, '=');
    if (value != NULL) {
        *value++ = '\0';
    }
    while (rule.word < FAULT_WORDS && strcmp(words[rule.word].name, copy) != 0) {
        rule.word++;
    }
    if (rule.word == FAULT_WORDS) {
        return not_a_word(why);
    }
    rule.port = (uint32_t)port;
    rule.value = words[rule.word].standard;
    if (!read_value(&rule, value)) {
        static const char *const values[] = {
            "takes no value", "takes a number of bytes", "takes milliseconds, 1 to 60000", "takes late or wrong"};
        return reason_set(why, -EINVAL, "%s %s", words[rule.word].name, values[words[rule.word].value]);
    }
    if (port != 0 && !words[rule.word].of_connection) {
        return reason_set(why, -EINVAL, "%s concerns no port", words[rule.word].name);
    }
    if (rule.word == FAULT_DELAY && port == PEERS_HEARTBEAT_PORT) {
        return reason_set(why, -EINVAL, "nothing is read or written for the heartbeat: heartbeat=late delays it");
    }
    faults->rules[faults->count++] = rule;
    return 0;
}

static void apply(struct fault *fault, const struct fault_rule *rule)
{
    switch (rule->word) {
    case FAULT_DELAY:
        fault->delay_ms = (uint32_t)rule->value;
        break;
    case FAULT_DROP:
        fault->drop = rule->value;
        break;
    case FAULT_RESET:
        fault->reset = rule->value;
        break;
    case FAULT_HALF_CLOSE:
        fault->half_close = rule->value;
        break;
    case FAULT_REFUSE:
        fault->refuse = true;
        break;
    case FAULT_STALL:
        fault->stall = true;
        break;
    case FAULT_ONE_BYTE:
        fault->one_byte = true;
        break;
    case FAULT_NO_CREDIT:
        fault->no_credit = true;
        break;
    case FAULT_NO_PACKET_LIMIT:
        fault->no_packet_limit = true;
        break;
    case FAULT_HEARTBEAT:
    case FAULT_SECRETS_TWICE:
    case FAULT_PARENT_RESTART:
    case FAULT_WORDS:
        break;
    }
}

struct fault faults_pick(struct faults *faults, uint32_t port)
{
    struct fault fault = {.drop = FAULTS_NEVER, .reset = FAULTS_NEVER, .half_close = FAULTS_NEVER};
    bool spared = port == PEERS_HEARTBEAT_PORT || (faults != NULL && port == faults->secrets_port);

    for (unsigned i = 0; faults != NULL && i < faults->count; i++) {
        struct fault_rule *rule = &faults->rules[i];
        bool meant = rule->port == 0 ? !spared : rule->port == port;
        if (words[rule->word].of_connection && meant && rule->left > 0) {
            rule->left--;
            apply(&fault, rule);
        }
    }
    return fault;
}

enum fault_heartbeat faults_heartbeat(struct faults *faults)
{
    for (unsigned i = 0; faults != NULL && i < faults->count; i++) {
        struct fault_rule *rule = &faults->rules[i];
        if (rule->word == FAULT_HEARTBEAT && rule->left > 0) {
            rule->left--;
            return (enum fault_heartbeat)rule->value;
        }
    }
    return FAULT_HEARTBEAT_RIGHT;
}

bool faults_has(const struct faults *faults, enum fault_word word, uint64_t *value)
{
    for (unsigned i = 0; i < faults->count; i++) {
        if (faults->rules[i].word == word) {
            *value = faults->rules[i].value;
            return true;
        }
    }
    return false;
}
