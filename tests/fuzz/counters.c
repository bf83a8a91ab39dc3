/* fuzz counters: any messages of a relay in any order: rows are written only where they belong, and only when asked
 * for.
 */
#include "init/counters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS_MAX = 100, STEPS_MAX = 200 };

static void require(bool true_always)
{
    if (!true_always) {
        abort();
    }
}

struct input {
    const uint8_t *data;
    size_t size;
};

static unsigned take(struct input *in)
{
    if (in->size == 0) {
        return 0;
    }
    in->size--;
    return *in->data++;
}

/* The relay reads the question: whatever is one has the number that PID 1 expects back. */
static void ask(struct counters *counters, const int ends[static 2])
{
    char question[64];
    uint32_t number;
    size_t due = counters->due;

    require(counters_ask(counters, ends[0]) == 0);
    ssize_t got = recv(ends[1], question, sizeof question, 0);
    require(got > 0 && counters_asked(question, (size_t)got, &number) && number == counters->number);
    require(counters->got == 0 && counters->due > due);
}

/* A message that is right but for what the input changes: else nothing would ever pass the first check. */
static void answer(struct counters *counters, struct input *in)
{
    static const uint32_t odd[] = {1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, UINT32_MAX};
    struct {
        struct counters_message message;
        char more[8];
    } sent;
    size_t left = counters->row_count - counters->got;
    size_t got = counters->got;
    size_t due = counters->due;
    unsigned change = take(in);
    uint32_t by = odd[take(in) % (sizeof odd / sizeof odd[0])];
    int error = 1;

    memset(&sent, (int)take(in), sizeof sent);
    sent.message.magic = COUNTERS_MAGIC + (change & 1 ? by : 0);
    sent.message.number = counters->number - (change & 2 ? by : 0);
    sent.message.first = (uint32_t)got + (change & 4 ? by : 0);
    sent.message.count = (uint32_t)(left < COUNTERS_EACH ? left : COUNTERS_EACH) + (change & 8 ? by : 0);
    size_t size = change & 16 ? take(in) % sizeof sent : sizeof sent.message + (change & 32 ? by % 8 : 0);

    bool whole = counters_take(counters, &sent, size, &error);
    require(error == 0 || error == -EPROTO);
    require(!whole || (error == 0 && counters->got == counters->row_count && due > 0));
    require(counters->got <= counters->row_count && counters->got >= got && counters->got - got <= COUNTERS_EACH);
    require(error == 0 || counters->got == got);
    require(counters->due <= due);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int ends[2] = {-1, -1};
    struct input in = {data, size};
    struct counters counters = {.row_count = 1 + take(&in) % ROWS_MAX};

    if (ends[0] < 0) {
        require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends) == 0);
    }
    counters.rows = calloc(counters.row_count, sizeof *counters.rows); /* so that the sanitizer sees its end */
    require(counters.rows != NULL);
    for (int i = 0; i < STEPS_MAX && in.size > 0; i++) {
        if (take(&in) % 4 == 0) {
            ask(&counters, ends);
        } else {
            answer(&counters, &in);
        }
    }
    free(counters.rows);
    return 0;
}
