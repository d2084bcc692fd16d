/*
 * cls_encode.h - arguments and replies of Ceph's object class methods: little endian, a string is its length in 32 bits
 * and its bytes, a versioned struct is version, oldest compatible version, length in 32 bits, and that many bytes.
 *
 * The writer fills a room of fixed size and remembers that something did not fit; the reader never looks beyond its
 * input and remembers that something was missing. Both are checked once, at the end.
 */
#ifndef VTCLONE_CLS_ENCODE_H
#define VTCLONE_CLS_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cls_writer {
    unsigned char *data;
    size_t len;
    size_t room;
    bool overflow; /* something did not fit; what is in data is of no use */
};

void cls_writer_init(struct cls_writer *writer, void *room, size_t size);
void cls_put_bytes(struct cls_writer *writer, const void *bytes, size_t len);
void cls_put_u8(struct cls_writer *writer, uint8_t value);
void cls_put_u32(struct cls_writer *writer, uint32_t value);
void cls_put_u64(struct cls_writer *writer, uint64_t value);
void cls_put_string(struct cls_writer *writer, const char *string);
/* Begins a versioned struct and returns what cls_end_struct() wants. */
size_t cls_begin_struct(struct cls_writer *writer, uint8_t version, uint8_t compat);
void cls_end_struct(struct cls_writer *writer, size_t begin);

struct cls_reader {
    const unsigned char *at;
    size_t left;
    bool bad; /* the input ended too early or has a form that is not understood; what was read since is 0 */
};

void cls_reader_init(struct cls_reader *reader, const void *data, size_t len);
uint8_t cls_get_u8(struct cls_reader *reader);
uint32_t cls_get_u32(struct cls_reader *reader);
uint64_t cls_get_u64(struct cls_reader *reader);
/* A string into a room, with a NUL. One that does not fit, or that holds a NUL, makes the reader bad. */
void cls_get_string(struct cls_reader *reader, char *room, size_t size);
/* A string where it lies in the input. */
const void *cls_get_blob(struct cls_reader *reader, size_t *len);
/* The body of a versioned struct as a reader of its own; outer goes on behind it. A struct that needs a newer reader
 * than `understood` makes outer bad. */
struct cls_reader cls_get_struct(struct cls_reader *outer, uint8_t understood);

#endif
