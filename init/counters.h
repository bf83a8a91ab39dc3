/* counters: how the relay tells PID 1 what it has carried: one question and one answer over ROLE_CONTROL. */
#ifndef INGOT_INIT_COUNTERS_H
#define INGOT_INIT_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/config.h"

/*
 *   PID 1   counters_ask ──► relay   counters_answer
 *           counters_take ◄────────  message 0 … n-1, COUNTERS_EACH rows each, in order
 *
 * Both ends are the same binary; a row is one listener's, in the order of roles.h, and the last row the sum. Neither
 * end ever waits for the other: what does not fit into the socket is not sent, and what is not as it must be is not
 * taken. PID 1 looks at nothing in an answer but lengths, place and numbers.
 */
#define COUNTERS_MAGIC 0x746e6372u
#define COUNTERS_EACH 32u

struct counters_row {
    uint64_t accepted; /* as struct relay_counters */
    uint64_t refused;
    uint64_t failed;
    uint64_t ended;
    uint64_t broken;
    uint64_t bytes_out;
    uint64_t bytes_in;
    uint64_t open;
};

struct counters_question {
    uint32_t magic;
    uint32_t number; /* of the question: its answer carries it too */
};

struct counters_message {
    uint32_t magic;
    uint32_t number;
    uint32_t first; /* row */
    uint32_t count; /* rows that count; the others are 0 */
    struct counters_row rows[COUNTERS_EACH];
};
_Static_assert(sizeof(struct counters_question) == 8, "question without holes");
_Static_assert(sizeof(struct counters_row) == 64, "row without holes");
_Static_assert(sizeof(struct counters_message) == 16 + 64 * COUNTERS_EACH, "message without holes");

/* Rows of an answer: what both sides count from the same enclave.ini. */
size_t counters_rows(const struct config *config);

/* PID 1's side. rows is the owner's, row_count long. */
struct counters {
    struct counters_row *rows;
    size_t row_count;
    size_t got; /* rows of the answer to number, from the first */
    size_t due; /* messages that may still come, those of older questions included */
    uint32_t number;
};

/* Puts a new question. 0 or -errno of send(2): then there will be no answer. */
int counters_ask(struct counters *counters, int socket);

/*
 * Takes one message of size bytes; those of older questions are passed over. True where the answer is complete now.
 * *error is -EPROTO where the other side does not keep to its protocol: listen to it no more.
 */
bool counters_take(struct counters *counters, const void *message, size_t size, int *error);

/* The relay's side: whether this is a question, and its number. */
bool counters_asked(const void *message, size_t size, uint32_t *number);
/* Sends the answer, without waiting. 0 or -errno. */
int counters_answer(int socket, uint32_t number, const struct counters_row *rows, size_t row_count);

#endif
