/*
 * run_layers - what a path is in the layers of a mount that has ended.
 */
#ifndef ROFUSE_SRC_RUN_LAYERS_H
#define ROFUSE_SRC_RUN_LAYERS_H

#include <stdbool.h>

/*
 * run_layers_has_directory - whether a path is a directory in the topmost of the layers that has it.
 *
 * @layers: host paths, first = bottom, NULL-terminated. @path: absolute, inside; links on the way are followed inside
 * one layer, never out of it, and whiteouts are not looked at: good enough for a proposal. Any thread.
 */
bool run_layers_has_directory(char *const *layers, const char *path);

#endif
