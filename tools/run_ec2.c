/* run_ec2: the part of a run that is AWS's nitro-cli's on a parent instance: start, watch and end the enclave. */
#include "tools/run_ec2.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "tools/command.h"
#include "tools/local_run.h"
#include "tools/nitro_cli.h"
#include "tools/verbs.h"

#define OUTPUT_MAX 65536 /* of run-enclave and terminate-enclave: a few hundred bytes of JSON */
#define ARGUMENTS_MAX 16

extern char **environ;

struct run_ec2 {
    struct run *run;
    struct nitro_cli *asking; /* describe-enclaves; NULL: not now */
    struct command *calling;  /* run-enclave or terminate-enclave */
    struct loop_timer again;  /* the next look */
    bool begun;               /* run-enclave was called: there may be an enclave of ours */
    bool gone;                /* it ended by itself */
    bool deaf;                /* the last look failed, and that was said */
    pid_t console;            /* nitro-cli console; 0: none */
    char id[NITRO_TEXT_MAX + 1];
};

bool run_ec2_is_here(void)
{
    return access(RUN_EC2_DEVICE, F_OK) == 0;
}

static void fail(struct run_ec2 *ec2, const char *what, const struct reason *why)
{
    fprintf(stderr, "ingot run: %s%s\n", what, why->text);
    local_stop(ec2->run, ec2->run->code == EXIT_MISUSE ? EXIT_MISUSE : EXIT_SYSTEM);
}

static const struct nitro_enclave *find(const struct nitro_enclave *enclaves, size_t count, uint32_t cid)
{
    for (size_t i = 0; i < count; i++) {
        if (enclaves[i].cid == cid) {
            return &enclaves[i];
        }
    }
    return NULL;
}

/* ---- the console, which only an enclave in debug mode has ---- */

static int console_start(struct run_ec2 *ec2)
{
    const char *const arguments[] = {nitro_cli_program(), "console", "--enclave-id", ec2->id, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0) {
        return -errno;
    }
    int error = posix_spawn_file_actions_init(&actions);
    if (error == 0 && (error = posix_spawnattr_init(&attributes)) != 0) {
        posix_spawn_file_actions_destroy(&actions);
    }
    if (error == 0) {
        sigemptyset(&none);
        if ((error = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
            (error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK)) == 0 &&
            (error = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) == 0 &&
            (error = posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)) == 0) {
            /* posix_spawnp() leaves the texts alone; its type is older than const. */
            error = posix_spawnp(
                &ec2->console, arguments[0], &actions, &attributes, (char *const *)(uintptr_t)arguments, environ);
        }
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (error != 0) {
        ec2->console = 0;
        close(ends[0]);
        return -error;
    }
    return fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : local_console_open(ec2->run, ends[0]);
}

static void console_end(struct run_ec2 *ec2)
{
    if (ec2->console > 0) {
        kill(ec2->console, SIGKILL);
        waitpid(ec2->console, NULL, 0);
        ec2->console = 0;
        local_console_close(ec2->run);
    }
}

/* ---- while it runs ---- */

static void has_ended(struct run_ec2 *ec2)
{
    struct run *run = ec2->run;

    ec2->gone = true;
    console_end(ec2);
    if (run->console.end == CONSOLE_IN_ORDER) {
        fprintf(stderr, "ingot run: the application has ended in order\n");
        local_stop(run, EXIT_DONE);
        return;
    }
    fprintf(stderr, "ingot run: the enclave has ended by itself; %s%s\n",
        run->console.any ? "its last line was: " : "why, only --debug shows",
        run->console.any ? text_quote_string(run->console.last).text : "");
    local_stop(run, EXIT_NO);
}

