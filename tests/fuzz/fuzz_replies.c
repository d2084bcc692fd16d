/*
 * fuzz_replies.c - what the OSDs answer to the direct engine's class methods. The readers are static, so the two sources
 * are part of this program. An input is one byte that chooses the reader, and for each reply its length in two bytes and
 * its bytes, in memory of exactly that length.
 */
#include "fuzz.h"

#include "cls_rbd_read.c"
#define ask ask_direct
#define run_one run_one_direct
#include "direct_read.c"

/* Takes the next reply from the input; the caller frees it. */
static char *take(const uint8_t **at, size_t *left, size_t room, size_t *len)
{
    size_t wanted = *left < 2 ? 0 : (size_t)((*at)[0] | (*at)[1] << 8);
    size_t head = *left < 2 ? *left : 2;

    *at += head;
    *left -= head;
    wanted = wanted < *left ? wanted : *left;
    *len = wanted < room ? wanted : room;
    char *data = malloc(*len > 0 ? *len : 1);
    ALWAYS(data != NULL);
    memcpy(data, *at, *len);
    *at += wanted;
    *left -= wanted;
    return data;
}

static void read_header_facts(const uint8_t *at, size_t left)
{
    static struct reply replies[HEADER_REPLIES];
    struct header_facts facts = { 0 };

    for (size_t i = 0; i < HEADER_REPLIES; i++) {
        char *data = take(&at, &left, REPLY_MAX, &replies[i].len);
        memcpy(replies[i].data, data, replies[i].len);
        free(data);
    }
    if (decode_header(replies, &facts) == 0) {
        ALWAYS(memchr(facts.parent.image_id, '\0', IMAGE_ID_SIZE) != NULL);
        ALWAYS(facts.has_parent || facts.parent.snap_id == 0);
    }
}

static void read_one_id(const uint8_t *at, size_t left)
{
    struct reply reply = { 0 };
    char id[IMAGE_ID_SIZE] = "";
    char *data = take(&at, &left, REPLY_MAX, &reply.len);

    memcpy(reply.data, data, reply.len);
    free(data);
    if (decode_id(&reply, id) == 0)
        ALWAYS(id[0] != '\0' && memchr(id, '\0', sizeof(id)) != NULL);
}

static void read_parent(const uint8_t *at, size_t left)
{
    struct direct_parent parent = { 0 };
    struct direct_pool pool = { 0 };
    struct answer answers[5];
    static uint64_t ids[SNAPS_MAX];
    size_t count = 0;
    uint64_t size = 0;

    for (size_t i = 0; i < 5; i++) {
        answers[i] = (struct answer){ 0 };
        answers[i].data = take(&at, &left, METADATA_BYTES, &answers[i].len);
        answers[i].room = METADATA_BYTES;
    }
    if (take_header(&answers[0], &answers[1], &parent) == 0)
        ALWAYS(parent.stripe_unit >= 1);
    if (take_snaps(&answers[2], ids, &count) == 0)
        ALWAYS(count <= SNAPS_MAX);
    if (take_metadata(&answers[3], &parent) == 0)
        ALWAYS((parent.metadata != NULL) == (parent.metadata_len > 0));
    is_wanted(&answers[4], "snap", &size);
    judge_overrides(&answers[3], &pool);
    judge_mirroring(0, &answers[4], "source", &pool);
    ALWAYS(memchr(parent.unsupported, '\0', sizeof(parent.unsupported)) != NULL);
    ALWAYS(memchr(pool.unsupported, '\0', sizeof(pool.unsupported)) != NULL);
    free(parent.metadata);
    for (size_t i = 0; i < 5; i++)
        free(answers[i].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    switch (data[0] % 3) {
    case 0:
        read_header_facts(data + 1, size - 1);
        break;
    case 1:
        read_one_id(data + 1, size - 1);
        break;
    default:
        read_parent(data + 1, size - 1);
        break;
    }
    return 0;
}
