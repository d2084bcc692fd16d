/*
 * doctor_ini.c - configuration files as oslo.config reads them: sections, "key = value" or "key: value", comments,
 * values that go on in indented lines, one pair of quotes around a value; of two values of an option the last counts.
 */
#include "doctor.h"
#include "error.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct reading {
    struct arena *arena;
    struct ini *ini;
    const char *path;
    const char *section;
    size_t line;
};

/* How many bytes follow the first byte of a character; 4 where none begins so. */
static size_t utf8_more(unsigned char first)
{
    if (first < 0x80)
        return 0;
    if (first < 0xc2 || first > 0xf4)
        return 4;
    return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

static bool is_utf8(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t more = utf8_more(text[i]);
        if (more == 4 || len - i <= more)
            return false;
        for (size_t k = 1; k <= more; k++)
            if ((text[i + k] & 0xc0) != 0x80)
                return false;
        i += more + 1;
    }
    return true;
}

static void trim(const char **text, size_t *len)
{
    while (*len > 0 && isspace((unsigned char)(*text)[*len - 1]))
        --*len;
    while (*len > 0 && isspace((unsigned char)**text))
        ++*text, --*len;
}

static int32_t bad_line(const struct reading *reading, const char *what, vtclone_error *err)
{
    return error_set(err, VTCLONE_E_DOCUMENT, "%s: line %zu: %s", reading->path, reading->line, what);
}

static int32_t begin_section(struct reading *reading, const char *text, size_t len, vtclone_error *err)
{
    struct ini_section *section;

    if (len < 3 || text[len - 1] != ']')
        return bad_line(reading, "a section without its closing bracket, or without a name", err);
    for (section = reading->ini->sections; section != NULL; section = section->next)
        if (strlen(section->name) == len - 2 && memcmp(section->name, text + 1, len - 2) == 0) {
            reading->section = section->name;
            return VTCLONE_OK;
        }
    section = arena_alloc(reading->arena, 1, sizeof(*section));
    reading->section = arena_strndup(reading->arena, text + 1, len - 2);
    if (section == NULL || reading->section == NULL || ++reading->ini->entries > DOCTOR_MAX_ENTRIES)
        return error_nomem(err, reading->path);
    *section = (struct ini_section){ .name = reading->section, .next = reading->ini->sections };
    reading->ini->sections = section;
    return VTCLONE_OK;
}

static int32_t assign(struct reading *reading, const char *text, size_t len, vtclone_error *err)
{
    size_t at = 0;
    struct ini_entry *entry;

    while (at < len && text[at] != '=' && text[at] != ':')
        at++;
    if (at == len)
        return bad_line(reading, "neither a section, a comment nor \"option = value\"", err);
    const char *key = text, *value = text + at + 1;
    size_t key_len = at, value_len = len - at - 1;
    trim(&key, &key_len);
    trim(&value, &value_len);
    if (key_len == 0)
        return bad_line(reading, "an option without a name", err);
    if (value_len >= 2 && (*value == '"' || *value == '\'') && value[value_len - 1] == *value)
        value++, value_len -= 2;
    if (++reading->ini->entries > DOCTOR_MAX_ENTRIES)
        return error_set(err, VTCLONE_E_LIMIT, "%s: more than %d options", reading->path, DOCTOR_MAX_ENTRIES);
    entry = arena_alloc(reading->arena, 1, sizeof(*entry));
    if (entry == NULL)
        return error_nomem(err, reading->path);
    entry->section = reading->section;
    entry->key = arena_strndup(reading->arena, key, key_len);
    entry->value = arena_strndup(reading->arena, value, value_len);
    if (entry->key == NULL || entry->value == NULL)
        return error_nomem(err, reading->path);
    if (reading->ini->last == NULL)
        reading->ini->first = entry;
    else
        reading->ini->last->next = entry;
    reading->ini->last = entry;
    return VTCLONE_OK;
}

