/*
 * cluster.c - see cluster.h.
 */
#include "cluster.h"

#include "error.h"
#include "strbuf.h"

#include <errno.h>
#include <unistd.h>

const char *cluster_shown(const struct cluster_key *key, char *room, size_t size)
{
    struct strbuf text;

    strbuf_init(&text, room, size);
    strbuf_printf(&text, "cluster '%s' as client.%s with %s", key->cluster, key->user,
                  key->ceph_conf != NULL ? key->ceph_conf : "the default ceph.conf");
    return room;
}

/* librados takes whole seconds, and 0 means for ever. */
static int set_seconds(rados_t rados, const char *option, uint32_t ms)
{
    char value[24];

    snprintf(value, sizeof(value), "%u", ms / 1000 + (ms % 1000 != 0 ? 1 : 0));
    return rados_conf_set(rados, option, value);
}

static int32_t configure(rados_t rados, const struct cluster_key *key, vtclone_error *err)
{
    static const char *const quiet[] = { "log_to_stderr", "err_to_stderr" };
    char shown[600];
    int result = rados_conf_read_file(rados, key->ceph_conf);

    if (result < 0)
        return error_set_errno(err, VTCLONE_E_RADOS, result, "connect to %s: cannot read the configuration file",
                               cluster_shown(key, shown, sizeof(shown)));
    result = set_seconds(rados, "client_mount_timeout", key->connect_timeout_ms);
    if (result == 0)
        result = set_seconds(rados, "rados_mon_op_timeout", key->mon_timeout_ms);
    if (result == 0)
        result = set_seconds(rados, "rados_osd_op_timeout", key->osd_timeout_ms);
    /* Standard error is the host program's. Its log file, if the configuration names one, stays. */
    for (size_t i = 0; result == 0 && i < sizeof(quiet) / sizeof(quiet[0]); i++)
        result = rados_conf_set(rados, quiet[i], "false");
    if (result < 0)
        return error_set_errno(err, VTCLONE_E_RADOS, result, "connect to %s: cannot set the time-outs",
                               cluster_shown(key, shown, sizeof(shown)));
    return 0;
}

/* Writes what is wrong with the key ring into text, if that is what is wrong: librados' errno alone ("No such file or
 * directory", "Permission denied") does not say of what. */
static void explain_key_ring(rados_t rados, struct strbuf *text)
{
    char paths[1024], key[8];
    char *rest = paths;
    int readable = 0;

    if (rados_conf_get(rados, "key", key, sizeof(key)) != 0 || key[0] != '\0' ||
        rados_conf_get(rados, "keyring", paths, sizeof(paths)) != 0)
        return;
    strbuf_add_str(text, "no key ring can be read (");
    for (char *path; (path = strsep(&rest, ",; ")) != NULL;) {
        if (path[0] == '\0')
            continue;
        if (access(path, R_OK) == 0)
            readable++;
        strbuf_printf(text, "%s%s", text->data[text->len - 1] == '(' ? "" : ", ", path);
    }
    strbuf_add_str(text, ")");
    if (readable != 0) {
        /* It is there, so it is its content that the monitors refuse. */
        text->len = 0;
        text->data[0] = '\0';
    }
}

static int32_t connect_failed(rados_t rados, const struct cluster_key *key, int result, vtclone_error *err)
{
    char shown[600], detail_room[400];
    struct strbuf detail;

    strbuf_init(&detail, detail_room, sizeof(detail_room));
    if (result == -ENOENT || result == -EACCES || result == -EPERM || result == -EINVAL)
        explain_key_ring(rados, &detail);
    if (detail.len == 0 && (result == -EACCES || result == -EPERM))
        strbuf_printf(&detail, "the monitors refused the key of client.%s", key->user);
    if (detail.len == 0 && result == -ETIMEDOUT)
        strbuf_add_str(&detail, "no monitor answered");
    if (detail.len == 0 && result == -ENOENT)
        strbuf_add_str(&detail, "the configuration names no monitor that can be found");
    return error_set_errno(err, result == -ETIMEDOUT ? VTCLONE_E_TIMEOUT : VTCLONE_E_RADOS, result,
                           "connect to %s: %s", cluster_shown(key, shown, sizeof(shown)),
                           detail.len != 0 ? detail.data : "rados_connect");
}

int32_t cluster_connect(const struct cluster_key *key, struct cluster *out, vtclone_error *err)
{
    char name[VTCLONE_MAX_NAME_BYTES + 16], shown[600];
    rados_t rados;
    int32_t code;
    int result;

    snprintf(name, sizeof(name), "client.%s", key->user);
    result = rados_create2(&rados, key->cluster, name, 0);
    if (result < 0)
        return error_set_errno(err, VTCLONE_E_RADOS, result, "connect to %s: rados_create2",
                               cluster_shown(key, shown, sizeof(shown)));
    code = configure(rados, key, err);
    if (code == 0 && (result = rados_connect(rados)) < 0)
        code = connect_failed(rados, key, result, err);
    if (code == 0 && (result = rados_cluster_fsid(rados, out->fsid, sizeof(out->fsid))) < 0)
        code = error_set_errno(err, VTCLONE_E_RADOS, result, "connect to %s: ask for the cluster's fsid",
                               cluster_shown(key, shown, sizeof(shown)));
    if (code != 0) {
        rados_shutdown(rados);
        return code;
    }
    out->rados = rados;
    out->instance = rados_get_instance_id(rados);
    return 0;
}
