/*
 * librbd_image.c - see librbd_image.h.
 */
#include "librbd_image.h"

#include "vtclone.h"

#include <endian.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLIND_WAIT_MS 500
#define CONFIG_MAX 400 /* options of a pool */
#define CLONE_FORMAT "rbd_default_clone_format"
#define RELEASE_MIMIC 13 /* the release whose clients understand clone v2 (CEPH_RELEASE_MIMIC) */
#define OBJECT_PREFIX "rbd_data."
#define ID_MAX (RBD_MAX_BLOCK_NAME_SIZE - (sizeof(OBJECT_PREFIX) - 1) - 1) /* 14: librbd cuts longer ids in front */

static void on_turn(rados_completion_t completion, void *turn)
{
    (void)completion;
    sem_post(turn);
}

/* A client's callbacks run one after the other, so that when this one's turn comes all before it have returned. With nothing
 * to flush it costs no message. False where librados cannot be asked for one. */
static bool wait_for_callbacks(rados_ioctx_t ioctx)
{
    rados_completion_t completion;
    sem_t turn;
    int result;

    if (rados_aio_create_completion2(&turn, on_turn, &completion) < 0)
        return false;
    sem_init(&turn, 0, 0);
    result = rados_aio_flush_async(ioctx, completion);
    while (result == 0 && sem_wait(&turn) != 0)
        ; /* a signal */
    rados_aio_release(completion);
    sem_destroy(&turn);
    return result == 0;
}

int image_close(rados_ioctx_t ioctx, rbd_image_t image)
{
    const struct timespec long_for_callbacks = { .tv_nsec = BLIND_WAIT_MS * 1000000L };

    if (!wait_for_callbacks(ioctx))
        nanosleep(&long_for_callbacks, NULL);
    return rbd_close(image);
}

static int read_open_parent(rbd_image_t image, const char *snap, struct parent_facts *out, const char **what)
{
    uint64_t features;
    uint8_t old_format;
    int result, is_protected;

    *what = "rbd_get_old_format";
    if ((result = rbd_get_old_format(image, &old_format)) < 0)
        return result;
    *what = "it is in rbd's old format 1";
    if (old_format)
        return -ENOSYS;
    *what = "rbd_get_features";
    if ((result = rbd_get_features(image, &features)) < 0)
        return result;
    *what = "it lacks the feature layering";
    if (!(features & RBD_FEATURE_LAYERING))
        return -ENOSYS;
    *what = "rbd_get_id";
    if ((result = rbd_get_id(image, out->image_id, sizeof(out->image_id))) < 0)
        return result;
    *what = "rbd_snap_get_id";
    if ((result = rbd_snap_get_id(image, snap, &out->snap_id)) < 0)
        return result;
    *what = "rbd_get_size";
    if ((result = rbd_get_size(image, &out->size)) < 0)
        return result;
    *what = "rbd_get_stripe_unit";
    if ((result = rbd_get_stripe_unit(image, &out->stripe_unit)) < 0)
        return result;
    *what = "rbd_snap_is_protected";
    if ((result = rbd_snap_is_protected(image, snap, &is_protected)) < 0)
        return result;
    out->is_protected = is_protected != 0;
    return 0;
}

int image_read_parent(rados_ioctx_t ioctx, const char *image_name, const char *snap, struct parent_facts *out,
                      const char **what)
{
    rbd_image_t image;
    int result;

    *what = "rbd_open_read_only";
    result = rbd_open_read_only(ioctx, image_name, &image, snap);
    if (result < 0)
        return result;
    out->pool_id = rados_ioctx_get_id(ioctx);
    result = read_open_parent(image, snap, out, what);
    image_close(ioctx, image);
    return result;
}

int image_child_facts(rbd_image_t image, struct child_facts *out, const char **what)
{
    rbd_linked_image_spec_t parent;
    rbd_snap_spec_t snap;
    int result;

    *out = (struct child_facts){ 0 };
    *what = "rbd_get_size";
    if ((result = rbd_get_size(image, &out->size)) < 0)
        return result;
    *what = "rbd_get_parent";
    result = rbd_get_parent(image, &parent, &snap);
    if (result == -ENOENT)
        return 0;
    if (result < 0)
        return result;
    out->parent_pool_id = parent.pool_id;
    out->parent_snap_id = snap.id;
    /* A parent in a namespace, or with an id that no image has, is none of ours. */
    out->has_parent = (parent.pool_namespace == NULL || parent.pool_namespace[0] == '\0') &&
                      parent.image_id != NULL && strlen(parent.image_id) < sizeof(out->parent_image_id);
    if (out->has_parent)
        snprintf(out->parent_image_id, sizeof(out->parent_image_id), "%s", parent.image_id);
    rbd_linked_image_spec_cleanup(&parent);
    rbd_snap_spec_cleanup(&snap);
    return 0;
}

