/*
 * certify_run.c - see certify_run.h. What is compared: the id object, the header, the object map, the first data object,
 * the two entries in the directory, and the child's entry at the parent.
 */
#include "certify_run.h"

#include "batch.h"
#include "certify_release.h"
#include "cls_encode.h"
#include "cls_rbd.h"
#include "directory.h"
#include "engine_direct.h"
#include "librbd_image.h"
#include "object_diff.h"

#include <errno.h>
#include <rbd/librbd.h>
#include <stdarg.h>
#include <sys/random.h>

#define RUN_MS 30000              /* for one certification */
#define ARENA_MAX (64u << 20)
#define GIB (UINT64_C(1) << 30)
#define SWEEP_MAX 64              /* leftovers that one certification looks at */
#define SWEEP_AGE_S 600           /* older than any certification can be */
#define CHILDREN_MAX (16u << 20)  /* bytes of the parent's list of children */

struct run {
    struct connection *connection;
    const struct clone_request *request;
    rados_ioctx_t source, target;
    struct deadline deadline;
    struct arena arena;
    struct verdict *out;
    bool holds; /* the verdict is a finding, not a failure of the cluster */
    char names[2][64]; /* of librbd's clone and of the direct engine's */
    char ids[2][IMAGE_ID_SIZE];
};

enum { LIBRBD, DIRECT };

