/*
 * cloud_volume.c - a volume by Cinder's API out of an image volume: made, waited for, given the image's metadata so that
 * it boots, and deleted again where any of that fails.
 */
#include "cloud.h"

#include "decision.h"
#include "error.h"
#include "json.h"
#include "sized.h"

#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/random.h>

#define VOLUME_TIMEOUT_MS 600000
#define LOOK_FIRST_MS 300
#define LOOK_LONGEST_MS 5000
#define REMOVE_MS 60000 /* for cleaning up, after the call's own deadline if need be */
#define VOLUME_ARENA (32u * 1024 * 1024)
#define METADATA_BYTES 255

/* One volume to be made. */
struct making {
    vtclone_cloud *cloud;
    const struct call *call;
    const vtclone_volume_options *options;
    const char *image_id;
    const char *volume_type;
    const char *name;
    int64_t size_gib;
    char id[40];  /* of the volume, once Cinder took the request */
};

/* ---- waiting ---- */

static int32_t get_status(struct making *making, const struct call *call, char status[64], vtclone_error *err)
{
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    const struct json *volume;
    const char *text = "gone";
    vtclone_error wrong = { 0 };

    arena_init(&arena, 8192, VOLUME_ARENA);
    int32_t rc = cinder_volume(&making->cloud->cinder, call, &arena, making->id, &volume, err);
    if (rc != VTCLONE_OK)
        return rc;
    if (volume != NULL && json_need_string(volume, "status", 63, &text, "volume", &wrong) != VTCLONE_OK)
        return error_set(err, VTCLONE_E_CINDER, "get volume %s from Cinder: %s", making->id, wrong.message);
    memcpy(status, text, strlen(text) + 1);
    return VTCLONE_OK;
}

static int32_t wait_available(struct making *making, vtclone_error *err)
{
    char status[64], what[200];
    uint32_t wait = LOOK_FIRST_MS;

    for (;;) {
        int32_t rc = get_status(making, making->call, status, err);
        if (rc != VTCLONE_OK)
            return rc;
        if (strcmp(status, "available") == 0)
            return VTCLONE_OK;
        if (strcmp(status, "creating") != 0 && strcmp(status, "downloading") != 0)
            return error_set(err, VTCLONE_E_CINDER, "make volume %.100s (%s): Cinder says that it is %.60s", making->name,
                             making->id, status);
        snprintf(what, sizeof(what), "wait for volume %.60s (%s), which is %.40s", making->name, making->id, status);
        rc = call_sleep(making->call, jittered(wait), what, err);
        if (rc != VTCLONE_OK)
            return rc;
        wait = MIN(wait + wait / 2, LOOK_LONGEST_MS);
    }
}

/* ---- the image's metadata ---- */

/* Members of an image that Cinder does not record on a volume. */
static bool is_plain_member(const char *key)
{
    static const char *const names[] = {
        "status", "created_at", "updated_at", "tags", "visibility", "protected", "owner", "os_hidden", "os_hash_algo",
        "os_hash_value", "virtual_size", "file", "schema", "self", "stores", "direct_url", "locations", "id", "name",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return strncmp(key, "os_glance_", 10) == 0;
}

/* Whether Cinder takes the name of a property. */
static bool is_acceptable(const struct json *member)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:. ";

    return member->key_len != 0 && member->key_len <= METADATA_BYTES && strlen(member->key) == member->key_len &&
           strspn(member->key, allowed) == member->key_len && member->len <= METADATA_BYTES;
}

static void write_property(struct json_writer *writer, const struct json *member)
{
    if (is_plain_member(member->key) || !is_acceptable(member))
        return;
    if (member->type == JSON_STRING || member->type == JSON_NUMBER)
        json_pair(writer, member->key, member->text);
    else if (member->type == JSON_BOOL)
        json_pair(writer, member->key, member->boolean ? "True" : "False");
}

