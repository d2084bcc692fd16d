/*
 * holder.c - a host of the library whose memory test_wiped.py reads: it logs in, decides, fails once, shows what a caller is
 * given, and frees its cloud. The password comes by standard input and is wiped from this program's own memory, so that what
 * is found of it afterwards is somebody else's.
 */
#include <vtclone.h>

#include <stdio.h>
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

    if (argc != 4 || !read_password())
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
