/*
 * node - the inodes that the kernel or the daemon holds on to.
 *
 * Two counters, as they answer two questions. refs keeps the object alive: every pointer that somebody keeps is one.
 * nlookup is the kernel's claim: raised by each reply that tells the kernel of the node, lowered by forget; while it is
 * not 0 it holds exactly one of the refs. Both are guarded by the table's lock, which is never held over a system call, a
 * reply or a wait.
 *
 * No node keeps a descriptor, so that a tree of any size can be walked with few; a node is found again by the path that
 * its chain of parents spells. The one exception is held_fd: a file of a route whose name is gone (unlinked while open, or
 * never named: O_TMPFILE) can only be reached through a descriptor, until the kernel forgets it.
 *
 * The kernel calls a node by a number, which is another node's where a route was added or removed under a running kernel:
 * node_face.h.
 */
#ifndef ROFUSE_FS_NODE_H
#define ROFUSE_FS_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <glib.h>

struct route;
struct node_table;

#define NODE_NAME_SIZE 256 /* NAME_MAX and the end */

enum node_kind {
    NODE_IMAGE, /* in the union of the layers */
    NODE_MADE,  /* exists in memory only: a target or a runtime's place that the image lacks */
    NODE_ROUTE, /* in the backing directory of a route */
};

/* What makes two nodes the same. An image has many of them, so what only one kind has shares its place with the others'. */
struct node_identity {
    enum node_kind kind;
    uint32_t space;  /* of numbers.h */
    uint64_t ino;    /* the file system's own */
    uint64_t shown;  /* st_ino inside the mount */
    mode_t type;     /* S_IFMT bits */
    bool has_xattrs; /* IMAGE */
    bool has_links;  /* ROUTE: a file with more than one name; not part of the identity */
    bool by_place; /* ROUTE: its number can become another one; its names, which nobody else changes, tell what it is */
    uint8_t size_bits; /* IMAGE: how many bits the size takes; not part of the identity */
    union {
        struct {
            const uint16_t *layers; /* IMAGE: copied into a new node */
            size_t n_layers;
        };
        struct {
            struct route *route;   /* ROUTE: borrowed, lives as long as the table */
            struct timespec birth; /* ROUTE: a number may be used again for another file; zero where the file system has
                                      no birth times */
        };
        struct {
            const char *made_text; /* MADE: a symbolic link's; static */
            mode_t made_mode;      /* MADE: permission bits */
        };
    };
};

/* One of the names of a file. */
struct node_place {
    struct node *parent; /* a ref */
    char *name;          /* owned */
};

/* An open file, kept by whoever opened it. */
struct node_open {
    int fd;                                  /* borrowed while it is listed; -1: none */
    void (*release)(struct node_open *open); /* for those that are left when the table is freed: the kernel does not
                                               release what is open when the connection ends */
    struct node_open *next, **link;          /* [table lock] the list; link is what points here */
};

/* A child that is not the union's or the backing directory's own: a route's root, a made place. */
struct node_graft {
    struct node *node; /* a ref */
    const char *name;  /* in the parent; owned by it */
};

/*
 * The grafts of a directory. Readers take it as it is just now (node_grafts()) and can use it for as long as their request
 * takes: entries are put at the end, and where one is taken away or there is no room a new one is made and the older ones are
 * kept. Of two with the same name the later one counts.
 */
struct node_grafts {
    struct node_grafts *older;
    size_t room;
    _Atomic size_t n;
    struct node_graft at[];
};

/* What few nodes need. Once it is there it stays. */
struct node_more {
    struct node_place *others; /* [table lock] ROUTE: other names under which a file with several was found; owned */
    size_t n_others;           /* [table lock] */
    struct node_open *opens; /* [table lock] open files; a file whose name was changed from outside is reached by one */
    int held_fd;             /* [table lock] O_PATH, owned, or -1 */
    struct node_grafts *_Atomic grafts; /* changed with the table lock, read without; owned */
    GStringChunk *graft_names;          /* [table lock] owned */
    struct node *_Atomic shadow;        /* changed with the table lock, read without; a ref (node_face.h) */
    struct node *face; /* [table lock] borrowed: it lives as long as it has this shadow (node_face.h) */
};

