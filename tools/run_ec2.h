/* run_ec2: the part of a run that is AWS's nitro-cli's on a parent instance: start, watch and end the enclave. */
#ifndef INGOT_TOOLS_RUN_EC2_H
#define INGOT_TOOLS_RUN_EC2_H

#include <stdbool.h>

#include "base/reason.h"

/*
 *   describe-enclaves: a free CID is chosen ── the proxy opens ── run-enclave, which waits for the heartbeat ──
 * secrets, console (debug only), describe-enclaves every RUN_EC2_WATCH_MS until the enclave is gone, or local_stop() ──
 *   terminate-enclave
 *
 * All of it on the run's loop; what fails is said on standard error and ends the run with EXIT_SYSTEM.
 */
#define RUN_EC2_DEVICE "/dev/nitro_enclaves"
#define RUN_EC2_WATCH_MS 2000
#define RUN_EC2_START_MS 300000 /* nitro-cli itself gives up 180 s after the memory is there */
#define RUN_EC2_END_MS 60000
#define RUN_EC2_FIRST_CID 16 /* the first that is tried; nitro-cli takes any from 4 on */

struct run;
struct run_ec2;

/* The device is there. */
bool run_ec2_is_here(void);

/* 0; -errno with a sentence. run->ec2 is to be ended in either case. */
int run_ec2_start(struct run *run, struct reason *why);

/* Ends the enclave, if it has not ended by itself, and waits for that; says where it can't. run->ec2 is NULL then. */
void run_ec2_end(struct run *run);

#endif
