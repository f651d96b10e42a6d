#include "learn_diff.h"

#include "beneath.h"
#include "origin.h"
#include "overlay.h"
#include "path.h"
#include "tree.h"
#include "turns.h"
#include "xattr_at.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MOST_CHANGES 20000
#define MOST_SEEN 1000000 /* names */
#define MOST_DEPTH 200    /* a descriptor each */
/* Of files of the same size, the content is compared; of so many bytes, and so many altogether. */
#define MOST_COMPARED ((uint64_t)16 << 20)
#define MOST_COMPARED_ALL ((uint64_t)256 << 20)

#define NOT_FOLDED SIZE_MAX

struct walk {
    struct tree *tree;
    struct turns *turns;
    bool is_trusted;
    GArray *changes;    /* struct learn_change */
    GArray *arrivals;   /* struct arrival */
    GArray *departures; /* struct departure */
    uint64_t bytes, compared;
    size_t n_seen;
    bool is_cut;
};

/* A file of a name that the image lacks, that was copied from one that the image has. */
struct arrival {
    struct origin origin;
    size_t change;
};

/* What the image has, and is not seen any more by that name. */
struct departure {
    char *image_path; /* relative; owned */
    bool is_file;     /* no directory, and of one name */
    size_t change;
};

/* One directory of the upper layer. */
struct place {
    int fd;
    const char *path;   /* absolute, "" for the root */
    struct node *image; /* the directory of the image that shows through it; borrowed; NULL = none */
    size_t folded;      /* the number of the change that it is told with, or NOT_FOLDED */
    int depth;
};

const char *learn_kind_name(enum learn_kind kind)
{
    static const char *const names[LEARN_N_KINDS] = {
        [LEARN_ADDED] = "added",   [LEARN_CHANGED] = "changed", [LEARN_ATTRIBUTES] = "attributes",
        [LEARN_OPENED] = "opened", [LEARN_REMOVED] = "removed", [LEARN_RENAMED] = "renamed",
    };
    return names[kind];
}

/* What the image has of a name in a directory: a ref, or NULL. As those who serve look: nothing that is found is freed before it
 * is held. */
static struct node *look_up(const struct walk *walk, struct node *dir, const char *name, struct stat *ret_st)
{
    struct node *node;
    unsigned turn = turns_begin(walk->turns);
    int status = tree_lookup(walk->tree, dir, name, &node, ret_st);
    turns_end(walk->turns, turn);
    return status == 0 ? node : NULL;
}

/* The same for a path. */
static struct node *find_in_image(const struct walk *walk, const char *path)
{
    unsigned turn = turns_begin(walk->turns);
    struct node *node = tree_image_at(walk->tree, path, false);
    turns_end(walk->turns, turn);
    return node;
}

/* Returns its number, or NOT_FOLDED where there are enough. */
static size_t add(struct walk *walk, enum learn_kind kind, const char *path, const struct stat *st)
{
    if (walk->changes->len >= MOST_CHANGES) {
        walk->is_cut = true;
        return NOT_FOLDED;
    }
    struct learn_change change = {
        .kind = kind,
        .path = g_strdup(path),
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .size = S_ISREG(st->st_mode) && kind != LEARN_REMOVED ? (uint64_t)st->st_size : 0,
    };
    g_array_append_val(walk->changes, change);
    return walk->changes->len - 1;
}

/* One of overlayfs' own attributes; false where it is not there. */
static bool get_attribute(const struct walk *walk, int dir_fd, const char *name, const char *which, char *value,
                          size_t size)
{
    g_autofree char *attribute = g_strconcat(walk->is_trusted ? "trusted" : "user", ".overlay.", which, NULL);
    ssize_t length = xattr_at_get(dir_fd, name, attribute, value, size - 1);
    value[length > 0 ? length : 0] = '\0';
    return length > 0;
}

/* The path in the image that a directory was renamed from: a redirect is absolute, or a name in the image's directory. */
static char *redirect_source(const struct walk *walk, const struct place *place, const char *redirect)
{
    if (redirect[0] == '/')
        return g_strdup(redirect);
    g_autofree char *dir = place->image != NULL ? node_path(walk->tree->table, place->image) : g_strdup("");
    return g_strconcat(dir[0] != '\0' ? "/" : "", dir, "/", redirect, NULL);
}

