/* pushes: what PID 1 and the secrets role say to each other over ROLE_CONTROL. */
#ifndef INGOT_INIT_PUSHES_H
#define INGOT_INIT_PUSHES_H

/*
 *   secrets role                                          PID 1
 *   PUSH_OFFER, with the sealed memory file  ───────────►  checks lengths and seals, writes the identity, delivers
 *   PUSH_NOTHING: there is none, or not yet  ───────────►
 *                                            ◄───────────  PUSH_ACCEPTED, PUSH_CONFIGURED, PUSH_AGAIN or PUSH_FAILED
 *   answers the connection, ends
 *
 * It asks once before it parses anything: after an acceptance nobody's bytes are looked at any more, but where
 * `[secrets] again` wants further pushes.
 * More connections than there are places for wait in the listener's queue.
 * What PID 1 has accepted stays accepted, whatever becomes of the role and of its answer.
 */
enum {
    PUSH_OFFER = 'O',
    PUSH_NOTHING = 'N',
    PUSH_ACCEPTED = 'A',
    PUSH_CONFIGURED = 'C', /* there was an accepted push before: the answer to every further one, good or not */
    PUSH_AGAIN = 'R',      /* to PUSH_NOTHING: there was one before, and this one may follow it */
    PUSH_FAILED = 'F',     /* to an offer: the console says why */
};

#define PUSH_SECONDS 30 /* from the connection to the end of the sender's bytes */

#endif
