/*
 * holder.c - a host of the library whose memory test_wiped.py reads: it logs in, decides, fails once, shows what a caller is
 * given, and frees its cloud. The password comes by standard input and is wiped from this program's own memory, and
 * libcurl, which wipes nothing that it frees, has an allocator that does: what is found afterwards is ours.
 */
#include <vtclone.h>

#include <curl/curl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char password[256];
static vtclone_decision *decision;
static vtclone_error failure;
static char *site;

static int read_password(void)
{
    size_t len = 0;
    ssize_t got;

    while (len < sizeof(password) - 1 && (got = read(0, password + len, 1)) == 1 && password[len] != '\n')
        len++;
    password[len] = '\0';
    return len > 0;
}

static void wiping_free(void *memory)
{
    if (memory != NULL)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static void *wiping_realloc(void *memory, size_t size)
{
    size_t before = memory != NULL ? malloc_usable_size(memory) : 0;
    void *moved = malloc(size);

    if (moved != NULL && memory != NULL) {
        memcpy(moved, memory, before < size ? before : size);
        wiping_free(memory);
    }
    return moved;
}

/* argv: URL of Keystone, id of an image, id of one that is not there. A letter on standard output at each stage; goes on at
 * each line of standard input. */
int main(int argc, char **argv)
{
    vtclone_cloud_options options = { .size = sizeof(options), .username = "demo", .user_domain_name = "Default",
                                      .project_name = "demo", .project_domain_name = "Default", .region = "one" };
    const vtclone_resolve_options wanted = { .size = sizeof(wanted), .volume_type = "ceph" };
    vtclone_cloud *cloud;
    vtclone_error err;
    char line[8];

    if (argc != 4 || curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wiping_free, wiping_realloc, strdup, calloc) != CURLE_OK ||
        !read_password())
        return 2;
    options.auth_url = argv[1];
    options.password = password;
    if (vtclone_cloud_open(&options, &cloud, &err) != VTCLONE_OK)
        return 3;
    explicit_bzero(password, sizeof(password));
    if (vtclone_cloud_resolve(cloud, NULL, argv[2], NULL, &wanted, &decision, &err) != VTCLONE_OK ||
        vtclone_cloud_site_json(cloud, &site, NULL, &err) != VTCLONE_OK)
        return 4;
    if (vtclone_cloud_resolve(cloud, NULL, argv[3], NULL, &wanted, &decision, &failure) == VTCLONE_OK)
        return 5;
    printf("open %s\n", failure.message);
    fflush(stdout);
    if (fgets(line, sizeof(line), stdin) == NULL)
        return 6;
    vtclone_cloud_free(cloud);
    puts("freed");
    fflush(stdout);
    return fgets(line, sizeof(line), stdin) != NULL ? 0 : 7;
}
