/*
 * replay.c - runs a fuzz target over the files of the folders given, each in memory of exactly its size, so that a
 * sanitizer sees a read past the end. Prints TAP: one test a folder. Used where there is no libFuzzer.
 */
#include "fuzz.h"

#include <dirent.h>

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");

    ALWAYS(file != NULL && fseek(file, 0, SEEK_END) == 0);
    long size = ftell(file);
    ALWAYS(size >= 0);
    rewind(file);
    uint8_t *data = malloc((size_t)size);
    ALWAYS((data != NULL || size == 0) && fread(data, 1, (size_t)size, file) == (size_t)size);
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

/* Number of files that were run. */
static int run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    int count = 0;

    if (dir == NULL)
        return 0;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        fprintf(stderr, "# %s\n", path);
        run_file(path);
        count++;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int failed = 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        int count = run_folder(argv[i]);
        printf("%s %d - the corpus %s (%d inputs)\n", count > 0 ? "ok" : "not ok", i, argv[i], count);
        failed += count == 0;
    }
    return failed > 0;
}
