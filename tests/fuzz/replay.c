/*
 * replay - runs a fuzz target over files, so that its corpus is a plain test: `fuzz_NAME FILE|DIRECTORY…`.
 *
 * With libFuzzer (preset fuzz) it is left out and the target is fuzzed.
 */
#include <glib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* Returns how many inputs there were. */
static unsigned replay(const char *path)
{
    GDir *listing = g_dir_open(path, 0, NULL);
    const char *name;
    unsigned n = 0;
    if (listing == NULL) {
        g_autofree char *bytes = NULL;
        gsize size;
        g_autoptr(GError) error = NULL;
        if (!g_file_get_contents(path, &bytes, &size, &error))
            g_error("%s", error->message);
        /* In memory of just that size, so that a read behind it is found. */
        g_autofree unsigned char *exact =
            size > 0 ? g_memdup2(bytes, size) : g_malloc(1); /* as libFuzzer: never NULL */
        (void)LLVMFuzzerTestOneInput(exact, size);
        return 1;
    }
    while ((name = g_dir_read_name(listing)) != NULL) {
        g_autofree char *below = g_build_filename(path, name, NULL);
        n += replay(below);
    }
    g_dir_close(listing);
    return n;
}

int main(int argc, char **argv)
{
    unsigned n = 0;
    for (int i = 1; i < argc; i++)
        n += replay(argv[i]);
    return n > 0 ? 0 : 1;
}
