/*
 * answers.h - what a Keystone, a Glance and a Cinder answer that have all that the calls of cloud_calls.h ask for: two images,
 * of which one gets its copy in Ceph by an import, and a volume that can be made and deleted.
 */
#ifndef TESTS_ALLOC_ANSWERS_H
#define TESTS_ALLOC_ANSWERS_H

#include <stdbool.h>

#define AUTH_URL "http://127.0.0.1:5000/v3"
#define IMAGE "5d1c6e0a-1111-4222-8333-444455556666"
#define UNCOPIED "5d1c6e0a-1111-4222-8333-444455556667" /* in netapp alone until it is imported */
#define VOLUME "7b1c6e0a-1111-4222-8333-444455556666"
#define MADE "7b1c6e0a-1111-4222-8333-44445555666f" /* what Cinder makes */

extern const char site_json[], image_json[], volumes_json[];

struct answer {
    long status; /* 0: there is none */
    const char *body;
    bool has_token;
};

/* The services as they were: nothing imported, nothing made. */
void services_reset(void);
struct answer services_answer(const char *method, const char *url, const char *body);
/* Whether Cinder has the volume that was made. */
bool services_have_the_volume(void);

#endif