/* {"os-set_image_metadata": {"metadata": {...}}} as Cinder records it when it makes the volume itself. */
static int32_t metadata_body(const char *image_id, const struct json *image, char **out, size_t *len,
                             vtclone_error *err)
{
    const struct json *name = json_get(image, "name");
    struct json_writer *writer = json_writer_new(VOLUME_ARENA);

    if (writer == NULL)
        return error_nomem(err, "the image's metadata");
    json_begin_object(writer);
    json_key(writer, "os-set_image_metadata");
    json_begin_object(writer);
    json_key(writer, "metadata");
    json_begin_object(writer);
    json_pair(writer, "image_id", image_id);
    if (name != NULL && name->type == JSON_STRING && name->len <= METADATA_BYTES)
        json_pair(writer, "image_name", name->text);
    for (const struct json *member = image->first; member != NULL; member = member->next)
        write_property(writer, member);
    json_end_object(writer);
    json_end_object(writer);
    json_end_object(writer);
    int32_t rc = json_writer_finish(writer, out, len, err);
    json_writer_free(writer);
    return rc;
}

static int32_t make_bootable(struct making *making, vtclone_error *err)
{
    static const char bootable[] = "{\"os-set_bootable\": {\"bootable\": true}}";
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    vtclone_error wrong = { 0 };
    struct json *image;
    char *text, *body;
    size_t len;

    arena_init(&arena, 16384, VOLUME_ARENA);
    int32_t rc = glance_image(&making->cloud->glance, making->call, making->image_id, NULL, &text, &len, err);
    if (rc != VTCLONE_OK)
        return rc;
    rc = json_parse(&arena, "the answer", text, len, &image, &wrong);
    free(text);
    if (rc == VTCLONE_OK)
        rc = json_expect(image, JSON_OBJECT, "the answer", &wrong);
    if (rc != VTCLONE_OK)
        return error_set(err, rc == VTCLONE_E_NOMEM ? rc : VTCLONE_E_GLANCE, "get image %s from Glance: %s", making->image_id, wrong.message);
    rc = metadata_body(making->image_id, image, &body, &len, err);
    if (rc != VTCLONE_OK)
        return rc;
    rc = cinder_action(&making->cloud->cinder, making->call, making->id, "set the image metadata", body, len, err);
    free(body);
    if (rc == VTCLONE_OK)
        rc = cinder_action(&making->cloud->cinder, making->call, making->id, "set the bootable flag", bootable,
                           sizeof(bootable) - 1, err);
    return rc;
}

/* ---- cleaning up ---- */

/* Deletes what was begun. Cinder refuses while it still works on the volume: asked again until it does not. */
static int32_t remove_volume(struct making *making, vtclone_error *err)
{
    const struct call call = { .deadline = deadline_in_ms(REMOVE_MS) };
    uint32_t wait = LOOK_FIRST_MS;
    char status[64];

    for (bool deleting = false;;) {
        vtclone_error refusal = { 0 };
        int32_t rc = deleting ? VTCLONE_OK : cinder_delete(&making->cloud->cinder, &call, making->id, &refusal);
        deleting = rc == VTCLONE_OK;
        rc = get_status(making, &call, status, err);
        if (rc != VTCLONE_OK)
            return rc;
        if (strcmp(status, "gone") == 0)
            return VTCLONE_OK;
        if (strcmp(status, "error_deleting") == 0)
            return error_set(err, VTCLONE_E_CINDER, "delete volume %s: Cinder says error_deleting", making->id);
        rc = call_sleep(&call, jittered(wait), refusal.code != VTCLONE_OK ? refusal.message : "delete the volume", err);
        if (rc != VTCLONE_OK)
            return rc;
        wait = MIN(wait + wait / 2, LOOK_LONGEST_MS);
    }
}