static bool refuse(struct run *run, bool holds, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The first reason counts. */
static bool refuse(struct run *run, bool holds, const char *format, ...)
{
    va_list args;

    if (run->out->reason[0] == '\0') {
        va_start(args, format);
        vsnprintf(run->out->reason, sizeof(run->out->reason), format, args);
        va_end(args);
        run->holds = holds;
    }
    return false;
}

static bool failed(struct run *run, int result, const char *what)
{
    char room[128];

    return refuse(run, false, "not certified: %s: %s", what, strerror_r(abs(result), room, sizeof(room)));
}

/* ---- making ---- */

static bool make_one(struct run *run, int which)
{
    struct clone_request request = *run->request;
    struct clone_outcome outcome;
    struct name_facts name;
    vtclone_error error = { 0 };
    int32_t code;
    int result;

    request.volume = run->names[which];
    request.deadline = run->deadline;
    request.claim = NULL;
    code = which == LIBRBD ? engine_librbd_clone(run->connection, &request, &outcome, &error)
                           : engine_direct_clone(run->connection, &request, &outcome, &error);
    if (code != 0)
        /* That a snapshot is missing, or that the cluster fails, says nothing of the engine. */
        return refuse(run, false, "not certified: %s's scratch clone: %s", which == LIBRBD ? "librbd" : "the direct engine",
                      error.message);
    result = cls_read_name(run->target, request.volume, run->deadline, &name);
    if (result < 0)
        return failed(run, result, "look a scratch clone up");
    memcpy(run->ids[which], name.id, sizeof(name.id));
    if (name.id[0] == '\0' || strcmp(name.id, name.dir_id) != 0)
        return refuse(run, true, "not certified: the directory of the pool does not have %s's scratch clone",
                      which == LIBRBD ? "librbd" : "the direct engine");
    return true;
}

/* ---- comparing ---- */

static bool compare(struct run *run, const char *what, const char *prefix, const char *const names[2])
{
    struct object_copy copies[2];
    char difference[200];

    for (int i = 0; i < 2; i++) {
        int result = object_read(&run->arena, run->target, prefix, names[i], run->deadline, &copies[i]);
        if (result < 0)
            return failed(run, result, what);
    }
    if (!object_same(&run->arena, what, &copies[LIBRBD], run->ids[LIBRBD], &copies[DIRECT], run->ids[DIRECT], difference,
                     sizeof(difference)))
        return refuse(run, true, "the direct engine's clone differs from librbd's: %s", difference);
    return true;
}

/* The directory's other entry: the name of an id. */
static bool compare_directory(struct run *run)
{
    for (int i = 0; i < 2; i++) {
        unsigned char room[IMAGE_ID_SIZE + 8];
        char reply[128], name[80];
        struct cls_writer argument;
        struct cls_reader reader;
        rados_read_op_t op = rados_create_read_op();
        struct batch batch;
        size_t len = 0;
        int result;

        cls_writer_init(&argument, room, sizeof(room));
        cls_put_string(&argument, run->ids[i]);
        if (op != NULL)
            rados_read_op_exec_user_buf(op, "rbd", "dir_get_name", (const char *)room, argument.len, reply,
                                        sizeof(reply), &len, NULL);
        batch_init(&batch);
        batch_read(&batch, "read-directory", run->target, CLS_DIRECTORY, "", op);
        result = batch_run(&batch, run->deadline);
        batch_end(&batch);
        if (result < 0 && result != -ENOENT)
            return failed(run, result, "read the directory");
        cls_reader_init(&reader, reply, result == 0 ? len : 0);
        cls_get_string(&reader, name, sizeof(name));
        if (reader.bad || strcmp(name, run->names[i]) != 0)
            return refuse(run, true, "the direct engine's clone differs from librbd's: the directory's entry of the id");
    }
    return true;
}

/* Whether the parent lists both children, in the same words. */
static bool compare_children(struct run *run)
{
    struct header_facts header;
    char *list = malloc(CHILDREN_MAX);
    bool found[2] = { false, false };
    unsigned char room[16];
    struct cls_writer argument;
    rados_read_op_t op = rados_create_read_op();
    struct batch batch;
    size_t len = 0;
    int result = cls_read_header(run->target, run->ids[LIBRBD], run->deadline, &header);

    cls_writer_init(&argument, room, sizeof(room));
    cls_put_u64(&argument, header.parent.snap_id);
    if (op != NULL && list != NULL)
        rados_read_op_exec_user_buf(op, "rbd", "children_list", (const char *)room, argument.len, list, CHILDREN_MAX,
                                    &len, NULL);
    batch_init(&batch);
    batch_read(&batch, "read-children", run->source, CLS_HEADER_PREFIX, header.parent.image_id, op);
    if (result == 0)
        result = list == NULL ? -ENOMEM : batch_run(&batch, run->deadline);
    batch_end(&batch);
    for (int i = 0; i < 2 && result == 0; i++) {
        unsigned char spec_room[IMAGE_ID_SIZE + 64];
        struct cls_writer spec;
        size_t begin;

        cls_writer_init(&spec, spec_room, sizeof(spec_room));
        begin = cls_begin_struct(&spec, 2, 1);
        cls_put_u64(&spec, (uint64_t)rados_ioctx_get_id(run->target));
        cls_put_string(&spec, run->ids[i]);
        cls_put_string(&spec, "");
        cls_end_struct(&spec, begin);
        found[i] = memmem(list, len, spec_room, spec.len) != NULL;
    }
    free(list);
    if (result < 0)
        return failed(run, result, "read the parent's list of children");
    if (!found[LIBRBD] || !found[DIRECT])
        return refuse(run, true, "the direct engine's clone differs from librbd's: the parent's entry of the child%s",
                      found[DIRECT] ? " that librbd made is of another form" : "");
    return true;
}

static bool compare_all(struct run *run)
{
    const char *names[2] = { run->names[LIBRBD], run->names[DIRECT] };
    const char *ids[2] = { run->ids[LIBRBD], run->ids[DIRECT] };
    char first[2][IMAGE_ID_SIZE + 20];
    const char *data[2] = { first[LIBRBD], first[DIRECT] };

    for (int i = 0; i < 2; i++)
        snprintf(first[i], sizeof(first[i]), "%s.%016x", run->ids[i], 0);
    return compare(run, "the id object", CLS_ID_PREFIX, names) && compare(run, "the header", CLS_HEADER_PREFIX, ids) &&
           compare(run, "the object map", CLS_OBJECT_MAP_PREFIX, ids) &&
           compare(run, "the first data object", CLS_DATA_PREFIX, data) && compare_directory(run) &&
           compare_children(run);
}

/* ---- removing ---- */

/* Both go through librbd, and nothing of the direct engine's may be left. */
static bool remove_both(struct run *run)
{
    bool well = true;

    for (int i = 0; i < 2; i++) {
        struct object_copy header = { .exists = false };
        int result = rbd_remove(run->target, run->names[i]);

        if (result < 0 && result != -ENOENT)
            well = failed(run, result, "remove a scratch clone");
        if (result == 0 && run->ids[i][0] != '\0' &&
            object_read(&run->arena, run->target, CLS_HEADER_PREFIX, run->ids[i], run->deadline, &header) == 0 &&
            header.exists)
            well = refuse(run, true, "rbd_remove() left the header of a scratch clone");
    }
    return well;
}

/* The clone of an earlier certification that died, and by it the entry at the parent. */
static void remove_if_old(rados_ioctx_t pool, const char *name)
{
    struct timespec made = { 0 }, now;
    rbd_image_t image;

    if (rbd_open_read_only(pool, name, &image, NULL) < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    if (rbd_get_create_timestamp(image, &made) < 0)
        made.tv_sec = now.tv_sec;
    image_close(pool, image);
    if (now.tv_sec - made.tv_sec > SWEEP_AGE_S)
        rbd_remove(pool, name);
}

static void sweep(struct run *run)
{
    struct directory_page page;

    if (directory_read(&page, run->target, CERTIFY_PREFIX, SWEEP_MAX, run->deadline) == 0)
        while (directory_next(&page) && strncmp(page.name, CERTIFY_PREFIX, sizeof(CERTIFY_PREFIX) - 1) == 0)
            remove_if_old(run->target, page.name);
    directory_end(&page);
}

/* ---- all of it ---- */

static bool choose_names(struct run *run)
{
    uint32_t random;

    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return failed(run, errno, "getrandom");
    for (int i = 0; i < 2; i++)
        snprintf(run->names[i], sizeof(run->names[i]), "%s%llx-%08x-%s", CERTIFY_PREFIX,
                 (unsigned long long)connection_instance(run->connection), random, i == LIBRBD ? "librbd" : "direct");
    return true;
}

bool certify_run(struct connection *connection, const struct clone_request *request, rados_ioctx_t source,
                 rados_ioctx_t target, struct verdict *out)
{
    struct run run = { .connection = connection, .request = request, .source = source, .target = target, .out = out };
    bool same;

    *out = (struct verdict){ .certified = false };
    run.deadline = deadline_in_ms(RUN_MS);
    arena_init(&run.arena, 65536, ARENA_MAX);
    certify_releases(connection_cluster(connection), out);
    sweep(&run);
    same = choose_names(&run) && make_one(&run, LIBRBD) && make_one(&run, DIRECT) && compare_all(&run);
    same = remove_both(&run) && same;
    arena_release(&run.arena);
    if (same) {
        out->certified = true;
        run.holds = true;
        snprintf(out->reason, sizeof(out->reason), "certified: byte for byte as librbd's on OSDs %.200s%s",
                 out->releases[0] != '\0' ? out->releases : "of an unknown release",
                 out->known_release ? "" : ", which the tests have not run on");
    }
    return run.holds;
}
