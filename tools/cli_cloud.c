/*
 * cli_cloud.c - the cloud of the OS_* environment.
 */
#include "cli_cloud.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>

int32_t cli_cloud_open(const char *site, uint32_t timeout_ms, vtclone_cloud **out, vtclone_error *err)
{
    vtclone_cloud_options options = { .size = sizeof(options) };
    vtclone_options handle;
    struct cli_text text = { 0 };

    int32_t code = vtclone_cloud_options_from_env(&options, err);
    if (code == VTCLONE_OK && site != NULL)
        code = cli_read_file(site, "site", &text, err);
    if (code != VTCLONE_OK)
        return code;
    if (options.insecure)
        fputs("vtclone: warning: OS_INSECURE is set: nobody checks whom the password and tokens go to\n", stderr);
    cli_handle_options(&handle);
    options.debug_fd = handle.debug_fd;
    options.timeout_ms = timeout_ms;
    options.site = text.data;
    options.site_len = text.len;
    code = vtclone_cloud_open(&options, out, err);
    free(text.data);
    return code;
}

int cli_cancel_fd(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0)
        return 0;
    int fd = signalfd(-1, &signals, SFD_CLOEXEC);
    if (fd > 0)
        return fd;
    sigprocmask(SIG_UNBLOCK, &signals, NULL); /* then a signal ends the program, as usual */
    return 0;
}

void cli_copy_look(const void *context, struct cli_progress_state *state)
{
    const vtclone_copy_progress *progress = context;

    state->done = __atomic_load_n(&progress->copied_bytes, __ATOMIC_RELAXED) >> 20;
    state->total = __atomic_load_n(&progress->total_bytes, __ATOMIC_RELAXED) >> 20;
    state->unit = "MiB";
    if (__atomic_load_n(&progress->state, __ATOMIC_ACQUIRE) == VTCLONE_COPY_WAITING)
        state->note = "another import of the image has to end first";
}

static int32_t resolve_or_copy(vtclone_cloud *cloud, const char *image_id, const vtclone_resolve_options *options,
                               vtclone_decision **out, vtclone_error *err)
{
    vtclone_copy_progress copied = { 0 };
    const vtclone_copy_options copy = { .size = sizeof(copy), .progress = &copied };
    struct cli_progress progress;

    cli_progress_begin(&progress, "copying the image", cli_copy_look, &copied);
    int32_t code = vtclone_cloud_resolve_or_copy(cloud, NULL, image_id, NULL, options, &copy, out, err);
    cli_progress_end(&progress);
    return code;
}

int32_t cli_resolve_live(const struct cli_request *request, vtclone_cloud *cloud, bool copy, vtclone_decision **out,
                         vtclone_error *err)
{
    struct cli_text volumes = { 0 };
    int32_t code = VTCLONE_OK;

    if (request->image_volumes != NULL)
        code = cli_read_file(request->image_volumes, "image volumes", &volumes, err);
    const vtclone_resolve_options options = {
        .size = sizeof(options),
        .volume_type = request->volume_type,
        .backend = request->backend,
        .size_gib = request->size_gib,
        .project_id = request->project,
        .image_volumes = volumes.data,
        .image_volumes_len = volumes.len,
        .signed_images = request->allow_signed ? VTCLONE_SIGNED_ALLOW : VTCLONE_SIGNED_DENY,
        .owner_rule = request->owner_paired ? VTCLONE_OWNER_PAIRED : VTCLONE_OWNER_CINDER,
    };
    if (code == VTCLONE_OK && copy)
        code = resolve_or_copy(cloud, request->image_id, &options, out, err);
    else if (code == VTCLONE_OK)
        code = vtclone_cloud_resolve(cloud, NULL, request->image_id, NULL, &options, out, err);
    free(volumes.data);
    return code;
}
