/*
 * doctor_ceph.c - the clusters of the rbd backends, asked with the backends' own users: reachable, the right cluster,
 * clone v1 or v2, and whether the user may do what cloning needs and no more.
 *
 * Nothing is changed. Whether a user may write is found by removing an object that does not exist: an OSD checks
 * permission before it looks for the object, so the answer is EPERM or ENOENT.
 */
#include "doctor.h"

#include <errno.h>
#include <rados/librados.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT(...) arena_printf(&report->arena, __VA_ARGS__)
#define NO_OBJECT "vtclone-doctor.no-such-object"
#define SECONDS "10"

static const char *errno_text(struct report *report, int result)
{
    char room[128];

    return TEXT("%s", strerror_r(abs(result), room, sizeof(room)));
}

/* What librados takes where the site says nothing. */
static const char *user_of(const struct backend_fact *backend)
{
    return backend->user == NULL ? "admin" : backend->user;
}

static bool refused(int result)
{
    return result == -EPERM || result == -EACCES;
}

static int connect_backend(const struct backend_fact *backend, rados_t *out)
{
    const char *cluster = backend->cluster == NULL ? "ceph" : backend->cluster;
    char name[VTCLONE_MAX_NAME_BYTES + 16];

    snprintf(name, sizeof(name), "client.%s", user_of(backend));
    int result = rados_create2(out, cluster, name, 0);
    if (result < 0)
        return result;
    result = rados_conf_read_file(*out, backend->ceph_conf);
    if (result >= 0)
        result = rados_conf_set(*out, "client_mount_timeout", SECONDS);
    if (result >= 0)
        result = rados_conf_set(*out, "rados_mon_op_timeout", SECONDS);
    if (result >= 0)
        result = rados_conf_set(*out, "rados_osd_op_timeout", SECONDS);
    if (result >= 0)
        result = rados_connect(*out);
    if (result < 0)
        rados_shutdown(*out);
    return result;
}

static void check_fsid(struct report *report, rados_t cluster, const struct backend_fact *backend, const char *subject)
{
    char fsid[64];

    if (backend->fsid == NULL || rados_cluster_fsid(cluster, fsid, sizeof(fsid)) < 0 ||
        strcmp(fsid, backend->fsid) == 0)
        return;
    report_add(report, DOCTOR_ERROR, "FSID_DIFFERS", subject,
               TEXT("its cluster is %s, but %.100s is expected: no location matches it", fsid, backend->fsid),
               "correct fsid in the site file, or the backend's ceph.conf");
}

/* The release of require_min_compat_client decides; mimic is the 13th letter. */
static void check_clone_version(struct report *report, rados_t cluster, const char *subject)
{
    const char *command = "{\"prefix\": \"osd dump\", \"format\": \"json\"}";
    char *reply = NULL, *status = NULL;
    size_t reply_len = 0, status_len = 0;
    struct json *root = NULL;
    int result = rados_mon_command(cluster, &command, 1, NULL, 0, &reply, &reply_len, &status, &status_len);

    if (result >= 0 &&
        json_parse(&report->arena, "osd dump", reply, reply_len, &root, &(vtclone_error){ 0 }) == VTCLONE_OK) {
        const struct json *release = json_get(root, "require_min_compat_client");
        if (release != NULL && release->type == JSON_STRING && release->text[0] < 'm')
            report_add(report, DOCTOR_WARNING, "CLONE_V1", subject,
                       TEXT("require_min_compat_client is %.40s: clones are of version 1, snapshots of images must be "
                            "protected, and the direct engine cannot be used", release->text),
                       "once no client is older (ceph features): ceph osd set-require-min-compat-client mimic");
    }
    rados_buffer_free(reply);
    rados_buffer_free(status);
}

enum access { ACCESS_NONE, ACCESS_READ, ACCESS_WRITE, ACCESS_UNKNOWN };

static enum access probe_pool(rados_t cluster, const char *pool, int *result)
{
    rados_ioctx_t io;
    uint64_t size;
    time_t changed;
    enum access access = ACCESS_UNKNOWN;

    *result = rados_ioctx_create(cluster, pool, &io);
    if (*result < 0)
        return refused(*result) ? ACCESS_NONE : ACCESS_UNKNOWN;
    *result = rados_stat(io, NO_OBJECT, &size, &changed);
    if (refused(*result)) {
        access = ACCESS_NONE;
    } else if (*result == -ENOENT) {
        *result = rados_remove(io, NO_OBJECT);
        access = *result == -ENOENT ? ACCESS_WRITE : refused(*result) ? ACCESS_READ : ACCESS_UNKNOWN;
    }
    rados_ioctx_destroy(io);
    return access;
}

