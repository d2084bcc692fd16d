/*
 * engine_choose.c - see engine_choose.h.
 */
#include "engine_choose.h"

#include "engine_direct.h"
#include "error.h"
#include "strbuf.h"

#define CERTIFY_SHARE 2 /* this part of the call's time may go into waiting for a certification */

static void choose_librbd(struct choice *choice, const char *why)
{
    struct strbuf text;

    choice->engine = "librbd";
    strbuf_init(&text, choice->reason, sizeof(choice->reason));
    strbuf_add_str(&text, why);
}

int32_t engine_choose(struct certificates *certificates, struct connection *connection,
                      const struct clone_request *request, struct choice *out, struct clone_outcome *outcome,
                      vtclone_error *err)
{
    struct clone_request patient = *request;
    uint64_t features;
    int32_t code = engine_direct_check(connection, request, &features, outcome, err);

    *out = (struct choice){ .engine = "direct" };
    if (code == VTCLONE_E_MISS || code == VTCLONE_E_TIMEOUT || code == VTCLONE_E_NOMEM)
        return code;
    if (code != 0) {
        choose_librbd(out, err->message);
        error_clear(err);
        return 0;
    }
    patient.deadline = deadline_in_ms(deadline_left_ms(request->deadline) / CERTIFY_SHARE);
    certify(certificates, connection, &patient, features, &out->verdict);
    if (!out->verdict.certified)
        choose_librbd(out, out->verdict.reason);
    else
        snprintf(out->reason, sizeof(out->reason), "%s", out->verdict.reason);
    return 0;
}

int32_t engine_auto_clone(struct certificates *certificates, struct connection *connection,
                          const struct clone_request *request, struct choice *choice, struct clone_outcome *outcome,
                          vtclone_error *err)
{
    int32_t code = engine_choose(certificates, connection, request, choice, outcome, err);

    if (code != 0)
        return code;
    if (strcmp(choice->engine, "direct") == 0) {
        code = engine_direct_clone(connection, request, outcome, err);
        if (code != VTCLONE_E_UNSUPPORTED)
            return code;
        choose_librbd(choice, err->message);
        error_clear(err);
    }
    return engine_librbd_clone(connection, request, outcome, err);
}
