/*
 * librbd_image.h - the few things that are done to one image through librbd, each with its answer in a plain struct.
 * All return 0 or a negative errno value, and block.
 */
#ifndef VTCLONE_LIBRBD_IMAGE_H
#define VTCLONE_LIBRBD_IMAGE_H

#include "parent.h"

#include <rados/librados.h>
#include <rbd/librbd.h>
#include <stdbool.h>
#include <stdint.h>

struct child_facts {
    uint64_t size;
    bool has_parent;
    int64_t parent_pool_id;
    char parent_image_id[IMAGE_ID_SIZE];
    uint64_t parent_snap_id;
};

/* rbd_close(), which by itself may free an image that librbd is not done with: the callback that ends rbd_open_read_only() wakes
 * its caller first and takes the image's lock after that (ImageState::complete_action_unlock in 16.2), so that a caller who
 * closes at once can crash the process. Nothing here calls rbd_close() otherwise. */
int image_close(rados_ioctx_t ioctx, rbd_image_t image);

/* *what: the call that failed, or what is wrong with the parent (-ENOSYS). Static storage. */
int image_read_parent(rados_ioctx_t ioctx, const char *image, const char *snap, struct parent_facts *out,
                      const char **what);
/* Opens read-only, which changes nothing. */
int image_read_child(rados_ioctx_t ioctx, const char *name, struct child_facts *out, const char **what);
int image_child_facts(rbd_image_t image, struct child_facts *out, const char **what);

/* The id that the pool's directory has for the name: one read. -ENOENT: the name is free. */
int image_find_id(rados_ioctx_t ioctx, const char *name, char *id, size_t size);
/* Whether librbd may have made the id on the client with that number (rados_get_instance_id). */
bool image_id_is_of(const char *id, uint64_t instance);

/* The object size of a clone as Cinder chooses it (RBDDriver._clone): as a power of two, the larger of the parent's
 * stripe unit and rbd_store_chunk_size. */
unsigned image_order(uint64_t parent_stripe_unit, int64_t chunk_size_mib);
/* The features of new images as Cinder's RADOSClient.features has them. false: the value is no number, and librbd's own
 * reading of it is right. */
bool image_default_features(rados_t rados, uint64_t *out);
/* Whether librbd makes clones of version 1 there, and so refuses a snapshot that is not protected: as it decides that itself, by
 * the configuration of the pool of the clone and the oldest client that the cluster allows. false where that configuration cannot
 * be read. */
bool image_wants_protection(rados_t rados, rados_ioctx_t pool);
/* The same without the pool's own settings, which asks nobody. */
bool image_may_want_protection(rados_t rados);
/* rbd_clone3() with that order and the features that the cluster's client configuration says (as Cinder has it, layering
 * alone where it says 0). */
int image_clone(rados_t rados, rados_ioctx_t parent_pool, const char *image, const char *snap, rados_ioctx_t pool,
                const char *name, unsigned order);

#endif