static void check_own_pool(struct report *report, rados_t cluster, const struct backend_fact *backend,
                           const char *subject)
{
    int result;
    enum access access = probe_pool(cluster, backend->pool, &result);

    if (result == -ENOENT && access == ACCESS_UNKNOWN)
        report_add(report, DOCTOR_ERROR, "POOL_MISSING", subject, TEXT("the cluster has no pool %.100s", backend->pool),
                   TEXT("ceph osd pool create %.100s, or correct rbd_pool", backend->pool));
    else if (access == ACCESS_UNKNOWN)
        report_add(report, DOCTOR_ERROR, "POOL_UNREACHABLE", subject,
                   TEXT("pool %.100s: %s", backend->pool, errno_text(report, result)), "see ceph status");
    else if (access != ACCESS_WRITE)
        report_add(report, DOCTOR_ERROR, "CAPS_TOO_SMALL", subject,
                   TEXT("client.%.60s may not write pool %.100s: no volume can be made", user_of(backend),
                        backend->pool),
                   TEXT("grant osd 'profile rbd pool=%.100s' (ceph auth caps)", backend->pool));
}

static void check_image_pool(struct report *report, rados_t cluster, const struct backend_fact *backend,
                             const struct store_fact *store, const char *subject)
{
    const char *user = user_of(backend);
    int result;
    enum access access = probe_pool(cluster, store->pool, &result);

    if (access == ACCESS_NONE)
        report_add(report, DOCTOR_ERROR, "CAPS_TOO_SMALL", subject,
                   TEXT("client.%.60s may not read pool %.100s of store %.100s: its copies cannot be cloned", user,
                        store->pool, store->id),
                   TEXT("grant osd 'profile rbd-read-only pool=%.100s' too (ceph auth caps)", store->pool));
    else if (access == ACCESS_WRITE && !same_text(store->pool, backend->pool))
        report_add(report, DOCTOR_WARNING, "CAPS_TOO_LARGE", subject,
                   TEXT("client.%.60s may write pool %.100s of store %.100s: cloning only needs to read it", user,
                        store->pool, store->id),
                   TEXT("grant osd 'profile rbd pool=%.100s, profile rbd-read-only pool=%.100s' (ceph auth caps)",
                        backend->pool, store->pool));
    else if (access == ACCESS_UNKNOWN && result == -ENOENT)
        report_add(report, DOCTOR_ERROR, "POOL_MISSING", TEXT("store %.100s", store->id),
                   TEXT("the cluster has no pool %.100s", store->pool),
                   "correct rbd_store_pool (or pool in the site file)");
}

static void check_backend_cluster(struct report *report, const struct facts *facts, const struct backend_fact *backend)
{
    const char *subject = TEXT("backend %.200s", backend->host != NULL ? backend->host : backend->name);
    rados_t cluster;
    int result = connect_backend(backend, &cluster);

    if (result < 0) {
        report->service_failed = true;
        report_add(report, DOCTOR_ERROR, "CEPH_UNREACHABLE", subject,
                   TEXT("connecting as client.%.60s with %.200s: %s", user_of(backend), backend->ceph_conf,
                        errno_text(report, result)),
                   "see that the monitors answer, and that the key ring is there and readable to this user");
        return;
    }
    report_checked(report, TEXT("Ceph of %s", subject));
    check_fsid(report, cluster, backend, subject);
    check_clone_version(report, cluster, subject);
    check_own_pool(report, cluster, backend, subject);
    for (size_t i = 0; i < facts->store_count; i++)
        if (same_text(facts->stores[i].type, "rbd") && store_beside(facts, &facts->stores[i], backend))
            check_image_pool(report, cluster, backend, &facts->stores[i], subject);
    rados_shutdown(cluster);
}

void check_ceph(struct report *report, const struct facts *facts)
{
    for (size_t i = 0; i < facts->backend_count; i++) {
        const struct backend_fact *backend = &facts->backends[i];
        if (!same_text(backend->type, "rbd"))
            continue;
        if (backend->ceph_conf == NULL || access(backend->ceph_conf, R_OK) != 0)
            report_not_checked(report, TEXT("Ceph of backend %.200s: its ceph.conf cannot be read here",
                                            backend->host != NULL ? backend->host : backend->name));
        else
            check_backend_cluster(report, facts, backend);
    }
}
