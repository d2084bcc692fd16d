/*
 * cluster.h - making and ending one librados connection: configuration, time-outs, the cluster's id, and a message
 * that an operator can act on when it fails.
 */
#ifndef VTCLONE_CLUSTER_H
#define VTCLONE_CLUSTER_H

#include "vtclone.h"

#include <rados/librados.h>

#define FSID_SIZE 37 /* a UUID and its NUL */

struct cluster_key {
    const char *ceph_conf; /* NULL: librados' default search */
    const char *cluster;
    const char *user;
    uint32_t connect_timeout_ms;
    uint32_t mon_timeout_ms;
    uint32_t osd_timeout_ms;
};

struct cluster {
    rados_t rados;
    uint64_t instance; /* of the client; librbd begins the ids of the images it makes with it */
    char fsid[FSID_SIZE];
};

/* Blocks, with monitors away for up to ten times the connect time-out (librados tries as often). */
int32_t cluster_connect(const struct cluster_key *key, struct cluster *out, vtclone_error *err);

/* "cluster 'ceph' as client.cinder with /etc/ceph/ceph.conf" into room; returns room. */
const char *cluster_shown(const struct cluster_key *key, char *room, size_t size);

#endif