int image_read_child(rados_ioctx_t ioctx, const char *name, struct child_facts *out, const char **what)
{
    rbd_image_t image;
    int result;

    *what = "rbd_open_read_only";
    result = rbd_open_read_only(ioctx, name, &image, NULL);
    if (result < 0)
        return result;
    result = image_child_facts(image, out, what);
    image_close(ioctx, image);
    return result;
}

int image_find_id(rados_ioctx_t ioctx, const char *name, char *id, size_t size)
{
    /* The class method's strings: a little-endian length, then the bytes. */
    char in[4 + VTCLONE_MAX_NAME_BYTES], out[4 + 256];
    uint32_t len = (uint32_t)strlen(name), coded = htole32(len);
    int result;

    if (len > VTCLONE_MAX_NAME_BYTES)
        return -ENAMETOOLONG;
    memcpy(in, &coded, 4);
    memcpy(in + 4, name, len);
    result = rados_exec(ioctx, "rbd_directory", "rbd", "dir_get_id", in, 4 + len, out, sizeof(out));
    if (result < 0)
        return result;
    if (result < 4)
        return -EBADMSG;
    memcpy(&coded, out, 4);
    len = le32toh(coded);
    if (len > (uint32_t)result - 4 || len >= size)
        return -EBADMSG;
    memcpy(id, out + 4, len);
    id[len] = '\0';
    return 0;
}

bool image_id_is_of(const char *id, uint64_t instance)
{
    char hex[20];
    size_t len = (size_t)snprintf(hex, sizeof(hex), "%llx", (unsigned long long)instance);

    /* librbd: the hex of the instance, one to eight hex digits of a random number, of which the last 14 are kept. */
    for (size_t extra = 1; extra <= 8; extra++) {
        size_t cut = len + extra > ID_MAX ? len + extra - ID_MAX : 0;
        if (cut < len && strlen(id) == len + extra - cut && strncmp(id, hex + cut, len - cut) == 0)
            return true;
    }
    return false;
}

unsigned image_order(uint64_t parent_stripe_unit, int64_t chunk_size_mib)
{
    uint64_t unit = (uint64_t)(chunk_size_mib > 0 ? chunk_size_mib : 4) << 20;

    if (parent_stripe_unit > unit)
        unit = parent_stripe_unit;
    return 63u - (unsigned)__builtin_clzll(unit);
}

bool image_default_features(rados_t rados, uint64_t *out)
{
    char text[200], *end;

    if (rados_conf_get(rados, "rbd_default_features", text, sizeof(text)) != 0)
        return false;
    errno = 0;
    *out = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0')
        return false;
    if (*out == 0)
        *out = RBD_FEATURE_LAYERING;
    return true;
}

static bool is_version_1(rados_t rados, const char *clone_format)
{
    int8_t compatible, required;

    if (strcmp(clone_format, "auto") != 0)
        return strcmp(clone_format, "1") == 0;
    if (rados_get_min_compatible_client(rados, &compatible, &required) != 0)
        return true; /* the direct engine then leaves the clone to librbd */
    return compatible < RELEASE_MIMIC && required < RELEASE_MIMIC;
}

bool image_may_want_protection(rados_t rados)
{
    char value[32];

    return rados_conf_get(rados, CLONE_FORMAT, value, sizeof(value)) == 0 && is_version_1(rados, value);
}

bool image_wants_protection(rados_t rados, rados_ioctx_t pool)
{
    rbd_config_option_t options[CONFIG_MAX];
    int count = CONFIG_MAX;
    bool version_1 = false;

    if (rbd_config_pool_list(pool, options, &count) < 0)
        return false;
    for (int i = 0; i < count; i++)
        if (strcmp(options[i].name, CLONE_FORMAT) == 0)
            version_1 = is_version_1(rados, options[i].value);
    rbd_config_pool_list_cleanup(options, count);
    return version_1;
}

int image_clone(rados_t rados, rados_ioctx_t parent_pool, const char *image, const char *snap, rados_ioctx_t pool,
                const char *name, unsigned order)
{
    rbd_image_options_t options;
    uint64_t features;
    int result;

    rbd_image_options_create(&options);
    if (options == NULL)
        return -ENOMEM;
    result = rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_ORDER, order);
    if (result == 0 && image_default_features(rados, &features))
        result = rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_FEATURES, features);
    if (result == 0)
        result = rbd_clone3(parent_pool, image, snap, pool, name, options);
    rbd_image_options_destroy(options);
    return result;
}