static bool is_same_content(struct walk *walk, const struct place *place, const char *name, struct node *image,
                            uint64_t size)
{
    char ours[65536], theirs[65536];
    if (size > MOST_COMPARED || walk->compared + size > MOST_COMPARED_ALL)
        return false;
    /* It can be another file by now: nobody is waited for at a fifo. */
    int fd = beneath_open(place->fd, name, O_RDONLY | O_NONBLOCK, true), image_fd = tree_open(walk->tree, image);
    bool same = fd >= 0 && image_fd >= 0;
    for (uint64_t at = 0; same && at < size;) {
        ssize_t n = pread(fd, ours, sizeof ours, (off_t)at), m = pread(image_fd, theirs, sizeof theirs, (off_t)at);
        same = n > 0 && n == m && memcmp(ours, theirs, (size_t)n) == 0;
        at += n > 0 ? (uint64_t)n : 0;
    }
    walk->compared += size;
    if (fd >= 0)
        close(fd);
    if (image_fd >= 0)
        close(image_fd);
    return same;
}

static bool has_same_owner(const struct stat *a, const struct stat *b)
{
    return a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid;
}

/* Of what is no directory. @image: what the image has of the name, NULL = nothing; then @image_st says nothing. */
static enum learn_kind file_kind(struct walk *walk, const struct place *place, const char *name, const struct stat *st,
                                 struct node *image, const struct stat *image_st)
{
    if (image == NULL)
        return LEARN_ADDED;
    bool same_time = st->st_mtim.tv_sec == image_st->st_mtim.tv_sec && st->st_mtim.tv_nsec == image_st->st_mtim.tv_nsec;
    if ((st->st_mode & S_IFMT) != (image_st->st_mode & S_IFMT))
        return LEARN_CHANGED;
    if (S_ISREG(st->st_mode) && (st->st_size != image_st->st_size ||
                                 (!same_time && !is_same_content(walk, place, name, image, (uint64_t)st->st_size))))
        return LEARN_CHANGED;
    if (S_ISLNK(st->st_mode) && !same_time)
        return LEARN_CHANGED;
    return has_same_owner(st, image_st) && same_time ? LEARN_OPENED : LEARN_ATTRIBUTES;
}

static void visit_directory(struct walk *walk, const struct place *place);

/* Goes into a directory of the upper layer. */
static void descend(struct walk *walk, const struct place *place, const char *name, const char *path,
                    struct node *image, size_t folded)
{
    int fd = place->depth < MOST_DEPTH ? beneath_open(place->fd, name, O_RDONLY | O_DIRECTORY, true) : -1;
    walk->is_cut = walk->is_cut || fd < 0;
    if (fd < 0)
        return;
    const struct place below = {.fd = fd, .path = path, .image = image, .folded = folded, .depth = place->depth + 1};
    visit_directory(walk, &below);
}

static void visit_subdirectory(struct walk *walk, const struct place *place, const char *name, const char *path,
                               const struct stat *st, struct node *image, const struct stat *image_st)
{
    char opaque[16], redirect[PATH_MAX];
    if (get_attribute(walk, place->fd, name, "redirect", redirect, sizeof redirect)) {
        char *from = redirect_source(walk, place, redirect);
        struct node *source = find_in_image(walk, from);
        size_t number = add(walk, LEARN_RENAMED, path, st);
        if (number != NOT_FOLDED)
            g_array_index(walk->changes, struct learn_change, number).from = g_steal_pointer(&from);
        descend(walk, place, name, path, source, NOT_FOLDED);
        node_unref(walk->tree->table, source);
        g_free(from);
        return;
    }
    bool is_new = image == NULL || !S_ISDIR(image_st->st_mode) ||
                  (get_attribute(walk, place->fd, name, "opaque", opaque, sizeof opaque) && strcmp(opaque, "y") == 0);
    if (!is_new) {
        if (!has_same_owner(st, image_st))
            (void)add(walk, LEARN_ATTRIBUTES, path, st);
        descend(walk, place, name, path, image, NOT_FOLDED);
        return;
    }
    size_t folded = place->folded;
    if (folded == NOT_FOLDED)
        folded = add(walk, image == NULL ? LEARN_ADDED : LEARN_CHANGED, path, st);
    else
        g_array_index(walk->changes, struct learn_change, folded).n_below++;
    descend(walk, place, name, path, NULL, folded);
}

/* Files with holes can have more bytes together than there are. */
static void add_bytes(uint64_t *sum, uint64_t size)
{
    *sum = MIN(*sum + size, (uint64_t)INT64_MAX);
}

