/* passage: what the files of passage share: one request on its way through the gateway. */
#ifndef INGOT_APP_PASSAGE_H
#define INGOT_APP_PASSAGE_H

#include "app/fields.h"
#include "app/gateway.h"
#include "base/text.h"

#define PASSAGE_CLIENT_MAX 200 /* bytes of the client's name in the log */

/*
 *   passage_start ── refused at once ────────────────────────────────────────────────────────┐
 *                 └─ attempt ── request and answer, each as fast as the slower side ── whole ┼─ one line in the log
 *                       ↑  └─ failed, may be sent again: a pause                             │
 *                       └──────┘                                                             │
 *                          failed: 502, 503, 504, or the answer is cut; the client has gone ─┘
 */
struct passage {
    struct gateway *gateway;
    struct http_exchange *exchange;
    const struct config_route *route; /* NULL: none matches */
    struct upstream_call *call;       /* NULL: between attempts */
    struct loop_timer timer;          /* the pause; or the next turn, where others had to have theirs */
    unsigned attempts;                /* that failed and count */
    bool fresh;                       /* a kept connection has failed: the next one is new */
    struct http_text body;            /* of the request: read, and not sent yet */
    bool body_read;                   /* some of it: there is no second attempt */
    bool body_whole;
    bool answering;          /* the answer's head has gone out */
    struct http_text answer; /* of its body: read, and not passed yet */
    /* For the log, when all else may be gone. */
    char id[FIELDS_ID_MAX + 1];
    char method[HTTP_METHOD_MAX + 1];
    struct text_quoted path;
    char client[PASSAGE_CLIENT_MAX];
    unsigned status;
    uint64_t in;
    uint64_t out;
    int64_t started; /* loop_now() */
};
#define PASSAGE_SIZE sizeof(struct passage)

/* A request of the passage's, written anew. 0, or -errno with a sentence. */
int passage_write_request(
    const struct passage *passage, struct http_buffer *out, enum http_framing *framing, struct reason *why);

/* Answers {"error": sentence, "request_id": id}; allow is the value of Allow or NULL. Ends the passage. */
void passage_refuse(struct passage *passage, unsigned status, const char *allow, const char *sentence);
/* The one line in the log; sentence may be NULL. Then the passage is gone. */
void passage_end(struct passage *passage, const char *sentence);

#endif
