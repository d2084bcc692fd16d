/*
 * loader.c ROLE - a host program that has nothing of Ceph in it: loads libvtclone.so.1 (VTCLONE_LIBRARY) in a thread, clones
 * on the scratch cluster, and ends. test_loading.c runs it. Exit status 0: it went as the role says.
 *   twice  loads, clones, frees and unloads, two times (the second finds the volume)
 *   rude   ends without freeing the handle
 *   stuck  the cluster does not answer: the clone must time out, and the handle be freed while it waits
 */
#include "vtclone.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IMAGE "c2167165-77b5-562c-b10f-8ac130895ee4" /* as in lab.h */

struct library {
    void *handle;
    __typeof__(vtclone_open) *open;
    __typeof__(vtclone_free) *free;
    __typeof__(vtclone_clone) *clone;
    __typeof__(vtclone_site_parse) *site_parse;
    __typeof__(vtclone_site_free) *site_free;
    __typeof__(vtclone_resolve) *resolve;
    __typeof__(vtclone_decision_free) *decision_free;
};

static int load(struct library *library)
{
    void *handle = dlopen(getenv("VTCLONE_LIBRARY"), RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL)
        return -1;
    library->handle = handle;
    library->open = (__typeof__(vtclone_open) *)dlsym(handle, "vtclone_open");
    library->free = (__typeof__(vtclone_free) *)dlsym(handle, "vtclone_free");
    library->clone = (__typeof__(vtclone_clone) *)dlsym(handle, "vtclone_clone");
    library->site_parse = (__typeof__(vtclone_site_parse) *)dlsym(handle, "vtclone_site_parse");
    library->site_free = (__typeof__(vtclone_site_free) *)dlsym(handle, "vtclone_site_free");
    library->resolve = (__typeof__(vtclone_resolve) *)dlsym(handle, "vtclone_resolve");
    library->decision_free = (__typeof__(vtclone_decision_free) *)dlsym(handle, "vtclone_decision_free");
    return 0;
}

struct work {
    const char *volume;
    uint32_t timeout_ms;
    int32_t code;
    bool leave_open;
};

static vtclone *volatile kept; /* by the role rude, as a host keeps it: at its end the handle is in use, not lost */

/* Loads the library, clones, and unloads it, in whatever thread this is. Site and image as decide_image() has them. */
static void *load_and_clone(void *argument)
{
    struct work *work = argument;
    const vtclone_clone_options options = { .size = sizeof(options), .engine = VTCLONE_ENGINE_LIBRBD,
                                            .timeout_ms = work->timeout_ms };
    struct library library;
    const char *fsid = getenv("VTCLONE_LAB_FSID");
    char site_json[2000], image_json[1000];
    vtclone_site *site;
    vtclone_decision *decision, *made = NULL;
    vtclone *handle;

    work->code = 1000;
    if (load(&library) != 0)
        return NULL;
    snprintf(site_json, sizeof(site_json),
             "{\"stores\": [{\"id\": \"ceph\", \"type\": \"rbd\", \"fsid\": \"%s\", \"pool\": \"images\"}],"
             " \"backends\": [{\"host\": \"n@c#v\", \"name\": \"c\", \"type\": \"rbd\", \"fsid\": \"%s\","
             " \"pool\": \"volumes\", \"user\": \"cinder\", \"ceph_conf\": \"%s\", \"cluster\": \"%s\"}]}",
             fsid, fsid, getenv("VTCLONE_LAB_CONF"), getenv("VTCLONE_LAB_CLUSTER"));
    snprintf(image_json, sizeof(image_json),
             "{\"id\": \"" IMAGE "\", \"status\": \"active\", \"disk_format\": \"raw\", \"container_format\": \"bare\","
             " \"size\": 1, \"locations\": [{\"url\": \"rbd://%s/images/" IMAGE "/snap\"}]}",
             fsid);
    if (library.site_parse(site_json, strlen(site_json), &site, NULL) != 0 ||
        library.resolve(site, image_json, strlen(image_json), NULL, &decision, NULL) != 0 ||
        library.open(NULL, &handle, NULL) != 0)
        return NULL;
    work->code = library.clone(handle, decision, work->volume, 1, &options, &made, NULL);
    library.decision_free(made);
    library.decision_free(decision);
    library.site_free(site);
    if (work->leave_open) {
        kept = handle;
    } else {
        library.free(handle);
        dlclose(library.handle);
    }
    return NULL;
}

static bool stuck;

/*
 * LeakSanitizer asks, at the end. What is stuck keeps librbd's image open, and of an open image librbd holds 32 nodes by boost's
 * tagged pointers, which LeakSanitizer cannot follow. The other roles free all, and are asked.
 */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
    return stuck;
}

/* Ends by exit(), which runs librados' destructors, with everything as it is then. */
int main(int argc, char **argv)
{
    const char *role = argc == 2 ? argv[1] : "";
    struct work work = { .volume = "loaded", .leave_open = strcmp(role, "rude") == 0 };
    pthread_t thread;

    stuck = strcmp(role, "stuck") == 0;
    work.timeout_ms = stuck ? 1500 : 30000;
    alarm(60);
    for (int i = 0; i < (strcmp(role, "twice") == 0 ? 2 : 1); i++) {
        if (pthread_create(&thread, NULL, load_and_clone, &work) != 0)
            return 100;
        pthread_join(thread, NULL);
        if (work.code != (stuck ? VTCLONE_E_TIMEOUT : 0))
            return 101;
    }
    return 0;
}