struct node {
    struct node_identity id;           /* immutable; layers is owned by the node */
    unsigned refs;                     /* [table lock] */
    uint16_t own_layer;                /* IMAGE: where layers points, unless there are several */
    bool in_table;                     /* [table lock] false: the number belongs to another file by now */
    bool gone;                         /* [table lock] its last name was removed: it will never have one again */
    bool is_dead;                      /* [table lock] a directory was removed under its number (node_face.h) */
    bool is_pinned;                    /* [table lock] by_place: a ref of its own, until the last name is removed */
    bool is_root;                      /* it has no name because it needs none; set before it is shown to anybody */
    uint64_t nlookup;                  /* [table lock] */
    struct node *parent;               /* [table lock] holds a ref; NULL: the root, or a file whose name is gone */
    char *name;                        /* [table lock] NULL with parent; owned, unless it is first_name */
    struct node_more *_Atomic more;    /* set with the table lock; owned; NULL while nothing of it is needed */
    _Atomic uint64_t attributes_until; /* CLOCK_MONOTONIC ns, see ops_node.c; 0 = the kernel may ask at any time */
    atomic_bool is_stored;             /* IMAGE: the kernel was given its content; it may have let go of it since */
    _Atomic uint32_t n_probes;         /* IMAGE: names that were looked for in the layers one by one */
    _Atomic uint32_t n_listed;         /* IMAGE: how many names its listing had; 0 = has not been listed */
    char first_name[];                 /* the name that it was made with, in the same block */
};

struct node_table *node_table_new(void);
/* All nodes must have been given up but for the kernel's claims, which end with the mount. NULL is allowed. */
void node_table_free(struct node_table *table);

/*
 * node_get - the node of an identity, made if it is new.
 *
 * @parent, @name: where it was found. They become the node's place when it has none, and, in a route, when it was found
 *                 elsewhere than before (another hard link, or renamed from outside). NULL for a file without a name.
 * Returns a ref, given up with node_unref(). Cannot fail. Any thread.
 */
struct node *node_get(struct node_table *table, const struct node_identity *identity, struct node *parent,
                      const char *name);

/*
 * Changes of names under way, counted so that whoever finds something by its name can tell whether he may have been
 * overtaken by one. Several may overlap.
 */
struct node_changes {
    atomic_uint begun;
    atomic_uint ended;
};

void node_changes_begin(struct node_changes *changes);
void node_changes_end(struct node_changes *changes);
/* Whether none is under way; @ret_mark: how many there have been. */
bool node_changes_quiet(const struct node_changes *changes, unsigned *ret_mark);
/* Whether none has begun since. */
bool node_changes_none_since(const struct node_changes *changes, unsigned mark);

/* As node_get(), but NULL, and nothing done, when a change has begun since @mark: where the file was found may be wrong. */
struct node *node_get_unless(struct node_table *table, const struct node_identity *identity, struct node *parent,
                             const char *name, const struct node_changes *changes, unsigned mark);

/* The node that goes by PARENT/NAME, with a ref, or NULL. Only those are found that are known by_place. */
struct node *node_at(struct node_table *table, const struct node *parent, const char *name);

/* The node of an identity if there is one, with a ref, or NULL. */
struct node *node_find(struct node_table *table, const struct node_identity *identity);

struct node *node_ref(struct node_table *table, struct node *node);
void node_unref(struct node_table *table, struct node *node); /* NULL is allowed; may close the held descriptor */

/* Counts a look-up on the node by whose number the kernel is told of this one, and returns that: the claim keeps it. */
struct node *node_looked_up(struct node_table *table, struct node *node);
void node_forget(struct node_table *table, struct node *node, uint64_t nlookup);

