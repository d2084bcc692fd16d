/*
 * cmd_clone.h - what vtclone clone is asked for, and who makes its volumes: one (cmd_clone.c) or many (cmd_clone_many.c).
 */
#ifndef VTCLONE_CMD_CLONE_H
#define VTCLONE_CMD_CLONE_H

#include "cli_cloud.h"

#define CLONE_COUNT_MAX 100000

struct clone_command {
    struct cli_request request;
    const char *volume;        /* the name of one */
    const char *name_template; /* of many: "{n}" stands for the number */
    int64_t count, concurrency; /* of many */
    bool copy;                 /* have Glance copy the image where it is missing */
    const char *zone;          /* of volumes that Cinder makes */
    vtclone_clone_options options;
};

/* The library's handle for volumes on Ceph, or the cloud of the environment for those that Cinder makes. */
struct clone_maker {
    const struct clone_command *command;
    const vtclone_decision *decision;
    vtclone *handle;
    vtclone_cloud *cloud;
    int cancel_fd; /* readable once the user wants to stop; 0: none */
};

/* For the volumes of a decision that is a hit, which outlives it. */
int32_t clone_maker_open(struct clone_maker *maker, const struct clone_command *command, const vtclone_decision *decision,
                         vtclone_error *err);
void clone_maker_close(struct clone_maker *maker);
/* Makes one volume; any number of threads. The caller frees *out. */
int32_t clone_make(const struct clone_maker *maker, const char *name, vtclone_decision **out, vtclone_error *err);

/* Makes count volumes by the template and prints what became of them; returns the exit status. */
int clone_many(const struct clone_command *command, const vtclone_decision *decision);
/* Whether the template makes count different names of volumes. */
int32_t clone_check_template(const struct clone_command *command, vtclone_error *err);

#endif
