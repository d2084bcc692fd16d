/*
 * fuzz_site.c - the site document. The operator writes it, or it is put together from what live services answer.
 */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vtclone_site *site = NULL;
    vtclone_error err;
    int32_t code = vtclone_site_parse((const char *)data, size, &site, &err);

    fuzz_check_error(code, &err);
    ALWAYS((code == VTCLONE_OK) == (site != NULL));
    for (size_t i = 0; i < vtclone_site_backend_count(site); i++) {
        vtclone_backend_info info = { .size = sizeof(info) };
        ALWAYS(vtclone_site_backend(site, i, &info, &err) == VTCLONE_OK);
        ALWAYS(info.host[0] != '\0' && info.name[0] != '\0');
        if (strcmp(info.type, "rbd") == 0)
            ALWAYS(info.fsid != NULL && info.pool != NULL && info.user != NULL && info.cluster != NULL);
        else
            ALWAYS(strcmp(info.type, "cinder") == 0);
    }
    vtclone_site_free(site);
    return 0;
}
