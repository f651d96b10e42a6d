/* Gives every file of a directory to the fuzz target once: the corpus as a plain test. */
#include <glib.h>
#include <stdint.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int argc, char **argv)
{
    g_autoptr(GDir) directory = argc == 2 ? g_dir_open(argv[1], 0, NULL) : NULL;
    unsigned n = 0;
    for (const char *name; directory != NULL && (name = g_dir_read_name(directory)) != NULL; n++) {
        g_autofree char *path = g_build_filename(argv[1], name, NULL), *data = NULL;
        gsize size = 0;
        if (!g_file_get_contents(path, &data, &size, NULL))
            return 1;
        /* A copy of just that size, so that a byte too many is seen. */
        g_autofree uint8_t *copy = g_memdup2(data, size);
        LLVMFuzzerTestOneInput(copy, size);
    }
    printf("%u inputs\n", n);
    return n > 0 ? 0 : 1;
}
