/* counters: how the relay tells PID 1 what it has carried: one question and one answer over ROLE_CONTROL. */
#include "init/counters.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

size_t counters_rows(const struct config *config)
{
    return config->endpoint_count + config->inbound_count + 1;
}

static int send_whole(int socket, const void *message, size_t size)
{
    ssize_t sent = send(socket, message, size, MSG_DONTWAIT | MSG_NOSIGNAL);

    return sent < 0 ? -errno : (size_t)sent == size ? 0 : -EMSGSIZE;
}

static uint32_t rows_from(size_t first, size_t row_count)
{
    size_t left = row_count - first;

    return (uint32_t)(left < COUNTERS_EACH ? left : COUNTERS_EACH);
}

int counters_ask(struct counters *counters, int socket)
{
    struct counters_question question = {COUNTERS_MAGIC, ++counters->number};
    int error = send_whole(socket, &question, sizeof question);

    counters->got = 0;
    if (error == 0) {
        counters->due += (counters->row_count + COUNTERS_EACH - 1) / COUNTERS_EACH;
    }
    return error;
}

bool counters_take(struct counters *counters, const void *bytes, size_t size, int *error)
{
    struct counters_message message;

    *error = -EPROTO;
    if (counters->due == 0 || size != sizeof message) {
        return false;
    }
    memcpy(&message, bytes, sizeof message);
    counters->due--;
    if (message.magic != COUNTERS_MAGIC) {
        return false;
    }
    if (message.number != counters->number) {
        *error = 0;
        return false;
    }
    if (counters->got == counters->row_count || message.first != counters->got ||
        message.count != rows_from(counters->got, counters->row_count)) {
        return false;
    }
    memcpy(counters->rows + counters->got, message.rows, message.count * sizeof message.rows[0]);
    counters->got += message.count;
    *error = 0;
    return counters->got == counters->row_count;
}

bool counters_asked(const void *message, size_t size, uint32_t *number)
{
    struct counters_question question;

    if (size != sizeof question) {
        return false;
    }
    memcpy(&question, message, sizeof question);
    *number = question.number;
    return question.magic == COUNTERS_MAGIC;
}

int counters_answer(int socket, uint32_t number, const struct counters_row *rows, size_t row_count)
{
    int error = 0;

    for (size_t first = 0; first < row_count && error == 0; first += COUNTERS_EACH) {
        struct counters_message message = {COUNTERS_MAGIC, number, (uint32_t)first, rows_from(first, row_count), {{0}}};
        memcpy(message.rows, rows + first, message.count * sizeof *rows);
        error = send_whole(socket, &message, sizeof message);
    }
    return error;
}