/* The rest of a value on an indented line. */
static int32_t go_on(struct reading *reading, struct ini_entry *entry, const char *text, size_t len, vtclone_error *err)
{
    size_t old = strlen(entry->value);
    char *joined = arena_alloc(reading->arena, old + len + 2, 1);

    if (joined == NULL)
        return error_nomem(err, reading->path);
    memcpy(joined, entry->value, old);
    joined[old] = '\n';
    memcpy(joined + old + 1, text, len);
    entry->value = joined;
    return VTCLONE_OK;
}

static int32_t read_lines(struct reading *reading, const char *text, size_t len, vtclone_error *err)
{
    struct ini_entry *open = NULL; /* the value that an indented line continues */

    for (const char *end = text + len; text < end;) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        const char *line = text;
        size_t room = (size_t)((stop == NULL ? end : stop) - text);
        bool indented = room > 0 && (*line == ' ' || *line == '\t');
        int32_t code = VTCLONE_OK;

        text = stop == NULL ? end : stop + 1;
        reading->line++;
        trim(&line, &room);
        if (room == 0) {
            open = NULL;
        } else if (indented) {
            if (open == NULL)
                return bad_line(reading, "an indented line that continues nothing", err);
            code = go_on(reading, open, line, room, err);
        } else if (*line == '[') {
            open = NULL;
            code = begin_section(reading, line, room, err);
        } else if (*line != '#' && *line != ';') {
            code = assign(reading, line, room, err);
            open = reading->ini->last;
        } else {
            open = NULL;
        }
        if (code != VTCLONE_OK)
            return code;
    }
    return VTCLONE_OK;
}

int32_t ini_read(struct arena *arena, const char *path, struct ini *ini, vtclone_error *err)
{
    struct cli_text text;
    struct reading reading = { .arena = arena, .ini = ini, .path = path, .section = "DEFAULT" };
    int32_t code = cli_read_file(path, "configuration", &text, err);

    if (code != VTCLONE_OK)
        return code;
    if (memchr(text.data, 0, text.len) != NULL || !is_utf8((const unsigned char *)text.data, text.len))
        code = error_set(err, VTCLONE_E_DOCUMENT, "%s: not a text in UTF-8", path);
    else
        code = read_lines(&reading, text.data, text.len, err);
    free(text.data);
    if (code == VTCLONE_OK && ini->path == NULL)
        ini->path = path;
    return code;
}

bool ini_has_section(const struct ini *ini, const char *section)
{
    for (const struct ini_section *known = ini->sections; known != NULL; known = known->next)
        if (strcmp(known->name, section) == 0)
            return true;
    return false;
}

const char *ini_get(const struct ini *ini, const char *section, const char *key)
{
    const char *found = NULL;

    for (const struct ini_entry *entry = ini->first; entry != NULL; entry = entry->next)
        if (strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0)
            found = entry->value;
    return found == NULL || *found == '\0' ? NULL : found;
}

bool ini_bool(const struct ini *ini, const char *section, const char *key, bool otherwise)
{
    static const char *const yes[] = { "true", "1", "on", "yes" }, *const no[] = { "false", "0", "off", "no" };
    const char *value = ini_get(ini, section, key);

    for (size_t i = 0; value != NULL && i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (strcasecmp(value, yes[i]) == 0)
            return true;
        if (strcasecmp(value, no[i]) == 0)
            return false;
    }
    return otherwise;
}

bool list_next(const char **rest, const char **item, size_t *len)
{
    while (*rest != NULL && **rest != '\0') {
        size_t room = strcspn(*rest, ",\n");
        *item = *rest;
        *len = room;
        *rest += room + ((*rest)[room] != '\0');
        while (*len > 0 && (isspace((unsigned char)**item) || **item == '['))
            ++*item, --*len;
        while (*len > 0 && (isspace((unsigned char)(*item)[*len - 1]) || (*item)[*len - 1] == ']'))
            --*len;
        if (*len > 0)
            return true;
    }
    return false;
}

bool list_has(const char *list, const char *wanted)
{
    const char *item;
    size_t len;

    while (list_next(&list, &item, &len))
        if (len == strlen(wanted) && memcmp(item, wanted, len) == 0)
            return true;
    return false;
}
