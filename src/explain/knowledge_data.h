/*
 * knowledge_data - knowledge.json as part of the program; the build makes it.
 */
#ifndef ROFUSE_SRC_KNOWLEDGE_DATA_H
#define ROFUSE_SRC_KNOWLEDGE_DATA_H

#include <stddef.h>

extern const unsigned char knowledge_data[];
extern const size_t knowledge_data_size;

#endif
