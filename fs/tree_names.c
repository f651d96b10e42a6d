/*
 * All names of a directory, whatever makes it up.
 */
#include "tree_private.h"

#include "beneath.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void add_listed(struct tree *tree, struct node *node, GPtrArray *names)
{
    const struct union_listing *listing;
    struct cache_entry *entry;
    if (tree_list(tree, node, &listing, &entry) < 0)
        return;
    for (size_t i = 0; listing != NULL && i < listing->n_names; i++)
        g_ptr_array_add(names, g_strdup(listing->names[i].name));
    tree_list_done(tree, entry);
}

static void add_backing(struct tree *tree, struct node *node, GPtrArray *names)
{
    int path_fd = tree_open(tree, node);
    int fd = path_fd < 0 ? -1 : beneath_reopen(path_fd, O_RDONLY | O_DIRECTORY);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (path_fd >= 0)
        close(path_fd);
    if (dir == NULL && fd >= 0)
        close(fd);
    if (dir == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            g_ptr_array_add(names, g_strdup(entry->d_name));
    closedir(dir);
}

GPtrArray *tree_names(struct tree *tree, struct node *node)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    if (node->id.kind == NODE_ROUTE)
        add_backing(tree, node, names);
    else
        add_listed(tree, node, names);
    const struct node_grafts *grafts = node_grafts(node);
    for (size_t i = 0; i < node_n_grafts(grafts); i++)
        g_ptr_array_add(names, g_strdup(grafts->at[i].name));
    return names;
}
