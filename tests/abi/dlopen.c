/*
 * dlopen.c - loads the library, uses it and unloads it, again and again, in threads of its own: usage dlopen LIBRARY.
 */
#include "vtclone.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define THREADS 8
#define TIMES 20

static const char *path;

static void *load_and_unload(void *arg)
{
    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return "dlopen";
        }
        uint32_t (*abi)(void);
        int32_t (*open)(const vtclone_options *, vtclone **, vtclone_error *);
        void (*close)(vtclone *);
        *(void **)&abi = dlsym(library, "vtclone_abi");
        *(void **)&open = dlsym(library, "vtclone_open");
        *(void **)&close = dlsym(library, "vtclone_free");
        vtclone *handle = NULL;
        vtclone_error err = { 0 };
        if (abi() != VTCLONE_ABI || open(NULL, &handle, &err) != 0) {
            fprintf(stderr, "%s\n", err.message);
            return "vtclone_open";
        }
        close(handle);
        dlclose(library);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    int failed = 0;

    if (argc != 2)
        return 2;
    path = argv[1];
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, load_and_unload, NULL) != 0)
            return 1;
    for (int i = 0; i < THREADS; i++) {
        void *what = NULL;
        pthread_join(threads[i], &what);
        failed += what != NULL;
    }
    return failed > 0;
}
