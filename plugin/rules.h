/*
 * rules.h - the rules a candidate must pass, each for one location and one backend; resolve.c goes through them all.
 * What a rule says is a reason and a sentence; it never looks beyond what it is given.
 */
#ifndef VTCLONE_RULES_H
#define VTCLONE_RULES_H

#include "decision.h"
#include "image.h"
#include "image_volume.h"
#include "site.h"

/* One request: everything the rules look at. */
struct request {
    const vtclone_site *site;
    const struct image *image;
    const struct image_volumes *volumes;
    const struct volume_type *type; /* NULL: no type */
    const char *project_id;         /* or NULL */
    int64_t size_gib;               /* 0: not known */
    bool allow_signed;
    bool owner_paired; /* owner_rule = paired */
};

/* Rule 1: the image as a whole. OK, or the reason with a sentence in *detail (in arena). */
enum vtclone_reason rule_image(struct arena *arena, const struct request *request, const char **detail);

/* Rules 3 and 4: sets reason, detail, store and score of the candidate, whose location has been parsed. */
void rule_candidate(struct arena *arena, const struct request *request, const struct backend *backend,
                    struct candidate *candidate);

/* The smallest volume in GiB that holds the image: size, virtual_size and min_disk. */
int64_t rule_min_size_gib(const struct image *image);

#endif
