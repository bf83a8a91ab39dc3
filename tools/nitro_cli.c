/* nitro_cli: asks AWS's nitro-cli which enclaves run on this parent instance. */
#include "tools/nitro_cli.h"

#include <errno.h>
#include <stdlib.h>

#include "tools/command.h"

struct nitro_cli {
    struct command *command;
    nitro_cli_done *done;
    void *arg;
};

const char *nitro_cli_program(void)
{
    const char *chosen = getenv("INGOT_NITRO_CLI");

    return chosen != NULL && *chosen != '\0' ? chosen : "nitro-cli";
}

static void ended(void *arg, const char *output, size_t size, const struct reason *why)
{
    struct nitro_cli *cli = arg;
    struct nitro_enclave enclaves[NITRO_ENCLAVES_MAX];
    struct reason wrong;
    size_t count = 0;

    if (why == NULL && nitro_answer_read(output, size, enclaves, &count, &wrong) < 0) {
        why = &wrong;
    }
    cli->done(cli->arg, enclaves, why == NULL ? count : 0, why);
    free(cli);
}

int nitro_cli_enclaves_start(
    struct nitro_cli **out, struct loop *loop, nitro_cli_done *done, void *arg, struct reason *why)
{
    const char *const arguments[] = {nitro_cli_program(), "describe-enclaves", NULL};
    const struct command_options options = {
        .arguments = arguments, .output_max = NITRO_ANSWER_MAX, .milliseconds = NITRO_CLI_MS};
    struct nitro_cli *cli = calloc(1, sizeof *cli);

    if (cli == NULL) {
        return reason_system(why, -ENOMEM, "nitro-cli can't be asked");
    }
    *cli = (struct nitro_cli){.done = done, .arg = arg};
    int error = command_start(&cli->command, loop, &options, ended, cli, why);
    if (error < 0) {
        struct reason said = *why;
        free(cli);
        return error == -ENOENT
                   ? reason_set(why, error,
                         "%s: install aws-nitro-enclaves-cli, or name the program in INGOT_NITRO_CLI", said.text)
                   : error;
    }
    *out = cli;
    return 0;
}

void nitro_cli_cancel(struct nitro_cli *cli)
{
    if (cli != NULL) {
        command_cancel(cli->command);
        free(cli);
    }
}