static void begin(struct run_ec2 *ec2, const struct nitro_enclave *enclave)
{
    struct run *run = ec2->run;
    struct reason why;

    snprintf(ec2->id, sizeof ec2->id, "%s", enclave->id);
    fprintf(stderr, "ingot run: the enclave is up: CID %u, %s\n", enclave->cid, ec2->id);
    run->heartbeat = true;
    int error = run->options->debug ? console_start(ec2) : 0;
    if (error < 0) {
        reason_system(&why, error, "nitro-cli console can't be started");
    } else {
        error = local_push_start(run, &why);
    }
    if (error < 0) {
        fail(ec2, "", &why);
        return;
    }
    local_say_if_ready(run);
}

static void looked(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct run_ec2 *ec2 = arg;
    const struct nitro_enclave *enclave = find(enclaves, count, ec2->run->cid);

    ec2->asking = NULL;
    if (why != NULL) {
        /* It may be busy; the enclave is none the worse for it. */
        if (!ec2->deaf) {
            fprintf(stderr, "ingot run: the enclave can't be watched just now: %s\n", why->text);
        }
        ec2->deaf = true;
    } else if (enclave == NULL || (ec2->id[0] != '\0' && strcmp(enclave->id, ec2->id) != 0)) {
        has_ended(ec2);
        return;
    } else {
        ec2->deaf = false;
        if (ec2->id[0] == '\0') {
            begin(ec2, enclave);
        }
    }
    loop_after(ec2->run->loop, &ec2->again, RUN_EC2_WATCH_MS);
}

static void look(struct loop_timer *timer)
{
    struct run_ec2 *ec2 = timer->owner;
    struct reason why;

    if (nitro_cli_enclaves_start(&ec2->asking, ec2->run->loop, looked, ec2, &why) < 0) {
        fail(ec2, "", &why);
    }
}

/* ---- its start ---- */

static void started(void *arg, const char *output, size_t size, const struct reason *why)
{
    struct run_ec2 *ec2 = arg;

    (void)output; /* describe-enclaves says the same, in a form that is asked for again and again */
    (void)size;
    ec2->calling = NULL;
    if (why != NULL) {
        fail(ec2, "the enclave could not be started (ingot doctor looks for the cause): ", why);
        return;
    }
    look(&ec2->again);
}

static int enclave_start(struct run_ec2 *ec2, struct reason *why)
{
    struct run *run = ec2->run;
    const struct config *config = &run->image.config;
    char cpus[16], memory[24], cid[16];
    const char *const arguments[ARGUMENTS_MAX] = {nitro_cli_program(), "run-enclave", "--eif-path", run->options->image,
        "--enclave-name", config->image.name, "--enclave-cid", cid, "--cpu-count", cpus, "--memory", memory,
        run->options->debug ? "--debug-mode" : NULL};
    const struct command_options options = {
        .arguments = arguments, .output_max = OUTPUT_MAX, .milliseconds = RUN_EC2_START_MS};

    snprintf(cid, sizeof cid, "%u", run->cid);
    snprintf(cpus, sizeof cpus, "%u", run->options->cpus != 0 ? run->options->cpus : config->image.cpus);
    snprintf(memory, sizeof memory, "%llu",
        (unsigned long long)((run->options->memory != 0 ? run->options->memory : config->image.memory) >> 20));
    run->started = loop_now(run->loop);
    ec2->begun = true;
    return command_start(&ec2->calling, run->loop, &options, started, ec2, why);
}

/* The CID is chosen here, not by nitro-cli: so the proxy is there before the enclave's first connection. */
static void list_came(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct run_ec2 *ec2 = arg;
    struct run *run = ec2->run;
    struct reason wrong;

    ec2->asking = NULL;
    if (why != NULL) {
        fail(ec2, "", why);
        return;
    }
    run->cid = run->options->cid != 0 ? run->options->cid : RUN_EC2_FIRST_CID;
    while (run->options->cid == 0 && find(enclaves, count, run->cid) != NULL) {
        run->cid++;
    }
    const struct nitro_enclave *taken = find(enclaves, count, run->cid);
    if (taken != NULL) {
        reason_set(&wrong, -EADDRINUSE, "--cid %u is that of the enclave %s (%s): leave it out, or end that one first",
            run->cid, text_quote_string(taken->name).text, taken->id);
        fail(ec2, "", &wrong);
    } else if (local_proxy_open(run, &wrong) < 0 || enclave_start(ec2, &wrong) < 0) {
        fail(ec2, "", &wrong);
    }
}