/* What is no directory; it may be one that was renamed. */
static void add_file(struct walk *walk, const struct place *place, const char *name, const char *path,
                     const struct stat *st, enum learn_kind kind)
{
    struct arrival arrival = {.change = add(walk, kind, path, st)};
    if (kind == LEARN_ADDED && walk->is_trusted && arrival.change != NOT_FOLDED &&
        origin_of_copy(place->fd, name, &arrival.origin))
        g_array_append_val(walk->arrivals, arrival);
}

/* What the image has and is not seen any more. */
static void add_removed(struct walk *walk, const char *path, const struct node *image, const struct stat *image_st)
{
    struct departure departure = {.change = add(walk, LEARN_REMOVED, path, image_st)};
    if (departure.change == NOT_FOLDED)
        return;
    departure.is_file = !S_ISDIR(image_st->st_mode) && image_st->st_nlink == 1;
    departure.image_path = node_path(walk->tree->table, image);
    g_array_append_val(walk->departures, departure);
}

static void visit_file(struct walk *walk, const struct place *place, const char *name, const char *path,
                       const struct stat *st, struct node *image, const struct stat *image_st)
{
    uint64_t size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
    add_bytes(&walk->bytes, size);
    if (place->folded != NOT_FOLDED) {
        struct learn_change *change = &g_array_index(walk->changes, struct learn_change, place->folded);
        change->n_below++;
        add_bytes(&change->size, size);
    } else {
        add_file(walk, place, name, path, st, file_kind(walk, place, name, st, image, image_st));
    }
}

