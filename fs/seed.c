#include "seed.h"

#include "beneath.h"
#include "path.h"
#include "seed_file.h"
#include "union.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory whose children are to be copied; its path is relative to the copied directory. */
struct todo {
    char *path;
    struct union_entry entry;
};

/* Where a file with more than one name was copied to first. */
struct link_key {
    dev_t dev;
    ino_t ino;
};

struct seed {
    const struct union_stack *stack;
    const char *from; /* the copied directory's path in the union */
    const struct patience *patience;
    int dir_fd;      /* borrowed */
    GQueue todo;     /* of struct todo, parents before children */
    GPtrArray *done; /* of struct todo: directories whose attributes are still to be set */
    GTree *links;    /* struct link_key → path; compared, not hashed: the numbers come from the layers' file system */
};

static void todo_free(gpointer data)
{
    struct todo *todo = data;
    union_entry_clear(&todo->entry);
    g_free(todo->path);
    g_free(todo);
}

static int compare_links(gconstpointer left, gconstpointer right, gpointer data G_GNUC_UNUSED)
{
    const struct link_key *a = left, *b = right;
    if (a->dev != b->dev)
        return a->dev < b->dev ? -1 : 1;
    return a->ino == b->ino ? 0 : a->ino < b->ino ? -1 : 1;
}

/* Gives the file that was copied under another name this name as well. Returns 1 where there is none, 0, or -errno. */
static int copy_link(struct seed *seed, const struct stat *st, int dir_fd, const char *name, const char *path)
{
    if (st->st_nlink < 2)
        return 1;
    const struct link_key key = {st->st_dev, st->st_ino};
    const char *first = g_tree_lookup(seed->links, &key);
    if (first == NULL) {
        g_tree_insert(seed->links, g_memdup2(&key, sizeof key), g_strdup(path));
        return 1;
    }
    int fd = beneath_open(seed->dir_fd, first, O_PATH, true);
    if (fd < 0)
        return fd;
    /* By way of /proc, as AT_EMPTY_PATH wants CAP_DAC_READ_SEARCH, which an ordinary user does not have. */
    struct beneath_link link;
    int status = linkat(AT_FDCWD, beneath_link_path(&link, fd), dir_fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
    close(fd);
    return status;
}

/* Copies one child; a directory is made and put on the list. @path: of the child below the copied directory. */
static int copy_child(struct seed *seed, const struct todo *dir, int dir_fd, const char *name, const char *path)
{
    g_autofree char *parent = path_join(seed->from, dir->path);
    struct union_entry entry;
    struct union_dir place = {.path = parent, .layers = dir->entry.layers, .n_layers = dir->entry.n_layers};
    int status = union_lookup(seed->stack, &place, name, &entry);
    if (status < 0)
        return status;
    if (S_ISDIR(entry.st.st_mode)) {
        status = mkdirat(dir_fd, name, 0700) < 0 ? -errno : 0;
        if (status == 0) {
            struct todo *child = g_new0(struct todo, 1);
            child->path = g_strdup(path);
            child->entry = entry;
            g_queue_push_tail(&seed->todo, child);
            return 0;
        }
    } else {
        status = copy_link(seed, &entry.st, dir_fd, name, path);
        if (status == 1) {
            g_autofree char *source = path_join(seed->from, path);
            status = seed_file(seed->stack, source, &entry, dir_fd, name, seed->patience);
        }
    }
    union_entry_clear(&entry);
    return status;
}

static int copy_children(struct seed *seed, const struct todo *dir, char **ret_path)
{
    int dir_fd = beneath_open(seed->dir_fd, dir->path, O_RDONLY | O_DIRECTORY, true);
    if (dir_fd < 0) {
        *ret_path = g_strdup(dir->path);
        return dir_fd;
    }
    g_autofree char *source = path_join(seed->from, dir->path);
    struct union_listing *listing = NULL;
    struct union_dir place = {.path = source, .layers = dir->entry.layers, .n_layers = dir->entry.n_layers};
    int status = union_list(seed->stack, &place, &listing);
    if (status < 0)
        *ret_path = g_strdup(dir->path);
    for (size_t i = 0; status == 0 && i < listing->n_names; i++) {
        g_autofree char *path = path_join(dir->path, listing->names[i].name);
        status =
            patience_is_over(seed->patience) ? -ECANCELED : copy_child(seed, dir, dir_fd, listing->names[i].name, path);
        if (status < 0)
            *ret_path = g_steal_pointer(&path);
    }
    if (listing != NULL)
        union_listing_free(listing);
    close(dir_fd);
    return status;
}

/* Once all children are there: the mode may forbid us to write, and a new child changes the times. */
static int finish_directory(struct seed *seed, const struct todo *dir)
{
    int fd = beneath_open(seed->dir_fd, dir->path, O_RDONLY | O_DIRECTORY, true);
    if (fd < 0)
        return fd;
    g_autofree char *source = path_join(seed->from, dir->path);
    int status = seed_attributes(seed->stack, source, &dir->entry, fd);
    close(fd);
    return status;
}

int seed_fill(const struct backing_image *image, int dir_fd, char **ret_path)
{
    struct seed seed = {
        .stack = image->stack,
        .from = image->path,
        .patience = image->patience,
        .dir_fd = dir_fd,
        .todo = G_QUEUE_INIT,
        .done = g_ptr_array_new_with_free_func(todo_free),
        .links = g_tree_new_full(compare_links, NULL, g_free, g_free),
    };
    struct todo *root = g_new0(struct todo, 1);
    root->path = g_strdup("");
    root->entry.layers = g_memdup2(image->layers, image->n_layers * sizeof *image->layers);
    root->entry.n_layers = image->n_layers;
    root->entry.has_xattrs = true;
    struct union_dir place = {.path = image->path, .layers = image->layers, .n_layers = image->n_layers};
    int status = union_stat(image->stack, &place, "", image->layers[0], image->n_layers, &root->entry.st);
    if (status < 0)
        *ret_path = g_strdup("");
    g_queue_push_tail(&seed.todo, root);

    struct todo *dir;
    while (status == 0 && (dir = g_queue_pop_head(&seed.todo)) != NULL) {
        g_ptr_array_add(seed.done, dir);
        status = copy_children(&seed, dir, ret_path);
    }
    for (guint i = seed.done->len; status == 0 && i > 0; i--) {
        const struct todo *done = g_ptr_array_index(seed.done, i - 1);
        status = finish_directory(&seed, done);
        if (status < 0)
            *ret_path = g_strdup(done->path);
    }
    g_queue_clear_full(&seed.todo, todo_free);
    g_ptr_array_free(seed.done, TRUE);
    g_tree_destroy(seed.links);
    return status;
}
