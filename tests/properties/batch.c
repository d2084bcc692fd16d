/*
 * batch.c - vtclone_resolve() for a test that asks hundreds of thousands of times: reads requests from standard input,
 * writes one line of JSON for each to standard output. Fields are separated by tabs; an empty one is NULL.
 *
 *   S <tab> SITE                                                 the site of the requests that follow; writes no line
 *   R <tab> TYPE <tab> BACKEND <tab> GIB <tab> PROJECT <tab> SIGNED <tab> OWNER <tab> IMAGE <tab> VOLUMES
 *
 * Every request is resolved twice, and the program ends with status 3 where the answers differ. It uses the library
 * through its public header only.
 */
#include "vtclone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND, TYPE, BACKEND, GIB, PROJECT, SIGNED, OWNER, IMAGE, VOLUMES, FIELDS };

static void write_error(const vtclone_error *err)
{
    printf("{\"error\": \"%s\"}\n", vtclone_code_name(err->code));
}

static char *ask(const vtclone_site *site, const char *image, const vtclone_resolve_options *options,
                 vtclone_error *err)
{
    vtclone_decision *decision = NULL;
    char *json = NULL;

    if (vtclone_resolve(site, image, strlen(image), options, &decision, err) == VTCLONE_OK)
        vtclone_decision_json(decision, &json, NULL, err);
    vtclone_decision_free(decision);
    return json;
}

static int answer(const vtclone_site *site, char *const *fields)
{
    const vtclone_resolve_options options = {
        .size = sizeof(options),
        .volume_type = fields[TYPE][0] == '\0' ? NULL : fields[TYPE],
        .backend = fields[BACKEND][0] == '\0' ? NULL : fields[BACKEND],
        .size_gib = strtoll(fields[GIB], NULL, 10),
        .project_id = fields[PROJECT][0] == '\0' ? NULL : fields[PROJECT],
        .signed_images = (int32_t)strtol(fields[SIGNED], NULL, 10),
        .owner_rule = (int32_t)strtol(fields[OWNER], NULL, 10),
        .image_volumes = fields[VOLUMES][0] == '\0' ? NULL : fields[VOLUMES],
        .image_volumes_len = strlen(fields[VOLUMES]),
    };
    vtclone_error err;
    char *one = ask(site, fields[IMAGE], &options, &err);
    char *two = ask(site, fields[IMAGE], &options, &err);
    int differ = (one == NULL) != (two == NULL) || (one != NULL && strcmp(one, two) != 0);

    if (differ)
        fprintf(stderr, "two answers to one request:\n%s\n%s\n", one == NULL ? "" : one, two == NULL ? "" : two);
    else if (one == NULL)
        write_error(&err);
    else
        puts(one);
    vtclone_string_free(one);
    vtclone_string_free(two);
    return differ ? 3 : 0;
}

int main(void)
{
    vtclone_site *site = NULL;
    vtclone_error err;
    char *line = NULL;
    size_t room = 0;
    int status = 0;

    while (status == 0 && getline(&line, &room, stdin) > 0) {
        char *fields[FIELDS], *rest = line;
        int count = 0;
        line[strcspn(line, "\n")] = '\0';
        while (count < FIELDS && rest != NULL)
            fields[count++] = strsep(&rest, "\t");
        if (fields[KIND][0] == 'S' && count == 2) {
            vtclone_site_free(site);
            site = NULL;
            if (vtclone_site_parse(fields[1], strlen(fields[1]), &site, &err) != VTCLONE_OK) {
                fprintf(stderr, "%s\n", err.message);
                status = 2;
            }
        } else if (count == FIELDS && site != NULL) {
            status = answer(site, fields);
        } else {
            status = 2;
        }
    }
    vtclone_site_free(site);
    free(line);
    return status;
}
