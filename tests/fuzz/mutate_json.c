/*
 * mutate_json.c - a mutator for libFuzzer that knows where JSON values begin and end: it copies one value over another,
 * doubles or drops a member, or puts a word of the trade in a value's place. So most inputs stay documents, and reach
 * behind the reader. Every third time the input goes to libFuzzer's own mutations of bytes.
 */
#include "fuzz.h"

#include <stdbool.h>

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);

#define SPANS 512

struct span {
    size_t start, end;
};

static const char *const words[] = {
    "null", "true", "0", "-1", "1e3", "9223372036854775807", "9223372036854775808", "\"\"", "[]", "{}", "\"\\u0000\"",
    "\"\\ud800\"", "\"raw\"", "\"bare\"", "\"active\"", "\"available\"", "\"in-use\"", "\"snap\"", "\"rbd\"",
    "\"cinder\"", "\"images\"", "\"node@ceph#ceph\"", "\"node@netapp#pool0\"",
    "\"rbd://f5d5f6e8-0000-4000-8000-000000000001/images/5d1c6e0a-1111-4222-8333-444455556666/snap\"",
    "\"rbd://f5d5f6e8-0000-4000-8000-000000000001/volumes/5d1c6e0a-1111-4222-8333-444455556666/snap\"",
    "\"rbd://%66%00/images/5d1c6e0a-1111-4222-8333-444455556666/snap\"",
    "\"cinder://netapp/7b1c6e0a-1111-4222-8333-444455556666\"", "\"cinder://7b1c6e0a-1111-4222-8333-444455556666\"",
    "\"5d1c6e0a-1111-4222-8333-444455556666\"", "\"7b1c6e0a-1111-4222-8333-444455556666\"",
    "{\"volume_backend_name\":\"<or> ceph <or> netapp\"}", "{\"glance_image_id\":\"5d1c6e0a-1111-4222-8333-444455556666\"}",
    "{\"url\":\"cinder://powerstore/8b1c6e0a-1111-4222-8333-444455556666\",\"metadata\":{\"store\":\"ceph\"}}",
};

static unsigned int next(unsigned int *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* The end of the value that begins at start, as far as brackets and quotes tell. */
static size_t value_end(const uint8_t *data, size_t size, size_t start)
{
    size_t depth = 0;
    bool quoted = false;

    for (size_t i = start; i < size; i++) {
        uint8_t c = data[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
            if (!quoted && depth == 0)
                return i + 1;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return i;
            if (--depth == 0)
                return i + 1;
        } else if (depth == 0 && (c == ',' || c == ':' || c == 0x1e)) {
            return i;
        }
    }
    return size;
}

/* The values of the input: what follows an opening bracket, a comma or a colon. */
static size_t find_spans(const uint8_t *data, size_t size, struct span *spans)
{
    size_t count = 0;
    bool quoted = false;

    for (size_t i = 0; i < size && count < SPANS; i++) {
        if (data[i] == '\\' && quoted) {
            i++;
            continue;
        }
        if (data[i] == '"')
            quoted = !quoted;
        if (quoted || (data[i] != '{' && data[i] != '[' && data[i] != ',' && data[i] != ':'))
            continue;
        size_t end = value_end(data, size, i + 1);
        if (end > i + 1)
            spans[count++] = (struct span){ i + 1, end };
    }
    return count;
}

/* Puts text in the place of the span, where it fits. */
static size_t replace(uint8_t *data, size_t size, size_t max, struct span span, const void *text, size_t len)
{
    size_t tail = size - span.end;

    if (span.start + len + tail > max)
        return size;
    memmove(data + span.start + len, data + span.end, tail);
    memcpy(data + span.start, text, len);
    return span.start + len + tail;
}

static size_t double_member(uint8_t *data, size_t size, size_t max, struct span span)
{
    size_t len = span.end - span.start;
    uint8_t *text = malloc(2 * len + 1);

    ALWAYS(text != NULL);
    memcpy(text, data + span.start, len);
    text[len] = ',';
    memcpy(text + len + 1, data + span.start, len);
    size = replace(data, size, max, span, text, 2 * len + 1);
    free(text);
    return size;
}

static size_t copy_over(uint8_t *data, size_t size, size_t max, struct span from, struct span to)
{
    size_t len = from.end - from.start;
    uint8_t *text = malloc(len);

    ALWAYS(text != NULL);
    memcpy(text, data + from.start, len);
    size = replace(data, size, max, to, text, len);
    free(text);
    return size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
    struct span spans[SPANS];
    size_t count = find_spans(data, size, spans);

    if (count == 0 || next(&seed) % 3 == 0)
        return LLVMFuzzerMutate(data, size, max);
    struct span one = spans[next(&seed) % count], other = spans[next(&seed) % count];
    const char *word = words[next(&seed) % (sizeof(words) / sizeof(words[0]))];
    switch (next(&seed) % 4) {
    case 0:
        return copy_over(data, size, max, one, other);
    case 1:
        return double_member(data, size, max, one);
    case 2:
        return replace(data, size, max, one, "", 0);
    default:
        return replace(data, size, max, one, word, strlen(word));
    }
}
