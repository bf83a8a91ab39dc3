/* push: hands secrets to an enclave and waits for its answer. */
#ifndef INGOT_TOOLS_PUSH_H
#define INGOT_TOOLS_PUSH_H

#include <stddef.h>
#include <stdint.h>

#include "base/reason.h"
#include "net/address.h"
#include "net/loop.h"

/*
 * One attempt: connect, send one JSON object, half-close, read one line: {"accepted": ["KEY", …]} or {"error": "…"}.
 * While the enclave is not up (refused, or an end without an answer) it is tried again, after PUSH_RETRY_MS and then
 * twice as long each time up to PUSH_RETRY_MAX_MS (a longer first pause stays as it is).
 *
 * An answer that is lost on its way undoes nothing: the enclave may have accepted. The next attempt is then answered
 * `already configured`; why says so in words, and the result is still PUSH_REFUSED: nobody saw the acceptance.
 */
#define PUSH_SECRETS_MAX (256 * 1024)
#define PUSH_REPLY_MAX (64 * 1024)
#define PUSH_WAIT_MS 120000
#define PUSH_RETRY_MS 100
#define PUSH_RETRY_MAX_MS 2000
#define PUSH_ANSWER_MS 60000 /* the enclave itself gives up a stalled push after 30 s */

enum push_result { PUSH_ACCEPTED, PUSH_REFUSED, PUSH_UNREACHED };

struct push_options {
    struct address to;
    const char *secrets;                                  /* borrowed until the end; the caller wipes it */
    size_t size;                                          /* at most PUSH_SECRETS_MAX */
    int64_t wait_ms;                                      /* for the first answer, all attempts together */
    uint32_t attempts;                                    /* at most; 0: as many as the wait allows */
    int64_t delay_ms;                                     /* the first pause; 0: PUSH_RETRY_MS */
    void (*waiting)(void *arg, const struct reason *why); /* the first attempt that failed; may be NULL */
    void (*sending)(void *arg); /* each attempt that the enclave has taken: the secrets go out; may be NULL */
    void *arg;                  /* of these two */
};

/*
 * answer: the enclave's JSON object as one line without its newline (NULL with PUSH_UNREACHED), valid during the call.
 * why: a sentence where it was not accepted, else NULL. Neither holds a value of the secrets unless the enclave's own
 * answer does.
 */
typedef void push_done(void *arg, enum push_result result, const char *answer, const struct reason *why);

struct push;

/* done is called once, never from inside, and the handle is gone when it is. options is copied. 0 or -ENOMEM. */
int push_start(struct push **push, struct loop *loop, const struct push_options *options, push_done *done, void *arg);
/* NULL does nothing. */
void push_cancel(struct push *push);

/* Whether data is one JSON object, as the enclave wants it. name stands in the sentence, no content does. 0 or -EINVAL.
 */
int push_check(const char *data, size_t size, const char *name, struct reason *why);

#endif