/* After a failure; what is left behind is said with it. */
static void clean_up(struct making *making, vtclone_error *err)
{
    vtclone_error left = { 0 };
    const vtclone_error first = *err;

    if (making->id[0] == '\0' || remove_volume(making, &left) == VTCLONE_OK)
        return;
    error_clear(err);
    error_set(err, first.code, "%.400s; volume %s is left behind (%.200s)", first.message, making->id, left.message);
    err->sys_errno = first.sys_errno;
}

/* ---- making ---- */

static int32_t make_mark(char room[33], vtclone_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char noise[16];

    if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
        return error_set(err, VTCLONE_E_INTERNAL, "getrandom failed");
    for (size_t i = 0; i < sizeof(noise); i++) {
        room[2 * i] = digits[noise[i] >> 4];
        room[2 * i + 1] = digits[noise[i] & 15];
    }
    room[32] = '\0';
    return VTCLONE_OK;
}

/* From one candidate. Leaves nothing behind where it fails. */
static int32_t make_from(struct making *making, const struct candidate *candidate, vtclone_error *err)
{
    __attribute__((cleanup(arena_release))) struct arena arena = { 0 };
    char mark[33];
    const char *id;

    making->id[0] = '\0';
    arena_init(&arena, 8192, VOLUME_ARENA);
    int32_t rc = make_mark(mark, err);
    if (rc != VTCLONE_OK)
        return rc;
    const struct volume_request wanted = {
        .name = making->name, .size_gib = making->size_gib, .source_volume = candidate->location.volume,
        .volume_type = making->volume_type, .availability_zone = making->options->availability_zone, .mark = mark,
    };
    rc = cinder_create(&making->cloud->cinder, making->call, &arena, &wanted, &id, err);
    vtclone_error wrong = { 0 };
    const bool named = id != NULL && cloud_check_uuid(id, "the id of the volume that Cinder made", &wrong) == VTCLONE_OK;
    if (rc == VTCLONE_OK && !named)
        rc = error_set(err, VTCLONE_E_CINDER, "%s", wrong.message);
    if (named) /* with a failure, too: one that was begun is cleaned up */
        memcpy(making->id, id, strlen(id) + 1);
    if (rc == VTCLONE_OK)
        rc = wait_available(making, err);
    if (rc == VTCLONE_OK)
        rc = make_bootable(making, err);
    if (rc != VTCLONE_OK)
        clean_up(making, err);
    return rc;
}

static int32_t report(struct making *making, vtclone_decision *decision, struct candidate *candidate, int64_t began_ns,
                      vtclone_error *err)
{
    struct clone_report *clone = &decision->clone;

    clone->volume = arena_strdup(&decision->arena, making->name);
    clone->volume_id = arena_strdup(&decision->arena, making->id);
    clone->size_gib = making->size_gib;
    clone->engine = "cinder";
    clone->engine_reason = "an image volume is cloned by Cinder";
    clone->parent = candidate->location.volume;
    clone->elapsed_ms = (double)(monotonic_ns() - began_ns) / 1e6;
    decision->chosen->best = candidate;
    if (clone->volume != NULL && clone->volume_id != NULL)
        return VTCLONE_OK;
    error_nomem(err, "the report of a clone");
    clean_up(making, err);
    return VTCLONE_E_NOMEM;
}

/* Of the candidates' errors the caller gets the first: the best candidate's tells most. */
static int32_t make_any(struct making *making, vtclone_decision *decision, vtclone_error *err)
{
    const int64_t began_ns = monotonic_ns();
    struct candidate *candidate = decision_next_candidate(decision, decision->chosen, NULL), *next;
    vtclone_error first = { 0 };

    for (; candidate != NULL; candidate = next) {
        vtclone_error error = { 0 };
        int32_t rc = make_from(making, candidate, &error);
        if (rc == VTCLONE_OK)
            return report(making, decision, candidate, began_ns, err);
        if (first.code == VTCLONE_OK)
            first = error;
        next = decision_next_candidate(decision, decision->chosen, candidate);
        if (rc != VTCLONE_E_CINDER)
            break; /* what is wrong is not this image volume */
        candidate->reason = VTCLONE_REASON_CINDER_ERROR;
        candidate->detail = arena_strdup(&decision->arena, error.message);
    }
    *err = first;
    return err->code != VTCLONE_OK ? err->code :
                                     error_set(err, VTCLONE_E_INTERNAL, "a chosen backend without a candidate");
}

