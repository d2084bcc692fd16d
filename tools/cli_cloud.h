/*
 * cli_cloud.h - the subcommands that talk to live services: opening the cloud of the OS_* environment, and stopping on
 * Ctrl-C.
 */
#ifndef VTCLONE_CLI_CLOUD_H
#define VTCLONE_CLI_CLOUD_H

#include "cli_common.h"
#include "cli_progress.h"

/* Opens the cloud of the environment; warns where TLS is not verified. site: a file whose entries win over live ones, or
 * NULL. timeout_ms of single calls: 0 for the default. */
int32_t cli_cloud_open(const char *site, uint32_t timeout_ms, vtclone_cloud **out, vtclone_error *err);

/* A descriptor that becomes readable on SIGINT or SIGTERM, which then do nothing else; 0 where there is none to be had.
 * Call it before any thread is started. */
int cli_cancel_fd(void);

/* For cli_progress_begin(): how far a copy is; the context is its vtclone_copy_progress. */
void cli_copy_look(const void *context, struct cli_progress_state *state);

/* Resolves --image-id by the live services; copy: Glance copies the image where it is missing. The caller frees *out. */
int32_t cli_resolve_live(const struct cli_request *request, vtclone_cloud *cloud, bool copy, vtclone_decision **out,
                         vtclone_error *err);

#endif