static void visit(struct walk *walk, const struct place *place, const char *name)
{
    struct stat st, image_st = {0};
    if (fstatat(place->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return; /* removed meanwhile */
    struct node *image = place->image != NULL ? look_up(walk, place->image, name, &image_st) : NULL;
    g_autofree char *path = g_strconcat(place->path, "/", name, NULL);
    if (S_ISDIR(st.st_mode)) {
        visit_subdirectory(walk, place, name, path, &st, image, &image_st);
    } else if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(0, 0)) {
        visit_file(walk, place, name, path, &st, image, &image_st);
    } else if (image != NULL && place->folded == NOT_FOLDED) {
        add_removed(walk, path, image, &image_st);
    }
    node_unref(walk->tree->table, image);
}

/* Takes the directory's descriptor over. */
static void visit_directory(struct walk *walk, const struct place *place)
{
    DIR *dir = fdopendir(place->fd);
    if (dir == NULL) {
        walk->is_cut = true;
        close(place->fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (!path_is_name(entry->d_name))
            continue;
        if (++walk->n_seen > MOST_SEEN) {
            walk->is_cut = true;
            break;
        }
        visit(walk, place, entry->d_name);
    }
    closedir(dir);
}

static int compare_changes(const void *a, const void *b)
{
    const struct learn_change *left = a, *right = b;
    return strcmp(left->path, right->path);
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void clear_change(struct learn_change *change)
{
    g_free(change->path);
    g_free(change->from);
}

static int compare_arrivals(const void *a, const void *b)
{
    const struct arrival *left = a, *right = b;
    return origin_compare(&left->origin, &right->origin);
}

/* The only copy of a file of the image, among the arrivals; NULL. */
static const struct arrival *find_arrival(const struct walk *walk, const struct origin *origin)
{
    const GArray *all = walk->arrivals;
    const struct arrival wanted = {.origin = *origin};
    const struct arrival *first = (const struct arrival *)(const void *)all->data;
    const struct arrival *found = bsearch(&wanted, first, all->len, sizeof *first, compare_arrivals);
    bool is_one_of_many = found != NULL && ((found > first && compare_arrivals(found, found - 1) == 0) ||
                                            (found + 1 < first + all->len && compare_arrivals(found, found + 1) == 0));
    return is_one_of_many ? NULL : found;
}

/* Whether a file that was renamed is another one as well. */
static bool is_changed(struct walk *walk, int upper_fd, const char *path, const char *image_path)
{
    const struct place root = {.fd = upper_fd};
    struct stat st, image_st;
    struct node *image = find_in_image(walk, image_path);
    int fd = beneath_open(upper_fd, path, O_PATH, true);
    bool same = image != NULL && fd >= 0 && fstat(fd, &st) == 0 && tree_stat(walk->tree, image, &image_st) == 0 &&
                file_kind(walk, &root, path, &st, image, &image_st) == LEARN_OPENED;
    if (fd >= 0)
        close(fd);
    node_unref(walk->tree->table, image);
    return !same;
}

/* A file that was added and is a copy of the one that is gone, was renamed. */
static bool is_renamed_file(struct walk *walk, const struct departure *departure, int upper_fd, int lower_fd)
{
    struct origin origin;
    const struct arrival *arrival =
        walk->arrivals->len > 0 && departure->is_file && origin_of_lower(lower_fd, departure->image_path, &origin)
            ? find_arrival(walk, &origin)
            : NULL;
    if (arrival == NULL)
        return false;
    struct learn_change *change = &g_array_index(walk->changes, struct learn_change, arrival->change);
    change->kind = LEARN_RENAMED;
    change->from = g_strconcat("/", departure->image_path, NULL);
    change->is_changed = is_changed(walk, upper_fd, change->path + 1, departure->image_path);
    return true;
}

/* What the image calls the directories that were renamed, sorted; borrowed from the changes. */
static GPtrArray *renamed_directories(const struct walk *walk)
{
    GPtrArray *names = g_ptr_array_new();
    for (guint i = 0; i < walk->changes->len; i++) {
        const struct learn_change *change = &g_array_index(walk->changes, struct learn_change, i);
        if (change->kind == LEARN_RENAMED)
            g_ptr_array_add(names, change->from + 1);
    }
    g_ptr_array_sort(names, compare_paths);
    return names;
}

static bool is_among(const GPtrArray *names, const char *name)
{
    return names->len > 0 && bsearch(&name, names->pdata, names->len, sizeof names->pdata[0], compare_paths) != NULL;
}

/* What was renamed is told once, by its new name: the old ones are marked with kind LEARN_N_KINDS. */
static void find_renamed(struct walk *walk, int upper_fd, int lower_fd)
{
    g_autoptr(GPtrArray) directories = renamed_directories(walk);
    if (walk->arrivals->len > 0)
        g_array_sort(walk->arrivals, compare_arrivals);
    for (guint i = 0; i < walk->departures->len; i++) {
        const struct departure *departure = &g_array_index(walk->departures, struct departure, i);
        if (is_among(directories, departure->image_path) || is_renamed_file(walk, departure, upper_fd, lower_fd))
            g_array_index(walk->changes, struct learn_change, departure->change).kind = LEARN_N_KINDS;
    }
}

static void drop_marked(struct learn_diff *diff)
{
    size_t kept = 0;
    for (size_t i = 0; i < diff->n_changes; i++) {
        if (diff->changes[i].kind == LEARN_N_KINDS)
            clear_change(&diff->changes[i]);
        else
            diff->changes[kept++] = diff->changes[i];
    }
    diff->n_changes = kept;
}

static void clear_departure(void *data)
{
    g_free(((struct departure *)data)->image_path);
}

struct learn_diff *learn_diff_new(struct tree *tree, struct turns *turns, int upper_fd, int lower_fd, bool is_trusted)
{
    struct walk walk = {.tree = tree,
                        .turns = turns,
                        .is_trusted = is_trusted,
                        .changes = g_array_new(FALSE, FALSE, sizeof(struct learn_change)),
                        .arrivals = g_array_new(FALSE, FALSE, sizeof(struct arrival)),
                        .departures = g_array_new(FALSE, FALSE, sizeof(struct departure))};
    g_array_set_clear_func(walk.departures, clear_departure);
    const struct place root = {.fd = openat(upper_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                               .path = "",
                               .image = tree->root,
                               .folded = NOT_FOLDED};
    walk.is_cut = root.fd < 0;
    if (root.fd >= 0)
        visit_directory(&walk, &root);
    find_renamed(&walk, upper_fd, lower_fd);
    g_array_free(walk.arrivals, TRUE);
    g_array_free(walk.departures, TRUE);
    struct learn_diff *diff = g_new0(struct learn_diff, 1);
    diff->n_changes = walk.changes->len;
    diff->changes = (struct learn_change *)(void *)g_array_free(walk.changes, FALSE);
    diff->bytes = walk.bytes;
    overlay_space(upper_fd, &diff->layer_size, &diff->layer_used);
    diff->is_cut = walk.is_cut;
    drop_marked(diff);
    if (diff->n_changes > 0)
        qsort(diff->changes, diff->n_changes, sizeof diff->changes[0], compare_changes);
    return diff;
}

void learn_diff_free(struct learn_diff *diff)
{
    if (diff == NULL)
        return;
    for (size_t i = 0; i < diff->n_changes; i++)
        clear_change(&diff->changes[i]);
    g_free(diff->changes);
    g_free(diff);
}