/* The path inside the mount, "" for the root; a file without a name is told by its last directory or "". Owned. */
char *node_path(struct node_table *table, const struct node *node);

/*
 * The path below the root of the node's route (below the mount for other kinds), in *ret, owned.
 * Returns 0 or -ESTALE when the node or one of its parents has no name any more.
 */
int node_inner_path(struct node_table *table, const struct node *node, char **ret);

/* Where the node is found: a ref on its parent and its name. False for the root and for a file whose name is gone. */
bool node_place(struct node_table *table, const struct node *node, struct node **ret_parent, char name[NODE_NAME_SIZE]);

/* The number that ".." has in this directory: the parent's, or its own where it has none. */
uint64_t node_parent_number(struct node_table *table, const struct node *node);

/* The name @old_name in @old_parent is @name in @parent now. */
void node_moved(struct node_table *table, struct node *node, const struct node *old_parent, const char *old_name,
                struct node *parent, const char *name);

/*
 * The node's file was given another name. Where names alone tell what a file is (by_place), the node is kept as long as it has
 * one, as two of its names may show different numbers.
 */
void node_linked(struct node_table *table, struct node *node, struct node *parent, const char *name);

/* Lets the node go by another of its names, where several are known; how many those are. */
size_t node_next_place(struct node_table *table, struct node *node);

/*
 * PARENT/NAME is gone. Where no other name is known, or it was the @last that the file had, the node is reached by @fd
 * (O_PATH, of the file) from now on. Takes ownership of @fd (-1 is allowed).
 */
void node_lost_name(struct node_table *table, struct node *node, struct node *parent, const char *name, bool last,
                    int fd);

/* Whether the last name was removed, or the route's end has come. Once it is so it stays so. */
bool node_is_gone(struct node_table *table, const struct node *node);

/* Keeps an O_PATH descriptor for a file that loses its name; takes ownership (closes it if there is one already). */
void node_hold(struct node_table *table, struct node *node, int fd);

/* A duplicate of the held descriptor, owned by the caller; -ENOENT when there is none; -errno. */
int node_held(struct node_table *table, const struct node *node);

/* Lists an open file or directory, and takes it off the list; the descriptor is closed after that only. */
void node_opened(struct node_table *table, struct node *node, struct node_open *open);
void node_closed(struct node_table *table, struct node *node, const struct node_open *open);

/* A duplicate of an open file's descriptor, owned by the caller; -ENOENT when nobody has the file open; -errno. */
int node_open_copy(struct node_table *table, const struct node *node);

/*
 * node_graft - adds a child that is neither the union's nor the backing directory's; it hides an earlier one of that name.
 * Takes a ref on the child, and one on the parent that is never given up. Any thread, one at a time for a parent.
 */
void node_graft(struct node_table *table, struct node *parent, const char *name, struct node *child);

/* Takes a graft away. False where the child is none. Its ref is the caller's now, to be given up when no request can still
 * be using what it found. */
bool node_ungraft(struct node_table *table, struct node *parent, const struct node *child);

/* The grafts of a directory as they are now, or NULL; borrowed, until the request that asks is done. */
static inline const struct node_grafts *node_grafts(const struct node *node)
{
    const struct node_more *more = atomic_load_explicit(&node->more, memory_order_acquire);
    return more != NULL ? atomic_load_explicit(&more->grafts, memory_order_acquire) : NULL;
}

static inline size_t node_n_grafts(const struct node_grafts *grafts)
{
    return grafts != NULL ? atomic_load_explicit(&grafts->n, memory_order_acquire) : 0;
}

/* The graft of that name, or NULL; borrowed as above. @except: one that is passed over, or NULL. */
struct node *node_find_graft(const struct node *parent, const char *name);
struct node *node_find_graft_but(const struct node *parent, const char *name, const struct node *except);

/* Number of nodes alive. */
size_t node_table_size(struct node_table *table);

#endif