int run_ec2_start(struct run *run, struct reason *why)
{
    struct run_ec2 *ec2 = calloc(1, sizeof *ec2);

    if (ec2 == NULL) {
        return reason_system(why, -ENOMEM, "can't start");
    }
    ec2->run = run;
    ec2->again = (struct loop_timer){.fired = look, .owner = ec2};
    run->ec2 = ec2;
    return nitro_cli_enclaves_start(&ec2->asking, run->loop, list_came, ec2, why);
}

/* ---- its end ---- */

/* An answer that is waited for, all else being over. */
struct answer {
    struct run_ec2 *ec2;
    bool failed;
    struct reason why;
};

static void answered(struct answer *answer, const struct reason *why)
{
    answer->failed = why != NULL;
    if (why != NULL) {
        answer->why = *why;
    }
    loop_stop(answer->ec2->run->loop);
}

/* Ended while run-enclave was at work: the CID was free before, so who has it and our name is ours. */
static void last_list_came(void *arg, const struct nitro_enclave *enclaves, size_t count, const struct reason *why)
{
    struct answer *answer = arg;
    struct run_ec2 *ec2 = answer->ec2;
    const struct nitro_enclave *enclave = find(enclaves, count, ec2->run->cid);

    ec2->asking = NULL;
    if (enclave != NULL && strcmp(enclave->name, ec2->run->image.config.image.name) == 0) {
        snprintf(ec2->id, sizeof ec2->id, "%s", enclave->id);
    }
    answered(answer, why);
}

static void terminated(void *arg, const char *output, size_t size, const struct reason *why)
{
    struct answer *answer = arg;

    (void)output;
    (void)size;
    answer->ec2->calling = NULL;
    answered(answer, why);
}

static int terminate(struct answer *answer)
{
    const char *const arguments[] = {nitro_cli_program(), "terminate-enclave", "--enclave-id", answer->ec2->id, NULL};
    const struct command_options options = {
        .arguments = arguments, .output_max = OUTPUT_MAX, .milliseconds = RUN_EC2_END_MS};
    struct loop *loop = answer->ec2->run->loop;
    int error = command_start(&answer->ec2->calling, loop, &options, terminated, answer, &answer->why);

    return error < 0 ? error : loop_run(loop);
}

static void enclave_end(struct run_ec2 *ec2)
{
    struct answer answer = {.ec2 = ec2};
    int error = 0;

    if (ec2->id[0] == '\0') {
        error = nitro_cli_enclaves_start(&ec2->asking, ec2->run->loop, last_list_came, &answer, &answer.why);
        error = error < 0 ? error : loop_run(ec2->run->loop);
    }
    if (error == 0 && !answer.failed && ec2->id[0] != '\0') {
        error = terminate(&answer);
    }
    if (error < 0 || answer.failed) {
        fprintf(stderr, "ingot run: the enclave may still run: %s; look with nitro-cli describe-enclaves\n",
            answer.why.text);
        ec2->run->code = EXIT_SYSTEM;
    } else if (ec2->id[0] != '\0') {
        fprintf(stderr, "ingot run: the enclave is ended\n");
    }
}

void run_ec2_end(struct run *run)
{
    struct run_ec2 *ec2 = run->ec2;

    if (ec2 == NULL) {
        return;
    }
    run->stopping = true;
    loop_cancel(run->loop, &ec2->again);
    nitro_cli_cancel(ec2->asking);
    command_cancel(ec2->calling);
    ec2->asking = NULL;
    ec2->calling = NULL;
    if (ec2->begun && !ec2->gone) {
        enclave_end(ec2);
    }
    nitro_cli_cancel(ec2->asking);
    command_cancel(ec2->calling);
    console_end(ec2);
    free(ec2);
    run->ec2 = NULL;
}
