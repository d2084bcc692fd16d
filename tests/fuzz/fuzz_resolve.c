/*
 * fuzz_resolve.c - the whole resolver. An input is, separated by the byte 0x1e: site, image, image volumes, volume type,
 * backend, project, and one byte of switches. What must hold of a hit is looked up in the documents themselves, not in
 * what the rules concluded from them.
 */
#include "fuzz.h"

#include "decision.h"
#include "image.h"
#include "image_volume.h"

enum { SITE, IMAGE, VOLUMES, TYPE, BACKEND, PROJECT, SWITCHES, PARTS };

static bool same(const char *one, const char *other)
{
    return one != NULL && other != NULL && strcmp(one, other) == 0;
}

/* A pool that some rbd store of the site has on that cluster. */
static bool pool_of_a_store(const vtclone_site *site, const struct location *at)
{
    for (size_t i = 0; i < site->store_count; i++)
        if (site->stores[i].type == STORE_RBD && same(site->stores[i].pool, at->pool) &&
            (site->stores[i].fsid == NULL || same(site->stores[i].fsid, at->fsid)))
            return true;
    return false;
}

/* No candidate that passes breaks a pairing rule, is another cluster's, or another tenant's volume. */
static void check_candidate(const vtclone_decision *decision, const struct backend_result *result,
                            const struct candidate *candidate, const struct image *image,
                            const struct image_volumes *volumes)
{
    const struct location *at = &candidate->location;

    ALWAYS(same(image->status, "active") && same(image->disk_format, "raw") && same(image->container_format, "bare"));
    ALWAYS(!image->encrypted);
    if (at->kind == LOCATION_RBD) {
        ALWAYS(result->backend->type == BACKEND_RBD && same(at->fsid, result->backend->fsid));
        ALWAYS(same(at->image, image->id) && same(at->snap, "snap"));
        ALWAYS(pool_of_a_store(decision->site, at));
        return;
    }
    ALWAYS(at->kind == LOCATION_CINDER);
    const struct image_volume *volume = image_volumes_find(volumes, at->volume);
    ALWAYS(volume != NULL && same(volume->glance_image_id, image->id));
    ALWAYS(same(volume->status, "available") || same(volume->status, "in-use"));
    ALWAYS(same(volume->host, result->backend->host) || result->backend->clone_across_pools ||
           same(volume->cluster_name, result->backend->cluster_name));
}

static void check_decision(const vtclone_decision *decision, const struct image *image,
                           const struct image_volumes *volumes)
{
    size_t passing = 0;
    bool unpaired = false;

    for (size_t b = 0; b < decision->backend_count; b++)
        for (size_t i = 0; i < decision->location_count; i++) {
            const struct candidate *candidate = &decision->backends[b].candidates[i];
            ALWAYS(candidate->detail != NULL && candidate->index == (int32_t)i);
            unpaired |= vtclone_reason_is_unpaired((int32_t)candidate->reason);
            if (candidate->reason != VTCLONE_REASON_OK)
                continue;
            check_candidate(decision, &decision->backends[b], candidate, image, volumes);
            passing++;
        }
    ALWAYS((decision->chosen != NULL) == (passing > 0));
    ALWAYS((decision->reason == VTCLONE_REASON_OK) == (passing > 0));
    ALWAYS(!unpaired || decision->unpaired);
    ALWAYS(decision->detail != NULL && decision->detail[0] != '\0');
}

static void check_again(const vtclone_site *site, const struct fuzz_part *image,
                        const vtclone_resolve_options *options, const vtclone_decision *decision)
{
    vtclone_decision *again = NULL, *copy;
    vtclone_error err;
    char *one = NULL, *two = NULL, *three = NULL;

    ALWAYS(vtclone_resolve(site, image->data, image->len, options, &again, &err) == VTCLONE_OK);
    copy = decision_copy(decision);
    ALWAYS(copy != NULL);
    ALWAYS(vtclone_decision_json(decision, &one, NULL, &err) == VTCLONE_OK);
    ALWAYS(vtclone_decision_json(again, &two, NULL, &err) == VTCLONE_OK);
    ALWAYS(vtclone_decision_json(copy, &three, NULL, &err) == VTCLONE_OK);
    ALWAYS(strcmp(one, two) == 0 && strcmp(one, three) == 0);
    struct arena arena;
    struct json *root;
    arena_init(&arena, 4096, 64u << 20);
    err = (vtclone_error){ 0 };
    ALWAYS(json_parse(&arena, "decision", one, strlen(one), &root, &err) == VTCLONE_OK);
    arena_release(&arena);
    vtclone_string_free(one);
    vtclone_string_free(two);
    vtclone_string_free(three);
    vtclone_decision_free(copy);
    vtclone_decision_free(again);
}

static void resolve(struct arena *arena, const vtclone_site *site, const struct fuzz_part *parts)
{
    const uint8_t switches = parts[SWITCHES].len > 0 ? (uint8_t)parts[SWITCHES].data[0] : 0;
    const vtclone_resolve_options options = {
        .size = sizeof(options),
        .volume_type = fuzz_text(arena, &parts[TYPE]),
        .backend = fuzz_text(arena, &parts[BACKEND]),
        .project_id = fuzz_text(arena, &parts[PROJECT]),
        .image_volumes = parts[VOLUMES].len > 0 ? parts[VOLUMES].data : NULL,
        .image_volumes_len = parts[VOLUMES].len,
        .size_gib = switches >> 2 & 7,
        .signed_images = switches & 1,
        .owner_rule = switches >> 1 & 1,
    };
    vtclone_decision *decision = NULL;
    vtclone_error err;
    int32_t code = vtclone_resolve(site, parts[IMAGE].data, parts[IMAGE].len, &options, &decision, &err);

    fuzz_check_error(code, &err);
    ALWAYS((code == VTCLONE_OK) == (decision != NULL));
    if (decision == NULL)
        return;
    struct image image;
    struct image_volumes volumes;
    err = (vtclone_error){ 0 };
    ALWAYS(image_parse(arena, parts[IMAGE].data, parts[IMAGE].len, &image, &err) == VTCLONE_OK);
    ALWAYS(image_volumes_parse(arena, options.image_volumes, options.image_volumes_len, &volumes, &err) == VTCLONE_OK);
    check_decision(decision, &image, &volumes);
    check_again(site, &parts[IMAGE], &options, decision);
    vtclone_decision_free(decision);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_part parts[PARTS];
    struct arena arena;
    vtclone_site *site = NULL;
    vtclone_error err;

    fuzz_split(data, size, parts, PARTS);
    if (parts[IMAGE].data == NULL)
        return 0;
    int32_t code = vtclone_site_parse(parts[SITE].data, parts[SITE].len, &site, &err);
    fuzz_check_error(code, &err);
    if (code != VTCLONE_OK)
        return 0;
    arena_init(&arena, 4096, 64u << 20);
    resolve(&arena, site, parts);
    arena_release(&arena);
    vtclone_site_free(site);
    return 0;
}
