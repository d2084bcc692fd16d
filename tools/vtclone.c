/*
 * vtclone.c - the operator's command: one subcommand each in a cmd_*.c file.
 */
#include "cli_common.h"

#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    { "resolve", cmd_resolve, "say which location of an image serves a volume type, and why the others do not" },
    { "clone", cmd_clone, "resolve, then make the volume" },
    { "doctor", cmd_doctor, "say what of a deployment works for cloning, and what to change" },
    { "stores", cmd_stores, "show which store stands beside which backend and serves which volume type" },
    { "copy", cmd_copy, "have Glance copy an image into stores" },
};

static void usage(FILE *to)
{
    fputs("usage: vtclone COMMAND [OPTION...]   (vtclone COMMAND --help)\n\n", to);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs("\n  --version  print the version\n", to);
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        usage(stdout);
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("vtclone %s (library ABI %u)\n", vtclone_version(), vtclone_abi());
        return CLI_OK;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "vtclone: %s is no command\n", argv[1]);
    usage(stderr);
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    return cli_end("vtclone", run(argc, argv));
}