static int32_t check(const vtclone_decision *decision, const char *name, int64_t size_gib,
                     vtclone_decision **out, vtclone_error *err)
{
    if (decision == NULL || name == NULL || out == NULL)
        return error_set(err, VTCLONE_E_INVALID, "make a volume: no decision, no name, or no place for the result");
    if (name[0] == '\0' || strlen(name) > VTCLONE_MAX_NAME_BYTES)
        return error_set(err, VTCLONE_E_INVALID, "make a volume: its name is empty or longer than %d bytes", VTCLONE_MAX_NAME_BYTES);
    if (size_gib < 1 || size_gib > VTCLONE_MAX_SIZE_GIB)
        return error_set(err, VTCLONE_E_INVALID, "make volume %.100s: %lld GiB are not within 1 and %d", name,
                         (long long)size_gib, VTCLONE_MAX_SIZE_GIB);
    if (decision->chosen == NULL)
        return error_set(err, VTCLONE_E_MISS, "make volume %.100s: the decision has no candidate (%s)", name,
                         vtclone_reason_name((int32_t)decision->reason));
    if (decision->chosen->method != METHOD_CINDER_CLONE)
        return error_set(err, VTCLONE_E_UNSUPPORTED, "make volume %.100s: the decision's method is %s, not cinder-clone", name,
                         method_name(decision->chosen->method));
    if (cloud_check_uuid(decision->image_id, "the decision's image", err) != VTCLONE_OK)
        return err->code;
    if (size_gib < decision->min_size_gib)
        return error_set(err, VTCLONE_E_INVALID, "make volume %.100s: the image needs %lld GiB", name,
                         (long long)decision->min_size_gib);
    return VTCLONE_OK;
}

int32_t vtclone_cloud_clone_volume(vtclone_cloud *cloud, const vtclone_decision *decision, const char *name,
                                   int64_t size_gib, const vtclone_volume_options *options, vtclone_decision **out,
                                   vtclone_error *err)
{
    vtclone_volume_options given;

    ERR_OR_LOCAL(err);
    int32_t rc = cloud_enter(cloud, "vtclone_cloud_clone_volume", err);
    if (rc == VTCLONE_OK)
        rc = check(decision, name, size_gib, out, err);
    if (rc == VTCLONE_OK)
        rc = sized_read(&given, sizeof(given), options, "vtclone_volume_options", err);
    if (rc == VTCLONE_OK && given.cancel_fd < 0)
        rc = error_set(err, VTCLONE_E_INVALID, "vtclone_volume_options: cancel_fd is %d", (int)given.cancel_fd);
    if (rc != VTCLONE_OK)
        return rc;
    vtclone_decision *made = decision_copy(decision);
    if (made == NULL)
        return error_nomem(err, "a decision");
    struct call call = cloud_call(cloud, given.timeout_ms != 0 ? given.timeout_ms : VOLUME_TIMEOUT_MS, given.cancel_fd);
    struct making making = {
        .cloud = cloud, .call = &call, .options = &given, .image_id = made->image_id, .name = name,
        .size_gib = size_gib, .volume_type = given.volume_type != NULL ? given.volume_type : made->volume_type,
    };
    rc = make_any(&making, made, err);
    if (rc == VTCLONE_OK)
        *out = made;
    else
        vtclone_decision_free(made);
    return rc;
}

const char *vtclone_decision_volume_id(const vtclone_decision *decision)
{
    return decision == NULL ? NULL : decision->clone.volume_id;
}
