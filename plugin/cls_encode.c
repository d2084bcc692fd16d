/*
 * cls_encode.c - see cls_encode.h.
 */
#include "cls_encode.h"

#include <endian.h>
#include <string.h>

void cls_writer_init(struct cls_writer *writer, void *room, size_t size)
{
    *writer = (struct cls_writer){ .data = room, .room = size };
}

void cls_put_bytes(struct cls_writer *writer, const void *bytes, size_t len)
{
    if (writer->overflow || len > writer->room - writer->len) {
        writer->overflow = true;
        return;
    }
    if (len != 0)
        memcpy(writer->data + writer->len, bytes, len);
    writer->len += len;
}

void cls_put_u8(struct cls_writer *writer, uint8_t value)
{
    cls_put_bytes(writer, &value, sizeof(value));
}

void cls_put_u32(struct cls_writer *writer, uint32_t value)
{
    uint32_t wire = htole32(value);

    cls_put_bytes(writer, &wire, sizeof(wire));
}

void cls_put_u64(struct cls_writer *writer, uint64_t value)
{
    uint64_t wire = htole64(value);

    cls_put_bytes(writer, &wire, sizeof(wire));
}

void cls_put_string(struct cls_writer *writer, const char *string)
{
    size_t len = strlen(string);

    if (len > UINT32_MAX) {
        writer->overflow = true;
        return;
    }
    cls_put_u32(writer, (uint32_t)len);
    cls_put_bytes(writer, string, len);
}

size_t cls_begin_struct(struct cls_writer *writer, uint8_t version, uint8_t compat)
{
    cls_put_u8(writer, version);
    cls_put_u8(writer, compat);
    cls_put_u32(writer, 0);
    return writer->len;
}

void cls_end_struct(struct cls_writer *writer, size_t begin)
{
    uint32_t wire;

    if (writer->overflow)
        return;
    wire = htole32((uint32_t)(writer->len - begin));
    memcpy(writer->data + begin - sizeof(wire), &wire, sizeof(wire));
}

void cls_reader_init(struct cls_reader *reader, const void *data, size_t len)
{
    *reader = (struct cls_reader){ .at = data, .left = len };
}

/* The next len bytes, or NULL. */
static const unsigned char *take(struct cls_reader *reader, size_t len)
{
    const unsigned char *at = reader->at;

    if (reader->bad || len > reader->left) {
        reader->bad = true;
        return NULL;
    }
    reader->at += len;
    reader->left -= len;
    return at;
}

uint8_t cls_get_u8(struct cls_reader *reader)
{
    const unsigned char *at = take(reader, 1);

    return at == NULL ? 0 : *at;
}

uint32_t cls_get_u32(struct cls_reader *reader)
{
    const unsigned char *at = take(reader, sizeof(uint32_t));
    uint32_t wire = 0;

    if (at != NULL)
        memcpy(&wire, at, sizeof(wire));
    return le32toh(wire);
}

uint64_t cls_get_u64(struct cls_reader *reader)
{
    const unsigned char *at = take(reader, sizeof(uint64_t));
    uint64_t wire = 0;

    if (at != NULL)
        memcpy(&wire, at, sizeof(wire));
    return le64toh(wire);
}

const void *cls_get_blob(struct cls_reader *reader, size_t *len)
{
    const unsigned char *at;

    *len = cls_get_u32(reader);
    at = take(reader, *len);
    if (at == NULL)
        *len = 0;
    return at;
}

void cls_get_string(struct cls_reader *reader, char *room, size_t size)
{
    size_t len;
    const void *at = cls_get_blob(reader, &len);

    room[0] = '\0';
    if (at == NULL)
        return;
    if (len >= size || memchr(at, '\0', len) != NULL) {
        reader->bad = true;
        return;
    }
    memcpy(room, at, len);
    room[len] = '\0';
}

struct cls_reader cls_get_struct(struct cls_reader *outer, uint8_t understood)
{
    struct cls_reader inner = { .at = NULL };
    uint8_t compat;
    size_t len;

    cls_get_u8(outer);
    compat = cls_get_u8(outer);
    len = cls_get_u32(outer);
    inner.at = take(outer, len);
    if (inner.at != NULL)
        inner.left = len;
    if (compat > understood)
        outer->bad = true;
    inner.bad = outer->bad;
    return inner;
}
